/* SPDX-License-Identifier: ISC
 * http: one MHD daemon per address, each with its own thread. A new certificate
 * starts a second daemon on the same socket; the first accepts no more
 * connections and is stopped when the present ones have ended. */
#include "exporters/http_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "net/listen_socket.h"

#define HTTP_MEMORY_PER_CONNECTION 16384
#define HTTP_BACKLOG		   SOMAXCONN

/* ---- the servers */

/* Paths are compared as sent: no path of ours needs decoding, and "/metrics%00"
 * is not "/metrics". */
static size_t
leave_escaped(void *arg, struct MHD_Connection *c, char *s)
{
	(void)arg;
	(void)c;
	return strlen(s);
}

/* Counts the requests of a connection; MHD ends an idle one. */
static void
on_connection(void *arg MX_UNUSED, struct MHD_Connection *c MX_UNUSED,
    void **context, enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*context = mem_alloc(sizeof(unsigned));
	else
		mem_free(context);
}

/* Serves on a listening socket, which MHD then owns. The address is not given
 * as well: MHD 1.0 refuses that. NULL on failure. */
static struct MHD_Daemon *
start(struct http *h, int fd)
{
	const struct conf_web *conf = &h->conf->web;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
	    MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem more[8];
	struct MHD_Daemon *mhd;
	sigset_t before;
	size_t n = 0;

	if (h->tls.cert != NULL) {
		flags |= MHD_USE_TLS;
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT,
			0, h->tls.cert };
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY,
			0, h->tls.key };
		more[n++] =
		    (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			    (void *)(uintptr_t)HTTP_TLS_PRIORITIES };
	}
	if (h->tls.ca != NULL)
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST,
			0, h->tls.ca };
	more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	thread_signals_off(&before);
	mhd = MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)conf->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)((conf->timeout_ms + 999) / 1000),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTP_MEMORY_PER_CONNECTION, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, NULL, MHD_OPTION_NOTIFY_COMPLETED, http_on_end, h,
	    MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY,
	    more, MHD_OPTION_END);
	thread_signals_back(&before);
	return mhd;
}

/* The socket is opened here, since MHD does not report why it cannot: 1.0 loses
 * errno. The descriptor, or a negative code with *eb. */
static int
open_socket(struct server *s, const struct conf_listen *l, struct mx_errbuf *eb)
{
	const char *path = conf_listen_path(l);
	int fd, rc;

	if (path != NULL) {
		rc = local_socket_listen(&s->local, path, HTTP_BACKLOG, eb);
		if (rc != 0)
			return rc;
		fd = s->local.fd;
		s->local.fd = -1; /* MHD closes it */
		return fd;
	}
	fd = listen_socket(&l->addr);
	if (fd >= 0 && listen(fd, HTTP_BACKLOG) == 0)
		return fd;
	rc = mx_fail(eb, MX_ENET, "cannot serve HTTP on %s: %s", l->text,
	    strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* 0, or a negative code with *eb. */
static int
serve(struct http *h, struct server *s, const struct conf_listen *l,
    struct mx_errbuf *eb)
{
	int fd;

	s->listen = l;
	s->local.fd = -1;
	if ((fd = open_socket(s, l, eb)) < 0)
		return fd;
	s->daemon = start(h, fd);
	if (s->daemon == NULL)
		return mx_fail(eb, MX_ENET,
		    "cannot serve HTTP on %s: libmicrohttpd does not start; is "
		    "there a limit of threads, descriptors or memory?",
		    l->text);
	return 0;
}

struct http *
http_create(struct config *conf, struct snapshot_box *box,
    struct history *history, struct ledger *ledger, struct http_desk *desk,
    struct mx_errbuf *eb)
{
	const struct listenlist *list = &conf->web.listen;
	struct http *h = mem_alloc(sizeof(*h));

	h->conf = config_ref(conf);
	h->box = box;
	h->history = history;
	h->ledger = ledger;
	h->desk = desk;
	http_page_init(&h->page);
	h->hosts = http_hosts_create(conf);
	h->server = mem_array(list->n + 1, sizeof(h->server[0]));
	if (http_files_load(h, eb) != 0)
		goto fail;
	for (size_t i = 0; i < list->n; i++) {
		h->n++;
		if (serve(h, &h->server[i], &list->a[i], eb) != 0)
			goto fail;
	}
	return h;
fail:
	http_destroy(&h);
	return NULL;
}

void
http_destroy(struct http **hp)
{
	struct http *h = *hp;

	if (h == NULL)
		return;
	http_files_fini(h);
	http_desk_close(h->desk, h); /* a suspended connection blocks a stop */
	for (size_t i = 0; i < h->n; i++) {
		struct server *s = &h->server[i];

		if (s->retired != NULL)
			MHD_stop_daemon(s->retired);
		if (s->daemon != NULL)
			MHD_stop_daemon(s->daemon);
		local_socket_close(&s->local, conf_listen_path(s->listen));
	}
	http_desk_closed(h->desk);
	mem_free(&h->server);
	http_auth_destroy(&h->auth);
	http_tls_fini(&h->tls);
	http_page_fini(&h->page);
	http_hosts_destroy(&h->hosts);
	config_unref(&h->conf);
	mem_free(hp);
}

/* ---- renewal of the certificate */

static void
retire(struct http *h, struct server *s, int64_t now)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	struct MHD_Daemon *fresh;
	int fd = info != NULL ? dup(info->listen_fd) : -1;

	fresh = fd >= 0 ? start(h, fd) : NULL;
	if (fresh == NULL) {
		log_error("web",
		    "listen=%s problem=\"cannot serve with the new "
		    "certificate; the old one stays in force\"",
		    s->listen->text);
		return;
	}
	if (s->retired != NULL)
		MHD_stop_daemon(s->retired);
	fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0)
		close(fd);
	s->retired = s->daemon;
	s->retired_until = now + h->conf->web.timeout_ms * CLOCK_MS;
	s->daemon = fresh;
}

void
http_renew_tls(struct http *h, struct http_tls *fresh, int64_t now)
{
	http_tls_fini(&h->tls); /* MHD has copies of what it uses */
	h->tls = *fresh;
	*fresh = (struct http_tls){ 0 };
	for (size_t i = 0; i < h->n; i++)
		retire(h, &h->server[i], now);
}

static void
end_retired(struct http *h, int64_t now)
{
	const union MHD_DaemonInfo *info;

	for (size_t i = 0; i < h->n; i++) {
		struct server *s = &h->server[i];

		if (s->retired == NULL)
			continue;
		info = MHD_get_daemon_info(s->retired,
		    MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
		if (now < s->retired_until && info != NULL &&
		    info->num_connections > 0)
			continue;
		MHD_stop_daemon(s->retired);
		s->retired = NULL;
	}
}

void
http_tick(struct http *h, struct helper *helper, int64_t now)
{
	end_retired(h, now);
	http_files_look(h, helper, now);
}

bool
http_differs(const struct config *ca, const struct config *cb)
{
	const struct conf_web *a = &ca->web, *b = &cb->web;

	if (a->listen.n != b->listen.n ||
	    a->max_connections != b->max_connections ||
	    a->timeout_ms != b->timeout_ms || a->envelopes != b->envelopes ||
	    ca->metrics.per_domain != cb->metrics.per_domain ||
	    !text_equal(a->tls_cert, b->tls_cert) ||
	    !text_equal(a->tls_key, b->tls_key) ||
	    !text_equal(a->client_ca, b->client_ca) ||
	    !text_equal(a->basic_auth_file, b->basic_auth_file) ||
	    !text_equal(ca->hostname, cb->hostname) || a->hosts.n != b->hosts.n)
		return true;
	for (size_t i = 0; i < a->hosts.n; i++)
		if (strcmp(a->hosts.s[i], b->hosts.s[i]) != 0)
			return true;
	for (size_t i = 0; i < a->listen.n; i++)
		if (strcmp(a->listen.a[i].text, b->listen.a[i].text) != 0)
			return true;
	return false;
}
