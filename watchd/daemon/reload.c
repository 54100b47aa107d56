/* SPDX-License-Identifier: ISC
 * reload: the configuration into the modules, at the start and again. First
 * all that can fail, each change undone when a later one fails; then what
 * cannot. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_int.h"
#include "exporters/prometheus.h"

#define CHECK_MAX_FINDINGS 100

/* Who we are: what route.h takes for ourselves. */
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
	for (i = 0; old != NULL && i < old->ndomains; i++) {
		if (config_domain(d->conf, old->domain[i].name) != NULL)
			continue;
		queue_policy(d->queue, old->domain[i].name, NULL);
		stats_touch(d->stats, old->domain[i].name);
	}
}

struct store_conf
daemon_store_conf(const struct config *conf)
{
	return (struct store_conf){ .dir = conf->spool,
		.map_size = conf->queue.map_size,
		.segment_size = conf->queue.segment_size,
		.reserve = conf->queue.reserve,
		.reserve_inodes = conf->queue.reserve_inodes,
		.group_max = conf->queue.group_max };
}

void
daemon_apply(struct daemon *d, const struct config *old)
{
	struct store_conf sc = daemon_store_conf(d->conf);

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
	daemon_apply(d, old);
	daemon_alerts_configure(d);
	config_unref(&old);
	return 0;
}

void
daemon_log_findings(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n && i < CHECK_MAX_FINDINGS; i++)
		(errs->e[i].warning ? log_warn : log_error)("config",
		    "file=%s line=%u text=%s", log_q(errs->e[i].file),
		    errs->e[i].line, log_q(errs->e[i].text));
}

int
daemon_reload(struct daemon *d, struct conf_errors *errs)
{
	struct config *conf = NULL;
	int rc = -MX_ESYNTAX;

	if (d->draining) /* it would listen again */
		finding_add(errs, false, d->conf->file, "shutting down");
	else
		conf = daemon_config(d->conf->file, errs);
	if (conf != NULL) {
		rc = reload_into_force(d, conf, errs);
		config_unref(&conf);
	}
	daemon_log_findings(errs);
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
