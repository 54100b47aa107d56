/* SPDX-License-Identifier: ISC
 * trace: trace information (RFC 5321 4.4): writes our one Received line, and
 * counts those that a message already carries while it streams by, so that a
 * loop ends here. Only the word being read is kept of the message. Pure. */
#ifndef MX_SMTPD_TRACE_H
#define MX_SMTPD_TRACE_H

#include "base/defs.h"
#include "smtp/path.h"

/* Helo 255, literal, host 253, date, a recipient and what stands between. */
#define TRACE_RECEIVED_MAX (880 + PATH_MAILBOX_MAX)

struct trace_received {
	const char *helo;
	const char *client; /* address literal, with brackets */
	const char *host; /* ours */
	const char *id; /* as text_id() prints it */
	const char *rcpt; /* the only one, or NULL */
	const char *date; /* as text_date_5322() prints it */
	bool esmtp, tls, utf8;
};

/* Returns the length. What could break out of its place is masked; `for` is
 * left out when its recipient would have to be quoted. */
size_t trace_received(const struct trace_received *, char *dst, size_t size);

/* RFC 3848 and 6531: "SMTP", "ESMTPS", "UTF8SMTP", ... */
const char *trace_protocol(bool esmtp, bool tls, bool utf8);

struct trace_scan {
	const char *host; /* ours, canonical; borrowed */
	unsigned received; /* Received lines so far */
	unsigned own; /* those that say "by <host>" */
	bool eightbit; /* a byte above 127 in the header: SMTPUTF8 is needed */
	uint8_t state;
	bool by; /* the last word was "by" */
	bool counted; /* in this field already */
	unsigned depth; /* of comments */
	size_t len; /* of the word or field name being read */
	char word[TEXT_DOMAIN_MAX + 2];
};

void trace_scan_init(struct trace_scan *, const char *host);
/* Takes content with CRLF line ends, in pieces of any size. */
void trace_scan_feed(struct trace_scan *, const char *data, size_t len);

#endif
