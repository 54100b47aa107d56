/* SPDX-License-Identifier: ISC
 * notify_queue: the notifications that wait for the subagent. They leave one
 * after the other at a bounded rate, so that neither the master agent nor a
 * manager behind UDP loses any of a storm; one that the master did not take is
 * tried again, later each time. A change of state of a domain that waits is
 * replaced by its next one, so that a storm of any length is one notification a
 * domain. What finds no room or waited for too long is dropped, and counted.
 * Pure: the caller says what time it is (monotonic ns). Loop thread. */
#ifndef MX_SNMP_NOTIFY_QUEUE_H
#define MX_SNMP_NOTIFY_QUEUE_H

#include <sys/queue.h>

#include "exporters/snmp/notify.h"

TAILQ_HEAD(notify_list, notify_item);

struct notify_queue {
	/* those that an operator acts on, which go first; the others */
	struct notify_list urgent, usual;
	struct notify_item
	    *sent; /* on its way, first in its list; NULL: none */
	unsigned n;
	unsigned max; /* that wait */
	int64_t spacing, lifetime; /* ns */
	int64_t next_at; /* not before; ns */
	int64_t again; /* ns: the wait after one that was not taken */
	uint64_t dropped;
};

void notify_queue_init(struct notify_queue *);
/* All that wait are forgotten, uncounted. */
void notify_queue_fini(struct notify_queue *);
void notify_queue_limit(struct notify_queue *, unsigned max, unsigned rate,
    int64_t lifetime_ms);

/* Is there room for one of that worth? Courtesies find it in half of the queue,
 * what is not urgent in three quarters. */
bool notify_queue_room(const struct notify_queue *, const struct wire_notice *,
    enum notify_worth);
/* `domain` is the entry of the domain whose change of state it is; NULL: it is
 * no change of state. A courtesy without room is no loss. */
void notify_queue_add(struct notify_queue *, const struct wire_notice *,
    enum notify_worth, struct index_entry *domain, int64_t now);
/* The one that is to be sent now, NULL: none; then *wait_ns says for how long,
 * -1: until something happens. Drops those that waited for too long. */
const struct wire_notice *
notify_queue_next(struct notify_queue *, int64_t now, int64_t *wait_ns);
void notify_queue_sent(struct notify_queue *); /* that one is on its way */
/* It was taken by the master, or was not; nothing when none is on its way. */
void notify_queue_answer(struct notify_queue *, bool taken, int64_t now);

#endif
