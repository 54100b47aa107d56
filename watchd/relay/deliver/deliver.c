/* SPDX-License-Identifier: ISC
 * deliver: destinations. Each domain that the queue wants connections for has
 * one, with its route (asked again after 30 s, or at once when it failed, so
 * that a flush uses the addresses of today), its sessions, and what is
 * remembered of its hosts. All decisions are made in one task, after the
 * callbacks of a turn: callbacks only touch a destination. Connections of all
 * domains together are bounded; beyond that destinations wait in line and
 * get one each in turn. Domains that nobody configured, where our own
 * notifications go, are at the end of the line, and half of the connections
 * are never theirs: thousands of dead senders do not delay one primary.
 *
 * A resolver that fails, a domain that seems to be ours and a server that
 * does not let us in hold mail; only a null MX of a domain that we are not
 * the backup of fails it (RFC 7505). */
#include "relay/deliver/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/deliver_int.h"

#define ROUTE_KEEP_MS  30000
#define CLOSED_MIN_MS  1000 /* after the first failure, doubling */
#define CLOSED_MAX_MS  60000
#define HOST_ADDRS_MAX 8 /* of one host, so that the next gets a chance */
#define DRAIN_POLL_MS  50
#define LOOKUPS_MAX    32 /* at once, of domains that nobody configured */
#define LOOKUP_WAIT_MS 1000

static bool is_ours(const struct target *);
static void target_timer(void *arg);
static void target_routed(const struct route *, void *arg);

static int
target_cmp(const struct target *a, const struct target *b)
{
	return strcmp(a->domain, b->domain);
}
RB_PROTOTYPE(target_tree, target, node, target_cmp)
RB_GENERATE(target_tree, target, node, target_cmp)

void
target_touch(struct target *d)
{
	struct deliver *dl = d->deliver;

	if (d->dirty)
		return;
	d->dirty = true;
	TAILQ_INSERT_TAIL(&dl->dirty, d, dirty_link);
	loop_task_schedule(dl->task);
}

static struct target *
target_get(struct deliver *dl, const char *domain)
{
	struct target *d, key;

	strlcpy(key.domain, domain, sizeof(key.domain));
	if ((d = RB_FIND(target_tree, &dl->targets, &key)) != NULL)
		return d;
	d = mem_alloc(sizeof(*d));
	d->deliver = dl;
	strlcpy(d->domain, domain, sizeof(d->domain));
	TAILQ_INIT(&d->sessions);
	d->timer = loop_timer_create(dl->loop, target_timer, d);
	RB_INSERT(target_tree, &dl->targets, d);
	return d;
}

/* The look-up under way, if there is one, is over. */
static void
route_end(struct target *d)
{
	d->deliver->lookups -= d->req_foreign;
	d->req_foreign = false;
	route_cancel(&d->req);
}

static void
target_free(struct target *d)
{
	struct deliver *dl = d->deliver;

	if (d->dirty)
		TAILQ_REMOVE(&dl->dirty, d, dirty_link);
	if (d->waiting)
		TAILQ_REMOVE(&dl->waiting, d, wait_link);
	RB_REMOVE(target_tree, &dl->targets, d);
	loop_timer_destroy(&d->timer);
	route_end(d);
	free(d->route);
	free(d);
}

static void
target_timer(void *arg)
{
	target_touch(arg);
}

struct host_note *
target_note(struct target *d, const char *label)
{
	struct host_note *n, *old = &d->notes[0];
	unsigned i;

	for (i = 0; i < MX_COUNT(d->notes); i++) {
		n = &d->notes[i];
		if (strcmp(n->label, label) == 0)
			return n;
		if (n->down_until_ns + n->clear_until_ns <
		    old->down_until_ns + old->clear_until_ns)
			old = n;
	}
	*old = (struct host_note){ .down_until_ns = 0 };
	strlcpy(old->label, label, sizeof(old->label));
	return old;
}

void
target_outcome(struct target *d, const struct deliver_outcome *o)
{
	struct deliver *dl = d->deliver;

	if (dl->ops.outcome != NULL && !dl->ended)
		dl->ops.outcome(dl->ops.arg, d->domain, o);
}

/* No new connection for a while: 1 s, 2 s, ... 60 s. */
static void
target_close(struct target *d)
{
	unsigned shift = d->fails < 6 ? d->fails : 6;
	int64_t ms = (int64_t)CLOSED_MIN_MS << shift;

	if (ms > CLOSED_MAX_MS)
		ms = CLOSED_MAX_MS;
	d->fails++;
	d->closed_until_ns =
	    loop_now(d->deliver->loop) + rnd_jitter(ms, 20) * CLOCK_MS;
	d->route_until_ns = 0;
	target_touch(d);
}

void
target_ready(struct target *d, const struct outbound *s)
{
	/* No good outcome yet: one that greets us and refuses each message
	 * would be up and suspect in turn for ever. */
	d->fails = 0;
	d->closed_until_ns = 0;
	target_note(d, s->cand[s->at].label)->down_until_ns = 0;
}

/* 4xx for a greeting while another session works: one connection too many.
 * The window learns from it, the health does not. */
static bool
target_crowded(const struct target *d, enum smtp_phase phase, uint16_t code)
{
	const struct outbound *s;

	if (phase != SMTP_PHASE_GREETING || code / 100 != 4)
		return false;
	TAILQ_FOREACH (s, &d->sessions, link)
		if (s->state == SESSION_LOAD || s->state == SESSION_SEND)
			return true;
	return false;
}

void
target_failed(struct target *d, const char *host, enum smtp_phase phase,
    uint16_t code, const char *text)
{
	struct deliver *dl = d->deliver;
	struct domain_stats *st = stats_domain(dl->stats, d->domain);
	const struct deliver_outcome bad = { .phase = phase,
		.code = code,
		.host = host,
		.text = text };

	st->attempts++;
	st->attempts_failed[phase]++;
	/* The sessions that began together with one that has failed already
	 * tell nothing new. */
	if (loop_now(dl->loop) < d->closed_until_ns)
		return;
	target_close(d);
	if (!target_crowded(d, phase, code))
		target_outcome(d, &bad);
	if (!dl->ended)
		queue_connect_failed(dl->queue, d->domain);
}

bool
target_goes_on(const struct target *d)
{
	return !d->deliver->draining && d->nbusy < d->wanted;
}

/* Have the domains that nobody configured all that they may have? */
static bool
foreign_full(const struct deliver *dl)
{
	unsigned most = dl->conf->deliver_connections / 2;

	return dl->nforeign >= (most > 0 ? most : 1);
}

/* Who gets the next connection, when there is one. */
static struct target *
next_waiting(const struct deliver *dl)
{
	struct target *w = TAILQ_FIRST(&dl->waiting);

	return w != NULL && !is_ours(w) && foreign_full(dl) ? NULL : w;
}

bool
target_yields(const struct target *d)
{
	const struct target *w = next_waiting(d->deliver);

	return w != NULL && w != d && w->nsessions + 1 < d->nsessions;
}

/* ---- jobs */

struct work *
work_take(struct target *d, struct outbound *s, size_t body_max,
    store_load_cb *loaded)
{
	struct deliver *dl = d->deliver;
	struct queue_job *job = queue_take(dl->queue, d->domain);
	struct work *w;

	if (job == NULL)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->session = s;
	w->job = job;
	dl->jobs++;
	w->load = store_load(dl->store, job->id, body_max, loaded, w);
	return w;
}

void
work_end(struct deliver *dl, struct work **wp, enum job_outcome outcome)
{
	struct work *w = *wp;

	*wp = NULL;
	if (w->load != 0)
		store_cancel(dl->store, w->load);
	dl->jobs--;
	bounce_finish(dl->bounce, w->job, outcome, w->env, w->latency_ns);
	free(w->data);
	free(w);
	if (dl->draining)
		loop_task_schedule(dl->task);
}

void
work_report(struct target *d, const struct work *w, const struct outbound *s,
    enum smtp_phase phase, const char *note)
{
	struct deliver *dl = d->deliver;
	struct domain_stats *st = stats_domain(dl->stats, d->domain);
	const struct envelope *env = w->env;
	const struct candidate *c = s != NULL ? &s->cand[s->at] : NULL;
	char id[TEXT_ID_MAX], addr[ADDR_TEXT_MAX] = "", status[16], delay[32];
	int64_t spent_ns = loop_now(dl->loop) - w->start_ns;

	st->attempts++;
	if (phase != SMTP_PHASE_EOD || *note != '\0')
		st->attempts_failed[phase]++;
	hist_add(&dl->stats->g.attempt_duration, &hist_attempt,
	    (double)spent_ns / (double)CLOCK_SEC);
	log_info("deliver",
	    "id=%s domain=%s host=%s addr=%s tls=%s rcpts=%u delivered=%u "
	    "deferred=%u failed=%u phase=%s code=%u status=%s delay=%s "
	    "reply=%s%s%s",
	    text_id(env->id, id), d->domain, log_q(c != NULL ? c->label : ""),
	    c != NULL ? addr_text_port(&c->addr, addr) : "",
	    s != NULL && s->conn != NULL && conn_tls_info(s->conn) != NULL ?
		log_q(conn_tls_info(s->conn)->version) :
		"none",
	    w->pending, envelope_count(env, RCPT_DELIVERED) - w->delivered,
	    envelope_count(env, RCPT_PENDING),
	    envelope_count(env, RCPT_FAILED) - w->failed,
	    smtp_phase_name(phase), (unsigned)w->code,
	    smtp_status_fmt(&w->status, status),
	    text_duration_fmt(clock_wall_ms() - env->arrival_ms, delay,
		sizeof(delay)),
	    log_q(w->reply), *note != '\0' ? " event=" : "", note);
}

/* ---- where to */

static bool
is_ours(const struct target *d)
{
	return config_domain(d->deliver->conf, d->domain) != NULL;
}

static void
route_begin(struct target *d)
{
	struct deliver *dl = d->deliver;
	const struct conf_domain *dom = config_domain(dl->conf, d->domain);
	const char *primary[ROUTE_HOST_MAX];
	uint16_t port = 25;
	size_t i, n = 0;

	if (d->req != NULL)
		return;
	if (dom == NULL && dl->lookups >= LOOKUPS_MAX) {
		loop_timer_set(d->timer, rnd_jitter(LOOKUP_WAIT_MS, 50));
		return;
	}
	d->req_foreign = dom == NULL;
	dl->lookups += d->req_foreign;
	if (dom != NULL) {
		port = dom->probe.port != 0 ? dom->probe.port : 25;
		for (i = 0; i < dom->primary.n && n < ROUTE_HOST_MAX; i++)
			primary[n++] = dom->primary.s[i];
	} else if (dl->conf->dsn.smarthost != NULL) {
		primary[n++] = dl->conf->dsn.smarthost;
	}
	d->req = route_lookup(dl->dns, dl->self, d->domain, primary, n, port,
	    target_routed, d);
}

/* The hosts by preference, equal ones in random order, the failed ones at the
 * end; all addresses of a host before the next host. */
static struct candidate *
candidates(struct target *d, unsigned *n)
{
	struct candidate *all, *c;
	unsigned order[ROUTE_HOST_MAX], i, j, k, pass;
	const struct route_host *h;
	const struct route *r = d->route;
	int64_t now = loop_now(d->deliver->loop);

	for (i = 0; i < r->n; i++)
		order[i] = i;
	for (i = 0; i < r->n; i = j) {
		for (j = i; j < r->n && r->host[j].pref == r->host[i].pref;
		     j++) {
			k = i + rnd_below(j - i + 1);
			order[j] = order[k];
			order[k] = j;
		}
	}
	all = mem_array(DELIVER_CANDIDATES, sizeof(*all));
	*n = 0;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < r->n; i++) {
			h = &r->host[order[i]];
			if ((target_note(d, h->label)->down_until_ns > now) !=
			    (pass == 1))
				continue;
			for (j = 0; j < h->naddrs && j < HOST_ADDRS_MAX &&
			     *n < DELIVER_CANDIDATES;
			     j++) {
				c = &all[(*n)++];
				strlcpy(c->name, h->name, sizeof(c->name));
				strlcpy(c->label, h->label, sizeof(c->label));
				c->addr = h->addr[j];
				addr_port_set(&c->addr, h->port);
			}
		}
	if (*n == 0)
		mem_free(&all);
	return all;
}

/* A route is no use when no host of it has an address. */
static enum route_status
route_judge(const struct route *r)
{
	enum route_status st = ROUTE_NO_HOST;
	unsigned i;

	if (r->status != ROUTE_OK)
		return r->status;
	for (i = 0; i < r->n; i++) {
		if (r->host[i].naddrs > 0)
			return ROUTE_OK;
		if (r->host[i].dns == DNS_FAIL || r->host[i].dns == DNS_BOGUS)
			st = ROUTE_DNS_FAIL;
	}
	return st;
}

static void
target_unroutable(struct target *d, enum route_status st)
{
	struct deliver *dl = d->deliver;
	struct deliver_outcome o = { .phase = SMTP_PHASE_RESOLVE,
		.host = "",
		.text = route_status_name(st),
		.dns = st == ROUTE_DNS_FAIL,
		.self = st == ROUTE_SELF };
	struct domain_stats *ds = stats_domain(dl->stats, d->domain);

	log_info("deliver", "domain=%s event=no_route reason=%s", d->domain,
	    route_status_name(st));
	ds->attempts++;
	ds->attempts_failed[SMTP_PHASE_RESOLVE]++;
	target_close(d);
	target_outcome(d, &o);
	if (st != ROUTE_DNS_FAIL)
		queue_connect_failed(dl->queue, d->domain);
}

static void
target_routed(const struct route *r, void *arg)
{
	struct target *d = arg;
	enum route_status st = route_judge(r);

	d->req = NULL;
	route_end(d);
	mem_free(&d->route);
	if (st != ROUTE_OK && !(st == ROUTE_NULL_MX && !is_ours(d))) {
		target_unroutable(d, st);
		return;
	}
	d->route = mem_dup(r, sizeof(*r));
	d->route_until_ns =
	    loop_now(d->deliver->loop) + ROUTE_KEEP_MS * CLOCK_MS;
	target_touch(d);
}

/* ---- a domain that takes no mail */

static void
refuse_loaded(void *arg, struct store_loaded *l)
{
	static const struct smtp_status st = { 5, 1, 10 };
	struct target *d = arg;
	struct work *w = d->refuse;
	uint32_t i;

	w->load = 0;
	w->env = l->env;
	w->data = l->data;
	w->start_ns = loop_now(d->deliver->loop);
	strlcpy(w->reply, "the domain accepts no mail (null MX)",
	    sizeof(w->reply));
	w->status = st;
	if (l->rc == 0 && w->env != NULL) {
		w->pending = envelope_count(w->env, RCPT_PENDING);
		w->delivered = envelope_count(w->env, RCPT_DELIVERED);
		w->failed = envelope_count(w->env, RCPT_FAILED);
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_PENDING)
				rcpt_set(&w->env->rcpts[i], RCPT_FAILED, 0, &st,
				    w->reply);
		work_report(d, w, NULL, SMTP_PHASE_RESOLVE, "null_mx");
	}
	work_end(d->deliver, &d->refuse,
	    w->env != NULL && (l->rc == 0 || l->rc == -MX_EIO) ? JOB_TRIED :
		l->rc == -MX_EIO			       ? JOB_LOST :
								 JOB_DAMAGED);
	target_touch(d);
}

/* One after the other: there are few of them. */
static void
target_refuse(struct target *d)
{
	struct deliver *dl = d->deliver;
	struct queue_job *job;

	if (d->refuse != NULL ||
	    (job = queue_take(dl->queue, d->domain)) == NULL)
		return;
	d->refuse = mem_alloc(sizeof(*d->refuse));
	d->refuse->job = job;
	dl->jobs++;
	d->refuse->load = store_load(dl->store, job->id, 0, refuse_loaded, d);
}

/* ---- who gets a connection */

static void
target_wait(struct target *d)
{
	struct deliver *dl = d->deliver;
	bool ours = is_ours(d);
	struct target *w = NULL;
	struct outbound *s;

	if (d->waiting)
		return;
	d->waiting = true;
	if (ours)
		TAILQ_FOREACH (w, &dl->waiting, wait_link)
			if (!is_ours(w))
				break;
	if (w != NULL)
		TAILQ_INSERT_BEFORE(w, d, wait_link);
	else
		TAILQ_INSERT_TAIL(&dl->waiting, d, wait_link);
	/* Somebody's idle connection makes room. */
	TAILQ_FOREACH (s, &dl->idle, list)
		if (ours || s->foreign || !foreign_full(dl)) {
			outbound_quit(s);
			break;
		}
}

/* May it have a connection before those who wait? */
static bool
target_first(const struct target *d)
{
	const struct deliver *dl = d->deliver;
	const struct target *w = TAILQ_FIRST(&dl->waiting);

	if (dl->nsessions >= dl->conf->deliver_connections)
		return false;
	if (is_ours(d))
		return w == NULL || !is_ours(w);
	return w == NULL && !foreign_full(dl);
}

/* True when a connection may be opened now; otherwise sees to what lacks. */
static bool
target_may_open(struct target *d)
{
	int64_t now = loop_now(d->deliver->loop);

	if (d->nbusy >= d->wanted || d->deliver->draining)
		return false;
	if (now < d->closed_until_ns) {
		loop_timer_set(d->timer,
		    (d->closed_until_ns - now) / CLOCK_MS + 1);
		return false;
	}
	if (d->route == NULL || now >= d->route_until_ns) {
		route_begin(d);
		return false;
	}
	if (d->route->status == ROUTE_NULL_MX) {
		target_refuse(d);
		return false;
	}
	return true;
}

static void
target_open(struct target *d)
{
	struct candidate *c;
	unsigned n;

	c = candidates(d, &n);
	MX_ASSERT(c != NULL); /* route_judge() */
	outbound_create(d, c, n);
}

/* Nothing is under way and nothing worth remembering is left: forget it. */
static void
target_forget(struct target *d)
{
	int64_t now = loop_now(d->deliver->loop), until = d->route_until_ns;
	unsigned i;

	if (d->wanted > 0 || !TAILQ_EMPTY(&d->sessions) || d->req != NULL ||
	    d->refuse != NULL)
		return;
	if (d->closed_until_ns > until)
		until = d->closed_until_ns;
	for (i = 0; i < MX_COUNT(d->notes); i++) {
		if (d->notes[i].down_until_ns > until)
			until = d->notes[i].down_until_ns;
		if (d->notes[i].clear_until_ns > until)
			until = d->notes[i].clear_until_ns;
	}
	if (until > now)
		loop_timer_set(d->timer, (until - now) / CLOCK_MS + 1);
	else
		target_free(d);
}

static void
target_work(struct target *d)
{
	struct outbound *s, *next;

	for (s = TAILQ_FIRST(&d->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->state != SESSION_IDLE)
			continue;
		if (!target_goes_on(d))
			break;
		outbound_kick(s);
		if (s->state == SESSION_IDLE)
			return; /* the queue has nothing after all */
	}
	while (target_may_open(d)) {
		if (!target_first(d)) {
			target_wait(d);
			return;
		}
		target_open(d);
	}
	target_forget(d);
}

/* Those in line get one each, and go to its end when they want more. */
static void
serve_waiting(struct deliver *dl)
{
	struct target *d;

	while ((d = next_waiting(dl)) != NULL &&
	    dl->nsessions < dl->conf->deliver_connections) {
		TAILQ_REMOVE(&dl->waiting, d, wait_link);
		d->waiting = false;
		if (!target_may_open(d))
			continue;
		target_open(d);
		if (target_may_open(d))
			target_wait(d);
	}
}

static void
free_gone(struct deliver *dl)
{
	struct outbound *s;

	while ((s = TAILQ_FIRST(&dl->gone)) != NULL) {
		TAILQ_REMOVE(&dl->gone, s, list);
		outbound_free(s);
	}
}

static void
deliver_task(void *arg)
{
	struct deliver *dl = arg;
	struct target_list turn = TAILQ_HEAD_INITIALIZER(turn);
	struct target *d;

	free_gone(dl);
	if (dl->conf == NULL)
		return;
	/* What is touched meanwhile has its turn in the next one. */
	TAILQ_CONCAT(&turn, &dl->dirty, dirty_link);
	while ((d = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, d, dirty_link);
		d->dirty = false;
		target_work(d);
	}
	serve_waiting(dl);
	if (dl->draining && dl->drained != NULL && dl->jobs == 0) {
		if (bounce_pending(dl->bounce) > 0) {
			loop_timer_set(dl->drain_timer, DRAIN_POLL_MS);
		} else {
			void (*fn)(void *) = dl->drained;

			dl->drained = NULL;
			fn(dl->drained_arg);
		}
	}
}

/* ---- the module */

static void
drain_poll(void *arg)
{
	struct deliver *dl = arg;

	loop_task_schedule(dl->task);
}

struct deliver *
deliver_create(struct loop *loop, struct dns *dns, struct store *store,
    struct queue *queue, struct bounce *bounce, struct stats *stats,
    const struct deliver_ops *ops)
{
	struct deliver *dl = mem_alloc(sizeof(*dl));
	struct mx_errbuf eb;

	dl->loop = loop;
	dl->dns = dns;
	dl->store = store;
	dl->queue = queue;
	dl->bounce = bounce;
	dl->stats = stats;
	dl->ops = *ops;
	RB_INIT(&dl->targets);
	TAILQ_INIT(&dl->dirty);
	TAILQ_INIT(&dl->waiting);
	TAILQ_INIT(&dl->idle);
	TAILQ_INIT(&dl->gone);
	dl->task = loop_task_create(loop, deliver_task, dl);
	dl->drain_timer = loop_timer_create(loop, drain_poll, dl);
	if ((dl->tls = tls_client_create(&eb)) == NULL)
		log_error("deliver", "event=no_tls error=%s", log_q(eb.text));
	if ((dl->tls_strict = tls_client_strict_create(&eb)) == NULL)
		log_error("deliver", "event=no_tls error=%s", log_q(eb.text));
	return dl;
}

void
deliver_destroy(struct deliver **dlp)
{
	struct deliver *dl = *dlp;
	struct outbound *s;
	struct target *d;

	if (dl == NULL)
		return;
	dl->draining = true;
	dl->ended = true;
	RB_FOREACH (d, target_tree, &dl->targets) {
		while ((s = TAILQ_FIRST(&d->sessions)) != NULL)
			outbound_abort(s);
		if (d->refuse != NULL)
			work_end(dl, &d->refuse, JOB_RETURNED);
	}
	free_gone(dl);
	while ((d = RB_MIN(target_tree, &dl->targets)) != NULL)
		target_free(d);
	loop_task_destroy(&dl->task);
	loop_timer_destroy(&dl->drain_timer);
	tls_ctx_destroy(&dl->tls);
	tls_ctx_destroy(&dl->tls_strict);
	config_unref(&dl->conf);
	mem_free(dlp);
}

void
deliver_configure(struct deliver *dl, struct config *conf,
    const struct route_self *self)
{
	struct target *d;

	config_ref(conf);
	config_unref(&dl->conf);
	dl->conf = conf;
	dl->self = self;
	RB_FOREACH (d, target_tree, &dl->targets) {
		/* A look-up under way asks for what was configured. */
		route_end(d);
		d->route_until_ns = 0;
		target_touch(d);
	}
}

void
deliver_want(struct deliver *dl, const char *domain, unsigned connections)
{
	struct target *d, key;

	if (dl->ended)
		return;
	if (connections == 0) {
		strlcpy(key.domain, domain, sizeof(key.domain));
		d = RB_FIND(target_tree, &dl->targets, &key);
	} else {
		d = target_get(dl, domain);
	}
	if (d == NULL)
		return;
	/* After a time without a wish the pace is the queue's: a primary that
	 * has recovered does not wait for what we thought of it before. */
	if (d->wanted == 0)
		d->closed_until_ns = 0;
	/* The same number again says that there is work once more. */
	d->wanted = connections;
	target_touch(d);
}

void
deliver_drain(struct deliver *dl, void (*idle)(void *arg), void *arg)
{
	struct outbound *s, *next;
	struct target *d;

	dl->draining = true;
	dl->drained = idle;
	dl->drained_arg = arg;
	RB_FOREACH (d, target_tree, &dl->targets)
		for (s = TAILQ_FIRST(&d->sessions); s != NULL; s = next) {
			next = TAILQ_NEXT(s, link);
			if (s->state != SESSION_SEND)
				outbound_quit(s);
		}
	loop_task_schedule(dl->task);
}

unsigned
deliver_connections(const struct deliver *dl)
{
	return dl->nsessions;
}
