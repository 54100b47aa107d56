/* SPDX-License-Identifier: ISC
 * Drills without a network: records, the schedule, the message, and how one is
 * followed from its record on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "drill/drill.h"
#include "drill/mail.h"
#include "drill/record.h"

#define DAY  (INT64_C(24) * 3600 * 1000)
#define WEEK (7 * DAY)
#define NOW  INT64_C(1800000000000)

/* ---- records */

static void
assert_same(const struct drill_record *a, const struct drill_record *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->began_ms, b->began_ms);
	assert_int_equal(a->deadline_ms, b->deadline_ms);
	assert_int_equal(a->ended_ms, b->ended_ms);
	assert_int_equal(a->ok, b->ok);
	assert_int_equal(a->took_ms, b->took_ms);
	assert_string_equal(a->text, b->text);
}

static void
test_record_comes_back(void **state)
{
	const struct drill_record cases[] = {
		{ .id = UINT64_C(0x6A1F03C2B47) << 8,
		    .began_ms = NOW,
		    .deadline_ms = NOW + 3600000 },
		{ .ended_ms = NOW,
		    .ok = true,
		    .took_ms = 800,
		    .text = "250 2.0.0 Ok: queued as 4Bz9" },
		{ .ended_ms = NOW, .took_ms = 5, .text = "" },
		{ .id = 256, .began_ms = 1, .deadline_ms = 2, .ended_ms = 3 },
		{ 0 },
	};
	struct buf text = BUF_INIT(DRILL_RECORD_MAX);
	struct drill_record r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		buf_clear(&text);
		drill_record_write(&cases[i], &text);
		assert_int_equal(drill_record_read(&r, text.data, text.len), 0);
		assert_same(&r, &cases[i]);
	}
	buf_fini(&text);
}

static void
test_record_that_fits(void **state)
{
	struct drill_record r = { .id = UINT64_MAX,
		.began_ms = INT64_MAX,
		.deadline_ms = INT64_MAX,
		.ended_ms = INT64_MAX,
		.took_ms = INT64_MAX };
	struct buf text = BUF_INIT(DRILL_RECORD_MAX);
	struct drill_record back;

	(void)state;
	memset(r.text, 'x', sizeof(r.text) - 1);
	drill_record_write(&r, &text);
	assert_int_equal(drill_record_read(&back, text.data, text.len), 0);
	assert_same(&back, &r);
	buf_fini(&text);
}

static void
test_records_that_do_not_hold(void **state)
{
	static const char *const bad[] = { "", "1", "2 - 0 0 0 never 0 ",
		"1 - 0 0 0 never 0", "1 zz 0 0 0 never 0 ",
		"1 - -1 0 0 never 0 ", "1 - 0 0 0 delivered 0 ",
		"1 - 0 0 5 never 0 x", "1 - 0 0 5 perhaps 0 x",
		"1 - 0 0 5 failed x x" };
	char long_text[DRILL_RECORD_MAX + 2];
	struct drill_record r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(bad); i++)
		assert_int_equal(drill_record_read(&r, bad[i], strlen(bad[i])),
		    -MX_ECORRUPT);
	assert_int_equal(drill_record_read(&r, "1 - 0 0 0 never 0 \0", 19),
	    -MX_ECORRUPT);
	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text, "1 - 0 0 5 failed 0 ", 19);
	assert_int_equal(drill_record_read(&r, long_text, DRILL_RECORD_MAX + 1),
	    -MX_ECORRUPT);
	assert_int_equal(drill_record_read(&r, long_text, 19 + DRILL_TEXT_MAX),
	    -MX_ECORRUPT);
	assert_int_equal(r.ended_ms, 0);
}

/* ---- the schedule */

static void
test_never(void **state)
{
	const struct drill_record r = { .ended_ms = NOW, .ok = true };

	(void)state;
	assert_int_equal(drill_record_next(&r, 0, 7, NOW), INT64_MAX);
}

/* The first one is within a period, at the same moment whenever asked, and
 * spread over the period by the name. */
static void
test_the_first_one(void **state)
{
	static const char *const names[] = { "a.test", "b.test", "c.test",
		"d.test" };
	const struct drill_record none = { 0 };
	int64_t at[MX_COUNT(names)];
	uint64_t seed;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(names); i++) {
		seed = hash_text(HASH_INIT, names[i]);
		at[i] = drill_record_next(&none, WEEK, seed, NOW);
		assert_in_range(at[i], NOW, NOW + WEEK);
		assert_int_equal(drill_record_next(&none, WEEK, seed, at[i]),
		    at[i]);
		assert_int_equal(
		    drill_record_next(&none, WEEK, seed, at[i] - 1), at[i]);
		assert_int_equal(
		    drill_record_next(&none, WEEK, seed, at[i] + 1),
		    at[i] + WEEK);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(at[i] / DAY, at[j] / DAY);
	}
}

static void
test_the_next_one(void **state)
{
	const struct drill_record none = { 0 };
	int64_t slot = drill_record_next(&none, WEEK, 12345, NOW);
	struct drill_record r = { .ended_ms = slot + 900, .ok = true };

	(void)state;
	/* one that was in its slot: a period later */
	assert_int_equal(drill_record_next(&r, WEEK, 12345, slot + 1000),
	    slot + WEEK);
	/* one by hand shortly before the slot counts for it */
	r.ended_ms = slot - DAY;
	assert_int_equal(drill_record_next(&r, WEEK, 12345, slot), slot + WEEK);
	/* and one long before does not */
	r.ended_ms = slot - 4 * DAY;
	assert_int_equal(drill_record_next(&r, WEEK, 12345, slot - DAY), slot);
	/* a slot that was missed is due now */
	assert_int_equal(drill_record_next(&r, WEEK, 12345, slot + DAY), slot);
	/* a failure is tried again sooner */
	r.ok = false;
	assert_int_equal(drill_record_next(&r, WEEK, 12345, slot),
	    r.ended_ms + DAY);
	/* a clock that was set back does not put it off for ever */
	r = (struct drill_record){ .ended_ms = NOW + 1000 * WEEK, .ok = true };
	assert_true(drill_record_next(&r, WEEK, 12345, NOW) <= NOW + 2 * WEEK);
}

/* ---- the message */

static void
test_mail(void **state)
{
	struct drill_letter l = { .hostname = "mx2.example.net",
		.domain = "example.org",
		.recipient = "postmaster@example.org",
		.wall = 1800000000 };
	struct buf out = BUF_INIT(DRILL_MAIL_MAX);
	char mark[DRILL_MARK_MAX];
	const char *s;

	(void)state;
	drill_mark(1, UINT64_MAX, mark);
	assert_string_equal(mark,
	    "mxwatch-drill-0000000000000001ffffffffffffffff");
	l.mark = mark;
	drill_mail_write(&l, &out);
	s = buf_str(&out);
	assert_non_null(strstr(s, "From: postmaster@mx2.example.net\r\n"));
	assert_non_null(strstr(s, "To: <postmaster@example.org>\r\n"));
	assert_non_null(strstr(s, "Subject: mxwatch drill of example.org\r\n"));
	assert_non_null(strstr(s, "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"));
	assert_non_null(strstr(s, "Auto-Submitted: auto-generated\r\n"));
	assert_non_null(strstr(s, "X-Mxwatch-Drill: mxwatch-drill-0"));
	for (const char *lf = s; (lf = strchr(lf, '\n')) != NULL; lf++)
		assert_int_equal(lf[-1], '\r');
	buf_fini(&out);
}

static void
test_longest_mail(void **state)
{
	char host[TEXT_DOMAIN_MAX], rcpt[DRILL_RCPT_MAX], mark[DRILL_MARK_MAX];
	struct drill_letter l = { .hostname = host,
		.domain = host,
		.recipient = rcpt,
		.mark = mark };
	struct buf out = BUF_INIT(DRILL_MAIL_MAX);

	(void)state;
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	memset(rcpt, 'r', sizeof(rcpt) - 1);
	rcpt[sizeof(rcpt) - 1] = '\0';
	drill_mark(UINT64_MAX, UINT64_MAX, mark);
	drill_mail_write(&l, &out);
	for (const char *s = buf_str(&out); *s != '\0';
	     s += strcspn(s, "\n") + 1)
		assert_true(strcspn(s, "\n") <= 999); /* RFC 5321 4.5.3.1.6 */
	buf_fini(&out);
}

/* ---- following one, from its record */

struct world {
	struct loop *loop;
	struct drill_set *set;
	struct reach_env env;
	char stored[DRILL_RECORD_MAX + 1];
	unsigned puts, ended;
	uint64_t removed;
	int remove_rc;
};

static bool
yes(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
	return true;
}

static bool
no_obstacle(void *arg, const char *domain, char *dst, size_t size)
{
	(void)arg;
	(void)domain;
	(void)dst;
	(void)size;
	return false;
}

static void
on_put(void *arg, const char *domain, const void *data, size_t len)
{
	struct world *w = arg;

	assert_string_equal(domain, "a.test");
	memcpy(w->stored, data, len);
	w->stored[len] = '\0';
	w->puts++;
}

static void
on_quit(void *arg)
{
	struct world *w = arg;

	loop_stop(w->loop);
}

static int
on_remove(void *arg, uint64_t id)
{
	struct world *w = arg;

	w->removed = id;
	loop_stop(w->loop);
	return w->remove_rc;
}

static void
on_changed(void *arg, const char *domain, enum drill_change what,
    const struct drill_record *r)
{
	struct world *w = arg;

	(void)domain;
	(void)r;
	if (what != DRILL_ENDED)
		return;
	w->ended++;
	loop_stop(w->loop);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct drill_ops ops = { .ours = yes,
		.may_begin = yes,
		.obstacle = no_obstacle,
		.put = on_put,
		.remove = on_remove,
		.changed = on_changed,
		.arg = w };

	w->loop = loop_create();
	w->env.loop = w->loop;
	w->set = drill_create(&w->env, &ops);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	drill_destroy(&w->set);
	loop_destroy(&w->loop);
	free(w);
	return 0;
}

/* One that was queued before this process, with so long to go. */
static void
tell_running(struct world *w, int64_t left_ms)
{
	struct drill_record r = { .id = 0x100,
		.began_ms = clock_wall_ms() - 5000,
		.deadline_ms = clock_wall_ms() + left_ms };
	struct buf text = BUF_INIT(DRILL_RECORD_MAX);

	drill_record_write(&r, &text);
	drill_told(w->set, "a.test", text.data, text.len);
	buf_fini(&text);
}

static struct snap_drill
shown(const struct world *w)
{
	struct snap_drill s = { .text = "" };

	(void)drill_show(w->set, "a.test", &s);
	return s;
}

static void
test_resumed_and_delivered(void **state)
{
	struct world *w = *state;
	const struct drill_step tried = { .outcome = DRILL_OK,
		.code = 250,
		.text = "Ok" };
	struct drill_step s;

	tell_running(w, 60000);
	assert_true(shown(w).began_ms != 0 && shown(w).ended_ms == 0);
	drill_tried(w->set, "a.test", 0x200, &tried); /* another message */
	assert_false(drill_step(w->set, 1, 1, &s));
	drill_tried(w->set, "a.test", 0x100, &tried);
	drill_over(w->set, "a.test", 0x100, true, "");
	assert_true(drill_step(w->set, 1, 0, &s) && s.kind == DRILL_SPOOL);
	assert_true(drill_step(w->set, 1, 1, &s) && s.kind == DRILL_DELIVERY);
	assert_true(drill_step(w->set, 1, 2, &s) && s.kind == DRILL_END);
	assert_false(drill_step(w->set, 1, 3, &s));
	assert_string_equal(s.text, "250 Ok");
	assert_true(shown(w).ok && shown(w).began_ms == 0);
	assert_true(shown(w).took_seconds >= 5);
	assert_non_null(strstr(w->stored, " delivered "));
	drill_over(w->set, "a.test", 0x100, false, "again");
	assert_int_equal(w->ended, 1);
}

static void
test_many_attempts(void **state)
{
	struct world *w = *state;
	struct drill_step s = { .outcome = DRILL_DEFERRED, .code = 451 };

	tell_running(w, 60000);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(s.text, sizeof(s.text), "try %u", i);
		drill_tried(w->set, "a.test", 0x100, &s);
	}
	drill_over(w->set, "a.test", 0x100, false, "refused");
	assert_true(drill_step(w->set, 1, DRILL_STEPS_MAX - 1, &s));
	assert_int_equal(s.kind, DRILL_END);
	assert_string_equal(s.text, "refused: 451 try 99");
	assert_true(drill_step(w->set, 1, DRILL_STEPS_MAX - 2, &s));
	assert_string_equal(s.text, "try 99");
}

static void
run_for(struct world *w, int64_t ms)
{
	struct loop_timer *t = loop_timer_create(w->loop, on_quit, w);

	loop_timer_set(t, ms);
	loop_run(w->loop);
	loop_timer_destroy(&t);
}

static void
test_deadline(void **state)
{
	struct world *w = *state;

	tell_running(w, 0);
	run_for(w, 5000);
	assert_int_equal(w->removed, 0x100);
	assert_int_equal(w->ended, 0); /* not before it has left */
	drill_over(w->set, "a.test", 0x100, false, "removed");
	assert_int_equal(w->ended, 1);
	assert_string_equal(shown(w).text, "not delivered in time");
	assert_non_null(strstr(w->stored, " failed "));
}

/* The queue has nothing of that id. */
static void
test_lost(void **state)
{
	struct world *w = *state;

	w->remove_rc = -MX_ENOENT;
	tell_running(w, 0);
	run_for(w, 5000);
	assert_int_equal(w->ended, 1);
	assert_false(shown(w).ok);
}

static void
test_records_of_other_nodes(void **state)
{
	struct world *w = *state;
	static const char ended[] = "1 - 0 0 1800000000000 failed 9 no";

	tell_running(w, 60000);
	drill_told(w->set, "a.test", ended, sizeof(ended) - 1);
	assert_true(shown(w).began_ms == 0);
	assert_string_equal(shown(w).text, "no");
	assert_int_equal(w->puts, 0);
	drill_told(w->set, "a.test", "x", 1); /* it does not hold */
	assert_int_equal(shown(w).ended_ms, 0);
	drill_told(w->set, "a.test", ended, sizeof(ended) - 1);
	drill_forget(w->set, "a.test");
	assert_false(shown(w).known);
	assert_string_equal(w->stored, "");
	assert_int_equal(w->puts, 1);
}

/* The steps of the last ones are kept, and no more. */
static void
test_steps_are_bounded(void **state)
{
	struct world *w = *state;
	struct drill_step s;

	for (unsigned i = 0; i < DRILL_ENDED_MAX + 5; i++) {
		tell_running(w, 60000);
		drill_over(w->set, "a.test", 0x100, true, "");
	}
	assert_false(drill_step(w->set, 5, 0, &s));
	assert_true(drill_step(w->set, 6, 0, &s));
	assert_true(drill_step(w->set, DRILL_ENDED_MAX + 5, 1, &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_comes_back),
		cmocka_unit_test(test_record_that_fits),
		cmocka_unit_test(test_records_that_do_not_hold),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_the_first_one),
		cmocka_unit_test(test_the_next_one),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_longest_mail),
		cmocka_unit_test_setup_teardown(test_resumed_and_delivered,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_attempts, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_records_of_other_nodes,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_steps_are_bounded, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
