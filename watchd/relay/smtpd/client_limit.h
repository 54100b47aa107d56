/* SPDX-License-Identifier: ISC
 * client_limit: how many sessions one client (an address, or its /64) has
 * and how many it began within the last minute. Of bounded size whatever the
 * peers do: when a place in the table is contested, a client without open
 * sessions gives way, and at worst a client goes uncounted. Also the list of
 * trusted prefixes that no limit applies to. Loop thread. */
#ifndef MX_SMTPD_CLIENT_LIMIT_H
#define MX_SMTPD_CLIENT_LIMIT_H

#include "config/config.h"

struct client_limit;

enum client_verdict {
	CLIENT_OK,
	CLIENT_TOO_MANY, /* sessions at once */
	CLIENT_TOO_FAST, /* sessions a minute */
};

/* Room for about four times `sessions` clients. */
struct client_limit *client_limit_create(unsigned sessions);
void client_limit_destroy(struct client_limit **);

/* Counts a session that begins, if it may (CLIENT_OK; then client_limit_leave
 * has to follow). `rate` 0: no limit. `now` is monotonic. */
enum client_verdict client_limit_enter(struct client_limit *, uint64_t key,
    unsigned per_client, unsigned rate, int64_t now);
void client_limit_leave(struct client_limit *, uint64_t key);
/* May one more line about it be logged? `most` of them a minute. */
bool client_limit_line(struct client_limit *, uint64_t key, unsigned most,
    int64_t now);

/* "192.0.2.7", "192.0.2.0/24", "2001:db8::/32". What is none is skipped and
 * logged: the configuration was checked before. */
struct prefix_list;
struct prefix_list *prefix_list_create(const struct strlist *);
void prefix_list_destroy(struct prefix_list **);
bool prefix_list_match(const struct prefix_list *, const struct net_addr *);

#endif
