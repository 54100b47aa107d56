/* SPDX-License-Identifier: ISC
 * content: what is in a message, piece by piece, to who may see it: root and the user
 * of the daemon, unless the configuration says that nobody may. A piece is read when
 * the client has taken the last, so a message of any size costs the memory of one.
 * Loop thread. */
#ifndef MX_CONTROL_CONTENT_H
#define MX_CONTROL_CONTENT_H

#include "control/control_int.h"

#define CONTENT_PIECE 45000u /* bytes; a line of 60,000 */

enum content_part { CONTENT_ALL, CONTENT_HEADERS, CONTENT_BODY };

struct content_reader {
	uint64_t id; /* of a part */
	enum content_part part;
	uint64_t at; /* bytes that were read */
	uint32_t crc; /* of them */
	bool behind; /* the empty line behind the header was met */
	bool column0, cr; /* where in a line the header stands */
	bool over; /* nothing more comes */
	int rc; /* 0, or why: -MX_ENOENT, -MX_EIO, -MX_ECORRUPT */
	double sent; /* bytes */
};

/* Is it asked for what is in messages? */
bool content_is_asked(const struct call *);
/* May it be? Else the call has been failed. */
bool content_is_allowed(struct call *);
void content_begin(struct content_reader *, uint64_t id, enum content_part);
/* Asks for the next piece, of which `cb` is told, with the call's ticket. */
void
content_ask(struct call *, const struct content_reader *, relay_content_cb *cb);
/* For that callback: sends what of the piece is wanted. */
void content_take(struct call *, struct content_reader *, int rc,
    const char *data, size_t len, const struct relay_content *);

#endif
