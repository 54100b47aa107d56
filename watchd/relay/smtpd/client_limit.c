/* SPDX-License-Identifier: ISC
 * client_limit: see client_limit.h. A bounded table (base/ways.h) in which
 * clients with open sessions stay and the others are valued by their recent
 * connections. The sliding minute is two counters: the present minute's, and
 * the share of the previous one that still counts. Called by smtpd.c for each
 * connection. */
#include "relay/smtpd/client_limit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/ways.h"

#define WAYS	   16u
#define PLACES_MIN 4096u
#define PLACES_MAX (1u << 20)

struct client {
	uint64_t key; /* first: base/ways.h */
	uint32_t sessions;
	/* in the present minute, in the previous one */
	uint32_t begun, begun_before;
	uint32_t lines; /* in the present minute */
	int64_t minute;
};

struct client_limit {
	struct ways clients;
};

struct client_limit *
client_limit_create(unsigned sessions)
{
	struct client_limit *l = mem_alloc(sizeof(*l));
	uint32_t places = PLACES_MIN;

	while (places / 4 < sessions && places < PLACES_MAX)
		places *= 2;
	ways_init(&l->clients, places, WAYS, sizeof(struct client));
	return l;
}

void
client_limit_destroy(struct client_limit **lp)
{
	if (*lp == NULL)
		return;
	ways_fini(&(*lp)->clients);
	mem_free(lp);
}

/* Number of connections begun that still count. */
static uint32_t
begun(const struct client *c, int64_t minute)
{
	if (minute == c->minute)
		return c->begun + c->begun_before;
	return minute == c->minute + 1 ? c->begun : 0;
}

static int64_t
client_worth(const void *entry, const void *arg)
{
	const struct client *c = entry;
	const int64_t *minute = arg;

	if (c->sessions > 0)
		return WAYS_KEEP;
	if (c->begun + c->begun_before + c->lines == 0)
		return WAYS_FREE;
	return begun(c, *minute);
}

/* Moves the client's counters on to the present minute. */
static void
slide(struct client *c, int64_t minute)
{
	if (minute == c->minute)
		return;
	c->begun_before = begun(c, minute);
	c->begun = c->lines = 0;
	c->minute = minute;
}

static int64_t
minute_of(int64_t now)
{
	return now / (60 * CLOCK_SEC) + 1;
}

bool
client_limit_line(struct client_limit *l, uint64_t key, unsigned most,
    int64_t now)
{
	int64_t minute = minute_of(now);
	struct client *c = ways_take(&l->clients, key, client_worth, &minute);

	if (c == NULL)
		return false;
	slide(c, minute);
	return c->lines < most && ++c->lines > 0;
}

enum client_verdict
client_limit_enter(struct client_limit *l, uint64_t key, unsigned per_client,
    unsigned rate, int64_t now)
{
	int64_t minute = minute_of(now);
	int64_t left = 60 * CLOCK_SEC - now % (60 * CLOCK_SEC);
	struct client *c = ways_take(&l->clients, key, client_worth, &minute);

	if (c == NULL)
		return CLIENT_OK; /* all have open sessions: not counted */
	slide(c, minute);
	if (c->sessions >= per_client)
		return CLIENT_TOO_MANY;
	if (rate > 0 &&
	    (double)c->begun +
		    (double)c->begun_before * (double)left /
			(double)(60 * CLOCK_SEC) >=
		(double)rate)
		return CLIENT_TOO_FAST;
	c->sessions++;
	c->begun++;
	return CLIENT_OK;
}

void
client_limit_leave(struct client_limit *l, uint64_t key)
{
	static const int64_t minute; /* an entry with sessions is kept anyway */
	struct client *c = ways_find(&l->clients, key, client_worth, &minute);

	if (c != NULL && c->sessions > 0)
		c->sessions--;
}
