/* SPDX-License-Identifier: ISC
 * cluster: the nodes that share one queue, as this one sees them: who is alive,
 * whose the mail of a domain is, and whose it should be. It takes what has no owner,
 * fences who stands still, and gives away what another should have; it tells the
 * others what this node sees of the primaries, and carries requests between
 * nodes. The store has the tables (relay/store/store.h, "sharing"), the queue has
 * the mail; the daemon wires them here.
 *
 *	choose.c	which node a domain should be at (pure)
 *	nodes.c		who is alive, by our own clock
 *	units.c		whose is what
 *	walk.c		whose it should be; takes and gives
 *	wishes.c	what operators ordered
 *	verdicts.c	what each node sees of a primary
 *	ask.c		requests to other nodes, and their answers
 *
 * All that the nodes tell each other is small state of the store:
 *	node/NODE		lines: version, configuration, host name
 *	verdict/NODE/LABEL	"STATE SINCE CAUSE" of a primary
 *	pin/DOMAIN		"NODE STAMP": where an operator wants it; 0: no more
 *	lacks/NODE/DOMAIN	it gave that away, as it does not know it
 *	left/NODE		"1 STAMP": an operator took it out; 0: it may join
 *	ask/TO/FROM/NUMBER	a request, a line of the control protocol
 *	said/TO/FROM/NUMBER/PART	pieces of its answer
 *
 * Loop thread. Domains are canonical names; nodes go by number (1 to
 * STORE_NODE_MAX; 0: none) and have names for people. */
#ifndef MX_CLUSTER_CLUSTER_H
#define MX_CLUSTER_CLUSTER_H

#include "base/buf.h"
#include "net/loop.h"
#include "primary/health.h"
#include "relay/store/store.h"

struct cluster;

struct cluster_conf {
	int64_t lease_ms; /* store_conf */
	int64_t hold_ms; /* another sees the primary up for so long: it moves */
	const char *version, *config, *hostname; /* copied; config: a hash */
};

enum cluster_state { /* of a node */
	CLUSTER_LIVE,
	CLUSTER_LEFT, /* it is there, and takes no domains: an operator's will */
	CLUSTER_SILENT, /* stands still, for less than a lease */
	CLUSTER_STOPPED, /* gave its place back */
	CLUSTER_DEAD, /* stood still for a lease, and was fenced */
};
const char *cluster_state_name(enum cluster_state);

struct cluster_node { /* strings are borrowed until the loop goes on */
	unsigned id;
	const char *name;
	enum cluster_state state;
	int64_t silent_ms; /* since it stirred last */
	unsigned domains; /* it owns */
	const char *version, *config, *hostname; /* "": it has not told */
	bool us;
};

struct cluster_verdict {
	unsigned node;
	enum health_state state;
	int64_t since; /* wall seconds */
	const char *cause; /* "" */
};

struct cluster_ops {
	/* These domains are ours now; the domain is another's as soon as `left`
	 * is called for it (cluster_left()); all are another's, at once. */
	void (*attach)(void *arg, const char *const *domains, unsigned n);
	void (*detach)(void *arg, const char *domain);
	void (*detach_all)(void *arg);
	/* The primaries of that domain, by preference, as many as there is room
	 * for; how many that are. It is chosen by the first of them who owns it. */
	unsigned (*labels)(void *arg, const char *domain, const char **labels,
	    unsigned max);
	/* How many connections that primary takes from all of us; 0: any. */
	unsigned (*ceiling)(void *arg, const char *label);
	/* Something of it is going on that a move would disturb: a flush. */
	bool (*busy)(void *arg, const char *domain);
	/* The domain has another owner than before; a node says something else
	 * of that primary, or more of them send there. */
	void (*owned)(void *arg, const char *domain);
	void (*judged)(void *arg, const char *label);
	/* A request of another node: answered by cluster_said(), now or later,
	 * in pieces. */
	void (*asked)(void *arg, uint64_t ticket, const char *line);
	void *arg;
};

/* The store is open and shared. Reads who owns what; nothing is taken before
 * cluster_start(): the domains of the configuration are known by then. */
struct cluster *cluster_create(struct loop *, struct store *,
    const struct cluster_conf *, const struct cluster_ops *);
void cluster_start(struct cluster *);
void cluster_destroy(struct cluster **);
void cluster_configure(struct cluster *, const struct cluster_conf *);
/* Drained: nothing is taken or given any more. */
void cluster_stop(struct cluster *);

/* ---- what is going on */
/* A domain is in the configuration, or not any more. */
void cluster_domain(struct cluster *, const char *domain, bool configured);
/* What we see of a primary; told to the others when it changes. */
void cluster_see(struct cluster *, const char *label, enum health_state,
    int64_t since, const char *cause);
/* As queue_left_cb. */
void cluster_left(void *cluster, const char *domain, bool kept);
/* From the store's events. */
void cluster_nodes(struct cluster *, const struct store_node *, unsigned n);
void cluster_owner(struct cluster *, const char *domain, unsigned node);
/* True: that key is ours (all those above). */
bool cluster_told(struct cluster *, const char *key, const void *, size_t len);

/* ---- what is known */
bool cluster_is_ours(const struct cluster *, const char *domain);
unsigned cluster_owner_of(const struct cluster *, const char *domain);
/* "": no such node */
const char *cluster_node_name(const struct cluster *, unsigned node);
/* False: it was not seen yet. */
bool
cluster_node_state(const struct cluster *, unsigned node, enum cluster_state *);
/* Up to `max` of them, ascending by id. */
unsigned
cluster_list(const struct cluster *, struct cluster_node *, unsigned max);
/* What the nodes say of that domain's primaries, ours as well: the best of each. */
unsigned cluster_verdicts(const struct cluster *, const char *domain,
    struct cluster_verdict *, unsigned max);
/* The nodes that own a domain whose mail goes to that primary, a bit for each:
 * what it takes is divided by their number. */
uint32_t cluster_senders(const struct cluster *, const char *label);
/* Whose voice is heard about a primary: one node that is alive. Alone, or without
 * the engine: ours. */
bool cluster_speaks(const struct cluster *, const char *label);
struct cluster_view {
	unsigned node, nodes; /* ours; all that were ever there */
	unsigned live, missing; /* missing: silent or dead */
	unsigned domains, ours, unowned; /* of the configuration */
	unsigned leaving; /* on their way to another node */
	unsigned
	    differing; /* live nodes with another configuration than ours */
	const char *name;
	bool left; /* we were taken out */
};
void cluster_view(const struct cluster *, struct cluster_view *);

/* ---- what an operator does; 0, -MX_ENOENT: no such node or domain; -MX_EBUSY: the
 * node is not there to take it, or (takeover) it stirs; or nobody would hear of it:
 * our place is another's, and all that can be done is to join */
/* It stays there; node 0: it may go where it should. */
int cluster_move(struct cluster *, const char *domain, unsigned node);
int cluster_release(struct cluster *, unsigned node); /* takes it out */
/* It is dead, the operator says: its domains are free before the lease is over. */
int cluster_takeover(struct cluster *, unsigned node);
int cluster_join(struct cluster *, unsigned node);

/* ---- requests to other nodes. `said` is called with pieces of the answer in their
 * order, the last one with `end`; rc -MX_ENET: none came in time. Returns a ticket
 * for cluster_forget(). */
#define CLUSTER_ASK_MS	 10000
#define CLUSTER_LINE_MAX 65536
typedef void
cluster_said_cb(void *arg, int rc, const char *text, size_t len, bool end);
uint64_t cluster_ask(struct cluster *, unsigned node, const char *line,
    cluster_said_cb *, void *arg);
void cluster_forget(struct cluster *, uint64_t ticket);
/* A piece of the answer to a request that came by ops.asked. */
void cluster_said(struct cluster *, uint64_t ticket, const char *text,
    size_t len, bool end);

#endif
