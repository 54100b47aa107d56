/* SPDX-License-Identifier: ISC
 * verb_events: the last events and, with follow, new ones. A following client
 * gets a line once a minute at least, so that each side notices when the other
 * is gone. In a cluster each node's part is sorted by time, and its first line
 * of that kind says that what follows is new. Loop thread. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/gather_end.h"
#include "control/happened.h"
#include "control/verbs.h"

#define EVENTS_STEP 100
#define LOOK_MS	    500
#define ALIVE_NS    (60 * CLOCK_SEC)

struct events_walk {
	uint64_t number; /* of the last event sent */
	int64_t said; /* monotonic ns */
	double shown;
	bool live; /* of a part: the earlier events were sent */
};

static bool
is_wanted(const struct call *c, const struct happened_entry *e)
{
	return c->domain[0] == '\0' || strcmp(c->domain, e->domain) == 0;
}

/* A line of a part of a gathered answer begins with its sort key. */
static cJSON *
line_of(const struct call *c, const char *key)
{
	cJSON *o = json_object();

	if (c->part)
		json_text(o, "sort", key);
	return o;
}

static void
send_event(struct call *c, const struct happened_entry *e)
{
	char key[24];
	cJSON *o;

	(void)snprintf(key, sizeof(key), "%020jd", (intmax_t)e->wall);
	o = line_of(c, key);
	happened_json(e, o);
	call_send(c, o);
}

static void
send_alive(struct call *c)
{
	struct events_walk *w = c->work;
	cJSON *o = line_of(c, GATHER_LIVE_KEY);

	json_bool(o, "alive", true);
	call_send(c, o);
	w->said = call_now(c);
	w->live = true;
}

static void
follow(struct call *c, bool said)
{
	struct events_walk *w = c->work;

	if (c->part && !w->live)
		send_alive(c);
	else if (said)
		w->said = call_now(c);
	else if (call_now(c) - w->said >= ALIVE_NS)
		send_alive(c);
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
