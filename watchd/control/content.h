/* SPDX-License-Identifier: ISC
 * content: the content of a message, piece by piece, for those who may see it:
 * root and the user of the daemon, unless the configuration forbids it. A piece
 * is read when the client has taken the last one, so a message of any size
 * costs the memory of one piece. Loop thread. */
#ifndef MX_CONTROL_CONTENT_H
#define MX_CONTROL_CONTENT_H

#include "control/control_int.h"

#define CONTENT_PIECE 45000u /* bytes; 60,000 in base64 */

enum content_part { CONTENT_ALL, CONTENT_HEADERS, CONTENT_BODY };

struct content_reader {
	uint64_t id; /* of a part */
	enum content_part part;
	uint64_t at; /* bytes read */
	uint32_t crc; /* of those bytes */
	bool behind; /* the empty line after the header was read */
	bool column0, cr; /* position in a header line */
	bool over; /* end of the content */
	int rc; /* 0, or the error: -MX_ENOENT, -MX_EIO, -MX_ECORRUPT */
	double sent; /* bytes */
};

/* Is the request about the content of messages? */
bool content_is_asked(const struct call *);
/* Is that allowed? Else the call has failed. */
bool content_is_allowed(struct call *);
void content_begin(struct content_reader *, uint64_t id, enum content_part);
/* Asks for the next piece; `cb` gets it, with the call's ticket. */
void
content_ask(struct call *, const struct content_reader *, relay_content_cb *cb);
/* To be called from `cb`: sends the requested part of the piece. */
void content_take(struct call *, struct content_reader *, int rc,
    const char *data, size_t len, const struct relay_content *);

#endif
