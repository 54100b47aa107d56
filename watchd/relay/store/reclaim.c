/* SPDX-License-Identifier: ISC
 * reclaim: which segments the running transaction changes, what it writes about
 * them, and the disk space that is freed once it is committed: a segment
 * without live bodies is removed, one with few gets holes. Never before the
 * commit, because until then the old records count; and never a file of the log
 * that a start would read from the position of the database on. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/store/redo.h"

#define PUNCH_MIN     (64u << 10) /* less is not worth a system call */
#define PUNCH_RECORDS 200000

struct touched { /* a segment that the transaction changes */
	struct db_segment s;
	bool drop; /* it has no live bodies */
	bool punch;
};

int
reclaim_touch(struct redo *a, uint64_t number, struct db_segment **out)
{
	struct touched *e = idmap_get(&a->touched, number);
	int rc = 0;

	if (e == NULL) {
		e = mem_alloc(sizeof(*e));
		e->s.number = number;
		idmap_put(&a->touched, number, e);
		rc = db_segment_get(a->txn, number, &e->s);
		if (rc == -MX_ENOENT)
			rc = 0;
	}
	*out = &e->s;
	return rc;
}

struct settle {
	struct redo *a;
	int rc;
};

/* Would a start now read it? */
static bool
is_log(const struct redo *a, uint64_t number)
{
	return journal_is(number) && number >= a->pos.segment;
}

static void
settle_one(uint64_t number, void *value, void *arg)
{
	struct settle *st = arg;
	struct touched *e = value;
	uint64_t base = e->s.punched > 0 ? e->s.punched : e->s.size;

	if (st->rc < 0)
		return;
	e->drop = e->s.live == 0 && !is_log(st->a, number);
	if (e->drop) {
		st->rc = db_segment_del(st->a->txn, number);
		if (st->rc == -MX_ENOENT)
			st->rc = 0;
		return;
	}
	/* each time the live part has halved: bounded work in total */
	e->punch = !is_log(st->a, number) && e->s.live_bytes < base / 2 &&
	    base >= PUNCH_MIN;
	if (e->punch)
		e->s.punched = e->s.live_bytes;
	st->rc = db_segment_put(st->a->txn, &e->s);
}

int
reclaim_settle(struct redo *a)
{
	struct settle st = { .a = a };

	idmap_each(&a->touched, settle_one, &st);
	return st.rc;
}

static void
punch_one(struct redo *a, const struct db_segment *s)
{
	struct extent *live = NULL, e;
	struct envelope *env;
	struct db_txn *t = NULL;
	uint64_t id = s->first_id, bytes = 0;
	const void *data;
	size_t len, n = 0, size = 0, seen = 0;
	int rc;

	if (db_begin(a->sp->db, false, &t) < 0)
		return;
	while ((rc = db_record_next(t, &id, &data, &len)) == 0 &&
	    id >> 8 <= s->last_id >> 8) {
		rc = envelope_decode(data, len, &env);
		/* with a damaged record it is not known what is alive */
		if (rc < 0 || ++seen > PUNCH_RECORDS)
			break;
		e = (struct extent){ env->body.offset, env->body.len };
		/* the parts of a message share its body */
		if (env->body.segment == s->number &&
		    (n == 0 || live[n - 1].offset != e.offset)) {
			if (n == size) {
				size = size > 0 ? 2 * size : 64;
				live = mem_grow(live, size, sizeof(*live));
			}
			live[n++] = e;
			bytes += e.len;
		}
		envelope_destroy(&env);
		if (id++ == UINT64_MAX)
			break;
	}
	db_abort(&t);
	if ((rc < 0 && rc != -MX_ENOENT) || seen > PUNCH_RECORDS)
		;
	else if (bytes == s->live_bytes)
		segment_punch(&a->sp->seg, s->number, s->size, live, n);
	else /* a damaged page hides records: their bodies are kept */
		log_error("store",
		    "event=records_missing segment=%016" PRIx64
		    " bytes=%" PRIu64 " found=%" PRIu64
		    " do=\"stop the daemon, run mxwatch-salvage\"",
		    s->number, s->live_bytes, bytes);
	free(live);
}

static void
unlink_one(struct redo *a, const struct db_segment *s)
{
	uint64_t size = segment_size(&a->sp->seg, s->number);
	int error = 0;

	if (segment_unlink(&a->sp->seg, s->number) < 0)
		error = errno; /* a start will sweep it */
	if (a->unlinked != NULL)
		a->unlinked(a->arg, s->number, size, error);
}

static void
reclaim_one(uint64_t number, void *value, void *arg)
{
	struct redo *a = arg;
	struct touched *e = value;

	(void)number;
	if (e->drop)
		unlink_one(a, &e->s);
	else if (e->punch)
		punch_one(a, &e->s);
}

static void
touched_free(uint64_t number, void *value, void *arg)
{
	(void)number;
	(void)arg;
	free(value);
}

void
reclaim_clear(struct redo *a)
{
	idmap_each(&a->touched, touched_free, NULL);
	idmap_fini(&a->touched);
	idmap_init(&a->touched);
}

void
reclaim_run(struct redo *a)
{
	idmap_each(&a->touched, reclaim_one, a);
	reclaim_clear(a);
}
