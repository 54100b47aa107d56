/* SPDX-License-Identifier: ISC
 * replay: see replay.h. A file ends, for the replay, with the first sequence of
 * the next one. Otherwise it ends at its end, or at an invalid record. That
 * record was being written when the daemon stopped, unless there is proof that
 * it had been synced: a record behind it, a later file, or the position of the
 * database. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/store/journal_files.h"
#include "relay/store/redo.h"
#include "relay/store/replay.h"

#define REPLAY_BATCH 2048 /* records of one transaction */

struct replay_run {
	struct spool *sp;
	struct redo redo;
	struct journal_files files; /* from the position of the database on */
	struct buf buf;
	unsigned batch; /* records in the open transaction */
	uint64_t records, cut; /* applied; bytes that were cut off */
	bool db_failed; /* the failure is the database's, not the log's */
};

static int
damaged(const struct replay_run *rp, struct mx_errbuf *eb, uint64_t number,
    uint64_t offset)
{
	return mx_fail(eb, MX_ECORRUPT,
	    "%s/seg/%016" PRIx64 " is damaged at byte %" PRIu64
	    " (record %" PRIu64 " of the log): run mxwatch-salvage(8)",
	    rp->sp->path, number, offset, rp->redo.pos.seq + 1);
}

static int
failed(const struct replay_run *rp, struct mx_errbuf *eb, int rc)
{
	if (rc == -MX_EFULL)
		return mx_fail(eb, MX_EFULL,
		    "%s: no space to replay the log of the last run; free some "
		    "on its file system, or raise queue { map_size }",
		    rp->sp->path);
	if (rp->db_failed)
		return mx_fail(eb, MX_ECORRUPT,
		    "%s: the database cannot be read; run mxwatch-salvage(8)",
		    rp->sp->path);
	return mx_fail(eb, MX_ESYS, "%s/seg: the log cannot be read: %s",
	    rp->sp->path, strerror(errno));
}

/* ---- the files */

/* Is there a record at or behind `offset` that says that `seq` had been
 * synced? */
static int
vouched(const struct journal_file *f, uint64_t offset, uint64_t seq)
{
	struct journal_record r;
	uint64_t at;
	int rc;

	while ((rc = journal_find(f, offset, &r, &at)) == 0) {
		if (r.durable >= seq && r.seq > seq)
			return -MX_ECORRUPT;
		offset = at + 1;
	}
	return rc == -MX_ENOENT ? 0 : rc;
}

/* In this file from `offset` on, and in later ones. */
static int
vouched_behind(const struct replay_run *rp, size_t i, uint64_t offset,
    uint64_t seq)
{
	struct journal_file f;
	int rc = 0;

	for (; i < rp->files.n && rc == 0; i++, offset = 0) {
		if ((rc = journal_files_open(&rp->files, i, rp->sp->salt, &f)) <
		    0)
			return rc;
		rc = vouched(&f, offset, seq);
		close(f.fd);
	}
	return rc;
}

/* ---- the records */

static int
end_batch(struct replay_run *rp)
{
	int rc = 0;

	if (rp->redo.txn != NULL) {
		rc = redo_commit(&rp->redo);
		reclaim_clear(&rp->redo); /* the sweep follows */
	}
	rp->batch = 0;
	rp->db_failed = rp->db_failed || rc < 0;
	return rc;
}

static int
apply_one(struct replay_run *rp, const struct journal_file *f,
    const struct journal_record *r, uint64_t end)
{
	int rc = 0;

	if (rp->redo.txn == NULL)
		rc = redo_begin(&rp->redo);
	if (rc == 0)
		rc = redo_record(&rp->redo, r, f->number, end);
	if (rc < 0) {
		rp->db_failed = true;
		return rc;
	}
	rp->records++;
	return ++rp->batch >= REPLAY_BATCH ? end_batch(rp) : 0;
}

/* Replays up to an invalid record, or the sequence that a later file begins
 * with: *offset. 0: a regular end. -MX_ECORRUPT: not one. */
static int
replay_records(struct replay_run *rp, const struct journal_file *f,
    uint64_t first, uint64_t *offset)
{
	struct journal_record r;
	int rc;

	while ((rc = journal_read(f, *offset, &r, &rp->buf)) == 0) {
		if (r.seq == first)
			return 0;
		if (r.seq != rp->redo.pos.seq + 1)
			return -MX_ECORRUPT;
		*offset += journal_size(&r, f->number);
		if ((rc = apply_one(rp, f, &r, *offset)) < 0)
			return rc;
	}
	return rc == -MX_ENOENT ? 0 : rc;
}

/* Removes the rest, which the next start would take for damage. */
static int
cut_off(struct replay_run *rp, const struct journal_file *f, uint64_t offset)
{
	struct segment s = { .number = f->number, .size = f->size };

	if (offset >= f->size)
		return 0;
	s.fd = segment_open_write(&rp->sp->seg, f->number);
	if (s.fd < 0)
		return -MX_EIO;
	rp->cut += f->size - offset;
	segment_truncate(&s, offset);
	if (s.number == 0)
		return -MX_EIO;
	if (segment_sync(&rp->sp->seg, &s) < 0) {
		segment_close(&s);
		return -MX_EIO;
	}
	segment_close(&s);
	return 0;
}

/* The existence of a file proves that all records before its first one were
 * synced: this file, by its head, or a later one. */
static bool
lacks_records(const struct replay_run *rp, uint64_t head, uint64_t first)
{
	uint64_t next = rp->redo.pos.seq + 1;

	if (first == next)
		return false; /* void from there on */
	return head > next || (first != UINT64_MAX && first > next);
}

static int
replay_file(struct replay_run *rp, size_t i, struct mx_errbuf *eb)
{
	struct journal_file f;
	uint64_t head = 0, first, offset = JOURNAL_HEAD;
	int rc, whole;

	if ((rc = journal_files_open(&rp->files, i, rp->sp->salt, &f)) < 0 ||
	    (rc = journal_files_void(&rp->files, i, &first)) < 0)
		return failed(rp, eb, rc);
	if (f.number == rp->sp->applied.segment && rp->sp->applied.offset > 0)
		offset = rp->sp->applied.offset; /* bodies are before it */
	else if ((rc = journal_head(&f, &head)) == 0 &&
	    head != rp->redo.pos.seq + 1)
		rc = -MX_ECORRUPT;
	if (rc == 0)
		rc = replay_records(rp, &f, first, &offset);
	else if (rc == -MX_ECORRUPT)
		offset = 0;
	whole = rc;
	/* a file shorter than the position of the database is not torn */
	if (rc == -MX_ECORRUPT && first == rp->redo.pos.seq + 1)
		rc = 0;
	else if (rc == -MX_ECORRUPT && offset <= f.size)
		rc = vouched_behind(rp, i, offset, rp->redo.pos.seq + 1);
	if (rc == 0 && lacks_records(rp, head, first))
		rc = -MX_ECORRUPT;
	if (rc == 0 && (whole < 0 || first == rp->redo.pos.seq + 1))
		rc = cut_off(rp, &f, offset);
	close(f.fd);
	if (rc == -MX_ECORRUPT)
		return damaged(rp, eb, f.number, offset);
	return rc < 0 ? failed(rp, eb, rc) : 0;
}

static int
replay_files(struct replay_run *rp, struct mx_errbuf *eb)
{
	const struct journal_pos *from = &rp->sp->applied;
	size_t i;
	int rc = 0;

	if (journal_files_list(&rp->files, &rp->sp->seg, from->segment) < 0)
		return failed(rp, eb, -MX_EIO);
	if (from->offset > 0 &&
	    (rp->files.n == 0 || rp->files.numbers[0] != from->segment))
		return damaged(rp, eb, from->segment, from->offset);
	for (i = 0; i < rp->files.n && rc == 0; i++)
		rc = replay_file(rp, i, eb);
	return rc;
}

/* The log continues in a new file. */
static int
replay_end(struct replay_run *rp, struct mx_errbuf *eb)
{
	struct journal_pos *pos = &rp->redo.pos;
	uint64_t last = pos->segment;
	int rc = 0;

	if (rp->files.n > 0 && rp->files.numbers[rp->files.n - 1] >= last)
		last = rp->files.numbers[rp->files.n - 1] + 1;
	if (last == pos->segment && pos->offset == 0)
		return 0; /* nothing was written since the last start */
	if (rp->redo.txn == NULL)
		rc = redo_begin(&rp->redo);
	rp->db_failed = rc < 0;
	if (rc == 0) {
		pos->segment = last;
		pos->offset = 0;
		rc = end_batch(rp);
	}
	return rc < 0 ? failed(rp, eb, rc) : 0;
}

int
replay(struct spool *sp, struct mx_errbuf *eb)
{
	struct replay_run rp = { .sp = sp };
	int rc;

	redo_init(&rp.redo, sp, &sp->applied);
	buf_init(&rp.buf, JOURNAL_REST_MAX);
	rc = replay_files(&rp, eb);
	if (rc == 0)
		rc = replay_end(&rp, eb);
	sp->applied = rp.redo.pos;
	if (rc == 0 && rp.records + rp.cut > 0)
		log_notice("store",
		    "event=replayed records=%" PRIu64 " cut=%" PRIu64,
		    rp.records, rp.cut);
	redo_fini(&rp.redo);
	buf_fini(&rp.buf);
	journal_files_free(&rp.files);
	return rc;
}
