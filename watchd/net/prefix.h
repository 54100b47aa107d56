/* SPDX-License-Identifier: ISC
 * prefix: lists of addresses and prefixes: "192.0.2.7", "192.0.2.0/24",
 * "2001:db8::/32". Immutable; any thread. */
#ifndef MX_NET_PREFIX_H
#define MX_NET_PREFIX_H

#include "base/defs.h"
#include "net/addr.h"

struct prefix_list;

/* Invalid entries are skipped and logged: the configuration was checked
 * before. */
struct prefix_list *prefix_list_create(char *const *prefix, size_t n);
bool prefix_is_valid(const char *); /* an address or a prefix */
/* Are the first `bits` of both the same? Never so of two families. */
bool prefix_holds(const struct net_addr *network, unsigned bits,
    const struct net_addr *);
void prefix_list_destroy(struct prefix_list **);
bool prefix_list_match(const struct prefix_list *, const struct net_addr *);
/* Does each prefix of `inner` lie in one of `outer`? */
bool prefix_list_covers(const struct prefix_list *outer,
    const struct prefix_list *inner);

/* A total order; 0: they are the same prefixes, in the same order. */
int prefix_list_cmp(const struct prefix_list *, const struct prefix_list *);

#endif
