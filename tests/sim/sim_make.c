/* SPDX-License-Identifier: ISC
 * sim_make: a world from its seed: how many servers and domains, which of them
 * belong together, how each server is when it is well, and the configuration
 * as an operator would write it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/sim_dns.h"
#include "tests/sim/sim_outside.h"
#include "tests/sim/sim_world_int.h"

#define SESSIONS_MAX 60000 /* probes of a run, as far as its length goes */
#define MESSAGES_MAX 12000
#define DAY_MS	     INT64_C(86400000)

static int64_t
pick(struct dice *d, const int64_t *of, unsigned n)
{
	return of[dice_below(d, n)];
}
#define PICK(d, ...)                                                           \
	pick(d, (const int64_t[]){ __VA_ARGS__ },                              \
	    sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static enum shape
choose_shape(struct dice *d, int wanted)
{
	unsigned n = dice_below(d, 100);

	if (wanted >= 0)
		return (enum shape)wanted;
	return n < 30 ? SHAPE_ONE :
	    n < 50    ? SHAPE_SHARED :
	    n < 60    ? SHAPE_NAMES :
	    n < 95    ? SHAPE_NET :
	    n < 99    ? SHAPE_LARGE :
			SHAPE_HUGE; /* a minute or two */
}

static void
choose_size(struct world *w, const struct world_options *o)
{
	struct dice *d = &w->dice;

	w->nservers = w->ndomains = 1;
	switch (w->shape) {
	case SHAPE_SHARED:
		w->ndomains = 2 + dice_below(d, 30);
		break;
	case SHAPE_NAMES:
		w->ndomains = dice_percent(d, 30) ? 300 : 2 + dice_below(d, 50);
		break;
	case SHAPE_NET:
		w->nservers = 2 + dice_below(d, 8);
		w->ndomains = 1 + dice_below(d, 40);
		break;
	case SHAPE_LARGE:
		w->nservers = 20 + dice_below(d, 40);
		w->ndomains = 100 + dice_below(d, 300);
		break;
	case SHAPE_HUGE:
		w->nservers = 200 + dice_below(d, 301);
		w->ndomains = 1000 + dice_below(d, 4001);
		break;
	default:
		break;
	}
	if (o->servers != 0)
		w->nservers = o->servers;
	if (o->domains != 0)
		w->ndomains = o->domains;
	w->nservers++; /* the sink */
}

/* ---- servers */

static bool
hazard(struct world *w, enum hazard h, unsigned percent)
{
	bool yes = dice_percent(&w->dice, percent);

	return yes && hazard_off(h) == NULL;
}

static void
make_limits(struct world *w, struct server *s)
{
	struct dice *d = &w->dice;
	bool limited = dice_percent(d, 30);
	unsigned limit = (unsigned)PICK(d, 1, 2, 3, 5, 10, 20);
	enum limit_how how = (enum limit_how)dice_below(d, 3);

	if (limited &&
	    (w->ndomains == 1 || hazard_off(HAZARD_LIMIT_SHARED) == NULL)) {
		s->limit = limit;
		s->limit_how = how;
		/* A probe needs a place, too. */
		if (s->limit < 2)
			s->limit = 2;
	}
	if (dice_percent(d, 20))
		s->mails_max = (unsigned)PICK(d, 1, 2, 5, 20, 100);
}

static void
make_traits(struct world *w, struct server *s)
{
	struct dice *d = &w->dice;

	s->latency_ms = PICK(d, 0, 1, 5, 20, 80, 150);
	s->think_ms = PICK(d, 0, 0, 1, 10, 100);
	if (hazard(w, HAZARD_LATE, 20))
		s->greeting_ms = PICK(d, 12000, 30000, 60000, 150000);
	else if (dice_percent(d, 15))
		s->greeting_ms = PICK(d, 500, 1000, 2000);
	if (dice_percent(d, 15))
		s->greylist_ms = PICK(d, 1000, 60000, 300000);
	if (dice_percent(d, 15))
		s->mailbox_percent = (unsigned)PICK(d, 1, 5, 20);
	if (hazard(w, HAZARD_POSTMASTER, 20))
		s->postmaster = (unsigned)PICK(d, 550, 452, 451);
	s->no_ehlo = hazard(w, HAZARD_HELO, 10);
	s->pipelining = dice_percent(d, 60);
	s->tls = dice_percent(d, 40) ? STLS_GOOD : STLS_NONE;
	if (dice_percent(d, 10))
		s->tls = STLS_REFUSED;
	if (hazard(w, HAZARD_TLS, 20))
		s->tls =
		    (enum server_tls)dice_range(d, STLS_BROKEN, STLS_MAX - 1);
}

/* By a dice of its own: the worlds of before remain what they were without it. */
static void
make_chunks(struct server *s, bool chunks, bool cut)
{
	struct dice d = { s->dice.state ^ 0xC4C4C4C4C4C4C4C4u };

	if (chunks && dice_percent(&d, 60))
		s->chunks = CHUNKS_GOOD;
	if (chunks && dice_percent(&d, 15))
		s->chunks = (enum server_chunks)dice_range(&d, CHUNKS_UNKNOWN,
		    CHUNKS_MAX - 1);
	if (cut && dice_percent(&d, 15))
		s->cut_permille = (unsigned)PICK(&d, 1, 5, 20);
}

static void
make_server(struct world *w, unsigned i)
{
	struct server *s = &w->server[i];
	struct dice *d = &w->dice;

	s->index = i;
	s->dice.state = dice_u64(d);
	LIST_INIT(&s->visits);
	s->naddrs = dice_percent(d, 60) ? 1 : 1 + dice_below(d, SERVER_ADDRS);
	server_addresses(s);
	make_traits(w, s);
	make_limits(w, s);
	if (s->naddrs > 1 && hazard(w, HAZARD_HOLE, 40))
		for (unsigned j = 0; j + 1 < s->naddrs; j++)
			s->hole[j] = dice_percent(d, 60);
	if (i == 0) {
		memset(s->hole, 0, sizeof(s->hole));
		s->sink = true;
		s->limit = s->mails_max = 0;
		s->greeting_ms = s->greylist_ms = 0;
		s->no_ehlo = false;
		s->tls = STLS_NONE;
		s->naddrs = 1;
	} else
		make_chunks(s, hazard_off(HAZARD_CHUNKS) == NULL,
		    hazard_off(HAZARD_CUT) == NULL);
	s->mood = MOOD_WELL;
	s->well_since = 1;
}

/* ---- domains */

void
make_hosts(struct world *w, struct splace *p)
{
	struct dice *d = &w->dice;
	unsigned n = 1, most = w->nservers - 1;

	if (w->shape >= SHAPE_NET && dice_percent(d, 40))
		n += dice_below(d, JUDGE_HOSTS);
	if (n > most)
		n = most;
	while (p->nhosts < n) {
		struct server *s = &w->server[1 + dice_below(d, most)];
		unsigned i;

		for (i = 0; i < p->nhosts && p->host[i] != s; i++)
			;
		if (i < p->nhosts)
			continue;
		p->pref[p->nhosts] = (unsigned)PICK(d, 10, 10, 20);
		if (i > 0 && p->pref[i] < p->pref[i - 1])
			p->pref[i] = p->pref[i - 1];
		p->host[p->nhosts++] = s;
	}
}

static void
make_domain(struct world *w, unsigned i)
{
	struct sdomain *sd = &w->domain[i];
	struct dice *d = &w->dice;

	sd->index = i;
	snprintf(sd->name, sizeof(sd->name), "d%u.test", i);
	make_hosts(w, &sd->at);
	sd->own_names = w->shape == SHAPE_NAMES;
	sd->at.by_mx = dice_percent(d, 50);
	sd->probed = !dice_percent(d, 5);
}

/* What all domains of a world have in common. */
static void
make_settings(struct world *w)
{
	struct dice *d = &w->dice;
	struct sdomain same = { 0 };
	struct dice own = { d->state ^ 0x1111111111111111u };

	w->interval_ms = PICK(d, 20000, 30000, 60000, 300000, 600000);
	same.interval_ms = w->interval_ms;
	same.timeout_ms = PICK(d, 10000, 10000, 5000, 20000);
	same.fall = (unsigned)PICK(d, 1, 2, 3, 3, 5);
	same.rise = (unsigned)PICK(d, 1, 2, 2, 3);
	same.hold_ms = PICK(d, 0, 30000, 30000, 120000);
	same.lifetime_ms = PICK(d, 5, 30, 30) * DAY_MS;
	same.retry_max_ms = PICK(d, 1800000, 7200000);
	same.connections = (unsigned)PICK(d, 1, 2, 5, 20, 20);
	same.depth = (unsigned)PICK(&own, 1, 2, 2, 4, 8);
	for (unsigned i = 0; i < w->ndomains; i++) {
		struct sdomain *sd = &w->domain[i];

		sd->interval_ms = same.interval_ms;
		sd->timeout_ms = same.timeout_ms;
		sd->fall = same.fall;
		sd->rise = same.rise;
		sd->hold_ms = same.hold_ms;
		sd->lifetime_ms = same.lifetime_ms;
		sd->retry_max_ms = same.retry_max_ms;
		sd->connections = same.connections;
		sd->depth = same.depth;
		if (dice_percent(d, 5) && sd->connections > 1)
			sd->connections /= 2;
	}
	w->deliver_connections = dice_percent(d, 90) ? 10000 : 20;
	w->probe_concurrency = dice_percent(d, 80) ? 1000 : 50;
	/* Silent ones hold their places for minutes: the others would wait. */
	if (w->nservers > w->probe_concurrency)
		w->probe_concurrency = 1000;
}

/* Behind a late greeting there has to be room for as much as comes. */
static void
make_late(struct world *w)
{
	bool single = false;

	for (unsigned i = 0; i < w->ndomains; i++)
		single |= w->domain[i].connections == 1;
	for (unsigned i = 0; i < w->nservers; i++) {
		struct server *s = &w->server[i];

		if (s->greeting_ms <= 2000)
			continue;
		if (s->mails_max != 0 && s->mails_max < 20)
			s->mails_max = 20;
		if (single)
			s->greeting_ms = 12000;
	}
}

static bool
is_narrow(const struct world *w)
{
	for (unsigned i = 0; i < w->nservers; i++)
		if (w->server[i].limit != 0 && w->server[i].limit <= 5)
			return true;
	return w->domain[0].connections <= 2;
}

static void
make_pace(struct world *w, const struct world_options *o)
{
	struct dice *d = &w->dice;
	int64_t rounds = SESSIONS_MAX / (int64_t)(w->ndomains + w->nservers);

	w->end_ms = o->days > 0 ? (int64_t)(o->days * (double)DAY_MS) :
				  rounds * w->interval_ms;
	w->arrival_ms = w->end_ms / MESSAGES_MAX + 1;
	w->arrival_ms *= PICK(d, 1, 1, 3, 10);
	if (w->arrival_ms < 20)
		w->arrival_ms = 20;
	/* One connection or two, of which a probe has its part: less may come. */
	if (w->domain[0].connections <= 2 &&
	    w->arrival_ms < 8000 / (int64_t)w->nservers)
		w->arrival_ms = 8000 / (int64_t)w->nservers;
	w->burst_percent = (unsigned)PICK(d, 0, 0, 1, 3);
	w->dns_up_ms = dice_percent(d, 30) ? w->end_ms / 20 : 0;
	w->operator_ms = dice_percent(d, 40) ? w->end_ms / 30 : 0;
	w->restart_ms = hazard(w, HAZARD_RESTART, 30) ? w->end_ms / 8 : 0;
	w->reload_ms = hazard(w, HAZARD_RELOAD, 30) ? w->end_ms / 20 : 0;
	/* In the end everything is well: time for the longest retry. */
	w->drain_ms = w->domain[0].retry_max_ms * 3 +
	    8 * w->interval_ms * w->domain[0].rise + 3600000;
	if (is_narrow(w)) /* and for what has piled up */
		w->drain_ms += 6 * 3600000;
}

/* ---- the configuration */

static void
write_domain(FILE *f, const struct world *w, const struct sdomain *sd)
{
	const struct sdomain *first = &w->domain[0];
	const struct splace *p = sd->moving ? &sd->to : &sd->at;

	if (p->dropped)
		return;
	fprintf(f, "domain \"%s\" {\n", sd->name);
	if (!p->by_mx) {
		fprintf(f, "\tprimary = {");
		for (unsigned i = 0; i < p->nhosts; i++)
			fprintf(f, "%s\"%s\"", i > 0 ? ", " : "",
			    sim_dns_host(sd, p->host[i], i));
		fprintf(f, "}\n");
	}
	if (!sd->probed)
		fprintf(f, "\tprobe {\n\t\tenabled = no\n\t}\n");
	if (sd->connections != first->connections)
		fprintf(f, "\tdeliver {\n\t\tconnections = %u\n\t}\n",
		    sd->connections);
	fprintf(f, "}\n");
}

void
make_text(struct world *w)
{
	const struct sdomain *first = &w->domain[0];
	size_t len;
	FILE *f;

	free(w->text);
	f = open_memstream(&w->text, &len);
	MX_ASSERT(f != NULL);
	fprintf(f,
	    "hostname = \"mx2.example.net\"\n"
	    "seccomp = no\n"
	    "deliver_connections = %u\nprobe_concurrency = %u\n",
	    w->deliver_connections, w->probe_concurrency);
	fprintf(f,
	    "defaults {\n\tlifetime = \"%llds\"\n"
	    "\tdelay_warning = {}\n",
	    (long long)(first->lifetime_ms / 1000));
	fprintf(f,
	    "\tprobe {\n\t\tinterval = \"%llds\"\n\t\ttimeout = \"%llds\"\n"
	    "\t\tfall = %u\n\t\trise = %u\n\t\thold = \"%llds\"\n\t}\n",
	    (long long)(first->interval_ms / 1000),
	    (long long)(first->timeout_ms / 1000), first->fall, first->rise,
	    (long long)(first->hold_ms / 1000));
	fprintf(f,
	    "\tdeliver {\n\t\tconnections = %u\n"
	    "\t\tpipeline_depth = %u\n\t}\n",
	    first->connections, sim_depth(first->depth));
	fprintf(f, "\tretry {\n\t\tmax = \"%llds\"\n\t}\n}\n",
	    (long long)(first->retry_max_ms / 1000));
	for (unsigned i = 0; i < w->ndomains; i++)
		write_domain(f, w, &w->domain[i]);
	fclose(f);
}

void
make_world(struct world *w, const struct world_options *o)
{
	unsigned i;

	w->dice.state = o->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->shape = choose_shape(&w->dice, o->shape);
	choose_size(w, o);
	w->server = mem_array(w->nservers, sizeof(*w->server));
	w->domain = mem_array(w->ndomains, sizeof(*w->domain));
	w->fate = mem_array(w->nservers, sizeof(*w->fate));
	for (i = 0; i < w->nservers; i++)
		make_server(w, i);
	for (i = 0; i < w->ndomains; i++)
		make_domain(w, i);
	make_settings(w);
	make_late(w);
	make_pace(w, o);
	make_text(w);
}

void
make_free(struct world *w)
{
	mem_free(&w->server);
	mem_free(&w->domain);
	mem_free(&w->fate);
	free(w->text);
}
