/* SPDX-License-Identifier: ISC
 * sim_loop: see sim_loop.h. Timers lie in a binary heap by time and by a
 * number that grows, so that those of one moment have an order. A timer that
 * is only put off stays where it is and is found too early: that is what the
 * time-outs of connections do at every command. */
#include "tests/sim/sim_loop.h"

#include <sys/queue.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_sink.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "net/helper.h"

#define START_NS  CLOCK_SEC
#define TURNS_MAX 2000000 /* tasks of one moment; more: something spins */
#define HELPER_MS 5

struct slot {
	int64_t key;
	uint64_t order;
	struct loop_timer *timer;
};

struct loop {
	struct slot *heap;
	size_t n, size;
	TAILQ_HEAD(, loop_task) tasks; /* scheduled */
	unsigned objects;
	bool stop;
};

struct loop_timer {
	struct loop *loop;
	void (*cb)(void *);
	void *arg;
	int64_t at; /* 0: not set */
	size_t slot; /* 1-based; 0: not in the heap */
	bool world; /* not the daemon's */
};

struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	struct loop *loop;
	void (*cb)(void *);
	void *arg;
	bool scheduled;
};

struct loop_io {
	struct loop *loop;
};
struct loop_signal {
	struct loop *loop;
};

static int64_t mono_ns = START_NS;
static uint64_t last_order, turns;
static struct dice product;
static struct loop one = { .tasks = TAILQ_HEAD_INITIALIZER(one.tasks) };

/* ---- clock, numbers */

int64_t
clock_now(void)
{
	return mono_ns;
}

int64_t
clock_wall_ms(void)
{
	return SIM_WALL_MS + (mono_ns - START_NS) / CLOCK_MS;
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

uint64_t
dice_u64(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
dice_below(struct dice *d, uint32_t bound)
{
	return (uint32_t)(dice_u64(d) % bound);
}

int64_t
dice_range(struct dice *d, int64_t lo, int64_t hi)
{
	return lo + (int64_t)(dice_u64(d) % (uint64_t)(hi - lo + 1));
}

bool
dice_percent(struct dice *d, unsigned percent)
{
	return dice_below(d, 100) < percent;
}

int64_t
dice_wait(struct dice *d, int64_t mean)
{
	double u = (double)(dice_below(d, 1000000) + 1) / 1000001.0;

	return 1 + (int64_t)(-log(u) * (double)mean);
}

uint64_t
rnd_u64(void)
{
	return dice_u64(&product);
}

uint32_t
rnd_below(uint32_t bound)
{
	return dice_below(&product, bound);
}

int64_t
rnd_jitter(int64_t v, unsigned percent)
{
	int64_t span = v * (int64_t)percent / 100;

	return span <= 0 ? v : dice_range(&product, v - span, v + span);
}

void
sim_time_reset(uint64_t seed)
{
	MX_ASSERT(one.n == 0 && one.objects == 0);
	turns = 0;
	mono_ns = START_NS;
	last_order = 0;
	product.state = seed ^ UINT64_C(0x5eed);
}

uint64_t
sim_loop_turns(void)
{
	return turns;
}

const char *
sim_time_text(int64_t ns)
{
	static char text[4][32];
	static unsigned next;
	char *dst = text[next++ % 4];
	int64_t ms = (ns - START_NS) / CLOCK_MS;

	snprintf(dst, sizeof(text[0]), "%lldd%02d:%02d:%02d.%03d",
	    (long long)(ms / 86400000), (int)(ms / 3600000 % 24),
	    (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
	return dst;
}

/* ---- log */

void
log_sink_put(enum log_level level, const char *line, size_t len)
{
	(void)level;
	printf("%s %.*s", sim_time_text(mono_ns), (int)len, line);
}

int
log_open(enum log_dest dest, const char *path, enum log_level level)
{
	(void)dest;
	(void)path;
	(void)level;
	return 0;
}

int
log_reopen(void)
{
	return 0;
}

void
log_flush(void)
{
}

bool
log_drain(unsigned ms)
{
	(void)ms;
	return true;
}

void
log_close(void)
{
}

uint64_t
log_dropped(void)
{
	return 0;
}

void
log_last_words(const char *module, const char *text)
{
	printf("%s error %s %s\n", sim_time_text(mono_ns), module, text);
	fflush(stdout);
}

/* ---- the heap of timers */

static bool
slot_before(const struct slot *a, const struct slot *b)
{
	return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void
slot_put(struct loop *l, size_t i, const struct slot *s)
{
	l->heap[i] = *s;
	s->timer->slot = i + 1;
}

static void
sift_up(struct loop *l, size_t i, const struct slot *s)
{
	size_t up;

	while (i > 0 && slot_before(s, &l->heap[up = (i - 1) / 2])) {
		slot_put(l, i, &l->heap[up]);
		i = up;
	}
	slot_put(l, i, s);
}

static void
sift_down(struct loop *l, size_t i, const struct slot *s)
{
	size_t kid;

	while ((kid = 2 * i + 1) < l->n) {
		if (kid + 1 < l->n &&
		    slot_before(&l->heap[kid + 1], &l->heap[kid]))
			kid++;
		if (!slot_before(&l->heap[kid], s))
			break;
		slot_put(l, i, &l->heap[kid]);
		i = kid;
	}
	slot_put(l, i, s);
}

static void
heap_take(struct loop_timer *t)
{
	struct loop *l = t->loop;
	size_t i = t->slot;
	struct slot last;

	if (i-- == 0)
		return;
	t->slot = 0;
	last = l->heap[--l->n];
	if (i == l->n)
		return;
	if (i > 0 && slot_before(&last, &l->heap[(i - 1) / 2]))
		sift_up(l, i, &last);
	else
		sift_down(l, i, &last);
}

static void
heap_put(struct loop_timer *t)
{
	struct loop *l = t->loop;
	struct slot s = { .key = t->at, .order = ++last_order, .timer = t };

	if (l->n == l->size) {
		l->size = l->size == 0 ? 256 : l->size * 2;
		l->heap = mem_grow(l->heap, l->size, sizeof(l->heap[0]));
	}
	sift_up(l, l->n++, &s);
}

/* ---- loop.h */

struct loop *
loop_create(void)
{
	return &one;
}

/* Whatever the daemon made he has destroyed. */
void
loop_destroy(struct loop **lp)
{
	if (*lp == NULL)
		return;
	MX_ASSERT((*lp)->objects == 0);
	*lp = NULL;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

void
loop_run(struct loop *l)
{
	(void)l;
	mx_panic("the world runs the loop", __FILE__, __LINE__);
}

int64_t
loop_now(const struct loop *l)
{
	(void)l;
	return mono_ns;
}

double
loop_lag_take(struct loop *l)
{
	(void)l;
	return 0;
}

int64_t
loop_late_ns(const struct loop *l)
{
	(void)l;
	return 0;
}

int64_t
loop_late_before_ns(const struct loop *l)
{
	return loop_late_ns(l);
}

struct loop_timer *
loop_timer_create(struct loop *l, void (*cb)(void *), void *arg)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	l->objects++;
	return t;
}

struct loop_timer *
sim_timer(void (*cb)(void *), void *arg)
{
	struct loop_timer *t = loop_timer_create(&one, cb, arg);

	t->world = true;
	one.objects--;
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->at = mono_ns + (delay_ms > 0 ? delay_ms : 0) * CLOCK_MS;
	if (t->slot != 0 && t->loop->heap[t->slot - 1].key < t->at)
		return; /* put off */
	heap_take(t);
	heap_put(t);
}

void
loop_timer_cancel(struct loop_timer *t)
{
	t->at = 0; /* found and dropped when its time has come */
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
	heap_take(*tp);
	(*tp)->loop->objects -= !(*tp)->world;
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

/* Descriptors, threads and signals there are none: whoever wants them is told
 * of nothing. */
static struct loop_io *
io_new(struct loop *l)
{
	struct loop_io *io = mem_alloc(sizeof(*io));

	io->loop = l;
	l->objects++;
	return io;
}

struct loop_io *
loop_io_create(struct loop *l, int fd, void (*cb)(unsigned, void *), void *arg)
{
	(void)fd;
	(void)cb;
	(void)arg;
	return io_new(l);
}

void
loop_io_want(struct loop_io *io, unsigned what)
{
	(void)io;
	(void)what;
}

void
loop_io_destroy(struct loop_io **iop)
{
	if (*iop == NULL)
		return;
	(*iop)->loop->objects--;
	mem_free(iop);
}

struct loop_io *
loop_mailbox(struct loop *l, struct mailbox *mb,
    void (*fn)(struct mail *, void *), void *arg)
{
	(void)mb;
	(void)fn;
	(void)arg;
	return io_new(l);
}

struct loop_signal *
loop_signal_create(struct loop *l, int signo, void (*cb)(int, void *),
    void *arg)
{
	struct loop_signal *s = mem_alloc(sizeof(*s));

	(void)signo;
	(void)cb;
	(void)arg;
	s->loop = l;
	l->objects++;
	return s;
}

void
loop_signal_destroy(struct loop_signal **sp)
{
	if (*sp == NULL)
		return;
	(*sp)->loop->objects--;
	mem_free(sp);
}

/* ---- running */

static void
tasks_run(struct loop *l)
{
	struct loop_task *t;
	unsigned n = 0;

	while ((t = TAILQ_FIRST(&l->tasks)) != NULL && !l->stop) {
		MX_ASSERT(n++ < TURNS_MAX);
		TAILQ_REMOVE(&l->tasks, t, link);
		t->scheduled = false;
		turns++;
		t->cb(t->arg);
	}
}

void
sim_stop(void)
{
	one.stop = true;
}

void
sim_run(int64_t end)
{
	struct loop *l = &one;
	struct loop_timer *t;
	unsigned same = 0;

	l->stop = false;
	tasks_run(l);
	while (!l->stop && l->n > 0 && l->heap[0].key <= end) {
		t = l->heap[0].timer;
		if (t->at > l->heap[0].key) { /* put off */
			heap_take(t);
			heap_put(t);
			continue;
		}
		heap_take(t);
		if (t->at == 0)
			continue;
		same = t->at > mono_ns ? 0 : same + 1;
		MX_ASSERT(same < TURNS_MAX);
		if (t->at > mono_ns)
			mono_ns = t->at;
		t->at = 0;
		turns++;
		t->cb(t->arg);
		tasks_run(l);
	}
	if (!l->stop && end > mono_ns)
		mono_ns = end;
}

/* ---- net/helper.h: a job runs at once and is done some ms later */

struct helper {
	struct loop_timer *timer;
	TAILQ_HEAD(, done) jobs;
};
struct done {
	TAILQ_ENTRY(done) link;
	struct helper_job *job;
};

static void
helper_turn(void *arg)
{
	struct helper *h = arg;
	struct done *d = TAILQ_FIRST(&h->jobs);
	struct helper_job *job = d->job;

	TAILQ_REMOVE(&h->jobs, d, link);
	free(d);
	if (!TAILQ_EMPTY(&h->jobs))
		loop_timer_set(h->timer, HELPER_MS);
	job->done(job);
}

struct helper *
helper_create(struct loop *l)
{
	struct helper *h = mem_alloc(sizeof(*h));

	h->timer = loop_timer_create(l, helper_turn, h);
	TAILQ_INIT(&h->jobs);
	return h;
}

void
helper_destroy(struct helper **hp)
{
	struct helper *h = *hp;
	struct done *d;

	if (h == NULL)
		return;
	*hp = NULL;
	while ((d = TAILQ_FIRST(&h->jobs)) != NULL) {
		TAILQ_REMOVE(&h->jobs, d, link);
		d->job->drop(d->job);
		free(d);
	}
	loop_timer_destroy(&h->timer);
	free(h);
}

void
helper_do(struct helper *h, struct helper_job *job)
{
	struct done *d = mem_alloc(sizeof(*d));

	job->run(job);
	d->job = job;
	if (TAILQ_EMPTY(&h->jobs))
		loop_timer_set(h->timer, HELPER_MS);
	TAILQ_INSERT_TAIL(&h->jobs, d, link);
}
