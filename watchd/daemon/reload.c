/* SPDX-License-Identifier: ISC
 * reload: a configuration is read, put into force and dropped without the loop
 * being held up, however many domains it has:
 *
 *	LOAD	the helper thread reads it and compares it with the one in
 *		force; then all that can fail is done, each change undone when
 *		a later one fails
 *	CHANGE	what every module needs at once, then the domains that are new
 *		or differ, some in each turn of the loop
 *	FILES	its recipients files are read by their own thread; then smtpd
 *		takes it: a new domain gets mail when everybody knows it
 *	REMOVE	the domains that it has no more, some in each turn: what is
 *		queued for them goes by the settings that they had (removed.h)
 *
 * The domains of a source (domains_from) go the same way, without the file: LOAD
 * joins them with what is in force of it. Listeners, certificates and files stay as
 * they are.
 *
 * Whoever asks meanwhile gets another reload when this one is through; many
 * who ask get one. A daemon that shuts down ends the one under way as it was
 * begun, or leaves it where it is. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/diff.h"
#include "config/elsewhere.h"
#include "config/removed.h"
#include "daemon/backups.h"
#include "daemon/daemon_int.h"
#include "daemon/descriptors.h"
#include "daemon/privileges.h"
#include "daemon/removed.h"
#include "exporters/prometheus.h"

#define CHECK_MAX_FINDINGS 100
#define SLICE		   (5 * CLOCK_MS) /* of one turn */
#define SLICE_LOOK	   16 /* domains between two looks at the clock */
#define FILES_WAIT_MS	   30000
#define REMOVED_MAX	   (64u << 20) /* bytes of settings of domains that left */

/* The job of the helper thread: a configuration from a file, and what is left
 * of it afterwards for the helper to free. */
struct loading {
	struct helper_job job; /* first */
	struct daemon *d;
	struct config *old; /* in force when it began; a reference */
	bool source; /* not the file: it is asked for by its domains */
	struct domain_texts *texts; /* of the source; NULL: none */
	struct conf_errors errs;
	struct config *conf; /* NULL: see errs */
	struct conf_diff *diff;
	struct smtpd_setup *setup;
	struct self *self;
};

enum reload_state {
	RELOAD_IDLE,
	RELOAD_LOAD,
	RELOAD_CHANGE,
	RELOAD_FILES,
	RELOAD_REMOVE,
};

struct reload {
	struct daemon *d;
	enum reload_state state;
	struct loading *l; /* NULL while IDLE; the thread's while LOAD */
	size_t at; /* the next change of l->diff */
	char backup[TEXT_DOMAIN_MAX]; /* behind it: the next of mx_backup */
	bool again; /* somebody asked meanwhile */
	struct domain_texts *offered; /* meanwhile; NULL */
	uint64_t number; /* of the one under way, or the last one */
	struct loop_timer *timer; /* the next slice; FILES: no longer */
	/* Domains that left with mail queued, and that mail; one of them. */
	uint64_t left, left_messages;
	char first_left[TEXT_DOMAIN_MAX];

	/* of the last one that ended */
	uint64_t ended;
	int rc;
	struct conf_errors errs;
};

/* ---- findings */

static void
finding_add(struct conf_errors *errs, bool warning, const char *file,
    const char *text)
{
	errs->e = mem_grow(errs->e, errs->n + 1, sizeof(errs->e[0]));
	errs->e[errs->n++] = (struct conf_error){ .file = mem_strdup(file),
		.warning = warning,
		.text = mem_strdup(text) };
	if (!warning)
		errs->nfatal++;
}

void
daemon_log_findings(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n && i < CHECK_MAX_FINDINGS; i++)
		(errs->e[i].warning ? log_warn : log_error)("config",
		    "file=%s line=%u text=%s", log_q(errs->e[i].file),
		    errs->e[i].line, log_q(errs->e[i].text));
}

/* How many servers the configuration names, each once. */
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

/* Primaries that come from MX records are not known yet: two a domain, and
 * shared by nobody knows how many. */
static void
check_series(const struct config *conf, struct conf_errors *errs)
{
	size_t primaries = 0, named = 0, n;
	size_t backup = conf->mx_backup.networks.n > 0;
	char text[256];

	for (size_t i = 0; i < conf->ndomains; i++) {
		named += conf->domain[i].primary.n;
		primaries += conf->domain[i].primary.n > 0 ?
		    conf->domain[i].primary.n :
		    2;
	}
	/* All that mx_backup takes in are one more. */
	n = prometheus_series(conf->ndomains + backup, primaries + backup,
	    count_servers(conf, named) + backup, conf->metrics.per_domain);
	if (conf->web.listen.n == 0 || n <= conf->metrics.max_series)
		return;
	snprintf(text, sizeof(text),
	    "metrics: about %zu series for %zu domains are more than "
	    "max_series "
	    "%u%s",
	    n, conf->ndomains, conf->metrics.max_series,
	    conf->metrics.per_domain ? "; per_domain = no makes them few" : "");
	finding_add(errs, true, conf->file, text);
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

/* Takes what is in `more`. */
static void
findings_move(struct conf_errors *errs, struct conf_errors *more)
{
	for (size_t i = 0; i < more->n; i++) {
		errs->e = mem_grow(errs->e, errs->n + 1, sizeof(errs->e[0]));
		errs->e[errs->n++] = more->e[i];
	}
	errs->nfatal += more->nfatal;
	mem_free(&more->e);
	*more = (struct conf_errors){ 0 };
}

/* ---- LOAD */

static void
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
	mem_free(&l);
}

/* The configuration of before takes a while to go. Its setup is gone by now:
 * that is the loop's. */
static void
run_drop(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;

	conf_diff_destroy(&l->diff);
	config_unref(&l->conf);
	config_unref(&l->old);
}

/* Settings of the domains that leave, those of mx_backup too, and of those that left
 * before. Who has no mail is let go by domains.c. */
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
		finding_add(&l->errs, false, l->conf->file,
		    eb.text[0] != '\0' ?
			eb.text :
			"too many domains are removed at once");
	config_unref(&builtin);
	buf_fini(&text);
}

/* The file's domains with those of the source. NULL: there are findings. */
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

/* A source that has lost many of its domains is broken rather than right: their
 * mail would be turned away. */
static void
check_shrink(struct loading *l)
{
	size_t had = elsewhere_count(l->old);
	size_t lost = elsewhere_lost(l->old, l->conf);
	char text[200];

	if (lost * 100 <= had * (size_t)l->conf->domains_shrink)
		return;
	snprintf(text, sizeof(text),
	    "%zu of %zu domains are missing, more than domains_shrink = %u "
	    "percent",
	    lost, had, l->conf->domains_shrink);
	finding_add(&l->errs, false, domain_texts_source(l->texts), text);
}

/* The part that the file has, and what concerns it alone. */
static struct config *
load_local(struct loading *l)
{
	char changed[256], text[400];
	struct config *local;

	if (l->source)
		return config_ref(elsewhere_local(l->old));
	local = daemon_config(l->old->file, &l->errs);
	if (local == NULL)
		return NULL;
	config_static_changes(l->old, local, changed, sizeof(changed));
	if (changed[0] != '\0') {
		snprintf(text, sizeof(text),
		    "%s: a change needs a restart; the old value stays",
		    changed);
		finding_add(&l->errs, true, local->file, text);
	}
	return local;
}

static void
run_load(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;
	struct config *local = load_local(l);
	struct mx_errbuf eb = { "" };

	if (local != NULL)
		l->conf = join(l, local);
	config_unref(&local);
	if (l->conf == NULL)
		return;
	backup_names_attach(l->conf, l->d->backup_names);
	if (l->source)
		check_shrink(l);
	l->setup = l->source ? smtpd_setup_domains(l->conf) :
			       smtpd_setup_create(l->conf, &eb);
	if (l->setup == NULL) {
		finding_add(&l->errs, false, l->conf->file, eb.text);
		return;
	}
	l->diff = conf_diff_create(l->old, l->conf);
	keep_removed(l);
	if (!l->source)
		l->self = self_create(l->conf);
}

/* From one set of addresses for the web to another; the first is back on
 * failure. */
static int
reload_web(struct daemon *d, struct config *from, struct config *to,
    struct mx_errbuf *eb)
{
	if (!http_differs(from, to))
		return 0;
	http_destroy(&d->http);
	if (to->web.listen.n == 0)
		return 0;
	d->http = http_create(to, d->box, d->history, eb);
	if (d->http != NULL)
		return 0;
	if (from->web.listen.n > 0)
		d->http = http_create(from, d->box, d->history, NULL);
	return -MX_ENET;
}

/* All that can fail. The listeners come last: they change whole or not at
 * all, and a port below 1024 that was closed could not be had back, for we
 * are root no more. */
static int
reload_outside(struct daemon *d, struct config *conf, struct mx_errbuf *eb)
{
	struct mx_errbuf back = { "" };
	int rc;

	if ((rc = reload_web(d, d->conf, conf, eb)) == 0 &&
	    (rc = smtpd_listen(d->smtpd, conf, eb)) != 0)
		(void)reload_web(d, conf, d->conf, &back);
	return rc;
}

/* ---- the end of one, and the beginning of the next */

static void reload_begin(struct reload *, struct domain_texts *);

/* How many domains of each kind of change there are. */
static void
log_domains(const struct loading *l)
{
	size_t new = 0, changed = 0, gone = 0;
	const struct conf_change *c;

	for (size_t i = 0; i < l->diff->n; i++) {
		c = &l->diff->change[i];
		new += c->was == NULL;
		gone += c->is == NULL;
		changed += c->was != NULL && c->is != NULL;
	}
	log_notice("config",
	    "domains_from=%s domains=%zu new=%zu changed=%zu gone=%zu",
	    log_q(domain_texts_source(l->texts)), elsewhere_count(l->conf), new,
	    changed, gone);
}

static void
end_of_file(struct reload *r, int rc)
{
	struct daemon *d = r->d;
	struct loading *l = r->l;

	daemon_log_findings(&l->errs);
	d->reload_ok = rc == 0;
	if (rc == 0)
		d->reload_wall = clock_wall();
	daemon_notice(d,
	    &(struct notice){ .kind = NOTICE_RELOAD, .a = rc == 0 });
	log_notice("config", "reload=%s domains=%zu",
	    rc == 0 ? "ok" : "failed, the old configuration stays",
	    d->conf->ndomains);
	conf_errors_fini(&r->errs);
	r->errs = l->errs;
	l->errs = (struct conf_errors){ 0 };
	r->rc = rc;
	r->ended = r->number;
	if (rc == 0)
		domains_from_configure(d);
}

static void
end_of_source(struct reload *r, int rc)
{
	struct loading *l = r->l;

	if (rc == 0) {
		daemon_log_findings(&l->errs);
		log_domains(l);
	}
	domains_from_judged(r->d, l->texts, rc == 0, &l->errs);
}

static void
reload_end(struct reload *r, int rc)
{
	struct loading *l = r->l;
	struct domain_texts *offered;

	if (l->source)
		end_of_source(r, rc);
	else
		end_of_file(r, rc);
	smtpd_setup_destroy(&l->setup);
	self_destroy(&l->self);
	l->job.run = run_drop;
	l->job.done = l->job.drop = loading_free;
	helper_do(r->d->helper, &l->job);
	r->l = NULL;
	r->state = RELOAD_IDLE;
	if (r->again) {
		reload_begin(r, NULL);
	} else if ((offered = r->offered) != NULL) {
		r->offered = NULL;
		reload_begin(r, offered);
		domain_texts_unref(&offered);
	}
}

static void
reload_next(struct reload *r, enum reload_state state)
{
	r->state = state;
	r->at = 0;
	r->backup[0] = '\0';
	loop_timer_set(r->timer, 0);
}

static void
on_loaded(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;
	struct daemon *d = l->d;
	struct reload *r = d->reload;
	struct mx_errbuf eb = { "" };

	if (l->diff != NULL && d->draining) /* it would listen again */
		(void)mx_fail(&eb, MX_EBUSY, "shutting down");
	else if (l->diff != NULL && !l->source)
		(void)reload_outside(d, l->conf, &eb);
	if (eb.text[0] != '\0')
		finding_add(&l->errs, false, d->conf->file, eb.text);
	if (l->errs.nfatal > 0) {
		reload_end(r, -MX_ESYNTAX);
		return;
	}
	if (!l->source)
		self_replace(&d->self, &l->self, loop_now(d->loop));
	smtpd_setup_open(d->smtpd, l->setup);
	apply_begin(d, l->conf);
	reload_next(r, RELOAD_CHANGE);
}

/* `texts`: of the source, whose turn it is; NULL: it is the file's. */
static void
reload_begin(struct reload *r, struct domain_texts *texts)
{
	struct loading *l = mem_alloc(sizeof(*l));

	r->left = r->left_messages = 0;
	l->source = texts != NULL;
	l->texts =
	    domain_texts_ref(l->source ? texts : domains_from_good(r->d));
	if (!l->source) {
		r->again = false;
		r->number++;
	}
	r->state = RELOAD_LOAD;
	r->l = l;
	l->d = r->d;
	l->old = config_ref(r->d->conf);
	l->job.run = run_load;
	l->job.done = on_loaded;
	l->job.drop = loading_free;
	helper_do(r->d->helper, &l->job);
}

/* ---- CHANGE, FILES, REMOVE */

static void
domain_left(struct reload *r, const struct conf_domain *was)
{
	struct daemon *d = r->d;
	struct relay_domain rd;
	uint64_t n;

	apply_left(d, was);
	d->relay->domain(d->relay->self, was->name, &rd);
	n = relay_domain_messages(&rd);
	if (n > 0 && r->left++ == 0)
		strlcpy(r->first_left, was->name, sizeof(r->first_left));
	r->left_messages += n;
}

/* The operator is to know that their mail is still here. */
static void
tell_left(struct reload *r)
{
	char text[TEXT_DOMAIN_MAX + 400];

	if (r->left == 0)
		return;
	snprintf(text, sizeof(text),
	    "%ju %s no longer in the configuration and %s %ju %s queued "
	    "(%s%s): "
	    "%s by the settings of before until %s; mxwatchctl forget DOMAIN "
	    "ends that",
	    (uintmax_t)r->left, r->left == 1 ? "domain is" : "domains are",
	    r->left == 1 ? "has" : "have", (uintmax_t)r->left_messages,
	    r->left_messages == 1 ? "message" : "messages", r->first_left,
	    r->left > 1 ? ", ..." : "", r->left == 1 ? "it goes" : "they go",
	    r->left == 1 ? "its queue is empty" : "their queues are empty");
	finding_add(&r->l->errs, true, r->l->conf->file, text);
}

/* Some of the changes; false when there are no more. */
static bool
reload_slice(struct reload *r, bool removed)
{
	const struct conf_diff *diff = r->l->diff;
	int64_t end = clock_now() + SLICE;
	const struct conf_change *c;

	while (r->at < diff->n) {
		c = &diff->change[r->at++];
		if (removed && c->is == NULL)
			domain_left(r, c->was);
		else if (removed) /* its settings are stored again */
			stats_touch(r->d->stats, c->is->name);
		else if (c->is != NULL)
			apply_domain(r->d, c->is);
		if (r->at % SLICE_LOOK == 0 && clock_now() > end)
			return true;
	}
	return removed ? backups_leave(r->d, r->l->old, r->backup, end) :
			 backups_change(r->d, r->l->conf, r->backup, end);
}

/* From here on it is the configuration. */
static void
reload_use(struct reload *r)
{
	struct daemon *d = r->d;
	struct config *old = d->conf;
	size_t unread = smtpd_files_unread(d->smtpd);
	struct descriptor_shares shares;

	if (unread > 0)
		log_warn("config",
		    "reload=waiting files=%zu effect=\"recipients of new "
		    "files get 451 until they are read\"",
		    unread);
	if (!r->l->source) {
		descriptors_share_log(r->l->conf, &shares);
		smtpd_bound(d->smtpd, shares.sessions);
		deliver_limit(d->deliver, shares.deliveries);
	}
	smtpd_setup_use(d->smtpd, &r->l->setup);
	d->conf = config_ref(r->l->conf);
	removed_configured(d->removed);
	daemon_alerts_configure(d);
	config_unref(&old); /* r->l has one, too */
	reload_next(r, RELOAD_REMOVE);
}

static void
on_turn(void *arg)
{
	struct reload *r = arg;

	switch (r->state) {
	case RELOAD_CHANGE:
		if (reload_slice(r, false)) {
			loop_timer_set(r->timer, 0);
		} else if (smtpd_files_unread(r->d->smtpd) == 0) {
			reload_use(r);
		} else {
			r->state = RELOAD_FILES;
			loop_timer_set(r->timer, FILES_WAIT_MS);
		}
		break;
	case RELOAD_FILES:
		reload_use(r);
		break;
	case RELOAD_REMOVE:
		if (reload_slice(r, true)) {
			loop_timer_set(r->timer, 0);
		} else {
			tell_left(r);
			reload_end(r, 0);
		}
		break;
	default:
		break;
	}
}

/* Also at the start: then nobody waits but who asks whether we are ready. */
static void
on_read(void *arg)
{
	struct daemon *d = arg;

	d->files_read = true;
	if (d->reload->state == RELOAD_FILES)
		reload_use(d->reload);
}

/* ---- for the daemon */

void
reload_create(struct daemon *d)
{
	d->reload = mem_alloc(sizeof(*d->reload));
	d->reload->d = d;
	d->reload->timer = loop_timer_create(d->loop, on_turn, d->reload);
	smtpd_on_read(d->smtpd, on_read, d);
}

void
reload_destroy(struct daemon *d)
{
	struct reload *r = d->reload;

	if (r == NULL)
		return;
	loop_timer_destroy(&r->timer);
	if (r->state > RELOAD_LOAD) /* else the helper has dropped it */
		loading_free(&r->l->job);
	conf_errors_fini(&r->errs);
	domain_texts_unref(&r->offered);
	mem_free(&d->reload);
}

uint64_t
daemon_reload(struct daemon *d)
{
	struct reload *r = d->reload;

	if (r->state == RELOAD_IDLE) {
		reload_begin(r, NULL);
		return r->number;
	}
	r->again = true;
	return r->number + 1;
}

void
reload_domains(struct daemon *d, struct domain_texts *texts)
{
	struct reload *r = d->reload;

	domain_texts_unref(&r->offered);
	if (texts != NULL && r->state == RELOAD_IDLE)
		reload_begin(r, texts);
	else
		r->offered = domain_texts_ref(texts);
}

bool
reload_is_applied(const struct daemon *d)
{
	return d->reload != NULL &&
	    (d->reload->state == RELOAD_CHANGE ||
		d->reload->state == RELOAD_FILES);
}

int
daemon_reload_result(const struct daemon *d, uint64_t number,
    const struct conf_errors **errs)
{
	const struct reload *r = d->reload;

	if (r->ended < number)
		return 1;
	*errs = &r->errs;
	return r->rc;
}
