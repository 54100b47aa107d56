/* SPDX-License-Identifier: ISC
 * What the daemon and its SNMP subagent tell each other: written, checked,
 * put together again; and what the daemon makes of a snapshot and of notices
 * before that. */
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

#include "base/clock.h"
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

static void
test_round_trip(void **state MX_UNUSED)
{
	static const unsigned sizes[][2] = { { 0, 0 }, { 1, 1 }, { 1, 8 },
		{ 31, 2 }, { 1000, 3 } };
	struct wire_set set;
	struct wire_out o;
	struct snapshot *s;
	struct index x;

	wire_set_init(&set);
	assert_int_equal(index_init(&x, tmp_path), 0);
	for (unsigned i = 0; i < MX_COUNT(sizes); i++) {
		s = snapshot_of(sizes[i][0], sizes[i][1]);
		wire_out_init(&o, 40 + i);
		pack_snapshot(&o, s, &x);
		assert_int_equal(feed(&set, &o, 0, UINT32_MAX), 1);
		assert_int_equal(set.generation, 40 + i);
		assert_int_equal(set.ndomains, sizes[i][0]);
		assert_int_equal(set.nprimaries, sizes[i][0] * sizes[i][1]);
		for (unsigned j = 0; j < set.ndomains; j++) {
			assert_string_equal(set.domain[j].name,
			    snap_list_at(&s->domains, j)->name);
			assert_int_equal(set.domain[j].index, j + INDEX_FIRST);
			assert_int_equal(set.domain[j].messages, j);
			assert_int_equal(set.domain[j].state, 1);
		}
		for (unsigned j = 0; j < set.nprimaries; j++) {
			assert_int_equal(set.primary[j].port, 2525);
			assert_int_equal(set.primary[j].index,
			    j % sizes[i][1] + 1);
		}
		wire_out_fini(&o);
		snapshot_unref(&s);
	}
	index_fini(&x);
	wire_set_fini(&set);
}

/* What is not ready is not for that reason being indexed: a spool that is full
 * is congested (RFC 2788), and that is another number. */
static void
test_not_ready(void **state MX_UNUSED)
{
	struct snapshot *s = snapshot_of(0, 0);
	struct wire_set set;
	struct index x;

	wire_set_init(&set);
	assert_int_equal(index_init(&x, tmp_path), 0);
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
	index_fini(&x);
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
	struct index x;

	wire_set_init(&set);
	assert_int_equal(index_init(&x, tmp_path), 0);
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
	index_fini(&x);
	wire_set_fini(&set);
	snapshot_unref(&s);
}

static int
order(const uint32_t *index, uint32_t n, const uint32_t (*prim)[2], uint32_t np)
{
	struct wire_set set;
	struct wire_out o;
	int rc;

	wire_set_init(&set);
	wire_out_init(&o, 7);
	*(struct wire_system *)wire_out_add(&o, WIRE_SYSTEM) =
	    (struct wire_system){ .ndomains = n, .nprimaries = np };
	for (uint32_t i = 0; i < n; i++)
		*(struct wire_domain *)wire_out_add(&o, WIRE_DOMAIN) =
		    (struct wire_domain){ .index = index[i], .state = 1 };
	for (uint32_t i = 0; i < np; i++)
		*(struct wire_primary *)wire_out_add(&o, WIRE_PRIMARY) =
		    (struct wire_primary){ .domain = prim[i][0],
			    .index = prim[i][1] };
	rc = feed(&set, &o, 0, UINT32_MAX);
	wire_out_fini(&o);
	wire_set_fini(&set);
	return rc;
}

static void
test_order(void **state MX_UNUSED)
{
	static const uint32_t up[] = { 2, 5, 9 }, same[] = { 2, 2 },
			      down[] = { 5, 2 }, zero[] = { 0 },
			      big[] = { UINT32_MAX };
	static const uint32_t p_up[][2] = { { 2, 1 }, { 2, 2 }, { 5, 1 } },
			      p_down[][2] = { { 2, 2 }, { 2, 1 } },
			      p_zero[][2] = { { 2, 0 } },
			      p_big[][2] = { { 2, 256 } };

	assert_int_equal(order(up, 3, p_up, 3), 1);
	assert_int_equal(order(same, 2, NULL, 0), -MX_ESYNTAX);
	assert_int_equal(order(down, 2, NULL, 0), -MX_ESYNTAX);
	assert_int_equal(order(zero, 1, NULL, 0), -MX_ESYNTAX);
	assert_int_equal(order(big, 1, NULL, 0), -MX_ESYNTAX);
	assert_int_equal(order(up, 3, p_down, 2), -MX_ESYNTAX);
	assert_int_equal(order(up, 3, p_zero, 1), -MX_ESYNTAX);
	assert_int_equal(order(up, 3, p_big, 1), -MX_ESYNTAX);
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
		    (struct wire_system){ .ndomains = 1, .start = t[i].start };
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
	assert_int_equal(index_init(&x, tmp_path), 0);
	assert_int_equal(index_of(&x, "b.test")->index, 2);
	assert_int_equal(index_of(&x, "a.test")->index, 3);
	assert_int_equal(index_of(&x, "b.test")->index, 2);
	copy = index_copy(&x);
	assert_null(index_copy(&x)); /* no news since */
	assert_int_equal(index_of(&x, "later.test")->index, 4);
	assert_int_equal(index_write(copy, NULL), 0);
	index_copy_destroy(&copy);
	index_fini(&x);
	assert_int_equal(index_init(&x, tmp_path), 0);
	assert_int_equal(index_of(&x, "a.test")->index, 3);
	assert_false(x.changed);
	assert_int_equal(index_of(&x, "0.test")->index, 4);
	index_fini(&x);

	/* What is wrong is left out; the numbers of the rest stay. */
	put_file("7 a.test\nx b.test\n1 c.test\n\n9\n8 a.test\n12 d.test\n");
	assert_int_equal(index_init(&x, tmp_path), -MX_ESYNTAX);
	assert_int_equal(x.n, 2);
	assert_int_equal(index_of(&x, "a.test")->index, 7);
	assert_int_equal(index_of(&x, "b.test")->index, 13);
	index_fini(&x);
	/* One number for two: nobody keeps it, and nobody gets it. */
	put_file("7 a.test\n7 b.test\n");
	assert_int_equal(index_init(&x, tmp_path), -MX_ESYNTAX);
	assert_int_equal(index_of(&x, "a.test")->index, 8);
	index_fini(&x);
	(void)unlink(tmp_path);
}

/* ---- notifications */

static uint32_t told;
static bool no_room;

static bool
tell(void *arg MX_UNUSED, const struct wire_notice *n)
{
	assert_string_equal(n->domain, "d0000.test");
	told = n->event;
	return !no_room;
}

static void
test_ages(void **state MX_UNUSED)
{
	/* Age in percent of the lifetime, and what is told then. */
	static const struct {
		int percent;
		uint32_t event;
	} t[] = { { 0, 0 }, { 49, 0 }, { 50, WIRE_AGE_WARNING }, { 41, 0 },
		{ 39, WIRE_AGE_CLEARED }, { 45, 0 }, { 85, WIRE_AGE_CRITICAL },
		{ 71, 0 }, { 69, WIRE_AGE_WARNING }, { 81, WIRE_AGE_CRITICAL },
		{ 120, 0 }, { 0, WIRE_AGE_CLEARED } };
	static const struct age_limits limits = { 50, 80 };
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snapshot_add(s, "d0000.test", 0);
	unsigned next = 0;
	struct index x;

	assert_int_equal(index_init(&x, tmp_path), 0);
	s->wall_ms = INT64_C(1800000000000);
	d->ripest_life_ms = INT64_C(100000000);
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		d->ripest_ms = t[i].percent == 0 ?
		    0 :
		    s->wall_ms - t[i].percent * 1000 * 1000 - 500 * 1000;
		for (int again = 0; again < 3; again++) {
			told = 0;
			no_room = again == 0; /* then it comes again */
			pack_ages(s, &x, &limits, &next, tell, NULL);
			assert_int_equal(told, again < 2 ? t[i].event : 0);
		}
	}
	index_fini(&x);
	snapshot_unref(&s);
}

static void
test_notices(void **state MX_UNUSED)
{
	static const struct {
		enum notice_kind kind;
		int64_t a, b;
		uint32_t event, state;
	} t[] = {
		{ NOTICE_STATE, 1, 3, WIRE_STATE_CHANGE, 4 },
		{ NOTICE_PRIMARY, 0, SMTP_PHASE_CONNECT, WIRE_PRIMARY_DOWN, 0 },
		{ NOTICE_PRIMARY, 1, 0, WIRE_PRIMARY_UP, 0 },
		{ NOTICE_FLUSH_BEGIN, 3, 0, WIRE_FLUSH_STARTED, 0 },
		{ NOTICE_FLUSH_END, 3, 1, WIRE_FLUSH_FINISHED, 0 },
		{ NOTICE_SPOOL, 0, 0, WIRE_SPOOL_ACCEPTING, 0 },
		{ NOTICE_SPOOL, 1, 0, WIRE_SPOOL_REFUSING, 0 },
		{ NOTICE_BREAKER, 1, 0, WIRE_BREAKER_CLOSED, 0 },
		{ NOTICE_BREAKER, 0, 0, WIRE_BREAKER_OPENED, 0 },
		{ NOTICE_RELOAD, 1, 0, 0, 0 },
	};
	struct notice n = { .domain = "a.test" };
	struct wire_notice w;
	struct index x;

	assert_int_equal(index_init(&x, tmp_path), 0);
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		n.kind = t[i].kind;
		n.a = t[i].a;
		n.b = t[i].b;
		assert_int_equal(pack_notice(&w, &n, &x, 0), t[i].event != 0);
		if (t[i].event == 0)
			continue;
		assert_int_equal(w.event, t[i].event);
		assert_int_equal(w.state, t[i].state);
		assert_string_equal(w.domain, "a.test");
	}
	n.kind = NOTICE_EXPIRED;
	assert_true(pack_notice(&w, &n, &x, 5 * CLOCK_SEC));
	assert_false(pack_notice(&w, &n, &x, 304 * CLOCK_SEC));
	assert_true(pack_notice(&w, &n, &x, 305 * CLOCK_SEC));
	strlcpy(n.domain, "b.test", sizeof(n.domain));
	assert_true(pack_notice(&w, &n, &x, 306 * CLOCK_SEC));
	index_fini(&x);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_lost_packets),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_notices),
	};
	int rc;

	tmp_path = mem_printf("test_snmp_index.%ld", (long)getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(tmp_path);
	mem_free(&tmp_path);
	return rc;
}
