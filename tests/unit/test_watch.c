/* SPDX-License-Identifier: ISC
 * What deliveries teach the watch of a domain's primary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/watch.h"

#define A "a.example"

static unsigned changes;

static void
on_primary(void *arg, const char *domain, const struct snap_primary *p)
{
	(void)arg;
	(void)domain;
	(void)p;
}

static void
on_change(void *arg, const struct watch_change *c)
{
	(void)arg;
	(void)c;
	changes++;
}

static unsigned selves;

static void
on_self(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
	selves++;
}

static struct watch_set *
watch_make(void)
{
	const struct watch_ops ops = { .change = on_change,
		.primary = on_primary,
		.self_mx = on_self };
	struct conf_domain domain = { .name = A };
	struct config conf = { .domain = &domain, .ndomains = 1 };
	struct watch_set *ws = watch_create(&ops);

	domain.probe.enabled = true;
	domain.probe.fall = 3;
	domain.probe.rise = 2;
	changes = 0;
	watch_configure(ws, &conf, 0);
	return ws;
}

static void
rounds(struct watch_set *ws, enum reach_code code, unsigned n)
{
	struct route route = { .status = ROUTE_OK, .n = 1 };
	struct probe_result result = { .code = code };
	struct probe_round r = { .domain = A,
		.code = code,
		.route = &route,
		.nresults = 1,
		.result = &result };

	while (n-- > 0)
		watch_round(ws, &r, 0);
}

static void
outcome(struct watch_set *ws, bool ok)
{
	const struct deliver_outcome o = { .ok = ok, .host = "", .text = "" };

	watch_outcome(ws, A, &o, 0);
}

/* A primary that takes mail by the hundred and refuses a connection now and
 * then is recovering well. */
static void
refusals_between_messages_are_no_streak(void **state)
{
	struct watch_set *ws = watch_make();

	(void)state;
	rounds(ws, REACH_CONN_REFUSED, 3);
	assert_int_equal(watch_state(ws, A), HEALTH_DOWN);
	outcome(ws, true);
	assert_int_equal(watch_state(ws, A), HEALTH_DOWN);
	rounds(ws, REACH_OK, 2);
	assert_int_equal(watch_state(ws, A), HEALTH_RECOVERING);
	for (int i = 0; i < 5; i++) {
		outcome(ws, false);
		outcome(ws, true);
	}
	assert_int_equal(watch_state(ws, A), HEALTH_RECOVERING);
	for (int i = 0; i < 3; i++)
		outcome(ws, false);
	assert_int_equal(watch_state(ws, A), HEALTH_DOWN);
	watch_destroy(&ws);
}

static void
delivery_ends_a_suspicion(void **state)
{
	struct watch_set *ws = watch_make();

	(void)state;
	rounds(ws, REACH_OK, 2);
	outcome(ws, false);
	assert_int_equal(watch_state(ws, A), HEALTH_SUSPECT);
	rounds(ws, REACH_DNS_FAIL, 5);
	assert_int_equal(watch_state(ws, A), HEALTH_SUSPECT);
	outcome(ws, true);
	assert_int_equal(watch_state(ws, A), HEALTH_UP);
	assert_int_equal(changes, 3);
	watch_destroy(&ws);
}

/* That our own MX is the best says nothing of a primary, and is said once. */
static void
our_own_mx_is_no_failure(void **state)
{
	const struct deliver_outcome self = { .self = true,
		.host = "",
		.text = "self" };
	struct watch_set *ws = watch_make();
	struct snap_primary p[ROUTE_HOST_MAX];
	struct snap_domain d = { 0 };

	(void)state;
	selves = 0;
	rounds(ws, REACH_OK, 2);
	watch_outcome(ws, A, &self, 0);
	assert_int_equal(watch_state(ws, A), HEALTH_UNKNOWN);
	for (int i = 0; i < 5; i++)
		watch_round(ws,
		    &(struct probe_round){ .domain = A, .code = REACH_SELF },
		    0);
	assert_int_equal(watch_state(ws, A), HEALTH_UNKNOWN);
	assert_int_equal(selves, 1);
	watch_snapshot(ws, A, &d, p);
	assert_true(d.self_mx_since != 0);
	assert_non_null(strstr(d.cause, "best MX"));
	rounds(ws, REACH_OK, 2);
	assert_int_equal(watch_state(ws, A), HEALTH_UP);
	watch_snapshot(ws, A, &d, p);
	assert_int_equal(d.self_mx_since, 0);
	watch_destroy(&ws);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_between_messages_are_no_streak),
		cmocka_unit_test(delivery_ends_a_suspicion),
		cmocka_unit_test(our_own_mx_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
