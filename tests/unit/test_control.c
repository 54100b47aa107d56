/* SPDX-License-Identifier: ISC
 * test_control: the server over its real socket, in one loop with its
 * clients: what each request is answered, and what clients that lie, stall,
 * crowd or go away do to it. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/ctl_client.h"
#include "control/protocol.h"
#include "control_world.h"

/* ---- what is answered */

static const struct {
	const char *name, *request;
	const char *has[6]; /* parts of the answer; after a '=': what the
			     * relay was asked last */
} requests[] = {
	{ "status", "{\"verb\":\"status\"}",
	    { "\"domain\":\"example.net\"", "\"domain\":\"example.org\"",
		"{\"done\":true,\"rc\":0}" } },
	{ "status of one, any spelling",
	    "{\"verb\":\"status\",\"domain\":\"Example.ORG.\"}",
	    { "\"domains\":[{\"domain\":\"example.org\"",
		"\"cause\":\"connection refused\"", "\"rc\":0" } },
	{ "status of none", "{\"verb\":\"status\",\"domain\":\"no.example\"}",
	    { "{\"done\":true,\"rc\":1,\"error\":\"no.example: no such domain"
	      "\"}" } },
	{ "queue", "{\"verb\":\"queue\"}",
	    { "{\"id\":\"6A1\",\"domain\":\"example.org\",\"sender\":\"a@",
		"\"id\":\"6A1.1\",\"domain\":\"dsn.example\"",
		"\"state\":\"held\"", "\"messages\":4,\"bytes\":8192" } },
	{ "queue of one", "{\"verb\":\"queue\",\"domain\":\"example.org\"}",
	    { "\"arrival\":1795364400", "\"messages\":3" } },
	{ "queue of an empty one",
	    "{\"verb\":\"queue\",\"domain\":\"example.net\"}",
	    { "{\"done\":true,\"rc\":0,\"messages\":0" } },
	{ "queue of a stranger",
	    "{\"verb\":\"queue\",\"domain\":\"no.example\"}",
	    { "\"rc\":1", "no such domain" } },
	{ "mailq fetches recipients", "{\"verb\":\"mailq\"}",
	    { "\"rcpts\":[{\"address\":\"user@example.org\"",
		"\"code\":450,\"enhanced\":\"4.2.0\",\"reply\":"
		"\"4.2.0 ?[31mred? alert?",
		"\"messages\":4" } },
	{ "names", "{\"verb\":\"status\",\"names\":true}",
	    { "{\"domain\":\"example.org\"}\n",
		"}\n{\"done\":true,\"rc\":0}" } },
	{ "show all parts", "{\"verb\":\"show\",\"id\":\"6a1\"}",
	    { "\"id\":\"6A1\"", "\"id\":\"6A1.1\"", "\"client\":\"192.0.2.9\"",
		"\"rc\":0" } },
	{ "show none", "{\"verb\":\"show\",\"id\":\"FFFF\"}",
	    { "\"rc\":1,\"error\":\"FFFF: no such message\"" } },
	{ "hold a domain",
	    "{\"verb\":\"hold\",\"domain\":\"example.org\",\"reason\":\"r\"}",
	    { "{\"done\":true,\"rc\":0,\"domain\":\"example.org\"}",
		"=hold-domain example.org 1" } },
	{ "release a part", "{\"verb\":\"release\",\"id\":\"6A1.1\"}",
	    { "\"rc\":0", "=release 6A1.1 0" } },
	{ "hold all parts", "{\"verb\":\"hold\",\"id\":\"6A1\"}",
	    { "\"rc\":1,\"messages\":1,\"selected\":2", "=hold 6A1 1" } },
	{ "hold a stranger", "{\"verb\":\"hold\",\"domain\":\"no.example\"}",
	    { "\"rc\":1", "no such domain" } },
	{ "extend",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\",\"add\":\"+7d\"}",
	    { "\"rc\":0,\"messages\":3,\"selected\":3",
		"\"domain\":\"example.org\",\"domains\":1,"
		"\"add_seconds\":604800",
		"=extend example.org 7" } },
	{ "extend by nonsense",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\",\"add\":\"-7d\"}",
	    { "\"rc\":2", "is not a time to add" } },
	{ "extend by nothing", "{\"verb\":\"extend\",\"domain\":\"a.example\"}",
	    { "\"rc\":2", "usage: extend DOMAIN | ID" } },
	{ "bounce", "{\"verb\":\"bounce\",\"id\":\"6A3\"}",
	    { "\"rc\":0,\"messages\":1,\"selected\":1,\"in_hand\":0,\"bytes\":"
	      "2048,"
	      "\"next_expiry\":1797700800,\"next_expiry_domain\":"
	      "\"example.org\"}",
		"=bounce 6A3 1" } },
	{ "bounce none", "{\"verb\":\"bounce\",\"id\":\"9\"}",
	    { "\"rc\":1,\"error\":\"9: no such message\"" } },
	{ "remove what is being delivered",
	    "{\"verb\":\"remove\",\"id\":\"6A1\"}",
	    { "\"rc\":1", "\"messages\":1,\"selected\":2,\"in_hand\":1",
		"for messages being delivered it takes effect" } },
	{ "dry run", "{\"verb\":\"flush\",\"all\":true,\"dry_run\":true}",
	    { "\"event\":\"dry_run\",\"domain\":\"example.org\",\"total\":3",
		"\"rc\":0,\"domains\":1,\"messages\":3",
		"=dry-flush example.org 0" } },
	{ "flush and go", "{\"verb\":\"flush\",\"domain\":\"example.org\"}",
	    { "\"event\":\"begin\"", "\"rc\":0", "=flush example.org 0" } },
	{ "flush of nothing",
	    "{\"verb\":\"flush\",\"domain\":\"example.net\",\"wait\":true}",
	    { "\"event\":\"nothing\"", "\"rc\":0,\"domains\":0" } },
	{ "flush on hold", "{\"verb\":\"flush\",\"domain\":\"hold.example\"}",
	    { "\"rc\":1", "is on hold; release it first" } },
	{ "flush of everything and one",
	    "{\"verb\":\"flush\",\"domain\":\"a.example\",\"all\":true}",
	    { "\"rc\":2", "usage: flush" } },
	{ "a misspelt dry run",
	    "{\"verb\":\"flush\",\"all\":true,\"dryrun\":true}",
	    { "\"rc\":2", "flush does not take \\\"dryrun\\\"" } },
	{ "why a domain", "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "example.org is down for 1m30s", "probe { rise }",
		"Cause: connection refused.",
		"`mxwatchctl extend example.org +7d`",
		"\"kind\":\"domain\"" } },
	{ "why a domain: its server",
	    "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "mx1.example.org: it accepts 5 connections at once",
		"it accepts 100 messages per connection",
		"it accepts 50 recipients per transaction",
		"it needs 0.4 s between messages",
		"a probe session checks recipients of at most 7 of its domains",
		"a message takes 850ms" } },
	{ "why a domain: its server stumbled",
	    "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "mx1.example.org: it failed with BDAT",
		"gets DATA, one message at a time, for 2h more",
		"`mxwatchctl flush DOMAIN` tries again" } },
	{ "why a domain: its server, for programs",
	    "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "\"primaries\":[{\"primary\":\"mx1.example.org\"", "\"asks\":7",
		"\"ceiling\":5", "\"max_messages\":100,\"max_recipients\":50",
		"\"gap_seconds\":0.4,\"latency_seconds\":0.85,"
		"\"chunking_off_until\":"
		"1795375200,\"alone\":false" } },
	{ "why an unconfigured domain",
	    "{\"verb\":\"why\",\"domain\":\"dsn.example\"}",
	    { "\"domain\":null", "is not in the configuration; 1 messages" } },
	{ "why a domain: whom its primary refuses",
	    "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "In the list, but refused by the primary: left0@example.org, "
	      "left1@example.org,",
		"left19@example.org and 3 more. They get 450 here until" } },
	{ "why an address, refused",
	    "{\"verb\":\"why\",\"address\":\"No@EXAMPLE.org\"}",
	    { "\"rcpt\":\"550 5.1.1 unknown recipient\"",
		"RCPT TO:<No@example.org>", "`recipients`" } },
	{ "why an address, taken",
	    "{\"verb\":\"why\",\"address\":\"user@example.org\"}",
	    { "\"rcpt\":\"250 2.1.5\"", "\"kind\":\"address\"" } },
	{ "why a message", "{\"verb\":\"why\",\"id\":\"6A3\"}",
	    { "6A3, from <b@sender.example> to 2 at example.org, is deferred",
		"3 attempts so far", "pending: 450 4.2.0 ?[31mred?",
		"example.org is down", "\"messages\":[{\"id\":\"6A3\"" } },
	{ "why nothing", "{\"verb\":\"why\",\"id\":\"6A9\"}",
	    { "\"rc\":1", "6A9: no such message" } },
	{ "stats", "{\"verb\":\"stats\"}",
	    { "{\"name\":\"mxwatch_queue_messages\",\"labels\":{\"domain\":"
	      "\"example.org\",\"state\":\"deferred\"},\"value\":1}",
		"\"name\":\"mxwatch_spool_free_bytes\"",
		"{\"le\":null,\"count\":0}],\"count\":0,\"sum\":0}",
		"\"primary\":\"mx1.example.org\"", "\"rc\":0" } },
	{ "recipients", "{\"verb\":\"recipients\",\"domain\":\"hold.example\"}",
	    { "{\"address\":\"u001@hold.example\",\"known\":\"passed\","
	      "\"taken\":null,\"passed\":1795000000,",
		"u449@hold.example", "u000@hold.example",
		"\"rc\":0,\"domain\":\"hold.example\",\"shown\":450,"
		"\"recipients_list\":null",
		"\"recipients_learned\":{\"good\":300,\"bad\":150" } },
	{ "recipients that are not known to be there",
	    "{\"verb\":\"recipients\",\"domain\":\"hold.example\","
	    "\"unknown\":true}",
	    { "u447@hold.example\",\"known\":\"doubted\"", "\"shown\":150" } },
	{ "recipients of a list",
	    "{\"verb\":\"recipients\",\"domain\":\"example.org\"}",
	    { "left22@example.org\",\"known\":\"listed, refused\"",
		"\"shown\":23", "\"recipients_learned\":null" } },
	{ "recipients of a stranger",
	    "{\"verb\":\"recipients\",\"domain\":\"no.example\"}",
	    { "\"rc\":1", "no such domain" } },
	{ "why a domain whose recipients are learned",
	    "{\"verb\":\"why\",\"domain\":\"hold.example\"}",
	    { "300 are known and 150 were refused", "a test 1h ago" } },
	{ "probe of a stranger",
	    "{\"verb\":\"probe\",\"domain\":\"no.example\"}",
	    { "\"rc\":1", "no such domain" } },
	{ "probe that is off",
	    "{\"verb\":\"probe\",\"domain\":\"example.net\"}",
	    { "\"rc\":1", "its probe is off" } },
	{ "outages", "{\"verb\":\"outages\"}",
	    { "{\"id\":9,\"kind\":\"primary\",\"name\":"
	      "\"mx9.other.example\",\"state\":\"over\"",
		"{\"id\":8,\"kind\":\"domain\",\"name\":\"example.org\","
		"\"state\":\"down\"",
		"{\"id\":7,", "\"rc\":0,\"shown\":3,\"availability\":[{",
		"\"primary\":\"mx1.example.org\"", "\"availability_30d\":" } },
	{ "outages of a domain, and of its primaries",
	    "{\"verb\":\"outages\",\"subject\":\"EXAMPLE.org\"}",
	    { "{\"id\":8,", "{\"id\":7,", "\"shown\":2" } },
	{ "outages of a primary",
	    "{\"verb\":\"outages\",\"subject\":\"mx9.other.example\"}",
	    { "{\"id\":9,", "\"shown\":1,\"availability\":[]" } },
	{ "one outage", "{\"verb\":\"outages\",\"outage\":\"7\"}",
	    { "{\"id\":7,", "\"shown\":1" } },
	{ "outages since", "{\"verb\":\"outages\",\"since\":\"1s\"}",
	    { "{\"id\":8,", "\"shown\":2" } },
	{ "outages of a stranger",
	    "{\"verb\":\"outages\",\"subject\":\"no.example\"}",
	    { "\"rc\":1", "no such domain or primary" } },
	{ "an outage that is not there",
	    "{\"verb\":\"outages\",\"outage\":\"70\"}",
	    { "\"rc\":1", "there is no outage 70" } },
	{ "an outage that is no number",
	    "{\"verb\":\"outages\",\"outage\":\"7x\"}",
	    { "\"rc\":2", "7x\\\" is not the id of an outage" } },
	{ "reload", "{\"verb\":\"reload\"}", { "{\"done\":true,\"rc\":0}" } },

	{ "maintenance windows", "{\"verb\":\"maintenance\"}",
	    { "{\"id\":7,\"name\":null,\"every\":null,\"domains\":["
	      "\"example.org\"],\"primaries\":[],\"active\":true,"
	      "\"from\":1700000000,\"until\":1700007200,\"hold\":true,"
	      "\"uid\":0,",
		"{\"id\":null,\"name\":\"patch day\",\"every\":\"2nd tue "
		"02:00\",\"domains\":[\"a.example\",\"b.example\"],"
		"\"primaries\":[\"mx.example\"],\"active\":false,",
		"\"uid\":null,\"reason\":\"\"}" } },
	{ "a maintenance window of a domain",
	    "{\"verb\":\"maintenance\",\"subject\":\"Example.ORG\","
	    "\"for\":\"2h\",\"hold\":true,\"reason\":\"a disk\"}",
	    { "\"rc\":0,\"id\":7,\"from\":",
		"=maintenance domain example.org 7200 hold=1 by=us reason=a "
		"disk" } },
	{ "a maintenance window of a primary",
	    "{\"verb\":\"maintenance\",\"subject\":\"MX1.example.org\","
	    "\"from\":\"+1h\",\"until\":\"+90m\"}",
	    { "\"rc\":0,\"id\":7",
		"=maintenance primary mx1.example.org 1800 hold=0 by=us "
		"reason=" } },
	{ "the same with its port",
	    "{\"verb\":\"maintenance\",\"subject\":\"mx1.example.org:25\","
	    "\"until\":\"+1h\"}",
	    { "\"rc\":0",
		"=maintenance primary mx1.example.org 3600 hold=0 by=us "
		"reason=" } },
	{ "a domain is no primary",
	    "{\"verb\":\"maintenance\",\"subject\":\"example.org:25\","
	    "\"for\":\"1h\"}",
	    { "\"rc\":1", "is neither a domain nor a primary" } },
	{ "maintenance of a stranger",
	    "{\"verb\":\"maintenance\",\"subject\":\"no.example\","
	    "\"for\":\"1h\"}",
	    { "\"rc\":1", "is neither a domain nor a primary" } },
	{ "maintenance without an end",
	    "{\"verb\":\"maintenance\",\"subject\":\"example.org\"}",
	    { "\"rc\":2", "usage: maintenance" } },
	{ "maintenance with two ends",
	    "{\"verb\":\"maintenance\",\"subject\":\"example.org\","
	    "\"for\":\"1h\",\"until\":\"+1h\"}",
	    { "\"rc\":2", "usage: maintenance" } },
	{ "maintenance at no time",
	    "{\"verb\":\"maintenance\",\"subject\":\"example.org\","
	    "\"until\":\"22:00\"}",
	    { "\"rc\":2", "--until \\\"22:00\\\" is not a time; write" } },
	{ "maintenance that ends before it begins",
	    "{\"verb\":\"maintenance\",\"subject\":\"example.org\","
	    "\"from\":\"+2h\",\"until\":\"+1h\"}",
	    { "\"rc\":2", "would end before it begins" } },
	{ "an end of maintenance", "{\"verb\":\"maintenance\",\"end\":\"7\"}",
	    { "\"rc\":0,\"ended\":true", "=end 7" } },
	{ "an end and a beginning",
	    "{\"verb\":\"maintenance\",\"end\":\"7\",\"for\":\"1h\"}",
	    { "\"rc\":2", "usage: maintenance" } },

	/* hostile and mistaken */
	{ "nothing", "", { "\"rc\":2", "not a JSON object" } },
	{ "no JSON", "status", { "\"rc\":2", "not a JSON object" } },
	{ "an array", "[\"status\"]", { "\"rc\":2", "not a JSON object" } },
	{ "two objects", "{\"verb\":\"status\"}{}",
	    { "\"rc\":2", "not a JSON object (at byte 17)" } },
	{ "no verb", "{}", { "\"rc\":2", "\\\"verb\\\" is missing" } },
	{ "a number for a verb", "{\"verb\":1}", { "\"rc\":2" } },
	{ "a later verb", "{\"verb\":\"rehearse\"}",
	    { "\"rc\":2",
		"unknown verb \\\"rehearse\\\": one of status, que" } },
	{ "a build without alerts", "{\"verb\":\"silence\"}",
	    { "\"rc\":1", "built without alerts" } },
	{ "a wrong type", "{\"verb\":\"status\",\"domain\":7}",
	    { "\"rc\":2", "\\\"domain\\\" must be a string" } },
	{ "a string for a truth", "{\"verb\":\"flush\",\"all\":\"yes\"}",
	    { "\"rc\":2", "\\\"all\\\" must be true or false" } },
	{ "no domain name", "{\"verb\":\"status\",\"domain\":\"a b\"}",
	    { "\"rc\":2", "is not a domain name" } },
	{ "a path for a domain", "{\"verb\":\"hold\",\"domain\":\"../../etc\"}",
	    { "\"rc\":2" } },
	{ "no id", "{\"verb\":\"show\",\"id\":\"xyz\"}",
	    { "\"rc\":2", "is not an id" } },
	{ "no address", "{\"verb\":\"why\",\"address\":\"@\"}",
	    { "\"rc\":2", "is not an address" } },
	{ "terminal codes", "{\"verb\":\"\\u001b[2J\"}",
	    { "\"rc\":2", "unknown verb \\\"?[2J\\\"" } },
};

static void
requests_are_answered(void **state)
{
	struct peer p;
	const char *answer, *part;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(requests); i++) {
		fake.last[0] = '\0';
		fake.flushing = false;
		answer = ask(&p, requests[i].request);
		for (size_t j = 0; j < MX_COUNT(requests[i].has); j++) {
			part = requests[i].has[j];
			if (part == NULL)
				break;
			if (part[0] == '=')
				assert_string_equal(fake.last, part + 1);
			else if (strstr(answer, part) == NULL)
				fail_msg("%s: no %s in: %s", requests[i].name,
				    part, answer);
		}
		assert_int_equal(count(answer, "\"done\":true"), 1);
		assert_int_equal(answer[strlen(answer) - 1], '\n');
		peer_close(&p);
	}
}

/* What was found a day ago at most is shown, without what is well; else, or when
 * it is wanted, it is looked for. With a domain all of it, and of this host. */
static void
doctor_shows_or_looks(void **state)
{
	static const struct {
		const char *request;
		bool fresh;
		const char *asked; /* "": nobody is */
		unsigned lines, ok;
		const char *end;
	} rows[] = {
		{ "{\"verb\":\"doctor\"}", true, "", 3, 0,
		    "\"rc\":1,\"errors\":1,\"warnings\":1,\"infos\":1,"
		    "\"checked\":" },
		{ "{\"verb\":\"doctor\"}", false, "doctor all 0", 3, 0,
		    "\"checked\":null,\"error\":\"1 error, 1 warning\"}" },
		{ "{\"verb\":\"doctor\",\"now\":true}", true, "doctor all 0", 3,
		    0, "\"errors\":1" },
		{ "{\"verb\":\"doctor\",\"domain\":\"Example.NET\"}", true,
		    "doctor example.net 0", 4, 2,
		    "\"rc\":1,\"errors\":0,\"warnings\":1,\"infos\":1" },
	};
	const char *answer;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		fake.last[0] = '\0';
		fake.doctor_ended = rows[i].fresh ? clock_wall() - 3600 : 0;
		fake.doctor_polls = 2;
		answer = ask(&p, rows[i].request);
		assert_string_equal(fake.last, rows[i].asked);
		assert_int_equal(count(answer, "\"check\":"), rows[i].lines);
		assert_int_equal(count(answer, "\"severity\":\"ok\""),
		    rows[i].ok);
		assert_has(answer, rows[i].end);
		assert_has(answer,
		    "{\"domain\":\"\",\"check\":\"ptr\",\"severity\":"
		    "\"warning\",\"text\":\"no PTR?[31m\",\"remedy\":"
		    "\"set it\",\"checked\":77}\n");
		peer_close(&p);
	}
	fake.doctor_ended = clock_wall() - 2 * 86400;
	(void)ask(&p, "{\"verb\":\"doctor\"}");
	assert_string_equal(fake.last, "doctor all 0");
	peer_close(&p);
	fake.last[0] = '\0'; /* it is under way, and nobody has to wait */
	fake.doctor_polls = 1;
	(void)ask(&p, "{\"verb\":\"doctor\"}");
	assert_string_equal(fake.last, "");
	peer_close(&p);
	fake.doctor_rc = -MX_ENOENT;
	assert_has(ask(&p, "{\"verb\":\"doctor\",\"domain\":\"x.test\"}"),
	    "x.test: no such domain in the configuration");
	peer_close(&p);
	fake.doctor_rc = -MX_EBUSY;
	assert_has(ask(&p, "{\"verb\":\"doctor\",\"domain\":\"x.test\"}"),
	    "too many domains are waiting for a check");
	peer_close(&p);
}

static void
refused_reload_says_why(void **state)
{
	struct peer p;
	const char *answer;

	(void)state;
	fake.reload_rc = -MX_ESYNTAX;
	answer = ask(&p, "{\"verb\":\"reload\"}");
	assert_has(answer,
	    "{\"file\":\"mx.conf\",\"line\":7,\"severity\":\"error\",\"text\":"
	    "\"unknown option\"}\n");
	assert_has(answer, "\"severity\":\"warning\"");
	assert_has(answer,
	    "\"rc\":2,\"error\":\"the old configuration stays in force");
	peer_close(&p);
}

static void
probe_waits_for_its_outcome(void **state)
{
	struct peer p;
	const char *answer;

	(void)state;
	answer = ask(&p, "{\"verb\":\"probe\",\"domain\":\"example.org\"}");
	assert_int_equal(fake.probes, 1);
	assert_has(answer, "\"primary\":\"mx1.example.org\"");
	assert_has(answer, "\"failed_phase\":\"connect\"");
	assert_has(answer, "\"rc\":1,\"primaries\":1,\"healthy\":0");
	peer_close(&p);
	fake.primary_ok = true;
	answer = ask(&p, "{\"verb\":\"probe\",\"domain\":\"example.org\"}");
	assert_has(answer, "\"rc\":0,\"primaries\":1,\"healthy\":1");
	peer_close(&p);
}

/* Whatever waits, and also while one is under way: what was given up about the
 * domain's primaries is tried again. A dry run only looks. */
static void
flush_tries_again(void **state)
{
	static const struct {
		const char *request, *again;
	} rows[] = {
		{ "{\"verb\":\"flush\",\"domain\":\"example.net\"}",
		    "example.net" },
		{ "{\"verb\":\"flush\",\"domain\":\"example.org\"}",
		    "example.org" },
		{ "{\"verb\":\"flush\",\"domain\":\"example.org\"}",
		    "example.org" }, /* it runs by now */
		{ "{\"verb\":\"flush\",\"domain\":\"example.org\","
		  "\"dry_run\":true}",
		    "" },
		{ "{\"verb\":\"flush\",\"domain\":\"hold.example\"}", "" },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		fake.again[0] = '\0';
		(void)ask(&p, rows[i].request);
		assert_string_equal(fake.again, rows[i].again);
		peer_close(&p);
	}
	fake.flushing = false;
}

static void
flush_is_followed(void **state)
{
	static const char request[] =
	    "{\"verb\":\"flush\",\"domain\":\"example.org\",\"wait\":true}";
	struct peer p, q;
	const char *answer;

	(void)state;
	fake.polls_left = 1;
	answer = ask(&p, request);
	assert_has(answer, "\"event\":\"begin\"");
	assert_has(answer,
	    "\"event\":\"end\",\"domain\":\"example.org\","
	    "\"total\":3,\"remaining\":0,\"delivered\":3");
	assert_has(answer, "\"complete\":true");
	assert_has(answer, "\"rc\":0,\"domains\":1");
	peer_close(&p);

	/* a second one joins in; not waiting, it is told */
	fake.cut = true;
	fake.polls_left = 100;
	peer_open(&p);
	peer_say(&p, request, sizeof(request) - 1);
	peer_say(&p, "\n", 1);
	idle(50);
	answer = ask(&q,
	    "{\"verb\":\"flush\",\"domain\":\"example.org\",\"wait\":false}");
	assert_has(answer, "\"rc\":1");
	assert_has(answer, "is running already");
	peer_close(&q);
	fake.polls_left = 0;
	answer = peer_wait(&p);
	assert_has(answer, "\"complete\":false");
	assert_has(answer, "\"rc\":1");
	assert_has(answer, "was interrupted");
	peer_close(&p);
}

/* ---- clients */

static void
long_listings_wait_for_the_reader(void **state)
{
	struct peer p;
	const char *answer;
	unsigned before;

	(void)state;
	fake.big = 20000;
	peer_open(&p);
	loop_io_want(p.io, 0);
	peer_say(&p, "{\"verb\":\"queue\"}\n", 17);
	idle(200); /* the kernel's buffer is full now */
	before = fake.lists;
	assert_in_range(before, 1, 50); /* of 201 pages */
	idle(100);
	assert_int_equal(fake.lists, before); /* nobody asks for more */
	loop_io_want(p.io, LOOP_READ);
	answer = peer_wait(&p);
	assert_int_equal(count(answer, "\"id\":"), 20004);
	assert_has(answer, "\"messages\":20004");
	peer_close(&p);
}

/* Whether the listing brings the recipients or they are fetched one by one,
 * the answer has the same messages. */
static void
recipients_come_either_way(void **state)
{
	struct peer p, q;
	const char *one, *other;

	(void)state;
	one = ask(&p, "{\"verb\":\"mailq\"}");
	fake.list_rcpts = true;
	other = ask(&q, "{\"verb\":\"mailq\"}");
	assert_int_equal(count(one, "\"rcpts\":[{"), 4);
	assert_string_equal(one, other);
	peer_close(&q);
	fake.crowd = true; /* one that is fetched goes before the others */
	assert_string_equal(one, ask(&q, "{\"verb\":\"mailq\"}"));
	peer_close(&p);
	peer_close(&q);
}

/* Behind what can be read, only where damage is asked for, and of all domains. */
static void
unreadable_records_are_listed(void **state)
{
	struct peer p, q, r;
	const char *answer;

	(void)state;
	fake.unreadable = 250; /* more than a page */
	answer = ask(&p, "{\"verb\":\"queue\",\"damaged\":true}");
	assert_int_equal(count(answer, "\"unreadable\":true"), 250);
	assert_has(answer, "{\"id\":\"7000\",\"domain\":\"\"");
	assert_has(answer, "\"id\":\"70F9\"");
	assert_has(answer, "\"arrival\":1795364");
	assert_has(answer, "\"unlisted\":13");
	peer_close(&p);
	fake.unreadable = 3; /* and less than one */
	answer = ask(&p, "{\"verb\":\"queue\",\"damaged\":true}");
	assert_int_equal(count(answer, "\"unreadable\":true"), 3);
	answer = ask(&q, "{\"verb\":\"queue\"}");
	assert_int_equal(count(answer, "unreadable"), 0);
	assert_int_equal(count(answer, "unlisted"), 0);
	answer = ask(&r,
	    "{\"verb\":\"queue\",\"domain\":\"example.org\",\"damaged\":true}");
	assert_int_equal(count(answer, "unreadable"), 0);
	peer_close(&p);
	peer_close(&q);
	peer_close(&r);
}

static void
listing_that_fails_says_so(void **state)
{
	struct peer p;

	(void)state;
	fake.list_rc = -MX_EIO;
	assert_has(ask(&p, "{\"verb\":\"queue\"}"), "\"rc\":1");
	peer_close(&p);
}

/* Of a cluster: the nodes, and nothing of what is another's. */
static void
stats_of_a_cluster(void **state)
{
	struct peer p;
	const char *said;

	(void)state;
	fake.cluster = true;
	said = ask(&p, "{\"verb\":\"stats\"}");
	assert_has(said,
	    "{\"name\":\"mxwatch_cluster_node_up\",\"labels\":{\"node\":"
	    "\"mx3\"},\"value\":1}");
	assert_has(said, "mxwatch_cluster_engine_away_seconds");
	assert_has(said,
	    "{\"name\":\"mxwatch_smtpd_messages_accepted_total\",\"labels\":"
	    "{\"domain\":\"hold.example\"}");
	assert_null(strstr(said,
	    "{\"name\":\"mxwatch_queue_bytes\",\"labels\":{\"domain\":"
	    "\"hold.example\"}"));
	assert_has(said,
	    "{\"name\":\"mxwatch_queue_bytes\",\"labels\":{\"domain\":"
	    "\"example.org\"}");
	peer_close(&p);
	fake.cluster = false;
	assert_null(
	    strstr(ask(&p, "{\"verb\":\"stats\"}"), "mxwatch_cluster_"));
	peer_close(&p);
}

static void
clients_may_go_any_time(void **state)
{
	static const char *const lines[] = {
		"{\"verb\":\"queue\"}\n",
		"{\"verb\":\"mailq\"}\n",
		"{\"verb\":\"show\",\"id\":\"6A1\"}\n",
		"{\"verb\":\"why\",\"id\":\"6A1\"}\n",
		"{\"verb\":\"flush\",\"all\":true,\"wait\":true}\n",
		"{\"verb\":\"stats\"}\n",
		"{\"verb\":\"sta",
		"",
	};
	struct peer p;

	(void)state;
	fake.polls_left = 1;
	for (size_t i = 0; i < MX_COUNT(lines); i++) {
		fake.mute = true;
		peer_open(&p);
		if (lines[i][0] != '\0')
			peer_say(&p, lines[i], strlen(lines[i]));
		idle(20);
		peer_close(&p);
		fake.mute = false;
		idle(20);
		fake_answer(&fake);
		idle(20);
	}
	idle(1500); /* the follower of the flush finds out by writing */
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_has(ask(&p, "{\"verb\":\"status\"}"), "\"rc\":0");
		peer_close(&p);
	}
	/* and so may the server, with an answer still to come */
	fake.mute = true;
	peer_open(&p);
	peer_say(&p, lines[0], strlen(lines[0]));
	idle(20);
	assert_int_equal(fake.npending, 1);
	control_destroy(&control);
	fake_answer(&fake);
	peer_close(&p);
}

struct why_said {
	struct buf text;
	bool said, whole;
};

static void
on_why_said(void *arg, const char *text, size_t len, bool whole)
{
	struct why_said *w = arg;

	assert_false(w->said);
	assert_int_equal(buf_add(&w->text, text, len), 0);
	w->said = true;
	w->whole = whole;
}

static void
why_wait(struct why_said *w)
{
	for (unsigned i = 0; !w->said && i < LIMIT_MS / 10; i++)
		idle(10);
	assert_true(w->said && w->whole);
}

static cJSON *
why_request(const char *domain)
{
	cJSON *o = json_object();

	json_text(o, "verb", "why");
	json_text(o, "domain", domain);
	return o;
}

/* The daemon itself asks: it hears what a client does, and of a domain that is none
 * that there is none. A call that is under way ends with the socket. */
static void
why_without_a_socket(void **state)
{
	struct why_said w = { .text = BUF_INIT(1u << 20) };

	(void)state;
	control_ask(control, why_request("example.org"), on_why_said, &w);
	assert_false(w.said);
	why_wait(&w);
	assert_has(buf_str(&w.text), "\"subject\":\"example.org\"");
	assert_has(buf_str(&w.text), "example.org is down for ");
	assert_has(buf_str(&w.text), "{\"done\":true,\"rc\":0}\n");
	buf_clear(&w.text);
	w.said = false;
	control_ask(control, why_request("x.test"), on_why_said, &w);
	why_wait(&w);
	assert_has(buf_str(&w.text), "no such domain");
	w.said = false;
	control_ask(control, why_request("example.org"), on_why_said, &w);
	control_destroy(&control);
	idle(20);
	assert_false(w.said);
	buf_fini(&w.text);
}

static void
crowds_are_told_to_wait(void **state)
{
	struct peer crowd[CLIENTS], p;

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		peer_open(&crowd[i]);
	idle(20);
	peer_open(&p);
	assert_string_equal(peer_wait(&p),
	    "{\"done\":true,\"rc\":1,\"error\":\"too many clients\"}\n");
	peer_close(&p);
	peer_close(&crowd[0]);
	idle(20);
	assert_has(ask(&p, "{\"verb\":\"status\"}"), "\"rc\":0");
	peer_close(&p);
	for (unsigned i = 1; i < CLIENTS; i++)
		peer_close(&crowd[i]);
}

static void
requests_come_in_any_shape(void **state)
{
	static const char line[] = "{\"verb\":\"status\"}";
	char big[CONTROL_LINE_MAX + 100];
	struct peer p;

	(void)state;
	/* byte by byte, with the line end of a terminal */
	peer_open(&p);
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		peer_say(&p, &line[i], 1);
		idle(1);
	}
	peer_say(&p, "\r\n", 2);
	assert_has(peer_wait(&p), "\"rc\":0");
	peer_close(&p);
	/* without a line end, and more than one */
	peer_open(&p);
	peer_say(&p, line, sizeof(line) - 1);
	shutdown(p.fd, SHUT_WR);
	assert_has(peer_wait(&p), "\"rc\":0");
	peer_close(&p);
	assert_int_equal(count(ask(&p,
				   "{\"verb\":\"reload\"}\n{\"verb\":"
				   "\"reload\"}"),
			     "done"),
	    1);
	peer_close(&p);
	/* too long; deep; with a NUL inside */
	memset(big, '[', sizeof(big));
	peer_open(&p);
	peer_say(&p, big, sizeof(big));
	assert_has(peer_wait(&p), "\"rc\":2,\"error\":\"the request is longer");
	peer_close(&p);
	peer_open(&p);
	big[60000] = '\n';
	peer_say(&p, big, 60001);
	assert_has(peer_wait(&p), "not a JSON object");
	peer_close(&p);
	peer_open(&p);
	peer_say(&p, "{\"verb\":\"sta\0tus\"}\n", 19);
	assert_has(peer_wait(&p), "\"rc\":2");
	peer_close(&p);
}

/* ---- the file */

static void
socket_file_is_kept_right(void **state)
{
	struct mx_errbuf eb;
	struct control *other;
	struct stat st;
	FILE *f;
	int fd;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* one that is answered on */
	other = control_create(loop, path, 1, &fake.relay, &fake.ops, &eb);
	assert_null(other);
	assert_has(eb.text, "a running daemon answers on it");
	assert_int_equal(stat(path, &st), 0);
	control_destroy(&control);
	assert_int_equal(stat(path, &st), -1);
	/* one that a dead daemon left */
	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (void *)&sun, sizeof(sun)), 0);
	close(fd);
	control = control_create(loop, path, 1, &fake.relay, &fake.ops, &eb);
	assert_non_null(control);
	/* what somebody else put there meanwhile is his */
	assert_int_equal(unlink(path), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	control_destroy(&control);
	assert_int_equal(stat(path, &st), 0);
	other = control_create(loop, path, 1, &fake.relay, &fake.ops, &eb);
	assert_null(other);
	assert_has(eb.text, "not a socket");
	assert_int_equal(stat(path, &st), 0);
}

/* ---- the client's side */

struct asker {
	bool done;
	int rc;
	unsigned lines;
	struct mx_errbuf eb;
};

static void
on_line(const char *text, const cJSON *line, void *arg)
{
	(void)text;
	(void)line;
	((struct asker *)arg)->lines++;
}

static void *
asker_run(void *arg)
{
	struct asker *a = arg;
	cJSON *request = json_object();

	json_text(request, "verb", "queue");
	a->rc = ctl_ask(path, request, on_line, a, &a->eb);
	cJSON_Delete(request);
	__atomic_store_n(&a->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void
client_reads_it_all(void **state)
{
	struct asker a = { .rc = -9 };
	pthread_t thread;

	(void)state;
	fake.big = 3000;
	assert_int_equal(pthread_create(&thread, NULL, asker_run, &a), 0);
	for (unsigned i = 0;
	     i < 200 && !__atomic_load_n(&a.done, __ATOMIC_SEQ_CST); i++)
		idle(50);
	pthread_join(thread, NULL);
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.lines, 3005);
	control_destroy(&control);
	(void)asker_run(&a);
	assert_int_equal(a.rc, -1);
	assert_has(a.eb.text, "is mxwatchd running?");
}

static void
client_finds_the_socket(void **state)
{
	static const struct {
		const char *name, *text, *path;
		bool note;
	} cases[] = {
		{ "broken elsewhere",
		    "bogus {\n  control = \"/a/b\"\ncontrol = 3", "/a/b",
		    false },
		{ "not said", "bogus = 1\n", MX_CONTROL_SOCKET, true },
		{ "a longer name", "control_clients = \"x\"\n nonsense",
		    MX_CONTROL_SOCKET, true },
	};
	struct mx_errbuf note;
	char file[96], *got;
	FILE *f;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/conf", dir);
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		f = fopen(file, "w");
		assert_non_null(f);
		fputs(cases[i].text, f);
		fclose(f);
		got = ctl_socket_path(file, &note);
		assert_string_equal(got, cases[i].path);
		assert_int_equal(note.text[0] != '\0', cases[i].note);
		mem_free(&got);
	}
	assert_int_equal(unlink(file), 0);
	got = ctl_socket_path(file, &note);
	assert_string_equal(got, MX_CONTROL_SOCKET);
	assert_true(note.text[0] != '\0');
	mem_free(&got);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* What the daemon may say of a maintenance window, and of what it holds. */
static void
expect(const char *request, const char *part)
{
	struct peer p;

	assert_has(ask(&p, request), part);
	peer_close(&p);
}

static void
maintenance_fails(void **state)
{
	static const char add[] = "{\"verb\":\"maintenance\",\"subject\":"
				  "\"example.org\",\"for\":\"1h\"}";
	static const char end[] = "{\"verb\":\"maintenance\",\"end\":\"7\"}";
	static const char flush[] =
	    "{\"verb\":\"flush\",\"domain\":\"example.org\"}";

	(void)state;
	fake.maintenance_rc = -MX_EFULL;
	expect(add, "raise maintenance_max");
	fake.maintenance_rc = -MX_ENOENT;
	expect(end, "there is no maintenance window");
	fake.maintenance_rc = -MX_EBUSY;
	expect(end, "is not active now");
	fake.maintenance_rc = 0;
	fake.maintenance_holds = true;
	expect(flush, "held by a maintenance window");
	expect("{\"verb\":\"flush\",\"all\":true}",
	    "\"event\":\"maintenance\",\"domain\":\"example.org\"");
	fake.maintenance_holds = false;
	expect(flush, "\"event\":\"begin\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),
		TEST(doctor_shows_or_looks),
		TEST(refused_reload_says_why),
		TEST(maintenance_fails),
		TEST(probe_waits_for_its_outcome),
		TEST(flush_tries_again),
		TEST(flush_is_followed),
		TEST(long_listings_wait_for_the_reader),
		TEST(recipients_come_either_way),
		TEST(unreadable_records_are_listed),
		TEST(listing_that_fails_says_so),
		TEST(stats_of_a_cluster),
		TEST(clients_may_go_any_time),
		TEST(why_without_a_socket),
		TEST(crowds_are_told_to_wait),
		TEST(requests_come_in_any_shape),
		TEST(socket_file_is_kept_right),
		TEST(client_reads_it_all),
		TEST(client_finds_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
