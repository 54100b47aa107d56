/* SPDX-License-Identifier: ISC
 * sim_world: a run: the world is made, the real daemon is built in it, time
 * passes, then everything is well for as long as it takes to deliver all, and
 * the daemon is destroyed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/sim_dns.h"
#include "tests/sim/sim_outside.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_world_int.h"

#define STORE_MS 2
#define SLACK_MS 100

static struct {
	const char *name, *off;
} hazards[HAZARD_MAX] = {
	[HAZARD_HOLE] = { "hole", NULL },
	[HAZARD_LATE] = { "late", NULL },
	[HAZARD_TLS] = { "tls", NULL },
	[HAZARD_POSTMASTER] = { "postmaster", NULL },
	[HAZARD_LIMIT_SHARED] = { "limit_shared", NULL },
	[HAZARD_HELO] = { "helo", NULL },
	[HAZARD_SILENT] = { "silent", NULL },
	[HAZARD_RESTART] = { "restart", NULL },
	[HAZARD_RELOAD] = { "reload", NULL },
	[HAZARD_CHUNKS] = { "chunks", NULL },
	[HAZARD_CUT] = { "cut", NULL },
};

const char *
hazard_name(enum hazard h)
{
	return hazards[h].name;
}

const char *
hazard_off(enum hazard h)
{
	return hazards[h].off;
}

enum hazard
hazard_find(const char *name)
{
	unsigned i;

	for (i = 0; i < HAZARD_MAX && strcmp(hazards[i].name, name) != 0; i++)
		;
	return (enum hazard)i;
}

void
hazard_switch(enum hazard h, bool on)
{
	hazards[h].off = on ? NULL : "switched off";
}

void
world_start(struct world *w)
{
	struct mx_errbuf eb = { "" };

	if (daemon_create(&w->daemon, config_ref(w->conf), NULL, &eb) != 0) {
		printf("the daemon does not start: %s\n", eb.text);
		exit(2);
	}
	/* A snapshot a second is most of the work and nobody looks at it. */
	loop_timer_cancel(w->daemon->tick);
}

void
world_stop(struct world *w, bool crash)
{
	if (crash)
		sim_store_crash();
	daemon_destroy(&w->daemon);
	if (sim_jobs_out() != 0)
		judge_fail(P_JOB, "%u jobs were never ended", sim_jobs_out());
	sim_jobs_begin();
}

static void
world_conf(struct world *w)
{
	struct conf_errors errs = { 0 };

	w->conf = config_parse("sim", w->text, strlen(w->text), &errs);
	for (size_t i = 0; w->conf == NULL && i < errs.n; i++)
		printf("sim:%u: %s\n", errs.e[i].line, errs.e[i].text);
	conf_errors_fini(&errs);
	if (w->conf == NULL)
		exit(2);
}

/* Time passes; where the restart timer stops it the daemon begins anew. */
static void
pass(struct world *w, int64_t end)
{
	bool crash;

	for (;;) {
		sim_run(end);
		if (judge_result.failed || clock_now() >= end)
			return;
		crash = dice_percent(&w->dice, 50);
		world_stop(w, crash);
		config_unref(&w->conf);
		world_conf(w);
		reload_done();
		judge_restart(crash);
		world_start(w);
	}
}

/* A session takes what its greeting takes; silence of an address counts when
 * there is no other one. */
static int64_t
first_verdicts_ns(const struct world *w)
{
	const struct sdomain *d = &w->domain[0];
	int64_t n = d->fall > d->rise ? d->fall : d->rise;
	int64_t late_ms = 0, ms;

	for (unsigned i = 0; i < w->nservers; i++) {
		ms = n * judge_talk_ms(&w->server[i]);
		if (ms > late_ms)
			late_ms = ms;
	}
	return ((n + 1) * d->interval_ms * 111 / 100 + d->timeout_ms * n +
		   late_ms + 10000) *
	    CLOCK_MS;
}

static void
tell_hosts(const struct world *w)
{
	for (unsigned i = 0; i < w->nservers; i++) {
		const struct server *s = &w->server[i];

		trace("host %u: addrs=%u hole=%d%d%d%d latency=%lld think=%lld "
		      "greeting=%lld limit=%u how=%u mails=%u greylist=%lld "
		      "mailbox=%u postmaster=%u helo=%d tls=%u",
		    i, s->naddrs, s->hole[0], s->hole[1], s->hole[2],
		    s->hole[3], (long long)s->latency_ms,
		    (long long)s->think_ms, (long long)s->greeting_ms, s->limit,
		    s->limit_how, s->mails_max, (long long)s->greylist_ms,
		    s->mailbox_percent, s->postmaster, s->no_ehlo, s->tls);
	}
	for (unsigned i = 0; i < w->ndomains; i++) {
		const struct sdomain *d = &w->domain[i];

		trace("%s: hosts=%u first=%u by_mx=%d own_names=%d probed=%d "
		      "connections=%u",
		    d->name, d->at.nhosts, d->at.host[0]->index, d->at.by_mx,
		    d->own_names, d->probed, d->connections);
	}
}

static void
run(struct world *w)
{
	int64_t begin = clock_now(), end = begin + w->end_ms * CLOCK_MS;
	int64_t first = begin + first_verdicts_ns(w);
	bool restarts = w->restart_ms != 0;

	tell_hosts(w);
	world_start(w);
	fate_begin(w);
	if (first < end && !restarts) {
		pass(w, first);
		if (!judge_result.failed)
			judge_first_verdicts();
	}
	if (!judge_result.failed)
		pass(w, end);
	if (judge_result.failed)
		return;
	fate_heal(w);
	pass(w, end + w->drain_ms * CLOCK_MS);
	if (!judge_result.failed)
		judge_drained();
}

static void
describe(const struct world *w, struct world_result *r)
{
	static const char *const shapes[] = { "one", "shared", "names", "net",
		"large", "huge" };
	const struct sdomain *d = &w->domain[0];

	r->servers = w->nservers - 1;
	r->domains = w->ndomains;
	snprintf(r->shape, sizeof(r->shape),
	    "%s interval=%llds fall=%u rise=%u connections=%u",
	    shapes[w->shape], (long long)(d->interval_ms / 1000), d->fall,
	    d->rise, d->connections);
}

bool
world_run(const struct world_options *o, struct world_result *r)
{
	static const struct sim_store_hooks hooks = {
		.committed = judge_committed,
		.removed = judge_removed,
		.updated = judge_updated,
	};
	struct world *w = mem_alloc(sizeof(*w));
	int64_t begin;

	memset(r, 0, sizeof(*r));
	sim_time_reset(o->seed);
	sim_jobs_begin();
	make_world(w, o);
	describe(w, r);
	sim_store_format(&hooks, STORE_MS);
	servers_set(w->server, w->nservers);
	begin = clock_now();
	for (unsigned i = 0; i < w->nservers; i++)
		w->server[i].well_since = begin;
	reload_world(w);
	judge_begin(w->domain, w->ndomains, w->nservers, SLACK_MS);
	sim_dns_world(w->domain, w->ndomains, w->server, w->nservers, o->seed);
	world_conf(w);
	run(w);
	r->days = (double)(clock_now() - begin) / 86400e9;
	r->turns = sim_loop_turns();
	r->left = sim_store_count();
	world_stop(w, false);
	fate_end(w);
	judge_over();
	sim_net_end();
	judge_end();
	config_unref(&w->conf);
	sim_store_format(&hooks, STORE_MS);
	make_free(w);
	mem_free(&w);
	return !judge_result.failed;
}
