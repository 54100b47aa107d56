/* SPDX-License-Identifier: ISC
 * The rows of receiver.def as the parser obeys them, type by type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"

struct row {
	const char *name, *url, *needs;
};

static const struct row rows[] = {
#define RECEIVER(type, name, url, needs, takes, help) { #name, #url, #needs },
#include "config/receiver.def"
#undef RECEIVER
};

/* Whether a receiver of that type, with `more`, is told that it `lacks`; "" is
 * anything. */
static bool
is_told(const struct row *row, const char *more, const char *lacks)
{
	char *text =
	    mem_printf("receiver \"a\" { type = %s %s }\n", row->name, more);
	struct conf_errors errs;
	struct config *c = config_parse("t.conf", text, strlen(text), &errs);
	bool told = false;

	for (size_t i = 0; i < errs.n; i++)
		told |=
		    !errs.e[i].warning && strstr(errs.e[i].text, lacks) != NULL;
	config_unref(&c);
	conf_errors_fini(&errs);
	mem_free(&text);
	return told;
}

static bool
is_url(const struct row *row, const char *url)
{
	return strcmp(row->url, url) == 0;
}

static void
needs(void **st)
{
	(void)st;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		bool url = is_url(&rows[i], "FILE") || is_url(&rows[i], "LIST");

		assert_int_equal(is_told(&rows[i], "", " needs "),
		    strcmp(rows[i].needs, "0") != 0);
		assert_int_equal(is_told(&rows[i], "", "url is missing"), url);
	}
}

static void
takes(void **st)
{
	static const char one[] = "url = {\"http://x/\"}",
			  two[] = "url = {\"http://x/\", \"http://y/\"}",
			  file[] = "url_file = \"/nowhere\"";

	(void)st;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		assert_int_equal(is_told(&rows[i], one, "does not take url"),
		    is_url(&rows[i], "NONE"));
		assert_int_equal(is_told(&rows[i], two, "only one url"),
		    !is_url(&rows[i], "LIST"));
		assert_int_equal(is_told(&rows[i], file,
				     "does not take "
				     "url_file"),
		    !is_url(&rows[i], "FILE"));
		/* what every type takes */
		assert_false(is_told(&rows[i],
		    "timeout = 5s severity = critical group_wait = 1s "
		    "group_interval = 1m repeat = 1h",
		    " takes no "));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs),
		cmocka_unit_test(takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
