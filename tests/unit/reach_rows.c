/* SPDX-License-Identifier: ISC
 * reach_rows: the table, and the run of one row. */
#include "tests/unit/reach_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/reach_site.h"

#define CONNECT_MS     700
#define CLEAR_AFTER_MS 2000

/* Far enough apart for a busy machine to tell them from each other. */
/* Too late for an address that is not the last, however late our own loop was:
 * a time-out takes that off, up to itself (conn_timeout()). For the last one in
 * time. */
#define LATE_MS 1000

const struct reach_limits row_limits = { .short_connect_ms = 300,
	.short_reply_ms = 400,
	.tls_silence_ms = 400,
	.total_ms = 15000,
	.reply_ms = 2000 };

static void
tls_worked(struct address *a, struct address *b MX_UNUSED, int64_t now)
{
	address_tls_ok(a, now - CLOCK_SEC);
}

static void
tls_fails_since_long(struct address *a, struct address *b MX_UNUSED,
    int64_t now)
{
	address_tls_ok(a, now - 4 * CLOCK_SEC);
	address_tls_failed(a, false, now - 3 * CLOCK_SEC);
}

static void
tls_failed_twice(struct address *a, struct address *b MX_UNUSED, int64_t now)
{
	address_tls_failed(a, false, now - 2);
	address_tls_failed(a, false, now - 1);
}

static void
first_failed(struct address *a, struct address *b MX_UNUSED, int64_t now)
{
	address_failed(a, now - 1);
}

static void
both_failed(struct address *a, struct address *b, int64_t now)
{
	address_failed(a, now - 1);
	address_failed(b, now - 1);
}

static void
second_good(struct address *a MX_UNUSED, struct address *b, int64_t now)
{
	address_good(b, now - CLOCK_SEC);
}

#define SMTP .kind = SITE_SMTP
#define MAY  .tls = CONF_TLS_MAY
#define REQ  .tls = CONF_TLS_REQUIRE
#define NONE .tls = CONF_TLS_NONE
/* Ends well at site n, in clear or inside TLS; or fails in a phase. */
#define WELL(n)	    .ok = true, .at = (n)
#define IN_TLS(n)   .ok = true, .at = (n), .in_tls = true
#define FAILS(p, c) .phase = SMTP_PHASE_##p, .code = (c)
#define SEEN(...)   .conns = { __VA_ARGS__ }
#define SITES(...)  .site = { __VA_ARGS__ }
#define TLS(how)                                                               \
	{                                                                      \
		SMTP, .tls = TLS_##how                                         \
	}

const struct row rows[] = {
	/* addresses */
	{ "plain", SITES({ SMTP }), MAY, WELL(0), SEEN(1) },
	{ "nobody listens", SITES({ .kind = SITE_DEAD }), MAY,
	    FAILS(CONNECT, 0) },
	{ "black hole", SITES({ .kind = SITE_HOLE }), MAY, FAILS(CONNECT, 0) },
	{ "first dead", SITES({ .kind = SITE_DEAD }, { SMTP }), MAY, WELL(1) },
	{ "first a black hole", SITES({ .kind = SITE_HOLE }, { SMTP }), MAY,
	    WELL(1) },
	{ "v6 a black hole", SITES({ .kind = SITE_HOLE, true }, { SMTP }), MAY,
	    WELL(1) },
	{ "two black holes",
	    SITES({ .kind = SITE_HOLE }, { .kind = SITE_HOLE }), MAY,
	    FAILS(CONNECT, 0) },
	{ "two of three dead",
	    SITES({ .kind = SITE_HOLE }, { .kind = SITE_DEAD }, { SMTP }), MAY,
	    WELL(2) },
	{ "no route for v6", SITES({ .kind = SITE_AWAY, true }, { SMTP }), MAY,
	    WELL(1) },
	{ "no route for v6, v4 dead",
	    SITES({ .kind = SITE_AWAY, true }, { .kind = SITE_DEAD }), MAY,
	    FAILS(CONNECT, 0) },
	{ "no route for v6, v4 refuses",
	    SITES({ SMTP, .greeting = "554 no\r\n" },
		{ .kind = SITE_AWAY, true }),
	    MAY, FAILS(GREETING, 554) },
	{ "v6 alone", SITES({ SMTP, true }), MAY, WELL(0) },
	{ "the failed one comes last", SITES({ SMTP }, { SMTP }), MAY,
	    .delivery = true, .know = first_failed, WELL(1),
	    SEEN(ROW_NEVER, 1) },
	{ "the failed one, when nothing else is left",
	    SITES({ SMTP }, { .kind = SITE_DEAD }), MAY, .delivery = true,
	    .know = first_failed, WELL(0) },
	{ "all failed before", SITES({ SMTP }, { SMTP }), MAY,
	    .know = both_failed, WELL(0) },
	{ "the last good one comes first", SITES({ SMTP }, { SMTP }), MAY,
	    .know = second_good, WELL(1), SEEN(ROW_NEVER, 1) },

	/* greeting and EHLO */
	{ "late greeting", SITES({ SMTP, .greet_ms = LATE_MS }), MAY, WELL(0),
	    SEEN(1) },
	{ "late greeting, another address",
	    SITES({ SMTP, .greet_ms = LATE_MS }, { SMTP }), MAY, WELL(1) },
	{ "late greetings",
	    SITES({ SMTP, .greet_ms = LATE_MS }, { SMTP, .greet_ms = LATE_MS }),
	    MAY, WELL(1), SEEN(1, 1) },
	{ "late greeting, the other one dead",
	    SITES({ SMTP, .greet_ms = LATE_MS }, { .kind = SITE_DEAD }), MAY,
	    WELL(0), SEEN(2) },
	{ "no greeting", SITES({ SMTP, .mute = true }), MAY, FAILS(GREETING, 0),
	    SEEN(1) },
	{ "no greeting, another address",
	    SITES({ SMTP, .mute = true }, { SMTP }), MAY, WELL(1) },
	{ "closes at once", SITES({ SMTP, .shut = true }), MAY,
	    FAILS(GREETING, 0) },
	{ "closes at once, another address",
	    SITES({ SMTP, .shut = true }, { SMTP }), MAY, WELL(1) },
	{ "554 greeting", SITES({ SMTP, .greeting = "554 no\r\n" }), MAY,
	    FAILS(GREETING, 554), SEEN(1) },
	{ "421 greeting", SITES({ SMTP, .greeting = "421 4.3.2 busy\r\n" }),
	    MAY, FAILS(GREETING, 421), SEEN(1) },
	{ "554 greeting, another address",
	    SITES({ SMTP, .greeting = "554 no\r\n" }, { SMTP }), MAY, WELL(1) },
	{ "554 greeting says more than a dead address",
	    SITES({ SMTP, .greeting = "554 no\r\n" }, { .kind = SITE_DEAD }),
	    MAY, FAILS(GREETING, 554) },
	{ "no SMTP", SITES({ SMTP, .greeting = "SSH-2.0-x\r\n" }), MAY,
	    FAILS(GREETING, 0) },
	{ "no PTR for v4: v6, and no other v4",
	    SITES({ SMTP, .greeting = "550 5.7.25 no PTR record\r\n" },
		{ SMTP }, { SMTP, true }),
	    MAY, WELL(2), SEEN(1, ROW_NEVER, 1) },
	{ "no PTR for v4, blocked over v6",
	    SITES({ SMTP, .greeting = "450 4.7.25 reverse DNS\r\n" },
		{ SMTP, true, .greeting = "554 5.7.1 blocked\r\n" }),
	    MAY, FAILS(GREETING, 554), SEEN(1, 1) },
	{ "blocked at EHLO over v6, v4 is fine",
	    SITES({ SMTP, true, .ehlo = "550 5.7.1 Client host blocked\r\n",
		      .helo = "550 5.7.1 Client host blocked\r\n" },
		{ SMTP }),
	    MAY, WELL(1) },
	{ "EHLO refused, HELO is not",
	    SITES({ SMTP, .ehlo = "502 5.5.1 what?\r\n" }), MAY, WELL(0),
	    SEEN(1) },
	{ "both refused",
	    SITES({ SMTP, .ehlo = "502 what?\r\n", .helo = "550 no\r\n" }), MAY,
	    FAILS(EHLO, 550) },
	{ "EHLO put off", SITES({ SMTP, .ehlo = "421 later\r\n" }), MAY,
	    FAILS(EHLO, 421) },
	{ "silent at EHLO", SITES({ SMTP, .mute_ehlo = true }), MAY,
	    FAILS(EHLO, 0), SEEN(1) },
	{ "silent at EHLO, another address",
	    SITES({ SMTP, .mute_ehlo = true }, { SMTP }), MAY, WELL(1) },
	{ "a backup", SITES({ SMTP, .backup = true }), MAY, FAILS(EHLO, 0),
	    SEEN(1) },
	{ "a backup that may be one", SITES({ SMTP, .backup = true }), MAY,
	    .may_be_backup = true, WELL(0), SEEN(1) },
	{ "a backup, TLS is not begun",
	    SITES({ SMTP, .tls = TLS_MUTE, .backup = true }), MAY,
	    FAILS(EHLO, 0), SEEN(1) },
	{ "a backup inside TLS",
	    SITES({ SMTP, .tls = TLS_GOOD, .backup_inside = true }), MAY,
	    FAILS(EHLO, 0), SEEN(1) },
	{ "a backup, require",
	    SITES({ SMTP, .tls = TLS_OTHER_NAME, .backup = true }), REQ,
	    FAILS(EHLO, 0), SEEN(1) },
	{ "a backup without STARTTLS, require", SITES({ SMTP, .backup = true }),
	    REQ, FAILS(EHLO, 0), SEEN(1) },
	{ "a backup, another address",
	    SITES({ SMTP, .backup = true }, { SMTP }), MAY, WELL(1),
	    SEEN(1, 1) },
	{ "a backup, the other one dead",
	    SITES({ SMTP, .backup = true }, { .kind = SITE_DEAD }), MAY,
	    FAILS(EHLO, 0) },
	{ "a backup, the other one refuses",
	    SITES({ SMTP, .backup = true },
		{ SMTP, .mail = "550 no\r\n", .ehlo = "550 no\r\n",
		    .helo = "550 no\r\n" }),
	    MAY, FAILS(EHLO, 550) },
	{ "closes at EHLO", SITES({ SMTP, .shut_ehlo = true }), MAY,
	    FAILS(EHLO, 0), SEEN(1) },

	/* TLS where clear is allowed */
	{ "TLS", SITES(TLS(GOOD)), MAY, IN_TLS(0), SEEN(1) },
	{ "TLS for another name", SITES(TLS(OTHER_NAME)), MAY, IN_TLS(0),
	    SEEN(1) },
	{ "TLS, expired", SITES(TLS(EXPIRED)), MAY, IN_TLS(0), SEEN(1) },
	{ "TLS, unknown", SITES(TLS(UNKNOWN)), MAY, IN_TLS(0), SEEN(1) },
	{ "TLS, HELO inside", SITES(TLS(HELO)), MAY, IN_TLS(0), SEEN(1) },
	{ "alert behind the handshake", SITES(TLS(WANTS_CERT)), MAY, WELL(0),
	    SEEN(3) },
	{ "close behind the handshake", SITES(TLS(CLOSES)), MAY, WELL(0),
	    SEEN(3) },
	{ "silent handshake", SITES(TLS(MUTE)), MAY, WELL(0), SEEN(2) },
	{ "silent behind the handshake", SITES(TLS(MUTE_LATER)), MAY, WELL(0),
	    SEEN(2) },
	{ "silent at STARTTLS", SITES(TLS(NO_REPLY)), MAY, WELL(0), SEEN(2) },
	{ "close at STARTTLS", SITES(TLS(CLOSES_EARLY)), MAY, WELL(0),
	    SEEN(3) },
	{ "no TLS behind the 220", SITES(TLS(NOISE)), MAY, WELL(0), SEEN(3) },
	{ "clear text behind the 220", SITES(TLS(INJECTS)), MAY, WELL(0),
	    SEEN(3) },
	{ "STARTTLS refused", SITES(TLS(REFUSED)), MAY, WELL(0), SEEN(1) },
	{ "421 to STARTTLS", SITES(TLS(421)), MAY, WELL(0), SEEN(3) },
	{ "TLS is left out by configuration", SITES(TLS(MUTE)), NONE, WELL(0),
	    SEEN(1) },
	{ "it did TLS a moment ago", SITES(TLS(CLOSES)), MAY,
	    .know = tls_worked, FAILS(STARTTLS, 0), SEEN(2) },
	{ "it did TLS a moment ago, now it is mute", SITES(TLS(MUTE)), MAY,
	    .know = tls_worked, FAILS(STARTTLS, 0), SEEN(1) },
	{ "it did TLS a moment ago, another address",
	    SITES(TLS(CLOSES), TLS(GOOD)), MAY, .know = tls_worked, IN_TLS(1) },
	{ "it did TLS, and fails for long enough", SITES(TLS(CLOSES)), MAY,
	    .know = tls_fails_since_long, WELL(0), SEEN(2) },
	{ "it did TLS a moment ago, now it offers none", SITES({ SMTP }), MAY,
	    .know = tls_worked, WELL(0), SEEN(1) },
	{ "TLS is known to fail: a delivery does without", SITES(TLS(GOOD)),
	    MAY, .delivery = true, .know = tls_failed_twice, WELL(0), SEEN(1) },

	/* TLS where it is not */
	{ "require", SITES(TLS(GOOD)), REQ, IN_TLS(0), SEEN(1) },
	{ "require, another name", SITES(TLS(OTHER_NAME)), REQ,
	    FAILS(STARTTLS, 0), SEEN(1) },
	{ "require, expired", SITES(TLS(EXPIRED)), REQ, FAILS(STARTTLS, 0) },
	{ "require, unknown", SITES(TLS(UNKNOWN)), REQ, FAILS(STARTTLS, 0) },
	{ "require, not offered", SITES({ SMTP }), REQ, FAILS(STARTTLS, 0) },
	{ "require, refused", SITES(TLS(REFUSED)), REQ, FAILS(STARTTLS, 454) },
	{ "require, alert behind the handshake", SITES(TLS(WANTS_CERT)), REQ,
	    FAILS(STARTTLS, 0), SEEN(1) },
	{ "require, close behind the handshake", SITES(TLS(CLOSES)), REQ,
	    FAILS(STARTTLS, 0), SEEN(1) },
	{ "require, silent handshake", SITES(TLS(MUTE)), REQ,
	    FAILS(STARTTLS, 0), SEEN(1) },
	{ "require, HELO only", SITES({ SMTP, .ehlo = "502 what?\r\n" }), REQ,
	    FAILS(STARTTLS, 0) },
	{ "require, the first expired", SITES(TLS(EXPIRED), TLS(GOOD)), REQ,
	    IN_TLS(1) },
	{ "require, given as an address", SITES(TLS(UNKNOWN)), REQ,
	    .literal = true, IN_TLS(0) },
	{ "require, known to fail", SITES(TLS(CLOSES)), REQ,
	    .know = tls_failed_twice, FAILS(STARTTLS, 0), SEEN(1) },
};
const unsigned nrows = MX_COUNT(rows);

/* ---- one row */

struct waiting {
	struct row_world *w;
	const bool *done;
	int64_t end;
	struct loop_timer *timer;
};

static void
on_poll(void *arg)
{
	struct waiting *wt = arg;

	if (*wt->done || clock_now() > wt->end)
		loop_stop(wt->w->loop);
	else
		loop_timer_set(wt->timer, 2);
}

void
row_wait(struct row_world *w, const bool *done)
{
	struct waiting wt = { .w = w,
		.done = done,
		.end = clock_now() + 20 * CLOCK_SEC };

	wt.timer = loop_timer_create(w->loop, on_poll, &wt);
	loop_timer_set(wt.timer, 0);
	loop_run(w->loop);
	loop_timer_destroy(&wt.timer);
	if (!*done)
		fail_msg("%s: no end", w->row->name);
}

static void
host_fill(struct row_world *w)
{
	const struct row *row = w->row;
	struct route_host *h = &w->host;

	h->port = addr_port(&w->at[0].addr);
	h->dns = DNS_OK;
	for (unsigned i = 0; i < ROW_SITES && row->site[i].kind != SITE_NONE;
	     i++)
		h->addr[h->naddrs++] = w->at[i].addr;
	if (row->literal)
		(void)addr_text(&h->addr[0], h->name);
	else
		(void)strlcpy(h->name, "mx.test", sizeof(h->name));
	(void)route_label(h->name, h->port, h->label);
}

void
row_open(struct row_world *w, const struct row *row)
{
	struct mx_errbuf eb;

	memset(w, 0, sizeof(*w));
	w->row = row;
	w->loop = w->env.loop = loop_create();
	w->env.book = address_book_create(100);
	w->env.tls = tls_client_create(&eb);
	w->env.tls_strict = tls_client_strict_create(&eb);
	assert_true(w->env.tls != NULL && w->env.tls_strict != NULL);
	w->env.limits = &row_limits;
	sites_open(w);
	host_fill(w);
	w->policy = (struct reach_policy){ .helo = "us.test",
		.tls = row->tls,
		.may_be_backup = row->may_be_backup,
		.connect_ms = CONNECT_MS,
		.clear_after_ms = CLEAR_AFTER_MS,
		.depth = REACH_READY };
	if (row->know != NULL) {
		struct address a = { 0 }, b = { 0 };

		row->know(&a, &b, loop_now(w->loop));
		*address_book_get(w->env.book, &w->at[0].addr) = a;
		if (w->host.naddrs > 1)
			*address_book_get(w->env.book, &w->at[1].addr) = b;
	}
}

void
row_close(struct row_world *w)
{
	loop_destroy(&w->loop);
	sites_close(w);
	address_book_destroy(&w->env.book);
	tls_ctx_destroy(&w->env.tls);
	tls_ctx_destroy(&w->env.tls_strict);
}

static bool
same(const struct row_world *w, const struct row_outcome *o)
{
	const struct row *row = w->row;

	if (o->ok != row->ok)
		return false;
	if (!o->ok)
		return o->phase == row->phase && o->code == row->code;
	return o->in_tls == row->in_tls &&
	    (o->addr.len == 0 ||
		addr_equal_host(&o->addr, &w->at[row->at].addr));
}

void
row_check(const struct row *row, row_run *run)
{
	static struct row_world w;
	struct row_outcome o = { .ok = false };
	char addr[ADDR_TEXT_MAX] = "?";

	row_open(&w, row);
	for (unsigned i = 0; i < ROW_SITES; i++)
		if (row->site[i].kind == SITE_AWAY &&
		    address_route(&w.at[i].addr, NULL) != ADDRESS_NO_ROUTE) {
			print_message("%s: there is a route\n", row->name);
			row_close(&w);
			return;
		}
	run(&w, &o);
	if (!same(&w, &o)) {
		if (o.addr.len != 0)
			(void)addr_text(&o.addr, addr);
		fail_msg("%s: %s, phase %s, code %u, %s, at %s", row->name,
		    o.ok ? "works" : "fails", smtp_phase_name(o.phase), o.code,
		    o.in_tls ? "TLS" : "clear", addr);
	}
	row_close(&w);
	for (unsigned i = 0; i < ROW_SITES; i++) {
		unsigned want = row->conns[i], n = w.at[i].conns;

		if (want != 0 && n != (want == ROW_NEVER ? 0 : want))
			fail_msg("%s: site %u saw %u connections", row->name, i,
			    n);
	}
}
