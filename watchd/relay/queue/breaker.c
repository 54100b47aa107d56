/* SPDX-License-Identifier: ISC
 * breaker: a primary that came back from an old state, lost its filter or its
 * recipients, or has us on a block list refuses for good what it should take, and
 * bouncing a month of mail because of it is the worst a backup MX can do. Each
 * refusal is held against what is known of the domain (knowledge.h) by the one
 * judge (primary/judge.h); those that are not believed are put off and counted,
 * and when they prevail the breaker closes the domain: its mail is held, whatever
 * the gate says, and somebody is told once.
 *
 *	open --refusals prevail--> closed --trial: refused--> closed, longer pause
 *	  ^                          |
 *	  `--- release, by the operator, or a trial that was taken ---'
 *
 * A trial is some messages, one after the other until one is taken, of those that were
 * refused if there are any, others each time, for some would never be taken; when the
 * probes find the primary well (queue_trial()), or by the clock where nobody
 * probes. Knowledge and the breaker outlive restarts. Deliverers ask on the loop
 * thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/queue/queue_int.h"

#define KNOWN_PREFIX   "known/"
#define BREAKER_PREFIX "breaker/"
#define REPLY_MAX      512
#define SHOWN_MS       INT64_C(3600000) /* so long ago is not lately */
#define SHOWN_EARLY_MS INT64_C(300000) /* before the gate was opened by it */
#define BELIEVED_MS    (INT64_C(5) * 86400000) /* without any evidence */
#define AGAIN_MS       INT64_C(3600000) /* what contradicts is tried again */
#define SAVES_MAX      200 /* of knowledge, a turn */
#define TRIAL_MESSAGES 3
#define TRIAL_OTHER    4 /* in each such trial one that was not refused */
#define RECOVERY_MS    INT64_C(600000) /* since its flush began */

/* ---- what is stored */

static void
known_save(struct dest *d)
{
	uint8_t *blob = mem_alloc(knowledge_size(&d->known));
	size_t len = knowledge_save(&d->known, blob);

	d->known.dirty = false;
	record_state(d, KNOWN_PREFIX, blob, len);
	mem_free(&blob);
}

/* Something was learned: written down within a while. */
static void
known_touch(struct dest *d)
{
	if (!d->known.dirty || d->unsaved)
		return;
	d->unsaved = true;
	d->save_ms = clock_wall_ms() + RECENT_SAVE_MS;
	TAILQ_INSERT_TAIL(&d->queue->unsaved, d, unsaved_link);
}

static void
known_saved(struct dest *d)
{
	d->unsaved = false;
	TAILQ_REMOVE(&d->queue->unsaved, d, unsaved_link);
	known_save(d);
}

void
breaker_save(struct queue *q, int64_t now, bool force)
{
	unsigned n = SAVES_MAX;
	struct dest *d;

	while ((d = TAILQ_FIRST(&q->unsaved)) != NULL && (force || n-- > 0)) {
		/* Not so late that the clock was set back. */
		if (!force && now < d->save_ms &&
		    d->save_ms - now <= RECENT_SAVE_MS)
			return;
		known_saved(d);
	}
}

static void
breaker_put(struct dest *d)
{
	char text[REPLY_MAX + 32];
	int n = 0;

	if (d->broken)
		n = snprintf(text, sizeof(text), "%lld %.*s",
		    (long long)d->broken_ms, REPLY_MAX - 1, d->breaker_reply);
	record_state(d, BREAKER_PREFIX, text, (size_t)n);
	if (d->unsaved)
		known_saved(d);
}

static void
load_known(void *arg, const char *key, const void *data, size_t len)
{
	struct queue *q = arg;
	struct dest *d;

	if (strncmp(key, KNOWN_PREFIX, strlen(KNOWN_PREFIX)) != 0)
		return;
	d = dest_find(q, key + strlen(KNOWN_PREFIX));
	if (d == NULL || !d->configured)
		return; /* it left the configuration */
	if (knowledge_load(&d->known, data, len) != 0)
		log_warn("queue", "domain=%s event=known_not_loaded", d->name);
}

static void
load_breaker(void *arg, const char *key, const void *data, size_t len)
{
	struct queue *q = arg;
	char text[REPLY_MAX + 32];
	struct dest *d;
	char *end;

	if (strncmp(key, BREAKER_PREFIX, strlen(BREAKER_PREFIX)) != 0)
		return;
	d = dest_find(q, key + strlen(BREAKER_PREFIX));
	if (d == NULL || !d->configured || len >= sizeof(text))
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	d->broken = true;
	d->broken_ms = strtoll(text, &end, 10);
	mem_free(&d->breaker_reply);
	d->breaker_reply = mem_strdup(*end == ' ' ? end + 1 : end);
	d->notes |= NOTE_BREAKER;
	dest_touch(d);
}

void
breaker_load(struct queue *q)
{
	store_state_each(q->store, KNOWN_PREFIX, load_known, q);
	store_state_each(q->store, BREAKER_PREFIX, load_breaker, q);
}

void
breaker_init(struct dest *d)
{
	knowledge_init(&d->known, rnd_u64(), d->queue->conf.known_names);
}

/* The domain left the configuration (`gone`), or the process ends. */
void
breaker_fini(struct dest *d, bool gone)
{
	if (d->unsaved) {
		d->unsaved = false;
		TAILQ_REMOVE(&d->queue->unsaved, d, unsaved_link);
	}
	if (gone && d->broken) {
		d->broken = false;
		breaker_put(d);
	}
	if (gone && (d->known.nused > 0 || d->known.dots > 0))
		record_state(d, KNOWN_PREFIX, "", 0);
	knowledge_fini(&d->known);
	if (gone)
		breaker_init(d);
}

/* ---- closed and open */

static void
breaker_close(struct dest *d, const char *why, const char *reply, int64_t now)
{
	log_notice("queue",
	    "domain=%s event=breaker state=closed reason=%s reply=%s", d->name,
	    log_q(why), log_q(reply));
	stats_domain(d->queue->stats, d->name)->breaker++;
	d->broken = true;
	d->broken_ms = now;
	d->trials = 0;
	d->trial = false;
	d->trial_ms = now + d->policy.retry_first_ms;
	mem_free(&d->breaker_reply);
	d->breaker_reply = mem_strndup(reply != NULL ? reply : "", REPLY_MAX);
	d->notes |= NOTE_BREAKER | NOTE_BREAKER_NEW;
	d->notes &= ~NOTE_MENDED;
	breaker_put(d);
	flush_end(d, false);
	d->forced = false;
	dest_touch(d);
}

void
breaker_open(struct dest *d, const char *why)
{
	if (!d->broken)
		return;
	log_notice("queue", "domain=%s event=breaker state=open reason=%s",
	    d->name, log_q(why));
	d->broken = d->trial = false;
	d->broken_ms = 0;
	d->notes &= ~(NOTE_BREAKER | NOTE_BREAKER_NEW);
	d->notes |= NOTE_MENDED;
	knowledge_forgive(&d->known);
	known_touch(d);
	breaker_put(d);
	dest_canary(d);
	dest_touch(d);
}

/* Something for the trial: what was refused if it is ready, or what is due
 * next. */
static bool
trial_ready(struct dest *d, int64_t now)
{
	struct heap_node *n = heap_min(&d->wait);
	struct part *e;

	if (d->nready > 0)
		return true;
	if (n == NULL)
		return false;
	e = HEAP_ENTRY(n, struct part, u.wait);
	e->due_ms = now;
	part_set(e, PART_READY);
	return true;
}

static bool
trial_due(const struct dest *d, int64_t now)
{
	/* A clock that was set back does not make it wait for longer. */
	return now >= d->trial_ms ||
	    d->trial_ms - now > 2 * d->policy.retry_max_ms;
}

static void
trial_begin(struct dest *d, int64_t now)
{
	if (!d->broken || d->trial || d->on_hold || !trial_due(d, now) ||
	    !trial_ready(d, now))
		return;
	log_info("queue", "domain=%s event=breaker state=trial try=%u", d->name,
	    d->trials + 1);
	d->trial = true;
	d->trial_left = TRIAL_MESSAGES;
	d->pause_ms = 0;
	dest_canary(d);
	dest_touch(d);
}

void
queue_trial(struct queue *q, const char *domain)
{
	struct dest *d = dest_find(q, domain);

	if (d != NULL)
		trial_begin(d, clock_wall_ms());
}

/* Where nobody probes the clock is all there is. 0: not by the clock. */
int64_t
breaker_next(struct dest *d, int64_t now)
{
	if (!d->broken || d->trial || d->gate != GATE_OPEN || d->n == 0)
		return 0;
	if (trial_due(d, now))
		trial_begin(d, now);
	return d->trial || !trial_due(d, now) ? d->trial_ms : 0;
}

/* Of any age among those that were refused: some, perhaps the oldest hundred, are
 * refused rightly. Now and then one that was not offered yet. */
struct part *
breaker_choose(struct dest *d)
{
	struct part *first = RB_MIN(ready_tree, &d->ready);
	struct part *last = RB_MAX(ready_tree, &d->ready), *e;
	struct part key = { .suspect = 1, .arrival_ms = INT64_MIN };
	int64_t span;

	if (!last->suspect ||
	    (!first->suspect && d->trial_left == 1 &&
		d->trials % TRIAL_OTHER == TRIAL_OTHER - 1))
		return first;
	e = RB_NFIND(ready_tree, &d->ready, &key);
	span = (last->arrival_ms - e->arrival_ms) / 1000 + 1;
	key.arrival_ms = e->arrival_ms +
	    (int64_t)rnd_below(
		span < UINT32_MAX ? (uint32_t)span : UINT32_MAX) *
		1000;
	e = RB_NFIND(ready_tree, &d->ready, &key);
	return e != NULL ? e : last;
}

void
breaker_tried(struct dest *d, bool taken, bool lost, int64_t now)
{
	if (!d->broken)
		return;
	if (taken) {
		breaker_open(d, "a message was taken");
		return;
	}
	if (!d->trial)
		return;
	if (!lost && --d->trial_left > 0 && trial_ready(d, now))
		return;
	d->trial = false;
	d->trials++;
	d->trial_ms = backoff_due(now,
	    backoff_delay(d->policy.retry_first_ms, d->policy.retry_max_ms,
		d->trials),
	    rnd_below(1001), INT64_MAX);
	dest_touch(d);
}

/* ---- the verdict on one reply */

/* Lately, and not before an outage. */
static int64_t
if_lately(int64_t ms, int64_t not_before, int64_t now)
{
	return ms > now || now - ms > SHOWN_MS || ms < not_before ? 0 : ms;
}

/* When the primary took the probe's recipient. */
static int64_t
probed_ms(const struct dest *d, int64_t now)
{
	const struct queue_ops *ops = &d->queue->ops;

	return ops->shown == NULL ? 0 :
				    if_lately(ops->shown(ops->arg, d->name),
					d->opened_ms - SHOWN_EARLY_MS, now);
}

/* A refusal, and what it is held against. */
struct refusal {
	struct judge_case *c;
	const struct envelope *env;
	const char *mailbox;
	enum judge_scope scope;
	enum known_kind kind; /* of the subject */
	const char *name; /* of the subject */
	char id[TEXT_ID_MAX];
	struct judge_evidence ev;
	bool again; /* the message was refused before, and put off */
	bool recovering; /* it came back just now, perhaps half */
	int64_t probed, taken; /* when it showed itself, lately; 0: not */
	int64_t now;
};

static void
refusal_make(struct refusal *r, struct dest *d, struct judge_case *c,
    const struct envelope *env, const char *mailbox, int64_t now)
{
	*r = (struct refusal){ .c = c,
		.env = env,
		.mailbox = mailbox,
		.scope = c->reply != NULL ? judge_scope(c->phase, c->reply) :
					    JUDGE_MESSAGE,
		.again = part_suspected(env),
		.recovering = d->flush.running ||
		    (d->flush.start_ms != 0 &&
			now - d->flush.start_ms < RECOVERY_MS),
		.probed = probed_ms(d, now),
		.taken = if_lately(d->known.taken_ms, d->opened_ms, now),
		.now = now };
	r->kind = KNOWN_RCPT;
	r->name = mailbox;
	if (r->scope == JUDGE_SENDER) {
		r->kind = KNOWN_SENDER;
		r->name = env->sender;
	} else if (r->scope == JUDGE_MESSAGE) {
		r->kind = KNOWN_MESSAGE;
		r->name = text_id(env->id, r->id);
	}
	knowledge_weigh(&d->known, now, &r->ev);
	r->ev.shown = r->probed != 0;
}

static bool
is_listed(struct dest *d, const char *mailbox)
{
	const struct queue_ops *ops = &d->queue->ops;

	return ops->listed != NULL && ops->listed(ops->arg, d->name, mailbox);
}

static bool
was_taken(struct dest *d, enum known_kind kind, const char *name)
{
	const struct known *e = knowledge_find(&d->known, kind, name);

	return e != NULL && e->taken != 0;
}

/* The rules of refusal_grace: long enough ago, and the primary has shown itself
 * since; or much longer; and never while refusals prevail. */
static bool
is_believed(struct dest *d, const struct refusal *r)
{
	const struct known *e = knowledge_find(&d->known, r->kind, r->name);
	int64_t first = e != NULL ? (int64_t)e->refused * 1000 : 0;

	if (first == 0)
		return false;
	if (e->believed)
		return true;
	if (d->broken || judge_is_wide(&r->ev, r->scope))
		return false;
	if (r->now - first >= BELIEVED_MS)
		return true;
	/* That the probe's recipient is taken is a word about recipients. */
	return r->now - first >= d->policy.refusal_grace_ms &&
	    (d->known.taken_ms > first ||
		(r->kind == KNOWN_RCPT && r->probed > first));
}

static void
fill_known(struct dest *d, const struct refusal *r)
{
	struct judge_known *k = &r->c->known;
	const struct known *e = knowledge_find(&d->known, r->kind, r->name);

	k->exists =
	    was_taken(d, KNOWN_RCPT, r->mailbox) || is_listed(d, r->mailbox);
	k->sender = r->env->sender[0] != '\0' &&
	    was_taken(d, KNOWN_SENDER, r->env->sender);
	k->fitted = k->fitted || d->known.size_taken >= r->env->body.len;
	/* That it takes the probe's sender, most often the null path, says nothing
	 * of others. */
	k->shown =
	    r->taken != 0 || (r->probed != 0 && r->scope != JUDGE_SENDER);
	k->doubted = !k->shown && r->recovering &&
	    judge_doubts(&r->ev, r->scope,
		e != NULL && e->scope == (uint8_t)r->scope);
	k->taken = r->again && d->known.taken_ms > r->env->last_try_ms;
	k->believed = is_believed(d, r);
}

/* Learns from a verdict; true: the evidence has grown. A refusal by a primary that
 * came back and has not shown itself is evidence though it is believed. */
static bool
learn_refusal(struct dest *d, const struct refusal *r,
    const struct judge_verdict *v)
{
	const struct judge_known *k = &r->c->known;
	struct known *e = knowledge_find(&d->known, r->kind, r->name);
	bool failed = v->outcome == JUDGE_FAILED;

	if (v->scope == JUDGE_MESSAGE) {
		if (r->c->phase == SMTP_PHASE_EOD && !r->again)
			knowledge_dot(&d->known, true);
		else if (r->c->reply != NULL && !r->again)
			d->known.contents++;
		knowledge_stamp(&d->known, r->kind, r->name, r->now);
		return v->strange;
	}
	if (failed && (k->exists || k->sender) && k->believed && e != NULL) {
		knowledge_believe(&d->known, e);
		return false;
	}
	if (v->strange ||
	    (!k->shown && r->recovering && v->scope != JUDGE_NOBODY)) {
		knowledge_refused(&d->known, v->scope, r->env->sender,
		    r->mailbox, r->now);
		return true;
	}
	if (!failed)
		knowledge_stamp(&d->known, r->kind, r->name, r->now);
	return false;
}

/* Is other mail ready that was not refused, and may it be taken? Suspects are
 * the last of the tree. */
static bool
has_untried(struct dest *d, int64_t now)
{
	struct part *e = RB_MIN(ready_tree, &d->ready);

	return e != NULL && !e->suspect && dest_open(d) && !dest_paused(d, now);
}

/* Destinations that nobody configured (our reports, ETRN's no) are no primaries
 * of ours: what they say is what they mean. */
static struct judge_verdict
judge_stranger(struct judge_case *c)
{
	c->known = (struct judge_known){ .shown = true, .taken = true };
	return judge(c);
}

/* What contradicts knowledge is tried once an hour; what is about us, or about the
 * primary, as any mail. */
static int64_t
wait_of(const struct judge_case *c, const struct judge_verdict *v)
{
	bool contradicts = v->scope == JUDGE_SENDER ? c->known.sender :
						      c->known.exists &&
		(v->scope == JUDGE_RECIPIENT || v->scope == JUDGE_ROUTE);

	return v->outcome == JUDGE_PUT_OFF && contradicts ? AGAIN_MS : 0;
}

static void
weigh(struct dest *d, struct refusal *r)
{
	const char *why;

	if (d->broken)
		return;
	knowledge_weigh(&d->known, r->now, &r->ev);
	r->ev.shown = r->probed != 0;
	r->ev.untried = has_untried(d, r->now);
	if ((why = judge_closes(&r->ev)) != NULL)
		breaker_close(d, why,
		    r->c->reply != NULL ? r->c->reply->text : "", r->now);
}

struct judge_verdict
queue_judge(struct queue *q, const char *domain, struct judge_case *c,
    const struct envelope *env, const char *mailbox, int64_t *again_ms)
{
	struct dest *d = dest_find(q, domain);
	struct judge_verdict v;
	struct refusal r;

	*again_ms = 0;
	if (c->reply != NULL && !reply_perm(c->reply))
		return judge(c);
	if (d == NULL || !d->configured)
		return judge_stranger(c);
	refusal_make(&r, d, c, env, mailbox, clock_wall_ms());
	fill_known(d, &r);
	v = judge(c);
	if (v.outcome == JUDGE_FAILED && d->broken)
		v.outcome = JUDGE_PUT_OFF;
	if (v.outcome != JUDGE_FAILED && v.outcome != JUDGE_PUT_OFF)
		return v;
	*again_ms = wait_of(c, &v);
	if (v.outcome == JUDGE_PUT_OFF)
		stats_domain(q->stats, domain)->put_off[v.scope]++;
	if (learn_refusal(d, &r, &v))
		weigh(d, &r);
	known_touch(d);
	return v;
}

/* A message of the domain was taken for those recipients. */
void
breaker_taken(struct dest *d, const struct envelope *env, int64_t now)
{
	if (!d->configured)
		return;
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_DELIVERED)
			knowledge_taken(&d->known, env->sender,
			    env->rcpts[i].mailbox, env->body.len, now);
	knowledge_dot(&d->known, false);
	known_touch(d);
}

unsigned
breaker_put_off(struct dest *d, int64_t now)
{
	struct judge_evidence ev;

	if (d->known.strange == 0)
		return 0;
	knowledge_weigh(&d->known, now, &ev);
	return ev.rcpts + ev.us;
}

bool
queue_refused_for_good(struct queue *q, const char *domain, const char *mailbox,
    int64_t list_ms)
{
	struct dest *d = dest_find(q, domain);
	const struct known *e;

	if (d == NULL || !d->configured)
		return false;
	e = knowledge_find(&d->known, KNOWN_RCPT, mailbox);
	return e != NULL && e->believed && (int64_t)e->last * 1000 >= list_ms;
}
