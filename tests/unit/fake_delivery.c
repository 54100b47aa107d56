/* SPDX-License-Identifier: ISC
 * The implementation of fake_delivery.h: link-time stand-ins for queue.h,
 * store.h, route.h and what is used of config.h. */
#include "fake_delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct fake fake;

/* ---- answers that come later */

struct later {
	STAILQ_ENTRY(later) link;
	uint64_t id;
	void (*run)(struct later *);
	store_load_cb *load;
	store_read_cb *read;
	queue_commit_cb *accept;
	route_cb *route;
	struct route_req *request;
	void *arg;
	uint64_t job;
	size_t max;
	uint64_t offset, token;
	int rc;
};
static STAILQ_HEAD(, later) queue = STAILQ_HEAD_INITIALIZER(queue);
static struct loop_timer *timer;
static uint64_t last_id;

static void
run_later(void *arg)
{
	struct later *l;
	unsigned n = 0;

	(void)arg;
	STAILQ_FOREACH(l, &queue, link)
	n++;
	for (; n > 0 && (l = STAILQ_FIRST(&queue)) != NULL; n--) {
		STAILQ_REMOVE_HEAD(&queue, link);
		l->run(l);
		free(l);
	}
	if (!STAILQ_EMPTY(&queue))
		loop_timer_set(timer, 0);
}

static struct later *
later(void (*run)(struct later *), void *arg)
{
	struct later *l = mem_alloc(sizeof(*l));

	l->id = ++last_id;
	l->run = run;
	l->arg = arg;
	STAILQ_INSERT_TAIL(&queue, l, link);
	loop_timer_set(timer, 0);
	return l;
}

static void
forget(uint64_t id)
{
	struct later *l;

	STAILQ_FOREACH(l, &queue, link)
	if (l->id == id) {
		STAILQ_REMOVE(&queue, l, later, link);
		free(l);
		return;
	}
}

/* ---- set-up */

void
fake_begin(struct loop *loop)
{
	memset(&fake, 0, sizeof(fake));
	fake.loop = loop;
	fake.window = 1;
	timer = loop_timer_create(loop, run_later, NULL);
	fake.domain.name = "example.org";
	fake.domain.lifetime_ms = 3600000;
	fake.domain.deliver = (struct conf_deliver){ .connections = 20,
		.tls = CONF_TLS_MAY,
		.max_messages = 100,
		.pipeline_depth = 2,
		.max_age_ms = 300000,
		.idle_ms = 2000,
		.connect_ms = 5000 };
	fake.conf.defaults = fake.domain;
	fake.conf.domain = &fake.domain;
	fake.conf.ndomains = 1;
	fake.conf.hostname = mem_strdup("mx2.example.net");
	fake.conf.deliver_connections = 100;
	fake.conf.dsn.size = 50000;
	fake.conf.dsn.rate = 1000;
	fake.route.status = ROUTE_OK;
}

void
fake_end(void)
{
	struct later *l;
	unsigned i;

	while ((l = STAILQ_FIRST(&queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&queue, link);
		free(l);
	}
	loop_timer_destroy(&timer);
	for (i = 0; i < fake.njobs; i++) {
		envelope_destroy(&fake.job[i].env);
		free(fake.job[i].body);
	}
	for (i = 0; i < fake.nnotes; i++) {
		envelope_destroy(&fake.note[i].env);
		free(fake.note[i].text);
	}
	free(fake.conf.hostname);
}

struct fake_job *
fake_add(const char *sender, const char *rcpts, const char *body, size_t len)
{
	struct fake_job *j = &fake.job[fake.njobs];
	struct envelope *env = envelope_create();
	size_t n;

	MX_ASSERT(fake.njobs < FAKE_JOBS);
	j->job.id = (uint64_t)(++fake.njobs) << 8;
	env->id = j->job.id;
	free(env->sender);
	env->sender = mem_strdup(sender);
	while (*rcpts != '\0') {
		char *one = mem_strndup(rcpts, n = strcspn(rcpts, " "));

		envelope_add_rcpt(env, one);
		strlcpy(env->domain, strchr(one, '@') + 1, sizeof(env->domain));
		free(one);
		rcpts += n + (rcpts[n] == ' ');
	}
	env->arrival_ms = 1795365720000;
	env->body.len = len;
	env->body.crc = store_crc(0, body, len);
	j->job.domain = env->domain;
	j->job.arrival_ms = env->arrival_ms;
	j->job.expiry_ms = env->arrival_ms + fake.domain.lifetime_ms;
	j->env = env;
	j->body = mem_dup(body, len + (len == 0));
	j->len = len;
	j->ready = true;
	return j;
}

void
fake_host(const char *name, uint16_t port, uint16_t pref)
{
	struct route_host *h = &fake.route.host[fake.route.n++];

	strlcpy(h->name, name, sizeof(h->name));
	strlcpy(h->label, name, sizeof(h->label));
	h->port = port;
	h->pref = pref;
	h->naddrs = 1;
	MX_ASSERT(addr_parse(&h->addr[0], "127.0.0.1", 0, ':') == 0);
}

bool
fake_idle(void)
{
	unsigned i;

	for (i = 0; i < fake.njobs; i++)
		if (fake.job[i].ready || fake.job[i].out)
			return false;
	return true;
}

bool
fake_balanced(void)
{
	unsigned i;

	for (i = 0; i < fake.njobs; i++)
		if (fake.job[i].out || fake.job[i].taken != fake.job[i].ended)
			return false;
	return true;
}

void
fake_want(void)
{
	unsigned i, n = 0;

	for (i = 0; i < fake.njobs; i++)
		n += fake.job[i].ready || fake.job[i].out;
	if (fake.closed || fake.lost)
		n = 0;
	if (n > fake.window)
		n = fake.window;
	if (fake.want != NULL && fake.njobs > 0)
		fake.want(fake.want_arg, fake.job[0].job.domain, n);
}

/* ---- queue.h */

struct queue_job *
queue_take(struct queue *q, const char *domain)
{
	struct fake_job *j;
	unsigned i;

	(void)q;
	for (i = 0; i < fake.njobs && !fake.closed && !fake.lost; i++) {
		j = &fake.job[i];
		if (!j->ready || strcmp(j->job.domain, domain) != 0)
			continue;
		j->ready = false;
		j->out = true;
		j->taken++;
		if (fake.norder < FAKE_JOBS)
			strlcpy(fake.order[fake.norder++], j->job.domain,
			    sizeof(fake.order[0]));
		if (++fake.out > fake.out_max)
			fake.out_max = fake.out;
		return &j->job;
	}
	return NULL;
}

static struct fake_job *
ended(struct queue_job *job)
{
	struct fake_job *j = (struct fake_job *)(void *)job;

	MX_ASSERT(j->out);
	j->out = false;
	j->ended++;
	fake.out--;
	return j;
}

static void
replace(struct fake_job *j, const struct envelope *env)
{
	struct envelope *old = j->env;

	j->env = envelope_copy(env);
	j->job.domain = j->env->domain;
	envelope_destroy(&old);
}

bool
queue_job_stands(const struct queue_job *job)
{
	return queue_job_holds(job) && !fake.closed;
}

/* As often as the test has it; each job remembers what was said of it last. */
bool
queue_job_holds(const struct queue_job *job)
{
	struct fake_job *j = (struct fake_job *)(uintptr_t)job;

	if (++fake.looks == fake.lose_at)
		fake.lost = true;
	j->held = !fake.lost;
	return j->held;
}

void
queue_done(struct queue *q, struct queue_job *job, enum job_outcome outcome,
    const struct envelope *env)
{
	struct fake_job *j = ended(job);

	(void)q;
	switch (outcome) {
	case JOB_RETURNED:
		j->returned++;
		j->ready = true;
		break;
	case JOB_DAMAGED:
		j->damaged++;
		break;
	case JOB_GONE:
		j->gone++;
		break;
	case JOB_LOST:
	case JOB_TRIED:
		j->lost += outcome == JOB_LOST;
		j->tried += outcome == JOB_TRIED;
		MX_ASSERT(env != NULL);
		replace(j, env);
		j->ready = fake.again && envelope_count(env, RCPT_PENDING) > 0;
		break;
	}
	fake_want();
}

void
queue_warned(struct queue *q, struct queue_job *job, const struct envelope *env)
{
	struct fake_job *j = ended(job);

	(void)q;
	j->warned++;
	replace(j, env);
}

void
queue_owed_again(struct queue *q)
{
	(void)q;
	fake.owed_again++;
}

void
queue_connect_failed(struct queue *q, const char *domain)
{
	(void)q;
	(void)domain;
	fake.connect_failed++;
}

/* A primary that is well known, unless `suspect`: then nothing is known of it. */
struct judge_verdict
queue_judge(struct queue *q, const char *domain, struct judge_case *c,
    const struct envelope *env, const char *mailbox, int64_t *again_ms)
{
	(void)q;
	(void)domain;
	(void)env;
	(void)mailbox;
	*again_ms = 0;
	c->known.shown = c->known.taken = !fake.suspect;
	c->known.doubted = fake.suspect;
	return judge(c);
}

/* ---- store.h, and the queue's intake */

struct queue_intake {
	struct buf text;
};

static void
run_load(struct later *l)
{
	struct fake_job *j = &fake.job[(l->job >> 8) - 1];
	struct store_loaded out = { 0 };

	if (fake.vanished) {
		out.rc = -MX_ENOENT;
		l->load(l->arg, &out);
		return;
	}
	out.len = j->len < l->max ? j->len : l->max;
	out.env = envelope_copy(j->env);
	out.data = mem_dup(j->body, out.len + (out.len == 0));
	if (out.len == j->len &&
	    store_crc(0, out.data, out.len) != j->env->body.crc) {
		out.rc = -MX_ECORRUPT;
		mem_free(&out.data);
		out.len = 0;
	}
	l->load(l->arg, &out);
}

uint64_t
store_load(struct store *st, uint64_t id, size_t body_max, store_load_cb *cb,
    void *arg)
{
	struct later *l = later(run_load, arg);

	(void)st;
	l->load = cb;
	l->job = id;
	l->max = body_max;
	return l->id;
}

static void
run_read(struct later *l)
{
	struct fake_job *j = &fake.job[l->job];
	char *data = mem_dup(j->body + l->offset, l->max);

	if (++fake.reads == fake.read_damage)
		data[l->max / 2] ^= 1;
	if (fake.read_rc != 0) {
		free(data);
		data = NULL;
	}
	l->read(l->arg, fake.read_rc, data, data != NULL ? l->max : 0);
}

uint64_t
store_read(struct store *st, const struct body_ref *ref, uint64_t offset,
    size_t len, store_read_cb *cb, void *arg)
{
	struct later *l = later(run_read, arg);
	unsigned i;

	(void)st;
	for (i = 0; i < fake.njobs; i++)
		if (fake.job[i].len == ref->len &&
		    fake.job[i].env->body.crc == ref->crc)
			l->job = i;
	l->read = cb;
	l->offset = offset;
	l->max = len;
	return l->id;
}

void
store_cancel(struct store *st, uint64_t request)
{
	(void)st;
	forget(request);
}

unsigned
store_node(const struct store *st)
{
	(void)st;
	return fake.shared;
}

uint32_t
store_crc(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len-- > 0)
		crc = crc * 31 + *p++ + 1;
	return crc;
}

struct queue_intake *
queue_begin(struct queue *q)
{
	struct queue_intake *in = mem_alloc(sizeof(*in));

	(void)q;
	buf_init(&in->text, 16u << 20);
	return in;
}

uint64_t
queue_intake_id(const struct queue_intake *in)
{
	(void)in;
	return UINT64_C(0x4711) << 8;
}

int
queue_append(struct queue_intake *in, const void *data, size_t len)
{
	return buf_add(&in->text, data, len);
}

int64_t
store_id_ms(uint64_t id MX_UNUSED)
{
	return 0;
}

void
queue_intake_by(struct queue_intake *in MX_UNUSED, const char *module MX_UNUSED,
    const char *fields MX_UNUSED)
{
}

void
queue_abort(struct queue_intake **in)
{
	if (*in != NULL)
		buf_fini(&(*in)->text);
	mem_free(in);
}

static void
run_accept(struct later *l)
{
	l->accept(l->arg, l->token, l->rc, UINT64_C(0x4711) << 8);
}

void
queue_commit(struct queue_intake **in, struct envelope **parts, unsigned n,
    queue_commit_cb *cb, void *arg, uint64_t token)
{
	struct later *l = later(run_accept, arg);

	MX_ASSERT(n == 1);
	l->accept = cb;
	l->token = token;
	l->rc = fake.nnotes >= fake.accept_after ? fake.accept_rc : 0;
	if (l->rc == 0) {
		MX_ASSERT(fake.nnotes < MX_COUNT(fake.note));
		fake.note[fake.nnotes].env = parts[0];
		fake.note[fake.nnotes++].text = buf_take(&(*in)->text);
	} else {
		envelope_destroy(&parts[0]);
	}
	queue_abort(in);
}

/* ---- route.h */

struct route_req {
	uint64_t id;
	const char *domain;
};

static void
run_route(struct later *l)
{
	struct route r = fake.route;

	/* 127.0.0.x by the second letter of s1.example */
	if (fake.spread)
		((uint8_t *)&r.host[0].addr[0].u.in.sin_addr)[3] =
		    (uint8_t)l->request->domain[1];
	if (fake.own_names) {
		strlcpy(r.host[0].name, l->request->domain,
		    sizeof(r.host[0].name));
		strlcpy(r.host[0].label, l->request->domain,
		    sizeof(r.host[0].label));
	}
	mem_free(&l->request);
	l->route(&r, l->arg);
}

struct route_req *
route_lookup(struct dns *dns, const struct route_self *self, const char *domain,
    const char *const *primaries, size_t n, uint16_t port, route_cb *cb,
    void *arg)
{
	struct later *l = later(run_route, arg);

	(void)dns;
	(void)self;
	(void)primaries;
	(void)n;
	(void)port;
	fake.lookups++;
	l->route = cb;
	l->request = mem_alloc(sizeof(*l->request));
	l->request->id = l->id;
	l->request->domain = domain;
	return l->request;
}

void
route_cancel(struct route_req **req)
{
	if (*req == NULL)
		return;
	forget((*req)->id);
	mem_free(req);
}

void
route_with_dane(struct route_req *req)
{
	(void)req;
	fake.route.with_dane = true;
}

void
route_pin(struct route_req *req, struct pin *pin)
{
	(void)req;
	(void)pin;
}

void
route_copy(struct route *dst, const struct route *src)
{
	*dst = *src;
	for (unsigned i = 0; i < dst->n; i++)
		(void)dane_ref(dst->host[i].dane);
}

void
route_fini(struct route *r)
{
	for (unsigned i = 0; i < r->n; i++)
		dane_unref(&r->host[i].dane);
}

char *
route_label(const char *name, uint16_t port, char *dst)
{
	snprintf(dst, TEXT_DOMAIN_MAX + 8, "%s:%u", name, port);
	return dst;
}

const char *
route_status_name(enum route_status st)
{
	static const char *const names[] = { "ok", "dns_fail", "self",
		"null_mx", "no_host" };

	return names[st];
}

/* ---- config.h */

const char *
config_tls_word(enum conf_tls tls)
{
	return tls == CONF_TLS_MAY ? "may" : "other";
}

struct config *
config_ref(struct config *c)
{
	return c;
}

void
config_unref(struct config **c)
{
	*c = NULL;
}

const struct conf_domain *
config_settings(const struct config *c, const char *name)
{
	return c->ndomains > 0 && strcmp(c->domain[0].name, name) == 0 ?
	    &c->domain[0] :
	    NULL;
}
