/* SPDX-License-Identifier: ISC
 * test_alert_maintenance: who is told what while a domain or a primary is in a
 * maintenance window, and when it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/alert_world.h"

/* Told at once, so that the outbox has what is told. */
#define RECEIVER                                                               \
	"receiver \"r\" { type = \"webhook\" "                                 \
	"url = {\"http://127.0.0.1/\"} group_wait = 0s }\n"

static void
flap(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		set_state(w, HEALTH_DOWN);
		pass(w, 30 * SEC); /* too short for primary_down */
		set_state(w, HEALTH_UP);
		pass(w, 2 * MIN);
	}
}

static enum alert_severity
severity(struct world *w, enum alert_kind kind)
{
	struct instance *i = instance_find(&w->l.instances, kind, "a.test");

	return i != NULL && i->state == INSTANCE_FIRING ? i->severity :
							  ALERT_SEV_NONE;
}

#define fires(w, kind, want)                                                   \
	assert_int_equal(severity(w, ALERT_##kind), ALERT_SEV_##want)

static bool
is_silent(struct world *w, enum alert_kind kind)
{
	struct instance *i = instance_find(&w->l.instances, kind, "a.test");

	assert_non_null(i);
	return memory_silenced(&w->l, i, w->now);
}

/* Within: everything is seen as ever and nobody is told, but that mail gets too
 * old. After: what is still wrong, since it began. */
static void
only_expiry_is_told(void **st)
{
	struct world w;
	int64_t began;

	(void)st;
	world_init(&w, RECEIVER);
	w.d->maintenance.active = true;
	w.d->deferred = 20000;
	pass(&w, MIN);
	set_state(&w, HEALTH_DOWN);
	began = w.now;
	set_oldest(&w, 16 * DAY);
	pass(&w, 10 * MIN);
	fires(&w, primary_down, WARNING);
	fires(&w, queue_depth, WARNING);
	fires(&w, queue_age, WARNING);
	assert_true(is_silent(&w, ALERT_primary_down));
	assert_true(is_silent(&w, ALERT_queue_depth));
	assert_true(is_silent(&w, ALERT_queue_age));
	assert_null(outbox_next(&w.l.outbox, "r", w.now));
	set_oldest(&w, 29 * DAY + HR);
	w.d->count.expired = 1;
	pass(&w, 10 * MIN);
	fires(&w, queue_age, CRITICAL);
	assert_false(is_silent(&w, ALERT_queue_age));
	assert_false(is_silent(&w, ALERT_queue_expiry));
	assert_false(is_silent(&w, ALERT_mail_expired));
	assert_true(is_silent(&w, ALERT_primary_down));
	assert_non_null(outbox_next(&w.l.outbox, "r", w.now));
	w.d->maintenance.active = false;
	pass(&w, 10 * SEC);
	assert_false(is_silent(&w, ALERT_primary_down));
	assert_int_equal(
	    instance_find(&w.l.instances, ALERT_primary_down, "a.test")
		->since_ms,
	    began);
	world_fini(&w);
}

/* Who goes down because he is worked on does not flap. */
static void
it_is_no_flapping(void **st)
{
	struct world w;

	(void)st;
	world_init(&w, RECEIVER);
	pass(&w, MIN);
	w.d->maintenance.active = true;
	flap(&w);
	fires(&w, primary_flapping, NONE);
	w.d->maintenance.active = false;
	pass(&w, 10 * MIN);
	fires(&w, primary_flapping, NONE);
	flap(&w);
	fires(&w, primary_flapping, WARNING);
	world_fini(&w);
}

/* What is a fact of one primary is silent with that primary. */
static void
facts_of_a_primary(void **st)
{
	struct snap_server *v = snap_server_create();
	struct world w;

	(void)st;
	world_init(&w, RECEIVER);
	(void)strlcpy(v->label, "192.0.2.1", sizeof(v->label));
	v->host.maintenance_until = (T0 + DAY) / 1000;
	snapshot_servers(w.s, 1);
	w.s->server[0] = v;
	w.p->tls_fallback_since = (T0 - HR) / 1000;
	set_state(&w,
	    HEALTH_DOWN); /* there is another one, it is not of that */
	pass(&w, 10 * MIN);
	fires(&w, tls_fallback, WARNING);
	assert_true(is_silent(&w, ALERT_tls_fallback));
	assert_false(is_silent(&w, ALERT_primary_down));
	v->host.maintenance_until = 0;
	assert_false(is_silent(&w, ALERT_tls_fallback));
	world_fini(&w);
}

/* After a start the blocks of many domains come one after the other: what was silent
 * before is not told because its domain is not there yet. */
static void
nobody_knows_yet(void **st)
{
	const char *name = "a.test";
	struct snap_domain *block;
	struct world w;

	(void)st;
	world_init(&w, RECEIVER);
	w.d->maintenance.active = true;
	set_state(&w, HEALTH_DOWN);
	pass(&w, 10 * MIN);
	fires(&w, primary_down, WARNING);
	block = snap_domain_ref(w.d);
	snap_list_drop(&w.s->domains, &name, 1);
	pass(&w, MIN);
	assert_true(is_silent(&w, ALERT_primary_down));
	assert_null(outbox_next(&w.l.outbox, "r", w.now));
	block->maintenance.active = false;
	snap_list_merge(&w.s->domains, &block, 1);
	pass(&w, MIN);
	fires(&w, primary_down, WARNING);
	assert_non_null(outbox_next(&w.l.outbox, "r", w.now));
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_expiry_is_told),
		cmocka_unit_test(it_is_no_flapping),
		cmocka_unit_test(facts_of_a_primary),
		cmocka_unit_test(nobody_knows_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
