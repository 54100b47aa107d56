/* SPDX-License-Identifier: ISC
 * sim: the simulation in virtual time. The real daemon (queue, deliver, health,
 * probes, SMTP client, routes, and what ties them together) lives through
 * outages, flaps, limits and greylisting in worlds made from seeds; what must
 * always hold is checked at every step (sim_judge.h). A seed that fails is
 * printed, and replays exactly.
 *
 *	sim --seed 17 --trace		that world, told in full
 *	sim --seconds 3600 --from 1000	as many worlds as that takes
 *	sim --list			properties, hazards, mutations
 *	sim --mutate gate		breaks a rule: must be seen
 */
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/sim/sim_outside.h"
#include "tests/sim/sim_world.h"

#define HANGS_SECONDS  600
#define MUTATION_SEEDS 60

static struct world_options options = { .seed = 1, .shape = -1 };
static struct total {
	unsigned worlds, failed;
	double days, longest;
	uint64_t messages, taken, probes, connects, downs, expired, turns;
	uint64_t chunks, behind, twice;
	uint64_t off[P_MAX];
} total;
static double began;

static double
wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* An assertion of the product, or a world that does not end. */
static void
on_death(int signo)
{
	printf("FAILED seed %llu: signal %d (replay: tests/sim/sim --seed "
	       "%llu)\n",
	    (unsigned long long)options.seed, signo,
	    (unsigned long long)options.seed);
	fflush(stdout);
	signal(signo, SIG_DFL);
	raise(signo);
}

static void
add_up(const struct world_result *r)
{
	total.worlds++;
	total.days += r->days;
	if (r->days > total.longest)
		total.longest = r->days;
	total.messages += judge_result.messages;
	total.taken += judge_result.taken;
	total.chunks += judge_result.chunks;
	total.behind += judge_result.behind;
	total.twice += judge_result.twice_ok;
	total.probes += judge_result.probes;
	total.connects += judge_result.connects;
	total.downs += judge_result.downs;
	total.expired += judge_result.expired;
	total.turns += r->turns;
	for (unsigned i = 0; i < P_MAX; i++)
		total.off[i] += judge_result.off[i] > 0;
}

static bool
one(bool verbose)
{
	struct world_result r;
	double start = wall();
	bool ok;

	alarm(HANGS_SECONDS);
	ok = world_run(&options, &r);
	alarm(0);
	add_up(&r);
	if (verbose || !ok)
		printf("%s seed %llu: %u servers, %u domains, %s: %.1f days "
		       "in %.2f s, %llu messages, %llu taken, %zu left, "
		       "%llu probes, %llu connections, %llu downs\n",
		    ok ? "fine" : "FAILED", (unsigned long long)options.seed,
		    r.servers, r.domains, r.shape, r.days, wall() - start,
		    (unsigned long long)judge_result.messages,
		    (unsigned long long)judge_result.taken, r.left,
		    (unsigned long long)judge_result.probes,
		    (unsigned long long)judge_result.connects,
		    (unsigned long long)judge_result.downs);
	if (!ok) {
		total.failed++;
		printf("replay: tests/sim/sim --seed %llu --trace\n",
		    (unsigned long long)options.seed);
	}
	fflush(stdout);
	return ok;
}

static void
summary(void)
{
	double took = wall() - began;

	printf("%u worlds, %u failed: %.2f years simulated (longest %.1f d) in "
	       "%.1f s, %.2f simulated days a second\n",
	    total.worlds, total.failed, total.days / 365.25, total.longest,
	    took, total.days / took);
	printf("%llu messages, %llu taken, %llu expired, %llu probes, %llu "
	       "connections, %llu downs, %.1f million turns\n",
	    (unsigned long long)total.messages, (unsigned long long)total.taken,
	    (unsigned long long)total.expired, (unsigned long long)total.probes,
	    (unsigned long long)total.connects, (unsigned long long)total.downs,
	    (double)total.turns / 1e6);
	printf("%llu in chunks, %llu behind others, %llu taken twice\n",
	    (unsigned long long)total.chunks, (unsigned long long)total.behind,
	    (unsigned long long)total.twice);
	for (unsigned i = 0; i < P_MAX; i++)
		if (total.off[i] > 0)
			printf("off: %s does not hold in %llu worlds: %s\n",
			    property_name((enum property)i),
			    (unsigned long long)total.off[i],
			    property_off((enum property)i));
}

static void
list(void)
{
	const char *off;
	unsigned i;

	for (i = 0; i < P_MAX; i++) {
		off = property_off((enum property)i);
		printf("property %s %s%s\n", property_name((enum property)i),
		    off != NULL ? "off: " : "on", off != NULL ? off : "");
	}
	for (i = 0; i < HAZARD_MAX; i++) {
		off = hazard_off((enum hazard)i);
		printf("hazard %s %s%s\n", hazard_name((enum hazard)i),
		    off != NULL ? "off: " : "on", off != NULL ? off : "");
	}
	sim_mutations();
}

static void
turn(const char *name, bool on)
{
	if (property_find(name) != P_MAX)
		property_switch(property_find(name), on);
	else if (hazard_find(name) != HAZARD_MAX)
		hazard_switch(hazard_find(name), on);
	else
		errx(2, "no property and no hazard: %s", name);
}

/* The broken rule has to be seen, by its property, in one of the worlds. */
static int
mutated(const char *name)
{
	struct world_result r;
	unsigned i;

	if (!sim_mutate(name))
		errx(2, "no such mutation: %s", name);
	hazard_switch(HAZARD_RESTART, false);
	if (strcmp(name, "job") == 0)
		options.days = 1;
	for (i = 0; i < P_MAX; i++)
		property_switch((enum property)i,
		    strcmp(property_name((enum property)i),
			sim_mutation_property()) == 0);
	for (i = 0; i < MUTATION_SEEDS; i++, options.seed++) {
		alarm(HANGS_SECONDS);
		if (world_run(&options, &r))
			continue;
		printf("seen: %s, seed %llu\n", name,
		    (unsigned long long)options.seed);
		return 0;
	}
	printf("NOT SEEN: %s\n", name);
	return 1;
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 'S' },
		{ "trace", no_argument, NULL, 't' },
		{ "log", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "list", no_argument, NULL, 'L' },
		{ "on", required_argument, NULL, 'o' },
		{ "off", required_argument, NULL, 'O' },
		{ "mutate", required_argument, NULL, 'm' },
		{ "shape", required_argument, NULL, 'p' },
		{ "days", required_argument, NULL, 'd' },
		{ "servers", required_argument, NULL, 'n' },
		{ "domains", required_argument, NULL, 'N' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	double seconds = 20;
	bool single = false, verbose = false, keep = false;
	const char *mutation = NULL;
	int c;

	log_level_set(LOG_LEVEL_ERROR);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 's':
			single = true;
			/* FALLTHROUGH */
		case 'f':
			options.seed = strtoull(optarg, NULL, 10);
			break;
		case 'S':
			seconds = strtod(optarg, NULL);
			break;
		case 't':
			judge_trace(true);
			log_level_set(LOG_LEVEL_INFO);
			break;
		case 'l':
			log_level_set(LOG_LEVEL_TRACE);
			break;
		case 'v':
			verbose = true;
			break;
		case 'L':
			list();
			return 0;
		case 'o':
		case 'O':
			turn(optarg, c == 'o');
			break;
		case 'm':
			mutation = optarg;
			break;
		case 'p':
			options.shape = (int)strtol(optarg, NULL, 10);
			break;
		case 'd':
			options.days = strtod(optarg, NULL);
			break;
		case 'n':
			options.servers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'N':
			options.domains = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			keep = true;
			break;
		default:
			return 2;
		}
	}
	signal(SIGABRT, on_death);
	signal(SIGSEGV, on_death);
	signal(SIGALRM, on_death);
	if (mutation != NULL)
		return mutated(mutation);
	began = wall();
	if (single)
		return one(true) ? 0 : 1;
	do {
		if (!one(verbose) && !keep)
			break;
		options.seed++;
	} while (wall() - began < seconds);
	summary();
	return total.failed == 0 ? 0 : 1;
}
