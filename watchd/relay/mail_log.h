/* SPDX-License-Identifier: ISC
 * mail_log: the log lines by which a message is followed from its acceptance
 * to its end, each with `id` first and one recipient a line:
 *
 *	event=accepted    it is durable, and the client is told so
 *	event=attempt     a server, or the DNS, said something of the recipient;
 *			  status=delivered, deferred or failed
 *	event=given_up    without an attempt: its lifetime is over, or an
 *			  operator ended it; status=expired, failed, removed
 *	event=end         the message has left the queue, once for each
 *
 * Two fields name what Postfix names: `delay`, seconds since the client began
 * to send it, and `delays`, the same in four parts: receiving it, waiting here,
 * connecting, sending. `dsn` is the enhanced status code (RFC 3463).
 * log { recipients = no } masks `to` and `orig_to`, and leaves out what a server
 * said. Pure but for the log. */
#ifndef MX_RELAY_MAIL_LOG_H
#define MX_RELAY_MAIL_LOG_H

#include "relay/envelope.h"
#include "smtp/phase.h"

/* Sets the Message-ID by the beginning of the body, as far as it was read. */
void mail_log_header(struct envelope *, const char *body, size_t len);

/* `by` is the end of the line: ready fields, with a blank before each. */
void
mail_log_accepted(const char *module, const struct envelope *, const char *by);

struct mail_log_attempt {
	enum smtp_phase phase;
	const char *nexthop; /* the host, by the name the route has for it */
	const char *addr; /* address and port */
	const char *tls; /* the protocol's version; NULL: in clear */
	const char *tls_by; /* what decided on TLS; NULL: nothing */
	const char *note; /* why it ended, when no reply says so; "" none */
	/* What was said to the message, for recipients that no reply names. */
	uint16_t code;
	struct smtp_status status;
	const char *reply;
	/* Wall clock and lengths, milliseconds. */
	int64_t began_ms; /* when the client began to send it; 0 not known */
	int64_t connect_ms; /* 0: the connection was there */
	int64_t spent_ms; /* from MAIL to the last reply */
};

/* A line for each recipient that has changed since the envelope was read; where
 * none has, for each that is pending. */
void mail_log_attempt(const struct envelope *, const struct mail_log_attempt *,
    int64_t now_ms);

/* A recipient that is not tried any more; `status` is one word. */
void mail_log_given_up(const struct envelope *, const struct rcpt *,
    const char *status, int64_t now_ms);

/* It has left the queue; `kept`: for the vault. */
void mail_log_end(const struct envelope *, bool kept, int64_t now_ms);
/* The same of one whose record could not be read. */
void mail_log_end_unread(uint64_t id, const char *domain);

#endif
