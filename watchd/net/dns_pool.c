/* SPDX-License-Identifier: ISC
 * dns_pool: threads that block in dns_query_run() and post the result. Each has
 * its own mailbox for jobs; the results come back through one that the loop
 * watches. Shutdown closes the write end of a pipe whose read end every query
 * polls, so that joining the threads does not wait for a resolver. */
#include "net/dns_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/dns_query.h"
#include "net/resolvconf.h"

#define THREADS_MAX 64

enum mail_kind { MAIL_QUERY, MAIL_STOP };

/* A query on its way to a worker and, with its answer, back. */
struct job_mail {
	struct mail mail; /* first */
	unsigned worker;
	struct dns_job job;
};

struct worker {
	pthread_t thread;
	bool started;
	bool busy; /* as the loop sees it */
	struct mailbox *in;
	struct mailbox *done; /* the pool's */
	struct dns_query *query;
};

struct dns_pool {
	dns_pool_cb *cb;
	void *arg;
	struct net_addr servers[DNS_SERVER_MAX];
	size_t nservers;
	struct worker worker[THREADS_MAX];
	unsigned nworkers;
	struct mailbox *done;
	struct loop_io *done_io;
	int stop[2];
};

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct mail_list list;
	struct job_mail *m;
	int64_t start;

	for (;;) {
		if (!mailbox_wait(w->in, &list, -1))
			continue;
		while ((m = (struct job_mail *)STAILQ_FIRST(&list)) != NULL) {
			STAILQ_REMOVE_HEAD(&list, link);
			if (m->mail.kind == MAIL_STOP) {
				mem_free(&m); /* it was the last one */
				return NULL;
			}
			start = clock_now();
			dns_query_run(w->query, m->job.type, m->job.name,
			    &m->job.result);
			m->job.seconds =
			    (double)(clock_now() - start) / (double)CLOCK_SEC;
			mailbox_post(w->done, &m->mail);
		}
	}
}

static int
worker_start(struct dns_pool *p, int64_t timeout_ms)
{
	struct worker *w = &p->worker[p->nworkers++];
	int err;

	w->in = mailbox_create();
	w->done = p->done;
	w->query =
	    dns_query_create(p->servers, p->nservers, timeout_ms, p->stop[0]);
	err = thread_start(&w->thread, worker_main, w);
	w->started = err == 0;
	return err;
}

static void
drop_mail(struct mail *mail)
{
	mem_free(&mail);
}

static void
on_mail(struct mail *mail, void *arg)
{
	struct job_mail *m = (struct job_mail *)mail;
	struct dns_pool *p = arg;

	p->worker[m->worker].busy = false;
	p->cb(&m->job, p->arg);
	mem_free(&m);
}

bool
dns_pool_give(struct dns_pool *p, enum dns_type type, const char *name)
{
	struct job_mail *m;
	unsigned i;

	for (i = 0; i < p->nworkers && p->worker[i].busy;)
		i++;
	if (i == p->nworkers)
		return false;
	m = mem_alloc(sizeof(*m));
	m->mail.kind = MAIL_QUERY;
	m->worker = i;
	m->job.type = type;
	(void)strlcpy(m->job.name, name, sizeof(m->job.name));
	p->worker[i].busy = true;
	mailbox_post(p->worker[i].in, &m->mail);
	return true;
}

static void
take_servers(struct dns_pool *p, const struct dns_conf *conf)
{
	if (conf->nservers == 0) {
		p->nservers = resolvconf_servers(RESOLVCONF_PATH, p->servers,
		    DNS_SERVER_MAX);
		return;
	}
	p->nservers =
	    conf->nservers < DNS_SERVER_MAX ? conf->nservers : DNS_SERVER_MAX;
	memcpy(p->servers, conf->servers, p->nservers * sizeof(*p->servers));
}

struct dns_pool *
dns_pool_create(struct loop *loop, const struct dns_conf *conf, dns_pool_cb *cb,
    void *arg, struct mx_errbuf *eb)
{
	struct dns_pool *p = mem_alloc(sizeof(*p));
	unsigned threads = conf->threads > 0 ? conf->threads : 1;
	int err = 0;

	p->cb = cb;
	p->arg = arg;
	take_servers(p, conf);
	p->done = mailbox_create();
	p->done_io = loop_mailbox(loop, p->done, on_mail, p);
	if (pipe2(p->stop, O_CLOEXEC) < 0) {
		p->stop[0] = p->stop[1] = -1;
		(void)mx_fail(eb, MX_ESYS, "resolver: pipe: %s",
		    strerror(errno));
		dns_pool_destroy(&p);
		return NULL;
	}
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	while (err == 0 && p->nworkers < threads)
		err = worker_start(p, conf->timeout_ms);
	if (err != 0) {
		(void)mx_fail(eb, MX_ESYS, "resolver: thread: %s",
		    strerror(err));
		dns_pool_destroy(&p);
	}
	return p;
}

static void
worker_stop(struct worker *w)
{
	struct job_mail *m;

	if (w->started) {
		m = mem_alloc(sizeof(*m));
		m->mail.kind = MAIL_STOP;
		mailbox_post(w->in, &m->mail);
		(void)pthread_join(w->thread, NULL);
	}
	mailbox_destroy(&w->in, drop_mail);
	dns_query_destroy(&w->query);
}

void
dns_pool_destroy(struct dns_pool **pp)
{
	struct dns_pool *p = *pp;
	unsigned i;

	if (p == NULL)
		return;
	if (p->stop[1] >= 0)
		(void)close(p->stop[1]); /* readable: end of file */
	for (i = 0; i < p->nworkers; i++)
		worker_stop(&p->worker[i]);
	if (p->stop[0] >= 0)
		(void)close(p->stop[0]);
	loop_io_destroy(&p->done_io);
	mailbox_destroy(&p->done, drop_mail);
	mem_free(pp);
}
