/* SPDX-License-Identifier: ISC
 * self: who we are, as route.h takes it: our names, the addresses of this
 * host's interfaces and the ports that we listen on. Look-ups that are under
 * way borrow it, and nobody walks all domains to end them: one that was
 * replaced is kept until none can be left. */
#ifndef MX_DAEMON_SELF_H
#define MX_DAEMON_SELF_H

#include "config/config.h"
#include "net/route.h"

struct self;

/* Asks the system for its addresses. Any thread. */
struct self *self_create(const struct config *);
void self_destroy(struct self **); /* those that it replaced, too */
const struct route_self *self_route(const struct self *);

/* *self is the fresh one from here on, unless both say the same: then it stays
 * and the fresh one is gone. */
void self_replace(struct self **, struct self **fresh, int64_t now);

#endif
