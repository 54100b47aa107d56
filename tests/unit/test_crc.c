/* SPDX-License-Identifier: ISC
 * The CRC of what is on the disk is zlib's, whatever the length, the alignment
 * and the pieces, and that of the standard's check value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/crc.h"

#define SIZE 1200

static uint8_t text[SIZE];

static int
fill(void **state)
{
	uint32_t rnd = 4711;

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		rnd = rnd * 1664525u + 1013904223u;
		text[i] = (uint8_t)(rnd >> 24);
	}
	return 0;
}

static void
test_known(void **state)
{
	static const uint8_t zero[256];

	(void)state;
	assert_true(crc_32(0, "123456789", 9) == 0xcbf43926);
	assert_true(crc_32(0, "", 0) == 0);
	assert_true(crc_32(0x12345678, "", 0) == 0x12345678);
	assert_true(crc_32(0, zero, sizeof(zero)) == 0x0d968558);
}

static void
test_all_lengths(void **state)
{
	(void)state;
	for (size_t at = 0; at < 17; at++)
		for (size_t len = 0; at + len <= SIZE; len++)
			assert_true(crc_32(0, text + at, len) ==
			    crc32_z(0, text + at, len));
}

static void
test_pieces(void **state)
{
	uint32_t whole = (uint32_t)crc32_z(0, text, SIZE), crc;

	(void)state;
	for (size_t cut = 0; cut <= SIZE; cut++) {
		crc = crc_32(0, text, cut);
		assert_true(crc_32(crc, text + cut, SIZE - cut) == whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_all_lengths),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
