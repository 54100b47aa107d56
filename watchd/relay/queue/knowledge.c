/* SPDX-License-Identifier: ISC
 * knowledge: see knowledge.h. The table doubles until `max`; the low bits of
 * the hash select the bucket. */
#include "relay/queue/knowledge.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "relay/le.h"

#define MAGIC	   UINT64_C(0x324e574f4e4b584d) /* "MXKNOWN2" */
#define SLOTS_MIN  16u
#define DOTS_KNOWN 20u /* messages needed for a percentage */
#define DOTS_MAX   1000u

void
knowledge_init(struct knowledge *k, uint64_t seed, uint32_t max)
{
	*k = (struct knowledge){ .seed = seed, .max = SLOTS_MIN };
	while (k->max < max)
		k->max *= 2;
}

void
knowledge_fini(struct knowledge *k)
{
	mem_free(&k->slot);
	k->nslots = k->nused = k->strange = 0;
}

static uint32_t
seconds(int64_t ms)
{
	return ms > 1000 ? (uint32_t)(ms / 1000) : 1;
}

/* Hashes a name without regard to case. */
static uint64_t
hash_name(const struct knowledge *k, enum known_kind kind, const char *name)
{
	uint64_t h = k->seed + (uint64_t)kind;
	uint8_t c;

	for (; *name != '\0'; name++) {
		c = (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name + 32 :
							     *name);
		h = hash_bytes(h, &c, 1);
	}
	/* The mixer of splitmix64, since buckets use the low bits. */
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	h ^= h >> 31;
	return h != 0 ? h : 1;
}

static struct known *
bucket(struct knowledge *k, uint64_t hash)
{
	uint32_t nbuckets = k->nslots / KNOWLEDGE_WAYS;

	return &k->slot[(hash & (nbuckets - 1)) * KNOWLEDGE_WAYS];
}

static struct known *
find(struct knowledge *k, uint64_t hash)
{
	struct known *b;

	if (k->nslots == 0)
		return NULL;
	b = bucket(k, hash);
	for (unsigned i = 0; i < KNOWLEDGE_WAYS; i++)
		if (b[i].hash == hash)
			return &b[i];
	return NULL;
}

struct known *
knowledge_find(struct knowledge *k, enum known_kind kind, const char *name)
{
	return find(k, hash_name(k, kind, name));
}

static uint32_t
heard(const struct known *e)
{
	return e->taken > e->last ? e->taken : e->last;
}

/* A free slot of the bucket, or its least recently updated one. */
static struct known *
place(struct knowledge *k, uint64_t hash)
{
	struct known *b = bucket(k, hash), *oldest = b;

	for (unsigned i = 0; i < KNOWLEDGE_WAYS; i++) {
		if (b[i].hash == 0)
			return &b[i];
		if (heard(&b[i]) < heard(oldest))
			oldest = &b[i];
	}
	return oldest;
}

static void
put(struct knowledge *k, const struct known *e)
{
	struct known *at = place(k, e->hash);

	if (at->hash == 0)
		k->nused++;
	else
		k->strange -= at->scope != JUDGE_NOBODY;
	*at = *e;
	k->strange += e->scope != JUDGE_NOBODY;
}

static void
grow(struct knowledge *k)
{
	struct known *old = k->slot;
	uint32_t n = k->nslots;

	k->nslots = n == 0 ? SLOTS_MIN : n * 2;
	k->slot = mem_array(k->nslots, sizeof(*k->slot));
	k->nused = k->strange = 0;
	for (uint32_t i = 0; i < n; i++)
		if (old[i].hash != 0)
			put(k, &old[i]);
	mem_free(&old);
}

/* Grows the table; entries are evicted only once it has its full size. */
static void
make_room(struct knowledge *k, uint64_t hash)
{
	while (
	    k->nslots < k->max && (k->nslots == 0 || place(k, hash)->hash != 0))
		grow(k);
}

static struct known *
find_or_add(struct knowledge *k, enum known_kind kind, const char *name)
{
	struct known e = { .hash = hash_name(k, kind, name),
		.kind = (uint8_t)kind };
	struct known *at = find(k, e.hash);

	k->dirty = true;
	if (at != NULL)
		return at;
	make_room(k, e.hash);
	put(k, &e);
	return find(k, e.hash);
}

static void
set_scope(struct knowledge *k, struct known *e, enum judge_scope scope)
{
	k->strange -= e->scope != JUDGE_NOBODY;
	e->scope = (uint8_t)scope;
	k->strange += e->scope != JUDGE_NOBODY;
}

static void
was_taken(struct knowledge *k, enum known_kind kind, const char *name,
    int64_t now)
{
	struct known *e = find_or_add(k, kind, name);

	e->taken = seconds(now);
	e->refused = e->last = 0;
	e->believed = 0;
	set_scope(k, e, JUDGE_NOBODY);
}

void
knowledge_taken(struct knowledge *k, const char *sender, const char *rcpt,
    uint64_t size, int64_t now)
{
	was_taken(k, KNOWN_RCPT, rcpt, now);
	if (sender[0] != '\0')
		was_taken(k, KNOWN_SENDER, sender, now);
	k->taken_ms = now;
	k->contents = 0;
	if (size > k->size_taken)
		k->size_taken = size;
}

void
knowledge_dot(struct knowledge *k, bool refused)
{
	k->dirty = true;
	k->dots++;
	k->dots_refused += refused;
	k->contents += refused;
	if (k->dots < DOTS_MAX)
		return;
	k->dots /= 2;
	k->dots_refused /= 2;
}

static void
was_refused(struct knowledge *k, enum known_kind kind, const char *name,
    enum judge_scope scope, int64_t now)
{
	struct known *e = find_or_add(k, kind, name);

	/* A refusal of another scope begins anew: that we were blocked
	 * yesterday proves nothing about the mailbox. */
	if (e->refused == 0 || (!e->believed && e->scope != scope))
		e->refused = seconds(now);
	e->last = seconds(now);
	if (!e->believed)
		set_scope(k, e, scope);
}

void
knowledge_stamp(struct knowledge *k, enum known_kind kind, const char *name,
    int64_t now)
{
	struct known *e = find_or_add(k, kind, name);

	if (e->refused == 0)
		e->refused = seconds(now);
	e->last = seconds(now);
}

void
knowledge_refused(struct knowledge *k, enum judge_scope scope,
    const char *sender, const char *rcpt, int64_t now)
{
	/* The null reverse-path stands for many senders: the recipient is
	 * counted instead. */
	was_refused(k, KNOWN_SENDER, sender[0] != '\0' ? sender : rcpt, scope,
	    now);
	if (scope != JUDGE_SENDER)
		was_refused(k, KNOWN_RCPT, rcpt, scope, now);
}

void
knowledge_believe(struct knowledge *k, struct known *e)
{
	set_scope(k, e, JUDGE_NOBODY);
	e->believed = 1;
	k->dirty = true;
}

void
knowledge_passed(struct knowledge *k, const char *rcpt)
{
	struct known *e = knowledge_find(k, KNOWN_RCPT, rcpt);

	if (e == NULL || e->refused == 0)
		return;
	set_scope(k, e, JUDGE_NOBODY);
	e->refused = e->last = 0;
	e->believed = 0;
	k->dirty = true;
}

void
knowledge_forgive(struct knowledge *k)
{
	for (uint32_t i = 0; i < k->nslots; i++) {
		set_scope(k, &k->slot[i], JUDGE_NOBODY);
		k->slot[i].refused = k->slot[i].last = 0;
		k->slot[i].believed = 0;
	}
	k->contents = 0;
	k->dirty = true;
}

/* Counts one refusal that was not believed. Those since the last accepted
 * message are counted by scope. */
static void
weigh_one(const struct knowledge *k, const struct known *e,
    struct judge_evidence *ev)
{
	bool recipient = e->scope == JUDGE_RECIPIENT || e->scope == JUDGE_ROUTE;
	bool now = k->taken_ms == 0 || e->last > seconds(k->taken_ms);

	if (e->kind == KNOWN_SENDER) {
		ev->senders += now;
		ev->senders_now += now && e->scope == JUDGE_SENDER;
		return;
	}
	ev->rcpts += recipient;
	if (!now)
		return;
	ev->rcpts_now += recipient;
	ev->us += e->scope == JUDGE_US || e->scope == JUDGE_PRIMARY;
	ev->routes += e->scope == JUDGE_ROUTE;
}

void
knowledge_weigh(struct knowledge *k, int64_t now, struct judge_evidence *ev)
{
	uint32_t oldest = seconds(now - KNOWLEDGE_WINDOW);
	const struct known *e;

	*ev = (struct judge_evidence){ .contents = k->contents,
		.share_known = k->dots >= DOTS_KNOWN };
	if (k->dots > 0)
		ev->share = k->dots_refused * 100 / k->dots;
	for (uint32_t i = 0; i < k->nslots; i++) {
		e = &k->slot[i];
		if (e->scope != JUDGE_NOBODY && e->last >= oldest)
			weigh_one(k, e, ev);
		ev->taken += e->kind == KNOWN_RCPT && e->taken != 0 &&
		    e->taken >= oldest;
	}
}

int64_t
knowledge_since(const struct knowledge *k, int64_t now)
{
	uint32_t oldest = seconds(now - KNOWLEDGE_WINDOW), since = 0;
	const struct known *e;

	for (uint32_t i = 0; i < k->nslots; i++) {
		e = &k->slot[i];
		if (e->scope != JUDGE_NOBODY && e->last >= oldest &&
		    (since == 0 || e->refused < since))
			since = e->refused;
	}
	return (int64_t)since * 1000;
}

/* ---- stored form, little endian */

static uint8_t *
put_le(uint8_t *p, uint64_t v, unsigned n)
{
	le_put(p, v, n);
	return p + n;
}

static uint64_t
get_le(const uint8_t **p, unsigned n)
{
	*p += n;
	return le_get(*p - n, n);
}

size_t
knowledge_size(const struct knowledge *k)
{
	return KNOWLEDGE_HEAD + (size_t)k->nused * KNOWLEDGE_RECORD;
}

size_t
knowledge_save(const struct knowledge *k, uint8_t *dst)
{
	uint8_t *p = put_le(dst, MAGIC, 8);

	p = put_le(p, k->seed, 8);
	p = put_le(p, (uint64_t)k->taken_ms, 8);
	p = put_le(p, k->size_taken, 8);
	p = put_le(p, k->contents, 4);
	p = put_le(p, k->dots, 4);
	p = put_le(p, k->dots_refused, 4);
	p = put_le(p, k->nused, 4);
	p = put_le(p, 0, 8);
	p = put_le(p, 0, 8);
	for (uint32_t i = 0; i < k->nslots; i++) {
		const struct known *e = &k->slot[i];

		if (e->hash == 0)
			continue;
		p = put_le(p, e->hash, 8);
		p = put_le(p, e->taken, 4);
		p = put_le(p, e->refused, 4);
		p = put_le(p, e->last, 4);
		p = put_le(p, e->kind, 1);
		p = put_le(p, e->scope, 1);
		p = put_le(p, e->believed, 1);
		p = put_le(p, 0, 1);
	}
	return (size_t)(p - dst);
}

static bool
load_one(struct knowledge *k, const uint8_t **p)
{
	struct known e = { .hash = get_le(p, 8) };

	e.taken = (uint32_t)get_le(p, 4);
	e.refused = (uint32_t)get_le(p, 4);
	e.last = (uint32_t)get_le(p, 4);
	e.kind = (uint8_t)get_le(p, 1);
	e.scope = (uint8_t)get_le(p, 1);
	e.believed = (uint8_t)get_le(p, 1);
	(*p)++;
	if (e.hash == 0 || e.kind > KNOWN_MESSAGE || e.scope >= JUDGE_SCOPE_MAX)
		return false;
	if (find(k, e.hash) == NULL) {
		make_room(k, e.hash);
		put(k, &e);
	}
	return true;
}

int
knowledge_load(struct knowledge *k, const void *data, size_t len)
{
	uint64_t seed = k->seed;
	const uint8_t *p = data;
	uint32_t n = 0, max = k->max;
	bool ok = len >= KNOWLEDGE_HEAD && get_le(&p, 8) == MAGIC;

	knowledge_fini(k);
	if (ok) {
		k->seed = get_le(&p, 8);
		k->taken_ms = (int64_t)get_le(&p, 8);
		k->size_taken = get_le(&p, 8);
		k->contents = (uint32_t)get_le(&p, 4);
		k->dots = (uint32_t)get_le(&p, 4);
		k->dots_refused = (uint32_t)get_le(&p, 4);
		n = (uint32_t)get_le(&p, 4);
		p += 16;
		ok = len == KNOWLEDGE_HEAD + (size_t)n * KNOWLEDGE_RECORD;
	}
	for (uint32_t i = 0; i < n && ok; i++)
		ok = load_one(k, &p);
	if (ok)
		return 0;
	knowledge_fini(k);
	knowledge_init(k, seed, max);
	return -MX_ECORRUPT;
}
