/* SPDX-License-Identifier: ISC
 * reader: the thread that fetches. Made and ended by store_open() and
 * store_close(); requests are struct store_get, and come back answered. */
#ifndef MX_STORE_READER_H
#define MX_STORE_READER_H

#include "base/mailbox.h"
#include "relay/store/spool.h"

struct store_reader;

struct store_reader *
reader_start(struct spool *, struct mailbox *out); /* or NULL */
struct mailbox *reader_mailbox(struct store_reader *);
void reader_stop(struct store_reader **); /* answers what was posted first */

#endif
