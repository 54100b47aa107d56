/* SPDX-License-Identifier: ISC
 * Messages behind messages on one connection: what goes together, what each of
 * them is told, and that all arrive once however it ends. Over real connections
 * to a server that does CHUNKING, and to one that does PIPELINING alone. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "deliver_world.h"

#define CHUNKS                                                                 \
	"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 10000000\r\n"
#define MANY 12

static bool by_data; /* no CHUNKING is offered */

/* A server, one connection at a time, and n messages for it. */
static void
world(unsigned n)
{
	char rcpt[64];

	sink.ehlo = by_data ? NULL : CHUNKS;
	sink.hold_ms = 20; /* where more is expected it is waited for longer */
	fake.domain.deliver.connections = 1;
	fake.conf.defaults.deliver.connections = 1;
	fake.window = 20;
	fake.again = true;
	for (unsigned i = 0; i < n; i++) {
		snprintf(rcpt, sizeof(rcpt), "m%u@example.org", i);
		add(rcpt);
	}
}

static void
anew(void **state)
{
	teardown(state);
	assert_int_equal(setup(state), 0);
}

static int
contents(void)
{
	return by_data ? sink.dots : sink.chunks;
}

static unsigned
sum_lost(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < fake.njobs; i++)
		n += fake.job[i].lost;
	return n;
}

/* All are there, each `most` times at most. */
static void
assert_all(const char *what, int most)
{
	for (unsigned i = 0; i < fake.njobs; i++)
		if (fake.job[i].env->rcpts[0].state != RCPT_DELIVERED ||
		    sink.copies[i] < 1 || sink.copies[i] > most)
			fail_msg("%s: m%u is there %d times", what, i,
			    sink.copies[i]);
	assert_true(fake_balanced());
}

static void
behind_each_other(void **state)
{
	(void)state;
	world(MANY);
	sink.hold_ms = 1000;
	start();
	WAIT_FOR(all_quiet);
	assert_all("", 1);
	assert_int_equal(contents(), MANY);
	assert_int_equal(sink.conns, 1);
	assert_int_equal(sum_lost(), 0);
	/* The first is a canary, and nothing comes behind the last. */
	assert_int_equal(sink.behind, MANY - 2);
	assert_int_equal(sink.len, strlen(TEXT));
	assert_memory_equal(sink.body, TEXT, sink.len);
	assert_int_equal(t.ok, MANY);
}

/* What has nothing behind it. */
static void
one_at_a_time(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			anew(state);
		world(MANY);
		if (i == 0)
			fake.domain.deliver.pipeline_depth = 1;
		for (unsigned j = 0; i == 1 && j < MANY; j++)
			fake.job[j].job.canary = true;
		for (unsigned j = 0; i == 2 && j < MANY; j++)
			fake.job[j].job.alone = true;
		if (i == 3) /* the window is never found out */
			fake.domain.deliver.connections = 100;
		start();
		WAIT_FOR(all_quiet);
		assert_all("alone", 1);
		assert_int_equal(contents(), MANY);
		assert_int_equal(sink.behind, 0);
	}
}

/* Every second one of those that are alone: neither behind another, nor another
 * behind it. */
static void
some_alone(void **state)
{
	(void)state;
	world(MANY);
	for (unsigned i = 0; i < MANY; i += 2)
		fake.job[i].job.alone = true;
	start();
	WAIT_FOR(all_quiet);
	assert_all("some alone", 1);
	assert_int_equal(sink.behind, 0);
}

/* What goes by DATA although there is CHUNKING, beside what does not. */
static void
without_pipelining(void **state)
{
	(void)state;
	world(MANY);
	sink.ehlo = "250 sink\r\n";
	start();
	WAIT_FOR(all_quiet);
	assert_all("step by step", 1);
	assert_int_equal(sink.dots, MANY);
	assert_int_equal(sink.behind, 0);
}

/* Larger than what is held in memory: one chunk, nothing with it. */
static void
large(void **state)
{
	size_t len = 700000;
	char *body = mem_alloc(len);

	(void)state;
	world(3);
	memset(body, 'x', len);
	for (size_t i = 70; i < len; i += 70)
		memcpy(body + i, "\r\n.", 3);
	memcpy(body + len - 2, "\r\n", 2);
	fake_add("s@sender.example", "m3@example.org", body, len);
	fake_add("s@sender.example", "m4@example.org", body, len);
	start();
	WAIT_FOR(all_quiet);
	assert_all("large", 1);
	assert_int_equal(contents(), 5);
	assert_int_equal(sink.len, len);
	assert_memory_equal(sink.body, body, len);
	free(body);
}

/* Each recipient has its own result, whatever is before and behind it. */
static void
results(void **state)
{
	static const char *const rcpts[] = { "m0@example.org",
		"bad@example.org", "m2@example.org",
		"later@example.org bad@example.org", "m4@example.org",
		"m5@example.org bad@example.org later@example.org",
		"bad@example.org", "bad2@example.org", "m8@example.org" };
	struct fake_job *j;

	(void)state;
	world(0);
	sink.hold_ms = 1000;
	fake.again = false;
	for (unsigned i = 0; i < MX_COUNT(rcpts); i++)
		add(rcpts[i]);
	start();
	WAIT_FOR(all_quiet);
	assert_true(sink.behind > (by_data ? 2 : 3));
	for (unsigned i = 0; i < fake.njobs; i++) {
		j = &fake.job[i];
		assert_int_equal(j->tried, 1);
		assert_int_equal(j->lost + j->returned, 0);
		for (unsigned n = 0; n < j->env->nrcpts; n++) {
			const struct rcpt *r = &j->env->rcpts[n];
			enum rcpt_state want = RCPT_DELIVERED;

			if (strncmp(r->mailbox, "bad", 3) == 0)
				want = RCPT_FAILED;
			else if (strncmp(r->mailbox, "later", 5) == 0)
				want = RCPT_PENDING;
			if (r->state != want)
				fail_msg("%u: %s is %d", i, r->mailbox,
				    r->state);
		}
	}
	assert_int_equal(sink.conns, 1);
	assert_int_equal(sink.messages, 5);
}

static void
content_refused(void **state)
{
	(void)state;
	world(MANY);
	fake.again = false;
	sink.bdat = sink.dot = "451 4.3.0 no\r\n";
	start();
	WAIT_FOR(all_quiet);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(fake.job[i].tried, 1);
		assert_int_equal(fake.job[i].env->rcpts[0].code, 451);
	}
	assert_int_equal(sink.messages, 0);
}

/* The connection goes at each step, of the first message or of one with others
 * behind it, by a close or a reset. */
static void
cut(void **state)
{
	const struct {
		enum step at;
		int most; /* copies of one message */
	} cases[] = { { AT_MAIL, 1 }, { AT_RCPT, 1 },
		{ by_data ? AT_DATA : AT_BDAT, 1 },
		{ by_data ? AT_DOT : AT_CHUNK, 2 } };
	char what[64];
	int copies, reset;

	for (unsigned i = 0; i < 2 * 3 * MX_COUNT(cases); i++) {
		if (i > 0)
			anew(state);
		world(MANY);
		sink.close_at = cases[i / 6].at;
		sink.close_conns = 1;
		sink.close_after = (int)(i / 2 % 3) * 4;
		sink.rst = i % 2 != 0;
		start();
		WAIT_FOR(all_quiet);
		snprintf(what, sizeof(what), "%u", i);
		/* An end with input unread is a reset: it may take the last 250
		 * of those before with it. */
		reset = sink.close_after > 0;
		assert_all(what, reset ? 2 : cases[i / 6].most);
		copies = sink.messages - MANY;
		if (copies > (cases[i / 6].most == 2) + reset)
			fail_msg("%u: %d too many", i, copies);
		/* Those behind it were not tried. */
		if (sum_lost() > 1)
			fail_msg("%u: %u lost", i, sum_lost());
		assert_int_equal(sink.conns, 2);
	}
}

/* A server that has enough of a connection: nobody is lost, and with a word of
 * it nobody is tried in vain. One that only closes resets: what it said last
 * may not have come, and is said twice. */
static void
closes(void **state)
{
	struct deliver_host_view v;
	bool word;

	for (int e = 0; e < ENOUGH_MAX; e++) {
		if (e > 0)
			anew(state);
		world(MANY);
		sink.messages_max = 3;
		sink.enough = (enum enough)e;
		word = e == ENOUGH_421 || e == ENOUGH_421_AT_ONCE;
		start();
		WAIT_FOR(all_quiet);
		assert_all("closes", word ? 1 : 2);
		assert_true(sum_lost() <= (word ? 0 : 4));
		assert_int_equal(t.bad, 0);
		assert_true(deliver_host_view(t.deliver, "mx1.example.org",
		    NULL, NULL, &v));
		if (word)
			assert_int_equal(v.max_messages, 3);
	}
}

/* Its limit is known, also when it says it by a close alone: it never has
 * anything unread. */
static void
within_the_limit(void **state)
{
	struct host_memory *m = t.reach.memory;
	struct host known;
	char key[HOST_KEY_MAX];

	(void)state;
	world(MANY);
	host_init(&known, 1);
	host_closed_after(&known, 3, loop_now(t.loop));
	host_closed_after(&known, 3, loop_now(t.loop));
	host_memory_host(m, host_key(&fake.route.host[0], NULL, key), &known,
	    loop_now(t.loop));
	sink.messages_max = 3;
	sink.enough = ENOUGH_SHUT_AT_ONCE;
	start();
	WAIT_FOR(all_quiet);
	assert_all("limit", 1);
	assert_int_equal(sum_lost(), 0);
	assert_int_equal(sink.conns, MANY / 3);
	assert_true(sink.behind > 0);
}

/* A server that offers what it cannot do gets DATA, at once and from then on,
 * and no message pays for it. */
static void
stumbles(void **state)
{
	static const char *const says[] = { "500 5.5.1 what\r\n",
		"502 5.5.1 no\r\n", "503 5.5.1 when\r\n", "354 go on\r\n",
		NULL };
	unsigned tried;

	for (unsigned i = 0; i < MX_COUNT(says); i++) {
		if (i > 0)
			anew(state);
		world(MANY);
		sink.bdat = says[i];
		if (says[i] == NULL) {
			sink.close_at = AT_BDAT;
			sink.close_conns = 100;
		}
		start();
		WAIT_FOR(all_quiet);
		assert_all("stumbles", 1);
		assert_int_equal(sink.dots, MANY);
		assert_int_equal(sum_lost(), 0);
		tried = 0;
		for (unsigned j = 0; j < MANY; j++)
			tried += fake.job[j].tried;
		assert_int_equal(tried, MANY);
		assert_int_equal(sink.conns, i < 3 ? 1 : 2);
		assert_int_equal(t.bad, 0);
		restart(); /* it is known to the deliverer after it */
		add("m12@example.org");
		fake_want();
		WAIT_FOR(all_quiet);
		assert_int_equal(sink.dots, MANY + 1);
	}
}

/* One more for a deliverer that has just started; how many chunks it took. */
static int
chunks_of(const char *rcpt)
{
	int before = sink.chunks;

	add(rcpt);
	fake_want();
	WAIT_FOR(all_quiet);
	return sink.chunks - before;
}

/* Is it shown, before anything is delivered there? */
static bool
shown_as_stumbled(void)
{
	const struct route_host *h = &fake.route.host[0];
	struct deliver_host_view v;
	bool known = deliver_host_view(t.deliver, h->label, h, NULL, &v);

	assert_int_equal(v.window, 0);
	assert_int_equal(known, v.chunks_off_ns > 0);
	return known;
}

/* An operator's word goes for one that nobody has met since the start, too, and
 * for the start after that. */
static void
stumble_forgotten(void **state)
{
	const struct route_host *h = &fake.route.host[0];

	(void)state;
	world(MANY);
	sink.bdat = "502 5.5.1 no\r\n";
	start();
	WAIT_FOR(all_quiet);
	sink.bdat = NULL;
	restart();
	assert_int_equal(chunks_of("m12@example.org"), 0);
	restart();
	assert_true(shown_as_stumbled());
	deliver_chunks_again(t.deliver, h->label, h, NULL);
	assert_false(shown_as_stumbled());
	assert_int_equal(chunks_of("m13@example.org"), 1);
	restart();
	assert_int_equal(chunks_of("m14@example.org"), 1);
	assert_all("stumble forgotten", 1);
}

/* One that does chunks, and is confused by what comes behind one. */
static void
stumbles_behind(void **state)
{
	(void)state;
	world(MANY);
	sink.rset = "503 5.5.1 not now\r\n";
	start();
	WAIT_FOR(all_quiet);
	/* It refuses RSET, and yet takes what is behind it: nobody waits to see
	 * that. */
	assert_all("stumbles behind", 2);
	assert_true(sink.messages <= MANY + 2);
	assert_int_equal(sum_lost(), 0);
	assert_true(sink.dots >= MANY - 3);
	assert_int_equal(sink.conns, 2);
}

/* One that does not know what to do with a command behind a final dot gets one
 * message at a time, at once and from then on, and no message pays for it. */
static void
stumbles_behind_a_dot(void **state)
{
	static const char *const says[] = { "503 5.5.1 nested\r\n",
		"554 5.5.0 synchronization error\r\n", NULL };

	for (unsigned i = 0; i < MX_COUNT(says); i++) {
		if (i > 0)
			anew(state);
		world(MANY);
		sink.behind_mail = says[i];
		sink.deaf = says[i] == NULL;
		start();
		WAIT_FOR(all_quiet);
		assert_all("stumbles behind a dot", 1);
		assert_int_equal(sum_lost(), 0);
		assert_int_equal(sink.behind, 1);
		assert_int_equal(sink.conns, says[i] != NULL ? 1 : 2);
		assert_int_equal(t.bad, 0);
		restart();
		add("m12@example.org");
		add("m13@example.org");
		add("m14@example.org");
		fake_want();
		WAIT_FOR(all_quiet);
		assert_int_equal(sink.behind, 1);
	}
}

/* A message whose content does not hold leaves those around it alone. */
static void
damaged(void **state)
{
	(void)state;
	world(MANY);
	fake.job[5].body[9] ^= 1;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(fake.job[5].damaged, 1);
	assert_int_equal(sink.copies[5], 0);
	assert_int_equal(sink.messages, MANY - 1);
	assert_int_equal(sink.conns, 1);
}

static bool
is_deep(void)
{
	return contents() >= 3 && fake.out >= 2;
}

/* A shutdown with messages under way: each has one end. */
static void
ends_in_flight(void **state)
{
	(void)state;
	world(MANY);
	fake.again = false;
	sink.dot_delay_ms = 50;
	start();
	WAIT_FOR(is_deep);
	fake.want = NULL;
	deliver_destroy(&t.deliver);
	assert_true(fake_balanced());
}

static void
on_drained(void *arg)
{
	(void)arg;
	t.drained = true;
}

static bool
has_drained(void)
{
	return t.drained;
}

/* A drain waits for all that is under way, and begins nothing. */
static void
drains_in_flight(void **state)
{
	(void)state;
	world(MANY);
	sink.dot_delay_ms = 50;
	start();
	WAIT_FOR(is_deep);
	deliver_drain(t.deliver, on_drained, NULL);
	WAIT_FOR(has_drained);
	assert_int_equal(fake.out, 0);
	assert_int_equal(sum_lost(), 0);
	assert_true(sink.messages < MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(sink.copies[i], fake.job[i].tried);
}

static int
setup_data(void **state)
{
	by_data = true;
	return setup(state);
}

static int
teardown_data(void **state)
{
	by_data = false;
	return teardown(state);
}

#define DATA(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup_data, teardown_data)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(behind_each_other),
		T(one_at_a_time),
		T(some_alone),
		T(without_pipelining),
		T(large),
		T(results),
		T(content_refused),
		T(cut),
		T(closes),
		T(within_the_limit),
		T(stumbles),
		T(stumble_forgotten),
		T(stumbles_behind),
		T(damaged),
		T(ends_in_flight),
		T(drains_in_flight),
		DATA(behind_each_other),
		DATA(one_at_a_time),
		DATA(some_alone),
		DATA(large),
		DATA(results),
		DATA(content_refused),
		DATA(cut),
		DATA(closes),
		DATA(within_the_limit),
		DATA(stumbles_behind_a_dot),
		DATA(damaged),
		DATA(ends_in_flight),
		DATA(drains_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
