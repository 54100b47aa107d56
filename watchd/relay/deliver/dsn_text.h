/* SPDX-License-Identifier: ISC
 * dsn_text: assembles the lines of a notification (dsn.h): fixed text,
 * sanitised values from outside, and the original. Pure. */
#ifndef MX_DELIVER_DSN_TEXT_H
#define MX_DELIVER_DSN_TEXT_H

#include "base/buf.h"

/* A writer that keeps its first failure, so that callers check once at the
 * end. */
struct dsn_writer {
	struct buf *out;
	int rc;
	size_t col; /* column in the line being written */
};

void dsn_put_bytes(struct dsn_writer *, const char *data, size_t len);
/* Fixed text, line ends included. */
void dsn_put(struct dsn_writer *, const char *s);
/* A value from outside: control characters become blanks, non-ASCII becomes
 * \x{HEX} (RFC 6533 3) or, in text that is not an address, "?"; folded with a
 * CRLF and a blank, so that it cannot leave its field. */
void dsn_put_text(struct dsn_writer *, const char *s, bool address);
/* name: value CRLF */
void dsn_put_field(struct dsn_writer *, const char *name, const char *value,
    bool address);
void dsn_put_date(struct dsn_writer *, const char *name, int64_t wall);
/* The original: its line ends become CRLF, long lines are broken. */
void dsn_put_original(struct dsn_writer *, const char *s, size_t len);

bool dsn_is_8bit(const char *s, size_t len);
/* Length of the header in the beginning of the original. */
size_t dsn_header_len(const char *s, size_t len);
/* Length of the whole lines within the first `max` octets. */
size_t dsn_whole_lines(const char *s, size_t len, size_t max);

#endif
