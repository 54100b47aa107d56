/* SPDX-License-Identifier: ISC
 * test_base64: the vectors of RFC 4648 10 both ways, all bytes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/mem.h"

static void
vectors(void **state)
{
	static const struct {
		const char *plain, *text;
	} v[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	char text[16], plain[16], *own;
	size_t len;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(v); i++) {
		len = strlen(v[i].plain);
		assert_string_equal(base64_encode(v[i].plain, len, text),
		    v[i].text);
		assert_int_equal(strlen(text), BASE64_LEN(len));
		assert_int_equal(base64_decode(v[i].text, plain, &len), 0);
		assert_int_equal(len, strlen(v[i].plain));
		assert_memory_equal(plain, v[i].plain, len);
		own = base64_bytes(v[i].text, &len);
		assert_non_null(own);
		assert_int_equal(len, strlen(v[i].plain));
		assert_memory_equal(own, v[i].plain, len);
		mem_free(&own);
	}
}

static void
all_bytes(void **state)
{
	unsigned char all[256], back[258];
	char text[BASE64_LEN(256) + 1];
	size_t len;

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	(void)base64_encode(all, sizeof(all), text);
	assert_int_equal(base64_decode(text, back, &len), 0);
	assert_int_equal(len, sizeof(all));
	assert_memory_equal(all, back, sizeof(all));
}

static void
refused(void **state)
{
	static const char *const wrong[] = { "Zg", "Zg=", "Zm9v\n",
		"Zg==Zg==", "====", "Z===", "Zm9-", "Zm 9v===", "Zg=v" };
	char plain[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(wrong); i++) {
		assert_int_equal(base64_decode(wrong[i], plain, &len),
		    -MX_ESYNTAX);
		assert_null(base64_bytes(wrong[i], &len));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(all_bytes),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
