/* SPDX-License-Identifier: ISC
 * conn_io: the bytes of a connection: two buffers, the socket, the TLS records.
 * Nothing here calls back. A read or write is one system call; EAGAIN is
 * remembered, and only then is the loop asked. */
#include <openssl/err.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/conn_int.h"

#define CONN_IN_FIRST  4096
#define CONN_OUT_FIRST 512
#define CONN_KEEP      16384 /* a larger empty buffer is freed */
/* A peer that sends commands without reading the replies: its input is not read
 * while this much output waits for it. */
#define CONN_OUT_HIGH 262144

void
conn_io_error(struct conn *c, int error)
{
	c->error_tls = false;
	c->error_no = error;
	(void)strlcpy(c->error, strerror(error), sizeof(c->error));
	c->error[0] = (char)tolower((unsigned char)c->error[0]);
}

void
conn_io_error_tls(struct conn *c, const char *reason)
{
	c->error_tls = true;
	c->error_no = 0;
	(void)snprintf(c->error, sizeof(c->error), "TLS: %.180s", reason);
}

bool
conn_io_room(const struct conn *c)
{
	return c->in_len < c->in_max && c->out_len < CONN_OUT_HIGH;
}

/* Makes the free space behind the input contiguous and not empty. The buffer
 * grows only when the last read filled it. */
static void
conn_make_room(struct conn *c)
{
	size_t size = c->in_size;

	if (c->in_off > 0 &&
	    (c->in_len == 0 || c->in_off + c->in_len > c->in_size / 2)) {
		memmove(c->in, c->in + c->in_off, c->in_len);
		c->in_off = 0;
	}
	if (size == 0)
		size = CONN_IN_FIRST;
	else if (c->in_len == size || c->in_last == size)
		size *= 2;
	if (size > c->in_max)
		size = c->in_max;
	if (size > c->in_size) {
		c->in = mem_grow(c->in, size, 1);
		c->in_size = size;
	}
}

/* Translates an SSL_* error; for reading and writing. */
static ssize_t
conn_tls_result(struct conn *c, int rc, bool *wants_other, int other)
{
	int saved = errno, error = SSL_get_error(c->ssl, rc);
	char reason[160];

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		*wants_other = error == other;
		return CONN_IO_AGAIN;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return CONN_IO_EOF;
	if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		if (saved == 0)
			return CONN_IO_EOF;
		conn_io_error(c, saved);
		return CONN_IO_FAILED;
	}
	conn_io_error_tls(c, tls_error_text(c->ssl, reason, sizeof(reason)));
	return CONN_IO_FAILED;
}

static ssize_t
conn_read_some(struct conn *c, void *dst, size_t size)
{
	ssize_t n;
	int rc;

	if (size > INT_MAX)
		size = INT_MAX;
	if (c->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		c->read_wants_write = false;
		rc = SSL_read(c->ssl, dst, (int)size);
		/* half a record is no reason to read again */
		c->held = rc > 0 && SSL_has_pending(c->ssl) == 1;
		return rc > 0 ? rc :
				conn_tls_result(c, rc, &c->read_wants_write,
				    SSL_ERROR_WANT_WRITE);
	}
	do {
		n = recv(c->fd, dst, size, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return CONN_IO_EOF;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return CONN_IO_AGAIN;
	conn_io_error(c, errno);
	return CONN_IO_FAILED;
}

ssize_t
conn_io_read(struct conn *c)
{
	size_t end;
	ssize_t n;

	conn_make_room(c);
	end = c->in_off + c->in_len;
	n = conn_read_some(c, c->in + end, c->in_size - end);
	if (n > 0) {
		c->in_len += (size_t)n;
		c->in_last = (size_t)n;
	}
	return n;
}

ssize_t
conn_io_discard(struct conn *c)
{
	char waste[4096];

	return conn_read_some(c, waste, sizeof(waste));
}

static ssize_t
conn_write_some(struct conn *c, const char *data, size_t len)
{
	ssize_t n;
	int rc;

	if (len > INT_MAX)
		len = INT_MAX;
	if (c->ssl != NULL && c->tls_up) {
		ERR_clear_error();
		errno = 0;
		c->write_wants_read = false;
		rc = SSL_write(c->ssl, data, (int)len);
		return rc > 0 ? rc :
				conn_tls_result(c, rc, &c->write_wants_read,
				    SSL_ERROR_WANT_READ);
	}
	do {
		n = send(c->fd, data, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return CONN_IO_AGAIN;
	conn_io_error(c, errno);
	return CONN_IO_FAILED;
}

int
conn_io_flush(struct conn *c, size_t limit)
{
	ssize_t n;

	c->blocked = false;
	if (limit > c->out_len)
		limit = c->out_len;
	while (limit > 0 && !c->blocked) {
		n = conn_write_some(c, c->out + c->out_off, limit);
		if (n == CONN_IO_EOF) { /* we close as well */
			conn_io_error(c, EPIPE);
			n = CONN_IO_FAILED;
		}
		if (n < 0)
			return CONN_IO_FAILED;
		c->blocked = n == CONN_IO_AGAIN;
		c->out_off += (size_t)n;
		c->out_len -= (size_t)n;
		limit -= (size_t)n;
	}
	if (c->out_len == 0)
		c->out_off = 0;
	return 0;
}

int
conn_io_handshake(struct conn *c)
{
	char reason[160];
	size_t before = c->out_len;
	ssize_t rc;

	/* the 220 or the STARTTLS itself is sent in clear first */
	if (c->out_clear > 0) {
		if (conn_io_flush(c, c->out_clear) < 0)
			return CONN_IO_FAILED;
		c->out_clear -= before - c->out_len;
		/* a server handshake waits for its turn once input is there */
		if (c->out_clear > 0 || SSL_is_server(c->ssl))
			return 0;
	}
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		c->held = SSL_has_pending(c->ssl) == 1;
		return 1;
	}
	/* `blocked` stands for "wants to write" until the handshake is done */
	rc = conn_tls_result(c, (int)rc, &c->blocked, SSL_ERROR_WANT_WRITE);
	if (rc == CONN_IO_EOF) {
		conn_io_error_tls(c, "closed by the peer in the handshake");
		rc = CONN_IO_FAILED;
	} else if (rc == CONN_IO_FAILED && !c->error_tls) {
		(void)strlcpy(reason, c->error, sizeof(reason));
		conn_io_error_tls(c, reason);
	}
	return (int)rc;
}

void
conn_io_shrink(struct conn *c)
{
	if (c->in_len == 0 && c->in_size > CONN_KEEP &&
	    c->in_last < c->in_size / 4) {
		mem_free(&c->in);
		c->in_size = c->in_off = 0;
	}
	if (c->out_len == 0 && c->out_size > CONN_KEEP) {
		mem_free(&c->out);
		c->out_size = 0;
	}
}

char *
conn_io_reserve(struct conn *c, size_t n)
{
	size_t need, size;

	MX_ASSERT(n <= SIZE_MAX / 4 - c->out_len);
	if (c->out_off > 0 && c->out_off + c->out_len + n > c->out_size) {
		memmove(c->out, c->out + c->out_off, c->out_len);
		c->out_off = 0;
	}
	need = c->out_off + c->out_len + n;
	if (need > c->out_size) {
		size = c->out_size == 0 ? CONN_OUT_FIRST : c->out_size;
		while (size < need)
			size *= 2;
		c->out = mem_grow(c->out, size, 1);
		c->out_size = size;
	}
	return c->out + c->out_off + c->out_len;
}
