/* SPDX-License-Identifier: ISC
 * note: what one receiver is told at once: the instances of one alert about
 * the domains of one primary. A value; whoever holds one owns its members.
 * Pure. */
#ifndef MX_ALERTS_NOTE_H
#define MX_ALERTS_NOTE_H

#include "alerts/instance.h"

#define NOTE_MEMBERS_MAX 50 /* listed; the rest is counted */
#define NOTE_GROUP_MAX	 (TEXT_DOMAIN_MAX + 8)
#define NOTE_TEST	 ALERT_KIND_MAX /* a kind: `alert test` */

struct note_member {
	char domain[TEXT_DOMAIN_MAX];
	enum alert_severity severity;
	int64_t start_ms, end_ms; /* end 0: it goes on */
	char summary[RULES_SUMMARY];
};

struct note {
	enum alert_kind kind;
	char group[NOTE_GROUP_MAX]; /* primary, or domain, or "" */
	char primary[NOTE_GROUP_MAX]; /* "" none */
	enum alert_severity severity; /* the worst */
	unsigned total; /* members, also those not listed */
	unsigned n;
	struct note_member *member;
};

void note_add(struct note *, const char *domain, enum alert_severity,
    int64_t start_ms, const char *summary);
void note_copy(struct note *dst, const struct note *src); /* frees dst's */
void note_fini(struct note *);
/* The same domains with the same severities; summaries may differ. */
bool note_same(const struct note *, const struct note *);
const char *note_name(const struct note *); /* "queue_age", "test" */
int64_t note_start(const struct note *); /* of the first member */
void note_end(struct note *, int64_t now); /* all members are over */

#endif
