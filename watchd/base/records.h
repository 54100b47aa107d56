/* SPDX-License-Identifier: ISC
 * records: a text file of lines, between a first one that says what it is and a
 * last one that says how many there were:
 *
 *	mxwatch-dns 1
 *	MX example.org 1700000000 3600 secure 10/mx1.example.org
 *	end 1
 *
 * so that one that was cut, or is of something else, is not taken for a whole one.
 * Any thread. */
#ifndef MX_BASE_RECORDS_H
#define MX_BASE_RECORDS_H

#include "base/defs.h"

/* Calls `take` with each line between, in order, without its end; it may cut it
 * up. `longest`: octets of a line. -MX_ECORRUPT, as soon as something is not as it
 * should be or `take` says so: what was taken before is the callee's to forget. */
int records_parse(const char *text, size_t len, const char *magic,
    size_t longest, int (*take)(char *line, void *arg), void *arg) MX_NODISCARD;

/* The next word of a line that is being cut up; NULL at its end. Exactly one blank
 * stands between two words; *line is what is left, NULL when that was the last. */
char *records_word(char **line);

#endif
