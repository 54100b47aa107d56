/* SPDX-License-Identifier: ISC
 * loop: the event loop over libevent, which is not visible outside. One turn
 * is: wait, run the callbacks of what is ready, run the tasks that they
 * scheduled, write the log lines of all that at once. No locks: one thread runs
 * it, and other threads reach it through mailboxes. It can only fail for lack
 * of memory. */
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop_int.h"

/* Limits of the tasks in one turn, by number and time; the rest waits for the
 * next turn, after the descriptors were served, so that a task that schedules
 * itself cannot starve them. */
#define LOOP_TASKS_MAX 4096
#define LOOP_TASKS_NS  (5 * CLOCK_MS)
/* Time of one turn for the queue of loop_task_wait(), one task at least: the
 * most that a readable descriptor waits because of strangers' work. */
#define LOOP_WAITING_NS (3 * CLOCK_MS)
/* Time of one turn for the messages of a mailbox; the rest waits for the next
 * turn, too. */
#define LOOP_MAIL_NS (5 * CLOCK_MS)

struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	struct loop *loop;
	void (*cb)(void *arg);
	void *arg;
	struct loop_task_list *in; /* NULL: not scheduled */
};

TAILQ_HEAD(loop_task_list, loop_task);

struct loop {
	struct event_base *base;
	struct loop_task_list tasks, waiting;
	LIST_HEAD(, loop_orphan) orphans;
	int64_t now; /* time of this turn, if `fresh` */
	bool fresh;
	bool stop;
	int64_t lag; /* nanoseconds */
	int64_t late; /* sum over all turns but the present one */
	int64_t ended; /* end of the previous turn */
	/* when the loop began to run: timers due before were not late */
	int64_t started;
	bool overslept; /* `late` includes the time before this turn already */
};

struct loop_timer {
	struct loop *loop;
	struct event *event;
	void (*cb)(void *arg);
	void *arg;
	int64_t due;
	bool pending;
};

struct loop_io {
	struct loop *loop;
	struct event *read, *write;
	unsigned want;
	void (*cb)(unsigned ready, void *arg);
	void *arg;
	struct mailbox *mb; /* for loop_mailbox() only, as are the following */
	void (*fn)(struct mail *, void *arg);
	struct mail_list taken;
	struct event *rest; /* continues with `taken` in the next turn */
	bool busy; /* messages are being handed out: destroying only marks it */
	bool dead;
};

struct loop_signal {
	struct loop *loop;
	struct event *event;
	void (*cb)(int signo, void *arg);
	void *arg;
};

struct loop *
loop_create(void)
{
	struct loop *l = mem_alloc(sizeof(*l));
	struct event_config *conf = event_config_new();

	MX_ASSERT(conf != NULL);
	/* Without the change list, which would batch epoll_ctl() calls but
	 * mixes up descriptors that are closed and opened again within a
	 * turn. */
	MX_ASSERT(event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK) == 0);
	l->base = event_base_new_with_config(conf);
	event_config_free(conf);
	MX_ASSERT(l->base != NULL);
	TAILQ_INIT(&l->tasks);
	TAILQ_INIT(&l->waiting);
	LIST_INIT(&l->orphans);
	return l;
}

void
loop_destroy(struct loop **lp)
{
	struct loop *l = *lp;
	struct loop_orphan *o;

	if (l == NULL)
		return;
	while ((o = LIST_FIRST(&l->orphans)) != NULL)
		o->destroy(o->arg);
	MX_ASSERT(TAILQ_EMPTY(&l->tasks) && TAILQ_EMPTY(&l->waiting));
	event_base_free(l->base);
	mem_free(lp);
}

void
loop_orphan_add(struct loop *l, struct loop_orphan *o)
{
	LIST_INSERT_HEAD(&l->orphans, o, link);
}

void
loop_orphan_remove(struct loop_orphan *o)
{
	LIST_REMOVE(o, link);
}

/* To be called first in every callback: reads the clock once a turn. */
static void
loop_wake(struct loop *l)
{
	if (!l->fresh) {
		l->now = clock_now();
		l->fresh = true;
		l->overslept = false;
	}
}

static void
loop_run_tasks(struct loop *l, struct loop_task_list *list, int64_t most)
{
	struct loop_task *t;
	int64_t start = 0;
	unsigned n;

	for (n = 0; n < LOOP_TASKS_MAX; n++) {
		if ((t = TAILQ_FIRST(list)) == NULL)
			break;
		if (n == 0)
			start = clock_now();
		else if (clock_now() - start > most)
			break;
		TAILQ_REMOVE(list, t, link);
		t->in = NULL;
		loop_wake(l);
		t->cb(t->arg); /* t may have been destroyed */
	}
}

/* Lateness counts only from LOOP_LATE_MIN_MS on. */
static int64_t
loop_late_part(int64_t ns)
{
	return ns > LOOP_LATE_MIN_MS * CLOCK_MS ? ns : 0;
}

int64_t
loop_late_ns(const struct loop *l)
{
	return l->late + (l->fresh ? loop_late_part(clock_now() - l->now) : 0);
}

int64_t
loop_late_before_ns(const struct loop *l)
{
	return l->late;
}

/* Ends the turn, and accounts for its duration. */
static void
loop_turn_end(struct loop *l)
{
	l->ended = clock_now();
	if (l->fresh)
		l->late += loop_late_part(l->ended - l->now);
	l->fresh = false;
}

void
loop_run(struct loop *l)
{
	int flags;

	l->stop = false;
	l->started = l->ended = clock_now();
	while (!l->stop) {
		flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
		if (!TAILQ_EMPTY(&l->tasks) || !TAILQ_EMPTY(&l->waiting))
			flags |= EVLOOP_NONBLOCK;
		MX_ASSERT(event_base_loop(l->base, flags) >= 0);
		loop_run_tasks(l, &l->tasks, LOOP_TASKS_NS);
		loop_run_tasks(l, &l->waiting, LOOP_WAITING_NS);
		log_flush();
		loop_turn_end(l);
	}
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
	(void)event_base_loopbreak(l->base);
}

int64_t
loop_now(const struct loop *l)
{
	return l->fresh ? l->now : clock_now();
}

double
loop_lag_take(struct loop *l)
{
	int64_t lag = l->lag;

	l->lag = 0;
	return (double)lag / (double)CLOCK_SEC;
}

/* A timer is late although it became due while the loop slept: the process did
 * not run. Lateness caused by the previous turn is counted there. */
static void
loop_overslept(struct loop *l, int64_t due)
{
	int64_t from = due > l->ended ? due : l->ended;
	int64_t late = loop_late_part(l->now - from);

	if (late == 0 || l->overslept)
		return;
	l->overslept = true;
	l->late += late;
}

static void
loop_timer_fire(evutil_socket_t fd MX_UNUSED, short what MX_UNUSED, void *arg)
{
	struct loop_timer *t = arg;
	int64_t late;

	t->pending = false;
	loop_wake(t->loop);
	late = clock_now() -
	    (t->due > t->loop->started ? t->due : t->loop->started);
	if (late > t->loop->lag)
		t->loop->lag = late;
	loop_overslept(t->loop, t->due);
	t->cb(t->arg);
}

struct loop_timer *
loop_timer_create(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	t->event = evtimer_new(l->base, loop_timer_fire, t);
	MX_ASSERT(t->event != NULL);
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	struct timeval tv;

	if (delay_ms < 0)
		delay_ms = 0;
	if (delay_ms > INT64_C(86400000) * 3650) /* ten years: no overflow */
		delay_ms = INT64_C(86400000) * 3650;
	tv.tv_sec = (time_t)(delay_ms / 1000);
	tv.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	t->due = clock_now() + delay_ms * CLOCK_MS;
	MX_ASSERT(evtimer_add(t->event, &tv) == 0);
	t->pending = true;
}

void
loop_timer_cancel(struct loop_timer *t)
{
	(void)evtimer_del(t->event);
	t->pending = false;
}

bool
loop_timer_pending(const struct loop_timer *t)
{
	return t->pending;
}

void
loop_timer_destroy(struct loop_timer **tp)
{
	if (*tp == NULL)
		return;
	event_free((*tp)->event);
	mem_free(tp);
}

/* Hands out what was taken from the mailbox; fn may destroy io. */
static void
loop_mailbox_give(struct loop_io *io)
{
	static const struct timeval at_once = { 0, 0 };
	int64_t end = clock_now() + LOOP_MAIL_NS;
	struct mail *m;

	io->busy = true;
	while (!io->dead && (m = STAILQ_FIRST(&io->taken)) != NULL) {
		STAILQ_REMOVE_HEAD(&io->taken, link);
		io->fn(m, io->arg);
		if (clock_now() > end)
			break;
	}
	io->busy = false;
	if (io->dead)
		mem_free(&io);
	else if (!STAILQ_EMPTY(&io->taken))
		MX_ASSERT(evtimer_add(io->rest, &at_once) == 0);
}

/* Messages that came later wait in the mailbox until the rest is done. */
static void
loop_mailbox_fire(struct loop_io *io)
{
	if (!STAILQ_EMPTY(&io->taken))
		return;
	(void)mailbox_take(io->mb, &io->taken);
	loop_mailbox_give(io);
}

static void
loop_mailbox_rest(evutil_socket_t fd MX_UNUSED, short what MX_UNUSED, void *arg)
{
	struct loop_io *io = arg;

	loop_wake(io->loop);
	loop_mailbox_give(io);
}

static void
loop_io_fire(evutil_socket_t fd MX_UNUSED, short what, void *arg)
{
	struct loop_io *io = arg;

	loop_wake(io->loop);
	if (io->mb != NULL)
		loop_mailbox_fire(io);
	else
		io->cb((what & EV_READ) != 0 ? LOOP_READ : LOOP_WRITE, io->arg);
}

struct loop_io *
loop_io_create(struct loop *l, int fd, void (*cb)(unsigned ready, void *arg),
    void *arg)
{
	struct loop_io *io = mem_alloc(sizeof(*io));

	io->loop = l;
	io->cb = cb;
	io->arg = arg;
	STAILQ_INIT(&io->taken);
	/* two events, so that a change of interest is one system call */
	io->read =
	    event_new(l->base, fd, EV_READ | EV_PERSIST, loop_io_fire, io);
	io->write =
	    event_new(l->base, fd, EV_WRITE | EV_PERSIST, loop_io_fire, io);
	MX_ASSERT(io->read != NULL && io->write != NULL);
	return io;
}

static void
loop_event_want(struct event *ev, bool want)
{
	MX_ASSERT((want ? event_add(ev, NULL) : event_del(ev)) == 0);
}

void
loop_io_want(struct loop_io *io, unsigned what)
{
	unsigned changed = io->want ^ what;

	io->want = what;
	if ((changed & LOOP_READ) != 0)
		loop_event_want(io->read, (what & LOOP_READ) != 0);
	if ((changed & LOOP_WRITE) != 0)
		loop_event_want(io->write, (what & LOOP_WRITE) != 0);
}

void
loop_io_destroy(struct loop_io **iop)
{
	struct loop_io *io = *iop;

	if (io == NULL)
		return;
	event_free(io->read);
	event_free(io->write);
	if (io->rest != NULL)
		event_free(io->rest);
	/* back to where mailbox_destroy() will find and drop them */
	if (io->mb != NULL)
		mailbox_post_list(io->mb, &io->taken);
	*iop = NULL;
	io->dead = true;
	if (!io->busy)
		mem_free(&io);
}

struct loop_task *
loop_task_create(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct loop_task *t = mem_alloc(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	return t;
}

static void
loop_task_put(struct loop_task *t, struct loop_task_list *list)
{
	if (t->in != NULL)
		return;
	t->in = list;
	TAILQ_INSERT_TAIL(list, t, link);
}

void
loop_task_schedule(struct loop_task *t)
{
	loop_task_put(t, &t->loop->tasks);
}

void
loop_task_wait(struct loop_task *t)
{
	loop_task_put(t, &t->loop->waiting);
}

void
loop_task_destroy(struct loop_task **tp)
{
	struct loop_task *t = *tp;

	if (t == NULL)
		return;
	if (t->in != NULL)
		TAILQ_REMOVE(t->in, t, link);
	mem_free(tp);
}

struct loop_io *
loop_mailbox(struct loop *l, struct mailbox *mb,
    void (*fn)(struct mail *, void *arg), void *arg)
{
	struct loop_io *io = loop_io_create(l, mailbox_fd(mb), NULL, arg);

	io->mb = mb;
	io->fn = fn;
	io->rest = evtimer_new(l->base, loop_mailbox_rest, io);
	MX_ASSERT(io->rest != NULL);
	loop_io_want(io, LOOP_READ);
	return io;
}

static void
loop_signal_fire(evutil_socket_t signo, short what MX_UNUSED, void *arg)
{
	struct loop_signal *s = arg;

	loop_wake(s->loop);
	s->cb((int)signo, s->arg);
}

struct loop_signal *
loop_signal_create(struct loop *l, int signo, void (*cb)(int signo, void *arg),
    void *arg)
{
	struct loop_signal *s = mem_alloc(sizeof(*s));

	s->loop = l;
	s->cb = cb;
	s->arg = arg;
	s->event = evsignal_new(l->base, signo, loop_signal_fire, s);
	MX_ASSERT(s->event != NULL && evsignal_add(s->event, NULL) == 0);
	return s;
}

void
loop_signal_destroy(struct loop_signal **sp)
{
	if (*sp == NULL)
		return;
	event_free((*sp)->event);
	mem_free(sp);
}
