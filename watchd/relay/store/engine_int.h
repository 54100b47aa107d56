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
	int rc; /* of the first piece that failed */
};

/* Mail of a group in doubt, which landed in the spool (engine_doubt.c). */
struct engine_doubt {
	int64_t batch; /* number of the group; 0: none */
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
	struct idmap ids; /* of a group, while it is examined */
	struct buf record;
	struct store_req *group[ENGINE_OPS];
	struct store_req *picked[ENGINE_OPS]; /* selected for one statement */
	unsigned npicked;
	unsigned place_end; /* statements of engine_place_add() */
	unsigned n, commits, chunks, commits_max, owns;
	size_t bytes;
	enum store_state state;
	int64_t away_since; /* monotonic; 0: not away */
	int64_t away_ms; /* the same, wall */
	int64_t lease_ns, wait_ns;
	bool require_sync;
	/* monotonic; 0: not blind, or the engine takes nothing */
	int64_t blind_since;
	bool fenced; /* another has taken our place */
	char name[STORE_NAME_MAX], instance[64];
	/* Takes mail that the engine did not take in time; NULL: it is
	 * refused. */
	void (*land)(void *arg, struct store_req *);
	void *land_arg;
	bool refuse_away;
	struct engine_doubt doubt;
	/* monotonic: of the next beat, if there is nothing to write */
	int64_t beat_at;
	_Atomic int64_t held_until; /* monotonic: the end of our lease */
	const _Atomic int64_t *seen_ns; /* of the follower; see engine.h */
	_Atomic bool hurry;
	bool given_up; /* hurried, and the engine is away */
	bool quit;
};

/* Adds the ids of the selected requests as one value. */
void
engine_add_ids(const struct engine_writer *, struct pg_args *, uint64_t mask);
/* Adds two values: our number, and that of the group. */
void engine_group_number(const struct engine_writer *, struct pg_args *);
/* Writes w->group as one transaction, the next batch of our node; result of
 * pg_run(). -MX_ENET: it is not known whether it was committed. */
int engine_group_put(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* 1: the group of that number was committed; 0: it was not; -MX_EBUSY: another
 * has our place; or the result of pg_run(). */
int engine_group_ask(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* For a transaction about our place: locks our row, as its first statement; and
 * runs it: results as of engine_group_ask() without the number. */
void engine_group_lock(struct engine_writer *);
int engine_group_said(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;

/* ---- engine_doubt.c */
/* New mail of the group in doubt lands in the spool, or is refused. */
void engine_doubt_land(struct engine_writer *);
/* As engine_group_ask(), for a group whose mail has landed; settles it. */
int engine_doubt_ask(struct engine_writer *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* A group in doubt from before the start, by STORE_DOUBT. */
void engine_doubt_begin(struct engine_writer *, struct store_req *);
void engine_doubt_fini(struct engine_doubt *);

/* ---- engine_away.c */
/* Is it new mail, or a piece of some? */
bool engine_is_mail(const struct store_req *);
/* A piece was lost: the rest of that body fails as well. */
void engine_large_fails(struct engine_writer *, const struct store_req *);
/* New mail, or a part to be moved, that the engine does not have: lands in the
 * spool, or is refused with `rc`. Consumes it. */
void engine_mail_back(struct engine_writer *, struct store_req *, int rc);
/* The same for all that came while the writer waits. */
void engine_mail_waiting(struct engine_writer *);
/* Has it waited as long as new mail may, counted from `start`? */
bool engine_waited(const struct engine_writer *, int64_t start);

/* ---- engine_place.c: statements of a group for moved parts; each returns how
 * many it added. */
unsigned engine_place_add(struct engine_writer *);
/* Reads the results, the first of which is `stmt`. */
void engine_place_found(struct engine_writer *, unsigned stmt);
/* Is there a part to be placed, so that the group promises something? */
bool engine_place_any(const struct engine_writer *);
void engine_piece_do(struct engine_writer *, struct store_req *);

/* Applies changed options at once, before anything that waits. */
void engine_limits(struct engine_writer *, const struct store_conf *);

/* ---- engine_share.c: the part of a group that concerns other nodes */
/* Adds notices of mail for other nodes; returns the number of statements. */
unsigned engine_add_arrivals(struct engine_writer *);
/* True for GIVE, TAKE and FENCE. They are added in their order, or their
 * outcome is asked for; then the answers to either, from that statement on. */
bool engine_is_own(const struct store_req *);
void engine_add_owners(struct engine_writer *);
void engine_ask_owners(struct engine_writer *);
void engine_take_owners(struct engine_writer *, unsigned stmt, bool asked);

#endif
