/* SPDX-License-Identifier: ISC
 * The table of reach_rows.h through the delivery: what the probe says of a
 * server (test_reach) and what the delivery meets there are the same. The rest
 * of the daemon is fake_delivery.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "fake_delivery.h"
#include "reach_rows.h"
#include "relay/deliver/deliver_int.h"

struct met {
	bool done;
	struct row_outcome *o;
	struct deliver *deliver;
};

/* The connection over which the message was taken. */
static const struct deliver_session *
session_of(struct deliver *dl)
{
	struct site *st = RB_ROOT(&dl->sites);

	return TAILQ_FIRST(&RB_ROOT(&st->lanes)->sessions);
}

static void
on_outcome(void *arg, const char *domain, const struct deliver_outcome *o)
{
	struct met *m = arg;
	const struct deliver_session *s;

	(void)domain;
	if (m->done)
		return;
	m->done = true;
	*m->o = (struct row_outcome){ .ok = o->ok,
		.phase = o->phase,
		.code = o->code };
	if (!o->ok)
		return;
	s = session_of(m->deliver);
	m->o->in_tls = conn_tls_info(s->conn) != NULL;
	m->o->addr = s->addr;
}

static void
on_want(void *arg, const char *domain, unsigned n)
{
	deliver_want(arg, domain, n);
}

static void
run_delivery(struct row_world *to, struct row_outcome *o)
{
	static const char text[] = "Subject: x\r\n\r\nbody\r\n";
	static const struct route_self self;
	struct met m = { .o = o };
	const struct deliver_ops ops = { .outcome = on_outcome, .arg = &m };
	struct stats *stats = stats_create();
	struct bounce *bounce;

	fake_begin(to->loop);
	fake.route.n = 1;
	fake.route.host[0] = to->host;
	fake.domain.deliver.tls = to->policy.tls;
	fake.domain.primary_may_be_backup = to->policy.may_be_backup;
	fake.domain.deliver.connect_ms = to->policy.connect_ms;
	fake.domain.retry.first_ms = to->policy.clear_after_ms;
	bounce = bounce_create(to->loop, NULL, stats);
	bounce_configure(bounce, &fake.conf);
	m.deliver = deliver_create(to->loop, NULL, NULL, NULL, bounce, stats,
	    &to->env, &ops);
	deliver_configure(m.deliver, &fake.conf, &self);
	fake.want = on_want;
	fake.want_arg = m.deliver;
	fake_add("s@sender.example", "postmaster@example.org", text,
	    strlen(text));
	fake_want();
	row_wait(to, &m.done);
	fake.want = NULL;
	deliver_destroy(&m.deliver);
	bounce_destroy(&bounce);
	assert_true(fake_balanced());
	fake_end();
	stats_destroy(&stats);
}

static void
test_rows_delivery(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nrows; i++)
		row_check(&rows[i], run_delivery);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_delivery),
	};
	int rc;

	log_level_set(LOG_LEVEL_ERROR);
	rows_begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rows_end();
	return rc;
}
