/* SPDX-License-Identifier: ISC
 * sim_world: one world made from a seed: servers, domains, the configuration,
 * what happens to them, and the real daemon among it. A run ends at its time or
 * at the first property that does not hold. */
#ifndef MX_TESTS_SIM_WORLD_H
#define MX_TESTS_SIM_WORLD_H

#include "tests/sim/sim_judge.h"

/* What a world may hold that the product does not bear yet. Each is off until
 * the rule that it needs is there (sim_world.c says which). */
enum hazard {
	HAZARD_HOLE, /* some of a host's addresses are black-holed */
	HAZARD_LATE, /* greetings that take longer than probe.timeout */
	HAZARD_TLS, /* TLS that fails after it was offered */
	HAZARD_POSTMASTER, /* 452 or 550 for it while other mail is taken */
	HAZARD_LIMIT_SHARED, /* a limit at a host of many domains */
	HAZARD_HELO, /* EHLO is refused */
	HAZARD_SILENT, /* outages in which nobody greets */
	HAZARD_RESTART, /* the daemon stops, or crashes */
	HAZARD_RELOAD, /* domains are moved, dropped, added again */
	HAZARD_CHUNKS, /* CHUNKING, well and badly */
	HAZARD_CUT, /* connections are cut at any byte */
	HAZARD_MAX,
};
const char *hazard_name(enum hazard);
const char *hazard_off(enum hazard); /* NULL: it is on */
enum hazard hazard_find(const char *name);
void hazard_switch(enum hazard, bool on);

struct world_options {
	uint64_t seed;
	int shape; /* -1: by the seed */
	double days; /* 0: by the size */
	unsigned servers, domains; /* 0: by the shape */
};
struct world_result {
	double days; /* that passed */
	unsigned servers, domains;
	char shape[128];
	uint64_t turns;
	size_t left; /* messages */
};
/* False when a property did not hold; judge_result says which. */
bool world_run(const struct world_options *, struct world_result *);

#endif
