/* SPDX-License-Identifier: ISC
 * sim_dns: net/dns.h with the names of the world, by link-time substitution.
 * "d7.test" has MX records, or none where the configuration names its hosts;
 * "p3.test" and "mx1.d7.test" have addresses. While the resolver fails, names
 * that were answered before are given as stale, as the real module does. */
#ifndef MX_TESTS_SIM_DNS_H
#define MX_TESTS_SIM_DNS_H

#include "net/dns.h"
#include "tests/sim/sim_judge.h"

void sim_dns_world(struct sdomain *, unsigned ndomains, struct server *,
    unsigned nservers, uint64_t seed);
/* The resolver: works, fails with memory of what it said, or without. */
void sim_dns_fail(bool fails, bool forgets);
/* The name of a domain's host, as configured or in its MX record. */
const char *
sim_dns_host(const struct sdomain *, const struct server *, unsigned host);

#endif
