/* SPDX-License-Identifier: ISC
 * bench_io: see bench_io.h. */
#include "bench_io.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
wait_for(struct bench_io *io, bool writing)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = io->data };

	if (writing == io->writing)
		return;
	io->writing = writing;
	if (writing)
		ev.events |= EPOLLOUT;
	(void)epoll_ctl(io->epoll, EPOLL_CTL_MOD, io->fd, &ev);
}

void
bench_io_watch(int epoll, int fd, void *data)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = data };

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

void
bench_io_open(struct bench_io *io, int fd, int epoll, void *data)
{
	*io = (struct bench_io){ .fd = fd, .epoll = epoll, .data = data };
	bench_io_watch(epoll, fd, data);
}

void
bench_io_close(struct bench_io *io)
{
	if (io->ssl != NULL && !io->shaking)
		/* without it OpenSSL takes the session for a bad one, which is
		 * not resumed */
		(void)SSL_shutdown(io->ssl);
	SSL_free(io->ssl);
	if (io->fd >= 0)
		(void)close(io->fd);
	free(io->out);
	*io = (struct bench_io){ .fd = -1 };
}

/* What an SSL call that did not succeed wants: 0 to wait, -1. */
static int
tls_wants(struct bench_io *io, int rc)
{
	switch (SSL_get_error(io->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		wait_for(io, false);
		return 0;
	case SSL_ERROR_WANT_WRITE:
		wait_for(io, true);
		return 0;
	default:
		return -1;
	}
}

int
bench_io_tls(struct bench_io *io, SSL_CTX *ctx, bool client,
    SSL_SESSION *session)
{
	if ((io->ssl = SSL_new(ctx)) == NULL || !SSL_set_fd(io->ssl, io->fd))
		return -1;
	if (client) {
		SSL_set_connect_state(io->ssl);
		if (session != NULL)
			(void)SSL_set_session(io->ssl, session);
	} else {
		SSL_set_accept_state(io->ssl);
	}
	SSL_set_mode(io->ssl,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	io->shaking = true;
	return bench_io_shake(io);
}

int
bench_io_shake(struct bench_io *io)
{
	int rc;

	ERR_clear_error(); /* SSL_get_error() looks at it */
	rc = SSL_do_handshake(io->ssl);

	if (rc != 1)
		return tls_wants(io, rc);
	io->shaking = false;
	wait_for(io, false);
	return 1;
}

long
bench_io_read(struct bench_io *io, char *to, size_t room)
{
	ssize_t n;
	int rc;

	if (io->ssl != NULL) {
		ERR_clear_error();
		rc = SSL_read(io->ssl, to, (int)room);
		if (rc > 0)
			return rc;
		return tls_wants(io, rc);
	}
	n = recv(io->fd, to, room, 0);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

size_t
bench_io_unsent(const struct bench_io *io)
{
	return io->have - io->sent;
}

void
bench_io_put(struct bench_io *io, const char *data, size_t len)
{
	if (io->sent == io->have)
		io->sent = io->have = 0;
	if (io->have + len > io->room) {
		io->room = (io->have + len) * 2;
		if ((io->out = realloc(io->out, io->room)) == NULL)
			abort();
	}
	memcpy(io->out + io->have, data, len);
	io->have += len;
}

/* As much as one call takes: octets, 0 to wait, -1. */
static long
send_some(struct bench_io *io)
{
	const char *from = io->out + io->sent;
	size_t len = bench_io_unsent(io);
	ssize_t n;
	int rc;

	if (io->ssl != NULL) {
		ERR_clear_error();
		rc = SSL_write(io->ssl, from, (int)len);
		return rc > 0 ? rc : tls_wants(io, rc);
	}
	n = send(io->fd, from, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (errno != EAGAIN && errno != EINTR)
		return -1;
	wait_for(io, true);
	return 0;
}

int
bench_io_flush(struct bench_io *io)
{
	while (bench_io_unsent(io) > 0) {
		long n = send_some(io);

		if (n <= 0)
			return (int)n;
		io->sent += (size_t)n;
	}
	wait_for(io, false);
	return 0;
}

static struct sockaddr_in
at(const char *address, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	if (inet_pton(AF_INET, address, &sa.sin_addr) != 1) {
		fprintf(stderr, "%s: not an address\n", address);
		exit(2);
	}
	return sa;
}

static void
no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
bench_io_listen(const char *address, uint16_t port)
{
	struct sockaddr_in sa = at(address, port);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fd, 1024) != 0) {
		perror("listen");
		exit(1);
	}
	return fd;
}

int
bench_io_connect(const char *address, uint16_t port)
{
	struct sockaddr_in sa = at(address, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 &&
		errno != EINPROGRESS)) {
		perror("connect");
		exit(1);
	}
	no_delay(fd);
	return fd;
}

int
bench_io_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd >= 0)
		no_delay(fd);
	return fd;
}

void
bench_io_begin(void)
{
	struct rlimit most = { .rlim_cur = 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
}

double
bench_io_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
