/* SPDX-License-Identifier: ISC
 * snapshot: allocation, reference counts and the box in which the loop
 * leaves the newest one for the other threads.
 */
#include "status/snapshot.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct snapshot_box {
	pthread_mutex_t lock;
	struct snapshot *newest;
};

struct snapshot *
snapshot_create(unsigned ndomains, unsigned nprimaries)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

	s->domain = mem_array(ndomains + 1, sizeof(s->domain[0]));
	s->primary = mem_array(nprimaries + 1, sizeof(s->primary[0]));
	s->ndomains = ndomains;
	s->nprimaries = nprimaries;
	s->refs = 1;
	return s;
}

void
snapshot_alerts(struct snapshot *s, unsigned nalerts, unsigned nreceivers,
    unsigned nheartbeats)
{
	MX_ASSERT(s->alert == NULL);
	s->alert = mem_array(nalerts + 1, sizeof(s->alert[0]));
	s->receiver = mem_array(nreceivers + 1, sizeof(s->receiver[0]));
	s->heartbeat = mem_array(nheartbeats + 1, sizeof(s->heartbeat[0]));
	s->nalerts = nalerts;
	s->nreceivers = nreceivers;
	s->nheartbeats = nheartbeats;
}

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
snapshot_unref(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	mem_free(&s->domain);
	mem_free(&s->primary);
	mem_free(&s->alert);
	mem_free(&s->receiver);
	mem_free(&s->heartbeat);
	mem_free(&s);
}

struct snapshot_box *
snapshot_box_create(void)
{
	struct snapshot_box *b = mem_alloc(sizeof(*b));

	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
snapshot_box_destroy(struct snapshot_box **bp)
{
	struct snapshot_box *b = *bp;

	if (b == NULL)
		return;
	snapshot_unref(&b->newest);
	pthread_mutex_destroy(&b->lock);
	mem_free(bp);
}

void
snapshot_box_put(struct snapshot_box *b, struct snapshot *s)
{
	struct snapshot *old;

	pthread_mutex_lock(&b->lock);
	old = b->newest;
	b->newest = s;
	pthread_mutex_unlock(&b->lock);
	snapshot_unref(&old);
}

struct snapshot *
snapshot_box_get(struct snapshot_box *b)
{
	struct snapshot *s;

	pthread_mutex_lock(&b->lock);
	s = b->newest != NULL ? snapshot_ref(b->newest) : NULL;
	pthread_mutex_unlock(&b->lock);
	return s;
}
