/* SPDX-License-Identifier: ISC
 * test_host_memory: what is known of hosts goes through a file and back, ages by
 * the wall clock wherever that clock goes, is bounded, and is refused as a whole
 * when it is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "primary/host_memory.h"

#define SEC  INT64_C(1000000000)
#define MS   INT64_C(1000000)
#define WALL INT64_C(1700000000)
#define DAY  INT64_C(86400)
#define KEY  " 192.0.2.7:25"

static struct host_memory *mem;
static char dir[] = "/tmp/host-memory.XXXXXX", path[64];

static int
setup(void **state)
{
	(void)state;
	mem = host_memory_create(4);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	host_memory_destroy(&mem);
	return 0;
}

/* A host that has shown all its limits by `now`. */
static struct host
taught(int64_t now)
{
	struct smtp_reply slow = { .code = 450,
		.has_status = true,
		.status = { 4, 7, 1 },
		.text = (char *)(uintptr_t) "rate limited" };
	struct host h;

	host_init(&h, 20);
	host_closed_after(&h, 100, now);
	host_closed_after(&h, 100, now);
	host_rcpts_after(&h, 50, now);
	assert_true(host_rate_reply(&h, &slow, now));
	window_success(&h.window, 1, 800 * MS, now);
	h.open = h.greeted = h.ready = 5;
	assert_int_equal(
	    host_connect_failed(&h, SMTP_PHASE_CONNECT, 0, false, now, now),
	    HOST_CROWDED);
	h.taken_ns = now;
	host_stumbled(&h, now);
	return h;
}

static struct host
recalled(const char *key, int64_t now)
{
	struct host h;

	host_init(&h, 20);
	host_memory_recall(mem, key, &h, now);
	return h;
}

static unsigned
messages_later(int64_t now, int64_t later)
{
	struct host h = recalled(KEY, now);

	return host_limit_value(&h.messages, later);
}

static unsigned
rcpts_at(int64_t now)
{
	struct host h = recalled(KEY, now);

	return host_limit_value(&h.rcpts, now);
}

/* The memory of a process that starts at (now, wall) from what one at (was,
 * was_wall) wrote. */
static void
restart(int64_t was, int64_t was_wall, int64_t now, int64_t wall)
{
	struct host_memory_copy *c = host_memory_copy(mem, was, was_wall);

	assert_int_equal(host_memory_write(c, path), 0);
	host_memory_copy_destroy(&c);
	host_memory_destroy(&mem);
	mem = host_memory_create(4);
	assert_int_equal(host_memory_read(mem, path, now, wall), 0);
	assert_false(host_memory_changed(mem));
}

static void
limits(void **state)
{
	int64_t now = 5000 * SEC;
	struct host h = taught(now);

	(void)state;
	assert_false(host_memory_changed(mem));
	host_memory_host(mem, KEY, &h, now);
	assert_true(host_memory_changed(mem));
	/* Another monotonic clock, ten seconds later by the wall. */
	restart(now, WALL, 7 * SEC, WALL + 10);
	h = recalled(KEY, 7 * SEC);
	assert_int_equal(host_limit_value(&h.messages, 7 * SEC), 100);
	assert_int_equal(host_limit_value(&h.rcpts, 7 * SEC), 50);
	assert_int_equal(h.gap_ns, HOST_GAP_MIN);
	assert_int_equal(h.window.ceiling, 5);
	assert_int_equal(h.window.baseline_ns, 800 * MS);
	assert_false(host_takes_chunks(&h, 7 * SEC));
	/* It is alone at first, and the sixth is asked for 30 s after the last
	 * time, not after the start. */
	assert_true(h.window.canary);
	assert_int_equal(h.window.trial_ns, WINDOW_TRIAL_MIN);
	h.window.canary = false;
	h.window.size = 6;
	assert_false(window_room(&h.window, 5, 26 * SEC));
	assert_true(window_room(&h.window, 5, 28 * SEC));
	/* Of others nothing is known. */
	h = recalled(" 192.0.2.8:25", 7 * SEC);
	assert_int_equal(h.window.ceiling, 0);
	assert_int_equal(host_limit_value(&h.messages, 7 * SEC), 0);
}

/* What is above the policy's most is no ceiling. */
static void
policy(void **state)
{
	struct host h = taught(SEC);

	(void)state;
	host_memory_host(mem, KEY, &h, SEC);
	host_init(&h, 5);
	host_memory_recall(mem, KEY, &h, SEC);
	assert_int_equal(h.window.ceiling, 0);
}

/* A day, by the wall clock: whatever part of it the process did not run. */
static void
ages(void **state)
{
	int64_t now = 5000 * SEC, ran = 20 * 3600;
	struct host h = taught(now);

	(void)state;
	host_memory_host(mem, KEY, &h, now);
	restart(now + ran * SEC, WALL + ran, SEC, WALL + DAY - 10);
	assert_int_equal(messages_later(SEC, SEC), 100);
	assert_int_equal(messages_later(SEC, 12 * SEC), 0);
	assert_int_equal(recalled(KEY, 12 * SEC).window.ceiling, 0);
	assert_int_equal(recalled(KEY, 12 * SEC).gap_ns, 0);
	assert_int_equal(recalled(KEY, 12 * SEC).stumbled_ns, 0);
	restart(12 * SEC, WALL + DAY + 1, SEC, WALL + DAY + 1);
	assert_int_equal(host_memory_len(mem), 0);
}

/* A clock that was a year ahead when the file was written, and one that is now:
 * a day from here at most, and nothing sooner than a day by the wall. */
static void
clock_leaps(void **state)
{
	int64_t now = 5000 * SEC, at = SEC;
	struct host h = taught(now);

	(void)state;
	host_memory_host(mem, KEY, &h, now);
	for (int i = 0; i < 3; i++) {
		restart(now, i == 0 ? WALL + 365 * DAY : WALL, at, WALL);
		assert_int_equal(rcpts_at(at), 50);
		now = at += 8 * 3600 * SEC;
	}
	restart(now, WALL + DAY, SEC, WALL + DAY);
	assert_int_equal(rcpts_at(SEC), 0);
	/* A leap while we run changes no age. */
	h = taught(at);
	host_memory_host(mem, KEY, &h, at);
	restart(at + 60 * SEC, WALL + 30 * DAY, SEC, WALL + 30 * DAY);
	assert_int_equal(rcpts_at(SEC), 50);
}

static void
nothing_new(void **state)
{
	int64_t now = 5000 * SEC;
	struct host h;
	struct host_memory_copy *c;

	(void)state;
	host_init(&h, 20);
	host_memory_host(mem, KEY, &h, now);
	assert_int_equal(host_memory_len(mem), 0);
	assert_false(host_memory_changed(mem));
	h = taught(now);
	host_memory_host(mem, KEY, &h, now);
	c = host_memory_copy(mem, now, WALL);
	host_memory_copy_destroy(&c);
	/* The same again, and a latency that wavers. */
	now += 60 * SEC;
	host_closed_after(&h, 100, now);
	h.window.baseline_ns += 100 * MS;
	host_memory_host(mem, KEY, &h, now);
	assert_false(host_memory_changed(mem));
	/* Small steps add up. */
	h.window.baseline_ns += 150 * MS;
	host_memory_host(mem, KEY, &h, now);
	assert_true(host_memory_changed(mem));
	c = host_memory_copy(mem, now, WALL);
	host_memory_copy_destroy(&c);
	/* An hour later it is worth a day more. */
	now += 3600 * SEC;
	host_closed_after(&h, 100, now);
	host_memory_host(mem, KEY, &h, now);
	assert_true(host_memory_changed(mem));
}

static void
bounded(void **state)
{
	struct host h = taught(SEC);
	char key[32];

	(void)state;
	for (int i = 0; i < 6; i++) {
		(void)snprintf(key, sizeof(key), " 192.0.2.%d:25", i);
		host_memory_host(mem, key, &h, SEC);
		h.rcpts.value++; /* the first one is learned again */
		host_memory_host(mem, " 192.0.2.0:25", &h, SEC);
	}
	assert_int_equal(host_memory_len(mem), 2 * 4); /* of each kind */
	assert_int_equal(recalled(" 192.0.2.0:25", SEC).window.ceiling, 5);
	assert_int_equal(recalled(" 192.0.2.2:25", SEC).window.ceiling, 0);
	assert_int_equal(recalled(" 192.0.2.5:25", SEC).window.ceiling, 5);
	/* Those used last are those kept when the file is read with less room. */
	restart(SEC, WALL, SEC, WALL);
	assert_int_equal(host_memory_len(mem), 2 * 4); /* of each kind */
	assert_int_equal(recalled(" 192.0.2.0:25", SEC).window.ceiling, 5);
}

static void
tls_of_addresses(void **state)
{
	struct address_book *book = address_book_create(10);
	struct net_addr a4, a6;
	int64_t clear_after = 300 * SEC, now = 5000 * SEC;
	struct address *a;

	(void)state;
	assert_int_equal(addr_parse(&a4, "192.0.2.7:25", 0, ':'), 0);
	assert_int_equal(addr_parse(&a6, "[2001:db8::7]:2525", 0, ':'), 0);
	a = address_book_get(book, &a4);
	address_good(a, now);
	host_memory_address(mem, &a4, a, now);
	assert_int_equal(host_memory_len(mem), 0);
	address_tls_ok(a, now);
	host_memory_address(mem, &a4, a, now);
	a = address_book_get(book, &a6);
	address_tls_ok(a, now - 3 * SEC);
	host_memory_address(mem, &a6, a, now);
	address_book_destroy(&book);
	restart(now, WALL, SEC, WALL + 3600);
	book = address_book_create(10);
	host_memory_addresses(mem, book);
	assert_int_equal(address_book_count(book), 2);
	/* It fails now: a downgrade is believed no sooner than before. */
	a = address_book_get(book, &a4);
	address_tls_failed(a, true, SEC);
	assert_false(address_may_clear(a, clear_after, 2 * SEC));
	assert_true(address_may_clear(a, clear_after, SEC + clear_after));
	assert_true(address_did_tls(address_book_peek(book, &a6), SEC));
	assert_false(address_did_tls(address_book_peek(book, &a6),
	    SEC + (DAY - 3600) * SEC));
	address_book_destroy(&book);
}

static void
tls_of_primaries(void **state)
{
	int64_t last = 0, since = 0;

	(void)state;
	host_memory_primary(mem, "never.test", 0, 0, SEC);
	assert_int_equal(host_memory_len(mem), 0);
	host_memory_primary(mem, "mx.test", WALL - 3 * DAY, WALL - 2 * DAY,
	    SEC);
	restart(2 * SEC, WALL, SEC, WALL + 5 * DAY);
	host_memory_recall_primary(mem, "mx.test", &last, &since);
	assert_int_equal(last, WALL - 3 * DAY);
	assert_int_equal(since, WALL - 2 * DAY);
	/* It is over. */
	host_memory_primary(mem, "mx.test", WALL + 5 * DAY, 0, SEC);
	assert_true(host_memory_changed(mem));
	restart(2 * SEC, WALL + 5 * DAY, SEC, WALL + 5 * DAY);
	host_memory_recall_primary(mem, "mx.test", &last, &since);
	assert_int_equal(since, 0);
	/* Nobody has asked it for a month. */
	restart(2 * SEC, WALL + 5 * DAY, SEC, WALL + 36 * DAY);
	assert_int_equal(host_memory_len(mem), 0);
	/* From the future. */
	host_memory_primary(mem, "mx.test", WALL + 9, WALL + 9, SEC);
	restart(SEC, WALL + 9, SEC, WALL);
	host_memory_recall_primary(mem, "mx.test", &last, &since);
	assert_int_equal(since, WALL);
}

#define HEAD  "mxwatch-hosts 1\n"
#define HOST  "host 100 1700000000 0 0 5 30000 1700000000 0 0 8 1700000000 " KEY
#define ADDR  "address 1700000000 192.0.2.7:25"
#define OTHER "primary 1700000000 0 1700000000 mx.test"

static void
whole(void **state)
{
	static const char text[] = HEAD HOST "\n" ADDR "\n" OTHER "\nend 3\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		assert_int_equal(host_memory_parse(mem, text, n, SEC, WALL),
		    -MX_ECORRUPT);
		assert_int_equal(host_memory_len(mem), 0);
	}
	assert_int_equal(
	    host_memory_parse(mem, text, sizeof(text) - 1, SEC, WALL), 0);
	assert_int_equal(host_memory_len(mem), 3);
}

static void
damaged(void **state)
{
	static const char *const bad[] = {
		HEAD HOST "\nend 2\n",
		HEAD HOST "\nend 1\nend 1\n",
		HEAD HOST "\nend 1\n\n",
		HEAD "\nend 1\n",
		HEAD "host\nend 1\n",
		HEAD "hosts 1 " KEY "\nend 1\n",
		HEAD "address -1 192.0.2.7:25\nend 1\n",
		HEAD "address 17x 192.0.2.7:25\nend 1\n",
		HEAD "address 9223372036854775807 192.0.2.7:25\nend 1\n",
		HEAD "address 1700000000 192.0.2.7\nend 1\n",
		HEAD "address 1700000000 mx.test:25\nend 1\n",
		HEAD "address 1700000000  192.0.2.7:25\nend 1\n",
		HEAD "primary 1700000000 0 1700000000 \nend 1\n",
		HEAD "primary 1700000000 0 1700000000 mx\ttest\nend 1\n",
		HEAD "host 0 0 0 0 5 700000 1700000000 0 0 8 0 " KEY
		     "\nend 1\n",
		HEAD "host 0 0 0 0 5 30000 1700000000 70000 0 8 0 " KEY
		     "\nend 1\n",
		"mxwatch-hosts 2\n" HOST "\nend 1\n",
		"",
	};

	(void)state;
	for (size_t i = 0; i < MX_COUNT(bad); i++) {
		assert_int_equal(
		    host_memory_parse(mem, bad[i], strlen(bad[i]), SEC, WALL),
		    -MX_ECORRUPT);
		assert_int_equal(host_memory_len(mem), 0);
	}
}

static void
no_file(void **state)
{
	struct host_memory_copy *c = host_memory_copy(mem, SEC, WALL);

	(void)state;
	(void)unlink(path);
	assert_int_equal(host_memory_read(mem, path, SEC, WALL), -MX_ENOENT);
	assert_int_equal(host_memory_read(mem, dir, SEC, WALL), -MX_ESYS);
	assert_true(host_memory_write(c, "/nowhere/host-memory") < 0);
	host_memory_copy_destroy(&c);
}

/* Where nobody has a memory. */
static void
none(void **state)
{
	struct host h = taught(SEC);
	int64_t last = 7, since = 8;

	(void)state;
	host_memory_host(NULL, KEY, &h, SEC);
	host_memory_recall(NULL, KEY, &h, SEC);
	host_memory_primary(NULL, "mx.test", 1, 1, SEC);
	host_memory_recall_primary(NULL, "mx.test", &last, &since);
	assert_int_equal(last + since, 15);
	assert_false(host_memory_changed(NULL));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(limits), T(policy), T(ages),
		T(clock_leaps), T(nothing_new), T(bounded), T(tls_of_addresses),
		T(tls_of_primaries), T(whole), T(damaged), T(no_file),
		T(none) };
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/host-memory", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(dir);
	return rc;
}
