/* SPDX-License-Identifier: ISC
 * http_world: the web server on a loopback port, and its clients, who block and
 * give up after ten seconds: then the test fails. */
#ifndef MX_TESTS_HTTP_WORLD_H
#define MX_TESTS_HTTP_WORLD_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "exporters/http_int.h"
#include "tests/unit/pki.h"

struct web {
	struct config *conf;
	struct snapshot_box *box;
	struct history *history;
	struct http_desk *desk; /* NULL: none */
	struct http *http;
	uint16_t port; /* of its first address */
};
extern struct web web;

/* cmocka's: without a server. */
int web_setup(void **state);
int web_teardown(void **state);

/* The server; `settings` stand in web { }, `more` outside of it. Listens at
 * 127.0.0.1, or at what `settings` says. */
void web_open(const char *settings, const char *more);
/* The two halves of it; the configuration looks at the files, too. */
void web_configure(const char *settings, const char *more);
bool web_start(struct mx_errbuf *);
void web_close(void);
/* A ready snapshot of now with so many domains, d000000.test and on, for
 * snapshot_box_put(). */
struct snapshot *web_snapshot(unsigned domains);
unsigned web_connections(void); /* that the first address has */

struct client {
	int fd;
	SSL *ssl; /* NULL: without TLS */
};
void client_open(struct client *);
/* Those that come from now on have the address 127.0.0.HOST. */
void clients_from(unsigned host);
/* False: the handshake failed. `own`: NULL for no certificate. The server's one
 * is not verified. */
bool client_tls(struct client *, const struct identity *own);
void client_say(struct client *, const char *fmt, ...) MX_PRINTF(2, 3);
void client_close(struct client *);

struct reply {
	unsigned status; /* 0: closed without one */
	struct buf head, body; /* the body without its chunks, */
	bool whole; /* of which the last has come */
};
/* The next one. `head_only`: it is to HEAD. */
void client_reply(struct client *, struct reply *, bool head_only);
/* The value, until the next call; NULL: none. */
const char *reply_header(const struct reply *, const char *name);
/* What was packed as gzip. */
void reply_unpack(struct reply *);
void reply_fini(struct reply *);

/* A connection of its own: "METHOD PATH" and header lines, each with its CRLF.
 * The status; *r may be NULL. */
unsigned web_ask(const char *what, const char *headers, struct reply *r);

#endif
