/* SPDX-License-Identifier: ISC
 * store_kit: a store in a temporary directory and calls that wait for their
 * completion, for the tests of the store. Every wait has a deadline. */
#ifndef MX_TESTS_STORE_KIT_H
#define MX_TESTS_STORE_KIT_H

#include "relay/store/store.h"

struct kit {
	char dir[256];
	struct loop *loop;
	struct loop_timer *deadline;
	struct store *store;
	struct store_conf conf;
	struct mx_errbuf eb;
	/* of the last call */
	bool done;
	unsigned waiting; /* of many at once: see kit_one_done() */
	int rc;
	struct store_loaded loaded;
	uint64_t scanned, damaged;
	enum store_state state; /* last heard of */
	bool unwritable; /* the same */
	unsigned errors, commits;
	unsigned answers; /* counted by the test itself */
	unsigned largest; /* group */
	/* What is told of later than the scan; NULL: nobody asks. */
	void (*arrived)(void *arg, const struct envelope_brief *);
	void *arrived_arg;
	/* The same of small state of others. */
	void (*told)(void *arg, const char *key, const void *, size_t len);
	void *told_arg;
};

/* Below `parent`, or $TMPDIR, or here, when it is NULL. */
void kit_init(struct kit *, const char *parent);
void kit_attach(struct kit *, const char *dir); /* one that exists */
void kit_fini(struct kit *); /* closes and removes everything */
void kit_remove_tree(const char *path);
/* With KIT_ENGINE: the spool as well, where mail lands. */
void kit_both(struct kit *);
bool kit_open(struct kit *); /* false: see eb */
void kit_close(struct kit *);
/* Runs the loop until *flag; ends the program after a minute. */
void kit_wait(struct kit *, const bool *flag);
void kit_turn(struct kit *); /* of the loop, as what it waits for may come */
void kit_stop(void *kit); /* ends that turn: for a timer */
/* Many at once: the caller counts what it asks for in `waiting`, each
 * completion says that it is one less, and this waits for the last. */
void kit_one_done(struct kit *);
void kit_wait_all(struct kit *);
void kit_wait_state(struct kit *, enum store_state);
void kit_wait_writable(struct kit *);

struct envelope *kit_envelope(const char *domain);
/* Bytes that depend on the seed, so that a mix-up is seen. */
void kit_fill(char *data, size_t len, uint64_t seed);
/* A message of nparts domains; its id, or 0 and kit.rc. */
uint64_t kit_commit(struct kit *, size_t len, uint64_t seed, unsigned nparts);
int kit_remove(struct kit *, uint64_t id);
int kit_move(struct kit *, uint64_t id);
int kit_update(struct kit *, uint64_t id); /* has one attempt more */
/* The rc of a load; kit.loaded holds what came until the next call. */
int kit_load(struct kit *, uint64_t id, size_t body_max);
/* 0 when the message is there with this body, whole. */
int kit_verify(struct kit *, uint64_t id, size_t len, uint64_t seed);
uint64_t kit_scan(struct kit *);
/* The same for who looks at each; false: it failed, or found damage. */
bool kit_scan_each(struct kit *,
    void (*one)(void *arg, const struct envelope_brief *), void *arg);
void kit_states(struct kit *); /* reads all of them */
/* The next number of a series that begins with *seed, below `below`. */
uint64_t kit_chance(uint64_t *seed, uint64_t below);
/* Until the database has come to the end of the log, and what is dead is
 * gone. */
void kit_settle(struct kit *);
/* Large bodies that are there: files but for the log's, or rows. */
unsigned kit_bodies(struct kit *);
unsigned kit_segments(struct kit *, uint64_t *blocks); /* files in seg/ */

/* ---- with KIT_ENGINE, a libpq connection string: the store is in PostgreSQL */
void kit_engine_reset(void); /* an empty one */
/* A statement; the first number that it answers. */
int64_t kit_sql(const char *sql);

#endif
