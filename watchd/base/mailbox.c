/* SPDX-License-Identifier: ISC
 * mailbox: messages from any thread to one. A list under a mutex and an
 * eventfd, which is written when the list becomes non-empty and read before the
 * list is taken, so that a busy mailbox costs no system call a message. It is
 * written after the mutex was released, so that the woken thread does not find
 * it locked. So it may once be readable with an empty list, but is never silent
 * with a filled one. */
#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mem.h"

struct mailbox {
	pthread_mutex_t lock;
	struct mail_list list;
	int fd;
};

struct mailbox *
mailbox_try_create(void)
{
	struct mailbox *mb;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return NULL;
	mb = mem_alloc(sizeof(*mb));
	MX_ASSERT(pthread_mutex_init(&mb->lock, NULL) == 0);
	STAILQ_INIT(&mb->list);
	mb->fd = fd;
	return mb;
}

struct mailbox *
mailbox_create(void)
{
	struct mailbox *mb = mailbox_try_create();

	MX_ASSERT(mb != NULL);
	return mb;
}

void
mailbox_destroy(struct mailbox **mbp, void (*drop)(struct mail *))
{
	struct mailbox *mb = *mbp;
	struct mail *m;

	if (mb == NULL)
		return;
	while ((m = STAILQ_FIRST(&mb->list)) != NULL) {
		MX_ASSERT(drop != NULL);
		STAILQ_REMOVE_HEAD(&mb->list, link);
		drop(m);
	}
	close(mb->fd);
	pthread_mutex_destroy(&mb->lock);
	mem_free(mbp);
}

/* The counter is far from the value at which a write blocks. */
static void
mailbox_signal(struct mailbox *mb)
{
	uint64_t one = 1;

	MX_ASSERT(write(mb->fd, &one, sizeof(one)) == sizeof(one));
}

static void
mailbox_quiet(struct mailbox *mb)
{
	uint64_t count;

	MX_ASSERT(read(mb->fd, &count, sizeof(count)) == sizeof(count) ||
	    errno == EAGAIN);
}

void
mailbox_post_list(struct mailbox *mb, struct mail_list *list)
{
	bool was_empty;

	if (STAILQ_EMPTY(list))
		return;
	pthread_mutex_lock(&mb->lock);
	was_empty = STAILQ_EMPTY(&mb->list);
	STAILQ_CONCAT(&mb->list, list);
	pthread_mutex_unlock(&mb->lock);
	if (was_empty)
		mailbox_signal(mb);
}

void
mailbox_post(struct mailbox *mb, struct mail *m)
{
	struct mail_list one = STAILQ_HEAD_INITIALIZER(one);

	STAILQ_INSERT_TAIL(&one, m, link);
	mailbox_post_list(mb, &one);
}

bool
mailbox_take(struct mailbox *mb, struct mail_list *out)
{
	STAILQ_INIT(out);
	mailbox_quiet(mb); /* first: later mail signals again */
	pthread_mutex_lock(&mb->lock);
	STAILQ_CONCAT(out, &mb->list);
	pthread_mutex_unlock(&mb->lock);
	return !STAILQ_EMPTY(out);
}

bool
mailbox_wait(struct mailbox *mb, struct mail_list *out, int timeout_ms)
{
	struct pollfd pfd = { .fd = mb->fd, .events = POLLIN };
	int64_t end = clock_now() + timeout_ms * CLOCK_MS, left;
	int wait = timeout_ms, n;

	STAILQ_INIT(out);
	for (;;) {
		n = poll(&pfd, 1, wait);
		MX_ASSERT(n >= 0 || errno == EINTR);
		if (n > 0 && mailbox_take(mb, out))
			return true;
		if (timeout_ms < 0)
			continue;
		/* rounded up: never spin through the last millisecond */
		left = (end - clock_now() + CLOCK_MS - 1) / CLOCK_MS;
		if (left <= 0)
			return false;
		wait = (int)left;
	}
}

int
mailbox_fd(struct mailbox *mb)
{
	return mb->fd;
}
