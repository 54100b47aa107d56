/* SPDX-License-Identifier: ISC
 * test_queue_bytes: how much memory a queued message takes, counted by malloc: in
 * one domain, spread over many, all of them put off, held, decided in part, in the
 * vault. No time is measured. And what is held together by it: a million that come
 * and go leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/queue_quiet.h"

#define N	  60000u
#define MANY	  300000u
#define BYTES_MAX 150 /* a message, whatever becomes of it */

struct setting {
	struct quiet w;
	size_t before;
};

static int
setup(void **state)
{
	static struct setting s;

	quiet_create(&s.w);
	s.before = quiet_bytes(s.w.q);
	*state = &s;
	return 0;
}

static int
teardown(void **state)
{
	struct setting *s = *state;

	quiet_destroy(&s->w);
	return 0;
}

/* Number i, as one of so many domains; due at a time of its own, or now. */
static struct envelope_brief
make(unsigned i, unsigned domains, bool due)
{
	struct envelope_brief b = {
		.id = (uint64_t)(i + 1) << 8,
		.arrival_ms = FAKE_WALL_MS - (int64_t)(N - i) * 2500,
		.size = 4000,
		.nrcpts = 1,
	};

	b.due_ms = due ? b.arrival_ms :
			 FAKE_WALL_MS + 1 + (int64_t)(i * 7919u % 7200000u);
	snprintf(b.domain, sizeof(b.domain), "d%05u.example.org", i % domains);
	return b;
}

static void
fill(struct setting *s, unsigned domains, bool due, uint16_t flags)
{
	struct envelope_brief b;

	for (unsigned i = 0; i < N; i++) {
		b = make(i, domains, due);
		b.flags = flags;
		if (flags & ENV_VAULT)
			vault_add(s->w.q, &b);
		else
			assert_non_null(part_add(s->w.q, &b, FAKE_WALL_MS));
	}
}

static void
assert_bytes(struct setting *s, const char *what, size_t most)
{
	size_t each = (quiet_bytes(s->w.q) - s->before) / N;

	if (s->before == 0)
		skip(); /* the sanitizers' malloc does not tell */
	print_message("%s: %zu bytes each\n", what, each);
	assert_in_range(each, sizeof(struct part), most);
}

static void
test_ready(void **state)
{
	fill(*state, 1, true, 0);
	assert_bytes(*state, "ready, one domain", 95);
}

static void
test_put_off(void **state)
{
	fill(*state, 1, false, 0);
	assert_bytes(*state, "put off, one domain", 100);
}

static void
test_held(void **state)
{
	fill(*state, 1, true, ENV_HELD);
	assert_bytes(*state, "held, one domain", 95);
}

/* 50,000 domains of a million messages. */
static void
test_domains(void **state)
{
	fill(*state, N / 20, false, 0);
	assert_bytes(*state, "20 each in many domains", BYTES_MAX);
}

/* 300,000 domains of a million messages: each waits for a primary of its own that
 * is down, and for nothing else. */
static void
test_domains_small(void **state)
{
	fill(*state, N / 10 * 3, false, 0);
	assert_bytes(*state, "3.3 each in very many domains", BYTES_MAX);
}

/* The most that a domain of few parts may cost: one each. */
static void
test_domains_alone(void **state)
{
	fill(*state, N, false, 0);
	assert_bytes(*state, "a domain each", 360);
}

static void
test_vault(void **state)
{
	fill(*state, 1, true, ENV_VAULT);
	if (((struct setting *)*state)->before == 0)
		skip();
	assert_in_range((quiet_bytes(((struct setting *)*state)->w.q) -
			    ((struct setting *)*state)->before) /
		N,
	    1, BYTES_MAX);
}

/* Part of the recipients has it, the others wait. */
static void
test_decided(void **state)
{
	struct setting *s = *state;
	struct envelope_brief b;
	struct envelope *env = envelope_create();

	(void)envelope_add_rcpt(env, "ada@d00000.example.org");
	(void)envelope_add_rcpt(env, "bob@d00000.example.org");
	env->rcpts[0].state = RCPT_DELIVERED;
	s->before = quiet_bytes(s->w.q);
	for (unsigned i = 0; i < N; i++) {
		b = make(i, 1, false);
		b.nrcpts = env->nrcpts;
		b.env = env;
		assert_non_null(part_add(s->w.q, &b, FAKE_WALL_MS));
	}
	envelope_destroy(
	    &env); /* of no weight; a skipped test does not return */
	assert_bytes(s, "decided in part", BYTES_MAX);
}

/* All of it comes back; ids are looked up, and found once. */
static void
test_none_left(void **state)
{
	struct setting *s = *state;
	struct part *e;

	fill(s, 100, false, 0);
	for (unsigned i = 0; i < N; i++) {
		e = parts_find(s->w.q, (uint64_t)(i * 7u % N + 1) << 8);
		assert_non_null(e);
		part_forget(e);
		parts_give(s->w.q, e);
		assert_null(
		    parts_find(s->w.q, (uint64_t)(i * 7u % N + 1) << 8));
	}
	assert_int_equal(s->w.q->messages, 0);
	assert_int_equal(s->w.q->parts.slab.len, 0);
	fake_loop_settle(s->w.loop);
	if (s->before == 0)
		skip();
	/* a chunk of each slab, and what malloc keeps in its own lists */
	assert_true(quiet_bytes(s->w.q) - s->before <
	    SLAB_CHUNK * (sizeof(struct part) + s->w.q->parts.leaves.size) +
		100000);
}

/* Bytes of the process that are no pages of files, as the system sees it. */
static size_t
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size, all, files;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu %lu", &size, &all, &files), 3);
	fclose(f);
	return (all - files) * (size_t)sysconf(_SC_PAGESIZE);
}

/* A long outage and its end: what is delivered is the oldest and the newest in
 * turn, and the memory goes back to the system with it. */
static void
test_goes_back(void **state)
{
	struct setting *s = *state;
	size_t empty, full, half = 0;
	struct part *e;
	struct dest *d;

	if (s->before == 0)
		skip();
	empty = resident();
	for (unsigned i = 0; i < MANY; i++) {
		struct envelope_brief b = make(i, 1, true);

		assert_non_null(part_add(s->w.q, &b, FAKE_WALL_MS));
	}
	full = resident();
	d = dest_find(s->w.q, "d00000.example.org");
	for (unsigned i = 0; i < MANY; i++) {
		e = i % 2 == 0 ? order_min(d, ORDER_READY) :
				 order_max(d, ORDER_READY);
		part_forget(e);
		parts_give(s->w.q, e);
		if (i == MANY / 2)
			half = resident();
	}
	print_message("%u parts: %zu KB, of half %zu, of none %zu\n", MANY,
	    (full - empty) / 1024, (half - empty) / 1024,
	    (resident() - empty) / 1024);
	assert_true(half - empty < (full - empty) * 3 / 4);
	assert_true(resident() - empty < (full - empty) / 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: what another had of the heap is there already */
		cmocka_unit_test_setup_teardown(test_goes_back, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_domains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_domains_small, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_domains_alone, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_vault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decided, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_left, setup,
		    teardown),
	};

	mem_setup(); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
