/* SPDX-License-Identifier: ISC
 * test_maintenance: what is in a window when, and that each begins and ends once,
 * whatever the clock, a reload or a restart does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "daemon/maintenance.h"

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)
#define T0   INT64_C(1796094000) /* Tuesday, 2026-12-01 03:00 UTC */

/* What began and ended, in order: "+id " and "-id ", of a section its name; "x id"
 * when a record may go. */
static char told[4096];

static void
on_edge(void *arg, const struct maintenance *m, bool begin)
{
	char what[100];

	(void)arg;
	assert_int_equal(m->state == MAINTENANCE_ACTIVE, begin);
	if (m->conf != NULL)
		snprintf(what, sizeof(what), "%c%s ", begin ? '+' : '-',
		    maintenance_name(m));
	else
		snprintf(what, sizeof(what), "%c%" PRIu64 " ",
		    begin ? '+' : '-', m->id);
	assert_true(strlcat(told, what, sizeof(told)) < sizeof(told));
}

static void
on_gone(void *arg, uint64_t id)
{
	char what[40];

	(void)arg;
	snprintf(what, sizeof(what), "x%" PRIu64 " ", id);
	assert_true(strlcat(told, what, sizeof(told)) < sizeof(told));
}

static struct maintenance_set *
create(void)
{
	struct maintenance_ops ops = { .edge = on_edge, .gone = on_gone };

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	told[0] = '\0';
	return maintenance_create(&ops);
}

static void
step(struct maintenance_set *s, int64_t now)
{
	for (unsigned i = 0; maintenance_step(s, now); i++)
		assert_true(i < 100);
}

static void
expect(const char *what)
{
	assert_string_equal(told, what);
	told[0] = '\0';
}

static int
add(struct maintenance_set *s, const char *subject, bool is_primary,
    int64_t from, int64_t until, bool hold)
{
	struct maintenance m = { .is_primary = is_primary,
		.from = from,
		.until = until,
		.hold = hold,
		.uid = 1000 };

	(void)strlcpy(m.subject, subject, sizeof(m.subject));
	return maintenance_add(s, &m, T0);
}

static struct config *
conf_of(const char *text)
{
	char *all = mem_printf("hostname = mx2.test\n"
			       "domain \"a.test\" { primary = \"mx.test\" }\n"
			       "%s",
	    text);
	struct conf_errors errs;
	struct config *c = config_parse("f", all, strlen(all), &errs);

	if (c == NULL)
		fail_msg("%s", errs.e[0].text);
	conf_errors_fini(&errs);
	mem_free(&all);
	return c;
}

static void
configure(struct maintenance_set *s, const char *text, int64_t now)
{
	struct config *c = conf_of(text);

	maintenance_configure(s, c, now);
	config_unref(&c);
	step(s, now);
}

#define TUESDAY                                                                \
	"maintenance \"tue\" { domains = {\"a.test\"} every = \"tue 02:00\" "  \
	"for = 2h }\n"

/* "hold" or "flow" and until when, relative to T0; "no". */
static const char *
domain(const struct maintenance_set *s, const char *name, const char *mx1,
    const char *mx2)
{
	static char is[64];
	const char *labels[2] = { mx1, mx2 };
	unsigned n = (mx1 != NULL) + (mx2 != NULL);
	struct maintenance_view v;
	bool yes = maintenance_of_domain(s, name, labels, n, &v);

	assert_int_equal(yes, v.active);
	assert_int_equal(yes, v.by != NULL);
	if (!yes)
		return "no";
	snprintf(is, sizeof(is), "%s %" PRId64, v.hold ? "hold" : "flow",
	    (v.until - T0) / HOUR);
	return is;
}

/* ---- once */

static void
comes_once(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	assert_int_equal(
	    add(s, "a.test", false, T0 + HOUR, T0 + 2 * HOUR, true), 0);
	step(s, T0);
	expect("");
	assert_false(maintenance_any(s));
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	step(s, T0 + HOUR - 1);
	expect("");
	step(s, T0 + HOUR);
	expect("+1 ");
	assert_true(maintenance_any(s));
	assert_string_equal(domain(s, "a.test", NULL, NULL), "hold 2");
	assert_string_equal(domain(s, "b.test", NULL, NULL), "no");
	step(s, T0 + 2 * HOUR - 1);
	expect("");
	step(s, T0 + 2 * HOUR);
	expect("-1 x1 ");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	step(s, T0 + 3 * HOUR);
	expect("");
	maintenance_destroy(&s);
}

static void
refuses_what_is_no_window(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	assert_int_equal(add(s, "a.test", false, T0, T0, false), -MX_ESYNTAX);
	assert_int_equal(add(s, "a.test", false, T0 + 9, T0 + 8, false),
	    -MX_ESYNTAX);
	assert_int_equal(add(s, "a.test", false, T0 - 9, T0, false),
	    -MX_ESYNTAX);
	configure(s, "maintenance_max = 2\n", T0);
	assert_int_equal(add(s, "a.test", false, T0, T0 + 9, false), 0);
	assert_int_equal(add(s, "a.test", false, T0, T0 + 9, false), 0);
	assert_int_equal(add(s, "a.test", false, T0, T0 + 9, false), -MX_EFULL);
	step(s, T0 + 9); /* both are over before they began */
	expect("x1 x2 ");
	assert_int_equal(add(s, "a.test", false, T0, T0 + 19, false), 0);
	maintenance_destroy(&s);
}

static void
is_ended_by_an_operator(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	assert_int_equal(add(s, "a.test", false, T0, T0 + HOUR, false), 0);
	assert_int_equal(add(s, "b.test", false, T0 + 5, T0 + HOUR, false), 0);
	step(s, T0);
	expect("+1 ");
	assert_int_equal(maintenance_end(s, "3", T0), -MX_ENOENT);
	assert_int_equal(maintenance_end(s, "-1", T0), -MX_ENOENT);
	assert_int_equal(maintenance_end(s, "tue", T0), -MX_ENOENT);
	assert_int_equal(maintenance_end(s, "1", T0), 0);
	expect("-1 x1 ");
	assert_int_equal(maintenance_end(s, "2", T0), 0);
	expect("x2 ");
	step(s, T0 + 10);
	expect("");
	maintenance_destroy(&s);
}

/* ---- again and again */

static void
comes_again(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0 - 2 * HOUR);
	expect("");
	step(s, T0 - HOUR);
	expect("+tue ");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "flow 1");
	step(s, T0 + HOUR);
	expect("-tue ");
	step(s, T0 + 7 * DAY - HOUR - 1);
	expect("");
	step(s, T0 + 7 * DAY - HOUR);
	expect("+tue ");
	step(s, T0 + 30 * DAY); /* the machine slept */
	expect("-tue ");
	step(s, T0 + 35 * DAY);
	expect("+tue ");
	maintenance_destroy(&s);
}

static void
begins_in_the_middle(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0);
	expect("+tue ");
	step(s, T0 + HOUR);
	expect("-tue ");
	maintenance_destroy(&s);
}

static void
is_ended_early(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0 - 2 * HOUR);
	assert_int_equal(maintenance_end(s, "tue", T0 - 2 * HOUR), -MX_EBUSY);
	step(s, T0);
	expect("+tue ");
	assert_int_equal(maintenance_end(s, "tue", T0), 0);
	expect("-tue ");
	step(s, T0 + 1);
	expect("");
	configure(s, TUESDAY "maintenance_max = 9\n", T0 + 2); /* a reload */
	expect("");
	step(s, T0 + 7 * DAY);
	expect("+tue ");
	maintenance_destroy(&s);

	/* the same over a restart */
	s = create();
	maintenance_ended(s, "tue", T0 + HOUR);
	maintenance_ended(s, "other", T0 + HOUR);
	configure(s, TUESDAY, T0 + 3);
	expect("");
	step(s, T0 + 7 * DAY);
	expect("+tue ");
	maintenance_destroy(&s);
}

static void
goes_on_over_a_reload(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0);
	assert_int_equal(add(s, "b.test", false, T0, T0 + DAY, false), 0);
	step(s, T0);
	expect("+tue +1 ");
	configure(s,
	    "maintenance \"a\" { domains = {\"a.test\"} every = \"daily "
	    "22:00\" for = 1h }\n"
	    "maintenance \"tue\" { primaries = {\"mx.test:25\"} "
	    "every = \"tue 02:00\" for = 2h hold = yes }\n",
	    T0 + 1);
	expect("");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	assert_string_equal(domain(s, "a.test", "mx.test", NULL), "hold 1");
	assert_string_equal(domain(s, "b.test", NULL, NULL), "flow 24");
	configure(s, /* a longer one is another one */
	    "maintenance \"tue\" { domains = {\"a.test\"} "
	    "every = \"tue 02:00\" for = 3h }\n",
	    T0 + 2);
	expect("-tue +tue ");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "flow 2");
	configure(s, "", T0 + 3); /* it is taken out */
	expect("-tue ");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	configure(s, TUESDAY, T0 + 4); /* and put back */
	expect("+tue ");
	step(s, T0 + HOUR);
	expect("-tue ");
	maintenance_destroy(&s);
}

/* Domains of elsewhere make another configuration each time; of the same file. */
static void
is_left_alone(void **state)
{
	struct maintenance_set *s = create();
	struct config *c = conf_of(TUESDAY);

	(void)state;
	maintenance_configure(s, c, T0);
	step(s, T0);
	expect("+tue ");
	maintenance_configure(s, c, T0 + 1);
	step(s, T0 + 1);
	expect("");
	config_unref(&c);
	maintenance_destroy(&s);
}

/* ---- who is covered */

static void
covers_by_primaries(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	assert_int_equal(add(s, "mx1.test", true, T0, T0 + HOUR, true), 0);
	assert_int_equal(add(s, "mx2.test", true, T0, T0 + 3 * HOUR, false), 0);
	assert_int_equal(add(s, "mx3.test", true, T0, T0 + 5 * HOUR, true), 0);
	step(s, T0);
	assert_string_equal(domain(s, "a.test", "mx1.test", NULL), "hold 1");
	assert_string_equal(domain(s, "a.test", "mx.test", NULL), "no");
	/* another one takes its mail: nothing of that is expected to fail */
	assert_string_equal(domain(s, "a.test", "mx1.test", "mx.test"), "no");
	assert_string_equal(domain(s, "a.test", "mx.test", "mx1.test"), "no");
	/* as long as all are in one; held when all of them hold */
	assert_string_equal(domain(s, "a.test", "mx1.test", "mx2.test"),
	    "flow 1");
	assert_string_equal(domain(s, "a.test", "mx3.test", "mx1.test"),
	    "hold 1");
	/* a name of the one kind is none of the other */
	assert_string_equal(domain(s, "mx1.test", NULL, NULL), "no");
	assert_string_equal(domain(s, "a.test", "a.test", NULL), "no");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	/* by itself and by them: the longer one, and a hold is a hold */
	assert_int_equal(add(s, "a.test", false, T0, T0 + 2 * HOUR, false), 0);
	step(s, T0 + 1);
	assert_string_equal(domain(s, "a.test", "mx1.test", NULL), "hold 2");
	assert_string_equal(domain(s, "a.test", "mx3.test", NULL), "hold 5");
	assert_string_equal(domain(s, "a.test", "mx.test", NULL), "flow 2");
	maintenance_destroy(&s);
}

static void
windows_overlap(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	assert_int_equal(add(s, "a.test", false, T0, T0 + 2 * HOUR, false), 0);
	assert_int_equal(
	    add(s, "a.test", false, T0 + HOUR, T0 + 3 * HOUR, true), 0);
	step(s, T0);
	assert_string_equal(domain(s, "a.test", NULL, NULL), "flow 2");
	step(s, T0 + HOUR);
	assert_string_equal(domain(s, "a.test", NULL, NULL), "hold 3");
	step(s, T0 + 2 * HOUR);
	assert_string_equal(domain(s, "a.test", NULL, NULL), "hold 3");
	step(s, T0 + 3 * HOUR);
	assert_string_equal(domain(s, "a.test", NULL, NULL), "no");
	expect("+1 +2 -1 x1 -2 x2 ");
	maintenance_destroy(&s);
}

static void
on_primary(void *arg, const char *label, bool begins,
    const struct maintenance *m)
{
	(void)arg;
	(void)m;
	(void)strlcat(told, begins ? ">" : "<", sizeof(told));
	(void)strlcat(told, label, sizeof(told));
	(void)strlcat(told, " ", sizeof(told));
}

/* Of two windows of one primary the first begins it and the last ends it. */
static void
a_primary_is_told_of_once(void **state)
{
	struct maintenance_ops ops = { .primary = on_primary };
	struct maintenance_set *s = maintenance_create(&ops);

	(void)state;
	told[0] = '\0';
	assert_int_equal(add(s, "mx1.test", true, T0, T0 + 2 * HOUR, false), 0);
	assert_int_equal(
	    add(s, "mx1.test", true, T0 + HOUR, T0 + 3 * HOUR, true), 0);
	assert_int_equal(add(s, "a.test", false, T0, T0 + HOUR, false), 0);
	step(s, T0);
	expect(">mx1.test ");
	step(s, T0 + HOUR);
	step(s, T0 + 2 * HOUR);
	expect("");
	step(s, T0 + 3 * HOUR);
	expect("<mx1.test ");
	configure(s,
	    "maintenance \"x\" { primaries = {\"a.test\", \"b.test\"} "
	    "every = \"tue 02:00\" for = 2h }\n",
	    T0);
	expect(">a.test >b.test ");
	configure(s,
	    "maintenance \"x\" { primaries = {\"b.test\", \"c.test\"} "
	    "every = \"tue 02:00\" for = 2h }\n",
	    T0 + 1);
	expect(">c.test <a.test ");
	maintenance_destroy(&s);
}

static void
labels_are_those_of_routes(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s,
	    "maintenance \"x\" { primaries = {\"MX.test:25\", "
	    "\"mx.test:2525\", \"[192.0.2.7]:25\", \"[2001:db8::1]:2525\"} "
	    "every = \"tue 02:00\" for = 2h }\n",
	    T0);
	assert_string_equal(domain(s, "a.test", "mx.test", NULL), "flow 1");
	assert_string_equal(domain(s, "a.test", "mx.test:2525", NULL),
	    "flow 1");
	assert_string_equal(domain(s, "a.test", "192.0.2.7", NULL), "flow 1");
	assert_string_equal(domain(s, "a.test", "[2001:db8::1]:2525", NULL),
	    "flow 1");
	maintenance_destroy(&s);
}

/* ---- the clock */

static void
a_clock_set_back_undoes_nothing(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0 - 2 * HOUR); /* 02:00 to 04:00 */
	assert_int_equal(add(s, "b.test", false, T0, T0 + HOUR, false), 0);
	step(s, T0);
	expect("+tue +1 ");
	step(s, T0 - HOUR - 60); /* before both began */
	expect("");
	assert_string_equal(domain(s, "a.test", NULL, NULL), "flow 1");
	step(s, T0);
	expect("");
	step(s, T0 + HOUR);
	expect("-tue -1 x1 ");
	step(s, T0); /* within what was */
	expect("");
	step(s, T0 - HOUR - 60);
	expect("");
	step(s, T0 - HOUR);
	step(s, T0 + HOUR);
	expect("");
	step(s, T0 + 7 * DAY);
	expect("+tue ");
	maintenance_destroy(&s);
}

/* A clock that was years ahead has begun what is not to come for years. */
static void
a_clock_that_was_wrong_counts_for_nothing(void **state)
{
	struct maintenance_set *s = create();

	(void)state;
	configure(s, TUESDAY, T0 - DAY);
	step(s, T0 + 7 * 500 * DAY);
	expect("+tue ");
	step(s, T0 - DAY);
	expect("-tue ");
	step(s, T0);
	expect("+tue ");
	step(s, T0 + HOUR);
	expect("-tue ");
	step(s, T0 + 7 * 500 * DAY + DAY);
	step(s, T0 + 2 * HOUR);
	expect("");
	step(s, T0 + 7 * DAY);
	expect("+tue ");
	maintenance_destroy(&s);
}

/* ---- over a restart */

static void
is_written_and_read(void **state)
{
	struct maintenance m = { .from = T0,
		.until = T0 + HOUR,
		.hold = true,
		.uid = 1000,
		.is_primary = true };
	struct buf b = BUF_INIT(MAINTENANCE_RECORD_MAX);
	struct maintenance r;
	struct maintenance_set *s = create();

	(void)state;
	(void)strlcpy(m.subject, "[2001:db8::1]:2525", sizeof(m.subject));
	memset(m.reason, 'r', sizeof(m.reason) - 1);
	m.reason[3] = ' ';
	maintenance_write(&m, &b);
	assert_int_equal(maintenance_read(&r, 7, b.data, b.len), 0);
	assert_int_equal(r.id, 7);
	assert_string_equal(r.subject, m.subject);
	assert_string_equal(r.reason, m.reason);
	assert_true(r.hold && r.is_primary);
	assert_int_equal(r.from, T0);
	assert_int_equal(r.until, T0 + HOUR);
	assert_int_equal(r.uid, 1000);
	for (size_t n = 0; n + strlen(m.reason) < b.len; n++)
		assert_int_not_equal(maintenance_read(&r, 7, b.data, n), 0);

	/* in the middle of it, and the next one has another id */
	assert_int_equal(maintenance_read(&r, 7, b.data, b.len), 0);
	assert_int_equal(maintenance_add(s, &r, T0 + 60), 0);
	step(s, T0 + 60);
	expect("+7 ");
	assert_int_equal(add(s, "a.test", false, T0 + 60, T0 + 90, false), 0);
	step(s, T0 + 61);
	expect("+8 ");
	/* over while nobody was there */
	r.id = 9;
	assert_int_equal(maintenance_add(s, &r, T0 + HOUR), -MX_ESYNTAX);
	buf_clear(&b);
	m.reason[0] = '\0';
	m.hold = m.is_primary = false;
	m.uid = -1;
	maintenance_write(&m, &b);
	assert_int_equal(maintenance_read(&r, 7, b.data, b.len), 0);
	assert_string_equal(r.reason, "");
	assert_false(r.hold || r.is_primary);
	assert_int_equal(r.uid, -1);
	buf_fini(&b);
	maintenance_destroy(&s);
}

static void
damaged_records_are_refused(void **state)
{
	static const char *const wrong[] = { "", "2 1 2 3 hold domain a.test x",
		"1 2 2 3 hold domain a.test x", "1 1 2 3 stop domain a.test x",
		"1 1 2 3 hold host a.test x", "1 x 2 3 hold domain a.test x",
		"1 1 2 3 hold domain  x", "1 1 2 3 hold domain a.test" };
	char big[MAINTENANCE_RECORD_MAX + 2];
	struct maintenance m;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(wrong); i++)
		if (maintenance_read(&m, 1, wrong[i], strlen(wrong[i])) == 0)
			fail_msg("%s", wrong[i]);
	memset(big, 'x', sizeof(big));
	assert_int_not_equal(maintenance_read(&m, 1, big, sizeof(big)), 0);
	memcpy(big, "1 1 2 3 hold domain ", 20);
	assert_int_not_equal(maintenance_read(&m, 1, big, 500), 0);
	assert_int_not_equal(
	    maintenance_read(&m, 1, "1 1 2 3 hold domain a.test x\0y", 30), 0);
}

/* ---- many */

static void
count(const struct maintenance *m, void *arg)
{
	int64_t *last = arg;

	assert_true(m->from >= *last);
	*last = m->from;
	told[0]++;
}

/* A thousand of each kind: a step does some, all are found, none is left. */
static void
has_room_for_many(void **state)
{
	enum { MANY = 1000, EACH = 10 };
	char *text = NULL, name[64];
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct maintenance_set *s = create();
	unsigned steps = 1;
	int64_t last = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		fprintf(f,
		    "maintenance \"w%d\" { every = \"tue 02:00\" for = "
		    "2h domains = {",
		    i);
		for (int k = 0; k < EACH; k++)
			fprintf(f, "%s\"d%d.test\"", k > 0 ? "," : "",
			    i * EACH + k);
		fprintf(f, "} }\n");
	}
	fclose(f);
	configure(s, text, T0 - DAY);
	free(text);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "p%d.test", i);
		assert_int_equal(
		    add(s, name, true, T0 + MANY - i, T0 + HOUR + i, false), 0);
	}
	maintenance_each(s, count, &last);
	memset(told, 0, sizeof(told));
	/* the edge is told to a buffer of 4 KB: not here */
	while (maintenance_step(s, T0 - HOUR)) {
		told[0] = '\0';
		steps++;
	}
	assert_in_range(steps, 5, 6);
	assert_string_equal(domain(s, "d0.test", NULL, NULL), "flow 1");
	assert_string_equal(domain(s, "d9999.test", NULL, NULL), "flow 1");
	told[0] = '\0';
	step(s, T0 + 1);
	expect("+1000 ");
	maintenance_destroy(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_once),
		cmocka_unit_test(refuses_what_is_no_window),
		cmocka_unit_test(is_ended_by_an_operator),
		cmocka_unit_test(comes_again),
		cmocka_unit_test(begins_in_the_middle),
		cmocka_unit_test(is_ended_early),
		cmocka_unit_test(goes_on_over_a_reload),
		cmocka_unit_test(is_left_alone),
		cmocka_unit_test(covers_by_primaries),
		cmocka_unit_test(windows_overlap),
		cmocka_unit_test(a_primary_is_told_of_once),
		cmocka_unit_test(labels_are_those_of_routes),
		cmocka_unit_test(a_clock_set_back_undoes_nothing),
		cmocka_unit_test(a_clock_that_was_wrong_counts_for_nothing),
		cmocka_unit_test(is_written_and_read),
		cmocka_unit_test(damaged_records_are_refused),
		cmocka_unit_test(has_room_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
