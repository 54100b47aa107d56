/* SPDX-License-Identifier: ISC
 * helper: a thread between two mailboxes. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/helper.h"

enum { MAIL_JOB, MAIL_STOP };

struct helper {
	pthread_t thread;
	struct mailbox *in, *out;
	struct loop_io *io;
	struct mail stop;
	atomic_bool ending; /* waiting jobs are not run any more */
};

static void *
helper_main(void *arg)
{
	struct helper *h = arg;
	struct helper_job *j;
	struct mail_list mails;
	struct mail *m;

	for (;;) {
		(void)mailbox_wait(h->in, &mails, -1);
		while ((m = STAILQ_FIRST(&mails)) != NULL) {
			STAILQ_REMOVE_HEAD(&mails, link);
			if (m->kind == MAIL_STOP)
				return NULL;
			j = (struct helper_job *)m;
			if (!atomic_load(&h->ending))
				j->run(j);
			mailbox_post(h->out, m);
		}
	}
}

static void
on_done(struct mail *m, void *arg MX_UNUSED)
{
	struct helper_job *j = (struct helper_job *)m;

	j->done(j);
}

static void
drop_job(struct mail *m)
{
	struct helper_job *j = (struct helper_job *)m;

	j->drop(j);
}

struct helper *
helper_create(struct loop *loop)
{
	struct helper *h = mem_alloc(sizeof(*h));

	h->in = mailbox_create();
	h->out = mailbox_create();
	h->io = loop_mailbox(loop, h->out, on_done, h);
	MX_ASSERT(thread_start(&h->thread, helper_main, h) == 0);
	return h;
}

void
helper_destroy(struct helper **hp)
{
	struct helper *h = *hp;

	if (h == NULL)
		return;
	atomic_store(&h->ending, true);
	h->stop.kind = MAIL_STOP;
	mailbox_post(h->in, &h->stop);
	pthread_join(h->thread, NULL);
	loop_io_destroy(&h->io);
	mailbox_destroy(&h->in, NULL); /* its last mail was ours */
	mailbox_destroy(&h->out, drop_job);
	mem_free(hp);
}

void
helper_do(struct helper *h, struct helper_job *j)
{
	j->mail.kind = MAIL_JOB;
	mailbox_post(h->in, &j->mail);
}
