/* SPDX-License-Identifier: ISC
 * pack: snapshot and notices in the terms of the MIB: its states and phases
 * by number, seconds, a primary as host and port. */
#include "exporters/snmp/pack.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"

#define AGE_HYSTERESIS 10 /* points below the threshold */
#define EXPIRED_EVERY  (300 * CLOCK_SEC) /* and domain */

#define AGES_TURN      512 /* domains a call, and */
#define AGES_ROUND     60 /* all of them in so many calls */

enum age_level { AGE_FINE, AGE_WARNING, AGE_CRITICAL };

/* enum smtp_phase in the numbers of mxwPrimaryFailedPhase. */
static uint32_t
phase_number(enum smtp_phase phase)
{
	return phase <= SMTP_PHASE_RCPT ? (uint32_t)phase : 8;
}

static void
pack_system(struct wire_system *w, const struct snapshot *s)
{
	const struct stats_global *g = &s->count;

	w->wall_ms = s->wall_ms;
	w->start = s->start;
	w->accepting = s->spool_state == STORE_OK;
	w->reload_ok = s->reload_ok;
	w->stopping = s->stopping;
	w->indexing = !s->indexed;
	w->sessions = s->smtpd_sessions;
	w->connections_out = s->delivery_connections;
	w->free_bytes = s->spool_free_bytes;
	w->connections = g->connections;
	for (unsigned i = 0; i < SMTPD_REJECT_MAX; i++)
		w->connections_rejected += g->rejected[i];
	for (unsigned c = 0; c < SMTPD_CODE_MAX; c++) {
		for (unsigned r = 0; r < SMTPD_REASON_MAX; r++) {
			w->rcpt_rejected += g->rcpt_rejected[c][r];
			w->messages_rejected += g->message_rejected[c][r];
		}
		w->loops += g->message_rejected[c][SMTPD_REASON_LOOP];
	}
	w->alerts_active = w->notifications_failed = 0;
	for (unsigned i = 0; i < s->told->nalerts; i++)
		w->alerts_active += s->told->alert[i].firing;
	for (unsigned i = 0; i < s->told->nreceivers; i++)
		w->notifications_failed += (int64_t)s->told->receiver[i].failed;
	strlcpy(w->hostname, s->hostname, sizeof(w->hostname));
}

static void
pack_domain(struct wire_domain *w, const struct snap_domain *d, uint32_t index)
{
	const struct domain_stats *c = &d->count;

	w->index = index;
	w->state = (uint32_t)d->state + 1; /* the MIB begins with 1 */
	w->flushing = d->flush.running;
	w->state_since = d->state_since;
	w->lifetime = d->lifetime;
	w->messages = snap_domain_messages(d);
	w->recipients = d->recipients;
	w->bytes = d->bytes;
	w->oldest_ms = d->oldest_ms;
	w->next_expiry_ms = d->next_expiry_ms;
	w->next_try_ms = d->next_try_ms;
	w->accepted_messages = c->accepted_messages;
	w->accepted_recipients = c->accepted_recipients;
	w->accepted_bytes = c->accepted_bytes;
	w->delivered_messages = c->delivered_messages;
	w->delivered = c->delivered;
	w->delivered_bytes = c->delivered_bytes;
	w->expired = c->expired;
	w->attempts = c->attempts;
	for (unsigned i = SMTP_PHASE_RESOLVE; i <= SMTP_PHASE_STARTTLS; i++)
		w->connect_failed += c->attempts_failed[i];
	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++) {
		w->deferred[i] = c->deferred[i];
		w->bounced[i] = c->bounced[i];
	}
	w->flush_remaining = d->flush.running ? d->flush.remaining : 0;
	w->flush_end = d->flush.end_ms / 1000;
	strlcpy(w->name, d->name, sizeof(w->name));
	strlcpy(w->cause, d->cause, sizeof(w->cause));
}

_Static_assert(WIRE_CLASSES == STATUS_LABEL_MAX, "the wire has other classes");

static void
pack_primary(struct wire_primary *w, const struct snap_primary *p,
    uint32_t domain, uint32_t index)
{
	double seconds = 0;

	w->domain = domain;
	w->index = index;
	w->port = wire_label(p->label, w->host, sizeof(w->host));
	w->healthy = p->healthy;
	w->failed_phase = phase_number(p->failed_phase);
	w->code = p->code;
	for (unsigned i = 0; i < SMTP_PHASE_MAX; i++)
		seconds += p->phase_seconds[i];
	w->probe_ms = (uint64_t)(seconds * 1000 + 0.5);
	w->probes = p->probes;
	w->failures = p->failures;
	w->last_run = p->last_run;
	w->last_success = p->last_success;
	w->cert_not_after = p->cert_not_after;
	strlcpy(w->text, p->text, sizeof(w->text));
}

/* ---- a whole snapshot, in steps */

enum phase { PACK_COUNT, PACK_DOMAINS, PACK_PRIMARIES, PACK_DONE };

void
pack_begin(struct pack *p, struct snapshot *s)
{
	snapshot_unref(&p->s);
	*p = (struct pack){ .s = snapshot_ref(s) };
}

void
pack_end(struct pack *p)
{
	snapshot_unref(&p->s);
}

/* Numbers the domains that have none yet; the system comes before what it
 * counts. Those that mx_backup took in have no rows: a number is kept for good,
 * and strangers choose them. */
static void
pack_count(struct pack *p, struct wire_out *o, struct index *x, unsigned budget)
{
	const struct snap_list *l = &p->s->domains;
	const struct snap_domain *d;
	struct wire_system *sys;

	for (; p->next < l->n && budget > 0; p->next++, budget--) {
		d = snap_list_at(l, p->next);
		if (d->mx_backup || p->ndomains == WIRE_ROWS_MAX ||
		    p->nprimaries + d->nprimaries > WIRE_ROWS_MAX)
			continue;
		(void)index_of(x, d->name);
		p->ndomains++;
		p->nprimaries += d->nprimaries;
	}
	if (p->next < l->n)
		return;
	sys = wire_out_add(o, WIRE_SYSTEM);
	pack_system(sys, p->s);
	sys->ndomains = p->ndomains;
	sys->nprimaries = p->nprimaries;
	p->phase = PACK_DOMAINS;
	p->next = 0;
}

/* By number; those that left the configuration have kept theirs. */
static void
pack_rows(struct pack *p, struct wire_out *o, const struct index *x,
    unsigned budget)
{
	const struct index_entry *e;
	const struct snap_domain *d;

	for (; p->next < x->n && budget > 0; p->next++, budget--) {
		e = x->entry[p->next];
		d = snapshot_find(p->s, e->name);
		if (d == NULL || d->mx_backup || p->done == p->ndomains)
			continue;
		p->done++;
		if (p->phase == PACK_DOMAINS) {
			pack_domain(wire_out_add(o, WIRE_DOMAIN), d, e->index);
			continue;
		}
		for (uint32_t j = 0; j < d->nprimaries; j++)
			pack_primary(wire_out_add(o, WIRE_PRIMARY),
			    &d->primary[j], e->index, j + 1);
	}
	if (p->next < x->n)
		return;
	p->phase = p->phase == PACK_DOMAINS ? PACK_PRIMARIES : PACK_DONE;
	p->next = p->done = 0;
}

bool
pack_step(struct pack *p, struct wire_out *o, struct index *x, unsigned budget)
{
	if (p->phase == PACK_COUNT)
		pack_count(p, o, x, budget);
	else if (p->phase != PACK_DONE)
		pack_rows(p, o, x, budget);
	return p->phase != PACK_DONE;
}

void
pack_snapshot(struct wire_out *o, struct snapshot *s, struct index *x)
{
	struct pack p = { 0 };

	pack_begin(&p, s);
	while (pack_step(&p, o, x, UINT_MAX))
		;
	pack_end(&p);
}

/* ---- notifications */

static uint32_t
event_of(const struct notice *n)
{
	switch (n->kind) {
	case NOTICE_STATE:
		return WIRE_STATE_CHANGE;
	case NOTICE_PRIMARY:
		return n->a != 0 ? WIRE_PRIMARY_UP : WIRE_PRIMARY_DOWN;
	case NOTICE_FLUSH_BEGIN:
		return WIRE_FLUSH_STARTED;
	case NOTICE_FLUSH_END:
		return WIRE_FLUSH_FINISHED;
	case NOTICE_EXPIRED:
		return WIRE_MAIL_EXPIRED;
	case NOTICE_BREAKER:
		return n->a != 0 ? WIRE_BREAKER_CLOSED : WIRE_BREAKER_OPENED;
	case NOTICE_SPOOL:
		return n->a == STORE_OK ? WIRE_SPOOL_ACCEPTING :
					  WIRE_SPOOL_REFUSING;
	default:
		return 0; /* the log and the alerts have those */
	}
}

bool
pack_notice(struct wire_notice *w, const struct notice *n, struct index *x,
    int64_t now)
{
	uint32_t event = event_of(n);
	struct index_entry *e;

	if (event == 0)
		return false;
	if (event == WIRE_MAIL_EXPIRED) {
		e = index_of(x, n->domain);
		if (now < e->expired_next)
			return false;
		e->expired_next = now + EXPIRED_EVERY;
	}
	memset(w, 0, sizeof(*w));
	w->event = event;
	if (event == WIRE_STATE_CHANGE)
		w->state = (uint32_t)n->b + 1;
	if (event == WIRE_PRIMARY_DOWN)
		w->failed_phase = phase_number((enum smtp_phase)n->b);
	strlcpy(w->domain, n->domain, sizeof(w->domain));
	strlcpy(w->host, n->host, sizeof(w->host));
	strlcpy(w->text, n->text, sizeof(w->text));
	return true;
}

static bool
reached(uint64_t percent, unsigned limit, bool was)
{
	unsigned leave = limit > AGE_HYSTERESIS ? limit - AGE_HYSTERESIS : 1;

	return limit != 0 && percent >= (was ? leave : limit);
}

static enum age_level
age_level(const struct snapshot *s, const struct snap_domain *d,
    const struct age_limits *l, enum age_level was)
{
	double used = snap_lifetime_used(d, s->wall_ms);
	uint64_t percent = used < 1e6 ? (uint64_t)(100 * used) : UINT32_MAX;

	if (reached(percent, l->critical, was == AGE_CRITICAL))
		return AGE_CRITICAL;
	return reached(percent, l->warning, was >= AGE_WARNING) ? AGE_WARNING :
								  AGE_FINE;
}

void
pack_ages(const struct snapshot *s, struct index *x, const struct age_limits *l,
    unsigned *next, bool (*tell)(void *arg, const struct wire_notice *),
    void *arg)
{
	static const uint32_t event[] = { WIRE_AGE_CLEARED, WIRE_AGE_WARNING,
		WIRE_AGE_CRITICAL };
	unsigned n = s->domains.n, turn = n / AGES_ROUND + AGES_TURN;
	const struct snap_domain *d;
	struct index_entry *e;
	struct wire_notice w;
	enum age_level is;

	if (*next >= n)
		*next = 0;
	for (; *next < n && turn > 0; (*next)++, turn--) {
		d = snap_list_at(&s->domains, *next);
		if (d->mx_backup)
			continue;
		e = index_of(x, d->name);
		is = age_level(s, d, l, e->age_level);
		if (is == e->age_level)
			continue;
		memset(&w, 0, sizeof(w));
		w.event = event[is];
		strlcpy(w.domain, e->name, sizeof(w.domain));
		if (tell(arg, &w))
			e->age_level = is;
	}
}
