/* SPDX-License-Identifier: ISC
 * verb_queue: queue, mailq and show. A listing goes page by page: the next is
 * requested when the client has taken the last, so neither a queue of a million
 * messages nor a client that stops reading costs memory. For mailq the
 * recipients are fetched message by message where the listing does not have
 * them. Loop thread. */
#include <string.h>

#include "base/mem.h"
#include "control/content.h"
#include "control/ranking.h"
#include "control/select.h"
#include "control/verbs.h"

#define LIST_PAGE   100 /* messages: about 3 ms of text */
#define LIST_SPARSE 300 /* the same while few of them are selected */
#define LIST_RCPTS  20 /* a message with more has them fetched */
#define SOME_RCPTS  5 /* of `queue` with "rcpts": none is fetched */

struct listing {
	char domain[TEXT_DOMAIN_MAX]; /* "": all */
	bool rcpts;
	struct selection wanted; /* its strings are the request's */
	struct ranking *ranking; /* NULL: in order of arrival */
	unsigned limit; /* of lines; 0: none */
	bool stops; /* at the limit, rather than counting the rest */
	uint64_t after; /* start of the next page */
	bool last; /* no next page */
	double messages, bytes, shown;
	unsigned page; /* messages to be asked for */
	uint64_t ids[LIST_SPARSE]; /* their recipients are to be fetched */
	unsigned n, next;
	unsigned unreadable; /* number of those sent */
};

static void
put_said(cJSON *o, const struct rcpt_view *r)
{
	if (r != NULL && r->code != 0)
		json_num(o, "code", r->code);
	else
		json_null(o, "code");
	json_text(o, "enhanced", r != NULL ? r->status : "");
	json_text(o, "reply", r != NULL ? r->reply : "");
}

cJSON *
verbs_message(const struct msg_view *v, bool rcpts)
{
	cJSON *o = json_object(), *list, *r;
	char id[TEXT_ID_MAX];

	json_text(o, "id", text_id(v->id, id));
	json_text(o, "domain", v->domain);
	json_text(o, "sender", v->sender);
	json_text(o, "state", msg_state_name(v->state));
	json_num(o, "size", (double)v->size);
	json_time_ms(o, "arrival", v->arrival_ms);
	json_time_ms(o, "next_try", v->due_ms);
	json_time_ms(o, "expiry", v->expiry_ms);
	json_time_ms(o, "notice", v->notice_ms);
	json_time_ms(o, "last_try", v->last_try_ms);
	json_num(o, "attempts", v->attempts);
	json_bool(o, "dsn", v->dsn);
	json_bool(o, "replayed", v->replayed);
	json_bool(o, "damaged", v->damaged);
	if (v->unreadable)
		json_bool(o, "unreadable", true);
	if (v->vault_ms != 0)
		json_time_ms(o, "vaulted", v->vault_ms);
	json_text(o, "host", v->host);
	put_said(o, v->last);
	json_num(o, "recipients", v->nrcpts);
	if (!rcpts)
		return o;
	json_text(o, "helo", v->helo);
	json_text(o, "client", v->client);
	list = json_array(o, "rcpts");
	for (unsigned i = 0; v->rcpts != NULL && i < v->nrcpts; i++) {
		r = json_object();
		json_text(r, "address", v->rcpts[i].mailbox);
		json_text(r, "state", v->rcpts[i].state);
		put_said(r, &v->rcpts[i]);
		json_push(list, r);
	}
	return o;
}

static cJSON *
list_line(const struct msg_view *v)
{
	return verbs_message(v, false);
}

/* The recipients that a listing has at hand, for a page of a domain. */
static cJSON *
list_some_rcpts(const struct msg_view *v)
{
	struct msg_view some = *v;
	cJSON *o;

	if (some.nrcpts > SOME_RCPTS)
		some.nrcpts = SOME_RCPTS;
	o = verbs_message(&some, true);
	cJSON_DeleteItemFromObjectCaseSensitive(o, "recipients");
	json_num(o, "recipients", v->nrcpts);
	return o;
}

static void
list_emit(struct call *c, const struct msg_view *v)
{
	struct listing *l = c->work;

	if ((c->fields & FIELD_DAMAGED) != 0 && !v->damaged)
		return;
	if (l->stops && l->shown >= l->limit)
		return;
	l->messages++;
	l->bytes += (double)v->size;
	if ((c->fields & FIELD_COUNT) != 0)
		return;
	if (l->ranking != NULL)
		ranking_offer(l->ranking, v, list_line);
	else if (l->limit == 0 || l->shown < l->limit) {
		call_send(c,
		    (c->fields & FIELD_RCPTS) != 0 ?
			list_some_rcpts(v) :
			verbs_message(v, l->rcpts));
		l->shown++;
	}
}

/* Sends a page of the ranked lines; true: there may be more. In a gathered
 * answer a line begins with its sort key (gather.c). */
static bool
list_ranked(struct call *c)
{
	struct listing *l = c->work;
	const char *line, *key;
	char *text;

	for (unsigned i = 0; l->ranking != NULL && i < LIST_PAGE; i++) {
		line = ranking_next(l->ranking, &key);
		if (line == NULL) {
			ranking_destroy(&l->ranking);
			return false;
		}
		text = c->part ?
		    mem_printf("{\"sort\":\"%s\",%s\n", key, line + 1) :
		    mem_printf("%s\n", line);
		call_send_part(c, text, strlen(text));
		mem_free(&text);
		l->shown++;
	}
	return l->ranking != NULL;
}

static void
on_list(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	struct call *c = call_of_ticket(arg);
	struct listing *l;

	if (c == NULL)
		return;
	if (rc < 0) {
		call_fail(c, CONTROL_FAILED, "the queue cannot be listed: %s",
		    mx_strerror(rc));
		return;
	}
	l = c->work;
	l->n = l->next = 0;
	for (unsigned i = 0; i < n; i++) {
		/* later ones have to wait, too: ids ascend */
		if (l->rcpts && l->n < LIST_SPARSE &&
		    (l->n > 0 || v[i].nrcpts > LIST_RCPTS ||
			(v[i].rcpts == NULL && v[i].nrcpts > 0)))
			l->ids[l->n++] = v[i].id;
		else
			list_emit(c, &v[i]);
	}
	l->after = next;
	l->last = next == 0 || (l->stops && l->shown >= l->limit);
	l->page = n < LIST_PAGE / 10 ? LIST_SPARSE : LIST_PAGE;
	call_continue(c);
}

static void
on_list_show(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct call *c = call_of_ticket(arg);
	struct listing *l;

	if (c == NULL)
		return;
	/* a message that is not found has left the queue */
	l = c->work;
	for (unsigned i = 0; rc >= 0 && i < n; i++)
		if (v[i].id == l->ids[l->next])
			list_emit(c, &v[i]);
	l->next++;
	call_continue(c);
}

/* Messages with an unreadable record, thus of no known domain; they follow the
 * last page. */
static bool
list_has_unreadable(struct call *c, struct relay_unreadable *u)
{
	const struct relay *r = call_relay(c);
	const struct listing *l = c->work;

	*u = (struct relay_unreadable){ .n = 0 };
	if ((c->fields & FIELD_DAMAGED) != 0 && l->domain[0] == '\0' &&
	    !select_is_given(c))
		r->unreadable(r->self, u);
	return l->unreadable < u->n;
}

static void
list_end(struct call *c)
{
	const struct listing *l = c->work;
	struct relay_unreadable u;
	cJSON *more;

	if (l->messages < 1 && l->domain[0] != '\0' && !verbs_domain_known(c))
		return;
	more = json_object();
	json_num(more, "messages", l->messages);
	json_num(more, "bytes", l->bytes);
	if (l->shown < l->messages)
		json_num(more, "shown", l->shown);
	(void)list_has_unreadable(c, &u);
	if (u.all > u.n)
		json_num(more, "unlisted", (double)(u.all - u.n));
	call_done(c, CONTROL_OK, more);
}

static void
list_unreadable(struct call *c, const struct relay_unreadable *u)
{
	const struct relay *r = call_relay(c);
	struct listing *l = c->work;

	for (unsigned i = 0; i < LIST_PAGE && l->unreadable < u->n; i++) {
		uint64_t id = u->ids[l->unreadable++];

		list_emit(c,
		    &(struct msg_view){ .id = id,
			.domain = "",
			.sender = "",
			.state = MSG_HELD,
			.arrival_ms = r->came(r->self, id),
			.damaged = true,
			.unreadable = true,
			.helo = "",
			.client = "",
			.host = "" });
	}
	call_continue(c);
}

static void
list_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct listing *l = c->work;
	struct relay_unreadable u;

	if (l->last && l->next == l->n && list_has_unreadable(c, &u))
		list_unreadable(c, &u);
	else if (l->next < l->n)
		r->show(r->self, l->ids[l->next], on_list_show, call_ticket(c));
	else if (l->last && list_ranked(c))
		call_continue(c);
	else if (l->last)
		list_end(c);
	else
		r->list(r->self, l->domain[0] != '\0' ? l->domain : NULL,
		    &l->wanted, l->after, l->page, on_list, call_ticket(c));
}

static void
list_free(void *work)
{
	struct listing *l = work;

	ranking_destroy(&l->ranking);
	mem_free(&l);
}

/* False: the call was answered. */
static bool
list_order(struct call *c, struct listing *l)
{
	const char *sort = json_get_text(c->request, "sort");
	bool reverse = (c->fields & FIELD_REVERSE) != 0;
	enum ranking_order order = RANKING_AGE;

	if (!verbs_limit(c, RANKING_LIMIT_MAX, &l->limit))
		return false;
	if ((c->fields & FIELD_SORT) != 0)
		order = ranking_parse(sort);
	if (order == RANKING_MAX) {
		call_fail(c, CONTROL_REFUSED, "\"%.60s\" is not a sort key: %s",
		    sort, ranking_list());
		return false;
	}
	/* ids ascend, and nothing else: they are no place in another order */
	if ((c->fields & FIELD_AFTER) != 0 &&
	    (order != RANKING_AGE || reverse)) {
		call_fail(c, CONTROL_REFUSED,
		    "after goes with the order of arrival only");
		return false;
	}
	/* without a ranking the list is sorted by age */
	if (order != RANKING_AGE || reverse)
		l->ranking = ranking_create(order, reverse,
		    l->limit > 0 ? l->limit : RANKING_LIMIT);
	return true;
}

/* False: the call was answered. */
static bool
list_after(struct call *c, struct listing *l)
{
	const char *id = json_get_text(c->request, "after");
	bool part;

	if ((c->fields & FIELD_AFTER) == 0)
		return true;
	if (text_id_parse(id, &l->after, &part) != 0) {
		call_fail(c, CONTROL_REFUSED, "\"%.60s\" is not an id", id);
		return false;
	}
	l->stops = l->limit > 0;
	if (l->stops && l->limit < l->page)
		l->page = l->limit;
	return true;
}

static void
list_start(struct call *c, bool rcpts)
{
	struct listing *l = mem_alloc(sizeof(*l));

	(void)strlcpy(l->domain, c->domain, sizeof(l->domain));
	l->rcpts = rcpts;
	l->page = LIST_PAGE;
	if (!select_read(c, &l->wanted) || !list_order(c, l) ||
	    !list_after(c, l)) {
		list_free(l);
		return;
	}
	c->work = l;
	c->work_free = list_free;
	c->step = list_step;
	call_continue(c);
}

void
verb_queue(struct call *c)
{
	list_start(c, false);
}

void
verb_mailq(struct call *c)
{
	list_start(c, true);
}

static void
on_show(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct call *c = call_of_ticket(arg);
	char id[TEXT_ID_MAX];
	unsigned shown = 0;

	if (c == NULL)
		return;
	for (unsigned i = 0; rc >= 0 && i < n; i++) {
		if (!select_has_part(c, v[i].id))
			continue;
		call_send(c, verbs_message(&v[i], true));
		shown++;
	}
	if (rc < 0 && rc != -MX_ENOENT)
		call_fail(c, CONTROL_FAILED, "%s: %s", text_id(c->msg, id),
		    mx_strerror(rc));
	else if (shown == 0)
		call_missing(c, "%s: no such message", text_id(c->msg, id));
	else
		call_done(c, CONTROL_OK, NULL);
}

void
verb_show(struct call *c)
{
	const struct relay *r = call_relay(c);

	if (content_is_asked(c))
		verb_show_content(c);
	else
		r->show(r->self, c->msg, on_show, call_ticket(c));
}
