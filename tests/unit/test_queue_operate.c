/* SPDX-License-Identifier: ISC
 * What an operator does to the queue and sees of it. */
#include "relay/queue/queue_int.h"
#include "tests/unit/queue_world.h"

static void
hold_and_release(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct queue_conf conf = { 0 };
	uint64_t id, other;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 1);
	other = world_mail(w, A, 1);
	assert_int_equal(r->hold(r->self, id, true, false, NULL), 0);
	assert_int_equal(r->hold(r->self, 12345, true, true, NULL), -MX_ENOENT);
	world_settle(w);
	assert_true(fake_store_get(w->store, id)->flags & ENV_HELD);
	assert_int_equal(world_gauges(w, A).held, 1);
	world_deliver(w, A, other, "2");
	assert_null(queue_take(w->q, A));
	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	r = w->relay;
	queue_gate(w->q, A, GATE_OPEN);
	assert_int_equal(world_gauges(w, A).held, 1);
	assert_int_equal(world_gauges(w, A).next_expiry_ms, 0);
	assert_true(world_gauges(w, A).oldest_ms != 0);
	world_advance(w, 40 * DAY); /* what is held does not expire */
	assert_int_equal(w->nexpired, 0);
	assert_int_equal(w->nwarned, 0);
	assert_int_equal(r->extend(r->self, A, 40 * DAY), 0);
	assert_int_equal(r->hold(r->self, id, false, true, NULL), 0);
	assert_null(queue_take(w->q, A)); /* not before it is written */
	world_settle(w);
	assert_false(fake_store_get(w->store, id)->flags & ENV_HELD);
	w->nwarned = 0;
}

/* Orders for what is out are carried out when it is back. */
static void
orders_wait_for_the_job(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct queue_job *job;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 2);
	job = queue_take(w->q, A);
	assert_int_equal(r->hold(r->self, id, true, true, NULL), 0);
	world_finish(w, job, "24");
	assert_int_equal(world_gauges(w, A).held, 1);
	assert_true(fake_store_get(w->store, id)->flags & ENV_HELD);
	assert_int_equal(r->remove(r->self, id, false, false, NULL), 0);
	world_settle(w);
	assert_int_equal(fake_store_count(w->store), 0);
	id = world_mail(w, A, 1);
	job = queue_take(w->q, A);
	assert_int_equal(r->remove(r->self, id, false, false, NULL), 0);
	world_settle(w);
	assert_int_equal(fake_store_count(w->store), 1);
	world_lose(w, job);
	assert_int_equal(fake_store_count(w->store), 0);
}

static void
domain_hold(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };

	world_open_with_canary(w, A);
	world_mail(w, A, 1);
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, true), 0);
	world_settle(w);
	assert_int_equal(w->want_a, 0);
	assert_null(queue_take(w->q, A));
	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	queue_gate(w->q, A, GATE_OPEN);
	assert_true(world_gauges(w, A).on_hold);
	assert_int_equal(world_gauges(w, A).held, 1);
	assert_null(queue_take(w->q, A));
	world_advance(w, 2 * DAY);
	assert_int_equal(w->nwarned, 1); /* the sender hears of it */
	world_warn(w, w->warned[0], 0);
	assert_int_equal(w->nwarned, 2);
	world_warn(w, w->warned[1], 1);
	world_advance(w, 40 * DAY); /* but nothing expires */
	assert_int_equal(w->nexpired, 0);
	assert_int_equal(w->nwarned, 2);
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, false), 0);
	world_settle(w);
	assert_int_equal(w->nexpired, 1);
	queue_done(w->q, w->expired[0], JOB_RETURNED, NULL);
}

/* Who has used most of his lifetime, extension and all. */
static void
ripest(struct world *w, int64_t arrival_ms, int64_t life_ms)
{
	struct relay_domain d = world_gauges(w, A);

	assert_int_equal(d.ripest_ms / MINUTE, arrival_ms / MINUTE);
	assert_int_equal(d.ripest_life_ms, life_ms);
}

static void
the_ripest_need_not_be_the_oldest(void **state)
{
	struct world *w = *state;
	struct queue_policy p = world_policy;
	int64_t t0 = clock_wall_ms();

	p.ndelay_warning = 0;
	queue_policy(w->q, A, &p);
	world_mail(w, A, 1);
	ripest(w, t0, 30 * DAY);
	assert_int_equal(w->relay->extend(w->relay->self, A, 7 * DAY), 0);
	world_advance(w, DAY);
	world_mail(w, A, 1);
	ripest(w, t0, 37 * DAY); /* a day of 37, none of 30 */
	world_advance(w, 3 * DAY);
	ripest(w, t0, 37 * DAY); /* 4 of 37, 3 of 30 */
	world_advance(w, 2 * DAY);
	ripest(w, t0 + DAY, 30 * DAY); /* 6 of 37, 5 of 30 */
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, true), 0);
	ripest(w, t0 + DAY, 30 * DAY); /* what is held gets old, too */
}

static void
lifetimes_change(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };
	struct queue_policy p = world_policy;
	int64_t t0 = clock_wall_ms();

	p.ndelay_warning = 0;
	queue_policy(w->q, A, &p);
	world_mail(w, A, 1);
	assert_int_equal(w->relay->extend(w->relay->self, A, 7 * DAY), 0);
	assert_int_equal(w->relay->extend(w->relay->self, B, DAY), -MX_ENOENT);
	assert_int_equal(world_gauges(w, A).ripest_life_ms, 37 * DAY);
	world_advance(w, DAY);
	world_mail(w, A, 1); /* later: not extended, so it expires first */
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 31 * DAY) / MINUTE);
	queue_destroy(&w->q);
	world_queue_up(w,
	    &conf); /* with the warnings again, but not for long */
	queue_policy(w->q, A, &p);
	assert_int_equal(w->nwarned, 1);
	queue_done(w->q, w->warned[0], JOB_RETURNED, NULL);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 31 * DAY) / MINUTE);
	world_advance(w, 30 * DAY + HOUR);
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 37 * DAY) / MINUTE);
	p.lifetime_ms = 24 * DAY; /* and with 7 more it is over now */
	queue_policy(w->q, A, &p);
	world_settle(w);
	assert_int_equal(w->nexpired, 2);
	world_expire(w, w->expired[1]);
	assert_int_equal(fake_store_count(w->store), 0);
}

/* Single messages that live longer: the next to expire and the ripest are found
 * among all, in memory and after a restart. */
static void
some_live_longer(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct queue_policy p = world_policy;
	struct relay_ordered o = { .domain = "" };
	int64_t t0 = clock_wall_ms();
	struct queue_conf conf = { 0 };
	uint64_t first;

	p.ndelay_warning = 0;
	queue_policy(w->q, A, &p);
	first = world_mail(w, A, 1);
	world_advance(w, DAY);
	world_mail(w, A, 1);
	assert_int_equal(r->extend_one(r->self, first, 4 * DAY, true, &o), 0);
	assert_int_equal(o.done, 1);
	assert_string_equal(o.domain, A);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 31 * DAY) / MINUTE);
	ripest(w, t0, 34 * DAY); /* a day of 34, none of 30 */
	assert_int_equal(r->extend_one(r->self, first, 3 * DAY, true, NULL), 0);
	world_settle(w);
	ripest(w, t0, 37 * DAY);
	/* and the domain besides: this one has both */
	assert_int_equal(r->extend(r->self, A, 2 * DAY), 0);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 33 * DAY) / MINUTE);
	world_settle(w);
	queue_destroy(&w->q);
	w->policy = &p;
	world_queue_up(w, &conf);
	r = w->relay;
	assert_int_equal(r->extend_one(r->self, 1u << 30, DAY, true, NULL),
	    -MX_ENOENT);
	ripest(w, t0, 39 * DAY);
	assert_int_equal(world_gauges(w, A).oldest_ms / MINUTE, t0 / MINUTE);
	world_advance(w, 32 * DAY + HOUR);
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 39 * DAY) / MINUTE);
	world_advance(w, 6 * DAY);
	assert_int_equal(w->nexpired, 2);
	world_expire(w, w->expired[1]);
	assert_int_equal(fake_store_count(w->store), 0);
}

/* More different extensions than there are classes: nobody has less than was
 * ordered, and the one that expires first is known all the time. */
static void
many_different_extensions(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct queue_policy p = world_policy;
	uint64_t ids[2 * EXTEND_CLASSES];
	int64_t first, ordered;
	const struct part *e;

	p.ndelay_warning = 0;
	queue_policy(w->q, A, &p);
	for (unsigned i = 0; i < MX_COUNT(ids); i++)
		ids[i] = world_mail(w, A, 1);
	for (unsigned i = 0; i < MX_COUNT(ids); i++) {
		ordered = (int64_t)(i * 7 % MX_COUNT(ids) + 1) * DAY;
		assert_int_equal(
		    r->extend_one(r->self, ids[i], ordered, true, NULL), 0);
	}
	world_settle(w);
	first = INT64_MAX;
	for (unsigned i = 0; i < MX_COUNT(ids); i++) {
		ordered = (int64_t)(i * 7 % MX_COUNT(ids) + 1) * DAY;
		e = parts_find(w->q, ids[i]);
		assert_true(
		    part_expiry(e) >= e->arrival_ms + p.lifetime_ms + ordered);
		assert_false(e->extending);
		if (part_expiry(e) < first)
			first = part_expiry(e);
	}
	assert_int_equal(world_gauges(w, A).next_expiry_ms, first);
}

static void
given_up_by_the_operator(void **state)
{
	struct world *w = *state;
	uint64_t id = world_mail(w, A, 1);

	assert_int_equal(w->relay->bounce(w->relay->self, id, true, NULL), 0);
	world_settle(w);
	assert_int_equal(w->nexpired, 1);
	assert_true(w->expired[0]->given_up);
	world_expire(w, w->expired[0]);
	assert_int_equal(fake_store_count(w->store), 0);
}

static void
damaged_is_kept(void **state)
{
	struct world *w = *state;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	queue_done(w->q, queue_take(w->q, A), JOB_DAMAGED, NULL);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).held, 1);
	assert_null(queue_take(w->q, A));
	assert_true(fake_store_get(w->store, id)->flags & ENV_HELD);
}

static void
unreadable_are_known(void **state)
{
	static const uint64_t ids[] = { 0x1000, 0x2000 };
	struct world *w = *state;
	struct queue_conf conf = { 0 };
	struct relay_unreadable u;

	w->relay->unreadable(w->relay->self, &u);
	assert_int_equal(u.n, 0);
	assert_int_equal(u.all, 0);
	queue_destroy(&w->q);
	fake_store_damage(w->store, ids, 2, 5);
	world_queue_up(w, &conf);
	w->relay->unreadable(w->relay->self, &u);
	assert_int_equal(u.n, 2);
	assert_int_equal(u.ids[1], 0x2000);
	assert_int_equal(u.all, 5);
	assert_int_equal(w->relay->came(w->relay->self, ids[1]), 0x20);
	assert_int_equal(w->stats->g.damaged[DAMAGE_RECORD], 5);
}

static void
on_list(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	struct world *w = arg;

	w->list_rc = rc;
	w->nlisted = n;
	w->next = next;
	for (unsigned i = 0; i < n; i++) {
		w->listed[i] = v[i].id;
		assert_non_null(v[i].rcpts);
		assert_in_range(v[i].nrcpts, 1, 2);
		assert_int_equal(v[i].expiry_ms, v[i].arrival_ms + 30 * DAY);
	}
}

static void
on_show(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct world *w = arg;

	w->list_rc = rc;
	w->nlisted = n;
	if (n > 0)
		snprintf(w->detail, sizeof(w->detail), "%s %s %s", v[0].domain,
		    v[0].rcpts[1].mailbox, v[0].rcpts[1].state);
}

static void
on_expiry(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	int64_t *expiry_ms = arg;

	assert_int_equal(rc, 0);
	assert_int_equal(n, 1);
	*expiry_ms = v[0].expiry_ms;
}

static void
day_passes(struct world *w)
{
	world_advance(w, DAY);
	while (w->nwarned > 0)
		world_warn(w, w->warned[--w->nwarned], 1);
}

/* The next to expire is the next that will: not what is held, however old. */
static void
held_does_not_expire(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	uint64_t held[3], next, later;
	int64_t t0 = clock_wall_ms(), expiry;

	for (unsigned i = 0; i < 3; i++)
		held[i] = world_mail(w, A, 1);
	day_passes(w);
	next = world_mail(w, A, 1);
	day_passes(w);
	later = world_mail(w, A, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r->hold(r->self, held[i], true, false, NULL),
		    0);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).oldest_ms, t0);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 31 * DAY) / MINUTE);
	r->show(r->self, held[0], on_expiry, &expiry);
	world_settle(w);
	assert_int_equal(expiry, 0);
	assert_int_equal(r->hold(r->self, next, true, false, NULL), 0);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).next_expiry_ms / MINUTE,
	    (t0 + 32 * DAY) / MINUTE);
	assert_int_equal(r->hold(r->self, held[1], false, false, NULL), 0);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).next_expiry_ms, t0 + 30 * DAY + 1);
	r->hold_domain(r->self, A, true);
	assert_int_equal(world_gauges(w, A).next_expiry_ms, 0);
	r->show(r->self, later, on_expiry, &expiry);
	world_settle(w);
	assert_int_equal(expiry, 0);
	/* An extension is for what is there, also when all of it is held. */
	r->hold_domain(r->self, A, false);
	assert_int_equal(r->hold(r->self, held[1], true, false, NULL), 0);
	assert_int_equal(r->hold(r->self, later, true, false, NULL), 0);
	world_settle(w);
	assert_int_equal(r->extend(r->self, A, DAY), 0);
	assert_int_equal(r->hold(r->self, held[0], false, false, NULL), 0);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).next_expiry_ms, t0 + 31 * DAY);
}

static void
list_pages(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	uint64_t ids[25], after = 0;
	unsigned seen = 0, of_a = 0;

	for (unsigned i = 0; i < MX_COUNT(ids); i++)
		ids[i] = world_mail(w, i % 3 == 0 ? A : B, 1);
	do {
		r->list(r->self, NULL, NULL, after, 10, on_list, w);
		w->nlisted = 99;
		world_settle(w);
		assert_true(w->nlisted <= 10);
		for (unsigned i = 0; i < w->nlisted; i++)
			assert_int_equal(w->listed[i], ids[seen++]);
		after = w->next;
	} while (after != 0);
	assert_int_equal(seen, MX_COUNT(ids));
	do {
		r->list(r->self, A, NULL, after, 2, on_list, w);
		world_settle(w);
		for (unsigned i = 0; i < w->nlisted; i++)
			assert_int_equal(w->listed[i], ids[3 * of_a++]);
		after = w->next;
	} while (after != 0);
	assert_int_equal(of_a, 9);
	r->list(r->self, "x.example", NULL, 0, 10, on_list, w);
	world_settle(w);
	assert_int_equal(w->nlisted, 0);
	assert_int_equal(w->next, 0);
}

struct looked {
	unsigned a, others;
	int64_t oldest_ms;
};

static void
on_look(void *arg, const char *domain, int64_t arrival_ms)
{
	struct looked *l = arg;

	if (strcmp(domain, A) == 0)
		l->a++;
	else
		l->others++;
	if (l->oldest_ms == 0 || arrival_ms < l->oldest_ms)
		l->oldest_ms = arrival_ms;
}

static struct looked
look_all(const struct relay *r, const char *domain)
{
	struct looked l = { 0 };
	uint64_t after = 0;

	do
		after = r->look(r->self, domain, after, on_look, &l);
	while (after != 0);
	return l;
}

/* The index in slices: each message once, of one domain or of all. */
static void
look_at_the_index(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	int64_t first = clock_wall_ms();
	struct looked l;

	for (unsigned i = 0; i < 12; i++) {
		(void)world_mail(w, i % 4 == 3 ? B : A, 1);
		world_advance(w, MINUTE);
	}
	l = look_all(r, A);
	assert_int_equal(l.a, 9);
	assert_int_equal(l.others, 0);
	assert_true(l.oldest_ms >= first && l.oldest_ms < first + MINUTE);
	l = look_all(r, NULL);
	assert_int_equal(l.a, 9);
	assert_int_equal(l.others, 3);
	l = look_all(r, "x.example");
	assert_int_equal(l.a + l.others, 0);
}

static void
on_list_rcpts(void *arg, int rc, const struct msg_view *v, unsigned n,
    uint64_t next)
{
	unsigned *seen = arg;

	assert_int_equal(rc, 0);
	assert_int_equal(n, 1);
	assert_int_equal(next, 0);
	*seen = v[0].rcpts != NULL ? v[0].nrcpts : 0;
}

static void
list_with_recipients(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	unsigned seen = 99;

	(void)world_mail(w, A, 3);
	r->list(r->self, A, NULL, 0, 10, on_list_rcpts, &seen);
	world_settle(w);
	assert_int_equal(seen, 3);
}

/* What waits lies in the order of its times: one whose time is set to now leaves
 * from its new place, and the others are found at theirs. */
static void
bounce_what_waits(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	uint64_t ids[5];

	world_open_with_canary(w, A);
	for (unsigned i = 0; i < MX_COUNT(ids); i++) {
		ids[i] = world_mail(w, A, 1);
		world_deliver(w, A, ids[i], "4");
		world_advance(w, MINUTE / 2);
	}
	for (unsigned i = MX_COUNT(ids); i-- > 0;)
		assert_int_equal(r->bounce(r->self, ids[i], true, NULL), 0);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).owed, 0);
	assert_int_equal(w->nexpired, MX_COUNT(ids)); /* all are told of */
}

/* All pages of a list; ids into w->listed. */
static unsigned
list_all(struct world *w, const char *domain, const struct selection *f,
    unsigned *pages)
{
	const struct relay *r = w->relay;
	uint64_t found[600], after = 0;
	unsigned n = 0;

	*pages = 0;
	do {
		r->list(r->self, domain, f, after, 10, on_list, w);
		world_settle(w);
		for (unsigned i = 0; i < w->nlisted; i++)
			found[n++] = w->listed[i];
		assert_true(w->next == 0 || w->next > after);
		after = w->next;
		++*pages;
	} while (after != 0);
	memcpy(w->listed, found, n * sizeof(found[0]));
	return n;
}

/* By sender, recipient and age: page by page, of which some are empty, and with
 * messages that come and go in between. */
static void
list_filtered(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct selection f = { .sender = "Nobody@Example.com" };
	uint64_t old = world_mail(w, A, 2), ids[40];
	unsigned pages;

	world_advance(w, HOUR);
	for (unsigned i = 0; i < MX_COUNT(ids); i++)
		ids[i] = world_mail(w, i % 2 == 0 ? A : B, 1);
	assert_int_equal(list_all(w, NULL, &f, &pages), 0);
	assert_true(pages > 1);
	f = (struct selection){ .before_ms = clock_wall_ms() - HOUR / 2 };
	assert_int_equal(list_all(w, NULL, &f, &pages), 1);
	assert_int_equal(w->listed[0], old);
	assert_int_equal(list_all(w, B, &f, &pages), 0);
	f = (struct selection){ .rcpt = "USER1@a.example" };
	assert_int_equal(list_all(w, NULL, &f, &pages), 1);
	assert_int_equal(w->listed[0], old);
	f = (struct selection){ .sender = "", .rcpt = "user0@b.example" };
	assert_int_equal(list_all(w, NULL, &f, &pages), 20);
	assert_int_equal(w->listed[19], ids[39]);
	/* A page; then what it ended with and what follows it go. */
	r->list(r->self, NULL, NULL, 0, 10, on_list, w);
	world_settle(w);
	assert_int_equal(w->next, w->listed[9]);
	assert_int_equal(r->remove(r->self, ids[8], true, true, NULL), 0);
	assert_int_equal(r->remove(r->self, ids[9], true, true, NULL), 0);
	world_settle(w);
	/* Its record is read before it goes, and that is before the page's. */
	assert_int_equal(r->remove(r->self, ids[10], true, true, NULL), 0);
	r->list(r->self, NULL, NULL, w->next, 10, on_list, w);
	world_settle(w);
	assert_int_equal(w->nlisted, 9);
	assert_int_equal(w->listed[0], ids[11]);
}

/* The last answer about a content. */
static struct {
	unsigned n;
	int rc;
	size_t len;
	uint64_t size;
} piece;

static void
on_content(void *arg, int rc, const char *data, size_t len,
    const struct relay_content *of)
{
	(void)arg;
	piece.n++;
	piece.rc = rc;
	piece.len = len;
	piece.size = of->size;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(data[i], 'x');
}

/* Piece by piece, of what is there; and nothing comes behind the queue's end. */
static void
content_in_pieces(void **state)
{
	static const struct {
		uint64_t at;
		size_t max, len;
	} pieces[] = { { 0, 60, 60 }, { 60, 60, 40 }, { 100, 60, 0 },
		{ 200, 60, 0 } };
	struct world *w = *state;
	const struct relay *r = w->relay;
	uint64_t id = world_mail(w, A, 1); /* of 100 bytes */

	for (size_t i = 0; i < MX_COUNT(pieces); i++) {
		piece.n = 0;
		r->content(r->self, id, pieces[i].at, pieces[i].max, on_content,
		    w);
		assert_int_equal(piece.n, 0);
		world_settle(w);
		assert_int_equal(piece.n, 1);
		assert_int_equal(piece.rc, 0);
		assert_int_equal(piece.len, pieces[i].len);
		assert_int_equal(piece.size, 100);
	}
	r->content(r->self, id + 256, 0, 60, on_content, w);
	world_settle(w);
	assert_int_equal(piece.n, 2);
	assert_int_equal(piece.rc, -MX_ENOENT);
	r->content(r->self, id, 0, 60, on_content, w); /* it is cancelled */
}

/* What came of a copy. */
static uint64_t imported;

static void
on_import(void *arg, uint64_t token, int rc, uint64_t id)
{
	(void)arg;
	assert_int_equal(token, 7);
	assert_int_equal(rc, 0);
	imported = id;
}

/* A part for each domain, due at once, with what its sender had asked for. */
static void
copies_are_queued(void **state)
{
	static const struct relay_copy_rcpt rcpts[] = {
		{ "u@" A, A, "rfc822;u@x", 8 },
		{ "v@" B, B, NULL, 0 },
		{ "w@" A, A, NULL, 0 },
	};
	const struct relay_copy copy = { .sender = "s@x.example",
		.helo = "h",
		.client = "192.0.2.9",
		.body8 = true,
		.rcpts = rcpts,
		.nrcpts = 3 };
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct relay_intake *in = r->intake(r->self);

	r->abort(&in);
	assert_null(in);
	in = r->intake(r->self);
	assert_int_equal(r->append(in, "xyz", 3), 0);
	assert_int_equal(r->commit(&in, &copy, on_import, w, 7), 0);
	assert_null(in);
	world_settle(w);
	assert_true(imported != 0);
	assert_int_equal(world_gauges(w, A).deferred, 1);
	assert_int_equal(world_gauges(w, A).recipients, 2);
	assert_int_equal(world_gauges(w, B).recipients, 1);
}

static void
show_has_recipients(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	uint64_t id = world_mail(w, A, 2);

	r->show(r->self, id, on_show, w);
	world_settle(w);
	assert_int_equal(w->list_rc, 0);
	assert_int_equal(w->nlisted, 1);
	assert_string_equal(w->detail, A " user1@" A " pending");
	r->show(r->self, 77, on_show, w);
	world_settle(w);
	assert_int_equal(w->list_rc, -MX_ENOENT);
	r->show(r->self, id, on_show, w); /* and nobody waits for it */
}

static void
ages_follow_the_queue(void **state)
{
	struct world *w = *state;
	static const double le[] = { 60, 3600 };
	uint64_t count[3], id;
	double sum;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 1);
	world_advance(w, 10 * MINUTE);
	world_mail(w, A, 1);
	w->relay->ages(w->relay->self, clock_wall_ms(), le, 2, count, &sum);
	assert_int_equal(count[0], 1);
	assert_int_equal(count[1], 1);
	/* One came ten minutes before; commits take their time, too. */
	assert_float_equal(sum, 600, 1);
	world_deliver(w, A, id, "2");
	w->relay->ages(w->relay->self, clock_wall_ms(), le, 2, count, &sum);
	assert_int_equal(count[1], 0);
	assert_true(sum < 1);
}

/* A clock that was ahead for a while, and is set right: what was counted as
 * old then is not for ever. */
static void
ages_after_a_step_back(void **state)
{
	struct world *w = *state;
	static const double le[] = { 60, 3600, 86400 };
	uint64_t count[4];
	double sum;

	world_mail(w, A, 1);
	world_advance(w, 10 * MINUTE);
	fake_time_step(clock_wall_ms() + 400 * DAY);
	world_advance(w, MINUTE);
	world_mail(w, A, 1); /* the ring is where the clock is */
	fake_time_step(clock_wall_ms() - 400 * DAY);
	world_advance(w, 2 * MINUTE);
	world_mail(w, B, 1);
	w->relay->ages(w->relay->self, clock_wall_ms(), le, 3, count, &sum);
	assert_int_equal(count[0], 2); /* B, and one of the future */
	assert_int_equal(count[1], 1); /* 13 minutes */
	assert_true(sum >= 13 * 60 && sum < 16 * 60);
	assert_int_equal(count[2], 0);
	assert_int_equal(count[3], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hold_and_release),
		CASE(orders_wait_for_the_job),
		CASE(domain_hold),
		CASE(the_ripest_need_not_be_the_oldest),
		CASE(lifetimes_change),
		CASE(some_live_longer),
		CASE(many_different_extensions),
		CASE(given_up_by_the_operator),
		CASE(damaged_is_kept),
		CASE(unreadable_are_known),
		CASE(held_does_not_expire),
		CASE(list_pages),
		CASE(look_at_the_index),
		CASE(list_with_recipients),
		CASE(list_filtered),
		CASE(bounce_what_waits),
		CASE(content_in_pieces),
		CASE(copies_are_queued),
		CASE(show_has_recipients),
		CASE(ages_follow_the_queue),
		CASE(ages_after_a_step_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
