/* SPDX-License-Identifier: ISC
 * list: lists what is queued. Ids come from the index, the rest from the
 * store's reader, a page at a time; the cost of a page is bounded by its size
 * and by the parts looked at, however long the queue is. Requests to the reader
 * in general are here, too: they are cancelled with the queue, without a
 * callback. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"
#include "smtp/command.h"

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
	selector_destroy(&r->selector);
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

/* Without ids the task answers, so that no callback comes from inside the
 * call. */
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
		v[i].code = env->rcpts[i].code;
		v[i].orcpt = env->rcpts[i].orcpt;
		v[i].notify = env->rcpts[i].notify;
		if (env->rcpts[i].status.cls != 0)
			(void)smtp_status_fmt(&env->rcpts[i].status,
			    v[i].status);
	}
	return v;
}

static const struct rcpt_view *
view_last(const struct rcpt_view *v, unsigned n)
{
	for (unsigned i = 0; v != NULL && i < n; i++)
		if (v[i].reply[0] != '\0' && strcmp(v[i].state, "pending") == 0)
			return &v[i];
	return NULL;
}

/* 0: it does not expire in its present state. */
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
		.envid = env->envid,
		.ret = smtp_ret_name((enum smtp_ret)env->ret),
		.body8 = (env->flags & ENV_8BIT) != 0,
		.utf8 = (env->flags & ENV_UTF8) != 0,
		.replayed = (env->flags & ENV_REPLAYED) != 0,
		.damaged = e->damaged,
		.helo = text_or_empty(env->helo),
		.client = text_or_empty(env->client),
		.host = text_or_empty(env->host),
		.nrcpts = env->nrcpts,
		.rcpts = rcpts,
		.last = view_last(rcpts, env->nrcpts),
	};
}

/* The known fields of a part whose record cannot be read. */
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

/* A part that was removed since the page was begun is left out. */
static void
request_answer(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct msg_view *views = mem_array(n > 0 ? n : 1, sizeof(*views));
	struct rcpt_view **rcpts = mem_array(n > 0 ? n : 1, sizeof(*rcpts));
	const struct part *e;
	struct msg_view *v;
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		e = parts_find(r->queue, r->ids[i]);
		if (e == NULL || e->state == PART_GONE)
			continue;
		v = &views[used];
		if (envs[i] != NULL) {
			if (envs[i]->nrcpts > 0)
				rcpts[i] = view_rcpts(envs[i]);
			view_fill(v, e, envs[i], rcpts[i]);
		} else if (e->damaged)
			view_damaged(v, e);
		else
			continue;
		if (r->selector == NULL || selector_wants(r->selector, v))
			used++;
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

/* The next part after that id, of the domain (NULL: of all). */
static const struct part *
list_next(const struct queue *q, const struct dest *d, uint64_t after)
{
	struct btree_key key = { .id = after };

	return d != NULL ? order_after(d, ORDER_ID, key) :
			   parts_after(q, after);
}

/* Fills in up to `max` ids after *after; sets *after to the last part looked
 * at, or to 0 at the end. A part that is GONE is still found by its id. */
static unsigned
list_ids(const struct queue *q, const struct dest *d,
    const struct selector *wanted, uint64_t *after, uint64_t *ids, unsigned max)
{
	const struct part *e = list_next(q, d, *after);
	unsigned n = 0, rcpts = 0;

	for (unsigned seen = 0;
	     e != NULL && n < max && seen < LIST_LOOK && rcpts < LIST_RCPTS;
	     seen++) {
		*after = e->id;
		if (e->state != PART_GONE &&
		    selector_sees(wanted, e->dest->name, e->arrival_ms,
			part_size(e), view_state(e))) {
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
list_messages(void *self, const char *domain, const struct selection *wanted,
    uint64_t after, unsigned max, relay_list_cb *cb, void *arg)
{
	struct selector *s = selector_create(wanted);
	struct queue *q = self;
	struct dest *d = domain != NULL ? dest_find(q, domain) : NULL;
	struct queue_request *r;
	uint64_t ids[LIST_MAX] = { 0 };
	unsigned n = 0;

	if (max == 0 || max > LIST_MAX)
		max = LIST_MAX;
	if (domain == NULL || d != NULL)
		n = list_ids(q, d, s, &after, ids, max);
	else
		after = 0;
	r = request_create(q, ids, n);
	r->answer = request_answer;
	r->list = cb;
	r->arg = arg;
	r->selector = s;
	r->next = after;
	request_send(r);
}

uint64_t
list_look(void *self, const char *domain, uint64_t after,
    void (*fn)(void *arg, const char *domain, int64_t arrival_ms), void *arg)
{
	struct queue *q = self;
	struct dest *d = domain != NULL ? dest_find(q, domain) : NULL;
	const struct part *e;

	if (domain != NULL && d == NULL)
		return 0;
	e = list_next(q, d, after);
	for (unsigned i = 0; e != NULL && i < LIST_LOOK; i++) {
		after = e->id;
		if (e->state != PART_GONE)
			fn(arg, e->dest->name, e->arrival_ms);
		e = list_next(q, d, after);
	}
	return e != NULL ? after : 0;
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
