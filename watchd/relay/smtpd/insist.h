/* SPDX-License-Identifier: ISC
 * insist: who was told to use the primary, for it is up (admission =
 * "outage"), and came back with the same message all the same. The way from
 * there to the primary may be broken while ours is not; such mail would be
 * lost for good, so who insists for long enough is believed. Spammers, whom
 * the refusal is meant for, do not come back with the same sender.
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
 * `long_enough` (ns)? It is forgotten after two days without a word. The
 * client counts for the null sender only: large sites come back from many
 * addresses, but everybody has a null sender. `now` is monotonic. */
bool insist_enough(struct insist *, const char *sender, const char *rcpt,
    uint64_t client_key, int64_t long_enough, int64_t now);

#endif
