/* SPDX-License-Identifier: ISC
 * queue: decides what is delivered when. It keeps a small index of every
 * stored part in memory (some 90 bytes each, parts.c; bodies and
 * envelopes stay in the store), one destination per domain, and for each
 * destination: what is ready, what waits for its retry time, what expires next, how many
 * parts may be out at once, and the flush under way.
 * Deliverers pull: queue_take() when they can send, queue_done() after.
 * Nothing is attempted while a gate is closed; age goes on per message.
 * Loop thread only. */
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
struct queue_intake; /* one message on its way in */

enum queue_gate {
	GATE_CLOSED, /* primary down, or nothing known yet */
	GATE_OPEN,
};

/* How a destination is to be treated; from the configuration's domain, or
 * from its defaults for one that is not (or no longer) configured. */
struct queue_policy {
	int64_t lifetime_ms;
	int64_t delay_warning_ms[8]; /* ascending */
	size_t ndelay_warning;
	unsigned out_max; /* parts out at once; 0 is one */
	int64_t retry_first_ms, retry_max_ms;
	int64_t refusal_grace_ms; /* see primary/judge.h: believed */
	int64_t vault_keep_ms; /* 0: nothing is kept */
	uint32_t learn_max; /* names of recipients; 0: nothing is learned */
	int64_t learn_apart_ms; /* two refusals, until a name is bad */
};

/* One part on its way. For the deliverer to read, but for `put_off_ms`. */
struct queue_job {
	uint64_t id;
	const char *domain; /* canonical; lives as long as the job is out */
	uint32_t attempts; /* before this one */
	int64_t arrival_ms;
	bool canary;
	bool alone; /* not behind another on a connection, nor another behind
		     * it: a canary, a trial, or there is evidence */
	bool given_up; /* expire: the operator's will, not the lifetime */
	bool waited; /* expire: its notification was put off before */
	int64_t expiry_ms; /* wall; 0: not while its domain is on hold */
	int64_t put_off_ms; /* set before queue_done(): the notification that
			     * env still owes can be tried after so long */
	int64_t wait_ms; /* the same: what is pending is not tried before */
};

enum job_outcome {
	JOB_TRIED, /* the server answered for each recipient: see env */
	JOB_LOST, /* the connection broke, or 421: nothing decided for the
		       * pending recipients */
	JOB_RETURNED, /* not tried at all: back to where it was */
	JOB_DAMAGED, /* the stored record or body does not hold: kept, held,
		       * reported; never sent */
	JOB_GONE, /* it is not there: another has it, or had it */
};

/* Callbacks that daemon.c wires. `want`: n connections to the domain would have
 * work now (0: none); called when it changes, and with the same n again when
 * there is work once more for a deliverer that got NULL from queue_take().
 * `expire` and `warn`: the part's time has come, or a notification that was put
 * off is to be tried again (then nothing may be pending); the callee owns the
 * job until queue_done(). `want`, `flush` and `breaker` come from the loop,
 * never from inside a call to the queue. */
struct queue_ops {
	void (*want)(void *arg, const char *domain, unsigned connections);
	void (*expire)(void *arg, struct queue_job *);
	void (*warn)(void *arg, struct queue_job *, unsigned stage);
	/* A flush began or ended; `ok` says that it was not cut off. */
	void (
	    *flush)(void *arg, const struct relay_flush *, bool begin, bool ok);
	/* The breaker of the domain is closed: its primary refuses for good what
	 * it should take; or it is open again. `tell`: somebody is to be told,
	 * once: not after a restart, and of one of those that are closed
	 * together. `reply` is peer text. */
	void (*breaker)(void *arg, const char *domain, bool closed, bool tell,
	    const char *reply);
	/* What others know, for the judge; NULL: nothing. Does the domain's list
	 * name that mailbox itself? When did the primary take the probe's
	 * recipient last (wall ms, 0: never, or it refused it since)? */
	bool (*listed)(void *arg, const char *domain, const char *mailbox);
	int64_t (*shown)(void *arg, const char *domain);
	/* What is learned of `mailbox` is learned of `as` (PATH_MAILBOX_MAX):
	 * without what the domain's rules let its owner write into it. NULL: of
	 * itself. */
	void (*known_as)(void *arg, const char *domain, const char *mailbox,
	    char *as);
	void *arg;
};

struct queue_conf {
	uint32_t max_messages; /* queue_commit() refuses beyond: -MX_EFULL */
	uint32_t known_names; /* of a domain, see knowledge.h */
	uint32_t learned_names; /* of all domains, see learned.h */
	int64_t
	    clock_step_ms; /* 0: the wall clock is believed; see clock_step.h */
	int64_t clock_settle_ms;
	bool shared; /* domains are not ours until queue_attach() */
};

struct queue *queue_create(struct loop *, struct store *, struct stats *,
    const struct queue_conf *, const struct queue_ops *);
/* All jobs are back by now. Call it before store_close(): it has a last thing
 * to write; what is committed after it is not reported any more. */
void queue_destroy(struct queue **);
/* Starts to index what is stored. Until it is done queue_loading() is true;
 * mail flows meanwhile. Also restores holds and extensions. */
void queue_load(struct queue *);
bool queue_loading(const struct queue *);
/* For how many ms more nothing expires and no delay is told of, because the
 * wall clock leapt ahead; 0: all is well. */
int64_t queue_clock_doubt(const struct queue *);

/* Sets or replaces the policy of a domain; what is queued follows at once. A
 * new domain's gate is closed; a NULL policy makes the domain one that nobody
 * configured. Policies come before queue_load(). */
void
queue_policy(struct queue *, const char *domain, const struct queue_policy *);
void queue_policy_default(struct queue *, const struct queue_policy *);
/* How much the vault may hold; see vault.c. */
void queue_vault(struct queue *, uint64_t size);
/* How long the delivery of our own reports is tried, wherever they go. */
void queue_reports(struct queue *, int64_t lifetime_ms);
/* Destinations nobody configured (our DSNs, removed domains) are open. */
void queue_gate(struct queue *, const char *domain, enum queue_gate);

/* ---- intake: the one door for new mail, of the SMTP sessions and of the
 * notification writer. A message is begun, appended to piece by piece, and
 * committed or aborted; nothing of it can be taken or seen before its commit
 * is durable. Small bodies stay in memory until then, large ones go to the
 * disk as they come (store.h). All are ended before queue_destroy().
 *
 *	in = queue_begin(q);		header with queue_intake_id(in)
 *	rc = queue_append(in, p, n);	again and again; rc < 0: queue_abort()
 *	queue_commit(&in, parts, n, committed, arg, token);
 *	-> committed(arg, token, 0, id)	durable: the client gets its 250 */
struct queue_intake *queue_begin(struct queue *);
uint64_t queue_intake_id(const struct queue_intake *); /* of its part 0 */
/* 0; -MX_EFULL: no space; -MX_EIO. After a failure only queue_abort(). */
int queue_append(struct queue_intake *, const void *, size_t) MX_NODISCARD;
/* True while too much of this body waits for the disk: stop reading the
 * peer; `space` is called once, from the loop, when it is worth going on. */
bool
queue_congested(struct queue_intake *, void (*space)(void *arg), void *arg);
/* Who brought it, for its line in the log: the module, and ready fields with a
 * blank before each (relay/mail_log.h). */
void
queue_intake_by(struct queue_intake *, const char *module, const char *fields);
void queue_abort(struct queue_intake **); /* no-op when NULL */
/* Called once for each commit, from the loop: 0: durable, and queued as `id`;
 * -MX_EFULL: no space, or max_messages; -MX_EIO. `token` is the caller's id of
 * what asked, which may be gone by then; it comes after queue_destroy(), too. */
typedef void queue_commit_cb(void *arg, uint64_t token, int rc, uint64_t id);
/* Consumes the intake and the envelopes (the array itself is copied), one for
 * each domain, at most ENVELOPE_PART_MAX; fills in their ids and body. */
void queue_commit(struct queue_intake **, struct envelope **parts, unsigned n,
    queue_commit_cb *, void *arg, uint64_t token);
/* The store cannot write what becomes of messages, or can again (store.h,
 * `writable`). While it cannot, nothing is handed out: what cannot be noted
 * would be sent once more after a restart. */
void queue_writable(struct queue *, bool);
/* Can a message of so many bytes be taken now? 0, -MX_EFULL or -MX_EIO. */
int queue_accepting(const struct queue *, uint64_t size);
bool queue_full(const struct queue *); /* of max_messages */
/* The engine is away: what can be taken now lands here. */
bool queue_away(const struct queue *);
/* How near the bound of what waits for the disk is, in percent. */
unsigned queue_pressure(const struct queue *);

/* The next part for the domain, or NULL: nothing is ready, or the canary is
 * still out. Oldest first; every second one the newest, so that new mail is
 * not starved by an old backlog. */
struct queue_job *queue_take(struct queue *, const char *domain);
/* May it still be offered? No longer when, since it was taken, the gate of its
 * domain was closed or a hold or the like was ordered: then it is RETURNED. */
bool queue_job_stands(const struct queue_job *);
/* May it be handed on, right now? Not when another may be doing it, or has its
 * domain; asked before the server has all of it. */
bool queue_job_holds(const struct queue_job *);
/* Ends a job; the job is gone. `env` (borrowed; NULL for RETURNED) is the
 * envelope with what became of each recipient; parts with none pending are
 * removed, the others get their next time. What the sender is owed (rcpt_owes) must
 * have been reported (deliver/bounce.h) before; where it was not and nothing is
 * pending, the part stays and `expire` comes for it again. */
void queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
/* After a delay warning: `env.warned` has grown. */
void
queue_warned(struct queue *, struct queue_job *, const struct envelope *env);
/* Notifications that were put off are asked for at once: their budget has
 * changed. */
void queue_owed_again(struct queue *);
/* The verdict on what a server said of `mailbox` (or of the message: then any of
 * its pending recipients), or on what we found ourselves; the case's `known` is
 * filled in, but for `fitted`, which may be set before. It is learned from, and
 * perhaps the breaker is closed by it. `env` is the envelope as it was stored.
 * *again_ms: it is not to be tried again before that (0: any time). */
struct judge_verdict
queue_judge(struct queue *, const char *domain, struct judge_case *,
    const struct envelope *env, const char *mailbox, int64_t *again_ms);
/* The primary of a domain whose breaker is closed seems well: one message may go.
 * Nothing when it is open, or not yet time. */
void queue_trial(struct queue *, const char *domain);
/* The list has it, and the primary refused it for so long that it was believed,
 * after the list was made (wall ms). */
bool queue_refused_for_good(struct queue *, const char *domain,
    const char *mailbox, int64_t list_ms);

/* ---- recipients that were learned (learned.h), of domains with `learn_max`.
 * Deliveries teach by themselves. Names are found whatever their case, and by the
 * rules of the domain (queue_ops.known_as). Times are wall ms. */

/* Not of names that are too long to be stored (some 230 characters at least); no
 * refusal while queue_learn_doubts(). The mailbox of a test for catch-all is "". */
void queue_learn(struct queue *, const char *domain, const char *mailbox,
    enum learned_what, int64_t now);
/* False: nothing is learned of that domain; *view says unknown. */
bool queue_learned(struct queue *, const char *domain, const char *mailbox,
    int64_t now, struct learned_view *);
/* The primary is not itself, for the domain or for others (`label`: the host that
 * is asked, or NULL): there is evidence against it, or its breaker is closed; or
 * the wall clock is doubted. What is refused now teaches nothing. */
bool queue_learn_doubts(struct queue *, const char *domain, const char *label);
/* Up to `max` names behind `after` ("": from the first), ascending, each a local
 * part; true: there are more. `fn` changes nothing. */
typedef void
queue_learned_cb(void *arg, const char *local, const struct learned_view *);
bool queue_learned_each(struct queue *, const char *domain, const char *after,
    unsigned max, int64_t now, queue_learned_cb *, void *arg);

/* ---- a queue over a store that is shared (store.h): queue_conf.shared. Then a
 * domain's mail is here only while the domain is ours; queue_load() finds what
 * landed in the spool of this node. */

/* They are ours now: what is stored of them is indexed, as at a start, and goes
 * meanwhile. Once more is nothing. Some hundreds a call, for it takes its time. */
void queue_attach(struct queue *, const char *const *domains, unsigned n);
/* Nothing of it is handed out any more; when all is back and written down it is
 * forgotten, and `done` is called, once for each call, from the loop; before that
 * it is not to be given away. queue_attach() meanwhile takes that back: `kept`. */
typedef void queue_left_cb(void *arg, const char *domain, bool kept);
void queue_detach(struct queue *, const char *domain, queue_left_cb *done,
    void *arg);
/* The same of all, at once and without a word: another has our place. What is
 * out comes back, and nothing of it is written. */
void queue_detach_all(struct queue *);
bool queue_is_attached(const struct queue *, const char *domain);
/* Mail that another node took, of whatever domain. */
void queue_arrived(struct queue *, const struct envelope_brief *);
/* Small state was written by another node: the same keys as ours. */
void queue_told(struct queue *, const char *key, const void *, size_t len);
/* The store says that what is shared may be handed on, or may not (store.h,
 * `holds`). What landed here goes on. */
void queue_holds(struct queue *, bool);
/* The engine is back: what landed here is moved, in slices. */
void queue_move_local(struct queue *);
/* The same of what is here still, if nothing is on its way: it landed though the engine
 * was not away for long, or had no standby, or its move failed. */
void queue_move_rest(struct queue *);
/* How much landed here and is not moved yet; the oldest of it, wall (0: none). */
void queue_local(const struct queue *, uint64_t *messages, int64_t *oldest_ms);

/* A connection to the domain could not be made or greeted us with 421. The
 * queue then wants none for a growing pause. */
void queue_connect_failed(struct queue *, const char *domain);

/* The relay seam (relay/relay.h) over this queue. */
const struct relay *queue_relay(struct queue *);

#endif
