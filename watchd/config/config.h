/* SPDX-License-Identifier: ISC
 * config: the configuration file, read, checked and turned into plain structs.
 * options.def is the one table behind the parser, the defaults, the checker,
 * the sample file and the manual page. A struct config is immutable once built
 * and reference counted: mail accepted under an old one may finish under it
 * after a reload. Reference counts are atomic; all else is read-only. */
#ifndef MX_CONFIG_CONFIG_H
#define MX_CONFIG_CONFIG_H

#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "net/addr.h"
#include "net/pin.h"
#include "status/alert.h"

/* Recipients of a message: as many as the queue can hold of one message for one
 * domain (relay/envelope.h). */
#define CONF_RECIPIENTS_MAX 10000

enum conf_admission { ADMISSION_ALWAYS, ADMISSION_OUTAGE };
enum conf_unknown { UNKNOWN_ACCEPT, UNKNOWN_DEFER };
enum conf_newline { NEWLINE_NORMALIZE, NEWLINE_REJECT };
enum conf_early { EARLY_REFUSE, EARLY_ACCEPT };
enum conf_depth {
	DEPTH_CONNECT, /* ascending */
	DEPTH_BANNER,
	DEPTH_EHLO,
	DEPTH_STARTTLS, /* with TLS, where the policy has it */
	DEPTH_RCPT,
};
enum conf_tls { CONF_TLS_MAY, CONF_TLS_REQUIRE, CONF_TLS_DANE, CONF_TLS_NONE };
enum conf_log { CONF_LOG_STDERR, CONF_LOG_SYSLOG, CONF_LOG_FILE };

#define CONF_LISTEN_MAX 128 /* more than the longest path of a socket */
struct conf_listen {
	struct net_addr addr; /* unset for a socket in the file system */
	char text[CONF_LISTEN_MAX]; /* as written */
};
/* The path of "unix:/path"; NULL for an address. */
const char *conf_listen_path(const struct conf_listen *);
struct listenlist {
	size_t n;
	struct conf_listen *a;
	bool usual; /* the default: not written */
};

struct conf_smtpd {
	struct listenlist listen;
	char *tls_cert, *tls_key; /* NULL: no STARTTLS */
	char *banner; /* text after the host name; "" */
	uint64_t message_size;
	uint32_t max_sessions;
	uint32_t per_client; /* simultaneous sessions of a client */
	uint32_t client_rate; /* new sessions a minute; 0: no limit */
	uint32_t max_recipients;
	uint32_t max_errors; /* then 421 */
	uint32_t max_tempfails; /* 4xx of ours, then 421 */
	uint32_t max_commands; /* without mail, then 421 */
	uint32_t max_received; /* Received fields, then 554 5.4.6 */
	int64_t timeout_ms; /* of one command or a stall in DATA */
	int64_t session_ms; /* without a finished transaction */
	uint32_t min_rate; /* bytes a second in DATA */
	enum conf_newline bare_newline;
	struct strlist trusted; /* addresses/prefixes without client limits */
	struct strlist etrn; /* addresses/prefixes that may use ETRN */
	struct strlist xclient, xforward; /* the same for these */
	enum conf_early early_talk;
	bool untrusted_routing; /* "%", "!", "@" in a recipient's local part */
	uint32_t rcpt_checks; /* caused by a client in an hour */
	int64_t store_timeout_ms; /* of a commit, then 451 */
	uint32_t client_log_lines; /* a minute */
	/* dnsbl_site.h; for clients that are not exempt */
	struct strlist dnsbl;
	uint32_t dnsbl_threshold; /* sum of weights, then 554 */
	int64_t dnsbl_wait_ms; /* delay of RCPT, limit of a look-up */
	uint32_t dnsbl_failures; /* in a row: then not waited for */
	uint32_t dnsbl_lookups; /* at once */
	uint32_t dnsbl_cache; /* clients */
	int64_t dnsbl_min_ttl_ms, dnsbl_max_ttl_ms;
	int64_t dnsbl_test_ms; /* interval of the tests of the lists */
};

struct conf_queue {
	uint64_t map_size; /* LMDB address space */
	uint64_t segment_size;
	uint64_t reserve; /* free bytes below which mail is refused */
	uint64_t reserve_inodes;
	uint32_t loop_limit; /* our own Received fields in a message */
	uint32_t max_messages; /* in the queue; more: 452 4.3.1 */
	uint32_t known_names; /* of a domain: recipients and senders */
	uint32_t learned_names; /* of all domains: recipients */
	int64_t clock_step_ms, clock_settle_ms;
	uint32_t group_max; /* messages of one commit */
	uint64_t waiting_max; /* bytes waiting for the disk */
	uint64_t behind_max; /* bytes of the log, not yet in the database */
	int64_t behind_ms;
};

struct conf_dsn {
	char *smarthost; /* "host:port"; NULL: sender domain's MX */
	char *postmaster; /* address in the DSN's From */
	uint64_t size; /* returned octets of the original */
	uint32_t rate; /* DSNs an hour; more wait; 0: none */
	int64_t lifetime_ms; /* of a DSN */
	bool content; /* returned also after a refusal of content */
};

struct conf_probe {
	bool enabled;
	int64_t interval_ms, timeout_ms;
	uint32_t fall, rise;
	int64_t hold_ms; /* minimum time in down */
	enum conf_depth depth;
	char *rcpt; /* NULL: postmaster@domain */
	char *sender; /* "" : null reverse-path */
	uint16_t port; /* of hosts from MX records */
};

struct conf_deliver {
	uint32_t connections; /* the largest window */
	enum conf_tls tls;
	uint32_t max_messages; /* on a connection */
	uint32_t pipeline_depth; /* of those, in flight on a connection */
	int64_t max_age_ms; /* of a connection */
	int64_t idle_ms; /* kept open without work */
	int64_t connect_ms; /* connect time-out */
	char *source; /* local address; NULL: any */
	struct net_addr source_addr;
};

struct conf_retry {
	int64_t first_ms, max_ms;
};

struct redirect;

/* A section `domain "..."`; options not given there come from `defaults`. There
 * may be 50,000 of them: equal strings of several domains are one string, owned
 * by the configuration. */
struct conf_domain {
	const char *name; /* canonical; "" in defaults */
	struct strlist primary; /* empty: from MX records */
	struct strlist primary_networks; /* empty: anywhere */
	bool primary_may_be_backup; /* false: a backup is no primary */
	/* A path or base/source_spec.h; NULL: any recipient. */
	char *recipients;
	char *recipients_token_file; /* NULL: none */
	uint32_t recipients_shrink; /* loss that is refused, percent */
	bool recipients_learn; /* for a domain without a list */
	enum conf_unknown recipients_unknown;
	uint32_t recipients_learn_max; /* names */
	int64_t recipients_refused_after_ms; /* between two refusals */
	char *recipient_delimiter; /* NULL or "": none */
	bool recipient_batv, recipient_srs;
	int64_t lifetime_ms;
	int64_t vault_keep_ms; /* of bounced messages; 0: not kept */
	int64_t
	    refusal_grace_ms; /* until a contradictory refusal is believed */
	int64_t delay_warning_ms[8]; /* ascending */
	size_t ndelay_warning;
	enum conf_admission admission;
	int64_t admission_patience_ms; /* 0: retries never admit */
	struct conf_probe probe;
	struct conf_deliver deliver;
	struct conf_retry retry;
	int64_t drill_ms; /* period; 0: on request only */
	int64_t drill_deadline_ms; /* until one has failed */
	char *drill_recipient; /* NULL: postmaster@domain */
	bool elsewhere; /* from domains_from */
	/* Not an option: the networks of its primaries' addresses; NULL:
	 * anywhere. Owned by the configuration. */
	struct pin *pin;
	bool mx_backup; /* not an option: conf_mx_backup.domain */
	/* Not an option: an operator's redirect, of config.redirects, to which
	 * `primary` is due; NULL: none. `redirected`: what would be there
	 * without it (redirect.h). */
	const struct redirect *redirect;
	struct strlist redirected;
};

struct conf_fetch { /* for lists and domains from URLs */
	int64_t interval_ms, timeout_ms;
	uint64_t size_max;
	uint32_t connections;
	char *ca_file; /* NULL: the system's */
};

/* Domains without a section for which the DNS lists this host as a secondary MX
 * (relay/mxbackup). */
struct conf_mx_backup {
	struct strlist networks; /* of their primaries; empty: off */
	int64_t lifetime_ms;
	uint32_t recipients_max; /* per domain: queued, and learned */
	uint32_t domains_max;
	int64_t forget_ms; /* after the last question about it */
	int64_t recheck_ms; /* validity of an answer of the DNS */
	uint32_t lookups; /* at once */
	uint32_t lookup_rate; /* started a minute */
	uint32_t client_lookups; /* started an hour for a client */
	uint32_t negative_cache; /* domains found to be none */
	int64_t negative_ttl_ms;
	struct conf_domain domain; /* settings of all of them; name "" */
};

enum conf_envelopes { ENVELOPES_AUTHENTICATED, ENVELOPES_LOCAL };

struct conf_web {
	struct listenlist listen; /* empty: no HTTP */
	char *tls_cert, *tls_key; /* NULL: no TLS */
	char *client_ca; /* NULL: no client certificates */
	char *basic_auth_file; /* NULL: no authentication */
	enum conf_envelopes envelopes; /* who is shown addresses of people */
	struct strlist
	    hosts; /* canonical; in addition to those that are always ours */
	uint32_t max_connections;
	int64_t timeout_ms;
	char *url; /* of the page, for alerts; NULL: none */
};

/* A section `alerts`: common to all alerts. */
struct conf_alerts {
	char *instance; /* NULL: host names are used */
	char *runbook_url; /* "": none */
};

/* The record of outages (ledger/ledger.h). */
struct conf_ledger {
	int64_t keep_ms, merge_ms;
	uint32_t max, open;
};

enum conf_away { AWAY_ACCEPT, AWAY_REFUSE };

/* Several nodes sharing a queue: mxwatch-cluster(7). */
struct conf_cluster {
	char *engine; /* libpq conninfo; NULL: no cluster */
	char *node; /* name of this node */
	int64_t lease_ms, wait_ms, hold_ms;
	enum conf_away away;
	bool require_sync;
};

struct conf_doctor {
	int64_t interval_ms; /* 0: only on request */
	int64_t timeout_ms; /* of a subject */
	uint32_t concurrency; /* subjects at once */
	struct strlist dnsbl; /* dnsbl_site.h; for our addresses */
	char *ca_file; /* NULL: the system's */
};

struct conf_metrics {
	bool per_domain;
	uint32_t max_series; /* a warning if more */
};

struct conf_snmp {
	bool present; /* the section exists: a subagent is wanted */
	char *agentx; /* the master's socket */
	bool mta_mib;
	uint32_t appl_index;
	uint32_t age_warning, age_critical; /* percent of the lifetime */
	uint32_t trap_rate, trap_queue; /* a second; waiting */
	int64_t trap_lifetime_ms;
	char *program;
};

enum conf_receiver_type {
#define RECEIVER(type, ...) RECEIVER_##type,
#include "config/receiver.def"
#undef RECEIVER
	RECEIVER_TYPE_MAX,
};
enum conf_severity { CONF_WARNING, CONF_CRITICAL };

#define CONF_URLS_MAX 16 /* for an alertmanager */

/* A section `receiver "..."`. Files of secrets are read by alerts/. */
struct conf_receiver {
	char *name;
	enum conf_receiver_type type;
	struct strlist url;
	char *url_file, *routing_key_file, *token_file, *hmac_key_file;
	char *ca_file;
	char *smarthost, *user, *password_file, *from; /* email */
	struct strlist to;
	struct strlist command;
	int64_t timeout_ms;
	enum conf_severity severity; /* minimum */
	int64_t group_wait_ms, group_interval_ms, repeat_ms;
};

struct conf_threshold {
	enum alert_unit unit; /* NUMBER, TIME or PERCENT; NONE: off */
	double value;
};
/* A section `alert "..."`, or its defaults. */
struct conf_alert {
	bool enabled;
	struct conf_threshold warn, crit;
	int64_t for_ms, clear_ms;
	int64_t repeat_ms; /* 0: the receiver's */
	bool everybody; /* no receivers were named: all */
	struct strlist receivers;
};

struct conf_heartbeat {
	char *name;
	char *url;
	char *ca_file;
	int64_t interval_ms;
};

/* A section `maintenance "..."`: a recurring window (base/calendar.h). */
struct conf_maintenance {
	char *name;
	struct strlist domains; /* canonical */
	struct strlist primaries; /* as those of a domain */
	char *every; /* a recurrence */
	int64_t for_ms;
	bool hold; /* deliver no mail during the window */
	char *reason; /* NULL: none */
};

struct conf_pool;
struct redirect_set;

struct config {
	unsigned refs; /* private */
	struct conf_pool *pool; /* private: the domains' strings */
	struct pin **pins; /* private: pins of primary_networks */
	size_t npins;
	char *file;
	char *hostname; /* canonical */
	struct strlist self; /* our other names and addresses */
	char *spool;
	char *control;
	uint32_t control_clients;
	bool control_content; /* root and the daemon's user may read it */
	char *user;
	bool seccomp;
	struct net_addr *resolver;
	size_t nresolver;
	uint32_t resolver_threads;
	int64_t resolver_timeout_ms;
	uint32_t probe_concurrency;
	uint32_t deliver_connections; /* of all domains together */
	enum conf_log log;
	char *log_file;
	bool log_recipients;
	int64_t drain_ms; /* SIGTERM waits for sessions so long */
	char *domains_from; /* a folder, or base/source_spec.h; NULL */
	struct strlist domains_from_networks;
	char *domains_token_file; /* NULL: none */
	uint32_t domains_shrink; /* loss that is refused, percent */
	struct conf_smtpd smtpd;
	struct conf_queue queue;
	struct conf_dsn dsn;
	uint64_t vault_size;
	struct conf_ledger ledger;
	struct conf_cluster cluster;
	struct conf_fetch fetch;
	struct conf_mx_backup mx_backup;
	struct conf_web web;
	struct conf_doctor doctor;
	struct conf_metrics metrics;
	struct conf_snmp snmp;
	struct conf_alerts alerts;
	struct conf_domain defaults;
	struct conf_domain *domain; /* sorted by name */
	size_t ndomains;
	struct config *removed; /* private: removed.h */
	struct config *local; /* private: elsewhere.h */
	struct config *base; /* private: redirect.h */
	struct redirect_set *redirects; /* redirect.h; NULL: none */
	struct pin *pin; /* private: of the domains from elsewhere */
	unsigned char *ended;
	struct backup_names *backups; /* private: backup_names.h; or NULL */
	struct conf_receiver *receiver; /* sorted by name */
	size_t nreceivers;
	struct conf_alert alert[ALERT_KIND_MAX];
	struct conf_heartbeat *heartbeat;
	size_t nheartbeats;
	uint32_t maintenance_max; /* windows that occur once, kept */
	struct conf_maintenance *maintenance; /* sorted by name */
	size_t nmaintenances;
};

/* One finding; `line` 0: the whole file. Printed "FILE:LINE: error: text". */
struct conf_error {
	char *file;
	unsigned line;
	bool warning; /* the configuration is valid nevertheless */
	char *text;
};
struct conf_errors {
	size_t n, nfatal;
	struct conf_error *e;
};

/* Reads and checks. NULL when anything is wrong; *errs holds every finding,
 * warnings too, in file order (conf_errors_fini frees them). */
struct config *config_load(const char *file, struct conf_errors *errs);
/* The same by root for another user: from `become` to `back` (called only after
 * `become` returned 0) the process has the rights of the user who will read the
 * files. */
struct conf_reader {
	int (*become)(const struct config *, struct mx_errbuf *);
	void (*back)(void);
};
/* For callers that need only the text: no other file is checked. */
extern const struct conf_reader conf_reads_nothing;
struct config *config_load_as(const char *file, const struct conf_reader *,
    struct conf_errors *errs);
/* The same from memory; `name` stands for the file in messages. */
struct config *config_parse(const char *name, const char *text, size_t len,
    struct conf_errors *errs);
void conf_errors_fini(struct conf_errors *);

struct config *config_ref(struct config *);
void config_unref(struct config **);

/* NULL: no such domain; name is canonical. O(log n). */
const struct conf_domain *
config_domain(const struct config *, const char *name);

/* The same, including domains that were removed while mail was queued for them
 * (removed.h): their queued mail is still probed for and delivered by these
 * settings; and those of mx_backup (backup_names.h), whose settings have no
 * name. */
const struct conf_domain *
config_settings(const struct config *, const char *name);

/* The word in the configuration: "may". */
const char *config_tls_word(enum conf_tls);
/* Is the certificate verified for the host's name? Then a session is for that
 * name only, even if others have the same addresses. */
static inline bool
config_tls_is_named(enum conf_tls tls)
{
	return tls == CONF_TLS_REQUIRE || tls == CONF_TLS_DANE;
}

extern const struct alert_info conf_alert_info[ALERT_KIND_MAX];
/* ALERT_KIND_MAX: no such alert. */
enum alert_kind config_alert_kind(const char *name);

/* Changed options that need a restart (spool, control, user): their names,
 * separated by commas, are stored into dst; "": none. */
char *config_static_changes(const struct config *old, const struct config *new,
    char *dst, size_t size);

/* The sample file / the option list as mdoc, from options.def. */
void config_write_sample(FILE *);
void config_write_mdoc(FILE *);

#endif
