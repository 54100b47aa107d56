/* SPDX-License-Identifier: ISC
 * ctl_cluster: what `mxwatchctl status` says of the nodes that share the queue; in
 * 80 columns, and nothing without a cluster. */
#ifndef MX_CONTROL_CTL_CLUSTER_H
#define MX_CONTROL_CTL_CLUSTER_H

#include "control/ctl_format.h"

/* The nodes, the engine and the mail beside it, of the document. */
void format_cluster(struct format *, const cJSON *document);
/* Nobody has its mail, or knows how much that is. */
bool format_owner_is_none(const cJSON *domain);
/* A line below the row of a domain whose mail another node has. */
void format_owner_row(struct format *, const cJSON *domain);
/* Whose its mail is, and what each node sees. */
void format_owner_block(struct format *, const cJSON *domain);

#endif
