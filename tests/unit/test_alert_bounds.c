/* SPDX-License-Identifier: ISC
 * The bounds of what alerting remembers and does: silences, the pace of what is
 * tried again, and counters that begin anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/memory.h"
#include "alerts/trend.h"
#include "base/mem.h"
#include "base/rnd.h"

#define T0   INT64_C(1800000000000)
#define SEC  INT64_C(1000)
#define SLOT (TREND_WINDOW_MS / TREND_SLOTS)

/* ---- chance, in place of base/rnd.c */

static int64_t jittered, jitter_by;
static unsigned jitter_percent;

uint64_t
rnd_u64(void)
{
	return 4;
}

uint32_t
rnd_below(uint32_t bound)
{
	return 4 % bound;
}

int64_t
rnd_jitter(int64_t v, unsigned percent)
{
	jittered = v;
	jitter_percent = percent;
	return v + jitter_by;
}

/* Many daemons whose receiver comes back do not all ask it at once. */
static void
backoff_is_jittered(void **state)
{
	static const int64_t want[] = { 5, 10, 20, 40, 80, 160, 300, 300 };

	(void)state;
	assert_int_equal(outbox_backoff_ms(0, 0), 5 * SEC);
	for (unsigned i = 0; i < MX_COUNT(want); i++) {
		jitter_by = (int64_t)i * 7 - 20;
		assert_int_equal(outbox_backoff_ms(i + 1, 0),
		    want[i] * SEC + jitter_by);
		assert_int_equal(jittered, want[i] * SEC);
		assert_int_equal(jitter_percent, 20);
	}
	assert_int_equal(outbox_backoff_ms(UINT32_MAX, 0), 300 * SEC + 29);
	/* What the receiver asks for is the least, within an hour. */
	jitter_by = 0;
	assert_int_equal(outbox_backoff_ms(1, 4 * SEC), 5 * SEC);
	assert_int_equal(outbox_backoff_ms(1, 6 * SEC), 6 * SEC);
	assert_int_equal(outbox_backoff_ms(1, OUTBOX_RETRY_MAX + 1),
	    OUTBOX_RETRY_MAX);
}

/* ---- silences */

static void
silences_are_bounded(void **state)
{
	struct memory m, n;
	struct buf b = BUF_INIT(MEMORY_FILE_MAX);

	(void)state;
	memory_init(&m);
	memory_init(&n);
	for (unsigned i = 0; i < SILENCE_MAX; i++)
		assert_int_equal(memory_silence(&m, "a.test", T0,
				     T0 + (i == 7 ? 1 : 2) * SEC, "why"),
		    i + 1);
	assert_int_equal(memory_silence(&m, "b.test", T0, T0 + SEC, ""), 0);
	assert_int_equal(m.nsilences, SILENCE_MAX);
	/* all of them survive a restart */
	assert_int_equal(memory_write(&m, &b), 0);
	assert_int_equal(memory_read(&n, b.data, b.len), 0);
	assert_int_equal(n.nsilences, SILENCE_MAX);
	assert_int_equal(memory_silence(&n, "b.test", T0, T0 + SEC, ""), 0);
	/* one that is over makes room, and so does one that is taken back */
	assert_int_equal(
	    memory_silence(&m, "b.test", T0 + SEC, T0 + 9 * SEC, ""),
	    SILENCE_MAX + 1);
	assert_int_equal(
	    memory_silence(&m, "c.test", T0 + SEC, T0 + 9 * SEC, ""), 0);
	assert_false(memory_unsilence(&m, 8));
	assert_true(memory_unsilence(&m, 9));
	assert_false(memory_unsilence(&m, 9));
	assert_int_equal(
	    memory_silence(&m, "c.test", T0 + SEC, T0 + 9 * SEC, ""),
	    SILENCE_MAX + 2);
	memory_fini(&m);
	memory_fini(&n);
	buf_fini(&b);
}

static void
count_id(uint64_t id, void *arg)
{
	*(uint64_t *)arg += id;
}

/* Nodes of a cluster have one set: ids of their own, and what one tells another is
 * what it was. */
static void
silences_of_a_cluster(void **state)
{
	static const char *const wrong[] = { "", "1 2", "1 2  r", "a 2 m r",
		"1 x m r", "1 0 m r" };
	struct buf text = BUF_INIT(4096);
	struct memory a, b;
	struct silence s;
	uint64_t id, over = 0;

	(void)state;
	memory_init(&a);
	memory_init(&b);
	a.node = 3;
	b.node = 31;
	id = memory_silence(&a, "queue_age/a.test", T0, T0 + SEC,
	    "two  words\nand one");
	assert_int_equal(id, 3);
	assert_int_equal(memory_silence(&a, "b.test", T0, T0 + 9 * SEC, ""),
	    35);
	silence_write(memory_silence_find(&a, id), &text);
	assert_int_equal(silence_read(&s, id, text.data, text.len), 0);
	assert_memory_equal(&s, memory_silence_find(&a, id), sizeof(s));
	assert_true(memory_silence_add(&b, &s, T0));
	assert_false(memory_silence_add(&b, &s, T0)); /* heard again */
	assert_int_equal(memory_silence(&b, "c.test", T0, T0 + 9 * SEC, ""),
	    31);
	assert_int_equal(memory_silence(&b, "c.test", T0, T0 + 9 * SEC, ""),
	    63);
	/* those that are over are said, whoever's they are */
	memory_silences_over(&b, T0 + SEC, count_id, &over);
	assert_int_equal(over, 3);
	assert_int_equal(b.nsilences, 2);
	assert_false(memory_silence_add(&b, &s, T0 + SEC));
	for (size_t i = 0; i < MX_COUNT(wrong); i++)
		assert_int_equal(
		    silence_read(&s, 1, wrong[i], strlen(wrong[i])),
		    -MX_ECORRUPT);
	memory_fini(&a);
	memory_fini(&b);
	buf_fini(&text);
}

/* A file with more of them than there can be is none of ours. */
static void
a_file_with_too_many_silences(void **state)
{
	static const char head[] =
	    "{\"version\":1,\"last_silence\":9999,\"silences\":[";
	static const char tail[] =
	    "],\"failing\":[],\"instances\":[],\"outbox\":[]}";
	struct buf b = BUF_INIT(MEMORY_FILE_MAX);
	struct memory m;
	char one[160];

	(void)state;
	for (unsigned n = SILENCE_MAX; n <= SILENCE_MAX + 1; n++) {
		buf_clear(&b);
		assert_int_equal(buf_add(&b, head, strlen(head)), 0);
		for (unsigned i = 1; i <= n; i++) {
			snprintf(one, sizeof(one),
			    "%s{\"id\":%u,\"match\":\"a.test\",\"reason\":\"\","
			    "\"from_ms\":1,\"until_ms\":2}",
			    i > 1 ? "," : "", i);
			assert_int_equal(buf_add(&b, one, strlen(one)), 0);
		}
		assert_int_equal(buf_add(&b, tail, strlen(tail)), 0);
		memory_init(&m);
		assert_int_equal(memory_read(&m, b.data, b.len),
		    n > SILENCE_MAX ? -MX_ECORRUPT : 0);
		assert_int_equal(m.nsilences, n > SILENCE_MAX ? 0 : n);
		memory_fini(&m);
	}
	buf_fini(&b);
}

/* ---- trends */

/* The expired of that hour. */
static uint64_t
expired(struct trend *t, uint64_t count, int64_t now)
{
	struct snap_domain d = { .count.expired = count };

	trend_feed(t, &d, now);
	return trend_delta(&t->expired, count);
}

static void
an_hour_of_a_counter(void **state)
{
	struct trend t = { .left = 0 };

	(void)state;
	assert_int_equal(expired(&t, 100, T0), 0);
	assert_int_equal(expired(&t, 103, T0 + SLOT), 3);
	assert_int_equal(expired(&t, 107, T0 + 2 * SLOT), 7);
	assert_false(trend_full(&t.expired, T0 + 11 * SLOT - 1));
	assert_true(trend_full(&t.expired, T0 + 11 * SLOT));
	/* to within a slot: the three are an hour and a slot old */
	assert_int_equal(expired(&t, 107, T0 + 14 * SLOT - 1), 7);
	assert_int_equal(expired(&t, 107, T0 + 14 * SLOT), 4);
	assert_int_equal(expired(&t, 107, T0 + 15 * SLOT), 0);
	trend_fini(&t);
}

/* A domain that left and came back, or another daemon's snapshot: its hour
 * begins here, and nothing that was before counts, least of all 2^64. */
static void
a_counter_that_begins_anew(void **state)
{
	struct trend t = { .left = 0 };

	(void)state;
	assert_int_equal(expired(&t, 100, T0), 0);
	assert_int_equal(expired(&t, 109, T0 + SLOT), 9);
	/* below the last point */
	assert_int_equal(expired(&t, 108, T0 + 2 * SLOT), 0);
	assert_false(trend_full(&t.expired, T0 + 11 * SLOT));
	assert_true(trend_full(&t.expired, T0 + 13 * SLOT));
	/* below what it was before its window, without a point */
	assert_int_equal(expired(&t, 5, T0 + 3 * SLOT), 0);
	assert_int_equal(expired(&t, 6, T0 + 3 * SLOT + 1), 1);
	/* the clock goes back: before the window began, and within it */
	assert_int_equal(expired(&t, 7, T0), 0);
	assert_int_equal(expired(&t, 9, T0 + 5 * SLOT), 2);
	assert_int_equal(expired(&t, 9, T0 + 4 * SLOT), 0);
	assert_int_equal(expired(&t, 10, T0 + 4 * SLOT), 1);
	trend_fini(&t);
}

static double
rate(struct trend *t, uint64_t left, int64_t now)
{
	struct snap_domain d = { .count.delivered_messages = left };

	trend_feed(t, &d, now);
	return t->rate;
}

static void
a_rate_that_begins_anew(void **state)
{
	struct trend t = { .left = 0 };
	double r;

	(void)state;
	assert_true(rate(&t, 1000, T0) == 0);
	for (int i = 1; i <= 600; i++)
		r = rate(&t, 1000 + (uint64_t)i * 2, T0 + i * SEC);
	assert_true(r > 1.99 && r < 2.01);
	/* the same moment once more changes nothing */
	assert_true(rate(&t, 9999, T0 + 600 * SEC) == r);
	/* the counter fell: what it was stays, and goes on from here */
	assert_true(rate(&t, 10, T0 + 601 * SEC) == r);
	assert_true(rate(&t, 12, T0 + 602 * SEC) > 1.9);
	/* the clock went back */
	r = t.rate;
	assert_true(rate(&t, 14, T0) == r);
	for (int i = 1; i <= 3600; i++)
		r = rate(&t, 14, T0 + i * SEC);
	assert_true(r == 0);
	trend_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_is_jittered),
		cmocka_unit_test(silences_are_bounded),
		cmocka_unit_test(silences_of_a_cluster),
		cmocka_unit_test(a_file_with_too_many_silences),
		cmocka_unit_test(an_hour_of_a_counter),
		cmocka_unit_test(a_counter_that_begins_anew),
		cmocka_unit_test(a_rate_that_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
