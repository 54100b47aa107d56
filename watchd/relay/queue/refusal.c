/* SPDX-License-Identifier: ISC
 * refusal: the verdict on one reply. The judge (primary/judge.h) compares a
 * refusal with the knowledge of the domain (knowledge.h), and the knowledge
 * learns from it. Refusals that are not believed are evidence, by which the
 * breaker may trip (breaker.c), or those of several domains
 * (breaker_primary.c). Called by the deliverers. Loop thread. */
#include <string.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define SHOWN_MS       INT64_C(3600000) /* older proof does not count */
#define SHOWN_EARLY_MS INT64_C(300000) /* at most, before the gate was opened */
#define BELIEVED_MS    (INT64_C(5) * 86400000) /* believed without any proof */
#define AGAIN_MS       INT64_C(3600000) /* pause after a contradiction */
#define RECOVERY_MS    INT64_C(600000) /* since the start of its flush */

/* The time if it is recent and not before an outage; else 0. */
static int64_t
if_lately(int64_t ms, int64_t not_before, int64_t now)
{
	return ms > now || now - ms > SHOWN_MS || ms < not_before ? 0 : ms;
}

/* When the primary last accepted the probe's recipient, if recently. */
static int64_t
probed_ms(const struct dest *d, int64_t now)
{
	const struct queue_ops *ops = &d->queue->ops;

	return ops->shown == NULL ? 0 :
				    if_lately(ops->shown(ops->arg, d->name),
					d->opened_ms - SHOWN_EARLY_MS, now);
}

/* A refusal, and the facts that it is compared with. */
struct refusal {
	struct judge_case *c;
	const struct envelope *env;
	const char *mailbox;
	enum judge_scope scope;
	enum known_kind kind; /* of the name */
	const char *name; /* the recipient, the sender, or the message id */
	char id[TEXT_ID_MAX];
	struct judge_evidence ev;
	bool again; /* the message was refused before, and postponed */
	bool recovering; /* it came back lately, perhaps not completely */
	int64_t probed, taken; /* recent proofs of its health; 0: none */
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
		.recovering = dest_flushing(d) ||
		    (dest_rare(d)->flush != NULL &&
			now - dest_rare(d)->flush->start_ms < RECOVERY_MS),
		.probed = probed_ms(d, now),
		.taken =
		    if_lately(dest_rare(d)->known.taken_ms, d->opened_ms, now),
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
	knowledge_weigh(dest_known(d), now, &r->ev);
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
	const struct known *e = knowledge_find(dest_known(d), kind, name);

	return e != NULL && e->taken != 0;
}

/* The rules of refusal_grace: refused for long enough, and the primary has
 * worked since; or for much longer; but never while refusals prevail. */
static bool
is_believed(struct dest *d, const struct refusal *r)
{
	const struct known *e = knowledge_find(dest_known(d), r->kind, r->name);
	int64_t first = e != NULL ? (int64_t)e->refused * 1000 : 0;

	if (first == 0)
		return false;
	if (e->believed)
		return true;
	if (d->broken || judge_is_wide(&r->ev, r->scope))
		return false;
	if (r->now - first >= BELIEVED_MS)
		return true;
	/* An accepted probe recipient is proof for recipients only. */
	return r->now - first >= d->policy->refusal_grace_ms &&
	    (dest_rare(d)->known.taken_ms > first ||
		(r->kind == KNOWN_RCPT && r->probed > first));
}

static void
fill_known(struct dest *d, const struct refusal *r)
{
	struct judge_known *k = &r->c->known;
	const struct known *e = knowledge_find(dest_known(d), r->kind, r->name);

	k->exists =
	    was_taken(d, KNOWN_RCPT, r->mailbox) || is_listed(d, r->mailbox);
	k->sender = r->env->sender[0] != '\0' &&
	    was_taken(d, KNOWN_SENDER, r->env->sender);
	k->fitted =
	    k->fitted || dest_rare(d)->known.size_taken >= r->env->body.len;
	/* An accepted probe sender, most often the null reverse-path, proves
	 * nothing about other senders. */
	k->shown =
	    r->taken != 0 || (r->probed != 0 && r->scope != JUDGE_SENDER);
	k->doubted = !k->shown && r->recovering &&
	    (judge_doubts(&r->ev, r->scope,
		 e != NULL && e->scope == (uint8_t)r->scope) ||
		judge_doubts_many(breaker_primary_refused(d, r->env->host)));
	k->taken =
	    r->again && dest_rare(d)->known.taken_ms > r->env->last_try_ms;
	k->believed = is_believed(d, r);
}

/* After the final dot, recipients without a refusal in this attempt were
 * accepted. */
static void
rcpts_passed(struct dest *d, const struct envelope *env)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_PENDING &&
		    (env->rcpts[i].code / 100 != 5 || env->nrcpts == 1))
			knowledge_passed(dest_known(d), env->rcpts[i].mailbox);
}

/* Learns from a verdict; true: the evidence has grown. A refusal by a primary
 * that has just come back and has not yet proved to work is evidence even if
 * believed. */
static bool
learn_refusal(struct dest *d, const struct refusal *r,
    const struct judge_verdict *v)
{
	const struct judge_known *k = &r->c->known;
	struct known *e = knowledge_find(dest_known(d), r->kind, r->name);
	bool failed = v->outcome == JUDGE_FAILED;

	if (v->scope == JUDGE_MESSAGE) {
		if (r->c->phase == SMTP_PHASE_EOD)
			rcpts_passed(d, r->env);
		if (r->c->phase == SMTP_PHASE_EOD && !r->again)
			knowledge_dot(dest_known(d), true);
		else if (r->c->reply != NULL && !r->again)
			dest_known(d)->contents++;
		knowledge_stamp(dest_known(d), r->kind, r->name, r->now);
		return v->strange;
	}
	if (failed && (k->exists || k->sender) && k->believed && e != NULL) {
		if (r->kind == KNOWN_RCPT && !e->believed &&
		    is_listed(d, r->mailbox))
			refused_add(d, r->mailbox, (int64_t)e->refused * 1000);
		knowledge_believe(dest_known(d), e);
		return false;
	}
	if (v->strange ||
	    (!k->shown && r->recovering && v->scope != JUDGE_NOBODY)) {
		knowledge_refused(dest_known(d), v->scope, r->env->sender,
		    r->mailbox, r->now);
		return true;
	}
	if (!failed)
		knowledge_stamp(dest_known(d), r->kind, r->name, r->now);
	return false;
}

/* Whether another part that was not refused before is out: over many
 * connections the refusals may come first, so its outcome is awaited. */
static bool
is_under_way(struct dest *d, uint64_t id)
{
	const struct job *j;

	LIST_FOREACH (j, &d->queue->jobs, link)
		if (j->kind == JOB_DELIVER && j->part != NULL &&
		    j->part->dest == d && j->part->id != id &&
		    !j->part->suspect)
			return true;
	return false;
}

/* Whether another part that was not refused is ready and may be taken. */
static bool
is_ready(struct dest *d, int64_t now)
{
	return dest_ready(d, false, false) != NULL && dest_open(d) &&
	    !dest_paused(d, now);
}

/* Nothing is held against the refusal: of a destination that nobody configured
 * (those of our reports), which is no primary of ours; of the message of a
 * drill, whose result it is. */
static struct judge_verdict
judge_plainly(struct judge_case *c)
{
	c->known = (struct judge_known){ .shown = true, .taken = true };
	return judge(c);
}

/* A refusal that contradicts the knowledge is tried again once an hour; one
 * about us or about the primary, like any mail. */
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
	knowledge_weigh(dest_known(d), r->now, &r->ev);
	r->ev.shown = r->probed != 0;
	r->ev.untried = is_ready(d, r->now) || is_under_way(d, r->env->id);
	if ((why = judge_trips(&r->ev)) != NULL)
		breaker_trip(d, why,
		    r->c->reply != NULL ? r->c->reply->text : "", r->now);
}

/* The kind of contradiction. Not counted: what a sender can cause, a recipient
 * that may not exist, and a recipient that may have left a domain whose probe
 * is accepted. */
static enum breaker_hit
contradiction(const struct refusal *r, const struct judge_verdict *v)
{
	if (!v->strange)
		return BREAKER_HIT_NO;
	switch (v->scope) {
	case JUDGE_RECIPIENT:
		return r->c->known.exists && r->probed == 0 ? BREAKER_HIT_NAME :
							      BREAKER_HIT_NO;
	case JUDGE_SENDER:
		return r->c->known.sender ? BREAKER_HIT_NAME : BREAKER_HIT_NO;
	case JUDGE_ROUTE:
	case JUDGE_US:
	case JUDGE_PRIMARY:
		return BREAKER_HIT_US;
	default:
		return BREAKER_HIT_NO;
	}
}

/* Whether a believed refusal counts like that of a check. */
static bool
teaches(struct dest *d, const struct refusal *r)
{
	return r->c->reply != NULL &&
	    judge_is_no_mailbox(r->c->phase, r->c->reply) &&
	    d->gate == GATE_OPEN && !d->forced && !r->recovering &&
	    !queue_learn_doubts(d->queue, d->name, r->env->host);
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
	if (d == NULL || !d->configured || (env->flags & ENV_DRILL) != 0)
		return judge_plainly(c);
	refusal_make(&r, d, c, env, mailbox, clock_wall_ms());
	fill_known(d, &r);
	v = judge(c);
	if (v.outcome == JUDGE_FAILED &&
	    (d->broken || breaker_primary_tripped(q, env->host)))
		v.outcome = JUDGE_PUT_OFF;
	if (v.outcome != JUDGE_FAILED && v.outcome != JUDGE_PUT_OFF)
		return v;
	*again_ms = wait_of(c, &v);
	if (v.outcome == JUDGE_PUT_OFF)
		stats_domain(q->stats, domain)->put_off[v.scope]++;
	if (v.outcome == JUDGE_FAILED && teaches(d, &r))
		queue_learn(q, domain, mailbox, LEARN_REFUSED, r.now);
	if (learn_refusal(d, &r, &v)) {
		learn_weigh(d);
		weigh(d, &r);
		breaker_primary_hit(d, env->host, contradiction(&r, &v),
		    c->reply != NULL ? c->reply->text : "", r.now);
	}
	breaker_learned(d);
	return v;
}

static void
taken_for(struct dest *d, const struct envelope *env, const char *mailbox,
    int64_t now)
{
	knowledge_taken(dest_known(d), env->sender, mailbox, env->body.len,
	    now);
	queue_learn(d->queue, d->name, mailbox, LEARN_TAKEN, now);
}

/* A message of the domain was accepted for its delivered recipients. */
void
refusal_taken(struct dest *d, const struct envelope *env, int64_t now)
{
	if (!d->configured)
		return;
	breaker_primary_taken(d->queue, env->host);
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_DELIVERED)
			taken_for(d, env, env->rcpts[i].mailbox, now);
	knowledge_dot(dest_known(d), false);
	breaker_learned(d);
}

unsigned
refusal_put_off(struct dest *d, int64_t now)
{
	struct judge_evidence ev;

	if (dest_rare(d)->known.strange == 0)
		return 0;
	knowledge_weigh(dest_known(d), now, &ev);
	return ev.rcpts + ev.us;
}

bool
queue_refused_for_good(struct queue *q, const char *domain, const char *mailbox,
    int64_t list_ms)
{
	struct dest *d = dest_find(q, domain);
	const struct known *e;

	if (d == NULL || !d->configured || d->rare == NULL)
		return false;
	e = knowledge_find(dest_known(d), KNOWN_RCPT, mailbox);
	return e != NULL && e->believed && (int64_t)e->last * 1000 >= list_ms;
}
