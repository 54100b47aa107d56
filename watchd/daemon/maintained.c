/* SPDX-License-Identifier: ISC
 * maintained: see maintained.h. The store has "maintenance/ID"
 * (maintenance_write) and, for a recurring window that an operator ended early,
 * "maintenance_ended/NAME": the Unix time until which it would have lasted. */
#include "daemon/maintained.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/domains.h"
#include "net/route.h"

#define PREFIX	     "maintenance/"
#define PREFIX_ENDED "maintenance_ended/"
#define SWEEP_NS     (2 * CLOCK_MS) /* of a slice */
#define SWEEP_LOOK   64 /* domains between two looks at the clock */

struct maintenance_keeper {
	struct daemon *daemon;
	struct maintenance_set *set;
	struct loop_timer *timer; /* the next slice of a sweep */
	char at[TEXT_DOMAIN_MAX]; /* last domain looked at */
	bool changed; /* a window began or ended: sweep again */
	bool hearing; /* applying another node's change, which is stored */
};

/* ---- the store */

static void
on_put(void *arg, uint64_t id, int rc)
{
	(void)arg;
	if (rc != 0)
		log_error("maintenance",
		    "id=%" PRIu64 " problem=\"it is not stored and is lost at "
		    "a restart\" error=%s",
		    id, log_q(mx_strerror(rc)));
}

static void
put(struct maintenance_keeper *m, uint64_t id, const struct maintenance *w)
{
	struct buf text = BUF_INIT(MAINTENANCE_RECORD_MAX);
	char key[sizeof(PREFIX) + 24];

	if (m->hearing)
		return;
	if (w != NULL)
		maintenance_write(w, &text);
	(void)snprintf(key, sizeof(key), PREFIX "%020" PRIu64, id);
	store_state_put(m->daemon->store, key, text.data, text.len, on_put, m,
	    id);
	buf_fini(&text);
}

/* `until` 0: the window may begin again. */
static void
put_ended(struct maintenance_keeper *m, const char *name, int64_t until)
{
	char key[STORE_KEY_MAX], text[24] = "";

	if (m->hearing)
		return;
	if (until != 0)
		(void)snprintf(text, sizeof(text), "%" PRId64, until);
	(void)snprintf(key, sizeof(key), PREFIX_ENDED "%s", name);
	store_state_put(m->daemon->store, key, text, strlen(text), on_put, m,
	    0);
}

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct maintenance_keeper *m = arg;
	struct maintenance w;
	int64_t id;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return;
	if (text_int(key + strlen(PREFIX), 1, INT64_MAX, &id) != 0 ||
	    maintenance_read(&w, (uint64_t)id, data, len) != 0)
		log_error("maintenance",
		    "key=%s problem=\"its record is invalid\"", log_q(key));
	else if (maintenance_add(m->set, &w, clock_wall()) != 0)
		put(m, w.id, NULL); /* over while the daemon was not running */
}

static void
load_ended(void *arg, const char *key, const void *data, size_t len)
{
	struct maintenance_keeper *m = arg;
	char text[24];
	int64_t until;

	if (strncmp(key, PREFIX_ENDED, strlen(PREFIX_ENDED)) != 0 ||
	    len >= sizeof(text))
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	key += strlen(PREFIX_ENDED);
	if (text_int(text, 1, INT64_MAX, &until) != 0 || until <= clock_wall())
		put_ended(m, key, 0);
	else
		maintenance_ended(m->set, key, until);
}

/* ---- edges */

static const char *
target_of(const struct maintenance *w, char *dst, size_t size)
{
	if (w->conf != NULL)
		(void)snprintf(dst, size, "%zu domains, %zu primaries",
		    w->conf->domains.n, w->conf->primaries.n);
	else
		(void)strlcpy(dst, w->subject, size);
	return dst;
}

static void
on_edge(void *arg, const struct maintenance *w, bool begin)
{
	struct maintenance_keeper *m = arg;
	char target[MAINTENANCE_SUBJECT_MAX], until[40];

	m->changed = true;
	log_notice("maintenance",
	    "event=%s id=%" PRIu64 " name=%s target=%s hold=%s until=%s "
	    "uid=%" PRId64 " reason=%s",
	    begin ? "begin" : "end", w->id, log_q(maintenance_name(w)),
	    log_q(target_of(w, target, sizeof(target))), w->hold ? "yes" : "no",
	    text_date_3339(w->until, until, sizeof(until)), w->uid,
	    log_q(w->reason));
}

static void
on_gone(void *arg, uint64_t id)
{
	put(arg, id, NULL);
}

static void
on_primary(void *arg, const char *label, bool begins,
    const struct maintenance *w)
{
	struct maintenance_keeper *m = arg;

	daemon_ledger_maintained(m->daemon, OUTAGE_PRIMARY, label, begins,
	    w->reason);
}

/* Messages in the line of a primary that has become avoided, or no longer is,
 * are assigned again. */
static void
look_at(struct maintenance_keeper *m, const struct snap_domain *s)
{
	struct daemon *d = m->daemon;
	const struct snap_maintenance *is = &s->maintenance;
	struct maintenance_view v;

	if (s->nprimaries > 1)
		deliver_choose_again(d->deliver, s->name);
	maintained_domain(d, s->name, &v);
	if (v.active != is->active || v.hold != is->hold ||
	    v.from != is->from || v.until != is->until)
		stats_touch(d->stats, s->name);
}

static void
on_sweep(void *arg)
{
	struct maintenance_keeper *m = arg;
	const struct snap_list *list = domains_list(m->daemon->domains);
	int64_t end = clock_now() + SWEEP_NS;
	const struct snap_domain *s = NULL;
	bool found;
	unsigned i = 0;

	if (m->at[0] != '\0')
		i = snap_list_place(list, m->at, &found) + found;
	for (unsigned n = 1; i < list->n; i++, n++) {
		s = snap_list_at(list, i);
		look_at(m, s);
		if (n % SWEEP_LOOK == 0 && clock_now() > end)
			break;
	}
	if (i < list->n)
		(void)strlcpy(m->at, s->name, sizeof(m->at));
	else
		m->at[0] = '\0';
	if (i < list->n)
		loop_timer_set(m->timer, 0);
}

static void
settle(struct maintenance_keeper *m)
{
	if (!m->changed)
		return;
	m->changed = false;
	m->at[0] = '\0';
	loop_timer_set(m->timer, 0);
}

/* Edges beyond one step's limit are left to the next ticks. */
static void
step(struct maintenance_keeper *m)
{
	(void)maintenance_step(m->set, clock_wall());
	settle(m);
}

void
maintained_tick(struct daemon *d)
{
	if (queue_clock_doubt(d->queue) == 0)
		step(d->maintained);
}

void
maintained_configure(struct daemon *d, struct config *conf)
{
	maintenance_configure(d->maintained->set, conf, clock_wall());
	d->maintained->changed = true; /* the named subjects may differ */
	step(d->maintained);
}

/* ---- look-up */

/* A domain with another usable primary is delivered there; without one its mail
 * is held, since a held primary gets no mail. */
static void
hold_by_primaries(const struct daemon *d, const char *domain,
    const char *const *labels, unsigned n, struct maintenance_view *v)
{
	struct maintenance_view one, held = { 0 };

	for (unsigned i = 0; i < n; i++) {
		if (maintained_primary(d, labels[i], &one) && one.hold)
			held = one;
		else if (watch_usable(d->watch, domain, labels[i]))
			return;
	}
	if (!held.hold)
		return;
	held.active = v->active;
	if (!v->active)
		*v = held;
	v->hold = true;
}

bool
maintained_domain(const struct daemon *d, const char *domain,
    struct maintenance_view *v)
{
	const struct maintenance_set *set = d->maintained->set;
	const char *labels[ROUTE_HOST_MAX];
	unsigned n = 0;

	if (maintenance_any(set))
		n = watch_labels(d->watch, domain, labels, MX_COUNT(labels));
	(void)maintenance_of_domain(set, domain, labels, n, v);
	if (!v->hold)
		hold_by_primaries(d, domain, labels, n, v);
	return v->active || v->hold;
}

bool
maintained_primary(const struct daemon *d, const char *label,
    struct maintenance_view *v)
{
	return maintenance_of_primary(d->maintained->set, label, v);
}

bool
maintained_holds(const struct daemon *d, const char *domain)
{
	struct maintenance_view v;

	return maintained_domain(d, domain, &v) && v.hold;
}

enum queue_gate
maintained_gate(const struct daemon *d, const char *domain,
    enum health_state state)
{
	return health_open(state) && !maintained_holds(d, domain) ? GATE_OPEN :
								    GATE_CLOSED;
}

bool
maintained_avoids(const struct daemon *d, const char *label)
{
	struct maintenance_view v;

	return maintained_primary(d, label, &v) && v.hold;
}

void
maintained_show(const struct daemon *d, struct snap_domain *s,
    const struct snap_domain *was)
{
	struct maintenance_view v;

	if (!maintained_domain(d, s->name, &v)) {
		if (was != NULL && s->state == HEALTH_RECOVERING)
			s->maintenance = was->maintenance;
		s->maintenance.hold = false;
		return;
	}
	s->maintenance = (struct snap_maintenance){ .active = v.active,
		.hold = v.hold,
		.from = v.from,
		.until = v.until,
		.id = v.by->id,
		.name = maintenance_name(v.by),
		.reason = v.by->reason,
		.uid = v.by->uid };
}

void
maintained_show_primary(const struct daemon *d, const char *label,
    struct snap_host *h)
{
	struct maintenance_view v;

	if (!maintained_primary(d, label, &v))
		return;
	h->maintenance_until = v.until;
	h->maintenance_hold = v.hold;
}

/* ---- control */

static int
op_add(void *arg, const struct control_maintenance *what, uint64_t *id)
{
	struct daemon *d = arg;
	struct maintenance_keeper *m = d->maintained;
	struct maintenance w = { .is_primary = what->is_primary,
		.hold = what->hold,
		.uid = what->uid,
		.from = what->from,
		.until = what->until };
	int rc;

	(void)strlcpy(w.subject, what->subject, sizeof(w.subject));
	(void)strlcpy(w.reason, what->reason, sizeof(w.reason));
	if ((rc = maintenance_add(m->set, &w, clock_wall())) != 0)
		return rc;
	*id = w.id;
	put(m, w.id, &w);
	step(m);
	return 0;
}

struct find_until {
	const char *name;
	int64_t until;
};

static void
find_until(const struct maintenance *w, void *arg)
{
	struct find_until *f = arg;

	if (w->conf != NULL && w->state == MAINTENANCE_ACTIVE &&
	    strcmp(maintenance_name(w), f->name) == 0)
		f->until = w->until;
}

static int
op_end(void *arg, const char *which)
{
	struct daemon *d = arg;
	struct maintenance_keeper *m = d->maintained;
	struct find_until f = { .name = which };
	int rc;

	maintenance_each(m->set, find_until, &f);
	if ((rc = maintenance_end(m->set, which, clock_wall())) != 0)
		return rc;
	if (f.until != 0)
		put_ended(m, which, f.until);
	settle(m);
	return 0;
}

struct each_call {
	void (*fn)(const struct control_maintenance *, void *);
	void *arg;
};

static void
show_one(const struct maintenance *w, void *arg)
{
	const struct each_call *e = arg;
	const struct conf_maintenance *c = w->conf;
	struct control_maintenance cm = { .id = w->id,
		.name = maintenance_name(w),
		.every = c != NULL ? c->every : "",
		.subject = w->subject,
		.is_primary = w->is_primary,
		.hold = w->hold,
		.active = w->state == MAINTENANCE_ACTIVE,
		.uid = w->uid,
		.from = w->from,
		.until = w->until,
		.reason = w->reason };

	if (c != NULL) {
		cm.domains = &c->domains;
		cm.primaries = &c->primaries;
	}
	e->fn(&cm, e->arg);
}

static void
op_each(void *arg, void (*fn)(const struct control_maintenance *, void *),
    void *fn_arg)
{
	struct daemon *d = arg;
	struct each_call e = { fn, fn_arg };

	maintenance_each(d->maintained->set, show_one, &e);
}

static bool
op_holds(void *arg, const char *domain)
{
	return maintained_holds(arg, domain);
}

const struct control_maintenance_ops daemon_maintenance_ops = {
	.add = op_add,
	.end = op_end,
	.each = op_each,
	.holds = op_holds,
};

/* ---- in a cluster */

struct find_id {
	uint64_t id;
	bool there;
};

static void
find_id(const struct maintenance *w, void *arg)
{
	struct find_id *f = arg;

	f->there = f->there || (w->conf == NULL && w->id == f->id);
}

static void
end_told(struct maintenance_keeper *m, const char *which)
{
	int rc = maintenance_end(m->set, which, clock_wall());

	if (rc < 0) /* it is over here already, or unknown */
		log_info("maintenance", "told=%s rc=%d", log_q(which), rc);
}

static void
told_window(struct maintenance_keeper *m, const char *key, const void *data,
    size_t len)
{
	struct find_id f = { 0 };
	char which[24];
	int64_t id;

	if (text_int(key + strlen(PREFIX), 1, INT64_MAX, &id) != 0)
		return;
	f.id = (uint64_t)id;
	maintenance_each(m->set, find_id, &f);
	(void)snprintf(which, sizeof(which), "%" PRId64, id);
	if (len == 0 && f.there)
		end_told(m, which);
	else if (len > 0 && !f.there)
		load_one(m, key, data, len);
}

static void
told_ended(struct maintenance_keeper *m, const char *key, const void *data,
    size_t len)
{
	if (len == 0)
		return;
	load_ended(m, key, data, len);
	end_told(m, key + strlen(PREFIX_ENDED));
}

bool
maintained_told(struct daemon *d, const char *key, const void *data, size_t len)
{
	struct maintenance_keeper *m = d->maintained;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 &&
	    strncmp(key, PREFIX_ENDED, strlen(PREFIX_ENDED)) != 0)
		return false;
	m->hearing = true;
	if (strncmp(key, PREFIX, strlen(PREFIX)) == 0)
		told_window(m, key, data, len);
	else
		told_ended(m, key, data, len);
	m->hearing = false;
	step(m);
	return true;
}

/* ---- create and destroy */

void
maintained_create(struct daemon *d)
{
	struct maintenance_keeper *m = mem_alloc(sizeof(*m));
	struct maintenance_ops ops = { .edge = on_edge,
		.primary = on_primary,
		.gone = on_gone,
		.arg = m };

	d->maintained = m;
	m->daemon = d;
	m->set = maintenance_create(&ops);
	m->timer = loop_timer_create(d->loop, on_sweep, m);
	maintenance_node(m->set, store_node(d->store));
	store_state_each(d->store, PREFIX, load_one, m);
	store_state_each(d->store, PREFIX_ENDED, load_ended, m);
}

void
maintained_destroy(struct daemon *d)
{
	struct maintenance_keeper *m = d->maintained;

	if (m == NULL)
		return;
	loop_timer_destroy(&m->timer);
	maintenance_destroy(&m->set);
	mem_free(&d->maintained);
}
