/* SPDX-License-Identifier: ISC
 * outbox: what each receiver has been told and is still to be told, an entry
 * for each of its groups. Only the newest state of a group waits; a resolve
 * never overtakes its trigger, and is never forgotten once a trigger got
 * out. The guarantee is at least once: an entry is marked `attempted` on the
 * disk before its first byte leaves, and told after the answer, so that a
 * crash in between tells twice, with the same key, and never not at all.
 * Pure: times come in (wall ms). Alert thread. */
#ifndef MX_ALERTS_OUTBOX_H
#define MX_ALERTS_OUTBOX_H

#include "alerts/note.h"
#include "fetch/carry.h"

#define OUTBOX_MAX	   1024 /* entries of one receiver */
#define OUTBOX_GIVE_UP_MS  INT64_C(86400000)
#define OUTBOX_BACKOFF_MS  INT64_C(5000)
#define OUTBOX_BACKOFF_MAX INT64_C(300000)
#define OUTBOX_RETRY_MAX   INT64_C(3600000) /* of a Retry-After */

enum outbox_phase {
	OUTBOX_WAIT, /* for others of its group */
	OUTBOX_TRIGGER, /* has to be told */
	OUTBOX_TOLD, /* has been told, and goes on */
	OUTBOX_RESOLVE, /* has to be told that it is over */
};

struct outbox_entry {
	RB_ENTRY(outbox_entry) link;
	uint64_t id; /* of this run of the program */
	char receiver[SNAP_NAME_MAX];
	struct note note;
	enum outbox_phase phase;
	bool attempted; /* a trigger may have got out */
	bool reached; /* a trigger did */
	bool ended; /* it is over: a resolve follows the trigger */
	bool again; /* it began again while its resolve was sent */
	unsigned attempts; /* of this phase */
	int64_t due_ms;
	int64_t phase_ms; /* this phase began */
	int64_t told_ms; /* last */
	enum alert_severity told; /* as what */
	unsigned told_total; /* and of how many */
	/* The host name when it began: a part of the key by which the other
	 * side knows it, so that a new name does not orphan it. "" none */
	char host[TEXT_DOMAIN_MAX];
	/* not kept */
	bool in_flight, quiet, seen;
	bool left; /* the last that was heard of it: outbox_leave() */
	int64_t over_ms; /* the caller's: its end waits since then; 0 */
	char other[SNAP_NAME_MAX]; /* for that node */
};

RB_HEAD(outbox_tree, outbox_entry);
RB_PROTOTYPE(outbox_tree, outbox_entry, link, outbox_compare)

struct outbox {
	struct outbox_tree tree; /* by receiver, kind, group */
	uint64_t last_id;
	uint64_t dropped; /* that found no room, or made some */
	bool changed; /* since the owner cleared it: to be saved */
};

void outbox_init(struct outbox *);
void outbox_fini(struct outbox *);

/* A new entry, or the one that is there. Where there are too many, the oldest
 * resolve makes room; NULL: there is none either. */
struct outbox_entry *outbox_get(struct outbox *, const char *receiver,
    enum alert_kind, const char *group);
struct outbox_entry *outbox_by_id(struct outbox *, uint64_t id);
void outbox_remove(struct outbox *, struct outbox_entry *);

struct outbox_pace {
	int64_t group_wait_ms, group_interval_ms, repeat_ms;
};
/* The group fires, now. quiet: all of it is silenced, so that nothing is
 * begun; what was told stays told. */
void outbox_fire(struct outbox *, const char *receiver, const char *host,
    const struct note *, const struct outbox_pace *, bool quiet, int64_t now);
/* What another node has told that receiver: a note of one member. It goes on, or is
 * over when nothing fires of it. */
void outbox_take(struct outbox *, const char *receiver, const char *host,
    const struct note *, int64_t now);
/* That domain of the group is another node's to tell of: nothing more is said of
 * it here, not even its end, unless that is on its way. */
void outbox_leave(struct outbox *, const char *receiver, enum alert_kind,
    const char *group, const char *domain);
/* Those that no outbox_fire() was called for since the last time: over. */
void outbox_sweep(struct outbox *, int64_t now);

/* The one that is to be sent next to that receiver, which has none in
 * flight; NULL: none is due. */
struct outbox_entry *
outbox_next(struct outbox *, const char *receiver, int64_t now);
unsigned outbox_pending(const struct outbox *, const char *receiver);

/* It is about to be sent as it is now. What it says from then on may differ
 * from what the other side got; that is news. */
void outbox_sending(struct outbox *, struct outbox_entry *);

/* The end of an errand. A trigger is given up after a day; a resolve is not,
 * since somebody would look after the trigger for ever. */
void outbox_done(struct outbox *, struct outbox_entry *, enum carry_result,
    int64_t now);
/* How long a receiver is left alone after that many failures in a row. */
int64_t outbox_backoff_ms(unsigned failures, int64_t retry_after_ms);

#endif
