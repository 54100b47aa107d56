/* SPDX-License-Identifier: ISC
 * fake_loop: see fake_loop.h. Timers and tasks are short lists: tests have
 * few of them. What a real loop forbids is an assertion here: a task that
 * never comes to rest, an object that outlives its loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "tests/unit/fake_loop.h"

#define TURNS_MAX 1000000 /* more: something spins */

struct loop {
	LIST_HEAD(, loop_timer) timers;
	TAILQ_HEAD(, loop_task) tasks; /* scheduled */
	unsigned objects;
};

struct loop_timer {
	LIST_ENTRY(loop_timer) link;
	struct loop *loop;
	void (*cb)(void *);
	void *arg;
	int64_t at; /* ns; 0: not set */
};

struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	struct loop *loop;
	void (*cb)(void *);
	void *arg;
	bool scheduled;
};

static int64_t mono_ns = CLOCK_SEC, wall_offset_ms = FAKE_WALL_MS - 1000;
static int64_t late_ns;

int64_t
clock_now(void)
{
	return mono_ns;
}

int64_t
clock_wall_ms(void)
{
	return mono_ns / CLOCK_MS + wall_offset_ms;
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

/* Chance stands still with time: the same numbers in each run (splitmix64). */
static uint64_t chance;

uint64_t
rnd_u64(void)
{
	uint64_t v = chance += UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

uint32_t
rnd_below(uint32_t bound)
{
	MX_ASSERT(bound > 0);
	return (uint32_t)(rnd_u64() % bound);
}

int64_t
rnd_jitter(int64_t v, unsigned percent)
{
	int64_t span = v / 100 * (int64_t)percent;

	return span <= 0 ?
	    v :
	    v - span + (int64_t)(rnd_u64() % (2 * (uint64_t)span + 1));
}

void
fake_time_reset(void)
{
	chance = 0;
	mono_ns = CLOCK_SEC;
	wall_offset_ms = FAKE_WALL_MS - 1000;
	late_ns = 0;
}

void
fake_time_step(int64_t wall_ms)
{
	wall_offset_ms = wall_ms - mono_ns / CLOCK_MS;
}

struct loop *
loop_create(void)
{
	struct loop *l = mem_alloc(sizeof(*l));

	LIST_INIT(&l->timers);
	TAILQ_INIT(&l->tasks);
	return l;
}

void
loop_destroy(struct loop **lp)
{
	MX_ASSERT((*lp)->objects == 0);
	mem_free(lp);
}

int64_t
loop_now(const struct loop *l)
{
	(void)l;
	return mono_ns;
}

int64_t
loop_late_ns(const struct loop *l)
{
	(void)l;
	return late_ns;
}

int64_t
loop_late_before_ns(const struct loop *l)
{
	return loop_late_ns(l);
}

void
fake_loop_late(int64_t ms)
{
	late_ns += ms * CLOCK_MS;
}

struct loop_timer *
loop_timer_create(struct loop *l, void (*cb)(void *), void *arg)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	l->objects++;
	LIST_INSERT_HEAD(&l->timers, t, link);
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->at = mono_ns + (delay_ms > 0 ? delay_ms : 0) * CLOCK_MS;
}

void
loop_timer_cancel(struct loop_timer *t)
{
	t->at = 0;
}

bool
loop_timer_pending(const struct loop_timer *t)
{
	return t->at != 0;
}

void
loop_timer_destroy(struct loop_timer **tp)
{
	if (*tp == NULL)
		return;
	(*tp)->loop->objects--;
	LIST_REMOVE(*tp, link);
	mem_free(tp);
}

struct loop_task *
loop_task_create(struct loop *l, void (*cb)(void *), void *arg)
{
	struct loop_task *t = mem_alloc(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	l->objects++;
	return t;
}

void
loop_task_schedule(struct loop_task *t)
{
	if (t->scheduled)
		return;
	t->scheduled = true;
	TAILQ_INSERT_TAIL(&t->loop->tasks, t, link);
}

void
loop_task_wait(struct loop_task *t)
{
	loop_task_schedule(t);
}

void
loop_task_destroy(struct loop_task **tp)
{
	struct loop_task *t = *tp;

	if (t == NULL)
		return;
	if (t->scheduled)
		TAILQ_REMOVE(&t->loop->tasks, t, link);
	t->loop->objects--;
	mem_free(tp);
}

/* The timer that is due first, if that is not after `limit`. */
static struct loop_timer *
timer_next(struct loop *l, int64_t limit)
{
	struct loop_timer *t, *best = NULL;

	LIST_FOREACH (t, &l->timers, link)
		if (t->at != 0 && t->at <= limit &&
		    (best == NULL || t->at < best->at))
			best = t;
	return best;
}

static void
tasks_run(struct loop *l)
{
	struct loop_task *t;
	unsigned turns = 0;

	while ((t = TAILQ_FIRST(&l->tasks)) != NULL) {
		MX_ASSERT(turns++ < TURNS_MAX);
		TAILQ_REMOVE(&l->tasks, t, link);
		t->scheduled = false;
		t->cb(t->arg);
	}
}

static bool running;

static void
run_until(struct loop *l, int64_t limit)
{
	struct loop_timer *t;
	unsigned turns = 0;

	running = true;
	tasks_run(l);
	while ((t = timer_next(l, limit)) != NULL) {
		MX_ASSERT(turns++ < TURNS_MAX);
		if (t->at > mono_ns)
			mono_ns = t->at;
		t->at = 0;
		t->cb(t->arg);
		tasks_run(l);
	}
	running = false;
}

bool
fake_loop_running(void)
{
	return running;
}

void
fake_loop_settle(struct loop *l)
{
	run_until(l, mono_ns);
}

void
fake_loop_advance(struct loop *l, int64_t ms)
{
	int64_t end = mono_ns + ms * CLOCK_MS;

	run_until(l, end);
	mono_ns = end;
	run_until(l, end);
}
