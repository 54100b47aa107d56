/* SPDX-License-Identifier: ISC
 * bounce: deliveries whose sender is due a notification, or two: of failed and
 * of relayed recipients. For each of them:
 *
 *	load the part and the beginning of its body
 *	  -> decide (dsn_owed, null sender, ENV_DSN, budget) -> write
 *	  -> queue_commit() as an ENV_DSN message to the sender
 *	  -> durable -> mark the recipients reported
 *
 * and then the delivery ends. If the disk cannot take the notification, or the
 * budget is exhausted, nothing is forgotten: failed recipients beside pending
 * ones become pending again, and a part without pending ones waits in the
 * queue. Called by daemon.c (queue_ops) and delivery.c; loop thread. */
#include "relay/deliver/bounce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/budget.h"
#include "relay/deliver/delivery.h"
#include "relay/deliver/dsn_mail.h"
#include "relay/mail_log.h"

/* After a failure to read or store; a shorter delay would only load the
 * disk. */
#define BOUNCE_AGAIN_MS 10000

struct bounce {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue *queue;
	struct config *conf;
	struct delivery_list owing;
	struct loop_timer *timer; /* for deliveries that wait with again_ns */
	uint64_t last_token;
	struct budget budget;
	bool dead; /* destroyed; freed when the last commit is back */
	unsigned accepts;
};

static void case_loaded(void *arg, struct store_loaded *);
static void case_step(struct delivery *, const struct store_loaded *);

/* Finds the next notification that is due to the sender; false: none. "Relayed"
 * is reported once, for all such recipients, when none is pending any more. */
static bool
case_owes(struct delivery *w)
{
	bool failed = false, relayed = false, pending = false;
	const struct rcpt *r;
	uint32_t i;

	if (w->why == DELIVERY_WARN) {
		w->action = DSN_DELAYED;
		return !w->told;
	}
	for (i = 0; i < w->env->nrcpts; i++) {
		r = &w->env->rcpts[i];
		if (r->state == RCPT_PENDING)
			pending = true;
		else if (rcpt_owes(r) && r->state == RCPT_DELIVERED)
			relayed = true;
		else if (rcpt_owes(r))
			failed = true;
	}
	w->action = failed ? DSN_FAILED : DSN_RELAYED;
	return failed || (relayed && !pending);
}

/* The present notification is done, or not to be sent. */
static void
case_told(struct delivery *w)
{
	struct rcpt *r;
	uint32_t i;

	w->told = true;
	for (i = 0; i < w->env->nrcpts && w->action != DSN_DELAYED; i++) {
		r = &w->env->rcpts[i];
		if (rcpt_owes(r) &&
		    (r->state == RCPT_DELIVERED) == (w->action == DSN_RELAYED))
			r->reported = true;
	}
}

static void
case_end(struct delivery *w, enum job_outcome outcome)
{
	struct bounce *b = w->bounce;

	TAILQ_REMOVE(&b->owing, w, link);
	delivery_end(b->queue, &w, outcome);
}

/* Postpones a notification that is due. Beside pending recipients the failed
 * ones become pending as well, to be asked for again; otherwise the part waits
 * for its notification only. */
static void
case_later(struct delivery *w, int64_t wait_ms)
{
	uint32_t i;

	if (envelope_count(w->env, RCPT_PENDING) > 0) {
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_FAILED &&
			    rcpt_owes(&w->env->rcpts[i]))
				w->env->rcpts[i].state = RCPT_PENDING;
	}
	w->job->put_off_ms = wait_ms;
	case_end(w, w->outcome);
}

/* Are there new results that have to be recorded? */
static bool
case_brought(const struct delivery *w)
{
	return w->why == DELIVERY_SEND ||
	    (w->why == DELIVERY_EXPIRE && w->told);
}

/* The disk did not take the notification. New results of the job are recorded;
 * a job without goes back after a while. */
static void
case_put_back(struct delivery *w)
{
	struct bounce *b = w->bounce;

	if (case_brought(w)) {
		case_later(w, BOUNCE_AGAIN_MS);
		return;
	}
	w->again_ns = loop_now(b->loop) + BOUNCE_AGAIN_MS * CLOCK_MS;
	if (!loop_timer_pending(b->timer))
		loop_timer_set(b->timer, BOUNCE_AGAIN_MS);
}

static void
bounce_free(struct bounce *b)
{
	if (b->dead && b->accepts == 0)
		free(b);
}

static void
case_stored(void *arg, uint64_t token, int rc, uint64_t id MX_UNUSED)
{
	struct bounce *b = arg;
	struct delivery *w;
	char orig[TEXT_ID_MAX];

	b->accepts--;
	if (b->dead) {
		bounce_free(b);
		return;
	}
	TAILQ_FOREACH (w, &b->owing, link)
		if (w->token == token)
			break;
	if (w == NULL)
		return;
	w->accepting = false;
	if (rc != 0) {
		log_warn("bounce", "id=%s event=not_stored error=%s",
		    text_id(w->job->id, orig), log_q(mx_strerror(rc)));
		case_put_back(w);
		return;
	}
	b->stats->g.dsn_generated[w->action]++;
	case_told(w);
	case_step(w, NULL);
}

/* The reason not to send a notification, or NULL. Counts it. */
static const char *
case_suppress(struct delivery *w, struct smtp_path *to)
{
	uint64_t *count = w->bounce->stats->g.dsn_suppressed;
	const char *sender = w->env->sender;

	if (dsn_owed(w->env, w->action) == 0) {
		count[DSN_SUPPRESS_POLICY] += w->action == DSN_FAILED;
		return "NOTIFY";
	}
	if ((w->env->flags & ENV_DSN) != 0 || *sender == '\0') {
		count[DSN_SUPPRESS_NULL_SENDER]++;
		return (w->env->flags & ENV_DSN) != 0 ? "notification" :
							"null sender";
	}
	if (smtp_mailbox_parse(sender, strlen(sender), to) != 0 ||
	    to->literal || *to->domain == '\0') {
		count[DSN_SUPPRESS_POLICY]++;
		return "sender address";
	}
	return NULL;
}

/* Logs the end of a message without a notification; a suppressed warning is not
 * logged. */
static void
case_silent(struct delivery *w, const char *why)
{
	char id[TEXT_ID_MAX];

	if (w->action != DSN_DELAYED)
		log_notice("bounce",
		    "id=%s event=%s dsn=suppressed reason=%s from=%s",
		    text_id(w->job->id, id),
		    w->why == DELIVERY_EXPIRE && !w->job->waited ?
			"expired" :
			dsn_action_name(w->action),
		    log_q(why), log_q(w->env->sender));
	case_told(w);
}

/* The end of the notification's log line. */
static void
say_by(const struct delivery *w, struct queue_intake *in)
{
	char by[128], id[TEXT_ID_MAX];

	snprintf(by, sizeof(by), " reports=%s action=%s reported=%u",
	    text_id(w->job->id, id), dsn_action_name(w->action),
	    dsn_owed(w->env, w->action));
	queue_intake_by(in, "bounce", by);
}

static void
case_send(struct delivery *w, const struct smtp_path *to,
    const struct store_loaded *l)
{
	struct bounce *b = w->bounce;
	struct buf text = BUF_INIT(DSN_MAIL_MAX);
	struct queue_intake *in = queue_begin(b->queue);
	struct envelope *part;
	int rc;

	rc = dsn_mail_write(b->conf, w->env, w->action, w->job->expiry_ms,
	    queue_intake_id(in), l, &text);
	if (rc == 0)
		rc = queue_append(in, text.data, text.len);
	if (rc != 0) {
		log_warn("bounce", "event=not_written error=%s",
		    log_q(mx_strerror(rc)));
		queue_abort(&in);
		case_put_back(w);
	} else {
		part = dsn_mail_envelope(b->conf, to, &text);
		say_by(w, in);
		w->accepting = true;
		b->accepts++;
		queue_commit(&in, &part, 1, case_stored, b, w->token);
	}
	buf_fini(&text);
}

static void
case_load(struct delivery *w)
{
	struct bounce *b = w->bounce;

	w->load = store_load(b->store, w->job->id, (size_t)b->conf->dsn.size,
	    case_loaded, w);
}

/* The queue holds and reports a record that could not be read at all. */
static void
case_unreadable(struct delivery *w, int rc)
{
	char id[TEXT_ID_MAX];

	if (rc == -MX_ENOENT && store_node(w->bounce->store) != 0) {
		case_end(w, JOB_GONE); /* another node has it */
		return;
	}
	log_error("bounce", "id=%s event=unreadable error=%s",
	    text_id(w->job->id, id), log_q(mx_strerror(rc)));
	if (rc == -MX_EIO) {
		case_put_back(w);
		return;
	}
	case_end(w, JOB_DAMAGED);
}

/* The time is over, or an operator ordered it: then the order is the reason,
 * not the time, and the server's last reply is not the diagnosis. */
static void
case_give_up(struct delivery *w)
{
	static const struct smtp_status st = { 5, 0, 0 };
	struct rcpt *r;
	uint32_t i;

	for (i = 0; i < w->env->nrcpts; i++) {
		r = &w->env->rcpts[i];
		if (r->state != RCPT_PENDING)
			continue;
		if (w->job->given_up)
			rcpt_set(r, RCPT_FAILED, 0, &st,
			    "returned by the postmaster of this server");
		else
			rcpt_expire(r);
	}
}

/* 0, or the time it has to wait; a warning is sent now or not at all. After the
 * lifetime of notifications a late one would be useless. */
static int64_t
case_budget(struct delivery *w)
{
	struct bounce *b = w->bounce;

	return budget_ask(&b->budget, w->job->waited,
	    w->action == DSN_DELAYED ? 0 : b->conf->dsn.lifetime_ms,
	    loop_now(b->loop));
}

static void
case_put_off(struct delivery *w, int64_t wait_ms)
{
	static struct log_limit limit;
	char id[TEXT_ID_MAX], wait[32];

	w->bounce->stats->g.dsn_put_off++;
	text_duration_fmt(wait_ms, wait, sizeof(wait));
	log_info("bounce", "id=%s event=put_off action=%s wait=%s",
	    text_id(w->job->id, id), dsn_action_name(w->action), wait);
	if (log_limit_ok(&limit, 1))
		log_warn("bounce",
		    "problem=\"more notifications than dsn { rate } allows\" "
		    "effect=\"they wait; their messages stay queued\" wait=%s",
		    wait);
	case_later(w, wait_ms);
}

static void
case_step(struct delivery *w, const struct store_loaded *l)
{
	struct smtp_path to;
	const char *why;
	int64_t wait_ms;

	while (case_owes(w)) {
		if ((why = case_suppress(w, &to)) != NULL) {
			case_silent(w, why);
			continue;
		}
		if (l == NULL) {
			case_load(w);
			return;
		}
		/* Another node may be sending it. */
		if (!case_brought(w) && !queue_job_holds(w->job)) {
			case_end(w, JOB_RETURNED);
			return;
		}
		wait_ms = case_budget(w);
		if (wait_ms == BUDGET_NEVER) {
			w->bounce->stats->g.dsn_suppressed[DSN_SUPPRESS_RATE]++;
			case_silent(w, "rate");
			continue;
		}
		if (wait_ms > 0)
			case_put_off(w, wait_ms);
		else
			case_send(w, &to, l);
		return;
	}
	case_end(w, w->outcome);
}

static void
case_loaded(void *arg, struct store_loaded *l)
{
	struct delivery *w = arg;

	w->load = 0;
	if (w->env == NULL) {
		w->env = l->env;
		l->env = NULL;
		if (w->env != NULL)
			mail_log_header(w->env, l->data, l->len);
		if (w->env != NULL && l->rc == 0 && w->why == DELIVERY_EXPIRE)
			case_give_up(w);
	}
	if (l->rc != 0 || w->env == NULL)
		case_unreadable(w, l->rc);
	else
		case_step(w, l);
	envelope_destroy(&l->env);
	free(l->data);
	l->data = NULL;
}

/* ---- the module */

static void
bounce_retry(void *arg)
{
	struct bounce *b = arg;
	struct delivery *w, *next;
	int64_t now = loop_now(b->loop);
	bool more = false;

	/* queue_done() may append deliveries, but never removes one. */
	for (w = TAILQ_FIRST(&b->owing); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->again_ns == 0)
			continue;
		if (w->again_ns > now) {
			more = true;
			continue;
		}
		case_end(w, JOB_RETURNED);
	}
	if (more)
		loop_timer_set(b->timer, 1000);
}

struct bounce *
bounce_create(struct loop *loop, struct store *store, struct stats *stats)
{
	struct bounce *b = mem_alloc(sizeof(*b));

	b->loop = loop;
	b->store = store;
	b->stats = stats;
	b->timer = loop_timer_create(loop, bounce_retry, b);
	TAILQ_INIT(&b->owing);
	return b;
}

/* Returns deliveries to the queue: a notification that is already on its way to
 * the disk will be sent twice, which is better than never. */
void
bounce_destroy(struct bounce **bp)
{
	struct bounce *b = *bp;
	struct delivery *w;

	if (b == NULL)
		return;
	*bp = NULL;
	b->dead = true;
	while ((w = TAILQ_FIRST(&b->owing)) != NULL) {
		if (w->load != 0)
			store_cancel(b->store, w->load);
		/* A notification that was already stored must not be
		 * repeated. */
		if (case_brought(w))
			case_later(w, 0);
		else
			case_end(w, JOB_RETURNED);
	}
	loop_timer_destroy(&b->timer);
	config_unref(&b->conf);
	bounce_free(b);
}

void
bounce_configure(struct bounce *b, struct config *conf)
{
	bool changed = b->conf != NULL && b->conf->dsn.rate != conf->dsn.rate;

	config_unref(&b->conf);
	b->conf = config_ref(conf);
	budget_set(&b->budget, conf->dsn.rate, loop_now(b->loop));
	if (changed)
		queue_owed_again(b->queue);
}

void
bounce_queue(struct bounce *b, struct queue *queue)
{
	b->queue = queue;
}

static void
bounce_take(struct bounce *b, struct delivery *w)
{
	w->bounce = b;
	w->token = ++b->last_token;
	TAILQ_INSERT_TAIL(&b->owing, w, link);
}

void
bounce_expire(struct bounce *b, struct queue_job *job)
{
	struct delivery *w = delivery_create(DELIVERY_EXPIRE, job);

	bounce_take(b, w);
	case_load(w);
}

void
bounce_warn(struct bounce *b, struct queue_job *job, unsigned stage)
{
	struct delivery *w = delivery_create(DELIVERY_WARN, job);

	w->stage = stage;
	bounce_take(b, w);
	case_load(w);
}

void
bounce_finish(struct bounce *b, struct delivery **wp, enum job_outcome outcome)
{
	struct delivery *w = *wp;

	*wp = NULL;
	if (w->env == NULL || outcome == JOB_RETURNED ||
	    outcome == JOB_DAMAGED || outcome == JOB_GONE) {
		delivery_end(b->queue, &w, outcome);
		return;
	}
	w->outcome = outcome;
	bounce_take(b, w);
	case_step(w, NULL);
}

unsigned
bounce_pending(const struct bounce *b)
{
	const struct delivery *w;
	unsigned n = 0;

	TAILQ_FOREACH (w, &b->owing, link)
		n += w->again_ns == 0;
	return n;
}
