/* SPDX-License-Identifier: ISC
 * btree: see btree.h. A leaf holds up to 61 handles and is only as large as
 * necessary, in steps that suit malloc. An inner node has a key for each child:
 * no key in that child is below it, all keys in the previous child are. So a
 * search reads the items of one leaf only; each read of an item is a cache
 * miss. Ascending insertion fills leaves completely. A node below a quarter is
 * merged with a neighbour if both fit with some room to spare; otherwise it
 * stays, and the neighbour is more than half full: so there is no borrowing,
 * and at most some five eighths are unused.
 *
 * A full-size leaf is in a slab, whose chunks go back to the system when a set
 * of a million is gone; it stores its handle behind its items. Smaller leaves
 * are malloc's, which keeps them: small sets consist of these. */
#include <stdlib.h>
#include <string.h>

#include "base/btree.h"
#include "base/mem.h"

#define LEAF_MAX  61u
#define INNER_MAX 31u

struct btree_node {
	uint8_t len, cap;
	uint8_t height; /* 0: a leaf; otherwise a btree_inner */
	uint32_t item[];
};

struct btree_inner {
	uint8_t len, cap, height;
	struct btree_key key[INNER_MAX];
	struct btree_node *kid[INNER_MAX];
};

/* Header and items are 24, 56 and 120 bytes: with malloc's word a multiple of
 * 16; the full one is 252 with its handle. */
static const uint8_t leaf_caps[] = { 5, 13, 29, LEAF_MAX };

static size_t
leaf_bytes(unsigned items)
{
	return sizeof(struct btree_node) + items * sizeof(uint32_t);
}

void
btree_init(struct btree *t)
{
	t->root = NULL;
}

static struct btree_inner *
inner_of(struct btree_node *n)
{
	return (struct btree_inner *)(void *)n;
}

static unsigned
node_max(const struct btree_node *n)
{
	return n->height == 0 ? LEAF_MAX : INNER_MAX;
}

void
btree_leaves_init(struct slab *leaves)
{
	slab_init(leaves, leaf_bytes(LEAF_MAX + 1));
}

/* Frees this node only, not its children. */
static void
node_free(const struct btree_order *o, struct btree_node *n)
{
	if (n->height == 0 && n->cap == LEAF_MAX)
		slab_give(o->leaves, n->item[LEAF_MAX]);
	else
		free(n);
}

static void
node_free_all(const struct btree_order *o, struct btree_node *n)
{
	for (unsigned i = 0; n->height > 0 && i < n->len; i++)
		node_free_all(o, inner_of(n)->kid[i]);
	node_free(o, n);
}

void
btree_fini(struct btree *t, const struct btree_order *o)
{
	if (t->root != NULL)
		node_free_all(o, t->root);
	t->root = NULL;
}

static struct btree_node *
leaf_create(const struct btree_order *o, unsigned cap)
{
	struct btree_node *n;
	uint32_t handle;

	if (cap < LEAF_MAX) {
		n = mem_grow(NULL, 1, leaf_bytes(cap));
	} else {
		handle = slab_take(o->leaves);
		n = slab_at(o->leaves, handle);
		n->item[LEAF_MAX] = handle;
	}
	n->len = n->height = 0;
	n->cap = (uint8_t)cap;
	return n;
}

/* Resizes the leaf (NULL: creates it) to hold `want`, without wasting room. */
static void
leaf_fit(const struct btree_order *o, struct btree_node **np, unsigned want)
{
	struct btree_node *old = *np;
	unsigned i = 0;

	while (leaf_caps[i] < want)
		i++;
	*np = leaf_create(o, leaf_caps[i]);
	if (old == NULL)
		return;
	(*np)->len = old->len;
	memcpy((*np)->item, old->item, old->len * sizeof(old->item[0]));
	node_free(o, old);
}

/* After a removal, with some hysteresis, since it may grow again. */
static void
leaf_shrink(const struct btree_order *o, struct btree_node **np)
{
	unsigned want = (*np)->len + (*np)->len / 4u;

	if (want > 0 && want < (*np)->cap / 2u)
		leaf_fit(o, np, want);
}

static struct btree_node *
node_create(const struct btree_order *o, unsigned height, unsigned want)
{
	struct btree_node *n = NULL;

	if (height == 0) {
		leaf_fit(o, &n, want);
	} else {
		n = mem_alloc(sizeof(struct btree_inner));
		n->cap = INNER_MAX;
	}
	n->len = 0;
	n->height = (uint8_t)height;
	return n;
}

/* Number of items in the leaf below the key (`equal`: or equal to it). */
static unsigned
leaf_count(const struct btree_node *n, const struct btree_order *o,
    struct btree_key key, bool equal)
{
	unsigned low = 0, high = n->len, mid = high - 1;
	struct btree_key k;

	/* Tries the last one first: insertion is mostly ascending. */
	while (low < high) {
		k = o->key(o->arg, n->item[mid]);
		if (equal ? !btree_key_less(key, k) : btree_key_less(k, key))
			low = mid + 1;
		else
			high = mid;
		mid = (low + high) / 2;
	}
	return low;
}

/* Index of the child that covers the key. */
static unsigned
kid_of(const struct btree_inner *n, struct btree_key key)
{
	unsigned low = 0, high = n->len - 1u, mid;

	while (low < high) {
		mid = (low + high + 1) / 2;
		if (btree_key_less(key, n->key[mid]))
			high = mid - 1;
		else
			low = mid;
	}
	return low;
}

/* ---- changes */

static void
leaf_put(struct btree_node *n, unsigned at, uint32_t item)
{
	memmove(&n->item[at + 1], &n->item[at],
	    (n->len - at) * sizeof(n->item[0]));
	n->item[at] = item;
	n->len++;
}

static void
inner_put(struct btree_inner *n, unsigned at, struct btree_key key,
    struct btree_node *kid)
{
	unsigned behind = n->len - at;

	memmove(&n->key[at + 1], &n->key[at], behind * sizeof(n->key[0]));
	memmove(&n->kid[at + 1], &n->kid[at], behind * sizeof(n->kid[0]));
	n->key[at] = key;
	n->kid[at] = kid;
	n->len++;
}

static void
inner_drop(struct btree_inner *n, unsigned at)
{
	unsigned behind = n->len - at - 1u;

	memmove(&n->key[at], &n->key[at + 1], behind * sizeof(n->key[0]));
	memmove(&n->kid[at], &n->kid[at + 1], behind * sizeof(n->kid[0]));
	n->len--;
}

/* Moves the items after the first `from` to the end of another node with enough
 * room. */
static void
node_move(struct btree_node *to, struct btree_node *n, unsigned from)
{
	unsigned count = n->len - from;

	if (n->height == 0) {
		memcpy(&to->item[to->len], &n->item[from],
		    count * sizeof(n->item[0]));
	} else {
		memcpy(&inner_of(to)->key[to->len], &inner_of(n)->key[from],
		    count * sizeof(struct btree_key));
		memcpy(&inner_of(to)->kid[to->len], &inner_of(n)->kid[from],
		    count * sizeof(struct btree_node *));
	}
	to->len = (uint8_t)(to->len + count);
	n->len = (uint8_t)from;
}

/* Splits at that place: the new node on the right gets the upper half. At the
 * end nothing is moved: insertion is ascending, and this node stays full. */
static struct btree_node *
node_split(const struct btree_order *o, struct btree_node *n, unsigned at)
{
	unsigned half = at == n->len ? n->len : n->len / 2u;
	struct btree_node *right =
	    node_create(o, n->height, n->len - half + 1u);

	node_move(right, n, half);
	return right;
}

/* The result of a split. */
struct split {
	struct btree_node *right; /* NULL: not split */
	struct btree_key key; /* lowest key of `right` */
};

static void
leaf_insert(struct btree_node **np, const struct btree_order *o,
    struct btree_key key, uint32_t item, struct split *split)
{
	unsigned at = leaf_count(*np, o, key, false);
	struct btree_node *n;

	split->right = NULL;
	if ((*np)->len < LEAF_MAX) {
		if ((*np)->len == (*np)->cap)
			leaf_fit(o, np, (*np)->len + 1u);
		leaf_put(*np, at, item);
		return;
	}
	n = *np;
	split->right = node_split(o, n, at);
	if (at < n->len || (at == n->len && n->len < LEAF_MAX))
		leaf_put(n, at, item);
	else
		leaf_put(split->right, at - n->len, item);
	split->key = o->key(o->arg, split->right->item[0]);
}

/* Inserts the node from a split after the child that was split. */
static void
inner_add(const struct btree_order *o, struct btree_inner *n, unsigned at,
    struct split *split)
{
	struct split kid = *split;
	struct btree_node *left = (struct btree_node *)(void *)n;

	split->right = NULL;
	if (n->len < INNER_MAX) {
		inner_put(n, at, kid.key, kid.right);
		return;
	}
	split->right = node_split(o, left, at);
	if (at < n->len || (at == n->len && n->len < INNER_MAX))
		inner_put(n, at, kid.key, kid.right);
	else
		inner_put(inner_of(split->right), at - n->len, kid.key,
		    kid.right);
	split->key = inner_of(split->right)->key[0];
}

static void
node_insert(struct btree_node **np, const struct btree_order *o,
    struct btree_key key, uint32_t item, struct split *split)
{
	struct btree_inner *n;
	unsigned i;

	if ((*np)->height == 0) {
		leaf_insert(np, o, key, item, split);
		return;
	}
	n = inner_of(*np);
	i = kid_of(n, key);
	if (btree_key_less(key, n->key[i])) /* new minimum */
		n->key[i] = key;
	node_insert(&n->kid[i], o, key, item, split);
	if (split->right != NULL)
		inner_add(o, n, i + 1, split);
}

void
btree_insert(struct btree *t, const struct btree_order *o, uint32_t item)
{
	struct btree_key key = o->key(o->arg, item), least;
	struct btree_node *root;
	struct split split;

	MX_ASSERT(item != 0);
	if (t->root == NULL)
		t->root = node_create(o, 0, 1);
	node_insert(&t->root, o, key, item, &split);
	if (split.right == NULL)
		return;
	least = t->root->height == 0 ? o->key(o->arg, t->root->item[0]) :
				       inner_of(t->root)->key[0];
	root = node_create(o, t->root->height + 1u, 2);
	inner_put(inner_of(root), 0, least, t->root);
	inner_put(inner_of(root), 1, split.key, split.right);
	t->root = root;
}

/* Merges the children i and i + 1 if a quarter stays free. */
static bool
kids_join(const struct btree_order *o, struct btree_inner *n, unsigned i)
{
	struct btree_node *right;
	unsigned max, len;

	if (i + 1 >= n->len)
		return false;
	right = n->kid[i + 1];
	max = node_max(right);
	len = n->kid[i]->len + right->len;
	if (len > max - max / 4)
		return false;
	if (len > n->kid[i]->cap)
		leaf_fit(o, &n->kid[i], len);
	node_move(n->kid[i], right, 0);
	node_free(o, right);
	inner_drop(n, i + 1);
	return true;
}

/* Rebalances after a removal from that child. */
static void
kid_settle(const struct btree_order *o, struct btree_inner *n, unsigned i)
{
	struct btree_node *kid = n->kid[i];

	if (kid->len == 0) {
		node_free(o, kid);
		inner_drop(n, i);
	} else if (kid->len < node_max(kid) / 4) {
		if (i == 0 || !kids_join(o, n, i - 1))
			(void)kids_join(o, n, i);
	}
}

static uint32_t
leaf_remove(struct btree_node **np, const struct btree_order *o,
    struct btree_key key)
{
	struct btree_node *n = *np;
	unsigned i = leaf_count(n, o, key, false);
	uint32_t item;

	if (i == n->len)
		return 0;
	item = n->item[i];
	if (btree_key_less(key, o->key(o->arg, item)))
		return 0;
	memmove(&n->item[i], &n->item[i + 1],
	    (n->len - i - 1u) * sizeof(n->item[0]));
	n->len--;
	leaf_shrink(o, np);
	return item;
}

static uint32_t
node_remove(struct btree_node **np, const struct btree_order *o,
    struct btree_key key)
{
	struct btree_inner *n;
	uint32_t item;
	unsigned i;

	if ((*np)->height == 0)
		return leaf_remove(np, o, key);
	n = inner_of(*np);
	i = kid_of(n, key);
	if ((item = node_remove(&n->kid[i], o, key)) != 0)
		kid_settle(o, n, i);
	return item;
}

uint32_t
btree_remove(struct btree *t, const struct btree_order *o, struct btree_key key)
{
	struct btree_node *n;
	uint32_t item;

	if (t->root == NULL)
		return 0;
	item = node_remove(&t->root, o, key);
	while ((n = t->root)->height > 0 && n->len == 1) {
		t->root = inner_of(n)->kid[0];
		node_free(o, n);
	}
	if (t->root->len == 0)
		btree_fini(t, o);
	return item;
}

/* ---- queries */

static void
node_each(struct btree_node *n, void (*fn)(uint32_t item, void *arg), void *arg)
{
	for (unsigned i = 0; i < n->len; i++) {
		if (n->height > 0)
			node_each(inner_of(n)->kid[i], fn, arg);
		else
			fn(n->item[i], arg);
	}
}

void
btree_each(const struct btree *t, void (*fn)(uint32_t item, void *arg),
    void *arg)
{
	if (t->root != NULL)
		node_each(t->root, fn, arg);
}

static uint32_t
node_min(struct btree_node *n)
{
	while (n->height > 0)
		n = inner_of(n)->kid[0];
	return n->item[0];
}

static uint32_t
node_last(struct btree_node *n)
{
	while (n->height > 0)
		n = inner_of(n)->kid[n->len - 1];
	return n->item[n->len - 1];
}

uint32_t
btree_min(const struct btree *t)
{
	return t->root != NULL ? node_min(t->root) : 0;
}

uint32_t
btree_max(const struct btree *t)
{
	return t->root != NULL ? node_last(t->root) : 0;
}

/* The first item above the key, or (`equal`) with it. */
static uint32_t
btree_next(const struct btree *t, const struct btree_order *o,
    struct btree_key key, bool equal)
{
	/* next: right neighbour */
	struct btree_node *n = t->root, *next = NULL;
	unsigned i;

	if (n == NULL)
		return 0;
	while (n->height > 0) {
		i = kid_of(inner_of(n), key);
		if (i + 1u < n->len)
			next = inner_of(n)->kid[i + 1];
		n = inner_of(n)->kid[i];
	}
	i = leaf_count(n, o, key, !equal);
	if (i < n->len)
		return n->item[i];
	return next != NULL ? node_min(next) : 0;
}

uint32_t
btree_from(const struct btree *t, const struct btree_order *o,
    struct btree_key key)
{
	return btree_next(t, o, key, true);
}

uint32_t
btree_after(const struct btree *t, const struct btree_order *o,
    struct btree_key key)
{
	return btree_next(t, o, key, false);
}

uint32_t
btree_get(const struct btree *t, const struct btree_order *o,
    struct btree_key key)
{
	uint32_t item = btree_from(t, o, key);

	return item != 0 && !btree_key_less(key, o->key(o->arg, item)) ? item :
									 0;
}

uint32_t
btree_before(const struct btree *t, const struct btree_order *o,
    struct btree_key key)
{
	struct btree_node *n = t->root, *last = NULL; /* last: left neighbour */
	unsigned i;

	if (n == NULL)
		return 0;
	while (n->height > 0) {
		i = kid_of(inner_of(n), key);
		if (i > 0)
			last = inner_of(n)->kid[i - 1];
		n = inner_of(n)->kid[i];
	}
	if ((i = leaf_count(n, o, key, false)) > 0)
		return n->item[i - 1];
	return last != NULL ? node_last(last) : 0;
}
