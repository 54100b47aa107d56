/* SPDX-License-Identifier: ISC
 * breaker: a primary that came back half restored answers 550 to everybody;
 * bouncing a month of mail because of it is the worst a backup MX can do. So
 * before a refusal is believed two questions are asked: did the primary take
 * this very recipient lately, and does it refuse most of the first ones it is
 * offered after an outage? Then the domain is closed, its mail kept and
 * somebody told.
 *
 * Somebody may have left, too, or be blocked for one sender: so a known
 * recipient's refusal is no alarm when the primary takes more than it refuses
 * so. It is put off and believed later. What was refused goes last, and the
 * next canary is another message. Deliverers ask on the loop thread. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define KNOWN_KEY "known"

static void
breaker_trip(struct dest *d, const char *why, const char *reply)
{
	log_notice("queue", "domain=%s event=breaker reason=%s reply=%s",
	    d->name, why, log_q(reply));
	d->broken = true;
	d->wary = true;
	mem_free(&d->breaker_reply);
	d->breaker_reply = mem_strdup(reply != NULL ? reply : "");
	d->notes |= NOTE_BREAKER;
	dest_close(d);
}

/* Refusals that are about this mailbox's own state, its quota or the message
 * are nothing strange for a recipient that exists. */
static bool
about_state(const struct smtp_status *st)
{
	if (st->cls == 0)
		return false;
	return st->subject == 2 || st->subject == 6 ||
	    (st->subject == 3 && st->detail == 4);
}

bool
queue_refusal_suspect(struct queue *q, const char *domain, const char *mailbox,
    const struct smtp_status *status, const char *reply)
{
	struct dest *d = dest_find(q, domain);
	bool watched;

	if (d == NULL || !d->configured)
		return false;
	if (d->broken)
		return true;
	watched = d->flush.running || d->canary ||
	    clock_wall_ms() - d->opened_ms < WATCH_MS;
	if (watched && !about_state(status) &&
	    recent_has(q->recent, domain, mailbox)) {
		if (++d->odd > d->taken)
			breaker_trip(d, "known_recipient_refused", reply);
		return true;
	}
	if (!d->flush.running || d->sample >= SAMPLE_MAX)
		return d->wary;
	d->sample++;
	d->refused++;
	/* The second time it costs nobody's mail to find out. */
	if (d->refused < SAMPLE_MIN || d->refused * 2 <= d->sample)
		return d->wary;
	breaker_trip(d, "most_recipients_refused", reply);
	return true;
}

/* So many recipients were taken, or deferred: they count in the sample. */
void
breaker_accepted(struct dest *d, unsigned recipients)
{
	if (d->flush.running && d->sample < SAMPLE_MAX)
		d->sample += recipients;
}

static void
recent_saved(void *arg, uint64_t token, int rc)
{
	struct queue *q = arg;

	(void)token;
	if (rc != 0)
		log_warn("queue", "event=known_not_saved error=%s",
		    log_q(mx_strerror(rc)));
	q->completions--;
	queue_release(q);
}

void
breaker_save(struct queue *q, int64_t now, bool force)
{
	uint8_t *blob;
	size_t len;

	if (!recent_dirty(q->recent))
		return;
	if (!force && now - q->recent_ms < RECENT_SAVE_MS &&
	    now >= q->recent_ms)
		return;
	q->recent_ms = now;
	blob = mem_alloc(KNOWN_BLOB_MAX);
	len = recent_save(q->recent, blob);
	q->completions++;
	store_state_put(q->store, KNOWN_KEY, blob, len, recent_saved, q, 0);
	mem_free(&blob);
}

static void
recent_one(void *arg, const char *key, const void *data, size_t len)
{
	struct queue *q = arg;

	if (strcmp(key, KNOWN_KEY) == 0 &&
	    recent_load(q->recent, data, len) != 0)
		log_warn("queue", "event=known_not_loaded");
}

void
breaker_load(struct queue *q)
{
	store_state_each(q->store, KNOWN_KEY, recent_one, q);
}
