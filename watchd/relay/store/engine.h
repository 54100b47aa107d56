/* SPDX-License-Identifier: ISC
 * engine: the store's rows in PostgreSQL. Each of the three who use it has a
 * connection of its own: the writer's thread, the reader's, and the loop for
 * small state (at the start, and in slices). Private to backend_engine. */
#ifndef MX_STORE_ENGINE_H
#define MX_STORE_ENGINE_H

#include "engine/pg.h"
#include "relay/store/store_int.h"

#define ENGINE_UP_MS	10000 /* to be connected */
#define ENGINE_READ_MS	30000 /* for an answer */
#define ENGINE_RETRY_MS 1000 /* one that is away */
#define ENGINE_DAYS	3 /* partitions that are there ahead */
/* In SQL: what is committed now waits for no standby. */
#define ENGINE_ALONE                                                           \
	"(current_setting('synchronous_standby_names') = '' OR "               \
	"current_setting('synchronous_commit') IN ('off', 'local'))"

/* Our row of mxwatch.node. A group is written under the number `batch` of this
 * epoch: mxwatch.stir tells whether a group whose answer was lost is there, the
 * row refuses one of a node that another has replaced. */
struct engine_node {
	int32_t id;
	int64_t epoch, batch;
};

/* Becomes the node `name`: at once when nobody is, or when who was had the same
 * `instance`, which is dead then (the lock of its folder); otherwise when its
 * row has stood still for a lease. -MX_EBUSY: it is somebody else's. */
int engine_node_take(struct pg *, const char *name, const char *instance,
    int64_t lease_ms, struct engine_node *, struct mx_errbuf *) MX_NODISCARD;
/* Adds the two statements that take its place from a node, as it was seen; the
 * second has a row if it did. */
void engine_node_fence(struct pg *, const struct store_node *);
/* Nobody has to wait for us. */
int engine_node_free(struct pg *, const struct engine_node *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;

struct engine_writer;
/* `node` and `conf` are copied; `seen` is when what others do was seen last: one
 * who does not see them does not hold his place. `away`: we have none before
 * STORE_JOIN, as one who was fenced. NULL: no thread. */
struct engine_writer *engine_writer_start(const char *conninfo,
    const struct engine_node *node, const struct store_conf *conf,
    const _Atomic int64_t *seen, bool away, struct mailbox *out);
/* Before the first of it: `land` takes mail that the engine did not take in time,
 * on the writer's thread, unless conf.refuse_away. */
void engine_writer_land(struct engine_writer *,
    void (*land)(void *arg, struct store_req *), void *arg);
void engine_writer_post(struct engine_writer *, struct mail_list *);
/* Is this node what it thinks it is, right now? Any thread. */
bool engine_writer_holds(const struct engine_writer *);
/* What waits for an engine that is away is not waited for any more. */
void engine_writer_hurry(struct engine_writer *);
void engine_writer_stop(struct engine_writer **); /* does all first */

struct engine_reader;
struct engine_reader *
engine_reader_start(const char *conninfo, struct mailbox *out);
void engine_reader_post(struct engine_reader *, struct mail_list *);
void engine_reader_hurry(struct engine_reader *); /* as of the writer */
void engine_reader_stop(struct engine_reader **);

struct engine_follower;
/* Which group of each node was the last: `past` has STORE_NODE_MAX + 1 of them, by
 * number. Before anything is read of what is to be followed. */
int engine_follower_begin(struct pg *, int64_t *past,
    struct mx_errbuf *) MX_NODISCARD;
/* `all`: nothing was read before; small state that is ours is told of, too, once. */
struct engine_follower *engine_follower_start(const char *conninfo, int32_t us,
    const int64_t *past, bool all, struct mailbox *out);
const _Atomic int64_t *engine_follower_seen(const struct engine_follower *);
void engine_follower_hurry(struct engine_follower *);
void engine_follower_stop(struct engine_follower **);

struct engine_keeper; /* makes days, and drops them */
struct engine_keeper *engine_keeper_start(const char *conninfo);
void engine_keeper_hurry(struct engine_keeper *);
void engine_keeper_stop(struct engine_keeper **); /* waits for what it is at */

/* On the caller's thread; see struct backend_ops. */
bool engine_states(struct pg *, int32_t node, const char *prefix,
    const char *after, unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg);

/* Whose domains are, on the caller's thread. */
void engine_owners(struct pg *,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg);

/* What a store says of an engine that is there, as far as a node can tell. */
void engine_info(struct store_info *, enum store_state);

#endif
