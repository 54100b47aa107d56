/* SPDX-License-Identifier: ISC */
#include "tests/unit/schedule_world.h"

struct world w;

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
on_self(void *arg, const char *domain, const char *why MX_UNUSED)
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

char **world_names;
char world_domain[50000][16];
static struct conf_domain *old_domains;
static size_t nold_domains;

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(((const struct conf_domain *)a)->name,
	    ((const struct conf_domain *)b)->name);
}

void
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
		d->name = world_domain[i];
		d->primary.n = hosts > 0;
		if (hosts > 0)
			d->primary.s = &world_names[i % hosts];
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

void
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

int
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
	for (unsigned i = 0; i < MX_COUNT(world_domain); i++)
		snprintf(world_domain[i], sizeof(world_domain[i]), "d%05u.test",
		    i % 100000);
	world_names = mem_array(6000, sizeof(*world_names));
	for (unsigned i = 0; i < 6000; i++)
		world_names[i] = mem_printf("mx%u.test", i);
	w.ws = watch_create(&ops);
	w.s = schedule_create(&env, NULL, w.ws, &places);
	return 0;
}

int
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
		mem_free(&world_names[i]);
	mem_free(&world_names);
	return 0;
}
