/* SPDX-License-Identifier: ISC
 * breaker_primary: refusals of several domains at one primary, taken together.
 * A hosted server that lost its tables, or has us on its block list, refuses
 * one message each of three hundred domains: no domain has enough evidence, and
 * three hundred alerts would report one fault. So a refusal that contradicts
 * the knowledge of its domain counts against the primary, too. When enough
 * domains have one, and no mail was accepted there since, their breakers trip
 * together, and that of any further domain at its first such refusal. One
 * domain reports for all, one trial runs at a time, and one accepted message
 * resets all breakers, some in each turn of the task. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/queue/queue_int.h"

#define REFUSED_MAX 8 /* hashes of domains, for doubts */

struct breaker_primary {
	RB_ENTRY(breaker_primary) link; /* in queue.primaries, by label */
	TAILQ_ENTRY(breaker_primary) mended_link; /* or in queue.mended */
	TAILQ_HEAD(, dest) hit; /* while tripped, the first reports for all */
	unsigned n, nus; /* nus: those hit by refusals about us */
	bool tripped, mended;
	int64_t since_ms; /* wall: first refusal since mail was accepted */
	struct dest *trial; /* the domain whose trial runs; NULL: none */
	int64_t trial_ms; /* wall: next trial */
	unsigned trials;
	/* Domains with a refused recipient since mail was accepted. */
	unsigned nrefused;
	uint64_t refused[REFUSED_MAX];
	char label[];
};

static int
primary_cmp(const struct breaker_primary *a, const struct breaker_primary *b)
{
	return strcmp(a->label, b->label);
}

RB_PROTOTYPE(breaker_tree, breaker_primary, link, primary_cmp)
RB_GENERATE(breaker_tree, breaker_primary, link, primary_cmp)

static struct breaker_primary *
primary_find(const struct queue *q, const char *label)
{
	struct breaker_primary *p = RB_ROOT(&q->primaries);
	int c;

	while (p != NULL && (c = strcmp(label, p->label)) != 0)
		p = c < 0 ? RB_LEFT(p, link) : RB_RIGHT(p, link);
	return p;
}

static struct breaker_primary *
primary_get(struct queue *q, const char *label)
{
	struct breaker_primary *p = primary_find(q, label);
	size_t len = strlen(label) + 1;

	if (p != NULL)
		return p;
	p = mem_alloc(sizeof(*p) + len);
	memcpy(p->label, label, len);
	TAILQ_INIT(&p->hit);
	(void)RB_INSERT(breaker_tree, &q->primaries, p);
	return p;
}

static void
primary_free(struct queue *q, struct breaker_primary *p)
{
	if (p->mended)
		TAILQ_REMOVE(&q->mended, p, mended_link);
	else
		RB_REMOVE(breaker_tree, &q->primaries, p);
	free(p);
}

/* The block of the domain that reports for all shows their number. */
static void
touch_speaker(struct queue *q, const struct breaker_primary *p)
{
	if (p->tripped && !TAILQ_EMPTY(&p->hit))
		stats_touch(q->stats, TAILQ_FIRST(&p->hit)->name);
}

static void
join(struct dest *d, struct breaker_primary *p, bool us)
{
	if (dest_rare(d)->primary != p) {
		breaker_primary_leave(d);
		dest_rare_make(d)->primary = p;
		TAILQ_INSERT_TAIL(&p->hit, d, rare->hit_link);
		p->n++;
		touch_speaker(d->queue, p);
	}
	p->nus += us && !dest_rare(d)->hit_us;
	d->rare->hit_us |= us;
}

void
breaker_primary_leave(struct dest *d)
{
	struct breaker_primary *p = dest_rare(d)->primary;

	if (p == NULL)
		return;
	d->rare->primary = NULL;
	TAILQ_REMOVE(&p->hit, d, rare->hit_link);
	p->n--;
	p->nus -= d->rare->hit_us;
	d->rare->hit_us = false;
	if (p->trial == d)
		p->trial = NULL;
	if (p->n == 0)
		primary_free(d->queue, p);
	else
		touch_speaker(d->queue, p);
}

/* ---- refusals and acceptances */

bool
breaker_primary_tripped(const struct queue *q, const char *label)
{
	const struct breaker_primary *p =
	    label != NULL ? primary_find(q, label) : NULL;

	return p != NULL && p->tripped;
}

unsigned
breaker_primary_refused(const struct dest *d, const char *label)
{
	const struct breaker_primary *p =
	    label != NULL ? primary_find(d->queue, label) : NULL;
	uint64_t name = hash_text(HASH_INIT, d->name);
	unsigned others = 0;

	for (unsigned i = 0; p != NULL && i < p->nrefused; i++)
		others += p->refused[i] != name;
	return others;
}

int64_t
breaker_primary_since(const struct dest *d)
{
	return dest_rare(d)->primary != NULL ? dest_rare(d)->primary->since_ms :
					       0;
}

static void
note_refused(struct breaker_primary *p, const char *name)
{
	uint64_t hash = hash_text(HASH_INIT, name);

	for (unsigned i = 0; i < p->nrefused; i++)
		if (p->refused[i] == hash)
			return;
	if (p->nrefused < REFUSED_MAX)
		p->refused[p->nrefused++] = hash;
}

/* The domains that were hit before close together with the one that exceeds the
 * limit. */
static void
trip_together(struct breaker_primary *p, const char *why, const char *reply,
    int64_t now)
{
	struct dest *d;

	p->tripped = true;
	TAILQ_FOREACH (d, &p->hit, rare->hit_link) {
		if (d->broken)
			breaker_put(d); /* tripped by itself so far */
		else
			breaker_trip(d, why, reply, now);
	}
}

void
breaker_primary_hit(struct dest *d, const char *label, enum breaker_hit hit,
    const char *reply, int64_t now)
{
	struct breaker_primary *p;
	const char *why;

	if (label == NULL || *label == '\0')
		return;
	p = primary_get(d->queue, label);
	if (p->since_ms == 0)
		p->since_ms = now;
	note_refused(p, d->name);
	if (hit == BREAKER_HIT_NO)
		return;
	join(d, p, hit == BREAKER_HIT_US);
	why = judge_trips_many(p->n, p->nus);
	if (p->tripped && !d->broken)
		breaker_trip(d, "its primary refuses several domains", reply,
		    now);
	else if (!p->tripped && why != NULL)
		trip_together(p, why, reply, now);
}

void
breaker_primary_taken(struct queue *q, const char *label)
{
	struct breaker_primary *p =
	    label != NULL ? primary_find(q, label) : NULL;
	struct dest *d;

	if (p == NULL)
		return;
	if (p->tripped) {
		RB_REMOVE(breaker_tree, &q->primaries, p);
		p->mended = true;
		TAILQ_INSERT_TAIL(&q->mended, p, mended_link);
		loop_task_schedule(q->task);
		return;
	}
	/* Only a few, or their breakers would be tripped together. A breaker
	 * that is tripped by itself stays so. */
	if (p->n == 0)
		primary_free(q, p);
	else
		for (unsigned n = p->n; n > 0; n--) {
			d = TAILQ_FIRST(&p->hit);
			breaker_primary_leave(d);
		}
}

bool
breaker_primary_settle(struct queue *q, unsigned budget)
{
	struct breaker_primary *p;
	struct dest *d;

	while ((p = TAILQ_FIRST(&q->mended)) != NULL && budget-- > 0) {
		d = TAILQ_FIRST(&p->hit);
		/* Opening leaves the primary; the last domain to leave frees
		 * it. */
		if (d->broken)
			breaker_reset(d, "its primary accepts mail again");
		else
			breaker_primary_leave(d);
	}
	return p != NULL;
}

/* ---- trials, one at a time */

static int64_t
waits_until(const struct breaker_primary *p, const struct dest *d, int64_t now)
{
	/* A time further ahead means that the clock was set back. */
	if (p->trial_ms > now &&
	    p->trial_ms - now <= 2 * d->policy->retry_max_ms)
		return p->trial_ms;
	return p->trial != NULL && p->trial != d ? now + TICK_MAX_MS : 0;
}

int64_t
breaker_primary_trial(const struct dest *d, int64_t now)
{
	return dest_rare(d)->primary != NULL && dest_rare(d)->primary->tripped ?
	    waits_until(dest_rare(d)->primary, d, now) :
	    0;
}

void
breaker_primary_tries(struct dest *d)
{
	if (dest_rare(d)->primary != NULL && dest_rare(d)->primary->tripped)
		dest_rare(d)->primary->trial = d;
}

void
breaker_primary_tried(struct dest *d, int64_t now)
{
	struct breaker_primary *p = dest_rare(d)->primary;

	if (p == NULL || p->trial != d)
		return;
	p->trial = NULL;
	p->trials++;
	p->trial_ms = backoff_due(now,
	    backoff_delay(d->policy->retry_first_ms, d->policy->retry_max_ms,
		p->trials),
	    rnd_below(1001), INT64_MAX);
}

void
breaker_primary_untries(struct dest *d)
{
	struct breaker_primary *p = dest_rare(d)->primary;

	if (p != NULL && p->trial == d)
		p->trial = NULL;
}

/* ---- listing and storing */

const char *
breaker_primary_label(const struct dest *d)
{
	return dest_rare(d)->primary != NULL && dest_rare(d)->primary->tripped ?
	    dest_rare(d)->primary->label :
	    NULL;
}

unsigned
breaker_primary_domains(const struct dest *d, bool *speaks)
{
	const struct breaker_primary *p = dest_rare(d)->primary;

	*speaks = p == NULL || !p->tripped || TAILQ_FIRST(&p->hit) == d;
	return p != NULL && p->tripped ? p->n : 0;
}

void
breaker_primary_load(struct dest *d, const char *label)
{
	struct breaker_primary *p = primary_get(d->queue, label);

	p->tripped = true;
	join(d, p, false);
}

/* The domains are freed; primaries with plain refusals are left. */
void
breaker_primary_fini(struct queue *q)
{
	struct breaker_primary *p, *next;

	RB_FOREACH_SAFE (p, breaker_tree, &q->primaries, next)
		primary_free(q, p);
}
