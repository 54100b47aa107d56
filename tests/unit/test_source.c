/* SPDX-License-Identifier: ISC
 * test_source: when a source is asked, and what is known of it, in virtual time;
 * the fetch thread is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/fetch.h"
#include "fetch/source.h"
#include "tests/unit/fake_loop.h"

#define MINUTE	  INT64_C(60000)
#define ASKED_MAX 64

/* ---- the fetch thread */

static struct {
	void (*fn)(struct mail *, void *);
	void *arg;
	uint64_t token[ASKED_MAX]; /* of the requests under way, in order */
	char url[ASKED_MAX][64];
	unsigned n, all;
} there;

struct loop_io *
loop_mailbox(struct loop *loop MX_UNUSED, struct mailbox *mb MX_UNUSED,
    void (*fn)(struct mail *, void *), void *arg)
{
	there.fn = fn;
	there.arg = arg;
	return NULL;
}

void
loop_io_destroy(struct loop_io **io MX_UNUSED)
{
}

struct fetch_client *
fetch_client_create(struct fetcher *f MX_UNUSED, struct mailbox *box MX_UNUSED,
    int kind MX_UNUSED)
{
	static char client;

	memset(&there.token, 0, sizeof(there.token));
	there.n = there.all = 0;
	return (struct fetch_client *)(void *)&client;
}

void
fetch_client_destroy(struct fetch_client **clp)
{
	*clp = NULL;
}

void
fetch_send(struct fetch_client *cl MX_UNUSED, struct message *m,
    const struct carry *c)
{
	assert_true(there.n < ASKED_MAX);
	there.token[there.n] = c->token;
	strlcpy(there.url[there.n], m->url != NULL ? m->url : "", 64);
	there.n++;
	there.all++;
	message_fini(m);
}

void
fetch_answer_free(struct fetch_answer **ap)
{
	mem_free(ap);
}

void
fetch_answer_drop(struct fetch_answer **ap)
{
	mem_free(ap);
}

/* The first of those under way ends. */
static void
answer(const struct send_result *r)
{
	struct fetch_answer *a = mem_alloc(sizeof(*a));

	assert_true(there.n > 0);
	a->result = *r;
	a->token = there.token[0];
	there.n--;
	memmove(there.token, there.token + 1, there.n * sizeof(uint64_t));
	memmove(there.url, there.url + 1, there.n * sizeof(there.url[0]));
	there.fn(&a->mail, there.arg);
}

static const struct send_result good = { .result = CARRY_SENT },
				same = { .result = CARRY_SENT,
					.unchanged = true },
				bad = { .result = CARRY_RETRY, .text = "no" };

/* ---- the world */

static struct loop *loop;
static struct source_set *set;
static unsigned told;

static void
on_told(void *arg MX_UNUSED)
{
	told++;
}

static void
begin(unsigned connections)
{
	struct source_conf conf = { .interval_ms = 10 * MINUTE,
		.timeout_ms = 30000,
		.size_max = 1000,
		.connections = connections };

	fake_time_reset();
	loop = loop_create();
	told = 0;
	set = source_set_create(loop);
	source_set_conf(set, &conf);
	source_set_start(set, NULL);
}

static void
finish(void)
{
	source_set_destroy(&set);
	loop_destroy(&loop);
}

static struct source *
open_source(unsigned n)
{
	char spec[64], path[64];

	snprintf(spec, sizeof(spec), "https://lists.test/%u", n);
	snprintf(path, sizeof(path), "/nowhere/%u", n);
	return source_begin(set, spec, path, NULL, on_told, NULL);
}

/* How long until something is asked; in seconds. */
static int64_t
until_asked(int64_t at_most_s)
{
	for (int64_t s = 0; s <= at_most_s; s++) {
		if (there.n > 0)
			return s;
		fake_loop_advance(loop, 1000);
	}
	return -1;
}

#define assert_about(is, want)                                                 \
	assert_in_range(is, (want) - (want) / 10 - 1, (want) + (want) / 10 + 1)

/* ---- tests */

/* At once, then each interval, whatever the answer was. */
static void
test_interval(void **state MX_UNUSED)
{
	struct source *s;

	begin(4);
	s = open_source(1);
	assert_int_equal(there.n, 1);
	assert_false(source_state(s)->tried);
	answer(&good);
	assert_int_equal(told, 1);
	assert_int_equal(source_state(s)->confirmed_ms, clock_wall_ms());
	for (unsigned i = 0; i < 20; i++) {
		assert_about(until_asked(700), 600);
		answer(i % 2 != 0 ? &good : &same);
	}
	assert_int_equal(source_set_counts(set).changed, 11);
	assert_int_equal(source_set_counts(set).unchanged, 10);
	source_end(&s);
	fake_loop_advance(loop, 20 * MINUTE);
	assert_int_equal(there.n, 0);
	finish();
}

/* An hour without a word: it is asked sooner at first, and how old the list is
 * counts from when it was confirmed last. Over a restart the file knows that. */
static void
test_an_hour_of_silence(void **state MX_UNUSED)
{
	static const int64_t wait[] = { 30, 60, 120, 240, 480, 600, 600, 600,
		600, 600 };
	struct send_result silence = bad;
	struct source *s;
	int64_t confirmed;

	begin(4);
	s = open_source(1);
	answer(&good);
	confirmed = source_state(s)->confirmed_ms;
	assert_about(until_asked(700), 600);
	for (unsigned i = 0; i < MX_COUNT(wait); i++) {
		answer(&bad);
		assert_int_equal(source_state(s)->failures, i + 1);
		assert_string_equal(source_state(s)->error, "no");
		assert_int_equal(source_state(s)->confirmed_ms, confirmed);
		assert_about(until_asked(700), wait[i]);
	}
	answer(&same);
	assert_int_equal(source_state(s)->failures, 0);
	assert_string_equal(source_state(s)->error, "");
	assert_true(source_state(s)->confirmed_ms > confirmed + 60 * MINUTE);
	source_end(&s);
	s = open_source(1);
	silence.had_ms = confirmed;
	answer(&silence);
	assert_int_equal(source_state(s)->confirmed_ms, confirmed);
	/* It may ask for more time, not for less. */
	assert_about(until_asked(100), 30);
	silence.retry_after_ms = 1000;
	answer(&silence);
	assert_about(until_asked(100), 60);
	silence.retry_after_ms = 3600000;
	answer(&silence);
	assert_about(until_asked(4000), 3600);
	answer(&good);
	source_end(&s);
	finish();
}

/* So many at once, the others in their order; one that hangs has its place only. */
static void
test_a_line(void **state MX_UNUSED)
{
	struct source *s[20];

	begin(3);
	for (unsigned i = 0; i < 20; i++)
		s[i] = open_source(i);
	assert_int_equal(there.n, 3);
	for (unsigned i = 0; i < 17; i++) {
		answer(&good);
		assert_int_equal(there.n, 3);
	}
	assert_string_equal(there.url[2], "https://lists.test/19");
	assert_int_equal(there.all, 20);
	for (unsigned i = 0; i < 20; i++)
		source_ask(s[i], NULL);
	/* Those under way are asked again behind their answer. */
	while (there.n > 0)
		answer(&same);
	fake_loop_advance(loop, 0);
	while (there.n > 0)
		answer(&same);
	assert_int_equal(there.all, 40);
	/* One that ends in the line, or while it is under way, is told nothing. */
	for (unsigned i = 0; i < 20; i++)
		source_ask(s[i], NULL);
	told = 0;
	for (unsigned i = 0; i < 20; i++)
		source_end(&s[i]);
	assert_int_equal(there.n, 3);
	while (there.n > 0)
		answer(&good);
	assert_int_equal(told, 0);
	assert_int_equal(there.all, 43);
	finish();
}

/* A clock that is set back makes nothing wait longer. */
static void
test_clock_set_back(void **state MX_UNUSED)
{
	struct source *s;

	begin(1);
	s = open_source(1);
	answer(&good);
	fake_time_step(FAKE_WALL_MS - 86400000);
	assert_about(until_asked(700), 600);
	answer(&same);
	assert_int_equal(source_state(s)->confirmed_ms, clock_wall_ms());
	source_end(&s);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_an_hour_of_silence),
		cmocka_unit_test(test_a_line),
		cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
