/* SPDX-License-Identifier: ISC
 * verdict: may this server back up a domain that is not configured? The DNS has
 * to name us as a worse MX, and a better one has to be in the networks of the
 * operator, because any owner of a domain can name us. Pure. */
#ifndef MX_MXBACKUP_VERDICT_H
#define MX_MXBACKUP_VERDICT_H

#include "net/prefix.h"
#include "net/route.h"

enum backup_verdict {
	BACKUP_FITS,
	BACKUP_DNS, /* the resolver fails: not known */
	BACKUP_NO_MX, /* no such domain, no MX records, or the null MX */
	BACKUP_NOT_NAMED, /* its MX records do not name us */
	BACKUP_NOT_BETTER, /* no MX is better than ours */
	BACKUP_OUTSIDE, /* no better one has an address in the networks */
	BACKUP_VERDICT_MAX,
};

#define BACKUP_EVIDENCE_MAX 256

struct backup_finding {
	enum backup_verdict verdict;
	/* a sentence without its full stop */
	char evidence[BACKUP_EVIDENCE_MAX];
};

/* `route` is the one by the domain's MX records. A stale one is not accepted as
 * proof: BACKUP_DNS. */
void backup_judge(const struct route *, const char *domain,
    const struct prefix_list *networks, struct backup_finding *);

#endif
