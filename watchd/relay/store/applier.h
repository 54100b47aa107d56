/* SPDX-License-Identifier: ISC
 * applier: the thread by which the database follows the log: takes entries out
 * of the tail in order, applies them in transactions of its own and gives disk
 * space back (redo.h). While the database takes nothing, one transaction is
 * tried every second, and the tail says why (tail_is_stuck()).
 * Made and ended by writer.c. */
#ifndef MX_STORE_APPLIER_H
#define MX_STORE_APPLIER_H

#include "relay/store/spool.h"
#include "relay/store/tail.h"

struct applier;

/* Called on this thread. */
struct applier_events {
	void (*unlinked)(void *arg, uint64_t number, uint64_t size, int error);
	void *arg;
};

struct applier *applier_start(struct spool *, struct tail *,
    const struct applier_events *); /* or NULL */
/* Applies what is left, if it can be, and ends. */
void applier_stop(struct applier **);

#endif
