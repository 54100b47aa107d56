/* SPDX-License-Identifier: ISC
 * mailbox: passes messages from any thread to one receiving thread, in order.
 * The receiver either sleeps in mailbox_wait() (a worker) or watches
 * mailbox_fd() (the loop; see loop_mailbox() in net/loop.h). The mailbox owns a
 * message from post to take, afterwards the receiver does. */
#ifndef MX_BASE_MAILBOX_H
#define MX_BASE_MAILBOX_H

#include <sys/queue.h>

#include "base/defs.h"

struct mailbox;

/* To be embedded as the first member of a message. */
struct mail {
	STAILQ_ENTRY(mail) link;
	int kind; /* defined by the receiver */
};
STAILQ_HEAD(mail_list, mail);

struct mailbox *mailbox_create(void); /* for the start: aborts on failure */
struct mailbox *mailbox_try_create(void); /* NULL: no descriptor left */
/* To be called when no thread can post any more: they were joined, or are
 * excluded by a lock. Remaining mail is passed to `drop` (may be NULL when
 * there is none). */
void mailbox_destroy(struct mailbox **, void (*drop)(struct mail *));

void mailbox_post(struct mailbox *, struct mail *); /* any thread */
/* Posts a whole list with one wake-up; *list is empty afterwards. */
void mailbox_post_list(struct mailbox *, struct mail_list *list);

/* Receiver: moves all waiting mail to *out (initialised by the call); true if
 * there was any. Never blocks. */
bool mailbox_take(struct mailbox *, struct mail_list *out);
/* Receiver: the same, but sleeps until there is mail; timeout_ms < 0 waits for
 * ever; false on timeout. */
bool mailbox_wait(struct mailbox *, struct mail_list *out, int timeout_ms);
int mailbox_fd(struct mailbox *); /* readable when there is mail */

#endif
