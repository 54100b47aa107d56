/* SPDX-License-Identifier: ISC
 * The record of outages on the disk: a restart and a kill in the middle of one, a
 * file that was torn or damaged, a disk that fails or does not answer, and what is
 * kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/ledger_world.h"

/* It is the same outage afterwards, and nothing is invented of the time between. */
static void
restarts(bool killed)
{
	struct world_domain d;
	double id, failed;
	cJSON *r;

	domain_create(&d, DOMAIN);
	world_pass(1);
	failed = (double)clock_wall();
	primary_is(HEALTH_DOWN);
	domain_state(&d, HEALTH_DOWN);
	mail_comes(&d, 4);
	domain_tell(&d);
	world_pass(130);
	r = record(PRIMARY);
	id = json_get_num(r, "id");
	cJSON_Delete(r);
	if (killed) {
		world_kill();
	} else {
		world_stop();
		world_alive_now();
	}
	fake_loop_advance(loop, 500 * 1000);
	world_start();
	d.is->count.accepted_messages = 0; /* counters begin again */
	snap_domain_unref(&d.was);
	domain_state(&d, HEALTH_UNKNOWN);
	domain_tell(&d);
	world_pass(10);
	check_state(PRIMARY, "down");
	primary_is(HEALTH_DOWN);
	domain_state(&d, HEALTH_DOWN);
	mail_comes(&d, 1);
	domain_tell(&d);
	world_pass(20);
	primary_is(HEALTH_UP);
	domain_state(&d, HEALTH_UP);
	domain_tell(&d);
	world_pass(2);
	mail_goes(&d, 5);
	domain_tell(&d);
	world_pass(2);
	assert_int_equal(count(PRIMARY), 1);
	assert_int_equal(count(DOMAIN), 1);
	r = record(PRIMARY);
	check_num(r, "id", id);
	check_text(r, "state", "over");
	check_num(r, "failed", failed);
	check_num(r, "down_seconds", 160);
	check_num(r, "unwatched_seconds", 500);
	check_num(r, "accepted", 5);
	check_num(r, "delivered", 5);
	check_num(r, "flaps", 0);
	check_num(r, "depth", 5);
	check_text(cJSON_GetArrayItem(json_get(r, "marks"), 0), "what",
	    "restart");
	cJSON_Delete(r);
	r = record(DOMAIN);
	check_num(r, "accepted", 5);
	check_num(r, "down_seconds", 160);
	cJSON_Delete(r);
	r = record("mxwatchd");
	check_text(r, "kind", "daemon");
	check_num(r, "unwatched_seconds", 500);
	cJSON_Delete(r);
	domain_free(&d);
}

static void
an_outage_goes_on_behind_a_restart(void **state MX_UNUSED)
{
	restarts(false);
}

static void
an_outage_goes_on_behind_a_kill(void **state MX_UNUSED)
{
	restarts(true);
}

static void
a_torn_file_costs_its_last_line(void **state MX_UNUSED)
{
	struct buf text = BUF_INIT(1u << 20);

	primary_of("mx1.test", HEALTH_DOWN, "", false);
	primary_of("mx2.test", HEALTH_DOWN, "", false);
	world_pass(1);
	world_stop();
	assert_int_equal(file_load(path, &text, NULL), 0);
	for (size_t cut = text.len; cut-- > 0;) {
		assert_int_equal(file_replace(path, 0600, text.data, cut, NULL),
		    0);
		world_alive_now();
		world_start();
		assert_true(count(NULL) <= 2);
		if (cut == text.len - 1) /* only the end of the last line */
			assert_int_equal(count(NULL), 2);
		primary_of("mx3.test", HEALTH_DOWN, "", false);
		world_pass(2);
		world_stop();
		world_start(); /* what was written behind the tear is whole */
		assert_int_equal(count("mx3.test"), 1);
		world_stop();
		cut -= cut > 97 ? 96 : 0;
	}
	world_start();
	buf_fini(&text);
}

static void
a_bit_that_flips_costs_one_line(void **state MX_UNUSED)
{
	struct buf text = BUF_INIT(1u << 20);
	char *at;

	primary_of("mx1.test", HEALTH_DOWN, "", false);
	world_pass(1);
	primary_of("mx2.test", HEALTH_DOWN, "", false);
	world_pass(1);
	world_kill();
	assert_int_equal(file_load(path, &text, NULL), 0);
	while ((at = strstr(text.data, "mx1.test")) != NULL)
		*at ^= 1;
	assert_int_equal(file_replace(path, 0600, text.data, text.len, NULL),
	    0);
	world_alive_now();
	world_start();
	assert_int_equal(count("mx2.test"), 1);
	assert_int_equal(count(NULL), 1);
	buf_fini(&text);
}

static void
a_file_of_something_else_is_set_aside(void **state MX_UNUSED)
{
	char *bad = mem_printf("%s.bad", path);

	world_stop();
	assert_int_equal(file_replace(path, 0600, "hello\n", 6, NULL), 0);
	world_start();
	assert_int_equal(access(bad, F_OK), 0);
	primary_is(HEALTH_DOWN);
	world_pass(1);
	world_stop();
	world_start();
	assert_int_equal(count(PRIMARY), 1);
	assert_int_equal(unlink(bad), 0);
	mem_free(&bad);
}

/* The disk fails for a while: all is there in the end. */
static void
a_disk_that_fails_is_caught_up_with(void **state MX_UNUSED)
{
	primary_of("mx1.test", HEALTH_DOWN, "", false);
	world_pass(1);
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	primary_of("mx2.test", HEALTH_DOWN, "", false);
	world_pass(2);
	assert_true(ledger_failing(ledger));
	primary_of("mx3.test", HEALTH_DOWN, "", false);
	world_pass(2);
	assert_int_equal(rmdir(path), 0);
	world_pass(61);
	assert_false(ledger_failing(ledger));
	world_kill();
	world_start();
	assert_int_equal(count(NULL), 3);
}

/* A disk that does not answer holds nobody up, and gets all of it later. */
static void
a_slow_disk_is_not_waited_for(void **state MX_UNUSED)
{
	world_pass(1);
	slow = true;
	primary_of("mx1.test", HEALTH_DOWN, "", false);
	world_pass(2);
	assert_non_null(waiting);
	primary_of("mx2.test", HEALTH_DOWN, "", false);
	world_pass(100);
	slow = false;
	waiting->run(waiting);
	waiting->done(waiting);
	world_pass(1);
	world_kill();
	world_start();
	assert_int_equal(count(NULL), 2);
}

static void
the_file_does_not_grow_without_end(void **state MX_UNUSED)
{
	struct buf text = BUF_INIT(64u << 20);

	conf.merge_ms = 0;
	world_stop();
	world_start();
	for (unsigned i = 0; i < 3000; i++) {
		primary_is(i % 2 == 0 ? HEALTH_DOWN : HEALTH_UP);
		world_pass(1);
		if (i == 1500) {
			conf.max = 100;
			ledger_configure(ledger, &conf);
		}
	}
	assert_true(count(NULL) <= 101);
	assert_int_equal(file_load(path, &text, NULL), 0);
	assert_true(text.len < 1400 * 1000);
	buf_fini(&text);
}

static void
what_is_older_than_keep_goes(void **state MX_UNUSED)
{
	primary_of("mx1.test", HEALTH_DOWN, "", false);
	primary_of("mx2.test", HEALTH_DOWN, "", false);
	world_pass(1);
	primary_of("mx1.test", HEALTH_UP, "", false);
	world_pass(700);
	fake_loop_advance(loop, 729 * DAY_SEC * 1000);
	world_pass(1);
	assert_int_equal(count("mx1.test"), 1);
	fake_loop_advance(loop, 2 * DAY_SEC * 1000);
	world_pass(1);
	assert_int_equal(count("mx1.test"), 0);
	assert_int_equal(count("mx2.test"), 1); /* it goes on */
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_outage_goes_on_behind_a_restart),
		TEST(an_outage_goes_on_behind_a_kill),
		TEST(a_torn_file_costs_its_last_line),
		TEST(a_bit_that_flips_costs_one_line),
		TEST(a_file_of_something_else_is_set_aside),
		TEST(a_disk_that_fails_is_caught_up_with),
		TEST(a_slow_disk_is_not_waited_for),
		TEST(the_file_does_not_grow_without_end),
		TEST(what_is_older_than_keep_goes),
	};
	int rc;

	if (world_begin() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
