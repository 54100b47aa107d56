/* SPDX-License-Identifier: ISC
 * An incident passes from node to node: two memories in one virtual time, what they
 * share, and what a receiver of both is told. One of its keys is open from its first
 * trigger to the next resolve, whoever sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#include "tests/unit/alert_world.h"

#define PAGER                                                                  \
	"receiver \"ops\" { type = webhook url = {\"https://h.test/\"} "       \
	"group_wait = 0s group_interval = 1s }\n"                              \
	"alert \"probe_stale\" { enabled = no }\n"                             \
	"alert \"queue_depth\" { warn = 1 crit = off for = 0s clear = 1m }\n"
#define TWO_DOMAINS "domain \"b.test\" { primary = {\"192.0.2.1\"} }\n"

static const char *const names[2] = { "mx2", "mx3" };
static struct world node[2];
static struct snap_domain *second[2]; /* b.test; NULL: there is none */
static bool lives[2];
static unsigned triggers, resolves;
static bool open_; /* the receiver's incident */
/* What the nodes share: the last records, by their keys. */
static struct {
	char *key, *text;
} shared[8];

static void
begin(bool two)
{
	struct world *w;

	triggers = resolves = 0;
	open_ = false;
	for (unsigned i = 0; i < 2; i++) {
		w = &node[i];
		world_init(w, two ? TWO_DOMAINS PAGER : PAGER);
		(void)strlcpy(w->l.shared_instance, "cluster",
		    sizeof(w->l.shared_instance));
		w->s->cluster.on = w->s->cluster.synchronous = true;
		w->s->cluster.speaks = i == 0;
		(void)strlcpy(w->s->cluster.node, names[i],
		    sizeof(w->s->cluster.node));
		second[i] = two ? snapshot_add(w->s, "b.test", 1) : NULL;
		if (two) {
			second[i]->primary[0] = w->d->primary[0];
			second[i]->state = HEALTH_UP;
			second[i]->lifetime = 30 * 86400;
		}
		lives[i] = true;
	}
}

static void
end(void)
{
	for (unsigned i = 0; i < 2; i++)
		world_fini(&node[i]);
	for (unsigned k = 0; k < MX_COUNT(shared); k++) {
		mem_free(&shared[k].key);
		mem_free(&shared[k].text);
	}
}

/* That domain is this node's. */
static void
own(bool b, unsigned owner)
{
	struct snap_domain *d;

	for (unsigned i = 0; i < 2; i++) {
		d = b ? second[i] : node[i].d;
		d->shared = true;
		d->owner = names[owner];
		d->ours = i == owner;
	}
}

static unsigned
slot_of(const char *key)
{
	unsigned k;

	for (k = 0; k < MX_COUNT(shared) && shared[k].key != NULL; k++)
		if (strcmp(shared[k].key, key) == 0)
			return k;
	assert_true(k < MX_COUNT(shared));
	shared[k].key = mem_strdup(key);
	return k;
}

static unsigned
records(void)
{
	unsigned n = 0;

	for (unsigned k = 0; k < MX_COUNT(shared); k++)
		n += shared[k].text != NULL;
	return n;
}

static void
share(unsigned from)
{
	struct incident_changes *list = &node[from].l.incidents.changes;
	struct incident_change *c;
	unsigned k, to = 1 - from;

	while ((c = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		k = slot_of(c->key);
		mem_free(&shared[k].text);
		if (c->text != NULL)
			shared[k].text = mem_strdup(c->text);
		if (lives[to])
			incidents_told(&node[to].l.incidents, c->key, c->text,
			    c->text != NULL ? strlen(c->text) : 0);
		incident_change_free(&c);
	}
}

static void
send_all(unsigned i)
{
	struct outbox *ob = &node[i].l.outbox;
	struct outbox_entry *e;

	while ((e = outbox_next(ob, "ops", node[i].now)) != NULL) {
		assert_string_equal(e->host, "cluster");
		assert_string_equal(e->note.group, "192.0.2.1");
		open_ = e->phase == OUTBOX_TRIGGER;
		*(open_ ? &triggers : &resolves) += 1;
		e->attempted = true;
		outbox_sending(ob, e);
		outbox_done(ob, e, CARRY_SENT, node[i].now);
	}
}

/* Seconds, in which both look, share and send. */
static void
run(unsigned seconds)
{
	for (; seconds > 0; seconds--)
		for (unsigned i = 0; i < 2; i++) {
			if (!lives[i])
				continue;
			node[i].now += SEC;
			pass(&node[i], 0);
			share(i);
			send_all(i);
		}
}

/* The same, but what one did the other sees a second later. */
static void
run_apart(unsigned seconds)
{
	for (; seconds > 0; seconds--) {
		for (unsigned i = 0; i < 2; i++) {
			node[i].now += SEC;
			pass(&node[i], 0);
		}
		for (unsigned i = 0; i < 2; i++) {
			share(i);
			send_all(i);
		}
	}
}

/* The owner dies, and the mail is gone before the new one has seen it: what it told
 * is ended all the same. */
static void
a_dead_node_is_followed(void **st)
{
	struct instance *i;

	(void)st;
	begin(false);
	own(false, 0);
	node[0].d->deferred = 5;
	run(10);
	assert_int_equal(triggers, 1);
	assert_int_equal(records(), 1);
	first(&node[0], ALERT_queue_depth)->acked = ALERT_SEV_WARNING;
	run(2);
	lives[0] = false;
	own(false, 1);
	run(5);
	i = first(&node[1], ALERT_queue_depth);
	assert_non_null(i);
	assert_int_equal(i->state, INSTANCE_FIRING);
	assert_int_equal(i->acked, ALERT_SEV_WARNING);
	assert_int_equal(records(), 1); /* the new one's */
	run(90);
	assert_int_equal(resolves, 1);
	assert_false(open_);
	assert_int_equal(triggers, 1);
	run(5);
	assert_int_equal(records(), 0);
	end();
}

/* A domain moves while it is bad: one goes on with what the other began, and nobody
 * is told twice. */
static void
a_move_is_not_told(void **st)
{
	(void)st;
	begin(false);
	own(false, 0);
	node[0].d->deferred = node[1].d->deferred = 5;
	run(10);
	assert_int_equal(triggers, 1);
	own(false, 1);
	run(20);
	assert_null(RB_MIN(outbox_tree, &node[0].l.outbox.tree));
	assert_int_equal(triggers, 1);
	assert_int_equal(records(), 1);
	node[0].d->deferred = node[1].d->deferred = 0;
	run(90);
	assert_int_equal(resolves, 1);
	assert_int_equal(records(), 0);
	/* And back, in good order. */
	own(false, 0);
	run(90);
	assert_int_equal(triggers + resolves, 2);
	end();
}

/* It comes back before anybody took it. */
static void
a_move_is_taken_back(void **st)
{
	(void)st;
	begin(false);
	own(false, 0);
	node[0].d->deferred = 5;
	run(10);
	lives[1] = false;
	own(false, 1);
	run(10);
	assert_null(RB_MIN(instance_tree, &node[0].l.instances));
	assert_int_equal(records(), 1); /* it is left for who takes it */
	own(false, 0);
	node[0].d->deferred = 0;
	run(90);
	assert_int_equal(triggers, 1);
	assert_int_equal(resolves, 1);
	assert_int_equal(records(), 0);
	end();
}

/* Two nodes have domains of one primary, and so one key: the last one ends it. */
static void
the_last_one_ends_it(void **st)
{
	(void)st;
	begin(true);
	own(false, 0);
	own(true, 1);
	node[0].d->deferred = second[1]->deferred = 5;
	run(20);
	assert_true(triggers == 2 && open_);
	assert_int_equal(records(), 2);
	node[0].d->deferred = 0;
	run(120);
	assert_int_equal(resolves, 0);
	assert_int_equal(records(), 1);
	second[1]->deferred = 0;
	run(90);
	assert_int_equal(resolves, 1);
	assert_int_equal(records(), 0);
	assert_int_equal(triggers, 2);
	end();
}

/* At one moment: somebody ends it. */
static void
both_end_at_once(void **st)
{
	(void)st;
	begin(true);
	own(false, 0);
	own(true, 1);
	node[0].d->deferred = second[1]->deferred = 5;
	run(20);
	node[0].d->deferred = second[1]->deferred = 0;
	run_apart(120);
	assert_int_equal(resolves, 1);
	assert_false(open_);
	assert_int_equal(records(), 0);
	assert_null(RB_MIN(outbox_tree, &node[0].l.outbox.tree));
	assert_null(RB_MIN(outbox_tree, &node[1].l.outbox.tree));
	end();
}

/* Of two domains of a node one goes to the other, and ends there; the rest goes on
 * here. */
static void
half_a_group_moves(void **st)
{
	(void)st;
	begin(true);
	own(false, 0);
	own(true, 0);
	for (unsigned i = 0; i < 2; i++)
		node[i].d->deferred = second[i]->deferred = 5;
	run(20);
	assert_int_equal(triggers, 1);
	assert_int_equal(records(), 1);
	own(true, 1);
	run(20);
	assert_int_equal(records(), 2);
	second[1]->deferred = 0;
	run(120);
	assert_int_equal(resolves, 0);
	assert_int_equal(records(), 1);
	node[0].d->deferred = 0;
	run(90);
	assert_int_equal(resolves, 1);
	assert_int_equal(triggers, 1);
	assert_int_equal(records(), 0);
	end();
}

/* Without the engine nobody takes anything over; with it all is put right. */
static void
without_the_engine(void **st)
{
	(void)st;
	begin(false);
	own(false, 0);
	node[0].d->deferred = 5;
	run(10);
	own(false, 1);
	node[0].s->cluster.away_ms = node[1].s->cluster.away_ms = node[0].now;
	run(30);
	assert_null(first(&node[1], ALERT_queue_depth));
	node[0].s->cluster.away_ms = node[1].s->cluster.away_ms = 0;
	run(90);
	assert_int_equal(resolves, 1);
	assert_int_equal(records(), 0);
	end();
}

/* A domain that no configuration has any more, of a node that is gone. */
static void
a_domain_of_nobody(void **st)
{
	static const char text[] =
	    "{\"primary\":\"192.0.2.1\",\"members\":[{\"domain\":\"x.test\","
	    "\"severity\":1,\"since_ms\":1799999000000,\"fired_ms\":"
	    "1799999000000}]}";

	(void)st;
	begin(false);
	own(false, 0);
	shared[slot_of("alert/mx9/queue_depth/192.0.2.1")].text =
	    mem_strdup(text);
	for (unsigned i = 0; i < 2; i++)
		incidents_told(&node[i].l.incidents,
		    "alert/mx9/queue_depth/192.0.2.1", text, strlen(text));
	run(10);
	assert_int_equal(resolves, 1);
	assert_int_equal(triggers, 0);
	assert_int_equal(records(), 0);
	end();
}

/* Records that make no sense are none. */
static void
strange_records(void **st)
{
	static const struct {
		const char *key, *text;
	} t[] = {
		{ "alert/mx9", "{}" },
		{ "alert/mx9/queue_depth", "{}" },
		{ "alert//queue_depth/a", "{}" },
		{ "alert/mx9/no_such/a", "{}" },
		{ "other/mx9/queue_depth/a", "{}" },
		{ "alert/mx9/queue_depth/a", "" },
		{ "alert/mx9/queue_depth/a", "[]" },
		{ "alert/mx9/queue_depth/a", "{\"primary\":7,\"members\":[]}" },
		{ "alert/mx9/queue_depth/a",
		    "{\"primary\":\"\",\"members\":[]}" },
		{ "alert/mx9/queue_depth/a",
		    "{\"primary\":\"\",\"members\":[{\"domain\":\"a.test\"}]"
		    "}" },
		{ "alert/mx9/queue_depth/a",
		    "{\"primary\":\"\",\"members\":[{\"domain\":\"a\\u0007\","
		    "\"severity\":1,\"since_ms\":1,\"fired_ms\":1}]}" },
		{ "alert/mx9/queue_depth/a",
		    "{\"primary\":\"\",\"members\":[{\"domain\":\"a.test\","
		    "\"severity\":3,\"since_ms\":1,\"fired_ms\":1}]}" },
		{ "alert/mx9/queue_depth/a",
		    "{\"primary\":\"\",\"members\":[{\"domain\":\"a.test\","
		    "\"severity\":1,\"since_ms\":-1,\"fired_ms\":1}]}" },
	};
	struct incidents x;

	(void)st;
	incidents_init(&x);
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		incidents_told(&x, t[i].key, t[i].text, strlen(t[i].text));
		if (x.nothers != 0)
			fail_msg("%s %s", t[i].key, t[i].text);
	}
	incidents_fini(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_node_is_followed),
		cmocka_unit_test(a_move_is_not_told),
		cmocka_unit_test(a_move_is_taken_back),
		cmocka_unit_test(the_last_one_ends_it),
		cmocka_unit_test(both_end_at_once),
		cmocka_unit_test(half_a_group_moves),
		cmocka_unit_test(without_the_engine),
		cmocka_unit_test(a_domain_of_nobody),
		cmocka_unit_test(strange_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
