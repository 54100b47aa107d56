/* SPDX-License-Identifier: ISC
 * test_address: what is decided of an address by what is remembered of it, the
 * order of several, and the bound of the book. Pure: `now` is written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "primary/address.h"

#define S CLOCK_SEC
#define H (3600 * CLOCK_SEC)
#define T (100 * 24 * H) /* the beginning */

/* What happened, in order: a letter and how many seconds after the last one.
 *	g good  f failed  o TLS ok  t TLS failed  m TLS mute  ! TLS only
 *	. time passes */
static struct address
after(const char *story, int64_t *now)
{
	struct address a = { 0 };
	char what;
	int secs, n;

	*now = T;
	while (sscanf(story, " %c%d%n", &what, &secs, &n) == 2) {
		story += n;
		*now += secs * S;
		switch (what) {
		case 'g':
			address_good(&a, *now);
			break;
		case 'f':
			address_failed(&a, *now);
			break;
		case 'o':
			address_tls_ok(&a, *now);
			break;
		case 't':
			address_tls_failed(&a, false, *now);
			break;
		case '!':
			address_tls_only(&a, *now);
			break;
		case 'm':
			address_tls_failed(&a, true, *now);
			break;
		default:
			break;
		}
	}
	return a;
}

static const struct {
	const char *name, *story;
	bool may_clear, is_clear;
} tls_cases[] = {
	{ "new", "", true, false },
	{ "one failure", "t0", true, false },
	{ "two failures", "t0 t1", true, true },
	{ "one silence", "m0", true, true },
	{ "works", "o0 .1", false, false },
	{ "worked, fails", "o0 t1", false, false },
	{ "worked, fails twice", "o0 t1 t1", false, false },
	{ "worked, is mute", "o0 m1", false, false },
	{ "worked, fails for 299 s", "o0 t1 t1 .298", false, false },
	{ "worked, fails for 300 s", "o0 t1 t1 .299", true, true },
	{ "worked, failed once 300 s ago", "o0 t1 .300", true, false },
	{ "worked within a day", "o0 t86399 t1", false, false },
	{ "worked a day ago", "o0 t86400 t1", true, true },
	{ "works again", "t0 t1 o1 .1", false, false },
	{ "works again, fails again", "t0 t1 o1 t1", false, false },
	{ "clear for 599 s", "t0 t0 .599", true, true },
	{ "then TLS is tried again", "t0 t0 .600", true, false },
	{ "and one failure is enough", "t0 t0 t600", true, true },
	{ "it takes nothing in clear", "t0 t0 !1", false, false },
	{ "for a day", "!0 t0 t0 .86399", false, false },
	{ "and no longer", "!0 t86400 t0", true, true },
};

static void
test_tls(void **state)
{
	struct address a;
	int64_t now;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(tls_cases); i++) {
		a = after(tls_cases[i].story, &now);
		if (address_may_clear(&a, 300 * S, now) !=
			tls_cases[i].may_clear ||
		    address_is_clear(&a, 300 * S, now) != tls_cases[i].is_clear)
			fail_msg("%s", tls_cases[i].name);
	}
	assert_true(address_may_clear(NULL, 300 * S, T));
	assert_false(address_is_clear(NULL, 300 * S, T));
	a = after("o0", &now);
	assert_true(address_did_tls(&a, now + 24 * H - 1));
	assert_false(address_did_tls(&a, now + 24 * H));
	assert_false(address_did_tls(NULL, now));
}

static const struct {
	const char *name, *story;
	bool failed, due;
} failed_cases[] = {
	{ "new", "", false, false },
	{ "good", "g0", false, false },
	{ "failed", "f0", true, false },
	{ "59 s ago", "f0 .59", true, false },
	{ "a probe looks after 60 s", "f0 .60", true, true },
	{ "twice: after 120 s", "f0 f1 .119", true, false },
	{ "twice: after 120 s", "f0 f1 .120", true, true },
	{ "many times: after 300 s", "f0 f1 f1 f1 f1 f1 .299", true, false },
	{ "many times: after 300 s", "f0 f1 f1 f1 f1 f1 .300", true, true },
	{ "forgotten", "f0 .600", false, true },
	{ "good again", "f0 g1 .100", false, false },
	{ "good again, failed once", "f0 f1 g1 f1 .60", true, true },
};

static void
test_failed(void **state)
{
	struct address a;
	int64_t now;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(failed_cases); i++) {
		a = after(failed_cases[i].story, &now);
		if (address_is_failed(&a, now) != failed_cases[i].failed ||
		    address_is_due(&a, now) != failed_cases[i].due)
			fail_msg("%s: %s", failed_cases[i].name,
			    failed_cases[i].story);
	}
	assert_false(address_is_failed(NULL, T));
	assert_false(address_is_due(NULL, T));
}

static void
test_greeting(void **state)
{
	struct address a = { 0 };

	(void)state;
	assert_int_equal(address_greeting_ns(NULL, T), 0);
	assert_int_equal(address_greeting_ns(&a, T), 0);
	address_greeted(&a, 40 * S, T);
	address_greeted(&a, 2 * S, T + H);
	assert_int_equal(address_greeting_ns(&a, T + H), 40 * S);
	address_greeted(&a, 50 * S, T + 2 * H);
	assert_int_equal(address_greeting_ns(&a, T + 48 * H - 1), 50 * S);
	assert_int_equal(address_greeting_ns(&a, T + 48 * H), 0);
	/* Nearly as slow each time: there is no moment at which that is news. */
	for (unsigned h = 3; h < 200; h++) {
		assert_true(address_greeting_ns(&a, T + h * H) >= 48 * S);
		address_greeted(&a, 48 * S, T + h * H);
	}
	/* It has become quick. */
	for (unsigned h = 200; h < 250; h++)
		address_greeted(&a, 1 * S, T + h * H);
	assert_int_equal(address_greeting_ns(&a, T + 250 * H), 1 * S);
	address_greeted(&a, 2 * S, T + 400 * H);
	assert_int_equal(address_greeting_ns(&a, T + 400 * H), 2 * S);
}

/* Addresses as "4" and "6", each followed by what is known of it: g good (gg:
 * later), f failed just now, d failed and due, n no route, u unfit. Times are
 * before T. The order that comes out is written as their places. */
static const struct {
	const char *name, *list, *delivery, *probe;
} order_cases[] = {
	{ "one", "4", "0", "0" },
	{ "as they come", "4 4 4", "012", "012" },
	{ "families in turns", "6 6 6 4 4", "03142", "03142" },
	{ "families in turns, v4 first", "4 4 6 6", "0213", "0213" },
	{ "no route for v6", "6n 6n 4 4", "2301", "2301" },
	{ "no route at all", "6n 4n", "01", "01" },
	{ "v6 is unfit", "6u 4", "10", "10" },
	{ "unfit before no route", "6n 4u", "10", "10" },
	{ "the good one first", "6 6 4g", "201", "201" },
	{ "the one that was good last", "6g 4gg 4", "102", "102" },
	{ "good, but no route now", "6gn 4", "10", "10" },
	{ "the failed one last", "6f 4", "10", "10" },
	{ "failed and due: probes look first", "6d 4", "10", "01" },
	{ "even before a good one", "6d 4g 4", "120", "012" },
	{ "one of them at a time", "6d 4d 4", "201", "021" },
	{ "due, but no route", "6dn 4", "10", "10" },
	{ "all failed", "6f 4f", "01", "01" },
	{ "it was good before it failed", "4 4gf", "01", "01" },
};

static unsigned
parse(const char *list, struct net_addr *addr, struct address *known,
    struct address_choice *c)
{
	unsigned n = 0;
	char text[32];

	for (; *list != '\0'; list++) {
		if (*list == ' ')
			continue;
		snprintf(text, sizeof(text),
		    *list == '4' ? "192.0.2.%u" : "2001:db8::%u", n + 1);
		assert_int_equal(addr_parse(&addr[n], text, 25, ':'), 0);
		memset(&known[n], 0, sizeof(known[n]));
		c[n] =
		    (struct address_choice){ &addr[n], &known[n], ADDRESS_FIT };
		for (; list[1] != '\0' && list[1] != ' '; list++) {
			switch (list[1]) {
			case 'g':
				known[n].good_ns =
				    known[n].good_ns == 0 ? T - 2 * H : T - H;
				break;
			case 'f':
				address_failed(&known[n], T - S);
				break;
			case 'd':
				address_failed(&known[n], T - 60 * S);
				break;
			case 'n':
				c[n].route = ADDRESS_NO_ROUTE;
				break;
			default:
				c[n].route = ADDRESS_UNFIT;
				break;
			}
		}
		n++;
	}
	return n;
}

static void
test_order(void **state)
{
	struct net_addr addr[ADDRESS_ORDER_MAX];
	struct address known[ADDRESS_ORDER_MAX];
	struct address_choice c[ADDRESS_ORDER_MAX];
	unsigned order[ADDRESS_ORDER_MAX], n;
	char got[ADDRESS_ORDER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(order_cases); i++)
		for (int probe = 0; probe < 2; probe++) {
			n = parse(order_cases[i].list, addr, known, c);
			address_order(c, n, probe, T, order);
			for (unsigned k = 0; k < n; k++)
				got[k] = (char)('0' + order[k]);
			got[n] = '\0';
			if (strcmp(got,
				probe ? order_cases[i].probe :
					order_cases[i].delivery) != 0)
				fail_msg("%s, %s: %s", order_cases[i].name,
				    probe ? "probe" : "delivery", got);
		}
}

static void
test_route(void **state)
{
	struct net_addr a, from;

	(void)state;
	assert_int_equal(addr_parse(&a, "127.0.0.1", 25, ':'), 0);
	assert_int_equal(address_route(&a, NULL), ADDRESS_FIT);
	/* A source that is not ours: connecting will say so, not the order. */
	assert_int_equal(addr_parse(&from, "192.0.2.7", 0, ':'), 0);
	assert_int_equal(address_route(&a, &from), ADDRESS_FIT);
}

static void
test_book(void **state)
{
	struct address_book *b = address_book_create(3);
	struct net_addr a[5], v6;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
		    addr_parse(&a[i], "192.0.2.1", (uint16_t)(25 + i), ':'), 0);
	assert_int_equal(addr_parse(&v6, "2001:db8::1", 25, ':'), 0);
	assert_null(address_book_peek(b, &a[0]));
	address_good(address_book_get(b, &a[0]), T);
	address_good(address_book_get(b, &a[1]), T + 1);
	address_good(address_book_get(b, &v6), T + 2);
	assert_int_equal(address_book_peek(b, &a[0])->good_ns, T);
	assert_int_equal(address_book_peek(b, &a[1])->good_ns, T + 1);
	assert_int_equal(address_book_peek(b, &v6)->good_ns, T + 2);
	/* The least lately used one makes room. */
	(void)address_book_get(b, &a[0]);
	(void)address_book_get(b, &a[2]);
	assert_int_equal(address_book_count(b), 3);
	assert_null(address_book_peek(b, &a[1]));
	assert_non_null(address_book_peek(b, &a[0]));
	(void)address_book_get(b, &a[3]);
	(void)address_book_get(b, &a[4]);
	assert_int_equal(address_book_count(b), 3);
	assert_null(address_book_peek(b, &v6));
	assert_null(address_book_peek(b, &a[0]));
	address_book_destroy(&b);
	assert_null(b);
	address_book_destroy(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
