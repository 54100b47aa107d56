/* SPDX-License-Identifier: ISC
 * bounce: the driver of dsn.h. A case is one job whose sender is owed a word:
 *
 *	load the part and the beginning of its body
 *	  -> decide (dsn_owed, null sender, ENV_DSN, rate) -> write
 *	  -> queue_accept() as an ENV_DSN message to the sender
 *	  -> durable -> mark the recipients reported -> end the job
 *
 * The job stays ours until the end, so the queue cannot give it out twice.
 * When the disk cannot take the notification nothing is forgotten: the failed
 * recipients are pending again and the job goes back. Called by daemon.c
 * (queue_ops) and outbound.c, on the loop thread. */
#include "relay/deliver/bounce.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/dsn.h"
#include "smtp/path.h"

/* After a failure to read or to store; shorter would only heat the disk. */
#define BOUNCE_AGAIN_MS 10000
#define BOUNCE_MAX	(16u << 20) /* a whole notification, 10000 recipients */
#define HOUR_MS		INT64_C(3600000)

enum bounce_why { BOUNCE_EXPIRE, BOUNCE_WARN, BOUNCE_FINISH };

struct bounce_case {
	TAILQ_ENTRY(bounce_case) link;
	struct bounce *bounce;
	uint64_t token;
	enum bounce_why why;
	struct queue_job *job;
	struct envelope *env; /* NULL until loaded (expire, warn) */
	enum job_outcome outcome; /* finish */
	int64_t latency_ns;
	unsigned stage; /* warn */
	uint64_t load; /* store request, 0 none */
	bool accepting; /* queue_accept() has not called back */
	int64_t again_ns; /* when the job goes back; 0: not waiting */
};
TAILQ_HEAD(case_list, bounce_case);

struct bounce {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue *queue;
	struct config *conf;
	struct case_list cases;
	struct loop_timer *timer; /* for cases that wait with again_ns */
	uint64_t last_token;
	/* A bucket: `credit` notifications may go out, filled evenly. */
	double credit;
	int64_t credit_ns;
	bool dead; /* destroyed; lives until the last accept is back */
	unsigned accepts;
};

static void case_loaded(void *arg, struct store_loaded *);
static void case_put_back(struct bounce_case *);

static void
bounce_retry(void *arg)
{
	struct bounce *b = arg;
	struct bounce_case *c, *next;
	int64_t now = loop_now(b->loop);
	bool more = false;

	/* queue_done() may add cases at the end; it never removes one. */
	for (c = TAILQ_FIRST(&b->cases); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->again_ns == 0)
			continue;
		if (c->again_ns > now) {
			more = true;
			continue;
		}
		TAILQ_REMOVE(&b->cases, c, link);
		queue_done(b->queue, c->job, JOB_RETURNED, NULL, 0);
		envelope_destroy(&c->env);
		mem_free(&c);
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
	b->credit_ns = loop_now(loop);
	TAILQ_INIT(&b->cases);
	return b;
}

static void
bounce_free(struct bounce *b)
{
	if (b->dead && b->accepts == 0)
		free(b);
}

/* What is under way goes back: a notification that is already on its way to
 * the disk will be sent once more, which is better than never. */
void
bounce_destroy(struct bounce **bp)
{
	struct bounce *b = *bp;
	struct bounce_case *c;

	if (b == NULL)
		return;
	*bp = NULL;
	b->dead = true;
	while ((c = TAILQ_FIRST(&b->cases)) != NULL) {
		if (c->load != 0)
			store_cancel(b->store, c->load);
		/* What else the attempt brought must not be done again. */
		if (c->why == BOUNCE_FINISH) {
			case_put_back(c);
			continue;
		}
		TAILQ_REMOVE(&b->cases, c, link);
		queue_done(b->queue, c->job, JOB_RETURNED, NULL, 0);
		envelope_destroy(&c->env);
		free(c);
	}
	loop_timer_destroy(&b->timer);
	config_unref(&b->conf);
	bounce_free(b);
}

void
bounce_configure(struct bounce *b, struct config *conf)
{
	bool first = b->conf == NULL;

	config_unref(&b->conf);
	b->conf = config_ref(conf);
	if (first || b->credit > conf->dsn.rate)
		b->credit = conf->dsn.rate;
}

void
bounce_queue(struct bounce *b, struct queue *queue)
{
	b->queue = queue;
}

static bool
rate_ok(struct bounce *b)
{
	double rate = b->conf->dsn.rate;
	int64_t now = loop_now(b->loop);

	b->credit += (double)(now - b->credit_ns) * rate /
	    ((double)HOUR_MS * (double)CLOCK_MS);
	b->credit_ns = now;
	if (b->credit > rate)
		b->credit = rate;
	if (b->credit < 1)
		return false;
	b->credit -= 1;
	return true;
}

static enum dsn_action
case_action(const struct bounce_case *c)
{
	return c->why == BOUNCE_WARN ? DSN_DELAYED : DSN_FAILED;
}

/* Ends the case with its job: all that was owed is done or not owed. */
static void
case_end(struct bounce_case *c)
{
	struct bounce *b = c->bounce;
	uint32_t i;

	TAILQ_REMOVE(&b->cases, c, link);
	if (c->why == BOUNCE_WARN) {
		c->env->warned = (uint8_t)(c->stage + 1);
		queue_warned(b->queue, c->job, c->env);
	} else {
		for (i = 0; i < c->env->nrcpts; i++)
			if (c->env->rcpts[i].state == RCPT_FAILED ||
			    c->env->rcpts[i].state == RCPT_EXPIRED)
				c->env->rcpts[i].reported = true;
		queue_done(b->queue, c->job, c->outcome, c->env, c->latency_ns);
	}
	envelope_destroy(&c->env);
	free(c);
}

/* The disk did not take it. After an attempt what else the attempt brought
 * is written down, with the refused recipients pending as before; the other
 * jobs have brought nothing and go back after a while. */
static void
case_put_back(struct bounce_case *c)
{
	struct bounce *b = c->bounce;
	uint32_t i;

	if (c->why != BOUNCE_FINISH) {
		c->again_ns = loop_now(b->loop) + BOUNCE_AGAIN_MS * CLOCK_MS;
		if (!loop_timer_pending(b->timer))
			loop_timer_set(b->timer, BOUNCE_AGAIN_MS);
		return;
	}
	TAILQ_REMOVE(&b->cases, c, link);
	for (i = 0; i < c->env->nrcpts; i++)
		if (!c->env->rcpts[i].reported &&
		    c->env->rcpts[i].state == RCPT_FAILED)
			c->env->rcpts[i].state = RCPT_PENDING;
	queue_done(b->queue, c->job, c->outcome, c->env, c->latency_ns);
	envelope_destroy(&c->env);
	free(c);
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
	b->stats->g.dsn_generated[case_action(c)]++;
	log_info("bounce", "id=%s dsn=%s to=%s action=%s rcpts=%u",
	    text_id(c->job->id, orig), text_id(id, own), log_q(c->env->sender),
	    case_action(c) == DSN_FAILED ? "failed" : "delayed",
	    dsn_owed(c->env, case_action(c)));
	case_end(c);
}

/* Why no notification is to be sent, or NULL. Counts it. */
static const char *
case_suppress(struct bounce_case *c, struct smtp_path *to)
{
	uint64_t *count = c->bounce->stats->g.dsn_suppressed;
	const char *sender = c->env->sender;

	if (dsn_owed(c->env, case_action(c)) == 0) {
		count[DSN_SUPPRESS_POLICY] += c->why != BOUNCE_WARN;
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
	if (!rate_ok(c->bounce)) {
		count[DSN_SUPPRESS_RATE]++;
		return "rate";
	}
	return NULL;
}

/* The envelope of the notification: from <>, to the sender alone. */
static struct envelope *
reply_envelope(const struct bounce_case *c, const struct smtp_path *to,
    const struct buf *text)
{
	struct envelope *env = envelope_create();
	size_t i;

	mem_free(&env->sender);
	env->sender = mem_strdup("");
	strlcpy(env->domain, to->domain, sizeof(env->domain));
	env->arrival_ms = clock_wall_ms();
	env->flags = ENV_DSN;
	for (i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] > 127) {
			env->flags |= ENV_8BIT;
			break;
		}
	for (i = 0; to->mailbox[i] != '\0'; i++)
		if ((unsigned char)to->mailbox[i] > 127)
			env->flags |= ENV_UTF8;
	mem_free(&env->helo);
	env->helo = mem_strdup(c->bounce->conf->hostname);
	mem_free(&env->client);
	env->client = mem_strdup("");
	(void)envelope_add_rcpt(env, to->mailbox);
	return env;
}

static int64_t
lifetime_ms(const struct bounce *b, const char *domain)
{
	const struct conf_domain *d = config_domain(b->conf, domain);

	return d != NULL ? d->lifetime_ms : b->conf->defaults.lifetime_ms;
}

static int
case_write(struct bounce_case *c, uint64_t id, const struct store_loaded *l,
    struct buf *out)
{
	const struct config *conf = c->bounce->conf;
	struct dsn_input in = { .reporting_mta = conf->hostname,
		.from = conf->dsn.postmaster,
		.env = c->env,
		.action = case_action(c),
		.now = clock_wall(),
		.id = id,
		.boundary = rnd_u64(),
		.body = l->data != NULL ? l->data : "",
		.body_len = l->len,
		.body_whole = l->len == c->env->body.len,
		.body_max = (size_t)conf->dsn.size };
	char from[TEXT_DOMAIN_MAX + 16];

	if (in.from == NULL) {
		snprintf(from, sizeof(from), "postmaster@%s", conf->hostname);
		in.from = from;
	}
	if (c->why == BOUNCE_WARN)
		in.retry_until = (c->env->arrival_ms +
				     lifetime_ms(c->bounce, c->env->domain)) /
		    1000;
	return dsn_write(&in, out);
}

static void
case_send(struct bounce_case *c, const struct smtp_path *to,
    const struct store_loaded *l)
{
	struct bounce *b = c->bounce;
	struct buf text = BUF_INIT(BOUNCE_MAX);
	struct store_tx *tx = store_tx_begin(b->store);
	struct envelope *part;
	int rc = tx != NULL ? 0 : -MX_EIO;

	if (rc == 0)
		rc = case_write(c, store_tx_id(tx), l, &text);
	if (rc == 0)
		rc = store_tx_append(tx, text.data, text.len);
	if (rc != 0) {
		log_warn("bounce", "event=not_written error=%s",
		    log_q(mx_strerror(rc)));
		store_tx_abort(&tx);
		case_put_back(c);
	} else {
		part = reply_envelope(c, to, &text);
		c->accepting = true;
		b->accepts++;
		queue_accept(b->queue, &tx, &part, 1, case_stored, b, c->token);
	}
	buf_fini(&text);
}

/* Says in the log what became of a message nobody is told of; a warning that
 * is not given is no news. */
static void
case_silent(struct bounce_case *c, const char *why)
{
	char id[TEXT_ID_MAX];

	if (c->why != BOUNCE_WARN)
		log_notice("bounce",
		    "id=%s event=%s dsn=suppressed reason=%s from=%s",
		    text_id(c->job->id, id),
		    c->why == BOUNCE_EXPIRE ? "expired" : "failed", log_q(why),
		    log_q(c->env->sender));
	case_end(c);
}

static void
case_load(struct bounce_case *c)
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
	queue_done(b->queue, c->job, JOB_DAMAGED, c->env, 0);
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

static void
case_loaded(void *arg, struct store_loaded *l)
{
	struct bounce_case *c = arg;
	struct smtp_path to;
	const char *why;

	c->load = 0;
	if (c->env == NULL) {
		c->env = l->env;
		l->env = NULL;
	}
	if (l->rc != 0 || c->env == NULL) {
		case_unreadable(c, l->rc);
		goto out;
	}
	if (c->why == BOUNCE_EXPIRE)
		case_give_up(c);
	if ((why = case_suppress(c, &to)) != NULL)
		case_silent(c, why);
	else
		case_send(c, &to, l);
out:
	envelope_destroy(&l->env);
	free(l->data);
	l->data = NULL;
}

static struct bounce_case *
case_create(struct bounce *b, struct queue_job *job, enum bounce_why why)
{
	struct bounce_case *c = mem_alloc(sizeof(*c));

	c->bounce = b;
	c->token = ++b->last_token;
	c->why = why;
	c->job = job;
	c->outcome = JOB_TRIED;
	TAILQ_INSERT_TAIL(&b->cases, c, link);
	return c;
}

void
bounce_expire(struct bounce *b, struct queue_job *job)
{
	case_load(case_create(b, job, BOUNCE_EXPIRE));
}

void
bounce_warn(struct bounce *b, struct queue_job *job, unsigned stage)
{
	struct bounce_case *c = case_create(b, job, BOUNCE_WARN);

	c->stage = stage;
	case_load(c);
}

static bool
newly_failed(const struct envelope *env)
{
	uint32_t i;

	for (i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_FAILED &&
		    !env->rcpts[i].reported)
			return true;
	return false;
}

void
bounce_finish(struct bounce *b, struct queue_job *job, enum job_outcome outcome,
    struct envelope *env, int64_t latency_ns)
{
	struct bounce_case *c;

	if (env == NULL || outcome == JOB_RETURNED || outcome == JOB_DAMAGED ||
	    !newly_failed(env)) {
		queue_done(b->queue, job, outcome,
		    outcome == JOB_RETURNED ? NULL : env, latency_ns);
		envelope_destroy(&env);
		return;
	}
	c = case_create(b, job, BOUNCE_FINISH);
	c->outcome = outcome;
	c->env = env;
	c->latency_ns = latency_ns;
	/* Where nothing is to be written nothing needs to be read. */
	if (dsn_owed(env, DSN_FAILED) == 0 || *env->sender == '\0' ||
	    (env->flags & ENV_DSN) != 0)
		case_silent(c, case_suppress(c, NULL));
	else
		case_load(c);
}

unsigned
bounce_pending(const struct bounce *b)
{
	const struct bounce_case *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &b->cases, link)
		n += c->again_ns == 0;
	return n;
}
