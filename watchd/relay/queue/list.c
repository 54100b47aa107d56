/* SPDX-License-Identifier: ISC
 * list: shows what is queued. Ids come from the index, the rest from the
 * store's reader, a page at a time; a page costs what it holds, however long
 * the queue is. Also the requests to that reader in general: they are
 * cancelled with the queue, and then nobody is called. Loop thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

struct queue_request *
request_create(struct queue *q, const uint64_t *ids, unsigned n)
{
	struct queue_request *r = mem_alloc(sizeof(*r) + n * sizeof(r->ids[0]));

	r->queue = q;
	r->n = n;
	for (unsigned i = 0; i < n; i++)
		r->ids[i] = ids[i];
	LIST_INSERT_HEAD(&q->requests, r, link);
	return r;
}

void
request_destroy(struct queue_request *r)
{
	if (r->store_id != 0)
		store_cancel(r->queue->store, r->store_id);
	LIST_REMOVE(r, link);
	free(r);
}

static void
request_fetched(void *arg, struct envelope **envs, unsigned n)
{
	struct queue_request *r = arg;

	r->store_id = 0;
	r->answer(r, envs, n);
	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&envs[i]);
	request_destroy(r);
}

/* Without ids the task answers: never from inside the asker's call. */
void
request_send(struct queue_request *r)
{
	struct queue *q = r->queue;

	if (r->n > 0)
		r->store_id =
		    store_fetch(q->store, r->ids, r->n, request_fetched, r);
	else
		loop_task_schedule(q->task);
}

static enum msg_state
view_state(const struct part *e)
{
	if (e->state == PART_OUT)
		return MSG_ACTIVE;
	if (e->held || e->dest->on_hold)
		return MSG_HELD;
	if (e->state == PART_READY && dest_open(e->dest))
		return MSG_ACTIVE;
	return MSG_DEFERRED;
}

static const char *
text_or_empty(const char *s)
{
	return s != NULL ? s : "";
}

struct rcpt_view *
view_rcpts(const struct envelope *env)
{
	static const char *const names[] = {
		[RCPT_PENDING] = "pending",
		[RCPT_DELIVERED] = "delivered",
		[RCPT_FAILED] = "failed",
		[RCPT_EXPIRED] = "expired",
	};
	struct rcpt_view *v = mem_array(env->nrcpts, sizeof(*v));

	for (uint32_t i = 0; i < env->nrcpts; i++) {
		v[i].mailbox = env->rcpts[i].mailbox;
		v[i].state = env->rcpts[i].state < MX_COUNT(names) ?
		    names[env->rcpts[i].state] :
		    "unknown";
		v[i].reply = text_or_empty(env->rcpts[i].reply);
	}
	return v;
}

/* 0: not as things are. */
static int64_t
view_expiry(const struct part *e)
{
	return e->held || e->finish || e->dest->on_hold ? 0 : part_expiry(e);
}

static void
view_fill(struct msg_view *v, const struct part *e, const struct envelope *env,
    const struct rcpt_view *rcpts)
{
	*v = (struct msg_view){
		.id = e->id,
		.domain = env->domain,
		.sender = text_or_empty(env->sender),
		.state = view_state(e),
		.size = e->size,
		.arrival_ms = e->arrival_ms,
		.due_ms = e->held || e->finish ? 0 : e->due_ms,
		.expiry_ms = view_expiry(e),
		.notice_ms = e->finish ? e->due_ms : 0,
		.last_try_ms = env->last_try_ms,
		.attempts = e->attempts,
		.dsn = e->dsn,
		.damaged = e->damaged,
		.helo = text_or_empty(env->helo),
		.client = text_or_empty(env->client),
		.host = text_or_empty(env->host),
		.nrcpts = env->nrcpts,
		.rcpts = rcpts,
	};
}

/* What is known of one whose record cannot be read. */
static void
view_damaged(struct msg_view *v, const struct part *e)
{
	*v = (struct msg_view){ .id = e->id,
		.domain = e->dest->name,
		.sender = "",
		.state = view_state(e),
		.size = e->size,
		.arrival_ms = e->arrival_ms,
		.attempts = e->attempts,
		.damaged = true,
		.helo = "",
		.client = "",
		.host = "" };
}

/* A part removed since the page was put together is left out. */
static void
request_answer(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct msg_view *views = mem_array(n > 0 ? n : 1, sizeof(*views));
	struct rcpt_view **rcpts = mem_array(n > 0 ? n : 1, sizeof(*rcpts));
	const struct part *e;
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		e = idmap_get(&r->queue->entries, r->ids[i]);
		if (e == NULL || e->state == PART_GONE)
			continue;
		if (envs[i] == NULL && e->damaged)
			view_damaged(&views[used++], e);
		if (envs[i] == NULL)
			continue;
		if (r->show != NULL && envs[i]->nrcpts > 0)
			rcpts[i] = view_rcpts(envs[i]);
		view_fill(&views[used++], e, envs[i], rcpts[i]);
	}
	if (r->list != NULL)
		r->list(r->arg, 0, views, used, r->next);
	else
		r->show(r->arg, used > 0 ? 0 : -MX_ENOENT, views, used);
	for (unsigned i = 0; i < n; i++)
		free(rcpts[i]);
	free(rcpts);
	free(views);
}

/* The first part of the domain behind `after`. */
static struct part *
dest_after(struct dest *d, uint64_t after)
{
	struct part key;

	if (after == UINT64_MAX)
		return NULL;
	key.id = after + 1;
	return RB_NFIND(id_tree, &d->by_id, &key);
}

struct cursor {
	struct dest *dest;
	struct part *e;
};

static void
cursor_sink(struct cursor *c, size_t n, size_t i)
{
	struct cursor t;
	size_t kid;

	while ((kid = 2 * i + 1) < n) {
		if (kid + 1 < n && c[kid + 1].e->id < c[kid].e->id)
			kid++;
		if (c[i].e->id <= c[kid].e->id)
			return;
		t = c[i];
		c[i] = c[kid];
		c[kid] = t;
		i = kid;
	}
}

/* Merges the destinations' trees: a heap with the next id of each. Fills ids
 * with up to max + 1, so that the caller sees whether there are more. */
static unsigned
collect(struct cursor *c, size_t n, uint64_t *ids, unsigned max)
{
	unsigned got = 0;

	for (size_t i = n / 2; i-- > 0;)
		cursor_sink(c, n, i);
	while (n > 0 && got <= max) {
		ids[got++] = c[0].e->id;
		c[0].e = RB_NEXT(id_tree, &c[0].dest->by_id, c[0].e);
		if (c[0].e == NULL)
			c[0] = c[--n];
		cursor_sink(c, n, 0);
	}
	return got;
}

void
list_messages(void *self, const char *domain, uint64_t after, unsigned max,
    relay_list_cb *cb, void *arg)
{
	struct queue *q = self;
	uint64_t ids[LIST_MAX + 1];
	struct cursor *c = NULL, one;
	struct queue_request *r;
	struct dest *d;
	size_t n = 0;
	unsigned got;

	if (max == 0 || max > LIST_MAX)
		max = LIST_MAX;
	if (domain != NULL) {
		d = dest_find(q, domain);
		one.dest = d;
		one.e = d != NULL ? dest_after(d, after) : NULL;
		got = collect(&one, one.e != NULL, ids, max);
	} else {
		RB_FOREACH (d, dest_tree, &q->dests)
			n++;
		c = mem_array(n > 0 ? n : 1, sizeof(*c));
		n = 0;
		RB_FOREACH (d, dest_tree, &q->dests) {
			c[n].dest = d;
			if ((c[n].e = dest_after(d, after)) != NULL)
				n++;
		}
		got = collect(c, n, ids, max);
		mem_free(&c);
	}
	r = request_create(q, ids, got > max ? max : got);
	r->answer = request_answer;
	r->list = cb;
	r->arg = arg;
	r->next = got > max ? ids[max - 1] : 0;
	request_send(r);
}

void
list_show(void *self, uint64_t id, relay_show_cb *cb, void *arg)
{
	struct queue *q = self;
	uint64_t ids[ENVELOPE_PART_MAX], first = id & ~UINT64_C(0xff);
	const struct part *e;
	struct queue_request *r;
	unsigned n = 0;

	for (uint64_t i = 0; i < ENVELOPE_PART_MAX; i++) {
		e = idmap_get(&q->entries, first + i);
		if (e != NULL && e->state != PART_GONE)
			ids[n++] = first + i;
	}
	r = request_create(q, ids, n);
	r->answer = request_answer;
	r->show = cb;
	r->arg = arg;
	request_send(r);
}

void
list_unreadable(void *self, struct relay_unreadable *out)
{
	struct queue *q = self;

	out->ids = store_damaged(q->store, &out->n);
	out->all = q->unreadable;
}

int64_t
list_came(void *self, uint64_t id)
{
	(void)self;
	return store_id_ms(id);
}
