/* SPDX-License-Identifier: ISC
 * snapshot: all that exporters, alerts and the control socket see of the
 * inside. Immutable, numbered, reference counted (any thread may hold one),
 * made by the loop once a second and on demand.
 *
 * A snapshot costs what changed since the one before it. Each domain is a
 * block, immutable and reference counted, too, and remade only when the domain
 * was touched (status/counters.h); snapshots share the blocks that did not
 * change. They stand in a list by name, in chunks of 64 that are copied when
 * one of them changes and shared otherwise:
 *
 *	snapshot 41 --> chunk 0 --> a.test b.test ... <--.
 *	           \--> chunk 1 --> x.test y.test        |
 *	                                  ^              |
 *	snapshot 42 --> chunk 0 ----------|--------------'
 *	           \--> chunk 1' -> x'    y.test
 *
 * So a reader that keeps the pointer of a block (and a reference to its
 * snapshot) sees by comparing pointers what changed. What follows from the
 * passing of time is not kept: a block has times, and the reader takes the
 * difference to now. Times are wall seconds (ms where named), 0 for never.
 *
 *	for (unsigned i = 0; i < s->domains.n; i++) {
 *		d = snap_list_at(&s->domains, i);
 *		for (unsigned j = 0; j < d->nprimaries; j++)
 *			... d->name, d->primary[j].label ...
 *	}
 */
#ifndef MX_STATUS_SNAPSHOT_H
#define MX_STATUS_SNAPSHOT_H

#include "status/alert.h"
#include "status/counters.h"
#include "status/doctor.h"

/* Of its strings see snap_domain_copy(). */
struct snap_primary {
	const char *label; /* as configured, or the MX name */
	uint16_t priority;
	bool healthy; /* the last probe succeeded */
	bool probed; /* there was one */
	bool unprobed; /* the domain's probe is off */
	enum smtp_phase failed_phase;
	uint16_t code; /* last reply code, 0 none */
	const char *text; /* last reply or error; peer text */
	double phase_seconds[SMTP_PHASE_MAX];
	uint64_t probes, failures;
	uint64_t failures_phase[SMTP_PHASE_MAX];
	int64_t last_run, last_success;
	int64_t cert_not_after; /* 0: no TLS */
	const char *tls_by, *tls_why; /* static; NULL before a probe */
	/* The answer when it was asked for the domain (depth rcpt). */
	unsigned answer; /* enum primary_answer */
	int64_t asked; /* 0 never */
	const char *finding; /* it refuses whom we ask for; "": no. Peer text */
	const char *finding_about; /* static: mailbox, sender, route, us */
	int64_t finding_since;
	double slow_seconds; /* see struct snap_server */
	int64_t tls_fallback_since;
};

/* Knowledge of deliveries about a host, 0: not known; and of the ledger. */
struct snap_host {
	/* Share of the last 30 and 365 days that it was up; NAN: not known. */
	double availability[2];
	int64_t known_since; /* that it is counted from; 0 */
	unsigned window; /* connections that it is asked for at most, now */
	unsigned ceiling; /* the most that it took, learned */
	unsigned connections; /* open now */
	bool canary; /* one message alone, until one got through */
	bool paused; /* no connection now */
	uint64_t refused; /* connections that did not become ready */
	/* Learned: messages a connection, recipients a transaction, the pause
	 * between messages, the latency of a transaction. */
	unsigned max_messages, max_rcpts;
	double gap_seconds, latency_seconds; /* whole ms */
	/* It stumbled over BDAT, or what came behind one, and gets DATA: wall
	 * seconds, whole minutes; 0: it does not. */
	int64_t chunking_off_until;
	bool alone; /* one message at a time on a connection, for a minute */
	/* A maintenance window: wall seconds, 0: it is in none. */
	int64_t maintenance_until;
	bool maintenance_hold;
	/* In a cluster: another node tells of it; and so many own domains whose
	 * mail goes there, else 0. */
	bool told_by_another;
	unsigned owners;
};

/* One primary, whatever number of domains name it. */
struct snap_server {
	unsigned refs; /* private */
	char label[TEXT_DOMAIN_MAX + 8];
	unsigned state; /* enum health_state: can it be reached (to EHLO)? */
	const char *state_name; /* static */
	int64_t state_since;
	char cause[160]; /* the command and reply that failed; peer text */
	unsigned domains, policies;
	bool mx_backup; /* only domains that mx_backup took in name it */
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
	double slow_seconds; /* how long the last session had to be waited for
			      * beyond its time-out; 0: it was in time */
	/* The offer of EHLO: CLIENT_EXT_* (smtp/client.h); `before`: what it
	 * was before `offer_since`. */
	unsigned ext, ext_before;
	bool backup; /* it says of itself that it is a backup */
	uint64_t size, size_before;
	unsigned limit_mails, limit_rcpts;
	int64_t offer_since; /* 0: not seen */
	unsigned findings; /* domains that it refuses to be asked for */
	unsigned asks; /* domains a session, learned */
	bool unprobed; /* nobody's probe is on */
	double probe_interval; /* seconds, the longest; 0: it is unprobed */
	uint64_t tls_fallbacks;
	int64_t tls_fallback_since; /* it did TLS and no longer does; 0: no */
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

/* The maintenance window that a domain is in: its own, or that of its primaries. */
struct snap_maintenance {
	bool active; /* nobody is told of what is wrong with it */
	bool hold; /* no mail is delivered meanwhile; may be without `active`:
		    * only primaries are left that are in such a window */
	int64_t from, until; /* wall seconds */
	uint64_t id; /* of one that comes once; 0: it comes again */
	const char *name; /* of the section, when it comes again; "" */
	const char *reason; /* "" */
	int64_t uid; /* of who ordered it; -1: not known */
};

/* What a node of the cluster sees of a domain's primary. */
struct snap_verdict {
	const char *node;
	const char *state_name; /* static */
	int64_t since;
	const char *cause; /* peer text; "" */
};

/* One domain and its primaries; of its strings see snap_domain_copy(). */
struct snap_domain {
	unsigned refs; /* private */
	const char *name;
	struct domain_stats count;
	struct domain_fate recent[STATS_WINDOW_MAX];
	bool removed; /* from the configuration, with mail queued */
	bool mx_backup; /* it has no section: mx_backup took it in */
	bool elsewhere; /* it came from snapshot.source */
	enum health_state state;
	const char *state_name; /* static */
	int64_t state_since;
	int64_t unwell_since; /* the last time that it was up; 0: it is, or that
			       * is not known */
	const char *cause; /* why it is so; peer text */
	/* Nobody is left to take its mail: we seem to be its best MX, or its
	 * hosts are backups (self_mx_backup; `cause` names one); 0: no. */
	int64_t self_mx_since;
	bool self_mx_backup;
	bool broken; /* down by itself, though a primary of it is up */
	const char *trouble; /* with DNS: look-up, answer; "": none */
	int64_t trouble_since;
	/* Its breaker: wall seconds since it was closed, 0: it is open. */
	int64_t breaker_since, breaker_trial; /* the next trial; 0: none */
	unsigned breaker_trials; /* that were refused */
	bool breaker_is_closed;
	const char *breaker_reply; /* peer text; "" */
	const char *breaker_primary; /* it is closed with others there; "" */
	unsigned breaker_domains; /* how many they are; 0: by itself */
	bool breaker_follows; /* another domain is told of for all of them */
	unsigned put_off; /* recipients refused lately, and not believed */
	/* Its list of recipients; "": it has none, or nobody knows it yet. When
	 * what is in use was last known to be what its source has: wall ms; 0: it
	 * is. */
	const char *list;
	uint64_t list_entries;
	int64_t list_confirmed_ms;
	const char *list_trouble; /* "": none */
	bool learns; /* which recipients there are, for it has no list */
	uint64_t learned[2]; /* known to be there; refused, and nothing else */
	bool catch_all; /* any recipient is there */
	int64_t tested_ms; /* for that; 0: not yet */
	bool on_hold;
	uint64_t active, deferred, held, owed, recipients, bytes;
	int64_t oldest_ms, oldest_live_ms, next_expiry_ms, next_try_ms;
	int64_t lifetime; /* seconds, as configured */
	/* Of the message that has used most of its lifetime: arrival (0: there
	 * is none) and lifetime with its extensions; snap_lifetime_used(). */
	int64_t ripest_ms, ripest_life_ms;
	unsigned window;
	struct snap_flush flush;
	uint32_t alerts; /* that fire: 1 << enum alert_kind */
	struct snap_maintenance maintenance;
	bool shared; /* by the nodes of a cluster: it has an */
	const char *owner; /* the node that has its mail; "": none */
	bool ours; /* that is this node; without a cluster, too */
	uint64_t local; /* messages that landed here, beside the engine */
	int64_t local_oldest_ms; /* wall; 0: none */
	unsigned nverdicts;
	const struct snap_verdict *verdict; /* as the strings; ours as well */
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

/* An alert that is pending or fires; the texts are in snap_alerts.text. */
struct snap_alert {
	enum alert_kind kind;
	const char *domain; /* or list, see alert_label(); "" the daemon */
	const char *primary; /* "" none */
	enum alert_severity severity;
	bool firing; /* false: pending */
	bool silenced;
	bool held; /* it is well just now, and may come back */
	const char *acked_by; /* who has it in hand; "" nobody */
	int64_t since; /* it holds */
	const char *summary;
};

#define SNAP_NAME_MAX 64
/* Of receivers that were removed the counters go, too. */
struct snap_receiver {
	char name[SNAP_NAME_MAX];
	uint64_t sent, failed, retried; /* failed: attempts */
	unsigned pending;
	int64_t last_success;
	char error[128]; /* of the last attempt; "" it worked */
};
struct snap_heartbeat {
	char name[SNAP_NAME_MAX];
	int64_t last_success;
};

enum snap_dnsbl_state {
	SNAP_DNSBL_UNTESTED, /* ignored, as are those that are broken */
	SNAP_DNSBL_OK,
	SNAP_DNSBL_BROKEN,
};
/* A list of smtpd { dnsbl }. */
struct snap_dnsbl {
	char zone[TEXT_DOMAIN_MAX];
	enum snap_dnsbl_state state;
	char why[128]; /* it is not ok */
	bool silent; /* its last look-ups failed: nobody waits for it */
	uint64_t queries, hits, failures, refusals; /* refusals: it was named */
	uint32_t alerts; /* that fire about it: 1 << enum alert_kind */
};

/* Knowledge of the alert thread: made by it, immutable once it is shown, shared
 * by the snapshots until there is another. */
struct snap_alerts {
	unsigned refs; /* private */
	uint32_t daemon; /* of the whole daemon that fire */
	unsigned nalerts;
	struct snap_alert *alert; /* by kind, then domain */
	unsigned nfiring; /* domains about which something fires */
	struct snap_firing {
		const char *domain; /* of nlists: list */
		uint32_t alerts; /* 1 << enum alert_kind */
	} * firing; /* ascending domain */
	unsigned nlists; /* lists about which something fires */
	struct snap_firing *list;
	char *text;
	unsigned nreceivers;
	struct snap_receiver *receiver;
	unsigned nheartbeats;
	struct snap_heartbeat *heartbeat;
};

/* Where domains come from that the file has not (domains_from). */
struct snap_source {
	char name[256]; /* "": nowhere */
	uint64_t domains; /* in force */
	/* When they were last known to be what it has: wall ms; without any,
	 * since when there are none. 0: there is no source. */
	int64_t confirmed_ms;
	char trouble[256]; /* why they are not now; "" */
	bool failing;
};

/* The SNMP subagent and its master agent. */
#define SNAP_AGENTX_MODULES 3
struct snap_agentx {
	bool wanted; /* the configuration has it */
	bool session; /* there is a master, and */
	bool connected; /* it has given us what MXWATCH-MIB is made of */
	unsigned ntaken; /* modules of which another serves some */
	const char *taken[SNAP_AGENTX_MODULES]; /* static */
	unsigned notifications_waiting;
	uint64_t notifications_dropped;
	int64_t dropped_wall; /* when some were dropped last; 0: never */
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
	bool up; /* it stirs */
	bool missing; /* it does not, and has not given its place back */
	bool differs; /* it has another configuration than we */
	double silent_seconds; /* since it stirred last */
	unsigned domains; /* it owns */
	char version[32], hostname[TEXT_DOMAIN_MAX]; /* "": it has not told */
};

/* The nodes that share one queue, as this one sees them. */
struct snap_cluster {
	bool on; /* else all of it is 0 */
	char node[SNAP_NAME_MAX]; /* us */
	bool left; /* an operator took us out */
	bool fenced; /* our place is another's */
	bool speaks; /* we are the one who tells of the cluster as a whole */
	unsigned live, missing; /* nodes; missing: silent or dead */
	unsigned domains, ours, unowned; /* of the configuration */
	unsigned leaving; /* on their way to another node */
	unsigned differing; /* live nodes with another configuration */
	int64_t away_ms; /* the engine is, since, wall; 0: it is there */
	bool synchronous; /* it has a standby that has all that it took */
	bool requires_sync; /* then no mail is taken */
	/* Mail that landed in the spool of this node while it was away. */
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
	int64_t made; /* monotonic ns: how old it is, whatever the wall does */
	int64_t start; /* of the process */
	char hostname[TEXT_DOMAIN_MAX];
	bool indexed; /* the queue: what is counted of it is all */
	bool ready; /* listening, queue indexed, spool accepting */
	char not_ready[160]; /* why not */
	bool stopping; /* draining */
	struct snap_source source;
	struct stats_global count;
	unsigned smtpd_sessions, delivery_connections;
	unsigned delivery_connections_max; /* that descriptors allow, too */
	unsigned smtpd_overdue;
	unsigned smtpd_sessions_max; /* under the limit of descriptors */
	unsigned smtpd_stress; /* 1: it is stricter, near that */
	enum store_state spool_state;
	uint64_t spool_waiting_bytes; /* on their way to the disk */
	/* of the log, that the database has not come to yet */
	uint64_t spool_behind_bytes, spool_behind_records;
	bool spool_unwritable; /* nor is anything delivered */
	uint64_t spool_size_bytes; /* as df(1) sees it */
	uint64_t spool_free_bytes, spool_free_inodes, spool_reserve_bytes;
	struct hist queue_ages; /* by hist_age, of what is queued now */
	/* To destinations that nobody configured: our reports, and what is left
	 * of domains that were removed. */
	uint64_t reports_messages, reports_bytes;
	int64_t reports_oldest_ms; /* wall; 0: none */
	uint64_t vault_messages, vault_bytes;
	int64_t vault_oldest_ms; /* wall, since when; 0: empty */
	unsigned outages_open; /* in the ledger */
	bool ledger_unwritable; /* it is in memory only */
	bool queue_full; /* max_messages is reached: no mail is taken */
	uint64_t queue_max; /* max_messages */
	double loop_lag;
	uint64_t log_dropped; /* lines */
	/* For so long nothing expires: the wall clock leapt. 0: all is well. */
	int64_t clock_doubt_ms;
	bool clock_doubted;
	struct snap_agentx agentx;
	bool smtpd_cert_refused, web_refused; /* older ones are in force */
	bool reload_ok;
	int64_t reload_time;
	/* Configured, removed with mail queued, or taken in by mx_backup. */
	struct snap_list domains;
	struct domain_stats gone; /* counted of those that were dropped */
	struct domain_stats gone_mx_backup; /* of these: taken in by it */
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

/* ---- domains; the loop makes them */

/* Zeroed, its strings empty, one reference; to be filled in. Strings that are put
 * in, and verdicts, are borrowed: they have to outlive it, */
struct snap_domain *snap_domain_create(const char *name, unsigned nprimaries);
/* or it is copied: all is in one piece then, and the strings its own. */
struct snap_domain *snap_domain_copy(const struct snap_domain *);
struct snap_domain *snap_domain_ref(struct snap_domain *);
void snap_domain_unref(struct snap_domain **);

/* The share of its lifetime, extensions included, that the message has used which
 * used most of it; 1 and more: it is over; 0: nothing is queued. Alerts, metrics,
 * traps, pages and checks all tell this. */
double snap_lifetime_used(const struct snap_domain *, int64_t wall_ms);
/* How long mail has been waiting that could leave, for the domain is up and not on
 * hold: since it came, or since then, ms; 0: there is none. */
int64_t snap_stuck_ms(const struct snap_domain *, int64_t wall_ms);

const struct snap_domain *snap_list_at(const struct snap_list *, unsigned i);
/* The place of the name, or the one where it would have to go. O(log n). */
unsigned snap_list_place(const struct snap_list *, const char *, bool *found);
/* Consumes *d. O(1); the first one of a chunk after snap_list_share(), O(64). */
void snap_list_replace(struct snap_list *, unsigned i, struct snap_domain **d);
/* Consumes the n blocks, ascending by name, none of which is in the list: one
 * walk along both, O(list). */
void snap_list_merge(struct snap_list *, struct snap_domain **d, unsigned n);
/* The names, ascending, are in it no more: one walk along both, O(list). */
void snap_list_drop(struct snap_list *, const char *const *name, unsigned n);
/* `dst` is empty; the blocks belong to both then. O(n / 64). */
void snap_list_share(struct snap_list *dst, const struct snap_list *src);
void snap_list_fini(struct snap_list *);

/* ---- alerts; the alert thread makes them */

/* Zeroed, with room for that many and one reference. */
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
/* A domain at the end of one that nobody else has yet, as snap_domain_create()
 * makes it. For whoever builds a whole one by hand. */
struct snap_domain *
snapshot_add(struct snapshot *, const char *name, unsigned nprimaries);
/* Consumes *told. */
void snapshot_tell(struct snapshot *, struct snap_alerts **told);
/* NULL: no such domain. O(log n). */
const struct snap_domain *snapshot_find(const struct snapshot *, const char *);
/* The primaries: a block of each, shared by the snapshots until it changes.
 * Zeroed; one reference. */
struct snap_server *snap_server_create(void);
struct snap_server *snap_server_ref(struct snap_server *);
void snap_server_unref(struct snap_server **);
/* Room for so many nodes of the cluster, zeroed; once. */
struct snap_node *snapshot_nodes(struct snapshot *, unsigned nnodes);
/* Room for so many pointers, each of which is a reference; once. */
void snapshot_servers(struct snapshot *, unsigned nservers);
/* NULL: there is none with that label. O(log n). */
const struct snap_server *
snapshot_server(const struct snapshot *, const char *label);
struct snapshot *snapshot_ref(struct snapshot *);
void snapshot_unref(struct snapshot **);
/* The same, some of its chunks a call when the reference is the last one: with
 * many domains that takes its time. True: call it again. */
bool snapshot_unref_some(struct snapshot **, unsigned chunks);

/* The newest one, shared between threads. */
struct snapshot_box;
struct snapshot_box *snapshot_box_create(void);
void snapshot_box_destroy(struct snapshot_box **);
void snapshot_box_put(struct snapshot_box *, struct snapshot *); /* takes it */
/* Takes it and gives the one that it replaces; NULL: there was none. */
struct snapshot *
snapshot_box_swap(struct snapshot_box *, struct snapshot *) MX_NODISCARD;
struct snapshot *snapshot_box_get(struct snapshot_box *); /* a reference, or
							   * NULL before any */

#endif
