/* SPDX-License-Identifier: ISC
 * lex: the tokens of a configuration. Existing libraries were considered:
 * libconfuse, which has the same grammar, stops at the first error and does not
 * keep the lines of what it has read. Here every error is reported with its
 * file and line in one run, hence this lexer and the parser in parse.c.
 *
 * Works on a text in memory, without files. It reports nothing: a bad token has
 * its reason, and its consumer reports it, so that the parser may look ahead on
 * a copy of the state without reporting it twice. */
#include <stdio.h>
#include <string.h>

#include "config_int.h"

void
lex_init(struct lexer *x, const char *text, size_t len)
{
	x->p = text;
	x->end = text + len;
	/* the byte order mark of some editors */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		x->p += 3;
	x->line = 1;
	x->fresh = true;
}

/* The characters of a bare word: those of numbers, times, names, paths and
 * addresses; others need quotes. */
static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("_-.:/@%+*?[]", c) != NULL);
}

/* One or more carriage returns at the end of a line: files of other systems
 * have them, and a transfer may have doubled them. */
static bool
ends_line(const struct lexer *x)
{
	const char *p = x->p;

	while (p < x->end && *p == '\r')
		p++;
	return p == x->end || *p == '\n';
}

static void
skip_comment(struct lexer *x)
{
	while (x->p + 1 < x->end && x->p[1] != '\n') {
		x->p++;
		if (*x->p == '\r' && !ends_line(x)) {
			x->p--;
			return;
		}
	}
}

static void
skip_blank(struct lexer *x)
{
	for (; x->p < x->end; x->p++) {
		switch (*x->p) {
		case '\n':
			x->line++;
			x->fresh = true;
			break;
		case ' ':
		case '\t':
			break;
		case '\r':
			if (!ends_line(x))
				return;
			break;
		case '#':
			skip_comment(x);
			break;
		default:
			return;
		}
	}
}

static void
bad(struct token *t, const char *why)
{
	t->kind = TOKEN_BAD;
	t->len = (size_t)snprintf(t->text, sizeof(t->text), "%s", why);
}

static void
lex_word(struct lexer *x, struct token *t)
{
	const char *start = x->p;
	size_t n;

	while (x->p < x->end && is_word(*x->p))
		x->p++;
	n = (size_t)(x->p - start);
	if (n > CONF_VALUE_MAX) {
		bad(t, "a word is longer than 4096 bytes");
		return;
	}
	t->kind = TOKEN_WORD;
	memcpy(t->text, start, n);
	t->text[n] = '\0';
	t->len = n;
}

static void
bad_lookalike(struct token *t, const struct lookalike *l)
{
	char why[120];

	snprintf(why, sizeof(why), "a %s (U+%04X); %s", l->name, l->code,
	    l->remedy);
	bad(t, why);
}

/* A string that is not closed on its line. A lookalike quote is taken for its
 * closing one. */
static void
bad_open(struct lexer *x, const char *start, struct token *t)
{
	const struct lookalike *l = NULL;
	const char *p;
	size_t len;

	for (p = start; p < x->p && (l == NULL || !l->quote); p++)
		l = lookalike_at(p, x->p, &len);
	if (l != NULL && l->quote) {
		bad_lookalike(t, l);
		x->p = p - 1 + len;
	} else
		bad(t,
		    "the string that begins here is not closed on its line; a "
		    "\" is missing");
}

/* At the opening quote. An unclosed string ends with its line, so that the
 * following lines are read as intended. */
static void
lex_string(struct lexer *x, struct token *t)
{
	const char *why = NULL, *start = x->p + 1;
	size_t n = 0;
	char c;

	for (x->p++; x->p < x->end && *x->p != '\n' && *x->p != '"'; x->p++) {
		c = *x->p;
		if (c == '\\') {
			if (x->p + 1 == x->end || x->p[1] == '\n')
				continue;
			c = *++x->p;
			if (c != '"' && c != '\\')
				why = "in a string a backslash may precede "
				      "only \" and \\; write it twice";
		} else if (((unsigned char)c < ' ' && c != '\t') ||
		    c == '\x7f') {
			why = "a string has a control character";
		}
		if (n == CONF_VALUE_MAX)
			why = "a string is longer than 4096 bytes";
		else
			t->text[n++] = c;
	}
	if (x->p == x->end || *x->p == '\n') {
		bad_open(x, start, t);
		return;
	}
	x->p++;
	if (why != NULL) {
		bad(t, why);
		return;
	}
	t->kind = TOKEN_STRING;
	t->text[n] = '\0';
	t->len = n;
}

/* Skips a string in typographic quotes, up to a closing quote of either
 * kind. */
static void
skip_quoted(struct lexer *x)
{
	const struct lookalike *l;
	size_t len;

	for (; x->p < x->end && *x->p != '\n'; x->p++) {
		l = lookalike_at(x->p, x->end, &len);
		if (l != NULL && l->quote)
			x->p += len;
		else if (*x->p == '"')
			x->p++;
		else
			continue;
		return;
	}
}

static bool
lex_lookalike(struct lexer *x, struct token *t)
{
	size_t len, more;
	const struct lookalike *l = lookalike_at(x->p, x->end, &len);
	const char *from;

	if (l == NULL)
		return false;
	bad_lookalike(t, l);
	x->p += len;
	from = x->p;
	if (l->quote)
		skip_quoted(x);
	if (x->p == x->end || *x->p == '\n') /* it was a closing quote */
		x->p = from;
	/* one error for a run of them */
	while (lookalike_at(x->p, x->end, &more) == l)
		x->p += more;
	return true;
}

static void
lex_other(struct lexer *x, struct token *t)
{
	char why[80];
	unsigned char c = (unsigned char)*x->p;

	if (lex_lookalike(x, t))
		return;
	x->p++;
	if (c == '\r')
		snprintf(why, sizeof(why),
		    "a carriage return within a line; end lines with LF or CR "
		    "LF");
	else if (c == ';')
		snprintf(why, sizeof(why),
		    "\";\" has no meaning here; remove it");
	else if (c > ' ' && c <= '~')
		snprintf(why, sizeof(why),
		    "\"%c\" is allowed only in a quoted string", c);
	else
		snprintf(why, sizeof(why), "the byte 0x%02x may %s", c,
		    c >= 0x80 ? "appear only in a quoted string" :
				"not appear in a configuration");
	/* one error for a run of such bytes */
	while (x->p < x->end && (unsigned char)*x->p == c)
		x->p++;
	if (c >= 0x80)
		while (x->p < x->end && (unsigned char)*x->p >= 0x80)
			x->p++;
	bad(t, why);
}

void
lex_next(struct lexer *x, struct token *t)
{
	static const struct {
		char c;
		enum token_kind kind;
	} punct[] = {
		{ '{', TOKEN_OPEN },
		{ '}', TOKEN_CLOSE },
		{ '=', TOKEN_EQUAL },
		{ ',', TOKEN_COMMA },
	};
	size_t i;

	skip_blank(x);
	t->line = x->line;
	t->first = x->fresh;
	t->text[0] = '\0';
	t->len = 0;
	x->fresh = false;
	if (x->p == x->end) {
		t->kind = TOKEN_END;
		return;
	}
	for (i = 0; i < MX_COUNT(punct); i++) {
		if (*x->p != punct[i].c)
			continue;
		t->kind = punct[i].kind;
		t->text[0] = *x->p++;
		t->text[1] = '\0';
		t->len = 1;
		return;
	}
	if (*x->p == '"')
		lex_string(x, t);
	else if (is_word(*x->p))
		lex_word(x, t);
	else
		lex_other(x, t);
}
