/* SPDX-License-Identifier: ISC
 * client_limit: see client_limit.h. A bounded table (base/ways.h) in which
 * clients with open sessions stay and the others are missed by the connections
 * that they began lately. The minute slides over two counters: this minute's,
 * and the share of the last one that still counts. Called by smtpd.c for each
 * connection. */
#include "relay/smtpd/client_limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ways.h"

#define WAYS	   16u
#define PLACES_MIN 4096u
#define PLACES_MAX (1u << 20)

struct client {
	uint64_t key; /* first: base/ways.h */
	uint32_t sessions;
	uint32_t begun, begun_before; /* this minute, the one before */
	uint32_t lines; /* this minute */
	int64_t minute;
};

struct client_limit {
	struct ways clients;
};

struct prefix {
	struct net_addr addr;
	unsigned bits;
};

struct prefix_list {
	size_t n;
	struct prefix *p;
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

/* The connections begun that still count at the given minute. */
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

/* Moves the client's counters on to the minute of now. */
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
		return CLIENT_OK; /* a crowd, each with a session open */
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
	static const int64_t minute; /* who has a session is kept anyway */
	struct client *c = ways_find(&l->clients, key, client_worth, &minute);

	if (c != NULL && c->sessions > 0)
		c->sessions--;
}

static bool
prefix_parse(const char *s, struct prefix *p)
{
	const char *slash = strchr(s, '/');
	char host[ADDR_TEXT_MAX];
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	unsigned most;
	int64_t bits;

	if (len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	if (addr_parse(&p->addr, host, 0, ':') < 0)
		return false;
	most = p->addr.u.sa.sa_family == AF_INET6 ? 128 : 32;
	bits = most;
	if (slash != NULL && text_int(slash + 1, 0, most, &bits) < 0)
		return false;
	p->bits = (unsigned)bits;
	return true;
}

struct prefix_list *
prefix_list_create(const struct strlist *list)
{
	struct prefix_list *l = mem_alloc(sizeof(*l));
	size_t i;

	l->p = mem_array(list->n + 1, sizeof(*l->p));
	for (i = 0; i < list->n; i++) {
		if (prefix_parse(list->s[i], &l->p[l->n]))
			l->n++;
		else
			log_warn("smtpd",
			    "trusted=%s error=\"no address or "
			    "prefix\"",
			    log_q(list->s[i]));
	}
	return l;
}

void
prefix_list_destroy(struct prefix_list **lp)
{
	if (*lp == NULL)
		return;
	mem_free(&(*lp)->p);
	mem_free(lp);
}

static const unsigned char *
addr_bytes(const struct net_addr *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return a->u.in6.sin6_addr.s6_addr;
	return (const unsigned char *)&a->u.in.sin_addr;
}

static bool
prefix_match(const struct prefix *p, const struct net_addr *a)
{
	const unsigned char *x = addr_bytes(&p->addr), *y = addr_bytes(a);
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (p->addr.u.sa.sa_family != a->u.sa.sa_family)
		return false;
	if (memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || ((x[whole] ^ y[whole]) >> (8 - rest)) == 0;
}

bool
prefix_list_match(const struct prefix_list *l, const struct net_addr *a)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (prefix_match(&l->p[i], a))
			return true;
	return false;
}
