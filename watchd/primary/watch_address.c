/* SPDX-License-Identifier: ISC
 * watch_address: is this the address of a primary? Asked for clients, perhaps
 * often, while there may be 50,000 primaries: the hashes of all their addresses
 * are kept sorted, and rebuilt when they are some seconds old. Called by
 * daemon/events.c. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "primary/watch_int.h"

#define OLD_NS (10 * CLOCK_SEC)

static int
compare(const void *va, const void *vb)
{
	const uint64_t *a = va, *b = vb;

	return *a < *b ? -1 : *a > *b;
}

static uint64_t
hash_host(const struct watch_addresses *k, const struct net_addr *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return hash_bytes(k->seed, &a->u.in6.sin6_addr,
		    sizeof(a->u.in6.sin6_addr));
	return hash_bytes(k->seed, &a->u.in.sin_addr, sizeof(a->u.in.sin_addr));
}

static void
remake(struct watch_set *ws, int64_t now)
{
	struct watch_addresses *k = &ws->addresses;
	struct watch *w = NULL;
	size_t n = 0;
	unsigned i;

	while ((w = watch_after(ws, w)) != NULL)
		n += w->host != NULL ? w->host->naddrs : 0;
	mem_free(&k->hash);
	k->hash = mem_array(n + 1, sizeof(*k->hash));
	k->seed = rnd_u64();
	k->n = 0;
	while ((w = watch_after(ws, w)) != NULL)
		for (i = 0; w->host != NULL && i < w->host->naddrs; i++)
			k->hash[k->n++] = hash_host(k, &w->host->addr[i]);
	qsort(k->hash, k->n, sizeof(*k->hash), compare);
	k->made = now;
}

bool
watch_has_address(struct watch_set *ws, const struct net_addr *a, int64_t now)
{
	struct watch_addresses *k = &ws->addresses;
	uint64_t key;

	if (k->hash == NULL || now - k->made > OLD_NS)
		remake(ws, now);
	key = hash_host(k, a);
	return bsearch(&key, k->hash, k->n, sizeof(key), compare) != NULL;
}

void
watch_addresses_fini(struct watch_set *ws)
{
	mem_free(&ws->addresses.hash);
}
