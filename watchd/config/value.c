/* SPDX-License-Identifier: ISC
 * value: from what an operator wrote to a field, by the type that the table
 * gives. Every setter first understands the whole value and only then frees
 * what the field held, so that a wrong value leaves it as it was. Messages
 * say what is wrong and how it is written; the parser puts the name of the
 * section and of the option in front. Pure: no file, no DNS. */
#include <arpa/inet.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "config_int.h"

_Static_assert(sizeof(enum conf_tls) == sizeof(unsigned) &&
	sizeof(enum conf_depth) == sizeof(unsigned) &&
	sizeof(enum conf_admission) == sizeof(unsigned) &&
	sizeof(enum conf_newline) == sizeof(unsigned) &&
	sizeof(enum conf_receiver_type) == sizeof(unsigned) &&
	sizeof(enum conf_severity) == sizeof(unsigned),
    "set_word() stores an unsigned");

struct reason {
	char *text;
	size_t size;
};

static int fail(const struct reason *, const char *value, const char *why, ...)
    MX_PRINTF(3, 4);

/* `"VALUE" WHY`. */
static int
fail(const struct reason *r, const char *value, const char *why, ...)
{
	char quoted[CONF_QUOTE_MAX];
	size_t n;
	va_list ap;

	conf_quote(value, quoted);
	snprintf(r->text, r->size, "%s ", quoted);
	n = strlen(r->text);
	va_start(ap, why);
	vsnprintf(r->text + n, r->size - n, why, ap);
	va_end(ap);
	return -MX_ESYNTAX;
}

char *
option_limit_text(const struct option *o, int64_t v, char *dst, size_t size)
{
	static const struct {
		int64_t ms;
		const char *name;
	} times[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" },
		{ 1000, "s" }, { 1, "ms" } };
	static const char sizes[] = "TGMK";
	size_t i = 0;

	if (o->type == TYPE_TIME || o->type == TYPE_DELAYS) {
		while (v != 0 && v % times[i].ms != 0)
			i++;
		snprintf(dst, size, "%" PRId64 "%s", v / times[i].ms,
		    v == 0 ? "s" : times[i].name);
		return dst;
	}
	if (o->type == TYPE_SIZE && v != 0)
		for (i = 0; i < 4; i++)
			if (v % ((int64_t)1 << (40 - 10 * i)) == 0) {
				snprintf(dst, size, "%" PRId64 "%c",
				    v >> (40 - 10 * i), sizes[i]);
				return dst;
			}
	snprintf(dst, size, "%" PRId64, v);
	return dst;
}

static int
check_range(const struct option *o, int64_t v, const char *s,
    const struct reason *r)
{
	char lo[32], hi[32];

	if (v >= o->min && v <= o->max)
		return 0;
	option_limit_text(o, o->min, lo, sizeof(lo));
	option_limit_text(o, o->max, hi, sizeof(hi));
	return fail(r, s, "is out of range; it may be %s to %s", lo, hi);
}

static int
get_number(const struct option *o, const char *s, int64_t *v,
    const struct reason *r)
{
	size_t digits = strspn(s, "0123456789");

	if (digits == 0 || s[digits] != '\0')
		return fail(r, s, "is not a number; write it like \"100\"");
	if (text_int(s, 0, INT64_MAX, v) != 0)
		*v = -1; /* too large: out of any range */
	return check_range(o, *v, s, r);
}

static int
get_size(const struct option *o, const char *s, int64_t *v,
    const struct reason *r)
{
	uint64_t bytes;

	if (text_size(s, &bytes) != 0)
		return fail(r, s,
		    "is not a size; write it like \"50M\" or"
		    " \"512K\"");
	*v = bytes > INT64_MAX ? -1 : (int64_t)bytes;
	return check_range(o, *v, s, r);
}

static int
get_time(const struct option *o, const char *s, int64_t *ms,
    const struct reason *r)
{
	if (text_duration(s, ms) != 0)
		return fail(r, s,
		    "is not a duration; write it like \"30d\" or"
		    " \"12h\"");
	return check_range(o, *ms, s, r);
}

static int
set_number(const struct option *o, void *field, const char *s,
    const struct reason *r)
{
	int64_t v;
	int rc;

	if (o->type == TYPE_SIZE)
		rc = get_size(o, s, &v, r);
	else if (o->type == TYPE_TIME)
		rc = get_time(o, s, &v, r);
	else
		rc = get_number(o, s, &v, r);
	if (rc != 0 || field == NULL)
		return rc;
	if (o->type == TYPE_NUM16)
		*(uint16_t *)field = (uint16_t)v;
	else if (o->type == TYPE_NUM32)
		*(uint32_t *)field = (uint32_t)v;
	else if (o->type == TYPE_TIME)
		*(int64_t *)field = v;
	else
		*(uint64_t *)field = (uint64_t)v;
	return 0;
}

static int
set_flag(bool *field, const char *s, const struct reason *r)
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
	return fail(r, s, "is neither \"yes\" nor \"no\"");
}

/* option.words is "a,b,c"; the field gets the index. */
static int
set_word(const struct option *o, unsigned *field, const char *s,
    const struct reason *r)
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
	return fail(r, s, "is not one of: %s", known);
}

static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* A mailbox as a configuration needs it: enough to refuse a mistake. What
 * RFC 5321 allows beyond that, smtp/path.h knows. */
static bool
is_mailbox(const char *s)
{
	const char *at = strrchr(s, '@');
	char domain[TEXT_DOMAIN_MAX];

	return at != NULL && at != s && at - s <= 64 && is_plain(s) &&
	    strpbrk(s, " <>()\",;:\\") == NULL && strchr(s, '@') == at &&
	    text_domain(at + 1, strlen(at + 1), domain) == 0;
}

/* "host", "host:port", "[address]:port": a name is made canonical, and a
 * port is kept when it is not the usual one. */
static int
get_host(const char *s, char **out, const struct reason *r)
{
	char host[TEXT_DOMAIN_MAX];
	struct net_addr addr;
	uint16_t port;

	if (addr_split_host(s, host, &port, 25) != 0)
		return fail(r, s,
		    "is not a host; write it like"
		    " \"mx1.example.org\" or \"[192.0.2.7]:25\"");
	if (addr_parse(&addr, host, 25, ':') == 0)
		*out = mem_strdup(s);
	else if (port != 25)
		*out = mem_printf("%s:%u", host, port);
	else
		*out = mem_strdup(host);
	return 0;
}

/* "192.0.2.0/24", "2001:db8::/32", "[::1]": kept without brackets, which
 * leaves what inet_pton() reads, and a length. */
static int
get_prefix(const char *s, char **out, const struct reason *r)
{
	char host[ADDR_TEXT_MAX];
	unsigned char bytes[16];
	const char *p = s, *slash = strchr(s, '/');
	size_t n = slash != NULL ? (size_t)(slash - s) : strlen(s);
	int64_t bits = 0;
	bool v4, v6;

	if (n >= 2 && p[0] == '[' && p[n - 1] == ']') {
		p++;
		n -= 2;
	}
	if (n >= sizeof(host))
		n = 0;
	memcpy(host, p, n);
	host[n] = '\0';
	v4 = *s != '[' && inet_pton(AF_INET, host, bytes) == 1;
	v6 = inet_pton(AF_INET6, host, bytes) == 1;
	if ((!v4 && !v6) ||
	    (slash != NULL &&
		text_int(slash + 1, 0, v4 ? 32 : 128, &bits) != 0))
		return fail(r, s,
		    "is not an address or prefix; write it like"
		    " \"192.0.2.0/24\" or \"2001:db8::/32\"");
	*out = slash != NULL ? mem_printf("%s/%d", host, (int)bits) :
			       mem_strdup(host);
	return 0;
}

/* A name or an address without a port. */
static int
get_self(const char *s, char **out, const struct reason *r)
{
	char name[TEXT_DOMAIN_MAX];
	struct net_addr addr;

	if (addr_parse(&addr, s, 0, ':') == 0) {
		if (addr_port(&addr) != 0)
			return fail(r, s, "has a port; leave that out");
		*out = mem_strdup(s);
	} else if (text_domain(s, strlen(s), name) == 0) {
		*out = mem_strdup(name);
	} else {
		return fail(r, s, "is neither a host name nor an address");
	}
	return 0;
}

static int
get_string(const struct option *o, const char *s, char **out,
    const struct reason *r)
{
	char name[TEXT_DOMAIN_MAX];

	switch (o->type) {
	case TYPE_HOST:
		if (text_domain(s, strlen(s), name) != 0)
			return fail(r, s, "is not a host name");
		*out = mem_strdup(name);
		return 0;
	case TYPE_PRIMARIES:
	case TYPE_HOSTPORT:
		return get_host(s, out, r);
	case TYPE_PREFIXES:
		return get_prefix(s, out, r);
	case TYPE_SELF:
		return get_self(s, out, r);
	case TYPE_SENDER:
		if (*s == '\0')
			break;
		/* FALLTHROUGH */
	case TYPE_MAILBOX:
	case TYPE_MAILBOXES:
		if (!is_mailbox(s))
			return fail(r, s,
			    "is not a mail address; write it like"
			    " \"postmaster@example.org\"");
		break;
	case TYPE_BANNER:
		if (!is_plain(s) || strlen(s) > 200)
			return fail(r, s,
			    "is longer than 200 characters or"
			    " not plain ASCII");
		break;
	default:
		if (*s == '\0')
			return fail(r, s,
			    "is empty; leave the option out"
			    " instead");
		break;
	}
	*out = mem_strdup(s);
	return 0;
}

static int
set_strings(const struct option *o, void *base, const struct conf_value *v,
    const struct reason *r)
{
	struct strlist list = { 0, NULL };
	size_t i;
	int rc = 0;

	if (v->n > 0)
		list.s = mem_array(v->n, sizeof(*list.s));
	for (i = 0; i < v->n && rc == 0; i++)
		if ((rc = get_string(o, v->item[i], &list.s[i], r)) == 0)
			list.n++;
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

/* NULL, or why it is none. */
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
		return "is not a path that begins with /";
	return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path) ?
	    NULL :
	    "is longer than the path of a socket may be";
}

static int
set_listen(const struct option *o, void *base, const struct conf_value *v,
    const struct reason *r)
{
	struct conf_listen *a = NULL;
	struct listenlist *list = option_field(o, base);
	const char *wrong;
	size_t i;

	if (v->n > 0)
		a = mem_array(v->n, sizeof(*a));
	for (i = 0; i < v->n; i++) {
		if ((wrong = get_listen(o, &a[i], v->item[i])) != NULL) {
			mem_free(&a);
			return fail(r, v->item[i], "%s", wrong);
		}
	}
	option_free(o, base);
	list->a = a;
	list->n = v->n;
	return 0;
}

static int
set_resolvers(const struct option *o, struct config *c,
    const struct conf_value *v, const struct reason *r)
{
	struct net_addr *a = NULL;
	size_t i;

	if (v->n > 0)
		a = mem_array(v->n, sizeof(*a));
	for (i = 0; i < v->n; i++)
		if (addr_parse(&a[i], v->item[i], 53, '@') != 0 ||
		    addr_port(&a[i]) == 0) {
			mem_free(&a);
			return fail(r, v->item[i],
			    "is not an address; write it like \"192.0.2.53\""
			    " or \"192.0.2.53@5353\"");
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
    const struct conf_value *v, const struct reason *r)
{
	int64_t ms[MX_COUNT(d->delay_warning_ms)] = { 0 };
	size_t i, j;
	int rc;

	if (v->n > MX_COUNT(ms))
		return fail(r, v->item[MX_COUNT(ms)],
		    "is one too many; there may be %zu", MX_COUNT(ms));
	for (i = 0; i < v->n; i++) {
		if ((rc = get_time(o, v->item[i], &ms[i], r)) != 0)
			return rc;
		for (j = 0; j < i; j++)
			if (ms[j] == ms[i])
				return fail(r, v->item[i], "is there twice");
	}
	qsort(ms, v->n, sizeof(ms[0]), compare_ms);
	memcpy(d->delay_warning_ms, ms, sizeof(ms));
	d->ndelay_warning = v->n;
	return 0;
}

static int
set_log(struct config *c, const char *s, const struct reason *r)
{
	enum conf_log log = CONF_LOG_FILE;

	if (strcmp(s, "stderr") == 0)
		log = CONF_LOG_STDERR;
	else if (strcmp(s, "syslog") == 0)
		log = CONF_LOG_SYSLOG;
	else if (*s != '/')
		return fail(r, s,
		    "is neither \"stderr\" nor \"syslog\" nor the"
		    " path of a file, which begins with /");
	mem_free(&c->log_file);
	c->log = log;
	if (log == CONF_LOG_FILE)
		c->log_file = mem_strdup(s);
	return 0;
}

static int
set_source(struct conf_domain *d, const char *s, const struct reason *r)
{
	struct net_addr addr;

	if (addr_parse(&addr, s, 0, ':') != 0 || addr_port(&addr) != 0)
		return fail(r, s,
		    "is not an address without a port; write it"
		    " like \"192.0.2.25\" or \"2001:db8::25\"");
	mem_free(&d->deliver.source);
	d->deliver.source = mem_strdup(s);
	d->deliver.source_addr = addr;
	return 0;
}

/* "off", "80%", "10000", "2d": the unit is in the text, and check_alert.c
 * sees whether the alert has that one. */
static int
set_threshold(struct conf_threshold *t, const char *s, const struct reason *r)
{
	size_t digits = strspn(s, "0123456789");
	char number[24];
	int64_t v = 0;

	if (strcmp(s, "off") == 0) {
		*t = (struct conf_threshold){ ALERT_UNIT_NONE, 0 };
		return 0;
	}
	if (digits > 0 && digits < sizeof(number) &&
	    (s[digits] == '\0' || strcmp(s + digits, "%") == 0)) {
		memcpy(number, s, digits);
		number[digits] = '\0';
		if (text_int(number, 0, INT64_C(1000000000000), &v) == 0) {
			t->unit = s[digits] == '%' ? ALERT_UNIT_PERCENT :
						     ALERT_UNIT_NUMBER;
			t->value = (double)v;
			return 0;
		}
	} else if (text_duration(s, &v) == 0) {
		*t = (struct conf_threshold){ ALERT_UNIT_TIME, (double)v };
		return 0;
	}
	return fail(r, s,
	    "is not a threshold; write it like \"80%%\", \"2d\", \"1000\" or"
	    " \"off\"");
}

static int
set_one(const struct option *o, void *base, const char *s,
    const struct reason *r)
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
		return set_number(o, field, s, r);
	case TYPE_WORD:
		return set_word(o, field, s, r);
	case TYPE_LOG:
		return set_log(base, s, r);
	case TYPE_ADDRESS:
		return set_source(base, s, r);
	case TYPE_THRESHOLD:
		return set_threshold(field, s, r);
	default:
		break;
	}
	if ((rc = get_string(o, s, &text, r)) != 0)
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
    char *err, size_t size)
{
	const struct reason r = { err, size };

	MX_ASSERT(base != NULL);
	if (!option_is_list(o)) {
		if (v->list) {
			snprintf(err, size, "takes one value, not a list");
			return -MX_ESYNTAX;
		}
		return set_one(o, base, v->item[0], &r);
	}
	switch (o->type) {
	case TYPE_LISTEN:
		return set_listen(o, base, v, &r);
	case TYPE_RESOLVERS:
		return set_resolvers(o, base, v, &r);
	case TYPE_DELAYS:
		return set_delays(o, base, v, &r);
	default:
		return set_strings(o, base, v, &r);
	}
}

/* A default that its own option refuses is a mistake in options.def. */
void
option_set_default(const struct option *o, void *base)
{
	char *item[8], err[CONF_TEXT_MAX];
	struct conf_value v = { option_is_list(o), 0, item };
	const char *p = o->value;
	size_t i, n;
	int rc;

	if (p == NULL)
		return;
	do {
		MX_ASSERT(v.n < MX_COUNT(item));
		n = v.list ? strcspn(p, ",") : strlen(p);
		item[v.n++] = mem_strndup(p, n);
		p += n + (p[n] != '\0');
	} while (*p != '\0');
	rc = option_set(o, base, &v, err, sizeof(err));
	MX_ASSERT(rc == 0);
	for (i = 0; i < v.n; i++)
		mem_free(&item[i]);
}
