/* SPDX-License-Identifier: ISC
 * claim: which node shows a domain. Each has its own idea of the owner, a moment old,
 * so a domain that changes hands may be claimed by nobody, or by two; whoever asks
 * is shown it once in either case. In a gathered answer the node that was asked says
 * of each domain that is not its own a stub, {"domain": "NAME"}, in the order in which
 * all say theirs: the line of whoever claims it goes before the stub, and a stub that
 * is left becomes a domain without an owner. Loop thread. */
#ifndef MX_CONTROL_CLAIM_H
#define MX_CONTROL_CLAIM_H

#include "control/gather_end.h"

unsigned claim_us(const struct call *); /* our number; 0: we have none */
/* Is it that node's, as far as we know? */
bool claim_of(const struct call *, const char *domain, unsigned node);
/* Another node took us for the owner, and we are not: nobody is. */
bool claim_denied(const struct call *, const char *domain);
/* A domain of the status document is shown as nobody's. */
void claim_none(cJSON *domain);

/* A line of our part for a domain that is not ours. */
cJSON *claim_stub(const char *domain);
bool claim_is_stub(const struct gather_source *);
/* Of the lines about the same domain as that of the source, the first by its order,
 * the one that is shown; the others are taken. */
struct gather_source *claim_choose(struct gather *, struct gather_source *);
/* A stub is left: the domain is sent as nobody's, unless that is because its owner
 * did not answer, which is named in the end. The bytes sent. */
size_t claim_none_sent(struct gather_source *);

#endif
