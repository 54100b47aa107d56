/* SPDX-License-Identifier: ISC
 * What one address set can bear: its key, pauses, limits that it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "primary/host.h"

#define SEC INT64_C(1000000000)

static struct route_host
made_of(const char *a, const char *b, uint16_t port)
{
	struct route_host h = { .port = port };

	assert_int_equal(addr_parse(&h.addr[h.naddrs++], a, 0, ':'), 0);
	if (b != NULL)
		assert_int_equal(addr_parse(&h.addr[h.naddrs++], b, 0, ':'), 0);
	return h;
}

/* The same addresses in any order are one host; another port, one address
 * more or another source of ours is another. */
static void
keys(void **state)
{
	struct route_host a = made_of("192.0.2.1", "2001:db8::1", 25);
	struct route_host b = made_of("2001:db8::1", "192.0.2.1", 25);
	struct route_host c = made_of("192.0.2.1", "2001:db8::1", 26);
	struct route_host d = made_of("192.0.2.1", NULL, 25);
	char ka[HOST_KEY_MAX], kb[HOST_KEY_MAX];
	struct net_addr source;

	(void)state;
	host_key(&a, NULL, ka);
	assert_string_equal(ka, host_key(&b, NULL, kb));
	assert_string_not_equal(ka, host_key(&c, NULL, kb));
	assert_string_not_equal(ka, host_key(&d, NULL, kb));
	assert_int_equal(addr_parse(&source, "198.51.100.7", 0, ':'), 0);
	assert_string_not_equal(ka, host_key(&a, &source, kb));
	/* What leads nowhere has nothing in common. */
	a.naddrs = b.naddrs = 0;
	(void)strlcpy(a.label, "a.test", sizeof(a.label));
	(void)strlcpy(b.label, "b.test", sizeof(b.label));
	assert_string_not_equal(host_key(&a, NULL, ka), host_key(&b, NULL, kb));
	(void)strlcpy(b.label, "a.test", sizeof(b.label));
	assert_string_equal(ka, host_key(&b, NULL, kb));
}

static void
pauses(void **state)
{
	struct host h;
	int64_t now = 100 * SEC;

	(void)state;
	host_init(&h, 20);
	for (int i = 0; i < 10; i++) {
		int64_t pause = i < 6 ? SEC << i : 60 * SEC;

		assert_true(host_room(&h, now));
		h.open = 1;
		assert_int_equal(host_connect_failed(&h, SMTP_PHASE_CONNECT, 0,
				     false, now, now),
		    HOST_FAILED);
		assert_int_equal(host_connect_failed(&h, SMTP_PHASE_CONNECT, 0,
				     false, now, now),
		    HOST_AGAIN);
		h.open = 0;
		assert_false(host_room(&h, now + pause - 1));
		assert_int_equal(host_wake(&h, now), now + pause);
		now += pause;
	}
	/* Somebody has reason to try: within a second of the failure. */
	h.open = 1;
	host_connect_failed(&h, SMTP_PHASE_CONNECT, 0, false, now, now);
	h.open = 0;
	host_retry(&h, now);
	assert_int_equal(host_wake(&h, now), now + SEC);
	host_recovered(&h, 0, now);
	assert_true(host_room(&h, now));
	assert_true(h.window.canary);
}

static const struct {
	enum smtp_phase phase;
	uint16_t code;
	enum host_failure with_others;
} refusals[] = {
	{ SMTP_PHASE_CONNECT, 0, HOST_CROWDED },
	{ SMTP_PHASE_GREETING, 421, HOST_CROWDED },
	{ SMTP_PHASE_GREETING, 450, HOST_CROWDED },
	{ SMTP_PHASE_GREETING, 0, HOST_CROWDED }, /* closed */
	{ SMTP_PHASE_EHLO, 421, HOST_CROWDED },
	{ SMTP_PHASE_GREETING, 554, HOST_FAILED },
	{ SMTP_PHASE_EHLO, 550, HOST_FAILED },
};

/* Beside others that work a refusal is a ceiling, alone it is a failure. */
static void
crowded(void **state)
{
	struct host h;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(refusals); i++) {
		host_init(&h, 20);
		h.open = 4;
		h.greeted = h.ready = 3;
		assert_int_equal(host_connect_failed(&h, refusals[i].phase,
				     refusals[i].code, false, SEC, SEC),
		    refusals[i].with_others);
		assert_int_equal(h.window.ceiling,
		    refusals[i].with_others == HOST_CROWDED ? 3 : 0);
		host_init(&h, 20);
		h.open = 1;
		assert_int_equal(host_connect_failed(&h, refusals[i].phase,
				     refusals[i].code, false, SEC, SEC),
		    HOST_FAILED);
	}
}

/* Three that wait for a slow greeting are all that it takes: the fourth is one
 * too many, for as long as they may well be greeted. */
static void
slow_ones_will_say(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	for (unsigned i = 0; i < 3; i++)
		host_opened(&h, 0, SEC);
	assert_int_equal(host_connect_failed(&h, SMTP_PHASE_GREETING, 421,
			     false, SEC + HOST_WAY_NS - 1,
			     SEC + HOST_WAY_NS - 1),
	    HOST_CROWDED);
	assert_int_equal(host_connect_failed(&h, SMTP_PHASE_GREETING, 421,
			     false, SEC + HOST_WAY_NS, SEC + HOST_WAY_NS),
	    HOST_FAILED);
	/* That one of them says nothing is no word of the others. */
	assert_int_equal(host_connect_failed(&h, SMTP_PHASE_GREETING, 0, true,
			     SEC, SEC + HOST_WAY_NS - 1),
	    HOST_AGAIN);
	host_init(&h, 20);
	host_opened(&h, 0, SEC);
	host_greeted(&h, SEC);
	host_connected(&h, 150 * SEC, 151 * SEC);
	host_closed(&h, true, 160 * SEC);
	for (unsigned i = 0; i < 3; i++)
		host_opened(&h, 100 * SEC, 200 * SEC);
	assert_int_equal(host_connect_failed(&h, SMTP_PHASE_GREETING, 421,
			     false, 499 * SEC, 499 * SEC),
	    HOST_CROWDED);
	assert_int_equal(host_connect_failed(&h, SMTP_PHASE_GREETING, 421,
			     false, 500 * SEC, 500 * SEC),
	    HOST_FAILED);
}

static void
turns(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	assert_int_equal(host_turn_ns(&h), 0);
	host_opened(&h, 12 * SEC, SEC);
	assert_int_equal(host_turn_ns(&h), 48 * SEC);
	host_opened(&h, 200 * SEC, SEC);
	assert_int_equal(host_turn_ns(&h), HOST_TURN_MAX);
}

/* Beyond what is proven one at a time finds out, a probe included. */
static void
one_finds_out(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	h.window.canary = false;
	h.window.size = 20;
	h.open = h.greeted = h.ready = h.proven = 3;
	assert_true(host_room(&h, SEC));
	host_opened(&h, 0, SEC);
	assert_false(host_room(&h, SEC));
	assert_false(host_place_room(&h, SEC));
	assert_int_equal(host_wake(&h, SEC), SEC + HOST_FINDER_NS);
	assert_true(host_room(&h, SEC + HOST_FINDER_NS)); /* it may hang */
	host_greeted(&h, SEC); /* the rest of its way is in nobody's way */
	assert_true(host_place_room(&h, SEC));
	host_place_taken(&h, SEC);
	assert_false(host_room(&h, SEC));
	h.places = 0;
	assert_true(host_room(&h, SEC));
	host_connected(&h, SEC / 10, SEC);
	/* Where it has been before it need not find out. */
	h.proven = 10;
	host_opened(&h, 0, SEC);
	assert_true(host_room(&h, SEC));
}

/* As many as there is room for. */
static void
open_all(struct host *h, int64_t now)
{
	while (host_room(h, now))
		host_opened(h, 0, now);
}

static struct host
wide_open(unsigned max)
{
	struct host h;

	host_init(&h, max);
	h.window.canary = false;
	h.window.size = max;
	return h;
}

/* One more at each greeting, whatever the way takes behind it; and who comes
 * again, after a limit of messages, say, keeps no round from beginning. */
static void
finds_by_greetings(void **state)
{
	struct host h = wide_open(20);
	int64_t now = SEC;

	(void)state;
	for (unsigned i = 1; i <= 20; i++, now += SEC / 10) {
		if (i > 3) { /* one that was ready ends */
			host_connected(&h, SEC / 10, now);
			host_closed(&h, true, now);
		}
		open_all(&h, now);
		assert_int_equal(h.open, i);
		while (h.greeted < h.open) {
			assert_false(host_room(&h, now));
			host_greeted(&h, now);
		}
	}
}

/* Rounds that meet a server which takes `limit`; those that it lets in are
 * greeted first or last. Returns how many it refused. */
static unsigned
meet(struct host *h, unsigned limit, bool first)
{
	unsigned in, out = 0, stood = 0;
	int64_t now = SEC;

	for (; h->window.ceiling == 0; now += SEC / 10) {
		open_all(h, now);
		in = h->open < limit ? h->open : limit;
		for (; first && stood < in; stood++)
			host_greeted(h, now);
		for (; h->open > in; out++) {
			assert_int_equal(host_connect_failed(h,
					     SMTP_PHASE_GREETING, 421, false,
					     now, now + 1),
			    HOST_CROWDED);
			host_closed(h, false, now + 1);
		}
		for (; stood < in; stood++)
			host_greeted(h, now);
		while (h->ready < h->greeted)
			host_connected(h, SEC / 10, now + 2);
		/* Those that stand work all the while. */
		host_taken(h, 0, now + 3);
	}
	return out;
}

/* The one beyond the limit is refused, in whatever order that is told: the number
 * is exact, one lesson, and the next trial is as far as behind one refusal. */
static void
a_limit_is_one_lesson(void **state)
{
	static const unsigned limits[] = { 1, 2, 3, 5, 8, 10, 15 };

	(void)state;
	for (size_t i = 0; i < 2 * MX_COUNT(limits); i++) {
		struct host h = wide_open(40);
		unsigned limit = limits[i / 2];

		assert_int_equal(meet(&h, limit, i % 2 == 0), 1);
		assert_int_equal(h.window.ceiling, limit);
		assert_int_equal(h.window.trial_ns, WINDOW_TRIAL_MIN);
		assert_false(host_room(&h, 20 * SEC));
		h.open = h.greeted = h.ready = limit;
		assert_true(host_room(&h, 60 * SEC));
	}
}

/* At its ceiling it is given time to see the end of one. */
static void
settles(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	h.window.canary = false;
	h.window.size = h.window.ceiling = h.proven = 5;
	h.window.grow_ns = 1000 * SEC;
	h.open = h.greeted = h.ready = 5;
	host_closed(&h, true, SEC);
	assert_int_equal(h.ready, 4);
	assert_false(host_room(&h, SEC));
	assert_int_equal(host_wake(&h, SEC), SEC + HOST_SETTLE_MIN);
	assert_true(host_room(&h, SEC + HOST_SETTLE_MIN));
	assert_false(host_place_room(&h, SEC));
	/* Far below it nothing has to settle. */
	host_closed(&h, true, SEC);
	assert_true(host_room(&h, SEC));
	h.places = 1;
	host_place_left(&h, SEC);
	h.open = h.greeted = h.ready = 4;
	assert_false(host_room(&h, SEC));
	/* That was not long enough. */
	host_opened(&h, 0, SEC + HOST_SETTLE_MIN);
	host_connect_failed(&h, SMTP_PHASE_GREETING, 421, false,
	    SEC + HOST_SETTLE_MIN, SEC + HOST_SETTLE_MIN);
	assert_int_equal(h.settle_ns, 2 * HOST_SETTLE_MIN);
	assert_int_equal(h.window.ceiling, 5);
}

/* A probe counts, and comes when less stand there than the host bears. */
static void
places(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 5);
	assert_true(host_place_room(&h, SEC)); /* nobody is there */
	h.open = h.greeted = h.ready = h.proven = 4;
	assert_true(host_place_room(&h, SEC)); /* though the window is 1 */
	host_place_taken(&h, SEC);
	h.open = h.greeted = h.ready = 0;
	assert_true(host_room(&h, 9 * SEC)); /* nor is a canary in its way */
	h.open = h.greeted = h.ready = 4;
	assert_true(host_is_full(&h));
	assert_false(host_room(&h, 9 * SEC));
	assert_false(host_place_room(&h, 9 * SEC));
	h.places = 0;
	h.window.ceiling = 4;
	assert_false(host_place_room(&h, 9 * SEC));
	h.greeted = h.ready =
	    0; /* none of them works: the probe has to find out */
	assert_false(host_place_room(&h, 9 * SEC)); /* they may say it, ... */
	assert_true(host_place_room(&h, HOST_WAY_NS + SEC)); /* not for ever */
}

/* What a failed probe is told by the deliveries beside it. */
static void
works_for_deliveries(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 5);
	assert_false(host_works(&h, SEC, 2 * SEC)); /* nobody is there */
	host_opened(&h, 0, SEC);
	assert_true(host_works(&h, 0, 2 * SEC)); /* it may say, ... */
	assert_false(host_works(&h, 0, HOST_WAY_NS + 2 * SEC));
	host_greeted(&h, SEC);
	host_connected(&h, SEC, 2 * SEC);
	assert_true(host_works(&h, SEC, 90 * SEC)); /* since then: yes */
	assert_true(host_works(&h, 0, 2 * SEC + HOST_LATELY - 1));
	assert_false(host_works(&h, 3 * SEC, 2 * SEC + HOST_LATELY));
	host_taken(&h, 0, 50 * SEC);
	assert_true(host_works(&h, 3 * SEC, 90 * SEC));
	assert_false(host_works(&h, 51 * SEC, 90 * SEC));
	host_closed(&h, true, 60 * SEC); /* which the server has not seen yet */
	assert_true(host_works(&h, 60 * SEC + 1, 61 * SEC));
	assert_false(host_works(&h, 60 * SEC + HOST_SETTLE_MAX, 62 * SEC));
}

/* What hung since before the recovery is in nobody's way. */
static void
recovers(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	h.open = h.greeted = h.ready = 5;
	host_recovered(&h, 4, SEC); /* and one that is at work counts */
	assert_int_equal(h.open, 1);
	assert_int_equal(h.before, 4);
	assert_false(host_room(&h, SEC));
	h.open = h.greeted = h.ready = 0; /* it is through */
	assert_true(host_room(&h, SEC));
	h.open = 1;
	assert_false(host_room(&h, SEC));
	/* Its other names recover, too, and it does not begin anew. */
	assert_true(host_is_fresh(&h, 2 * SEC));
	host_doubted(&h);
	assert_false(host_is_fresh(&h, 2 * SEC));
	host_recovered(&h, 1, 2 * SEC);
	h.open = 1;
	/* Nor is a refusal now "one too many". */
	assert_int_equal(
	    host_connect_failed(&h, SMTP_PHASE_GREETING, 421, false, SEC, SEC),
	    HOST_FAILED);
}

static void
messages_a_connection(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, 20);
	host_closed_after(&h, 7, SEC);
	assert_int_equal(host_limit_value(&h.messages, SEC), 0); /* chance */
	host_closed_after(&h, 12, SEC);
	assert_int_equal(host_limit_value(&h.messages, SEC), 0);
	host_closed_after(&h, 12, SEC);
	assert_int_equal(host_limit_value(&h.messages, SEC), 12);
	host_closed_after(&h, 5, SEC); /* lower: at once */
	assert_int_equal(host_limit_value(&h.messages, SEC), 5);
	assert_int_equal(host_limit_value(&h.messages, SEC + HOST_LIMIT_AGE),
	    0);
	host_rcpts_after(&h, 50, SEC);
	assert_int_equal(host_limit_value(&h.rcpts, SEC), 50);
}

static struct {
	char text[48];
	uint16_t code;
	struct smtp_status status;
	bool rate;
} replies[] = {
	{ "4.7.0 rate limited", 450, { 4, 7, 0 }, true },
	{ "4.7.28 You are sending too fast", 421, { 4, 7, 28 }, true },
	{ "4.7.1 Greylisted, try again", 450, { 4, 7, 1 }, false },
	{ "4.2.2 rate of mailbox", 452, { 4, 2, 2 }, false },
	{ "5.7.1 rate", 550, { 5, 7, 1 }, false },
};

static void
rates(void **state)
{
	struct host h;
	int64_t now = SEC;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(replies); i++) {
		struct smtp_reply r = { .code = replies[i].code,
			.has_status = true,
			.status = replies[i].status,
			.text = replies[i].text };

		host_init(&h, 20);
		assert_int_equal(host_rate_reply(&h, &r, now), replies[i].rate);
		assert_int_equal(h.gap_ns, replies[i].rate ? HOST_GAP_MIN : 0);
		if (!replies[i].rate)
			continue;
		host_rate_reply(&h, &r, now); /* of the same moment */
		assert_int_equal(h.gap_ns, HOST_GAP_MIN);
		for (int k = 0; k < 20; k++) {
			now = h.next_ns;
			host_rate_reply(&h, &r, now);
		}
		assert_int_equal(h.gap_ns, HOST_GAP_MAX);
		for (int k = 0; k < 20 * 12; k++)
			host_taken(&h, 0, now);
		assert_int_equal(h.gap_ns, 0);
	}
}

/* Messages behind messages: where the host is known to bear them, and never what
 * it stumbled over, until a day later. */
static void
chunks(void **state)
{
	int64_t now = 1000 * SEC;
	struct host h;

	(void)state;
	host_init(&h, 2);
	assert_true(host_takes_chunks(&h, now));
	assert_false(host_takes_behind(&h, now)); /* a canary */
	h.open = 1;
	host_taken(&h, 0, now);
	assert_true(host_takes_behind(&h, now));
	host_trouble(&h); /* half of the window */
	assert_false(host_takes_behind(&h, now));
	for (int i = 0; i < 3; i++)
		host_taken(&h, 0, now);
	assert_true(host_takes_behind(&h, now));
	host_alone(&h, now);
	assert_int_equal(host_chunks_off_ns(&h, now), 0);
	assert_false(host_takes_behind(&h, now + HOST_ALONE_NS - 1));
	assert_true(host_takes_behind(&h, now + HOST_ALONE_NS));
	now += HOST_ALONE_NS;
	host_recovered(&h, 0, now);
	assert_false(host_takes_behind(&h, now));
	host_taken(&h, 0, now);
	host_way_taken(&h, true, true);
	assert_true(h.chunk_taken && h.behind_taken);
	host_stumbled(&h, now);
	assert_false(h.chunk_taken || h.behind_taken);
	host_stumbled(&h, now + HOST_LIMIT_AGE - 1); /* of before: no news */
	assert_false(host_takes_chunks(&h, now + HOST_LIMIT_AGE - 1));
	assert_false(host_takes_behind(&h, now + HOST_LIMIT_AGE - 1));
	assert_int_equal(host_chunks_off_ns(&h, now), HOST_LIMIT_AGE);
	assert_true(host_takes_chunks(&h, now + HOST_LIMIT_AGE));
	assert_int_equal(host_chunks_off_ns(&h, now + HOST_LIMIT_AGE), 0);
	host_stumble_forget(&h);
	assert_true(host_takes_chunks(&h, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(pauses),
		cmocka_unit_test(crowded),
		cmocka_unit_test(slow_ones_will_say),
		cmocka_unit_test(turns),
		cmocka_unit_test(one_finds_out),
		cmocka_unit_test(finds_by_greetings),
		cmocka_unit_test(a_limit_is_one_lesson),
		cmocka_unit_test(settles),
		cmocka_unit_test(places),
		cmocka_unit_test(works_for_deliveries),
		cmocka_unit_test(recovers),
		cmocka_unit_test(messages_a_connection),
		cmocka_unit_test(rates),
		cmocka_unit_test(chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
