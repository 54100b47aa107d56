/* SPDX-License-Identifier: ISC
 * learn_int: what learn.c (who teaches, who asks) and learn_store.c (how much is
 * kept, and the disk) share. Loop thread. */
#ifndef MX_QUEUE_LEARN_INT_H
#define MX_QUEUE_LEARN_INT_H

#include "relay/queue/queue_int.h"

/* One domain's. It stays while it has names, though nothing is learned any more. */
struct learn {
	struct learned table; /* first: a name knows its table */
	struct dest *dest;
	TAILQ_ENTRY(learn) link; /* in queue.learn.work */
	bool working;
	char *swept; /* the cut was undone up to this name; NULL: no sweep */
	int64_t weighed_ms; /* wall; 0: weigh the evidence anew */
	bool doubted;
};

static inline bool
learn_is_on(const struct dest *d)
{
	return d->learn != NULL && d->configured && d->policy->learn_max > 0;
}

/* Wall ms as the table has them. */
static inline uint32_t
learn_seconds(int64_t ms)
{
	return ms > 1000 ? (uint32_t)(ms / 1000) : 1;
}

/* A name that is not there yet; the one that is missed least goes for it. NULL: there
 * is no room for one that is bad, or it is too long to be stored. */
struct learned_name *learn_add(struct dest *, const char *local, bool bad);
/* It is another one: to be written. */
void learn_changed(struct dest *, struct learned_name *);
/* The same of the domain's own record. */
void learn_put_head(struct dest *);
/* Undoes the cut of the table, some names a turn. */
void learn_sweep(struct dest *);
/* There is something to be done in turns. */
void learn_work(struct dest *);

#endif
