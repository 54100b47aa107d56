/* SPDX-License-Identifier: ISC
 * daemon_int: what daemon.c (build, wire, shut down), reload.c and apply.c
 * (the configuration into the modules), events.c (what follows from what),
 * domains.c and report.c (snapshot, control) share. */
#ifndef MX_DAEMON_INT_H
#define MX_DAEMON_INT_H

#include "alerts/alerts.h"
#include "cluster/cluster.h"
#include "control/control.h"
#include "daemon/alert_share.h"
#include "daemon/daemon.h"
#include "daemon/domains_from.h"
#include "daemon/self.h"
#include "exporters/http.h"
#include "exporters/snmp/agentx_parent.h"
#include "fetch/fetch.h"
#include "fetch/source.h"
#include "ledger/ledger.h"
#include "net/helper.h"
#include "primary/watch.h"
#include "probes/rcpt_check.h"
#include "probes/schedule.h"
#include "relay/deliver/bounce.h"
#include "relay/deliver/deliver.h"
#include "relay/mxbackup/mx_backup.h"
#include "relay/smtpd/smtpd.h"
#include "relay/store/store.h"
#include "status/notice.h"

struct daemon {
	struct config *conf; /* in force */
	struct loop *loop;
	struct spawner *spawner; /* borrowed */
	struct helper *helper; /* for what would hold the loop up */
	struct fetcher *fetcher;
	struct source_set *sources; /* of lists that are kept elsewhere */
	struct reload *reload;
	struct stats *stats;
	struct store *store;
	struct queue *queue;
	const struct relay *relay;
	struct bounce *bounce;
	struct deliver *deliver;
	struct smtpd *smtpd;
	struct dns *dns;
	struct reach_env reach; /* ours; probes and deliveries go by it */
	struct schedule *schedule;
	struct rcpt_check *rcpt_check;
	struct watch_set *watch;
	struct domains *domains;
	struct removed *removed;
	struct backup_names *backup_names; /* of all configurations */
	struct mx_backup *mx_backup; /* daemon/backups.h */
	struct domains_from *domains_from;
	struct maintenance_keeper *maintained;
	struct doctor *doctor; /* NULL: not yet */
	struct snapshot_box *box;
	struct history *history;
	struct ledger *ledger;
	struct questions *questions; /* of the status page */
	struct http *http;
	struct control *control;
	struct cluster *cluster; /* daemon/clustered.h; NULL: we are alone */
	int64_t move_again; /* clustered.c: monotonic, not before */
	char *instance; /* of store_conf; NULL: the same */
	char cluster_seen[PRIMARY_LABEL_MAX]; /* up to this primary */
	struct alerts *alerts; /* NULL in a build without libcurl */
	struct alert_share *alert_share; /* NULL: the store is not shared */
	struct agentx *agentx;

	struct self *self;

	struct soft_state *soft_state;
	struct loop_signal *signals[4];
	struct loop_timer *tick; /* snapshot, once a second */
	struct snapshot *old; /* the one before, going; NULL: it is gone */
	struct loop_timer *drop; /* of that */
	struct loop_timer *drain_limit;
	struct loop_timer *alive; /* for the service manager */
	struct loop_task *drain_check;
	struct loop_timer *fan_out; /* of changed primaries to their domains */
	int64_t start_wall;
	uint64_t generation;
	bool files_read; /* the recipients files, for the first time */
	bool reload_ok;
	int64_t reload_wall;
	bool filtered; /* its system calls */
	bool draining, smtpd_idle, deliver_idle;
};

/* alert.c: empty without libcurl. */
void daemon_alerts_create(struct daemon *);
void daemon_alerts_configure(struct daemon *);
void daemon_alerts_destroy(struct daemon *);
void daemon_alerts_notice(struct daemon *, const struct notice *);
/* Touches the domains about which other alerts fire than before. */
void daemon_alerts_tick(struct daemon *);
void daemon_alerts_snapshot(struct daemon *, struct snapshot *);
/* Small state that other nodes changed: true: that key is ours. */
bool
daemon_alerts_told(struct daemon *, const char *key, const void *, size_t len);
uint32_t daemon_alerts_of(const struct daemon *, const char *domain);
extern const struct control_alert_ops daemon_alert_ops; /* .arg unset */

/* doctor.c: what it works with; once all else is there. */
void daemon_doctor_create(struct daemon *);
void daemon_doctor_configure(struct daemon *, struct config *);
void daemon_doctor_destroy(struct daemon *); /* behind the helper */
void daemon_doctor_snapshot(struct daemon *, struct snapshot *);
extern const struct control_doctor_ops daemon_doctor_ops; /* .arg unset */

/* ledger.c: what the record of outages is fed with. */
void daemon_ledger_create(struct daemon *); /* once there is a store */
void daemon_ledger_rest(struct daemon *); /* before it ends; and after that: */
void daemon_ledger_destroy(struct daemon *);
void daemon_ledger_tick(struct daemon *);
void daemon_ledger_verdict(void *daemon, const struct watch_verdict *);
/* A domain's block is replaced. `was`: NULL: there was none. */
void daemon_ledger_domain(struct daemon *, const struct snap_domain *was,
    const struct snap_domain *is);
/* A verb was done by somebody. */
void daemon_ledger_did(void *daemon, const char *verb, const char *target,
    const char *reason, const char *node, int64_t uid, int rc);
/* A maintenance window of that one begins, or is over; once more is nothing. */
void daemon_ledger_maintained(struct daemon *, enum outage_kind,
    const char *name, bool begins, const char *reason);
bool daemon_ledger_page(void *daemon, const struct kept_query *,
    const char *end, struct buf *, uint64_t *before);
/* Somebody was told of an alert about that domain or primary. */
void daemon_ledger_told(struct daemon *, const char *name, const char *receiver,
    const char *what, int64_t wall);
/* In a cluster, what another node tells. True: it is about that. */
bool
daemon_ledger_heard(struct daemon *, const char *key, const void *, size_t);
void daemon_ledger_snapshot(struct daemon *, struct snapshot *);
void daemon_ledger_host(const struct daemon *, const struct primary *,
    struct snap_host *);

/* events.c: the callbacks that daemon_create ties. */
extern const struct queue_ops daemon_queue_ops; /* .arg unset */
extern const struct deliver_ops daemon_deliver_ops;
extern const struct smtpd_ops daemon_smtpd_ops;
extern const struct watch_ops daemon_watch_ops;
extern const struct place_ops daemon_place_ops;
/* learned.c: which recipients there are, between queue, probes and smtpd */
extern const struct rcpt_check_ops daemon_rcpt_check_ops;
bool daemon_learned(void *daemon, const char *domain, const char *mailbox,
    struct learned_view *);
void daemon_check(void *daemon, const char *domain, const char *mailbox,
    uint64_t client);
void daemon_known_as(void *daemon, const char *domain, const char *mailbox,
    char *as);
/* A maintenance window has begun to hold the domain's mail, or no longer does. */
void daemon_held(struct daemon *, const char *domain);
/* An operator flushes it: see deliver_chunks_again(). */
void daemon_chunks_again(struct daemon *, const char *domain);
extern const struct store_events daemon_store_events;
void daemon_store_shared_events(struct store_events *); /* clustered.c */
void daemon_dns_query(double seconds, void *arg);
void daemon_fan_out(void *arg); /* of the timer fan_out */
/* Tells everybody who wants to hear of events at once; sets wall when it is
 * 0. Loop thread; never blocks. */
void daemon_notice(struct daemon *, const struct notice *);
/* told_events.c: the same for who asks what happened; and of what a receiver was told. */
void daemon_event(struct daemon *, const struct notice *);
void daemon_event_told(struct daemon *, const char *name, const char *receiver,
    const char *what, int64_t wall);

/* report.c: of the domains as domains_tick() and domains_now() left them. */
struct snapshot *daemon_snapshot(struct daemon *);
/* daemon.c: into the box; takes it. What it replaces goes in slices. */
void daemon_publish(struct daemon *, struct snapshot *);
extern const struct control_ops daemon_control_ops;

/* reload.c. Its number: the file is read after this and put into force, or all
 * stays as it is. What is under way was perhaps read before: then it is
 * another one that follows. */
uint64_t daemon_reload(struct daemon *);
/* Domains of the source, to be put into force without reading the file, or to be
 * refused: domains_from_judged() says. What was offered before and not begun is
 * forgotten; NULL: nothing else. */
void reload_domains(struct daemon *, struct domain_texts *);
/* 1: it is not through; 0; or negative, and the old configuration stays. The
 * findings, of that one or a later one, are lent until the loop goes on. */
int daemon_reload_result(const struct daemon *, uint64_t number,
    const struct conf_errors **);
/* Some modules know its domains already, others do not. */
bool reload_is_applied(const struct daemon *);
void reload_create(struct daemon *); /* after smtpd, before its files */
void reload_destroy(struct daemon *); /* after the helper, before smtpd */

/* apply.c: the steps of putting a configuration into the modules. */
void apply_begin(struct daemon *, struct config *);
void apply_domain(struct daemon *, const struct conf_domain *);
void apply_left(struct daemon *, const struct conf_domain *);
struct store_conf
daemon_store_conf(const struct daemon *, const struct config *);

#endif
