/* SPDX-License-Identifier: ISC
 * told: see told.h. The follower reports rows as they are, of a key each time a
 * later version. If it has passed our group without reporting our row, another
 * node has written the row since: the report kept back is that version, or
 * older than the next one. */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "relay/store/told.h"

struct told_key {
	struct told_key *next; /* of the same hash */
	TAILQ_ENTRY(told_key) link; /* in `done`, without pending changes */
	char *key;
	unsigned pending; /* changes not answered yet */
	int64_t batch; /* of the last successful one; 0: none */
	bool kept; /* a report of another node is kept back: */
	void *data;
	size_t len;
};

struct told {
	told_fn *fn;
	void *arg;
	struct idmap keys; /* by hash */
	TAILQ_HEAD(, told_key) done; /* by batch, ascending */
	int64_t seen;
};

struct told *
told_create(told_fn *fn, void *arg)
{
	struct told *t = mem_alloc(sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	idmap_init(&t->keys);
	TAILQ_INIT(&t->done);
	return t;
}

static uint64_t
hash_of(const char *key)
{
	return hash_text(HASH_INIT, key);
}

static struct told_key *
key_find(const struct told *t, const char *key)
{
	struct told_key *k = idmap_get(&t->keys, hash_of(key));

	while (k != NULL && strcmp(k->key, key) != 0)
		k = k->next;
	return k;
}

static void
key_forget(struct told *t, struct told_key *k)
{
	uint64_t hash = hash_of(k->key);
	struct told_key *first = idmap_take(&t->keys, hash), **at = &first;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	if (first != NULL)
		idmap_put(&t->keys, hash, first);
}

static void
key_free(struct told_key *k)
{
	free(k->key);
	free(k->data);
	free(k);
}

void
told_put(struct told *t, const char *key)
{
	struct told_key *k = key_find(t, key);

	if (k == NULL) {
		k = mem_alloc(sizeof(*k));
		k->key = mem_strdup(key);
		k->next = idmap_take(&t->keys, hash_of(key));
		idmap_put(&t->keys, hash_of(key), k);
	} else if (k->pending == 0) {
		TAILQ_REMOVE(&t->done, k, link);
	}
	k->pending++;
}

static void
key_end(struct told *t, struct told_key *k)
{
	key_forget(t, k);
	if (k->kept)
		t->fn(t->arg, k->key, k->data, k->len);
	key_free(k);
}

void
told_put_done(struct told *t, const char *key, int rc, int64_t batch)
{
	struct told_key *k = key_find(t, key);

	if (rc == 0)
		k->batch = batch;
	if (--k->pending > 0)
		return;
	if (k->batch <= t->seen)
		key_end(t, k);
	else
		TAILQ_INSERT_TAIL(&t->done, k, link);
}

void
told_ours(struct told *t, const char *key)
{
	struct told_key *k = key_find(t, key);

	if (k != NULL)
		k->kept = false;
}

bool
told_theirs(struct told *t, const char *key, const void *data, size_t len)
{
	struct told_key *k = key_find(t, key);

	if (k == NULL)
		return false;
	free(k->data);
	k->data = mem_dup(data, len > 0 ? len : 1);
	k->len = len;
	return k->kept = true;
}

void
told_seen(struct told *t, int64_t batch)
{
	struct told_key *k;

	t->seen = batch;
	while ((k = TAILQ_FIRST(&t->done)) != NULL && k->batch <= batch) {
		TAILQ_REMOVE(&t->done, k, link);
		key_end(t, k);
	}
}

static void
drop(uint64_t hash, void *value, void *arg)
{
	struct told_key *k = value, *next;

	(void)hash;
	(void)arg;
	for (; k != NULL; k = next) {
		next = k->next;
		key_free(k);
	}
}

void
told_destroy(struct told **tp)
{
	struct told *t = *tp;

	if (t == NULL)
		return;
	idmap_each(&t->keys, drop, NULL);
	idmap_fini(&t->keys);
	mem_free(tp);
}
