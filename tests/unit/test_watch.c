/* SPDX-License-Identifier: ISC
 * Both levels of what is watched: primaries under a policy, and the domains
 * that follow them, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/watch_conf.h"

#define A "a.example"
#define B "b.example"
#define C "c.example"

struct world {
	struct watch_set *ws;
	struct config *conf;
	int64_t now, wall;
	unsigned changes, selves, primaries, wakes, watches, gone, domains;
	bool queued;
	char last[64]; /* "down->recovering" */
	char cause[PRIMARY_TEXT_MAX], host[PRIMARY_LABEL_MAX];
};

static void
on_change(void *arg, const struct watch_change *c)
{
	struct world *w = arg;

	w->changes++;
	snprintf(w->last, sizeof(w->last), "%s->%s",
	    health_state_name(c->health.from), health_state_name(c->health.to));
	strlcpy(w->cause, c->cause, sizeof(w->cause));
	strlcpy(w->host, c->host, sizeof(w->host));
	/* As events.c: what has nothing to flush has recovered. */
	if (c->health.to == HEALTH_RECOVERING && !w->queued)
		watch_flushed(w->ws, c->domain, w->now, w->wall);
}

static void
on_primary(void *arg, const struct watch *w, const char *domain)
{
	(void)w;
	(void)domain;
	((struct world *)arg)->primaries++;
}

static void
on_self(void *arg, const char *domain, const char *why MX_UNUSED)
{
	(void)domain;
	((struct world *)arg)->selves++;
}

static bool
on_queued(void *arg, const char *domain)
{
	(void)domain;
	return ((struct world *)arg)->queued;
}

static void
on_wake(void *arg)
{
	((struct world *)arg)->wakes++;
}

static void
on_watch(void *arg, struct watch *w)
{
	(void)w;
	((struct world *)arg)->watches++;
}

static void
on_gone(void *arg, struct watch *w)
{
	(void)w;
	((struct world *)arg)->gone++;
}

static void
on_domain(void *arg, struct watch_domain *d)
{
	(void)d;
	((struct world *)arg)->domains++;
}

static void
configure(struct world *w, const char *text)
{
	watch_conf_set(w->ws, &w->conf, text, w->now, w->wall);
}

static struct world *
world(const char *text)
{
	struct world *w = mem_alloc(sizeof(*w));
	struct watch_ops ops = { .change = on_change,
		.primary = on_primary,
		.self_mx = on_self,
		.queued = on_queued,
		.wake = on_wake,
		.arg = w };
	struct watch_turns turns = { .watch = on_watch,
		.watch_gone = on_gone,
		.domain = on_domain,
		.arg = w };

	w->now = CLOCK_SEC;
	w->wall = 1000;
	w->ws = watch_create(&ops);
	watch_turns_set(w->ws, &turns);
	configure(w, text);
	return w;
}

static void
world_end(struct world **w)
{
	watch_destroy(&(*w)->ws);
	config_unref(&(*w)->conf);
	mem_free(w);
}

static void
settle(struct world *w)
{
	while (watch_fan_out(w->ws, 2, w->now, w->wall))
		;
}

static void
advance(struct world *w, int64_t seconds)
{
	w->now += seconds * CLOCK_SEC;
	w->wall += seconds;
}

static struct watch *
watch_at(struct world *w, const char *domain, unsigned i)
{
	struct watch_domain *d = watch_domain(w->ws, domain);

	assert_non_null(d);
	assert_true(i < d->nlinks);
	return d->link[i].watch;
}

static const struct primary_session good = { .ok = true,
	.code = 250,
	.text = "primary.test PIPELINING" };
static const struct primary_session refused = { .phase = SMTP_PHASE_CONNECT,
	.text = "Connection refused" };
static const struct primary_session neutral = { .neutral = true,
	.phase = SMTP_PHASE_RESOLVE,
	.text = "no answer" };
static const struct primary_session no_service = { .phase = SMTP_PHASE_GREETING,
	.code = 554,
	.text = "no service here" };

static void
sessions(struct world *w, struct watch *watch, const struct primary_session *s,
    unsigned n)
{
	while (n-- > 0) {
		advance(w, 1);
		watch_session(w->ws, watch, s, w->now, w->wall);
		settle(w);
	}
}

static void
delivery(struct world *w, const char *domain, const char *label, bool ok)
{
	watch_delivery(w->ws, domain, label, ok ? &good : &refused, w->now,
	    w->wall);
	settle(w);
}

#define ONE                                                                    \
	"defaults { probe { fall = 3 rise = 2 hold = \"0s\" } }\n"             \
	"domain \"" A "\" { primary = \"mx.test\" }\n"
#define TWO ONE "domain \"" B "\" { primary = \"mx.test\" }\n"

#define assert_state(w, domain, want)                                          \
	assert_string_equal(health_state_name(watch_state((w)->ws, domain)),   \
	    health_state_name(want))

/* ---- one primary, many domains */

static void
domains_share_what_they_name(void **state)
{
	struct world *w = world(TWO
	    "domain \"" C "\" { primary = \"mx.test\" probe { fall = 1 } }\n");

	(void)state;
	assert_int_equal(primary_count(watch_primaries(w->ws)), 1);
	assert_int_equal(w->watches, 2);
	assert_ptr_equal(watch_at(w, A, 0), watch_at(w, B, 0));
	assert_ptr_not_equal(watch_at(w, A, 0), watch_at(w, C, 0));
	assert_ptr_equal(watch_at(w, A, 0)->primary,
	    watch_at(w, C, 0)->primary);
	assert_int_equal(watch_at(w, A, 0)->primary->domains, 3);
	sessions(w, watch_at(w, A, 0), &good, 2);
	assert_state(w, A, HEALTH_UP);
	assert_state(w, B, HEALTH_UP);
	assert_state(w, C, HEALTH_UNKNOWN); /* facts are shared, verdicts not */
	assert_true(watch_at(w, C, 0)->primary->last.ok);
	assert_false(watch_at(w, C, 0)->last.probed);
	sessions(w, watch_at(w, C, 0), &good, 2);
	sessions(w, watch_at(w, C, 0), &refused, 1);
	assert_state(w, C, HEALTH_DOWN); /* fall = 1 */
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

static void
a_new_domain_takes_the_verdict(void **state)
{
	struct world *w = world(ONE);

	(void)state;
	sessions(w, watch_at(w, A, 0), &good, 2);
	configure(w, TWO);
	assert_state(w, B, HEALTH_UP);
	assert_string_equal(w->last, "unknown->up");
	sessions(w, watch_at(w, A, 0), &refused, 3);
	configure(w, TWO "domain \"" C "\" { primary = \"mx.test\" }\n");
	assert_state(w, C, HEALTH_DOWN);
	world_end(&w);
}

static void
a_changed_policy_keeps_the_state(void **state)
{
	struct world *w = world(ONE);

	(void)state;
	sessions(w, watch_at(w, A, 0), &refused, 3);
	assert_state(w, A, HEALTH_DOWN);
	configure(w,
	    "defaults { probe { fall = 3 rise = 1 interval = \"9s\" hold = "
	    "\"0s\" } }\n"
	    "domain \"" A "\" { primary = \"mx.test\" }\n");
	assert_state(w, A, HEALTH_DOWN);
	assert_int_equal(watch_at(w, A, 0)->health.state, HEALTH_DOWN);
	assert_int_equal(w->watches - w->gone, 1);
	assert_int_equal(primary_count(watch_primaries(w->ws)), 1);
	sessions(w, watch_at(w, A, 0), &good, 1);
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

static void
a_domain_that_leaves_takes_its_primary_along(void **state)
{
	struct world *w = world(TWO);

	(void)state;
	configure(w, ONE);
	assert_int_equal(w->gone, 0);
	assert_int_equal(watch_at(w, A, 0)->primary->domains, 1);
	configure(w, "domain \"" C "\" { primary = \"other.test\" }\n");
	assert_int_equal(w->gone, 1);
	assert_int_equal(primary_count(watch_primaries(w->ws)), 1);
	assert_null(primary_find(watch_primaries(w->ws), "mx.test"));
	world_end(&w);
}

/* ---- recovery */

static void
who_has_mail_is_recovering(void **state)
{
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	sessions(w, watch, &refused, 3);
	w->queued = true;
	sessions(w, watch, &good, 2);
	assert_int_equal(watch->health.state, HEALTH_UP);
	assert_state(w, A, HEALTH_RECOVERING);
	sessions(w, watch, &good, 5); /* only its flush confirms it */
	assert_state(w, A, HEALTH_RECOVERING);
	watch_flushed(w->ws, A, w->now, w->wall);
	assert_state(w, A, HEALTH_UP);

	sessions(w, watch, &refused, 3);
	w->queued = false;
	w->changes = 0;
	sessions(w, watch, &good, 2);
	assert_state(w, A, HEALTH_UP);
	assert_string_equal(w->last, "down->up");
	assert_int_equal(w->changes, 1);
	world_end(&w);
}

static void
down_again_in_mid_flush(void **state)
{
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	sessions(w, watch, &refused, 3);
	w->queued = true;
	sessions(w, watch, &good, 2);
	for (int i = 0; i < 3; i++)
		delivery(w, A, "mx.test", false);
	assert_state(w, A, HEALTH_DOWN);
	world_end(&w);
}

/* ---- more than one primary */

#define BOTH                                                                   \
	"defaults { probe { fall = 2 rise = 1 hold = \"0s\" } }\n"             \
	"domain \"" A "\" { primary = {\"one.test\", \"two.test\"} }\n"

static void
any_up_is_up_all_down_is_down(void **state)
{
	struct world *w = world(BOTH);
	struct watch *one = watch_at(w, A, 0), *two = watch_at(w, A, 1);
	int64_t unwell;

	(void)state;
	sessions(w, one, &refused, 2);
	assert_state(w, A, HEALTH_UNKNOWN); /* the other one may be up */
	sessions(w, two, &good, 1);
	assert_state(w, A, HEALTH_UP);
	assert_int_equal(watch_domain(w->ws, A)->unwell_since, 0);
	w->wall += 100;
	sessions(w, two, &refused, 1);
	assert_state(w, A, HEALTH_SUSPECT);
	unwell = watch_domain(w->ws, A)->unwell_since;
	assert_int_not_equal(unwell, 0);
	w->wall += 100;
	sessions(w, two, &refused, 1);
	assert_state(w, A, HEALTH_DOWN);
	w->queued = true;
	w->wall += 100;
	sessions(w, two, &good, 1);
	assert_state(w, A, HEALTH_RECOVERING);
	/* since the first that failed, until it is up */
	assert_int_equal(watch_domain(w->ws, A)->unwell_since, unwell);
	watch_flushed(w->ws, A, w->now, w->wall);
	assert_int_equal(watch_domain(w->ws, A)->unwell_since, 0);
	w->changes = 0;
	sessions(w, one, &good, 1); /* a better one returns: no recovery */
	assert_state(w, A, HEALTH_UP);
	assert_int_equal(w->changes, 0);
	sessions(w, two, &refused, 2);
	assert_int_equal(w->changes, 0);
	world_end(&w);
}

/* ---- what concerns a domain alone */

static void
the_breaker_trips_for_one_domain(void **state)
{
	struct world *w = world(TWO);
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	sessions(w, watch, &good, 2);
	assert_false(watch_hurried(watch));
	watch_broken(w->ws, A, "554 blocked", w->now, w->wall);
	assert_state(w, A, HEALTH_DOWN);
	assert_string_equal(w->cause, "554 blocked");
	assert_state(w, B, HEALTH_UP);
	assert_true(watch_hurried(watch));
	w->queued = true;
	sessions(w, watch, &good, 1);
	assert_state(w, A, HEALTH_DOWN); /* its rise is 2 */
	sessions(w, watch, &good, 1);
	assert_state(w, A, HEALTH_RECOVERING);
	assert_false(watch_hurried(watch));
	watch_broken(w->ws, A, "the flush was cut off", w->now, w->wall);
	assert_state(w, A, HEALTH_DOWN);
	/* Its primary fails, too: from now on that is what it waits for. */
	sessions(w, watch, &refused, 3);
	assert_state(w, B, HEALTH_DOWN);
	sessions(w, watch, &good, 2);
	assert_state(w, A, HEALTH_RECOVERING);
	world_end(&w);
}

static void
a_broken_domain_is_held(void **state)
{
	struct world *w = world(
	    "domain \"" A "\" { primary = \"mx.test\" probe { rise = 1 hold = "
	    "\"10s\" } }\n");
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	w->queued = true;
	sessions(w, watch, &good, 1);
	watch_broken(w->ws, A, "554 blocked", w->now, w->wall);
	sessions(w, watch, &good, 9);
	assert_state(w, A, HEALTH_DOWN);
	sessions(w, watch, &good, 1);
	assert_state(w, A, HEALTH_RECOVERING);
	world_end(&w);
}

/* ---- deliveries */

static void
deliveries_feed_the_primary(void **state)
{
	struct world *w = world(TWO);
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	sessions(w, watch, &good, 2);
	delivery(w, A, "mx.test", false);
	assert_state(w, B, HEALTH_SUSPECT);
	assert_string_equal(w->cause, "connect: Connection refused");
	assert_string_equal(w->host, "mx.test");
	sessions(w, watch, &neutral, 5);
	assert_state(w, B, HEALTH_SUSPECT);
	delivery(w, B, "mx.test", true); /* it ends a suspicion */
	assert_state(w, A, HEALTH_UP);
	for (int i = 0; i < 5; i++) {
		delivery(w, A, "mx.test", false);
		delivery(w, B, "mx.test", true);
	}
	assert_state(w, A, HEALTH_UP);
	delivery(w, A, "elsewhere.test", false); /* no primary of ours */
	assert_state(w, A, HEALTH_UP);
	sessions(w, watch, &refused, 3);
	delivery(w, A, "mx.test", true); /* one message is no recovery */
	assert_state(w, A, HEALTH_DOWN);
	world_end(&w);
}

/* ---- by MX */

static struct route route;

static const struct route *
route_to(enum route_status status, const char *one, const char *two)
{
	const char *name[] = { one, two };

	memset(&route, 0, sizeof(route));
	route.status = status;
	route.from_mx = true;
	for (unsigned i = 0; i < 2 && name[i] != NULL; i++) {
		struct route_host *h = &route.host[route.n++];

		strlcpy(h->name, name[i], sizeof(h->name));
		strlcpy(h->label, name[i], sizeof(h->label));
		h->port = 25;
		h->pref = 10;
		h->naddrs = 1;
	}
	return &route;
}

static void
look_up(struct world *w, const char *domain, const struct route *r)
{
	watch_route(w->ws, watch_domain(w->ws, domain),
	    config_domain(w->conf, domain), r, w->now, w->wall);
	settle(w);
}

#define BY_MX                                                                  \
	"defaults { probe { fall = 2 rise = 1 hold = \"0s\" } }\n"             \
	"domain \"" A "\" { }\ndomain \"" B "\" { }\n"

static void
mx_records_name_primaries(void **state)
{
	struct world *w = world(BY_MX);

	(void)state;
	assert_int_equal(w->domains, 2);
	assert_int_equal(w->watches, 0);
	assert_true(watch_domain_hurried(watch_domain(w->ws, A)));
	look_up(w, A, route_to(ROUTE_OK, "mx1.test", "mx2.test"));
	look_up(w, B, route_to(ROUTE_OK, "mx1.test", NULL));
	assert_int_equal(w->watches, 2);
	assert_ptr_equal(watch_at(w, A, 0), watch_at(w, B, 0));
	assert_int_equal(watch_at(w, A, 0)->host->naddrs, 1);
	sessions(w, watch_at(w, A, 0), &good, 1);
	assert_state(w, A, HEALTH_UP);
	assert_state(w, B, HEALTH_UP);
	/* Equals are shuffled: no change. */
	look_up(w, A, route_to(ROUTE_OK, "mx2.test", "mx1.test"));
	assert_string_equal(watch_at(w, A, 0)->primary->label, "mx1.test");
	/* The records change: what was known of the domain goes on. */
	look_up(w, A, route_to(ROUTE_OK, "mx3.test", NULL));
	assert_int_equal(w->gone, 1);
	assert_state(w, A, HEALTH_UP);
	sessions(w, watch_at(w, A, 0), &refused, 2);
	assert_state(w, A, HEALTH_DOWN);
	assert_state(w, B, HEALTH_UP);
	world_end(&w);
}

static void
trouble_with_dns_is_told_and_is_no_failure(void **state)
{
	struct world *w = world(BY_MX);
	struct route_trouble t = { .type = "MX", .answer = "SERVFAIL" };
	struct watch_domain *d = watch_domain(w->ws, A);
	int64_t since;

	(void)state;
	strlcpy(t.name, A, sizeof(t.name));
	(void)route_to(ROUTE_DNS_FAIL, NULL, NULL);
	route.trouble = t;
	look_up(w, A, &route); /* from the first one */
	assert_string_equal(watch_trouble(d, &since),
	    "the MX lookup of " A ": SERVFAIL");
	assert_int_equal(since, w->wall);
	assert_string_equal(watch_cause(d, NULL), watch_trouble(d, &since));
	advance(w, 60);
	look_up(w, A, &route);
	(void)watch_trouble(d, &since);
	assert_int_equal(since, w->wall - 60);
	assert_state(w, A, HEALTH_UNKNOWN);
	look_up(w, A, route_to(ROUTE_OK, "mx1.test", NULL));
	assert_null(watch_trouble(d, &since));
	sessions(w, watch_at(w, A, 0), &good, 1);
	/* While it fails the primaries stay. */
	(void)route_to(ROUTE_DNS_FAIL, NULL, NULL);
	route.trouble = t;
	look_up(w, A, &route);
	assert_int_equal(d->nlinks, 1);
	assert_state(w, A, HEALTH_UP);
	assert_non_null(watch_trouble(d, &since));
	world_end(&w);
}

static void
no_host_for_sure_is_a_failure(void **state)
{
	struct world *w = world(BY_MX);

	(void)state;
	look_up(w, A, route_to(ROUTE_NULL_MX, NULL, NULL));
	assert_state(w, A, HEALTH_UNKNOWN);
	(void)route_to(ROUTE_NO_HOST, NULL, NULL);
	route.trouble =
	    (struct route_trouble){ .type = "MX", .answer = "NXDOMAIN" };
	look_up(w, A, &route);
	assert_state(w, A, HEALTH_DOWN);
	assert_non_null(strstr(w->cause, "NXDOMAIN"));
	look_up(w, A, route_to(ROUTE_OK, "mx1.test", NULL));
	assert_state(w, A, HEALTH_DOWN);
	sessions(w, watch_at(w, A, 0), &good, 1);
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

/* That our own MX is the best says nothing of a primary, and is said once. */
static void
our_own_mx_is_no_failure(void **state)
{
	struct world *w = world(BY_MX);
	struct watch_domain *d = watch_domain(w->ws, A);

	(void)state;
	look_up(w, A, route_to(ROUTE_OK, "mx1.test", NULL));
	sessions(w, watch_at(w, A, 0), &good, 1);
	watch_self(w->ws, A, true, w->now, w->wall);
	assert_state(w, A, HEALTH_UNKNOWN);
	for (int i = 0; i < 5; i++)
		look_up(w, A, route_to(ROUTE_SELF, NULL, NULL));
	assert_state(w, A, HEALTH_UNKNOWN);
	assert_int_equal(w->selves, 1);
	assert_true(d->self_since != 0);
	assert_non_null(strstr(watch_cause(d, NULL), "best MX"));
	look_up(w, A, route_to(ROUTE_OK, "mx1.test", NULL));
	assert_int_equal(d->self_since, 0);
	sessions(w, watch_at(w, A, 0), &good, 1);
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

/* A configured primary whose addresses are ours is none. */
static void
a_primary_that_is_us_is_none(void **state)
{
	struct world *w = world(BOTH);
	struct watch *one = watch_at(w, A, 0), *two = watch_at(w, A, 1);

	(void)state;
	assert_false(watch_addresses(w->ws, one,
	    route_to(ROUTE_SELF, NULL, NULL), w->now, w->wall));
	settle(w);
	assert_int_equal(w->selves, 0);
	sessions(w, two, &refused, 2);
	assert_state(w, A, HEALTH_DOWN);
	assert_false(watch_addresses(w->ws, two,
	    route_to(ROUTE_SELF, NULL, NULL), w->now, w->wall));
	settle(w);
	assert_int_equal(w->selves, 1);
	assert_state(w, A, HEALTH_UNKNOWN);
	assert_true(watch_addresses(w->ws, two,
	    route_to(ROUTE_OK, "two.test", NULL), w->now, w->wall));
	settle(w);
	assert_state(w, A, HEALTH_DOWN);
	world_end(&w);
}

/* ---- what is told */

static void
the_cause_is_what_failed(void **state)
{
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);
	struct watch_domain *d = watch_domain(w->ws, A);

	(void)state;
	sessions(w, watch, &no_service, 3);
	assert_string_equal(w->cause, "greeting: 554 no service here");
	sessions(w, watch, &good, 1); /* one of two: the cause stays */
	assert_string_equal(watch_cause(d, NULL),
	    "greeting: 554 no service here");
	assert_string_equal(watch->primary->cause,
	    "greeting: 554 no service here");
	sessions(w, watch, &good, 1);
	assert_null(strstr(watch_cause(d, NULL), "PIPELINING"));
	world_end(&w);
}

static void
silence_counts_by_the_interval(void **state)
{
	static const struct primary_session silent = { .phase =
							   SMTP_PHASE_GREETING,
		.text = "no answer for 105 s, still waiting" };
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);
	bool overdue;

	(void)state;
	sessions(w, watch, &good, 2);
	assert_false(
	    watch_silent(w->ws, watch, &silent, 15000, 0, w->now, w->wall));
	settle(w);
	assert_state(w, A, HEALTH_UP); /* slow is not down */
	assert_int_equal(watch->slow_ms, 15000);
	for (unsigned i = 1; i <= 3; i++) {
		overdue = watch_silent(w->ws, watch, &silent, 15000 + i * 30000,
		    i, w->now, w->wall);
		assert_int_equal(overdue, i == 3);
		settle(w);
	}
	assert_state(w, A, HEALTH_DOWN);
	assert_string_equal(w->cause,
	    "greeting: no answer for 105 s, still waiting");
	assert_int_equal(watch->last.failures_phase[SMTP_PHASE_GREETING], 3);
	sessions(w, watch, &good, 1); /* late, but there */
	assert_int_equal(watch->slow_ms, 105000);
	sessions(w, watch, &good, 1);
	assert_int_equal(watch->slow_ms, 0);
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

/* What hung since an outage ends after it. */
static void
a_delivery_that_hung_is_old_news(void **state)
{
	struct primary_session up = good,
			       hung = {
				       .phase = SMTP_PHASE_EHLO,
				       .text =
					   "timeout while waiting for an answer"
			       };
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);

	(void)state;
	up.begun_ns = 100 * CLOCK_SEC;
	sessions(w, watch, &up, 2);
	assert_state(w, A, HEALTH_UP);
	for (int i = 0; i < 6; i++) {
		hung.begun_ns = (i < 3 ? 99 : 101) * CLOCK_SEC;
		watch_delivery(w->ws, A, watch->primary->label, &hung, w->now,
		    w->wall);
		settle(w);
		if (i < 3)
			assert_state(w, A, HEALTH_UP);
	}
	assert_state(w, A, HEALTH_DOWN);
	world_end(&w);
}

static void
a_refused_mailbox_is_a_finding(void **state)
{
	struct world *w = world(TWO);
	struct watch *watch = watch_at(w, A, 0);
	struct watch_domain *d = watch_domain(w->ws, A);

	(void)state;
	sessions(w, watch, &good, 2);
	watch_answered(w->ws, watch, A, ANSWER_REFUSED, "mailbox",
	    &(struct primary_session){ .phase = SMTP_PHASE_RCPT,
		.code = 550,
		.text = "no such user" },
	    w->wall);
	settle(w);
	assert_state(w, A, HEALTH_UP);
	assert_int_equal(watch->findings, 1);
	assert_string_equal(d->link[0].finding, "rcpt: 550 no such user");
	advance(w, 10);
	watch_answered(w->ws, watch, A, ANSWER_DEFERRED, "mailbox",
	    &(struct primary_session){ .phase = SMTP_PHASE_RCPT,
		.code = 450,
		.text = "greylisted" },
	    w->wall);
	assert_non_null(d->link[0].finding);
	watch_answered(w->ws, watch, A, ANSWER_REFUSED, "mailbox",
	    &(struct primary_session){ .phase = SMTP_PHASE_RCPT,
		.code = 550,
		.text = "no such user" },
	    w->wall);
	assert_int_equal(d->link[0].finding_since, w->wall - 10);
	watch_answered(w->ws, watch, A, ANSWER_TAKEN, "mailbox",
	    &(struct primary_session){ .phase = SMTP_PHASE_RCPT,
		.code = 250,
		.text = "ok" },
	    w->wall);
	assert_int_equal(watch->findings, 0);
	assert_null(d->link[0].finding);
	watch_answered(w->ws, watch, "gone.example", ANSWER_REFUSED, "mailbox",
	    &no_service, w->wall);
	/* A finding leaves with its domain. */
	watch_answered(w->ws, watch, B, ANSWER_REFUSED, "mailbox",
	    &(struct primary_session){ .phase = SMTP_PHASE_RCPT,
		.code = 550,
		.text = "no such user" },
	    w->wall);
	configure(w, ONE);
	assert_int_equal(watch->findings, 0);
	world_end(&w);
}

static void
what_ehlo_offered_is_kept(void **state)
{
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);
	struct primary_offer offer = { .ext = CLIENT_EXT_SIZE, .size = 10 };
	struct primary_session s = { .ok = true, .offer = &offer };

	(void)state;
	sessions(w, watch, &s, 2);
	offer.size = 100;
	sessions(w, watch, &s, 2);
	assert_int_equal(watch->primary->offer.size, 100);
	assert_int_equal(watch->primary->before.size, 10);
	/* TLS worked once and then fails: that is told until it works. */
	s.cert_not_after = 5000;
	sessions(w, watch, &s, 1);
	s.cert_not_after = 0;
	s.clear = true;
	sessions(w, watch, &s, 2);
	assert_int_equal(watch->primary->fallbacks, 2);
	assert_int_equal(watch->primary->fallback_since, w->wall - 1);
	s.cert_not_after = 5000;
	s.clear = false;
	sessions(w, watch, &s, 1);
	assert_int_equal(watch->primary->fallback_since, 0);
	world_end(&w);
}

/* Reached is one thing, what the policy makes of it another. */
static void
reach_is_not_the_verdict(void **state)
{
	struct world *w = world(ONE);
	struct watch *watch = watch_at(w, A, 0);
	struct primary_session s = { .phase = SMTP_PHASE_STARTTLS,
		.text = "certificate has expired" };

	(void)state;
	sessions(w, watch, &s, 3);
	assert_state(w, A, HEALTH_DOWN);
	assert_string_equal(w->cause, "starttls: certificate has expired");
	assert_int_equal(watch->primary->reach.state, HEALTH_UP);
	assert_string_equal(watch->primary->cause, "");
	world_end(&w);
}

/* ---- shown */

static unsigned looks;

static void
on_look(void *arg, const struct primary *p, struct snap_host *h)
{
	(void)p;
	h->connections = *(unsigned *)arg;
	looks++;
}

/* The snapshot: all at first, then those that changed and some in turn. */
static void
connections_are_looked_at_in_turn(void **state)
{
	enum { N = 2 * WATCH_LOOK_MAX + 500 };
	struct buf text;
	unsigned open = 1, old = 0;
	struct snapshot *s;
	struct world *w;

	(void)state;
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(buf_addf(&text,
				     "domain \"d%04u.example\" { primary = "
				     "\"mx%04u.test\" }\n",
				     i, i),
		    0);
	w = world(buf_str(&text));
	buf_fini(&text);
	for (unsigned round = 0; round < 4; round++) {
		looks = 0;
		open = round + 1;
		s = snapshot_create();
		watch_servers(w->ws, s, on_look, &open);
		assert_int_equal(s->nservers, N);
		assert_int_equal(looks, round == 0 ? N : WATCH_LOOK_MAX);
		old = 0;
		for (unsigned i = 0; i < N; i++)
			old += s->server[i]->host.connections == 1;
		snapshot_unref(&s);
	}
	/* Three rounds of a thousand: each was looked at again. */
	assert_int_equal(old, 0);
	world_end(&w);
}

/* ---- asking in turn */

static void
domains_are_asked_for_in_turn(void **state)
{
	struct world *w;
	struct watch *watch;
	char text[8192] = ONE, line[128];
	const char *name[WATCH_ASKS_MAX];
	unsigned n;

	(void)state;
	for (int i = 0; i < 49; i++) {
		snprintf(line, sizeof(line),
		    "domain \"d%02d.example\" { primary = \"mx.test\" }\n", i);
		strlcat(text, line, sizeof(text));
	}
	w = world(text);
	watch = watch_at(w, A, 0);
	n = watch_ask(watch, name, WATCH_ASKS_MAX);
	assert_int_equal(n, 20);
	assert_string_equal(name[0], A);
	watch_asked(watch, n, n);
	n = watch_ask(watch, name, WATCH_ASKS_MAX);
	assert_string_equal(name[0], "d19.example");
	/* 421 after the third: three from now on, then one more each time. */
	watch_asked(watch, n, 3);
	watch_ask_again(w->ws, watch, name[3]);
	n = watch_ask(watch, name, WATCH_ASKS_MAX);
	assert_int_equal(n, 3);
	assert_string_equal(name[0], "d22.example");
	watch_asked(watch, n, n);
	assert_int_equal(watch_ask(watch, name, WATCH_ASKS_MAX), 4);
	/* The one who asks is asked for first. */
	watch_ask_first(&watch_domain(w->ws, "d40.example")->link[0]);
	n = watch_ask(watch, name, WATCH_ASKS_MAX);
	assert_string_equal(name[0], "d40.example");
	configure(w, TWO); /* who is next may leave */
	assert_int_equal(watch_ask(watch, name, WATCH_ASKS_MAX), 2);
	world_end(&w);
}

/* The first primary, as it is shown. */
static void
assert_probed(struct world *w, bool probed, double interval)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snap_domain_create(A, 1);

	watch_servers(w->ws, s, NULL, NULL);
	assert_int_equal(s->server[0]->unprobed, !probed);
	assert_float_equal(s->server[0]->probe_interval, interval, 0.001);
	watch_snapshot(w->ws, A, d, d->primary);
	assert_int_equal(d->primary[0].unprobed, !probed);
	snap_domain_unref(&d);
	snapshot_unref(&s);
}

static void
a_disabled_probe_is_no_watch(void **state)
{
	struct world *w =
	    world("domain \"" A
		  "\" { primary = \"mx.test\" probe { enabled = no } }\n"
		  "domain \"" B "\" { probe { enabled = no } }\n");

	(void)state;
	assert_state(w, A, HEALTH_DISABLED);
	assert_int_equal(w->watches, 0);
	assert_int_equal(w->domains, 0);
	delivery(w, A, "mx.test", false);
	watch_broken(w->ws, A, "no", w->now, w->wall);
	assert_state(w, A, HEALTH_DISABLED);
	assert_probed(w, false, 0);
	configure(w, TWO);
	assert_state(w, A, HEALTH_UNKNOWN);
	assert_probed(w, true, 30);
	assert_int_equal(w->watches, 1);
	sessions(w, watch_at(w, A, 0), &good, 2);
	assert_state(w, A, HEALTH_UP);
	world_end(&w);
}

/* What changes while the domains are being told is told to all of them. */
static void
a_change_during_the_fan_out(void **state)
{
	struct world *w =
	    world("defaults { probe { fall = 1 rise = 1 hold = \"0s\" } }\n"
		  "domain \"a1.example\" { primary = \"mx.test\" }\n"
		  "domain \"a2.example\" { primary = \"mx.test\" }\n"
		  "domain \"a3.example\" { primary = \"mx.test\" }\n");
	struct watch *watch = watch_at(w, "a1.example", 0);

	(void)state;
	watch_session(w->ws, watch, &good, w->now, w->wall);
	assert_true(watch_fan_out(w->ws, 1, w->now, w->wall));
	assert_state(w, "a1.example", HEALTH_UP);
	assert_state(w, "a2.example", HEALTH_UNKNOWN);
	watch_session(w->ws, watch, &refused, w->now, w->wall);
	assert_true(watch_fan_out(w->ws, 1, w->now, w->wall));
	settle(w);
	assert_state(w, "a1.example", HEALTH_DOWN);
	assert_state(w, "a2.example", HEALTH_DOWN);
	assert_state(w, "a3.example", HEALTH_DOWN);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_share_what_they_name),
		cmocka_unit_test(a_new_domain_takes_the_verdict),
		cmocka_unit_test(a_changed_policy_keeps_the_state),
		cmocka_unit_test(a_domain_that_leaves_takes_its_primary_along),
		cmocka_unit_test(who_has_mail_is_recovering),
		cmocka_unit_test(down_again_in_mid_flush),
		cmocka_unit_test(any_up_is_up_all_down_is_down),
		cmocka_unit_test(the_breaker_trips_for_one_domain),
		cmocka_unit_test(a_broken_domain_is_held),
		cmocka_unit_test(deliveries_feed_the_primary),
		cmocka_unit_test(mx_records_name_primaries),
		cmocka_unit_test(trouble_with_dns_is_told_and_is_no_failure),
		cmocka_unit_test(no_host_for_sure_is_a_failure),
		cmocka_unit_test(our_own_mx_is_no_failure),
		cmocka_unit_test(a_primary_that_is_us_is_none),
		cmocka_unit_test(the_cause_is_what_failed),
		cmocka_unit_test(silence_counts_by_the_interval),
		cmocka_unit_test(a_delivery_that_hung_is_old_news),
		cmocka_unit_test(a_refused_mailbox_is_a_finding),
		cmocka_unit_test(what_ehlo_offered_is_kept),
		cmocka_unit_test(reach_is_not_the_verdict),
		cmocka_unit_test(connections_are_looked_at_in_turn),
		cmocka_unit_test(domains_are_asked_for_in_turn),
		cmocka_unit_test(a_disabled_probe_is_no_watch),
		cmocka_unit_test(a_change_during_the_fan_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
