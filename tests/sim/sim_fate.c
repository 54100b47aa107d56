/* SPDX-License-Identifier: ISC
 * sim_fate: what happens: mail arrives, servers fail and come back, the
 * resolver fails, an operator orders flushes, the daemon stops or crashes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/sim_dns.h"
#include "tests/sim/sim_world_int.h"

#define BURST 200

/* ---- mail */

static void
on_accepted(void *arg, uint64_t token, int rc, uint64_t id)
{
	(void)arg;
	(void)token;
	(void)rc;
	(void)id;
}

static struct envelope *
new_part(const struct world *w, uint64_t seq, unsigned domain, uint32_t rcpts)
{
	struct envelope *env = envelope_create();
	char text[64];

	strlcpy(env->domain, w->domain[domain].name, sizeof(env->domain));
	snprintf(text, sizeof(text), "m%llu@s.test", (unsigned long long)seq);
	mem_free(&env->sender);
	env->sender = mem_strdup(text);
	env->helo = mem_strdup("client.example.org");
	env->client = mem_strdup("192.0.2.1");
	env->arrival_ms = clock_wall_ms();
	for (unsigned i = 0; i < 32; i++) {
		if ((rcpts & 1u << i) == 0)
			continue;
		snprintf(text, sizeof(text), "u%u@d%u.test", i, domain);
		(void)envelope_add_rcpt(env, text);
	}
	return env;
}

/* The first domains get most of it. */
static unsigned
some_domain(struct world *w)
{
	unsigned a = dice_below(&w->dice, w->ndomains);
	unsigned b = dice_below(&w->dice, w->ndomains);

	return dice_percent(&w->dice, 30) || a < b ? a : b;
}

static bool
configured(const struct world *w, unsigned domain)
{
	const struct sdomain *d = &w->domain[domain];

	return !d->at.dropped && !(d->moving && d->to.dropped);
}

static void
mail_arrives(struct world *w, unsigned first)
{
	unsigned n = 1, i, j, domain[JUDGE_PARTS];
	uint32_t rcpts[JUDGE_PARTS];
	struct envelope *part[JUDGE_PARTS];
	struct queue_intake *in;

	if (w->ndomains > 1 && dice_percent(&w->dice, 10))
		n += dice_below(&w->dice, JUDGE_PARTS);
	domain[0] = first;
	for (i = 1; i < n; i++) {
		domain[i] = some_domain(w);
		for (j = 0; j < i && domain[j] != domain[i]; j++)
			;
		if (j < i || !configured(w, domain[i]))
			break;
	}
	n = i < n ? i : n;
	w->seq++;
	for (i = 0; i < n; i++) {
		rcpts[i] = dice_percent(&w->dice, 80) ?
		    1 :
		    1 + dice_below(&w->dice, 7);
		part[i] = new_part(w, w->seq, domain[i], rcpts[i]);
	}
	judge_message(w->seq, domain, rcpts, n);
	in = queue_begin(w->daemon->queue);
	queue_commit(&in, part, n, on_accepted, NULL, 0);
}

static void
on_arrival(void *arg)
{
	struct world *w = arg;
	unsigned domain = some_domain(w), n = 1;

	if (w->ending)
		return;
	if (dice_percent(&w->dice, w->burst_percent))
		n = BURST;
	for (unsigned i = 0; i < n && configured(w, domain); i++)
		mail_arrives(w, domain);
	loop_timer_set(w->arrival, dice_wait(&w->dice, w->arrival_ms * n));
}

/* ---- servers */

static enum mood
some_mood(struct world *w)
{
	static const enum mood moods[] = { MOOD_REFUSES, MOOD_REFUSES,
		MOOD_HOLE, MOOD_HOLE, MOOD_RESETS, MOOD_421, MOOD_554,
		MOOD_DISK_FULL, MOOD_SILENT };
	enum mood m = moods[dice_below(&w->dice, MX_COUNT(moods))];

	if (m == MOOD_SILENT && hazard_off(HAZARD_SILENT) != NULL)
		m = MOOD_HOLE;
	return m;
}

static struct world *the_world; /* of the fates */

static void
on_turn(void *arg)
{
	struct fate *f = arg;
	struct world *w = the_world;
	struct server *s = f->server;

	if (w->ending)
		return;
	if (s->mood == MOOD_WELL) {
		server_mood(s, some_mood(w), clock_now());
		loop_timer_set(f->timer, dice_wait(&w->dice, f->down_ms));
		return;
	}
	server_mood(s, MOOD_WELL, clock_now());
	loop_timer_set(f->timer,
	    dice_wait(&w->dice,
		dice_percent(&w->dice, f->flap_percent) ? 20000 : f->up_ms));
}

static void
fate_of(struct world *w, struct server *s)
{
	struct fate *f = &w->fate[s->index];
	static const int64_t down[] = { 5000, 60000, 600000, 7200000,
		86400000 };
	int64_t up = w->end_ms / (1 + dice_below(&w->dice, 12));

	f->server = s;
	f->timer = sim_timer(on_turn, f);
	f->down_ms = down[dice_below(&w->dice, MX_COUNT(down))];
	if (f->down_ms > w->end_ms / 4)
		f->down_ms = w->end_ms / 4;
	f->up_ms = up > 4 * f->down_ms ? up : 4 * f->down_ms;
	f->flap_percent = dice_percent(&w->dice, 30) ? 60 : 5;
	if (!s->sink)
		loop_timer_set(f->timer, dice_wait(&w->dice, f->up_ms));
}

/* ---- the resolver, the operator, the daemon */

static void
on_dns(void *arg)
{
	struct world *w = arg;

	if (w->ending)
		return;
	w->dns_fails = !w->dns_fails;
	sim_dns_fail(w->dns_fails, dice_percent(&w->dice, 50));
	judge_patient(w->dns_fails || w->deliver_connections < 10000);
	loop_timer_set(w->dns,
	    dice_wait(&w->dice,
		w->dns_fails ? w->dns_up_ms / 20 + 60000 : w->dns_up_ms));
}

static void
on_operator(void *arg)
{
	struct world *w = arg;
	unsigned n = some_domain(w);
	const struct relay *r = w->daemon->relay;
	struct relay_flush f;

	if (w->ending)
		return;
	if (configured(w, n) &&
	    r->flush(r->self, w->domain[n].name, FLUSH_MANUAL, false, &f) == 0)
		judge_forced(n);
	loop_timer_set(w->operator, dice_wait(&w->dice, w->operator_ms));
}

static void
on_restart(void *arg)
{
	struct world *w = arg;

	if (w->ending)
		return;
	/* The daemon cannot be ended in his own callbacks: from outside. */
	sim_stop();
	loop_timer_set(w->restart, dice_wait(&w->dice, w->restart_ms));
}

static void
on_reload(void *arg)
{
	struct world *w = arg;

	if (w->ending)
		return;
	reload_change(w);
	loop_timer_set(w->reload, dice_wait(&w->dice, w->reload_ms));
}

static void
on_sweep(void *arg)
{
	struct world *w = arg;

	judge_sweep();
	if (queue_clock_doubt(w->daemon->queue) > 0)
		judge_fail(P_CLOCK, "the clock is doubted");
	loop_timer_set(w->sweep, 600000);
}

void
fate_begin(struct world *w)
{
	the_world = w;
	w->arrival = sim_timer(on_arrival, w);
	loop_timer_set(w->arrival, dice_wait(&w->dice, w->arrival_ms));
	for (unsigned i = 0; i < w->nservers; i++)
		fate_of(w, &w->server[i]);
	w->dns = sim_timer(on_dns, w);
	if (w->dns_up_ms != 0)
		loop_timer_set(w->dns, dice_wait(&w->dice, w->dns_up_ms));
	w->operator= sim_timer(on_operator, w);
	if (w->operator_ms != 0)
		loop_timer_set(
		    w->operator, dice_wait(&w->dice, w->operator_ms));
	w->restart = sim_timer(on_restart, w);
	if (w->restart_ms != 0)
		loop_timer_set(w->restart, dice_wait(&w->dice, w->restart_ms));
	w->reload = sim_timer(on_reload, w);
	if (w->reload_ms != 0)
		loop_timer_set(w->reload, dice_wait(&w->dice, w->reload_ms));
	w->sweep = sim_timer(on_sweep, w);
	loop_timer_set(w->sweep, 600000);
	judge_patient(w->deliver_connections < 10000);
}

void
fate_heal(struct world *w)
{
	w->ending = true;
	if (w->dns_fails) {
		w->dns_fails = false;
		sim_dns_fail(false, false);
		judge_patient(w->deliver_connections < 10000);
	}
	if (w->reload_ms != 0)
		reload_all_back(w);
	for (unsigned i = 0; i < w->nservers; i++)
		if (w->server[i].mood != MOOD_WELL)
			server_mood(&w->server[i], MOOD_WELL, clock_now());
}

void
fate_end(struct world *w)
{
	loop_timer_destroy(&w->arrival);
	loop_timer_destroy(&w->dns);
	loop_timer_destroy(&w->operator);
	loop_timer_destroy(&w->restart);
	loop_timer_destroy(&w->reload);
	loop_timer_destroy(&w->sweep);
	for (unsigned i = 0; i < w->nservers; i++)
		loop_timer_destroy(&w->fate[i].timer);
}
