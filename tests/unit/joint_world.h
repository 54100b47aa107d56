/* SPDX-License-Identifier: ISC
 * joint_world: accounts of nodes mx1, mx2 and mx3, the record that is made of them, and
 * a time that stands still. */
#ifndef MX_TESTS_JOINT_WORLD_H
#define MX_TESTS_JOINT_WORLD_H

#include "ledger/joint.h"

#define P     "mx.example.org"
#define D     "example.org"
#define START INT64_C(1700000000)
#define NOW   (START + 100000)

extern struct kept *view;
extern struct joint *joint;
extern bool dead[JOINT_NODES];
extern int64_t now_ms;
extern unsigned changes; /* that were told */

void world_open(void);
void world_close(void);
int world_setup(void **state); /* all live, and it is NOW */
int world_teardown(void **state);

/* An outage from and to so many seconds after START; to 0: it is down. All of it was
 * down. The caller changes it, and tells. */
struct outage outage_of(enum outage_kind, const char *name, uint64_t id,
    int64_t from, int64_t to);

#endif
