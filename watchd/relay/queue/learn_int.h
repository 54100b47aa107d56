/* SPDX-License-Identifier: ISC
 * learn_int: shared by learn.c (learning and look-up) and learn_store.c
 * (limits, and storage). Loop thread. */
#ifndef MX_QUEUE_LEARN_INT_H
#define MX_QUEUE_LEARN_INT_H

#include "relay/queue/queue_int.h"

/* The names learned of one domain. It exists while it has names, even if no
 * more are learned. */
struct learn {
	struct learned table; /* first: names point to their table */
	struct dest *dest;
	TAILQ_ENTRY(learn) link; /* in queue.learn.work */
	bool working;
	char *swept; /* sweep: last name done; NULL: none runs */
	int64_t weighed_ms; /* wall; 0: weigh the evidence again */
	bool doubted;
};

static inline bool
learn_is_on(const struct dest *d)
{
	return d->learn != NULL && d->configured && d->policy->learn_max > 0;
}

/* Wall ms to the seconds of the table. */
static inline uint32_t
learn_seconds(int64_t ms)
{
	return ms > 1000 ? (uint32_t)(ms / 1000) : 1;
}

/* Adds a name that is not in the table, and evicts the least valuable one for
 * it if necessary. NULL: there is no room for a bad name, or the name is too
 * long to be stored. */
struct learned_name *learn_add(struct dest *, const char *local, bool bad);
/* The name has changed: writes its record. */
void learn_changed(struct dest *, struct learned_name *);
/* Writes the domain's own record. */
void learn_put_head(struct dest *);
/* Removes the refusals that a cut voids, some names in a turn. */
void learn_sweep(struct dest *);
/* Schedules the work that is done in turns. */
void learn_work(struct dest *);

#endif
