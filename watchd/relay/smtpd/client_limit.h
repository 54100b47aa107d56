/* SPDX-License-Identifier: ISC
 * client_limit: how many sessions one client (an address, or its /64) has
 * and how many it began within the last minute. Of bounded size whatever the
 * peers do: when a place in the table is contested, a client without open
 * sessions gives way, and at worst a client goes uncounted. Loop thread. */
#ifndef MX_SMTPD_CLIENT_LIMIT_H
#define MX_SMTPD_CLIENT_LIMIT_H

#include "base/defs.h"

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

#endif
