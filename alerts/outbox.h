/* SPDX-License-Identifier: ISC
 * outbox: what each receiver was sent and is to be sent, an entry for each of
 * its groups. Only the newest state of a group waits; a resolve never overtakes
 * its trigger, and is never forgotten once a trigger may have got out. The
 * guarantee is at least once: an entry is marked `attempted` on the disk before
 * its first byte is sent, and told after the answer, so that a crash in between
 * sends twice, with the same key, and never not at all. Pure: times are
 * arguments (wall ms). Alert thread. */
#ifndef MX_ALERTS_OUTBOX_H
#define MX_ALERTS_OUTBOX_H

#include "alerts/note.h"
#include "fetch/carry.h"

#define OUTBOX_MAX	   1024 /* entries per receiver */
#define OUTBOX_GIVE_UP_MS  INT64_C(86400000)
#define OUTBOX_BACKOFF_MS  INT64_C(5000)
#define OUTBOX_BACKOFF_MAX INT64_C(300000)
#define OUTBOX_RETRY_MAX   INT64_C(3600000) /* limit of a Retry-After */

enum outbox_phase {
	OUTBOX_WAIT, /* waits for others of its group */
	OUTBOX_TRIGGER, /* to be sent */
	OUTBOX_TOLD, /* sent, and active */
	OUTBOX_RESOLVE, /* its end is to be sent */
};

struct outbox_entry {
	RB_ENTRY(outbox_entry) link;
	uint64_t id; /* valid in this run only */
	char receiver[SNAP_NAME_MAX];
	struct note note;
	enum outbox_phase phase;
	bool attempted; /* a trigger may have been received */
	bool reached; /* a trigger was received */
	bool ended; /* over: a resolve follows the trigger */
	bool again; /* it began again while its resolve was being sent */
	unsigned attempts; /* in this phase */
	int64_t due_ms;
	int64_t phase_ms; /* start of this phase */
	int64_t told_ms; /* last sent */
	enum alert_severity told; /* with this severity */
	unsigned told_total; /* and this many members */
	/* The host name when it began: part of the key by which the receiver
	 * knows it, so that a new name does not orphan it. "": none */
	char host[TEXT_DOMAIN_MAX];
	/* not saved */
	bool in_flight, quiet, seen;
	bool left; /* last event was outbox_leave() */
	/* for the caller: its resolve is delayed since then; 0 */
	int64_t over_ms;
	char other[SNAP_NAME_MAX]; /* in favour of that node */
};

RB_HEAD(outbox_tree, outbox_entry);
RB_PROTOTYPE(outbox_tree, outbox_entry, link, outbox_compare)

struct outbox {
	struct outbox_tree tree; /* by receiver, kind, group */
	uint64_t last_id;
	uint64_t dropped; /* entries without room, or evicted */
	bool changed; /* to be saved; cleared by the owner */
};

void outbox_init(struct outbox *);
void outbox_fini(struct outbox *);

/* The entry, created if there is none. If there are too many, the oldest
 * resolve is evicted; NULL: there is none to evict. */
struct outbox_entry *outbox_get(struct outbox *, const char *receiver,
    enum alert_kind, const char *group);
struct outbox_entry *outbox_by_id(struct outbox *, uint64_t id);
void outbox_remove(struct outbox *, struct outbox_entry *);

struct outbox_pace {
	int64_t group_wait_ms, group_interval_ms, repeat_ms;
};
/* The group fires. quiet: all of it is silenced, so that nothing is begun; what
 * was sent stays. */
void outbox_fire(struct outbox *, const char *receiver, const char *host,
    const struct note *, const struct outbox_pace *, bool quiet, int64_t now);
/* Takes over what another node has sent to that receiver: a note of one member.
 * It stays active, or is over if nothing of it fires. */
void outbox_take(struct outbox *, const char *receiver, const char *host,
    const struct note *, int64_t now);
/* Another node is responsible for that domain of the group: nothing more is
 * sent about it here, not even its end, unless that is under way. */
void outbox_leave(struct outbox *, const char *receiver, enum alert_kind,
    const char *group, const char *domain);
/* Ends entries for which outbox_fire() was not called since the last time. */
void outbox_sweep(struct outbox *, int64_t now);

/* The next one for that receiver, which has none in flight; NULL: none is
 * due. */
struct outbox_entry *
outbox_next(struct outbox *, const char *receiver, int64_t now);
unsigned outbox_pending(const struct outbox *, const char *receiver);

/* It is about to be sent in its present state; a later change is news. */
void outbox_sending(struct outbox *, struct outbox_entry *);

/* The result of a transfer. A trigger is given up after a day; a resolve is
 * not, because somebody might act on the trigger for ever. */
void outbox_done(struct outbox *, struct outbox_entry *, enum carry_result,
    int64_t now);
/* The pause of a receiver after that many failures in a row. */
int64_t outbox_backoff_ms(unsigned failures, int64_t retry_after_ms);

#endif
