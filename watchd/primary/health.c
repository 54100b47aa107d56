/* SPDX-License-Identifier: ISC
 * health: see health.h. Nothing here can fail, reads a clock or logs, so that a
 * test can run through the whole machine.
 *
 * A streak is a run of equal verdicts that contradict the state. A verdict that
 * agrees with the state ends it; a neutral one leaves it alone. */
#include "primary/health.h"

#define EDGE(state) (1u << (state))

/* The diagram of health.h: the successors of each state. */
static const unsigned edges[HEALTH_STATE_MAX] = {
	[HEALTH_UNKNOWN] = EDGE(HEALTH_UP) | EDGE(HEALTH_SUSPECT) |
	    EDGE(HEALTH_DOWN) | EDGE(HEALTH_DISABLED),
	[HEALTH_UP] = EDGE(HEALTH_SUSPECT) | EDGE(HEALTH_DOWN) |
	    EDGE(HEALTH_DISABLED) | EDGE(HEALTH_UNKNOWN),
	[HEALTH_SUSPECT] = EDGE(HEALTH_UP) | EDGE(HEALTH_DOWN) |
	    EDGE(HEALTH_DISABLED) | EDGE(HEALTH_UNKNOWN),
	[HEALTH_DOWN] = EDGE(HEALTH_RECOVERING) | EDGE(HEALTH_UP) |
	    EDGE(HEALTH_DISABLED) | EDGE(HEALTH_UNKNOWN),
	[HEALTH_RECOVERING] = EDGE(HEALTH_UP) | EDGE(HEALTH_DOWN) |
	    EDGE(HEALTH_DISABLED) | EDGE(HEALTH_UNKNOWN),
	[HEALTH_DISABLED] = EDGE(HEALTH_UNKNOWN),
};

void
health_init(struct health *h, const struct health_conf *conf, int64_t now)
{
	*h = (struct health){
		.conf = *conf,
		.state = HEALTH_UNKNOWN,
		.since = now,
	};
}

/* The streak is judged by the new numbers at the next input; the state does not
 * change here. */
void
health_conf_set(struct health *h, const struct health_conf *conf)
{
	h->conf = *conf;
}

static bool
health_go(struct health *h, enum health_state to, int64_t now,
    struct health_change *out)
{
	MX_ASSERT(edges[h->state] & EDGE(to));
	*out = (struct health_change){
		.from = h->state,
		.to = to,
		.at = now,
		.lasted = now - h->since,
	};
	h->state = to;
	h->since = now;
	h->streak = 0;
	return true;
}

/* Adds one verdict against the state: true when `want` of them came in a
 * row. */
static bool
streak_add(struct health *h, bool ok, unsigned want)
{
	if (h->streak_ok != ok)
		h->streak = 0;
	h->streak_ok = ok;
	if (h->streak < UINT16_MAX)
		h->streak++;
	return h->streak >= want;
}

static bool
feed_ok(struct health *h, int64_t now, struct health_change *out)
{
	switch (h->state) {
	case HEALTH_UNKNOWN:
		if (streak_add(h, true, h->conf.rise))
			return health_go(h, HEALTH_UP, now, out);
		return false;
	case HEALTH_SUSPECT:
		return health_go(h, HEALTH_UP, now, out);
	case HEALTH_DOWN:
		/* A streak that is long enough before the hold is over waits
		 * for the first success after it. */
		if (streak_add(h, true, h->conf.rise) &&
		    now - h->since >= h->conf.hold_ns)
			return health_go(h, HEALTH_RECOVERING, now, out);
		return false;
	default:
		h->streak = 0;
		return false;
	}
}

static bool
feed_fail(struct health *h, int64_t now, struct health_change *out)
{
	switch (h->state) {
	case HEALTH_UNKNOWN:
	case HEALTH_SUSPECT:
	case HEALTH_RECOVERING:
		if (streak_add(h, false, h->conf.fall))
			return health_go(h, HEALTH_DOWN, now, out);
		return false;
	case HEALTH_UP:
		if (h->conf.fall <= 1)
			return health_go(h, HEALTH_DOWN, now, out);
		health_go(h, HEALTH_SUSPECT, now, out);
		/* The failure that makes it suspect is the first of `fall`: an
		 * operator who asks for three failures means three, not
		 * four. */
		streak_add(h, false, h->conf.fall);
		return true;
	default:
		h->streak = 0;
		return false;
	}
}

static bool
feed_down(struct health *h, int64_t now, struct health_change *out)
{
	if (h->state == HEALTH_DOWN) {
		h->streak = 0;
		return false;
	}
	return health_go(h, HEALTH_DOWN, now, out);
}

static bool
feed_no_primary(struct health *h, int64_t now, struct health_change *out)
{
	h->streak = 0;
	return h->state != HEALTH_UNKNOWN &&
	    health_go(h, HEALTH_UNKNOWN, now, out);
}

/* A recovery under way is completed by its flush only. */
static bool
feed_up(struct health *h, bool waits, int64_t now, struct health_change *out)
{
	switch (h->state) {
	case HEALTH_UNKNOWN:
	case HEALTH_SUSPECT:
		return health_go(h, HEALTH_UP, now, out);
	case HEALTH_DOWN:
		return health_go(h, waits ? HEALTH_RECOVERING : HEALTH_UP, now,
		    out);
	default:
		return false;
	}
}

static bool
feed_suspect(struct health *h, int64_t now, struct health_change *out)
{
	if (h->state != HEALTH_UNKNOWN && h->state != HEALTH_UP)
		return false;
	return health_go(h, HEALTH_SUSPECT, now, out);
}

bool
health_feed(struct health *h, enum health_input in, int64_t now,
    struct health_change *out)
{
	if (in == HEALTH_IN_ENABLE)
		return h->state == HEALTH_DISABLED &&
		    health_go(h, HEALTH_UNKNOWN, now, out);
	if (h->state == HEALTH_DISABLED)
		return false;
	switch (in) {
	case HEALTH_IN_OK:
		return feed_ok(h, now, out);
	case HEALTH_IN_FAIL:
		return feed_fail(h, now, out);
	case HEALTH_IN_BROKEN:
	case HEALTH_IN_IS_DOWN:
		return feed_down(h, now, out);
	case HEALTH_IN_FLUSHED:
		return h->state == HEALTH_RECOVERING &&
		    health_go(h, HEALTH_UP, now, out);
	case HEALTH_IN_NO_PRIMARY:
		return feed_no_primary(h, now, out);
	case HEALTH_IN_DISABLE:
		return health_go(h, HEALTH_DISABLED, now, out);
	case HEALTH_IN_IS_UP:
	case HEALTH_IN_IS_BACK:
		return feed_up(h, in == HEALTH_IN_IS_BACK, now, out);
	case HEALTH_IN_IS_SUSPECT:
		return feed_suspect(h, now, out);
	case HEALTH_IN_NEUTRAL:
	case HEALTH_IN_ENABLE:
	case HEALTH_IN_MAX:
		break;
	}
	return false;
}

/* Closed until the first verdict: after a restart the state of the primary is
 * not known. With the probe disabled delivery itself is the only test. */
bool
health_open(enum health_state state)
{
	return state == HEALTH_UP || state == HEALTH_SUSPECT ||
	    state == HEALTH_RECOVERING || state == HEALTH_DISABLED;
}
