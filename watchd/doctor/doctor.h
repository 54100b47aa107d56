/* SPDX-License-Identifier: ISC
 * doctor: what an operator should know about his DNS, his primaries and
 * themselves as others see them, and what to do about it. What is checked is
 * status/doctor.def; each check asks (the DNS, the primary as a probe does, a
 * web server), judges, and says a sentence, how bad it is, and a remedy.
 *
 *	ask, or once an interval: all
 *	  -> the subjects, "" (this host) first, then each domain of the
 *	     configuration: at most doctor { concurrency } at once, each for at
 *	     most doctor { timeout }
 *	     -> its checks, beside each other -> findings (records.h)
 *
 * Nothing here counts for the health of anybody. Domains that mx_backup took
 * in, and those that left, are not checked; in a cluster each node checks
 * itself and the domains whose mail it has. Loop thread; nothing blocks. */
#ifndef MX_DOCTOR_DOCTOR_H
#define MX_DOCTOR_DOCTOR_H

#include "config/config.h"
#include "doctor/records.h"
#include "net/dns.h"
#include "net/route.h"
#include "primary/place.h"
#include "primary/reach.h"
#include "primary/watch.h"

struct doctor;
struct fetcher;
struct helper;
struct schedule;

/* What it works with; borrowed. */
struct doctor_env {
	struct loop *loop;
	struct dns *dns;
	struct helper *helper;
	struct fetcher *fetcher;
	struct watch_set *watches;
	const struct schedule *schedule;
	struct reach_env reach;
	struct place_ops places;
};

struct doctor_ops {
	/* Who we are, as look-ups take it. */
	const struct route_self *(*self)(void *arg);
	/* Is its mail at this node? */
	bool (*ours)(void *arg, const char *domain);
	/* How many addresses of the domain's list its primary refuses; one of
	 * them into dst. */
	unsigned (*refused)(void *arg, const char *domain, char *dst, size_t);
	void *arg;
};

struct doctor *
doctor_create(const struct doctor_env *, const struct doctor_ops *);
/* What is under way is dropped. Before what it works with, but after the helper,
 * whose jobs it may have. */
void doctor_destroy(struct doctor **);
/* Takes a reference. What is under way goes on by the one before. */
void doctor_configure(struct doctor *, struct config *);

/* Checks now: this host and that domain, or, with NULL, all. What of it goes on
 * already is not begun again. The records behind *seq are what comes of it.
 * -MX_ENOENT: no such domain in the configuration; -MX_EBUSY: too many wait. */
int doctor_ask(struct doctor *, const char *domain, uint64_t *seq);
/* Whether that domain ("": this host; NULL: all) waits or is being checked. */
bool doctor_is_busy(const struct doctor *, const char *domain);
/* Wall seconds at which all was checked last; 0: not yet. */
int64_t doctor_ended(const struct doctor *);
const struct doctor_records *doctor_findings(const struct doctor *);

void doctor_show(struct doctor *, struct snapshot *);

#endif
