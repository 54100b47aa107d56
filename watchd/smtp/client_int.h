/* SPDX-License-Identifier: ISC
 * client_int: private to client.c (the session), client_dialogue.c (the
 * reaction to each reply) and client_cmd.c (the commands, the EHLO reply). */
#ifndef MX_SMTP_CLIENT_INT_H
#define MX_SMTP_CLIENT_INT_H

#include "smtp/client.h"
#include "smtp/dot.h"

/* States, by the awaited reply, in the order of the table in client.c. */
enum client_state {
	CL_GREETING,
	CL_EHLO,
	CL_HELO,
	CL_STARTTLS,
	CL_TLS, /* the owner's handshake */
	CL_SETTLED, /* none: READY is to be reported */
	CL_READY, /* the owner's next message */
	CL_BEHIND, /* the RSET before a burst that followed */
	CL_MAIL,
	CL_RCPT,
	CL_RCPTS_DONE, /* none: all recipients are answered */
	CL_DATA,
	CL_BODY, /* the owner's body */
	CL_EOD,
	/* after SENT: replies to pipelined commands are dropped */
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

	struct buf in; /* from the server; read up to in_pos */
	size_t in_pos;
	size_t reply_len; /* octets of the reply being read */
	struct buf out;
	struct reply_parser parser;
	struct smtp_reply last; /* its text is in last_text */
	struct buf last_text;
	bool unasked; /* the server sent something unsolicited */

	/* The transaction whose replies are awaited, and those sent behind it.
	 * Their strings belong to the owner, until SENT. */
	struct smtp_client_tx tx, behind[CLIENT_FLIGHT_MAX - 1];
	unsigned nbehind;
	bool pipelined;
	bool mail_ok;
	size_t rcpt; /* index of the next reply */
	size_t accepted;
	bool writing; /* the owner sends the body of the last one */
	bool chunk; /* that body is a chunk, with this many octets to come: */
	uint64_t chunk_left;
	struct dot_writer dot;
	bool quit; /* QUIT instead of the next READY */

	const char *broken; /* a failure of the session found outside next() */
	bool lost; /* like broken, but received replies still count */
	char text[256]; /* of smtp_client_lost() */
	enum smtp_phase failed_phase;

	int64_t now;
	int64_t since; /* when the state was entered */
	int64_t ns[SMTP_PHASE_MAX];
};

/* client.c */
void client_set_state(struct smtp_client *, enum client_state);
/* A command was added to the output: its reply is awaited. Earlier output of
 * the server cannot be a reply to it. */
void client_await(struct smtp_client *, enum client_state);
/* The present transaction is over: the one behind it becomes the present
 * one. */
void client_set_over(struct smtp_client *);
enum smtp_client_event client_fail(struct smtp_client *,
    struct smtp_client_info *, bool with_reply, const char *text);

/* client_dialogue.c */
enum smtp_client_event client_on_reply(struct smtp_client *,
    struct smtp_client_info *); /* to c->last */
/* A step without a reply, after the last CLIENT_RCPT. */
enum smtp_client_event
client_end_rcpts(struct smtp_client *, struct smtp_client_info *);
/* Nothing is under way: any input would be unsolicited. */
enum smtp_client_event client_settle(struct smtp_client *);

/* client_cmd.c */
/* All of them append to c->out; an overflow sets c->broken. */
void client_put(struct smtp_client *, const char *data, size_t len);
void client_put_hello(struct smtp_client *, const char *verb);
void client_put_mail(struct smtp_client *, const struct smtp_client_tx *);
void
client_put_rcpt(struct smtp_client *, const struct smtp_client_tx *, size_t i);
/* The only chunk of the transaction, whose content the owner gives next. */
void client_put_bdat(struct smtp_client *, const struct smtp_client_tx *);

/* True when no string in the transaction can break out of its command line. */
bool client_tx_clean(const struct smtp_client_tx *);

/* Reads the keywords of an EHLO reply into c->ext, size_limit and limits. */
void client_read_ehlo(struct smtp_client *, const char *text);

#endif
