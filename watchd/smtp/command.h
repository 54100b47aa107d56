/* SPDX-License-Identifier: ISC
 * command: one parsed client command line: verb, arguments, ESMTP parameters
 * (RFC 5321 4.1, 1870, 6152, 3461, 6531, 3030). Syntax only; the session checks
 * sequence and policy. Pure. */
#ifndef MX_SMTP_COMMAND_H
#define MX_SMTP_COMMAND_H

#include "smtp/path.h"
#include "smtp/reply.h"

#define COMMAND_LINE_MAX 512 /* RFC 5321 4.5.3.1.4, with CRLF */
/* Longer lines for MAIL and RCPT with extensions (SIZE 26, BODY 17, SMTPUTF8
 * 10, RET 9, ENVID 107, NOTIFY 28, ORCPT 501). */
#define COMMAND_LINE_EXT_MAX 2048

/* Our own keyword in the reply to EHLO (RFC 5321 2.2.2): the server, named on
 * the first line, is a backup MX and not a primary. It has no arguments. */
#define SMTP_BACKUP_WORD "XMXWATCH"

enum smtp_verb {
	VERB_UNKNOWN,
	VERB_HELO,
	VERB_EHLO,
	VERB_STARTTLS,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_RSET,
	VERB_NOOP,
	VERB_VRFY,
	VERB_EXPN,
	VERB_HELP,
	VERB_ETRN,
	VERB_AUTH,
	VERB_XCLIENT,
	VERB_XFORWARD,
	VERB_QUIT,
	VERB_FORBIDDEN, /* GET, POST, CONNECT, ...: not SMTP at all */
};
const char *smtp_verb_name(enum smtp_verb);

enum smtp_body { BODY_7BIT, BODY_8BITMIME };
enum smtp_ret { RET_NONE, RET_FULL, RET_HDRS };
/* As RET= has it; NULL: RET_NONE. */
const char *smtp_ret_name(enum smtp_ret);
/* RET_NONE: it is neither, or NULL. */
enum smtp_ret smtp_ret_of(const char *);

/* RFC 3461 4.1 */
#define NOTIFY_GIVEN   1u /* the parameter was there */
#define NOTIFY_NEVER   2u
#define NOTIFY_SUCCESS 4u
#define NOTIFY_FAILURE 8u
#define NOTIFY_DELAY   16u

struct smtp_command {
	enum smtp_verb verb;
	/* rest of the line after the verb, trimmed; borrowed, not
	 * NUL-terminated */
	const char *arg;
	size_t arg_len;
	struct smtp_path path; /* MAIL, RCPT */
	char domain[256]; /* HELO, EHLO: as given, checked */
	uint64_t chunk; /* BDAT: octets that follow; */
	bool last; /* the message is complete with them */
	bool has_size;
	uint64_t size; /* SIZE= */
	enum smtp_body body;
	bool smtputf8;
	enum smtp_ret ret;
	char envid[101]; /* xtext as given; "" none */
	unsigned notify; /* NOTIFY_* */
	char orcpt[512]; /* "type;xtext" as given; "" none */
};

/* Extensions that the session offered: parameters of others are refused. */
struct smtp_command_ext {
	bool size;
	bool eightbit;
	bool smtputf8;
	bool dsn;
	bool tx_utf8; /* MAIL said SMTPUTF8: RCPT may use it */
};

/* The refusal of a command: a complete reply. */
struct smtp_refusal {
	uint16_t code; /* 500, 501, 502, 504, 553, 555, 552 */
	const char *status; /* "5.5.2" */
	const char *text; /* static */
};

/* Parses one line without its CRLF. 0, or -MX_ESYNTAX with the reply in *why;
 * out->verb is valid then, too. An unknown verb gives 0 and VERB_UNKNOWN. Bytes
 * above 127 outside a path with SMTPUTF8, and any NUL, are refused (501
 * 5.5.2). */
int smtp_command_parse(const char *line, size_t len,
    const struct smtp_command_ext *ext, struct smtp_command *out,
    struct smtp_refusal *why) MX_NODISCARD;

/* RFC 3461 4 xtext. Decode: dst is NUL-terminated, -MX_ESYNTAX. */
int smtp_xtext_decode(const char *src, char *dst, size_t size) MX_NODISCARD;

#endif
