/* SPDX-License-Identifier: ISC
 * group: one group of requests on its way to the disk. Large bodies come first,
 * synced in their own files; then each request is a record of the log,
 * including small bodies, and one fdatasync() makes them all durable. Then they
 * enter the tail, from which the database takes them later, and only then are
 * they answered. A kill at any point is harmless: a complete record has its
 * body with it, and an incomplete one was never answered.
 *
 * Without space the commits of a group fail (-MX_EFULL), but its removals and
 * updates must get through, because they free space: the append is taken back
 * and they are tried again alone, and once more after the reserve file was
 * released.
 *
 * After a failed sync the content of the disk is unknown. The log goes on in
 * another file, which begins with the failed sequence and so voids it
 * (journal.h); changes of stored messages go there. New mail is not accepted
 * (writer.c): there is no promise on a disk that broke one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/writer_int.h"

#define GROUP_TRY_EVERY CLOCK_SEC
#define GROUP_SMALL                                                            \
	65536u /* bytes of the log: the zeros cost less than they save */
#define GROUP_AHEAD (1u << 20)

static bool
is_commit(const struct store_req *r)
{
	return r->mail.kind == STORE_COMMIT;
}

/* ---- large bodies */

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

static void
set_body(struct store_req *r, const struct body_ref *body)
{
	unsigned i;

	for (i = 0; i < r->nparts; i++)
		r->parts[i]->body = *body;
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

/* ---- records */

static int
group_encode(const struct store_req *r, struct buf *b)
{
	uint8_t raw[4] = { 0 };
	size_t at;
	unsigned i;
	int rc = 0;

	for (i = 0; i < r->nparts && rc == 0; i++) {
		at = b->len;
		rc = buf_add(b, raw, sizeof(raw));
		if (rc == 0)
			rc = envelope_encode(r->parts[i], b);
		if (rc == 0)
			le_put((uint8_t *)b->data + at, b->len - at - 4, 4);
	}
	return rc;
}

static int
group_encode_state(const struct store_req *r, struct buf *b)
{
	size_t klen = strlen(r->key);
	uint8_t raw[2];
	int rc;

	le_put(raw, klen, 2);
	if ((rc = buf_add(b, raw, 2)) < 0 ||
	    (rc = buf_add(b, r->key, klen)) < 0)
		return rc;
	return r->len > 0 ? buf_add(b, r->data, r->len) : 0;
}

/* Makes the request a record of the log at `offset` of the current file; NULL
 * and r->rc when that is impossible. */
static struct tail_entry *
make_record(struct store_writer *w, struct store_req *r, uint64_t offset)
{
	struct journal_record j = { .id = r->id };
	struct buf *b = &w->record;
	struct tail_entry *e;
	int rc = 0;

	buf_clear(b);
	switch (r->mail.kind) {
	case STORE_COMMIT:
		j.kind = JOURNAL_COMMIT;
		j.nparts = r->nparts;
		if (!r->large && r->len > 0) {
			j.body = (struct body_ref){ w->cur.number,
				offset + JOURNAL_RECORD, r->len,
				store_crc(0, r->data, r->len) };
			set_body(r, &j.body);
		}
		j.body = r->parts[0]->body;
		rc = group_encode(r, b);
		break;
	case STORE_UPDATE:
		j.kind = JOURNAL_UPDATE;
		rc = buf_add(b, r->data, r->len);
		break;
	case STORE_REMOVE:
		j.kind = JOURNAL_REMOVE;
		break;
	case STORE_STATE:
		j.kind = JOURNAL_STATE;
		rc = group_encode_state(r, b);
		break;
	default:
		j.kind = JOURNAL_NOTHING;
		break;
	}
	if (rc == 0 && b->len > JOURNAL_REST_MAX)
		rc = -MX_EFULL; /* it will never fit: our limit, so 4xx */
	j.rest = buf_str(b);
	j.len = b->len;
	if (rc == 0 && (e = tail_entry(&j)) != NULL)
		return e;
	r->rc = rc < 0 ? rc : -MX_EIO;
	return NULL;
}

static void
drop_records(struct group *g)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		tail_entry_free(&g->entries[i]);
}

/* Makes sure there is a file to write into. A full one is used further when no
 * other can be created. */
static int
group_file(struct store_writer *w)
{
	struct segment next = { .fd = -1 };
	int rc;

	if (w->cur.number != 0 && w->cur.size < w->segment_size)
		return 0;
	rc = segment_create(&w->sp->seg, true, &next);
	if (rc == -MX_EFULL && w->cur.number != 0)
		return 0;
	if (rc < 0)
		return rc;
	w->segments++;
	segment_trim(&w->cur);
	segment_close(&w->cur);
	w->cur = next;
	return 0;
}

struct append {
	struct iovec *iov;
	size_t n;
	uint8_t *heads; /* JOURNAL_RECORD of each */
	uint8_t file[JOURNAL_HEAD];
	uint64_t rest; /* bytes of records, for the database */
	unsigned records;
	bool commits;
};

static void
append_add(struct append *a, const void *data, size_t len)
{
	struct iovec *v = &a->iov[a->n];

	if (len == 0)
		return;
	v->iov_len = len;
	memcpy(&v->iov_base, &data, sizeof(data)); /* iov_base is not const */
	a->n++;
}

/* Makes records of the requests with rc 0; without `commits` only of changes of
 * stored messages. */
static void
append_make(struct store_writer *w, struct append *a, bool commits)
{
	struct group *g = &w->group;
	uint64_t at = w->cur.size;
	unsigned i;

	if (at == 0) {
		journal_put_head(a->file, w->cur.number, w->seq + 1);
		append_add(a, a->file, JOURNAL_HEAD);
		at = JOURNAL_HEAD;
	}
	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];
		struct tail_entry *e;
		uint8_t *head = a->heads + a->records * JOURNAL_RECORD;

		if (r->rc < 0 || (is_commit(r) && !commits) ||
		    (e = make_record(w, r, at)) == NULL)
			continue;
		g->entries[i] = e;
		e->r.seq = w->seq + ++a->records;
		e->r.durable = w->seq;
		journal_put(head, &e->r, w->sp->salt);
		append_add(a, head, JOURNAL_RECORD);
		if (e->r.body.segment == w->cur.number)
			append_add(a, r->data, r->len);
		append_add(a, e->r.rest, e->r.len);
		e->size = journal_size(&e->r, w->cur.number);
		at += e->size;
		e->segment = w->cur.number;
		e->end = at;
		a->rest += e->r.len;
		a->commits = a->commits || is_commit(r);
	}
}

/* Reserves space in the database: after the append it would be too late. */
static int
append_reserve(struct store_writer *w, const struct append *a)
{
	struct db *db = w->sp->db;
	uint64_t behind = tail_rest(w->sp->tail), margin = 0;

	if (!a->commits)
		return 0;
	if (w->space.full)
		margin = db_margin(db); /* small ones would not fit, either */
	/* the size in the tail is an estimate until it is in the database */
	if (db_nearly_full(db, behind + a->rest + margin)) {
		if (!tail_drain(w->sp->tail) ||
		    db_nearly_full(db, a->rest + margin)) {
			errno = ENOSPC; /* reported to the owner */
			return -MX_EFULL;
		}
		behind = 0;
	}
	errno = ENOSPC;
	return db_reserve(db, behind + a->rest);
}

/* Data appended and not synced must not come back with the next start: its
 * senders will be told that it was not taken. */
static int
group_take_back(struct store_writer *w, uint64_t size)
{
	if (w->cur.number == 0)
		return -MX_EIO;
	segment_truncate(&w->cur, size);
	if (w->cur.number == 0 || segment_sync(&w->sp->seg, &w->cur) < 0)
		return -MX_EIO;
	return 0;
}

/* The next file voids what this one has behind `size`. A file with nothing else
 * is removed, since there may be a try every second. */
static void
group_leave_file(struct store_writer *w, uint64_t size)
{
	uint64_t number = w->cur.number;
	int error = errno;

	segment_close(&w->cur);
	if (number != 0 && size == 0 &&
	    segment_unlink(&w->sp->seg, number) == 0)
		w->segments--;
	errno = error; /* reported to the owner */
}

static int
append_write(struct store_writer *w, struct append *a, enum store_op *op)
{
	uint64_t start = w->cur.size;
	int rc;

	*op = STORE_OP_WRITE;
	rc = segment_append(&w->cur, a->iov, a->n);
	if (rc == 0) {
		*op = STORE_OP_FSYNC;
		rc = segment_sync(&w->sp->seg, &w->cur);
	}
	if (rc == 0)
		w->segment_bytes += w->cur.size - start;
	else if (rc == -MX_EFULL && group_take_back(w, start) < 0)
		rc = -MX_EIO;
	if (rc == -MX_EIO)
		group_leave_file(w, start);
	return rc;
}

/* Writes the requests of the group with rc 0 into the log. 0: they are durable.
 * Failures are reported to the owner. */
static int
group_log(struct store_writer *w, bool commits)
{
	struct group *g = &w->group;
	struct append a = { .rest = 0 };
	enum store_op op = STORE_OP_WRITE;
	int rc = group_file(w);

	if (rc == 0) {
		a.iov = mem_array(3 * (size_t)g->n + 1, sizeof(*a.iov));
		a.heads = mem_array(g->n, JOURNAL_RECORD);
		append_make(w, &a, commits);
		rc = a.records == 0 ? 0 : append_reserve(w, &a);
	}
	if (rc == 0 && a.records > 0)
		rc = append_write(w, &a, &op);
	if (rc < 0) {
		write_failed(w, op, rc);
		drop_records(g);
	} else
		w->seq += a.records;
	free(a.iov);
	free(a.heads);
	return rc;
}

static void
fail_those_left(struct group *g, bool commits_only, int rc)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (g->reqs[i]->rc == 0 &&
		    (!commits_only || is_commit(g->reqs[i])))
			g->reqs[i]->rc = rc;
}

/* The failure is not due to one request: no other could be written either. */
static void
group_unwritable(struct store_writer *w)
{
	if (!w->unwritable)
		log_error("store",
		    "event=unwritable meaning=\"the outcome of deliveries "
		    "cannot be recorded\"");
	w->unwritable = true;
	w->try_next = clock_now() + GROUP_TRY_EVERY;
}

/* Waits for room in the tail. While the database does not follow there is none
 * for new mail, and some for changes of stored messages. */
static int
group_room(struct store_writer *w)
{
	struct group *g = &w->group;
	struct tail *t = w->sp->tail;

	if (tail_wait(t, g->n, g->bytes, false))
		return 0;
	fail_those_left(g, true,
	    tail_is_stuck(t) == -MX_EFULL ? -MX_EFULL : -MX_EIO);
	return tail_wait(t, g->n, g->bytes, true) ? 0 : -MX_EFULL;
}

static void
group_write(struct store_writer *w)
{
	struct group *g = &w->group;
	int rc = group_room(w);

	if (rc == 0 && (rc = group_log(w, true)) < 0) {
		fail_those_left(g, true, rc);
		rc = group_log(w, false);
		if (rc == -MX_EFULL && space_give_up(&w->space))
			rc = group_log(w, false);
	}
	if (rc < 0) {
		fail_those_left(g, false, rc);
		group_unwritable(w);
	}
}

void
group_try(struct store_writer *w)
{
	struct store_req *r = mem_alloc(sizeof(*r));
	struct group *g = &w->group;

	r->mail.kind = STORE_TRY;
	writer_into_group(w, r);
	group_write(w);
	if (r->rc == 0) {
		w->unwritable = false;
		log_notice("store", "event=writable");
		tail_add(w->sp->tail, g->entries[0]);
	}
	g->entries[0] = NULL;
	g->n = 0;
	store_req_free(r);
}

/* Writes zeros ahead after the answers were sent. Small groups cost a sync
 * each; for large ones the zeros would mean writing their bytes twice. */
static void
group_ahead(struct store_writer *w)
{
	const struct group *g = &w->group;
	struct segment *s = &w->cur;
	uint64_t left = s->ahead > s->size ? s->ahead - s->size : 0;
	uint64_t bytes = g->bytes + (uint64_t)g->n * JOURNAL_RECORD;

	if (bytes < GROUP_SMALL && left < GROUP_SMALL && !w->space.full &&
	    s->size < w->segment_size)
		segment_write_ahead(s, GROUP_AHEAD);
}

/* ---- answers */

static bool
is_stored(struct store_writer *w, uint64_t id)
{
	enum tail_found found = tail_get(w->sp->tail, id, NULL);
	struct db_txn *t = NULL;
	const void *data;
	size_t len;
	int rc;

	if (found != TAIL_NONE)
		return found == TAIL_HERE;
	if (db_begin(w->sp->db, false, &t) < 0)
		return true;
	rc = db_record_get(t, id, &data, &len);
	db_abort(&t);
	return rc != -MX_ENOENT;
}

/* In order, because each may depend on the ones before it. */
static void
group_enter(struct store_writer *w)
{
	struct group *g = &w->group;
	unsigned i;

	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];
		struct tail_entry *e = g->entries[i];

		g->entries[i] = NULL;
		if (e == NULL)
			continue;
		if ((r->mail.kind == STORE_UPDATE ||
			r->mail.kind == STORE_REMOVE) &&
		    !is_stored(w, r->id)) {
			r->rc = -MX_ENOENT;
			e->nparts = 0; /* a removed record is not revived */
		}
		tail_add(w->sp->tail, e);
	}
}

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
		if (!is_commit(r) || !r->large)
			continue;
		l = idmap_take(&w->larges, r->id);
		/* after an EIO the record may have been written */
		writer_drop_large(w, l, r->rc < 0 && r->rc != -MX_EIO);
	}
	mailbox_post_list(w->out, &w->answers);
}

/* Refuses new mail on a failed disk, or for a database that does not follow;
 * syncs large bodies in their files. */
static void
group_prepare(struct store_writer *w)
{
	struct group *g = &w->group;
	int stuck = w->failed ? -MX_EIO : tail_is_stuck(w->sp->tail);
	unsigned i;

	for (i = 0; i < g->n; i++) {
		struct store_req *r = g->reqs[i];

		if (!is_commit(r) || r->rc < 0)
			continue;
		r->rc = stuck;
		if (r->rc == 0 && r->large)
			write_large(w, r);
	}
}

void
group_run(struct store_writer *w)
{
	struct group *g = &w->group;
	int64_t start = clock_now();

	group_prepare(w);
	group_write(w);
	group_enter(w);
	group_answer(w, g, start);
	group_ahead(w);
	if (w->space.full)
		tail_hurry(w->sp->tail); /* dead records free space */
	g->n = 0;
	g->commits = 0;
	g->bytes = 0;
}
