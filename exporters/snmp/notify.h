/* SPDX-License-Identifier: ISC
 * notify: the notifications of the MIB that result from notices and from ages
 * in a snapshot, with the values of that moment. Pure, except for the indices,
 * which get new names and remember what was notified. Loop thread. */
#ifndef MX_SNMP_NOTIFY_H
#define MX_SNMP_NOTIFY_H

#include "exporters/snmp/pack.h"
#include "status/notice.h"

enum notify_worth {
	NOTIFY_NOT, /* none, or not yet */
	/* All is well as far as known since the start: sent if there is room,
	 * for a manager that was notified of trouble earlier. */
	NOTIFY_COURTESY,
	NOTIFY_NEWS,
};
/* Expired mail is notified once in five minutes per domain. */
enum notify_worth notify_of_notice(struct wire_notice *, const struct notice *,
    struct indices *, int64_t now);

/* Compares ages of the domains with their lifetimes, in percent. A level is
 * left when the age is ten points below its threshold, so that a flush does not
 * make it flap. `tell` is called for each change; false means that there was no
 * room, and it is called again the next time. With many domains a part is
 * examined, from *next on, so that calls each second cover all within a
 * minute. */
struct age_limits {
	unsigned warning, critical; /* percent; 0: never */
};
void notify_ages(const struct snapshot *, struct index *domains,
    const struct age_limits *, unsigned *next,
    bool (*tell)(void *arg, const struct wire_notice *), void *arg);

#endif
