/* SPDX-License-Identifier: ISC
 * learn_store: the storage of learned recipients, in memory and on disk. Each
 * name has a record of its own, "learned/DOMAIN/LOCAL", written when it
 * changes; the domain has "learned/DOMAIN/". They are read in slices after the
 * start.
 *
 * Long operations are done by a timer, LEARN_STEP names in a turn: first the
 * reading, then the removal of refusals that a cut voids, and of the names of a
 * domain that no longer learns. A cut is on disk before the first of its names
 * is changed: after a kill it is resumed when the domain's record is read. Loop
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/learn_int.h"

#define LEARNED_PREFIX "learned/"
#define LEARN_STEP     200 /* names in a turn */

/* ---- disk */

/* False: the key would be too long; such names are not learned. */
static bool
key_of(const struct dest *d, const char *local, char key[STORE_KEY_MAX + 1])
{
	return strlcpy(key, LEARNED_PREFIX, STORE_KEY_MAX + 1) <=
	    STORE_KEY_MAX &&
	    strlcat(key, d->name, STORE_KEY_MAX + 1) <= STORE_KEY_MAX &&
	    strlcat(key, "/", STORE_KEY_MAX + 1) <= STORE_KEY_MAX &&
	    strlcat(key, local, STORE_KEY_MAX + 1) <= STORE_KEY_MAX;
}

static void
put(struct dest *d, const char *local, const void *data, size_t len)
{
	char key[STORE_KEY_MAX + 1];

	if (key_of(d, local, key))
		record_state_at(d->queue, key, data, len);
}

static void
put_name(struct dest *d, const struct learned_name *e)
{
	uint8_t record[LEARNED_RECORD];

	learned_save(e, record);
	put(d, e->local, record, sizeof(record));
}

void
learn_put_head(struct dest *d)
{
	uint8_t record[LEARNED_HEAD];

	learned_head_save(&d->learn->table, record);
	put(d, "", record, sizeof(record));
}

/* ---- names */

void
learn_changed(struct dest *d, struct learned_name *e)
{
	put_name(d, e);
	heap_change(&d->queue->learn.all, &e->all, e->turn.key);
	stats_touch(d->queue->stats, d->name);
}

/* Drops the name from memory only. */
static void
forget(struct dest *d, struct learned_name **e)
{
	heap_remove(&d->queue->learn.all, &(*e)->all);
	learned_drop(&d->learn->table, e);
}

static void
erase(struct dest *d, struct learned_name *e)
{
	put(d, e->local, NULL, 0);
	forget(d, &e);
	stats_touch(d->queue->stats, d->name);
}

static struct dest *
dest_of(const struct learned_name *e)
{
	/* The table is the first member of its struct. */
	return ((struct learn *)(void *)e->of)->dest;
}

/* Evicts `least` for a new name, which may be `bad`. False: there is none, or
 * it is worth more than the new one. */
static bool
give_way(struct learned_name *least, bool bad)
{
	if (least == NULL || (bad && !learned_is_bad(least)))
		return false;
	erase(dest_of(least), least);
	return true;
}

static bool
make_room(struct dest *d, bool bad)
{
	struct heap *all = &d->queue->learn.all;
	struct learned *l = &d->learn->table;

	if (l->n >= d->policy->learn_max && !give_way(learned_least(l), bad))
		return false;
	return all->len < d->queue->conf.learned_names ||
	    (heap_min(all) != NULL &&
		give_way(HEAP_ENTRY(heap_min(all), struct learned_name, all),
		    bad));
}

static struct learned_name *
add(struct dest *d, const char *local)
{
	struct learned_name *e = learned_add(&d->learn->table, local);

	heap_insert(&d->queue->learn.all, &e->all, e->turn.key);
	return e;
}

struct learned_name *
learn_add(struct dest *d, const char *local, bool bad)
{
	char key[STORE_KEY_MAX + 1];

	return key_of(d, local, key) && make_room(d, bad) ? add(d, local) :
							    NULL;
}

/* ---- long operations, in turns */

void
learn_work(struct dest *d)
{
	struct queue *q = d->queue;

	if (d->learn->working)
		return;
	d->learn->working = true;
	TAILQ_INSERT_TAIL(&q->learn.work, d->learn, link);
	loop_timer_set(q->learn.timer, 0);
}

static void
work_ends(struct learn *l)
{
	if (!l->working)
		return;
	l->working = false;
	TAILQ_REMOVE(&l->dest->queue->learn.work, l, link);
}

void
learn_sweep(struct dest *d)
{
	learn_put_head(d);
	mem_free(&d->learn->swept);
	d->learn->swept = mem_strdup("");
	learn_work(d);
}

static void
trim(struct dest *d, struct learned_name *e)
{
	int rc = learned_trim(e);

	if (rc < 0) {
		erase(d, e);
	} else if (rc > 0) {
		learn_changed(d, e);
	}
}

/* Trims some more names of void refusals; true: all are done. */
static bool
sweep(struct dest *d, unsigned *budget)
{
	struct learn *l = d->learn;
	struct learned_name *e = learned_next(&l->table, l->swept), *next;

	for (; e != NULL && *budget > 0; e = next, --*budget) {
		next = RB_NEXT(learned_tree, &l->table.names, e);
		if (next == NULL || *budget == 1) {
			mem_free(&l->swept);
			l->swept = mem_strdup(e->local);
		}
		trim(d, e);
	}
	if (e != NULL)
		return false;
	mem_free(&l->swept);
	l->table.cut_from = l->table.cut_to = 0;
	learn_put_head(d);
	return true;
}

/* Removes names of a domain that no longer learns; true: all are gone. */
static bool
leave(struct dest *d, unsigned *budget)
{
	struct learned *l = &d->learn->table;
	struct learned_name *e;

	for (; *budget > 0 && l->n > 0; --*budget) {
		e = learned_least(l);
		if (dest_is_ours(d))
			erase(d, e);
		else
			forget(d, &e);
	}
	if (l->n > 0)
		return false;
	if (dest_is_ours(d))
		put(d, "", NULL, 0);
	learn_fini(d);
	dest_touch(d);
	return true;
}

static void
work_some(struct dest *d, unsigned *budget)
{
	struct learned *l = &d->learn->table;

	if (!learn_is_on(d)) {
		(void)leave(d, budget);
		return;
	}
	for (; *budget > 0 && l->n > d->policy->learn_max; --*budget)
		erase(d, learned_least(l));
	if (l->n <= d->policy->learn_max &&
	    (d->learn->swept == NULL || sweep(d, budget)))
		work_ends(d->learn);
}

struct reading {
	struct queue *q;
	char *last;
};

static void
read_name(struct dest *d, const char *local, const void *data, size_t len)
{
	struct learned_name *e = learned_find(&d->learn->table, local);
	bool known = e != NULL;

	if (known) /* changed since the start: newer */
		return;
	e = add(d, local);
	if (learned_load(e, data, len) != 0 || learned_trim(e) < 0) {
		erase(d, e);
		return;
	}
	heap_change(&d->queue->learn.all, &e->all, e->turn.key);
	if (d->learn->table.n > d->policy->learn_max)
		erase(d, learned_least(&d->learn->table));
	else if (d->queue->learn.all.len > d->queue->conf.learned_names)
		(void)give_way(HEAP_ENTRY(heap_min(&d->queue->learn.all),
				   struct learned_name, all),
		    false);
}

/* The key is "learned/DOMAIN/LOCAL"; a domain has no slash. */
static void
read_one(void *arg, const char *key, const void *data, size_t len)
{
	const char *name = key + strlen(LEARNED_PREFIX);
	const char *slash = strchr(name, '/');
	char domain[TEXT_DOMAIN_MAX];
	struct reading *r = arg;
	struct dest *d = NULL;

	mem_free(&r->last);
	r->last = mem_strdup(key);
	if (slash != NULL && (size_t)(slash - name) < sizeof(domain)) {
		memcpy(domain, name, (size_t)(slash - name));
		domain[slash - name] = '\0';
		d = dest_find(r->q, domain);
	}
	/* In a cluster another node may still use the record. */
	if ((d == NULL || !learn_is_on(d)) && r->q->conf.shared)
		return;
	if (d == NULL || !learn_is_on(d))
		record_state_at(r->q, key, NULL, 0);
	else if (slash[1] != '\0')
		read_name(d, slash + 1, data, len);
	else if (d->learn->table.tested == 0 && d->learn->table.cut_to == 0 &&
	    learned_head_load(&d->learn->table, data, len) == 0 &&
	    d->learn->table.cut_to != 0)
		learn_sweep(d); /* resumes the cut */
}

static void
reading_ends(struct queue *q)
{
	q->learn.reading = false;
	mem_free(&q->learn.read);
	log_info("queue", "event=learned_loaded names=%u", q->learn.all.len);
}

static void
read_some(struct queue *q)
{
	struct reading r = { .q = q };
	const char *after = q->learn.read != NULL ? q->learn.read : "";

	if (store_state_some(q->store, LEARNED_PREFIX, after, LEARN_STEP,
		read_one, &r)) {
		mem_free(&q->learn.read);
		q->learn.read = r.last;
		return;
	}
	mem_free(&r.last);
	reading_ends(q);
}

static void
on_timer(void *arg)
{
	struct queue *q = arg;
	unsigned budget = LEARN_STEP;
	struct learn *l;

	if (q->learn.reading) {
		read_some(q);
	} else {
		while (
		    budget > 0 && (l = TAILQ_FIRST(&q->learn.work)) != NULL) {
			budget--;
			work_some(l->dest, &budget);
		}
	}
	if (q->learn.reading || !TAILQ_EMPTY(&q->learn.work))
		loop_timer_set(q->learn.timer, 0);
}

/* ---- create and destroy */

void
learn_init(struct queue *q)
{
	heap_init(&q->learn.all);
	TAILQ_INIT(&q->learn.work);
	q->learn.timer = loop_timer_create(q->loop, on_timer, q);
}

void
learn_end(struct queue *q)
{
	loop_timer_destroy(&q->learn.timer);
	heap_fini(&q->learn.all);
	mem_free(&q->learn.read);
}

/* Begins the reading in slices. A shared engine is read at once, since each
 * slice would be a request over the network, and this is the start. */
void
learn_load(struct queue *q)
{
	q->learn.reading = true;
	while (q->learn.reading && q->conf.shared)
		read_some(q);
	loop_timer_set(q->learn.timer, 0);
}

/* Makes room in memory only: the stored record belongs to the node that wrote
 * it. */
static void
told_room(struct dest *d)
{
	struct heap *all = &d->queue->learn.all;
	struct learned_name *e = NULL;

	if (d->learn->table.n > d->policy->learn_max)
		e = learned_least(&d->learn->table);
	else if (all->len > d->queue->conf.learned_names)
		e = HEAP_ENTRY(heap_min(all), struct learned_name, all);
	if (e != NULL)
		forget(dest_of(e), &e);
}

static void
told_name(struct dest *d, const char *local, const void *data, size_t len)
{
	struct learned_name *e = learned_find(&d->learn->table, local);

	if (e == NULL && len > 0)
		e = add(d, local);
	if (e == NULL)
		return;
	if (len == 0 || learned_load(e, data, len) != 0) {
		forget(d, &e);
		return;
	}
	heap_change(&d->queue->learn.all, &e->all, e->turn.key);
	told_room(d);
}

void
learn_told(struct dest *d, const char *local, const void *data, size_t len)
{
	if (!learn_is_on(d))
		return;
	if (*local != '\0')
		told_name(d, local, data, len);
	else if (len > 0 && learned_head_load(&d->learn->table, data, len) != 0)
		log_warn("queue", "domain=%s event=learned_not_loaded",
		    d->name);
	stats_touch(d->queue->stats, d->name);
}

/* Frees the memory. */
void
learn_fini(struct dest *d)
{
	struct learned_name *e;

	if (d->learn == NULL)
		return;
	while ((e = learned_least(&d->learn->table)) != NULL)
		forget(d, &e);
	work_ends(d->learn);
	learned_fini(&d->learn->table);
	mem_free(&d->learn->swept);
	mem_free(&d->learn);
}
