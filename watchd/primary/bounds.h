/* SPDX-License-Identifier: ISC
 * bounds: the minimum of a changing set of numbers, such as the connection
 * limits that the domains of one host set. A counted multiset, sorted: adding
 * or removing a number costs the search, and a move of at most as many entries
 * as there are different numbers (an option allows 1,000). All zeroes is an
 * empty one. The number 0 means no limit and is not to be added. Pure.
 *
 *	bounds_add(&b, 20); bounds_add(&b, 5); bounds_add(&b, 20);
 *	bounds_least(&b) == 5; bounds_drop(&b, 5); bounds_least(&b) == 20; */
#ifndef MX_PRIMARY_BOUNDS_H
#define MX_PRIMARY_BOUNDS_H

#include "base/defs.h"

struct bounds {
	struct bound {
		unsigned value, times;
	} * at; /* ascending by value */
	unsigned n, size;
};

void bounds_fini(struct bounds *);
void bounds_add(struct bounds *, unsigned value); /* > 0 */
void bounds_drop(struct bounds *, unsigned value); /* a value that was added */
unsigned bounds_least(const struct bounds *); /* 0: it is empty */

#endif
