/* SPDX-License-Identifier: ISC
 * command_int: shared by command.c and command_param.c. Pure. */
#ifndef MX_SMTP_COMMAND_INT_H
#define MX_SMTP_COMMAND_INT_H

#include <string.h>
#include <strings.h>

#include "smtp/command.h"

static inline bool
command_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Letters, digits and hyphens: verbs, keywords, names of header fields. */
static inline bool
command_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '-';
}

static inline bool
command_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* Fills *why; -MX_ESYNTAX. */
int command_refuse(struct smtp_refusal *why, uint16_t code, const char *status,
    const char *text);

/* Digits only. A number beyond any disk is still valid: policy refuses it as
 * too big. */
bool command_number(const char *s, size_t len, uint64_t *v);

/* Parses the parameters after the path of MAIL or RCPT (out->verb), into *out.
 * 0, or -MX_ESYNTAX and *why. */
int command_params(const char *s, size_t len, const struct smtp_command_ext *,
    struct smtp_command *out, struct smtp_refusal *why);

#endif
