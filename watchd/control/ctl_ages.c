/* SPDX-License-Identifier: ISC
 * ctl_ages: `mxwatchctl ages`: a table of 80 columns, with the total first.
 * Rows of the same domain from several nodes are added up. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/ctl_format.h"

#define AGES_COLUMNS 10

static const char *const heads[AGES_COLUMNS] = { "5m", "20m", "1h", "4h", "12h",
	"1d", "2d", "5d", "10d", "10d+" };

static cJSON *
row_find(cJSON *rows, const char *domain)
{
	cJSON *r;

	cJSON_ArrayForEach (r, rows) {
		if (strcmp(json_get_text(r, "domain"), domain) == 0)
			return r;
	}
	return NULL;
}

static void
row_add(cJSON *row, const cJSON *more)
{
	cJSON *n = json_get(row, "messages");
	int i = 0;

	cJSON_SetNumberValue(n,
	    n->valuedouble + json_get_num(more, "messages"));
	cJSON_ArrayForEach (n, json_get(row, "counts")) {
		const cJSON *m =
		    cJSON_GetArrayItem(json_get(more, "counts"), i);

		cJSON_SetNumberValue(n,
		    n->valuedouble + (cJSON_IsNumber(m) ? m->valuedouble : 0));
		i++;
	}
}

/* Keeps the row until the last line, when all have come. */
void
format_ages(struct format *f, const cJSON *row)
{
	cJSON *same;

	if (!cJSON_IsNumber(json_get(row, "messages")))
		return;
	if (f->rows == NULL)
		f->rows = cJSON_CreateArray();
	same = row_find(f->rows, json_get_text(row, "domain"));
	if (same != NULL)
		row_add(same, row);
	else
		json_push(f->rows, cJSON_Duplicate(row, true));
}

static void
put_row(struct format *f, const char *name, const cJSON *row)
{
	double n;

	format_cell(f->out, name, 22);
	fprintf(f->out, " %6.0f", json_get_num(row, "messages"));
	for (int i = 0; i < AGES_COLUMNS; i++) {
		const cJSON *c = cJSON_GetArrayItem(json_get(row, "counts"), i);

		n = cJSON_IsNumber(c) ? c->valuedouble : 0;
		if (n >= 10000)
			fprintf(f->out, " %3.0fk", n / 1000);
		else
			fprintf(f->out, " %4.0f", n);
	}
	fprintf(f->out, "\n");
}

static int
by_messages(const void *a, const void *b)
{
	const cJSON *x = *(const cJSON *const *)a,
		    *y = *(const cJSON *const *)b;
	bool rest_x = json_get_text(x, "domain")[0] == '\0';
	bool rest_y = json_get_text(y, "domain")[0] == '\0';
	double n = json_get_num(x, "messages"), m = json_get_num(y, "messages");

	if (rest_x != rest_y)
		return rest_x ? 1 : -1;
	if (n != m)
		return n > m ? -1 : 1;
	return strcmp(json_get_text(x, "domain"), json_get_text(y, "domain"));
}

static cJSON *
total_of(const cJSON *rows)
{
	cJSON *sum = NULL, *r;

	cJSON_ArrayForEach (r, rows) {
		if (sum == NULL)
			sum = cJSON_Duplicate(r, true);
		else
			row_add(sum, r);
	}
	return sum;
}

void
format_ages_end(struct format *f)
{
	int n = cJSON_GetArraySize(f->rows);
	const cJSON **sorted = mem_array((size_t)n + 1, sizeof(*sorted)), *r;
	cJSON *total = total_of(f->rows);
	const char *name;
	int i = 0;

	cJSON_ArrayForEach (r, f->rows) {
		sorted[i++] = r;
	}
	qsort(sorted, (size_t)n, sizeof(*sorted), by_messages);
	fprintf(f->out, "%-22s %6s", "DOMAIN", "T");
	for (i = 0; i < AGES_COLUMNS; i++)
		fprintf(f->out, " %4s", heads[i]);
	fprintf(f->out, "\n");
	put_row(f, "TOTAL", total);
	for (i = 0; i < n; i++) {
		name = json_get_text(sorted[i], "domain");
		put_row(f, name[0] != '\0' ? name : "(others)", sorted[i]);
	}
	cJSON_Delete(total);
	cJSON_Delete(f->rows);
	f->rows = NULL;
	mem_free(&sorted);
}
