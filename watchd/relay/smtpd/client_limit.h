/* SPDX-License-Identifier: ISC
 * client_limit: the number of open sessions of a client (an IPv4 address, or an
 * IPv6 /64), and of those it began within the last minute. Bounded in size
 * whatever the peers do: when an entry is contested, a client without open
 * sessions is evicted; at worst a client is not counted. Loop thread. */
#ifndef MX_SMTPD_CLIENT_LIMIT_H
#define MX_SMTPD_CLIENT_LIMIT_H

#include "base/defs.h"

struct client_limit;

enum client_verdict {
	CLIENT_OK,
	CLIENT_TOO_MANY, /* open sessions */
	CLIENT_TOO_FAST, /* sessions a minute */
};

/* Room for about four times `sessions` clients. */
struct client_limit *client_limit_create(unsigned sessions);
void client_limit_destroy(struct client_limit **);

/* Counts a new session if it is allowed (CLIENT_OK; then client_limit_leave has
 * to follow). `rate` 0: no limit. `now` is monotonic. */
enum client_verdict client_limit_enter(struct client_limit *, uint64_t key,
    unsigned per_client, unsigned rate, int64_t now);
void client_limit_leave(struct client_limit *, uint64_t key);
/* May one more line about this client be logged? At most `most` a minute. */
bool client_limit_line(struct client_limit *, uint64_t key, unsigned most,
    int64_t now);

#endif
