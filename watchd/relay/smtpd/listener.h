/* SPDX-License-Identifier: ISC
 * listener: one listening socket. Accepts a bounded number of connections a
 * turn. When descriptors run out it answers one client with a descriptor held
 * in reserve and pauses briefly instead of spinning. Loop thread. */
#ifndef MX_SMTPD_LISTENER_H
#define MX_SMTPD_LISTENER_H

#include <sys/queue.h>

#include "base/err.h"
#include "net/addr.h"
#include "net/loop.h"

struct listener {
	LIST_ENTRY(listener) link;
	struct net_addr addr; /* as configured */
	struct net_addr bound; /* differs when port 0 was asked for */
	int fd;
	int reserve; /* /dev/null, closed on EMFILE */
	struct loop_io *io;
	struct loop_timer *rest;
	void (*accepted)(void *arg, int fd, const struct net_addr *peer);
	void *arg;
};

/* NULL and *eb when it cannot be bound. `accepted` is not called from
 * inside. */
struct listener *listener_create(struct loop *, const struct net_addr *,
    void (*accepted)(void *arg, int fd, const struct net_addr *peer), void *arg,
    struct mx_errbuf *eb);
void listener_destroy(struct listener **);

#endif
