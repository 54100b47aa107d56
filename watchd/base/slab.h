/* SPDX-License-Identifier: ISC
 * slab: many small things of one size, known by 32-bit handles instead of
 * pointers. They lie in chunks of a thousand: no word of malloc for each, nothing
 * is ever moved or copied as they become more, and a chunk of which all are free
 * goes back to the system. A handle is valid from slab_take() until slab_give(); then
 * it is given out again. Handles are never 0. O(1). Not for sharing between
 * threads. */
#ifndef MX_BASE_SLAB_H
#define MX_BASE_SLAB_H

#include "base/defs.h"

#define SLAB_CHUNK 1024u /* things of a chunk */

struct slab_chunk {
	char *data; /* NULL: not there */
	uint32_t used;
	uint32_t free; /* place + 1 of the first free one; 0: none */
	uint32_t prev, next; /* of those with room, number + 1; 0: none */
};

struct slab {
	size_t size; /* of a thing */
	struct slab_chunk *chunks;
	uint32_t nchunks;
	uint32_t room; /* first chunk with room, number + 1; 0: none */
	uint32_t absent; /* first that is not there, linked by `next` */
	size_t len;
};

/* `size`: 4 bytes at least, and a multiple of what the thing is aligned to. */
void slab_init(struct slab *, size_t size);
void slab_fini(struct slab *); /* all of them */
uint32_t slab_take(struct slab *); /* zeroed */
void slab_give(struct slab *, uint32_t handle);
size_t slab_bytes(const struct slab *); /* that it has from the system */

static inline void *
slab_at(const struct slab *s, uint32_t handle)
{
	uint32_t i = handle - 1;

	MX_ASSERT(handle != 0 && i / SLAB_CHUNK < s->nchunks);
	return s->chunks[i / SLAB_CHUNK].data + i % SLAB_CHUNK * s->size;
}

#endif
