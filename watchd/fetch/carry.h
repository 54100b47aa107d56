/* SPDX-License-Identifier: ISC
 * carry: what is sent to or fetched from another server, how, and the result. A
 * message is the payload: an address, header lines, a body. A carry has the
 * rest: time limit, credentials, and where the response is stored. Addresses,
 * headers and bodies hold secrets: a result has a status and our own words,
 * never those. Plain values; any thread. */
#ifndef MX_FETCH_CARRY_H
#define MX_FETCH_CARRY_H

#include "base/buf.h"
#include "base/text.h"

#define MESSAGE_MAX (512u << 10)

enum message_carrier { CARRY_HTTP, CARRY_SMTP, CARRY_EXEC };

struct message {
	enum message_carrier carrier;
	char *url;
	struct strlist header; /* "Name: value" */
	struct buf body;
};

void message_init(struct message *, enum message_carrier);
void message_fini(struct message *);
void message_header(struct message *, const char *fmt, ...) MX_PRINTF(2, 3);

struct carry {
	int64_t timeout_ms;
	char *ca_file; /* NULL: the system's CAs */
	bool get; /* HTTP: without a body */
	char *from, *user, *password; /* SMTP */
	struct strlist to;
	struct strlist argv; /* for a program */
	/* The response (of HTTP, or a program's standard output) replaces that
	 * file, see download.h; NULL: not wanted. More than `into_max`: a
	 * failure. */
	char *into;
	uint64_t into_max;
	char *token_file; /* with a bearer token, for HTTP; NULL: none */
	/* HTTPS, instead of `into`: the content of a 200 is appended, up to the
	 * buffer's cap. The thread owns it until the answer is there, or `drop`
	 * is called; NULL: not wanted. */
	struct buf *content;
	/* HTTP: the host's address, already looked up by the caller:
	 * "HOST:PORT:ADDRESS:PORT", IPv6 in brackets; NULL: by the system. */
	char *connect_to;
	bool follow; /* report the progress */
	/* Returned with the result: */
	uint64_t token;
	void *arg;
	/* called when the result is not delivered; NULL: nothing */
	void (*drop)(void *arg);
};
/* A deep copy, of parts of a configuration for example. */
void carry_copy(struct carry *dst, const struct carry *src);
void carry_fini(struct carry *);

/* The progress, if it is followed. */
enum carry_stage {
	CARRY_ENDED, /* the result */
	CARRY_STARTED, /* a program was started */
	CARRY_RESOLVED, /* the name was resolved */
	CARRY_CONNECTED,
	CARRY_SECURED, /* TLS */
	CARRY_SPOKEN, /* all was sent: the answer is awaited */
};
const char *carry_stage_name(enum carry_stage); /* "connected" */

enum carry_result {
	CARRY_SENT,
	CARRY_RETRY, /* failed, try later */
	CARRY_REJECTED, /* refused for good */
};
struct send_result {
	enum carry_result result;
	int status; /* of HTTP, of SMTP, an exit code; 0: none */
	int64_t retry_after_ms; /* 0: not given */
	bool partly; /* sent, but not to all recipients: see text */
	bool unchanged; /* the file is unchanged */
	int64_t had_ms; /* wall: previous confirmation of the file; 0 */
	char text[128]; /* "HTTP 202", "timed out" */
};

#endif
