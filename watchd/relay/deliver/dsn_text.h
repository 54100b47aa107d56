/* SPDX-License-Identifier: ISC
 * dsn_text: puts the lines of a notification (dsn.h) together: our own words,
 * values from outside, made harmless, and the original. Pure. */
#ifndef MX_DELIVER_DSN_TEXT_H
#define MX_DELIVER_DSN_TEXT_H

#include "base/buf.h"

/* A writer that remembers its first failure, so that it is asked once. */
struct dsn_writer {
	struct buf *out;
	int rc;
	size_t col; /* of the line being written */
};

void dsn_put_bytes(struct dsn_writer *, const char *data, size_t len);
/* Our own words, line ends included. */
void dsn_put(struct dsn_writer *, const char *s);
/* One value from outside: control characters become blanks, what is not ASCII
 * \x{HEX} (RFC 6533 3) or, in text that is no address, "?"; folded with a CRLF
 * and a blank, so that it can be nothing but the rest of its field. */
void dsn_put_text(struct dsn_writer *, const char *s, bool address);
/* name: value CRLF */
void dsn_put_field(struct dsn_writer *, const char *name, const char *value,
    bool address);
void dsn_put_date(struct dsn_writer *, const char *name, int64_t wall);
/* The original: whatever ends its lines becomes CRLF, lines are cut. */
void dsn_put_original(struct dsn_writer *, const char *s, size_t len);

bool dsn_is_8bit(const char *s, size_t len);
/* How much of the original's beginning is its header. */
size_t dsn_header_len(const char *s, size_t len);
/* Cut back to whole lines of at most `max` octets together. */
size_t dsn_whole_lines(const char *s, size_t len, size_t max);

#endif
