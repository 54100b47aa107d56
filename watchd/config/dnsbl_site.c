/* SPDX-License-Identifier: ISC
 * dnsbl_site: see dnsbl_site.h. Called by value_text.c to check and by
 * smtpd/dnsbl.c to use it. */
#include "config/dnsbl_site.h"

#include <stdlib.h>
#include <string.h>

/* The name of an IPv6 client needs 64 characters before the zone. */
#define ZONE_MAX 188

static bool
get_octet(const char **sp, unsigned *out)
{
	const char *s = *sp;
	unsigned n = 0, digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 4; digits++)
		n = n * 10 + (unsigned)(*s++ - '0');
	*sp = s;
	*out = n;
	return digits > 0 && n <= 255;
}

/* "7", "4-7", "4..7" */
static bool
get_range(const char **sp, uint8_t bits[32])
{
	unsigned lo, hi;

	if (!get_octet(sp, &lo))
		return false;
	hi = lo;
	if (**sp == '-' || strncmp(*sp, "..", 2) == 0) {
		*sp += **sp == '-' ? 1 : 2;
		if (!get_octet(sp, &hi) || hi < lo)
			return false;
	}
	for (; lo <= hi; lo++)
		bits[lo / 8] |= (uint8_t)(1u << lo % 8);
	return true;
}

/* "7", "[2;4-7]" */
static bool
get_part(const char **sp, uint8_t bits[32])
{
	unsigned n;

	if (**sp != '[') {
		if (!get_octet(sp, &n))
			return false;
		bits[n / 8] |= (uint8_t)(1u << n % 8);
		return true;
	}
	do {
		++*sp;
		if (!get_range(sp, bits))
			return false;
	} while (**sp == ';');
	return *(*sp)++ == ']';
}

static bool
get_filter(const char **sp, struct dnsbl_site *site)
{
	unsigned i;

	memset(site->octet, 0, sizeof(site->octet));
	for (i = 0; i < 4; i++) {
		if (i > 0 && *(*sp)++ != '.')
			return false;
		if (!get_part(sp, site->octet[i]))
			return false;
	}
	return true;
}

static bool
get_weight(const char **sp, int32_t *out)
{
	const char *s = *sp;
	char *end;
	long n;

	if (*s != '-' && (*s < '0' || *s > '9'))
		return false;
	n = strtol(s, &end, 10);
	*sp = end;
	*out = (int32_t)n;
	return end != s && n >= -DNSBL_WEIGHT_MAX && n <= DNSBL_WEIGHT_MAX;
}

const char *
dnsbl_site_parse(const char *s, struct dnsbl_site *site)
{
	size_t n = strcspn(s, "=*");

	memset(site, 0, sizeof(*site));
	memset(site->octet, 0xff, sizeof(site->octet));
	site->weight = 1;
	if (text_domain(s, n, site->zone) < 0)
		return "does not begin with a zone name";
	if (strlen(site->zone) > ZONE_MAX)
		return "has a zone name that is too long";
	s += n;
	if (*s == '=') {
		s++;
		if (!get_filter(&s, site))
			return "has an invalid filter";
	}
	if (*s == '*') {
		s++;
		if (!get_weight(&s, &site->weight))
			return "has an invalid weight";
	}
	return *s == '\0' ? NULL : "has extra characters at its end";
}

bool
dnsbl_site_match(const struct dnsbl_site *site, const uint8_t a[4])
{
	unsigned i;

	for (i = 0; i < 4; i++)
		if ((site->octet[i][a[i] / 8] & 1u << a[i] % 8) == 0)
			return false;
	return true;
}
