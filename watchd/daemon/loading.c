/* SPDX-License-Identifier: ISC
 * loading: see loading.h. Runs in the helper thread, except loading_begin() and
 * loading_drop(). */
#include "daemon/loading.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/elsewhere.h"
#include "config/redirect.h"
#include "config/removed.h"
#include "daemon/backups.h"
#include "daemon/file_check.h"
#include "daemon/findings.h"
#include "daemon/privileges.h"
#include "daemon/redirected.h"
#include "daemon/removed.h"
#include "exporters/prometheus.h"

#define CHECK_MAX_FINDINGS 100
#define LISTS_MAX	   (64u << 20) /* bytes of lists that a reload checks */
#define REMOVED_MAX	   (64u << 20) /* bytes of removed domains' settings */

void
daemon_log_findings(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n && i < CHECK_MAX_FINDINGS; i++)
		(errs->e[i].warning ? log_warn : log_error)("config",
		    "file=%s line=%u text=%s", log_q(errs->e[i].file),
		    errs->e[i].line, log_q(errs->e[i].text));
}

/* Number of different servers that the configuration names. */
static size_t
count_servers(const struct config *conf, size_t named)
{
	const char **name = mem_array(named + 1, sizeof(*name));
	size_t n = 0, servers = 0, i, j;

	for (i = 0; i < conf->ndomains; i++)
		for (j = 0; j < conf->domain[i].primary.n; j++)
			name[n++] = conf->domain[i].primary.s[j];
	qsort(name, n, sizeof(*name), text_order);
	for (i = 0; i < n; i++)
		servers += i == 0 || strcmp(name[i], name[i - 1]) != 0;
	mem_free(&name);
	return servers;
}

/* Primaries from MX records are not known yet: two per domain are assumed, and
 * none shared. */
static void
check_series(const struct config *conf, struct conf_errors *errs)
{
	size_t primaries = 0, named = 0, n;
	size_t backup = conf->mx_backup.networks.n > 0;

	for (size_t i = 0; i < conf->ndomains; i++) {
		named += conf->domain[i].primary.n;
		primaries += conf->domain[i].primary.n > 0 ?
		    conf->domain[i].primary.n :
		    2;
	}
	/* All domains of mx_backup share one further set of series. */
	n = prometheus_series(conf->ndomains + backup, primaries + backup,
	    count_servers(conf, named) + backup, conf->metrics.per_domain);
	if (conf->web.listen.n == 0 || n <= conf->metrics.max_series)
		return;
	finding(errs, true, conf->file, 0,
	    "metrics: about %zu series for %zu domains exceed max_series %u%s",
	    n, conf->ndomains, conf->metrics.max_series,
	    conf->metrics.per_domain ? "; per_domain = no reduces them" : "");
}

struct config *
daemon_config(const char *file, struct conf_errors *errs)
{
	static const struct conf_reader as = { privileges_read_as,
		privileges_read_back };
	struct config *conf = config_load_as(file, &as, errs);

	if (conf != NULL)
		check_series(conf, errs);
	return conf;
}

void
loading_free(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;

	conf_errors_fini(&l->errs);
	conf_diff_destroy(&l->diff);
	smtpd_setup_destroy(&l->setup);
	self_destroy(&l->self);
	config_unref(&l->conf);
	config_unref(&l->old);
	domain_texts_unref(&l->texts);
	redirect_set_unref(&l->redirects);
	mem_free(&l);
}

/* Freeing the previous configuration takes a while. Its setup belongs to the
 * loop and was freed there. */
static void
run_drop(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;

	conf_diff_destroy(&l->diff);
	config_unref(&l->conf);
	config_unref(&l->old);
}

/* Attaches the settings of the domains that leave, those of mx_backup too, and
 * of those that left before. domains.c drops those without mail. */
static void
keep_removed(struct loading *l)
{
	struct config *builtin = config_builtin();
	struct buf text = BUF_INIT(REMOVED_MAX);
	struct mx_errbuf eb = { "" };
	const struct conf_domain *cd;
	int rc = 0;

	for (size_t i = 0; i < l->diff->n && rc == 0; i++)
		if (l->diff->change[i].is == NULL)
			rc = removed_text(l->diff->change[i].was, builtin,
			    &text);
	for (size_t i = 0; i < removed_count(l->old) && rc == 0; i++) {
		cd = removed_at(l->old, i);
		if (removed_is_kept(l->old, cd->name))
			rc = removed_text(cd, builtin, &text);
	}
	if (rc == 0)
		rc = backups_text(l->old, l->conf, l->d->backup_names, builtin,
		    &text);
	if (rc == 0 && text.len > 0)
		rc = removed_attach(l->conf, text.data, text.len, &eb);
	if (rc != 0)
		finding(&l->errs, false, l->conf->file, 0, "%s",
		    eb.text[0] != '\0' ?
			eb.text :
			"too many domains are removed at once");
	config_unref(&builtin);
	buf_fini(&text);
}

/* The file's domains joined with those of the source. NULL: there are
 * findings. */
static struct config *
join(struct loading *l, struct config *local)
{
	struct conf_errors errs;
	struct config *c;

	if (local->domains_from == NULL)
		return config_ref(local);
	c = elsewhere_join(local, l->texts, false, &errs);
	findings_move(&l->errs, &errs);
	return c;
}

/* A source that has lost many of its domains is more likely broken than right:
 * their mail would be refused. */
static void
check_shrink(struct loading *l)
{
	size_t had = elsewhere_count(l->old);
	size_t lost = elsewhere_lost(l->old, l->conf);

	if (lost * 100 <= had * (size_t)l->conf->domains_shrink)
		return;
	finding(&l->errs, false, domain_texts_source(l->texts), 0,
	    "%zu of %zu domains are missing, more than domains_shrink = %u "
	    "percent",
	    lost, had, l->conf->domains_shrink);
}

/* The configuration of the file, with the checks that concern the file
 * alone. */
static struct config *
load_local(struct loading *l)
{
	char changed[256];
	struct config *local;

	if (l->kind != LOADING_FILE)
		return config_ref(elsewhere_local(l->old));
	local = daemon_config(l->old->file, &l->errs);
	if (local == NULL)
		return NULL;
	config_static_changes(l->old, local, changed, sizeof(changed));
	if (changed[0] != '\0')
		finding(&l->errs, true, local->file, 0,
		    "%s: the change takes a restart; the old value stays in "
		    "force",
		    changed);
	file_check_lists(local, LISTS_MAX, &l->errs);
	file_check_certificates(local, &l->errs);
	return local;
}

/* The configuration without redirects. NULL: there are findings. */
static struct config *
load_base(struct loading *l)
{
	struct config *local, *base = NULL;

	if (l->kind == LOADING_REDIRECTS)
		return config_ref(config_base(l->old));
	local = load_local(l);
	if (local != NULL)
		base = join(l, local);
	config_unref(&local);
	return base;
}

/* A base that is in force must not be given another list of removed domains:
 * it is never returned itself. */
static struct config *
redirected(struct loading *l, struct config *base)
{
	if (l->redirects == NULL && l->kind != LOADING_REDIRECTS)
		return config_ref(base);
	return config_redirected(base, l->redirects);
}

static void
run_load(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;
	struct config *base = load_base(l);
	struct mx_errbuf eb = { "" };

	if (base != NULL)
		l->conf = redirected(l, base);
	config_unref(&base);
	if (l->conf == NULL)
		return;
	backup_names_attach(l->conf, l->d->backup_names);
	if (l->kind == LOADING_SOURCE)
		check_shrink(l);
	l->setup = l->kind == LOADING_FILE ? smtpd_setup_create(l->conf, &eb) :
					     smtpd_setup_domains(l->conf);
	if (l->setup == NULL) {
		finding(&l->errs, false, l->conf->file, 0, "%s", eb.text);
		return;
	}
	if (l->kind == LOADING_FILE)
		redirected_findings(l->conf, &l->errs);
	l->diff = conf_diff_create(l->old, l->conf);
	keep_removed(l);
	conf_diff_removed(l->diff);
	if (l->kind == LOADING_FILE)
		l->self = self_create(l->conf);
}

struct loading *
loading_begin(struct daemon *d, enum loading_kind kind,
    struct domain_texts *texts, void (*done)(struct helper_job *))
{
	struct loading *l = mem_alloc(sizeof(*l));

	l->d = d;
	l->kind = kind;
	l->texts = domain_texts_ref(
	    kind == LOADING_SOURCE ? texts : domains_from_good(d));
	l->redirects = redirect_set_ref(redirected_set(d));
	l->old = config_ref(d->conf);
	l->job.run = run_load;
	l->job.done = done;
	l->job.drop = loading_free;
	helper_do(d->helper, &l->job);
	return l;
}

void
loading_drop(struct loading *l)
{
	smtpd_setup_destroy(&l->setup);
	self_destroy(&l->self);
	l->job.run = run_drop;
	l->job.done = l->job.drop = loading_free;
	helper_do(l->d->helper, &l->job);
}
