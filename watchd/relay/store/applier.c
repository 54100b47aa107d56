/* SPDX-License-Identifier: ISC
 * applier: see applier.h. */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/store/applier.h"
#include "relay/store/redo.h"

#define BATCH	 2048 /* records per transaction */
#define RETRY_MS 1000
#define TICK_MS	 60000

struct applier {
	pthread_t thread;
	struct tail *tail;
	struct redo redo;
};

/* Applies the first n entries of the tail in one transaction. */
static int
apply_some(struct applier *ap, unsigned max, unsigned *n)
{
	struct tail_entry *e = NULL;
	int rc = redo_begin(&ap->redo);

	for (*n = 0; rc == 0 && *n < max; ++*n) {
		if ((e = tail_next(ap->tail, e)) == NULL)
			break;
		rc = redo_record(&ap->redo, &e->r, e->segment, e->end);
	}
	if (rc == 0)
		rc = redo_commit(&ap->redo);
	if (rc < 0)
		redo_abort(&ap->redo);
	return rc;
}

/* False: the database cannot be written now. */
static bool
follow(struct applier *ap)
{
	unsigned max = BATCH, n;
	int rc;

	while (tail_next(ap->tail, NULL) != NULL) {
		rc = apply_some(ap, max, &n);
		if (rc == -MX_ETOOBIG && max > 1) {
			max /= 2; /* too many pages for one transaction */
			continue;
		}
		if (rc < 0) {
			tail_stuck(ap->tail,
			    rc == -MX_EFULL ? -MX_EFULL : -MX_EIO);
			return false;
		}
		tail_stuck(ap->tail, 0);
		tail_applied(ap->tail, n);
		/* the entries left the tail: waiting writers go on first */
		reclaim_run(&ap->redo);
		max = BATCH;
	}
	return true;
}

static void *
applier_main(void *arg)
{
	struct applier *ap = arg;
	bool follows = true;

	/* if stuck when the thread has to end, the next start does the rest */
	while (tail_due(ap->tail, TICK_MS)) {
		if (!follows && !tail_pause(ap->tail, RETRY_MS))
			break;
		follows = follow(ap);
	}
	return NULL;
}

struct applier *
applier_start(struct spool *sp, struct tail *tail,
    const struct applier_events *ev)
{
	struct applier *ap = mem_alloc(sizeof(*ap));

	ap->tail = tail;
	redo_init(&ap->redo, sp, &sp->applied);
	ap->redo.unlinked = ev->unlinked;
	ap->redo.arg = ev->arg;
	if (thread_start(&ap->thread, applier_main, ap) != 0) {
		redo_fini(&ap->redo);
		mem_free(&ap);
	}
	return ap;
}

void
applier_stop(struct applier **app)
{
	struct applier *ap = *app;

	if (ap == NULL)
		return;
	tail_quit(ap->tail);
	(void)pthread_join(ap->thread, NULL);
	redo_fini(&ap->redo);
	mem_free(app);
}
