/* SPDX-License-Identifier: ISC
 * alert_world: a domain, its snapshot, the rules and the memory of alerting, in
 * virtual time. */
#ifndef MX_TESTS_UNIT_ALERT_WORLD_H
#define MX_TESTS_UNIT_ALERT_WORLD_H

#include "alerts/memory.h"

#define T0  INT64_C(1800000000000)
#define SEC INT64_C(1000)
#define MIN (60 * SEC)
#define HR  (60 * MIN)
#define DAY (24 * HR)

struct world {
	struct config *conf;
	struct memory l;
	struct rules *rules;
	struct snapshot *s;
	struct snap_domain *d;
	struct snap_primary *p;
	int64_t now;
	struct rules_self self;
};

void world_init(struct world *w, const char *more);
void world_fini(struct world *w);
/* Its domain is in no snapshot any more. */
void world_leave(struct world *w);
/* The time passes in steps of ten seconds, probes go on. */
void pass(struct world *w, int64_t ms);
const char *state(struct world *w, enum alert_kind kind);
const char *summary(struct world *w, enum alert_kind kind);
void set_state(struct world *w, unsigned to);
/* Its oldest message came that long ago. */
void set_oldest(struct world *w, int64_t age);
struct instance *first(struct world *w, enum alert_kind kind);
/* The daemon is killed and comes back: the rules know nothing, the memory
 * comes from its file. */
void restart(struct world *w);
/* As pass(), but no probe is finished, and nothing is known. */
void pass_blind(struct world *w, int64_t ms);

/* The state of that alert: "inactive", "pending", "warning", "critical",
 * "resolved". */
#define is(w, kind, want) assert_string_equal(state(w, ALERT_##kind), want)

#endif
