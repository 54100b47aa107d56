/* SPDX-License-Identifier: ISC
 * incidents: what the nodes of a cluster tell, as each knows it of the others: a
 * record for each group that a node told of, or is about to, in the small state
 * that they share:
 *
 *	alert/NODE/ALERT/GROUP	{"primary", "members": [{"domain", "since_ms", ...}]}
 *
 * Whoever is to tell of a member that stands in the record of another goes on with
 * it, as after a restart, and takes it out of there: the node that had it is gone,
 * or has fallen silent (voice.h), and has left it for that. So what one told
 * another ends. Where several tell under one key, each of domains of its own, the
 * last one ends it.
 *
 * What others wrote is believed in its form alone. The records of a node are
 * bounded; what is beyond is told anew by who takes over, under the same key, and
 * ended by nobody when it was over before. Pure. Alert thread. */
#ifndef MX_ALERTS_INCIDENTS_H
#define MX_ALERTS_INCIDENTS_H

#include <sys/queue.h>

#include "alerts/note.h"

#define INCIDENTS_PREFIX "alert/"
#define INCIDENTS_MAX	 2000 /* records of a node */
#define INCIDENTS_TEXT	 65536

struct incident_member {
	char domain[TEXT_DOMAIN_MAX]; /* "" the cluster */
	enum alert_severity severity, acked;
	int64_t since_ms, fired_ms;
	char acked_by[INSTANCE_ACKED_MAX];
};

/* One of another node, as it is handed to who may go on with it. */
struct incident {
	RB_ENTRY(incident) link;
	char node[SNAP_NAME_MAX];
	enum alert_kind kind;
	char group[NOTE_GROUP_MAX], primary[NOTE_GROUP_MAX];
	unsigned n;
	struct incident_member *member;
	char *text; /* ours: as it is in the state; NULL: it is not */
	bool seen; /* ours: it still is so */
};
RB_HEAD(incident_tree, incident);

struct incident_change { /* to be written, in their order */
	STAILQ_ENTRY(incident_change) link;
	char *key, *text; /* NULL: it is gone */
};
STAILQ_HEAD(incident_changes, incident_change);

struct incidents {
	struct incident_tree others; /* by kind, group, node; of our own node:
				      * what we left, for who takes it */
	struct incident_tree ours; /* what we tell of */
	unsigned nours, nothers;
	char node[SNAP_NAME_MAX]; /* us; "": there is no cluster */
	struct incident_changes changes;
};

void incidents_init(struct incidents *);
void incidents_fini(struct incidents *);
void incident_change_free(struct incident_change **);

/* A record of another, or one of ours that another has changed or a former run of
 * ours left; len 0: it is gone. */
void incidents_told(struct incidents *, const char *key, const void *text,
    size_t len);
/* Calls fn for each member of those: true: it is ours now, and leaves them. */
typedef bool incidents_fn(void *arg, const struct incident *,
    const struct incident_member *);
void incidents_take(struct incidents *, incidents_fn *, void *arg);
/* The first of the other nodes that have a record of that group; NULL: none. */
const char *
incidents_other(const struct incidents *, enum alert_kind, const char *group);

/* That member of a group of ours is another's to tell of from now on. */
void incidents_leave(struct incidents *, enum alert_kind, const char *group,
    const char *domain);
/* What of ours fires, once a round: records that are not named in between are
 * withdrawn. keep: it is over, and that is still to be told. */
void incidents_begin(struct incidents *);
void incidents_fires(struct incidents *, enum alert_kind, const char *group,
    const char *primary, struct instance *const *, size_t n);
void incidents_keep(struct incidents *, enum alert_kind, const char *group);
void incidents_end(struct incidents *);

#endif
