/* SPDX-License-Identifier: ISC
 * control: the operator's socket. One request a connection: a line of JSON
 * {"verb": "flush", "domain": "example.org", "reason": "..."}; the answer is
 * lines of JSON, the last of which has "done": true and "rc" (0, 1, 2) and,
 * when rc is not 0, "error". mxwatchctl turns them into text, or passes them
 * on with --json. protocol.h lists verbs and fields. Who may connect is the
 * socket's mode (0660, group of the daemon); what changes something is logged
 * with the peer's uid and the reason. Loop thread. */
#ifndef MX_CONTROL_CONTROL_H
#define MX_CONTROL_CONTROL_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "ledger/kept.h"
#include "net/loop.h"
#include "relay/relay.h"
#include "status/snapshot.h"

struct control;

struct control_silence {
	uint64_t id;
	const char *match, *reason;
	int64_t from_ms, until_ms; /* wall */
};

/* A line of what happened in a test (alerts/alerts.h). */
struct control_test_line {
	const char *step; /* "trigger" or "resolve" */
	char host[TEXT_DOMAIN_MAX]; /* "": there is only one */
	int64_t ms;
	char stage[16], text[128];
};

/* Operations on alerts; all NULL in a build without them. */
struct control_alert_ops {
	/* The name of an alert, a domain, a list or a primary; the id, or 0:
	 * too many. */
	uint64_t (*silence)(void *arg, const char *match, int64_t for_ms,
	    const char *reason);
	int (*unsilence)(void *arg, uint64_t id); /* -MX_ENOENT */
	void (*silences)(void *arg,
	    void (*fn)(const struct control_silence *, void *), void *fn_arg);
	/* Who has in hand what fires and matches; how many those are. */
	unsigned (*ack)(void *arg, const char *match, const char *by);
	/* A ticket, or -MX_ENOENT, -MX_EBUSY; and how long it may take. */
	int64_t (*test)(void *arg, const char *receiver, int64_t *limit_ms);
	/* The i-th line of what happened; false: not yet. */
	bool (*test_line)(void *arg, int64_t ticket, unsigned i,
	    struct control_test_line *);
	/* 1 delivered, 0 not known yet, negative not delivered. */
	int (*test_result)(void *arg, int64_t ticket, char *text, size_t size);
	void *arg;
};

/* A maintenance window. Strings and lists are borrowed. */
struct control_maintenance {
	uint64_t id; /* of one that comes once; 0: it comes again */
	const char *name, *every; /* of one that comes again: of its section */
	/* What it covers: one domain or primary, or the lists of a section. */
	const char *subject; /* "": the lists */
	bool is_primary;
	const struct strlist *domains, *primaries;
	bool hold, active;
	int64_t uid; /* of who ordered it; -1: not known */
	int64_t from, until; /* wall seconds */
	const char *reason; /* "" */
};

#define CONTROL_REASON_MAX 160 /* of a maintenance window */

/* Operations on maintenance windows. */
struct control_maintenance_ops {
	/* One that comes once; *id is set. -MX_EFULL: there are too many;
	 * -MX_ESYNTAX: it would be over already. */
	int (*add)(void *arg, const struct control_maintenance *, uint64_t *id);
	/* By id or name. -MX_ENOENT; -MX_EBUSY: it comes again, and not now. */
	int (*end)(void *arg, const char *which);
	/* All of them, by the time when they begin. */
	void (*each)(void *arg,
	    void (*fn)(const struct control_maintenance *, void *),
	    void *fn_arg);
	/* Is the mail of that domain held by one now? */
	bool (*holds)(void *arg, const char *domain);
	void *arg;
};

/* What mxwatchctl doctor shows; all NULL where there is none. */
typedef void control_finding_cb(void *arg, const struct snap_finding *);
struct control_doctor_ops {
	/* Checks this host and that domain, or, with NULL, all; what is found is
	 * behind *seq. -MX_ENOENT: it is not in the configuration; -MX_EBUSY. */
	int (*ask)(void *arg, const char *domain, uint64_t *seq);
	/* Is that one ("": this host; NULL: all) still being checked? */
	bool (*is_busy)(void *arg, const char *domain);
	/* The findings of one subject: that one ("": this host); by name the
	 * first behind `after` (NULL: of all), which is in `name` then; by time
	 * the first behind *seq. False: there is none. */
	bool (*of)(void *arg, const char *domain, control_finding_cb *,
	    void *cb_arg);
	bool (*next)(void *arg, const char *after, char name[TEXT_DOMAIN_MAX],
	    control_finding_cb *, void *cb_arg);
	bool (*since)(void *arg, uint64_t *seq, control_finding_cb *,
	    void *cb_arg);
	int64_t (*ended)(void *arg); /* wall seconds, of all; 0: not yet */
	void *arg;
};

/* ---- a cluster. Nodes go by number (0: none). */
#define CONTROL_NODES	  32 /* at most */
#define CONTROL_NODE_NAME 65

struct control_node { /* strings are borrowed until the loop goes on */
	unsigned id;
	const char *name, *state; /* "live", "left", "silent", ... */
	const char *version, *hostname, *config; /* "": it has not told */
	bool us;
	bool asks; /* it is thought to answer requests */
	int64_t silent_ms;
	unsigned domains; /* it owns */
};

struct control_verdict { /* what a node sees of a domain's primary */
	const char *node, *state, *cause; /* cause: "" */
	int64_t since; /* wall seconds */
};

/* Pieces of an answer in their order, the last with `end`; rc negative: none came
 * in time, or no more. */
typedef void
control_said_cb(void *arg, int rc, const char *text, size_t len, bool end);

/* All NULL: there is none. */
struct control_cluster_ops {
	/* Up to `max`, ascending by number; ours is among them. */
	unsigned (*nodes)(void *arg, struct control_node *, unsigned max);
	void (*view)(void *arg, struct snap_cluster *); /* but the nodes */
	unsigned (*owner)(void *arg, const char *domain);
	unsigned (*verdicts)(void *arg, const char *domain,
	    struct control_verdict *, unsigned max);
	/* A line of at most CONTROL_LINE_MAX bytes to another node; a ticket.
	 * Nothing is said any more after forget(), or when it has ended. */
	uint64_t (*ask)(void *arg, unsigned node, const char *line,
	    control_said_cb *, void *cb_arg);
	void (*forget)(void *arg, uint64_t ticket);
	/* A piece of the answer to what came by control_asked(). */
	void (*said)(void *arg, uint64_t ticket, const char *text, size_t len,
	    bool end);
	/* By an operator's will. 0, -MX_ENOENT: no such domain; -MX_EBUSY: the
	 * node is not there to take it, or (takeover) is us. */
	int (*move)(void *arg, const char *domain, unsigned node);
	int (*release)(void *arg, unsigned node);
	int (*takeover)(void *arg, unsigned node);
	int (*join)(void *arg, unsigned node);
	void *arg;
};

/* Operations that daemon.c gives. Domains are canonical. */
struct control_ops {
	/* A snapshot made now; a reference for the caller. What it shows of
	 * `domain` is of now; NULL: of all domains as far as a slice goes, the
	 * rest is a second old or so. */
	struct snapshot *(*snapshot)(void *arg, const char *domain);
	/* One round of probes now; -MX_ENOENT. The outcome is in later
	 * snapshots (last_run of its primaries). */
	int (*probe)(void *arg, const char *domain);
	/* A flush of the domain is ordered, whatever waits there: who orders one
	 * has looked into it, and what was given up is tried again. */
	void (*flushes)(void *arg, const char *domain);
	/* Begins to read the configuration again: the number of that reload. */
	uint64_t (*reload)(void *arg);
	/* 1: it is not through; 0: it is in force; -MX_ESYNTAX: the old one
	 * stays. What was found is lent until the loop goes on. */
	int (*reload_result)(void *arg, uint64_t number,
	    const struct conf_errors **);
	/* The reply that RCPT would get for that mailbox now, "250", "550 5.1.1
	 * ...", and a sentence that says what decides that. */
	void (*rcpt)(void *arg, const char *mailbox, char *dst, size_t size,
	    struct buf *rule);
	/* May what is in messages be read (config.control_content)? */
	bool (*content)(void *arg);
	/* A removed domain is forgotten; -MX_ENOENT: it is none; -MX_EEXIST:
	 * it is in the configuration; -MX_EBUSY: a reload is under way. */
	int (*forget)(void *arg, const char *domain);
	/* A page of the record of outages (ledger/kept.h). */
	bool (*outages)(void *arg, const struct kept_query *, const char *end,
	    struct buf *, uint64_t *before);
	/* A verb that changes something was done, or not (rc): to be
	 * remembered. `target` is what it was about, "" for all; `uid` is of
	 * who asked at that `node` ("": at this one). */
	void (*did)(void *arg, const char *verb, const char *target,
	    const char *reason, const char *node, int64_t uid, int rc);
	struct control_alert_ops alert;
	struct control_maintenance_ops maintenance;
	struct control_doctor_ops doctor;
	struct control_cluster_ops cluster;
	void *arg;
};

/* Binds `path` (an old socket is replaced when nobody listens on it). At most
 * `clients` at once; more are told to come later. */
struct control *
control_create(struct loop *, const char *path, unsigned clients,
    const struct relay *, const struct control_ops *, struct mx_errbuf *);
void control_destroy(struct control **); /* removes the socket */
/* What `mxwatchctl why` says of that domain, asked by this process; in a cluster by its
 * owner. Later `fn` is called once with the lines of the answer; whole: these are all of
 * them. Never after control_destroy(). */
typedef void
control_why_cb(void *arg, const char *text, size_t len, bool whole);
void control_why(struct control *, const char *domain, control_why_cb *fn,
    void *arg);
/* Something happened: it is copied, and shown to who asks for the last few hundred. */
struct control_event {
	int64_t wall; /* seconds */
	const char *what; /* "state", "flush", "alert", ... */
	const char *domain, *host, *text; /* "": none */
};
void control_event(struct control *, const struct control_event *);
/* A request of another node, which answers by cluster.said(), in this call or later.
 * Who sends it has seen who may: there is no other check. */
void control_asked(struct control *, uint64_t ticket, const char *line);

#endif
