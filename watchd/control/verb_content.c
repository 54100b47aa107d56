/* SPDX-License-Identifier: ISC
 * verb_content: the content of a message (show) and copies of messages with
 * their envelopes (export), which mxwatchctl writes as files in the form of
 * mxwatch-salvage(8). Loop thread. */
#include "base/mem.h"
#include "control/content.h"
#include "control/select.h"
#include "control/verbs.h"

#define EXPORT_PAGE 20 /* messages; their envelopes are in memory meanwhile */

/* ---- show */

static void
on_shown(void *arg, int rc, const char *data, size_t len,
    const struct relay_content *of)
{
	struct call *c = call_of_ticket(arg);

	if (c == NULL)
		return;
	content_take(c, c->work, rc, data, len, of);
	call_continue(c);
}

static void
show_end(struct call *c)
{
	const struct content_reader *t = c->work;
	char id[TEXT_ID_MAX];
	cJSON *more;

	if (t->rc == -MX_ENOENT)
		call_missing(c, "%s: the message has left the queue meanwhile",
		    text_id(t->id, id));
	else if (t->rc < 0)
		call_fail(c, CONTROL_FAILED,
		    "%s: the stored message is damaged or unreadable: %s",
		    text_id(t->id, id), mx_strerror(t->rc));
	else {
		more = json_object();
		json_num(more, "bytes", t->sent);
		call_done(c, CONTROL_OK, more);
	}
}

static void
show_step(struct call *c)
{
	struct content_reader *t = c->work;

	if (t->over)
		show_end(c);
	else
		content_ask(c, t, on_shown);
}

/* All parts of a message have the same content. */
static void
on_found(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct call *c = call_of_ticket(arg);
	enum content_part part = CONTENT_ALL;
	char id[TEXT_ID_MAX];
	unsigned i = 0;

	if (c == NULL)
		return;
	while (rc >= 0 && i < n && !select_has_part(c, v[i].id))
		i++;
	if (rc < 0 || i >= n) {
		call_missing(c, "%s: no such message", text_id(c->msg, id));
		return;
	}
	if ((c->fields & FIELD_HEADERS) != 0)
		part = CONTENT_HEADERS;
	else if ((c->fields & FIELD_BODY) != 0)
		part = CONTENT_BODY;
	c->work = mem_alloc(sizeof(struct content_reader));
	c->step = show_step;
	content_begin(c->work, v[i].id, part);
	call_continue(c);
}

void
verb_show_content(struct call *c)
{
	const struct relay *r = call_relay(c);
	uint64_t what = c->fields & (FIELD_HEADERS | FIELD_BODY | FIELD_RAW);

	if ((what & (what - 1)) != 0) {
		call_fail(c, CONTROL_REFUSED, "usage: show %s",
		    control_verbs[VERB_show].arguments);
		return;
	}
	r->show(r->self, c->msg, on_found, call_ticket(c));
}

/* ---- export */

struct export_walk {
	struct selection wanted; /* its strings are the request's */
	uint64_t after; /* start of the next page */
	bool last; /* no next page */
	struct {
		uint64_t id;
		cJSON *envelope;
	} page[EXPORT_PAGE];
	unsigned n, at;
	bool open; /* the content of message at - 1 is being sent */
	struct content_reader content;
	double messages, bytes, damaged;
};

static void
export_free(void *work)
{
	struct export_walk *w = work;

	for (unsigned i = w->at; i < w->n; i++)
		cJSON_Delete(w->page[i].envelope);
	mem_free(&w);
}

/* The fields and names of mxwatch-salvage(8), but for "body", which comes
 * last. */
static cJSON *
envelope_of(const struct msg_view *v)
{
	cJSON *o = json_object(), *list, *r;
	char id[TEXT_ID_MAX], date[40];
	struct {
		const char *key;
		int64_t ms;
	} times[] = { { "arrival", v->arrival_ms },
		{ "last_try", v->last_try_ms }, { "vaulted", v->vault_ms } };

	json_text(o, "id", text_id(v->id, id));
	json_text(o, "sender", v->sender);
	json_text(o, "domain", v->domain);
	list = json_array(o, "recipients");
	for (unsigned i = 0; v->rcpts != NULL && i < v->nrcpts; i++) {
		r = json_push_object(list);
		json_text(r, "address", v->rcpts[i].mailbox);
		json_text(r, "state", v->rcpts[i].state);
		json_text(r, "reply", v->rcpts[i].reply);
		json_text_or_null(r, "orcpt", v->rcpts[i].orcpt);
		json_num(r, "notify", v->rcpts[i].notify);
	}
	for (size_t i = 0; i < MX_COUNT(times); i++)
		if (times[i].ms > 0)
			json_text(o, times[i].key,
			    text_date_3339(times[i].ms / 1000, date,
				sizeof(date)));
		else
			json_null(o, times[i].key);
	json_num(o, "attempts", v->attempts);
	json_num(o, "size", (double)v->size);
	json_text(o, "helo", v->helo);
	json_text(o, "client", v->client);
	json_text_or_null(o, "envid", v->envid);
	json_text_or_null(o, "ret", v->ret);
	json_bool(o, "8bit", v->body8);
	json_bool(o, "smtputf8", v->utf8);
	json_bool(o, "held", v->state == MSG_HELD);
	json_bool(o, "dsn", v->dsn);
	json_bool(o, "vault", v->state == MSG_VAULT);
	json_bool(o, "replayed", v->replayed);
	return o;
}

static void
page_put(struct call *c, const struct msg_view *v, unsigned n)
{
	struct export_walk *w = c->work;

	w->n = w->at = 0;
	for (unsigned i = 0; i < n && w->n < EXPORT_PAGE; i++) {
		if (!select_has_part(c, v[i].id))
			continue;
		w->page[w->n].id = v[i].id;
		w->page[w->n++].envelope = envelope_of(&v[i]);
	}
}

static void
on_page(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	struct call *c = call_of_ticket(arg);
	struct export_walk *w;

	if (c == NULL)
		return;
	if (rc < 0) {
		call_fail(c, CONTROL_FAILED, "the queue cannot be listed: %s",
		    mx_strerror(rc));
		return;
	}
	w = c->work;
	page_put(c, v, n);
	w->after = next;
	w->last = !select_goes_on(c, next);
	call_continue(c);
}

static void
on_piece(void *arg, int rc, const char *data, size_t len,
    const struct relay_content *of)
{
	struct call *c = call_of_ticket(arg);

	if (c == NULL)
		return;
	content_take(c, &((struct export_walk *)c->work)->content, rc, data,
	    len, of);
	call_continue(c);
}

/* Sends the envelope of the next message, which precedes the content. */
static void
message_begin(struct call *c)
{
	struct export_walk *w = c->work;
	char id[TEXT_ID_MAX];
	cJSON *o = json_object();

	json_text(o, "id", text_id(w->page[w->at].id, id));
	json_sub(o, "envelope", w->page[w->at].envelope);
	call_send(c, o);
	content_begin(&w->content, w->page[w->at].id, CONTENT_ALL);
	w->at++;
	w->open = true;
}

static void
message_end(struct call *c)
{
	struct export_walk *w = c->work;
	char id[TEXT_ID_MAX];
	cJSON *o = json_object();

	w->open = false;
	json_text(o, "id", text_id(w->content.id, id));
	if (w->content.rc == -MX_ENOENT)
		json_null(o, "body"); /* it left the queue meanwhile */
	else
		json_text(o, "body", w->content.rc == 0 ? "whole" : "damaged");
	call_send(c, o);
	w->messages += w->content.rc != -MX_ENOENT;
	w->damaged += w->content.rc < 0 && w->content.rc != -MX_ENOENT;
	w->bytes += w->content.sent;
}

static void
export_end(struct call *c)
{
	const struct export_walk *w = c->work;
	cJSON *more;

	if (w->messages < 1) {
		call_missing(c, "no queued message matches");
		return;
	}
	more = json_object();
	json_num(more, "messages", w->messages);
	json_num(more, "bytes", w->bytes);
	json_num(more, "damaged", w->damaged);
	if (w->damaged > 0)
		json_text(more, "error", "some of them are damaged");
	call_done(c, w->damaged > 0 ? CONTROL_FAILED : CONTROL_OK, more);
}

static void
export_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct export_walk *w = c->work;

	if (w->open && !w->content.over) {
		content_ask(c, &w->content, on_piece);
		return;
	}
	if (w->open)
		message_end(c);
	else if (w->at < w->n)
		message_begin(c);
	else if (w->last) {
		export_end(c);
		return;
	} else {
		r->list(r->self, c->domain[0] != '\0' ? c->domain : NULL,
		    &w->wanted, w->after, EXPORT_PAGE, on_page, call_ticket(c));
		return;
	}
	call_continue(c);
}

void
verb_export(struct call *c)
{
	struct selection wanted;
	struct export_walk *w;

	if (!select_read(c, &wanted))
		return;
	w = mem_alloc(sizeof(*w));
	w->wanted = wanted;
	w->after = select_after(c);
	c->work = w;
	c->work_free = export_free;
	c->step = export_step;
	call_continue(c);
}
