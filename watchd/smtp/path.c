/* SPDX-License-Identifier: ISC
 * path: parses the paths of MAIL and RCPT, and addresses in configuration and
 * recipient files. It is liberal where real mail is (dots anywhere in a local
 * part) and strict where another reader might see another address: one '@'
 * outside quotes, no control characters, well-formed UTF-8, a domain valid for
 * text_domain(), a literal valid for inet_pton(). Pure; any thread. */
#include "smtp/path.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define DOMAIN_INPUT_MAX 255 /* RFC 5321 4.5.3.1.2 */

struct path_cursor {
	const unsigned char *p;
	const unsigned char *end;
};

static bool
is_atext(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL;
}

/* The length of the UTF-8 sequence at p (RFC 3629 4: no overlong forms,
 * surrogates or code points above U+10FFFF), or 0. */
static size_t
utf8_len(const unsigned char *p, const unsigned char *end)
{
	size_t n, i;
	unsigned char lo = 0x80, hi = 0xbf;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if ((size_t)(end - p) < n)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	for (i = 1; i < n; i++, lo = 0x80, hi = 0xbf)
		if (p[i] < lo || p[i] > hi)
			return 0;
	return n;
}

/* Takes one character that is valid in a local part. */
static int
take_char(struct path_cursor *c, bool quoted, bool *utf8)
{
	size_t n;

	if (*c->p > 127) {
		if ((n = utf8_len(c->p, c->end)) == 0)
			return -MX_ESYNTAX;
		*utf8 = true;
		c->p += n;
		return 0;
	}
	if (!quoted && !is_atext(*c->p))
		return -MX_ESYNTAX;
	if (quoted && (*c->p < ' ' || *c->p == 127))
		return -MX_ESYNTAX;
	c->p++;
	return 0;
}

static int
take_quoted(struct path_cursor *c, bool *utf8)
{
	c->p++;
	while (c->p < c->end && *c->p != '"') {
		/* RFC 5321 4.1.2: only ASCII may be escaped */
		if (*c->p == '\\' &&
		    (++c->p == c->end || *c->p < ' ' || *c->p >= 127))
			return -MX_ESYNTAX;
		if (take_char(c, true, utf8) < 0)
			return -MX_ESYNTAX;
	}
	if (c->p == c->end)
		return -MX_ESYNTAX;
	c->p++;
	return 0;
}

/* Dot-string or Quoted-string into out->mailbox. */
static int
take_local(struct path_cursor *c, struct smtp_path *out)
{
	const unsigned char *from = c->p;
	size_t n;

	if (c->p < c->end && *c->p == '"') {
		if (take_quoted(c, &out->utf8) < 0)
			return -MX_ESYNTAX;
	} else {
		while (c->p < c->end && (is_atext(*c->p) || *c->p > 127))
			if (take_char(c, false, &out->utf8) < 0)
				return -MX_ESYNTAX;
	}
	n = (size_t)(c->p - from);
	if (n == 0)
		return -MX_ESYNTAX;
	if (n > PATH_LOCAL_MAX)
		return -MX_ETOOBIG;
	memcpy(out->mailbox, from, n);
	out->mailbox[n] = '\0';
	out->local_len = n;
	out->domain = out->mailbox + n;
	return 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", all of s, into dst. */
static int
copy_literal(const unsigned char *s, size_t len, char *dst)
{
	char addr[64];
	unsigned char bin[16];
	size_t skip = 1;
	int family = AF_INET;

	if (len < 3 || len > 60 || s[len - 1] != ']' ||
	    memchr(s, '\0', len) != NULL)
		return -MX_ESYNTAX;
	if (len > 7 && strncasecmp((const char *)s + 1, "IPv6:", 5) == 0) {
		family = AF_INET6;
		skip = 6;
	}
	memcpy(addr, s + skip, len - skip - 1);
	addr[len - skip - 1] = '\0';
	if (inet_pton(family, addr, bin) != 1)
		return -MX_ESYNTAX;
	memcpy(dst, s, len);
	dst[len] = '\0';
	return 0;
}

/* "@domain" after the local part, up to `stop` or the end. */
static int
take_domain(struct path_cursor *c, int stop, struct smtp_path *out)
{
	char *dst = out->mailbox + out->local_len;
	const unsigned char *from = ++c->p;
	size_t n, i;

	while (c->p < c->end && *c->p != stop)
		c->p++;
	n = (size_t)(c->p - from);
	if (n == 0)
		return -MX_ESYNTAX;
	if (n > DOMAIN_INPUT_MAX)
		return -MX_ETOOBIG;
	*dst++ = '@';
	out->domain = dst;
	out->literal = from[0] == '[';
	if (out->literal)
		return copy_literal(from, n, dst);
	for (i = 0; i < n; i++)
		out->utf8 |= from[i] > 127;
	return text_domain((const char *)from, n, dst);
}

/* "@a,@b:" (RFC 5321 appendix C): the content of the route is ignored, but it
 * has to be valid, or two readers may disagree about its end. */
static int
skip_route(struct path_cursor *c)
{
	char scratch[TEXT_DOMAIN_MAX];
	const unsigned char *from;

	for (;;) {
		if (c->p == c->end || *c->p != '@')
			return -MX_ESYNTAX;
		from = ++c->p;
		while (c->p < c->end && *c->p != ',' && *c->p != ':')
			c->p++;
		if (c->p == c->end || (size_t)(c->p - from) > DOMAIN_INPUT_MAX)
			return -MX_ESYNTAX;
		if (text_domain((const char *)from, (size_t)(c->p - from),
			scratch) < 0)
			return -MX_ESYNTAX;
		if (*c->p++ == ':')
			return 0;
	}
}

static void
clear_path(struct smtp_path *out)
{
	*out = (struct smtp_path){ 0 };
	out->domain = out->mailbox;
}

int
smtp_path_parse(const char *s, size_t len, unsigned flags,
    struct smtp_path *out, size_t *used)
{
	const unsigned char *u = (const unsigned char *)s;
	struct path_cursor c = { u, u + len };
	int rc;

	clear_path(out);
	if (len < 2 || *c.p++ != '<')
		return -MX_ESYNTAX;
	if (*c.p == '>') {
		*used = 2;
		return flags & PATH_NULL_OK ? 0 : -MX_ESYNTAX;
	}
	if (*c.p == '@' && (rc = skip_route(&c)) < 0)
		return rc;
	if ((rc = take_local(&c, out)) < 0)
		return rc;
	if (c.p < c.end && *c.p == '@') {
		if ((rc = take_domain(&c, '>', out)) < 0)
			return rc;
	} else if (!(flags & PATH_POSTMASTER_OK) || !smtp_is_postmaster(out)) {
		return -MX_ESYNTAX;
	}
	if (c.p == c.end || *c.p++ != '>')
		return -MX_ESYNTAX;
	if (out->utf8 && !(flags & PATH_UTF8_OK))
		return -MX_ENOENT;
	*used = (size_t)(c.p - u);
	return 0;
}

int
smtp_mailbox_parse(const char *s, size_t len, struct smtp_path *out)
{
	const unsigned char *u = (const unsigned char *)s;
	struct path_cursor c = { u, u + len };
	int rc;

	clear_path(out);
	if ((rc = take_local(&c, out)) < 0)
		return rc;
	if (c.p == c.end || *c.p != '@')
		return -MX_ESYNTAX;
	return take_domain(&c, -1, out); /* no byte stops it */
}

bool
smtp_is_postmaster(const struct smtp_path *path)
{
	return path->local_len == 10 &&
	    strncasecmp(path->mailbox, "postmaster", 10) == 0;
}

size_t
smtp_unquote(const char *mailbox, char *dst)
{
	const char *at = strrchr(mailbox, '@'), *s;
	size_t n = 0;

	if (at == NULL || mailbox[0] != '"' || at < mailbox + 2 ||
	    at[-1] != '"')
		return 0;
	for (s = mailbox + 1; s < at - 1; s++) {
		if (*s == '\\' && s + 1 < at - 1)
			s++;
		dst[n++] = *s;
	}
	memcpy(dst + n, at, strlen(at) + 1);
	return n + strlen(at);
}

bool
smtp_has_route(const struct smtp_path *path)
{
	size_t i;

	for (i = 0; i < path->local_len; i++)
		if (strchr("%!@", path->mailbox[i]) != NULL)
			return true;
	return false;
}

bool
smtp_is_dashed(const struct smtp_path *path)
{
	const char *s = path->mailbox;

	if (*s == '"')
		s++;
	if (*s == '\\')
		s++;
	return *s == '-';
}
