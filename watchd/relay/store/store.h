/* SPDX-License-Identifier: ISC
 * store: durable messages. Envelopes are kept in LMDB, bodies in append-only
 * segment files, which also form the log. Nothing here blocks: one writer
 * thread makes a group of all waiting requests (append to the log, fdatasync)
 * and completions come back on the loop; LMDB follows behind on a thread of its
 * own; a reader thread reads, including what LMDB does not have yet. There is
 * no timer: requests that arrive during a commit form the next group. This
 * header is all that the queue knows of storage: completions are asynchronous
 * and refer to ids, so that another implementation fits behind it.
 *
 * Durability: a completion with rc 0 means that body and envelope survive a
 * power cut. After EIO no new mail is accepted until a restart has checked the
 * spool (STORE_FAILED); without space it is STORE_FULL until there is space
 * again. Changes of stored messages are tried in either state, in another file
 * of the log after one failed; while even that fails, one is tried every second
 * (store_info.unwritable). Loop thread only. */
#ifndef MX_STORE_STORE_H
#define MX_STORE_STORE_H

#include "base/err.h"
#include "net/loop.h"
#include "relay/envelope.h"
#include "status/state.h"

struct store;
struct store_node;
struct store_tx; /* one message being received */

enum store_op { /* for spool_errors_total */
	STORE_OP_OPEN,
	STORE_OP_WRITE,
	STORE_OP_FSYNC,
	STORE_OP_RENAME,
	STORE_OP_READ,
	STORE_OP_UNLINK,
	STORE_OP_MAX,
};

/* A node that shares the store, as last seen. While it is alive its beat
 * changes. */
#define STORE_NODE_MAX 31 /* the greatest node number; the first is 1 */
#define STORE_NAME_MAX 64
struct store_node {
	unsigned id;
	char name[STORE_NAME_MAX];
	int64_t epoch, beat, batch;
	int64_t lease_ms; /* its lease, which may differ from ours */
	bool free; /* its place is free: released, or taken away */
};

struct store_conf {
	const char *dir; /* existing, owned by us, mode 0700; copied */
	uint64_t map_size; /* LMDB address space */
	uint64_t segment_size; /* size from which on the next one is begun */
	uint64_t reserve; /* free bytes below which we are FULL... */
	uint64_t reserve_inodes; /* ...with some hysteresis back to OK */
	unsigned group_max; /* messages of one commit */
	uint64_t waiting_max; /* bytes not yet on the disk; 0: no limit */
	/* How far the database may fall behind the log, in bytes of it (and a
	 * record for each 2048; 0: no limit), and for how long. */
	uint64_t behind_max;
	unsigned behind_ms;
	/* PostgreSQL instead of `dir`: its connection string (libpq), and our
	 * name among its nodes; NULL: none. `instance` identifies this
	 * installation. A node that shows no activity for `lease_ms` loses its
	 * place to a node that wants it; new mail waits for `wait_ms` while the
	 * engine, or its standby, is away. */
	const char *engine, *node, *instance;
	int64_t lease_ms, wait_ms;
	bool require_sync; /* no new mail without a synchronous standby */
	/* With both, mail that the engine does not take goes into `dir`, unless
	 * this is set: */
	bool refuse_away;
};

/* Callbacks, set once by the composition root, called on the loop thread: a
 * change of state; a committed group; a failed system call; and that changes of
 * stored messages (updates, removals) cannot be written any more, or can again:
 * before the first completion with that result. Any may be NULL. */
struct store_events {
	void (*state)(void *arg, enum store_state, const char *why);
	void (*commit)(void *arg, double seconds, unsigned messages);
	void (*error)(void *arg, enum store_op, int err);
	void (*writable)(void *arg, bool);
	/* ---- for a shared store (below) */
	/* Is this node the owner of that domain? If not, new mail is announced
	 * to its owner. NULL: it owns all. */
	bool (*ours)(void *arg, const char *domain);
	/* The nodes, at each look, some times a second. */
	void (*nodes)(void *arg, const struct store_node *, unsigned n);
	/* Changes by other nodes, in the order in which each made them: the new
	 * owner of a domain; mail of one of our domains, or of an unowned one,
	 * that another node took; a changed small state (len 0: removed). A
	 * change may be reported twice, and an owner may be outdated: only
	 * store_take() confirms that a domain is ours. */
	void (*owner)(void *arg, const char *domain, unsigned node);
	void (*arrived)(void *arg, const struct envelope_brief *);
	void (*told)(void *arg, const char *key, const void *, size_t len);
	/* Shared mail may be delivered by this node, or no longer. */
	void (*holds)(void *arg, bool);
	void *arg;
};

/* Exit status when the LMDB database is too damaged to go on (guard.h), and
 * when a spool is refused for damage. */
#define STORE_EXIT_DAMAGED 3

/* An engine that is away is not waited for if this spool belonged to the same
 * node before: our place is then not ours (store_info.fenced) until
 * store_join(), after which shared data is reported as if other nodes had just
 * changed it. Locks the directory (-MX_EBUSY and *eb: "another mxwatchd, pid N,
 * uses ..."), checks format, owner and file system, sweeps orphaned segments.
 * Does not read the messages. 0, or negative, *eb, and NULL in *out;
 * -MX_ECORRUPT: it is damaged, and another try would not help. */
int store_open(struct store **out, struct loop *, const struct store_conf *,
    const struct store_events *, struct mx_errbuf *eb) MX_NODISCARD;
/* Whether store_open() would take that directory, by its owner, mode and file
 * system: 0, or -MX_ESYS and *eb. Changes nothing; any thread. */
int store_check_dir(const char *dir, struct mx_errbuf *eb) MX_NODISCARD;
/* Completes what was handed in (completions are called), lets the database come
 * to the end of the log, joins, unlocks. No
 * transaction may be open any more; not to be called from a completion. */
void store_close(struct store **);

/* ---- receiving. Small bodies stay in memory until the commit; large ones are
 * written to the disk as they arrive. */
struct store_tx *store_tx_begin(struct store *);
uint64_t store_tx_id(const struct store_tx *); /* of part 0 */
/* 0; -MX_EFULL no space; -MX_EIO. tx stays valid: abort it. */
int store_tx_append(struct store_tx *, const void *, size_t) MX_NODISCARD;
/* True while too much of this body, or of all bodies, waits for the disk: stop
 * reading from the peer; `space` is called once when to resume. */
bool store_tx_congested(struct store_tx *, void (*space)(void *arg), void *arg);
void store_tx_abort(struct store_tx **); /* no-op when NULL */

/* Called once with each commit's outcome: 0, -MX_EFULL, -MX_EIO. The callee
 * owns `parts` (envelope_destroy each). `token` is the caller's id of the
 * requester, which may be gone by then. */
typedef void store_commit_cb(void *arg, uint64_t token, int rc,
    struct envelope **parts, unsigned n);
/* Consumes *txp and the envelopes (the array itself is copied). Sets their ids
 * (part = index) and body. */
void store_tx_commit(struct store_tx **txp, struct envelope **parts, unsigned n,
    store_commit_cb *, void *arg, uint64_t token);

/* ---- changing. The envelope is encoded during the call; the completion may be
 * NULL. */
typedef void store_done_cb(void *arg, uint64_t token, int rc);
void store_update(struct store *, const struct envelope *, store_done_cb *,
    void *arg, uint64_t token);
void store_remove(struct store *, uint64_t id, store_done_cb *, void *arg,
    uint64_t token);

/* ---- reading. Requests can be cancelled; then there is no callback. */
struct store_loaded {
	int rc; /* 0, -MX_ENOENT, -MX_ECORRUPT, -MX_EIO */
	struct envelope *env; /* owned by the callee, as is data (free()) */
	char *data; /* the first bytes of the body */
	size_t len; /* body.len, if that is at most body_max */
};
typedef void store_load_cb(void *arg, struct store_loaded *);
/* The CRC is checked here when the whole body fits into body_max; otherwise the
 * caller computes it with store_crc() while it reads. */
uint64_t store_load(struct store *, uint64_t id, size_t body_max,
    store_load_cb *, void *arg);
typedef void store_read_cb(void *arg, int rc, char *data, size_t len);
uint64_t store_read(struct store *, const struct body_ref *, uint64_t offset,
    size_t len, store_read_cb *, void *arg);
/* Envelopes of up to 1000 ids, without bodies; NULL for a removed one. The
 * callee owns them. */
typedef void store_fetch_cb(void *arg, struct envelope **, unsigned n);
uint64_t store_fetch(struct store *, const uint64_t *ids, unsigned n,
    store_fetch_cb *, void *arg);
void store_cancel(struct store *, uint64_t request);
uint32_t store_crc(uint32_t crc, const void *, size_t); /* start with 0 */

/* All records that existed at store_open(), in brief, by ascending id, in
 * batches between other work. A corrupt record is skipped, logged and counted
 * in *damaged. If the database cannot be read completely, rc is -MX_EIO and the
 * store STORE_FAILED. */
void store_scan(struct store *,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg);

/* The ids of the first STORE_DAMAGED_MAX skipped records, ascending; borrowed
 * until the next scan. */
#define STORE_DAMAGED_MAX 1000
const uint64_t *store_damaged(const struct store *, unsigned *n);
/* The arrival time of a message, derived from its id; its record is more exact.
 * Wall ms. */
int64_t store_id_ms(uint64_t id);
uint64_t store_id_now(void); /* the least id possible now */

/* ---- small durable state (holds, extensions): key -> bytes. */
#define STORE_KEY_MAX 500 /* LMDB's keys end at 511 */
void store_state_put(struct store *, const char *key, const void *, size_t len,
    store_done_cb *, void *arg, uint64_t token); /* len 0 removes */
void store_state_each(struct store *, const char *prefix,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg); /* synchronous: for the start */
/* The same for at most `max` states behind the key `after` ("": from the
 * first), ascending, to read in slices; true: there may be more. Changes that
 * are not yet completed are not seen. */
bool store_state_some(struct store *, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg);

/* ---- sharing. With conf.engine several nodes have one store: all see the same
 * messages and the same small state, except keys without a slash, which are
 * private to a node. The mail of each domain belongs to one node, its owner,
 * until that gives it away, or shows no activity for a lease and is fenced.
 * Changes by a fenced node are refused: -MX_ENOENT, because the message belongs
 * to another. */
/* our number; 0: the store is not shared */
unsigned store_node(const struct store *);
/* May this node deliver that message right now? False: another node may be
 * doing it. Always true if the store is not shared. */
bool store_holds(const struct store *, uint64_t id);
/* The owner of each domain; synchronous: for the start. */
void store_owners(struct store *,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg);
/* With the domains for which it succeeded; `rc` as of a change. */
#define STORE_OWN_MAX 1000
typedef void
store_own_cb(void *arg, int rc, const char *const *domains, unsigned n);
/* Gives domains of ours to another node; we forget their mail. */
void store_give(struct store *, const char *const *domains, unsigned n,
    unsigned node, store_own_cb *, void *arg);
/* Takes domains that have no owner, or one whose place is free. */
void store_take(struct store *, const char *const *domains, unsigned n,
    store_own_cb *, void *arg);
/* Takes its place from a node that has not changed for a whole lease, the
 * longer of its and ours: 0, or -MX_ENOENT: it is alive. */
void store_fence(struct store *, const struct store_node *, store_done_cb *,
    void *arg, uint64_t token);
/* As store_scan(), for the present records of those domains (copied); several
 * may be under way. `one` may report messages that are known already. */
void store_scan_domains(struct store *, const char *const *domains, unsigned n,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg);
/* A fenced node takes its place again: 0, or negative as store_open(). The
 * caller has to forget all shared data before, and reads it again afterwards;
 * meanwhile it must not change anything, since what is read would lack it. */
void store_join(struct store *, store_done_cb *, void *arg, uint64_t token);

/* ---- while the engine is away new mail goes into the spool of this node, is
 * private to it and may be delivered from there; it is moved when the engine is
 * back. */
bool store_is_local(const struct store *, uint64_t id);
/* Moves a message that is not being delivered: 0: it is shared, like a new
 * arrival; or negative, and it is unchanged. */
void store_move(struct store *, uint64_t id, store_done_cb *, void *arg,
    uint64_t token);

struct store_info {
	enum store_state state;
	/* of the file system, without the part reserved for root */
	uint64_t size_bytes;
	uint64_t free_bytes, free_inodes, reserve_bytes;
	uint64_t segments, segment_bytes;
	bool unwritable; /* not even a removal can be written */
	uint64_t waiting_bytes; /* of bodies not yet on the disk */
	/* The part of the log that the database does not have yet. */
	uint64_t behind_records, behind_bytes;
	/* Shared store: away since (wall ms; 0: it is there); no synchronous
	 * standby; another node has our place. */
	int64_t away_ms;
	bool alone, fenced;
	/* New mail goes to the engine: the space here is for mail that comes
	 * while it is away. */
	bool elsewhere;
};
void store_info(const struct store *, struct store_info *);
/* Use of waiting_max, in percent. */
unsigned store_pressure(const struct store *);
/* Can a message of this size be accepted now? 0, -MX_EFULL or -MX_EIO. */
int store_accepting(const struct store *, uint64_t size);
void store_reconfigure(struct store *, const struct store_conf *); /* limits */

#endif
