/* SPDX-License-Identifier: ISC
 * sts: the MTA-STS policy of a domain (RFC 8461), as a sender reads it: may
 * mail be sent to a host of that name? The text is not trusted. Pure. */
#ifndef MX_DOCTOR_STS_H
#define MX_DOCTOR_STS_H

#include "base/text.h"

#define STS_POLICY_MAX 65536 /* bytes; RFC 8461 3.2 wants it below 64 KB */
#define STS_MX_MAX     64 /* patterns */

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };

struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age; /* seconds */
	unsigned nmx;
	char mx[STS_MX_MAX][TEXT_DOMAIN_MAX]; /* canonical; "*." before some */
};

/* Does the TXT record of _mta-sts.DOMAIN announce a policy (RFC 8461 3.1)? */
bool sts_is_record(const char *txt);
/* NULL, or the error, static. */
const char *sts_parse(const char *text, size_t len, struct sts_policy *);
/* `host` is canonical. RFC 8461 4.1: "*" stands for one label. */
bool sts_covers(const struct sts_policy *, const char *host);

#endif
