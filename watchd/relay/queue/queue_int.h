/* SPDX-License-Identifier: ISC
 * queue_int: what the files of this folder share.
 *
 *	parts.c         the table of parts, and the orders they lie in
 *	part.c          one stored part: its state, its places in the orders
 *	destination.c   one domain: policy, gate, what deliverers are told
 *	policy.c        what domains with equal policies share
 *	queue.c         life, loading, policies
 *	attach.c, detach.c  a store that is shared: domains come and go
 *	local.c         what landed here while the engine was away
 *	told.c          what other nodes wrote down
 *	intake.c        new mail, until it is durable; import.c: copies of it
 *	round.c         what is to be done with each destination, in slices
 *	schedule.c      the one timer: retry times, deadlines, walks in steps
 *	take.c          handing a part out and taking its outcome back
 *	record.c        writing records down, again and again when it must be
 *	flush.c         a flush and its canary
 *	knowledge.c     what a domain's primary took and refused (pure)
 *	refusal.c       verdicts on refusals
 *	breaker.c       when they mean that it is broken, and until when
 *	breaker_primary.c  the same of several domains at one primary
 *	refused.c       names that the list has and the primary refuses for good
 *	learned.c       which mailboxes a domain has, by name (pure)
 *	learn.c         the same in the queue's hands; learn_store.c: what is kept
 *	clock_doubt.c   what a wall clock that leaps may not do
 *	clock_back.c    what one that was set back may not keep
 *	operator.c      what an operator does (relay/relay.h)
 *	vault.c         what was given back, for a while
 *	list.c          what he sees
 *	content.c       what is in a message
 *
 * Wall milliseconds but for what is called monotonic: retry and expiry times
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

#define PARTS_FEW      8 /* of a destination: no orders but by id */
#define WALK_STEP      2000 /* parts of one timer turn */
#define SETTLE_STEP    500 /* destinations of one turn of the task */
#define DEADLINE_JOBS  64 /* expiries and warnings out at once */
#define TROUBLE_MAX    100 /* records the store refuses, then no deliveries */
#define CANARY_TRIES   3
#define RECENT_SAVE_MS INT64_C(300000) /* of knowledge */
#define TICK_MAX_MS    INT64_C(60000) /* the wall clock may be set */
#define DEADLINE_AGAIN INT64_C(30000) /* a notification that did not store */

enum part_state {
	PART_WAIT, /* for its time; in dest.wait */
	PART_READY, /* in dest.ready */
	PART_OUT, /* a job has it */
	PART_SAVING, /* its record is being written: nobody may load it */
	PART_HELD,
	PART_OWED, /* nothing is tried any more; its sender is to be told */
	PART_GONE, /* being removed from the store; found by its id only */
};

/* Decisions for its recipients so far; most parts have none. */
struct tally {
	uint16_t delivered, expired;
	uint16_t failed[STATUS_LABEL_MAX];
};

struct job {
	struct queue_job pub; /* first: the deliverer's pointer */
	LIST_ENTRY(job) link;
	struct part *part;
	unsigned epoch; /* of its destination when it went out */
	enum job_kind { JOB_DELIVER, JOB_EXPIRE, JOB_WARN } kind;
};

struct record_write {
	struct heap_node again; /* in queue.retries after a failure */
	uint64_t id;
	struct envelope *env; /* ours; NULL: a removal */
	unsigned tries;
	bool held; /* what is being written */
};

/* 64 bytes, in parts.slab: what every part has. What only some have is in
 * parts.saves and parts.rare, by its id. Where it lies is decided by its state and
 * by what part_key() says: part_due() changes its time, part_set() its state. */
struct part {
	uint64_t id;
	struct dest *dest; /* NULL: gone */
	int64_t arrival_ms, due_ms;
	int64_t deadline_ms; /* as it lies in dest.deadlines; PART_NEVER: not */
	uint32_t handle; /* its own */
	uint32_t flush; /* generation it was counted in */
	uint32_t size_low; /* part_size() */
	uint16_t attempts; /* so many at least */
	uint16_t pending; /* recipients */
	uint8_t size_high;
	uint8_t state; /* enum part_state */
	uint8_t warned, losses;
	uint16_t held : 1, held_stored : 1;
	uint16_t kept : 1; /* in dest.kept */
	uint16_t dsn : 1;
	uint16_t finish : 1; /* nothing pending, or given up: to be OWED, and
			      * told of at due_ms */
	uint16_t given_up : 1;
	uint16_t waited : 1; /* the notification was put off */
	uint16_t drop : 1; /* remove when it is back */
	uint16_t purge : 1; /* and not into the vault */
	uint16_t damaged : 1; /* its record or body does not hold */
	uint16_t suspect : 1; /* refused, and that not believed: goes last */
	uint16_t rare : 1; /* parts.rare has something */
	uint16_t ring : 1; /* of queue.back: where its age is counted */
	uint16_t clock : 3; /* of queue.back: what due_ms was reckoned by */
	uint16_t local : 1; /* it lies in the spool of this node alone */
	uint16_t move : 1; /* it is to be moved when it is back */
	uint16_t fenced : 1; /* another's: forgotten when it is back... */
	uint16_t again : 1; /* ...and read anew, for it is ours once more */
};
#define PART_NEVER    INT64_MAX
#define PART_SIZE_MAX ((UINT64_C(1) << 40) - 1)

/* What few parts have; or all of them, after an outage that began in the middle of
 * a message. In parts.rares. */
struct part_rare {
	uint64_t id; /* of the part */
	struct tally tally; /* zeroes: all pending */
	int64_t age_step; /* another one than that of its arrival; 0: no */
};

/* The orders of the parts of a destination. Ties go by id. */
enum part_order {
	ORDER_ID,
	ORDER_AGE, /* what expires when its time has come, by arrival */
	ORDER_KEPT, /* what does not: held, or owed; by arrival, too */
	ORDER_READY, /* suspects last; of each kind the local ones first */
	ORDER_WAIT, /* by due_ms */
	ORDER_DEADLINE, /* local ones first, then by deadline_ms */
	ORDER_MAX,
};

struct parts {
	struct slab slab;
	struct slab leaves; /* of all orders */
	struct btree by_id; /* all, GONE ones, too */
	struct btree_order order[ORDER_MAX];
	struct idmap saves; /* struct record_write: SAVING, some GONE */
	struct slab rares; /* struct part_rare */
	struct btree rare; /* those, by id */
	struct btree_order rare_order;
};

struct flush {
	bool running;
	enum flush_trigger trigger;
	int64_t start_ms, end_ms;
	uint64_t total, remaining, delivered, deferred, failed, lost, bytes;
	double rate;
	int64_t rate_ms; /* of the last step of the average */
	unsigned rate_n; /* tried since */
};

#define NOTE_FLUSH_BEGIN 1u
#define NOTE_FLUSH_END	 2u
#define NOTE_FLUSH_OK	 4u
#define NOTE_BREAKER	 8u
#define NOTE_BREAKER_NEW 16u /* not since before a restart */
#define NOTE_MENDED	 32u

#define WALK_DUE	 1u /* all that waits is due now */
#define WALK_DEADLINE	 2u /* deadlines may have come nearer */

/* What few destinations have: those that were tried, or are in trouble, or that an
 * operator did something to. A million messages may be in 300,000 domains, which
 * wait for a primary that is down and have none of it. */
struct dest_rare {
	TAILQ_ENTRY(dest) blocked_link; /* in queue.blocked */
	bool blocked;
	uint64_t nheld, nowed;
	uint64_t idle_bytes; /* of what is HELD or OWED */
	struct extend extend;
	struct dest_walk {
		unsigned what; /* WALK_* under way */
		struct btree_key at; /* where it goes on, by ORDER_AGE */
	} walk;

	unsigned stuck; /* jobs from before the last canary */
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
	bool told; /* somebody was told that the breaker is closed */
	unsigned trials; /* refused, since it was closed */
	unsigned trial_left; /* messages of this one */
	int64_t broken_ms, trial_ms; /* since when; the next one */
	char *breaker_reply;
	/* Where a refusal contradicted what is known, lately; NULL: nowhere. */
	struct breaker_primary *primary;
	TAILQ_ENTRY(dest) hit_link;
	bool hit_us; /* that one was about us */
	LIST_HEAD(, vaulted) vaulted; /* vault.c */
};

/* Of a destination, where the store is shared: attach.c, and local.c. */
struct dest_share {
	uint32_t owned; /* queue.owned when it became ours; 0: theirs */
	uint32_t nbusy; /* shared parts that are OUT or SAVING */
	uint32_t nlocal, nlocal_ready; /* what landed here */
	struct btree local; /* those, by ORDER_ID */
	struct leaving *leaving; /* NULL: it does not leave */
	uint16_t scans; /* looks at the store that it waits for */
	uint64_t since; /* the first of them, since it is ours */
	bool spoke; /* we wrote down something of it, since it is ours */
};

struct dest {
	RB_ENTRY(dest) link;
	STAILQ_ENTRY(dest) touched_link;
	struct heap_node time; /* in queue.times */
	struct heap_node other; /* in queue.others, by its oldest */
	struct queue *queue;
	const struct queue_policy *policy; /* shared, policy.c */
	struct dest_rare *rare; /* NULL: nothing; see dest_rare() */
	struct learn *learn; /* learn.c; NULL: nothing is learned */
	struct dest_share *share; /* NULL: the store is nobody else's */

	struct btree by_id; /* ORDER_ID */
	struct dest_orders *orders; /* the others; NULL: few parts, parts.c */
	uint32_t n, nready;
	uint64_t recipients, bytes;

	enum queue_gate gate;
	bool touched : 1;
	bool configured : 1;
	bool forced : 1; /* open for a manual flush though the gate is closed */
	bool on_hold : 1;
	bool newest : 1; /* whose turn it is */
	bool starved : 1; /* somebody asked and got nothing */
	bool canary : 1; /* one part alone, until one got through */
	bool broken : 1; /* the breaker is closed: nothing goes but a trial */
	bool trial : 1; /* one message may go, to find out */
	unsigned out; /* delivery jobs */
	unsigned wanted; /* last told */
	int64_t opened_ms;
	uint32_t flush_gen;
	unsigned notes; /* NOTE_* */
	char name[];
};
RB_HEAD(policy_tree, shared_policy);
RB_HEAD(dest_tree, dest);
RB_PROTOTYPE(dest_tree, dest, link, dest_cmp)

/* A question to the store's reader. */
struct queue_request {
	LIST_ENTRY(queue_request) link;
	struct queue *queue;
	uint64_t store_id; /* 0: nothing to read, answered by the task */
	void (*answer)(struct queue_request *, struct envelope **, unsigned n);
	relay_list_cb *list;
	relay_show_cb *show;
	void *arg;
	struct selector *selector; /* of a list; NULL: all */
	uint64_t next; /* of a list; where a piece of content begins */
	relay_content_cb *content;
	struct relay_content of;
	size_t max; /* of that piece */
	unsigned n;
	uint64_t ids[];
};

struct queue_intake {
	STAILQ_ENTRY(queue_intake) link; /* refused ones wait for the task */
	struct queue *queue;
	struct store_tx *tx; /* ours until the commit */
	struct message_id message_id; /* of what was appended */
	const char *module; /* queue_intake_by() */
	char *by; /* NULL: nobody said */
	queue_commit_cb *cb; /* set by the commit, as what follows */
	void *arg;
	uint64_t token;
};

/* A part in the vault. */
struct vaulted {
	RB_ENTRY(vaulted) link; /* by id */
	struct heap_node since, until; /* wall ms */
	LIST_ENTRY(vaulted) dest_link; /* in dest_rare.vaulted */
	struct dest *dest;
	uint64_t id, size;
	bool replayed; /* once already */
	bool leaving; /* is being replayed */
	bool local; /* as of a part: it landed here */
};
RB_HEAD(vault_tree, vaulted);
int vaulted_cmp(const struct vaulted *, const struct vaulted *);
RB_PROTOTYPE(vault_tree, vaulted, link, vaulted_cmp)

RB_HEAD(breaker_tree, breaker_primary);

#define LOCAL_MOVES_MAX 64 /* under way; local.c */

#define CLOCKS		8 /* that times of parts may be reckoned by at once */

/* The wall clock and its steps back (clock_back.c). */
struct clock_back {
	int64_t lead_ms; /* wall - monotonic, at the last tick */
	int64_t by_ms; /* it was set back by, in all */
	unsigned clock; /* the present one, below CLOCKS */
	int64_t from_ms[CLOCKS]; /* by_ms when that one began */
	unsigned before; /* so many older ones parts may go by */
	bool walking, again; /* another step came meanwhile */
	uint64_t after; /* the walk: up to this id */
	unsigned ring; /* 0, 1: the present one, queue.ages */
	struct ages ages; /* the other one, while walking */
};

struct queue {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue_conf conf;
	struct queue_ops ops;
	struct relay relay;
	struct queue_policy policy; /* of who has none */
	int64_t report_lifetime_ms;

	struct parts parts;
	struct dest_tree dests;
	struct policy_tree policies;
	struct heap times;
	int64_t tick_ms; /* monotonic: schedule_tick() at the latest */
	struct { /* round.c */
		unsigned what; /* ROUND_*; 0: none is under way */
		char after[TEXT_DOMAIN_MAX]; /* done up to this name */
		bool within; /* but for what it owes, from `at` on */
		struct btree_key at; /* by ORDER_KEPT */
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
	TAILQ_HEAD(, dest) unsaved; /* knowledge, by save_ms */
	struct breaker_tree primaries;
	TAILQ_HEAD(, breaker_primary) mended;
	struct { /* learn.c */
		struct heap all; /* names of all domains */
		TAILQ_HEAD(, learn) work;
		struct loop_timer *timer;
		bool reading;
		char *read; /* up to this key; NULL: nothing so far */
	} learn;
	struct clock_step clock_step;
	int64_t clock_save_ms; /* monotonic: when the time is noted next */
	bool all_due; /* once the loading is done */
	uint64_t unreadable; /* records, at the loading */
	bool full_told;
	struct {
		struct vault_tree tree;
		struct heap by_since, by_until;
		uint64_t messages, bytes, size; /* size: at most */
	} vault;
	int64_t vault_ms; /* wall: vault_tick() at the latest; 0: not */
	/* Destinations that nobody configured: our reports, and what is left of
	 * domains that were removed. */
	struct heap others;
	uint64_t others_n, others_bytes;

	/* A store that is shared. */
	uint32_t owned; /* attachments of an older number are void */
	bool holds; /* what is shared may be handed on */
	bool purging; /* what another has is being forgotten */
	struct attach *attach; /* attach.c; NULL: it is not */
	struct { /* local.c */
		struct btree all; /* what landed here, by id */
		uint64_t messages; /* of them */
		uint64_t vaulted; /* the same, in the vault */
		/* The walk that moves them: up to this id of either. */
		uint64_t after, vault_after;
		bool walking;
		unsigned out; /* being moved */
	} local;

	uint64_t messages; /* not GONE */
	unsigned deadline_out;
	TAILQ_HEAD(, dest) blocked; /* have deadlines that wait for room */
	unsigned completions; /* the store owes us */
	unsigned trouble; /* records it refused at least once */
	bool unwritable; /* the store takes no outcome of anything */
	bool loading, dead;
};

/* intake.c */
void intake_refuse(struct queue *); /* tells those that found it full */

/* parts.c */
void parts_init(struct queue *);
void parts_fini(struct queue *); /* and all that is in it */
struct part *parts_take(struct queue *, uint64_t id); /* zeroed, and found */
void parts_give(struct queue *, struct part *);
struct part *parts_find(const struct queue *, uint64_t id); /* or NULL */
struct part *parts_after(const struct queue *, uint64_t id); /* of all */
struct part *parts_at(const struct queue *, uint32_t handle); /* 0: NULL */
struct record_write *parts_save(const struct queue *, const struct part *);
void parts_save_set(struct queue *, const struct part *, struct record_write *);
/* NULL: it has nothing rare; `make`: it will. */
struct part_rare *parts_rare(const struct queue *, const struct part *);
struct part_rare *parts_rare_make(struct queue *, struct part *);
struct btree_key part_key(const struct part *, enum part_order);
struct btree_key
part_key_ready(bool suspect, bool local, int64_t arrival_ms, uint64_t id);
/* The first or last of those that are ready and suspect or not, local or not. */
struct part *ready_of(const struct dest *, bool suspect, bool local, bool last);
/* The one with the first deadline of those that are local, or are not. */
struct part *deadline_of(const struct dest *, bool local);
/* One order of one destination: its part is in it already, or not any more, by
 * what part.c says of it when these are called. NULL: there is none. */
void order_insert(struct part *, enum part_order);
void order_remove(struct part *, enum part_order);
void orders_fini(struct dest *); /* the orders, not the parts */
struct part *order_min(const struct dest *, enum part_order);
struct part *order_max(const struct dest *, enum part_order);
struct part *order_from(const struct dest *, enum part_order, struct btree_key);
struct part *
order_after(const struct dest *, enum part_order, struct btree_key);
struct part *
order_before(const struct dest *, enum part_order, struct btree_key);
/* Each of them; `fn` does not change that order. */
void order_each(const struct dest *, enum part_order,
    void (*fn)(struct part *, void *arg), void *arg);

/* part.c */
bool part_suspected(const struct envelope *); /* of this outcome */
/* Indexes a stored part; NULL when it is there already. */
struct part *
part_add(struct queue *, const struct envelope_brief *, int64_t now);
void part_set(struct part *, enum part_state);
void part_back(struct part *, int64_t now); /* from OUT or SAVING */
void part_forget(struct part *); /* leaves all but parts.by_id: GONE */
void part_drop(struct part *); /* leaves all, and the store is not asked */
void part_share(struct part *); /* it was local, and is SAVING */
static inline bool
part_busy(const struct part *e)
{
	return e->state == PART_OUT || e->state == PART_SAVING;
}
uint64_t part_size(const struct part *);
void part_due(struct part *, int64_t ms);
void part_deadline_at(struct part *, int64_t ms); /* PART_NEVER: at none */
int64_t part_expiry(const struct part *);
int64_t part_deadline(const struct part *); /* PART_NEVER: none */
void part_count_age(struct part *, int64_t now); /* in queue.ages */
/* It was counted, in whichever; and is in queue.ages. */
void part_recount_age(struct part *, int64_t now);
void part_deadline_set(struct part *);
void tally_count(const struct envelope *, struct tally *);

/* policy.c */
const struct queue_policy *
policy_share(struct queue *, const struct queue_policy *);
void policy_leave(struct queue *, const struct queue_policy *);

/* destination.c */
/* Never NULL: all zeroes where there is nothing. */
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
struct dest *dest_get(struct queue *, const char *name); /* or makes it */
void dest_free(struct dest *);
void dest_touch(struct dest *); /* something changed: the task looks */
void dest_policy(struct dest *, const struct queue_policy *);
bool dest_open(const struct dest *);
bool dest_paused(const struct dest *, int64_t now);
void dest_unblock(struct dest *);
bool dest_takeable(const struct dest *, int64_t now);
void dest_pause(struct dest *, int64_t first_ms, int64_t max_ms, int64_t now);
void dest_close(struct dest *);
void dest_canary(struct dest *); /* from here on: a canary first */
void dest_walk(struct dest *, unsigned what);
int64_t dest_next_expiry(const struct dest *);
struct part *dest_oldest(const struct dest *); /* NULL: empty */
/* As relay.h has it; false: empty. */
bool
dest_ripest(const struct dest *, int64_t now, int64_t *arrival, int64_t *life);
void dest_settle(struct dest *, int64_t now); /* of the task */
void dest_configure(struct dest *, bool configured); /* or not any more */
void dest_count(struct dest *, bool came, uint64_t size); /* a part */
void dest_notify(struct dest *, int64_t now);
uint32_t dest_nready(const struct dest *); /* that may go */
/* The oldest of those, or the newest; NULL: none of the kind. */
struct part *dest_ready(const struct dest *, bool suspect, bool last);
struct part *dest_deadline(const struct dest *); /* the first that counts */

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
/* Does only what is local go? */
static inline bool
dest_is_confined(const struct dest *d)
{
	return d->queue->conf.shared &&
	    (!d->queue->holds || d->queue->purging || !dest_is_ours(d) ||
		d->share->leaving != NULL);
}
void attach_init(struct queue *);
void attach_fini(struct queue *); /* before the destinations */
bool attach_step(struct queue *); /* of the task; true: there is more */
void attach_settle(struct dest *); /* it was touched: perhaps it leaves */
bool attach_keeps(const struct dest *); /* though it is empty */
/* Is there all that is stored of it, and is it ours to say? */
bool attach_is_read(const struct dest *);
/* Indexes what is stored, or not, for it is another's; into the vault, too. */
void attach_index(struct queue *, const struct envelope_brief *, int64_t now);
bool attach_takes(struct queue *, const struct envelope_brief *);
/* It is another's, whatever we did with it. */
bool part_is_lost(const struct part *);
void part_lose(struct part *); /* such a one, that is back */
/* A removal that failed is to be tried again, or is not any more. */
void attach_unremoved(struct queue *, int n);
/* One that is GONE, and removed: no look that began before finds it any more. */
void attach_removed(struct queue *, struct part *);

/* local.c */
void local_enter(struct part *); /* it is local */
void local_leave(struct part *);
void local_fini(struct dest *);
bool local_step(struct queue *); /* of the task; true: there is more */
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

/* What another node wrote down of the domain: memory is to be the same. */
void operator_told_hold(struct queue *, const char *domain, bool hold);
void operator_told_extend(struct queue *, const char *domain, const void *,
    size_t len);
void breaker_told_known(struct dest *, const void *, size_t len);
void breaker_told(struct dest *, const void *, size_t len);
void refused_told(struct dest *, const void *, size_t len);
void learn_told(struct dest *, const char *local, const void *, size_t len);

/* round.c */
#define ROUND_TOUCH    1u /* nothing else, which all do */
#define ROUND_POLICY   2u /* of who has none may be another one */
#define ROUND_DEADLINE 4u /* deadlines may have moved */
#define ROUND_OWED     8u /* what is owed is due now */
#define ROUND_DUE      16u /* what waits is */
void round_begin(struct queue *, unsigned what);
bool round_step(struct queue *); /* of the task; true: there is more */

/* schedule.c */
void schedule_tick(void *queue);
void schedule_arm(struct queue *);
void dest_walk_some(struct dest *, struct dest_walk *, unsigned *budget,
    int64_t now);

/* take.c */
struct job *job_create(struct part *, enum job_kind);

/* record.c */
void record_update(struct part *, struct envelope *); /* takes it */
void record_remove(struct part *);
void record_vault(struct part *, struct envelope *); /* takes it */
void record_held(struct part *);
/* Small state of the domain, under the prefix (STATE_PREFIX_MAX at most); len 0
 * removes it. */
#define STATE_PREFIX_MAX 16
void record_state(struct dest *, const char *prefix, const void *, size_t len);
/* The same of what is the operator's will: whoever has the domain's mail. */
void record_order(struct dest *, const char *prefix, const void *, size_t len);
void record_state_at(struct queue *, const char *key, const void *, size_t len);
void record_again(struct queue *, int64_t mono_ms);
bool record_works(const struct queue *); /* outcomes can be noted */
void record_free(struct record_write **);
void record_drop(struct queue *, const struct part *); /* is not tried again */
void queue_release(struct queue *); /* frees a dead queue at the last */

/* flush.c */
enum flush_result { FLUSH_DELIVERED, FLUSH_DEFERRED, FLUSH_FAILED };
int flush_start(struct dest *, enum flush_trigger, bool dry_run,
    struct relay_flush *out);
void flush_tried(struct part *, enum flush_result, int64_t now);
void flush_settle(struct dest *, bool ok); /* ends it when all is tried */
void flush_end(struct dest *, bool ok);
void flush_view(const struct dest *, int64_t now, struct relay_flush *);
void flush_canary_failed(struct dest *, bool lost, int64_t now);

/* breaker.c */
void breaker_init(struct dest *); /* of what is rare */
void breaker_fini(struct dest *, bool gone); /* from the configuration */
/* A message came back: taken, or refused; or the connection was lost. */
void breaker_tried(struct dest *, bool taken, bool lost, int64_t now);
struct part *breaker_choose(struct dest *); /* for a trial */
void breaker_open(struct dest *, const char *why);
void
breaker_close(struct dest *, const char *why, const char *reply, int64_t now);
void breaker_put(struct dest *); /* writes its state down */
void breaker_learned(struct dest *); /* what is known is saved in a while */
int64_t breaker_next(struct dest *, int64_t now); /* a trial; 0: none */
void breaker_save(struct queue *, int64_t now, bool force);
void breaker_leave(struct dest *); /* its mail becomes another's */
void breaker_load(struct queue *); /* the policies are known */

/* refusal.c */
void refusal_taken(struct dest *, const struct envelope *, int64_t now);
unsigned refusal_put_off(struct dest *, int64_t now); /* recipients, lately */

/* breaker_primary.c. A label may be NULL. */
/* That host refused something of the domain, which contradicts what is known, or
 * does not: of a name (recipient, sender), or of us and the way. */
enum breaker_hit { BREAKER_HIT_NO, BREAKER_HIT_NAME, BREAKER_HIT_US };
void breaker_primary_hit(struct dest *, const char *label, enum breaker_hit,
    const char *reply, int64_t now);
void breaker_primary_taken(struct queue *, const char *label);
bool breaker_primary_closed(const struct queue *, const char *label);
/* When the primary's refusals began that the domain is hit by; 0: it is not. */
int64_t breaker_primary_since(const struct dest *);
/* So many other domains had something refused there since it took any. */
unsigned breaker_primary_refused(const struct dest *, const char *label);
void breaker_primary_leave(struct dest *);
/* Opens what is to be opened; true: there is more. */
bool breaker_primary_settle(struct queue *, unsigned budget);
/* When the domain may have a trial, for others have one (wall; 0: now). */
int64_t breaker_primary_trial(const struct dest *, int64_t now);
void breaker_primary_tries(struct dest *);
void breaker_primary_tried(struct dest *, int64_t now);
void breaker_primary_untries(struct dest *);
/* Of a breaker that is closed with others: the primary (NULL: by itself), how many
 * they are, and whether it speaks for all. */
const char *breaker_primary_label(const struct dest *);
unsigned breaker_primary_domains(const struct dest *, bool *speaks);
void breaker_primary_load(struct dest *, const char *label);
void breaker_primary_fini(struct queue *);

/* refused.c */
void refused_add(struct dest *, const char *mailbox, int64_t since_ms);
void refused_fini(struct dest *, bool gone); /* from the configuration */
void refused_load(struct queue *); /* after the knowledge */
void refused_list(void *queue, const char *domain,
    void (*)(void *arg, const char *mailbox, int64_t since_ms), void *arg);

/* learn.c, learn_store.c */
void learn_init(struct queue *);
void learn_end(struct queue *); /* no destination is left */
void learn_load(struct queue *); /* the policies are known */
void learn_policy(struct dest *); /* is another one */
void learn_fini(struct dest *); /* from memory */
void learn_weigh(struct dest *); /* the evidence is another one */
/* What was refused since then (0: ever) is forgotten. */
void learn_cut(struct dest *, int64_t since_ms, int64_t now);
void learn_summary(const struct dest *, struct relay_domain *);
bool
learn_list(void *queue, const char *domain, const char *after, unsigned max,
    void (*)(void *arg, const char *local, const struct relay_learned *),
    void *arg);

/* clock_back.c */
int64_t queue_mono_ms(void); /* for what only waits */
void clock_back_start(struct queue *);
void clock_back_fini(struct queue *);
void clock_back_tick(struct queue *, int64_t now);
bool clock_back_step(struct queue *); /* of the task; true: there is more */

/* clock_doubt.c */
void clock_doubt_load(struct queue *);
void clock_doubt_tick(struct queue *, int64_t now);
void clock_doubt_save(struct queue *, int64_t now, bool force);

/* vault.c */
void vault_init(struct queue *);
void vault_fini(struct queue *);
void
vault_add(struct queue *, const struct envelope_brief *); /* is stored there */
/* A part with nothing pending, whose sender knows all, is over. */
void vault_or_remove(struct part *, const struct envelope *);
void vault_dropped(struct part *); /* the same, its envelope is not at hand */
int64_t vault_tick(struct queue *, int64_t now); /* 0: nothing to look at */
void vault_view(void *, struct relay_vault *);
void vault_list(void *, const char *, const struct selection *, uint64_t,
    unsigned, relay_list_cb *, void *);
int vault_replay(void *, uint64_t id, bool again);
int vault_purge(void *, uint64_t id);
bool vault_has(struct queue *, uint64_t id);
/* As local_step(), of what landed here; false: there is no more. */
bool vault_move_step(struct queue *, unsigned *budget);
/* Forgets what the domain has there, or others' from *after on; true: that was
 * all. */
bool vault_leave(struct dest *, unsigned *budget);
bool vault_purge_lost(struct queue *, uint64_t *after, unsigned *budget);

/* operator.c, list.c */
#define LIST_MAX   500 /* messages of a page */
#define LIST_LOOK  2000 /* parts that are looked at for it... */
#define LIST_RCPTS 10000 /* ...and recipients */
struct rcpt_view *view_rcpts(const struct envelope *); /* free() */
const struct rcpt_view *view_last(const struct rcpt_view *, unsigned n);
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
