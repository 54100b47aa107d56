/* SPDX-License-Identifier: ISC
 * note: one message to one receiver: the instances of one alert about the
 * domains of one primary. A value; the holder owns its members. Pure. */
#ifndef MX_ALERTS_NOTE_H
#define MX_ALERTS_NOTE_H

#include "alerts/instance.h"

#define NOTE_MEMBERS_MAX 50 /* of active members; the rest is counted */
#define NOTE_LIST_MAX	 (2 * NOTE_MEMBERS_MAX) /* including ended ones */
#define NOTE_GROUP_MAX	 (TEXT_DOMAIN_MAX + 8)
#define NOTE_TEST	 ALERT_KIND_MAX /* a kind: `alert test` */

struct note_member {
	char domain[TEXT_DOMAIN_MAX];
	enum alert_severity severity;
	int64_t start_ms, end_ms; /* end 0: active */
	unsigned times; /* occurrences; 1: it did not flap */
	int64_t well_ms; /* well since then, but not over: not news; 0 */
	bool told; /* it was sent, or may have been */
	char summary[RULES_SUMMARY];
};

struct note {
	enum alert_kind kind;
	char group[NOTE_GROUP_MAX]; /* primary, or domain, or "" */
	char primary[NOTE_GROUP_MAX]; /* "" none */
	enum alert_severity severity; /* the worst */
	unsigned total; /* active ones, including those not listed */
	unsigned held; /* those of them that are well just now */
	/* Over all their domains, from the snapshot that raised them; 0:
	 * nothing waits, nothing expires. */
	uint64_t messages;
	int64_t expiry_ms;
	unsigned n; /* listed: active ones, then ended ones */
	struct note_member *member;
};

void note_add(struct note *, const char *domain, enum alert_severity,
    int64_t start_ms, const char *summary);
/* Adds a firing instance. */
void note_add_instance(struct note *, const struct instance *);
/* Adds the queue of a domain that a member is about. */
void note_add_queue(struct note *, const struct snap_domain *);
/* "340 messages wait, the first expires at ..."; "" for a note without mail. */
char *note_queue_fmt(const struct note *, char *dst, size_t size);
void note_fini(struct note *);
/* Replaces the state by that of `now`. Members that were sent and are no longer
 * active stay, with their end, until the whole group is over: receivers that
 * track them separately need it. */
void note_update(struct note *, const struct note *now, int64_t now_ms);
/* Adds the single member of `from`, which was already sent; false: it is
 * there. */
bool note_take(struct note *, const struct note *from);
/* Another node reports that member: it has not ended, but is removed here. */
void note_leave(struct note *, const char *domain);
/* The note was sent: marks its members as such. */
void note_told(struct note *);
/* Everything was reported as over: active members count as new. */
void note_renew(struct note *);
/* The same active domains, with the same severities; summaries may differ. */
bool note_same(const struct note *, const struct note *now);
/* An active member that is not well just now was not sent yet. */
bool note_has_news(const struct note *);
/* Number of listed active members. */
unsigned note_lasting(const struct note *);
/* Number of counted but unlisted ones. */
unsigned note_unlisted(const struct note *);
const char *note_name(const struct note *); /* "queue_age", "test" */
int64_t note_start(const struct note *); /* of the first member */
void note_end(struct note *, int64_t now); /* all members have ended */

#endif
