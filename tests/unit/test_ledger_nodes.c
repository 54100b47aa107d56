/* SPDX-License-Identifier: ISC
 * The record of outages of a cluster: two ledgers over one state, which hear of each
 * other: what both see, what one sees, an engine that is away, a node and a disk that
 * go, what was recorded alone, and what is old. */
#include <sys/stat.h>

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
#include "tests/unit/ledger_world.h"

#define NODES	  2
#define STATE_MAX 3000

struct item { /* of the state that all share */
	char *key, *text;
};

/* `ledger` of the world is that of the node at hand (on()). */
static struct share_of {
	struct ledger *ledger;
	unsigned node;
	char folder[64], name[8];
	bool away; /* what it writes fails, and it hears nothing */
	bool gone; /* in the eyes of the others */
	bool refused; /* what it writes fails, and it does not know before */
	struct item *news; /* that it has not heard yet */
	unsigned nnews;
} nodes[NODES];
static struct item state[STATE_MAX];
static unsigned nstate, nputs;

static void
on(unsigned i)
{
	ledger = nodes[i].ledger;
}

static struct item *
item_find(const char *key)
{
	for (unsigned i = 0; i < nstate; i++)
		if (strcmp(state[i].key, key) == 0)
			return &state[i];
	return NULL;
}

static void
item_set(const char *key, const char *text)
{
	struct item *it = item_find(key);

	if (text == NULL) {
		if (it == NULL)
			return;
		mem_free(&it->key);
		mem_free(&it->text);
		*it = state[--nstate];
		return;
	}
	if (it == NULL) {
		assert_true(nstate < STATE_MAX);
		it = &state[nstate++];
		it->key = mem_strdup(key);
		it->text = NULL;
	}
	mem_free(&it->text);
	it->text = mem_strdup(text);
}

static void
news_add(struct share_of *s, const char *key, const char *text)
{
	s->news = mem_grow(s->news, s->nnews + 1, sizeof(*s->news));
	s->news[s->nnews].key = mem_strdup(key);
	s->news[s->nnews++].text = text != NULL ? mem_strdup(text) : NULL;
}

static void
news_tell(struct share_of *s)
{
	struct item it;

	for (unsigned i = 0; i < s->nnews; i++) {
		it = s->news[i];
		if (s->ledger != NULL)
			assert_true(ledger_told(s->ledger, it.key, it.text,
			    it.text != NULL ? strlen(it.text) : 0));
		mem_free(&it.key);
		mem_free(&it.text);
	}
	s->nnews = 0;
}

static void
on_put(void *arg, const char *key, const void *data, size_t len, uint64_t token)
{
	struct share_of *s = arg;
	char *text = len > 0 ? mem_strndup(data, len) : NULL;

	nputs++;
	if (!s->away && !s->refused) {
		item_set(key, text);
		for (unsigned i = 0; i < NODES; i++)
			if (&nodes[i] != s)
				news_add(&nodes[i], key, text);
	}
	mem_free(&text);
	ledger_put_done(s->ledger, token,
	    s->away || s->refused ? -MX_ENOENT : 0);
}

static bool
on_ready(void *arg)
{
	return !((const struct share_of *)arg)->away;
}

static bool
on_alive(void *arg MX_UNUSED, unsigned node, int64_t said MX_UNUSED)
{
	return node >= 1 && node <= NODES && !nodes[node - 1].gone;
}

static bool
on_speaks(void *arg)
{
	const struct share_of *s = arg;

	return s->node == 1 || nodes[0].gone;
}

static bool
on_exists(void *arg MX_UNUSED, enum outage_kind kind MX_UNUSED,
    const char *name)
{
	return missing == NULL || strcmp(name, missing) != 0;
}

static void
on_each(void *arg MX_UNUSED, const char *prefix, ledger_state_cb *fn,
    void *fn_arg)
{
	for (unsigned i = 0; i < nstate; i++)
		if (strncmp(state[i].key, prefix, strlen(prefix)) == 0)
			fn(fn_arg, state[i].key, state[i].text,
			    strlen(state[i].text));
}

static void
node_start(unsigned i)
{
	struct share_of *s = &nodes[i];
	struct ledger_ops ops = { .exists = on_exists,
		.arg = s,
		.node = i + 1,
		.alive = on_alive,
		.name = s->name,
		.speaks = on_speaks,
		.ready = on_ready,
		.put = on_put,
		.each = on_each };
	struct book_time t = world_now();

	s->node = i + 1;
	s->gone = false;
	(void)snprintf(s->name, sizeof(s->name), "mx%u", i + 1);
	s->ledger = ledger_create(&conf, s->folder, NULL, &ops, &t);
}

static void
file_of(char *dst, size_t size, unsigned i)
{
	(void)snprintf(dst, size, "%s/outages", nodes[i].folder);
}

/* In an orderly way, or killed: then the others have what they heard. */
static void
node_stop(unsigned i, bool killed)
{
	struct share_of *s = &nodes[i];
	struct book_time t = world_now();
	char *was = path, file[128];

	file_of(file, sizeof(file), i);
	path = file;
	ledger = s->ledger;
	if (killed) {
		world_kill();
	} else {
		ledger_rest(s->ledger, &t);
		world_stop();
		world_alive_now();
	}
	s->ledger = NULL;
	path = was;
	news_tell(s); /* to nobody */
}

static void
hear(void)
{
	for (unsigned i = 0; i < NODES; i++)
		if (!nodes[i].away)
			news_tell(&nodes[i]);
}

static void
pass(unsigned seconds)
{
	struct book_time t;

	while (seconds-- > 0) {
		fake_loop_advance(loop, 1000);
		t = world_now();
		for (unsigned i = 0; i < NODES; i++)
			if (nodes[i].ledger != NULL)
				ledger_tick(nodes[i].ledger, &t);
		hear();
	}
}

static int
setup(void **st)
{
	assert_int_equal(world_setup(st), 0);
	world_stop();
	nputs = 0;
	for (unsigned i = 0; i < NODES; i++) {
		(void)snprintf(nodes[i].folder, sizeof(nodes[i].folder),
		    "/tmp/test_ledger_nodes.XXXXXX");
		assert_non_null(mkdtemp(nodes[i].folder));
		node_start(i);
	}
	pass(1);
	return 0;
}

static int
teardown(void **st)
{
	char file[128];

	for (unsigned i = 0; i < NODES; i++) {
		nodes[i].away = nodes[i].refused = false;
		if (nodes[i].ledger != NULL)
			node_stop(i, false);
	}
	for (unsigned i = 0; i < NODES; i++) {
		news_tell(&nodes[i]);
		mem_free(&nodes[i].news);
		file_of(file, sizeof(file), i);
		(void)unlink(file);
		assert_int_equal(rmdir(nodes[i].folder), 0);
	}
	while (nstate > 0)
		item_set(state[0].key, NULL);
	ledger = NULL;
	return world_teardown(st);
}

static void
see(unsigned i, enum health_state is)
{
	on(i);
	primary_is(is);
}

static void
all_see(enum health_state is)
{
	for (unsigned i = 0; i < NODES; i++)
		if (nodes[i].ledger != NULL)
			see(i, is);
}

/* The record of that name is one on both, and the same; the caller frees it. */
static cJSON *
one(const char *name)
{
	cJSON *r[NODES];

	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(name), 1);
		r[i] = record(name);
	}
	if (!cJSON_Compare(r[0], r[1], true)) {
		print_error("%s\n", cJSON_PrintUnformatted(r[0]));
		print_error("%s\n", cJSON_PrintUnformatted(r[1]));
		fail_msg("not the same");
	}
	cJSON_Delete(r[1]);
	return r[0];
}

static double
ratio(unsigned i)
{
	struct availability_ratios a;

	availability_get(ledger_availability(nodes[i].ledger), PRIMARY, &a);
	return a.ratio[AVAILABILITY_30D];
}

static unsigned
stored(unsigned node, const char *what)
{
	char prefix[32];
	unsigned n = 0;
	int len;

	len = snprintf(prefix, sizeof(prefix), "outage/%u/%s", node, what);
	for (unsigned i = 0; i < nstate; i++)
		n += strncmp(state[i].key, prefix, (size_t)len) == 0 &&
		    (*what != '\0' ||
			(state[i].key[len] >= '0' && state[i].key[len] <= '9'));
	return n;
}

/* ---- tests */

static void
an_outage_that_both_see_is_one_record(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(100);
	see(0, HEALTH_DOWN);
	pass(3);
	see(1, HEALTH_DOWN);
	pass(97);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(ledger_open(ledger), 1);
		check_state(PRIMARY, "down");
	}
	all_see(HEALTH_UP);
	pass(2);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "down_seconds", 97);
	check_num(r, "recovered", json_get_num(r, "failed") + 100);
	check_num(r, "id", 1 * 32 + 1);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 2);
	cJSON_Delete(r);
	assert_int_equal(stored(1, ""), 1);
	assert_int_equal(stored(2, ""), 1);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(ledger_open(ledger), 0);
	}
	pass(100);
	assert_true(ratio(0) > .6 && ratio(0) < .7);
	assert_true(ratio(0) == ratio(1));
}

static void
what_one_sees_is_on_record_and_costs_nothing(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(100);
	see(0, HEALTH_DOWN);
	pass(100);
	on(1);
	assert_int_equal(ledger_open(ledger), 1);
	see(0, HEALTH_UP);
	pass(100);
	r = one(PRIMARY);
	check_num(r, "down_seconds", 0);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 1);
	check_text(r, "state", "over");
	cJSON_Delete(r);
	assert_true(ratio(0) == 1 && ratio(1) == 1);
}

/* Later ones have greater ids, whoever records them. */
static void
ids_follow_time(void **st MX_UNUSED)
{
	double first, second;

	for (unsigned i = 0; i < 3; i++) {
		see(0, HEALTH_DOWN);
		pass(2);
		see(0, HEALTH_UP);
		pass(700);
	}
	on(1);
	cJSON *r = record(PRIMARY);
	first = json_get_num(r, "id");
	cJSON_Delete(r);
	see(1, HEALTH_DOWN);
	pass(2);
	on(0);
	r = record(PRIMARY);
	second = json_get_num(r, "id");
	cJSON_Delete(r);
	assert_true(second > first);
}

/* An outage that lasts for a day is not a row a minute. */
static void
what_goes_on_is_seldom_written(void **st MX_UNUSED)
{
	all_see(HEALTH_DOWN);
	pass(10);
	nputs = 0;
	pass(3600);
	assert_true(nputs <= 2 * (3600 / 30 + 1)); /* that both live */
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		cJSON *r = record(PRIMARY);
		assert_true(json_get_num(r, "down_seconds") >= 3540);
		cJSON_Delete(r);
	}
}

/* Each counts what it took, and a domain that changes hands is no mail. */
static void
a_domain_that_moves_is_counted_once(void **st MX_UNUSED)
{
	struct world_domain a, b;
	cJSON *r;

	on(0);
	domain_create(&a, DOMAIN);
	on(1);
	domain_create(&b, DOMAIN);
	all_see(HEALTH_DOWN);
	on(0);
	domain_state(&a, HEALTH_DOWN);
	mail_comes(&a, 3);
	domain_tell(&a);
	on(1); /* which is not its owner */
	domain_state(&b, HEALTH_DOWN);
	b.is->count.accepted_messages += 2;
	domain_tell(&b);
	pass(100);
	/* all of it is the other's from here on */
	on(0);
	a.is->deferred = 0;
	a.is->oldest_ms = a.is->oldest_live_ms = 0;
	domain_tell(&a);
	on(1);
	b.is->deferred = 5;
	b.is->oldest_ms = b.is->oldest_live_ms = clock_wall_ms() - 100000;
	domain_tell(&b);
	pass(100);
	all_see(HEALTH_UP);
	on(0);
	domain_state(&a, HEALTH_UP);
	domain_tell(&a);
	on(1);
	domain_state(&b, HEALTH_UP);
	domain_tell(&b);
	pass(2);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		check_state(DOMAIN, "draining"); /* by who has it */
		check_state(PRIMARY, "draining");
	}
	on(1);
	mail_goes(&b, 5);
	domain_tell(&b);
	pass(62);
	for (unsigned i = 0; i < 2; i++) {
		r = one(i == 0 ? DOMAIN : PRIMARY);
		check_text(r, "state", "over");
		check_num(r, "accepted", 5);
		check_num(r, "delivered", 5);
		check_num(r, "returned", 0);
		check_num(r, "expired", 0);
		check_num(r, "depth", 5);
		cJSON_Delete(r);
	}
	r = one(DOMAIN);
	cJSON *p = one(PRIMARY);
	check_num(r, "part_of", json_get_num(p, "id"));
	cJSON_Delete(r);
	cJSON_Delete(p);
	domain_free(&a);
	domain_free(&b);
}

static void
a_node_that_is_killed_leaves_what_it_saw(void **st MX_UNUSED)
{
	cJSON *r;
	double id;

	all_see(HEALTH_UP);
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	on(1);
	r = record(PRIMARY);
	id = json_get_num(r, "id");
	cJSON_Delete(r);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(100);
	on(1);
	check_state(PRIMARY, "down");
	see(1, HEALTH_UP);
	pass(2);
	on(1);
	assert_int_equal(count(PRIMARY), 1);
	r = record(PRIMARY);
	check_text(r, "state", "over"); /* that of the dead ended with it */
	check_num(r, "id", id);
	assert_true(json_get_num(r, "down_seconds") >= 199);
	cJSON_Delete(r);
	/* and it returns, and sees it up */
	node_start(0);
	see(0, HEALTH_UP);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "id", id);
	cJSON_Delete(r);
	/* somebody was there all the time */
	r = one("mxwatchd");
	check_num(r, "unwatched_seconds", 0);
	cJSON_Delete(r);
}

static void
while_the_engine_is_away_each_records(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(50);
	nodes[0].away = nodes[1].away = true;
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	assert_int_equal(stored(1, "") + stored(2, ""), 0);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 1);
		check_state(PRIMARY, "down");
	}
	nputs = 0;
	pass(50);
	assert_int_equal(nputs, 0);
	/* one of them ends before it is back */
	node_stop(1, false);
	node_start(1);
	nodes[0].away = nodes[1].away = false;
	pass(5);
	all_see(HEALTH_DOWN);
	pass(20);
	all_see(HEALTH_UP);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 2);
	assert_true(json_get_num(r, "down_seconds") > 170);
	cJSON_Delete(r);
}

/* Its place was another's, and it joins again. */
static void
what_is_refused_is_put_again(void **st MX_UNUSED)
{
	nodes[0].refused = true;
	see(0, HEALTH_DOWN);
	pass(5);
	assert_int_equal(stored(1, ""), 0);
	on(1);
	assert_int_equal(count(PRIMARY), 0);
	nputs = 0;
	pass(1);
	assert_in_range(nputs, 1, 5); /* each once a tick */
	nodes[0].refused = false;
	pass(2);
	assert_int_equal(stored(1, ""), 1);
	on(1);
	check_state(PRIMARY, "down");
}

/* One that is over, and one that goes on: all is as it was, but for the gap. */
static void
a_disk_that_is_lost_is_no_loss(void **st MX_UNUSED)
{
	cJSON *r, *q;
	char file[128];
	double id;

	see(0, HEALTH_UP);
	pass(10);
	see(0, HEALTH_DOWN);
	pass(100);
	see(0, HEALTH_UP);
	pass(700);
	see(0, HEALTH_DOWN);
	pass(100);
	on(0);
	assert_int_equal(count(PRIMARY), 2);
	r = record(PRIMARY);
	id = json_get_num(r, "id");
	cJSON_Delete(r);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(200);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	node_start(0);
	pass(10);
	on(0);
	assert_int_equal(count(PRIMARY), 2);
	r = record(PRIMARY);
	check_num(r, "id", id);
	check_text(r, "state", "down");
	assert_true(json_get_num(r, "unwatched_seconds") >= 199);
	assert_true(json_get_num(r, "unwatched_seconds") <= 231);
	cJSON_Delete(r);
	see(0, HEALTH_UP);
	pass(700);
	see(0, HEALTH_DOWN); /* another one: its id lies behind */
	pass(100);
	on(0);
	assert_int_equal(count(PRIMARY), 3);
	r = record(PRIMARY);
	assert_true(json_get_num(r, "id") > id);
	cJSON_Delete(r);
	on(1);
	assert_int_equal(count(PRIMARY), 3);
	assert_int_equal(access(file, R_OK), 0);
	/* since when it knows the primary as well */
	q = record("mxwatchd");
	check_text(q, "state", "over");
	cJSON_Delete(q);
	struct availability_ratios a;
	availability_get(ledger_availability(nodes[0].ledger), PRIMARY, &a);
	assert_true(a.since < clock_wall() - 1900);
}

/* The engine has no answer yet, and the file is gone: nothing is written over. */
static void
what_cannot_be_read_is_not_written_over(void **st MX_UNUSED)
{
	char file[128];
	char *was;

	see(0, HEALTH_DOWN);
	pass(2);
	see(0, HEALTH_UP);
	pass(700);
	was = mem_strdup(item_find("outage/1/1")->text);
	node_stop(0, true);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	struct item all[STATE_MAX];
	unsigned n = nstate;
	memcpy(all, state, sizeof(all));
	nstate = 0;
	nodes[0].away = true;
	node_start(0);
	nstate = n;
	memcpy(state, all, sizeof(all));
	see(0, HEALTH_DOWN);
	pass(2);
	nodes[0].away = false;
	pass(5);
	assert_string_equal(item_find("outage/1/1")->text, was);
	mem_free(&was);
	/* it is told what it said before */
	assert_true(ledger_told(nodes[0].ledger, "outage/1/1",
	    item_find("outage/1/1")->text,
	    strlen(item_find("outage/1/1")->text)));
	pass(2);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 2);
	}
}

static void
what_was_recorded_alone_is_told(void **st MX_UNUSED)
{
	char file[128];
	unsigned least = UINT32_MAX, before;

	node_stop(0, false);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	while (nstate > 0)
		item_set(state[0].key, NULL);
	/* alone, of that folder */
	struct ledger_ops ops = { .exists = on_exists };
	struct book_time t = world_now();
	ledger = ledger_create(&conf, nodes[0].folder, NULL, &ops, &t);
	for (unsigned i = 0; i < 200; i++) {
		primary_is(HEALTH_DOWN);
		world_pass(2);
		primary_is(HEALTH_UP);
		world_pass(700);
	}
	assert_int_equal(count(PRIMARY), 200);
	cJSON *r = record(PRIMARY);
	check_num(r, "id", 200);
	assert_null(json_get(r, "nodes"));
	cJSON_Delete(r);
	world_stop();
	node_start(0);
	for (unsigned i = 0; i < 20; i++) {
		before = stored(1, "");
		pass(1);
		if (stored(1, "") - before < least && i < 3)
			least = stored(1, "") - before;
		assert_true(stored(1, "") - before <= 50); /* a tick */
	}
	assert_true(least > 0);
	assert_int_equal(stored(1, ""), 200);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 200);
	}
	r = record(PRIMARY);
	check_num(r, "id", 200 * 32 + 1);
	cJSON_Delete(r);
	/* and once: not at another start */
	node_stop(0, false);
	node_start(0);
	nputs = 0;
	pass(5);
	assert_true(nputs < 4);
}

static void
what_is_trimmed_leaves_the_state(void **st MX_UNUSED)
{
	conf.max = 100;
	for (unsigned i = 0; i < NODES; i++)
		ledger_configure(nodes[i].ledger, &conf);
	for (unsigned i = 0; i < 110; i++) {
		see(0, HEALTH_DOWN);
		pass(2);
		see(0, HEALTH_UP);
		pass(700);
	}
	pass(5);
	assert_int_equal(stored(1, ""), 100);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 100);
	}
}

/* By the other, once its last word is older than what is kept. */
static void
who_is_gone_for_long_is_forgotten(void **st MX_UNUSED)
{
	conf.keep_ms = DAY_SEC * 1000;
	for (unsigned i = 0; i < NODES; i++)
		ledger_configure(nodes[i].ledger, &conf);
	all_see(HEALTH_UP);
	pass(10);
	see(1, HEALTH_DOWN);
	pass(10);
	node_stop(1, true);
	nodes[1].gone = true;
	pass(100);
	assert_int_equal(stored(2, ""), 1);
	on(0);
	check_state(PRIMARY, "over");
	fake_loop_advance(loop, (DAY_SEC - 1000) * 1000);
	pass(5);
	assert_int_equal(stored(2, ""), 1);
	fake_loop_advance(loop, 2000 * 1000);
	pass(5);
	assert_int_equal(stored(2, ""), 0);
	assert_int_equal(stored(2, "known/"), 0);
	assert_int_equal(stored(2, "alive"), 0);
	assert_int_equal(stored(1, "alive"), 1);
	on(0);
	assert_int_equal(count(PRIMARY), 0);
}

/* One that leaves a node's configuration is not seen up by it. */
static void
who_does_not_look_any_more_says_nothing(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(70);
	missing = PRIMARY; /* for both, as far as that is asked for */
	pass(70);
	see(0, HEALTH_DOWN);
	pass(100);
	see(0, HEALTH_UP);
	pass(10);
	r = one(PRIMARY);
	check_num(r, "down_seconds", 100);
	cJSON_Delete(r);
}

/* More at once than is looked at in a tick: all of it, and in its order. */
static void
much_that_is_told_is_heard_in_its_order(void **st MX_UNUSED)
{
	enum { N = 1000 };
	char key[32], text[200];
	int len;

	on(0);
	for (unsigned i = 1; i <= N; i++) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		len = snprintf(text, sizeof(text),
		    "1 {\"id\":%u,\"kind\":\"domain\",\"name\":\"d%u.test\","
		    "\"state\":\"over\",\"failed\":%u,\"recovered\":%u}",
		    i, i, 1700000000 + i, 1700000900 + i);
		assert_true(ledger_told(ledger, key, text, (size_t)len));
	}
	for (unsigned i = 1; i <= N; i += 2) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		assert_true(ledger_told(ledger, key, NULL, 0));
	}
	pass(1);
	assert_true(count(NULL) < N / 2);
	pass(20);
	assert_int_equal(count(NULL), N / 2);
	assert_int_equal(count("d1.test"), 0);
	assert_int_equal(count("d2.test"), 1);
	/* and at the end there may be some left */
	for (unsigned i = 1; i <= N; i++) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		assert_true(ledger_told(ledger, key, NULL, 0));
	}
}

static void
what_does_not_hold_is_passed_over(void **st MX_UNUSED)
{
	static const char *const keys[] = { "outage/2/7", "outage/2/known/x",
		"outage/2/alive", "outage/2/", "outage/2/what" };
	static const char *const texts[] = { "x", "7", "7 ", "7 {}",
		"9999999999999999999999999 {}", "7 {\"since\":\"x\"}" };

	on(0);
	for (size_t i = 0; i < MX_COUNT(keys); i++)
		for (size_t k = 0; k < MX_COUNT(texts); k++)
			assert_true(ledger_told(ledger, keys[i], texts[k],
			    strlen(texts[k])));
	assert_false(ledger_told(ledger, "outages/2/7", "x", 1));
	assert_false(ledger_told(ledger, "outage/77/7", "x", 1));
	assert_false(ledger_told(ledger, "outage/x", "x", 1));
	pass(2);
	assert_int_equal(count(NULL), 0);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_outage_that_both_see_is_one_record),
		T(what_one_sees_is_on_record_and_costs_nothing),
		T(ids_follow_time),
		T(what_goes_on_is_seldom_written),
		T(a_domain_that_moves_is_counted_once),
		T(a_node_that_is_killed_leaves_what_it_saw),
		T(while_the_engine_is_away_each_records),
		T(what_is_refused_is_put_again),
		T(a_disk_that_is_lost_is_no_loss),
		T(what_cannot_be_read_is_not_written_over),
		T(what_was_recorded_alone_is_told),
		T(what_is_trimmed_leaves_the_state),
		T(who_is_gone_for_long_is_forgotten),
		T(who_does_not_look_any_more_says_nothing),
		T(much_that_is_told_is_heard_in_its_order),
		T(what_does_not_hold_is_passed_over),
	};
#undef T
	int rc;

	if (world_begin() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
