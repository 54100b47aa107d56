/* SPDX-License-Identifier: ISC
 * The health machine: its diagram as a table, its numbers, and random inputs
 * held against the rules of health.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "primary/health.h"

static const struct health_conf conf = { 3, 2, 10 * CLOCK_SEC };

/* A script: one letter an input, one second apart. o ok, f fail, n neutral,
 * b broken, l flushed, d disable, e enable; of a primary: U is up, B is back,
 * S is suspect, D is down. */
static enum health_input
input_of(char c)
{
	switch (c) {
	case 'o':
		return HEALTH_IN_OK;
	case 'f':
		return HEALTH_IN_FAIL;
	case 'b':
		return HEALTH_IN_BROKEN;
	case 'l':
		return HEALTH_IN_FLUSHED;
	case 's':
		return HEALTH_IN_NO_PRIMARY;
	case 'd':
		return HEALTH_IN_DISABLE;
	case 'e':
		return HEALTH_IN_ENABLE;
	case 'U':
		return HEALTH_IN_IS_UP;
	case 'B':
		return HEALTH_IN_IS_BACK;
	case 'S':
		return HEALTH_IN_IS_SUSPECT;
	case 'D':
		return HEALTH_IN_IS_DOWN;
	default:
		return HEALTH_IN_NEUTRAL;
	}
}

static const struct {
	const char *name, *script;
	enum health_state end;
	unsigned changes;
} cases[] = {
	{ "nothing is known at the start", "", HEALTH_UNKNOWN, 0 },
	{ "one success is not enough", "o", HEALTH_UNKNOWN, 0 },
	{ "up after rise", "oo", HEALTH_UP, 1 },
	{ "unknown to up is no recovery", "oool", HEALTH_UP, 1 },
	{ "mixed start", "ofoffof", HEALTH_UNKNOWN, 0 },
	{ "down after fall", "fff", HEALTH_DOWN, 1 },
	{ "neutral between counts for nothing", "nfnfnfn", HEALTH_DOWN, 1 },
	{ "first failure makes suspect", "oof", HEALTH_SUSPECT, 2 },
	{ "suspect recovers at once", "oofo", HEALTH_UP, 3 },
	{ "two of three", "ooff", HEALTH_SUSPECT, 2 },
	{ "fall counts the first one", "oofff", HEALTH_DOWN, 3 },
	{ "flapping never gets down", "ooffoffoffo", HEALTH_UP, 7 },
	{ "hold keeps it down", "fffoooo", HEALTH_DOWN, 1 },
	{ "after the hold", "fffnnnnnnnnnnoo", HEALTH_RECOVERING, 2 },
	{ "streak within the hold is kept", "fffoooonnnnnno", HEALTH_RECOVERING,
	    2 },
	{ "a failure starts it again", "fffnnnnnnnnnofo", HEALTH_DOWN, 1 },
	{ "flushed", "fffnnnnnnnnnnool", HEALTH_UP, 3 },
	{ "flushed means nothing elsewhere", "fffl", HEALTH_DOWN, 1 },
	{ "success does not end recovery", "fffnnnnnnnnnnooooo",
	    HEALTH_RECOVERING, 2 },
	{ "recovery fails", "fffnnnnnnnnnnoofff", HEALTH_DOWN, 3 },
	{ "recovery stumbles", "fffnnnnnnnnnnooffoff", HEALTH_RECOVERING, 2 },
	{ "the canary failed", "fffnnnnnnnnnnoob", HEALTH_DOWN, 3 },
	{ "up and broken", "oob", HEALTH_DOWN, 2 },
	{ "we are the best MX", "oos", HEALTH_UNKNOWN, 2 },
	{ "nobody to watch is no failure", "ffsff", HEALTH_UNKNOWN, 0 },
	{ "down, then nobody", "fffs", HEALTH_UNKNOWN, 2 },
	{ "found again", "fffsoo", HEALTH_UP, 3 },
	{ "disabled", "oodfffooobs", HEALTH_DISABLED, 2 },
	{ "enabled: unknown again", "oode", HEALTH_UNKNOWN, 3 },
	{ "enabled needs its streak", "oodeo", HEALTH_UNKNOWN, 3 },
	{ "enable of what is enabled", "ooe", HEALTH_UP, 1 },
	{ "a verdict taken over needs no streak", "U", HEALTH_UP, 1 },
	{ "taken over as suspect", "S", HEALTH_SUSPECT, 1 },
	{ "taken over as down", "D", HEALTH_DOWN, 1 },
	{ "mail that waits is none after a start", "B", HEALTH_UP, 1 },
	{ "up follows suspect", "US", HEALTH_SUSPECT, 2 },
	{ "suspect follows up", "USU", HEALTH_UP, 3 },
	{ "up follows down at once", "UD", HEALTH_DOWN, 2 },
	{ "back with nothing queued", "UDU", HEALTH_UP, 3 },
	{ "back with mail queued, hold or not", "UDB", HEALTH_RECOVERING, 3 },
	{ "a recovery is its own to confirm", "UDBUBS", HEALTH_RECOVERING, 3 },
	{ "the flush confirms it", "UDBl", HEALTH_UP, 4 },
	{ "down again in mid-flush", "UDBD", HEALTH_DOWN, 4 },
	{ "down is no suspect", "DS", HEALTH_DOWN, 1 },
	{ "disabled follows nobody", "dUBSD", HEALTH_DISABLED, 1 },
};

/* One failure is what an operator asked for who said 1. */
static void
fall_of_one(void **state)
{
	const struct health_conf one = { 1, 1, 0 };
	struct health_change c;
	struct health h;

	(void)state;
	health_init(&h, &one, 0);
	assert_true(health_feed(&h, HEALTH_IN_OK, 1, &c));
	assert_true(health_feed(&h, HEALTH_IN_FAIL, 2, &c));
	assert_int_equal(c.from, HEALTH_UP);
	assert_int_equal(c.to, HEALTH_DOWN);
	assert_true(health_feed(&h, HEALTH_IN_OK, 3, &c));
	assert_int_equal(h.state, HEALTH_RECOVERING);
}

static void
scripts(void **state)
{
	struct health h;
	struct health_change c;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		unsigned changes = 0;
		int64_t now = 0;

		health_init(&h, &conf, 0);
		for (const char *s = cases[i].script; *s != '\0'; s++) {
			now += CLOCK_SEC;
			changes += health_feed(&h, input_of(*s), now, &c);
		}
		if (h.state != cases[i].end || changes != cases[i].changes)
			fail_msg("%s: %s after %u changes", cases[i].name,
			    health_state_name(h.state), changes);
	}
}

static bool
edge_allowed(enum health_state from, enum health_state to, enum health_input in,
    unsigned fall)
{
	switch (in) {
	case HEALTH_IN_OK:
		return (from == HEALTH_UNKNOWN && to == HEALTH_UP) ||
		    (from == HEALTH_SUSPECT && to == HEALTH_UP) ||
		    (from == HEALTH_DOWN && to == HEALTH_RECOVERING);
	case HEALTH_IN_FAIL:
		return (from == HEALTH_UP && to == HEALTH_SUSPECT) ||
		    (from == HEALTH_UP && to == HEALTH_DOWN && fall == 1) ||
		    (to == HEALTH_DOWN &&
			(from == HEALTH_UNKNOWN || from == HEALTH_SUSPECT ||
			    from == HEALTH_RECOVERING));
	case HEALTH_IN_IS_UP:
		return to == HEALTH_UP &&
		    (from == HEALTH_UNKNOWN || from == HEALTH_SUSPECT ||
			from == HEALTH_DOWN);
	case HEALTH_IN_IS_BACK:
		return from == HEALTH_DOWN ? to == HEALTH_RECOVERING :
					     to == HEALTH_UP &&
			(from == HEALTH_UNKNOWN || from == HEALTH_SUSPECT);
	case HEALTH_IN_IS_SUSPECT:
		return to == HEALTH_SUSPECT &&
		    (from == HEALTH_UNKNOWN || from == HEALTH_UP);
	case HEALTH_IN_BROKEN:
	case HEALTH_IN_IS_DOWN:
		return to == HEALTH_DOWN && from != HEALTH_DOWN &&
		    from != HEALTH_DISABLED;
	case HEALTH_IN_FLUSHED:
		return from == HEALTH_RECOVERING && to == HEALTH_UP;
	case HEALTH_IN_NO_PRIMARY:
		return to == HEALTH_UNKNOWN && from != HEALTH_DISABLED;
	case HEALTH_IN_DISABLE:
		return to == HEALTH_DISABLED;
	case HEALTH_IN_ENABLE:
		return from == HEALTH_DISABLED && to == HEALTH_UNKNOWN;
	case HEALTH_IN_NEUTRAL:
	case HEALTH_IN_MAX:
		break;
	}
	return false;
}

static uint32_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Whatever comes: only edges of the diagram, true change records, the hold
 * respected, and no verdict by less than its streak. */
static void
random_inputs(void **state)
{
	(void)state;
	for (seed = 1; seed < 3000; seed++) {
		uint32_t mine = seed;
		struct health_conf c = { 1 + draw(4), 1 + draw(4),
			(int64_t)draw(20) * CLOCK_SEC };
		int64_t now = 0, since = 0;
		unsigned oks = 0, fails = 0;
		struct health h;

		health_init(&h, &c, 0);
		for (int i = 0; i < 200; i++) {
			enum health_input in = draw(8) != 0 ?
			    (enum health_input)draw(3) :
			    (enum health_input)draw(HEALTH_IN_MAX);
			enum health_state from = h.state;
			struct health before = h;
			struct health_change ch;
			bool changed;

			now += CLOCK_SEC;
			/* A verdict ends the other's streak; so does a change
			 * that is none. */
			if (in == HEALTH_IN_FAIL || in == HEALTH_IN_BROKEN ||
			    in == HEALTH_IN_IS_DOWN ||
			    in == HEALTH_IN_NO_PRIMARY ||
			    in == HEALTH_IN_DISABLE)
				oks = 0;
			if (in == HEALTH_IN_OK || in == HEALTH_IN_NO_PRIMARY ||
			    in == HEALTH_IN_DISABLE)
				fails = 0;
			oks += in == HEALTH_IN_OK;
			fails += in == HEALTH_IN_FAIL;
			changed = health_feed(&h, in, now, &ch);
			assert_int_equal(changed,
			    h.state != from ||
				(changed && in == HEALTH_IN_DISABLE));
			if (in == HEALTH_IN_NEUTRAL)
				assert_memory_equal(&h, &before, sizeof(h));
			if (!changed)
				continue;
			assert_true(edge_allowed(from, h.state, in, c.fall));
			assert_int_equal(ch.from, from);
			assert_int_equal(ch.to, h.state);
			assert_int_equal(ch.at, now);
			assert_int_equal(ch.lasted, now - since);
			if (h.state == HEALTH_RECOVERING && in == HEALTH_IN_OK)
				assert_true(now - since >= c.hold_ns);
			if (in == HEALTH_IN_OK && h.state == HEALTH_RECOVERING)
				assert_true(oks >= c.rise);
			if (in == HEALTH_IN_OK && from == HEALTH_UNKNOWN)
				assert_true(oks >= c.rise);
			if (h.state == HEALTH_DOWN && in == HEALTH_IN_FAIL)
				assert_true(fails >= c.fall);
			since = now;
		}
		seed = mine;
	}
}

static void
gates(void **state)
{
	(void)state;
	assert_false(health_open(HEALTH_UNKNOWN));
	assert_true(health_open(HEALTH_UP));
	assert_true(health_open(HEALTH_SUSPECT));
	assert_false(health_open(HEALTH_DOWN));
	assert_true(health_open(HEALTH_RECOVERING));
	assert_true(health_open(HEALTH_DISABLED));
	assert_string_equal(health_state_name(HEALTH_RECOVERING), "recovering");
	assert_string_equal(health_state_name((enum health_state)77),
	    "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts),
		cmocka_unit_test(fall_of_one),
		cmocka_unit_test(random_inputs),
		cmocka_unit_test(gates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
