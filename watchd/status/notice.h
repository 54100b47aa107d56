/* SPDX-License-Identifier: ISC
 * notice: an event that a person or a manager may want to hear of at once.
 * events.c creates them and daemon_notice() distributes them; alerts and the
 * SNMP subagent see only notices and the snapshot. Valid during the call only:
 * to be copied if kept. */
#ifndef MX_STATUS_NOTICE_H
#define MX_STATUS_NOTICE_H

#include "base/text.h"

enum notice_kind {
	NOTICE_STATE, /* a domain's state: a = from, b = to */
	NOTICE_PRIMARY, /* a primary went up (a = 1) or down (a = 0), then
			 * b = enum smtp_phase that failed */
	NOTICE_FLUSH_BEGIN, /* a = messages */
	NOTICE_FLUSH_END, /* a = messages tried, b = 1 when complete */
	NOTICE_EXPIRED, /* a = recipients */
	/* a = 1: the primary refuses what it should accept; 0: it accepts
	 * again */
	NOTICE_BREAKER,
	NOTICE_SELF_MX, /* we are, or seem, the domain's best MX */
	NOTICE_SPOOL, /* a = enum store_state, b = free bytes */
	NOTICE_RELOAD, /* a = 1: success */
};

struct notice {
	enum notice_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* "" none */
	char host[TEXT_DOMAIN_MAX + 8];
	int64_t a, b;
	int64_t wall;
	char text[256]; /* peer text: escape it */
	/* At the time of the notice. Domain: messages queued, recipients
	 * delivered and expired since the start; primary: the domains that name
	 * it. */
	uint64_t messages, delivered, expired;
	unsigned domains;
	/* mx_backup took in the domain, or all that name the primary */
	bool mx_backup;
};

#endif
