/* SPDX-License-Identifier: ISC
 * loop: the one event loop (libevent) with its timers, descriptors, signals
 * and mailboxes. Everything here belongs to the thread that runs the loop.
 * Callbacks may create and destroy anything, themselves included. */
#ifndef MX_NET_LOOP_H
#define MX_NET_LOOP_H

#include "base/defs.h"
#include "base/mailbox.h"

struct loop;
struct loop_timer;
struct loop_io;
struct loop_task;

struct loop *loop_create(void); /* aborts if out of memory */
void loop_destroy(struct loop **);
void loop_run(struct loop *); /* returns after loop_stop() */
void loop_stop(struct loop *);

/* Monotonic nanoseconds, read once a turn. */
int64_t loop_now(const struct loop *);
/* Largest lateness of a due timer since the last call, seconds. */
double loop_lag_take(struct loop *);
/* The total time by which the loop was late: turns and wake-ups that took
 * longer than LOOP_LATE_MIN_MS count in full. The increase between two calls is
 * time in which no descriptor was served, so deadlines of peers do not count it
 * (conn.c). Nanoseconds; includes the present turn. */
#define LOOP_LATE_MIN_MS 20
int64_t loop_late_ns(const struct loop *);
/* The same without the present turn, for deadlines that are counted from
 * loop_now(). Does not read the clock, because it is called four times a
 * message. */
int64_t loop_late_before_ns(const struct loop *);

/* One-shot timers; for a period set it again from the callback. */
struct loop_timer *
loop_timer_create(struct loop *, void (*cb)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *, int64_t delay_ms); /* re-arms */
void loop_timer_cancel(struct loop_timer *);
bool loop_timer_pending(const struct loop_timer *);
void loop_timer_destroy(struct loop_timer **);

/* Readiness of a descriptor that the caller owns and closes after destroy. */
#define LOOP_READ  1u
#define LOOP_WRITE 2u
struct loop_io *loop_io_create(struct loop *, int fd,
    void (*cb)(unsigned ready, void *arg), void *arg);
void loop_io_want(struct loop_io *, unsigned what); /* 0: nothing */
void loop_io_destroy(struct loop_io **);

/* A task runs once, after the callbacks of this turn, before the loop sleeps.
 * Scheduling a scheduled task again does nothing. If tasks take too long, or
 * schedule each other without end, the rest waits for the next turn. */
struct loop_task *
loop_task_create(struct loop *, void (*cb)(void *arg), void *arg);
void loop_task_schedule(struct loop_task *);
/* The same for work that strangers can cause without limit: it waits in a queue
 * of its own, first in, first out, which gets some milliseconds a turn. A task
 * that is already scheduled in either way stays where it is. */
void loop_task_wait(struct loop_task *);
void loop_task_destroy(struct loop_task **);

/* Calls fn with each message of mb, on the loop; fn owns the message. A long
 * batch is spread over several turns. */
struct loop_io *loop_mailbox(struct loop *, struct mailbox *mb,
    void (*fn)(struct mail *, void *arg), void *arg);

struct loop_signal;
struct loop_signal *loop_signal_create(struct loop *, int signo,
    void (*cb)(int signo, void *arg), void *arg);
void loop_signal_destroy(struct loop_signal **);

#endif
