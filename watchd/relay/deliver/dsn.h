/* SPDX-License-Identifier: ISC
 * dsn: writes delivery status notifications: multipart/report with a text, a
 * message/delivery-status (RFC 3464) and the original or its headers (RFC 3462,
 * 3461 5, 6533 4). CRLF only. All text from peers is stripped of control
 * characters and folded. Pure. */
#ifndef MX_DELIVER_DSN_H
#define MX_DELIVER_DSN_H

#include "relay/envelope.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_RELAYED };

struct dsn_input {
	const char *reporting_mta; /* our host name */
	const char *from; /* postmaster address */
	const struct envelope *env;
	enum dsn_action action; /* FAILED: recipients FAILED or EXPIRED and
				 * not reported; DELAYED: the pending ones;
				 * RELAYED: the delivered ones not reported */
	int64_t now; /* wall, seconds */
	int64_t retry_until; /* wall, seconds: the expiry (delayed) */
	uint64_t id; /* of the notification, for Message-ID */
	uint64_t boundary; /* random */
	const char *body; /* the original's beginning, CRLF text */
	size_t body_len; /* octets of it that are there */
	bool body_whole;
	size_t body_max; /* octets of it to return; cut at a line end */
};

/* The number of env's recipients that this notification is about, honouring
 * NOTIFY (RFC 3461 4.1); 0: none is due. */
unsigned dsn_owed(const struct envelope *env, enum dsn_action);
const char *dsn_action_name(enum dsn_action); /* RFC 3464 2.3.3 */
int dsn_write(const struct dsn_input *, struct buf *out) MX_NODISCARD;

#endif
