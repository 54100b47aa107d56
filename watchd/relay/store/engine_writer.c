/* SPDX-License-Identifier: ISC
 * engine_writer: the thread that changes the rows. Like the spool's writer it
 * makes one group of all waiting requests. If the answer to a group is lost, or
 * the server warns of it, mxwatch.stir shows whether it was committed; until
 * then a group that may be committed is not sent again, and its new mail is
 * also put into the spool meanwhile (engine_doubt.c).
 *
 * Without the engine requests wait: new mail for wait_ms, then it goes into the
 * spool of this node, or is refused as for lack of space (engine_away.c);
 * changes of stored messages wait for as long as it takes, or until this daemon
 * ends. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/schema.h"
#include "relay/store/engine_int.h"

#define ENGINE_TICK_MS	1000
#define ENGINE_LEAST_MS 5000

/* ---- reports to the owner */

static void
tell(struct engine_writer *w, const char *why)
{
	struct store_tell *t = mem_alloc(sizeof(*t));

	t->mail.kind = STORE_TELL_INFO;
	t->engine = true;
	engine_info(&t->info, w->state);
	t->info.fenced = w->fenced;
	t->info.away_ms = w->away_ms;
	(void)strlcpy(t->why, why, sizeof(t->why));
	mailbox_post(w->out, &t->mail);
}

static void
tell_state(struct engine_writer *w, enum store_state state, const char *why)
{
	if (w->state == state || w->state == STORE_FAILED)
		return;
	w->state = state;
	tell(w, why);
}

static void
tell_commit(struct engine_writer *w, int64_t ns)
{
	struct store_tell *t = mem_alloc(sizeof(*t));

	t->mail.kind = STORE_TELL_COMMIT;
	t->seconds = (double)ns / (double)CLOCK_SEC;
	t->messages = w->commits;
	mailbox_post(w->out, &t->mail);
}

static void
away(struct engine_writer *w, const char *why)
{
	if (w->away_since == 0) {
		w->away_since = clock_now();
		w->away_ms = clock_wall_ms();
		tell(w, why);
		log_warn("store", "event=engine_away error=%s", log_q(why));
	}
	/* from now on new mail does not wait first */
	if (clock_now() - w->away_since > w->wait_ns)
		tell_state(w, STORE_FULL, "the engine is unreachable");
}

static void
back(struct engine_writer *w)
{
	if (w->away_since != 0)
		log_notice("store", "event=engine_back away=%llds",
		    (long long)((clock_now() - w->away_since) / CLOCK_SEC));
	if (w->away_since != 0) {
		w->away_since = w->away_ms = 0;
		tell(w, "");
	}
	tell_state(w, STORE_OK, "");
}

/* Nothing we write is accepted any more: no promises, no second try. */
static void
failed(struct engine_writer *w, const char *why)
{
	log_error("store",
	    "event=failed what=engine error=%s "
	    "meaning=\"no mail is accepted until a restart\"",
	    log_q(why));
	tell_state(w, STORE_FAILED, why);
}

/* Another has our place, and so everything that we would change. */
static void
fenced(struct engine_writer *w, const char *why)
{
	if (w->fenced)
		return;
	w->fenced = true;
	w->held_until = 0;
	w->away_since = w->away_ms = 0; /* it is there: it answered */
	log_error("store", "event=fenced error=%s", log_q(why));
	w->state = STORE_FULL; /* it may have been away */
	tell(w, why);
}

static int
rc_fenced(const struct store_req *r)
{
	return engine_is_mail(r) ? -MX_EFULL : -MX_ENOENT;
}

static void
answer(struct engine_writer *w, struct store_req *r, int rc)
{
	if (r->rc == 0)
		r->rc = w->fenced ? rc_fenced(r) : rc;
	if (r->rc < 0 && r->mail.kind == STORE_CHUNK_WRITE)
		engine_large_fails(w, r);
	r->batch = w->node.batch;
	if (r->quiet)
		store_req_free(r);
	else
		mailbox_post(w->out, &r->mail);
}

/* For an answer: new mail behind it may have to go to the spool. */
static int64_t
deadline(const struct engine_writer *w)
{
	int64_t ns = w->wait_ns;

	if (ns < ENGINE_LEAST_MS * CLOCK_MS)
		ns = ENGINE_LEAST_MS * CLOCK_MS;
	if (ns > ENGINE_READ_MS * CLOCK_MS)
		ns = ENGINE_READ_MS * CLOCK_MS;
	if (w->hurry && ns > ENGINE_LEAST_MS * CLOCK_MS)
		ns = ENGINE_LEAST_MS * CLOCK_MS;
	return clock_now() + ns;
}

/* ---- a group */

static void
group_answer(struct engine_writer *w, int rc)
{
	unsigned i;

	for (i = 0; i < w->n; i++)
		answer(w, w->group[i], rc);
	w->n = w->commits = w->chunks = w->owns = 0;
	w->bytes = 0;
}

static bool
is_up(struct engine_writer *w)
{
	struct mx_errbuf eb;

	if (pg_up(w->pg, clock_now() + ENGINE_UP_MS * CLOCK_MS, &eb) == 0)
		return true;
	away(w, eb.text);
	return false;
}

/* New mail goes to the spool or is refused; the rest is another group: it frees
 * space, or has to wait. True: something is left. */
static bool
group_without_mail(struct engine_writer *w, int rc)
{
	unsigned i, n = 0;

	for (i = 0; i < w->n; i++)
		if (engine_is_mail(w->group[i]) ||
		    w->group[i]->mail.kind == STORE_PLACE)
			engine_mail_back(w, w->group[i], rc);
		else
			w->group[n++] = w->group[i];
	w->n = n;
	w->commits = w->chunks = 0;
	return n > 0;
}

/* Sends the group until its outcome is known: 0, or the error. `known`: it was
 * not committed. */
static int
group_try(struct engine_writer *w, bool *known, struct mx_errbuf *eb)
{
	int64_t until = deadline(w);
	int rc;

	if (w->given_up || !is_up(w))
		return mx_fail(eb, MX_ENET, "the engine is unreachable");
	/* an earlier group may be in doubt, too: its number must not be
	 * reused */
	if (!*known || w->doubt.batch != 0) {
		rc = w->doubt.batch != 0 ? engine_doubt_ask(w, until, eb) :
					   engine_group_ask(w, until, eb);
		if (rc < 0)
			return rc;
		if (rc == 1 && !*known)
			return 0;
		*known = true;
	}
	rc = engine_group_put(w, until, eb);
	*known = rc != -MX_ENET;
	return rc;
}

/* Do we see the changes of others? If not we may not deliver anything. */
static bool
is_blind(const struct engine_writer *w, int64_t now)
{
	return now >= *w->seen_ns + w->lease_ns - w->lease_ns / 6;
}

/* The engine takes our changes, but we have not seen those of others for two
 * leases: releases our place, because another node can serve our domains; to an
 * observer we would seem alive. Changes not seen by then may already be tidied
 * away. */
static void
look_to_it(struct engine_writer *w, int64_t now)
{
	struct mx_errbuf eb;

	if (!is_blind(w, now))
		w->blind_since = 0;
	else if (w->blind_since == 0)
		w->blind_since = now;
	else if (now - w->blind_since > 2 * w->lease_ns && !w->fenced &&
	    engine_node_free(w->pg, &w->node, deadline(w), &eb) == 0)
		fenced(w, "it cannot see the changes of other nodes");
}

/* Our row was written by a request sent at `sent`. A margin is left for the
 * checks of those who rely on it. */
static void
held(struct engine_writer *w, int64_t sent)
{
	w->held_until = sent + w->lease_ns - w->lease_ns / 6;
	w->beat_at = sent + w->lease_ns / 6;
}

/* Nothing was written for a while: shows that we are alive. */
static void
beat(struct engine_writer *w)
{
	int64_t sent = clock_now();
	struct mx_errbuf eb;
	int rc;

	if (w->state == STORE_FAILED || w->fenced || sent < w->beat_at)
		return;
	/* for one that is away */
	w->beat_at = sent + ENGINE_RETRY_MS * CLOCK_MS;
	if (!is_up(w))
		return;
	rc = engine_group_ask(w, deadline(w), &eb);
	if (rc >= 0) {
		held(w, sent);
		back(w);
		look_to_it(w, sent);
	} else if (rc == -MX_EBUSY) {
		fenced(w, eb.text);
	} else {
		away(w, eb.text);
	}
}

static void
group_run(struct engine_writer *w)
{
	int64_t start = clock_now(), sent;
	bool known = true, full = false;
	struct mx_errbuf eb;
	int rc;

	for (;;) {
		sent = clock_now();
		rc = group_try(w, &known, &eb);
		if (rc == -MX_EFULL && w->commits + w->chunks > 0) {
			full = true;
			tell_state(w, STORE_FULL, eb.text);
			if (!group_without_mail(w, rc))
				return;
			continue;
		}
		if (rc != -MX_ENET && rc != -MX_ECANCELED)
			break;
		if (rc == -MX_ENET)
			away(w, eb.text);
		if (w->hurry || engine_waited(w, start)) {
			tell_state(w, STORE_FULL, "the engine is unreachable");
			engine_mail_waiting(w);
			if (!known)
				engine_doubt_land(w);
			else if (!group_without_mail(w, -MX_EFULL))
				return;
		}
		if (w->hurry) {
			/* later requests do not wait either */
			w->given_up = true;
			break;
		}
		(void)poll(NULL, 0, ENGINE_RETRY_MS);
	}
	if (rc == 0) {
		held(w, sent);
		if (!full)
			back(w);
		tell_commit(w, clock_now() - start);
	} else if (rc == -MX_EFULL) {
		tell_state(w, STORE_FULL, eb.text);
	} else if (rc == -MX_EBUSY) {
		fenced(w, eb.text);
		if (known)
			(void)group_without_mail(w, -MX_EFULL);
		else
			engine_doubt_land(w);
	} else if (rc != -MX_ENET && rc != -MX_ECANCELED) {
		failed(w, eb.text);
	}
	group_answer(w, rc == 0 || rc == -MX_EFULL ? rc : -MX_EIO);
	if (rc == 0)
		look_to_it(w, sent);
}

/* ---- requests */

/* Appends a piece to a large body. False: the body has failed. */
static bool
add_piece(struct engine_writer *w, struct store_req *r)
{
	struct large_body *l = idmap_get(&w->larges, r->id);

	if (l == NULL) {
		l = mem_alloc(sizeof(*l));
		idmap_put(&w->larges, r->id, l);
	}
	if (l->rc < 0)
		return false;
	r->at = l->len;
	l->crc = store_crc(l->crc, r->data, r->len);
	l->len += r->len;
	return true;
}

/* Sets the content's reference in the parts: the message id is its place. */
static void
set_body(struct engine_writer *w, struct store_req *r)
{
	struct body_ref body = { .segment = r->id };
	struct large_body *l;
	unsigned i;

	if (r->large) {
		l = idmap_take(&w->larges, r->id);
		MX_ASSERT(l != NULL);
		body.len = l->len;
		body.crc = l->crc;
		if (r->rc == 0)
			r->rc = l->rc;
		free(l);
	} else {
		body.len = r->len;
		body.crc = store_crc(0, r->data, r->len);
	}
	for (i = 0; i < r->nparts; i++)
		r->parts[i]->body = body;
}

/* False: it has to wait for the next group. */
static bool
into_group(struct engine_writer *w, struct store_req *r)
{
	bool commit = r->mail.kind == STORE_COMMIT;
	bool owns = engine_is_own(r);

	if (w->n == ENGINE_OPS || w->bytes >= ENGINE_BYTES ||
	    (commit && w->commits == w->commits_max) ||
	    (owns && w->owns == ENGINE_OWNS))
		return false;
	if (commit)
		set_body(w, r);
	else if (r->mail.kind == STORE_DISCARD)
		free(idmap_take(&w->larges, r->id));
	else if (r->mail.kind == STORE_CHUNK_WRITE && !add_piece(w, r))
		r->rc = -MX_EFULL; /* set by the group */
	w->group[w->n++] = r;
	w->commits += commit;
	w->chunks += r->mail.kind == STORE_CHUNK_WRITE;
	w->owns += owns;
	w->bytes += r->len;
	return true;
}

void
engine_limits(struct engine_writer *w, const struct store_conf *c)
{
	w->commits_max = c->group_max > 0 ? c->group_max : 1;
	w->wait_ns = c->wait_ms * CLOCK_MS;
	w->require_sync = c->require_sync;
	w->refuse_away = c->refuse_away;
}

/* Takes our place again, after fencing or by an operator's order. */
static void
do_join(struct engine_writer *w, struct store_req *r)
{
	int64_t sent = clock_now();
	struct mx_errbuf eb;
	int rc = -MX_ENET;

	/* it may be another engine than before */
	if (!is_blind(w, sent) && is_up(w))
		rc = schema_check(w->pg, deadline(w), &eb);
	if (rc == 0)
		rc = engine_node_take(w->pg, w->name, w->instance,
		    w->lease_ns / CLOCK_MS, &w->node, &eb);
	if (rc == 0) {
		w->fenced = false;
		w->blind_since = 0;
		held(w, sent);
		back(w);
		log_notice("store", "event=joined epoch=%lld",
		    (long long)w->node.epoch);
	} else if (rc != -MX_ENET) {
		log_error("store", "event=not_joined error=%s", log_q(eb.text));
	}
	r->rc = rc;
	mailbox_post(w->out, &r->mail);
}

static void
make_group(struct engine_writer *w)
{
	struct mail *m;
	struct store_req *r;

	while ((m = STAILQ_FIRST(&w->queue)) != NULL) {
		r = (struct store_req *)m;
		switch (m->kind) {
		case STORE_COMMIT:
		case STORE_CHUNK_WRITE:
		case STORE_DISCARD:
		case STORE_UPDATE:
		case STORE_REMOVE:
		case STORE_STATE:
		case STORE_GIVE:
		case STORE_TAKE:
		case STORE_FENCE:
		case STORE_PLACE:
		case STORE_ASK_PLACED:
		case STORE_FORGET_PLACED:
			if (!into_group(w, r))
				return;
			STAILQ_REMOVE_HEAD(&w->queue, link);
			continue;
		case STORE_JOIN:
			/* earlier requests are those of the fenced node */
			if (w->n > 0)
				return;
			break;
		default:
			break;
		}
		STAILQ_REMOVE_HEAD(&w->queue, link);
		if (m->kind == STORE_JOIN) {
			do_join(w, r);
		} else if (m->kind == STORE_MOVE_PIECE) {
			engine_piece_do(w, r);
		} else {
			if (m->kind == STORE_LIMITS)
				engine_limits(w, &r->conf);
			else if (m->kind == STORE_QUIT)
				w->quit = true;
			else if (m->kind == STORE_DOUBT)
				engine_doubt_begin(w, r);
			else
				failed(w, "reading the whole queue");
			store_req_free(r);
		}
	}
}

/* Time until the next beat. */
static int
pause_ms(const struct engine_writer *w)
{
	int64_t ms = (w->beat_at - clock_now()) / CLOCK_MS;

	return ms < 1 ? 1 : ms < ENGINE_TICK_MS ? (int)ms : ENGINE_TICK_MS;
}

/* Releases our place, so that no node has to wait for the lease. */
static void
let_go(struct engine_writer *w)
{
	struct mx_errbuf eb;

	w->held_until = 0;
	if (w->state == STORE_FAILED || w->fenced || !pg_is_up(w->pg))
		return;
	if (engine_node_free(w->pg, &w->node, clock_now() + CLOCK_SEC, &eb) < 0)
		log_warn("store", "event=node_not_freed error=%s",
		    log_q(eb.text));
}

static void *
engine_writer_main(void *arg)
{
	struct engine_writer *w = arg;
	struct mail_list more;

	while (!w->quit || !STAILQ_EMPTY(&w->queue)) {
		if (STAILQ_EMPTY(&w->queue))
			(void)mailbox_wait(w->in, &more, pause_ms(w));
		else
			(void)mailbox_take(w->in, &more);
		STAILQ_CONCAT(&w->queue, &more);
		make_group(w);
		if (w->n == 0) {
			beat(w);
			continue;
		}
		if (w->fenced)
			(void)group_without_mail(w, -MX_EFULL);
		if (w->state == STORE_FAILED || w->fenced)
			group_answer(w, -MX_EIO);
		else
			group_run(w);
	}
	let_go(w);
	return NULL;
}

bool
engine_writer_holds(const struct engine_writer *w)
{
	int64_t now = clock_now();

	return now < w->held_until && !is_blind(w, now);
}

void
engine_writer_hurry(struct engine_writer *w)
{
	w->hurry = true;
}

void
engine_writer_land(struct engine_writer *w,
    void (*land)(void *arg, struct store_req *), void *arg)
{
	w->land = land; /* read by the thread when a request comes */
	w->land_arg = arg;
}

void
engine_writer_post(struct engine_writer *w, struct mail_list *list)
{
	mailbox_post_list(w->in, list);
}

static void
drop_large(uint64_t id, void *l, void *arg)
{
	(void)id;
	(void)arg;
	free(l);
}

void
engine_writer_stop(struct engine_writer **wp)
{
	struct engine_writer *w = *wp;

	if (w == NULL)
		return;
	store_writer_end(w->thread, &w->in);
	idmap_each(&w->larges, drop_large, NULL);
	idmap_fini(&w->larges);
	idmap_fini(&w->ids);
	engine_doubt_fini(&w->doubt);
	buf_fini(&w->record);
	pg_destroy(&w->pg);
	mem_free(wp);
}

struct engine_writer *
engine_writer_start(const char *conninfo, const struct engine_node *node,
    const struct store_conf *conf, const _Atomic int64_t *seen, bool away,
    struct mailbox *out)
{
	struct engine_writer *w = mem_alloc(sizeof(*w));

	w->seen_ns = seen;
	(void)strlcpy(w->name, conf->node, sizeof(w->name));
	(void)strlcpy(w->instance, conf->instance, sizeof(w->instance));
	w->pg = pg_create(conninfo, "mxwatchd");
	w->node = *node;
	w->out = out;
	w->in = mailbox_create();
	STAILQ_INIT(&w->queue);
	idmap_init(&w->larges);
	idmap_init(&w->ids);
	buf_init(&w->record, SIZE_MAX / 4); /* the codec has its own cap */
	engine_limits(w, conf);
	w->lease_ns = conf->lease_ms * CLOCK_MS;
	if (away) {
		w->fenced = true;
		w->state = STORE_FULL;
		w->away_since = clock_now();
		w->away_ms = clock_wall_ms();
	} else {
		held(w, clock_now());
	}
	if (thread_start(&w->thread, engine_writer_main, w) != 0) {
		mailbox_destroy(&w->in, NULL);
		pg_destroy(&w->pg);
		mem_free(&w);
	}
	return w;
}
