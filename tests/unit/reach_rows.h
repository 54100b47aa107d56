/* SPDX-License-Identifier: ISC
 * reach_rows: the table of what a server that takes mail may be like, and how
 * the way to it has to end. The same rows go through the bare reach, the probe
 * and the delivery: whoever brings a `run` is held to them.
 *
 * Each row has up to ROW_SITES addresses on loopback, each with a thread that
 * speaks SMTP (and TLS) as its site says, serving one connection after the
 * other. Limits are short (`row_limits`), times are not measured. */
#ifndef MX_TESTS_REACH_ROWS_H
#define MX_TESTS_REACH_ROWS_H

#include <pthread.h>
#include <stdatomic.h>

#include "primary/reach.h"

#define ROW_SITES 3

enum site_kind {
	SITE_NONE,
	SITE_SMTP,
	SITE_DEAD, /* nobody listens */
	SITE_HOLE, /* SYNs get no answer */
	SITE_AWAY, /* an IPv6 address without a route */
};
enum site_tls { /* STARTTLS is ... */
	TLS_ABSENT, /* not offered */
	TLS_GOOD, /* fine, verifies for mx.test */
	TLS_OTHER_NAME, /* fine, for another name */
	TLS_EXPIRED,
	TLS_UNKNOWN, /* signed by nobody who is trusted */
	TLS_WANTS_CERT, /* 1.3, a client certificate wanted: alert behind it */
	TLS_CLOSES, /* shut right behind the handshake */
	TLS_MUTE, /* the handshake is never answered */
	TLS_MUTE_LATER, /* silent behind the handshake */
	TLS_NO_REPLY, /* silent at STARTTLS */
	TLS_CLOSES_EARLY, /* shut at STARTTLS */
	TLS_NOISE, /* no TLS behind the 220 */
	TLS_INJECTS, /* says more in clear behind the 220 */
	TLS_REFUSED, /* 454 */
	TLS_421, /* 421 to STARTTLS */
	TLS_HELO, /* fine, EHLO refused inside */
};
struct row_peer {
	enum site_kind kind;
	bool six; /* on ::1 */
	enum site_tls tls;
	const char *greeting, *ehlo, *helo, *mail, *rcpt; /* NULL: as usual */
	int greet_ms; /* it greets so late */
	bool mute, mute_ehlo; /* silent from the start, at EHLO */
	bool shut, shut_ehlo; /* closes instead of a reply */
	bool backup, backup_inside; /* EHLO says so; inside TLS only */
	/* The reply to the nth line (from 0) of a connection; NULL: as usual,
	 * "": closes. It runs in the server's thread. */
	const char *(*hook)(const char *line, unsigned nth);
};

struct row {
	const char *name;
	struct row_peer site[ROW_SITES];
	enum conf_tls tls;
	bool may_be_backup;
	bool literal; /* the host is given as an address */
	bool delivery; /* the reach is one of a delivery: not for the probe */
	/* What is known of the addresses before. */
	void (*know)(struct address *site0, struct address *site1, int64_t now);
	/* How it has to end. */
	bool ok;
	enum smtp_phase phase; /* that failed */
	uint16_t code; /* of the reply */
	bool in_tls; /* of the connection that works */
	unsigned at; /* the site that it works with */
	unsigned conns[ROW_SITES]; /* connections seen; 0: not looked at */
#define ROW_NEVER 99 /* none at all */
};

struct row_site { /* a server, or what there is instead */
	const struct row_peer *site;
	struct net_addr addr;
	int lfd, filler[4];
	bool started;
	pthread_t thread;
	atomic_uint conns; /* seen */
};
struct row_world { /* what a run goes by */
	const struct row *row;
	struct loop *loop;
	struct reach_env env;
	struct route_host host;
	struct reach_policy policy;
	struct row_site at[ROW_SITES];
};
struct row_outcome {
	bool ok;
	enum smtp_phase phase;
	uint16_t code;
	bool in_tls;
	struct net_addr addr; /* that it works with; len 0: not known */
};
/* Brings it to an end (row_wait() runs the loop). */
typedef void row_run(struct row_world *, struct row_outcome *);

extern const struct row rows[];
extern const unsigned nrows;
extern const struct reach_limits row_limits;

/* Certificates, and the authority that is trusted from here on: once, before
 * any TLS context is made. */
void rows_begin(void);
void rows_end(void);
/* Sets the world up, runs, compares with the row, takes it down. */
void row_check(const struct row *, row_run *);
/* Runs the loop until *done, 20 s at most. */
void row_wait(struct row_world *, const bool *done);
/* For other tests than those of the table: servers for row->site. */
void row_open(struct row_world *, const struct row *);
void row_close(struct row_world *);

#endif
