/* SPDX-License-Identifier: ISC
 * dot_blocks: finds how far a text has only regular line ends, 64 octets at a
 * time where the processor can (SSE2, which every x86-64 has); elsewhere it
 * finds nothing, and dot.c goes line by line. For dot.c only. Pure. */
#ifndef MX_SMTP_DOT_BLOCKS_H
#define MX_SMTP_DOT_BLOCKS_H

#include "base/defs.h"

/* The number of octets at p, beginning within a line, that have CR and LF as
 * CRLF only, and with `dots` no dot after one. Never ends between CR and LF.
 * *line is set behind the last line end among them; unchanged if there is
 * none. */
size_t dot_blocks(const char *p, size_t len, bool dots, const char **line);

#endif
