/* SPDX-License-Identifier: ISC
 * rules: one function an alert. Each fills a struct rule_value; instance.c
 * holds that against the thresholds. While the queue is being indexed, or a
 * primary's state is not known yet (after a start), there is no statement:
 * a restart of the watchdog is never a recovery. */
#include "alerts/rules.h"

#include <sys/tree.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SLOTS	    12
#define SLOT_MS	    (RULES_WINDOW_MS / SLOTS)
#define RATE_TAU_S  60.0
#define RATE_LEAST  1e-4 /* slower is standing still */
#define RESULTS_MIN 10 /* of a rate that means something */

/* enum health_state, by the names that the snapshot carries. */
enum state { ST_UNKNOWN, ST_UP, ST_SUSPECT, ST_DOWN, ST_RECOVERING, ST_OFF };

/* A counter at the beginning of each slot of the last hour. */
struct window {
	unsigned n;
	int64_t at[SLOTS + 1];
	uint64_t count[SLOTS + 1];
};

struct rules_domain {
	RB_ENTRY(rules_domain) link;
	char name[TEXT_DOMAIN_MAX];
	struct window down, expired, delivered, bounced;
	uint64_t left; /* messages that left, as last seen */
	int64_t left_ms;
	double rate; /* messages a second, smoothed */
	bool seen; /* in this round */
};

RB_HEAD(rules_tree, rules_domain);

struct rules {
	struct rules_tree domains;
};

static int
compare(const struct rules_domain *a, const struct rules_domain *b)
{
	return strcmp(a->name, b->name);
}

RB_PROTOTYPE(rules_tree, rules_domain, link, compare)
RB_GENERATE(rules_tree, rules_domain, link, compare)

/* One evaluation of one domain. */
struct view {
	const struct config *conf;
	const struct conf_domain *cd;
	const struct snapshot *s;
	const struct snap_domain *d; /* NULL: an alert of the daemon */
	struct rules_domain *r;
	const struct rules_self *self;
	int64_t now;
};

struct rules *
rules_create(void)
{
	struct rules *r = mem_alloc(sizeof(*r));

	RB_INIT(&r->domains);
	return r;
}

void
rules_destroy(struct rules **rp)
{
	struct rules_domain *d;

	if (*rp == NULL)
		return;
	while ((d = RB_MIN(rules_tree, &(*rp)->domains)) != NULL) {
		RB_REMOVE(rules_tree, &(*rp)->domains, d);
		mem_free(&d);
	}
	mem_free(rp);
}

/* ---- what has to be remembered */

static void
window_feed(struct window *w, uint64_t count, int64_t now)
{
	/* The counter began anew, or the clock went back. */
	if (w->n > 0 && (count < w->count[0] || now < w->at[w->n - 1]))
		w->n = 0;
	if (w->n > 0 && now - w->at[w->n - 1] < SLOT_MS)
		return;
	if (w->n == SLOTS + 1) {
		memmove(w->at, w->at + 1, SLOTS * sizeof(w->at[0]));
		memmove(w->count, w->count + 1, SLOTS * sizeof(w->count[0]));
		w->n--;
	}
	w->at[w->n] = now;
	w->count[w->n++] = count;
}

static uint64_t
window_delta(const struct window *w, uint64_t count)
{
	return w->n > 0 ? count - w->count[0] : 0;
}

static bool
window_full(const struct window *w, int64_t now)
{
	return w->n > 0 && now - w->at[0] >= RULES_WINDOW_MS - SLOT_MS;
}

static uint64_t
sum(const uint64_t *v, unsigned n)
{
	uint64_t total = 0;

	while (n-- > 0)
		total += v[n];
	return total;
}

static void
rate_feed(struct rules_domain *r, uint64_t left, int64_t now)
{
	double dt = (double)(now - r->left_ms) / 1e3, w;

	if (r->left_ms != 0 && now > r->left_ms && left >= r->left) {
		w = 1 - exp(-dt / RATE_TAU_S);
		r->rate += w * ((double)(left - r->left) / dt - r->rate);
		if (r->rate < RATE_LEAST)
			r->rate = 0;
	}
	r->left = left;
	r->left_ms = now;
}

static struct rules_domain *
remember(struct rules *rules, const struct snap_domain *d, int64_t now)
{
	struct rules_domain key, *r;

	(void)strlcpy(key.name, d->count.name, sizeof(key.name));
	r = RB_FIND(rules_tree, &rules->domains, &key);
	if (r == NULL) {
		r = mem_alloc(sizeof(*r));
		(void)strlcpy(r->name, d->count.name, sizeof(r->name));
		RB_INSERT(rules_tree, &rules->domains, r);
	}
	r->seen = true;
	window_feed(&r->down, d->count.transitions[ST_DOWN], now);
	window_feed(&r->expired, d->count.expired, now);
	window_feed(&r->delivered, d->count.delivered, now);
	window_feed(&r->bounced, sum(d->count.bounced, STATUS_LABEL_MAX), now);
	rate_feed(r, d->count.delivered_messages, now);
	return r;
}

static void
forget(struct rules *rules)
{
	struct rules_domain *r, *next;

	RB_FOREACH_SAFE (r, rules_tree, &rules->domains, next) {
		if (!r->seen) {
			RB_REMOVE(rules_tree, &rules->domains, r);
			mem_free(&r);
		} else
			r->seen = false;
	}
}

/* ---- what the rules share */

static void say(struct rule_value *, const char *fmt, ...) MX_PRINTF(2, 3);

static void
say(struct rule_value *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->summary, sizeof(v->summary), fmt, ap);
	va_end(ap);
}

static uint64_t
queued(const struct snap_domain *d)
{
	return d->active + d->deferred + d->held;
}

/* Those that are still to be delivered. */
static uint64_t
waiting(const struct snap_domain *d)
{
	uint64_t n = d->active + d->deferred;

	return n > d->owed ? n - d->owed : 0;
}

static int64_t
since_ms(int64_t ms, int64_t now)
{
	return ms == 0 || ms > now ? 0 : now - ms;
}

/* The primary that an alert of a domain is about: the most preferred. */
static const struct snap_primary *
first_primary(const struct view *x)
{
	return x->d->nprimaries > 0 ? &x->s->primary[x->d->first_primary] :
				      NULL;
}

static double
drain_rate(const struct view *x)
{
	if (x->d->flush.running && x->d->flush.rate > 0)
		return x->d->flush.rate;
	return x->r->rate;
}

struct rules_forecast
rules_forecast(uint64_t n, int64_t oldest, int64_t expiry, double rate,
    int64_t now)
{
	struct rules_forecast f = { 0, 0 };
	double step, late, slope, k;

	if (n == 0 || expiry == 0)
		return f;
	f = (struct rules_forecast){ n, expiry };
	if (rate <= 0)
		return f;
	/* Message i expires at expiry + i * step and leaves (i + 1) / rate
	 * from now: it is late by late + i * slope. */
	step = (double)since_ms(oldest, now) / (double)n;
	late = (double)(now - expiry) + 1e3 / rate;
	slope = 1e3 / rate - step;
	if (late > 0 && slope >= 0)
		return f;
	if (late <= 0 && late + (double)(n - 1) * slope <= 0)
		return (struct rules_forecast){ 0, 0 };
	k = ceil(-late / slope);
	if (late > 0) /* the first k; it gets better */
		f.expire = k < (double)n ? (uint64_t)k : n;
	else { /* all after the first k */
		f.expire = n - (uint64_t)k;
		f.first_ms = expiry + (int64_t)(k * step);
	}
	return f;
}

/* "At the present 0.5/s 30 of 212 messages expire before they leave, the
 * first at ...". */
static void
say_forecast(const struct view *x, const struct rules_forecast *f, char *dst,
    size_t size)
{
	double rate = drain_rate(x);
	uint64_t n = waiting(x->d);
	char at[40];

	text_date_3339(f->first_ms / 1000, at, sizeof(at));
	if (x->d->next_expiry_ms == 0)
		snprintf(dst, size, "none expires%s",
		    x->d->on_hold || x->d->held > 0 ? " while it is held" : "");
	else if (f->expire == 0)
		snprintf(dst, size, "at the present %.2g/s all leave in time",
		    rate);
	else if (rate <= 0)
		snprintf(dst, size,
		    "nothing leaves now: %" PRIu64
		    " messages expire, the first at %s",
		    n, at);
	else
		snprintf(dst, size,
		    "at the present %.2g/s %" PRIu64 " of %" PRIu64
		    " messages expire before they leave, the first at %s",
		    rate, f->expire, n, at);
}

static struct rules_forecast
forecast(const struct view *x)
{
	return rules_forecast(waiting(x->d), x->d->oldest_live_ms,
	    x->d->next_expiry_ms, drain_rate(x), x->now);
}

/* ---- the rules */

static void
rule_primary_down(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = first_primary(x);
	const char *why = x->d->cause;
	char lasted[32];

	v->sticky = true;
	if (x->d->self_mx_since != 0) {
		v->value =
		    (double)since_ms(x->d->self_mx_since * 1000, x->now) + 1;
		say(v,
		    "no primary for %s: this server seems to be the best MX; "
		    "%" PRIu64 " messages are held until another one is "
		    "published, or primary is set",
		    text_duration_fmt((int64_t)v->value, lasted,
			sizeof(lasted)),
		    queued(x->d));
		return;
	}
	if (p != NULL && !p->healthy && p->probed && p->text[0] != '\0')
		why = p->text;
	switch ((enum state)x->d->state) {
	case ST_UP:
	case ST_OFF:
		v->safe = true;
		return;
	case ST_DOWN:
	case ST_RECOVERING: /* not over before it is up */
		v->value =
		    (double)since_ms(x->d->state_since * 1000, x->now) + 1;
		break;
	default:
		v->known = false;
		return;
	}
	say(v, "down for %s, %" PRIu64 " message%s queued: %.120s",
	    text_duration_fmt((int64_t)v->value, lasted, sizeof(lasted)),
	    queued(x->d), queued(x->d) == 1 ? "" : "s", why);
}

static void
rule_primary_flapping(const struct view *x, struct rule_value *v)
{
	uint64_t n =
	    window_delta(&x->r->down, x->d->count.transitions[ST_DOWN]);

	v->value = (double)n;
	v->may_clear = window_full(&x->r->down, x->now);
	say(v, "went down %" PRIu64 " times within the last hour", n);
}

static void
rule_queue_age(const struct view *x, struct rule_value *v)
{
	int64_t age = since_ms(x->d->oldest_ms, x->now);
	struct rules_forecast f = forecast(x);
	char t[32], future[160], held[40] = "";

	v->known = x->s->ready;
	v->value = (double)age;
	if (x->d->lifetime > 0)
		v->percent = (double)age / ((double)x->d->lifetime * 10);
	say_forecast(x, &f, future, sizeof(future));
	if (x->d->held > 0)
		snprintf(held, sizeof(held), "; %" PRIu64 " held", x->d->held);
	say(v, "the oldest message is %s old, %.0f%% of its lifetime; %s%s",
	    text_duration_fmt(age, t, sizeof(t)), v->percent, future, held);
}

/* Mail that drains fast enough is safe however near its end; mail that does
 * not is a warning however far, since a flush that is too slow will not get
 * faster by itself. */
static void
rule_queue_expiry(const struct view *x, struct rule_value *v)
{
	struct rules_forecast f = forecast(x);
	int64_t left = x->d->next_expiry_ms - x->now;
	char t[32], future[160];
	bool draining = drain_rate(x) > 0;

	v->known = x->s->ready;
	v->safe = x->d->next_expiry_ms == 0 || (draining && f.expire == 0);
	v->value = left > 0 ? (double)left : 0;
	/* A lifetime of a day is not about to end when it begins. */
	if (x->d->lifetime > 0 && v->value > (double)x->d->lifetime * 500)
		v->safe = true;
	if (draining && f.expire > 0 && x->d->flush.running) {
		v->safe = false;
		v->least = ALERT_SEV_WARNING;
	}
	say_forecast(x, &f, future, sizeof(future));
	say(v, "the next message expires in %s; %s",
	    text_duration_fmt((int64_t)v->value, t, sizeof(t)), future);
}

static void
rule_mail_expired(const struct view *x, struct rule_value *v)
{
	uint64_t n = window_delta(&x->r->expired, x->d->count.expired);

	v->value = (double)n;
	v->may_clear = window_full(&x->r->expired, x->now);
	say(v, "%" PRIu64 " recipients' mail expired within the last hour", n);
}

static void
rule_queue_depth(const struct view *x, struct rule_value *v)
{
	v->known = x->s->ready;
	v->value = (double)queued(x->d);
	say(v, "%" PRIu64 " messages are queued", queued(x->d));
}

static void
rule_bounce_rate(const struct view *x, struct rule_value *v)
{
	uint64_t bad = window_delta(&x->r->bounced,
	    sum(x->d->count.bounced, STATUS_LABEL_MAX));
	uint64_t good = window_delta(&x->r->delivered, x->d->count.delivered);

	if (bad + good >= RESULTS_MIN)
		v->percent = 100 * (double)bad / (double)(bad + good);
	v->may_clear =
	    bad + good >= RESULTS_MIN || window_full(&x->r->bounced, x->now);
	say(v,
	    "%" PRIu64 " of %" PRIu64
	    " recipients were refused for good within the last hour",
	    bad, bad + good);
}

static void
rule_spool_low(const struct view *x, struct rule_value *v)
{
	const struct snapshot *s = x->s;
	char free_text[32], reserve[32];

	v->percent = 1e9;
	if (s->spool_reserve_bytes > 0)
		v->percent = 100 * (double)s->spool_free_bytes /
		    (double)s->spool_reserve_bytes;
	if (s->spool_state != 0)
		v->least = ALERT_SEV_CRITICAL;
	say(v, "%s free, the reserve is %s%s",
	    text_size_fmt(s->spool_free_bytes, free_text, sizeof(free_text)),
	    text_size_fmt(s->spool_reserve_bytes, reserve, sizeof(reserve)),
	    s->spool_state != 0 ? "; no mail is accepted" : "");
}

/* Also when the loop hangs: the snapshot stays as it is then. A probe every
 * ten minutes is not stale after five. */
static void
rule_probe_stale(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = &x->s->primary[x->d->first_primary];
	int64_t last = x->s->start, slack = 3 * x->cd->probe.interval_ms;
	char t[32];

	for (unsigned i = 0; i < x->d->nprimaries; i++)
		if (p[i].last_run > last)
			last = p[i].last_run;
	/* Nobody to probe: primary_down says so. */
	v->safe = !x->cd->probe.enabled || x->d->self_mx_since != 0;
	v->value = (double)since_ms(last * 1000, x->now);
	if (v->value < (double)slack)
		v->safe = true;
	say(v, "no probe was finished for %s",
	    text_duration_fmt((int64_t)v->value, t, sizeof(t)));
}

static void
rule_delivery_stuck(const struct view *x, struct rule_value *v)
{
	int64_t age = since_ms(x->d->oldest_live_ms, x->now);
	int64_t up = since_ms(x->d->state_since * 1000, x->now);
	char t[32];

	v->known = x->s->ready && x->d->state != ST_UNKNOWN;
	v->safe = x->d->state != ST_UP || x->d->on_hold || waiting(x->d) == 0;
	v->value = (double)(age < up ? age : up);
	say(v,
	    "the primary is up, and %" PRIu64
	    " messages still wait; the oldest is %s old",
	    waiting(x->d), text_duration_fmt(age, t, sizeof(t)));
}

static void
rule_cert_expiry(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = &x->s->primary[x->d->first_primary];
	int64_t first = 0;
	char t[40];

	for (unsigned i = 0; i < x->d->nprimaries; i++)
		if (p[i].cert_not_after != 0 &&
		    (first == 0 || p[i].cert_not_after < first)) {
			first = p[i].cert_not_after;
			(void)strlcpy(v->primary, p[i].label,
			    sizeof(v->primary));
		}
	/* Not seen (the primary is down, or no TLS): nothing to say, unless
	 * it was never about one. */
	v->known = first != 0 || x->d->state == ST_UP;
	v->safe = first == 0;
	v->value = (double)(first * 1000 - x->now);
	say(v, "the certificate ends at %s",
	    text_date_3339(first, t, sizeof(t)));
}

static void
rule_notifier_failing(const struct view *x, struct rule_value *v)
{
	char t[32];

	v->safe = x->self->failing_since_ms == 0;
	v->value = (double)since_ms(x->self->failing_since_ms, x->now);
	say(v, "receiver %s has not been reached for %s", x->self->failing,
	    text_duration_fmt((int64_t)v->value, t, sizeof(t)));
}

static void
rule_config_reload_failed(const struct view *x, struct rule_value *v)
{
	v->value = x->s->reload_ok ? 0 : 1;
	say(v, "the last reload failed; the old configuration is in force");
}

static void
rule_clock_leapt(const struct view *x, struct rule_value *v)
{
	char t[32];

	v->value = x->s->clock_doubted ? 1 : 0;
	say(v, "nothing expires for %s; set the clock, if it is wrong",
	    text_duration_fmt(x->s->clock_doubt_ms, t, sizeof(t)));
}

static void (*const rule[ALERT_KIND_MAX])(const struct view *,
    struct rule_value *) = {
#define ALERT(name, ...) [ALERT_##name] = rule_##name,
#include "status/alert.def"
#undef ALERT
};

static void
eval_one(const struct view *x, enum alert_kind kind,
    void (
	*fn)(enum alert_kind, const char *, const struct rule_value *, void *),
    void *arg)
{
	struct rule_value v = { .known = true, .may_clear = true };
	const struct snap_primary *p;

	if (x->d != NULL && (p = first_primary(x)) != NULL)
		(void)strlcpy(v.primary, p->label, sizeof(v.primary));
	rule[kind](x, &v);
	fn(kind, x->d != NULL ? x->d->count.name : "", &v, arg);
}

void
rules_eval(struct rules *rules, const struct config *conf,
    const struct snapshot *s, const struct rules_self *self, int64_t now,
    void (
	*fn)(enum alert_kind, const char *, const struct rule_value *, void *),
    void *arg)
{
	struct view x = { .conf = conf, .s = s, .self = self, .now = now };
	unsigned i, k;

	for (k = 0; k < ALERT_KIND_MAX; k++)
		if (conf->alert[k].enabled &&
		    conf_alert_info[k].scope == ALERT_SCOPE_GLOBAL)
			eval_one(&x, (enum alert_kind)k, fn, arg);
	for (i = 0; i < s->ndomains; i++) {
		x.d = &s->domain[i];
		x.cd = config_domain(conf, x.d->count.name);
		if (!x.d->configured || x.cd == NULL)
			continue;
		x.r = remember(rules, x.d, now);
		for (k = 0; k < ALERT_KIND_MAX; k++)
			if (conf->alert[k].enabled &&
			    conf_alert_info[k].scope == ALERT_SCOPE_DOMAIN)
				eval_one(&x, (enum alert_kind)k, fn, arg);
	}
	forget(rules);
}
