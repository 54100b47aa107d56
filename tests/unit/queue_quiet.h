/* SPDX-License-Identifier: ISC
 * queue_quiet: a queue whose deliverers are told nothing, and how much memory it
 * takes: for what counts bytes or work, and delivers by itself. */
#ifndef MX_TESTS_QUEUE_QUIET_H
#define MX_TESTS_QUEUE_QUIET_H

#include <malloc.h>

#include "relay/queue/queue_int.h"

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
