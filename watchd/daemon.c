/* SPDX-License-Identifier: ISC
 * daemon: builds every module, ties their callbacks (events.c, report.c),
 * reloads and shuts down. The order of building is the direction of
 * dependence; shutting down goes the other way round, and the store, which
 * still completes what was handed to it, is stopped while everybody whom a
 * completion may reach is alive. */
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon_int.h"
#include "exporters/prometheus.h"

#define TICK_MS		   1000
#define DNS_SAVE_SEC	   300
#define DNS_QUEUE_MAX	   2000
#define CHECK_MAX_FINDINGS 100

/* ---- who we are */

static void
self_build(struct daemon *d, const struct config *conf)
{
	struct net_addr *local = NULL, a;
	size_t nlocal = 0, i, nn = 0, na = 0;
	const char **names;
	struct net_addr *addrs;
	uint16_t *ports;

	if (addr_local_list(&local, &nlocal) != 0)
		log_warn("route", "problem=\"cannot list our own addresses\"");
	names = mem_array(1 + conf->self.n, sizeof(*names));
	addrs = mem_array(nlocal + conf->self.n + 1, sizeof(*addrs));
	ports = mem_array(conf->smtpd.listen.n + 1, sizeof(*ports));
	names[nn++] = conf->hostname;
	for (i = 0; i < nlocal; i++)
		addrs[na++] = local[i];
	free(local);
	for (i = 0; i < conf->self.n; i++) {
		if (addr_parse(&a, conf->self.s[i], 0, ':') == 0)
			addrs[na++] = a;
		else
			names[nn++] = conf->self.s[i];
	}
	for (i = 0; i < conf->smtpd.listen.n; i++)
		ports[i] = addr_port(&conf->smtpd.listen.a[i].addr);

	mem_free(&d->self_names);
	mem_free(&d->self_addrs);
	mem_free(&d->self_ports);
	d->self_names = names;
	d->self_addrs = addrs;
	d->self_ports = ports;
	d->self = (struct route_self){ .names = names,
		.nnames = nn,
		.addrs = addrs,
		.naddrs = na,
		.ports = ports,
		.nports = conf->smtpd.listen.n };
}

/* ---- privileges: as root we bind, and then are nobody special for good.
 * What is created before that is created as the user already. */

/* Before anything is made, which would be root's. */
static int
user_exists(const struct config *conf, struct mx_errbuf *eb)
{
	if (geteuid() != 0 || getpwnam(conf->user) != NULL)
		return 0;
	return mx_fail(eb, MX_ENOENT,
	    "user \"%s\" does not exist: "
	    "create it, or name another in `user`",
	    conf->user);
}

/* The user to become; NULL when we (`uid`) are not root, or are to stay it. */
static int
user_to_become(const struct config *conf, uid_t uid, const struct passwd **pwp,
    struct mx_errbuf *eb)
{
	const struct passwd *pw;

	*pwp = NULL;
	if (uid != 0)
		return 0;
	pw = getpwnam(conf->user);
	if (pw == NULL)
		return mx_fail(eb, MX_ENOENT, "user \"%s\" is gone",
		    conf->user);
	if (pw->pw_uid != 0)
		*pwp = pw;
	return 0;
}

static int
privileges_lower(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc = user_to_become(conf, geteuid(), &pw, eb);

	if (rc != 0 || pw == NULL)
		return rc;
	if (initgroups(conf->user, pw->pw_gid) != 0 ||
	    setegid(pw->pw_gid) != 0 || seteuid(pw->pw_uid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot become user \"%s\": %s",
		    conf->user, strerror(errno));
	return 0;
}

static int
privileges_raise(void)
{
	return geteuid() == 0 || getuid() != 0 ? 0 : seteuid(0);
}

static int
privileges_drop(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc = user_to_become(conf, getuid(), &pw, eb);

	if (rc != 0 || pw == NULL)
		return rc;
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot become user \"%s\": %s",
		    conf->user, strerror(errno));
	return 0;
}

/* Makes a directory that a first start may find missing. */
static int
make_dir(const char *path, mode_t mode, const struct config *conf,
    struct mx_errbuf *eb)
{
	const struct passwd *pw;

	if (mkdir(path, mode) != 0) {
		if (errno == EEXIST)
			return 0;
		return mx_fail(eb, MX_ESYS, "cannot make directory %s: %s",
		    path, strerror(errno));
	}
	pw = geteuid() == 0 ? getpwnam(conf->user) : NULL;
	if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot give %s to user \"%s\": %s",
		    path, conf->user, strerror(errno));
	return 0;
}

/* The log was opened before anything that may have to be said; whoever
 * rotates it will want it reopened by the user. */
static int
own_log(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;

	if (geteuid() != 0 || conf->log_file == NULL)
		return 0;
	pw = getpwnam(conf->user);
	if (pw != NULL && chown(conf->log_file, pw->pw_uid, pw->pw_gid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot give %s to user \"%s\": %s",
		    conf->log_file, conf->user, strerror(errno));
	return 0;
}

static int
make_dirs(const struct config *conf, struct mx_errbuf *eb)
{
	char *parent = mem_strdup(conf->control), *slash;
	int rc;

	rc = own_log(conf, eb);
	if (rc == 0)
		rc = make_dir(conf->spool, 0700, conf, eb);
	slash = strrchr(parent, '/');
	if (rc == 0 && slash != NULL && slash != parent) {
		*slash = '\0';
		rc = make_dir(parent, 0755, conf, eb);
	}
	mem_free(&parent);
	return rc;
}

/* ---- configuration into the modules */

static void
policy_of(const struct conf_domain *cd, struct queue_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->lifetime_ms = cd->lifetime_ms;
	memcpy(p->delay_warning_ms, cd->delay_warning_ms,
	    sizeof(p->delay_warning_ms));
	p->ndelay_warning = cd->ndelay_warning;
	p->connections = cd->deliver.connections;
	p->retry_first_ms = cd->retry.first_ms;
	p->retry_max_ms = cd->retry.max_ms;
}

static void
apply_policies(struct daemon *d, const struct config *old)
{
	struct queue_policy p;
	size_t i;

	policy_of(&d->conf->defaults, &p);
	queue_policy_default(d->queue, &p);
	for (i = 0; i < d->conf->ndomains; i++) {
		stats_domain_add(d->stats, d->conf->domain[i].name);
		policy_of(&d->conf->domain[i], &p);
		queue_policy(d->queue, d->conf->domain[i].name, &p);
		queue_gate(d->queue, d->conf->domain[i].name,
		    health_open(
			watch_state(d->watch, d->conf->domain[i].name)) ?
			GATE_OPEN :
			GATE_CLOSED);
	}
	for (i = 0; old != NULL && i < old->ndomains; i++)
		if (config_domain(d->conf, old->domain[i].name) == NULL)
			queue_policy(d->queue, old->domain[i].name, NULL);
}

static struct store_conf
store_conf_of(const struct config *conf)
{
	return (struct store_conf){ .dir = conf->spool,
		.map_size = conf->queue.map_size,
		.segment_size = conf->queue.segment_size,
		.reserve = conf->queue.reserve,
		.reserve_inodes = conf->queue.reserve_inodes,
		.group_max = conf->queue.group_max };
}

/* Everything that takes the new configuration without being able to fail. */
static void
apply(struct daemon *d, const struct config *old)
{
	struct store_conf sc = store_conf_of(d->conf);

	self_build(d, d->conf);
	store_reconfigure(d->store, &sc);
	bounce_configure(d->bounce, d->conf);
	deliver_configure(d->deliver, d->conf, &d->self);
	watch_configure(d->watch, d->conf, loop_now(d->loop));
	apply_policies(d, old);
	runner_configure(d->runner, d->conf, &d->self);
	agentx_configure(d->agentx, &d->conf->snmp);
}

/* From one set of addresses for the web to another; the first is back on
 * failure. */
static int
reload_web(struct daemon *d, struct config *from, struct config *to,
    struct mx_errbuf *eb)
{
	if (!http_differs(from, to))
		return 0;
	http_destroy(&d->http);
	if (to->web.listen.n == 0)
		return 0;
	d->http = http_create(to, d->box, d->history, eb);
	if (d->http != NULL)
		return 0;
	if (from->web.listen.n > 0)
		d->http = http_create(from, d->box, d->history, NULL);
	return -MX_ENET;
}

/* All that can fail. The listeners come last: they change whole or not at
 * all, and a port below 1024 that was closed could not be had back, for we
 * are root no more. */
static int
reload_outside(struct daemon *d, struct config *conf, struct mx_errbuf *eb)
{
	struct mx_errbuf back = { "" };
	int rc;

	if ((rc = smtpd_configure(d->smtpd, conf, eb)) != 0)
		return rc;
	if ((rc = reload_web(d, d->conf, conf, eb)) == 0 &&
	    (rc = smtpd_listen(d->smtpd, conf, eb)) != 0)
		(void)reload_web(d, conf, d->conf, &back);
	if (rc != 0 && smtpd_configure(d->smtpd, d->conf, &back) != 0)
		log_error("reload", "problem=%s", log_q(back.text));
	return rc;
}

static void
finding_add(struct conf_errors *errs, bool warning, const char *file,
    const char *text)
{
	errs->e = mem_grow(errs->e, errs->n + 1, sizeof(errs->e[0]));
	errs->e[errs->n++] = (struct conf_error){ .file = mem_strdup(file),
		.warning = warning,
		.text = mem_strdup(text) };
	if (!warning)
		errs->nfatal++;
}

/* Primaries that come from MX records are not known yet: two a domain. */
static void
check_series(const struct config *conf, struct conf_errors *errs)
{
	size_t primaries = 0, n;
	char text[256];

	for (size_t i = 0; i < conf->ndomains; i++)
		primaries += conf->domain[i].primary.n > 0 ?
		    conf->domain[i].primary.n :
		    2;
	n = prometheus_series(conf->ndomains, primaries,
	    conf->metrics.per_domain);
	if (conf->web.listen.n == 0 || n <= conf->metrics.max_series)
		return;
	snprintf(text, sizeof(text),
	    "metrics: about %zu series for %zu domains are more than "
	    "max_series "
	    "%u%s",
	    n, conf->ndomains, conf->metrics.max_series,
	    conf->metrics.per_domain ? "; per_domain = no makes them few" : "");
	finding_add(errs, true, conf->file, text);
}

struct config *
daemon_config(const char *file, struct conf_errors *errs)
{
	struct config *conf = config_load(file, errs);

	if (conf != NULL)
		check_series(conf, errs);
	return conf;
}

static int
reload_into_force(struct daemon *d, struct config *conf,
    struct conf_errors *errs)
{
	struct config *old = d->conf;
	struct mx_errbuf eb = { "" };
	char changed[256], text[400];

	config_static_changes(old, conf, changed, sizeof(changed));
	if (changed[0] != '\0') {
		snprintf(text, sizeof(text),
		    "%s: a change needs a restart; the old value stays",
		    changed);
		finding_add(errs, true, conf->file, text);
	}
	if (reload_outside(d, conf, &eb) != 0) {
		finding_add(errs, false, conf->file, eb.text);
		return -MX_ESYNTAX;
	}
	d->conf = config_ref(conf);
	apply(d, old);
	daemon_alerts_configure(d);
	config_unref(&old);
	return 0;
}

int
daemon_reload(struct daemon *d, struct conf_errors *errs)
{
	struct config *conf = NULL;
	int rc = -MX_ESYNTAX;
	size_t i;

	if (d->draining) /* it would listen again */
		finding_add(errs, false, d->conf->file, "shutting down");
	else
		conf = daemon_config(d->conf->file, errs);
	if (conf != NULL) {
		rc = reload_into_force(d, conf, errs);
		config_unref(&conf);
	}
	for (i = 0; i < errs->n && i < CHECK_MAX_FINDINGS; i++)
		(errs->e[i].warning ? log_warn : log_error)("config",
		    "file=%s line=%u text=%s", log_q(errs->e[i].file),
		    errs->e[i].line, log_q(errs->e[i].text));
	d->reload_ok = rc == 0;
	if (rc == 0)
		d->reload_wall = clock_wall();
	daemon_notice(d,
	    &(struct notice){ .kind = NOTICE_RELOAD, .a = rc == 0 });
	log_notice("config", "reload=%s domains=%zu",
	    rc == 0 ? "ok" : "failed, the old configuration stays",
	    d->conf->ndomains);
	return rc;
}

/* ---- the loop's own events */

static void
on_tick(void *arg)
{
	struct daemon *d = arg;
	struct snapshot *s = daemon_snapshot(d);

	history_feed(d->history, s);
	agentx_tick(d->agentx, s);
	snapshot_box_put(d->box, s);
	if (d->http != NULL)
		http_tick(d->http, loop_now(d->loop));
	if (loop_now(d->loop) >= d->next_dns_save) {
		d->next_dns_save = loop_now(d->loop) + DNS_SAVE_SEC * CLOCK_SEC;
		dns_memory_save(d->dns, d->dns_memory);
	}
	loop_timer_set(d->tick, TICK_MS);
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
	struct conf_errors errs = { 0 };

	switch (signo) {
	case SIGHUP:
		(void)daemon_reload(d, &errs);
		conf_errors_fini(&errs);
		break;
	case SIGUSR1:
		if (log_reopen() != 0)
			log_error("log", "problem=\"cannot reopen the file\"");
		break;
	default:
		if (d->draining) { /* asked twice: now */
			loop_stop(d->loop);
			break;
		}
		d->draining = true;
		log_notice("daemon", "stopping=1 signal=%d", signo);
		loop_timer_set(d->drain_limit, d->conf->drain_ms);
		smtpd_drain(d->smtpd, on_smtpd_idle, d);
		deliver_drain(d->deliver, on_deliver_idle, d);
	}
}

/* ---- birth and death */

static int
create_store(struct daemon *d, struct mx_errbuf *eb)
{
	struct store_events ev = daemon_store_events;
	struct store_conf sc = store_conf_of(d->conf);

	ev.arg = d;
	d->store = store_open(d->loop, &sc, &ev, eb);
	return d->store != NULL ? 0 : -MX_EIO;
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
	d->dns_memory = mem_printf("%s/dns-memory", d->conf->spool);
	dns_memory_load(d->dns, d->dns_memory);
	dns_on_query(d->dns, daemon_dns_query, d);
	return 0;
}

static void
create_relay(struct daemon *d)
{
	struct queue_conf qc = { .max_messages = d->conf->queue.max_messages };
	struct queue_ops qo = daemon_queue_ops;
	struct deliver_ops dops = daemon_deliver_ops;
	struct smtpd_ops so = daemon_smtpd_ops;
	struct watch_ops wo = daemon_watch_ops;
	struct runner_ops ro = daemon_runner_ops;

	qo.arg = dops.arg = so.arg = wo.arg = ro.arg = d;
	d->watch = watch_create(&wo);
	d->queue = queue_create(d->loop, d->store, d->stats, &qc, &qo);
	d->relay = queue_relay(d->queue);
	d->bounce = bounce_create(d->loop, d->store, d->stats);
	bounce_queue(d->bounce, d->queue);
	d->deliver = deliver_create(d->loop, d->dns, d->store, d->queue,
	    d->bounce, d->stats, &dops);
	d->smtpd = smtpd_create(d->loop, d->store, d->queue, d->stats, &so);
	d->runner = runner_create(d->loop, d->dns, &ro);
	d->agentx = agentx_create(d->loop, d->conf->spool);
	apply(d, NULL);
}

static int
create_outside(struct daemon *d, struct mx_errbuf *eb)
{
	struct control_ops co = daemon_control_ops;
	int rc;

	co.arg = d;
	co.alert = daemon_alert_ops;
	co.alert.arg = d;
	if (smtpd_configure(d->smtpd, d->conf, eb) != 0)
		return -MX_ETLS;
	d->control = control_create(d->loop, d->conf->control,
	    d->conf->control_clients, d->relay, &co, eb);
	if (d->control == NULL)
		return -MX_ENET;
	if (privileges_raise() != 0)
		return mx_fail(eb, MX_ESYS, "cannot bind as root: %s",
		    strerror(errno));
	rc = smtpd_listen(d->smtpd, d->conf, eb);
	if (rc == 0)
		rc = privileges_drop(d->conf, eb);
	if (rc != 0)
		return rc;
	if (d->conf->web.listen.n > 0) {
		d->http = http_create(d->conf, d->box, d->history, eb);
		if (d->http == NULL)
			return -MX_ENET;
	}
	return 0;
}

static void
create_events(struct daemon *d)
{
	static const int signo[] = { SIGHUP, SIGUSR1, SIGTERM, SIGINT };

	for (size_t i = 0; i < MX_COUNT(signo); i++)
		d->signals[i] =
		    loop_signal_create(d->loop, signo[i], on_signal, d);
	d->tick = loop_timer_create(d->loop, on_tick, d);
	d->drain_limit = loop_timer_create(d->loop, on_drain_limit, d);
	d->drain_check = loop_task_create(d->loop, on_drained, d);
	loop_timer_set(d->tick, TICK_MS);
	d->next_dns_save = loop_now(d->loop) + DNS_SAVE_SEC * CLOCK_SEC;
}

struct daemon *
daemon_create(struct config *conf, struct mx_errbuf *eb)
{
	struct daemon *d = mem_alloc(sizeof(*d));

	d->conf = conf;
	d->start_wall = d->reload_wall = clock_wall();
	d->reload_ok = true;
	if (user_exists(conf, eb) != 0 || make_dirs(conf, eb) != 0 ||
	    privileges_lower(conf, eb) != 0)
		goto fail;
	d->loop = loop_create();
	d->stats = stats_create();
	d->box = snapshot_box_create();
	d->history = history_create();
	if (create_store(d, eb) != 0 || create_dns(d, eb) != 0)
		goto fail;
	create_relay(d);
	if (create_outside(d, eb) != 0)
		goto fail;
	daemon_alerts_create(d); /* as the user that we have become */
	create_events(d);
	queue_load(d->queue);
	snapshot_box_put(d->box, daemon_snapshot(d));
	return d;
fail:
	daemon_destroy(&d);
	return NULL;
}

void
daemon_run(struct daemon *d)
{
	log_notice("daemon", "started=1 hostname=%s domains=%zu spool=%s",
	    d->conf->hostname, d->conf->ndomains, log_q(d->conf->spool));
	loop_run(d->loop);
	log_notice("daemon", "stopped=1");
}

void
daemon_destroy(struct daemon **dp)
{
	struct daemon *d = *dp;

	if (d == NULL)
		return;
	for (size_t i = 0; i < MX_COUNT(d->signals); i++)
		loop_signal_destroy(&d->signals[i]);
	loop_timer_destroy(&d->tick);
	loop_timer_destroy(&d->drain_limit);
	loop_task_destroy(&d->drain_check);
	daemon_alerts_destroy(d);
	http_destroy(&d->http);
	control_destroy(&d->control);
	agentx_destroy(&d->agentx);
	runner_destroy(&d->runner);
	smtpd_destroy(&d->smtpd);
	deliver_destroy(&d->deliver);
	bounce_destroy(&d->bounce);
	queue_destroy(&d->queue);
	store_close(&d->store);
	if (d->dns != NULL)
		dns_memory_save(d->dns, d->dns_memory);
	dns_destroy(&d->dns);
	watch_destroy(&d->watch);
	snapshot_box_destroy(&d->box);
	history_destroy(&d->history);
	stats_destroy(&d->stats);
	loop_destroy(&d->loop);
	mem_free(&d->dns_memory);
	mem_free(&d->self_names);
	mem_free(&d->self_addrs);
	mem_free(&d->self_ports);
	config_unref(&d->conf);
	mem_free(dp);
}
