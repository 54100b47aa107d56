/* SPDX-License-Identifier: ISC
 * runner: when to probe whom. A domain's round is: look up its route, probe
 * each host of it, hand the results over together, set the timer for the next
 * round. Probes beyond the cap wait in line; a round that waits is late, never
 * doubled. Callbacks may reconfigure the runner: a round is handed over after
 * the domain has been put to rest. */
#include "probes/runner.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "smtp/path.h"

#define JITTER_PERCENT	    10
#define HURRY_DIVISOR	    3
#define HURRY_MIN_MS	    1000
#define FIRST_SPREAD_MS	    500 /* of the first round after a start ... */
#define FIRST_PER_DOMAIN_MS 10 /* ... and this much for each domain */

struct pace;

struct probing { /* one host of the round under way */
	TAILQ_ENTRY(probing) link;
	struct pace *pace;
	unsigned at;
	bool waiting;
	unsigned silent; /* intervals: a time-out stands for its result */
	struct probe_run *run;
};

struct round { /* of one domain, from its route to its results */
	struct route route;
	int64_t resolve_ns;
	unsigned left; /* results that are out */
	struct probing host[ROUTE_HOST_MAX];
	struct probe_result result[ROUTE_HOST_MAX];
};

struct pace { /* one domain */
	struct runner *runner;
	char name[TEXT_DOMAIN_MAX];
	struct loop_timer *timer;
	bool hurry;
	struct route_req *req; /* the look-up under way */
	bool busy;
	int64_t start; /* of the round, loop time */
	struct round *round; /* NULL: none, or its route is looked up */
	unsigned given_up; /* rounds in a row, see probe_gives_up() */
};

struct runner {
	struct loop *loop;
	struct reach_env env;
	struct dns *dns;
	struct runner_ops ops;
	struct config *conf;
	const struct route_self *self;
	struct pace **pace; /* ascending name */
	size_t n;
	unsigned running;
	int64_t last;
	TAILQ_HEAD(, probing) line;
};

static void on_due(void *arg);

struct runner *
runner_create(const struct reach_env *env, struct dns *dns,
    const struct runner_ops *ops)
{
	struct runner *r = mem_alloc(sizeof(*r));

	r->loop = env->loop;
	r->env = *env;
	r->dns = dns;
	r->ops = *ops;
	r->last = loop_now(r->loop);
	TAILQ_INIT(&r->line);
	return r;
}

/* Whatever of it is still under way is cut off. */
static void
round_free(struct runner *r, struct round **roundp)
{
	struct round *round = *roundp;

	if (round == NULL)
		return;
	for (unsigned i = 0; i < ROUTE_HOST_MAX; i++) {
		struct probing *h = &round->host[i];

		if (h->waiting)
			TAILQ_REMOVE(&r->line, h, link);
		if (h->run != NULL) {
			probe_smtp_cancel(&h->run);
			r->running--;
		}
	}
	route_fini(&round->route);
	mem_free(roundp);
}

static void
pace_stop(struct pace *p)
{
	route_cancel(&p->req);
	round_free(p->runner, &p->round);
	p->busy = false;
}

static void
pace_destroy(struct pace **pp)
{
	pace_stop(*pp);
	loop_timer_destroy(&(*pp)->timer);
	mem_free(pp);
}

void
runner_destroy(struct runner **rp)
{
	struct runner *r = *rp;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		pace_destroy(&r->pace[i]);
	mem_free(&r->pace);
	config_unref(&r->conf);
	mem_free(rp);
}

static const struct conf_domain *
pace_conf(const struct pace *p)
{
	return config_domain(p->runner->conf, p->name);
}

static void
pace_schedule(struct pace *p)
{
	const struct conf_domain *d = pace_conf(p);
	int64_t interval, delay, spent;

	if (d == NULL || !d->probe.enabled)
		return;
	interval = d->probe.interval_ms;
	if (p->hurry) {
		interval /= HURRY_DIVISOR;
		if (interval < HURRY_MIN_MS)
			interval = HURRY_MIN_MS;
		if (interval > d->probe.interval_ms)
			interval = d->probe.interval_ms;
	}
	spent = (loop_now(p->runner->loop) - p->start) / CLOCK_MS;
	delay = rnd_jitter(interval, JITTER_PERCENT) - spent;
	loop_timer_set(p->timer, delay > 0 ? delay : 0);
}

/* The round is whole: rest, then tell. */
static void
pace_finish(struct pace *p, enum reach_code code, bool probed)
{
	struct runner *r = p->runner;
	struct round *round = p->round;
	struct probe_round told = { .domain = p->name,
		.code = code,
		.route = &round->route };

	if (probed) {
		told.nresults = round->route.n;
		told.result = round->result;
	}
	p->round = NULL;
	p->busy = false;
	r->last = loop_now(r->loop);
	pace_schedule(p);
	r->ops.round(r->ops.arg, &told);
	round_free(r, &round);
}

/* OK when one host is; otherwise the failure that says most. */
static enum reach_code
round_code(const struct round *round)
{
	enum reach_code code = REACH_DNS_FAIL;

	for (unsigned i = 0; i < round->route.n; i++) {
		if (round->result[i].code == REACH_OK)
			return REACH_OK;
		if (reach_code_neutral(code))
			code = round->result[i].code;
	}
	return code;
}

static void runner_next(struct runner *);

static void
on_result(const struct probe_result *result, void *arg)
{
	struct probing *h = arg;
	struct pace *p = h->pace;
	struct round *round = p->round;
	struct runner *r = p->runner;

	h->run = NULL;
	h->silent = 0;
	r->running--;
	round->result[h->at] = *result;
	round->result[h->at].stale_dns = round->route.stale;
	if (result->code != REACH_TIMEOUT && result->code != REACH_CONN_TIMEOUT)
		p->given_up = 0;
	if (--round->left == 0)
		pace_finish(p, round_code(round), true);
	runner_next(r);
}

/* A round as it looks now, for the callback: it may end the one it is of. */
static void
round_tell(struct pace *p)
{
	struct runner *r = p->runner;
	struct round *now = mem_alloc(sizeof(*now));
	struct probe_round told = { .domain = p->name,
		.code = round_code(p->round),
		.route = &now->route,
		.nresults = p->round->route.n,
		.result = now->result };
	char name[TEXT_DOMAIN_MAX];

	strlcpy(name, p->name, sizeof(name));
	told.domain = name;
	route_copy(&now->route, &p->round->route);
	memcpy(now->result, p->round->result, sizeof(now->result));
	r->last = loop_now(r->loop);
	r->ops.round(r->ops.arg, &told);
	route_fini(&now->route);
	mem_free(&now);
}

/* One more interval of silence: the round counts when every host of it has
 * either answered or is as silent. */
static void
on_wait(const struct probe_wait *w, void *arg)
{
	struct probing *h = arg;
	struct runner *r = h->pace->runner;
	struct round *round = h->pace->round;
	struct probe_result *to = &round->result[h->at];
	unsigned silent = 0;

	if (!w->counts)
		return;
	h->silent++;
	*to = (struct probe_result){ .code = w->code,
		.phase = w->phase,
		.tls_by = config_tls_word(pace_conf(h->pace)->deliver.tls),
		.tls_why = "",
		.stale_dns = round->route.stale };
	strlcpy(to->text, w->text, sizeof(to->text));
	for (unsigned i = 0; i < round->route.n; i++)
		silent += round->host[i].silent > 0;
	if (silent < round->left)
		return;
	if (probe_gives_up(h->silent, pace_conf(h->pace)->probe.fall,
		h->pace->given_up)) {
		h->pace->given_up++;
		pace_finish(h->pace, round_code(round), true);
		runner_next(r);
	} else {
		round_tell(h->pace);
	}
}

static void
probing_start(struct probing *h)
{
	static const struct probe_ops ops = { .done = on_result,
		.wait = on_wait };
	struct pace *p = h->pace;
	struct runner *r = p->runner;
	const struct conf_domain *d = pace_conf(p);
	struct probe_ask ask = { .domain = p->name, .mailbox = d->probe.rcpt };
	struct probe_target t = { .host = &p->round->route.host[h->at],
		.helo = r->conf->hostname,
		.sender = d->probe.sender != NULL ? d->probe.sender : "",
		.depth = (enum probe_depth)d->probe.depth,
		.tls = d->deliver.tls,
		.connect_ms = d->deliver.connect_ms,
		.clear_after_ms = d->retry.first_ms,
		.timeout_ms = d->probe.timeout_ms,
		.interval_ms = d->probe.interval_ms,
		.resolve_ns = p->round->resolve_ns,
		.ask = &ask,
		.nasks = 1 };
	char postmaster[PATH_MAILBOX_MAX];

	snprintf(postmaster, sizeof(postmaster), "postmaster@%s", p->name);
	if (ask.mailbox == NULL)
		ask.mailbox = postmaster;
	if (d->deliver.source_addr.len != 0)
		t.source = &d->deliver.source_addr;
	if (r->env.tls == NULL && t.depth == PROBE_DEPTH_STARTTLS)
		t.depth = PROBE_DEPTH_EHLO;
	r->running++;
	h->run = probe_smtp_start(&r->env, &t, &ops, h);
}

static void
runner_next(struct runner *r)
{
	struct probing *h;

	while (r->running < r->conf->probe_concurrency &&
	    (h = TAILQ_FIRST(&r->line)) != NULL) {
		TAILQ_REMOVE(&r->line, h, link);
		h->waiting = false;
		probing_start(h);
	}
}

/* A host that DANE puts off has something to say for itself. */
static bool
puts_off(const struct route *route)
{
	for (unsigned i = 0; i < route->n; i++) {
		const struct dane *d = route->host[i].dane;

		if (d != NULL && d->need == DANE_DEFER)
			return true;
	}
	return false;
}

static void
on_route(const struct route *route, void *arg)
{
	static const enum reach_code codes[] = {
		[ROUTE_OK] = REACH_OK,
		[ROUTE_DNS_FAIL] = REACH_DNS_FAIL,
		[ROUTE_SELF] = REACH_SELF,
		[ROUTE_NULL_MX] = REACH_NO_HOST,
		[ROUTE_NO_HOST] = REACH_NO_HOST,
	};
	struct pace *p = arg;
	struct runner *r = p->runner;
	struct round *round = mem_alloc(sizeof(*round));

	p->req = NULL;
	p->round = round;
	route_copy(&round->route, route);
	round->resolve_ns = loop_now(r->loop) - p->start;
	if ((route->status != ROUTE_OK && !puts_off(route)) || route->n == 0) {
		pace_finish(p,
		    route->status == ROUTE_OK ? REACH_NO_HOST :
						codes[route->status],
		    false);
		return;
	}
	round->left = route->n;
	for (unsigned i = 0; i < route->n; i++) {
		round->host[i].pace = p;
		round->host[i].at = i;
		round->host[i].waiting = true;
		TAILQ_INSERT_TAIL(&r->line, &round->host[i], link);
	}
	runner_next(r);
}

static void
pace_round(struct pace *p)
{
	struct runner *r = p->runner;
	const struct conf_domain *d = pace_conf(p);

	if (p->busy || d == NULL)
		return;
	loop_timer_cancel(p->timer);
	p->busy = true;
	p->start = loop_now(r->loop);
	p->req = route_lookup(r->dns, r->self, p->name,
	    (const char *const *)d->primary.s, d->primary.n, d->probe.port,
	    on_route, p);
	if (d->deliver.tls == CONF_TLS_DANE)
		route_with_dane(p->req);
}

static void
on_due(void *arg)
{
	pace_round(arg);
}

static struct pace *
pace_new(struct runner *r, const struct conf_domain *d)
{
	struct pace *p = mem_alloc(sizeof(*p));
	int64_t spread =
	    FIRST_SPREAD_MS + (int64_t)r->conf->ndomains * FIRST_PER_DOMAIN_MS;

	p->runner = r;
	strlcpy(p->name, d->name, sizeof(p->name));
	p->timer = loop_timer_create(r->loop, on_due, p);
	if (spread > d->probe.interval_ms)
		spread = d->probe.interval_ms;
	if (d->probe.enabled)
		loop_timer_set(p->timer, rnd_below((uint32_t)spread + 1));
	return p;
}

/* Both lists ascend by name: one pass keeps, adds and drops. What runs goes
 * on only where nothing changed that it was started with. */
void
runner_configure(struct runner *r, struct config *conf,
    const struct route_self *self)
{
	struct pace **old = r->pace;
	struct config *old_conf = r->conf;
	size_t nold = r->n, i, j = 0;

	r->conf = config_ref(conf);
	r->self = self;
	r->pace = mem_array(conf->ndomains + 1, sizeof(r->pace[0]));
	r->n = conf->ndomains;
	for (i = 0; i < conf->ndomains; i++) {
		const struct conf_domain *d = &conf->domain[i];

		while (j < nold && strcmp(old[j]->name, d->name) < 0)
			pace_destroy(&old[j++]);
		if (j == nold || strcmp(old[j]->name, d->name) != 0) {
			r->pace[i] = pace_new(r, d);
			continue;
		}
		r->pace[i] = old[j++];
		/* Borrowed settings and `self` are new: begin afresh. */
		if (r->pace[i]->busy || !d->probe.enabled)
			pace_stop(r->pace[i]);
		/* The spread of the first rounds is kept. */
		if (r->pace[i]->start == 0 && d->probe.enabled &&
		    loop_timer_pending(r->pace[i]->timer))
			continue;
		loop_timer_cancel(r->pace[i]->timer);
		pace_schedule(r->pace[i]);
	}
	while (j < nold)
		pace_destroy(&old[j++]);
	mem_free(&old);
	config_unref(&old_conf);
}

static int
pace_cmp(const void *name, const void *entry)
{
	return strcmp(name, (*(struct pace *const *)entry)->name);
}

static struct pace *
pace_find(struct runner *r, const char *domain)
{
	struct pace **p;

	if (r->n == 0)
		return NULL;
	p = bsearch(domain, r->pace, r->n, sizeof(r->pace[0]), pace_cmp);
	return p != NULL ? *p : NULL;
}

void
runner_hurry(struct runner *r, const char *domain, bool hurry)
{
	struct pace *p = pace_find(r, domain);

	if (p == NULL || p->hurry == hurry)
		return;
	p->hurry = hurry;
	if (!p->busy)
		pace_schedule(p);
}

int
runner_now(struct runner *r, const char *domain)
{
	struct pace *p = pace_find(r, domain);

	if (p == NULL)
		return -MX_ENOENT;
	pace_round(p);
	return 0;
}

int64_t
runner_last(const struct runner *r)
{
	return r->last;
}
