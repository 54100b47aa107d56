/* SPDX-License-Identifier: ISC
 * parse: the grammar, by recursive descent over the tokens of lex.c.
 *
 *     file    = { item | "include" value }
 *     item    = name "=" value | name [ title ] "{" { item } "}"
 *     value   = word | string | "{" [ word-or-string { "," ... } [","] ] "}"
 *
 * A library would stop at the first error (see lex.c). Here an error is
 * noted and reading goes on at the next setting or closing brace; a section
 * that finds the beginning of another one on its own level takes it that its
 * own brace is missing and gives way. So one run shows what is wrong, and
 * shows it once. Depth is bounded by the sections there are. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config_int.h"

struct parser {
	struct conf_loader *l;
	const struct conf_source *source;
	struct lexer x;
	struct token t; /* the one that is looked at */
};

/* The section that is being read. */
struct scope {
	enum conf_section section;
	char label[2 * CONF_QUOTE_MAX]; /* "domain \"x\": ", before messages */
	void *base; /* of its fields; NULL: only checked */
	struct conf_pos *set; /* where each option stood, */
	size_t set_first; /* the first being this one */
	unsigned line; /* of its opening brace */
};

static bool parse_block(struct parser *, struct scope *);

static struct conf_pos
pos(const struct parser *p, unsigned line)
{
	return (struct conf_pos){ .file = p->source->file & 0x7fffffffu,
		.line = line };
}

static void
advance(struct parser *p)
{
	lex_next(&p->x, &p->t);
}

static enum token_kind
peek(const struct parser *p)
{
	struct lexer x = p->x;
	struct token t;

	lex_next(&x, &t);
	return t.kind;
}

/* To the next setting or to the brace that closes the section at hand. */
static void
recover(struct parser *p)
{
	unsigned depth = 0;

	for (;; advance(p)) {
		if (p->t.kind == TOKEN_END)
			return;
		if (p->t.kind == TOKEN_WORD && depth == 0 &&
		    (p->t.first || peek(p) == TOKEN_EQUAL))
			return;
		if (p->t.kind == TOKEN_OPEN)
			depth++;
		if (p->t.kind == TOKEN_CLOSE && depth-- == 0)
			return;
	}
}

/* Past a section that makes no sense; its opening brace is looked at. */
static void
skip_block(struct parser *p)
{
	unsigned depth = 0;

	for (;; advance(p)) {
		if (p->t.kind == TOKEN_END)
			return;
		if (p->t.kind == TOKEN_OPEN)
			depth++;
		if (p->t.kind == TOKEN_CLOSE && --depth == 0)
			break;
	}
	advance(p);
}

static void
value_add(struct conf_value *v, const struct token *t)
{
	if (v->n % 16 == 0)
		v->item = mem_grow(v->item, v->n + 16, sizeof(*v->item));
	v->item[v->n++] = mem_strndup(t->text, t->len);
}

static void
value_fini(struct conf_value *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		mem_free(&v->item[i]);
	mem_free(&v->item);
}

/* A word that begins a setting: what came before it was not closed. */
static bool
at_setting(const struct parser *p)
{
	enum token_kind next;

	if (p->t.kind != TOKEN_WORD || !p->t.first)
		return false;
	next = peek(p);
	return next == TOKEN_EQUAL || next == TOKEN_OPEN;
}

/* One token of a list that should not be there. */
static void
list_stray(struct parser *p, const struct scope *sc, const char *name)
{
	if (p->t.kind == TOKEN_BAD)
		conf_err(p->l, pos(p, p->t.line), "%s%s: %s", sc->label, name,
		    p->t.text);
	else
		conf_err(p->l, pos(p, p->t.line),
		    "%s%s: \"%s\" in a list where a value should be", sc->label,
		    name, p->t.text);
}

/* The items of a list; the opening brace was taken. One error a list. */
static bool
parse_list(struct parser *p, const struct scope *sc, const char *name,
    unsigned line, struct conf_value *v)
{
	bool ok = true, comma = true;
	unsigned depth = 0;

	v->list = true;
	for (; p->t.kind != TOKEN_CLOSE || depth-- > 0; advance(p)) {
		if (p->t.kind == TOKEN_END || at_setting(p)) {
			conf_err(p->l, pos(p, line),
			    "%s%s: the list is not closed; a } is missing",
			    sc->label, name);
			return false;
		}
		if (!ok) {
			depth += p->t.kind == TOKEN_OPEN;
			continue;
		}
		if (p->t.kind == TOKEN_COMMA && !comma) {
			comma = true;
		} else if (p->t.kind != TOKEN_WORD &&
		    p->t.kind != TOKEN_STRING) {
			list_stray(p, sc, name);
			depth += p->t.kind == TOKEN_OPEN;
			ok = false;
		} else if (!comma) {
			conf_err(p->l, pos(p, p->t.line),
			    "%s%s: a comma is missing in the list before"
			    " \"%.40s\"",
			    sc->label, name, p->t.text);
			ok = false;
		} else if (v->n == CONF_LIST_MAX) {
			conf_err(p->l, pos(p, p->t.line),
			    "%s%s: the list has more than %u items", sc->label,
			    name, CONF_LIST_MAX);
			ok = false;
		} else {
			value_add(v, &p->t);
			comma = false;
		}
	}
	advance(p);
	return ok;
}

/* What stands behind "=", which was taken. False: reported. */
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
		value_add(v, &p->t);
		advance(p);
		return true;
	case TOKEN_OPEN:
		advance(p);
		return parse_list(p, sc, name, line, v);
	case TOKEN_BAD:
		conf_err(p->l, pos(p, p->t.line), "%s%s: %s", sc->label, name,
		    p->t.text);
		advance(p);
		return false;
	default:
		break;
	}
	conf_err(p->l, pos(p, line), "%s%s has no value after the =", sc->label,
	    name);
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
		conf_err(p->l, pos(p, line),
		    "%s%s is a section; write it as"
		    " %s { ... }",
		    sc->label, q, name);
	else if (near != NULL)
		conf_err(p->l, pos(p, line),
		    "%sunknown option %s; did you mean \"%s\"?", sc->label, q,
		    near);
	else if (o != NULL && o->section == SEC_TOP)
		conf_err(p->l, pos(p, line),
		    "%soption %s belongs at the top level", sc->label, q);
	else if (o != NULL)
		conf_err(p->l, pos(p, line),
		    "%soption %s belongs in a section %s", sc->label, q,
		    sections[o->section].name);
	else
		conf_err(p->l, pos(p, line), "%sunknown option %s", sc->label,
		    q);
}

/* name = value; the "=" is looked at. */
static void
parse_setting(struct parser *p, const struct scope *sc, const char *name,
    unsigned line)
{
	const struct option *o = option_find(sc->section, name);
	struct conf_value v = { false, 0, NULL };
	char why[CONF_TEXT_MAX / 2];
	struct conf_pos *set;
	bool ok;

	if (o == NULL)
		unknown_option(p, sc, name, line);
	advance(p);
	ok = parse_value(p, sc, o != NULL ? name : "this option", line, &v);
	if (!ok)
		recover(p);
	if (o == NULL)
		goto out;
	set = &sc->set[(size_t)(o - options) - sc->set_first];
	if (set->line != 0) {
		conf_err(p->l, pos(p, line),
		    "%s%s is set twice; the first is at %s:%u", sc->label, name,
		    p->l->file[set->file], set->line);
		goto out;
	}
	*set = pos(p, line);
	if (ok && option_set(o, sc->base, &v, why, sizeof(why)) != 0) {
		conf_err(p->l, pos(p, line), "%s%s %s", sc->label, name, why);
		ok = false;
	}
	set->wrong = !ok;
out:
	value_fini(&v);
}

/* A section within domain or defaults: the same struct, another label. */
static bool
parse_nested(struct parser *p, const struct scope *up, const char *name,
    enum conf_section section)
{
	struct scope sc = *up;

	sc.section = section;
	sc.line = p->t.line;
	snprintf(sc.label, sizeof(sc.label), "%.200s%.40s: ", up->label, name);
	advance(p);
	return parse_block(p, &sc);
}

static bool
parse_domain(struct parser *p, const char *title, unsigned line)
{
	struct conf_loader *l = p->l;
	struct conf_entry *e;
	struct scope sc = { .section = SEC_DOMAIN, .line = p->t.line };
	char q[CONF_QUOTE_MAX];

	conf_quote(title, q);
	if (l->nentries == CONF_DOMAINS_MAX) {
		if (!l->domains_cut)
			conf_err(l, pos(p, line),
			    "domain %s: there are more than %u domains", q,
			    CONF_DOMAINS_MAX);
		l->domains_cut = true;
		skip_block(p);
		return true;
	}
	if (l->nentries == l->entry_size) {
		l->entry_size = l->entry_size * 2 + 16;
		l->entry = mem_grow(l->entry, l->entry_size, sizeof(*l->entry));
	}
	e = l->entry[l->nentries++] = mem_alloc(sizeof(*e));
	e->at = pos(p, line);
	if (text_domain(title, strlen(title), e->d.name) != 0) {
		conf_err(l, e->at, "domain %s: that is not a domain name", q);
		e->d.name[0] = '\0';
	}
	snprintf(sc.label, sizeof(sc.label), "domain %s: ", q);
	sc.base = &e->d;
	sc.set = e->set;
	sc.set_first = OPT_DOMAIN_FIRST;
	advance(p);
	return parse_block(p, &sc);
}

/* receiver, alert, heartbeat. */
static bool
parse_titled(struct parser *p, enum conf_section section, const char *title,
    unsigned line)
{
	struct conf_loader *l = p->l;
	struct conf_title *t;
	struct scope sc = { .section = section, .line = p->t.line };
	char q[CONF_QUOTE_MAX];

	if (l->ntitles == l->title_size) {
		l->title_size = l->title_size * 2 + 16;
		l->title = mem_grow(l->title, l->title_size, sizeof(*l->title));
	}
	t = &l->title[l->ntitles];
	*t = (struct conf_title){ .section = section,
		.title = mem_strdup(title),
		.at = pos(p, line) };
	snprintf(sc.label, sizeof(sc.label), "%s %s: ", sections[section].name,
	    conf_quote(title, q));
	sc.base = title_base(t, l->c);
	if (sc.base == NULL) {
		conf_err(l, pos(p, line),
		    "%s %s: there is no such alert; mxwatch-alerts(7) lists"
		    " them",
		    sections[section].name, q);
		mem_free(&t->title);
		skip_block(p);
		return true;
	}
	l->ntitles++;
	t->set = sc.set = mem_array(OPT_COUNT, sizeof(*sc.set));
	advance(p);
	return parse_block(p, &sc);
}

/* A section of the top level without a title, or defaults. */
static bool
parse_plain(struct parser *p, const char *name, enum conf_section section,
    unsigned line)
{
	struct conf_loader *l = p->l;
	struct scope sc = { .section = section,
		.base = l->c,
		.set = l->set,
		.line = p->t.line };

	if (section == SEC_DOMAIN) {
		sc.base = &l->c->defaults;
		if (l->defaults_at.line == 0)
			l->defaults_at = pos(p, line);
	}
	if (section == SEC_SNMP)
		l->c->snmp.present = true;
	snprintf(sc.label, sizeof(sc.label), "%.40s: ", name);
	advance(p);
	return parse_block(p, &sc);
}

static void
unknown_section(struct parser *p, const struct scope *sc, const char *name,
    unsigned line)
{
	const char *near = section_nearest(sc->section, name);
	char q[CONF_QUOTE_MAX];

	conf_quote(name, q);
	if (option_find(sc->section, name) != NULL)
		conf_err(p->l, pos(p, line),
		    "%s%s is an option; write it as %s = value", sc->label, q,
		    name);
	else if (near != NULL)
		conf_err(p->l, pos(p, line),
		    "%sunknown section %s; did you mean \"%s\"?", sc->label, q,
		    near);
	else if (section_find(SEC_DOMAIN, name, &(enum conf_section){ 0 }))
		conf_err(p->l, pos(p, line),
		    "%ssection %s belongs in domain or defaults", sc->label, q);
	else
		conf_err(p->l, pos(p, line), "%sunknown section %s", sc->label,
		    q);
	skip_block(p);
}

/* name [title] "{"; the token behind the name is looked at. False when the
 * section at hand has to give way. */
static bool
parse_section(struct parser *p, const struct scope *sc, const char *name,
    unsigned line)
{
	bool defaults = sc->section == SEC_TOP && strcmp(name, "defaults") == 0;
	char title[CONF_VALUE_MAX + 1] = "";
	enum conf_section section = SEC_DOMAIN;
	bool titled = p->t.kind != TOKEN_OPEN, wants;

	if (titled) {
		memcpy(title, p->t.text, p->t.len + 1);
		advance(p);
	}
	if (p->t.kind != TOKEN_OPEN) {
		conf_err(p->l, pos(p, line), "%s\"%.40s\" lacks its {",
		    sc->label, name);
		recover(p);
		return true;
	}
	if (!defaults && !section_find(sc->section, name, &section)) {
		unknown_section(p, sc, name, line);
		return true;
	}
	wants = !defaults && sections[section].titled;
	if (wants && !titled) {
		conf_err(p->l, pos(p, line),
		    "%s%s has no title; write it as %s \"%s\" { ... }",
		    sc->label, name, name,
		    section == SEC_DOMAIN ? "example.org" : "name");
		skip_block(p);
		return true;
	}
	if (titled && !wants)
		conf_err(p->l, pos(p, line),
		    "%s%s takes no title; write it as"
		    " %s { ... }",
		    sc->label, name, name);
	if (sc->section != SEC_TOP)
		return parse_nested(p, sc, name, section);
	if (!wants)
		return parse_plain(p, name, section, line);
	if (section == SEC_DOMAIN)
		return parse_domain(p, title, line);
	return parse_titled(p, section, title, line);
}

static void parse_source(struct conf_loader *, const struct conf_source *,
    const char *text, size_t len);

static unsigned
file_add(struct conf_loader *l, const char *name)
{
	if (l->nfiles % 16 == 0)
		l->file = mem_grow(l->file, l->nfiles + 16, sizeof(*l->file));
	l->file[l->nfiles] = mem_strdup(name);
	return (unsigned)l->nfiles++;
}

/* include "pattern"; the pattern is looked at. */
static void
parse_include(struct parser *p, unsigned line)
{
	struct conf_loader *l = p->l;
	struct conf_source s;
	struct conf_pos at = pos(p, line);
	char **list, *text;
	size_t i, n, len;

	list = source_list(l, p->source, p->t.text, at, &n);
	advance(p);
	for (i = 0; i < n; i++) {
		s = (struct conf_source){ .up = p->source,
			.depth = p->source->depth + 1 };
		if (l->nfiles > CONF_FILES_MAX ||
		    !source_open(l, &s, list[i], at, &text, &len))
			continue;
		s.file = file_add(l, list[i]);
		parse_source(l, &s, text, len);
		mem_free(&text);
	}
	source_list_free(list, n);
}

/* Whether a section of the top level begins where it cannot stand, at the
 * beginning of a line: then the brace before it is missing. */
static bool
gives_way(struct parser *p, const struct scope *sc)
{
	enum conf_section section;
	struct lexer x = p->x;
	struct token t;

	if (sc->section == SEC_TOP || !p->t.first ||
	    section_find(sc->section, p->t.text, &section) ||
	    (!section_find(SEC_TOP, p->t.text, &section) &&
		strcmp(p->t.text, "defaults") != 0))
		return false;
	lex_next(&x, &t);
	if (t.kind == TOKEN_STRING || t.kind == TOKEN_WORD)
		lex_next(&x, &t);
	if (t.kind != TOKEN_OPEN)
		return false;
	conf_err(p->l, pos(p, sc->line),
	    "%sthe section is not closed before %s at line %u; a } is missing",
	    sc->label, p->t.text, p->t.line);
	return true;
}

/* One setting or section; its name is looked at. */
static bool
parse_item(struct parser *p, const struct scope *sc)
{
	unsigned line = p->t.line;
	char name[CONF_VALUE_MAX + 1];
	enum conf_section section;
	bool value;

	if (gives_way(p, sc))
		return false;
	memcpy(name, p->t.text, p->t.len + 1);
	advance(p);
	value = p->t.kind == TOKEN_STRING ||
	    (p->t.kind == TOKEN_WORD && !p->t.first);
	if (p->t.kind == TOKEN_EQUAL) {
		parse_setting(p, sc, name, line);
		return true;
	}
	if (value && sc->section == SEC_TOP && strcmp(name, "include") == 0) {
		parse_include(p, line);
		return true;
	}
	if (p->t.kind == TOKEN_OPEN ||
	    (value &&
		(peek(p) == TOKEN_OPEN ||
		    section_find(sc->section, name, &section))))
		return parse_section(p, sc, name, line);
	if (p->t.kind == TOKEN_BAD) {
		conf_err(p->l, pos(p, p->t.line), "%s%s", sc->label, p->t.text);
		advance(p);
	} else {
		conf_err(p->l, pos(p, line),
		    "%s\"%.40s\" is followed by neither = nor {", sc->label,
		    name);
	}
	recover(p);
	return true;
}

/* To the end of a section, its closing brace included, or of the file.
 * False when it ended without one and that has been said. */
static bool
parse_block(struct parser *p, struct scope *sc)
{
	bool top = sc->section == SEC_TOP;

	for (;;) {
		switch (p->t.kind) {
		case TOKEN_END:
			if (!top)
				conf_err(p->l, pos(p, sc->line),
				    "%sthe section"
				    " is not closed; a } is missing",
				    sc->label);
			return top;
		case TOKEN_CLOSE:
			if (top)
				conf_err(p->l, pos(p, p->t.line),
				    "this }"
				    " closes nothing; take it out");
			advance(p);
			if (!top)
				return true;
			break;
		case TOKEN_WORD:
			if (!parse_item(p, sc) && !top)
				return false;
			break;
		case TOKEN_BAD:
			conf_err(p->l, pos(p, p->t.line), "%s%s", sc->label,
			    p->t.text);
			advance(p);
			recover(p);
			break;
		default:
			conf_err(p->l, pos(p, p->t.line),
			    "%s\"%.40s\" where the name of an option should be",
			    sc->label, p->t.text);
			advance(p);
			recover(p);
			break;
		}
	}
}

static void
parse_source(struct conf_loader *l, const struct conf_source *s,
    const char *text, size_t len)
{
	struct scope sc = { .section = SEC_TOP, .base = l->c, .set = l->set };
	struct parser *p = mem_alloc(sizeof(*p));

	p->l = l;
	p->source = s;
	lex_init(&p->x, text, len);
	advance(p);
	parse_block(p, &sc);
	mem_free(&p);
}

void
parse_text(struct conf_loader *l, const char *name, const char *text,
    size_t len)
{
	struct conf_source s = { .file = file_add(l, name) };

	if (len > CONF_FILE_MAX)
		conf_err(l, (struct conf_pos){ 0 }, "is larger than %u MiB",
		    CONF_FILE_MAX >> 20);
	else
		parse_source(l, &s, text, len);
}

void
parse_file(struct conf_loader *l, const char *path)
{
	struct conf_source s = { .file = file_add(l, path) };
	char *text;
	size_t len;

	if (source_open(l, &s, path, (struct conf_pos){ 0 }, &text, &len))
		parse_source(l, &s, text, len);
	mem_free(&text);
}
