/* SPDX-License-Identifier: ISC
 * outage: one record of the ledger, and its notation: a JSON object on one
 * line, the same in the file, on the control socket, by HTTP and in the manual
 * (mxwatch-status(7), "outages").
 *
 * It is about a primary; a domain; or mxwatchd itself, for the time in which it
 * did not run and nothing was watched.
 *
 *	suspected --down--> down --up--> draining --its mail is gone--> over
 *	    |                ^              |                            |
 *	    `--up: no record `---- down again (a flap) ------------------'
 *
 * It stays one outage as long as it comes back within ledger { merge } of its
 * recovery. Times are wall seconds, 0 for never; durations are measured by the
 * monotonic clock, in ms, and do not follow a clock that is set. Time in which
 * the daemon did not run is `unwatched_ms`, and not part of `down_ms`. Text of
 * peers is cut to OUTAGE_TEXT_MAX. A value; the holder owns its strings.
 * Pure. */
#ifndef MX_LEDGER_OUTAGE_H
#define MX_LEDGER_OUTAGE_H

#include "base/text.h"
#include "smtp/phase.h"

#define OUTAGE_NAME_MAX	 (TEXT_DOMAIN_MAX + 8)
#define OUTAGE_TEXT_MAX	 300
#define OUTAGE_MARKS_MAX 40 /* the first half of them, and the last ones */
#define OUTAGE_LINE_MAX	 65536

#define OUTAGE_KINDS(KIND)                                                     \
	KIND(PRIMARY, primary)                                                 \
	KIND(DOMAIN, domain)                                                   \
	KIND(DAEMON, daemon)
enum outage_kind {
#define KIND(NAME, name) OUTAGE_##NAME,
	OUTAGE_KINDS(KIND)
#undef KIND
	    OUTAGE_KIND_MAX,
};

#define OUTAGE_STATES(STATE)                                                   \
	STATE(SUSPECTED, suspected) /* no record yet */                        \
	STATE(DOWN, down)                                                      \
	STATE(DRAINING, draining) /* up; mail of that time is left */          \
	STATE(OVER, over)
enum outage_state {
#define STATE(NAME, name) OUTAGE_##NAME,
	OUTAGE_STATES(STATE)
#undef STATE
	    OUTAGE_STATE_MAX,
};

/* Marks: what operators and mxwatchd did meanwhile. */
#define OUTAGE_MARKS(MARK)                                                     \
	MARK(TOLD, told) /* a receiver took an alert: who, which */            \
	MARK(OPERATOR, operator) /* a verb of mxwatchctl: who, what */         \
	MARK(FLAP, flap) /* it went down again */                              \
	MARK(UP, up) /* and up, before such a flap */                          \
	MARK(RESTART, restart) /* the daemon did not run until then */         \
	MARK(MAINTENANCE, maintenance) /* a window began or ended */
enum outage_mark_kind {
#define MARK(NAME, name) OUTAGE_MARK_##NAME,
	OUTAGE_MARKS(MARK)
#undef MARK
	    OUTAGE_MARK_MAX,
};

struct outage_mark {
	enum outage_mark_kind kind;
	int64_t at; /* wall seconds */
	char *who, *what; /* never NULL */
};

struct outage {
	uint64_t id; /* ascending; 0: none yet */
	enum outage_kind kind;
	enum outage_state state;
	char *name; /* label of the primary, domain, "mxwatchd" */
	/* Of a domain: the primary that it waited for ("" none: its own
	 * trouble), and the id of that one's outage, 0 without a record. */
	char *primary;
	uint64_t part_of;
	bool gone; /* it left the configuration before the end */

	/* The first failure: the phase, the command and its reply; as seen by a
	 * delivery, or else by a probe. */
	enum smtp_phase phase;
	char *reply;
	bool by_delivery;

	int64_t failed, detected, recovered;
	int64_t first_delivery, drained;
	int64_t detected_ms; /* from the first failure to the verdict */
	int64_t down_ms, drain_ms;
	/* the latter is included in down_ms */
	int64_t unwatched_ms, maintenance_ms;
	unsigned flaps;

	/* Of a primary: domains that name it; those with a record of their own;
	 * those beyond ledger { open }. */
	unsigned domains, recorded, unrecorded;

	/* Counted until it was over. accepted, delivered: messages; the others:
	 * recipients. */
	uint64_t accepted, refused, delivered, returned, expired;
	uint64_t depth; /* largest number of messages queued */
	int64_t age_ms; /* greatest age of the oldest of them */
	double peak_rate; /* most messages a second delivered */

	unsigned nmarks, marks_lost;
	struct outage_mark *mark; /* by time */

	/* In a cluster: the nodes with an account of it; not parsed. */
	unsigned nnodes;
	char **node;
};

/* Strings are "", the rest zero. */
void outage_init(struct outage *, enum outage_kind, const char *name);
void outage_fini(struct outage *);
/* Replaces a string, cut to OUTAGE_TEXT_MAX. */
void outage_text_set(char **, const char *);
void outage_node_add(struct outage *, const char *name);
/* Beyond OUTAGE_MARKS_MAX marks from the middle are dropped, and counted. */
void outage_mark_add(struct outage *, enum outage_mark_kind, int64_t at,
    const char *who, const char *what);
/* Is it in a maintenance window, by its last such mark? */
bool outage_maintained(const struct outage *);
/* It is down until then, wall ms, if it did not recover in between. */
void outage_down_until(struct outage *, int64_t wall_ms);

/* One line without a line feed; the caller frees it. */
char *outage_print(const struct outage *);
/* 0, or -MX_ESYNTAX: not an outage, or inconsistent; *o is unchanged then.
 * Unknown fields are skipped. */
int outage_parse(struct outage *o, const char *line, size_t len) MX_NODISCARD;

const char *outage_kind_name(enum outage_kind);
const char *outage_state_name(enum outage_state);
const char *outage_mark_name(enum outage_mark_kind);

#endif
