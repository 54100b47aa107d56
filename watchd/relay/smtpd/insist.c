/* SPDX-License-Identifier: ISC
 * insist: see insist.h. One table of pairs (base/ways.h); a new pair replaces
 * the one with the oldest retry. Called by cmd_rcpt(). */
#include "relay/smtpd/insist.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/ways.h"

#define PLACES 65536u
#define WAYS   8u
#define MEMORY (2 * 24 * 3600 * CLOCK_SEC)

struct pair {
	uint64_t key;
	int64_t first, last; /* last 0: free */
};

struct insist {
	uint64_t seed; /* of the hash: senders choose their addresses */
	struct ways pairs;
};

struct insist *
insist_create(void)
{
	struct insist *p = mem_alloc(sizeof(*p));

	p->seed = rnd_u64();
	ways_init(&p->pairs, PLACES, WAYS, sizeof(struct pair));
	return p;
}

void
insist_destroy(struct insist **pp)
{
	if (*pp == NULL)
		return;
	ways_fini(&(*pp)->pairs);
	mem_free(pp);
}

static int64_t
pair_worth(const void *entry, const void *arg MX_UNUSED)
{
	const struct pair *e = entry;

	return e->last == 0 ? WAYS_FREE : e->last;
}

bool
insist_enough(struct insist *p, const char *sender, const char *rcpt,
    uint64_t client_key, int64_t long_enough, int64_t now)
{
	uint64_t key = hash_text(hash_text(p->seed, sender), rcpt);
	struct pair *e;

	if (sender[0] == '\0')
		key ^= client_key * UINT64_C(0x9e3779b97f4a7c15);
	e = ways_take(&p->pairs, key, pair_worth, NULL);
	if (e->last == 0 || now - e->last > MEMORY)
		e->first = now;
	e->last = now;
	return now - e->first >= long_enough;
}
