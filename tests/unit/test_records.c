/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/records.h"

static unsigned taken;

/* "a b": two words. */
static int
take(char *line, void *arg)
{
	assert_ptr_equal(arg, &taken);
	taken++;
	if (records_word(&line) == NULL || records_word(&line) == NULL)
		return -MX_ECORRUPT;
	return records_word(&line) == NULL ? 0 : -MX_ECORRUPT;
}

static const struct {
	const char *text;
	size_t len; /* 0: all */
	int rc;
	unsigned taken;
} files[] = {
	{ "it 1\na b\nc d\nend 2\n", 0, 0, 2 },
	{ "it 1\nend 0\n", 0, 0, 0 },
	{ "", 0, -MX_ECORRUPT, 0 },
	{ "it 2\nend 0\n", 0, -MX_ECORRUPT, 0 },
	{ "it 1\na b\n", 0, -MX_ECORRUPT, 1 }, /* cut */
	{ "it 1\na b\nend 1", 0, -MX_ECORRUPT, 1 },
	{ "it 1\na b\nend 2\n", 0, -MX_ECORRUPT, 2 },
	{ "it 1\na b\nend 1\na b\n", 0, -MX_ECORRUPT, 1 },
	{ "it 1\na\nend 1\n", 0, -MX_ECORRUPT, 1 },
	{ "it 1\na b c\nend 1\n", 0, -MX_ECORRUPT, 1 },
	{ "it 1\n12345 78\nend 1\n", 0, 0, 1 }, /* as long as may be */
	{ "it 1\n12345 789\nend 1\n", 0, -MX_ECORRUPT, 0 },
	{ "it 1\na\0b c\nend 1\n", 17, -MX_ECORRUPT, 0 },
};

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(files); i++) {
		const char *text = files[i].text;
		size_t len = files[i].len != 0 ? files[i].len : strlen(text);
		int rc;

		taken = 0;
		rc = records_parse(text, len, "it 1", 8, take, &taken);
		if (rc != files[i].rc || taken != files[i].taken)
			fail_msg("%zu: %d, %u taken", i, rc, taken);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
