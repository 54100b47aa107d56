/* SPDX-License-Identifier: ISC
 * status_brief: see status_brief.h. */
#include "status/status_brief.h"

#include "status/status_json.h"
#include "status/status_primaries.h"

static void
put_num(cJSON *o, const char *key, double v)
{
	if (v > 0)
		json_num(o, key, v);
}

static void
put_true(cJSON *o, const char *key, bool v)
{
	if (v)
		json_bool(o, key, true);
}

static void
put_text(cJSON *o, const char *key, const char *s)
{
	if (s != NULL && s[0] != '\0')
		json_text(o, key, s);
}

/* Seconds of all phases; which of them failed. */
static void
put_probe(cJSON *o, const double *phase_seconds, enum smtp_phase failed)
{
	put_num(o, "probe_seconds", snap_probe_seconds(phase_seconds));
	if (failed != SMTP_PHASE_NONE)
		json_text(o, "failed_phase", smtp_phase_name(failed));
}

static void
add_brief_queue(cJSON *o, const struct snap_domain *d, int64_t wall_ms)
{
	cJSON *q = json_member(o, "queue");

	put_num(q, "messages", (double)snap_domain_messages(d));
	put_num(q, "held", (double)d->held);
	put_num(q, "bytes", (double)d->bytes);
	put_num(q, "oldest", (double)(d->oldest_ms / 1000));
	put_num(q, "next_expiry", (double)(d->next_expiry_ms / 1000));
	put_num(q, "lifetime_used_ratio", snap_lifetime_used(d, wall_ms));
	put_true(q, "on_hold", d->on_hold);
}

static void
add_brief_flush(cJSON *o, const struct snap_flush *f)
{
	cJSON *j;

	if (!f->running && f->end_ms == 0)
		return;
	j = json_member(o, "flush");
	put_true(j, "running", f->running);
	put_true(j, "complete", f->last_ok);
	put_num(j, "end", (double)(f->end_ms / 1000));
	put_num(j, "total", (double)f->total);
	put_num(j, "remaining", (double)f->remaining);
	if (f->running && f->eta_ms >= 0)
		json_num(j, "eta_seconds", (double)f->eta_ms / 1e3);
}

static void
add_brief_maintenance(cJSON *o, const struct snap_maintenance *m)
{
	cJSON *j;

	if (!m->active && !m->hold)
		return;
	j = json_member(o, "maintenance");
	put_num(j, "until", (double)m->until);
	put_true(j, "hold", m->hold);
	put_text(j, "reason", m->reason);
}

static void
add_brief_primary(cJSON *list, const struct snap_primary *p)
{
	cJSON *o = json_push_object(list);

	json_text(o, "primary", p->label);
	put_true(o, "probed", p->probed);
	put_true(o, "healthy", p->healthy);
	put_num(o, "last_run", (double)p->last_run);
	put_probe(o, p->phase_seconds, p->failed_phase);
	if (p->probed && !p->healthy)
		put_text(o, "text", p->text);
}

cJSON *
status_brief_domain(const struct snap_domain *d, int64_t wall_ms)
{
	cJSON *o = json_object(), *list;

	json_text(o, "domain", d->name);
	json_text(o, "state", d->state_name);
	put_num(o, "state_since", (double)d->state_since);
	put_text(o, "cause", d->cause);
	put_text(o, "trouble", d->trouble);
	put_true(o, "removed", d->removed);
	put_true(o, "mx_backup", d->mx_backup);
	put_true(o, "broken", d->broken);
	if (d->breaker_since != 0) {
		cJSON *j = json_member(o, "breaker");

		json_time(j, "since", d->breaker_since);
		put_text(j, "reply", d->breaker_reply);
	}
	add_brief_maintenance(o, &d->maintenance);
	if (d->redirect.active)
		status_json_redirect(o, &d->redirect);
	add_brief_queue(o, d, wall_ms);
	add_brief_flush(o, &d->flush);
	put_num(o, "bounced_1d", (double)d->recent[STATS_DAY].bounced);
	put_num(o, "expired_1d", (double)d->recent[STATS_DAY].expired);
	if (d->shared) {
		json_text(o, "owner", d->owner);
		put_true(o, "ours", d->ours);
	}
	list = json_array(o, "primaries");
	for (unsigned i = 0; i < d->nprimaries; i++)
		add_brief_primary(list, &d->primary[i]);
	return o;
}

/* Why a long way to it is not filled. */
static void
add_brief_delivery(cJSON *o, const struct snap_host *h)
{
	cJSON *j;

	if (h->chunking_off_until == 0 && !h->alone)
		return;
	j = json_member(o, "delivery");
	put_num(j, "chunking_off_until", (double)h->chunking_off_until);
	put_true(j, "alone", h->alone);
}

cJSON *
status_brief_server(const struct snap_server *v)
{
	cJSON *o = json_object();

	json_text(o, "primary", v->label);
	json_text(o, "reach", v->state_name);
	put_num(o, "reach_since", (double)v->state_since);
	put_text(o, "cause", v->cause);
	put_num(o, "domains", v->domains);
	put_true(o, "probed", v->probed);
	put_true(o, "healthy", v->healthy);
	put_probe(o, v->phase_seconds, v->failed_phase);
	if (v->probed && !v->healthy)
		put_text(o, "text", v->text);
	put_num(o, "cert_not_after", (double)v->cert_not_after);
	put_num(o, "maintenance_until", (double)v->host.maintenance_until);
	status_availability(o, &v->host);
	add_brief_delivery(o, &v->host);
	return o;
}
