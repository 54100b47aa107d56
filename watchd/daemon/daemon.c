/* SPDX-License-Identifier: ISC
 * daemon: builds every module, ties their callbacks (events.c, report.c) and
 * shuts down. Modules are built in the direction of dependence and destroyed in
 * reverse. The store still completes the requests that it was handed, so it is
 * stopped while every receiver of a completion exists. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "base/service.h"
#include "config/removed.h"
#include "daemon/backups.h"
#include "daemon/clustered.h"
#include "daemon/daemon_int.h"
#include "daemon/descriptors.h"
#include "daemon/domains.h"
#include "daemon/maintained.h"
#include "daemon/privileges.h"
#include "daemon/questions.h"
#include "daemon/redirected.h"
#include "daemon/removed.h"
#include "daemon/soft_state.h"

#define TICK_MS	      1000
#define DRAIN_MORE_MS 5000 /* more than the drain itself */
#define DNS_QUEUE_MAX 2000

/* ---- timers and signals of the loop */

#define DROP_CHUNKS 64 /* chunks of an old snapshot freed in a turn */

static void
on_drop(void *arg)
{
	struct daemon *d = arg;

	if (snapshot_unref_some(&d->old, DROP_CHUNKS))
		loop_timer_set(d->drop, 0);
}

void
daemon_publish(struct daemon *d, struct snapshot *s)
{
	snapshot_unref(&d->old);
	d->old = snapshot_box_swap(d->box, s);
	loop_timer_set(d->drop, 0);
}

static void
on_tick(void *arg)
{
	struct daemon *d = arg;
	struct snapshot *s;

	stats_mark(d->stats, loop_now(d->loop));
	daemon_alerts_tick(d);
	backups_tick(d);
	maintained_tick(d);
	redirected_tick(d);
	clustered_tick(d);
	domains_tick(d->domains);
	daemon_ledger_tick(d);
	s = daemon_snapshot(d);
	history_feed(d->history, s);
	agentx_tick(d->agentx, s);
	daemon_publish(d, s);
	smtpd_tick(d->smtpd, d->helper, loop_now(d->loop));
	if (d->http != NULL)
		http_tick(d->http, d->helper, loop_now(d->loop));
	soft_state_tick(d->soft_state);
	daemon_events_tick(d);
	daemon_doctor_tick(d);
	loop_timer_set(d->tick, TICK_MS);
}

/* Sent from the loop, so that the service manager notices when the loop
 * hangs. */
static void
on_alive(void *arg)
{
	struct daemon *d = arg;

	service_alive();
	loop_timer_set(d->alive, service_alive_ms());
}

static void
on_drained(void *arg)
{
	struct daemon *d = arg;

	if (d->smtpd_idle && d->deliver_idle)
		loop_stop(d->loop);
}

static void
on_smtpd_idle(void *arg)
{
	struct daemon *d = arg;

	d->smtpd_idle = true;
	loop_task_schedule(d->drain_check);
}

static void
on_deliver_idle(void *arg)
{
	struct daemon *d = arg;

	d->deliver_idle = true;
	loop_task_schedule(d->drain_check);
}

static void
on_drain_limit(void *arg)
{
	struct daemon *d = arg;

	log_warn("daemon",
	    "problem=\"sessions outlived the drain\" "
	    "sessions=%u deliveries=%u",
	    smtpd_sessions(d->smtpd), deliver_connections(d->deliver));
	loop_stop(d->loop);
}

static void
on_signal(int signo, void *arg)
{
	struct daemon *d = arg;

	switch (signo) {
	case SIGHUP:
		(void)daemon_reload(d);
		break;
	case SIGUSR1:
		if (log_reopen() != 0)
			log_error("log",
			    "problem=\"cannot reopen the log file\"");
		break;
	default:
		if (d->draining) { /* a second signal: stop now */
			loop_stop(d->loop);
			break;
		}
		d->draining = true;
		if (d->cluster != NULL)
			cluster_stop(d->cluster);
		log_notice("daemon", "stopping=1 signal=%d", signo);
		service_stopping();
		service_extend(d->conf->drain_ms + DRAIN_MORE_MS);
		loop_timer_set(d->drain_limit, d->conf->drain_ms);
		smtpd_drain(d->smtpd, on_smtpd_idle, d);
		deliver_drain(d->deliver, on_deliver_idle, d);
	}
}

/* Signals that only a running daemon handles; TERM and INT end a starting one,
 * too. */
static void
held_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

/* A second TERM must not cut the shutdown short: the loop's handlers are
 * destroyed before the last state is saved. */
static void
hold_all(void)
{
	sigset_t all;

	held_signals(&all);
	sigaddset(&all, SIGTERM);
	sigaddset(&all, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
}

void
daemon_signals_hold(void)
{
	sigset_t held;

	held_signals(&held);
	(void)pthread_sigmask(SIG_BLOCK, &held, NULL);
}

/* ---- create and destroy */

static int
create_store(struct daemon *d, struct mx_errbuf *eb)
{
	struct store_events ev = daemon_store_events;
	struct store_conf sc;
	int rc;

	if ((rc = clustered_instance(d, eb)) != 0)
		return rc;
	sc = daemon_store_conf(d, d->conf);
	daemon_store_shared_events(&ev);
	ev.arg = d;
	return store_open(&d->store, d->loop, &sc, &ev, eb);
}

static int
create_dns(struct daemon *d, struct mx_errbuf *eb)
{
	struct dns_conf dc = { .servers = d->conf->resolver,
		.nservers = d->conf->nresolver,
		.threads = d->conf->resolver_threads,
		.queue_max = DNS_QUEUE_MAX,
		.timeout_ms = d->conf->resolver_timeout_ms };

	d->dns = dns_create(d->loop, &dc, eb);
	if (d->dns == NULL)
		return -MX_ENET;
	dns_domains(d->dns, d->conf->ndomains);
	dns_on_query(d->dns, daemon_dns_query, d);
	return 0;
}

/* The two TLS contexts serve all outgoing connections; without one, mail is
 * still delivered where TLS is not required. */
static void
create_reach(struct daemon *d)
{
	struct mx_errbuf eb = { "" };

	d->reach.loop = d->loop;
	d->reach.book = address_book_create(ADDRESS_BOOK_MAX);
	d->reach.memory = host_memory_create(HOST_MEMORY_MAX);
	d->soft_state = soft_state_create(d);
	if ((d->reach.tls = tls_client_create(&eb)) == NULL ||
	    (d->reach.tls_strict = tls_client_strict_create(&eb)) == NULL)
		log_error("reach", "event=no_tls error=%s", log_q(eb.text));
}

static void
keep_lists(struct daemon *d)
{
	char *folder = mem_printf("%s/recipients", d->conf->spool);

	smtpd_keep_lists(d->smtpd, folder, d->sources);
	mem_free(&folder);
}

static void
create_relay(struct daemon *d)
{
	struct queue_conf qc = { .max_messages = d->conf->queue.max_messages,
		.known_names = d->conf->queue.known_names,
		.learned_names = d->conf->queue.learned_names,
		.clock_step_ms = d->conf->queue.clock_step_ms,
		.clock_settle_ms = d->conf->queue.clock_settle_ms,
		.shared = store_node(d->store) != 0 };
	struct queue_ops qo = daemon_queue_ops;
	struct deliver_ops dops = daemon_deliver_ops;
	struct smtpd_ops so = daemon_smtpd_ops;
	struct watch_ops wo = daemon_watch_ops;
	struct place_ops po = daemon_place_ops;
	struct rcpt_check_ops ro = daemon_rcpt_check_ops;

	create_reach(d);
	qo.arg = dops.arg = so.arg = wo.arg = po.arg = ro.arg = d;
	d->fan_out = loop_timer_create(d->loop, daemon_fan_out, d);
	d->watch = watch_create(&wo);
	watch_remember(d->watch, d->reach.memory);
	d->queue = queue_create(d->loop, d->store, d->stats, &qc, &qo);
	d->relay = queue_relay(d->queue);
	clustered_create(d);
	d->bounce = bounce_create(d->loop, d->store, d->stats);
	bounce_queue(d->bounce, d->queue);
	d->deliver = deliver_create(d->loop, d->dns, d->store, d->queue,
	    d->bounce, d->stats, &d->reach, &dops);
	d->smtpd = smtpd_create(d->loop, d->queue, d->stats, &so);
	d->sources = source_set_create(d->loop);
	keep_lists(d);
	d->schedule = schedule_create(&d->reach, d->dns, d->watch, &po);
	d->rcpt_check = rcpt_check_create(&d->reach, &po, &ro);
	d->agentx = agentx_create(d->loop, d->helper, d->spawner,
	    d->conf->seccomp, d->conf->spool);
	reload_create(d);
	d->self = self_create(d->conf);
	backups_create(d);
	daemon_drill_create(d);
	apply_begin(d, d->conf);
	for (size_t i = 0; i < d->conf->ndomains; i++)
		apply_domain(d, &d->conf->domain[i]);
	for (size_t i = 0; i < removed_count(d->conf); i++)
		apply_domain(d, removed_at(d->conf, i));
	backups_load(d);
	daemon_drill_load(d);
}

/* A kernel without seccomp must not keep the daemon from accepting mail. */
static void
filter_calls(struct daemon *d)
{
	struct mx_errbuf eb = { "" };

	if (!d->conf->seccomp || !sandbox_built())
		return;
	if (sandbox_enter(&eb) == 0)
		d->filtered = true;
	else
		log_warn("daemon",
		    "problem=%s effect=\"no filter is in force\"",
		    log_q(eb.text));
}

static int
create_outside(struct daemon *d, struct mx_errbuf *eb)
{
	struct control_ops co = daemon_control_ops;
	struct descriptor_shares shares;
	int rc;

	co.arg = d;
	co.alert = daemon_alert_ops;
	co.alert.arg = d;
	co.maintenance = daemon_maintenance_ops;
	co.maintenance.arg = d;
	co.redirect = daemon_redirect_ops;
	co.redirect.arg = d;
	co.doctor = daemon_doctor_ops;
	co.doctor.arg = d;
	co.drill = daemon_drill_ops;
	co.drill.arg = d;
	clustered_control(d, &co.cluster);
	if (smtpd_configure(d->smtpd, d->conf, eb) != 0)
		return -MX_ETLS;
	descriptors_share_log(d->conf, &shares);
	smtpd_bound(d->smtpd, shares.sessions);
	deliver_limit(d->deliver, shares.deliveries);
	d->control = control_create(d->loop, d->conf->control,
	    d->conf->control_clients, d->relay, &co, eb);
	if (d->control == NULL)
		return -MX_ENET;
	daemon_events_begin(d);
	if (privileges_raise() != 0)
		return mx_fail(eb, MX_ESYS, "cannot bind as root: %s",
		    strerror(errno));
	rc = smtpd_listen(d->smtpd, d->conf, eb);
	if (rc == 0)
		rc = privileges_drop(d->conf, eb);
	if (rc != 0)
		return rc;
	filter_calls(d);
	d->questions = questions_create(d);
	if (d->conf->web.listen.n > 0) {
		d->http = http_create(d->conf, d->box, d->history, d->ledger,
		    questions_desk(d->questions), eb);
		if (d->http == NULL)
			return -MX_ENET;
	}
	return 0;
}

static void
create_events(struct daemon *d)
{
	static const int signo[] = { SIGHUP, SIGUSR1, SIGTERM, SIGINT };

	sigset_t held;

	for (size_t i = 0; i < MX_COUNT(signo); i++)
		d->signals[i] =
		    loop_signal_create(d->loop, signo[i], on_signal, d);
	/* Signals that were held since the start of main() reach the loop
	 * now. */
	held_signals(&held);
	(void)pthread_sigmask(SIG_UNBLOCK, &held, NULL);
	d->tick = loop_timer_create(d->loop, on_tick, d);
	d->drop = loop_timer_create(d->loop, on_drop, d);
	d->drain_limit = loop_timer_create(d->loop, on_drain_limit, d);
	d->drain_check = loop_task_create(d->loop, on_drained, d);
	d->alive = loop_timer_create(d->loop, on_alive, d);
	loop_timer_set(d->tick, TICK_MS);
}

int
daemon_create(struct daemon **out, struct config *conf, struct spawner *spawner,
    struct mx_errbuf *eb)
{
	struct daemon *d = mem_alloc(sizeof(*d));
	int rc;

	d->conf = conf;
	d->spawner = spawner;
	d->start_wall = d->reload_wall = clock_wall();
	d->reload_ok = true;
	if ((rc = privileges_check(conf, eb)) != 0 ||
	    (rc = privileges_make_dirs(conf, eb)) != 0 ||
	    (rc = privileges_lower(conf, eb)) != 0)
		goto fail;
	d->loop = loop_create();
	d->helper = helper_create(d->loop);
	domains_from_start(d);
	d->stats = stats_create();
	stats_mark(d->stats, loop_now(d->loop));
	d->domains = domains_create(d);
	d->box = snapshot_box_create();
	d->history = history_create();
	if ((rc = create_store(d, eb)) != 0 || (rc = create_dns(d, eb)) != 0)
		goto fail;
	daemon_ledger_create(d);
	redirected_create(d);
	d->backup_names = backup_names_create();
	backup_names_attach(d->conf, d->backup_names);
	d->removed = removed_create(d);
	removed_load(d->removed, d->conf);
	maintained_create(d);
	create_relay(d);
	domains_from_create(d);
	if ((rc = create_outside(d, eb)) != 0)
		goto fail;
	/* created as the user, after privileges were dropped */
	d->fetcher = fetcher_create(d->spawner);
	source_set_start(d->sources, d->fetcher);
	daemon_alerts_create(d);
	daemon_doctor_create(d);
	create_events(d);
	queue_load(d->queue);
	clustered_start(d);
	maintained_tick(d);
	domains_tick(d->domains);
	snapshot_box_put(d->box, daemon_snapshot(d));
	*out = d;
	return 0;
fail:
	daemon_destroy(&d);
	return rc;
}

void
daemon_run(struct daemon *d)
{
	log_notice("daemon",
	    "started=1 hostname=%s domains=%zu spool=%s "
	    "seccomp=%s",
	    d->conf->hostname, d->conf->ndomains, log_q(d->conf->spool),
	    d->filtered ? "yes" : "no");
	service_ready();
	if (service_alive_ms() > 0)
		on_alive(d);
	loop_run(d->loop);
	hold_all();
	log_notice("daemon", "stopped=1");
}

void
daemon_destroy(struct daemon **dp)
{
	struct daemon *d = *dp;

	if (d == NULL)
		return;
	if (d->cluster != NULL)
		cluster_stop(d->cluster);
	for (size_t i = 0; i < MX_COUNT(d->signals); i++)
		loop_signal_destroy(&d->signals[i]);
	loop_timer_destroy(&d->tick);
	loop_timer_destroy(&d->alive);
	loop_timer_destroy(&d->drop);
	loop_timer_destroy(&d->drain_limit);
	loop_task_destroy(&d->drain_check);
	helper_destroy(&d->helper);
	domains_from_destroy(d);
	reload_destroy(d);
	daemon_alerts_destroy(d);
	http_destroy(&d->http);
	daemon_events_end(d);
	control_destroy(&d->control);
	questions_destroy(&d->questions);
	daemon_doctor_destroy(d);
	drill_destroy(&d->drills);
	agentx_destroy(&d->agentx);
	rcpt_check_destroy(&d->rcpt_check);
	schedule_destroy(&d->schedule);
	backups_destroy(d);
	smtpd_destroy(&d->smtpd);
	source_set_destroy(&d->sources);
	fetcher_destroy(&d->fetcher);
	deliver_destroy(&d->deliver);
	bounce_destroy(&d->bounce);
	daemon_ledger_rest(d);
	queue_destroy(&d->queue);
	store_close(&d->store);
	clustered_destroy(d);
	alert_share_destroy(&d->alert_share);
	removed_destroy(&d->removed);
	maintained_destroy(d);
	redirected_destroy(d);
	daemon_ledger_destroy(d);
	soft_state_destroy(&d->soft_state);
	dns_destroy(&d->dns);
	tls_ctx_destroy(&d->reach.tls);
	tls_ctx_destroy(&d->reach.tls_strict);
	address_book_destroy(&d->reach.book);
	watch_destroy(&d->watch);
	host_memory_destroy(&d->reach.memory);
	domains_destroy(&d->domains);
	loop_timer_destroy(&d->fan_out);
	snapshot_unref(&d->old);
	snapshot_box_destroy(&d->box);
	history_destroy(&d->history);
	stats_destroy(&d->stats);
	loop_destroy(&d->loop);
	self_destroy(&d->self);
	config_unref(&d->conf);
	backup_names_unref(&d->backup_names);
	mem_free(dp);
}
