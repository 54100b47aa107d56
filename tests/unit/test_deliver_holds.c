/* SPDX-License-Identifier: ISC
 * Mail that may not be handed on any more, from one moment on: another may be doing
 * it. Whatever was said of a message before, the server never has all of one of which
 * that was known when it was asked last: before the final dot, before the last of a
 * chunk, before a burst. Each such moment is tried in turn. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "deliver_world.h"

#define BURSTS "250-sink\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define CHUNKS "250-sink\r\n250 CHUNKING\r\n"
#define PLAIN  "250 sink\r\n"
#define BEHIND "250-sink\r\n250 PIPELINING\r\n"

static const struct way {
	const char *name, *ehlo;
	unsigned depth, n;
	unsigned looks; /* at each message */
	size_t len; /* of a body; 0: as short as TEXT */
} ways[] = {
	{ "DATA", PLAIN, 1, 5, 2, 0 },
	{ "DATA behind a dot", BEHIND, 2, 8, 2, 0 },
	{ "BDAT", CHUNKS, 1, 5, 2, 0 },
	{ "bursts of two", BURSTS, 2, 10, 1, 0 },
	{ "bursts of eight", BURSTS, 8, 20, 1, 0 },
	{ "DATA in pieces", BEHIND, 2, 3, 2, 700000 },
	{ "BDAT in pieces", BURSTS, 8, 3, 2, 700000 },
};

/* No two bodies are equal, for that is how the store knows them. */
static void
add_large(const char *rcpt, size_t len, unsigned i)
{
	char *text = mem_alloc(len);

	memset(text, 'a' + (int)i, len);
	for (size_t at = 78; at < len; at += 80)
		memcpy(text + at, "\r\n", 2);
	memcpy(text + len - 2, "\r\n", 2);
	fake_add("s@sender.example", rcpt, text, len);
	free(text);
}

static void
world(const struct way *w)
{
	char rcpt[64];

	sink.ehlo = w->ehlo;
	fake.domain.deliver.connections = 1;
	fake.domain.deliver.pipeline_depth = w->depth;
	fake.conf.defaults.deliver = fake.domain.deliver;
	fake.window = 20;
	for (unsigned i = 0; i < w->n; i++) {
		snprintf(rcpt, sizeof(rcpt), "m%u@example.org", i);
		if (w->len == 0)
			add(rcpt);
		else
			add_large(rcpt, w->len, i);
	}
}

static bool
all_back(void)
{
	return fake.out == 0 && (fake.lost || fake_idle());
}

/* All that was sent is read. */
static void
close_all(void)
{
	fake.want = NULL;
	deliver_destroy(&t.deliver);
	shutdown(sink.lfd, SHUT_RDWR);
	pthread_join(sink.thread, NULL);
	sink.thread = 0;
}

/* Returns how many messages were taken. */
static unsigned
check(const struct way *w, unsigned at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < fake.njobs; i++) {
		const struct fake_job *j = &fake.job[i];

		n += sink.copies[i] != 0;
		if (sink.copies[i] > 1 || (sink.copies[i] == 1 && !j->held))
			fail_msg("%s, look %u: m%u is there %d times", w->name,
			    at, i, sink.copies[i]);
		/* No outcome but of those that are there. */
		if (sink.copies[i] == 0 && j->tried + j->lost > 0)
			fail_msg("%s, look %u: m%u was tried", w->name, at, i);
	}
	return n;
}

static void
each_moment(void **state, const struct way *w)
{
	unsigned total = 0, at = 0;

	do {
		if (at > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		world(w);
		fake.lose_at = at;
		start();
		WAIT_FOR(all_back);
		close_all();
		if (at == 0) {
			total = fake.looks;
			assert_int_equal(total, w->looks * w->n);
			assert_int_equal(check(w, at), w->n);
		} else {
			assert_in_range(check(w, at), 0, w->n - 1);
		}
	} while (++at <= total);
}

static void
at_each_moment(void **state)
{
	for (unsigned i = 0; i < MX_COUNT(ways); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		each_moment(state, &ways[i]);
	}
}

/* Between two words of the server. */
static void
at_each_step(void **state)
{
	static const struct step_of {
		const struct way *way;
		enum step at;
	} steps[] = {
		{ &ways[0], AT_MAIL },
		{ &ways[0], AT_RCPT },
		{ &ways[0], AT_DATA },
		{ &ways[2], AT_MAIL },
		{ &ways[2], AT_RCPT },
		{ &ways[5], AT_DATA },
	};

	for (unsigned i = 0; i < MX_COUNT(steps); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		world(steps[i].way);
		sink.tell_at = steps[i].at;
		sink.told = &fake.lost;
		start();
		WAIT_FOR(all_back);
		close_all();
		assert_int_equal(sink.messages, 0);
		assert_int_equal(fake.job[0].returned, 1);
		assert_int_equal(fake.job[0].tried + fake.job[0].lost, 0);
	}
}

/* What earlier transactions of it brought is written down. */
static void
behind_another_batch(void **state)
{
	struct fake_job *j;

	(void)state;
	world(&(struct way){ "", PLAIN, 1, 0, 2, 0 });
	sink.rcpt_max = 1;
	j = add("m0@example.org m1@example.org");
	fake.lose_at = 3; /* to begin, the first dot, the second one */
	start();
	WAIT_FOR(all_back);
	close_all();
	assert_int_equal(sink.messages, 1);
	assert_int_equal(sink.copies[0], 1);
	assert_int_equal(sink.copies[1], 0);
	assert_int_equal(j->lost, 1);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(j->env->rcpts[1].state, RCPT_PENDING);
}

/* ---- what is not there */

static void
gone(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fake_job *j = add("m0@example.org");

		fake.vanished = true;
		fake.shared = i == 0;
		start();
		WAIT_FOR(all_quiet);
		assert_int_equal(j->gone, i == 0);
		assert_int_equal(j->damaged, i == 1);
		if (i == 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
	}
}

static void
gone_before_its_notice(void **state)
{
	struct fake_job *j = add("m0@example.org");

	(void)state;
	fake.vanished = fake.shared = true;
	bounce_expire(t.bounce, queue_take(NULL, "example.org"));
	WAIT_FOR(all_quiet);
	assert_int_equal(j->gone, 1);
	assert_int_equal(fake.nnotes, 0);
}

/* It was begun in time, and nobody is told of it twice. */
static void
no_notice(void **state)
{
	struct fake_job *j = add("m0@example.org");
	struct fake_job *k = add("m1@example.org");

	(void)state;
	bounce_expire(t.bounce, queue_take(NULL, "example.org"));
	bounce_warn(t.bounce, queue_take(NULL, "example.org"), 0);
	fake.lost = true;
	WAIT_FOR(nothing_pending);
	assert_int_equal(fake.nnotes, 0);
	assert_int_equal(j->returned, 1);
	assert_int_equal(k->returned, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(at_each_moment),
		T(at_each_step),
		T(behind_another_batch),
		T(gone),
		T(gone_before_its_notice),
		T(no_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
