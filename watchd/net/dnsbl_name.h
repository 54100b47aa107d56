/* SPDX-License-Identifier: ISC
 * dnsbl_name: how a list in the DNS is asked for an address, and what its
 * answer means (RFC 5782 2.1, 2.4). Pure. */
#ifndef MX_NET_DNSBL_NAME_H
#define MX_NET_DNSBL_NAME_H

#include "base/text.h"
#include "net/addr.h"

/* "2.0.0.127.zone", or 32 nibbles of an IPv6 address. dst holds
 * TEXT_DOMAIN_MAX. */
void dnsbl_name(const struct net_addr *, const char *zone, char *dst);
/* An answer that says "listed": in 127.0.0.0/16. Lists use 127.255.255.0/24
 * to say that they do not serve this resolver. */
bool dnsbl_is_code(const struct net_addr *);
const uint8_t *dnsbl_octets(const struct net_addr *); /* of IPv4 */

#endif
