/* SPDX-License-Identifier: ISC
 * measure: a value of a status document, with its text. Pure. */
#ifndef NAGIOS_MEASURE_H
#define NAGIOS_MEASURE_H

#include "judge.h"

struct measure {
	/* false: no value, such as the age of an empty queue */
	bool known;
	double value;
	double whole; /* the value of 100 %; 0: unknown */
	double max; /* for perfdata, 0: none */
	double rank; /* the worst of several has the highest */
	enum level own; /* the level without thresholds */
	char text[400];
};

/* Facts about a cluster, as seen by the node that answers. */
enum cluster_fact {
	CLUSTER_AWAY, /* seconds; 0: the engine answers */
	CLUSTER_SYNCHRONOUS,
	CLUSTER_LIVE, /* nodes */
	CLUSTER_MISSING,
	CLUSTER_DIFFERING, /* with different configurations */
	CLUSTER_FENCED,
	CLUSTER_UNOWNED, /* domains */
	CLUSTER_LOCAL_MSGS, /* only at this node */
	CLUSTER_LOCAL, /* age of the oldest; thresholds apply to it */
	CLUSTER_FACTS,
};
struct cluster_facts {
	struct measure fact[CLUSTER_FACTS]; /* text: the fault */
	char text[200]; /* if there is no fault */
};

/* Of a domain: any mode except CHECK_SPOOL, CHECK_HEARTBEAT, CHECK_CLUSTER and
 * CHECK_ALL. */
void measure_domain(const struct check *, enum check_mode, const cJSON *status,
    const cJSON *domain, struct measure *);
void measure_spool(const cJSON *status, struct measure *);
void measure_heartbeat(const cJSON *status, const cJSON *heartbeat,
    struct measure *);
/* False: no cluster. */
bool measure_cluster(const struct check *, const cJSON *status,
    struct cluster_facts *);
/* The text for a sum, such as "3 messages". */
void measure_words(const struct check *, enum check_mode, double value,
    char *dst, size_t size);

#endif
