/* SPDX-License-Identifier: ISC
 * Rules over thousands of domains: a bounded number of them a call; and over the
 * lists in the DNS, each of which has an alert of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alerts_int.h"
#include "alerts/memory.h"
#include "base/mem.h"

#define T0  INT64_C(1800000000000)
#define SEC INT64_C(1000)

struct calls {
	unsigned n, of_changed;
	unsigned count[6000];
	bool hot;
};

static bool
on_eval(enum alert_kind kind, const char *domain, const struct rule_value *v,
    void *arg)
{
	struct calls *c = arg;

	if (kind != ALERT_queue_depth)
		return false;
	c->n++;
	c->count[strtoul(domain + 1, NULL, 10)]++;
	if (v != NULL && v->value >= 1)
		c->of_changed++;
	return c->hot && strcmp(domain, "d5000") == 0;
}

static struct snapshot *
many(unsigned n)
{
	struct snapshot *s = snapshot_create();
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d%04u", i);
		(void)snapshot_add(s, name, 1);
	}
	s->indexed = true;
	return s;
}

static void
eval(struct rules *r, const struct config *conf, struct snapshot *s,
    struct calls *c)
{
	static const struct rules_self self;
	static int64_t now = T0;
	bool hot = c->hot;

	memset(c, 0, sizeof(*c));
	c->hot = hot;
	now += SEC;
	rules_eval(r, conf, s, &self, now, on_eval, c);
}

/* Of six thousand domains a call looks at a thousand, at those whose block is
 * another one and at those that are to be looked at again; all of them have
 * had their turn after six calls, and what changes all at once is through
 * after a few. */
static void
many_domains_take_turns(void **st)
{
	static const unsigned n = 6000;
	struct buf text = BUF_INIT(1u << 22);
	struct rules *r = rules_create();
	struct calls *c = mem_alloc(sizeof(*c));
	unsigned seen[6000] = { 0 }, calls, i;
	struct snapshot *s = many(n);
	struct conf_errors errs;
	struct snap_domain *d;
	struct config *conf;

	(void)st;
	assert_int_equal(buf_addf(&text,
			     "hostname = \"mx2.test\"\n"
			     "resolver = {\"127.0.0.1\"}\n"),
	    0);
	for (i = 0; i < n; i++)
		assert_int_equal(
		    buf_addf(&text,
			"domain \"d%04u\" { primary = {\"192.0.2.1\"} }\n", i),
		    0);
	conf = config_parse("test", text.data, text.len, &errs);
	assert_non_null(conf);
	conf_errors_fini(&errs);
	buf_fini(&text);

	eval(r, conf, s, c); /* all are new: as many as may be */
	assert_int_equal(c->n, RULES_MOST);
	for (i = 0; i < 8; i++)
		eval(r, conf, s, c);
	assert_int_equal(c->n, RULES_TURN);

	for (calls = 0; calls < 6; calls++) {
		eval(r, conf, s, c);
		assert_int_equal(c->n, RULES_TURN);
		for (i = 0; i < n; i++)
			seen[i] += c->count[i];
	}
	for (i = 0; i < n; i++)
		assert_int_equal(seen[i], 1);

	/* one block is another one */
	d = snap_domain_create("d3003", 1);
	d->deferred = 5;
	snap_list_replace(&s->domains, 3003, &d);
	eval(r, conf, s, c);
	assert_int_equal(c->of_changed, 1);
	assert_true(c->n <= RULES_TURN + 1);

	/* one is to be looked at at each call */
	c->hot = true;
	for (i = 0; i < 6; i++)
		eval(r, conf, s, c);
	for (i = 0; i < 12; i++) {
		eval(r, conf, s, c);
		assert_int_equal(c->count[5000], 1);
	}
	c->hot = false;

	/* all are others, and one more is among them */
	snapshot_unref(&s);
	s = many(n - 1);
	d = snap_domain_create("d2999a", 1);
	snap_list_merge(&s->domains, &d, 1);
	memset(seen, 0, sizeof(seen));
	for (calls = 0; calls < 3; calls++) {
		eval(r, conf, s, c);
		assert_true(c->n <= RULES_MOST);
		for (i = 0; i < n - 1; i++)
			seen[i] += c->count[i];
	}
	for (i = 0; i < n - 1; i++)
		assert_true(seen[i] >= 1);
	rules_destroy(&r);
	snapshot_unref(&s);
	config_unref(&conf);
	mem_free(&c);
}

static const char *
list_is(struct memory *l, const char *zone)
{
	const struct instance *i =
	    instance_find(&l->instances, ALERT_dnsbl_broken, zone);

	return i != NULL ? instance_state_name(i->state) : "none";
}

static void
step(struct memory *l, struct rules *r, const struct config *conf,
    const struct snapshot *s)
{
	static const struct rules_self self;
	static int64_t now = T0;

	now += SEC;
	(void)memory_step(l, r, conf, s, &self, now);
}

/* An alert for each list, with its name; one that is asked no longer has none,
 * nor has the whole, which an earlier version told of. */
static void
lists_have_their_own(void **st)
{
	static const char text[] = "hostname = \"mx2.test\"\n"
				   "resolver = {\"127.0.0.1\"}\n"
				   "domain \"a.test\" { primary = "
				   "{\"192.0.2.1\"} }\n";
	static const char *const zone[] = { "bl.test", "ok.test", "wl.test" };
	struct snapshot *s = snapshot_create();
	struct rules *r = rules_create();
	struct conf_errors errs;
	struct config *conf = config_parse("test", text, strlen(text), &errs);
	struct instance *i;
	struct memory l;

	(void)st;
	assert_non_null(conf);
	conf_errors_fini(&errs);
	memory_init(&l);
	s->ndnsbls = 3;
	s->dnsbl = mem_array(3, sizeof(*s->dnsbl));
	for (unsigned k = 0; k < 3; k++) {
		strlcpy(s->dnsbl[k].zone, zone[k], sizeof(s->dnsbl[k].zone));
		s->dnsbl[k].state = k == 1 ? SNAP_DNSBL_OK : SNAP_DNSBL_BROKEN;
	}
	strlcpy(s->dnsbl[2].why, "mute", sizeof(s->dnsbl[2].why));
	instance_get(&l.instances, ALERT_dnsbl_broken, "")->state =
	    INSTANCE_FIRING;
	step(&l, r, conf, s);
	assert_string_equal(list_is(&l, ""), "resolved");
	assert_string_equal(list_is(&l, "bl.test"), "firing");
	assert_string_equal(list_is(&l, "ok.test"), "none");
	assert_string_equal(list_is(&l, "wl.test"), "firing");
	i = instance_find(&l.instances, ALERT_dnsbl_broken, "wl.test");
	assert_string_equal(i->summary, "mute");
	s->dnsbl[0].state = SNAP_DNSBL_UNTESTED; /* anew after a start */
	step(&l, r, conf, s);
	assert_string_equal(list_is(&l, "bl.test"), "firing");
	s->dnsbl[0].state = SNAP_DNSBL_OK;
	s->ndnsbls = 2;
	step(&l, r, conf, s);
	assert_string_equal(list_is(&l, "bl.test"), "resolved");
	assert_string_equal(list_is(&l, "wl.test"), "resolved");
	memory_fini(&l);
	rules_destroy(&r);
	snapshot_unref(&s);
	config_unref(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_domains_take_turns),
		cmocka_unit_test(lists_have_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
