/* SPDX-License-Identifier: ISC
 * sim_judge: what must hold, checked all along. The judge hears of everything
 * that servers, store, queue and daemon do, keeps books of its own (which
 * message is where, which domain is how since when), and calls judge_fail()
 * for what breaks a property. A property can be off, with a reason: it is
 * counted then and fails nothing. */
#ifndef MX_TESTS_SIM_JUDGE_H
#define MX_TESTS_SIM_JUDGE_H

#include "primary/health.h"
#include "relay/envelope.h"
#include "relay/queue/queue.h"
#include "status/notice.h"
#include "tests/sim/sim_server.h"

#define JUDGE_PARTS 3 /* domains of a message */
#define JUDGE_HOSTS 3 /* primaries of a domain */

enum property {
	P_DOMAIN, /* only its own domain's primaries, only its own recipients */
	P_WINDOW, /* connections with mail at an address set of one domain */
	P_WINDOW_SHARED, /* ... and of many */
	P_WINDOW_MIXED, /* ... that say different things: the smallest */
	P_CANARY, /* a recovery begins with one, on a host of one domain */
	P_CANARY_SHARED, /* ... and on a host of many */
	P_BEHIND, /* nothing goes behind a canary, nor more than was said */
	P_STARVED, /* a message waits though its primary takes mail */
	P_STARVED_NEXT, /* ... though another of its primaries does */
	P_TURNS, /* a domain waits while others of its host have many turns */
	P_DOWN, /* down while a delivery would succeed */
	P_FALSE_DOWN, /* called down long after it was well */
	P_FIRST, /* first delivery within a second of the verdict */
	P_FIRST_SHARED, /* ... at a host of many domains */
	P_FIRST_HUNG, /* ... though a connection hangs since the outage */
	P_WHILE_DOWN, /* nothing is attempted then */
	P_LOST, /* the queue forgets only what was decided */
	P_TWICE, /* what was acknowledged is not sent again */
	P_JOB, /* each job taken ends once */
	P_VERDICT, /* the first one in time */
	P_PROBES, /* one session a primary and interval */
	P_DISABLED, /* enabled = no is never probed */
	P_REFUSED, /* a limit is learned: few connections are refused */
	P_CLOCK, /* which never leaps here, is never doubted */
	P_STUCK, /* in the end everything is delivered */
	P_MAX,
};

struct splace { /* where a domain's mail goes */
	unsigned nhosts;
	struct server *host[JUDGE_HOSTS]; /* best first */
	unsigned pref[JUDGE_HOSTS];
	bool by_mx;
	bool dropped; /* it is not configured */
};

struct sdomain { /* one domain of the world */
	unsigned index;
	char name[32];
	struct splace at, to, was;
	bool moving; /* `to` is written, and not yet applied */
	bool own_names; /* its hosts are called mx<i>.d<n>.test */
	bool probed;
	unsigned connections, depth;
	int64_t interval_ms, timeout_ms, hold_ms, lifetime_ms;
	int64_t retry_max_ms;
	unsigned fall, rise;

	/* The judge's. */
	int64_t moved_at; /* 0: never */
	enum health_state state;
	int64_t state_since;
	bool forced; /* an operator ordered a flush */
	int64_t forced_end;
	unsigned queued; /* parts in the store that are not decided */
	unsigned downs; /* verdicts */
	int64_t last_mail; /* of it arrived somewhere */
	int64_t busy_at; /* the last time that much waited */
	uint64_t served_at; /* host's count of messages then */
	unsigned untried; /* parts that were never offered */
	int64_t open_since; /* 0: closed */
	struct loop_timer *down_check, *first_check;
	int64_t verdict_at;
};

struct judge_host { /* of a server, by its index */
	unsigned ndomains, nlabels;
	unsigned most, largest; /* connections: of its domains */
	bool simple; /* its domains have no other host */
	bool shared; /* by several domains */
	bool by_mx; /* of one of them */
	bool ungated; /* one of them is dropped, or not probed */
	unsigned deliveries; /* connections open with mail */
	unsigned open; /* connections, whatever for */
	unsigned open_domains;
	bool canary;
	int64_t taken_at; /* a message */
	unsigned answers; /* messages that were put off since it began */
	int64_t canary_since, last_mail, well_since;
	int64_t anew_since; /* what hung before stands beside the window */
	uint64_t probes;
	int64_t hung_at; /* seen full of what hangs */
	int64_t changed_at; /* its domains, by a reload */
	int64_t probe_window; /* a count of an interval began */
	unsigned probe_count;
	int64_t probe_ms; /* the interval */
	uint64_t connects, refused_busy;
	int64_t heard_at[SERVER_ADDRS]; /* EHLO behind a greeting; 0: never */
};

struct judge_result {
	bool failed;
	enum property property;
	uint64_t messages, taken, twice_ok, connects, probes, downs, expired;
	uint64_t chunks, behind; /* messages in chunks; sent behind others */
	uint64_t off[P_MAX]; /* what would have failed */
};
extern struct judge_result judge_result;

/* names, reasons, switches */
const char *property_name(enum property);
const char *property_off(enum property); /* NULL: it is on */
enum property property_find(const char *name); /* P_MAX: none */
void property_switch(enum property, bool on);

void judge_begin(struct sdomain *, unsigned ndomains, unsigned nservers,
    int64_t slack_ms);
void judge_over(void); /* the verdict stands, the rest is not looked at */
void judge_end(void);
const struct judge_host *judge_host(const struct server *);
/* The world has a limit on all connections together, or a resolver that
 * fails: promptness is not promised then. */
void judge_patient(bool);
void judge_dns(bool ok); /* routes can be looked up from now on, or not */
void judge_fail(enum property, const char *fmt, ...) MX_PRINTF(2, 3);
void judge_trace(bool on);
void trace(const char *fmt, ...) MX_PRINTF(1, 2);

/* messages */
void judge_message(uint64_t seq, const unsigned *domain, const uint32_t *rcpts,
    unsigned n);
void judge_committed(const struct envelope *);
void judge_removed(const struct envelope *);
void judge_updated(const struct envelope *was, const struct envelope *is);
/* A daemon that begins anew; after a crash what was acknowledged may come
 * again. */
void judge_restart(bool crash);
void judge_sweep(void); /* now and then: who waits too long? */
void judge_drained(void); /* all had their chance */

/* servers */
enum judge_rcpt { RCPT_TAKEN, RCPT_GREYLISTED, RCPT_FULL };
void judge_mood(const struct server *);
void judge_connect(const struct server *);
void judge_disconnect(const struct server *);
void judge_closed(const struct visit *);
void judge_heard(const struct visit *); /* the greeting was */
void judge_mail(struct visit *);
enum judge_rcpt judge_rcpt(struct visit *, unsigned rcpt, unsigned domain);
void judge_probe(struct visit *, unsigned domain);
void judge_put_off(struct visit *); /* by MAIL or RCPT */
void judge_taken(const struct visit *);
void judge_acked(const struct receipt *);

/* daemon */
void judge_notice(const struct notice *);
void judge_forced(unsigned domain);
/* A reload has come to the domain: it is at `to` now. */
void judge_move(struct sdomain *);
/* It is through: connections of before take no message any more. */
void judge_reloaded(void);
struct sdomain *judge_domain(const char *name); /* NULL: not ours */
/* What a talk with it takes, once and for all, until EHLO is answered. */
int64_t judge_talk_ms(const struct server *);
void judge_first_verdicts(void); /* they should be there */

#endif
