/* SPDX-License-Identifier: ISC
 * range: thresholds in the format of the Monitoring Plugins guidelines:
 * "[@]start:end" alerts outside of the range, or with @ inside, its ends
 * included. "10" is 0:10, "10:" has no upper end, "~:10" no lower one. Pure. */
#ifndef NAGIOS_RANGE_H
#define NAGIOS_RANGE_H

#include "base/err.h"

/* Units allowed in a range. */
#define RANGE_TIME     0x1u /* ms s m h d w; "1h30m"; gives seconds */
#define RANGE_SIZE     0x2u /* K M G T, powers of 1024 */
#define RANGE_PERCENT  0x4u /* of a whole that is given later */

#define RANGE_TEXT_MAX 128

struct check_range {
	bool set; /* false: never alerts */
	bool inside, percent;
	double start, end; /* infinite where open */
};

/* 0, or -MX_ESYNTAX with *eb; then *r is not set. */
int range_parse(const char *s, unsigned units, struct check_range *r,
    struct mx_errbuf *eb) MX_NODISCARD;

/* `whole` is the value of 100 %; a percentage of 0 never alerts. */
bool range_alerts(const struct check_range *, double v, double whole);

/* The range for perfdata, with percentages converted; "": none. dst has
 * RANGE_TEXT_MAX bytes. Returns dst. */
char *range_fmt(const struct check_range *, double whole, char *dst);

/* A number without a trailing ".000000". Returns dst. */
char *range_number(double v, char *dst, size_t size);

#endif
