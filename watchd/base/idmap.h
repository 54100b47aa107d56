/* SPDX-License-Identifier: ISC
 * idmap: uint64 id -> pointer, open addressing. Ids cross threads and
 * outlive what they name, pointers do not: a completion looks its session up
 * here and may find that it is gone. */
#ifndef MX_BASE_IDMAP_H
#define MX_BASE_IDMAP_H

#include "base/defs.h"

struct idmap {
	struct idmap_slot *slots;
	size_t len;
	size_t size;
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
