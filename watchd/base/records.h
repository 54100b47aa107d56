/* SPDX-License-Identifier: ISC
 * records: a text file of lines, between a first one that identifies it and a
 * last one with the number of lines between:
 *
 *	mxwatch-dns 1
 *	MX example.org 1700000000 3600 secure 10/mx1.example.org
 *	end 1
 *
 * so that a truncated or foreign file is not taken for a complete one. Any
 * thread. */
#ifndef MX_BASE_RECORDS_H
#define MX_BASE_RECORDS_H

#include "base/defs.h"

/* Calls `take` with each line between, in order, without its end; it may modify
 * the line. `longest`: octets of a line. -MX_ECORRUPT at the first violation,
 * or when `take` returns it: the callee has to discard what it took before. */
int records_parse(const char *text, size_t len, const char *magic,
    size_t longest, int (*take)(char *line, void *arg), void *arg) MX_NODISCARD;

/* Cuts the next word off a line; NULL at its end. Words are separated by
 * exactly one blank; *line is the rest, NULL after the last word. */
char *records_word(char **line);

#endif
