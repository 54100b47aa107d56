/* SPDX-License-Identifier: ISC
 * ctl_table: columns that fit a terminal of any width, and lines that do not
 * wrap there. Without a terminal columns have their full width and names are
 * whole, to be copied. Pure but for writing to the stream. */
#ifndef MX_CONTROL_CTL_TABLE_H
#define MX_CONTROL_CTL_TABLE_H

#include "control/ctl_format.h"

#define TABLE_COLUMNS 12

struct table_column {
	const char *head;
	int width; /* wanted; 0: all that is left */
	int least; /* minimum */
	unsigned drop; /* higher ones are left out first; 0: never */
	bool right; /* aligned to the right */
	bool wide; /* only on a terminal with enough columns */
};

struct table {
	const struct table_column *column;
	unsigned n;
	int width[TABLE_COLUMNS]; /* negative: left out; 0: unlimited */
	bool cut; /* cut text that does not fit */
};

/* Fits the columns to a terminal of that width; 0: no terminal. */
void
table_fit(struct table *, const struct table_column *, unsigned n, int columns);
void table_head(FILE *, const struct table *);
/* Writes the next cell of a row: all in order, the last ends the line. */
void
table_cell(struct format *, const struct table *, unsigned i, const char *text);
/* The colour of a state, as a parameter of SGR (ECMA-48); NULL: none. */
const char *table_colour(const char *state);

/* Writes text of whole lines to a terminal; long ones are broken at blanks, and
 * their continuation is indented. */
void table_wrap(FILE *, const char *text, int columns);

#endif
