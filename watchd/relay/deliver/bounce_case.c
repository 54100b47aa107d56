/* SPDX-License-Identifier: ISC
 * bounce_case: what happens to one job whose sender is owed a word, or two:
 * what failed, and what was relayed. For each of them:
 *
 *	load the part and the beginning of its body
 *	  -> decide (dsn_owed, null sender, ENV_DSN, budget) -> write
 *	  -> queue_commit() as an ENV_DSN message to the sender
 *	  -> durable -> mark the recipients reported
 *
 * and then the job ends. When the disk cannot take the notification, or it is
 * over the budget, nothing is forgotten: recipients that failed beside pending
 * ones are pending again, and a part with none pending waits in the queue. Loop
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/bounce_int.h"
#include "relay/deliver/dsn_mail.h"

/* After a failure to read or to store; shorter would only heat the disk. */
#define BOUNCE_AGAIN_MS 10000

static void case_loaded(void *arg, struct store_loaded *);

/* What the sender is owed next; false: nothing. That a message was relayed is
 * told once, of all its recipients, when none is pending any more. */
static bool
case_owes(struct bounce_case *c)
{
	bool failed = false, relayed = false, pending = false;
	const struct rcpt *r;
	uint32_t i;

	if (c->why == BOUNCE_WARN) {
		c->action = DSN_DELAYED;
		return !c->told;
	}
	for (i = 0; i < c->env->nrcpts; i++) {
		r = &c->env->rcpts[i];
		if (r->state == RCPT_PENDING)
			pending = true;
		else if (rcpt_owes(r) && r->state == RCPT_DELIVERED)
			relayed = true;
		else if (rcpt_owes(r))
			failed = true;
	}
	c->action = failed ? DSN_FAILED : DSN_RELAYED;
	return failed || (relayed && !pending);
}

/* That of now is told, or not to be told. */
static void
case_told(struct bounce_case *c)
{
	struct rcpt *r;
	uint32_t i;

	c->told = true;
	for (i = 0; i < c->env->nrcpts && c->action != DSN_DELAYED; i++) {
		r = &c->env->rcpts[i];
		if (rcpt_owes(r) &&
		    (r->state == RCPT_DELIVERED) == (c->action == DSN_RELAYED))
			r->reported = true;
	}
}

/* Ends the case with its job. */
static void
case_end(struct bounce_case *c)
{
	struct bounce *b = c->bounce;

	TAILQ_REMOVE(&b->cases, c, link);
	if (c->why == BOUNCE_WARN) {
		c->env->warned = (uint8_t)(c->stage + 1);
		queue_warned(b->queue, c->job, c->env);
	} else {
		queue_done(b->queue, c->job, c->outcome, c->env);
	}
	envelope_destroy(&c->env);
	free(c);
}

/* What is still owed has to wait. Beside recipients that are tried again the
 * failed ones are asked for again; where nothing is pending the part waits
 * for its notification only. */
void
bounce_case_later(struct bounce_case *c, int64_t wait_ms)
{
	uint32_t i;

	if (envelope_count(c->env, RCPT_PENDING) > 0) {
		for (i = 0; i < c->env->nrcpts; i++)
			if (c->env->rcpts[i].state == RCPT_FAILED &&
			    rcpt_owes(&c->env->rcpts[i]))
				c->env->rcpts[i].state = RCPT_PENDING;
	}
	c->job->put_off_ms = wait_ms;
	case_end(c);
}

bool
bounce_case_brought(const struct bounce_case *c)
{
	return c->why == BOUNCE_FINISH || (c->why == BOUNCE_EXPIRE && c->told);
}

/* The disk did not take it. What the job has brought so far is written down;
 * one that has brought nothing goes back after a while. */
static void
case_put_back(struct bounce_case *c)
{
	struct bounce *b = c->bounce;

	if (bounce_case_brought(c)) {
		bounce_case_later(c, BOUNCE_AGAIN_MS);
		return;
	}
	c->again_ns = loop_now(b->loop) + BOUNCE_AGAIN_MS * CLOCK_MS;
	if (!loop_timer_pending(b->timer))
		loop_timer_set(b->timer, BOUNCE_AGAIN_MS);
}

static void
case_stored(void *arg, uint64_t token, int rc, uint64_t id)
{
	struct bounce *b = arg;
	struct bounce_case *c;
	char orig[TEXT_ID_MAX], own[TEXT_ID_MAX];

	b->accepts--;
	if (b->dead) {
		bounce_free(b);
		return;
	}
	TAILQ_FOREACH (c, &b->cases, link)
		if (c->token == token)
			break;
	if (c == NULL)
		return;
	c->accepting = false;
	if (rc != 0) {
		log_warn("bounce", "id=%s event=not_stored error=%s",
		    text_id(c->job->id, orig), log_q(mx_strerror(rc)));
		case_put_back(c);
		return;
	}
	b->stats->g.dsn_generated[c->action]++;
	log_info("bounce", "id=%s dsn=%s to=%s action=%s rcpts=%u",
	    text_id(c->job->id, orig), text_id(id, own), log_q(c->env->sender),
	    dsn_action_name(c->action), dsn_owed(c->env, c->action));
	case_told(c);
	bounce_case_step(c, NULL);
}

/* Why no notification is to be sent, or NULL. Counts it. */
static const char *
case_suppress(struct bounce_case *c, struct smtp_path *to)
{
	uint64_t *count = c->bounce->stats->g.dsn_suppressed;
	const char *sender = c->env->sender;

	if (dsn_owed(c->env, c->action) == 0) {
		count[DSN_SUPPRESS_POLICY] += c->action == DSN_FAILED;
		return "NOTIFY";
	}
	if ((c->env->flags & ENV_DSN) != 0 || *sender == '\0') {
		count[DSN_SUPPRESS_NULL_SENDER]++;
		return (c->env->flags & ENV_DSN) != 0 ? "notification" :
							"null sender";
	}
	if (smtp_mailbox_parse(sender, strlen(sender), to) != 0 ||
	    to->literal || *to->domain == '\0') {
		count[DSN_SUPPRESS_POLICY]++;
		return "sender address";
	}
	return NULL;
}

/* Says in the log what became of a message nobody is told of; a warning that
 * is not given is no news. */
static void
case_silent(struct bounce_case *c, const char *why)
{
	char id[TEXT_ID_MAX];

	if (c->action != DSN_DELAYED)
		log_notice("bounce",
		    "id=%s event=%s dsn=suppressed reason=%s from=%s",
		    text_id(c->job->id, id),
		    c->why == BOUNCE_EXPIRE && !c->job->waited ?
			"expired" :
			dsn_action_name(c->action),
		    log_q(why), log_q(c->env->sender));
	case_told(c);
}

static void
case_send(struct bounce_case *c, const struct smtp_path *to,
    const struct store_loaded *l)
{
	struct bounce *b = c->bounce;
	struct buf text = BUF_INIT(DSN_MAIL_MAX);
	struct queue_intake *in = queue_begin(b->queue);
	struct envelope *part;
	int rc;

	rc = dsn_mail_write(b->conf, c->env, c->action, c->job->expiry_ms,
	    queue_intake_id(in), l, &text);
	if (rc == 0)
		rc = queue_append(in, text.data, text.len);
	if (rc != 0) {
		log_warn("bounce", "event=not_written error=%s",
		    log_q(mx_strerror(rc)));
		queue_abort(&in);
		case_put_back(c);
	} else {
		part = dsn_mail_envelope(b->conf, to, &text);
		c->accepting = true;
		b->accepts++;
		queue_commit(&in, &part, 1, case_stored, b, c->token);
	}
	buf_fini(&text);
}

void
bounce_case_load(struct bounce_case *c)
{
	struct bounce *b = c->bounce;

	c->load = store_load(b->store, c->job->id, (size_t)b->conf->dsn.size,
	    case_loaded, c);
}

/* What could not be read at all is the queue's to hold and to report. */
static void
case_unreadable(struct bounce_case *c, int rc)
{
	struct bounce *b = c->bounce;
	char id[TEXT_ID_MAX];

	log_error("bounce", "id=%s event=unreadable error=%s",
	    text_id(c->job->id, id), log_q(mx_strerror(rc)));
	if (rc == -MX_EIO) {
		case_put_back(c);
		return;
	}
	TAILQ_REMOVE(&b->cases, c, link);
	queue_done(b->queue, c->job, JOB_DAMAGED, c->env);
	envelope_destroy(&c->env);
	free(c);
}

/* The time is over, or the operator wants it so: then the reason is his, not
 * the clock's, and what the server last said is no diagnosis of it. */
static void
case_give_up(struct bounce_case *c)
{
	static const struct smtp_status st = { 5, 0, 0 };
	struct rcpt *r;
	uint32_t i;

	for (i = 0; i < c->env->nrcpts; i++) {
		r = &c->env->rcpts[i];
		if (r->state != RCPT_PENDING)
			continue;
		if (c->job->given_up)
			rcpt_set(r, RCPT_FAILED, 0, &st,
			    "given up by the postmaster of this server");
		else
			r->state = RCPT_EXPIRED;
	}
}

/* 0, or how long it has to wait; a warning goes now or not at all. Beyond the
 * time that we would try to deliver a notification none is of use any more. */
static int64_t
case_budget(struct bounce_case *c)
{
	struct bounce *b = c->bounce;

	return budget_ask(&b->budget, c->job->waited,
	    c->action == DSN_DELAYED ? 0 : b->conf->dsn.lifetime_ms,
	    loop_now(b->loop));
}

static void
case_put_off(struct bounce_case *c, int64_t wait_ms)
{
	static struct log_limit limit;
	char id[TEXT_ID_MAX], wait[32];

	c->bounce->stats->g.dsn_put_off++;
	text_duration_fmt(wait_ms, wait, sizeof(wait));
	log_info("bounce", "id=%s event=put_off action=%s wait=%s",
	    text_id(c->job->id, id), dsn_action_name(c->action), wait);
	if (log_limit_ok(&limit, 1))
		log_warn("bounce",
		    "problem=\"more notifications than dsn { rate } allows\" "
		    "effect=\"they wait; their messages stay queued\" wait=%s",
		    wait);
	bounce_case_later(c, wait_ms);
}

void
bounce_case_step(struct bounce_case *c, const struct store_loaded *l)
{
	struct smtp_path to;
	const char *why;
	int64_t wait_ms;

	while (case_owes(c)) {
		if ((why = case_suppress(c, &to)) != NULL) {
			case_silent(c, why);
			continue;
		}
		if (l == NULL) {
			bounce_case_load(c);
			return;
		}
		wait_ms = case_budget(c);
		if (wait_ms == BUDGET_NEVER) {
			c->bounce->stats->g.dsn_suppressed[DSN_SUPPRESS_RATE]++;
			case_silent(c, "rate");
			continue;
		}
		if (wait_ms > 0)
			case_put_off(c, wait_ms);
		else
			case_send(c, &to, l);
		return;
	}
	case_end(c);
}

static void
case_loaded(void *arg, struct store_loaded *l)
{
	struct bounce_case *c = arg;

	c->load = 0;
	if (c->env == NULL) {
		c->env = l->env;
		l->env = NULL;
		if (c->env != NULL && l->rc == 0 && c->why == BOUNCE_EXPIRE)
			case_give_up(c);
	}
	if (l->rc != 0 || c->env == NULL)
		case_unreadable(c, l->rc);
	else
		bounce_case_step(c, l);
	envelope_destroy(&l->env);
	free(l->data);
	l->data = NULL;
}
