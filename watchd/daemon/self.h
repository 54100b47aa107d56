/* SPDX-License-Identifier: ISC
 * self: our own identity as route.h takes it: our names, the addresses of this
 * host's interfaces and the ports that we listen on. Look-ups in progress
 * borrow it, and it would be expensive to cancel those of all domains: a
 * replaced one is kept until no look-up can have it any more. */
#ifndef MX_DAEMON_SELF_H
#define MX_DAEMON_SELF_H

#include "config/config.h"
#include "net/route.h"

struct self;

/* Asks the system for its addresses. Any thread. */
struct self *self_create(const struct config *);
void self_destroy(struct self **); /* also frees those that it replaced */
const struct route_self *self_route(const struct self *);

/* Makes `fresh` the current one, unless both are equal: then it is freed. */
void self_replace(struct self **, struct self **fresh, int64_t now);

#endif
