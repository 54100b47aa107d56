/* SPDX-License-Identifier: ISC
 * Who is believed though the primary is up, and that a crowd costs nothing
 * but time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/defs.h"
#include "relay/smtpd/insist.h"

#define MINUTE (60 * CLOCK_SEC)
#define HOUR   (60 * MINUTE)
#define START  (5 * MINUTE)

static bool
enough(struct insist *p, const char *from, const char *to, uint64_t client,
    int64_t at)
{
	return insist_enough(p, from, to, client, HOUR, START + at);
}

static void
insists(void **state MX_UNUSED)
{
	struct insist *p = insist_create();

	assert_false(enough(p, "s@a.test", "u@b.test", 1, 0));
	assert_false(enough(p, "s@a.test", "u@b.test", 2, 59 * MINUTE));
	assert_true(enough(p, "s@a.test", "u@b.test", 3, 60 * MINUTE));
	assert_true(enough(p, "s@a.test", "u@b.test", 3, 47 * HOUR));
	/* another sender, another recipient: another message */
	assert_false(enough(p, "t@a.test", "u@b.test", 1, 61 * MINUTE));
	assert_false(enough(p, "s@a.test", "v@b.test", 1, 61 * MINUTE));
	assert_false(enough(p, "s@a.testu@b", ".test", 1, 61 * MINUTE));
	insist_destroy(&p);
	assert_null(p);
}

static void
is_forgotten(void **state MX_UNUSED)
{
	struct insist *p = insist_create();

	assert_false(enough(p, "s@a.test", "u@b.test", 1, 0));
	assert_false(enough(p, "s@a.test", "u@b.test", 1, 49 * HOUR));
	assert_true(enough(p, "s@a.test", "u@b.test", 1, 50 * HOUR));
	insist_destroy(&p);
}

/* A bounce comes from the same host again; a stranger's does not count. */
static void
null_sender(void **state MX_UNUSED)
{
	struct insist *p = insist_create();

	assert_false(enough(p, "", "u@b.test", 1, 0));
	assert_false(enough(p, "", "u@b.test", 2, 2 * HOUR));
	assert_true(enough(p, "", "u@b.test", 1, 2 * HOUR));
	insist_destroy(&p);
}

/* More pairs than places, for hours: the last ones are still known. */
static void
crowd(void **state MX_UNUSED)
{
	struct insist *p = insist_create();
	char from[32];
	unsigned known = 0;

	for (unsigned i = 0; i < 200000; i++) {
		snprintf(from, sizeof(from), "s%u@a.test", i);
		assert_false(enough(p, from, "u@b.test", i, i));
	}
	for (unsigned i = 199000; i < 200000; i++) {
		snprintf(from, sizeof(from), "s%u@a.test", i);
		known += enough(p, from, "u@b.test", i, HOUR + i);
	}
	assert_true(known > 950);
	insist_destroy(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(insists),
		cmocka_unit_test(is_forgotten),
		cmocka_unit_test(null_sender),
		cmocka_unit_test(crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
