/* SPDX-License-Identifier: ISC
 * ways: see ways.h. Used by smtpd/client_limit.c and smtpd/insist.c. */
#include "base/ways.h"

#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"

void
ways_init(struct ways *w, uint32_t places, unsigned ways, size_t size)
{
	MX_ASSERT(places >= ways && (places & (places - 1)) == 0);
	w->seed = rnd_u64();
	w->mask = places - 1;
	w->ways = ways;
	w->size = size;
	w->entry = NULL;
}

void
ways_fini(struct ways *w)
{
	mem_free(&w->entry);
}

static void *
place(const struct ways *w, uint64_t key, unsigned i)
{
	uint64_t h = (key ^ w->seed) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return w->entry + (size_t)(((h >> 32) + i) & w->mask) * w->size;
}

static uint64_t
key_of(const void *entry)
{
	uint64_t key;

	memcpy(&key, entry, sizeof(key));
	return key;
}

void *
ways_find(const struct ways *w, uint64_t key, ways_worth *worth,
    const void *arg)
{
	unsigned i;
	void *e;

	for (i = 0; w->entry != NULL && i < w->ways; i++) {
		e = place(w, key, i);
		if (key_of(e) == key && worth(e, arg) != WAYS_FREE)
			return e;
	}
	return NULL;
}

void *
ways_take(struct ways *w, uint64_t key, ways_worth *worth, const void *arg)
{
	void *e = ways_find(w, key, worth, arg), *best = NULL;
	int64_t least = WAYS_KEEP, n;
	unsigned i;

	if (e != NULL)
		return e;
	if (w->entry == NULL)
		w->entry = mem_array((size_t)w->mask + 1, w->size);
	for (i = 0; i < w->ways; i++) {
		e = place(w, key, i);
		n = worth(e, arg);
		if (n < least) {
			least = n;
			best = e;
		}
	}
	if (best != NULL) {
		memset(best, 0, w->size);
		memcpy(best, &key, sizeof(key));
	}
	return best;
}
