/* SPDX-License-Identifier: ISC
 * session: one client, from accept to close (private to this folder). session.c
 * schedules it and keeps its deadlines, session_line.c reads commands, cmd_*.c
 * answer, smtpd.c owns it. A session whose connection is gone stays until its
 * commit is complete, so that the message is counted and logged. Loop
 * thread. */
#ifndef MX_SMTPD_SESSION_H
#define MX_SMTPD_SESSION_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "net/conn.h"
#include "relay/smtpd/client_limit.h"
#include "relay/smtpd/dnsbl.h"
#include "relay/smtpd/header.h"
#include "relay/smtpd/insist.h"
#include "relay/smtpd/policy.h"
#include "relay/smtpd/trace.h"
#include "relay/smtpd/transaction.h"
#include "smtp/dot.h"

/* Limit of unprocessed input of a client. */
#define SESSION_INPUT_MAX 32768u
#define SESSION_CHUNK	  16384u /* of DATA processed at once */

enum session_state { /* the awaited event */
	ST_COMMAND,
	ST_SKIP, /* the end of an overlong line */
	ST_TLS, /* the handshake */
	ST_DATA,
	ST_BDAT, /* the rest of a chunk */
	ST_WAIT_COMMIT,
	ST_WAIT_DNSBL, /* a RCPT has arrived and waits unread */
	ST_CLOSED, /* the connection is closed */
	ST_MAX,
};

/* A unit of the session limits: a descriptor, from accept until it is closed,
 * and the session's message that is being stored. */
struct seat {
	LIST_ENTRY(seat) link;
	struct smtpd *smtpd; /* NULL: destroyed */
	uint64_t client_key;
	bool counted; /* in client_limit */
	unsigned holders; /* connection and session */
};

struct session {
	LIST_ENTRY(session) link;
	struct smtpd *smtpd;
	struct policy *policy;
	struct conn *conn; /* NULL: closed */
	struct seat *seat;
	uint64_t id;
	bool may_talk; /* may send early: trusted, or a proxy */
	bool proxy, filter; /* may say XCLIENT, XFORWARD */
	enum session_state state;
	char client[ADDR_TEXT_MAX];
	char literal[ADDR_TEXT_MAX];
	char helo[256]; /* "" before HELO/EHLO */
	bool esmtp, tls;
	bool running; /* in run(), which continues by itself */
	bool waits; /* has input, and waits for its next turn */
	bool eof; /* the client has closed its side */
	bool congested; /* paused because of the disk */
	/* its commit takes too long, and the client was told so */
	bool overdue;
	unsigned errors, tempfails, commands; /* since the last message */
	uint32_t refusals[SMTPD_REASON_MAX]; /* not logged yet */
	char *orig_client, *orig_helo; /* XFORWARD; NULL: not given */
	size_t skipped; /* bytes of an overlong line */
	int64_t deadline; /* for completing a message */
	int64_t line_deadline; /* for the end of this command */
	struct dnsbl_use dnsbl;
	struct transaction tx;

	/* DATA and BDAT */
	struct queue_intake *intake; /* NULL also after it was aborted */
	int data_rc; /* why it was: -MX_EFULL, -MX_EIO, -MX_ETOOBIG */
	bool refused; /* counted and logged */
	struct dot_reader dot;
	struct header_reader header;
	struct trace_scan trace;
	/* start of DATA or the chunk; moved on by our own pauses */
	int64_t data_begun;
	uint64_t data_got; /* octets since then */
	int64_t paused_at;

	/* BDAT */
	bool chunking; /* a message has begun and is incomplete */
	bool chunk_last;
	uint64_t chunk_left;
	const char *chunk_no; /* the reply to a dropped chunk */
};

/* Completions outlive smtpd; `smtpd` is then NULL. */
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
	struct policy *policy; /* for new sessions; NULL before configure */
	struct recipients_set *recipients;
	struct loop_task *read_task;
	void (*read)(void *arg); /* all files were read; smtpd_on_read() */
	void *read_arg;
	struct tls_ctx *tls;
	/* of the certificate files; NULL: no STARTTLS */
	struct renewal *renewal;
	struct client_limit *limit;
	struct insist *insist;
	struct dnsbl *dnsbl;
	struct listener_list listeners;
	struct session_list sessions;
	struct idmap by_id;
	struct commits *commits;
	struct seat_list seats;
	unsigned open; /* seats */
	unsigned overdue; /* commits that take too long */
	unsigned bound; /* limit of seats; 0: max_sessions alone */
	bool stress, draining;
	uint64_t next_id;
	void (*idle)(void *arg);
	void *idle_arg;
	struct loop_task *idle_task;
	int64_t date_wall; /* second for which `date` was made */
	char date[64]; /* for Received; "": none yet */
	struct smtp_command cmd; /* scratch: the present command */
	char content[2 * SESSION_CHUNK + 4]; /* scratch: output of dot_read() */
};

/* smtpd.c */
/* A new connection; takes over fd, or closes it with 421. */
void smtpd_adopt(struct smtpd *, int fd, const struct net_addr *peer);
/* NULL when the client may have one more session, which is then counted;
 * otherwise the reply, and the reason. */
const char *smtpd_client_refusal(struct smtpd *, const struct policy *,
    uint64_t key, enum smtpd_reject *reason);
void smtpd_seat_leave(void *seat); /* one holder leaves */
/* Limits or load have changed: enters or leaves stress. */
void smtpd_press(struct smtpd *);
void smtpd_session_gone(struct smtpd *);

/* session.c */
/* The seat is held by the session and its connection. */
void session_start(struct smtpd *, int fd, const struct net_addr *peer,
    struct seat *);
void session_destroy(struct session **);
/* The session becomes that client's (XCLIENT). NULL, or the reply: too many. */
const char *session_becomes(struct session *, const struct net_addr *);
/* Sends one reply, with its CRLF. 5xx counts as an error, 4xx separately. */
void session_reply(struct session *, const char *line);
/* Sends a last reply and closes. */
void session_close(struct session *, const char *line);
/* The same after QUIT. */
void session_quit(struct session *, const char *line);
/* Closes without a reply: the client went away. */
void session_lost(struct session *, const char *why);
void session_set(struct session *, enum session_state);
void session_arm(struct session *, int64_t ms);
/* The command time-out, shorter under stress. */
int64_t session_timeout_ms(const struct session *);
/* The next command gets its full time from now on. */
void session_await(struct session *);
/* A message was completed, whatever its result. */
void session_whole(struct session *);
/* Continues with waiting input, after an awaited event. */
void session_continue(struct session *);
/* The daemon stops: closes unless a message is under way. */
void session_drain(struct session *);
void session_stress(struct session *); /* shorter time-outs */
void session_relax(struct session *); /* normal time-outs */

static inline const struct config *
session_conf(const struct session *s)
{
	return s->policy->conf;
}

/* session_line.c: handles one command line; false when none is complete. */
bool session_line(struct session *);
/* Drops an overlong line up to its end or SKIP_MAX; false when there is no
 * input. */
bool session_skip(struct session *);

/* session_log.c */
/* May a line about this client be logged? */
bool session_log_ok(struct session *);
/* The same for a refusal of that kind. */
bool session_log_refusal(struct session *, enum smtpd_reason kind);
/* Logs how many refusals had no line of their own. */
void session_log_rest(struct session *);

/* early_talk.c: did the client send before this reply? Then it was told so, and
 * the session is closed. To be called right before the reply is written. */
bool session_early(struct session *, enum smtpd_early awaited);

/* session_dnsbl.c */
/* Starts the look-up of the client; again when it becomes another. */
void session_dnsbl_begin(struct session *, const struct net_addr *client);
/* True: waits for the answers, ST_WAIT_DNSBL. */
bool session_dnsbl_wait(struct session *);
void session_dnsbl_overdue(struct session *);
void session_dnsbl_known(struct dnsbl_use *);
/* Is a recipient of this client refused? Counts it. */
bool session_dnsbl_refuses(struct session *);

/* cmd_session.c: HELO, EHLO, STARTTLS, RSET, NOOP, VRFY, HELP, QUIT... */
void cmd_dispatch(struct session *, struct smtp_command *);
void cmd_tls_up(struct session *);
/* cmd_mail.c */
void cmd_mail(struct session *, struct smtp_command *);
void cmd_rcpt(struct session *, struct smtp_command *);
/* NULL, or the reply while nothing can be stored. */
const char *cmd_store_refusal(const struct session *, uint64_t size);
/* cmd_xclient.c */
void cmd_xclient(struct session *, struct smtp_command *);
void cmd_xforward(struct session *, struct smtp_command *);
/* The transaction that XFORWARD was about is over. */
void cmd_xforward_end(struct session *);
/* cmd_etrn.c */
void cmd_etrn(struct session *, struct smtp_command *);

/* cmd_data.c */
void cmd_data(struct session *, struct smtp_command *);
/* False when more input is needed, or it has to wait. */
bool cmd_data_run(struct session *);
/* Drops the message under way, if any, and its transaction. */
void cmd_data_abort(struct session *);
queue_commit_cb cmd_data_committed;
/* The commit takes too long. */
void cmd_data_overdue(struct session *);

/* cmd_data.c for cmd_bdat.c */
/* A client that goes on sending far beyond the limit is disconnected. */
#define CMD_DATA_EXCESS(limit) ((limit)*4 + (1 << 20))
/* NULL: begun; or the reply for lack of space. The content is then read and
 * dropped, and refused at its end. */
const char *cmd_data_begin(struct session *, bool counted);
void cmd_data_clock(struct session *); /* starts its clock now */
/* Takes content from the dot reader. */
void cmd_data_take(struct session *, const char *data, size_t len);
/* True while the disk is too slow: nothing is read. */
bool cmd_data_congested(struct session *);
/* No input: waits for more, or closes if the client is too slow. Returns
 * false. */
bool cmd_data_wait(struct session *);
/* The reply that refuses the message, as far as is known, counted; or NULL. */
const char *cmd_data_refusal(struct session *);
void cmd_data_end(struct session *); /* content complete: commit or refuse */

/* cmd_bdat.c */
void cmd_bdat(struct session *, struct smtp_command *);
bool cmd_bdat_run(struct session *); /* as cmd_data_run() */

#endif
