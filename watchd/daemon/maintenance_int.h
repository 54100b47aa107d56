/* SPDX-License-Identifier: ISC
 * maintenance_int: shared by maintenance.c (windows and their edges) and
 * maintenance_cover.c (active windows by subject). */
#ifndef MX_DAEMON_MAINTENANCE_INT_H
#define MX_DAEMON_MAINTENANCE_INT_H

#include <sys/tree.h>

#include "base/calendar.h"
#include "daemon/maintenance.h"

struct maintenance_window {
	struct maintenance m;
	struct recurrence when; /* of a recurring one */
	/* The start of the last occurrence, or of one ended early: it must not
	 * begin again. */
	int64_t done;
};

struct
    maintenance_ended_early { /* ended early; kept in the store for a restart */
	char *name;
	int64_t until;
};

struct covered_subject;
RB_HEAD(covered_tree, covered_subject);

struct maintenance_set {
	struct maintenance_ops ops;
	struct config *conf; /* NULL: none yet */
	struct maintenance_window **window;
	size_t n, once; /* of them: those that come once */
	uint64_t last_id;
	unsigned node; /* of a cluster; 0: not in one */
	int64_t next; /* time of the next edge */
	int64_t now; /* time of the last step */
	struct covered_tree covered;
	struct maintenance_ended_early *ended;
	size_t nended;
};

/* Adds all subjects of the window to the tree, or removes them; returns their
 * number. */
size_t
cover_all(struct maintenance_set *, const struct maintenance *, bool yes);
void covered_free(struct covered_tree *);

#endif
