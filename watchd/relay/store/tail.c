/* SPDX-License-Identifier: ISC
 * tail: see tail.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay/store/tail.h"

#define SLICE 256 /* entries removed under one lock */

struct tail *
tail_create(void)
{
	struct tail *t = mem_alloc(sizeof(*t));
	pthread_condattr_t attr;

	t->limits = (struct tail_limits){ .bytes_max = UINT64_MAX,
		.records_max = UINT32_MAX };
	STAILQ_INIT(&t->entries);
	idmap_init(&t->records);
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->added, &attr);
	(void)pthread_cond_init(&t->room, &attr);
	(void)pthread_condattr_destroy(&attr);
	return t;
}

void
tail_destroy(struct tail **tp)
{
	struct tail *t = *tp;
	struct tail_entry *e;

	if (t == NULL)
		return;
	while ((e = STAILQ_FIRST(&t->entries)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->entries, link);
		tail_entry_free(&e);
	}
	idmap_fini(&t->records);
	mem_free(&t->states);
	(void)pthread_cond_destroy(&t->added);
	(void)pthread_cond_destroy(&t->room);
	(void)pthread_mutex_destroy(&t->lock);
	mem_free(tp);
}

void
tail_limit(struct tail *t, const struct tail_limits *limits)
{
	(void)pthread_mutex_lock(&t->lock);
	t->limits = *limits;
	(void)pthread_cond_broadcast(&t->room);
	(void)pthread_cond_signal(&t->added);
	(void)pthread_mutex_unlock(&t->lock);
}

/* ---- entries */

static bool
entry_parts(struct tail_entry *e)
{
	struct tail_part *p = e->parts;
	const struct journal_record *r = &e->r;
	size_t at = 0;
	unsigned i;

	switch (r->kind) {
	case JOURNAL_COMMIT:
		for (i = 0; i < r->nparts; i++) {
			p[i].id = r->id | i;
			if (!journal_part(r, &at, &p[i].data, &p[i].len))
				return false;
		}
		return at == r->len;
	case JOURNAL_STATE:
		if (!journal_state(r, &p->key, &p->klen, &p->data, &p->len))
			return false;
		if (p->len == 0)
			p->data = NULL;
		return true;
	case JOURNAL_UPDATE:
		p->data = r->rest;
		p->len = r->len;
		break;
	default:
		break;
	}
	p->id = r->id;
	return true;
}

struct tail_entry *
tail_entry(const struct journal_record *r)
{
	unsigned n = r->kind == JOURNAL_COMMIT ? r->nparts : 1;
	size_t head = sizeof(struct tail_entry) + n * sizeof(struct tail_part);
	struct tail_entry *e = mem_alloc(head + r->len);
	char *rest = (char *)e + head;

	if (r->len > 0)
		memcpy(rest, r->rest, r->len);
	e->r = *r;
	e->r.rest = rest;
	e->nparts = r->kind == JOURNAL_NOTHING ? 0 : n;
	if (!entry_parts(e))
		tail_entry_free(&e);
	return e;
}

void
tail_entry_free(struct tail_entry **ep)
{
	mem_free(ep);
}

/* ---- states, sorted by key */

static int
key_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c != 0 ? c : (alen > blen) - (alen < blen);
}

/* Index of the first state that is not below the key. */
static size_t
state_find(const struct tail *t, const char *key, size_t klen)
{
	size_t lo = 0, hi = t->nstates, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (key_cmp(t->states[mid]->key, t->states[mid]->klen, key,
			klen) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
state_is(const struct tail *t, size_t i, const struct tail_part *p)
{
	return i < t->nstates &&
	    key_cmp(t->states[i]->key, t->states[i]->klen, p->key, p->klen) ==
	    0;
}

static void
state_put(struct tail *t, struct tail_part *p)
{
	size_t i = state_find(t, p->key, p->klen);

	if (state_is(t, i, p)) {
		t->states[i] = p;
		return;
	}
	if (t->nstates == t->states_room) {
		t->states_room = t->states_room > 0 ? 2 * t->states_room : 64;
		t->states = mem_grow(t->states, t->states_room,
		    sizeof(struct tail_part *));
	}
	memmove(t->states + i + 1, t->states + i,
	    (t->nstates++ - i) * sizeof(struct tail_part *));
	t->states[i] = p;
}

static void
state_drop(struct tail *t, const struct tail_part *p)
{
	size_t i = state_find(t, p->key, p->klen);

	if (!state_is(t, i, p) || t->states[i] != p)
		return; /* a newer one is there */
	memmove(t->states + i, t->states + i + 1,
	    (--t->nstates - i) * sizeof(struct tail_part *));
}

/* ---- the writer's side */

static bool
has_room(const struct tail *t, unsigned records, uint64_t bytes, bool beyond)
{
	uint64_t times = beyond ? 2 : 1;

	/* an entry larger than the limit is allowed alone */
	return t->nentries == 0 ||
	    (t->nentries + records <= times * t->limits.records_max &&
		bytes <= times * t->limits.bytes_max &&
		t->bytes <= times * t->limits.bytes_max - bytes);
}

/* Waits for entries to leave; the lock is held. */
static void
wait_room(struct tail *t)
{
	t->hurry = true;
	(void)pthread_cond_signal(&t->added);
	(void)pthread_cond_wait(&t->room, &t->lock);
}

bool
tail_wait(struct tail *t, unsigned records, uint64_t bytes, bool beyond)
{
	bool room;

	(void)pthread_mutex_lock(&t->lock);
	while (!(room = has_room(t, records, bytes, beyond)) && t->stuck == 0)
		wait_room(t);
	(void)pthread_mutex_unlock(&t->lock);
	return room;
}

bool
tail_drain(struct tail *t)
{
	bool empty;

	(void)pthread_mutex_lock(&t->lock);
	while (!(empty = t->nentries == 0) && t->stuck == 0)
		wait_room(t);
	(void)pthread_mutex_unlock(&t->lock);
	return empty;
}

void
tail_add(struct tail *t, struct tail_entry *e)
{
	unsigned i;

	(void)pthread_mutex_lock(&t->lock);
	if (STAILQ_EMPTY(&t->entries)) {
		t->oldest = clock_now();
		(void)pthread_cond_signal(&t->added);
	}
	STAILQ_INSERT_TAIL(&t->entries, e, link);
	for (i = 0; i < e->nparts; i++)
		if (e->parts[i].key != NULL)
			state_put(t, &e->parts[i]);
		else
			idmap_put(&t->records, e->parts[i].id, &e->parts[i]);
	t->bytes += e->size;
	t->rest += e->r.len;
	t->nentries++;
	if (t->bytes > t->limits.bytes_max / 2 ||
	    t->nentries > t->limits.records_max / 2)
		(void)pthread_cond_signal(&t->added);
	(void)pthread_mutex_unlock(&t->lock);
}

/* ---- the applier's side */

/* Time until the entries are due, in ns; 0: they are. */
static int64_t
due_in(const struct tail *t)
{
	int64_t left = t->oldest +
	    (int64_t)t->limits.delay_ms * (CLOCK_SEC / 1000) - clock_now();

	if (t->hurry || t->quit || t->bytes > t->limits.bytes_max / 2 ||
	    t->nentries > t->limits.records_max / 2)
		return 0;
	return left > 0 ? left : 0;
}

static void
wait_for(struct tail *t, int64_t ns)
{
	int64_t until = clock_now() + ns;
	struct timespec ts = { .tv_sec = (time_t)(until / CLOCK_SEC),
		.tv_nsec = (long)(until % CLOCK_SEC) };

	(void)pthread_cond_timedwait(&t->added, &t->lock, &ts);
}

bool
tail_due(struct tail *t, int timeout_ms)
{
	int64_t end = clock_now() + (int64_t)timeout_ms * (CLOCK_SEC / 1000);
	int64_t left, wait;
	bool go;

	(void)pthread_mutex_lock(&t->lock);
	for (;;) {
		left = end - clock_now();
		wait = STAILQ_EMPTY(&t->entries) ? left : due_in(t);
		if (t->quit || wait <= 0 || left <= 0)
			break;
		wait_for(t, wait < left ? wait : left);
	}
	t->hurry = false;
	go = !t->quit || !STAILQ_EMPTY(&t->entries);
	(void)pthread_mutex_unlock(&t->lock);
	return go;
}

bool
tail_pause(struct tail *t, int ms)
{
	int64_t end = clock_now() + (int64_t)ms * (CLOCK_SEC / 1000), left;
	bool quit;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->quit && !t->hurry && (left = end - clock_now()) > 0)
		wait_for(t, left);
	t->hurry = false;
	quit = t->quit;
	(void)pthread_mutex_unlock(&t->lock);
	return !quit;
}

struct tail_entry *
tail_next(struct tail *t, struct tail_entry *after)
{
	struct tail_entry *e;

	(void)pthread_mutex_lock(&t->lock);
	e = after == NULL ? STAILQ_FIRST(&t->entries) :
			    STAILQ_NEXT(after, link);
	(void)pthread_mutex_unlock(&t->lock);
	return e;
}

static void
forget(struct tail *t, struct tail_entry *e)
{
	unsigned i;

	for (i = 0; i < e->nparts; i++) {
		struct tail_part *p = &e->parts[i];

		if (p->key != NULL)
			state_drop(t, p);
		else if (idmap_get(&t->records, p->id) == p)
			(void)idmap_take(&t->records, p->id);
	}
	t->bytes -= e->size;
	t->rest -= e->r.len;
	t->nentries--;
}

void
tail_applied(struct tail *t, unsigned n)
{
	struct tail_list gone = STAILQ_HEAD_INITIALIZER(gone);
	struct tail_entry *e;
	unsigned i;

	while (n > 0) {
		(void)pthread_mutex_lock(&t->lock);
		for (i = 0; i < SLICE && n > 0; i++, n--) {
			e = STAILQ_FIRST(&t->entries);
			STAILQ_REMOVE_HEAD(&t->entries, link);
			forget(t, e);
			STAILQ_INSERT_TAIL(&gone, e, link);
		}
		t->oldest = clock_now();
		(void)pthread_cond_broadcast(&t->room);
		(void)pthread_mutex_unlock(&t->lock);
		while ((e = STAILQ_FIRST(&gone)) != NULL) {
			STAILQ_REMOVE_HEAD(&gone, link);
			tail_entry_free(&e);
		}
	}
}

void
tail_stuck(struct tail *t, int rc)
{
	(void)pthread_mutex_lock(&t->lock);
	t->stuck = rc;
	(void)pthread_cond_broadcast(&t->room);
	(void)pthread_mutex_unlock(&t->lock);
}

uint64_t
tail_rest(struct tail *t)
{
	uint64_t rest;

	(void)pthread_mutex_lock(&t->lock);
	rest = t->rest;
	(void)pthread_mutex_unlock(&t->lock);
	return rest;
}

void
tail_behind(struct tail *t, uint64_t *records, uint64_t *bytes)
{
	(void)pthread_mutex_lock(&t->lock);
	*records = t->nentries;
	*bytes = t->bytes;
	(void)pthread_mutex_unlock(&t->lock);
}

int
tail_is_stuck(struct tail *t)
{
	int rc;

	(void)pthread_mutex_lock(&t->lock);
	rc = t->stuck;
	(void)pthread_mutex_unlock(&t->lock);
	return rc;
}

void
tail_hurry(struct tail *t)
{
	(void)pthread_mutex_lock(&t->lock);
	t->hurry = true;
	(void)pthread_cond_signal(&t->added);
	(void)pthread_mutex_unlock(&t->lock);
}

void
tail_quit(struct tail *t)
{
	(void)pthread_mutex_lock(&t->lock);
	t->quit = true;
	(void)pthread_cond_signal(&t->added);
	(void)pthread_mutex_unlock(&t->lock);
}

/* ---- the readers' side */

static enum tail_found
found(const struct tail_part *p, struct buf *copy)
{
	if (p == NULL)
		return TAIL_NONE;
	if (p->data == NULL)
		return TAIL_REMOVED;
	if (copy != NULL && buf_add(copy, p->data, p->len) < 0)
		return TAIL_NONE; /* impossible: the codec has limits */
	return TAIL_HERE;
}

enum tail_found
tail_get(struct tail *t, uint64_t id, struct buf *copy)
{
	enum tail_found rc;

	(void)pthread_mutex_lock(&t->lock);
	rc = found(idmap_get(&t->records, id), copy);
	(void)pthread_mutex_unlock(&t->lock);
	return rc;
}

enum tail_found
tail_state_next(struct tail *t, const char *after, bool same, struct buf *key,
    struct buf *value)
{
	size_t len = strlen(after), i;
	enum tail_found rc = TAIL_NONE;

	(void)pthread_mutex_lock(&t->lock);
	i = state_find(t, after, len);
	if (!same && i < t->nstates &&
	    key_cmp(t->states[i]->key, t->states[i]->klen, after, len) == 0)
		i++;
	if (i < t->nstates &&
	    buf_add(key, t->states[i]->key, t->states[i]->klen) == 0)
		rc = found(t->states[i], value);
	(void)pthread_mutex_unlock(&t->lock);
	return rc;
}
