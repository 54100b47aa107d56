/* SPDX-License-Identifier: ISC
 * reader: the thread that reads from the spool. Started and stopped by
 * backend_spool; requests are struct store_get, and come back answered. */
#ifndef MX_STORE_READER_H
#define MX_STORE_READER_H

#include "base/mailbox.h"
#include "relay/store/spool.h"

struct store_reader;

struct store_reader *
reader_start(struct spool *, struct mailbox *out); /* or NULL */
struct mailbox *reader_mailbox(struct store_reader *);
void reader_stop(struct store_reader **); /* answers pending requests first */

/* The work of store_state_some(), on the thread of the caller. */
bool reader_states(struct spool *, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg);

#endif
