/* SPDX-License-Identifier: ISC
 * cluster_world: some nodes of a cluster in one process, over an engine in memory:
 * the sharing part of relay/store/store.h by link-time substitution, and a queue
 * that only knows which domains it has. Each node has a loop of its own, so that one
 * stands still while others go on; all see one clock, which the world moves.
 *
 * As with the real store, what a node asks for is done at the engine at once and
 * answered later, and what others did is told later still: the two come in any
 * order, but each in its own. Domains are "d000000.test" and so on, by index. */
#ifndef MX_TESTS_CLUSTER_WORLD_H
#define MX_TESTS_CLUSTER_WORLD_H

#include <sys/queue.h>

#include "base/clock.h"
#include "cluster/cluster.h"
#include "tests/unit/fake_loop.h"

#define WORLD_NODES	8 /* 1 to this */
#define WORLD_PRIMARIES 48
#define WORLD_LEASE	3000 /* ms */
#define WORLD_HOLD	2000
#define WORLD_STEP	50
#define WORLD_TRUST_NS	(WORLD_LEASE * CLOCK_MS * 5 / 6)

enum world_mail { AWAY, HERE, DRAINING };

struct world_req {
	STAILQ_ENTRY(world_req) link;
	enum { REQ_TAKE, REQ_GIVE, REQ_FENCE, REQ_JOIN, REQ_STATE } kind;
	char **names;
	unsigned n, node;
	struct store_node seen;
	store_own_cb *own;
	store_done_cb *done;
	void *arg;
	uint64_t token;
	char *key;
	void *data;
	size_t len;
	int rc;
	bool fenced; /* what the store is from this answer on */
};
STAILQ_HEAD(world_reqs, world_req);

struct world_item { /* of a look */
	STAILQ_ENTRY(world_item) link;
	enum { ITEM_OWNER, ITEM_STATE, ITEM_NODES } kind;
	unsigned domain, node, n;
	char *key;
	void *data;
	size_t len;
	struct store_node *nodes;
};
STAILQ_HEAD(world_items, world_item);

struct world_node {
	struct cworld *w;
	unsigned id;
	struct loop *loop;
	struct store *store;
	struct cluster *cl;
	bool runs; /* the process is there */
	bool paused; /* it stands still, all of it */
	bool cut; /* from the engine */
	bool waits; /* what it says is not answered: it can read */
	bool lag; /* what it was told waits: answers and news */
	/* the writer and the follower */
	int64_t epoch, held_until, seen_at, beat_at;
	int64_t lease_ms; /* as its row says; 0: as all */
	bool fenced; /* the writer knows */
	bool told_fenced; /* and the loop: store_info() */
	struct world_reqs todo, answers;
	struct world_items news;
	size_t at; /* in the log of the engine */
	/* the queue and the daemon */
	uint8_t *mail; /* enum world_mail, by domain */
	bool *has; /* it is in this node's configuration */
	bool slow; /* what is detached stays until world_drained() */
	uint8_t busy[8]; /* of the first domains */
	char config[32];
	const char *url; /* of its status page; NULL */
	/* What it sees of the first primaries: told again and again. */
	struct {
		enum health_state state;
		int64_t since;
	} sees[WORLD_PRIMARIES];
	unsigned labels, labels_most; /* asked for in a turn of the loop */
	unsigned attaches, detaches, losses, judged, takes;
	char asked[1000]; /* the last request */
	uint64_t ticket;
	unsigned nasked;
};

struct world_key {
	char *key;
	void *data;
	size_t len;
	unsigned node;
	uint64_t seq; /* of the last change */
};

struct world_change {
	bool is_key;
	unsigned index, node;
	uint64_t seq;
};

struct cworld {
	struct loop *clock; /* moves it, and has nothing else */
	struct world_node node[WORLD_NODES + 1];
	unsigned ndomains, steps;
	unsigned nprimaries; /* that are watched; 0: none is */
	unsigned share; /* so many domains have one primary; 0: all */
	unsigned ceiling;
	/* the engine */
	struct store_node row[WORLD_NODES + 1];
	unsigned *owner; /* 0: no row */
	uint64_t *owner_seq;
	struct world_key *keys;
	unsigned nkeys;
	struct world_change *log;
	size_t nlog;
	uint64_t seq;
	unsigned moves; /* changes of an owner */
	/* Is called after each step; NULL: nothing. */
	void (*check)(struct cworld *);
	/* The primaries of that domain are asked for; NULL: nothing. */
	void (*looked)(struct world_node *, unsigned domain);
	/* How what waits is delivered; NULL: all of it in each step. */
	void (*deliver)(struct world_node *);
	void *arg;
};

void world_init(struct cworld *, unsigned ndomains);
void world_fini(struct cworld *);
/* Starts it with the whole configuration, or what `has` says. */
void world_start(struct cworld *, unsigned node);
void world_create(struct cworld *, unsigned node); /* without cluster_start() */
void world_stop(struct cworld *, unsigned node); /* gives its place back */
void world_crash(struct cworld *, unsigned node);
void world_run(struct cworld *, int64_t ms);
void world_step(struct cworld *);
/* Until that node has asked for such a thing and had it, and does not know yet: its
 * `lag` is set. */
void world_until(struct world_node *, int kind);
void world_configured(struct cworld *, unsigned node, unsigned domain, bool);
/* Its configuration is this one: tells the hash. */
void world_config(struct cworld *, unsigned node, const char *hash);
void
world_see(struct cworld *, unsigned node, unsigned primary, enum health_state);
void world_drained(struct world_node *); /* what is draining is away */
/* One answer, or one piece of news; false: there is none. */
bool world_answer(struct world_node *);
bool world_news(struct world_node *);
void world_look(struct world_node *); /* the follower, now */
void world_write(struct world_node *); /* the writer, now */

/* That node took mail for it: it is its own, if it is nobody's. */
void world_make(struct cworld *, unsigned domain, unsigned node);

/* ---- cluster_engine.c */
struct store *world_store(struct world_node *);
void world_req_free(struct world_req *);
void world_item_free(struct world_item *);
void world_place_take(struct world_node *);

/* ---- what is there */
bool world_holds(const struct world_node *);
void world_name(unsigned domain, char *name); /* TEXT_DOMAIN_MAX */
unsigned world_index(const char *domain);
unsigned world_count(const struct cworld *, unsigned node); /* rows */
bool world_is_ours(const struct cworld *, unsigned node, unsigned domain);
unsigned world_belief(const struct cworld *, unsigned node, unsigned domain);
const struct world_key *world_key(const struct cworld *, const char *key);
bool world_left(const struct cworld *, unsigned node);
void world_put(struct cworld *, unsigned node, const char *key,
    const char *data); /* as if that node had */

#endif
