/* SPDX-License-Identifier: ISC
 * page: see page.h; and control_ask(), a call with one page. */
#include "control/page.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/verbs.h"

struct page {
	struct call *call;
	struct buf out;
	size_t max;
	struct loop_timer *timer;
	bool local; /* of this node: a page need not be full */
	bool soon; /* the timer is for a partial page */
	control_answer_cb *
	    once; /* of control_ask(): only one page, the first, is requested */
	/* The requester of the page: a callback, or a node by its ticket. */
	page_cb *cb;
	void *arg;
	uint64_t ticket;
	bool wanted;
};

static void on_timer(void *);

static struct page *
page_create(struct call *c, size_t max)
{
	struct page *p = mem_alloc(sizeof(*p));

	p->call = c;
	p->max = max;
	p->timer = loop_timer_create(control_loop(c->ctl), on_timer, p);
	/* a step of a verb sends a page of the queue, or one object */
	buf_init(&p->out, SIZE_MAX / 2);
	c->page = p;
	c->part = true;
	return p;
}

void
page_destroy(struct page **pp)
{
	struct page *p = *pp;

	if (p == NULL)
		return;
	loop_timer_destroy(&p->timer);
	buf_fini(&p->out);
	mem_free(pp);
}

void
page_write(struct page *p, const char *text, size_t len)
{
	int rc = buf_add(&p->out, text, len);

	MX_ASSERT(rc == 0);
}

/* ---- handing over */

/* Sends a page in pieces. */
static void
said(const struct control *ctl, uint64_t ticket, uint64_t more,
    const char *text, size_t len)
{
	const struct control_cluster_ops *ops = control_cluster(ctl);
	char head[40];
	size_t n;

	n = (size_t)snprintf(head, sizeof(head), "{\"page\":%ju}\n",
	    (uintmax_t)more);
	ops->said(ops->arg, ticket, head, n, len == 0);
	for (; len > 0; text += n, len -= n) {
		n = len < PAGE_PIECE ? len : PAGE_PIECE;
		ops->said(ops->arg, ticket, text, n, n == len);
	}
}

static void
want(struct page *p, page_cb *cb, void *arg, uint64_t ticket)
{
	p->cb = cb;
	p->arg = arg;
	p->ticket = ticket;
	p->wanted = true;
	p->soon = false;
	loop_timer_set(p->timer, PAGE_EMPTY_MS);
	loop_task_schedule(p->call->pump);
}

/* A finished call is destroyed, so the page's output is moved out first. */
static void
hand_over(struct page *p)
{
	struct call *c = p->call;
	struct control *ctl = c->ctl;
	bool done = c->state == CALL_DONE;
	struct buf out = p->out;
	uint64_t more = done ? 0 : c->id, ticket = p->ticket;
	page_cb *cb = p->cb;
	control_answer_cb *once = p->once;
	void *arg = p->arg;

	buf_init(&p->out, SIZE_MAX / 2);
	p->wanted = false;
	loop_timer_cancel(
	    p->timer); /* a local part ends together with its gatherer */
	if (!p->local)
		loop_timer_set(p->timer, PAGE_STALL_MS);
	loop_task_schedule(c->pump); /* makes the next page in the meantime */
	if (done || once != NULL)
		call_destroy(c);
	if (once != NULL)
		once(arg, buf_str(&out), out.len, done);
	else if (cb != NULL)
		cb(arg, buf_str(&out), out.len, more);
	else
		said(ctl, ticket, more, buf_str(&out), out.len);
	buf_fini(&out);
}

static void
on_timer(void *arg)
{
	struct page *p = arg;

	if (p->wanted) {
		hand_over(p);
		return;
	}
	log_info("control",
	    "node=%s verb=%s event=\"the rest was not asked for\"",
	    log_q(p->call->node), control_verbs[p->call->verb].name);
	call_destroy(p->call);
}

void
page_pump(struct call *c)
{
	struct page *p = c->page;
	bool full = p->out.len >= p->max || (p->local && p->out.len > 0);

	if (p->wanted && (full || c->state == CALL_DONE)) {
		hand_over(p);
		return;
	}
	if (c->ready && !full) {
		c->ready = false;
		c->step(c);
	}
	if (p->wanted && !p->soon && p->once == NULL && p->out.len > 0) {
		p->soon = true;
		loop_timer_set(p->timer, PAGE_SOON_MS);
	}
}

/* ---- requests of this node */

uint64_t
page_begin(const struct call *client, size_t max, page_cb *cb, void *arg)
{
	struct call *c = call_create(client->ctl);
	struct page *p = page_create(c, max);

	c->uid = client->uid;
	c->pid = client->pid;
	p->local = true;
	want(p, cb, arg, 0);
	c->request = cJSON_Duplicate(client->request, true);
	MX_ASSERT(c->request != NULL);
	verbs_begin(c);
	return c->id;
}

void
control_ask(struct control *ctl, cJSON *request, control_answer_cb *fn,
    void *arg)
{
	struct call *c = call_create(ctl);
	struct page *p = page_create(c, PAGE_MAX);

	c->part = false; /* other nodes may be asked */
	c->uid = (uid_t)-1;
	p->once = fn;
	want(p, NULL, arg, 0);
	c->request = request;
	verbs_begin(c);
}

void
page_next(uint64_t number, page_cb *cb, void *arg)
{
	struct call *c = call_find(number);

	/* only the holder of the number can end a local call */
	MX_ASSERT(c != NULL && c->page != NULL && !c->page->wanted);
	want(c->page, cb, arg, 0);
}

void
page_drop(uint64_t number)
{
	struct call *c = number != 0 ? call_find(number) : NULL;

	if (c != NULL && c->page != NULL)
		call_destroy(c);
}

/* ---- requests of other nodes */

static void
refuse(struct control *ctl, uint64_t ticket, enum control_rc rc,
    const char *error)
{
	cJSON *o = json_object();
	char *text, *line;

	json_bool(o, "done", true);
	json_num(o, "rc", rc);
	json_text(o, "error", error);
	text = json_print(o);
	line = mem_printf("%s\n", text);
	said(ctl, ticket, 0, line, strlen(line));
	mem_free(&text);
	mem_free(&line);
}

static uid_t
uid_of(const cJSON *o)
{
	double uid = json_get_num(o, "uid");

	return cJSON_IsNumber(json_get(o, "uid")) && uid >= 0 &&
		uid < UINT32_MAX ?
	    (uid_t)uid :
	    (uid_t)-1;
}

static void
begin(struct control *ctl, uint64_t ticket, const char *node, cJSON *o)
{
	double max = json_get_num(o, "max");
	struct call *c = call_create(ctl);
	struct page *p;

	p = page_create(c, max >= 1 && max < PAGE_MAX ? (size_t)max : PAGE_MAX);
	call_asked_by(c, node, (uint64_t)json_get_int(o, "call"));
	c->uid = uid_of(o);
	c->pid = (pid_t)json_get_int(o, "pid");
	want(p, NULL, NULL, ticket);
	c->request = cJSON_DetachItemFromObjectCaseSensitive(o, "request");
	verbs_begin(c);
}

static void
next(struct control *ctl, uint64_t ticket, const char *node, const cJSON *o)
{
	struct call *c = call_find((uint64_t)json_get_int(o, "page"));

	if (c == NULL || c->ctl != ctl || c->page == NULL || c->page->local ||
	    strcmp(c->node, node) != 0)
		refuse(ctl, ticket, CONTROL_FAILED,
		    "the rest of the answer was dropped");
	else if (c->page->wanted)
		refuse(ctl, ticket, CONTROL_FAILED,
		    "the rest of the answer is on its way");
	else
		want(c->page, NULL, NULL, ticket);
}

static void
drop(struct control *ctl, uint64_t ticket, const char *node, const cJSON *o)
{
	struct call *c =
	    call_find_asked(ctl, node, (uint64_t)json_get_int(o, "drop"));

	if (c != NULL)
		call_destroy(c);
	said(ctl, ticket, 0, "", 0);
}

void
control_asked(struct control *ctl, uint64_t ticket, const char *line)
{
	cJSON *o = cJSON_Parse(line);
	const char *node = json_get_text(o, "node");

	if (*node == '\0' || strlen(node) >= CONTROL_NODE_NAME)
		refuse(ctl, ticket, CONTROL_REFUSED,
		    "the request does not name its node");
	else if (cJSON_IsNumber(json_get(o, "page")))
		next(ctl, ticket, node, o);
	else if (cJSON_IsNumber(json_get(o, "drop")))
		drop(ctl, ticket, node, o);
	else if (!cJSON_IsObject(json_get(o, "request")))
		refuse(ctl, ticket, CONTROL_REFUSED, "the request is empty");
	else if (control_asked_calls(ctl) >= PAGE_CALLS)
		refuse(ctl, ticket, CONTROL_FAILED,
		    "too many requests from other nodes");
	else
		begin(ctl, ticket, node, o);
	cJSON_Delete(o);
}
