/* SPDX-License-Identifier: ISC
 * cluster_int: shared by the files of this folder. */
#ifndef MX_CLUSTER_CLUSTER_INT_H
#define MX_CLUSTER_CLUSTER_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/text.h"
#include "cluster/choose.h"
#include "cluster/cluster.h"

#define LABELS_MAX  16 /* primaries of a domain that are considered */
#define CAUSE_MAX   160
#define INFO_MAX    128 /* of each text that a node reports about itself */
#define NODES	    (STORE_NODE_MAX + 1)
#define KEY_MAX	    400
#define LEAVING_MAX 200 /* domains being moved at once */

struct member {
	struct store_node seen;
	int64_t stirred_ns; /* monotonic, by our clock: last activity */
	int64_t fence_epoch; /* epoch that is being fenced */
	int64_t left_stamp; /* of the order behind `left` */
	bool known, left, fencing;
	bool dead; /* fenced; otherwise its place was released */
	unsigned domains; /* owned */
	char version[INFO_MAX], config[INFO_MAX], hostname[INFO_MAX];
	char url[INFO_MAX];
};

/* A domain that is in the configuration, or has an owner. */
struct unit {
	RB_ENTRY(unit) link;
	TAILQ_ENTRY(unit) soon; /* in cluster.soon, if `hurried` */
	int64_t since_ns; /* it should be elsewhere; 0: it should not */
	int64_t pin_stamp;
	/* nodes that gave it away because they do not know it */
	uint32_t lacks;
	uint8_t owner, to, pin; /* nodes; `to`: while it leaves */
	/* source of the last owner: the follower, or an answer */
	uint8_t heard;
	uint8_t state;
	bool configured, hurried;
	char name[];
};
enum unit_state {
	/* not ours, whatever `owner` is: only the store's answer makes it
	 * ours */
	UNIT_AWAY,
	UNIT_TAKING,
	UNIT_OURS,
	UNIT_LEAVING, /* the queue is releasing it */
	UNIT_GIVING,
};
RB_HEAD(unit_tree, unit);

struct seen {
	SLIST_ENTRY(seen) link;
	int64_t since; /* wall seconds, by the clock of that node */
	int64_t heard_ns; /* monotonic: when we heard of it */
	int64_t down_ns; /* monotonic: when it was last down; 0: long ago */
	uint8_t state, node;
	bool untold; /* ours, not reported yet */
	char *cause; /* NULL: none */
};

/* A primary. The walk of the units counts for how many it is the first, and
 * which nodes, as bits, send to it: of the last complete walk, and so far in
 * `walk`. */
struct judged {
	RB_ENTRY(judged) link;
	SLIST_HEAD(, seen) seen; /* of the nodes that reported */
	unsigned walk;
	unsigned domains, domains_now;
	uint32_t owners, owners_now;
	char label[];
};
RB_HEAD(judged_tree, judged);

struct cluster {
	struct loop *loop;
	struct store *store;
	struct cluster_conf conf;
	struct cluster_ops ops;
	struct loop_timer *tick;
	unsigned us;
	struct member node[NODES];
	struct unit_tree units;
	TAILQ_HEAD(, unit) soon;
	struct judged_tree primaries;
	char walked[TEXT_DOMAIN_MAX]; /* position of the walk */
	unsigned walk, complete; /* the present one; the last complete one */
	unsigned nunits, configured;
	unsigned leaving, unowned, unowned_now;
	unsigned rounds; /* walks to complete without a pause */
	int64_t looked_ns; /* monotonic: the last look at the nodes */
	int64_t fenced_ns, join_ns; /* monotonic; join: earliest attempt */
	bool started, stopped;
	bool fenced, joining;
	/* an operator wants us back: reported when we have joined */
	bool unleft;
	struct { /* ask.c */
		LIST_HEAD(, ask) asks;
		TAILQ_HEAD(, asked) asked; /* oldest first */
		unsigned nasks, nasked;
		uint64_t last;
	} ask;
};

/* nodes.c */
bool node_is_live(const struct cluster *, unsigned node);
/* its place is free */
bool node_is_free(const struct cluster *, unsigned node);
void nodes_tell_us(struct cluster *); /* reports our own row to the others */
void nodes_told(struct cluster *, const char *rest, const void *, size_t len);
void node_fence(struct cluster *, struct member *);
/* Its configuration differs from ours: it may know other domains. */
bool node_differs(const struct cluster *, unsigned node);
bool nodes_differ(const struct cluster *); /* some live node */

/* units.c */
int unit_cmp(const struct unit *, const struct unit *);
RB_PROTOTYPE(unit_tree, unit, link, unit_cmp)
struct unit *unit_find(const struct cluster *, const char *domain);
struct unit *unit_get(struct cluster *, const char *domain);
void units_load(struct cluster *);
void units_fini(struct cluster *);
/* "NODE/DOMAIN" */
void unit_lacked(struct cluster *, const char *rest, size_t len);
/* this node does */
void unit_lack(struct cluster *, struct unit *, bool lacks);
void unit_hurry(struct cluster *, struct unit *);
void unit_calm(struct cluster *, struct unit *);
void unit_drop(struct cluster *, struct unit *);
void unit_owner(struct cluster *, struct unit *, unsigned node);
bool unit_is_nothing(const struct unit *);

/* walk.c */
/* Continues the walk; true: again at once. */
bool units_walk(struct cluster *);
int64_t units_pace(const struct cluster *); /* otherwise in this many ms */
void units_again(struct cluster *); /* a new walk, at once */
void units_lose(struct cluster *); /* all are another's */

/* wishes.c */
void left_told(struct cluster *, const char *rest, const void *, size_t len);
void pin_told(struct cluster *, const char *domain, const void *, size_t len);

/* verdicts.c */
int judged_cmp(const struct judged *, const struct judged *);
RB_PROTOTYPE(judged_tree, judged, link, judged_cmp)
struct judged *judged_find(const struct cluster *, const char *label);
struct judged *judged_get(struct cluster *, const char *label);
void judged_fini(struct cluster *);
void
judged_count(struct cluster *, struct judged *, bool first, unsigned owner);
/* A node owns one more of its domains. */
void judged_owner(struct cluster *, struct judged *, unsigned owner);
unsigned judged_domains(const struct cluster *, const struct judged *);
void verdict_told(struct cluster *, const char *rest, const void *, size_t len);
void verdicts_again(struct cluster *); /* reports ours again */
/* That node's view, in terms of choose.h. */
enum choose_sees verdict_sees(const struct cluster *, unsigned node,
    unsigned owner, const char *const *labels, unsigned n);

/* ask.c */
/* "ask/TO/..." or "said/TO/...": `rest` follows the first slash. */
void ask_told(struct cluster *, const char *key, const char *rest, const void *,
    size_t len);
void ask_lost(struct cluster *, unsigned node); /* it was restarted */
void ask_load(struct cluster *);
void ask_fini(struct cluster *);

/* cluster.c */
void cluster_tick_soon(struct cluster *);
/* "REST" of "NODE/REST" or "NODE": returns the node, and *rest; 0: invalid. */
unsigned key_node(const char *key, const char **rest);
void put_state(struct cluster *, const char *key, const void *, size_t len);

#endif
