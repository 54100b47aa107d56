/* SPDX-License-Identifier: ISC
 * verb_recipients: the recipients of a domain, from its list or as learned.
 * Learned ones go page by page, the next when the client has taken the last. Of
 * a list only its source is shown, and those of its recipients that the primary
 * refuses. Loop thread. */
#include <string.h>

#include "base/mem.h"
#include "control/verbs.h"
#include "status/status_json.h"

#define LEARNED_PAGE 200

struct rcpt_walk {
	char *after; /* the last local part so far */
	bool more;
	double n; /* sent */
};

static void
send_name(struct call *c, const char *local, const struct relay_learned *l)
{
	char *address = mem_printf("%s@%s", local, c->domain);
	struct rcpt_walk *w = c->work;
	cJSON *o = json_object();

	json_text(o, "address", address);
	json_text(o, "known", l->known);
	json_time_ms(o, "taken", l->taken_ms);
	json_time_ms(o, "passed", l->passed_ms);
	json_time_ms(o, "refused", l->refused_ms);
	json_time_ms(o, "refused_first", l->refused_first_ms);
	call_send(c, o);
	mem_free(&address);
	w->n++;
}

static void
on_name(void *arg, const char *local, const struct relay_learned *l)
{
	struct call *c = arg;
	struct rcpt_walk *w = c->work;

	mem_free(&w->after);
	w->after = mem_strdup(local);
	if ((c->fields & FIELD_UNKNOWN) == 0 || !l->exists)
		send_name(c, local, l);
}

/* A recipient of the list that the primary permanently refuses. */
static void
on_refused(void *arg, const char *mailbox, int64_t since_ms)
{
	struct call *c = arg;
	struct rcpt_walk *w = c->work;
	cJSON *o = json_object();

	json_text(o, "address", mailbox);
	json_text(o, "known", "listed, refused");
	json_null(o, "taken");
	json_null(o, "passed");
	json_null(o, "refused");
	json_time_ms(o, "refused_first", since_ms);
	call_send(c, o);
	w->n++;
}

/* The last line: the source of the recipients. */
static void
walk_end(struct call *c)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);
	const struct rcpt_walk *w = c->work;
	cJSON *more;

	if (d == NULL) {
		call_fail(c, CONTROL_FAILED, "%s: no such domain", c->domain);
		snapshot_unref(&s);
		return;
	}
	more = json_object();
	json_text(more, "domain", c->domain);
	json_num(more, "shown", w->n);
	status_json_recipients(more, d);
	call_done(c, CONTROL_OK, more);
	snapshot_unref(&s);
}

static void
walk_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct rcpt_walk *w = c->work;
	char *after;

	if (!w->more) {
		r->refused(r->self, c->domain, on_refused, c);
		walk_end(c);
		return;
	}
	after = w->after;
	w->after = NULL; /* on_name() sets it again */
	w->more = r->learned(r->self, c->domain, after != NULL ? after : "",
	    LEARNED_PAGE, on_name, c);
	mem_free(&after);
	call_continue(c);
}

static void
walk_free(void *work)
{
	struct rcpt_walk *w = work;

	mem_free(&w->after);
	mem_free(&w);
}

void
verb_recipients(struct call *c)
{
	struct rcpt_walk *w = mem_alloc(sizeof(*w));

	w->more = true;
	c->work = w;
	c->work_free = walk_free;
	c->step = walk_step;
	call_continue(c);
}
