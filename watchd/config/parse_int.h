/* SPDX-License-Identifier: ISC
 * parse_int: the parser's state, shared by parse.c (sections and files) and
 * parse_setting.c (settings). */
#ifndef MX_CONFIG_PARSE_INT_H
#define MX_CONFIG_PARSE_INT_H

#include "config_int.h"

struct parser {
	struct conf_loader *l;
	const struct conf_source *source;
	struct lexer x;
	struct token t; /* the current one */
};

/* The section that is being read. */
struct scope {
	enum conf_section section;
	char label[2 * CONF_QUOTE_MAX]; /* "domain \"x\": ", before messages */
	void *base; /* of its fields; NULL: only checked */
	struct conf_pos *set; /* the positions of its options, */
	size_t set_first; /* from this option on */
	unsigned line; /* of its opening brace */
};

/* parse.c */
struct conf_pos parser_pos(const struct parser *, unsigned line);
void parser_advance(struct parser *);
enum token_kind parser_peek(const struct parser *); /* the token after p->t */
/* Skips to the next setting, or to the brace that closes the current
 * section. */
void parser_recover(struct parser *);

/* name = value; "=" is the current token. */
void parse_setting(struct parser *, const struct scope *, const char *name,
    unsigned line);

#endif
