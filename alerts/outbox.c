/* SPDX-License-Identifier: ISC
 * outbox: the states of an entry.
 *
 *	WAIT -> TRIGGER -> TOLD -> RESOLVE -> gone
 *
 * A repeat, more domains or a worse severity make TOLD a TRIGGER again; so does
 * a new beginning before the resolve was sent. */
#include "alerts/outbox.h"

#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"

static int
outbox_compare(const struct outbox_entry *a, const struct outbox_entry *b)
{
	int rc = strcmp(a->receiver, b->receiver);

	if (rc != 0)
		return rc;
	if (a->note.kind != b->note.kind)
		return a->note.kind < b->note.kind ? -1 : 1;
	return strcmp(a->note.group, b->note.group);
}

RB_GENERATE(outbox_tree, outbox_entry, link, outbox_compare)

void
outbox_init(struct outbox *ob)
{
	memset(ob, 0, sizeof(*ob));
	RB_INIT(&ob->tree);
}

void
outbox_fini(struct outbox *ob)
{
	struct outbox_entry *e;

	while ((e = RB_MIN(outbox_tree, &ob->tree)) != NULL)
		outbox_remove(ob, e);
}

void
outbox_remove(struct outbox *ob, struct outbox_entry *e)
{
	RB_REMOVE(outbox_tree, &ob->tree, e);
	note_fini(&e->note);
	mem_free(&e);
	ob->changed = true;
}

/* The first entry of that receiver. */
static struct outbox_entry *
first_of(const struct outbox *ob, const char *receiver)
{
	struct outbox_entry key = { .note = { .kind = 0 } };
	struct outbox_tree *tree = (struct outbox_tree *)(uintptr_t)&ob->tree;

	(void)strlcpy(key.receiver, receiver, sizeof(key.receiver));
	return RB_NFIND(outbox_tree, tree, &key);
}

#define EACH_OF(e, ob, name)                                                   \
	for ((e) = first_of(ob, name);                                         \
	     (e) != NULL && strcmp((e)->receiver, name) == 0;                  \
	     (e) = RB_NEXT(outbox_tree, &(ob)->tree, e))

static bool
make_room(struct outbox *ob, const char *receiver)
{
	struct outbox_entry *e, *oldest = NULL;
	unsigned n = 0;

	EACH_OF(e, ob, receiver)
	{
		n++;
		if (e->phase == OUTBOX_RESOLVE && !e->in_flight && !e->seen &&
		    (oldest == NULL || e->phase_ms < oldest->phase_ms))
			oldest = e;
	}
	if (n < OUTBOX_MAX)
		return true;
	ob->dropped++;
	if (oldest != NULL)
		outbox_remove(ob, oldest);
	return oldest != NULL;
}

static void
key_init(struct outbox_entry *key, const char *receiver, enum alert_kind kind,
    const char *group)
{
	*key = (struct outbox_entry){ .note = { .kind = kind } };
	(void)strlcpy(key->receiver, receiver, sizeof(key->receiver));
	(void)strlcpy(key->note.group, group, sizeof(key->note.group));
}

struct outbox_entry *
outbox_get(struct outbox *ob, const char *receiver, enum alert_kind kind,
    const char *group)
{
	struct outbox_entry key, *e;

	key_init(&key, receiver, kind, group);
	e = RB_FIND(outbox_tree, &ob->tree, &key);
	if (e != NULL)
		return e;
	if (!make_room(ob, receiver))
		return NULL;
	e = mem_dup(&key, sizeof(key));
	e->id = ++ob->last_id;
	RB_INSERT(outbox_tree, &ob->tree, e);
	ob->changed = true;
	return e;
}

struct outbox_entry *
outbox_by_id(struct outbox *ob, uint64_t id)
{
	struct outbox_entry *e;

	RB_FOREACH (e, outbox_tree, &ob->tree)
		if (e->id == id)
			break;
	return e;
}

static void
set_phase(struct outbox *ob, struct outbox_entry *e, enum outbox_phase phase,
    int64_t due, int64_t now)
{
	e->phase = phase;
	e->due_ms = due;
	e->phase_ms = now;
	e->attempts = 0;
	ob->changed = true;
}

/* A new alarm of a group whose end was sent, or nearly. */
static void
begin_again(struct outbox *ob, struct outbox_entry *e, int64_t now)
{
	e->ended = e->again = false;
	set_phase(ob, e, OUTBOX_TRIGGER, now, now);
}

/* For an entry that was sent: is there news to send? */
static bool
news(const struct outbox_entry *e, const struct outbox_pace *pace, int64_t now)
{
	int64_t passed = now - e->told_ms;

	if (passed < 0) /* the clock was set back */
		passed = 0;
	if (e->note.severity > e->told)
		return true;
	if (passed >= pace->repeat_ms)
		return true;
	if (passed < pace->group_interval_ms)
		return false;
	return note_has_news(&e->note) ||
	    e->note.total - e->note.held > e->told_total;
}

void
outbox_fire(struct outbox *ob, const char *receiver, const char *host,
    const struct note *note, const struct outbox_pace *pace, bool quiet,
    int64_t now)
{
	struct outbox_entry *e =
	    outbox_get(ob, receiver, note->kind, note->group);
	bool fresh, same;

	if (e == NULL)
		return;
	e->seen = true;
	e->left = false;
	e->over_ms = 0;
	e->quiet = quiet;
	fresh = e->phase_ms == 0;
	same = note_same(&e->note, note);
	if (!same || e->phase == OUTBOX_WAIT || e->phase == OUTBOX_TRIGGER)
		note_update(&e->note, note, now);
	ob->changed |= !same;
	if (fresh) {
		(void)strlcpy(e->host, host, sizeof(e->host));
		set_phase(ob, e, OUTBOX_WAIT, now + pace->group_wait_ms, now);
	}
	switch (e->phase) {
	case OUTBOX_WAIT:
		if (!quiet &&
		    (now >= e->due_ms || e->due_ms - now > pace->group_wait_ms))
			set_phase(ob, e, OUTBOX_TRIGGER, now, now);
		break;
	case OUTBOX_TRIGGER:
		e->ended = false;
		break;
	case OUTBOX_TOLD:
		if (!quiet && news(e, pace, now)) {
			note_update(&e->note, note, now);
			set_phase(ob, e, OUTBOX_TRIGGER, now, now);
		}
		break;
	case OUTBOX_RESOLVE:
		if (e->in_flight)
			e->again = true;
		else if (!quiet)
			begin_again(ob, e, now);
		break;
	}
}

void
outbox_take(struct outbox *ob, const char *receiver, const char *host,
    const struct note *note, int64_t now)
{
	struct outbox_entry *e =
	    outbox_get(ob, receiver, note->kind, note->group);

	if (e == NULL)
		return;
	e->left = false;
	ob->changed = true;
	if (e->phase_ms == 0) {
		(void)strlcpy(e->host, host, sizeof(e->host));
		(void)strlcpy(e->note.primary, note->primary,
		    sizeof(e->note.primary));
		e->attempted = e->reached = true;
		e->told_ms = now;
		set_phase(ob, e, OUTBOX_TOLD, now, now);
	}
	if (e->phase != OUTBOX_TOLD || !note_take(&e->note, note))
		return;
	if (note->severity > e->told)
		e->told = note->severity;
	e->told_total = e->note.total;
}

void
outbox_leave(struct outbox *ob, const char *receiver, enum alert_kind kind,
    const char *group, const char *domain)
{
	struct outbox_entry key, *e;

	key_init(&key, receiver, kind, group);
	e = RB_FIND(outbox_tree, &ob->tree, &key);
	if (e == NULL || e->phase == OUTBOX_RESOLVE)
		return;
	note_leave(&e->note, domain);
	e->left = true;
	ob->changed = true;
}

static void
entry_over(struct outbox *ob, struct outbox_entry *e, int64_t now)
{
	e->quiet = false;
	if (e->left) {
		outbox_remove(ob, e);
		return;
	}
	switch (e->phase) {
	case OUTBOX_WAIT:
		outbox_remove(ob, e); /* it was never sent */
		return;
	case OUTBOX_TRIGGER:
		if (e->in_flight) {
			ob->changed |= !e->ended;
			e->ended = true;
			note_end(&e->note, now);
			return;
		}
		/* An attempt may have been received, but a page about something
		 * that is over is useless: only the resolve is sent. */
		if (e->reached || e->attempted)
			break;
		outbox_remove(ob, e);
		return;
	case OUTBOX_TOLD:
		if (e->reached || e->attempted)
			break;
		outbox_remove(ob, e); /* it was refused: not received */
		return;
	case OUTBOX_RESOLVE:
		e->again = false;
		return;
	}
	note_end(&e->note, now);
	set_phase(ob, e, OUTBOX_RESOLVE, now, now);
}

void
outbox_sweep(struct outbox *ob, int64_t now)
{
	struct outbox_entry *e, *next;

	RB_FOREACH_SAFE (e, outbox_tree, &ob->tree, next) {
		if (e->seen)
			e->seen = false;
		else if (e->note.kind != NOTE_TEST)
			entry_over(ob, e, now);
	}
}

static bool
is_due(const struct outbox_entry *e, int64_t now)
{
	if (e->in_flight || e->quiet)
		return false;
	return e->phase == OUTBOX_TRIGGER || e->phase == OUTBOX_RESOLVE ?
	    e->due_ms <= now || e->due_ms - now > OUTBOX_RETRY_MAX :
	    false;
}

/* The one with the fewest attempts, so that an entry which the receiver never
 * accepts does not block the others; then the oldest. */
struct outbox_entry *
outbox_next(struct outbox *ob, const char *receiver, int64_t now)
{
	struct outbox_entry *e, *best = NULL;

	EACH_OF(e, ob, receiver)
	{
		if (!is_due(e, now))
			continue;
		if (best == NULL || e->attempts < best->attempts ||
		    (e->attempts == best->attempts &&
			e->phase_ms < best->phase_ms))
			best = e;
	}
	return best;
}

unsigned
outbox_pending(const struct outbox *ob, const char *receiver)
{
	struct outbox_entry *e;
	unsigned n = 0;

	EACH_OF(e, ob, receiver)
	n += e->phase == OUTBOX_TRIGGER || e->phase == OUTBOX_RESOLVE;
	return n;
}

void
outbox_sending(struct outbox *ob, struct outbox_entry *e)
{
	e->in_flight = true;
	if (e->phase != OUTBOX_TRIGGER)
		return;
	note_told(&e->note);
	e->told = e->note.severity;
	e->told_total = e->note.total;
	ob->changed = true;
}

static void
trigger_sent(struct outbox *ob, struct outbox_entry *e, int64_t now)
{
	e->reached = true;
	e->told_ms = now;
	if (e->ended)
		set_phase(ob, e, OUTBOX_RESOLVE, now, now);
	else
		set_phase(ob, e, OUTBOX_TOLD, now, now);
	e->ended = false;
}

/* Nothing more is sent until its next repeat. One that was not refused may have
 * been received: its end will be sent. */
static void
trigger_given_up(struct outbox *ob, struct outbox_entry *e,
    enum carry_result result, int64_t now)
{
	if (result == CARRY_REJECTED)
		e->attempted = false;
	if (e->ended && !e->reached && !e->attempted) {
		outbox_remove(ob, e);
		return;
	}
	e->told_ms = now;
	set_phase(ob, e, e->ended ? OUTBOX_RESOLVE : OUTBOX_TOLD, now, now);
	e->ended = false;
}

void
outbox_done(struct outbox *ob, struct outbox_entry *e, enum carry_result result,
    int64_t now)
{
	bool expired = e->phase == OUTBOX_TRIGGER &&
	    now - e->phase_ms >= OUTBOX_GIVE_UP_MS;

	e->in_flight = false;
	ob->changed = true;
	e->attempts++;
	if (result == CARRY_RETRY && e->ended) {
		e->ended = false;
		set_phase(ob, e, OUTBOX_RESOLVE, now, now);
	} else if (result == CARRY_RETRY && !expired) {
		e->due_ms = now;
		if (e->again)
			begin_again(ob, e, now);
	} else if (e->phase == OUTBOX_TRIGGER) {
		if (result == CARRY_SENT)
			trigger_sent(ob, e, now);
		else
			trigger_given_up(ob, e, result, now);
	} else if (e->again) {
		e->reached = e->attempted = false;
		note_renew(&e->note);
		begin_again(ob, e, now);
	} else
		outbox_remove(ob, e);
}

int64_t
outbox_backoff_ms(unsigned failures, int64_t retry_after_ms)
{
	int64_t ms = OUTBOX_BACKOFF_MS;

	for (; failures > 1 && ms < OUTBOX_BACKOFF_MAX; failures--)
		ms *= 2;
	if (ms > OUTBOX_BACKOFF_MAX)
		ms = OUTBOX_BACKOFF_MAX;
	ms = rnd_jitter(ms, 20);
	if (retry_after_ms > OUTBOX_RETRY_MAX)
		retry_after_ms = OUTBOX_RETRY_MAX;
	return ms > retry_after_ms ? ms : retry_after_ms;
}
