/* SPDX-License-Identifier: ISC
 * availability: see availability.h. */
#include "ledger/availability.h"

#include <sys/tree.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "status/json.h"

#define DAY   INT64_C(86400)
#define ROUND 1e6 /* so that shown ratios do not change each second */
#define STALE DAY /* age of `seen` at which the line is rewritten */
#define PASS  60 /* seconds to go through all primaries */

static const int64_t window_sec[AVAILABILITY_WINDOW_MAX] = {
	[AVAILABILITY_30D] = 30 * DAY,
	[AVAILABILITY_365D] = 365 * DAY,
};

struct availability_of {
	RB_ENTRY(availability_of) node;
	char *label;
	int64_t since, seen; /* wall seconds */
	double ratio[AVAILABILITY_WINDOW_MAX];
	struct kept_line *line; /* as of `told` */
	int64_t told;
	bool missing; /* it no longer exists, since `seen` */
};
RB_HEAD(availability_tree, availability_of);

static int
label_cmp(const struct availability_of *a, const struct availability_of *b)
{
	return strcmp(a->label, b->label);
}
RB_GENERATE_INTERNAL(availability_tree, availability_of, node, label_cmp,
    static MX_UNUSED)

struct availability {
	const struct kept *kept;
	struct availability_tree tree;
	struct availability_of *turn; /* next to be recomputed */
	unsigned n;
	struct availability_shared shared; /* or NULLs: no cluster */
};

struct availability *
availability_create(const struct kept *k)
{
	struct availability *a = mem_alloc(sizeof(*a));

	a->kept = k;
	RB_INIT(&a->tree);
	return a;
}

void
availability_share(struct availability *a, const struct availability_shared *s)
{
	a->shared = *s;
}

static void
tell_changed(const struct availability *a, const struct availability_of *p,
    bool gone)
{
	if (a->shared.changed != NULL)
		a->shared.changed(a->shared.arg, p->label, gone);
}

/* The earliest among all nodes. */
static int64_t
since_of(const struct availability *a, const struct availability_of *p)
{
	int64_t since = 0;

	if (a->shared.since != NULL)
		since = a->shared.since(a->shared.arg, p->label);
	return since != 0 && since < p->since ? since : p->since;
}

static struct availability_of *
find(const struct availability *a, const char *label)
{
	struct availability_of key = { .label = (char *)(uintptr_t)label };

	return RB_FIND(availability_tree,
	    (struct availability_tree *)(uintptr_t)&a->tree, &key);
}

static void
print(struct availability_of *p)
{
	cJSON *j = json_object();
	char *text;

	json_text(j, "known", p->label);
	json_time(j, "since", p->since);
	json_time(j, "seen", p->seen);
	text = json_print(j);
	kept_line_unref(&p->line);
	p->line = kept_line_create(text);
	p->told = p->seen;
	mem_free(&text);
}

static struct availability_of *
add(struct availability *a, const char *label, int64_t since, int64_t seen)
{
	struct availability_of *p;

	if (a->n >= AVAILABILITY_MAX)
		return NULL;
	p = mem_alloc(sizeof(*p));
	p->label = mem_strdup(label);
	p->since = since;
	p->seen = seen;
	for (unsigned i = 0; i < AVAILABILITY_WINDOW_MAX; i++)
		p->ratio[i] = NAN;
	print(p);
	RB_INSERT(availability_tree, &a->tree, p);
	a->n++;
	return p;
}

static void
drop(struct availability *a, struct availability_of *p)
{
	if (a->turn == p)
		a->turn = RB_NEXT(availability_tree, &a->tree, p);
	RB_REMOVE(availability_tree, &a->tree, p);
	a->n--;
	kept_line_unref(&p->line);
	mem_free(&p->label);
	mem_free(&p);
}

static double
ratio_of(const struct availability *a, const struct availability_of *p,
    int64_t window, int64_t wall)
{
	int64_t since = since_of(a, p);
	int64_t from = wall - window > since ? wall - window : since;
	double seen = (double)(wall - from) * 1e3 -
	    (double)kept_down_ms(a->kept, NULL, from, wall, wall);
	double down = (double)kept_down_ms(a->kept, p->label, from, wall, wall);

	if (seen <= 0)
		return NAN;
	if (down > seen)
		down = seen;
	return round((1 - down / seen) * ROUND) / ROUND;
}

static void
work_out(struct availability *a, struct availability_of *p, int64_t wall)
{
	for (unsigned i = 0; i < AVAILABILITY_WINDOW_MAX; i++)
		p->ratio[i] = ratio_of(a, p, window_sec[i], wall);
}

bool
availability_seen(struct availability *a, const char *label, int64_t wall)
{
	struct availability_of *p = find(a, label);
	bool fresh = p == NULL;

	if (fresh && (p = add(a, label, wall, wall)) == NULL)
		return false;
	p->seen = wall;
	p->missing = false;
	work_out(a, p, wall);
	if (fresh)
		tell_changed(a, p, false);
	return fresh;
}

void
availability_again(struct availability *a, const char *label, int64_t wall)
{
	struct availability_of *p = find(a, label);

	if (p != NULL)
		work_out(a, p, wall);
}

void
availability_get(const struct availability *a, const char *label,
    struct availability_ratios *r)
{
	const struct availability_of *p = find(a, label);

	for (unsigned i = 0; i < AVAILABILITY_WINDOW_MAX; i++)
		r->ratio[i] = p != NULL ? p->ratio[i] : NAN;
	r->since = p != NULL ? since_of(a, p) : 0;
}

/* Checks one primary; its line is rewritten now and then. */
static void
look_at(struct availability *a, struct availability_of *p, bool there,
    int64_t wall)
{
	bool other = p->missing == there;

	if (there)
		p->seen = wall;
	p->missing = !there;
	if (p->seen - p->told > STALE) {
		print(p);
		other = true;
	}
	if (other)
		tell_changed(a, p, false);
	work_out(a, p, wall);
}

void
availability_tick(struct availability *a,
    bool (*is_there)(void *arg, const char *label), void *arg, int64_t wall,
    int64_t keep)
{
	struct availability_of *p;
	bool there;

	for (unsigned n = a->n / PASS + 1; n > 0; n--) {
		if (a->turn == NULL)
			a->turn = RB_MIN(availability_tree, &a->tree);
		if ((p = a->turn) == NULL)
			return;
		a->turn = RB_NEXT(availability_tree, &a->tree, p);
		there = is_there(arg, p->label);
		if (!there && p->seen < wall - keep) {
			tell_changed(a, p, true);
			drop(a, p);
			continue;
		}
		look_at(a, p, there, wall);
	}
}

unsigned
availability_count(const struct availability *a)
{
	return a->n;
}

struct kept_line *
availability_line(const struct availability *a, const char *label)
{
	const struct availability_of *p = find(a, label);

	return p != NULL ? p->line : NULL;
}

int64_t
availability_known(const struct availability *a, const char *label,
    int64_t *until)
{
	const struct availability_of *p = find(a, label);

	*until = p != NULL && p->missing ? p->seen : 0;
	return p != NULL ? p->since : 0;
}

void
availability_each(const struct availability *a,
    void (*fn)(void *arg, const char *label), void *arg)
{
	struct availability_tree *tree =
	    (struct availability_tree *)(uintptr_t)&a->tree;
	struct availability_of *p;

	RB_FOREACH (p, availability_tree, tree)
		fn(arg, p->label);
}

void
availability_lines(const struct availability *a, struct kept_line **line)
{
	struct availability_tree *tree =
	    (struct availability_tree *)(uintptr_t)&a->tree;
	struct availability_of *p;
	unsigned n = 0;

	RB_FOREACH (p, availability_tree, tree)
		line[n++] = kept_line_ref(p->line);
}

bool
availability_load(struct availability *a, const char *line, size_t len,
    int64_t oldest)
{
	cJSON *j = cJSON_ParseWithLength(line, len);
	const char *label = json_get_text(j, "known");
	int64_t since = json_get_int(j, "since"),
		seen = json_get_int(j, "seen");
	bool is =
	    label[0] != '\0' && strlen(label) < OUTAGE_NAME_MAX && since > 0;
	struct availability_of *p;

	if (is && (p = find(a, label)) != NULL) {
		if (seen > p->seen) {
			p->seen = seen;
			print(p);
		}
	} else if (is && seen >= oldest) {
		(void)add(a, label, since, seen);
	}
	cJSON_Delete(j);
	return is;
}

void
availability_destroy(struct availability **ap)
{
	struct availability *a = *ap;

	if (a == NULL)
		return;
	while (!RB_EMPTY(&a->tree))
		drop(a, RB_ROOT(&a->tree));
	mem_free(ap);
}
