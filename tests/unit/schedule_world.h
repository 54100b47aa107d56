/* SPDX-License-Identifier: ISC
 * schedule_world: the real turns and watches in virtual time; loop, resolver,
 * probe and who counts connections are fakes, and do what struct world says. */
#ifndef MX_TESTS_SCHEDULE_WORLD_H
#define MX_TESTS_SCHEDULE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/schedule.h"
#include "tests/unit/fake_loop.h"

#define INTERVAL_MS 10000

struct world {
	struct loop *loop;
	struct watch_set *ws;
	struct schedule *s;
	struct loop_task *fan_out;
	struct config conf;
	unsigned known; /* first verdicts */

	/* the resolver */
	bool dns_fails;
	int64_t dns_ms;
	unsigned addr_queries, mx_queries, looking, looking_max;
	unsigned mx_hosts; /* dN.test is at mx(N % mx_hosts).test */
	unsigned addresses; /* mxN.test has the (N % addresses)th; 0: the Nth */

	/* the probe */
	enum reach_code code;
	int64_t probe_ms;
	unsigned sessions, running, running_max;
	unsigned answers; /* of a session, 0: all */
	unsigned silent; /* intervals, before a session ends */
	unsigned burst; /* sessions begun in the same 100 ms, at most */
	int64_t slot;
	unsigned in_slot;
	unsigned asked[400]; /* dN.test */
	char first[TEXT_DOMAIN_MAX]; /* asked in the last session */

	/* who counts connections */
	bool full;
	unsigned places;
	struct place *waits;
};
extern struct world w;

extern char **world_names; /* of the primaries */
extern char world_domain[50000][16]; /* d00000.test */

/* n domains dN.test on `hosts` primaries; 0: by MX. In force by configure(),
 * which does as reload.c, all at once. */
void domains(unsigned n, unsigned hosts);
void configure(void);
int setup(void **state);
int teardown(void **state);

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
