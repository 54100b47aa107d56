/* SPDX-License-Identifier: ISC
 * ctl_table: see ctl_table.h. */
#include "control/ctl_table.h"

#include <string.h>

#include "base/mem.h"

#define INDENT 4 /* of the continuation of a broken line */

/* The least width of the columns that are left in. */
static int
needed(const struct table *t)
{
	int sum = -1;

	for (unsigned i = 0; i < t->n; i++)
		if (t->width[i] >= 0)
			sum += t->column[i].least + 1;
	return sum;
}

/* The next column to leave out; t->n: none. */
static unsigned
to_drop(const struct table *t)
{
	unsigned at = t->n;

	for (unsigned i = 0; i < t->n; i++)
		if (t->width[i] >= 0 && t->column[i].drop > 0 &&
		    (at == t->n || t->column[i].drop > t->column[at].drop))
			at = i;
	return at;
}

void
table_fit(struct table *t, const struct table_column *column, unsigned n,
    int columns)
{
	unsigned i, more;
	int spare;

	MX_ASSERT(n <= TABLE_COLUMNS);
	*t = (struct table){ .column = column, .n = n, .cut = columns > 0 };
	for (i = 0; i < n; i++)
		t->width[i] =
		    columns == 0 && column[i].wide ? -1 : column[i].width;
	if (columns == 0)
		return;
	for (i = 0; i < n; i++)
		t->width[i] = column[i].least;
	while (needed(t) > columns && (i = to_drop(t)) < n)
		t->width[i] = -1;
	spare = columns - needed(t);
	for (more = 1; more > 0 && spare > 0;) {
		more = 0;
		for (i = 0; i < n && spare > 0; i++) {
			if (t->width[i] < 0 ||
			    (column[i].width > 0 &&
				t->width[i] >= column[i].width))
				continue;
			t->width[i]++;
			spare--;
			more++;
		}
	}
}

static unsigned
last_of(const struct table *t)
{
	unsigned i = t->n;

	while (i > 0 && t->width[i - 1] < 0)
		i--;
	return i - 1;
}

void
table_head(FILE *out, const struct table *t)
{
	unsigned last = last_of(t);

	for (unsigned i = 0; i <= last; i++) {
		if (t->width[i] < 0)
			continue;
		if (i == last)
			fprintf(out, "%*s\n",
			    t->column[i].right ? t->width[i] : 0,
			    t->column[i].head);
		else
			fprintf(out, "%*s ",
			    t->column[i].right ? t->width[i] : -t->width[i],
			    t->column[i].head);
	}
}

const char *
table_colour(const char *state)
{
	static const struct {
		const char *state, *sgr;
	} colours[] = {
		{ "up", "32" },
		{ "active", "32" },
		{ "down", "1;31" },
		{ "breaker", "1;31" },
		{ "critical", "1;31" },
		{ "NO NODE", "1;31" },
		{ "warning", "33" },
		{ "recovering", "33" },
		{ "held", "33" },
		{ "on hold", "33" },
		{ "removed", "33" },
	};

	for (size_t i = 0; i < MX_COUNT(colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].sgr;
	return NULL;
}

void
table_cell(struct format *f, const struct table *t, unsigned i,
    const char *text)
{
	const char *sgr = f->colour ? table_colour(text) : NULL;
	bool last = i == last_of(t), right = t->column[i].right;
	int width = t->width[i];
	char *shown;

	if (width < 0)
		return;
	if (sgr != NULL)
		fprintf(f->out, "\033[%sm", sgr);
	if (right) {
		shown = format_shown(text);
		fprintf(f->out, "%*s", width, shown);
		mem_free(&shown);
	} else if (last && !t->cut)
		format_cell(f->out, text, 0);
	else
		format_cell(f->out, text, t->cut ? width : -width);
	if (sgr != NULL)
		fprintf(f->out, "\033[0m");
	fprintf(f->out, last ? "\n" : " ");
}

/* ---- lines */

/* The length of a character, or of an escape sequence (*columns is 0). */
static size_t
char_length(const char *s, int *columns)
{
	size_t n = 1;

	*columns = 1;
	if (s[0] == '\033' && s[1] == '[') {
		*columns = 0;
		n = 2 + strspn(s + 2, "0123456789;");
		return s[n] != '\0' ? n + 1 : n;
	}
	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* The length of the part that fits: all, or up to a blank, or at least a
 * character. *blank: a blank follows it. */
static size_t
fitting(const char *s, size_t len, int columns, bool *blank)
{
	size_t at = 0, space = 0, n;
	int used = 0, one;

	*blank = false;
	while (at < len) {
		n = char_length(s + at, &one);
		if (used + one > columns)
			break;
		if (s[at] == ' ' && at > (size_t)INDENT)
			space = at;
		used += one;
		at += n;
	}
	if (at >= len)
		return len;
	*blank = s[at] == ' ' || space > 0;
	if (s[at] == ' ' || space == 0)
		return at > 0 ? at : 1;
	return space;
}

void
table_wrap(FILE *out, const char *text, int columns)
{
	size_t len, n;
	bool blank;
	int room;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		room = columns;
		for (n = 0; n < len;) {
			size_t fit = fitting(text + n, len - n, room, &blank);

			fprintf(out, "%*s%.*s", columns - room, "", (int)fit,
			    text + n);
			n += fit;
			if (n < len) {
				n += blank && text[n] == ' ';
				room = columns - INDENT;
				fprintf(out, "\n");
			}
		}
		if (text[len] == '\n')
			fprintf(out, "\n");
	}
}
