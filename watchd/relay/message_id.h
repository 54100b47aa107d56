/* SPDX-License-Identifier: ISC
 * message_id: the Message-ID of a message (RFC 5322 3.6.4), found while its
 * content passes. The first one counts, as in Postfix. Pure. */
#ifndef MX_RELAY_MESSAGE_ID_H
#define MX_RELAY_MESSAGE_ID_H

#include "base/defs.h"

/* The log shows no more of a value. */
#define MESSAGE_ID_MAX 200

struct message_id {
	uint8_t state;
	uint8_t matched; /* characters of the field's name */
	uint16_t len;
	char text[MESSAGE_ID_MAX + 1]; /* terminated; "": none so far */
};

void message_id_init(struct message_id *);
/* Takes content with CRLF line ends, in pieces of any size. Costs nothing once
 * the header is over or the field was found. */
void message_id_feed(struct message_id *, const char *data, size_t len);

#endif
