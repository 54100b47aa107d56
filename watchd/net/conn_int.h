/* SPDX-License-Identifier: ISC
 * conn_int: a connection from the inside, for conn.c (its life and events) and
 * conn_io.c (buffers, socket, TLS records) only. */
#ifndef MX_NET_CONN_INT_H
#define MX_NET_CONN_INT_H

#include "net/conn.h"
#include "net/loop_int.h"
#include "net/tls_int.h"

enum conn_state {
	CONN_ST_CONNECT,
	CONN_ST_OPEN,
	CONN_ST_HANDSHAKE,
	CONN_ST_FAILED, /* CONN_ERROR was or will be reported */
	CONN_ST_FINISH, /* conn_finish(): the owner is gone */
};

struct conn {
	struct loop *loop;
	struct loop_io *io;
	struct loop_task *task;
	struct loop_timer *timer; /* created when first needed */
	conn_cb *cb;
	void *arg;
	struct net_addr peer, local;
	int fd;
	enum conn_state state;

	/* of our own functions on the stack for this connection */
	unsigned depth;
	bool dead; /* destroyed while depth > 0 */

	bool connected; /* connect() succeeded at once: the task reports it */
	bool paused;
	bool offer; /* resumed: the task reports CONN_READ */
	bool yielded; /* the task is queued behind those of others */
	/* not asking the loop for input, which cannot be taken now */
	bool muted;
	bool eof;
	bool failed_told;

	char *in;
	size_t in_off, in_len, in_size, in_max;
	size_t in_last; /* bytes of the last read */
	char *out;
	size_t out_off, out_len, out_size;
	size_t out_clear; /* output to be sent in clear before the handshake */
	bool blocked; /* the socket does not take output now */

	SSL *ssl;
	bool read_wants_write, write_wants_read;
	/* OpenSSL has read more from the socket than it returned and may hold a
	 * complete record: the descriptor will not become readable for it. */
	bool held;
	bool tls_up;
	struct tls_info tls_info;

	int64_t deadline; /* 0: none */
	int64_t armed; /* when the timer fires; 0: not pending */
	int64_t late; /* loop_late_before_ns() when the deadline was set */
	int64_t grace; /* how much more of our own lateness may be left out */
	bool expired; /* expired, and not set again since */

	void (*closed)(void *arg); /* conn_on_close() */
	void *closed_arg;
	bool hasty; /* closes without waiting for the peer's end of file */
	bool said_goodbye;
	size_t discarded;
	struct loop_orphan orphan;

	bool error_tls;
	bool error_local;
	int error_no;
	char error[192];
};

/* Results of the transfer functions, besides a positive count. */
enum { CONN_IO_AGAIN = 0, CONN_IO_EOF = -1, CONN_IO_FAILED = -2 };

/* Reads once, into the room there is; sets c->error on failure. */
ssize_t conn_io_read(struct conn *);
/* Reads once and discards the data. */
ssize_t conn_io_discard(struct conn *);
/* Sends as much of the first `limit` bytes as the socket takes; 0, or
 * CONN_IO_FAILED. */
int conn_io_flush(struct conn *, size_t limit);
/* 1: complete, 0: not yet, CONN_IO_FAILED. The flags say what it waits for. */
int conn_io_handshake(struct conn *);
bool conn_io_room(const struct conn *);
void conn_io_shrink(struct conn *); /* frees large empty buffers */
char *conn_io_reserve(struct conn *, size_t n); /* n bytes after the output */
void conn_io_error(struct conn *, int error);
void conn_io_error_tls(struct conn *, const char *reason);

#endif
