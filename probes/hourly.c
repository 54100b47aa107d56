/* SPDX-License-Identifier: ISC
 * hourly: see hourly.h. */
#include "probes/hourly.h"

#include "base/clock.h"

#define WAYS 8u

struct hour {
	uint64_t key; /* first: base/ways.h */
	int64_t since;
	uint32_t n;
};

void
hourly_init(struct hourly *h)
{
	ways_init(&h->keys, HOURLY_PLACES, WAYS, sizeof(struct hour));
}

void
hourly_fini(struct hourly *h)
{
	ways_fini(&h->keys);
}

static bool
is_over(const struct hour *e, int64_t now)
{
	return e->n == 0 || now - e->since >= HOURLY_MS * CLOCK_MS;
}

static int64_t
worth(const void *entry, const void *arg)
{
	const struct hour *e = entry;
	const int64_t *now = arg;

	if (e->n == 0)
		return WAYS_FREE;
	return is_over(e, *now) ? 0 : e->since;
}

bool
hourly_count(struct hourly *h, uint64_t key, unsigned most, int64_t now)
{
	struct hour *e = ways_take(&h->keys, key, worth, &now);

	if (e == NULL)
		return false;
	if (is_over(e, now)) {
		e->since = now;
		e->n = 0;
	}
	return e->n < most && ++e->n > 0;
}

bool
hourly_counted(const struct hourly *h, uint64_t key, int64_t now)
{
	const struct hour *e = ways_find(&h->keys, key, worth, &now);

	return e != NULL && !is_over(e, now);
}
