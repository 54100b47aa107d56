/* SPDX-License-Identifier: ISC
 * recent_recipients: see recent_recipients.h. Two open-addressing sets of
 * 64-bit hashes, at most half full. Filled by queue_done() for every recipient
 * that was taken, asked by breaker.c; saved as one small state value of the
 * store. Loop thread. */
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "relay/queue/recent_recipients.h"

#define KNOWN_SLOTS (2u * KNOWN_GENERATION)
#define KNOWN_MAGIC UINT64_C(0x314e574f4e4b584d) /* "MXKNOWN1" */

struct recent_recipients {
	uint64_t seed;
	uint64_t *young, *old; /* KNOWN_SLOTS each; 0: free */
	unsigned nyoung, nold;
	bool dirty;
};

struct recent_recipients *
recent_create(uint64_t seed)
{
	struct recent_recipients *k = mem_alloc(sizeof(*k));

	k->seed = seed;
	k->young = mem_array(KNOWN_SLOTS, sizeof(*k->young));
	k->old = mem_array(KNOWN_SLOTS, sizeof(*k->old));
	return k;
}

void
recent_destroy(struct recent_recipients **kp)
{
	struct recent_recipients *k = *kp;

	if (k == NULL)
		return;
	mem_free(&k->young);
	mem_free(&k->old);
	mem_free(kp);
}

/* Whatever its case; the values are kept in the spool. */
static uint64_t
hash_part(uint64_t h, const char *s)
{
	uint8_t c;

	for (; *s != '\0'; s++) {
		c = (uint8_t)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
		h = hash_bytes(h, &c, 1);
	}
	/* A separator that no text holds, then the mixer of splitmix64. */
	h = hash_bytes(h, "\xff", 1);
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static uint64_t
recent_hash(const struct recent_recipients *k, const char *domain,
    const char *mailbox)
{
	uint64_t h = hash_part(hash_part(k->seed, domain), mailbox);

	return h != 0 ? h : 1;
}

static uint64_t *
slot_find(uint64_t *set, uint64_t h)
{
	size_t i = (size_t)h & (KNOWN_SLOTS - 1);

	while (set[i] != 0 && set[i] != h)
		i = (i + 1) & (KNOWN_SLOTS - 1);
	return &set[i];
}

static void
hash_add(struct recent_recipients *k, uint64_t h)
{
	uint64_t *slot = slot_find(k->young, h), *set;

	if (*slot == h)
		return;
	if (k->nyoung == KNOWN_GENERATION) {
		set = k->old;
		k->old = k->young;
		k->nold = k->nyoung;
		k->young = set;
		k->nyoung = 0;
		memset(set, 0, KNOWN_SLOTS * sizeof(*set));
		slot = slot_find(k->young, h);
	}
	*slot = h;
	k->nyoung++;
	k->dirty = true;
}

void
recent_add(struct recent_recipients *k, const char *domain, const char *mailbox)
{
	hash_add(k, recent_hash(k, domain, mailbox));
}

bool
recent_has(const struct recent_recipients *k, const char *domain,
    const char *mailbox)
{
	uint64_t h = recent_hash(k, domain, mailbox);

	return *slot_find(k->young, h) == h || *slot_find(k->old, h) == h;
}

bool
recent_dirty(const struct recent_recipients *k)
{
	return k->dirty;
}

static uint8_t *
put_le64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static uint64_t
get_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

size_t
recent_save(struct recent_recipients *k, uint8_t *dst)
{
	uint8_t *p = put_le64(put_le64(dst, KNOWN_MAGIC), k->seed);

	/* The older ones first: loading adds them in this order. */
	for (size_t i = 0; i < KNOWN_SLOTS; i++)
		if (k->old[i] != 0)
			p = put_le64(p, k->old[i]);
	for (size_t i = 0; i < KNOWN_SLOTS; i++)
		if (k->young[i] != 0)
			p = put_le64(p, k->young[i]);
	k->dirty = false;
	return (size_t)(p - dst);
}

int
recent_load(struct recent_recipients *k, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h;

	if (len < 16 || len > KNOWN_BLOB_MAX || len % 8 != 0 ||
	    get_le64(p) != KNOWN_MAGIC)
		return -MX_ECORRUPT;
	k->seed = get_le64(p + 8);
	for (size_t at = 16; at < len; at += 8) {
		h = get_le64(p + at);
		if (h != 0)
			hash_add(k, h);
	}
	k->dirty = false;
	return 0;
}
