/* SPDX-License-Identifier: ISC
 * carry: what is carried to somebody else or fetched from there, how, and what
 * came of it. A message is what goes out: an address, header lines, a body. A
 * carry is the rest: time limit, credentials, and where what comes back is kept.
 * Addresses, headers and bodies hold secrets: a result is a status and words of
 * ours, never those. Plain values; any thread. */
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
	char *ca_file; /* NULL: the system's */
	bool get; /* HTTP: without a body */
	char *from, *user, *password; /* SMTP */
	struct strlist to;
	struct strlist argv; /* a program */
	/* What comes back (of HTTP, or of a program's standard output) replaces
	 * that file, see download.h; NULL: it is not wanted. Larger than
	 * `into_max`: a failure. */
	char *into;
	uint64_t into_max;
	char *token_file; /* of a bearer token, for HTTP; NULL: none */
	/* HTTPS, in place of `into`: the content of a 200 is added to it, up to
	 * its cap. It is the thread's until the answer is there, or `drop` is
	 * called; NULL: it is not wanted. */
	struct buf *content;
	/* HTTP: the host's address, as somebody else has looked it up:
	 * "HOST:PORT:ADDRESS:PORT", IPv6 in brackets; NULL: by the system. */
	char *connect_to;
	bool follow; /* somebody wants to hear how far it is */
	/* Given back with the result, both: */
	uint64_t token;
	void *arg;
	void (*drop)(void *arg); /* when nobody hears of that; NULL: nothing */
};
/* A copy of its own; of what a configuration holds, for example. */
void carry_copy(struct carry *dst, const struct carry *src);
void carry_fini(struct carry *);

/* How far it is, for whoever follows it. */
enum carry_stage {
	CARRY_ENDED, /* the result is there */
	CARRY_STARTED, /* a program */
	CARRY_RESOLVED, /* the name has an address */
	CARRY_CONNECTED,
	CARRY_SECURED, /* TLS */
	CARRY_SPOKEN, /* all has been sent: its answer is waited for */
};
const char *carry_stage_name(enum carry_stage); /* "connected" */

enum carry_result {
	CARRY_SENT,
	CARRY_RETRY, /* later */
	CARRY_REJECTED, /* never */
};
struct send_result {
	enum carry_result result;
	int status; /* HTTP's, SMTP's, an exit code; 0: none came */
	int64_t retry_after_ms; /* 0: not said */
	bool partly; /* sent, but somebody did not get it: see text */
	bool unchanged; /* the file is what it was */
	int64_t had_ms; /* wall: when the file was last confirmed before; 0 */
	char text[128]; /* "HTTP 202", "timed out" */
};

#endif
