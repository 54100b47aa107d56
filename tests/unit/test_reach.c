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
run_reach(struct row_world *w, struct row_outcome *o)
{
	struct got g = { .done = false };
	struct reach *r =
	    reach_start(&w->env, &w->host, &w->policy, on_reached, &g);

	assert_non_null(r);
	assert_false(g.done);
	row_wait(w, &g.done);
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
run_probe(struct row_world *w, struct row_outcome *o)
{
	static const struct probe_ops ops = { .done = on_done };
	static const struct probe_ask ask = { "a.test", "postmaster@a.test" };
	struct probing p = { .o = o };
	const struct probe_target t = { .host = &w->host,
		.helo = w->policy.helo,
		.sender = "",
		.depth = PROBE_DEPTH_RCPT,
		.tls = w->policy.tls,
		.connect_ms = w->policy.connect_ms,
		.clear_after_ms = w->policy.clear_after_ms,
		.timeout_ms = 10000,
		.interval_ms = 10000,
		.ask = &ask,
		.nasks = 1 };

	assert_non_null(probe_smtp_start(&w->env, &t, &ops, &p));
	row_wait(w, &p.done);
}

static void
test_rows_probe(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nrows; i++)
		if (!rows[i].delivery)
			row_check(&rows[i], run_probe);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_probe),
	};
	int rc;

	rows_begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rows_end();
	return rc;
}
