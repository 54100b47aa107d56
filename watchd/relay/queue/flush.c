/* SPDX-License-Identifier: ISC
 * flush: makes all parts of one domain, and of no other, due at once. It begins
 * with a canary and ends when all parts that were there at its start were tried
 * once; later ones are not counted. A flush that an operator orders while the
 * gate is closed opens it for the canary, and then for as long as the primary
 * can be reached. Called by the relay operations, take.c and the gate; the
 * owner is told by the task. */
#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define PAUSE_FIRST_MS 30000 /* after CANARY_TRIES canaries */
#define RATE_STEP_MS   1000

void
flush_view(const struct dest *d, int64_t now, struct relay_flush *v)
{
	static const struct flush none;
	const struct flush *had = dest_rare(d)->flush;
	const struct flush *f = had != NULL ? had : &none;
	double rate = f->rate, since = (double)(now - f->rate_ms) / 1000.0;

	/* before the first step of the average: the mean so far */
	if (f->running && rate <= 0 && since > 0)
		rate = f->rate_n / since;
	*v = (struct relay_flush){
		.domain = d->name,
		.running = f->running,
		.trigger = f->trigger,
		.start_ms = f->start_ms,
		.end_ms = f->end_ms,
		.total = f->total,
		.remaining = f->remaining,
		.delivered = f->delivered,
		.deferred = f->deferred,
		.failed = f->failed,
		.lost = f->lost,
		.bytes = f->bytes,
		.rate = f->running ? rate : 0,
		.eta_ms = -1,
	};
	if (f->running && rate > 0)
		v->eta_ms = (int64_t)((double)f->remaining / rate * 1000.0);
}

/* Parts that are out already are not counted: a session that has hung since the
 * outage must not delay the confirmation of the recovery. */
static void
flush_leave_out(struct dest *d)
{
	const struct job *job;

	LIST_FOREACH (job, &d->queue->jobs, link) {
		if (job->part->dest != d || job->kind != JOB_DELIVER)
			continue;
		job->part->flush = d->flush_gen;
		d->rare->flush->total--;
		d->rare->flush->remaining--;
	}
}

static void
flush_begin(struct dest *d, enum flush_trigger trigger, uint64_t total,
    int64_t now)
{
	struct dest_rare *r = dest_rare_make(d);

	/* The end of the previous flush is reported before this one begins. */
	dest_notify(d, now);
	if (r->flush == NULL)
		r->flush = mem_alloc(sizeof(*r->flush));
	*r->flush = (struct flush){
		.running = true,
		.trigger = trigger,
		.start_ms = now,
		.rate_ms = now,
		.total = total,
		.remaining = total,
		.bytes = d->bytes - r->idle_bytes,
	};
	d->flush_gen++;
	flush_leave_out(d);
	r->canary_tries = 0;
	r->pause_ms = 0;
	d->newest = false;
	d->forced = d->gate == GATE_CLOSED;
	dest_canary(d);
	stats_domain(d->queue->stats, d->name)->flush_runs[trigger]++;
	d->notes |= NOTE_FLUSH_BEGIN;
	dest_walk(d, WALK_DUE);
	flush_settle(d, true);
}

int
flush_start(struct dest *d, enum flush_trigger trigger, bool dry_run,
    struct relay_flush *out)
{
	int64_t now = clock_wall_ms();
	uint64_t total =
	    d->on_hold ? 0 : d->n - dest_rare(d)->nheld - dest_rare(d)->nowed;
	int rc = 0;

	if (dest_flushing(d))
		rc = -MX_EBUSY;
	else if (total == 0)
		rc = -MX_ENOENT;
	if (rc == 0 && !dry_run)
		flush_begin(d, trigger, total, now);
	flush_view(d, now, out);
	if (!dest_flushing(d)) {
		out->trigger = trigger;
		out->start_ms = out->end_ms = 0;
		out->total = out->remaining = total;
		out->delivered = out->deferred = out->failed = 0;
		out->bytes =
		    d->on_hold ? 0 : d->bytes - dest_rare(d)->idle_bytes;
	}
	return rc;
}

void
flush_end(struct dest *d, bool ok)
{
	struct flush *f = dest_rare(d)->flush;
	struct domain_stats *st;

	if (!dest_flushing(d))
		return;
	f->running = false;
	f->end_ms = clock_wall_ms();
	d->forced = false;
	if (!ok) {
		st = stats_domain(d->queue->stats, d->name);
		st->flush_failed++;
	}
	d->notes |= NOTE_FLUSH_END | (ok ? NOTE_FLUSH_OK : 0);
	dest_touch(d);
}

/* A part was tried, or will not be tried any more. */
void
flush_tried(struct part *e, enum flush_result result, int64_t now)
{
	struct dest *d = e->dest;
	struct flush *f = dest_rare(d)->flush;
	double dt;

	if (!dest_flushing(d) || e->flush == d->flush_gen ||
	    e->state == PART_OWED)
		return;
	e->flush = d->flush_gen;
	f->remaining--;
	if (result == FLUSH_DELIVERED) {
		f->delivered++;
		stats_domain(d->queue->stats, d->name)->flush_messages++;
	} else if (result == FLUSH_DEFERRED) {
		f->deferred++;
	} else {
		f->failed++;
	}
	f->rate_n++;
	if (now - f->rate_ms < RATE_STEP_MS)
		return;
	dt = (double)(now - f->rate_ms) / 1000.0;
	if (f->rate <= 0)
		f->rate = f->rate_n / dt;
	else
		f->rate += (f->rate_n / dt - f->rate) * 0.3;
	f->rate_n = 0;
	f->rate_ms = now;
}

void
flush_settle(struct dest *d, bool ok)
{
	if (dest_flushing(d) && dest_rare(d)->flush->remaining == 0)
		flush_end(d, ok);
}

/* The canary failed; the next part becomes the canary. After a few of them the
 * messages are not the cause: the flush ends, and the domain pauses. With the
 * gate closed there is only one try. */
void
flush_canary_failed(struct dest *d, bool lost, int64_t now)
{
	struct dest_rare *r = dest_rare_make(d);
	unsigned tries = d->forced ? 1 : CANARY_TRIES;

	r->canary_tries++;
	log_info("queue", "domain=%s event=canary_failed try=%u lost=%s",
	    d->name, r->canary_tries, lost ? "yes" : "no");
	if (r->canary_tries < tries)
		return;
	r->canary_tries = 0;
	r->fails++;
	dest_pause(d, PAUSE_FIRST_MS, d->policy->retry_first_ms, now);
	flush_end(d, false);
}
