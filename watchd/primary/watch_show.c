/* SPDX-License-Identifier: ISC
 * watch_show: what a snapshot shows of the domains. A primary in a domain's
 * list has the record of its watch: a domain that requires TLS sees its own
 * results. */
#include <string.h>

#include "primary/watch_int.h"

enum health_state
watch_state(const struct watch_set *ws, const char *domain)
{
	const struct watch_domain *d = watch_domain(ws, domain);

	return d != NULL ? d->health.state : HEALTH_UNKNOWN;
}

const struct watch *
watch_serving(const struct watch_set *ws, const char *domain)
{
	const struct watch_domain *d = watch_domain(ws, domain);
	const struct watch_link *l = d != NULL && d->health.state == HEALTH_UP ?
	    domain_decides(d) :
	    NULL;

	return l != NULL && l->watch->health.state == HEALTH_UP &&
		l->watch->host != NULL && l->watch->host->naddrs > 0 ?
	    l->watch :
	    NULL;
}

static const struct watch *
watch_labelled(const struct watch_set *ws, const char *domain,
    const char *label)
{
	const struct watch_domain *d = watch_domain(ws, domain);

	for (unsigned i = 0; d != NULL && i < d->nlinks; i++)
		if (strcmp(d->link[i].watch->primary->label, label) == 0)
			return d->link[i].watch;
	return NULL;
}

bool
watch_down(const struct watch_set *ws, const char *domain, const char *label)
{
	const struct watch *w = watch_labelled(ws, domain, label);

	return w != NULL && (w->backup || w->health.state == HEALTH_DOWN);
}

/* A host that is not probed was not looked up either. */
bool
watch_usable(const struct watch_set *ws, const char *domain, const char *label)
{
	const struct watch *w = watch_labelled(ws, domain, label);

	return w != NULL && w->health.state != HEALTH_DOWN && !w->backup &&
	    (!w->policy.enabled || (w->host != NULL && w->host->naddrs > 0));
}

const char *
watch_trouble(const struct watch_domain *d, int64_t *since)
{
	const struct watch *w;

	*since = d->trouble_since;
	if (d->trouble != NULL)
		return d->trouble;
	for (unsigned i = 0; i < d->nlinks; i++) {
		w = d->link[i].watch;
		if (w->trouble == NULL)
			continue;
		*since = w->trouble_since;
		return w->trouble;
	}
	return NULL;
}

const char *
watch_cause(const struct watch_domain *d, const char **label)
{
	const struct watch_link *l = domain_decides(d);
	const char *trouble;
	int64_t since;

	if (label != NULL)
		*label = "";
	if (d->cause != NULL)
		return d->cause;
	if (d->health.state == HEALTH_DISABLED)
		return "probes are disabled";
	if (d->health.state == HEALTH_UNKNOWN &&
	    (trouble = watch_trouble(d, &since)) != NULL)
		return trouble;
	if (l == NULL)
		return "not probed yet";
	if (label != NULL)
		*label = l->watch->primary->label;
	return l->watch->cause;
}

unsigned
watch_count(const struct watch_set *ws, const char *domain)
{
	const struct watch_domain *d = watch_domain(ws, domain);

	return d != NULL ? d->nlinks : 0;
}

unsigned
watch_watches(const struct watch_set *ws, const char *domain,
    const struct watch **w, unsigned max)
{
	const struct watch_domain *d = watch_domain(ws, domain);
	unsigned n;

	for (n = 0; d != NULL && n < d->nlinks && n < max; n++)
		w[n] = d->link[n].watch;
	return n;
}

unsigned
watch_labels(const struct watch_set *ws, const char *domain, const char **label,
    unsigned max)
{
	const struct watch *w[ROUTE_HOST_MAX];
	unsigned n = watch_watches(ws, domain, w,
	    max < ROUTE_HOST_MAX ? max : ROUTE_HOST_MAX);

	for (unsigned i = 0; i < n; i++)
		label[i] = w[i]->primary->label;
	return n;
}

static void
show_link(const struct watch_link *l, struct snap_primary *p)
{
	const struct watch *w = l->watch;
	const struct primary_record *r = &w->last;

	memset(p, 0, sizeof(*p));
	p->label = w->primary->label;
	p->priority = l->pref;
	p->healthy = r->probed && r->ok;
	p->probed = r->probed;
	p->unprobed = !w->policy.enabled;
	p->failed_phase = r->phase;
	p->code = r->code;
	p->text = r->text;
	for (unsigned i = 0; i < SMTP_PHASE_MAX; i++) {
		p->phase_seconds[i] = (double)r->phase_seconds[i];
		p->failures_phase[i] = r->failures_phase[i];
	}
	p->probes = r->probes;
	p->failures = r->failures;
	p->last_run = r->last_run;
	p->last_success = r->last_success;
	p->cert_not_after = r->cert_not_after;
	p->tls_by = r->tls_by;
	p->tls_why = r->tls_why;
	p->slow_seconds = (double)w->slow_ms / 1e3;
	p->tls_fallback_since = w->primary->fallback_since;
	p->answer = l->answer;
	p->asked = l->asked;
	p->finding_about = l->about;
	p->finding_since = l->finding_since;
	p->finding = l->finding != NULL ? l->finding : "";
}

void
watch_snapshot(const struct watch_set *ws, const char *domain,
    struct snap_domain *s, struct snap_primary *p)
{
	const struct watch_domain *d = watch_domain(ws, domain);
	const char *trouble;

	if (d == NULL)
		return;
	s->state = d->health.state;
	s->state_name = health_state_name(d->health.state);
	s->state_since = d->since;
	s->unwell_since = d->unwell_since;
	s->self_mx_since = d->self_since;
	s->self_mx_backup = d->by_backup;
	s->cause = watch_cause(d, NULL);
	trouble = watch_trouble(d, &s->trouble_since);
	s->trouble = trouble != NULL ? trouble : "";
	s->broken = d->broken;
	s->nprimaries = d->nlinks;
	for (unsigned i = 0; i < d->nlinks; i++)
		show_link(&d->link[i], &p[i]);
}

/* ---- primaries */

/* Combines what its policies know: shows the most that is known. */
static void
show_watches(const struct primary *p, struct snap_server *v)
{
	const struct watch *w;
	double slow, interval;

	v->asks = WATCH_ASKS_MAX;
	v->unprobed = true;
	LIST_FOREACH (w, &p->watches, sibling) {
		v->policies++;
		v->findings += w->findings;
		if (w->asks < v->asks)
			v->asks = w->asks;
		slow = (double)w->slow_ms / 1e3;
		if (slow > v->slow_seconds)
			v->slow_seconds = slow;
		interval = (double)w->policy.interval_ms / 1e3;
		if (w->policy.enabled)
			v->unprobed = false;
		if (w->policy.enabled && interval > v->probe_interval)
			v->probe_interval = interval;
		if (w->trouble == NULL || v->trouble[0] != '\0')
			continue;
		(void)strlcpy(v->trouble, w->trouble, sizeof(v->trouble));
		v->trouble_since = w->trouble_since;
	}
}

static struct snap_server *
show_primary(const struct primary *p)
{
	const struct primary_record *r = &p->last;
	struct snap_server *v = snap_server_create();

	(void)strlcpy(v->label, p->label, sizeof(v->label));
	v->state = p->reach.state;
	v->state_name = health_state_name(p->reach.state);
	v->state_since = p->reach_since;
	(void)strlcpy(v->cause, p->cause, sizeof(v->cause));
	v->domains = p->domains;
	v->mx_backup = p->backups > 0 && p->backups == p->domains;
	v->probed = r->probed;
	v->healthy = r->probed && r->ok;
	v->failed_phase = r->phase;
	v->code = r->code;
	(void)strlcpy(v->text, r->text, sizeof(v->text));
	for (unsigned i = 0; i < SMTP_PHASE_MAX; i++) {
		v->phase_seconds[i] = (double)r->phase_seconds[i];
		v->failures_phase[i] = r->failures_phase[i];
	}
	v->probes = r->probes;
	v->failures = r->failures;
	v->last_run = r->last_run;
	v->last_success = r->last_success;
	v->cert_not_after = r->cert_not_after;
	v->greeting_seconds = (double)p->greeting_ns / 1e9;
	v->ext = p->offer.ext;
	v->backup = (p->offer.ext & CLIENT_EXT_BACKUP) != 0;
	v->size = p->offer.size;
	v->ext_before = p->before.ext;
	v->size_before = p->before.size;
	v->limit_mails = p->offer.limits.mails;
	v->limit_rcpts = p->offer.limits.rcpts;
	v->offer_since = p->offer.since;
	v->tls_fallbacks = p->fallbacks;
	v->tls_fallback_since = p->fallback_since;
	show_watches(p, v);
	return v;
}

/* NAN equals NAN. */
static bool
same(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool
host_equal(const struct snap_host *a, const struct snap_host *b)
{
	return a->window == b->window && a->ceiling == b->ceiling &&
	    a->connections == b->connections && a->canary == b->canary &&
	    a->paused == b->paused && a->refused == b->refused &&
	    a->max_messages == b->max_messages &&
	    a->max_rcpts == b->max_rcpts &&
	    a->chunking_off_until == b->chunking_off_until &&
	    a->alone == b->alone &&
	    a->maintenance_until == b->maintenance_until &&
	    a->maintenance_hold == b->maintenance_hold &&
	    a->told_by_another == b->told_by_another &&
	    a->owners == b->owners && same(a->gap_seconds, b->gap_seconds) &&
	    same(a->latency_seconds, b->latency_seconds) &&
	    a->known_since == b->known_since &&
	    same(a->availability[0], b->availability[0]) &&
	    same(a->availability[1], b->availability[1]);
}

static void
show_again(struct primary *p, watch_host_fn *host, void *arg)
{
	struct snap_host now = { 0 };

	if (host != NULL)
		host(arg, p, &now);
	if (p->shown != NULL && p->shown_stamp == p->stamp &&
	    host_equal(&p->shown->host, &now))
		return;
	snap_server_unref(&p->shown);
	p->shown = show_primary(p);
	p->shown->host = now;
	p->shown_stamp = p->stamp;
}

/* Entries that changed are rebuilt; connections change by themselves, so a
 * bounded number of entries is checked for them, in turn. */
void
watch_servers(struct watch_set *ws, struct snapshot *s, watch_host_fn *host,
    void *arg)
{
	unsigned n = primary_count(ws->primaries), i = 0, past;
	unsigned first = n > 0 ? ws->looked % n : 0;
	struct primary *p = NULL;

	snapshot_servers(s, n);
	while ((p = primary_next(ws->primaries, p)) != NULL) {
		past = i >= first ? i - first : i + n - first;
		if (past < WATCH_LOOK_MAX || p->shown == NULL ||
		    p->shown_stamp != p->stamp)
			show_again(p, host, arg);
		s->server[i++] = snap_server_ref(p->shown);
	}
	ws->looked = first + WATCH_LOOK_MAX;
}

int64_t
watch_shown(const struct watch_set *ws, const char *domain)
{
	const struct watch_domain *d = watch_domain(ws, domain);
	int64_t at = 0;

	for (unsigned i = 0; d != NULL && i < d->nlinks; i++)
		if (d->link[i].answer == ANSWER_TAKEN && d->link[i].asked > at)
			at = d->link[i].asked;
	return at;
}

/* SIZE 0, or none, is no limit. */
static uint64_t
size_limit(const struct primary_offer *o)
{
	return (o->ext & CLIENT_EXT_SIZE) != 0 && o->size != 0 ? o->size :
								 UINT64_MAX;
}

bool
watch_offered(const struct watch_set *ws, const char *label, unsigned *ext,
    uint64_t *size)
{
	const struct primary *p = primary_find(ws->primaries, label);
	uint64_t now, before;

	if (p == NULL || p->offer.since == 0)
		return false;
	*ext = p->offer.ext;
	now = size_limit(&p->offer);
	if (p->before.since != 0) {
		*ext |= p->before.ext;
		before = size_limit(&p->before);
		now = before > now ? before : now;
	}
	*size = now == UINT64_MAX ? 0 : now;
	return true;
}
