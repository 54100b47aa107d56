/* SPDX-License-Identifier: ISC
 * queue_quiet: a queue whose deliverers are told nothing, and how much memory it
 * takes: for what counts bytes or work, and delivers by itself. */
#ifndef MX_TESTS_QUEUE_QUIET_H
#define MX_TESTS_QUEUE_QUIET_H

#include <malloc.h>

#include "base/log.h"
#include "relay/queue/queue_int.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"

static inline void
quiet_want(void *arg, const char *domain, unsigned n)
{
	(void)arg;
	(void)domain;
	(void)n;
}

static inline void
quiet_flush(void *arg, const struct relay_flush *f, bool begin, bool ok)
{
	(void)arg;
	(void)f;
	(void)begin;
	(void)ok;
}

static const struct queue_ops quiet_ops = {
	.want = quiet_want,
	.flush = quiet_flush,
};

/* Such a queue and what it stands on; a test's own struct may begin with it. */
struct quiet {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue *q;
};

/* Settled, with what it does at a start behind it. */
static inline void
quiet_create_as(struct quiet *w, const struct queue_conf *conf)
{
	log_level_set(LOG_LEVEL_ERROR);
	w->loop = loop_create();
	w->store = fake_store_create();
	w->stats = stats_create();
	w->q = queue_create(w->loop, w->store, w->stats, conf, &quiet_ops);
	fake_loop_settle(w->loop);
}

static inline void
quiet_create(struct quiet *w)
{
	static const struct queue_conf conf = { 0 };

	quiet_create_as(w, &conf);
}

static inline void
quiet_destroy(struct quiet *w)
{
	queue_destroy(&w->q);
	(void)fake_store_pump(w->store);
	fake_store_destroy(w->store);
	stats_destroy(&w->stats);
	loop_destroy(&w->loop);
}

/* Of the process, with the queue's parts; 0: this malloc does not tell. */
static inline size_t
quiet_bytes(const struct queue *q)
{
	struct mallinfo2 m = mallinfo2();
	size_t heap = m.uordblks + m.hblkhd;

	return heap > 0 ? heap + slab_bytes(&q->parts.slab) +
		slab_bytes(&q->parts.rares) + slab_bytes(&q->parts.leaves) :
			  0;
}

#endif
