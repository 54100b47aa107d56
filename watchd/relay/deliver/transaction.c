/* SPDX-License-Identifier: ISC
 * transaction: the replies of a server to a message, turned into the results of
 * the recipients and into lessons about the host. Called by session.c with the
 * events of the SMTP engine: they concern the first transaction under way
 * (flight.c), session.tx and session.cur. A message counts as taken only by its
 * own 250. Each delivery ends exactly once, here or in deliver_tx_return(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define TAKEN_LATELY (10 * 60 * CLOCK_SEC)

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

/* A delivery of which the server has heard nothing counts as never taken. The
 * results of earlier transactions are kept. */
void
deliver_tx_return(struct deliver_session *s, struct delivery **w)
{
	if (*w == NULL)
		return;
	if ((*w)->decided == 0) {
		delivery_finish(deliver_of(s), w, JOB_RETURNED);
		return;
	}
	delivery_report(*w, SMTP_PHASE_EOD, "");
	delivery_finish(deliver_of(s), w, JOB_LOST);
}

static void
note_reply(struct delivery *w, const struct smtp_reply *r)
{
	w->code = r->code;
	w->status = r->status;
	strlcpy(w->reply, r->text != NULL ? r->text : "", sizeof(w->reply));
}

/* The connection broke: sets the reason of those of the batch that are
 * pending. */
static void
batch_lost(struct deliver_session *s, uint16_t code,
    const struct smtp_status *st, const char *text)
{
	struct rcpt *r;

	for (unsigned i = 0; i < s->tx->nrcpts; i++) {
		r = &s->cur->env->rcpts[s->tx->map[i]];
		if (r->state == RCPT_PENDING)
			rcpt_set(r, RCPT_PENDING, code, st, text);
	}
}

/* ---- verdicts */

/* The judge's verdict on a recipient or (NULL) on the message. */
static struct judge_verdict
judged(struct deliver_session *s, struct delivery *w, struct judge_case *c,
    const char *mailbox)
{
	struct judge_verdict v;
	int64_t again_ms;

	for (uint32_t i = 0; mailbox == NULL && i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			mailbox = w->env->rcpts[i].mailbox;
	v = queue_judge(deliver_of(s)->queue, w->dest->domain, c, w->env,
	    mailbox != NULL ? mailbox : "", &again_ms);
	if (again_ms > w->job->wait_ms)
		w->job->wait_ms = again_ms;
	if (v.outcome == JUDGE_PUT_OFF)
		host_alone(host_of(s), now_of(s));
	return v;
}

static enum rcpt_state
state_of(const struct judge_verdict *v)
{
	static const enum rcpt_state states[] = {
		[JUDGE_GO_ON] = RCPT_PENDING,
		[JUDGE_TAKEN] = RCPT_DELIVERED,
		[JUDGE_LATER] = RCPT_PENDING,
		[JUDGE_PUT_OFF] = RCPT_PENDING,
		[JUDGE_FAILED] = RCPT_FAILED,
	};

	return states[v->outcome];
}

/* A refusal for content is not reported, because the sender's address may be
 * forged: the primary knows the reason, and the message is kept (vault). */
static bool
is_not_reported(const struct deliver_session *s, const struct judge_verdict *v)
{
	if (!v->content || s->conf->dsn.content)
		return false;
	deliver_of(s)->stats->g.dsn_suppressed[DSN_SUPPRESS_POLICY]++;
	return true;
}

/* Applies the verdict on the message to its recipients in this transaction;
 * after MAIL to those whose RCPT was accepted. */
static void
batch_set(struct deliver_session *s, enum smtp_phase phase,
    const struct judge_verdict *v, const struct smtp_reply *reply)
{
	bool silent = is_not_reported(s, v);
	bool all = phase == SMTP_PHASE_MAIL;
	struct rcpt *r;

	for (unsigned i = 0; i < s->tx->nrcpts; i++) {
		r = &s->cur->env->rcpts[s->tx->map[i]];
		if (r->state != RCPT_PENDING || (!all && !s->tx->taken[i]))
			continue;
		rcpt_set(r, state_of(v), reply->code, &reply->status,
		    reply->text);
		r->reported |= silent;
	}
}

/* The message was taken. A server with DSN sends the requested notifications
 * itself; without DSN we have to (RFC 3461 5.2). */
static void
batch_taken(struct deliver_session *s)
{
	bool dsn = (smtp_client_ext(s->client) & CLIENT_EXT_DSN) != 0;
	unsigned i;

	for (i = 0; i < s->tx->nrcpts; i++)
		if (s->tx->taken[i])
			s->cur->env->rcpts[s->tx->map[i]].reported = dsn;
}

int64_t
deliver_tx_reply_ns(const struct deliver_session *s)
{
	return smtp_client_phase_ns(s->client, SMTP_PHASE_MAIL) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_RCPT) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_EOD);
}

/* The connection ended between transactions: a kept connection broke before our
 * first command, or the server said 421 to the first command of a transaction
 * sent behind others. One that was sent completely may have been taken. */
static bool
lost_between(const struct deliver_session *s, const struct smtp_reply *reply)
{
	if (s->state != SESSION_SEND || s->tx->decided)
		return true;
	if (s->messages - s->nbehind <= 1 || s->tx->answered)
		return false;
	return reply == NULL ? !s->tx->sent : reply->code == 421;
}

/* It took all messages before the present one, of which it has said nothing. */
static bool
has_taken_all(const struct deliver_session *s)
{
	return s->accepted > 0 && (s->tx->decided || !s->tx->answered) &&
	    s->accepted + !s->tx->decided + s->nbehind == s->messages;
}

/* A server may close a session after many refused recipients (Postfix after the
 * twentieth): a defence, which says nothing of the recipients it was not asked
 * for. */
static bool
is_defence(const struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply)
{
	if (s->refused == 0 || s->cur->env == NULL)
		return false;
	if (reply == NULL)
		return !s->tx->sent;
	return reply->code == 421 &&
	    (s->tx->way == CLIENT_DATA ? !s->tx->sent :
					 phase != SMTP_PHASE_EOD);
}

/* ---- servers that fail with chunks, or with pipelined messages */

/* A syntax error that can only be due to the chunks or the pipelining, because
 * the server took the same commands before. Any 5xx to the first MAIL behind a
 * final dot is asked for again. */
static bool
is_bewildered(const struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply)
{
	bool first = s->tx->way == CLIENT_DATA && !host_of(s)->behind_taken;

	if (reply == NULL || reply->code < 500)
		return false;
	if (s->tx->followed && phase == SMTP_PHASE_MAIL)
		return first || (reply->code <= 504 && reply->code != 501);
	return s->tx->way != CLIENT_DATA && phase == SMTP_PHASE_EOD &&
	    reply->code <= 504;
}

/* The connection broke under a chunk or a pipelined message, neither of which
 * the server ever took (a server that closes on purpose says 421); or its reply
 * was a bewildered one. */
static bool
is_stumble(const struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply)
{
	const struct host *h = host_of(s);
	bool behind = s->nbehind > 0 || s->tx->followed;

	if (s->tx->way == CLIENT_DATA && !behind)
		return false;
	if (reply != NULL)
		return is_bewildered(s, phase, reply);
	return s->tx->sent && !(behind ? h->behind_taken : h->chunk_taken);
}

static void
give_up(struct deliver_session *s, enum smtp_phase phase, const char *text)
{
	log_notice("deliver",
	    "domain=%s host=%s event=%s phase=%s behind=%u reply=%s",
	    s->cur->dest->domain, log_q(s->cur->label),
	    s->tx->way == CLIENT_DATA ? "pipelining_given_up" :
					"chunking_given_up",
	    smtp_phase_name(phase), s->nbehind, log_reply(text));
	host_stumbled(host_of(s), now_of(s));
	site_touch(s->lane->site);
}

/* The failure is not due to the message: it is sent again at once, with DATA
 * and alone. */
static void
stumbled(struct deliver_session *s, enum smtp_phase phase, const char *text)
{
	struct delivery *w = s->cur;

	give_up(s, phase, text);
	/* Recipients refused in it stay refused. */
	if (s->tx->ntaken < s->tx->nrcpts && phase != SMTP_PHASE_MAIL &&
	    envelope_count(w->env, RCPT_FAILED) > w->failed)
		w->decided++;
	deliver_tx_return(s, &s->cur);
}

/* The first message that was ever sent behind a final dot got no answer. */
static bool
is_ignored(const struct deliver_session *s, const struct smtp_reply *reply)
{
	return s->state == SESSION_SEND && !s->tx->decided &&
	    s->tx->way == CLIENT_DATA && s->tx->followed && reply == NULL &&
	    !host_of(s)->behind_taken;
}

/* The connection broke during a delivery. After the final dot the server may
 * have taken the message: sending it again is the lesser evil (RFC 1047). */
void
deliver_tx_lost(struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	static const struct smtp_status lost = { 4, 4, 2 };
	struct delivery *w = s->cur;
	const struct smtp_status *st = reply != NULL ? &reply->status : &lost;

	if (s->nbehind > 0)
		host_alone(host_of(s), now_of(s));
	if (is_defence(s, phase, reply)) {
		host_closed_behind(host_of(s), s->refused, now_of(s));
		delivery_report(w, phase, "refusals_limited");
		delivery_finish(deliver_of(s), &s->cur, JOB_LOST);
		return;
	}
	if (lost_between(s, reply)) {
		if (has_taken_all(s))
			host_closed_after(host_of(s), s->accepted, now_of(s));
		if (is_ignored(s, reply))
			give_up(s, phase, text);
		deliver_tx_return(s, &s->cur);
		return;
	}
	if (reply == NULL && has_taken_all(s)) /* perhaps it closes then */
		host_closed_after(host_of(s), s->accepted, now_of(s));
	if (is_stumble(s, phase, reply)) {
		stumbled(s, phase, reply != NULL ? reply->text : text);
		return;
	}
	if (deliver_session_is_current(s) && !has_taken_all(s) &&
	    (reply == NULL || !host_rate_reply(host_of(s), reply, now_of(s))))
		host_trouble(host_of(s));
	if (reply != NULL)
		note_reply(w, reply);
	else
		strlcpy(w->reply, text, sizeof(w->reply));
	batch_lost(s, reply != NULL ? reply->code : 0,
	    st->cls == 4 ? st : &lost, w->reply);
	delivery_report(w, phase,
	    s->tx->sent && reply == NULL ? "lost_after_dot" : "lost");
	delivery_finish(deliver_of(s), &s->cur, JOB_LOST);
}

/* The host offered before, also to a probe, what it lacks now. */
static bool
offered_before(const struct deliver_session *s, const struct delivery *w,
    enum judge_unfit unfit)
{
	const struct deliver_ops *ops = &deliver_of(s)->ops;
	uint64_t size = 0;
	unsigned ext = 0;

	if (ops->offered == NULL ||
	    !ops->offered(ops->arg, w->label, &ext, &size))
		return false;
	if (unfit == JUDGE_UNFIT_SMTPUTF8)
		return (ext & CLIENT_EXT_SMTPUTF8) != 0;
	return size == 0 || size >= w->env->body.len;
}

static enum judge_unfit
unfit_of(const struct deliver_session *s, const struct envelope *env)
{
	unsigned ext = smtp_client_ext(s->client);
	uint64_t limit = smtp_client_size_limit(s->client);

	if ((env->flags & ENV_UTF8) != 0 && (ext & CLIENT_EXT_SMTPUTF8) == 0)
		return JUDGE_UNFIT_SMTPUTF8;
	return (ext & CLIENT_EXT_SIZE) != 0 && limit != 0 &&
		env->body.len > limit ?
	    JUDGE_UNFIT_SIZE :
	    JUDGE_FITS;
}

/* A message that the host cannot take: nothing is sent. */
bool
deliver_tx_is_unfit(struct deliver_session *s, struct delivery *w)
{
	static const struct smtp_status status[] = {
		[JUDGE_UNFIT_SMTPUTF8] = { 5, 6, 7 },
		[JUDGE_UNFIT_SIZE] = { 5, 3, 4 },
	};
	static const char *const text[] = {
		[JUDGE_UNFIT_SMTPUTF8] = "the message needs SMTPUTF8, which "
					 "the server does not offer",
		[JUDGE_UNFIT_SIZE] = "the message is larger than the server "
				     "accepts",
	};
	struct judge_case c = { .phase = SMTP_PHASE_MAIL,
		.unfit = unfit_of(s, w->env) };
	struct judge_verdict v;

	if (c.unfit == JUDGE_FITS)
		return false;
	c.known.fitted = offered_before(s, w, c.unfit);
	v = judged(s, w, &c, NULL);
	s->offers_less |= c.known.fitted;
	w->status = status[c.unfit];
	snprintf(w->reply, sizeof(w->reply), "%s%s", text[c.unfit],
	    v.outcome == JUDGE_PUT_OFF ? "; it did before" : "");
	for (uint32_t i = 0; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			rcpt_set(&w->env->rcpts[i], state_of(&v), 0, &w->status,
			    w->reply);
	delivery_report(w, SMTP_PHASE_MAIL, "unfit");
	return true;
}

/* ---- the replies */

/* Too many recipients of one transaction (RFC 5321 4.5.3.1.10): this says
 * nothing of the recipient, which is sent again at once with those after it. */
static bool
rcpt_too_many(struct deliver_session *s, size_t i, const struct smtp_reply *r)
{
	struct delivery *w = s->cur;

	if ((r->code != 452 && r->code != 552) || s->tx->ntaken == 0 ||
	    (r->has_status &&
		(r->status.subject != 5 || r->status.detail != 3)))
		return false;
	if (!r->has_status && r->code == 452)
		return false; /* it may be out of space */
	if (!s->tx->too_many) {
		host_rcpts_after(host_of(s), s->tx->ntaken, now_of(s));
		w->next_rcpt = s->tx->map[i];
	}
	s->tx->too_many = true;
	return true;
}

void
deliver_tx_rcpt(struct deliver_session *s, const struct smtp_client_info *info)
{
	const struct smtp_reply *reply = info->reply;
	struct rcpt *r;
	struct judge_case c = { .phase = SMTP_PHASE_RCPT,
		.reply = info->reply };
	struct judge_verdict v;

	s->tx->answered = true;
	if (info->rcpt >= s->tx->nrcpts || reply == NULL)
		return;
	if (s->tx->followed && s->tx->way == CLIENT_DATA)
		host_way_taken(host_of(s), false, true); /* it accepted MAIL */
	r = &s->cur->env->rcpts[s->tx->map[info->rcpt]];
	if (reply_ok(reply)) {
		s->tx->taken[info->rcpt] = true;
		s->tx->ntaken++;
		return;
	}
	if (rcpt_too_many(s, info->rcpt, reply))
		return;
	s->refused += reply_perm(reply);
	v = judged(s, s->cur, &c, r->mailbox);
	rcpt_set(r, state_of(&v), reply->code, &reply->status, reply->text);
	note_reply(s->cur, reply);
}

/* The time to answer. A body sent together with its commands is included. */
static int64_t
latency_ns(const struct deliver_session *s)
{
	return s->tx->way == CLIENT_BURST ?
	    now_of(s) - s->tx->sent_ns :
	    deliver_tx_reply_ns(s) - s->tx->phase_ns;
}

/* What the transaction teaches about the host, whatever the message. */
static void
host_learns(struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply)
{
	struct host *h = host_of(s);
	const struct envelope *env = s->cur->env;
	unsigned i;

	if (reply != NULL && reply_ok(reply) && phase == SMTP_PHASE_EOD) {
		host_taken(h, latency_ns(s), now_of(s));
		host_way_taken(h, s->tx->way != CLIENT_DATA, s->tx->followed);
	} else {
		if (reply != NULL && host_rate_reply(h, reply, now_of(s)))
			return;
		host_answered(h);
	}
	/* 452: the server is out of space (but 4.2.2 is one mailbox). */
	for (i = 0; i < s->tx->nrcpts && !s->tx->too_many; i++) {
		const struct rcpt *r = &env->rcpts[s->tx->map[i]];

		if (r->state == RCPT_PENDING && r->code == 452 &&
		    r->status.subject != 2) {
			host_trouble(h);
			return;
		}
	}
}

/* It took a message just now, on this connection or another. */
static bool
is_working(const struct deliver_session *s)
{
	const struct host *h = host_of(s);

	return s->accepted > 0 ||
	    (h->taken_ns != 0 && now_of(s) - h->taken_ns < TAKEN_LATELY);
}

/* 530 in clear (RFC 3207 4): due to the TLS failure, not to the message. That
 * address is not used in clear any more. */
static void
tls_is_wanted(struct deliver_session *s, const struct smtp_reply *r)
{
	if (r->code == 530 && !smtp_client_tls(s->client))
		address_tls_only(
		    address_book_get(deliver_of(s)->reach->book, &s->addr),
		    now_of(s));
}

/* A host that defers every message (452 to each MAIL) is the last choice for a
 * while if there is another. */
static bool
is_passed_over(const struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply, bool ends)
{
	return s->accepted == 0 && reply != NULL && reply->code / 100 == 4 &&
	    (phase == SMTP_PHASE_MAIL || ends);
}

/* The server refuses us now, or is out of order: the session ends. A reply
 * about one recipient says nothing of the others. */
static bool
ends_session(enum smtp_phase phase, const struct smtp_reply *reply,
    const struct judge_verdict *v)
{
	return phase != SMTP_PHASE_RCPT &&
	    (v->scope == JUDGE_PRIMARY ||
		(v->scope == JUDGE_US && reply_perm(reply)));
}

/* The last reply of a transaction. */
static void
decide(struct deliver_session *s, const struct smtp_client_info *info)
{
	struct deliver *dl = deliver_of(s);
	struct deliver_dest *d = s->dest;
	const struct smtp_reply *reply = info->reply;
	struct delivery *w = s->cur;
	struct judge_case c = { .phase = info->phase, .reply = info->reply };
	struct judge_verdict v = { .scope = JUDGE_NOBODY };
	bool ends = false;

	s->tx->answered = s->tx->decided = true;
	body_drop(s);
	if (is_bewildered(s, info->phase, reply)) {
		stumbled(s, info->phase, reply->text);
		return;
	}
	w->decided++;
	/* Without an accepted recipient the reply to DATA means nothing. */
	if (reply != NULL && info->phase != SMTP_PHASE_RCPT &&
	    (info->phase != SMTP_PHASE_DATA || s->tx->ntaken > 0)) {
		v = judged(s, w, &c, NULL);
		batch_set(s, info->phase, &v, reply);
		note_reply(w, reply);
		ends = ends_session(info->phase, reply, &v);
	}
	if (deliver_session_is_current(s))
		host_learns(s, info->phase, reply);
	if (reply != NULL && reply_ok(reply) && info->phase == SMTP_PHASE_EOD) {
		s->accepted++;
		batch_taken(s);
		deliver_dest_outcome(d,
		    &(struct deliver_outcome){ .ok = true,
			.host = w->label,
			.text = "" });
	}
	if (!ends && flight_batch_left(w)) {
		/* The remaining recipients go over another connection, or
		 * behind those under way. */
		if (deliver_session_full(s) || s->nbehind > 0)
			deliver_tx_return(s, &s->cur);
		return; /* READY follows: the next hundred */
	}
	if (is_passed_over(s, info->phase, reply, ends)) {
		lane_failed(s->lane, info->phase == SMTP_PHASE_STARTTLS, 0);
		if (info->phase == SMTP_PHASE_MAIL && w->decided == 1 &&
		    deliver_dest_has_other(d)) {
			delivery_report(w, info->phase, "next_host");
			delivery_finish(dl, &s->cur, JOB_RETURNED);
			return;
		}
	}
	delivery_report(w, info->phase, "");
	if (!ends) {
		delivery_finish(dl, &s->cur, JOB_TRIED);
		return;
	}
	tls_is_wanted(s, reply);
	/* The server takes nothing from us now: the message waits, and so
	 * should the others, unless theirs are taken. A refusal of us alone is
	 * for the breaker to judge. */
	if (v.scope == JUDGE_PRIMARY && !is_working(s))
		deliver_dest_outcome(d,
		    &(struct deliver_outcome){ .phase = info->phase,
			.code = reply->code,
			.host = w->label,
			.text = reply->text });
	delivery_finish(dl, &s->cur, reply->code == 421 ? JOB_LOST : JOB_TRIED);
	if (s->nbehind == 0) {
		deliver_session_quit(s, false);
		return;
	}
	s->last = true; /* those behind it still have answers to come */
	deliver_tx_return(s, &s->next);
}

void
deliver_tx_sent(struct deliver_session *s, const struct smtp_client_info *info)
{
	decide(s, info);
	if (s->nbehind > 0)
		flight_next(s);
}
