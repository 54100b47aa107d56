/* SPDX-License-Identifier: ISC
 * attach: domains that become ours, where a store is shared (attach_int.h).
 * Their stored parts are read in the background, some domains at a time, and
 * can be delivered meanwhile. A part that is read twice, or is also reported by
 * queue_arrived(), is indexed once; one that was removed during the scan is
 * known by its id. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/attach_int.h"

#define BATCH_DOMAINS 200 /* domains in a scan of the store */
#define SCANS_MAX     4 /* scans at a time */
#define SCAN_AGAIN_MS 1000
#define STEP	      (WALK_STEP / 2) /* parts in a turn */

/* Domains to be read. */
struct batch {
	STAILQ_ENTRY(batch) link;
	struct queue *queue;
	uint64_t number;
	unsigned n;
	char *names[BATCH_DOMAINS];
};

/* ---- ownership */

bool
part_is_lost(const struct part *e)
{
	const struct queue *q = e->dest->queue;

	return q->conf.shared && !e->local &&
	    (e->fenced || q->purging || !dest_is_ours(e->dest));
}

bool
attach_takes(struct queue *q, const struct envelope_brief *b)
{
	struct dest *d;

	if (!q->conf.shared || store_is_local(q->store, b->id))
		return true;
	d = dest_find(q, b->domain);
	return d != NULL && dest_is_attached(d) && !q->purging &&
	    (d->share->leaving == NULL || !d->share->leaving->forgetting);
}

/* A part that is reported late may have moved to the vault already. */
void
attach_index(struct queue *q, const struct envelope_brief *b, int64_t now)
{
	struct part *e;

	if (!attach_takes(q, b))
		return;
	if ((b->flags & ENV_VAULT) != 0) {
		vault_add(q, b);
		return;
	}
	if (q->conf.shared && vault_has(q, b->id))
		return;
	if (part_add(q, b, now) != NULL || !q->conf.shared)
		return;
	e = parts_find(q, b->id);
	if (e->state != PART_GONE && e->fenced)
		e->again = true;
}

bool
queue_is_attached(const struct queue *q, const char *domain)
{
	const struct dest *d;

	if (!q->conf.shared)
		return true;
	d = dest_find(q, domain);
	return d != NULL && dest_is_attached(d) && d->share->leaving == NULL;
}

bool
attach_keeps(const struct dest *d)
{
	return d->share != NULL &&
	    (dest_is_attached(d) || d->share->leaving != NULL ||
		d->share->scans > 0);
}

bool
attach_is_read(const struct dest *d)
{
	return d->share == NULL ||
	    (dest_is_attached(d) && d->share->leaving == NULL &&
		d->share->scans == 0);
}

/* ---- reading */

static void
batch_free(struct batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		free(b->names[i]);
	free(b);
}

/* Queues the domain for a scan, with others that were attached lately. */
void
attach_read(struct dest *d)
{
	struct attach *a = d->queue->attach;
	struct batch *b = STAILQ_LAST(&a->waiting, batch, link);

	if (d->share->scans == UINT16_MAX)
		return; /* a scan is pending already */
	if (b == NULL || b->n == BATCH_DOMAINS) {
		b = mem_alloc(sizeof(*b));
		b->queue = d->queue;
		b->number = ++a->last_batch;
		STAILQ_INSERT_TAIL(&a->waiting, b, link);
	}
	b->names[b->n++] = mem_strdup(d->name);
	d->share->scans++;
	if (d->share->since == 0)
		d->share->since = b->number;
	loop_task_schedule(d->queue->task);
}

/* A scan from before the domain left and came back is out of date: its records
 * are ignored. */
static void
scan_one(void *arg, const struct envelope_brief *brief)
{
	const struct batch *b = arg;
	struct queue *q = b->queue;
	struct dest *d;

	if (q->dead || (d = dest_find(q, brief->domain)) == NULL)
		return;
	if (b->number >= d->share->since)
		attach_index(q, brief, clock_wall_ms());
}

/* A scan in progress may have read its record already and report it later: the
 * part's id is kept until no scan is in progress. */
void
attach_removed(struct queue *q, struct part *e)
{
	struct attach *a = q->attach;

	if (a == NULL || a->scans == 0) {
		parts_give(q, e);
		return;
	}
	if (a->nremoved == a->removed_size) {
		a->removed_size = a->removed_size * 2 + 64;
		a->removed =
		    mem_grow(a->removed, a->removed_size, sizeof(*a->removed));
	}
	a->removed[a->nremoved++] = e->id;
}

/* Without a scan in progress the ids of removed parts are not needed. */
static void
removed_some(struct queue *q, unsigned *budget)
{
	struct attach *a = q->attach;

	for (; a->scans == 0 && a->nremoved > 0 && *budget > 0; --*budget)
		parts_give(q, parts_find(q, a->removed[--a->nremoved]));
	if (a->nremoved > 0 || a->removed == NULL)
		return;
	mem_free(&a->removed);
	a->removed_size = 0;
}

static void
scan_over(struct queue *q, struct batch *b, uint64_t damaged)
{
	struct dest *d;

	q->stats->g.damaged[DAMAGE_RECORD] += damaged;
	log_info("queue", "event=attached domains=%u first=%s damaged=%ju",
	    b->n, b->names[0], (uintmax_t)damaged);
	for (unsigned i = 0; i < b->n; i++) {
		d = dest_find(q, b->names[i]);
		MX_ASSERT(d != NULL && d->share->scans > 0);
		d->share->scans--;
		dest_touch(d);
	}
}

static void
scan_done(void *arg, int rc, uint64_t damaged)
{
	struct batch *b = arg;
	struct queue *q = b->queue;

	q->completions--;
	if (q->dead) {
		batch_free(b);
		queue_release(q);
		return;
	}
	q->attach->scans--;
	loop_task_schedule(q->task);
	if (rc < 0) {
		log_warn("queue", "event=not_attached domains=%u error=%s",
		    b->n, log_q(mx_strerror(rc)));
		STAILQ_INSERT_TAIL(&q->attach->waiting, b, link);
		loop_timer_set(q->attach->again, SCAN_AGAIN_MS);
		return;
	}
	scan_over(q, b, damaged);
	batch_free(b);
}

/* Scans the domains of the batch, except those that have left meanwhile. */
static void
scan_begin(struct queue *q, struct batch *b)
{
	struct dest *d;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		d = dest_find(q, b->names[i]);
		MX_ASSERT(d != NULL && d->share->scans > 0);
		if (dest_is_attached(d)) {
			b->names[n++] = b->names[i];
			continue;
		}
		d->share->scans--;
		dest_touch(d);
		free(b->names[i]);
	}
	b->n = n;
	if (n == 0) {
		batch_free(b);
		return;
	}
	q->attach->scans++;
	q->completions++;
	store_scan_domains(q->store, (const char *const *)b->names, n, scan_one,
	    scan_done, b);
}

static void
scan_some(struct queue *q)
{
	struct attach *a = q->attach;
	struct batch *b;

	while (!q->purging && a->scans < SCANS_MAX &&
	    !loop_timer_pending(a->again) &&
	    (b = STAILQ_FIRST(&a->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->waiting, link);
		scan_begin(q, b);
	}
}

static void
on_again(void *arg)
{
	loop_task_schedule(((struct queue *)arg)->task);
}

/* ---- the queue's task */

bool
attach_step(struct queue *q)
{
	struct attach *a = q->attach;
	unsigned budget = STEP;

	if (a == NULL)
		return false;
	if (q->purging)
		purge_some(q, &budget);
	if (!q->purging)
		leave_some(q, &budget);
	removed_some(q, &budget);
	scan_some(q);
	tell_some(q);
	return q->purging || (a->nremoved > 0 && a->scans == 0) ||
	    !TAILQ_EMPTY(&a->over) ||
	    (!TAILQ_EMPTY(&a->ready) && a->unremoved == 0);
}

static void
attach_one(struct queue *q, const char *domain)
{
	struct dest *d = dest_get(q, domain);
	bool anew = !dest_is_attached(d);

	if (d->share->leaving != NULL) {
		anew = anew || d->share->leaving->forgetting;
		leaving_end(d, dest_is_attached(d));
	}
	if (!anew)
		return;
	if (!dest_is_attached(d)) {
		d->share->spoke = false;
		d->share->since = 0;
	}
	d->share->owned = q->owned;
	attach_read(d);
	dest_touch(d);
}

void
queue_attach(struct queue *q, const char *const *domains, unsigned n)
{
	MX_ASSERT(q->conf.shared);
	for (unsigned i = 0; i < n; i++)
		attach_one(q, domains[i]);
}

void
queue_arrived(struct queue *q, const struct envelope_brief *brief)
{
	attach_index(q, brief, clock_wall_ms());
}

/* ---- create and destroy */

void
attach_init(struct queue *q)
{
	struct attach *a;

	q->owned = 1;
	q->holds = true;
	if (!q->conf.shared)
		return;
	q->holds = store_holds(q->store, 0);
	q->attach = a = mem_alloc(sizeof(*a));
	STAILQ_INIT(&a->waiting);
	TAILQ_INIT(&a->busy);
	TAILQ_INIT(&a->ready);
	TAILQ_INIT(&a->over);
	a->again = loop_timer_create(q->loop, on_again, q);
}

void
attach_fini(struct queue *q)
{
	struct attach *a = q->attach;
	struct batch *b;

	if (a == NULL)
		return;
	while ((b = STAILQ_FIRST(&a->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->waiting, link);
		batch_free(b);
	}
	leavings_free(&a->busy);
	leavings_free(&a->ready);
	leavings_free(&a->over);
	loop_timer_destroy(&a->again);
	mem_free(&a->removed);
	mem_free(&q->attach);
}
