/* SPDX-License-Identifier: ISC
 * cluster: the nodes that share one queue, as seen by this one: which are
 * alive, which owns the mail of a domain, and which should. It takes unowned
 * domains, fences dead nodes, and gives domains away that another node should
 * have; it reports this node's view of the primaries, and passes requests
 * between nodes. The store has the tables (relay/store/store.h, "sharing"), the
 * queue has the mail; the daemon wires them here.
 *
 *	choose.c	which node a domain should be at (pure)
 *	nodes.c		which nodes are alive, by our own clock
 *	units.c		the owner of each domain
 *	walk.c		which should own it; takes and gives
 *	wishes.c	orders of operators
 *	verdicts.c	each node's view of a primary
 *	ask.c		requests to other nodes, and their answers
 *
 * Everything that the nodes tell each other is small state of the store:
 *
 *	node/NODE		lines: version, configuration, host name
 *	verdict/NODE/LABEL	"STATE SINCE CAUSE" of a primary
 *	pin/DOMAIN		"NODE STAMP": where an operator wants it; 0: no more
 *	lacks/NODE/DOMAIN	gave it away because it does not know it
 *	left/NODE		"1 STAMP": an operator took it out; 0: it may join
 *	ask/TO/FROM/NUMBER	a request, a line of the control protocol
 *	said/TO/FROM/NUMBER/PART	pieces of its answer
 *
 * Loop thread. Domains are canonical names; nodes are referred to by number (1
 * to STORE_NODE_MAX; 0: none) and have names for display. */
#ifndef MX_CLUSTER_CLUSTER_H
#define MX_CLUSTER_CLUSTER_H

#include "base/buf.h"
#include "net/loop.h"
#include "primary/health.h"
#include "relay/store/store.h"

struct cluster;

struct cluster_conf {
	int64_t lease_ms; /* store_conf */
	/* time for which another must see the primary up before a move */
	int64_t hold_ms;
	/* copied; config: a hash; url: of the status page, or NULL */
	const char *version, *config, *hostname, *url;
};

enum cluster_state { /* of a node */
	CLUSTER_LIVE,
	CLUSTER_LEFT, /* alive, but takes no domains, by an operator's order */
	CLUSTER_SILENT, /* no activity, for less than a lease */
	CLUSTER_STOPPED, /* released its place */
	CLUSTER_DEAD, /* no activity for a lease, and was fenced */
};
const char *cluster_state_name(enum cluster_state);

struct cluster_node { /* strings are valid during this turn of the loop */
	unsigned id;
	const char *name;
	enum cluster_state state;
	int64_t silent_ms; /* since its last activity */
	unsigned domains; /* owned */
	const char *version, *config, *hostname, *url; /* "": not reported */
	bool us;
};

struct cluster_verdict {
	unsigned node;
	enum health_state state;
	int64_t since; /* wall seconds */
	const char *cause; /* "" */
};

struct cluster_ops {
	/* attach: these domains are ours now. detach: let go of the domain,
	 * which is another's when cluster_left() is called. The third: all are
	 * another's, at once. */
	void (*attach)(void *arg, const char *const *domains, unsigned n);
	void (*detach)(void *arg, const char *domain);
	void (*detach_all)(void *arg);
	/* The primaries of that domain, by preference, up to `max`; returns
	 * their number. The first one is used to choose the node. */
	unsigned (*labels)(void *arg, const char *domain, const char **labels,
	    unsigned max);
	/* Connections that the primary takes from all nodes; 0: any. */
	unsigned (*ceiling)(void *arg, const char *label);
	/* Is something under way that a move would disturb: a flush? */
	bool (*busy)(void *arg, const char *domain);
	/* The domain has a new owner; a node's verdict on that primary changed,
	 * or the number of nodes that send to it. */
	void (*owned)(void *arg, const char *domain);
	void (*judged)(void *arg, const char *label);
	/* A request of another node: to be answered by cluster_said(), now or
	 * later, in pieces. */
	void (*asked)(void *arg, uint64_t ticket, const char *line);
	void *arg;
};

/* The store must be open and shared. Reads the owners; takes nothing before
 * cluster_start(), when the domains of the configuration are known. */
struct cluster *cluster_create(struct loop *, struct store *,
    const struct cluster_conf *, const struct cluster_ops *);
void cluster_start(struct cluster *);
void cluster_destroy(struct cluster **);
void cluster_configure(struct cluster *, const struct cluster_conf *);
/* Drained: nothing is taken or given any more. */
void cluster_stop(struct cluster *);

/* ---- events */
/* A domain is in the configuration, or no longer. */
void cluster_domain(struct cluster *, const char *domain, bool configured);
/* Our verdict on a primary; reported to the others when it changes. */
void cluster_see(struct cluster *, const char *label, enum health_state,
    int64_t since, const char *cause);
/* As queue_left_cb. */
void cluster_left(void *cluster, const char *domain, bool kept);
/* From the store's events. */
void cluster_nodes(struct cluster *, const struct store_node *, unsigned n);
void cluster_owner(struct cluster *, const char *domain, unsigned node);
/* True: the key belongs to the cluster (all those above). */
bool cluster_told(struct cluster *, const char *key, const void *, size_t len);

/* ---- queries */
bool cluster_is_ours(const struct cluster *, const char *domain);
unsigned cluster_owner_of(const struct cluster *, const char *domain);
/* "": no such node */
const char *cluster_node_name(const struct cluster *, unsigned node);
/* False: not seen yet. */
bool
cluster_node_state(const struct cluster *, unsigned node, enum cluster_state *);
/* Up to `max` nodes, ascending by id. */
unsigned
cluster_list(const struct cluster *, struct cluster_node *, unsigned max);
/* The verdicts of the nodes, including ours, on that domain's primaries: the
 * best of each node. */
unsigned cluster_verdicts(const struct cluster *, const char *domain,
    struct cluster_verdict *, unsigned max);
/* The nodes that own a domain whose mail goes to that primary, a bit for each:
 * its limit is divided by their number. */
uint32_t cluster_senders(const struct cluster *, const char *label);
/* Does this node report about that primary? One live node does. Alone, or
 * without the engine: true. */
bool cluster_speaks(const struct cluster *, const char *label);
struct cluster_view {
	unsigned node, nodes; /* ours; all that ever existed */
	unsigned live, missing; /* missing: silent or dead */
	unsigned domains, ours, unowned; /* configured */
	unsigned leaving; /* being moved to another node */
	unsigned differing; /* live nodes with another configuration */
	const char *name;
	bool left; /* taken out by an operator */
};
void cluster_view(const struct cluster *, struct cluster_view *);

/* ---- orders of operators; 0, -MX_ENOENT: no such node or domain; -MX_EBUSY:
 * the node is not there to take it, or (takeover) it is alive; or no other node
 * would see the order, because another has our place and we can only join */
/* Keeps it at that node; node 0: it may go where it should. */
int cluster_move(struct cluster *, const char *domain, unsigned node);
int cluster_release(struct cluster *, unsigned node); /* takes it out */
/* The operator says that the node is dead: frees its domains before the lease
 * is over. */
int cluster_takeover(struct cluster *, unsigned node);
int cluster_join(struct cluster *, unsigned node);

/* ---- requests to other nodes. `said` is called with pieces of the answer in
 * order, the last one with `end`; rc -MX_ENET: no answer in time. Returns a
 * ticket for cluster_forget(). */
#define CLUSTER_ASK_MS	 10000
#define CLUSTER_LINE_MAX 65536
typedef void
cluster_said_cb(void *arg, int rc, const char *text, size_t len, bool end);
uint64_t cluster_ask(struct cluster *, unsigned node, const char *line,
    cluster_said_cb *, void *arg);
void cluster_forget(struct cluster *, uint64_t ticket);
/* A piece of the answer to a request from ops.asked. */
void cluster_said(struct cluster *, uint64_t ticket, const char *text,
    size_t len, bool end);

#endif
