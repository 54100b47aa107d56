/* SPDX-License-Identifier: ISC
 * ctl_cluster: the lines of `mxwatchctl status` about the nodes that share the
 * queue, within 80 columns; none without a cluster. */
#ifndef MX_CONTROL_CTL_CLUSTER_H
#define MX_CONTROL_CTL_CLUSTER_H

#include "control/ctl_format.h"

/* The document's nodes, engine, and mail outside the engine. */
void format_cluster(struct format *, const cJSON *document);
/* No node has the domain's mail, or knows its amount. */
bool format_owner_is_none(const cJSON *domain);
/* A line below the row of a domain that another node owns. */
void format_owner_row(struct format *, const cJSON *domain);
/* The domain's owner, and each node's view of the primary. */
void format_owner_block(struct format *, const cJSON *domain);

#endif
