/* SPDX-License-Identifier: ISC
 * joint: one record of outages out of what the nodes of a cluster tell. Each node has
 * accounts of the outages that it saw, which it alone writes; all nodes hear all of
 * them. Accounts of one name whose times overlap are one outage. What is shown of it
 * is worked out of the accounts: whatever the order in which they came, and whoever
 * works it out, the record is the same.
 *
 *	mx1  |--- down ---|         |-- down --      an account each
 *	mx2      |---- down ----|
 *	     `------- one -------'  `-- another
 *
 * The id is that of its first account (joint_id() of those, the lowest). It begins with
 * the first failure and is over with the last recovery; it is as far from over as the
 * node says that is furthest; what nodes count is added up, for each counts what it
 * took and delivered itself; depth and age are the greatest, for the queue of a domain
 * is its owner's.
 *
 * How long a primary was down is another matter: that is the time in which no node that
 * watched it saw it up. Who cannot reach it while others can says more of its own way
 * than of the primary. A node watches a primary since it knows it, and until it was
 * alive last, but for its absences. Domains have an account only where mail was
 * touched, so of them silence says nothing, and each account counts. Within an account
 * what was down is taken to be spread evenly.
 *
 * An account that is open goes on as long as its node lives; else it ended when that
 * said something last. An absence of a node is a record of its own, and was unwatched
 * only while no other node was there.
 *
 * Bounded by what the nodes tell, and by JOINT_MAX. A change walks the accounts of its
 * name, and some records are made anew a tick. Pure: the time comes in. Loop thread. */
#ifndef MX_LEDGER_JOINT_H
#define MX_LEDGER_JOINT_H

#include "ledger/kept.h"

#define JOINT_NODES 32 /* numbers of nodes are below; 0 is none */
#define JOINT_MAX   400000 /* accounts */

struct joint;

struct joint_ops {
	/* Does that node live? It said something at `said`, wall seconds. */
	bool (*alive)(void *arg, unsigned node, int64_t said);
	/* Records of that primary are others than before. */
	void (*changed)(void *arg, const char *label);
	void *arg;
};

/* Records go to the list, which is nobody else's to change. */
struct joint *joint_create(struct kept *, const struct joint_ops *);
void joint_destroy(struct joint **);

/* How the record is called that has this account and no earlier one. */
uint64_t joint_id(unsigned node, uint64_t id);

/* That node's account, as of `said` (wall ms), or another version of it. False: it is
 * none. The line is referenced. */
bool joint_put(struct joint *, unsigned node, uint64_t id, int64_t said,
    struct kept_line *);
/* The same for who has it at hand, of which the line is printed. */
bool joint_put_outage(struct joint *, unsigned node, const struct outage *,
    int64_t said, struct kept_line *);
void joint_drop(struct joint *, unsigned node, uint64_t id);
/* That node watches the primary since then, wall seconds (0: no more, and never did),
 * and did until then (0: it still does). */
void joint_known(struct joint *, unsigned node, const char *label,
    int64_t since, int64_t until);
/* It was alive then, wall seconds; it is called that ("": not any more). With one that
 * has a name nodes are not told apart: a record has no `nodes` then. */
void joint_said(struct joint *, unsigned node, int64_t wall);
void joint_named(struct joint *, unsigned node, const char *name);

/* Every second: what changed is made anew, some of it. */
void joint_tick(struct joint *, int64_t wall_ms);
/* All of it, at once: for the start. */
void joint_settle(struct joint *, int64_t wall_ms);

/* Since when any node knows that primary, wall seconds; 0: none does. */
int64_t joint_since(const struct joint *, const char *label);
int64_t joint_alive(const struct joint *, unsigned node); /* as it said; 0 */
bool joint_lives(const struct joint *, unsigned node); /* as of the last tick */
/* What that node left down when it went, in the eyes of the others that live. */
enum joint_elsewhere {
	JOINT_NOBODY, /* watches it */
	JOINT_GOES_ON,
	JOINT_ENDED,
};
enum joint_elsewhere joint_elsewhere(struct joint *, unsigned node,
    enum outage_kind, const char *name);
/* Calls for some of what was over before `wall`, to be dropped, or not: accounts, of
 * whichever node; of nodes that are gone for so long, and have no account any more,
 * what they knew (id 0), and in the end that they were there at all (id 0, NULL). */
void joint_old(struct joint *, int64_t wall,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg);
unsigned joint_count(const struct joint *); /* accounts */

#endif
