/* SPDX-License-Identifier: ISC
 * command: parses one command line of a client, for the SMTP server's session.
 * Errors here are always the client's, so each comes as the reply to give. A
 * table says what each verb takes; command_param.c has the parameters of MAIL
 * and RCPT. The session checks sequence ("MAIL first") and policy ("too big").
 * Pure; any thread. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "smtp/command_int.h"

enum arg_rule {
	ARG_ANY, /* the session looks at it, or ignores it */
	ARG_NONE, /* RFC 5321 4.3.2: any argument is 501 */
	ARG_NEEDED,
	ARG_DOMAIN,
	ARG_PATH,
	ARG_CHUNK,
};

static const struct verb {
	const char *name; /* as sent, and in lower case for logs */
	const char *label;
	enum smtp_verb verb;
	enum arg_rule rule;
} verbs[] = {
	{ "HELO", "helo", VERB_HELO, ARG_DOMAIN },
	{ "EHLO", "ehlo", VERB_EHLO, ARG_DOMAIN },
	{ "STARTTLS", "starttls", VERB_STARTTLS, ARG_NONE },
	{ "MAIL", "mail", VERB_MAIL, ARG_PATH },
	{ "RCPT", "rcpt", VERB_RCPT, ARG_PATH },
	{ "DATA", "data", VERB_DATA, ARG_NONE },
	{ "BDAT", "bdat", VERB_BDAT, ARG_CHUNK },
	{ "RSET", "rset", VERB_RSET, ARG_NONE },
	{ "NOOP", "noop", VERB_NOOP, ARG_ANY },
	{ "VRFY", "vrfy", VERB_VRFY, ARG_NEEDED },
	{ "EXPN", "expn", VERB_EXPN, ARG_NEEDED },
	{ "HELP", "help", VERB_HELP, ARG_ANY },
	{ "ETRN", "etrn", VERB_ETRN, ARG_ANY },
	{ "AUTH", "auth", VERB_AUTH, ARG_ANY },
	{ "XCLIENT", "xclient", VERB_XCLIENT, ARG_NEEDED },
	{ "XFORWARD", "xforward", VERB_XFORWARD, ARG_NEEDED },
	{ "QUIT", "quit", VERB_QUIT, ARG_NONE },
};

/* First words of HTTP clients: browsers, proxy scanners, scripts abused to post
 * to this port. None of them speaks SMTP: the session closes. */
static const char *const forbidden[] = { "GET", "POST", "PUT", "HEAD",
	"OPTIONS", "CONNECT", "DELETE", "TRACE", "PATCH", "PRI" };

const char *
smtp_verb_name(enum smtp_verb verb)
{
	size_t i;

	for (i = 0; i < MX_COUNT(verbs); i++)
		if (verbs[i].verb == verb)
			return verbs[i].label;
	return verb == VERB_FORBIDDEN ? "forbidden" : "unknown";
}

int
command_refuse(struct smtp_refusal *why, uint16_t code, const char *status,
    const char *text)
{
	*why = (struct smtp_refusal){ code, status, text };
	return -MX_ESYNTAX;
}

static const struct verb *
find_verb(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < MX_COUNT(verbs); i++)
		if (command_is(s, len, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* `len` octets of `line` are its first word. "Subject: x" is a header field in
 * place of a command: a third party is made to talk to us. */
static bool
is_forbidden(const char *line, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < MX_COUNT(forbidden); i++)
		if (command_is(line, len, forbidden[i]))
			return true;
	while (n < len && command_word(line[n]))
		n++;
	return n > 1 && n < len && line[n] == ':' && find_verb(line, n) == NULL;
}

/* Bytes that are invalid in any command. Bytes above 127 are left to MAIL and
 * RCPT, which have better replies for them. */
static bool
has_bad_byte(const char *s, size_t len, bool eightbit_ok)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' && c != '\t')
			return true;
		if (c == 127 || (c > 127 && !eightbit_ok))
			return true;
	}
	return false;
}

/* The name that a client gives. Real ones have underscores and zone ids, so
 * only what could break out of a Received header or a log is refused. */
static int
read_domain(struct smtp_command *out, struct smtp_refusal *why)
{
	size_t i;

	if (out->arg_len == 0)
		return command_refuse(why, 501, "5.5.4",
		    "Your host name is missing");
	if (out->arg_len >= sizeof(out->domain))
		return command_refuse(why, 501, "5.5.4", "Host name too long");
	for (i = 0; i < out->arg_len; i++) {
		char c = out->arg[i];

		if (!command_word(c) && strchr("._:[]%+/#=", c) == NULL)
			return command_refuse(why, 501, "5.5.4",
			    "Invalid host name");
	}
	memcpy(out->domain, out->arg, out->arg_len);
	out->domain[out->arg_len] = '\0';
	return 0;
}

bool
command_number(const char *s, size_t len, uint64_t *v)
{
	uint64_t digit;
	size_t i;

	*v = 0;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		digit = (uint64_t)(s[i] - '0');
		*v = *v > (UINT64_MAX - digit) / 10 ? UINT64_MAX :
						      *v * 10 + digit;
	}
	return len > 0;
}

/* "octets" or "octets LAST" (RFC 3030 2). */
static int
read_chunk(struct smtp_command *out, struct smtp_refusal *why)
{
	const char *s = out->arg;
	size_t n = 0, len = out->arg_len;

	while (n < len && !command_blank(s[n]))
		n++;
	if (!command_number(s, n, &out->chunk))
		return command_refuse(why, 501, "5.5.4",
		    "Syntax: BDAT octets [LAST]");
	while (n < len && command_blank(s[n]))
		n++;
	out->last = command_is(s + n, len - n, "LAST");
	if (n < len && !out->last)
		return command_refuse(why, 501, "5.5.4",
		    "Syntax: BDAT octets [LAST]");
	return 0;
}

/* "FROM:<path> params" or "TO:<path> params". */
static int
read_path(const struct smtp_command_ext *ext, struct smtp_command *out,
    struct smtp_refusal *why)
{
	static const struct smtp_refusal utf8 = { 553, "5.6.7",
		"This address needs SMTPUTF8" };
	bool mail = out->verb == VERB_MAIL;
	const char *word = mail ? "FROM:" : "TO:", *s = out->arg;
	size_t len = out->arg_len, n = strlen(word);
	unsigned flags;
	int rc;

	if (len < n || strncasecmp(s, word, n) != 0)
		return command_refuse(why, 501, "5.5.4",
		    mail ? "Syntax: MAIL FROM:<address>" :
			   "Syntax: RCPT TO:<address>");
	if (n < len && s[n] == ' ') /* common and harmless */
		n++;
	flags = mail ? PATH_NULL_OK : PATH_POSTMASTER_OK;
	if (mail ? ext->smtputf8 : ext->tx_utf8)
		flags |= PATH_UTF8_OK;
	s += n;
	len -= n;
	rc = smtp_path_parse(s, len, flags, &out->path, &n);
	if (rc == -MX_ENOENT) {
		*why = utf8;
		return -MX_ESYNTAX;
	}
	if (rc < 0 || (n < len && !command_blank(s[n])))
		return command_refuse(why, 501, mail ? "5.1.7" : "5.1.3",
		    rc == -MX_ETOOBIG ? "Address too long" : "Bad address");
	if ((rc = command_params(s + n, len - n, ext, out, why)) < 0)
		return rc;
	if (mail && out->path.utf8 && !out->smtputf8) {
		*why = utf8;
		return -MX_ESYNTAX;
	}
	return 0;
}

static void
split_line(const char *line, size_t len, size_t word, struct smtp_command *out)
{
	while (word < len && command_blank(line[word]))
		word++;
	while (len > word && command_blank(line[len - 1]))
		len--;
	out->arg = line + word;
	out->arg_len = len - word;
}

int
smtp_command_parse(const char *line, size_t len,
    const struct smtp_command_ext *ext, struct smtp_command *out,
    struct smtp_refusal *why)
{
	const struct verb *v;
	size_t word = 0, max = COMMAND_LINE_MAX - 2;

	memset(out, 0, sizeof(*out));
	out->path.domain = out->path.mailbox;
	while (word < len && !command_blank(line[word]))
		word++;
	split_line(line, len, word, out);
	v = find_verb(line, word);
	if (v == NULL && is_forbidden(line, word)) {
		out->verb = VERB_FORBIDDEN;
		return 0;
	}
	if (v != NULL)
		out->verb = v->verb;
	if (v != NULL && v->rule == ARG_PATH)
		max = COMMAND_LINE_EXT_MAX - 2;
	if (len > max)
		return command_refuse(why, 500, "5.5.2", "Line too long");
	if (has_bad_byte(line, len, v != NULL && v->rule == ARG_PATH))
		return command_refuse(why, 501, "5.5.2",
		    "Bad character in command");
	if (v == NULL)
		return 0;
	switch (v->rule) {
	case ARG_ANY:
		break;
	case ARG_NONE:
		if (out->arg_len > 0)
			return command_refuse(why, 501, "5.5.4",
			    "No argument allowed");
		break;
	case ARG_NEEDED:
		if (out->arg_len == 0)
			return command_refuse(why, 501, "5.5.4",
			    "Argument missing");
		break;
	case ARG_DOMAIN:
		return read_domain(out, why);
	case ARG_PATH:
		return read_path(ext, out, why);
	case ARG_CHUNK:
		return read_chunk(out, why);
	}
	return 0;
}
