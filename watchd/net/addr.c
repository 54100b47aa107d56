/* SPDX-License-Identifier: ISC
 * addr: socket addresses as text and back. An IPv4 address that arrived through
 * an IPv6 socket (::ffff:192.0.2.7) is written, compared and counted as IPv4.
 * Any thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/addr.h"

/* The IPv4 address, mapped or not, in network order. */
static bool
addr_v4(const struct net_addr *a, struct in_addr *v4)
{
	if (a->len == 0)
		return false;
	if (a->u.sa.sa_family == AF_INET) {
		*v4 = a->u.in.sin_addr;
		return true;
	}
	if (a->u.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr)) {
		memcpy(v4, a->u.in6.sin6_addr.s6_addr + 12, sizeof(*v4));
		return true;
	}
	return false;
}

static bool
addr_v6(const struct net_addr *a, struct in6_addr *v6)
{
	if (a->len == 0 || a->u.sa.sa_family != AF_INET6)
		return false;
	*v6 = a->u.in6.sin6_addr;
	return true;
}

static int
addr_pton(struct net_addr *a, const char *s, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, s, &a->u.in.sin_addr) == 1) {
		a->u.in.sin_family = AF_INET;
		a->len = sizeof(a->u.in);
	} else if (inet_pton(AF_INET6, s, &a->u.in6.sin6_addr) == 1) {
		a->u.in6.sin6_family = AF_INET6;
		a->len = sizeof(a->u.in6);
	} else
		return -MX_ESYNTAX;
	addr_port_set(a, port);
	return 0;
}

/* Cuts "host<sep>port", "[host]<sep>port", "host" into host (at most
 * TEXT_DOMAIN_MAX with its NUL) and port; without one the port is left as it
 * is. */
static int
addr_cut(const char *s, char sep, char *host, uint16_t *port)
{
	const char *end, *p;
	size_t len;
	int64_t v;

	if (*s == '[') {
		s++;
		if ((end = strchr(s, ']')) == NULL)
			return -MX_ESYNTAX;
		p = end + 1;
	} else {
		end = strrchr(s, sep);
		/* "::1": the colons of a bare IPv6 address separate no port */
		if (end == NULL || (sep == ':' && strchr(s, sep) != end))
			end = s + strlen(s);
		p = end;
	}
	len = (size_t)(end - s);
	if (len == 0 || len >= TEXT_DOMAIN_MAX)
		return -MX_ESYNTAX;
	memcpy(host, s, len);
	host[len] = '\0';
	if (*p == '\0')
		return 0;
	if (*p != sep || p[1] < '0' || p[1] > '9' ||
	    text_int(p + 1, 0, UINT16_MAX, &v) < 0)
		return -MX_ESYNTAX;
	*port = (uint16_t)v;
	return 0;
}

int
addr_parse(struct net_addr *a, const char *s, uint16_t default_port, char sep)
{
	char host[TEXT_DOMAIN_MAX];
	uint16_t port = default_port;

	if (addr_cut(s, sep, host, &port) < 0)
		return -MX_ESYNTAX;
	return addr_pton(a, host, port);
}

int
addr_split_host(const char *s, char *host, uint16_t *port,
    uint16_t default_port)
{
	char text[TEXT_DOMAIN_MAX];
	struct net_addr a;

	*port = default_port;
	if (addr_cut(s, ':', text, port) < 0 || *port == 0)
		return -MX_ESYNTAX;
	if (addr_pton(&a, text, 0) == 0) {
		addr_text(&a, host);
		return 0;
	}
	if (*s == '[') /* brackets are for addresses */
		return -MX_ESYNTAX;
	return text_domain(text, strlen(text), host);
}

char *
addr_text(const struct net_addr *a, char *dst)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (addr_v4(a, &v4))
		(void)inet_ntop(AF_INET, &v4, dst, ADDR_TEXT_MAX);
	else if (addr_v6(a, &v6))
		(void)inet_ntop(AF_INET6, &v6, dst, ADDR_TEXT_MAX);
	else
		(void)strlcpy(dst, "unknown", ADDR_TEXT_MAX);
	return dst;
}

char *
addr_text_port(const struct net_addr *a, char *dst)
{
	char host[ADDR_TEXT_MAX];
	bool colons;

	addr_text(a, host);
	colons = strchr(host, ':') != NULL;
	/* the longest are 45 characters, two brackets, a colon, 5 digits */
	(void)snprintf(dst, ADDR_TEXT_MAX, "%s%.46s%s:%u", colons ? "[" : "",
	    host, colons ? "]" : "", addr_port(a));
	return dst;
}

char *
addr_literal(const struct net_addr *a, char *dst)
{
	char host[ADDR_TEXT_MAX];

	addr_text(a, host);
	(void)snprintf(dst, ADDR_TEXT_MAX, "[%s%.46s]",
	    strchr(host, ':') != NULL ? "IPv6:" : "", host);
	return dst;
}

uint16_t
addr_port(const struct net_addr *a)
{
	if (a->len == 0)
		return 0;
	if (a->u.sa.sa_family == AF_INET)
		return ntohs(a->u.in.sin_port);
	if (a->u.sa.sa_family == AF_INET6)
		return ntohs(a->u.in6.sin6_port);
	return 0;
}

void
addr_port_set(struct net_addr *a, uint16_t port)
{
	if (a->len == 0)
		return;
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons(port);
	else if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
}

bool
addr_equal_host(const struct net_addr *a, const struct net_addr *b)
{
	struct in_addr a4, b4;
	struct in6_addr a6, b6;

	if (addr_v4(a, &a4))
		return addr_v4(b, &b4) && a4.s_addr == b4.s_addr;
	return addr_v6(a, &a6) && addr_v6(b, &b6) &&
	    memcmp(&a6, &b6, sizeof(a6)) == 0;
}

bool
addr_is_any(const struct net_addr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	return a->u.sa.sa_family == AF_INET6 ?
	    memcmp(&a->u.in6.sin6_addr, &any6, sizeof(any6)) == 0 :
	    a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool
addr_is_here(const struct net_addr *a)
{
	return addr_is_loopback(a) || addr_is_any(a);
}

bool
addr_is_loopback(const struct net_addr *a)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (addr_v4(a, &v4))
		return ntohl(v4.s_addr) >> 24 == 127;
	return addr_v6(a, &v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

uint64_t
addr_client_key(const struct net_addr *a)
{
	struct in_addr v4;
	struct in6_addr v6;
	uint64_t key = 0;
	unsigned i;

	/* 0:ffff:x:y::/64 is not in use, so the two kinds of keys differ */
	if (addr_v4(a, &v4))
		return UINT64_C(0xffff) << 32 | ntohl(v4.s_addr);
	if (addr_v6(a, &v6)) {
		for (i = 0; i < 8; i++)
			key = key << 8 | v6.s6_addr[i];
	}
	return key;
}

static bool
addr_from_interface(struct net_addr *a, const struct sockaddr *sa)
{
	socklen_t len;

	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET)
		len = sizeof(a->u.in);
	else if (sa->sa_family == AF_INET6)
		len = sizeof(a->u.in6);
	else
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(&a->u, sa, len);
	a->len = len;
	addr_port_set(a, 0);
	return true;
}

bool
addr_family_there(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

int
addr_local_list(struct net_addr **list, size_t *n)
{
	struct ifaddrs *all, *ifa;
	size_t count = 0;

	*list = NULL;
	*n = 0;
	if (getifaddrs(&all) != 0)
		return -MX_ESYS;
	for (ifa = all; ifa != NULL; ifa = ifa->ifa_next)
		count++;
	*list = mem_array(count, sizeof(**list));
	for (ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
		if (addr_from_interface(&(*list)[*n], ifa->ifa_addr))
			(*n)++;
	}
	freeifaddrs(all);
	return 0;
}
