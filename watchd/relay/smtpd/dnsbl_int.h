/* SPDX-License-Identifier: ISC
 * dnsbl_int: what dnsbl.c (clients), dnsbl_lists.c (which lists there are) and
 * dnsbl_test.c (whether they are any) share. */
#ifndef MX_SMTPD_DNSBL_INT_H
#define MX_SMTPD_DNSBL_INT_H

#include "base/ways.h"
#include "config/dnsbl_site.h"
#include "net/dns.h"
#include "net/dnsbl_name.h"
#include "relay/smtpd/dnsbl.h"

#define DNSBL_MUTE 3 /* tests in a row that failed */

/* What has to be listed, and what must not be; for both families. */
enum { TEST_LISTED, TEST_NOT, TEST_LISTED6, TEST_NOT6, TEST_MAX };

struct dnsbl_test {
	struct dnsbl_list *list;
	uint64_t id; /* 0: it is answered */
	enum dns_status status;
	bool hit; /* in 127.0.0.0/16 */
};

/* A zone: once, however many sites name it. */
struct dnsbl_list {
	struct dnsbl *dnsbl;
	struct snap_dnsbl shown; /* zone, state, why, counters */
	bool v6; /* it knows IPv6 clients */
	unsigned fails; /* look-ups of clients, in a row */
	unsigned asked; /* look-ups of clients under way */
	struct dnsbl_test test[TEST_MAX];
	unsigned pending, mute;
	int64_t next; /* test */
};

struct dnsbl {
	struct loop *loop;
	void (*known)(struct dnsbl_use *);
	struct config *conf; /* NULL: before the first */
	struct dns *dns; /* NULL: no lists, or no threads */
	struct loop_timer *timer; /* of the tests */
	uint64_t seed;
	struct ways clients;
	uint32_t places; /* of it; 0: none */
	LIST_HEAD(, dnsbl_ask) asks;
	unsigned nsites, nlists;
	struct dnsbl_site site[DNSBL_SITES_MAX];
	unsigned list_of[DNSBL_SITES_MAX]; /* of the site */
	struct dnsbl_list *list;
};

/* So many look-ups failed that nobody waits for it. */
bool dnsbl_is_silent(const struct dnsbl_list *);

/* dnsbl.c. Of those that are told now nobody is listed. */
void dnsbl_drop_asks(struct dnsbl *);
/* The table of clients, empty; 0: none. */
void dnsbl_table(struct dnsbl *, uint32_t clients);

/* dnsbl_test.c */
void dnsbl_test_all(struct dnsbl *);
void dnsbl_test_cancel(struct dnsbl_list *);
void dnsbl_test_due(void *arg); /* the timer's */

#endif
