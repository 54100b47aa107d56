/* SPDX-License-Identifier: ISC
 * value: sets a field from text, by the type in the table. Every setter first
 * parses the whole value and only then frees the old one, so that a wrong value
 * leaves the field unchanged. Messages say what is wrong and how it is written;
 * the parser prepends the names of the section and the option. value_number.c
 * has numbers, value_text.c names and addresses; lists and the choice by type
 * are here. Pure: no file, no DNS. */
#include <sys/un.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/dnsbl_site.h"
#include "value_int.h"

_Static_assert(sizeof(enum conf_tls) == sizeof(unsigned) &&
	sizeof(enum conf_depth) == sizeof(unsigned) &&
	sizeof(enum conf_admission) == sizeof(unsigned) &&
	sizeof(enum conf_unknown) == sizeof(unsigned) &&
	sizeof(enum conf_newline) == sizeof(unsigned) &&
	sizeof(enum conf_early) == sizeof(unsigned) &&
	sizeof(enum conf_receiver_type) == sizeof(unsigned) &&
	sizeof(enum conf_severity) == sizeof(unsigned),
    "set_word() stores an unsigned");

static void tell(const struct value_reason *, bool warning, const char *value,
    const char *why, va_list) MX_PRINTF(4, 0);

static void
tell(const struct value_reason *r, bool warning, const char *value,
    const char *why, va_list ap)
{
	char text[CONF_TEXT_MAX / 2], quoted[CONF_QUOTE_MAX];
	char hint[LOOKALIKE_HINT_MAX];
	size_t n;

	if (r == NULL)
		return;
	snprintf(text, sizeof(text), "%s ", conf_quote(value, quoted));
	n = strlen(text);
	vsnprintf(text + n, sizeof(text) - n, why, ap);
	lookalike_hint(value, hint, sizeof(hint));
	(void)strlcat(text, hint, sizeof(text));
	r->tell(r->arg, r->line, warning, text);
}

/* The reason with the item's line. */
static const struct value_reason *
of_item(const struct value_reason *r, const struct conf_item *item,
    struct value_reason *dst)
{
	if (r == NULL)
		return NULL;
	*dst = *r;
	dst->line = item->line;
	return dst;
}

int
value_fail(const struct value_reason *r, const char *value, const char *why,
    ...)
{
	va_list ap;

	va_start(ap, why);
	tell(r, false, value, why, ap);
	va_end(ap);
	return -MX_ESYNTAX;
}

void
value_doubt(const struct value_reason *r, const char *value, const char *why,
    ...)
{
	va_list ap;

	va_start(ap, why);
	tell(r, true, value, why, ap);
	va_end(ap);
}

static int
set_flag(bool *field, const char *s, const struct value_reason *r)
{
	static const struct {
		const char *name;
		bool v;
	} flags[] = { { "true", true }, { "false", false }, { "yes", true },
		{ "no", false }, { "on", true }, { "off", false } };
	size_t i;

	for (i = 0; i < MX_COUNT(flags); i++) {
		if (strcmp(s, flags[i].name) != 0)
			continue;
		if (field != NULL)
			*field = flags[i].v;
		return 0;
	}
	return value_fail(r, s, "is neither \"yes\" nor \"no\"");
}

/* option.words is "a,b,c"; the field is set to the index. */
static int
set_word(const struct option *o, unsigned *field, const char *s,
    const struct value_reason *r)
{
	char known[CONF_QUOTE_MAX];
	const char *w = o->words;
	size_t n, len = 0;
	unsigned i;

	for (i = 0; *w != '\0'; i++, w += n + (w[n] != '\0')) {
		n = strcspn(w, ",");
		if (strlen(s) != n || strncmp(s, w, n) != 0)
			continue;
		if (field != NULL)
			*field = i;
		return 0;
	}
	for (w = o->words; *w != '\0' && len + 3 < sizeof(known); w++) {
		known[len++] = *w;
		if (*w == ',')
			known[len++] = ' ';
	}
	known[len] = '\0';
	return value_fail(r, s, "is not one of: %s", known);
}

static int
set_strings(const struct option *o, void *base, const struct conf_value *v,
    const struct value_reason *r)
{
	struct strlist list = { 0, NULL };
	struct value_reason at;
	size_t i;
	int rc = 0;

	if (o->type == TYPE_DNSBLS && v->n > DNSBL_SITES_MAX)
		return value_fail(of_item(r, &v->item[DNSBL_SITES_MAX], &at),
		    v->item[DNSBL_SITES_MAX].text,
		    "is one too many; at most %d are allowed", DNSBL_SITES_MAX);
	if (v->n > 0)
		list.s = mem_array(v->n, sizeof(*list.s));
	for (i = 0; i < v->n; i++)
		if (value_text(o, v->item[i].text, &list.s[list.n],
			of_item(r, &v->item[i], &at)) == 0)
			list.n++;
		else
			rc = -MX_ESYNTAX;
	if (rc == 0 && base != NULL) {
		option_free(o, base);
		*(struct strlist *)option_field(o, base) = list;
		return 0;
	}
	for (i = 0; i < list.n; i++)
		mem_free(&list.s[i]);
	mem_free(&list.s);
	return rc;
}

const char *
conf_listen_path(const struct conf_listen *l)
{
	return strncmp(l->text, "unix:", 5) == 0 ? l->text + 5 : NULL;
}

/* NULL, or the error. */
static const char *
get_listen(const struct option *o, struct conf_listen *l, const char *s)
{
	const char *path;

	if (strlcpy(l->text, s, sizeof(l->text)) >= sizeof(l->text))
		return "is too long";
	path = conf_listen_path(l);
	if (path == NULL || o->max == 0)
		return addr_parse(&l->addr, s, (uint16_t)o->min, ':') == 0 ?
		    NULL :
		    "is not an address; write it like \"192.0.2.7:25\" or "
		    "\"[::1]:25\"";
	if (path[0] != '/')
		return "is not an absolute path";
	return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path) ?
	    NULL :
	    "is too long for the path of a socket";
}

static int
set_listen(const struct option *o, void *base, const struct conf_value *v,
    const struct value_reason *r)
{
	struct conf_listen *a = NULL;
	struct listenlist *list = option_field(o, base);
	struct value_reason at;
	const char *wrong;
	size_t i;
	int rc = 0;

	if (v->n > 0)
		a = mem_array(v->n, sizeof(*a));
	for (i = 0; i < v->n; i++)
		if ((wrong = get_listen(o, &a[i], v->item[i].text)) != NULL)
			rc = value_fail(of_item(r, &v->item[i], &at),
			    v->item[i].text, "%s", wrong);
	if (rc != 0) {
		mem_free(&a);
		return rc;
	}
	option_free(o, base);
	list->a = a;
	list->n = v->n;
	list->usual = false;
	return 0;
}

static int
set_resolvers(const struct option *o, struct config *c,
    const struct conf_value *v, const struct value_reason *r)
{
	struct net_addr *a = NULL;
	struct value_reason at;
	size_t i;
	int rc = 0;

	if (v->n > 0)
		a = mem_array(v->n, sizeof(*a));
	for (i = 0; i < v->n; i++)
		if (addr_parse(&a[i], v->item[i].text, 53, '@') != 0 ||
		    addr_port(&a[i]) == 0)
			rc = value_fail(of_item(r, &v->item[i], &at),
			    v->item[i].text,
			    "is not an address; write it like \"192.0.2.53\""
			    " or \"192.0.2.53@5353\"");
	if (rc != 0) {
		mem_free(&a);
		return rc;
	}
	option_free(o, c);
	c->resolver = a;
	c->nresolver = v->n;
	return 0;
}

static int
compare_ms(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
set_delays(const struct option *o, struct conf_domain *d,
    const struct conf_value *v, const struct value_reason *r)
{
	int64_t ms[MX_COUNT(d->delay_warning_ms)] = { 0 };
	const struct value_reason *why;
	struct value_reason at;
	size_t i, j;
	int rc = 0;

	if (v->n > MX_COUNT(ms))
		return value_fail(of_item(r, &v->item[MX_COUNT(ms)], &at),
		    v->item[MX_COUNT(ms)].text,
		    "is one too many; at most %zu are allowed", MX_COUNT(ms));
	for (i = 0; i < v->n; i++) {
		why = of_item(r, &v->item[i], &at);
		if (value_time(o, v->item[i].text, &ms[i], why) != 0) {
			rc = -MX_ESYNTAX;
			ms[i] = -1;
			continue;
		}
		for (j = 0; j < i; j++)
			if (ms[j] == ms[i])
				rc = value_fail(why, v->item[i].text,
				    "is listed twice");
	}
	if (rc != 0)
		return rc;
	qsort(ms, v->n, sizeof(ms[0]), compare_ms);
	memcpy(d->delay_warning_ms, ms, sizeof(ms));
	d->ndelay_warning = v->n;
	return 0;
}

static int
set_log(struct config *c, const char *s, const struct value_reason *r)
{
	enum conf_log log = CONF_LOG_FILE;

	if (strcmp(s, "stderr") == 0)
		log = CONF_LOG_STDERR;
	else if (strcmp(s, "syslog") == 0)
		log = CONF_LOG_SYSLOG;
	else if (*s != '/')
		return value_fail(r, s,
		    "is neither \"stderr\" nor \"syslog\" nor an absolute "
		    "path");
	mem_free(&c->log_file);
	c->log = log;
	if (log == CONF_LOG_FILE)
		c->log_file = mem_strdup(s);
	return 0;
}

static int
set_source(struct conf_domain *d, const char *s, const struct value_reason *r)
{
	struct net_addr addr;

	if (addr_parse(&addr, s, 0, ':') != 0 || addr_port(&addr) != 0)
		return value_fail(r, s,
		    "is not an address without a port; write it"
		    " like \"192.0.2.25\" or \"2001:db8::25\"");
	d->deliver.source = mem_strdup(s);
	d->deliver.source_addr = addr;
	return 0;
}

static int
set_one(const struct option *o, void *base, const char *s,
    const struct value_reason *r)
{
	void *field = base != NULL ? option_field(o, base) : NULL;
	char *text;
	int rc;

	switch (o->type) {
	case TYPE_FLAG:
		return set_flag(field, s, r);
	case TYPE_NUM16:
	case TYPE_NUM32:
	case TYPE_NUM64:
	case TYPE_SIZE:
	case TYPE_TIME:
		return value_set_number(o, field, s, r);
	case TYPE_WORD:
		return set_word(o, field, s, r);
	case TYPE_LOG:
		return set_log(base, s, r);
	case TYPE_ADDRESS:
		return set_source(base, s, r);
	case TYPE_THRESHOLD:
		return value_set_threshold(field, s, r);
	default:
		break;
	}
	if ((rc = value_text(o, s, &text, r)) != 0)
		return rc;
	if (base != NULL) {
		option_free(o, base);
		*(char **)field = text;
	} else {
		mem_free(&text);
	}
	return 0;
}

int
option_set(const struct option *o, void *base, const struct conf_value *v,
    const struct value_reason *why)
{
	MX_ASSERT(base != NULL);
	if (!option_is_list(o)) {
		if (v->list) {
			if (why != NULL)
				why->tell(why->arg, 0, false,
				    "takes one value, not a list");
			return -MX_ESYNTAX;
		}
		return set_one(o, base, v->item[0].text, why);
	}
	switch (o->type) {
	case TYPE_LISTEN:
		return set_listen(o, base, v, why);
	case TYPE_RESOLVERS:
		return set_resolvers(o, base, v, why);
	case TYPE_DELAYS:
		return set_delays(o, base, v, why);
	default:
		return set_strings(o, base, v, why);
	}
}

/* A default that its own option refuses is an error in options.def. */
void
option_set_default(const struct option *o, void *base)
{
	struct conf_item item[8] = { { NULL, 0 } };
	struct conf_value v = { .list = option_is_list(o), .item = item };
	const char *p = o->value;
	size_t i, n;
	int rc;

	if (p == NULL)
		return;
	do {
		MX_ASSERT(v.n < MX_COUNT(item));
		n = v.list ? strcspn(p, ",") : strlen(p);
		item[v.n++].text = mem_strndup(p, n);
		p += n + (p[n] != '\0');
	} while (*p != '\0');
	rc = option_set(o, base, &v, NULL);
	MX_ASSERT(rc == 0);
	if (o->type == TYPE_LISTEN)
		((struct listenlist *)option_field(o, base))->usual = true;
	for (i = 0; i < v.n; i++)
		mem_free(&item[i].text);
}
