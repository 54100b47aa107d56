/* SPDX-License-Identifier: ISC
 * pool: blocks that are filled one after the other, and an open-addressing
 * index of shared data, which pool_seal() frees. */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "pool.h"

#define BLOCK_SIZE (64u << 10)
#define ALIGN	   sizeof(void *)

struct block {
	struct block *next;
	char data[];
};

struct shared {
	const void *p; /* NULL: free */
	uint32_t size;
	uint32_t hash;
};

struct conf_pool {
	struct block *block; /* the first is being filled */
	size_t left; /* free bytes in it */
	char *at;
	struct shared *slot;
	size_t n, mask; /* of slots; mask 0: none */
};

struct conf_pool *
pool_create(void)
{
	return mem_alloc(sizeof(struct conf_pool));
}

void
pool_destroy(struct conf_pool **pp)
{
	struct block *b, *next;

	if (*pp == NULL)
		return;
	for (b = (*pp)->block; b != NULL; b = next) {
		next = b->next;
		mem_free(&b);
	}
	mem_free(&(*pp)->slot);
	mem_free(pp);
}

void *
pool_keep(struct conf_pool *p, const void *data, size_t size)
{
	size_t room = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct block *b;
	void *to;

	if (p->left < room) {
		p->left = room > BLOCK_SIZE ? room : BLOCK_SIZE;
		b = mem_alloc(sizeof(*b) + p->left);
		b->next = p->block;
		p->block = b;
		p->at = b->data;
	}
	to = p->at;
	memcpy(to, data, size);
	p->at += room;
	p->left -= room;
	return to;
}

static void
index_grow(struct conf_pool *p)
{
	size_t size = p->mask == 0 ? 256 : (p->mask + 1) * 2, i, k;
	struct shared *slot = mem_array(size, sizeof(*slot));

	for (i = 0; p->mask != 0 && i <= p->mask; i++) {
		if (p->slot[i].p == NULL)
			continue;
		for (k = p->slot[i].hash & (size - 1); slot[k].p != NULL;
		     k = (k + 1) & (size - 1))
			continue;
		slot[k] = p->slot[i];
	}
	mem_free(&p->slot);
	p->slot = slot;
	p->mask = size - 1;
}

void *
pool_share(struct conf_pool *p, const void *data, size_t size)
{
	/* The hash needs no key: the strings come from the operator, or from
	 * the source of domains that the operator has chosen. */
	uint32_t hash = hash_fold(hash_bytes(HASH_INIT, data, size));
	struct shared *s;
	size_t k;

	if (p->mask == 0 || p->n * 2 > p->mask)
		index_grow(p);
	for (k = hash & p->mask; (s = &p->slot[k])->p != NULL;
	     k = (k + 1) & p->mask)
		if (s->hash == hash && s->size == size &&
		    memcmp(s->p, data, size) == 0)
			return (void *)(uintptr_t)s->p;
	s->p = pool_keep(p, data, size);
	s->size = (uint32_t)size;
	s->hash = hash;
	p->n++;
	return (void *)(uintptr_t)s->p;
}

char *
pool_share_text(struct conf_pool *p, const char *text)
{
	return text == NULL ? NULL : pool_share(p, text, strlen(text) + 1);
}

void
pool_seal(struct conf_pool *p)
{
	mem_free(&p->slot);
	p->n = p->mask = 0;
}
