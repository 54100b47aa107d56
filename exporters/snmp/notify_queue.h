/* SPDX-License-Identifier: ISC
 * notify_queue: notifications waiting for the subagent. They are sent one by
 * one at a bounded rate, so that neither the master agent nor a manager behind
 * UDP loses any in a storm; one that the master did not accept is retried with
 * growing delays. A waiting change of state of a domain is replaced by a newer
 * one, so that a storm of any length is one notification a domain. Those
 * without room, or that waited too long, are dropped, and counted. Pure: the
 * time is an argument (monotonic ns). Loop thread. */
#ifndef MX_SNMP_NOTIFY_QUEUE_H
#define MX_SNMP_NOTIFY_QUEUE_H

#include <sys/queue.h>

#include "exporters/snmp/notify.h"

TAILQ_HEAD(notify_list, notify_item);

struct notify_queue {
	/* notifications that require action, sent first; the others */
	struct notify_list urgent, usual;
	struct notify_item *sent; /* under way, first in its list; NULL: none */
	unsigned n;
	unsigned max; /* most that may wait */
	int64_t spacing, lifetime; /* ns */
	int64_t next_at; /* earliest next one; ns */
	int64_t again; /* ns: the wait after a refused one */
	uint64_t dropped;
};

void notify_queue_init(struct notify_queue *);
/* Drops all waiting ones, uncounted. */
void notify_queue_fini(struct notify_queue *);
void notify_queue_limit(struct notify_queue *, unsigned max, unsigned rate,
    int64_t lifetime_ms);

/* Is there room for one of that worth? Courtesies may use half of the queue,
 * those that are not urgent three quarters. */
bool notify_queue_room(const struct notify_queue *, const struct wire_notice *,
    enum notify_worth);
/* `domain` is the entry of the domain whose state changed; NULL: not a change
 * of state. A courtesy without room is not counted as dropped. */
void notify_queue_add(struct notify_queue *, const struct wire_notice *,
    enum notify_worth, struct index_entry *domain, int64_t now);
/* The one to send now, NULL: none; then *wait_ns is the time to wait, -1: until
 * an event. Drops those that waited too long. */
const struct wire_notice *
notify_queue_next(struct notify_queue *, int64_t now, int64_t *wait_ns);
void notify_queue_sent(struct notify_queue *); /* it is under way */
/* The master accepted or refused it; no-op when none is under way. */
void notify_queue_answer(struct notify_queue *, bool taken, int64_t now);

#endif
