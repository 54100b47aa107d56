/* SPDX-License-Identifier: ISC
 * fetch: see fetch.h. An order goes to the thread by its mailbox; its answer
 * goes to that of the client, if that still exists, which is the only thing
 * checked under a lock. A client is reference counted by its owner and its
 * orders. */
#include "fetch/fetch.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "fetch/transport.h"

#define POLL_MS 1000

enum { ORDER_SEND, ORDER_STOP };

struct fetcher {
	pthread_t thread;
	struct mailbox *orders;
	struct transport *transport; /* thread only */
	bool stopping; /* thread only */
};

struct fetch_client {
	struct fetcher *fetch;
	int kind;
	pthread_mutex_t lock; /* guards what follows */
	struct mailbox *box; /* NULL: destroyed */
	unsigned refs;
};

struct fetch_order {
	struct mail mail; /* first */
	struct fetch_client *client;
	struct message m;
	struct carry c;
	/* the client's, like the next one: ours refer to the order */
	uint64_t token;
	void *arg;
	void (*drop)(void *arg);
};

static void
client_unref(struct fetch_client *cl)
{
	unsigned refs;

	pthread_mutex_lock(&cl->lock);
	refs = --cl->refs;
	pthread_mutex_unlock(&cl->lock);
	if (refs > 0)
		return;
	pthread_mutex_destroy(&cl->lock);
	mem_free(&cl);
}

static bool
client_is_gone(struct fetch_client *cl)
{
	bool gone;

	pthread_mutex_lock(&cl->lock);
	gone = cl->box == NULL;
	pthread_mutex_unlock(&cl->lock);
	return gone;
}

void
fetch_answer_free(struct fetch_answer **ap)
{
	mem_free(ap);
}

void
fetch_answer_drop(struct fetch_answer **ap)
{
	if ((*ap)->drop != NULL)
		(*ap)->drop((*ap)->arg);
	mem_free(ap);
}

/* Ends the order; without a result no answer is sent. */
static void
order_end(struct fetch_order *o, const struct send_result *r)
{
	struct fetch_client *cl = o->client;
	struct fetch_answer *a = mem_alloc(sizeof(*a));

	a->mail.kind = cl->kind;
	a->token = o->token;
	a->arg = o->arg;
	a->drop = o->drop;
	if (r != NULL)
		a->result = *r;
	pthread_mutex_lock(&cl->lock);
	if (cl->box != NULL && r != NULL) {
		mailbox_post(cl->box, &a->mail);
		a = NULL;
	}
	pthread_mutex_unlock(&cl->lock);
	if (a != NULL)
		fetch_answer_drop(&a);
	client_unref(cl);
	message_fini(&o->m);
	carry_fini(&o->c);
	mem_free(&o);
}

static void
on_done(void *order, const struct send_result *r, void *arg MX_UNUSED)
{
	order_end(order, r);
}

static void
on_told(void *arg, enum carry_stage stage, void *owner MX_UNUSED)
{
	struct fetch_order *o = arg;
	struct fetch_client *cl = o->client;
	struct fetch_answer *a = mem_alloc(sizeof(*a));

	a->mail.kind = cl->kind;
	a->stage = stage;
	a->token = o->token;
	a->arg = o->arg;
	pthread_mutex_lock(&cl->lock);
	if (cl->box != NULL) {
		mailbox_post(cl->box, &a->mail);
		a = NULL;
	}
	pthread_mutex_unlock(&cl->lock);
	mem_free(&a);
}

static void
on_drop(void *order)
{
	order_end(order, NULL);
}

static void
drop_mail(struct mail *m)
{
	struct fetch_order *o = (struct fetch_order *)m;

	if (m->kind == ORDER_SEND)
		order_end(o, NULL);
	else
		mem_free(&o);
}

static void
obey(struct fetcher *f, struct fetch_order *o)
{
	if (o->mail.kind == ORDER_STOP) {
		f->stopping = true;
		mem_free(&o);
	} else if (client_is_gone(o->client)) {
		order_end(o, NULL);
	} else {
		o->c.arg = o;
		o->c.drop = on_drop;
		transport_send(f->transport, &o->m, &o->c);
	}
}

static void *
fetch_main(void *arg)
{
	struct fetcher *f = arg;
	struct mail_list list;
	struct mail *m;

	while (!f->stopping) {
		transport_poll(f->transport, mailbox_fd(f->orders), POLL_MS);
		if (!mailbox_take(f->orders, &list))
			continue;
		while ((m = STAILQ_FIRST(&list)) != NULL) {
			STAILQ_REMOVE_HEAD(&list, link);
			obey(f, (struct fetch_order *)m);
		}
	}
	transport_destroy(&f->transport);
	return NULL;
}

struct fetcher *
fetcher_create(struct spawner *spawner)
{
	struct fetcher *f = mem_alloc(sizeof(*f));

	f->orders = mailbox_create();
	f->transport = transport_create(spawner, on_done, f);
	transport_follow(f->transport, on_told);
	MX_ASSERT(thread_start(&f->thread, fetch_main, f) == 0);
	return f;
}

void
fetcher_destroy(struct fetcher **fp)
{
	struct fetch_order *o;

	if (*fp == NULL)
		return;
	o = mem_alloc(sizeof(*o));
	o->mail.kind = ORDER_STOP;
	mailbox_post((*fp)->orders, &o->mail);
	pthread_join((*fp)->thread, NULL);
	mailbox_destroy(&(*fp)->orders, drop_mail);
	mem_free(fp);
}

struct fetch_client *
fetch_client_create(struct fetcher *f, struct mailbox *box, int kind)
{
	struct fetch_client *cl = mem_alloc(sizeof(*cl));

	cl->fetch = f;
	cl->box = box;
	cl->kind = kind;
	cl->refs = 1;
	pthread_mutex_init(&cl->lock, NULL);
	return cl;
}

void
fetch_client_destroy(struct fetch_client **clp)
{
	struct fetch_client *cl = *clp;

	*clp = NULL;
	if (cl == NULL)
		return;
	pthread_mutex_lock(&cl->lock);
	cl->box = NULL;
	pthread_mutex_unlock(&cl->lock);
	client_unref(cl);
}

void
fetch_send(struct fetch_client *cl, struct message *m, const struct carry *c)
{
	struct fetch_order *o = mem_alloc(sizeof(*o));

	o->mail.kind = ORDER_SEND;
	o->client = cl;
	o->m = *m;
	memset(m, 0, sizeof(*m));
	carry_copy(&o->c, c);
	o->token = c->token;
	o->arg = c->arg;
	o->drop = c->drop;
	pthread_mutex_lock(&cl->lock);
	cl->refs++;
	pthread_mutex_unlock(&cl->lock);
	mailbox_post(cl->fetch->orders, &o->mail);
}
