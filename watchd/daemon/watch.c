/* SPDX-License-Identifier: ISC
 * watch: from what probes and deliveries saw to the health machine, and what
 * an operator is told about it. One input gives at most one change; the
 * change is handed out after the watch has taken it in, so that the callback
 * may look at the watch. */
#include "daemon/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define WATCH_PRIMARIES_MAX ROUTE_HOST_MAX
#define WATCH_SELF_TEXT                                                        \
	"this server seems to be the domain's best MX: its mail is held"

struct watch {
	char name[TEXT_DOMAIN_MAX];
	struct health health;
	int64_t since_wall;
	char cause[160];
	int64_t self_since; /* wall seconds we seem its best MX; 0: no */
	bool enabled;
	unsigned nprimaries;
	struct snap_primary primary[WATCH_PRIMARIES_MAX];
};

struct watch_set {
	struct watch_ops ops;
	struct watch **watch; /* ascending name */
	size_t n;
};

struct watch_set *
watch_create(const struct watch_ops *ops)
{
	struct watch_set *ws = mem_alloc(sizeof(*ws));

	ws->ops = *ops;
	return ws;
}

void
watch_destroy(struct watch_set **wsp)
{
	struct watch_set *ws = *wsp;

	if (ws == NULL)
		return;
	for (size_t i = 0; i < ws->n; i++)
		mem_free(&ws->watch[i]);
	mem_free(&ws->watch);
	mem_free(wsp);
}

static int
watch_cmp(const void *name, const void *entry)
{
	return strcmp(name, (*(struct watch *const *)entry)->name);
}

static struct watch *
watch_find(const struct watch_set *ws, const char *name)
{
	struct watch **w;

	if (ws->n == 0)
		return NULL;
	w = bsearch(name, ws->watch, ws->n, sizeof(ws->watch[0]), watch_cmp);
	return w != NULL ? *w : NULL;
}

static void
watch_feed(struct watch_set *ws, struct watch *w, enum health_input in,
    const char *host, const char *cause, int64_t now)
{
	struct watch_change change = { .domain = w->name,
		.host = host,
		.cause = w->cause };

	if (in != HEALTH_IN_NEUTRAL && w->health.state != HEALTH_DISABLED)
		strlcpy(w->cause, cause, sizeof(w->cause));
	if (!health_feed(&w->health, in, now, &change.health))
		return;
	w->since_wall = clock_wall();
	ws->ops.change(ws->ops.arg, &change);
}

static struct watch *
watch_new(const struct conf_domain *d, int64_t now)
{
	struct watch *w = mem_alloc(sizeof(*w));
	struct health_conf hc = { .fall = d->probe.fall,
		.rise = d->probe.rise,
		.hold_ns = d->probe.hold_ms * CLOCK_MS };

	strlcpy(w->name, d->name, sizeof(w->name));
	health_init(&w->health, &hc, now);
	w->since_wall = clock_wall();
	w->enabled = true;
	strlcpy(w->cause, "not probed yet", sizeof(w->cause));
	return w;
}

/* The place of a primary in the watch, by its label; counters go on. */
static struct snap_primary *
watch_primary(struct watch *w, const char *label, unsigned at)
{
	struct snap_primary tmp;
	unsigned i;

	for (i = at; i < w->nprimaries; i++)
		if (strcmp(w->primary[i].label, label) == 0)
			break;
	if (i == w->nprimaries) {
		if (w->nprimaries < WATCH_PRIMARIES_MAX)
			w->nprimaries++;
		else
			i = WATCH_PRIMARIES_MAX - 1;
		memset(&w->primary[i], 0, sizeof(w->primary[i]));
		strlcpy(w->primary[i].label, label,
		    sizeof(w->primary[i].label));
	}
	tmp = w->primary[i];
	memmove(&w->primary[at + 1], &w->primary[at],
	    (i - at) * sizeof(w->primary[0]));
	w->primary[at] = tmp;
	return &w->primary[at];
}

/* Configured primaries have their series from the start; those found by MX
 * appear with the first round. The label is route.c's. */
static void
watch_preset(struct watch *w, const struct conf_domain *d)
{
	char host[TEXT_DOMAIN_MAX], label[TEXT_DOMAIN_MAX + 8];
	uint16_t port;

	if (d->primary.n == 0 || w->nprimaries > 0)
		return;
	for (size_t i = 0; i < d->primary.n && i < WATCH_PRIMARIES_MAX; i++) {
		if (addr_split_host(d->primary.s[i], host, &port, 25) != 0)
			continue;
		route_label(host, port, label);
		watch_primary(w, label, w->nprimaries)->priority = (uint16_t)i;
	}
}

/* Both lists ascend by name: one pass keeps, adds and drops. */
void
watch_configure(struct watch_set *ws, const struct config *conf, int64_t now)
{
	struct watch **old = ws->watch, *w;
	const struct conf_domain *d;
	size_t nold = ws->n, j = 0;

	ws->watch = mem_array(conf->ndomains + 1, sizeof(ws->watch[0]));
	ws->n = conf->ndomains;
	for (size_t i = 0; i < conf->ndomains; i++) {
		d = &conf->domain[i];
		while (j < nold && strcmp(old[j]->name, d->name) < 0)
			mem_free(&old[j++]);
		if (j < nold && strcmp(old[j]->name, d->name) == 0)
			ws->watch[i] = old[j++];
		else
			ws->watch[i] = watch_new(d, now);
	}
	while (j < nold)
		mem_free(&old[j++]);
	mem_free(&old);

	for (size_t i = 0; i < ws->n; i++) {
		d = &conf->domain[i];
		w = ws->watch[i];
		watch_preset(w, d);
		health_conf_set(&w->health,
		    &(struct health_conf){ .fall = d->probe.fall,
			.rise = d->probe.rise,
			.hold_ns = d->probe.hold_ms * CLOCK_MS });
		if (w->enabled == d->probe.enabled)
			continue;
		w->enabled = d->probe.enabled;
		watch_feed(ws, w,
		    w->enabled ? HEALTH_IN_ENABLE : HEALTH_IN_DISABLE, "",
		    w->enabled ? "watched again" : "probes are disabled", now);
		if (!w->enabled)
			strlcpy(w->cause, "probes are disabled",
			    sizeof(w->cause));
	}
}

static void
primary_take(struct watch_set *ws, struct watch *w, struct snap_primary *p,
    const struct route_host *host, const struct probe_result *r)
{
	bool was = p->healthy, probed = p->probed;

	p->priority = host->pref;
	p->probed = true;
	p->healthy = r->code == REACH_OK;
	p->failed_phase = p->healthy ? SMTP_PHASE_NONE : r->phase;
	p->code = r->reply_code;
	strlcpy(p->text, r->text, sizeof(p->text));
	for (unsigned i = 0; i < SMTP_PHASE_MAX; i++)
		p->phase_seconds[i] = (double)r->phase_ns[i] / 1e9;
	p->probes++;
	p->last_run = clock_wall();
	p->tls_by = r->tls_by;
	p->tls_why = r->tls_why;
	if (r->cert_not_after != 0 || p->healthy)
		p->cert_not_after = r->cert_not_after;
	if (p->healthy) {
		p->last_success = p->last_run;
	} else {
		p->failures++;
		p->failures_phase[r->phase]++;
	}
	if (!probed || was != p->healthy)
		ws->ops.primary(ws->ops.arg, w->name, p);
}

static void
watch_self_mx(struct watch_set *ws, struct watch *w, bool self)
{
	if (!self)
		w->self_since = 0;
	else if (w->self_since == 0) {
		w->self_since = clock_wall();
		ws->ops.self_mx(ws->ops.arg, w->name);
	}
}

/* What the round means for the domain, and in whose words. */
static enum health_input
round_verdict(const struct probe_round *r, const char **host, const char **why)
{
	const struct probe_result *bad = NULL;

	*host = "";
	*why = reach_code_name(r->code);
	for (unsigned i = 0; i < r->nresults; i++) {
		if (r->result[i].code == REACH_OK) {
			*host = r->route->host[i].label;
			*why = r->result[i].text;
			return HEALTH_IN_OK;
		}
		if (bad == NULL || reach_code_neutral(bad->code)) {
			bad = &r->result[i];
			*host = r->route->host[i].label;
			*why = bad->text[0] != '\0' ?
			    bad->text :
			    reach_code_name(bad->code);
		}
	}
	if (bad != NULL)
		return reach_code_neutral(bad->code) ? HEALTH_IN_NEUTRAL :
						       HEALTH_IN_FAIL;
	return reach_code_neutral(r->code) ? HEALTH_IN_NEUTRAL : HEALTH_IN_FAIL;
}

void
watch_round(struct watch_set *ws, const struct probe_round *r, int64_t now)
{
	struct watch *w = watch_find(ws, r->domain);
	const char *host, *why;
	enum health_input in;

	if (w == NULL)
		return;
	for (unsigned i = 0; i < r->nresults; i++)
		primary_take(ws, w,
		    watch_primary(w, r->route->host[i].label, i),
		    &r->route->host[i], &r->result[i]);
	/* Forget hosts that left the MX records; keep all while DNS fails. */
	if (r->nresults > 0)
		w->nprimaries = r->nresults;
	watch_self_mx(ws, w, r->code == REACH_SELF);
	in = round_verdict(r, &host, &why);
	if (r->code == REACH_SELF) {
		in = HEALTH_IN_NO_PRIMARY;
		why = WATCH_SELF_TEXT;
	}
	watch_feed(ws, w, in, host, why, now);
}

void
watch_outcome(struct watch_set *ws, const char *domain,
    const struct deliver_outcome *o, int64_t now)
{
	struct watch *w = watch_find(ws, domain);
	enum health_input in = o->ok ? HEALTH_IN_OK : HEALTH_IN_FAIL;

	if (w == NULL || o->more) /* another host is tried at once */
		return;
	if (o->dns)
		in = HEALTH_IN_NEUTRAL;
	else
		watch_self_mx(ws, w, o->self);
	if (o->self) {
		watch_feed(ws, w, HEALTH_IN_NO_PRIMARY, "", WATCH_SELF_TEXT,
		    now);
		return;
	}
	/* A good delivery ends a suspicion; it says nothing new otherwise. A
	 * recovery is confirmed by its flush, not by one message of it, but
	 * failures between messages that are taken (one connection too many)
	 * are no streak. */
	if (o->ok && w->health.state != HEALTH_SUSPECT &&
	    w->health.state != HEALTH_RECOVERING)
		return;
	watch_feed(ws, w, in, o->host, o->ok ? "a message was taken" : o->text,
	    now);
}

void
watch_flushed(struct watch_set *ws, const char *domain, int64_t now)
{
	struct watch *w = watch_find(ws, domain);

	if (w != NULL)
		watch_feed(ws, w, HEALTH_IN_FLUSHED, "", "flushed", now);
}

void
watch_broken(struct watch_set *ws, const char *domain, const char *why,
    int64_t now)
{
	struct watch *w = watch_find(ws, domain);

	if (w != NULL)
		watch_feed(ws, w, HEALTH_IN_BROKEN, "", why, now);
}

enum health_state
watch_state(const struct watch_set *ws, const char *domain)
{
	const struct watch *w = watch_find(ws, domain);

	return w != NULL ? w->health.state : HEALTH_UNKNOWN;
}

unsigned
watch_primaries(const struct watch_set *ws, const char *domain)
{
	const struct watch *w = watch_find(ws, domain);

	return w != NULL ? w->nprimaries : 0;
}

void
watch_snapshot(const struct watch_set *ws, const char *domain,
    struct snap_domain *d, struct snap_primary *p)
{
	const struct watch *w = watch_find(ws, domain);

	if (w == NULL)
		return;
	d->state = w->health.state;
	d->state_name = health_state_name(w->health.state);
	d->state_since = w->since_wall;
	d->self_mx_since = w->self_since;
	strlcpy(d->cause, w->cause, sizeof(d->cause));
	d->nprimaries = w->nprimaries;
	memcpy(p, w->primary, w->nprimaries * sizeof(*p));
}
