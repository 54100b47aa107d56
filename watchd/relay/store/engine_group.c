/* SPDX-License-Identifier: ISC
 * engine_group: one group of requests as one transaction. Its first statements
 * lock our row of mxwatch.node, which fails the transaction (-MX_EBUSY) when
 * another has our place, and count the group in mxwatch.stir. Rows are sent as
 * arrays, one statement for each kind of change, whatever their number. Of
 * several changes of one thing in a group only the last is sent. */
#include <string.h>

#include "engine/schema.h"
#include "relay/store/engine_int.h"

static const struct pg_stmt
    /* The row of our node is locked, not changed: dead versions of it would
     * slow down look-ups while a snapshot is held. Later statements see all
     * that we have committed. */
    batch_lock = { "batch_lock",
	    "SELECT 1 / count(*) FROM (SELECT FROM mxwatch.node "
	    "WHERE id = $1 AND epoch = $2 FOR NO KEY UPDATE) n" },
    batch_take = { "batch_take",
	    "WITH i AS (INSERT INTO mxwatch.stir (node, beat, batch) "
	    "SELECT $1, beat + 1, $2 FROM (SELECT beat, batch "
	    "FROM mxwatch.stir WHERE node = $1 ORDER BY beat DESC LIMIT 1) s "
	    "WHERE batch = $2 - 1 RETURNING 1) SELECT 1 / count(*) FROM i" },
    /* waits, by the lock of the row, for a group that is still under way, and
     * for the standby to have what there is */
    batch_ask = { "batch_ask",
	    "INSERT INTO mxwatch.stir (node, beat, batch) "
	    "SELECT $1, beat + 1, batch FROM mxwatch.stir "
	    "WHERE node = $1 ORDER BY beat DESC LIMIT 1 RETURNING batch" },
    /* Managers of standbys may empty the list when they have none, and then a
     * commit does not wait: checked in every group that promises something. */
    sync_ask = { "sync_ask",
	    "SELECT (CASE WHEN " ENGINE_ALONE
	    " THEN 32768 ELSE 1 END)::smallint" },
    part_put = { "part_put",
	    "INSERT INTO mxwatch.part (id, domain, env) SELECT * FROM "
	    "unnest($1::bigint[], $2::text[], $3::bytea[])" },
    body_put = { "body_put",
	    "INSERT INTO mxwatch.body (id, at, data) SELECT * FROM "
	    "unnest($1::bigint[], $2::bigint[], $3::bytea[])" },
    /* an aborted body */
    body_none = { "body_none",
	    "DELETE FROM mxwatch.body WHERE id = ANY($1::bigint[])" },
    part_set = { "part_set",
	    "UPDATE mxwatch.part p SET env = u.env FROM "
	    "unnest($1::bigint[], $2::bytea[]) u(id, env) "
	    "WHERE p.id = u.id RETURNING p.id" },
    part_drop = { "part_drop",
	    "DELETE FROM mxwatch.part WHERE id = ANY($1::bigint[]) "
	    "RETURNING id" },
    body_drop = { "body_drop",
	    "DELETE FROM mxwatch.body b WHERE b.id = ANY($1::bigint[]) "
	    "AND NOT EXISTS (SELECT FROM mxwatch.part p "
	    "WHERE p.id BETWEEN b.id AND b.id + 255)" },
    /* a removed state stays for a while as a row without value: other nodes
     * have to see that (schema_tidy) */
    state_put = { "state_put",
	    "INSERT INTO mxwatch.state (node, batch, key, value) "
	    "SELECT $1, $2, * FROM unnest($3::bytea[], $4::bytea[]) "
	    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
	    "node = excluded.node, batch = excluded.batch, "
	    "written = now()" },
    /* private to a node: its changes are not followed */
    own_put = { "own_put",
	    "INSERT INTO mxwatch.own (node, key, value) "
	    "SELECT $1, * FROM unnest($2::bytea[], $3::bytea[]) "
	    "ON CONFLICT (node, key) DO UPDATE SET value = excluded.value" };

enum { BODY_ID, BODY_AT, BODY_DATA };

static bool
is_kind(const struct store_req *r, int kind)
{
	return r->rc == 0 && r->mail.kind == kind;
}

static unsigned
count(const struct engine_writer *w, int kind)
{
	unsigned i, n = 0;

	for (i = 0; i < w->n; i++)
		n += is_kind(w->group[i], kind);
	return n;
}

/* ---- new mail */

static void
add_record(struct engine_writer *w, struct pg_args *a, const struct envelope *e)
{
	buf_clear(&w->record);
	MX_ASSERT(envelope_encode(e, &w->record) == 0);
	pg_array_bytes(a, w->record.data, w->record.len);
}

static void
add_parts(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &part_put);
	enum { ID, DOMAIN, ENV } column;
	const struct envelope *e;
	unsigned i, k;

	for (column = ID; column <= ENV; column++) {
		pg_array(a,
		    column == ID	 ? PG_INT8 :
			column == DOMAIN ? PG_TEXT :
					   PG_BYTES);
		for (i = 0; i < w->n; i++)
			for (k = 0; is_kind(w->group[i], STORE_COMMIT) &&
			     k < w->group[i]->nparts;
			     k++) {
				e = w->group[i]->parts[k];
				if (column == ID)
					pg_array_int8(a, (int64_t)e->id);
				else if (column == DOMAIN)
					pg_array_bytes(a, e->domain,
					    strlen(e->domain));
				else
					add_record(w, a, e);
			}
	}
}

/* ---- columns of the selected requests */

void
engine_add_ids(const struct engine_writer *w, struct pg_args *a, uint64_t mask)
{
	unsigned i;

	pg_array(a, PG_INT8);
	for (i = 0; i < w->npicked; i++)
		pg_array_int8(a, (int64_t)(w->picked[i]->id & mask));
}

static void
add_data(const struct engine_writer *w, struct pg_args *a)
{
	unsigned i;

	pg_array(a, PG_BYTES);
	for (i = 0; i < w->npicked; i++)
		pg_array_bytes(a, w->picked[i]->data, w->picked[i]->len);
}

static void
add_keys(const struct engine_writer *w, struct pg_args *a)
{
	unsigned i;

	pg_array(a, PG_BYTES);
	for (i = 0; i < w->npicked; i++)
		pg_array_bytes(a, w->picked[i]->key, strlen(w->picked[i]->key));
}

/* It has the content of a small message, or a piece of a large one. */
static bool
has_body(const struct store_req *r)
{
	return is_kind(r, STORE_CHUNK_WRITE) ||
	    (is_kind(r, STORE_COMMIT) && !r->large);
}

/* A row for each piece; an empty row for empty content. */
static void
add_column(const struct engine_writer *w, struct pg_args *a, int column)
{
	const struct store_req *r;
	size_t at, n;
	unsigned i;

	pg_array(a, column == BODY_DATA ? PG_BYTES : PG_INT8);
	for (i = 0; i < w->n; i++) {
		if (!has_body(r = w->group[i]))
			continue;
		at = 0;
		do {
			n = r->len - at;
			if (n > SCHEMA_PIECE)
				n = SCHEMA_PIECE;
			if (column == BODY_ID)
				pg_array_int8(a, (int64_t)r->id);
			else if (column == BODY_AT)
				pg_array_int8(a, (int64_t)(r->at + at));
			else
				pg_array_bytes(a, r->data + at, n);
		} while ((at += n) < r->len);
	}
}

/* Returns the number of statements. */
static unsigned
add_bodies(struct engine_writer *w)
{
	struct pg_args *a;
	unsigned i, n = 0;

	for (i = 0; i < w->n && !has_body(w->group[i]); i++)
		;
	if (i < w->n) {
		a = pg_add(w->pg, &body_put);
		for (i = BODY_ID; i <= BODY_DATA; i++)
			add_column(w, a, (int)i);
		n++;
	}
	w->npicked = 0;
	for (i = 0; i < w->n; i++)
		if (is_kind(w->group[i], STORE_DISCARD))
			w->picked[w->npicked++] = w->group[i];
	if (w->npicked > 0) {
		engine_add_ids(w, pg_add(w->pg, &body_none), UINT64_MAX);
		n++;
	}
	return n;
}

static void
add_updates(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &part_set);
	struct store_req *r;
	unsigned i;

	for (i = 0; i < w->n; i++)
		if (is_kind(r = w->group[i], STORE_UPDATE))
			idmap_put(&w->ids, r->id, r);
	w->npicked = 0;
	for (i = 0; i < w->n; i++)
		if (is_kind(r = w->group[i], STORE_UPDATE) &&
		    idmap_get(&w->ids, r->id) == r)
			w->picked[w->npicked++] = r;
	for (i = 0; i < w->npicked; i++)
		(void)idmap_take(&w->ids, w->picked[i]->id);
	engine_add_ids(w, a, UINT64_MAX);
	add_data(w, a);
}

static void
add_removals(struct engine_writer *w)
{
	unsigned i;

	w->npicked = 0;
	for (i = 0; i < w->n; i++)
		if (is_kind(w->group[i], STORE_REMOVE))
			w->picked[w->npicked++] = w->group[i];
	engine_add_ids(w, pg_add(w->pg, &part_drop), UINT64_MAX);
	engine_add_ids(w, pg_add(w->pg, &body_drop), ~UINT64_C(255));
}

/* ---- small state */

static bool
is_last_of_key(const struct engine_writer *w, unsigned i)
{
	unsigned j;

	for (j = i + 1; j < w->n; j++)
		if (is_kind(w->group[j], STORE_STATE) &&
		    strcmp(w->group[j]->key, w->group[i]->key) == 0)
			return false;
	return true;
}

static unsigned
pick_states(struct engine_writer *w, bool own)
{
	struct store_req *r;

	w->npicked = 0;
	for (unsigned i = 0; i < w->n; i++)
		if (is_kind(r = w->group[i], STORE_STATE) &&
		    (strchr(r->key, '/') == NULL) == own &&
		    is_last_of_key(w, i))
			w->picked[w->npicked++] = r;
	return w->npicked;
}

/* Returns the number of statements. */
static unsigned
add_states(struct engine_writer *w)
{
	struct pg_args *a;
	unsigned n = 0;

	if (pick_states(w, false) > 0) {
		a = pg_add(w->pg, &state_put);
		engine_group_number(w, a);
		add_keys(w, a);
		add_data(w, a);
		n++;
	}
	if (pick_states(w, true) > 0) {
		a = pg_add(w->pg, &own_put);
		pg_int4(a, w->node.id);
		add_keys(w, a);
		add_data(w, a);
		n++;
	}
	return n;
}

/* Finds changes of missing records: the statement has returned the existing
 * ones. */
static void
find_missing(struct engine_writer *w, unsigned stmt, int kind)
{
	uint64_t there = 0; /* its address marks an existing one */
	struct store_req *r;
	unsigned i;

	for (i = 0; i < pg_rows(w->pg, stmt); i++)
		idmap_put(&w->ids, (uint64_t)pg_get_int8(w->pg, stmt, i, 0),
		    &there);
	for (i = 0; i < w->n; i++)
		if (is_kind(r = w->group[i], kind) &&
		    idmap_get(&w->ids, r->id) == NULL)
			r->rc = -MX_ENOENT;
	for (i = 0; i < w->n; i++)
		(void)idmap_take(&w->ids, w->group[i]->id);
}

void
engine_group_number(const struct engine_writer *w, struct pg_args *a)
{
	pg_int4(a, w->node.id);
	pg_int8(a, w->node.batch + 1);
}

void
engine_group_lock(struct engine_writer *w)
{
	struct pg_args *a = pg_add(w->pg, &batch_lock);

	pg_int4(a, w->node.id);
	pg_int8(a, w->node.epoch);
}

/* Another has our place: this is how batch_lock fails. */
static bool
is_another(const struct engine_writer *w, int rc)
{
	return rc == -MX_EBUSY && strcmp(pg_sqlstate(w->pg), "22012") == 0;
}

int
engine_group_said(struct engine_writer *w, int64_t until, struct mx_errbuf *eb)
{
	int rc = pg_run(w->pg, until, eb);

	if (rc == 0 && pg_warned(w->pg))
		return mx_fail(eb, MX_ENET, "the standby has not confirmed");
	if (is_another(w, rc))
		return mx_fail(eb, MX_EBUSY,
		    "another node has the place of this one");
	return rc;
}

int
engine_group_put(struct engine_writer *w, int64_t until, struct mx_errbuf *eb)
{
	unsigned n = 2, updates = 0, removals = 0, owners, places;
	int rc;

	engine_group_lock(w);
	engine_group_number(w, pg_add(w->pg, &batch_take));
	if (w->require_sync &&
	    (count(w, STORE_COMMIT) > 0 || engine_place_any(w))) {
		(void)pg_add(w->pg, &sync_ask);
		n++;
	}
	places = n;
	n += engine_place_add(w);
	if (count(w, STORE_COMMIT) > 0) {
		add_parts(w);
		n++;
	}
	n += add_bodies(w);
	n += engine_add_arrivals(w);
	if (count(w, STORE_UPDATE) > 0) {
		add_updates(w);
		updates = n++;
	}
	if (count(w, STORE_REMOVE) > 0) {
		add_removals(w);
		removals = n;
		n += 2;
	}
	owners = n + add_states(w);
	engine_add_owners(w);
	rc = engine_group_said(w, until, eb);
	if (rc == -MX_EFULL && strcmp(pg_sqlstate(w->pg), "22003") == 0)
		return mx_fail(eb, MX_EFULL,
		    "the engine has no synchronous standby");
	if (rc < 0)
		return rc;
	w->node.batch++;
	engine_place_found(w, places);
	if (updates > 0)
		find_missing(w, updates, STORE_UPDATE);
	if (removals > 0)
		find_missing(w, removals, STORE_REMOVE);
	engine_take_owners(w, owners, false);
	return 0;
}

int
engine_group_ask(struct engine_writer *w, int64_t until, struct mx_errbuf *eb)
{
	int rc;

	engine_group_lock(w);
	pg_int4(pg_add(w->pg, &batch_ask), w->node.id);
	engine_ask_owners(w);
	if ((rc = engine_group_said(w, until, eb)) < 0)
		return rc;
	rc = pg_get_int8(w->pg, 1, 0, 0) == w->node.batch + 1;
	w->node.batch += rc;
	if (rc == 1)
		engine_take_owners(w, 2, true);
	return rc;
}
