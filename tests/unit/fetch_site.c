/* SPDX-License-Identifier: ISC
 * fetch_site: see fetch_site.h. Blocking sockets; assertions are the main
 * thread's. */
#include "tests/unit/fetch_site.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

struct peer {
	struct site *site;
	int fd;
	SSL *ssl;
};

static bool
say(struct peer *p, const char *text)
{
	int len = (int)strlen(text);

	if (len == 0)
		return true;
	return p->ssl != NULL ?
	    SSL_write(p->ssl, text, len) > 0 :
	    send(p->fd, text, (size_t)len, MSG_NOSIGNAL) > 0;
}

static bool
get(struct peer *p, char *c)
{
	return p->ssl != NULL ? SSL_read(p->ssl, c, 1) == 1 :
				recv(p->fd, c, 1, 0) == 1;
}

/* The next line, which is kept as well. */
static bool
get_line(struct peer *p, char *line, size_t size)
{
	size_t n = 0;
	char c = '\0';

	while (c != '\n' && n + 1 < size) {
		if (!get(p, &c))
			return false;
		line[n++] = c;
	}
	line[n] = '\0';
	return buf_add(&p->site->got, line, n) == 0;
}

static bool
handshake(struct peer *p)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(ctx, p->site->tls->cert);
	SSL_CTX_use_PrivateKey(ctx, p->site->tls->key);
	p->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(p->ssl, p->fd);
	p->site->inside = SSL_accept(p->ssl) == 1;
	return p->site->inside;
}

static void
be_heard(struct peer *p)
{
	char c;

	if (p->site->end == SITE_FLOODS)
		while (say(p, p->site->answer))
			;
	else
		while (get(p, &c))
			;
}

static void
serve_http(struct peer *p)
{
	size_t left = 0;
	char line[4096], c;

	do {
		if (!get_line(p, line, sizeof(line)))
			return;
		if (strncasecmp(line, "content-length:", 15) == 0)
			left = strtoul(line + 15, NULL, 10);
	} while (strcmp(line, "\r\n") != 0);
	for (; left > 0 && get(p, &c); left--)
		(void)!buf_add(&p->site->got, &c, 1);
	if (say(p, p->site->answer) && p->site->end != SITE_CLOSES)
		be_heard(p);
}

static bool
is_command(const char *line, const char *command)
{
	return *command == '\0' ?
	    *line == '\0' :
	    strncasecmp(line, command, strlen(command)) == 0;
}

static const char *
reply_to(const struct site *s, const char *line)
{
	static const struct site_reply usual[] = {
		{ "EHLO", "250-site\r\n250 AUTH PLAIN\r\n" },
		{ "AUTH PLAIN", "334 \r\n" },
		{ "AG", "235 2.7.0 welcome\r\n" }, /* NUL, user, password */
		{ "MAIL", "250 2.1.0 ok\r\n" },
		{ "RCPT", "250 2.1.5 ok\r\n" },
		{ "DATA", "354 go on\r\n" },
		{ ".\r\n", "250 2.0.0 taken\r\n" },
		{ "STARTTLS", "220 go\r\n" },
		{ "QUIT", "221 bye\r\n" },
	};

	for (unsigned i = 0; i < s->nreplies; i++)
		if (is_command(line, s->reply[i].command))
			return s->reply[i].reply;
	for (unsigned i = 0; i < MX_COUNT(usual); i++)
		if (is_command(line, usual[i].command))
			return usual[i].reply;
	return "220 site ESMTP\r\n"; /* to "", the greeting */
}

/* NULL as a reply: nothing is said any more. */
static void
serve_smtp(struct peer *p)
{
	const char *reply = reply_to(p->site, ""), *ehlo;
	bool data = false;
	char line[4096];

	while (
	    reply != NULL && say(p, reply) && get_line(p, line, sizeof(line))) {
		if (data && strcmp(line, ".\r\n") != 0) {
			reply = "";
			continue;
		}
		reply = reply_to(p->site, line);
		data = strncasecmp(line, "DATA", 4) == 0 && reply != NULL &&
		    *reply == '3';
		ehlo = "250-site\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n";
		if (p->site->starttls && p->ssl == NULL &&
		    strncasecmp(line, "EHLO", 4) == 0)
			reply = ehlo;
		if (strncasecmp(line, "STARTTLS", 8) == 0 && reply != NULL &&
		    *reply == '2') {
			(void)say(p, reply);
			if (!handshake(p))
				return;
			reply = "";
		}
	}
	if (reply == NULL)
		be_heard(p);
}

static void *
serve(void *arg)
{
	struct site *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct peer p = { .site = s, .fd = fd };

		s->conns++;
		if (s->tls == NULL || s->starttls || handshake(&p)) {
			if (s->answer != NULL)
				serve_http(&p);
			else
				serve_smtp(&p);
		}
		if (p.ssl != NULL)
			(void)SSL_shutdown(p.ssl);
		SSL_free(p.ssl);
		close(fd);
	}
	return NULL;
}

void
site_open(struct site *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);

	(void)signal(SIGPIPE, SIG_IGN);
	buf_init(&s->got, 1u << 20);
	s->conns = 0;
	s->inside = false;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&in, &len), 0);
	s->port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void
site_close(struct site *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}
