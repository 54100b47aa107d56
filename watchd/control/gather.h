/* SPDX-License-Identifier: ISC
 * gather: in a cluster the answer of any node is that of all. What is about one domain
 * is asked of its owner; a message is looked for at all nodes, because its parts may
 * be at several; listings come from each, merged in their order; the rest is this
 * node's own affair. Each node answers page by page (page.h), and the next page is
 * asked for when the client has taken what there is, so a gathered answer costs
 * GATHER_PAGES of memory, however long it gets. Who does not answer is named at the
 * end. Loop thread. */
#ifndef MX_CONTROL_GATHER_H
#define MX_CONTROL_GATHER_H

#include "control/control_int.h"

#define GATHER_PAGES (1024u * 1024) /* of all nodes together */

/* Takes over a request that is not for this node alone, or refuses it; false: the
 * verb is to be run here. */
bool gather_start(struct call *);

#endif
