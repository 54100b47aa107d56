/* SPDX-License-Identifier: ISC
 * test_snapshot: the list of blocks against a plain array, what snapshots
 * share, and the status document in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "status/status_json.h"

#define N 1000

static char names[N][16];

static struct snap_domain *
block(unsigned i, uint64_t bytes)
{
	struct snap_domain *d = snap_domain_create(names[i], 1);

	d->bytes = bytes;
	return d;
}

/* Every other one, and names that are not there. */
static void
list_drops(struct snap_list *l)
{
	const char *name[N];
	struct snap_list before = { 0 };
	unsigned n = 0;

	name[n++] = "";
	for (unsigned i = 0; i < N - 4; i += 2)
		name[n++] = names[i];
	name[n++] = "zzz";
	snap_list_share(&before, l);
	snap_list_drop(l, name, n);
	assert_int_equal(l->n, N - (n - 2));
	for (unsigned i = 1; i < l->n; i++)
		assert_true(strcmp(snap_list_at(l, i - 1)->name,
				snap_list_at(l, i)->name) < 0);
	assert_string_equal(snap_list_at(l, 0)->name, names[1]);
	assert_string_equal(snap_list_at(&before, 0)->name, names[0]);
	assert_int_equal(before.n, N);
	snap_list_fini(&before);
}

/* Every third name, in turns of uneven length, some before, some between and
 * some behind what is there. */
static void
list_is_ascending(void **state)
{
	struct snap_domain *d[N];
	struct snap_list l = { 0 };
	unsigned n;
	bool found;

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		n = 0;
		for (unsigned i = turn; i < N; i += 3)
			d[n++] = block(i, i);
		snap_list_merge(&l, d, n / 2);
		snap_list_merge(&l, d + n / 2, n - n / 2);
		assert_null(d[0]);
	}
	assert_int_equal(l.n, N);
	for (unsigned i = 0; i < N; i++) {
		assert_string_equal(snap_list_at(&l, i)->name, names[i]);
		assert_int_equal(snap_list_place(&l, names[i], &found), i);
		assert_true(found);
	}
	assert_int_equal(snap_list_place(&l, "d0000a", &found), 1);
	assert_false(found);
	assert_int_equal(snap_list_place(&l, "", &found), 0);
	assert_int_equal(snap_list_place(&l, "z", &found), N);
	list_drops(&l);
	snap_list_fini(&l);
}

/* The last reference goes in slices; one of several at once, and what others have
 * is whole. */
static void
snapshots_go_in_slices(void **state)
{
	struct snapshot *s = snapshot_create(), *t = snapshot_create(), *u;
	unsigned calls = 1;

	(void)state;
	for (unsigned i = 0; i < N; i++)
		(void)snapshot_add(s, names[i], 0);
	snap_list_share(&t->domains, &s->domains);
	u = snapshot_ref(s);
	assert_false(snapshot_unref_some(&u, 1));
	assert_null(u);
	assert_non_null(snapshot_find(s, names[N - 1]));
	while (snapshot_unref_some(&s, 4))
		calls++;
	assert_null(s);
	assert_int_equal(calls, N / SNAP_CHUNK / 4 + 1);
	for (unsigned i = 0; i < N; i++)
		assert_non_null(snapshot_find(t, names[i]));
	snapshot_unref(&t);
	assert_false(snapshot_unref_some(&t, 1));
}

/* A snapshot is as it was when it was made, whatever is replaced or added
 * later, and whoever lets go of it first; the blocks that did not change are
 * the same ones. */
static void
snapshots_share_what_did_not_change(void **state)
{
	struct snap_list now = { 0 }, before = { 0 }, first = { 0 };
	struct snap_domain *d[N];
	unsigned same = 0;

	(void)state;
	for (unsigned i = 0; i < N - 1; i++)
		d[i] = block(i, 1);
	snap_list_merge(&now, d, N - 1);
	snap_list_share(&first, &now);
	d[0] = block(70, 2);
	snap_list_replace(&now, 70, &d[0]);
	assert_null(d[0]);
	snap_list_share(&before, &now);
	d[0] = block(71, 3);
	snap_list_replace(&now, 71, &d[0]);
	d[0] = block(N - 1, 4);
	snap_list_merge(&now, d, 1);
	assert_int_equal(snap_list_at(&first, 70)->bytes, 1);
	assert_int_equal(snap_list_at(&before, 70)->bytes, 2);
	assert_int_equal(snap_list_at(&before, 71)->bytes, 1);
	assert_int_equal(snap_list_at(&now, 71)->bytes, 3);
	assert_int_equal(before.n, N - 1);
	assert_int_equal(now.n, N);
	for (unsigned i = 0; i < N - 1; i++)
		same += snap_list_at(&now, i) == snap_list_at(&first, i);
	assert_int_equal(same, N - 3);
	/* the chunk of neither is shared */
	assert_ptr_equal(now.chunk[0], first.chunk[0]);
	assert_ptr_not_equal(now.chunk[1], first.chunk[1]);
	snap_list_fini(&first);
	snap_list_fini(&now);
	assert_int_equal(snap_list_at(&before, 70)->bytes, 2);
	snap_list_fini(&before);
}

/* A copy has strings of its own; what was never set is "". */
static void
copies_keep_their_strings(void **state)
{
	char cause[] = "refused", label[] = "mx1.test:2525";
	struct snap_domain *d = snap_domain_create("a.test", 2), *copy;

	(void)state;
	d->cause = cause;
	d->bytes = 7;
	d->primary[1].label = label;
	d->primary[1].probes = 9;
	copy = snap_domain_copy(d);
	memset(cause, 'x', sizeof(cause) - 1);
	memset(label, 'x', sizeof(label) - 1);
	snap_domain_unref(&d);
	assert_string_equal(copy->name, "a.test");
	assert_string_equal(copy->cause, "refused");
	assert_string_equal(copy->trouble, "");
	assert_string_equal(copy->primary[0].label, "");
	assert_string_equal(copy->primary[1].label, "mx1.test:2525");
	assert_string_equal(copy->primary[1].text, "");
	assert_string_equal(copy->primary[1].finding, "");
	assert_int_equal(copy->bytes, 7);
	assert_int_equal(copy->primary[1].probes, 9);
	assert_int_equal(copy->nprimaries, 2);
	snap_domain_unref(&copy);
}

/* Bits by domain, by list, and those of the daemon; what is pending has none. A list
 * may have the name of a domain. */
static void
alerts_are_found_by_domain(void **state)
{
	static const struct snap_alert alerts[] = {
		{ .kind = 1, .domain = "b.test", .firing = true },
		{ .kind = 1, .domain = "c.test", .firing = false },
		{ .kind = 3, .domain = "a.test", .firing = true },
		{ .kind = 3, .domain = "b.test", .firing = true },
		{ .kind = ALERT_spool_low, .domain = "", .firing = true },
		{ .kind = ALERT_dnsbl_broken,
		    .domain = "a.test",
		    .firing = true },
		{ .kind = ALERT_dnsbl_broken, .domain = "z.test" },
	};
	struct snapshot *s = snapshot_create();
	struct snap_alerts *a = snap_alerts_create(MX_COUNT(alerts), 0, 0);

	(void)state;
	memcpy(a->alert, alerts, sizeof(alerts));
	snap_alerts_index(a);
	assert_int_equal(a->daemon, 1u << ALERT_spool_low);
	assert_int_equal(a->nfiring, 2);
	assert_int_equal(snap_alerts_of(a, "a.test"), 1u << 3);
	assert_int_equal(snap_alerts_of(a, "b.test"), 1u << 1 | 1u << 3);
	assert_int_equal(snap_alerts_of(a, "c.test"), 0);
	assert_int_equal(snap_alerts_of(a, ""), 0);
	s->ndnsbls = 2;
	s->dnsbl = mem_array(2, sizeof(*s->dnsbl));
	strlcpy(s->dnsbl[0].zone, "z.test", sizeof(s->dnsbl[0].zone));
	strlcpy(s->dnsbl[1].zone, "a.test", sizeof(s->dnsbl[1].zone));
	snapshot_tell(s, &a);
	assert_int_equal(s->alerts, 1u << ALERT_spool_low);
	assert_int_equal(s->dnsbl[0].alerts, 0);
	assert_int_equal(s->dnsbl[1].alerts, 1u << ALERT_dnsbl_broken);
	snapshot_unref(&s);
	a = snap_alerts_create(0, 0, 0);
	snap_alerts_index(a);
	assert_int_equal(snap_alerts_of(a, "a.test"), 0);
	snap_alerts_unref(&a);
}

static struct snapshot *
snapshot_of(unsigned n)
{
	struct snapshot *s = snapshot_create();

	for (unsigned i = 0; i < n; i++)
		snapshot_add(s, names[i], i % 3)->state_name = "up";
	return s;
}

/* The pieces together are the document, for any number of domains; each has a
 * bounded number of them. */
static void
document_in_pieces(void **state)
{
	static const unsigned sizes[] = { 0, 1, STATUS_JSON_PIECE,
		STATUS_JSON_PIECE + 1, 100 };
	struct buf out = BUF_INIT(1u << 24);
	struct status_walk w;
	struct snapshot *s;
	unsigned calls;
	cJSON *o, *d;
	char *whole;
	int rc;

	(void)state;
	for (unsigned i = 0; i < MX_COUNT(sizes); i++) {
		s = snapshot_of(sizes[i]);
		memset(&w, 0, sizeof(w));
		buf_clear(&out);
		for (calls = 1; (rc = status_json_next(&w, s, 1000, &out)) == 0;
		     calls++)
			;
		assert_int_equal(rc, 1);
		assert_int_equal(calls,
		    sizes[i] == 0 ?
			1 :
			(sizes[i] + STATUS_JSON_PIECE - 1) / STATUS_JSON_PIECE);
		whole = status_json(s, 1000, false);
		assert_string_equal(buf_str(&out), whole);
		o = cJSON_Parse(whole);
		assert_int_equal(cJSON_GetArraySize(json_get(o, "domains")),
		    sizes[i]);
		cJSON_Delete(o);
		free(whole);
		snapshot_unref(&s);
	}
	s = snapshot_of(5);
	o = status_json_one(s, snapshot_find(s, names[3]), 1000);
	d = cJSON_GetArrayItem(json_get(o, "domains"), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "domains")), 1);
	assert_string_equal(json_get_text(d, "domain"), names[3]);
	assert_null(snapshot_find(s, names[5]));
	cJSON_Delete(o);
	snapshot_unref(&s);
	/* what does not fit is an error, not a document that ends early */
	s = snapshot_of(100);
	buf_fini(&out);
	buf_init(&out, 20000);
	memset(&w, 0, sizeof(w));
	while ((rc = status_json_next(&w, s, 1000, &out)) == 0)
		;
	assert_true(rc < 0);
	buf_fini(&out);
	snapshot_unref(&s);
}

/* As a table needs them: what is there has the names and values that it has in full,
 * and what is nothing is left out. */
static void
a_brief_document(void **state)
{
	struct status_walk w = { .brief = true };
	struct buf out = BUF_INIT(1u << 24);
	struct snapshot *s = snapshot_of(100);
	struct snap_domain *d = snapshot_add(s, "z.test", 1);
	const cJSON *full, *brief, *p;
	cJSON *o, *all;
	char *text;
	int rc;

	(void)state;
	d->state_name = "down";
	d->cause = "refused";
	d->deferred = 7;
	d->next_expiry_ms = 5000000;
	d->on_hold = true;
	d->flush = (struct snap_flush){ .running = true, .total = 9 };
	d->primary[0].label = "mx1.test:25";
	d->primary[0].probed = true;
	d->primary[0].failed_phase = SMTP_PHASE_CONNECT;
	d->primary[0].text = "connection refused";
	while ((rc = status_json_next(&w, s, 1000, &out)) == 0)
		;
	assert_int_equal(rc, 1);
	text = status_json(s, 1000, false);
	assert_true(out.len * 5 < strlen(text));
	o = cJSON_Parse(buf_str(&out));
	all = cJSON_Parse(text);
	brief = cJSON_GetArrayItem(json_get(o, "domains"), 0);
	assert_null(json_get(brief, "cause"));
	assert_int_equal(cJSON_GetArraySize(json_get(brief, "queue")), 0);
	brief = cJSON_GetArrayItem(json_get(o, "domains"), 100);
	full = cJSON_GetArrayItem(json_get(all, "domains"), 100);
	assert_string_equal(json_get_text(brief, "domain"), "z.test");
	assert_string_equal(json_get_text(brief, "state"),
	    json_get_text(full, "state"));
	assert_string_equal(json_get_text(brief, "cause"), "refused");
	assert_int_equal(json_get_num(json_get(brief, "queue"), "messages"), 7);
	assert_int_equal(json_get_num(json_get(brief, "queue"), "next_expiry"),
	    5000);
	assert_true(json_get_bool(json_get(brief, "queue"), "on_hold"));
	assert_int_equal(json_get_num(json_get(brief, "flush"), "total"), 9);
	p = cJSON_GetArrayItem(json_get(brief, "primaries"), 0);
	assert_string_equal(json_get_text(p, "primary"), "mx1.test:25");
	assert_string_equal(json_get_text(p, "failed_phase"), "connect");
	assert_string_equal(json_get_text(p, "text"), "connection refused");
	assert_null(json_get(p, "healthy"));
	cJSON_Delete(o);
	cJSON_Delete(all);
	free(text);
	buf_fini(&out);
	snapshot_unref(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_is_ascending),
		cmocka_unit_test(snapshots_go_in_slices),
		cmocka_unit_test(snapshots_share_what_did_not_change),
		cmocka_unit_test(copies_keep_their_strings),
		cmocka_unit_test(alerts_are_found_by_domain),
		cmocka_unit_test(document_in_pieces),
		cmocka_unit_test(a_brief_document),
	};

	for (unsigned i = 0; i < N; i++)
		snprintf(names[i], sizeof(names[i]), "d%04u", i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
