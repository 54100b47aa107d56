/* SPDX-License-Identifier: ISC
 * insist: retries by senders that were told to use the primary because it is
 * up (admission = "outage"). Their path to the primary may be broken while
 * ours is not, and their mail would be lost; so a pair of sender and recipient
 * that has been retried for long enough is admitted. Spammers, whom the refusal
 * is meant for, do not retry with the same sender, as in greylisting.
 *
 * A table of bounded size, in memory: what a crowd or a restart makes it
 * forget only begins to wait again. Loop thread. */
#ifndef MX_SMTPD_INSIST_H
#define MX_SMTPD_INSIST_H

#include <stdbool.h>
#include <stdint.h>

struct insist;

struct insist *insist_create(void);
void insist_destroy(struct insist **);

/* The recipient was refused, or would be: has this pair been coming for
 * `long_enough` (ns)? It is forgotten after two days without a retry. The
 * client counts for the null sender only: large sites come back from many
 * addresses, but everybody has a null sender. `now` is monotonic. */
bool insist_enough(struct insist *, const char *sender, const char *rcpt,
    uint64_t client_key, int64_t long_enough, int64_t now);

#endif
