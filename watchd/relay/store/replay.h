/* SPDX-License-Identifier: ISC
 * replay: the part of the start that reads the log: applies the records that
 * the database does not have, and cuts off a record that a crash left
 * unfinished at the end. Called by spool_open(), before there are other
 * threads. */
#ifndef MX_STORE_REPLAY_H
#define MX_STORE_REPLAY_H

#include "relay/store/spool.h"

/* On entry sp->applied is the position of the database; on return the end of
 * the log, in a file that does not exist yet. 0; -MX_ECORRUPT: acknowledged
 * records are missing; -MX_EFULL, -MX_ESYS; with a message. */
int replay(struct spool *sp, struct mx_errbuf *) MX_NODISCARD;

#endif
