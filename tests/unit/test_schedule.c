/* SPDX-License-Identifier: ISC
 * Whose turn it is, in virtual time: loop, resolver and probe are fakes. */
#include "tests/unit/schedule_world.h"

/* However many domains: a session an interval, each asked for in turn. */
static void
one_session_a_primary(void **state)
{
	(void)state;
	domains(300, 1);
	configure();
	fake_loop_advance(w.loop, 1000);
	assert_int_equal(w.sessions, 1);
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 19, 25);
	assert_int_equal(w.addr_queries, w.sessions);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 2);
}

/* Not all of them in the same seconds of each interval, for ever. */
static void
turns_spread_over_the_interval(void **state)
{
	unsigned before, most = 0;

	(void)state;
	domains(500, 500);
	for (unsigned i = 0; i < 500; i++)
		w.conf.domain[i].probe.interval_ms = 6 * INTERVAL_MS;
	configure();
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	assert_int_equal(w.known, 500);
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	w.sessions = 0;
	for (unsigned i = 0; i < 10; i++) {
		before = w.sessions;
		fake_loop_advance(w.loop, 6 * INTERVAL_MS / 10);
		if (w.sessions - before > most)
			most = w.sessions - before;
	}
	assert_in_range(w.sessions, 450, 600);
	assert_in_range(most, 50, 130);
}

static void
a_small_one_begins_at_once(void **state)
{
	(void)state;
	domains(20, 10);
	configure();
	fake_loop_advance(w.loop, 500);
	assert_int_equal(w.sessions, 10);
}

static void
first_turns_are_spread(void **state)
{
	(void)state;
	domains(5000, 5000);
	w.conf.probe_concurrency = 1000;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS / 2 + 200);
	assert_in_range(w.sessions, 5000, 10000);
	/* 100 a tenth of a second on average. */
	assert_in_range(w.burst, 1, 250);
}

static void
sessions_at_once_are_bounded(void **state)
{
	(void)state;
	domains(300, 300);
	w.conf.probe_concurrency = 7;
	w.probe_ms = 200;
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	assert_int_equal(w.running_max, 7);
	assert_int_equal(w.known, 300);
}

static void
look_ups_at_once_are_bounded(void **state)
{
	(void)state;
	domains(5000, 0);
	w.dns_ms = 1000;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.looking_max, SCHEDULE_LOOKUPS_MAX);
}

/* Not by its turn, not by anybody who asks. */
static void
what_is_off_is_never_probed(void **state)
{
	(void)state;
	domains(3, 2);
	w.conf.domain[0].probe.enabled = false;
	w.conf.domain[1].probe.enabled = false;
	w.conf.domain[1].primary.n = 0;
	configure();
	assert_int_equal(schedule_now(w.s, "d00000.test"), -MX_ENOENT);
	assert_int_equal(schedule_now(w.s, "d00001.test"), -MX_ENOENT);
	assert_int_equal(schedule_now(w.s, "nosuch.test"), -MX_ENOENT);
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(w.asked[0], 0); /* though d2 shares its primary */
	assert_int_equal(w.asked[1], 0);
	assert_int_equal(w.mx_queries, 0);
	assert_true(w.asked[2] > 0);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_DISABLED);
	/* Off in mid-flight. */
	w.sessions = 0;
	domains(3, 2);
	for (unsigned i = 0; i < 3; i++)
		w.conf.domain[i].probe.enabled = false;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(w.sessions, 0);
}

static void
verdicts_within(unsigned n, unsigned hosts, enum reach_code code,
    unsigned intervals)
{
	w.code = code;
	domains(n, hosts);
	configure();
	fake_loop_advance(w.loop, intervals * INTERVAL_MS);
	assert_int_equal(w.known, n);
}

static void
first_verdict_of_one(void **state)
{
	(void)state;
	verdicts_within(1, 1, REACH_OK, 2);
}

static void
first_verdict_of_one_down(void **state)
{
	(void)state;
	verdicts_within(1, 1, REACH_CONN_REFUSED, 3);
}

static void
first_verdict_of_one_by_mx(void **state)
{
	(void)state;
	verdicts_within(1, 0, REACH_OK, 2);
}

static void
first_verdict_of_50000(void **state)
{
	(void)state;
	verdicts_within(50000, 500, REACH_OK, 2);
	/* 500 hosts, each twice and a little more until then. */
	assert_in_range(w.sessions, 1000, 2000);
	/* Some are being looked up just then. */
	assert_in_range(w.addr_queries, w.sessions, w.sessions + 20);
}

static void
first_verdict_of_50000_down(void **state)
{
	(void)state;
	verdicts_within(50000, 500, REACH_CONN_REFUSED, 3);
}

static void
first_verdict_of_50000_by_mx(void **state)
{
	(void)state;
	verdicts_within(50000, 0, REACH_OK, 2);
	assert_in_range(w.mx_queries, 50000, 150000);
}

/* A third of the interval while it is not up. */
static void
suspects_are_hurried(void **state)
{
	(void)state;
	domains(1, 1);
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 9, 12);
	w.code = REACH_CONN_REFUSED;
	fake_loop_advance(w.loop, INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 29, 35);
}

/* A server that closes after three is asked for three a session, and each
 * domain has its turn all the same. */
static void
a_cut_session_goes_on_next_time(void **state)
{
	(void)state;
	domains(30, 1);
	w.answers = 3;
	configure();
	fake_loop_advance(w.loop, 15 * INTERVAL_MS);
	for (unsigned i = 0; i < 30; i++)
		assert_true(w.asked[i] > 0);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_UP);
}

static void
who_asks_is_asked_for_first(void **state)
{
	unsigned before;

	(void)state;
	domains(100, 1);
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	before = w.sessions;
	assert_int_equal(schedule_now(w.s, "d00077.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.sessions, before + 1);
	assert_string_equal(w.first, "d00077.test");
	/* Before the first turn, and twice: one session. */
	assert_int_equal(schedule_now(w.s, "d00012.test"), 0);
	assert_int_equal(schedule_now(w.s, "d00012.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.sessions, before + 2);
}

static void
who_asks_is_looked_up_first(void **state)
{
	(void)state;
	w.mx_hosts = 1; /* nobody else's session in the same moment */
	domains(2, 0);
	configure();
	assert_int_equal(schedule_now(w.s, "d00001.test"), 0);
	fake_loop_advance(w.loop, 400);
	assert_true(w.sessions > 0);
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.mx_queries = w.sessions = 0;
	assert_int_equal(schedule_now(w.s, "d00001.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.mx_queries, 1);
	assert_int_equal(w.sessions, 1);
}

/* What is under way belongs to the old configuration. */
static void
a_reload_at_any_moment(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 60; ms += 3) {
		domains(40, 20);
		configure();
		fake_loop_advance(w.loop, ms);
		domains(40, ms % 2 != 0 ? 0 : 10);
		configure();
		fake_loop_advance(w.loop, ms);
		domains(ms % 7, 3);
		configure();
		fake_loop_advance(w.loop, ms);
	}
	domains(40, 20);
	configure();
	w.known = 0;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(watch_state(w.ws, w.conf.domain[i].name),
		    HEALTH_UP);
}

/* The primaries that were known are watched on; the trouble is told. */
static void
the_resolver_fails(void **state)
{
	struct watch_domain *d;
	int64_t since;

	(void)state;
	domains(1, 0);
	w.dns_fails = true;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	d = watch_domain(w.ws, "d00000.test");
	assert_int_equal(w.sessions, 0);
	assert_string_equal(watch_trouble(d, &since),
	    "the MX lookup of d00000.test: SERVFAIL");
	assert_int_equal(d->health.state, HEALTH_UNKNOWN);
	w.dns_fails = false;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_UP);
	w.dns_fails = true;
	w.sessions = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_in_range(w.sessions, 4, 6);
	assert_int_equal(d->health.state, HEALTH_UP);
	assert_non_null(watch_trouble(d, &since));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_session_a_primary),
		T(turns_spread_over_the_interval),
		T(a_small_one_begins_at_once),
		T(first_turns_are_spread),
		T(sessions_at_once_are_bounded),
		T(look_ups_at_once_are_bounded),
		T(what_is_off_is_never_probed),
		T(first_verdict_of_one),
		T(first_verdict_of_one_down),
		T(first_verdict_of_one_by_mx),
		T(first_verdict_of_50000),
		T(first_verdict_of_50000_down),
		T(first_verdict_of_50000_by_mx),
		T(suspects_are_hurried),
		T(a_cut_session_goes_on_next_time),
		T(who_asks_is_asked_for_first),
		T(who_asks_is_looked_up_first),
		T(a_reload_at_any_moment),
		T(the_resolver_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
