/* SPDX-License-Identifier: ISC
 * reach_site: a thread an address, blocking sockets, one connection after the
 * other. Silence lasts until the client has hung up. */
#include "tests/unit/reach_site.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "tests/unit/pki.h"

#define DAY 86400

/* ---- certificates */

static struct identity ca, stranger, good, other, expired, unknown;
static char ca_file[] = "/tmp/reach_rows.XXXXXX";

void
rows_begin(void)
{
	int fd = mkstemp(ca_file);

	identity_make(&ca, "test authority", NULL, NULL, -10 * DAY, DAY);
	identity_make(&stranger, "another authority", NULL, NULL, -10 * DAY,
	    DAY);
	identity_make(&good, "mx.test", &ca, NULL, -DAY, DAY);
	identity_make(&other, "other.test", &ca, NULL, -DAY, DAY);
	identity_make(&expired, "mx.test", &ca, NULL, -3 * DAY, -DAY);
	identity_make(&unknown, "mx.test", &stranger, NULL, -DAY, DAY);
	assert_true(fd >= 0);
	close(fd);
	identity_write(&ca, ca_file, NULL);
	assert_int_equal(setenv("SSL_CERT_FILE", ca_file, 1), 0);
}

void
rows_end(void)
{
	struct identity *all[] = { &ca, &stranger, &good, &other, &expired,
		&unknown };

	for (size_t i = 0; i < MX_COUNT(all); i++)
		identity_fini(all[i]);
	unlink(ca_file);
}

static const struct identity *
identity_of(enum site_tls tls)
{
	switch (tls) {
	case TLS_OTHER_NAME:
		return &other;
	case TLS_EXPIRED:
		return &expired;
	case TLS_UNKNOWN:
		return &unknown;
	default:
		return &good;
	}
}

/* ---- one connection */

struct peer {
	int fd;
	SSL *ssl;
	const struct row_peer *site;
	bool inside; /* of TLS */
	unsigned lines;
};

static void
say(struct peer *p, const char *text)
{
	int len = (int)strlen(text);

	if (len == 0)
		return;
	if (p->ssl != NULL)
		(void)SSL_write(p->ssl, text, len);
	else if (send(p->fd, text, (size_t)len, MSG_NOSIGNAL) < 0)
		return;
}

static bool
get(struct peer *p, char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (n + 1 < size) {
		if (p->ssl != NULL) {
			if (SSL_read(p->ssl, &c, 1) != 1)
				return false;
		} else if (recv(p->fd, &c, 1, 0) != 1) {
			return false;
		}
		line[n++] = c;
		if (c == '\n')
			break;
	}
	line[n] = '\0';
	return true;
}

static void
be_mute(struct peer *p)
{
	char waste[512];

	while (recv(p->fd, waste, sizeof(waste), 0) > 0)
		;
}

/* False: the connection is over. */
static bool
handshake(struct peer *p)
{
	enum site_tls how = p->site->tls;
	const struct identity *id = identity_of(how);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int rc;

	SSL_CTX_use_certificate(ctx, id->cert);
	SSL_CTX_use_PrivateKey(ctx, id->key);
	if (how == TLS_WANTS_CERT) {
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	p->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(p->ssl, p->fd);
	rc = SSL_accept(p->ssl);
	p->inside = rc == 1;
	if (rc == 1 && how == TLS_MUTE_LATER)
		be_mute(p);
	return rc == 1 && how != TLS_CLOSES && how != TLS_MUTE_LATER;
}

static bool
starttls(struct peer *p)
{
	switch (p->site->tls) {
	case TLS_NO_REPLY:
		be_mute(p);
		return false;
	case TLS_CLOSES_EARLY:
		return false;
	case TLS_REFUSED:
		say(p, "454 4.7.0 not now\r\n");
		return true;
	case TLS_421:
		say(p, "421 4.3.0 not now\r\n");
		return false;
	case TLS_INJECTS:
		say(p, "220 go\r\n250 and this\r\n");
		be_mute(p);
		return false;
	case TLS_NOISE:
		say(p, "220 go\r\n");
		usleep(1000);
		say(p, "this is no TLS record\r\n");
		be_mute(p);
		return false;
	case TLS_MUTE:
		say(p, "220 go\r\n");
		be_mute(p);
		return false;
	default:
		say(p, "220 go\r\n");
		return handshake(p);
	}
}

static bool
ehlo(struct peer *p)
{
	const struct row_peer *s = p->site;
	bool backup = s->backup || (s->backup_inside && p->inside);

	if (s->mute_ehlo)
		be_mute(p);
	if (s->mute_ehlo || s->shut_ehlo)
		return false;
	if (p->inside && s->tls == TLS_HELO)
		say(p, "502 5.5.1 what?\r\n");
	else if (s->ehlo != NULL)
		say(p, s->ehlo);
	else if (backup && s->tls != TLS_ABSENT && !p->inside)
		say(p, "250-peer.test\r\n250-STARTTLS\r\n250 XMXWATCH\r\n");
	else if (backup)
		say(p, "250-peer.test\r\n250 XMXWATCH\r\n");
	else if (s->tls != TLS_ABSENT && !p->inside)
		say(p, "250-site\r\n250-STARTTLS\r\n250 SIZE 1000000\r\n");
	else
		say(p, "250-site\r\n250 SIZE 1000000\r\n");
	return true;
}

static void
say_or(struct peer *p, const char *text, const char *usual)
{
	say(p, text != NULL ? text : usual);
}

static bool
command(struct peer *p, const char *line)
{
	char body[1024];
	const char *own =
	    p->site->hook != NULL ? p->site->hook(line, p->lines++) : NULL;

	if (own != NULL) {
		say(p, own);
		return own[0] != '\0';
	}
	if (strncasecmp(line, "EHLO", 4) == 0)
		return ehlo(p);
	if (strncasecmp(line, "HELO", 4) == 0)
		say_or(p, p->site->helo, "250 site\r\n");
	else if (strncasecmp(line, "STARTTLS", 8) == 0)
		return starttls(p);
	else if (strncasecmp(line, "MAIL", 4) == 0)
		say_or(p, p->site->mail, "250 2.1.0 ok\r\n");
	else if (strncasecmp(line, "RCPT", 4) == 0)
		say_or(p, p->site->rcpt, "250 2.1.5 ok\r\n");
	else if (strncasecmp(line, "DATA", 4) == 0) {
		say(p, "354 go on\r\n");
		do {
			if (!get(p, body, sizeof(body)))
				return false;
		} while (strcmp(body, ".\r\n") != 0);
		say(p, "250 2.0.0 taken\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(p, "221 bye\r\n");
		return false;
	} else {
		say(p, "250 ok\r\n");
	}
	return true;
}

/* False: the client has gone before. */
static bool
greet(struct peer *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	const struct row_peer *s = p->site;

	if (s->mute)
		be_mute(p);
	if (s->mute || s->shut)
		return false;
	if (s->greet_ms > 0 && poll(&pfd, 1, s->greet_ms) > 0)
		return false;
	say_or(p, s->greeting, "220 site ESMTP\r\n");
	return true;
}

static void *
serve(void *arg)
{
	struct row_site *at = arg;
	char line[1024];
	int fd;

	while ((fd = accept(at->lfd, NULL, NULL)) >= 0) {
		struct peer p = { .fd = fd, .site = at->site };

		at->conns++;
		if (greet(&p))
			while (get(&p, line, sizeof(line)) && command(&p, line))
				;
		SSL_free(p.ssl);
		close(fd);
	}
	return NULL;
}

/* ---- the addresses */

/* A full backlog: the kernel drops what comes on top of it. */
static void
dig_hole(struct row_site *at)
{
	for (size_t i = 0; i < MX_COUNT(at->filler); i++) {
		at->filler[i] = socket(at->addr.u.sa.sa_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(at->filler[i] >= 0);
		(void)connect(at->filler[i], &at->addr.u.sa, at->addr.len);
	}
}

static void
site_bind(struct row_site *at)
{
	int one = 1;

	at->lfd =
	    socket(at->addr.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(at->lfd >= 0);
	(void)setsockopt(at->lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(at->lfd, &at->addr.u.sa, at->addr.len) != 0)
		fail_msg("bind: %s", strerror(errno));
}

static void
site_open(struct row_world *w, unsigned i, uint16_t *port)
{
	struct row_site *at = &w->at[i];
	char text[32];

	at->site = &w->row->site[i];
	at->lfd = -1;
	memset(at->filler, 0xff, sizeof(at->filler));
	snprintf(text, sizeof(text),
	    at->site->kind == SITE_AWAY ? "2001:db8::%u" :
		at->site->six		? "::1" :
					  "127.0.0.%u",
	    i + 2);
	assert_int_equal(addr_parse(&at->addr, text, *port, ':'), 0);
	if (at->site->kind == SITE_AWAY)
		return;
	site_bind(at);
	if (*port == 0) {
		at->addr.len = sizeof(at->addr.u);
		assert_int_equal(
		    getsockname(at->lfd, &at->addr.u.sa, &at->addr.len), 0);
		*port = addr_port(&at->addr);
	}
	if (at->site->kind == SITE_DEAD)
		return; /* bound, so that nobody else listens there */
	assert_int_equal(listen(at->lfd, at->site->kind == SITE_HOLE ? 0 : 16),
	    0);
	if (at->site->kind == SITE_HOLE) {
		dig_hole(at);
		return;
	}
	assert_int_equal(pthread_create(&at->thread, NULL, serve, at), 0);
	at->started = true;
}

void
sites_open(struct row_world *w)
{
	uint16_t port = 0;

	/* The port is one that the kernel gives to a socket that is bound. */
	for (unsigned i = 0; i < ROW_SITES; i++)
		if (w->row->site[i].kind != SITE_NONE &&
		    w->row->site[i].kind != SITE_AWAY)
			site_open(w, i, &port);
	for (unsigned i = 0; i < ROW_SITES; i++)
		if (w->row->site[i].kind == SITE_AWAY)
			site_open(w, i, &port);
}

void
sites_close(struct row_world *w)
{
	for (unsigned i = 0; i < ROW_SITES; i++) {
		struct row_site *at = &w->at[i];

		if (at->site == NULL)
			continue;
		if (at->started) {
			(void)shutdown(at->lfd, SHUT_RDWR);
			(void)pthread_join(at->thread, NULL);
		}
		for (size_t k = 0; k < MX_COUNT(at->filler); k++)
			if (at->filler[k] >= 0)
				close(at->filler[k]);
		if (at->lfd >= 0)
			close(at->lfd);
	}
}
