/* SPDX-License-Identifier: ISC
 * diff: the changes of a reload. The loop must not walk 50,000 domains for a
 * single new one: the thread that reads a configuration compares it with the
 * one in force, and the modules get the domains that differ, a few at a time.
 * Pure; any thread. */
#ifndef MX_CONFIG_DIFF_H
#define MX_CONFIG_DIFF_H

#include "config/config.h"

struct conf_change {
	const struct conf_domain *was; /* NULL: new */
	const struct conf_domain *is; /* NULL: removed */
};

/* The domains that are in only one of them, or have a different value of an
 * option, their own or from defaults, or another redirect; by ascending name.
 * It holds a reference to both. */
struct conf_diff {
	struct config *old; /* NULL at the start */
	struct config *new;
	size_t n;
	struct conf_change *change;
};

struct conf_diff *conf_diff_create(struct config *old, struct config *new);
/* Appends the domains that had left before, when a redirect of them begins,
 * changes or ends. When removed.h has attached them to the new one. */
void conf_diff_removed(struct conf_diff *);
/* May free a configuration, which takes long: not on the loop. */
void conf_diff_destroy(struct conf_diff **);

#endif
