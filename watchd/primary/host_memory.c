/* SPDX-License-Identifier: ISC
 * host_memory: see host_memory.h. A record is a key and a row of numbers; the
 * table below describes each number, so that reading, writing, comparing and
 * ageing are the same for all kinds. */
#include "primary/host_memory.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/records.h"
#include "base/text.h"

#define MAGIC "mxwatch-hosts 1"
/* A word, a key, and numbers of up to 20 digits. */
#define LINE_MAX_LEN (HOST_KEY_MAX + 32 + FIELDS_MAX * 21)
#define PRIMARY_KEEP (30 * INT64_C(86400) * CLOCK_SEC)
#define AGAIN_NS     (3600 * CLOCK_SEC) /* a difference worth a write */

enum kind { KIND_HOST, KIND_STUMBLE, KIND_ADDRESS, KIND_PRIMARY, KINDS };

enum {
	MESSAGES,
	MESSAGES_AT,
	RCPTS,
	RCPTS_AT,
	CEILING,
	TRIAL_MS,
	CEILING_AT,
	GAP_MS,
	GAP_AT,
	LATENCY_US,
	LATENCY_AT,
	HOST_FIELDS,
};
enum { STUMBLED_AT, STUMBLE_FIELDS };
enum { TLS_AT, ADDRESS_FIELDS };
enum { TLS_LAST, FALLBACK_SINCE, SEEN_AT, PRIMARY_FIELDS };
#define FIELDS_MAX HOST_FIELDS

struct column {
	enum {
		IS_NUMBER,
		/* written again when it changes by more than a quarter */
		IS_ROUGH,
		IS_TIME, /* monotonic ns, wall seconds in the file; 0 never */
		IS_WALL, /* wall seconds in both */
	} is;
	int64_t max; /* largest value */
};

static const struct column host_field[] = {
	[MESSAGES] = { IS_NUMBER, 1000000 },
	[MESSAGES_AT] = { IS_TIME, 0 },
	[RCPTS] = { IS_NUMBER, 1000000 },
	[RCPTS_AT] = { IS_TIME, 0 },
	[CEILING] = { IS_NUMBER, 1000000 },
	[TRIAL_MS] = { IS_NUMBER, WINDOW_TRIAL_MAX / CLOCK_MS },
	[CEILING_AT] = { IS_TIME, 0 },
	[GAP_MS] = { IS_NUMBER, HOST_GAP_MAX / CLOCK_MS },
	[GAP_AT] = { IS_TIME, 0 },
	[LATENCY_US] = { IS_ROUGH, INT64_C(3600000000) },
	[LATENCY_AT] = { IS_TIME, 0 },
};
static const struct column stumble_field[] = {
	[STUMBLED_AT] = { IS_TIME, 0 },
};
static const struct column address_field[] = {
	[TLS_AT] = { IS_TIME, 0 },
};
static const struct column primary_field[] = {
	[TLS_LAST] = { IS_WALL, 0 },
	[FALLBACK_SINCE] = { IS_WALL, 0 },
	[SEEN_AT] = { IS_TIME, 0 },
};

static const struct {
	const char *word;
	const struct column *field;
	unsigned nfields;
	int64_t keep_ns; /* lifetime after the newest of its times */
} kinds[KINDS] = {
	[KIND_HOST] = { "host", host_field, HOST_FIELDS, HOST_LIMIT_AGE },
	/* A kind of its own, because the records of older files do not have
	 * it. */
	[KIND_STUMBLE] = { "stumble", stumble_field, STUMBLE_FIELDS,
	    HOST_LIMIT_AGE },
	[KIND_ADDRESS] = { "address", address_field, ADDRESS_FIELDS,
	    ADDRESS_TLS_NS },
	[KIND_PRIMARY] = { "primary", primary_field, PRIMARY_FIELDS,
	    PRIMARY_KEEP },
};

struct record {
	RB_ENTRY(record) node;
	TAILQ_ENTRY(record) link; /* the last one learned is at the end */
	enum kind kind;
	int64_t v[FIELDS_MAX];
	const char *key; /* in the same allocation */
};

RB_HEAD(record_tree, record);
TAILQ_HEAD(record_list, record);

struct host_memory {
	struct record_tree tree;
	struct record_list list[KINDS];
	unsigned n[KINDS], max;
	bool changed;
};

static int
record_cmp(const struct record *a, const struct record *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(record_tree, record, node, record_cmp, static MX_UNUSED)

/* ---- the table */

struct host_memory *
host_memory_create(unsigned max)
{
	struct host_memory *m = mem_alloc(sizeof(*m));

	MX_ASSERT(max > 0);
	RB_INIT(&m->tree);
	for (int k = 0; k < KINDS; k++)
		TAILQ_INIT(&m->list[k]);
	m->max = max;
	return m;
}

static void
record_free(struct host_memory *m, struct record *r)
{
	RB_REMOVE(record_tree, &m->tree, r);
	TAILQ_REMOVE(&m->list[r->kind], r, link);
	m->n[r->kind]--;
	mem_free(&r);
}

static void
clear(struct host_memory *m)
{
	struct record *r;

	while ((r = RB_ROOT(&m->tree)) != NULL)
		record_free(m, r);
}

void
host_memory_destroy(struct host_memory **mp)
{
	if (*mp == NULL)
		return;
	clear(*mp);
	mem_free(mp);
}

size_t
host_memory_len(const struct host_memory *m)
{
	size_t n = 0;

	for (int k = 0; m != NULL && k < KINDS; k++)
		n += m->n[k];
	return n;
}

static struct record *
record_find(const struct host_memory *m, enum kind kind, const char *key)
{
	struct record want = { .kind = kind, .key = key };

	/* RB_FIND takes a non-const tree, but changes nothing. */
	return RB_FIND(record_tree, (struct record_tree *)(uintptr_t)&m->tree,
	    &want);
}

/* The record of that key, moved to the end; created when there is none. */
static struct record *
record_take(struct host_memory *m, enum kind kind, const char *key)
{
	struct record *r = record_find(m, kind, key);
	size_t len = strlen(key) + 1;
	char *copy;

	if (r != NULL) {
		TAILQ_REMOVE(&m->list[kind], r, link);
		TAILQ_INSERT_TAIL(&m->list[kind], r, link);
		return r;
	}
	if (m->n[kind] == m->max)
		record_free(m, TAILQ_FIRST(&m->list[kind]));
	r = mem_alloc(sizeof(*r) + len);
	copy = (char *)(r + 1);
	memcpy(copy, key, len);
	r->key = copy;
	r->kind = kind;
	(void)RB_INSERT(record_tree, &m->tree, r);
	TAILQ_INSERT_TAIL(&m->list[kind], r, link);
	m->n[kind]++;
	return r;
}

static bool
differs(const struct column *f, int64_t a, int64_t b)
{
	int64_t by = a > b ? a - b : b - a;

	if ((a == 0) != (b == 0))
		return true;
	switch (f->is) {
	case IS_NUMBER:
		break;
	case IS_ROUGH:
		return by > a / 4;
	case IS_TIME:
		return by >= AGAIN_NS;
	case IS_WALL:
		return by >= AGAIN_NS / CLOCK_SEC;
	}
	return by != 0;
}

/* A change too small to matter is not stored, so that a row of small steps is
 * noticed when their sum matters. */
static void
record_put(struct host_memory *m, enum kind kind, const char *key,
    const int64_t *v)
{
	unsigned n = kinds[kind].nfields, i;
	struct record *r;
	bool known = false, changed = false;

	for (i = 0; i < n && !known; i++)
		known = v[i] != 0 && !(kind == KIND_PRIMARY && i == SEEN_AT);
	if (!known && record_find(m, kind, key) == NULL)
		return;
	r = record_take(m, kind, key);
	for (i = 0; i < n; i++)
		changed |= differs(&kinds[kind].field[i], r->v[i], v[i]);
	if (!changed)
		return;
	memcpy(r->v, v, n * sizeof(v[0]));
	m->changed = true;
}

static bool
record_is_old(const struct record *r, int64_t now)
{
	const struct column *f = kinds[r->kind].field;

	for (unsigned i = 0; i < kinds[r->kind].nfields; i++)
		if (f[i].is == IS_TIME && r->v[i] != 0 &&
		    now - r->v[i] < kinds[r->kind].keep_ns)
			return false;
	return true;
}

/* ---- hosts */

void
host_memory_host(struct host_memory *m, const char *key, const struct host *h,
    int64_t now)
{
	const struct window *w = &h->window;
	const struct record *r;
	int64_t v[FIELDS_MAX] = { 0 };

	if (m == NULL)
		return;
	v[MESSAGES] = host_limit_value(&h->messages, now);
	v[MESSAGES_AT] = v[MESSAGES] != 0 ? h->messages.since_ns : 0;
	v[RCPTS] = host_limit_value(&h->rcpts, now);
	v[RCPTS_AT] = v[RCPTS] != 0 ? h->rcpts.since_ns : 0;
	if ((v[CEILING] = w->ceiling) != 0) {
		v[TRIAL_MS] = w->trial_ns / CLOCK_MS;
		v[CEILING_AT] = w->grow_ns - w->trial_ns;
	}
	if ((v[GAP_MS] = h->gap_ns / CLOCK_MS) != 0)
		v[GAP_AT] = h->next_ns - h->gap_ns;
	if ((v[LATENCY_US] = w->baseline_ns / 1000) != 0)
		v[LATENCY_AT] = h->taken_ns;
	/* No message was taken since the latency was recalled: keeps its old
	 * time. */
	if (v[LATENCY_US] != 0 && v[LATENCY_AT] == 0 &&
	    (r = record_find(m, KIND_HOST, key)) != NULL)
		v[LATENCY_AT] = r->v[LATENCY_AT];
	record_put(m, KIND_HOST, key, v);
	record_put(m, KIND_STUMBLE, key,
	    (int64_t[FIELDS_MAX]){ [STUMBLED_AT] = h->stumbled_ns });
}

void
host_memory_stumble_forget(struct host_memory *m, const char *key)
{
	struct record *r = m != NULL ? record_find(m, KIND_STUMBLE, key) : NULL;

	if (r == NULL)
		return;
	record_free(m, r);
	m->changed = true;
}

static void
recall_limit(struct host_limit *l, int64_t value, int64_t at)
{
	*l = (struct host_limit){ .value = (unsigned)value,
		.seen = 2,
		.last = (unsigned)value,
		.since_ns = at };
}

void
host_memory_recall(const struct host_memory *m, const char *key, struct host *h,
    int64_t now)
{
	const struct record *r =
	    m != NULL ? record_find(m, KIND_HOST, key) : NULL;
	const struct record *stumble =
	    m != NULL ? record_find(m, KIND_STUMBLE, key) : NULL;
	const int64_t *v;
	int64_t old = now - HOST_LIMIT_AGE;

	if (stumble != NULL && stumble->v[STUMBLED_AT] > old)
		h->stumbled_ns = stumble->v[STUMBLED_AT];
	if (r == NULL)
		return;
	v = r->v;
	if (v[MESSAGES] != 0 && v[MESSAGES_AT] > old)
		recall_limit(&h->messages, v[MESSAGES], v[MESSAGES_AT]);
	if (v[RCPTS] != 0 && v[RCPTS_AT] > old)
		recall_limit(&h->rcpts, v[RCPTS], v[RCPTS_AT]);
	if (v[CEILING] != 0 && v[CEILING_AT] > old)
		window_recall(&h->window, (unsigned)v[CEILING],
		    v[TRIAL_MS] * CLOCK_MS, v[CEILING_AT]);
	if (v[GAP_MS] != 0 && v[GAP_AT] > old) {
		h->gap_ns = v[GAP_MS] * CLOCK_MS;
		h->next_ns = v[GAP_AT] + h->gap_ns;
	}
	if (v[LATENCY_US] != 0 && v[LATENCY_AT] > old)
		h->window.baseline_ns = v[LATENCY_US] * 1000;
}

/* ---- addresses, primaries */

void
host_memory_address(struct host_memory *m, const struct net_addr *addr,
    const struct address *a, int64_t now)
{
	char key[ADDR_TEXT_MAX];
	int64_t v[FIELDS_MAX] = {
		[TLS_AT] = address_did_tls(a, now) ? a->tls_ok_ns : 0,
	};

	if (m != NULL)
		record_put(m, KIND_ADDRESS, addr_text_port(addr, key), v);
}

void
host_memory_addresses(const struct host_memory *m, struct address_book *book)
{
	const struct record *r;
	struct net_addr addr;

	if (m == NULL)
		return;
	TAILQ_FOREACH (r, &m->list[KIND_ADDRESS], link) {
		if (addr_parse(&addr, r->key, 0, ':') == 0)
			address_book_get(book, &addr)->tls_ok_ns = r->v[TLS_AT];
	}
}

void
host_memory_primary(struct host_memory *m, const char *label, int64_t tls_last,
    int64_t fallback_since, int64_t now)
{
	int64_t v[FIELDS_MAX] = {
		[TLS_LAST] = tls_last,
		[FALLBACK_SINCE] = fallback_since,
		[SEEN_AT] = now,
	};

	if (m != NULL)
		record_put(m, KIND_PRIMARY, label, v);
}

void
host_memory_recall_primary(const struct host_memory *m, const char *label,
    int64_t *tls_last, int64_t *fallback_since)
{
	const struct record *r =
	    m != NULL ? record_find(m, KIND_PRIMARY, label) : NULL;

	if (r == NULL)
		return;
	*tls_last = r->v[TLS_LAST];
	*fallback_since = r->v[FALLBACK_SINCE];
}

/* ---- reading */

/* 0 means never: no other time may become 0. */
static int64_t
to_mono(int64_t at, int64_t now, int64_t wall)
{
	int64_t mono;

	if (at == 0)
		return 0;
	/* A clock that was set back must not make a record live for ever. */
	if (at > wall)
		at = wall;
	/* A time before the epoch is older than any record may be. */
	mono = now - (wall - at) * CLOCK_SEC;
	return mono != 0 ? mono : -1;
}

static int
parse_value(const struct column *f, const char *word, int64_t now, int64_t wall,
    int64_t *v)
{
	bool is_time = f->is == IS_TIME || f->is == IS_WALL;

	/* The largest number of seconds that fits into ns. */
	if (text_int(word, 0, is_time ? INT64_MAX / CLOCK_SEC : f->max, v) < 0)
		return -MX_ECORRUPT;
	if (f->is == IS_TIME)
		*v = to_mono(*v, now, wall);
	else if (f->is == IS_WALL && *v > wall)
		*v = wall;
	return 0;
}

/* Accepts only keys that this module would write. */
static bool
is_key(enum kind kind, const char *key)
{
	char text[ADDR_TEXT_MAX];
	struct net_addr addr;
	size_t len = strlen(key);

	if (len == 0 || len >= HOST_KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (key[i] < (kind <= KIND_STUMBLE ? ' ' : '!') || key[i] > '~')
			return false;
	return kind != KIND_ADDRESS ||
	    (addr_parse(&addr, key, 0, ':') == 0 &&
		strcmp(addr_text_port(&addr, text), key) == 0);
}

struct hosts_parsing {
	struct host_memory *m;
	int64_t now, wall;
};

static int
parse_line(char *line, void *arg)
{
	const struct hosts_parsing *p = arg;
	struct record r = { .kind = 0 };
	const char *word = records_word(&line);
	int k;

	for (k = 0; k < KINDS; k++)
		if (word != NULL && strcmp(word, kinds[k].word) == 0)
			break;
	if (k == KINDS)
		return -MX_ECORRUPT;
	r.kind = (enum kind)k;
	for (unsigned i = 0; i < kinds[k].nfields; i++)
		if ((word = records_word(&line)) == NULL ||
		    parse_value(&kinds[k].field[i], word, p->now, p->wall,
			&r.v[i]) < 0)
			return -MX_ECORRUPT;
	if (line == NULL || !is_key(r.kind, line))
		return -MX_ECORRUPT;
	if (!record_is_old(&r, p->now))
		memcpy(record_take(p->m, r.kind, line)->v, r.v, sizeof(r.v));
	return 0;
}

int
host_memory_parse(struct host_memory *m, const char *text, size_t len,
    int64_t now, int64_t wall)
{
	struct hosts_parsing p = { m, now, wall };
	int rc;

	clear(m);
	rc = records_parse(text, len, MAGIC, LINE_MAX_LEN - 1, parse_line, &p);
	if (rc < 0)
		clear(m);
	m->changed = false;
	return rc;
}

int
host_memory_read(struct host_memory *m, const char *path, int64_t now,
    int64_t wall)
{
	struct buf text = BUF_INIT(HOST_MEMORY_FILE_MAX);
	int rc = file_load(path, &text, NULL);

	clear(m);
	if (rc == 0)
		rc = host_memory_parse(m, buf_str(&text), text.len, now, wall);
	buf_fini(&text);
	return rc;
}

/* ---- writing */

bool
host_memory_changed(const struct host_memory *m)
{
	return m != NULL && m->changed;
}

struct copied {
	enum kind kind;
	size_t key; /* in keys */
	int64_t v[FIELDS_MAX]; /* as in the file */
};

struct host_memory_copy {
	struct copied *record;
	size_t n;
	struct buf keys; /* each with its NUL */
};

static void
copy_record(struct host_memory_copy *c, const struct record *r, int64_t now,
    int64_t wall)
{
	const struct column *f = kinds[r->kind].field;
	struct copied *to = &c->record[c->n];

	to->key = c->keys.len;
	if (buf_add(&c->keys, r->key, strlen(r->key) + 1) != 0)
		return; /* larger than the file may be */
	to->kind = r->kind;
	for (unsigned i = 0; i < kinds[r->kind].nfields; i++) {
		to->v[i] = r->v[i];
		if (f[i].is == IS_TIME && r->v[i] != 0)
			to->v[i] = wall - (now - r->v[i]) / CLOCK_SEC;
		if (to->v[i] < 0)
			to->v[i] = 0;
	}
	c->n++;
}

struct host_memory_copy *
host_memory_copy(struct host_memory *m, int64_t now, int64_t wall)
{
	struct host_memory_copy *c = mem_alloc(sizeof(*c));
	struct record *r, *next;

	buf_init(&c->keys, HOST_MEMORY_FILE_MAX / 2);
	c->record = mem_array(host_memory_len(m) + 1, sizeof(c->record[0]));
	for (int k = 0; k < KINDS; k++)
		for (r = TAILQ_FIRST(&m->list[k]); r != NULL; r = next) {
			next = TAILQ_NEXT(r, link);
			if (record_is_old(r, now))
				record_free(m, r);
			else
				copy_record(c, r, now, wall);
		}
	m->changed = false;
	return c;
}

void
host_memory_copy_destroy(struct host_memory_copy **cp)
{
	if (*cp == NULL)
		return;
	buf_fini(&(*cp)->keys);
	mem_free(&(*cp)->record);
	mem_free(cp);
}

static void
print_record(FILE *f, const struct copied *r, const char *key)
{
	(void)fprintf(f, "%s ", kinds[r->kind].word);
	for (unsigned i = 0; i < kinds[r->kind].nfields; i++)
		(void)fprintf(f, "%" PRId64 " ", r->v[i]);
	(void)fprintf(f, "%s\n", key);
}

static int
print_all(FILE *f, const void *arg)
{
	const struct host_memory_copy *c = arg;

	(void)fprintf(f, "%s\n", MAGIC);
	for (size_t i = 0; i < c->n; i++)
		print_record(f, &c->record[i],
		    buf_str(&c->keys) + c->record[i].key);
	(void)fprintf(f, "end %zu\n", c->n);
	return 0;
}

int
host_memory_write(const struct host_memory_copy *c, const char *path)
{
	return file_print(path, 0640, print_all, c, NULL);
}
