/* SPDX-License-Identifier: ISC
 * note: what one receiver is told at once: the instances of one alert about
 * the domains of one primary. A value; whoever holds one owns its members.
 * Pure. */
#ifndef MX_ALERTS_NOTE_H
#define MX_ALERTS_NOTE_H

#include "alerts/instance.h"

#define NOTE_MEMBERS_MAX 50 /* listed of those that last; the rest is counted */
#define NOTE_LIST_MAX	 (2 * NOTE_MEMBERS_MAX) /* with those that ended */
#define NOTE_GROUP_MAX	 (TEXT_DOMAIN_MAX + 8)
#define NOTE_TEST	 ALERT_KIND_MAX /* a kind: `alert test` */

struct note_member {
	char domain[TEXT_DOMAIN_MAX];
	enum alert_severity severity;
	int64_t start_ms, end_ms; /* end 0: it goes on */
	unsigned times; /* it came; 1: it did not flap */
	int64_t well_ms; /* it is well since then, and not over: no news; 0 */
	bool told; /* somebody has been told of it, or may have */
	char summary[RULES_SUMMARY];
};

struct note {
	enum alert_kind kind;
	char group[NOTE_GROUP_MAX]; /* primary, or domain, or "" */
	char primary[NOTE_GROUP_MAX]; /* "" none */
	enum alert_severity severity; /* the worst */
	unsigned total; /* that last, also those not listed */
	unsigned held; /* of these: well just now */
	/* Of all their domains together, as the snapshot had it that they were
	 * raised from; 0: nothing waits, nothing expires. */
	uint64_t messages;
	int64_t expiry_ms;
	unsigned n; /* listed: those that last, then those that ended */
	struct note_member *member;
};

void note_add(struct note *, const char *domain, enum alert_severity,
    int64_t start_ms, const char *summary);
void note_add_instance(struct note *, const struct instance *); /* it fires */
/* The queue of a domain that one of them is about. */
void note_add_queue(struct note *, const struct snap_domain *);
/* "340 messages wait, the first expires at ..."; of a note without any mail
 * "". */
char *note_queue_fmt(const struct note *, char *dst, size_t size);
void note_fini(struct note *);
/* The state of now replaces that of before. Members that were told and are no
 * longer there stay, with their end, until the whole group is over: whoever
 * keeps them apart has to hear of it. */
void note_update(struct note *, const struct note *now, int64_t now_ms);
/* The one member of `from`, which has been told; false: it is there already. */
bool note_take(struct note *, const struct note *from);
/* That member is told of by another node: it has not ended, it is not here. */
void note_leave(struct note *, const char *domain);
/* A note that went out: its members have been told. */
void note_told(struct note *);
/* All has been told to be over: what lasts is as if it were new. */
void note_renew(struct note *);
/* The same domains last, with the same severities; summaries may differ. */
bool note_same(const struct note *, const struct note *now);
/* One of those that last, and is not well just now, has not been told. */
bool note_has_news(const struct note *);
/* How many of those that are listed last. */
unsigned note_lasting(const struct note *);
/* How many are counted but not listed. */
unsigned note_unlisted(const struct note *);
const char *note_name(const struct note *); /* "queue_age", "test" */
int64_t note_start(const struct note *); /* of the first member */
void note_end(struct note *, int64_t now); /* all members are over */

#endif
