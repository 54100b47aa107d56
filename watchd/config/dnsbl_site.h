/* SPDX-License-Identifier: ISC
 * dnsbl_site: an item of smtpd { dnsbl }, written as in postscreen_dnsbl_sites
 * of Postfix:
 *
 *	zone[=filter][*weight]	"zen.example.org=127.0.0.[2;4-7]*2"
 *
 * The filter selects the answers that count; brackets hold alternatives and
 * ranges, "4-7" or "4..7". A negative weight is for a list of good clients.
 * Pure. */
#ifndef MX_CONFIG_DNSBL_SITE_H
#define MX_CONFIG_DNSBL_SITE_H

#include "base/text.h"

#define DNSBL_SITES_MAX	 32
#define DNSBL_WEIGHT_MAX 1000000

struct dnsbl_site {
	char zone[TEXT_DOMAIN_MAX]; /* canonical */
	int32_t weight;
	uint8_t octet[4][32]; /* the values of each octet, as a bit set */
};

/* NULL, or the error. */
const char *dnsbl_site_parse(const char *s, struct dnsbl_site *);
/* Does the answer count? `a` is its IPv4 address. */
bool dnsbl_site_match(const struct dnsbl_site *, const uint8_t a[4]);

#endif
