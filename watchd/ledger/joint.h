/* SPDX-License-Identifier: ISC
 * joint: combines the outages that the nodes of a cluster report. Each node has
 * accounts of the outages that it saw, which only it writes; all nodes read all
 * of them. Accounts of one name whose times overlap are one outage. The
 * displayed record is computed from the accounts: it is the same on every node,
 * whatever the order in which they came.
 *
 *	mx1  |--- down ---|         |-- down --      an account each
 *	mx2      |---- down ----|
 *	     `------- one -------'  `-- another
 *
 * The id is that of its first account (joint_id(), the lowest). It begins with
 * the first failure and ends with the last recovery; its state is the one of
 * the node that is furthest from over; counts are summed, because each node
 * counts what it accepted and delivered itself; depth and age are the greatest,
 * because the queue of a domain is its owner's.
 *
 * The time down of a primary is computed differently: it is the time in which
 * no node that watched it saw it up. A node that cannot reach it while others
 * can has a problem of its own network. A node watches a primary since it knows
 * it, and until it was last alive, except for its absences. Domains have an
 * account only where mail was touched, so that a missing account says nothing,
 * and each account counts. Within an account the time down is assumed to be
 * spread evenly.
 *
 * An open account continues as long as its node lives; otherwise it ended when
 * the node last reported something. An absence of a node is a record of its
 * own, and was unwatched only while no other node was there.
 *
 * Bounded by what the nodes report, and by JOINT_MAX. A change walks the
 * accounts of its name; a bounded number of records is remade a tick. Pure: the
 * time is an argument. Loop thread. */
#ifndef MX_LEDGER_JOINT_H
#define MX_LEDGER_JOINT_H

#include "ledger/kept.h"

#define JOINT_NODES 32 /* node numbers are below; 0 is none */
#define JOINT_MAX   400000 /* accounts */

struct joint;

struct joint_ops {
	/* Does that node live? Its last report was at `said`, wall seconds. */
	bool (*alive)(void *arg, unsigned node, int64_t said);
	/* Records of that primary have changed. */
	void (*changed)(void *arg, const char *label);
	void *arg;
};

/* Records are put into the list, which nobody else may change. */
struct joint *joint_create(struct kept *, const struct joint_ops *);
void joint_destroy(struct joint **);

/* The id of a record whose first account this is. */
uint64_t joint_id(unsigned node, uint64_t id);

/* That node's account, as of `said` (wall ms), new or changed. False:
 * malformed. The line is referenced. */
bool joint_put(struct joint *, unsigned node, uint64_t id, int64_t said,
    struct kept_line *);
/* The same when the outage is at hand, of which the line is printed. */
bool joint_put_outage(struct joint *, unsigned node, const struct outage *,
    int64_t said, struct kept_line *);
void joint_drop(struct joint *, unsigned node, uint64_t id);
/* That node watches the primary since `since`, wall seconds (0: not any more,
 * never did), and did until `until` (0: still does). */
void joint_known(struct joint *, unsigned node, const char *label,
    int64_t since, int64_t until);
/* The node was alive at `wall` seconds; its name ("": forgotten). As long as
 * only one node has a name, records have no `nodes`. */
void joint_said(struct joint *, unsigned node, int64_t wall);
void joint_named(struct joint *, unsigned node, const char *name);

/* To be called every second: remakes some of the changed records. */
void joint_tick(struct joint *, int64_t wall_ms);
/* Remakes all of them at once: for the start. */
void joint_settle(struct joint *, int64_t wall_ms);

/* Since when any node knows the primary, wall seconds; 0: none does. */
int64_t joint_since(const struct joint *, const char *label);
/* as it reported; 0 */
int64_t joint_alive(const struct joint *, unsigned node);
bool joint_lives(const struct joint *, unsigned node); /* as of the last tick */
/* The state, as seen by the other live nodes, of what that node left down when
 * it went. */
enum joint_elsewhere {
	JOINT_NOBODY, /* no other live node watches it */
	JOINT_GOES_ON,
	JOINT_ENDED,
};
enum joint_elsewhere joint_elsewhere(struct joint *, unsigned node,
    enum outage_kind, const char *name);
/* Calls `old` for some of the data that ended before `wall`, to be dropped or
 * not: accounts of any node; for nodes that have been gone as long, and have no
 * accounts left, what they knew (id 0), and at last their existence (id 0,
 * NULL). */
void joint_old(struct joint *, int64_t wall,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg);
unsigned joint_count(const struct joint *); /* accounts */

#endif
