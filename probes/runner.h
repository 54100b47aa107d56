/* SPDX-License-Identifier: ISC
 * runner: probes each domain's primaries for ever: look up the route, one
 * probe per host, with jitter, a cap on how many run at once, and a shorter
 * pace while the domain is suspect or down. A group of probes of one domain
 * is a round. What a result means is not decided here. Loop thread. */
#ifndef MX_PROBES_RUNNER_H
#define MX_PROBES_RUNNER_H

#include "config/config.h"
#include "probes/probe.h"

struct runner;

/* All results of one round. `route` says which hosts; result[i] belongs to
 * route->host[i]. When the route itself failed nresults is 0 and `code` says
 * how (DNS_FAIL, NO_HOST, SELF). While the probe of a host is silent the round
 * stays open and is handed over once more for each interval of it, with a
 * time-out as that host's result (reach.h: slow is not down). */
struct probe_round {
	const char *domain;
	enum reach_code code; /* OK when at least one host is */
	const struct route *route;
	unsigned nresults;
	const struct probe_result *result;
};

struct runner_ops {
	void (*round)(void *arg, const struct probe_round *);
	void *arg;
};

/* `env` is copied; what it points to lives longer than the runner. */
struct runner *runner_create(const struct reach_env *env, struct dns *,
    const struct runner_ops *);
void runner_destroy(struct runner **);
/* Takes a reference; keeps the pace of domains that stay. `self` is borrowed
 * until the next call. */
void runner_configure(struct runner *, struct config *,
    const struct route_self *self);
/* The domain's pace: true probes at a third of the interval (>= 1 s). */
void runner_hurry(struct runner *, const char *domain, bool);
/* One round now; -MX_ENOENT. The answer comes through ops.round. */
int runner_now(struct runner *, const char *domain);
/* When the last round of any domain ended (loop time), for liveness. */
int64_t runner_last(const struct runner *);

#endif
