/* SPDX-License-Identifier: ISC
 * apply: puts a configuration into the modules; nothing here can fail. First
 * the settings whose cost does not grow with the number of domains
 * (apply_begin), then one domain after the other: reload.c spreads those over
 * turns of the loop. A domain is changed in all modules at once, so that they
 * agree between two domains. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/removed.h"
#include "daemon/backups.h"
#include "daemon/clustered.h"
#include "daemon/daemon_int.h"
#include "daemon/maintained.h"
#include "daemon/removed.h"

static void
policy_of(const struct conf_domain *cd, struct queue_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->lifetime_ms = cd->lifetime_ms;
	memcpy(p->delay_warning_ms, cd->delay_warning_ms,
	    sizeof(p->delay_warning_ms));
	p->ndelay_warning = cd->ndelay_warning;
	/* for each connection: the deliveries in progress, and one loaded
	 * ahead */
	p->out_max = cd->deliver.connections * (cd->deliver.pipeline_depth + 1);
	p->retry_first_ms = cd->retry.first_ms;
	p->retry_max_ms = cd->retry.max_ms;
	p->refusal_grace_ms = cd->refusal_grace_ms;
	p->vault_keep_ms = cd->vault_keep_ms;
	if (cd->recipients_learn && cd->recipients == NULL)
		p->learn_max = cd->recipients_learn_max;
	p->learn_apart_ms = cd->recipients_refused_after_ms;
}

struct store_conf
daemon_store_conf(const struct daemon *d, const struct config *conf)
{
	return (struct store_conf){ .dir = conf->spool,
		.map_size = conf->queue.map_size,
		.segment_size = conf->queue.segment_size,
		.reserve = conf->queue.reserve,
		.reserve_inodes = conf->queue.reserve_inodes,
		.group_max = conf->queue.group_max,
		.waiting_max = conf->queue.waiting_max,
		.behind_max = conf->queue.behind_max,
		.behind_ms = (unsigned)conf->queue.behind_ms,
		.engine = conf->cluster.engine,
		.node = conf->cluster.node,
		.instance = d->instance,
		.lease_ms = conf->cluster.lease_ms,
		.wait_ms = conf->cluster.wait_ms,
		.require_sync = conf->cluster.require_sync,
		.refuse_away = conf->cluster.away == AWAY_REFUSE };
}

static void
apply_fetch(struct daemon *d, const struct conf_fetch *f)
{
	struct source_conf sc = { .interval_ms = f->interval_ms,
		.timeout_ms = f->timeout_ms,
		.size_max = f->size_max,
		.connections = f->connections,
		.ca_file = f->ca_file };

	source_set_conf(d->sources, &sc);
}

void
apply_begin(struct daemon *d, struct config *conf)
{
	struct store_conf sc = daemon_store_conf(d, conf);
	const struct route_self *self = self_route(d->self);
	struct queue_policy p;

	log_recipients_set(conf->log_recipients);
	store_reconfigure(d->store, &sc);
	dns_domains(d->dns,
	    conf->ndomains + removed_count(conf) + backups_room(conf));
	bounce_configure(d->bounce, conf);
	deliver_configure(d->deliver, conf, self);
	schedule_configure(d->schedule, conf, self);
	rcpt_check_configure(d->rcpt_check, conf->probe_concurrency,
	    conf->smtpd.rcpt_checks);
	mx_backup_configure(d->mx_backup, conf, self);
	agentx_configure(d->agentx, &conf->snmp);
	ledger_configure(d->ledger, &conf->ledger);
	policy_of(&conf->defaults, &p);
	queue_policy_default(d->queue, &p);
	apply_fetch(d, &conf->fetch);
	queue_vault(d->queue, conf->vault_size);
	queue_reports(d->queue, conf->dsn.lifetime_ms);
	maintained_configure(d, conf);
	drill_configure(d->drills, conf);
	daemon_doctor_configure(d, conf);
	clustered_configure(d, conf);
}

void
apply_domain(struct daemon *d, const struct conf_domain *cd)
{
	struct queue_policy p;

	stats_domain_add(d->stats, cd->name);
	stats_touch(d->stats, cd->name);
	policy_of(cd, &p);
	queue_policy(d->queue, cd->name, &p);
	watch_domain_set(d->watch, cd, loop_now(d->loop), clock_wall());
	queue_gate(d->queue, cd->name,
	    maintained_gate(d, cd->name, watch_state(d->watch, cd->name)));
	deliver_choose_again(d->deliver, cd->name);
	if (config_domain(d->conf, cd->name) != NULL)
		drill_domain(d->drills, cd);
	if (d->cluster != NULL)
		cluster_domain(d->cluster, cd->name, true);
}

/* The domain has left and keeps its settings; domains.c removes it when its
 * queue is empty. */
void
apply_left(struct daemon *d, const struct conf_domain *cd)
{
	removed_note(d->removed, cd);
	drill_stop(d->drills, cd->name);
	if (d->cluster != NULL)
		cluster_domain(d->cluster, cd->name, false);
	stats_touch(d->stats, cd->name);
}
