/* SPDX-License-Identifier: ISC
 * trace: trace information (RFC 5321 4.4): writes our Received line, and counts
 * those of a message while it passes, so that a mail loop ends here. Only the
 * present word of the message is stored. Pure. */
#ifndef MX_SMTPD_TRACE_H
#define MX_SMTPD_TRACE_H

#include "base/defs.h"
#include "smtp/path.h"

/* HELO 255, literal, host 253, date, a recipient and the fixed text. */
#define TRACE_RECEIVED_MAX (880 + PATH_MAILBOX_MAX)

struct trace_received {
	const char *helo;
	const char *client; /* address literal, with brackets */
	const char *host; /* our name */
	const char *id; /* as text_id() prints it */
	const char *rcpt; /* the only recipient, or NULL */
	const char *date; /* as text_date_5322() prints it */
	bool esmtp, tls, utf8;
};

/* Returns the length. Characters that could leave their place are masked; `for`
 * is omitted when its recipient would have to be quoted. */
size_t trace_received(const struct trace_received *, char *dst, size_t size);

/* RFC 3848 and 6531: "SMTP", "ESMTPS", "UTF8SMTP", ... */
const char *trace_protocol(bool esmtp, bool tls, bool utf8);

struct trace_scan {
	const char *host; /* our name, canonical; borrowed */
	unsigned received; /* Received lines so far */
	unsigned own; /* those with "by <host>" */
	/* an octet above 127 in the header: SMTPUTF8 is needed */
	bool eightbit;
	uint8_t state;
	bool by; /* the previous word was "by" */
	bool counted; /* this field was counted already */
	unsigned depth; /* nesting of comments */
	size_t len; /* of the word or field name being read */
	char word[TEXT_DOMAIN_MAX + 2];
};

void trace_scan_init(struct trace_scan *, const char *host);
/* Takes content with CRLF line ends, in pieces of any size. */
void trace_scan_feed(struct trace_scan *, const char *data, size_t len);

#endif
