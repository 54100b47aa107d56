/* SPDX-License-Identifier: ISC
 * lookalike: characters that word processors and web pages substitute for plain
 * ones. Pasted into a configuration they look right but are not, so errors name
 * them. Pure. */
#include <stdio.h>
#include <string.h>

#include "config_int.h"

#define QUOTE "write the plain \""

static const struct lookalike table[] = {
	{ 0x00a0, "no-break space", "write a plain space", false },
	{ 0x00ab, "typographic quote", QUOTE, true },
	{ 0x00bb, "typographic quote", QUOTE, true },
	{ 0x2007, "figure space", "write a plain space", false },
	{ 0x200b, "zero-width space", "remove it", false },
	{ 0x2010, "typographic hyphen", "write the plain -", false },
	{ 0x2011, "no-break hyphen", "write the plain -", false },
	{ 0x2013, "dash", "write the plain -", false },
	{ 0x2014, "dash", "write the plain -", false },
	{ 0x2018, "typographic quote", QUOTE, true },
	{ 0x2019, "typographic quote", QUOTE, true },
	{ 0x201a, "typographic quote", QUOTE, true },
	{ 0x201c, "typographic quote", QUOTE, true },
	{ 0x201d, "typographic quote", QUOTE, true },
	{ 0x201e, "typographic quote", QUOTE, true },
	{ 0x202f, "narrow no-break space", "write a plain space", false },
	{ 0x2212, "minus sign", "write the plain -", false },
	{ 0xfeff, "byte order mark", "remove it", false },
};

/* The code point at p, if it has two or three bytes in UTF-8, as all of the
 * table have; else 0. */
static unsigned
decode(const unsigned char *p, size_t left, size_t *len)
{
	*len = left >= 2 && (p[0] & 0xe0) == 0xc0 ? 2 :
	    left >= 3 && (p[0] & 0xf0) == 0xe0	  ? 3 :
						    0;
	for (size_t i = 1; i < *len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (*len == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (*len == 3)
		return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	return 0;
}

const struct lookalike *
lookalike_at(const char *p, const char *end, size_t *len)
{
	unsigned code =
	    decode((const unsigned char *)p, (size_t)(end - p), len);

	for (size_t i = 0; code != 0 && i < MX_COUNT(table); i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

const struct lookalike *
lookalike_in(const char *p, const char *end)
{
	const struct lookalike *found = NULL;
	size_t len;

	for (; p < end && found == NULL; p++)
		found = lookalike_at(p, end, &len);
	return found;
}

char *
lookalike_hint(const char *value, char *dst, size_t size)
{
	const struct lookalike *found =
	    lookalike_in(value, value + strlen(value));

	*dst = '\0';
	if (found != NULL)
		snprintf(dst, size, "; it holds a %s (U+%04X): %s", found->name,
		    found->code, found->remedy);
	return dst;
}
