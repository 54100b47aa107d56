/* SPDX-License-Identifier: ISC
 * joint_int: shared by joint.c (accounts), joint_sweep.c (which of them are
 * one), joint_watch.c (which node watches since when), joint_lasted.c
 * (durations) and joint_make.c (the record). Times are wall seconds, except
 * those in ms. */
#ifndef MX_LEDGER_JOINT_INT_H
#define MX_LEDGER_JOINT_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "ledger/joint.h"

#define JOINT_OPEN	INT64_MAX /* not over */
#define JOINT_KNOWN_OLD 100
#define JOINT_GROUP_MAX 100 /* accounts of one record; the next are another's */

struct joint_account {
	RB_ENTRY(joint_account) by_id, by_time, by_part;
	struct joint_name *name;
	unsigned node;
	uint64_t id;
	uint64_t part_of; /* in that node's ids; 0 */
	uint64_t shown; /* the record that it is in; 0: none yet */
	int64_t said_ms;
	enum outage_state state;
	int64_t from;
	int64_t to; /* recovered; 0: down */
	struct kept_line *line;
};
RB_HEAD(joint_by_id, joint_account);
RB_HEAD(joint_by_time, joint_account);
RB_HEAD(joint_by_part, joint_account);

struct joint_name {
	RB_ENTRY(joint_name) by_name;
	TAILQ_ENTRY(joint_name) dirty, open;
	enum outage_kind kind;
	char *name;
	struct joint_by_time accounts;
	uint64_t *shown; /* ids of its present records, ascending */
	unsigned nshown;
	bool is_dirty, is_open;
	int64_t again; /* records that end later are to be remade */
	int64_t last; /* latest end, or JOINT_OPEN */
	int64_t made_ms; /* when open ones were last remade */
};
RB_HEAD(joint_names, joint_name);
int joint_name_cmp(const struct joint_name *, const struct joint_name *);
int joint_time_cmp(const struct joint_account *, const struct joint_account *);
RB_PROTOTYPE(joint_names, joint_name, by_name, joint_name_cmp)
RB_PROTOTYPE(joint_by_time, joint_account, by_time, joint_time_cmp)
TAILQ_HEAD(joint_name_list, joint_name);

struct joint_known {
	RB_ENTRY(joint_known) link;
	char *label;
	unsigned node;
	int64_t since, until;
};
RB_HEAD(joint_known_tree, joint_known);

struct joint_node {
	char *name; /* NULL: not reported */
	bool lives;
	unsigned things; /* accounts and known primaries that it reported */
	int64_t said; /* last alive; 0 never */
	int64_t died; /* records made since took it for gone then */
	int64_t since; /* it knows a primary; 0: none */
	bool since_stale;
};

struct joint {
	struct kept *view;
	struct joint_ops ops;
	struct joint_node node[JOINT_NODES];
	struct joint_by_id accounts;
	struct joint_by_part parts; /* those with part_of */
	struct joint_names names;
	struct joint_known_tree known;
	/* open: least recently remade first */
	struct joint_name_list dirty, open;
	unsigned n, named; /* accounts; nodes with a name */
	/* State of a walk over all names, some a tick. */
	int64_t walk_from;
	struct joint_name *walk;
	bool walking;
	/* Where joint_old() continues. */
	unsigned old_node;
	uint64_t old_id;
};

/* Accounts that form one outage, by time. */
struct joint_group {
	const struct joint_name *name;
	struct joint_account **account;
	unsigned n;
	uint64_t id;
	int64_t from, to; /* to: JOINT_OPEN */
	bool open; /* not over at every node */
};

/* joint.c */
struct joint_name *
joint_name_find(const struct joint *, enum outage_kind, const char *name);
struct joint_account *
joint_account_find(const struct joint *, unsigned node, uint64_t id);
/* The first one not before the key; NULL. */
struct joint_account *
joint_account_next(const struct joint *, const struct joint_account *key);
/* Records of that name, or of all, that end after `from` are to be remade. */
void joint_again(struct joint *, struct joint_name *, int64_t from);
void joint_all_again(struct joint *, int64_t from);
void
joint_name_open(struct joint *, struct joint_name *, bool open, int64_t now_ms);
void joint_name_free(struct joint *, struct joint_name *);
/* Accounts whose domain waited for this record have to be remade, since its id
 * may change. */
void joint_parts_again(struct joint *, const struct joint_account *);
/* The end of the account for the grouping. */
int64_t joint_end(const struct joint *, const struct joint_account *);

/* joint_sweep.c: remakes changed records of the name, up to `budget` accounts;
 * returns the rest of the budget. */
unsigned joint_name_make(struct joint *, struct joint_name *, unsigned budget,
    int64_t now_ms);

/* joint_watch.c */
void joint_watch_look(struct joint *); /* updates which nodes live */
const char *joint_name_of(const struct joint *, unsigned node); /* "" */
void joint_watch_fini(struct joint *);
void joint_watch_old(struct joint *, int64_t wall,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg);
/* The nodes that know the primary, in order; NULL: none, no more. */
struct joint_known *joint_known_first(const struct joint *, const char *label);
struct joint_known *joint_known_next(struct joint_known *);
/* Since when that node watches anything; 0: nothing. */
int64_t joint_node_since(struct joint *, unsigned node);

/* joint_lasted.c */
/* How long the outage of a group lasted; not for absences. `now` in ms. */
struct joint_lasted {
	int64_t down_ms, counts_ms; /* the latter without maintenance */
	int64_t unwatched_ms;
};
/* The same by each account. */
struct joint_says {
	int64_t down_ms, maintenance_ms, unwatched_ms;
};
void joint_lasted(struct joint *, const struct joint_group *,
    const struct joint_says *, int64_t now, struct joint_lasted *);
/* For an absence: the part in which no other node was there; and of that the
 * part that is counted here, not with another node's absence. */
void joint_absence(struct joint *, const struct joint_account *,
    int64_t lasted_ms, int64_t *unwatched_ms, int64_t *counts_ms);

/* joint_make.c: makes the record of the group and puts it into the view. */
void joint_make(struct joint *, const struct joint_group *, int64_t now_ms);

#endif
