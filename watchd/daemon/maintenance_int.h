/* SPDX-License-Identifier: ISC
 * maintenance_int: what maintenance.c (windows and their edges) and
 * maintenance_cover.c (what goes on, by subject) share. */
#ifndef MX_DAEMON_MAINTENANCE_INT_H
#define MX_DAEMON_MAINTENANCE_INT_H

#include <sys/tree.h>

#include "base/calendar.h"
#include "daemon/maintenance.h"

struct maintenance_window {
	struct maintenance m;
	struct recurrence when; /* of one that comes again */
	/* When the one before began, or was ended: it is not to come again. */
	int64_t done;
};

struct
    maintenance_ended_early { /* before its time, as was kept over a restart */
	char *name;
	int64_t until;
};

struct covered_subject;
RB_HEAD(covered_tree, covered_subject);

struct maintenance_set {
	struct maintenance_ops ops;
	struct config *conf; /* NULL: none yet */
	struct maintenance_window **window;
	size_t n, once; /* of them: that come once */
	uint64_t last_id;
	unsigned node; /* of a cluster; 0: there is none */
	int64_t next; /* the next edge */
	int64_t now; /* of the last step */
	struct covered_tree covered;
	struct maintenance_ended_early *ended;
	size_t nended;
};

/* Puts all that it names there, or takes it out; how much that was. */
size_t
cover_all(struct maintenance_set *, const struct maintenance *, bool yes);
void covered_free(struct covered_tree *);

#endif
