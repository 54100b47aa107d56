/* SPDX-License-Identifier: ISC
 * dnsbl_int: shared by dnsbl.c (clients), dnsbl_lists.c (the configured lists)
 * and dnsbl_test.c (the tests of lists). */
#ifndef MX_SMTPD_DNSBL_INT_H
#define MX_SMTPD_DNSBL_INT_H

#include "base/ways.h"
#include "config/dnsbl_site.h"
#include "net/dns.h"
#include "net/dnsbl_name.h"
#include "relay/smtpd/dnsbl.h"

#define DNSBL_MUTE 3 /* failed tests in a row */

/* Addresses that must be listed, and must not be; for both families. */
enum { TEST_LISTED, TEST_NOT, TEST_LISTED6, TEST_NOT6, TEST_MAX };

struct dnsbl_test {
	struct dnsbl_list *list;
	uint64_t id; /* 0: answered */
	enum dns_status status;
	bool hit; /* in 127.0.0.0/16 */
};

/* A zone, once for all sites that name it. */
struct dnsbl_list {
	struct dnsbl *dnsbl;
	struct snap_dnsbl shown; /* zone, state, why, counters */
	bool v6; /* it knows IPv6 clients */
	unsigned fails; /* failed look-ups of clients in a row */
	unsigned asked; /* look-ups of clients under way */
	struct dnsbl_test test[TEST_MAX];
	unsigned pending, mute;
	int64_t next; /* time of the next test */
};

struct dnsbl {
	struct loop *loop;
	void (*known)(struct dnsbl_use *);
	struct config *conf; /* NULL: before the first */
	struct dns *dns; /* NULL: no lists, or no threads */
	struct loop_timer *timer; /* of the tests */
	uint64_t seed;
	struct ways clients;
	uint32_t places; /* size of the table; 0: none */
	LIST_HEAD(, dnsbl_ask) asks;
	unsigned nsites, nlists;
	struct dnsbl_site site[DNSBL_SITES_MAX];
	unsigned list_of[DNSBL_SITES_MAX]; /* of the site */
	struct dnsbl_list *list;
};

/* So many look-ups failed that nobody waits for it. */
bool dnsbl_is_silent(const struct dnsbl_list *);

/* dnsbl.c. Sessions that are told now count as not listed. */
void dnsbl_drop_asks(struct dnsbl *);
/* Makes an empty table of clients; 0: none. */
void dnsbl_table(struct dnsbl *, uint32_t clients);

/* dnsbl_test.c */
void dnsbl_test_all(struct dnsbl *);
void dnsbl_test_cancel(struct dnsbl_list *);
void dnsbl_test_due(void *arg); /* callback of the timer */

#endif
