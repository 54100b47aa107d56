/* SPDX-License-Identifier: ISC
 * history: one ring a domain, in the order of the snapshot's domains (by name),
 * so that feeding is one walk along both, FEED_SLICE domains a call. A reader
 * copies one ring at a time under the lock and formats it outside: the loop
 * waits at most for a copy of some KB. */
#include "status/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define JSON_MAX   (64u << 20)
#define FEED_SLICE 1000
#define NEW_MAX	   200 /* rings created per call, since each allocates */
/* The states as letters; in a point the worse state wins. */
#define STATE_RANKS "x?ursd"
#define NO_STATE    '-'

struct point {
	uint32_t depth;
	float probe; /* seconds; < 0: no probe */
	char state; /* a letter; NO_STATE: unknown */
};

struct ring {
	char name[TEXT_DOMAIN_MAX];
	struct point point[HISTORY_POINTS]; /* by step number modulo */
};

struct history {
	pthread_mutex_t lock;
	uint64_t generation; /* changes with the set of rings, and with step */
	int64_t step; /* number of the newest point: wall seconds / step */
	size_t n;
	struct ring **ring; /* ascending name */
	/* The walk along the domains and the rings: the next ones. */
	unsigned next_domain;
	size_t next_ring;
};

struct history *
history_create(void)
{
	struct history *h = mem_alloc(sizeof(*h));

	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void
history_destroy(struct history **hp)
{
	struct history *h = *hp;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		mem_free(&h->ring[i]);
	mem_free(&h->ring);
	pthread_mutex_destroy(&h->lock);
	mem_free(hp);
}

static void
clear(struct point *p)
{
	*p = (struct point){ .depth = 0, .probe = -1, .state = NO_STATE };
}

static struct ring *
ring_create(const char *name)
{
	struct ring *r = mem_alloc(sizeof(*r));

	strlcpy(r->name, name, sizeof(r->name));
	for (unsigned i = 0; i < HISTORY_POINTS; i++)
		clear(&r->point[i]);
	return r;
}

/* Makes the rings match the snapshot's domains. If many are new the rest follow
 * with the next calls. */
static void
match(struct history *h, const struct snapshot *s)
{
	struct ring **ring = mem_array(s->domains.n + 1, sizeof(*ring));
	size_t n = 0, old = 0, fresh = 0;

	for (unsigned i = 0; i < s->domains.n && n < HISTORY_DOMAINS; i++) {
		const struct snap_domain *d = snap_list_at(&s->domains, i);
		const char *name = d->name;

		while (old < h->n && strcmp(h->ring[old]->name, name) < 0)
			mem_free(&h->ring[old++]);
		if (old < h->n && strcmp(h->ring[old]->name, name) == 0)
			ring[n++] = h->ring[old++];
		else if (fresh++ < NEW_MAX)
			ring[n++] = ring_create(name);
		else if (old == h->n)
			break;
	}
	while (old < h->n)
		mem_free(&h->ring[old++]);
	mem_free(&h->ring);
	h->ring = ring;
	h->n = n;
	h->generation++;
}

/* Begins the point of this time, with gaps for those in between. */
static void
advance(struct history *h, int64_t step)
{
	if (step <= h->step)
		return;
	if (h->step == 0 || step - h->step > HISTORY_POINTS)
		h->step = step - HISTORY_POINTS;
	h->generation++;
	while (h->step < step) {
		h->step++;
		for (size_t i = 0; i < h->n; i++)
			clear(&h->ring[i]->point[h->step % HISTORY_POINTS]);
	}
}

static const char letters[HEALTH_STATE_MAX] = { [HEALTH_UNKNOWN] = '?',
	[HEALTH_UP] = 'u',
	[HEALTH_SUSPECT] = 's',
	[HEALTH_DOWN] = 'd',
	[HEALTH_RECOVERING] = 'r',
	[HEALTH_DISABLED] = 'x' };

static char
worse(char a, char b)
{
	const char *ra = strchr(STATE_RANKS, a), *rb = strchr(STATE_RANKS, b);

	return ra == NULL || (rb != NULL && rb > ra) ? b : a;
}

static void
add(struct point *p, const struct snap_domain *d)
{
	uint64_t depth = snap_domain_messages(d);
	const struct snap_primary *pr;
	double seconds;

	if (depth > UINT32_MAX)
		depth = UINT32_MAX;
	if (depth > p->depth)
		p->depth = (uint32_t)depth;
	if (d->state < HEALTH_STATE_MAX)
		p->state = worse(p->state, letters[d->state]);
	for (unsigned i = 0; i < d->nprimaries; i++) {
		pr = &d->primary[i];
		if (!pr->probed)
			continue;
		seconds = snap_probe_seconds(pr->phase_seconds);
		if ((float)seconds > p->probe)
			p->probe = (float)seconds;
	}
}

/* One slice of the walk; false when the rings no longer match the domains. */
static bool
feed_slice(struct history *h, const struct snapshot *s)
{
	unsigned end = h->next_domain + FEED_SLICE;
	const struct snap_domain *d;
	struct ring *r;

	for (; h->next_domain < s->domains.n && h->next_domain < end;
	     h->next_domain++) {
		d = snap_list_at(&s->domains, h->next_domain);
		if (h->next_ring == HISTORY_DOMAINS)
			break;
		r = h->next_ring < h->n ? h->ring[h->next_ring] : NULL;
		if (r == NULL || strcmp(r->name, d->name) != 0)
			return false;
		h->next_ring++;
		add(&r->point[h->step % HISTORY_POINTS], d);
	}
	if (h->next_domain < s->domains.n && h->next_domain == end)
		return true;
	if (h->next_ring != h->n)
		return false;
	h->next_domain = 0;
	h->next_ring = 0;
	return true;
}

void
history_feed(struct history *h, const struct snapshot *s)
{
	pthread_mutex_lock(&h->lock);
	advance(h, s->wall_ms / 1000 / HISTORY_STEP_SEC);
	if (!feed_slice(h, s)) {
		match(h, s);
		h->next_domain = 0;
		h->next_ring = 0;
		(void)feed_slice(h, s);
	}
	pthread_mutex_unlock(&h->lock);
}

/* ---- the document */

/* The lists begin with the oldest known point: short for a daemon that has just
 * started. */
static unsigned
known_points(const struct ring *r, int64_t step)
{
	unsigned n;

	for (n = HISTORY_POINTS; n > 0; n--)
		if (r->point[(step - n + 1) % HISTORY_POINTS].state != NO_STATE)
			break;
	return n;
}

/* Writes a number or null, with a comma unless it is the first; without
 * printf(), because half a million are written at once. Returns the next
 * position. */
static char *
put_number(char *p, bool known, uint64_t v)
{
	char digits[24], *d = digits + sizeof(digits);

	if (p[-1] != '[')
		*p++ = ',';
	if (!known) {
		memcpy(p, "null", 4);
		return p + 4;
	}
	do
		*--d = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	memcpy(p, d, (size_t)(digits + sizeof(digits) - d));
	return p + (digits + sizeof(digits) - d);
}

static int
put_ring(struct buf *out, const struct ring *r, int64_t step, bool first)
{
	static const char depth_key[] = "\"depth\":[";
	static const char probe_key[] = "],\"probe_ms\":[";
	/* Two lists of numbers of at most 12 characters. */
	char text[2 * HISTORY_POINTS * 12 + 64], *p = text;
	char state[HISTORY_POINTS + 1];
	unsigned n = known_points(r, step), i;
	const struct point *at;
	int rc;

	memcpy(p, depth_key, sizeof(depth_key) - 1);
	p += sizeof(depth_key) - 1;
	for (i = 0; i < n; i++) {
		at = &r->point[(step - n + 1 + i) % HISTORY_POINTS];
		state[i] = at->state;
		p = put_number(p, at->state != NO_STATE, at->depth);
	}
	state[n] = '\0';
	memcpy(p, probe_key, sizeof(probe_key) - 1);
	p += sizeof(probe_key) - 1;
	for (i = 0; i < n; i++) {
		at = &r->point[(step - n + 1 + i) % HISTORY_POINTS];
		p = put_number(p, at->probe >= 0,
		    at->probe < 0 ? 0 : (uint64_t)(at->probe * 1e3f + 0.5f));
	}
	rc = buf_addf(out, "%s{\"domain\":\"%s\",", first ? "" : ",", r->name);
	if (rc == 0)
		rc = buf_add(out, text, (size_t)(p - text));
	return rc != 0 ? rc : buf_addf(out, "],\"state\":\"%s\"}", state);
}

static int
put_head(struct buf *out, int64_t wall_ms, int64_t step)
{
	return buf_addf(out,
	    "{\"time\":%.3f,\"step_seconds\":%d,"
	    "\"points\":%d,\"last\":%lld,\"domains\":[",
	    (double)wall_ms / 1e3, HISTORY_STEP_SEC, HISTORY_POINTS,
	    (long long)step * HISTORY_STEP_SEC);
}

/* False when the rings changed under way: what is in out is no use then. */
static bool
put_rings(struct buf *out, struct history *h, int64_t wall_ms,
    struct ring *copy)
{
	uint64_t generation = 0;
	int64_t step = 0;
	size_t i = 0;
	bool more, same;
	int rc = 0;

	for (;; i++) {
		pthread_mutex_lock(&h->lock);
		if (i == 0) {
			generation = h->generation;
			step = h->step;
		}
		same = h->generation == generation;
		more = same && i < h->n;
		if (more)
			memcpy(copy, h->ring[i], sizeof(*copy));
		pthread_mutex_unlock(&h->lock);
		if (i == 0)
			rc = put_head(out, wall_ms, step);
		if (rc == 0 && more)
			rc = put_ring(out, copy, step, i == 0);
		MX_ASSERT(rc == 0); /* HISTORY_DOMAINS is far below the cap */
		if (!more)
			break;
	}
	rc = buf_adds(out, "]}");
	MX_ASSERT(rc == 0);
	return same;
}

char *
history_json(struct history *h, int64_t wall_ms)
{
	struct buf out = BUF_INIT(JSON_MAX);
	struct ring *copy = mem_alloc(sizeof(*copy));

	/* The rings change when a point begins or the configuration is
	 * reloaded. */
	for (unsigned tries = 0; tries < 3; tries++) {
		buf_clear(&out);
		if (put_rings(&out, h, wall_ms, copy))
			break;
	}
	mem_free(&copy);
	return buf_take(&out);
}

static int
compare_name(const void *name, const void *ring)
{
	return strcmp(name, (*(struct ring *const *)ring)->name);
}

/* A copy of that domain's ring, and the step of now; false: there is none. */
static bool
copy_ring(struct history *h, const char *name, struct ring *copy, int64_t *step)
{
	struct ring **found;

	pthread_mutex_lock(&h->lock);
	*step = h->step;
	found = h->n == 0 ?
	    NULL :
	    bsearch(name, h->ring, h->n, sizeof(h->ring[0]), compare_name);
	if (found != NULL)
		memcpy(copy, *found, sizeof(*copy));
	pthread_mutex_unlock(&h->lock);
	return found != NULL;
}

char *
history_json_of(struct history *h, const char *const *names, size_t n,
    int64_t wall_ms)
{
	struct buf out = BUF_INIT(JSON_MAX);
	struct ring *copy = mem_alloc(sizeof(*copy));
	int64_t step, head = 0;
	bool first = true;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		bool there = copy_ring(h, names[i], copy, &step);

		if (i == 0)
			rc = put_head(&out, wall_ms, head = step);
		/* one that begins a step later would be off by one */
		if (there && step == head && rc == 0) {
			rc = put_ring(&out, copy, step, first);
			first = false;
		}
	}
	if (n == 0)
		rc = put_head(&out, wall_ms, 0);
	if (rc == 0)
		rc = buf_adds(&out, "]}");
	MX_ASSERT(rc == 0); /* the caller names some, not all */
	mem_free(&copy);
	return buf_take(&out);
}
