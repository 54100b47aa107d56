/* SPDX-License-Identifier: ISC
 * kept: an array by id. Outages of a primary, and of the daemon itself under
 * the name "", are also chained by name, for availability. */
#include "ledger/kept.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

#define TRIM_MAX 50 /* per call */

struct kept_record {
	SLIST_ENTRY(kept_record) chained;
	uint64_t id;
	enum outage_kind kind;
	bool over;
	char *name;
	int64_t from, to; /* wall; to: recovered, 0 not yet */
	int64_t end; /* end, wall */
	int64_t down_ms; /* time down that counts, between the two */
	uint64_t *also; /* further ids by which it is found */
	unsigned nalso;
	struct kept_line *line;
};

struct kept_name {
	RB_ENTRY(kept_name) node;
	char *name;
	SLIST_HEAD(, kept_record) records; /* the newest first */
};
RB_HEAD(kept_names, kept_name);

static int
name_cmp(const struct kept_name *a, const struct kept_name *b)
{
	return strcmp(a->name, b->name);
}
RB_GENERATE_INTERNAL(kept_names, kept_name, node, name_cmp, static MX_UNUSED)

struct kept {
	/* guards what follows, except for reads by the loop */
	pthread_mutex_t lock;
	struct kept_record **record; /* ascending id */
	unsigned n, open;
	struct kept_names names; /* loop thread only */
};

struct kept_line *
kept_line_ref(struct kept_line *l)
{
	l->refs++;
	return l;
}

void
kept_line_unref(struct kept_line **lp)
{
	struct kept_line *l = *lp;

	*lp = NULL;
	if (l != NULL && --l->refs == 0)
		mem_free(&l);
}

struct kept_line *
kept_line_create(const char *text)
{
	size_t len = strlen(text);
	struct kept_line *l = mem_alloc(sizeof(*l) + len + 1);

	l->refs = 1;
	l->len = len;
	memcpy(l->text, text, len);
	return l;
}

static struct kept_line *
line_of(const struct outage *o)
{
	char *text = outage_print(o);
	struct kept_line *l = kept_line_create(text);

	mem_free(&text);
	return l;
}

struct kept *
kept_create(void)
{
	struct kept *k = mem_alloc(sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	RB_INIT(&k->names);
	return k;
}

/* ---- the chains */

static bool
is_chained(const struct kept_record *r)
{
	return r->kind != OUTAGE_DOMAIN;
}

static struct kept_name *
chain_find(const struct kept *k, const char *name)
{
	struct kept_name key = { .name = (char *)(uintptr_t)name };

	return RB_FIND(kept_names, (struct kept_names *)(uintptr_t)&k->names,
	    &key);
}

static const char *
chain_name(const struct kept_record *r)
{
	return r->kind == OUTAGE_DAEMON ? "" : r->name;
}

static void
chain_add(struct kept *k, struct kept_record *r)
{
	struct kept_name *c = chain_find(k, chain_name(r));

	if (c == NULL) {
		c = mem_alloc(sizeof(*c));
		c->name = mem_strdup(chain_name(r));
		SLIST_INIT(&c->records);
		RB_INSERT(kept_names, &k->names, c);
	}
	SLIST_INSERT_HEAD(&c->records, r, chained);
}

static void
chain_drop(struct kept *k, struct kept_record *r)
{
	struct kept_name *c = chain_find(k, chain_name(r));

	SLIST_REMOVE(&c->records, r, kept_record, chained);
	if (!SLIST_EMPTY(&c->records))
		return;
	RB_REMOVE(kept_names, &k->names, c);
	mem_free(&c->name);
	mem_free(&c);
}

/* ---- the list */

/* The index of the id, or where it would be inserted. */
static unsigned
place_of(const struct kept *k, uint64_t id)
{
	unsigned lo = 0, hi = k->n;

	if (hi > 0 && k->record[hi - 1]->id < id)
		return hi;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (k->record[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* When it was over for everything that it concerned. */
static int64_t
end_of(const struct outage *o)
{
	return o->drained > o->recovered ? o->drained : o->recovered;
}

static void
record_fill(struct kept *k, struct kept_record *r, const struct outage *o)
{
	k->open -= !r->over;
	k->open += o->state != OUTAGE_OVER;
	r->over = o->state == OUTAGE_OVER;
	r->from = o->failed;
	r->to = o->state == OUTAGE_DOWN ? 0 : o->recovered;
	r->end = end_of(o);
	r->down_ms = o->kind == OUTAGE_DAEMON ? o->unwatched_ms :
						o->down_ms - o->maintenance_ms;
}

static void
record_insert(struct kept *k, unsigned at, struct kept_record *r)
{
	k->record = mem_grow(k->record, k->n + 1, sizeof(struct kept_record *));
	memmove(&k->record[at + 1], &k->record[at],
	    (k->n - at) * sizeof(struct kept_record *));
	k->record[at] = r;
	k->n++;
}

/* Under the lock. */
static struct kept_record *
record_get(struct kept *k, const struct outage *o)
{
	unsigned at = place_of(k, o->id);
	struct kept_record *r;

	if (at < k->n && k->record[at]->id == o->id)
		return k->record[at];
	r = mem_alloc(sizeof(*r));
	r->id = o->id;
	r->kind = o->kind;
	r->over = true; /* until it is filled in */
	r->name = mem_strdup(o->name);
	record_insert(k, at, r);
	if (is_chained(r))
		chain_add(k, r);
	return r;
}

static void
record_fill_told(struct kept_record *r, const struct kept_told *told)
{
	r->down_ms = told->counts_ms;
	mem_free(&r->also);
	r->nalso = told->nalso;
	if (told->nalso > 0)
		r->also = mem_dup(told->also, told->nalso * sizeof(*r->also));
}

static struct kept_line *
record_put(struct kept *k, const struct outage *o, const struct kept_told *told)
{
	struct kept_line *line = line_of(o), *old;
	struct kept_record *r;

	pthread_mutex_lock(&k->lock);
	r = record_get(k, o);
	old = r->line;
	record_fill(k, r, o);
	r->line = line;
	if (told != NULL)
		record_fill_told(r, told);
	pthread_mutex_unlock(&k->lock);
	kept_line_unref(&old);
	return line;
}

struct kept_line *
kept_put(struct kept *k, const struct outage *o)
{
	return record_put(k, o, NULL);
}

void
kept_put_told(struct kept *k, const struct outage *o,
    const struct kept_told *told)
{
	(void)record_put(k, o, told);
}

static void
record_free(struct kept *k, struct kept_record *r)
{
	if (is_chained(r))
		chain_drop(k, r);
	k->open -= !r->over;
	kept_line_unref(&r->line);
	mem_free(&r->also);
	mem_free(&r->name);
	mem_free(&r);
}

bool
kept_drop(struct kept *k, uint64_t id)
{
	unsigned at = place_of(k, id);
	struct kept_record *r;

	if (at == k->n || k->record[at]->id != id)
		return false;
	r = k->record[at];
	pthread_mutex_lock(&k->lock);
	k->n--;
	memmove(&k->record[at], &k->record[at + 1],
	    (k->n - at) * sizeof(struct kept_record *));
	pthread_mutex_unlock(&k->lock);
	record_free(k, r);
	return true;
}

void
kept_trim(struct kept *k, int64_t wall, unsigned max,
    void (*on_gone)(void *arg, uint64_t id), void *arg)
{
	struct kept_record *gone[TRIM_MAX];
	unsigned n = 0, to = 0, left = k->n;

	/* The list is walked only when something has to go: the oldest is at
	 * its head. */
	if (k->n == 0 ||
	    (k->n <= max && (!k->record[0]->over || k->record[0]->end >= wall)))
		return;
	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; i < k->n; i++) {
		struct kept_record *r = k->record[i];

		if (n < TRIM_MAX && r->over && (left > max || r->end < wall)) {
			gone[n++] = r;
			left--;
		} else {
			k->record[to++] = r;
		}
	}
	k->n = to;
	pthread_mutex_unlock(&k->lock);
	for (unsigned i = 0; i < n; i++) {
		if (on_gone != NULL)
			on_gone(arg, gone[i]->id);
		record_free(k, gone[i]);
	}
}

unsigned
kept_count(const struct kept *k)
{
	return k->n;
}

unsigned
kept_open(const struct kept *k)
{
	return k->open;
}

struct kept_line *
kept_find(const struct kept *k, uint64_t id)
{
	unsigned at = place_of(k, id);

	return at < k->n && k->record[at]->id == id ? k->record[at]->line :
						      NULL;
}

uint64_t
kept_last_id(const struct kept *k)
{
	return k->n > 0 ? k->record[k->n - 1]->id : 0;
}

struct kept_line *
kept_line_at(const struct kept *k, unsigned i)
{
	return i < k->n ? k->record[i]->line : NULL;
}

uint64_t
kept_id_at(const struct kept *k, unsigned i)
{
	return i < k->n ? k->record[i]->id : 0;
}

void
kept_destroy(struct kept **kp)
{
	struct kept *k = *kp;

	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->n; i++)
		record_free(k, k->record[i]);
	mem_free(&k->record);
	pthread_mutex_destroy(&k->lock);
	mem_free(kp);
}

/* ---- queries */

/* The share of the record between the two times: time down is assumed to be
 * spread evenly if there were flaps or gaps. */
static int64_t
share_ms(const struct kept_record *r, int64_t from, int64_t to, int64_t now)
{
	int64_t end = r->to != 0 ? r->to : now;
	int64_t a = r->from > from ? r->from : from;
	int64_t b = end < to ? end : to;

	if (r->down_ms <= 0)
		return 0;
	if (end <= r->from) /* the wall clock was set back */
		return r->from >= from && r->from < to ? r->down_ms : 0;
	if (b <= a)
		return 0;
	return (int64_t)((double)r->down_ms * (double)(b - a) /
	    (double)(end - r->from));
}

int64_t
kept_down_ms(const struct kept *k, const char *primary, int64_t from,
    int64_t to, int64_t now)
{
	const struct kept_name *c =
	    chain_find(k, primary != NULL ? primary : "");
	const struct kept_record *r;
	int64_t ms = 0;

	if (c == NULL)
		return 0;
	SLIST_FOREACH (r, &c->records, chained)
		ms += share_ms(r, from, to, now);
	return ms;
}

static bool
has_id(const struct kept_record *r, uint64_t id)
{
	for (unsigned i = 0; i < r->nalso; i++)
		if (r->also[i] == id)
			return true;
	return r->id == id;
}

static bool
is_wanted(const struct kept_record *r, const struct kept_query *q)
{
	if ((q->kinds != 0 && ((q->kinds >> r->kind) & 1) == 0) ||
	    (q->id != 0 && !has_id(r, q->id)) ||
	    (r->over && r->end < q->since) ||
	    (q->before != 0 && r->id >= q->before))
		return false;
	for (unsigned i = 0; i < q->nnames; i++)
		if (strcmp(q->name[i], r->name) == 0)
			return true;
	return q->nnames == 0;
}

bool
kept_page(struct kept *k, const struct kept_query *q, const char *end,
    struct buf *out, uint64_t *before)
{
	size_t tail = strlen(end);
	unsigned n = 0;
	bool more = false;

	pthread_mutex_lock(&k->lock);
	for (unsigned i = k->n; i > 0 && !more; i--) {
		const struct kept_record *r = k->record[i - 1];

		if (!is_wanted(r, q))
			continue;
		if (n == q->limit ||
		    out->len + r->line->len + tail > out->max) {
			more = true;
			break;
		}
		*before = r->id;
		n++;
		if (buf_add(out, r->line->text, r->line->len) != 0 ||
		    buf_add(out, end, tail) != 0)
			more = true;
	}
	pthread_mutex_unlock(&k->lock);
	return more;
}
