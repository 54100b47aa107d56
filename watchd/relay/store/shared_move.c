/* SPDX-License-Identifier: ISC
 * shared_move: moves a part from the spool into the engine, step by step:
 *
 *	read it, with the content of a small one
 *	mark it in the spool (ENV_MOVING): from here on it may be in both
 *	bring the content of a large one, piece by piece
 *	place it: part, last piece, row of mxwatch.moved, as one transaction
 *	remove it from the spool
 *	forget that row
 *
 * After a crash the next start finds the mark, and asks for the row: if it
 * exists the part was placed, and is removed from the spool; if not the part
 * was not placed, and is here as before. A failed move is undone in the same
 * way once its outcome is known: until then the row is asked for, as long as
 * that takes, because a part that may be in the engine must not be delivered by
 * us. */
#include <stdlib.h>

#include "base/fault.h"
#include "base/mem.h"
#include "relay/store/shared_int.h"

#define AGAIN 3 /* tries when the content was removed in the engine meanwhile */

struct store_move {
	TAILQ_ENTRY(store_move) link; /* in sh->doubts, if `waits` */
	struct store_req *req; /* NULL: from the start */
	uint64_t id;
	struct envelope *env; /* as in the spool, without the mark */
	struct envelope_brief brief; /* at the start; its env is ours */
	uint64_t at; /* the content before it is in the engine */
	uint32_t crc; /* of that content */
	unsigned tries;
	int rc; /* the error, when it stays here */
	bool marked, waits, back;
	/* the store's caller knows of it, although it did not ask */
	bool known;
	struct mail_list held; /* changes that wait for the end */
};

/* ---- steps */

static void
give_back(struct backend_shared *sh, struct store_req *r, int rc)
{
	r->rc = rc;
	mailbox_post(sh->out, &r->mail);
}

static struct store_req *
make_req(struct store_move *m, int kind)
{
	struct store_req *r = mem_alloc(sizeof(*r));

	r->mail.kind = kind;
	r->id = m->id;
	r->move = m;
	return r;
}

static struct store_get *
make_load(struct store_move *m, size_t len)
{
	struct store_get *g = mem_alloc(sizeof(*g));

	g->mail.kind = STORE_LOAD;
	g->id = m->id;
	g->len = len;
	g->move = m;
	return g;
}

/* Writes it to the spool, with the mark or without. */
static void
write_env(struct backend_shared *sh, struct store *s, struct store_move *m,
    bool marked)
{
	struct store_req *r = make_req(m, STORE_UPDATE);
	struct buf record;

	m->marked = marked;
	m->env->flags = (uint16_t)((m->env->flags & ~ENV_MOVING) |
	    (marked ? ENV_MOVING : 0));
	buf_init(&record, SIZE_MAX / 4); /* the codec has its own cap */
	r->rc = envelope_encode(m->env, &record);
	r->len = record.len;
	r->data = buf_take(&record);
	m->env->flags &= (uint16_t)~ENV_MOVING;
	shared_post(sh, s, r);
}

static void
read_piece(struct backend_shared *sh, struct store *s, struct store_move *m)
{
	struct store_get *g = mem_alloc(sizeof(*g));

	g->mail.kind = STORE_READ;
	g->body = m->env->body;
	g->offset = m->at;
	g->len = STORE_CHUNK;
	g->move = m;
	shared_get(sh, s, g);
}

/* Together with the last piece, which is consumed. */
static void
place(struct backend_shared *sh, struct store *s, struct store_move *m,
    char *data, size_t len)
{
	struct store_req *r = make_req(m, STORE_PLACE);
	struct envelope *e = envelope_copy(m->env);

	e->body.segment = m->id & ~UINT64_C(255);
	e->body.offset = 0;
	r->parts = mem_array(1, sizeof(struct envelope *));
	r->parts[0] = e;
	r->nparts = 1;
	r->theirs = sharing_theirs(s, r->parts, 1);
	r->data = data;
	r->len = len;
	r->at = m->at;
	shared_post(sh, s, r);
}

static void
ask(struct backend_shared *sh, struct store *s, struct store_move *m)
{
	shared_post(sh, s, make_req(m, STORE_ASK_PLACED));
}

static void
remove_it(struct backend_shared *sh, struct store *s, struct store_move *m)
{
	shared_post(sh, s, make_req(m, STORE_REMOVE));
}

/* ---- ends */

static void
forget(struct backend_shared *sh, struct store *s, uint64_t id)
{
	struct store_req *r = mem_alloc(sizeof(*r));

	r->mail.kind = STORE_FORGET_PLACED;
	r->quiet = true;
	r->id = id;
	shared_post(sh, s, r);
}

/* Called when no move is under way: deletes rows that are not needed any
 * more. */
void
move_tidy(struct backend_shared *sh, struct store *s)
{
	if (!sh->tidy_due || sh->moves > 0 || sh->closing)
		return;
	sh->tidy_due = false;
	forget(sh, s, 0);
}

static void
move_free(struct store_move *m)
{
	envelope_destroy(&m->env);
	envelope_destroy(&m->brief.env);
	free(m);
}

/* A change by a caller that read it from the spool: the content is in the
 * engine. */
static void
content_is_there(struct store_req *r)
{
	struct envelope *e = NULL;
	struct buf record;

	if (r->rc < 0 || envelope_decode(r->data, r->len, &e) < 0)
		return;
	e->body.segment = r->id & ~UINT64_C(255);
	e->body.offset = 0;
	buf_init(&record, SIZE_MAX / 4);
	r->rc = envelope_encode(e, &record);
	free(r->data);
	r->len = record.len;
	r->data = buf_take(&record);
	envelope_destroy(&e);
}

/* `where`: the new value of the id; NULL: not here. */
static void
finish(struct backend_shared *sh, struct store *s, struct store_move *m, int rc,
    void *where)
{
	struct store_req *held;
	struct mail *mail;

	if (where != NULL)
		idmap_put(&sh->ids, m->id, where);
	else
		(void)idmap_take(&sh->ids, m->id);
	sh->moves--;
	if (m->req != NULL) {
		give_back(sh, m->req, rc);
	} else if (where != NULL && !m->known && !sh->closing &&
	    s->events.arrived != NULL) {
		s->events.arrived(s->events.arg, &m->brief);
	}
	while ((mail = STAILQ_FIRST(&m->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&m->held, link);
		held = (struct store_req *)mail;
		if (where == NULL && mail->kind == STORE_UPDATE)
			content_is_there(held);
		STAILQ_INSERT_TAIL(&s->to_writer, &held->mail, link);
		loop_task_schedule(s->post);
	}
	move_free(m);
	move_tidy(sh, s);
}

/* It is certainly here, and only here. */
static void
give_up(struct backend_shared *sh, struct store *s, struct store_move *m,
    int rc)
{
	m->rc = rc;
	m->back = true;
	if (m->env == NULL)
		shared_get(sh, s, make_load(m, 0));
	else
		write_env(sh, s, m, false);
}

/* The outcome is unknown: asks again when the engine is there. */
static void
wait_for_word(struct backend_shared *sh, struct store_move *m)
{
	m->waits = true;
	TAILQ_INSERT_TAIL(&sh->doubts, m, link);
	if (sh->closing)
		move_hurry(sh);
}

void
move_ask_again(struct backend_shared *sh, struct store *s)
{
	struct store_move *m;

	while ((m = TAILQ_FIRST(&sh->doubts)) != NULL) {
		TAILQ_REMOVE(&sh->doubts, m, link);
		m->waits = false;
		ask(sh, s, m);
	}
}

/* The next start asks again. */
void
move_hurry(struct backend_shared *sh)
{
	struct store_move *m;
	struct mail *mail;

	TAILQ_FOREACH (m, &sh->doubts, link) {
		while ((mail = STAILQ_FIRST(&m->held)) != NULL) {
			STAILQ_REMOVE_HEAD(&m->held, link);
			give_back(sh, (struct store_req *)mail, -MX_ECANCELED);
		}
		if (m->req != NULL)
			give_back(sh, m->req, -MX_ECANCELED);
		m->req = NULL;
	}
}

void
move_hold(struct store_move *m, struct store_req *r)
{
	STAILQ_INSERT_TAIL(&m->held, &r->mail, link);
}

/* ---- answers */

static void
loaded(struct backend_shared *sh, struct store *s, struct store_move *m,
    struct store_get *g)
{
	if (g->rc < 0) {
		finish(sh, s, m, g->rc,
		    g->rc == -MX_ENOENT ? NULL : &shared_here);
		return;
	}
	m->env = g->envs[0];
	g->envs[0] = NULL;
	if (m->back) {
		write_env(sh, s, m, false);
		return;
	}
	write_env(sh, s, m, true);
}

static void
piece_read(struct backend_shared *sh, struct store *s, struct store_move *m,
    struct store_get *g)
{
	uint64_t len = m->env->body.len;
	struct store_req *r;

	if (g->rc < 0) {
		give_up(sh, s, m, g->rc);
		return;
	}
	m->crc = store_crc(m->crc, g->data, g->len);
	if (m->at + g->len == len) {
		if (m->crc == m->env->body.crc) {
			place(sh, s, m, g->data, g->len);
			g->data = NULL;
		} else {
			give_up(sh, s, m, -MX_ECORRUPT);
		}
		return;
	}
	r = make_req(m, STORE_MOVE_PIECE);
	r->data = g->data;
	r->len = g->len;
	r->at = m->at;
	g->data = NULL;
	m->at += g->len;
	shared_post(sh, s, r);
}

void
move_get(struct backend_shared *sh, struct store *s, struct store_get *g)
{
	(void)FAULT("store.move");
	if (!sh->stopped && g->mail.kind == STORE_LOAD)
		loaded(sh, s, g->move, g);
	else if (!sh->stopped)
		piece_read(sh, s, g->move, g);
	store_get_free(g);
}

static void
bring(struct backend_shared *sh, struct store *s, struct store_move *m)
{
	m->at = 0;
	m->crc = 0;
	read_piece(sh, s, m);
}

static void
placed(struct backend_shared *sh, struct store *s, struct store_move *m,
    const struct store_req *r)
{
	if (r->rc == 0 && r->len > 0)
		remove_it(sh, s, m);
	else if (r->rc == 0 && ++m->tries < AGAIN)
		bring(sh, s, m);
	else if (r->rc == 0)
		give_up(sh, s, m, -MX_EBUSY);
	else if (r->rc == -MX_ENET || r->rc == -MX_EFULL)
		give_up(sh, s, m, r->rc);
	else
		ask(sh, s, m);
}

static void
asked(struct backend_shared *sh, struct store *s, struct store_move *m,
    const struct store_req *r)
{
	if (r->rc < 0)
		wait_for_word(sh, m);
	else if (r->len > 0)
		remove_it(sh, s, m);
	else
		give_up(sh, s, m, -MX_ENET);
}

/* If it cannot be removed, mark and row stay: the next start removes it. */
static void
removed(struct backend_shared *sh, struct store *s, struct store_move *m,
    const struct store_req *r)
{
	if (r->rc == 0 || r->rc == -MX_ENOENT)
		forget(sh, s, m->id);
	else
		sh->tidy_due = false;
	finish(sh, s, m, 0, NULL);
}

static void
written(struct backend_shared *sh, struct store *s, struct store_move *m,
    const struct store_req *r)
{
	void *where = r->rc == -MX_ENOENT ? NULL : &shared_here;

	if (m->back)
		finish(sh, s, m, m->rc, where);
	else if (r->rc < 0)
		finish(sh, s, m, r->rc, where);
	else
		bring(sh, s, m);
}

void
move_req(struct backend_shared *sh, struct store *s, struct store_req *r)
{
	struct store_move *m = r->move;

	(void)FAULT("store.move");
	if (sh->stopped) {
		store_req_free(r);
		return;
	}
	switch (r->mail.kind) {
	case STORE_UPDATE:
		written(sh, s, m, r);
		break;
	case STORE_MOVE_PIECE:
		if (r->rc < 0)
			give_up(sh, s, m, -MX_ENET);
		else
			read_piece(sh, s, m);
		break;
	case STORE_PLACE:
		placed(sh, s, m, r);
		break;
	case STORE_ASK_PLACED:
		asked(sh, s, m, r);
		break;
	default:
		removed(sh, s, m, r);
		break;
	}
	store_req_free(r);
}

/* ---- beginnings */

static struct store_move *
move_create(struct backend_shared *sh, uint64_t id)
{
	struct store_move *m = mem_alloc(sizeof(*m));

	m->id = id;
	STAILQ_INIT(&m->held);
	idmap_put(&sh->ids, id, m);
	sh->moves++;
	return m;
}

struct store_move *
move_ask(struct backend_shared *sh, uint64_t id, struct mail_list *to_engine)
{
	struct store_move *m = move_create(sh, id);
	struct store_req *r = make_req(m, STORE_ASK_PLACED);

	m->known = true;
	STAILQ_INSERT_TAIL(to_engine, &r->mail, link);
	return m;
}

void
move_begin(struct backend_shared *sh, struct store_req *r,
    struct mail_list *gets, struct mail_list *to_engine)
{
	struct store_move *m;
	struct store_get *g;
	void *where;

	where = idmap_get(&sh->ids, r->id);
	if (where == &shared_doubted && !sh->closing) {
		move_ask(sh, r->id, to_engine)->req = r;
		return;
	}
	if (where != &shared_here) {
		give_back(sh, r, where != NULL ? -MX_EBUSY : 0);
		return;
	}
	if (shared_is_away(sh) || sh->closing) {
		give_back(sh, r, -MX_ENET);
		return;
	}
	m = move_create(sh, r->id);
	m->req = r;
	g = make_load(m, 0);
	g->local = true;
	STAILQ_INSERT_TAIL(gets, &g->mail, link);
}

void
move_doubt(struct backend_shared *sh, struct store *s, struct envelope_brief *b)
{
	struct store_move *m = move_create(sh, b->id);

	m->brief = *b;
	b->env = NULL;
	ask(sh, s, m);
}

static void
free_one(uint64_t id, void *value, void *arg)
{
	struct store_move *m = value;
	struct mail *mail;

	(void)id;
	(void)arg;
	if (value == &shared_here || value == &shared_doubted)
		return;
	while ((mail = STAILQ_FIRST(&m->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&m->held, link);
		store_req_free((struct store_req *)mail);
	}
	move_free(m);
}

void
move_free_all(struct backend_shared *sh)
{
	idmap_each(&sh->ids, free_one, NULL);
}
