/* SPDX-License-Identifier: ISC
 * dnsbl_name: see dnsbl_name.h. */
#include "net/dnsbl_name.h"

#include <stdio.h>
#include <string.h>

const uint8_t *
dnsbl_octets(const struct net_addr *a)
{
	return (const uint8_t *)&a->u.in.sin_addr;
}

bool
dnsbl_is_code(const struct net_addr *a)
{
	const uint8_t *b = dnsbl_octets(a);

	return a->u.sa.sa_family == AF_INET && b[0] == 127 && b[1] == 0;
}

void
dnsbl_name(const struct net_addr *a, const char *zone, char *dst)
{
	const uint8_t *b;
	size_t n = 0;
	unsigned i;

	if (a->u.sa.sa_family == AF_INET) {
		b = dnsbl_octets(a);
		snprintf(dst, TEXT_DOMAIN_MAX, "%u.%u.%u.%u.%s", b[3], b[2],
		    b[1], b[0], zone);
		return;
	}
	b = a->u.in6.sin6_addr.s6_addr;
	for (i = 16; i-- > 0; n += 4)
		snprintf(dst + n, TEXT_DOMAIN_MAX - n, "%x.%x.", b[i] & 15,
		    b[i] >> 4);
	strlcpy(dst + n, zone, TEXT_DOMAIN_MAX - n);
}
