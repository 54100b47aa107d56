/* SPDX-License-Identifier: ISC
 * notify_am: sends the whole state to each address of an Alertmanager each
 * minute, as Prometheus does. */
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define AM_RESEND (60 * CLOCK_SEC)

static bool
am_tells(const struct alerts *a, const struct receiver *r,
    const struct instance *i, enum alert_severity severity)
{
	return memory_tells(&a->conf->alert[i->kind], r->conf, severity);
}

/* Collects the alerts that it should know: firing ones, unless silenced all the
 * time, and resolved ones for a quarter of an hour. If there are too many the
 * first ones are sent, which are the outages. */
static size_t
am_collect(struct alerts *a, const struct receiver *r, struct am_alert *list)
{
	int64_t now = clock_wall_ms();
	struct instance *i;
	size_t n = 0;

	RB_FOREACH (i, instance_tree, &a->memory.instances) {
		if (n + 2 > AM_ALERTS_MAX)
			break;
		if (i->fired_ms == 0 ||
		    (i->state == INSTANCE_RESOLVED &&
			now - i->over_ms >= INSTANCE_RESOLVED_MS) ||
		    (i->state == INSTANCE_FIRING && !i->audible &&
			memory_silenced(&a->memory, i, now)))
			continue;
		if (am_tells(a, r, i, i->severity))
			list[n++] = (struct am_alert){ i, i->severity,
				i->fired_ms,
				i->state == INSTANCE_RESOLVED ? i->end_ms : 0 };
		if (i->was != ALERT_SEV_NONE && am_tells(a, r, i, i->was) &&
		    now - i->was_ms < INSTANCE_RESOLVED_MS)
			list[n++] = (struct am_alert){ i, i->was, i->fired_ms,
				i->was_ms };
	}
	return n;
}

static void
am_send(struct alerts *a, struct receiver *r, unsigned url,
    const struct am_alert *list, size_t n)
{
	struct errand *e = errand_create(ERRAND_AM, r->shown.name);
	struct format_ctx x;
	struct message m;

	receiver_context(a, r, &x);
	x.url = r->conf->url.s[url];
	e->url = url;
	e->at_ms = x.now_ms;
	r->type->state(&x, list, n, &m);
	r->am[url].busy = true;
	r->am[url].next = clock_now() + AM_RESEND;
	r->shown.retried += r->am[url].failures > 0;
	notify_message(a, r, &m, e);
}

/* Each instance, and its state before the severity changed. */
static size_t
am_room(const struct alerts *a)
{
	struct instance_tree *tree =
	    (struct instance_tree *)(uintptr_t)&a->memory.instances;
	struct instance *i;
	size_t n = 2;

	RB_FOREACH (i, instance_tree, tree)
		n += 2;
	return n < AM_ALERTS_MAX ? n : AM_ALERTS_MAX;
}

void
notify_alertmanagers(struct alerts *a, bool changed)
{
	struct am_alert *list = NULL;
	int64_t now = clock_now();
	struct receiver *r;
	size_t n;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		if (r->type->state == NULL || r->broken[0] != '\0')
			continue;
		if (list == NULL)
			list = mem_array(am_room(a), sizeof(*list));
		n = am_collect(a, r, list);
		for (unsigned u = 0; u < r->conf->url.n && u < CONF_URLS_MAX;
		     u++) {
			if (changed && r->am[u].failures == 0)
				r->am[u].next = 0;
			if (n == 0) /* it has accepted all */
				r->am[u].failing_ms = 0;
			if (n > 0 && !r->am[u].busy && now >= r->am[u].next)
				am_send(a, r, u, list, n);
		}
	}
	mem_free(&list);
}

/* The alerts of one kind and primary that it accepted. */
static void
mark(struct alerts *a, const struct receiver *r, struct note *n, bool resolve)
{
	if (n->n > 0)
		marks_add(&a->marks, r->shown.name, n, resolve,
		    clock_wall_ms());
	note_fini(n);
	n->severity = ALERT_SEV_NONE;
}

/* Marks for the record of outages: alerts that it accepted for the first time.
 * Those that fired before this run are recorded already. One mark for
 * consecutive ones of one kind and primary. */
static void
mark_taken(struct alerts *a, const struct receiver *r, int64_t at_ms,
    bool resolve)
{
	uint32_t bit = UINT32_C(1) << ((size_t)(r - a->receiver) % 32);
	struct note n = { .kind = ALERT_KIND_MAX };
	struct instance *i;
	bool is;

	RB_FOREACH (i, instance_tree, &a->memory.instances) {
		if (resolve)
			is = i->state == INSTANCE_RESOLVED &&
			    i->over_ms <= at_ms && (i->am_told & bit) != 0 &&
			    (i->am_over & bit) == 0;
		else
			is = i->state == INSTANCE_FIRING && i->audible &&
			    i->fired_ms <= at_ms &&
			    i->fired_ms >= a->started_ms &&
			    am_tells(a, r, i, i->severity) &&
			    (i->am_told & bit) == 0;
		if (!is)
			continue;
		if (n.kind != i->kind || strcmp(n.primary, i->primary) != 0)
			mark(a, r, &n, resolve);
		n.kind = i->kind;
		(void)strlcpy(n.primary, i->primary, sizeof(n.primary));
		note_add_instance(&n, i);
		*(resolve ? &i->am_over : &i->am_told) |= bit;
	}
	mark(a, r, &n, resolve);
}

void
notify_am_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	bool ok = res->result == CARRY_SENT;
	int64_t ms;

	if (r == NULL)
		return;
	r->am[er->url].busy = false;
	r->am[er->url].failures = ok ? 0 : r->am[er->url].failures + 1;
	notify_result(r, &r->am[er->url].failing_ms, res,
	    r->am[er->url].failures);
	if (ok) {
		mark_taken(a, r, er->at_ms, false);
		mark_taken(a, r, er->at_ms, true);
		return;
	}
	ms = outbox_backoff_ms(r->am[er->url].failures, res->retry_after_ms);
	r->am[er->url].next = clock_now() + ms * CLOCK_MS;
}
