/* SPDX-License-Identifier: ISC
 * sim_server: mail servers that are not there. Each has addresses, a mood (how
 * it is now) and traits (how it is when it is well). It speaks SMTP as text
 * with whoever connects through sim_net, and tells the judge (sim_judge.h) what
 * it was asked and what it took. All in virtual time. */
#ifndef MX_TESTS_SIM_SERVER_H
#define MX_TESTS_SIM_SERVER_H

#include <sys/queue.h>

#include "net/addr.h"
#include "net/loop.h"
#include "tests/sim/sim_loop.h"

#define SERVER_ADDRS 4
#define VISIT_FLIGHT 8 /* messages that may be under way in one connection */

enum mood {
	MOOD_WELL,
	MOOD_REFUSES, /* no listener; what was open is reset */
	MOOD_HOLE, /* the machine is gone: no packet is answered */
	MOOD_SILENT, /* the kernel accepts, nobody greets */
	MOOD_RESETS, /* accepted and closed */
	MOOD_421, /* greets with 421 */
	MOOD_554, /* greets with 554 */
	MOOD_DISK_FULL, /* 452 to every MAIL */
	MOOD_MAX,
};
const char *mood_name(enum mood);

enum limit_how { LIMIT_421, LIMIT_REFUSES, LIMIT_CLOSES };

enum server_tls {
	STLS_NONE,
	STLS_GOOD,
	STLS_REFUSED, /* 454 to STARTTLS */
	STLS_BROKEN, /* the handshake fails */
	STLS_LATE_ALERT, /* it ends; then comes an alert (TLS 1.3) */
	STLS_CLOSES, /* in the handshake */
	STLS_MAX,
};

/* What it makes of BDAT, which it announces, and of what comes behind it. */
enum server_chunks {
	CHUNKS_NONE, /* it announces none */
	CHUNKS_GOOD,
	CHUNKS_UNKNOWN, /* 500 to BDAT; the content is commands to it */
	CHUNKS_CLOSES, /* at BDAT */
	CHUNKS_CLOSES_BEHIND, /* when something stands behind it */
	CHUNKS_MAX,
};

struct visit;
struct server {
	unsigned index;
	unsigned naddrs;
	struct net_addr addr[SERVER_ADDRS]; /* port 25 */
	bool hole[SERVER_ADDRS]; /* black-holed, whatever the mood */
	bool sink; /* takes our notifications; never judged */

	enum mood mood;
	int64_t well_since; /* loop time; 0: it is not. A cut begins anew */

	int64_t latency_ms; /* one way */
	int64_t think_ms; /* of a reply */
	int64_t greeting_ms; /* what the greeting takes longer */
	unsigned limit; /* connections, 0 any */
	enum limit_how limit_how;
	unsigned mails_max; /* of a connection, then 421; 0 any */
	int64_t greylist_ms; /* 0: none */
	unsigned mailbox_percent; /* of the recipients get 452 4.2.2 once */
	unsigned postmaster; /* reply code for it; 0: it is taken */
	bool no_ehlo;
	bool pipelining;
	enum server_chunks chunks;
	unsigned cut_permille; /* of packets it closes, at any byte of them */
	enum server_tls tls;

	struct dice dice;
	LIST_HEAD(, visit) visits;
	unsigned nopen; /* visits, as it counts them */
	uint64_t refused, accepted; /* connections, of the limit */
	uint64_t taken; /* messages */
};

enum visit_role { VISIT_UNKNOWN, VISIT_PROBE, VISIT_DELIVERY };
enum visit_state { V_GREETING, V_COMMAND, V_BODY, V_CHUNK, V_OVER };

/* One connection, from the server's side. */
struct visit {
	LIST_ENTRY(visit) link;
	struct server *server;
	struct conn *conn; /* NULL: the client has gone */
	struct loop_timer *wire; /* what the client sent arrives */
	char *up; /* on the way, and lines that are not whole */
	size_t nup, size;
	bool closing; /* the client's end is on the way */
	bool mute;
	int64_t last_at; /* of what is on the way to the client */
	unsigned addr;

	enum visit_role role;
	enum visit_state state;
	bool ehlo, tls, mail;
	unsigned domain; /* of the transaction's first recipient */
	uint64_t seq; /* of the message; 0: none of the world's */
	uint32_t rcpts; /* taken: bits */
	int64_t since;
	uint64_t put_off; /* the last message that was */
	struct sent {
		size_t end; /* in `up` */
		int64_t at; /* the client wrote up to there */
	} * sent;
	unsigned nsent, sent_size;
	int64_t sent_at; /* the command that is being read was */
	int64_t mail_at; /* MAIL did */
	/* When its replies to content, or what came instead, are at the client. */
	int64_t answered_at[VISIT_FLIGHT];
	unsigned answers;
	uint64_t chunk; /* octets that are still to come */
	unsigned unknown; /* commands that it did not know */
	bool counted; /* by the judge */
	unsigned mails;
};

/* The server and the number of its address; NULL: nobody has it. */
void servers_set(struct server *, unsigned n);
struct server *server_at(const struct net_addr *, unsigned *addr);
void server_addresses(struct server *); /* fills in addr[0..naddrs) */
void server_mood(struct server *, enum mood, int64_t now);
/* Would somebody who knows all its addresses get mail through? */
bool server_takes(const struct server *);

/* Called by sim_net. */
enum syn { SYN_ACCEPTED, SYN_REFUSED, SYN_LOST };
enum syn server_syn(struct server *, unsigned addr);
void server_greet(struct visit *);
void server_sent(struct visit *); /* v->up has grown now ... */
void server_input(struct visit *); /* ... and that has arrived */
void server_tls_up(struct visit *);

/* ---- sim_net: what a server does with a connection. */
struct receipt { /* of a message that was taken; told to the judge */
	uint64_t seq; /* 0: none */
	unsigned domain;
	uint32_t rcpts;
};
void visit_say(struct visit *, int64_t delay_ms, const struct receipt *,
    const char *text, size_t len);
void visit_close(struct visit *, int64_t delay_ms, bool reset);
void visit_free(struct visit *);
void visit_mute(struct visit *); /* nothing is answered any more */
void visit_wake(struct visit *); /* it goes on where it hung */
/* Every connection is gone by now, but for those that say goodbye. */
void sim_net_end(void);

#endif
