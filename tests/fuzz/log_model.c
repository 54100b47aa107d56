/* SPDX-License-Identifier: ISC
 * log_model: see log_model.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/fuzz/journal_mend.h"
#include "tests/fuzz/log_model.h"

struct model_value {
	size_t len;
	char data[];
};

void
model_init(struct log_model *m)
{
	idmap_init(&m->messages);
}

static void
free_one(uint64_t id, void *value, void *arg)
{
	(void)id;
	(void)arg;
	free(value);
}

void
model_fini(struct log_model *m)
{
	idmap_each(&m->messages, free_one, NULL);
	idmap_fini(&m->messages);
}

static void
put(struct log_model *m, uint64_t id, const char *data, size_t len)
{
	struct model_value *v = mem_alloc(sizeof(*v) + len);

	v->len = len;
	if (len > 0)
		memcpy(v->data, data, len);
	free(idmap_take(&m->messages, id));
	idmap_put(&m->messages, id, v);
}

void
model_record(struct log_model *m, const struct journal_record *r)
{
	const char *data;
	size_t at = 0, len;

	switch (r->kind) {
	case JOURNAL_COMMIT:
		for (unsigned i = 0;
		     i < r->nparts && journal_part(r, &at, &data, &len); i++)
			put(m, r->id | i, data, len);
		break;
	case JOURNAL_UPDATE: /* what was removed does not rise */
		if (idmap_get(&m->messages, r->id) != NULL)
			put(m, r->id, r->rest, r->len);
		break;
	case JOURNAL_REMOVE:
		free(idmap_take(&m->messages, r->id));
		break;
	default:
		break;
	}
}

/* ---- the database */

static void
empty(struct db_txn *t)
{
	struct db_segment s;
	const char *key;
	const void *data;
	size_t klen, len;
	uint64_t id = 0;
	char *text;

	while (db_record_next(t, &id, &data, &len) == 0)
		MX_ASSERT(db_record_del(t, id) == 0);
	while (db_segment_next(t, 0, &s) == 0)
		MX_ASSERT(db_segment_del(t, s.number) == 0);
	while (db_state_next(t, "", &key, &klen, &data, &len) == 0) {
		text = mem_strndup(key, klen);
		MX_ASSERT(db_state_put(t, text, NULL, 0) == 0);
		mem_free(&text);
	}
}

static void
fill_one(uint64_t id, void *value, void *arg)
{
	const struct model_value *v = value;

	MX_ASSERT(db_record_put(arg, id, v->data, v->len) == 0);
}

void
model_fill(const struct log_model *m, struct db *db,
    const struct journal_pos *applied)
{
	struct db_txn *t;

	MX_ASSERT(db_begin(db, true, &t) == 0);
	empty(t);
	idmap_each(&m->messages, fill_one, t);
	MX_ASSERT(db_salt_put(t, MEND_SALT) == 0);
	MX_ASSERT(db_applied_put(t, applied) == 0);
	MX_ASSERT(db_commit(&t) == 0);
}

void
model_compare(const struct log_model *m, struct db *db)
{
	const struct model_value *v;
	struct db_txn *t;
	const void *data;
	size_t len, n = 0;
	uint64_t id = 0;

	MX_ASSERT(db_begin(db, false, &t) == 0);
	while (db_record_next(t, &id, &data, &len) == 0) {
		v = idmap_get(&m->messages, id);
		MX_ASSERT(v != NULL && v->len == len);
		MX_ASSERT(len == 0 || memcmp(v->data, data, len) == 0);
		n++;
		if (id++ == UINT64_MAX)
			break;
	}
	MX_ASSERT(n == idmap_len(&m->messages));
	db_abort(&t);
}
