/* SPDX-License-Identifier: ISC
 * sim_judge: the books: messages, hosts, what follows from each event. The
 * judgements that need time are in sim_judge_time.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/window.h"
#include "tests/sim/sim_judge_int.h"

#define SESSION_MS   120000 /* of a probe, from its first address to the last */
#define UNDER_WAY_MS 60000
#define CHANGED_MS   900000 /* the longest wait for a reply */

/* Why a property is off; NULL: it is on. */
static const char *off[P_MAX];

static const char *const names[P_MAX] = {
	[P_DOMAIN] = "domain",
	[P_WINDOW] = "window",
	[P_WINDOW_SHARED] = "window_shared",
	[P_WINDOW_MIXED] = "window_mixed",
	[P_CANARY] = "canary",
	[P_CANARY_SHARED] = "canary_shared",
	[P_BEHIND] = "behind",
	[P_STARVED] = "starved",
	[P_STARVED_NEXT] = "starved_next",
	[P_TURNS] = "turns",
	[P_DOWN] = "down",
	[P_FALSE_DOWN] = "false_down",
	[P_FIRST] = "first",
	[P_FIRST_SHARED] = "first_shared",
	[P_FIRST_HUNG] = "first_hung",
	[P_WHILE_DOWN] = "while_down",
	[P_LOST] = "lost",
	[P_TWICE] = "twice",
	[P_JOB] = "job",
	[P_VERDICT] = "verdict",
	[P_PROBES] = "probes",
	[P_DISABLED] = "disabled",
	[P_REFUSED] = "refused",
	[P_CLOCK] = "clock",
	[P_STUCK] = "stuck",
};

struct judge_result judge_result;
struct judge arbiter;
static bool tracing;

const char *
property_name(enum property p)
{
	return names[p];
}

const char *
property_off(enum property p)
{
	return off[p];
}

enum property
property_find(const char *name)
{
	unsigned i;

	for (i = 0; i < P_MAX && strcmp(names[i], name) != 0; i++)
		;
	return (enum property)i;
}

void
property_switch(enum property p, bool on)
{
	off[p] = on ? NULL : "switched off";
}

void
judge_trace(bool on)
{
	tracing = on;
}

void
trace(const char *fmt, ...)
{
	va_list ap;

	if (!tracing)
		return;
	printf("%s ", sim_time_text(clock_now()));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void
judge_fail(enum property p, const char *fmt, ...)
{
	va_list ap;

	if (arbiter.over)
		return;
	if (off[p] != NULL) {
		judge_result.off[p]++;
		return;
	}
	if (judge_result.failed)
		return;
	judge_result.failed = true;
	judge_result.property = p;
	printf("%s: %s: ", sim_time_text(clock_now()), names[p]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	sim_stop();
}

/* ---- beginning and end */

struct sdomain *
judge_domain(const char *name)
{
	unsigned n;

	if (sscanf(name, "d%u.test", &n) != 1 || n >= arbiter.ndomains)
		return NULL;
	return &arbiter.domain[n];
}

struct judge_host *
host_of(const struct server *s)
{
	return &arbiter.host[s->index];
}

const struct judge_host *
judge_host(const struct server *s)
{
	return host_of(s);
}

static void
host_add(struct judge_host *h, const struct sdomain *d)
{
	h->simple = (h->ndomains == 0 || h->simple) && d->at.nhosts == 1;
	h->shared = h->ndomains > 0;
	h->ndomains++;
	h->by_mx |= d->at.by_mx;
	h->nlabels += d->own_names || h->nlabels == 0;
	/* Nobody knows the primaries of the others, or where those are, before
	 * their first mail. */
	if ((d->probed || (!d->at.by_mx && !d->own_names)) &&
	    (h->most == 0 || d->connections < h->most))
		h->most = d->connections;
	if (d->connections > h->largest)
		h->largest = d->connections;
}

static void
hosts_add(struct sdomain *d)
{
	for (unsigned j = 0; j < d->at.nhosts; j++) {
		struct judge_host *h = host_of(d->at.host[j]);

		if (!d->at.dropped)
			host_add(h, d);
		/* Its mail has no gate. */
		h->ungated |= d->at.dropped || !d->probed;
	}
}

void
judge_begin(struct sdomain *domain, unsigned ndomains, unsigned nservers,
    int64_t slack_ms)
{
	memset(&arbiter, 0, sizeof(arbiter));
	memset(&judge_result, 0, sizeof(judge_result));
	arbiter.domain = domain;
	arbiter.ndomains = ndomains;
	arbiter.nservers = nservers;
	arbiter.slack_ms = slack_ms;
	arbiter.host = mem_array(nservers, sizeof(*arbiter.host));
	arbiter.dns_since = arbiter.begin = clock_now();
	idmap_init(&arbiter.messages);
	for (unsigned i = 0; i < ndomains; i++) {
		hosts_add(&domain[i]);
		judge_time_create(&domain[i]);
	}
}

/* Who goes where has changed. */
static void
hosts_again(void)
{
	for (unsigned i = 0; i < arbiter.nservers; i++) {
		struct judge_host *h = &arbiter.host[i];

		h->ndomains = h->nlabels = h->most = h->largest = 0;
		h->by_mx = false;
		h->simple = h->shared = h->ungated = false;
	}
	for (unsigned i = 0; i < arbiter.ndomains; i++)
		hosts_add(&arbiter.domain[i]);
}

static void
host_changed(const struct splace *p)
{
	for (unsigned i = 0; i < p->nhosts; i++)
		host_of(p->host[i])->changed_at = clock_now();
}

void
judge_move(struct sdomain *d)
{
	bool same = memcmp(&d->at, &d->to, sizeof(d->at)) == 0;

	d->moving = false;
	if (same)
		return;
	trace("%s: is %s, host %u", d->name,
	    d->to.dropped ? "dropped" : "there", d->to.host[0]->index);
	judge_time_move(d);
	hosts_again();
	host_changed(&d->was);
	host_changed(&d->at);
}

static void
message_free(uint64_t seq, void *m, void *arg)
{
	(void)seq;
	(void)arg;
	free(m);
}

void
judge_over(void)
{
	arbiter.over = true;
}

void
judge_end(void)
{
	for (unsigned i = 0; i < arbiter.ndomains; i++) {
		loop_timer_destroy(&arbiter.domain[i].down_check);
		loop_timer_destroy(&arbiter.domain[i].first_check);
	}
	idmap_each(&arbiter.messages, message_free, NULL);
	idmap_fini(&arbiter.messages);
	mem_free(&arbiter.host);
}

void
judge_patient(bool patient)
{
	arbiter.patient = patient;
}

void
judge_dns(bool ok)
{
	arbiter.dns_since = ok ? clock_now() : 0;
	for (unsigned i = 0; i < arbiter.ndomains; i++)
		arbiter.domain[i].served_at =
		    arbiter.domain[i].at.host[0]->taken;
	trace("dns %s", ok ? "works" : "fails");
}

/* ---- messages */

void
judge_message(uint64_t seq, const unsigned *domain, const uint32_t *rcpts,
    unsigned n)
{
	struct message *m = mem_alloc(sizeof(*m));

	m->seq = seq;
	m->n = n;
	m->left = n;
	for (unsigned i = 0; i < n; i++) {
		m->part[i].domain = domain[i];
		m->part[i].rcpts = rcpts[i];
	}
	idmap_put(&arbiter.messages, seq, m);
	judge_result.messages++;
}

/* NULL: not the world's, a notification. */
static struct message *
message_of(const struct envelope *env, struct mpart **part)
{
	unsigned long long seq;
	struct message *m;
	const struct sdomain *d;

	*part = NULL;
	if (sscanf(env->sender, "m%llu@", &seq) != 1)
		return NULL;
	m = idmap_get(&arbiter.messages, seq);
	d = judge_domain(env->domain);
	if (m == NULL || d == NULL)
		return NULL;
	*part = message_part(m, d->index);
	return m;
}

struct mpart *
message_part(struct message *m, unsigned domain)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->part[i].domain == domain)
			return &m->part[i];
	return NULL;
}

void
judge_committed(const struct envelope *env)
{
	struct mpart *p;
	struct message *m = message_of(env, &p);
	struct sdomain *d;

	if (m == NULL)
		return;
	d = &arbiter.domain[p->domain];
	p->stored = true;
	p->arrival = p->touched = clock_now();
	d->queued++;
	if (d->untried++ == 0)
		d->served_at = d->at.host[0]->taken;
	trace("message %llu stored for %s", (unsigned long long)m->seq,
	    d->name);
}

void
judge_removed(const struct envelope *env)
{
	struct mpart *p;
	struct message *m = message_of(env, &p);
	struct sdomain *d;
	uint32_t open;

	if (m == NULL)
		return;
	d = &arbiter.domain[p->domain];
	open = p->rcpts & ~p->taken & ~p->refused;
	if (open != 0 &&
	    clock_now() - p->arrival < (d->lifetime_ms - 1000) * CLOCK_MS)
		judge_fail(P_LOST,
		    "message %llu for %s left the queue, recipients %x of %x "
		    "were neither taken nor refused",
		    (unsigned long long)m->seq, d->name, open, p->rcpts);
	judge_result.expired += open != 0;
	p->stored = false;
	d->queued--;
	d->untried -= p->offered == 0;
	trace("message %llu for %s is gone", (unsigned long long)m->seq,
	    d->name);
	if (--m->left == 0)
		free(idmap_take(&arbiter.messages, m->seq));
}

void
judge_updated(const struct envelope *was, const struct envelope *is)
{
	for (uint32_t i = 0; i < was->nrcpts; i++)
		if (was->rcpts[i].state == RCPT_DELIVERED &&
		    is->rcpts[i].state != RCPT_DELIVERED)
			judge_fail(P_TWICE,
			    "%s: a delivered recipient of %s "
			    "is undone",
			    is->domain, is->sender);
}

static void
forgive(uint64_t seq, void *value, void *arg)
{
	struct message *m = value;

	(void)seq;
	(void)arg;
	for (unsigned i = 0; i < m->n; i++)
		m->part[i].acked = 0;
}

void
judge_restart(bool crash)
{
	trace("the daemon %s", crash ? "crashes" : "starts again");
	if (crash)
		idmap_each(&arbiter.messages, forgive, NULL);
	arbiter.begin = clock_now();
	for (unsigned i = 0; i < arbiter.nservers; i++) {
		arbiter.host[i].open_domains = 0;
		arbiter.host[i].canary = false;
		memset(arbiter.host[i].heard_at, 0,
		    sizeof(arbiter.host[i].heard_at));
	}
	for (unsigned i = 0; i < arbiter.ndomains; i++)
		judge_time_restart(&arbiter.domain[i]);
}

/* ---- what servers see */

void
judge_heard(const struct visit *v)
{
	if (!v->server->sink)
		host_of(v->server)->heard_at[v->addr] = clock_now();
}

void
judge_connect(const struct server *s)
{
	if (s == NULL)
		return;
	host_of(s)->open++;
	host_of(s)->connects++;
	judge_result.connects++;
}

void
judge_disconnect(const struct server *s)
{
	if (s != NULL)
		host_of(s)->open--;
}

/* The client let it go, or the server did. */
void
judge_closed(const struct visit *v)
{
	if (v->role == VISIT_DELIVERY && v->counted)
		host_of(v->server)->deliveries--;
}

/* Deliveries of today whose message began since then. */
static unsigned
begun_since(const struct server *s, int64_t since)
{
	const struct visit *v;
	unsigned n = 0;

	LIST_FOREACH (v, &s->visits, link)
		n += v->conn != NULL && v->role == VISIT_DELIVERY &&
		    v->mail_at >= since;
	return n;
}

/* After a start who finds it by MX is known when his records were looked up. */
static bool
changed_lately(const struct judge_host *h)
{
	if (h->by_mx &&
	    clock_now() - arbiter.begin < h->probe_ms * 12 / 10 * CLOCK_MS)
		return true;
	return h->changed_at != 0 &&
	    clock_now() - h->changed_at < CHANGED_MS * CLOCK_MS;
}

/* What hung since before the last recovery stands beside the window. */
static void
delivery_begins(struct visit *v)
{
	struct judge_host *h = host_of(v->server);

	if (v->counted)
		return;
	v->counted = true;
	h->deliveries++;
	if (h->most > 0 && h->deliveries > h->most && !changed_lately(h) &&
	    begun_since(v->server, h->anew_since) +
		    (v->mail_at < h->anew_since) >
		h->most)
		judge_fail(h->deliveries <= h->largest ? P_WINDOW_MIXED :
			h->shared		       ? P_WINDOW_SHARED :
							 P_WINDOW,
		    "host %u: %u connections with mail, connections = %u "
		    "(%u domains)",
		    v->server->index, h->deliveries, h->most, h->ndomains);
}

static bool
is_at(const struct splace *p, const struct server *s)
{
	for (unsigned i = 0; i < p->nhosts; i++)
		if (p->host[i] == s)
			return true;
	return false;
}

/* What was sent then. A reload comes to deliver before it comes to the domain. */
static bool
goes_there(const struct sdomain *d, const struct server *s, int64_t sent_at)
{
	return is_at(&d->at, s) || (d->moving && is_at(&d->to, s)) ||
	    (d->moved_at != 0 && is_at(&d->was, s) &&
		sent_at <= d->moved_at + arbiter.slack_ms * CLOCK_MS);
}

/* Of which of its domains is not said yet. */
static void
offered(const struct visit *v)
{
	struct message *m = idmap_get(&arbiter.messages, v->seq);

	for (unsigned i = 0; m != NULL && i < m->n; i++) {
		struct mpart *p = &m->part[i];
		struct sdomain *d = &arbiter.domain[p->domain];

		if (!p->stored || !goes_there(d, v->server, v->mail_at))
			continue;
		d->untried -= p->offered == 0;
		d->served_at = v->server->taken;
		p->offered = d->last_mail = clock_now();
	}
}

/* How many were sent before it whose replies had not come. */
static unsigned
under_way(const struct visit *v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VISIT_FLIGHT && i < v->answers; i++)
		n += v->answered_at[i] > v->sent_at;
	return n;
}

static void
check_behind(const struct visit *v)
{
	const struct judge_host *h = host_of(v->server);
	unsigned n = under_way(v);

	if (n == 0)
		return;
	judge_result.behind++;
	if (n >= arbiter.domain[0].depth)
		judge_fail(P_BEHIND, "host %u: %u messages under way, depth %u",
		    v->server->index, n + 1, arbiter.domain[0].depth);
	if (h->canary && h->simple && !h->ungated && !changed_lately(h) &&
	    v->sent_at >= h->canary_since)
		judge_fail(P_BEHIND,
		    "host %u: message %llu goes behind the canary of %s",
		    v->server->index, (unsigned long long)v->seq,
		    sim_time_text(h->canary_since));
}

void
judge_mail(struct visit *v)
{
	struct judge_host *h = host_of(v->server);

	if (v->conn == NULL)
		return;
	v->mail_at = v->sent_at;
	check_behind(v);
	offered(v);
	h->last_mail = clock_now();
	delivery_begins(v);
	if (h->canary && h->simple && !h->ungated && !changed_lately(h) &&
	    begun_since(v->server, h->canary_since) > 1)
		judge_fail(h->shared ? P_CANARY_SHARED : P_CANARY,
		    "host %u: %u messages at once, none was taken since the "
		    "recovery at %s",
		    v->server->index, begun_since(v->server, h->canary_since),
		    sim_time_text(h->canary_since));
}

static void
check_down(const struct visit *v, const struct sdomain *d)
{
	if (d->state != HEALTH_DOWN || d->forced ||
	    v->mail_at < d->state_since + arbiter.slack_ms * CLOCK_MS ||
	    v->mail_at < d->forced_end + arbiter.slack_ms * CLOCK_MS)
		return;
	judge_fail(P_WHILE_DOWN,
	    "%s is down since %s, message %llu is offered to host %u", d->name,
	    sim_time_text(d->state_since), (unsigned long long)v->seq,
	    v->server->index);
}

enum judge_rcpt
judge_rcpt(struct visit *v, unsigned rcpt, unsigned domain)
{
	struct message *m = idmap_get(&arbiter.messages, v->seq);
	struct mpart *p = m != NULL ? message_part(m, domain) : NULL;
	struct server *s = v->server;
	struct sdomain *d;
	uint32_t bit = 1u << rcpt;

	if (p == NULL || (p->rcpts & bit) == 0 ||
	    !goes_there(&arbiter.domain[domain], s, v->mail_at)) {
		judge_fail(P_DOMAIN,
		    "host %u is offered u%u@d%u.test, message "
		    "%llu",
		    s->index, rcpt, domain, (unsigned long long)v->seq);
		return RCPT_FULL;
	}
	d = &arbiter.domain[domain];
	check_down(v, d);
	if (p->acked & bit)
		judge_fail(P_TWICE,
		    "message %llu for u%u@%s was taken, and is "
		    "sent again",
		    (unsigned long long)v->seq, rcpt, d->name);
	d->last_mail = p->touched = clock_now();
	d->served_at = s->taken;
	p->tries++;
	if (p->first_try == 0)
		p->first_try = clock_now();
	trace("host %u: message %llu try %u for %s", s->index,
	    (unsigned long long)v->seq, p->tries, d->name);
	if (s->greylist_ms != 0 &&
	    clock_now() - p->first_try < s->greylist_ms * CLOCK_MS)
		return RCPT_GREYLISTED;
	if (s->mailbox_percent != 0 && (p->full & bit) == 0) {
		p->full |= bit;
		if (dice_percent(&s->dice, s->mailbox_percent))
			return RCPT_FULL;
	}
	return RCPT_TAKEN;
}

/* A session goes on with what it began with. */
static bool
probes_there(const struct visit *v, unsigned domain)
{
	const struct sdomain *d = &arbiter.domain[domain];

	if (d->moved_at != 0 &&
	    v->since <= d->moved_at + SESSION_MS * CLOCK_MS &&
	    is_at(&d->was, v->server))
		return true;
	return is_at(&d->at, v->server) && !d->at.dropped;
}

void
judge_probe(struct visit *v, unsigned domain)
{
	struct judge_host *h = host_of(v->server);

	if (domain >= arbiter.ndomains || !probes_there(v, domain))
		judge_fail(P_DOMAIN, "host %u is probed for d%u.test",
		    v->server->index, domain);
	else if (!arbiter.domain[domain].probed)
		judge_fail(P_DISABLED, "d%u.test is probed", domain);
	if (!v->counted) {
		v->counted = true;
		h->probes++;
		judge_result.probes++;
		judge_time_probe(v->server);
	}
}

/* A host that answers is alive: its messages need not go one by one for ever. */
void
judge_put_off(struct visit *v)
{
	struct judge_host *h = host_of(v->server);

	if (v->seq == 0 || v->put_off == v->seq || v->mail_at < h->canary_since)
		return;
	v->put_off = v->seq;
	if (++h->answers >= WINDOW_ANSWERS)
		h->canary = false;
}

void
judge_taken(const struct visit *v)
{
	struct message *m = idmap_get(&arbiter.messages, v->seq);
	struct mpart *p = m != NULL ? message_part(m, v->domain) : NULL;
	struct judge_host *h = host_of(v->server);

	if (p == NULL)
		return;
	judge_result.twice_ok += (p->taken & v->rcpts) != 0;
	p->taken |= v->rcpts;
	judge_result.taken++;
	h->taken_at = clock_now();
	/* A transaction that was under way then says it, too. */
	if (v->mail_at >= h->canary_since - UNDER_WAY_MS * CLOCK_MS)
		h->canary = false;
}

void
judge_acked(const struct receipt *r)
{
	struct message *m = idmap_get(&arbiter.messages, r->seq);
	struct mpart *p = m != NULL ? message_part(m, r->domain) : NULL;

	if (p != NULL)
		p->acked |= r->rcpts;
}
