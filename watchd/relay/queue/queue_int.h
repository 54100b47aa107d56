/* SPDX-License-Identifier: ISC
 * queue_int: shared by the files of this folder.
 *
 *	parts.c         the table of parts, and their orders
 *	part.c          one stored part: its state, its places in the orders
 *	destination.c   one domain: policy, gate, calls to the deliverers
 *	policy.c        domains with equal policies share one copy
 *	queue.c         create and destroy, loading, policies
 *	attach.c, detach.c  a shared store: domains come and go
 *	local.c         mail stored locally while the engine was away
 *	told.c          state written by other nodes
 *	intake.c        new mail, until it is durable; import.c: copies of it
 *	round.c         an action for each destination, in slices
 *	schedule.c      the one timer: retry times, deadlines, walks in steps
 *	take.c          hands parts out and takes their outcomes back
 *	record.c        writes records, repeatedly if necessary
 *	flush.c         a flush and its canary
 *	knowledge.c     what a domain's primary accepted and refused (pure)
 *	refusal.c       verdicts on refusals
 *	breaker.c       stops a domain whose primary refuses wrongly
 *	breaker_primary.c  the same for several domains at one primary
 *	refused.c       recipients of the list that the primary refuses
 *	learned.c       the known mailboxes of a domain, by name (pure)
 *	learn.c         their use in the queue; learn_store.c: their storage
 *	clock_doubt.c   effects of a wall clock that leaps
 *	clock_back.c    effects of one that was set back
 *	operator.c      the operator's actions (relay/relay.h)
 *	vault.c         keeps what was given up, for a while
 *	list.c          listings for the operator
 *	content.c       the content of a message
 *
 * Wall milliseconds, except where called monotonic: retry and expiry times
 * outlive a process. */
#ifndef MX_QUEUE_QUEUE_INT_H
#define MX_QUEUE_QUEUE_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/btree.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/idmap.h"
#include "base/slab.h"
#include "relay/message_id.h"
#include "relay/queue/ages.h"
#include "relay/queue/backoff.h"
#include "relay/queue/clock_step.h"
#include "relay/queue/extend.h"
#include "relay/queue/knowledge.h"
#include "relay/queue/learned.h"
#include "relay/queue/queue.h"
#include "relay/store/store.h"

#define PARTS_FEW      8 /* a destination with fewer has no orders but by id */
#define WALK_STEP      2000 /* parts in a turn of the timer */
#define SETTLE_STEP    500 /* destinations in a turn of the task */
#define DEADLINE_JOBS  64 /* expiries and warnings out at a time */
#define TROUBLE_MAX    100 /* unwritten records that stop deliveries */
#define CANARY_TRIES   3
#define RECENT_SAVE_MS INT64_C(300000) /* for knowledge */
#define TICK_MAX_MS    INT64_C(60000) /* the wall clock may be set meanwhile */
#define DEADLINE_AGAIN INT64_C(30000) /* a notification that was not stored */

enum part_state {
	PART_WAIT, /* in ORDER_WAIT: for its retry time */
	PART_READY, /* in ORDER_READY */
	PART_OUT, /* a job has it */
	PART_SAVING, /* its record is being written: nobody may load it */
	PART_HELD,
	PART_OWED, /* no further attempts; the sender is to be notified */
	PART_GONE, /* being removed from the store; found by its id only */
};

/* Outcomes of its recipients so far; most parts have none. */
struct tally {
	uint16_t delivered, expired;
	uint16_t failed[STATUS_LABEL_MAX];
};

struct job {
	struct queue_job pub; /* first: the deliverer's pointer */
	LIST_ENTRY(job) link;
	struct part *part;
	unsigned epoch; /* of its destination, when the job began */
	enum job_kind { JOB_DELIVER, JOB_EXPIRE, JOB_WARN } kind;
};

struct record_write {
	struct heap_node again; /* in queue.retries after a failure */
	uint64_t id;
	struct envelope *env; /* owned; NULL: a removal */
	unsigned tries;
	bool held; /* the flag that is being written */
	int64_t extended_ms; /* the same */
};

/* 64 bytes, in parts.slab: the data that every part has. Rare data are in
 * parts.saves and parts.rare, by id. Its places in the orders follow from its
 * state and part_key(): part_due() changes its time, part_set() its state. */
struct part {
	uint64_t id;
	struct dest *dest; /* NULL: gone */
	int64_t arrival_ms, due_ms;
	int64_t deadline_ms; /* key in ORDER_DEADLINE; PART_NEVER: none */
	uint32_t handle; /* its own, in the slab */
	uint32_t flush; /* flush generation that has counted it */
	uint32_t size_low; /* part_size() */
	uint16_t attempts; /* a lower bound */
	uint16_t pending; /* pending recipients */
	uint8_t size_high;
	uint8_t state; /* enum part_state */
	uint8_t warned, losses;
	uint16_t held : 1, held_stored : 1;
	uint16_t kept : 1; /* in ORDER_KEPT, not ORDER_AGE */
	uint16_t dsn : 1;
	/* Nothing pending, or given up: becomes OWED, and is reported at
	 * due_ms. */
	uint16_t finish : 1;
	uint16_t given_up : 1;
	uint16_t waited : 1; /* the notification was postponed */
	uint16_t drop : 1; /* remove when it is back */
	uint16_t purge : 1; /* the removal bypasses the vault */
	uint16_t damaged : 1; /* its record or body is damaged */
	uint16_t suspect : 1; /* refused, but not believed: tried last */
	uint16_t rare : 1; /* has an entry in parts.rare */
	uint16_t ring : 1; /* of queue.back: the ring that counts its age */
	uint16_t clock : 3; /* of queue.back: the clock of due_ms */
	uint16_t local : 1; /* stored in this node's spool only */
	uint16_t move : 1; /* to be moved to the engine when it is back */
	uint16_t fenced : 1; /* another's: dropped when it is back... */
	uint16_t again : 1; /* ...and read again, since it is ours once more */
	uint16_t class : 4; /* of its own extension; 0: none */
	uint16_t extending : 1; /* the record has another extension */
};
#define PART_NEVER    INT64_MAX
#define PART_SIZE_MAX ((UINT64_C(1) << 40) - 1)

/* Data that few parts have; or all of them, after an outage that began in the
 * middle of a message. In parts.rares. */
struct part_rare {
	uint64_t id; /* of the part */
	struct tally tally; /* all zero: all pending */
	int64_t age_step; /* if not the arrival's own step; else 0 */
};

/* The orders of the parts of a destination. Equal keys are ordered by id. */
enum part_order {
	ORDER_ID,
	ORDER_AGE, /* parts that can expire, by class and arrival */
	ORDER_KEPT, /* parts that cannot: held or owed; the same */
	ORDER_READY, /* suspects last; within each class local ones first */
	ORDER_WAIT, /* by due_ms */
	ORDER_DEADLINE, /* local ones first, then by deadline_ms */
	ORDER_MAX,
};

struct parts {
	struct slab slab;
	struct slab leaves; /* of all orders */
	struct btree by_id; /* all parts, GONE ones, too */
	struct btree_order order[ORDER_MAX];
	/* struct record_write: of SAVING and some GONE parts */
	struct idmap saves;
	struct slab rares; /* struct part_rare */
	struct btree rare; /* the same, by id */
	struct btree_order rare_order;
};

struct flush {
	bool running;
	enum flush_trigger trigger;
	int64_t start_ms, end_ms;
	uint64_t total, remaining, delivered, deferred, failed, lost, bytes;
	double rate;
	int64_t rate_ms; /* time of the last step of the average */
	unsigned rate_n; /* parts tried since */
};

#define NOTE_FLUSH_BEGIN 1u
#define NOTE_FLUSH_END	 2u
#define NOTE_FLUSH_OK	 4u
#define NOTE_BREAKER	 8u
#define NOTE_BREAKER_NEW 16u /* new, not restored by a start */
#define NOTE_MENDED	 32u

#define WALK_DUE	 1u /* all waiting parts are due now */
#define WALK_DEADLINE	 2u /* deadlines may have become earlier */

/* Data that few destinations have: those with attempts, in trouble, or with an
 * operator's orders. A million messages may be in 300,000 domains that wait for
 * a primary that is down and have none of it. */
struct dest_rare {
	TAILQ_ENTRY(dest) blocked_link; /* in queue.blocked */
	bool blocked;
	uint64_t nheld, nowed;
	uint64_t idle_bytes; /* of HELD and OWED parts */
	struct extend extend;
	struct extend_classes *classes; /* NULL: no part was extended */
	struct dest_walk {
		unsigned what; /* WALK_* in progress */
		struct btree_key at; /* continues here, in ORDER_AGE */
	} walk;

	unsigned stuck; /* jobs from before the last canary began */
	unsigned epoch; /* canaries begun */
	unsigned canary_tries, fails, losses;
	int64_t pause_ms; /* no attempts until then */
	struct flush *flush; /* NULL: there was none yet */

	struct knowledge known; /* breaker.c */
	TAILQ_HEAD(, refused_name) refused; /* refused.c */
	unsigned nrefused;
	TAILQ_ENTRY(dest) unsaved_link; /* in queue.unsaved */
	int64_t save_ms;
	bool unsaved;
	bool told; /* the tripped breaker was reported */
	unsigned trials; /* failed ones since it tripped */
	unsigned trial_left; /* messages left in this one */
	int64_t broken_ms, trial_ms; /* tripped since; next trial */
	char *breaker_reply;
	/* The primary with a recent refusal that contradicts the knowledge;
	 * NULL: none. */
	struct breaker_primary *primary;
	TAILQ_ENTRY(dest) hit_link;
	bool hit_us; /* that refusal was about us */
	LIST_HEAD(, vaulted) vaulted; /* vault.c */
};

/* Data of a destination where the store is shared: attach.c and local.c. */
struct dest_share {
	uint32_t owned; /* queue.owned when it became ours; 0: theirs */
	uint32_t nbusy; /* shared parts that are OUT or SAVING */
	uint32_t nlocal, nlocal_ready; /* local parts */
	struct btree local; /* local parts in ORDER_ID */
	struct leaving *leaving; /* NULL: it is not leaving */
	uint16_t scans; /* scans of the store that are pending */
	uint64_t since; /* the first scan since it became ours */
	bool spoke; /* we have written state of it since it became ours */
};

struct dest {
	RB_ENTRY(dest) link;
	STAILQ_ENTRY(dest) touched_link;
	struct heap_node time; /* in queue.times */
	struct heap_node other; /* in queue.others, by its oldest */
	struct queue *queue;
	const struct queue_policy *policy; /* shared, see policy.c */
	struct dest_rare *rare; /* NULL: none; see dest_rare() */
	struct learn *learn; /* learn.c; NULL: it does not learn */
	struct dest_share *share; /* NULL: the store is not shared */

	struct btree by_id; /* ORDER_ID */
	/* the other orders; NULL: few parts, parts.c */
	struct dest_orders *orders;
	uint32_t n, nready;
	uint64_t recipients, bytes;

	enum queue_gate gate;
	bool touched : 1;
	bool configured : 1;
	bool forced : 1; /* a manual flush opens the closed gate */
	bool on_hold : 1;
	bool newest : 1; /* the newest part is taken next */
	bool starved : 1; /* a deliverer asked and got none */
	bool canary : 1; /* one part alone, until one was accepted */
	bool broken : 1; /* the breaker is tripped: only trials */
	bool trial : 1; /* a trial is in progress */
	unsigned out; /* delivery jobs since the last canary began */
	unsigned wanted; /* last value passed to ops.want */
	int64_t opened_ms;
	uint32_t flush_gen;
	unsigned notes; /* NOTE_* */
	char name[];
};
RB_HEAD(policy_tree, shared_policy);
RB_HEAD(dest_tree, dest);
RB_PROTOTYPE(dest_tree, dest, link, dest_cmp)

/* A request to the store's reader. */
struct queue_request {
	LIST_ENTRY(queue_request) link;
	struct queue *queue;
	uint64_t store_id; /* 0: nothing to read, the task answers */
	void (*answer)(struct queue_request *, struct envelope **, unsigned n);
	relay_list_cb *list;
	relay_show_cb *show;
	void *arg;
	struct selector *selector; /* for a list; NULL: all */
	uint64_t next; /* list: next id; content: offset */
	relay_content_cb *content;
	struct relay_content of;
	size_t max; /* content: size of the piece */
	unsigned n;
	uint64_t ids[];
};

struct queue_intake {
	/* in queue.refused, until the task runs */
	STAILQ_ENTRY(queue_intake) link;
	struct queue *queue;
	struct store_tx *tx; /* owned until the commit */
	struct message_id message_id; /* found in the appended data */
	const char *module; /* queue_intake_by() */
	char *by; /* NULL: not set */
	queue_commit_cb *cb; /* this and the following: set by the commit */
	void *arg;
	uint64_t token;
};

/* A part in the vault. */
struct vaulted {
	RB_ENTRY(vaulted) link; /* in queue.vault.tree, by id */
	struct heap_node since, until; /* wall ms */
	LIST_ENTRY(vaulted) dest_link; /* in dest_rare.vaulted */
	struct dest *dest;
	uint64_t id, size;
	bool replayed; /* was replayed before */
	bool leaving; /* is being replayed */
	bool local; /* as part.local */
};
RB_HEAD(vault_tree, vaulted);
int vaulted_cmp(const struct vaulted *, const struct vaulted *);
RB_PROTOTYPE(vault_tree, vaulted, link, vaulted_cmp)

RB_HEAD(breaker_tree, breaker_primary);

#define LOCAL_MOVES_MAX 64 /* in progress; local.c */

#define CLOCKS		8 /* clocks that due_ms may refer to at a time */

/* The wall clock, and its steps back (clock_back.c). */
struct clock_back {
	int64_t lead_ms; /* wall - monotonic, at the last tick */
	int64_t by_ms; /* total of all steps back */
	unsigned clock; /* the present clock, below CLOCKS */
	int64_t from_ms[CLOCKS]; /* by_ms when that clock began */
	unsigned before; /* number of older clocks still in use */
	bool walking, again; /* `again`: another step during the walk */
	uint64_t after; /* progress of the walk, by id */
	unsigned ring; /* 0 or 1: the present one, queue.ages */
	struct ages ages; /* the former ring, during the walk */
};

struct queue {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue_conf conf;
	struct queue_ops ops;
	struct relay relay;
	struct queue_policy policy; /* of destinations without their own */
	int64_t report_lifetime_ms;

	struct parts parts;
	struct dest_tree dests;
	struct policy_tree policies;
	struct heap times;
	int64_t tick_ms; /* monotonic: latest time of schedule_tick() */
	struct { /* round.c */
		unsigned what; /* ROUND_*; 0: no round */
		char after[TEXT_DOMAIN_MAX]; /* last name that is done */
		bool within; /* except its owed parts, from `at` on */
		struct btree_key at; /* in ORDER_KEPT */
	} round;
	struct clock_back back;
	STAILQ_HEAD(, dest) touched;
	LIST_HEAD(, job) jobs;
	LIST_HEAD(, queue_request) requests;
	STAILQ_HEAD(, queue_intake) refused;
	struct heap retries; /* struct record_write, by monotonic ms */
	struct loop_task *task;
	struct loop_timer *timer;
	struct ages ages;
	TAILQ_HEAD(, dest) unsaved; /* with unsaved knowledge, by save_ms */
	struct breaker_tree primaries;
	TAILQ_HEAD(, breaker_primary) mended;
	struct { /* learn.c */
		struct heap all; /* names of all domains */
		TAILQ_HEAD(, learn) work;
		struct loop_timer *timer;
		bool reading;
		char *read; /* last key read; NULL: none yet */
	} learn;
	struct clock_step clock_step;
	int64_t clock_save_ms; /* monotonic: next time to save the clock */
	bool all_due; /* all waiting parts, once loading is done */
	uint64_t unreadable; /* records that could not be loaded */
	bool full_told;
	struct {
		struct vault_tree tree;
		struct heap by_since, by_until;
		uint64_t messages, bytes, size; /* size: the limit */
		uint64_t leaving; /* of the messages */
	} vault;
	int64_t vault_ms; /* wall: latest time of vault_tick(); 0: none */
	/* Destinations that nobody configured: our reports, and mail of removed
	 * domains. */
	struct heap others;
	uint64_t others_n, others_bytes;

	/* A shared store. */
	uint32_t owned; /* attachments with a lower number are void */
	bool holds; /* shared parts may be handed out */
	bool purging; /* other nodes' parts are being dropped */
	struct attach *attach; /* attach.c; NULL: not shared */
	struct { /* local.c */
		struct btree all; /* local parts, by id */
		uint64_t messages; /* number of local parts */
		uint64_t vaulted; /* the same in the vault */
		/* The walk that moves them: last ids of both. */
		uint64_t after, vault_after;
		bool walking;
		unsigned out; /* moves in progress */
	} local;

	uint64_t messages; /* except GONE ones */
	unsigned deadline_out;
	TAILQ_HEAD(, dest) blocked; /* their deadlines wait for a free job */
	unsigned completions; /* that the store still has to call */
	unsigned trouble; /* records refused by the store at least once */
	bool unwritable; /* the store cannot write outcomes */
	bool loading, dead;
};

/* intake.c */
void intake_refuse(struct queue *); /* answers those that met a full queue */

/* parts.c */
void parts_init(struct queue *);
void parts_fini(struct queue *); /* with all that is in it */
struct part *parts_take(struct queue *, uint64_t id); /* zeroed, in by_id */
void parts_give(struct queue *, struct part *);
struct part *parts_find(const struct queue *, uint64_t id); /* or NULL */
struct part *parts_after(const struct queue *, uint64_t id); /* of all parts */
struct part *parts_at(const struct queue *, uint32_t handle); /* 0: NULL */
struct record_write *parts_save(const struct queue *, const struct part *);
void parts_save_set(struct queue *, const struct part *, struct record_write *);
/* NULL: it has no rare data; `make` creates it. */
struct part_rare *parts_rare(const struct queue *, const struct part *);
struct part_rare *parts_rare_make(struct queue *, struct part *);
struct btree_key part_key(const struct part *, enum part_order);
struct btree_key
part_key_ready(bool suspect, bool local, int64_t arrival_ms, uint64_t id);
/* In ORDER_AGE and ORDER_KEPT. */
struct btree_key part_key_age(unsigned class, int64_t arrival_ms, uint64_t id);
/* The first or last ready part that is suspect or not, and local or not. */
struct part *ready_of(const struct dest *, bool suspect, bool local, bool last);
/* The part with the earliest deadline that is local, or not. */
struct part *deadline_of(const struct dest *, bool local);
/* One order of one destination. On insert and remove, part.c has already set
 * the fields by which the part belongs to it or not. NULL: there is none. */
void order_insert(struct part *, enum part_order);
void order_remove(struct part *, enum part_order);
void orders_fini(struct dest *); /* frees the orders, not the parts */
struct part *order_min(const struct dest *, enum part_order);
struct part *order_max(const struct dest *, enum part_order);
struct part *order_from(const struct dest *, enum part_order, struct btree_key);
struct part *
order_after(const struct dest *, enum part_order, struct btree_key);
struct part *
order_before(const struct dest *, enum part_order, struct btree_key);
/* Calls `fn` for each part; `fn` must not change that order. */
void order_each(const struct dest *, enum part_order,
    void (*fn)(struct part *, void *arg), void *arg);

/* part.c */
bool part_suspected(const struct envelope *); /* for this outcome */
/* Indexes a stored part; NULL if it is indexed already. */
struct part *
part_add(struct queue *, const struct envelope_brief *, int64_t now);
void part_set(struct part *, enum part_state);
void part_back(struct part *, int64_t now); /* from OUT or SAVING */
void part_forget(struct part *); /* leaves all but parts.by_id: GONE */
void part_drop(struct part *); /* leaves the index; the store is not changed */
void part_share(struct part *); /* a local part, SAVING, has become shared */
static inline bool
part_busy(const struct part *e)
{
	return e->state == PART_OUT || e->state == PART_SAVING;
}
uint64_t part_size(const struct part *);
void part_due(struct part *, int64_t ms);
void part_deadline_at(struct part *, int64_t ms); /* PART_NEVER: none */
int64_t part_expiry(const struct part *);
int64_t part_extended(const struct part *); /* by orders for it alone */
/* Adds to that; `extending` is set until the record has it. */
void part_extend(struct part *, int64_t add_ms);
int64_t part_deadline(const struct part *); /* PART_NEVER: none */
void part_count_age(struct part *, int64_t now); /* in queue.ages */
/* Moves its count from whichever ring to queue.ages. */
void part_recount_age(struct part *, int64_t now);
void part_deadline_set(struct part *);
void tally_count(const struct envelope *, struct tally *);

/* policy.c */
const struct queue_policy *
policy_share(struct queue *, const struct queue_policy *);
void policy_leave(struct queue *, const struct queue_policy *);

/* destination.c */
/* Never NULL: all zero if there is none. */
const struct dest_rare *dest_rare(const struct dest *);
struct dest_rare *dest_rare_make(struct dest *);
static inline struct knowledge * /* to be added to */
dest_known(struct dest *d)
{
	return &dest_rare_make(d)->known;
}
static inline bool
dest_flushing(const struct dest *d)
{
	const struct flush *f = dest_rare(d)->flush;

	return f != NULL && f->running;
}
int dest_cmp(const struct dest *, const struct dest *);
struct dest *dest_find(const struct queue *, const char *name);
struct dest *dest_get(struct queue *, const char *name); /* find, or create */
void dest_free(struct dest *);
void dest_touch(struct dest *); /* it has changed: the task handles it */
void dest_policy(struct dest *, const struct queue_policy *);
bool dest_open(const struct dest *);
bool dest_paused(const struct dest *, int64_t now);
void dest_unblock(struct dest *);
bool dest_takeable(const struct dest *, int64_t now);
void dest_pause(struct dest *, int64_t first_ms, int64_t max_ms, int64_t now);
void dest_close(struct dest *);
void dest_canary(struct dest *); /* a canary has to be first from here on */
void dest_walk(struct dest *, unsigned what);
int64_t dest_next_expiry(const struct dest *);
struct part *dest_oldest(const struct dest *); /* NULL: empty */
/* The oldest in ORDER_AGE or ORDER_KEPT; NULL: none. */
struct part *dest_oldest_of(const struct dest *, enum part_order);
/* See relay.h; false: it is empty. */
bool
dest_ripest(const struct dest *, int64_t now, int64_t *arrival, int64_t *life);
void dest_settle(struct dest *, int64_t now); /* called by the task */
void dest_configure(struct dest *, bool configured); /* or no longer */
void dest_count(struct dest *, bool came, uint64_t size); /* a part */
void dest_notify(struct dest *, int64_t now);
uint32_t dest_nready(const struct dest *); /* parts that may be handed out */
/* The oldest or the newest of these; NULL: none of the kind. */
struct part *dest_ready(const struct dest *, bool suspect, bool last);
struct part *dest_deadline(const struct dest *); /* the earliest that counts */

/* attach.c */
static inline bool
dest_is_attached(const struct dest *d)
{
	return d->share != NULL && d->share->owned == d->queue->owned;
}
static inline bool
dest_is_ours(const struct dest *d)
{
	return d->share == NULL || dest_is_attached(d);
}
/* Whether only local parts may be handed out. */
static inline bool
dest_is_confined(const struct dest *d)
{
	return d->queue->conf.shared &&
	    (!d->queue->holds || d->queue->purging || !dest_is_ours(d) ||
		d->share->leaving != NULL);
}
void attach_init(struct queue *);
void attach_fini(struct queue *); /* before the destinations */
bool attach_step(struct queue *); /* called by the task; true: there is more */
void attach_settle(struct dest *); /* after a touch: is it ready to leave? */
bool attach_keeps(const struct dest *); /* is needed even if it is empty */
/* Whether all its stored parts are indexed, and it is ours. */
bool attach_is_read(const struct dest *);
/* Indexes a stored part, or puts it into the vault; not if it is another
 * node's. */
void attach_index(struct queue *, const struct envelope_brief *, int64_t now);
bool attach_takes(struct queue *, const struct envelope_brief *);
/* Another node has the part; our outcome does not count. */
bool part_is_lost(const struct part *);
void part_lose(struct part *); /* drops such a part when it is back */
/* The number of removals that are to be repeated changes by `n`. */
void attach_unremoved(struct queue *, int n);
/* A removed part that is GONE: its id is kept while a scan that began before
 * may still report it. */
void attach_removed(struct queue *, struct part *);

/* local.c */
void local_enter(struct part *); /* it has become local */
void local_leave(struct part *);
void local_fini(struct dest *);
bool local_step(struct queue *); /* called by the task; true: there is more */
bool local_back(struct part *); /* true: it is being moved */
void local_summary(const struct dest *, struct relay_domain *);
static inline uint32_t
local_ready(const struct dest *d)
{
	return d->share != NULL ? d->share->nlocal_ready : 0;
}
static inline bool
local_any(const struct dest *d)
{
	return d->share != NULL && d->share->nlocal > 0;
}

/* Another node has written state of the domain: takes it over into memory. */
void operator_told_hold(struct queue *, const char *domain, bool hold);
void operator_told_extend(struct queue *, const char *domain, const void *,
    size_t len);
void breaker_told_known(struct dest *, const void *, size_t len);
void breaker_told(struct dest *, const void *, size_t len);
void refused_told(struct dest *, const void *, size_t len);
void learn_told(struct dest *, const char *local, const void *, size_t len);

/* round.c */
#define ROUND_TOUCH    1u /* what every round does */
#define ROUND_POLICY   2u /* the default policy may have changed */
#define ROUND_DEADLINE 4u /* deadlines may have changed */
#define ROUND_OWED     8u /* owed notifications are due now */
#define ROUND_DUE      16u /* waiting parts are due now */
void round_begin(struct queue *, unsigned what);
bool round_step(struct queue *); /* called by the task; true: there is more */

/* schedule.c */
void schedule_tick(void *queue);
void schedule_arm(struct queue *);
void dest_walk_some(struct dest *, struct dest_walk *, unsigned *budget,
    int64_t now);

/* take.c */
struct job *job_create(struct part *, enum job_kind);

/* record.c */
void record_update(struct part *, struct envelope *); /* takes the envelope */
void record_remove(struct part *);
void record_vault(struct part *, struct envelope *); /* takes the envelope */
void record_order_one(struct part *); /* a hold or an extension of it */
/* Writes small state of a domain that is ours, under the prefix (at most
 * STATE_PREFIX_MAX); len 0 removes it. */
#define STATE_PREFIX_MAX 16
void record_state(struct dest *, const char *prefix, const void *, size_t len);
/* The same for an operator's order, whichever node has the domain's mail. */
void record_order(struct dest *, const char *prefix, const void *, size_t len);
void record_state_at(struct queue *, const char *key, const void *, size_t len);
void record_again(struct queue *, int64_t mono_ms);
bool record_works(const struct queue *); /* outcomes can be recorded */
void record_free(struct record_write **);
void record_drop(struct queue *, const struct part *); /* it is not repeated */
void queue_release(struct queue *); /* frees a dead queue in the end */

/* flush.c */
enum flush_result { FLUSH_DELIVERED, FLUSH_DEFERRED, FLUSH_FAILED };
int flush_start(struct dest *, enum flush_trigger, bool dry_run,
    struct relay_flush *out);
void flush_tried(struct part *, enum flush_result, int64_t now);
void flush_settle(struct dest *, bool ok); /* ends it once all were tried */
void flush_end(struct dest *, bool ok);
void flush_view(const struct dest *, int64_t now, struct relay_flush *);
void flush_canary_failed(struct dest *, bool lost, int64_t now);

/* breaker.c */
void breaker_init(struct dest *); /* its fields in dest_rare */
void breaker_fini(struct dest *, bool gone); /* gone: from the configuration */
/* A part came back: accepted or refused, or the connection was lost. */
void breaker_tried(struct dest *, bool taken, bool lost, int64_t now);
struct part *breaker_choose(struct dest *); /* the next part of a trial */
void breaker_reset(struct dest *, const char *why);
void
breaker_trip(struct dest *, const char *why, const char *reply, int64_t now);
void breaker_put(struct dest *); /* stores its state */
void breaker_learned(struct dest *); /* saves the knowledge within a while */
int64_t breaker_next(struct dest *, int64_t now); /* next trial; 0: none */
void breaker_save(struct queue *, int64_t now, bool force);
void breaker_leave(struct dest *); /* another node gets its mail */
void breaker_load(struct queue *); /* after the policies are set */

/* refusal.c */
void refusal_taken(struct dest *, const struct envelope *, int64_t now);
unsigned refusal_put_off(struct dest *, int64_t now); /* recipients, lately */

/* breaker_primary.c. A label may be NULL. */
/* A refusal by that host of something of the domain: one that agrees with the
 * knowledge, or one that contradicts it, about a name (recipient, sender) or
 * about us and the route. */
enum breaker_hit { BREAKER_HIT_NO, BREAKER_HIT_NAME, BREAKER_HIT_US };
void breaker_primary_hit(struct dest *, const char *label, enum breaker_hit,
    const char *reply, int64_t now);
void breaker_primary_taken(struct queue *, const char *label);
bool breaker_primary_tripped(const struct queue *, const char *label);
/* When the primary's refusals that hit the domain began; 0: it is not hit. */
int64_t breaker_primary_since(const struct dest *);
/* The number of other domains with a refusal there since it last accepted
 * mail. */
unsigned breaker_primary_refused(const struct dest *, const char *label);
void breaker_primary_leave(struct dest *);
/* Resets some of the breakers that are due; true: there is more. */
bool breaker_primary_settle(struct queue *, unsigned budget);
/* The time at which the domain may have a trial, in view of those of other
 * domains (wall; 0: now). */
int64_t breaker_primary_trial(const struct dest *, int64_t now);
void breaker_primary_tries(struct dest *);
void breaker_primary_tried(struct dest *, int64_t now);
void breaker_primary_untries(struct dest *);
/* For a breaker that is tripped together with others: the primary (NULL: tripped
 * by itself), their number, and whether this one reports for all. */
const char *breaker_primary_label(const struct dest *);
unsigned breaker_primary_domains(const struct dest *, bool *speaks);
void breaker_primary_load(struct dest *, const char *label);
void breaker_primary_fini(struct queue *);

/* refused.c */
void refused_add(struct dest *, const char *mailbox, int64_t since_ms);
void refused_fini(struct dest *, bool gone); /* gone: from the configuration */
void refused_load(struct queue *); /* after the knowledge */
void refused_list(void *queue, const char *domain,
    void (*)(void *arg, const char *mailbox, int64_t since_ms), void *arg);

/* learn.c, learn_store.c */
void learn_init(struct queue *);
void learn_end(struct queue *); /* after the last destination */
void learn_load(struct queue *); /* after the policies are set */
void learn_policy(struct dest *); /* its policy has changed */
void learn_fini(struct dest *); /* frees the memory */
void learn_weigh(struct dest *); /* the evidence has changed */
/* Voids refusals since that time (0: all). */
void learn_cut(struct dest *, int64_t since_ms, int64_t now);
void learn_summary(const struct dest *, struct relay_domain *);
bool
learn_list(void *queue, const char *domain, const char *after, unsigned max,
    void (*)(void *arg, const char *local, const struct relay_learned *),
    void *arg);

/* clock_back.c */
int64_t queue_mono_ms(void); /* for mere waiting */
void clock_back_start(struct queue *);
void clock_back_fini(struct queue *);
void clock_back_tick(struct queue *, int64_t now);
bool clock_back_step(struct queue *); /* by the task; true: there is more */

/* clock_doubt.c */
void clock_doubt_load(struct queue *);
void clock_doubt_tick(struct queue *, int64_t now);
void clock_doubt_save(struct queue *, int64_t now, bool force);

/* vault.c */
void vault_init(struct queue *);
void vault_fini(struct queue *);
void
vault_add(struct queue *, const struct envelope_brief *); /* ENV_VAULT is set */
/* Ends a part with nothing pending whose sender knows all. */
void vault_or_remove(struct part *, const struct envelope *);
void vault_dropped(struct part *); /* the same without an envelope at hand */
int64_t vault_tick(struct queue *, int64_t now); /* next look; 0: none */
void vault_view(void *, struct relay_vault *);
void vault_list(void *, const char *, const struct selection *, uint64_t,
    unsigned, relay_list_cb *, void *);
int vault_replay(void *, uint64_t id, bool again);
int vault_purge(void *, uint64_t id);
bool vault_has(struct queue *, uint64_t id);
/* As local_step(), for the local parts in the vault; false: there is no
 * more. */
bool vault_move_step(struct queue *, unsigned *budget);
/* Drops the domain's parts in the vault, or other nodes' parts from *after on,
 * from memory; true: that was all. */
bool vault_leave(struct dest *, unsigned *budget);
bool vault_purge_lost(struct queue *, uint64_t *after, unsigned *budget);

/* operator.c, list.c */
#define LIST_MAX   500 /* messages in a page */
#define LIST_LOOK  2000 /* parts looked at for a page... */
#define LIST_RCPTS 10000 /* ...and recipients */
struct rcpt_view *view_rcpts(const struct envelope *); /* free() */
void operator_init(struct queue *);
void operator_load(struct queue *);
void operator_extend_save(struct dest *);
void list_messages(void *, const char *, const struct selection *, uint64_t,
    unsigned, relay_list_cb *, void *);
uint64_t list_look(void *, const char *domain, uint64_t after,
    void (*)(void *arg, const char *domain, int64_t arrival_ms), void *arg);
void list_show(void *, uint64_t, relay_show_cb *, void *);
void list_unreadable(void *, struct relay_unreadable *);
int64_t list_came(void *, uint64_t id);
void import_init(struct relay *); /* import.c */
void content_read(void *, uint64_t id, uint64_t offset, size_t max,
    relay_content_cb *, void *);
struct queue_request *
request_create(struct queue *, const uint64_t *, unsigned);
void request_send(struct queue_request *);
void request_destroy(struct queue_request *);

#endif
