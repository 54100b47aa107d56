/* SPDX-License-Identifier: ISC
 * engine_place: writes parts from a node's spool as rows (shared_move.c). A
 * part is placed together with the missing piece of its content and a row of
 * mxwatch.moved, which stays until the part is gone from the spool: in one
 * transaction, so that the outcome is known after a crash.
 *
 * Other parts of the message may exist, be under way, or be removed by another
 * node at this moment together with the content, which all parts share. Their
 * rows are locked first: a node that removes the last one has either done so
 * before we look for the content, or comes after us and sees our part. If the
 * content is not complete, the part is not placed. Against the keeper, which
 * sweeps content without parts, the last piece helps: each part writes it, even
 * if it exists, and thereby locks the table of that day (engine/schema.c). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "relay/store/engine_int.h"

static const struct pg_stmt
    forget_all = { "moved_none", "DELETE FROM mxwatch.moved WHERE node = $1" },
    forget = { "moved_drop",
	    "DELETE FROM mxwatch.moved WHERE id = ANY($1::bigint[])" },
    lock = { "place_lock",
	    /* message by message, in the order of ids: a join would read all
	     * existing parts once for each */
	    "SELECT 1 FROM unnest($1::bigint[]) u(id), LATERAL ("
	    "SELECT FROM mxwatch.part p WHERE p.id BETWEEN u.id "
	    "AND u.id + 255 ORDER BY p.id FOR SHARE) l" },
    body = { "place_body",
	    "INSERT INTO mxwatch.body (id, at, data) SELECT * FROM "
	    "unnest($1::bigint[], $2::bigint[], $3::bytea[]) "
	    "ON CONFLICT DO NOTHING" },
    part = { "place_part",
	    "WITH p AS (INSERT INTO mxwatch.part (id, domain, env) "
	    "SELECT u.id, u.domain, u.env FROM unnest($1::bigint[], "
	    "$2::text[], $3::bytea[], $4::bigint[]) u(id, domain, env, len) "
	    "WHERE u.len = (SELECT coalesce(sum(octet_length(b.data)), 0) "
	    "FROM mxwatch.body b WHERE b.id = u.id / 256 * 256) "
	    "ON CONFLICT DO NOTHING RETURNING id) "
	    "INSERT INTO mxwatch.moved (id, node) SELECT id, $5 FROM p "
	    "ON CONFLICT (id) DO UPDATE SET node = excluded.node "
	    "RETURNING id" },
    ask = { "moved_ask",
	    "SELECT id FROM mxwatch.moved WHERE id = ANY($1::bigint[])" },
    piece = { "place_piece",
	    "INSERT INTO mxwatch.body (id, at, data) VALUES ($1, $2, $3) "
	    "ON CONFLICT DO NOTHING" };

static unsigned
pick(struct engine_writer *w, int kind)
{
	unsigned i;

	w->npicked = 0;
	for (i = 0; i < w->n; i++)
		if (w->group[i]->rc == 0 && w->group[i]->mail.kind == kind)
			w->picked[w->npicked++] = w->group[i];
	return w->npicked;
}

bool
engine_place_any(const struct engine_writer *w)
{
	unsigned i;

	for (i = 0; i < w->n; i++)
		if (w->group[i]->rc == 0 &&
		    w->group[i]->mail.kind == STORE_PLACE)
			return true;
	return false;
}

static int
by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Locking in one order cannot deadlock. */
static void
add_lock(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &lock);
	uint64_t ids[ENGINE_OPS];
	unsigned i;

	for (i = 0; i < w->npicked; i++)
		ids[i] = w->picked[i]->id & ~UINT64_C(255);
	qsort(ids, w->npicked, sizeof(*ids), by_id);
	pg_array(a, PG_INT8);
	for (i = 0; i < w->npicked; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			pg_array_int8(a, (int64_t)ids[i]);
}

static void
add_bodies(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &body);
	unsigned i;

	engine_add_ids(w, a, ~UINT64_C(255));
	pg_array(a, PG_INT8);
	for (i = 0; i < w->npicked; i++)
		pg_array_int8(a, (int64_t)w->picked[i]->at);
	pg_array(a, PG_BYTES);
	for (i = 0; i < w->npicked; i++)
		pg_array_bytes(a, w->picked[i]->data, w->picked[i]->len);
}

static void
add_parts(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &part);
	const struct envelope *e;
	unsigned i;

	engine_add_ids(w, a, UINT64_MAX);
	pg_array(a, PG_TEXT);
	for (i = 0; i < w->npicked; i++) {
		e = w->picked[i]->parts[0];
		pg_array_bytes(a, e->domain, strlen(e->domain));
	}
	pg_array(a, PG_BYTES);
	for (i = 0; i < w->npicked; i++) {
		buf_clear(&w->record);
		MX_ASSERT(
		    envelope_encode(w->picked[i]->parts[0], &w->record) == 0);
		pg_array_bytes(a, w->record.data, w->record.len);
	}
	pg_array(a, PG_INT8);
	for (i = 0; i < w->npicked; i++)
		pg_array_int8(a, (int64_t)w->picked[i]->parts[0]->body.len);
	pg_int4(a, w->node.id);
}

static unsigned
add_forgotten(struct engine_writer *w)
{
	bool all = false;
	unsigned i;

	if (pick(w, STORE_FORGET_PLACED) == 0)
		return 0;
	engine_add_ids(w, pg_add(w->pg, &forget), UINT64_MAX);
	for (i = 0; i < w->npicked; i++)
		all = all || w->picked[i]->id == 0;
	if (all)
		pg_int4(pg_add(w->pg, &forget_all), w->node.id);
	return 1 + all;
}

unsigned
engine_place_add(struct engine_writer *w)
{
	unsigned n = 0;

	if (pick(w, STORE_ASK_PLACED) > 0) {
		engine_add_ids(w, pg_add(w->pg, &ask), UINT64_MAX);
		n++;
	}
	n += add_forgotten(w); /* old ones; not those placed now */
	if (pick(w, STORE_PLACE) > 0) {
		add_lock(w);
		add_bodies(w);
		add_parts(w);
		n += 3;
	}
	w->place_end = n;
	return n;
}

/* Sets ->len of the selected requests: is it among the rows? */
static void
look_for(struct engine_writer *w, unsigned stmt)
{
	uint64_t there = 0; /* its address marks an existing one */
	unsigned i;

	for (i = 0; i < pg_rows(w->pg, stmt); i++)
		idmap_put(&w->ids, (uint64_t)pg_get_int8(w->pg, stmt, i, 0),
		    &there);
	for (i = 0; i < w->npicked; i++)
		w->picked[i]->len =
		    idmap_get(&w->ids, w->picked[i]->id) != NULL;
	for (i = 0; i < w->npicked; i++)
		(void)idmap_take(&w->ids, w->picked[i]->id);
}

void
engine_place_found(struct engine_writer *w, unsigned stmt)
{
	if (pick(w, STORE_ASK_PLACED) > 0)
		look_for(w, stmt);
	if (pick(w, STORE_PLACE) > 0)
		look_for(w, stmt + w->place_end - 1);
}

void
engine_piece_do(struct engine_writer *w, struct store_req *r)
{
	int64_t until = clock_now() + ENGINE_UP_MS * CLOCK_MS;
	struct mx_errbuf eb;
	struct pg_args *a;

	r->rc = pg_up(w->pg, until, &eb);
	if (r->rc == 0) {
		a = pg_add(w->pg, &piece);
		pg_int8(a, (int64_t)(r->id & ~UINT64_C(255)));
		pg_int8(a, (int64_t)r->at);
		pg_bytes(a, r->data, r->len);
		r->rc = pg_run(w->pg, until, &eb);
	}
	mailbox_post(w->out, &r->mail);
}
