/* SPDX-License-Identifier: ISC
 * target: a destination, from the first wish for a connection until nothing
 * of it is worth remembering: which of its hosts failed lately, how long it
 * is left alone, what its sessions report. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/deliver_int.h"

#define CLOSED_MIN_MS 1000 /* after the first failure, doubling */
#define CLOSED_MAX_MS 60000

int
target_cmp(const struct target *a, const struct target *b)
{
	return strcmp(a->domain, b->domain);
}
RB_GENERATE(target_tree, target, node, target_cmp)

void
target_touch(struct target *d)
{
	struct deliver *dl = d->deliver;

	if (d->dirty)
		return;
	d->dirty = true;
	TAILQ_INSERT_TAIL(&dl->dirty, d, dirty_link);
	loop_task_schedule(dl->task);
}

bool
target_is_ours(const struct target *d)
{
	return config_domain(d->deliver->conf, d->domain) != NULL;
}

static void
target_timer(void *arg)
{
	target_touch(arg);
}

struct target *
target_get(struct deliver *dl, const char *domain)
{
	struct target *d, key;

	strlcpy(key.domain, domain, sizeof(key.domain));
	if ((d = RB_FIND(target_tree, &dl->targets, &key)) != NULL)
		return d;
	d = mem_alloc(sizeof(*d));
	d->deliver = dl;
	strlcpy(d->domain, domain, sizeof(d->domain));
	TAILQ_INIT(&d->sessions);
	d->timer = loop_timer_create(dl->loop, target_timer, d);
	RB_INSERT(target_tree, &dl->targets, d);
	return d;
}

void
target_free(struct target *d)
{
	struct deliver *dl = d->deliver;

	if (d->dirty)
		TAILQ_REMOVE(&dl->dirty, d, dirty_link);
	if (d->waiting)
		TAILQ_REMOVE(&dl->waiting, d, wait_link);
	RB_REMOVE(target_tree, &dl->targets, d);
	loop_timer_destroy(&d->timer);
	target_route_end(d);
	target_route_drop(d);
	free(d);
}

/* Nothing is under way and nothing worth remembering is left: forget it. */
void
target_forget(struct target *d)
{
	int64_t now = loop_now(d->deliver->loop), until = d->route_until_ns;
	unsigned i;

	if (d->wanted > 0 || !TAILQ_EMPTY(&d->sessions) || d->req != NULL ||
	    d->refuse != NULL)
		return;
	if (d->closed_until_ns > until)
		until = d->closed_until_ns;
	for (i = 0; i < MX_COUNT(d->notes); i++) {
		if (d->notes[i].down_until_ns > until)
			until = d->notes[i].down_until_ns;
		if (d->notes[i].clear_until_ns > until)
			until = d->notes[i].clear_until_ns;
	}
	if (until > now)
		loop_timer_set(d->timer, (until - now) / CLOCK_MS + 1);
	else
		target_free(d);
}

struct host_note *
target_note(struct target *d, const char *label)
{
	struct host_note *n, *old = &d->notes[0];
	unsigned i;

	for (i = 0; i < MX_COUNT(d->notes); i++) {
		n = &d->notes[i];
		if (strcmp(n->label, label) == 0)
			return n;
		if (n->down_until_ns + n->clear_until_ns <
		    old->down_until_ns + old->clear_until_ns)
			old = n;
	}
	*old = (struct host_note){ .down_until_ns = 0 };
	strlcpy(old->label, label, sizeof(old->label));
	return old;
}

void
target_outcome(struct target *d, const struct deliver_outcome *o)
{
	struct deliver *dl = d->deliver;

	if (dl->ops.outcome != NULL && !dl->ended)
		dl->ops.outcome(dl->ops.arg, d->domain, o);
}

/* No new connection for a while: 1 s, 2 s, ... 60 s. */
void
target_close(struct target *d)
{
	unsigned shift = d->fails < 6 ? d->fails : 6;
	int64_t ms = (int64_t)CLOSED_MIN_MS << shift;

	if (ms > CLOSED_MAX_MS)
		ms = CLOSED_MAX_MS;
	d->fails++;
	d->closed_until_ns =
	    loop_now(d->deliver->loop) + rnd_jitter(ms, 20) * CLOCK_MS;
	d->route_until_ns = 0;
	target_touch(d);
}

void
target_ready(struct target *d, const struct outbound *s)
{
	/* No good outcome yet: one that greets us and refuses each message
	 * would be up and suspect in turn for ever. */
	d->fails = 0;
	d->closed_until_ns = 0;
	target_note(d, s->cand[s->at].label)->down_until_ns = 0;
}

/* 4xx for a greeting while another session works: one connection too many.
 * The window learns from it, the health does not. */
static bool
target_crowded(const struct target *d, enum smtp_phase phase, uint16_t code)
{
	const struct outbound *s;

	if (phase != SMTP_PHASE_GREETING || code / 100 != 4)
		return false;
	TAILQ_FOREACH (s, &d->sessions, link)
		if (s->state == SESSION_LOAD || s->state == SESSION_SEND)
			return true;
	return false;
}

void
target_failed(struct target *d, const char *host, enum smtp_phase phase,
    uint16_t code, const char *text)
{
	struct deliver *dl = d->deliver;
	struct domain_stats *st = stats_domain(dl->stats, d->domain);
	const struct deliver_outcome bad = { .phase = phase,
		.code = code,
		.host = host,
		.text = text };

	st->attempts++;
	st->attempts_failed[phase]++;
	/* The sessions that began together with one that has failed already
	 * tell nothing new. */
	if (loop_now(dl->loop) < d->closed_until_ns)
		return;
	target_close(d);
	if (!target_crowded(d, phase, code))
		target_outcome(d, &bad);
	if (!dl->ended)
		queue_connect_failed(dl->queue, d->domain);
}
