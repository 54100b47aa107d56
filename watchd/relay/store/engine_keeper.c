/* SPDX-License-Identifier: ISC
 * engine_keeper: a thread that creates partitions for the coming days, and
 * drops those that are over and empty: at the start and every hour, by a
 * connection of its own, so that no mail waits for it. Several nodes may do
 * it. */
#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/schema.h"
#include "relay/store/engine.h"

#define KEEPER_EVERY (3600 * CLOCK_SEC)
#define KEEPER_AGAIN (60 * CLOCK_SEC) /* retry when the engine was away */
#define KEEPER_MS    60000 /* for the whole step: stopping waits for it */
/* Mail under way may be a day old, and the clocks of nodes differ. */
#define DAYS_BACK (UINT64_C(2) * 86400000 << 20)

struct engine_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool stop; /* under the lock */
	struct pg *pg; /* the thread's */
};

/* Returns the time of the next step. */
static int64_t
keep(struct engine_keeper *k)
{
	int64_t until = clock_now() + KEEPER_MS * CLOCK_MS;
	uint64_t now = store_id_now();
	struct mx_errbuf eb;
	unsigned dropped = 0;
	int rc;

	if ((rc = pg_up(k->pg, until, &eb)) == 0 &&
	    (rc = schema_days(k->pg, now, ENGINE_DAYS, until, &eb)) == 0 &&
	    (rc = schema_tidy(k->pg, until, &eb)) == 0 && now > DAYS_BACK)
		rc = schema_sweep(k->pg, now - DAYS_BACK, &dropped, until, &eb);
	if (rc < 0)
		log_warn("store", "event=engine_not_kept error=%s",
		    log_q(eb.text));
	else if (dropped > 0)
		log_info("store", "event=engine_kept days_dropped=%u", dropped);
	pg_drop(k->pg); /* not needed for an hour */
	return clock_now() + (rc < 0 ? KEEPER_AGAIN : KEEPER_EVERY);
}

static void *
keeper_main(void *arg)
{
	struct engine_keeper *k = arg;
	struct timespec until;
	int64_t next;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		pthread_mutex_unlock(&k->lock);
		next = keep(k);
		until.tv_sec = (time_t)(next / CLOCK_SEC);
		until.tv_nsec = (long)(next % CLOCK_SEC);
		pthread_mutex_lock(&k->lock);
		while (!k->stop && clock_now() < next)
			(void)pthread_cond_timedwait(&k->end, &k->lock, &until);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

void
engine_keeper_hurry(struct engine_keeper *k)
{
	pg_hurry(k->pg);
}

void
engine_keeper_stop(struct engine_keeper **kp)
{
	struct engine_keeper *k = *kp;

	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->end);
	pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->end);
	pg_destroy(&k->pg);
	mem_free(kp);
}

struct engine_keeper *
engine_keeper_start(const char *conninfo)
{
	struct engine_keeper *k = mem_alloc(sizeof(*k));
	pthread_condattr_t monotonic;

	k->pg = pg_create(conninfo, "mxwatchd keeper");
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->end, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (thread_start(&k->thread, keeper_main, k) != 0) {
		pg_destroy(&k->pg);
		mem_free(&k);
	}
	return k;
}
