/* SPDX-License-Identifier: ISC
 * test_text: what operators and peers write, and what they get to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rnd.h"
#include "base/text.h"

#define BAD INT64_C(-1)

static void
test_unsafe(void **state MX_UNUSED)
{
	static const struct {
		unsigned from, to;
	} is[] = { { 0x80, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff } };
	unsigned cp, got, n = 0;
	char s[4] = "";
	size_t len;

	assert_int_equal(text_unsafe("", &cp), 0);
	assert_int_equal(text_unsafe("a", &cp), 0);
	assert_int_equal(text_unsafe("\xe2\x80", &cp), 0); /* cut */
	assert_int_equal(text_unsafe("\xe2", &cp), 0);
	assert_int_equal(text_unsafe("\xc2", &cp), 0);
	assert_int_equal(text_unsafe("\x9b", &cp), 0); /* no UTF-8 */
	for (cp = 0x80; cp <= 0xffff; cp++) {
		s[0] = (char)(cp < 0x800 ? 0xc0 | cp >> 6 : 0xe0 | cp >> 12);
		s[1] = (char)(0x80 | ((cp < 0x800 ? cp : cp >> 6) & 0x3f));
		s[2] = (char)(cp < 0x800 ? 0 : 0x80 | (cp & 0x3f));
		len = text_unsafe(s, &got);
		assert_true(len == 0 || (len == strlen(s) && got == cp));
		n += len > 0;
		for (size_t i = 0; i < MX_COUNT(is); i++)
			if (cp >= is[i].from && cp <= is[i].to)
				assert_int_not_equal(len, 0);
	}
	assert_int_equal(n, 32 + 1 + 2 + 7 + 4 + 1);
}

static const struct {
	const char *s;
	int64_t ms;
} durations[] = {
	{ "0", 0 },
	{ "0s", 0 },
	{ "90", 90000 },
	{ "90s", 90000 },
	{ "350ms", 350 },
	{ "5m", 300000 },
	{ "1h30m", 5400000 },
	{ "30d", INT64_C(2592000000) },
	{ "1w2d3h4m5s6ms", INT64_C(788645006) },
	{ "2y", INT64_C(63072000000) },
	{ "1y1d", INT64_C(31622400000) },
	{ "9223372036854775", INT64_C(9223372036854775000) },
	{ "9223372036854775807ms", INT64_MAX },
	{ "9223372036854776", BAD },
	{ "9223372036854775s808ms", BAD },
	{ "9223372036854775808ms", BAD },
	{ "15250284453w", BAD },
	{ "99999999999999999999", BAD },
	{ "", BAD },
	{ "d", BAD },
	{ "-1d", BAD },
	{ "+1d", BAD },
	{ " 1d", BAD },
	{ "1 d", BAD },
	{ "1d ", BAD },
	{ "1h30", BAD },
	{ "30m1h", BAD },
	{ "1h1h", BAD },
	{ "1c", BAD },
	{ "1D", BAD },
	{ "1.5h", BAD },
	{ "0x10", BAD },
	{ "1hm", BAD },
	{ "1msec", BAD },
};

static void
test_duration(void **state)
{
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(durations); i++) {
		ms = BAD;
		print_message("%s\n", durations[i].s);
		assert_int_equal(text_duration(durations[i].s, &ms),
		    durations[i].ms == BAD ? -MX_ESYNTAX : 0);
		assert_int_equal(ms, durations[i].ms);
	}
}

static const struct {
	const char *s;
	int rc;
	uint64_t bytes;
} sizes[] = {
	{ "0", 0, 0 },
	{ "512", 0, 512 },
	{ "50M", 0, 52428800 },
	{ "1G", 0, 1073741824 },
	{ "2K", 0, 2048 },
	{ "16777215T", 0, UINT64_C(18446742974197923840) },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "16777216T", -MX_ESYNTAX, 0 },
	{ "18446744073709551616", -MX_ESYNTAX, 0 },
	{ "", -MX_ESYNTAX, 0 },
	{ "K", -MX_ESYNTAX, 0 },
	{ "-1", -MX_ESYNTAX, 0 },
	{ "1KB", -MX_ESYNTAX, 0 },
	{ "1 K", -MX_ESYNTAX, 0 },
	{ "1.5M", -MX_ESYNTAX, 0 },
	{ "1P", -MX_ESYNTAX, 0 },
};

static void
test_size(void **state)
{
	uint64_t bytes;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(sizes); i++) {
		bytes = 0;
		print_message("%s\n", sizes[i].s);
		assert_int_equal(text_size(sizes[i].s, &bytes), sizes[i].rc);
		assert_true(bytes == sizes[i].bytes);
	}
}

static void
test_int(void **state)
{
	int64_t v = 42;

	(void)state;
	assert_int_equal(text_int("7", 0, 10, &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(text_int("-7", -7, 10, &v), 0);
	assert_int_equal(v, -7);
	assert_int_equal(text_int("9223372036854775807", 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_true(text_int("9223372036854775808", 0, INT64_MAX, &v) < 0);
	assert_true(text_int("11", 0, 10, &v) < 0);
	assert_true(text_int("-1", 0, 10, &v) < 0);
	assert_true(text_int("", 0, 10, &v) < 0);
	assert_true(text_int("-", -1, 10, &v) < 0);
	assert_true(text_int("+1", 0, 10, &v) < 0);
	assert_true(text_int("1x", 0, 10, &v) < 0);
	assert_true(text_int(" 1", 0, 10, &v) < 0);
	assert_true(v == INT64_MAX);
}

static void
test_formats(void **state)
{
	static const struct {
		int64_t ms;
		const char *s;
	} times[] = {
		{ 0, "0s" },
		{ 350, "350ms" },
		{ 1000, "1s" },
		{ 1500, "1s500ms" },
		{ 250000, "4m10s" },
		{ 3600001, "1h" },
		{ INT64_C(183600000), "2d3h" },
		{ INT64_C(2592000000), "30d" },
		{ -90000, "-1m30s" },
		{ INT64_MIN, "-106751991167d7h" },
	};
	static const struct {
		uint64_t bytes;
		const char *s;
	} bytes[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 4198, "4.1K" },
		{ 10188, "9.9K" },
		{ 10189, "10K" },
		{ 10240, "10K" },
		{ 1048063, "1023K" },
		{ 1048064, "1.0M" },
		{ 12582912, "12M" },
		{ UINT64_MAX, "16E" },
	}, exact[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1025, "1025" },
		{ 1572864, "1536K" },
		{ 2097152, "2M" },
		{ UINT64_C(3) << 40, "3T" },
		{ UINT64_C(1) << 50, "1024T" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char s[64];
	uint64_t back;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(times); i++)
		assert_string_equal(
		    text_duration_fmt(times[i].ms, s, sizeof(s)), times[i].s);
	for (i = 0; i < MX_COUNT(bytes); i++)
		assert_string_equal(text_size_fmt(bytes[i].bytes, s, sizeof(s)),
		    bytes[i].s);
	for (i = 0; i < MX_COUNT(exact); i++) {
		assert_string_equal(
		    text_size_exact(exact[i].bytes, s, sizeof(s)), exact[i].s);
		assert_int_equal(text_size(s, &back), 0);
		assert_int_equal(back, exact[i].bytes);
	}
	assert_string_equal(text_date_5322(1795365720, s, sizeof(s)),
	    "Sun, 22 Nov 2026 16:42:00 +0000");
	assert_string_equal(text_date_5322(0, s, sizeof(s)),
	    "Thu, 1 Jan 1970 00:00:00 +0000");
	assert_string_equal(text_date_3339(1795365720, s, sizeof(s)),
	    "2026-11-22T16:42:00Z");
	assert_string_equal(text_date_3339(1795365720, s, 5), "2026");
}

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *name, *src, *dst; /* dst NULL: refused */
} domains[] = {
	{ "plain", "example.org", "example.org" },
	{ "upper case", "Example.ORG", "example.org" },
	{ "trailing dot", "example.org.", "example.org" },
	{ "one label", "localhost", "localhost" },
	{ "digits and hyphens", "3com.x--y.a1", "3com.x--y.a1" },
	{ "third and fourth", "r3---sn.example.org", "r3---sn.example.org" },
	{ "U-label", "b\303\274cher.example", "xn--bcher-kva.example" },
	{ "upper case U-label", "B\303\234CHER.example",
	    "xn--bcher-kva.example" },
	{ "U-label and dot", "b\303\274cher.example.",
	    "xn--bcher-kva.example" },
	{ "decomposed", "bu\314\210cher.example", "xn--bcher-kva.example" },
	{ "A-label", "XN--bcher-KVA.example", "xn--bcher-kva.example" },
	{ "sharp s", "stra\303\237e.example", "xn--strae-oqa.example" },
	{ "ideographic dot", "b\303\274cher\343\200\202example",
	    "xn--bcher-kva.example" },
	{ "emoji A-label", "xn--ls8h.example", "xn--ls8h.example" },
	{ "label of 63", L63 ".example", L63 ".example" },
	{ "label of 64", "x" L63 ".example", NULL },
	{ "name of 253",
	    L63 "." L63 "." L63 ".b23456789.123456789."
		"123456789.123456789.123456789.123456789.a",
	    L63 "." L63 "." L63 ".b23456789.123456789."
		"123456789.123456789.123456789.123456789.a" },
	{ "name of 253, dot",
	    L63 "." L63 "." L63 ".b23456789.123456789."
		"123456789.123456789.123456789.123456789.a.",
	    L63 "." L63 "." L63 ".b23456789.123456789."
		"123456789.123456789.123456789.123456789.a" },
	{ "name of 254",
	    L63 "." L63 "." L63 ".b23456789.123456789."
		"123456789.123456789.123456789.1234567890.a",
	    NULL },
	{ "empty", "", NULL },
	{ "root", ".", NULL },
	{ "two trailing dots", "example.org..", NULL },
	{ "leading dot", ".example.org", NULL },
	{ "empty label", "example..org", NULL },
	{ "leading hyphen", "-example.org", NULL },
	{ "trailing hyphen", "example-.org", NULL },
	{ "last hyphen", "example.org-", NULL },
	{ "underscore", "Mail_1._x.example.org", "mail_1._x.example.org" },
	{ "underscore and U-label", "_x.b\303\274cher.example",
	    "_x.xn--bcher-kva.example" },
	{ "blank", "exam ple.org", NULL },
	{ "at sign", "a@example.org", NULL },
	{ "slash", "example.org/x", NULL },
	{ "newline", "example.org\n", NULL },
	{ "address", "192.0.2.7", NULL },
	{ "number", "12345", NULL },
	{ "literal", "[192.0.2.7]", NULL },
	{ "broken UTF-8", "b\303.example", NULL },
	{ "wide at sign", "b\303\274\357\274\240example", NULL },
	{ "control in U-label", "b\303\274\001.example", NULL },
};

static void
test_domain(void **state)
{
	static const char with_nul[] = "b\303\274.exa\0mple";
	char dst[TEXT_DOMAIN_MAX], again[TEXT_DOMAIN_MAX];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(domains); i++) {
		print_message("%s\n", domains[i].name);
		rc = text_domain(domains[i].src, strlen(domains[i].src), dst);
		if (domains[i].dst == NULL) {
			assert_int_equal(rc, -MX_ESYNTAX);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(dst, domains[i].dst);
		assert_int_equal(text_domain(dst, strlen(dst), again), 0);
		assert_string_equal(again, dst);
	}
	assert_true(text_domain(with_nul, sizeof(with_nul) - 1, dst) < 0);
	assert_true(text_domain("exa\0mple", 8, dst) < 0);
	/* the length counts, not a NUL */
	assert_int_equal(text_domain("example.org>", 11, dst), 0);
	assert_string_equal(dst, "example.org");
}

static const struct {
	const char *s;
	int rc;
	uint64_t id;
	bool part;
	const char *printed; /* NULL: s */
} ids[] = {
	{ "6A1F03C2B47", 0, UINT64_C(0x6A1F03C2B4700), false, NULL },
	{ "6a1f03c2b47", 0, UINT64_C(0x6A1F03C2B4700), false, "6A1F03C2B47" },
	{ "6A1F03C2B47.2", 0, UINT64_C(0x6A1F03C2B4702), true, NULL },
	{ "6A1F03C2B47.0", 0, UINT64_C(0x6A1F03C2B4700), true, "6A1F03C2B47" },
	{ "FFFFFFFFFFFFFF.255", 0, UINT64_MAX, true, NULL },
	{ "0", 0, 0, false, NULL },
	{ "1FFFFFFFFFFFFFF", -MX_ESYNTAX, 0, false, NULL },
	{ "1.256", -MX_ESYNTAX, 0, false, NULL },
	{ "1.", -MX_ESYNTAX, 0, false, NULL },
	{ "1.2x", -MX_ESYNTAX, 0, false, NULL },
	{ "1.-2", -MX_ESYNTAX, 0, false, NULL },
	{ ".2", -MX_ESYNTAX, 0, false, NULL },
	{ "", -MX_ESYNTAX, 0, false, NULL },
	{ "0x1", -MX_ESYNTAX, 0, false, NULL },
	{ "12G", -MX_ESYNTAX, 0, false, NULL },
	{ "1 ", -MX_ESYNTAX, 0, false, NULL },
};

static void
test_id(void **state)
{
	char printed[TEXT_ID_MAX];
	uint64_t id;
	bool part;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(ids); i++) {
		print_message("%s\n", ids[i].s);
		assert_int_equal(text_id_parse(ids[i].s, &id, &part),
		    ids[i].rc);
		if (ids[i].rc != 0)
			continue;
		assert_true(id == ids[i].id);
		assert_int_equal(part, ids[i].part);
		assert_string_equal(text_id(id, printed),
		    ids[i].printed != NULL ? ids[i].printed : ids[i].s);
	}
}

/* Whatever is printed is read back as the same. */
static void
test_round_trips(void **state)
{
	char s[64];
	uint64_t id, got_id;
	int64_t ms, got_ms;
	bool part;
	unsigned i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		id = rnd_u64() >> rnd_below(64);
		assert_int_equal(text_id_parse(text_id(id, s), &got_id, &part),
		    0);
		assert_true(id == got_id && part == ((id & 0xff) != 0));
		ms = (int64_t)(rnd_u64() >> (1 + rnd_below(62)));
		assert_int_equal(
		    text_duration(text_duration_fmt(ms, s, sizeof(s)), &got_ms),
		    0);
		/* two units: less than a 24th is lost */
		assert_true(got_ms <= ms && ms - got_ms <= ms / 24 + 1);
	}
}

static void
test_jitter(void **state)
{
	int64_t v, low = INT64_MAX, high = INT64_MIN;
	unsigned i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		v = rnd_jitter(1000, 20);
		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	assert_in_range(low, 800, 820);
	assert_in_range(high, 1180, 1200);
	assert_int_equal(rnd_jitter(1000, 0), 1000);
	assert_true(rnd_jitter(INT64_MAX, 50) == INT64_MAX);
}

static void
test_equal(void **state)
{
	(void)state;
	assert_true(text_equal(NULL, NULL));
	assert_false(text_equal(NULL, ""));
	assert_false(text_equal("", NULL));
	assert_true(text_equal("ab", "ab"));
	assert_false(text_equal("ab", "aB"));
}

static const struct {
	const char *in;
	size_t size;
	const char *out;
} cut_cases[] = {
	{ "", 6, "" },
	{ "abcde", 6, "abcde" },
	{ "abcdef", 6, "a..." },
	{ "one two three", 14, "one two three" },
	{ "one two three", 13, "one two ..." },
	{ "one two  three four", 16, "one two ..." },
	{ "one two three four", 18, "one two three ..." },
	{ "one two three four", 17, "one two ..." },
	{ "one\ntwo\nthree four", 13, "one\ntwo ..." },
	/* a word that is most of it is cut inside */
	{ "a bcdefghijklmnopqrstuvwxyz", 15, "a bcdefghi..." },
	{ " bcdefghijklmnopqrstuvwxyz", 12, " bcdefg..." },
	/* but no character is: two bytes each, then four */
	{ "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 10,
	    "\xc3\xa4\xc3\xa4..." },
	{ "x\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 11,
	    "x\xc3\xa4\xc3\xa4..." },
	{ "x\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 10,
	    "x\xc3\xa4\xc3\xa4..." },
	{ "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8, "..." },
	{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80", 6, "..." },
};

static void
test_cut(void **state)
{
	char dst[32], in_place[64];
	unsigned i;

	(void)state;
	for (i = 0; i < MX_COUNT(cut_cases); i++) {
		assert_string_equal(
		    text_cut(dst, cut_cases[i].size, cut_cases[i].in),
		    cut_cases[i].out);
		(void)strlcpy(in_place, cut_cases[i].in, sizeof(in_place));
		assert_string_equal(
		    text_cut(in_place, cut_cases[i].size, in_place),
		    cut_cases[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_unsafe),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
