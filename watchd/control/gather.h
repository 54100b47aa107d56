/* SPDX-License-Identifier: ISC
 * gather: in a cluster any node gives the answer of all. A request about one
 * domain goes to its owner; a message is looked for at all nodes, because its
 * parts may be at several; listings come from each node and are merged in their
 * order; the rest is answered by this node alone. Each node answers page by
 * page (page.h), and the next page is requested when the client has taken the
 * previous, so a gathered answer of any length costs GATHER_PAGES of memory.
 * Nodes that do not answer are named in the last line. Loop thread. */
#ifndef MX_CONTROL_GATHER_H
#define MX_CONTROL_GATHER_H

#include "control/control_int.h"

#define GATHER_PAGES (1024u * 1024) /* of all nodes together */

/* Takes over a request that is not for this node alone, or refuses it; false:
 * the caller runs the verb here. */
bool gather_start(struct call *);

#endif
