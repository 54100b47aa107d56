/* SPDX-License-Identifier: ISC
 * marks: which receiver accepted which alert, for the record of outages. The
 * alert thread adds, the loop thread takes; bounded: beyond MARKS_MAX between
 * two takes they are only counted. */
#ifndef MX_ALERTS_MARKS_H
#define MX_ALERTS_MARKS_H

#include <pthread.h>

#include "alerts/note.h"

#define MARKS_MAX     256
#define MARKS_DOMAINS 8 /* named in one; others have it through their primary */

struct alert_mark {
	char receiver[SNAP_NAME_MAX];
	char primary[NOTE_GROUP_MAX]; /* "" none */
	char domain[MARKS_DOMAINS][TEXT_DOMAIN_MAX];
	unsigned ndomains;
	char what[64]; /* "primary_down, trigger" */
	int64_t wall;
};

struct marks {
	pthread_mutex_t lock; /* held for copying only */
	struct alert_mark *mark; /* MARKS_MAX; NULL: none yet */
	unsigned n, lost;
};

void marks_init(struct marks *);
void marks_fini(struct marks *);
/* Alert thread. */
void marks_add(struct marks *, const char *receiver, const struct note *,
    bool resolve, int64_t wall);
/* Loop thread: calls fn with each new one. */
void marks_take(struct marks *, void (*fn)(const struct alert_mark *, void *),
    void *arg);

#endif
