/* SPDX-License-Identifier: ISC
 * insist: retries by senders that were told to use the primary because it is up
 * (admission = "outage"). Their path to the primary may be broken while ours is
 * not, and their mail would be lost; so a pair of sender and recipient that has
 * been retried for long enough is admitted. Spammers, at whom the refusal aims,
 * do not retry with the same sender, as in greylisting.
 *
 * A table of bounded size, in memory: a pair evicted by a crowd or lost by a
 * restart only has to start again. Loop thread. */
#ifndef MX_SMTPD_INSIST_H
#define MX_SMTPD_INSIST_H

#include <stdbool.h>
#include <stdint.h>

struct insist;

struct insist *insist_create(void);
void insist_destroy(struct insist **);

/* Records a refusal, or a check of one: has this pair been retried for
 * `long_enough` (ns)? A pair is forgotten after two days without a retry. The
 * client is part of the key for the null sender only: large sites retry from
 * many addresses, but all senders share the null sender. `now` is monotonic. */
bool insist_enough(struct insist *, const char *sender, const char *rcpt,
    uint64_t client_key, int64_t long_enough, int64_t now);

#endif
