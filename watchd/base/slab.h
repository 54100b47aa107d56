/* SPDX-License-Identifier: ISC
 * slab: many small objects of one size, referred to by 32-bit handles instead
 * of pointers. They are stored in chunks of a thousand: no malloc overhead for
 * each, growth moves or copies nothing, and an entirely free chunk goes back to
 * the system. A handle is valid from slab_take() until slab_give(), and may be
 * reused afterwards. Handles are never 0. O(1). Not for sharing between
 * threads. */
#ifndef MX_BASE_SLAB_H
#define MX_BASE_SLAB_H

#include "base/defs.h"

#define SLAB_CHUNK 1024u /* objects per chunk */

struct slab_chunk {
	char *data; /* NULL: not allocated */
	uint32_t used;
	uint32_t free; /* first free object, as index + 1; 0: none */
	uint32_t prev, next; /* list of chunks with room, number + 1; 0: none */
};

struct slab {
	size_t size; /* of an object */
	struct slab_chunk *chunks;
	uint32_t nchunks;
	uint32_t room; /* first chunk with room, number + 1; 0: none */
	uint32_t absent; /* first chunk not allocated, linked by `next` */
	size_t len;
};

/* `size`: at least 4, and a multiple of the object's alignment. */
void slab_init(struct slab *, size_t size);
void slab_fini(struct slab *); /* frees all */
uint32_t slab_take(struct slab *); /* zeroed */
void slab_give(struct slab *, uint32_t handle);
size_t slab_bytes(const struct slab *); /* allocated from the system */

static inline void *
slab_at(const struct slab *s, uint32_t handle)
{
	uint32_t i = handle - 1;

	MX_ASSERT(handle != 0 && i / SLAB_CHUNK < s->nchunks);
	return s->chunks[i / SLAB_CHUNK].data + i % SLAB_CHUNK * s->size;
}

#endif
