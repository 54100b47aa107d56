/* SPDX-License-Identifier: ISC
 * measure: one number of a status document, with the words for it. Pure. */
#ifndef NAGIOS_MEASURE_H
#define NAGIOS_MEASURE_H

#include "judge.h"

struct measure {
	bool known; /* false: there is no number, as of a queue without mail */
	double value;
	double whole; /* what 100 % is, 0: not known */
	double max; /* for perfdata, 0: none */
	double rank; /* the worst of several has the greatest */
	enum level own; /* what it is without any threshold */
	char text[400];
};

/* Of a cluster, as the node that was asked sees it. */
enum cluster_fact {
	CLUSTER_AWAY, /* seconds; 0: the engine is there */
	CLUSTER_SYNCHRONOUS,
	CLUSTER_LIVE, /* nodes */
	CLUSTER_MISSING,
	CLUSTER_DIFFERING, /* in their configurations */
	CLUSTER_FENCED,
	CLUSTER_UNOWNED, /* domains */
	CLUSTER_LOCAL_MSGS, /* at this node alone */
	CLUSTER_LOCAL, /* age of the oldest; the thresholds are about this */
	CLUSTER_FACTS,
};
struct cluster_facts {
	struct measure fact[CLUSTER_FACTS]; /* text: what is wrong with it */
	char text[200]; /* when nothing is */
};

/* Of one domain: any mode but CHECK_SPOOL, CHECK_HEARTBEAT, CHECK_CLUSTER and
 * CHECK_ALL. */
void measure_domain(const struct check *, enum check_mode, const cJSON *status,
    const cJSON *domain, struct measure *);
void measure_spool(const cJSON *status, struct measure *);
void measure_heartbeat(const cJSON *status, const cJSON *heartbeat,
    struct measure *);
/* False: there is no cluster. */
bool measure_cluster(const struct check *, const cJSON *status,
    struct cluster_facts *);
/* "3 messages" and the like, of a sum. */
void measure_words(const struct check *, enum check_mode, double value,
    char *dst, size_t size);

#endif
