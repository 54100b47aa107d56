/* SPDX-License-Identifier: ISC
 * sink: a primary that takes all mail and forgets it, and offers what
 * smtp-sink does not: PIPELINING, CHUNKING and STARTTLS. It costs as little as
 * it can, so that what is measured is the other side.
 * sink [-x] [-c CERT -k KEY] PORT: on 127.0.0.1; -x: no CHUNKING. A line on
 * standard input is answered with the counters, its end ends the program. */
#include <sys/epoll.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bench_io.h"

#define LINE	512
#define EVENTS	64
#define END	"\r\n.\r\n"
#define END_LEN 5

struct taker {
	struct bench_io io;
	bool in_data, last; /* the chunk that is coming is the last */
	unsigned long chunk; /* octets of it that are still to come */
	char tail[2 * END_LEN]; /* the last END_LEN - 1 octets of DATA */
	size_t tail_len;
	char line[LINE];
	size_t have;
};

static struct {
	int epoll, listener;
	SSL_CTX *tls; /* NULL: not offered */
	bool chunking;
	char in[262144]; /* what was read last: one session at a time */
	unsigned long connections, messages, octets, chunks;
	unsigned long handshakes, resumed;
} w = { .chunking = true };

static void
taker_end(struct taker *t)
{
	bench_io_close(&t->io);
	free(t);
}

static void
reply(struct taker *t, const char *text)
{
	bench_io_put(&t->io, text, strlen(text));
}

static void
taken(struct taker *t)
{
	w.messages++;
	reply(t, "250 2.0.0 taken\r\n");
}

/* Counts a handshake that is done; returns what it was told. */
static int
shaken(int rc, const struct taker *t)
{
	if (rc == 1) {
		w.handshakes++;
		w.resumed += SSL_session_reused(t->io.ssl) != 0;
	}
	return rc;
}

static void
cmd_ehlo(struct taker *t)
{
	reply(t, "250-primary.test\r\n250-PIPELINING\r\n");
	if (w.chunking)
		reply(t, "250-CHUNKING\r\n");
	if (w.tls != NULL && t->io.ssl == NULL)
		reply(t, "250-STARTTLS\r\n");
	reply(t,
	    "250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250 SIZE 50000000\r\n");
}

static void
cmd_bdat(struct taker *t, const char *args)
{
	char *end;

	t->chunk = strtoul(args, &end, 10);
	t->last = strcasestr(end, "LAST") != NULL;
	w.chunks++;
	w.octets += t->chunk;
}

static void
chunk_end(struct taker *t)
{
	if (t->last)
		taken(t);
	else
		reply(t, "250 2.0.0 more\r\n");
}

/* False: the session is over. */
static bool
command(struct taker *t, const char *line)
{
	if (strncasecmp(line, "EHLO", 4) == 0) {
		cmd_ehlo(t);
	} else if (strncasecmp(line, "BDAT ", 5) == 0 && w.chunking) {
		cmd_bdat(t, line + 5);
		if (t->chunk == 0)
			chunk_end(t);
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		t->in_data = true;
		memcpy(t->tail, "\r\n", 2); /* of the command */
		t->tail_len = 2;
		reply(t, "354 go on\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		reply(t, "221 2.0.0 bye\r\n");
		(void)bench_io_flush(&t->io);
		return false;
	} else if (strncasecmp(line, "STARTTLS", 8) == 0 && w.tls != NULL) {
		reply(t, "220 2.0.0 go on\r\n");
		return bench_io_flush(&t->io) == 0 &&
		    shaken(bench_io_tls(&t->io, w.tls, false, NULL), t) >= 0;
	} else {
		reply(t, "250 2.0.0 fine\r\n");
	}
	return true;
}

/* How much of DATA is there; the dot is looked for over the edge of two reads
 * and then in all of the second. */
static size_t
take_data(struct taker *t, const char *in, size_t len)
{
	size_t some = len < END_LEN ? len : END_LEN - 1, used = len;
	char *end;

	memcpy(t->tail + t->tail_len, in, some);
	end = memmem(t->tail, t->tail_len + some, END, END_LEN);
	if (end != NULL)
		used = (size_t)(end - t->tail) + END_LEN - t->tail_len;
	else if ((end = memmem(in, len, END, END_LEN)) != NULL)
		used = (size_t)(end - in) + END_LEN;
	w.octets += used;
	if (end != NULL) {
		t->in_data = false;
		taken(t);
		return used;
	}
	if (len >= END_LEN - 1) {
		memcpy(t->tail, in + len - (END_LEN - 1), END_LEN - 1);
		t->tail_len = END_LEN - 1;
		return used;
	}
	t->tail_len += some;
	if (t->tail_len >= END_LEN) {
		memmove(t->tail, t->tail + t->tail_len - (END_LEN - 1),
		    END_LEN - 1);
		t->tail_len = END_LEN - 1;
	}
	return used;
}

static size_t
take_chunk(struct taker *t, size_t len)
{
	if (len > t->chunk)
		len = t->chunk;
	t->chunk -= len;
	if (t->chunk == 0)
		chunk_end(t);
	return len;
}

/* One line, or what is there of it. 0: the session is over. */
static size_t
take_line(struct taker *t, const char *in, size_t len)
{
	const char *nl = memchr(in, '\n', len);
	size_t n = nl != NULL ? (size_t)(nl - in) + 1 : len;

	if (t->have + n >= sizeof(t->line))
		return 0;
	memcpy(t->line + t->have, in, n);
	t->have += n;
	if (nl == NULL)
		return n;
	t->line[t->have] = '\0';
	t->have = 0;
	return command(t, t->line) ? n : 0;
}

static bool
take(struct taker *t, const char *in, size_t len)
{
	bool clear = t->io.ssl == NULL;

	while (len > 0) {
		size_t n;

		if (t->chunk > 0)
			n = take_chunk(t, len);
		else if (t->in_data)
			n = take_data(t, in, len);
		else if ((n = take_line(t, in, len)) == 0)
			return false;
		if (clear && t->io.ssl != NULL)
			return true; /* what came with STARTTLS is no one's */
		in += n;
		len -= n;
	}
	return true;
}

/* False: the session is over. */
static bool
taker_ready(struct taker *t)
{
	long n;
	int rc;

	if (t->io.shaking) {
		if ((rc = shaken(bench_io_shake(&t->io), t)) <= 0)
			return rc == 0;
	}
	do {
		if ((n = bench_io_read(&t->io, w.in, sizeof(w.in))) < 0)
			return false;
		if (n > 0 && !take(t, w.in, (size_t)n))
			return false;
	} while (n > 0 && t->io.ssl != NULL && !t->io.shaking &&
	    SSL_pending(t->io.ssl) > 0);
	return t->io.shaking || bench_io_flush(&t->io) == 0;
}

static void
accept_all(void)
{
	struct taker *t;
	int fd;

	while ((fd = bench_io_accept(w.listener)) >= 0) {
		if ((t = calloc(1, sizeof(*t))) == NULL)
			abort();
		w.connections++;
		bench_io_open(&t->io, fd, w.epoll, t);
		reply(t, "220 primary.test ESMTP\r\n");
		(void)bench_io_flush(&t->io);
	}
}

static void
answer_parent(void)
{
	char junk[256];

	if (read(STDIN_FILENO, junk, sizeof(junk)) <= 0)
		exit(0);
	printf("connections=%lu messages=%lu octets=%lu chunks=%lu "
	       "handshakes=%lu resumed=%lu\n",
	    w.connections, w.messages, w.octets, w.chunks, w.handshakes,
	    w.resumed);
	(void)fflush(stdout);
}

static void
offer_tls(const char *cert, const char *key)
{
	w.tls = SSL_CTX_new(TLS_server_method());
	if (w.tls == NULL ||
	    SSL_CTX_use_certificate_chain_file(w.tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(w.tls, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "sink: %s, %s: no certificate\n", cert, key);
		exit(1);
	}
	(void)SSL_CTX_set_session_id_context(w.tls, (const void *)"sink", 4);
}

static void
serve(void)
{
	struct epoll_event got[EVENTS];

	for (;;) {
		int n = epoll_wait(w.epoll, got, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct taker *t = got[i].data.ptr;

			if (t == (void *)&w)
				accept_all();
			else if (t == NULL)
				answer_parent();
			else if (!taker_ready(t))
				taker_end(t);
		}
	}
}

int
main(int argc, char **argv)
{
	const char *cert = NULL, *key = NULL;
	int c;

	while ((c = getopt(argc, argv, "c:k:x")) != -1) {
		if (c == 'c')
			cert = optarg;
		else if (c == 'k')
			key = optarg;
		else if (c == 'x')
			w.chunking = false;
		else
			return 2;
	}
	if (optind + 1 != argc || (cert == NULL) != (key == NULL)) {
		fprintf(stderr, "usage: sink [-x] [-c CERT -k KEY] PORT\n");
		return 2;
	}
	bench_io_begin();
	if (cert != NULL)
		offer_tls(cert, key);
	w.listener = bench_io_listen("127.0.0.1",
	    (uint16_t)strtoul(argv[optind], NULL, 10));
	w.epoll = epoll_create1(0);
	bench_io_watch(w.epoll, w.listener, &w);
	bench_io_watch(w.epoll, STDIN_FILENO, NULL);
	serve();
}
