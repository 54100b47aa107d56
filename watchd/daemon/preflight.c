/* SPDX-License-Identifier: ISC
 * preflight: see preflight.h. Files are read by a process that really becomes
 * the user, for good, as the daemon does; nothing else shows whether an ACL, a
 * folder on the way or a security module lets it. */
#include "daemon/preflight.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/source_spec.h"
#include "base/text.h"
#include "config/elsewhere.h"
#include "daemon/domains_from.h"
#include "daemon/privileges.h"
#include "exporters/http_auth.h"
#include "exporters/http_tls.h"
#include "net/tls.h"
#include "relay/smtpd/recipients.h"
#include "relay/smtpd/recipients_keep.h"

static bool
fault(const struct config *c, const char *section, const char *why)
{
	fprintf(stderr, "%s: error: %s: %s\n", c->file, section, why);
	return false;
}

static void
unchecked(const struct config *c, const char *what)
{
	fprintf(stderr, "%s: warning: not checked: %s\n", c->file, what);
}

/* ---- ports */

/* Whether it is a daemon with this control socket that has the ports. One that
 * does not let us connect is one. */
static bool
daemon_runs(const struct config *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool runs = false;

	if (fd < 0)
		return false;
	if (strlcpy(sun.sun_path, c->control, sizeof(sun.sun_path)) <
	    sizeof(sun.sun_path))
		runs = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
		    errno == EACCES;
	close(fd);
	return runs;
}

/* 0, or errno of the call that failed. */
static int
try_bind(const struct net_addr *addr)
{
	int family = addr->u.sa.sa_family, one = 1, error = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
		    sizeof(one));
	if (bind(fd, &addr->u.sa, addr->len) != 0)
		error = errno;
	close(fd);
	return error;
}

static bool
check_listen(const struct config *c, const char *section,
    const struct listenlist *list, bool running)
{
	char text[ADDR_TEXT_MAX], why[ADDR_TEXT_MAX + 128];
	bool ok = true;
	int error;

	for (size_t i = 0; i < list->n; i++) {
		if (conf_listen_path(&list->a[i]) != NULL)
			continue;
		if (list->usual &&
		    !addr_family_there(list->a[i].addr.u.sa.sa_family))
			continue;
		error = try_bind(&list->a[i].addr);
		if (error == 0 || (error == EADDRINUSE && running))
			continue;
		snprintf(why, sizeof(why), "cannot listen on %s: %s",
		    addr_text_port(&list->a[i].addr, text), strerror(error));
		if (error == EACCES && geteuid() != 0)
			unchecked(c, why);
		else
			ok = fault(c, section, why);
	}
	return ok;
}

/* ---- files, in the child */

/* The beginning of a warning about a list. */
static void
warn_at(const char *path, unsigned line)
{
	fprintf(stderr, "%s:", path);
	if (line != 0)
		fprintf(stderr, "%u:", line);
	fputs(" warning: ", stderr);
}

/* The file in which the list is, or is fetched to. NULL: nothing is there yet. */
static char *
file_of(const struct config *conf, const char *source)
{
	char *folder, *path;

	if (!spec_is_source(source))
		return mem_strdup(source);
	folder = mem_printf("%s/recipients", conf->spool);
	path = keep_fetched(folder, source);
	mem_free(&folder);
	if (access(path, F_OK) != 0)
		mem_free(&path);
	return path;
}

static void
check_recipients_file(const char *path, const char *name,
    const struct conf_domain *const *d, size_t n)
{
	struct mx_errbuf eb = { "" };
	unsigned line;
	struct rcpt_table *t = recipients_read(path, &line, &eb);

	if (t == NULL) {
		warn_at(name, line);
		fprintf(stderr,
		    "%s; until this is mended, a start goes by the last good "
		    "copy of it, and answers 451 where there is none\n",
		    eb.text);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (rcpt_table_has_domain(t, d[i]->name))
			continue;
		warn_at(name, 0);
		fprintf(stderr,
		    "it has no entry of %s: its recipients are answered with "
		    "451\n",
		    d[i]->name);
	}
	rcpt_table_destroy(&t);
}

/* The list of n domains, which name the same one. A daemon keeps the last good
 * one, over a restart too: it is a warning. */
static void
check_list(const struct config *conf, const struct conf_domain *const *d,
    size_t n)
{
	char *name = spec_name(d[0]->recipients);
	char *path = file_of(conf, d[0]->recipients);

	if (path != NULL) {
		check_recipients_file(path, name, d, n);
	} else {
		warn_at(name, 0);
		fprintf(stderr,
		    "nothing was fetched from there yet: its domains are "
		    "answered with 451 until then\n");
	}
	mem_free(&path);
	mem_free(&name);
}

static int
compare_recipients(const void *va, const void *vb)
{
	const struct conf_domain *const *a = va, *const *b = vb;

	return strcmp((*a)->recipients, (*b)->recipients);
}

/* Domains that name the same list share it. */
static void
check_recipients(const struct config *conf)
{
	const struct conf_domain **d =
	    mem_array(conf->ndomains + 1, sizeof(*d));
	size_t i, n = 0, from = 0;

	for (i = 0; i < conf->ndomains; i++)
		if (conf->domain[i].recipients != NULL)
			d[n++] = &conf->domain[i];
	qsort(d, n, sizeof(*d), compare_recipients);
	for (i = 1; i <= n; i++) {
		if (i < n && compare_recipients(&d[i], &d[from]) == 0)
			continue;
		check_list(conf, d + from, i - from);
		from = i;
	}
	mem_free(&d);
}

/* What a start would go by. Wrong there is a warning: the daemon goes by what it
 * has, or without those domains. */
static void
check_domains_from(struct config *c)
{
	char *path = domains_from_path(c), *name = spec_name(c->domains_from);
	struct mx_errbuf eb = { "" };
	struct domain_texts *texts = domain_texts_load(path, &eb);
	struct conf_errors errs = { 0 };
	struct config *all = NULL;

	if (texts != NULL)
		all = elsewhere_join(c, texts, false, &errs);
	for (size_t i = 0; i < errs.n; i++) {
		warn_at(errs.e[i].file, errs.e[i].line);
		fprintf(stderr, "%s\n", errs.e[i].text);
	}
	if (all != NULL)
		printf("%s: %zu domains are in the last good copy\n", name,
		    elsewhere_count(all));
	else
		fprintf(stderr,
		    "%s: warning: %s; none of its domains gets "
		    "mail until it has been read\n",
		    name,
		    eb.text[0] != '\0' ? eb.text :
			texts != NULL  ? "the last good copy is refused" :
					 "nothing is known of it yet");
	fflush(stdout);
	conf_errors_fini(&errs);
	config_unref(&all);
	domain_texts_unref(&texts);
	mem_free(&path);
	mem_free(&name);
}

static bool
check_tls(const struct config *c)
{
	struct mx_errbuf why = { "" };
	struct auth_users *users;
	struct http_tls pem;
	struct tls_ctx *tls;
	bool ok = true;

	if (c->smtpd.tls_cert != NULL && c->smtpd.tls_key != NULL) {
		tls = tls_server_create(c->smtpd.tls_cert, c->smtpd.tls_key,
		    &why);
		if (tls == NULL)
			ok = fault(c, "smtpd", why.text);
		tls_ctx_destroy(&tls);
	}
	if (c->web.tls_cert != NULL) {
		if (http_tls_load(&pem, c->web.tls_cert, c->web.tls_key,
			c->web.client_ca, &why) == 0)
			http_tls_fini(&pem);
		else
			ok = fault(c, "web", why.text);
	}
	if (c->web.basic_auth_file == NULL)
		return ok;
	users = auth_users_load(c->web.basic_auth_file, &why);
	if (users == NULL)
		ok = fault(c, "web", why.text);
	auth_users_destroy(&users);
	return ok;
}

static bool
check_files(struct config *c)
{
	struct mx_errbuf why = { "" };

	if (privileges_drop(c, &why) != 0)
		return fault(c, "user", why.text);
	check_recipients(c);
	if (c->domains_from != NULL)
		check_domains_from(c);
	return check_tls(c);
}

static bool
check_files_as_user(struct config *c)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) < 0)
		return fault(c, "fork", strerror(errno));
	if (pid == 0)
		_exit(check_files(c) ? 0 : 1);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
preflight(struct config *c)
{
	const struct passwd *pw = getpwnam(c->user);
	bool running = daemon_runs(c), ok;

	if (geteuid() != 0 && (pw == NULL || pw->pw_uid != geteuid()))
		unchecked(c,
		    "what the user of the daemon may read; try it as root");
	ok = check_listen(c, "smtpd: listen", &c->smtpd.listen, running);
	ok = check_listen(c, "web: listen", &c->web.listen, running) && ok;
	return check_files_as_user(c) && ok;
}
