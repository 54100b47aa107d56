/* SPDX-License-Identifier: ISC
 * memory_int: what memory.c (rules, instances, groups) and memory_share.c (what
 * other nodes of a cluster tell of, and go on with) share. */
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

/* By what it is told together with others. */
static inline const char *
group_of(const struct instance *i)
{
	return i->primary[0] != '\0' ? i->primary : i->domain;
}

/* memory.c */
void memory_drop(struct step *, struct instance *);

/* memory_share.c; nothing of it does anything without a cluster */
/* Another node has it in its care: we neither go on with it nor end it. */
void share_forget(struct step *, struct instance *);
/* What another has told, and we are to tell of now: we go on with it. */
void share_take(struct step *);
/* A round of what we tell of, for the others: each group that fires, and between
 * hold and end what is over is sent. */
void share_begin(struct step *);
void share_group(struct step *, struct instance *const *, size_t n);
void share_hold(struct step *);
void share_end(struct step *);

#endif
