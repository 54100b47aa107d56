/* SPDX-License-Identifier: ISC
 * smtpd: see smtpd.h. Owns listeners, sessions, the current policy and
 * certificate, and decides which connections become sessions. Near its limits
 * (90 % of the sessions, or of the bytes that may wait for the disk) it is
 * under stress: all clients, idle ones included, get ten seconds for a command
 * and fewer errors, until it is below 80 %. Created and wired by daemon.c. */
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

#define STRESS_ENTER 90 /* percent */
#define STRESS_LEAVE 80
#define TOUCH_MAX    1000 /* domains of one list touched at once */

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

/* Marks the snapshot entries of its domains, up to TOUCH_MAX; the others are
 * refreshed within minutes, like every entry. */
static void
list_changed(void *arg, struct recipients *r)
{
	struct smtpd *m = arg;
	const struct policy *p = m->policy;
	unsigned n = 0;

	for (size_t i = 0; p != NULL && i < p->conf->ndomains; i++)
		if (p->file_of[i] != 0 &&
		    p->file[p->file_of[i] - 1].recipients == r &&
		    n++ < TOUCH_MAX)
			stats_touch(m->stats, p->conf->domain[i].name);
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
	m->dnsbl = dnsbl_create(loop, session_dnsbl_known);
	m->next_id = rnd_u64() | 1;
	m->idle_task = loop_task_create(loop, run_idle, m);
	m->read_task = loop_task_create(loop, run_read, m);
	m->recipients = recipients_set_create(loop, files_settled, m);
	recipients_set_on_change(m->recipients, list_changed);
	LIST_INIT(&m->listeners);
	LIST_INIT(&m->sessions);
	LIST_INIT(&m->seats);
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
	struct seat *p;

	*mp = NULL;
	if (m == NULL)
		return;
	m->idle = NULL;
	close_listeners(m);
	while ((s = LIST_FIRST(&m->sessions)) != NULL)
		session_destroy(&s);
	dnsbl_destroy(&m->dnsbl);
	while ((p = LIST_FIRST(&m->seats)) != NULL) {
		LIST_REMOVE(p, link);
		p->smtpd = NULL; /* its connection is still closing */
	}
	m->commits->smtpd = NULL;
	if (m->commits->under_way == 0)
		mem_free(&m->commits);
	idmap_fini(&m->by_id);
	policy_unref(&m->policy);
	recipients_set_destroy(&m->recipients);
	loop_task_destroy(&m->read_task);
	tls_ctx_destroy(&m->tls);
	renewal_destroy(&m->renewal);
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
		if (want->usual && !addr_family_there(addr->u.sa.sa_family)) {
			log_notice("smtpd",
			    "listen=%s problem=\"the kernel has no IPv6\" "
			    "effect=\"mail is accepted over IPv4\"",
			    want->a[i].text);
			continue;
		}
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
	bool domains; /* a new policy only */
	struct policy *policy;
	struct tls_ctx *tls; /* NULL: no STARTTLS */
	struct renewal *renewal;
};

/* ---- the certificate */

static void *
load_tls(const char *const *path, struct mx_errbuf *eb)
{
	return tls_server_create(path[0], path[1], eb);
}

static void
drop_tls(void *fresh)
{
	struct tls_ctx *tls = fresh;

	tls_ctx_destroy(&tls);
}

/* Sessions that have begun TLS keep their context. */
static void
take_tls(void *arg, void *fresh)
{
	struct smtpd *m = arg;

	tls_ctx_destroy(&m->tls);
	m->tls = fresh;
	log_notice("smtpd", "tls=renewed cert=%s",
	    log_q(m->policy->conf->smtpd.tls_cert));
}

static void
refuse_tls(void *arg MX_UNUSED, const char *why)
{
	log_error("smtpd",
	    "problem=%s effect=\"the old certificate stays in force\"",
	    log_q(why));
}

static const struct renewal_kind tls_kind = { load_tls, drop_tls, take_tls,
	refuse_tls };

void
smtpd_tick(struct smtpd *m, struct helper *helper, int64_t now)
{
	if (m->renewal != NULL)
		renewal_look(m->renewal, helper, m, now);
}

bool
smtpd_certificate_refused(const struct smtpd *m)
{
	return renewal_refused(m->renewal);
}

/* ---- configurations */

struct smtpd_setup *
smtpd_setup_create(struct config *conf, struct mx_errbuf *eb)
{
	const struct conf_smtpd *c = &conf->smtpd;
	struct smtpd_setup *up = mem_alloc(sizeof(*up));

	if (c->tls_cert != NULL && c->tls_key != NULL) {
		const char *pair[RENEWAL_FILES] = { c->tls_cert, c->tls_key };

		up->renewal = renewal_create(&tls_kind, pair);
		if ((up->tls = renewal_load(up->renewal, eb)) == NULL) {
			renewal_destroy(&up->renewal);
			mem_free(&up);
			return NULL;
		}
	}
	up->policy = policy_create(conf);
	return up;
}

struct smtpd_setup *
smtpd_setup_domains(struct config *conf)
{
	struct smtpd_setup *up = mem_alloc(sizeof(*up));

	up->domains = true;
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
	renewal_destroy(&(*upp)->renewal);
	mem_free(upp);
}

void
smtpd_setup_open(struct smtpd *m, struct smtpd_setup *up)
{
	policy_open(up->policy, m->recipients, m->policy, !up->domains);
	if (smtpd_files_unread(m) == 0)
		files_settled(m);
}

void
smtpd_setup_use(struct smtpd *m, struct smtpd_setup **upp)
{
	/* Sessions are counted in the table that existed when they began, so it
	 * is created once, large enough for a limit raised later. */
	if (m->limit == NULL)
		m->limit = client_limit_create(
		    (*upp)->policy->conf->smtpd.max_sessions);
	policy_unref(&m->policy);
	m->policy = (*upp)->policy;
	if (!(*upp)->domains) {
		tls_ctx_destroy(&m->tls);
		m->tls = (*upp)->tls;
		renewal_destroy(&m->renewal);
		m->renewal = (*upp)->renewal;
	}
	mem_free(upp);
	dnsbl_configure(m->dnsbl, m->policy->conf);
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

/* Refuses a connection with one line, without a session. */
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

unsigned
smtpd_sessions_max(const struct smtpd *m)
{
	unsigned n =
	    m->policy != NULL ? m->policy->conf->smtpd.max_sessions : 0;

	return m->bound > 0 && m->bound < n ? m->bound : n;
}

/* The use of the nearer limit: sessions, or bytes waiting for the disk. */
static unsigned
pressure(const struct smtpd *m)
{
	unsigned sessions = m->open * 100 / smtpd_sessions_max(m);
	unsigned bytes = queue_pressure(m->queue);

	return sessions > bytes ? sessions : bytes;
}

void
smtpd_press(struct smtpd *m)
{
	unsigned percent = pressure(m);
	struct session *s;

	if (m->stress ? percent >= STRESS_LEAVE : percent < STRESS_ENTER)
		return;
	m->stress = !m->stress;
	if (m->stress)
		log_warn("smtpd", "sessions=%u pressure=%u%% stress=yes",
		    m->open, percent);
	else
		log_notice("smtpd", "sessions=%u stress=no", m->open);
	LIST_FOREACH (s, &m->sessions, link) {
		if (s->conn == NULL)
			continue;
		if (m->stress)
			session_stress(s);
		else
			session_relax(s);
	}
}

const char *
smtpd_client_refusal(struct smtpd *m, const struct policy *p, uint64_t key,
    enum smtpd_reject *reason)
{
	const struct conf_smtpd *c = &p->conf->smtpd;

	switch (client_limit_enter(m->limit, key, c->per_client, c->client_rate,
	    loop_now(m->loop))) {
	case CLIENT_OK:
		break;
	case CLIENT_TOO_MANY:
		*reason = SMTPD_REJECT_PER_CLIENT;
		return "421 4.7.0 too many connections from you\r\n";
	case CLIENT_TOO_FAST:
		*reason = SMTPD_REJECT_RATE;
		return "421 4.7.0 you connect too often\r\n";
	}
	return NULL;
}

static struct seat *
seat_create(struct smtpd *m, uint64_t key, bool counted)
{
	struct seat *p = mem_alloc(sizeof(*p));

	p->smtpd = m;
	p->client_key = key;
	p->counted = counted;
	LIST_INSERT_HEAD(&m->seats, p, link);
	m->open++;
	return p;
}

void
smtpd_adopt(struct smtpd *m, int fd, const struct net_addr *peer)
{
	uint64_t key = addr_client_key(peer);
	enum smtpd_reject reason;
	const char *no = NULL;
	bool counted;

	m->stats->g.connections++;
	if (m->policy == NULL || m->draining) {
		turn_away(m, fd, peer, SMTPD_REJECT_OTHER,
		    "421 4.3.2 service not available\r\n");
		return;
	}
	if (m->open >= smtpd_sessions_max(m)) {
		turn_away(m, fd, peer, SMTPD_REJECT_LIMIT,
		    "421 4.3.2 too many connections\r\n");
		return;
	}
	counted = !policy_exempts(m->policy, peer);
	if (counted)
		no = smtpd_client_refusal(m, m->policy, key, &reason);
	if (no != NULL) {
		turn_away(m, fd, peer, reason, no);
		return;
	}
	session_start(m, fd, peer, seat_create(m, key, counted));
	smtpd_press(m);
}

void
smtpd_seat_leave(void *seat)
{
	struct seat *p = seat;
	struct smtpd *m = p->smtpd;

	if (--p->holders > 0)
		return;
	if (m != NULL) {
		LIST_REMOVE(p, link);
		m->open--;
		if (p->counted)
			client_limit_leave(m->limit, p->client_key);
		smtpd_press(m);
	}
	mem_free(&p);
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

bool
smtpd_receives(const struct smtpd *m, const struct domain_stats *st)
{
	const struct session *s;

	LIST_FOREACH (s, &m->sessions, link)
		if (transaction_has(&s->tx, st))
			return true;
	return false;
}

unsigned
smtpd_overdue(const struct smtpd *m)
{
	return m->overdue;
}

unsigned
smtpd_dnsbls(const struct smtpd *m)
{
	return dnsbl_lists(m->dnsbl);
}

void
smtpd_dnsbls_show(const struct smtpd *m, struct snap_dnsbl *out)
{
	dnsbl_show(m->dnsbl, out);
}

bool
smtpd_stress(const struct smtpd *m)
{
	return m->stress;
}

void
smtpd_keep_lists(struct smtpd *m, const char *folder,
    struct source_set *sources)
{
	recipients_set_keep(m->recipients, folder);
	recipients_set_sources(m->recipients, sources);
}

bool
smtpd_list(const struct smtpd *m, const char *domain,
    struct recipients_state *st)
{
	const struct recipients *r =
	    m->policy != NULL ? policy_recipients(m->policy, domain) : NULL;

	if (r != NULL)
		recipients_state(r, st);
	return r != NULL;
}

void
smtpd_bound(struct smtpd *m, unsigned n)
{
	m->bound = n;
}

static const struct policy_asker nobody;

void
smtpd_rcpt_reply(struct smtpd *m, const char *mailbox, char *dst, size_t size,
    struct buf *rule)
{
	struct policy_verdict v;
	struct smtp_path path;

	if (m->policy == NULL ||
	    smtp_mailbox_parse(mailbox, strlen(mailbox), &path) < 0) {
		strlcpy(dst, "553 5.1.3 not a mail address", size);
		return;
	}
	policy_rcpt(m->policy, &m->ops, &nobody, &path, &v);
	(void)policy_say(&v, path.mailbox, rule); /* optional */
	strlcpy(dst, v.code == 250 ? "250 2.1.5 Ok" : v.reply, size);
	dst[strcspn(dst, "\r\n")] = '\0';
}

enum smtpd_rcpt
smtpd_rcpt_check(struct smtpd *m, const char *mailbox)
{
	struct policy_verdict v;
	struct smtp_path path;

	if (m->policy == NULL ||
	    smtp_mailbox_parse(mailbox, strlen(mailbox), &path) < 0)
		return SMTPD_RCPT_NO_DOMAIN;
	policy_rcpt(m->policy, NULL, &nobody, &path, &v);
	return v.rcpt;
}

void
smtpd_rcpt_known_as(struct smtpd *m, const char *domain, const char *mailbox,
    char *as)
{
	if (m->policy != NULL)
		policy_known_as(m->policy, domain, mailbox, as);
	else
		(void)strlcpy(as, mailbox, PATH_MAILBOX_MAX);
}

bool
smtpd_rcpt_listed(struct smtpd *m, const char *domain, const char *mailbox)
{
	return m->policy != NULL && policy_lists(m->policy, domain, mailbox);
}
