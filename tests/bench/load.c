/* SPDX-License-Identifier: ISC
 * load: sends mail as fast as it is taken, with what smtp-source lacks: TLS,
 * sessions that are resumed, pipelining.
 * load [-bdprt] [-s SESSIONS] [-m MESSAGES] [-l BYTES] [-f FROM] [-T TO] PORT
 *   -b  MAIL, RCPT and BDAT LAST with the body in one go (RFC 3030)
 *   -d  keeps connections; else one message each
 *   -p  MAIL, RCPT and DATA in one go (RFC 2920)
 *   -t  STARTTLS; -r resumes the session of the connection before
 * To 127.0.0.1. Each message must be taken: another reply ends the program, and
 * so does a server that does not offer what -b or -p need.
 * Prints what was done, the seconds, and the processor's of this program. */
#include <sys/epoll.h>
#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bench_io.h"

#define EVENTS 64
#define PIECE  65536 /* of a body, copied to be sent */

enum phase { GREETING, EHLO, STARTTLS, MAIL, RCPT, DATA, DOT, QUIT };
static const char *const phases[] = { "the greeting", "EHLO", "STARTTLS",
	"MAIL", "RCPT", "DATA", "the dot", "QUIT" };

struct giver {
	struct bench_io io;
	enum phase phase; /* whose reply is next */
	SSL_SESSION *session; /* owned; of the connection before */
	bool pipelining, chunking; /* what EHLO offered */
	size_t body; /* octets of it that are still to be put */
	size_t have;
	char line[2048];
};

static struct {
	int epoll;
	uint16_t port;
	unsigned long sessions, messages, begun, done, open;
	unsigned long connections, handshakes, resumed;
	bool keep, pipeline, bdat, tls, resume;
	const char *from, *to;
	SSL_CTX *ctx;
	char *body; /* with the dot, without it for BDAT */
	size_t len;
} w = { .sessions = 1,
	.messages = 1,
	.len = 4096,
	.from = "carol@example.net",
	.to = "ada@example.org" };

static void
put(struct giver *g, const char *text)
{
	bench_io_put(&g->io, text, strlen(text));
}

static void
die(const struct giver *g, const char *why)
{
	fprintf(stderr, "load: %s at %s\n", why, phases[g->phase]);
	exit(1);
}

static void
giver_open(struct giver *g)
{
	bench_io_open(&g->io, bench_io_connect("127.0.0.1", w.port), w.epoll,
	    g);
	g->phase = GREETING;
	g->have = 0;
	g->pipelining = g->chunking = false;
	w.connections++;
}

static void
giver_close(struct giver *g)
{
	bench_io_close(&g->io);
	w.open--;
	if (w.begun == w.messages)
		return;
	w.open++;
	giver_open(g);
}

static void
put_mail(struct giver *g)
{
	char line[600];

	(void)snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", w.from);
	put(g, line);
}

static void
put_rcpt(struct giver *g)
{
	char line[600];

	(void)snprintf(line, sizeof(line), "RCPT TO:<%s>\r\n", w.to);
	put(g, line);
}

/* The next piece of the body. */
static void
put_body(struct giver *g)
{
	size_t n = g->body < PIECE ? g->body : PIECE;

	bench_io_put(&g->io, w.body + w.len - g->body, n);
	g->body -= n;
}

/* The body's beginning goes with the commands: all of a small message is one
 * write, as a client that wants to be quick has it. */
static void
put_bdat(struct giver *g)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", w.len);
	put(g, line);
	g->body = w.len;
	put_body(g);
}

static void
begin(struct giver *g)
{
	if (w.begun == w.messages) {
		put(g, "QUIT\r\n");
		g->phase = QUIT;
		return;
	}
	w.begun++;
	g->phase = MAIL;
	put_mail(g);
	if (w.pipeline || w.bdat)
		put_rcpt(g);
	if (w.bdat)
		put_bdat(g);
	else if (w.pipeline)
		put(g, "DATA\r\n");
}

static void
after_envelope(struct giver *g)
{
	g->phase++;
	if (w.bdat && g->phase == DATA)
		g->phase = DOT; /* the body is under way: no 354 */
	if (w.pipeline || w.bdat)
		return;
	if (g->phase == RCPT)
		put_rcpt(g);
	else
		put(g, "DATA\r\n");
}

static void
after_dot(struct giver *g)
{
	w.done++;
	if (w.keep) {
		begin(g);
		return;
	}
	put(g, "QUIT\r\n");
	g->phase = QUIT;
}

static void
giver_shaken(struct giver *g, int rc)
{
	if (rc < 0)
		die(g, "handshake failed");
	if (rc == 0)
		return;
	w.handshakes++;
	w.resumed += SSL_session_reused(g->io.ssl) != 0;
	put(g, "EHLO client.example.net\r\n");
	g->phase = EHLO;
}

static void
start_tls(struct giver *g)
{
	int rc =
	    bench_io_tls(&g->io, w.ctx, true, w.resume ? g->session : NULL);

	if (g->io.ssl != NULL)
		(void)SSL_set_app_data(g->io.ssl, g);
	giver_shaken(g, rc);
}

static void
after_ehlo(struct giver *g)
{
	if (w.tls && g->io.ssl == NULL) {
		put(g, "STARTTLS\r\n");
		g->phase = STARTTLS;
		return;
	}
	if ((w.pipeline || w.bdat) && !g->pipelining)
		die(g, "no PIPELINING");
	if (w.bdat && !g->chunking)
		die(g, "no CHUNKING");
	begin(g);
}

/* What comes next after a reply that was good. False: the connection is
 * closed. */
static bool
proceed(struct giver *g)
{
	switch (g->phase) {
	case GREETING:
		put(g, "EHLO client.example.net\r\n");
		g->phase = EHLO;
		break;
	case EHLO:
		after_ehlo(g);
		break;
	case STARTTLS:
		start_tls(g);
		break;
	case MAIL:
	case RCPT:
		after_envelope(g);
		break;
	case DATA:
		g->body = w.len;
		g->phase = DOT;
		break;
	case DOT:
		after_dot(g);
		break;
	case QUIT:
		giver_close(g);
		return false;
	}
	return true;
}

static bool
offers(const char *line, size_t len, const char *what)
{
	size_t n = strlen(what);

	return len >= 4 + n && strncasecmp(line + 4, what, n) == 0;
}

static bool
giver_line(struct giver *g, const char *line, size_t len)
{
	char want = g->phase == DATA ? '3' : '2';

	if (g->phase == EHLO) {
		g->pipelining |= offers(line, len, "PIPELINING");
		g->chunking |= offers(line, len, "CHUNKING");
	}
	if (len >= 4 && line[3] == '-')
		return true;
	if (line[0] != want) {
		fprintf(stderr, "load: %.*s", (int)len, line);
		die(g, "refused");
	}
	return proceed(g);
}

/* The replies that are there. False: the connection is closed. */
static bool
giver_lines(struct giver *g)
{
	size_t at = 0;
	char *nl;

	while ((nl = memchr(g->line + at, '\n', g->have - at)) != NULL) {
		size_t from = at;

		at = (size_t)(nl + 1 - g->line);
		if (!giver_line(g, g->line + from, at - from))
			return false;
	}
	memmove(g->line, g->line + at, g->have - at);
	g->have -= at;
	return true;
}

static void
giver_send(struct giver *g)
{
	for (;;) {
		if (bench_io_flush(&g->io) < 0)
			die(g, "closed");
		if (g->body == 0 || bench_io_unsent(&g->io) > 0)
			return;
		put_body(g);
	}
}

static void
giver_ready(struct giver *g)
{
	long n;

	if (g->io.shaking) {
		giver_shaken(g, bench_io_shake(&g->io));
		if (g->io.shaking)
			return;
	}
	do {
		n = bench_io_read(&g->io, g->line + g->have,
		    sizeof(g->line) - g->have);
		if (n < 0)
			die(g, "closed");
		g->have += (size_t)n;
		if (!giver_lines(g))
			return;
	} while (n > 0 && g->io.ssl != NULL && !g->io.shaking &&
	    SSL_pending(g->io.ssl) > 0);
	if (!g->io.shaking)
		giver_send(g);
}

/* TLS 1.3 hands out its tickets after the handshake; the newest is kept. */
static int
new_session(SSL *ssl, SSL_SESSION *session)
{
	struct giver *g = SSL_get_app_data(ssl);

	if (g == NULL)
		return 0;
	SSL_SESSION_free(g->session);
	g->session = session;
	return 1;
}

static void
make_body(void)
{
	static const char head[] = "From: <carol@example.net>\r\n"
				   "Subject: load\r\n\r\n";
	size_t i, h = sizeof(head) - 1;

	w.len = (w.len < h ? h : w.len) + 5;
	if ((w.body = malloc(w.len)) == NULL)
		abort();
	memcpy(w.body, head, h);
	for (i = h; i < w.len - 5; i++)
		w.body[i] = "x\r\n"[(i - h) % 80 < 78 ? 0 : (i - h) % 80 - 77];
	memcpy(w.body + w.len - 5, "\r\n.\r\n", 5);
	if (w.bdat)
		w.len -= 3;
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "bdprts:m:l:f:T:")) != -1) {
		switch (c) {
		case 'b':
			w.bdat = true;
			break;
		case 'd':
			w.keep = true;
			break;
		case 'p':
			w.pipeline = true;
			break;
		case 'r':
			w.resume = true;
			break;
		case 't':
			w.tls = true;
			break;
		case 's':
			w.sessions = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			w.messages = strtoul(optarg, NULL, 10);
			break;
		case 'l':
			w.len = strtoul(optarg, NULL, 10);
			break;
		case 'f':
			w.from = optarg;
			break;
		case 'T':
			w.to = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr,
		    "usage: load [-bdprt] [-s SESSIONS] "
		    "[-m MESSAGES] [-l BYTES] [-f FROM] [-T TO] "
		    "PORT\n");
		exit(2);
	}
	w.port = (uint16_t)strtoul(argv[optind], NULL, 10);
	if (w.sessions > w.messages)
		w.sessions = w.messages;
}

static void
report(double start)
{
	double seconds = bench_io_now() - start;
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	printf("messages=%lu seconds=%.6f connections=%lu handshakes=%lu "
	       "resumed=%lu user=%.6f system=%.6f\n",
	    w.done, seconds, w.connections, w.handshakes, w.resumed,
	    (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
	    (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6);
}

int
main(int argc, char **argv)
{
	struct epoll_event got[EVENTS];
	struct giver *all;
	double start;

	options(argc, argv);
	make_body();
	bench_io_begin();
	w.epoll = epoll_create1(0);
	w.ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(w.ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(w.ctx, new_session);
	if ((all = calloc(w.sessions, sizeof(*all))) == NULL)
		abort();
	start = bench_io_now();
	for (unsigned long i = 0; i < w.sessions; i++, w.open++)
		giver_open(&all[i]);
	while (w.open > 0) {
		int n = epoll_wait(w.epoll, got, EVENTS, -1);

		for (int i = 0; i < n; i++)
			giver_ready(got[i].data.ptr);
	}
	report(start);
	for (unsigned long i = 0; i < w.sessions; i++)
		SSL_SESSION_free(all[i].session);
	SSL_CTX_free(w.ctx);
	free(all);
	free(w.body);
	return 0;
}
