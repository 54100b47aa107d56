/* SPDX-License-Identifier: ISC
 * preflight: see preflight.h. Files are read by a child process that
 * permanently becomes the user, as the daemon does; only this shows whether an
 * ACL, a folder of the path or a security module allows it. */
#include "daemon/preflight.h"

#include <sys/wait.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/source_spec.h"
#include "config/elsewhere.h"
#include "daemon/domains_from.h"
#include "daemon/file_check.h"
#include "daemon/findings.h"
#include "daemon/preflight_int.h"
#include "daemon/privileges.h"
#include "exporters/http_auth.h"
#include "exporters/http_tls.h"
#include "net/tls.h"
#include "relay/store/store.h"

struct preflight {
	struct config *c;
	struct conf_errors errs;
	/* Neither root nor the daemon's user: our own rights to write prove
	 * nothing about the daemon's. */
	bool stranger;
	bool spool_wrong; /* reported already */
};

/* Prints the findings; true: no errors. */
static bool
show(struct preflight *p)
{
	bool ok = p->errs.nfatal == 0;

	findings_print(&p->errs);
	conf_errors_fini(&p->errs);
	return ok;
}

static void
check_user(struct preflight *p)
{
	const struct passwd *pw = getpwnam(p->c->user), *we;
	uid_t uid = geteuid();

	if (uid == 0)
		return;
	if (pw == NULL) {
		finding(&p->errs, true, p->c->file, 0,
		    "user \"%s\" does not exist; the daemon would not start as "
		    "root",
		    p->c->user);
	} else if (pw->pw_uid != uid) {
		p->stranger = true;
		we = getpwuid(uid);
		finding(&p->errs, true, p->c->file, 0,
		    "files were checked as user \"%s\", but the daemon will "
		    "run as \"%s\"; run mxwatchd -n as root to check as that "
		    "user",
		    we != NULL ? we->pw_name : "without a name", p->c->user);
	}
}

/* Checks the paths that are created before the daemon becomes the user. */
static void
check_places(struct preflight *p)
{
	static const struct {
		const char *option;
		int (*check)(const struct config *, struct mx_errbuf *);
		bool by_unit; /* the systemd unit creates it */
	} place[] = {
		{ "spool", privileges_check_spool, false },
		{ "control", privileges_check_control, true },
		{ "log", privileges_check_log, false },
	};
	struct mx_errbuf why = { "" };
	bool by_unit;

	for (size_t i = 0; i < MX_COUNT(place); i++) {
		if (place[i].check(p->c, &why) == 0)
			continue;
		p->spool_wrong = p->spool_wrong || i == 0;
		by_unit = place[i].by_unit && geteuid() != 0;
		finding(&p->errs, p->stranger || by_unit, p->c->file, 0,
		    "%s: %s%s", place[i].option, why.text,
		    by_unit ? "; the systemd unit creates it "
			      "(RuntimeDirectory)" :
			      "");
	}
}

/* ---- in the child, as the user */

/* Checks the copy that a start would use. Findings are warnings: the daemon
 * keeps its last good domains, or starts without them. */
static void
check_domains_from(struct preflight *p)
{
	struct config *c = p->c;
	char *path = domains_from_path(c), *name = spec_name(c->domains_from);
	struct mx_errbuf eb = { "" };
	struct domain_texts *texts = domain_texts_load(path, &eb);
	struct conf_errors errs = { 0 };
	struct config *all = NULL;

	if (texts != NULL)
		all = elsewhere_join(c, texts, false, &errs);
	for (size_t i = 0; i < errs.n; i++)
		finding(&p->errs, true, errs.e[i].file, errs.e[i].line, "%s",
		    errs.e[i].text);
	if (all != NULL)
		printf("%s: %zu domains are in the last good copy\n", name,
		    elsewhere_count(all));
	else
		finding(&p->errs, true, name, 0,
		    "%s; its domains get no mail until it has been read",
		    eb.text[0] != '\0' ? eb.text :
			texts != NULL  ? "the last good copy is refused" :
					 "there is no last good copy");
	fflush(stdout);
	conf_errors_fini(&errs);
	config_unref(&all);
	domain_texts_unref(&texts);
	mem_free(&path);
	mem_free(&name);
}

static void
check_tls(struct preflight *p)
{
	const struct config *c = p->c;
	struct mx_errbuf why = { "" };
	struct auth_users *users;
	struct http_tls pem;
	struct tls_ctx *tls;

	if (c->smtpd.tls_cert != NULL && c->smtpd.tls_key != NULL) {
		tls = tls_server_create(c->smtpd.tls_cert, c->smtpd.tls_key,
		    &why);
		if (tls == NULL)
			finding(&p->errs, false, c->file, 0, "smtpd: %s",
			    why.text);
		tls_ctx_destroy(&tls);
	}
	if (c->web.tls_cert != NULL) {
		if (http_tls_load(&pem, c->web.tls_cert, c->web.tls_key,
			c->web.client_ca, &why) == 0)
			http_tls_fini(&pem);
		else
			finding(&p->errs, false, c->file, 0, "web: %s",
			    why.text);
	}
	if (c->web.basic_auth_file != NULL) {
		users = auth_users_load(c->web.basic_auth_file, &why);
		if (users == NULL)
			finding(&p->errs, false, c->file, 0, "web: %s",
			    why.text);
		auth_users_destroy(&users);
	}
	file_check_certificates(c, &p->errs);
}

static bool
check_as_user(struct preflight *p)
{
	struct mx_errbuf why = { "" };
	bool root = getuid() == 0;

	if (privileges_drop(p->c, &why) != 0) {
		finding(&p->errs, false, p->c->file, 0, "user: %s", why.text);
		return show(p);
	}
	/* The start creates a missing spool. */
	if (!p->spool_wrong &&
	    (access(p->c->spool, F_OK) == 0 || errno != ENOENT) &&
	    store_check_dir(p->c->spool, &why) != 0)
		finding(&p->errs, p->stranger, p->c->file, 0, "spool: %s",
		    why.text);
	if (root)
		preflight_web_rights(p->c, &p->errs);
	file_check_lists(p->c, UINT64_MAX, &p->errs);
	if (p->c->domains_from != NULL)
		check_domains_from(p);
	check_tls(p);
	return show(p);
}

static bool
fork_as_user(struct preflight *p)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) < 0) {
		finding(&p->errs, false, p->c->file, 0, "fork: %s",
		    strerror(errno));
		return show(p);
	}
	if (pid == 0)
		_exit(check_as_user(p) ? 0 : 1);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
preflight(struct config *c, bool ask_dns)
{
	struct preflight p = { .c = c };
	bool ok;

	/* The modules' messages about their work belong in a daemon's log
	 * only. */
	log_level_set(LOG_LEVEL_ERROR);
	check_user(&p);
	check_places(&p);
	preflight_ports(c, &p.errs);
	ok = show(&p);
	ok = fork_as_user(&p) && ok;
	preflight_redirects(c, &p.errs);
	if (ask_dns)
		preflight_names(c, &p.errs);
	return show(&p) && ok;
}
