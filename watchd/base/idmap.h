/* SPDX-License-Identifier: ISC
 * idmap: uint64 id -> pointer, open addressing. Ids cross threads and
 * outlive what they name, pointers do not: a completion looks its session up
 * here and may find that it is gone. It grows and shrinks by steps: no call but
 * idmap_each() and idmap_fini() takes longer for a map of a million. */
#ifndef MX_BASE_IDMAP_H
#define MX_BASE_IDMAP_H

#include "base/defs.h"

#define IDMAP_STEP 16u /* slots that one call looks at to move them */

struct idmap {
	struct idmap_slot *slots;
	size_t len; /* in both */
	size_t size;
	struct idmap_slot *old; /* from before it grew or shrank; NULL: none */
	size_t old_len, old_size;
	size_t old_at; /* what is below was moved */
};

void idmap_init(struct idmap *);
void idmap_fini(struct idmap *);
void idmap_put(struct idmap *, uint64_t id, void *value); /* replaces */
void *idmap_get(const struct idmap *, uint64_t id); /* NULL: none */
void *idmap_take(struct idmap *, uint64_t id); /* removes; NULL: none */
size_t idmap_len(const struct idmap *);

/* Calls fn for each pair; fn must not change the map. */
void idmap_each(const struct idmap *,
    void (*fn)(uint64_t id, void *value, void *arg), void *arg);

#endif
