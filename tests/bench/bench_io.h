/* SPDX-License-Identifier: ISC
 * bench_io: a non-blocking connection of the bench's own client and server,
 * in clear or inside TLS, with what is still to be sent. One thread. Errors
 * end the connection, not the program: the peer is what is measured. */
#ifndef MX_BENCH_IO_H
#define MX_BENCH_IO_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_io {
	int fd;
	int epoll; /* in which it is, for reading */
	void *data; /* of its epoll_event */
	bool writing; /* it waits for the peer to take something */
	bool shaking; /* TLS is not up yet */
	SSL *ssl; /* NULL: in clear */
	char *out; /* owned; sent from `sent` on */
	size_t sent, have, room;
};

/* Takes fd, which must be connected (or connecting) and non-blocking. */
void bench_io_open(struct bench_io *, int fd, int epoll, void *data);
void bench_io_close(struct bench_io *);

/* TLS from here on; `session` is resumed if it is one. Nothing may be
 * unsent. As bench_io_shake(), which it calls: over loopback all of a
 * handshake may be there at once. */
int bench_io_tls(struct bench_io *, SSL_CTX *, bool client, SSL_SESSION *);
/* Goes on with a handshake: 1 when it is done, 0 to wait, -1. */
int bench_io_shake(struct bench_io *);

/* Octets, 0: nothing now, -1: the end or an error. */
long bench_io_read(struct bench_io *, char *, size_t);
/* Puts behind what is unsent; bench_io_flush() sends. The buffer grows to
 * what the caller puts there: it is the caller who bounds it. */
void bench_io_put(struct bench_io *, const char *, size_t);
/* Sends what the peer takes now, and waits for the rest: -1 on an error. */
int bench_io_flush(struct bench_io *);
size_t bench_io_unsent(const struct bench_io *);

/* One socket, non-blocking, without delay. The address is IPv4 ("127.0.0.1");
 * ends the program on an error. */
int bench_io_listen(const char *address, uint16_t port);
int bench_io_connect(const char *address, uint16_t port);
int bench_io_accept(int listener); /* -1: nobody */
/* `data` is told when fd can be read. */
void bench_io_watch(int epoll, int fd, void *data);
/* As many files as the hard limit allows; no SIGPIPE, which TLS would get. */
void bench_io_begin(void);
double bench_io_now(void); /* seconds */

#endif
