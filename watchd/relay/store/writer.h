/* SPDX-License-Identifier: ISC
 * writer: the one thread that changes the spool. Started and stopped by
 * backend_spool; requests are struct store_req, answers go to the mailbox
 * `out`. */
#ifndef MX_STORE_WRITER_H
#define MX_STORE_WRITER_H

#include "base/mailbox.h"
#include "relay/store/spool.h"
#include "relay/store/store.h"

struct store_writer;

/* Borrows everything until writer_stop(). `reader` is told of removed segments.
 * *info: the state at the start. NULL: no thread. */
struct store_writer *writer_start(struct spool *, const struct store_conf *,
    struct mailbox *out, struct mailbox *reader, struct store_info *info);
void writer_post(struct store_writer *, struct mail_list *);
/* Completes the pending requests, then ends; the answers are in `out` by
 * then. */
void writer_stop(struct store_writer **);

#endif
