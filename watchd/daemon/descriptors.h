/* SPDX-License-Identifier: ISC
 * descriptors: how many sessions and deliveries the process may have, so that
 * others have descriptors left, too: probes, the control socket, HTTP. Sessions
 * give way to deliveries, and both to these. */
#ifndef MX_DAEMON_DESCRIPTORS_H
#define MX_DAEMON_DESCRIPTORS_H

#include "config/config.h"

/* As many as the system lets us have. */
void descriptors_raise(void);
/* Both at least 1, and at most what the configuration allows. */
struct descriptor_shares {
	uint64_t allowed; /* the limit */
	uint64_t need; /* what the configuration may use in all */
	unsigned sessions, deliveries; /* at once */
};
void descriptors_share(const struct config *, struct descriptor_shares *);
bool
descriptors_suffice(const struct config *, const struct descriptor_shares *);
/* The same as descriptors_share(), with a warning in the log when they do not
 * suffice. */
void descriptors_share_log(const struct config *, struct descriptor_shares *);

#endif
