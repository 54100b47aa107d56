/* SPDX-License-Identifier: ISC
 * notice: something happened that a person or a manager may want to hear of
 * at once. events.c makes one of each event and daemon_notice() fans it out;
 * what alerts and the SNMP subagent see of the inside is this and the
 * snapshot. It is valid during the call only: who keeps it copies it. */
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
	NOTICE_BREAKER, /* a = 1: the primary refuses what it should take; 0:
			 * it takes it again */
	NOTICE_SELF_MX, /* we are, or seem, the domain's best MX */
	NOTICE_SPOOL, /* a = enum store_state, b = bytes that are free */
	NOTICE_RELOAD, /* a = 1 it worked */
};

struct notice {
	enum notice_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* "" none */
	char host[TEXT_DOMAIN_MAX + 8];
	int64_t a, b;
	int64_t wall;
	char text[256]; /* peer text: escape it */
	/* As it was then. Of the domain: what is queued, recipients that were
	 * delivered and expired since the start; of the primary: the domains
	 * that name it. */
	uint64_t messages, delivered, expired;
	unsigned domains;
	bool mx_backup; /* mx_backup took it in, or all that name it */
};

#endif
