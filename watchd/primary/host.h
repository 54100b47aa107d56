/* SPDX-License-Identifier: ISC
 * host: the capacity of one address set. Primaries whose addresses and ports
 * coincide are one host under several names (hosters give every customer an
 * mx.customer.test), so connections, window, pauses and learned limits belong
 * to the host, for each source address of ours, and not to a name or a domain.
 * The owner (relay/deliver/site.c) keeps the table and the connections; this is
 * the arithmetic. Pure; times are monotonic ns. */
#ifndef MX_PRIMARY_HOST_H
#define MX_PRIMARY_HOST_H

#include "net/route.h"
#include "primary/window.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

/* None of these is an option, because none is a limit of this server: they
 * govern how the capacity of a peer is found out, and the peer's behaviour
 * corrects each of them. Operators have options for what they may want to limit
 * (deliver { connections, pipeline_depth, max_messages }). A stumble whose
 * cause was repaired is cleared by `mxwatchctl flush`, not by a shorter time
 * for all peers. */
#define HOST_PAUSE_MIN INT64_C(1000000000) /* after a failure, doubling */
#define HOST_PAUSE_MAX INT64_C(60000000000)
#define HOST_FRESH     INT64_C(600000000000) /* after a recovery */
#define HOST_GAP_MIN   INT64_C(100000000) /* between messages, doubling */
#define HOST_GAP_MAX   INT64_C(60000000000)
/* One connect at a time goes beyond the proven number, so that only one meets
 * the limit. When it is greeted, that number is proven and the next one may
 * start, however long TLS takes after that. If it stays silent for this long,
 * one more is started. */
#define HOST_FINDER_NS INT64_C(2000000000)
/* Wait after the end of a connection at a host that is at its ceiling: the host
 * may see that end later than we do, and would refuse a new one as one too
 * many. Doubles after each such refusal. */
#define HOST_SETTLE_MIN INT64_C(50000000)
#define HOST_SETTLE_MAX INT64_C(1000000000)
/* A refusal while other connections of ours are being set up may mean "one too
 * many". Those others will tell, if they began, or one became ready, within
 * this time or within twice what is usual there. */
#define HOST_WAY_NS INT64_C(10000000000)
/* Age up to which a success on an open connection proves that the host works
 * now. */
#define HOST_LATELY   INT64_C(30000000000)
#define HOST_TURN_MAX INT64_C(300000000000)
#define HOST_KEY_MAX  1024
/* Age at which a learned limit is tested again. Once a day costs one broken
 * connection; a longer memory would outlive most repairs. */
#define HOST_LIMIT_AGE INT64_C(86400000000000)
/* Time without pipelined messages after one was lost while others were under
 * way, or after a refusal that contradicts what is known. */
#define HOST_ALONE_NS INT64_C(60000000000)
/* Interval at which one connection tries a message behind a final dot, until
 * the host has taken one: a server that throws away what follows the dot never
 * answers, and that connection waits for its time-out. Not shorter than that
 * time-out (RFC 5321 4.5.3.2.6: ten minutes), or one connection would always be
 * waiting; pipeline_depth = 1 tries none. */
#define HOST_TRY_BEHIND INT64_C(600000000000)

/* A limit that was observed, not announced by the host. */
struct host_limit {
	unsigned value; /* 0: none known */
	unsigned seen; /* equal values in a row; believed from 2 on */
	unsigned last; /* the value that was seen last */
	int64_t since_ns;
};

struct host {
	struct window window;
	unsigned open; /* connections of ours, from SYN to close */
	/* of these: greeted, so past a refusal as one too many */
	unsigned greeted;
	/* of the greeted: EHLO answered, TLS done as required */
	unsigned ready;
	unsigned proven; /* the most that were open at once */
	int64_t newest_ns; /* start of the newest greeted connection */
	unsigned places; /* connections of probes (place.h) */
	int64_t place_ns; /* since when there are places */
	int64_t opened_ns; /* start of the last connect; 0: none yet */
	int64_t way_ns; /* since when some are being set up */
	int64_t way_usual_ns; /* usual time until one is ready */
	int64_t closed_ns; /* end of the last connection; 0: none yet */
	int64_t left_ns; /* end of the last one that had been ready */
	/* wait after that before the next one, at the ceiling */
	int64_t settle_ns;
	/* sessions at a message, those from before included */
	unsigned working;
	/* Number of recoveries, and the connections that hung before the last
	 * one. The server may have been restarted since, so these are counted
	 * in `before` only, and their outcome says nothing about the host. */
	unsigned epoch, before;
	unsigned fails; /* failed connects in a row while no connection works */
	int64_t closed_until_ns; /* pause: no connect before this */
	int64_t failed_ns; /* start of the failures */
	int64_t
	    recovered_ns; /* start of canary and slow start; 0: doubted since */
	/* wait between two transactions; 0: no rate limit known */
	int64_t gap_ns;
	int64_t next_ns; /* earliest next transaction, by gap_ns */
	unsigned gap_wins; /* messages taken since the gap was set */
	struct host_limit messages; /* messages per connection */
	struct host_limit rcpts; /* recipients per transaction */
	/* refusals per connection before the host closes it */
	struct host_limit refusals;
	/* The host has taken chunks (RFC 3030), or a message sent behind one
	 * that was not yet answered: proof that it can. */
	bool chunk_taken, behind_taken;
	int64_t behind_tried_ns; /* first, or again; see HOST_TRY_BEHIND */
	/* last failure of either; 0: never, or it succeeded since */
	int64_t stumbled_ns;
	int64_t alone_until_ns;
	/* refused connections, including those beyond the ceiling */
	uint64_t refused;
	unsigned lessons; /* increased when limit, ceiling or gap is learned */
	int64_t ready_ns; /* last time a connection became ready; 0: never */
	int64_t taken_ns; /* last time a message was taken; 0: never */
};

/* The key of an address set: sorted, with ports, and our source address. A host
 * without addresses shares nothing with another one: its key has its label.
 * `dst` holds HOST_KEY_MAX. */
char *
host_key(const struct route_host *, const struct net_addr *source, char *dst);

void host_init(struct host *, unsigned max);
/* The host recovered, or an operator says so: clears the pause and starts with
 * a canary. `hung` open connections have long been silent: they are counted in
 * `before`. */
void host_recovered(struct host *, unsigned hung, int64_t now);
/* True when it has recovered recently and was not doubted since. A host of 300
 * names reports 300 recoveries within half a minute: it starts anew once. */
bool host_is_fresh(const struct host *, int64_t now);
void host_doubted(struct host *); /* a probe failed */
/* There is a reason to try again: ends a pause, but not earlier than
 * HOST_PAUSE_MIN after its failure. */
void host_retry(struct host *, int64_t now);
/* May a connection be opened now? */
bool host_room(const struct host *, int64_t now);
/* May a probe connect beside the deliveries? By the ceiling alone: window and
 * canary are for messages. Connections being set up are waited for briefly,
 * since they may be all that the host takes. */
bool host_place_room(const struct host *, int64_t now);
/* True while connections of ours are being set up, for a short time only: their
 * outcome will tell whether the host works. */
bool host_will_say(const struct host *, int64_t now);
/* Does it work for our deliveries? True when it took a message, or a connection
 * became ready, after `since_ns` (0: not asked); or an open connection did
 * either within HOST_LATELY; or some have been in set-up for a short time; or
 * the last one ended so shortly before `since_ns` that the host may not have
 * seen it. */
bool host_works(const struct host *, int64_t since_ns, int64_t now);
unsigned host_bears(const struct host *); /* connections of ours */
/* as many connections as it takes are open */
bool host_is_full(const struct host *);
/* How long a delivery keeps its connection before it yields to a probe:
 * yielding sooner would leave only a few messages for each slow greeting. */
int64_t host_turn_ns(const struct host *);
void host_place_taken(struct host *, int64_t now);
void host_place_left(struct host *, int64_t now);
int64_t host_wake(const struct host *, int64_t now);

/* Does this refusal mean "too many connections" when others of ours work there?
 * Pure; code 0: no reply. */
bool host_says_crowded(enum smtp_phase, uint16_t code);

enum host_failure {
	HOST_CROWDED, /* one connection too many: the others go on */
	HOST_FAILED, /* nothing works: a pause */
	HOST_AGAIN, /* same incident as the last failure: nothing new */
};
/* A connect begins; `usual_ns` is how long one usually takes there (0:
 * unknown). */
void host_opened(struct host *, int64_t usual_ns, int64_t now);
/* A connection has ended; `ready`: it had been ready. */
void host_closed(struct host *, bool ready, int64_t now);
/* A connection did not become ready. It is still counted in `open`, no longer
 * in `greeted`. `silent`: one of our time-outs ended it. */
enum host_failure host_connect_failed(struct host *, enum smtp_phase,
    uint16_t code, bool silent, int64_t begun_ns, int64_t now);
/* The connection that began at `begun_ns` was greeted; or a greeted one failed
 * before it was ready. */
void host_greeted(struct host *, int64_t begun_ns);
void host_ungreeted(struct host *);
/* A greeted connection is ready, `took_ns` after it began. */
void host_connected(struct host *, int64_t took_ns, int64_t now);
void host_taken(struct host *, int64_t latency_ns, int64_t now);
/* the transaction was answered, nothing was taken */
void host_answered(struct host *);
/* The connection broke in a transaction, or 421, or 452 for lack of space. */
void host_trouble(struct host *);

/* The host closed a connection, or said 421, after it took `messages` on it and
 * before the next one: the same number twice is its limit. */
void host_closed_after(struct host *, unsigned messages, int64_t now);
/* The same after this many refused recipients. */
void host_closed_behind(struct host *, unsigned refusals, int64_t now);
/* 452 4.5.3 (or 552 5.5.3) to the RCPT after `rcpts` accepted ones. */
void host_rcpts_after(struct host *, unsigned rcpts, int64_t now);
/* For a host that announces CHUNKING: may BDAT be used, or has it stumbled over
 * it within a day? */
bool host_takes_chunks(const struct host *, int64_t now);
/* Time left in which it gets neither chunks nor pipelined messages; 0: it
 * does. */
int64_t host_chunks_off_ns(const struct host *, int64_t now);
/* May messages be pipelined on its connections? Not while its capacity is being
 * found out. */
bool host_takes_behind(const struct host *, int64_t now);
/* The same for what is sent behind a final dot: true when the host is known to
 * take that, or when it is time for one trial, which this call starts. */
bool host_tries_behind(struct host *, int64_t now);
/* It took a message in a chunk, or one sent behind another that was still under
 * way. */
void host_way_taken(struct host *, bool chunk, bool behind);
/* A chunk, or data behind a message, was misread as commands, or the connection
 * broke under the first one the host ever got. */
void host_stumbled(struct host *, int64_t now);
/* An operator says that it does not stumble any more. */
void host_stumble_forget(struct host *);
void host_alone(struct host *, int64_t now); /* see HOST_ALONE_NS */

/* 4xx that speaks of a rate: reduces the messages per second. True when it was
 * one. */
bool host_rate_reply(struct host *, const struct smtp_reply *, int64_t now);
/* 0: none known. */
unsigned host_limit_value(const struct host_limit *, int64_t now);

#endif
