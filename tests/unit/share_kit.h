/* SPDX-License-Identifier: ISC
 * share_kit: several nodes that share a store, in one process and on one loop,
 * each with a way to the engine of its own (engine_proxy.h), and what each of them
 * was told. Needs KIT_ENGINE. */
#ifndef MX_TESTS_SHARE_KIT_H
#define MX_TESTS_SHARE_KIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "relay/store/store.h"
#include "tests/unit/engine_proxy.h"

#define SHARE_NODES 3
#define SHARE_LEASE 1200 /* ms */

struct share_item { /* what a node was told, in its order */
	enum { SHARE_OWNER, SHARE_TOLD, SHARE_ARRIVED } kind;
	char name[64]; /* a domain, or a key */
	char value[32]; /* of a key; "": gone */
	unsigned node; /* the owner */
	uint64_t id;
};

struct share_node {
	struct share *share;
	struct store *store; /* NULL: it does not run */
	struct engine_proxy *proxy;
	struct store_conf conf;
	char dir[32], name[32]; /* its instance, its name */
	struct share_item *items;
	unsigned nitems;
	struct store_node nodes[STORE_NODE_MAX];
	unsigned nnodes, looks;
	bool holds;
	enum store_state state;
	/* What `ours` says; NULL: all is. */
	bool (*ours)(struct share_node *, const char *domain);
	/* Is called for each item, if not NULL. */
	void (*item)(struct share_node *, const struct share_item *);
	void *arg;
};

struct share {
	struct loop *loop;
	struct loop_timer *tick;
	struct share_node nodes[SHARE_NODES];
	int64_t until; /* of what is waited for */
	struct mx_errbuf eb;
};

/* An engine without anything, and nodes that do not run yet. */
void share_init(struct share *);
void share_fini(struct share *); /* ends those that run */
/* Of a test of cmocka's: all nodes are open. */
int share_setup(void **state);
int share_teardown(void **state);
bool share_open(struct share_node *); /* false: see eb */
void share_close(struct share_node *);
/* As if it had been killed: it says nothing any more. */
void share_kill(struct share_node *);

/* Runs the loop until that is so; ends the program after 30 seconds. */
#define SHARE_WAIT(s, what)                                                    \
	do {                                                                   \
		share_begin(s);                                                \
		while (!(what))                                                \
			share_turn(s, #what, __FILE__, __LINE__);              \
	} while (0)
void share_begin(struct share *);
void share_turn(struct share *, const char *what, const char *file, int line);

/* ---- what was told last; counted from the first */
unsigned share_owner(const struct share_node *, const char *domain); /* 0: no */
const char *
share_told(const struct share_node *, const char *key); /* or NULL */
unsigned share_arrived(const struct share_node *, uint64_t id); /* how often */
const struct store_node *share_seen(const struct share_node *, unsigned id);

/* ---- asks */
struct share_answer {
	bool done;
	int rc;
	unsigned n; /* of domains */
	uint64_t id;
};
/* Callbacks that fill one in. */
void share_on_owned(void *answer, int rc, const char *const *, unsigned n);
void share_on_done(void *answer, uint64_t token, int rc);
void share_on_commit(void *answer, uint64_t token, int rc, struct envelope **,
    unsigned n);
/* A message of these domains. */
void share_commit_begin(struct share_node *, struct share_answer *,
    const char *const *domains, unsigned n);

/* ---- and waits for the answer */
int share_take(struct share_node *, const char *domain); /* 1: it is ours */
int share_give(struct share_node *, const char *domain, unsigned to);
int share_fence(struct share_node *, const struct store_node *);
int share_join(struct share_node *);
int share_put(struct share_node *, const char *key, const char *value);
uint64_t share_commit(struct share_node *, const char *domain); /* 0: no */
int share_remove(struct share_node *, uint64_t id);
int share_update(struct share_node *, uint64_t id, const char *domain);

/* ---- what is stored of some domains */
struct share_scan {
	bool done;
	int rc;
	uint64_t damaged;
	uint64_t *ids; /* free() */
	unsigned n;
	struct engine_proxy *shut; /* with the first of them, if not NULL */
};
void share_scan_begin(struct share_node *, struct share_scan *,
    const char *const *domains, unsigned n);
void share_scan(struct share_node *, struct share_scan *, const char *domain);
unsigned share_found(const struct share_scan *, uint64_t id); /* how often */

/* ---- another connection, which locks rows until it ends */
struct locker {
	struct pg *pg;
	pthread_t thread;
	_Atomic bool go; /* what was to happen meanwhile has */
	unsigned waiters; /* or so many wait for it */
};
void locker_begin(struct locker *, const char *sql);
void locker_end(struct locker *);
/* A thread that ends it, when the time has come; to be joined. */
void *locker_main(void *locker);
unsigned waiting_for_locks(void); /* connections, of anybody */

#endif
