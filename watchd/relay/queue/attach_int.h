/* SPDX-License-Identifier: ISC
 * attach_int: shared by attach.c and detach.c. Where a store is shared, domains
 * become ours and leave again:
 *
 *   theirs --attach--> ours --detach--> leaving --all is back--> forgetting --.
 *     ^                 ^                  |                        |         |
 *     |                 `---- attach: kept +------ and read anew ---'         |
 *     `------------------------ done ----------------------------------------'
 *
 * Of a domain that is leaving no shared part is handed out, and outcomes of
 * those that are out are written as usual. When another node has taken our
 * place (queue_detach_all), one assignment, to queue.owned, makes all domains
 * theirs; a walk drops their parts from the index (purging) before anything is
 * read again. A part that is busy then is marked as fenced: its outcome is not
 * written. All long operations are done in steps of the queue's task. Loop
 * thread; nothing here fails. */
#ifndef MX_QUEUE_ATTACH_INT_H
#define MX_QUEUE_ATTACH_INT_H

#include "relay/queue/queue_int.h"

struct batch; /* domains to be read */

struct leaving {
	TAILQ_ENTRY(leaving) link; /* in one of the lists of struct attach */
	struct leaving *also; /* another request for the same domain */
	struct dest *dest; /* NULL: it has ended */
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
	uint64_t *removed; /* ids of parts removed during scans */
	size_t nremoved, removed_size;
	struct loop_timer *again; /* after a scan that failed */
	struct leaving_list busy; /* parts are out or being written */
	struct leaving_list ready; /* to be dropped from the index */
	struct leaving_list over; /* to be reported */
	unsigned unremoved; /* removals that failed and are repeated */
	uint64_t purged, purged_vault; /* progress of the purge, by id */
};

/* Queues the domain for a scan of the store, together with others. */
void attach_read(struct dest *);
/* Ends the leaving, for the domain is ours again or is gone; the task reports
 * it. */
void leaving_end(struct dest *, bool kept);
void leavings_free(struct leaving_list *);
/* Steps of the queue's task. */
void leave_some(struct queue *, unsigned *budget);
void purge_some(struct queue *, unsigned *budget);
void tell_some(struct queue *);

#endif
