/* SPDX-License-Identifier: ISC
 * redo: see redo.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "relay/store/redo.h"

void
redo_init(struct redo *a, struct spool *sp, const struct journal_pos *pos)
{
	*a = (struct redo){ .sp = sp, .pos = *pos, .committed = *pos };
	idmap_init(&a->touched);
}

void
redo_fini(struct redo *a)
{
	redo_abort(a);
	idmap_fini(&a->touched);
}

int
redo_begin(struct redo *a)
{
	int rc = FAULT("store.txn");

	if (rc != 0)
		return rc == ENOSPC ? -MX_EFULL : -MX_EIO;
	return db_begin(a->sp->db, true, &a->txn);
}

void
redo_abort(struct redo *a)
{
	db_abort(&a->txn);
	reclaim_clear(a);
	a->pos = a->committed;
}

static int
record_commit(struct redo *a, const struct journal_record *r)
{
	const struct body_ref *body = &r->body;
	struct db_segment *s;
	const char *data;
	size_t at = 0, len;
	unsigned i;
	int rc;

	for (i = 0; i < r->nparts; i++) {
		if (!journal_part(r, &at, &data, &len))
			return -MX_EIO; /* impossible: its checksum held */
		if ((rc = db_record_put(a->txn, r->id | i, data, len)) < 0)
			return rc;
	}
	if (body->segment == 0)
		return 0;
	if ((rc = reclaim_touch(a, body->segment, &s)) < 0)
		return rc;
	s->live++;
	s->live_bytes += body->len;
	if (body->offset + body->len > s->size)
		s->size = body->offset + body->len;
	if (s->first_id == 0 || r->id < s->first_id)
		s->first_id = r->id;
	if (r->id > s->last_id)
		s->last_id = r->id;
	return 0;
}

/* -MX_ENOENT: a record removed meanwhile is not revived. */
static int
record_update(struct redo *a, const struct journal_record *r)
{
	const void *old;
	size_t len;
	int rc = db_record_get(a->txn, r->id, &old, &len);

	return rc < 0 ? rc : db_record_put(a->txn, r->id, r->rest, r->len);
}

static int
record_remove(struct redo *a, uint64_t id)
{
	struct envelope *e = NULL;
	struct db_segment *seg;
	struct body_ref body = { 0 };
	const void *data;
	uint64_t next = id & ~UINT64_C(0xff);
	size_t len;
	int rc;

	if ((rc = db_record_get(a->txn, id, &data, &len)) < 0)
		return rc;
	if (envelope_decode(data, len, &e) == 0)
		body = e->body;
	envelope_destroy(&e);
	if ((rc = db_record_del(a->txn, id)) < 0)
		return rc;
	rc = db_record_next(a->txn, &next, &data, &len);
	if (rc < 0 && rc != -MX_ENOENT)
		return rc;
	if (body.segment == 0 || (rc == 0 && next >> 8 == id >> 8))
		return 0; /* another part uses the body */
	if ((rc = reclaim_touch(a, body.segment, &seg)) < 0)
		return rc;
	seg->live -= seg->live > 0;
	seg->live_bytes -= STORE_MIN(body.len, seg->live_bytes);
	return 0;
}

static int
record_state(struct redo *a, const struct journal_record *r)
{
	const char *key, *value;
	size_t klen, len;
	char *text;
	int rc;

	if (!journal_state(r, &key, &klen, &value, &len))
		return -MX_EIO;
	text = mem_strndup(key, klen);
	rc = db_state_put(a->txn, text, value, len);
	mem_free(&text);
	return rc;
}

int
redo_record(struct redo *a, const struct journal_record *r, uint64_t segment,
    uint64_t end)
{
	struct db_segment *s;
	int rc = 0;

	MX_ASSERT(r->seq == a->pos.seq + 1);
	switch (r->kind) {
	case JOURNAL_COMMIT:
		rc = record_commit(a, r);
		break;
	case JOURNAL_UPDATE:
		rc = record_update(a, r);
		break;
	case JOURNAL_REMOVE:
		rc = record_remove(a, r->id);
		break;
	case JOURNAL_STATE:
		rc = record_state(a, r);
		break;
	default:
		break;
	}
	if (rc == -MX_ENOENT)
		rc = 0; /* nothing to change */
	/* the previous file may have no live bodies */
	if (rc == 0 && segment != a->pos.segment)
		rc = reclaim_touch(a, a->pos.segment, &s);
	if (rc == 0)
		a->pos = (struct journal_pos){ r->seq, segment, end };
	return rc;
}

int
redo_commit(struct redo *a)
{
	int rc = reclaim_settle(a);

	if (rc == 0)
		rc = db_applied_put(a->txn, &a->pos);
	if (rc == 0) {
		rc = db_commit(&a->txn);
		if (rc < 0 && !db_usable(a->sp->db))
			rc = -MX_EIO;
	}
	if (rc < 0)
		redo_abort(a);
	else
		a->committed = a->pos;
	return rc;
}
