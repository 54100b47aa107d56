/* SPDX-License-Identifier: ISC
 * deliver: takes parts from the queue and hands them to the domain's
 * primaries: route, connections (kept, shared by the domains of a host, within
 * its window), the SMTP dialogue (smtp/client.h), the result of each recipient.
 * What failed for good goes through bounce.h before it leaves the queue.
 *
 * Example: the queue wants 3 connections for a.test. deliver_want() makes a
 * destination, the task looks up its route (mx.test, 10) and puts it into the
 * line of mx.test's lane for `tls = may`. The host's window is 1, a canary: one
 * session is reached and takes a.test's oldest part. The reply to the dot
 * delivers it and opens the window to 2: the session takes the part of whoever
 * is first in the line now, perhaps b.test; a second session is begun. When the
 * queue has nothing more, both idle and quit after `deliver { idle }`.
 * Loop thread only. */
#ifndef MX_DELIVER_DELIVER_H
#define MX_DELIVER_DELIVER_H

#include "config/config.h"
#include "net/conn.h"
#include "net/route.h"
#include "primary/place.h"
#include "primary/reach.h"
#include "relay/queue/queue.h"
#include "smtp/phase.h"

struct deliver;
struct bounce;

/* The lesson of a connection to a primary, for the health machine. Only what
 * says something of the primary is reported: not DNS trouble (`dns` true:
 * neutral), not a recipient's refusal. */
struct deliver_outcome {
	bool ok; /* it took a message */
	bool dns; /* the resolver failed: says nothing of the primary */
	bool self; /* we seem to be the best MX: hold and alarm */
	bool backup; /* that host is one, and no primary: it got nothing */
	bool more; /* of a failure: another host of the domain is tried next */
	enum smtp_phase phase; /* of the failure */
	uint16_t code;
	const char *host; /* label, peer-independent; "" unknown */
	const char *text; /* peer text */
	int64_t begun_ns; /* the connection that failed; loop time, 0: none */
};

struct deliver_ops {
	void (*outcome)(void *arg, const char *domain,
	    const struct deliver_outcome *);
	/* Is that host of the domain known to be down? A worse one is used
	 * then. NULL: nobody knows. */
	bool (*down)(void *arg, const char *domain, const char *label);
	/* How many connections a host may have at most, by all domains that
	 * are known to have one with that label in their list, or one with
	 * these addresses (host_key()); 0: none is. *counts: `domain` is one of
	 * them. What is said later is for deliver_bound(). NULL: nobody knows. */
	unsigned (*connections)(void *arg, const char *label,
	    const char *domain, bool *counts);
	unsigned (*connections_at)(void *arg, const char *key);
	/* The most that EHLO of the host with that label has offered, as far as
	 * it is remembered: CLIENT_EXT_*, and its SIZE (0: no limit). False:
	 * nothing is. NULL: nobody knows. */
	bool (*offered)(void *arg, const char *label, unsigned *ext,
	    uint64_t *size);
	void *arg;
};

/* Knowledge of deliveries about a host. */
struct deliver_host_view {
	unsigned window, window_max; /* connections now; the most */
	unsigned ceiling; /* learned from refusals; 0: none */
	unsigned connections, working; /* open; of them at a message */
	bool canary; /* one message alone, until one got through */
	int64_t paused_ns; /* no connection for so long; 0: not paused */
	uint64_t refused; /* connections that did not become ready */
	int64_t latency_ns; /* baseline of a transaction; 0: unknown */
	unsigned max_messages, max_rcpts; /* learned; 0: none */
	int64_t gap_ns; /* between messages, learned; 0: none */
	int64_t chunks_off_ns; /* it gets DATA for so long; 0: it does not */
	bool alone; /* one message at a time on a connection, for a minute */
};

/* The environment is borrowed: probes share its memory of addresses. */
struct deliver *deliver_create(struct loop *, struct dns *, struct store *,
    struct queue *, struct bounce *, struct stats *, const struct reach_env *,
    const struct deliver_ops *);
/* Ends all sessions; their jobs go back to the queue as JOB_RETURNED. */
void deliver_destroy(struct deliver **);
/* New settings; takes a reference. Open connections end, those that are at a
 * message after it, so that nothing goes to a primary that is none any more.
 * `self` is borrowed and must live until the next call. */
void deliver_configure(struct deliver *, struct config *,
    const struct route_self *self);
/* queue_ops.want */
void deliver_want(struct deliver *, const char *domain, unsigned connections);
/* A host of the domain went down (deliver_ops.down), or the domain has other
 * settings: who waits in a line goes where it should now. */
void deliver_choose_again(struct deliver *, const char *domain);
/* It goes by other settings from now on, under the same configuration: its route is
 * looked up anew. */
void deliver_route_again(struct deliver *, const char *domain);
/* Shutdown: take nothing more; `idle` is called when the last job is back. */
void deliver_drain(struct deliver *, void (*idle)(void *arg), void *arg);
unsigned deliver_connections(const struct deliver *);
/* So many connections in all, whatever deliver_connections allows: there are no
 * more descriptors. What is open ends with deliver_configure(). */
void deliver_limit(struct deliver *, unsigned most);
/* The most that both allow. */
unsigned deliver_connections_max(const struct deliver *);
/* Of the host that the domain's mail goes to; 1 when none is chosen. */
unsigned deliver_window(const struct deliver *, const char *domain);
/* An operator orders a flush: the host under that label, and the one with these
 * addresses (NULL: not known), gets BDAT again, though it has stumbled over it;
 * also one that is only remembered. */
void deliver_chunks_again(struct deliver *, const char *label,
    const struct route_host *, const struct net_addr *source);
/* The host with these addresses, under whichever name, is back, for connections
 * from `source` (NULL: any): no pause any more, a canary first. */
void deliver_recovered(struct deliver *, const struct route_host *,
    const struct net_addr *source);
/* The bound of deliver_ops.connections or .connections_at for a host
 * changed. */
void deliver_bound(struct deliver *, const char *label, unsigned most);
void deliver_bound_at(struct deliver *, const char *key, unsigned most);
/* Its probe failed: the next recovery is one. */
void deliver_doubted(struct deliver *, const struct route_host *,
    const struct net_addr *source);
/* host_works() of that host; false: no delivery has gone there. */
bool deliver_working(const struct deliver *, const struct route_host *,
    const struct net_addr *source, int64_t since_ns);
/* Places for what is no delivery; see primary/place.h. */
bool deliver_place_take(struct deliver *, struct place *,
    const struct route_host *, const struct net_addr *source);
void deliver_place_give_back(struct deliver *, struct place *);
/* Of the host that deliveries met under that label, else of the one with these
 * addresses (NULL: not known). None has gone there: only chunks_off_ns, by what is
 * remembered of it; false, and zeroes, when nothing is. */
bool deliver_host_view(const struct deliver *, const char *label,
    const struct route_host *, const struct net_addr *source,
    struct deliver_host_view *);

#endif
