/* SPDX-License-Identifier: ISC
 * http_files: the certificate and the users, which somebody may replace at any
 * time. The helper thread looks whether they are others than those that were
 * read, and reads them; the loop takes what it found. */
#include <sys/stat.h>

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "exporters/http_int.h"

/* One look. The thread's, with its reference to the configuration, from
 * http_files_look() until on_looked(). */
struct http_look {
	struct helper_job job; /* first */
	struct http *http; /* NULL: it is gone meanwhile; loop thread */
	struct config *conf;
	struct http_files files; /* as they were, then as they are */
	/* Files that were read because they are other ones; `fresh.cert` and
	 * `list` are NULL when it was not, or is of no use (`why`). */
	struct http_tls fresh;
	int tls_rc;
	struct auth_users *list;
	struct mx_errbuf tls_why, users_why;
};

static struct http_stamp
stamp_of(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		return (struct http_stamp){ 0, 0, 0 };
	return (struct http_stamp){ (int64_t)st.st_mtim.tv_sec * CLOCK_SEC +
		    st.st_mtim.tv_nsec,
		st.st_size, st.st_ino };
}

/* True when the file is another one than at the last call. One that is gone
 * is no other one: somebody is just replacing it. */
static bool
stamp_moved(struct http_stamp *s, const char *path)
{
	struct http_stamp now = stamp_of(path);

	if (now.ino == 0 || memcmp(s, &now, sizeof(now)) == 0)
		return false;
	*s = now;
	return true;
}

unsigned
http_files_moved(struct http_files *f, const struct conf_web *w)
{
	bool tls = stamp_moved(&f->cert, w->tls_cert);

	tls |= stamp_moved(&f->key, w->tls_key);
	tls |= stamp_moved(&f->ca, w->client_ca);
	return (tls ? HTTP_FILES_TLS : 0u) |
	    (stamp_moved(&f->users, w->basic_auth_file) ? HTTP_FILES_USERS :
							  0u);
}

/* ---- in the thread */

static void
run_look(struct helper_job *job)
{
	struct http_look *l = (struct http_look *)job;
	const struct conf_web *w = &l->conf->web;
	unsigned moved = http_files_moved(&l->files, w);

	if ((moved & HTTP_FILES_TLS) != 0)
		l->tls_rc = http_tls_load(&l->fresh, w, &l->tls_why);
	if ((moved & HTTP_FILES_USERS) != 0)
		l->list = auth_users_load(w->basic_auth_file, &l->users_why);
}

/* ---- on the loop */

static void
drop_look(struct helper_job *job)
{
	struct http_look *l = (struct http_look *)job;

	if (l->http != NULL)
		l->http->look = NULL;
	http_tls_fini(&l->fresh);
	auth_users_destroy(&l->list);
	config_unref(&l->conf);
	mem_free(&l);
}

static void
take_users(struct http *h, struct auth_users **list)
{
	size_t n = auth_users_count(*list);

	http_auth_replace(h->auth, list);
	log_notice("web", "users=%zu file=%s", n,
	    log_q(h->conf->web.basic_auth_file));
}

static void
on_looked(struct helper_job *job)
{
	struct http_look *l = (struct http_look *)job;
	struct http *h = l->http;

	if (h == NULL) {
		drop_look(job);
		return;
	}
	h->files = l->files;
	if (l->fresh.cert != NULL) {
		http_renew_tls(h, &l->fresh, clock_now());
		log_notice("web", "tls=renewed cert=%s",
		    log_q(h->conf->web.tls_cert));
	} else if (l->tls_rc != 0) {
		log_error("web",
		    "problem=%s effect=\"the old certificate"
		    " stays\"",
		    log_q(l->tls_why.text));
	}
	if (l->list != NULL)
		take_users(h, &l->list);
	else if (l->users_why.text[0] != '\0')
		log_error("web", "problem=%s effect=\"the users before stay\"",
		    log_q(l->users_why.text));
	drop_look(job);
}

void
http_files_look(struct http *h, struct helper *helper)
{
	struct http_look *l = mem_alloc(sizeof(*l));

	l->job.run = run_look;
	l->job.done = on_looked;
	l->job.drop = drop_look;
	l->http = h;
	l->conf = config_ref(h->conf);
	l->files = h->files;
	h->look = l;
	helper_do(helper, &l->job);
}

void
http_files_forget(struct http *h)
{
	if (h->look == NULL)
		return;
	h->look->http = NULL;
	h->look = NULL;
}
