/* SPDX-License-Identifier: ISC
 * parts: the table of all parts and their orders. A part is 64 bytes of a slab,
 * and each of its orders (base/btree) takes some five more: by id, of all parts
 * and of its destination; by arrival; ready or waiting; and by deadline. So a
 * million parts take 90 MB. Nothing that grows is ever copied, for that would
 * block the loop. Rare data are kept separately.
 *
 * A destination with few parts has the order by id only: the first part in
 * another order is found by a look at each of them. Five trees of three parts
 * would take more memory than the parts do. Loop thread; nothing here fails. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

struct part *
parts_at(const struct queue *q, uint32_t handle)
{
	struct part *e;

	if (handle == 0)
		return NULL;
	e = slab_at(&q->parts.slab, handle);
	MX_ASSERT(e->handle == handle); /* it was not given back */
	return e;
}

/* ---- orders */

static struct btree_key
key_id(const void *q, uint32_t handle)
{
	return (struct btree_key){ 0, parts_at(q, handle)->id };
}

/* Limits of times, such that sums and the classes below do not overflow. */
#define KEY_TIME (INT64_C(1) << 61)

static int64_t
key_time(int64_t ms)
{
	if (ms < -KEY_TIME)
		return -KEY_TIME;
	return ms >= KEY_TIME ? KEY_TIME - 1 : ms;
}

/* A class has the times from -KEY_AGE on. */
#define KEY_AGE (INT64_C(1) << 56)

struct btree_key
part_key_age(unsigned class, int64_t arrival_ms, uint64_t id)
{
	if (arrival_ms < -KEY_AGE)
		arrival_ms = -KEY_AGE;
	if (arrival_ms >= KEY_AGE)
		arrival_ms = KEY_AGE - 1;
	return (struct btree_key){ class * KEY_AGE * 2 + arrival_ms, id };
}

static struct btree_key
key_age(const void *q, uint32_t handle)
{
	const struct part *e = parts_at(q, handle);

	return part_key_age(e->class, e->arrival_ms, e->id);
}

/* Suspects are last: a part that tripped the breaker must not be the canary
 * again and again. Local parts are a class of their own, since they may go when
 * no other may. */
struct btree_key
part_key_ready(bool suspect, bool local, int64_t arrival_ms, uint64_t id)
{
	static const int64_t class[2][2] = {
		{ -KEY_TIME, -KEY_TIME * 3 },
		{ KEY_TIME * 3, KEY_TIME },
	};

	return (struct btree_key){ class[suspect][local] + key_time(arrival_ms),
		id };
}

static struct btree_key
key_ready(const void *q, uint32_t handle)
{
	const struct part *e = parts_at(q, handle);

	return part_key_ready(e->suspect, e->local, e->arrival_ms, e->id);
}

static struct btree_key
key_wait(const void *q, uint32_t handle)
{
	const struct part *e = parts_at(q, handle);

	return (struct btree_key){ e->due_ms, e->id };
}

static struct btree_key
deadline_key(bool local, int64_t ms, uint64_t id)
{
	return (struct btree_key){
		key_time(ms) - (local ? KEY_TIME * 2 : 0),
		id,
	};
}

static struct btree_key
key_deadline(const void *q, uint32_t handle)
{
	const struct part *e = parts_at(q, handle);

	return deadline_key(e->local, e->deadline_ms, e->id);
}

struct dest_orders {
	struct btree tree[ORDER_MAX]; /* without ORDER_ID: dest.by_id */
};

static struct part_rare *
rare_at(const struct queue *q, uint32_t handle)
{
	return slab_at(&q->parts.rares, handle);
}

static struct btree_key
key_rare(const void *q, uint32_t handle)
{
	return (struct btree_key){ 0, rare_at(q, handle)->id };
}

static const struct btree_order *
order_of(const struct dest *d, enum part_order order)
{
	return &d->queue->parts.order[order];
}

struct btree_key
part_key(const struct part *e, enum part_order order)
{
	return order_of(e->dest, order)->key(e->dest->queue, e->handle);
}

/* NULL: the order is not kept, since the destination has few parts. */
static struct btree *
order_tree(const struct dest *d, enum part_order order)
{
	if (order == ORDER_ID)
		return (struct btree *)(uintptr_t)&d->by_id;
	return d->orders != NULL ? &d->orders->tree[order] : NULL;
}

static bool
part_lies_in(const struct part *e, enum part_order order)
{
	switch (order) {
	case ORDER_AGE:
		return !e->kept;
	case ORDER_KEPT:
		return e->kept;
	case ORDER_READY:
		return e->state == PART_READY;
	case ORDER_WAIT:
		return e->state == PART_WAIT;
	case ORDER_DEADLINE:
		return e->deadline_ms != PART_NEVER;
	default:
		return true;
	}
}

static void
orders_put(uint32_t handle, void *arg)
{
	struct dest *d = arg;
	const struct part *e = parts_at(d->queue, handle);

	for (enum part_order o = ORDER_AGE; o < ORDER_MAX; o++)
		if (part_lies_in(e, o))
			btree_insert(&d->orders->tree[o], order_of(d, o),
			    handle);
}

/* Makes the orders, since the parts are no longer few. */
static void
orders_make(struct dest *d)
{
	d->orders = mem_alloc(sizeof(*d->orders));
	for (enum part_order o = ORDER_AGE; o < ORDER_MAX; o++)
		btree_init(&d->orders->tree[o]);
	btree_each(&d->by_id, orders_put, d);
}

static void
orders_drop(struct dest *d)
{
	for (enum part_order o = ORDER_AGE; o < ORDER_MAX; o++)
		btree_fini(&d->orders->tree[o], order_of(d, o));
	mem_free(&d->orders);
}

void
orders_fini(struct dest *d)
{
	if (d->orders != NULL)
		orders_drop(d);
	btree_fini(&d->by_id, order_of(d, ORDER_ID));
}

void
order_insert(struct part *e, enum part_order order)
{
	struct dest *d = e->dest;
	struct btree *t = order_tree(d, order);

	if (t != NULL)
		btree_insert(t, order_of(d, order), e->handle);
	if (order == ORDER_ID && d->orders == NULL && d->n >= PARTS_FEW)
		orders_make(d);
}

void
order_remove(struct part *e, enum part_order order)
{
	struct dest *d = e->dest;
	struct btree *t = order_tree(d, order);
	uint32_t out;

	if (t != NULL) {
		out = btree_remove(t, order_of(d, order), part_key(e, order));
		MX_ASSERT(out == e->handle);
	}
	if (order == ORDER_ID && d->orders != NULL && d->n <= PARTS_FEW / 2)
		orders_drop(d);
}

/* ---- look-ups among few parts */

struct few_look {
	const struct dest *dest;
	enum part_order order;
	const struct btree_key *from, *below; /* NULL: no bound */
	bool greatest;
	struct part *found;
	struct btree_key key; /* key of `found` */
};

static void
few_one(uint32_t handle, void *arg)
{
	struct few_look *f = arg;
	struct part *e = parts_at(f->dest->queue, handle);
	struct btree_key key;

	if (!part_lies_in(e, f->order))
		return;
	key = part_key(e, f->order);
	if ((f->from != NULL && btree_key_less(key, *f->from)) ||
	    (f->below != NULL && !btree_key_less(key, *f->below)))
		return;
	if (f->found != NULL && btree_key_less(key, f->key) == f->greatest)
		return;
	f->found = e;
	f->key = key;
}

/* The least part not before `from`, or the greatest one below `below`. */
static struct part *
few_find(const struct dest *d, enum part_order order,
    const struct btree_key *from, const struct btree_key *below, bool greatest)
{
	struct few_look f = { d, order, from, below, greatest, NULL, { 0 } };

	btree_each(&d->by_id, few_one, &f);
	return f.found;
}

/* ---- first and next part */

struct part *
order_min(const struct dest *d, enum part_order order)
{
	const struct btree *t = order_tree(d, order);

	return t != NULL ? parts_at(d->queue, btree_min(t)) :
			   few_find(d, order, NULL, NULL, false);
}

struct part *
order_max(const struct dest *d, enum part_order order)
{
	const struct btree *t = order_tree(d, order);

	return t != NULL ? parts_at(d->queue, btree_max(t)) :
			   few_find(d, order, NULL, NULL, true);
}

struct part *
order_from(const struct dest *d, enum part_order order, struct btree_key key)
{
	const struct btree *t = order_tree(d, order);

	return t != NULL ?
	    parts_at(d->queue, btree_from(t, order_of(d, order), key)) :
	    few_find(d, order, &key, NULL, false);
}

struct part *
order_after(const struct dest *d, enum part_order order, struct btree_key key)
{
	const struct btree *t = order_tree(d, order);

	if (t != NULL)
		return parts_at(d->queue,
		    btree_after(t, order_of(d, order), key));
	key.id++; /* ids are less than UINT64_MAX */
	return few_find(d, order, &key, NULL, false);
}

struct part *
order_before(const struct dest *d, enum part_order order, struct btree_key key)
{
	const struct btree *t = order_tree(d, order);

	return t != NULL ?
	    parts_at(d->queue, btree_before(t, order_of(d, order), key)) :
	    few_find(d, order, NULL, &key, true);
}

struct part *
ready_of(const struct dest *d, bool suspect, bool local, bool last)
{
	int64_t end = last ? INT64_MAX : INT64_MIN;
	struct btree_key key =
	    part_key_ready(suspect, local, end, last ? UINT64_MAX : 0);
	struct part *e = last ? order_before(d, ORDER_READY, key) :
				order_from(d, ORDER_READY, key);

	return e != NULL && e->suspect == suspect && e->local == local ? e :
									 NULL;
}

struct part *
deadline_of(const struct dest *d, bool local)
{
	struct part *e =
	    order_from(d, ORDER_DEADLINE, deadline_key(local, INT64_MIN, 0));

	return e != NULL && e->local == local ? e : NULL;
}

struct order_visit {
	const struct dest *dest;
	enum part_order order;
	void (*fn)(struct part *, void *arg);
	void *arg;
};

static void
visit_one(uint32_t handle, void *arg)
{
	const struct order_visit *v = arg;
	struct part *e = parts_at(v->dest->queue, handle);

	if (part_lies_in(e, v->order))
		v->fn(e, v->arg);
}

void
order_each(const struct dest *d, enum part_order order,
    void (*fn)(struct part *, void *arg), void *arg)
{
	const struct btree *t = order_tree(d, order);
	struct order_visit v = { d, order, fn, arg };

	btree_each(t != NULL ? t : &d->by_id, visit_one, &v);
}

/* ---- table */

static struct btree_key (*const keys[ORDER_MAX])(const void *, uint32_t) = {
	[ORDER_ID] = key_id,
	[ORDER_AGE] = key_age,
	[ORDER_KEPT] = key_age,
	[ORDER_READY] = key_ready,
	[ORDER_WAIT] = key_wait,
	[ORDER_DEADLINE] = key_deadline,
};

void
parts_init(struct queue *q)
{
	struct parts *p = &q->parts;

	slab_init(&p->slab, sizeof(struct part));
	btree_init(&p->by_id);
	btree_init(&q->local.all);
	idmap_init(&p->saves);
	slab_init(&p->rares, sizeof(struct part_rare));
	btree_init(&p->rare);
	p->rare_order = (struct btree_order){ key_rare, q, &p->leaves };
	btree_leaves_init(&p->leaves);
	for (enum part_order o = 0; o < ORDER_MAX; o++)
		p->order[o] = (struct btree_order){ keys[o], q, &p->leaves };
}

static void
save_free(uint64_t id, void *value, void *arg)
{
	struct record_write *s = value;

	(void)id;
	(void)arg;
	record_free(&s);
}

void
parts_fini(struct queue *q)
{
	struct parts *p = &q->parts;

	idmap_each(&p->saves, save_free, NULL);
	idmap_fini(&p->saves);
	btree_fini(&p->rare, &p->rare_order);
	slab_fini(&p->rares);
	btree_fini(&q->local.all, &p->order[ORDER_ID]);
	btree_fini(&p->by_id, &p->order[ORDER_ID]);
	slab_fini(&p->leaves);
	slab_fini(&p->slab);
}

struct part *
parts_take(struct queue *q, uint64_t id)
{
	struct parts *p = &q->parts;
	uint32_t handle = slab_take(&p->slab);
	struct part *e = slab_at(&p->slab, handle);

	e->id = id;
	e->handle = handle;
	e->deadline_ms = PART_NEVER;
	btree_insert(&p->by_id, &p->order[ORDER_ID], handle);
	return e;
}

void
parts_give(struct queue *q, struct part *e)
{
	struct parts *p = &q->parts;
	struct record_write *s = idmap_take(&p->saves, e->id);

	record_free(&s);
	if (e->rare)
		slab_give(&p->rares,
		    btree_remove(&p->rare, &p->rare_order,
			(struct btree_key){ 0, e->id }));
	(void)btree_remove(&p->by_id, &p->order[ORDER_ID],
	    (struct btree_key){ 0, e->id });
	slab_give(&p->slab, e->handle);
}

struct part *
parts_find(const struct queue *q, uint64_t id)
{
	const struct parts *p = &q->parts;
	struct btree_key k = { 0, id };

	return parts_at(q, btree_get(&p->by_id, &p->order[ORDER_ID], k));
}

struct part *
parts_after(const struct queue *q, uint64_t id)
{
	const struct parts *p = &q->parts;
	struct btree_key k = { 0, id };

	return parts_at(q, btree_after(&p->by_id, &p->order[ORDER_ID], k));
}

struct record_write *
parts_save(const struct queue *q, const struct part *e)
{
	return idmap_get(&q->parts.saves, e->id);
}

void
parts_save_set(struct queue *q, const struct part *e, struct record_write *s)
{
	if (s != NULL)
		idmap_put(&q->parts.saves, e->id, s);
	else
		(void)idmap_take(&q->parts.saves, e->id);
}

struct part_rare *
parts_rare(const struct queue *q, const struct part *e)
{
	const struct parts *p = &q->parts;

	if (!e->rare)
		return NULL;
	return rare_at(q,
	    btree_get(&p->rare, &p->rare_order,
		(struct btree_key){ 0, e->id }));
}

struct part_rare *
parts_rare_make(struct queue *q, struct part *e)
{
	struct parts *p = &q->parts;
	struct part_rare *r = parts_rare(q, e);
	uint32_t handle;

	if (r != NULL)
		return r;
	handle = slab_take(&p->rares);
	r = rare_at(q, handle);
	r->id = e->id;
	btree_insert(&p->rare, &p->rare_order, handle);
	e->rare = true;
	return r;
}
