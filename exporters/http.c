/* SPDX-License-Identifier: ISC
 * http: one MHD daemon an address, each with its own thread. A request makes
 * its answer from the newest snapshot and forgets it. No request body is
 * read, no query is looked at, no name from the request is used. */
#include "exporters/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/prometheus.h"
#include "status/status_json.h"

#define HTTP_MEMORY_PER_CONNECTION 16384
#define HTTP_METRICS_MAX	   (64u << 20)
/* The loop makes a snapshot every second: without one for this long it hangs. */
#define HTTP_STALE_MS 10000

struct http {
	struct snapshot_box *box;
	struct MHD_Daemon **daemon;
	size_t n;
};

struct answer {
	unsigned status;
	const char *type;
	char *body; /* freed by the response */
	size_t len;
};

static void
answer_text(struct answer *a, unsigned status, const char *text)
{
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	a->body = mem_strdup(text);
	a->len = strlen(text);
}

static void
page_metrics(const struct snapshot *s, int64_t now, struct answer *a)
{
	struct prometheus_options o = { PROMETHEUS_TEXT, true };
	struct buf out = BUF_INIT(HTTP_METRICS_MAX);

	if (prometheus_write(s, now, &o, &out) != 0) {
		buf_fini(&out);
		answer_text(a, MHD_HTTP_INTERNAL_SERVER_ERROR,
		    "the metrics are larger than 64 MiB\n");
		return;
	}
	a->status = MHD_HTTP_OK;
	a->type = PROMETHEUS_CONTENT_TYPE;
	a->len = out.len;
	a->body = buf_take(&out);
}

static void
page_status(const struct snapshot *s, int64_t now, struct answer *a)
{
	a->status = MHD_HTTP_OK;
	a->type = "application/json";
	a->body = status_json(s, now);
	a->len = strlen(a->body);
}

static void
page_healthy(const struct snapshot *s, int64_t now, struct answer *a)
{
	/* The wall clock may jump: only a snapshot from the past is stale. */
	if (now - s->wall_ms > HTTP_STALE_MS)
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "the main loop has not turned for 10 s\n");
	else
		answer_text(a, MHD_HTTP_OK, "healthy\n");
}

static void
page_ready(const struct snapshot *s, int64_t now, struct answer *a)
{
	char text[sizeof(s->not_ready) + 8];

	(void)now;
	if (s->ready) {
		answer_text(a, MHD_HTTP_OK, "ready\n");
		return;
	}
	snprintf(text, sizeof(text), "%s\n", s->not_ready);
	answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static void
page_root(const struct snapshot *s, int64_t now, struct answer *a)
{
	(void)s;
	(void)now;
	answer_text(a, MHD_HTTP_OK,
	    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
	    "<title>mxwatch</title><h1>mxwatch</h1><ul>"
	    "<li><a href=\"/metrics\">metrics</a>"
	    "<li><a href=\"/api/v1/status\">status (JSON)</a>"
	    "<li><a href=\"/-/healthy\">healthy</a>"
	    "<li><a href=\"/-/ready\">ready</a></ul></html>\n");
	a->type = "text/html; charset=utf-8";
}

static const struct {
	const char *path;
	void (*make)(const struct snapshot *, int64_t now, struct answer *);
} pages[] = {
	{ "/", page_root },
	{ "/metrics", page_metrics },
	{ "/api/v1/status", page_status },
	{ "/-/healthy", page_healthy },
	{ "/-/ready", page_ready },
	{ "/healthz", page_healthy },
	{ "/readyz", page_ready },
};

static void
make_answer(struct http *h, const char *path, struct answer *a)
{
	struct snapshot *s = snapshot_box_get(h->box);

	if (s == NULL) {
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, "starting\n");
		return;
	}
	answer_text(a, MHD_HTTP_NOT_FOUND, "no such page\n");
	for (size_t i = 0; i < MX_COUNT(pages); i++) {
		if (strcmp(path, pages[i].path) != 0)
			continue;
		mem_free(&a->body);
		pages[i].make(s, clock_wall_ms(), a);
		break;
	}
	snapshot_unref(&s);
}

static enum MHD_Result
reply(struct MHD_Connection *c, const struct answer *a)
{
	struct MHD_Response *r;
	enum MHD_Result rc;

	r = MHD_create_response_from_buffer(a->len, a->body,
	    MHD_RESPMEM_MUST_FREE);
	if (r == NULL) {
		free(a->body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	rc = MHD_queue_response(c, a->status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *body_len,
    void **state)
{
	struct http *h = arg;
	struct answer a = { 0 };

	(void)version;
	(void)body;
	(void)state;
	*body_len = 0; /* whatever was sent is dropped */
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		answer_text(&a, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "only GET and HEAD here\n");
	else
		make_answer(h, url, &a);
	return reply(c, &a);
}

static int
http_add(struct http *h, const struct conf_web *conf,
    const struct conf_listen *l, struct mx_errbuf *eb)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;
	struct MHD_Daemon *d;

	if (l->addr.u.sa.sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	d = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h,
	    MHD_OPTION_SOCK_ADDR, &l->addr.u.sa, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)conf->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)(conf->timeout_ms / 1000),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTP_MEMORY_PER_CONNECTION,
	    MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
	if (d == NULL)
		return mx_fail(eb, MX_ENET, "cannot serve HTTP on %s: %s",
		    l->text, strerror(errno));
	h->daemon[h->n++] = d;
	return 0;
}

struct http *
http_create(const struct conf_web *conf, struct snapshot_box *box,
    struct mx_errbuf *eb)
{
	struct http *h = mem_alloc(sizeof(*h));

	h->box = box;
	h->daemon = mem_array(conf->listen.n + 1, sizeof(h->daemon[0]));
	for (size_t i = 0; i < conf->listen.n; i++) {
		if (http_add(h, conf, &conf->listen.a[i], eb) != 0) {
			http_destroy(&h);
			return NULL;
		}
	}
	return h;
}

void
http_destroy(struct http **hp)
{
	struct http *h = *hp;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		MHD_stop_daemon(h->daemon[i]);
	mem_free(&h->daemon);
	mem_free(hp);
}
