/* SPDX-License-Identifier: ISC
 * store_power: cuts the power of a store at every point. In each round a
 * store commits, changes and removes while its disk is recorded; then, for each
 * operation on the disk, the spool is built as it may look when the power fails
 * there, and opened (power_store.h says what is looked at). The next round goes
 * on with one of those spools. The same on every run: `store_power [SEED]`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "tests/fault/power_store.h"

#define ROUNDS 6

static void
cut(struct power *p, size_t now)
{
	enum disk_luck luck = kit_chance(&p->seed, 2) == 0 ?
	    DISK_TEARS :
	    (enum disk_luck)kit_chance(&p->seed, DISK_LUCK_MAX);

	power_cut(p, now, luck, kit_chance(&p->seed, 1u << 30));
}

/* How often the power was cut. */
static unsigned
run_round(struct power *p, unsigned round)
{
	size_t from, to, at;

	power_work(p, &from, &to);
	if (disk_seen("data.mdb") < POWER_BATCHES) {
		fprintf(stderr, "what LMDB writes is not recorded\n");
		p->wrong++;
	}
	for (at = from; at <= to && p->wrong == 0; at++)
		cut(p, at);
	printf("round %u: %zu operations, %zu messages, %u wrong\n", round,
	    to - from, p->nmsgs, p->wrong);
	if (p->wrong == 0) {
		cut(p, from + kit_chance(&p->seed, to - from));
		power_go_on(p);
	}
	return (unsigned)(at - from + 1);
}

int
main(int argc, char **argv)
{
	unsigned i, cuts = 0;
	struct power p;

	log_level_set(LOG_LEVEL_WARN);
	power_init(&p, argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
	for (i = 0; i < ROUNDS && p.wrong == 0; i++)
		cuts += run_round(&p, i);
	printf("the power was cut %u times\n", cuts);
	power_fini(&p);
	return p.wrong > 0;
}
