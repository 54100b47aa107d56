/* SPDX-License-Identifier: ISC
 * claim: which node shows a domain. Each node knows the owner with a short
 * delay, so a domain that changes its owner may be claimed by no node, or by
 * two; it has to be shown once in either case. The asked node's own part of a
 * gathered answer has a stub, {"domain": "NAME"}, for each domain that it does
 * not own, in the same order as all lines: the line of a claiming node goes
 * before the stub, and a stub without such a line is shown as a domain without
 * an owner. Loop thread. */
#ifndef MX_CONTROL_CLAIM_H
#define MX_CONTROL_CLAIM_H

#include "control/gather_end.h"

unsigned claim_us(const struct call *); /* this node's number; 0: none */
/* Does that node own the domain, as far as this one knows? */
bool claim_of(const struct call *, const char *domain, unsigned node);
/* Did another node take this one for the owner, which it is not? Then no node
 * owns the domain. */
bool claim_denied(const struct call *, const char *domain);
/* Marks a domain of the status document as unowned. */
void claim_none(cJSON *domain);

/* The line of our part for a domain that is not ours. */
cJSON *claim_stub(const char *domain);
bool claim_is_stub(const struct gather_source *);
/* Of the lines about the domain of the given source (the first in order), the
 * one to be shown; the others are consumed. */
struct gather_source *claim_choose(struct gather *, struct gather_source *);
/* Sends the domain of a stub as unowned, unless its owner did not answer, which
 * the last line says. Returns the bytes sent. */
size_t claim_none_sent(struct gather_source *);

#endif
