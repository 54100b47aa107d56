/* SPDX-License-Identifier: ISC
 * The record of outages of a cluster: two ledgers over one state, which hear of each
 * other: who records what, who goes on with it, twins, an engine that is away, what is
 * removed, and what was recorded alone. */
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
#include "ledger/ledger_store.h"
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
	bool late; /* it hears nothing for a while */
	struct item *news; /* that it has not heard yet; key NULL: none */
	unsigned nnews;
} nodes[NODES];
static struct item state[STATE_MAX];
static unsigned nstate, nputs;
static unsigned primary_by, domain_by, all_by; /* the node; 0: both */

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
	struct book_time t = world_now();
	struct item it;

	for (unsigned i = 0; i < s->nnews; i++) {
		it = s->news[i];
		if (s->ledger != NULL)
			assert_true(ledger_told(s->ledger, it.key, it.text,
			    it.text != NULL ? strlen(it.text) : 0, &t));
		mem_free(&it.key);
		mem_free(&it.text);
	}
	s->nnews = 0;
}

static void
on_put(void *arg, const char *key, const char *text, uint64_t token)
{
	struct share_of *s = arg;

	nputs++;
	if (!s->away) {
		item_set(key, text);
		for (unsigned i = 0; i < NODES; i++)
			if (&nodes[i] != s)
				news_add(&nodes[i], key, text);
	}
	ledger_put_done(s->ledger, token, s->away ? -MX_ENET : 0);
}

static bool
on_ours(void *arg, enum outage_kind kind, const char *name MX_UNUSED)
{
	const struct share_of *s = arg;
	unsigned by = kind == OUTAGE_DOMAIN ? domain_by :
	    kind == OUTAGE_PRIMARY	    ? primary_by :
					      all_by;

	return by == 0 || by == s->node || (s->away && kind != OUTAGE_DOMAIN);
}

static bool
on_ready(void *arg)
{
	return !((const struct share_of *)arg)->away;
}

static bool
on_exists(void *arg MX_UNUSED, enum outage_kind kind MX_UNUSED,
    const char *name MX_UNUSED)
{
	return true;
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
		.node_name = s->name,
		.ours = on_ours,
		.ready = on_ready,
		.put = on_put,
		.each = on_each };
	struct book_time t = world_now();

	s->node = i + 1;
	(void)snprintf(s->name, sizeof(s->name), "mx%u", i + 1);
	s->ledger = ledger_create(&conf, s->folder, NULL, &ops, &t);
}

/* Killed: what it would write at its end is nobody's. */
static void
node_stop(unsigned i, bool killed)
{
	struct share_of *s = &nodes[i];
	struct book_time t = world_now();

	if (!killed)
		ledger_rest(s->ledger, &t);
	ledger_destroy(&s->ledger, &t);
	news_tell(s); /* to nobody */
}

static void
hear(void)
{
	for (unsigned i = 0; i < NODES; i++)
		if (!nodes[i].away && !nodes[i].late)
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

static void
file_of(char *dst, size_t size, unsigned i, const char *what)
{
	(void)snprintf(dst, size, "%s/outages%s", nodes[i].folder, what);
}

static int
setup(void **st)
{
	assert_int_equal(world_setup(st), 0);
	world_stop();
	primary_by = domain_by = all_by = 1;
	nputs = 0;
	for (unsigned i = 0; i < NODES; i++) {
		(void)snprintf(nodes[i].folder, sizeof(nodes[i].folder),
		    "/tmp/test_ledger_shared.XXXXXX");
		assert_non_null(mkdtemp(nodes[i].folder));
		node_start(i);
	}
	pass(1);
	return 0;
}

static int
teardown(void **st)
{
	static const char *const what[] = { "", ".waiting", ".alone" };
	char file[128];

	for (unsigned i = 0; i < NODES; i++) {
		nodes[i].away = nodes[i].late = false;
		if (nodes[i].ledger != NULL)
			node_stop(i, false);
	}
	for (unsigned i = 0; i < NODES; i++) {
		news_tell(&nodes[i]);
		mem_free(&nodes[i].news);
		for (size_t k = 0; k < MX_COUNT(what); k++) {
			file_of(file, sizeof(file), i, what[k]);
			(void)unlink(file);
		}
		assert_int_equal(rmdir(nodes[i].folder), 0);
	}
	while (nstate > 0)
		item_set(state[0].key, NULL);
	ledger = NULL;
	return world_teardown(st);
}

static unsigned
records_stored(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nstate; i++)
		n += strncmp(state[i].key, "outage/0", 8) == 0;
	return n;
}

static void
all_see(enum health_state is)
{
	for (unsigned i = 0; i < NODES; i++)
		if (nodes[i].ledger != NULL) {
			on(i);
			primary_is(is);
		}
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
	assert_true(cJSON_Compare(r[0], r[1], true));
	cJSON_Delete(r[1]);
	return r[0];
}

static double
same_num(const char *name, const char *key)
{
	cJSON *r = one(name);
	double v = json_get_num(r, key);

	cJSON_Delete(r);
	return v;
}

/* ---- tests */

static void
an_outage_that_both_see_is_one_record(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(100);
	all_see(HEALTH_DOWN);
	pass(100);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(ledger_open(ledger), 1);
		check_state(PRIMARY, "down");
	}
	all_see(HEALTH_UP);
	pass(2);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "down_seconds", 100);
	assert_int_equal((int)json_get_num(r, "id") % BOOK_NODES, 1);
	cJSON_Delete(r);
	assert_int_equal(records_stored(), 1);
	for (unsigned i = 0; i < NODES; i++) {
		struct availability_ratios a[1];

		availability_get(ledger_availability(nodes[i].ledger), PRIMARY,
		    a);
		pass(60);
		availability_get(ledger_availability(nodes[i].ledger), PRIMARY,
		    a);
		assert_true(a->ratio[AVAILABILITY_30D] > .4 &&
		    a->ratio[AVAILABILITY_30D] < .9);
		assert_true(a->since != 0);
	}
}

/* An outage that lasts for a day is not a row a minute. */
static void
what_goes_on_is_seldom_written(void **st MX_UNUSED)
{
	all_see(HEALTH_DOWN);
	pass(10);
	nputs = 0;
	pass(3600);
	assert_true(nputs <= 3600 / 20 + 1); /* that somebody lives */
	assert_int_equal(records_stored(), 1);
	on(1); /* and the other counts on */
	cJSON *r = record(PRIMARY);
	assert_true(json_get_num(r, "down_seconds") >= 3540);
	cJSON_Delete(r);
}

static void
who_takes_over_goes_on_with_it(void **st MX_UNUSED)
{
	struct world_domain a, b;
	double id, part;
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
	pass(5);
	id = same_num(DOMAIN, "id");
	part = same_num(DOMAIN, "part_of");
	assert_true(part == same_num(PRIMARY, "id") && part > 0);
	pass(95);
	node_stop(0, true);
	pass(10);
	on(1);
	b.is->count.accepted_messages = 50; /* before: none of it */
	domain_tell(&b);
	primary_by = domain_by = all_by = 2;
	domain_state(&b, HEALTH_DOWN);
	b.is->deferred = 3;
	b.is->oldest_ms = b.is->oldest_live_ms = clock_wall_ms() - 100000;
	domain_tell(&b);
	mail_comes(&b, 2);
	domain_tell(&b);
	pass(90);
	primary_is(HEALTH_UP);
	domain_state(&b, HEALTH_UP);
	domain_tell(&b);
	pass(2);
	mail_goes(&b, 5);
	domain_tell(&b);
	pass(2);
	node_start(0);
	pass(1);
	r = one(DOMAIN);
	check_num(r, "id", id);
	check_num(r, "part_of", part);
	check_text(r, "state", "over");
	check_num(r, "accepted", 5);
	check_num(r, "delivered", 5);
	check_num(r, "unwatched_seconds", 0);
	check_text(cJSON_GetArrayItem(json_get(r, "marks"), 0), "what",
	    "taken");
	check_text(cJSON_GetArrayItem(json_get(r, "marks"), 0), "who", "mx2");
	cJSON_Delete(r);
	r = one(PRIMARY);
	check_num(r, "id", part);
	check_text(r, "state", "over");
	check_num(r, "down_seconds", 200);
	check_num(r, "accepted", 5);
	check_num(r, "delivered", 5);
	cJSON_Delete(r);
	assert_int_equal(records_stored(), 2);
	domain_free(&a);
	domain_free(&b);
}

/* The domain is one node's, its primary another's to record. */
static void
figures_of_another_nodes_domain_are_its_primarys(void **st MX_UNUSED)
{
	struct world_domain d;
	cJSON *r;

	domain_by = 2;
	all_see(HEALTH_UP);
	on(1);
	domain_create(&d, DOMAIN);
	pass(1);
	all_see(HEALTH_DOWN);
	pass(1);
	on(1);
	domain_state(&d, HEALTH_DOWN);
	mail_comes(&d, 2);
	domain_tell(&d);
	ledger_arrived(ledger, DOMAIN); /* by the other */
	d.is->deferred++;
	domain_tell(&d);
	pass(100);
	all_see(HEALTH_UP);
	on(1);
	domain_state(&d, HEALTH_UP);
	domain_tell(&d);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "draining"); /* there is mail */
	cJSON_Delete(r);
	on(1);
	mail_goes(&d, 3);
	domain_tell(&d);
	pass(5);
	r = one(DOMAIN);
	check_text(r, "state", "over");
	check_num(r, "accepted", 3);
	check_num(r, "part_of", same_num(PRIMARY, "id"));
	cJSON_Delete(r);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "recorded", 1);
	check_num(r, "accepted", 3);
	check_num(r, "delivered", 3);
	check_num(r, "depth", 3);
	cJSON_Delete(r);
	domain_free(&d);
}

/* It moves while both live: what is known of it goes with it. */
static void
a_domain_that_moves_takes_its_record_along(void **st MX_UNUSED)
{
	struct world_domain a, b;
	struct book_time t;
	cJSON *r;

	on(0);
	domain_create(&a, DOMAIN);
	all_see(HEALTH_DOWN);
	on(0);
	domain_state(&a, HEALTH_DOWN);
	mail_comes(&a, 1);
	domain_tell(&a);
	pass(10);
	on(0);
	mail_comes(&a, 6); /* not written yet */
	domain_tell(&a);
	t = world_now();
	ledger_leave(ledger, OUTAGE_DOMAIN, DOMAIN, &t);
	domain_by = 2;
	hear();
	on(0); /* it is nobody's here */
	mail_comes(&a, 10);
	domain_tell(&a);
	on(1);
	domain_create(&b, DOMAIN);
	domain_state(&b, HEALTH_DOWN);
	domain_tell(&b);
	pass(5);
	r = one(DOMAIN);
	check_num(r, "accepted", 7);
	cJSON_Delete(r);
	assert_int_equal(records_stored(), 2);
	domain_free(&a);
	domain_free(&b);
}

/* Each records it while nothing can be written; one record is left. */
static void
twins(unsigned voice, unsigned first)
{
	cJSON *r;

	primary_by = voice;
	nodes[0].away = nodes[1].away = true;
	pass(5);
	on(first);
	primary_is(HEALTH_DOWN);
	pass(3);
	on(1 - first);
	primary_is(HEALTH_DOWN);
	pass(50);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 1);
		assert_true(ledger_failing(ledger));
	}
	assert_int_equal(records_stored(), 0);
	nodes[0].away = nodes[1].away = false;
	pass(5);
	r = one(PRIMARY);
	cJSON_Delete(r);
	all_see(HEALTH_UP);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	cJSON_Delete(r);
	assert_int_equal(records_stored(), 1);
	on(0);
	assert_false(ledger_failing(ledger));
}

static void
twins_of_an_engine_that_was_away_are_one(void **st)
{
	for (unsigned i = 0; i < 4; i++) {
		twins(1 + (i & 1), i >> 1);
		assert_int_equal(teardown(st), 0);
		assert_int_equal(setup(st), 0);
	}
}

/* They do not agree for a moment on who speaks. */
static void
twins_of_two_voices_are_one(void **st MX_UNUSED)
{
	primary_by = 0;
	nodes[0].late = nodes[1].late = true;
	all_see(HEALTH_DOWN);
	pass(2);
	assert_int_equal(records_stored(), 2);
	nodes[0].late = false;
	pass(1);
	nodes[1].late = false;
	pass(5);
	primary_by = 2;
	pass(5);
	all_see(HEALTH_UP);
	pass(5);
	cJSON_Delete(one(PRIMARY));
	assert_int_equal(records_stored(), 1);
}

/* The other's record comes while ours is suspected only. */
static void
a_twin_that_was_told_before_ours_was_one(void **st MX_UNUSED)
{
	double id;

	primary_by = 0;
	on(1);
	primary_is(HEALTH_SUSPECT);
	on(0);
	primary_is(HEALTH_DOWN);
	pass(2);
	id = same_num(PRIMARY, "id");
	on(1);
	primary_is(HEALTH_DOWN);
	primary_by = 2; /* it hears of ours no more, if there are two */
	nodes[0].late = nodes[1].late = true;
	pass(2);
	on(1);
	assert_int_equal(count(PRIMARY), 1);
	nodes[0].late = nodes[1].late = false;
	pass(5);
	assert_true(same_num(PRIMARY, "id") == id);
	assert_int_equal(records_stored(), 1);
}

static void
what_waits_at_a_stop_goes_later(void **st MX_UNUSED)
{
	struct stat sb;
	char file[128];
	double id;
	cJSON *r;

	all_see(HEALTH_DOWN);
	pass(5);
	id = same_num(PRIMARY, "id");
	nodes[0].away = true;
	on(0);
	primary_is(HEALTH_UP);
	pass(10);
	node_stop(0, false);
	file_of(file, sizeof(file), 0, ".waiting");
	assert_int_equal(stat(file, &sb), 0);
	pass(5);
	node_start(0); /* it is away still */
	pass(5);
	node_stop(0, false);
	assert_int_equal(stat(file, &sb), 0);
	nodes[0].away = false;
	on(1);
	check_state(PRIMARY, "down");
	node_start(0);
	pass(3);
	r = one(PRIMARY);
	check_num(r, "id", id);
	check_text(r, "state", "over");
	check_num(r, "down_seconds", 5);
	cJSON_Delete(r);
	assert_int_equal(stat(file, &sb), -1);
}

static void
one_node_removes_what_is_old(void **st MX_UNUSED)
{
	conf.keep_ms = DAY_SEC * 1000;
	for (unsigned i = 0; i < NODES; i++)
		ledger_configure(nodes[i].ledger, &conf);
	all_see(HEALTH_DOWN);
	pass(5);
	all_see(HEALTH_UP);
	pass(5);
	assert_int_equal(records_stored(), 1);
	all_by = 2;
	nodes[1].away = true; /* who should cannot */
	fake_loop_advance(loop, (DAY_SEC + 10) * 1000);
	pass(2);
	on(0);
	assert_int_equal(count(PRIMARY), 1);
	nodes[1].away = false;
	pass(3);
	assert_int_equal(records_stored(), 0);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 0);
	}
}

/* Nobody ran: one record says so, whoever starts first; that one node did not is
 * none. */
static void
an_absence_is_that_of_all(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_DOWN);
	pass(30);
	node_stop(1, false);
	pass(500);
	node_start(1);
	pass(5);
	on(1);
	assert_int_equal(count("mxwatchd"), 0);
	node_stop(1, false);
	node_stop(0, false);
	fake_loop_advance(loop, 500 * 1000);
	node_start(0);
	node_start(1);
	all_by = 0; /* both believe that they speak */
	pass(2);
	all_by = 1;
	pass(5);
	r = one("mxwatchd");
	check_num(r, "unwatched_seconds", 500);
	cJSON_Delete(r);
	all_see(HEALTH_DOWN);
	pass(5);
	all_see(HEALTH_UP);
	pass(2);
	r = one(PRIMARY);
	assert_true(json_get_num(r, "unwatched_seconds") >= 499);
	assert_true(json_get_num(r, "down_seconds") < 560);
	assert_true(json_get_num(r, "down_seconds") > 530);
	cJSON_Delete(r);
}

static void
what_was_recorded_alone_is_taken_over_once(void **st MX_UNUSED)
{
	char from[128];
	struct stat sb;

	node_stop(0, false);
	world_start(); /* alone, in a folder of its own */
	primary_of("mx7.test", HEALTH_DOWN, "", false);
	world_pass(5);
	primary_of("mx7.test", HEALTH_UP, "", false);
	primary_is(HEALTH_DOWN);
	world_pass(5);
	primary_is(HEALTH_UP);
	world_pass(5);
	world_stop();
	file_of(from, sizeof(from), 0, "");
	assert_int_equal(rename(path, from), 0);
	node_start(0);
	pass(2);
	assert_int_equal((int)same_num(PRIMARY, "id") % BOOK_NODES, 1);
	assert_true(same_num(PRIMARY, "down_seconds") == 5);
	assert_true(same_num("mx7.test", "id") < same_num(PRIMARY, "id"));
	assert_int_equal(records_stored(), 2);
	assert_int_equal(stat(from, &sb), -1);
	node_stop(0, false);
	file_of(from, sizeof(from), 0, ".alone");
	assert_int_equal(rename(from, path), 0);
	/* the other one has been beside it all the time */
	file_of(from, sizeof(from), 1, "");
	node_stop(1, false);
	assert_int_equal(rename(path, from), 0);
	node_start(0);
	node_start(1);
	pass(2);
	assert_int_equal(records_stored(), 2);
	cJSON_Delete(one(PRIMARY));
}

/* Our place was another's, who went on: what it wrote is what is so. */
static void
a_node_that_was_fenced_hears_all_anew(void **st MX_UNUSED)
{
	struct book_time t;
	double id;
	cJSON *r;

	all_see(HEALTH_DOWN);
	pass(5);
	id = same_num(PRIMARY, "id");
	nodes[0].away = true; /* and does not know it */
	primary_by = all_by = 2;
	pass(10);
	on(1);
	primary_is(HEALTH_UP);
	pass(5);
	ledger_forget(nodes[0].ledger);
	nodes[0].away = false;
	t = world_now();
	for (unsigned i = 0; i < nstate; i++)
		(void)ledger_told(nodes[0].ledger, state[i].key, state[i].text,
		    strlen(state[i].text), &t);
	pass(5);
	r = one(PRIMARY);
	check_num(r, "id", id);
	check_text(r, "state", "over");
	cJSON_Delete(r);
	assert_int_equal(records_stored(), 1);
}

static void
a_damaged_line_is_passed_over(void **st MX_UNUSED)
{
	static const char *const bad[] = { "outage/00000000000000000007", "x",
		"outage/x", "{}", "outage/alive", "never", "outage/known/",
		"{\"known\":1}", "outage/known/a.test", "[", "outage/", "" };
	struct book_time t = world_now();

	for (size_t i = 0; i < MX_COUNT(bad); i += 2)
		assert_true(ledger_told(nodes[0].ledger, bad[i], bad[i + 1],
		    strlen(bad[i + 1]), &t));
	assert_false(ledger_told(nodes[0].ledger, "outages", "x", 1, &t));
	on(0);
	assert_int_equal(count(NULL), 0);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(an_outage_that_both_see_is_one_record),
		T(what_goes_on_is_seldom_written),
		T(who_takes_over_goes_on_with_it),
		T(figures_of_another_nodes_domain_are_its_primarys),
		T(a_domain_that_moves_takes_its_record_along),
		T(twins_of_an_engine_that_was_away_are_one),
		T(twins_of_two_voices_are_one),
		T(a_twin_that_was_told_before_ours_was_one),
		T(what_waits_at_a_stop_goes_later),
		T(one_node_removes_what_is_old),
		T(an_absence_is_that_of_all),
		T(what_was_recorded_alone_is_taken_over_once),
		T(a_node_that_was_fenced_hears_all_anew),
		T(a_damaged_line_is_passed_over),
	};
	int rc = world_begin();

	if (rc == 0)
		rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
