/* SPDX-License-Identifier: ISC
 * power_store: a store that works on a recorded disk (disk_model.h), and what
 * must be left of it when the power fails. What was reported as committed is
 * there, whole; what was reported as removed is gone; the rest is either absent
 * or whole with all its parts; changes are the last that was reported, or
 * newer. For the programs that cut (store_power.c) and that take a sync away
 * (store_unsynced.c); one thread. */
#ifndef MX_TESTS_POWER_STORE_H
#define MX_TESTS_POWER_STORE_H

#include "tests/fault/disk_model.h"
#include "tests/unit/store_kit.h"

#define POWER_BATCHES 7 /* of a round */
#define POWER_PARTS   3 /* of a message, at most */

/* Something that is counted up: how far is it for sure, how far at most? */
struct power_count {
	unsigned base; /* what the round began with */
	unsigned n; /* steps of this round */
	struct {
		size_t asked, reported; /* points in time */
	} step[POWER_BATCHES];
	unsigned found; /* by the check under way */
};

struct power_message {
	uint64_t id, seed;
	size_t len;
	unsigned nparts;
	/* points in time, SIZE_MAX when it did not come to it */
	size_t committed, remove_asked, removed;
	struct envelope *env; /* part 0 as it was committed */
	struct power_count attempts; /* its field that is changed */
	bool found[POWER_PARTS]; /* by the check under way */
};

struct power {
	struct kit kit; /* its dir holds `disk` and `cut` */
	char disk[300], cut[300], spool[310], left[310];
	struct power_message *msgs;
	size_t nmsgs;
	struct power_count state; /* a durable state of the store */
	unsigned wrong;
	uint64_t seed;
};

void power_init(struct power *, uint64_t seed);
void power_fini(struct power *);
/* A round of work, recorded from the point in time `from` to `to`. The same
 * for the same seed, but for what the applier's clock decides. */
void power_work(struct power *, size_t *from, size_t *to);
/* Builds the spool as a cut at `now` may leave it and opens it: what is not as it
 * must be is said and counted in `wrong`. */
void power_cut(struct power *, size_t now, enum disk_luck, uint64_t seed);
/* What was found at the last cut is what the next round begins with. */
void power_go_on(struct power *);
/* In a child: the loop is the parent's. */
void power_forked(struct power *);

#endif
