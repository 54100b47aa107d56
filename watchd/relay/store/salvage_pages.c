/* SPDX-License-Identifier: ISC
 * salvage_pages: see salvage_pages.h.
 *
 * A page that no tree leads to and that is not free belongs to a tree with a
 * damaged branch, so it is current. If the list of free pages is incomplete
 * this cannot be decided; and if one of the meta pages is damaged it is not
 * known whether the other one is the newer. If all trees are complete, such a
 * page was dropped from the list: an old one. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/store/db_format.h"
#include "relay/store/salvage_pages.h"

#define PAGE_MIN     512
#define PAGE_MAX     65536
#define META_MAGIC   0xbeefc0deu
#define META_VERSION 1
#define VALUE_MAX    (64u << 20)

enum { SEEN = 1, FREE = 2 };

struct pages {
	int fd;
	size_t size; /* of a page */
	uint64_t n; /* pages in the file */
	uint8_t *state; /* of each */
	uint64_t damaged;
	uint64_t txn;
	struct tree {
		uint64_t root, entries;
	} unused, tables;
	bool current; /* both meta pages are valid, so the newer one is known */
	bool whole; /* and the list of free pages is valid, too */
	char *big; /* an overflow value */
	size_t room;
};

struct walk {
	struct pages *p;
	/* for each node of a leaf; false: it makes no sense */
	bool (*leaf)(struct walk *, const uint8_t *node, const uint8_t *value,
	    size_t len, bool sure);
	pages_cb *one;
	void *arg;
	uint64_t entries; /* entries met */
	const char *table;
	struct tree tree; /* of the table searched for */
};

static bool
read_at(const struct pages *p, void *data, size_t len, uint64_t at)
{
	return pread(p->fd, data, len, (off_t)at) == (ssize_t)len;
}

/* The page's own number is the first check. */
static bool
page_read(struct pages *p, uint64_t number, uint8_t *page)
{
	return read_at(p, page, p->size, number * p->size) &&
	    get64(page) == number;
}

/* ---- nodes */

/* The value of the leaf node at `at`, or NULL. */
static const uint8_t *
node_value(struct pages *p, const uint8_t *page, size_t at, size_t *len)
{
	const uint8_t *node = page + at;
	size_t start;
	uint64_t big;
	uint8_t head[PAGE_HEAD];

	if (at < PAGE_HEAD || at + NODE_HEAD > p->size)
		return NULL;
	start = at + NODE_HEAD + get16(node + 6);
	*len = get16(node) | (size_t)get16(node + 2) << 16;
	if (!(get16(node + 4) & NODE_BIG))
		return start <= p->size && *len <= p->size - start ?
		    page + start :
		    NULL;
	if (start + 8 > p->size || *len > VALUE_MAX)
		return NULL;
	big = get64(page + start);
	if (big >= p->n || !read_at(p, head, sizeof(head), big * p->size) ||
	    get64(head) != big || !(get16(head + 10) & PAGE_OVERFLOW))
		return NULL;
	if (*len > p->room) {
		p->big = mem_grow(p->big, *len, 1);
		p->room = *len;
	}
	p->state[big] |= SEEN;
	return read_at(p, p->big, *len, big * p->size + PAGE_HEAD) ?
	    (uint8_t *)p->big :
	    NULL;
}

/* Reports everything in the page that looks like a node. */
static void
page_carve(struct walk *w, const uint8_t *page)
{
	struct pages *p = w->p;
	const uint8_t *value;
	size_t at, len;

	for (at = PAGE_HEAD; at + NODE_HEAD + 8 < p->size; at += 2)
		if (get16(page + at + 6) == 8 &&
		    (value = node_value(p, page, at, &len)) != NULL)
			(void)w->leaf(w, page + at, value, len, false);
}

/* Size of a leaf's node in its page. */
static size_t
node_bytes(const uint8_t *node)
{
	size_t len = get16(node + 4) & NODE_BIG ?
	    8 :
	    get16(node) | (size_t)get16(node + 2) << 16;

	return (NODE_HEAD + get16(node + 6) + len + 1) / 2 * 2;
}

/* False when something in it was damaged. Removed nodes leave their bytes below
 * `upper`, and their offsets behind `lower`: neither counts. All nodes together
 * fill the page from `upper` on, so that none is overlooked. */
static bool
page_leaf(struct walk *w, const uint8_t *page, bool sure)
{
	struct pages *p = w->p;
	size_t i, n, at, len, lower = get16(page + 12);
	size_t upper = get16(page + 14), filled = upper;
	const uint8_t *value;
	bool good = lower >= PAGE_HEAD && lower <= upper && upper <= p->size;

	n = good ? (lower - PAGE_HEAD) / 2 : 0;
	for (i = 0; i < n; i++) {
		at = get16(page + PAGE_HEAD + 2 * i);
		value = at < upper ? NULL : node_value(p, page, at, &len);
		if (value == NULL || !w->leaf(w, page + at, value, len, sure))
			good = false;
		else {
			filled += node_bytes(page + at);
			w->entries++;
		}
	}
	good = good && filled == p->size;
	if (!good)
		page_carve(w, page);
	return good;
}

/* ---- trees */

static bool walk_page(struct walk *, uint64_t number, unsigned depth);

static bool
walk_branch(struct walk *w, const uint8_t *page, unsigned depth)
{
	size_t i, at, lower = get16(page + 12);
	const uint8_t *node;
	bool good = true;

	if (lower < PAGE_HEAD || lower > w->p->size)
		return false;
	for (i = 0; i < (lower - PAGE_HEAD) / 2; i++) {
		at = get16(page + PAGE_HEAD + 2 * i);
		if (at < PAGE_HEAD || at + NODE_HEAD > w->p->size) {
			good = false;
			continue;
		}
		node = page + at;
		good = walk_page(w,
			   get16(node) | (uint64_t)get16(node + 2) << 16 |
			       (uint64_t)get16(node + 4) << 32,
			   depth + 1) &&
		    good;
	}
	return good;
}

/* False when something below was damaged; the damaged page itself is
 * counted. */
static bool
walk_page(struct walk *w, uint64_t number, unsigned depth)
{
	struct pages *p = w->p;
	uint8_t *page;
	unsigned kind;
	bool whole, good, counted = false;

	if (number == NO_PAGE)
		return true; /* an empty tree */
	if (number >= p->n || depth > DEPTH_MAX || p->state[number] != 0) {
		p->damaged++; /* the reference to it is damaged */
		return false;
	}
	p->state[number] |= SEEN;
	page = mem_alloc(p->size);
	whole = page_read(p, number, page);
	kind = get16(page + 10) & PAGE_KIND;
	if (whole && kind == PAGE_LEAF)
		good = page_leaf(w, page, true);
	else {
		counted = whole && kind == PAGE_BRANCH;
		good = counted && walk_branch(w, page, depth);
		if (!good) /* it may have been a leaf */
			page_carve(w, page);
	}
	p->damaged += !good && !counted;
	free(page);
	return good;
}

static struct tree
tree_get(const uint8_t *table)
{
	return (struct tree){ get64(table + TABLE_ROOT),
		get64(table + TABLE_ENTRIES) };
}

/* A wrong root may lead to an intact tree. */
static bool
walk_tree(struct walk *w, const struct tree *t)
{
	uint64_t damaged = w->p->damaged;
	bool good;

	w->entries = 0;
	good = walk_page(w, t->root, 0) && w->entries == t->entries;
	w->p->damaged += !good && w->p->damaged == damaged;
	return good;
}

/* ---- what is free */

static bool
leaf_free(struct walk *w, const uint8_t *node, const uint8_t *value, size_t len,
    bool sure)
{
	uint64_t n, i, number, last = NO_PAGE;

	(void)node;
	if (!sure || len < 8 || (n = get64(value)) > len / 8 - 1)
		return false;
	for (i = 1; i <= n; i++) {
		number = get64(value + 8 * i);
		if (number < 2 || number >= last)
			return false; /* they are sorted */
		last = number;
		if (number < w->p->n)
			w->p->state[number] |= FREE;
	}
	return true;
}

/* ---- the tables */

static bool
leaf_table(struct walk *w, const uint8_t *node, const uint8_t *value,
    size_t len, bool sure)
{
	size_t klen = get16(node + 6);

	if (!sure || !(get16(node + 4) & NODE_TABLE) || len != TABLE_BYTES)
		return false;
	if (klen == strlen(w->table) &&
	    memcmp(node + NODE_HEAD, w->table, klen) == 0)
		w->tree = tree_get(value);
	return true;
}

/* Keys are numbers, big-endian. */
static bool
leaf_value(struct walk *w, const uint8_t *node, const uint8_t *value,
    size_t len, bool sure)
{
	uint64_t key = 0;
	int i;

	if (get16(node + 6) != 8)
		return false;
	for (i = 0; i < 8; i++)
		key = key << 8 | node[NODE_HEAD + i];
	return w->one(w->arg, key, value, len, sure && w->p->current);
}

void
pages_each(struct pages *p, const char *table, pages_cb *one, void *arg)
{
	struct walk w = { .p = p,
		.one = one,
		.arg = arg,
		.table = table,
		.tree = { NO_PAGE, 1 } }; /* search all pages */
	uint8_t *page;
	uint64_t i;
	bool whole;

	w.leaf = leaf_free;
	p->whole = walk_tree(&w, &p->unused) && p->current;
	w.leaf = leaf_table;
	whole = walk_tree(&w, &p->tables) && p->current;
	w.leaf = leaf_value;
	whole = walk_tree(&w, &w.tree) && whole;
	if (whole)
		return;
	page = mem_alloc(p->size);
	for (i = 2; i < p->n; i++) {
		if ((p->state[i] & SEEN) != 0 ||
		    (p->whole && (p->state[i] & FREE) != 0))
			continue;
		memset(page, 0, p->size);
		if (page_read(p, i, page) &&
		    (get16(page + 10) & PAGE_KIND) == PAGE_LEAF)
			(void)page_leaf(&w, page, p->whole);
		else
			page_carve(&w, page);
	}
	free(page);
}

/* ---- opening */

/* Is `number` a valid meta page, for pages of this size? The newer one counts.
 * Even and odd transactions use different ones. */
static bool
meta_read(struct pages *p, size_t size, uint64_t number, uint64_t *txn)
{
	uint8_t page[PAGE_HEAD + 136], *meta = page + PAGE_HEAD;

	if (!read_at(p, page, sizeof(page), number * size) ||
	    !(get16(page + 10) & PAGE_META) || get32(meta) != META_MAGIC ||
	    get32(meta + 4) != META_VERSION || get32(meta + 24) != size)
		return false;
	*txn = get64(meta + 128);
	if (p->size == size && *txn < p->txn)
		return true;
	p->size = size;
	p->unused = tree_get(meta + 24);
	p->tables = tree_get(meta + 24 + TABLE_BYTES);
	p->txn = *txn;
	return true;
}

static void
meta_find(struct pages *p)
{
	uint64_t even = 0, odd = 0;
	unsigned found = 0;
	size_t size;

	p->unused.root = p->tables.root = NO_PAGE;
	for (size = PAGE_MIN; size <= PAGE_MAX && found == 0; size *= 2) {
		found += meta_read(p, size, 0, &even);
		found += meta_read(p, size, 1, &odd);
	}
	if (p->size == 0)
		p->size = (size_t)sysconf(_SC_PAGESIZE);
	p->current = found == 2 && even % 2 == 0 && odd % 2 == 1 &&
	    (odd == even + 1 || even == odd + 1);
	p->damaged += !p->current;
}

int
pages_open(struct pages **out, const char *path, struct mx_errbuf *eb)
{
	struct pages *p = mem_alloc(sizeof(*p));
	struct stat st;

	*out = NULL;
	p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (p->fd < 0 || fstat(p->fd, &st) != 0) {
		free(p);
		return mx_fail(eb, MX_ESYS, "%s: %s", path, strerror(errno));
	}
	meta_find(p);
	p->n = (uint64_t)st.st_size / p->size;
	p->state = mem_array(p->n + 1, 1);
	*out = p;
	return 0;
}

void
pages_close(struct pages **pp)
{
	struct pages *p = *pp;

	if (p == NULL)
		return;
	close(p->fd);
	free(p->state);
	free(p->big);
	mem_free(pp);
}

uint64_t
pages_damaged(const struct pages *p)
{
	return p->damaged;
}
