/* SPDX-License-Identifier: ISC
 * mail_log: the log lines that trace a message from its acceptance to its end,
 * each with `id` first and one recipient a line:
 *
 *	event=accepted    it is durable, and the client is told so
 *	event=attempt     a reply of a server, or of the DNS, about the
 *			  recipient; status=delivered, deferred or failed
 *	event=given_up    without an attempt: its lifetime is over, or an
 *			  operator ended it; status=expired, failed, removed
 *	event=end         the message has left the queue, once for each
 *
 * Two fields have Postfix's names: `delay`, seconds since the client began to
 * send it, and `delays`, the same in four parts: receiving it, waiting here,
 * connecting, sending. `dsn` is the enhanced status code (RFC 3463). log {
 * recipients = no } masks `to` and `orig_to`, and omits server replies. Pure
 * except for the log. */
#ifndef MX_RELAY_MAIL_LOG_H
#define MX_RELAY_MAIL_LOG_H

#include "relay/envelope.h"
#include "smtp/phase.h"

/* Sets the Message-ID from the beginning of the body. */
void mail_log_header(struct envelope *, const char *body, size_t len);

/* `by` is the end of the line: formatted fields, with a blank before each. */
void
mail_log_accepted(const char *module, const struct envelope *, const char *by);

struct mail_log_attempt {
	enum smtp_phase phase;
	const char *nexthop; /* the host, by its name in the route */
	const char *addr; /* address and port */
	const char *tls; /* the protocol's version; NULL: in clear */
	const char *tls_by; /* what decided about TLS; NULL: nothing */
	const char *note; /* why it ended, if no reply says so; "" none */
	/* The reply to the message, for recipients without a reply of their
	 * own. */
	uint16_t code;
	struct smtp_status status;
	const char *reply;
	/* Wall clock and lengths, milliseconds. */
	int64_t began_ms; /* when the client began to send it; 0 unknown */
	int64_t connect_ms; /* 0: the connection existed */
	int64_t spent_ms; /* from MAIL to the last reply */
};

/* A line for each recipient that has changed since the envelope was loaded; if
 * none has, for each pending one. */
void mail_log_attempt(const struct envelope *, const struct mail_log_attempt *,
    int64_t now_ms);

/* A recipient that is given up; `status` is one word. */
void mail_log_given_up(const struct envelope *, const struct rcpt *,
    const char *status, int64_t began_ms, int64_t now_ms);

/* The part has left the queue; `kept`: for the vault. */
void mail_log_end(const struct envelope *, bool kept, int64_t began_ms,
    int64_t now_ms);
/* The same for a part whose record could not be read. */
void mail_log_end_unread(uint64_t id, const char *domain);

#endif
