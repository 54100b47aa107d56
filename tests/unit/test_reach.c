/* SPDX-License-Identifier: ISC
 * test_reach: the table of reach_rows.c through the bare reach, as a delivery
 * and as a probe ask for it, and through the probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/judge.h"
#include "probes/probe.h"
#include "tests/unit/reach_rows.h"

struct got {
	bool done;
	struct reach_result r;
};

static void
on_event(struct conn *c MX_UNUSED, enum conn_event ev MX_UNUSED,
    void *arg MX_UNUSED)
{
}

static void
on_reached(const struct reach_result *r, void *arg)
{
	struct got *g = arg;

	g->done = true;
	g->r = *r;
	if (r->conn != NULL)
		conn_owner(r->conn, on_event, NULL);
}

static void
run_reach(struct row_world *to, struct row_outcome *o)
{
	struct got g = { .done = false };
	struct reach *r =
	    reach_start(&to->env, &to->host, &to->policy, on_reached, &g);

	assert_non_null(r);
	assert_false(g.done);
	row_wait(to, &g.done);
	*o = (struct row_outcome){ .ok = g.r.code == REACH_OK,
		.phase = g.r.phase,
		.code = g.r.reply_code,
		.in_tls = g.r.tls,
		.addr = g.r.addr };
	assert_true((g.r.conn != NULL) == o->ok);
	assert_true((g.r.client != NULL) == o->ok);
	if (o->ok)
		assert_true(g.r.clear == (g.r.tls_text[0] != '\0'));
	conn_destroy(&g.r.conn);
	smtp_client_destroy(&g.r.client);
}

static void
test_rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nrows; i++)
		row_check(&rows[i], run_reach);
}

/* ---- what one leaves to the next */

static struct row_world w;

static struct reach_result
reach(bool probe)
{
	struct got g = { .done = false };

	w.policy.probe = probe;
	(void)reach_start(&w.env, &w.host, &w.policy, on_reached, &g);
	row_wait(&w, &g.done);
	conn_destroy(&g.r.conn);
	smtp_client_destroy(&g.r.client);
	return g.r;
}

static const struct address *
known(unsigned site)
{
	return address_book_peek(w.env.book, &w.at[site].addr);
}

/* TLS fails twice; then deliveries leave it out, and probes try it. */
static void
test_tls_memory(void **state)
{
	static const struct row row = { "TLS memory",
		.site = { { .kind = SITE_SMTP, .tls = TLS_WANTS_CERT } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_true(r.code == REACH_OK && r.clear && !r.tls && !r.tls_lost);
	assert_true(r.tls_text[0] != '\0');
	assert_int_equal(r.tried, 3);
	assert_int_equal(known(0)->tls_fails, 2);
	r = reach(false);
	assert_true(r.code == REACH_OK && r.clear);
	assert_int_equal(r.tried, 1);
	r = reach(true);
	assert_true(r.code == REACH_OK && r.clear);
	assert_int_equal(r.tried, 2);
	/* Another policy is not told what was learned under this one. */
	w.policy.tls = CONF_TLS_REQUIRE;
	r = reach(false);
	assert_int_equal(r.code, REACH_TLS_FAIL);
	assert_int_equal(r.tried, 1);
	row_close(&w);
}

/* Silence is remembered as soon as clear has worked. */
static void
test_tls_mute(void **state)
{
	static const struct row row = { "mute TLS",
		.site = { { .kind = SITE_SMTP, .tls = TLS_MUTE } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_true(r.code == REACH_OK && r.clear && r.tried == 2);
	assert_int_equal(known(0)->tls_fails, 2);
	r = reach(false);
	assert_true(r.code == REACH_OK && r.clear && r.tried == 1);
	row_close(&w);
}

/* It works under a stricter policy: then it works. */
static void
test_tls_works_again(void **state)
{
	static const struct row row = { "TLS again",
		.site = { { .kind = SITE_SMTP, .tls = TLS_GOOD } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	address_tls_failed(address_book_get(w.env.book, &w.at[0].addr), true,
	    loop_now(w.loop));
	r = reach(false);
	assert_true(r.code == REACH_OK && r.clear);
	r = reach(true);
	assert_true(r.code == REACH_OK && !r.clear && r.tls);
	assert_string_equal(r.tls_text, "");
	assert_string_equal(r.tls_by, "may");
	assert_true(r.tls_info.verified && r.tls_info.not_after > 0);
	r = reach(false);
	assert_true(r.code == REACH_OK && !r.clear && r.tls);
	assert_int_equal(known(0)->tls_fails, 0);
	/* A refused certificate says nothing against TLS as such. */
	w.policy.tls = CONF_TLS_REQUIRE;
	(void)strlcpy(w.host.name, "elsewhere.test", sizeof(w.host.name));
	r = reach(false);
	assert_int_equal(r.code, REACH_TLS_FAIL);
	assert_int_equal(known(0)->tls_fails, 0);
	row_close(&w);
}

static void
test_tls_lost(void **state)
{
	static const struct row row = { "TLS lost",
		.site = { { .kind = SITE_SMTP } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_true(r.code == REACH_OK && !r.clear && !r.tls_lost);
	address_tls_ok(address_book_get(w.env.book, &w.at[0].addr),
	    loop_now(w.loop));
	r = reach(false);
	assert_true(r.code == REACH_OK && !r.clear && r.tls_lost);
	w.policy.tls = CONF_TLS_NONE;
	r = reach(false);
	assert_true(r.code == REACH_OK && !r.tls_lost);
	row_close(&w);
}

/* A server that hangs is mute in TLS and in clear: nothing against TLS. */
static const char *
hang(const char *line MX_UNUSED, unsigned nth MX_UNUSED)
{
	static int seen;

	if (strncasecmp(line, "STARTTLS", 8) == 0)
		seen = 1;
	return seen && strncasecmp(line, "EHLO", 4) == 0 ? "250-and so on\r\n" :
							   NULL;
}

static void
test_hangs(void **state)
{
	static const struct row row = { "hangs",
		.site = {
		    { .kind = SITE_SMTP, .tls = TLS_MUTE, .hook = hang } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_int_equal(r.code, REACH_TIMEOUT);
	assert_int_equal(r.phase, SMTP_PHASE_EHLO);
	assert_int_equal(r.tried, 2);
	assert_int_equal(known(0)->tls_fails, 0);
	row_close(&w);
}

static void
test_address_memory(void **state)
{
	static const struct row row = { "addresses",
		.site = { { .kind = SITE_HOLE }, { .kind = SITE_SMTP } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_int_equal(r.code, REACH_OK);
	assert_int_equal(r.tried, 2);
	assert_true(known(0)->failed_ns != 0 && known(0)->good_ns == 0);
	assert_true(known(1)->failed_ns == 0 && known(1)->good_ns != 0);
	assert_true(known(1)->greeted_ns != 0);
	r = reach(false);
	assert_int_equal(r.tried, 1);
	assert_true(addr_equal_host(&r.addr, &w.at[1].addr));
	/* So does a probe, but when it is time to look again. */
	r = reach(true);
	assert_int_equal(r.tried, 1);
	address_book_get(w.env.book, &w.at[0].addr)->failed_ns -=
	    60 * CLOCK_SEC;
	r = reach(true);
	assert_int_equal(r.tried, 2);
	assert_int_equal(r.code, REACH_OK);
	row_close(&w);
}

/* What it says is no failure of the address, and what is known stays. */
static void
test_refused(void **state)
{
	static const struct row row = { "refused",
		.site = {
		    { .kind = SITE_SMTP, .greeting = "550 5.7.25 no PTR\r\n" },
		    { .kind = SITE_SMTP,
			true,
			.greeting = "450 4.7.25 no PTR\r\n" } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_int_equal(r.code, REACH_TEMPFAIL);
	assert_true(r.about_us);
	assert_int_equal(r.status.cls, 4);
	assert_int_equal(r.status.detail, 25);
	assert_int_equal(r.tried, 2);
	assert_int_equal(known(0)->failed_ns, 0);
	row_close(&w);
}

/* Our own trouble is neutral, and does not hide what was seen of the host. */
static void
test_local(void **state)
{
	static const struct row row = { "local",
		.site = { { .kind = SITE_SMTP }, { .kind = SITE_DEAD } } };
	struct net_addr from;
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	assert_int_equal(addr_parse(&from, "192.0.2.1", 0, ':'), 0);
	w.policy.source = &from;
	r = reach(false);
	assert_int_equal(r.code, REACH_LOCAL);
	assert_true(r.local && reach_code_neutral(r.code));
	assert_true(known(0) == NULL || known(0)->failed_ns == 0);
	/* A source of another family is none for this one. */
	assert_int_equal(addr_parse(&from, "2001:db8::1", 0, ':'), 0);
	r = reach(false);
	assert_int_equal(r.code, REACH_OK);
	w.policy.source = NULL;
	w.policy.tls = CONF_TLS_REQUIRE;
	row_close(&w);
}

static void
test_no_tls_of_ours(void **state)
{
	static const struct row row = { "no TLS of ours",
		.site = { { .kind = SITE_SMTP, .tls = TLS_GOOD } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	tls_ctx_destroy(&w.env.tls);
	tls_ctx_destroy(&w.env.tls_strict);
	r = reach(false);
	assert_true(r.code == REACH_OK && !r.tls && r.tried == 1);
	w.policy.tls = CONF_TLS_REQUIRE;
	r = reach(false);
	assert_int_equal(r.code, REACH_LOCAL);
	assert_int_equal(r.phase, SMTP_PHASE_STARTTLS);
	row_close(&w);
}

static void
test_no_address(void **state)
{
	static const struct row row = { "no address",
		.site = { { .kind = SITE_DEAD } } };
	static const struct {
		enum dns_status dns;
		enum reach_code code;
	} cases[] = {
		{ DNS_NXDOMAIN, REACH_NO_HOST },
		{ DNS_NODATA, REACH_NO_HOST },
		{ DNS_FAIL, REACH_DNS_FAIL },
	};
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	w.host.naddrs = 0;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		w.host.dns = cases[i].dns;
		r = reach(false);
		assert_int_equal(r.code, cases[i].code);
		assert_int_equal(r.phase, SMTP_PHASE_RESOLVE);
		assert_int_equal(r.tried, 0);
		assert_int_equal(r.addr.len, 0);
	}
	row_close(&w);
}

static void
nothing(const struct reach_result *r MX_UNUSED, void *arg MX_UNUSED)
{
	fail();
}

static void
test_cancel(void **state)
{
	static const struct row row = { "cancel",
		.site = { { .kind = SITE_HOLE } } };
	static const bool over = true;
	struct reach *r;

	(void)state;
	row_open(&w, &row);
	r = reach_start(&w.env, &w.host, &w.policy, nothing, NULL);
	assert_null(reach_addr(r));
	reach_cancel(&r);
	assert_null(r);
	reach_cancel(&r);
	r = reach_start(&w.env, &w.host, &w.policy, nothing, NULL);
	row_wait(&w, &over);
	assert_int_equal(reach_phase(r), SMTP_PHASE_CONNECT);
	assert_non_null(reach_addr(r));
	reach_cancel(&r);
	row_close(&w);
}

static const struct {
	uint16_t code;
	const char *text;
	bool us;
} us_cases[] = {
	{ 550, "5.7.25 reverse DNS validation failed", true },
	{ 450, "4.7.25 something", true },
	{ 554, "5.7.1 Client host [192.0.2.1] blocked using zen", true },
	{ 421, "cannot find your hostname, [192.0.2.1]", true },
	{ 550, "No PTR record for 192.0.2.1", true },
	{ 554, "5.7.1 poor Reputation", true },
	{ 421, "4.3.2 too many connections", false },
	{ 554, "no SMTP service here", false },
	{ 450, "4.7.0 try later", false },
	{ 250, "blocked", false },
};

static void
test_about_us(void **state)
{
	char text[128];
	struct smtp_reply r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(us_cases); i++) {
		(void)strlcpy(text, us_cases[i].text, sizeof(text));
		r = (struct smtp_reply){ .code = us_cases[i].code,
			.text = text };
		(void)smtp_status_parse(text, &r.status);
		if (judge_about_us(&r) != us_cases[i].us)
			fail_msg("%s", text);
	}
	assert_false(judge_about_us(NULL));
}

/* ---- the probe */

static void
on_probed(const struct probe_result *r, void *arg)
{
	struct row_outcome *o = arg;

	*o = (struct row_outcome){ .ok = r->code == REACH_OK,
		.phase = r->phase,
		.code = r->code != REACH_OK ? r->reply_code : 0,
		.in_tls = r->reach.tls,
		.addr = r->reach.addr };
}

struct probing {
	bool done;
	struct row_outcome *o;
};

static void
on_done(const struct probe_result *r, void *arg)
{
	struct probing *p = arg;

	p->done = true;
	on_probed(r, p->o);
}

static void
run_probe(struct row_world *to, struct row_outcome *o)
{
	static const struct probe_ops ops = { .done = on_done };
	static const struct probe_ask ask = { "a.test", "postmaster@a.test" };
	struct probing p = { .o = o };
	const struct probe_target t = { .host = &to->host,
		.helo = to->policy.helo,
		.sender = "",
		.depth = DEPTH_RCPT,
		.tls = to->policy.tls,
		.may_be_backup = to->policy.may_be_backup,
		.connect_ms = to->policy.connect_ms,
		.clear_after_ms = to->policy.clear_after_ms,
		.timeout_ms = 10000,
		.interval_ms = 10000,
		.ask = &ask,
		.nasks = 1 };

	assert_non_null(probe_smtp_start(&to->env, &t, &ops, &p));
	row_wait(to, &p.done);
}

static void
test_rows_probe(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nrows; i++)
		if (!rows[i].delivery)
			row_check(&rows[i], run_probe);
}

/* Who it is, as far as it says; the address is as good as before. */
static void
test_backup(void **state)
{
	static const struct row row = { "backup",
		.site = { { .kind = SITE_SMTP, .backup = true } } };
	struct reach_result r;

	(void)state;
	row_open(&w, &row);
	r = reach(false);
	assert_int_equal(r.code, REACH_BACKUP);
	assert_false(reach_code_neutral(r.code) || r.local || r.about_us);
	assert_string_equal(r.text,
	    "is a backup MX (mxwatchd on peer.test), not a primary");
	assert_true(r.ehlo && (r.ext & CLIENT_EXT_BACKUP) != 0);
	assert_true(known(0) == NULL || known(0)->failed_ns == 0);
	w.policy.helo = "PEER.test";
	r = reach(true);
	assert_string_equal(r.text,
	    "is this server (mxwatchd on peer.test), not a primary");
	row_close(&w);
}

/* It is seen from EHLO on, and so deep goes whoever has to look. */
static void
test_backup_depth(void **state)
{
	static const struct row row = { "backup",
		.site = { { .kind = SITE_SMTP, .backup = true } } };
	static const struct {
		enum conf_depth depth;
		bool to_ehlo, ok;
	} cases[] = { { DEPTH_CONNECT, false, true },
		{ DEPTH_BANNER, false, true }, { DEPTH_CONNECT, true, false },
		{ DEPTH_BANNER, true, false }, { DEPTH_EHLO, false, false },
		{ DEPTH_STARTTLS, false, false }, { DEPTH_RCPT, true, false } };
	static const struct probe_ops ops = { .done = on_done };
	static const struct probe_ask ask = { "a.test", "postmaster@a.test" };
	struct row_outcome o;

	(void)state;
	row_open(&w, &row);
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		struct probing p = { .o = &o };
		const struct probe_target t = { .host = &w.host,
			.helo = w.policy.helo,
			.sender = "",
			.depth = cases[i].depth,
			.to_ehlo = cases[i].to_ehlo,
			.tls = CONF_TLS_MAY,
			.connect_ms = w.policy.connect_ms,
			.clear_after_ms = w.policy.clear_after_ms,
			.timeout_ms = 10000,
			.interval_ms = 10000,
			.ask = &ask,
			.nasks = 1 };

		assert_non_null(probe_smtp_start(&w.env, &t, &ops, &p));
		row_wait(&w, &p.done);
		assert_int_equal(o.ok, cases[i].ok);
	}
	row_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_probe),
		cmocka_unit_test(test_tls_memory),
		cmocka_unit_test(test_tls_works_again),
		cmocka_unit_test(test_tls_mute),
		cmocka_unit_test(test_tls_lost),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_address_memory),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_no_tls_of_ours),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_about_us),
		cmocka_unit_test(test_backup),
		cmocka_unit_test(test_backup_depth),
	};
	int rc;

	rows_begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rows_end();
	return rc;
}
