/* SPDX-License-Identifier: ISC
 * http_accept: parses a list of ranges with parameters. An item that is not
 * understood is ignored: the fallback is text 0.0.4, whatever the scraper asked
 * for. A header is limited by the memory of a connection (http.c), and is
 * parsed once. */
#include "exporters/http_accept.h"

#include <ctype.h>
#include <string.h>

/* A part of a header, without surrounding blanks. */
struct span {
	const char *p;
	size_t len;
};

/* One item of the list. */
struct range {
	struct span name;
	unsigned q; /* thousandths */
	struct span version; /* empty: none given */
};

static struct span
trim(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct span){ p, (size_t)(end - p) };
}

static bool
is(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* "0.75" -> 750; an invalid weight counts as 0. */
static unsigned
weight(struct span s)
{
	unsigned q, place = 100;

	if (s.len == 0 || s.len > 5 || (*s.p != '0' && *s.p != '1') ||
	    (s.len > 1 && s.p[1] != '.'))
		return 0;
	q = *s.p == '1' ? 1000 : 0;
	for (size_t i = 2; i < s.len; i++, place /= 10) {
		if (!isdigit((unsigned char)s.p[i]))
			return 0;
		q += (unsigned)(s.p[i] - '0') * place;
	}
	return q > 1000 ? 1000 : q;
}

static void
parameter(struct range *r, const char *p, const char *end)
{
	const char *eq = memchr(p, '=', (size_t)(end - p));
	struct span key, value;

	if (eq == NULL)
		return;
	key = trim(p, eq);
	value = trim(eq + 1, end);
	if (value.len >= 2 && value.p[0] == '"' &&
	    value.p[value.len - 1] == '"') {
		value.p++;
		value.len -= 2;
	}
	if (is(key, "q"))
		r->q = weight(value);
	else if (is(key, "version"))
		r->version = value;
}

/* Parses the next item at *p; false at the end. */
static bool
next_range(const char **p, struct range *r)
{
	const char *end, *semi, *at;

	*p += strspn(*p, " \t,");
	if (**p == '\0')
		return false;
	end = *p + strcspn(*p, ",");
	semi = memchr(*p, ';', (size_t)(end - *p));
	*r = (struct range){ .name = trim(*p, semi != NULL ? semi : end),
		.q = 1000 };
	for (at = semi; at != NULL; at = semi) {
		at++;
		semi = memchr(at, ';', (size_t)(end - at));
		parameter(r, at, semi != NULL ? semi : end);
	}
	*p = end;
	return true;
}

/* OpenMetrics only for a client that names it, in the one version supported,
 * and does not prefer text. The weight of text is that of the most specific
 * range that matches it. */
enum prometheus_format
http_accept_format(const char *accept)
{
	unsigned openmetrics = 0, text = 0, near = 0, fits;
	const char *p = accept != NULL ? accept : "";
	struct range r;

	while (next_range(&p, &r)) {
		if (is(r.name, "application/openmetrics-text")) {
			if ((r.version.len == 0 || is(r.version, "1.0.0")) &&
			    r.q > openmetrics)
				openmetrics = r.q;
			continue;
		}
		fits = is(r.name, "text/plain") ? 3 :
		    is(r.name, "text/*")	? 2 :
		    is(r.name, "*/*")		? 1 :
						  0;
		if (fits == 3 && r.version.len > 0 && !is(r.version, "0.0.4"))
			continue;
		if (fits > near || (fits > 0 && fits == near && r.q > text)) {
			near = fits;
			text = r.q;
		}
	}
	return openmetrics > 0 && openmetrics >= text ? PROMETHEUS_OPENMETRICS :
							PROMETHEUS_TEXT;
}

bool
http_accept_gzip(const char *accept_encoding)
{
	const char *p = accept_encoding != NULL ? accept_encoding : "";
	int gzip = -1, any = -1, identity = -1;
	struct range r;

	while (next_range(&p, &r)) {
		if (is(r.name, "gzip") || is(r.name, "x-gzip"))
			gzip = (int)r.q;
		else if (is(r.name, "*"))
			any = (int)r.q;
		else if (is(r.name, "identity"))
			identity = (int)r.q;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

bool
http_accept_known(const char *if_none_match, const char *etag)
{
	const char *p = if_none_match != NULL ? if_none_match : "", *end;
	struct span s;

	for (; *p != '\0'; p = *end != '\0' ? end + 1 : end) {
		end = p + strcspn(p, ",");
		s = trim(p, end);
		if (s.len > 2 && strncmp(s.p, "W/", 2) == 0) {
			s.p += 2;
			s.len -= 2;
		}
		if (is(s, "*") ||
		    (s.len == strlen(etag) && memcmp(s.p, etag, s.len) == 0))
			return true;
	}
	return false;
}
