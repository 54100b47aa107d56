/* SPDX-License-Identifier: ISC
 * test_probe: what a probe asks in its one session, what it makes of the
 * answers, and whom it tells of slowness. The server is reach_rows' first
 * site, with a hook that answers by the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/probe_int.h"
#include "tests/unit/reach_rows.h"

#define REPLIES_MAX 24

/* Answers are T taken, D deferred, R refused, - not asked; findings m mailbox,
 * s sender, r route, u us, - none. */
static const struct ask_case {
	const char *name;
	unsigned nasks;
	/* Of the nth MAIL, or RCPT; NULL: 250; "": closes. */
	const char *mail[REPLIES_MAX], *rcpt[REPLIES_MAX];
	const char *rset;
	enum reach_code code;
	enum smtp_phase phase;
	uint16_t reply;
	const char *answers, *findings;
	bool cut;
} ask_cases[] = {
	{ "one", 1, { NULL }, { NULL }, .reply = 250, .answers = "T",
	    .findings = "-" },
	{ "three in turn", 3, { NULL }, { NULL }, .reply = 250,
	    .answers = "TTT", .findings = "---" },
	{ "twenty", 20, { NULL }, { NULL }, .reply = 250,
	    .answers = "TTTTTTTTTTTTTTTTTTTT",
	    .findings = "--------------------" },
	/* REPORTS A 3, and what is near it: the mailbox, not the host */
	{ "mailbox full", 1, { NULL }, { "452 4.2.2 full\r\n" }, .reply = 452,
	    .answers = "D", .findings = "m" },
	{ "plain 451", 1, { NULL }, { "451 later\r\n" }, .reply = 451,
	    .answers = "D", .findings = "-" },
	{ "greylisted", 1, { NULL }, { "450 4.7.1 greylisted\r\n" },
	    .reply = 450, .answers = "D", .findings = "-" },
	{ "no postmaster", 1, { NULL }, { "550 5.1.1 no such user\r\n" },
	    .reply = 550, .answers = "R", .findings = "m" },
	{ "<> refused", 1, { "550 5.7.1 no null senders\r\n" }, { NULL },
	    .reply = 550, .answers = "R", .findings = "s" },
	{ "<> refused at RCPT", 1, { NULL },
	    { "550 5.1.8 <>: Sender address rejected\r\n" }, .reply = 550,
	    .answers = "R", .findings = "s" },
	{ "451 to MAIL", 1, { "451 4.3.0 later\r\n" }, { NULL }, .reply = 451,
	    .answers = "D", .findings = "-" },
	{ "no relay", 1, { NULL }, { "554 5.7.1 Relay access denied\r\n" },
	    .reply = 554, .answers = "R", .findings = "r" },
	{ "we are blocked", 1, { NULL },
	    { "554 5.7.1 Client host blocked\r\n" }, .reply = 554,
	    .answers = "R", .findings = "u" },
	{ "each its own", 4, { NULL },
	    { NULL, "550 5.1.1 who?\r\n", "452 4.2.2 full\r\n", NULL },
	    .reply = 250, .answers = "TRDT", .findings = "-mm-" },
	{ "one sender of many refused", 2, { "550 5.1.8 no\r\n", NULL },
	    { NULL }, .reply = 550, .answers = "RT", .findings = "s-" },
	{ "the fifth refusal is the last", 7, { NULL },
	    { NULL, "550 no\r\n", "550 no\r\n", "451 no\r\n", "550 no\r\n",
		"550 no\r\n", NULL },
	    .reply = 250, .answers = "TRRDRR-", .findings = "-mm-mm-",
	    .cut = true },
	/* 421 and policy behind an answer: nothing is known of that ask */
	{ "421 at the first", 2, { NULL }, { "421 4.3.2 bye\r\n" },
	    .code = REACH_TEMPFAIL, .phase = SMTP_PHASE_RCPT, .reply = 421,
	    .answers = "--", .findings = "--" },
	{ "421 at the second", 3, { NULL }, { NULL, "421 4.7.0 enough\r\n" },
	    .reply = 250, .answers = "T--", .findings = "---", .cut = true },
	{ "421 to the second MAIL", 3, { NULL, "421 enough\r\n" }, { NULL },
	    .reply = 250, .answers = "T--", .findings = "---", .cut = true },
	{ "policy at the first", 2, { NULL }, { "450 4.7.1 slow down\r\n" },
	    .reply = 450, .answers = "DT", .findings = "--" },
	{ "policy at the second", 3, { NULL },
	    { NULL, "450 4.7.1 slow down\r\n" }, .reply = 250, .answers = "T--",
	    .findings = "---", .cut = true },
	{ "no relay at the second", 3, { NULL },
	    { NULL, "554 5.7.1 relaying denied\r\n" }, .reply = 250,
	    .answers = "TRT", .findings = "-r-" },
	{ "closes at the first", 1, { NULL }, { "" }, .code = REACH_CLOSED,
	    .phase = SMTP_PHASE_RCPT, .answers = "-", .findings = "-" },
	{ "closes at the first MAIL", 1, { "" }, { NULL }, .code = REACH_CLOSED,
	    .phase = SMTP_PHASE_MAIL, .answers = "-", .findings = "-" },
	{ "closes at the second", 2, { NULL }, { NULL, "" }, .reply = 250,
	    .answers = "T-", .findings = "--", .cut = true },
	{ "RSET refused", 2, { NULL }, { NULL }, .rset = "500 what?\r\n",
	    .reply = 250, .answers = "T-", .findings = "--", .cut = true },
	{ "garbage at the first", 1, { NULL }, { "hello\r\n" },
	    .code = REACH_PROTOCOL, .phase = SMTP_PHASE_RCPT, .answers = "-",
	    .findings = "-" },
	/* no mailbox changes that */
	{ "STARTTLS first", 1, { "530 5.7.0 Must issue STARTTLS\r\n" },
	    { NULL }, .code = REACH_PERMFAIL, .phase = SMTP_PHASE_STARTTLS,
	    .reply = 530, .answers = "-", .findings = "-" },
};

static const struct ask_case *ac;
static unsigned nmail, nrcpt;
static unsigned unwanted; /* bits: asks that go before their turn has come */

/* The nth that is wanted, from 1. */
static unsigned
wanted_ask(unsigned n)
{
	unsigned i = 0;

	for (; n > 0; i++)
		n -= (unwanted & 1u << i) == 0;
	return i - 1;
}

static bool
on_wanted(unsigned i, void *arg)
{
	(void)arg;
	return (unwanted & 1u << i) == 0;
}

static const char *
answer(const char *line, unsigned nth)
{
	if (nth == 0)
		nmail = nrcpt = 0;
	if (strncmp(line, "MAIL", 4) == 0)
		return ac->mail[nmail++];
	if (strncmp(line, "RCPT", 4) == 0) {
		char want[64];

		snprintf(want, sizeof(want), "RCPT TO:<postmaster@d%u.test>",
		    wanted_ask(nmail));
		if (strncmp(line, want, strlen(want)) != 0)
			return "500 5.5.0 not in turn\r\n";
		return ac->rcpt[nrcpt++];
	}
	if (strncmp(line, "RSET", 4) == 0)
		return ac->rset;
	return NULL;
}

struct got {
	bool done;
	struct probe_result r;
	unsigned slow, counted, not_counted;
	enum smtp_phase phase;
	enum reach_code code;
};

static void
on_done(const struct probe_result *r, void *arg)
{
	struct got *g = arg;

	g->r = *r;
	g->done = true;
}

static struct probe_run *run;
static unsigned enough; /* intervals that count, then the probe is given up */

static void
on_wait(const struct probe_wait *w, void *arg)
{
	struct got *g = arg;

	g->phase = w->phase;
	g->code = w->code;
	assert_true(w->n == g->slow + g->counted + g->not_counted);
	if (w->n == 0)
		g->slow++;
	else if (w->counts)
		g->counted++;
	else
		g->not_counted++;
	assert_true(w->n > 0 || !w->counts);
	if (enough != 0 && g->counted == enough) {
		probe_smtp_cancel(&run);
		g->done = true;
	}
}

static const struct probe_ops ops = { .done = on_done,
	.wait = on_wait,
	.wanted = on_wanted };

static void
ask(struct row_world *w, unsigned n, struct got *g, int64_t timeout_ms)
{
	char mailbox[PROBE_ASKS_MAX][32];
	struct probe_ask asks[PROBE_ASKS_MAX];
	const struct probe_target t = { .host = &w->host,
		.helo = w->policy.helo,
		.sender = "",
		.depth = DEPTH_RCPT,
		.connect_ms = w->policy.connect_ms,
		.timeout_ms = timeout_ms,
		.interval_ms = timeout_ms,
		.ask = asks,
		.nasks = n };

	for (unsigned i = 0; i < n; i++) {
		snprintf(mailbox[i], sizeof(mailbox[i]), "postmaster@d%u.test",
		    i);
		asks[i] = (struct probe_ask){ "d.test", mailbox[i] };
	}
	*g = (struct got){ .done = false };
	run = probe_smtp_start(&w->env, &t, &ops, g);
	assert_false(g->done);
	row_wait(w, &g->done);
}

static void
check_asks(const struct ask_case *c)
{
	static const struct row row = { "asks",
		.site = { { .kind = SITE_SMTP, .hook = answer } },
		.conns = { 1 } };
	static struct row_world w;
	struct got g;

	ac = c;
	row_open(&w, &row);
	ask(&w, c->nasks, &g, 10000);
	row_close(&w);
	if (g.r.code != c->code || g.r.phase != c->phase ||
	    g.r.reply_code != c->reply || g.r.cut != c->cut)
		fail_msg("%s: %s in %s, %u, %s", c->name,
		    reach_code_name(g.r.code), smtp_phase_name(g.r.phase),
		    g.r.reply_code, g.r.cut ? "cut" : "whole");
	assert_int_equal(g.r.nanswers, c->nasks);
	assert_int_equal(g.r.skipped,
	    (unsigned)__builtin_popcount(unwanted)); /* all of them so far */
	for (unsigned i = 0, n = 0; i < c->nasks; i++) {
		const struct probe_answer *a = &g.r.answer[i];

		if ("-TDR"[a->code] != c->answers[i] ||
		    "-msru"[a->finding] != c->findings[i])
			fail_msg("%s: %u is %c, %s", c->name, i,
			    "-TDR"[a->code], probe_finding_name(a->finding));
		n += a->code != ANSWER_NOT_ASKED;
		assert_true(i + 1 < c->nasks || n == g.r.answered);
	}
	assert_int_equal(w.at[0].conns, 1);
}

static void
test_asks(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(ask_cases); i++)
		check_asks(&ask_cases[i]);
}

static void
test_unwanted(void **state)
{
	static const struct ask_case some = { "some are gone", 5, { NULL },
		{ NULL }, .reply = 250, .answers = "-T--T",
		.findings = "-----" };
	static const struct ask_case all = { "all are gone", 2, { NULL },
		{ NULL }, .reply = 250, .answers = "--", .findings = "--" };

	(void)state;
	unwanted = 1u << 0 | 1u << 2 | 1u << 3;
	check_asks(&some);
	unwanted = 3;
	check_asks(&all);
	unwanted = 0;
}

/* It takes nothing in clear, and its TLS does not work: TLS is what fails. */
static const char *
wants_tls(const char *line, unsigned nth MX_UNUSED)
{
	return strncmp(line, "MAIL", 4) == 0 ?
	    "530 5.7.0 Must issue STARTTLS\r\n" :
	    NULL;
}

static void
test_tls_only(void **state)
{
	static const struct row row = { "TLS only",
		.site = { { .kind = SITE_SMTP,
		    .tls = TLS_CLOSES,
		    .hook = wants_tls } } };
	static struct row_world w;
	struct got g;

	(void)state;
	row_open(&w, &row);
	ask(&w, 1, &g, 10000);
	assert_int_equal(g.r.code, REACH_PERMFAIL);
	assert_int_equal(g.r.phase, SMTP_PHASE_STARTTLS);
	ask(&w, 1, &g, 10000);
	assert_int_equal(g.r.code, REACH_TLS_FAIL);
	assert_int_equal(g.r.phase, SMTP_PHASE_STARTTLS);
	row_close(&w);
}

/* Slow is not down: the greeting comes, late, in the same session. What it
 * took is remembered: the next time so much silence counts nothing. */
static void
test_slow(void **state)
{
	static const struct row row = { "slow",
		.site = { { .kind = SITE_SMTP, .greet_ms = 500 } } };
	static struct row_world w;
	struct got g;

	(void)state;
	row_open(&w, &row);
	ask(&w, 1, &g, 100);
	assert_int_equal(g.r.code, REACH_OK);
	assert_int_equal(g.slow, 1);
	assert_true(g.counted >= 1);
	assert_int_equal(g.not_counted, 0);
	assert_int_equal(g.phase, SMTP_PHASE_GREETING);
	assert_int_equal(g.code, REACH_TIMEOUT);
	assert_int_equal(g.r.slow, g.slow + g.counted);
	/* A little more than it took, so that it is as much the next time. */
	address_greeted(address_book_get(w.env.book, &w.at[0].addr),
	    20 * CLOCK_SEC, loop_now(w.loop));
	ask(&w, 1, &g, 100);
	assert_int_equal(g.r.code, REACH_OK);
	assert_int_equal(g.counted, 0);
	assert_true(g.not_counted >= 1);
	ask(&w, 1, &g, 10000);
	assert_int_equal(g.r.slow, 0);
	row_close(&w);
	assert_int_equal(w.at[0].conns, 3);
}

static void
on_busy(void *arg MX_UNUSED)
{
	usleep(500 * 1000);
}

/* Our loop was late for longer than the time-out: nobody was slow. */
static void
test_late(void **state)
{
	static const struct row row = { "late",
		.site = { { .kind = SITE_SMTP } } };
	static struct row_world w;
	struct loop_timer *busy;
	struct got g;

	(void)state;
	row_open(&w, &row);
	busy = loop_timer_create(w.loop, on_busy, NULL);
	loop_timer_set(busy, 0);
	ask(&w, 1, &g, 200);
	assert_int_equal(g.r.code, REACH_OK);
	assert_int_equal(g.slow, 0);
	loop_timer_destroy(&busy);
	row_close(&w);
}

static const struct row silent[] = {
	{ "mute", .site = { { .kind = SITE_SMTP, .mute = true } },
	    .phase = SMTP_PHASE_GREETING },
	{ "mute at EHLO", .site = { { .kind = SITE_SMTP, .mute_ehlo = true } },
	    .phase = SMTP_PHASE_EHLO },
	{ "black hole", .site = { { .kind = SITE_HOLE } },
	    .phase = SMTP_PHASE_CONNECT },
	{ "two black holes",
	    .site = { { .kind = SITE_HOLE }, { .kind = SITE_HOLE } },
	    .phase = SMTP_PHASE_CONNECT },
};

static void
test_silent(void **state)
{
	static struct row_world w;
	struct got g;

	(void)state;
	enough = 3;
	for (size_t i = 0; i < MX_COUNT(silent); i++) {
		row_open(&w, &silent[i]);
		ask(&w, 1, &g, 50);
		assert_int_equal(g.counted, 3);
		assert_int_equal(g.slow, 1);
		assert_int_equal(g.phase, silent[i].phase);
		assert_int_equal(g.code,
		    g.phase == SMTP_PHASE_CONNECT ? REACH_CONN_TIMEOUT :
						    REACH_TIMEOUT);
		assert_null(run);
		row_close(&w);
	}
	enough = 0;
}

/* Silence that another try follows, elsewhere or in clear, counts nothing. */
static const struct row other_ways[] = {
	{ "silent TLS, then clear",
	    .site = { { .kind = SITE_SMTP, .tls = TLS_MUTE } },
	    .phase = SMTP_PHASE_STARTTLS },
	{ "silent behind the handshake",
	    .site = { { .kind = SITE_SMTP, .tls = TLS_MUTE_LATER } },
	    .phase = SMTP_PHASE_STARTTLS },
	{ "mute, then the next address",
	    .site = { { .kind = SITE_SMTP, .mute = true },
		{ .kind = SITE_SMTP } },
	    .phase = SMTP_PHASE_GREETING },
};

static void
test_other_ways(void **state)
{
	static struct row_world w;
	struct got g;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(other_ways); i++) {
		row_open(&w, &other_ways[i]);
		ask(&w, 1, &g, 50);
		row_close(&w);
		if (g.r.code != REACH_OK || g.counted != 0 ||
		    g.not_counted == 0 || g.phase != other_ways[i].phase)
			fail_msg("%s: %s, %u counted, %u not, last in %s",
			    other_ways[i].name, reach_code_name(g.r.code),
			    g.counted, g.not_counted, smtp_phase_name(g.phase));
	}
}

/* The silence of an address is no silence of the next one. */
static void
test_next_address(void **state)
{
	static const struct reach_limits limits = { .short_connect_ms = 1000,
		.short_reply_ms = 1000,
		.total_ms = 15000 };
	static const struct row row = { "mute, then a little late",
		.site = { { .kind = SITE_SMTP, .mute = true },
		    { .kind = SITE_SMTP, .greet_ms = 600 } } };
	static struct row_world w;
	struct got g;

	(void)state;
	row_open(&w, &row);
	w.env.limits = &limits;
	/* It looks at 750, slow, and at 1500: 500 ms at the second one. */
	ask(&w, 1, &g, 750);
	row_close(&w);
	assert_int_equal(g.r.code, REACH_OK);
	assert_int_equal(g.slow, 1);
	assert_int_equal(g.counted, 0);
}

static const struct {
	enum conf_depth depth;
	enum site_tls tls;
	bool mute_ehlo;
	bool require;
	enum reach_code code;
	enum smtp_phase phase;
} depths[] = {
	{ DEPTH_CONNECT, TLS_ABSENT, true, false, REACH_OK, SMTP_PHASE_NONE },
	{ DEPTH_BANNER, TLS_ABSENT, true, false, REACH_OK, SMTP_PHASE_NONE },
	{ DEPTH_EHLO, TLS_MUTE, false, false, REACH_OK, SMTP_PHASE_NONE },
	{ DEPTH_EHLO, TLS_ABSENT, true, false, REACH_TIMEOUT, SMTP_PHASE_EHLO },
	{ DEPTH_STARTTLS, TLS_UNKNOWN, false, false, REACH_OK,
	    SMTP_PHASE_NONE },
	/* As the delivery: in clear where that is allowed ... */
	{ DEPTH_STARTTLS, TLS_ABSENT, false, false, REACH_OK, SMTP_PHASE_NONE },
	{ DEPTH_STARTTLS, TLS_CLOSES, false, false, REACH_OK, SMTP_PHASE_NONE },
	/* ... and never where it is not, whatever the depth. */
	{ DEPTH_STARTTLS, TLS_ABSENT, false, true, REACH_TLS_FAIL,
	    SMTP_PHASE_STARTTLS },
	{ DEPTH_EHLO, TLS_ABSENT, false, true, REACH_TLS_FAIL,
	    SMTP_PHASE_STARTTLS },
	{ DEPTH_CONNECT, TLS_EXPIRED, false, true, REACH_TLS_FAIL,
	    SMTP_PHASE_STARTTLS },
	{ DEPTH_CONNECT, TLS_GOOD, false, true, REACH_OK, SMTP_PHASE_NONE },
};

static void
test_depths(void **state)
{
	static struct row_world w;
	struct got g;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(depths); i++) {
		const struct row row = { "depth",
			.site = { { .kind = SITE_SMTP,
			    .tls = depths[i].tls,
			    .mute_ehlo = depths[i].mute_ehlo } } };
		const struct probe_target t = { .host = &w.host,
			.helo = "us.test",
			.sender = "",
			.depth = depths[i].depth,
			.tls =
			    depths[i].require ? CONF_TLS_REQUIRE : CONF_TLS_MAY,
			.connect_ms = 1000,
			.timeout_ms = 10000,
			.interval_ms = 10000 };

		row_open(&w, &row);
		g = (struct got){ .done = false };
		run = probe_smtp_start(&w.env, &t, &ops, &g);
		row_wait(&w, &g.done);
		row_close(&w);
		if (g.r.code != depths[i].code || g.r.phase != depths[i].phase)
			fail_msg("%zu: %s in %s", i, reach_code_name(g.r.code),
			    smtp_phase_name(g.r.phase));
	}
}

/* In whatever step it is cut off. */
static void
test_cancel(void **state)
{
	static const struct row row = { "cancel",
		.site = { { .kind = SITE_SMTP } } };
	static struct row_world w;
	static bool never;
	struct got g = { .done = false };
	const struct probe_target t = { .host = &w.host,
		.helo = "us.test",
		.sender = "",
		.connect_ms = 1000,
		.timeout_ms = 10000,
		.interval_ms = 10000 };

	(void)state;
	row_open(&w, &row);
	run = probe_smtp_start(&w.env, &t, &ops, &g);
	probe_smtp_cancel(&run);
	assert_null(run);
	probe_smtp_cancel(&run);
	never = true;
	row_wait(&w, &never);
	assert_false(g.done);
	row_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_unwanted),
		cmocka_unit_test(test_tls_only),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_other_ways),
		cmocka_unit_test(test_next_address),
		cmocka_unit_test(test_depths),
		cmocka_unit_test(test_cancel),
	};
	int rc;

	rows_begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rows_end();
	return rc;
}
