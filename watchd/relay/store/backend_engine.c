/* SPDX-License-Identifier: ISC
 * backend_engine: PostgreSQL as a backend: takes our place among its nodes, and
 * runs the writer and the reader over its rows. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/schema.h"
#include "relay/store/engine.h"

static const struct pg_stmt last_get = { "last_get",
	"SELECT coalesce(max(id), 0) FROM mxwatch.part" };

struct backend_engine {
	struct backend b;
	/* the loop's connection: for the opening, and small state */
	struct pg *pg;
	struct engine_node node;
	struct engine_writer *writer;
	struct engine_reader *reader;
	struct engine_follower *follower;
	struct engine_keeper *keeper;
	/* groups of the other nodes at the opening */
	int64_t past[STORE_NODE_MAX + 1];
};

static struct backend_engine *
engine_of(struct backend *b)
{
	return (struct backend_engine *)b;
}

void
engine_info(struct store_info *info, enum store_state state)
{
	*info = (struct store_info){ .state = state,
		.size_bytes = UINT64_MAX / 4,
		.free_bytes = UINT64_MAX / 4 };
}

static void
change(struct backend *b, struct mail_list *list)
{
	engine_writer_post(engine_of(b)->writer, list);
}

static void
get(struct backend *b, struct mail_list *list)
{
	engine_reader_post(engine_of(b)->reader, list);
}

static bool
states(struct backend *b, const char *prefix, const char *after, unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	return engine_states(engine_of(b)->pg, engine_of(b)->node.id, prefix,
	    after, max, one, arg);
}

static void
owners(struct backend *b,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg)
{
	engine_owners(engine_of(b)->pg, one, arg);
}

static void
behind(struct backend *b, struct store_info *info)
{
	(void)b;
	info->behind_records = info->behind_bytes = 0;
}

static bool
holds(const struct backend *b)
{
	const struct backend_engine *e = (const struct backend_engine *)b;

	/* also called after the writer has ended */
	return e->writer != NULL && engine_writer_holds(e->writer);
}

static void
hurry(struct backend *b)
{
	engine_writer_hurry(engine_of(b)->writer);
	engine_reader_hurry(engine_of(b)->reader);
}

static void
stop(struct backend *b)
{
	struct backend_engine *e = engine_of(b);

	/* all at once: one by one each would wait for a server that hangs */
	if (e->follower != NULL)
		engine_follower_hurry(e->follower);
	if (e->keeper != NULL)
		engine_keeper_hurry(e->keeper);
	engine_writer_stop(&e->writer); /* it reads the follower's time */
	engine_follower_stop(&e->follower);
	engine_reader_stop(&e->reader);
	engine_keeper_stop(&e->keeper);
}

static void
end(struct backend *b)
{
	pg_destroy(&engine_of(b)->pg);
	free(b);
}

static const struct backend_ops engine_ops = {
	.change = change,
	.read = get,
	.states = states,
	.owners = owners,
	.behind = behind,
	.holds = holds,
	.hurry = hurry,
	.stop = stop,
	.close = end,
};

static int
open_rows(struct backend_engine *e, const struct store_conf *conf,
    struct mx_errbuf *eb)
{
	int64_t until = clock_now() + ENGINE_UP_MS * CLOCK_MS;
	int rc;

	if ((rc = pg_up(e->pg, until, eb)) < 0 ||
	    (rc = schema_check(e->pg, until, eb)) < 0 ||
	    (rc = schema_days(e->pg, store_id_now(), ENGINE_DAYS, until, eb)) <
		0)
		return rc;
	rc = engine_node_take(e->pg, conf->node, conf->instance, conf->lease_ms,
	    &e->node, eb);
	if (rc < 0)
		return rc;
	e->b.node = (unsigned)e->node.id;
	if (e->b.node > STORE_NODE_MAX)
		return mx_fail(eb, MX_EFULL,
		    "the cluster has more than %d nodes", STORE_NODE_MAX);
	rc = engine_follower_begin(e->pg, e->past, eb);
	if (rc < 0)
		return rc;
	(void)pg_add(e->pg, &last_get);
	rc = pg_run(e->pg, clock_now() + ENGINE_UP_MS * CLOCK_MS, eb);
	if (rc < 0)
		return rc;
	e->b.last_id = (uint64_t)pg_get_int8(e->pg, 0, 0, 0);
	return 0;
}

void
backend_engine_land(struct backend *b,
    void (*land)(void *arg, struct store_req *), void *arg)
{
	engine_writer_land(engine_of(b)->writer, land, arg);
}

/* Starts the threads, which connect by themselves. `away`: we have no place
 * yet. */
static int
start(struct backend_engine *e, const struct store_conf *conf, bool away,
    struct mailbox *out_box, struct mx_errbuf *eb)
{
	e->reader = engine_reader_start(conf->engine, out_box);
	e->follower = engine_follower_start(conf->engine, e->node.id, e->past,
	    away, out_box);
	if (e->follower != NULL)
		e->writer = engine_writer_start(conf->engine, &e->node, conf,
		    engine_follower_seen(e->follower), away, out_box);
	e->keeper = engine_keeper_start(conf->engine);
	if (e->reader == NULL || e->writer == NULL || e->keeper == NULL)
		return mx_fail(eb, MX_ESYS, "no thread for the engine");
	return 0;
}

static struct backend_engine *
engine_create(const struct store_conf *conf, enum store_state state)
{
	struct backend_engine *e = mem_alloc(sizeof(*e));

	e->b.ops = &engine_ops;
	engine_info(&e->b.info, state);
	e->pg = pg_create(conf->engine, "mxwatchd");
	return e;
}

static int
opened(struct backend **out, struct backend_engine *e, int rc)
{
	if (rc < 0) {
		stop(&e->b);
		end(&e->b);
		return rc;
	}
	*out = &e->b;
	return 0;
}

int
backend_engine_open(struct backend **out, const struct store_conf *conf,
    struct mailbox *out_box, struct mx_errbuf *eb)
{
	struct backend_engine *e = engine_create(conf, STORE_OK);
	int rc;

	*out = NULL;
	if ((rc = open_rows(e, conf, eb)) == 0)
		rc = start(e, conf, false, out_box, eb);
	return opened(out, e, rc);
}

int
backend_engine_open_away(struct backend **out, const struct store_conf *conf,
    unsigned node, struct mailbox *out_box, struct mx_errbuf *eb)
{
	struct backend_engine *e = engine_create(conf, STORE_FULL);

	*out = NULL;
	e->b.node = node;
	e->node.id = (int32_t)node;
	e->b.info.away_ms = clock_wall_ms();
	e->b.info.fenced = true;
	return opened(out, e, start(e, conf, true, out_box, eb));
}
