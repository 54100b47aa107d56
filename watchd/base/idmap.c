/* SPDX-License-Identifier: ISC
 * idmap: uint64 id -> pointer. Open addressing with linear probing and at most
 * 3/4 filled; a removal closes its gap by moving later entries back, so that
 * there are no tombstones and a long-lived map stays fast. The ids are ours and
 * never chosen by a peer, hence the fixed mixing function. Not for sharing
 * between threads.
 *
 * A resize moves the entries to the new table step by step: each call that
 * changes the map examines IDMAP_STEP slots of the old one, because moving a
 * million at once would stop the loop. Meanwhile an id is in one of the two; an
 * entry that leaves the old table leaves a mark, since nothing may move in
 * there. Of n slots all are moved after n / IDMAP_STEP calls, and the new table
 * is full after no fewer than n / 4: it is twice as large, or half as large and
 * an eighth was used. Only freeing the old table is left to one call. */
#include <stdlib.h>

#include "base/idmap.h"
#include "base/mem.h"

#define SIZE_MIN 16u

struct idmap_slot {
	uint64_t id;
	void *value; /* NULL: a free slot */
};

/* its address marks a slot of the old table that was moved */
static char moved;
#define MOVED ((void *)&moved)

void
idmap_init(struct idmap *m)
{
	*m = (struct idmap){ 0 };
}

void
idmap_fini(struct idmap *m)
{
	free(m->slots);
	free(m->old);
	idmap_init(m);
}

/* The finisher of splitmix64: neighbouring ids spread over the table. */
static size_t
idmap_home(size_t size, uint64_t id)
{
	id = (id ^ (id >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	id = (id ^ (id >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(id ^ (id >> 31)) & (size - 1);
}

/* The slot of id, or the first free one after its home. Neither table is ever
 * full: nothing is added to the old one. */
static struct idmap_slot *
idmap_find(struct idmap_slot *slots, size_t size, uint64_t id)
{
	size_t i = idmap_home(size, id);

	while (slots[i].value != NULL &&
	    (slots[i].id != id || slots[i].value == MOVED))
		i = (i + 1) & (size - 1);
	return &slots[i];
}

/* NULL: not in the old table. */
static struct idmap_slot *
idmap_find_old(const struct idmap *m, uint64_t id)
{
	struct idmap_slot *s;

	if (m->old == NULL)
		return NULL;
	s = idmap_find(m->old, m->old_size, id);
	return s->value != NULL ? s : NULL;
}

static void *
leave_old(struct idmap *m, struct idmap_slot *s)
{
	void *value = s->value;

	s->value = MOVED;
	m->old_len--;
	return value;
}

static void
idmap_step(struct idmap *m)
{
	struct idmap_slot *s;

	for (unsigned n = 0; n < IDMAP_STEP && m->old_len > 0; n++) {
		s = &m->old[m->old_at++];
		if (s->value == NULL || s->value == MOVED)
			continue;
		*idmap_find(m->slots, m->size, s->id) = *s;
		(void)leave_old(m, s);
	}
	if (m->old_len == 0)
		mem_free(&m->old);
}

static void
idmap_resize(struct idmap *m, size_t size)
{
	MX_ASSERT(m->old == NULL);
	m->old = m->slots;
	m->old_size = m->size;
	m->old_len = m->len;
	m->old_at = 0;
	m->size = size;
	m->slots = mem_array(size, sizeof(*m->slots));
}

void
idmap_put(struct idmap *m, uint64_t id, void *value)
{
	struct idmap_slot *s;

	MX_ASSERT(value != NULL);
	if (m->len >= m->size / 4 * 3)
		idmap_resize(m, m->size == 0 ? SIZE_MIN : m->size * 2);
	idmap_step(m);
	if ((s = idmap_find_old(m, id)) != NULL) {
		(void)leave_old(m, s);
		m->len--;
	}
	s = idmap_find(m->slots, m->size, id);
	if (s->value == NULL)
		m->len++;
	*s = (struct idmap_slot){ id, value };
}

void *
idmap_get(const struct idmap *m, uint64_t id)
{
	const struct idmap_slot *s;

	if (m->len == 0)
		return NULL;
	s = idmap_find(m->slots, m->size, id);
	if (s->value == NULL && (s = idmap_find_old(m, id)) == NULL)
		return NULL;
	return s->value;
}

static void *
take_slot(struct idmap *m, struct idmap_slot *s)
{
	size_t gap = (size_t)(s - m->slots), i, home, mask = m->size - 1;
	void *value = s->value;

	for (i = (gap + 1) & mask; m->slots[i].value != NULL;
	     i = (i + 1) & mask) {
		/* may move back only when its home is not past the gap */
		home = idmap_home(m->size, m->slots[i].id);
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap].value = NULL;
	return value;
}

void *
idmap_take(struct idmap *m, uint64_t id)
{
	struct idmap_slot *s;
	void *value;

	if (m->len == 0)
		return NULL;
	idmap_step(m);
	s = idmap_find(m->slots, m->size, id);
	if (s->value != NULL)
		value = take_slot(m, s);
	else if ((s = idmap_find_old(m, id)) != NULL)
		value = leave_old(m, s);
	else
		return NULL;
	m->len--;
	/* Shrinks after most of the entries have gone. */
	if (m->old == NULL && m->size > SIZE_MIN && m->len < m->size / 8)
		idmap_resize(m, m->size / 2);
	return value;
}

size_t
idmap_len(const struct idmap *m)
{
	return m->len;
}

static void
each_of(const struct idmap_slot *slots, size_t size,
    void (*fn)(uint64_t id, void *value, void *), void *arg)
{
	for (size_t i = 0; i < size; i++)
		if (slots[i].value != NULL && slots[i].value != MOVED)
			fn(slots[i].id, slots[i].value, arg);
}

void
idmap_each(const struct idmap *m, void (*fn)(uint64_t id, void *value, void *),
    void *arg)
{
	each_of(m->slots, m->size, fn, arg);
	if (m->old != NULL)
		each_of(m->old, m->old_size, fn, arg);
}
