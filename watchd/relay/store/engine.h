/* SPDX-License-Identifier: ISC
 * engine: the store's rows in PostgreSQL. It has three users with a connection
 * each: the writer's thread, the reader's, and the loop for small state (at the
 * start, and in slices). Private to backend_engine. */
#ifndef MX_STORE_ENGINE_H
#define MX_STORE_ENGINE_H

#include "engine/pg.h"
#include "relay/store/store_int.h"

#define ENGINE_UP_MS	10000 /* to connect */
#define ENGINE_READ_MS	30000 /* for an answer */
#define ENGINE_RETRY_MS 1000 /* between attempts to reach one that is away */
#define ENGINE_DAYS	3 /* partitions made in advance */
/* SQL: a commit does not wait for a standby now. */
#define ENGINE_ALONE                                                           \
	"(current_setting('synchronous_standby_names') = '' OR "               \
	"current_setting('synchronous_commit') IN ('off', 'local'))"

/* Our row of mxwatch.node. A group is written under the number `batch` of this
 * epoch: mxwatch.stir shows whether a group whose answer was lost was
 * committed; the row refuses a group of a node that was replaced. */
struct engine_node {
	int32_t id;
	int64_t epoch, batch;
};

/* Takes the place of the node `name`: at once when it is free, or when its
 * holder had the same `instance`, which is then dead (we hold the lock of its
 * folder); otherwise when its row has not changed for a lease. -MX_EBUSY:
 * another instance holds it. */
int engine_node_take(struct pg *, const char *name, const char *instance,
    int64_t lease_ms, struct engine_node *, struct mx_errbuf *) MX_NODISCARD;
/* Adds the two statements that take the place away from a node in the state in
 * which it was seen; the second returns a row on success. */
void engine_node_fence(struct pg *, const struct store_node *);
/* Releases our place, so that no other node has to wait for the lease. */
int engine_node_free(struct pg *, const struct engine_node *, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;

struct engine_writer;
/* `node` and `conf` are copied; `seen` is the time of the follower's last look:
 * a node that does not see the others does not hold its place. `away`: we have
 * no place before STORE_JOIN, like a fenced node. NULL: no thread. */
struct engine_writer *engine_writer_start(const char *conninfo,
    const struct engine_node *node, const struct store_conf *conf,
    const _Atomic int64_t *seen, bool away, struct mailbox *out);
/* To be called before the first new mail: `land` takes mail that the engine did
 * not take in time, on the writer's thread, unless conf.refuse_away. */
void engine_writer_land(struct engine_writer *,
    void (*land)(void *arg, struct store_req *), void *arg);
void engine_writer_post(struct engine_writer *, struct mail_list *);
/* Does this node hold its place right now? Any thread. */
bool engine_writer_holds(const struct engine_writer *);
/* Requests no longer wait for an engine that is away. */
void engine_writer_hurry(struct engine_writer *);
/* completes all requests first */
void engine_writer_stop(struct engine_writer **);

struct engine_reader;
struct engine_reader *
engine_reader_start(const char *conninfo, struct mailbox *out);
void engine_reader_post(struct engine_reader *, struct mail_list *);
void engine_reader_hurry(struct engine_reader *); /* as engine_writer_hurry() */
void engine_reader_stop(struct engine_reader **);

struct engine_follower;
/* The last group of each node: `past` has STORE_NODE_MAX + 1 entries, by
 * number. To be called before anything is read whose changes are followed. */
int engine_follower_begin(struct pg *, int64_t *past,
    struct mx_errbuf *) MX_NODISCARD;
/* `all`: nothing was read before, so our own small state is reported once,
 * too. */
struct engine_follower *engine_follower_start(const char *conninfo, int32_t us,
    const int64_t *past, bool all, struct mailbox *out);
const _Atomic int64_t *engine_follower_seen(const struct engine_follower *);
void engine_follower_hurry(struct engine_follower *);
void engine_follower_stop(struct engine_follower **);

struct engine_keeper; /* creates partitions for days, and drops them */
struct engine_keeper *engine_keeper_start(const char *conninfo);
void engine_keeper_hurry(struct engine_keeper *);
/* waits for the step under way */
void engine_keeper_stop(struct engine_keeper **);

/* On the caller's thread; see struct backend_ops. */
bool engine_states(struct pg *, int32_t node, const char *prefix,
    const char *after, unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg);

/* The owner of each domain, on the caller's thread. */
void engine_owners(struct pg *,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg);

/* The store_info of an engine that is there, as far as a node knows it. */
void engine_info(struct store_info *, enum store_state);

#endif
