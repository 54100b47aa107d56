/* SPDX-License-Identifier: ISC
 * deliver: takes parts from the queue and delivers them to the domain's
 * primaries: route, connections (kept open, shared by the domains of a host,
 * within its window), the SMTP dialogue (smtp/client.h), the result of each
 * recipient. Permanent failures go through bounce.h before they leave the
 * queue.
 *
 * Example: the queue wants 3 connections for a.test. deliver_want() creates a
 * destination, the task looks up its route (mx.test, 10) and puts it into the
 * line of mx.test's lane for `tls = may`. The host's window is 1, a canary: one
 * session connects and takes a.test's oldest part. The reply to the final dot
 * delivers it and opens the window to 2: the session takes a part of the first
 * destination in the line, perhaps b.test; a second session is started. When
 * the queue has nothing more, both idle and quit after `deliver { idle }`. Loop
 * thread only. */
#ifndef MX_DELIVER_DELIVER_H
#define MX_DELIVER_DELIVER_H

#include "config/config.h"
#include "net/conn.h"
#include "net/route.h"
#include "primary/place.h"
#include "primary/reach.h"
#include "relay/mail_log.h"
#include "relay/queue/queue.h"
#include "smtp/phase.h"

struct deliver;
struct bounce;

/* The result of a connection to a primary, for the health machine. Only results
 * that say something of the primary are reported: not the refusal of a
 * recipient; DNS trouble as neutral (`dns`). */
struct deliver_outcome {
	bool ok; /* it took a message */
	bool dns; /* the resolver failed: neutral */
	bool self; /* we seem to be the best MX: hold and alarm */
	bool backup; /* the host is a backup, not a primary: it got nothing */
	bool more; /* of a failure: another host of the domain is tried next */
	enum smtp_phase phase; /* of the failure */
	uint16_t code;
	const char *host; /* label, independent of the peer; "" unknown */
	const char *text; /* peer text */
	/* start of the failed connection; loop time, 0: none */
	int64_t begun_ns;
};

struct deliver_ops {
	void (*outcome)(void *arg, const char *domain,
	    const struct deliver_outcome *);
	/* Is that host of the domain known to be down? Then a worse one is
	 * used. NULL: unknown. */
	bool (*down)(void *arg, const char *domain, const char *label);
	/* The limit of connections to a host, set by the domains known to list
	 * that label, or a host with these addresses (host_key()); 0: none.
	 * *counts: `domain` is one of them. Later changes come by
	 * deliver_bound(). NULL: unknown. */
	unsigned (*connections)(void *arg, const char *label,
	    const char *domain, bool *counts);
	unsigned (*connections_at)(void *arg, const char *key);
	/* The best EHLO offer of the host with that label, as far as it is
	 * remembered: CLIENT_EXT_*, and its SIZE (0: no limit). False: unknown.
	 * NULL: always unknown. */
	bool (*offered)(void *arg, const char *label, unsigned *ext,
	    uint64_t *size);
	/* An attempt to deliver the message of a drill (ENV_DRILL). NULL:
	 * nobody asks. */
	void (*drilled)(void *arg, const struct envelope *,
	    const struct mail_log_attempt *);
	void *arg;
};

/* The delivery module's view of a host. */
struct deliver_host_view {
	unsigned window, window_max; /* connections allowed now; at most */
	unsigned ceiling; /* learned from refusals; 0: none */
	unsigned connections, working; /* open; of these at a message */
	bool canary; /* one message alone until one is taken */
	int64_t paused_ns; /* time left without connections; 0: not paused */
	uint64_t refused; /* connections that did not become ready */
	int64_t latency_ns; /* baseline of a transaction; 0: unknown */
	unsigned max_messages, max_rcpts; /* learned; 0: none */
	int64_t gap_ns; /* wait between messages, learned; 0: none */
	/* time left in which it gets DATA only; 0: none */
	int64_t chunks_off_ns;
	bool alone; /* no pipelined messages on a connection, for a minute */
};

/* The reach_env is borrowed: probes share its memory of addresses. */
struct deliver *deliver_create(struct loop *, struct dns *, struct store *,
    struct queue *, struct bounce *, struct stats *, const struct reach_env *,
    const struct deliver_ops *);
/* Ends all sessions; their jobs go back to the queue as JOB_RETURNED. */
void deliver_destroy(struct deliver **);
/* Applies a new configuration; takes a reference. Idle connections end now, the
 * others after their message, so that nothing goes to a host that is no longer
 * a primary. `self` is borrowed and must live until the next call. */
void deliver_configure(struct deliver *, struct config *,
    const struct route_self *self);
/* queue_ops.want */
void deliver_want(struct deliver *, const char *domain, unsigned connections);
/* A host of the domain went down (deliver_ops.down), or the domain has other
 * settings: a waiting destination chooses its host again. */
void deliver_choose_again(struct deliver *, const char *domain);
/* The domain's settings changed within the same configuration: its route is
 * looked up again. */
void deliver_route_again(struct deliver *, const char *domain);
/* Shutdown: takes no more parts; `idle` is called when the last job is back in
 * the queue. */
void deliver_drain(struct deliver *, void (*idle)(void *arg), void *arg);
unsigned deliver_connections(const struct deliver *);
/* Limits the connections in all, below deliver_connections, to the descriptors
 * there are. Excess connections end with deliver_configure(). */
void deliver_limit(struct deliver *, unsigned most);
/* The smaller of both limits. */
unsigned deliver_connections_max(const struct deliver *);
/* The window of the host that the domain's mail goes to; 1 when none is
 * chosen. */
unsigned deliver_window(const struct deliver *, const char *domain);
/* An operator orders a flush: the host with that label, and the one with these
 * addresses (NULL: unknown), may get BDAT again after a stumble; also a host
 * that is only remembered. */
void deliver_chunks_again(struct deliver *, const char *label,
    const struct route_host *, const struct net_addr *source);
/* The host with these addresses has recovered, under any name, for connections
 * from `source` (NULL: any): ends its pause and starts with a canary. */
void deliver_recovered(struct deliver *, const struct route_host *,
    const struct net_addr *source);
/* The limit of deliver_ops.connections or .connections_at for a host
 * changed. */
void deliver_bound(struct deliver *, const char *label, unsigned most);
void deliver_bound_at(struct deliver *, const char *key, unsigned most);
/* A probe of the host failed: its next success is a recovery. */
void deliver_doubted(struct deliver *, const struct route_host *,
    const struct net_addr *source);
/* host_works() of that host; false: nothing was delivered there. */
bool deliver_working(const struct deliver *, const struct route_host *,
    const struct net_addr *source, int64_t since_ns);
/* Connections of probes among those of deliveries; see primary/place.h. */
bool deliver_place_take(struct deliver *, struct place *,
    const struct route_host *, const struct net_addr *source);
void deliver_place_give_back(struct deliver *, struct place *);
/* The view of the host that deliveries met under that label, or else of the one
 * with these addresses (NULL: unknown). If nothing was delivered there: only
 * chunks_off_ns, from memory; false, and zeroes, when that has nothing. */
bool deliver_host_view(const struct deliver *, const char *label,
    const struct route_host *, const struct net_addr *source,
    struct deliver_host_view *);

#endif
