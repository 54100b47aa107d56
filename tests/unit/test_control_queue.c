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
	    "does not take");
	peer_close(&p);
}

static const struct {
	const char *fields, *error;
} wrong[] = {
	{ "\"older\":\"soon\"", "\\\"soon\\\" is not an age" },
	{ "\"younger\":\"0\"", "\\\"0\\\" is not an age" },
	{ "\"larger\":\"big\"", "\\\"big\\\" is not a size" },
	{ "\"client\":\"example.org\"", "is neither an address nor a prefix" },
	{ "\"state\":\"held,queued\"", "\\\"queued\\\" is not a state" },
	{ "\"state\":\"\"", "is not a state" },
	{ "\"sort\":\"colour\"", "is not a sort key: age, size" },
	{ "\"limit\":\"0\"", "is not a limit" },
	{ "\"limit\":\"99999999\"", "is not a limit" },
	{ "\"after\":\"6A1.x\"", "is not an id" },
	{ "\"after\":\"6A1\",\"sort\":\"size\"", "order of arrival" },
	{ "\"after\":\"6A1\",\"reverse\":true", "order of arrival" },
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
				 *const reversed[] = { "6A3", "6A2", "6A1",
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

/* A page begins behind the last id of the one before, and counts itself only. */
static void
pages_of_a_listing(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fake.big = 5000;
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"after\":\"0\",\"limit\":\"2\"}");
	assert_has(answer, "{\"id\":\"700004\"");
	assert_has(answer, "{\"id\":\"700005\"");
	assert_has(answer, "{\"done\":true,\"rc\":0,\"messages\":2,");
	peer_close(&p);
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"after\":\"700005\",\"limit\":\"1\",\"rcpts\":true}");
	assert_null(strstr(answer, "{\"id\":\"700005\""));
	assert_has(answer, "\"rcpts\":[");
	assert_has(answer, "{\"done\":true,\"rc\":0,\"messages\":1,");
	peer_close(&p);
	/* without a limit it goes to the end */
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"after\":\"700005\"}");
	assert_has(answer, "{\"done\":true,\"rc\":0,\"messages\":4998,");
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

/* ---- ages */

static void
ages_by_domain(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fake.big = 12; /* up to eleven days */
	answer = ask(&p, "{\"verb\":\"ages\"}");
	assert_has(answer,
	    "{\"domain\":\"big.example\",\"messages\":12,"
	    "\"counts\":[0,0,1,0,0,0,1,3,5,2]}\n"
	    "{\"domain\":\"example.org\",\"messages\":3,"
	    "\"counts\":[0,3,0,0,0,0,0,0,0,0]}\n"
	    "{\"domain\":\"dsn.example\",\"messages\":1,");
	assert_has(answer, "{\"done\":true,\"rc\":0,\"domains\":3}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"ages\",\"limit\":\"1\"}");
	assert_has(answer, "{\"domain\":\"\",\"messages\":4,\"counts\":[0,4,0");
	assert_null(strstr(answer, "example.org"));
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"ages\",\"domain\":\"example.org\"}");
	assert_has(answer, "\"messages\":3,");
	assert_has(answer,
	    "{\"le\":900,\"messages\":3},{\"le\":3600,\"messages\":0}");
	assert_has(answer, "{\"le\":null,\"messages\":0}]}");
	assert_null(strstr(answer, "big.example"));
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"ages\",\"domain\":\"no.example\"}"),
	    "\"rc\":1");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"ages\",\"limit\":\"0\"}"), "\"rc\":2");
	peer_close(&p);
}

/* ---- events */

static void
happens(const char *domain, unsigned n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "number %u", n);
	control_event(control,
	    &(struct control_event){ .wall = 1795368000,
		.what = "state",
		.domain = domain,
		.host = "",
		.text = text });
}

/* The last few hundred are kept, and what operators did is among them. */
static void
events_are_kept(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	for (unsigned i = 1; i <= 700; i++)
		happens(i % 2 == 0 ? "example.org" : "", i);
	answer = ask(&p, "{\"verb\":\"events\"}");
	assert_null(strstr(answer, "\"number 200\""));
	assert_has(answer,
	    "{\"number\":201,\"time\":1795368000,\"what\":"
	    "\"state\",\"domain\":\"\",\"host\":\"\",\"text\":"
	    "\"number 201\"}");
	assert_has(answer, "\"number 700\"");
	assert_has(answer, "\"rc\":0,\"shown\":500}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"events\",\"domain\":\"example.org\"}");
	assert_has(answer, "\"shown\":250}");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"hold\",\"domain\":\"example.org\"}"),
	    "\"rc\":0");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"events\",\"domain\":\"example.org\"}"),
	    "\"what\":\"operator\",\"domain\":\"example.org\",\"host\":\"\","
	    "\"text\":\"hold example.org by uid ");
	peer_close(&p);
}

/* Who follows is told of what comes, as long as he stays. */
static void
events_are_followed(void **state)
{
	static const char request[] = "{\"verb\":\"events\",\"follow\":true}\n";
	struct peer p;

	(void)state;
	happens("", 1);
	peer_open(&p);
	peer_say(&p, request, sizeof(request) - 1);
	for (unsigned i = 0; i < 500 && p.got.len == 0; i++)
		idle(10);
	happens("", 2);
	for (unsigned i = 0;
	     i < 500 && strstr(buf_str(&p.got), "number 2") == NULL; i++)
		idle(10);
	assert_has(buf_str(&p.got), "\"number 1\"");
	assert_has(buf_str(&p.got), "\"number 2\"");
	assert_false(p.eof);
	peer_close(&p);
}

/* ---- orders */

static const struct {
	const char *name, *request;
	const char *has[4];
	unsigned ordered; /* messages */
	const char *did; /* NULL: nothing is written down */
} orders[] = {
	{ "bounce of a domain",
	    "\"bounce\",\"domain\":\"example.org\",\"reason\":\"r\"",
	    { "\"rc\":1,\"messages\":2,\"selected\":3,\"in_hand\":1,"
	      "\"bytes\":6144,\"next_expiry\":1797700800,"
	      "\"next_expiry_domain\":\"example.org\"",
		"for messages being delivered" },
	    3, "bounce example.org r 1" },
	{ "remove of what fits", "\"remove\",\"sender\":\"*\"",
	    { "\"messages\":3,\"selected\":4",
		"\"next_expiry_domain\":\"example.org\"" },
	    4, "remove   1" },
	{ "remove of all", "\"remove\",\"all\":true", { "\"selected\":4" }, 4,
	    "remove   1" },
	{ "remove of nothing that is said", "\"remove\"",
	    { "\"rc\":2", "usage: remove" }, 0, NULL },
	{ "bounce of all, by a pattern", "\"bounce\",\"pattern\":\"*\"",
	    { "\"rc\":2", "say --all" }, 0, "bounce *  2" },
	{ "bounce of all that is old",
	    "\"bounce\",\"pattern\":\"*\",\"older\":\"1d\"",
	    { "\"selected\":4" }, 4, "bounce *  1" },
	{ "bounce of a strange domain", "\"bounce\",\"domain\":\"no.example\"",
	    { "\"rc\":1,\"error\":\"no queued message matches\"" }, 0,
	    "bounce no.example  1" },
	{ "hold of some of a domain",
	    "\"hold\",\"domain\":\"dsn.example\",\"larger\":\"1K\"",
	    { "\"rc\":0,\"messages\":1,\"selected\":1" }, 1,
	    "hold dsn.example  0" },
	{ "a dry run", "\"bounce\",\"domain\":\"example.org\",\"dry_run\":true",
	    { "\"rc\":0,\"dry_run\":true,\"messages\":3,\"selected\":3",
		"\"oldest\":1795364400", "\"ids\":[\"6A1\",\"6A2\",\"6A3\"]" },
	    0, NULL },
	{ "a dry run of hold",
	    "\"hold\",\"domain\":\"example.org\",\"dry_run\":true",
	    { "\"rc\":0,\"dry_run\":true,\"messages\":3" }, 0, NULL },
	{ "an age that is none", "\"remove\",\"older\":\"soon\"",
	    { "\"rc\":2", "is not an age" }, 0, "remove   2" },
	{ "extend of a pattern",
	    "\"extend\",\"pattern\":\"example.*\",\"add\":\"1d\"",
	    { "\"rc\":0,\"messages\":3,", "\"domains\":1," }, 0,
	    "extend example.*  0" },
	{ "extend of a pattern that fits none",
	    "\"extend\",\"pattern\":\"*.net\",\"add\":\"1d\"",
	    { "\"rc\":1,\"error\":\"nothing is queued for a matching "
	      "domain\"" },
	    0, "extend *.net  1" },
	{ "extend of some of a domain",
	    "\"extend\",\"domain\":\"dsn.example\",\"larger\":\"1K\","
	    "\"add\":\"1d\"",
	    { "\"rc\":0,\"messages\":1,\"selected\":1",
		"\"add_seconds\":86400,\"next_expiry\":" },
	    1, "extend dsn.example  0" },
	{ "extend of one message", "\"extend\",\"id\":\"6A3\",\"add\":\"1d\"",
	    { "\"rc\":0,\"messages\":1,\"selected\":1",
		"\"next_expiry_domain\":\"example.org\"" },
	    1, "extend 6A3  0" },
	{ "a dry run of one message",
	    "\"remove\",\"id\":\"6A3\",\"dry_run\":true",
	    { "\"rc\":0,\"dry_run\":true,\"messages\":1,\"selected\":1",
		"\"ids\":[\"6A3\"]", "\"next_expiry_domain\":\"example.org\"" },
	    0, NULL },
	{ "a dry run of a message that is not there",
	    "\"extend\",\"id\":\"FFF1\",\"add\":\"1d\",\"dry_run\":true",
	    { "\"rc\":1", "FFF1: no such message" }, 0, NULL },
	{ "extend of a domain that has nothing",
	    "\"extend\",\"domain\":\"example.net\",\"add\":\"1d\"",
	    { "\"rc\":1", "example.net: nothing is queued for it" }, 0,
	    "extend example.net  1" },
};

/* What is asked, done, answered and written down, once. */
static void
orders_are_carried_out(void **state)
{
	const char *answer;
	struct peer p;
	char *request;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(orders); i++) {
		print_message("%s\n", orders[i].name);
		fake.ordered = fake.dids = 0;
		fake.did[0] = '\0';
		request = mem_printf("{\"verb\":%s}", orders[i].request);
		answer = ask(&p, request);
		for (size_t k = 0;
		     k < MX_COUNT(orders[i].has) && orders[i].has[k] != NULL;
		     k++)
			assert_has(answer, orders[i].has[k]);
		assert_int_equal(fake.ordered, orders[i].ordered);
		assert_int_equal(fake.dids, orders[i].did != NULL);
		if (orders[i].did != NULL)
			assert_string_equal(fake.did, orders[i].did);
		peer_close(&p);
		mem_free(&request);
	}
}

/* A walk of many is done page by page, to its end. */
static void
orders_of_many(void **state)
{
	struct peer p;

	(void)state;
	fake.big = 5000;
	assert_has(ask(&p,
		       "{\"verb\":\"hold\",\"domain\":\"big.example\","
		       "\"older\":\"1s\"}"),
	    "\"rc\":0,\"messages\":5000,\"selected\":5000");
	peer_close(&p);
	assert_int_equal(fake.ordered, 5000);
	assert_true(fake.lists >= 25);
}

/* Whoever leaves before the end is in the log all the same. */
static void
who_leaves_is_written_down(void **state)
{
	static const char request[] =
	    "{\"verb\":\"flush\",\"domain\":\"example.org\",\"wait\":true}\n";
	struct peer p;

	(void)state;
	fake.polls_left = 100;
	peer_open(&p);
	peer_say(&p, request, sizeof(request) - 1);
	for (unsigned i = 0; i < 200 && !fake.flushing; i++)
		idle(20);
	assert_true(fake.flushing);
	assert_int_equal(fake.dids, 0);
	peer_close(&p);
	for (unsigned i = 0; i < 500 && fake.dids == 0; i++)
		idle(20);
	assert_int_equal(fake.dids, 1);
	assert_string_equal(fake.did, "flush example.org  0");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(listings_are_filtered),
		TEST(wrong_selections_are_refused),
		TEST(listings_are_sorted),
		TEST(pages_of_a_listing),
		TEST(long_listings_are_sorted),
		TEST(ages_by_domain),
		TEST(events_are_kept),
		TEST(events_are_followed),
		TEST(orders_are_carried_out),
		TEST(orders_of_many),
		TEST(who_leaves_is_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
