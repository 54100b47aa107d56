/* SPDX-License-Identifier: ISC
 * header: normalises the header of a message as Postfix does, in pieces of any
 * size. All servers behind us have to agree where the header ends, and nothing
 * in it may continue the Received line that we prepend:
 *   - a first line that begins with a blank gets an empty line before it;
 *   - "From " lines at the very beginning, of a mailbox, become X-Mailbox-Line;
 *   - a line that is neither a field (a name of printing ASCII, a colon) nor
 *     a continuation ends the header, with an empty line before it.
 * All else passes byte for byte. Pure. */
#ifndef MX_SMTPD_HEADER_H
#define MX_SMTPD_HEADER_H

#include "base/defs.h"

/* The longest field name, with blanks after it; Postfix looks for the colon in
 * the first 2048 octets. */
#define HEADER_NAME_MAX 2000

/* The most output for len octets. */
#define HEADER_OUT(len) (HEADER_NAME_MAX + 4 * (len))

struct header_reader {
	uint8_t state;
	bool begun; /* a field was seen: a line with a blank continues it */
	bool over; /* the rest is the body and passes unread */
	size_t held; /* octets of a line whose kind is not known yet */
	char hold[HEADER_NAME_MAX];
};

void header_reader_init(struct header_reader *);

/* Reads src, content with CRLF line ends, and writes the result to dst, which
 * holds HEADER_OUT(len) and does not overlap src. *used is the number of octets
 * read: all, or those up to the end of the header. Nothing is held back at a
 * line end. Returns the number of octets written. */
size_t header_read(struct header_reader *, const char *src, size_t len,
    size_t *used, char *dst);

#endif
