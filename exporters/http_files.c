/* SPDX-License-Identifier: ISC
 * http_files: the certificate and the users, whose files may be replaced at any
 * time (net/renewal.h). */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "exporters/http_int.h"

/* ---- certificate */

static void *
load_tls(const char *const *path, struct mx_errbuf *eb)
{
	struct http_tls *t = mem_alloc(sizeof(*t));

	if (http_tls_load(t, path[0], path[1], path[2], eb) == 0)
		return t;
	mem_free(&t);
	return NULL;
}

static void
drop_tls(void *fresh)
{
	struct http_tls *t = fresh;

	http_tls_fini(t);
	mem_free(&t);
}

static void
take_tls(void *arg, void *fresh)
{
	struct http *h = arg;

	http_renew_tls(h, fresh, clock_now());
	log_notice("web", "tls=renewed cert=%s", log_q(h->conf->web.tls_cert));
	drop_tls(fresh);
}

static void
refuse_tls(void *arg MX_UNUSED, const char *why)
{
	log_error("web",
	    "problem=%s effect=\"the old certificate stays in force\"",
	    log_q(why));
}

static const struct renewal_kind tls_kind = { load_tls, drop_tls, take_tls,
	refuse_tls };

/* ---- users */

static void *
load_users(const char *const *path, struct mx_errbuf *eb)
{
	return auth_users_load(path[0], eb);
}

static void
drop_users(void *fresh)
{
	struct auth_users *users = fresh;

	auth_users_destroy(&users);
}

static void
take_users(void *arg, void *fresh)
{
	struct http *h = arg;
	struct auth_users *users = fresh;
	size_t n = auth_users_count(users);

	http_auth_replace(h->auth, &users);
	log_notice("web", "users=%zu file=%s", n,
	    log_q(h->conf->web.basic_auth_file));
}

static void
refuse_users(void *arg MX_UNUSED, const char *why)
{
	log_error("web", "problem=%s effect=\"the old users stay in force\"",
	    log_q(why));
}

static const struct renewal_kind users_kind = { load_users, drop_users,
	take_users, refuse_users };

/* ---- both */

int
http_files_load(struct http *h, struct mx_errbuf *eb)
{
	const struct conf_web *w = &h->conf->web;
	const char *pair[RENEWAL_FILES] = { w->tls_cert, w->tls_key,
		w->client_ca };
	const char *list[RENEWAL_FILES] = { w->basic_auth_file };
	struct auth_users *users;
	struct http_tls *t;

	if (w->tls_cert != NULL) {
		h->renew_tls = renewal_create(&tls_kind, pair);
		if ((t = renewal_load(h->renew_tls, eb)) == NULL)
			return -MX_ETLS;
		h->tls = *t;
		mem_free(&t);
	}
	if (w->basic_auth_file != NULL) {
		h->renew_users = renewal_create(&users_kind, list);
		if ((users = renewal_load(h->renew_users, eb)) == NULL)
			return -MX_ESYNTAX;
		h->auth = http_auth_create(&users);
	}
	return 0;
}

void
http_files_look(struct http *h, struct helper *helper, int64_t now)
{
	if (h->renew_tls != NULL)
		renewal_look(h->renew_tls, helper, h, now);
	if (h->renew_users != NULL)
		renewal_look(h->renew_users, helper, h, now);
}

bool
http_files_refused(const struct http *h)
{
	return h != NULL &&
	    (renewal_refused(h->renew_tls) || renewal_refused(h->renew_users));
}

void
http_files_fini(struct http *h)
{
	renewal_destroy(&h->renew_tls);
	renewal_destroy(&h->renew_users);
}
