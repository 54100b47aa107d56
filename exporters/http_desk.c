/* SPDX-License-Identifier: ISC
 * http_desk: a list of the suspended requests, under a lock. Questions go to
 * the loop through a mailbox, as copies, since the connections belong to the
 * server's threads. */
#include <pthread.h>
#include <string.h>

#include <sys/queue.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/http_desk_int.h"

#define LOOK_MS 1000 /* between looks for requests that have timed out */

struct http_asker {
	LIST_ENTRY(http_asker) link;
	uint64_t number;
	const struct http *server;
	struct MHD_Connection *connection; /* NULL: resumed */
	int64_t since; /* monotonic */
	unsigned status;
	char *text; /* the answer */
};

struct question_mail {
	struct mail mail;
	struct http_question question;
};

struct http_desk {
	pthread_mutex_t lock;
	LIST_HEAD(, http_asker) askers; /* answered ones, too */
	unsigned waiting; /* unanswered ones */
	uint64_t last;
	const struct http *closed; /* the server that is being stopped */
	/* loop thread only: */
	struct mailbox *mailbox;
	struct loop_io *io;
	struct loop_timer *look;
	void (*ask)(void *arg, const struct http_question *);
	void *arg;
};

/* Resumes the request with an answer; takes over the text. Called with the lock
 * held. */
static void
answer(struct http_desk *k, struct http_asker *a, unsigned status, char *text)
{
	a->status = status;
	a->text = text;
	MHD_resume_connection(a->connection);
	a->connection = NULL;
	k->waiting--;
}

/* ---- server threads */

struct http_asker *
http_desk_ask(struct http_desk *k, const struct http *server,
    struct MHD_Connection *c, const struct http_question *q)
{
	struct http_asker *a = NULL;
	struct question_mail *m;

	if (k == NULL)
		return NULL;
	pthread_mutex_lock(&k->lock);
	if (k->waiting < HTTP_DESK_MAX && k->closed != server) {
		a = mem_alloc(sizeof(*a));
		a->number = ++k->last;
		a->server = server;
		a->connection = c;
		a->since = clock_now();
		LIST_INSERT_HEAD(&k->askers, a, link);
		k->waiting++;
		MHD_suspend_connection(c);
		m = mem_alloc(sizeof(*m));
		m->question = *q;
		m->question.number = a->number;
		mailbox_post(k->mailbox, &m->mail);
	}
	pthread_mutex_unlock(&k->lock);
	return a;
}

char *
http_desk_take(struct http_desk *k, struct http_asker **ap, unsigned *status)
{
	struct http_asker *a = *ap;
	char *text;

	pthread_mutex_lock(&k->lock);
	text = a->text;
	*status = a->status;
	if (text != NULL)
		LIST_REMOVE(a, link);
	pthread_mutex_unlock(&k->lock);
	if (text != NULL)
		mem_free(ap);
	return text;
}

void
http_desk_forget(struct http_desk *k, struct http_asker **ap)
{
	struct http_asker *a = *ap;

	if (a == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	LIST_REMOVE(a, link);
	k->waiting -= a->connection != NULL;
	pthread_mutex_unlock(&k->lock);
	mem_free(&a->text);
	mem_free(ap);
}

/* ---- loop */

void
http_desk_answer(struct http_desk *k, uint64_t number, unsigned status,
    char *text)
{
	struct http_asker *a;

	pthread_mutex_lock(&k->lock);
	LIST_FOREACH (a, &k->askers, link)
		if (a->number == number && a->connection != NULL)
			break;
	if (a != NULL)
		answer(k, a, status, text);
	else
		mem_free(&text);
	pthread_mutex_unlock(&k->lock);
}

void
http_desk_close(struct http_desk *k, const struct http *server)
{
	struct http_asker *a;

	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->closed = server;
	LIST_FOREACH (a, &k->askers, link)
		if (a->server == server && a->connection != NULL)
			answer(k, a, MHD_HTTP_SERVICE_UNAVAILABLE,
			    mem_strdup("the server is shutting down\n"));
	pthread_mutex_unlock(&k->lock);
}

void
http_desk_closed(struct http_desk *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->closed = NULL; /* another server may get the same address */
	pthread_mutex_unlock(&k->lock);
}

static void
on_look(void *arg)
{
	struct http_desk *k = arg;
	int64_t since = clock_now() - HTTP_DESK_MS * CLOCK_MS;
	struct http_asker *a;
	bool any;

	pthread_mutex_lock(&k->lock);
	LIST_FOREACH (a, &k->askers, link)
		if (a->connection != NULL && a->since < since)
			answer(k, a, MHD_HTTP_SERVICE_UNAVAILABLE,
			    mem_strdup("no answer in time: the disk or another "
				       "node is slow; try again\n"));
	any = k->waiting > 0;
	pthread_mutex_unlock(&k->lock);
	if (any)
		loop_timer_set(k->look, LOOK_MS);
}

static void
on_question(struct mail *mail, void *arg)
{
	struct question_mail *m = (struct question_mail *)mail;
	struct http_desk *k = arg;

	if (!loop_timer_pending(k->look))
		loop_timer_set(k->look, LOOK_MS);
	k->ask(k->arg, &m->question);
	mem_free(&m);
}

static void
drop(struct mail *mail)
{
	mem_free(&mail);
}

struct http_desk *
http_desk_create(struct loop *loop,
    void (*ask)(void *arg, const struct http_question *), void *arg)
{
	struct http_desk *k = mem_alloc(sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	LIST_INIT(&k->askers);
	k->mailbox = mailbox_create();
	k->io = loop_mailbox(loop, k->mailbox, on_question, k);
	k->look = loop_timer_create(loop, on_look, k);
	k->ask = ask;
	k->arg = arg;
	return k;
}

void
http_desk_destroy(struct http_desk **kp)
{
	struct http_desk *k = *kp;

	if (k == NULL)
		return;
	MX_ASSERT(LIST_EMPTY(&k->askers));
	loop_io_destroy(&k->io);
	loop_timer_destroy(&k->look);
	mailbox_destroy(&k->mailbox, drop);
	pthread_mutex_destroy(&k->lock);
	mem_free(kp);
}
