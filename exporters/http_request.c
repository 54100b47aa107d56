/* SPDX-License-Identifier: ISC
 * http_request: makes the answer to a request: whether the client may see it,
 * which page, in which form. No request body is read, and no name in a request
 * is opened as a file. Runs on the thread of the address; all data that it
 * reads are immutable, have a lock of their own, or are atomic. */
#include "exporters/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/gzip.h"
#include "exporters/http_accept.h"
#include "exporters/http_stream.h"
#include "exporters/prometheus.h"
#include "status/status_json.h"

/* With more domains a document is made while it is sent. */
#define HTTP_STREAM_DOMAINS 1000
/* The loop makes a snapshot every second: it hangs if the last one is older. */
#define HTTP_STALE (10 * CLOCK_SEC)

/* For one connection. */
#define HTTP_REQUESTS_MAX 1000
/* The maximum number of domains in a request for the history. */
#define HISTORY_NAMES 64

struct answer {
	unsigned status;
	const char *type;
	const char *fixed; /* static, in place of body */
	char *body; /* freed by the response */
	size_t len;
	struct http_source source; /* a stream, in place of body */
	bool gzip; /* body is compressed */
	bool page; /* the status page: its own headers */
	bool asks; /* no answer yet: the question goes to the loop */
	struct http_question question;
};

/* ---- the pages */

static void
answer_text(struct answer *a, unsigned status, const char *text)
{
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	a->body = mem_strdup(text);
	a->len = strlen(text);
}

/* Takes over the text: JSON if the status is 200, else a sentence. */
static void
answer_made(struct answer *a, unsigned status, char *text)
{
	a->status = status;
	a->type = status == MHD_HTTP_OK ? "application/json" :
					  "text/plain; charset=utf-8";
	a->body = text;
	a->len = strlen(text);
}

static void
answer_json(struct answer *a, char *text)
{
	answer_made(a, MHD_HTTP_OK, text);
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

const char *
http_argument(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
}

struct request {
	struct http *h;
	struct MHD_Connection *c;
	struct snapshot *s;
	int64_t now_ms;
};

static bool
is_long(const struct request *r)
{
	return r->s->domains.n > HTTP_STREAM_DOMAINS;
}

static int
next_metrics(void *arg, struct buf *out)
{
	return prometheus_next(arg, out);
}

static void
end_metrics(void *arg)
{
	struct exposition *e = arg;

	prometheus_end(&e);
}

static void
page_metrics(const struct request *r, struct answer *a)
{
	struct prometheus_options o = {
		.format =
		    http_accept_format(header(r->c, MHD_HTTP_HEADER_ACCEPT)),
		.per_domain = r->h->conf->metrics.per_domain,
	};
	struct buf out = BUF_INIT(HTTP_PIECE_MAX);
	struct exposition *e;
	int rc = prometheus_begin(&e, r->s, r->now_ms, &o);

	a->type = o.format == PROMETHEUS_OPENMETRICS ?
	    OPENMETRICS_CONTENT_TYPE :
	    PROMETHEUS_CONTENT_TYPE;
	a->status = MHD_HTTP_OK;
	if (rc == 0 && is_long(r)) {
		a->source =
		    (struct http_source){ next_metrics, end_metrics, e };
		return;
	}
	while (rc == 0)
		rc = prometheus_next(e, &out);
	prometheus_end(&e);
	if (rc < 0) {
		buf_fini(&out);
		answer_text(a, MHD_HTTP_INTERNAL_SERVER_ERROR,
		    "the metrics are too large\n");
		return;
	}
	a->len = out.len;
	a->body = buf_take(&out);
}

struct status_stream {
	struct snapshot *s;
	int64_t now_ms;
	struct status_walk walk;
};

static int
next_status(void *arg, struct buf *out)
{
	struct status_stream *st = arg;

	return status_json_next(&st->walk, st->s, st->now_ms, out);
}

static void
end_status(void *arg)
{
	struct status_stream *st = arg;

	snapshot_unref(&st->s);
	mem_free(&st);
}

static void
answer_one_domain(const struct request *r, const char *name, struct answer *a)
{
	char domain[TEXT_DOMAIN_MAX];
	const struct snap_domain *d = NULL;

	if (text_domain(name, strlen(name), domain) == 0)
		d = snapshot_find(r->s, domain);
	if (d == NULL) {
		answer_text(a, MHD_HTTP_NOT_FOUND, "no such domain\n");
		return;
	}
	answer_json(a, json_print(status_json_one(r->s, d, r->now_ms)));
}

/* ?domain=NAME: only this one; ?brief=1: see status_brief.h. */
static void
page_status(const struct request *r, struct answer *a)
{
	const char *domain = http_argument(r->c, "domain");
	bool brief = http_argument(r->c, "brief") != NULL;
	struct status_stream *st;

	if (domain != NULL) {
		answer_one_domain(r, domain, a);
		return;
	}
	if (!is_long(r)) {
		answer_json(a, status_json(r->s, r->now_ms, brief));
		return;
	}
	st = mem_alloc(sizeof(*st));
	st->s = snapshot_ref(r->s);
	st->now_ms = r->now_ms;
	st->walk.brief = brief;
	a->status = MHD_HTTP_OK;
	a->type = "application/json";
	a->source = (struct http_source){ next_status, end_status, st };
}

struct history_names {
	char name[HISTORY_NAMES][TEXT_DOMAIN_MAX];
	const char *list[HISTORY_NAMES];
	unsigned n, asked;
};

static enum MHD_Result
take_name(void *arg, enum MHD_ValueKind kind MX_UNUSED, const char *key,
    const char *value)
{
	struct history_names *of = arg;

	if (strcmp(key, "domain") != 0)
		return MHD_YES;
	of->asked++;
	if (of->n < HISTORY_NAMES && value != NULL &&
	    text_domain(value, strlen(value), of->name[of->n]) == 0) {
		of->list[of->n] = of->name[of->n];
		of->n++;
	}
	return MHD_YES;
}

/* ?domain=NAME, possibly repeated: only these. */
static void
page_history(const struct request *r, struct answer *a)
{
	struct history_names of = { .n = 0 };

	MHD_get_connection_values(r->c, MHD_GET_ARGUMENT_KIND, take_name, &of);
	if (of.asked > HISTORY_NAMES)
		answer_text(a, MHD_HTTP_BAD_REQUEST, "too many domains\n");
	else if (of.asked > 0)
		answer_json(a,
		    history_json_of(r->h->history, of.list, of.n, r->now_ms));
	else
		answer_json(a, history_json(r->h->history, r->now_ms));
}

static void
ask(const struct request *r, struct answer *a, enum http_question_kind kind)
{
	const char *why;
	unsigned status = http_question(r->h, r->c, kind, &a->question, &why);

	if (status != 0)
		answer_text(a, status, why);
	else
		a->asks = true;
}

static void
page_why(const struct request *r, struct answer *a)
{
	ask(r, a, HTTP_QUESTION_WHY);
}

static void
page_ages(const struct request *r, struct answer *a)
{
	ask(r, a, HTTP_QUESTION_AGES);
}

static void
page_messages(const struct request *r, struct answer *a)
{
	ask(r, a, HTTP_QUESTION_MESSAGES);
}

static void
page_outages(const struct request *r, struct answer *a)
{
	char *text;
	unsigned status = http_outages(r->h, r->c, &text);

	answer_made(a, status, text);
}

static void
page_healthy(const struct request *r, struct answer *a)
{
	if (clock_now() - r->s->made > HTTP_STALE)
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "the main loop has been stuck for 10 s\n");
	else
		answer_text(a, MHD_HTTP_OK, "healthy\n");
}

static void
page_ready(const struct request *r, struct answer *a)
{
	char text[sizeof(r->s->not_ready) + 8];

	if (r->s->ready) {
		answer_text(a, MHD_HTTP_OK, "ready\n");
		return;
	}
	snprintf(text, sizeof(text), "%s\n", r->s->not_ready);
	answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static void
page_root(const struct request *r, struct answer *a)
{
	const struct http_page *p = &r->h->page;

	a->page = true;
	a->type = "text/html; charset=utf-8";
	a->fixed = p->html;
	if (http_accept_known(header(r->c, MHD_HTTP_HEADER_IF_NONE_MATCH),
		p->etag)) {
		a->status = MHD_HTTP_NOT_MODIFIED;
		return;
	}
	a->status = MHD_HTTP_OK;
	a->len = p->len;
	if (p->gzip != NULL &&
	    http_accept_gzip(header(r->c, MHD_HTTP_HEADER_ACCEPT_ENCODING))) {
		a->fixed = p->gzip;
		a->len = p->gzip_len;
		a->gzip = true;
	}
}

static const struct {
	const char *path;
	void (*make)(const struct request *, struct answer *);
} pages[] = {
	{ "/", page_root },
	{ "/metrics", page_metrics },
	{ "/api/v1/status", page_status },
	{ "/api/v1/history", page_history },
	{ "/api/v1/outages", page_outages },
	{ "/api/v1/why", page_why },
	{ "/api/v1/ages", page_ages },
	{ "/api/v1/messages", page_messages },
	{ "/-/healthy", page_healthy },
	{ "/-/ready", page_ready },
	{ "/healthz", page_healthy },
	{ "/readyz", page_ready },
};

static void
make_answer(struct http *h, struct MHD_Connection *c, const char *path,
    struct answer *a)
{
	struct snapshot *s = snapshot_box_get(h->box);
	struct request r = { h, c, s, clock_wall_ms() };
	size_t i, n = MX_COUNT(pages);

	for (i = 0; i < n && strcmp(path, pages[i].path) != 0; i++)
		;
	if (i == n)
		answer_text(a, MHD_HTTP_NOT_FOUND, "no such page\n");
	else if (s == NULL)
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, "starting\n");
	else
		pages[i].make(&r, a);
	snapshot_unref(&s);
}

/* ---- requests */

static void
compress(struct MHD_Connection *c, struct answer *a)
{
	size_t len;
	char *z;

	if (!http_accept_gzip(header(c, MHD_HTTP_HEADER_ACCEPT_ENCODING)))
		return;
	if (a->source.next != NULL)
		a->gzip = true;
	if (a->body == NULL || a->len < GZIP_MIN)
		return;
	if ((z = gzip_make(a->body, a->len, &len)) == NULL)
		return;
	mem_free(&a->body);
	a->body = z;
	a->len = len;
	a->gzip = true;
}

/* Limits the requests of a connection, so that a client that never disconnects
 * does not keep its place. */
static bool
is_last(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	unsigned *n = info != NULL ? info->socket_context : NULL;

	return n == NULL || ++*n >= HTTP_REQUESTS_MAX;
}

static void
add_headers(const struct http *h, struct MHD_Response *r,
    const struct answer *a)
{
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL,
	    a->page ? "no-cache" : "no-store");
	MHD_add_response_header(r, MHD_HTTP_HEADER_VARY,
	    "Accept, Accept-Encoding");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (a->gzip)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING,
		    "gzip");
	if (a->page) {
		MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, h->page.etag);
		MHD_add_response_header(r, "Content-Security-Policy",
		    h->page.policy);
		MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	}
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (a->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Basic realm=\"mxwatch\", charset=\"UTF-8\"");
	if (a->status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "10");
}

static enum MHD_Result
reply(const struct http *h, struct MHD_Connection *c, struct answer *a)
{
	struct MHD_Response *r;
	enum MHD_Result rc;

	if (a->source.next != NULL)
		r = http_stream(&a->source, a->gzip);
	else if (a->fixed != NULL)
		r = MHD_create_response_from_buffer(a->len,
		    (void *)(uintptr_t)a->fixed, MHD_RESPMEM_PERSISTENT);
	else
		r = MHD_create_response_from_buffer(a->len, a->body,
		    MHD_RESPMEM_MUST_FREE);
	if (r == NULL) {
		mem_free(&a->body);
		return MHD_NO;
	}
	add_headers(h, r, a);
	if (is_last(c))
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	rc = MHD_queue_response(c, a->status, r);
	MHD_destroy_response(r);
	return rc;
}

/* The Host headers of a request. */
struct host_header {
	const char *value;
	unsigned n;
};

bool
http_client(struct MHD_Connection *c, struct net_addr *a)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info != NULL ? info->client_addr : NULL;

	*a = (struct net_addr){ .len = 0 };
	if (sa == NULL ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return false;
	a->len = sa->sa_family == AF_INET6 ? sizeof(a->u.in6) : sizeof(a->u.in);
	memcpy(&a->u, sa, a->len);
	return true;
}

static uint64_t
client_key(struct MHD_Connection *c)
{
	struct net_addr a;

	/* all clients of a socket in the file system are one */
	return http_client(c, &a) ? addr_client_key(&a) : 0;
}

static enum MHD_Result
keep_host(void *arg, enum MHD_ValueKind kind MX_UNUSED, const char *key,
    const char *value)
{
	struct host_header *host = arg;

	if (strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0) {
		host->value = value != NULL ? value : "";
		host->n++;
	}
	return MHD_YES;
}

/* Whether the request is meant for this server (RFC 9112 3.2, 3.2.2); if not,
 * the answer is set. A socket in the file system is for a proxy, which may send
 * any name: no browser can reach it. */
static bool
is_meant(struct http *h, struct MHD_Connection *c, const char *version,
    const char *authority, size_t len, struct answer *a)
{
	enum http_host_verdict v = HTTP_HOST_OURS;
	struct host_header host = { NULL, 0 };
	struct net_addr from;
	bool any = !http_client(c, &from);

	MHD_get_connection_values(c, MHD_HEADER_KIND, keep_host, &host);
	if (host.n > 1 ||
	    (host.n == 0 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0))
		v = HTTP_HOST_WRONG;
	else if (host.n == 1)
		v = http_host_judge(h->hosts, host.value, strlen(host.value),
		    any);
	if (authority != NULL && v != HTTP_HOST_WRONG)
		v = http_host_judge(h->hosts, authority, len, any);
	if (v == HTTP_HOST_WRONG)
		answer_text(a, MHD_HTTP_BAD_REQUEST,
		    "the request needs one Host, with a name or an address\n");
	else if (v == HTTP_HOST_UNKNOWN)
		answer_text(a, MHD_HTTP_MISDIRECTED_REQUEST,
		    "not a name of this server; see web { hosts } in "
		    "mxwatchd.conf(5)\n");
	return v == HTTP_HOST_OURS;
}

/* Whether the client is authorized; if not, the answer is set. */
static bool
admit(struct http *h, struct MHD_Connection *c, struct answer *a)
{
	const union MHD_ConnectionInfo *info;

	if (h->conf->web.client_ca != NULL) {
		info = MHD_get_connection_info(c,
		    MHD_CONNECTION_INFO_GNUTLS_SESSION);
		if (info == NULL || !http_tls_client_ok(info->tls_session)) {
			answer_text(a, MHD_HTTP_FORBIDDEN,
			    "a client certificate is required\n");
			return false;
		}
	}
	if (h->auth == NULL)
		return true;
	switch (
	    http_auth_check(h->auth, header(c, MHD_HTTP_HEADER_AUTHORIZATION),
		client_key(c), clock_now())) {
	case AUTH_OK:
		return true;
	case AUTH_TOO_MANY:
		answer_text(a, MHD_HTTP_TOO_MANY_REQUESTS,
		    "too many wrong passwords\n");
		return false;
	case AUTH_WRONG:
		break;
	}
	answer_text(a, MHD_HTTP_UNAUTHORIZED, "a password is required\n");
	return false;
}

/* A body is not read: the answer to the head ends the connection. */
static bool
has_body(struct MHD_Connection *c)
{
	const char *len = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ||
	    (len != NULL && strspn(len, "0") != strlen(len));
}

/* Sets the answer that the loop, or a time-out, has given. False: none yet. */
static bool
answered(struct http *h, struct MHD_Connection *c, void **state,
    struct answer *a)
{
	struct http_asker *asker = *state;
	unsigned status;
	char *text = http_desk_take(h->desk, &asker, &status);

	if (text == NULL)
		return false;
	*state = h;
	answer_made(a, status, text);
	compress(c, a);
	return true;
}

/* True: the connection is suspended until the loop answers. */
static bool
asked(struct http *h, struct MHD_Connection *c, void **state, struct answer *a)
{
	struct http_asker *asker;

	if (*state == NULL) { /* MHD has not read its body */
		answer_text(a, MHD_HTTP_BAD_REQUEST,
		    "a request body is not supported\n");
		return false;
	}
	asker = http_desk_ask(h->desk, h, c, &a->question);
	if (asker == NULL) {
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too many requests for details; try again\n");
		return false;
	}
	*state = asker;
	return true;
}

void
http_on_end(void *arg, struct MHD_Connection *c MX_UNUSED, void **state,
    enum MHD_RequestTerminationCode code MX_UNUSED)
{
	struct http *h = arg;
	struct http_asker *asker = *state;

	if (*state != h)
		http_desk_forget(h->desk, &asker);
	*state = NULL;
}

enum MHD_Result
http_on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *body_len,
    void **state)
{
	struct http *h = arg;
	struct answer a = { 0 };
	const char *authority, *path;
	size_t len;

	(void)body;
	*body_len = 0; /* any body is discarded */
	/* MHD closes the connection after an answer that comes before the end
	 * of the request. It calls twice for each request: after its head, and
	 * at its end. */
	if (*state == NULL && !has_body(c)) {
		*state = h;
		return MHD_YES;
	}
	if (*state != NULL && *state != h)
		return answered(h, c, state, &a) ? reply(h, c, &a) : MHD_YES;
	path = http_target(url, &authority, &len);
	if (is_meant(h, c, version, authority, len, &a) && admit(h, c, &a)) {
		if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
			answer_text(&a, MHD_HTTP_METHOD_NOT_ALLOWED,
			    "only GET and HEAD are supported\n");
		else
			make_answer(h, c, path, &a);
		if (a.asks && asked(h, c, state, &a))
			return MHD_YES;
		compress(c, &a);
	}
	return reply(h, c, &a);
}
