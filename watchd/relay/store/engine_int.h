/* SPDX-License-Identifier: ISC
 * engine_int: shared by engine_writer.c (the thread and its queue) and
 * engine_group.c (one group as a transaction). */
#ifndef MX_STORE_ENGINE_INT_H
#define MX_STORE_ENGINE_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "relay/store/engine.h"

#define ENGINE_OPS   2048 /* requests of one group */
#define ENGINE_BYTES (16u << 20) /* of bodies in one group */
#define ENGINE_OWNS  8 /* GIVE, TAKE, FENCE of one group */

struct large_body {
	uint64_t len;
	uint32_t crc;
	int rc; /* of the first chunk that failed */
};

/* Mail of a group that may be there, which landed (engine_doubt.c). */
struct engine_doubt {
	int64_t batch; /* of the group; 0: there is none */
	uint64_t *ids;
	unsigned n;
};

struct engine_writer {
	pthread_t thread;
	struct pg *pg;
	struct engine_node node;
	struct mailbox *in, *out;
	struct mail_list queue; /* taken, not yet in a group */
	struct idmap larges; /* message id -> struct large_body */
	struct idmap ids; /* of a group, while it is looked through */
	struct buf record;
	struct store_req *group[ENGINE_OPS];
	struct store_req *picked[ENGINE_OPS]; /* of them, for a statement */
	unsigned npicked;
	unsigned place_end; /* statements of engine_place_add() */
	unsigned n, commits, chunks, commits_max, owns;
	size_t bytes;
	enum store_state state;
	int64_t away_since; /* monotonic; 0: it is there */
	int64_t away_ms; /* the same, wall */
	int64_t lease_ns, wait_ns;
	bool require_sync;
	int64_t blind_since; /* monotonic; 0: it is not, or nothing is taken */
	bool fenced; /* our place is another's */
	char name[STORE_NAME_MAX], instance[64];
	/* Where mail goes that the engine did not take in time; NULL: back. */
	void (*land)(void *arg, struct store_req *);
	void *land_arg;
	bool refuse_away;
	struct engine_doubt doubt;
	int64_t beat_at; /* monotonic: of the next, if nothing is to be said */
	_Atomic int64_t held_until; /* monotonic: trusted so long */
	const _Atomic int64_t *seen_ns; /* of the follower; see engine.h */
	_Atomic bool hurry;
	bool given_up; /* in a hurry, and the engine is away */
	bool quit;
};

/* The ids of what was picked, as one value. */
void
engine_add_ids(const struct engine_writer *, struct pg_args *, uint64_t mask);
/* Two values: our number, and that of the group. */
void engine_group_number(const struct engine_writer *, struct pg_args *);
/* Says w->group as one transaction, the next batch of our node: what pg_run()
 * says. -MX_ENET: it is not known whether it is there. */
int engine_group_put(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* 1: the group of that number is there; 0: it is not; -MX_EBUSY: another has
 * our place; or what pg_run() says. */
int engine_group_ask(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* For a transaction about our place: locks it, as its first statement; and runs
 * it: as engine_group_ask() without the number. */
void engine_group_lock(struct engine_writer *);
int engine_group_said(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;

/* ---- engine_doubt.c */
/* New mail of the group, which may be there, lands, or goes back. */
void engine_doubt_land(struct engine_writer *);
/* As engine_group_ask(), of a group of which mail has landed; it is over then. */
int engine_doubt_ask(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* One of before, of STORE_DOUBT. */
void engine_doubt_begin(struct engine_writer *, struct store_req *);
void engine_doubt_fini(struct engine_doubt *);

/* ---- engine_away.c */
/* Is it new mail, or a piece of some? */
bool engine_is_mail(const struct store_req *);
/* A piece that is not there: nor is what comes of that body. */
void engine_large_fails(struct engine_writer *, const struct store_req *);
/* New mail, or what was to be moved, that the engine does not have: lands here,
 * or goes back with that. Takes it. */
void engine_mail_back(struct engine_writer *, struct store_req *, int rc);
/* The same of all that came while the writer waits. */
void engine_mail_waiting(struct engine_writer *);
/* Did it wait for as long as new mail may, if it began at `start`? */
bool engine_waited(const struct engine_writer *, int64_t start);

/* ---- engine_place.c: statements of a group for what is moved; each returns how
 * many it added. */
unsigned engine_place_add(struct engine_writer *);
/* Those whose place in the batch begins at `stmt`: what came of each. */
void engine_place_found(struct engine_writer *, unsigned stmt);
/* Is there a part to be placed, by which something is promised? */
bool engine_place_any(const struct engine_writer *);
void engine_piece_do(struct engine_writer *, struct store_req *);

/* What an operator may change: at once, whatever waits. */
void engine_limits(struct engine_writer *, const struct store_conf *);

/* ---- engine_share.c: the part of a group that is about other nodes */
/* Tells of mail for them; how many statements that are. */
unsigned engine_add_arrivals(struct engine_writer *);
/* Is it GIVE, TAKE or FENCE? They are added in their order, or it is asked what
 * became of them; the answers to either, from that statement on. */
bool engine_is_own(const struct store_req *);
void engine_add_owners(struct engine_writer *);
void engine_ask_owners(struct engine_writer *);
void engine_take_owners(struct engine_writer *, unsigned stmt, bool asked);

#endif
