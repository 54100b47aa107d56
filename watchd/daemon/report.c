/* SPDX-License-Identifier: ISC
 * report: makes the snapshot, and answers the control socket. The cost of a
 * snapshot depends on the number of domains: every figure of a domain is a
 * counter or the head of a heap. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon_int.h"

static void
snapshot_flush(struct snap_flush *to, const struct relay_flush *f)
{
	to->running = f->running;
	to->trigger = f->trigger;
	to->start_ms = f->start_ms;
	to->end_ms = f->end_ms;
	to->total = f->total;
	to->remaining = f->remaining;
	to->delivered = f->delivered;
	to->deferred = f->deferred;
	to->failed = f->failed;
	to->rate = f->rate;
	to->eta_ms = f->eta_ms;
	to->last_ok = !f->running && f->end_ms != 0 && f->remaining == 0;
}

static void
snapshot_domain(struct daemon *d, struct snap_domain *s,
    const struct domain_stats *ds, struct snap_primary *primary)
{
	const struct conf_domain *cd = config_domain(d->conf, ds->name);
	struct relay_domain r;

	s->count = *ds;
	for (unsigned i = 0; i < STATS_WINDOW_MAX; i++)
		s->recent[i] = stats_recent(d->stats, ds, (enum stats_window)i);
	s->configured = cd != NULL;
	s->state = HEALTH_UNKNOWN;
	s->state_name = health_state_name(HEALTH_UNKNOWN);
	s->lifetime =
	    (cd != NULL ? cd : &d->conf->defaults)->lifetime_ms / 1000;
	watch_snapshot(d->watch, ds->name, s, primary);

	d->relay->domain(d->relay->self, ds->name, &r);
	s->on_hold = r.on_hold;
	s->active = r.active;
	s->deferred = r.deferred;
	s->held = r.held;
	s->owed = r.owed;
	s->recipients = r.recipients;
	s->bytes = r.bytes;
	s->oldest_ms = r.oldest_ms;
	s->oldest_live_ms = r.oldest_live_ms;
	s->next_expiry_ms = r.next_expiry_ms;
	s->next_try_ms = r.next_try_ms;
	s->window = r.window;
	snapshot_flush(&s->flush, &r.flush);
}

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

/* Why we are not ready to take mail; NULL: we are. */
static const char *
not_ready(const struct daemon *d, const struct store_info *si)
{
	if (queue_loading(d->queue))
		return "the queue is being indexed";
	if (!d->files_read)
		return "the recipients files are being read";
	if (d->draining)
		return "shutting down";
	if (si->state == STORE_FAILED)
		return "the spool has failed: no mail is accepted until a "
		       "restart";
	if (si->state == STORE_FULL)
		return "the spool is full: no mail is accepted";
	return NULL;
}

static void
snapshot_global(struct daemon *d, struct snapshot *s)
{
	struct agentx_stats ax;
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
	s->smtpd_sessions = smtpd_sessions(d->smtpd);
	s->delivery_connections = deliver_connections(d->deliver);
	s->spool_state = si.state;
	s->spool_size_bytes = si.size_bytes;
	s->spool_free_bytes = si.free_bytes;
	s->spool_free_inodes = si.free_inodes;
	s->spool_reserve_bytes = si.reserve_bytes;
	d->relay->ages(d->relay->self, s->wall_ms, hist_age.le, hist_age.n,
	    s->queue_ages);
	s->stopping = d->draining;
	agentx_stats(d->agentx, &ax);
	s->agentx_connected = ax.connected;
	s->agentx_requests = ax.requests;
	s->agentx_notifications_dropped = ax.notifications_dropped;
	s->agentx_snapshots_dropped = ax.snapshots_dropped;
	s->loop_lag = loop_lag_take(d->loop);
	s->log_dropped = log_dropped();
	s->clock_doubt_ms = queue_clock_doubt(d->queue);
	s->clock_doubted = s->clock_doubt_ms > 0;
	s->reload_ok = d->reload_ok;
	s->reload_time = d->reload_wall;
}

/* Expired mail is told of at most once a snapshot, by what was counted since
 * the last one: a thousand messages may expire in the same second. */
static void
notice_expired(struct daemon *d, const struct snapshot *s)
{
	struct snapshot *old = snapshot_box_get(d->box);
	struct notice n = { .kind = NOTICE_EXPIRED };
	const struct domain_stats *is, *was;
	unsigned i, j = 0;

	for (i = 0; old != NULL && i < s->ndomains && j < old->ndomains; i++) {
		is = &s->domain[i].count;
		was = &old->domain[j].count;
		if (strcmp(is->name, was->name) != 0)
			continue; /* new; domains never vanish */
		j++;
		if (is->expired == was->expired)
			continue;
		strlcpy(n.domain, is->name, sizeof(n.domain));
		n.a = (int64_t)(is->expired - was->expired);
		daemon_notice(d, &n);
	}
	snapshot_unref(&old);
}

struct snapshot *
daemon_snapshot(struct daemon *d)
{
	size_t n = stats_domain_count(d->stats), np = 0, i;
	struct domain_stats *ds;
	struct snapshot *s;

	for (i = 0; i < n; i++)
		np += watch_primaries(d->watch,
		    stats_domain_at(d->stats, i)->name);
	s = snapshot_create((unsigned)n, (unsigned)np);
	snapshot_global(d, s);
	for (i = 0, np = 0; i < n; i++) {
		ds = stats_domain_at(d->stats, i);
		s->domain[i].first_primary = (unsigned)np;
		snapshot_domain(d, &s->domain[i], ds, &s->primary[np]);
		np += s->domain[i].nprimaries;
	}
	notice_expired(d, s);
	daemon_alerts_snapshot(d, s);
	return s;
}

/* ---- control */

static struct snapshot *
op_snapshot(void *arg)
{
	struct daemon *d = arg;
	struct snapshot *s = daemon_snapshot(d);

	snapshot_box_put(d->box, snapshot_ref(s));
	return s;
}

static int
op_probe(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return runner_now(d->runner, domain);
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

/* Does the mailbox's domain turn mail away because its primary is up? */
static bool
turned_away(struct daemon *d, const char *mailbox)
{
	const char *at = strrchr(mailbox, '@');
	const struct conf_domain *cd =
	    at != NULL ? config_domain(d->conf, at + 1) : NULL;

	return cd != NULL && cd->admission == ADMISSION_OUTAGE &&
	    watch_state(d->watch, cd->name) == HEALTH_UP;
}

static void
op_rcpt(void *arg, const char *mailbox, char *dst, size_t size)
{
	struct daemon *d = arg;

	switch (smtpd_rcpt_check(d->smtpd, mailbox)) {
	case SMTPD_RCPT_OK:
		strlcpy(dst,
		    turned_away(d, mailbox) ? "451 4.3.0 the primary is up" :
					      "250 2.1.5",
		    size);
		break;
	case SMTPD_RCPT_UNKNOWN:
		strlcpy(dst, "550 5.1.1 unknown recipient", size);
		break;
	case SMTPD_RCPT_REJECTED:
		strlcpy(dst, "550 5.7.1 rejected by the recipients file", size);
		break;
	case SMTPD_RCPT_NO_DOMAIN:
		strlcpy(dst, "554 5.7.1 relay access denied", size);
		break;
	case SMTPD_RCPT_UNAVAILABLE:
		strlcpy(dst, "451 4.3.0 the recipients file is not readable",
		    size);
		break;
	}
}

const struct control_ops daemon_control_ops = {
	.snapshot = op_snapshot,
	.probe = op_probe,
	.reload = op_reload,
	.reload_result = op_reload_result,
	.rcpt = op_rcpt,
};
