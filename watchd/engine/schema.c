/* SPDX-License-Identifier: ISC
 * schema: see schema.h. Plain SQL of PostgreSQL 13; each statement is
 * idempotent. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/schema.h"

#define DAYS_MAX 512
#define WHOLE	 "toast_tuple_target = 8160" /* keeps SCHEMA_PIECE in its row */
#define DAY_IDS                                                                \
	((uint64_t)86400000 << 20) /* of ids (relay/store, store_next_id) */

static const struct pg_stmt tables[] = {
	{ "init_schema", "CREATE SCHEMA IF NOT EXISTS mxwatch" },
	{ "init_meta",
	    "CREATE TABLE IF NOT EXISTS mxwatch.meta ("
	    "one boolean PRIMARY KEY DEFAULT true CHECK (one), "
	    "version integer NOT NULL)" },
	{ "init_node",
	    "CREATE TABLE IF NOT EXISTS mxwatch.node ("
	    "id integer PRIMARY KEY, name text NOT NULL UNIQUE, "
	    "instance text NOT NULL, free boolean NOT NULL, "
	    "epoch bigint NOT NULL, beat bigint NOT NULL, "
	    "batch bigint NOT NULL)" },
	{ "init_part",
	    "CREATE TABLE IF NOT EXISTS mxwatch.part ("
	    "id bigint PRIMARY KEY, domain text NOT NULL, "
	    "env bytea NOT NULL)" },
	{ "init_part_domain",
	    "CREATE INDEX IF NOT EXISTS part_domain "
	    "ON mxwatch.part (domain, id)" },
	{ "init_body",
	    "CREATE TABLE IF NOT EXISTS mxwatch.body ("
	    "id bigint NOT NULL, at bigint NOT NULL, data bytea NOT NULL, "
	    "PRIMARY KEY (id, at)) PARTITION BY RANGE (id)" },
	{ "init_body_rest",
	    "CREATE TABLE IF NOT EXISTS mxwatch.body_rest "
	    "PARTITION OF mxwatch.body DEFAULT" },
	/* mail does not compress well enough to be worth it */
	{ "init_external",
	    "ALTER TABLE mxwatch.body ALTER data SET STORAGE EXTERNAL" },
	{ "init_state",
	    "CREATE TABLE IF NOT EXISTS mxwatch.state ("
	    "key bytea PRIMARY KEY, value bytea NOT NULL)" },
};

/* The additions of each version; existing objects are skipped, so each may be
 * repeated. Additions only: daemons of the previous version can go on. */
static const struct pg_stmt version_2[] = {
	{ "v2_unit",
	    "CREATE TABLE IF NOT EXISTS mxwatch.unit ("
	    "name text PRIMARY KEY, owner integer NOT NULL, "
	    "node integer NOT NULL, batch bigint NOT NULL)" },
	{ "v2_unit_batch",
	    "CREATE INDEX IF NOT EXISTS unit_batch "
	    "ON mxwatch.unit (node, batch)" },
	{ "v2_arrival",
	    "CREATE TABLE IF NOT EXISTS mxwatch.arrival ("
	    "node integer NOT NULL, batch bigint NOT NULL, "
	    "id bigint NOT NULL, domain text NOT NULL, "
	    "written timestamptz NOT NULL DEFAULT now(), "
	    "PRIMARY KEY (node, batch, id))" },
	{ "v2_node",
	    "ALTER TABLE mxwatch.node "
	    "ADD COLUMN IF NOT EXISTS lease bigint NOT NULL DEFAULT 0" },
	{ "v2_stir",
	    "CREATE TABLE IF NOT EXISTS mxwatch.stir ("
	    "node integer NOT NULL, beat bigint NOT NULL, "
	    "batch bigint NOT NULL, PRIMARY KEY (node, beat))" },
	{ "v2_moved",
	    "CREATE TABLE IF NOT EXISTS mxwatch.moved ("
	    "id bigint PRIMARY KEY, node integer NOT NULL)" },
	{ "v2_state",
	    "ALTER TABLE mxwatch.state "
	    "ADD COLUMN IF NOT EXISTS node integer NOT NULL DEFAULT 0, "
	    "ADD COLUMN IF NOT EXISTS batch bigint NOT NULL DEFAULT 0, "
	    "ADD COLUMN IF NOT EXISTS written timestamptz NOT NULL "
	    "DEFAULT now()" },
	{ "v2_state_batch",
	    "CREATE INDEX IF NOT EXISTS state_batch "
	    "ON mxwatch.state (node, batch)" },
	{ "v2_own",
	    "CREATE TABLE IF NOT EXISTS mxwatch.own ("
	    "node integer NOT NULL, key bytea NOT NULL, "
	    "value bytea NOT NULL, PRIMARY KEY (node, key))" },
	/* attempts are updated in the page of the message; and removals are
	 * vacuumed in bulk */
	{ "v2_part_room",
	    "ALTER TABLE mxwatch.part SET (fillfactor = 85, "
	    "autovacuum_vacuum_scale_factor = 0.02)" },
	{ "v2_body_rest", "ALTER TABLE mxwatch.body_rest SET (" WHOLE ")" },
	{ "v2_arrival_room",
	    "ALTER TABLE mxwatch.arrival SET ("
	    "autovacuum_vacuum_scale_factor = 0.02)" },
	/* of version 1, whose keys were those of its only node */
	{ "v2_own_move",
	    "INSERT INTO mxwatch.own SELECT n.id, s.key, s.value "
	    "FROM mxwatch.state s, (SELECT min(id) AS id FROM mxwatch.node "
	    "HAVING count(*) = 1) n WHERE position('/'::bytea IN s.key) = 0 "
	    "ON CONFLICT DO NOTHING" },
};

static const struct {
	const struct pg_stmt *stmt;
	unsigned n;
} versions[SCHEMA_VERSION + 1] = {
	[1] = { tables, MX_COUNT(tables) },
	[2] = { version_2, MX_COUNT(version_2) },
};

static const struct pg_stmt
    version_put = { "version_put",
	    "INSERT INTO mxwatch.meta (version) VALUES ($1) "
	    "ON CONFLICT DO NOTHING" },
    version_set = { "version_set",
	    "UPDATE mxwatch.meta SET version = $1 WHERE version < $1" },
    version_get = { "version_get", "SELECT version FROM mxwatch.meta" };

/* One after the other: each is prepared against the objects that exist. */
static int
version_make(struct pg *p, unsigned version, int64_t until,
    struct mx_errbuf *eb)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < versions[version].n && rc == 0; i++) {
		(void)pg_add(p, &versions[version].stmt[i]);
		rc = pg_run(p, until, eb);
	}
	return rc;
}

/* -MX_ENOENT: no tables. */
static int
version_of(struct pg *p, int *version, int64_t until, struct mx_errbuf *eb)
{
	int rc;

	(void)pg_add(p, &version_get);
	rc = pg_run(p, until, eb);
	if (rc == -MX_ENOENT || (rc == 0 && pg_rows(p, 0) == 0))
		return mx_fail(eb, MX_ENOENT,
		    "the engine has no tables of mxwatch; run mxwatchctl "
		    "cluster init");
	if (rc == 0)
		*version = (int)pg_get_int8(p, 0, 0, 0);
	return rc;
}

int
schema_init(struct pg *p, int *version, int64_t until, struct mx_errbuf *eb)
{
	unsigned i;
	int rc;

	rc = version_of(p, version, until, eb);
	if (rc != -MX_ENOENT)
		return rc;
	for (i = 1, rc = 0; i <= SCHEMA_VERSION && rc == 0; i++)
		rc = version_make(p, i, until, eb);
	if (rc < 0)
		return rc;
	pg_int4(pg_add(p, &version_put), SCHEMA_VERSION);
	if ((rc = pg_run(p, until, eb)) < 0)
		return rc;
	return version_of(p, version, until, eb);
}

int
schema_upgrade(struct pg *p, int *from, int64_t until, struct mx_errbuf *eb)
{
	int rc, i;

	if ((rc = version_of(p, from, until, eb)) < 0)
		return rc;
	if (*from > SCHEMA_VERSION)
		return mx_fail(eb, MX_EEXIST,
		    "the tables in the engine have version %d, and %d is the "
		    "newest known here; upgrade this program",
		    *from, SCHEMA_VERSION);
	for (i = *from + 1; i <= SCHEMA_VERSION && rc == 0; i++)
		rc = version_make(p, (unsigned)i, until, eb);
	if (rc < 0)
		return rc;
	pg_int4(pg_add(p, &version_set), SCHEMA_VERSION);
	return pg_run(p, until, eb);
}

int
schema_check(struct pg *p, int64_t until, struct mx_errbuf *eb)
{
	int version, rc;

	if ((rc = version_of(p, &version, until, eb)) < 0)
		return rc;
	if (version < SCHEMA_VERSION)
		return mx_fail(eb, MX_ENOENT,
		    "the tables in the engine have version %d, this program "
		    "needs %d; run mxwatchctl cluster upgrade",
		    version, SCHEMA_VERSION);
	if (version > SCHEMA_VERSION)
		return mx_fail(eb, MX_ENOENT,
		    "the tables in the engine have version %d, this daemon "
		    "needs %d; upgrade it",
		    version, SCHEMA_VERSION);
	return 0;
}

/* ---- partitions for coming days */

static const struct pg_stmt day_there = { "day_there",
	"SELECT to_regclass($1) IS NOT NULL" };

/* Rows that came before the partition existed are in the default one, and have
 * to be moved out of it first. One transaction. */
static int
day_make(struct pg *p, uint64_t day, int64_t until, struct mx_errbuf *eb)
{
	uint64_t from = day * DAY_IDS, to = from + DAY_IDS;
	char sql[3][256];
	struct pg_stmt s[3];
	unsigned i;

	(void)snprintf(sql[0], sizeof(sql[0]),
	    "CREATE TABLE mxwatch.body_%" PRIu64
	    " (LIKE mxwatch.body INCLUDING ALL) WITH (" WHOLE ")",
	    day);
	(void)snprintf(sql[1], sizeof(sql[1]),
	    "WITH m AS (DELETE FROM mxwatch.body_rest WHERE id >= %" PRIu64
	    " AND id < %" PRIu64 " RETURNING *) "
	    "INSERT INTO mxwatch.body_%" PRIu64 " SELECT * FROM m",
	    from, to, day);
	(void)snprintf(sql[2], sizeof(sql[2]),
	    "ALTER TABLE mxwatch.body ATTACH PARTITION mxwatch.body_%" PRIu64
	    " FOR VALUES FROM (%" PRIu64 ") TO (%" PRIu64 ")",
	    day, from, to);
	for (i = 0; i < MX_COUNT(sql); i++) {
		s[i] = (struct pg_stmt){ "", sql[i] };
		(void)pg_add(p, &s[i]);
	}
	return pg_run(p, until, eb);
}

/* 1: it exists. */
static int
day_look(struct pg *p, uint64_t day, int64_t until, struct mx_errbuf *eb)
{
	char name[64];
	int rc;

	(void)snprintf(name, sizeof(name), "mxwatch.body_%" PRIu64, day);
	pg_text(pg_add(p, &day_there), name);
	rc = pg_run(p, until, eb);
	return rc == 0 ? pg_get_int8(p, 0, 0, 0) != 0 : rc;
}

/* Another node may do the same at this moment: then this fails in one of
 * several ways, and the partition exists. */
static int
day_need(struct pg *p, uint64_t day, int64_t until, struct mx_errbuf *eb)
{
	struct mx_errbuf other;
	int rc = day_look(p, day, until, eb);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = day_make(p, day, until, eb);
	if (rc < 0 && rc != -MX_ENET && day_look(p, day, until, &other) == 1)
		rc = 0;
	return rc;
}

int
schema_days(struct pg *p, uint64_t first_id, unsigned days, int64_t until,
    struct mx_errbuf *eb)
{
	uint64_t day = first_id / DAY_IDS;
	int rc = 0;

	for (unsigned i = 0; i < days && rc == 0; i++)
		rc = day_need(p, day + i, until, eb);
	return rc;
}

/* ---- partitions of past days */

static const struct pg_stmt days_get = { "days_get",
	"SELECT substr(c.relname, 6)::bigint FROM pg_inherits i "
	"JOIN pg_class c ON c.oid = i.inhrelid "
	"WHERE i.inhparent = 'mxwatch.body'::regclass "
	"AND c.relname ~ '^body_[0-9]+$' ORDER BY 1 LIMIT $1" };

static const struct pg_stmt lock_limit = { "lock_limit",
	"SELECT set_config('lock_timeout', '1000', true)" };

/* Deletes content without parts. A node that adds a part to existing content
 * (relay/store, engine_place.c) writes into the table of that day as well:
 * either before we have locked it, and then we see the part; or after us, and
 * then it writes the content, too. */
static int
orphans_drop(struct pg *p, uint64_t day, int64_t until, struct mx_errbuf *eb)
{
	static const struct {
		const char *before, *after;
	} forms[] = {
		{ "SELECT EXISTS (SELECT FROM mxwatch.body_",
		    " b WHERE NOT EXISTS (SELECT FROM mxwatch.part p "
		    "WHERE p.id BETWEEN b.id AND b.id + 255))" },
		{ "DO $$BEGIN LOCK TABLE mxwatch.body_",
		    " IN SHARE ROW EXCLUSIVE MODE; END$$" },
		{ "DELETE FROM mxwatch.body_",
		    " b WHERE NOT EXISTS (SELECT FROM mxwatch.part p "
		    "WHERE p.id BETWEEN b.id AND b.id + 255)" },
	};
	char sql[MX_COUNT(forms)][256];
	struct pg_stmt s[MX_COUNT(forms)];
	unsigned i;
	int rc;

	for (i = 0; i < MX_COUNT(forms); i++) {
		(void)snprintf(sql[i], sizeof(sql[i]), "%s%" PRIu64 "%s",
		    forms[i].before, day, forms[i].after);
		s[i] = (struct pg_stmt){ "", sql[i] };
	}
	(void)pg_add(p, &s[0]);
	rc = pg_run(p, until, eb);
	if (rc < 0 || pg_get_int8(p, 0, 0, 0) == 0)
		return rc;
	(void)pg_add(p, &lock_limit);
	(void)pg_add(p, &s[1]);
	(void)pg_add(p, &s[2]);
	return pg_run(p, until, eb);
}

/* Two transactions: content without parts; then the day itself, which is
 * detached first, so that nothing is inserted in between: if it is not empty,
 * it is attached again. */
static int
day_sweep(struct pg *p, uint64_t day, int64_t until, struct mx_errbuf *eb)
{
	static const struct {
		const char *before, *after;
	} forms[] = {
		{ "ALTER TABLE mxwatch.body DETACH PARTITION mxwatch.body_",
		    "" },
		{ "SELECT 1 / (NOT EXISTS (SELECT FROM mxwatch.body_",
		    "))::integer" },
		{ "DROP TABLE mxwatch.body_", "" },
	};
	char sql[MX_COUNT(forms)][256];
	struct pg_stmt s[MX_COUNT(forms)];
	unsigned i;
	int rc = orphans_drop(p, day, until, eb);

	if (rc < 0)
		return rc;
	(void)pg_add(p, &lock_limit);
	for (i = 0; i < MX_COUNT(forms); i++) {
		(void)snprintf(sql[i], sizeof(sql[i]), "%s%" PRIu64 "%s",
		    forms[i].before, day, forms[i].after);
		s[i] = (struct pg_stmt){ "", sql[i] };
		(void)pg_add(p, &s[i]);
	}
	return pg_run(p, until, eb);
}

int
schema_sweep(struct pg *p, uint64_t first_id, unsigned *dropped, int64_t until,
    struct mx_errbuf *eb)
{
	uint64_t days[DAYS_MAX], today = first_id / DAY_IDS;
	unsigned i, n = 0;
	int rc;

	*dropped = 0;
	pg_int8(pg_add(p, &days_get), DAYS_MAX);
	if ((rc = pg_run(p, until, eb)) < 0)
		return rc;
	for (i = 0; i < pg_rows(p, 0); i++)
		days[n++] = (uint64_t)pg_get_int8(p, 0, i, 0);
	for (i = 0; i < n && days[i] < today; i++) {
		rc = day_sweep(p, days[i], until, eb);
		*dropped += rc == 0;
		/* not empty; or in use, or another node was faster */
		if (rc < 0 && rc != -MX_EBUSY && rc != -MX_ECANCELED &&
		    rc != -MX_ENOENT)
			return rc;
	}
	return 0;
}

static const struct pg_stmt
    arrivals_old = { "arrivals_old",
	    "DELETE FROM mxwatch.arrival "
	    "WHERE written < now() - interval '1 hour'" },
    /* all but a few of the last of each node */
    stirs_old = { "stirs_old",
	    "DELETE FROM mxwatch.stir s USING mxwatch.node n "
	    "WHERE s.node = n.id AND s.beat < (SELECT max(beat) - 100 "
	    "FROM mxwatch.stir l WHERE l.node = n.id)" },
    states_old = { "states_old",
	    "DELETE FROM mxwatch.state WHERE value = '' "
	    "AND written < now() - interval '1 day'" };

int
schema_tidy(struct pg *p, int64_t until, struct mx_errbuf *eb)
{
	(void)pg_add(p, &arrivals_old);
	(void)pg_add(p, &stirs_old);
	(void)pg_add(p, &states_old);
	return pg_run(p, until, eb);
}
