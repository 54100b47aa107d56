/* SPDX-License-Identifier: ISC
 * removed: the second list of domains is a small configuration of its own,
 * parsed from text like the file. The flag that a domain has ended is the only
 * part of a configuration that changes after it is built, hence the atomic
 * bytes. */
#include "config/removed.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/backup_names.h"
#include "config/redirect.h"
#include "config_int.h"

/* ---- to text */

static int
add_quoted(struct buf *b, const char *s)
{
	int rc = buf_adds(b, "\"");

	for (; *s != '\0' && rc == 0; s++) {
		if (*s == '"' || *s == '\\')
			rc = buf_adds(b, "\\");
		if (rc == 0)
			rc = buf_add(b, s, 1);
	}
	return rc != 0 ? rc : buf_adds(b, "\"");
}

static int
add_list(struct buf *b, char *const *s, size_t n)
{
	int rc = buf_adds(b, "{");

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i > 0)
			rc = buf_adds(b, ", ");
		if (rc == 0)
			rc = add_quoted(b, s[i]);
	}
	return rc != 0 ? rc : buf_adds(b, "}");
}

static int
add_delays(struct buf *b, const struct option *o, const struct conf_domain *d)
{
	char text[MX_COUNT(d->delay_warning_ms)][32];
	char *item[MX_COUNT(d->delay_warning_ms)];

	for (size_t i = 0; i < d->ndelay_warning; i++)
		item[i] = option_limit_text(o, d->delay_warning_ms[i], text[i],
		    sizeof(text[i]));
	return add_list(b, item, d->ndelay_warning);
}

static int
add_word(struct buf *b, const struct option *o, unsigned index)
{
	const char *w = o->words;
	char text[32];

	while (index-- > 0)
		w += strcspn(w, ",") + 1;
	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(w, ","), w);
	return add_quoted(b, text);
}

static int
add_value(struct buf *b, const struct option *o, const struct conf_domain *d)
{
	const void *field = (const char *)d + o->offset;
	const struct strlist *list = field;
	char text[32];

	switch (o->type) {
	case TYPE_FLAG:
		return buf_adds(b, *(const bool *)field ? "yes" : "no");
	case TYPE_NUM16:
		return buf_addf(b, "%u", *(const uint16_t *)field);
	case TYPE_NUM32:
		return buf_addf(b, "%u", *(const uint32_t *)field);
	case TYPE_TIME:
		return add_quoted(b,
		    option_limit_text(o, *(const int64_t *)field, text,
			sizeof(text)));
	case TYPE_WORD:
		return add_word(b, o, *(const unsigned *)field);
	case TYPE_PRIMARIES:
	case TYPE_PREFIXES:
		return add_list(b, list->s, list->n);
	case TYPE_DELAYS:
		return add_delays(b, o, d);
	default:
		return add_quoted(b, *(char *const *)field);
	}
}

/* Has the option to be written? An unset string has not: no default of the
 * table sets a string that can be unset. */
static bool
is_worth_saying(const struct option *o, const struct conf_domain *d,
    const struct conf_domain *builtin)
{
	switch ((enum option_id)(o - options)) {
	case OPT_DOMAIN_recipients:
	case OPT_DOMAIN_recipients_token_file:
	case OPT_DOMAIN_recipients_shrink:
	case OPT_DOMAIN_recipients_learn:
	case OPT_DOMAIN_recipients_unknown:
	case OPT_DOMAIN_recipients_learn_max:
	case OPT_DOMAIN_recipients_refused_after:
	case OPT_DOMAIN_recipient_delimiter:
	case OPT_DOMAIN_recipient_batv:
	case OPT_DOMAIN_recipient_srs:
	case OPT_DOMAIN_admission:
	case OPT_DOMAIN_admission_patience:
	case OPT_DOMAIN_drill:
	case OPT_DOMAIN_drill_deadline:
	case OPT_DOMAIN_drill_recipient:
		return false;
	default:
		return !option_same(o, d, builtin);
	}
}

static int
add_section(struct buf *b, enum conf_section section,
    const struct conf_domain *d, const struct conf_domain *builtin)
{
	const struct option *o;
	bool open = section == SEC_DOMAIN;
	int rc = 0;

	for (size_t i = OPT_DOMAIN_FIRST; i <= OPT_DOMAIN_LAST && rc == 0;
	     i++) {
		o = &options[i];
		if (o->section != section || !is_worth_saying(o, d, builtin))
			continue;
		if (!open)
			rc = buf_addf(b, " %s {", sections[section].name);
		open = true;
		if (rc == 0)
			rc = buf_addf(b, " %s = ", o->name);
		if (rc == 0)
			rc = add_value(b, o, d);
	}
	if (rc == 0 && open && section != SEC_DOMAIN)
		rc = buf_adds(b, " }");
	return rc;
}

int
removed_text(const struct conf_domain *d, const struct config *builtin,
    struct buf *b)
{
	const struct conf_domain *defaults = &builtin->defaults;
	struct conf_domain own = *d;
	size_t before = b->len;
	int rc = buf_addf(b, "domain \"%s\" {", d->name);

	own.primary = *config_own_primary(d);
	if (rc == 0)
		rc = add_section(b, SEC_DOMAIN, &own, defaults);
	for (unsigned s = 0; s < SEC_COUNT && rc == 0; s++)
		if (sections[s].parent == SEC_DOMAIN)
			rc = add_section(b, (enum conf_section)s, &own,
			    defaults);
	if (rc == 0)
		rc = buf_adds(b, " }\n");
	if (rc != 0)
		b->len = before;
	return rc;
}

/* ---- from text */

/* NULL: invalid, and *eb has the line. */
static struct config *
parse(const char *text, size_t len, struct mx_errbuf *eb)
{
	struct conf_errors errs;
	struct config *c = config_parse_domains(text, len, &errs);

	if (c == NULL)
		(void)mx_fail(eb, MX_ESYNTAX, "line %u: %s", errs.e[0].line,
		    errs.e[0].text);
	conf_errors_fini(&errs);
	return c;
}

bool
removed_is_valid(const char *text, size_t len, struct mx_errbuf *eb)
{
	struct config *c = parse(text, len, eb);
	bool valid = c != NULL;

	config_unref(&c);
	return valid;
}

static void
drop_known(struct config *kept, const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < kept->ndomains; i++)
		if (config_domain(c, kept->domain[i].name) == NULL)
			kept->domain[n++] = kept->domain[i];
	kept->ndomains = n;
}

int
removed_attach(struct config *c, const char *text, size_t len,
    struct mx_errbuf *eb)
{
	struct config *kept = parse(text, len, eb);

	if (kept == NULL)
		return -MX_ESYNTAX;
	drop_known(kept, c);
	config_unref(&c->removed);
	mem_free(&c->ended);
	for (size_t i = 0; i < kept->ndomains; i++) {
		if (kept->domain[i].elsewhere)
			kept->domain[i].pin = c->pin;
		redirect_apply(c->redirects, &kept->domain[i]);
	}
	c->removed = kept;
	c->ended = mem_array(kept->ndomains + 1, sizeof(*c->ended));
	return 0;
}

size_t
removed_count(const struct config *c)
{
	return c->removed != NULL ? c->removed->ndomains : 0;
}

const struct conf_domain *
removed_at(const struct config *c, size_t i)
{
	return &c->removed->domain[i];
}

static unsigned char *
find(const struct config *c, const char *name, const struct conf_domain **d)
{
	*d = c->removed != NULL ? config_domain(c->removed, name) : NULL;
	return *d != NULL ? &c->ended[*d - c->removed->domain] : NULL;
}

const struct conf_domain *
removed_find(const struct config *c, const char *name)
{
	const struct conf_domain *d;
	const unsigned char *ended = find(c, name, &d);

	return ended != NULL && __atomic_load_n(ended, __ATOMIC_RELAXED) == 0 ?
	    d :
	    NULL;
}

const struct conf_domain *
config_settings(const struct config *c, const char *name)
{
	const struct conf_domain *d = config_domain(c, name);

	if (d == NULL)
		d = removed_find(c, name);
	if (d == NULL && c->backups != NULL &&
	    backup_names_has(c->backups, name))
		d = &c->mx_backup.domain;
	return d;
}

bool
removed_is_kept(const struct config *c, const char *name)
{
	return config_domain(c, name) == NULL && removed_find(c, name) != NULL;
}

void
removed_end(const struct config *c, const char *name)
{
	const struct conf_domain *d;
	unsigned char *ended = find(c, name, &d);

	if (ended != NULL)
		__atomic_store_n(ended, 1, __ATOMIC_RELAXED);
}
