/* SPDX-License-Identifier: ISC
 * dns: requests and look-ups. A request (a caller's question) is one look-up of
 * MX or TLSA, or two of A and AAAA. A look-up is one (type, name); equal ones
 * are joined. It is answered from the cache, or waits in our queue until a
 * thread of the pool is idle. 1000 hanging look-ups are 1000 list entries.
 *
 * All callbacks are made from one task, so never inside the caller's call, and
 * no function of this module is on the stack if the callee destroys us. */
#include "net/dns.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "net/dns_memory.h"
#include "net/dns_pool.h"
#include "net/dnsbl_name.h"

#define PARTS	  2 /* look-ups of one request */
#define READY_NS  (2 * CLOCK_MS) /* time to report answers in one turn */
#define SAVING_NS (2 * CLOCK_MS) /* time to copy the cache in one turn */

/* An initializer clears the first member of a union only. */
_Static_assert(sizeof(((struct dns_answer *)0)->mx) >=
	    sizeof(struct dns_tlsa) * DNS_TLSA_MAX + 2 + DNS_TLSA_DATA &&
	sizeof(((struct dns_answer *)0)->mx) >=
	    2 * DNS_TXT_MAX + 2 + DNS_TXT_DATA,
    "struct dns_answer: mx is the largest");

struct lookup;
struct dns_request;

/* A request's share in a look-up. */
struct dns_part {
	TAILQ_ENTRY(dns_part) link;
	struct dns_request *request;
	struct lookup *lookup; /* NULL: finished */
	struct dns_answer answer;
};

struct lookup {
	RB_ENTRY(lookup) node;
	TAILQ_ENTRY(lookup) queue;
	TAILQ_HEAD(part_list, dns_part) parts;
	enum dns_type type;
	bool running;
	char name[TEXT_DOMAIN_MAX];
};

struct dns_request {
	TAILQ_ENTRY(dns_request) ready; /* when pending == 0 */
	uint64_t id;
	dns_cb *cb;
	void *arg;
	bool mx;
	unsigned nparts, pending;
	struct dns_part part[PARTS];
};

RB_HEAD(lookup_tree, lookup);
TAILQ_HEAD(lookup_list, lookup);
TAILQ_HEAD(request_list, dns_request);

struct dns {
	struct dns_memory *memory;
	struct dns_pool *pool;
	struct loop_task *task;

	struct lookup_tree lookups;
	struct lookup_list waiting;
	size_t nwaiting, queue_min, queue_max;
	struct idmap requests;
	struct request_list ready;
	uint64_t last_id;
	bool forget;
	bool *gone; /* set to true if destroyed inside a callback */

	struct dns_stats stats;
	void (*on_query)(double, void *);
	void *on_query_arg;
};

static int
lookup_cmp(const struct lookup *a, const struct lookup *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* RB_GENERATE_STATIC needs an attribute that libbsd does not define here. */
RB_GENERATE_INTERNAL(lookup_tree, lookup, node, lookup_cmp, static MX_UNUSED)

const char *
dns_status_name(enum dns_status status)
{
	static const char *const name[] = {
		[DNS_OK] = "ok",
		[DNS_NODATA] = "nodata",
		[DNS_NXDOMAIN] = "nxdomain",
		[DNS_FAIL] = "fail",
		[DNS_BOGUS] = "bogus",
	};

	return name[status];
}

/* --- requests ---------------------------------------------------------- */

static void
request_ready(struct dns *d, struct dns_request *r)
{
	TAILQ_INSERT_TAIL(&d->ready, r, ready);
	loop_task_schedule(d->task);
}

static void
part_done(struct dns *d, struct dns_part *p, const struct dns_answer *a)
{
	p->answer = *a;
	p->lookup = NULL;
	if (--p->request->pending == 0)
		request_ready(d, p->request);
}

/* Hosts of equal preference share the load: RFC 5321 5.1. */
static void
shuffle_mx(struct dns_answer *a)
{
	unsigned first, end, i, j;
	struct dns_mx mx;

	for (first = 0; first < a->n; first = end) {
		end = first + 1;
		while (end < a->n && a->mx[end].pref == a->mx[first].pref)
			end++;
		for (i = end - 1; i > first; i--) {
			j = first + rnd_below(i - first + 1);
			mx = a->mx[i];
			a->mx[i] = a->mx[j];
			a->mx[j] = mx;
		}
	}
}

/* Merges the answers for AAAA and A: records win; if there are none, a failure
 * outranks a negative answer. Each family gets at least half of the room. */
static void
merge_addr(const struct dns_answer *v6, const struct dns_answer *v4,
    struct dns_answer *out)
{
	unsigned i, room = DNS_ADDR_MAX - DNS_ADDR_MAX / 2;

	if (v6->n == 0 && v4->n == 0) {
		*out = v6->status > v4->status ? *v6 : *v4;
		/* One of the two answers says that the name exists. */
		if (out->status == DNS_NXDOMAIN &&
		    (v6->status == DNS_NODATA || v4->status == DNS_NODATA))
			out->status = DNS_NODATA;
		return;
	}
	*out = (struct dns_answer){ .status = DNS_OK,
		.why = v6->why != NULL ? v6->why : v4->why };
	(void)strlcpy(out->canon, v6->canon[0] != '\0' ? v6->canon : v4->canon,
	    sizeof(out->canon));
	out->stale = (v6->n > 0 && v6->stale) || (v4->n > 0 && v4->stale);
	out->secure = (v6->n == 0 || v6->secure) && (v4->n == 0 || v4->secure);
	if (v4->n < DNS_ADDR_MAX - room)
		room = DNS_ADDR_MAX - v4->n;
	for (i = 0; i < v6->n && i < room; i++)
		out->addr[out->n++] = v6->addr[i];
	for (i = 0; i < v4->n && out->n < DNS_ADDR_MAX; i++)
		out->addr[out->n++] = v4->addr[i];
}

static void
request_call(struct dns_request *r)
{
	struct dns_answer answer;

	if (r->nparts == PARTS)
		merge_addr(&r->part[0].answer, &r->part[1].answer, &answer);
	else {
		answer = r->part[0].answer;
		if (r->mx)
			shuffle_mx(&answer);
	}
	r->cb(&answer, r->arg);
}

/* The task. Handles only those that are ready now, for 2 ms: a callee that asks
 * again for cached answers must not block the loop. */
static void
deliver_ready(void *arg)
{
	struct dns *d = arg;
	struct dns_request *r;
	int64_t end = clock_now() + READY_NS;
	const struct dns_request *last;
	bool gone = false, more = true;

	last = TAILQ_LAST(&d->ready, request_list);
	d->gone = &gone;
	while (more && (r = TAILQ_FIRST(&d->ready)) != NULL) {
		more = r != last && clock_now() < end;
		TAILQ_REMOVE(&d->ready, r, ready);
		(void)idmap_take(&d->requests, r->id);
		request_call(r);
		mem_free(&r);
		if (gone)
			return;
	}
	d->gone = NULL;
	if (!TAILQ_EMPTY(&d->ready))
		loop_task_schedule(d->task);
}

/* --- look-ups ---------------------------------------------------------- */

static struct lookup *
lookup_find(struct dns *d, enum dns_type type, const char *name)
{
	struct lookup key = { .type = type };

	(void)strlcpy(key.name, name, sizeof(key.name));
	return RB_FIND(lookup_tree, &d->lookups, &key);
}

static void
lookup_free(struct dns *d, struct lookup *l)
{
	if (!l->running) {
		TAILQ_REMOVE(&d->waiting, l, queue);
		d->nwaiting--;
	}
	RB_REMOVE(lookup_tree, &d->lookups, l);
	mem_free(&l);
}

static void
pool_feed(struct dns *d)
{
	struct lookup *l;

	while ((l = TAILQ_FIRST(&d->waiting)) != NULL &&
	    dns_pool_give(d->pool, l->type, l->name)) {
		TAILQ_REMOVE(&d->waiting, l, queue);
		d->nwaiting--;
		l->running = true;
	}
}

static void
count_result(struct dns *d, const struct dns_job *job)
{
	const struct dns_result *r = &job->result;
	struct dns_stats *s = &d->stats;

	s->queries++;
	s->duration_us = (uint64_t)(job->seconds * 1e6);
	if (r->answer.status == DNS_NXDOMAIN)
		s->fail_nxdomain++;
	switch (r->cause) {
	case DNS_CAUSE_NONE:
		break;
	case DNS_CAUSE_TIMEOUT:
		s->fail_timeout++;
		break;
	case DNS_CAUSE_OTHER:
		s->fail_other++;
		break;
	case DNS_CAUSE_SERVFAIL:
		s->fail_servfail++;
		break;
	case DNS_CAUSE_BOGUS:
		s->fail_bogus++;
		break;
	}
	if (d->on_query != NULL)
		d->on_query(job->seconds, d->on_query_arg);
}

static bool
is_kept(const struct dns *d, enum dns_type type)
{
	return !d->forget && dns_type_is_kept(type);
}

/* The answer to give: what came, or the last good one when that failed. */
static void
settle(struct dns *d, enum dns_type type, const char *name,
    const struct dns_result *r, struct dns_answer *out)
{
	static const char *const why[] = {
		[DNS_CAUSE_NONE] = NULL,
		[DNS_CAUSE_TIMEOUT] = "no answer in time",
		[DNS_CAUSE_OTHER] = "refused, or the answer is malformed",
		[DNS_CAUSE_SERVFAIL] = "SERVFAIL",
		[DNS_CAUSE_BOGUS] = "DNSSEC validation failed",
	};
	static struct log_limit limit;
	int64_t now = clock_wall();
	bool known;

	if (r->cause == DNS_CAUSE_NONE) {
		if (is_kept(d, type))
			dns_memory_put(d->memory, type, name, r, now);
		*out = r->answer;
		out->ttl = r->ttl;
		return;
	}
	known =
	    is_kept(d, type) && dns_memory_get(d->memory, type, name, now, out);
	/* A failed look-up may find a negative answer that is fresh because
	 * another request got it meanwhile: that is an answer too. */
	if (!known)
		*out = r->answer;
	out->why = !known || out->stale ? why[r->cause] : NULL;
	if (log_limit_ok(&limit, 10))
		log_warn("dns", "name=%s type=%s cause=%s last_good=%s",
		    log_q(name), dns_type_name(type), dns_cause_name(r->cause),
		    known ? "used" : "none");
}

static void
on_done(const struct dns_job *job, void *arg)
{
	struct dns *d = arg;
	struct lookup *l = lookup_find(d, job->type, job->name);
	struct dns_answer answer;
	struct dns_part *p;

	MX_ASSERT(l != NULL && l->running);
	count_result(d, job);
	settle(d, job->type, job->name, &job->result, &answer);
	while ((p = TAILQ_FIRST(&l->parts)) != NULL) {
		TAILQ_REMOVE(&l->parts, p, link);
		part_done(d, p, &answer);
	}
	lookup_free(d, l);
	pool_feed(d);
}

static void
part_ask(struct dns *d, struct dns_part *p, enum dns_type type,
    const char *name)
{
	struct dns_answer answer;
	struct dns_result full;
	struct lookup *l;

	if (is_kept(d, type) &&
	    dns_memory_get(d->memory, type, name, clock_wall(), &answer) &&
	    !answer.stale) {
		part_done(d, p, &answer);
		return;
	}
	if ((l = lookup_find(d, type, name)) == NULL) {
		if (d->nwaiting >= d->queue_max) {
			dns_result_fail(&full, DNS_CAUSE_OTHER);
			settle(d, type, name, &full, &answer);
			part_done(d, p, &answer);
			return;
		}
		l = mem_alloc(sizeof(*l));
		l->type = type;
		TAILQ_INIT(&l->parts);
		(void)strlcpy(l->name, name, sizeof(l->name));
		(void)RB_INSERT(lookup_tree, &d->lookups, l);
		TAILQ_INSERT_TAIL(&d->waiting, l, queue);
		d->nwaiting++;
	}
	p->lookup = l;
	TAILQ_INSERT_TAIL(&l->parts, p, link);
	pool_feed(d);
}

static struct dns_request *
request_new(struct dns *d, unsigned nparts, dns_cb *cb, void *arg)
{
	struct dns_request *r = mem_alloc(sizeof(*r));
	unsigned i;

	r->id = ++d->last_id;
	r->cb = cb;
	r->arg = arg;
	r->nparts = r->pending = nparts;
	for (i = 0; i < nparts; i++)
		r->part[i].request = r;
	idmap_put(&d->requests, r->id, r);
	return r;
}

/* Answers without a look-up: an impossible name, a numeric host. */
static uint64_t
answer_now(struct dns *d, enum dns_status status, const struct net_addr *addr,
    dns_cb *cb, void *arg)
{
	struct dns_request *r = request_new(d, 1, cb, arg);
	struct dns_answer a = { .status = status };

	if (addr != NULL) {
		a.n = 1;
		a.addr[0] = *addr;
	}
	part_done(d, &r->part[0], &a);
	return r->id;
}

static uint64_t
ask_one(struct dns *d, enum dns_type type, const char *domain, dns_cb *cb,
    void *arg)
{
	char name[TEXT_DOMAIN_MAX];
	struct dns_request *r;

	if (text_domain(domain, strlen(domain), name) < 0)
		return answer_now(d, DNS_NXDOMAIN, NULL, cb, arg);
	r = request_new(d, 1, cb, arg);
	r->mx = type == DNS_TYPE_MX;
	part_ask(d, &r->part[0], type, name);
	return r->id;
}

uint64_t
dns_mx(struct dns *d, const char *domain, dns_cb *cb, void *arg)
{
	struct net_addr addr;

	if (addr_parse(&addr, domain, 0, ':') == 0)
		return answer_now(d, DNS_NODATA, NULL, cb, arg);
	return ask_one(d, DNS_TYPE_MX, domain, cb, arg);
}

uint64_t
dns_addr(struct dns *d, const char *host, dns_cb *cb, void *arg)
{
	char name[TEXT_DOMAIN_MAX];
	struct net_addr addr;
	struct dns_request *r;

	if (addr_parse(&addr, host, 0, ':') == 0) {
		addr_port_set(&addr, 0);
		return answer_now(d, DNS_OK, &addr, cb, arg);
	}
	if (text_domain(host, strlen(host), name) < 0)
		return answer_now(d, DNS_NXDOMAIN, NULL, cb, arg);
	r = request_new(d, 2, cb, arg);
	part_ask(d, &r->part[0], DNS_TYPE_AAAA, name);
	part_ask(d, &r->part[1], DNS_TYPE_A, name);
	return r->id;
}

uint64_t
dns_tlsa(struct dns *d, const char *host, uint16_t port, dns_cb *cb, void *arg)
{
	char name[TEXT_DOMAIN_MAX], full[TEXT_DOMAIN_MAX];
	struct net_addr addr;
	struct dns_request *r;

	/* A name that is too long for the prefix cannot have records. */
	if (addr_parse(&addr, host, 0, ':') == 0 ||
	    text_domain(host, strlen(host), name) < 0 ||
	    snprintf(full, sizeof(full), "_%u._tcp.%s", port, name) >=
		(int)sizeof(full))
		return answer_now(d, DNS_NXDOMAIN, NULL, cb, arg);
	r = request_new(d, 1, cb, arg);
	part_ask(d, &r->part[0], DNS_TYPE_TLSA, full);
	return r->id;
}

uint64_t
dns_a(struct dns *d, const char *name, dns_cb *cb, void *arg)
{
	return ask_one(d, DNS_TYPE_A, name, cb, arg);
}

uint64_t
dns_txt(struct dns *d, const char *name, dns_cb *cb, void *arg)
{
	return ask_one(d, DNS_TYPE_TXT, name, cb, arg);
}

uint64_t
dns_names(struct dns *d, const struct net_addr *addr, dns_cb *cb, void *arg)
{
	char name[TEXT_DOMAIN_MAX];

	/* As a list is asked, RFC 5782 2.1. */
	dnsbl_name(addr,
	    addr->u.sa.sa_family == AF_INET ? "in-addr.arpa" : "ip6.arpa",
	    name);
	return ask_one(d, DNS_TYPE_PTR, name, cb, arg);
}

const char *
dns_txt_at(const struct dns_answer *a, unsigned i)
{
	return a->txt_data + a->txt_at[i];
}

void
dns_cancel(struct dns *d, uint64_t id)
{
	struct dns_request *r = idmap_take(&d->requests, id);
	struct lookup *l;
	unsigned i;

	if (r == NULL)
		return;
	if (r->pending == 0)
		TAILQ_REMOVE(&d->ready, r, ready);
	for (i = 0; i < r->nparts; i++) {
		if ((l = r->part[i].lookup) == NULL)
			continue;
		TAILQ_REMOVE(&l->parts, &r->part[i], link);
		/* A running look-up is not stopped: its answer is cached. */
		if (TAILQ_EMPTY(&l->parts) && !l->running)
			lookup_free(d, l);
	}
	mem_free(&r);
}

/* --- lifecycle --------------------------------------------------------- */

struct dns *
dns_create(struct loop *loop, const struct dns_conf *conf, struct mx_errbuf *eb)
{
	struct dns *d = mem_alloc(sizeof(*d));

	d->queue_min = conf->queue_max;
	d->forget = conf->forget;
	RB_INIT(&d->lookups);
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->ready);
	idmap_init(&d->requests);
	d->memory = dns_memory_create(DNS_MEMORY_MIN);
	dns_domains(d, 0);
	d->task = loop_task_create(loop, deliver_ready, d);
	d->pool = dns_pool_create(loop, conf, on_done, d, eb);
	if (d->pool == NULL)
		dns_destroy(&d);
	return d;
}

void
dns_domains(struct dns *d, size_t n)
{
	d->queue_max = d->queue_min + n * DNS_MEMORY_PER_DOMAIN;
	dns_memory_limit(d->memory, DNS_MEMORY_MIN + n * DNS_MEMORY_PER_DOMAIN);
}

static void
request_drop(uint64_t id, void *value, void *arg)
{
	struct dns_request *r = value;

	(void)id;
	(void)arg;
	mem_free(&r);
}

void
dns_destroy(struct dns **dp)
{
	struct dns *d = *dp;
	struct lookup *l;

	if (d == NULL)
		return;
	*dp = NULL;
	if (d->gone != NULL)
		*d->gone = true;
	dns_pool_destroy(&d->pool);
	loop_task_destroy(&d->task);
	while ((l = RB_MIN(lookup_tree, &d->lookups)) != NULL)
		lookup_free(d, l);
	idmap_each(&d->requests, request_drop, NULL);
	idmap_fini(&d->requests);
	dns_memory_destroy(&d->memory);
	mem_free(&d);
}

void
dns_on_query(struct dns *d, void (*fn)(double, void *), void *arg)
{
	d->on_query = fn;
	d->on_query_arg = arg;
}

const struct dns_stats *
dns_stats(const struct dns *d)
{
	return &d->stats;
}

void
dns_memory_load(struct dns *d, const char *path)
{
	int rc = dns_memory_read(d->memory, path, clock_wall());

	if (rc < 0)
		log_notice("dns", "memory=empty file=%s reason=%s", log_q(path),
		    log_q(mx_strerror(rc)));
	else
		log_info("dns", "memory=%zu file=%s", dns_memory_len(d->memory),
		    log_q(path));
}

struct dns_saving {
	struct dns_memory_copy *copy;
	char *path;
};

struct dns_saving *
dns_saving_create(struct dns *d, const char *path)
{
	struct dns_saving *s = mem_alloc(sizeof(*s));

	s->copy = dns_memory_copy_begin(d->memory);
	s->path = mem_strdup(path);
	return s;
}

bool
dns_saving_copy(struct dns *d, struct dns_saving *s)
{
	int64_t end = clock_now() + SAVING_NS, wall = clock_wall();
	bool more;

	do
		more = dns_memory_copy_some(d->memory, s->copy, 50, wall);
	while (more && clock_now() < end);
	return more;
}

void
dns_saving_write(struct dns_saving *s)
{
	int rc = dns_memory_write(s->copy, s->path);

	if (rc < 0)
		log_warn("dns", "file=%s not_saved=%s", log_q(s->path),
		    log_q(mx_strerror(rc)));
}

void
dns_saving_destroy(struct dns_saving **sp)
{
	if (*sp == NULL)
		return;
	dns_memory_copy_destroy(&(*sp)->copy);
	mem_free(&(*sp)->path);
	mem_free(sp);
}

void
dns_memory_save(struct dns *d, const char *path)
{
	struct dns_saving *s = dns_saving_create(d, path);

	while (dns_saving_copy(d, s))
		;
	dns_saving_write(s);
	dns_saving_destroy(&s);
}
