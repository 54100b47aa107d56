/* SPDX-License-Identifier: ISC
 * next_expiry: when the next of the queued messages expires, and for which
 * domain, at the end of an order's answer. Loop thread. */
#ifndef MX_CONTROL_NEXT_EXPIRY_H
#define MX_CONTROL_NEXT_EXPIRY_H

#include "control/control_int.h"

struct next_expiry { /* all zeroes: nothing was looked at */
	struct snapshot *all; /* owned; NULL: no walk over all domains */
	unsigned at;
	int64_t ms; /* wall; 0: nothing expires */
	char domain[TEXT_DOMAIN_MAX];
};

/* Looks at one domain; the earliest so far is kept. */
void next_expiry_look(struct call *, struct next_expiry *, const char *domain);
/* Looks at all that have mail, some of them with each call of _some(). True:
 * call it again. */
void next_expiry_begin(struct call *, struct next_expiry *);
bool next_expiry_some(struct call *, struct next_expiry *);
/* Adds "next_expiry" and "next_expiry_domain". */
void next_expiry_put(const struct next_expiry *, cJSON *done);
void next_expiry_fini(struct next_expiry *);

#endif
