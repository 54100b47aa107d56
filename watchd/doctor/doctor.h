/* SPDX-License-Identifier: ISC
 * doctor: problems with a domain's DNS records, its primaries and this host, as
 * other hosts see them, and their remedies. status/doctor.def lists the checks;
 * each check asks (the DNS, the primary as a probe does, a web server), judges,
 * and makes findings of a sentence, a severity and a remedy.
 *
 *	on request, or once an interval: all
 *	  -> the subjects, "" (this host) first, then each domain of the
 *	     configuration: at most doctor { concurrency } at once, each for at
 *	     most doctor { timeout }
 *	     -> its checks, in parallel -> findings (records.h)
 *
 * Findings have no effect on the health of a primary. Domains of mx_backup and
 * removed ones are not checked; in a cluster each node checks itself and the
 * domains that it owns. Loop thread; nothing blocks. */
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

/* The modules it uses; borrowed. */
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
	/* Our names and addresses, for routes. */
	const struct route_self *(*self)(void *arg);
	/* Does this node have the domain's mail? */
	bool (*ours)(void *arg, const char *domain);
	/* The number of recipients in the domain's list that its primary
	 * refuses; one of them is stored into dst. */
	unsigned (*refused)(void *arg, const char *domain, char *dst, size_t);
	void *arg;
};

struct doctor *
doctor_create(const struct doctor_env *, const struct doctor_ops *);
/* Drops running checks. Before the modules it uses, but after the helper, which
 * may have its jobs. */
void doctor_destroy(struct doctor **);
/* Takes a reference. Running checks keep the previous one. */
void doctor_configure(struct doctor *, struct config *);

/* Starts a check of this host and the domain, or, with NULL, of all, unless it
 * is running. Its records have sequence numbers above *seq. -MX_ENOENT: no such
 * domain in the configuration; -MX_EBUSY: too many wait. */
int doctor_ask(struct doctor *, const char *domain, uint64_t *seq);
/* Is the subject ("": this host) waiting or being checked? NULL: is a check of
 * all running? */
bool doctor_is_busy(const struct doctor *, const char *domain);
/* When the last check of all ended, wall seconds; 0: never. */
int64_t doctor_ended(const struct doctor *);
const struct doctor_records *doctor_findings(const struct doctor *);
/* For a file of the findings (records_file.h): a copy, or NULL when they are
 * those of the last copy, unless `always`; and what it has for a start, of this
 * host and of domains of the configuration. findings_read() has the errors. */
struct findings_copy *doctor_copy(struct doctor *, bool always);
int doctor_read(struct doctor *, const char *path) MX_NODISCARD;

void doctor_show(struct doctor *, struct snapshot *);

#endif
