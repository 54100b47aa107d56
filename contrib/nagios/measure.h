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

/* Of one domain: any mode but CHECK_SPOOL, CHECK_HEARTBEAT and CHECK_ALL. */
void measure_domain(const struct check *, enum check_mode, const cJSON *status,
    const cJSON *domain, struct measure *);
void measure_spool(const cJSON *status, struct measure *);
void measure_heartbeat(const cJSON *status, const cJSON *heartbeat,
    struct measure *);
/* "3 messages" and the like, of a sum. */
void measure_words(const struct check *, enum check_mode, double value,
    char *dst, size_t size);

#endif
