/* SPDX-License-Identifier: ISC
 * Sessions of the watches: who has one together, its place among the deliveries,
 * its silence. */
#include "tests/unit/schedule_world.h"

/* Names of the same address are one host. */
static void
names_of_one_address_share_a_session(void **state)
{
	(void)state;
	domains(300, 300);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 2, 5);
	assert_int_equal(w.running_max, 1);
	fake_loop_advance(w.loop, 18 * INTERVAL_MS);
	assert_in_range(w.sessions, 20, 25);
	/* Each name is looked up all the same. */
	assert_in_range(w.addr_queries, 300 * 20, 300 * 25);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 5);
	/* All go down with it and come back with it. */
	w.code = REACH_CONN_REFUSED;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(watch_state(w.ws, world_domain[i]),
		    HEALTH_DOWN);
	w.code = REACH_OK;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(watch_state(w.ws, world_domain[i]), HEALTH_UP);
}

static void
names_of_one_address_by_mx(void **state)
{
	(void)state;
	domains(300, 0);
	w.mx_hosts = 300;
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 20, 28);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 5);
}

/* A policy of its own, a certificate to be verified by name: a session of its
 * own. */
static void
only_equal_policies_share(void **state)
{
	(void)state;
	domains(4, 4);
	w.addresses = 1;
	w.conf.domain[0].probe.timeout_ms = 4000;
	w.conf.domain[1].deliver.tls = CONF_TLS_REQUIRE;
	w.conf.domain[2].deliver.tls = CONF_TLS_REQUIRE;
	configure();
	fake_loop_advance(w.loop, 1000);
	assert_int_equal(w.sessions, 4);
}

static void
who_moves_has_a_session_of_its_own(void **state)
{
	(void)state;
	domains(10, 10);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 10, 12);
	w.addresses = 2;
	fake_loop_advance(w.loop, INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 20, 24);
}

/* Whose session it is goes away in the midst of it. */
static void
the_leader_leaves(void **state)
{
	(void)state;
	domains(3, 3);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.probe_ms = 500;
	for (unsigned i = 0; i < 100 && w.running == 0; i++)
		fake_loop_advance(w.loop, INTERVAL_MS / 100);
	assert_int_equal(w.running, 1);
	domains(1, 1); /* d0, or the one that asks for it */
	configure();
	w.sessions = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_in_range(w.sessions, 4, 6);
	domains(0, 1);
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.running, 0);
}

/* Until there is a place among our connections. */
static void
a_probe_waits_for_its_place(void **state)
{
	struct place *p;

	(void)state;
	domains(2, 2);
	w.addresses = 1;
	w.full = true;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.sessions, 0);
	assert_int_equal(w.places, 1); /* both wait for one */
	p = w.waits;
	assert_non_null(p);
	w.full = false;
	p->go(p->arg);
	assert_int_equal(w.sessions, 1);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.places, 0); /* the session has ended */
	/* Dropped while it waits. */
	w.full = true;
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.places, 1);
	domains(0, 1);
	configure();
	assert_int_equal(w.places, 0);
}

/* One domain, up; from now on every session is silent for so many intervals. */
static struct watch_domain *
silent_world(unsigned intervals)
{
	domains(1, 1);
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_UP);
	w.silent = intervals;
	w.running_max = w.sessions = 0;
	return watch_domain(w.ws, "d00000.test");
}

/* Silence counts by the interval; the next session is begun when it has made the
 * primary down, and never more than one beside it. */
static void
silence_is_told(void **state)
{
	struct watch_domain *d;

	(void)state;
	d = silent_world(1000);
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	assert_true(d->link[0].watch->slow_ms > 0);
	assert_int_equal(d->health.state, HEALTH_SUSPECT);
	assert_int_equal(w.running_max, 1);
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_DOWN);
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(w.running_max, 2);
	assert_in_range(w.sessions, 4, 10);
	assert_int_equal(schedule_load(w.s).probing, w.running);
	/* It is back, and what was mute is not waited for. */
	w.silent = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_UP);
	assert_int_equal(d->link[0].watch->slow_ms, 0);
	assert_int_equal(w.running, 0);
	assert_int_equal(w.places, 0);
}

/* A server that greets later than it takes to call it down is heard out. */
static void
late_is_heard_out(void **state)
{
	struct watch_domain *d;

	(void)state;
	d = silent_world(12);
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_DOWN);
	assert_int_equal(w.running, 2);
	assert_int_equal(w.places, 2);
	for (unsigned i = 0; d->link[0].watch->health.streak == 0; i++) {
		assert_true(i < 80);
		fake_loop_advance(w.loop, INTERVAL_MS / 10);
	}
	assert_int_equal(w.running_max, 2);
	assert_in_range(w.running, 0, 1); /* the next one */
	/* So much silence is usual now, and does not count. */
	w.silent = 1;
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_UP);
	assert_int_equal(w.running, w.places);
}

/* Whoever goes takes its sessions along, with their places; what they asked for
 * may have gone before. */
static void
overdue_and_gone(void **state)
{
	(void)state;
	w.addresses = 1;
	domains(6, 6);
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	w.silent = 1000;
	fake_loop_advance(w.loop, 8 * INTERVAL_MS);
	assert_int_equal(w.running, 2);
	for (unsigned n = 5; n > 0; n--) {
		domains(n, n);
		configure();
		fake_loop_advance(w.loop, INTERVAL_MS);
		assert_in_range(w.running, 0, 2);
		assert_in_range(w.places, 0, 2);
	}
	w.silent = 0;
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_UP);
	assert_int_equal(w.running, 0);
	assert_int_equal(w.places, 0);
	w.silent = 1000;
	fake_loop_advance(w.loop, 8 * INTERVAL_MS);
	domains(0, 1);
	configure();
	fake_loop_advance(w.loop, 0);
	assert_int_equal(w.running, 0);
	assert_int_equal(w.places, 0);
}

/* They count among the sessions that may go on at once, and take at most half. */
static void
overdue_is_bounded(void **state)
{
	(void)state;
	w.conf.probe_concurrency = 10;
	domains(12, 12);
	configure();
	w.silent = 1000;
	for (unsigned i = 0; i < 400; i++) {
		fake_loop_advance(w.loop, INTERVAL_MS / 4);
		assert_in_range(w.running, 0, 10);
	}
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(watch_state(w.ws, world_domain[i]),
		    HEALTH_DOWN);
	w.silent = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(watch_state(w.ws, world_domain[i]), HEALTH_UP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_of_one_address_share_a_session),
		T(names_of_one_address_by_mx),
		T(only_equal_policies_share),
		T(who_moves_has_a_session_of_its_own),
		T(the_leader_leaves),
		T(a_probe_waits_for_its_place),
		T(silence_is_told),
		T(late_is_heard_out),
		T(overdue_and_gone),
		T(overdue_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
