/* SPDX-License-Identifier: ISC
 * control: the operator's socket. One request a connection: a line of JSON
 * {"verb": "flush", "domain": "example.org", "reason": "..."}; the answer is
 * lines of JSON, the last of which has "done": true and "rc" (0, 1, 2) and,
 * when rc is not 0, "error". mxwatchctl turns them into text, or passes them on
 * with --json. protocol.h lists verbs and fields. The mode of the socket (0660,
 * group of the daemon) decides who may connect; requests that change something
 * are logged with the peer's uid and the reason. Loop thread. */
#ifndef MX_CONTROL_CONTROL_H
#define MX_CONTROL_CONTROL_H

#include "base/buf.h"
#include "base/err.h"
#include "config/redirect.h"
#include "ledger/kept.h"
#include "net/loop.h"
#include "relay/relay.h"
#include "status/drill.h"
#include "status/snapshot.h"

struct control;
struct cJSON;

struct control_silence {
	uint64_t id;
	const char *match, *reason;
	int64_t from_ms, until_ms; /* wall */
};

/* A stage of a receiver's test (alerts/alerts.h). */
struct control_test_line {
	const char *step; /* "trigger" or "resolve" */
	char host[TEXT_DOMAIN_MAX]; /* "": only one host */
	int64_t ms;
	char stage[16], text[128];
};

/* Operations on alerts; all NULL in a build without them. */
struct control_alert_ops {
	/* Adds a silence; `match` is the name of an alert, a domain, a list or
	 * a primary. Returns the id, or 0: too many. */
	uint64_t (*silence)(void *arg, const char *match, int64_t for_ms,
	    const char *reason);
	int (*unsilence)(void *arg, uint64_t id); /* -MX_ENOENT */
	void (*silences)(void *arg,
	    void (*fn)(const struct control_silence *, void *), void *fn_arg);
	/* Acknowledges the firing alerts that match; returns how many. */
	unsigned (*ack)(void *arg, const char *match, const char *by);
	/* Starts a test: a ticket and how long it may take, or -MX_ENOENT,
	 * -MX_EBUSY. */
	int64_t (*test)(void *arg, const char *receiver, int64_t *limit_ms);
	/* The i-th line of the test; false: none yet. */
	bool (*test_line)(void *arg, int64_t ticket, unsigned i,
	    struct control_test_line *);
	/* 1 delivered, 0 not known yet, negative not delivered. */
	int (*test_result)(void *arg, int64_t ticket, char *text, size_t size);
	void *arg;
};

/* A maintenance window, of one occurrence (an order) or recurring (a section).
 * Strings and lists are borrowed. */
struct control_maintenance {
	uint64_t id; /* of one that occurs once; 0: recurring */
	const char *name, *every; /* recurring: of its section */
	/* The scope: one domain or primary, or the lists of a section. */
	const char *subject; /* "": the lists */
	bool is_primary;
	const struct strlist *domains, *primaries;
	bool hold, active;
	int64_t uid; /* who ordered it; -1: unknown */
	int64_t from, until; /* wall seconds */
	const char *reason; /* "" */
};

#define CONTROL_REASON_MAX 160 /* of a maintenance window */

/* Operations on maintenance windows. */
struct control_maintenance_ops {
	/* Adds a window that occurs once; *id is set. -MX_EFULL: there are too
	 * many; -MX_ESYNTAX: it would be over already. */
	int (*add)(void *arg, const struct control_maintenance *, uint64_t *id);
	/* Ends one, by id or name. -MX_ENOENT; -MX_EBUSY: it recurs and is not
	 * active now. */
	int (*end)(void *arg, const char *which);
	/* All of them, in order of their start. */
	void (*each)(void *arg,
	    void (*fn)(const struct control_maintenance *, void *),
	    void *fn_arg);
	/* Is the domain's mail held by a window now? */
	bool (*holds)(void *arg, const char *domain);
	void *arg;
};

/* A redirect (config/redirect.h). All is borrowed. */
struct control_redirect {
	const struct redirect *redirect;
	/* The domain's own primaries (empty: by MX records); NULL: it is not
	 * configured. */
	const struct strlist *instead_of;
	bool in_force;
};

/* The end of an order. rc 0: it is durable and in force, or would be;
 * -MX_ESYNTAX, -MX_ENOENT: refused for its contents; else failed. `error` is a
 * sentence when rc is not 0. */
struct control_redirected {
	const char *error;
	const struct strlist *doubts; /* sentences: mail may not get there */
	const struct strlist *instead_of; /* as above */
};
typedef void
control_redirected_cb(void *ticket, int rc, const struct control_redirected *);

/* Operations on redirects. The callback comes once, in the call or later. */
struct control_redirect_ops {
	/* References the redirect. dry: only judges it. */
	void (*order)(void *arg, struct redirect *, bool dry,
	    control_redirected_cb *, void *ticket);
	void (*end)(void *arg, const char *domain, bool dry,
	    control_redirected_cb *, void *ticket);
	void (*each)(void *arg,
	    void (*fn)(const struct control_redirect *, void *), void *fn_arg);
	void *arg;
};

/* Findings for mxwatchctl doctor; all NULL without a doctor. */
typedef void control_finding_cb(void *arg, const struct snap_finding *);
struct control_doctor_ops {
	/* Starts a check of this host and the domain, or, with NULL, of all;
	 * its findings have sequence numbers above *seq. -MX_ENOENT: the domain
	 * is not configured; -MX_EBUSY. */
	int (*ask)(void *arg, const char *domain, uint64_t *seq);
	/* Is the subject ("": this host) waiting or being checked? NULL: is a
	 * check of all running? */
	bool (*is_busy)(void *arg, const char *domain);
	/* The findings of one subject. of(): of this one ("": this host).
	 * next(): of the first by name behind `after` (NULL: of all); its name
	 * is stored. since(): of the first checked behind *seq, which is moved
	 * on. False: no such subject. */
	bool (*of)(void *arg, const char *domain, control_finding_cb *,
	    void *cb_arg);
	bool (*next)(void *arg, const char *after, char name[TEXT_DOMAIN_MAX],
	    control_finding_cb *, void *cb_arg);
	bool (*since)(void *arg, uint64_t *seq, control_finding_cb *,
	    void *cb_arg);
	/* When the last check of all ended, wall s; 0: never */
	int64_t (*ended)(void *arg);
	void *arg;
};

/* Drills. A number is that of one drill. */
struct control_drill_ops {
	/* Starts one, or finds the one under way (-MX_EBUSY); either way
	 * *number is set. recipient NULL: by the options of the domain.
	 * -MX_EFULL: too many are under way; -MX_ENOENT: no listener. */
	int (*start)(void *arg, const char *domain, const char *recipient,
	    uint64_t *number);
	/* The i-th step; false: none yet. */
	bool (
	    *step)(void *arg, uint64_t number, unsigned i, struct drill_step *);
	/* -MX_ENOENT: it is not known any more. */
	int (*look)(void *arg, uint64_t number, struct drill_view *);
	/* Why mail to the domain is not delivered now; false: it is. */
	bool (*obstacle)(void *arg, const char *domain, char *dst, size_t size);
	void *arg;
};

/* ---- a cluster. A node has a number (0: none). */
#define CONTROL_NODES	  32 /* at most */
#define CONTROL_NODE_NAME 65

struct control_node { /* strings are borrowed until the loop continues */
	unsigned id;
	const char *name, *state; /* "live", "left", "silent", ... */
	/* "": not announced; url: of its status page */
	const char *version, *hostname, *config, *url;
	bool us;
	bool asks; /* it is expected to answer requests */
	int64_t silent_ms;
	unsigned domains; /* number of domains owned */
};

struct control_verdict { /* a node's view of a domain's primary */
	const char *node, *state, *cause; /* cause: "" */
	int64_t since; /* wall seconds */
};

/* Receives the pieces of an answer in order, the last with `end`. rc negative:
 * no answer in time, or it broke off. */
typedef void
control_said_cb(void *arg, int rc, const char *text, size_t len, bool end);

/* Operations on the cluster; all NULL without one. */
struct control_cluster_ops {
	/* Up to `max` nodes, this one included, by ascending number. */
	unsigned (*nodes)(void *arg, struct control_node *, unsigned max);
	void (*view)(void *arg, struct snap_cluster *); /* all but the nodes */
	unsigned (*owner)(void *arg, const char *domain);
	unsigned (*verdicts)(void *arg, const char *domain,
	    struct control_verdict *, unsigned max);
	/* Sends a line of at most CONTROL_LINE_MAX bytes to another node;
	 * returns a ticket. No callback follows forget() or the piece with
	 * `end`. */
	uint64_t (*ask)(void *arg, unsigned node, const char *line,
	    control_said_cb *, void *cb_arg);
	void (*forget)(void *arg, uint64_t ticket);
	/* Sends a piece of the answer to a request from control_asked(). */
	void (*said)(void *arg, uint64_t ticket, const char *text, size_t len,
	    bool end);
	/* Orders of an operator. 0, -MX_ENOENT: no such domain; -MX_EBUSY: the
	 * node is not available to take it, or (takeover) is this one. */
	int (*move)(void *arg, const char *domain, unsigned node);
	int (*release)(void *arg, unsigned node);
	int (*takeover)(void *arg, unsigned node);
	int (*join)(void *arg, unsigned node);
	void *arg;
};

/* Operations provided by the daemon. Domains are canonical. */
struct control_ops {
	/* A snapshot made now; the caller gets a reference. `domain` is current
	 * in it; NULL: all domains are refreshed as far as a slice of the loop
	 * allows, the others are about a second old. */
	struct snapshot *(*snapshot)(void *arg, const char *domain);
	/* Starts a round of probes; -MX_ENOENT. The result is in later
	 * snapshots (last_run of its primaries). */
	int (*probe)(void *arg, const char *domain);
	/* An operator orders a flush of the domain, even if nothing is queued:
	 * he has seen to the cause, so CHUNKING that was given up for its
	 * primaries is tried again. */
	void (*flushes)(void *arg, const char *domain);
	/* Starts to read the configuration again; returns the number of that
	 * reload. */
	uint64_t (*reload)(void *arg);
	/* 1: still reading; 0: in force; -MX_ESYNTAX: the old one stays. The
	 * findings are borrowed until control returns to the loop. */
	int (*reload_result)(void *arg, uint64_t number,
	    const struct conf_errors **);
	/* The reply that RCPT would get for the mailbox now, "250", "550 5.1.1
	 * ...", and a sentence about the rule that decides it. */
	void (*rcpt)(void *arg, const char *mailbox, char *dst, size_t size,
	    struct buf *rule);
	/* May the content of messages be read (config.control_content)? */
	bool (*content)(void *arg);
	/* Forgets a removed domain. -MX_ENOENT: it is not one; -MX_EEXIST: it
	 * is configured; -MX_EBUSY: a reload is under way. */
	int (*forget)(void *arg, const char *domain);
	/* A page of the record of outages (ledger/kept.h). */
	bool (*outages)(void *arg, const struct kept_query *, const char *end,
	    struct buf *, uint64_t *before);
	/* Records a verb that changes something and its result (rc). `target`:
	 * its subject, "" for all; `uid`: who asked at that `node` ("": at this
	 * one). */
	void (*did)(void *arg, const char *verb, const char *target,
	    const char *reason, const char *node, int64_t uid, int rc);
	struct control_alert_ops alert;
	struct control_maintenance_ops maintenance;
	struct control_redirect_ops redirect;
	struct control_doctor_ops doctor;
	struct control_drill_ops drill;
	struct control_cluster_ops cluster;
	void *arg;
};

/* Binds `path` (an old socket is replaced if nobody listens on it). More than
 * `clients` at once are told to come later. */
struct control *
control_create(struct loop *, const char *path, unsigned clients,
    const struct relay *, const struct control_ops *, struct mx_errbuf *);
void control_destroy(struct control **); /* removes the socket */
/* Has a request (protocol.h), which is taken over, answered as one of a client,
 * in a cluster by the nodes that it concerns. For short answers: `fn` is called
 * once, later, with the lines, of at most a page; whole: with all of them.
 * Never after control_destroy(). */
typedef void
control_answer_cb(void *arg, const char *text, size_t len, bool whole);
void control_ask(struct control *, struct cJSON *request, control_answer_cb *fn,
    void *arg);
/* An event; it is copied into the last few hundred, which clients can ask
 * for. */
struct control_event {
	int64_t wall; /* seconds */
	const char *what; /* "state", "flush", "alert", ... */
	const char *domain, *host, *text; /* "": none */
};
void control_event(struct control *, const struct control_event *);
/* These few hundred; for their file (control/happened.h). */
struct happened *control_happened(struct control *);
/* A request of another node, answered by cluster.said(), in this call or later.
 * The sending node has checked the permission; there is no other check. */
void control_asked(struct control *, uint64_t ticket, const char *line);

#endif
