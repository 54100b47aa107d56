/* SPDX-License-Identifier: ISC
 * test_buf: growth, the cap, and that a refused addition leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void
test_empty(void **state)
{
	struct buf b = BUF_INIT(10);
	char *s;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_clear(&b);
	buf_drain(&b, 3);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_fini(&b);
}

static void
test_cap(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_adds(&b, "abc"), 0);
	assert_int_equal(buf_adds(&b, "def"), -MX_ETOOBIG);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(buf_addf(&b, "%d", 123), -MX_ETOOBIG);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(b.len, 3);
	assert_int_equal(buf_addf(&b, "%d", 12), 0);
	assert_string_equal(buf_str(&b), "abc12");
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_add(&b, "x", 1), -MX_ETOOBIG);
	buf_drain(&b, 4);
	assert_string_equal(buf_str(&b), "2");
	assert_int_equal(buf_adds(&b, "3456"), 0);
	assert_string_equal(buf_str(&b), "23456");
	assert_true(b.size <= 6);
	buf_fini(&b);

	buf_init(&b, 0);
	assert_int_equal(buf_adds(&b, "x"), -MX_ETOOBIG);
	assert_int_equal(buf_addf(&b, "%s", "x"), -MX_ETOOBIG);
	assert_int_equal(buf_addf(&b, "%s", ""), 0);
	buf_fini(&b);
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_adds(&b, "x"), 0);
	buf_fini(&b);
}

static void
test_growth(void **state)
{
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 10000);
	for (i = 0; i < 10000; i++) {
		if (i % 2 == 0)
			assert_int_equal(buf_addf(&b, "%zu", i % 10), 0);
		else
			assert_int_equal(buf_add(&b, "x", 1), 0);
		assert_int_equal(strlen(b.data), i + 1);
	}
	assert_int_equal(buf_add(&b, "x", 1), -MX_ETOOBIG);
	assert_memory_equal(b.data, "0x2x4x6x8x0x", 12);
	buf_drain(&b, 9990);
	assert_string_equal(buf_str(&b), "0x2x4x6x8x");
	buf_drain(&b, 100);
	assert_string_equal(buf_str(&b), "");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
