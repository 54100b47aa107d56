/* SPDX-License-Identifier: ISC
 * flight: what a session sends. A message is offered in transactions of at most
 * a hundred recipients, or as many as the server takes; transaction.c handles
 * the replies.
 *
 * Where CHUNKING and PIPELINING are offered, a message whose body is in memory
 * is sent together with its commands (CLIENT_BURST), and others follow before
 * it is answered, up to pipeline_depth in all:
 *
 *	          session.tx, cur         session.behind          next
 *	server <- answered now <- sent, in this order <- loaded, or loading
 *
 * Where only PIPELINING is offered, the commands of one message follow the
 * final dot of the previous one: this saves a round trip, a write and a read
 * each.
 *
 * Nothing is sent behind a message that may end the connection: not beyond the
 * number of messages it may carry (a server that closes with unread input
 * causes a reset, and its last replies are lost), nor behind a canary. Larger
 * bodies are sent alone (body.c).
 *
 * 8-bit content is sent unchanged to a server without 8BITMIME: rewriting a
 * body that is not ours would break signatures, and bouncing it helps
 * nobody. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"
#include "relay/mail_log.h"

static struct deliver *
deliver_of(const struct deliver_session *s)
{
	return s->lane->site->deliver;
}

static struct host *
host_of(const struct deliver_session *s)
{
	return &s->lane->site->host;
}

static int64_t
now_of(const struct deliver_session *s)
{
	return loop_now(deliver_of(s)->loop);
}

/* ---- a transaction */

bool
flight_batch_left(const struct delivery *w)
{
	uint32_t i;

	for (i = w->next_rcpt; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			return true;
	return false;
}

/* The most recipients of a transaction. */
static unsigned
batch_most(const struct deliver_session *s)
{
	const struct host *h = host_of(s);
	unsigned most = smtp_client_limits(s->client).rcpts;
	unsigned learned = host_limit_value(&h->rcpts, now_of(s));

	if (most == 0 || most > DELIVER_RCPTS)
		most = DELIVER_RCPTS;
	if (learned != 0 && learned < most)
		most = learned;
	learned = host_limit_value(&h->refusals, now_of(s));
	if (learned != 0 && learned < most + s->refused + 1)
		most = learned > s->refused + 2 ? learned - s->refused - 1 : 1;
	return most;
}

/* A server that has never taken a chunk, although it offers CHUNKING, gets
 * DATA. */
static enum smtp_client_way
way_of(const struct deliver_session *s, const struct delivery *w)
{
	unsigned ext = smtp_client_ext(s->client);

	if ((ext & CLIENT_EXT_CHUNKING) == 0 || w->env->body.len == 0 ||
	    !host_takes_chunks(host_of(s), now_of(s)))
		return CLIENT_DATA;
	if ((ext & CLIENT_EXT_PIPELINING) == 0 || w->len != w->env->body.len)
		return CLIENT_BDAT;
	return CLIENT_BURST;
}

/* Allocates one for n recipients. */
static struct deliver_tx *
tx_alloc(unsigned n)
{
	struct deliver_tx *tx = mem_alloc(sizeof(*tx) +
	    n * (sizeof(*tx->rcpts) + sizeof(*tx->map) + sizeof(*tx->taken)));

	tx->map = (uint32_t *)(tx->rcpts + n);
	tx->taken = (bool *)(tx->map + n);
	return tx;
}

static struct deliver_tx *
tx_create(const struct deliver_session *s, struct delivery *w)
{
	struct envelope *env = w->env;
	unsigned most = batch_most(s);
	struct deliver_tx *tx;
	struct rcpt *r;
	uint32_t i;

	if (most > env->nrcpts - w->next_rcpt)
		most = env->nrcpts - w->next_rcpt;
	tx = tx_alloc(most);
	tx->w = w;
	tx->way = way_of(s, w);
	for (i = w->next_rcpt; i < env->nrcpts && tx->nrcpts < most; i++) {
		r = &env->rcpts[i];
		if (r->state != RCPT_PENDING)
			continue;
		tx->rcpts[tx->nrcpts] =
		    (struct smtp_client_rcpt){ .mailbox = r->mailbox,
			    .orcpt = r->orcpt,
			    .notify = r->notify };
		tx->map[tx->nrcpts++] = i;
	}
	tx->next_rcpt = i;
	return tx;
}

/* The parameters for the engine; all borrowed. */
static struct smtp_client_tx
tx_words(const struct deliver_tx *tx)
{
	const struct envelope *env = tx->w->env;

	return (struct smtp_client_tx){ .sender = env->sender,
		.rcpts = tx->rcpts,
		.nrcpts = tx->nrcpts,
		.size = env->body.len,
		.body =
		    (env->flags & ENV_8BIT) != 0 ? BODY_8BITMIME : BODY_7BIT,
		.smtputf8 = (env->flags & ENV_UTF8) != 0,
		.envid = env->envid,
		.ret = (enum smtp_ret)env->ret,
		.way = tx->way };
}

/* Sends the content right after its commands. A delivery with further
 * recipients reads it again for these. */
static void
burst(struct deliver_session *s, struct deliver_tx *tx)
{
	struct delivery *w = tx->w;

	body_put(s, w->data, w->len);
	smtp_client_body_end(s->client, now_of(s));
	tx->sent = true;
	mem_free(&w->data);
	w->len = 0;
}

static enum deliver_way
counted_as(const struct deliver_tx *tx)
{
	if (tx->way == CLIENT_DATA)
		return DELIVER_BY_DATA;
	return tx->followed ? DELIVER_BY_BDAT_BEHIND : DELIVER_BY_BDAT;
}

static void
tx_send(struct deliver_session *s, struct deliver_tx *tx)
{
	struct smtp_client_tx words = tx_words(tx);
	struct host *h = host_of(s);

	tx->w->next_rcpt = tx->next_rcpt;
	s->messages++;
	tx->sent_ns = now_of(s);
	deliver_of(s)->stats->g.deliver_sent[counted_as(tx)]++;
	if (h->gap_ns != 0)
		h->next_ns = now_of(s) + h->gap_ns;
	smtp_client_mail(s->client, &words, now_of(s));
	if (tx->way == CLIENT_BURST)
		burst(s, tx);
}

void
flight_batch(struct deliver_session *s)
{
	MX_ASSERT(s->nbehind == 0);
	mem_free(&s->tx);
	s->tx = tx_create(s, s->cur);
	s->tx->phase_ns = deliver_tx_reply_ns(s);
	s->heard_ns = now_of(s);
	deliver_session_set(s, SESSION_SEND);
	tx_send(s, s->tx);
	flight_fill(s);
}

/* ---- a message */

/* A loaded delivery: may it begin? If not it was ended here, for instance
 * because the gate was closed meanwhile. Results that need no server are set
 * first. */
static bool
is_ready(struct deliver_session *s, struct delivery **wp)
{
	struct delivery *w = *wp;
	struct deliver *dl = deliver_of(s);
	enum job_outcome outcome;
	char id[TEXT_ID_MAX];

	if (!queue_job_stands(w->job)) {
		deliver_tx_return(s, wp);
		return false;
	}
	if (w->rc != 0 || w->env == NULL) {
		outcome = delivery_unread(w, w->rc);
		if (outcome != JOB_GONE)
			log_error("deliver", "id=%s event=unreadable error=%s",
			    text_id(w->job->id, id), log_q(mx_strerror(w->rc)));
		delivery_finish(dl, wp, outcome);
		return false;
	}
	w->start_ns = loop_now(dl->loop);
	w->first = s->messages == 0;
	mem_free(&w->env->host);
	w->env->host = mem_strdup(w->label);
	if (deliver_tx_is_unfit(s, w) || !flight_batch_left(w)) {
		delivery_finish(dl, wp, JOB_TRIED);
		return false;
	}
	return true;
}

bool
flight_begin(struct deliver_session *s)
{
	if (!is_ready(s, &s->cur))
		return false;
	flight_batch(s);
	return true;
}

void
flight_loaded(void *arg, struct store_loaded *l)
{
	struct delivery *w = arg;
	struct deliver_session *s = w->session;

	w->load = 0;
	w->loaded = true;
	w->rc = l->rc;
	w->env = l->env;
	w->data = l->data;
	w->len = l->len;
	if (w->env != NULL) {
		mail_log_header(w->env, w->data, w->len);
		w->failed = envelope_count(w->env, RCPT_FAILED);
	}
	if (w == s->cur && s->state == SESSION_LOAD) {
		if (!flight_begin(s))
			deliver_session_next(s);
	} else if (w == s->next) {
		flight_fill(s);
	} else {
		return;
	}
	deliver_session_pump(s);
}

/* ---- those behind it */

/* The most messages under way at once, including this one. */
static unsigned
depth_of(const struct deliver_session *s, const struct delivery *w)
{
	if (w->job->canary || w->job->alone ||
	    !host_takes_behind(host_of(s), now_of(s)))
		return 1;
	return s->set->pipeline_depth;
}

/* All messages under way are sent in the same way as the first. */
static bool
is_of_the_way(const struct deliver_session *s, const struct delivery *w)
{
	return s->tx->way == way_of(s, w) && s->tx->way != CLIENT_BDAT &&
	    (s->tx->way == CLIENT_BURST || delivery_is_whole(s->cur));
}

/* May `next` be sent now? */
static bool
may_follow(const struct deliver_session *s)
{
	const struct delivery *w = s->next;

	return w->loaded && w->rc == 0 && w->env != NULL &&
	    is_of_the_way(s, w) && s->nbehind + 1 < depth_of(s, w) &&
	    s->nbehind + 1 < depth_of(s, s->cur) &&
	    !flight_batch_left(s->cur) && !deliver_session_spent(s) &&
	    !deliver_of(s)->draining && !lane_yields(s) &&
	    conn_backlog(s->conn) < DELIVER_PIECE;
}

/* While replies are awaited the next message is loaded: of the next domain in
 * the line, or of the same one. */
static void
prefetch(struct deliver_session *s)
{
	struct deliver_dest *d = s->dest;

	if (s->next != NULL || deliver_session_spent(s) ||
	    flight_batch_left(s->cur) || lane_yields(s) ||
	    deliver_of(s)->draining || host_of(s)->gap_ns != 0)
		return;
	s->next = lane_next(s->lane, s);
	if (s->next == NULL && d->busy <= d->wanted && d->lane == s->lane)
		s->next = delivery_take(d, s, DELIVER_PIECE, flight_loaded);
}

/* Sends `next` behind the others with all of its recipients, because there is
 * no second transaction there. False: it does not fit here, and stays the next
 * one. */
static bool
follow(struct deliver_session *s)
{
	struct deliver_tx *tx = tx_create(s, s->next);
	struct smtp_client_tx words = tx_words(tx);
	struct delivery *w = s->next;
	struct delivery all = { .env = w->env, .next_rcpt = tx->next_rcpt };

	if (flight_batch_left(&all) ||
	    !smtp_client_follows(s->client, &words) ||
	    (tx->way == CLIENT_DATA &&
		!host_tries_behind(host_of(s), now_of(s)))) {
		mem_free(&tx);
		return false;
	}
	s->next = NULL;
	if (!is_ready(s, &w)) {
		mem_free(&tx);
		return true;
	}
	deliver_dest_busy(w->dest, s->lane);
	tx->followed = true;
	TAILQ_INSERT_TAIL(&s->behind, tx, link);
	s->nbehind++;
	tx_send(s, tx);
	return true;
}

void
flight_fill(struct deliver_session *s)
{
	if (s->state != SESSION_SEND || s->cur == NULL || s->tx->decided)
		return;
	if (s->body || !s->tx->sent) {
		/* a long message would keep the next one waiting */
		if (delivery_is_whole(s->cur))
			prefetch(s);
		return;
	}
	do {
		prefetch(s);
	} while (s->next != NULL && may_follow(s) && follow(s));
}

void
flight_next(struct deliver_session *s)
{
	struct deliver_tx *tx = TAILQ_FIRST(&s->behind);

	MX_ASSERT(s->cur == NULL && tx != NULL);
	TAILQ_REMOVE(&s->behind, tx, link);
	s->nbehind--;
	deliver_dest_release(s);
	mem_free(&s->tx);
	s->tx = tx;
	s->cur = tx->w;
	s->dest = s->cur->dest;
	tx->phase_ns = deliver_tx_reply_ns(s);
	flight_fill(s);
}

void
flight_drop_behind(struct deliver_session *s)
{
	struct deliver_tx *tx;

	while ((tx = TAILQ_FIRST(&s->behind)) != NULL) {
		TAILQ_REMOVE(&s->behind, tx, link);
		s->nbehind--;
		deliver_dest_idle(tx->w->dest);
		deliver_tx_return(s, &tx->w);
		mem_free(&tx);
	}
}
