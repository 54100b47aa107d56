/* SPDX-License-Identifier: ISC
 * diff: what a reload changes. 50,000 domains are not walked on the loop for
 * one that is new: the thread that reads a configuration compares it with the
 * one in force, and the modules are told of the domains that differ, a few at
 * a time. Pure; any thread. */
#ifndef MX_CONFIG_DIFF_H
#define MX_CONFIG_DIFF_H

#include "config/config.h"

struct conf_change {
	const struct conf_domain *was; /* NULL: it is new */
	const struct conf_domain *is; /* NULL: it is gone */
};

/* The domains that are in one of them only, or of which at least one option
 * differs, whether it stands there or comes from defaults; ascending name. It
 * holds a reference to both. */
struct conf_diff {
	struct config *old; /* NULL at the start */
	struct config *new;
	size_t n;
	struct conf_change *change;
};

struct conf_diff *conf_diff_create(struct config *old, struct config *new);
/* The last reference to a configuration costs time: not on the loop. */
void conf_diff_destroy(struct conf_diff **);

#endif
