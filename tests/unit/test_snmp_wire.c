/* SPDX-License-Identifier: ISC
 * What the daemon and its SNMP subagent tell each other: written, checked,
 * put together again; and what the daemon makes of a snapshot before that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those four first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "exporters/snmp/pack.h"

/* ---- one packet */

static union wire_packet
status_packet(void)
{
	union wire_packet p;

	memset(&p, 0, sizeof(p));
	p.head = (struct wire_head){ .magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = WIRE_STATUS,
		.len = sizeof(p.head) + sizeof(struct wire_status),
		.count = 1 };
	return p;
}

static void
test_check(void **state MX_UNUSED)
{
	union wire_packet p = status_packet(), good = p;
	size_t len = p.head.len;
	struct wire_log *log;

	assert_int_equal(wire_check(&p, len), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(wire_check(&p, n), -MX_ESYNTAX);
	assert_int_equal(wire_check(&p, len + 1), -MX_ESYNTAX);
#define WRONG(field, value, rc)                                                \
	do {                                                                   \
		p = good;                                                      \
		p.head.field = (value);                                        \
		assert_int_equal(wire_check(&p, len), rc);                     \
	} while (0)
	WRONG(magic, 0, -MX_ESYNTAX);
	WRONG(version, WIRE_VERSION + 1, -MX_ECORRUPT);
	WRONG(type, 0, -MX_ESYNTAX);
	WRONG(type, WIRE_TYPE_MAX, -MX_ESYNTAX);
	WRONG(type, UINT16_MAX, -MX_ESYNTAX);
	WRONG(count, 0, -MX_ESYNTAX);
	WRONG(count, 2, -MX_ESYNTAX);
	WRONG(count, UINT32_MAX, -MX_ESYNTAX);
	WRONG(len, 0, -MX_ESYNTAX);
	WRONG(len, UINT32_MAX, -MX_ESYNTAX);
#undef WRONG
	/* Two of what there is one of. */
	p = good;
	p.head.count = 2;
	p.head.len += sizeof(struct wire_status);
	assert_int_equal(wire_check(&p, p.head.len), -MX_ESYNTAX);
	/* A string without an end. */
	p = good;
	p.head.type = WIRE_LOG;
	p.head.len = sizeof(p.head) + sizeof(*log);
	assert_int_equal(wire_check(&p, p.head.len), 0);
	memset(p.bytes + sizeof(p.head) + offsetof(struct wire_log, text), 'x',
	    sizeof(log->text));
	assert_int_equal(wire_check(&p, p.head.len), -MX_ESYNTAX);
}

static void
test_label(void **state MX_UNUSED)
{
	static const struct {
		const char *label, *host;
		uint32_t port;
	} t[] = {
		{ "mx1.example.org", "mx1.example.org", 25 },
		{ "mx1.example.org:2525", "mx1.example.org", 2525 },
		{ "192.0.2.7:1", "192.0.2.7", 1 },
		{ "2001:db8::1", "2001:db8::1", 25 },
		{ "[2001:db8::1]:2525", "2001:db8::1", 2525 },
		{ "[2001:db8::1]", "2001:db8::1", 25 },
		{ "mx:70000", "mx", 25 },
		{ "", "", 25 },
	};
	char host[64];

	for (size_t i = 0; i < MX_COUNT(t); i++) {
		assert_int_equal(wire_label(t[i].label, host, sizeof(host)),
		    t[i].port);
		assert_string_equal(host, t[i].host);
	}
	assert_int_equal(wire_label("mx1.example.org:2525", host, 4), 2525);
	assert_string_equal(host, "mx1");
}

/* ---- whole snapshots */

static char *tmp_path;

static void
indices_init(struct indices *x)
{
	assert_int_equal(index_init(&x->domains, INDEX_DOMAINS, tmp_path), 0);
	assert_int_equal(index_init(&x->primaries, INDEX_PRIMARIES, tmp_path),
	    0);
}

static void
indices_fini(struct indices *x)
{
	index_fini(&x->domains);
	index_fini(&x->primaries);
}

static struct snapshot *
snapshot_of(unsigned ndomains, unsigned per_domain)
{
	struct snapshot *s = snapshot_create();
	static const char *const labels[] = { "mx0.test:2525", "mx1.test:2525",
		"mx2.test:2525", "mx3.test:2525", "mx4.test:2525",
		"mx5.test:2525", "mx6.test:2525", "mx7.test:2525" };
	struct snap_domain *d;
	char name[32];

	s->wall_ms = INT64_C(1800000000000);
	s->ready = s->indexed = true;
	snapshot_servers(s, ndomains > 0 ? per_domain : 0);
	for (unsigned j = 0; j < s->nservers; j++) {
		s->server[j] = snap_server_create();
		strlcpy(s->server[j]->label, labels[j],
		    sizeof(s->server[j]->label));
		s->server[j]->domains = ndomains;
	}
	for (unsigned i = 0; i < ndomains; i++) {
		snprintf(name, sizeof(name), "d%04u.test", i);
		d = snapshot_add(s, name, per_domain);
		d->deferred = i;
		d->lifetime = 1000;
		for (unsigned j = 0; j < per_domain; j++)
			d->primary[j].label = labels[j];
	}
	return s;
}

/* Feeds the packets from `from` on; what the last one said. */
static int
feed(struct wire_set *set, struct wire_out *o, unsigned from, unsigned to)
{
	static union wire_packet p;
	const void *packet;
	size_t len, stride;
	int rc = 0;

	o->sent = 0;
	for (unsigned i = 0; (packet = wire_out_peek(o, &len, &stride)) != NULL;
	     i++, o->sent += stride) {
		assert_true(len <= WIRE_PACKET_MAX);
		if (i < from || i >= to)
			continue;
		assert_int_equal(rc, 0); /* not whole before the last */
		memcpy(&p, packet, len);
		rc = wire_set_add(set, &p, len);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static uint32_t
rows(const struct wire_set *set, enum wire_type type)
{
	return set->rows[type].n;
}

static void
test_round_trip(void **state MX_UNUSED)
{
	static const unsigned sizes[][2] = { { 0, 0 }, { 1, 1 }, { 1, 8 },
		{ 31, 2 }, { 1000, 3 } };
	const struct wire_primary *p;
	const struct wire_domain *d;
	const struct wire_link *l;
	struct wire_set set;
	struct wire_out o;
	struct snapshot *s;
	struct indices x;
	unsigned n, m;

	wire_set_init(&set);
	indices_init(&x);
	for (unsigned i = 0; i < MX_COUNT(sizes); i++) {
		n = sizes[i][0];
		m = sizes[i][1];
		s = snapshot_of(n, m);
		wire_out_init(&o, 40 + i);
		pack_snapshot(&o, s, &x);
		assert_int_equal(feed(&set, &o, 0, UINT32_MAX), 1);
		assert_int_equal(set.generation, 40 + i);
		assert_int_equal(rows(&set, WIRE_DOMAIN), n);
		assert_int_equal(rows(&set, WIRE_PRIMARY), m);
		assert_int_equal(rows(&set, WIRE_LINK), n * m);
		d = wire_domains(&set);
		for (unsigned j = 0; j < n; j++) {
			assert_string_equal(d[j].name,
			    snap_list_at(&s->domains, j)->name);
			assert_int_equal(d[j].index, j + INDEX_FIRST);
			assert_int_equal(d[j].messages, j);
			assert_int_equal(d[j].state, 1);
		}
		p = wire_primaries(&set);
		for (unsigned j = 0; j < m; j++) {
			assert_int_equal(p[j].port, 2525);
			assert_int_equal(p[j].index, j + INDEX_FIRST);
			assert_int_equal(p[j].domains, n);
			/* What waits for its domains: 0 + 1 + 2 ... */
			assert_int_equal(p[j].messages, n * (n - 1) / 2);
		}
		l = set.rows[WIRE_LINK].row;
		for (unsigned j = 0; j < n * m; j++) {
			assert_int_equal(l[j].domain, j / m + INDEX_FIRST);
			assert_int_equal(l[j].place, j % m + 1);
			assert_int_equal(l[j].primary, j % m + INDEX_FIRST);
		}
		wire_out_fini(&o);
		snapshot_unref(&s);
	}
	indices_fini(&x);
	wire_set_fini(&set);
}

/* Domains that mx_backup took in, and primaries that only these name, have
 * neither rows nor numbers; the lists have rows. */
static void
test_left_out(void **state MX_UNUSED)
{
	struct snapshot *s = snapshot_of(3, 2);
	struct snap_domain *d =
	    (struct snap_domain *)(uintptr_t)snap_list_at(&s->domains, 1);
	const struct wire_dnsbl *b;
	struct wire_set set;
	struct wire_out o;
	struct indices x;

	wire_set_init(&set);
	indices_init(&x);
	d->mx_backup = true;
	d->nprimaries = 1;
	s->server[1]->mx_backup = true;
	s->ndnsbls = 1;
	s->dnsbl = mem_array(1, sizeof(s->dnsbl[0]));
	s->dnsbl[0].state = SNAP_DNSBL_BROKEN;
	strlcpy(s->dnsbl[0].zone, "bl.test", sizeof(s->dnsbl[0].zone));
	wire_out_init(&o, 1);
	pack_snapshot(&o, s, &x);
	assert_int_equal(feed(&set, &o, 0, UINT32_MAX), 1);
	assert_int_equal(rows(&set, WIRE_DOMAIN), 2);
	assert_int_equal(rows(&set, WIRE_PRIMARY), 1);
	assert_int_equal(rows(&set, WIRE_LINK), 2);
	assert_int_equal(rows(&set, WIRE_DNSBL), 1);
	b = set.rows[WIRE_DNSBL].row;
	assert_string_equal(b->zone, "bl.test");
	assert_int_equal(b->state, 3);
	assert_null(index_find(&x.domains, "d0001.test"));
	assert_null(index_find(&x.primaries, "mx1.test:2525"));
	wire_out_fini(&o);
	indices_fini(&x);
	wire_set_fini(&set);
	snapshot_unref(&s);
}

/* The nodes of a cluster are rows by their numbers, and domains have an owner. */
static void
test_cluster(void **state MX_UNUSED)
{
	struct snapshot *s = snapshot_of(1, 0);
	struct snap_domain *d =
	    (struct snap_domain *)(uintptr_t)snap_list_at(&s->domains, 0);
	struct snap_node *list = snapshot_nodes(s, 2);
	const struct wire_node *n;
	struct wire_set set;
	struct wire_out o;
	struct indices x;

	wire_set_init(&set);
	indices_init(&x);
	s->cluster.on = true;
	s->cluster.away_ms = 1700000000000;
	s->cluster.local_messages = 7;
	strlcpy(s->cluster.node, "mx2", sizeof(s->cluster.node));
	list[0].id = 1;
	list[0].us = list[0].up = true;
	list[1].id = 3;
	list[1].state = 4;
	list[1].silent_seconds = 31.9;
	strlcpy(list[1].name, "mx4", sizeof(list[1].name));
	d->owner = "mx4";
	wire_out_init(&o, 1);
	pack_snapshot(&o, s, &x);
	assert_int_equal(feed(&set, &o, 0, UINT32_MAX), 1);
	assert_int_equal(set.system.cluster, 1);
	assert_int_equal(set.system.local_messages, 7);
	assert_string_equal(set.system.node, "mx2");
	assert_string_equal(wire_domains(&set)->owner, "mx4");
	assert_int_equal(rows(&set, WIRE_NODE), 2);
	n = set.rows[WIRE_NODE].row;
	assert_int_equal(n[0].state, 1);
	assert_int_equal(n[0].us, 1);
	assert_int_equal(n[1].index, 3);
	assert_int_equal(n[1].state, 5);
	assert_int_equal(n[1].silent_seconds, 31);
	assert_string_equal(n[1].name, "mx4");
	wire_out_fini(&o);
	/* Twice the same number is not believed. */
	list[1].id = 1;
	wire_out_init(&o, 2);
	pack_snapshot(&o, s, &x);
	assert_int_equal(feed(&set, &o, 0, UINT32_MAX), -MX_ESYNTAX);
	wire_out_fini(&o);
	indices_fini(&x);
	wire_set_fini(&set);
	snapshot_unref(&s);
}

/* What is not ready is not for that reason being indexed: a spool that is full
 * is congested (RFC 2788), and that is another number. */
static void
test_not_ready(void **state MX_UNUSED)
{
	struct snapshot *s = snapshot_of(0, 0);
	struct wire_set set;
	struct indices x;

	wire_set_init(&set);
	indices_init(&x);
	for (unsigned i = 0; i < 4; i++) {
		struct wire_out o;

		s->indexed = i != 1;
		s->spool_state = i == 2;
		s->stopping = i == 3;
		s->ready = i == 0;
		wire_out_init(&o, i + 1);
		pack_snapshot(&o, s, &x);
		assert_int_equal(feed(&set, &o, 0, UINT32_MAX), 1);
		assert_int_equal(set.system.indexing, i == 1);
		assert_int_equal(set.system.accepting, i != 2);
		assert_int_equal(set.system.stopping, i == 3);
		wire_out_fini(&o);
	}
	indices_fini(&x);
	wire_set_fini(&set);
	snapshot_unref(&s);
}

/* A packet that is lost costs its snapshot, not the next one. */
static void
test_lost_packets(void **state MX_UNUSED)
{
	struct snapshot *s = snapshot_of(100, 2);
	struct wire_set set;
	struct wire_out a, b;
	struct indices x;

	wire_set_init(&set);
	indices_init(&x);
	wire_out_init(&a, 1);
	pack_snapshot(&a, s, &x);
	wire_out_init(&b, 2);
	pack_snapshot(&b, s, &x);

	assert_int_equal(feed(&set, &a, 1, 99), 0); /* no beginning */
	assert_int_equal(feed(&set, &a, 0, 2), 0);
	assert_int_equal(feed(&set, &b, 0, 99), 1); /* newest wins */
	assert_int_equal(set.generation, 2);
	assert_int_equal(feed(&set, &a, 0, 2), 0);
	assert_int_equal(feed(&set, &b, 2, 99), 0); /* not mixed */
	assert_int_equal(feed(&set, &b, 0, 99), 1);
	assert_true(feed(&set, &b, 1, 2) < 0); /* more than promised */
	wire_out_fini(&a);
	wire_out_fini(&b);
	indices_fini(&x);
	wire_set_fini(&set);
	snapshot_unref(&s);
}

/* The system and rows of one type, which is all that there is. */
static void
begin(struct wire_out *o, enum wire_type type, uint32_t n)
{
	struct wire_system sys = { .start = 0 };

	wire_out_init(o, 7);
	sys.rows[type] = n;
	*(struct wire_system *)wire_out_add(o, WIRE_SYSTEM) = sys;
}

static int
end(struct wire_out *o)
{
	struct wire_set set;
	int rc;

	wire_set_init(&set);
	rc = feed(&set, o, 0, UINT32_MAX);
	wire_set_fini(&set);
	wire_out_fini(o);
	return rc;
}

static int
domains_with(const uint32_t *index, uint32_t n)
{
	struct wire_out o;

	begin(&o, WIRE_DOMAIN, n);
	for (uint32_t i = 0; i < n; i++)
		*(struct wire_domain *)wire_out_add(&o, WIRE_DOMAIN) =
		    (struct wire_domain){ .index = index[i], .state = 1 };
	return end(&o);
}

static int
primaries_with(const uint32_t *index, uint32_t n)
{
	struct wire_out o;

	begin(&o, WIRE_PRIMARY, n);
	for (uint32_t i = 0; i < n; i++)
		*(struct wire_primary *)wire_out_add(&o, WIRE_PRIMARY) =
		    (struct wire_primary){ .index = index[i], .state = 1 };
	return end(&o);
}

static int
links_with(const uint32_t (*link)[2], uint32_t n)
{
	struct wire_out o;

	begin(&o, WIRE_LINK, n);
	for (uint32_t i = 0; i < n; i++)
		*(struct wire_link *)wire_out_add(&o, WIRE_LINK) =
		    (struct wire_link){ .domain = link[i][0],
			    .place = link[i][1],
			    .primary = 2 };
	return end(&o);
}

static void
test_order(void **state MX_UNUSED)
{
	static const uint32_t up[] = { 2, 5, 9 }, same[] = { 2, 2 },
			      down[] = { 5, 2 }, zero[] = { 0 },
			      big[] = { UINT32_MAX };
	static const uint32_t l_up[][2] = { { 2, 1 }, { 2, 2 }, { 5, 1 } },
			      l_down[][2] = { { 2, 2 }, { 2, 1 } },
			      l_zero[][2] = { { 2, 0 } },
			      l_big[][2] = { { 2, 256 } };
	int (*const with[])(const uint32_t *, uint32_t) = { domains_with,
		primaries_with };

	for (size_t i = 0; i < MX_COUNT(with); i++) {
		assert_int_equal(with[i](up, 3), 1);
		assert_int_equal(with[i](same, 2), -MX_ESYNTAX);
		assert_int_equal(with[i](down, 2), -MX_ESYNTAX);
		assert_int_equal(with[i](zero, 1), -MX_ESYNTAX);
		assert_int_equal(with[i](big, 1), -MX_ESYNTAX);
	}
	assert_int_equal(links_with(l_up, 3), 1);
	assert_int_equal(links_with(l_down, 2), -MX_ESYNTAX);
	assert_int_equal(links_with(l_zero, 1), -MX_ESYNTAX);
	assert_int_equal(links_with(l_big, 1), -MX_ESYNTAX);
}

/* Times that would overflow in milliseconds are not believed. */
static void
test_times(void **state MX_UNUSED)
{
	static const struct {
		int64_t start, oldest;
		int rc;
	} t[] = { { 0, 0, 1 }, { 1800000000, INT64_C(1800000000000), 1 },
		{ INT64_MAX, 0, -MX_ESYNTAX }, { -1, 0, -MX_ESYNTAX },
		{ 0, INT64_MIN, -MX_ESYNTAX }, { 0, INT64_MAX, -MX_ESYNTAX } };
	struct wire_set set;
	struct wire_out o;

	wire_set_init(&set);
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		wire_out_init(&o, i);
		*(struct wire_system *)wire_out_add(&o, WIRE_SYSTEM) =
		    (struct wire_system){ .rows[WIRE_DOMAIN] = 1,
			    .start = t[i].start };
		*(struct wire_domain *)wire_out_add(&o, WIRE_DOMAIN) =
		    (struct wire_domain){ .index = 2,
			    .state = 1,
			    .oldest_ms = t[i].oldest };
		assert_int_equal(feed(&set, &o, 0, 1) < 0 ?
			-MX_ESYNTAX :
			feed(&set, &o, 0, 2),
		    t[i].rc);
		wire_out_fini(&o);
	}
	wire_set_fini(&set);
}

/* ---- the numbers of domains */

static void
put_file(const char *text)
{
	FILE *f = fopen(tmp_path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
test_index(void **state MX_UNUSED)
{
	struct index_copy *copy;
	struct index x;

	(void)unlink(tmp_path);
	assert_int_equal(index_init(&x, INDEX_DOMAINS, tmp_path), 0);
	assert_int_equal(index_of(&x, "b.test")->index, 2);
	assert_int_equal(index_of(&x, "a.test")->index, 3);
	assert_int_equal(index_of(&x, "b.test")->index, 2);
	copy = index_copy(&x);
	assert_null(index_copy(&x)); /* no news since */
	assert_int_equal(index_of(&x, "later.test")->index, 4);
	assert_int_equal(index_write(copy, NULL), 0);
	index_copy_destroy(&copy);
	index_fini(&x);
	assert_int_equal(index_init(&x, INDEX_DOMAINS, tmp_path), 0);
	assert_int_equal(index_of(&x, "a.test")->index, 3);
	assert_false(x.changed);
	assert_int_equal(index_of(&x, "0.test")->index, 4);
	index_fini(&x);

	/* What is wrong is left out; the numbers of the rest stay. */
	put_file("7 a.test\nx b.test\n1 c.test\n\n9\n8 a.test\n12 d.test\n");
	assert_int_equal(index_init(&x, INDEX_DOMAINS, tmp_path), -MX_ESYNTAX);
	assert_int_equal(x.n, 2);
	assert_int_equal(index_of(&x, "a.test")->index, 7);
	assert_int_equal(index_of(&x, "b.test")->index, 13);
	index_fini(&x);
	/* One number for two: nobody keeps it, and nobody gets it. */
	put_file("7 a.test\n7 b.test\n");
	assert_int_equal(index_init(&x, INDEX_DOMAINS, tmp_path), -MX_ESYNTAX);
	assert_int_equal(index_of(&x, "a.test")->index, 8);
	index_fini(&x);
	(void)unlink(tmp_path);
}

/* Labels of primaries: hosts, addresses, ports. A blank would be another line's
 * end to whoever reads the file again. */
static void
test_index_of_primaries(void **state MX_UNUSED)
{
	struct index_copy *copy;
	struct index x;

	put_file("3 mx1.test:2525\n4 [2001:db8::1]:25\n5 a b\n6 \n");
	assert_int_equal(index_init(&x, INDEX_PRIMARIES, tmp_path),
	    -MX_ESYNTAX);
	assert_int_equal(x.n, 2);
	assert_int_equal(index_of(&x, "[2001:db8::1]:25")->index, 4);
	assert_int_equal(index_of(&x, "192.0.2.1")->index, 5);
	assert_null(index_find(&x, "mx9.test"));
	/* Of very many only those in use, and the highest number, are kept. */
	for (unsigned i = 0; i < INDEX_KEPT; i++) {
		char name[32];

		snprintf(name, sizeof(name), "mx%u.other.test", i);
		index_of(&x, name)->seen = i == 7;
	}
	copy = index_copy(&x);
	assert_int_equal(index_write(copy, NULL), 0);
	index_copy_destroy(&copy);
	index_fini(&x);
	assert_int_equal(index_init(&x, INDEX_PRIMARIES, tmp_path), 0);
	assert_int_equal(x.n, 4);
	assert_null(index_find(&x, "mx1.test:2525")); /* nobody asked for it */
	assert_int_equal(index_find(&x, "mx7.other.test")->index, 13);
	assert_int_equal(index_of(&x, "new.test")->index, INDEX_KEPT + 6);
	index_fini(&x);
	(void)unlink(tmp_path);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_cluster),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_lost_packets),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_index_of_primaries),
	};
	int rc;

	tmp_path = mem_printf("test_snmp_index.%ld", (long)getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(tmp_path);
	mem_free(&tmp_path);
	return rc;
}
