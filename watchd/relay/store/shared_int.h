/* SPDX-License-Identifier: ISC
 * shared_int: shared by backend_shared.c (whose is it: the engine's or the
 * spool's?), shared_read.c, and shared_move.c (from the spool into the engine).
 * Loop thread, but for what lands. */
#ifndef MX_STORE_SHARED_INT_H
#define MX_STORE_SHARED_INT_H

#include "relay/store/store_int.h"

TAILQ_HEAD(move_list, store_move);

struct backend_shared {
	struct backend b;
	struct backend *engine, *spool;
	struct mailbox *out;
	/* Ids in the spool -> `here`, `doubted`, or the struct store_move that has
	 * it in hand. One that was moved is not among them any more. */
	struct idmap ids;
	struct idmap larges; /* open large bodies -> `here`, or `there` */
	/* Moves that wait for the engine to say what became of them. */
	struct move_list doubts;
	unsigned moves; /* of all */
	struct store_info of_engine, of_spool; /* as they were told last */
	bool refuse_away;
	bool closing, stopped;
	bool tidy_due; /* rows of mxwatch.moved of which nothing is known */
};

/* Their addresses. `doubted`: in the spool, and it may be in the engine. */
extern char shared_here, shared_there, shared_doubted;

/* In the spool: "NODE GROUP ID...", of the group that was in doubt last. */
#define SHARED_DOUBT "doubt"

/* New mail goes into the spool. */
bool shared_is_away(const struct backend_shared *);
bool shared_is_local(const struct backend_shared *, uint64_t id);
/* To one of the two, with what else this turn of the loop has. */
void shared_post(struct backend_shared *, struct store *, struct store_req *);
void shared_get(struct backend_shared *, struct store *, struct store_get *);

/* ---- shared_read.c */
void shared_read(struct backend *, struct mail_list *);
/* An answer, before the store looks at it; true: it is gone. */
bool shared_got(struct backend_shared *, struct store *, struct store_get *);

/* ---- shared_move.c
 * STORE_MOVE; takes it, and answers it some time. */
void move_begin(struct backend_shared *, struct store_req *,
    struct mail_list *gets, struct mail_list *to_engine);
/* It was moved when it was last heard of: asks what became of that, and tells
 * of it as of one that arrives, if it is here. The brief's envelope is taken. */
void
move_doubt(struct backend_shared *, struct store *, struct envelope_brief *);
/* The answer to a step; takes it. */
void move_req(struct backend_shared *, struct store *, struct store_req *);
void move_get(struct backend_shared *, struct store *, struct store_get *);
/* One that is `doubted`: asks what became of it. */
struct store_move *
move_ask(struct backend_shared *, uint64_t id, struct mail_list *to_engine);
/* A change of one that is being moved waits for its end; takes it. */
void move_hold(struct store_move *, struct store_req *);
void move_ask_again(struct backend_shared *, struct store *);
void move_tidy(struct backend_shared *, struct store *);
void move_hurry(struct backend_shared *);
void move_free_all(struct backend_shared *);

#endif
