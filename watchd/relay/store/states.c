/* SPDX-License-Identifier: ISC
 * states: reads the small durable state, for the loop: tail and database merged
 * by key. Each step asks the tail first and begins its transaction then, for
 * the reason given in tail.h. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "relay/store/reader.h"
#include "relay/store/store.h"

struct state_walk {
	struct spool *sp;
	struct buf key, value; /* of the last step */
	bool removed; /* the state was removed */
};

static int
keys_cmp(const struct buf *a, const char *b, size_t blen)
{
	int c = memcmp(a->data, b, STORE_MIN(a->len, blen));

	return c != 0 ? c : (a->len > blen) - (a->len < blen);
}

/* The database's next key, unless the tail's in w->key comes first or is
 * equal. */
static int
walk_db(struct state_walk *w, const char *from)
{
	struct db_txn *t = NULL;
	const char *key;
	const void *data;
	size_t klen, len;
	int rc = db_begin(w->sp->db, false, &t);

	if (rc == 0)
		rc = db_state_next(t, from, &key, &klen, &data, &len);
	if (rc == 0 && klen > STORE_KEY_MAX)
		rc = -MX_ENOENT;
	if (rc == 0 && (w->key.len == 0 || keys_cmp(&w->key, key, klen) > 0)) {
		buf_clear(&w->key);
		buf_clear(&w->value);
		w->removed = false;
		/* states of the store itself */
		w->removed = klen >= sizeof(DB_KEY_OWN) - 1 &&
		    memcmp(key, DB_KEY_OWN, sizeof(DB_KEY_OWN) - 1) == 0;
		rc = buf_add(&w->key, key, klen);
		if (rc == 0)
			rc = buf_add(&w->value, data, len);
	}
	db_abort(&t);
	return rc;
}

/* The first key behind `after`, or equal with `same`. */
static bool
walk_step(struct state_walk *w, const char *after, bool same)
{
	char from[STORE_KEY_MAX + 2];

	buf_clear(&w->key);
	buf_clear(&w->value);
	w->removed = tail_state_next(w->sp->tail, after, same, &w->key,
			 &w->value) == TAIL_REMOVED;
	/* the least key after it has a "\1" appended */
	if ((size_t)snprintf(from, sizeof(from), "%s%s", after,
		same ? "" : "\1") >= sizeof(from))
		return false;
	return walk_db(w, from) != -MX_EIO && w->key.len > 0;
}

bool
reader_states(struct spool *sp, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	struct state_walk w = { .sp = sp };
	char at[STORE_KEY_MAX + 1];
	size_t plen = strlen(prefix);
	bool same = *after == '\0', more = true;

	if (strlcpy(at, same ? prefix : after, sizeof(at)) >= sizeof(at))
		return false;
	buf_init(&w.key, STORE_KEY_MAX + 1);
	buf_init(&w.value, SIZE_MAX / 4); /* the database has its own cap */
	while (more && max > 0) {
		more = walk_step(&w, at, same) && w.key.len >= plen &&
		    memcmp(w.key.data, prefix, plen) == 0;
		if (!more)
			break;
		same = false;
		(void)strlcpy(at, w.key.data, sizeof(at));
		if (w.removed)
			continue;
		one(arg, at, w.value.data, w.value.len);
		max--;
	}
	buf_fini(&w.key);
	buf_fini(&w.value);
	return more;
}
