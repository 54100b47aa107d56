/* SPDX-License-Identifier: ISC
 * dot_blocks: how far a text has nothing but lines that end as they should,
 * found 64 octets at a time where the processor can (SSE2, which every x86-64
 * has); elsewhere nothing is found, and dot.c goes from line to line. For
 * dot.c alone. Pure. */
#ifndef MX_SMTP_DOT_BLOCKS_H
#define MX_SMTP_DOT_BLOCKS_H

#include "base/defs.h"

/* How many of the octets at p, within a line on, hold CR and LF as CRLF only,
 * and with `dots` no dot behind one. Never ends between CR and LF. *line moves
 * to behind the last line end among them; it stays where there is none. */
size_t dot_blocks(const char *p, size_t len, bool dots, const char **line);

#endif
