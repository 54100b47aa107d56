/* SPDX-License-Identifier: ISC
 * mailbox: hands messages from any thread to one receiving thread, in order.
 * The receiver either sleeps in mailbox_wait() (a worker) or watches
 * mailbox_fd() (the loop; see loop_mailbox() in net/loop.h).
 * A message belongs to the mailbox from post to take, to its taker after. */
#ifndef MX_BASE_MAILBOX_H
#define MX_BASE_MAILBOX_H

#include <sys/queue.h>

#include "base/defs.h"

struct mailbox;

/* Embed as the first member of whatever is sent. */
struct mail {
	STAILQ_ENTRY(mail) link;
	int kind; /* the receiver's business */
};
STAILQ_HEAD(mail_list, mail);

struct mailbox *mailbox_create(void); /* for the start: aborts */
struct mailbox *mailbox_try_create(void); /* NULL: no descriptor is left */
/* When no thread posts any more: they were joined, or are kept out by a lock.
 * Mail that is still in it is handed to `drop` (NULL is allowed when there is
 * none). */
void mailbox_destroy(struct mailbox **, void (*drop)(struct mail *));

void mailbox_post(struct mailbox *, struct mail *); /* any thread */
/* Posts a whole list with one wake-up; *list is empty afterwards. */
void mailbox_post_list(struct mailbox *, struct mail_list *list);

/* Receiver: moves all that waits to *out (initialised by the call); true when
 * there was any. Never blocks. */
bool mailbox_take(struct mailbox *, struct mail_list *out);
/* Receiver: the same, but sleeps until there is something; timeout_ms < 0
 * waits for ever; false on timeout. */
bool mailbox_wait(struct mailbox *, struct mail_list *out, int timeout_ms);
int mailbox_fd(struct mailbox *); /* readable when there is something to take */

#endif
