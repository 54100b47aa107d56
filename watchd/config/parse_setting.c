/* SPDX-License-Identifier: ISC
 * parse_setting: a setting: a value or a list after a known name, or an error
 * message. Called by parse.c, and follows its grammar and its recovery from
 * errors. */
#include <stdio.h>

#include "base/mem.h"
#include "parse_int.h"

void
value_add(struct conf_value *v, const char *text, size_t len, unsigned line)
{
	if (v->n % 16 == 0)
		v->item = mem_grow(v->item, v->n + 16, sizeof(*v->item));
	v->item[v->n++] = (struct conf_item){ mem_strndup(text, len), line };
}

void
value_fini(struct conf_value *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		mem_free(&v->item[i].text);
	mem_free(&v->item);
}

/* Does a word begin a setting? Then the list before it was not closed. */
static bool
at_setting(const struct parser *p)
{
	enum token_kind next;

	if (p->t.kind != TOKEN_WORD || !p->t.first)
		return false;
	next = parser_peek(p);
	return next == TOKEN_EQUAL || next == TOKEN_OPEN;
}

struct list_state {
	bool ok;
	bool comma; /* an item may follow */
};

/* Reports an unexpected token of a list. */
static void
list_stray(struct parser *p, const struct scope *sc, const char *name)
{
	if (p->t.kind == TOKEN_BAD)
		conf_err(p->l, parser_pos(p, p->t.line), "%s%s: %s", sc->label,
		    name, p->t.text);
	else
		conf_err(p->l, parser_pos(p, p->t.line),
		    "%s%s: \"%s\" in a list instead of a value", sc->label,
		    name, p->t.text);
}

/* A token of a list: an item or a comma; false: the rest cannot be parsed.
 * Reports a missing comma once per list. */
static bool
list_token(struct parser *p, const struct scope *sc, const char *name,
    struct list_state *st, struct conf_value *v)
{
	if (p->t.kind == TOKEN_COMMA && !st->comma) {
		st->comma = true;
		return true;
	}
	if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING &&
	    p->t.kind != TOKEN_BAD) {
		list_stray(p, sc, name);
		return false;
	}
	if (!st->comma && st->ok && p->t.kind != TOKEN_BAD) {
		conf_err(p->l, parser_pos(p, p->t.line),
		    "%s%s: a comma is missing in the list before \"%.40s\"",
		    sc->label, name, p->t.text);
		st->ok = false;
	}
	st->comma = false;
	if (p->t.kind == TOKEN_BAD) { /* an invalid item */
		list_stray(p, sc, name);
		st->ok = false;
	} else if (v->n == CONF_LIST_MAX) {
		conf_err(p->l, parser_pos(p, p->t.line),
		    "%s%s: the list has more than %u items", sc->label, name,
		    CONF_LIST_MAX);
		return false;
	} else {
		value_add(v, p->t.text, p->t.len, p->t.line);
	}
	return true;
}

/* The items of a list, after the opening brace. */
static bool
parse_list(struct parser *p, const struct scope *sc, const char *name,
    unsigned line, struct conf_value *v)
{
	struct list_state st = { .ok = true, .comma = true };
	bool lost = false;
	unsigned depth = 0;

	v->list = true;
	for (; p->t.kind != TOKEN_CLOSE || depth-- > 0; parser_advance(p)) {
		if (p->t.kind == TOKEN_END || at_setting(p)) {
			conf_err(p->l, parser_pos(p, line),
			    "%s%s: the list is not closed; a } is missing",
			    sc->label, name);
			return false;
		}
		if (!lost && !list_token(p, sc, name, &st, v))
			lost = true;
		if (lost)
			depth += p->t.kind == TOKEN_OPEN;
	}
	parser_advance(p);
	v->broken = !st.ok;
	return !lost;
}

/* Reads the value after "=". False: an error was reported. */
static bool
parse_value(struct parser *p, const struct scope *sc, const char *name,
    unsigned line, struct conf_value *v)
{
	switch (p->t.kind) {
	case TOKEN_WORD:
		if (p->t.first)
			break;
		/* FALLTHROUGH */
	case TOKEN_STRING:
		value_add(v, p->t.text, p->t.len, p->t.line);
		parser_advance(p);
		return true;
	case TOKEN_OPEN:
		parser_advance(p);
		return parse_list(p, sc, name, line, v);
	case TOKEN_BAD:
		conf_err(p->l, parser_pos(p, p->t.line), "%s%s: %s", sc->label,
		    name, p->t.text);
		parser_advance(p);
		return false;
	default:
		break;
	}
	conf_err(p->l, parser_pos(p, line),
	    "%s%s has no value after the =", sc->label, name);
	return false;
}

static void
unknown_option(struct parser *p, const struct scope *sc, const char *name,
    unsigned line)
{
	const char *near = option_nearest(sc->section, name);
	const struct option *o = option_elsewhere(name);
	enum conf_section child;
	char q[CONF_QUOTE_MAX];

	conf_quote(name, q);
	if (section_find(sc->section, name, &child))
		conf_err(p->l, parser_pos(p, line),
		    "%s%s is a section; write it as"
		    " %s { ... }",
		    sc->label, q, name);
	else if (near != NULL)
		conf_err(p->l, parser_pos(p, line),
		    "%sunknown option %s; did you mean \"%s\"?", sc->label, q,
		    near);
	else if (o != NULL && o->section == SEC_TOP)
		conf_err(p->l, parser_pos(p, line),
		    "%soption %s belongs at the top level", sc->label, q);
	else if (o != NULL)
		conf_err(p->l, parser_pos(p, line),
		    "%soption %s belongs in a section %s", sc->label, q,
		    sections[o->section].name);
	else
		conf_err(p->l, parser_pos(p, line), "%sunknown option %s",
		    sc->label, q);
}

/* Reports the errors of an option's value as findings. */
struct setting_told {
	struct conf_loader *l;
	struct conf_pos at;
	const char *label;
	const struct option *o;
};

static void
tell_setting(void *arg, unsigned line, bool warning, const char *text)
{
	const struct setting_told *t = arg;
	struct conf_pos at = t->at;

	if (line != 0)
		at.line = line;
	(warning ? conf_warn : conf_err)(t->l, at, "%s%s %s", t->label,
	    t->o->name, text);
}

/* Keeps the lines of items for the checks after reading. */
static void
keep_lines(struct conf_loader *l, struct conf_pos at,
    const struct conf_value *v)
{
	struct conf_lines *to;

	if (v->n == 0 || v->item[v->n - 1].line <= at.line)
		return;
	if (l->nlines == l->lines_size) {
		l->lines_size = l->lines_size * 2 + 16;
		l->lines = mem_grow(l->lines, l->lines_size, sizeof(*l->lines));
	}
	to = &l->lines[l->nlines++];
	*to =
	    (struct conf_lines){ at, v->n, mem_array(v->n, sizeof(unsigned)) };
	for (size_t i = 0; i < v->n; i++)
		to->line[i] = v->item[i].line;
}

void
setting_take(struct conf_loader *l, const struct option *o, void *base,
    struct conf_pos *set, struct conf_pos at, const char *label,
    const struct conf_value *v)
{
	struct setting_told told = { l, at, label, o };
	const struct value_reason why = { .tell = tell_setting,
		.arg = &told,
		.taken_before = l->taken_before };

	if (!option_is_allowed(l, o)) {
		conf_err(l, at,
		    "%s%s is not allowed in a source of "
		    "domains_from",
		    label, o->name);
		return;
	}
	if (set->line != 0) {
		conf_err(l, at, "%s%s is set twice (first at %s:%u)", label,
		    o->name, l->file[set->file], set->line);
		return;
	}
	*set = at;
	set->wrong = v == NULL || v->broken;
	if (v == NULL)
		return;
	keep_lines(l, at, v);
	if (option_set(o, base, v, &why) != 0)
		set->wrong = true;
	else if (option_of_domain(o))
		option_share(o, base, l->c->pool);
}

void
parse_setting(struct parser *p, const struct scope *sc, const char *name,
    unsigned line)
{
	const struct option *o = option_find(sc->section, name);
	struct conf_value v = { .list = false };
	bool ok;

	if (o != NULL && o->cls == CLASS_KEPT && !option_is_allowed(p->l, o))
		o = NULL;
	if (o == NULL)
		unknown_option(p, sc, name, line);
	parser_advance(p);
	ok = parse_value(p, sc, o != NULL ? name : "this option", line, &v);
	if (!ok)
		parser_recover(p);
	if (o != NULL)
		setting_take(p->l, o, sc->base,
		    &sc->set[(size_t)(o - options) - sc->set_first],
		    parser_pos(p, line), sc->label, ok ? &v : NULL);
	value_fini(&v);
}
