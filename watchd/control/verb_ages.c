/* SPDX-License-Identifier: ISC
 * verb_ages: the number of messages of each domain by age, as qshape(1) of
 * Postfix shows it. The index of the queue is walked in slices, so the numbers
 * are exact but for messages that arrive or leave meanwhile. At most AGES_ROWS
 * domains have a row; the rest is one row. Loop thread. */
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "status/counters.h"

#define AGES_ROWS  10000
#define ROWS_SHOWN 20 /* default */
#define LINES_STEP 200

static const int64_t bounds_s[] = { 300, 1200, 3600, 14400, 43200, 86400,
	172800, 432000, 864000 };
#define COLUMNS (MX_COUNT(bounds_s) + 1)

struct ages_row {
	RB_ENTRY(ages_row) link;
	double total, count[COLUMNS];
	char domain[]; /* "": the rest */
};
RB_HEAD(ages_tree, ages_row);

struct ages_walk {
	struct ages_tree tree;
	struct ages_row *last; /* counted in last */
	struct ages_row *rest;
	unsigned rows;
	int64_t now_ms;
	struct hist fine; /* of the one domain that is asked for */
	uint64_t after;
	bool walked;
	/* then the rows to show, the largest first */
	struct ages_row **sorted;
	unsigned limit, next;
};

static int
row_cmp(const struct ages_row *a, const struct ages_row *b)
{
	return strcmp(a->domain, b->domain);
}

/* RB_GENERATE_STATIC needs an attribute that libbsd does not define here. */
RB_GENERATE_INTERNAL(ages_tree, ages_row, link, row_cmp, static MX_UNUSED)

static struct ages_row *
row_create(const char *domain)
{
	struct ages_row *r = mem_alloc(sizeof(*r) + strlen(domain) + 1);

	memcpy(r->domain, domain, strlen(domain) + 1);
	return r;
}

static void
ages_free(void *work)
{
	struct ages_walk *w = work;
	struct ages_row *r;

	while ((r = RB_MIN(ages_tree, &w->tree)) != NULL) {
		RB_REMOVE(ages_tree, &w->tree, r);
		free(r);
	}
	free(w->rest);
	free(w->sorted);
	free(w);
}

static struct ages_row *
row_of(struct ages_walk *w, const char *domain)
{
	struct ages_row *r = w->last, *key;

	if (r != NULL && strcmp(r->domain, domain) == 0)
		return r;
	key = row_create(domain);
	r = RB_FIND(ages_tree, &w->tree, key);
	if (r == NULL && w->rows < AGES_ROWS) {
		RB_INSERT(ages_tree, &w->tree, key);
		w->rows++;
		return key;
	}
	free(key);
	return r != NULL ? r : w->rest;
}

static void
on_part(void *arg, const char *domain, int64_t arrival_ms)
{
	struct ages_walk *w = arg;
	int64_t age_ms = w->now_ms - arrival_ms, age_s = age_ms / 1000;
	size_t i = 0;

	hist_add(&w->fine, &hist_age, (double)age_ms / 1e3);
	w->last = row_of(w, domain);
	while (i < MX_COUNT(bounds_s) && age_s > bounds_s[i])
		i++;
	w->last->count[i]++;
	w->last->total++;
}

static int
larger_first(const void *a, const void *b)
{
	const struct ages_row *x = *(struct ages_row *const *)a;
	const struct ages_row *y = *(struct ages_row *const *)b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return strcmp(x->domain, y->domain);
}

/* Adds the rows that are not shown to the rest. */
static void
ages_sort(struct ages_walk *w)
{
	struct ages_row *r;
	unsigned n = 0;

	w->sorted = mem_array(w->rows + 1, sizeof(struct ages_row *));
	RB_FOREACH (r, ages_tree, &w->tree)
		w->sorted[n++] = r;
	qsort(w->sorted, n, sizeof(struct ages_row *), larger_first);
	for (unsigned i = w->limit; i < n; i++) {
		w->rest->total += w->sorted[i]->total;
		for (size_t k = 0; k < COLUMNS; k++)
			w->rest->count[k] += w->sorted[i]->count[k];
	}
	if (w->limit > n)
		w->limit = n;
	w->sorted[w->limit] = w->rest;
}

static void
put_fine(cJSON *list, const struct ages_walk *w)
{
	cJSON *o;

	for (unsigned i = 0; i <= hist_age.n; i++) {
		o = json_push_object(list);
		if (i < hist_age.n)
			json_num(o, "le", hist_age.le[i]);
		else
			json_null(o, "le");
		json_num(o, "messages", (double)w->fine.count[i]);
	}
}

static void
send_row(struct call *c, const struct ages_row *r)
{
	cJSON *o = json_object(), *list;

	json_text(o, "domain", r->domain);
	json_num(o, "messages", r->total);
	list = json_array(o, "counts");
	for (size_t i = 0; i < COLUMNS; i++)
		json_push(list, cJSON_CreateNumber(r->count[i]));
	if (c->domain[0] != '\0')
		put_fine(json_array(o, "ages"), c->work);
	call_send(c, o);
}

static void
ages_lines(struct call *c)
{
	struct ages_walk *w = c->work;
	cJSON *more;

	for (unsigned i = 0; i < LINES_STEP && w->next <= w->limit; i++) {
		const struct ages_row *r = w->sorted[w->next++];

		if (r->total > 0)
			send_row(c, r);
	}
	if (w->next <= w->limit) {
		call_continue(c);
		return;
	}
	if (w->rows == 0 && c->domain[0] != '\0' && !verbs_domain_known(c))
		return;
	more = json_object();
	json_num(more, "domains", w->rows);
	call_done(c, CONTROL_OK, more);
}

static void
ages_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct ages_walk *w = c->work;

	if (w->walked) {
		ages_lines(c);
		return;
	}
	w->after = r->look(r->self, c->domain[0] != '\0' ? c->domain : NULL,
	    w->after, on_part, w);
	w->walked = w->after == 0;
	if (w->walked)
		ages_sort(w);
	call_wait(c, 0);
}

void
verb_ages(struct call *c)
{
	struct ages_walk *w;
	unsigned limit = ROWS_SHOWN;

	if (!verbs_limit(c, AGES_ROWS, &limit))
		return;
	w = mem_alloc(sizeof(*w));
	RB_INIT(&w->tree);
	w->rest = row_create("");
	w->limit = limit;
	w->now_ms = clock_wall_ms();
	c->work = w;
	c->work_free = ages_free;
	c->step = ages_step;
	call_continue(c);
}
