/* SPDX-License-Identifier: ISC
 * range: thresholds as the guidelines of the Monitoring Plugins write them:
 * "[@]start:end", where the alert is outside, or with @ inside, the ends
 * included. "10" is 0:10, "10:" has no upper end, "~:10" no lower one.
 * Pure. */
#ifndef NAGIOS_RANGE_H
#define NAGIOS_RANGE_H

#include "base/err.h"

/* Units that numbers of a range may have. */
#define RANGE_TIME     0x1u /* ms s m h d w; "1h30m"; seconds out */
#define RANGE_SIZE     0x2u /* K M G T, powers of 1024 */
#define RANGE_PERCENT  0x4u /* of a whole that is known later */

#define RANGE_TEXT_MAX 128

struct check_range {
	bool set; /* false: never alerts */
	bool inside, percent;
	double start, end; /* infinite where open */
};

/* 0, or -MX_ESYNTAX with *eb; *r is then not set. */
int range_parse(const char *s, unsigned units, struct check_range *r,
    struct mx_errbuf *eb) MX_NODISCARD;

/* `whole` is what 100 % is; a percentage of nothing never alerts. */
bool range_alerts(const struct check_range *, double v, double whole);

/* As perfdata wants it, percentages made absolute; "" when there is none.
 * dst holds RANGE_TEXT_MAX. Returns dst. */
char *range_fmt(const struct check_range *, double whole, char *dst);

/* A number without a trailing ".000000". Returns dst. */
char *range_number(double v, char *dst, size_t size);

#endif
