/* SPDX-License-Identifier: ISC
 * outage: one record of the ledger, and how it is written: an object of JSON on
 * one line, the same in the file, on the control socket, by HTTP and in the
 * manual (mxwatch-status(7), "outages").
 *
 * Of whom: a primary; a domain; or mxwatchd itself, for the time in which it did
 * not run and nobody watched.
 *
 *	suspected --down--> down --up--> draining --its mail is gone--> over
 *	    |                ^              |                            |
 *	    `--up: no record `---- down again (a flap) ------------------'
 *
 * It is one outage as long as it comes back within ledger { merge } of having
 * recovered. Times are wall seconds, 0 for never; how long something took is
 * measured by the monotonic clock, in ms, and does not follow a clock that is
 * set. While the daemon was not running nothing is invented: that time is
 * `unwatched_ms`, and is no part of `down_ms`. Texts of peers are cut to
 * OUTAGE_TEXT_MAX. A value; whoever holds one owns its texts. Pure. */
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

/* Marks: what people and we ourselves did meanwhile. */
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
	 * trouble), and the outage of that one, 0 without a record. */
	char *primary;
	uint64_t part_of;
	bool gone; /* it left the configuration before the end */

	/* The first failure: the phase, the command and its reply; seen by a
	 * delivery, or else by a probe. */
	enum smtp_phase phase;
	char *reply;
	bool by_delivery;

	int64_t failed, detected, recovered;
	int64_t first_delivery, drained;
	int64_t
	    detected_ms; /* from the first failure until it was called down */
	int64_t down_ms, drain_ms;
	int64_t unwatched_ms, maintenance_ms; /* the latter is in down_ms */
	unsigned flaps;

	/* Of a primary: domains that name it; those with a record of their own;
	 * those for which there was no room (ledger { open }). */
	unsigned domains, recorded, unrecorded;

	/* Meanwhile, until it was over. accepted, delivered: messages; the
	 * others: recipients. */
	uint64_t accepted, refused, delivered, returned, expired;
	uint64_t depth; /* most messages queued */
	int64_t age_ms; /* of the oldest of them, at its greatest */
	double peak_rate; /* messages a second delivered, at its greatest */

	unsigned nmarks, marks_lost;
	struct outage_mark *mark; /* by time */

	/* In a cluster: the nodes that have an account of it; is not read back. */
	unsigned nnodes;
	char **node;
};

/* "" texts; the rest zero. */
void outage_init(struct outage *, enum outage_kind, const char *name);
void outage_fini(struct outage *);
/* Replaces a text, cut to OUTAGE_TEXT_MAX. */
void outage_text_set(char **, const char *);
void outage_node_add(struct outage *, const char *name);
/* When there are OUTAGE_MARKS_MAX the middle goes, and is counted. */
void outage_mark_add(struct outage *, enum outage_mark_kind, int64_t at,
    const char *who, const char *what);
/* Was it in a window of maintenance, by its last mark of one? */
bool outage_maintained(const struct outage *);
/* Of one that is down: it was until then, wall ms, where nothing came back between. */
void outage_down_until(struct outage *, int64_t wall_ms);

/* One line without a line feed; the caller frees it. */
char *outage_print(const struct outage *);
/* 0, or -MX_ESYNTAX: it is no outage, or not all of it makes sense; *o is
 * unchanged then. Fields that are not known are passed over. */
int outage_parse(struct outage *o, const char *line, size_t len) MX_NODISCARD;

const char *outage_kind_name(enum outage_kind);
const char *outage_state_name(enum outage_state);
const char *outage_mark_name(enum outage_mark_kind);

#endif
