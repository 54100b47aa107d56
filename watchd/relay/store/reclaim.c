/* SPDX-License-Identifier: ISC
 * reclaim: which segments the running transaction changes, what it writes
 * about them, and the disk space that is given back once it is committed: a
 * segment in which nothing is alive is removed, one that a few stragglers
 * keep alive gets holes. Never before the commit, for until then the records
 * that refer to it count. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/store/writer_int.h"

#define PUNCH_MIN     (64u << 10) /* not worth a system call below */
#define PUNCH_RECORDS 200000

struct touched { /* a segment that the transaction changes */
	struct db_segment s;
	bool drop; /* nothing is alive in it */
	bool punch;
};

int
reclaim_touch(struct store_writer *w, struct db_txn *t, uint64_t number,
    struct db_segment **out)
{
	struct touched *e = idmap_get(&w->touched, number);
	int rc = 0;

	if (e == NULL) {
		e = mem_alloc(sizeof(*e));
		e->s.number = number;
		idmap_put(&w->touched, number, e);
		rc = db_segment_get(t, number, &e->s);
		if (rc == -MX_ENOENT)
			rc = 0;
	}
	*out = &e->s;
	return rc;
}

struct settle {
	struct store_writer *w;
	struct db_txn *t;
	int rc;
};

static void
settle_one(uint64_t number, void *value, void *arg)
{
	struct settle *st = arg;
	struct touched *e = value;
	uint64_t base = e->s.punched > 0 ? e->s.punched : e->s.size;

	if (st->rc < 0)
		return;
	e->drop = e->s.live == 0 && number != st->w->cur.number;
	if (e->drop) {
		st->rc = db_segment_del(st->t, number);
		if (st->rc == -MX_ENOENT)
			st->rc = 0;
		return;
	}
	/* each time the live half has halved: bounded work in all */
	e->punch = number != st->w->cur.number && e->s.live_bytes < base / 2 &&
	    base >= PUNCH_MIN;
	if (e->punch)
		e->s.punched = e->s.live_bytes;
	st->rc = db_segment_put(st->t, &e->s);
}

int
reclaim_settle(struct store_writer *w, struct db_txn *t)
{
	struct settle st = { .w = w, .t = t };

	idmap_each(&w->touched, settle_one, &st);
	return st.rc;
}

static void
punch_one(struct store_writer *w, const struct db_segment *s)
{
	struct extent *live = NULL, e;
	struct envelope *env;
	struct db_txn *t = NULL;
	uint64_t id = s->first_id, bytes = 0;
	const void *data;
	size_t len, n = 0, size = 0, seen = 0;
	int rc;

	if (db_begin(w->sp->db, false, &t) < 0)
		return;
	while ((rc = db_record_next(t, &id, &data, &len)) == 0 &&
	    id >> 8 <= s->last_id >> 8) {
		rc = envelope_decode(data, len, &env);
		/* with a damaged record nobody knows what is alive */
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
		segment_punch(&w->sp->seg, s->number, s->size, live, n);
	else /* a damaged page hides records: their bodies are worth keeping */
		log_error("store",
		    "event=records_missing segment=%016" PRIx64
		    " bytes=%" PRIu64 " found=%" PRIu64
		    " do=\"stop the daemon, run mxwatch-salvage\"",
		    s->number, s->live_bytes, bytes);
	free(live);
}

static void
reclaim_one(uint64_t number, void *value, void *arg)
{
	struct store_writer *w = arg;
	struct touched *e = value;

	if (e->drop)
		writer_unlink(w, number, e->s.size);
	else if (e->punch)
		punch_one(w, &e->s);
}

static void
touched_free(uint64_t number, void *value, void *arg)
{
	(void)number;
	(void)arg;
	free(value);
}

void
reclaim_clear(struct store_writer *w)
{
	idmap_each(&w->touched, touched_free, NULL);
	idmap_fini(&w->touched);
	idmap_init(&w->touched);
}

void
reclaim_run(struct store_writer *w)
{
	idmap_each(&w->touched, reclaim_one, w);
	reclaim_clear(w);
}
