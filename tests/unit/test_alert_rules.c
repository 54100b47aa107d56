/* SPDX-License-Identifier: ISC
 * The rules over synthetic snapshots and time, and the forecast. */
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

static void
quiet_when_all_is_well(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, 2 * HR);
	assert_null(RB_MIN(instance_tree, &w.l.instances));
	world_fini(&w);
}

/* Held mail gets old, which is told; it does not expire, and it is not stuck. */
static void
held_mail(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	set_oldest(&w, 25 * DAY);
	w.d->oldest_live_ms = w.d->next_expiry_ms = 0;
	w.d->held = 3;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "critical");
	assert_non_null(strstr(summary(&w, ALERT_queue_age),
	    "nothing expires while it is held; 3 held"));
	is(&w, queue_expiry, "inactive");
	/* fresh mail beside it, and a notification that waits */
	w.d->deferred = 2;
	w.d->owed = 1;
	w.d->oldest_live_ms = w.now;
	w.d->next_expiry_ms = w.now + 30 * DAY;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "critical"); /* it has not got more time by that */
	assert_non_null(
	    strstr(summary(&w, ALERT_queue_age), "1 message expires at "));
	is(&w, queue_expiry, "inactive");
	is(&w, delivery_stuck, "inactive");
	w.d->deferred = 1; /* the notification alone */
	w.d->oldest_live_ms = w.d->next_expiry_ms = 0;
	pass(&w, 10 * HR);
	is(&w, delivery_stuck, "inactive");
	world_fini(&w);
}

static void
queue_age(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	set_state(&w, HEALTH_DOWN);
	w.d->deferred = 100;
	set_oldest(&w, 14 * DAY);
	pass(&w, MIN);
	is(&w, queue_age, "inactive");
	set_oldest(&w, 15 * DAY);
	pass(&w, 30 * SEC);
	is(&w, queue_age, "pending");
	pass(&w, 40 * SEC);
	is(&w, queue_age, "warning");
	assert_non_null(strstr(summary(&w, ALERT_queue_age),
	    "100 messages expire, the first at"));
	/* hysteresis: half of a day below is not below */
	set_oldest(&w, 14 * DAY);
	pass(&w, 10 * MIN);
	is(&w, queue_age, "warning");
	set_oldest(&w, 25 * DAY);
	pass(&w, 10 * SEC);
	is(&w, queue_age, "critical");
	/* its lifetime is extended, as the alert said: it has more of it */
	w.d->next_expiry_ms += 15 * DAY;
	w.d->ripest_life_ms += 15 * DAY;
	pass(&w, 10 * SEC);
	is(&w, queue_age, "warning");
	w.d->next_expiry_ms -= 15 * DAY;
	w.d->ripest_life_ms -= 15 * DAY;
	pass(&w, 10 * SEC);
	is(&w, queue_age, "critical");
	/* a full spool is no reason to say nothing */
	w.s->ready = false;
	w.s->spool_state = 1;
	w.d->deferred = 0;
	w.d->oldest_live_ms = w.d->oldest_ms = w.d->next_expiry_ms = 0;
	w.d->ripest_ms = 0;
	pass(&w, 10 * SEC);
	is(&w, queue_age, "resolved");
	w.d->deferred = 100;
	set_oldest(&w, 25 * DAY);
	pass(&w, 70 * SEC);
	is(&w, queue_age, "critical");
	w.s->spool_state = 0;
	/* indexing after a start: the queue only looks empty */
	w.s->indexed = w.s->ready = false;
	w.d->oldest_live_ms = w.d->oldest_ms = w.d->next_expiry_ms = 0;
	w.d->ripest_ms = 0;
	w.d->deferred = 0;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "critical");
	w.s->indexed = w.s->ready = true;
	pass(&w, 10 * SEC);
	is(&w, queue_age, "resolved");
	world_fini(&w);
}

static void
queue_expiry(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	set_state(&w, HEALTH_DOWN);
	w.d->deferred = 10;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 28 * DAY;
	w.d->next_expiry_ms = w.now + 2 * DAY;
	pass(&w, 70 * SEC);
	is(&w, queue_expiry, "warning");
	w.d->next_expiry_ms = w.now + 20 * HR;
	pass(&w, 10 * SEC);
	is(&w, queue_expiry, "critical");
	/* it drains, and fast enough */
	set_state(&w, HEALTH_RECOVERING);
	w.d->flush.running = true;
	w.d->flush.rate = 1;
	pass(&w, 10 * SEC);
	is(&w, queue_expiry, "resolved");
	/* a flush that is too slow is told long before */
	w.d->deferred = 100000;
	w.d->flush.rate = 0.01;
	set_oldest(&w, 10 * DAY);
	pass(&w, 70 * SEC);
	is(&w, queue_expiry, "warning");
	assert_non_null(strstr(summary(&w, ALERT_queue_expiry),
	    "of 100000 messages will expire before delivery"));
	world_fini(&w);
}

/* What is on hold does not expire, and what left before the outage says
 * nothing of what leaves in it. */
static void
what_does_not_leave(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	for (int i = 0; i < 60; i++) {
		w.d->count.delivered_messages += 100;
		pass(&w, 10 * SEC);
	}
	w.d->deferred = 1000;
	set_oldest(&w, 29 * DAY);
	pass(&w, 2 * MIN);
	if (strstr(summary(&w, ALERT_queue_age),
		" a second, all will be delivered in time") == NULL)
		fail_msg("%s", summary(&w, ALERT_queue_age));
	is(&w, queue_expiry, "inactive");
	set_state(&w, HEALTH_DOWN);
	pass(&w, 10 * SEC);
	assert_non_null(strstr(summary(&w, ALERT_queue_age),
	    "nothing is being delivered: 1000 messages expire, the first at "));
	pass(&w, MIN);
	is(&w, queue_expiry, "critical");
	w.d->on_hold = true;
	w.d->held = w.d->deferred;
	w.d->deferred = 0;
	w.d->next_expiry_ms = 0;
	pass(&w, 10 * SEC);
	is(&w, queue_expiry, "resolved");
	assert_string_equal(summary(&w, ALERT_queue_age),
	    "the oldest message is 29d old, 97% of its lifetime; nothing "
	    "expires while it is held; 1000 held");
	assert_non_null(strstr(summary(&w, ALERT_primary_down),
	    "; 1000 messages wait, nothing expires while it is held"));
	/* three of them are released, the rest is held for itself */
	w.d->on_hold = false;
	w.d->deferred = 3;
	w.d->held -= 3;
	set_oldest(&w, 29 * DAY);
	pass(&w, 70 * SEC);
	assert_non_null(
	    strstr(summary(&w, ALERT_queue_expiry), "3 messages expire"));
	world_fini(&w);
}

/* What a person reads who was woken by it: no name of a state, no "1
 * messages", times with their zone. */
static void
words(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	w.d->cause = "connection refused";
	w.p->healthy = false;
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "connection refused; no mail is waiting");
	w.d->deferred = 1;
	set_oldest(&w, 0);
	pass(&w, 10 * SEC);
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "connection refused; 1 message waits and expires at "
	    "2027-02-14T08:03:00Z");
	w.d->deferred = 12;
	pass(&w, 10 * SEC);
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "connection refused; 12 messages wait, the first expires at "
	    "2027-02-14T08:03:00Z");
	set_state(&w, HEALTH_RECOVERING);
	pass(&w, 10 * SEC);
	assert_non_null(strstr(summary(&w, ALERT_primary_down),
	    "it answers again, and mail is being delivered; 12 messages"));
	w.d->count.expired = 1;
	pass(&w, 10 * SEC);
	assert_non_null(strstr(summary(&w, ALERT_mail_expired),
	    "mail to 1 recipient expired within the last hour and was returned "
	    "to its sender; 12 messages wait, "));
	w.s->spool_state = 2;
	w.s->spool_free_bytes = UINT64_C(1) << 30;
	pass(&w, MIN);
	assert_string_equal(summary(&w, ALERT_spool_low),
	    "1.0G free, 1.0G of it reserved; the disk failed: no mail is "
	    "accepted");
	w.self =
	    (struct rules_self){ w.now - 10 * MIN, "oncall", "HTTP 500", 1 };
	pass(&w, 0);
	assert_string_equal(summary(&w, ALERT_notifier_failing),
	    "receiver oncall has accepted nothing for 10m: HTTP 500; 1 other, "
	    "too");
	world_fini(&w);
}

static void
short_lifetime_is_no_alarm(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	w.d->lifetime = 3600;
	w.d->deferred = 1;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now;
	w.d->next_expiry_ms = w.now + HR;
	pass(&w, 5 * MIN);
	is(&w, queue_expiry, "inactive");
	pass(&w, 40 * MIN);
	is(&w, queue_expiry, "critical");
	world_fini(&w);
}

static void
expired_and_bounced(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	w.d->count.expired = 3;
	pass(&w, 10 * SEC);
	is(&w, mail_expired, "critical");
	pass(&w, 50 * MIN);
	is(&w, mail_expired, "critical");
	pass(&w, 20 * MIN);
	is(&w, mail_expired, "resolved");
	w.d->count.bounced[1] = 9; /* too few to say */
	pass(&w, 10 * MIN);
	is(&w, bounce_rate, "inactive");
	w.d->count.bounced[1] = 20;
	w.d->count.delivered = 100;
	pass(&w, 6 * MIN);
	is(&w, bounce_rate, "warning");
	w.d->count.bounced[1] = 400;
	pass(&w, 10 * SEC);
	is(&w, bounce_rate, "critical");
	world_fini(&w);
}

static void
depth_and_spool(void **st)
{
	struct world w;

	(void)st;
	world_init(&w,
	    "alert \"queue_depth\" { warn = 100 crit = off for = 0s "
	    "clear = 0s }\n");
	w.d->deferred = 99;
	pass(&w, MIN);
	is(&w, queue_depth, "inactive");
	w.d->held = 1;
	pass(&w, 0);
	is(&w, queue_depth, "warning");
	w.d->deferred = 90; /* 91: within a tenth */
	pass(&w, MIN);
	is(&w, queue_depth, "warning");
	w.d->deferred = 80;
	pass(&w, MIN);
	is(&w, queue_depth, "resolved");
	w.s->spool_free_bytes = UINT64_C(2) << 30;
	pass(&w, 40 * SEC);
	is(&w, spool_low, "warning");
	w.s->spool_state = 1;
	pass(&w, 10 * SEC);
	is(&w, spool_low, "critical");
	w.s->spool_state = 0;
	w.s->spool_free_bytes = UINT64_C(1) << 40;
	pass(&w, 2 * MIN);
	is(&w, spool_low, "resolved");
	world_fini(&w);
}

/* Errors alone, of which the first is named; nothing before the first look. */
static void
what_the_doctor_found(void **st)
{
	struct world w;
	struct snap_doctor *sd;

	(void)st;
	world_init(&w, "alert \"doctor_finding\" { enabled = yes }\n");
	w.s->doctor_findings[DOCTOR_WARNING][DOCTOR_ptr] = 4;
	pass(&w, MIN);
	is(&w, doctor_finding, "inactive");
	w.s->doctor = sd = snap_doctor_create(1);
	sd->nfindings = 1;
	sd->finding[0] = (struct snap_finding){ .domain = mem_strdup("a.test"),
		.check = DOCTOR_mx,
		.severity = DOCTOR_ERROR,
		.text = mem_strdup("mx2.test is not in the MX records") };
	w.s->doctor_findings[DOCTOR_ERROR][DOCTOR_mx] = 1;
	w.s->doctor_ended = w.now / 1000;
	pass(&w, MIN);
	is(&w, doctor_finding, "warning");
	assert_string_equal(summary(&w, ALERT_doctor_finding),
	    "mxwatchctl doctor shows 1 error: mx2.test is not in the MX "
	    "records");
	w.s->doctor_findings[DOCTOR_ERROR][DOCTOR_mx] = 0;
	pass(&w, MIN);
	is(&w, doctor_finding, "resolved");
	world_fini(&w);
}

/* From a failure until the next success; not beside an outage. */
static void
drill_failed_until_one_is_delivered(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, MIN);
	is(&w, drill_failed, "inactive");
	w.d->drill.ended_ms = w.now;
	w.d->drill.text = "not delivered in time: 451 4.7.1 Greylisted";
	w.d->state = HEALTH_DOWN;
	pass(&w, MIN);
	is(&w, drill_failed, "inactive");
	w.d->state = HEALTH_UP;
	pass(&w, MIN);
	is(&w, drill_failed, "warning");
	assert_string_equal(summary(&w, ALERT_drill_failed),
	    "a test message did not arrive: not delivered in time: 451 4.7.1 "
	    "Greylisted");
	w.d->state = HEALTH_DOWN; /* it is not over because of that */
	pass(&w, MIN);
	is(&w, drill_failed, "warning");
	w.d->drill.ok = true;
	pass(&w, MIN);
	is(&w, drill_failed, "resolved");
	world_fini(&w);
}

static void
stale_stuck_cert_self(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "alert \"cert_expiry\" { enabled = yes }\n");
	w.p->cert_not_after = (w.now + 10 * DAY) / 1000;
	w.s->reload_ok = false;
	w.s->source.name[0] = '/';
	w.s->source.confirmed_ms = w.now - 25 * HR;
	w.s->clock_doubted = true;
	w.s->clock_doubt_ms = HR;
	w.s->agentx.dropped_wall = w.now / 1000;
	w.d->deferred = 1;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 2 * HR;
	w.d->next_expiry_ms = w.now + 29 * DAY;
	w.self.failing_since_ms = w.now - 31 * MIN;
	pass(&w, 6 * MIN);
	is(&w, cert_expiry, "warning");
	is(&w, config_reload_failed, "warning");
	is(&w, domains_stale, "warning");
	is(&w, clock_leapt, "critical");
	is(&w, traps_lost, "warning");
	is(&w, delivery_stuck, "warning");
	is(&w, notifier_failing, "critical");
	is(&w, probe_stale, "inactive");
	/* the loop hangs: time goes on, the snapshot does not */
	w.now += 6 * MIN;
	memory_step(&w.l, w.rules, w.conf, w.s, &w.self, w.now);
	is(&w, probe_stale, "warning");
	w.s->reload_ok = true;
	w.s->source.confirmed_ms = w.now;
	w.s->clock_doubted = false;
	w.d->on_hold = true;
	w.self.failing_since_ms = 0;
	w.p->cert_not_after = (w.now + 90 * DAY) / 1000;
	pass(&w, 2 * MIN);
	is(&w, cert_expiry, "resolved");
	is(&w, config_reload_failed, "resolved");
	is(&w, domains_stale, "resolved");
	is(&w, clock_leapt, "resolved");
	is(&w, traps_lost, "warning"); /* it was 14 minutes ago */
	pass(&w, 2 * MIN);
	is(&w, traps_lost, "resolved");
	is(&w, delivery_stuck, "resolved");
	is(&w, notifier_failing, "resolved");
	is(&w, probe_stale, "resolved");
	world_fini(&w);
}

/* Some ms after the snapshot was made. */
static bool
alive(const struct world *w, int64_t later)
{
	return heartbeat_alive(w->conf, w->s, w->s->made + later * CLOCK_MS,
	    w->now + later);
}

/* Sent only while the loop, the probes and the spool are alive: each is
 * stopped, and it stops. */
static void
heartbeat_stops(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	assert_false(heartbeat_alive(w.conf, NULL, 0, w.now));
	/* no probe yet */
	assert_false(alive(&w, 0));
	w.p->last_run = w.now / 1000;
	assert_true(alive(&w, 0));
	/* the loop hangs: the snapshot is old */
	assert_true(alive(&w, 5 * SEC));
	assert_false(alive(&w, 11 * SEC));
	/* and no older when the clock is set */
	assert_true(heartbeat_alive(w.conf, w.s, w.s->made, w.now + MIN));
	/* the probes hang, the loop does not; every 30 s is one */
	w.now += 2 * MIN;
	assert_true(alive(&w, 0));
	w.now += MIN;
	assert_false(alive(&w, 0));
	w.p->last_run = w.now / 1000;
	assert_true(alive(&w, 0));
	/* the spool refuses mail, or the disk failed */
	for (w.s->spool_state = 1; w.s->spool_state < 4; w.s->spool_state++)
		assert_false(alive(&w, 0));
	w.s->spool_state = 0;
	w.s->ready = false;
	assert_false(alive(&w, 0));
	world_fini(&w);
	/* where nothing is probed, no probe is missed */
	world_init(&w, "defaults { probe { enabled = no } }\n");
	assert_true(alive(&w, 0));
	world_fini(&w);
}

static const struct {
	const char *name;
	uint64_t n;
	int64_t oldest, expiry; /* relative to now; expiry 0: none */
	double rate;
	uint64_t expire;
	int64_t first;
	const char *text;
} forecasts[] = {
	{ "empty", 0, 0, 0, 1, 0, 0, "nothing expires" },
	{ "empty, and nothing leaves", 0, 0, 0, 0, 0, 0, "nothing expires" },
	{ "nothing leaves", 7, -DAY, DAY, 0, 7, DAY,
	    "nothing is being delivered: 7 messages expire, the first at "
	    "2027-01-16T08:00:00Z" },
	{ "one, and nothing leaves", 1, -DAY, DAY, 0, 1, DAY,
	    "nothing is being delivered: 1 message expires at "
	    "2027-01-16T08:00:00Z" },
	{ "all in time", 100, -DAY, DAY, 1, 0, 0,
	    "at the present drain rate of 1 a second, all will be delivered in "
	    "time" },
	/* One a minute leaves, half of them of the old end, where one expires
	 * each 30 s, the first in an hour: 39 leave at each end until one
	 * is late, and of the other 922 three of five are lost. */
	{ "falls behind", 1000, -500 * MIN, HR, 1.0 / 60, 553, 4770 * SEC,
	    "at the present drain rate of 1 a minute, about 553 of 1000 "
	    "messages will expire before delivery, the first at about "
	    "2027-01-15T09:19:30Z" },
	{ "too late for all", 10, -10 * SEC, -SEC, 0.001, 10, -SEC,
	    "at the present drain rate of 3.6 an hour, all 10 messages will "
	    "expire before delivery, the first at 2027-01-15T07:59:59Z" },
	{ "too late for the one", 1, -10 * SEC, -SEC, 0.001, 1, -SEC,
	    "at the present drain rate of 3.6 an hour, 1 message will expire "
	    "before delivery, at 2027-01-15T07:59:59Z" },
	/* Leaves each second, expires each minute: what is late is lost, and
	 * no more. */
	{ "catches up", 100, -100 * MIN, -10 * MIN, 1, 11, -10 * MIN,
	    "at the present drain rate of 1 a second, about 11 of 100 messages "
	    "will expire before delivery, the first at about "
	    "2027-01-15T07:50:00Z" },
	/* All came at once, and all expire at once. */
	{ "a heap", 1000, -1, 100 * SEC, 1, 900, 100 * SEC,
	    "at the present drain rate of 1 a second, about 900 of 1000 "
	    "messages will expire before delivery, the first at about "
	    "2027-01-15T08:01:40Z" },
	{ "from the future", 1000, HR, 100 * SEC, 1, 900, 100 * SEC,
	    "at the present drain rate of 1 a second, about 900 of 1000 "
	    "messages will expire before delivery, the first at about "
	    "2027-01-15T08:01:40Z" },
	{ "thousands", 5000000, -20 * DAY, 10 * DAY, 150.4, 0, 0,
	    "at the present drain rate of 150 a second, all will be delivered "
	    "in time" },
	{ "a trickle", 3, -20 * DAY, 10 * DAY, 1e-4, 0, 0,
	    "at the present drain rate of 8.6 a day, all will be delivered in "
	    "time" },
};

static void
forecasts_and_their_words(void **st)
{
	struct forecast f;
	char text[160];

	(void)st;
	for (size_t i = 0; i < MX_COUNT(forecasts); i++) {
		f = forecast(forecasts[i].n, T0 + forecasts[i].oldest,
		    forecasts[i].expiry == 0 ? 0 : T0 + forecasts[i].expiry,
		    forecasts[i].rate, T0);
		if (f.expire != forecasts[i].expire)
			fail_msg("%s: %llu expire", forecasts[i].name,
			    (unsigned long long)f.expire);
		if (f.expire > 0 && f.first_ms != T0 + forecasts[i].first)
			fail_msg("%s: first at %lld", forecasts[i].name,
			    (long long)(f.first_ms - T0));
		forecast_fmt(&f, forecasts[i].n, forecasts[i].rate, text,
		    sizeof(text));
		if (strcmp(text, forecasts[i].text) != 0)
			fail_msg("%s: %s", forecasts[i].name, text);
	}
}

/* One by one: a message of the old end and one of the new leave in turn, and
 * what is over its time goes. */
static uint64_t
lost(uint64_t n, double age, double end, double rate)
{
	double step = age / (double)n, t = 0;
	uint64_t count = 0, lo = 0, hi = n;

	while (lo < hi) {
		t += 2e3 / rate;
		while (lo < hi && end + (double)lo * step < t) {
			lo++;
			count++;
		}
		lo += lo < hi;
		hi -= lo < hi;
	}
	return count;
}

static void
forecast_is_what_it_says(void **st)
{
	static const double rates[] = { 0.001, 0.01, 0.1, 1, 10 };
	static const int64_t ages[] = { SEC, HR, DAY, 10 * DAY };
	static const int64_t ends[] = { -HR, SEC, HR, DAY };
	static const uint64_t numbers[] = { 1, 2, 7, 500 };

	(void)st;
	for (unsigned a = 0; a < 5 * 4 * 4 * 4; a++) {
		double rate = rates[a % 5];
		int64_t age = ages[a / 5 % 4], end = ends[a / 20 % 4];
		uint64_t n = numbers[a / 80];
		uint64_t count = lost(n, (double)age, (double)end, rate);
		struct forecast f = forecast(n, T0 - age, T0 + end, rate, T0);

		if (f.expire > count + 2 || f.expire + 2 < count)
			fail_msg("case %u: %llu, not %llu", a,
			    (unsigned long long)f.expire,
			    (unsigned long long)count);
	}
}

/* What the probe asks for is refused, TLS has gone: told, and no outage. */
static void
what_a_primary_says_of_the_probe(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	pass(&w, 2 * MIN);
	is(&w, probe_finding, "inactive");
	w.p->asked = w.now / 1000;
	w.p->finding_since = w.now / 1000;
	w.p->finding = "rcpt: 550 no such user";
	w.p->tls_fallback_since = w.now / 1000;
	pass(&w, 6 * MIN);
	is(&w, probe_finding, "warning");
	is(&w, tls_fallback, "warning");
	is(&w, primary_down, "inactive");
	w.p->asked = 0; /* a restart: it was not asked yet */
	w.p->finding = "";
	pass(&w, 2 * MIN);
	is(&w, probe_finding, "warning");
	w.p->asked = w.now / 1000;
	w.p->tls_fallback_since = 0;
	pass(&w, 6 * MIN);
	is(&w, probe_finding, "resolved");
	is(&w, tls_fallback, "resolved");
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_when_all_is_well),
		cmocka_unit_test(held_mail),
		cmocka_unit_test(queue_age),
		cmocka_unit_test(queue_expiry),
		cmocka_unit_test(what_does_not_leave),
		cmocka_unit_test(what_a_primary_says_of_the_probe),
		cmocka_unit_test(words),
		cmocka_unit_test(short_lifetime_is_no_alarm),
		cmocka_unit_test(expired_and_bounced),
		cmocka_unit_test(depth_and_spool),
		cmocka_unit_test(drill_failed_until_one_is_delivered),
		cmocka_unit_test(stale_stuck_cert_self),
		cmocka_unit_test(what_the_doctor_found),
		cmocka_unit_test(heartbeat_stops),
		cmocka_unit_test(forecasts_and_their_words),
		cmocka_unit_test(forecast_is_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
