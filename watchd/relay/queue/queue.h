/* SPDX-License-Identifier: ISC
 * queue: decides which part is delivered when. It keeps a small index of all
 * stored parts in memory (some 90 bytes each, parts.c; bodies and envelopes
 * stay in the store), one destination per domain, and for each destination: the
 * parts that are ready, those that wait for their retry time, the next to
 * expire, the number of parts that may be out at once, and the flush in
 * progress. Deliverers pull: queue_take() when they can send, queue_done()
 * afterwards. No delivery is attempted while a gate is closed; messages age all
 * the same. Loop thread only. */
#ifndef MX_QUEUE_QUEUE_H
#define MX_QUEUE_QUEUE_H

#include "net/loop.h"
#include "primary/judge.h"
#include "relay/envelope.h"
#include "relay/queue/learned.h"
#include "relay/relay.h"
#include "status/counters.h"

struct queue;
struct store;
struct queue_intake; /* one message being accepted */

enum queue_gate {
	GATE_CLOSED, /* primary down, or its state unknown */
	GATE_OPEN,
};

/* The settings of a destination; from the configured domain, or the defaults
 * for one that is not (or no longer) configured. */
struct queue_policy {
	int64_t lifetime_ms;
	int64_t delay_warning_ms[8]; /* ascending */
	size_t ndelay_warning;
	unsigned out_max; /* parts out at once; 0 counts as 1 */
	int64_t retry_first_ms, retry_max_ms;
	int64_t refusal_grace_ms; /* until one is believed: primary/judge.h */
	int64_t vault_keep_ms; /* 0: the vault keeps nothing */
	uint32_t learn_max; /* recipients learned; 0: none */
	int64_t learn_apart_ms; /* between the two refusals of a bad name */
};

/* One part in delivery. Read-only for the deliverer, except `put_off_ms` and
 * `wait_ms`. */
struct queue_job {
	uint64_t id;
	const char *domain; /* canonical; valid as long as the job */
	uint32_t attempts; /* before this one */
	int64_t arrival_ms;
	bool canary;
	/* Delivered without pipelining another message before or after it on
	 * the connection: a canary, a trial, or there is evidence. */
	bool alone;
	bool given_up; /* expire: by the operator, not due to the lifetime */
	bool waited; /* expire: its notification was postponed before */
	int64_t expiry_ms; /* wall; 0: none while its domain is on hold */
	/* Set before queue_done(): the delay until the notification that env
	 * still owes can be tried again. */
	int64_t put_off_ms;
	int64_t wait_ms; /* likewise: the least delay of pending recipients */
};

enum job_outcome {
	JOB_TRIED, /* the server replied for each recipient: see env */
	/* The connection broke, or 421: nothing was decided for the pending
	 * recipients. */
	JOB_LOST,
	JOB_RETURNED, /* not tried: back to its former state */
	/* The stored record or body is damaged: the part is kept, held and
	 * reported, and never sent. */
	JOB_DAMAGED,
	JOB_GONE, /* removed: another node has it, or had it */
};

/* Callbacks, set once by the composition root. `want`: n connections to the
 * domain would have work now (0: none); called when n changes, and with the
 * same n again if there is work once more for a deliverer that got NULL from
 * queue_take(). `expire` and `warn`: the part's deadline has come, or a
 * postponed notification is to be tried again (then no recipient may be
 * pending); the callee owns the job until queue_done(). `want`, `flush` and
 * `breaker` are called from the loop, never from inside a call to the queue. */
struct queue_ops {
	void (*want)(void *arg, const char *domain, unsigned connections);
	void (*expire)(void *arg, struct queue_job *);
	void (*warn)(void *arg, struct queue_job *, unsigned stage);
	/* A flush began or ended; `ok`: it was not cut off. */
	void (
	    *flush)(void *arg, const struct relay_flush *, bool begin, bool ok);
	/* The domain's breaker is tripped, because its primary permanently
	 * refuses mail that it should accept, or is open again. `tell`: a
	 * notice is due. There is one only, not another after a restart, and
	 * one for all domains whose breakers trip together. `reply` is text from
	 * the peer. */
	void (*breaker)(void *arg, const char *domain, bool tripped, bool tell,
	    const char *reply);
	/* Facts from other modules, for the judge; NULL: none. Does the
	 * domain's list have an entry for exactly that mailbox? When did the
	 * primary last accept the probe's recipient (wall ms, 0: never, or it
	 * has refused it since)? */
	bool (*listed)(void *arg, const char *domain, const char *mailbox);
	int64_t (*shown)(void *arg, const char *domain);
	/* The mailbox under which `mailbox` is learned, into `as`
	 * (PATH_MAILBOX_MAX): without the extension that the domain's rules
	 * allow. NULL: itself. */
	void (*known_as)(void *arg, const char *domain, const char *mailbox,
	    char *as);
	/* The message of a drill (ENV_DRILL) is about to leave the queue, with
	 * these results. NULL: nobody asks. */
	void (*drilled)(void *arg, const struct envelope *);
	void *arg;
};

struct queue_conf {
	uint32_t max_messages; /* queue_commit() fails beyond it: -MX_EFULL */
	uint32_t known_names; /* for each domain, see knowledge.h */
	uint32_t learned_names; /* for all domains, see learned.h */
	int64_t
	    clock_step_ms; /* 0: the wall clock is trusted; see clock_step.h */
	int64_t clock_settle_ms;
	bool shared; /* domains are not ours before queue_attach() */
};

struct queue *queue_create(struct loop *, struct store *, struct stats *,
    const struct queue_conf *, const struct queue_ops *);
/* All jobs have to be returned before. Call it before store_close(), since it
 * writes its last state; later commits are not reported any more. */
void queue_destroy(struct queue **);
/* Begins to index the stored parts; queue_loading() is true until it is done,
 * and mail is delivered meanwhile. Also restores holds and extensions. */
void queue_load(struct queue *);
bool queue_loading(const struct queue *);
/* The time in ms for which nothing expires and no delay warning is sent,
 * because the wall clock leapt ahead; 0: the clock is trusted. */
int64_t queue_clock_doubt(const struct queue *);

/* Sets or replaces the policy of a domain; queued mail follows it at once. A
 * new domain's gate is closed; a NULL policy makes the domain one that nobody
 * configured. Policies are set before queue_load(). */
void
queue_policy(struct queue *, const char *domain, const struct queue_policy *);
void queue_policy_default(struct queue *, const struct queue_policy *);
/* The size limit of the vault; see vault.c. */
void queue_vault(struct queue *, uint64_t size);
/* The lifetime of our own reports, whatever their destination. */
void queue_reports(struct queue *, int64_t lifetime_ms);
/* Destinations that nobody configured (of our DSNs, removed domains) are
 * open. */
void queue_gate(struct queue *, const char *domain, enum queue_gate);

/* ---- intake: the only entry for new mail, used by the SMTP sessions and the
 * notification writer. A message is begun, appended to piece by piece, and
 * committed or aborted; nothing of it can be taken or listed before its commit
 * is durable. Small bodies stay in memory until then, large ones are written to
 * disk as they come (store.h). All intakes have to end before queue_destroy().
 *
 *	in = queue_begin(q);		header with queue_intake_id(in)
 *	rc = queue_append(in, p, n);	again and again; rc < 0: queue_abort()
 *	queue_commit(&in, parts, n, committed, arg, token);
 *	-> committed(arg, token, 0, id)	durable: the client gets its 250 */
struct queue_intake *queue_begin(struct queue *);
uint64_t queue_intake_id(const struct queue_intake *); /* id of its part 0 */
/* 0; -MX_EFULL: no space; -MX_EIO. After a failure only queue_abort(). */
int queue_append(struct queue_intake *, const void *, size_t) MX_NODISCARD;
/* True while too much of this body waits for the disk: stop reading from the
 * peer; `space` is called once, from the loop, when reading can go on. */
bool
queue_congested(struct queue_intake *, void (*space)(void *arg), void *arg);
/* The origin for its log line: the module, and formatted fields with a blank
 * before each (relay/mail_log.h). */
void
queue_intake_by(struct queue_intake *, const char *module, const char *fields);
void queue_abort(struct queue_intake **); /* no-op when NULL */
/* Called once for each commit, from the loop: 0: durable, and queued as `id`;
 * -MX_EFULL: no space, or max_messages; -MX_EIO. `token` is the caller's id of
 * the requester, which may be gone by then; the call comes even after
 * queue_destroy(). */
typedef void queue_commit_cb(void *arg, uint64_t token, int rc, uint64_t id);
/* Consumes the intake and the envelopes (the array itself is copied), one per
 * domain, at most ENVELOPE_PART_MAX; fills in their ids and body. */
void queue_commit(struct queue_intake **, struct envelope **parts, unsigned n,
    queue_commit_cb *, void *arg, uint64_t token);
/* The store cannot write outcomes, or can again (store.h, `writable`). While it
 * cannot, no part is handed out: a delivery that is not recorded would be
 * repeated after a restart. */
void queue_writable(struct queue *, bool);
/* Whether a message of that size can be accepted now: 0, -MX_EFULL or
 * -MX_EIO. */
int queue_accepting(const struct queue *, uint64_t size);
bool queue_full(const struct queue *); /* max_messages is reached */
/* The engine is away: messages are accepted into the local spool. */
bool queue_away(const struct queue *);
/* The fill level of the data that waits for the disk, in percent of its
 * bound. */
unsigned queue_pressure(const struct queue *);

/* The next part for the domain, or NULL: none is ready, or the canary is still
 * out. Oldest first; every second one the newest, so that an old backlog does
 * not starve new mail. */
struct queue_job *queue_take(struct queue *, const char *domain);
/* Whether it may still be offered to the server. Not if the gate of its domain
 * was closed, or a hold or the like was ordered, since it was taken: then it is
 * RETURNED. */
bool queue_job_stands(const struct queue_job *);
/* Whether it may be handed over right now. Not if another node may be
 * delivering it, or has its domain; to be asked before the last octet is
 * sent. */
bool queue_job_holds(const struct queue_job *);
/* Ends and frees a job. `env` (borrowed; NULL for RETURNED) is the envelope
 * with the outcome for each recipient; a part with none pending is removed,
 * others get their next time. What the sender is owed (rcpt_owes) must have
 * been reported before (deliver/bounce.h); if it was not and no recipient is
 * pending, the part stays and `expire` is called for it again. */
void queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
/* Ends the job of a delay warning: `env.warned` has grown. */
void
queue_warned(struct queue *, struct queue_job *, const struct envelope *env);
/* Postponed notifications are due at once: their budget has changed. */
void queue_owed_again(struct queue *);
/* The verdict on a server's reply to `mailbox` (or to the message: then any of
 * its pending recipients), or on a finding of our own. Fills in the case's
 * `known`, except `fitted`, which the caller may set. Learns from the verdict,
 * and may trip the breaker. `env` is the envelope as stored. *again_ms: the
 * least delay before the next attempt (0: none). */
struct judge_verdict
queue_judge(struct queue *, const char *domain, struct judge_case *,
    const struct envelope *env, const char *mailbox, int64_t *again_ms);
/* The primary of a domain whose breaker is tripped seems to work: a trial may
 * begin. No effect if the breaker is reset or the trial is not due. */
void queue_trial(struct queue *, const char *domain);
/* The primary refused a recipient of the list for so long that the refusal was
 * believed, last since the list was made (wall ms). */
bool queue_refused_for_good(struct queue *, const char *domain,
    const char *mailbox, int64_t list_ms);

/* ---- learned recipients (learned.h), of domains with `learn_max`. Deliveries
 * are learned from without a call. Names are compared without case, and by the
 * rules of the domain (queue_ops.known_as). Times are wall ms. */

/* Names too long to be stored are not learned (some 230 characters at least),
 * and no refusal while queue_learn_doubts(). The mailbox of a test for
 * catch-all is "". */
void queue_learn(struct queue *, const char *domain, const char *mailbox,
    enum learned_what, int64_t now);
/* False: the domain does not learn; *view says unknown. */
bool queue_learned(struct queue *, const char *domain, const char *mailbox,
    int64_t now, struct learned_view *);
/* Whether the primary is doubted, for this domain or for others (`label`: the
 * host that is asked, or NULL): there is evidence against it, its breaker is
 * closed, or the wall clock is doubted. Nothing is learned from a refusal
 * then. */
bool queue_learn_doubts(struct queue *, const char *domain, const char *label);
/* Up to `max` names after `after` ("": from the first), ascending, each a local
 * part; true: there are more. `fn` must not change anything. */
typedef void
queue_learned_cb(void *arg, const char *local, const struct learned_view *);
bool queue_learned_each(struct queue *, const char *domain, const char *after,
    unsigned max, int64_t now, queue_learned_cb *, void *arg);

/* ---- a queue over a shared store (store.h): queue_conf.shared. A domain's
 * mail is in the index only while the domain is ours; queue_load() finds the
 * mail in the local spool of this node. */

/* The domains are ours now: their stored parts are indexed, as at a start, and
 * can be delivered meanwhile. Repeated calls have no effect. Some hundreds per
 * call, since it takes its time. */
void queue_attach(struct queue *, const char *const *domains, unsigned n);
/* Stops handing out the domain's parts. When all are back and their outcomes
 * written, its parts are dropped from the index and `done` is called, once for
 * each call, from the loop; the domain must not be given away before.
 * queue_attach() meanwhile cancels it: `kept`. */
typedef void queue_left_cb(void *arg, const char *domain, bool kept);
void queue_detach(struct queue *, const char *domain, queue_left_cb *done,
    void *arg);
/* Detaches all domains at once, without callbacks: another node has our place.
 * Outcomes of parts that are out are not written. */
void queue_detach_all(struct queue *);
bool queue_is_attached(const struct queue *, const char *domain);
/* Another node has accepted mail, for any domain. */
void queue_arrived(struct queue *, const struct envelope_brief *);
/* Another node has written small state; the keys are the same as ours. */
void queue_told(struct queue *, const char *key, const void *, size_t len);
/* The store reports whether shared parts may be handed out (store.h, `holds`).
 * Local parts are not affected. */
void queue_holds(struct queue *, bool);
/* The engine is back: local parts are moved to it, in slices. */
void queue_move_local(struct queue *);
/* The same for the local parts that are left, unless a move is in progress:
 * they were stored locally though the engine was not away for long, or had no
 * standby, or their move failed. */
void queue_move_rest(struct queue *);
/* The number of local parts that were not moved yet; the arrival of the oldest,
 * wall (0: none). */
void queue_local(const struct queue *, uint64_t *messages, int64_t *oldest_ms);

/* A connection to the domain could not be made, or the greeting was 421. The
 * queue then wants no connections for a growing pause. */
void queue_connect_failed(struct queue *, const char *domain);

/* The relay seam (relay/relay.h) over this queue. */
const struct relay *queue_relay(struct queue *);

#endif
