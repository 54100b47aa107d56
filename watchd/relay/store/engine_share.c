/* SPDX-License-Identifier: ISC
 * engine_share: the part of a group that concerns other nodes: mail for domains
 * that others own, and ownership of domains. Runs on the writer's thread within
 * its transaction, so that a fenced node changes nothing. */
#include <string.h>

#include "base/mem.h"
#include "relay/store/engine_int.h"

static const struct pg_stmt
    /* an unowned domain becomes the taker's: notifications go to any domain */
    unit_make = { "unit_make",
	    "INSERT INTO mxwatch.unit (name, owner, node, batch) "
	    "SELECT DISTINCT d, $1::integer, $1::integer, $2::bigint "
	    "FROM unnest($3::text[]) d ORDER BY d ON CONFLICT DO NOTHING" },
    arrival_put = { "arrival_put",
	    "INSERT INTO mxwatch.arrival (node, batch, id, domain) "
	    "SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[])" },
    unit_give = { "unit_give",
	    "UPDATE mxwatch.unit SET owner = $3, node = $1, batch = $2 "
	    "WHERE name = ANY($4::text[]) AND owner = $1 RETURNING name" },
    /* The lock keeps the former holder of that place from taking it again
     * before the commit: afterwards it sees that the domains are lost. */
    unit_take = { "unit_take",
	    "WITH f AS (SELECT id FROM mxwatch.node WHERE free FOR SHARE) "
	    "INSERT INTO mxwatch.unit AS u (name, owner, node, batch) "
	    "SELECT DISTINCT d, $1::integer, $1::integer, $2::bigint "
	    "FROM unnest($3::text[]) d ORDER BY d "
	    "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, "
	    "node = excluded.node, batch = excluded.batch "
	    "WHERE u.owner = $1::integer OR u.owner IN (SELECT id FROM f) "
	    "RETURNING name" },
    /* asks for the outcome after a lost answer */
    unit_taken = { "unit_taken",
	    "SELECT name FROM mxwatch.unit "
	    "WHERE name = ANY($2::text[]) AND owner = $1" },
    unit_given = { "unit_given",
	    "SELECT name FROM mxwatch.unit "
	    "WHERE name = ANY($2::text[]) AND owner <> $1" },
    node_fenced = { "node_fenced",
	    "SELECT id FROM mxwatch.node WHERE id = $1 AND epoch > $2" };

/* ---- mail for others */

static bool
is_for_others(const struct store_req *r)
{
	return r->rc == 0 && r->theirs != NULL &&
	    (r->mail.kind == STORE_COMMIT || r->mail.kind == STORE_PLACE);
}

static unsigned
count_theirs(const struct engine_writer *w)
{
	const struct store_req *r;
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++) {
		r = w->group[i];
		if (!is_for_others(r))
			continue;
		for (unsigned k = 0; k < r->nparts; k++)
			n += r->theirs[k];
	}
	return n;
}

static void
add_theirs(struct engine_writer *w, struct pg_args *a, enum pg_type type)
{
	const struct envelope *e;
	const struct store_req *r;

	pg_array(a, type);
	for (unsigned i = 0; i < w->n; i++) {
		r = w->group[i];
		if (!is_for_others(r))
			continue;
		for (unsigned k = 0; k < r->nparts; k++) {
			if (!r->theirs[k])
				continue;
			e = r->parts[k];
			if (type == PG_INT8)
				pg_array_int8(a, (int64_t)e->id);
			else
				pg_array_bytes(a, e->domain, strlen(e->domain));
		}
	}
}

unsigned
engine_add_arrivals(struct engine_writer *w)
{
	struct pg_args *a;

	if (count_theirs(w) == 0)
		return 0;
	a = pg_add(w->pg, &unit_make);
	engine_group_number(w, a);
	add_theirs(w, a, PG_TEXT);
	a = pg_add(w->pg, &arrival_put);
	engine_group_number(w, a);
	add_theirs(w, a, PG_INT8);
	add_theirs(w, a, PG_TEXT);
	return 2;
}

/* ---- whose a domain is */

static void
add_names(struct pg_args *a, const struct store_req *r)
{
	pg_array(a, PG_TEXT);
	for (unsigned i = 0; i < r->nnames; i++)
		pg_array_bytes(a, r->names[i], strlen(r->names[i]));
}

bool
engine_is_own(const struct store_req *r)
{
	return r->mail.kind == STORE_GIVE || r->mail.kind == STORE_TAKE ||
	    r->mail.kind == STORE_FENCE;
}

void
engine_add_owners(struct engine_writer *w)
{
	struct pg_args *a;
	struct store_req *r;

	for (unsigned i = 0; i < w->n; i++) {
		if (!engine_is_own(r = w->group[i]))
			continue;
		if (r->mail.kind == STORE_FENCE) {
			engine_node_fence(w->pg, &r->node);
			continue;
		}
		a = pg_add(w->pg,
		    r->mail.kind == STORE_GIVE ? &unit_give : &unit_take);
		engine_group_number(w, a);
		if (r->mail.kind == STORE_GIVE)
			pg_int4(a, (int32_t)r->node.id);
		add_names(a, r);
	}
}

/* Only we give or take domains of ours: the present owner shows the outcome. */
void
engine_ask_owners(struct engine_writer *w)
{
	struct pg_args *a;
	struct store_req *r;

	for (unsigned i = 0; i < w->n; i++) {
		if (!engine_is_own(r = w->group[i]))
			continue;
		if (r->mail.kind == STORE_FENCE) {
			a = pg_add(w->pg, &node_fenced);
			pg_int4(a, (int32_t)r->node.id);
			pg_int8(a, r->node.epoch);
			continue;
		}
		a = pg_add(w->pg,
		    r->mail.kind == STORE_GIVE ? &unit_given : &unit_taken);
		pg_int4(a, w->node.id);
		add_names(a, r);
	}
}

/* The domains for which it succeeded. */
static void
take_names(struct engine_writer *w, struct store_req *r, unsigned stmt)
{
	unsigned n = pg_rows(w->pg, stmt);
	char **names = n > 0 ? mem_array(n, sizeof(*names)) : NULL;
	size_t len;

	for (unsigned i = 0; i < n; i++)
		names[i] = mem_strdup(pg_get(w->pg, stmt, i, 0, &len));
	store_names_free(&r->names, r->nnames);
	r->names = names;
	r->nnames = n;
}

void
engine_take_owners(struct engine_writer *w, unsigned stmt, bool asked)
{
	struct store_req *r;

	for (unsigned i = 0; i < w->n; i++) {
		if (!engine_is_own(r = w->group[i]))
			continue;
		/* that is a lock */
		stmt += r->mail.kind == STORE_FENCE && !asked;
		if (r->mail.kind == STORE_FENCE)
			r->rc = pg_rows(w->pg, stmt) > 0 ? 0 : -MX_ENOENT;
		else
			take_names(w, r, stmt);
		stmt++;
	}
}
