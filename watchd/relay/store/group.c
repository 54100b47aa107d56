/* SPDX-License-Identifier: ISC
 * group: one group of requests on its way to the disk. Bodies first: all
 * small ones are appended to the current segment and synced at once, large
 * ones are synced where they lie. Then one LMDB transaction with all the
 * records, and only when it is committed the answers. The order is what makes
 * a kill at any point harmless: a record never refers to bytes that are not
 * on the disk, and bytes without a record are swept at the next start.
 *
 * Without space the commits of a group fail (-MX_EFULL), but its removals
 * and updates must get through, for they are what makes space: they are tried
 * again alone, and once more after the reserve file was given up.
 *
 * A transaction that fails leaves what was committed before as it was: the
 * next one may be tried, on a disk that came back, too. New mail is another
 * matter (writer.c), for its body is not in the database. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/store/writer_int.h"

#define GROUP_TRY_EVERY CLOCK_SEC

/* ---- bodies */

static bool
is_small(const struct store_req *r)
{
	return r->mail.kind == STORE_COMMIT && r->rc == 0 && !r->large &&
	    r->len > 0;
}

static void
set_body(struct store_req *r, const struct body_ref *body)
{
	unsigned i;

	for (i = 0; i < r->nparts; i++)
		r->parts[i]->body = *body;
}

static int
write_current(struct store_writer *w)
{
	int rc;

	if (w->cur.number != 0 && w->cur.size < w->segment_size)
		return 0;
	if (w->cur.number != 0)
		w->retired = w->cur.number;
	segment_close(&w->cur);
	if ((rc = segment_create(&w->sp->seg, &w->cur)) == 0)
		w->segments++;
	return rc;
}

/* Appends the small bodies of the group with as few calls as possible. */
static int
write_small(struct store_writer *w, struct group *g)
{
	struct iovec *iov;
	struct body_ref body;
	uint64_t at;
	size_t n = 0;
	unsigned i;
	int rc;

	if ((rc = write_current(w)) < 0)
		return rc;
	iov = mem_array(g->n, sizeof(*iov));
	at = w->cur.size;
	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];

		if (!is_small(r))
			continue;
		body = (struct body_ref){ w->cur.number, at, r->len,
			store_crc(0, r->data, r->len) };
		set_body(r, &body);
		iov[n++] = (struct iovec){ r->data, r->len };
		at += r->len;
	}
	rc = segment_append(&w->cur, iov, n);
	mem_free(&iov);
	return rc;
}

static void
write_failed(struct store_writer *w, enum store_op op, int rc)
{
	if (rc == -MX_EFULL) {
		writer_error(w, op, errno);
		space_ran_out(&w->space);
	} else
		writer_fail(w, op,
		    op == STORE_OP_FSYNC ? "fsync of a segment" :
					   "write to a segment");
}

static int
write_smalls(struct store_writer *w, struct group *g)
{
	uint64_t number = w->cur.number, start = w->cur.size;
	enum store_op op = STORE_OP_WRITE;
	int rc;

	if ((rc = write_small(w, g)) == 0) {
		w->segment_bytes +=
		    w->cur.size - (w->cur.number == number ? start : 0);
		op = STORE_OP_FSYNC;
		rc = segment_sync(&w->sp->seg, &w->cur);
	}
	if (rc < 0)
		write_failed(w, op, rc);
	/* what the kernel made of the pages of a failed sync is unknown */
	if (rc < 0 && op == STORE_OP_FSYNC) {
		w->retired = w->cur.number;
		segment_close(&w->cur);
	}
	return rc;
}

static void
write_large(struct store_writer *w, struct store_req *r)
{
	struct large *l = idmap_get(&w->larges, r->id);
	struct body_ref body;

	MX_ASSERT(l != NULL);
	if (l->rc == 0) {
		l->rc = segment_sync(&w->sp->seg, &l->seg);
		if (l->rc < 0)
			write_failed(w, STORE_OP_FSYNC, l->rc);
	}
	r->rc = l->rc;
	body = (struct body_ref){ l->seg.number, 0, l->seg.size, l->crc };
	if (r->rc == 0)
		set_body(r, &body);
}

static void
write_bodies(struct store_writer *w, struct group *g)
{
	bool any = false;
	unsigned i;
	int rc = 0;

	if (w->failed)
		rc = -MX_EIO;
	else if (g->commits > 0 && db_nearly_full(w->sp->db)) {
		space_ran_out(&w->space);
		rc = -MX_EFULL;
	}
	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];

		if (r->mail.kind == STORE_COMMIT && r->rc == 0) {
			r->rc = rc;
			any = any || is_small(r);
			if (rc == 0 && r->large)
				write_large(w, r);
		}
	}
	if (!any || (rc = write_smalls(w, g)) == 0)
		return;
	for (i = 0; i < g->n; i++)
		if (is_small(g->reqs[i]))
			g->reqs[i]->rc = rc;
}

/* ---- records */

static int
apply_commit(struct store_writer *w, struct db_txn *t, struct store_req *r)
{
	const struct body_ref *body = &r->parts[0]->body;
	struct db_segment *s;
	unsigned i;
	int rc;

	for (i = 0; i < r->nparts; i++) {
		buf_clear(&w->record);
		rc = envelope_encode(r->parts[i], &w->record);
		if (rc < 0)
			return rc;
		rc = db_record_put(t, r->parts[i]->id, w->record.data,
		    w->record.len);
		if (rc < 0)
			return rc;
	}
	if (body->segment == 0)
		return 0;
	if ((rc = reclaim_touch(w, t, body->segment, &s)) < 0)
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

static int
apply_update(struct db_txn *t, struct store_req *r)
{
	const void *old;
	size_t len;
	int rc = db_record_get(t, r->id, &old, &len);

	/* what was removed meanwhile does not rise again */
	return rc < 0 ? rc : db_record_put(t, r->id, r->data, r->len);
}

static int
apply_remove(struct store_writer *w, struct db_txn *t, uint64_t id)
{
	struct envelope *e = NULL;
	struct db_segment *seg;
	struct body_ref body = { 0 };
	const void *data;
	uint64_t next = id & ~UINT64_C(0xff);
	size_t len;
	int rc;

	if ((rc = db_record_get(t, id, &data, &len)) < 0)
		return rc;
	if (envelope_decode(data, len, &e) == 0)
		body = e->body;
	envelope_destroy(&e);
	if ((rc = db_record_del(t, id)) < 0)
		return rc;
	rc = db_record_next(t, &next, &data, &len);
	if (rc < 0 && rc != -MX_ENOENT)
		return rc;
	if (body.segment == 0 || (rc == 0 && next >> 8 == id >> 8))
		return 0; /* another part needs the body */
	if ((rc = reclaim_touch(w, t, body.segment, &seg)) < 0)
		return rc;
	seg->live -= seg->live > 0;
	seg->live_bytes -= STORE_MIN(body.len, seg->live_bytes);
	return 0;
}

/* A result of one request, or of the whole transaction? */
static int
apply_one(struct store_writer *w, struct db_txn *t, struct store_req *r)
{
	int rc;

	switch (r->mail.kind) {
	case STORE_COMMIT:
		return apply_commit(w, t, r);
	case STORE_UPDATE:
		rc = apply_update(t, r);
		break;
	case STORE_REMOVE:
		rc = apply_remove(w, t, r->id);
		break;
	default:
		rc = db_state_put(t, r->key, r->data, r->len);
		if (rc == -MX_ENOENT)
			rc = 0; /* to remove what is not there is fine */
		break;
	}
	if (rc == -MX_ENOENT) {
		r->rc = rc;
		rc = 0;
	}
	return rc;
}

/* One transaction over the requests that still have rc 0. Leaves what it
 * touched in w->touched, for the disk space to be reclaimed. */
static int
group_txn(struct store_writer *w, struct store_req **reqs, unsigned n)
{
	struct db_segment *s;
	struct db_txn *t = NULL;
	unsigned i;
	int rc;

	if ((rc = FAULT("store.txn")) != 0)
		return rc == ENOSPC ? -MX_EFULL : -MX_EIO;
	if ((rc = db_begin(w->sp->db, true, &t)) < 0)
		return rc;
	for (i = 0; i < n && rc == 0; i++)
		if (reqs[i]->rc == 0)
			rc = apply_one(w, t, reqs[i]);
	if (rc == 0 && w->retired != 0)
		rc = reclaim_touch(w, t, w->retired, &s);
	if (rc == 0)
		rc = reclaim_settle(w, t);
	if (rc == 0) {
		rc = db_commit(&t);
		if (rc < 0 && !db_usable(w->sp->db))
			rc = -MX_EIO;
	}
	db_abort(&t);
	if (rc == 0)
		w->retired = 0;
	return rc;
}

static void
fail_those_left(struct store_req **reqs, unsigned n, bool commits_only, int rc)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (reqs[i]->rc == 0 &&
		    (!commits_only || reqs[i]->mail.kind == STORE_COMMIT))
			reqs[i]->rc = rc;
}

static int
group_retry_txn(struct store_writer *w, struct store_req **reqs, unsigned n)
{
	reclaim_clear(w);
	return group_txn(w, reqs, n);
}

/* Not the fault of one request: nobody else's would be written either. */
static void
group_unwritable(struct store_writer *w)
{
	if (!w->unwritable)
		log_error("store",
		    "event=unwritable "
		    "meaning=\"what becomes of messages cannot "
		    "be noted\"");
	w->unwritable = true;
	w->try_next = clock_now() + GROUP_TRY_EVERY;
}

/* Something must be changed, for a transaction without changes is not written:
 * a key comes and goes. */
static int
group_try_txn(struct store_writer *w)
{
	struct db_txn *t = NULL;
	int rc = db_begin(w->sp->db, true, &t);

	if (rc == 0)
		rc = db_state_put(t, "writable", "?", 1);
	if (rc == 0)
		rc = db_state_put(t, "writable", NULL, 0);
	if (rc == 0)
		rc = db_commit(&t);
	db_abort(&t);
	return rc;
}

void
group_try(struct store_writer *w)
{
	if (group_try_txn(w) < 0) {
		group_unwritable(w);
		return;
	}
	w->unwritable = false;
	log_notice("store", "event=writable");
}

static void
group_records(struct store_writer *w, struct store_req **reqs, unsigned n)
{
	int rc = group_retry_txn(w, reqs, n);
	bool odd = rc == -MX_ETOOBIG;

	if (rc == -MX_ETOOBIG && n > 1) {
		group_records(w, reqs, n / 2);
		group_records(w, reqs + n / 2, n - n / 2);
		return;
	}
	if (rc == -MX_ETOOBIG)
		rc = -MX_EFULL; /* one that never fits: ours, so temporary */
	if (rc == -MX_EFULL) {
		writer_error(w, STORE_OP_WRITE, ENOSPC);
		space_ran_out(&w->space);
		fail_those_left(reqs, n, true, rc);
		rc = group_retry_txn(w, reqs, n);
		if (rc == -MX_EFULL && space_give_up(&w->space))
			rc = group_retry_txn(w, reqs, n);
	}
	if (rc < 0) {
		reclaim_clear(w);
		fail_those_left(reqs, n, false, rc);
		if (!odd)
			group_unwritable(w);
	}
	if (rc == -MX_EIO) {
		errno = EIO;
		writer_fail(w, STORE_OP_WRITE, "commit to the database");
	}
	reclaim_run(w);
}

/* ---- answers */

static void
group_answer(struct store_writer *w, struct group *g, int64_t start)
{
	struct store_tell *t;
	unsigned i;

	writer_tell(w, false);
	if (g->commits > 0) {
		t = mem_alloc(sizeof(*t));
		t->mail.kind = STORE_TELL_COMMIT;
		t->seconds = (double)(clock_now() - start) / CLOCK_SEC;
		t->messages = g->commits;
		STAILQ_INSERT_TAIL(&w->answers, &t->mail, link);
	}
	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];
		struct large *l;

		mem_free(&r->data);
		STAILQ_INSERT_TAIL(&w->answers, &r->mail, link);
		if (r->mail.kind != STORE_COMMIT || !r->large)
			continue;
		l = idmap_take(&w->larges, r->id);
		/* after an EIO the record may be there all the same */
		writer_drop_large(w, l, r->rc < 0 && r->rc != -MX_EIO);
	}
	mailbox_post_list(w->out, &w->answers);
}

void
group_run(struct store_writer *w)
{
	struct group *g = &w->group;
	uint64_t number = w->cur.number, size = w->cur.size;
	int64_t start = clock_now();
	bool kept = false;
	unsigned i;

	write_bodies(w, g);
	group_records(w, g->reqs, g->n);
	/* no record came to refer to what was appended: take it back. After an
	 * EIO nobody knows whether one did. */
	for (i = 0; i < g->n; i++)
		kept = kept ||
		    (g->reqs[i]->mail.kind == STORE_COMMIT &&
			(g->reqs[i]->rc == 0 || g->reqs[i]->rc == -MX_EIO));
	if (g->commits > 0 && !kept && !w->failed) {
		size = w->cur.number == number ? size : 0;
		w->segment_bytes -=
		    STORE_MIN(w->cur.size - size, w->segment_bytes);
		segment_truncate(&w->cur, size);
	}
	group_answer(w, g, start);
	g->n = 0;
	g->commits = 0;
	g->bytes = 0;
}
