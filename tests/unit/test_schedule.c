/* SPDX-License-Identifier: ISC
 * Whose turn it is, in virtual time: loop, resolver and probe are fakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/schedule.h"
#include "tests/unit/fake_loop.h"

#define INTERVAL_MS 10000

static struct world {
	struct loop *loop;
	struct watch_set *ws;
	struct schedule *s;
	struct loop_task *fan_out;
	struct config conf;
	unsigned known; /* first verdicts */

	/* the resolver */
	bool dns_fails;
	int64_t dns_ms;
	unsigned addr_queries, mx_queries, looking, looking_max;
	unsigned mx_hosts; /* dN.test is at mx(N % mx_hosts).test */
	unsigned addresses; /* mxN.test has the (N % addresses)th; 0: the Nth */

	/* the probe */
	enum reach_code code;
	int64_t probe_ms;
	unsigned sessions, running, running_max;
	unsigned answers; /* of a session, 0: all */
	unsigned silent; /* intervals, before a session ends */
	unsigned burst; /* sessions begun in the same 100 ms, at most */
	int64_t slot;
	unsigned in_slot;
	unsigned asked[400]; /* dN.test */
	char first[TEXT_DOMAIN_MAX]; /* asked in the last session */

	/* who counts connections */
	bool full;
	unsigned places;
	struct place *waits;
} w;

/* ---- the resolver */

struct dns_query {
	LIST_ENTRY(dns_query) link;
	struct loop_timer *timer;
	uint64_t id;
	bool mx;
	unsigned host;
	dns_cb *cb;
	void *arg;
};
static LIST_HEAD(, dns_query) queries;
static uint64_t last_id;

static void
query_free(struct dns_query *q)
{
	LIST_REMOVE(q, link);
	loop_timer_destroy(&q->timer);
	w.looking--;
	mem_free(&q);
}

static void
on_answer(void *arg)
{
	struct dns_query *q = arg, copy = *q;
	static struct dns_answer a;
	char text[ADDR_TEXT_MAX];

	memset(&a, 0, sizeof(a));
	query_free(q);
	a.n = 1;
	if (w.dns_fails) {
		a.status = DNS_FAIL;
		a.why = "SERVFAIL";
		a.n = 0;
	} else if (copy.mx) {
		a.mx[0].pref = 10;
		snprintf(a.mx[0].host, sizeof(a.mx[0].host), "mx%u.test",
		    copy.host % w.mx_hosts);
	} else {
		snprintf(text, sizeof(text), "2001:db8::%x",
		    w.addresses != 0 ? copy.host % w.addresses : copy.host);
		assert_int_equal(addr_parse(&a.addr[0], text, 0, ':'), 0);
	}
	copy.cb(&a, copy.arg);
}

static uint64_t
ask(bool mx, const char *name, dns_cb *cb, void *arg)
{
	struct dns_query *q = mem_alloc(sizeof(*q));

	q->id = ++last_id;
	q->mx = mx;
	q->host = (unsigned)strtoul(name + (mx ? 1 : 2), NULL, 10);
	q->cb = cb;
	q->arg = arg;
	q->timer = loop_timer_create(w.loop, on_answer, q);
	loop_timer_set(q->timer, w.dns_ms);
	LIST_INSERT_HEAD(&queries, q, link);
	if (++w.looking > w.looking_max)
		w.looking_max = w.looking;
	return q->id;
}

uint64_t
dns_mx(struct dns *d, const char *domain, dns_cb *cb, void *arg)
{
	(void)d;
	w.mx_queries++;
	return ask(true, domain, cb, arg);
}

uint64_t
dns_addr(struct dns *d, const char *host, dns_cb *cb, void *arg)
{
	(void)d;
	w.addr_queries++;
	return ask(false, host, cb, arg);
}

uint64_t
dns_tlsa(struct dns *d, const char *host, uint16_t port, dns_cb *cb, void *arg)
{
	(void)d;
	(void)port;
	return ask(false, host, cb, arg);
}

void
dns_cancel(struct dns *d, uint64_t id)
{
	struct dns_query *q;

	(void)d;
	LIST_FOREACH (q, &queries, link)
		if (q->id == id) {
			query_free(q);
			return;
		}
}

const char *
dns_status_name(enum dns_status status)
{
	return status == DNS_OK ? "ok" : "fail";
}

/* ---- the probe */

struct probe_run {
	struct loop_timer *timer;
	struct probe_ops ops;
	void *arg;
	unsigned nasks, silent;
};

const char *
reach_code_name(enum reach_code code)
{
	return code == REACH_OK ? "ok" : "failed";
}

bool
reach_code_neutral(enum reach_code code)
{
	return code == REACH_DNS_FAIL || code == REACH_LOCAL;
}

bool
probe_gives_up(unsigned counted, unsigned fall, unsigned given_up)
{
	(void)given_up;
	return counted >= fall;
}

const char *
probe_finding_name(enum probe_finding finding)
{
	(void)finding;
	return "none";
}

static void
on_probed(void *arg)
{
	struct probe_run *p = arg, copy = *p;
	static struct probe_result r;

	if (p->silent < w.silent) {
		const struct probe_wait wait = { .n = p->silent,
			.counts = p->silent > 0,
			.phase = SMTP_PHASE_GREETING,
			.waited_ns = CLOCK_SEC,
			.text = "" };

		p->silent++;
		loop_timer_set(p->timer, INTERVAL_MS);
		p->ops.wait(&wait, p->arg);
		return;
	}
	memset(&r, 0, sizeof(r));
	r.code = w.code;
	if (r.code != REACH_OK)
		r.phase = SMTP_PHASE_CONNECT;
	r.nanswers = p->nasks;
	r.answered =
	    w.answers != 0 && w.answers < p->nasks ? w.answers : p->nasks;
	for (unsigned i = 0; i < r.answered; i++)
		r.answer[i].code = ANSWER_TAKEN;
	probe_smtp_cancel(&p);
	copy.ops.done(&r, copy.arg);
}

struct probe_run *
probe_smtp_start(const struct reach_env *env, const struct probe_target *t,
    const struct probe_ops *ops, void *arg)
{
	struct probe_run *p = mem_alloc(sizeof(*p));
	int64_t slot = loop_now(env->loop) / (100 * CLOCK_MS);
	unsigned n;

	w.sessions++;
	if (++w.running > w.running_max)
		w.running_max = w.running;
	w.in_slot = slot == w.slot ? w.in_slot + 1 : 1;
	w.slot = slot;
	if (w.in_slot > w.burst)
		w.burst = w.in_slot;
	strlcpy(w.first, t->nasks > 0 ? t->ask[0].domain : "", sizeof(w.first));
	for (unsigned i = 0; i < t->nasks; i++) {
		n = (unsigned)strtoul(t->ask[i].domain + 1, NULL, 10);
		if (n < MX_COUNT(w.asked) && (w.answers == 0 || i < w.answers))
			w.asked[n]++;
		assert_memory_equal(t->ask[i].mailbox, "postmaster@d", 12);
	}
	p->ops = *ops;
	p->arg = arg;
	p->nasks = t->nasks;
	p->timer = loop_timer_create(env->loop, on_probed, p);
	loop_timer_set(p->timer, w.probe_ms);
	return p;
}

void
probe_smtp_cancel(struct probe_run **pp)
{
	if (*pp == NULL)
		return;
	w.running--;
	loop_timer_destroy(&(*pp)->timer);
	mem_free(pp);
}

/* ---- the rest of the daemon */

static void
on_change(void *arg, const struct watch_change *c)
{
	(void)arg;
	w.known += c->health.from == HEALTH_UNKNOWN;
}

static void
on_primary(void *arg, const struct watch *watch, const char *domain)
{
	(void)arg;
	(void)watch;
	(void)domain;
}

static void
on_self(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
}

static bool
on_queued(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
	return false;
}

static void
on_fan_out(void *arg)
{
	(void)arg;
	if (watch_fan_out(w.ws, 200, loop_now(w.loop), clock_wall()))
		loop_task_schedule(w.fan_out);
}

static void
on_wake(void *arg)
{
	(void)arg;
	loop_task_schedule(w.fan_out);
}

/* Who counts connections. */
static bool
take(void *arg, struct place *p, const struct route_host *host,
    const struct net_addr *source)
{
	(void)arg;
	(void)source;
	assert_int_equal(host->naddrs, 1);
	w.places++;
	if (!w.full)
		return true;
	w.waits = p;
	return false;
}

static void
give_back(void *arg, struct place *p)
{
	(void)arg;
	if (p->go == NULL)
		return;
	p->go = NULL;
	w.places--;
	if (w.waits == p)
		w.waits = NULL;
}

static char **names; /* of the primaries */
static char domain_names[50000][16]; /* d00000.test */
static struct conf_domain *old_domains;
static size_t nold_domains;

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(((const struct conf_domain *)a)->name,
	    ((const struct conf_domain *)b)->name);
}

/* n domains dN.test on `hosts` primaries; 0: by MX. */
static void
domains(unsigned n, unsigned hosts)
{
	struct conf_domain *d;

	MX_ASSERT(old_domains == NULL);
	old_domains = w.conf.domain; /* in force until configure() */
	nold_domains = w.conf.ndomains;
	w.conf.domain = mem_array(n + 1, sizeof(*d));
	w.conf.ndomains = n;
	for (unsigned i = 0; i < n; i++) {
		d = &w.conf.domain[i];
		d->name = domain_names[i];
		d->primary.n = hosts > 0;
		if (hosts > 0)
			d->primary.s = &names[i % hosts];
		d->probe.enabled = true;
		d->probe.interval_ms = INTERVAL_MS;
		d->probe.timeout_ms = 5000;
		d->probe.fall = 3;
		d->probe.rise = 2;
		d->probe.depth = DEPTH_RCPT;
		d->probe.port = 25;
	}
	qsort(w.conf.domain, n, sizeof(*d), name_cmp);
}

/* As reload.c does it, all at once. */
static void
configure(void)
{
	static const struct route_self self;

	schedule_configure(w.s, &w.conf, &self);
	for (size_t i = 0; i < w.conf.ndomains; i++)
		watch_domain_set(w.ws, &w.conf.domain[i], loop_now(w.loop),
		    clock_wall());
	for (size_t i = 0; i < nold_domains; i++)
		if (config_domain(&w.conf, old_domains[i].name) == NULL)
			watch_domain_drop(w.ws, old_domains[i].name);
	mem_free(&old_domains);
	nold_domains = 0;
}

static int
setup(void **state)
{
	struct watch_ops ops = { .change = on_change,
		.primary = on_primary,
		.self_mx = on_self,
		.queued = on_queued,
		.wake = on_wake };
	struct reach_env env = { 0 };
	struct place_ops places = { take, give_back, NULL };

	(void)state;
	memset(&w, 0, sizeof(w));
	fake_time_reset();
	w.loop = env.loop = loop_create();
	w.fan_out = loop_task_create(w.loop, on_fan_out, NULL);
	w.conf.refs = 1000;
	w.conf.hostname = (char *)(uintptr_t) "us.test";
	w.conf.probe_concurrency = 50;
	w.code = REACH_OK;
	w.probe_ms = 20;
	w.dns_ms = 5;
	w.mx_hosts = 500;
	for (unsigned i = 0; i < MX_COUNT(domain_names); i++)
		snprintf(domain_names[i], sizeof(domain_names[i]), "d%05u.test",
		    i % 100000);
	names = mem_array(6000, sizeof(*names));
	for (unsigned i = 0; i < 6000; i++)
		names[i] = mem_printf("mx%u.test", i);
	w.ws = watch_create(&ops);
	w.s = schedule_create(&env, NULL, w.ws, &places);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	schedule_destroy(&w.s);
	watch_destroy(&w.ws);
	assert_int_equal(w.running, 0);
	assert_int_equal(w.looking, 0);
	assert_int_equal(w.places, 0);
	loop_task_destroy(&w.fan_out);
	loop_destroy(&w.loop);
	mem_free(&w.conf.domain);
	for (unsigned i = 0; i < 6000; i++)
		mem_free(&names[i]);
	mem_free(&names);
	return 0;
}

/* ---- the tests */

/* However many domains: a session an interval, each asked for in turn. */
static void
one_session_a_primary(void **state)
{
	(void)state;
	domains(300, 1);
	configure();
	fake_loop_advance(w.loop, 1000);
	assert_int_equal(w.sessions, 1);
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 19, 25);
	assert_int_equal(w.addr_queries, w.sessions);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 2);
}

/* Not all of them in the same seconds of each interval, for ever. */
static void
turns_spread_over_the_interval(void **state)
{
	unsigned before, most = 0;

	(void)state;
	domains(500, 500);
	for (unsigned i = 0; i < 500; i++)
		w.conf.domain[i].probe.interval_ms = 6 * INTERVAL_MS;
	configure();
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	assert_int_equal(w.known, 500);
	fake_loop_advance(w.loop, 6 * INTERVAL_MS);
	w.sessions = 0;
	for (unsigned i = 0; i < 10; i++) {
		before = w.sessions;
		fake_loop_advance(w.loop, 6 * INTERVAL_MS / 10);
		if (w.sessions - before > most)
			most = w.sessions - before;
	}
	assert_in_range(w.sessions, 450, 600);
	assert_in_range(most, 50, 130);
}

/* Names of the same address are one host. */
static void
names_of_one_address_share_a_session(void **state)
{
	(void)state;
	domains(300, 300);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 2, 5);
	assert_int_equal(w.running_max, 1);
	fake_loop_advance(w.loop, 18 * INTERVAL_MS);
	assert_in_range(w.sessions, 20, 25);
	/* Each name is looked up all the same. */
	assert_in_range(w.addr_queries, 300 * 20, 300 * 25);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 5);
	/* All go down with it and come back with it. */
	w.code = REACH_CONN_REFUSED;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(watch_state(w.ws, domain_names[i]),
		    HEALTH_DOWN);
	w.code = REACH_OK;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(watch_state(w.ws, domain_names[i]), HEALTH_UP);
}

static void
names_of_one_address_by_mx(void **state)
{
	(void)state;
	domains(300, 0);
	w.mx_hosts = 300;
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 20 * INTERVAL_MS);
	assert_int_equal(w.known, 300);
	assert_in_range(w.sessions, 20, 28);
	for (unsigned i = 0; i < 300; i++)
		assert_in_range(w.asked[i], 1, 5);
}

/* A policy of its own, a certificate to be verified by name: a session of its
 * own. */
static void
only_equal_policies_share(void **state)
{
	(void)state;
	domains(4, 4);
	w.addresses = 1;
	w.conf.domain[0].probe.timeout_ms = 4000;
	w.conf.domain[1].deliver.tls = CONF_TLS_REQUIRE;
	w.conf.domain[2].deliver.tls = CONF_TLS_REQUIRE;
	configure();
	fake_loop_advance(w.loop, 1000);
	assert_int_equal(w.sessions, 4);
}

static void
who_moves_has_a_session_of_its_own(void **state)
{
	(void)state;
	domains(10, 10);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 10, 12);
	w.addresses = 2;
	fake_loop_advance(w.loop, INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 20, 24);
}

/* Whose session it is goes away in the midst of it. */
static void
the_leader_leaves(void **state)
{
	(void)state;
	domains(3, 3);
	w.addresses = 1;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.probe_ms = 500;
	for (unsigned i = 0; i < 100 && w.running == 0; i++)
		fake_loop_advance(w.loop, INTERVAL_MS / 100);
	assert_int_equal(w.running, 1);
	domains(1, 1); /* d0, or the one that asks for it */
	configure();
	w.sessions = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_in_range(w.sessions, 4, 6);
	domains(0, 1);
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.running, 0);
}

/* Until there is a place among our connections. */
static void
a_probe_waits_for_its_place(void **state)
{
	struct place *p;

	(void)state;
	domains(2, 2);
	w.addresses = 1;
	w.full = true;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.sessions, 0);
	assert_int_equal(w.places, 1); /* both wait for one */
	p = w.waits;
	assert_non_null(p);
	w.full = false;
	p->go(p->arg);
	assert_int_equal(w.sessions, 1);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.places, 0); /* the session has ended */
	/* Dropped while it waits. */
	w.full = true;
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.places, 1);
	domains(0, 1);
	configure();
	assert_int_equal(w.places, 0);
}

static void
a_small_one_begins_at_once(void **state)
{
	(void)state;
	domains(20, 10);
	configure();
	fake_loop_advance(w.loop, 500);
	assert_int_equal(w.sessions, 10);
}

static void
first_turns_are_spread(void **state)
{
	(void)state;
	domains(5000, 5000);
	w.conf.probe_concurrency = 1000;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS / 2 + 200);
	assert_in_range(w.sessions, 5000, 10000);
	/* 100 a tenth of a second on average. */
	assert_in_range(w.burst, 1, 250);
}

static void
sessions_at_once_are_bounded(void **state)
{
	(void)state;
	domains(300, 300);
	w.conf.probe_concurrency = 7;
	w.probe_ms = 200;
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	assert_int_equal(w.running_max, 7);
	assert_int_equal(w.known, 300);
}

static void
look_ups_at_once_are_bounded(void **state)
{
	(void)state;
	domains(5000, 0);
	w.dns_ms = 1000;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	assert_int_equal(w.looking_max, SCHEDULE_LOOKUPS_MAX);
}

/* Not by its turn, not by anybody who asks. */
static void
what_is_off_is_never_probed(void **state)
{
	(void)state;
	domains(3, 2);
	w.conf.domain[0].probe.enabled = false;
	w.conf.domain[1].probe.enabled = false;
	w.conf.domain[1].primary.n = 0;
	configure();
	assert_int_equal(schedule_now(w.s, "d00000.test"), -MX_ENOENT);
	assert_int_equal(schedule_now(w.s, "d00001.test"), -MX_ENOENT);
	assert_int_equal(schedule_now(w.s, "nosuch.test"), -MX_ENOENT);
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(w.asked[0], 0); /* though d2 shares its primary */
	assert_int_equal(w.asked[1], 0);
	assert_int_equal(w.mx_queries, 0);
	assert_true(w.asked[2] > 0);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_DISABLED);
	/* Off in mid-flight. */
	w.sessions = 0;
	domains(3, 2);
	for (unsigned i = 0; i < 3; i++)
		w.conf.domain[i].probe.enabled = false;
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(w.sessions, 0);
}

static void
verdicts_within(unsigned n, unsigned hosts, enum reach_code code,
    unsigned intervals)
{
	w.code = code;
	domains(n, hosts);
	configure();
	fake_loop_advance(w.loop, intervals * INTERVAL_MS);
	assert_int_equal(w.known, n);
}

static void
first_verdict_of_one(void **state)
{
	(void)state;
	verdicts_within(1, 1, REACH_OK, 2);
}

static void
first_verdict_of_one_down(void **state)
{
	(void)state;
	verdicts_within(1, 1, REACH_CONN_REFUSED, 3);
}

static void
first_verdict_of_one_by_mx(void **state)
{
	(void)state;
	verdicts_within(1, 0, REACH_OK, 2);
}

static void
first_verdict_of_50000(void **state)
{
	(void)state;
	verdicts_within(50000, 500, REACH_OK, 2);
	/* 500 hosts, each twice and a little more until then. */
	assert_in_range(w.sessions, 1000, 2000);
	/* Some are being looked up just then. */
	assert_in_range(w.addr_queries, w.sessions, w.sessions + 20);
}

static void
first_verdict_of_50000_down(void **state)
{
	(void)state;
	verdicts_within(50000, 500, REACH_CONN_REFUSED, 3);
}

static void
first_verdict_of_50000_by_mx(void **state)
{
	(void)state;
	verdicts_within(50000, 0, REACH_OK, 2);
	assert_in_range(w.mx_queries, 50000, 150000);
}

/* A third of the interval while it is not up. */
static void
suspects_are_hurried(void **state)
{
	(void)state;
	domains(1, 1);
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 9, 12);
	w.code = REACH_CONN_REFUSED;
	fake_loop_advance(w.loop, INTERVAL_MS);
	w.sessions = 0;
	fake_loop_advance(w.loop, 10 * INTERVAL_MS);
	assert_in_range(w.sessions, 29, 35);
}

/* A server that closes after three is asked for three a session, and each
 * domain has its turn all the same. */
static void
a_cut_session_goes_on_next_time(void **state)
{
	(void)state;
	domains(30, 1);
	w.answers = 3;
	configure();
	fake_loop_advance(w.loop, 15 * INTERVAL_MS);
	for (unsigned i = 0; i < 30; i++)
		assert_true(w.asked[i] > 0);
	assert_int_equal(watch_state(w.ws, "d00000.test"), HEALTH_UP);
}

static void
who_asks_is_asked_for_first(void **state)
{
	unsigned before;

	(void)state;
	domains(100, 1);
	configure();
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	before = w.sessions;
	assert_int_equal(schedule_now(w.s, "d00077.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.sessions, before + 1);
	assert_string_equal(w.first, "d00077.test");
	/* Before the first turn, and twice: one session. */
	assert_int_equal(schedule_now(w.s, "d00012.test"), 0);
	assert_int_equal(schedule_now(w.s, "d00012.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.sessions, before + 2);
}

static void
who_asks_is_looked_up_first(void **state)
{
	(void)state;
	domains(2, 0);
	configure();
	assert_int_equal(schedule_now(w.s, "d00001.test"), 0);
	fake_loop_advance(w.loop, 400);
	assert_true(w.sessions > 0);
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	w.mx_queries = w.sessions = 0;
	assert_int_equal(schedule_now(w.s, "d00001.test"), 0);
	fake_loop_advance(w.loop, 100);
	assert_int_equal(w.mx_queries, 1);
	assert_int_equal(w.sessions, 1);
}

/* Silence counts by the interval, and no second session is begun beside it. */
static void
silence_is_told(void **state)
{
	struct watch_domain *d;

	(void)state;
	domains(1, 1);
	configure();
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	w.silent = 1000;
	w.running_max = 0;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	d = watch_domain(w.ws, "d00000.test");
	assert_true(d->link[0].watch->slow_ms > 0);
	assert_int_equal(d->health.state, HEALTH_SUSPECT);
	fake_loop_advance(w.loop, 3 * INTERVAL_MS);
	assert_int_equal(w.running_max, 1);
	assert_int_equal(d->health.state, HEALTH_DOWN);
	/* It is back, and the session that was mute is not waited for. */
	w.silent = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_UP);
	assert_int_equal(d->link[0].watch->slow_ms, 0);
}

/* What is under way belongs to the old configuration. */
static void
a_reload_at_any_moment(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 60; ms += 3) {
		domains(40, 20);
		configure();
		fake_loop_advance(w.loop, ms);
		domains(40, ms % 2 != 0 ? 0 : 10);
		configure();
		fake_loop_advance(w.loop, ms);
		domains(ms % 7, 3);
		configure();
		fake_loop_advance(w.loop, ms);
	}
	domains(40, 20);
	configure();
	w.known = 0;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(watch_state(w.ws, w.conf.domain[i].name),
		    HEALTH_UP);
}

/* The primaries that were known are watched on; the trouble is told. */
static void
the_resolver_fails(void **state)
{
	struct watch_domain *d;
	int64_t since;

	(void)state;
	domains(1, 0);
	w.dns_fails = true;
	configure();
	fake_loop_advance(w.loop, INTERVAL_MS);
	d = watch_domain(w.ws, "d00000.test");
	assert_int_equal(w.sessions, 0);
	assert_string_equal(watch_trouble(d, &since),
	    "the MX look-up of d00000.test: SERVFAIL");
	assert_int_equal(d->health.state, HEALTH_UNKNOWN);
	w.dns_fails = false;
	fake_loop_advance(w.loop, 2 * INTERVAL_MS);
	assert_int_equal(d->health.state, HEALTH_UP);
	w.dns_fails = true;
	w.sessions = 0;
	fake_loop_advance(w.loop, 5 * INTERVAL_MS);
	assert_in_range(w.sessions, 4, 6);
	assert_int_equal(d->health.state, HEALTH_UP);
	assert_non_null(watch_trouble(d, &since));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_session_a_primary),
		T(turns_spread_over_the_interval),
		T(names_of_one_address_share_a_session),
		T(names_of_one_address_by_mx),
		T(only_equal_policies_share),
		T(who_moves_has_a_session_of_its_own),
		T(the_leader_leaves),
		T(a_probe_waits_for_its_place),
		T(a_small_one_begins_at_once),
		T(first_turns_are_spread),
		T(sessions_at_once_are_bounded),
		T(look_ups_at_once_are_bounded),
		T(what_is_off_is_never_probed),
		T(first_verdict_of_one),
		T(first_verdict_of_one_down),
		T(first_verdict_of_one_by_mx),
		T(first_verdict_of_50000),
		T(first_verdict_of_50000_down),
		T(first_verdict_of_50000_by_mx),
		T(suspects_are_hurried),
		T(a_cut_session_goes_on_next_time),
		T(who_asks_is_asked_for_first),
		T(who_asks_is_looked_up_first),
		T(silence_is_told),
		T(a_reload_at_any_moment),
		T(the_resolver_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
