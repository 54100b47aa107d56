/* SPDX-License-Identifier: ISC
 * snapshot: everything that exporters, alerts and the control socket can see of
 * the daemon's state. Immutable, numbered, reference counted (any thread may
 * hold one), made by the loop once a second and on demand.
 *
 * A snapshot costs what changed since the previous one. Each domain is a block,
 * immutable and reference counted, too, and remade only when the domain was
 * touched (status/counters.h); snapshots share unchanged blocks. The blocks are
 * in a list by name, in chunks of 64 that are copied when one of them changes
 * and shared otherwise:
 *
 *	snapshot 41 --> chunk 0 --> a.test b.test ... <--.
 *	           \--> chunk 1 --> x.test y.test        |
 *	                                  ^              |
 *	snapshot 42 --> chunk 0 ----------|--------------'
 *	           \--> chunk 1' -> x'    y.test
 *
 * So a reader that keeps the pointer of a block (and a reference to its
 * snapshot) detects changes by comparing pointers. Ages are not stored: a block
 * has times, and the reader computes the difference to now. Times are wall
 * seconds (ms where named), 0 for never.
 *
 *	for (unsigned i = 0; i < s->domains.n; i++) {
 *		d = snap_list_at(&s->domains, i);
 *		for (unsigned j = 0; j < d->nprimaries; j++)
 *			... d->name, d->primary[j].label ...
 *	} */
#ifndef MX_STATUS_SNAPSHOT_H
#define MX_STATUS_SNAPSHOT_H

#include "status/alert.h"
#include "status/counters.h"
#include "status/doctor.h"

/* One primary in the list of a domain. For its strings see
 * snap_domain_copy(). */
struct snap_primary {
	const char *label; /* as configured, or the MX name */
	uint16_t priority;
	bool healthy; /* the last probe succeeded */
	bool probed; /* there was a probe */
	bool unprobed; /* probing is off for the domain */
	enum smtp_phase failed_phase;
	uint16_t code; /* last reply code, 0 none */
	const char *text; /* last reply or error; peer text */
	double phase_seconds[SMTP_PHASE_MAX];
	uint64_t probes, failures;
	uint64_t failures_phase[SMTP_PHASE_MAX];
	int64_t last_run, last_success;
	int64_t cert_not_after; /* 0: no TLS */
	const char *tls_by, *tls_why; /* static; NULL before a probe */
	/* The answer when the probe asked for the domain (depth rcpt). */
	unsigned answer; /* enum primary_answer */
	int64_t asked; /* 0 never */
	/* it refuses the probe's mailbox; "": no. Peer text */
	const char *finding;
	const char *finding_about; /* static: mailbox, sender, route, us */
	int64_t finding_since;
	double slow_seconds; /* see struct snap_server */
	int64_t tls_fallback_since;
};

/* What deliveries and the ledger know of a host, 0: unknown. */
struct snap_host {
	/* Ratio of the last 30 and 365 days in which it was up; NAN:
	 * unknown. */
	double availability[2];
	int64_t known_since; /* start of that record; 0: none */
	unsigned window; /* connections allowed now */
	unsigned ceiling; /* learned maximum */
	unsigned connections; /* open now */
	bool canary; /* one message alone until one is taken */
	bool paused; /* no connections now */
	uint64_t refused; /* connections that did not become ready */
	/* Learned: messages per connection, recipients per transaction, the
	 * wait between messages, the latency of a transaction. */
	unsigned max_messages, max_rcpts;
	double gap_seconds, latency_seconds; /* whole ms */
	/* End of the time in which it gets DATA only, after it failed with BDAT
	 * or pipelined messages: wall seconds, whole minutes; 0: none. */
	int64_t chunking_off_until;
	bool alone; /* no pipelined messages on a connection, for a minute */
	/* A maintenance window: wall seconds, 0: none. */
	int64_t maintenance_until;
	bool maintenance_hold;
	/* In a cluster: another node reports it; number of owners of domains
	 * whose mail goes there, else 0. */
	bool told_by_another;
	unsigned owners;
};

/* One primary, whatever the number of domains that name it. */
struct snap_server {
	unsigned refs; /* private */
	char label[TEXT_DOMAIN_MAX + 8];
	unsigned state; /* enum health_state: can it be reached (to EHLO)? */
	const char *state_name; /* static */
	int64_t state_since;
	char cause[160]; /* the command and reply that failed; peer text */
	unsigned domains, policies;
	bool mx_backup; /* named only by domains that mx_backup took in */
	bool probed, healthy; /* the last session, under any policy */
	enum smtp_phase failed_phase;
	uint16_t code;
	char text[160];
	double phase_seconds[SMTP_PHASE_MAX];
	uint64_t probes, failures;
	uint64_t failures_phase[SMTP_PHASE_MAX];
	int64_t last_run, last_success;
	int64_t cert_not_after; /* 0: no TLS */
	double greeting_seconds; /* smoothed; 0 not measured */
	/* how much longer than its time-out the last session took; 0: it was in
	 * time */
	double slow_seconds;
	/* The EHLO offer: CLIENT_EXT_* (smtp/client.h); `before`: that until
	 * `offer_since`. */
	unsigned ext, ext_before;
	bool backup; /* it says that it is a backup */
	uint64_t size, size_before;
	unsigned limit_mails, limit_rcpts;
	int64_t offer_since; /* 0: not seen */
	unsigned findings; /* domains for which it refuses the probe */
	unsigned asks; /* domains per session, learned */
	bool unprobed; /* probing is off for all of its policies */
	double probe_interval; /* seconds, the longest; 0: unprobed */
	uint64_t tls_fallbacks;
	/* since when TLS, which worked, no longer does; 0: not so */
	int64_t tls_fallback_since;
	char trouble[400]; /* DNS: its address look-up; "": none */
	int64_t trouble_since;
	struct snap_host host;
};

struct snap_flush {
	bool running;
	unsigned trigger; /* enum flush_trigger */
	int64_t start_ms, end_ms;
	uint64_t total, remaining, delivered, deferred, failed;
	double rate;
	int64_t eta_ms; /* -1 unknown */
	bool last_ok;
};

/* The maintenance window of a domain: its own, or that of its primaries. */
struct snap_maintenance {
	bool active; /* no alerts about it */
	/* deliveries are held; possible without `active` when only the
	 * remaining primaries are in such a window */
	bool hold;
	int64_t from, until; /* wall seconds */
	uint64_t id; /* of a single one; 0: a recurring one */
	const char *name; /* section of a recurring one; "" */
	const char *reason; /* "" */
	int64_t uid; /* who ordered it; -1: unknown */
};

/* An operator's redirect of the domain (config/redirect.h). */
struct snap_redirect {
	bool active; /* false: there is none, and all else is 0 */
	const char *to; /* "mx1.example.org, mx2.example.org" */
	const char *instead_of; /* the same, or "its MX records" */
	int64_t since, until; /* wall seconds; until 0: until it is ended */
	const char *reason; /* "" */
	int64_t uid; /* who ordered it; -1: unknown */
};

/* The drills of a domain (drill/drill.h). */
struct snap_drill {
	bool known; /* one was made, or one is scheduled */
	int64_t began_ms; /* of the one under way; 0: none */
	int64_t ended_ms; /* of the last one; 0: never */
	bool ok; /* it was delivered */
	double took_seconds;
	const char *text; /* its last reply or a sentence; peer text; "" */
	int64_t next_ms; /* of the schedule; 0: none, or one is under way */
};

/* The verdict of a node of the cluster on a domain's primary. */
struct snap_verdict {
	const char *node;
	const char *state_name; /* static */
	int64_t since;
	const char *cause; /* peer text; "" */
};

/* One domain and its primaries; for its strings see snap_domain_copy(). */
struct snap_domain {
	unsigned refs; /* private */
	const char *name;
	struct domain_stats count;
	struct domain_fate recent[STATS_WINDOW_MAX];
	bool removed; /* no longer configured, but mail is queued */
	bool mx_backup; /* without a section: taken in by mx_backup */
	bool elsewhere; /* from snapshot.source */
	enum health_state state;
	const char *state_name; /* static */
	int64_t state_since;
	int64_t unwell_since; /* when it was last up; 0: it is up, or unknown */
	const char *cause; /* reason of the state; peer text */
	/* No host is left to take its mail: we seem to be its best MX, or its
	 * hosts are backups (self_mx_backup; `cause` names one); 0: no. */
	int64_t self_mx_since;
	bool self_mx_backup;
	bool broken; /* down by itself, although one of its primaries is up */
	const char *trouble; /* DNS trouble: look-up, answer; "": none */
	int64_t trouble_since;
	/* The breaker: wall seconds since it tripped, 0: reset. */
	int64_t breaker_since, breaker_trial; /* the next trial; 0: none */
	unsigned breaker_trials; /* refused trials */
	bool breaker_is_tripped;
	const char *breaker_reply; /* peer text; "" */
	const char *breaker_primary; /* tripped with others there; "" */
	unsigned breaker_domains; /* number of these; 0: by itself */
	bool breaker_follows; /* another domain is reported for all of them */
	unsigned put_off; /* recipients refused lately and not believed */
	/* Its list of recipients; "": none, or not known yet. Wall ms of the
	 * last confirmation that the list in use equals its source; 0: it
	 * does. */
	const char *list;
	uint64_t list_entries;
	int64_t list_confirmed_ms;
	const char *list_trouble; /* "": none */
	bool learns; /* its recipients are learned, because it has no list */
	uint64_t learned[2]; /* known good; known bad */
	bool catch_all; /* any recipient is accepted */
	int64_t tested_ms; /* the test for that; 0: not yet */
	bool on_hold;
	uint64_t active, deferred, held, owed, recipients, bytes;
	int64_t oldest_ms, oldest_live_ms, next_expiry_ms, next_try_ms;
	int64_t lifetime; /* seconds, as configured */
	/* The message that has used most of its lifetime: arrival (0: none) and
	 * lifetime with extensions; see snap_lifetime_used(). */
	int64_t ripest_ms, ripest_life_ms;
	unsigned window;
	struct snap_flush flush;
	uint32_t alerts; /* firing: 1 << enum alert_kind */
	struct snap_maintenance maintenance;
	struct snap_redirect redirect;
	struct snap_drill drill;
	bool shared; /* shared by the nodes of a cluster */
	const char *owner; /* the node that owns its mail; "": none */
	bool ours; /* owned by this node; also without a cluster */
	uint64_t local; /* messages spooled here, outside the engine */
	int64_t local_oldest_ms; /* wall; 0: none */
	unsigned nverdicts;
	/* strings as above; includes ours */
	const struct snap_verdict *verdict;
	unsigned nprimaries;
	struct snap_primary primary[];
};

static inline uint64_t
snap_domain_messages(const struct snap_domain *d)
{
	return d->active + d->deferred + d->held;
}

#define SNAP_CHUNK 64
/* Ascending by name; all chunks but the last are full. */
struct snap_list {
	unsigned n, nchunks;
	struct snap_chunk {
		unsigned refs;
		struct snap_domain *domain[SNAP_CHUNK];
	} * *chunk;
};

/* A pending or firing alert; its strings are in snap_alerts.text. */
struct snap_alert {
	enum alert_kind kind;
	const char *domain; /* or list, see alert_label(); "": the daemon */
	const char *primary; /* "" none */
	enum alert_severity severity;
	bool firing; /* false: pending */
	bool silenced;
	bool held; /* clear at the moment, but may come back */
	const char *acked_by; /* who acknowledged it; "": nobody */
	int64_t since; /* since when the condition holds */
	const char *summary;
};

#define SNAP_NAME_MAX 64
/* Counters of removed receivers are dropped. */
struct snap_receiver {
	char name[SNAP_NAME_MAX];
	uint64_t sent, failed, retried; /* failed: attempts */
	unsigned pending;
	int64_t last_success;
	char error[128]; /* of the last attempt; "": success */
};
struct snap_heartbeat {
	char name[SNAP_NAME_MAX];
	int64_t last_success;
};

enum snap_dnsbl_state {
	SNAP_DNSBL_UNTESTED, /* ignored, like broken ones */
	SNAP_DNSBL_OK,
	SNAP_DNSBL_BROKEN,
};
/* A list of smtpd { dnsbl }. */
struct snap_dnsbl {
	char zone[TEXT_DOMAIN_MAX];
	enum snap_dnsbl_state state;
	char why[128]; /* why it is not ok */
	bool silent; /* its last look-ups failed: sessions do not wait for it */
	/* refusals: it was named in the reply */
	uint64_t queries, hits, failures, refusals;
	uint32_t alerts; /* firing about it: 1 << enum alert_kind */
};

/* The state of the alert thread: created by it, then immutable, shared by the
 * snapshots until there is another. */
struct snap_alerts {
	unsigned refs; /* private */
	uint32_t daemon; /* firing about the daemon */
	unsigned nalerts;
	struct snap_alert *alert; /* by kind, then domain */
	unsigned nfiring; /* domains with a firing alert */
	struct snap_firing {
		const char *domain; /* for nlists: the list */
		uint32_t alerts; /* 1 << enum alert_kind */
	} * firing; /* sorted by domain */
	unsigned nlists; /* lists with a firing alert */
	struct snap_firing *list;
	char *text;
	unsigned nreceivers;
	struct snap_receiver *receiver;
	unsigned nheartbeats;
	struct snap_heartbeat *heartbeat;
};

/* The source of domains outside the configuration file (domains_from). */
struct snap_source {
	char name[256]; /* "": none */
	uint64_t domains; /* in force */
	/* Last confirmation that they equal the source: wall ms; without any
	 * domains, since when there are none. 0: no source. */
	int64_t confirmed_ms;
	char trouble[256]; /* why they are not confirmed; "" */
	bool failing;
};

/* The SNMP subagent and its master agent. */
#define SNAP_AGENTX_MODULES 3
struct snap_agentx {
	bool wanted; /* configured */
	bool session; /* connected to a master agent, and */
	bool connected; /* it accepted the registrations of MXWATCH-MIB */
	unsigned ntaken; /* modules of which another agent serves some */
	const char *taken[SNAP_AGENTX_MODULES]; /* static */
	unsigned notifications_waiting;
	uint64_t notifications_dropped;
	/* last time notifications were dropped; 0: never */
	int64_t dropped_wall;
	uint64_t requests, snapshots_dropped;
};

/* A node of the cluster. */
#define SNAP_NODES 31
struct snap_node {
	unsigned id; /* from 1, for good */
	char name[SNAP_NAME_MAX];
	unsigned state; /* live, left, silent, stopped, dead, from 0 */
	const char *state_name; /* static */
	bool us;
	bool up; /* it is alive */
	bool missing; /* not alive, and has not released its place */
	bool differs; /* its configuration differs from ours */
	double silent_seconds; /* since its last activity */
	unsigned domains; /* owned */
	char version[32], hostname[TEXT_DOMAIN_MAX]; /* "": not reported */
	char url[128]; /* of its status page; "": not reported */
};

/* The cluster as seen by this node. */
struct snap_cluster {
	bool on; /* false: everything else is 0 */
	char node[SNAP_NAME_MAX]; /* our name */
	bool left; /* taken out by an operator */
	bool fenced; /* another has our place */
	bool speaks; /* this node reports about the cluster as a whole */
	unsigned live, missing; /* nodes; missing: silent or dead */
	unsigned domains, ours, unowned; /* of the configuration */
	unsigned leaving; /* being moved to another node */
	unsigned differing; /* live nodes with another configuration */
	/* since when the engine is away, wall; 0: it is there */
	int64_t away_ms;
	bool synchronous; /* a standby has everything that was committed */
	bool requires_sync; /* without such a standby no mail is accepted */
	/* Mail spooled by this node while the engine was away. */
	uint64_t local_messages;
	int64_t local_oldest_ms; /* wall; 0: none */
	unsigned nnodes;
	struct snap_node *node_list; /* by number */
};

/* What mxwatchctl doctor found; its strings are its own. */
struct snap_finding {
	const char *domain; /* "": this host */
	enum doctor_check check;
	enum doctor_severity severity;
	const char *text, *remedy; /* may have peer text; NULL: none */
	int64_t checked;
};
/* The worst of them; made by the loop, shared until there are others. */
struct snap_doctor {
	unsigned refs; /* private */
	unsigned nfindings;
	struct snap_finding *finding;
};

struct snapshot {
	/* private: */
	unsigned refs;
	/* public: */
	uint64_t generation;
	int64_t wall_ms;
	/* monotonic ns: its age does not depend on the wall clock */
	int64_t made;
	int64_t start; /* of the process */
	char hostname[TEXT_DOMAIN_MAX];
	bool indexed; /* the queue is indexed: its counts are complete */
	bool ready; /* listening, queue indexed, spool accepting */
	char not_ready[160]; /* why it is not ready */
	bool stopping; /* draining */
	struct snap_source source;
	struct stats_global count;
	unsigned smtpd_sessions, delivery_connections;
	unsigned delivery_connections_max; /* limited by descriptors, too */
	unsigned smtpd_overdue;
	unsigned smtpd_sessions_max; /* limited by descriptors */
	unsigned smtpd_stress; /* 1: stricter limits, near that maximum */
	enum store_state spool_state;
	uint64_t spool_waiting_bytes; /* bytes not yet on the disk */
	/* the log beyond the position of the database */
	uint64_t spool_behind_bytes, spool_behind_records;
	bool spool_unwritable; /* deliveries stop as well */
	uint64_t spool_size_bytes; /* as shown by df(1) */
	uint64_t spool_free_bytes, spool_free_inodes, spool_reserve_bytes;
	struct hist queue_ages; /* by hist_age, of queued messages */
	/* To unconfigured destinations: our notifications, and the rest of
	 * removed domains. */
	uint64_t reports_messages, reports_bytes;
	int64_t reports_oldest_ms; /* wall; 0: none */
	uint64_t vault_messages, vault_bytes;
	int64_t vault_oldest_ms; /* wall, since when; 0: empty */
	unsigned outages_open; /* in the ledger */
	bool ledger_unwritable; /* kept in memory only */
	bool queue_full; /* max_messages is reached: no mail is accepted */
	uint64_t queue_max; /* max_messages */
	double loop_lag;
	uint64_t log_dropped; /* lines */
	/* Time left in which nothing expires, because the wall clock stepped.
	 * 0: none. */
	int64_t clock_doubt_ms;
	bool clock_doubted;
	struct snap_agentx agentx;
	bool smtpd_cert_refused, web_refused; /* the previous ones are in use */
	bool reload_ok;
	int64_t reload_time;
	/* Configured, removed with mail queued, or taken in by mx_backup. */
	struct snap_list domains;
	struct domain_stats gone; /* counts of dropped domains */
	/* those of them taken in by mx_backup */
	struct domain_stats gone_mx_backup;
	bool mx_backup; /* it is on */
	unsigned mx_backup_domains;
	unsigned nservers;
	struct snap_server **server; /* ascending label */
	unsigned ndnsbls;
	struct snap_dnsbl *dnsbl;
	struct snap_cluster cluster;
	/* Of all findings; and when all was checked last: 0: never yet. */
	unsigned doctor_findings[DOCTOR_SEVERITY_MAX][DOCTOR_CHECK_MAX];
	int64_t doctor_ended;
	bool doctor_running;
	struct snap_doctor *doctor; /* NULL: there is none */
	uint32_t alerts; /* of the whole daemon that fire */
	struct snap_alerts *told; /* by the alert thread; never NULL */
};

/* ---- domains; created by the loop */

/* Zeroed, its strings empty, one reference; to be filled in. Strings that are
 * assigned, and verdicts, are borrowed: they have to outlive the block, */
struct snap_domain *snap_domain_create(const char *name, unsigned nprimaries);
/* or it is copied: the copy is one allocation with strings of its own. */
struct snap_domain *snap_domain_copy(const struct snap_domain *);
struct snap_domain *snap_domain_ref(struct snap_domain *);
void snap_domain_unref(struct snap_domain **);

/* The largest part of its lifetime, extensions included, that any message has
 * used; 1 and more: it is over; 0: nothing is queued. Alerts, metrics, traps,
 * pages and checks all use this. */
double snap_lifetime_used(const struct snap_domain *, int64_t wall_ms);
/* How long mail has been waiting although it could be delivered, since the
 * domain is up and not on hold: since the later of arrival and that, ms; 0:
 * none. */
int64_t snap_stuck_ms(const struct snap_domain *, int64_t wall_ms);
/* The time of a whole probe: of all SMTP_PHASE_MAX phases. */
double snap_probe_seconds(const double *phase_seconds);

const struct snap_domain *snap_list_at(const struct snap_list *, unsigned i);
/* The index of the name, or the one at which it would be inserted. O(log n). */
unsigned snap_list_place(const struct snap_list *, const char *, bool *found);
/* Consumes *d. O(1); the first one in a chunk after snap_list_share(),
 * O(64). */
void snap_list_replace(struct snap_list *, unsigned i, struct snap_domain **d);
/* Consumes the n blocks, ascending by name, none of which may be in the list:
 * one walk along both, O(list). */
void snap_list_merge(struct snap_list *, struct snap_domain **d, unsigned n);
/* Removes the names, which are ascending: one walk along both, O(list). */
void snap_list_drop(struct snap_list *, const char *const *name, unsigned n);
/* `dst` has to be empty; the blocks then belong to both. O(n / 64). */
void snap_list_share(struct snap_list *dst, const struct snap_list *src);
void snap_list_fini(struct snap_list *);

/* ---- alerts; created by the alert thread */

/* Zeroed, with room for the given numbers and one reference. */
struct snap_alerts *
snap_alerts_create(unsigned nalerts, unsigned nreceivers, unsigned nheartbeats);
struct snap_alerts *snap_alerts_ref(struct snap_alerts *);
void snap_alerts_unref(struct snap_alerts **);
/* Fills `firing` and `daemon` from `alert`. */
void snap_alerts_index(struct snap_alerts *);
/* The alerts that fire about the domain, as bits. O(log n). */
uint32_t snap_alerts_of(const struct snap_alerts *, const char *domain);

/* ---- findings of the doctor */

/* Room for so many findings, zeroed; one reference. */
struct snap_doctor *snap_doctor_create(unsigned max);
struct snap_doctor *snap_doctor_ref(struct snap_doctor *);
void snap_doctor_unref(struct snap_doctor **); /* NULL is fine */
/* How many of that severity there are, shown or not. */
unsigned snap_doctor_count(const struct snapshot *, enum doctor_severity);

/* ---- the snapshot */

/* Zeroed, without domains and alerts; one reference. */
struct snapshot *snapshot_create(void);
/* Appends a domain, as from snap_domain_create(), to a snapshot that is not
 * shared yet. For building a whole one by hand. */
struct snap_domain *
snapshot_add(struct snapshot *, const char *name, unsigned nprimaries);
/* Consumes *told. */
void snapshot_tell(struct snapshot *, struct snap_alerts **told);
/* NULL: no such domain. O(log n). */
const struct snap_domain *snapshot_find(const struct snapshot *, const char *);
/* The primaries: a block each, shared by the snapshots until it changes.
 * Zeroed; one reference. */
struct snap_server *snap_server_create(void);
struct snap_server *snap_server_ref(struct snap_server *);
void snap_server_unref(struct snap_server **);
/* Allocates zeroed entries for the nodes of the cluster; once. */
struct snap_node *snapshot_nodes(struct snapshot *, unsigned nnodes);
/* Allocates that many pointers, each of which is a reference; once. */
void snapshot_servers(struct snapshot *, unsigned nservers);
/* NULL: no primary with that label. O(log n). */
const struct snap_server *
snapshot_server(const struct snapshot *, const char *label);
struct snapshot *snapshot_ref(struct snapshot *);
void snapshot_unref(struct snapshot **);
/* Drops a reference; the last one frees some chunks a call, because with many
 * domains this takes time. True: call it again. */
bool snapshot_unref_some(struct snapshot **, unsigned chunks);

/* The newest snapshot, shared between threads. */
struct snapshot_box;
struct snapshot_box *snapshot_box_create(void);
void snapshot_box_destroy(struct snapshot_box **);
void snapshot_box_put(struct snapshot_box *, struct snapshot *); /* takes it */
/* Consumes it and returns the one that it replaces; NULL: none. */
struct snapshot *
snapshot_box_swap(struct snapshot_box *, struct snapshot *) MX_NODISCARD;
/* a reference, or NULL before the first */
struct snapshot *snapshot_box_get(struct snapshot_box *);

#endif
