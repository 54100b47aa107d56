/* SPDX-License-Identifier: ISC
 * dot: the transparency procedure (RFC 5321 4.5.2), both ways, in pieces of
 * any size. Reading: CRLF.CRLF alone ends the data. A CR or LF that is not
 * part of CRLF ("stray") is mended or ends in a refusal: a lone LF becomes a
 * CRLF, CRs too many before an LF are left out, a CR or several with no LF
 * behind become one blank, as Postfix has it, so that a line and with it the
 * header stays whole. None of them ever ends the data; a line that is a dot
 * alone and not the end stays one and goes out stuffed, so that nothing
 * smuggled here can end the data at the next server (CVE-2023-51764). What
 * comes out holds CR and LF only as CRLF. Data whose length is told (BDAT) has
 * no dots to undo and no end in it; its line ends are mended in the same way.
 * Pure. */
#ifndef MX_SMTP_DOT_H
#define MX_SMTP_DOT_H

#include "base/defs.h"

struct dot_reader {
	uint8_t state;
	bool counted; /* the length is told: a dot is a dot */
	bool bare; /* the line before, or this one, has no plain CRLF */
	bool stray; /* a stray CR or LF was seen (and mended) */
	bool done; /* the final dot was read */
	bool eightbit; /* a byte above 127 was seen */
	uint64_t size; /* content octets given out so far */
};

void dot_reader_init(struct dot_reader *);
void dot_reader_init_counted(struct dot_reader *);

/* Reads src, gives content to dst. dst must hold 2 * len + 4 bytes
 * and not overlap src. *used is what was read (all of it, or up to the end of
 * the final dot line). Returns the number of bytes put into dst. */
size_t dot_read(struct dot_reader *, const char *src, size_t len, size_t *used,
    char *dst);

/* The end of counted data: what was held back, and the end of a last line that
 * has none, because nothing else could pass through DATA later. dst holds 2.
 * Returns the number of bytes put into dst. */
size_t dot_read_end(struct dot_reader *, char *dst);

struct dot_writer {
	bool bol; /* at the beginning of a line */
	bool cr; /* the last byte was a CR */
};

void dot_writer_init(struct dot_writer *);
/* Stuffs src (canonical CRLF text) into dst, which must hold 2 * len. */
size_t dot_write(struct dot_writer *, const char *src, size_t len, char *dst);
/* The end: ".CRLF", after a CRLF when the last line had none. dst holds 5. */
size_t dot_write_end(struct dot_writer *, char *dst);

#endif
