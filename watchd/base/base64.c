/* SPDX-License-Identifier: ISC
 * base64: see base64.h. */
#include "base/base64.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
base64_encode(const void *data, size_t len, char *dst)
{
	const unsigned char *p = data;
	char *out = dst;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		v |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < len ? (uint32_t)p[i + 2] : 0;
		*out++ = digits[v >> 18 & 63];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*out = '\0';
	return dst;
}

static int
value_of(char c)
{
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Four digits; how many bytes they are, or -1. */
static int
group(const char *s, unsigned char *out)
{
	int pad = s[3] != '=' ? 0 : s[2] != '=' ? 1 : 2;
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int digit = i >= 4 - pad ? 0 : value_of(s[i]);

		if (digit < 0)
			return -1;
		v = v << 6 | (uint32_t)digit;
	}
	for (int i = 0; i < 3 - pad; i++)
		out[i] = (unsigned char)(v >> (16 - 8 * i));
	return 3 - pad;
}

int
base64_decode(const char *src, void *dst, size_t *len)
{
	size_t n = strlen(src);
	unsigned char *out = dst;

	*len = 0;
	if (n % 4 != 0)
		return -MX_ESYNTAX;
	for (size_t i = 0; i < n; i += 4) {
		int got = group(src + i, out + *len);

		if (got < 0 || (got < 3 && i + 4 < n))
			return -MX_ESYNTAX;
		*len += (size_t)got;
	}
	return 0;
}

char *
base64_bytes(const char *src, size_t *len)
{
	char *dst = mem_array(strlen(src) / 4 * 3 + 1, 1);

	if (base64_decode(src, dst, len) != 0)
		mem_free(&dst);
	return dst;
}
