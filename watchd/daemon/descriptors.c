/* SPDX-License-Identifier: ISC
 * descriptors: see descriptors.h. A session needs two descriptors: its
 * connection, and the segment file of a large body. */
#include "daemon/descriptors.h"

#include <sys/resource.h>

#include <inttypes.h>

#include "base/log.h"

#define OURS	132u /* listeners, spool, threads, libraries */
#define SESSION 2u
/* If the limit is too low, sessions and deliveries still get this fraction of
 * it each: without mail the other users of descriptors are of no use. */
#define PART_LEAST 8u

void
descriptors_raise(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	/* on failure the present limit applies, and is read below */
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

/* The number of items that fit in `room`, but at least the least part, and at
 * most `wanted`. */
static unsigned
part(uint64_t room, uint64_t allowed, uint64_t each, unsigned wanted)
{
	uint64_t n = room / each, least = allowed / PART_LEAST / each + 1;

	if (n < least)
		n = least;
	return n < wanted ? (unsigned)n : wanted;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void
descriptors_share(const struct config *conf, struct descriptor_shares *s)
{
	uint64_t first = (uint64_t)conf->probe_concurrency +
	    conf->web.max_connections + conf->control_clients + OURS;
	uint64_t others = first + conf->deliver_connections;
	struct rlimit rl;

	s->need = others + (uint64_t)conf->smtpd.max_sessions * SESSION;
	s->allowed = s->need;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		s->allowed = rl.rlim_cur;
	s->sessions = part(less(s->allowed, others), s->allowed, SESSION,
	    conf->smtpd.max_sessions);
	s->deliveries =
	    part(less(s->allowed, first + (uint64_t)s->sessions * SESSION),
		s->allowed, 1, conf->deliver_connections);
}

bool
descriptors_suffice(const struct config *conf,
    const struct descriptor_shares *s)
{
	return s->sessions == conf->smtpd.max_sessions &&
	    s->deliveries == conf->deliver_connections;
}

void
descriptors_share_log(const struct config *conf, struct descriptor_shares *s)
{
	descriptors_share(conf, s);
	if (!descriptors_suffice(conf, s))
		log_warn("daemon",
		    "descriptors=%" PRIu64 " wanted=%" PRIu64
		    " sessions=%u max_sessions=%u deliveries=%u "
		    "deliver_connections=%u do=\"raise the limit "
		    "(LimitNOFILE), or lower max_sessions\"",
		    s->allowed, s->need, s->sessions, conf->smtpd.max_sessions,
		    s->deliveries, conf->deliver_connections);
}
