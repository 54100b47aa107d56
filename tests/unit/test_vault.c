/* SPDX-License-Identifier: ISC
 * The vault: what goes in, what comes back, what goes for good; over restarts. */
#include "tests/unit/queue_world.h"

static struct queue_policy keeps;

static int
setup(void **state)
{
	struct world *w;

	world_setup(state);
	w = *state;
	keeps = world_policy;
	keeps.vault_keep_ms = 7 * DAY;
	w->policy = &keeps;
	queue_policy(w->q, A, &keeps);
	queue_vault(w->q, 1 << 20);
	return 0;
}

static void
again(struct world *w)
{
	world_restart(w);
	queue_vault(w->q, 1 << 20);
	world_settle(w);
}

static uint64_t
kept(struct world *w)
{
	struct relay_vault v;

	w->relay->vault(w->relay->self, &v);
	return v.messages;
}

static uint64_t
leaving(struct world *w)
{
	struct relay_vault v;

	w->relay->vault(w->relay->self, &v);
	return v.leaving;
}

static unsigned nseen;
static struct {
	uint64_t id;
	unsigned nrcpts;
	char mailbox[64], state[16];
	bool replayed;
} seen[8];

static void
on_page(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	(void)arg;
	assert_int_equal(rc, 0);
	assert_int_equal(next, 0);
	nseen = n;
	for (unsigned i = 0; i < n && i < MX_COUNT(seen); i++) {
		seen[i].id = v[i].id;
		seen[i].nrcpts = v[i].nrcpts;
		seen[i].replayed = v[i].replayed;
		strlcpy(seen[i].mailbox, v[i].rcpts[0].mailbox,
		    sizeof(seen[i].mailbox));
		strlcpy(seen[i].state, v[i].rcpts[0].state,
		    sizeof(seen[i].state));
		assert_int_equal(v[i].state, MSG_VAULT);
	}
}

static unsigned
list(struct world *w, const char *domain)
{
	nseen = 999;
	w->relay->vault_list(w->relay->self, domain, NULL, 0, 100, on_page, w);
	assert_int_equal(nseen, 999); /* never from inside the call */
	world_settle(w);
	return nseen;
}

/* Only the recipients that failed; and it is called back once. */
static void
refused_and_replayed(void **state)
{
	struct world *w = *state;
	uint64_t id;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 2);
	assert_int_equal(
	    w->relay->extend_one(w->relay->self, id, DAY, false, NULL), 0);
	world_settle(w);
	world_deliver(w, A, id, "25");
	assert_int_equal(kept(w), 1);
	assert_int_equal(world_gauges(w, A).deferred, 0);
	assert_int_equal(fake_store_count(w->store), 1);
	again(w); /* as it was */
	assert_int_equal(list(w, A), 1);
	assert_int_equal(list(w, B), 0);
	assert_int_equal(list(w, NULL), 1);
	assert_int_equal(seen[0].id, id);
	assert_int_equal(seen[0].nrcpts, 1);
	assert_string_equal(seen[0].mailbox, "user1@" A);
	assert_string_equal(seen[0].state, "failed");
	world_advance(w, 3 * DAY);
	queue_gate(w->q, A, GATE_OPEN);
	assert_int_equal(w->relay->replay(w->relay->self, id + 1, false),
	    -MX_ENOENT);
	assert_int_equal(w->relay->replay(w->relay->self, id, false), 0);
	assert_int_equal(w->relay->replay(w->relay->self, id, false),
	    -MX_ENOENT); /* it is on its way */
	assert_int_equal(leaving(w), 1);
	world_settle(w);
	assert_int_equal(kept(w), 0);
	assert_int_equal(leaving(w), 0);
	/* A lifetime of its own, from now. */
	assert_int_equal(world_gauges(w, A).next_expiry_ms,
	    clock_wall_ms() + keeps.lifetime_ms);
	world_deliver(w, A, id, "5");
	assert_int_equal(kept(w), 1);
	assert_int_equal(w->relay->replay(w->relay->self, id, false),
	    -MX_EBUSY);
	again(w);
	assert_int_equal(w->relay->replay(w->relay->self, id, false),
	    -MX_EBUSY);
	assert_int_equal(w->relay->replay(w->relay->self, id, true), 0);
	world_settle(w);
	queue_gate(w->q, A, GATE_OPEN);
	world_deliver(w, A, id, "2");
	assert_int_equal(kept(w), 0);
	assert_int_equal(fake_store_count(w->store), 0);
	assert_int_equal(w->stats->g.vault_ended[VAULT_END_REPLAY], 2);
}

/* A record that the store did not take back is in the vault still. */
static void
replay_fails(void **state)
{
	struct world *w = *state;
	uint64_t id;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 1);
	world_deliver(w, A, id, "5");
	fake_store_fail(w->store, 0, -MX_EIO, 0);
	assert_int_equal(w->relay->replay(w->relay->self, id, false), 0);
	world_settle(w);
	assert_int_equal(kept(w), 1);
	assert_int_equal(leaving(w), 0);
	assert_int_equal(world_gauges(w, A).deferred, 0);
	fake_store_fail(w->store, 0, 0, 0);
	assert_int_equal(w->relay->replay(w->relay->self, id, false), 0);
	world_settle(w);
	assert_int_equal(kept(w), 0);
	assert_int_equal(world_gauges(w, A).active, 1);
}

static void
removed_and_expired(void **state)
{
	struct world *w = *state;
	uint64_t id[3];

	for (int i = 0; i < 3; i++)
		id[i] = world_mail(w, A, 1);
	assert_int_equal(
	    w->relay->remove(w->relay->self, id[0], false, false, NULL), 0);
	assert_int_equal(
	    w->relay->remove(w->relay->self, id[1], false, true, NULL),
	    0); /* and nothing is left of it */
	world_settle(w);
	assert_int_equal(kept(w), 1);
	assert_int_equal(fake_store_count(w->store), 2);
	assert_int_equal(list(w, A), 1);
	assert_int_equal(seen[0].id, id[0]);
	keeps.ndelay_warning = 0;
	queue_policy(w->q, A, &keeps);
	world_advance(w, keeps.lifetime_ms + HOUR);
	assert_int_equal(kept(w), 0); /* its seven days are over */
	assert_int_equal(w->stats->g.vault_ended[VAULT_END_AGE], 1);
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
	assert_int_equal(kept(w), 1);
	assert_int_equal(list(w, A), 1);
	assert_string_equal(seen[0].state, "expired");
	assert_int_equal(w->relay->purge(w->relay->self, id[2]), 0);
	assert_int_equal(w->relay->purge(w->relay->self, id[2]), -MX_ENOENT);
	world_settle(w);
	assert_int_equal(fake_store_count(w->store), 0);
}

/* The oldest goes first, whatever its domain; and where nothing is to be kept
 * nothing is. */
static void
is_bounded(void **state)
{
	struct world *w = *state;
	uint64_t id[4];

	queue_gate(w->q, A, GATE_OPEN);
	queue_vault(w->q, 250); /* two messages of a hundred bytes */
	for (int i = 0; i < 4; i++) {
		id[i] = world_mail(w, A, 1);
		world_deliver(w, A, id[i], "5");
	}
	world_advance(w, MINUTE);
	assert_int_equal(list(w, A), 2);
	assert_int_equal(seen[0].id, id[2]);
	assert_int_equal(seen[1].id, id[3]);
	assert_int_equal(fake_store_count(w->store), 2);
	assert_int_equal(w->stats->g.vault_ended[VAULT_END_SIZE], 2);
	queue_gate(w->q, B, GATE_OPEN); /* keep = "0s" */
	id[0] = world_mail(w, B, 1);
	world_deliver(w, B, id[0], "5");
	assert_int_equal(kept(w), 2);
	assert_int_equal(fake_store_count(w->store), 2);
}

/* Its results are told, over a restart, too, and it is not kept. */
static void
drill_is_told_of(void **state)
{
	static const struct {
		const char *replies;
		uint8_t state;
	} ends[] = { { "2", RCPT_DELIVERED }, { "5", RCPT_FAILED } };
	struct world *w = *state;
	uint64_t id;

	w->flags = ENV_DRILL;
	for (unsigned i = 0; i < MX_COUNT(ends); i++) {
		id = world_mail(w, A, 1);
		again(w);
		queue_gate(w->q, A, GATE_OPEN);
		world_deliver(w, A, id, ends[i].replies);
		assert_int_equal(w->drilled, i + 1);
		assert_int_equal(w->drilled_state, ends[i].state);
	}
	id = world_mail(w, A, 1);
	assert_int_equal(
	    w->relay->remove(w->relay->self, id, false, true, NULL), 0);
	world_settle(w);
	assert_int_equal(w->drilled, 3);
	assert_int_equal(w->drilled_state, RCPT_PENDING);
	assert_int_equal(kept(w), 0);
	assert_int_equal(fake_store_count(w->store), 0);
	w->flags = 0; /* others are not told of */
	id = world_mail(w, A, 1);
	world_deliver(w, A, id, "2");
	assert_int_equal(w->drilled, 3);
}

#define VAULT(fn) cmocka_unit_test_setup_teardown(fn, setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		VAULT(refused_and_replayed),
		VAULT(replay_fails),
		VAULT(removed_and_expired),
		VAULT(is_bounded),
		VAULT(drill_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
