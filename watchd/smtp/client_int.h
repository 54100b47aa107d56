/* SPDX-License-Identifier: ISC
 * client_int: what client.c (the session), client_dialogue.c (what follows
 * each reply) and client_cmd.c (the commands sent, the EHLO reply read) share.
 * Not for anybody else. */
#ifndef MX_SMTP_CLIENT_INT_H
#define MX_SMTP_CLIENT_INT_H

#include "smtp/client.h"
#include "smtp/dot.h"

/* States, by the reply awaited. The order is that of the table in client.c. */
enum client_state {
	CL_GREETING,
	CL_EHLO,
	CL_HELO,
	CL_STARTTLS,
	CL_TLS, /* the owner's handshake */
	CL_SETTLED, /* nothing: READY is to be announced */
	CL_READY, /* the owner's next message */
	CL_BEHIND, /* the RSET before a burst that followed */
	CL_MAIL,
	CL_RCPT,
	CL_RCPTS_DONE, /* nothing: all recipients are answered */
	CL_DATA,
	CL_BODY, /* the owner's body */
	CL_EOD,
	/* SENT was given; what was pipelined behind is answered and dropped */
	CL_DROP_RCPT,
	CL_DROP_DATA,
	CL_DROP_DOT,
	CL_DROP_BDAT,
	CL_RSET,
	CL_QUIT,
	CL_CLOSED,
	CL_FAILED,
	CL_STATE_MAX,
};

struct smtp_client {
	struct smtp_client_conf conf;
	enum client_state state;
	bool tls;
	enum smtp_client_tls_stage stage;
	unsigned ext;
	uint64_t size_limit;
	struct smtp_client_limits limits;

	struct buf in; /* from the server; in_pos of it was read */
	size_t in_pos;
	size_t reply_len; /* octets of the reply that is being read */
	struct buf out;
	struct reply_parser parser;
	struct smtp_reply last; /* its text is in last_text */
	struct buf last_text;
	bool unasked; /* the server spoke before we asked */

	/* The transaction whose replies are awaited, and those sent behind it.
	 * Strings are the owner's, until SENT. */
	struct smtp_client_tx tx, behind[CLIENT_FLIGHT_MAX - 1];
	unsigned nbehind;
	bool pipelined;
	bool mail_ok;
	size_t rcpt; /* whose reply is next */
	size_t accepted;
	bool writing; /* the owner's body, of the last one */
	bool chunk; /* it is one, of which so many octets are to come: */
	uint64_t chunk_left;
	struct dot_writer dot;
	bool quit; /* asked for: instead of the next READY */

	const char *broken; /* a fault of the session found outside next() */
	bool lost; /* like broken, but what was read counts */
	char text[256]; /* of smtp_client_lost() */
	enum smtp_phase failed_phase;

	int64_t now;
	int64_t since; /* when the state was entered */
	int64_t ns[SMTP_PHASE_MAX];
};

/* client.c */
void client_set_state(struct smtp_client *, enum client_state);
/* A command has been put into the output: its reply is awaited. What the
 * server said before it can have seen the command is no reply to it. */
void client_await(struct smtp_client *, enum client_state);
/* The transaction at hand is over: the one behind it is next, if there is. */
void client_set_over(struct smtp_client *);
enum smtp_client_event client_fail(struct smtp_client *,
    struct smtp_client_info *, bool with_reply, const char *text);

/* client_dialogue.c */
enum smtp_client_event client_on_reply(struct smtp_client *,
    struct smtp_client_info *); /* to c->last */
/* No reply belongs to this step: it follows the last CLIENT_RCPT. */
enum smtp_client_event
client_end_rcpts(struct smtp_client *, struct smtp_client_info *);
/* The session has nothing under way; input would be a reply to nothing. */
enum smtp_client_event client_settle(struct smtp_client *);

/* client_cmd.c */
/* All of them append to c->out; a lack of room sets c->broken. */
void client_put(struct smtp_client *, const char *data, size_t len);
void client_put_hello(struct smtp_client *, const char *verb);
void client_put_mail(struct smtp_client *, const struct smtp_client_tx *);
void
client_put_rcpt(struct smtp_client *, const struct smtp_client_tx *, size_t i);
/* The one chunk of the transaction, whose content the owner gives next. */
void client_put_bdat(struct smtp_client *, const struct smtp_client_tx *);

/* Nothing in the transaction could break out of its command line. */
bool client_tx_clean(const struct smtp_client_tx *);

/* Reads the keywords of an EHLO reply into c->ext, size_limit and limits. */
void client_read_ehlo(struct smtp_client *, const char *text);

#endif
