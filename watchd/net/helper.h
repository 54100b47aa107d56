/* SPDX-License-Identifier: ISC
 * helper: one thread for work that would block the loop: reading, comparing,
 * writing and syncing, for modules that have no thread of their own. Jobs run
 * one after the other, in the order in which they were given. Loop thread,
 * except for helper_job.run. */
#ifndef MX_NET_HELPER_H
#define MX_NET_HELPER_H

#include "base/mailbox.h"
#include "net/loop.h"

struct helper;

/* The first member of a job's data. The thread owns the data from helper_do()
 * until `done` is called; then the caller owns it again. */
struct helper_job {
	struct mail mail; /* private */
	void (*run)(struct helper_job *); /* in the thread */
	void (*done)(struct helper_job *); /* on the loop */
	/* Called instead of `done` when the helper is destroyed first, whether
	 * the job ran or not. */
	void (*drop)(struct helper_job *);
};

/* for the start: aborts on failure */
struct helper *helper_create(struct loop *);
/* Waits for the running job; those behind it are dropped. */
void helper_destroy(struct helper **);
void helper_do(struct helper *, struct helper_job *);

#endif
