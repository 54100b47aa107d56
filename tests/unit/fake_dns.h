/* SPDX-License-Identifier: ISC
 * fake_dns: net/dns.h for tests, by link-time substitution: a table of names that
 * the test writes. Answers come when it says so, in the order of the questions. */
#ifndef MX_TESTS_FAKE_DNS_H
#define MX_TESTS_FAKE_DNS_H

#include "net/dns.h"

/* Forgets names and questions. */
void fake_dns_reset(void);
/* `mx`: "10 a.test 20 b.test", "0 ." or a word; `addr`: "192.0.2.1 ::1" or a word:
 * "nx", "nodata", "fail"; "stale " may stand before either. NULL: nx. A name that is
 * there is another one from now on. */
void fake_dns_set(const char *name, const char *mx, const char *addr);
/* Answers what was asked, and what is asked meanwhile. */
void fake_dns_answer(void);
unsigned fake_dns_waiting(void); /* questions without an answer */
unsigned fake_dns_asked(void); /* MX look-ups since the reset */

#endif
