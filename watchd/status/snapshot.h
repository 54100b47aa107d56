/* SPDX-License-Identifier: ISC
 * snapshot: all that exporters, alerts and the control socket see of the
 * inside. An immutable copy, made by the loop at most once a second and on
 * demand, numbered, reference counted (any thread may hold one). Its cost
 * depends on the number of domains, never on that of messages. Times are
 * wall seconds (ms where named), 0 for never. */
#ifndef MX_STATUS_SNAPSHOT_H
#define MX_STATUS_SNAPSHOT_H

#include "status/alert.h"
#include "status/counters.h"

struct snap_primary {
	char label[TEXT_DOMAIN_MAX + 8]; /* as configured, or the MX name */
	uint16_t priority;
	bool healthy; /* the last probe succeeded */
	bool probed; /* there was one */
	enum smtp_phase failed_phase;
	uint16_t code; /* last reply code, 0 none */
	char text[160]; /* last reply or error; peer text */
	double phase_seconds[SMTP_PHASE_MAX];
	uint64_t probes, failures;
	uint64_t failures_phase[SMTP_PHASE_MAX];
	int64_t last_run, last_success;
	int64_t cert_not_after; /* 0: no TLS */
	const char *tls_by, *tls_why; /* static; NULL before a probe */
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

struct snap_domain {
	struct domain_stats count; /* count.name is the domain's name */
	struct domain_fate recent[STATS_WINDOW_MAX];
	bool configured; /* false: removed since the start */
	unsigned state; /* enum health_state */
	const char *state_name; /* static */
	int64_t state_since;
	char cause[160]; /* why it is so; peer text */
	int64_t self_mx_since; /* we seem to be its best MX; 0: no */
	bool on_hold;
	uint64_t active, deferred, held, owed, recipients, bytes;
	int64_t oldest_ms, oldest_live_ms, next_expiry_ms, next_try_ms;
	int64_t lifetime; /* seconds */
	unsigned window;
	struct snap_flush flush;
	unsigned first_primary, nprimaries; /* in snapshot.primary */
	uint32_t alerts; /* that fire: 1 << enum alert_kind */
};

/* An alert that is pending or fires. */
struct snap_alert {
	enum alert_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* "" of the whole daemon */
	char primary[TEXT_DOMAIN_MAX + 8]; /* "" none */
	enum alert_severity severity;
	bool firing; /* false: pending */
	bool silenced;
	int64_t since; /* it holds */
	char summary[256];
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
	struct stats_global count;
	unsigned smtpd_sessions, delivery_connections;
	unsigned spool_state; /* enum store_state */
	uint64_t spool_size_bytes; /* as df(1) sees it */
	uint64_t spool_free_bytes, spool_free_inodes, spool_reserve_bytes;
	uint64_t queue_ages[HIST_MAX + 1]; /* by hist_age */
	double loop_lag;
	uint64_t log_dropped; /* lines */
	/* For so long nothing expires: the wall clock leapt. 0: all is well. */
	int64_t clock_doubt_ms;
	bool clock_doubted;
	bool agentx_connected; /* the SNMP subagent to its master */
	uint64_t agentx_requests, agentx_notifications_dropped;
	uint64_t agentx_snapshots_dropped;
	bool reload_ok;
	int64_t reload_time;
	unsigned ndomains;
	struct snap_domain *domain; /* ascending name */
	unsigned nprimaries;
	struct snap_primary *primary;
	uint32_t alerts; /* of the whole daemon that fire */
	unsigned nalerts; /* 0 until snapshot_alerts() */
	struct snap_alert *alert;
	unsigned nreceivers;
	struct snap_receiver *receiver;
	unsigned nheartbeats;
	struct snap_heartbeat *heartbeat;
};

/* Room for that many; zeroed; one reference. */
struct snapshot *snapshot_create(unsigned ndomains, unsigned nprimaries);
/* Room for those, before the snapshot is shown to anybody; once. */
void snapshot_alerts(struct snapshot *, unsigned nalerts, unsigned nreceivers,
    unsigned nheartbeats);
struct snapshot *snapshot_ref(struct snapshot *);
void snapshot_unref(struct snapshot **);

/* The newest one, shared between threads. */
struct snapshot_box;
struct snapshot_box *snapshot_box_create(void);
void snapshot_box_destroy(struct snapshot_box **);
void snapshot_box_put(struct snapshot_box *, struct snapshot *); /* takes it */
struct snapshot *snapshot_box_get(struct snapshot_box *); /* a reference, or
							   * NULL before any */

#endif
