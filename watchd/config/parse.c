/* SPDX-License-Identifier: ISC
 * parse: the grammar, by recursive descent over the tokens of lex.c.
 *
 *     file    = { item | "include" value }
 *     item    = name "=" value | name [ title ] "{" { item } "}"
 *     value   = word | string | "{" [ word-or-string { "," ... } [","] ] "}"
 *
 * A library would stop at the first error (see lex.c). Here an error is
 * recorded and reading goes on at the next setting or closing brace; a section
 * in which a section of the top level begins assumes that its own brace is
 * missing, and ends. So one run shows all errors, each once. Depth is bounded
 * by the nesting of sections. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse_int.h"
#include "pool.h"

static bool parse_block(struct parser *, struct scope *);

struct conf_pos
parser_pos(const struct parser *p, unsigned line)
{
	return (struct conf_pos){ .file = p->source->file & 0x7fffffffu,
		.line = line };
}

void
parser_advance(struct parser *p)
{
	lex_next(&p->x, &p->t);
}

enum token_kind
parser_peek(const struct parser *p)
{
	struct lexer x = p->x;
	struct token t;

	lex_next(&x, &t);
	return t.kind;
}

void
parser_recover(struct parser *p)
{
	unsigned depth = 0;

	for (;; parser_advance(p)) {
		if (p->t.kind == TOKEN_END)
			return;
		if (p->t.kind == TOKEN_WORD && depth == 0 &&
		    (p->t.first || parser_peek(p) == TOKEN_EQUAL))
			return;
		if (p->t.kind == TOKEN_OPEN)
			depth++;
		if (p->t.kind == TOKEN_CLOSE && depth-- == 0)
			return;
	}
}

/* Skips an invalid section; its opening brace is the current token. */
static void
skip_block(struct parser *p)
{
	unsigned depth = 0;

	for (;; parser_advance(p)) {
		if (p->t.kind == TOKEN_END)
			return;
		if (p->t.kind == TOKEN_OPEN)
			depth++;
		if (p->t.kind == TOKEN_CLOSE && --depth == 0)
			break;
	}
	parser_advance(p);
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
	parser_advance(p);
	return parse_block(p, &sc);
}

static struct conf_entry *
entry_place(struct conf_loader *l)
{
	size_t at = l->nentries % ENTRY_BLOCK,
	       block = l->nentries / ENTRY_BLOCK;

	if (l->nentries == l->entry_size) {
		l->entry_size = l->entry_size * 2 + ENTRY_BLOCK;
		l->entry = mem_grow(l->entry, l->entry_size, sizeof(*l->entry));
	}
	if (at == 0) {
		l->block = mem_grow(l->block, block + 1, sizeof(*l->block));
		l->block[block] = mem_array(ENTRY_BLOCK, sizeof(**l->block));
		l->nblocks++;
	}
	return l->entry[l->nentries++] = &l->block[block][at];
}

void
entry_name(struct conf_loader *l, struct conf_entry *e, const char *title)
{
	char name[TEXT_DOMAIN_MAX], q[CONF_QUOTE_MAX];
	char hint[LOOKALIKE_HINT_MAX];

	if (text_domain(title, strlen(title), name) != 0) {
		conf_err(l, e->at, "domain %s is not a domain name%s",
		    conf_quote(title, q),
		    lookalike_hint(title, hint, sizeof(hint)));
		name[0] = '\0';
	}
	e->d.name = pool_keep(l->c->pool, name, strlen(name) + 1);
}

struct conf_entry *
entry_add(struct conf_loader *l, struct conf_pos at, const char *title)
{
	struct conf_entry *e;
	char q[CONF_QUOTE_MAX];

	if (l->nentries == CONF_DOMAINS_MAX) {
		if (!l->domains_cut)
			conf_err(l, at, "domain %s: more than %u domains",
			    conf_quote(title != NULL ? title : "", q),
			    CONF_DOMAINS_MAX);
		l->domains_cut = true;
		return NULL;
	}
	e = entry_place(l);
	e->at = at;
	e->d.name = "";
	if (title != NULL)
		entry_name(l, e, title);
	return e;
}

static bool
parse_domain(struct parser *p, const char *title, unsigned line)
{
	struct scope sc = { .section = SEC_DOMAIN, .line = p->t.line };
	struct conf_entry *e = entry_add(p->l, parser_pos(p, line), title);
	char q[CONF_QUOTE_MAX];

	if (e == NULL) {
		skip_block(p);
		return true;
	}
	snprintf(sc.label, sizeof(sc.label),
	    "domain %s: ", conf_quote(title, q));
	sc.base = &e->d;
	sc.set = e->set;
	sc.set_first = OPT_DOMAIN_FIRST;
	parser_advance(p);
	return parse_block(p, &sc);
}

/* A section with a title other than domain. */
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
		.at = parser_pos(p, line) };
	snprintf(sc.label, sizeof(sc.label), "%s %s: ", sections[section].name,
	    conf_quote(title, q));
	sc.base = title_base(t, l->c);
	if (sc.base == NULL) {
		conf_err(l, parser_pos(p, line),
		    "%s %s: no such alert; mxwatch-alerts(7) lists them",
		    sections[section].name, q);
		mem_free(&t->title);
		skip_block(p);
		return true;
	}
	l->ntitles++;
	t->set = sc.set = mem_array(OPT_COUNT, sizeof(*sc.set));
	parser_advance(p);
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
			l->defaults_at = parser_pos(p, line);
	}
	if (section == SEC_SNMP)
		l->c->snmp.present = true;
	snprintf(sc.label, sizeof(sc.label), "%.40s: ", name);
	parser_advance(p);
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
		conf_err(p->l, parser_pos(p, line),
		    "%s%s is an option; write it as %s = value", sc->label, q,
		    name);
	else if (near != NULL)
		conf_err(p->l, parser_pos(p, line),
		    "%sunknown section %s; did you mean \"%s\"?", sc->label, q,
		    near);
	else if (section_find(SEC_DOMAIN, name, &(enum conf_section){ 0 }))
		conf_err(p->l, parser_pos(p, line),
		    "%ssection %s belongs in domain or defaults", sc->label, q);
	else
		conf_err(p->l, parser_pos(p, line), "%sunknown section %s",
		    sc->label, q);
	skip_block(p);
}

/* name [title] "{"; the token after the name is the current one. False: the
 * current section has to end. */
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
		parser_advance(p);
	}
	if (p->t.kind != TOKEN_OPEN) {
		conf_err(p->l, parser_pos(p, line), "%s\"%.40s\" lacks its {",
		    sc->label, name);
		parser_recover(p);
		return true;
	}
	if (!defaults && !section_find(sc->section, name, &section)) {
		unknown_section(p, sc, name, line);
		return true;
	}
	wants = !defaults && sections[section].titled;
	if (wants && !titled) {
		conf_err(p->l, parser_pos(p, line),
		    "%s%s has no title; write it as %s \"%s\" { ... }",
		    sc->label, name, name,
		    section == SEC_DOMAIN ? "example.org" : "name");
		skip_block(p);
		return true;
	}
	if (p->l->rules == RULES_ELSEWHERE && sc->section == SEC_TOP &&
	    (defaults || section != SEC_DOMAIN)) {
		conf_err(p->l, parser_pos(p, line),
		    "section %.40s is not allowed in a source of domains_from; "
		    "only domain is",
		    name);
		skip_block(p);
		return true;
	}
	if (titled && !wants)
		conf_err(p->l, parser_pos(p, line),
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

unsigned
loader_file(struct conf_loader *l, const char *name)
{
	if (l->nfiles % 16 == 0)
		l->file = mem_grow(l->file, l->nfiles + 16, sizeof(*l->file));
	l->file[l->nfiles] = mem_strdup(name);
	return (unsigned)l->nfiles++;
}

/* include "pattern"; the pattern is the current token. */
static void
parse_include(struct parser *p, unsigned line)
{
	struct conf_loader *l = p->l;
	struct conf_source s;
	struct conf_pos at = parser_pos(p, line);
	char **list, *text;
	size_t i, n, len;

	if (l->rules != RULES_FILE) {
		conf_err(l, at,
		    "include is not allowed in a source of "
		    "domains_from");
		parser_advance(p);
		return;
	}
	list = source_list(l, p->source, p->t.text, at, &n);
	parser_advance(p);
	for (i = 0; i < n; i++) {
		s = (struct conf_source){ .up = p->source,
			.depth = p->source->depth + 1 };
		if (l->nfiles > CONF_FILES_MAX ||
		    !source_open(l, &s, list[i], at, &text, &len))
			continue;
		s.file = loader_file(l, list[i]);
		parse_source(l, &s, text, len);
		mem_free(&text);
	}
	source_list_free(list, n);
}

/* Does a section of the top level begin where it is not allowed, at the start
 * of a line? Then the brace before it is missing. */
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
	conf_err(p->l, parser_pos(p, sc->line),
	    "%sthe section is not closed before %s at line %u; a } is missing",
	    sc->label, p->t.text, p->t.line);
	return true;
}

/* One setting or section; its name is the current token. */
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
	parser_advance(p);
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
		(parser_peek(p) == TOKEN_OPEN ||
		    section_find(sc->section, name, &section))))
		return parse_section(p, sc, name, line);
	if (p->t.kind == TOKEN_BAD) {
		conf_err(p->l, parser_pos(p, p->t.line), "%s%s", sc->label,
		    p->t.text);
		parser_advance(p);
	} else {
		conf_err(p->l, parser_pos(p, line),
		    "%s\"%.40s\" is followed by neither = nor {", sc->label,
		    name);
	}
	parser_recover(p);
	return true;
}

/* Reads to the end of a section, its closing brace included, or of the file.
 * False: it ended without one, which was reported. */
static bool
parse_block(struct parser *p, struct scope *sc)
{
	bool top = sc->section == SEC_TOP;

	for (;;) {
		switch (p->t.kind) {
		case TOKEN_END:
			if (!top)
				conf_err(p->l, parser_pos(p, sc->line),
				    "%sthe section"
				    " is not closed; a } is missing",
				    sc->label);
			return top;
		case TOKEN_CLOSE:
			if (top)
				conf_err(p->l, parser_pos(p, p->t.line),
				    "this } closes no section; remove it");
			parser_advance(p);
			if (!top)
				return true;
			break;
		case TOKEN_WORD:
			if (!parse_item(p, sc) && !top)
				return false;
			break;
		case TOKEN_BAD:
			conf_err(p->l, parser_pos(p, p->t.line), "%s%s",
			    sc->label, p->t.text);
			parser_advance(p);
			parser_recover(p);
			break;
		default:
			conf_err(p->l, parser_pos(p, p->t.line),
			    "%s\"%.40s\" where the name of an option should be",
			    sc->label, p->t.text);
			parser_advance(p);
			parser_recover(p);
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
	if (len >= 2 &&
	    (memcmp(text, "\xff\xfe", 2) == 0 ||
		memcmp(text, "\xfe\xff", 2) == 0)) {
		conf_err(l, parser_pos(p, 0),
		    "the file is in UTF-16; save it as UTF-8");
		len = 0;
	}
	lex_init(&p->x, text, len);
	parser_advance(p);
	parse_block(p, &sc);
	mem_free(&p);
}

void
parse_text(struct conf_loader *l, const char *name, const char *text,
    size_t len)
{
	struct conf_source s = { .file = loader_file(l, name) };

	parse_source(l, &s, text, len);
}

void
parse_file(struct conf_loader *l, const char *path)
{
	struct conf_source s = { .file = loader_file(l, path) };
	char *text;
	size_t len;

	if (source_open(l, &s, path, (struct conf_pos){ 0 }, &text, &len))
		parse_source(l, &s, text, len);
	mem_free(&text);
}
