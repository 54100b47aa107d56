/* SPDX-License-Identifier: ISC
 * The metric table against the enums that its labels stand for, and the
 * reading of each kind of field. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "primary/health.h"
#include "relay/relay.h"
#include "relay/store/store.h"
#include "status/metrics.h"

static const struct metric *
find(const char *name)
{
	for (size_t i = 0; i < nmetrics; i++)
		if (strcmp(metrics[i].name, name) == 0)
			return &metrics[i];
	fail_msg("no metric %s", name);
	return NULL;
}

static void
names_follow_the_docs(void **state)
{
	(void)state;
	for (size_t i = 0; i < nmetrics; i++) {
		const char *n = metrics[i].name;
		size_t len = strlen(n);
		bool total = len > 6 && strcmp(n + len - 6, "_total") == 0;

		assert_int_equal(total, metrics[i].type == METRIC_COUNTER);
		assert_int_equal(metrics[i].bounds != NULL,
		    metrics[i].type == METRIC_HISTOGRAM);
		/* A family is in one place, under one type and text. */
		for (size_t j = 0; j < i; j++)
			if (!metric_continues(&metrics[i]))
				assert_string_not_equal(n, metrics[j].name);
		if (metric_continues(&metrics[i])) {
			assert_int_equal(metrics[i].type, metrics[i - 1].type);
			assert_string_equal(metrics[i].help,
			    metrics[i - 1].help);
		}
	}
}

static void
labels_are_the_enums(void **state)
{
	const struct metric_labels *l = find("watchdog_state")->labels;

	(void)state;
	assert_int_equal(FLUSH_LABEL_MAX, FLUSH_TRIGGER_MAX);
	assert_int_equal(SPOOL_OP_MAX, STORE_OP_MAX);
	for (unsigned i = 0; i < l->n; i++)
		assert_string_equal(l->label[i].name,
		    health_state_name((enum health_state)l->label[i].index));
	l = find("flush_runs_total")->labels;
	for (unsigned i = 0; i < l->n; i++)
		assert_string_equal(l->label[i].name,
		    flush_trigger_name((enum flush_trigger)l->label[i].index));
	l = find("delivery_attempts_failed_total")->labels;
	for (unsigned i = 0; i < l->n; i++)
		assert_string_equal(l->label[i].name,
		    smtp_phase_name((enum smtp_phase)l->label[i].index));
}

static void
each_has_its_own_place(const struct metric *m, const struct metric_labels *l)
{
	for (unsigned i = 0; i < l->n && l->key != NULL; i++) {
		assert_in_range(l->label[i].index, 0, l->stride - 1);
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(l->label[i].name,
			    l->label[j].name);
			if (l->label[i].index == l->label[j].index)
				fail_msg("%s: %s and %s are one counter",
				    m->name, l->label[i].name,
				    l->label[j].name);
		}
	}
}

/* No two values of a label are read from one place, in any set. */
static void
labels_are_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < nmetrics; i++) {
		each_has_its_own_place(&metrics[i], metrics[i].labels);
		each_has_its_own_place(&metrics[i], metrics[i].labels2);
	}
}

static void
values_are_read(void **state)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snapshot_add(s, "a.test", 1);
	int64_t now = 1000000;

	(void)state;
	d->deferred = 7;
	d->state = HEALTH_DOWN;
	d->oldest_ms = now - 5000;
	s->count.rcpt_rejected[SMTPD_CODE_550][SMTPD_REASON_UNKNOWN_RECIPIENT] =
	    3;
	assert_true(metric_value(find("queue_messages"), d, 0, 0, now) == 7);
	assert_true(metric_value(find("queue_messages"), d, 1, 0, now) == 0);
	assert_true(metric_value(find("watchdog_state"), d, 3, 0, now) == 1);
	assert_true(metric_value(find("watchdog_state"), d, 1, 0, now) == 0);
	assert_true(metric_value(find("queue_oldest_message_age_seconds"), d, 0,
			0, now) == 5);
	assert_true(isinf(metric_value(
	    find("queue_next_expiry_timestamp_seconds"), d, 0, 0, now)));
	assert_true(metric_value(find("smtpd_recipients_rejected_total"), s, 4,
			1, now) == 3);
	assert_true(metric_value(find("spool_accepting"), s, 0, 0, now) == 1);
	s->spool_state = STORE_FULL;
	assert_true(metric_value(find("spool_accepting"), s, 0, 0, now) == 0);
	snapshot_unref(&s);
}

static void
domains_keep_their_counters(void **state)
{
	struct stats *st = stats_create();
	struct domain_stats *b = stats_domain_add(st, "b.test");
	struct domain_stats *a = stats_domain_add(st, "a.test");

	(void)state;
	assert_ptr_equal(stats_domain(st, "b.test"), b);
	assert_ptr_equal(stats_domain_add(st, "a.test"), a);
	assert_ptr_equal(stats_domain(st, "c.test"), &st->other);
	assert_int_equal(stats_domain_count(st), 2);
	assert_ptr_equal(stats_peek(st, "a.test"), a);
	assert_null(stats_peek(st, "c.test"));
	stats_rcpt_rejected(st, 550, SMTPD_REASON_UNKNOWN_RECIPIENT);
	stats_rcpt_rejected(st, 599, SMTPD_REASON_OTHER);
	assert_int_equal(
	    st->g.rcpt_rejected[SMTPD_CODE_550][SMTPD_REASON_UNKNOWN_RECIPIENT],
	    1);
	assert_int_equal(
	    st->g.rcpt_rejected[SMTPD_CODE_554][SMTPD_REASON_OTHER], 1);
	stats_destroy(&st);
}

/* What was counted goes to all that are gone; whoever comes back begins anew, and is
 * no turn's any more meanwhile. */
static void
a_dropped_domain_is_gone(void **state)
{
	struct stats *st = stats_create();
	struct domain_stats *a = stats_domain_add(st, "a.test");
	const char *name;

	(void)state;
	stats_domain_add(st, "b.test");
	a->accepted_messages = 3;
	a->breaker = 5;
	stats_mark(st, 1);
	stats_round(st);
	stats_domain_drop(st, "a.test", false);
	stats_domain_drop(st, "c.test", false);
	assert_int_equal(st->gone.accepted_messages, 3);
	assert_int_equal(st->gone.breaker, 5);
	assert_null(stats_peek(st, "a.test"));
	assert_ptr_equal(stats_domain(st, "a.test"), &st->other);
	stats_touch(st, "a.test");
	assert_non_null(stats_take(st, &name));
	assert_string_equal(name, "b.test");
	assert_null(stats_take(st, &name));
	a->accepted_messages++; /* by somebody who still has it */
	assert_ptr_equal(stats_domain_add(st, "a.test"), a);
	assert_int_equal(a->accepted_messages, 0);
	assert_int_equal(stats_recent(st, a, STATS_DAY).delivered, 0);
	stats_round(st);
	assert_ptr_equal(stats_take(st, &name), a);
	stats_domain_drop(st, "a.test", false);
	assert_int_equal(st->gone.accepted_messages, 3);
	stats_destroy(&st);
}

/* A round has each domain that was touched before it, once, in the order of
 * touching; what is touched meanwhile is of the next one. */
static void
touched_domains_come_once(void **state)
{
	struct stats *st = stats_create();
	char name[32];
	const char *got;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		stats_domain_add(st, name);
	}
	assert_null(stats_take(st, &got));
	stats_round(st);
	stats_touch(st, "unknown.test");
	while (stats_take(st, &got) != NULL) {
		snprintf(name, sizeof(name), "d%u.test", n++);
		assert_string_equal(got, name);
	}
	assert_int_equal(n, 1000);
	stats_round(st);
	assert_null(stats_take(st, &got));

	stats_touch(st, "d7.test");
	stats_domain(st, "d5.test")->attempts++;
	stats_touch(st, "d7.test");
	(void)stats_peek(st, "d1.test");
	stats_round(st);
	assert_non_null(stats_take(st, &got));
	assert_string_equal(got, "d7.test");
	stats_touch(st, "d7.test");
	stats_round(st); /* this one is not through */
	assert_int_equal(stats_take(st, &got)->attempts, 1);
	assert_string_equal(got, "d5.test");
	assert_null(stats_take(st, &got));
	stats_round(st);
	assert_non_null(stats_take(st, &got));
	assert_string_equal(got, "d7.test");
	assert_null(stats_take(st, &got));
	stats_destroy(&st);
}

#define QUARTER (900 * CLOCK_SEC)

/* The windows are those of the clock that does not jump, whatever it showed at
 * the start, and what was before them is gone. */
static void
fates_of_the_last_hour_and_day(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		int64_t t0 = k == 0 ? 0 : 1000 * QUARTER + 17, i;
		struct stats *st = stats_create();
		struct domain_stats *d = stats_domain_add(st, "a.test");
		struct domain_fate f;

		(void)state;
		stats_mark(st, t0);
		for (i = 0; i < 200; i++) { /* one in each quarter */
			assert_ptr_equal(stats_domain(st, "a.test"), d);
			d->delivered += 10;
			d->bounced[i % STATUS_LABEL_MAX]++;
			f = stats_recent(st, d, STATS_HOUR);
			assert_int_equal(f.bounced, i < 4 ? i + 1 : 5);
			assert_int_equal(f.delivered, 10 * f.bounced);
			assert_int_equal(f.expired, 0);
			f = stats_recent(st, d, STATS_DAY);
			assert_int_equal(f.bounced, i < 96 ? i + 1 : 97);
			stats_mark(st, t0 + (i + 1) * QUARTER - 20);
			stats_mark(st, t0 + (i + 1) * QUARTER);
		}
		/* Asleep for two days: nothing of late. */
		stats_mark(st, t0 + (i + 192) * QUARTER);
		f = stats_recent(st, d, STATS_DAY);
		assert_int_equal(f.bounced, 0);
		stats_domain(st, "a.test")->expired = 3;
		f = stats_recent(st, d, STATS_HOUR);
		assert_int_equal(f.expired, 3);
		stats_destroy(&st);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_docs),
		cmocka_unit_test(labels_are_the_enums),
		cmocka_unit_test(labels_are_apart),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(domains_keep_their_counters),
		cmocka_unit_test(a_dropped_domain_is_gone),
		cmocka_unit_test(touched_domains_come_once),
		cmocka_unit_test(fates_of_the_last_hour_and_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
