/* SPDX-License-Identifier: ISC
 * ranking: see ranking.h. A heap of the messages kept, with the last of them at
 * the top. */
#include "control/ranking.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define KEY_MAX 128 /* of a name, enough to sort by */

struct ranked {
	uint64_t id; /* order of equal keys */
	char *key, *line;
};

struct ranking {
	enum ranking_order order;
	bool reverse, sorted;
	unsigned max, n, next;
	struct ranked *e;
};

static const char *const names[RANKING_MAX] = {
	[RANKING_AGE] = "age",
	[RANKING_SIZE] = "size",
	[RANKING_EXPIRY] = "expiry",
	[RANKING_NEXT] = "next",
	[RANKING_TRIES] = "tries",
	[RANKING_DOMAIN] = "domain",
	[RANKING_SENDER] = "sender",
};

enum ranking_order
ranking_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < RANKING_MAX && strcmp(names[i], name) != 0; i++)
		;
	return (enum ranking_order)i;
}

const char *
ranking_list(void)
{
	return "age, size, expiry, next, tries, domain, sender";
}

struct ranking *
ranking_create(enum ranking_order order, bool reverse, unsigned max)
{
	struct ranking *r = mem_alloc(sizeof(*r));

	MX_ASSERT(order < RANKING_MAX && max > 0 && max <= RANKING_LIMIT_MAX);
	r->order = order;
	r->reverse = reverse;
	r->max = max;
	r->e = mem_array(max, sizeof(*r->e));
	return r;
}

static void
ranked_fini(struct ranked *e)
{
	mem_free(&e->key);
	mem_free(&e->line);
}

void
ranking_destroy(struct ranking **rp)
{
	struct ranking *r = *rp;

	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->n; i++)
		ranked_fini(&r->e[i]);
	mem_free(&r->e);
	mem_free(rp);
}

static void
number_key(int64_t v, bool descending, char *key)
{
	(void)snprintf(key, KEY_MAX, "%020" PRId64,
	    descending ? INT64_MAX - v : v);
}

static void
text_key(const char *text, char *key)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < KEY_MAX - 1; i++) {
		unsigned char ch = (unsigned char)text[i];

		key[i] = ch < ' ' || ch > '~' || ch == '"' || ch == '\\' ?
		    '?' :
		    (char)tolower(ch);
	}
	key[i] = '\0';
}

static int64_t
or_never(int64_t ms)
{
	return ms > 0 ? ms : INT64_MAX;
}

static void
make_key(const struct ranking *r, const struct msg_view *v, char *key)
{
	switch (r->order) {
	case RANKING_AGE:
		number_key(v->arrival_ms, false, key);
		break;
	case RANKING_SIZE:
		number_key((int64_t)v->size, true, key);
		break;
	case RANKING_EXPIRY:
		number_key(or_never(v->expiry_ms), false, key);
		break;
	case RANKING_NEXT:
		number_key(or_never(v->due_ms), false, key);
		break;
	case RANKING_TRIES:
		number_key(v->attempts, true, key);
		break;
	case RANKING_DOMAIN:
		text_key(v->domain, key);
		break;
	case RANKING_SENDER:
	case RANKING_MAX:
		text_key(v->sender, key);
		break;
	}
}

/* Is a message with that key behind the other? */
static bool
is_behind(const struct ranking *r, const char *key, uint64_t id,
    const struct ranked *other)
{
	int cmp = strcmp(key, other->key);

	if (cmp == 0)
		cmp = id > other->id ? 1 : -1;
	return r->reverse ? cmp < 0 : cmp > 0;
}

static void
swap(struct ranked *a, struct ranked *b)
{
	struct ranked t = *a;

	*a = *b;
	*b = t;
}

static bool
entry_is_behind(const struct ranking *r, unsigned a, unsigned b)
{
	return is_behind(r, r->e[a].key, r->e[a].id, &r->e[b]);
}

static void
sift_up(struct ranking *r, unsigned i)
{
	for (; i > 0 && entry_is_behind(r, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(&r->e[i], &r->e[(i - 1) / 2]);
}

/* Restores the heap of the first n entries. */
static void
sift_down(struct ranking *r, unsigned i, unsigned n)
{
	unsigned last;

	for (;;) {
		last = i;
		for (unsigned k = 2 * i + 1; k <= 2 * i + 2 && k < n; k++)
			if (entry_is_behind(r, k, last))
				last = k;
		if (last == i)
			return;
		swap(&r->e[i], &r->e[last]);
		i = last;
	}
}

void
ranking_offer(struct ranking *r, const struct msg_view *v,
    cJSON *(*make)(const struct msg_view *))
{
	struct ranked *e = &r->e[r->n];
	char key[KEY_MAX];
	cJSON *o;

	MX_ASSERT(!r->sorted);
	make_key(r, v, key);
	if (r->n == r->max) {
		if (is_behind(r, key, v->id, &r->e[0]))
			return;
		e = &r->e[0];
		ranked_fini(e);
	}
	o = make(v);
	e->id = v->id;
	e->key = mem_strdup(key);
	e->line = json_print(o);
	if (e == &r->e[r->n])
		sift_up(r, r->n++);
	else
		sift_down(r, 0, r->n);
}

const char *
ranking_next(struct ranking *r, const char **key)
{
	if (!r->sorted) {
		for (unsigned n = r->n; n > 1; n--) {
			swap(&r->e[0], &r->e[n - 1]);
			sift_down(r, 0, n - 1);
		}
		r->sorted = true;
	}
	if (r->next == r->n)
		return NULL;
	*key = r->e[r->next].key;
	return r->e[r->next++].line;
}
