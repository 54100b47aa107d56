/* SPDX-License-Identifier: ISC
 * replay: what a start does with the log: the records that the database did not
 * come to are applied, and what a crash left half-written at the end is cut
 * off. Called by spool_open(), on the only thread there is. */
#ifndef MX_STORE_REPLAY_H
#define MX_STORE_REPLAY_H

#include "relay/store/spool.h"

/* sp->applied is where the database has got to; then it is the end of the log,
 * in a file that is not there yet. 0; -MX_ECORRUPT: records are missing that
 * were promised; -MX_EFULL, -MX_ESYS; with the sentence. */
int replay(struct spool *sp, struct mx_errbuf *) MX_NODISCARD;

#endif
