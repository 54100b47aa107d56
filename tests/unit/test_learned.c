/* SPDX-License-Identifier: ISC
 * What is learned of the recipients of one domain: the rules of time, who goes first,
 * cuts, and the stored forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "relay/queue/learned.h"

#define T0   UINT32_C(1700000000)
#define HOUR 3600u
#define DAY  86400u

static void
drop_all(struct learned *l)
{
	struct learned_name *e;

	while ((e = learned_least(l)) != NULL)
		learned_drop(l, &e);
	learned_fini(l);
}

/* What happens at so many seconds, and what is said of it then. */
struct step {
	char what; /* t(aken), p(assed), r(efused), or - */
	uint32_t at;
	enum learned_word word, doubted; /* the latter while all is doubted */
};

static const struct row {
	const char *name;
	struct step step[6];
} rows[] = {
	{ "a delivery",
	    { { 't', 0, LEARNED_TAKEN, LEARNED_TAKEN },
		{ '-', 400 * DAY, LEARNED_TAKEN, LEARNED_TAKEN } } },
	{ "a check", { { 'p', 0, LEARNED_PASSED, LEARNED_PASSED } } },
	{ "one refusal",
	    { { 'r', 0, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ '-', 2 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED } } },
	{ "two at once",
	    { { 'r', 0, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', HOUR - 1, LEARNED_DOUBTED, LEARNED_DOUBTED } } },
	{ "two an hour apart",
	    { { 'r', 0, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', HOUR, LEARNED_REFUSED, LEARNED_DOUBTED },
		{ '-', HOUR + 3 * DAY - 1, LEARNED_REFUSED, LEARNED_DOUBTED },
		{ '-', HOUR + 3 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED } } },
	{ "the second comes too late",
	    { { 'r', 0, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', 3 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', 3 * DAY + HOUR, LEARNED_REFUSED, LEARNED_DOUBTED } } },
	{ "good beats bad",
	    { { 'r', 0, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', HOUR, LEARNED_REFUSED, LEARNED_DOUBTED },
		{ 'p', HOUR + 1, LEARNED_PASSED, LEARNED_PASSED },
		{ 'r', HOUR + 2, LEARNED_PASSED, LEARNED_PASSED } } },
	{ "a mailbox that was closed",
	    { { 't', 0, LEARNED_TAKEN, LEARNED_TAKEN },
		{ 'r', 30 * DAY, LEARNED_TAKEN, LEARNED_TAKEN },
		{ 'r', 30 * DAY + 23 * HOUR, LEARNED_TAKEN, LEARNED_TAKEN },
		{ 'r', 31 * DAY, LEARNED_REFUSED, LEARNED_TAKEN },
		{ 't', 31 * DAY + 1, LEARNED_TAKEN, LEARNED_TAKEN } } },
	{ "the clock is set back",
	    { { 'r', 10 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', 10 * DAY + HOUR, LEARNED_REFUSED, LEARNED_DOUBTED },
		{ '-', 5 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', 5 * DAY, LEARNED_DOUBTED, LEARNED_DOUBTED },
		{ 'r', 5 * DAY + HOUR, LEARNED_REFUSED, LEARNED_DOUBTED } } },
};

static enum learned_what
what_of(char c)
{
	return c == 't' ? LEARN_TAKEN : c == 'p' ? LEARN_PASSED : LEARN_REFUSED;
}

static void
run_row(const struct row *row)
{
	const struct step *s = row->step;
	struct learned_name *e;
	struct learned l;

	learned_init(&l, HOUR);
	e = learned_add(&l, "ada");
	for (size_t i = 0; i < MX_COUNT(row->step) && s[i].what != '\0'; i++) {
		if (s[i].what != '-')
			(void)!learned_note(e, what_of(s[i].what),
			    T0 + s[i].at);
		if (learned_judge(&l, e, false, T0 + s[i].at) != s[i].word ||
		    learned_judge(&l, e, true, T0 + s[i].at) != s[i].doubted)
			fail_msg("%s: step %zu: %s", row->name, i,
			    learned_word_name(
				learned_judge(&l, e, false, T0 + s[i].at)));
	}
	drop_all(&l);
}

static void
test_rules_of_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++)
		run_row(&rows[i]);
}

/* What was said is news after a day, a refusal after an hour: that bounds what is
 * written. */
static void
test_what_is_news(void **state)
{
	struct learned_name *e;
	struct learned l;

	(void)state;
	learned_init(&l, HOUR);
	e = learned_add(&l, "ada");
	assert_true(learned_note(e, LEARN_TAKEN, T0));
	assert_false(learned_note(e, LEARN_TAKEN, T0 + DAY - 1));
	assert_true(learned_note(e, LEARN_TAKEN, T0 + DAY));
	assert_true(learned_note(e, LEARN_REFUSED, T0 + DAY + 1));
	assert_false(learned_note(e, LEARN_REFUSED, T0 + DAY + HOUR));
	/* It ends the refusals. */
	assert_true(learned_note(e, LEARN_TAKEN, T0 + DAY + HOUR));
	assert_int_equal(e->refused, 0);
	drop_all(&l);
}

static void
note(struct learned *l, const char *local, enum learned_what what, uint32_t at)
{
	struct learned_name *e = learned_find(l, local);

	if (e == NULL)
		e = learned_add(l, local);
	(void)!learned_note(e, what, at);
}

/* The bad ones first, then the one that was heard of longest ago. */
static void
test_who_goes_first(void **state)
{
	static const char *const order[] = { "bad-old", "bad-new", "good-old",
		"good-new" };
	struct learned_name *e;
	struct learned l;

	(void)state;
	learned_init(&l, HOUR);
	note(&l, "good-old", LEARN_TAKEN, T0);
	note(&l, "good-new", LEARN_PASSED, T0 + 10);
	note(&l, "bad-new", LEARN_REFUSED, T0 + 30);
	note(&l, "bad-old", LEARN_REFUSED, T0 + 20);
	assert_int_equal(l.nbad, 2);
	for (size_t i = 0; i < MX_COUNT(order); i++) {
		e = learned_least(&l);
		assert_string_equal(e->local, order[i]);
		learned_drop(&l, &e);
	}
	assert_int_equal(l.nbad, 0);
	learned_fini(&l);
}

/* What was refused between two times never was; what was good stays so. */
static void
test_cut(void **state)
{
	struct learned l;

	(void)state;
	learned_init(&l, HOUR);
	note(&l, "before", LEARN_REFUSED, T0);
	note(&l, "before", LEARN_REFUSED, T0 + HOUR);
	note(&l, "over", LEARN_REFUSED, T0);
	note(&l, "over", LEARN_REFUSED, T0 + 3 * HOUR);
	note(&l, "good", LEARN_TAKEN, T0);
	note(&l, "good", LEARN_REFUSED, T0 + 3 * HOUR);
	learned_cut(&l, T0 + 2 * HOUR, T0 + 4 * HOUR);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "before"), false, T0 + 5 * HOUR),
	    LEARNED_REFUSED);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "over"), false, T0 + 5 * HOUR),
	    LEARNED_UNKNOWN);
	assert_int_equal(learned_trim(learned_find(&l, "before")), 0);
	assert_int_equal(learned_trim(learned_find(&l, "over")), -1);
	assert_int_equal(learned_trim(learned_find(&l, "good")), 1);
	/* A row does not go on over a cut. */
	note(&l, "over", LEARN_REFUSED, T0 + 5 * HOUR);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "over"), false, T0 + 5 * HOUR),
	    LEARNED_DOUBTED);
	drop_all(&l);
}

static void
test_catch_all(void **state)
{
	struct learned l;

	(void)state;
	learned_init(&l, HOUR);
	note(&l, "bad", LEARN_REFUSED, T0);
	note(&l, "bad", LEARN_REFUSED, T0 + HOUR);
	note(&l, "ada", LEARN_TAKEN, T0);
	learned_tested(&l, true, T0 + 2 * HOUR);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "bad"), false, T0 + 2 * HOUR),
	    LEARNED_CATCH_ALL);
	assert_int_equal(learned_judge(&l, NULL, false, T0 + 2 * HOUR),
	    LEARNED_CATCH_ALL);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "ada"), false, T0 + 2 * HOUR),
	    LEARNED_TAKEN);
	note(&l, "new", LEARN_REFUSED, T0 + 3 * HOUR);
	learned_tested(&l, false, T0 + DAY);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "bad"), false, T0 + DAY),
	    LEARNED_UNKNOWN);
	assert_int_equal(
	    learned_judge(&l, learned_find(&l, "new"), false, T0 + DAY),
	    LEARNED_UNKNOWN);
	drop_all(&l);
}

static void
test_stored(void **state)
{
	uint8_t record[LEARNED_RECORD], head[LEARNED_HEAD];
	struct learned l, other;
	struct learned_name *e;

	(void)state;
	learned_init(&l, HOUR);
	learned_init(&other, HOUR);
	note(&l, "ada", LEARN_TAKEN, T0);
	note(&l, "ada", LEARN_REFUSED, T0 + DAY);
	learned_save(learned_find(&l, "ada"), record);
	e = learned_add(&other, "ada");
	assert_int_equal(learned_load(e, record, sizeof(record) - 1),
	    -MX_ECORRUPT);
	assert_int_equal(learned_load(e, record, sizeof(record)), 0);
	assert_int_equal(e->taken, T0);
	assert_int_equal(e->first, T0 + DAY);
	assert_int_equal(other.nbad, 0);
	record[0] = 9;
	assert_int_equal(learned_load(e, record, sizeof(record)), -MX_ECORRUPT);

	learned_tested(&l, true, T0 + 7);
	learned_head_save(&l, head);
	assert_int_equal(learned_head_load(&other, head, sizeof(head)), 0);
	assert_true(other.catch_all);
	assert_int_equal(other.tested, T0 + 7);
	assert_int_equal(other.cut_to, T0 + 7);
	drop_all(&l);
	drop_all(&other);
}

static void
test_local(void **state)
{
	char local[PATH_LOCAL_MAX + 1];

	(void)state;
	assert_true(learned_local("Ada.Lovelace@example.org", local));
	assert_string_equal(local, "ada.lovelace");
	assert_true(learned_local("\"Ada\"@example.org", local));
	assert_string_equal(local, "ada");
	assert_true(learned_local("\"a@b\"@example.org", local));
	assert_string_equal(local, "a@b");
	assert_false(learned_local("@example.org", local));
	assert_false(learned_local("ada", local));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_of_time),
		cmocka_unit_test(test_what_is_news),
		cmocka_unit_test(test_who_goes_first),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_catch_all),
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
