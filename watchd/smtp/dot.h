/* SPDX-License-Identifier: ISC
 * dot: the transparency procedure (RFC 5321 4.5.2), both ways, in pieces of any
 * size. Reading: only CRLF.CRLF ends the data. A CR or LF outside a CRLF
 * ("stray") is repaired or leads to a refusal: a lone LF becomes a CRLF, extra
 * CRs before an LF are dropped, one or several CRs without an LF become one
 * blank, as in Postfix, so that a line and with it the header stays whole. None
 * of them ever ends the data; a line that is a single dot but not the end is
 * kept and sent stuffed, so that nothing smuggled here can end the data at the
 * next server (CVE-2023-51764). The output has CR and LF only as CRLF. Data of
 * declared length (BDAT) has no stuffed dots and no end mark; its line ends are
 * repaired in the same way. Pure. */
#ifndef MX_SMTP_DOT_H
#define MX_SMTP_DOT_H

#include "base/defs.h"

struct dot_reader {
	uint8_t state;
	bool counted; /* the length is declared: dots are content */
	bool bare; /* the previous line, or this one, has no plain CRLF */
	bool stray; /* a stray CR or LF was seen (and repaired) */
	bool done; /* the final dot was read */
	bool eightbit; /* a byte above 127 was seen */
	uint64_t size; /* content octets returned so far */
};

void dot_reader_init(struct dot_reader *);
void dot_reader_init_counted(struct dot_reader *);

/* Reads src, writes content to dst. dst must hold 2 * len + 4 bytes and not
 * overlap src. *used is the number of bytes read (all, or up to the end of the
 * final dot line). Returns the number of bytes written. */
size_t dot_read(struct dot_reader *, const char *src, size_t len, size_t *used,
    char *dst);

/* Ends data of declared length: writes what was held back, and a line end if
 * the last line has none, because DATA could not transport it otherwise. dst
 * holds 2. Returns the number of bytes written. */
size_t dot_read_end(struct dot_reader *, char *dst);

struct dot_writer {
	bool bol; /* at the beginning of a line */
	bool cr; /* the last byte was a CR */
};

void dot_writer_init(struct dot_writer *);
/* Dot-stuffs src (canonical CRLF text) into dst, which must hold 2 * len. */
size_t dot_write(struct dot_writer *, const char *src, size_t len, char *dst);
/* Ends the data: ".CRLF", after a CRLF if the last line had none. dst holds
 * 5. */
size_t dot_write_end(struct dot_writer *, char *dst);

#endif
