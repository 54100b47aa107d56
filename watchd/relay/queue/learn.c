/* SPDX-License-Identifier: ISC
 * learn: the use of learned recipients (learned.h) in the queue: which replies
 * are learned from, when the primary is doubted, and the answer for a name.
 * learn_store.c limits and stores them. Loop thread. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/learn_int.h"

#define EVIDENCE_MS 1000 /* a weighing is reused for so long */

/* The mailbox as the domain's rules name it, without the extension that its
 * owner may use, and its local part as stored. */
static bool
name_of(const struct dest *d, const char *mailbox, char *as, char *local)
{
	const struct queue_ops *ops = &d->queue->ops;

	if (ops->known_as != NULL)
		ops->known_as(ops->arg, d->name, mailbox, as);
	else
		(void)strlcpy(as, mailbox, PATH_MAILBOX_MAX);
	return learned_local(as, local);
}

/* Adapts to a changed policy, or to the domain's removal from the
 * configuration. */
void
learn_policy(struct dest *d)
{
	if (d->configured && d->policy->learn_max > 0 && d->learn == NULL) {
		d->learn = mem_alloc(sizeof(*d->learn));
		d->learn->dest = d;
		learned_init(&d->learn->table, 0);
	} else if (d->learn != NULL &&
	    (!learn_is_on(d) || d->learn->table.n > d->policy->learn_max)) {
		learn_work(d);
	}
	if (learn_is_on(d))
		d->learn->table.apart =
		    learn_seconds(d->policy->learn_apart_ms);
}

/* ---- learning */

/* Weighing takes some time, and each RCPT may need it: the result is reused. */
static bool
has_evidence(struct dest *d, int64_t now)
{
	struct learn *l = d->learn;
	int64_t age = now - l->weighed_ms;

	if (d->broken || dest_rare(d)->primary != NULL ||
	    queue_clock_doubt(d->queue) > 0)
		return true;
	if (age >= 0 && age < EVIDENCE_MS)
		return l->doubted;
	l->weighed_ms = now;
	return l->doubted = refusal_put_off(d, now) > 0;
}

bool
queue_learn_doubts(struct queue *q, const char *domain, const char *label)
{
	struct dest *d = dest_find(q, domain);

	return d == NULL || !learn_is_on(d) ||
	    has_evidence(d, clock_wall_ms()) ||
	    breaker_primary_tripped(q, label) ||
	    breaker_primary_refused(d, label) > 0;
}

/* Requires a new weighing, since the evidence has changed. */
void
learn_weigh(struct dest *d)
{
	if (d->learn != NULL)
		d->learn->weighed_ms = 0;
}

/* The breaker trips: refusals since then (0: all) are void. */
void
learn_cut(struct dest *d, int64_t since_ms, int64_t now)
{
	if (!learn_is_on(d))
		return;
	learned_cut(&d->learn->table, learn_seconds(since_ms),
	    learn_seconds(now));
	learn_sweep(d);
}

static void
test_ended(struct dest *d, bool catch_all, int64_t now)
{
	struct learned *l = &d->learn->table;

	if (l->catch_all != catch_all)
		log_notice("queue", "domain=%s event=catch_all state=%s",
		    d->name, catch_all ? "yes" : "no");
	learned_tested(l, catch_all, learn_seconds(now));
	if (catch_all)
		learn_sweep(d);
	else
		learn_put_head(d);
	stats_touch(d->queue->stats, d->name);
}

/* A refusal is learned for exactly that name only, and only without evidence
 * against the primary. */
static bool
may_refuse(struct dest *d, const char *mailbox, const char *as, int64_t now)
{
	return !d->learn->table.catch_all && strcmp(mailbox, as) == 0 &&
	    !has_evidence(d, now);
}

static void
note(struct dest *d, const char *local, enum learned_what what, int64_t now)
{
	struct learned_name *e = learned_find(&d->learn->table, local);

	if (e == NULL)
		e = learn_add(d, local, what == LEARN_REFUSED);
	if (e != NULL && learned_note(e, what, learn_seconds(now)))
		learn_changed(d, e);
}

void
queue_learn(struct queue *q, const char *domain, const char *mailbox,
    enum learned_what what, int64_t now)
{
	char as[PATH_MAILBOX_MAX], local[PATH_LOCAL_MAX + 1];
	struct dest *d = dest_find(q, domain);

	if (d == NULL || !learn_is_on(d))
		return;
	if (what == LEARN_CATCH_ALL || what == LEARN_NO_CATCH_ALL) {
		test_ended(d, what == LEARN_CATCH_ALL, now);
		return;
	}
	if (!name_of(d, mailbox, as, local) ||
	    (what == LEARN_REFUSED && !may_refuse(d, mailbox, as, now)))
		return;
	note(d, local, what, now);
}

/* ---- look-up */

static void
view_of(struct dest *d, const struct learned_name *e, bool doubted, int64_t now,
    struct learned_view *v)
{
	const struct learned *l = &d->learn->table;

	v->word = learned_judge(l, e, doubted, learn_seconds(now));
	v->tested_ms = (int64_t)l->tested * 1000;
	if (e == NULL)
		return;
	v->taken_ms = (int64_t)e->taken * 1000;
	v->passed_ms = (int64_t)e->passed * 1000;
	v->refused_ms = (int64_t)e->refused * 1000;
	v->refused_first_ms = (int64_t)e->first * 1000;
}

bool
queue_learned(struct queue *q, const char *domain, const char *mailbox,
    int64_t now, struct learned_view *v)
{
	struct dest *d = dest_find(q, domain);
	char local[PATH_LOCAL_MAX + 1];

	*v = (struct learned_view){ .word = LEARNED_UNKNOWN };
	if (d == NULL || !learn_is_on(d))
		return false;
	if (name_of(d, mailbox, v->mailbox, local))
		view_of(d, learned_find(&d->learn->table, local),
		    has_evidence(d, now), now, v);
	v->due = learned_is_due(&d->learn->table, v, now);
	return true;
}

bool
queue_learned_each(struct queue *q, const char *domain, const char *after,
    unsigned max, int64_t now, queue_learned_cb *fn, void *arg)
{
	struct dest *d = dest_find(q, domain);
	struct learned_view v;
	struct learned_name *e;
	bool doubted;

	if (d == NULL || !learn_is_on(d))
		return false;
	doubted = has_evidence(d, now);
	e = learned_next(&d->learn->table, after);
	for (; e != NULL && max > 0; max--) {
		v = (struct learned_view){ .word = LEARNED_UNKNOWN };
		view_of(d, e, doubted, now, &v);
		fn(arg, e->local, &v);
		e = RB_NEXT(learned_tree, &d->learn->table.names, e);
	}
	return e != NULL;
}

struct listing_to {
	void (*fn)(void *arg, const char *local, const struct relay_learned *);
	void *arg;
};

static void
list_one(void *arg, const char *local, const struct learned_view *v)
{
	const struct listing_to *to = arg;
	const struct relay_learned l = { .known = learned_word_name(v->word),
		.exists = v->word == LEARNED_TAKEN ||
		    v->word == LEARNED_PASSED || v->word == LEARNED_CATCH_ALL,
		.taken_ms = v->taken_ms,
		.passed_ms = v->passed_ms,
		.refused_ms = v->refused_ms,
		.refused_first_ms = v->refused_first_ms };

	to->fn(to->arg, local, &l);
}

bool
learn_list(void *self, const char *domain, const char *after, unsigned max,
    void (*fn)(void *arg, const char *local, const struct relay_learned *),
    void *arg)
{
	struct listing_to to = { fn, arg };

	return queue_learned_each(self, domain, after, max, clock_wall_ms(),
	    list_one, &to);
}

void
learn_summary(const struct dest *d, struct relay_domain *out)
{
	const struct learned *l;

	if (!learn_is_on(d))
		return;
	l = &d->learn->table;
	out->learns = true;
	out->learned_good = l->n - l->nbad;
	out->learned_bad = l->nbad;
	out->catch_all = l->catch_all;
	out->tested_ms = (int64_t)l->tested * 1000;
}
