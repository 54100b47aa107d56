/* SPDX-License-Identifier: ISC
 * value_text: hosts, addresses, prefixes and mail addresses. Equivalent
 * spellings are made canonical here. Called by value.c. Pure. */
#include <arpa/inet.h>

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/dnsbl_site.h"
#include "value_int.h"

static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* A strict subset of mailboxes, to refuse mistakes. smtp/path.h has all of RFC
 * 5321. */
static bool
is_mailbox(const char *s)
{
	const char *at = strrchr(s, '@');
	char domain[TEXT_DOMAIN_MAX];

	return at != NULL && at != s && at - s <= 64 && is_plain(s) &&
	    strpbrk(s, " <>()\",;:\\") == NULL && strchr(s, '@') == at &&
	    text_domain(at + 1, strlen(at + 1), domain) == 0;
}

/* "host", "host:port", "[address]:port": a name is made canonical, and the
 * default port is omitted. */
static int
get_host(const char *s, char **out, const struct value_reason *r)
{
	char host[TEXT_DOMAIN_MAX];
	struct net_addr addr;
	uint16_t port;

	if (addr_split_host(s, host, &port, 25) != 0)
		return value_fail(r, s,
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

/* "192.0.2.0/24", "2001:db8::/32", "[::1]": stored without brackets, as
 * inet_pton() reads it, and a length. */
static int
get_prefix(const char *s, char **out, const struct value_reason *r)
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
		return value_fail(r, s,
		    "is not an address or prefix; write it like"
		    " \"192.0.2.0/24\" or \"2001:db8::/32\"");
	*out = slash != NULL ? mem_printf("%s/%d", host, (int)bits) :
			       mem_strdup(host);
	return 0;
}

static int
get_dnsbl(const char *s, char **out, const struct value_reason *r)
{
	struct dnsbl_site site;
	const char *wrong = dnsbl_site_parse(s, &site);

	if (wrong != NULL)
		return value_fail(r, s,
		    "%s; write it like \"zen.example.org\" or "
		    "\"zen.example.org=127.0.0.[2-11]*2\"",
		    wrong);
	*out = mem_strdup(s);
	return 0;
}

/* A name or an address without a port. */
static int
get_self(const char *s, char **out, const struct value_reason *r)
{
	char name[TEXT_DOMAIN_MAX];
	struct net_addr addr;

	if (addr_parse(&addr, s, 0, ':') == 0) {
		if (addr_port(&addr) != 0)
			return value_fail(r, s, "has a port; remove it");
		*out = mem_strdup(s);
	} else if (text_domain(s, strlen(s), name) == 0) {
		*out = mem_strdup(name);
	} else {
		return value_fail(r, s,
		    "is neither a host name nor an address");
	}
	return 0;
}

int
value_text(const struct option *o, const char *s, char **out,
    const struct value_reason *r)
{
	char name[TEXT_DOMAIN_MAX];

	switch (o->type) {
	case TYPE_HOST:
	case TYPE_DOMAINS:
		if (text_domain(s, strlen(s), name) != 0)
			return value_fail(r, s, "is not a host name");
		*out = mem_strdup(name);
		return 0;
	case TYPE_PRIMARIES:
	case TYPE_HOSTPORT:
		return get_host(s, out, r);
	case TYPE_PREFIXES:
		return get_prefix(s, out, r);
	case TYPE_DNSBLS:
		return get_dnsbl(s, out, r);
	case TYPE_SELF:
		return get_self(s, out, r);
	case TYPE_SENDER:
		if (*s == '\0')
			break;
		/* FALLTHROUGH */
	case TYPE_MAILBOX:
	case TYPE_MAILBOXES:
		if (!is_mailbox(s))
			return value_fail(r, s,
			    "is not a mail address; write it like"
			    " \"postmaster@example.org\"");
		break;
	case TYPE_BANNER:
		if (!is_plain(s) || strlen(s) > 200)
			return value_fail(r, s,
			    "is longer than 200 characters or"
			    " not plain ASCII");
		break;
	default:
		if (*s == '\0')
			return value_fail(r, s,
			    "is empty; remove the option instead");
		break;
	}
	*out = mem_strdup(s);
	return 0;
}
