/* SPDX-License-Identifier: ISC
 * deliver_int: what the files of this folder know of each other:
 *
 *	deliver.c	life, the task, connections in total
 *	destination.c	one domain: what it wants, its route, its choice of host
 *	site.c		one host and its lanes: who gets the next connection
 *	place.c		a place among them for a connection that is no delivery's
 *	session.c	one connection, from reach to its end
 *	flight.c	what is sent on it: a message, those behind it, bodies
 *	transaction.c	what is answered: results, lessons
 *	delivery.c	one part in our hands
 *
 *	deliver -- dest (a domain)  --+ line, in turn
 *	   `------ site (a host) -- lane (of one TLS policy) -- session
 *
 * A destination that wants mail delivered stands in the line of a lane. A
 * session takes the first of its line for each message, so domains of one
 * host take turns and share connections. A session never creates or frees
 * sessions: it tells its site, and the task acts after the callbacks of the
 * turn. */
#ifndef MX_DELIVER_INT_H
#define MX_DELIVER_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "primary/bounds.h"
#include "primary/host_memory.h"
#include "primary/place.h"
#include "primary/reach.h"
#include "relay/deliver/bounce.h"
#include "relay/deliver/deliver.h"
#include "relay/deliver/delivery.h"
#include "relay/store/store.h"
#include "smtp/client.h"

/* No options: how much is delivered at once, and over one connection, has some
 * (deliver_connections, deliver { ... }); these share out a turn of the loop, and a
 * lane's luck, among those who wait. */
/* A lane that failed is the last choice for four times what that took, a minute
 * at least. */
#define DELIVER_PENALTY	    4
#define DELIVER_PENALTY_MIN (15 * CLOCK_SEC)
#define DELIVER_RCPTS	    100 /* of one transaction (RFC 5321 4.5.3.1.8) */
#define DELIVER_PIECE	    (256 * 1024) /* of a body in memory */
#define DELIVER_TURNS	    10 /* messages, before a lane without any session */
#define DELIVER_SLICE	    (2 * CLOCK_MS) /* of each kind of work, a turn */
#define DELIVER_BUDGET	    500 /* destinations of one turn of the task */

struct deliver_dest;
struct lane;
struct site;

/* States, by the event awaited. The edges are in session.c. */
enum deliver_session_state {
	SESSION_REACH, /* reach.h: connect to TLS */
	SESSION_IDLE, /* ready, no work */
	SESSION_LOAD, /* a delivery is taken, its body is awaited */
	SESSION_SEND, /* a transaction, until its last reply */
	SESSION_QUIT, /* QUIT was sent */
	SESSION_GONE, /* to be freed by the task */
	SESSION_STATE_MAX,
};

/* A transaction under way: a message, or the next hundred of its recipients. */
struct deliver_tx {
	TAILQ_ENTRY(deliver_tx) link; /* in deliver_session.behind */
	struct delivery
	    *w; /* while it is behind; then it is the session's cur */
	enum smtp_client_way way;
	/* Of nrcpts each; map and taken lie behind rcpts. */
	uint32_t *map; /* -> index in the envelope */
	bool *taken; /* 2xx to RCPT */
	unsigned nrcpts, ntaken;
	uint32_t next_rcpt; /* of the envelope, behind those in it */
	bool followed; /* it was sent before the one before it was answered */
	bool too_many; /* 452 4.5.3: the others at once in the next one */
	bool answered; /* by any reply */
	bool decided; /* by the last one; the next has not begun */
	bool sent; /* its content to the end */
	int64_t sent_ns; /* when it began */
	int64_t phase_ns; /* phases' sum when its first reply was next */
	struct smtp_client_rcpt rcpts[];
};
TAILQ_HEAD(deliver_tx_list, deliver_tx);

struct deliver_session {
	TAILQ_ENTRY(deliver_session) link; /* in lane.sessions */
	TAILQ_ENTRY(deliver_session) list; /* in deliver: idle, or gone */
	struct lane *lane;
	struct deliver_dest *dest; /* it works for, or is opened for; or NULL */
	enum deliver_session_state state;
	unsigned epoch; /* of the host when it began */
	bool greeted; /* and counted so by the host */
	struct config *conf; /* as it was when the session began */
	const struct conf_deliver *set;
	struct reach *reach; /* REACH; NULL afterwards */
	struct conn *conn;
	struct smtp_client *client;
	struct net_addr addr; /* the one that answered */
	char peer[ADDR_TEXT_MAX]; /* the same, for the log */
	char label[TEXT_DOMAIN_MAX + 8]; /* as who opened it names the host */
	const char *tls_by; /* static, see reach_result */
	bool making_room; /* counted in site.quitting */
	int64_t since_ns; /* of its beginning; then of being ready */
	int64_t connect_ns; /* from the one to the other */
	int64_t heard_ns; /* of the last byte of the server, or being asked */
	unsigned messages; /* transactions begun */
	unsigned accepted; /* messages it took */
	unsigned refused; /* recipients it refused for good */
	bool offers_less; /* than before, and something did not fit */
	bool last; /* what is under way is all that it is for */
	struct delivery *cur, *next; /* next: loaded ahead */
	/* The transaction of cur, whose replies are awaited; NULL before the
	 * first. And those that were sent behind it, in that order. */
	struct deliver_tx *tx;
	struct deliver_tx_list behind;
	unsigned nbehind;
	/* The body of cur, when it is sent as peer and disk let it. */
	bool body; /* being sent */
	uint64_t body_at; /* handed to the client */
	uint32_t crc;
	char *piece; /* read and not yet handed over */
	size_t piece_len;
	uint64_t read; /* store request, 0 none */
};
TAILQ_HEAD(deliver_session_list, deliver_session);

struct deliver_dest {
	RB_ENTRY(deliver_dest) node;
	TAILQ_ENTRY(deliver_dest) dirty_link;
	TAILQ_ENTRY(deliver_dest) line_link; /* in lane.line */
	bool dirty, in_line;
	bool fresh; /* wanted again after a time without a wish */
	struct deliver *deliver;
	unsigned wanted; /* connections, by the queue */
	unsigned busy; /* sessions opened for it, or at a message of it */
	unsigned jobs; /* deliveries in our hands */
	bool dry; /* the queue had nothing after all */
	struct lane *lane; /* the choice; NULL none */
	unsigned at; /* its place in the route */
	struct route_req *req;
	bool req_foreign; /* counted in deliver.lookups */
	bool again; /* it looks up what it knows: the same changes nothing */
	struct route *route; /* NULL: none known */
	unsigned generation; /* of the configuration it was found by */
	int64_t route_until_ns;
	struct loop_timer *timer; /* for closed_until_ns, or to be forgotten */
	int64_t closed_until_ns; /* no route: not again before */
	unsigned fails; /* in a row */
	struct delivery *refuse; /* being failed without a connection */
	char label[TEXT_DOMAIN_MAX + 8]; /* of the host chosen */
	char domain[TEXT_DOMAIN_MAX];
};
RB_HEAD(deliver_dest_tree, deliver_dest);
int deliver_dest_cmp(const struct deliver_dest *, const struct deliver_dest *);
RB_PROTOTYPE(deliver_dest_tree, deliver_dest, node, deliver_dest_cmp)
TAILQ_HEAD(deliver_dest_list, deliver_dest);

/* Destinations whose mail may go over the same connections. */
struct lane {
	RB_ENTRY(lane) node; /* in site.lanes */
	TAILQ_ENTRY(lane) wait_link; /* in site.waiting or deliver.waiting */
	enum { LANE_CALM, LANE_SITE, LANE_TOTAL } waits;
	struct site *site;
	bool foreign; /* of domains that nobody configured */
	struct deliver_dest_list line; /* those with work, in turn */
	struct deliver_session_list sessions;
	unsigned nsessions, ndests; /* that chose it */
	unsigned fails; /* of policy (TLS, no backup), in a row */
	int64_t closed_until_ns; /* the same: no connection before */
	int64_t failed_until_ns; /* another host is the better choice */
	char key[]; /* TLS policy, what it is bound to, and what is refused */
};
RB_HEAD(lane_tree, lane);
int lane_cmp(const struct lane *, const struct lane *);
RB_PROTOTYPE(lane_tree, lane, node, lane_cmp)
TAILQ_HEAD(lane_list, lane);

/* One host (primary/host.h) and our connections to it. */
struct site {
	RB_ENTRY(site) node;
	TAILQ_ENTRY(site) dirty_link;
	bool dirty;
	struct deliver *deliver;
	struct host host;
	struct lane_tree lanes;
	struct lane_list
	    waiting; /* lanes with work and without room, in turn */
	LIST_HEAD(, site_name) names;
	struct place_list places; /* who waits for one: before the lanes */
	struct loop_timer *timer; /* when time alone makes room; forgetting */
	unsigned quitting; /* sessions that end to make room */
	unsigned ndests; /* that chose a lane of it */
	unsigned nplaces; /* taken or waited for: it stays meanwhile */
	/* The most connections: the least of what is said of its names and of
	 * its addresses (`most`; 0: nothing), and, since the last reload
	 * (`generation`), of what the domains allow whose lists nobody but us
	 * knows (`least`; 0: none was here). */
	struct bounds bounds;
	unsigned most, least, generation;
	bool ours; /* a domain of the configuration was here; others could be
		    * any number: their hosts are not remembered */
	unsigned lessons; /* of the host, those that were remembered */
	int64_t idle_ns; /* nothing of it is under way since; 0: something is */
	char key[];
};
RB_HEAD(site_tree, site);
int site_cmp(const struct site *, const struct site *);
RB_PROTOTYPE(site_tree, site, node, site_cmp)
TAILQ_HEAD(site_list, site);

/* The host that a label meant last. */
struct site_name {
	RB_ENTRY(site_name) node;
	LIST_ENTRY(site_name) link; /* in site.names */
	struct site *site;
	unsigned most; /* in site.bounds; 0: nothing is */
	char label[];
};
RB_HEAD(name_tree, site_name);
int site_name_cmp(const struct site_name *, const struct site_name *);
RB_PROTOTYPE(name_tree, site_name, node, site_name_cmp)

struct deliver {
	struct loop *loop;
	struct dns *dns;
	struct store *store;
	struct queue *queue;
	struct bounce *bounce;
	struct stats *stats;
	struct deliver_ops ops;
	struct config *conf;
	unsigned generation; /* raised by deliver_configure() */
	const struct route_self *self;
	const struct reach_env *reach;
	struct loop_task *task;
	struct loop_timer *poll; /* brings the task back in another turn */
	struct deliver_dest_tree dests;
	struct site_tree sites;
	struct name_tree names;
	struct deliver_dest_list dirty; /* to be looked at by the task */
	struct site_list dirty_sites;
	struct lane_list waiting, foreign_waiting; /* beyond the total */
	struct deliver_session_list idle; /* the longest idle first */
	struct deliver_session_list gone;
	unsigned nsessions;
	unsigned limit; /* of them, beside the configuration's; 0: none */
	unsigned nforeign; /* sessions of domains that nobody configured */
	unsigned lookups; /* routes being looked up for them */
	unsigned jobs; /* out */
	bool draining, ended;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* ---- session.c */
/* Begins to connect for the destination, which is not in line. */
void deliver_session_create(struct lane *, struct deliver_dest *);
void
deliver_session_kick(struct deliver_session *); /* idle: there may be work */
/* Ends it, at a message after that; `making_room` for somebody who waits. */
void deliver_session_quit(struct deliver_session *, bool making_room);
void deliver_session_abort(
    struct deliver_session *); /* at once; its deliveries go back */
void deliver_session_free(struct deliver_session *); /* only when GONE */
/* Begun since the host recovered last; only such speak for it. */
bool deliver_session_is_of_today(const struct deliver_session *);
/* For transaction.c: */
void deliver_session_set(struct deliver_session *, enum deliver_session_state);
void deliver_session_gone(struct deliver_session *); /* cur has been ended */
void deliver_session_next(
    struct deliver_session *); /* the server awaits a transaction */
void deliver_session_pump(
    struct deliver_session *); /* act on what the engine has to say */
bool deliver_session_spent(
    const struct deliver_session *); /* one more would be too many */
bool deliver_session_full(
    const struct deliver_session *); /* by LIMITS, or as learned */
void deliver_session_write(
    struct deliver_session *); /* what the engine wants sent */

/* ---- flight.c */
/* cur is loaded: begins its transaction, or ends it when there is none to be
 * had. True when it has begun. */
bool flight_begin(struct deliver_session *);
void flight_batch(struct deliver_session *); /* the next recipients of cur */
void flight_loaded(void *arg, struct store_loaded *); /* store_load_cb */
/* Are recipients left for another transaction of this attempt? */
bool flight_batch_left(const struct delivery *);
/* Sends what may go behind what is under way; the disk works on the next. */
void flight_fill(struct deliver_session *);
/* cur is through: the one behind it, if there is, is at hand. */
void flight_next(struct deliver_session *);
/* What is behind cur goes back as it was. */
void flight_drop_behind(struct deliver_session *);

/* ---- body.c */
/* Goes on with the body of cur as far as the peer and the disk let it. */
void body_go_on(struct deliver_session *);
void body_drop(struct deliver_session *);
/* Content that is in memory, behind what the engine wants sent. */
void body_put(struct deliver_session *, const char *data, size_t len);

/* ---- transaction.c */
/* A message that the host cannot take: nothing is sent, the results are in its
 * envelope. */
bool deliver_tx_is_unfit(struct deliver_session *, struct delivery *);
int64_t deliver_tx_reply_ns(const struct deliver_session *); /* all so far */
void deliver_tx_rcpt(struct deliver_session *, const struct smtp_client_info *);
void deliver_tx_sent(struct deliver_session *, const struct smtp_client_info *);
/* The connection went down under cur. */
void deliver_tx_lost(struct deliver_session *, enum smtp_phase,
    const struct smtp_reply *, const char *text);
void deliver_tx_return(struct deliver_session *,
    struct delivery **); /* NULL is fine */

/* ---- delivery.c */
/* The next part of the destination, being loaded; NULL: the queue has none. */
struct delivery *delivery_take(struct deliver_dest *, struct deliver_session *,
    size_t body_max, store_load_cb *);
/* The server is through with it: the way to its one end. *w is gone. */
void delivery_finish(struct deliver *, struct delivery **w, enum job_outcome);
/* What becomes of one that cannot be read, `rc`: a record that does not hold
 * is kept and reported; one that could not be read just now (no descriptor
 * left, a disk that errs) has its next time like any other; and where the store
 * is shared, one that is not there is another's. */
enum job_outcome delivery_unread(const struct delivery *, int rc);
/* Is the whole content in memory? Then the store has looked at its checksum. */
bool delivery_is_whole(const struct delivery *);
/* Counts and logs the attempt. `phase`: in which it ended. */
void delivery_report(const struct delivery *, enum smtp_phase phase,
    const char *note);
/* The domain takes no mail: fails its parts, one after the other (there are
 * few of them). */
void delivery_refuse(struct deliver_dest *);

/* ---- destination.c */
/* NULL: there is none. */
struct deliver_dest *
deliver_dest_find(const struct deliver *, const char *domain);
struct deliver_dest *deliver_dest_get(struct deliver *, const char *domain);
void deliver_dest_free(struct deliver_dest *);
void deliver_dest_touch(struct deliver_dest *); /* the task looks at it */
bool deliver_dest_is_ours(const struct deliver_dest *); /* it is configured */
const struct conf_deliver *deliver_dest_conf(const struct deliver_dest *);
bool deliver_dest_may_be_backup(const struct deliver_dest *); /* its host */
void deliver_dest_work(struct deliver_dest *); /* of the task */
/* Has it work for one session more? Not when no route is known; that look-up is
 * begun then. */
bool deliver_dest_hungry(struct deliver_dest *);
/* Is its route good? If not it is looked up again when the destination is
 * touched; it keeps its place in the line meanwhile. */
bool deliver_dest_route_holds(const struct deliver_dest *);
/* The connection that was opened for it is ready. */
void deliver_dest_arrived(struct deliver_dest *);
/* A message of it is begun on a session of that lane. */
void deliver_dest_busy(struct deliver_dest *, struct lane *);
void deliver_dest_idle(struct deliver_dest *); /* it is over */
/* The session does nothing for its destination any more. */
void deliver_dest_release(struct deliver_session *);
/* Its connection failed; another host is tried, or it pauses. */
void deliver_dest_failed(struct deliver_dest *, const struct deliver_session *,
    const struct reach_result *, enum host_failure);
/* Is there another host that has not failed lately? */
bool deliver_dest_has_other(struct deliver_dest *);
void
deliver_dest_outcome(struct deliver_dest *, const struct deliver_outcome *);

/* ---- site.c */
/* The lane for the route's host `at`; made when there is none. */
struct lane *lane_get(struct deliver_dest *, unsigned at);
void lane_join(struct deliver_dest *, struct lane *); /* its choice */
void lane_leave(struct deliver_dest *); /* no choice any more */
void lane_line_put(struct deliver_dest *, bool first);
void lane_line_drop(struct deliver_dest *);
/* The next delivery of the lane, for that session; NULL: none. */
struct delivery *lane_next(struct lane *, struct deliver_session *);
/* Has the session to end so that somebody else gets a connection? */
bool lane_yields(const struct deliver_session *);
void lane_work(struct lane *); /* kicks idle sessions, opens new ones */
/* Pauses it; see lane. */
void lane_failed(struct lane *, bool by_policy, int64_t took_ns);
int64_t lane_closed_until(const struct lane *); /* 0: it is not */
void site_touch(struct site *); /* the task looks at it */
void site_work(struct site *); /* of the task */
/* Those that wait for the total, until `end` (monotonic ns). True: there may be
 * more. */
bool site_serve_total(struct deliver *, int64_t end);
struct site *site_at(const struct deliver *, const struct route_host *,
    const struct net_addr *source);
struct site *site_find(const struct deliver *, const char *label);
void site_name_bound(struct deliver *, const char *label, unsigned most);
void site_address_bound(struct deliver *, const char *key, unsigned most);
void site_free(struct site *);
/* An idle connection of it ends, unless one is ending already; of a lane that has
 * nothing to do (`calm`), or of any. */
void site_make_room(struct site *, bool calm);

/* ---- place.c */
/* Does somebody wait who gets the next connection, and before all others? */
bool site_has_waiting_place(const struct site *);
void site_serve_places(struct site *);

#endif
