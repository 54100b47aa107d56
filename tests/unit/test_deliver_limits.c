/* SPDX-License-Identifier: ISC
 * What a host bears, and how its connections are shared: between messages, the
 * transactions of one message, domains, and a probe. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "deliver_world.h"

static bool
failed_twice(void)
{
	return t.bad >= 2;
}

/* What a host has shown is known to the deliverer after it: no recipient is
 * asked for in vain. */
static void
limit_outlives(void **state)
{
	struct deliver_host_view v;

	(void)state;
	sink.rcpt_max = 2;
	add("a@example.org b@example.org c@example.org");
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.messages, 2);
	assert_int_equal(sink.rcpts, 4);
	assert_true(
	    deliver_host_view(t.deliver, "mx1.example.org", NULL, NULL, &v));
	assert_int_equal(v.max_rcpts, 2);
	restart();
	assert_false(
	    deliver_host_view(t.deliver, "mx1.example.org", NULL, NULL, &v));
	add("a@example.org b@example.org c@example.org");
	fake_want();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.messages, 4);
	assert_int_equal(sink.rcpts, 7);
	assert_true(
	    deliver_host_view(t.deliver, "mx1.example.org", NULL, NULL, &v));
	assert_int_equal(v.max_rcpts, 2);
	assert_true(v.latency_ns > 0);
}

static unsigned
window_max(void)
{
	struct deliver_host_view v;

	assert_true(
	    deliver_host_view(t.deliver, "mx1.example.org", NULL, NULL, &v));
	return v.window_max;
}

/* The smallest number of those that are told, by name and by address, and, of a
 * domain that nobody else knows to be there, its own. */
static void
bound_by_the_smallest(void **state)
{
	struct route_host *h = &fake.route.host[0];
	char key[HOST_KEY_MAX];

	(void)state;
	t.most = 6;
	t.most_at = 5;
	fake.domain.deliver.connections = 4;
	add("a@example.org");
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(window_max(), 4);
	host_key(h, NULL, key);
	deliver_bound(t.deliver, "mx1.example.org", 3);
	assert_int_equal(window_max(), 3);
	deliver_bound_at(t.deliver, key, 2);
	assert_int_equal(window_max(), 2);
	deliver_bound_at(t.deliver, key, 9);
	assert_int_equal(window_max(), 3);
	deliver_bound(t.deliver, "mx1.example.org", 9);
	assert_int_equal(window_max(), 4);
	deliver_bound(t.deliver, "unknown.example.org", 1);
	deliver_bound_at(t.deliver, " 192.0.2.1:25", 1);
	assert_int_equal(window_max(), 4);
	/* After a reload its own number does not count while others know of it:
	 * it is among theirs. */
	t.counts = true;
	t.most = 9;
	deliver_configure(t.deliver, &fake.conf, &self);
	add("a@example.org");
	fake_want();
	WAIT_FOR(all_quiet);
	assert_int_equal(window_max(), 9);
}

static void
reuse(void **state)
{
	unsigned i;

	(void)state;
	fake.domain.deliver.max_messages = 2;
	for (i = 0; i < 5; i++)
		add("a@example.org");
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.messages, 5);
	assert_int_equal(sink.conns, 3);
}

static void
ages(void **state)
{
	(void)state;
	fake.domain.deliver.max_age_ms = 1;
	sink.dot_delay_ms = 10;
	for (int i = 0; i < 3; i++)
		add("a@example.org");
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.messages, 3);
	assert_int_equal(sink.conns, 3);
}

/* RFC 9422: so many transactions of a session, so many recipients of each. */
static void
limits(void **state)
{
	struct fake_job *j = add("a@example.org b@example.org c@example.org "
				 "d@example.org e@example.org");

	(void)state;
	sink.ehlo = "250-sink\r\n250 LIMITS MAILMAX=2 RCPTMAX=2\r\n";
	fake.again = true;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(envelope_count(j->env, RCPT_DELIVERED), 5);
	assert_int_equal(sink.messages, 3);
	assert_int_equal(sink.rcpts, 5);
	assert_int_equal(sink.conns, 2);
	assert_int_equal(j->tried, 1);
	assert_int_equal(j->lost, 1); /* to be had at once */
}

/* A message for u0 to uN@example.org. */
static struct fake_job *
add_many(unsigned many)
{
	static char rcpts[450 * 24];
	size_t n = 0;

	for (unsigned i = 0; i < many; i++)
		n += (size_t)snprintf(rcpts + n, sizeof(rcpts) - n,
		    "%su%u@example.org", i > 0 ? " " : "", i);
	return add(rcpts);
}

static void
hundreds(void **state)
{
	struct fake_job *j = add_many(250);

	(void)state;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(envelope_count(j->env, RCPT_DELIVERED), 250);
	assert_int_equal(sink.messages, 3);
	assert_int_equal(sink.rcpts, 250);
	assert_int_equal(j->tried, 1);
}

/* The connection has an end between two transactions of one message, whatever
 * that looks like: nobody gets it twice, and the limit is learned as if it were
 * between two messages. */
static void
enough_inside(void **state)
{
	struct deliver_host_view v;
	struct fake_job *j;

	for (int e = 0; e < ENOUGH_MAX; e++) {
		if (e > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		sink.messages_max = 2;
		sink.enough = (enum enough)e;
		fake.again = true;
		j = add_many(450);
		start();
		WAIT_FOR(all_quiet);
		assert_int_equal(envelope_count(j->env, RCPT_DELIVERED), 450);
		if (sink.messages != 5 || sink.conns != 3 || j->tried != 1 ||
		    j->lost != 2 || j->returned != 0 || t.bad != 0)
			fail_msg("%d: %d messages, %d connections, %u tried, "
				 "%u lost, %u returned",
			    e, sink.messages, sink.conns, j->tried, j->lost,
			    j->returned);
		assert_true(deliver_host_view(t.deliver, "mx1.example.org",
		    NULL, NULL, &v));
		assert_int_equal(v.max_messages, 2);
	}
}

static bool
all_delivered(void)
{
	return fake_idle() && sink.messages == (int)fake.njobs;
}

/* Those of the order from `from` to `to`. */
static unsigned
turns(const char *domain, size_t from, size_t to)
{
	unsigned n = 0;

	for (size_t i = from; i < to; i++)
		n += strcmp(fake.order[i], domain) == 0;
	return n;
}

/* Domains of one host take turns on one connection, a message each, however
 * much one of them has. */
static void
domains_share(void **state)
{
	static const char *const domains[] = { "big.example", "s1.example",
		"s2.example" };

	(void)state;
	fake.want = NULL;
	fake.conf.defaults.deliver.connections = 1;
	for (int i = 0; i < 5; i++)
		add("a@big.example");
	for (int i = 0; i < 2; i++) {
		add("a@s1.example");
		add("a@s2.example");
	}
	start();
	deliver_want(t.deliver, "big.example", 1);
	deliver_want(t.deliver, "s1.example", 1);
	deliver_want(t.deliver, "s2.example", 1);
	WAIT_FOR(all_delivered);
	assert_int_equal(sink.conns, 1);
	for (size_t i = 0; i < MX_COUNT(domains); i++)
		assert_int_equal(turns(domains[i], 0, 3), 1);
	/* Of whom the next message is not loaded in time lets one pass. */
	assert_int_equal(turns("s1.example", 3, 7), 1);
	assert_int_equal(turns("s2.example", 3, 7), 1);
}

/* A name that is verified for TLS shares with nobody of another name. */
static void
verified_names_do_not_share(void **state)
{
	(void)state;
	fake.want = NULL;
	fake.conf.defaults.deliver.tls = CONF_TLS_REQUIRE;
	fake.own_names = true;
	add("a@s1.example");
	add("a@s2.example");
	start();
	deliver_want(t.deliver, "s1.example", 1);
	deliver_want(t.deliver, "s2.example", 1);
	WAIT_FOR(failed_twice);
	assert_int_equal(sink.messages, 0);
	assert_int_equal(t.phase, SMTP_PHASE_STARTTLS);
}

static bool
foreign_idle(void)
{
	return deliver_connections(t.deliver) > 0 && sink.conns > 0;
}

/* Half of the connections are for the domains we are the backup of, however
 * many our notifications would like. */
static void
foreign_share(void **state)
{
	(void)state;
	fake.conf.deliver_connections = 4;
	fake.spread = true;
	fake.want = NULL;
	start();
	for (int i = 0; i < 6; i++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "s%d.example", i);
		deliver_want(t.deliver, domain, 3);
	}
	WAIT_FOR(foreign_idle);
	assert_int_equal(deliver_connections(t.deliver), 2);
	fake.want = on_want;
	add("a@example.org");
	fake_want();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.dots, 1);
}

static unsigned gone_in;

static void
on_place(void *arg)
{
	(void)arg;
	gone_in++;
}

static bool
in_and_alone(void)
{
	return gone_in == 1 && no_connections();
}

/* A probe waits until a delivery has ended its message, and nobody is opened
 * beside it; afterwards the deliveries go on. */
static void
a_place_comes_first(void **state)
{
	struct place p = { .go = on_place };
	struct route_host h = { .naddrs = 1 };

	(void)state;
	gone_in = 0;
	fake.domain.deliver.connections = 1;
	fake.domain.deliver.idle_ms = 60000;
	sink.dot_delay_ms = 20;
	for (int i = 0; i < 6; i++)
		add("a@example.org");
	start();
	WAIT_FOR(got_dot);
	h.port = sink.port;
	assert_int_equal(addr_parse(&h.addr[0], "127.0.0.1", 0, ':'), 0);
	assert_false(deliver_place_take(t.deliver, &p, &h, NULL));
	WAIT_FOR(in_and_alone);
	assert_in_range(sink.dots, 1, 3);
	deliver_place_give_back(t.deliver, &p);
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.dots, 6);
	assert_int_equal(sink.conns, 2);
	/* One that is idle ends for it; one that waits may give up. */
	assert_false(deliver_place_take(t.deliver, &p, &h, NULL));
	deliver_place_give_back(t.deliver, &p);
	assert_false(deliver_place_take(t.deliver, &p, &h, NULL));
	gone_in = 0;
	WAIT_FOR(in_and_alone);
	deliver_place_give_back(t.deliver, &p);
	/* Nobody counts where nothing was ever delivered. */
	h.port++;
	assert_true(deliver_place_take(t.deliver, &p, &h, NULL));
	deliver_place_give_back(t.deliver, &p);
	assert_int_equal(gone_in, 1);
}

static unsigned looks;

static bool
some_looks(void)
{
	return ++looks > 20;
}

/* All that a host bears are probes that hang: nobody tries it, so that no
 * delivery can find out. The probe does, and who waits there goes elsewhere. */
static void
down_while_in_line(void **state)
{
	struct place p = { .go = on_place };
	struct route_host h = { .naddrs = 1, .port = 1 };

	(void)state;
	gone_in = 0;
	fake.domain.deliver.connections = 1;
	fake.route.n = 0;
	fake_host("mx0.example.org", 1, 5);
	fake_host("mx1.example.org", sink.port, 10);
	add("a@example.org");
	start();
	WAIT_FOR(all_quiet); /* the first is known, and refuses */
	assert_int_equal(sink.messages, 1);
	deliver_recovered(t.deliver, &fake.route.host[0], NULL);
	h = fake.route.host[0];
	if (deliver_place_take(t.deliver, &p, &h, NULL))
		gone_in = 1;
	add("b@example.org");
	fake_want();
	looks = 0;
	WAIT_FOR(some_looks);
	assert_int_equal(gone_in, 1);
	assert_int_equal(fake.job[1].taken, 0); /* it stands in line */
	t.down = "mx0.example.org";
	deliver_choose_again(t.deliver, "example.org");
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.messages, 2);
	assert_int_equal(fake.job[1].tried, 1);
	deliver_place_give_back(t.deliver, &p);
	deliver_choose_again(t.deliver, "unknown.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(limit_outlives),
		T(bound_by_the_smallest),
		T(reuse),
		T(ages),
		T(limits),
		T(hundreds),
		T(enough_inside),
		T(domains_share),
		T(verified_names_do_not_share),
		T(foreign_share),
		T(a_place_comes_first),
		T(down_while_in_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
