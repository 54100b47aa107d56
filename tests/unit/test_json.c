/* SPDX-License-Identifier: ISC
 * The one rule of text in JSON, and that what another version or a liar sends
 * reads as nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "status/json.h"

static const struct {
	const char *name, *in, *out;
} texts[] = {
	{ "empty", "", "" },
	{ "plain", "abc", "abc" },
	{ "escape", "\033[31m\r\n\a\177", "?[31m? ??" },
	{ "tab", "a\tb", "a b" },
	{ "letters",
	    "gr\xc3\xbc\xc3\x9f"
	    "e \xe2\x82\xac \xf0\x9f\x98\x80",
	    "gr\xc3\xbc\xc3\x9f"
	    "e \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "C1",
	    "a\xc2\x9b"
	    "31m",
	    "a??31m" },
	{ "8 bits", "caf\xe9!", "caf?!" },
	{ "goes on without a beginning", "\x80\xbf", "??" },
	{ "cut after one", "a\xc3", "a?" },
	{ "cut after two", "a\xe2\x82", "a??" },
	{ "cut after three", "a\xf0\x9f\x98", "a???" },
	{ "overlong", "\xc0\x9b\xe0\x80\x9b", "?????" },
	{ "surrogate", "\xed\xa0\x80", "???" },
	{ "too far", "\xf5\x80\x80\x80\xf4\x90\x80\x80", "????????" },
	{ "the last one", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
};

static void
texts_are_cleaned(void **state)
{
	char *clean;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(texts); i++) {
		clean = json_clean(texts[i].in);
		if (strcmp(clean, texts[i].out) != 0)
			fail_msg("%s: %s", texts[i].name, clean);
		assert_true(json_is_clean(clean));
		assert_int_equal(json_is_clean(texts[i].in),
		    strcmp(texts[i].in, texts[i].out) == 0);
		mem_free(&clean);
	}
}

/* Any bytes: what comes out is clean, and no longer than what came in. */
static void
any_bytes(void **state)
{
	char in[5] = "", *clean;

	(void)state;
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			in[0] = in[2] = (char)a;
			in[1] = in[3] = (char)b;
			clean = json_clean(in);
			assert_int_equal(strlen(clean), strlen(in));
			assert_true(json_is_clean(clean));
			mem_free(&clean);
		}
}

static void
written(void **state)
{
	cJSON *o = json_object(), *list;
	char *text;

	(void)state;
	json_text(o, "none", NULL);
	json_text(o, "t", "a\"\\\n\xff");
	json_num(o, "n", 1.8e12);
	json_bool(o, "b", true);
	json_null(o, "z");
	json_time(o, "never", 0);
	json_time(o, "before", -5);
	json_time_ms(o, "then", 1800000000999);
	json_text(json_member(o, "sub"), "k", "v");
	list = json_array(o, "list");
	json_num(json_push_object(list), "i", 0);
	json_say(list, "%s %d", "\033", 7);
	text = json_print(o);
	assert_string_equal(text,
	    "{\"none\":\"\",\"t\":\"a\\\"\\\\ ?\",\"n\":1800000000000,"
	    "\"b\":true,\"z\":null,\"never\":null,\"before\":null,"
	    "\"then\":1800000000,\"sub\":{\"k\":\"v\"},"
	    "\"list\":[{\"i\":0},\"? 7\"]}");
	mem_free(&text);
}

static void
unsafe_is_escaped_and_means_the_same(void **state)
{
	static const char in[] = "\xe2\x80\xaegpj\xe2\x80\xa8.\xd8\x9c."
				 "\xef\xbb\xbf.\xe2\x81\xa6.\xc3\xbc."
				 "\xe2\x80\x8e\xe2\x80\xaf\xe2\x81\xaa";
	cJSON *o = json_object();
	char *text;

	(void)state;
	json_text(o, "t", in);
	/* C1, as it came from another program */
	MX_ASSERT(cJSON_AddStringToObject(o, "c", "a\xc2\x9b") != NULL);
	text = json_print_kept(o);
	assert_string_equal(text,
	    "{\"t\":\"\\u202egpj\\u2028.\\u061c.\\ufeff.\\u2066.\xc3\xbc."
	    "\\u200e\xe2\x80\xaf\xe2\x81\xaa\",\"c\":\"a\\u009b\"}");
	cJSON_Delete(o);
	o = cJSON_Parse(text);
	assert_string_equal(json_get_text(o, "t"), in);
	assert_string_equal(json_get_text(o, "c"), "a\xc2\x9b");
	cJSON_Delete(o);
	mem_free(&text);
}

static void
read_with_distrust(void **state)
{
	cJSON *o = cJSON_Parse("{\"t\":7,\"n\":\"x\",\"b\":1,\"i\":-3,"
			       "\"big\":1e300,\"ok\":41.9,\"s\":\"word\"}");

	(void)state;
	assert_non_null(o);
	assert_string_equal(json_get_text(o, "t"), "");
	assert_string_equal(json_get_text(o, "missing"), "");
	assert_string_equal(json_get_text(NULL, "t"), "");
	assert_string_equal(json_get_text(o, "s"), "word");
	assert_true(json_get_num(o, "n") == 0);
	assert_false(json_get_bool(o, "b"));
	assert_int_equal(json_get_int(o, "i"), 0);
	assert_int_equal(json_get_int(o, "big"), 100000000000000);
	assert_int_equal(json_get_int(o, "ok"), 41);
	assert_null(json_get(o, "S"));
	cJSON_Delete(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_cleaned),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(written),
		cmocka_unit_test(unsafe_is_escaped_and_means_the_same),
		cmocka_unit_test(read_with_distrust),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
