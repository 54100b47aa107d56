/* SPDX-License-Identifier: ISC
 * notify: the notifications of the MIB that follow from notices and from the
 * ages of a snapshot, with the values of the moment. Pure, but for the indices,
 * which grow by new names and remember what was told. Loop thread. */
#ifndef MX_SNMP_NOTIFY_H
#define MX_SNMP_NOTIFY_H

#include "exporters/snmp/pack.h"
#include "status/notice.h"

enum notify_worth {
	NOTIFY_NOT, /* none follows, or none yet */
	/* It is well, as far as we know since the start: told where there is
	 * room, for a manager that heard of trouble before. */
	NOTIFY_COURTESY,
	NOTIFY_NEWS,
};
/* Mail that expired is told once in five minutes and domain. */
enum notify_worth notify_of_notice(struct wire_notice *, const struct notice *,
    struct indices *, int64_t now);

/* Ages of the domains against their lifetimes, in percent. A level is left
 * when the age is ten points below its threshold, so that a flush does not
 * make it rattle. `tell` is called for each change; where it returns false
 * there was no room, and the same is told the next time. Of many domains those
 * from *next on are looked at, all of them within a minute of calls each
 * second. */
struct age_limits {
	unsigned warning, critical; /* percent; 0: never */
};
void notify_ages(const struct snapshot *, struct index *domains,
    const struct age_limits *, unsigned *next,
    bool (*tell)(void *arg, const struct wire_notice *), void *arg);

#endif
