/* SPDX-License-Identifier: ISC
 * alert_world: see alert_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

#include "tests/unit/alert_world.h"

void
world_init(struct world *w, const char *more)
{
	static const char base[] =
	    "hostname = \"mx2.test\"\nresolver = {\"127.0.0.1\"}\n"
	    "domain \"a.test\" { primary = {\"192.0.2.1\"} }\n";
	struct conf_errors errs;
	char *text = mem_printf("%s%s", base, more);

	memset(w, 0, sizeof(*w));
	w->conf = config_parse("test", text, strlen(text), &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			fail_msg("%s", errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&text);
	memory_init(&w->l);
	w->rules = rules_create();
	w->s = snapshot_create();
	w->d = snapshot_add(w->s, "a.test", 1);
	w->p = &w->d->primary[0];
	w->now = T0;
	w->p->label = "192.0.2.1";
	w->p->healthy = w->p->probed = true;
	w->d->lifetime = 30 * 86400;
	w->d->state = HEALTH_UP;
	w->d->state_since = (T0 - DAY) / 1000;
	w->s->ready = w->s->indexed = w->s->reload_ok = true;
	w->s->start = (T0 - DAY) / 1000;
	w->s->spool_free_bytes = UINT64_C(1) << 40;
	w->s->spool_reserve_bytes = UINT64_C(1) << 30;
}

void
world_fini(struct world *w)
{
	snapshot_unref(&w->s);
	rules_destroy(&w->rules);
	memory_fini(&w->l);
	config_unref(&w->conf);
}

void
world_leave(struct world *w)
{
	static struct snap_primary nobody;
	const char *name = "a.test";

	snap_list_drop(&w->s->domains, &name, 1);
	w->d = NULL;
	w->p = &nobody;
}

void
pass(struct world *w, int64_t ms)
{
	int64_t end = w->now + ms;

	for (;;) {
		w->p->last_run = w->now / 1000;
		w->s->wall_ms = w->now;
		memory_step(&w->l, w->rules, w->conf, w->s, &w->self, w->now);
		if (w->now >= end)
			break;
		w->now += end - w->now < 10 * SEC ? end - w->now : 10 * SEC;
	}
}

const char *
state(struct world *w, enum alert_kind kind)
{
	struct instance *i;

	RB_FOREACH (i, instance_tree, &w->l.instances) {
		if (i->kind != kind)
			continue;
		return i->state == INSTANCE_FIRING ?
		    severity_name(i->severity) :
		    instance_state_name(i->state);
	}
	return "inactive";
}

const char *
summary(struct world *w, enum alert_kind kind)
{
	struct instance *i;

	RB_FOREACH (i, instance_tree, &w->l.instances)
		if (i->kind == kind)
			return i->summary;
	return "";
}

void
set_state(struct world *w, unsigned to)
{
	w->d->state = to;
	w->d->state_since = w->now / 1000;
	w->p->healthy = to == HEALTH_UP;
	if (to == HEALTH_DOWN)
		w->d->count.transitions[HEALTH_DOWN]++;
}

void
set_oldest(struct world *w, int64_t age)
{
	w->d->oldest_live_ms = w->d->oldest_ms = w->now - age;
	w->d->next_expiry_ms = w->d->oldest_ms + 30 * DAY;
	w->d->ripest_ms = w->d->oldest_ms;
	w->d->ripest_life_ms = 30 * DAY;
}

struct instance *
first(struct world *w, enum alert_kind kind)
{
	struct instance *i;

	RB_FOREACH (i, instance_tree, &w->l.instances)
		if (i->kind == kind)
			return i;
	return NULL;
}

void
restart(struct world *w)
{
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);

	assert_int_equal(memory_write(&w->l, &text), 0);
	memory_fini(&w->l);
	memory_init(&w->l);
	assert_int_equal(memory_read(&w->l, text.data, text.len), 0);
	buf_fini(&text);
	rules_destroy(&w->rules);
	w->rules = rules_create();
	w->s->indexed = w->s->ready = false;
	w->s->start = w->now / 1000;
	memset(w->d->count.transitions, 0, sizeof(w->d->count.transitions));
	w->d->count.expired = w->d->count.delivered = 0;
	w->d->count.delivered_messages = 0;
	memset(w->d->count.bounced, 0, sizeof(w->d->count.bounced));
	w->d->state = HEALTH_UNKNOWN;
	w->d->state_since = w->now / 1000;
	w->p->last_run = w->p->cert_not_after = 0;
	w->p->probed = w->p->healthy = false;
}

void
pass_blind(struct world *w, int64_t ms)
{
	int64_t end = w->now + ms;

	for (; w->now <= end; w->now += SEC)
		memory_step(&w->l, w->rules, w->conf, w->s, &w->self, w->now);
}
