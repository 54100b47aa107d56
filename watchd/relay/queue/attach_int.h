/* SPDX-License-Identifier: ISC
 * attach_int: what attach.c and detach.c share. Where a store is shared domains
 * become ours and leave again:
 *
 *	theirs --attach--> ours --detach--> leaving --all is back--> forgetting --.
 *	  ^                 ^                  |                        |         |
 *	  |                 `---- attach: kept +------ and read anew ---'         |
 *	  `------------------------ done ----------------------------------------'
 *
 * Of one that leaves nothing shared is handed out, and what comes back is written
 * down as ever. When another has taken our place (queue_detach_all) all is theirs
 * with one assignment, queue.owned; a walk forgets what is left of it (purging)
 * before anything is read again, and a part that somebody is busy with is marked:
 * nothing of it is written when it is back. All that is long is done in steps of
 * the queue's task. Loop thread; nothing here fails. */
#ifndef MX_QUEUE_ATTACH_INT_H
#define MX_QUEUE_ATTACH_INT_H

#include "relay/queue/queue_int.h"

struct batch; /* of domains that are to be read */

struct leaving {
	TAILQ_ENTRY(leaving) link; /* in one of the lists of struct attach */
	struct leaving *also; /* who asked for the same */
	struct dest *dest; /* NULL: it is over */
	queue_left_cb *done;
	void *arg;
	bool kept, ready, forgetting;
	char name[];
};
TAILQ_HEAD(leaving_list, leaving);

struct attach {
	STAILQ_HEAD(, batch) waiting;
	uint64_t last_batch;
	unsigned scans;
	uint64_t *removed; /* ids, since the first of the looks under way */
	size_t nremoved, removed_size;
	struct loop_timer *again; /* after a look that failed */
	struct leaving_list busy; /* something of it is out, or written */
	struct leaving_list ready; /* to be forgotten */
	struct leaving_list over; /* to be told of */
	unsigned unremoved; /* removals that have to be tried again */
	uint64_t purged, purged_vault; /* up to these ids */
};

/* What is stored of it is read, with others that came lately. */
void attach_read(struct dest *);
/* It leaves no more, for it is ours again or has gone: told of by the task. */
void leaving_end(struct dest *, bool kept);
void leavings_free(struct leaving_list *);
/* Of the task. */
void leave_some(struct queue *, unsigned *budget);
void purge_some(struct queue *, unsigned *budget);
void tell_some(struct queue *);

#endif
