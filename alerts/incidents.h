/* SPDX-License-Identifier: ISC
 * incidents: what the nodes of a cluster have sent, as each knows it of the
 * others: a record for each group that a node has reported, or is about to, in
 * their shared small state:
 *
 *	alert/NODE/ALERT/GROUP	{"primary", "members": [{"domain", "since_ms", ...}]}
 *
 * A node that becomes responsible for a member in the record of another
 * continues it, as after a restart, and removes it from there: the other node
 * is gone, or no longer responsible (voice.h), and has left it for that. So
 * what one node reported is resolved by another. Where several report under one
 * key, each about domains of its own, the last one resolves it.
 *
 * Records of others are validated in form only. The records of a node are
 * bounded; incidents beyond are reported anew by the node that takes over,
 * under the same key, and not resolved if they ended before. Pure. Alert
 * thread. */
#ifndef MX_ALERTS_INCIDENTS_H
#define MX_ALERTS_INCIDENTS_H

#include <sys/queue.h>

#include "alerts/note.h"

#define INCIDENTS_PREFIX "alert/"
#define INCIDENTS_MAX	 2000 /* records per node */
#define INCIDENTS_TEXT	 65536

struct incident_member {
	char domain[TEXT_DOMAIN_MAX]; /* "": the cluster */
	enum alert_severity severity, acked;
	int64_t since_ms, fired_ms;
	char acked_by[INSTANCE_ACKED_MAX];
};

/* A record of another node, as passed to a node that may continue it. */
struct incident {
	RB_ENTRY(incident) link;
	char node[SNAP_NAME_MAX];
	enum alert_kind kind;
	char group[NOTE_GROUP_MAX], primary[NOTE_GROUP_MAX];
	unsigned n;
	struct incident_member *member;
	char *text; /* ours: as in the state; NULL: not there */
	bool seen; /* ours: still valid */
};
RB_HEAD(incident_tree, incident);

struct incident_change { /* to be written, in order */
	STAILQ_ENTRY(incident_change) link;
	char *key, *text; /* text NULL: removed */
};
STAILQ_HEAD(incident_changes, incident_change);

struct incidents {
	/* by kind, group, node; of our own node: what we left for others */
	struct incident_tree others;
	struct incident_tree ours; /* what we report */
	unsigned nours, nothers;
	char node[SNAP_NAME_MAX]; /* our name; "": no cluster */
	struct incident_changes changes;
};

void incidents_init(struct incidents *);
void incidents_fini(struct incidents *);
void incident_change_free(struct incident_change **);

/* A record of another node, or one of ours that another has changed or an
 * earlier run left; len 0: removed. */
void incidents_told(struct incidents *, const char *key, const void *text,
    size_t len);
/* Calls fn for each member of those: true: we take it, and it is removed
 * there. */
typedef bool incidents_fn(void *arg, const struct incident *,
    const struct incident_member *);
void incidents_take(struct incidents *, incidents_fn *, void *arg);
/* The first other node with a record of that group; NULL: none. */
const char *
incidents_other(const struct incidents *, enum alert_kind, const char *group);

/* Another node is responsible for that member of a group of ours from now
 * on. */
void incidents_leave(struct incidents *, enum alert_kind, const char *group,
    const char *domain);
/* Once a round: the groups of ours that fire; records not named in between are
 * withdrawn. keep: over, but the resolve is still to be sent. */
void incidents_begin(struct incidents *);
void incidents_fires(struct incidents *, enum alert_kind, const char *group,
    const char *primary, struct instance *const *, size_t n);
void incidents_keep(struct incidents *, enum alert_kind, const char *group);
void incidents_end(struct incidents *);

#endif
