/* SPDX-License-Identifier: ISC
 * host: what one address set can bear. Primaries whose addresses and ports
 * coincide are one host under several names (hosters give every customer an
 * mx.customer.test), so connections, window, pauses and what was learned of
 * its limits belong here, for each source address of ours, and not to a name
 * or a domain. The owner (relay/deliver/site.c) keeps the table and the
 * connections; this is the arithmetic. Pure; times are monotonic ns. */
#ifndef MX_PRIMARY_HOST_H
#define MX_PRIMARY_HOST_H

#include "net/route.h"
#include "primary/window.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

/* Nothing of this is an option, for none of it is a limit of this server: it is how
 * what a peer bears is found out, and each is put right by what the peer does. What
 * an operator may want less or more of has one (deliver { connections,
 * pipeline_depth, max_messages }), and a stumble of a peer that was mended since is
 * ended by `mxwatchctl flush`, not by a shorter time for all peers. */
#define HOST_PAUSE_MIN INT64_C(1000000000) /* after a failure, doubling */
#define HOST_PAUSE_MAX INT64_C(60000000000)
#define HOST_FRESH     INT64_C(600000000000) /* after a recovery */
#define HOST_GAP_MIN   INT64_C(100000000) /* between messages, doubling */
#define HOST_GAP_MAX   INT64_C(60000000000)
/* Beyond what is proven one connect finds out how it goes, so that one meets a
 * limit. When it is greeted that many are proven, and the next may go, whatever
 * TLS takes behind that. One more comes when the last one is silent for so long. */
#define HOST_FINDER_NS INT64_C(2000000000)
/* A host that is at its ceiling has not yet seen the end of a connection when we
 * have: one that comes at once would be one too many. Doubles when it was. */
#define HOST_SETTLE_MIN INT64_C(50000000)
#define HOST_SETTLE_MAX INT64_C(1000000000)
/* While others of ours are on their way, a refusal is perhaps that of one too
 * many: they will say, if they began, or one became ready, within so long, or
 * within twice what is usual there. */
#define HOST_WAY_NS INT64_C(10000000000)
/* What a connection that stands there showed is of today for so long. */
#define HOST_LATELY   INT64_C(30000000000)
#define HOST_TURN_MAX INT64_C(300000000000)
#define HOST_KEY_MAX  1024
/* Then it is asked again. Once a day costs one connection that breaks; a stumble
 * that was remembered for longer would outlive most repairs. */
#define HOST_LIMIT_AGE INT64_C(86400000000000)
/* One message at a time on a connection, so long behind one that was lost with
 * others under way, or a refusal that contradicts what is known. */
#define HOST_ALONE_NS INT64_C(60000000000)
/* Until it has taken one behind another, one connection tries that so often: a
 * server that throws away what comes behind a final dot answers nothing, and
 * that connection waits for its time-out. Not shorter than that (RFC 5321
 * 4.5.3.2.6: ten minutes), or one would always wait; pipeline_depth = 1 tries none. */
#define HOST_TRY_BEHIND INT64_C(600000000000)

/* A limit that the host has shown, not announced. */
struct host_limit {
	unsigned value; /* 0: none known */
	unsigned seen; /* in a row, of the same value: believed from 2 on */
	unsigned last; /* the value that was seen last */
	int64_t since_ns;
};

struct host {
	struct window window;
	unsigned open; /* connections of ours, from SYN to close */
	unsigned greeted; /* of them: what is one too many is told before */
	unsigned ready; /* of these: EHLO answered, TLS as it is wanted */
	unsigned proven; /* the most that stood there at once */
	int64_t newest_ns; /* when the latest begun of the greeted ones was */
	unsigned places; /* connections that are no delivery's (place.h) */
	int64_t place_ns; /* since when there are some */
	int64_t opened_ns; /* the last connect began; 0: none yet */
	int64_t way_ns; /* since when some are on their way */
	int64_t way_usual_ns; /* until one is ready */
	int64_t closed_ns; /* the last connection ended; 0: none yet */
	int64_t left_ns; /* the last one that had been ready did */
	int64_t settle_ns; /* from there to the next one, at the ceiling */
	unsigned working; /* at a message, those from before included */
	/* Recoveries. What has hung since before one, perhaps at a server that
	 * was restarted since, is counted in `before` and nowhere else, and
	 * speaks no more for the host. */
	unsigned epoch, before;
	unsigned fails; /* connects in a row, none working beside */
	int64_t closed_until_ns; /* nothing works at all: no connect before */
	int64_t failed_ns; /* when that began */
	int64_t
	    recovered_ns; /* canary and slow start began; 0: a doubt since */
	int64_t gap_ns; /* between two transactions; 0: no rate known */
	int64_t next_ns; /* the next transaction, by gap_ns */
	unsigned gap_wins; /* messages taken since the gap was set */
	struct host_limit messages; /* of a connection */
	struct host_limit rcpts; /* of a transaction */
	struct host_limit refusals; /* of a connection, then it is closed */
	/* Chunks (RFC 3030), and messages behind messages that are not yet
	 * answered. What it has taken so once it knows how to take. */
	bool chunk_taken, behind_taken;
	int64_t behind_tried_ns; /* first, or again; see HOST_TRY_BEHIND */
	int64_t stumbled_ns; /* over either; 0: never, or it did well since */
	int64_t alone_until_ns;
	uint64_t refused; /* connections, crowded ones too */
	unsigned lessons; /* raised when limit, ceiling or gap were learned */
	int64_t ready_ns; /* a connection became ready last; 0: never */
	int64_t taken_ns; /* a message was taken last; 0: never */
};

/* The key of an address set: sorted, with ports, and our source address.
 * `dst` holds HOST_KEY_MAX. */
char *
host_key(const struct route_host *, const struct net_addr *source, char *dst);

void host_init(struct host *, unsigned max);
/* It recovered, or somebody says so: no pause, a canary first. `hung` of the
 * open connections have been silent for long: they are of before. */
void host_recovered(struct host *, unsigned hung, int64_t now);
/* Has it begun anew already, and nothing spoken against it since? A host of 300
 * names recovers 300 times in half a minute: it begins anew once. */
bool host_is_fresh(const struct host *, int64_t now);
void host_doubted(struct host *); /* a probe failed */
/* Somebody has a reason to try: a pause ends, if it was not of this second. */
void host_retry(struct host *, int64_t now);
/* May a connection be opened? And when to ask again by time alone (0: other
 * events decide). */
bool host_room(const struct host *, int64_t now);
/* May a probe come beside the deliveries? By what the host bears: window and
 * canary are for messages; those that are on their way are waited for a moment,
 * for perhaps they are all that it bears. */
bool host_place_room(const struct host *, int64_t now);
/* Connections of ours are on their way there, and not for long. */
bool host_will_say(const struct host *, int64_t now);
/* Does it work for our deliveries? It took a message, or a connection became ready,
 * since `since_ns` (0: not asked); or connections stand there that did either
 * within HOST_LATELY; or some are on their way, and not for long; or the last one
 * ended just before `since_ns`, which the host may not have seen. */
bool host_works(const struct host *, int64_t since_ns, int64_t now);
unsigned host_bears(const struct host *); /* connections of ours */
bool host_is_full(const struct host *); /* as many as it bears stand there */
/* For how long a delivery keeps its connection before it gives the place to a
 * probe: a few messages behind each late greeting would be all. */
int64_t host_turn_ns(const struct host *);
void host_place_taken(struct host *, int64_t now);
void host_place_left(struct host *, int64_t now);
int64_t host_wake(const struct host *, int64_t now);

/* Does that refusal mean "too many of you" when others of ours work there? Pure;
 * code 0: no reply. */
bool host_says_crowded(enum smtp_phase, uint16_t code);

enum host_failure {
	HOST_CROWDED, /* one connection too many: the others go on */
	HOST_FAILED, /* nothing works: a pause */
	HOST_AGAIN, /* of the same moment as the last one: nothing new */
};
/* A connect begins; one like that has been known to take `usual_ns` (0: nothing
 * is known). */
void host_opened(struct host *, int64_t usual_ns, int64_t now);
/* It is over; `ready`: it had been greeted. */
void host_closed(struct host *, bool ready, int64_t now);
/* A connection did not become ready. It is still counted in `open`, and not in
 * `greeted`. `silent`: by a limit of ours. */
enum host_failure host_connect_failed(struct host *, enum smtp_phase,
    uint16_t code, bool silent, int64_t begun_ns, int64_t now);
/* One that was begun then is greeted; it comes to nothing before it is ready. */
void host_greeted(struct host *, int64_t begun_ns);
void host_ungreeted(struct host *);
/* It is ready, so long after it began; it was greeted before. */
void host_connected(struct host *, int64_t took_ns, int64_t now);
void host_taken(struct host *, int64_t latency_ns, int64_t now);
void host_answered(struct host *); /* and nothing was taken */
/* The connection broke in a transaction, 421, or 452 for want of room. */
void host_trouble(struct host *);

/* The host closed a connection, or said 421, after it took `messages` on it
 * and before the next one: twice the same number is its limit. */
void host_closed_after(struct host *, unsigned messages, int64_t now);
/* It did, or said 421, behind so many refused recipients. */
void host_closed_behind(struct host *, unsigned refusals, int64_t now);
/* 452 4.5.3 (or 552 5.5.3) to the RCPT behind `rcpts` that were taken. */
void host_rcpts_after(struct host *, unsigned rcpts, int64_t now);
/* It announces CHUNKING: is it to get any, or has it stumbled within a day? */
bool host_takes_chunks(const struct host *, int64_t now);
/* For so long it gets none, and no message behind another; 0: it does. */
int64_t host_chunks_off_ns(const struct host *, int64_t now);
/* May messages go behind others on its connections? Not while it is found out
 * what it bears. */
bool host_takes_behind(const struct host *, int64_t now);
/* The same for what goes behind a final dot: is it known to take that, or is it
 * time for one to find out? That one is on its way then. */
bool host_tries_behind(struct host *, int64_t now);
/* It took one, in a chunk or sent behind another that was under way then. */
void host_way_taken(struct host *, bool chunk, bool behind);
/* A chunk, or what came behind a message, was answered as if it were none, or
 * the connection broke under the first that it ever got. */
void host_stumbled(struct host *, int64_t now);
/* Somebody thinks that it does not any more. */
void host_stumble_forget(struct host *);
void host_alone(struct host *, int64_t now); /* see HOST_ALONE_NS */

/* 4xx with a rate word: fewer messages a second. True when it was one. */
bool host_rate_reply(struct host *, const struct smtp_reply *, int64_t now);
/* 0: none known. */
unsigned host_limit_value(const struct host_limit *, int64_t now);

#endif
