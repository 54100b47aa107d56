/* SPDX-License-Identifier: ISC
 * dsn_text: the writer of dsn_text.h. All input from outside (addresses,
 * replies, ENVID, ORCPT, the original itself) is hostile: it passes
 * dsn_put_text or dsn_put_original, the only two places that copy it, and
 * neither can end a line, begin a header or write a line over 998 octets (RFC
 * 5322 2.1.1). */
#include "relay/deliver/dsn_text.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define FOLD_AT	 76 /* folds at the blank before this column */
#define LINE_MAX 900 /* for lines without a blank; leaves room below 998 */
#define TEXT_MAX 1024 /* of one value */

void
dsn_put_bytes(struct dsn_writer *w, const char *data, size_t len)
{
	if (w->rc == 0)
		w->rc = buf_add(w->out, data, len);
}

void
dsn_put(struct dsn_writer *w, const char *s)
{
	const char *nl = strrchr(s, '\n');

	dsn_put_bytes(w, s, strlen(s));
	w->col = nl != NULL ? strlen(nl + 1) : w->col + strlen(s);
}

/* Reads one UTF-8 character of s; returns its length, 0 when invalid. */
static size_t
utf8_read(const char *s, size_t len, uint32_t *cp)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] >= 0xf0 && u[0] < 0xf5 ? 4 :
	    u[0] >= 0xe0 && u[0] < 0xf0	       ? 3 :
	    u[0] >= 0xc2 && u[0] < 0xe0	       ? 2 :
						 0;
	size_t i;

	if (n == 0 || n > len)
		return 0;
	*cp = u[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (u[i] & 0x3f);
	}
	return n;
}

void
dsn_put_text(struct dsn_writer *w, const char *s, bool address)
{
	size_t len = strnlen(s, TEXT_MAX), i, n;
	char piece[16];
	uint32_t cp = 0;

	for (i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)s[i];

		n = 1;
		if (c > 127) {
			if ((n = utf8_read(s + i, len - i, &cp)) == 0 ||
			    !address) {
				n = n == 0 ? 1 : n;
				strlcpy(piece, "?", sizeof(piece));
			} else {
				snprintf(piece, sizeof(piece), "\\x{%X}",
				    (unsigned)cp);
			}
		} else {
			piece[0] = c < 32 || c == 127 ? ' ' : (char)c;
			piece[1] = '\0';
		}
		if ((piece[0] == ' ' && w->col >= FOLD_AT && !address) ||
		    w->col >= LINE_MAX) {
			dsn_put(w, "\r\n ");
			if (piece[0] == ' ')
				continue;
		}
		dsn_put(w, piece);
	}
}

void
dsn_put_field(struct dsn_writer *w, const char *name, const char *value,
    bool address)
{
	dsn_put(w, name);
	dsn_put(w, ": ");
	dsn_put_text(w, value, address);
	dsn_put(w, "\r\n");
}

void
dsn_put_date(struct dsn_writer *w, const char *name, int64_t wall)
{
	char date[64];

	dsn_put_field(w, name, text_date_5322(wall, date, sizeof(date)), false);
}

bool
dsn_is_8bit(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] > 127)
			return true;
	return false;
}

size_t
dsn_header_len(const char *s, size_t len)
{
	size_t i;

	if (len >= 2 && s[0] == '\r' && s[1] == '\n')
		return 0;
	for (i = 0; i + 3 < len; i++)
		if (memcmp(s + i, "\r\n\r\n", 4) == 0)
			return i + 2;
	return len;
}

size_t
dsn_whole_lines(const char *s, size_t len, size_t max)
{
	if (len > max)
		len = max;
	while (len > 0 && s[len - 1] != '\n')
		len--;
	return len;
}

/* Writes one line of the original without its end: a NUL becomes "?", an
 * overlong line is broken, in the header by folding. */
static void
put_line(struct dsn_writer *w, const char *s, size_t len, bool header)
{
	size_t col = 0, n;
	const char *nul;

	for (; len > 0; s += n, len -= n, col += n) {
		if (col >= LINE_MAX) {
			dsn_put_bytes(w, "\r\n ", header ? 3 : 2);
			col = header;
		}
		n = len > LINE_MAX - col ? LINE_MAX - col : len;
		if ((nul = memchr(s, '\0', n)) == s) {
			n = 1;
			dsn_put_bytes(w, "?", 1);
			continue;
		}
		if (nul != NULL)
			n = (size_t)(nul - s);
		dsn_put_bytes(w, s, n);
	}
	dsn_put_bytes(w, "\r\n", 2);
}

void
dsn_put_original(struct dsn_writer *w, const char *s, size_t len)
{
	bool header = true;
	size_t i = 0, n;

	while (i < len) {
		for (n = i; n < len && s[n] != '\r' && s[n] != '\n'; n++)
			;
		header = header && n > i;
		put_line(w, s + i, n - i, header);
		i = n + 1;
		if (n + 1 < len && s[n] == '\r' && s[n + 1] == '\n')
			i++;
	}
}
