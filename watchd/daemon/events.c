/* SPDX-License-Identifier: ISC
 * events: the decisions of the daemon. A change of a domain's health opens or
 * closes its gate and begins its recovery flush; the end of the flush confirms
 * the recovery. Each decision is one line in the log, too. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/backups.h"
#include "daemon/daemon_int.h"
#include "daemon/maintained.h"

/* Fills in the domain's figures at the time of the event; they may have changed
 * by the time an alert is sent. */
static void
fill_figures(struct daemon *d, struct notice *n)
{
	const struct domain_stats *ds;
	struct relay_domain rd;

	d->relay->domain(d->relay->self, n->domain, &rd);
	ds = stats_peek(d->stats, n->domain);
	n->messages = relay_domain_messages(&rd);
	n->delivered = ds != NULL ? ds->delivered : 0;
	n->expired = ds != NULL ? ds->expired : 0;
	n->mx_backup = config_is_mx_backup(d->conf, n->domain);
}

void
daemon_notice(struct daemon *d, const struct notice *event)
{
	struct notice n = *event;

	if (n.wall == 0)
		n.wall = clock_wall();
	if (n.domain[0] != '\0' && n.kind != NOTICE_PRIMARY)
		fill_figures(d, &n);
	log_trace("notice", "kind=%u domain=%s host=%s a=%lld b=%lld text=%s",
	    n.kind, n.domain, log_q(n.host), (long long)n.a, (long long)n.b,
	    log_q(n.text));
	daemon_alerts_notice(d, &n);
	agentx_notice(d->agentx, &n);
	daemon_event(d, &n);
}

static void
publish(struct daemon *d, enum notice_kind kind, const char *domain,
    const char *host, int64_t a, int64_t b, const char *text)
{
	struct notice n = { .kind = kind, .a = a, .b = b };

	strlcpy(n.domain, domain, sizeof(n.domain));
	strlcpy(n.host, host, sizeof(n.host));
	strlcpy(n.text, text, sizeof(n.text));
	daemon_notice(d, &n);
}

/* ---- health -> queue */

static void
recovery_flush(struct daemon *d, const char *domain)
{
	struct relay_flush f;
	int rc;

	rc = d->relay->flush(d->relay->self, domain, FLUSH_RECOVERY, false, &f);
	/* Nothing is queued: recovered. A flush that an operator began during
	 * the outage goes on and confirms the recovery at its end. */
	if (rc == -MX_ENOENT)
		watch_flushed(d->watch, domain, loop_now(d->loop),
		    clock_wall());
}

static void
on_change(void *arg, const struct watch_change *c)
{
	struct daemon *d = arg;
	enum health_state to = c->health.to;
	struct relay_domain rd;
	char lasted[32];

	d->relay->domain(d->relay->self, c->domain, &rd);
	log_notice("health",
	    "domain=%s state=%s->%s host=%s cause=%s lasted=%s queued=%llu",
	    c->domain, health_state_name(c->health.from), health_state_name(to),
	    log_q(c->host), log_q(c->cause),
	    text_duration_fmt(c->health.lasted / CLOCK_MS, lasted,
		sizeof(lasted)),
	    (unsigned long long)(relay_domain_messages(&rd)));
	publish(d, NOTICE_STATE, c->domain, c->host, c->health.from, to,
	    c->cause);
	stats_domain(d->stats, c->domain)->transitions[to]++;
	queue_gate(d->queue, c->domain, maintained_gate(d, c->domain, to));
	if (to == HEALTH_RECOVERING && !maintained_holds(d, c->domain))
		recovery_flush(d, c->domain);
}

/* When a window ends, or other hosts take over, the mail of a domain that is up
 * is flushed as after an outage, with a canary first. A domain that came back in
 * the window has been recovering since. */
void
daemon_held(struct daemon *d, const char *domain)
{
	enum health_state state = watch_state(d->watch, domain);
	enum queue_gate gate = maintained_gate(d, domain, state);

	queue_gate(d->queue, domain, gate);
	if (gate == GATE_OPEN)
		recovery_flush(d, domain);
}

/* One line and one notice for the primary, in the name of one of its domains;
 * the changes of its domains are reported each by its own event. */
static void
on_primary(void *arg, const struct watch *w, const char *domain)
{
	struct daemon *d = arg;
	const struct primary_record *r = &w->last;
	const char *label = w->primary->label;
	struct notice n = { .kind = NOTICE_PRIMARY, .a = r->ok, .b = r->phase };

	log_notice("probe",
	    "domain=%s primary=%s domains=%u healthy=%d phase=%s code=%u "
	    "text=%s",
	    domain, log_q(label), w->primary->domains, r->ok,
	    smtp_phase_name(r->phase), r->code, log_peer(r->text));
	if (w->backup) /* a host found to be a backup MX is no failed primary */
		return;
	n.domains = w->primary->domains;
	n.mx_backup = w->primary->backups == w->primary->domains;
	strlcpy(n.domain, domain, sizeof(n.domain));
	strlcpy(n.host, label, sizeof(n.host));
	strlcpy(n.text, r->text, sizeof(n.text));
	daemon_notice(d, &n);
	if (!r->ok && w->host != NULL)
		deliver_doubted(d->deliver, w->host, watch_source(w));
}

static void
on_self_mx(void *arg, const char *domain, const char *why)
{
	struct daemon *d = arg;

	log_error("route",
	    "domain=%s problem=%s effect=\"mail is held\" do=\"publish a "
	    "better MX or set primary\"",
	    domain, log_q(why));
	publish(d, NOTICE_SELF_MX, domain, "", 0, 0, why);
}

static bool
on_queued(void *arg, const char *domain)
{
	struct daemon *d = arg;
	struct relay_domain rd;

	d->relay->domain(d->relay->self, domain, &rd);
	return rd.active + rd.deferred > 0;
}

/* Domains in a turn of the loop: each may open a gate and begin a flush. */
#define FAN_OUT_MAX 50

void
daemon_fan_out(void *arg)
{
	struct daemon *d = arg;

	if (watch_fan_out(d->watch, FAN_OUT_MAX, loop_now(d->loop),
		clock_wall()))
		loop_timer_set(d->fan_out, 0);
}

static void
on_touched(void *arg, const char *domain)
{
	struct daemon *d = arg;

	stats_touch(d->stats, domain);
}

static void
on_wake(void *arg)
{
	struct daemon *d = arg;

	if (!loop_timer_pending(d->fan_out))
		loop_timer_set(d->fan_out, 0);
}

static void
on_recovered(void *arg, const struct primary *p)
{
	struct daemon *d = arg;

	const struct watch *w;

	LIST_FOREACH (w, &p->watches, sibling)
		if (w->host != NULL)
			deliver_recovered(d->deliver, w->host, watch_source(w));
}

/* At shutdown the watches are destroyed after the deliverer. */
static void
on_bound(void *arg, const char *label, unsigned most)
{
	struct daemon *d = arg;

	if (d->deliver != NULL)
		deliver_bound(d->deliver, label, most);
}

static void
on_bound_at(void *arg, const char *key, unsigned most)
{
	struct daemon *d = arg;

	if (d->deliver != NULL)
		deliver_bound_at(d->deliver, key, most);
}

static void
on_avoid(void *arg, const char *domain)
{
	struct daemon *d = arg;

	if (d->deliver == NULL)
		return;
	/* The last usable primary is avoided now. */
	if (maintained_holds(d, domain))
		queue_gate(d->queue, domain, GATE_CLOSED);
	deliver_choose_again(d->deliver, domain);
}

static bool
on_working(void *arg, const struct watch *w, int64_t since_ns)
{
	struct daemon *d = arg;

	return w->host != NULL &&
	    deliver_working(d->deliver, w->host, watch_source(w), since_ns);
}

static void
on_trial(void *arg, const char *domain)
{
	struct daemon *d = arg;

	queue_trial(d->queue, domain);
}

const struct watch_ops daemon_watch_ops = {
	.trial = on_trial,
	.change = on_change,
	.verdict = daemon_ledger_verdict,
	.primary = on_primary,
	.recovered = on_recovered,
	.avoid = on_avoid,
	.bound = on_bound,
	.bound_at = on_bound_at,
	.self_mx = on_self_mx,
	.queued = on_queued,
	.working = on_working,
	.touched = on_touched,
	.wake = on_wake,
};

/* Probes count towards the limits on connections, too. */
static bool
on_place_take(void *arg, struct place *p, const struct route_host *host,
    const struct net_addr *source)
{
	struct daemon *d = arg;

	return deliver_place_take(d->deliver, p, host, source);
}

static void
on_place_give_back(void *arg, struct place *p)
{
	struct daemon *d = arg;

	deliver_place_give_back(d->deliver, p);
}

const struct place_ops daemon_place_ops = {
	.take = on_place_take,
	.give_back = on_place_give_back,
};

/* Failures of the resolver are reported by the look-ups of the probes
 * instead. */
static void
on_outcome(void *arg, const char *domain, const struct deliver_outcome *o)
{
	struct daemon *d = arg;
	const struct primary_session s = { .ok = o->ok,
		.phase = o->phase,
		.code = o->code,
		.text = o->text,
		.begun_ns = o->begun_ns };
	int64_t now = loop_now(d->loop), wall = clock_wall();

	if (o->dns)
		return;
	if (o->backup) {
		watch_met_backup(d->watch, domain, o->host, o->text, o->more,
		    now, wall);
		return;
	}
	watch_self(d->watch, domain, o->self, now, wall);
	if (!o->self)
		watch_delivery(d->watch, domain, o->host, &s, now, wall);
}

static bool
on_down(void *arg, const char *domain, const char *label)
{
	struct daemon *d = arg;

	return watch_down(d->watch, domain, label) ||
	    maintained_avoids(d, label);
}

static unsigned
on_connections(void *arg, const char *label, const char *domain, bool *counts)
{
	struct daemon *d = arg;

	return watch_connections(d->watch, label, domain, counts);
}

static unsigned
on_connections_at(void *arg, const char *key)
{
	struct daemon *d = arg;

	return watch_connections_at(d->watch, key);
}

static bool
on_offered(void *arg, const char *label, unsigned *ext, uint64_t *size)
{
	struct daemon *d = arg;

	return watch_offered(d->watch, label, ext, size);
}

const struct deliver_ops daemon_deliver_ops = {
	.offered = on_offered,
	.drilled = daemon_drill_tried,
	.outcome = on_outcome,
	.down = on_down,
	.connections = on_connections,
	.connections_at = on_connections_at,
};

/* ---- queue -> deliver, bounce, health */

static void
on_want(void *arg, const char *domain, unsigned connections)
{
	struct daemon *d = arg;

	deliver_want(d->deliver, domain, connections);
}

static void
on_expire(void *arg, struct queue_job *job)
{
	struct daemon *d = arg;

	bounce_expire(d->bounce, job);
}

static void
on_warn(void *arg, struct queue_job *job, unsigned stage)
{
	struct daemon *d = arg;

	bounce_warn(d->bounce, job, stage);
}

void
daemon_chunks_again(struct daemon *d, const char *domain)
{
	const struct watch *w[ROUTE_HOST_MAX];
	unsigned n = watch_watches(d->watch, domain, w, MX_COUNT(w));

	for (unsigned i = 0; i < n; i++)
		deliver_chunks_again(d->deliver, w[i]->primary->label,
		    w[i]->host, watch_source(w[i]));
}

static void
on_flush(void *arg, const struct relay_flush *f, bool begin, bool ok)
{
	struct daemon *d = arg;
	char took[32];

	if (begin) {
		log_notice("flush",
		    "domain=%s event=flush_begin trigger=%s messages=%llu "
		    "bytes=%llu",
		    f->domain, flush_trigger_name(f->trigger),
		    (unsigned long long)f->total, (unsigned long long)f->bytes);
		publish(d, NOTICE_FLUSH_BEGIN, f->domain, "", (int64_t)f->total,
		    0, flush_trigger_name(f->trigger));
		return;
	}
	log_notice("flush",
	    "domain=%s event=flush_end ok=%d messages=%llu delivered=%llu "
	    "deferred=%llu failed=%llu remaining=%llu took=%s",
	    f->domain, ok, (unsigned long long)f->total,
	    (unsigned long long)f->delivered, (unsigned long long)f->deferred,
	    (unsigned long long)f->failed, (unsigned long long)f->remaining,
	    text_duration_fmt(f->end_ms - f->start_ms, took, sizeof(took)));
	publish(d, NOTICE_FLUSH_END, f->domain, "",
	    (int64_t)(f->delivered + f->deferred + f->failed), ok,
	    flush_trigger_name(f->trigger));
	/* A flush that a maintenance window cut off is no evidence about the
	 * primary. */
	if (watch_state(d->watch, f->domain) != HEALTH_RECOVERING ||
	    maintained_holds(d, f->domain))
		return;
	/* Canaries that were deferred (greylisting) but not refused: the
	 * primary is alive, and its mail goes by the retry schedule from here.
	 * A primary that broke the connection during each of them is not. */
	if (ok || (f->deferred > f->lost && f->failed == 0))
		watch_flushed(d->watch, f->domain, loop_now(d->loop),
		    clock_wall());
	else
		watch_broken(d->watch, f->domain, "the flush was interrupted",
		    loop_now(d->loop), clock_wall());
}

/* While its breaker is tripped the domain is down. The notice is sent once, not
 * again after a restart. */
static void
on_breaker(void *arg, const char *domain, bool tripped, bool tell,
    const char *reply)
{
	struct daemon *d = arg;

	if (tell)
		publish(d, NOTICE_BREAKER, domain, "", tripped, 0,
		    tripped ? reply : "");
	if (tripped)
		(tell ? log_error : log_notice)("breaker",
		    "domain=%s problem=\"the primary refuses mail that it "
		    "should accept\" reply=%s effect=\"its mail is held\" "
		    "told=%s",
		    domain, log_reply(reply),
		    tell ? "now" : log_q("before, or of another domain"));
	watch_tripped(d->watch, domain, tripped ? reply : NULL,
	    loop_now(d->loop), clock_wall());
}

static bool
on_listed(void *arg, const char *domain, const char *mailbox)
{
	struct daemon *d = arg;

	return smtpd_rcpt_listed(d->smtpd, domain, mailbox);
}

static int64_t
on_shown(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return watch_shown(d->watch, domain) * 1000;
}

const struct queue_ops daemon_queue_ops = {
	.want = on_want,
	.expire = on_expire,
	.warn = on_warn,
	.flush = on_flush,
	.breaker = on_breaker,
	.listed = on_listed,
	.shown = on_shown,
	.known_as = daemon_known_as,
	.drilled = daemon_drill_over,
};

/* ---- smtpd */

static bool
on_primary_up(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return watch_state(d->watch, domain) == HEALTH_UP;
}

/* An ETRN client claims that its server is up: it is probed now instead of at
 * the next interval. Until the probe has succeeded, only the canary is tried
 * (queue/flush.c). */
static enum smtpd_etrn
on_etrn(void *arg, const char *domain, const char *client, uint64_t *n)
{
	static const char *const flush[] = {
		[SMTPD_ETRN_STARTED] = "started",
		[SMTPD_ETRN_RUNNING] = "running",
		[SMTPD_ETRN_EMPTY] = "empty",
		[SMTPD_ETRN_HELD] = "held",
	};
	struct daemon *d = arg;
	struct relay_domain rd;
	struct relay_flush f;
	enum smtpd_etrn did;

	(void)schedule_now(d->schedule,
	    domain); /* -MX_ENOENT: its probe is off */
	d->relay->domain(d->relay->self, domain, &rd);
	if (rd.on_hold || maintained_holds(d, domain)) {
		did = SMTPD_ETRN_HELD;
	} else {
		switch (d->relay->flush(d->relay->self, domain, FLUSH_ETRN,
		    false, &f)) {
		case -MX_ENOENT:
			did = SMTPD_ETRN_EMPTY;
			break;
		case -MX_EBUSY:
			did = SMTPD_ETRN_RUNNING;
			break;
		default:
			did = SMTPD_ETRN_STARTED;
			*n = f.total;
		}
	}
	log_notice("etrn", "domain=%s client=%s flush=%s", domain, client,
	    flush[did]);
	return did;
}

static bool
on_refused(void *arg, const char *domain, const char *mailbox, int64_t list_ms)
{
	struct daemon *d = arg;

	return queue_refused_for_good(d->queue, domain, mailbox, list_ms);
}

static bool
on_is_primary(void *arg, const struct net_addr *client)
{
	struct daemon *d = arg;

	return watch_has_address(d->watch, client, loop_now(d->loop));
}

const struct smtpd_ops daemon_smtpd_ops = {
	.is_primary = on_is_primary,
	.refused = on_refused,
	.learned = daemon_learned,
	.check = daemon_check,
	.backup = backups_ask,
	.backup_accepted = backups_accepted,
	.primary_up = on_primary_up,
	.etrn = on_etrn,
	.drill = daemon_drill_is_marked,
	.drill_queued = daemon_drill_queued,
};

/* ---- store, dns */

static void
on_store_state(void *arg, enum store_state state, const char *why)
{
	struct daemon *d = arg;
	struct store_info si = { 0 };

	if (state == STORE_OK)
		log_notice("spool", "state=ok accepting=1");
	else
		log_error("spool", "state=%s accepting=0 why=%s",
		    state == STORE_FULL ? "full" : "failed", log_q(why));
	if (d->store != NULL)
		store_info(d->store, &si);
	publish(d, NOTICE_SPOOL, "", "", state, (int64_t)si.free_bytes, why);
}

static void
on_store_commit(void *arg, double seconds, unsigned messages)
{
	struct daemon *d = arg;

	hist_add(&d->stats->g.commit_duration, &hist_commit, seconds);
	d->stats->g.commits++;
	d->stats->g.committed_messages += messages;
}

static void
on_store_error(void *arg, enum store_op op, int err)
{
	struct daemon *d = arg;

	d->stats->g.spool_errors[op]++;
	log_error("spool", "op=%u error=%s", op, log_q(strerror(err)));
}

static void
on_store_writable(void *arg, bool yes)
{
	struct daemon *d = arg;

	if (yes)
		log_notice("spool", "writable=1");
	else
		log_error("spool",
		    "writable=0 effect=\"nothing is delivered\"");
	if (d->queue != NULL)
		queue_writable(d->queue, yes);
}

const struct store_events daemon_store_events = {
	.state = on_store_state,
	.commit = on_store_commit,
	.error = on_store_error,
	.writable = on_store_writable,
};

void
daemon_dns_query(double seconds, void *arg)
{
	struct daemon *d = arg;

	hist_add(&d->stats->g.dns_duration, &hist_dns, seconds);
}
