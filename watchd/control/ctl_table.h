/* SPDX-License-Identifier: ISC
 * ctl_table: columns that fit a terminal of any width, and lines that do not wrap
 * there. Where it is no terminal a table is as wide as it wants to be, and names are
 * whole: they are there to be copied. Pure but for writing to the stream. */
#ifndef MX_CONTROL_CTL_TABLE_H
#define MX_CONTROL_CTL_TABLE_H

#include "control/ctl_format.h"

#define TABLE_COLUMNS 12

struct table_column {
	const char *head;
	int width; /* as wide as it wants to be; 0: as there is room */
	int least; /* never less */
	unsigned drop; /* left out the sooner, the higher; 0: never */
	bool right; /* its text is */
	bool wide; /* only on a terminal that has the room */
};

struct table {
	const struct table_column *column;
	unsigned n;
	int width[TABLE_COLUMNS]; /* negative: left out; 0: to the end */
	bool cut; /* what does not fit */
};

/* For a terminal of so many columns; 0: it is none. */
void
table_fit(struct table *, const struct table_column *, unsigned n, int columns);
void table_head(FILE *, const struct table *);
/* The cells of a row come in their order, all of them; the last ends the line. */
void
table_cell(struct format *, const struct table *, unsigned i, const char *text);
/* How a state is coloured, as the parameter of SGR (ECMA-48); NULL: it is not. */
const char *table_colour(const char *state);

/* Writes text of whole lines to a terminal: those that are too long are broken at
 * blanks, and what follows is set in. */
void table_wrap(FILE *, const char *text, int columns);

#endif
