/* SPDX-License-Identifier: ISC
 * engine_node: our row of mxwatch.node, by which one mxwatchd at a time is the
 * node of that name, and its last group in mxwatch.stir. No clock of another
 * machine is used: a node that wants the place observes that the row does not
 * change for a whole lease, by its own clock, and takes it only in that state;
 * the holder trusts its place for a lease less a margin, counted from when it
 * sent what was committed last. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/store/engine.h"

#define LOOKS 8 /* per lease */
#define TRIES 5

#define LAST                                                                   \
	"LEFT JOIN LATERAL (SELECT beat, batch FROM mxwatch.stir "             \
	"WHERE node = n.id ORDER BY beat DESC LIMIT 1) s ON true"

static const struct pg_stmt
    make_row = { "node_make",
	    "INSERT INTO mxwatch.node (id, name, instance, free, epoch, beat, "
	    "batch) SELECT coalesce(max(id), 0) + 1, $1, '', true, 0, 0, 0 "
	    "FROM mxwatch.node "
	    "HAVING coalesce(bool_and(name <> $1), true) "
	    "ON CONFLICT DO NOTHING" },
    look = { "node_look",
	    "SELECT n.id, n.epoch, n.beat + coalesce(s.beat, 0), "
	    "n.free OR n.instance = $2, n.lease "
	    "FROM mxwatch.node n " LAST " WHERE n.name = $1" },
    /* first, so that later statements see the node's last group */
    lock = { "node_lock",
	    "SELECT id FROM mxwatch.node WHERE id = $1 FOR UPDATE" },
    take = { "node_take",
	    "UPDATE mxwatch.node u SET epoch = u.epoch + 1, "
	    "beat = u.beat + 1, instance = $4, free = false, lease = $5 "
	    "FROM mxwatch.node n " LAST
	    " WHERE u.id = $1 AND n.id = u.id AND u.epoch = $2 "
	    "AND u.beat + coalesce(s.beat, 0) = $3 "
	    "RETURNING u.epoch, greatest(u.batch, s.batch)" },
    take_stir = { "node_take_stir",
	    "INSERT INTO mxwatch.stir (node, beat, batch) "
	    "SELECT n.id, coalesce(s.beat, 0) + 1, greatest(n.batch, s.batch) "
	    "FROM mxwatch.node n " LAST
	    " WHERE n.id = $1 AND n.epoch = $2 + 1 AND n.instance = $3" },
    fence = { "node_fence",
	    "UPDATE mxwatch.node u SET epoch = u.epoch + 1, "
	    "beat = u.beat + 1, free = true FROM mxwatch.node n " LAST
	    " WHERE u.id = $1 AND n.id = u.id AND u.epoch = $2 "
	    "AND u.beat + coalesce(s.beat, 0) = $3 AND NOT u.free "
	    "RETURNING u.id" },
    give_back = { "node_free",
	    "UPDATE mxwatch.node SET free = true, beat = beat + 1 "
	    "WHERE id = $1 AND epoch = $2" };

struct row {
	int32_t id;
	int64_t epoch, beat;
	bool ours; /* it is free, or its holder was this instance */
	int64_t lease_ms; /* lease of the holder */
};

static int
row_get(struct pg *p, const char *name, const char *instance, struct row *row,
    int64_t until, struct mx_errbuf *eb)
{
	struct pg_args *a = pg_add(p, &look);
	int rc;

	pg_text(a, name);
	pg_text(a, instance);
	if ((rc = pg_run(p, until, eb)) < 0)
		return rc;
	if (pg_rows(p, 0) == 0)
		return mx_fail(eb, MX_EBUSY, "node %s has no number yet", name);
	*row = (struct row){ (int32_t)pg_get_int8(p, 0, 0, 0),
		pg_get_int8(p, 0, 0, 1), pg_get_int8(p, 0, 0, 2),
		pg_get_int8(p, 0, 0, 3) != 0, pg_get_int8(p, 0, 0, 4) };
	return 0;
}

/* Observes that the row does not change for a lease. */
static int
row_watch(struct pg *p, const char *name, const char *instance, struct row *row,
    int64_t lease_ms, struct mx_errbuf *eb)
{
	struct row seen = *row;
	int64_t end;
	int rc;

	lease_ms = row->lease_ms > lease_ms ? row->lease_ms : lease_ms;
	end = clock_now() + lease_ms * CLOCK_MS;
	log_notice("store", "event=node_waits name=%s lease=%llds", log_q(name),
	    (long long)(lease_ms / 1000));
	while (!row->ours && clock_now() < end) {
		(void)poll(NULL, 0, (int)(lease_ms / LOOKS) + 1);
		rc = row_get(p, name, instance, row,
		    clock_now() + ENGINE_UP_MS * CLOCK_MS, eb);
		if (rc < 0)
			return rc;
		if (!row->ours &&
		    (row->epoch != seen.epoch || row->beat != seen.beat))
			return mx_fail(eb, MX_EBUSY,
			    "another mxwatchd is node %s of the cluster; each "
			    "needs its own name",
			    name);
	}
	return 0;
}

/* Takes it in the observed state; -MX_EBUSY: it has changed. */
static int
row_take(struct pg *p, const struct row *row, const char *instance,
    int64_t lease_ms, struct engine_node *node, struct mx_errbuf *eb)
{
	struct pg_args *a;
	int rc;

	pg_int4(pg_add(p, &lock), row->id);
	a = pg_add(p, &take);
	pg_int4(a, row->id);
	pg_int8(a, row->epoch);
	pg_int8(a, row->beat);
	pg_text(a, instance);
	pg_int8(a, lease_ms);
	a = pg_add(p, &take_stir);
	pg_int4(a, row->id);
	pg_int8(a, row->epoch);
	pg_text(a, instance);
	if ((rc = pg_run(p, clock_now() + ENGINE_UP_MS * CLOCK_MS, eb)) < 0)
		return rc;
	if (pg_rows(p, 1) == 0)
		return mx_fail(eb, MX_EBUSY,
		    "another mxwatchd has just become this node of the "
		    "cluster");
	*node = (struct engine_node){ .id = row->id,
		.epoch = pg_get_int8(p, 1, 0, 0),
		.batch = pg_get_int8(p, 1, 0, 1) };
	return 0;
}

int
engine_node_take(struct pg *p, const char *name, const char *instance,
    int64_t lease_ms, struct engine_node *node, struct mx_errbuf *eb)
{
	int64_t until = clock_now() + ENGINE_UP_MS * CLOCK_MS;
	struct row row;
	unsigned tries = 0;
	int rc;

	/* another node may take the next number at the same time; and the last
	 * group of a killed holder may still be under way */
	do {
		pg_text(pg_add(p, &make_row), name);
		if ((rc = pg_run(p, until, eb)) < 0)
			return rc;
		rc = row_get(p, name, instance, &row, until, eb);
		if (rc == -MX_EBUSY)
			continue;
		if (rc == 0 && !row.ours)
			rc = row_watch(p, name, instance, &row, lease_ms, eb);
		if (rc < 0)
			return rc;
		rc = row_take(p, &row, instance, lease_ms, node, eb);
	} while (rc == -MX_EBUSY && ++tries < TRIES);
	return rc;
}

void
engine_node_fence(struct pg *p, const struct store_node *node)
{
	struct pg_args *a;

	pg_int4(pg_add(p, &lock), (int32_t)node->id);
	a = pg_add(p, &fence);
	pg_int4(a, (int32_t)node->id);
	pg_int8(a, node->epoch);
	pg_int8(a, node->beat);
}

int
engine_node_free(struct pg *p, const struct engine_node *node, int64_t until,
    struct mx_errbuf *eb)
{
	struct pg_args *a = pg_add(p, &give_back);

	pg_int4(a, node->id);
	pg_int8(a, node->epoch);
	return pg_run(p, until, eb);
}
