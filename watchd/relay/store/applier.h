/* SPDX-License-Identifier: ISC
 * applier: the thread by which the database follows the log. It takes entries
 * from the tail in order, applies them in transactions of its own and frees
 * disk space (redo.h). While the database takes nothing, one transaction is
 * tried every second, and the tail says why (tail_is_stuck()). Started and
 * stopped by writer.c. */
#ifndef MX_STORE_APPLIER_H
#define MX_STORE_APPLIER_H

#include "relay/store/spool.h"
#include "relay/store/tail.h"

struct applier;

/* Called on the applier's thread. */
struct applier_events {
	void (*unlinked)(void *arg, uint64_t number, uint64_t size, int error);
	void *arg;
};

struct applier *applier_start(struct spool *, struct tail *,
    const struct applier_events *); /* or NULL */
/* Applies the remaining entries, if possible, and ends. */
void applier_stop(struct applier **);

#endif
