/* SPDX-License-Identifier: ISC
 * helper: one thread for what would hold the loop up: reading, comparing,
 * writing and syncing what does not belong to a module that has a thread of
 * its own. Jobs run one after the other, in the order in which they were
 * given. Loop thread, but for helper_job.run. */
#ifndef MX_NET_HELPER_H
#define MX_NET_HELPER_H

#include "base/mailbox.h"
#include "net/loop.h"

struct helper;

/* The first member of what a job works on, which is the thread's from
 * helper_do() until `done` is called, and its owner's again from there on. */
struct helper_job {
	struct mail mail; /* private */
	void (*run)(struct helper_job *); /* in the thread */
	void (*done)(struct helper_job *); /* on the loop */
	/* Instead of `done` when the helper is destroyed first; whether it ran
	 * or not. */
	void (*drop)(struct helper_job *);
};

struct helper *helper_create(struct loop *); /* for the start: aborts */
/* Waits for the job that runs; those behind it do not. */
void helper_destroy(struct helper **);
void helper_do(struct helper *, struct helper_job *);

#endif
