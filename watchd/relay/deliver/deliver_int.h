/* SPDX-License-Identifier: ISC
 * deliver_int: shared by the files of this folder:
 *
 *	deliver.c	life, the task, connections in total
 *	destination.c	one domain: connections wanted, route, host
 *	site.c		one host and its lanes: which gets the next connection
 *	place.c		a connection of a probe among those of deliveries
 *	session.c	one connection, from reach to its end
 *	flight.c	what is sent on it: a message, those behind it, bodies
 *	transaction.c	what is answered: results, lessons
 *	delivery.c	one part on its way from the queue and back
 *
 *	deliver -- dest (a domain)  --+ line, in turn
 *	   `------ site (a host) -- lane (of one TLS policy) -- session
 *
 * A destination with mail to deliver stands in the line of a lane. A session
 * takes the first of its line for each message, so that the domains of one host
 * take turns and share connections. A session never creates or frees sessions:
 * it tells its site, and the task acts after the callbacks of the turn. */
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

/* Not options: those for the number of deliveries and their connections exist
 * (deliver_connections, deliver { ... }); these divide a turn of the loop, and
 * retries of a lane, fairly. */
/* A lane that failed is the last choice for DELIVER_PENALTY times the duration
 * of the failure, a minute at least. */
#define DELIVER_PENALTY	    4
#define DELIVER_PENALTY_MIN (15 * CLOCK_SEC)
#define DELIVER_RCPTS	    100 /* per transaction (RFC 5321 4.5.3.1.8) */
#define DELIVER_PIECE	    (256 * 1024) /* of a body held in memory */
#define DELIVER_TURNS	    10 /* messages, before a lane without sessions */
#define DELIVER_SLICE	    (2 * CLOCK_MS) /* for each kind of work, per turn */
#define DELIVER_BUDGET	    500 /* destinations per turn of the task */

struct deliver_dest;
struct lane;
struct site;

/* States, named by the awaited event. session.c has the edges. */
enum deliver_session_state {
	SESSION_REACH, /* reach.h: from connect to TLS */
	SESSION_IDLE, /* ready, no work */
	SESSION_LOAD, /* a delivery was taken, its body is being loaded */
	SESSION_SEND, /* a transaction, up to its last reply */
	SESSION_QUIT, /* QUIT was sent */
	SESSION_GONE, /* to be freed by the task */
	SESSION_STATE_MAX,
};

/* A transaction under way: a message, or the next hundred of its recipients. */
struct deliver_tx {
	TAILQ_ENTRY(deliver_tx) link; /* in deliver_session.behind */
	struct delivery
	    *w; /* while it is behind; otherwise the delivery is session.cur */
	enum smtp_client_way way;
	/* Arrays of nrcpts; map and taken are stored behind rcpts. */
	uint32_t *map; /* -> index in the envelope */
	bool *taken; /* 2xx to RCPT */
	unsigned nrcpts, ntaken;
	uint32_t next_rcpt; /* index in the envelope after those in it */
	bool followed; /* it was sent before the previous one was answered */
	/* 452 4.5.3: the others follow at once in the next one */
	bool too_many;
	bool answered; /* at least one reply came */
	bool decided; /* the last reply came; the next has not begun */
	bool sent; /* its content was sent completely */
	int64_t sent_ns; /* when sending began */
	/* sum of the phases when its first reply became the next */
	int64_t phase_ns;
	struct smtp_client_rcpt rcpts[];
};
TAILQ_HEAD(deliver_tx_list, deliver_tx);

struct deliver_session {
	TAILQ_ENTRY(deliver_session) link; /* in lane.sessions */
	TAILQ_ENTRY(deliver_session) list; /* in deliver: idle, or gone */
	struct lane *lane;
	/* whose mail it carries, or for which it is opened; or NULL */
	struct deliver_dest *dest;
	enum deliver_session_state state;
	unsigned epoch; /* host.epoch when it began */
	bool greeted; /* greeted, and counted in host.greeted */
	struct config *conf; /* the configuration when the session began */
	const struct conf_deliver *set;
	struct reach *reach; /* REACH; NULL afterwards */
	struct conn *conn;
	struct smtp_client *client;
	struct net_addr addr; /* address that is connected */
	char peer[ADDR_TEXT_MAX]; /* the same as text, for the log */
	/* the host's name in the domain that opened the session */
	char label[TEXT_DOMAIN_MAX + 8];
	const char *tls_by; /* static, see reach_result */
	bool making_room; /* counted in site.quitting */
	int64_t since_ns; /* start of the session; later of being ready */
	int64_t connect_ns; /* time from begin to ready */
	int64_t heard_ns; /* last byte from the server, or our last command */
	unsigned messages; /* transactions begun */
	unsigned accepted; /* messages it took */
	unsigned refused; /* recipients it refused with 5xx */
	/* EHLO lacks what it had, and a message did not fit */
	bool offers_less;
	bool last; /* ends after what is under way */
	struct delivery *cur, *next; /* next: being loaded ahead */
	/* The transaction of cur, whose replies are awaited; NULL before the
	 * first. Then those sent behind it, in that order. */
	struct deliver_tx *tx;
	struct deliver_tx_list behind;
	unsigned nbehind;
	/* The body of cur, sent in pieces as the peer and the disk allow. */
	bool body; /* being sent */
	uint64_t body_at; /* octets given to the client */
	uint32_t crc;
	char *piece; /* read, not yet given to the client */
	size_t piece_len;
	uint64_t read; /* store request, 0 none */
};
TAILQ_HEAD(deliver_session_list, deliver_session);

struct deliver_dest {
	RB_ENTRY(deliver_dest) node;
	TAILQ_ENTRY(deliver_dest) dirty_link;
	TAILQ_ENTRY(deliver_dest) line_link; /* in lane.line */
	bool dirty, in_line;
	bool fresh; /* wants mail delivered after a time without */
	struct deliver *deliver;
	unsigned wanted; /* connections wanted by the queue */
	unsigned busy; /* sessions opened for it, or carrying a message of it */
	unsigned jobs; /* deliveries taken from the queue */
	bool dry; /* the queue had no part to give */
	struct lane *lane; /* of the chosen host; NULL: none */
	unsigned at; /* index of that host in the route */
	struct route_req *req;
	bool req_foreign; /* counted in deliver.lookups */
	/* looks up a known route again: an equal result changes nothing */
	bool again;
	struct route *route; /* NULL: none known */
	unsigned generation; /* of the configuration with which it was found */
	int64_t route_until_ns;
	struct loop_timer *timer; /* for closed_until_ns, or to be freed */
	int64_t closed_until_ns; /* no route: next look-up */
	unsigned fails; /* failed look-ups in a row */
	struct delivery *refuse; /* failed without a connection, under way */
	char label[TEXT_DOMAIN_MAX + 8]; /* of the host chosen */
	char domain[TEXT_DOMAIN_MAX];
};
RB_HEAD(deliver_dest_tree, deliver_dest);
int deliver_dest_cmp(const struct deliver_dest *, const struct deliver_dest *);
RB_PROTOTYPE(deliver_dest_tree, deliver_dest, node, deliver_dest_cmp)
TAILQ_HEAD(deliver_dest_list, deliver_dest);

/* Destinations whose mail may share connections. */
struct lane {
	RB_ENTRY(lane) node; /* in site.lanes */
	TAILQ_ENTRY(lane) wait_link; /* in site.waiting or deliver.waiting */
	enum { LANE_CALM, LANE_SITE, LANE_TOTAL } waits;
	struct site *site;
	bool foreign; /* of domains that are not configured */
	struct deliver_dest_list line; /* those with work, in turn */
	struct deliver_session_list sessions;
	unsigned nsessions, ndests; /* ndests: destinations that chose it */
	unsigned fails; /* policy failures (TLS, backup) in a row */
	/* because of these: no connection before this */
	int64_t closed_until_ns;
	int64_t failed_until_ns; /* another host is preferred until then */
	char key[]; /* what its destinations have in common, see lane_key() */
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
	    waiting; /* lanes with work but without room, in turn */
	LIST_HEAD(, site_name) names;
	struct place_list places; /* waiting probes: before the lanes */
	struct loop_timer *timer; /* for room by time alone; and to be freed */
	unsigned quitting; /* sessions being ended to make room */
	unsigned ndests; /* destinations that chose a lane of it */
	/* taken or waiting places: the site is kept meanwhile */
	unsigned nplaces;
	/* The limit of connections: the least of those known for its names and
	 * for its addresses (`most`; 0: none), and, since the last reload
	 * (`generation`), of the domains whose hosts only deliveries know
	 * (`least`; 0: no such domain). */
	struct bounds bounds;
	unsigned most, least, generation;
	/* a configured domain was delivered here; the hosts of others, which
	 * are unlimited in number, are not remembered */
	bool ours;
	unsigned lessons; /* host.lessons when last remembered */
	int64_t idle_ns; /* since when nothing is under way; 0: something is */
	char key[];
};
RB_HEAD(site_tree, site);
int site_cmp(const struct site *, const struct site *);
RB_PROTOTYPE(site_tree, site, node, site_cmp)
TAILQ_HEAD(site_list, site);

/* The host that was last known under a label. */
struct site_name {
	RB_ENTRY(site_name) node;
	LIST_ENTRY(site_name) link; /* in site.names */
	struct site *site;
	unsigned most; /* as counted in site.bounds; 0: not counted */
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
	unsigned generation; /* incremented by deliver_configure() */
	const struct route_self *self;
	const struct reach_env *reach;
	struct loop_task *task;
	struct loop_timer *poll; /* runs the task again in another turn */
	struct deliver_dest_tree dests;
	struct site_tree sites;
	struct name_tree names;
	struct deliver_dest_list dirty; /* to be handled by the task */
	struct site_list dirty_sites;
	struct lane_list waiting, foreign_waiting; /* beyond the total */
	struct deliver_session_list idle; /* the longest idle first */
	struct deliver_session_list gone;
	unsigned nsessions;
	unsigned limit; /* limit in addition to the configuration's; 0: none */
	unsigned nforeign; /* sessions of domains that are not configured */
	unsigned lookups; /* route look-ups under way for these */
	unsigned jobs; /* deliveries taken from the queue */
	bool draining, ended;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* ---- session.c */
/* Starts a connection for the destination, which is not in line. */
void deliver_session_create(struct lane *, struct deliver_dest *);
/* for an idle one: there may be work */
void deliver_session_kick(struct deliver_session *);
/* Ends it, after a message under way; `making_room`: for a waiting one. */
void deliver_session_quit(struct deliver_session *, bool making_room);
void deliver_session_abort(
    struct deliver_session *); /* at once; its deliveries go back */
void deliver_session_free(struct deliver_session *); /* only when GONE */
/* It began after the host's last recovery; only such sessions count in the
 * host's results. */
bool deliver_session_is_current(const struct deliver_session *);
/* For transaction.c: */
void deliver_session_set(struct deliver_session *, enum deliver_session_state);
/* cur must have been ended */
void deliver_session_gone(struct deliver_session *);
void deliver_session_next(
    struct deliver_session *); /* the server can take a transaction */
void deliver_session_pump(
    struct deliver_session *); /* handles the events of the engine */
bool deliver_session_spent(
    const struct deliver_session *); /* one more message would be too many */
bool deliver_session_full(
    const struct deliver_session *); /* by LIMITS, or as learned */
void deliver_session_write(
    struct deliver_session *); /* sends the output of the engine */

/* ---- flight.c */
/* cur is loaded: begins its transaction, or ends the delivery when it must not
 * be sent. True when it has begun. */
bool flight_begin(struct deliver_session *);
void flight_batch(struct deliver_session *); /* the next recipients of cur */
void flight_loaded(void *arg, struct store_loaded *); /* store_load_cb */
/* Are recipients left for another transaction of this attempt? */
bool flight_batch_left(const struct delivery *);
/* Sends messages behind the one under way, if allowed, and loads the next. */
void flight_fill(struct deliver_session *);
/* cur is finished: the first one behind it becomes cur. */
void flight_next(struct deliver_session *);
/* Returns the deliveries behind cur to the queue untouched. */
void flight_drop_behind(struct deliver_session *);

/* ---- body.c */
/* Sends more of the body of cur, as far as the peer and the disk allow. */
void body_send_more(struct deliver_session *);
void body_drop(struct deliver_session *);
/* Sends content in memory after the pending output of the engine. */
void body_put(struct deliver_session *, const char *data, size_t len);

/* ---- transaction.c */
/* A message that the host cannot take: nothing is sent, the results are put
 * into its envelope. */
bool deliver_tx_is_unfit(struct deliver_session *, struct delivery *);
/* of all transactions so far */
int64_t deliver_tx_reply_ns(const struct deliver_session *);
void deliver_tx_rcpt(struct deliver_session *, const struct smtp_client_info *);
void deliver_tx_sent(struct deliver_session *, const struct smtp_client_info *);
/* The connection broke during cur. */
void deliver_tx_lost(struct deliver_session *, enum smtp_phase,
    const struct smtp_reply *, const char *text);
void deliver_tx_return(struct deliver_session *,
    struct delivery **); /* NULL is fine */

/* ---- delivery.c */
/* Takes the next part of the destination and loads it; NULL: the queue has
 * none. */
struct delivery *delivery_take(struct deliver_dest *, struct deliver_session *,
    size_t body_max, store_load_cb *);
/* The attempt is over: leads to delivery_end(). *w is consumed. */
void delivery_finish(struct deliver *, struct delivery **w, enum job_outcome);
/* The outcome of a part that could not be read, by `rc`: a corrupt record is
 * held and reported; a passing failure (no descriptor left, a disk error) is
 * retried; in a shared store a missing part was taken by another node. */
enum job_outcome delivery_unread(const struct delivery *, int rc);
/* Is the whole content in memory? Then the store has verified its checksum. */
bool delivery_is_whole(const struct delivery *);
/* Counts and logs the attempt. `phase`: the one in which it ended. */
void delivery_report(const struct delivery *, enum smtp_phase phase,
    const char *note);
/* The domain takes no mail: fails its parts one by one (there are few). */
void delivery_refuse(struct deliver_dest *);

/* ---- destination.c */
/* NULL: there is none. */
struct deliver_dest *
deliver_dest_find(const struct deliver *, const char *domain);
struct deliver_dest *deliver_dest_get(struct deliver *, const char *domain);
void deliver_dest_free(struct deliver_dest *);
void deliver_dest_touch(struct deliver_dest *); /* queues it for the task */
bool deliver_dest_is_ours(const struct deliver_dest *); /* it is configured */
const struct conf_deliver *deliver_dest_conf(const struct deliver_dest *);
/* its host may be one */
bool deliver_dest_may_be_backup(const struct deliver_dest *);
void deliver_dest_work(struct deliver_dest *); /* called by the task */
/* Has it work for one more session? Not without a route; then the look-up is
 * started. */
bool deliver_dest_hungry(struct deliver_dest *);
/* Is its route still valid? If not it is looked up when the destination is
 * handled; it keeps its place in the line meanwhile. */
bool deliver_dest_route_holds(const struct deliver_dest *);
/* The connection that was opened for it is ready. */
void deliver_dest_arrived(struct deliver_dest *);
/* A message of it begins on a session of that lane. */
void deliver_dest_busy(struct deliver_dest *, struct lane *);
void deliver_dest_idle(struct deliver_dest *); /* the message has ended */
/* The session stops working for its destination. */
void deliver_dest_release(struct deliver_session *);
/* Its connection failed; another host is tried, or it waits. */
void deliver_dest_failed(struct deliver_dest *, const struct deliver_session *,
    const struct reach_result *, enum host_failure);
/* Is there another host that has not failed lately? */
bool deliver_dest_has_other(struct deliver_dest *);
void
deliver_dest_outcome(struct deliver_dest *, const struct deliver_outcome *);

/* ---- site.c */
/* The lane for the route's host `at`; created when missing. */
struct lane *lane_get(struct deliver_dest *, unsigned at);
void lane_join(struct deliver_dest *, struct lane *); /* chooses it */
void lane_leave(struct deliver_dest *); /* gives up its choice */
void lane_line_put(struct deliver_dest *, bool first);
void lane_line_drop(struct deliver_dest *);
/* The next delivery of the lane for that session; NULL: none. */
struct delivery *lane_next(struct lane *, struct deliver_session *);
/* Does the session have to end so that another lane or a probe gets a
 * connection? */
bool lane_yields(const struct deliver_session *);
void lane_work(struct lane *); /* uses idle sessions, opens new ones */
/* The lane is not preferred for a while; see lane. */
void lane_failed(struct lane *, bool by_policy, int64_t took_ns);
int64_t lane_closed_until(const struct lane *); /* 0: it is open */
void site_touch(struct site *); /* queues it for the task */
void site_work(struct site *); /* called by the task */
/* Serves the lanes that wait for the total, until `end` (monotonic ns). True:
 * there may be more. */
bool site_serve_total(struct deliver *, int64_t end);
struct site *site_at(const struct deliver *, const struct route_host *,
    const struct net_addr *source);
struct site *site_find(const struct deliver *, const char *label);
void site_name_bound(struct deliver *, const char *label, unsigned most);
void site_address_bound(struct deliver *, const char *key, unsigned most);
void site_free(struct site *);
/* Ends one idle connection of the host, unless one is ending already; only one
 * of a lane without work (`calm`), or any. */
void site_make_room(struct site *, bool calm);

/* ---- place.c */
/* Does a probe wait? It gets the next connection, before all lanes. */
bool site_has_waiting_place(const struct site *);
void site_serve_places(struct site *);

#endif
