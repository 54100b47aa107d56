/* SPDX-License-Identifier: ISC
 * verb_flush: flush and probe, the verbs that follow what they started. Both
 * poll; nothing holds a pointer to the call, so the client may go away at any
 * time and the flush or probe goes on. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "status/status_json.h"

#define FLUSH_POLL_MS	  1000
#define FLUSH_PROGRESS_MS 5000 /* interval of lines about a running domain */
#define PROBE_POLL_MS	  250
#define PROBE_LIMIT	  (60 * CLOCK_SEC)
#define PROBE_LOOK_UP	  (2 * CLOCK_SEC)

/* ---- flush */

struct follow {
	struct snapshot *all; /* its domains are to be begun; NULL: all are */
	unsigned at; /* the next one to begin */
	unsigned look; /* the next one to look at */
	unsigned n, running;
	struct follow_domain {
		char name[TEXT_DOMAIN_MAX];
		bool ended;
		uint64_t remaining; /* in the last line */
		int64_t said; /* monotonic ns */
	} * domain;
	unsigned flushed, busy, cut;
	double messages;
};

static void
follow_free(void *work)
{
	struct follow *f = work;

	snapshot_unref(&f->all);
	mem_free(&f->domain);
	mem_free(&f);
}

static void
send_flush(struct call *c, const char *event, const char *domain,
    const struct relay_flush *f)
{
	cJSON *o = json_object();

	json_text(o, "event", event);
	json_text(o, "domain", domain);
	json_num(o, "total", (double)f->total);
	json_num(o, "remaining", (double)f->remaining);
	json_num(o, "delivered", (double)f->delivered);
	json_num(o, "deferred", (double)f->deferred);
	json_num(o, "failed", (double)f->failed);
	json_num(o, "bytes", (double)f->bytes);
	json_num(o, "rate", f->rate);
	if (f->running && f->eta_ms >= 0)
		json_num(o, "eta_seconds", (double)f->eta_ms / 1e3);
	else
		json_null(o, "eta_seconds");
	json_bool(o, "complete",
	    !f->running && f->end_ms != 0 && f->remaining == 0);
	call_send(c, o);
}

static void
flush_result(struct call *c)
{
	const struct follow *f = c->work;
	cJSON *more = json_object();

	json_num(more, "domains", f->flushed);
	json_num(more, "messages", f->messages);
	if (f->cut > 0)
		json_text(more, "error",
		    "the flush was interrupted: the primary failed again; the "
		    "rest stays queued");
	else if (f->busy > 0)
		json_text(more, "error", "a flush is running already");
	call_done(c, f->cut > 0 || f->busy > 0 ? CONTROL_FAILED : CONTROL_OK,
	    more);
}

static void
follow_one(struct call *c, struct follow_domain *d)
{
	const struct relay *r = call_relay(c);
	struct follow *f = c->work;
	struct relay_domain rd;

	r->domain(r->self, d->name, &rd);
	if (rd.flush.running) {
		if (rd.flush.remaining == d->remaining &&
		    call_now(c) - d->said < FLUSH_PROGRESS_MS * CLOCK_MS)
			return;
		d->remaining = rd.flush.remaining;
		d->said = call_now(c);
		send_flush(c, "progress", d->name, &rd.flush);
		return;
	}
	send_flush(c, "end", d->name, &rd.flush);
	d->ended = true;
	f->running--;
	if (rd.flush.remaining > 0)
		f->cut++;
}

static bool
is_maintained(const struct call *c, const char *domain)
{
	const struct control_maintenance_ops *ops = &call_ops(c)->maintenance;

	return ops->holds(ops->arg, domain);
}

/* Begins the flush of one domain. */
static void
flush_one(struct call *c, void *arg, const char *name)
{
	const struct relay *r = call_relay(c);
	bool dry = call_is_dry(c);
	struct follow *f = arg;
	struct relay_flush rf = { .eta_ms = -1 };
	struct follow_domain *d;
	struct relay_domain rd;
	int rc;

	r->domain(r->self, name, &rd);
	if ((rd.on_hold || is_maintained(c, name)) && !dry) {
		send_flush(c, rd.on_hold ? "on_hold" : "maintenance", name,
		    &rf);
		return;
	}
	if (!dry)
		call_ops(c)->flushes(call_ops(c)->arg, name);
	rc = r->flush(r->self, name, FLUSH_MANUAL, dry, &rf);
	if (rc == -MX_ENOENT) {
		send_flush(c, "nothing", name, &rf);
		return;
	}
	if (rc == -MX_EBUSY) {
		send_flush(c, "running", name, &rf);
		f->busy += (c->fields & FIELD_WAIT) == 0;
	} else {
		send_flush(c, dry ? "dry_run" : "begin", name, &rf);
		f->flushed++;
		f->messages += (double)rf.total;
	}
	if (dry || (c->fields & FIELD_WAIT) == 0)
		return;
	f->domain = mem_grow(f->domain, f->n + 1, sizeof(*f->domain));
	d = &f->domain[f->n++];
	memset(d, 0, sizeof(*d));
	(void)strlcpy(d->name, name, sizeof(d->name));
	d->remaining = rf.remaining;
	d->said = call_now(c);
	f->running++;
}

/* Begins the flushes of some of all domains. True: there are more. If the
 * client goes away meanwhile, those reported to it have begun. */
static bool
flush_some(struct call *c)
{
	struct follow *f = c->work;

	return verbs_domains_some(c, &f->all, &f->at, flush_one, f);
}

static bool
follow_some(struct call *c)
{
	struct follow *f = c->work;
	int64_t end = clock_now() + VERBS_SLICE_NS;
	struct follow_domain *d;

	while (f->look < f->n) {
		d = &f->domain[f->look++];
		if (!d->ended)
			follow_one(c, d);
		if (clock_now() >= end)
			return true;
	}
	f->look = 0;
	return false;
}

static void
flush_wait(struct call *c, int64_t ms)
{
	const struct follow *f = c->work;

	if (f->running == 0)
		flush_result(c);
	else
		call_wait(c, ms);
}

static void
flush_step(struct call *c)
{
	struct follow *f = c->work;
	bool begins = f->all != NULL;

	if (begins ? flush_some(c) : follow_some(c))
		call_wait(c, 0);
	else
		flush_wait(c, begins ? FLUSH_POLL_MS / 4 : FLUSH_POLL_MS);
}

void
verb_flush(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct relay_domain rd;

	c->work = mem_alloc(sizeof(struct follow));
	c->work_free = follow_free;
	c->step = flush_step;
	if ((c->fields & FIELD_ALL) != 0) {
		((struct follow *)c->work)->all =
		    call_ops(c)->snapshot(call_ops(c)->arg, NULL);
		flush_step(c);
		return;
	}
	if (!verbs_domain_known(c))
		return;
	r->domain(r->self, c->domain, &rd);
	if (rd.on_hold && (c->fields & FIELD_DRY_RUN) == 0) {
		call_fail(c, CONTROL_FAILED, "%s is on hold; release it first",
		    c->domain);
		return;
	}
	if (is_maintained(c, c->domain) && (c->fields & FIELD_DRY_RUN) == 0) {
		call_fail(c, CONTROL_FAILED,
		    "%s is held by a maintenance window; `mxwatchctl "
		    "maintenance` lists it, --end ID ends it",
		    c->domain);
		return;
	}
	flush_one(c, c->work, c->domain);
	flush_wait(c, FLUSH_POLL_MS / 4);
}

/* ---- probe */

struct probe_call {
	int64_t limit; /* monotonic ns */
	unsigned n;
	struct {
		char label[TEXT_DOMAIN_MAX + 8];
		uint64_t probes;
	} * before;
};

static void
probe_free(void *work)
{
	struct probe_call *w = work;

	mem_free(&w->before);
	mem_free(&w);
}

/* Has every primary been probed since the request? The number of probes tells,
 * because several may happen within a second; a new primary counts from 0. */
static bool
probe_through(const struct probe_call *w, const struct snap_domain *d)
{
	const struct snap_primary *p;
	uint64_t before;

	for (unsigned i = 0; i < d->nprimaries; i++) {
		p = &d->primary[i];
		before = 0;
		for (unsigned j = 0; j < w->n; j++)
			if (strcmp(w->before[j].label, p->label) == 0)
				before = w->before[j].probes;
		if (p->probes == before)
			return false;
	}
	return d->nprimaries > 0;
}

static void
probe_answer(struct call *c, const struct snap_domain *d)
{
	unsigned healthy = 0;
	cJSON *more;

	for (unsigned i = 0; i < d->nprimaries; i++) {
		healthy += d->primary[i].healthy;
		call_send(c, status_json_primary(&d->primary[i]));
	}
	more = json_object();
	json_num(more, "primaries", d->nprimaries);
	json_num(more, "healthy", healthy);
	if (healthy == 0)
		json_text(more, "error", "no primary is healthy");
	call_done(c, healthy > 0 ? CONTROL_OK : CONTROL_FAILED, more);
}

/* There is no primary to probe, for a known reason. The reason may be that of
 * an earlier look-up, so PROBE_LOOK_UP is waited for a new one. */
static bool
no_list(const struct probe_call *w, struct call *c, const struct snap_domain *d)
{
	return d->nprimaries == 0 &&
	    (d->trouble[0] != '\0' || d->self_mx_since != 0) &&
	    call_now(c) >= w->limit - PROBE_LIMIT + PROBE_LOOK_UP;
}

static void
fail_without_primary(struct call *c, const struct snapshot *s,
    const struct snap_domain *d)
{
	char t[32];

	if (d->trouble[0] == '\0') {
		call_fail(c, CONTROL_FAILED, "%s: no primary is known: %s",
		    c->domain, d->cause);
		return;
	}
	call_fail(c, CONTROL_FAILED, "%s: no primary is known: %s, for %s now",
	    c->domain, d->trouble,
	    text_duration_fmt(s->wall_ms / 1000 * 1000 -
		    d->trouble_since * 1000,
		t, sizeof(t)));
}

static void
probe_step(struct call *c)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);
	const struct probe_call *w = c->work;

	if (d == NULL)
		call_fail(c, CONTROL_FAILED, "%s was removed meanwhile",
		    c->domain);
	else if (probe_through(w, d))
		probe_answer(c, d);
	else if (no_list(w, c, d))
		fail_without_primary(c, s, d);
	else if (call_now(c) >= w->limit)
		call_fail(c, CONTROL_FAILED, "%s: no outcome in %d s%s%s",
		    c->domain, (int)(PROBE_LIMIT / CLOCK_SEC),
		    d->trouble[0] != '\0' ? "; " : "", d->trouble);
	else
		call_wait(c, PROBE_POLL_MS);
	snapshot_unref(&s);
}

void
verb_probe(struct call *c)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);
	struct probe_call *w = mem_alloc(sizeof(*w));
	int rc;

	c->work = w;
	c->work_free = probe_free;
	c->step = probe_step;
	w->limit = call_now(c) + PROBE_LIMIT;
	w->before =
	    mem_array(d != NULL ? d->nprimaries + 1 : 1, sizeof(*w->before));
	for (unsigned i = 0; d != NULL && i < d->nprimaries; i++, w->n++) {
		const struct snap_primary *p = &d->primary[i];

		(void)strlcpy(w->before[i].label, p->label,
		    sizeof(w->before[i].label));
		w->before[i].probes = p->probes;
	}
	rc = call_ops(c)->probe(call_ops(c)->arg, c->domain);
	if (rc == 0)
		call_wait(c, PROBE_POLL_MS);
	else if (rc == -MX_ENOENT)
		call_fail(c, CONTROL_FAILED,
		    d != NULL ? "%s: its probe is off (`probe { enabled }`)" :
				"%s: no such domain",
		    c->domain);
	else
		call_fail(c, CONTROL_FAILED, "%s: %s", c->domain,
		    mx_strerror(rc));
	snapshot_unref(&s);
}
