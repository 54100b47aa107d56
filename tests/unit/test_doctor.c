/* SPDX-License-Identifier: ISC
 * test_doctor: SPF records and MTA-STS policies as strangers write them, and what
 * is kept of findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "doctor/records_file.h"
#include "doctor/spf.h"
#include "doctor/sts.h"

/* ---- SPF. The DNS of these: mx2.test has 192.0.2.25 and 2001:db8::25, far.test has
 * 198.51.100.1, mail.test has the MX far.test and mx2.test, ten.test has ten hosts
 * of nothing, broken.test fails, names of spf_records have these, and all else is
 * none. */

static const struct {
	const char *name, *record;
} spf_records[] = {
	{ "ours.test", "v=spf1 ip4:192.0.2.0/24 -all" },
	{ "forbids.test", "v=spf1 -ip4:192.0.2.25 -all" },
	{ "soft.test", "v=spf1 ~all" },
	{ "neutral.test", "v=spf1 ip4:203.0.113.0/24" },
	{ "deep.test", "v=spf1 include:ours.test -all" },
	{ "moved.test", "v=spf1 redirect=ours.test" },
	{ "host.test", "v=spf1 a:mx2.test -all" },
	{ "minus.test", "v=spf1 -a:mx2.test -all" },
	{ "itself.test", "v=spf1 a:far.test -all" },
	{ "loop.test", "v=spf1 include:loop.test -all" },
	{ "round.test", "v=spf1 redirect=round.test" },
	{ "wrong.test", "v=spf1 ip4:192.0.2.256 -all" },
	{ "macro.test", "v=spf1 exists:%{i}.x.test -all" },
	{ "fails.test", "v=spf1 a:broken.test -all" },
	{ "voids.test", "v=spf1 a:x a:y -all" },
	{ "five.test",
	    "v=spf1 a:far.test a:far.test a:far.test a:far.test -all" },
	{ "two.test", "v=spf1 -all" },
	{ "two.test", "v=spf1 all" },
	{ "plain.test", "no record of that kind" },
};

static const struct {
	const char *record, *who;
	enum spf_result result;
	const char *why; /* NULL: whatever */
} spf_cases[] = {
	{ "v=spf1", "192.0.2.25", SPF_NEUTRAL, NULL },
	{ "v=spf1 -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 ~ALL", "192.0.2.25", SPF_SOFTFAIL, NULL },
	{ "v=spf1 ?all", "192.0.2.25", SPF_NEUTRAL, NULL },
	{ "v=spf1 all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 +all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1  ip4:192.0.2.25   -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 ip4:192.0.2.24 -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 ip4:192.0.2.24/31 -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 ip4:192.0.2.26/31 -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 ip4:0.0.0.0/0 -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 -ip4:192.0.2.0/24 all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 ip6:2001:db8::/32 -all", "2001:db8::25", SPF_PASS, NULL },
	{ "v=spf1 ip6:2001:db8::/32 -all", "2001:db9::25", SPF_FAIL, NULL },
	{ "v=spf1 ip4:192.0.2.25 -all", "2001:db8::25", SPF_FAIL, NULL },
	{ "v=spf1 a -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 a -all", "2001:db8::25", SPF_PASS, NULL },
	{ "v=spf1 a -all", "192.0.2.26", SPF_FAIL, NULL },
	{ "v=spf1 a/24 -all", "192.0.2.26", SPF_PASS, NULL },
	{ "v=spf1 a/24//64 -all", "2001:db8::1", SPF_PASS, NULL },
	{ "v=spf1 a//128 -all", "2001:db8::1", SPF_FAIL, NULL },
	{ "v=spf1 a:far.test -all", "198.51.100.1", SPF_PASS, NULL },
	{ "v=spf1 ~a:far.test/24 -all", "198.51.100.9", SPF_SOFTFAIL, NULL },
	{ "v=spf1 a:none.test -all", "198.51.100.1", SPF_FAIL, NULL },
	{ "v=spf1 mx:mail.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 mx:mail.test -all", "198.51.100.1", SPF_PASS, NULL },
	{ "v=spf1 mx -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 mx:ten.test a -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 a:broken.test -all", "192.0.2.25", SPF_TEMPERROR, NULL },
	{ "v=spf1 a:far.test a:far.test a:far.test a:far.test a:far.test "
	  "a:far.test a:far.test a:far.test a:far.test a:far.test -all",
	    "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 a:far.test a:far.test a:far.test a:far.test a:far.test "
	  "a:far.test a:far.test a:far.test a:far.test a:far.test a -all",
	    "192.0.2.25", SPF_PERMERROR, "a" },
	{ "v=spf1 a:a mx:b a -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 a:a mx:b a:c a -all", "192.0.2.25", SPF_PERMERROR, "a:c" },
	/* records of others */
	{ "v=spf1 include:ours.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:ours.test -all", "198.51.100.1", SPF_FAIL, NULL },
	{ "v=spf1 -include:ours.test all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 ?include:ours.test -all", "192.0.2.25", SPF_NEUTRAL, NULL },
	{ "v=spf1 include:forbids.test a -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:soft.test -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 include:neutral.test ~all", "192.0.2.25", SPF_SOFTFAIL,
	    NULL },
	{ "v=spf1 include:deep.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:deep.test ~all", "198.51.100.1", SPF_SOFTFAIL, NULL },
	{ "v=spf1 include:moved.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:host.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:itself.test a -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 include:minus.test a:far.test ~all", "192.0.2.25",
	    SPF_SOFTFAIL, NULL },
	{ "v=spf1 include:none.test a -all", "192.0.2.25", SPF_PERMERROR,
	    "include:none.test" },
	{ "v=spf1 include:plain.test -all", "192.0.2.25", SPF_PERMERROR,
	    "include:plain.test" },
	{ "v=spf1 include:two.test -all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 include:broken.test -all", "192.0.2.25", SPF_TEMPERROR,
	    NULL },
	{ "v=spf1 include:fails.test -all", "192.0.2.25", SPF_TEMPERROR, NULL },
	{ "v=spf1 include:wrong.test -all", "192.0.2.25", SPF_PERMERROR,
	    "ip4:192.0.2.256" },
	{ "v=spf1 include:macro.test -all", "192.0.2.25", SPF_UNJUDGED,
	    "exists:%{i}.x.test" },
	{ "v=spf1 include:loop.test -all", "192.0.2.25", SPF_PERMERROR,
	    "include:loop.test" },
	{ "v=spf1 include:voids.test a:z a -all", "192.0.2.25", SPF_PERMERROR,
	    "a:z" },
	{ "v=spf1 include:five.test include:five.test -all", "192.0.2.25",
	    SPF_FAIL, NULL },
	{ "v=spf1 include:five.test include:five.test a -all", "192.0.2.25",
	    SPF_PERMERROR, "a" },
	{ "v=spf1 redirect=ours.test", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 redirect=ours.test", "198.51.100.1", SPF_FAIL, NULL },
	{ "v=spf1 redirect=ours.test ip4:198.51.100.1", "198.51.100.1",
	    SPF_PASS, NULL },
	{ "v=spf1 redirect=moved.test", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 redirect=none.test", "192.0.2.25", SPF_PERMERROR,
	    "redirect=none.test" },
	{ "v=spf1 redirect=round.test", "192.0.2.25", SPF_PERMERROR,
	    "redirect=round.test" },
	{ "v=spf1 redirect=%{d}", "192.0.2.25", SPF_UNJUDGED, "redirect=%{d}" },
	{ "v=spf1 redirect=ours.test -all", "192.0.2.25", SPF_FAIL, NULL },
	{ "v=spf1 redirect= all", "192.0.2.25", SPF_PERMERROR, "redirect=" },
	/* what is not judged here, unless it has been decided before */
	{ "v=spf1 include:%{d} -all", "192.0.2.25", SPF_UNJUDGED,
	    "include:%{d}" },
	{ "v=spf1 a include:other.test -all", "192.0.2.25", SPF_PASS, NULL },
	{ "v=spf1 exists:%{ir}.x.test -all", "192.0.2.25", SPF_UNJUDGED, NULL },
	{ "v=spf1 a:%{d} -all", "192.0.2.25", SPF_UNJUDGED, "a:%{d}" },
	{ "v=spf1 ptr -all", "192.0.2.25", SPF_UNJUDGED, "ptr" },
	{ "v=spf1 exp=why.test unknown=x -all", "192.0.2.25", SPF_FAIL, NULL },
	/* mistakes count wherever they stand */
	{ "v=spf1 all ipv4:192.0.2.25", "192.0.2.25", SPF_PERMERROR,
	    "ipv4:192.0.2.25" },
	{ "v=spf1 ip4:192.0.2.256 all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 ip4:192.0.2.0/33 all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 ip4:192.0.2.0/ all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 ip4:2001:db8::1 all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 ip4 all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 a: all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 a/ all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 include all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 all:x", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 + all", "192.0.2.25", SPF_PERMERROR, "+" },
	{ "v=spf1 =x all", "192.0.2.25", SPF_PERMERROR, NULL },
	{ "v=spf1 -all,a", "192.0.2.25", SPF_PERMERROR, NULL },
};

static void
add_address(struct dns_answer *a, const char *text)
{
	assert_int_equal(addr_parse(&a->addr[a->n++], text, 0, ':'), 0);
	a->status = DNS_OK;
}

static void
add_text(struct dns_answer *a, const char *text)
{
	size_t len = strlen(text) + 1;

	assert_true(a->txt_used + len <= sizeof(a->txt_data));
	memcpy(a->txt_data + a->txt_used, text, len);
	a->txt_at[a->n++] = a->txt_used;
	a->txt_used = (uint16_t)(a->txt_used + len);
	a->status = DNS_OK;
}

static void
look_up(enum spf_result what, const char *name, struct dns_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->status = DNS_NXDOMAIN;
	if (strcmp(name, "broken.test") == 0)
		a->status = DNS_FAIL;
	for (size_t i = 0; what == SPF_ASK_TXT && i < MX_COUNT(spf_records);
	     i++)
		if (strcmp(spf_records[i].name, name) == 0)
			add_text(a, spf_records[i].record);
	if (what == SPF_ASK_MX && strcmp(name, "mail.test") == 0) {
		a->status = DNS_OK;
		a->n = 2;
		(void)strlcpy(a->mx[0].host, "far.test", TEXT_DOMAIN_MAX);
		(void)strlcpy(a->mx[1].host, "mx2.test", TEXT_DOMAIN_MAX);
	} else if (what == SPF_ASK_MX && strcmp(name, "ten.test") == 0) {
		a->status = DNS_OK;
		a->n =
		    DNS_MX_MAX; /* of which as many are looked up as may be */
	} else if (what == SPF_ASK_ADDRS && strcmp(name, "mx2.test") == 0) {
		add_address(a, "192.0.2.25");
		add_address(a, "2001:db8::25");
	} else if (what == SPF_ASK_ADDRS && strcmp(name, "far.test") == 0) {
		add_address(a, "198.51.100.1");
	}
}

static void
test_spf(void **state)
{
	struct dns_answer a;
	struct net_addr who;
	enum spf_result r;
	struct spf q;
	unsigned asked;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(spf_cases); i++) {
		assert_int_equal(addr_parse(&who, spf_cases[i].who, 0, ':'), 0);
		spf_begin(&q, spf_cases[i].record, "mx2.test", &who);
		asked = 0;
		while ((r = spf_next(&q)) >= SPF_ASK_ADDRS) {
			assert_true(asked++ < 200);
			look_up(r, q.name, &a);
			spf_answer(&q, &a);
		}
		if (r != spf_cases[i].result ||
		    (spf_cases[i].why != NULL &&
			strcmp(q.why, spf_cases[i].why) != 0))
			fail_msg("%s of %s: %d, \"%s\"", spf_cases[i].record,
			    spf_cases[i].who, (int)r, q.why);
		spf_end(&q);
	}
	assert_true(spf_is_record("v=spf1"));
	assert_true(spf_is_record("V=SPF1 a"));
	assert_false(spf_is_record("v=spf10 a"));
	assert_false(spf_is_record(" v=spf1"));
	assert_false(spf_is_record(""));
}

/* ---- MTA-STS */

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 604800\n"

static const struct {
	const char *text, *why; /* NULL: it is sound */
	bool covers; /* mx2.example.net */
} sts_cases[] = {
	{ HEAD "mx: mx2.example.net\n", NULL, true },
	{ "version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\n"
	  "max_age: 604800\r\n",
	    NULL, true },
	{ HEAD "mx:MX2.Example.NET.", NULL, true },
	{ HEAD "mx: mail.example.net\nmx: *.example.net", NULL, true },
	{ HEAD "mx: mail.example.net\n", NULL, false },
	{ HEAD "mx: *.net\n", NULL, false }, /* one label alone */
	{ HEAD "mx: example.net\n", NULL, false },
	{ HEAD "mx: *.mx2.example.net\n", NULL, false },
	{ HEAD "unknown: x\n\n \nmx: mx2.example.net\n", NULL, true },
	{ HEAD "mode: what\nmx: mx2.example.net\n", NULL, true },
	{ "version: STSv1\nmode: none\nmax_age: 0\n", NULL, false },
	{ "", "lacks", false },
	{ "mode: enforce\nmax_age: 1\nmx: a.test\n", "lacks", false },
	{ "version: STSv1\nmax_age: 1\nmx: a.test\n", "lacks", false },
	{ "version: STSv1\nmode: enforce\nmx: a.test\n", "lacks", false },
	{ HEAD, "no mx", false },
	{ "version: STSv2\n", "version", false },
	{ "version: STSv1\nmode: Enforce\n", "mode", false },
	{ "version: STSv1\nmode: enforce\nmax_age: 31557601\n", "max_age",
	    false },
	{ "version: STSv1\nmode: enforce\nmax_age: -1\n", "max_age", false },
	{ "version: STSv1\nmode: enforce\nmax_age:\n", "max_age", false },
	{ "version: STSv1\nmode: enforce\nmax_age: 99999999999999999\n",
	    "max_age", false },
	{ HEAD "mx: *.*.example.net\n", "not a host name", false },
	{ HEAD "mx: m*.example.net\n", "not a host name", false },
	{ HEAD "mx: *.\n", "not a host name", false },
	{ HEAD "mx:\n", "not a host name", false },
	{ HEAD "mx: 192.0.2.1\n", "not a host name", false },
	{ "<html>\n<body>404</body>\n", "no colon", false },
};

static void
test_sts(void **state)
{
	struct sts_policy p;
	struct buf many = BUF_INIT(STS_POLICY_MAX);
	const char *why;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(sts_cases); i++) {
		why =
		    sts_parse(sts_cases[i].text, strlen(sts_cases[i].text), &p);
		if ((why == NULL) != (sts_cases[i].why == NULL) ||
		    (why != NULL && strstr(why, sts_cases[i].why) == NULL))
			fail_msg("%zu: %s", i, why != NULL ? why : "sound");
		if (why == NULL &&
		    sts_covers(&p, "mx2.example.net") != sts_cases[i].covers)
			fail_msg("%zu: covers", i);
	}
	assert_int_equal(buf_adds(&many, HEAD), 0);
	for (unsigned i = 0; i < STS_MX_MAX; i++)
		assert_int_equal(buf_adds(&many, "mx: a.test\n"), 0);
	assert_null(sts_parse(buf_str(&many), many.len, &p));
	assert_int_equal(buf_adds(&many, "mx: a.test\n"), 0);
	assert_non_null(sts_parse(buf_str(&many), many.len, &p));
	buf_fini(&many);
	assert_true(sts_is_record("v=STSv1; id=20260101;"));
	assert_true(sts_is_record("v=STSv1 ;id=1"));
	assert_false(sts_is_record("v=STSv1"));
	assert_false(sts_is_record("v=STSv10; id=1"));
	assert_false(sts_is_record("v=TLSRPTv1; rua=mailto:x@a.test"));
}

/* ---- records */

static void
put(struct doctor_records *rs, const char *name, enum doctor_severity one,
    enum doctor_severity two, bool keep)
{
	struct doctor_finding *f = mem_array(2, sizeof(*f));

	f[0] = (struct doctor_finding){ DOCTOR_mx, one, mem_strdup("one"),
		mem_strdup("do") };
	f[1] = (struct doctor_finding){ DOCTOR_size, two, mem_strdup("two"),
		NULL };
	doctor_records_put(rs, name, 1000, f, 2, keep);
}

/* "a b ", by name; and by time. */
static void
assert_names(const struct doctor_records *rs, const char *by_name,
    const char *by_time)
{
	const struct doctor_record *r;
	char text[200] = "";
	uint64_t seq = 0;

	for (r = doctor_records_next(rs, NULL); r != NULL;
	     r = doctor_records_next(rs, r->name)) {
		strlcat(text, r->name, sizeof(text));
		strlcat(text, " ", sizeof(text));
	}
	assert_string_equal(text, by_name);
	text[0] = '\0';
	while ((r = doctor_records_since(rs, seq)) != NULL) {
		strlcat(text, r->name, sizeof(text));
		strlcat(text, " ", sizeof(text));
		seq = r->seq;
	}
	assert_string_equal(text, by_time);
}

static void
test_records(void **state)
{
	struct doctor_records *rs = doctor_records_create();
	struct snapshot *s = snapshot_create(), *t = snapshot_create();
	uint64_t seq;

	(void)state;
	assert_names(rs, "", "");
	put(rs, "b.test", DOCTOR_WARNING, DOCTOR_INFO, false);
	put(rs, "", DOCTOR_ERROR, DOCTOR_OK, false);
	put(rs, "a.test", DOCTOR_OK, DOCTOR_OK, true);
	put(rs, "c.test", DOCTOR_OK, DOCTOR_OK, false); /* nothing to keep */
	assert_names(rs, " a.test b.test ", "b.test  a.test ");
	assert_string_equal(doctor_records_of(rs, "a.test")->name, "a.test");
	assert_null(doctor_records_of(rs, "c.test"));
	doctor_records_show(rs, s);
	doctor_records_show(rs, t);
	assert_ptr_equal(s->doctor, t->doctor);
	assert_int_equal(s->doctor_findings[DOCTOR_ERROR][DOCTOR_mx], 1);
	assert_int_equal(s->doctor_findings[DOCTOR_WARNING][DOCTOR_mx], 1);
	assert_int_equal(s->doctor_findings[DOCTOR_INFO][DOCTOR_size], 1);
	assert_int_equal(s->doctor->nfindings, 3);
	assert_string_equal(s->doctor->finding[0].domain, "");
	assert_int_equal(s->doctor->finding[1].severity, DOCTOR_WARNING);
	assert_int_equal(s->doctor->finding[2].severity, DOCTOR_INFO);
	assert_string_equal(s->doctor->finding[2].text, "two");
	snapshot_unref(&s);
	/* replaced, and those that were not seen again go */
	seq = doctor_records_seq(rs) + 1;
	put(rs, "b.test", DOCTOR_OK, DOCTOR_INFO, false);
	assert_names(rs, " a.test b.test ", " a.test b.test ");
	assert_true(doctor_records_sweep(rs, seq, 1));
	assert_false(doctor_records_sweep(rs, seq, 10));
	assert_names(rs, "b.test ", "b.test ");
	s = snapshot_create();
	doctor_records_show(rs, s);
	assert_int_equal(s->doctor_findings[DOCTOR_ERROR][DOCTOR_mx], 0);
	assert_int_equal(snap_doctor_count(s, DOCTOR_INFO), 1);
	assert_int_equal(t->doctor->nfindings, 3); /* as it was */
	snapshot_unref(&s);
	snapshot_unref(&t);
	doctor_records_destroy(&rs);
}

/* However many there are: texts and what is shown have a limit, counts do not. */
static void
test_many_records(void **state)
{
	struct doctor_records *rs = doctor_records_create();
	struct snapshot *s = snapshot_create();
	unsigned texts = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < DOCTOR_TEXTS_MAX; i++) {
		snprintf(name, sizeof(name), "d%05u.test", i);
		put(rs, name, DOCTOR_WARNING, DOCTOR_INFO, false);
	}
	for (const struct doctor_record *r = doctor_records_next(rs, NULL);
	     r != NULL; r = doctor_records_next(rs, r->name))
		texts += r->finding[1].text != NULL;
	assert_int_equal(texts, DOCTOR_TEXTS_MAX / 2);
	doctor_records_show(rs, s);
	assert_int_equal(s->doctor->nfindings, DOCTOR_SHOWN_MAX);
	assert_int_equal(snap_doctor_count(s, DOCTOR_WARNING),
	    DOCTOR_TEXTS_MAX);
	/* there is room again */
	doctor_records_drop(rs, "d00000.test");
	put(rs, "d00001.test", DOCTOR_ERROR, DOCTOR_INFO, false);
	assert_string_equal(
	    doctor_records_since(rs, DOCTOR_TEXTS_MAX)->finding[0].text, "one");
	snapshot_unref(&s);
	doctor_records_destroy(&rs);
}

/* ---- over a restart */

static char dir[] = "/tmp/findings.XXXXXX", path[64];

static bool
wanted(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "gone.test") != 0;
}

static void
test_file(void **state)
{
	struct doctor_records *rs = doctor_records_create();
	const struct doctor_record *r;
	struct findings_copy *c;
	int64_t ended = 7;

	(void)state;
	assert_int_equal(findings_read(rs, path, wanted, NULL, &ended),
	    -MX_ENOENT);
	assert_int_equal(ended, 0);
	put(rs, "b.test", DOCTOR_WARNING, DOCTOR_INFO, false);
	put(rs, "", DOCTOR_ERROR, DOCTOR_OK, false);
	put(rs, "a.test", DOCTOR_OK, DOCTOR_OK, true);
	put(rs, "gone.test", DOCTOR_ERROR, DOCTOR_INFO, false);
	c = findings_copy(rs, 1795368000);
	doctor_records_destroy(&rs);
	assert_int_equal(findings_write(c, path), 0);
	findings_copy_destroy(&c);
	rs = doctor_records_create();
	assert_int_equal(findings_read(rs, path, wanted, NULL, &ended), 2);
	assert_int_equal(ended, 1795368000);
	assert_names(rs, " b.test ", " b.test ");
	r = doctor_records_of(rs, "b.test");
	assert_int_equal(r->checked, 1000);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->finding[0].check, DOCTOR_mx);
	assert_int_equal(r->finding[0].severity, DOCTOR_WARNING);
	assert_string_equal(r->finding[0].text, "one");
	assert_int_equal(r->finding[1].severity, DOCTOR_INFO);
	doctor_records_destroy(&rs);
}

/* The worst of very many; and any file is read. */
static void
test_file_bounds(void **state)
{
	static const char text[] =
	    "[]\n{}\nx\n{\"ended\":\"x\"}\n{\"domain\":\"..\"}\n"
	    "{\"domain\":\"c.test\",\"findings\":[3,{\"check\":\"none\"},"
	    "{\"check\":\"mx\",\"severity\":\"awful\"},{\"check\":\"mx\","
	    "\"severity\":\"error\",\"text\":5}]}\n"
	    "{\"domain\":\"d.test\",\"findings\":[{\"check\":\"mx\"";
	struct doctor_records *rs = doctor_records_create();
	struct findings_copy *c;
	int64_t ended;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 2 * FINDINGS_SUBJECTS; i++) {
		(void)snprintf(name, sizeof(name), "d%u.test", i);
		put(rs, name, i % 2 == 0 ? DOCTOR_INFO : DOCTOR_ERROR,
		    DOCTOR_OK, false);
	}
	c = findings_copy(rs, 0);
	doctor_records_destroy(&rs);
	assert_int_equal(findings_write(c, path), 0);
	findings_copy_destroy(&c);
	rs = doctor_records_create();
	assert_int_equal(findings_read(rs, path, wanted, NULL, &ended),
	    FINDINGS_SUBJECTS);
	for (const struct doctor_record *r = doctor_records_next(rs, NULL);
	     r != NULL; r = doctor_records_next(rs, r->name))
		assert_int_equal(r->finding[0].severity, DOCTOR_ERROR);
	doctor_records_destroy(&rs);
	rs = doctor_records_create();
	assert_int_equal(file_replace(path, 0600, text, sizeof(text) - 1, NULL),
	    0);
	assert_int_equal(findings_read(rs, path, wanted, NULL, &ended), 1);
	assert_int_equal(doctor_records_of(rs, "c.test")->n, 1);
	assert_null(doctor_records_of(rs, "c.test")->finding[0].text);
	doctor_records_destroy(&rs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spf),
		cmocka_unit_test(test_sts),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_bounds),
	};

	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/findings", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(dir);
	return rc;
}
