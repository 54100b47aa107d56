/* SPDX-License-Identifier: ISC
 * http_world: see http_world.h. */
#include "tests/unit/http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define LIMIT_SEC 10
#define REPLY_MAX (128u << 20)

struct web web;

int
web_setup(void **state MX_UNUSED)
{
	memset(&web, 0, sizeof(web));
	clients_from(1);
	web.box = snapshot_box_create();
	web.history = history_create();
	return 0;
}

int
web_teardown(void **state MX_UNUSED)
{
	web_close();
	snapshot_box_destroy(&web.box);
	history_destroy(&web.history);
	return 0;
}

/* ---- the server */

void
web_configure(const char *settings, const char *more)
{
	struct conf_errors errs;
	struct config *conf;
	char *text;

	text = mem_printf("hostname = \"mx2.example.net\"\n"
			  "resolver = {\"127.0.0.1\"}\n%s\n"
			  "web { %s%s }\n"
			  "domain \"a.test\" { primary = {\"192.0.2.1\"} }\n",
	    more,
	    strstr(settings, "listen") != NULL ?
		"" :
		"listen = \"127.0.0.1:10125\" ",
	    settings);
	conf = config_parse("test", text, strlen(text), &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			fail_msg("%s: %s", settings, errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&text);
	/* The port is whichever is free. */
	for (size_t i = 0; i < conf->web.listen.n; i++)
		addr_port_set(&conf->web.listen.a[i].addr, 0);
	web.conf = conf;
}

bool
web_start(struct mx_errbuf *eb)
{
	const union MHD_DaemonInfo *info;

	web.http =
	    http_create(web.conf, web.box, web.history, NULL, web.desk, eb);
	if (web.http == NULL)
		return false;
	info = MHD_get_daemon_info(web.http->server[0].daemon,
	    MHD_DAEMON_INFO_BIND_PORT);
	web.port = info != NULL ? info->port : 0;
	return true;
}

void
web_open(const char *settings, const char *more)
{
	struct mx_errbuf eb = { "" };

	web_configure(settings, more);
	if (!web_start(&eb))
		fail_msg("%s", eb.text);
}

void
web_close(void)
{
	http_destroy(&web.http);
	config_unref(&web.conf);
}

struct snapshot *
web_snapshot(unsigned domains)
{
	struct snapshot *s = snapshot_create();
	char name[32];

	s->made = clock_now();
	s->wall_ms = clock_wall_ms();
	s->ready = true;
	for (unsigned i = 0; i < domains; i++) {
		snprintf(name, sizeof(name), "d%06u.test", i);
		snapshot_add(s, name, 1)->primary[0].label = "mx1.test";
	}
	return s;
}

unsigned
web_connections(void)
{
	return MHD_get_daemon_info(web.http->server[0].daemon,
	    MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
	    ->num_connections;
}

/* ---- a client */

static unsigned from_host;

void
clients_from(unsigned host)
{
	from_host = host;
}

void
client_open(struct client *c)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(web.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from_host) };
	struct timeval limit = { LIMIT_SEC, 0 };

	c->ssl = NULL;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
	    0);
	assert_int_equal(bind(c->fd, (struct sockaddr *)&from, sizeof(from)),
	    0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&in, sizeof(in)), 0);
}

bool
client_tls(struct client *c, const struct identity *own)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (own != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, own->cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, own->key), 1);
	}
	c->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(c->ssl, c->fd);
	return SSL_connect(c->ssl) == 1;
}

void
client_say(struct client *c, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	assert_true(len >= 0);
	/* It may be closed meanwhile: what was answered tells. */
	if (c->ssl != NULL)
		(void)SSL_write(c->ssl, text, len);
	else
		(void)!send(c->fd, text, (size_t)len, MSG_NOSIGNAL);
	free(text);
}

void
client_close(struct client *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Up to that many bytes; 0: it is closed. */
static size_t
get(struct client *c, void *data, size_t len)
{
	ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, data, (int)len) :
				     recv(c->fd, data, len, 0);

	return n > 0 ? (size_t)n : 0;
}

static bool
get_line(struct client *c, struct buf *out)
{
	size_t from = out->len;
	char ch = '\0';

	while (ch != '\n') {
		if (get(c, &ch, 1) != 1)
			return false;
		assert_int_equal(buf_add(out, &ch, 1), 0);
	}
	return out->len - from >= 2;
}

static bool
get_bytes(struct client *c, struct buf *out, size_t len)
{
	char block[16384];
	size_t n;

	while (len > 0) {
		n = get(c, block, len < sizeof(block) ? len : sizeof(block));
		if (n == 0)
			return false;
		assert_int_equal(buf_add(out, block, n), 0);
		len -= n;
	}
	return true;
}

static bool
get_chunks(struct client *c, struct buf *out)
{
	struct buf line = BUF_INIT(64);
	bool ok = true;
	size_t len = 1;

	while (ok && len > 0) {
		buf_clear(&line);
		ok = get_line(c, &line);
		len = strtoul(buf_str(&line), NULL, 16);
		ok = ok && get_bytes(c, out, len);
		buf_clear(&line);
		ok = ok && get_line(c, &line);
	}
	buf_fini(&line);
	return ok;
}

void
client_reply(struct client *c, struct reply *r, bool head_only)
{
	const char *len;
	size_t from;

	*r = (struct reply){ .head = BUF_INIT(1u << 20),
		.body = BUF_INIT(REPLY_MAX) };
	do {
		from = r->head.len;
		if (!get_line(c, &r->head))
			return;
	} while (strcmp(buf_str(&r->head) + from, "\r\n") != 0);
	assert_int_equal(
	    sscanf(buf_str(&r->head), "HTTP/1.%*1d %u", &r->status), 1);
	if (head_only || r->status == MHD_HTTP_NOT_MODIFIED)
		r->whole = true;
	else if (reply_header(r, "Transfer-Encoding") != NULL)
		r->whole = get_chunks(c, &r->body);
	else if ((len = reply_header(r, "Content-Length")) != NULL)
		r->whole = get_bytes(c, &r->body, strtoul(len, NULL, 10));
}

const char *
reply_header(const struct reply *r, const char *name)
{
	static char value[1024];
	size_t len = strlen(name), end;
	const char *p = r->head.data;

	while (p != NULL && (p = strchr(p, '\n')) != NULL) {
		p++;
		if (strncasecmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " ");
		end = strcspn(p, "\r\n");
		assert_true(end < sizeof(value));
		memcpy(value, p, end);
		value[end] = '\0';
		return value;
	}
	return NULL;
}

void
reply_unpack(struct reply *r)
{
	struct buf out = BUF_INIT(REPLY_MAX);
	char block[65536];
	z_stream z = { 0 };
	int rc;

	assert_string_equal(reply_header(r, "Content-Encoding"), "gzip");
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)r->body.data;
	z.avail_in = (uInt)r->body.len;
	do {
		z.next_out = (Bytef *)block;
		z.avail_out = sizeof(block);
		rc = inflate(&z, Z_NO_FLUSH);
		assert_true(rc == Z_OK || rc == Z_STREAM_END);
		assert_int_equal(
		    buf_add(&out, block, sizeof(block) - z.avail_out), 0);
	} while (rc != Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	buf_fini(&r->body);
	r->body = out;
}

void
reply_fini(struct reply *r)
{
	buf_fini(&r->head);
	buf_fini(&r->body);
}

unsigned
web_ask(const char *what, const char *headers, struct reply *r)
{
	struct reply own;
	struct client c;
	unsigned status;

	client_open(&c);
	client_say(&c,
	    "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
	    what, headers);
	client_reply(&c, &own, strncmp(what, "HEAD ", 5) == 0);
	client_close(&c);
	status = own.status;
	if (r != NULL)
		*r = own;
	else
		reply_fini(&own);
	return status;
}
