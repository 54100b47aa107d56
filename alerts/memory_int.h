/* SPDX-License-Identifier: ISC
 * memory_int: shared by memory.c (rules, instances, groups) and memory_share.c
 * (what other nodes of a cluster report, and continuing it). */
#ifndef MX_ALERTS_MEMORY_INT_H
#define MX_ALERTS_MEMORY_INT_H

#include "alerts/memory.h"

struct step {
	struct memory *m;
	const struct config *conf;
	const struct snapshot *s;
	int64_t now;
	bool changed;
};

/* The group by which instances are reported together. */
static inline const char *
group_of(const struct instance *i)
{
	return i->primary[0] != '\0' ? i->primary : i->domain;
}

/* memory.c */
void memory_drop(struct step *, struct instance *);

/* memory_share.c; without a cluster these do nothing */
/* Another node is responsible for it: we neither continue nor resolve it. */
void share_forget(struct step *, struct instance *);
/* Continues incidents that another node has reported and we are responsible for
 * now. */
void share_take(struct step *);
/* A round of our reports, for the other nodes: each firing group, and between
 * hold and end those whose resolve is being sent. */
void share_begin(struct step *);
void share_group(struct step *, struct instance *const *, size_t n);
void share_hold(struct step *);
void share_end(struct step *);

#endif
