/* SPDX-License-Identifier: ISC
 * Alerts where several nodes share a queue: the rules of the cluster, who tells of
 * what, and that whoever loses a domain falls silent about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/identity.h"
#include "alerts/voice.h"
#include "base/mem.h"

#include "tests/unit/alert_world.h"

#define PAGER                                                                  \
	"receiver \"ops\" { type = webhook url = {\"https://h.test/\"} "       \
	"group_wait = 0s group_interval = 1s }\n"

static struct snap_node nodes[2] = {
	{ .name = "mx2", .state_name = "live", .us = true, .up = true },
	{ .name = "mx3", .state_name = "live", .up = true },
};

/* Two nodes, and this one, mx2, has all domains. The caller gives the nodes of the
 * snapshot back before it is freed. */
static void
begin(struct world *w, const char *more)
{
	struct snap_cluster *c;

	world_init(w, more);
	c = &w->s->cluster;
	c->on = c->speaks = c->synchronous = true;
	(void)strlcpy(c->node, "mx2", sizeof(c->node));
	nodes[1].up = true;
	nodes[1].missing = nodes[1].differs = false;
	nodes[1].state_name = "live";
	memcpy(snapshot_nodes(w->s, 2), nodes, sizeof(nodes));
	c->live = 2;
	c->domains = c->ours = 1;
	w->d->shared = true;
	w->d->owner = "mx2";
	snapshot_servers(w->s, 1);
	w->s->server[0] = snap_server_create();
	(void)strlcpy(w->s->server[0]->label, w->p->label,
	    sizeof(w->s->server[0]->label));
	w->s->server[0]->host.owners = 1;
}

/* The domain is another node's, or ours again. */
static void
give(struct snap_domain *d, const char *owner)
{
	d->owner = owner;
	d->ours = strcmp(owner, "mx2") == 0;
}

static struct outbox_entry *
entry(struct world *w)
{
	return RB_MIN(outbox_tree, &w->l.outbox.tree);
}

/* What is due is sent, and taken. */
static unsigned
send_all(struct world *w)
{
	struct outbox_entry *e;
	unsigned n = 0;

	while ((e = outbox_next(&w->l.outbox, "ops", w->now)) != NULL) {
		e->attempted = true;
		outbox_sending(&w->l.outbox, e);
		outbox_done(&w->l.outbox, e, CARRY_SENT, w->now);
		n++;
	}
	return n;
}

static void
engine(void **st)
{
	struct world w;

	(void)st;
	begin(&w, "");
	w.s->cluster.away_ms = w.now;
	w.s->cluster.local_messages = 3;
	w.s->cluster.local_oldest_ms = w.now;
	w.s->cluster.unowned = w.s->cluster.missing = 1; /* who knows */
	w.s->cluster.synchronous = false;
	pass(&w, 50 * SEC);
	is(&w, cluster_engine_away, "inactive");
	pass(&w, 20 * SEC);
	is(&w, cluster_engine_away, "warning");
	assert_string_equal(summary(&w, ALERT_cluster_engine_away),
	    "for 1m10s; mail is in the spool of the node that accepted it, 3 "
	    "messages here");
	pass(&w, 8 * MIN);
	is(&w, cluster_local_mail, "inactive");
	pass(&w, MIN);
	is(&w, cluster_local_mail, "warning");
	assert_string_equal(summary(&w, ALERT_cluster_local_mail),
	    "3 messages only in the spool of mx2, the oldest for 10m10s");
	is(&w, cluster_engine_away, "critical");
	is(&w, cluster_node_missing, "inactive");
	is(&w, cluster_unit_without_owner, "inactive");
	is(&w, cluster_not_synchronous, "inactive");
	/* It is back, and the mail has not moved yet. */
	w.s->cluster.away_ms = 0;
	w.s->cluster.unowned = w.s->cluster.missing = 0;
	w.s->cluster.synchronous = true;
	pass(&w, 2 * MIN);
	is(&w, cluster_engine_away, "resolved");
	is(&w, cluster_local_mail, "warning");
	w.s->cluster.local_messages = 0;
	w.s->cluster.local_oldest_ms = 0;
	pass(&w, 10 * SEC);
	is(&w, cluster_local_mail, "resolved");
	world_fini(&w);
}

static void
others(void **st)
{
	struct world w;
	struct snap_cluster *c;

	(void)st;
	begin(&w, "");
	c = &w.s->cluster;
	c->node_list[1].up = false;
	c->node_list[1].missing = true;
	c->node_list[1].state_name = "dead";
	c->missing = c->unowned = c->live = 1;
	c->synchronous = false;
	pass(&w, 70 * SEC);
	is(&w, cluster_node_missing, "critical");
	assert_string_equal(summary(&w, ALERT_cluster_node_missing),
	    "mx3 (dead); 1 is left");
	is(&w, cluster_not_synchronous, "warning");
	is(&w, cluster_unit_without_owner, "pending");
	c->requires_sync = true;
	pass(&w, MIN);
	is(&w, cluster_not_synchronous, "critical");
	is(&w, cluster_unit_without_owner, "critical");
	assert_string_equal(summary(&w, ALERT_cluster_unit_without_owner),
	    "no node has the mail of 1 domain: it waits");
	/* It is back with an old file. */
	c->node_list[1].up = c->node_list[1].differs = true;
	c->node_list[1].missing = false;
	c->node_list[1].state_name = "live";
	c->missing = c->unowned = 0;
	c->synchronous = true;
	c->live = 2;
	c->differing = 1;
	pass(&w, 11 * MIN);
	is(&w, cluster_node_missing, "resolved");
	is(&w, cluster_unit_without_owner, "resolved");
	is(&w, cluster_not_synchronous, "resolved");
	is(&w, cluster_configurations_differ, "warning");
	assert_string_equal(summary(&w, ALERT_cluster_configurations_differ),
	    "mx3 (live): not that of mx2");
	/* Another node is to tell. */
	c->speaks = false;
	pass(&w, 10 * SEC);
	is(&w, cluster_configurations_differ, "inactive");
	world_fini(&w);
}

/* The owner tells of its mail, of the primary one of those who send there, and each
 * of what is its own. */
static void
who_tells(void **st)
{
	struct world w;
	struct snap_host *h;

	(void)st;
	begin(&w, "");
	h = &w.s->server[0]->host;
	assert_true(voice_tells(w.s, ALERT_queue_age, w.d));
	assert_true(voice_tells(w.s, ALERT_primary_down, w.d));
	give(w.d, "mx3");
	assert_false(voice_tells(w.s, ALERT_queue_age, w.d));
	assert_false(voice_tells(w.s, ALERT_primary_down, w.d));
	assert_true(voice_tells(w.s, ALERT_recipients_stale, w.d));
	assert_true(voice_tells(w.s, ALERT_probe_stale, w.d));
	/* Domains of that primary are ours, too, and we speak for it. */
	h->owners = 2;
	assert_true(voice_tells(w.s, ALERT_primary_down, w.d));
	assert_false(voice_tells(w.s, ALERT_queue_age, w.d));
	give(w.d, "mx2");
	h->told_by_another = true;
	assert_false(voice_tells(w.s, ALERT_primary_down, w.d));
	assert_true(voice_tells(w.s, ALERT_queue_age, w.d));
	/* Nobody has the mail: somebody has to say that the primary is down. */
	h->owners = 0;
	give(w.d, "");
	assert_false(voice_tells(w.s, ALERT_primary_down, w.d));
	h->told_by_another = false;
	assert_true(voice_tells(w.s, ALERT_primary_down, w.d));
	/* Each says what it sees. */
	give(w.d, "mx3");
	h->owners = 1;
	h->told_by_another = true;
	w.s->cluster.away_ms = w.now;
	assert_true(voice_tells(w.s, ALERT_primary_down, w.d));
	assert_false(voice_tells(w.s, ALERT_queue_age, w.d));
	w.s->cluster.speaks = false;
	assert_false(voice_tells(w.s, ALERT_cluster_node_missing, NULL));
	assert_true(voice_tells(w.s, ALERT_cluster_engine_away, NULL));
	assert_true(voice_tells(w.s, ALERT_spool_low, NULL));
	w.s->cluster.on = false;
	assert_true(voice_tells(w.s, ALERT_queue_age, w.d));
	world_fini(&w);
}

/* Who loses the domain says no more, not even an end; who gets it goes on under the
 * same key. */
static void
falls_silent(void **st)
{
	struct world w;

	(void)st;
	begin(&w, PAGER);
	(void)strlcpy(w.l.instance, "cluster/mx2", sizeof(w.l.instance));
	(void)strlcpy(w.l.shared_instance, "cluster",
	    sizeof(w.l.shared_instance));
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	is(&w, primary_down, "warning");
	assert_int_equal(send_all(&w), 1);
	assert_string_equal(entry(&w)->host, "cluster");
	give(w.d, "mx3");
	pass(&w, 10 * SEC);
	is(&w, primary_down, "inactive");
	assert_null(entry(&w));
	incidents_told(&w.l.incidents, "alert/mx2/primary_down/192.0.2.1", NULL,
	    0); /* that one goes on with it */
	set_state(&w, HEALTH_UP);
	pass(&w, HR);
	assert_int_equal(send_all(&w), 0);
	/* It comes to us, as it is. */
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	is(&w, primary_down, "inactive");
	give(w.d, "mx2");
	pass(&w, 10 * SEC);
	is(&w, primary_down, "warning");
	assert_int_equal(send_all(&w), 1);
	set_state(&w, HEALTH_UP);
	pass(&w, 20 * MIN);
	is(&w, primary_down, "resolved");
	assert_int_equal(entry(&w)->phase, OUTBOX_RESOLVE);
	/* An end that is on its way is told, whoever has the domain. */
	give(w.d, "mx3");
	pass(&w, 10 * SEC);
	assert_int_equal(send_all(&w), 1);
	assert_null(entry(&w));
	world_fini(&w);
}

/* Of two domains of a primary one goes: the rest of the group goes on, and ends. */
static void
one_of_two_goes(void **st)
{
	struct world w;
	struct snap_domain *b;

	(void)st;
	begin(&w,
	    "domain \"b.test\" { primary = {\"192.0.2.1\"} }\n" PAGER
	    "alert \"probe_stale\" { enabled = no }\n"
	    "alert \"queue_depth\" { warn = 1 crit = off for = 0s clear = 0s "
	    "}\n");
	b = snapshot_add(w.s, "b.test", 1);
	b->primary[0] = w.d->primary[0];
	b->state = HEALTH_UP;
	b->lifetime = 30 * 86400;
	b->shared = true;
	give(b, "mx2");
	w.d->deferred = b->deferred = 5;
	pass(&w, 10 * SEC);
	assert_int_equal(send_all(&w), 1);
	assert_int_equal(entry(&w)->note.total, 2);
	give(w.d, "mx3");
	pass(&w, 10 * SEC);
	assert_int_equal(entry(&w)->phase, OUTBOX_TOLD);
	assert_int_equal(entry(&w)->note.total, 1);
	b->deferred = 0;
	pass(&w, 10 * SEC);
	assert_int_equal(entry(&w)->phase, OUTBOX_RESOLVE);
	/* It did not end, so it is not said to have. */
	assert_int_equal(entry(&w)->note.n, 1);
	assert_string_equal(entry(&w)->note.member[0].domain, "b.test");
	world_fini(&w);
}

/* What the other nodes see stands beside the reason. */
static void
verdicts_are_told(void **st)
{
	static const struct snap_verdict said[] = {
		{ .node = "mx2", .state_name = "down", .cause = "" },
		{ .node = "mx3", .state_name = "up", .cause = "" },
		{ .node = "mx4", .state_name = "down", .cause = "" },
	};
	struct world w;

	(void)st;
	begin(&w, "");
	w.d->verdict = said;
	w.d->nverdicts = MX_COUNT(said);
	w.d->cause = "connect: refused";
	set_state(&w, HEALTH_DOWN);
	pass(&w, 2 * MIN);
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "connect: refused; no mail is waiting; mx3 sees it up, mx4 down");
	give(w.d, "mx3");
	w.s->server[0]->host.owners = 2;
	pass(&w, 10 * SEC);
	assert_string_equal(summary(&w, ALERT_primary_down),
	    "connect: refused; its mail is at mx3; mx3 sees it up, mx4 down");
	world_fini(&w);
}

/* Two nodes have the same key for what they share, and others for what is theirs. */
static void
names(void **st)
{
	char host[] = "mx2.test", engine_text[] = "host=pg", node[] = "mx2";
	char name[IDENTITY_MAX], shared[IDENTITY_MAX], instance[] = "fra";
	struct config c = { .hostname = host };

	(void)st;
	identity_name(&c, "mx2", name);
	identity_shared(&c, name, shared);
	assert_string_equal(shared, "mx2.test");
	c.cluster.engine = engine_text;
	c.cluster.node = node;
	identity_name(&c, "mx2", name);
	identity_shared(&c, name, shared);
	assert_string_equal(name, "cluster/mx2");
	assert_string_equal(shared, "cluster");
	c.alerts.instance = instance;
	identity_name(&c, "mx2", name);
	identity_shared(&c, name, shared);
	assert_string_equal(name, "fra/mx2");
	assert_string_equal(shared, "fra");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine),
		cmocka_unit_test(others),
		cmocka_unit_test(who_tells),
		cmocka_unit_test(falls_silent),
		cmocka_unit_test(one_of_two_goes),
		cmocka_unit_test(verdicts_are_told),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
