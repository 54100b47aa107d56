/* SPDX-License-Identifier: ISC
 * parse_json: domains as JSON (RFC 8259), as shown in elsewhere.h. The source
 * is not trusted: only the domains are built, so that its text costs as much as
 * a configuration of that size, and nesting costs nothing. Invalid JSON, or
 * another structure, ends the reading; an unknown option, or an invalid value,
 * is reported and skipped, as in a configuration. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config_int.h"
#include "pool.h"

enum json_kind {
	JSON_END,
	JSON_STRING,
	JSON_WORD, /* a number, true, false, null */
	JSON_PUNCT, /* one of {}[]:, */
	JSON_BAD, /* text is the reason */
};

struct json_parser {
	struct conf_loader *l;
	unsigned file;
	const char *p, *end;
	unsigned line; /* of p */
	/* The current token: */
	enum json_kind kind;
	unsigned at; /* its line */
	size_t len;
	char text[CONF_VALUE_MAX + 1];
};

/* One domain while it is read. */
struct json_domain {
	struct conf_entry *e;
	char label[2 * CONF_QUOTE_MAX]; /* before messages */
	bool named;
};

static struct conf_pos
pos(const struct json_parser *p)
{
	return (
	    struct conf_pos){ .file = p->file & 0x7fffffffu, .line = p->at };
}

/* ---- words */

static void
bad(struct json_parser *p, const char *why)
{
	p->kind = JSON_BAD;
	(void)strlcpy(p->text, why, sizeof(p->text));
}

/* The four digits after \u, or -1. */
static int
hex4(const char *s, const char *end)
{
	int v = 0;

	if (end - s < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef";
		const char c = s[i] >= 'A' && s[i] <= 'F' ?
		    (char)(s[i] - 'A' + 'a') :
		    s[i];
		const char *d = c != '\0' ? strchr(digits, c) : NULL;

		if (d == NULL)
			return -1;
		v = v * 16 + (int)(d - digits);
	}
	return v;
}

static size_t
utf8(unsigned v, char *dst)
{
	if (v < 0x80) {
		dst[0] = (char)v;
		return 1;
	}
	if (v < 0x800) {
		dst[0] = (char)(0xc0 | v >> 6);
		dst[1] = (char)(0x80 | (v & 0x3f));
		return 2;
	}
	if (v < 0x10000) {
		dst[0] = (char)(0xe0 | v >> 12);
		dst[1] = (char)(0x80 | (v >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (v & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | v >> 18);
	dst[1] = (char)(0x80 | (v >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (v >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (v & 0x3f));
	return 4;
}

/* After "\u"; 0: not a character. Consumes both halves of a surrogate pair. */
static size_t
unicode(struct json_parser *p, char *dst)
{
	int v = hex4(p->p, p->end), low;

	if (v < 0)
		return 0;
	p->p += 4;
	if (v >= 0xd800 && v < 0xdc00) {
		low = p->end - p->p >= 6 && p->p[0] == '\\' && p->p[1] == 'u' ?
		    hex4(p->p + 2, p->end) :
		    -1;
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		p->p += 6;
		v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
	} else if (v >= 0xdc00 && v < 0xe000) {
		return 0;
	}
	return utf8((unsigned)v, dst);
}

/* After a backslash. */
static size_t
escape(struct json_parser *p, char *dst)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char c = p->p < p->end ? *p->p++ : '\0';
	const char *at;

	if (c == 'u')
		return unicode(p, dst);
	at = c != '\0' ? strchr(from, c) : NULL;
	if (at == NULL)
		return 0;
	dst[0] = to[at - from];
	return 1;
}

/* After the opening quote. Control characters, also escaped ones, are refused:
 * no value has them, and they must not reach a log. */
static void
next_string(struct json_parser *p)
{
	char c[4];
	size_t n;

	p->kind = JSON_STRING;
	for (; p->p < p->end && *p->p != '"'; p->len += n) {
		n = 1;
		c[0] = *p->p++;
		if (c[0] == '\\')
			n = escape(p, c);
		if (n == 0) {
			bad(p, "a string has an invalid escape");
			return;
		}
		if (n == 1 && ((unsigned char)c[0] < ' ' || c[0] == '\x7f')) {
			bad(p, "a string has a control character");
			return;
		}
		if (p->len + n > CONF_VALUE_MAX) {
			bad(p, "a string is longer than 4096 bytes");
			return;
		}
		memcpy(p->text + p->len, c, n);
	}
	if (p->p == p->end) {
		bad(p, "a string is not closed");
		return;
	}
	p->p++;
	p->text[p->len] = '\0';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+';
}

static bool
word_is_json(const char *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < MX_COUNT(words); i++)
		if (strcmp(s, words[i]) == 0)
			return true;
	s += *s == '-';
	return *s >= '0' && *s <= '9' &&
	    s[strspn(s, "0123456789.eE+-")] == '\0';
}

static void
next_word(struct json_parser *p)
{
	p->kind = JSON_WORD;
	while (p->p < p->end && is_word(*p->p)) {
		if (p->len == CONF_VALUE_MAX) {
			bad(p, "a number is longer than 4096 digits");
			return;
		}
		p->text[p->len++] = *p->p++;
	}
	p->text[p->len] = '\0';
	if (!word_is_json(p->text))
		bad(p, "neither a string nor a number");
}

static void
next(struct json_parser *p)
{
	for (;
	     p->p < p->end && strchr(" \t\r\n", *p->p) != NULL && *p->p != '\0';
	     p->p++)
		p->line += *p->p == '\n';
	p->at = p->line;
	p->len = 0;
	p->text[0] = '\0';
	if (p->p == p->end) {
		p->kind = JSON_END;
	} else if (*p->p == '"') {
		p->p++;
		next_string(p);
	} else if (is_word(*p->p)) {
		next_word(p);
	} else if (*p->p != '\0' && strchr("{}[]:,", *p->p) != NULL) {
		p->kind = JSON_PUNCT;
		p->text[p->len++] = *p->p++;
		p->text[p->len] = '\0';
	} else {
		bad(p, "not valid JSON");
	}
}

static bool
at_punct(const struct json_parser *p, char c)
{
	return p->kind == JSON_PUNCT && p->text[0] == c;
}

/* Reports a structural error, which ends the reading. */
static bool
fail(struct json_parser *p, const char *label, const char *what)
{
	conf_err(p->l, pos(p), "%s%s", label,
	    p->kind == JSON_BAD	    ? p->text :
		p->kind == JSON_END ? "the text is incomplete" :
				      what);
	return false;
}

static bool
take(struct json_parser *p, char c, const char *label, const char *what)
{
	if (!at_punct(p, c))
		return fail(p, label, what);
	next(p);
	return true;
}

/* After a member of an object or an array: true: another one follows. Consumes
 * the closing bracket; *ok is false if there is neither. */
static bool
another(struct json_parser *p, char close, const char *label, bool *ok)
{
	if (at_punct(p, ',')) {
		next(p);
		return true;
	}
	*ok = take(p, close, label, "a comma or a bracket is missing");
	return false;
}

/* ---- values */

static bool
is_plain(const struct json_parser *p)
{
	return p->kind == JSON_STRING ||
	    (p->kind == JSON_WORD && strcmp(p->text, "null") != 0);
}

/* Skips a value of any depth. */
static bool
skip_value(struct json_parser *p, const char *label)
{
	size_t depth = 0;

	do {
		if (at_punct(p, '{') || at_punct(p, '['))
			depth++;
		else if ((at_punct(p, '}') || at_punct(p, ']')) && depth > 0)
			depth--;
		else if (p->kind == JSON_BAD || p->kind == JSON_END ||
		    (p->kind == JSON_PUNCT && depth == 0))
			return fail(p, label, "a value is missing");
		next(p);
	} while (depth > 0);
	return true;
}

static bool
read_list(struct json_parser *p, const char *label, struct conf_value *v)
{
	bool ok = true;

	v->list = true;
	next(p);
	if (at_punct(p, ']')) {
		next(p);
		return true;
	}
	do {
		if (!is_plain(p))
			return fail(p, label,
			    "a list may contain only strings and numbers");
		if (v->n == CONF_LIST_MAX)
			return fail(p, label, "a list has too many items");
		value_add(v, p->text, p->len, pos(p).line);
		next(p);
	} while (another(p, ']', label, &ok));
	return ok;
}

static bool
read_value(struct json_parser *p, const char *label, struct conf_value *v)
{
	if (at_punct(p, '['))
		return read_list(p, label, v);
	if (!is_plain(p))
		return fail(p, label,
		    "a value must be a string, a number, true, false or a "
		    "list");
	value_add(v, p->text, p->len, pos(p).line);
	next(p);
	return true;
}

/* ---- domains */

/* The name of a member and its colon; copied to `key`. */
static bool
read_key(struct json_parser *p, const char *label, char *key, size_t size)
{
	if (p->kind != JSON_STRING)
		return fail(p, label, "the name of an option is missing");
	(void)strlcpy(key, p->text, size);
	next(p);
	return take(p, ':', label, "a colon is missing");
}

static bool
read_option(struct json_parser *p, struct json_domain *d,
    const struct option *o, const char *label)
{
	struct conf_value v = { .list = false };
	struct conf_pos at = pos(p);
	bool ok = read_value(p, label, &v);

	if (ok)
		setting_take(p->l, o, &d->e->d,
		    &d->e->set[o - options - OPT_DOMAIN_FIRST], at, label, &v);
	value_fini(&v);
	return ok;
}

static bool
read_unknown(struct json_parser *p, const char *key, const char *label)
{
	char q[CONF_QUOTE_MAX];

	conf_err(p->l, pos(p), "%sunknown option %s", label,
	    conf_quote(key, q));
	return skip_value(p, label);
}

/* A section within the domain; its opening brace is the current token. */
static bool
read_section(struct json_parser *p, struct json_domain *d,
    enum conf_section section)
{
	char key[CONF_VALUE_MAX + 1], label[sizeof(d->label) + 48];
	const struct option *o;
	bool ok = true;

	snprintf(label, sizeof(label), "%s%.40s: ", d->label,
	    sections[section].name);
	next(p);
	if (at_punct(p, '}')) {
		next(p);
		return true;
	}
	do {
		if (!read_key(p, label, key, sizeof(key)))
			return false;
		o = option_find(section, key);
		ok = o != NULL ? read_option(p, d, o, label) :
				 read_unknown(p, key, label);
	} while (ok && another(p, '}', label, &ok));
	return ok;
}

static bool
read_name(struct json_parser *p, struct json_domain *d)
{
	char q[CONF_QUOTE_MAX];

	if (p->kind != JSON_STRING)
		return fail(p, d->label, "its name is not a string");
	if (d->named)
		return fail(p, d->label, "it has two names");
	d->named = true;
	d->e->at = pos(p);
	entry_name(p->l, d->e, p->text);
	snprintf(d->label, sizeof(d->label),
	    "domain %s: ", conf_quote(p->text, q));
	next(p);
	return true;
}

static bool
read_member(struct json_parser *p, struct json_domain *d)
{
	char key[CONF_VALUE_MAX + 1];
	enum conf_section section;
	const struct option *o;

	if (!read_key(p, d->label, key, sizeof(key)))
		return false;
	if (strcmp(key, "name") == 0)
		return read_name(p, d);
	o = option_find(SEC_DOMAIN, key);
	if (o != NULL && o->cls != CLASS_KEPT)
		return read_option(p, d, o, d->label);
	if (section_find(SEC_DOMAIN, key, &section) && at_punct(p, '{'))
		return read_section(p, d, section);
	return read_unknown(p, key, d->label);
}

static bool
read_domain(struct json_parser *p)
{
	struct json_domain d = { .label = "a domain: " };
	bool ok = true;

	if (!take(p, '{', "domains: ", "each of them is an object"))
		return false;
	d.e = entry_add(p->l, pos(p), NULL);
	if (d.e == NULL)
		return false;
	if (at_punct(p, '}'))
		next(p);
	else
		do
			ok = read_member(p, &d);
		while (ok && another(p, '}', d.label, &ok));
	if (ok && !d.named)
		conf_err(p->l, d.e->at, "a domain has no name");
	return ok;
}

static bool
read_domains(struct json_parser *p)
{
	const char *label = "domains: ";
	bool ok = true;

	if (!take(p, '[', label, "they are not an array"))
		return false;
	if (at_punct(p, ']')) {
		next(p);
		return true;
	}
	do
		ok = read_domain(p);
	while (ok && another(p, ']', label, &ok));
	return ok;
}

static void
read_all(struct json_parser *p)
{
	char key[CONF_VALUE_MAX + 1], q[CONF_QUOTE_MAX];
	bool ok = true;

	if (!take(p, '{', "", "it is not an object with \"domains\"") ||
	    !read_key(p, "", key, sizeof(key)))
		return;
	if (strcmp(key, "domains") != 0) {
		conf_err(p->l, pos(p),
		    "%s is not allowed in a source of domains_from; only "
		    "\"domains\" is",
		    conf_quote(key, q));
		return;
	}
	if (!read_domains(p))
		return;
	if (another(p, '}', "", &ok))
		conf_err(p->l, pos(p),
		    "something stands beside \"domains\"; a source of "
		    "domains_from may have nothing else");
	else if (ok && p->kind != JSON_END)
		(void)fail(p, "", "extra text after the end");
}

void
parse_json(struct conf_loader *l, const char *name, const char *text,
    size_t len)
{
	struct json_parser p = { .l = l,
		.file = loader_file(l, name),
		.p = text,
		.end = text + len,
		.line = 1 };

	next(&p);
	read_all(&p);
}
