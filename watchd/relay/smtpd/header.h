/* SPDX-License-Identifier: ISC
 * header: the header of a message as Postfix keeps it, in pieces of any size.
 * Where it ends is what every server behind us has to see in the same way,
 * and nothing of it may go on with the Received line that we put above:
 *   - a first line that begins with a blank gets an empty line before it;
 *   - "From " lines at the very beginning, of a mailbox, become X-Mailbox-Line;
 *   - what is no field (a name of printing ASCII, a colon) nor goes on with
 *     one ends the header, with an empty line before it.
 * All else passes byte for byte. Pure. */
#ifndef MX_SMTPD_HEADER_H
#define MX_SMTPD_HEADER_H

#include "base/defs.h"

/* The longest field name, blanks behind it included; Postfix looks for the
 * colon in the first 2048 octets. */
#define HEADER_NAME_MAX 2000

/* Room for what comes of len octets. */
#define HEADER_OUT(len) (HEADER_NAME_MAX + 4 * (len))

struct header_reader {
	uint8_t state;
	bool begun; /* a field was seen: a blank goes on with it */
	bool over; /* the rest is the body and needs no reading */
	size_t held; /* of the line's start, until it is known what it is */
	char hold[HEADER_NAME_MAX];
};

void header_reader_init(struct header_reader *);

/* Reads src, content with CRLF line ends, and gives what is kept of it to dst,
 * which holds HEADER_OUT(len) and does not overlap src. *used is what was
 * read: all of it, or up to where the header was over. Nothing is held behind
 * a line end. Returns the number of bytes put into dst. */
size_t header_read(struct header_reader *, const char *src, size_t len,
    size_t *used, char *dst);

#endif
