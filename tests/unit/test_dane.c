/* SPDX-License-Identifier: ISC
 * test_dane: which answers of the DNS ask for what, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/dane.h"

static const struct {
	const char *name;
	struct dane_host host;
	bool ask;
	enum dane_need need;
	const char *why;
} before_cases[] = {
	{ "configured, signed", { .addr_secure = true }, true, DANE_MAY, "" },
	{ "configured, not signed", { .from_mx = false }, false, DANE_MAY,
	    "its address is not signed" },
	{ "configured, last good answer",
	    { .addr_secure = true, .addr_stale = true }, false, DANE_DEFER,
	    "its address cannot be looked up now" },
	{ "configured, last good answer of an unsigned name",
	    { .addr_stale = true }, false, DANE_DEFER,
	    "its address cannot be looked up now" },
	{ "configured, MX does not matter",
	    { .mx_stale = true, .addr_secure = true }, true, DANE_MAY, "" },
	{ "an address", { .literal = true, .addr_secure = true }, false,
	    DANE_MAY, "it is configured by address" },
	{ "by MX, all signed",
	    { .from_mx = true, .mx_secure = true, .addr_secure = true }, true,
	    DANE_MAY, "" },
	{ "by MX that are not signed", { .from_mx = true, .addr_secure = true },
	    false, DANE_MAY, "the MX records are not signed" },
	{ "by MX that are not signed, address stale",
	    { .from_mx = true, .addr_stale = true }, false, DANE_MAY,
	    "the MX records are not signed" },
	{ "by MX, last good answer",
	    { .from_mx = true,
		.mx_secure = true,
		.mx_stale = true,
		.addr_secure = true },
	    false, DANE_DEFER, "the MX records cannot be looked up now" },
	{ "by MX, last good answer that was not signed",
	    { .from_mx = true, .mx_stale = true, .addr_secure = true }, false,
	    DANE_DEFER, "the MX records cannot be looked up now" },
	{ "by MX, address not signed", { .from_mx = true, .mx_secure = true },
	    false, DANE_MAY, "its address is not signed" },
};

static void
test_before(void **state)
{
	struct dane *d;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(before_cases); i++) {
		d = dane_before(&before_cases[i].host);
		if (before_cases[i].ask != (d == NULL))
			fail_msg("%s", before_cases[i].name);
		if (d == NULL)
			continue;
		if (d->need != before_cases[i].need ||
		    strcmp(d->why, before_cases[i].why) != 0)
			fail_msg("%s: %s: %s", before_cases[i].name,
			    dane_word(d, NULL), d->why);
		dane_unref(&d);
	}
}

#define SECURE .status = DNS_OK, .secure = true

static const struct {
	const char *name;
	struct dns_answer a;
	enum dane_need need;
	unsigned n;
} after_cases[] = {
	{ "3 1 1", { SECURE, .n = 1, .tlsa = { { 3, 1, 1, 0, 32 } } },
	    DANE_VERIFY, 1 },
	{ "3 0 2", { SECURE, .n = 1, .tlsa = { { 3, 0, 2, 0, 64 } } },
	    DANE_VERIFY, 1 },
	{ "2 0 0", { SECURE, .n = 1, .tlsa = { { 2, 0, 0, 0, 900 } } },
	    DANE_VERIFY, 1 },
	{ "2 1 1 and 3 1 1",
	    { SECURE, .n = 2,
		.tlsa = { { 2, 1, 1, 0, 32 }, { 3, 1, 1, 32, 32 } } },
	    DANE_VERIFY, 2 },
	{ "usage of public CAs",
	    { SECURE, .n = 2,
		.tlsa = { { 0, 1, 1, 0, 32 }, { 1, 1, 1, 32, 32 } } },
	    DANE_ENCRYPT, 0 },
	{ "one of two",
	    { SECURE, .n = 2,
		.tlsa = { { 1, 1, 1, 0, 32 }, { 3, 1, 1, 32, 32 } } },
	    DANE_VERIFY, 1 },
	{ "unknown usage", { SECURE, .n = 1, .tlsa = { { 4, 1, 1, 0, 32 } } },
	    DANE_ENCRYPT, 0 },
	{ "private usage", { SECURE, .n = 1, .tlsa = { { 255, 1, 1, 0, 32 } } },
	    DANE_ENCRYPT, 0 },
	{ "unknown selector",
	    { SECURE, .n = 1, .tlsa = { { 3, 2, 1, 0, 32 } } }, DANE_ENCRYPT,
	    0 },
	{ "unknown digest", { SECURE, .n = 1, .tlsa = { { 3, 1, 3, 0, 32 } } },
	    DANE_ENCRYPT, 0 },
	{ "SHA-256 cut", { SECURE, .n = 1, .tlsa = { { 3, 1, 1, 0, 31 } } },
	    DANE_ENCRYPT, 0 },
	{ "SHA-512 of 32", { SECURE, .n = 1, .tlsa = { { 3, 1, 2, 0, 32 } } },
	    DANE_ENCRYPT, 0 },
	{ "full and empty", { SECURE, .n = 1, .tlsa = { { 3, 1, 0, 0, 0 } } },
	    DANE_ENCRYPT, 0 },
	{ "none readable", { SECURE }, DANE_ENCRYPT, 0 },
	{ "not signed",
	    { .status = DNS_OK, .n = 1, .tlsa = { { 3, 1, 1, 0, 32 } } },
	    DANE_MAY, 0 },
	{ "stale",
	    { SECURE, .stale = true, .n = 1, .tlsa = { { 3, 1, 1, 0, 32 } } },
	    DANE_DEFER, 0 },
	{ "no records", { .status = DNS_NODATA, .secure = true }, DANE_MAY, 0 },
	{ "no such name", { .status = DNS_NXDOMAIN, .secure = true }, DANE_MAY,
	    0 },
	/* an opt-out span: nobody vouches for it, and nobody could add to it */
	{ "no such name, not signed", { .status = DNS_NXDOMAIN }, DANE_MAY, 0 },
	{ "failure", { .status = DNS_FAIL }, DANE_DEFER, 0 },
	{ "bogus", { .status = DNS_BOGUS }, DANE_DEFER, 0 },
};

static void
test_after(void **state)
{
	struct dane *d;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(after_cases); i++) {
		d = dane_after(&after_cases[i].a, "mx.test");
		if (d->need != after_cases[i].need || d->n != after_cases[i].n)
			fail_msg("%s: %s, %u records", after_cases[i].name,
			    dane_word(d, NULL), d->n);
		if ((*d->why == '\0') != (d->need == DANE_VERIFY))
			fail_msg("%s: \"%s\"", after_cases[i].name, d->why);
		if (dane_needs_tls(d) != (d->need != DANE_MAY))
			fail_msg("%s: TLS", after_cases[i].name);
		dane_unref(&d);
		assert_null(d);
	}
}

/* The records that are kept keep their own data. */
static void
test_data(void **state)
{
	struct dns_answer a = { SECURE, .n = 2,
		.tlsa = { { 1, 1, 1, 0, 32 }, { 3, 1, 1, 32, 32 } },
		.tlsa_used = 64, .tlsa_data = { [32] = 42, [63] = 43 } };
	struct dane *d = dane_after(&a, "mx.test"), *again = dane_ref(d);
	const struct tls_info fits = { .verified = true, .dane = true };
	const struct tls_info junk = { .verified = false };

	(void)state;
	assert_int_equal(d->tlsa[0].usage, 3);
	assert_int_equal(d->data[d->tlsa[0].at], 42);
	assert_int_equal(d->data[d->tlsa[0].at + 31], 43);
	dane_add_name(d, "mx.test");
	dane_add_name(d, "a.test");
	dane_add_name(d, "b.test");
	dane_add_name(d, "c.test");
	assert_int_equal(d->nnames, DANE_NAMES_MAX);
	assert_string_equal(d->name[0], "mx.test");
	assert_string_equal(d->name[1], "a.test");
	assert_string_equal(d->name[2], "b.test");
	dane_unref(&d);
	assert_string_equal(dane_word(again, &fits), "dane-verified");
	assert_string_equal(dane_word(again, &junk), "dane-encrypt");
	assert_string_equal(dane_word(again, NULL), "dane-verify");
	dane_unref(&again);
	dane_unref(&again);
	assert_null(dane_ref(NULL));
	assert_false(dane_needs_tls(NULL));
	assert_string_equal(dane_word(NULL, &fits), "dane-none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before),
		cmocka_unit_test(test_after),
		cmocka_unit_test(test_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
