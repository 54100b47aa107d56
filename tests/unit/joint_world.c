/* SPDX-License-Identifier: ISC
 * joint_world: see joint_world.h. */
#include "tests/unit/joint_world.h"

#include <string.h>

#include "base/mem.h"

struct kept *view;
struct joint *joint;
bool dead[JOINT_NODES];
int64_t now_ms;
unsigned changes;

static bool
on_alive(void *arg MX_UNUSED, unsigned node, int64_t said MX_UNUSED)
{
	return !dead[node];
}

static void
on_changed(void *arg MX_UNUSED, const char *label MX_UNUSED)
{
	changes++;
}

void
world_open(void)
{
	const struct joint_ops ops = { on_alive, on_changed, NULL };

	view = kept_create();
	joint = joint_create(view, &ops);
	joint_named(joint, 1, "mx1");
	joint_named(joint, 2, "mx2");
	joint_named(joint, 3, "mx3");
}

void
world_close(void)
{
	joint_destroy(&joint);
	kept_destroy(&view);
}

int
world_setup(void **state MX_UNUSED)
{
	memset(dead, 0, sizeof(dead));
	now_ms = NOW * 1000;
	changes = 0;
	world_open();
	return 0;
}

int
world_teardown(void **state MX_UNUSED)
{
	world_close();
	return 0;
}

struct outage
outage_of(enum outage_kind kind, const char *name, uint64_t id, int64_t from,
    int64_t to)
{
	struct outage o;

	outage_init(&o, kind, name);
	o.id = id;
	o.state = to != 0 ? OUTAGE_OVER : OUTAGE_DOWN;
	o.failed = START + from;
	o.detected = o.failed + 5;
	o.detected_ms = 5000;
	o.recovered = to != 0 ? START + to : 0;
	o.drained = o.recovered;
	if (kind == OUTAGE_DAEMON)
		o.unwatched_ms = (to - from) * 1000;
	else if (to != 0)
		o.down_ms = (to - from) * 1000;
	else
		o.down_ms = now_ms - o.failed * 1000;
	o.phase = SMTP_PHASE_CONNECT;
	return o;
}
