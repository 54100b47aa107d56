/* SPDX-License-Identifier: ISC
 * command_param: the ESMTP parameters of MAIL and RCPT (RFC 1870, 6152, 3461,
 * 6531). A table has the parameters of each verb; one whose extension is not
 * offered is unknown. Called by command.c. Pure; any thread. */
#include <string.h>

#include "base/err.h"
#include "smtp/command_int.h"

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
	return command_is(p->value, p->len, word);
}

static bool
read_size(const struct param *p, struct smtp_command *out)
{
	out->has_size = true;
	return command_number(p->value, p->len, &out->size);
}

static const struct {
	const char *name;
	enum smtp_ret ret;
} rets[] = { { "FULL", RET_FULL }, { "HDRS", RET_HDRS } };

const char *
smtp_ret_name(enum smtp_ret ret)
{
	for (size_t i = 0; i < MX_COUNT(rets); i++)
		if (rets[i].ret == ret)
			return rets[i].name;
	return NULL;
}

enum smtp_ret
smtp_ret_of(const char *name)
{
	for (size_t i = 0; i < MX_COUNT(rets) && name != NULL; i++)
		if (strcmp(name, rets[i].name) == 0)
			return rets[i].ret;
	return RET_NONE;
}

static bool
read_ret(const struct param *p, struct smtp_command *out)
{
	for (size_t i = 0; i < MX_COUNT(rets); i++)
		if (value_is(p, rets[i].name))
			out->ret = rets[i].ret;
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

/* Copies valid xtext; dst holds `size` with its NUL. */
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

	while (n < p->len && command_word(p->value[n]))
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
	if (command_is(s, len, "NEVER"))
		return NOTIFY_NEVER;
	if (command_is(s, len, "SUCCESS"))
		return NOTIFY_SUCCESS;
	if (command_is(s, len, "FAILURE"))
		return NOTIFY_FAILURE;
	if (command_is(s, len, "DELAY"))
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
	/* RFC 3461 4.1: NEVER must be alone */
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
	const char *text; /* text of the 501 for a wrong value */
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

/* Splits the word at s into *p; false when it cannot be a parameter. */
static bool
split_param(const char *s, size_t len, struct param *p)
{
	size_t i;

	*p = (struct param){ .key = s };
	while (p->key_len < len && command_word(s[p->key_len]))
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
		    command_is(p->key, p->key_len, param_rules[i].key))
			r = &param_rules[i];
	if (r == NULL)
		return command_refuse(why, 555, "5.5.4",
		    "Parameter not recognized");
	if (*seen & r->bit)
		return command_refuse(why, 501, "5.5.4",
		    "Parameter given twice");
	*seen |= r->bit;
	if (r->value != (p->value != NULL))
		return command_refuse(why, 501, "5.5.4", r->text);
	if (r->bit == P_BODY && value_is(p, "BINARYMIME"))
		return command_refuse(why, 504, "5.5.4",
		    "BINARYMIME is not offered");
	if (!r->read(p, out))
		return command_refuse(why, 501, "5.5.4", r->text);
	return 0;
}

int
command_params(const char *s, size_t len, const struct smtp_command_ext *ext,
    struct smtp_command *out, struct smtp_refusal *why)
{
	unsigned offered = offered_params(ext), seen = 0;
	struct param p;
	size_t n;
	int rc;

	while (len > 0) {
		if (command_blank(*s)) {
			s++;
			len--;
			continue;
		}
		for (n = 0; n < len && !command_blank(s[n]);)
			n++;
		if (!split_param(s, n, &p))
			return command_refuse(why, 501, "5.5.4",
			    "Bad parameter");
		rc = read_param(&p, offered, &seen, out, why);
		if (rc < 0)
			return rc;
		s += n;
		len -= n;
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
		/* RFC 3461 4.2, 4.4: printable ASCII. A decoded line end would
		 * become a header of its own in a DSN. */
		if (c < ' ' || c > '~' || n + 1 >= size)
			return -MX_ESYNTAX;
		dst[n++] = (char)c;
	}
	if (size == 0)
		return -MX_ETOOBIG;
	dst[n] = '\0';
	return 0;
}
