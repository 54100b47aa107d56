/* SPDX-License-Identifier: ISC
 * dns_query: one look-up from beginning to end: servers, tries, time limit, TCP
 * when an answer is truncated. Blocks; runs in the resolver threads, one
 * dns_query object each. Private to net/. */
#ifndef MX_NET_DNS_QUERY_H
#define MX_NET_DNS_QUERY_H

#include "net/dns_wire.h"

#define DNS_SERVER_MAX 8 /* further servers are not used */

struct dns_query;

/* `servers` is borrowed. When stop_fd becomes readable, the look-up under way,
 * and every later one, ends at once. */
struct dns_query *dns_query_create(const struct net_addr *servers, size_t n,
    int64_t timeout_ms, int stop_fd);
void dns_query_destroy(struct dns_query **);

/* Fills *out in; never takes longer than timeout_ms. */
void dns_query_run(struct dns_query *, enum dns_type, const char *name,
    struct dns_result *out);

#endif
