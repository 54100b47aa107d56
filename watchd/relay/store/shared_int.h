/* SPDX-License-Identifier: ISC
 * shared_int: shared by backend_shared.c (routes between engine and spool),
 * shared_read.c, and shared_move.c (from the spool into the engine). Loop
 * thread, except for the landing of mail. */
#ifndef MX_STORE_SHARED_INT_H
#define MX_STORE_SHARED_INT_H

#include "relay/store/store_int.h"

TAILQ_HEAD(move_list, store_move);

struct backend_shared {
	struct backend b;
	struct backend *engine, *spool;
	struct mailbox *out;
	/* Ids in the spool -> `here`, `doubted`, or the struct store_move under
	 * way. A moved one is removed from it. */
	struct idmap ids;
	struct idmap larges; /* open large bodies -> `here`, or `there` */
	/* Moves that wait for the engine to report their outcome. */
	struct move_list doubts;
	unsigned moves; /* of all */
	struct store_info of_engine, of_spool; /* as last reported */
	bool refuse_away;
	bool closing, stopped;
	bool tidy_due; /* rows of mxwatch.moved may be left over */
};

/* Their addresses are the values. `doubted`: in the spool, and perhaps in the
 * engine. */
extern char shared_here, shared_there, shared_doubted;

/* State in the spool: "NODE GROUP ID...", of the last group in doubt. */
#define SHARED_DOUBT "doubt"

/* New mail goes into the spool. */
bool shared_is_away(const struct backend_shared *);
bool shared_is_local(const struct backend_shared *, uint64_t id);
/* Sends to one of the two, together with the other requests of this turn. */
void shared_post(struct backend_shared *, struct store *, struct store_req *);
void shared_get(struct backend_shared *, struct store *, struct store_get *);

/* ---- shared_read.c */
void shared_read(struct backend *, struct mail_list *);
/* An answer, before the store sees it; true: consumed. */
bool shared_got(struct backend_shared *, struct store *, struct store_get *);

/* ---- shared_move.c STORE_MOVE: consumed, answered when the move ends. */
void move_begin(struct backend_shared *, struct store_req *,
    struct mail_list *gets, struct mail_list *to_engine);
/* It was being moved at the last stop: asks for the outcome, and reports it
 * like a new arrival if it is here. The brief's envelope is consumed. */
void
move_doubt(struct backend_shared *, struct store *, struct envelope_brief *);
/* The answer to a step; consumed. */
void move_req(struct backend_shared *, struct store *, struct store_req *);
void move_get(struct backend_shared *, struct store *, struct store_get *);
/* For a `doubted` one: asks for the outcome. */
struct store_move *
move_ask(struct backend_shared *, uint64_t id, struct mail_list *to_engine);
/* A change of a part that is being moved waits for the end; consumed. */
void move_hold(struct store_move *, struct store_req *);
void move_ask_again(struct backend_shared *, struct store *);
void move_tidy(struct backend_shared *, struct store *);
void move_hurry(struct backend_shared *);
void move_free_all(struct backend_shared *);

#endif
