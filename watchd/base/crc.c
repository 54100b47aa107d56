/* SPDX-License-Identifier: ISC
 * crc: zlib's, and a faster way to the same value where the processor has
 * carry-less multiplication. By tables it is two thirds of the instructions of
 * the thread that writes mail (17,800 of 26,200 for a message of 4 KB).
 *
 * The algorithm is that of Gopal et al., "Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ" (Intel, 2009): four times 16 bytes are carried
 * along, and each is moved 64 bytes on by multiplying its halves with a power
 * of x modulo the polynomial. The remaining 16 bytes have the CRC of all data
 * read; zlib processes those, and the tail. */
#include "base/crc.h"

#include <zlib.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <emmintrin.h>
#include <wmmintrin.h>

#define CRC_FOLD   1
#define CRC_STRIDE 64

/* x moved on by the distance that k encodes, xor `there`. */
__attribute__((target("pclmul"))) static inline __m128i
move_on(__m128i x, __m128i k, __m128i there)
{
	return _mm_xor_si128(there,
	    _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00),
		_mm_clmulepi64_si128(x, k, 0x11)));
}

static inline __m128i
load(const uint8_t *p, unsigned i)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p + i);
}

/* The CRC of `strides` times 64 bytes, at least once. */
__attribute__((target("pclmul"))) static uint32_t
crc_fold(uint32_t crc, const uint8_t *p, size_t strides)
{
	/* bit reflected: x^(512+32) and x^(512-32), x^(128+32) and x^(128-32) */
	const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
	const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
	__m128i x[4];
	uint8_t rest[16];
	unsigned i;

	for (i = 0; i < 4; i++)
		x[i] = load(p, i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
	while (--strides > 0) {
		p += CRC_STRIDE;
		for (i = 0; i < 4; i++)
			x[i] = move_on(x[i], by_64, load(p, i));
	}
	for (i = 1; i < 4; i++)
		x[i] = move_on(x[i - 1], by_16, x[i]);
	_mm_storeu_si128((__m128i *)(void *)rest, x[3]);
	/* zlib inverts before and after, so this starts with a register of 0 */
	return (uint32_t)crc32_z(UINT32_MAX, rest, sizeof(rest));
}
#endif

uint32_t
crc_32(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
#ifdef CRC_FOLD
	size_t strides = len / CRC_STRIDE;

	if (strides > 0 && __builtin_cpu_supports("pclmul")) {
		crc = crc_fold(crc, p, strides);
		p += strides * CRC_STRIDE;
		len -= strides * CRC_STRIDE;
	}
#endif
	return (uint32_t)crc32_z(crc, p, len);
}
