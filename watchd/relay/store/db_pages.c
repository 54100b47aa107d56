/* SPDX-License-Identifier: ISC
 * db_pages: see db_pages.h. salvage_pages.c can read what it refuses. Called
 * within the guard (guard.h), which catches a page beyond the file. */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/store/db_format.h"
#include "relay/store/db_pages.h"

#define META_TABLES (PAGE_HEAD + 24u)
#define META_LAST   (META_TABLES + 2 * TABLE_BYTES)
#define KEY_MAX	    511u

const char *const db_pages_tables[DB_TABLES] = {
	[DB_RECORDS] = "env",
	[DB_SEGMENTS] = "seg",
	[DB_STATE] = "state",
};

struct db_pages {
	const uint8_t *map;
	uint64_t bytes;
	uint32_t size; /* of a page */
	uint64_t last; /* the last page before the running transaction */
	uint32_t *seen; /* for each page the transaction that checked it */
	uint64_t room;
	uint32_t turn;
	uint64_t root[DB_TABLES];
	/* records of free pages up to this one were read */
	uint64_t free_known;
	uint64_t budget; /* pages that a walk may still visit */
};

struct node {
	const uint8_t *key;
	size_t klen, len; /* of key and value */
	unsigned flags;
	const uint8_t *value;
	uint64_t child;
};

struct db_pages *
db_pages_create(int fd, uint64_t bytes, uint32_t page_size)
{
	struct db_pages *p;
	void *map;

	if (sizeof(size_t) != sizeof(uint64_t))
		return NULL; /* numbers of pages are shorter there */
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	p = mem_alloc(sizeof(*p));
	p->map = map;
	p->bytes = bytes;
	p->size = page_size;
	return p;
}

void
db_pages_destroy(struct db_pages **pp)
{
	struct db_pages *p = *pp;

	if (p == NULL)
		return;
	(void)munmap((void *)(uintptr_t)p->map, p->bytes);
	free(p->seen);
	mem_free(pp);
}

static const uint8_t *
page_at(const struct db_pages *p, uint64_t number)
{
	return number < 2 || number > p->last ? NULL :
						p->map + number * p->size;
}

/* ---- one page */

static unsigned
page_keys(const uint8_t *page)
{
	return (get16(page + 12) - PAGE_HEAD) / 2;
}

/* False when it is not within the page. Its size in *bytes. */
static bool
node_at(const struct db_pages *p, const uint8_t *page, unsigned i,
    struct node *n, size_t *bytes)
{
	size_t at = get16(page + PAGE_HEAD + (size_t)2 * i);
	bool leaf = get16(page + 10) == PAGE_LEAF;
	const uint8_t *node = page + at;
	size_t inside = 0;

	if (at < get16(page + 14) || at + NODE_HEAD > p->size)
		return false;
	n->key = node + NODE_HEAD;
	n->klen = get16(node + 6);
	n->len = get16(node) | (size_t)get16(node + 2) << 16;
	n->flags = leaf ? get16(node + 4) : 0;
	n->child = n->len | (uint64_t)get16(node + 4) << 32;
	n->value = n->key + n->klen;
	if (leaf)
		inside = n->flags & NODE_BIG ? 8 : n->len;
	*bytes = (NODE_HEAD + n->klen + inside + 1) & ~(size_t)1;
	return n->klen <= KEY_MAX &&
	    (n->flags & ~(NODE_BIG | NODE_TABLE)) == 0 &&
	    *bytes <= p->size - at;
}

/* The nodes fill the page from its upper bound to its end. */
static bool
page_sound(struct db_pages *p, uint64_t number)
{
	const uint8_t *page = page_at(p, number);
	size_t bytes, filled;
	unsigned kind, lower, upper;
	struct node n;

	if (page == NULL)
		return false;
	if (p->seen[number] == p->turn)
		return true;
	kind = get16(page + 10);
	lower = get16(page + 12);
	upper = get16(page + 14);
	if (get64(page) != number ||
	    (kind != PAGE_BRANCH && kind != PAGE_LEAF) || lower <= PAGE_HEAD ||
	    lower % 2 != 0 || lower > upper || upper > p->size)
		return false;
	filled = upper;
	for (unsigned i = 0; i < page_keys(page); i++) {
		if (!node_at(p, page, i, &n, &bytes))
			return false;
		if (kind == PAGE_BRANCH && page_at(p, n.child) == NULL)
			return false;
		filled += bytes;
	}
	if (filled != p->size)
		return false;
	p->seen[number] = p->turn;
	return true;
}

/* The value of a leaf's node; NULL: damaged. An overflow page may be longer
 * than its value: one that was written twice in a transaction, and became
 * shorter, stays where it is. */
static const uint8_t *
node_value(const struct db_pages *p, const struct node *n)
{
	uint64_t number, pages;
	const uint8_t *big;
	uint32_t has;

	if (!(n->flags & NODE_BIG))
		return n->value;
	number = get64(n->value);
	pages = (PAGE_HEAD + n->len + p->size - 1) / p->size;
	big = page_at(p, number);
	if (big == NULL)
		return NULL;
	memcpy(&has, big + 12, sizeof(has));
	return get64(big) == number && get16(big + 10) == PAGE_OVERFLOW &&
		has >= pages && has - 1 <= p->last - number ?
	    big + PAGE_HEAD :
	    NULL;
}

/* ---- the path to a key */

static int
key_cmp(const struct node *n, const void *key, size_t len)
{
	int c = memcmp(n->key, key, n->klen < len ? n->klen : len);

	return c != 0 ? c : (n->klen > len) - (n->klen < len);
}

/* In a branch the last node that is not behind the key (the first has no key),
 * in a leaf the first that is not before it. */
static unsigned
page_find(const struct db_pages *p, const uint8_t *page, const void *key,
    size_t len)
{
	bool branch = get16(page + 10) == PAGE_BRANCH;
	unsigned low = branch ? 1 : 0, high = page_keys(page), mid;
	struct node n;
	size_t bytes;
	int c;

	while (low < high) {
		mid = (low + high) / 2;
		(void)node_at(p, page, mid, &n, &bytes);
		c = key_cmp(&n, key, len);
		if (c < 0 || (branch && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return branch ? low - 1 : low;
}

static bool
child_sound(struct db_pages *p, const uint8_t *page, unsigned i,
    uint64_t *child)
{
	struct node n;
	size_t bytes;

	(void)node_at(p, page, i, &n, &bytes);
	if (child != NULL)
		*child = n.child;
	return page_sound(p, n.child);
}

static bool
way_sound(struct db_pages *p, uint64_t number, const void *key, size_t len)
{
	const uint8_t *page;
	struct node n;
	size_t bytes;
	unsigned i;

	if (number == NO_PAGE)
		return true;
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		if (!page_sound(p, number))
			return false;
		page = page_at(p, number);
		i = page_find(p, page, key, len);
		if (get16(page + 10) == PAGE_BRANCH) {
			if ((i > 0 && !child_sound(p, page, i - 1, NULL)) ||
			    (i + 1 < page_keys(page) &&
				!child_sound(p, page, i + 1, NULL)) ||
			    !child_sound(p, page, i, &number))
				return false;
			continue;
		}
		if (i == page_keys(page))
			return true;
		(void)node_at(p, page, i, &n, &bytes);
		return key_cmp(&n, key, len) != 0 || node_value(p, &n) != NULL;
	}
	return false;
}

bool
db_pages_sound(struct db_pages *p, enum db_table table, const void *key,
    size_t len)
{
	return p == NULL || way_sound(p, p->root[table], key, len);
}

/* ---- all of a small tree */

typedef bool
leaf_fn(struct db_pages *, const struct node *, const uint8_t *, uint64_t *to);

static bool
tree_sound(struct db_pages *p, uint64_t number, unsigned depth, leaf_fn *leaf,
    uint64_t *to)
{
	const uint8_t *page, *value;
	struct node n;
	size_t bytes;

	if (number == NO_PAGE && depth == 0)
		return true;
	if (depth >= DEPTH_MAX || p->budget-- == 0 || !page_sound(p, number))
		return false;
	page = page_at(p, number);
	for (unsigned i = 0; i < page_keys(page); i++) {
		(void)node_at(p, page, i, &n, &bytes);
		if (get16(page + 10) == PAGE_BRANCH) {
			if (!tree_sound(p, n.child, depth + 1, leaf, to))
				return false;
			continue;
		}
		value = node_value(p, &n);
		if (value == NULL || !leaf(p, &n, value, to))
			return false;
	}
	return true;
}

/* A record of free pages: their count, then their numbers, descending. Read
 * once, because such a record never changes. */
static bool
leaf_free(struct db_pages *p, const struct node *n, const uint8_t *value,
    uint64_t *newest)
{
	uint64_t count, number, before = p->last + 1, txn;

	if (n->klen != 8 || n->len < 8)
		return false;
	txn = get64(n->key);
	count = get64(value);
	if (count > n->len / 8 - 1)
		return false;
	if (txn > *newest)
		*newest = txn;
	for (uint64_t i = 1; i <= count && txn > p->free_known; i++) {
		number = get64(value + 8 * i);
		if (number < 2 || number >= before)
			return false;
		before = number;
	}
	return true;
}

static bool
leaf_table(struct db_pages *p, const struct node *n, const uint8_t *value,
    uint64_t *roots)
{
	uint64_t root;

	if (!(n->flags & NODE_TABLE) || n->len != TABLE_BYTES)
		return false;
	root = get64(value + TABLE_ROOT);
	if (root != NO_PAGE && page_at(p, root) == NULL)
		return false;
	for (unsigned i = 0; i < DB_TABLES; i++)
		if (n->klen == strlen(db_pages_tables[i]) &&
		    memcmp(n->key, db_pages_tables[i], n->klen) == 0)
			roots[i] = root;
	return true;
}

static bool
table_sound(struct db_pages *p, const uint8_t *table, leaf_fn *leaf,
    uint64_t *to)
{
	/* stops at a ring of pages; a higher bound would do as well */
	p->budget =
	    2 * (get64(table + TABLE_BRANCH) + get64(table + TABLE_LEAF)) + 64;
	return tree_sound(p, get64(table + TABLE_ROOT), 0, leaf, to);
}

bool
db_pages_begin(struct db_pages *p, uint64_t txn, uint64_t last_page)
{
	const uint8_t *meta;
	uint64_t newest = 0;
	bool sound;

	if (p == NULL)
		return true;
	meta = p->map + ((txn - 1) & 1) * p->size;
	p->last = get64(meta + META_LAST);
	if (p->last > last_page || p->last >= p->bytes / p->size ||
	    get64(meta + META_LAST + 8) != txn - 1)
		return false;
	if (p->last >= p->room) {
		p->room = p->last + p->last / 2 + 64;
		p->seen = mem_grow(p->seen, p->room, sizeof(*p->seen));
		memset(p->seen, 0, p->room * sizeof(*p->seen));
		p->turn = 0;
	}
	if (++p->turn == 0) { /* wrapped around */
		memset(p->seen, 0, p->room * sizeof(*p->seen));
		p->turn = 1;
	}
	for (unsigned i = 0; i < DB_TABLES; i++)
		p->root[i] = NO_PAGE;
	sound = table_sound(p, meta + META_TABLES, leaf_free, &newest) &&
	    table_sound(p, meta + META_TABLES + TABLE_BYTES, leaf_table,
		p->root);
	if (sound)
		p->free_known = newest;
	return sound;
}
