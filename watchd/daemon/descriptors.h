/* SPDX-License-Identifier: ISC
 * descriptors: the numbers of sessions and deliveries for which the process has
 * file descriptors. Probes, the control socket and HTTP have theirs first, then
 * deliveries, then sessions. */
#ifndef MX_DAEMON_DESCRIPTORS_H
#define MX_DAEMON_DESCRIPTORS_H

#include "config/config.h"

/* Raises the limit as far as the system allows. */
void descriptors_raise(void);
/* `sessions` and `deliveries` are at least 1, and at most what the
 * configuration allows. */
struct descriptor_shares {
	uint64_t allowed; /* the limit */
	uint64_t need; /* the maximum that the configuration may use */
	unsigned sessions, deliveries; /* concurrent */
};
void descriptors_share(const struct config *, struct descriptor_shares *);
bool
descriptors_suffice(const struct config *, const struct descriptor_shares *);
/* As descriptors_share(), with a warning in the log if the limit is too low. */
void descriptors_share_log(const struct config *, struct descriptor_shares *);

#endif
