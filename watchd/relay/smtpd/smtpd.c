/* SPDX-License-Identifier: ISC
 * smtpd: see smtpd.h. Owns listeners, sessions, the current policy and
 * certificate, and decides which connections become sessions. Near its limit
 * (90 %) it is under stress: clients get ten seconds for a command and fewer
 * errors, those that are idle already too, until it is below 80 %.
 * Created and wired by daemon.c. */
#include "relay/smtpd/smtpd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/smtpd/listener.h"
#include "relay/smtpd/session.h"

static void
run_idle(void *arg)
{
	struct smtpd *m = arg;

	if (m->idle != NULL && LIST_EMPTY(&m->sessions))
		m->idle(m->idle_arg);
}

static void
run_read(void *arg)
{
	struct smtpd *m = arg;

	if (m->read != NULL && smtpd_files_unread(m) == 0)
		m->read(m->read_arg);
}

static void
files_settled(void *arg)
{
	struct smtpd *m = arg;

	loop_task_schedule(m->read_task);
}

struct smtpd *
smtpd_create(struct loop *loop, struct queue *queue, struct stats *stats,
    const struct smtpd_ops *ops)
{
	struct smtpd *m = mem_alloc(sizeof(*m));

	m->loop = loop;
	m->queue = queue;
	m->stats = stats;
	m->ops = *ops;
	m->commits = mem_alloc(sizeof(*m->commits));
	m->commits->smtpd = m;
	m->insist = insist_create();
	m->next_id = rnd_u64() | 1;
	m->idle_task = loop_task_create(loop, run_idle, m);
	m->read_task = loop_task_create(loop, run_read, m);
	m->recipients = recipients_set_create(loop, files_settled, m);
	LIST_INIT(&m->listeners);
	LIST_INIT(&m->sessions);
	idmap_init(&m->by_id);
	return m;
}

static void
close_listeners(struct smtpd *m)
{
	struct listener *l;

	while ((l = LIST_FIRST(&m->listeners)) != NULL) {
		LIST_REMOVE(l, link);
		listener_destroy(&l);
	}
}

void
smtpd_destroy(struct smtpd **mp)
{
	struct smtpd *m = *mp;
	struct session *s;

	*mp = NULL;
	if (m == NULL)
		return;
	m->idle = NULL;
	close_listeners(m);
	while ((s = LIST_FIRST(&m->sessions)) != NULL)
		session_destroy(&s);
	m->commits->smtpd = NULL;
	if (m->commits->under_way == 0)
		mem_free(&m->commits);
	idmap_fini(&m->by_id);
	policy_unref(&m->policy);
	recipients_set_destroy(&m->recipients);
	loop_task_destroy(&m->read_task);
	tls_ctx_destroy(&m->tls);
	client_limit_destroy(&m->limit);
	insist_destroy(&m->insist);
	loop_task_destroy(&m->idle_task);
	mem_free(&m);
}

static void
on_accepted(void *arg, int fd, const struct net_addr *peer)
{
	smtpd_adopt(arg, fd, peer);
}

static bool
addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return addr_equal_host(a, b) && addr_port(a) == addr_port(b);
}

static struct listener *
find_listener(struct listener_list *list, const struct net_addr *addr)
{
	struct listener *l;

	LIST_FOREACH (l, list, link)
		if (addr_equal(&l->addr, addr))
			return l;
	return NULL;
}

int
smtpd_listen(struct smtpd *m, const struct config *conf, struct mx_errbuf *eb)
{
	const struct listenlist *want = &conf->smtpd.listen;
	struct listener_list fresh = LIST_HEAD_INITIALIZER(fresh);
	struct listener *l, *next;
	size_t i;
	int rc = 0;

	for (i = 0; i < want->n && rc == 0; i++) {
		const struct net_addr *addr = &want->a[i].addr;

		if (find_listener(&m->listeners, addr) != NULL ||
		    find_listener(&fresh, addr) != NULL)
			continue;
		l = listener_create(m->loop, addr, on_accepted, m, eb);
		if (l == NULL)
			rc = -MX_ENET;
		else
			LIST_INSERT_HEAD(&fresh, l, link);
	}
	for (l = LIST_FIRST(&m->listeners); rc == 0 && l != NULL; l = next) {
		next = LIST_NEXT(l, link);
		for (i = 0; i < want->n; i++)
			if (addr_equal(&l->addr, &want->a[i].addr))
				break;
		if (i < want->n)
			continue;
		LIST_REMOVE(l, link);
		listener_destroy(&l);
	}
	while ((l = LIST_FIRST(&fresh)) != NULL) {
		LIST_REMOVE(l, link);
		if (rc == 0)
			LIST_INSERT_HEAD(&m->listeners, l, link);
		else
			listener_destroy(&l);
	}
	return rc;
}

struct smtpd_setup {
	struct policy *policy;
	struct tls_ctx *tls; /* NULL: no STARTTLS */
};

struct smtpd_setup *
smtpd_setup_create(struct config *conf, struct mx_errbuf *eb)
{
	const struct conf_smtpd *c = &conf->smtpd;
	struct smtpd_setup *up = mem_alloc(sizeof(*up));

	if (c->tls_cert != NULL && c->tls_key != NULL) {
		up->tls = tls_server_create(c->tls_cert, c->tls_key, eb);
		if (up->tls == NULL) {
			mem_free(&up);
			return NULL;
		}
	}
	up->policy = policy_create(conf);
	return up;
}

void
smtpd_setup_destroy(struct smtpd_setup **upp)
{
	if (*upp == NULL)
		return;
	policy_unref(&(*upp)->policy);
	tls_ctx_destroy(&(*upp)->tls);
	mem_free(upp);
}

void
smtpd_setup_open(struct smtpd *m, struct smtpd_setup *up)
{
	policy_open(up->policy, m->recipients, m->policy);
	if (smtpd_files_unread(m) == 0)
		files_settled(m);
}

void
smtpd_setup_use(struct smtpd *m, struct smtpd_setup **upp)
{
	/* Sessions are counted in the table that they began with: it is only
	 * made at the beginning, large enough for a limit raised later. */
	if (m->limit == NULL)
		m->limit = client_limit_create(
		    (*upp)->policy->conf->smtpd.max_sessions);
	policy_unref(&m->policy);
	m->policy = (*upp)->policy;
	tls_ctx_destroy(&m->tls);
	m->tls = (*upp)->tls;
	mem_free(upp);
}

int
smtpd_configure(struct smtpd *m, struct config *conf, struct mx_errbuf *eb)
{
	struct smtpd_setup *up = smtpd_setup_create(conf, eb);

	if (up == NULL)
		return -MX_ETLS;
	smtpd_setup_open(m, up);
	smtpd_setup_use(m, &up);
	return 0;
}

size_t
smtpd_files_unread(const struct smtpd *m)
{
	return recipients_set_unread(m->recipients);
}

void
smtpd_on_read(struct smtpd *m, void (*done)(void *arg), void *arg)
{
	m->read = done;
	m->read_arg = arg;
}

/* Refuses with a line, without a session. */
static void
turn_away(struct smtpd *m, int fd, const struct net_addr *peer,
    enum smtpd_reject reason, const char *line)
{
	static struct log_limit limit;
	char text[ADDR_TEXT_MAX];

	m->stats->g.rejected[reason]++;
	if (log_limit_ok(&limit, 1))
		log_info("smtpd", "client=%s refused=%s", addr_text(peer, text),
		    log_qn(line, strlen(line) - 2));
	(void)send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
enter_stress(struct smtpd *m)
{
	struct session *s;

	if (m->stress ||
	    (uint64_t)m->open * 10 <
		(uint64_t)m->policy->conf->smtpd.max_sessions * 9)
		return;
	m->stress = true;
	log_warn("smtpd", "sessions=%u stress=yes", m->open);
	LIST_FOREACH (s, &m->sessions, link)
		if (s->conn != NULL)
			session_stress(s);
}

void
smtpd_adopt(struct smtpd *m, int fd, const struct net_addr *peer)
{
	const struct conf_smtpd *c;
	uint64_t key = addr_client_key(peer);
	bool counted;

	m->stats->g.connections++;
	if (m->policy == NULL || m->draining) {
		turn_away(m, fd, peer, SMTPD_REJECT_OTHER,
		    "421 4.3.2 no service now\r\n");
		return;
	}
	c = &m->policy->conf->smtpd;
	if (m->open >= c->max_sessions) {
		turn_away(m, fd, peer, SMTPD_REJECT_LIMIT,
		    "421 4.3.2 too many connections\r\n");
		return;
	}
	counted = !prefix_list_match(m->policy->trusted, peer);
	if (counted) {
		switch (client_limit_enter(m->limit, key, c->per_client,
		    c->client_rate, loop_now(m->loop))) {
		case CLIENT_OK:
			break;
		case CLIENT_TOO_MANY:
			turn_away(m, fd, peer, SMTPD_REJECT_PER_CLIENT,
			    "421 4.7.0 too many connections from you\r\n");
			return;
		case CLIENT_TOO_FAST:
			turn_away(m, fd, peer, SMTPD_REJECT_RATE,
			    "421 4.7.0 you connect too often\r\n");
			return;
		}
	}
	session_start(m, fd, peer, key, counted);
	enter_stress(m);
}

void
smtpd_session_left(struct smtpd *m, struct session *s)
{
	m->open--;
	if (s->counted)
		client_limit_leave(m->limit, s->client_key);
	s->counted = false;
	if (m->stress &&
	    (uint64_t)m->open * 10 <
		(uint64_t)m->policy->conf->smtpd.max_sessions * 8) {
		m->stress = false;
		log_notice("smtpd", "sessions=%u stress=no", m->open);
	}
}

void
smtpd_session_gone(struct smtpd *m)
{
	if (m->draining && LIST_EMPTY(&m->sessions))
		loop_task_schedule(m->idle_task);
}

void
smtpd_drain(struct smtpd *m, void (*idle)(void *arg), void *arg)
{
	struct session *s, *next;

	m->draining = true;
	m->idle = idle;
	m->idle_arg = arg;
	close_listeners(m);
	for (s = LIST_FIRST(&m->sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		session_drain(s);
	}
	smtpd_session_gone(m);
}

unsigned
smtpd_sessions(const struct smtpd *m)
{
	return m->open;
}

enum smtpd_rcpt
smtpd_rcpt_check(struct smtpd *m, const char *mailbox)
{
	struct policy_verdict v;
	struct smtp_path path;

	if (m->policy == NULL ||
	    smtp_mailbox_parse(mailbox, strlen(mailbox), &path) < 0)
		return SMTPD_RCPT_NO_DOMAIN;
	policy_rcpt(m->policy, NULL, &path, &v);
	return v.rcpt;
}

bool
smtpd_rcpt_listed(struct smtpd *m, const char *domain, const char *mailbox)
{
	const struct recipients *r =
	    m->policy != NULL ? policy_recipients(m->policy, domain) : NULL;

	return r != NULL && recipients_names(r, mailbox);
}
