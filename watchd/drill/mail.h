/* SPDX-License-Identifier: ISC
 * mail: the message of a drill, and the mark by which this server knows it
 * again: an ENVID (RFC 3461 4.4) with a random token, which the record of the
 * queue keeps and nobody else can know before the drill. Pure. */
#ifndef MX_DRILL_MAIL_H
#define MX_DRILL_MAIL_H

#include "base/buf.h"

#define DRILL_MARK_MAX 64
/* Of a message: the longest host name, domain and mailbox fit. */
#define DRILL_MAIL_MAX 8192

/* "mxwatch-drill-" and 32 hexadecimal digits. */
void drill_mark(uint64_t a, uint64_t b, char mark[DRILL_MARK_MAX]);

struct drill_letter { /* strings are borrowed */
	const char *hostname; /* of this server */
	const char *domain;
	const char *recipient;
	const char *mark;
	int64_t wall;
};

/* Appends the message with CRLF line ends. `out` has room for
 * DRILL_MAIL_MAX. */
void drill_mail_write(const struct drill_letter *, struct buf *out);

#endif
