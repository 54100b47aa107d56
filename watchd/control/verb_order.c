/* SPDX-License-Identifier: ISC
 * verb_order: hold, release, bounce, remove and extend, of a message, of a
 * domain, or of all messages of a selection. The last is a walk of the queue's
 * list: a page, the order for each of its messages, and the next page when the
 * client has room, so a queue of a million is walked between other work.
 * Messages that arrive during the walk may or may not be met. A message in
 * delivery gets its order when the delivery ends; it is counted separately,
 * because it may be gone by then. Loop thread. */
#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "control/next_expiry.h"
#include "control/select.h"
#include "control/verbs.h"

#define ORDER_PAGE  200 /* messages; each is a record to be written */
#define ORDER_NAMED 10 /* ids in the answer of a dry run */

struct order_walk {
	struct selection wanted; /* its strings are the request's */
	uint64_t after; /* start of the next page */
	bool walked; /* no next page */
	struct relay_ordered sum;
	double selected;
	int64_t oldest_ms; /* arrival, of those selected; 0: none */
	uint64_t ids[ORDER_NAMED];
	unsigned nids;
	/* Of extend of whole domains: the walk over them, and their number. */
	struct snapshot *all;
	unsigned at, domains;
	struct next_expiry expiry;
};

static void
order_free(void *work)
{
	struct order_walk *w = work;

	snapshot_unref(&w->all);
	next_expiry_fini(&w->expiry);
	mem_free(&w);
}

/* ---- the end */

static void
add_ids(cJSON *more, const struct order_walk *w)
{
	cJSON *list = json_array(more, "ids");
	char id[TEXT_ID_MAX];

	for (unsigned i = 0; i < w->nids; i++)
		json_push(list, cJSON_CreateString(text_id(w->ids[i], id)));
}

static void
order_end(struct call *c)
{
	const struct order_walk *w = c->work;
	cJSON *more = json_object();

	if (call_is_dry(c))
		json_bool(more, "dry_run", true);
	json_num(more, "messages", (double)w->sum.done);
	json_num(more, "selected", w->selected);
	json_num(more, "in_hand", (double)w->sum.in_hand);
	json_num(more, "bytes", (double)w->sum.bytes);
	if (call_is_dry(c)) {
		json_time_ms(more, "oldest", w->oldest_ms);
		add_ids(more, w);
	}
	if (c->verb == VERB_extend) {
		if (c->domain[0] != '\0')
			json_text(more, "domain", c->domain);
		if (w->domains > 0)
			json_num(more, "domains", w->domains);
		json_num(more, "add_seconds", (double)c->add_ms / 1e3);
	}
	next_expiry_put(&w->expiry, more);
	if (w->sum.in_hand > 0)
		json_text(more, "error",
		    "for messages being delivered it takes effect after the "
		    "attempt, if they are still queued");
	call_done(c, w->sum.in_hand > 0 ? CONTROL_FAILED : CONTROL_OK, more);
}

static void
expiry_step(struct call *c)
{
	struct order_walk *w = c->work;

	if (next_expiry_some(c, &w->expiry))
		call_wait(c, 0);
	else
		order_end(c);
}

/* `domain`: the only one concerned; "": several. */
static void
order_over(struct call *c, const char *domain)
{
	struct order_walk *w = c->work;

	if (domain[0] != '\0') {
		next_expiry_look(c, &w->expiry, domain);
		order_end(c);
		return;
	}
	next_expiry_begin(c, &w->expiry);
	c->step = expiry_step;
	call_continue(c);
}

/* ---- messages */

/* Orders for a part of a message, or (all_parts) for all of its parts. */
static int
order_one(struct call *c, uint64_t id, bool all_parts, struct relay_ordered *o)
{
	const struct relay *r = call_relay(c);
	bool purge = (c->fields & FIELD_PURGE) != 0;

	if (c->verb == VERB_bounce)
		return r->bounce(r->self, id, all_parts, o);
	if (c->verb == VERB_remove)
		return r->remove(r->self, id, all_parts, purge, o);
	if (c->verb == VERB_extend)
		return r->extend_one(r->self, id, c->add_ms, all_parts, o);
	return r->hold(r->self, id, c->verb == VERB_hold, all_parts, o);
}

static void
take_one(struct call *c, const struct msg_view *v)
{
	struct order_walk *w = c->work;

	if (!call_is_dry(c) && order_one(c, v->id, false, &w->sum) < 0)
		return; /* it has left the queue */
	w->selected++;
	if (call_is_dry(c)) {
		w->sum.done++;
		w->sum.bytes += v->size;
	}
	if (w->oldest_ms == 0 || v->arrival_ms < w->oldest_ms)
		w->oldest_ms = v->arrival_ms;
	if (w->nids < ORDER_NAMED)
		w->ids[w->nids++] = v->id;
}

static void
on_page(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	struct call *c = call_of_ticket(arg);
	struct order_walk *w;

	if (c == NULL)
		return;
	if (rc < 0) {
		call_fail(c, CONTROL_FAILED,
		    "the queue could not be read to its end: %s",
		    mx_strerror(rc));
		return;
	}
	w = c->work;
	for (unsigned i = 0; i < n; i++)
		if (select_has_part(c, v[i].id))
			take_one(c, &v[i]);
	w->after = next;
	w->walked = !select_goes_on(c, next);
	call_continue(c);
}

static void
nothing_fits(struct call *c)
{
	char id[TEXT_ID_MAX];

	if ((c->fields & FIELD_ID) != 0)
		call_missing(c, "%s: no such message", text_id(c->msg, id));
	else
		call_missing(c, "no queued message matches");
}

static void
walk_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct order_walk *w = c->work;

	if (!w->walked)
		r->list(r->self, c->domain[0] != '\0' ? c->domain : NULL,
		    &w->wanted, w->after, ORDER_PAGE, on_page, call_ticket(c));
	else if (w->selected < 1)
		nothing_fits(c);
	else
		order_over(c, c->domain);
}

/* Is every message to be given up, by the mere pattern "*"? Refused, as it may
 * be a mistake. */
static bool
is_unlimited(const struct call *c)
{
	return (c->verb == VERB_bounce || c->verb == VERB_remove) &&
	    (c->fields & (FIELD_FILTERS | FIELD_ALL)) == 0 &&
	    strcmp(json_get_text(c->request, "pattern"), "*") == 0;
}

static void
begin(struct call *c, void (*step)(struct call *))
{
	c->work = mem_alloc(sizeof(struct order_walk));
	c->work_free = order_free;
	c->step = step;
}

static void
walk(struct call *c)
{
	struct selection wanted;
	struct order_walk *w;

	if (is_unlimited(c)) {
		call_fail(c, CONTROL_REFUSED,
		    "this is the whole queue: say --all if it is meant");
		return;
	}
	if (!select_read(c, &wanted))
		return;
	begin(c, walk_step);
	w = c->work;
	w->wanted = wanted;
	w->after = select_after(c);
	call_continue(c);
}

static void
one(struct call *c)
{
	struct relay_ordered o = { .domain = "" };
	int rc = order_one(c, c->msg, c->all_parts, &o);
	struct order_walk *w;

	if (rc < 0) {
		nothing_fits(c);
		return;
	}
	begin(c, expiry_step);
	w = c->work;
	w->sum = o;
	w->selected = (double)(o.done + o.in_hand);
	next_expiry_look(c, &w->expiry, o.domain);
	order_end(c);
}

static void
order(struct call *c)
{
	if ((c->fields & FIELD_ID) != 0 && !call_is_dry(c))
		one(c);
	else
		walk(c);
}

void
verb_bounce(struct call *c)
{
	order(c);
}

void
verb_remove(struct call *c)
{
	order(c);
}

/* Hold of a whole domain holds new messages, too. */
static void
set_hold(struct call *c, bool hold)
{
	const struct relay *r = call_relay(c);
	cJSON *more;

	if ((c->fields & FIELD_DOMAIN) == 0 || select_is_given(c) ||
	    call_is_dry(c)) {
		order(c);
		return;
	}
	if (!verbs_domain_known(c))
		return;
	if (r->hold_domain(r->self, c->domain, hold) < 0) {
		call_missing(c, "%s: no such domain", c->domain);
		return;
	}
	more = json_object();
	json_text(more, "domain", c->domain);
	call_done(c, CONTROL_OK, more);
}

void
verb_hold(struct call *c)
{
	set_hold(c, true);
}

void
verb_release(struct call *c)
{
	set_hold(c, false);
}

/* ---- extend, of whole domains */

static bool
is_meant(const struct call *c, const char *domain)
{
	return (c->fields & FIELD_PATTERN) == 0 ||
	    fnmatch(json_get_text(c->request, "pattern"), domain,
		FNM_CASEFOLD) == 0;
}

static void
extend_domain(struct call *c, void *arg, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct order_walk *w = arg;
	struct relay_domain rd;

	if (!is_meant(c, domain))
		return;
	r->domain(r->self, domain, &rd);
	if (rd.theirs || relay_domain_messages(&rd) == 0 ||
	    (!call_is_dry(c) && r->extend(r->self, domain, c->add_ms) < 0))
		return;
	w->domains++;
	w->sum.done += relay_domain_messages(&rd);
	w->sum.bytes += rd.bytes;
	w->selected += (double)relay_domain_messages(&rd);
	if (w->oldest_ms == 0 || rd.oldest_ms < w->oldest_ms)
		w->oldest_ms = rd.oldest_ms;
}

static void
extend_step(struct call *c)
{
	struct order_walk *w = c->work;

	if (verbs_domains_some(c, &w->all, &w->at, extend_domain, w))
		call_wait(c, 0);
	else if (w->domains == 0)
		call_missing(c, "nothing is queued for a matching domain");
	else
		order_over(c, "");
}

void
verb_extend(struct call *c)
{
	struct order_walk *w;

	if ((c->fields & (FIELD_ID | FIELD_FILTERS)) != 0) {
		order(c);
		return;
	}
	if ((c->fields & FIELD_DOMAIN) == 0) {
		begin(c, extend_step);
		w = c->work;
		w->all = call_ops(c)->snapshot(call_ops(c)->arg, NULL);
		call_continue(c);
		return;
	}
	if (!verbs_domain_known(c))
		return;
	begin(c, extend_step);
	w = c->work;
	extend_domain(c, w, c->domain);
	if (w->domains == 0)
		call_missing(c, "%s: nothing is queued for it", c->domain);
	else
		order_over(c, c->domain);
}
