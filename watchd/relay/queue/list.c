/* SPDX-License-Identifier: ISC
 * list: shows what is queued. Ids come from the index, the rest from the
 * store's reader, a page at a time; a page costs what it holds, however long
 * the queue is, and so does one that passes over what is not wanted. Also the requests to that reader in general: they are
 * cancelled with the queue, and then nobody is called. Loop thread. */
#include <stdlib.h>
#include <strings.h>

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
	free(r->sender);
	free(r->rcpt);
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
		.size = part_size(e),
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
		.size = part_size(e),
		.arrival_ms = e->arrival_ms,
		.attempts = e->attempts,
		.damaged = true,
		.helo = "",
		.client = "",
		.host = "" };
}

static bool
has_rcpt(const struct envelope *env, const char *mailbox)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (strcasecmp(env->rcpts[i].mailbox, mailbox) == 0)
			return true;
	return false;
}

static bool
request_wants(const struct queue_request *r, const struct envelope *env)
{
	if (r->sender != NULL &&
	    strcasecmp(text_or_empty(env->sender), r->sender) != 0)
		return false;
	return r->rcpt == NULL || has_rcpt(env, r->rcpt);
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
		e = parts_find(r->queue, r->ids[i]);
		if (e == NULL || e->state == PART_GONE)
			continue;
		if (envs[i] == NULL && e->damaged && r->sender == NULL &&
		    r->rcpt == NULL)
			view_damaged(&views[used++], e);
		if (envs[i] == NULL || !request_wants(r, envs[i]))
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

/* The next part behind that id, of the domain (NULL: of all). */
static const struct part *
list_next(const struct queue *q, const struct dest *d, uint64_t after)
{
	struct btree_key key = { .id = after };

	return d != NULL ? order_after(d, ORDER_ID, key) :
			   parts_after(q, after);
}

/* Fills in up to `max` ids behind *after; *after is what was looked at last, or 0
 * when nothing is left. What is gone already is still found by its id. */
static unsigned
list_ids(const struct queue *q, const struct dest *d, int64_t before_ms,
    uint64_t *after, uint64_t *ids, unsigned max)
{
	const struct part *e = list_next(q, d, *after);
	unsigned n = 0, rcpts = 0;

	for (unsigned seen = 0;
	     e != NULL && n < max && seen < LIST_LOOK && rcpts < LIST_RCPTS;
	     seen++) {
		*after = e->id;
		if (e->state != PART_GONE &&
		    (before_ms == 0 || e->arrival_ms < before_ms)) {
			ids[n++] = e->id;
			rcpts += e->pending;
		}
		e = list_next(q, d, *after);
	}
	if (e == NULL)
		*after = 0;
	return n;
}

void
list_messages(void *self, const char *domain, const struct relay_filter *filter,
    uint64_t after, unsigned max, relay_list_cb *cb, void *arg)
{
	static const struct relay_filter any;
	struct queue *q = self;
	struct dest *d = domain != NULL ? dest_find(q, domain) : NULL;
	struct queue_request *r;
	uint64_t ids[LIST_MAX] = { 0 };
	unsigned n = 0;

	if (max == 0 || max > LIST_MAX)
		max = LIST_MAX;
	if (filter == NULL)
		filter = &any;
	if (domain == NULL || d != NULL)
		n = list_ids(q, d, filter->before_ms, &after, ids, max);
	else
		after = 0;
	r = request_create(q, ids, n);
	r->answer = request_answer;
	r->list = cb;
	r->arg = arg;
	r->sender = mem_strdup(filter->sender);
	r->rcpt = mem_strdup(filter->rcpt);
	r->next = after;
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
		e = parts_find(q, first + i);
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
