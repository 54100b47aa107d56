/* SPDX-License-Identifier: ISC
 * dot_blocks: see dot_blocks.h. The text is regular where every LF is preceded
 * by a CR and every CR followed by an LF: 16 pairs are checked at once, by
 * comparing the text with itself shifted by one octet. */
#include <string.h>

#include "smtp/dot_blocks.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <emmintrin.h>

#define BLOCK 64u

/* All ones in octets equal to c. */
static inline __m128i
is_char(__m128i x, char c)
{
	return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}

static inline __m128i
load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Not zero if one of the 16 octets at p is irregular. */
static inline __m128i
stops(const char *p, __m128i dot)
{
	__m128i x = load(p), before = load(p - 1);
	__m128i ends = _mm_xor_si128(is_char(x, '\n'), is_char(before, '\r'));

	return _mm_or_si128(ends,
	    _mm_and_si128(dot,
		_mm_and_si128(is_char(x, '.'), is_char(before, '\n'))));
}

static bool
is_clean(const char *p, __m128i dot)
{
	__m128i all =
	    _mm_or_si128(_mm_or_si128(stops(p, dot), stops(p + 16, dot)),
		_mm_or_si128(stops(p + 32, dot), stops(p + 48, dot)));

	return _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_setzero_si128())) ==
	    0xffff;
}

size_t
dot_blocks(const char *p, size_t len, bool dots, const char **line)
{
	const __m128i dot = _mm_set1_epi8(dots ? -1 : 0);
	const char *lf;
	size_t n = 1; /* the octet before the first one is unknown */

	if (len <= BLOCK || *p == '\n')
		return 0;
	while (len - n >= BLOCK && is_clean(p + n, dot))
		n += BLOCK;
	if (p[n - 1] == '\r')
		n--;
	if ((lf = memrchr(p, '\n', n)) != NULL)
		*line = lf + 1;
	return n;
}
#else
size_t
dot_blocks(const char *p MX_UNUSED, size_t len MX_UNUSED, bool dots MX_UNUSED,
    const char **line MX_UNUSED)
{
	return 0;
}
#endif
