/* SPDX-License-Identifier: ISC
 * schedule_share: primaries with the same addresses are one host under several
 * names (hosters give every customer an mx.customer.test), and one session an
 * interval is enough for all of them. Watches whose policies are equal, too,
 * and whose certificate is not verified by name, form a share: the first member
 * whose turn comes when a session is due holds it, asks for domains of the
 * others as well, and the result is reported to all, some a turn of the loop.
 *
 * Each name is still looked up separately. A watch with new addresses finds its
 * new share when its turn comes, and gets no results of the old one any
 * more. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/schedule_int.h"

#define TELL_MAX 50 /* watches told in one go */

/* The result of a session, for the other members. */
struct share_news {
	unsigned n; /* its number */
	struct primary_session s;
	struct primary_offer offer;
	int64_t phase_ns[SMTP_PHASE_MAX];
	char text[PRIMARY_TEXT_MAX];
	bool silent; /* it is still under way: watch_silent() */
	int64_t waited_ms;
	unsigned intervals, asks;
};

static int
share_cmp(const struct share *a, const struct share *b)
{
	int rc = strcmp(a->addresses, b->addresses);

	if (rc == 0)
		rc = strcmp(a->name, b->name);
	return rc != 0 ? rc : watch_policy_cmp(a->policy, b->policy);
}

RB_GENERATE_INTERNAL(share_tree, share, node, share_cmp, static MX_UNUSED)

/* ---- members */

static void
share_free(struct share *h)
{
	struct schedule *s = h->s;

	MX_ASSERT(h->leader == NULL && h->overdue == NULL);
	if (h->news != NULL)
		TAILQ_REMOVE(&s->telling, h, telling);
	RB_REMOVE(share_tree, &s->shares, h);
	mem_free(&h->news);
	mem_free(&h->addresses);
	mem_free(&h->name);
	mem_free(&h);
}

void
share_leave(struct turn *t)
{
	struct share *h = t->share;
	struct turn *next;

	if (h == NULL)
		return;
	share_ended(t);
	if (probing_is_overdue(t))
		probing_cancel_overdue(h);
	next = TAILQ_NEXT(t, member);
	if (h->cursor == t)
		h->cursor = next;
	if (h->ask == t)
		h->ask = next;
	TAILQ_REMOVE(&h->members, t, member);
	t->share = NULL;
	if (TAILQ_EMPTY(&h->members))
		share_free(h);
	else
		h->policy = &TAILQ_FIRST(&h->members)->watch->policy;
}

static struct share *
share_get(struct schedule *s, const struct watch *w)
{
	struct share find = {
		.addresses = (char *)(uintptr_t)watch_addresses_key(w),
		.name = config_tls_is_named(w->policy.tls) ?
		    w->primary->label :
		    (char *)(uintptr_t) "",
		.policy = &w->policy,
	};
	struct share *h = RB_FIND(share_tree, &s->shares, &find);

	if (h != NULL)
		return h;
	h = mem_alloc(sizeof(*h));
	h->s = s;
	h->addresses = mem_strdup(find.addresses);
	h->name = mem_strdup(find.name);
	h->policy = &w->policy;
	TAILQ_INIT(&h->members);
	(void)RB_INSERT(share_tree, &s->shares, h);
	return h;
}

/* Does it still have the addresses of its share? */
static bool
share_holds(const struct turn *t)
{
	return t->share != NULL &&
	    strcmp(watch_addresses_key(t->watch), t->share->addresses) == 0;
}

void
share_join(struct turn *t)
{
	struct share *h;

	if (share_holds(t))
		return;
	share_leave(t);
	h = share_get(t->s, t->watch);
	if (!TAILQ_EMPTY(&h->members))
		watch_join(t->s->watches, t->watch,
		    TAILQ_FIRST(&h->members)->watch);
	t->share = h;
	t->told = h->told;
	TAILQ_INSERT_TAIL(&h->members, t, member);
}

bool
share_is_alone(const struct turn *t)
{
	return t->share == NULL ||
	    (TAILQ_FIRST(&t->share->members) == t &&
		TAILQ_NEXT(t, member) == NULL);
}

/* ---- sessions */

bool
share_begins(struct turn *t, int64_t pace_ms)
{
	struct share *h = t->share;

	if (h->leader != NULL)
		return false;
	if (!t->now && h->start != 0 &&
	    loop_now(t->s->loop) < h->start + pace_ms * CLOCK_MS)
		return false;
	h->leader = t;
	h->start = t->start;
	return true;
}

void
share_ended(struct turn *t)
{
	if (t->share != NULL && t->share->leader == t)
		t->share->leader = NULL;
}

struct turn *
share_next_asked(struct share *h)
{
	struct turn *t = h->ask;

	if (t == NULL)
		t = TAILQ_FIRST(&h->members);
	h->ask = TAILQ_NEXT(t, member);
	return t;
}

/* ---- results */

static void
tell(struct turn *t, const struct share_news *n)
{
	struct schedule *s = t->s;
	int64_t now = loop_now(s->loop), wall = clock_wall();

	if (t->told == n->n || !share_holds(t))
		return;
	t->told = n->n;
	t->watch->asks = n->asks;
	if (n->silent)
		(void)watch_silent(s->watches, t->watch, &n->s, n->waited_ms,
		    n->intervals, now, wall);
	else
		watch_session(s->watches, t->watch, &n->s, now, wall);
}

/* True when all were told. */
static bool
share_tell(struct share *h, unsigned *budget)
{
	struct turn *t;

	for (; *budget > 0 && (t = h->cursor) != NULL; (*budget)--) {
		h->cursor = TAILQ_NEXT(t, member);
		tell(t, h->news);
	}
	return h->cursor == NULL;
}

void
share_tell_some(void *arg)
{
	struct schedule *s = arg;
	unsigned budget = TELL_MAX;
	struct share *h;

	while (
	    (h = TAILQ_FIRST(&s->telling)) != NULL && share_tell(h, &budget)) {
		TAILQ_REMOVE(&s->telling, h, telling);
		mem_free(&h->news);
	}
	if (h != NULL)
		loop_timer_set(s->teller, 0);
}

/* News that come before all members were told the previous ones replace those:
 * the last result counts. */
static struct share_news *
share_news(struct turn *t, const struct primary_session *said)
{
	struct share *h = t->share;
	struct share_news *n;

	t->told = ++h->told;
	if (share_is_alone(t))
		return NULL;
	if (h->news == NULL) {
		h->news = mem_alloc(sizeof(*h->news));
		TAILQ_INSERT_TAIL(&h->s->telling, h, telling);
	}
	n = h->news;
	*n = (struct share_news){ .n = h->told, .s = *said };
	n->asks = t->watch->asks;
	(void)strlcpy(n->text, said->text, sizeof(n->text));
	n->s.text = n->text;
	if (said->phase_ns != NULL) {
		memcpy(n->phase_ns, said->phase_ns, sizeof(n->phase_ns));
		n->s.phase_ns = n->phase_ns;
	}
	if (said->offer != NULL) {
		n->offer = *said->offer;
		n->s.offer = &n->offer;
	}
	h->cursor = TAILQ_FIRST(&h->members);
	loop_timer_set(h->s->teller, 0);
	return n;
}

void
share_session(struct turn *t, const struct primary_session *said)
{
	(void)share_news(t, said);
}

void
share_silent(struct turn *t, const struct primary_session *said,
    int64_t waited_ms, unsigned intervals)
{
	struct share_news *n = share_news(t, said);

	if (n == NULL)
		return;
	n->silent = true;
	n->waited_ms = waited_ms;
	n->intervals = intervals;
}
