/* SPDX-License-Identifier: ISC
 * The rules over synthetic snapshots and time, the state machine of an
 * instance, and the forecast. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/ledger.h"
#include "base/mem.h"

#define T0  INT64_C(1800000000000)
#define SEC INT64_C(1000)
#define MIN (60 * SEC)
#define HR  (60 * MIN)
#define DAY (24 * HR)

enum { ST_UNKNOWN, ST_UP, ST_SUSPECT, ST_DOWN, ST_RECOVERING, ST_DISABLED };

/* ---- a world of one domain */

struct world {
	struct config *conf;
	struct ledger l;
	struct rules *rules;
	struct snapshot *s;
	struct snap_domain *d;
	struct snap_primary *p;
	int64_t now;
	struct rules_self self;
};

static void
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
	ledger_init(&w->l);
	w->rules = rules_create();
	w->s = snapshot_create(1, 1);
	w->d = &w->s->domain[0];
	w->p = &w->s->primary[0];
	w->now = T0;
	(void)strlcpy(w->d->count.name, "a.test", sizeof(w->d->count.name));
	(void)strlcpy(w->p->label, "192.0.2.1", sizeof(w->p->label));
	w->d->configured = w->p->healthy = w->p->probed = true;
	w->d->nprimaries = 1;
	w->d->lifetime = 30 * 86400;
	w->d->state = ST_UP;
	w->d->state_since = (T0 - DAY) / 1000;
	w->s->ready = w->s->reload_ok = true;
	w->s->start = (T0 - DAY) / 1000;
	w->s->spool_free_bytes = UINT64_C(1) << 40;
	w->s->spool_reserve_bytes = UINT64_C(1) << 30;
}

static void
world_fini(struct world *w)
{
	snapshot_unref(&w->s);
	rules_destroy(&w->rules);
	ledger_fini(&w->l);
	config_unref(&w->conf);
}

/* The time passes in steps of ten seconds, probes go on. */
static void
pass(struct world *w, int64_t ms)
{
	int64_t end = w->now + ms;

	for (;;) {
		w->p->last_run = w->now / 1000;
		w->s->wall_ms = w->now;
		ledger_step(&w->l, w->rules, w->conf, w->s, &w->self, w->now);
		if (w->now >= end)
			break;
		w->now += end - w->now < 10 * SEC ? end - w->now : 10 * SEC;
	}
}

/* "inactive", "pending", "warning", "critical", "resolved" */
static const char *
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

static const char *
summary(struct world *w, enum alert_kind kind)
{
	struct instance *i;

	RB_FOREACH (i, instance_tree, &w->l.instances)
		if (i->kind == kind)
			return i->summary;
	return "";
}

#define is(w, kind, want) assert_string_equal(state(w, ALERT_##kind), want)

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

static void
set_state(struct world *w, unsigned to)
{
	w->d->state = to;
	w->d->state_since = w->now / 1000;
	w->p->healthy = to == ST_UP;
	if (to == ST_DOWN)
		w->d->count.transitions[ST_DOWN]++;
}

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

/* Held mail gets old, which is told; it does not expire, and it is not stuck. */
static void
held_mail(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	w.d->oldest_ms = w.now - 25 * DAY;
	w.d->held = 3;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "critical");
	assert_non_null(strstr(summary(&w, ALERT_queue_age),
	    "none expires while it is held; 3 held"));
	is(&w, queue_expiry, "inactive");
	/* fresh mail beside it, and a notification that waits */
	w.d->deferred = 2;
	w.d->owed = 1;
	w.d->oldest_live_ms = w.now;
	w.d->next_expiry_ms = w.now + 30 * DAY;
	pass(&w, 10 * MIN);
	is(&w, queue_expiry, "inactive");
	is(&w, delivery_stuck, "inactive");
	w.d->deferred = 1; /* the notification alone */
	pass(&w, 10 * HR);
	is(&w, delivery_stuck, "inactive");
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
	set_state(&w, ST_UNKNOWN);
	w.d->self_mx_since = w.now / 1000;
	pass(&w, 30 * SEC);
	is(&w, primary_down, "inactive");
	pass(&w, 40 * SEC);
	is(&w, primary_down, "warning");
	assert_non_null(strstr(summary(&w, ALERT_primary_down), "best MX"));
	w.d->self_mx_since = 0;
	pass(&w, MIN);
	is(&w, primary_down, "warning"); /* not before it is up */
	set_state(&w, ST_UP);
	pass(&w, 10 * SEC);
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
	(void)strlcpy(w.p->text, "connection refused", sizeof(w.p->text));
	set_state(&w, ST_SUSPECT);
	pass(&w, 10 * MIN);
	is(&w, primary_down, "inactive");
	set_state(&w, ST_DOWN);
	pass(&w, 50 * SEC);
	is(&w, primary_down, "inactive");
	pass(&w, 20 * SEC);
	is(&w, primary_down, "warning");
	assert_non_null(strstr(summary(&w, ALERT_primary_down), "refused"));
	pass(&w, HR);
	is(&w, primary_down, "critical");
	/* a restart: nobody knows, then it is down since a moment ago */
	set_state(&w, ST_UNKNOWN);
	pass(&w, 10 * MIN);
	is(&w, primary_down, "critical");
	set_state(&w, ST_DOWN);
	pass(&w, 10 * SEC);
	is(&w, primary_down, "critical");
	set_state(&w, ST_RECOVERING);
	pass(&w, MIN);
	is(&w, primary_down, "critical");
	set_state(&w, ST_UP);
	pass(&w, 10 * SEC);
	is(&w, primary_down, "resolved");
	pass(&w, 20 * MIN);
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
		set_state(&w, ST_DOWN);
		pass(&w, 2 * MIN);
		set_state(&w, ST_UP);
		pass(&w, 2 * MIN);
	}
	is(&w, primary_flapping, "warning");
	pass(&w, 30 * MIN);
	is(&w, primary_flapping, "warning");
	pass(&w, 80 * MIN);
	is(&w, primary_flapping, "inactive");
	world_fini(&w);
}

static void
queue_age(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "");
	set_state(&w, ST_DOWN);
	w.d->deferred = 100;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 14 * DAY;
	w.d->next_expiry_ms = w.now + 16 * DAY;
	pass(&w, MIN);
	is(&w, queue_age, "inactive");
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 15 * DAY;
	pass(&w, 30 * SEC);
	is(&w, queue_age, "pending");
	pass(&w, 40 * SEC);
	is(&w, queue_age, "warning");
	assert_non_null(strstr(summary(&w, ALERT_queue_age),
	    "100 messages expire, the first at"));
	/* hysteresis: half of a day below is not below */
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 14 * DAY;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "warning");
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 25 * DAY;
	pass(&w, 10 * SEC);
	is(&w, queue_age, "critical");
	/* indexing after a start: the queue only looks empty */
	w.s->ready = false;
	w.d->oldest_live_ms = w.d->oldest_ms = 0;
	w.d->deferred = 0;
	pass(&w, 10 * MIN);
	is(&w, queue_age, "critical");
	w.s->ready = true;
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
	set_state(&w, ST_DOWN);
	w.d->deferred = 10;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 28 * DAY;
	w.d->next_expiry_ms = w.now + 2 * DAY;
	pass(&w, 70 * SEC);
	is(&w, queue_expiry, "warning");
	w.d->next_expiry_ms = w.now + 20 * HR;
	pass(&w, 10 * SEC);
	is(&w, queue_expiry, "critical");
	/* it drains, and fast enough */
	set_state(&w, ST_RECOVERING);
	w.d->flush.running = true;
	w.d->flush.rate = 1;
	pass(&w, 10 * SEC);
	is(&w, queue_expiry, "resolved");
	/* a flush that is too slow is told long before */
	w.d->deferred = 100000;
	w.d->flush.rate = 0.01;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 10 * DAY;
	w.d->next_expiry_ms = w.now + 20 * DAY;
	pass(&w, 70 * SEC);
	is(&w, queue_expiry, "warning");
	assert_non_null(strstr(summary(&w, ALERT_queue_expiry),
	    "of 100000 messages expire before they leave"));
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

static void
stale_stuck_cert_self(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "alert \"cert_expiry\" { enabled = yes }\n");
	w.p->cert_not_after = (w.now + 10 * DAY) / 1000;
	w.s->reload_ok = false;
	w.s->clock_doubted = true;
	w.s->clock_doubt_ms = HR;
	w.d->deferred = 1;
	w.d->oldest_live_ms = w.d->oldest_ms = w.now - 2 * HR;
	w.d->next_expiry_ms = w.now + 29 * DAY;
	w.self.failing_since_ms = w.now - 31 * MIN;
	pass(&w, 6 * MIN);
	is(&w, cert_expiry, "warning");
	is(&w, config_reload_failed, "warning");
	is(&w, clock_leapt, "critical");
	is(&w, delivery_stuck, "warning");
	is(&w, notifier_failing, "critical");
	is(&w, probe_stale, "inactive");
	/* the loop hangs: time goes on, the snapshot does not */
	w.now += 6 * MIN;
	ledger_step(&w.l, w.rules, w.conf, w.s, &w.self, w.now);
	is(&w, probe_stale, "warning");
	w.s->reload_ok = true;
	w.s->clock_doubted = false;
	w.d->on_hold = true;
	w.self.failing_since_ms = 0;
	w.p->cert_not_after = (w.now + 90 * DAY) / 1000;
	pass(&w, 2 * MIN);
	is(&w, cert_expiry, "resolved");
	is(&w, config_reload_failed, "resolved");
	is(&w, clock_leapt, "resolved");
	is(&w, delivery_stuck, "resolved");
	is(&w, notifier_failing, "resolved");
	is(&w, probe_stale, "resolved");
	world_fini(&w);
}

static void
removed_domain_and_disabled_alert(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, "alert \"queue_depth\" { enabled = no }\n");
	set_state(&w, ST_DOWN);
	w.d->deferred = 1000000;
	pass(&w, 10 * MIN);
	is(&w, primary_down, "warning");
	is(&w, queue_depth, "inactive");
	w.d->configured = false;
	pass(&w, 10 * SEC);
	is(&w, primary_down, "resolved");
	world_fini(&w);
}

static const struct {
	const char *name;
	uint64_t n;
	int64_t oldest, expiry; /* relative to now */
	double rate;
	uint64_t expire;
	int64_t first;
} forecasts[] = {
	{ "empty", 0, 0, 0, 1, 0, 0 },
	{ "nothing leaves", 7, -DAY, DAY, 0, 7, DAY },
	{ "all in time", 100, -DAY, DAY, 1, 0, 0 },
	/* one a minute leaves, one expires each 30 s, the first in an hour:
	 * number i leaves at i+1 min and expires at 60 + i/2 min */
	{ "falls behind", 1000, -500 * MIN, HR, 1.0 / 60, 882, 119 * MIN },
	{ "too late for all", 10, -10 * SEC, -SEC, 0.1, 10, -SEC },
	/* leaves each second, expires each minute, the first ten are late */
	{ "catches up", 100, -100 * MIN, -10 * MIN, 1, 11, -10 * MIN },
};

static void
forecast(void **st)
{
	struct rules_forecast f;

	(void)st;
	for (size_t i = 0; i < MX_COUNT(forecasts); i++) {
		f = rules_forecast(forecasts[i].n, T0 + forecasts[i].oldest,
		    forecasts[i].expiry == 0 ? 0 : T0 + forecasts[i].expiry,
		    forecasts[i].rate, T0);
		if (f.expire != forecasts[i].expire)
			fail_msg("%s: %llu expire", forecasts[i].name,
			    (unsigned long long)f.expire);
		if (f.expire > 0 && f.first_ms != T0 + forecasts[i].first)
			fail_msg("%s: first at %lld", forecasts[i].name,
			    (long long)(f.first_ms - T0));
	}
}

/* Brute force over the same model. */
static void
forecast_is_what_it_says(void **st)
{
	static const double rates[] = { 0.001, 0.01, 0.1, 1, 10 };
	static const int64_t ages[] = { SEC, HR, DAY, 10 * DAY };
	static const int64_t ends[] = { -HR, SEC, HR, DAY };

	(void)st;
	for (unsigned a = 0; a < 5 * 4 * 4; a++) {
		double rate = rates[a % 5];
		int64_t age = ages[a / 5 % 4], end = ends[a / 20];
		uint64_t n = 500, count = 0;
		struct rules_forecast f =
		    rules_forecast(n, T0 - age, T0 + end, rate, T0);

		for (uint64_t i = 0; i < n; i++) {
			double leaves = (double)(i + 1) * 1e3 / rate;
			double ends_at =
			    (double)end + (double)i * (double)age / (double)n;

			count += leaves > ends_at;
		}
		if (f.expire > count + 1 || f.expire + 1 < count)
			fail_msg("case %u: %llu, not %llu", a,
			    (unsigned long long)f.expire,
			    (unsigned long long)count);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_when_all_is_well),
		cmocka_unit_test(clock_goes_back),
		cmocka_unit_test(primary_down),
		cmocka_unit_test(no_primary),
		cmocka_unit_test(held_mail),
		cmocka_unit_test(flapping),
		cmocka_unit_test(queue_age),
		cmocka_unit_test(queue_expiry),
		cmocka_unit_test(short_lifetime_is_no_alarm),
		cmocka_unit_test(expired_and_bounced),
		cmocka_unit_test(depth_and_spool),
		cmocka_unit_test(stale_stuck_cert_self),
		cmocka_unit_test(removed_domain_and_disabled_alert),
		cmocka_unit_test(forecast),
		cmocka_unit_test(forecast_is_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
