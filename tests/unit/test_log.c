/* SPDX-License-Identifier: ISC
 * test_log: escaping, cutting, levels, what leaves when, and rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"

static char dir[] = "/tmp/test_log.XXXXXX";
static char path[64], moved[64];
static char text[65536];

static const struct {
	const char *name, *in;
	size_t len;
	const char *out;
} values[] = {
	{ "plain", "mx1.example:25", 14, "mx1.example:25" },
	{ "empty", "", 0, "\"\"" },
	{ "blank", "a b", 3, "\"a b\"" },
	{ "equals", "a=b", 3, "\"a=b\"" },
	{ "quote", "a\"b", 3, "\"a\\\"b\"" },
	{ "backslash", "a\\b", 3, "\"a\\\\b\"" },
	{ "line ends", "a\r\nb\t", 5, "\"a\\r\\nb\\t\"" },
	{ "escape", "\033[2J", 4, "\"\\x1b[2J\"" },
	{ "NUL", "a\0b", 3, "\"a\\x00b\"" },
	{ "DEL", "\177", 1, "\"\\x7f\"" },
	{ "UTF-8", "\303\274", 2, "\"\\xc3\\xbc\"" },
};

static void
test_values(void **state)
{
	char big[300], want[1024];
	const char *first;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(values); i++) {
		print_message("%s\n", values[i].name);
		assert_string_equal(log_qn(values[i].in, values[i].len),
		    values[i].out);
		if (strlen(values[i].in) == values[i].len)
			assert_string_equal(log_q(values[i].in), values[i].out);
	}
	assert_string_equal(log_q(NULL), "\"\"");

	memset(big, 'x', sizeof(big));
	big[200] = '\0';
	assert_string_equal(log_q(big), big); /* 200 are not cut */
	big[200] = 'x';
	snprintf(want, sizeof(want), "\"%.200s...\"", big);
	assert_string_equal(log_qn(big, 201), want);
	memset(big, '\001', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(strlen(log_q(big)), 200 * 4 + 5);

	first = log_q("first"); /* eight values may stand in one line */
	for (i = 0; i < 7; i++)
		(void)log_q(big);
	assert_string_equal(first, "first");
}

static const char *
slurp(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
test_lines(void **state)
{
	const char *p;

	(void)state;
	assert_int_equal(log_open(LOG_DEST_FILE, path, LOG_LEVEL_INFO), 0);
	log_info("queue", "id=%d", 1);
	log_trace("queue", "id=%d", 2);
	assert_string_equal(slurp(path), "");
	log_flush();
	p = slurp(path);
	assert_int_equal(strlen(p),
	    strlen("2026-11-22T16:42:00Z info queue "
		   "id=1\n"));
	assert_int_equal(p[10], 'T');
	assert_string_equal(p + 19, "Z info queue id=1\n");
	log_info("queue", "id=%d", 3);
	log_warn("queue", "id=%d", 4); /* at once, and in order */
	p = slurp(path);
	assert_true(strstr(p, "info queue id=3\n") < strstr(p, "warn queue"));
	assert_true(log_enabled(LOG_LEVEL_INFO));
	assert_false(log_enabled(LOG_LEVEL_TRACE));
	log_level_set(LOG_LEVEL_ERROR);
	log_warn("queue", "gone=1");
	log_error("x", "forged=%s", "a\nb\033");
	assert_null(strstr(slurp(path), "gone=1"));
	assert_non_null(strstr(text, "error x forged=a?b?\n"));
}

static void
test_long_lines(void **state)
{
	static char big[5000];
	const char *p;
	int i;

	(void)state;
	log_level_set(LOG_LEVEL_INFO);
	memset(big, 'x', sizeof(big) - 1);
	log_error("x", "long=%s", big);
	p = slurp(path);
	assert_int_equal(strcmp(p + strlen(p) - 5, "x...\n"), 0);
	/* more than a batch holds: it leaves by itself, whole lines */
	for (i = 0; i < 300; i++)
		log_info("fill", "i=%03d text=%.60s", i, big);
	p = strstr(slurp(path), "i=000");
	assert_non_null(p);
	log_flush();
	for (i = 0, p = strstr(slurp(path), "info fill"); p != NULL; i++) {
		assert_int_equal(strtol(p + 12, NULL, 10), i);
		p = strstr(p + 1, "info fill");
	}
	assert_int_equal(i, 300);
}

static void
test_rotation(void **state)
{
	struct log_limit limit = { 0 };

	(void)state;
	log_info("x", "before=1");
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(log_reopen(), 0);
	log_error("x", "after=1");
	assert_non_null(strstr(slurp(moved), "before=1"));
	assert_null(strstr(text, "after=1"));
	assert_non_null(strstr(slurp(path), "after=1"));
	assert_null(strstr(text, "before=1"));
	assert_int_equal(
	    log_open(LOG_DEST_FILE, "/nowhere/at/all", LOG_LEVEL_INFO),
	    -MX_ESYS);
	log_error("x", "still=1");
	assert_non_null(strstr(slurp(path), "still=1"));
	log_close();

	assert_true(log_limit_ok(&limit, 3600));
	assert_false(log_limit_ok(&limit, 3600));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_rotation),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)unlink(moved);
	(void)rmdir(dir);
	return rc;
}
