/* SPDX-License-Identifier: ISC
 * session: one client of ours, from accept to close (private to this folder).
 * session.c gives turns and keeps time, session_line.c reads commands, cmd_*.c
 * answer, smtpd.c owns. A session whose connection is gone lives on while a
 * commit of its is under way, so that what was taken is counted and logged.
 * Loop thread. */
#ifndef MX_SMTPD_SESSION_H
#define MX_SMTPD_SESSION_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "net/conn.h"
#include "relay/message_id.h"
#include "relay/smtpd/client_limit.h"
#include "relay/smtpd/dnsbl.h"
#include "relay/smtpd/header.h"
#include "relay/smtpd/insist.h"
#include "relay/smtpd/policy.h"
#include "relay/smtpd/trace.h"
#include "relay/smtpd/transaction.h"
#include "smtp/dot.h"

/* Bytes read of a client ahead of being processed. */
#define SESSION_INPUT_MAX 32768u
#define SESSION_CHUNK	  16384u /* of DATA taken at once */

enum session_state { /* what is awaited */
	ST_COMMAND,
	ST_SKIP, /* the end of a line that is too long */
	ST_TLS, /* the handshake */
	ST_DATA,
	ST_BDAT, /* the rest of a chunk */
	ST_WAIT_COMMIT,
	ST_WAIT_DNSBL, /* a RCPT is there, and not read */
	ST_CLOSED, /* the connection is gone */
	ST_MAX,
};

/* What counts against the limits: a descriptor, from accept until it is closed,
 * and the session's message that is on its way to the disk. */
struct seat {
	LIST_ENTRY(seat) link;
	struct smtpd *smtpd; /* NULL: gone */
	uint64_t client_key;
	bool counted; /* in client_limit */
	unsigned holders; /* connection, session */
};

struct session {
	LIST_ENTRY(session) link;
	struct smtpd *smtpd;
	struct policy *policy;
	struct conn *conn; /* NULL: gone */
	struct seat *seat;
	uint64_t id;
	bool may_talk; /* before its time: trusted, or a proxy */
	bool proxy, filter; /* may say XCLIENT, XFORWARD */
	enum session_state state;
	char client[ADDR_TEXT_MAX];
	char literal[ADDR_TEXT_MAX];
	char helo[256]; /* "" before HELO/EHLO */
	bool esmtp, tls;
	bool running; /* in run(): it goes on by itself */
	bool waits; /* has input, and will have its turn */
	bool eof; /* the client has sent its last */
	bool congested; /* the disk does not keep up */
	bool overdue; /* it does not answer, and the client was told so */
	unsigned errors, tempfails, commands; /* since the last message */
	uint32_t refusals[SMTPD_REASON_MAX]; /* as far as not logged */
	char *orig_client, *orig_helo; /* XFORWARD; NULL: did not say */
	size_t skipped; /* bytes of a line that is too long */
	int64_t deadline; /* for something whole */
	int64_t line_deadline; /* for the end of this command */
	struct dnsbl_use dnsbl;
	struct transaction tx;

	/* DATA and BDAT */
	struct queue_intake *intake; /* NULL also after it was given up */
	int data_rc; /* why it was: -MX_EFULL, -MX_EIO, -MX_ETOOBIG */
	bool refused; /* counted and logged */
	struct dot_reader dot;
	struct header_reader header;
	struct trace_scan trace;
	struct message_id message_id;
	int64_t data_begun; /* or the chunk; moved on by pauses of our own */
	uint64_t data_got; /* octets since then */
	int64_t paused_at;

	/* BDAT */
	bool chunking; /* a message has begun and is not at its end */
	bool chunk_last;
	uint64_t chunk_left;
	const char *chunk_no; /* the reply to a chunk that is dropped */
};

/* Completions outlive smtpd; `smtpd` is NULL then. */
struct commits {
	struct smtpd *smtpd;
	unsigned under_way;
};

struct listener;
LIST_HEAD(session_list, session);
LIST_HEAD(seat_list, seat);
LIST_HEAD(listener_list, listener);

struct smtpd {
	struct loop *loop;
	struct queue *queue;
	struct stats *stats;
	struct smtpd_ops ops;
	struct policy *policy; /* of new sessions; NULL before configure */
	struct recipients_set *recipients;
	struct loop_task *read_task;
	void (*read)(void *arg); /* the files are; smtpd_on_read() */
	void *read_arg;
	struct tls_ctx *tls;
	struct renewal *renewal; /* of its files; NULL: no STARTTLS */
	struct client_limit *limit;
	struct insist *insist;
	struct dnsbl *dnsbl;
	struct listener_list listeners;
	struct session_list sessions;
	struct idmap by_id;
	struct commits *commits;
	struct seat_list seats;
	unsigned open; /* seats */
	unsigned overdue; /* commits that were waited for long enough */
	unsigned bound; /* of them; 0: max_sessions alone */
	bool stress, draining;
	uint64_t next_id;
	void (*idle)(void *arg);
	void *idle_arg;
	struct loop_task *idle_task;
	int64_t date_wall; /* the second that `date` is of */
	char date[64]; /* for Received; "": none yet */
	struct smtp_command cmd; /* scratch: the command in hand */
	char content[2 * SESSION_CHUNK + 4]; /* scratch: of dot_read() */
};

/* smtpd.c */
/* A new connection; fd is taken over, or closed with 421. */
void smtpd_adopt(struct smtpd *, int fd, const struct net_addr *peer);
/* NULL when the client may have one session more, which is counted then; or
 * the reply, and why. */
const char *smtpd_client_refusal(struct smtpd *, const struct policy *,
    uint64_t key, enum smtpd_reject *reason);
void smtpd_seat_leave(void *seat); /* one who holds it */
/* Something that is limited has changed: it may be stricter now, or not. */
void smtpd_press(struct smtpd *);
void smtpd_session_gone(struct smtpd *);

/* session.c */
/* The seat is the session's and its connection's. */
void session_start(struct smtpd *, int fd, const struct net_addr *peer,
    struct seat *);
void session_destroy(struct session **);
/* It is that client's from now on. NULL, or the reply: it has too many. */
const char *session_becomes(struct session *, const struct net_addr *);
/* One reply of ours, with its CRLF. 5xx count as errors, 4xx by themselves. */
void session_reply(struct session *, const char *line);
/* A last reply, and the connection closes. */
void session_close(struct session *, const char *line);
/* The same for who said QUIT. */
void session_quit(struct session *, const char *line);
/* Without one: the client went away. */
void session_lost(struct session *, const char *why);
void session_set(struct session *, enum session_state);
void session_arm(struct session *, int64_t ms);
/* The time-out of a command, shorter while we are near our limit. */
int64_t session_timeout_ms(const struct session *);
/* The next command has its full time from now on. */
void session_await(struct session *);
/* Something whole is done: a message, whatever became of it. */
void session_whole(struct session *);
/* Goes on with input that waits, after something was awaited. */
void session_continue(struct session *);
/* The daemon stops: closes unless a message is under way. */
void session_drain(struct session *);
void session_stress(struct session *); /* shorter time-outs from now on */
void session_relax(struct session *); /* and back */

static inline const struct config *
session_conf(const struct session *s)
{
	return s->policy->conf;
}

/* session_line.c: one command line; false when there is none that is whole. */
bool session_line(struct session *);
/* Drops of a line that is too long what is there, up to its end or our
 * patience's; false when nothing is. */
bool session_skip(struct session *);

/* session_log.c */
/* May a line about this client be logged? */
bool session_log_ok(struct session *);
/* The same for a refusal of that kind. */
bool session_log_refusal(struct session *, enum smtpd_reason kind);
/* How many had no line of their own. */
void session_log_rest(struct session *);

/* early_talk.c: did the client not wait for that? It was told so then, and the
 * session is over. Right before the reply is written. */
bool session_early(struct session *, enum smtpd_early awaited);

/* session_dnsbl.c */
/* The client is looked up, from now on that one. */
void session_dnsbl_begin(struct session *, const struct net_addr *client);
/* True: the answers are waited for, ST_WAIT_DNSBL. */
bool session_dnsbl_wait(struct session *);
void session_dnsbl_overdue(struct session *);
void session_dnsbl_known(struct dnsbl_use *);
/* Is a recipient of this client refused? It is counted then. */
bool session_dnsbl_refuses(struct session *);

/* cmd_session.c: HELO, EHLO, STARTTLS, RSET, NOOP, VRFY, HELP, QUIT... */
void cmd_dispatch(struct session *, struct smtp_command *);
void cmd_tls_up(struct session *);
/* cmd_mail.c */
void cmd_mail(struct session *, struct smtp_command *);
void cmd_rcpt(struct session *, struct smtp_command *);
/* NULL, or the reply to give while nothing can be stored. */
const char *cmd_store_refusal(const struct session *, uint64_t size);
/* cmd_xclient.c */
void cmd_xclient(struct session *, struct smtp_command *);
void cmd_xforward(struct session *, struct smtp_command *);
/* The transaction is over for which it was said. */
void cmd_xforward_end(struct session *);
/* cmd_etrn.c */
void cmd_etrn(struct session *, struct smtp_command *);

/* cmd_data.c */
void cmd_data(struct session *, struct smtp_command *);
/* False when more input is wanted, or nothing can be done now. */
bool cmd_data_run(struct session *);
/* The message that is under way, if any, and its transaction are forgotten. */
void cmd_data_abort(struct session *);
queue_commit_cb cmd_data_committed;
/* The disk has had its time. */
void cmd_data_overdue(struct session *);

/* cmd_data.c for cmd_bdat.c */
/* Somebody who goes on sending far beyond the limit is not mailing. */
#define CMD_DATA_EXCESS(limit) ((limit)*4 + (1 << 20))
/* NULL: begun; or the reply: there is no room. What is taken all the same is
 * dropped then, and refused at its end. */
const char *cmd_data_begin(struct session *, bool counted);
void cmd_data_clock(struct session *); /* its clock starts now */
/* Content that came out of the dot reader. */
void cmd_data_take(struct session *, const char *data, size_t len);
/* Our disk is slow: nothing is read until it is not. */
bool cmd_data_congested(struct session *);
/* Nothing to read: waits for more, or closes on who is too slow. False. */
bool cmd_data_wait(struct session *);
/* Why the message is refused as far as it is known, counted; or NULL. */
const char *cmd_data_refusal(struct session *);
void cmd_data_end(struct session *); /* all is there: commit or refuse */

/* cmd_bdat.c */
void cmd_bdat(struct session *, struct smtp_command *);
bool cmd_bdat_run(struct session *); /* as cmd_data_run() */

#endif
