/* SPDX-License-Identifier: ISC
 * store: durable messages. Envelopes live in LMDB, bodies in append-only
 * segment files, which are the log as well. Nothing here blocks: one writer
 * thread makes groups of everything that waits (append to the log, fdatasync)
 * and completions come back on the loop; LMDB follows behind on a thread of its
 * own; a reader thread fetches, and sees what LMDB does not have yet.
 * There is no timer: what arrives during a commit is the next group.
 * This header is all that the queue knows of storage: completions are
 * asynchronous and work by id, so that another implementation fits behind it.
 *
 * Durability: a completion with rc 0 means that body and envelope survive a
 * power cut. After EIO nothing more is accepted until a restart has looked
 * at the spool (STORE_FAILED); without space STORE_FULL until it is back.
 * Changes of what is stored are tried in either state, in another file of the
 * log where one failed; while even they fail, one is tried every second
 * (store_info.unwritable).
 * Loop thread only. */
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

/* One of those who share a store, as it was seen. Who stirs has another beat. */
#define STORE_NODE_MAX 31 /* the greatest number of one; the first is 1 */
#define STORE_NAME_MAX 64
struct store_node {
	unsigned id;
	char name[STORE_NAME_MAX];
	int64_t epoch, beat, batch;
	int64_t lease_ms; /* it trusts itself so long: ours may be another */
	bool free; /* gave its place back, or it was taken */
};

struct store_conf {
	const char *dir; /* exists, ours, mode 0700; copied */
	uint64_t map_size; /* LMDB address space */
	uint64_t segment_size; /* then the next one is begun */
	uint64_t reserve; /* free bytes below which we are FULL... */
	uint64_t reserve_inodes; /* ...with some hysteresis back to OK */
	unsigned group_max; /* messages of one commit */
	uint64_t waiting_max; /* bytes on their way to the disk; 0: any */
	/* How far the database may be behind the log, in bytes of it (and a
	 * record for each 2048; 0: any), and for how long. */
	uint64_t behind_max;
	unsigned behind_ms;
	/* PostgreSQL instead of `dir`: how it is connected to (libpq), and our
	 * name among its nodes; NULL: none. `instance` is this installation:
	 * nobody else has it. A node that does not stir for `lease_ms` has
	 * lost its place to who wants it; new mail waits for `wait_ms` while
	 * the engine is away, or its standby. */
	const char *engine, *node, *instance;
	int64_t lease_ms, wait_ms;
	bool require_sync; /* no new mail without a synchronous standby */
	/* With both, what the engine does not take lands in `dir`, unless: */
	bool refuse_away;
};

/* Callbacks, set once by the composition root, called on the loop thread: a
 * change of state, a group that was committed, a system call that failed; and
 * that changes of what is stored (updates, removals) cannot be written any
 * more, or can again: before the first completion that says so. Any may be
 * NULL. */
struct store_events {
	void (*state)(void *arg, enum store_state, const char *why);
	void (*commit)(void *arg, double seconds, unsigned messages);
	void (*error)(void *arg, enum store_op, int err);
	void (*writable)(void *arg, bool);
	/* ---- of a store that is shared (below) */
	/* Is that domain's mail ours, or is it to be told to its owner? NULL:
	 * all of it is. */
	bool (*ours)(void *arg, const char *domain);
	/* Who there is, at each look, some times a second. */
	void (*nodes)(void *arg, const struct store_node *, unsigned n);
	/* What others did, in the order in which each of them did it: a domain
	 * is that node's now; mail came to another for one of ours, or of
	 * anybody; small state is another (len 0: gone). What we have seen
	 * already may come once more, and an owner may be older than what we
	 * were answered: that a domain is ours store_take() alone says. */
	void (*owner)(void *arg, const char *domain, unsigned node);
	void (*arrived)(void *arg, const struct envelope_brief *);
	void (*told)(void *arg, const char *key, const void *, size_t len);
	/* What is shared may be handed on, or may not any more. */
	void (*holds)(void *arg, bool);
	void *arg;
};

/* The process ends with this when what LMDB keeps is so damaged that it
 * cannot go on (guard.h); for a spool that is refused for damage, too. */
#define STORE_EXIT_DAMAGED 3

/* An engine that is away is not waited for where this spool was its node's before:
 * then our place is not ours yet (store_info.fenced), until store_join(), and
 * what is shared is told of after that as if others had just done it.
 * Locks the directory (-MX_EBUSY and *eb: "another mxwatchd, pid N, uses
 * ..."), checks format, owner and file system, sweeps orphaned segments.
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

/* ---- receiving. Small bodies stay in memory until the commit; large ones
 * go to the disk as they come. */
struct store_tx *store_tx_begin(struct store *);
uint64_t store_tx_id(const struct store_tx *); /* of part 0 */
/* 0; -MX_EFULL no space; -MX_EIO. tx stays valid: abort it. */
int store_tx_append(struct store_tx *, const void *, size_t) MX_NODISCARD;
/* True while too much of this body, or of all, waits for the disk: stop reading
 * the peer; `space` is called once when it is worth going on. */
bool store_tx_congested(struct store_tx *, void (*space)(void *arg), void *arg);
void store_tx_abort(struct store_tx **); /* no-op when NULL */

/* Called once with each commit's outcome: 0, -MX_EFULL, -MX_EIO. `parts` are
 * the callee's now (envelope_destroy each). `token` is the caller's id of
 * what asked: by then it may be gone. */
typedef void store_commit_cb(void *arg, uint64_t token, int rc,
    struct envelope **parts, unsigned n);
/* Consumes *txp and the envelopes (the array itself is copied). Fills in
 * their ids (part = index) and body. */
void store_tx_commit(struct store_tx **txp, struct envelope **parts, unsigned n,
    store_commit_cb *, void *arg, uint64_t token);

/* ---- changing. Encoded during the call; the completion may be NULL. */
typedef void store_done_cb(void *arg, uint64_t token, int rc);
void store_update(struct store *, const struct envelope *, store_done_cb *,
    void *arg, uint64_t token);
void store_remove(struct store *, uint64_t id, store_done_cb *, void *arg,
    uint64_t token);

/* ---- reading. Requests can be cancelled; then there is no callback. */
struct store_loaded {
	int rc; /* 0, -MX_ENOENT, -MX_ECORRUPT, -MX_EIO */
	struct envelope *env; /* the callee's, as is data (free()) */
	char *data; /* the first bytes of the body */
	size_t len; /* body.len, when it is not above body_max */
};
typedef void store_load_cb(void *arg, struct store_loaded *);
/* The CRC is checked here when the whole body fits into body_max; otherwise
 * the caller adds it up with store_crc() while it streams. */
uint64_t store_load(struct store *, uint64_t id, size_t body_max,
    store_load_cb *, void *arg);
typedef void store_read_cb(void *arg, int rc, char *data, size_t len);
uint64_t store_read(struct store *, const struct body_ref *, uint64_t offset,
    size_t len, store_read_cb *, void *arg);
/* Envelopes of up to 1000 ids, without bodies; NULL where there is none
 * any more. The envelopes are the callee's. */
typedef void store_fetch_cb(void *arg, struct envelope **, unsigned n);
uint64_t store_fetch(struct store *, const uint64_t *ids, unsigned n,
    store_fetch_cb *, void *arg);
void store_cancel(struct store *, uint64_t request);
uint32_t store_crc(uint32_t crc, const void *, size_t); /* start with 0 */

/* All records that were there at store_open(), by ascending id, in batches
 * between other work, in brief. A record that does not hold is skipped, logged and
 * counted in *damaged. When the database cannot be read to its end rc is
 * -MX_EIO and the store STORE_FAILED. */
void store_scan(struct store *,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg);

/* The ids of the first STORE_DAMAGED_MAX that were skipped, ascending; borrowed
 * until the next scan. */
#define STORE_DAMAGED_MAX 1000
const uint64_t *store_damaged(const struct store *, unsigned *n);
/* When a message came, by its id: its record knows it better. Wall ms. */
int64_t store_id_ms(uint64_t id);
uint64_t store_id_now(void); /* the least id of a message of this moment */

/* ---- small durable state (holds, extensions): key -> bytes. */
#define STORE_KEY_MAX 500 /* LMDB's keys end at 511 */
void store_state_put(struct store *, const char *key, const void *, size_t len,
    store_done_cb *, void *arg, uint64_t token); /* len 0 removes */
void store_state_each(struct store *, const char *prefix,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg); /* reads at once: for start-up */
/* The same of at most `max`, those behind the key `after` ("": from the first),
 * ascending, for who reads in slices; true: there may be more. What is on its way to
 * the disk is not seen; what was answered for is. */
bool store_state_some(struct store *, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg);

/* ---- sharing. Where conf.engine is set several nodes have one store: each sees
 * the same messages and the same small state, but for keys without a slash, which
 * are a node's own. The mail of each domain is one node's, its owner's, until
 * that gives it away, or is seen to stand still for a lease and is fenced. What
 * a node says after that is not taken: -MX_ENOENT, for the message is another's. */
unsigned store_node(const struct store *); /* our number; 0: it is not shared */
/* May that message be handed on, right now? False: another node may be doing it.
 * Always, where it is not shared. */
bool store_holds(const struct store *, uint64_t id);
/* Who owns what; at once: for the start. */
void store_owners(struct store *,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg);
/* With the domains for which it was done; `rc` is that of a change. */
#define STORE_OWN_MAX 1000
typedef void
store_own_cb(void *arg, int rc, const char *const *domains, unsigned n);
/* Of ours, to another node: we know nothing of them any more. */
void store_give(struct store *, const char *const *domains, unsigned n,
    unsigned node, store_own_cb *, void *arg);
/* To us: those that have no owner, or one whose place is free. */
void store_take(struct store *, const char *const *domains, unsigned n,
    store_own_cb *, void *arg);
/* A node that was seen as it is for a whole lease, the longer one of its and ours,
 * loses its place: 0, or -MX_ENOENT: it has stirred. */
void store_fence(struct store *, const struct store_node *, store_done_cb *,
    void *arg, uint64_t token);
/* As store_scan(), of what is there now of those domains (copied); several may be
 * under way. `one` may tell of what is known already. */
void store_scan_domains(struct store *, const char *const *domains, unsigned n,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg);
/* Fenced, we take our place again: 0, or negative as store_open(). Before it all
 * that was shared is to be forgotten, and read again behind it: nothing is to be
 * put meanwhile, for what is read would not have it. */
void store_join(struct store *, store_done_cb *, void *arg, uint64_t token);

/* ---- while the engine is away mail lands in the spool of this node, which is
 * nobody else's: it may be handed on from there, and is moved when the engine is
 * back. */
bool store_is_local(const struct store *, uint64_t id);
/* One that nobody has in hand: 0: it is shared, as if it had come just now;
 * or negative, and it is where it was. */
void store_move(struct store *, uint64_t id, store_done_cb *, void *arg,
    uint64_t token);

struct store_info {
	enum store_state state;
	uint64_t size_bytes; /* of the file system, without root's share */
	uint64_t free_bytes, free_inodes, reserve_bytes;
	uint64_t segments, segment_bytes;
	bool unwritable; /* not even a removal can be written */
	uint64_t waiting_bytes; /* of bodies on their way to the disk */
	/* What the database has not come to yet, of the log. */
	uint64_t behind_records, behind_bytes;
	/* Of one that is shared: the engine is away since (wall ms; 0: it is
	 * there); it has no synchronous standby; our place is another's. */
	int64_t away_ms;
	bool alone, fenced;
	/* New mail goes to the engine: the room here is for what lands while
	 * that is away. */
	bool elsewhere;
};
void store_info(const struct store *, struct store_info *);
/* How much of waiting_max there is, in percent. */
unsigned store_pressure(const struct store *);
/* Can a message of this size be taken now? 0, -MX_EFULL or -MX_EIO. */
int store_accepting(const struct store *, uint64_t size);
void store_reconfigure(struct store *, const struct store_conf *); /* limits */

#endif
