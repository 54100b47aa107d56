/* SPDX-License-Identifier: ISC
 * test_control_queue: what is selected among the messages that are queued, how a
 * list of them is sorted and cut, and what is done with each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control_world.h"

/* What is to be listed is the queue's to find; the texts live with the request. */
static void
listings_are_filtered(void **state)
{
	struct peer p;

	(void)state;
	assert_has(ask(&p,
		       "{\"verb\":\"queue\",\"sender\":\"\","
		       "\"older\":\"1h\"}"),
	    "\"rc\":0");
	peer_close(&p);
	assert_non_null(fake.wanted.sender);
	assert_null(fake.wanted.rcpt);
	assert_in_range(clock_wall_ms() - fake.wanted.before_ms, 3599000,
	    3700000);
	assert_has(ask(&p,
		       "{\"verb\":\"queue\",\"recipient\":"
		       "\"ada@example.org\"}"),
	    "\"rc\":0");
	peer_close(&p);
	assert_non_null(fake.wanted.rcpt);
	assert_null(fake.wanted.sender);
	assert_int_equal(fake.wanted.before_ms, 0);
	assert_has(ask(&p,
		       "{\"verb\":\"queue\",\"pattern\":\"*.example.org\","
		       "\"client\":\"192.0.2.0/24\",\"state\":"
		       "\"deferred,held\",\"younger\":\"2h\",\"larger\":"
		       "\"1K\",\"smaller\":\"1M\",\"reply\":\"452\"}"),
	    "\"rc\":0");
	peer_close(&p);
	assert_non_null(fake.wanted.domain);
	assert_non_null(fake.wanted.client);
	assert_non_null(fake.wanted.reply);
	assert_int_equal(fake.wanted.states,
	    1u << MSG_DEFERRED | 1u << MSG_HELD);
	assert_int_equal(fake.wanted.larger, 1024);
	assert_int_equal(fake.wanted.smaller, 1024 * 1024);
	assert_in_range(clock_wall_ms() - fake.wanted.after_ms, 7199000,
	    7300000);
	assert_has(ask(&p, "{\"verb\":\"mailq\",\"older\":\"1h\"}"),
	    "takes no");
	peer_close(&p);
}

static const struct {
	const char *fields, *error;
} wrong[] = {
	{ "\"older\":\"soon\"", "\\\"soon\\\" is no age" },
	{ "\"younger\":\"0\"", "\\\"0\\\" is no age" },
	{ "\"larger\":\"big\"", "\\\"big\\\" is no size" },
	{ "\"client\":\"example.org\"", "is no address and no prefix" },
	{ "\"state\":\"held,queued\"", "\\\"queued\\\" is no state" },
	{ "\"state\":\"\"", "is no state" },
	{ "\"sort\":\"colour\"", "nothing to sort by: age, size" },
	{ "\"limit\":\"0\"", "is no limit" },
	{ "\"limit\":\"99999999\"", "is no limit" },
	{ "\"domain\":\"a.example\",\"pattern\":\"*\"", "usage: queue" },
};

static void
wrong_selections_are_refused(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(wrong); i++) {
		char *request =
		    mem_printf("{\"verb\":\"queue\",%s}", wrong[i].fields);
		const char *answer = ask(&p, request);

		assert_has(answer, "\"rc\":2");
		assert_has(answer, wrong[i].error);
		peer_close(&p);
		mem_free(&request);
	}
}

/* The order of the ids in the answer, as far as they are in it. */
static void
assert_order(const char *answer, const char *const *ids)
{
	char key[40];

	for (; *ids != NULL; ids++) {
		(void)snprintf(key, sizeof(key), "{\"id\":\"%s\",", *ids);
		answer = strstr(answer, key);
		assert_non_null(answer);
	}
}

static void
listings_are_sorted(void **state)
{
	static const char *const by_sender[] = { "6A2", "6A1", "6A1.1", "6A3",
		NULL },
				 *const by_domain[] = { "6A1.1", "6A1", "6A2",
					 "6A3", NULL },
				 *const reversed[] = { "6A1", "6A2", "6A3",
					 "6A1.1", NULL };
	const char *answer;
	struct peer p;

	(void)state;
	assert_order(ask(&p, "{\"verb\":\"queue\",\"sort\":\"sender\"}"),
	    by_sender);
	peer_close(&p);
	assert_order(ask(&p, "{\"verb\":\"queue\",\"sort\":\"domain\"}"),
	    by_domain);
	peer_close(&p);
	assert_order(ask(&p,
			 "{\"verb\":\"queue\",\"sort\":\"domain\","
			 "\"reverse\":true}"),
	    reversed);
	peer_close(&p);
	answer =
	    ask(&p, "{\"verb\":\"queue\",\"sort\":\"sender\",\"limit\":\"1\"}");
	assert_has(answer, "{\"id\":\"6A2\"");
	assert_null(strstr(answer, "6A1"));
	assert_has(answer, "\"messages\":4,\"bytes\":8192,\"shown\":1}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"queue\",\"limit\":\"2\"}");
	assert_has(answer, "\"messages\":4,\"bytes\":8192,\"shown\":2}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"queue\",\"count\":true}");
	assert_string_equal(answer,
	    "{\"done\":true,\"rc\":0,\"messages\":4,\"bytes\":8192,"
	    "\"shown\":0}\n");
	peer_close(&p);
}

/* Of many the last few: those are kept, and no others. */
static void
long_listings_are_sorted(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fake.big = 5000;
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"reverse\":true,\"sort\":\"age\",\"limit\":\"3\"}");
	assert_has(answer, "\"messages\":5000,");
	assert_has(answer, "\"shown\":3}");
	peer_close(&p);
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"sort\":\"size\"}");
	assert_has(answer, "\"messages\":5000,");
	assert_has(answer, "\"shown\":1000}");
	peer_close(&p);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(listings_are_filtered),
		TEST(wrong_selections_are_refused),
		TEST(listings_are_sorted),
		TEST(long_listings_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
