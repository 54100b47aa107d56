/* SPDX-License-Identifier: ISC
 * daemon_int: what daemon.c (build, wire, shut down), reload.c (the
 * configuration into the modules), events.c (what follows from what),
 * domains.c and report.c (snapshot, control) share. */
#ifndef MX_DAEMON_INT_H
#define MX_DAEMON_INT_H

#include "alerts/alerts.h"
#include "control/control.h"
#include "daemon/daemon.h"
#include "daemon/watch.h"
#include "exporters/http.h"
#include "exporters/snmp/agentx_parent.h"
#include "relay/deliver/bounce.h"
#include "relay/deliver/deliver.h"
#include "relay/smtpd/smtpd.h"
#include "relay/store/store.h"
#include "status/notice.h"

struct daemon {
	struct config *conf;
	struct loop *loop;
	struct stats *stats;
	struct store *store;
	struct queue *queue;
	const struct relay *relay;
	struct bounce *bounce;
	struct deliver *deliver;
	struct smtpd *smtpd;
	struct dns *dns;
	struct reach_env reach; /* ours; probes and deliveries go by it */
	struct runner *runner;
	struct watch_set *watch;
	struct domains *domains;
	struct snapshot_box *box;
	struct history *history;
	struct http *http;
	struct control *control;
	struct alerts *alerts; /* NULL in a build without libcurl */
	struct agentx *agentx;

	/* Who we are (route.h); rebuilt at each reload, kept here because the
	 * modules borrow it. */
	struct route_self self;
	const char **self_names;
	struct net_addr *self_addrs;
	uint16_t *self_ports;

	char *dns_memory; /* path */
	struct loop_signal *signals[4];
	struct loop_timer *tick; /* snapshot, once a second */
	struct loop_timer *drain_limit;
	struct loop_task *drain_check;
	int64_t start_wall;
	int64_t next_dns_save;
	uint64_t generation;
	bool reload_ok;
	int64_t reload_wall;
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
uint32_t daemon_alerts_of(const struct daemon *, const char *domain);
extern const struct control_alert_ops daemon_alert_ops; /* .arg unset */

/* events.c: the callbacks that daemon_create ties. */
extern const struct queue_ops daemon_queue_ops; /* .arg unset */
extern const struct deliver_ops daemon_deliver_ops;
extern const struct smtpd_ops daemon_smtpd_ops;
extern const struct watch_ops daemon_watch_ops;
extern const struct runner_ops daemon_runner_ops;
extern const struct store_events daemon_store_events;
void daemon_dns_query(double seconds, void *arg);
/* Tells everybody who wants to hear of events at once; sets wall when it is
 * 0. Loop thread; never blocks. */
void daemon_notice(struct daemon *, const struct notice *);

/* report.c: of the domains as domains_tick() and domains_now() left them. */
struct snapshot *daemon_snapshot(struct daemon *);
extern const struct control_ops daemon_control_ops;

/* reload.c: reads the file again and puts it into force, or leaves all as it
 * is. */
int daemon_reload(struct daemon *, struct conf_errors *);
/* Puts d->conf into the modules; `old` is what was in force, NULL at the
 * start. It cannot fail. */
void daemon_apply(struct daemon *, const struct config *old);
struct store_conf daemon_store_conf(const struct config *);

#endif
