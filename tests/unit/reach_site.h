/* SPDX-License-Identifier: ISC
 * reach_site: the servers of reach_rows.h, a thread each. */
#ifndef MX_TESTS_REACH_SITE_H
#define MX_TESTS_REACH_SITE_H

#include "tests/unit/reach_rows.h"

void sites_open(struct row_world *); /* fills in .at */
/* The connections to them are closed by then. */
void sites_close(struct row_world *);

#endif
