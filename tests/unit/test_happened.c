/* SPDX-License-Identifier: ISC
 * test_happened: the last events, and what a restart has of them. */
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
#include "base/file.h"
#include "control/happened.h"

static char dir[] = "/tmp/happened.XXXXXX", path[64];

static void
happens(struct happened *h, int n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "number %d", n);
	happened_add(h,
	    &(struct control_event){ .wall = 1795368000 + n,
		.what = "state",
		.domain = "example.org",
		.host = "mx1.example.org:25",
		.text = text });
}

static unsigned
count(const struct happened *h, uint64_t *first)
{
	const struct happened_entry *e = happened_after(h, 0);
	unsigned n = 0;

	*first = e != NULL ? e->number : 0;
	for (; e != NULL && n <= HAPPENED_MAX; n++)
		e = happened_after(h, e->number);
	return n;
}

static int
write_text(const char *text)
{
	return file_replace(path, 0600, text, strlen(text), NULL);
}

static void
the_last_ones_outlive_a_restart(void **state)
{
	struct happened *h = happened_create(), *copy, *again;
	const struct happened_entry *e;
	uint64_t first;

	(void)state;
	assert_null(happened_copy(h, true)); /* nothing yet */
	assert_int_equal(happened_read(h, path), -MX_ENOENT);
	for (int i = 1; i <= 700; i++)
		happens(h, i);
	copy = happened_copy(h, false);
	assert_non_null(copy);
	assert_null(happened_copy(h, false)); /* nothing new */
	assert_int_equal(happened_write(copy, path), 0);
	happened_destroy(&copy);
	again = happened_create();
	assert_int_equal(happened_read(again, path), HAPPENED_MAX);
	assert_null(happened_copy(again, false));
	assert_int_equal(count(again, &first), HAPPENED_MAX);
	assert_int_equal(first, 201);
	e = happened_after(again, 699);
	assert_int_equal(e->wall, 1795368700);
	assert_string_equal(e->what, "state");
	assert_string_equal(e->domain, "example.org");
	assert_string_equal(e->host, "mx1.example.org:25");
	assert_string_equal(e->text, "number 700");
	happens(again, 701);
	assert_int_equal(happened_after(again, 700)->number, 701);
	assert_int_equal(count(again, &first), HAPPENED_MAX);
	assert_int_equal(first, 202);
	happened_destroy(&again);
	happened_destroy(&h);
}

/* Few of them behind a high number; lines that are none; more than fits. */
static void
any_file_is_read(void **state)
{
	static const struct {
		const char *name, *text;
		int rc;
		uint64_t first;
	} files[] = {
		{ "empty", "", 0, 0 },
		{ "no event", "[]\n{}\nx\n{\"number\":-1}\n\n", 0, 0 },
		{ "a few",
		    "{\"number\":9000,\"what\":\"state\",\"text\":\"a\"}\n"
		    "{\"number\":9001,\"what\":\"flush\"}\n"
		    "{\"number\":12,\"what\":3}",
		    3, 9000 },
		{ "a torn line", "{\"number\":5}\n{\"number\":6,\"wh", 1, 5 },
		{ "an enormous number", "{\"number\":1e300}\n", 1,
		    100000000000000 },
	};
	struct happened *h;
	uint64_t first;
	char *much;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(files); i++) {
		print_message("%s\n", files[i].name);
		h = happened_create();
		assert_int_equal(write_text(files[i].text), 0);
		assert_int_equal(happened_read(h, path), files[i].rc);
		assert_int_equal(count(h, &first), files[i].rc);
		assert_int_equal(first, files[i].first);
		happened_destroy(&h);
	}
	much = malloc(3u << 20);
	memset(much, 'x', 3u << 20);
	much[(3u << 20) - 1] = '\0';
	h = happened_create();
	assert_int_equal(write_text(much), 0);
	assert_int_equal(happened_read(h, path), -MX_ETOOBIG);
	happened_destroy(&h);
	free(much);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ones_outlive_a_restart),
		cmocka_unit_test(any_file_is_read),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/events", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(dir);
	return rc;
}
