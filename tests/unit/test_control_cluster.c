/* SPDX-License-Identifier: ISC
 * test_control_cluster: three nodes, of which one is asked: what it does itself, what
 * it asks of whom, how the answers become one, what is said of nodes that do not
 * answer, and that nobody's memory is filled with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/gather.h"
#include "control/page.h"
#include "control_cluster_fake.h"
#include "control_world.h"

static struct fake_cluster fc;

static int
setup_cluster(void **state)
{
	if (setup(state) != 0)
		return -1;
	fake_cluster_init(&fc, loop, &fake, dir);
	/* 6A1.1 is at mx1, what is for example.org at mx2 */
	fc.node[0].fake->lacks = 0xd;
	fc.node[1].fake->lacks = 0x2;
	fc.node[2].fake->lacks = 0xf;
	fc.node[0].fake->cause = "mx1 says";
	fc.node[1].fake->cause = "mx2 says";
	restart();
	fc.node[0].control = control;
	return 0;
}

static int
teardown_cluster(void **state)
{
	control_destroy(&control);
	fake_cluster_fini(&fc, dir);
	return teardown(state);
}

/* ---- what is answered, and by whom */

static const struct {
	const char *name, *request;
	const char *has[5];
	int last; /* the node whose relay was asked last for... */
	const char *what; /* ...this; NULL: none */
} requests[] = {
	{ "nodes", "{\"verb\":\"cluster\"}",
	    { "{\"node\":\"mx1\",\"state\":\"live\",\"us\":true,\"up\":true,"
	      "\"silent_seconds\":0.4,\"domains\":1,\"version\":\"1.0\","
	      "\"hostname\":\"host.example\",\"url\":\"\","
	      "\"config_differs\":false}",
		"{\"node\":\"mx3\",\"state\":\"live\",\"us\":false,",
		"\"config_differs\":true}",
		"{\"done\":true,\"rc\":0,\"node\":\"mx1\",\"left\":false,",
		"\"away_since\":null,\"synchronous\":true,\"require_sync\":"
		"false},\"local\":{\"messages\":0,\"oldest\":null}" },
	    0, NULL },
	{ "a verb of the cluster that is none",
	    "{\"verb\":\"cluster\",\"action\":\"init\"}",
	    { "\"rc\":2", "usage: cluster [status |" }, 0, NULL },
	{ "a move without a node",
	    "{\"verb\":\"cluster\",\"action\":\"move\",\"domain\":"
	    "\"example.org\"}",
	    { "\"rc\":2", "usage: cluster [status |" }, 0, NULL },
	{ "a release of nobody",
	    "{\"verb\":\"cluster\",\"action\":\"release\",\"node\":\"mx9\"}",
	    { "\"rc\":1", "there is no node \\\"mx9\\\"" }, 0, NULL },
	{ "status of one: of its owner",
	    "{\"verb\":\"status\",\"domain\":\"example.org\"}",
	    { "\"cause\":\"mx2 says\"", "{\"done\":true,\"rc\":0}" }, 0, NULL },
	{ "status of primaries: of this node",
	    "{\"verb\":\"status\",\"primaries\":true}",
	    { "\"primary\":\"mx1.example.org\"", "{\"done\":true,\"rc\":0}" },
	    0, NULL },
	{ "queue", "{\"verb\":\"queue\"}",
	    { "{\"id\":\"6A1\",\"domain\":\"example.org\"",
		"{\"id\":\"6A1.1\",\"domain\":\"dsn.example\"",
		"{\"done\":true,\"rc\":0,\"messages\":4,\"bytes\":8192}" },
	    0, NULL },
	{ "queue of one", "{\"verb\":\"queue\",\"domain\":\"example.org\"}",
	    { "\"rc\":0,\"messages\":3," }, 0, NULL },
	{ "queue of a stranger",
	    "{\"verb\":\"queue\",\"domain\":\"no.example\"}",
	    { "{\"done\":true,\"rc\":1,\"error\":\"no.example: no such domain, "
	      "and nothing is queued for it\"}" },
	    0, NULL },
	{ "mailq", "{\"verb\":\"mailq\"}",
	    { "\"rcpts\":[{\"address\":\"user@example.org\"",
		"\"messages\":4" },
	    0, NULL },
	{ "ages: the limit is each node's, and their rows are added up",
	    "{\"verb\":\"ages\",\"limit\":\"1\"}",
	    { "{\"domain\":\"example.org\",\"messages\":3,",
		"{\"domain\":\"dsn.example\",\"messages\":1,",
		"{\"done\":true,\"rc\":0,\"domains\":2}" },
	    0, NULL },
	{ "show: parts of two nodes", "{\"verb\":\"show\",\"id\":\"6A1\"}",
	    { "{\"id\":\"6A1\",", "{\"id\":\"6A1.1\",",
		"{\"done\":true,\"rc\":0}" },
	    0, NULL },
	{ "show none", "{\"verb\":\"show\",\"id\":\"FFFF\"}",
	    { "{\"done\":true,\"rc\":1,\"error\":\"FFFF: no such message\"}" },
	    0, NULL },
	{ "remove one of another node", "{\"verb\":\"remove\",\"id\":\"6A2\"}",
	    { "{\"done\":true,\"rc\":0,\"" }, 2, "remove 6A2 1" },
	{ "remove what is being delivered there",
	    "{\"verb\":\"remove\",\"id\":\"6A1.0\"}",
	    { "\"rc\":1", "for messages being delivered it takes effect" }, 2,
	    "remove 6A1 0" },
	{ "hold a domain: its owner does",
	    "{\"verb\":\"hold\",\"domain\":\"example.org\",\"reason\":\"r\"}",
	    { "{\"done\":true,\"rc\":0,\"" }, 2, "hold-domain example.org 1" },
	{ "hold one of ours", "{\"verb\":\"hold\",\"domain\":\"example.net\"}",
	    { "{\"done\":true,\"rc\":0,\"" }, 1, "hold-domain example.net 1" },
	{ "extend",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\","
	    "\"add\":\"+7d\"}",
	    { "\"rc\":0,", "\"domain\":\"example.org\"",
		"\"add_seconds\":604800}" },
	    2, "extend example.org 7" },
	{ "flush one", "{\"verb\":\"flush\",\"domain\":\"example.org\"}",
	    { "\"event\":\"begin\"", "\"rc\":0,\"domains\":1,\"messages\":3}" },
	    2, "flush example.org 0" },
	{ "why a domain", "{\"verb\":\"why\",\"domain\":\"example.org\"}",
	    { "Cause: mx2 says.", "Its mail is delivered by node mx2",
		"Node mx1 has seen it up for", "seen it down for 1m: a ?[2J",
		"\"verdicts\":[{\"node\":\"mx1\",\"state\":\"up\",\"since\":"
		"1795367910,\"cause\":\"\"},{" },
	    0, NULL },
	{ "why a message", "{\"verb\":\"why\",\"id\":\"6A3\"}",
	    { "6A3, from <b@sender.example> to 2", "{\"done\":true,\"rc\":0}" },
	    0, NULL },
	{ "recipients", "{\"verb\":\"recipients\",\"domain\":\"hold.example\"}",
	    { "u449@hold.example", "\"shown\":450" }, 0, NULL },
};

static void
test_requests(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(requests); i++) {
		print_message("%s\n", requests[i].name);
		for (unsigned k = 0; k < FAKE_NODES; k++) {
			fc.node[k].fake->last[0] = '\0';
			fc.node[k].fake->flushing = false;
		}
		answer = ask(&p, requests[i].request);
		for (unsigned k = 0; k < MX_COUNT(requests[i].has) &&
		     requests[i].has[k] != NULL;
		     k++)
			assert_has(answer, requests[i].has[k]);
		if (requests[i].what != NULL)
			assert_string_equal(
			    fc.node[requests[i].last - 1].fake->last,
			    requests[i].what);
		peer_close(&p);
		assert_int_equal(fc.nflights, 0);
	}
}

/* One document: the head of who was asked, each domain once, as its owner has it. */
static void
test_status(void **state)
{
	static const char *const name[] = { "example.net", "example.org",
		"hold.example" };
	const cJSON *domains, *d;
	cJSON *o;
	struct peer p;

	(void)state;
	o = cJSON_Parse(ask(&p, "{\"verb\":\"status\"}"));
	assert_true(cJSON_IsObject(o));
	assert_true(json_get_bool(o, "ready"));
	domains = json_get(o, "domains");
	assert_int_equal(cJSON_GetArraySize(domains), 3);
	for (int i = 0; i < 3; i++) {
		d = cJSON_GetArrayItem(domains, i);
		assert_string_equal(json_get_text(d, "domain"), name[i]);
	}
	assert_string_equal(
	    json_get_text(cJSON_GetArrayItem(domains, 1), "cause"), "mx2 says");
	assert_int_equal(fc.node[1].asked, 1);
	cJSON_Delete(o);
	peer_close(&p);
}

/* Each domain is there once, whatever the nodes take for true; the one of that number. */
static cJSON *
shown(int number)
{
	struct peer p;
	cJSON *o, *d;

	o = cJSON_Parse(ask(&p, "{\"verb\":\"status\"}"));
	assert_has(buf_str(&p.got), "]}\n{\"done\":true,\"rc\":0}");
	assert_int_equal(cJSON_GetArraySize(json_get(o, "domains")), 3);
	d = cJSON_DetachItemFromArray(json_get(o, "domains"), number);
	cJSON_Delete(o);
	peer_close(&p);
	return d;
}

static void
assert_nobodys(void)
{
	struct peer p;
	cJSON *d = shown(2);

	assert_string_equal(json_get_text(d, "domain"), "hold.example");
	assert_non_null(json_get(d, "owner"));
	assert_string_equal(json_get_text(d, "owner"), "");
	assert_false(json_get_bool(d, "ours"));
	cJSON_Delete(d);
	assert_has(ask(&p, "{\"verb\":\"status\",\"domain\":\"hold.example\"}"),
	    "\"owner\":\"\",\"ours\":false");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"why\",\"domain\":\"hold.example\"}"),
	    "No node has the domain at the moment; its mail waits until one "
	    "takes it over.");
	assert_has(buf_str(&p.got), "\"owner\":\"\",\"ours\":false");
	assert_null(strstr(buf_str(&p.got), "is delivered by node"));
	peer_close(&p);
}

/* A domain that changes hands: one node let it go, and nobody has it yet. */
static void
test_nobodys(void **state)
{
	struct fake_node *a = &fc.node[0], *c = &fc.node[2];

	(void)state;
	for (unsigned i = 0; i < FAKE_NODES; i++)
		fc.node[i].fake->cluster = true;
	c->moved = "hold.example";
	c->moved_to = 0;
	assert_nobodys();
	c->moved_to = 1; /* it gave it to us, and we have not heard of that */
	assert_nobodys();
	a->moved = "hold.example"; /* nor is it known who had it */
	a->moved_to = 0;
	fake.unowned = true;
	assert_nobodys();
	fake.unowned = false;
	for (unsigned i = 0; i < FAKE_NODES; i++)
		fc.node[i].fake->cluster = false;
}

/* Two have it, one of them a moment ago: by what we know. */
static void
test_twice(void **state)
{
	static const char *const says[] = { "mx1 says", "mx2 says",
		"mx3 says" };
	struct fake_node *a = &fc.node[0], *c = &fc.node[2];
	cJSON *d;

	(void)state;
	c->fake->cause = says[2];
	a->moved = c->moved = "example.org";
	c->moved_to = 3;
	for (unsigned i = 0; i < FAKE_NODES; i++) {
		a->moved_to = i + 1;
		d = shown(1);
		assert_string_equal(json_get_text(d, "domain"), "example.org");
		assert_string_equal(json_get_text(d, "cause"), says[i]);
		cJSON_Delete(d);
	}
}

/* Who did it is remembered where it was done, with who asked there; that it is
 * nowhere, once. */
static void
test_audit(void **state)
{
	struct peer p;

	(void)state;
	ask(&p, "{\"verb\":\"remove\",\"id\":\"6A2\",\"reason\":\"spam\"}");
	peer_close(&p);
	assert_string_equal(fc.node[1].fake->did, "remove 6A2 spam 0 of mx1");
	assert_string_equal(fc.node[0].fake->did, "");
	assert_string_equal(fc.node[2].fake->did, "");
	fc.node[1].fake->did[0] = '\0';
	ask(&p, "{\"verb\":\"bounce\",\"id\":\"9\"}");
	assert_has(buf_str(&p.got), "\"error\":\"9: no such message\"");
	peer_close(&p);
	assert_string_equal(fc.node[0].fake->did, "bounce 9  1");
	assert_string_equal(fc.node[1].fake->did, "");
	assert_string_equal(fc.node[2].fake->did, "");
}

/* ---- events of several nodes */

static void
happens(unsigned node, int64_t wall, const char *text)
{
	control_event(fc.node[node].control,
	    &(struct control_event){ .wall = wall,
		.what = "state",
		.domain = "example.org",
		.host = "",
		.text = text });
}

/* In order of time, whichever node has them; each with the name of its node. */
static void
test_events(void **state)
{
	const char *answer, *last;
	struct peer p;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(text, sizeof(text), "number %03u.", i);
		happens(i * 7 % FAKE_NODES, 1795360000 + i, text);
	}
	answer = ask(&p, "{\"verb\":\"events\"}");
	assert_int_equal(count(answer, "\"what\":\"state\""), 300);
	assert_int_equal(count(answer, "{\"node\":\"mx2\",\"number\":"), 100);
	assert_int_equal(count(answer, "sort"), 0);
	assert_has(answer, "\"rc\":0,\"shown\":300}");
	last = answer;
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(text, sizeof(text), "number %03u.", i);
		last = strstr(last, text);
		assert_non_null(last);
	}
	peer_close(&p);
	fc.node[2].mute = true;
	answer = ask(&p, "{\"verb\":\"events\"}");
	assert_has(answer, "\"rc\":1,\"shown\":200,\"silent\":[\"mx3\"]");
	assert_has(answer, "node mx3 did not answer: what it has is missing");
	peer_close(&p);
}

static void
wait_text(struct peer *p, const char *text)
{
	for (unsigned i = 0; i < 1000 && strstr(buf_str(&p->got), text) == NULL;
	     i++)
		idle(10);
	assert_has(buf_str(&p->got), text);
}

/* The earlier ones in order of time, new ones when they come. Nobody waits for a
 * node that has nothing to say, and one that does not answer is named. */
static void
test_events_followed(void **state)
{
	static const char request[] = "{\"verb\":\"events\",\"follow\":true}\n";
	struct peer p;

	(void)state;
	happens(1, 1795360002, "the second");
	happens(0, 1795360001, "the first");
	fc.node[2].mute = true;
	peer_open(&p);
	peer_say(&p, request, sizeof(request) - 1);
	wait_text(&p, "the second");
	assert_true(strstr(buf_str(&p.got), "the first") <
	    strstr(buf_str(&p.got), "the second"));
	wait_text(&p, "{\"silent\":[\"mx3\"]}");
	wait_text(&p, "\"alive\":true");
	happens(1, 1795360009, "at another node");
	wait_text(&p, "{\"node\":\"mx2\",\"number\":2,");
	happens(0, 1795360005, "here");
	wait_text(&p, "\"text\":\"here\"");
	assert_int_equal(count(buf_str(&p.got), "silent"), 1);
	assert_false(p.eof);
	peer_close(&p);
}

/* ---- flushes of several nodes */

static void
test_flush_all(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	for (unsigned i = 0; i < FAKE_NODES; i++)
		fc.node[i].fake->polls_left = 1;
	answer = ask(&p, "{\"verb\":\"flush\",\"all\":true,\"wait\":true}");
	assert_int_equal(count(answer, "\"event\":\"begin\""), 3);
	assert_int_equal(count(answer, "\"event\":\"end\""), 3);
	assert_has(answer,
	    "{\"done\":true,\"rc\":0,\"domains\":3,\"messages\":9}");
	peer_close(&p);
	for (unsigned i = 0; i < FAKE_NODES; i++)
		fc.node[i].fake->polls_left = 1;
	fc.node[2].fake->cut = true;
	answer = ask(&p, "{\"verb\":\"flush\",\"all\":true,\"wait\":true}");
	assert_has(answer, "\"rc\":1");
	assert_has(answer, "\"error\":\"the flush was interrupted");
	peer_close(&p);
}

/* ---- who does not answer */

static void
test_silent(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fc.node[2].mute = true;
	answer = ask(&p, "{\"verb\":\"status\"}");
	assert_has(answer, "\"domain\":\"example.org\"");
	assert_null(strstr(answer, "\"domain\":\"hold.example\""));
	assert_has(answer,
	    "]}\n{\"done\":true,\"rc\":1,\"silent\":[\"mx3\"],\"error\":\"node "
	    "mx3 did not answer: its domains are missing\"}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"hold\",\"domain\":\"hold.example\"}");
	assert_has(answer, "\"rc\":1");
	assert_has(answer, "node mx3, which has hold.example, did not answer");
	peer_close(&p);
	/* it is known to be silent: nobody waits for it */
	fc.node[2].asks = fc.node[1].asks = false;
	fc.node[1].asked = fc.node[2].asked = 0;
	answer = ask(&p, "{\"verb\":\"queue\"}");
	assert_has(answer,
	    "\"messages\":1,\"bytes\":2048,\"silent\":[\"mx2\","
	    "\"mx3\"],\"error\":\"nodes mx2, mx3 did not answer: "
	    "what they have is missing\"}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"show\",\"id\":\"6A2\"}");
	assert_has(answer, "\"error\":\"6A2: no such message; nodes mx2, mx3");
	peer_close(&p);
	assert_int_equal(fc.node[1].asked + fc.node[2].asked, 0);
}

struct why_heard {
	struct buf text;
	bool heard, whole;
};

static void
on_why_heard(void *arg, const char *text, size_t len, bool whole)
{
	struct why_heard *w = arg;

	assert_int_equal(buf_add(&w->text, text, len), 0);
	w->heard = true;
	w->whole = whole;
}

/* What the status page of a node asks, and the answer when all nodes speak, and when
 * mx2, which has the domain, does not. */
static const struct {
	const char *request, *said, *silent;
} asked_by_page[] = {
	{ "{\"verb\":\"why\",\"domain\":\"example.org\"}", "Cause: mx2 says.",
	    "node mx2, which has example.org, did not answer" },
	{ "{\"verb\":\"queue\",\"domain\":\"example.org\",\"after\":\"0\","
	  "\"limit\":\"2\",\"rcpts\":true}",
	    "\"rcpts\":[],\"recipients\":1}", "\"silent\":[\"mx2\"]" },
	{ "{\"verb\":\"ages\",\"domain\":\"example.org\"}",
	    "\"ages\":[{\"le\":60,\"messages\":", "\"silent\":[\"mx2\"]" },
};

static void
test_the_page_asks(void **state)
{
	struct why_heard w = { .text = BUF_INIT(1u << 20) };

	(void)state;
	for (unsigned i = 0; i < 2 * MX_COUNT(asked_by_page); i++) {
		fc.node[1].mute = i % 2 != 0;
		buf_clear(&w.text);
		w.heard = false;
		control_ask(control, cJSON_Parse(asked_by_page[i / 2].request),
		    on_why_heard, &w);
		for (unsigned k = 0; !w.heard && k < LIMIT_MS / 10; k++)
			idle(10);
		assert_true(w.heard && w.whole);
		assert_has(buf_str(&w.text),
		    i % 2 == 0 ? asked_by_page[i / 2].said :
				 asked_by_page[i / 2].silent);
	}
	buf_fini(&w.text);
}

/* Nothing travels without the engine: what is here is shown, and may be flushed. */
static void
test_away(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fc.view.away_ms = 1795367940000;
	fc.view.local_messages = 3;
	answer = ask(&p, "{\"verb\":\"cluster\"}");
	assert_has(answer, "\"rc\":1");
	assert_has(answer,
	    "\"away_since\":1795367940,\"synchronous\":true,"
	    "\"require_sync\":false},\"local\":{\"messages\":3");
	assert_has(answer,
	    "\"error\":\"the engine is unreachable; 3 messages were not "
	    "moved to the engine yet\"");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"queue\"}");
	assert_has(answer, "\"id\":\"6A1.1\"");
	assert_has(answer,
	    "\"rc\":1,\"messages\":1,\"bytes\":2048,\"silent\":[\"mx2\","
	    "\"mx3\"],\"error\":\"the engine is unreachable: mx2, mx3 could "
	    "not be asked, only this node\"");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"flush\",\"domain\":\"example.org\"}");
	assert_has(answer, "\"event\":\"begin\"");
	assert_string_equal(fake.last, "flush example.org 0");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"hold\",\"domain\":\"example.org\"}");
	assert_has(answer,
	    "the engine is unreachable, so mx2, which has example.org, cannot "
	    "be asked from here");
	peer_close(&p);
	assert_int_equal(fc.node[1].asked + fc.node[2].asked, 0);
}

/* What is no answer is none. */
static void
test_cut(void **state)
{
	struct peer p;

	(void)state;
	fc.cuts = true;
	assert_has(ask(&p, "{\"verb\":\"queue\"}"),
	    "nodes mx2, mx3 did not answer");
	peer_close(&p);
}

static void
test_trouble(void **state)
{
	struct peer p;

	(void)state;
	fc.view.synchronous = false;
	fc.view.requires_sync = true;
	fc.view.unowned = 1;
	fc.node[1].state = "dead";
	fc.node[2].state = "stopped"; /* somebody's will */
	assert_has(ask(&p, "{\"verb\":\"cluster\",\"action\":\"status\"}"),
	    "\"error\":\"the engine has no synchronous standby; node mx2 is "
	    "dead; 1 domain is nobody's\"");
	peer_close(&p);
	fc.view.requires_sync = false;
	fc.view.unowned = 0;
	fc.node[1].state = "left";
	assert_has(ask(&p, "{\"verb\":\"cluster\"}"), "\"rc\":0");
	peer_close(&p);
}

/* ---- what an operator orders */

static const struct {
	const char *request;
	int rc;
	const char *ordered, *did, *has;
} orders[] = {
	{ "\"move\",\"domain\":\"Example.ORG\",\"node\":\"mx3\"}", 0,
	    "move example.org 3", "cluster move example.org  0",
	    "\"rc\":0,\"node\":\"mx3\",\"domain\":\"example.org\"}" },
	{ "\"move\",\"domain\":\"example.org\",\"node\":\"mx3\"}", -MX_EBUSY,
	    "move example.org 3", "cluster move example.org  1",
	    "\"rc\":1,\"error\":\"mx3 is not there to take it\"" },
	{ "\"move\",\"domain\":\"no.example\",\"node\":\"mx3\"}", -MX_ENOENT,
	    "move no.example 3", "cluster move no.example  1",
	    "\"error\":\"no.example: no such domain\"" },
	{ "\"release\",\"node\":\"mx2\",\"reason\":\"disk\"}", 0, "release 2",
	    "cluster release mx2 disk 0", "\"rc\":0,\"node\":\"mx2\"}" },
	{ "\"takeover\",\"node\":\"mx1\"}", -MX_EBUSY, "takeover 1",
	    "cluster takeover mx1  1", "does not take over from itself" },
	{ "\"join\"}", 0, "join 1", "cluster join   0", "\"rc\":0" },
	{ "\"join\",\"node\":\"mx3\"}", 0, "join 3", "cluster join mx3  0",
	    "\"rc\":0" },
};

static void
test_orders(void **state)
{
	struct peer p;
	char *request;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(orders); i++) {
		print_message("%s\n", orders[i].request);
		fc.rc = orders[i].rc;
		request = mem_printf("{\"verb\":\"cluster\",\"action\":%s",
		    orders[i].request);
		assert_has(ask(&p, request), orders[i].has);
		assert_string_equal(fc.ordered, orders[i].ordered);
		assert_string_equal(fake.did, orders[i].did);
		mem_free(&request);
		peer_close(&p);
	}
}

/* ---- long answers */

#define MANY 6000u /* of each node */

static void
make_many(void)
{
	for (unsigned i = 0; i < FAKE_NODES; i++) {
		fc.node[i].fake->lacks = 0xf;
		fc.node[i].fake->big = MANY;
		fc.node[i].fake->step = 2;
		fc.node[i].fake->shift = i;
	}
}

static void
assert_ascending(const char *answer, unsigned n)
{
	static const char key[] = "{\"id\":\"";
	uint64_t before = 0, id;
	char text[TEXT_ID_MAX];
	unsigned seen = 0;
	bool part;

	for (const char *s = answer; strncmp(s, key, sizeof(key) - 1) == 0;
	     s = strchr(s, '\n') + 1) {
		/* strlcpy() would measure all of it each time */
		memcpy(text, s + sizeof(key) - 1, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		text[strcspn(text, "\"")] = '\0';
		assert_int_equal(text_id_parse(text, &id, &part), 0);
		assert_true(id > before);
		before = id;
		seen++;
	}
	assert_int_equal(seen, n);
}

/* Merged in the order of ids; each page is as long as a page may be. */
static void
test_pages(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	make_many();
	answer = ask(&p, "{\"verb\":\"queue\",\"domain\":\"big.example\"}");
	assert_ascending(answer, FAKE_NODES * MANY);
	assert_has(answer, "\"rc\":0,\"messages\":18000,");
	peer_close(&p);
	assert_true(fc.node[1].asked >= 4);
	assert_true(fc.node[1].longest > GATHER_PAGES / 8);
	/* and what a step of the verb says beyond it */
	assert_true(fc.node[1].longest < GATHER_PAGES / 4 + 200000);
	assert_true(fc.most <= FAKE_NODES - 1);
}

/* What each node has ranked is merged, and what they ranked it by is not shown. */
static void
test_ranked(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	make_many();
	answer = ask(&p,
	    "{\"verb\":\"queue\",\"domain\":\"big.example\","
	    "\"sort\":\"size\",\"limit\":\"4000\"}");
	assert_ascending(answer, 4000);
	assert_null(strstr(answer, "\"sort\""));
	assert_has(answer, "\"messages\":18000,");
	assert_has(answer, "\"shown\":4000}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"queue\",\"count\":true}");
	assert_has(answer, "{\"done\":true,\"rc\":0,\"messages\":18000,");
	peer_close(&p);
}

/* Each node walks what it has; what is said of all is a sum, and the first moment. */
static void
test_orders_of_many(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	fc.node[1].fake->sooner_ms = 86400000;
	answer = ask(&p, "{\"verb\":\"bounce\",\"all\":true}");
	assert_has(answer, "{\"done\":true,\"rc\":1,");
	assert_has(answer,
	    "\"next_expiry\":1797614400,\"next_expiry_domain\":"
	    "\"example.org\"");
	assert_has(answer,
	    "\"messages\":3,\"selected\":4,\"in_hand\":1,"
	    "\"bytes\":8192");
	peer_close(&p);
	assert_int_equal(fc.node[0].fake->ordered, 1);
	assert_int_equal(fc.node[1].fake->ordered, 3);
	answer =
	    ask(&p, "{\"verb\":\"remove\",\"sender\":\"*\",\"dry_run\":true}");
	assert_has(answer, "\"rc\":0,");
	assert_has(answer, "\"messages\":4,");
	assert_has(answer, "\"ids\":[\"6A1.1\",\"6A1\",\"6A2\",\"6A3\"]");
	peer_close(&p);
	assert_int_equal(fc.node[1].fake->ordered, 3);
}

/* A client that does not read has no more made for him than a page of each node;
 * when he goes away the nodes hear of it. */
static void
test_client_goes(void **state)
{
	struct peer p;
	unsigned asked;

	(void)state;
	make_many();
	for (unsigned i = 0; i < FAKE_NODES; i++)
		fc.node[i].fake->big = 4 * MANY;
	peer_open(&p);
	loop_io_want(p.io, 0);
	peer_say(&p, "{\"verb\":\"queue\"}\n", 17);
	for (unsigned i = 0; i < 500 && fc.node[1].longest == 0; i++)
		idle(20);
	idle(200);
	asked = fc.node[1].asked;
	assert_int_equal(control_asked_calls(fc.node[1].control), 1);
	assert_true(asked >= 1 && asked <= 8);
	idle(200);
	assert_int_equal(fc.node[1].asked, asked); /* he has to read first */
	peer_close(&p);
	for (unsigned i = 0; i < 200 &&
	     control_asked_calls(fc.node[1].control) +
		     control_asked_calls(fc.node[2].control) >
		 0;
	     i++)
		idle(20);
	assert_int_equal(control_asked_calls(fc.node[1].control), 0);
	assert_int_equal(control_asked_calls(fc.node[2].control), 0);
}

/* He goes away before a node has answered. */
static void
test_client_goes_early(void **state)
{
	static const char show[] = "{\"verb\":\"show\",\"id\":\"6A2\"}\n";
	struct peer p;

	(void)state;
	fc.node[1].fake->mute = true; /* its relay: the node has the request */
	peer_open(&p);
	peer_say(&p, show, sizeof(show) - 1);
	for (unsigned i = 0; i < 500 && fc.node[1].asked == 0; i++)
		idle(20);
	assert_int_equal(control_asked_calls(fc.node[1].control), 1);
	peer_close(&p);
	control_destroy(&control); /* he is found out by writing alone */
	for (unsigned i = 0; i < 500 && fc.nflights > 0; i++)
		idle(20);
	assert_int_equal(fc.forgotten, 1);
	assert_int_equal(control_asked_calls(fc.node[1].control), 0);
}

/* ---- what other nodes may ask */

static struct buf heard;
static bool heard_end;

static void
on_heard(void *arg, int rc, const char *text, size_t len, bool end)
{
	(void)arg;
	assert_int_equal(rc, 0);
	assert_int_equal(buf_add(&heard, text, len), 0);
	heard_end = end;
}

/* What node mx1 says to mx2, and hears. */
static const char *
say(const char *line)
{
	const struct control_cluster_ops *ops = &fake.ops.cluster;

	buf_clear(&heard);
	heard_end = false;
	(void)ops->ask(ops->arg, 2, line, on_heard, NULL);
	for (unsigned i = 0; i < 500 && !heard_end; i++)
		idle(20);
	assert_true(heard_end);
	return buf_str(&heard);
}

static const struct {
	const char *line, *has;
} strangers[] = {
	{ "", "does not name its node" },
	{ "{\"request\":{\"verb\":\"queue\"}}", "does not name its node" },
	{ "{\"node\":\"mx1\"}", "the request is empty" },
	{ "{\"node\":\"mx1\",\"request\":[]}", "the request is empty" },
	{ "{\"node\":\"mx1\",\"request\":{}}", "\\\"verb\\\" is missing" },
	{ "{\"node\":\"mx1\",\"page\":77}", "was dropped" },
	{ "{\"node\":\"mx1\",\"request\":{\"verb\":\"reload\"}}",
	    "reload cannot be asked for by another node" },
	{ "{\"node\":\"mx1\",\"request\":{\"verb\":\"cluster\",\"action\":"
	  "\"release\",\"node\":\"mx2\"}}",
	    "cluster cannot be asked for by another node" },
	{ "{\"node\":\"mx1\",\"request\":{\"verb\":\"queue\",\"domain\":"
	  "\"example.net\"}}",
	    "{\"page\":0}\n{\"done\":true,\"rc\":0,\"messages\":0" },
	/* the owner of example.net is mx1: who is asked does not ask on */
	{ "{\"node\":\"mx1\",\"uid\":1000,\"request\":{\"verb\":\"hold\","
	  "\"domain\":\"example.net\"}}",
	    "{\"page\":0}\n{\"done\":true,\"rc\":0,\"domain\":\"example."
	    "net\"}" },
};

static void
test_strangers(void **state)
{
	(void)state;
	buf_init(&heard, 1 << 20);
	for (size_t i = 0; i < MX_COUNT(strangers); i++) {
		print_message("%s\n", strangers[i].line);
		assert_has(say(strangers[i].line), strangers[i].has);
	}
	assert_int_equal(fc.node[0].asked + fc.node[2].asked, 0);
	assert_string_equal(fc.ordered, "");
	assert_int_equal(control_asked_calls(fc.node[1].control), 0);
	buf_fini(&heard);
}

/* The pages of one node are not another's, and they are bounded in number. */
static void
test_bounds(void **state)
{
	static const char line[] =
	    "{\"node\":\"mx1\",\"max\":1,\"request\":{\"verb\":\"queue\"}}";
	char *other;
	double page;
	cJSON *o;

	(void)state;
	buf_init(&heard, 1 << 20);
	fc.node[1].fake->big = 1000;
	for (unsigned i = 0; i < PAGE_CALLS; i++)
		assert_has(say(line), "\"id\":\"6A1\"");
	assert_int_equal(control_asked_calls(fc.node[1].control), PAGE_CALLS);
	o = cJSON_Parse(buf_str(&heard));
	page = json_get_num(o, "page");
	assert_true(page > 0);
	cJSON_Delete(o);
	assert_has(say(line), "too many requests from other nodes");
	other = mem_printf("{\"node\":\"mx3\",\"page\":%.0f}", page);
	assert_has(say(other), "was dropped");
	mem_free(&other);
	other = mem_printf("{\"node\":\"mx1\",\"page\":%.0f}", page);
	assert_has(say(other), "big.example");
	mem_free(&other);
	buf_fini(&heard);
}

/* ---- alerts */

static struct snapshot *
snapshot_firing(void *arg, const char *domain)
{
	struct snap_alerts *told = snap_alerts_create(1, 0, 0);
	struct snapshot *s = snapshot_create();

	(void)arg;
	(void)domain;
	told->alert[0] =
	    (struct snap_alert){ .kind = ALERT_spool_low, .firing = true };
	snap_alerts_index(told);
	s->wall_ms = INT64_C(1795368000000);
	snapshot_tell(s, &told);
	return s;
}

static uint64_t
silence(void *arg, const char *match, int64_t for_ms, const char *reason)
{
	(void)arg;
	(void)match;
	(void)for_ms;
	(void)reason;
	return 1;
}

static unsigned
ack(void *arg, const char *match, const char *by)
{
	struct fake *f = arg;

	(void)snprintf(f->last, sizeof(f->last), "ack %s %s", match, by);
	return f == &fake ? 0 : 2;
}

static void
test_alerts(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	for (unsigned i = 0; i < FAKE_NODES; i++) {
		struct fake *f = fc.node[i].fake;
		char sock[128];

		f->ops.alert = (struct control_alert_ops){ .silence = silence,
			.ack = ack,
			.arg = f };
		f->ops.snapshot = snapshot_firing;
		if (i == 0)
			continue;
		control_destroy(&fc.node[i].control);
		(void)snprintf(sock, sizeof(sock), "%s/%s", dir,
		    fc.node[i].name);
		fc.node[i].control =
		    control_create(loop, sock, 4, &f->relay, &f->ops, NULL);
	}
	restart();
	answer = ask(&p, "{\"verb\":\"alerts\"}");
	assert_has(answer, "{\"node\":\"mx1\",\"alert\":\"spool_low\"");
	assert_has(answer, "{\"node\":\"mx3\",\"alert\":\"spool_low\"");
	assert_has(answer, "\"rc\":0,\"firing\":3,\"pending\":0}");
	peer_close(&p);
	answer = ask(&p,
	    "{\"verb\":\"ack\",\"match\":\"spool_low\",\"reason\":\"mine\"}");
	assert_has(answer, "\"rc\":0,\"alerts\":4}");
	peer_close(&p);
	assert_non_null(strstr(fc.node[2].fake->last, " of mx1: mine"));
}

int
main(void)
{
#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, setup_cluster, teardown_cluster)
	const struct CMUnitTest tests[] = {
		TEST(test_requests),
		TEST(test_status),
		TEST(test_nobodys),
		TEST(test_twice),
		TEST(test_audit),
		TEST(test_events),
		TEST(test_events_followed),
		TEST(test_flush_all),
		TEST(test_silent),
		TEST(test_away),
		TEST(test_cut),
		TEST(test_trouble),
		TEST(test_orders),
		TEST(test_the_page_asks),
		TEST(test_pages),
		TEST(test_ranked),
		TEST(test_orders_of_many),
		TEST(test_client_goes),
		TEST(test_client_goes_early),
		TEST(test_strangers),
		TEST(test_bounds),
		TEST(test_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
