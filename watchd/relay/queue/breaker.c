/* SPDX-License-Identifier: ISC
 * breaker: stops a domain whose primary permanently refuses mail that it
 * should accept: it was restored from an old state, lost its filter or its
 * recipients, or has us on a block list. Bouncing a month of mail because of
 * that is the worst failure of a backup MX. Refusals that are not believed
 * (refusal.c) are postponed and counted; when they prevail, the breaker trips:
 * the domain's mail is held, whatever the gate, and one notice is sent.
 *
 *   reset --refusals prevail--> tripped --trial: refused--> tripped, longer pause
 *     ^                          |
 *     `--- release, by the operator, or a trial that was taken ---'
 *
 * A trial is a few messages, one after the other until one is accepted: of
 * those that were refused if there are any, and others each time, since some
 * would never be accepted. It begins when the probes find the primary well
 * (queue_trial()), or by the timer for a domain without probes. The knowledge
 * and the breaker's state outlive restarts. Loop thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/queue/queue_int.h"

#define KNOWN_PREFIX   "known/"
#define KNOWN_OLD      "known" /* for all domains, in older versions */
#define BREAKER_PREFIX "breaker/"
#define REPLY_MAX      512
#define LABEL_MAX      (TEXT_DOMAIN_MAX + 8)
#define RECORD_MAX     (REPLY_MAX + LABEL_MAX + 40)
#define SAVES_MAX      200 /* knowledge records saved in a turn */
#define TRIAL_MESSAGES 3
#define TRIAL_OTHER    2 /* every second trial has one message not refused */

/* ---- stored state */

static void
known_save(struct dest *d)
{
	uint8_t *blob = mem_alloc(knowledge_size(&dest_rare(d)->known));
	size_t len = knowledge_save(&dest_rare(d)->known, blob);

	d->rare->known.dirty = false;
	record_state(d, KNOWN_PREFIX, blob, len);
	mem_free(&blob);
}

/* Schedules the save of new knowledge. */
void
breaker_learned(struct dest *d)
{
	struct dest_rare *r = d->rare;

	if (r == NULL || !r->known.dirty || r->unsaved)
		return;
	r->unsaved = true;
	r->save_ms = clock_wall_ms() + RECENT_SAVE_MS;
	TAILQ_INSERT_TAIL(&d->queue->unsaved, d, rare->unsaved_link);
}

static void
known_saved(struct dest *d)
{
	d->rare->unsaved = false;
	TAILQ_REMOVE(&d->queue->unsaved, d, rare->unsaved_link);
	known_save(d);
}

void
breaker_save(struct queue *q, int64_t now, bool force)
{
	unsigned n = SAVES_MAX;
	struct dest *d;

	while ((d = TAILQ_FIRST(&q->unsaved)) != NULL && (force || n-- > 0)) {
		/* A time further ahead means that the clock was set back: save
		 * now. */
		if (!force && now < d->rare->save_ms &&
		    d->rare->save_ms - now <= RECENT_SAVE_MS)
			return;
		known_saved(d);
	}
}

void
breaker_put(struct dest *d)
{
	const char *label = breaker_primary_label(d);
	char text[RECORD_MAX];
	int n = 0;

	if (d->broken)
		n = snprintf(text, sizeof(text), "%lld %s%.*s%s%.*s",
		    (long long)dest_rare(d)->broken_ms,
		    label != NULL ? "@" : "", LABEL_MAX,
		    label != NULL ? label : "", label != NULL ? " " : "",
		    REPLY_MAX - 1, dest_rare(d)->breaker_reply);
	record_state(d, BREAKER_PREFIX, text, (size_t)n);
	if (dest_rare(d)->unsaved)
		known_saved(d);
}

static void
load_known(struct dest *d, const void *data, size_t len)
{
	if (knowledge_load(dest_known(d), data, len) != 0 && len > 0)
		log_warn("queue", "domain=%s event=known_not_loaded", d->name);
}

static void
load_known_one(void *arg, const char *key, const void *data, size_t len)
{
	struct queue *q = arg;
	struct dest *d;

	if (strcmp(key, KNOWN_OLD) == 0) /* no longer read */
		store_state_put(q->store, key, NULL, 0, NULL, NULL, 0);
	if (strncmp(key, KNOWN_PREFIX, strlen(KNOWN_PREFIX)) != 0)
		return;
	d = dest_find(q, key + strlen(KNOWN_PREFIX));
	if (d != NULL && d->configured) /* else it left the configuration */
		load_known(d, data, len);
}

void
breaker_told_known(struct dest *d, const void *data, size_t len)
{
	if (len == 0 && d->rare == NULL)
		return;
	/* The owner's record replaces what was learned here and not saved. */
	if (dest_rare(d)->unsaved) {
		d->rare->unsaved = false;
		TAILQ_REMOVE(&d->queue->unsaved, d, rare->unsaved_link);
	}
	load_known(d, data, len);
	d->rare->known.dirty = false;
	learn_weigh(d);
}

/* Reads "@host ": tripped together with other domains of that primary. */
static char *
load_label(struct dest *d, char *text)
{
	char *end = strchr(text, ' ');

	if (*text != '@' || end == NULL)
		return text;
	*end = '\0';
	breaker_primary_load(d, text + 1);
	return end + 1;
}

static void
load_tripped(struct dest *d, const void *data, size_t len)
{
	char text[RECORD_MAX], *reply;

	if (len >= sizeof(text))
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	d->broken = true;
	dest_rare_make(d)->broken_ms = strtoll(text, &reply, 10);
	reply += *reply == ' ';
	reply = load_label(d, reply);
	mem_free(&d->rare->breaker_reply);
	d->rare->breaker_reply = mem_strdup(reply);
	d->notes |= NOTE_BREAKER;
	dest_touch(d);
}

static void
load_breaker(void *arg, const char *key, const void *data, size_t len)
{
	struct dest *d;

	if (strncmp(key, BREAKER_PREFIX, strlen(BREAKER_PREFIX)) != 0)
		return;
	d = dest_find(arg, key + strlen(BREAKER_PREFIX));
	if (d != NULL && d->configured)
		load_tripped(d, data, len);
}

/* Another node has changed the breaker: the owner reports it, not this node. */
void
breaker_told(struct dest *d, const void *data, size_t len)
{
	breaker_primary_leave(d);
	if (len > 0) {
		load_tripped(d, data, len);
		return;
	}
	if (!d->broken)
		return;
	d->broken = d->trial = false;
	d->rare->broken_ms = 0;
	d->rare->told = false;
	d->notes &= ~(NOTE_BREAKER | NOTE_BREAKER_NEW);
	d->notes |= NOTE_MENDED;
	dest_touch(d);
}

/* The domain gets another owner: saves its knowledge for that one, and ends its
 * trial, which would block those of other domains. */
void
breaker_leave(struct dest *d)
{
	if (dest_rare(d)->unsaved)
		known_saved(d);
	if (d->trial) {
		d->trial = false;
		breaker_primary_untries(d);
	}
}

void
breaker_load(struct queue *q)
{
	store_state_each(q->store, KNOWN_OLD, load_known_one, q);
	store_state_each(q->store, BREAKER_PREFIX, load_breaker, q);
	refused_load(q);
}

void
breaker_init(struct dest *d)
{
	knowledge_init(&d->rare->known, rnd_u64(), d->queue->conf.known_names);
	TAILQ_INIT(&d->rare->refused);
}

/* The domain left the configuration (`gone`), or the process ends. */
void
breaker_fini(struct dest *d, bool gone)
{
	struct dest_rare *r = d->rare;

	if (r == NULL)
		return;
	if (r->unsaved) {
		r->unsaved = false;
		TAILQ_REMOVE(&d->queue->unsaved, d, rare->unsaved_link);
	}
	if (gone)
		breaker_primary_leave(d);
	if (gone && d->broken) {
		d->broken = false;
		breaker_put(d);
	}
	if (gone && (r->known.nused > 0 || r->known.dots > 0))
		record_state(d, KNOWN_PREFIX, "", 0);
	knowledge_fini(&r->known);
	refused_fini(d, gone);
	if (gone)
		breaker_init(d);
}

/* ---- trip and reset */

/* The time since when the primary may have been faulty: the earliest of the
 * last accepted message and of the refusals that trip the breaker, here or at
 * the primary. */
static int64_t
doubtful_since(const struct dest *d, int64_t now)
{
	int64_t here = knowledge_since(&dest_rare(d)->known, now);
	int64_t there = breaker_primary_since(d);
	int64_t since = dest_rare(d)->known.taken_ms;

	if (here != 0 && here < since)
		since = here;
	if (there != 0 && there < since)
		since = there;
	return since;
}

void
breaker_trip(struct dest *d, const char *why, const char *reply, int64_t now)
{
	struct dest_rare *r = dest_rare_make(d);

	log_notice("queue", "domain=%s event=breaker state=tripped reason=%s",
	    d->name, log_q(why));
	stats_domain(d->queue->stats, d->name)->breaker++;
	d->broken = true;
	d->trial = false;
	r->broken_ms = now;
	r->trials = 0;
	r->trial_ms = now + d->policy->retry_first_ms;
	mem_free(&r->breaker_reply);
	r->breaker_reply = mem_strndup(reply != NULL ? reply : "", REPLY_MAX);
	d->notes |= NOTE_BREAKER | NOTE_BREAKER_NEW;
	d->notes &= ~NOTE_MENDED;
	learn_cut(d, doubtful_since(d, now), now);
	breaker_put(d);
	flush_end(d, false);
	d->forced = false;
	dest_touch(d);
}

void
breaker_reset(struct dest *d, const char *why)
{
	if (!d->broken)
		return;
	log_notice("queue", "domain=%s event=breaker state=reset reason=%s",
	    d->name, log_q(why));
	d->broken = d->trial = false;
	d->rare->broken_ms = 0;
	d->notes &= ~(NOTE_BREAKER | NOTE_BREAKER_NEW);
	d->notes |= NOTE_MENDED;
	knowledge_forgive(dest_known(d));
	breaker_learned(d);
	breaker_primary_leave(d);
	breaker_put(d);
	dest_canary(d);
	dest_touch(d);
}

/* Whether there is a part for the trial: a ready one, or else the one that is
 * due next, which is made ready. */
static bool
trial_ready(struct dest *d, int64_t now)
{
	struct part *e = order_min(d, ORDER_WAIT);

	if (dest_nready(d) > 0)
		return true;
	if (e == NULL || dest_is_confined(d))
		return false;
	part_due(e, now);
	part_set(e, PART_READY);
	return true;
}

static bool
trial_due(const struct dest *d, int64_t now)
{
	/* A time further ahead means that the clock was set back. */
	return now >= dest_rare(d)->trial_ms ||
	    dest_rare(d)->trial_ms - now > 2 * d->policy->retry_max_ms;
}

static void
trial_begin(struct dest *d, int64_t now)
{
	if (!d->broken || d->trial || d->on_hold || !trial_due(d, now) ||
	    breaker_primary_trial(d, now) != 0 || !trial_ready(d, now))
		return;
	breaker_primary_tries(d);
	log_info("queue", "domain=%s event=breaker state=trial try=%u", d->name,
	    dest_rare(d)->trials + 1);
	d->trial = true;
	d->rare->trial_left = TRIAL_MESSAGES;
	d->rare->pause_ms = 0;
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

/* Returns the time of the next trial; begins one that is due, since without
 * probes only the timer does. 0: none. */
int64_t
breaker_next(struct dest *d, int64_t now)
{
	if (!d->broken || d->trial || d->gate != GATE_OPEN || d->n == 0)
		return 0;
	if (trial_due(d, now))
		trial_begin(d, now);
	if (!d->trial && trial_due(d, now))
		return breaker_primary_trial(d, now);
	return dest_rare(d)->trial_ms;
}

/* A ready part of random age, between `first` and `last` of the order. */
static struct part *
choose_between(struct dest *d, struct part *first, struct part *last)
{
	int64_t at;
	int64_t span = (last->arrival_ms - first->arrival_ms) / 1000 + 1;
	struct part *e;

	at = first->arrival_ms +
	    (int64_t)rnd_below(
		span < UINT32_MAX ? (uint32_t)span : UINT32_MAX) *
		1000;
	e = order_from(d, ORDER_READY,
	    part_key_ready(first->suspect, first->local, at, 0));
	return e == NULL ||
		btree_key_less(part_key(last, ORDER_READY),
		    part_key(e, ORDER_READY)) ?
	    last :
	    e;
}

/* Whether the trial takes a local part: if only those may go or are ready;
 * otherwise by chance. */
static bool
is_for_local(const struct dest *d)
{
	if (local_ready(d) == 0)
		return false;
	return dest_is_confined(d) || d->nready == local_ready(d) ||
	    rnd_below(2) == 0;
}

/* Chooses a part of random age among those that were refused, since some,
 * perhaps the oldest hundred, are refused rightly. Now and then one that was
 * not refused, of random age too, since the oldest of these were tried at other
 * times of trouble. */
struct part *
breaker_choose(struct dest *d)
{
	bool local = is_for_local(d), other;
	struct part *good = ready_of(d, false, local, false);
	struct part *bad = ready_of(d, true, local, false);

	other = d->rare->trial_left == 1 &&
	    d->rare->trials % TRIAL_OTHER == TRIAL_OTHER - 1;
	if (bad == NULL || (good != NULL && other))
		return choose_between(d, good, ready_of(d, false, local, true));
	return choose_between(d, bad, ready_of(d, true, local, true));
}

void
breaker_tried(struct dest *d, bool taken, bool lost, int64_t now)
{
	if (!d->broken)
		return;
	if (taken) {
		breaker_reset(d, "a message was accepted");
		return;
	}
	if (!d->trial)
		return;
	if (!lost && --d->rare->trial_left > 0 && trial_ready(d, now))
		return;
	d->trial = false;
	d->rare->trials++;
	breaker_primary_tried(d, now);
	d->rare->trial_ms = backoff_due(now,
	    backoff_delay(d->policy->retry_first_ms, d->policy->retry_max_ms,
		d->rare->trials),
	    rnd_below(1001), INT64_MAX);
	dest_touch(d);
}
