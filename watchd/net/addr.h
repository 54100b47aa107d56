/* SPDX-License-Identifier: ISC
 * addr: socket addresses and how they are written: "192.0.2.7:25",
 * "[2001:db8::7]:25". Pure but for addr_local_list() and addr_family_there(). */
#ifndef MX_NET_ADDR_H
#define MX_NET_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/defs.h"

#define ADDR_TEXT_MAX 64

struct net_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len; /* 0: none */
};

/* A numeric address with an optional port: "192.0.2.7", "192.0.2.7:25",
 * "[::1]:25", "::1", "[192.0.2.7]:2525"; without one it is default_port. `sep`
 * is the character before the port (':', or '@' for resolvers). */
int addr_parse(struct net_addr *, const char *s, uint16_t default_port,
    char sep) MX_NODISCARD;
/* Splits "host", "host:25", "[192.0.2.7]:2525", "[::1]" into host (without
 * brackets, lower case, TEXT_DOMAIN_MAX) and port. */
int addr_split_host(const char *s, char *host, uint16_t *port,
    uint16_t default_port) MX_NODISCARD;

char *addr_text(const struct net_addr *, char *dst); /* without port */
char *addr_text_port(const struct net_addr *, char *dst); /* with port */
/* RFC 5321 4.1.3 literal: "[192.0.2.7]", "[IPv6:2001:db8::7]". */
char *addr_literal(const struct net_addr *, char *dst);
uint16_t addr_port(const struct net_addr *);
void addr_port_set(struct net_addr *, uint16_t port);
bool addr_equal_host(const struct net_addr *, const struct net_addr *);
bool addr_is_loopback(const struct net_addr *);
/* Whether the kernel has sockets of this family: it may be without IPv6. */
bool addr_family_there(int family);
bool addr_is_any(const struct net_addr *); /* 0.0.0.0, :: */
/* An address at which any host reaches itself: loopback, or the above. */
bool addr_is_here(const struct net_addr *);
/* The key under which a client is counted: the address, or its /64. */
uint64_t addr_client_key(const struct net_addr *);

/* The addresses of this host's interfaces; *list is freed with free(). */
int addr_local_list(struct net_addr **list, size_t *n) MX_NODISCARD;

#endif
