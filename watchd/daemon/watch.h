/* SPDX-License-Identifier: ISC
 * watch: one watch per configured domain: its health machine, and what the
 * last round of probes said of each of its primaries. Rounds and delivery
 * outcomes come in, confirmed changes of state go out; what follows from a
 * change is wired in daemon.c. Loop thread. */
#ifndef MX_WATCH_H
#define MX_WATCH_H

#include "config/config.h"
#include "primary/health.h"
#include "probes/runner.h"
#include "relay/deliver/deliver.h"
#include "status/notice.h"
#include "status/snapshot.h"

struct watch_set;

/* A confirmed change. `cause` is what the last input said (peer text). */
struct watch_change {
	const char *domain;
	struct health_change health;
	const char *host; /* "" when no single primary is meant */
	const char *cause;
};

struct watch_ops {
	void (*change)(void *arg, const struct watch_change *);
	/* A primary's probe began to fail or to succeed. */
	void (*primary)(void *arg, const char *domain,
	    const struct snap_primary *);
	/* We seem to be the domain's best MX: said once until it is over. */
	void (*self_mx)(void *arg, const char *domain);
	void *arg;
};

struct watch_set *watch_create(const struct watch_ops *);
void watch_destroy(struct watch_set **);
/* Adds, keeps and drops watches. A new one starts unknown, or disabled. */
void watch_configure(struct watch_set *, const struct config *, int64_t now);

void watch_round(struct watch_set *, const struct probe_round *, int64_t now);
void watch_outcome(struct watch_set *, const char *domain,
    const struct deliver_outcome *, int64_t now);
/* The flush on recovery is through, or it was cut off and the domain has to
 * wait (`why` is peer text). */
void watch_flushed(struct watch_set *, const char *domain, int64_t now);
void watch_broken(struct watch_set *, const char *domain, const char *why,
    int64_t now);

/* HEALTH_UNKNOWN for a domain that is not watched. */
enum health_state watch_state(const struct watch_set *, const char *domain);
/* How many primaries the domain has in a snapshot, and their filling in. */
unsigned watch_primaries(const struct watch_set *, const char *domain);
void watch_snapshot(const struct watch_set *, const char *domain,
    struct snap_domain *, struct snap_primary *);

#endif
