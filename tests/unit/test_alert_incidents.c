/* SPDX-License-Identifier: ISC
 * An alert as an incident over time: an outage, flaps, restarts, a domain that
 * leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alerts_int.h"
#include "alerts/forecast.h"
#include "alerts/memory.h"
#include "base/clock.h"
#include "base/mem.h"

#include "tests/unit/alert_world.h"

/* The clock goes back an hour while an alert waits for its `for`. */
static void
clock_goes_back(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "alert \"queue_depth\" { warn = 1 for = 1m }\n");
	w.d->deferred = 5;
	pass(&w, 30 * SEC);
	is(&w, queue_depth, "pending");
	w.now -= HR;
	pass(&w, 70 * SEC);
	is(&w, queue_depth, "warning");
	world_fini(&w);
}

/* By mistake we are the best MX: there is no primary, which is no better. */
static void
no_primary(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	set_state(&w, HEALTH_UNKNOWN);
	w.d->self_mx_since = w.now / 1000;
	pass(&w, 30 * SEC);
	is(&w, primary_down, "inactive");
	pass(&w, 40 * SEC);
	is(&w, primary_down, "warning");
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "no primary is known: this server seems to be the best MX; publish "
	    "a better one, or set primary; no mail is waiting");
	w.d->self_mx_backup = true;
	w.d->cause = "no primary is left: mx2.test is a backup MX (mxwatchd on "
		     "two.test), not a primary";
	pass(&w, MIN);
	is(&w, primary_down, "warning"); /* the same incident */
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "no primary is left: mx2.test is a backup MX (mxwatchd on "
	    "two.test), not a primary; publish a better MX, or set primary; no "
	    "mail is waiting");
	w.d->self_mx_since = 0;
	w.d->self_mx_backup = false;
	pass(&w, MIN);
	is(&w, primary_down, "warning"); /* not before it is up */
	set_state(&w, HEALTH_UP);
	pass(&w, 5 * MIN);
	is(&w, primary_down, "resolved");
	world_fini(&w);
}

static void
primary_down(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	w.p->text = "mx1.test PIPELINING 8BITMIME"; /* the EHLO worked */
	w.d->cause = "rcpt: 450 4.7.1 later";
	set_state(&w, HEALTH_SUSPECT);
	w.d->unwell_since = w.now / 1000;
	pass(&w, 10 * MIN);
	is(&w, primary_down, "inactive");
	set_state(&w, HEALTH_DOWN);
	/* since it was last well, not since the verdict */
	pass(&w, 0);
	is(&w, primary_down, "warning");
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "rcpt: 450 4.7.1 later; no mail is waiting");
	pass(&w, 45 * MIN);
	is(&w, primary_down, "warning");
	pass(&w, 5 * MIN);
	is(&w, primary_down, "critical");
	/* a restart: nobody knows, then it is down since a moment ago */
	set_state(&w, HEALTH_UNKNOWN);
	pass(&w, 10 * MIN);
	is(&w, primary_down, "critical");
	set_state(&w, HEALTH_DOWN);
	pass(&w, 10 * SEC);
	is(&w, primary_down, "critical");
	set_state(&w, HEALTH_RECOVERING);
	pass(&w, MIN);
	is(&w, primary_down, "critical");
	set_state(&w, HEALTH_UP);
	pass(&w, 4 * MIN);
	is(&w, primary_down, "critical"); /* held open */
	pass(&w, MIN);
	is(&w, primary_down, "resolved");
	pass(&w, 61 * MIN);
	is(&w, primary_down, "inactive");
	world_fini(&w);
}

static void
flapping(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	for (int i = 0; i < 3; i++) {
		set_state(&w, HEALTH_DOWN);
		pass(&w, 30 * SEC); /* too short for primary_down */
		set_state(&w, HEALTH_UP);
		pass(&w, 2 * MIN);
	}
	is(&w, primary_down, "inactive");
	is(&w, primary_flapping, "warning");
	pass(&w, 30 * MIN);
	is(&w, primary_flapping, "warning");
	pass(&w, 80 * MIN);
	is(&w, primary_flapping, "resolved");
	pass(&w, 60 * MIN);
	is(&w, primary_flapping, "inactive");
	world_fini(&w);
}

/* Six flaps are one incident, which says so, and nothing beside it. */
static void
flaps_hold_it_open(void **st)
{
	struct instance *i;
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	w.d->cause = "no answer";
	for (int k = 0; k < 6; k++) {
		set_state(&w, HEALTH_DOWN);
		pass(&w, 2 * MIN);
		set_state(&w, HEALTH_RECOVERING);
		pass(&w, 10 * SEC);
		set_state(&w, HEALTH_UP);
		pass(&w, 4 * MIN);
		is(&w, primary_down, "warning");
		is(&w, primary_flapping, "inactive");
	}
	i = first(&w, ALERT_primary_down);
	assert_int_equal(i->times, 6);
	assert_true(i->fired_ms == T0 + 2 * MIN);
	assert_true(instance_is_held(i));
	assert_non_null(strstr(i->summary, "; 6 times since 2027-01-15T08:0"));
	/* 5 minutes, twice as long each time, an hour at most */
	pass(&w, 55 * MIN);
	is(&w, primary_down, "warning");
	pass(&w, 2 * MIN);
	is(&w, primary_down, "resolved");
	assert_true(i->end_ms < w.now - 60 * MIN); /* when it was well */
	/* it remembers that it flapped: twice as long from the beginning */
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	is(&w, primary_down, "warning");
	assert_null(strstr(summary(&w, ALERT_primary_down), "times since"));
	set_state(&w, HEALTH_UP);
	pass(&w, 58 * MIN);
	is(&w, primary_down, "warning");
	/* down for long, it flaps no more */
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * HR);
	is(&w, primary_down, "critical");
	set_state(&w, HEALTH_UP);
	pass(&w, 5 * MIN);
	is(&w, primary_down, "resolved");
	world_fini(&w);
}

/* Held open over a restart, and over a time in which nobody knows; its end is
 * when it was well. */
static void
held_over_a_restart(void **st)
{
	struct instance *i;
	struct world w;
	int64_t well;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	set_state(&w, HEALTH_UP);
	pass(&w, MIN);
	well = w.now - MIN;
	restart(&w);
	pass(&w, MIN);
	is(&w, primary_down, "warning");
	set_state(&w, HEALTH_UP);
	w.s->indexed = w.s->ready = true;
	pass(&w, 5 * MIN);
	is(&w, primary_down, "resolved");
	i = first(&w, ALERT_primary_down);
	assert_true(i->end_ms >= well && i->end_ms <= well + 10 * SEC);
	assert_int_equal(i->times, 1);
	world_fini(&w);
}

/* It is no matter of primaries alone: a queue that is long now and then. */
static void
any_alert_may_flap(void **st)
{
	struct world w;

	(void)st;
	world_init(&w,
	    "alert \"queue_depth\" { warn = 100 for = 0s clear = 1m }\n");
	pass(&w, MIN);
	for (int k = 0; k < 4; k++) {
		w.d->deferred = 500;
		pass(&w, 30 * SEC);
		w.d->deferred = 0;
		pass(&w, 50 * SEC);
		is(&w, queue_depth, "warning");
	}
	assert_int_equal(first(&w, ALERT_queue_depth)->times, 4);
	pass(&w, 6 * MIN); /* a minute, twice as long three times */
	is(&w, queue_depth, "warning");
	pass(&w, 2 * MIN);
	is(&w, queue_depth, "resolved");
	world_fini(&w);
}

/* Mail flows: that is neither the beginning of an alert nor a worse one. */
static void
recovering_keeps(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	set_state(&w, HEALTH_DOWN);
	pass(&w, 30 * SEC);
	set_state(&w, HEALTH_RECOVERING);
	pass(&w, 3 * HR);
	is(&w, primary_down, "inactive");
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	is(&w, primary_down, "warning");
	set_state(&w, HEALTH_RECOVERING);
	pass(&w, 3 * HR);
	is(&w, primary_down, "warning");
	set_state(&w, HEALTH_UP);
	pass(&w, 6 * MIN);
	is(&w, primary_down, "resolved");
	world_fini(&w);
}

/* Every alert fires, the daemon is restarted, and all is still so: nothing
 * ends, and nothing begins anew. */
static void
restart_while_all_fire(void **st)
{
	struct instance *i;
	struct world w;
	int64_t cert;

	(void)st;
	world_init(&w,
	    "alert \"cert_expiry\" { enabled = yes }\n"
	    "alert \"queue_depth\" { warn = 100 }\n");
	cert = (w.now + 10 * DAY) / 1000;
	w.p->cert_not_after = cert;
	w.d->deferred = 10000;
	set_oldest(&w, 29 * DAY);
	w.self.failing_since_ms = w.now - 29 * MIN;
	pass(&w, MIN);
	w.d->count.expired = 5;
	w.d->count.delivered = w.d->count.bounced[1] = 100;
	pass(&w, 10 * MIN);
	is(&w, delivery_stuck, "critical");
	pass_blind(&w, 6 * MIN);
	is(&w, probe_stale, "warning");
	for (int k = 0; k < 3; k++) {
		set_state(&w, HEALTH_UP);
		w.now += SEC;
		set_state(&w, HEALTH_DOWN);
		pass_blind(&w, SEC);
	}
	pass_blind(&w, 2 * MIN);
	is(&w, primary_down, "warning");
	is(&w, delivery_stuck, "resolved"); /* the primary is down */
	restart(&w);
	pass_blind(&w, 30 * SEC);
	w.s->indexed = w.s->ready = true;
	pass_blind(&w, 30 * SEC);
	/* its first probe fails */
	set_state(&w, HEALTH_DOWN);
	w.p->cert_not_after = 0;
	pass_blind(&w, 2 * MIN);
	is(&w, primary_down, "warning");
	is(&w, primary_flapping, "warning");
	is(&w, queue_age, "critical");
	is(&w, queue_expiry, "critical");
	is(&w, mail_expired, "critical");
	is(&w, queue_depth, "warning");
	is(&w, bounce_rate, "critical");
	is(&w, probe_stale, "warning");
	is(&w, cert_expiry, "warning");
	is(&w, notifier_failing, "critical");
	RB_FOREACH (i, instance_tree, &w.l.instances)
		if (i->state == INSTANCE_FIRING &&
		    i->fired_ms > w.now - 5 * MIN)
			assert_int_equal(i->kind, ALERT_primary_down);
	/* critical an hour after it went down, not after the restart */
	pass(&w, 52 * MIN);
	is(&w, primary_down, "warning");
	pass(&w, 5 * MIN);
	is(&w, primary_down, "critical");
	world_fini(&w);
}

/* What is remembered is told when it is known to be so still. */
static void
restart_before_it_was_told(void **st)
{
	struct outbox_entry *e;
	struct world w;

	(void)st;
	world_init(&w,
	    "receiver \"r\" { type = \"slack\" "
	    "url = \"https://hook.test/\" }\n");
	pass(&w, MIN);
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	e = RB_MIN(outbox_tree, &w.l.outbox.tree);
	assert_int_equal(e->phase, OUTBOX_TRIGGER);
	assert_ptr_equal(outbox_next(&w.l.outbox, "r", w.now), e);
	restart(&w);
	assert_null(outbox_next(&w.l.outbox, "r", w.now));
	pass(&w, MIN);
	assert_null(outbox_next(&w.l.outbox, "r", w.now));
	set_state(&w, HEALTH_DOWN);
	pass(&w, 10 * SEC);
	assert_non_null(outbox_next(&w.l.outbox, "r", w.now));
	restart(&w);
	set_state(&w, HEALTH_UP);
	pass(&w, 6 * MIN);
	assert_null(RB_MIN(outbox_tree, &w.l.outbox.tree));
	world_fini(&w);
}

static void
restart_while_stuck(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	w.d->deferred = 7;
	set_oldest(&w, 2 * HR);
	pass(&w, 10 * MIN);
	is(&w, delivery_stuck, "warning");
	restart(&w);
	pass(&w, 10 * SEC);
	w.s->indexed = w.s->ready = true;
	set_state(&w, HEALTH_UP);
	pass(&w, 10 * MIN);
	is(&w, delivery_stuck, "warning");
	set_state(&w, HEALTH_SUSPECT); /* one probe failed */
	pass(&w, 10 * MIN);
	is(&w, delivery_stuck, "warning");
	set_state(&w, HEALTH_UP);
	w.d->deferred = 0;
	w.d->oldest_ms = w.d->next_expiry_ms = 0;
	pass(&w, 2 * MIN);
	is(&w, delivery_stuck, "resolved");
	world_fini(&w);
}

static void
removed_domain_and_disabled_alert(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "alert \"queue_depth\" { enabled = no }\n");
	set_state(&w, HEALTH_DOWN);
	w.d->deferred = 1000000;
	pass(&w, 10 * MIN);
	is(&w, primary_down, "warning");
	is(&w, queue_depth, "inactive");
	w.d->removed = true; /* its alerts go on, by its settings of before */
	pass(&w, 10 * SEC);
	is(&w, primary_down, "warning");
	world_leave(&w);
	pass(&w, 10 * SEC);
	is(&w, primary_down, "resolved");
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_goes_back),
		cmocka_unit_test(primary_down),
		cmocka_unit_test(no_primary),
		cmocka_unit_test(flapping),
		cmocka_unit_test(flaps_hold_it_open),
		cmocka_unit_test(held_over_a_restart),
		cmocka_unit_test(any_alert_may_flap),
		cmocka_unit_test(recovering_keeps),
		cmocka_unit_test(restart_while_all_fire),
		cmocka_unit_test(restart_before_it_was_told),
		cmocka_unit_test(restart_while_stuck),
		cmocka_unit_test(removed_domain_and_disabled_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
