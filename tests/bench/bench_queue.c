/* SPDX-License-Identifier: ISC
 * bench_queue: what the index costs: loading, a flush of everything, taking
 * and ending, listing. Over the fake store and loop, so it is the scheduler
 * alone that is measured, in CPU time. Not part of the tests.
 *
 *	bench_queue [messages]			default 1,000,000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/queue_quiet.h"

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
no_list(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	(void)arg;
	(void)rc;
	(void)v;
	(void)n;
	(void)next;
}

static void
fill(struct store *st, unsigned long n)
{
	struct envelope *env = envelope_create();

	strlcpy(env->domain, "a.example", sizeof(env->domain));
	envelope_add_rcpt(env, "user@a.example");
	env->body.len = 4000;
	for (unsigned long i = 0; i < n; i++) {
		env->id = (i + 1) << 8;
		env->arrival_ms = FAKE_WALL_MS - (int64_t)((n - i) * 2500);
		env->due_ms = FAKE_WALL_MS + 1 + (int64_t)(i * 7919 % 7200000);
		fake_store_put(st, env);
	}
	envelope_destroy(&env);
}

static void
load(struct store *st, struct queue *q, struct loop *loop, unsigned long n)
{
	size_t before = quiet_bytes(q);
	double t = seconds();

	queue_load(q);
	fake_store_pump(st);
	t = seconds() - t;
	printf("load: %lu messages in %.2f s, %.0f bytes each in all, "
	       "struct part %zu\n",
	    n, t, (double)(quiet_bytes(q) - before) / (double)n,
	    sizeof(struct part));
	fake_loop_settle(loop);
}

static void
gauge(struct queue *q)
{
	const struct relay *r = queue_relay(q);
	struct relay_domain d;
	uint64_t count[HIST_MAX + 1];
	double t = seconds(), sum;

	for (int i = 0; i < 1000; i++)
		r->domain(r->self, "a.example", &d);
	printf("gauges of a domain: %.2f us\n", (seconds() - t) * 1e3);
	t = seconds();
	r->ages(r->self, clock_wall_ms(), hist_age.le, hist_age.n, count, &sum);
	printf("ages: %.0f us\n", (seconds() - t) * 1e6);
	t = seconds();
	r->list(r->self, NULL, NULL, 77777 << 8, 500, no_list, NULL);
	printf("ids of one page of 500: %.0f us\n", (seconds() - t) * 1e6);
}

static void
deliver_all(struct store *st, struct queue *q, struct loop *loop)
{
	const struct relay *r = queue_relay(q);
	struct relay_flush f;
	struct queue_job *job;
	struct envelope *env = envelope_create();
	unsigned long n = 0;
	double t = seconds(), worst = 0, one;

	strlcpy(env->domain, "a.example", sizeof(env->domain));
	envelope_add_rcpt(env, "user@a.example");
	env->rcpts[0].state = RCPT_DELIVERED;
	queue_gate(q, "a.example", GATE_OPEN);
	if (r->flush(r->self, "a.example", FLUSH_RECOVERY, false, &f) != 0)
		abort();
	printf("flush ordered in %.0f us\n", (seconds() - t) * 1e6);
	do {
		one = seconds();
		fake_loop_settle(loop);
		if (seconds() - one > worst)
			worst = seconds() - one;
		while ((job = queue_take(q, "a.example")) != NULL) {
			env->id = job->id;
			queue_done(q, job, JOB_TRIED, env);
			if (++n % 1000 == 0)
				break;
		}
	} while (fake_store_pump(st) > 0);
	envelope_destroy(&env);
	t = seconds() - t;
	printf("deliver: %lu in %.2f s, %.2f us each with the fake store\n", n,
	    t, t / (double)n * 1e6);
	printf("longest walk (all its steps): %.0f ms\n", worst * 1e3);
}

int
main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	struct queue_conf conf = { 0 };
	struct queue_policy policy = {
		.lifetime_ms = INT64_C(60) * 86400 * 1000,
		.out_max = 20,
		.retry_first_ms = 300000,
		.retry_max_ms = 7200000,
	};
	struct loop *loop = loop_create();
	struct store *st = fake_store_create();
	struct stats *stats = stats_create();
	struct queue *q = queue_create(loop, st, stats, &conf, &quiet_ops);

	log_level_set(LOG_LEVEL_ERROR);
	if (n == 0)
		n = 1;
	fill(st, n);
	queue_policy(q, "a.example", &policy);
	load(st, q, loop, n);
	gauge(q);
	deliver_all(st, q, loop);
	queue_destroy(&q);
	fake_store_pump(st);
	fake_store_destroy(st);
	stats_destroy(&stats);
	loop_destroy(&loop);
	return 0;
}
