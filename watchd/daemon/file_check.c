/* SPDX-License-Identifier: ISC
 * file_check: see file_check.h. */
#include "daemon/file_check.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/source_spec.h"
#include "base/text.h"
#include "daemon/findings.h"
#include "net/tls.h"
#include "relay/smtpd/recipients.h"
#include "relay/smtpd/recipients_keep.h"

#define WARNINGS_MAX 100u

/* ---- recipients */

struct list_check {
	const struct config *conf;
	struct conf_errors *errs;
	uint64_t left; /* bytes to read */
	unsigned room; /* for warnings */
};

static bool
has_room(struct list_check *k, const char *name)
{
	if (k->room == 0)
		return false;
	if (--k->room > 0)
		return true;
	finding(k->errs, true, name, 0,
	    "further warnings about lists not shown");
	return false;
}

/* The file that the list is in, or is fetched to. NULL: it was not fetched
 * yet. */
static char *
file_of(const struct config *conf, const char *source, struct stat *st)
{
	char *folder, *path;

	if (!spec_is_source(source)) {
		path = mem_strdup(source);
	} else {
		folder = mem_printf("%s/recipients", conf->spool);
		path = keep_fetched(folder, source);
		mem_free(&folder);
	}
	if (stat(path, st) != 0) {
		st->st_size = 0;
		if (spec_is_source(source))
			mem_free(&path);
	}
	return path;
}

static void
check_content(struct list_check *k, const char *path, const char *name,
    const struct conf_domain *const *d, size_t n)
{
	struct mx_errbuf eb = { "" };
	unsigned line;
	struct rcpt_table *t = recipients_read(path, &line, &eb);

	if (t == NULL) {
		if (has_room(k, name))
			finding(k->errs, true, name, line,
			    "%s; until that is repaired, a start uses its last "
			    "good copy, or answers 451 if there is none",
			    eb.text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!rcpt_table_has_domain(t, d[i]->name) && has_room(k, name))
			finding(k->errs, true, name, 0,
			    "it has no entry of %s: its recipients get 451",
			    d[i]->name);
	rcpt_table_destroy(&t);
}

/* Checks the list that these n domains share. Findings are warnings, since the
 * daemon keeps the last good list, across restarts too. */
static void
check_list(struct list_check *k, const struct conf_domain *const *d, size_t n)
{
	char *name = spec_name(d[0]->recipients);
	struct stat st;
	char *path = file_of(k->conf, d[0]->recipients, &st);

	if (path == NULL && has_room(k, name))
		finding(k->errs, true, name, 0,
		    "nothing was fetched from it yet: its domains are answered "
		    "with 451 until then");
	if (path != NULL && (uint64_t)st.st_size <= k->left) {
		k->left -= (uint64_t)st.st_size;
		check_content(k, path, name, d, n);
	}
	mem_free(&path);
	mem_free(&name);
}

static int
compare_recipients(const void *va, const void *vb)
{
	const struct conf_domain *const *a = va, *const *b = vb;

	return strcmp((*a)->recipients, (*b)->recipients);
}

/* Domains that name the same list share it, so it is read once. */
void
file_check_lists(const struct config *conf, uint64_t most,
    struct conf_errors *errs)
{
	struct list_check k = { conf, errs, most, WARNINGS_MAX };
	const struct conf_domain **d =
	    mem_array(conf->ndomains + 1, sizeof(*d));
	size_t i, n = 0, from = 0;

	for (i = 0; i < conf->ndomains; i++)
		if (conf->domain[i].recipients != NULL)
			d[n++] = &conf->domain[i];
	qsort(d, n, sizeof(*d), compare_recipients);
	for (i = 1; i <= n; i++) {
		if (i < n && compare_recipients(&d[i], &d[from]) == 0)
			continue;
		check_list(&k, d + from, i - from);
		from = i;
	}
	mem_free(&d);
}

/* ---- certificates */

struct certificate {
	const struct config *conf;
	struct conf_errors *errs;
	const char *section, *file;
};

static void
tell(void *arg, const char *text)
{
	const struct certificate *c = arg;

	finding(c->errs, true, c->conf->file, 0, "%s: tls_cert %s: %s",
	    c->section, c->file, text);
}

/* The certificate of the web server is not compared with a name: that by which
 * browsers reach it is not known here. */
void
file_check_certificates(const struct config *conf, struct conf_errors *errs)
{
	struct certificate smtpd = { conf, errs, "smtpd",
		conf->smtpd.tls_cert };
	struct certificate web = { conf, errs, "web", conf->web.tls_cert };

	if (smtpd.file != NULL)
		tls_certificate_doubts(smtpd.file, conf->hostname, tell,
		    &smtpd);
	if (web.file != NULL)
		tls_certificate_doubts(web.file, NULL, tell, &web);
}
