/* SPDX-License-Identifier: ISC
 * daemon_int: shared by daemon.c (build, wire, shut down), reload.c and apply.c
 * (the configuration into the modules), events.c (the decisions), domains.c and
 * report.c (snapshot, control). */
#ifndef MX_DAEMON_INT_H
#define MX_DAEMON_INT_H

#include "alerts/alerts.h"
#include "cluster/cluster.h"
#include "control/control.h"
#include "daemon/alert_share.h"
#include "daemon/daemon.h"
#include "daemon/domains_from.h"
#include "daemon/self.h"
#include "drill/drill.h"
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
	struct helper *helper; /* for work that would block the loop */
	struct fetcher *fetcher;
	struct source_set *sources; /* of lists that are fetched */
	struct reload *reload;
	struct stats *stats;
	struct store *store;
	struct queue *queue;
	const struct relay *relay;
	struct bounce *bounce;
	struct deliver *deliver;
	struct smtpd *smtpd;
	struct dns *dns;
	struct reach_env reach; /* ours; used by probes and deliveries */
	struct schedule *schedule;
	struct rcpt_check *rcpt_check;
	struct watch_set *watch;
	struct domains *domains;
	struct removed *removed;
	struct backup_names *backup_names; /* shared by all configurations */
	struct mx_backup *mx_backup; /* daemon/backups.h */
	struct domains_from *domains_from;
	struct maintenance_keeper *maintained;
	struct redirect_keeper *redirected;
	struct doctor *doctor; /* NULL: not created yet */
	struct drill_set *drills;
	struct snapshot_box *box;
	struct history *history;
	struct ledger *ledger;
	struct questions *questions; /* from the status page */
	struct http *http;
	struct control *control;
	struct cluster *cluster; /* daemon/clustered.h; NULL: none */
	int64_t move_again; /* clustered.c: next attempt; monotonic */
	char *instance; /* for store_conf; NULL without a cluster */
	char cluster_seen[PRIMARY_LABEL_MAX]; /* last primary published */
	struct alerts *alerts; /* NULL in a build without libcurl */
	struct alert_share *alert_share; /* NULL: the store is not shared */
	struct agentx *agentx;

	struct self *self;

	struct soft_state *soft_state;
	struct kept_file *events_file; /* event_file.c */
	struct kept_file *findings_file; /* doctor.c */
	struct loop_signal *signals[4];
	struct loop_timer *tick; /* snapshot, once a second */
	struct snapshot *old; /* the previous one, being freed; NULL: freed */
	struct loop_timer *drop; /* frees `old` */
	struct loop_timer *drain_limit;
	struct loop_timer *alive; /* for the service manager */
	struct loop_task *drain_check;
	struct loop_timer *fan_out; /* changed primaries to their domains */
	int64_t start_wall;
	uint64_t generation;
	bool files_read; /* the recipients files were read once */
	bool reload_ok;
	int64_t reload_wall;
	bool filtered; /* its system calls are filtered */
	bool draining, smtpd_idle, deliver_idle;
};

/* alert.c: empty without libcurl. */
void daemon_alerts_create(struct daemon *);
void daemon_alerts_configure(struct daemon *);
void daemon_alerts_destroy(struct daemon *);
void daemon_alerts_notice(struct daemon *, const struct notice *);
/* Touches the domains whose firing alerts have changed. */
void daemon_alerts_tick(struct daemon *);
void daemon_alerts_snapshot(struct daemon *, struct snapshot *);
/* State that another node changed. True: the key belongs to alerting. */
bool
daemon_alerts_told(struct daemon *, const char *key, const void *, size_t len);
uint32_t daemon_alerts_of(const struct daemon *, const char *domain);
extern const struct control_alert_ops daemon_alert_ops; /* .arg unset */

/* doctor.c: its environment; after all other modules. */
void daemon_doctor_create(struct daemon *);
void daemon_doctor_tick(struct daemon *); /* once a second */
void daemon_doctor_configure(struct daemon *, struct config *);
void daemon_doctor_destroy(struct daemon *); /* after the helper */
void daemon_doctor_snapshot(struct daemon *, struct snapshot *);
extern const struct control_doctor_ops daemon_doctor_ops; /* .arg unset */

/* drill.c: drills, between store, queue, deliver, smtpd and control. */
void daemon_drill_create(struct daemon *); /* before the configuration */
void daemon_drill_load(struct daemon *); /* behind it: what the store has */
bool daemon_drill_is_marked(void *daemon, const char *envid);
void daemon_drill_queued(void *daemon, const char *envid, uint64_t id);
void daemon_drill_tried(void *daemon, const struct envelope *,
    const struct mail_log_attempt *);
void daemon_drill_over(void *daemon, const struct envelope *);
/* State that another node of a cluster changed. True: the key belongs to a
 * drill. */
bool
daemon_drill_told(struct daemon *, const char *key, const void *, size_t len);
extern const struct control_drill_ops daemon_drill_ops; /* .arg unset */

/* ledger.c: feeds the record of outages. */
void daemon_ledger_create(struct daemon *); /* after the store */
void daemon_ledger_rest(struct daemon *); /* before the queue; then: */
void daemon_ledger_destroy(struct daemon *);
void daemon_ledger_tick(struct daemon *);
void daemon_ledger_verdict(void *daemon, const struct watch_verdict *);
/* A domain's block is replaced. `was` NULL: there was none. */
void daemon_ledger_domain(struct daemon *, const struct snap_domain *was,
    const struct snap_domain *is);
/* An operator has executed a verb. */
void daemon_ledger_did(void *daemon, const char *verb, const char *target,
    const char *reason, const char *node, int64_t uid, int rc);
/* A maintenance window of that subject begins or is over. Repeated calls have
 * no effect. */
void daemon_ledger_maintained(struct daemon *, enum outage_kind,
    const char *name, bool begins, const char *reason);
bool daemon_ledger_page(void *daemon, const struct kept_query *,
    const char *end, struct buf *, uint64_t *before);
/* A receiver was notified of an alert about that domain or primary. */
void daemon_ledger_told(struct daemon *, const char *name, const char *receiver,
    const char *what, int64_t wall);
/* State that another node of a cluster changed. True: the key belongs to the
 * ledger. */
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
/* learned.c: the known recipients, between the queue, the probes and smtpd. */
extern const struct rcpt_check_ops daemon_rcpt_check_ops;
bool daemon_learned(void *daemon, const char *domain, const char *mailbox,
    struct learned_view *);
void daemon_check(void *daemon, const char *domain, const char *mailbox,
    uint64_t client);
void daemon_known_as(void *daemon, const char *domain, const char *mailbox,
    char *as);
/* A maintenance window has begun to hold the domain's mail, or has ceased to;
 * or its mail goes to other hosts now (redirected.h). */
void daemon_held(struct daemon *, const char *domain);
/* An operator flushes the domain: see deliver_chunks_again(). */
void daemon_chunks_again(struct daemon *, const char *domain);
extern const struct store_events daemon_store_events;
void daemon_store_shared_events(struct store_events *); /* clustered.c */
void daemon_dns_query(double seconds, void *arg);
void daemon_fan_out(void *arg); /* callback of the timer fan_out */
/* Passes the event to all its receivers at once; sets `wall` if it is 0. Loop
 * thread; never blocks. */
void daemon_notice(struct daemon *, const struct notice *);
/* told_events.c: the same for `mxwatchctl events`, and for the notifications
 * that were sent to receivers. */
void daemon_event(struct daemon *, const struct notice *);
/* event_file.c: with the control socket; ended before it and after the helper. */
void daemon_events_begin(struct daemon *);
void daemon_events_tick(struct daemon *); /* once a second */
void daemon_events_end(struct daemon *);
void daemon_event_drill(struct daemon *, const char *domain, const char *text);
void daemon_event_told(struct daemon *, const char *name, const char *receiver,
    const char *what, int64_t wall);

/* report.c: uses the blocks as domains_tick() and domains_now() left them. */
struct snapshot *daemon_snapshot(struct daemon *);
/* daemon.c: puts the snapshot into the box and takes it over. The one that it
 * replaces is freed in slices. */
void daemon_publish(struct daemon *, struct snapshot *);
extern const struct control_ops daemon_control_ops;

/* reload.c. Returns the number of the reload: the file is read after this call
 * and is put into force, or the old configuration stays. A reload in progress
 * may have read the file already: then another one follows. */
uint64_t daemon_reload(struct daemon *);
/* Domains of the source, to be put into force without reading the file, or
 * refused: the result goes to domains_from_judged(). A former offer that has
 * not begun is dropped; NULL drops it without another. */
void reload_domains(struct daemon *, struct domain_texts *);
/* The redirects have changed: puts them into force without reading the file or
 * the source. The end of that, or of a reload that is in progress and has them
 * already, goes to redirected_settle(). */
void reload_redirects(struct daemon *);
/* 1: in progress; 0; or negative, and the old configuration stays. The
 * findings, of that reload or a later one, are borrowed until the next turn of
 * the loop. */
int daemon_reload_result(const struct daemon *, uint64_t number,
    const struct conf_errors **);
/* Some modules have the new domains already, others not yet. */
bool reload_is_applied(const struct daemon *);
void reload_create(struct daemon *); /* after smtpd, before its files */
void reload_destroy(struct daemon *); /* after the helper, before smtpd */

/* apply.c: the steps that put a configuration into the modules. */
void apply_begin(struct daemon *, struct config *);
void apply_domain(struct daemon *, const struct conf_domain *);
void apply_left(struct daemon *, const struct conf_domain *);
struct store_conf
daemon_store_conf(const struct daemon *, const struct config *);

#endif
