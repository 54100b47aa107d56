/* SPDX-License-Identifier: ISC
 * helper: jobs run in order beside the loop, come back to it, and none is lost
 * when it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>

#include "base/mem.h"
#include "net/helper.h"

enum { JOBS = 100 };

struct work {
	struct helper_job job; /* first */
	unsigned n;
	bool ran;
};

static struct loop *loop;
static pthread_t loop_thread;
static sem_t begun, go_on;
static unsigned next, done, dropped, dropped_run;

static void
run(struct helper_job *j)
{
	struct work *w = (struct work *)j;

	assert_false(pthread_equal(pthread_self(), loop_thread));
	assert_int_equal(w->n, next++);
	w->ran = true;
}

/* Says that it has begun, and goes on when it is told to. */
static void
run_held(struct helper_job *j)
{
	run(j);
	sem_post(&begun);
	sem_wait(&go_on);
}

static void
on_done(struct helper_job *j)
{
	struct work *w = (struct work *)j;

	assert_true(pthread_equal(pthread_self(), loop_thread));
	assert_true(w->ran);
	assert_int_equal(w->n, done++);
	mem_free(&w);
	if (done == JOBS)
		loop_stop(loop);
}

static void
on_drop(struct helper_job *j)
{
	struct work *w = (struct work *)j;

	dropped++;
	dropped_run += w->ran;
	mem_free(&w);
}

static void
give(struct helper *h, unsigned n, void (*fn)(struct helper_job *))
{
	struct work *w = mem_alloc(sizeof(*w));

	w->n = n;
	w->job.run = fn;
	w->job.done = on_done;
	w->job.drop = on_drop;
	helper_do(h, &w->job);
}

static int
setup(void **state MX_UNUSED)
{
	loop = loop_create();
	loop_thread = pthread_self();
	next = done = dropped = dropped_run = 0;
	return sem_init(&begun, 0, 0) != 0 || sem_init(&go_on, 0, 0) != 0;
}

static int
teardown(void **state MX_UNUSED)
{
	loop_destroy(&loop);
	sem_destroy(&begun);
	sem_destroy(&go_on);
	return 0;
}

static void
in_order_and_back(void **state MX_UNUSED)
{
	struct helper *h = helper_create(loop);

	for (unsigned i = 0; i < JOBS; i++)
		give(h, i, run);
	loop_run(loop);
	assert_int_equal(done, JOBS);
	helper_destroy(&h);
	assert_null(h);
	assert_int_equal(dropped, 0);
	helper_destroy(&h);
}

static void *
let_go(void *arg MX_UNUSED)
{
	sem_post(&go_on);
	return NULL;
}

/* The one that runs ends, those behind it are not begun, and all come back. */
static void
none_is_lost(void **state MX_UNUSED)
{
	struct helper *h = helper_create(loop);
	pthread_t thread;

	give(h, 0, run_held);
	for (unsigned i = 1; i < JOBS; i++)
		give(h, i, run);
	sem_wait(&begun);
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	helper_destroy(&h);
	pthread_join(thread, NULL);
	assert_int_equal(done, 0);
	assert_int_equal(dropped, JOBS);
	assert_true(dropped_run >= 1);
	assert_int_equal(dropped_run, next);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order_and_back, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(none_is_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
