/* SPDX-License-Identifier: ISC
 * deliver_int: what the files of this folder know of each other:
 *
 *	deliver.c	who gets a connection
 *	target.c	one destination: its hosts' failures, its pauses
 *	target_route.c	where its mail goes
 *	work.c		the jobs in our hands
 *	outbound.c	one connection
 *	transfer.c	the jobs on it
 *
 * A session never creates or frees sessions: it tells its destination, and
 * deliver.c acts on that from a task, after the callbacks of the turn. */
#ifndef MX_DELIVER_INT_H
#define MX_DELIVER_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "relay/deliver/bounce.h"
#include "relay/deliver/deliver.h"
#include "relay/store/store.h"
#include "smtp/client.h"

#define DELIVER_CANDIDATES 16 /* addresses tried for one connection */
#define DELIVER_PENALTY_MS 60000 /* a failed host comes last, TLS is left out */
#define DELIVER_RCPTS	   100 /* of one transaction (RFC 5321 4.5.3.1.8) */
#define DELIVER_PIECE	   (256 * 1024) /* of a body in memory */

struct target;

struct candidate {
	char name[TEXT_DOMAIN_MAX];
	char label[TEXT_DOMAIN_MAX + 8];
	struct net_addr addr;
	struct dane *dane; /* NULL: not asked for */
};

/* What is remembered of a host for a while. */
struct host_note {
	char label[TEXT_DOMAIN_MAX + 8];
	int64_t down_until_ns, clear_until_ns;
};

enum outbound_state {
	SESSION_CONNECT, /* TCP is awaited */
	SESSION_HELLO, /* greeting, EHLO, STARTTLS until ready */
	SESSION_IDLE, /* ready, no work */
	SESSION_LOAD, /* a job is taken, its body is awaited */
	SESSION_SEND, /* a transaction, until its last reply */
	SESSION_QUIT, /* QUIT was sent */
	SESSION_GONE, /* to be freed by the task */
};

/* A job in our hands, from queue_take() to bounce_finish(). */
struct work {
	struct outbound *session;
	struct queue_job *job;
	struct envelope *env; /* NULL until loaded */
	char *data; /* the beginning of the body */
	size_t len;
	uint64_t load; /* store request, 0 none */
	int rc; /* of loading */
	bool loaded;
	uint32_t next_rcpt; /* those before it were tried in this attempt */
	uint32_t pending, delivered, failed; /* before this attempt */
	int64_t start_ns; /* of the attempt, 0 not begun */
	int64_t latency_ns;
	uint16_t code; /* of the last reply that decided something */
	struct smtp_status status;
	char reply[256];
};

struct outbound {
	TAILQ_ENTRY(outbound) link; /* in target */
	TAILQ_ENTRY(outbound) list; /* in deliver: idle, or gone */
	struct target *target;
	enum outbound_state state;
	struct config *conf; /* as it was when the session began */
	const struct conf_deliver *set;
	struct candidate *cand;
	unsigned ncand, at; /* cand[at] is the one in use */
	struct conn *conn;
	struct smtp_client *client;
	bool foreign; /* of a domain that nobody configured */
	bool clear; /* TLS failed with this host: without it */
	bool handshake; /* TLS is being set up */
	int64_t since_ns; /* of being ready */
	unsigned messages; /* transactions begun */
	unsigned accepted; /* messages it took */
	struct work *cur, *next; /* next: loaded ahead */
	/* The transaction under way. */
	struct smtp_client_rcpt rcpts[DELIVER_RCPTS];
	uint32_t map[DELIVER_RCPTS]; /* -> index in the envelope */
	bool taken[DELIVER_RCPTS]; /* 2xx to RCPT */
	unsigned nrcpts;
	bool answered; /* by any reply */
	int64_t phase_ns; /* phases' sum when it began */
	/* Its body. */
	bool body; /* being sent */
	bool sent; /* the final dot too */
	uint64_t body_at; /* handed to the client */
	uint32_t crc;
	char *piece; /* read and not yet handed over */
	size_t piece_len;
	uint64_t read; /* store request, 0 none */
};
TAILQ_HEAD(outbound_list, outbound);

struct target {
	RB_ENTRY(target) node;
	TAILQ_ENTRY(target) dirty_link, wait_link;
	bool dirty, waiting;
	struct deliver *deliver;
	char domain[TEXT_DOMAIN_MAX];
	unsigned wanted;
	struct outbound_list sessions;
	unsigned nsessions;
	unsigned nbusy; /* connecting or working */
	struct route_req *req;
	bool req_foreign; /* counted in deliver.lookups */
	struct route *route; /* NULL: none known */
	int64_t route_until_ns;
	struct loop_timer *timer; /* for closed_until_ns */
	int64_t closed_until_ns; /* no new connection before */
	unsigned fails; /* in a row */
	struct host_note notes[ROUTE_HOST_MAX];
	struct work *refuse; /* being failed without a connection */
};
RB_HEAD(target_tree, target);
int target_cmp(const struct target *, const struct target *);
RB_PROTOTYPE(target_tree, target, node, target_cmp)
TAILQ_HEAD(target_list, target);

struct deliver {
	struct loop *loop;
	struct dns *dns;
	struct store *store;
	struct queue *queue;
	struct bounce *bounce;
	struct stats *stats;
	struct deliver_ops ops;
	struct config *conf;
	const struct route_self *self;
	struct tls_ctx *tls, *tls_strict; /* NULL: could not be made */
	struct loop_task *task;
	struct loop_timer *drain_timer;
	struct target_tree targets;
	struct target_list dirty; /* to be looked at by the task */
	struct target_list waiting; /* want a connection beyond the total */
	struct outbound_list idle; /* the longest idle first */
	struct outbound_list gone;
	unsigned nsessions;
	unsigned nforeign; /* sessions of domains that nobody configured */
	unsigned lookups; /* routes being looked up for them */
	unsigned jobs; /* out */
	bool draining, ended;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* ---- outbound.c */
/* Begins to connect to cand[0..n), one after the other; takes cand. */
struct outbound *
outbound_create(struct target *, struct candidate *cand, unsigned n);
void outbound_kick(struct outbound *); /* idle: there may be work */
void outbound_quit(struct outbound *); /* idle or connecting: end it */
void outbound_abort(struct outbound *); /* at once; its jobs go back */
void outbound_free(struct outbound *); /* only when GONE */

/* For transfer.c: */
void outbound_set(struct outbound *, enum outbound_state);
void outbound_gone(struct outbound *); /* cur has been ended */
void outbound_next(struct outbound *); /* the server awaits a transaction */
void outbound_pump(struct outbound *); /* act on what the engine has to say */
const struct candidate *outbound_host(const struct outbound *);
/* One more would be too many, or it is of an old configuration. */
bool outbound_spent(const struct outbound *);
bool outbound_full(const struct outbound *); /* the server takes none more */
/* For reach.c: what the connection says (a conn_event_cb). */
void outbound_event(struct conn *, enum conn_event, void *arg);

/* ---- reach.c */
void reach_connect(struct outbound *); /* to the candidate at hand */
void reach_dialogue(struct outbound *); /* connected: the engine begins */
void reach_tls(struct outbound *); /* the server is ready for it */
/* The next candidate has its turn, or the session is gone. */
void reach_failed(struct outbound *, enum smtp_phase, uint16_t code,
    const char *text);
/* TLS did not come about though it was offered: once more in clear, if that
 * is allowed. */
void reach_tls_failed(struct outbound *, uint16_t code, const char *text);
void reach_drop(struct outbound *); /* the connection and its engine */
/* How it was decided whether there is TLS: the word of the configuration, or
 * what DANE made of it for this host. */
const char *reach_tls_by(const struct outbound *);

/* ---- transfer.c */
/* The job is loaded: begins its transaction, or ends it when there is none to
 * be had. True when it has begun. */
bool transfer_begin(struct outbound *);
void transfer_batch(struct outbound *); /* the next hundred recipients */
void transfer_loaded(void *arg, struct store_loaded *); /* a store_load_cb */
void transfer_rcpt(struct outbound *, const struct smtp_client_info *);
/* Goes on with the body as far as the peer and the disk let it. */
void transfer_body(struct outbound *);
void transfer_drop_body(struct outbound *);
void transfer_sent(struct outbound *, const struct smtp_client_info *);
/* The connection went down under cur. */
void transfer_lost(struct outbound *, enum smtp_phase,
    const struct smtp_reply *, const char *text);
void transfer_return(struct outbound *, struct work **); /* NULL is fine */

/* ---- target.c */
struct target *target_get(struct deliver *, const char *domain); /* or new */
void target_free(struct target *);
/* Frees it when nothing is under way and nothing is worth remembering. */
void target_forget(struct target *);
void target_touch(struct target *); /* look at it from the task */
bool target_is_ours(const struct target *); /* its domain is configured */
struct host_note *target_note(struct target *, const char *label);
void target_close(struct target *); /* no connection for a growing pause */
/* The session is ready for work for the first time. */
void target_ready(struct target *, const struct outbound *);
/* Every candidate of a session failed; the last of them so. */
void target_failed(struct target *, const char *host, enum smtp_phase,
    uint16_t code, const char *text);
void target_outcome(struct target *, const struct deliver_outcome *);

/* ---- target_route.c */
void target_route_begin(struct target *); /* unless it is under way */
void target_route_end(struct target *);
void target_route_drop(struct target *); /* forgets what was found */
/* The addresses to try, in order; DELIVER_CANDIDATES at most, NULL for none.
 * The caller owns them. */
struct candidate *target_candidates(struct target *, unsigned *n);

/* ---- work.c */
struct work *
work_take(struct target *, struct outbound *, size_t body_max, store_load_cb *);
/* Ends the job; *w is gone. */
void work_end(struct deliver *, struct work **w, enum job_outcome);
/* Counts and logs the attempt. `phase`: in which it ended. */
void work_report(struct target *, const struct work *, const struct outbound *,
    enum smtp_phase, const char *note);
/* The domain takes no mail: fails its jobs, one after the other (there are
 * few of them). */
void target_refuse(struct target *);

/* ---- deliver.c */
/* May a session that has just ended a message take another? */
bool target_goes_on(const struct target *);
/* Is somebody without a connection waiting for one of ours? */
bool target_yields(const struct target *);

#endif
