/* SPDX-License-Identifier: ISC
 * Which notifications follow from notices and ages, with which values; and the
 * queue in which they wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those four first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/snmp/notify_queue.h"

#define NO_FILE "/nonexistent/index" /* never written */
#define SEC	CLOCK_SEC

static void
indices_init(struct indices *x)
{
	assert_int_equal(index_init(&x->domains, INDEX_DOMAINS, NO_FILE), 0);
	assert_int_equal(index_init(&x->primaries, INDEX_PRIMARIES, NO_FILE),
	    0);
}

static void
indices_fini(struct indices *x)
{
	index_fini(&x->domains);
	index_fini(&x->primaries);
}

/* ---- ages */

static struct wire_notice told;
static bool no_room;

static bool
tell(void *arg MX_UNUSED, const struct wire_notice *n)
{
	told = *n;
	return !no_room;
}

static void
test_ages(void **state MX_UNUSED)
{
	/* Age in percent of the lifetime, and what is told then. */
	static const struct {
		int percent;
		uint32_t event;
	} t[] = { { 0, 0 }, { 49, 0 }, { 50, WIRE_AGE_WARNING }, { 41, 0 },
		{ 39, WIRE_AGE_CLEARED }, { 45, 0 }, { 85, WIRE_AGE_CRITICAL },
		{ 71, 0 }, { 69, WIRE_AGE_WARNING }, { 81, WIRE_AGE_CRITICAL },
		{ 120, 0 }, { 0, WIRE_AGE_CLEARED } };
	static const struct age_limits limits = { 50, 80 };
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snapshot_add(s, "a.test", 0);
	unsigned next = 0;
	struct indices x;

	indices_init(&x);
	s->wall_ms = INT64_C(1800000000000);
	d->ripest_life_ms = INT64_C(100000000);
	d->oldest_ms = 17;
	d->next_expiry_ms = 18;
	d->deferred = 3;
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		d->ripest_ms = t[i].percent == 0 ?
		    0 :
		    s->wall_ms - t[i].percent * 1000 * 1000 - 500 * 1000;
		for (int again = 0; again < 3; again++) {
			told.event = 0;
			no_room = again == 0; /* then it comes again */
			notify_ages(s, &x.domains, &limits, &next, tell, NULL);
			assert_int_equal(told.event,
			    again < 2 ? t[i].event : 0);
		}
	}
	assert_string_equal(told.domain, "a.test");
	assert_int_equal(told.domain_index,
	    index_of(&x.domains, "a.test")->index);
	assert_true(told.oldest_ms == 17 && told.next_expiry_ms == 18);
	assert_true(told.messages == 3 && told.wall_ms == s->wall_ms);
	indices_fini(&x);
	snapshot_unref(&s);
}

/* ---- notices */

static void
test_notices(void **state MX_UNUSED)
{
	static const struct {
		enum notice_kind kind;
		int64_t a, b;
		enum notify_worth worth;
		uint32_t event, state;
	} t[] = {
		{ NOTICE_STATE, HEALTH_SUSPECT, HEALTH_DOWN, NOTIFY_NEWS,
		    WIRE_STATE_CHANGE, 4 },
		{ NOTICE_STATE, HEALTH_UNKNOWN, HEALTH_UP, NOTIFY_COURTESY,
		    WIRE_STATE_CHANGE, 2 },
		{ NOTICE_STATE, HEALTH_UNKNOWN, HEALTH_DOWN, NOTIFY_NEWS,
		    WIRE_STATE_CHANGE, 4 },
		{ NOTICE_FLUSH_BEGIN, 3, 0, NOTIFY_NEWS, WIRE_FLUSH_STARTED,
		    0 },
		{ NOTICE_FLUSH_END, 3, 1, NOTIFY_NEWS, WIRE_FLUSH_FINISHED, 0 },
		{ NOTICE_BREAKER, 1, 0, NOTIFY_NEWS, WIRE_BREAKER_TRIPPED, 0 },
		{ NOTICE_BREAKER, 0, 0, NOTIFY_NEWS, WIRE_BREAKER_RESET, 0 },
		{ NOTICE_RELOAD, 1, 0, NOTIFY_NOT, 0, 0 },
	};
	struct notice n = { .domain = "a.test",
		.messages = 5,
		.delivered = 6,
		.expired = 7,
		.wall = 100,
		.text = "why" };
	struct wire_notice w;
	struct indices x;

	indices_init(&x);
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		n.kind = t[i].kind;
		n.a = t[i].a;
		n.b = t[i].b;
		assert_int_equal(notify_of_notice(&w, &n, &x, 0), t[i].worth);
		if (t[i].worth == NOTIFY_NOT)
			continue;
		assert_int_equal(w.event, t[i].event);
		assert_int_equal(w.state, t[i].state);
		assert_int_equal(w.domain_index, 2);
		assert_string_equal(w.domain, "a.test");
		assert_string_equal(w.text, "why");
		assert_true(w.messages == 5 && w.delivered == 6);
		assert_true(w.expired == 7 && w.wall_ms == 100000);
	}
	/* Strangers choose these: they are given no number. */
	n.kind = NOTICE_STATE;
	n.mx_backup = true;
	strlcpy(n.domain, "stranger.test", sizeof(n.domain));
	assert_int_equal(notify_of_notice(&w, &n, &x, 0), NOTIFY_NOT);
	assert_null(index_find(&x.domains, "stranger.test"));
	indices_fini(&x);
}

static void
test_primary(void **state MX_UNUSED)
{
	struct notice n = { .kind = NOTICE_PRIMARY,
		.domain = "a.test",
		.host = "mx.test:2525",
		.domains = 300,
		.a = 1 };
	struct wire_notice w;
	struct indices x;

	indices_init(&x);
	/* The first probe after a start. */
	assert_int_equal(notify_of_notice(&w, &n, &x, 0), NOTIFY_COURTESY);
	assert_int_equal(w.event, WIRE_PRIMARY_UP);
	n.a = 0;
	n.b = SMTP_PHASE_CONNECT;
	assert_int_equal(notify_of_notice(&w, &n, &x, 0), NOTIFY_NEWS);
	assert_int_equal(w.event, WIRE_PRIMARY_DOWN);
	assert_int_equal(w.failed_phase, 2);
	assert_int_equal(w.domains, 300);
	assert_int_equal(w.port, 2525);
	assert_string_equal(w.host, "mx.test");
	assert_string_equal(w.domain, "");
	assert_int_equal(w.primary_index,
	    index_find(&x.primaries, "mx.test:2525")->index);
	n.a = 1;
	assert_int_equal(notify_of_notice(&w, &n, &x, 0), NOTIFY_NEWS);
	assert_int_equal(w.event, WIRE_PRIMARY_UP);
	/* The whole daemon's. */
	n = (struct notice){ .kind = NOTICE_SPOOL, .a = STORE_FULL, .b = 77 };
	assert_int_equal(notify_of_notice(&w, &n, &x, 0), NOTIFY_NEWS);
	assert_int_equal(w.event, WIRE_SPOOL_REFUSING);
	assert_int_equal(w.free_bytes, 77);
	indices_fini(&x);
}

static void
test_expired(void **state MX_UNUSED)
{
	struct notice n = { .kind = NOTICE_EXPIRED, .domain = "a.test" };
	struct wire_notice w;
	struct indices x;

	indices_init(&x);
	assert_int_equal(notify_of_notice(&w, &n, &x, 5 * SEC), NOTIFY_NEWS);
	assert_int_equal(notify_of_notice(&w, &n, &x, 304 * SEC), NOTIFY_NOT);
	assert_int_equal(notify_of_notice(&w, &n, &x, 305 * SEC), NOTIFY_NEWS);
	strlcpy(n.domain, "b.test", sizeof(n.domain));
	assert_int_equal(notify_of_notice(&w, &n, &x, 306 * SEC), NOTIFY_NEWS);
	indices_fini(&x);
}

/* ---- the queue */

static void
queue_init(struct notify_queue *q, unsigned max)
{
	notify_queue_init(q);
	notify_queue_limit(q, max, 10, 60000);
}

static void
put(struct notify_queue *q, uint32_t event, uint32_t domain, int64_t now)
{
	struct wire_notice w = { .event = event, .domain_index = domain };

	notify_queue_add(q, &w, NOTIFY_NEWS, NULL, now);
}

/* The next one leaves and is answered; its event, 0: none is due. */
static uint32_t
take(struct notify_queue *q, bool taken, int64_t now)
{
	const struct wire_notice *n;
	uint32_t event;
	int64_t wait;

	n = notify_queue_next(q, now, &wait);
	if (n == NULL)
		return 0;
	event = n->event;
	notify_queue_sent(q);
	assert_null(notify_queue_next(q, now, &wait)); /* one at a time */
	notify_queue_answer(q, taken, now);
	return event;
}

static void
test_rate(void **state MX_UNUSED)
{
	struct notify_queue q;
	int64_t wait;

	queue_init(&q, 16);
	assert_null(notify_queue_next(&q, 0, &wait));
	assert_true(wait == -1);
	put(&q, WIRE_FLUSH_STARTED, 2, SEC);
	put(&q, WIRE_FLUSH_FINISHED, 2, SEC);
	put(&q, WIRE_PRIMARY_DOWN, 0, SEC); /* goes first */
	assert_int_equal(take(&q, true, SEC), WIRE_PRIMARY_DOWN);
	assert_null(notify_queue_next(&q, SEC, &wait));
	assert_true(wait == SEC / 10);
	assert_int_equal(take(&q, true, SEC + wait), WIRE_FLUSH_STARTED);
	assert_int_equal(take(&q, true, 2 * SEC), WIRE_FLUSH_FINISHED);
	assert_int_equal(take(&q, true, 3 * SEC), 0);
	assert_true(q.n == 0 && q.dropped == 0);
	notify_queue_fini(&q);
}

/* One that was not taken comes again, later each time; what overtakes it
 * meanwhile does no harm. */
static void
test_again(void **state MX_UNUSED)
{
	static const int wait[] = { 1, 2, 4, 8, 16, 30, 30 };
	struct notify_queue q;
	int64_t now = SEC, ns;

	queue_init(&q, 16);
	notify_queue_limit(&q, 16, 10, 600000);
	put(&q, WIRE_STATE_CHANGE, 2, now);
	for (size_t i = 0; i < MX_COUNT(wait); i++) {
		assert_int_equal(take(&q, false, now), WIRE_STATE_CHANGE);
		assert_null(notify_queue_next(&q, now, &ns));
		assert_true(ns == wait[i] * SEC);
		now += ns;
	}
	/* An answer that nobody waits for; then one on its way that is
	 * overtaken. */
	notify_queue_answer(&q, true, now);
	assert_int_equal(q.n, 1);
	assert_non_null(notify_queue_next(&q, now, &ns));
	notify_queue_sent(&q);
	put(&q, WIRE_PRIMARY_DOWN, 0, now);
	notify_queue_answer(&q, true, now);
	assert_int_equal(take(&q, true, now + SEC), WIRE_PRIMARY_DOWN);
	assert_int_equal(q.n, 0);
	notify_queue_fini(&q);
}

/* The last state of each domain is told, whatever it went through. */
static void
test_coalesced(void **state MX_UNUSED)
{
	struct wire_notice w = { .event = WIRE_STATE_CHANGE };
	const struct wire_notice *n;
	struct notify_queue q;
	struct index_entry *e;
	struct indices x;
	int64_t wait;

	indices_init(&x);
	queue_init(&q, 16);
	e = index_of(&x.domains, "a.test");
	for (w.state = 2; w.state <= 4; w.state++)
		notify_queue_add(&q, &w, NOTIFY_NEWS, e, SEC);
	assert_int_equal(q.n, 1);
	n = notify_queue_next(&q, SEC, &wait);
	assert_int_equal(n->state, 4);
	notify_queue_sent(&q);
	/* That one is on its way; the next is another. */
	w.state = 5;
	notify_queue_add(&q, &w, NOTIFY_NEWS, e, SEC);
	w.state = 2;
	notify_queue_add(&q, &w, NOTIFY_NEWS, e, SEC);
	assert_int_equal(q.n, 2);
	notify_queue_answer(&q, true, SEC);
	assert_non_null(e->change);
	assert_int_equal(take(&q, true, 2 * SEC), WIRE_STATE_CHANGE);
	assert_null(e->change);
	assert_int_equal(q.n, 0);
	assert_int_equal(q.dropped, 0);
	notify_queue_fini(&q);
	indices_fini(&x);
}

static void
test_room(void **state MX_UNUSED)
{
	struct wire_notice w = { .event = WIRE_STATE_CHANGE };
	struct notify_queue q;

	queue_init(&q, 16);
	for (int i = 0; i < 20; i++)
		notify_queue_add(&q, &w, NOTIFY_COURTESY, NULL, 0);
	assert_int_equal(q.n, 8);
	assert_int_equal(q.dropped, 0); /* no news, no loss */
	for (int i = 0; i < 20; i++)
		put(&q, WIRE_STATE_CHANGE, 2, 0);
	assert_int_equal(q.n, 12);
	assert_int_equal(q.dropped, 16);
	assert_false(notify_queue_room(&q, &w, NOTIFY_NEWS));
	for (int i = 0; i < 20; i++)
		put(&q, WIRE_PRIMARY_DOWN, 0, 0);
	assert_int_equal(q.n, 16);
	assert_int_equal(q.dropped, 32);
	notify_queue_fini(&q);
	assert_int_equal(q.n, 0);
}

static void
test_lifetime(void **state MX_UNUSED)
{
	struct notify_queue q;
	int64_t wait;

	queue_init(&q, 16);
	put(&q, WIRE_STATE_CHANGE, 2, SEC);
	put(&q, WIRE_FLUSH_STARTED, 2, 30 * SEC);
	assert_non_null(notify_queue_next(&q, 61 * SEC, &wait));
	assert_int_equal(take(&q, true, 62 * SEC), WIRE_FLUSH_STARTED);
	assert_int_equal(q.dropped, 1);
	/* What is on its way is not dropped under it. */
	put(&q, WIRE_STATE_CHANGE, 2, 63 * SEC);
	assert_non_null(notify_queue_next(&q, 63 * SEC, &wait));
	notify_queue_sent(&q);
	assert_null(notify_queue_next(&q, 999 * SEC, &wait));
	assert_int_equal(q.n, 1);
	notify_queue_answer(&q, true, 999 * SEC);
	assert_int_equal(q.dropped, 1);
	notify_queue_fini(&q);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_primary),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_coalesced),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_lifetime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
