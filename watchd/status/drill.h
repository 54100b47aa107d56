/* SPDX-License-Identifier: ISC
 * drill: what a drill (drill/drill.h) found out at each step, as it goes from
 * the drill to the control socket. Header only. */
#ifndef MX_STATUS_DRILL_H
#define MX_STATUS_DRILL_H

#include "base/text.h"

enum drill_kind {
	DRILL_INTAKE, /* the SMTP session with a listener of this server */
	DRILL_SPOOL, /* it is durable */
	DRILL_DELIVERY, /* an attempt, or the reason why there is none */
	DRILL_END, /* the last one */
};

enum drill_outcome {
	DRILL_OK, /* accepted, durable, delivered */
	DRILL_DEFERRED, /* put off by the primary */
	DRILL_NOT_TRIED, /* delivery is not attempted now */
	DRILL_FAILED,
};

#define DRILL_TEXT_MAX 200
#define DRILL_RCPT_MAX 860 /* a mailbox (smtp/path.h) */

struct drill_step {
	enum drill_kind kind;
	enum drill_outcome outcome;
	/* Since the drill began; of SPOOL: from the final dot to its reply. */
	int64_t ms;
	uint64_t id, bytes; /* SPOOL; bytes 0: unknown */
	char host[TEXT_DOMAIN_MAX + 8]; /* DELIVERY: the label; "": none */
	char addr[64]; /* address and port; "": none */
	char tls[32]; /* the protocol's version; "": in clear */
	const char *tls_by; /* static: what decided about TLS; NULL: nothing */
	uint16_t code; /* 0: `text` is no reply */
	char text[DRILL_TEXT_MAX]; /* a reply (peer text), or a sentence */
};

struct drill_view { /* of a drill */
	uint64_t id; /* of its message; 0: not queued yet */
	int64_t deadline_ms; /* wall */
	char recipient[DRILL_RCPT_MAX]; /* "": begun before this process */
};

#endif
