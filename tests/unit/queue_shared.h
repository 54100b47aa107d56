/* SPDX-License-Identifier: ISC
 * queue_shared: a world (queue_world.h) whose store is shared: the test plays who
 * owns what, too, and the other nodes. */
#ifndef MX_TESTS_QUEUE_SHARED_H
#define MX_TESTS_QUEUE_SHARED_H

#include "relay/queue/queue_int.h"
#include "tests/unit/queue_world.h"

#define SHARED_DOMAINS 8

struct shared {
	struct world w; /* first */
	/* A, B, d0.test ...: is it ours, as the store has it? */
	bool own[SHARED_DOMAINS];
	bool mine[SHARED_DOMAINS]; /* the same as the queue was told */
	unsigned left, kept; /* queue_left_cb */
	uint64_t last_id;
};

static inline const char *
shared_name(unsigned i)
{
	static const char *const names[SHARED_DOMAINS] = { A, B, "d0.test",
		"d1.test", "d2.test", "d3.test", "d4.test", "d5.test" };

	return names[i];
}

static inline unsigned
shared_index(const char *domain)
{
	unsigned i = 0;

	while (strcmp(shared_name(i), domain) != 0)
		i++;
	return i;
}

static inline bool
shared_ours(void *arg, const char *domain, bool now)
{
	const struct shared *s = arg;

	return now ? s->own[shared_index(domain)] :
		     s->mine[shared_index(domain)];
}

static inline void
shared_given(void *arg, uint64_t domain, int rc)
{
	struct shared *s = arg;

	(void)rc;
	if (!s->mine[domain])
		s->own[domain] = false;
}

/* All is another's. */
static inline void
shared_fence(struct shared *s)
{
	memset(s->own, 0, sizeof(s->own));
	memset(s->mine, 0, sizeof(s->mine));
	queue_detach_all(s->w.q);
}

static inline void
shared_left(void *arg, const char *domain, bool kept)
{
	struct shared *s = arg;

	assert_true(fake_loop_running());
	s->left += !kept;
	s->kept += kept;
	if (kept)
		return;
	s->mine[shared_index(domain)] = false;
	fake_store_call(s->w.store, shared_given, s, shared_index(domain));
}

static inline void
shared_attach(struct shared *s, const char *domain)
{
	s->own[shared_index(domain)] = s->mine[shared_index(domain)] = true;
	queue_attach(s->w.q, &domain, 1);
}

static inline void
shared_detach(struct shared *s, const char *domain)
{
	queue_detach(s->w.q, domain, shared_left, s);
}

/* Another node took it, and it is stored; it tells us of it or does not. */
static inline uint64_t
shared_put(struct shared *s, const char *domain, bool told)
{
	struct envelope *env = world_make(domain, 1);
	struct envelope_brief b;
	uint64_t id = env->id = ++s->last_id << 8;

	fake_store_put(s->w.store, env);
	envelope_brief(env, &b);
	if (told)
		queue_arrived(s->w.q, &b);
	envelope_destroy(&env);
	return id;
}

static inline uint64_t
shared_n(struct shared *s, const char *domain)
{
	struct relay_domain d = world_gauges(&s->w, domain);

	return relay_domain_messages(&d);
}

static inline struct part *
shared_part(struct shared *s, uint64_t id)
{
	struct part *e = parts_find(s->w.q, id);

	return e != NULL && e->state != PART_GONE ? e : NULL;
}

static inline void
shared_up(struct shared *s)
{
	struct queue_conf conf = { .known_names = 4096,
		.learned_names = WORLD_LEARNED,
		.shared = true };

	s->w.domains = SHARED_DOMAINS - 2;
	world_queue_up(&s->w, &conf);
}

static inline void
shared_open(struct shared *s)
{
	fake_time_reset();
	assert_int_equal(log_open(LOG_DEST_FILE, "/dev/null", LOG_LEVEL_INFO),
	    0);
	s->last_id = 500; /* below those that the store gives */
	s->w.loop = loop_create();
	s->w.store = fake_store_create();
	s->w.stats = stats_create();
	stats_domain_add(s->w.stats, A);
	stats_domain_add(s->w.stats, B);
	fake_store_share(s->w.store, shared_ours, s);
	shared_up(s);
}

static inline void
shared_close(struct shared *s)
{
	queue_destroy(&s->w.q);
	fake_store_pump(s->w.store);
	fake_store_destroy(s->w.store);
	stats_destroy(&s->w.stats);
	loop_destroy(&s->w.loop);
}

static inline int
shared_setup(void **state)
{
	*state = mem_alloc(sizeof(struct shared));
	shared_open(*state);
	return 0;
}

static inline int
shared_teardown(void **state)
{
	shared_close(*state);
	mem_free(state);
	return 0;
}

#endif
