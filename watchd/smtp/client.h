/* SPDX-License-Identifier: ISC
 * client: the client side of the SMTP dialogue (RFC 5321), the ONE engine under
 * delivery and probes. It has no sockets and no clock: the owner feeds it the
 * server's output and the time, sends its output, and acts on the events that
 * it returns.
 *
 *	conn readable -> smtp_client_feed() -> loop: smtp_client_next()
 *	      READY     -> smtp_client_mail() or smtp_client_quit()
 *	      START_TLS -> start TLS; then smtp_client_tls_up()
 *	      RCPT      -> note the result of one recipient
 *	      BODY      -> smtp_client_body()..., smtp_client_body_end()
 *	      SENT      -> the reply to the final dot, or to a transaction that
 *	                   ended before it; next comes READY
 *	      CLOSED    -> QUIT was answered
 *	      FAILED    -> the session is over: phase, reply, text. CLOSED
 *	                   and FAILED come once, then NONE for ever
 *	after each call -> send smtp_client_out(), clear it; arm the timer
 *	                   with smtp_client_timeout_ms().
 *
 * A message whose body is at hand may be sent in one piece, its commands and
 * BDAT (CLIENT_BURST), and others behind it before it is answered, as long as
 * smtp_client_follows(). Their events come in the order of sending: all up to
 * SENT belong to the first, then those of the next. Each one that follows is
 * preceded by a RSET: the fate of the previous one, refused at whatever step,
 * cannot affect it (RFC 3030 2). With DATA the commands of one may follow the
 * final dot, which ends the previous transaction whatever the reply; its
 * content waits for its own BODY.
 *
 * Server text is hostile: replies are bounded (reply.h), clear text after
 * STARTTLS is discarded, keywords match whole words only. Pure. */
#ifndef MX_SMTP_CLIENT_H
#define MX_SMTP_CLIENT_H

#include "base/buf.h"
#include "smtp/command.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

struct smtp_client;

enum smtp_client_tls {
	CLIENT_TLS_NONE, /* never */
	CLIENT_TLS_MAY, /* when offered; refused or missing: in clear */
	CLIENT_TLS_REQUIRE, /* otherwise FAILED in phase starttls */
};

struct smtp_client_conf {
	const char *helo; /* our name; borrowed for the client's life */
	enum smtp_client_tls tls;
};

/* EHLO keywords that we use. */
#define CLIENT_EXT_PIPELINING 1u
#define CLIENT_EXT_SIZE	      2u
#define CLIENT_EXT_8BITMIME   4u
#define CLIENT_EXT_STARTTLS   8u
#define CLIENT_EXT_DSN	      16u
#define CLIENT_EXT_SMTPUTF8   32u
#define CLIENT_EXT_ENHANCED   64u
#define CLIENT_EXT_CHUNKING   128u
#define CLIENT_EXT_XFORWARD   256u
#define CLIENT_EXT_BACKUP     512u /* SMTP_BACKUP_WORD: no primary */

enum smtp_client_event {
	CLIENT_NONE, /* nothing to do: feed more */
	CLIENT_START_TLS,
	CLIENT_READY,
	CLIENT_RCPT,
	CLIENT_BODY,
	CLIENT_SENT,
	CLIENT_CLOSED,
	CLIENT_FAILED,
};

/* How the content is sent. All but DATA need CHUNKING to be offered, and an
 * exact size. */
enum smtp_client_way {
	CLIENT_DATA, /* DATA, its reply, the final dot */
	CLIENT_BDAT, /* in one chunk, once a recipient was accepted */
	CLIENT_BURST, /* the same at once: needs PIPELINING */
};
#define CLIENT_FLIGHT_MAX 8 /* transactions under way at once */

/* One recipient of a transaction; strings borrowed until CLIENT_SENT. */
struct smtp_client_rcpt {
	const char *mailbox;
	const char *orcpt; /* "" or NULL: none; sent only to a DSN server */
	unsigned notify; /* NOTIFY_* */
};

struct smtp_client_tx {
	const char *sender; /* "" for <> */
	const struct smtp_client_rcpt *rcpts;
	size_t nrcpts;
	uint64_t size; /* 0: unknown */
	enum smtp_body body;
	bool smtputf8; /* the caller checked CLIENT_EXT_SMTPUTF8 */
	const char *envid; /* "" or NULL: none */
	enum smtp_ret ret;
	bool probe; /* no DATA: RSET after the RCPT replies */
	enum smtp_client_way way;
};

/* Limits announced by the server (RFC 9422 LIMITS); 0: not announced. */
struct smtp_client_limits {
	unsigned mails; /* MAILMAX: transactions per session */
	unsigned rcpts; /* RCPTMAX: recipients per transaction */
};

/* Phase and reply of the event; `text` explains FAILED without a reply
 * ("garbage instead of a reply", "lost connection"). */
struct smtp_client_info {
	enum smtp_phase phase;
	size_t rcpt; /* CLIENT_RCPT: index */
	const struct smtp_reply *reply; /* NULL: none; valid until next call */
	const char *text;
};

struct smtp_client *
smtp_client_create(const struct smtp_client_conf *, int64_t now);
void smtp_client_destroy(struct smtp_client **);

/* Takes all of data. 0, or -MX_ETOOBIG when unsolicited output of the server
 * exceeds a cap: then next() gives FAILED. */
int smtp_client_feed(struct smtp_client *, const char *data, size_t len,
    int64_t now) MX_NODISCARD;
enum smtp_client_event smtp_client_next(struct smtp_client *, int64_t now,
    struct smtp_client_info *info);
/* The connection broke or the timer expired: next() gives FAILED with the phase
 * that was awaited. `text` is copied. */
void smtp_client_lost(struct smtp_client *, const char *text, int64_t now);

void smtp_client_tls_up(struct smtp_client *, int64_t now);
/* The handshake failed: under MAY the owner reconnects with TLS_NONE. */

/* Only after READY, or if smtp_client_follows(); *tx is copied, its strings are
 * borrowed. An address with a control character is never sent: next() gives
 * FAILED. Sends MAIL and the RCPTs (and DATA, when all replies may be awaited
 * together) at once if PIPELINING is offered. */
void smtp_client_mail(struct smtp_client *, const struct smtp_client_tx *,
    int64_t now);
/* May this transaction be sent behind those under way? Either all are bursts,
 * and the last one was sent completely; or both use DATA, and it would be the
 * only one behind the final dot. */
bool
smtp_client_follows(const struct smtp_client *, const struct smtp_client_tx *);
/* Only after BODY, and for a burst right after smtp_client_mail(). Content is
 * canonical CRLF text; it is dot-stuffed here, or sent unchanged in a chunk. At
 * most 64 KiB at a time, and the output has to be sent before the next: it has
 * a cap, and a body that exceeds it, or does not have the declared length,
 * fails the session. */
void smtp_client_body(struct smtp_client *, const char *data, size_t len);
/* True: the next `len` octets of a chunk are counted here, and the owner writes
 * them itself, right after the output. False: they have to go through
 * smtp_client_body(). */
bool smtp_client_body_as_is(struct smtp_client *, size_t len);
void smtp_client_body_end(struct smtp_client *, int64_t now);
/* After READY; called earlier, QUIT is sent instead of the next READY, when the
 * transactions under way are answered. In the middle of a body: just close the
 * connection. */
void smtp_client_quit(struct smtp_client *, int64_t now);

/* Output to be sent. The owner drains it (buf_drain, buf_clear). */
struct buf *smtp_client_out(struct smtp_client *);
/* Time-out of the awaited reply (RFC 5321 4.5.3.2). */
int64_t smtp_client_timeout_ms(const struct smtp_client *);
/* NONE while no reply is awaited; DATA until the final dot, EOD after it. */
enum smtp_phase smtp_client_phase(const struct smtp_client *);
unsigned smtp_client_ext(const struct smtp_client *); /* CLIENT_EXT_* */
/* 0: no limit given */
uint64_t smtp_client_size_limit(const struct smtp_client *);
struct smtp_client_limits smtp_client_limits(const struct smtp_client *);
bool smtp_client_tls(const struct smtp_client *);
/* Progress of TLS. Only a reply inside TLS proves that it works: under TLS 1.3
 * a server's refusal comes after our handshake. */
enum smtp_client_tls_stage {
	CLIENT_TLS_IDLE, /* STARTTLS was not sent, or was refused */
	CLIENT_TLS_BEGUN, /* it was sent */
	CLIENT_TLS_PROVED, /* a reply came inside TLS, whatever its code */
};
enum smtp_client_tls_stage smtp_client_tls_stage(const struct smtp_client *);
/* Nanoseconds spent in a phase so far (awaiting its replies). */
int64_t smtp_client_phase_ns(const struct smtp_client *, enum smtp_phase);
/* The last reply, whatever it answered; code 0 before any. */
const struct smtp_reply *smtp_client_last_reply(const struct smtp_client *);

#endif
