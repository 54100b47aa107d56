/* SPDX-License-Identifier: ISC
 * control_fake: example.org is down with three messages (one active, one
 * held, one deferred with a hostile reply), example.net is up and empty,
 * hold.example is on hold; dsn.example is not configured and has one; the
 * messages of big.example are made up as they are asked for. */
#include "control_fake.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc.h"
#include "base/mem.h"

#define NOW_MS INT64_C(1795368000000)

static const struct rcpt_view hostile[] = {
	{ .mailbox = "user@example.org",
	    .state = "pending",
	    .reply = "4.2.0 \033[31mred\r\nalert\xff",
	    .code = 450,
	    .status = "4.2.0" },
	{ .mailbox = "b@example.org",
	    .state = "delivered",
	    .reply = "ok",
	    .code = 250,
	    .status = "2.0.0" },
};
static const struct rcpt_view plain[] = {
	{ .mailbox = "x@example.org", .state = "pending", .reply = "" }
};

static const struct {
	uint64_t id;
	const char *domain, *sender;
	enum msg_state state;
	const struct rcpt_view *rcpts;
	unsigned nrcpts;
} stock[] = {
	{ 0x6A100, "example.org", "a@sender.example", MSG_ACTIVE, plain, 1 },
	{ 0x6A101, "dsn.example", "a@sender.example", MSG_DEFERRED, plain, 1 },
	{ 0x6A200, "example.org", "", MSG_HELD, plain, 1 },
	{ 0x6A300, "example.org", "b@sender.example", MSG_DEFERRED, hostile,
	    2 },
};

static bool
lacks(const struct fake *f, size_t i)
{
	return i < MX_COUNT(stock) && (f->lacks >> i & 1) != 0;
}

static void
make_view(const struct fake *f, struct msg_view *v, size_t i)
{
	uint64_t big = 0x700000 + i * (f->step + 1) + f->shift;

	memset(v, 0, sizeof(*v));
	v->id = i < MX_COUNT(stock) ? stock[i].id : big << 8;
	v->domain = i < MX_COUNT(stock) ? stock[i].domain : "big.example";
	v->sender = i < MX_COUNT(stock) ? stock[i].sender : "s@big.example";
	v->state = i < MX_COUNT(stock) ? stock[i].state : MSG_DEFERRED;
	v->rcpts = i < MX_COUNT(stock) ? stock[i].rcpts : plain;
	v->nrcpts = i < MX_COUNT(stock) ? stock[i].nrcpts : 1;
	v->last = v->rcpts == hostile ? hostile : NULL;
	v->size = 2048;
	v->arrival_ms = NOW_MS - 3600000;
	v->due_ms = NOW_MS + 300000;
	v->expiry_ms = NOW_MS + INT64_C(29) * 86400000;
	v->last_try_ms = NOW_MS - 60000;
	v->attempts = 3;
	v->helo = "client.example";
	v->client = "192.0.2.9";
	v->host = "mx1.example.org";
}

static size_t
message_count(const struct fake *f)
{
	return MX_COUNT(stock) + f->big;
}

static void
note(struct fake *f, const char *op, const char *domain, uint64_t id, int v)
{
	char text[TEXT_ID_MAX];

	(void)snprintf(f->last, sizeof(f->last), "%s %s %d", op,
	    domain != NULL ? domain : text_id(id, text), v);
}

static void
fake_domain(void *self, const char *domain, struct relay_domain *rd)
{
	struct fake *f = self;

	memset(rd, 0, sizeof(*rd));
	rd->flush.eta_ms = -1;
	if (strcmp(domain, "example.org") == 0)
		rd->next_expiry_ms =
		    NOW_MS + INT64_C(27) * 86400000 - f->sooner_ms;
	rd->on_hold = strcmp(domain, "hold.example") == 0;
	if (strcmp(domain, "dsn.example") == 0)
		rd->deferred = 1;
	if (strcmp(domain, "big.example") == 0)
		rd->deferred = f->big;
	if (strcmp(domain, "example.org") != 0)
		return;
	rd->active = rd->deferred = rd->held = 1;
	if (f->flushing && f->polls_left-- == 0) {
		f->flushing = false;
		f->remaining = f->cut ? 1 : 0;
	}
	rd->flush = (struct relay_flush){ .domain = "example.org",
		.running = f->flushing,
		.start_ms = NOW_MS,
		.end_ms = f->flushing ? 0 : NOW_MS + 1000,
		.total = 3,
		.remaining = f->remaining,
		.delivered = 3 - f->remaining,
		.rate = 1.5,
		.eta_ms = 2000 };
}

static void
add_pending(struct fake *f, const struct fake_pending *p)
{
	MX_ASSERT(f->npending < MX_COUNT(f->pending));
	f->pending[f->npending++] = *p;
	loop_task_schedule(f->task);
}

static void
fake_list(void *self, const char *domain, const struct selection *wanted,
    uint64_t after, unsigned max, relay_list_cb *cb, void *arg)
{
	struct fake_pending p = { .list = true,
		.after = after,
		.max = max,
		.list_cb = cb,
		.arg = arg };

	MX_ASSERT(max > 0 && max <= 500);
	((struct fake *)self)->lists++;
	((struct fake *)self)->wanted = *wanted;
	(void)strlcpy(p.domain, domain != NULL ? domain : "", sizeof(p.domain));
	add_pending(self, &p);
}

/* A few at a time; the messages of big.example are a day older each,
 * and each is far from the bounds of its age. */
static uint64_t
fake_look(void *self, const char *domain, uint64_t after,
    void (*fn)(void *arg, const char *domain, int64_t arrival_ms), void *arg)
{
	struct fake *f = self;
	unsigned n = 0;

	for (size_t i = 0; i < message_count(f); i++) {
		struct msg_view v;

		make_view(f, &v, i);
		if (v.id <= after || lacks(f, i) ||
		    (domain != NULL && strcmp(domain, v.domain) != 0))
			continue;
		if (n++ == 3)
			return after;
		after = v.id;
		fn(arg, v.domain,
		    i < MX_COUNT(stock) ? clock_wall_ms() - 600000 :
					  clock_wall_ms() -
			    (int64_t)(i - MX_COUNT(stock)) * 86400000 -
			    3000000);
	}
	return 0;
}

static void
fake_show(void *self, uint64_t id, relay_show_cb *cb, void *arg)
{
	struct fake_pending p = { .id = id, .show_cb = cb, .arg = arg };

	add_pending(self, &p);
}

static void
answer_list(struct fake *f, const struct fake_pending *p)
{
	struct msg_view v[500];
	unsigned n = 0;
	uint64_t next = 0;

	for (size_t i = 0; i < message_count(f); i++) {
		struct msg_view one;

		make_view(f, &one, i);
		if (one.id <= p->after || lacks(f, i) ||
		    (p->domain[0] != '\0' &&
			strcmp(one.domain, p->domain) != 0))
			continue;
		if (n == p->max) {
			next = v[n - 1].id;
			break;
		}
		if (f->crowd && i == 0) {
			one.rcpts = NULL;
			one.nrcpts = 21;
		}
		if (!f->list_rcpts)
			one.rcpts = NULL;
		v[n++] = one;
	}
	p->list_cb(p->arg, f->list_rc, v, n, next);
}

static void
answer_show(struct fake *f, const struct fake_pending *p)
{
	struct msg_view v[8];
	unsigned n = 0;

	for (size_t i = 0; i < message_count(f) && n < MX_COUNT(v); i++) {
		make_view(f, &v[n], i);
		n += v[n].id >> 8 == p->id >> 8 && !lacks(f, i);
	}
	p->show_cb(p->arg, n > 0 ? 0 : -MX_ENOENT, v, n);
}

/* ---- content, and messages on their way in */

static void
fake_content(void *self, uint64_t id, uint64_t offset, size_t max,
    relay_content_cb *cb, void *arg)
{
	struct fake_pending p = { .id = id,
		.after = offset,
		.max = (unsigned)max,
		.content_cb = cb,
		.arg = arg };

	add_pending(self, &p);
}

static void
answer_content(struct fake *f, const struct fake_pending *p)
{
	struct relay_content of = { .size = f->content.len };
	const char *text = buf_str(&f->content);
	size_t left = f->content.len > p->after ? f->content.len - p->after : 0;

	of.crc = crc_32(0, text, f->content.len) + f->content_rots;
	p->content_cb(p->arg, f->content_rc, left > 0 ? text + p->after : "",
	    left < p->max ? left : p->max, &of);
}

static struct relay_intake *
fake_intake(void *self)
{
	struct fake *f = self;

	f->intakes++;
	buf_clear(&f->came);
	return (struct relay_intake *)(void *)f;
}

static int
fake_append(struct relay_intake *in, const void *data, size_t len)
{
	struct fake *f = (struct fake *)(void *)in;

	return buf_add(&f->came, data, len);
}

static bool
fake_congested(struct relay_intake *in, void (*space)(void *arg), void *arg)
{
	struct fake *f = (struct fake *)(void *)in;
	struct fake_pending p = { .space = space, .arg = arg };

	if (!f->congested)
		return false;
	add_pending(f, &p);
	return true;
}

static void
fake_abort(struct relay_intake **inp)
{
	struct fake *f = (struct fake *)(void *)*inp;

	*inp = NULL;
	if (f != NULL)
		f->intakes--;
}

static int
fake_commit(struct relay_intake **inp, const struct relay_copy *copy,
    relay_commit_cb *cb, void *arg, uint64_t token)
{
	struct fake *f = (struct fake *)(void *)*inp;
	struct fake_pending p = { .commit_cb = cb, .arg = arg, .id = token };

	fake_abort(inp);
	(void)snprintf(f->last, sizeof(f->last), "import from=%s to=%s n=%u",
	    copy->sender, copy->rcpts[0].mailbox, copy->nrcpts);
	add_pending(f, &p);
	return 0;
}

void
fake_answer(struct fake *f)
{
	struct fake_pending p;

	while (f->npending > 0) {
		p = f->pending[0];
		memmove(f->pending, f->pending + 1,
		    --f->npending * sizeof(f->pending[0]));
		if (p.content_cb != NULL)
			answer_content(f, &p);
		else if (p.space != NULL)
			p.space(p.arg);
		else if (p.commit_cb != NULL)
			p.commit_cb(p.arg, p.id, f->commit_rc, 0x6B100);
		else if (p.list)
			answer_list(f, &p);
		else
			answer_show(f, &p);
	}
}

static void
on_task(void *arg)
{
	struct fake *f = arg;

	if (!f->mute)
		fake_answer(f);
}

static int
fake_flush(void *self, const char *domain, enum flush_trigger trigger, bool dry,
    struct relay_flush *out)
{
	struct fake *f = self;
	struct relay_domain rd;

	MX_ASSERT(trigger == FLUSH_MANUAL);
	note(f, dry ? "dry-flush" : "flush", domain, 0, 0);
	fake_domain(f, domain, &rd);
	*out = rd.flush;
	if (rd.flush.running)
		return -MX_EBUSY;
	if (rd.active + rd.deferred + rd.held == 0)
		return -MX_ENOENT;
	out->total = out->remaining = 3;
	if (!dry) {
		f->flushing = true;
		f->remaining = 3;
	}
	return 0;
}

static int
fake_hold_domain(void *self, const char *domain, bool hold)
{
	note(self, "hold-domain", domain, 0, hold);
	return 0;
}

/* What is active is being delivered. */
static int
change(struct fake *f, const char *op, uint64_t id, bool all,
    struct relay_ordered *o)
{
	bool any = false;

	note(f, op, NULL, id, all);
	for (size_t i = 0; i < message_count(f); i++) {
		struct msg_view v;

		make_view(f, &v, i);
		if (lacks(f, i) || (all ? v.id >> 8 != id >> 8 : v.id != id))
			continue;
		any = true;
		f->ordered++;
		o->domain = v.domain;
		o->bytes += v.size;
		o->in_hand += v.state == MSG_ACTIVE;
		o->done += v.state != MSG_ACTIVE;
	}
	return any ? 0 : -MX_ENOENT;
}

static int
fake_hold(void *self, uint64_t id, bool hold, bool all, struct relay_ordered *o)
{
	return change(self, hold ? "hold" : "release", id, all, o);
}

static int
fake_extend(void *self, const char *domain, int64_t add_ms)
{
	note(self, "extend", domain, 0, (int)(add_ms / 86400000));
	return 0;
}

static int
fake_extend_one(void *self, uint64_t id, int64_t add_ms, bool all,
    struct relay_ordered *o)
{
	(void)add_ms;
	return change(self, "extend", id, all, o);
}

static int
fake_bounce(void *self, uint64_t id, bool all, struct relay_ordered *o)
{
	return change(self, "bounce", id, all, o);
}

static int
fake_remove(void *self, uint64_t id, bool all, bool purge,
    struct relay_ordered *o)
{
	(void)purge;
	return change(self, "remove", id, all, o);
}

/* ---- the daemon's operations */

static struct snap_domain *
snap(struct snapshot *s, const char *name, const char *state,
    unsigned nprimaries)
{
	struct snap_domain *d = snapshot_add(s, name, nprimaries);

	d->state_name = state;
	d->state_since = NOW_MS / 1000 - 90;
	d->lifetime = INT64_C(30) * 86400;
	d->flush.eta_ms = -1;
	return d;
}

/* The server of example.org, with all that deliveries can learn of one. */
static void
add_server(struct snapshot *s)
{
	struct snap_server *v = snap_server_create();

	(void)strlcpy(v->label, "mx1.example.org", sizeof(v->label));
	v->state_name = "up";
	v->state_since = NOW_MS / 1000 - 90;
	v->domains = 300;
	v->asks = 7;
	v->host = (struct snap_host){ .window = 6,
		.ceiling = 5,
		.connections = 4,
		.max_messages = 100,
		.max_rcpts = 50,
		.gap_seconds = 0.4,
		.chunking_off_until = NOW_MS / 1000 + 7200,
		.latency_seconds = 0.85 };
	snapshot_servers(s, 1);
	s->server[0] = v;
}

/* Two nodes, and the domain is the other's. */
static void
add_cluster(struct snapshot *s, struct snap_domain *d)
{
	struct snap_node *n = snapshot_nodes(s, 2);

	s->cluster.on = true;
	(void)strlcpy(s->cluster.node, "mx2", sizeof(s->cluster.node));
	(void)strlcpy(n[0].name, "mx2", sizeof(n[0].name));
	(void)strlcpy(n[1].name, "mx3", sizeof(n[1].name));
	n[0].state_name = n[1].state_name = "live";
	n[0].us = n[0].up = n[1].up = true;
	d->shared = true;
	d->ours = false;
	d->owner = "mx3";
}

static struct snapshot *
fake_snapshot(void *arg, const char *domain MX_UNUSED)
{
	struct snapshot *s = snapshot_create();
	struct snap_primary *p;
	struct fake *f = arg;
	struct snap_domain *d;

	if (f->probe_after > 0 && --f->probe_after == 0)
		f->probes++;
	s->wall_ms = NOW_MS;
	s->start = NOW_MS / 1000 - 86400;
	s->ready = s->reload_ok = true;
	s->spool_free_bytes = 1u << 30;
	(void)snap(s, "example.net", "up", 0);
	d = snap(s, "example.org", "down", 1);
	p = &d->primary[0];
	d->active = d->deferred = d->held = 1;
	d->oldest_ms = d->ripest_ms = NOW_MS - INT64_C(3) * 86400000;
	d->ripest_life_ms = INT64_C(30) * 86400000;
	d->next_expiry_ms = NOW_MS + INT64_C(27) * 86400000;
	d->next_try_ms = NOW_MS + 60000;
	d->cause = f->cause;
	d = snap(s, "hold.example", "up", 0);
	d->on_hold = d->learns = true;
	d->learned[0] = 300;
	d->learned[1] = 150;
	d->tested_ms = NOW_MS - 3600000;
	p->label = "mx1.example.org";
	p->probed = f->probes > 0;
	p->healthy = f->primary_ok;
	p->failed_phase = f->primary_ok ? SMTP_PHASE_NONE : SMTP_PHASE_CONNECT;
	p->text = "connection \033[2Jrefused";
	p->probes = f->probes;
	p->last_run = NOW_MS / 1000 - 12;
	add_server(s);
	if (f->cluster)
		add_cluster(s, d);
	if (f->unowned)
		d->owner = "";
	return s;
}

static int
fake_probe(void *arg, const char *domain)
{
	struct fake *f = arg;

	if (strcmp(domain, "example.org") != 0)
		return -MX_ENOENT;
	f->probe_after = 2;
	return 0;
}

static void
fake_flushes(void *arg, const char *domain)
{
	struct fake *f = arg;

	(void)strlcpy(f->again, domain, sizeof(f->again));
}

static uint64_t
fake_reload(void *arg)
{
	struct fake *f = arg;

	f->reload_polls = 3;
	return 9;
}

static int
fake_reload_result(void *arg, uint64_t number, const struct conf_errors **errs)
{
	static char file[] = "mx.conf", unknown[] = "unknown option",
		    none[] = "no domain";
	static struct conf_error e[] = {
		{ .file = file, .line = 7, .text = unknown },
		{ .file = file, .warning = true, .text = none },
	};
	static const struct conf_errors good, wrong = { 2, 1, e };
	struct fake *f = arg;

	MX_ASSERT(number == 9);
	if (f->reload_polls-- > 0)
		return 1;
	*errs = f->reload_rc == 0 ? &good : &wrong;
	return f->reload_rc;
}

static void
fake_rcpt(void *arg MX_UNUSED, const char *mailbox, char *dst, size_t size,
    struct buf *rule)
{
	MX_ASSERT(buf_adds(rule, "The list decides.") == 0);
	(void)strlcpy(dst,
	    strcmp(mailbox, "user@example.org") == 0 ?
		"250 2.1.5" :
		"550 5.1.1 unknown recipient",
	    size);
}

static bool
fake_may_see(void *arg)
{
	return !((struct fake *)arg)->content_hidden;
}

static void
fake_unreadable(void *self, struct relay_unreadable *out)
{
	static uint64_t ids[250];
	const struct fake *f = self;

	for (unsigned i = 0; i < 250; i++)
		ids[i] = (0x7000 + i) << 8;
	*out = (struct relay_unreadable){ ids, f->unreadable,
		f->unreadable > 0 ? f->unreadable + 13 : 0 };
}

static void
fake_refused(void *self, const char *domain,
    void (*fn)(void *arg, const char *mailbox, int64_t since_ms), void *arg)
{
	char mailbox[64];

	(void)self;
	for (unsigned i = 0; i < 23 && strcmp(domain, "example.org") == 0;
	     i++) {
		snprintf(mailbox, sizeof(mailbox), "left%u@%s", i, domain);
		fn(arg, mailbox, INT64_C(1795000000000));
	}
}

/* Of hold.example 450 names u000, u001, ...: every third is refused. */
static bool
fake_learned(void *self, const char *domain, const char *after, unsigned max,
    void (*fn)(void *arg, const char *local, const struct relay_learned *),
    void *arg)
{
	struct relay_learned l = { .taken_ms = 0 };
	char local[16];

	(void)self;
	for (unsigned i = 0; i < 450 && strcmp(domain, "hold.example") == 0;
	     i++) {
		snprintf(local, sizeof(local), "u%03u", i);
		if (strcmp(local, after) <= 0)
			continue;
		if (max-- == 0)
			return true;
		l.exists = i % 3 != 0;
		l.known = l.exists ? "passed" : "doubted";
		l.passed_ms = l.exists ? INT64_C(1795000000000) : 0;
		l.refused_ms = l.exists ? 0 : INT64_C(1795000000000);
		l.refused_first_ms = l.refused_ms;
		fn(arg, local, &l);
	}
	return false;
}

static int64_t
fake_came(void *self, uint64_t id)
{
	(void)self;
	return INT64_C(1795364000000) + (int64_t)(id >> 8);
}

/* ---- maintenance */

static int
fake_maintenance_add(void *arg, const struct control_maintenance *m,
    uint64_t *id)
{
	struct fake *f = arg;

	(void)snprintf(f->last, sizeof(f->last),
	    "maintenance %s %s %jd hold=%d by=%s reason=%s",
	    m->is_primary ? "primary" : "domain", m->subject,
	    (intmax_t)(m->until - m->from), m->hold,
	    m->uid == (int64_t)getuid() ? "us" : "?", m->reason);
	*id = 7;
	return f->maintenance_rc;
}

static int
fake_maintenance_end(void *arg, const char *which)
{
	struct fake *f = arg;

	(void)snprintf(f->last, sizeof(f->last), "end %s", which);
	return f->maintenance_rc;
}

static void
fake_maintenance_each(void *arg,
    void (*fn)(const struct control_maintenance *, void *), void *fn_arg)
{
	static char a[] = "a.example", b[] = "b.example", mx[] = "mx.example";
	static char *domains[] = { a, b }, *primaries[] = { mx };
	static const struct strlist d = { 2, domains }, p = { 1, primaries };
	struct control_maintenance once = { .id = 7,
		.name = "",
		.every = "",
		.subject = "example.org",
		.hold = true,
		.active = true,
		.uid = 0,
		.from = 1700000000,
		.until = 1700007200,
		.reason = "a new\x1b[2J disk" };
	struct control_maintenance again = { .name = "patch day",
		.every = "2nd tue 02:00",
		.subject = "",
		.domains = &d,
		.primaries = &p,
		.uid = -1,
		.from = 1700100000,
		.until = 1700107200,
		.reason = "" };

	(void)arg;
	fn(&once, fn_arg);
	fn(&again, fn_arg);
}

static bool
fake_maintenance_holds(void *arg, const char *domain)
{
	struct fake *f = arg;

	return f->maintenance_holds && strcmp(domain, "example.org") == 0;
}

/* ---- redirects */

static char redirect_to[] = "mx9.example.net:26",
	    redirect_from[] = "mx1.example.org";
static char *redirect_to_list[] = { redirect_to };
static char *redirect_from_list[] = { redirect_from };
static const struct strlist redirect_own = { 1, redirect_from_list };

static void
redirect_say(struct fake *f, bool doubted, control_redirected_cb *done,
    void *ticket)
{
	static char far[] = "it is far away";
	static char *doubts[] = { far };
	const struct strlist list = { doubted, doubts };
	struct control_redirected said = { .error = "because",
		.doubts = &list,
		.instead_of = &redirect_own };

	done(ticket, f->redirect_rc, &said);
}

static void
fake_redirect_order(void *arg, struct redirect *r, bool dry,
    control_redirected_cb *done, void *ticket)
{
	struct fake *f = arg;
	char to[REDIRECT_HOSTS_TEXT];

	(void)snprintf(f->last, sizeof(f->last),
	    "redirect %.100s %.200s %jd dry=%d by=%s reason=%.60s", r->domain,
	    redirect_hosts(&r->to, to, sizeof(to)),
	    (intmax_t)(r->until != 0 ? r->until - r->since : 0), dry,
	    r->uid == (int64_t)getuid() ? "us" : "?", r->reason);
	redirect_say(f, r->until != 0, done, ticket);
}

static void
fake_redirect_end(void *arg, const char *domain, bool dry,
    control_redirected_cb *done, void *ticket)
{
	struct fake *f = arg;

	(void)snprintf(f->last, sizeof(f->last), "redirect end %s dry=%d",
	    domain, dry);
	redirect_say(f, false, done, ticket);
}

static void
fake_redirect_each(void *arg,
    void (*fn)(const struct control_redirect *, void *), void *fn_arg)
{
	struct redirect one = { .domain = "example.org",
		.to = { 1, redirect_to_list },
		.since = 1700000000,
		.until = 1700007200,
		.reason = "a\x1b[2Jmove" };
	struct redirect other = { .domain = "gone.example",
		.to = one.to,
		.since = one.since,
		.uid = -1 };

	(void)arg;
	fn(&(struct control_redirect){ .redirect = &one,
	       .instead_of = &redirect_own,
	       .in_force = true },
	    fn_arg);
	fn(&(struct control_redirect){ .redirect = &other }, fn_arg);
}

/* ---- the record of outages */

static void
put_outage(struct fake *f, uint64_t id, enum outage_kind kind, const char *name)
{
	struct outage o;

	outage_init(&o, kind, name);
	o.id = id;
	o.state = id == 9 ? OUTAGE_OVER : OUTAGE_DOWN;
	o.failed = o.detected = NOW_MS / 1000 - 3600;
	o.recovered = id == 9 ? o.failed + 60 : 0;
	o.phase = SMTP_PHASE_CONNECT;
	outage_text_set(&o.reply, "connect: \033[31mrefused");
	(void)kept_put(f->outages, &o);
	outage_fini(&o);
}

static bool
fake_outages(void *arg, const struct kept_query *q, const char *end,
    struct buf *out, uint64_t *before)
{
	struct fake *f = arg;

	return kept_page(f->outages, q, end, out, before);
}

static void
fake_did(void *arg, const char *verb, const char *target, const char *reason,
    const char *node, int64_t uid, int rc)
{
	struct fake *f = arg;

	(void)uid;
	f->dids++;
	(void)snprintf(f->did, sizeof(f->did), "%s %s %s %d%s%s", verb, target,
	    reason, rc, *node != '\0' ? " of " : "", node);
}

/* ---- the doctor: findings of this host and of two domains, by name and by time */

static const struct snap_finding findings[][2] = {
	{ { "", DOCTOR_ptr, DOCTOR_WARNING, "no PTR\033[31m", "set it", 77 },
	    { "", DOCTOR_helo, DOCTOR_OK, "well", NULL, 77 } },
	{ { "example.net", DOCTOR_size, DOCTOR_INFO, "larger", NULL, 78 },
	    { "example.net", DOCTOR_xforward, DOCTOR_OK, "well", NULL, 78 } },
	{ { "example.org", DOCTOR_mx, DOCTOR_ERROR, NULL, NULL, 79 },
	    { "example.org", DOCTOR_primary, DOCTOR_OK, "well", NULL, 79 } },
};

static int
fake_doctor_ask(void *arg, const char *domain, uint64_t *seq)
{
	struct fake *f = arg;

	note(f, "doctor", domain != NULL ? domain : "all", 0, 0);
	*seq = 0;
	return f->doctor_rc;
}

static bool
fake_doctor_is_busy(void *arg, const char *domain)
{
	struct fake *f = arg;

	(void)domain;
	return f->doctor_polls > 0 && f->doctor_polls-- > 0;
}

static void
fake_findings(size_t i, control_finding_cb *fn, void *fn_arg)
{
	fn(fn_arg, &findings[i][0]);
	fn(fn_arg, &findings[i][1]);
}

static bool
fake_doctor_of(void *arg, const char *domain, control_finding_cb *fn,
    void *fn_arg)
{
	(void)arg;
	for (size_t i = 0; i < MX_COUNT(findings); i++)
		if (strcmp(findings[i][0].domain, domain) == 0) {
			fake_findings(i, fn, fn_arg);
			return true;
		}
	return false;
}

static bool
fake_doctor_next(void *arg, const char *after, char name[TEXT_DOMAIN_MAX],
    control_finding_cb *fn, void *fn_arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < MX_COUNT(findings); i++)
		if (after == NULL || strcmp(findings[i][0].domain, after) > 0)
			break;
	if (i == MX_COUNT(findings))
		return false;
	(void)strlcpy(name, findings[i][0].domain, TEXT_DOMAIN_MAX);
	fake_findings(i, fn, fn_arg);
	return true;
}

/* They come one by one, the last at the end. */
static bool
fake_doctor_since(void *arg, uint64_t *seq, control_finding_cb *fn,
    void *fn_arg)
{
	struct fake *f = arg;

	if (*seq + f->doctor_polls >= MX_COUNT(findings))
		return false;
	fake_findings((*seq)++, fn, fn_arg);
	return true;
}

static int64_t
fake_doctor_ended(void *arg)
{
	struct fake *f = arg;

	return f->doctor_ended;
}

void
fake_init(struct fake *f, struct loop *loop)
{
	memset(f, 0, sizeof(*f));
	f->relay = (struct relay){ .self = f,
		.domain = fake_domain,
		.list = fake_list,
		.look = fake_look,
		.show = fake_show,
		.content = fake_content,
		.intake = fake_intake,
		.append = fake_append,
		.congested = fake_congested,
		.abort = fake_abort,
		.commit = fake_commit,
		.unreadable = fake_unreadable,
		.came = fake_came,
		.refused = fake_refused,
		.learned = fake_learned,
		.flush = fake_flush,
		.hold_domain = fake_hold_domain,
		.hold = fake_hold,
		.extend = fake_extend,
		.extend_one = fake_extend_one,
		.bounce = fake_bounce,
		.remove = fake_remove };
	f->ops = (struct control_ops){ .snapshot = fake_snapshot,
		.probe = fake_probe,
		.flushes = fake_flushes,
		.reload = fake_reload,
		.reload_result = fake_reload_result,
		.rcpt = fake_rcpt,
		.content = fake_may_see,
		.maintenance = { .add = fake_maintenance_add,
		    .end = fake_maintenance_end,
		    .each = fake_maintenance_each,
		    .holds = fake_maintenance_holds,
		    .arg = f },
		.redirect = { .order = fake_redirect_order,
		    .end = fake_redirect_end,
		    .each = fake_redirect_each,
		    .arg = f },
		.doctor = { .ask = fake_doctor_ask,
		    .is_busy = fake_doctor_is_busy,
		    .of = fake_doctor_of,
		    .next = fake_doctor_next,
		    .since = fake_doctor_since,
		    .ended = fake_doctor_ended,
		    .arg = f },
		.outages = fake_outages,
		.did = fake_did,
		.arg = f };
	f->cause = "connection refused";
	buf_init(&f->content, 1 << 20);
	buf_init(&f->came, 1 << 20);
	f->outages = kept_create();
	put_outage(f, 7, OUTAGE_PRIMARY, "mx1.example.org");
	put_outage(f, 8, OUTAGE_DOMAIN, "example.org");
	put_outage(f, 9, OUTAGE_PRIMARY, "mx9.other.example");
	f->task = loop_task_create(loop, on_task, f);
}

void
fake_fini(struct fake *f)
{
	loop_task_destroy(&f->task);
	buf_fini(&f->content);
	buf_fini(&f->came);
	kept_destroy(&f->outages);
}
