/* SPDX-License-Identifier: ISC
 * verb_events: the last events and, with follow, new ones. A following client
 * gets a line once a minute at least, so that each side notices when the other
 * is gone. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/happened.h"
#include "control/verbs.h"

#define EVENTS_STEP 100
#define LOOK_MS	    500
#define ALIVE_NS    (60 * CLOCK_SEC)

struct events_walk {
	uint64_t number; /* of the last event sent */
	int64_t said; /* monotonic ns */
	double shown;
};

static bool
is_wanted(const struct call *c, const struct happened_entry *e)
{
	return c->domain[0] == '\0' || strcmp(c->domain, e->domain) == 0;
}

static void
send_event(struct call *c, const struct happened_entry *e)
{
	call_send(c, happened_json(e));
}

static void
follow(struct call *c, bool said)
{
	struct events_walk *w = c->work;
	cJSON *o;

	if (said)
		w->said = call_now(c);
	else if (call_now(c) - w->said >= ALIVE_NS) {
		o = json_object();
		json_bool(o, "alive", true);
		call_send(c, o);
		w->said = call_now(c);
	}
	call_wait(c, LOOK_MS);
}

static void
events_step(struct call *c)
{
	const struct happened *h = call_happened(c);
	struct events_walk *w = c->work;
	const struct happened_entry *e = NULL;
	bool said = false;
	cJSON *more;

	for (unsigned i = 0; i < EVENTS_STEP; i++) {
		e = happened_after(h, w->number);
		if (e == NULL)
			break;
		w->number = e->number;
		if (!is_wanted(c, e))
			continue;
		send_event(c, e);
		w->shown++;
		said = true;
	}
	if (e != NULL)
		call_continue(c);
	else if ((c->fields & FIELD_FOLLOW) != 0)
		follow(c, said);
	else {
		more = json_object();
		json_num(more, "shown", w->shown);
		call_done(c, CONTROL_OK, more);
	}
}

void
verb_events(struct call *c)
{
	struct events_walk *w;

	if (c->domain[0] != '\0' && !verbs_domain_known(c))
		return;
	w = mem_alloc(sizeof(*w));
	w->said = call_now(c);
	c->work = w;
	c->step = events_step;
	call_continue(c);
}
