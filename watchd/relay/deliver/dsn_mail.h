/* SPDX-License-Identifier: ISC
 * dsn_mail: a notification (dsn.h) as a message: its text by the configuration,
 * and its envelope, from <> to the sender only. Loop thread. */
#ifndef MX_DELIVER_DSN_MAIL_H
#define MX_DELIVER_DSN_MAIL_H

#include "config/config.h"
#include "relay/deliver/dsn.h"
#include "relay/store/store.h"
#include "smtp/path.h"

#define DSN_MAIL_MAX (16u << 20) /* a whole notification, 10000 recipients */

/* `expiry_ms`: how long a delayed message is tried; 0: without end. `id` is the
 * notification's. */
int dsn_mail_write(const struct config *, const struct envelope *,
    enum dsn_action, int64_t expiry_ms, uint64_t id,
    const struct store_loaded *original, struct buf *out) MX_NODISCARD;
struct envelope *dsn_mail_envelope(const struct config *,
    const struct smtp_path *to, const struct buf *text);

#endif
