/* SPDX-License-Identifier: ISC
 * The objects of the subagent: every walk ends and ascends, GET and GETNEXT
 * agree with a plain list of all instances, and objects.def says what
 * MXWATCH-MIB says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those four first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/text.h"
#include "config.h"
#include "exporters/snmp/mib.h"

#define NOW_MS INT64_C(1800000000000)

static void *
rows(struct wire_set *set, enum wire_type type, unsigned n)
{
	set->rows[type].n = n;
	set->rows[type].row = mem_array(n + 1, wire_record_size(type));
	return set->rows[type].row;
}

static void
fill_domains(struct wire_set *set, unsigned n)
{
	struct wire_domain *d = rows(set, WIRE_DOMAIN, n);

	for (unsigned i = 0; i < n; i++, d++) {
		d->index = 2 + i * 3; /* with gaps */
		d->state = 1 + i % 6;
		d->messages = i;
		d->bytes = UINT64_C(1) << 50;
		d->oldest_ms = i == 0 ? 0 : NOW_MS - i * 1000;
		d->next_expiry_ms = i == 0 ? 0 : NOW_MS + i * 60000;
		d->deferred[i % WIRE_CLASSES] = i;
		d->bounced[WIRE_CLASSES - 1] = i & 1;
		snprintf(d->name, sizeof(d->name), "d%u.test", i);
	}
}

static void
fill(struct mib *m, bool mta, unsigned ndomains, unsigned nprimaries)
{
	struct wire_dnsbl *b;
	struct wire_node *n;
	struct wire_primary *p;
	struct wire_link *l;
	struct wire_set set;

	wire_set_init(&set);
	set.system.start = NOW_MS / 1000 - 100;
	set.system.accepting = 1;
	set.system.alerts_active = set.system.notifications_failed = -1;
	fill_domains(&set, ndomains);
	p = rows(&set, WIRE_PRIMARY, nprimaries);
	for (unsigned i = 0; i < nprimaries; i++) {
		p[i].index = 2 + i * 2;
		p[i].state = 1 + i % 6;
	}
	l = rows(&set, WIRE_LINK, ndomains * nprimaries);
	for (unsigned i = 0; i < ndomains * nprimaries; i++) {
		l[i].domain = 2 + i / nprimaries * 3;
		l[i].place = 1 + i % nprimaries * 2;
		l[i].primary = p[i % nprimaries].index;
	}
	b = rows(&set, WIRE_DNSBL, 1);
	b->index = b->state = 1;
	set.system.cluster = 1;
	set.system.away_ms = NOW_MS - 90000;
	n = rows(&set, WIRE_NODE, 2);
	n[0].index = n[0].state = 1;
	n[1].index = 3;
	n[1].state = 5;
	mib_init(m, 7, mta);
	mib_take(m, &set, NOW_MS);
	m->uptime = 5000; /* the master is 50 s old */
}

static int
cmp(const struct mib_answer *a, const uint32_t *oid, size_t len)
{
	for (size_t i = 0; i < a->len && i < len; i++)
		if (a->oid[i] != oid[i])
			return a->oid[i] < oid[i] ? -1 : 1;
	return a->len == len ? 0 : a->len < len ? -1 : 1;
}

/* All instances, by walking. */
static struct mib_answer *
walk(const struct mib *m, size_t *n)
{
	struct mib_answer *all = NULL, a;
	uint32_t last[MIB_OID_MAX] = { 1 };
	size_t len = 1;

	*n = 0;
	while (mib_next(m, last, len, false, &a)) {
		assert_true(cmp(&a, last, len) > 0);
		all = mem_grow(all, *n + 1, sizeof(*all));
		all[(*n)++] = a;
		assert_true(*n < 1000000);
		len = a.len;
		memcpy(last, a.oid, len * sizeof(*last));
	}
	return all;
}

/* Columns of a table that always have an instance, by the table of objects. */
static size_t
columns(const struct mib *m, enum mib_scope scope)
{
	const struct mib_row *r = m->row[scope];
	struct mib_value v;
	size_t n = 0;

	if (m->nrows[scope] == 0)
		return 0;
	for (size_t i = 0; i < mib_nobjects; i++) {
		v.type = mib_objects[i].type;
		n += mib_objects[i].scope == scope &&
		    mib_objects[i].get(m, r, &v);
	}
	return n;
}

static void
test_walk(void **state MX_UNUSED)
{
	static const struct {
		bool mta;
		unsigned domains, primaries;
	} t[] = { { false, 0, 0 }, { true, 0, 0 }, { false, 1, 1 },
		{ true, 1, 0 }, { true, 40, 3 }, { false, 300, 2 } };
	struct mib_answer *all, a;
	struct mib m;
	size_t n, expect;

	for (size_t i = 0; i < MX_COUNT(t); i++) {
		fill(&m, t[i].mta, t[i].domains, t[i].primaries);
		all = walk(&m, &n);
		expect = 0;
		for (unsigned sc = t[i].mta ? 0 : MIB_SYSTEM;
		     sc < MIB_SCOPE_MAX; sc++)
			/* whose rows differ; which have none */
			if (sc != MIB_GROUP && sc != MIB_NOTIFY)
				expect += m.nrows[sc] *
				    columns(&m, (enum mib_scope)sc);
		if (t[i].mta)
			assert_true(n > expect);
		else
			assert_int_equal(n, expect);
		for (size_t j = 0; j < n; j++) {
			assert_true(mib_get(&m, all[j].oid, all[j].len, &a));
			assert_ptr_equal(a.object, all[j].object);
			assert_false(
			    mib_get(&m, all[j].oid, all[j].len - 1, &a));
		}
		mem_free(&all);
		mib_fini(&m);
	}
}

/* Of a cluster there are instances where there is one. */
static void
test_no_cluster(void **state MX_UNUSED)
{
	const struct mib_object *o = mib_object("mxwClusterNode");
	uint32_t oid[MIB_OID_MAX];
	struct mib_answer a;
	struct mib m;
	size_t len;

	fill(&m, false, 1, 1);
	len = mib_column_oid(o, oid);
	oid[len++] = 0;
	assert_true(mib_get(&m, oid, len, &a));
	len = mib_column_oid(mib_object("mxwClusterEngineAway"), oid);
	oid[len++] = 0;
	assert_true(mib_get(&m, oid, len, &a));
	assert_int_equal(a.value.u, 90);
	len = mib_column_oid(mib_object("mxwDomainOwner"), oid);
	assert_true(mib_next(&m, oid, len, false, &a));
	assert_string_equal(a.object->name, "mxwDomainOwner");
	m.set.system.cluster = 0;
	m.nrows[MIB_CLUSTER] = m.nrows[MIB_NODE] = 0;
	assert_true(mib_next(&m, oid, len, false, &a));
	assert_string_not_equal(a.object->name, "mxwDomainOwner");
	len = mib_column_oid(o, oid);
	assert_false(mib_next(&m, oid, len, false, &a));
	mib_fini(&m);
}

/* GETNEXT of any name is the least instance behind it. */
static void
test_next_of_anything(void **state MX_UNUSED)
{
	uint32_t oid[MIB_OID_MAX + 2];
	struct mib_answer *all, a;
	struct mib m;
	size_t n, len, j;
	bool inclusive;

	fill(&m, true, 12, 2);
	all = walk(&m, &n);
	for (unsigned i = 0; i < 20000; i++) {
		j = rnd_below((uint32_t)n);
		len = all[j].len;
		memcpy(oid, all[j].oid, len * sizeof(*oid));
		switch (rnd_below(4)) {
		case 0:
			len = rnd_below((uint32_t)len + 1);
			break;
		case 1:
			oid[len++] = rnd_below(3);
			break;
		case 2:
			oid[rnd_below((uint32_t)len)] += rnd_below(3) - 1;
			break;
		default:
			oid[rnd_below((uint32_t)len)] = (uint32_t)rnd_u64();
		}
		inclusive = rnd_below(2) == 0;
		for (j = 0; j < n; j++)
			if (cmp(&all[j], oid, len) > (inclusive ? -1 : 0))
				break;
		assert_int_equal(mib_next(&m, oid, len, inclusive, &a), j < n);
		if (j < n)
			assert_int_equal(cmp(&a, all[j].oid, all[j].len), 0);
	}
	mem_free(&all);
	mib_fini(&m);
}

static const struct mib_value *
value(const struct mib *m, const char *name, uint32_t k1, uint32_t k2)
{
	static struct mib_answer a;
	uint32_t oid[MIB_OID_MAX];
	const struct mib_object *o = mib_object(name);
	size_t n;

	assert_non_null(o);
	n = mib_column_oid(o, oid);
	oid[n++] = k1;
	if (k2 != 0)
		oid[n++] = k2;
	return mib_get(m, oid, n, &a) ? &a.value : NULL;
}

static void
test_values(void **state MX_UNUSED)
{
	struct mib m;

	fill(&m, true, 4, 1);
	assert_int_equal(value(&m, "mxwQueueMessages", 0, 0)->u, 6);
	assert_int_equal(value(&m, "mxwQueueOldestAge", 0, 0)->u, 3);
	assert_int_equal(value(&m, "mxwQueueNextExpiry", 0, 0)->i, 60);
	assert_int_equal(value(&m, "mxwDomainNextExpiry", 2, 0)->i, INT32_MAX);
	assert_int_equal(value(&m, "mxwDomainOldestAge", 2, 0)->u, 0);
	assert_string_equal(value(&m, "mxwDomainName", 5, 0)->s, "d1.test");
	/* 2^40 KiB do not fit: the largest gauge. */
	assert_true(value(&m, "mxwDomainKOctets", 5, 0)->u == UINT32_MAX);
	assert_null(value(&m, "mxwDomainName", 3, 0));
	assert_null(value(&m, "mxwAlertsActive", 0, 0));
	assert_int_equal(value(&m, "mxwSpoolAccepting", 0, 0)->i, 1);
	assert_int_equal(value(&m, "mxwStartTime", 0, 0)->len, 11);
	assert_int_equal(value(&m, "mxwDomainLastFlushEnd", 2, 0)->len, 8);
	/* Started before the master: 0, as RFC 2788 wants it. */
	assert_int_equal(value(&m, "applUptime", 7, 0)->u, 0);
	m.uptime = 20000;
	assert_int_equal(value(&m, "applUptime", 7, 0)->u, 10000);
	assert_int_equal(value(&m, "applOperStatus", 7, 0)->i, 1);
	assert_string_equal(value(&m, "mtaGroupName", 7, 1)->s,
	    "inbound-other");
	assert_null(value(&m, "mtaGroupStoredMessages", 7, 1));
	assert_int_equal(value(&m, "mtaGroupOldestMessageStored", 7, 5)->i,
	    100);
	/* A clock that is set back makes nobody older than the world. */
	m.now_ms = NOW_MS - 100000;
	assert_int_equal(value(&m, "mxwQueueOldestAge", 0, 0)->u, 0);
	mib_fini(&m);
}

/* ---- MXWATCH-MIB.txt */

static char *
read_mib(void)
{
	FILE *f = fopen(MIB_FILE, "r");
	struct buf b;
	char line[256];

	assert_non_null(f);
	buf_init(&b, 1 << 20);
	while (fgets(line, sizeof(line), f) != NULL)
		assert_int_equal(buf_adds(&b, line), 0);
	fclose(f);
	return buf_take(&b);
}

/* The definition of `name`, up to and with its place: "{ parent 3 }". */
static char *
definition(const char *mib, const char *name, const char *macro)
{
	char *head = mem_printf("\n%s %s", name, macro), *copy;
	const char *p = strstr(mib, head), *end;

	mem_free(&head);
	if (p == NULL)
		return NULL;
	end = strchr(strstr(p, "::="), '}');
	copy = mem_strndup(p, (size_t)(end - p) + 1);
	return copy;
}

static const char *const syntax[] = {
	[MIB_INTEGER] = "Integer32",
	[MIB_ENUM] = "INTEGER {",
	[MIB_TRUTH] = "TruthValue",
	[MIB_UNSIGNED32] = "Unsigned32",
	[MIB_GAUGE32] = "Gauge32",
	[MIB_COUNTER32] = "Counter32",
	[MIB_COUNTER64] = "Counter64",
	[MIB_STRING] = "SnmpAdminString",
	[MIB_DATE] = "DateAndTime",
};

static const char *const parent[MIB_SCOPE_MAX] = {
	[MIB_SYSTEM] = "mxwSystem",
	[MIB_DOMAIN] = "mxwDomainEntry",
	[MIB_PRIMARY] = "mxwPrimaryEntry",
	[MIB_BOUNCE] = "mxwBounceEntry",
	[MIB_LINK] = "mxwDomainPrimaryEntry",
	[MIB_DNSBL] = "mxwDnsblEntry",
	[MIB_NOTIFY] = "mxwNotificationObjects",
	[MIB_CLUSTER] = "mxwCluster",
	[MIB_NODE] = "mxwNodeEntry",
};

static void
test_file_has_our_objects(void **state MX_UNUSED)
{
	char *mib = read_mib(), *def, *want;
	const struct mib_object *o;

	for (size_t i = 0; i < mib_nobjects; i++) {
		o = &mib_objects[i];
		if (o->scope < MIB_SYSTEM)
			continue;
		def = definition(mib, o->name, "OBJECT-TYPE");
		if (def == NULL)
			fail_msg("%s is not in the MIB", o->name);
		want = mem_printf("SYNTAX      %s", syntax[o->type]);
		if (strstr(def, want) == NULL)
			fail_msg("%s: not %s", o->name, want);
		mem_free(&want);
		want = mem_printf("{ %s %u }", parent[o->scope], o->column);
		if (strstr(def, want) == NULL)
			fail_msg("%s: not %s", o->name, want);
		mem_free(&want);
		assert_non_null(strstr(def,
		    o->scope == MIB_NOTIFY ? "accessible-for-notify" :
					     "read-only"));
		mem_free(&def);
	}
	mem_free(&mib);
}

static void
test_file_has_no_others(void **state MX_UNUSED)
{
	char *mib = read_mib(), *p = mib, *start, *end, *name;

	while ((p = strstr(p, " OBJECT-TYPE\n")) != NULL) {
		for (start = p; start[-1] != '\n'; start--)
			;
		name = mem_strndup(start, (size_t)(p - start));
		end = strstr(p, "::=");
		p = strstr(p, "MAX-ACCESS");
		if (p < end && strncmp(p + 10, "  read-only", 11) == 0 &&
		    mib_object(name) == NULL)
			fail_msg("%s is not served", name);
		mem_free(&name);
	}
	mem_free(&mib);
}

/* Every object is in the group, which the compliance names. */
static void
test_group_has_all(void **state MX_UNUSED)
{
	char *mib = read_mib(), *group, *want;

	group = definition(mib, "mxwObjectGroup", "OBJECT-GROUP");
	for (size_t i = 0; i < mib_nobjects; i++) {
		if (mib_objects[i].scope < MIB_SYSTEM)
			continue;
		want = mem_printf(" %s", mib_objects[i].name);
		if (strstr(group, want) == NULL)
			fail_msg("%s is in no group", want);
		mem_free(&want);
	}
	mem_free(&group);
	mem_free(&mib);
}

static void
test_file_has_our_events(void **state MX_UNUSED)
{
	static const char *const name[WIRE_EVENT_MAX] = {
		[WIRE_PRIMARY_DOWN] = "mxwPrimaryDown",
		[WIRE_PRIMARY_UP] = "mxwPrimaryUp",
		[WIRE_STATE_CHANGE] = "mxwDomainStateChange",
		[WIRE_AGE_WARNING] = "mxwQueueAgeWarning",
		[WIRE_AGE_CRITICAL] = "mxwQueueAgeCritical",
		[WIRE_AGE_CLEARED] = "mxwQueueAgeCleared",
		[WIRE_MAIL_EXPIRED] = "mxwMailExpired",
		[WIRE_FLUSH_STARTED] = "mxwFlushStarted",
		[WIRE_FLUSH_FINISHED] = "mxwFlushFinished",
		[WIRE_SPOOL_REFUSING] = "mxwSpoolRefusing",
		[WIRE_SPOOL_ACCEPTING] = "mxwSpoolAcceptingAgain",
		[WIRE_TEST] = "mxwTestNotification",
		[WIRE_BREAKER_TRIPPED] = "mxwBreakerTripped",
		[WIRE_BREAKER_RESET] = "mxwBreakerReset",
	};
	char *mib = read_mib(), *def, *want;

	for (uint32_t i = 1; i < WIRE_EVENT_MAX; i++) {
		def = definition(mib, name[i], "NOTIFICATION-TYPE");
		assert_non_null(def);
		want = mem_printf("{ mxwNotifications %u }", i);
		assert_non_null(strstr(def, want));
		mem_free(&want);
		/* The varbinds, in their order. */
		want = strchr(strstr(def, "OBJECTS"), '{') + 1;
		for (unsigned j = 0; mib_varbinds[i][j] != NULL; j++) {
			want += strspn(want, " \n,");
			assert_int_equal(strncmp(want, mib_varbinds[i][j],
					     strlen(mib_varbinds[i][j])),
			    0);
			want += strlen(mib_varbinds[i][j]);
			assert_true(strchr(" \n,}", *want) != NULL);
		}
		want += strspn(want, " \n");
		assert_int_equal(*want, '}');
		mem_free(&def);
	}
	mem_free(&mib);
}

static void
test_regions(void **state MX_UNUSED)
{
	static const uint32_t arcs[] = { MX_ENTERPRISE_ARCS };
	char *mib = read_mib(), *def, *want;
	struct mib_region r, last = { 0 };
	struct mib m;
	unsigned i;

	mib_init(&m, 1, false);
	assert_true(mib_region(&m, 0, &r));
	assert_int_equal(r.len, MX_COUNT(arcs));
	assert_memory_equal(r.oid, arcs, sizeof(arcs));
	assert_int_equal(r.module, WIRE_MXWATCH);
	assert_false(mib_region(&m, 1, &r));
	def = definition(mib, "mxwatchMIB", "MODULE-IDENTITY");
	want = mem_printf(" %u }", arcs[MX_COUNT(arcs) - 1]);
	assert_non_null(strstr(def, want));
	mem_free(&want);
	mem_free(&def);
	mem_free(&mib);
	mib_fini(&m);

	/* Each column of the others, as the master's own modules have them. */
	mib_init(&m, 1, true);
	for (i = 1; mib_region(&m, i, &r); i++) {
		assert_int_equal(r.len, 10);
		assert_int_equal(r.module,
		    r.oid[6] == 27 ? WIRE_NETWORK_SERVICES : WIRE_MTA);
		assert_true(memcmp(r.oid, last.oid, sizeof(r.oid[0]) * 10));
		last = r;
	}
	assert_true(i > 40);
	mib_fini(&m);
}

static const struct mib_answer *
varbind(const struct mib_answer *a, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(a[i].object->name, name) == 0)
			return &a[i];
	fail_msg("%s is not in it", name);
	return NULL;
}

/* All that a notification says is in the notice: its time is that of the event,
 * and an age is that of then. */
static void
test_notification(void **state MX_UNUSED)
{
	struct wire_notice n = { .event = WIRE_AGE_CRITICAL,
		.wall_ms = NOW_MS,
		.domain_index = 9,
		.messages = 4,
		.oldest_ms = NOW_MS - 7000,
		.next_expiry_ms = NOW_MS + 60000,
		.domain = "a.test" };
	struct mib_answer a[MIB_VARBINDS_MAX];
	const struct mib_answer *v;
	unsigned k = mib_notification(&n, a);

	assert_int_equal(k, 5);
	v = varbind(a, k, "mxwDomainOldestAge");
	assert_int_equal(v->value.u, 7);
	assert_int_equal(v->oid[v->len - 1], 9);
	assert_int_equal(varbind(a, k, "mxwDomainNextExpiry")->value.i, 60);
	assert_int_equal(varbind(a, k, "mxwDomainMessages")->value.u, 4);
	v = varbind(a, k, "mxwEventTime");
	assert_int_equal(v->oid[v->len - 1], 0);
	assert_int_equal(v->value.s[3], 15); /* 2027-01-15 08:00:00 */
	assert_int_equal(v->value.s[4], 8);
	n = (struct wire_notice){ .event = WIRE_PRIMARY_DOWN,
		.wall_ms = NOW_MS,
		.primary_index = 3,
		.port = 2525,
		.domains = 300,
		.failed_phase = 2,
		.host = "mx.test",
		.text = "refused" };
	k = mib_notification(&n, a);
	v = varbind(a, k, "mxwPrimaryDomains");
	assert_int_equal(v->value.u, 300);
	assert_int_equal(v->oid[v->len - 1], 3);
	assert_int_equal(varbind(a, k, "mxwPrimaryPort")->value.u, 2525);
	assert_string_equal(varbind(a, k, "mxwPrimaryHost")->value.s,
	    "mx.test");
	assert_string_equal(varbind(a, k, "mxwPrimaryReplyText")->value.s,
	    "refused");
	n.event = WIRE_EVENT_MAX;
	assert_int_equal(mib_notification(&n, a), 0);
	/* Whatever comes, each of them can be made. */
	for (n.event = 1; n.event < WIRE_EVENT_MAX; n.event++)
		assert_true(mib_notification(&n, a) >= 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_no_cluster),
		cmocka_unit_test(test_next_of_anything),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_file_has_our_objects),
		cmocka_unit_test(test_file_has_no_others),
		cmocka_unit_test(test_file_has_our_events),
		cmocka_unit_test(test_group_has_all),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_notification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
