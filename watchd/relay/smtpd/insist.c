/* SPDX-License-Identifier: ISC
 * insist: see insist.h. A hash table in which a pair may sit in any of
 * WAYS places; a new one takes the place of whoever was heard of longest ago.
 * Called by cmd_rcpt(). */
#include "relay/smtpd/insist.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"

#define PLACES 65536u
#define WAYS   8u
#define MEMORY (2 * 24 * 3600 * CLOCK_SEC)

struct pair {
	uint64_t key;
	int64_t first, last; /* last 0: nobody */
};

struct insist {
	uint64_t seed;
	struct pair pair[PLACES];
};

struct insist *
insist_create(void)
{
	struct insist *p = mem_alloc(sizeof(*p));

	p->seed = rnd_u64();
	return p;
}

void
insist_destroy(struct insist **pp)
{
	mem_free(pp);
}

/* FNV-1a from a seed; the end of a word counts, too. */
static uint64_t
hash_word(uint64_t h, const char *s)
{
	do {
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	} while (*s++ != '\0');
	return h;
}

static struct pair *
find(struct insist *p, uint64_t key)
{
	struct pair *oldest = NULL, *e;

	for (uint32_t i = 0; i < WAYS; i++) {
		e = &p->pair[((key >> 32) + i) % PLACES];
		if (e->last != 0 && e->key == key)
			return e;
		if (oldest == NULL || e->last < oldest->last)
			oldest = e;
	}
	oldest->key = key;
	oldest->last = 0;
	return oldest;
}

bool
insist_enough(struct insist *p, const char *sender, const char *rcpt,
    uint64_t client_key, int64_t long_enough, int64_t now)
{
	uint64_t key = hash_word(hash_word(p->seed, sender), rcpt);
	struct pair *e;

	if (sender[0] == '\0')
		key ^= client_key * UINT64_C(0x9e3779b97f4a7c15);
	e = find(p, key);
	if (e->last == 0 || now - e->last > MEMORY)
		e->first = now;
	e->last = now;
	return now - e->first >= long_enough;
}
