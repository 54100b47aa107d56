/* SPDX-License-Identifier: ISC
 * record: writes the outcome of a part. A record that the store refuses is
 * offered again later, with growing pauses; meanwhile the part cannot be taken
 * (SAVING, GONE), so that it is not delivered twice only because its record
 * could not be changed. When the store says that it cannot write at all, or too
 * many records are stuck, the queue hands out no mail (destination.c).
 * Completions come on the loop thread, perhaps after queue_destroy(): then they
 * are only counted. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define SAVE_FIRST_MS 1000
#define SAVE_MAX_MS   60000

void
record_free(struct record_write **sp)
{
	if (*sp == NULL)
		return;
	envelope_destroy(&(*sp)->env);
	mem_free(sp);
}

void
queue_release(struct queue *q)
{
	if (q->dead && q->completions == 0)
		free(q);
}

bool
record_works(const struct queue *q)
{
	return !q->unwritable && q->trouble < TROUBLE_MAX;
}

/* If the change made a difference, every destination is handled again. */
static void
record_look(struct queue *q, bool before)
{
	struct dest *d;

	if (before == record_works(q))
		return;
	if (before)
		log_error("queue", "event=stopped reason=%s",
		    q->unwritable ? "store_unwritable" : "store_refuses");
	else
		log_notice("queue", "event=resumed");
	RB_FOREACH (d, dest_tree, &q->dests)
		dest_touch(d);
}

/* Changes the number of records that are to be written again. */
static void
trouble_add(struct queue *q, int n)
{
	bool before = record_works(q);

	q->trouble += (unsigned)n;
	record_look(q, before);
}

/* Records that wait are offered again at once. */
void
queue_writable(struct queue *q, bool yes)
{
	bool before = record_works(q);

	q->unwritable = !yes;
	record_look(q, before);
	if (yes)
		record_again(q, INT64_MAX);
}

/* A refused record is to be offered again (n = 1), or no longer (-1). */
static void
record_troubled(struct queue *q, const struct part *e, int n)
{
	if (e->state == PART_GONE && !e->local)
		attach_unremoved(q, n);
	trouble_add(q, n);
}

void
record_drop(struct queue *q, const struct part *e)
{
	struct record_write *s = parts_save(q, e);

	if (s == NULL)
		return;
	heap_remove(&q->retries, &s->again);
	if (s->tries > 0)
		record_troubled(q, e, -1);
}

/* Schedules the next try of a failed write. */
static void
record_failed(struct queue *q, struct part *e, int rc)
{
	static struct log_limit limit;
	struct record_write *s = parts_save(q, e);
	char id[TEXT_ID_MAX];

	if (s == NULL) {
		s = mem_alloc(sizeof(*s));
		s->id = e->id;
		parts_save_set(q, e, s);
	}
	if (log_limit_ok(&limit, 10))
		log_error("queue", "id=%s event=not_saved what=%s error=%s",
		    text_id(e->id, id), s->env != NULL ? "record" : "removal",
		    log_q(mx_strerror(rc)));
	if (s->tries++ == 0)
		record_troubled(q, e, 1);
	heap_insert(&q->retries, &s->again,
	    queue_mono_ms() +
		backoff_delay(SAVE_FIRST_MS, SAVE_MAX_MS, s->tries));
	loop_task_schedule(q->task);
}

/* A record was written, or its part is gone or another node's. */
static void
update_done(struct queue *q, struct part *e, int rc)
{
	struct record_write *s = parts_save(q, e);

	MX_ASSERT(e->state == PART_SAVING);
	e->held_stored = s->held;
	e->extending = s->extended_ms != part_extended(e);
	parts_save_set(q, e, NULL);
	record_free(&s);
	if (part_is_lost(e) ||
	    (rc == -MX_ENOENT && q->conf.shared && !e->local)) {
		part_lose(e);
		return;
	}
	if (rc == -MX_ENOENT) /* it was removed elsewhere */
		e->drop = true;
	part_back(e, clock_wall_ms());
}

static void
record_done(void *arg, uint64_t id, int rc)
{
	struct queue *q = arg;
	struct envelope_brief brief;
	struct record_write *s;
	struct part *e;

	q->completions--;
	if (q->dead) {
		queue_release(q);
		return;
	}
	e = parts_find(q, id);
	MX_ASSERT(e != NULL);
	s = parts_save(q, e);
	if (rc != 0 && rc != -MX_ENOENT &&
	    (e->state == PART_GONE || !part_is_lost(e))) {
		record_failed(q, e, rc);
		return;
	}
	if (s != NULL && s->tries > 0)
		record_troubled(q, e, -1);
	if (e->state != PART_GONE) {
		update_done(q, e, rc);
		return;
	}
	if (s == NULL || s->env == NULL) {
		attach_removed(q, e);
		return;
	}
	envelope_brief(s->env, &brief);
	if (rc == 0 && attach_takes(q, &brief))
		vault_add(q, &brief);
	parts_give(q, e);
}

static void
record_write(struct queue *q, struct part *e)
{
	struct record_write *s = parts_save(q, e);

	q->completions++;
	if (e->state == PART_GONE && (s == NULL || s->env == NULL))
		store_remove(q->store, e->id, record_done, q, e->id);
	else
		store_update(q->store, s->env, record_done, q, e->id);
}

void
record_update(struct part *e, struct envelope *env)
{
	struct queue *q = e->dest->queue;
	struct record_write *s = mem_alloc(sizeof(*s));

	s->id = e->id;
	s->env = env;
	s->held = e->held;
	s->extended_ms = env->extended_ms = part_extended(e);
	env->due_ms = e->due_ms;
	if (e->attempts < UINT16_MAX) /* a maximum stays as it was */
		env->attempts = e->attempts;
	env->warned = e->warned;
	env->flags =
	    (uint16_t)((env->flags & ~ENV_HELD) | (e->held ? ENV_HELD : 0));
	part_set(e, PART_SAVING);
	parts_save_set(q, e, s);
	record_write(q, e);
}

void
record_remove(struct part *e)
{
	struct queue *q = e->dest->queue;

	part_forget(e);
	record_write(q, e);
}

/* The part leaves the queue; its record stays, for the vault. */
void
record_vault(struct part *e, struct envelope *env)
{
	struct record_write *s = mem_alloc(sizeof(*s));
	struct queue *q = e->dest->queue;

	s->id = e->id;
	s->env = env;
	part_forget(e);
	parts_save_set(q, e, s);
	record_write(q, e);
}

static void
order_loaded(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct part *e = parts_find(r->queue, r->ids[0]);

	MX_ASSERT(e != NULL && e->state == PART_SAVING && n == 1);
	if (part_is_lost(e)) {
		part_lose(e);
		return;
	}
	if (envs[0] != NULL) {
		record_update(e, envs[0]);
		envs[0] = NULL;
		return;
	}
	/* The record cannot be read: the order is only in memory, and the next
	 * start reports the record again. */
	e->held_stored = e->held;
	e->extending = false;
	part_back(e, clock_wall_ms());
}

/* Writes a hold, its end, or an extension into the record, so that it outlives a
 * restart. */
void
record_order_one(struct part *e)
{
	struct queue_request *r = request_create(e->dest->queue, &e->id, 1);

	part_set(e, PART_SAVING);
	r->answer = order_loaded;
	request_send(r);
}

/* Offers refused records to the store again. */
void
record_again(struct queue *q, int64_t mono_ms)
{
	struct heap_node *n;
	struct record_write *s;
	struct part *e;

	while ((n = heap_min(&q->retries)) != NULL && n->key <= mono_ms) {
		s = HEAP_ENTRY(n, struct record_write, again);
		heap_remove(&q->retries, n);
		e = parts_find(q, s->id);
		if (e->state != PART_GONE && part_is_lost(e))
			part_lose(e);
		else
			record_write(q, e);
	}
}

/* ---- small state of a domain */

static void
state_saved(void *arg, uint64_t token, int rc)
{
	static struct log_limit limit;
	struct queue *q = arg;

	(void)token;
	/* The setting is in effect now; the operator has to know that a restart
	 * loses it. */
	if (rc != 0 && log_limit_ok(&limit, 10))
		log_error("queue", "event=state_not_saved error=%s",
		    log_q(mx_strerror(rc)));
	q->completions--;
	queue_release(q);
}

void
record_state_at(struct queue *q, const char *key, const void *data, size_t len)
{
	q->completions++;
	store_state_put(q->store, key, data, len, state_saved, q, 0);
}

/* State that was found out about a domain is written by its owner only. */
void
record_state(struct dest *d, const char *prefix, const void *data, size_t len)
{
	if (!dest_is_ours(d))
		return;
	if (d->share != NULL)
		d->share->spoke = true;
	record_order(d, prefix, data, len);
}

void
record_order(struct dest *d, const char *prefix, const void *data, size_t len)
{
	char key[STATE_PREFIX_MAX + TEXT_DOMAIN_MAX];

	strlcpy(key, prefix, sizeof(key));
	strlcat(key, d->name, sizeof(key));
	record_state_at(d->queue, key, data, len);
}
