/* SPDX-License-Identifier: ISC
 * command: one command line of a client taken apart, for the SMTP server's
 * session. What goes wrong here is always the client's fault, so each error
 * comes as the reply to give. A table says what each verb takes, two more
 * which parameters MAIL and RCPT know; a parameter whose extension is not
 * offered does not exist. Sequence ("MAIL first") and policy ("too big for
 * us") are the session's. Pure; any thread. */
#include "smtp/command.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"

enum arg_rule {
	ARG_ANY, /* the session looks at it, or nobody does */
	ARG_NONE, /* RFC 5321 4.3.2: anything there is 501 */
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
	{ "QUIT", "quit", VERB_QUIT, ARG_NONE },
};

/* What a web browser, a proxy scanner or a script that was told to post to
 * us says first: there is nobody there to talk SMTP with. */
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

static int
refuse(struct smtp_refusal *why, uint16_t code, const char *status,
    const char *text)
{
	*why = (struct smtp_refusal){ code, status, text };
	return -MX_ESYNTAX;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Letters, digits and hyphens: verbs, keywords, names of header fields. */
static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '-';
}

static bool
word_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

static const struct verb *
find_verb(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < MX_COUNT(verbs); i++)
		if (word_is(s, len, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* `len` octets of `line` are its first word. "Subject: x" is a header field
 * where a command should be: somebody makes a third party talk to us. */
static bool
is_forbidden(const char *line, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < MX_COUNT(forbidden); i++)
		if (word_is(line, len, forbidden[i]))
			return true;
	while (n < len && is_word(line[n]))
		n++;
	return n > 1 && n < len && line[n] == ':' && find_verb(line, n) == NULL;
}

/* Bytes that no command may hold. Bytes above 127 are left to MAIL and RCPT,
 * which have better words for them. */
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

/* The name a client gives itself. Real ones hold underscores and zone ids,
 * so only what could break out of a Received header or a log is refused. */
static int
read_domain(struct smtp_command *out, struct smtp_refusal *why)
{
	size_t i;

	if (out->arg_len == 0)
		return refuse(why, 501, "5.5.4", "Your host name is missing");
	if (out->arg_len >= sizeof(out->domain))
		return refuse(why, 501, "5.5.4", "Host name too long");
	for (i = 0; i < out->arg_len; i++) {
		char c = out->arg[i];

		if (!is_word(c) && strchr("._:[]%+/#=", c) == NULL)
			return refuse(why, 501, "5.5.4", "Invalid host name");
	}
	memcpy(out->domain, out->arg, out->arg_len);
	out->domain[out->arg_len] = '\0';
	return 0;
}

/* A number beyond any disk is still a number: policy says "too big" to it. */
static bool
read_number(const char *s, size_t len, uint64_t *v)
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

	while (n < len && !is_blank(s[n]))
		n++;
	if (!read_number(s, n, &out->chunk))
		return refuse(why, 501, "5.5.4", "Syntax: BDAT octets [LAST]");
	while (n < len && is_blank(s[n]))
		n++;
	out->last = word_is(s + n, len - n, "LAST");
	if (n < len && !out->last)
		return refuse(why, 501, "5.5.4", "Syntax: BDAT octets [LAST]");
	return 0;
}

/* One ESMTP parameter, "KEY" or "KEY=value". */
struct param {
	const char *key;
	size_t key_len;
	const char *value; /* NULL: no '=' */
	size_t len;
};

static bool
value_is(const struct param *p, const char *word)
{
	return word_is(p->value, p->len, word);
}

static bool
read_size(const struct param *p, struct smtp_command *out)
{
	out->has_size = true;
	return read_number(p->value, p->len, &out->size);
}

static bool
read_ret(const struct param *p, struct smtp_command *out)
{
	if (value_is(p, "FULL"))
		out->ret = RET_FULL;
	else if (value_is(p, "HDRS"))
		out->ret = RET_HDRS;
	return out->ret != RET_NONE;
}

static bool
read_body(const struct param *p, struct smtp_command *out)
{
	out->body = value_is(p, "8BITMIME") ? BODY_8BITMIME : BODY_7BIT;
	return out->body == BODY_8BITMIME || value_is(p, "7BIT");
}

static bool
read_smtputf8(const struct param *p, struct smtp_command *out)
{
	(void)p;
	out->smtputf8 = true;
	return true;
}

/* Copies xtext that decodes; dst holds `size` with its NUL. */
static bool
copy_xtext(const char *s, size_t len, char *dst, size_t size)
{
	char plain[512];

	if (len == 0 || len >= size || len >= sizeof(plain))
		return false;
	memcpy(dst, s, len);
	dst[len] = '\0';
	return smtp_xtext_decode(dst, plain, sizeof(plain)) == 0;
}

static bool
read_envid(const struct param *p, struct smtp_command *out)
{
	return copy_xtext(p->value, p->len, out->envid, sizeof(out->envid));
}

static bool
read_orcpt(const struct param *p, struct smtp_command *out)
{
	size_t n = 0;

	while (n < p->len && is_word(p->value[n]))
		n++;
	if (n == 0 || n > 60 || n == p->len || p->value[n] != ';')
		return false;
	n++;
	/* RFC 3461 4.2: 500 with the type */
	if (p->len > 500 ||
	    !copy_xtext(p->value + n, p->len - n, out->orcpt + n,
		sizeof(out->orcpt) - n))
		return false;
	memcpy(out->orcpt, p->value, n);
	return true;
}

static unsigned
notify_flag(const char *s, size_t len)
{
	if (word_is(s, len, "NEVER"))
		return NOTIFY_NEVER;
	if (word_is(s, len, "SUCCESS"))
		return NOTIFY_SUCCESS;
	if (word_is(s, len, "FAILURE"))
		return NOTIFY_FAILURE;
	if (word_is(s, len, "DELAY"))
		return NOTIFY_DELAY;
	return 0;
}

static bool
read_notify(const struct param *p, struct smtp_command *out)
{
	const char *s = p->value, *end = s + p->len, *comma;
	unsigned flag;

	out->notify = NOTIFY_GIVEN;
	for (;;) {
		comma = memchr(s, ',', (size_t)(end - s));
		flag =
		    notify_flag(s, (size_t)((comma != NULL ? comma : end) - s));
		if (flag == 0)
			return false;
		out->notify |= flag;
		if (comma == NULL)
			break;
		s = comma + 1;
	}
	/* RFC 3461 4.1: NEVER stands alone */
	return !(out->notify & NOTIFY_NEVER) ||
	    out->notify == (NOTIFY_GIVEN | NOTIFY_NEVER);
}

enum {
	P_SIZE = 1,
	P_BODY = 2,
	P_SMTPUTF8 = 4,
	P_RET = 8,
	P_ENVID = 16,
	P_NOTIFY = 32,
	P_ORCPT = 64,
};

static const struct param_rule {
	const char *key;
	unsigned bit;
	enum smtp_verb verb;
	bool value;
	bool (*read)(const struct param *, struct smtp_command *);
	const char *text; /* of the 501 when the value is wrong */
} param_rules[] = {
	{ "SIZE", P_SIZE, VERB_MAIL, true, read_size, "Bad SIZE value" },
	{ "BODY", P_BODY, VERB_MAIL, true, read_body, "Bad BODY value" },
	{ "SMTPUTF8", P_SMTPUTF8, VERB_MAIL, false, read_smtputf8,
	    "SMTPUTF8 takes no value" },
	{ "RET", P_RET, VERB_MAIL, true, read_ret, "Bad RET value" },
	{ "ENVID", P_ENVID, VERB_MAIL, true, read_envid, "Bad ENVID value" },
	{ "NOTIFY", P_NOTIFY, VERB_RCPT, true, read_notify,
	    "Bad NOTIFY value" },
	{ "ORCPT", P_ORCPT, VERB_RCPT, true, read_orcpt, "Bad ORCPT value" },
};

static unsigned
offered_params(const struct smtp_command_ext *ext)
{
	return (ext->size ? P_SIZE : 0u) | (ext->eightbit ? P_BODY : 0u) |
	    (ext->smtputf8 ? P_SMTPUTF8 : 0u) |
	    (ext->dsn ? P_RET | P_ENVID | P_NOTIFY | P_ORCPT : 0u);
}

/* Splits the word at s into *p; false when it is no parameter at all. */
static bool
split_param(const char *s, size_t len, struct param *p)
{
	size_t i;

	*p = (struct param){ .key = s };
	while (p->key_len < len && is_word(s[p->key_len]))
		p->key_len++;
	if (p->key_len == 0 || (p->key_len < len && s[p->key_len] != '='))
		return false;
	if (p->key_len < len) {
		p->value = s + p->key_len + 1;
		p->len = len - p->key_len - 1;
	}
	for (i = 0; i < p->len; i++)
		if (p->value[i] <= ' ' || p->value[i] > '~')
			return false;
	return true;
}

static int
read_param(const struct param *p, unsigned offered, unsigned *seen,
    struct smtp_command *out, struct smtp_refusal *why)
{
	const struct param_rule *r = NULL;
	size_t i;

	for (i = 0; i < MX_COUNT(param_rules) && r == NULL; i++)
		if (param_rules[i].verb == out->verb &&
		    (param_rules[i].bit & offered) &&
		    word_is(p->key, p->key_len, param_rules[i].key))
			r = &param_rules[i];
	if (r == NULL)
		return refuse(why, 555, "5.5.4", "Parameter not recognised");
	if (*seen & r->bit)
		return refuse(why, 501, "5.5.4", "Parameter given twice");
	*seen |= r->bit;
	if (r->value != (p->value != NULL))
		return refuse(why, 501, "5.5.4", r->text);
	if (r->bit == P_BODY && value_is(p, "BINARYMIME"))
		return refuse(why, 504, "5.5.4", "BINARYMIME is not offered");
	if (!r->read(p, out))
		return refuse(why, 501, "5.5.4", r->text);
	return 0;
}

static int
read_params(const char *s, size_t len, const struct smtp_command_ext *ext,
    struct smtp_command *out, struct smtp_refusal *why)
{
	unsigned offered = offered_params(ext), seen = 0;
	struct param p;
	size_t n;
	int rc;

	while (len > 0) {
		if (is_blank(*s)) {
			s++;
			len--;
			continue;
		}
		for (n = 0; n < len && !is_blank(s[n]);)
			n++;
		if (!split_param(s, n, &p))
			return refuse(why, 501, "5.5.4", "Bad parameter");
		rc = read_param(&p, offered, &seen, out, why);
		if (rc < 0)
			return rc;
		s += n;
		len -= n;
	}
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
		return refuse(why, 501, "5.5.4",
		    mail ? "Syntax: MAIL FROM:<address>" :
			   "Syntax: RCPT TO:<address>");
	if (n < len && s[n] == ' ') /* common, and harmless */
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
	if (rc < 0 || (n < len && !is_blank(s[n])))
		return refuse(why, 501, mail ? "5.1.7" : "5.1.3",
		    rc == -MX_ETOOBIG ? "Address too long" : "Bad address");
	if ((rc = read_params(s + n, len - n, ext, out, why)) < 0)
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
	while (word < len && is_blank(line[word]))
		word++;
	while (len > word && is_blank(line[len - 1]))
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
	while (word < len && !is_blank(line[word]))
		word++;
	split_line(line, len, word, out);
	if (is_forbidden(line, word)) {
		out->verb = VERB_FORBIDDEN;
		return 0;
	}
	v = find_verb(line, word);
	if (v != NULL)
		out->verb = v->verb;
	if (v != NULL && v->rule == ARG_PATH)
		max = COMMAND_LINE_EXT_MAX - 2;
	if (len > max)
		return refuse(why, 500, "5.5.2", "Line too long");
	if (has_bad_byte(line, len, v != NULL && v->rule == ARG_PATH))
		return refuse(why, 501, "5.5.2", "Bad character in command");
	if (v == NULL)
		return 0;
	switch (v->rule) {
	case ARG_ANY:
		break;
	case ARG_NONE:
		if (out->arg_len > 0)
			return refuse(why, 501, "5.5.4", "No argument allowed");
		break;
	case ARG_NEEDED:
		if (out->arg_len == 0)
			return refuse(why, 501, "5.5.4", "Argument missing");
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

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
smtp_xtext_decode(const char *src, char *dst, size_t size)
{
	int c, hi, lo;
	size_t n = 0;

	for (; *src != '\0'; src++) {
		c = (unsigned char)*src;
		if (c == '+') {
			hi = hex_digit(src[1]);
			lo = hi < 0 ? -1 : hex_digit(src[2]);
			if (lo < 0)
				return -MX_ESYNTAX;
			c = hi << 4 | lo;
			src += 2;
		} else if (c <= ' ' || c > '~' || c == '=') {
			return -MX_ESYNTAX;
		}
		/* RFC 3461 4.2, 4.4: printable ASCII. A decoded line end
		 * would be a header of its own in a DSN. */
		if (c < ' ' || c > '~' || n + 1 >= size)
			return -MX_ESYNTAX;
		dst[n++] = (char)c;
	}
	if (size == 0)
		return -MX_ETOOBIG;
	dst[n] = '\0';
	return 0;
}
