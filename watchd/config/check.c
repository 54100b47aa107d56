/* SPDX-License-Identifier: ISC
 * check: errors that no single option shows: contradictory options, unreadable
 * files, a primary that is this host. Runs once after all text was read, on
 * fields that may be unset because their text was wrong (conf_pos.wrong); those
 * are skipped, so that one mistake gives one message. A pair is checked where
 * at least one of the two was written; values that only come from defaults are
 * checked in defaults, once. */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/source_spec.h"
#include "config_int.h"
#include "net/resolvconf.h"

/* May a and b be compared here? *at is the position of the later one. */
static bool
pair(const struct check_subject *s, enum option_id a, enum option_id b,
    struct conf_pos *at)
{
	const struct conf_pos *pa = check_where(s, a), *pb = check_where(s, b);
	const struct conf_pos *other = s->l->set;

	/* An option left out here has the value of defaults, which may be
	 * wrong. */
	if (pa->wrong || pb->wrong || (pa->line == 0 && other[a].wrong) ||
	    (pb->line == 0 && other[b].wrong))
		return false;
	*at = pb->line == 0 || (pa->line > pb->line && pa->file == pb->file) ?
	    *pa :
	    *pb;
	return at->line != 0;
}

/* A FIFO or the like as a recipients file: it affects only its domains, which
 * get 451 until there is a file (recipients.h). */
static bool
is_no_matter(enum option_id id, const char *path)
{
	struct stat st;

	return id == OPT_DOMAIN_recipients && stat(path, &st) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* 0, or a negative code and the reason. */
static int
try_file(enum option_id id, const char *path, struct mx_errbuf *why)
{
	enum option_type type = options[id].type;
	char *line;
	int fd;

	if (type == TYPE_TOKEN) {
		if ((line = file_secret_line(path, why)) == NULL)
			return -MX_ESYS;
		explicit_bzero(line, strlen(line));
		mem_free(&line);
		return 0;
	}
	fd = file_open(path, type == TYPE_SECRET ? FILE_SECRET : FILE_PLAIN,
	    why);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void
check_file(struct conf_loader *l, struct conf_pos at, const char *label,
    enum option_id id, const char *path)
{
	struct mx_errbuf why = { "" };
	char q[CONF_QUOTE_MAX];

	if (path == NULL || at.wrong || at.line == 0 ||
	    l->as == &conf_reads_nothing || is_no_matter(id, path))
		return;
	errno = 0;
	/* A reload without free descriptors is not an error of the file. */
	if (try_file(id, path, &why) != 0 && errno != EMFILE && errno != ENFILE)
		conf_err(l, at, "%s%s %s cannot be read: %s", label,
		    options[id].name, conf_quote(path, q), why.text);
}

static void
check_times(const struct check_subject *s)
{
	const struct conf_domain *d = s->d;
	const struct option *o = &options[OPT_DOMAIN_lifetime];
	char a[32], b[32];
	struct conf_pos at;
	size_t i;

	if (pair(s, OPT_RETRY_first, OPT_RETRY_max, &at) &&
	    d->retry.first_ms > d->retry.max_ms)
		conf_err(s->l, at, "%sretry: first %s is longer than max %s",
		    s->label,
		    option_limit_text(o, d->retry.first_ms, a, sizeof(a)),
		    option_limit_text(o, d->retry.max_ms, b, sizeof(b)));
	if (pair(s, OPT_PROBE_timeout, OPT_PROBE_interval, &at) &&
	    d->probe.timeout_ms > d->probe.interval_ms)
		conf_warn(s->l, at,
		    "%sprobe: timeout %s is longer than interval %s", s->label,
		    option_limit_text(o, d->probe.timeout_ms, a, sizeof(a)),
		    option_limit_text(o, d->probe.interval_ms, b, sizeof(b)));
	/* A lifetime shorter than the default delays is no mistake. */
	if (!pair(s, OPT_DOMAIN_delay_warning, OPT_DOMAIN_lifetime, &at) ||
	    (check_where(s, OPT_DOMAIN_delay_warning)->line == 0 &&
		s->l->set[OPT_DOMAIN_delay_warning].line == 0))
		return;
	for (i = 0; i < d->ndelay_warning; i++)
		if (d->delay_warning_ms[i] >= d->lifetime_ms)
			conf_warn(s->l, at,
			    "%sdelay_warning %s is not shorter than lifetime "
			    "%s and will never be sent",
			    s->label,
			    option_limit_text(o, d->delay_warning_ms[i], a,
				sizeof(a)),
			    option_limit_text(o, d->lifetime_ms, b, sizeof(b)));
}

/* A primary configured by address has no name to look TLSA records up for. */
static void
check_dane(const struct check_subject *s)
{
	char host[TEXT_DOMAIN_MAX], q[CONF_QUOTE_MAX];
	struct net_addr addr;
	struct conf_pos at;
	uint16_t port;
	size_t i;

	if (!pair(s, OPT_DOMAIN_primary, OPT_DELIVER_tls, &at) ||
	    s->d->deliver.tls != CONF_TLS_DANE)
		return;
	for (i = 0; i < s->d->primary.n; i++)
		if (addr_split_host(s->d->primary.s[i], host, &port, 25) == 0 &&
		    addr_parse(&addr, host, port, ':') == 0)
			conf_warn(s->l, at,
			    "%sdeliver: tls \"dane\" has the effect of \"may\" "
			    "for the primary %s, an address; write its name",
			    s->label, conf_quote(s->d->primary.s[i], q));
}

/* Characters that any address may contain begin no extension. */
static void
check_delimiter(const struct check_subject *s)
{
	const char *c = s->d->recipient_delimiter;
	char q[CONF_QUOTE_MAX];

	if (c == NULL ||
	    (strlen(c) <= 8 && strpbrk(c, "@.\"\\ ") == NULL &&
		strspn(c, "!#$%&'*+-/=?^_`{|}~") == strlen(c)))
		return;
	conf_err(s->l, *check_where(s, OPT_DOMAIN_recipient_delimiter),
	    "%srecipient_delimiter %s is not valid; write up to eight "
	    "characters such as \"+-\"",
	    s->label, conf_quote(c, q));
}

/* Is the option written in this section, and valid? */
static bool
is_written(const struct check_subject *s, enum option_id id)
{
	const struct conf_pos *at = check_where(s, id);

	return at->line != 0 && !at->wrong;
}

/* A list is complete: with it nothing is learned, and no recipient is unknown.
 * The values of defaults may be for domains that learn. */
static void
check_learning(const struct check_subject *s)
{
	static const enum option_id ids[] = { OPT_DOMAIN_recipients_learn,
		OPT_DOMAIN_recipients_unknown };
	bool learns = s->d->recipients_learn;

	for (size_t i = 0; s->d->recipients != NULL && i < MX_COUNT(ids); i++)
		if (is_written(s, ids[i]) && (learns || i > 0))
			conf_warn(s->l, *check_where(s, ids[i]),
			    "%s%s has no effect with recipients", s->label,
			    options[ids[i]].name);
	if (s->d->recipients == NULL && !learns && s->d != &s->l->c->defaults &&
	    is_written(s, OPT_DOMAIN_recipients_unknown))
		conf_warn(s->l, *check_where(s, OPT_DOMAIN_recipients_unknown),
		    "%srecipients_unknown has no effect without "
		    "recipients_learn",
		    s->label);
}

static void
check_source(struct conf_loader *l, struct conf_pos at, const char *label,
    const char *spec)
{
	struct mx_errbuf why = { "" };
	char q[CONF_QUOTE_MAX];
	struct strlist argv;

	if (spec_check(spec, &why) < 0) {
		/* not quoted: it may contain a secret */
		conf_err(l, at, "%s: the source %s", label, why.text);
		return;
	}
	if (spec_is_exec(spec)) {
		argv = spec_argv(spec);
		if (l->as != &conf_reads_nothing &&
		    access(argv.s[0], X_OK) != 0)
			conf_err(l, at, "%s: %s cannot be run: %s", label,
			    conf_quote(argv.s[0], q), strerror(errno));
		strlist_fini(&argv);
	}
#ifndef HAVE_CURL
	else
		conf_err(l, at, "%s: this build has no libcurl for https://",
		    label);
#endif
}

static void
check_recipients(const struct check_subject *s)
{
	const struct conf_pos *at = check_where(s, OPT_DOMAIN_recipients);
	char label[sizeof(s->label) + 16];

	check_file(s->l, *check_where(s, OPT_DOMAIN_recipients_token_file),
	    s->label, OPT_DOMAIN_recipients_token_file,
	    s->d->recipients_token_file);
	if (s->d->recipients == NULL || !spec_is_source(s->d->recipients))
		check_file(s->l, *at, s->label, OPT_DOMAIN_recipients,
		    s->d->recipients);
	else if (at->line != 0 && !at->wrong) {
		snprintf(label, sizeof(label), "%srecipients", s->label);
		check_source(s->l, *at, label, s->d->recipients);
	}
}

static void
check_domain(const struct check_subject *s)
{
	check_learning(s);
	check_delimiter(s);
	check_primary(s);
	check_dane(s);
	check_times(s);
	check_recipients(s);
}

void
check_entries(struct conf_loader *l)
{
	struct check_subject s = { .l = l };
	char q[CONF_QUOTE_MAX];
	size_t i;

	for (i = 0; i < l->nentries; i++) {
		s.d = &l->entry[i]->d;
		s.set = l->entry[i]->set;
		snprintf(s.label, sizeof(s.label),
		    "domain %s: ", conf_quote(s.d->name, q));
		check_domain(&s);
	}
}

static void
check_domains(struct conf_loader *l)
{
	struct check_subject s = { .l = l,
		.d = &l->c->defaults,
		.set = &l->set[OPT_DOMAIN_FIRST],
		.label = "defaults: " };

	check_domain(&s);
	check_entries(l);
	if (l->nentries == 0 && l->c->domains_from == NULL &&
	    l->c->mx_backup.networks.n == 0)
		conf_err(l, (struct conf_pos){ 0 },
		    "no section domain is configured; no mail would be "
		    "accepted");
}

/* A folder is not checked: it may be created later. */
static void
check_domains_from(struct conf_loader *l)
{
	const struct conf_pos *at = &l->set[OPT_TOP_domains_from];
	const struct conf_pos *nets = &l->set[OPT_TOP_domains_from_networks];
	const struct conf_pos *token = &l->set[OPT_TOP_domains_token_file];
	const char *from = l->c->domains_from;

	check_file(l, *token, "", OPT_TOP_domains_token_file,
	    l->c->domains_token_file);
	if (from == NULL || at->wrong)
		return;
	if (!nets->wrong && l->c->domains_from_networks.n == 0)
		conf_err(l, *at,
		    "domains_from is set without domains_from_networks;"
		    " name the networks of the primaries");
	if (spec_is_source(from))
		check_source(l, *at, "domains_from", from);
	at = &l->set[OPT_DOMAIN_primary_networks];
	if (at->line != 0 && !at->wrong)
		conf_warn(l, *at,
		    "defaults: primary_networks does not apply to domains of "
		    "domains_from; set domains_from_networks");
}

/* The first use of dane; false: none. */
static bool
find_dane(const struct conf_loader *l, struct conf_pos *at)
{
	const struct conf_pos *tls = &l->set[OPT_DELIVER_tls];
	size_t i;

	*at = *tls;
	if (tls->line != 0 && !tls->wrong &&
	    l->c->defaults.deliver.tls == CONF_TLS_DANE)
		return true;
	for (i = 0; i < l->nentries; i++) {
		tls = &l->entry[i]->set[OPT_DELIVER_tls - OPT_DOMAIN_FIRST];
		*at = *tls;
		if (tls->line != 0 && !tls->wrong &&
		    l->entry[i]->d.deliver.tls == CONF_TLS_DANE)
			return true;
	}
	return false;
}

/* DANE depends on the resolver's validation, which is one bit of a datagram. */
static void
check_resolver(struct conf_loader *l)
{
	const struct conf_pos *set = &l->set[OPT_TOP_resolver];
	struct net_addr system[8];
	const struct net_addr *a = l->c->resolver;
	size_t i, n = l->c->nresolver;
	char text[ADDR_TEXT_MAX];
	struct conf_pos at;

	if (set->wrong || !find_dane(l, &at))
		return;
	if (n == 0) {
		n = resolvconf_servers(RESOLVCONF_PATH, system,
		    MX_COUNT(system));
		a = system;
	}
	for (i = 0; i < n; i++)
		if (!addr_is_loopback(&a[i])) {
			conf_warn(l,
			    set->line != 0 ? conf_item_pos(l, *set, i) : at,
			    "resolver %s is not on this host; with tls "
			    "\"dane\", anyone on the path to it can redirect "
			    "mail; use a validating resolver on 127.0.0.1",
			    addr_text(&a[i], text));
			return;
		}
}

static void
check_hostname(struct conf_loader *l)
{
	char system[TEXT_DOMAIN_MAX] = "", name[TEXT_DOMAIN_MAX];
	char q[CONF_QUOTE_MAX];
	struct config *c = l->c;

	if (c->hostname != NULL || l->set[OPT_TOP_hostname].line != 0)
		return;
	if (gethostname(system, sizeof(system) - 1) != 0)
		system[0] = '\0';
	if (strchr(system, '.') == NULL ||
	    text_domain(system, strlen(system), name) != 0)
		conf_err(l, (struct conf_pos){ 0 },
		    "hostname is not set and the system's host name %s has no "
		    "domain part; set hostname = \"mx2.example.net\"",
		    conf_quote(system, q));
	else
		c->hostname = mem_strdup(name);
}

static bool
same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
	if (conf_listen_path(a) != NULL || conf_listen_path(b) != NULL)
		return strcmp(a->text, b->text) == 0;
	return addr_port(&a->addr) == addr_port(&b->addr) &&
	    addr_equal_host(&a->addr, &b->addr);
}

static void
check_twice(struct conf_loader *l, enum option_id id,
    const struct listenlist *list)
{
	char q[CONF_QUOTE_MAX];
	size_t i, j;

	for (i = 0; i < list->n; i++)
		for (j = 0; j < i; j++) {
			if (!same_listen(&list->a[i], &list->a[j]))
				continue;
			conf_err(l, conf_item_pos(l, l->set[id], i),
			    "%s: listen %s is listed twice",
			    sections[options[id].section].name,
			    conf_quote(list->a[i].text, q));
			break;
		}
}

static void
check_smtpd(struct conf_loader *l)
{
	const struct conf_smtpd *s = &l->c->smtpd;
	const struct conf_pos *cert = &l->set[OPT_SMTPD_tls_cert];
	const struct conf_pos *key = &l->set[OPT_SMTPD_tls_key];

	if (cert->line != 0 && key->line == 0)
		conf_err(l, *cert, "smtpd: tls_cert is set without tls_key");
	if (key->line != 0 && cert->line == 0)
		conf_err(l, *key, "smtpd: tls_key is set without tls_cert");
	check_file(l, *cert, "smtpd: ", OPT_SMTPD_tls_cert, s->tls_cert);
	check_file(l, *key, "smtpd: ", OPT_SMTPD_tls_key, s->tls_key);
	check_twice(l, OPT_SMTPD_listen, &s->listen);
	if (s->listen.n == 0 && !l->set[OPT_SMTPD_listen].wrong)
		conf_warn(l, l->set[OPT_SMTPD_listen],
		    "smtpd: listen is empty; no mail will be accepted");
}

static void
check_web_files(struct conf_loader *l)
{
	const struct conf_web *w = &l->c->web;
	const struct conf_pos *cert = &l->set[OPT_WEB_tls_cert];
	const struct conf_pos *key = &l->set[OPT_WEB_tls_key];
	const struct conf_pos *ca = &l->set[OPT_WEB_client_ca];

	if (cert->line != 0 && key->line == 0)
		conf_err(l, *cert, "web: tls_cert is set without tls_key");
	if (key->line != 0 && cert->line == 0)
		conf_err(l, *key, "web: tls_key is set without tls_cert");
	if (ca->line != 0 && cert->line == 0 && key->line == 0)
		conf_err(l, *ca, "web: client_ca is set without tls_cert");
	check_file(l, *cert, "web: ", OPT_WEB_tls_cert, w->tls_cert);
	check_file(l, *key, "web: ", OPT_WEB_tls_key, w->tls_key);
	check_file(l, *ca, "web: ", OPT_WEB_client_ca, w->client_ca);
	check_file(l, l->set[OPT_WEB_basic_auth_file],
	    "web: ", OPT_WEB_basic_auth_file, w->basic_auth_file);
}

/* A listener that is not on loopback must have TLS and authentication, by
 * password or client certificate. A socket in the file system is protected by
 * its mode. */
static void
check_web(struct conf_loader *l)
{
	const struct conf_web *w = &l->c->web;
	bool asks = w->basic_auth_file != NULL || w->client_ca != NULL;
	const char *lacks = w->tls_cert == NULL ?
	    (asks ? "no TLS" : "no TLS and no authentication") :
	    "no authentication";
	const char *risk = asks ?
	    "anyone on the network path can read passwords and the status" :
	    "anyone who can reach it can read the status";
	char q[CONF_QUOTE_MAX];
	size_t i;

	check_twice(l, OPT_WEB_listen, &w->listen);
	check_web_files(l);
	if (w->tls_cert != NULL && asks)
		return;
	for (i = 0; i < w->listen.n; i++)
		if (conf_listen_path(&w->listen.a[i]) == NULL &&
		    !addr_is_loopback(&w->listen.a[i].addr))
			conf_warn(l,
			    conf_item_pos(l, l->set[OPT_WEB_listen], i),
			    "web: listen %s has %s; %s",
			    conf_quote(w->listen.a[i].text, q), lacks, risk);
}

/* A node's name may have the characters of a key of the store
 * (relay/store/store.h). */
static bool
is_node_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	/* a keyword of `mxwatchctl cluster move` */
	return n > 0 && n < 64 && strspn(name, good) == n &&
	    strcmp(name, "anywhere") != 0;
}

static void
check_cluster(struct conf_loader *l)
{
	const struct conf_cluster *c = &l->c->cluster;
	char q[CONF_QUOTE_MAX];

	if (c->engine == NULL && c->node == NULL)
		return;
	if (c->engine == NULL)
		conf_err(l, l->set[OPT_CLUSTER_node],
		    "cluster: node is set without engine");
	else if (c->node == NULL)
		conf_err(l, l->set[OPT_CLUSTER_engine],
		    "cluster: engine is set without node, the name of this "
		    "node");
	else if (!is_node_name(c->node))
		conf_err(l, l->set[OPT_CLUSTER_node],
		    "cluster: node %s is not valid; use up to 63 letters, "
		    "digits, -, _ and ., but not \"anywhere\"",
		    conf_quote(c->node, q));
#ifndef HAVE_LIBPQ
	if (c->engine != NULL)
		conf_err(l, l->set[OPT_CLUSTER_engine],
		    "cluster: this mxwatchd was built without PostgreSQL "
		    "(./configure --with-postgresql)");
#endif
	if (c->engine != NULL && c->wait_ms >= c->lease_ms)
		conf_warn(l, l->set[OPT_CLUSTER_wait],
		    "cluster: wait is not shorter than lease: a node may lose "
		    "its domains while clients still wait for it");
}

void
check_config(struct conf_loader *l)
{
	struct config *c = l->c;

	check_hostname(l);
	if (c->dsn.postmaster == NULL && c->hostname != NULL)
		c->dsn.postmaster = mem_printf("postmaster@%s", c->hostname);
	check_smtpd(l);
	check_web(l);
	check_domains(l);
	check_mx_backup(l);
	check_domains_from(l);
	check_resolver(l);
	check_file(l, l->set[OPT_FETCH_ca_file], "fetch: ", OPT_FETCH_ca_file,
	    c->fetch.ca_file);
	check_alerts(l);
	check_maintenance(l);
	check_cluster(l);
}
