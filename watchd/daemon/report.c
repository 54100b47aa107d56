/* SPDX-License-Identifier: ISC
 * report: makes the snapshot, of the figures of the whole daemon and of the
 * list of blocks that domains.c keeps, and answers the control socket. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/cluster_show.h"
#include "daemon/daemon_int.h"
#include "daemon/domains.h"
#include "daemon/maintained.h"

static void
snapshot_dns(struct stats_global *g, const struct dns_stats *ds)
{
	g->dns_queries = ds->queries;
	g->dns_failed[0] = ds->fail_timeout;
	g->dns_failed[1] = ds->fail_servfail;
	g->dns_failed[2] = ds->fail_nxdomain;
	g->dns_failed[3] = ds->fail_bogus;
	g->dns_failed[4] = ds->fail_other;
}

/* The reason why the daemon is not ready to accept mail; NULL: it is. */
static const char *
not_ready(const struct daemon *d, const struct store_info *si)
{
	if (queue_loading(d->queue))
		return "the queue is being indexed";
	if (!d->files_read)
		return "the recipients files are being read";
	if (d->draining)
		return "shutting down";
	if (si->unwritable)
		return "the spool is not writable: no mail is accepted or "
		       "delivered";
	if (si->state == STORE_FAILED)
		return "the spool has failed: no mail is accepted until a "
		       "restart";
	if (si->state == STORE_FULL && si->away_ms != 0)
		return "the engine is unreachable: no mail is accepted";
	if (si->state == STORE_FULL)
		return "the spool is full: no mail is accepted";
	if (smtpd_overdue(d->smtpd) > 0 && si->away_ms == 0)
		return "the disk does not answer (smtpd { store_timeout }): "
		       "no mail is accepted";
	if (queue_full(d->queue))
		return "the queue is full (queue { max_messages }): no mail is "
		       "accepted";
	return NULL;
}

static void
fill_fetches(struct daemon *d, struct snapshot *s)
{
	struct source_counts n = source_set_counts(d->sources);

	s->count.fetches[FETCH_CHANGED] = n.changed;
	s->count.fetches[FETCH_UNCHANGED] = n.unchanged;
	s->count.fetches[FETCH_FAILED] = n.failed;
}

static void
snapshot_global(struct daemon *d, struct snapshot *s)
{
	struct relay_domain others;
	struct relay_vault vault;
	struct store_info si;
	const char *why;

	store_info(d->store, &si);
	s->generation = ++d->generation;
	s->wall_ms = clock_wall_ms();
	s->made = clock_now();
	s->start = d->start_wall;
	strlcpy(s->hostname, d->conf->hostname, sizeof(s->hostname));
	why = not_ready(d, &si);
	s->indexed = !queue_loading(d->queue);
	s->ready = why == NULL;
	strlcpy(s->not_ready, s->ready ? "" : why, sizeof(s->not_ready));
	snapshot_dns(&d->stats->g, dns_stats(d->dns));
	s->count = d->stats->g;
	fill_fetches(d, s);
	domains_from_show(d, s);
	s->gone = d->stats->gone;
	s->gone_mx_backup = d->stats->gone_mx_backup;
	s->mx_backup = mx_backup_is_on(d->mx_backup);
	s->mx_backup_domains = mx_backup_count(d->mx_backup);
	s->smtpd_sessions = smtpd_sessions(d->smtpd);
	s->smtpd_overdue = smtpd_overdue(d->smtpd);
	s->smtpd_sessions_max = smtpd_sessions_max(d->smtpd);
	s->smtpd_stress = smtpd_stress(d->smtpd);
	s->delivery_connections = deliver_connections(d->deliver);
	s->delivery_connections_max = deliver_connections_max(d->deliver);
	s->spool_state = si.state;
	if (si.state == STORE_OK && s->smtpd_overdue > 0 && si.away_ms == 0)
		s->spool_state = STORE_STALLED;
	s->spool_unwritable = si.unwritable;
	s->spool_waiting_bytes = si.waiting_bytes;
	s->spool_behind_bytes = si.behind_bytes;
	s->spool_behind_records = si.behind_records;
	s->spool_size_bytes = si.size_bytes;
	s->spool_free_bytes = si.free_bytes;
	s->spool_free_inodes = si.free_inodes;
	s->spool_reserve_bytes = si.reserve_bytes;
	d->relay->ages(d->relay->self, s->wall_ms, hist_age.le, hist_age.n,
	    s->queue_ages.count, &s->queue_ages.sum);
	d->relay->others(d->relay->self, &others);
	s->reports_messages = others.deferred;
	s->reports_bytes = others.bytes;
	s->reports_oldest_ms = others.oldest_ms;
	queue_local(d->queue, &s->cluster.local_messages,
	    &s->cluster.local_oldest_ms);
	d->relay->vault(d->relay->self, &vault);
	s->vault_messages = vault.messages;
	s->vault_bytes = vault.bytes;
	s->vault_oldest_ms = vault.oldest_ms;
	s->queue_full = queue_full(d->queue);
	s->queue_max = d->conf->queue.max_messages;
	s->stopping = d->draining;
	agentx_show(d->agentx, &s->agentx);
	s->loop_lag = loop_lag_take(d->loop);
	s->log_dropped = log_dropped();
	s->clock_doubt_ms = queue_clock_doubt(d->queue);
	s->clock_doubted = s->clock_doubt_ms > 0;
	s->smtpd_cert_refused = smtpd_certificate_refused(d->smtpd);
	s->web_refused = http_files_refused(d->http);
	s->reload_ok = d->reload_ok;
	s->reload_time = d->reload_wall;
}

/* Rounded to a minute: a day's span needs no seconds, and a time that differs
 * at each look would remake the host's block. */
static int64_t
wall_minute(int64_t in_ns)
{
	return in_ns > 0 ? (clock_wall() + in_ns / CLOCK_SEC + 30) / 60 * 60 :
			   0;
}

static void
show_host(void *arg, const struct primary *p, struct snap_host *h)
{
	const struct daemon *d = arg;
	const struct watch *w = LIST_FIRST(&p->watches);
	struct deliver_host_view v;

	maintained_show_primary(d, p->label, h);
	cluster_show_primary(d->cluster, p->label, h);
	daemon_ledger_host(d, p, h);
	if (!deliver_host_view(d->deliver, p->label, w != NULL ? w->host : NULL,
		w != NULL ? watch_source(w) : NULL, &v))
		return;
	h->window = v.canary ? 1 : v.window;
	h->ceiling = v.ceiling;
	h->connections = v.connections;
	h->canary = v.canary;
	h->paused = v.paused_ns > 0;
	h->refused = v.refused;
	h->max_messages = v.max_messages;
	h->max_rcpts = v.max_rcpts;
	h->chunking_off_until = wall_minute(v.chunks_off_ns);
	h->alone = v.alone;
	h->gap_seconds = (double)(v.gap_ns / CLOCK_MS) / 1e3;
	h->latency_seconds = (double)(v.latency_ns / CLOCK_MS) / 1e3;
}

struct snapshot *
daemon_snapshot(struct daemon *d)
{
	struct snapshot *s = snapshot_create();

	snapshot_global(d, s);
	snap_list_share(&s->domains, domains_list(d->domains));
	cluster_show(d->cluster, d->store, d->conf->cluster.require_sync, s);
	watch_servers(d->watch, s, show_host, d);
	s->ndnsbls = smtpd_dnsbls(d->smtpd);
	s->dnsbl = mem_array(s->ndnsbls + 1, sizeof(s->dnsbl[0]));
	smtpd_dnsbls_show(d->smtpd, s->dnsbl);
	daemon_ledger_snapshot(d, s);
	daemon_doctor_snapshot(d, s);
	daemon_alerts_snapshot(d, s);
	return s;
}

/* ---- control */

static struct snapshot *
op_snapshot(void *arg, const char *domain)
{
	struct daemon *d = arg;
	struct snapshot *s;

	daemon_alerts_tick(d);
	if (domain != NULL)
		domains_now(d->domains, domain);
	else
		domains_tick(d->domains);
	s = daemon_snapshot(d);
	daemon_publish(d, snapshot_ref(s));
	return s;
}

static int
op_probe(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return schedule_now(d->schedule, domain);
}

static void
op_flushes(void *arg, const char *domain)
{
	daemon_chunks_again(arg, domain);
}

static uint64_t
op_reload(void *arg)
{
	return daemon_reload(arg);
}

static int
op_reload_result(void *arg, uint64_t number, const struct conf_errors **errs)
{
	return daemon_reload_result(arg, number, errs);
}

static int
op_forget(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return domains_forget(d->domains, domain);
}

static bool
op_content(void *arg)
{
	struct daemon *d = arg;

	return d->conf->control_content;
}

static void
op_rcpt(void *arg, const char *mailbox, char *dst, size_t size,
    struct buf *rule)
{
	struct daemon *d = arg;

	smtpd_rcpt_reply(d->smtpd, mailbox, dst, size, rule);
}

const struct control_ops daemon_control_ops = {
	.snapshot = op_snapshot,
	.probe = op_probe,
	.flushes = op_flushes,
	.reload = op_reload,
	.reload_result = op_reload_result,
	.rcpt = op_rcpt,
	.content = op_content,
	.forget = op_forget,
	.outages = daemon_ledger_page,
	.did = daemon_ledger_did,
};
