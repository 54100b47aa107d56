/* SPDX-License-Identifier: ISC
 * slab: see slab.h. The free objects of a chunk are linked through their first
 * four bytes; chunks with room, and numbers of chunks that were returned to the
 * system, are linked by number: those numbers are reused before new ones. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slab.h"

void
slab_init(struct slab *s, size_t size)
{
	MX_ASSERT(size >= sizeof(uint32_t));
	*s = (struct slab){ .size = size };
}

void
slab_fini(struct slab *s)
{
	for (uint32_t i = 0; i < s->nchunks; i++)
		mem_pages_free(s->chunks[i].data, SLAB_CHUNK * s->size);
	free(s->chunks);
	slab_init(s, s->size);
}

/* Adds it to the head of the chunks with room, so that few are half empty. */
static void
room_add(struct slab *s, uint32_t number)
{
	struct slab_chunk *c = &s->chunks[number];

	c->prev = 0;
	c->next = s->room;
	if (s->room != 0)
		s->chunks[s->room - 1].prev = number + 1;
	s->room = number + 1;
}

static void
room_remove(struct slab *s, uint32_t number)
{
	struct slab_chunk *c = &s->chunks[number];

	if (c->prev != 0)
		s->chunks[c->prev - 1].next = c->next;
	else
		s->room = c->next;
	if (c->next != 0)
		s->chunks[c->next - 1].prev = c->prev;
}

static void
place_set_next(struct slab *s, struct slab_chunk *c, uint32_t i, uint32_t next)
{
	memcpy(c->data + i * s->size, &next, sizeof(next));
}

static void
chunk_create(struct slab *s)
{
	uint32_t number;
	struct slab_chunk *c;

	if (s->absent != 0) {
		number = s->absent - 1;
		s->absent = s->chunks[number].next;
	} else {
		number = s->nchunks++;
		MX_ASSERT(number < UINT32_MAX / SLAB_CHUNK);
		/* 32 bytes per thousand objects: realloc() moves some KB */
		s->chunks = mem_grow(s->chunks, s->nchunks, sizeof(*c));
	}
	c = &s->chunks[number];
	*c = (struct slab_chunk){ .free = 1 };
	c->data = mem_pages(SLAB_CHUNK * s->size);
	for (uint32_t i = 0; i < SLAB_CHUNK; i++)
		place_set_next(s, c, i, i + 1 < SLAB_CHUNK ? i + 2 : 0);
	room_add(s, number);
}

/* One empty chunk is kept, or the next object would allocate it again. */
static void
chunk_drop(struct slab *s, uint32_t number)
{
	struct slab_chunk *c = &s->chunks[number];

	if (c->prev == 0 && c->next == 0)
		return;
	room_remove(s, number);
	mem_pages_free(c->data, SLAB_CHUNK * s->size);
	c->data = NULL;
	c->next = s->absent;
	s->absent = number + 1;
}

uint32_t
slab_take(struct slab *s)
{
	struct slab_chunk *c;
	uint32_t number, i;
	char *p;

	if (s->room == 0)
		chunk_create(s);
	number = s->room - 1;
	c = &s->chunks[number];
	i = c->free - 1;
	p = c->data + i * s->size;
	memcpy(&c->free, p, sizeof(c->free));
	memset(p, 0, s->size);
	c->used++;
	s->len++;
	if (c->free == 0)
		room_remove(s, number);
	return number * SLAB_CHUNK + i + 1;
}

void
slab_give(struct slab *s, uint32_t handle)
{
	uint32_t i = (handle - 1) % SLAB_CHUNK;
	uint32_t number = (handle - 1) / SLAB_CHUNK;
	struct slab_chunk *c;

	MX_ASSERT(handle != 0 && number < s->nchunks);
	c = &s->chunks[number];
	MX_ASSERT(c->data != NULL && c->used > 0);
	memset(c->data + i * s->size, 0, s->size);
	place_set_next(s, c, i, c->free);
	if (c->free == 0)
		room_add(s, number);
	c->free = i + 1;
	c->used--;
	s->len--;
	if (c->used == 0)
		chunk_drop(s, number);
}

size_t
slab_bytes(const struct slab *s)
{
	size_t n = s->nchunks * sizeof(*s->chunks);

	for (uint32_t i = 0; i < s->nchunks; i++)
		if (s->chunks[i].data != NULL)
			n += SLAB_CHUNK * s->size;
	return n;
}
