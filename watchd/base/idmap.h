/* SPDX-License-Identifier: ISC
 * idmap: uint64 id -> pointer, open addressing. Ids cross threads and outlive
 * their objects, pointers do not: a completion looks up its session here and
 * may find that it is gone. It is resized in steps: no call except idmap_each()
 * and idmap_fini() takes longer for a map of a million. */
#ifndef MX_BASE_IDMAP_H
#define MX_BASE_IDMAP_H

#include "base/defs.h"

#define IDMAP_STEP 16u /* slots examined per call to move them */

struct idmap {
	struct idmap_slot *slots;
	size_t len; /* in both tables */
	size_t size;
	struct idmap_slot *old; /* table from before a resize; NULL: none */
	size_t old_len, old_size;
	size_t old_at; /* slots below were moved */
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
