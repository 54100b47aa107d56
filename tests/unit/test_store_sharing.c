/* SPDX-License-Identifier: ISC
 * test_store_sharing: what nodes that share a store promise each other
 * (store.h, "sharing"). Needs KIT_ENGINE (tests/unit/over_postgresql). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/share_kit.h"
#include "tests/unit/store_kit.h"

static bool
says_no(struct share_node *n, const char *domain)
{
	(void)n;
	(void)domain;
	return false;
}

static bool
all_see(struct share *s, const char *domain, unsigned owner)
{
	for (unsigned i = 0; i < SHARE_NODES; i++)
		if (s->nodes[i].store != NULL &&
		    share_owner(&s->nodes[i], domain) != owner)
			return false;
	return true;
}

static void
on_owner_row(void *arg, const char *domain, unsigned node)
{
	struct share_item *item = arg;

	if (strcmp(item->name, domain) == 0)
		item->node = node;
}

/* As a start reads it. */
static unsigned
owner_row(struct share_node *n, const char *domain)
{
	struct share_item item = { .node = 0 };

	(void)strlcpy(item.name, domain, sizeof(item.name));
	store_owners(n->store, on_owner_row, &item);
	return item.node;
}

/* As that node is seen right now: a lease is not waited for. */
static void
fence_now(struct share_node *by, unsigned id)
{
	int rc = -MX_ENOENT;

	share_begin(by->share);
	while (rc != 0) {
		if (share_seen(by, id) != NULL)
			rc = share_fence(by, share_seen(by, id));
		share_turn(by->share, "it is fenced", __FILE__, __LINE__);
	}
}

/* ---- whose a domain is */

static void
test_take_give(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	unsigned na = store_node(a->store), nb = store_node(b->store);

	assert_true(na > 0 && nb > 0 && na != nb);
	assert_int_equal(share_take(a, "d.example"), 1);
	assert_int_equal(share_take(a, "d.example"), 1); /* it is */
	assert_int_equal(share_take(b, "d.example"), 0);
	SHARE_WAIT(s, all_see(s, "d.example", na));
	assert_int_equal(owner_row(b, "d.example"), na);

	assert_int_equal(share_give(b, "d.example", nb), 0); /* not his */
	assert_int_equal(share_give(a, "d.example", nb), 1);
	assert_int_equal(share_give(a, "d.example", nb), 0);
	SHARE_WAIT(s, all_see(s, "d.example", nb));
	assert_int_equal(owner_row(a, "d.example"), nb);
	assert_int_equal(share_take(a, "d.example"), 0);
}

/* More of them at once than a batch has statements. */
static void
test_many_requests(void **state)
{
	enum { N = 100 };
	struct share *s = *state;
	struct share_answer a[N] = { 0 };
	char name[32];

	for (unsigned i = 0; i < N; i++) {
		const char *domain = name;

		(void)snprintf(name, sizeof(name), "d%u.example", i);
		store_take(s->nodes[0].store, &domain, 1, share_on_owned,
		    &a[i]);
	}
	for (unsigned i = 0; i < N; i++) {
		SHARE_WAIT(s, a[i].done);
		assert_int_equal(a[i].rc, 0);
		assert_int_equal(a[i].n, 1);
	}
}

/* Who is dead loses what he has to who fences him; who stirred does not. */
static void
test_fence(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	unsigned na = store_node(a->store), nb = store_node(b->store);
	struct store_node seen;

	assert_int_equal(share_take(a, "d.example"), 1);
	SHARE_WAIT(s, share_seen(b, na) != NULL);
	seen = *share_seen(b, na);
	assert_int_equal(share_put(a, "x/a", "1"), 0); /* stirs */
	assert_int_equal(share_fence(b, &seen), -MX_ENOENT);
	assert_int_equal(share_take(b, "d.example"), 0);
	SHARE_WAIT(s, store_holds(a->store, 0));

	share_kill(a);
	fence_now(b, na);
	assert_int_equal(share_take(b, "d.example"), 1);
	assert_true(share_open(a));
	assert_int_equal(store_node(a->store), na);
	assert_int_equal(owner_row(a, "d.example"), nb);
	SHARE_WAIT(s, share_seen(b, na) != NULL && !share_seen(b, na)->free);
	assert_int_equal(share_take(a, "d.example"), 0);
}

static int64_t
count_rows(const char *table)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM mxwatch.%s",
	    table);
	return kit_sql(sql);
}

/* Who was fenced and does not know says nothing that is taken. */
static void
test_fenced(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	struct store_info info;
	uint64_t id, other;

	assert_int_equal(share_take(a, "d.example"), 1);
	assert_true((id = share_commit(a, "d.example")) != 0);
	fence_now(b, store_node(a->store));

	assert_int_equal(share_update(a, id, "d.example"), -MX_ENOENT);
	assert_int_equal(share_remove(a, id), -MX_ENOENT);
	assert_int_equal(share_put(a, "x/y", "z"), -MX_ENOENT);
	assert_int_equal(share_put(a, "own", "z"), -MX_ENOENT);
	assert_int_equal(share_take(a, "e.example"), -MX_ENOENT);
	assert_true(share_commit(a, "d.example") == 0);
	assert_false(store_holds(a->store, id));
	SHARE_WAIT(s, !a->holds);
	store_info(a->store, &info);
	assert_true(info.fenced);
	assert_int_equal(count_rows("part"), 1);
	assert_int_equal(count_rows("body"), 1);
	assert_int_equal(count_rows("state"), 0);
	assert_int_equal(count_rows("own"), 0);
	assert_int_equal(count_rows("unit"), 1);

	assert_int_equal(share_take(b, "d.example"), 1);
	SHARE_WAIT(s, share_join(a) == 0); /* it sees, too */
	store_info(a->store, &info);
	assert_false(info.fenced);
	assert_int_equal(info.state, STORE_OK);
	SHARE_WAIT(s, a->holds);
	SHARE_WAIT(s, store_holds(a->store, id));
	assert_true((other = share_commit(a, "e.example")) != 0);
	assert_true(other != id);
	assert_int_equal(owner_row(a, "d.example"), store_node(b->store));
}

/* What was said before the place is taken again is of who was fenced. */
static void
test_join_behind(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	struct share_answer come, gone = { 0 }, join = { 0 }, behind;
	const char *domain = "d.example";
	uint64_t id;

	assert_int_equal(share_take(a, domain), 1);
	assert_true((id = share_commit(a, domain)) != 0);
	fence_now(b, store_node(a->store));
	assert_int_equal(share_take(b, domain), 1);
	share_commit_begin(a, &come, &domain, 1);
	store_remove(a->store, id, share_on_done, &gone, 0);
	store_join(a->store, share_on_done, &join, 0);
	share_commit_begin(a, &behind, &domain, 1);
	SHARE_WAIT(s, come.done && gone.done && join.done && behind.done);
	assert_int_equal(come.rc, -MX_EFULL);
	assert_int_equal(gone.rc, -MX_ENOENT);
	assert_int_equal(join.rc, 0);
	assert_int_equal(behind.rc, 0);
	assert_int_equal(count_rows("part"), 2);
}

/* The same where it had the engine away for so long that it is full. */
static void
test_fenced_while_away(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	struct store_conf conf = a->conf;
	struct store_info info;

	conf.wait_ms = 0;
	store_reconfigure(a->store, &conf);
	engine_proxy_set(a->proxy, ENGINE_PROXY_SHUT);
	share_begin(s);
	do { /* what is on its way then would not be given back */
		share_turn(s, "it is away", __FILE__, __LINE__);
		store_info(a->store, &info);
	} while (info.away_ms == 0);
	assert_true(share_commit(a, "d.example") == 0);
	SHARE_WAIT(s, a->state == STORE_FULL);
	fence_now(b, store_node(a->store));
	engine_proxy_set(a->proxy, ENGINE_PROXY_OPEN);
	share_begin(s);
	do {
		share_turn(s, "it knows", __FILE__, __LINE__);
		store_info(a->store, &info);
	} while (!info.fenced);
	assert_int_equal(info.away_ms, 0); /* it is there */
	assert_int_equal(info.state, STORE_FULL);
	SHARE_WAIT(s, share_join(a) == 0);
	SHARE_WAIT(s, a->state == STORE_OK);
}

/* A node comes back while another takes what it had: `lock` holds one of them up
 * in the midst. Exactly one has the domain. */
static void
come_back(struct share *s, const char *lock)
{
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	const char *domain = "d.example";
	struct share_answer taken = { 0 };
	struct locker l;
	unsigned owner;

	assert_int_equal(share_take(a, domain), 1);
	owner = store_node(a->store);
	share_kill(a);
	fence_now(b, owner);
	locker_begin(&l, lock);
	l.waiters = 2;
	store_take(b->store, &domain, 1, share_on_owned, &taken);
	SHARE_WAIT(s, waiting_for_locks() > 0);
	assert_int_equal(pthread_create(&l.thread, NULL, locker_main, &l), 0);
	assert_true(share_open(a));
	owner = owner_row(a, domain);
	l.go = true;
	pthread_join(l.thread, NULL);
	SHARE_WAIT(s, taken.done);
	assert_int_equal(taken.rc, 0);
	assert_int_equal(taken.n, owner != store_node(a->store));
	assert_int_equal(owner_row(b, domain), owner);
}

static void
test_comes_back_by_unit(void **state)
{
	come_back(*state, "SELECT FROM mxwatch.unit FOR UPDATE");
}

static void
test_comes_back_by_node(void **state)
{
	come_back(*state,
	    "SELECT FROM mxwatch.node WHERE name = 'node1' FOR UPDATE");
}

/* The answer to what the first node asks is lost: it waits in the midst for a
 * lock, and the connection is cut then; the engine does it. */
static void
lose_begin(struct locker *l)
{
	locker_begin(l, "SELECT FROM mxwatch.unit FOR UPDATE");
}

static void
lose_end(struct share *s, struct share_answer *a, struct locker *l)
{
	SHARE_WAIT(s, waiting_for_locks() > 0);
	engine_proxy_set(s->nodes[0].proxy, ENGINE_PROXY_SHUT);
	locker_end(l);
	assert_false(a->done);
	engine_proxy_set(s->nodes[0].proxy, ENGINE_PROXY_OPEN);
	SHARE_WAIT(s, a->done);
	assert_int_equal(a->rc, 0);
}

static void
test_lost_answers(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	const char *const domains[] = { "a.example", "b.example" };
	struct share_answer answer = { 0 };
	struct locker l;

	assert_int_equal(share_take(b, domains[1]), 1);
	lose_begin(&l);
	store_take(a->store, domains, 2, share_on_owned, &answer);
	lose_end(s, &answer, &l);
	assert_int_equal(answer.n, 1); /* the other is b's */
	assert_int_equal(owner_row(a, domains[0]), store_node(a->store));
	assert_int_equal(owner_row(a, domains[1]), store_node(b->store));

	answer = (struct share_answer){ 0 };
	lose_begin(&l);
	store_give(a->store, domains, 2, store_node(b->store), share_on_owned,
	    &answer);
	lose_end(s, &answer, &l);
	assert_in_range(answer.n, 1, 2); /* the other is not ours either */
	assert_int_equal(owner_row(a, domains[0]), store_node(b->store));
}

/* Two that have never been there start at once: each has a place. */
struct starter {
	pthread_t thread;
	struct store_conf conf;
	char name[16];
	unsigned id;
};

static void *
starter_main(void *arg)
{
	struct starter *st = arg;
	struct loop *loop = loop_create();
	struct mx_errbuf eb = { "" };
	struct store *store;

	if (store_open(&store, loop, &st->conf, NULL, &eb) == 0)
		st->id = store_node(store);
	else
		fprintf(stderr, "%s\n", eb.text);
	store_close(&store);
	loop_destroy(&loop);
	return NULL;
}

static void
test_first_start(void **state)
{
	struct share *s = *state;
	struct starter st[2] = { 0 };
	struct locker l;

	locker_begin(&l,
	    "INSERT INTO mxwatch.node (id, name, instance, free, epoch, beat, "
	    "batch) SELECT max(id) + 1, 'x', '', true, 0, 0, 0 "
	    "FROM mxwatch.node");
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(st[i].name, sizeof(st[i].name), "new%u", i);
		st[i].conf = s->nodes[0].conf;
		st[i].conf.node = st[i].conf.instance = st[i].name;
		assert_int_equal(
		    pthread_create(&st[i].thread, NULL, starter_main, &st[i]),
		    0);
	}
	SHARE_WAIT(s, waiting_for_locks() == 2);
	locker_end(&l);
	pthread_join(st[0].thread, NULL);
	pthread_join(st[1].thread, NULL);
	assert_true(st[0].id != 0 && st[1].id != 0 && st[0].id != st[1].id);
}

/* ---- small state */

static void
on_key(void *arg, const char *key, const void *value, size_t len)
{
	struct buf *b = arg;

	assert_int_equal(buf_add(b, key, strlen(key)), 0);
	assert_int_equal(buf_add(b, "=", 1), 0);
	assert_int_equal(buf_add(b, value, len), 0);
	assert_int_equal(buf_add(b, " ", 1), 0);
}

static void
assert_states(struct share_node *n, const char *prefix, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	store_state_each(n->store, prefix, on_key, &b);
	assert_int_equal(buf_add(&b, "", 1), 0);
	assert_string_equal(b.data, want);
	buf_fini(&b);
}

static bool
was_told(const struct share_node *n, const char *key, const char *value)
{
	const char *last = share_told(n, key);

	return last != NULL && strcmp(last, value) == 0;
}

/* Each change is told to the others, a removal too; what is removed is not there
 * at a start. */
static void
test_states(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1],
			  *c = &s->nodes[2];

	assert_int_equal(share_put(a, "hold/d", "1"), 0);
	assert_int_equal(share_put(a, "hold/e", "2"), 0);
	SHARE_WAIT(s, was_told(b, "hold/e", "2") && was_told(c, "hold/e", "2"));
	assert_true(was_told(b, "hold/d", "1"));
	assert_int_equal(share_put(b, "hold/d", ""), 0);
	assert_int_equal(share_put(b, "hold/f", "3"), 0);
	SHARE_WAIT(s, was_told(a, "hold/f", "3") && was_told(c, "hold/f", "3"));
	assert_true(was_told(a, "hold/d", "") && was_told(c, "hold/d", ""));
	assert_null(share_told(a, "hold/e")); /* its own */

	share_close(c);
	assert_true(share_open(c));
	assert_states(c, "", "hold/e=2 hold/f=3 ");
	assert_int_equal(count_rows("state"), 3);
	assert_int_equal(share_put(a, "hold/d", "4"), 0);
	SHARE_WAIT(s, was_told(c, "hold/d", "4"));
	assert_states(c, "hold/", "hold/d=4 hold/e=2 hold/f=3 ");
}

static void
put_begin(struct share_node *n, struct share_answer *a, const char *value)
{
	*a = (struct share_answer){ 0 };
	store_state_put(n->store, "hold/d", value, 1, share_on_done, a, 0);
}

/* Two nodes change the same at once; what came first may be told last: the last
 * that each says or is told is what is there. */
static void
test_states_crossing(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	struct share_answer one, two;
	struct locker l;

	/* a's waits while it is told of what it is behind */
	assert_int_equal(share_put(b, "hold/d", "1"), 0);
	locker_begin(&l, "SELECT FROM mxwatch.state FOR UPDATE");
	put_begin(a, &one, "2");
	SHARE_WAIT(s,
	    a->looks > 0 && share_told(&s->nodes[2], "hold/d") != NULL);
	for (unsigned looks = a->looks; a->looks < looks + 2;)
		share_turn(s, "looks", __FILE__, __LINE__);
	locker_end(&l);
	SHARE_WAIT(s, one.done);
	SHARE_WAIT(s, was_told(b, "hold/d", "2"));
	assert_null(share_told(a, "hold/d"));

	/* and of what came behind it before it is answered */
	for (unsigned i = 0; i < 2; i++) {
		a->nitems = b->nitems = 0;
		locker_begin(&l, "SELECT FROM mxwatch.state FOR UPDATE");
		put_begin(i == 0 ? a : b, &one, "3");
		SHARE_WAIT(s, waiting_for_locks() == 1);
		put_begin(i == 0 ? b : a, &two, "4");
		SHARE_WAIT(s, waiting_for_locks() == 2);
		locker_end(&l);
		SHARE_WAIT(s, one.done && two.done);
		SHARE_WAIT(s, was_told(&s->nodes[2], "hold/d", "4"));
		SHARE_WAIT(s, was_told(i == 0 ? a : b, "hold/d", "4"));
		assert_false(was_told(i == 0 ? b : a, "hold/d", "4"));
	}
}

/* Without a slash a key is a node's own: nobody sees it, and nobody else's is it. */
static void
test_own_states(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];

	assert_int_equal(share_put(a, "last", "a"), 0);
	assert_int_equal(share_put(b, "last", "b"), 0);
	assert_int_equal(share_put(b, "more", "c"), 0);
	assert_int_equal(share_put(a, "all/last", "x"), 0);
	assert_int_equal(share_put(b, "zone/last", "y"), 0);
	SHARE_WAIT(s, was_told(a, "zone/last", "y"));
	SHARE_WAIT(s, was_told(b, "all/last", "x"));
	assert_null(share_told(a, "last"));
	assert_null(share_told(b, "last"));
	assert_states(a, "", "all/last=x last=a zone/last=y ");
	assert_states(b, "", "all/last=x last=b more=c zone/last=y ");
	assert_states(b, "las", "last=b ");
	assert_int_equal(share_put(b, "last", ""), 0);
	assert_states(b, "", "all/last=x more=c zone/last=y ");
	assert_states(a, "la", "last=a ");
	share_close(a);
	assert_true(share_open(a));
	assert_states(a, "", "all/last=x last=a zone/last=y ");
}

/* ---- mail */

/* Of a domain that is another's: all see it, he too; nobody else's before. */
static void
test_arrivals(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1],
			  *c = &s->nodes[2];
	struct share_scan scan;
	uint64_t id, first;

	assert_int_equal(share_take(a, "d.example"), 1);
	b->ours = says_no;
	assert_true((id = share_commit(b, "d.example")) != 0);
	for (unsigned i = 0; i < SHARE_NODES; i++)
		SHARE_WAIT(s, share_arrived(&s->nodes[i], id) > 0);
	assert_true(all_see(s, "d.example", store_node(a->store)));

	/* of nobody's, it is the taker's with that */
	assert_true((first = share_commit(b, "new.example")) != 0);
	SHARE_WAIT(s, share_arrived(c, first) > 0);
	assert_int_equal(share_owner(c, "new.example"), store_node(b->store));
	SHARE_WAIT(s, share_arrived(b, first) > 0);
	assert_int_equal(share_owner(b, "new.example"), store_node(b->store));

	/* and who did not see it come finds it */
	share_scan(a, &scan, "d.example");
	assert_int_equal(scan.rc, 0);
	assert_int_equal(share_found(&scan, id), 1);
	assert_int_equal(scan.n, 1);
	free(scan.ids);
}

/* Mail, and the domain given away right behind it: who has it then has the mail,
 * in one group or two. */
static void
test_commit_and_give(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	const char *domain = "d.example";
	struct share_answer before, give = { 0 }, behind;
	struct share_scan scan;

	assert_int_equal(share_take(a, domain), 1);
	share_commit_begin(a, &before, &domain, 1);
	store_give(a->store, &domain, 1, store_node(b->store), share_on_owned,
	    &give);
	share_commit_begin(a, &behind, &domain, 1); /* `ours` says yes still */
	SHARE_WAIT(s, before.done && give.done && behind.done);
	assert_int_equal(give.n, 1);
	SHARE_WAIT(s, share_owner(b, domain) == store_node(b->store));
	share_scan(b, &scan, domain);
	assert_int_equal(share_found(&scan, before.id), 1);
	free(scan.ids);
	SHARE_WAIT(s, share_arrived(b, behind.id) > 0);
}

/* Numbers that two nodes give at once, or one of them after a restart while the
 * clock stands still, are never the same. */
static void
test_ids(void **state)
{
	enum { N = 300 };
	struct share *s = *state;
	struct share_node *a = &s->nodes[0];
	uint64_t ids[SHARE_NODES * N], late, id;
	struct store_tx *tx;
	unsigned n = 0;
	char sql[200];

	for (unsigned k = 0; k < SHARE_NODES * N; k++) {
		tx = store_tx_begin(s->nodes[k % SHARE_NODES].store);
		ids[n++] = store_tx_id(tx);
		store_tx_abort(&tx);
	}
	for (unsigned k = 0; k < n; k++) {
		assert_int_equal((ids[k] >> 8 >> 7) & 31,
		    store_node(s->nodes[k % SHARE_NODES].store));
		for (unsigned i = 0; i < k; i++)
			assert_true(ids[i] != ids[k]);
		if (k >= SHARE_NODES)
			assert_true(ids[k] > ids[k - SHARE_NODES]);
	}

	/* a day ahead, by the node of the greatest number */
	share_close(a);
	late = store_id_now() + (UINT64_C(86400000) << 20) +
	    ((uint64_t)(31 << 7 | 3) << 8);
	(void)snprintf(sql, sizeof(sql),
	    "INSERT INTO mxwatch.part VALUES (%llu, 'late.example', '')",
	    (unsigned long long)late);
	(void)kit_sql(sql);
	assert_true(share_open(a));
	assert_true((id = share_commit(a, "d.example")) != 0);
	share_close(a);
	assert_true(share_open(a));
	for (unsigned k = 0; k < N; k++) {
		tx = store_tx_begin(a->store);
		assert_true(store_tx_id(tx) > id);
		store_tx_abort(&tx);
	}
}

/* An argument picks those of that name. */
int
main(int argc, char **argv)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(test_##name, share_setup,              \
	    share_teardown)
	const struct CMUnitTest tests[] = {
		CASE(take_give),
		CASE(many_requests),
		CASE(fence),
		CASE(fenced),
		CASE(join_behind),
		CASE(fenced_while_away),
		CASE(comes_back_by_unit),
		CASE(comes_back_by_node),
		CASE(lost_answers),
		CASE(first_start),
		CASE(states),
		CASE(states_crossing),
		CASE(own_states),
		CASE(arrivals),
		CASE(commit_and_give),
		CASE(ids),
	};

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
