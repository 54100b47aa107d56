/* SPDX-License-Identifier: ISC
 * idmap: uint64 id -> pointer. Open addressing with linear probing and at
 * most 3/4 filled; a removal closes its gap by moving what follows back, so
 * that there are no tombstones and a long-lived map stays fast. The ids are
 * ours and never chosen by a peer, hence the fixed mixing function. Not for
 * sharing between threads. */
#include <stdlib.h>

#include "base/idmap.h"
#include "base/mem.h"

struct idmap_slot {
	uint64_t id;
	void *value; /* NULL: the slot is free */
};

void
idmap_init(struct idmap *m)
{
	*m = (struct idmap){ NULL, 0, 0 };
}

void
idmap_fini(struct idmap *m)
{
	free(m->slots);
	idmap_init(m);
}

/* The finisher of splitmix64: neighbouring ids spread over the table. */
static size_t
idmap_home(const struct idmap *m, uint64_t id)
{
	id = (id ^ (id >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	id = (id ^ (id >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(id ^ (id >> 31)) & (m->size - 1);
}

/* The slot of id, or the free one where it would go. size must not be 0. */
static size_t
idmap_find(const struct idmap *m, uint64_t id)
{
	size_t i = idmap_home(m, id);

	while (m->slots[i].value != NULL && m->slots[i].id != id)
		i = (i + 1) & (m->size - 1);
	return i;
}

static void
idmap_grow(struct idmap *m)
{
	struct idmap old = *m;
	size_t i;

	m->size = old.size == 0 ? 16 : old.size * 2;
	m->slots = mem_array(m->size, sizeof(*m->slots));
	for (i = 0; i < old.size; i++) {
		if (old.slots[i].value != NULL)
			m->slots[idmap_find(m, old.slots[i].id)] = old.slots[i];
	}
	free(old.slots);
}

void
idmap_put(struct idmap *m, uint64_t id, void *value)
{
	size_t i;

	MX_ASSERT(value != NULL);
	if (m->len >= m->size / 4 * 3)
		idmap_grow(m);
	i = idmap_find(m, id);
	if (m->slots[i].value == NULL)
		m->len++;
	m->slots[i] = (struct idmap_slot){ id, value };
}

void *
idmap_get(const struct idmap *m, uint64_t id)
{
	return m->len > 0 ? m->slots[idmap_find(m, id)].value : NULL;
}

void *
idmap_take(struct idmap *m, uint64_t id)
{
	size_t gap, i, home, mask = m->size - 1;
	void *value;

	if (m->len == 0)
		return NULL;
	gap = idmap_find(m, id);
	if ((value = m->slots[gap].value) == NULL)
		return NULL;
	for (i = (gap + 1) & mask; m->slots[i].value != NULL;
	     i = (i + 1) & mask) {
		/* may move back only when its home is not past the gap */
		home = idmap_home(m, m->slots[i].id);
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap].value = NULL;
	m->len--;
	return value;
}

size_t
idmap_len(const struct idmap *m)
{
	return m->len;
}

void
idmap_each(const struct idmap *m, void (*fn)(uint64_t id, void *value, void *),
    void *arg)
{
	size_t i;

	for (i = 0; i < m->size; i++) {
		if (m->slots[i].value != NULL)
			fn(m->slots[i].id, m->slots[i].value, arg);
	}
}
