/* SPDX-License-Identifier: ISC
 * test_watch_backup: a host that says that it is a backup, beside a primary and
 * alone, found by a probe or by a delivery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/watch_conf.h"

#define A     "a.example"
#define B     "b.example"

#define FAST  "defaults { probe { fall = 2 rise = 2 hold = \"0s\" } }\n"
#define ALONE FAST "domain \"" A "\" { primary = \"peer.test\" }\n"
#define BESIDE                                                                 \
	FAST "domain \"" A "\" { primary = {\"one.test\", \"peer.test\"} }\n"
#define UNPROBED                                                               \
	"domain \"" A "\" { primary = \"peer.test\"\n"                         \
	" probe { enabled = no } }\n"

#define IS_BACKUP "is a backup MX (mxwatchd on mx2.test), not a primary"

struct world {
	struct watch_set *ws;
	struct config *conf;
	int64_t now, wall;
	unsigned changes, selves, primaries, verdicts;
	enum health_state verdict; /* the last one */
	bool working; /* deliveries get through to it */
	char cause[PRIMARY_TEXT_MAX]; /* of the last change */
	char why[512]; /* of the last self_mx */
};

static void
on_change(void *arg, const struct watch_change *c)
{
	struct world *w = arg;

	w->changes++;
	strlcpy(w->cause, c->cause, sizeof(w->cause));
	if (c->health.to == HEALTH_RECOVERING)
		watch_flushed(w->ws, c->domain, w->now, w->wall);
}

static void
on_verdict(void *arg, const struct watch_verdict *v)
{
	struct world *w = arg;

	w->verdicts++;
	w->verdict = v->health.to;
}

static void
on_primary(void *arg, const struct watch *watch MX_UNUSED,
    const char *domain MX_UNUSED)
{
	((struct world *)arg)->primaries++;
}

static void
on_self(void *arg, const char *domain, const char *why)
{
	struct world *w = arg;

	assert_string_equal(domain, A);
	w->selves++;
	strlcpy(w->why, why, sizeof(w->why));
}

static bool
on_queued(void *arg MX_UNUSED, const char *domain MX_UNUSED)
{
	return true;
}

static bool
on_working(void *arg, const struct watch *watch MX_UNUSED,
    int64_t since_ns MX_UNUSED)
{
	return ((struct world *)arg)->working;
}

static void
on_wake(void *arg MX_UNUSED)
{
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
		.verdict = on_verdict,
		.primary = on_primary,
		.self_mx = on_self,
		.queued = on_queued,
		.working = on_working,
		.wake = on_wake,
		.arg = w };

	w->now = CLOCK_SEC;
	w->wall = 1000;
	w->ws = watch_create(&ops);
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

static const struct primary_offer plain = { .ext = CLIENT_EXT_SIZE };
static const struct primary_offer says_it = { .ext = CLIENT_EXT_BACKUP };
static const struct primary_session good = {
	.ok = true, .code = 250, .text = "ok", .offer = &plain
};
static const struct primary_session refused = { .phase = SMTP_PHASE_CONNECT,
	.text = "Connection refused" };
static const struct primary_session no_mail = {
	.phase = SMTP_PHASE_MAIL, .code = 530, .text = "no", .offer = &plain
};
static const struct primary_session backup = { .backup = true,
	.phase = SMTP_PHASE_EHLO,
	.text = IS_BACKUP,
	.offer = &says_it };

static struct watch *
watch_at(struct world *w, const char *domain, unsigned i)
{
	struct watch_domain *d = watch_domain(w->ws, domain);

	assert_non_null(d);
	assert_true(i < d->nlinks);
	return d->link[i].watch;
}

static void
settle(struct world *w)
{
	while (watch_fan_out(w->ws, 2, w->now, w->wall))
		;
}

static void
sessions(struct world *w, struct watch *watch, const struct primary_session *s,
    unsigned n)
{
	while (n-- > 0) {
		w->now += CLOCK_SEC;
		w->wall++;
		watch_session(w->ws, watch, s, w->now, w->wall);
		settle(w);
	}
}

#define assert_state(w, want)                                                  \
	assert_string_equal(health_state_name(watch_state((w)->ws, A)),        \
	    health_state_name(want))
#define CAUSE(w) watch_cause(watch_domain((w)->ws, A), NULL)

/* The domain goes by the other host, and its cause names the backup. */
static void
beside_a_primary(void **state MX_UNUSED)
{
	struct world *w = world(BESIDE);
	struct watch *one = watch_at(w, A, 0), *peer = watch_at(w, A, 1);

	sessions(w, peer, &backup, 3);
	assert_state(w, HEALTH_UNKNOWN); /* nobody has asked the primary */
	assert_int_equal(w->selves, 0);
	sessions(w, one, &good, 2);
	assert_state(w, HEALTH_UP);
	assert_null(strstr(CAUSE(w), "backup"));
	sessions(w, one, &refused, 2);
	assert_state(w, HEALTH_DOWN);
	assert_string_equal(w->cause,
	    "connect: Connection refused; peer.test " IS_BACKUP);
	assert_string_equal(CAUSE(w), w->cause);
	w->changes = 0;
	sessions(w, peer, &backup, 5);
	assert_state(w, HEALTH_DOWN);
	assert_int_equal(w->changes, 0);
	assert_true(watch_down(w->ws, A, "peer.test"));
	assert_false(watch_usable(w->ws, A, "peer.test"));
	/* What fails now is said, not what failed then. */
	sessions(w, one, &no_mail, 1);
	assert_string_equal(CAUSE(w), "mail: 530 no; peer.test " IS_BACKUP);
	sessions(w, one, &good, 2);
	assert_state(w, HEALTH_UP);
	assert_string_equal(CAUSE(w), "it answers the probe");
	assert_int_equal(w->selves, 0);
	world_end(&w);
}

/* It turns out to be one while the primary is down, and ceases to. */
static void
found_during_the_outage(void **state MX_UNUSED)
{
	struct world *w = world(BESIDE);
	struct watch *one = watch_at(w, A, 0), *peer = watch_at(w, A, 1);

	sessions(w, one, &refused, 2);
	sessions(w, peer, &refused, 2);
	assert_state(w, HEALTH_DOWN);
	sessions(w, peer, &backup, 1);
	assert_state(w, HEALTH_DOWN);
	assert_int_equal(w->changes, 1);
	assert_non_null(strstr(CAUSE(w), IS_BACKUP));
	sessions(w, peer, &no_mail, 2);
	assert_string_equal(CAUSE(w), "connect: Connection refused");
	world_end(&w);
}

/* Unknown, and told once: no outage of a primary. */
static void
alone(void **state MX_UNUSED)
{
	struct world *w = world(ALONE);
	struct watch *peer = watch_at(w, A, 0);
	struct watch_domain *d = watch_domain(w->ws, A);

	sessions(w, peer, &good, 2);
	assert_state(w, HEALTH_UP);
	w->working = true; /* a probe in its way is no failure */
	sessions(w, peer, &backup, 1); /* whatever `fall` is */
	assert_state(w, HEALTH_UNKNOWN);
	assert_int_equal(w->verdict, HEALTH_UNKNOWN);
	sessions(w, peer, &backup, 5);
	assert_int_equal(w->selves, 1);
	assert_string_equal(w->why, "no primary is left: peer.test " IS_BACKUP);
	assert_string_equal(CAUSE(w), w->why);
	assert_true(d->self_since != 0 && d->by_backup);
	assert_int_equal(w->primaries, 2); /* good, and then no more */
	assert_false(watch_hurried(peer));
	assert_int_equal(peer->primary->reach.state, HEALTH_UNKNOWN);
	assert_string_equal(peer->primary->cause, IS_BACKUP);
	w->working = false;
	/* It is gone: that says nothing of a primary either. */
	sessions(w, peer, &refused, 5);
	assert_state(w, HEALTH_UNKNOWN);
	assert_true(peer->backup);
	assert_string_equal(CAUSE(w), w->why);
	/* Another server is there now. */
	sessions(w, peer, &good, 2);
	assert_state(w, HEALTH_UP);
	assert_true(d->self_since == 0 && !d->by_backup && !peer->backup);
	sessions(w, peer, &backup, 1);
	assert_int_equal(w->selves, 2);
	world_end(&w);
}

/* Who may be one is watched by itself, and what is known follows a reload. */
static void
who_may_be_one(void **state MX_UNUSED)
{
	struct world *w =
	    world(ALONE "domain \"" B "\" { primary = \"peer.test\"\n"
			" primary_may_be_backup = yes }\n");
	struct watch *strict = watch_at(w, A, 0), *chain = watch_at(w, B, 0);

	assert_ptr_not_equal(strict, chain);
	assert_ptr_equal(strict->primary, chain->primary);
	sessions(w, strict, &backup, 2);
	sessions(w, chain, &good, 2);
	assert_state(w, HEALTH_UNKNOWN);
	assert_int_equal(watch_state(w->ws, B), HEALTH_UP);
	/* Another interval: still a backup, before any session. */
	configure(w,
	    FAST "domain \"" A "\" { primary = \"peer.test\"\n"
		 " probe { interval = 7s } }\n");
	assert_true(watch_at(w, A, 0)->backup);
	assert_int_equal(w->selves, 1);
	configure(w,
	    FAST "domain \"" A "\" { primary = \"peer.test\"\n"
		 " primary_may_be_backup = yes }\n");
	assert_false(watch_at(w, A, 0)->backup);
	sessions(w, watch_at(w, A, 0), &good, 2);
	assert_state(w, HEALTH_UP);
	world_end(&w);
}

/* A probe that does not get to EHLO has not seen it. */
static void
by_a_delivery(void **state MX_UNUSED)
{
	struct world *w = world(BESIDE);
	struct watch *one = watch_at(w, A, 0), *peer = watch_at(w, A, 1);

	sessions(w, one, &refused, 2);
	sessions(w, peer, &good, 2);
	assert_state(w, HEALTH_UP);
	watch_met_backup(w->ws, A, "peer.test", IS_BACKUP, false, w->now,
	    w->wall);
	settle(w);
	assert_state(w, HEALTH_DOWN);
	assert_true(peer->backup && watch_down(w->ws, A, "peer.test"));
	/* A delivery that does not get there says nothing, one that does, does. */
	watch_delivery(w->ws, A, "peer.test", &refused, w->now, w->wall);
	settle(w);
	assert_true(peer->backup);
	watch_delivery(w->ws, A, "peer.test", &good, w->now, w->wall);
	settle(w);
	assert_false(peer->backup);
	watch_met_backup(w->ws, "none.example", "peer.test", IS_BACKUP, false,
	    w->now, w->wall);
	world_end(&w);
}

/* Nobody but deliveries tells: of backups, and that we are the best MX. */
static void
of_a_domain_that_is_not_probed(void **state MX_UNUSED)
{
	struct world *w = world(UNPROBED);
	struct watch_domain *d = watch_domain(w->ws, A);

	watch_met_backup(w->ws, A, "other.test", IS_BACKUP, true, w->now,
	    w->wall);
	assert_int_equal(d->self_since, 0); /* another host may take it */
	watch_met_backup(w->ws, A, "peer.test", IS_BACKUP, false, w->now,
	    w->wall);
	assert_true(d->self_since != 0 && d->by_backup);
	assert_state(w, HEALTH_DISABLED);
	assert_string_equal(CAUSE(w),
	    "no primary is left: peer.test " IS_BACKUP);
	assert_true(watch_down(w->ws, A, "peer.test"));
	watch_self(w->ws, A, false, w->now, w->wall);
	watch_delivery(w->ws, A, "peer.test", &good, w->now, w->wall);
	assert_int_equal(d->self_since, 0);
	assert_false(watch_down(w->ws, A, "peer.test"));
	assert_string_equal(CAUSE(w), "probes are disabled");
	watch_self(w->ws, A, true, w->now, w->wall);
	assert_true(d->self_since != 0 && !d->by_backup);
	assert_int_equal(w->selves, 2);
	watch_self(w->ws, A, false, w->now, w->wall);
	assert_int_equal(d->self_since, 0);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_primary),
		cmocka_unit_test(found_during_the_outage),
		cmocka_unit_test(alone),
		cmocka_unit_test(who_may_be_one),
		cmocka_unit_test(by_a_delivery),
		cmocka_unit_test(of_a_domain_that_is_not_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
