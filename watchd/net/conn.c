/* SPDX-License-Identifier: ISC
 * conn: the life of one TCP stream and the events reported to its owner. The
 * loop enters through conn_on_io(), conn_on_task() and conn_on_timer(); each is
 * bracketed by conn_enter() and conn_leave(), so that the owner may destroy the
 * connection in any callback: the descriptor is closed at once, and the memory
 * is freed in the last conn_leave(). Output of the callbacks is also sent
 * there, in one piece. Loop thread. */
#include <sys/ioctl.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_int.h"

/* After closing our side we read and discard up to this much: a peer that is
 * still sending would otherwise cause a reset, which may destroy our last
 * reply. */
#define CONN_DISCARD_MAX     (1024 * 1024)
#define CONN_DISCARDS_A_TURN 16u

static void
conn_close(struct conn *c)
{
	if (c->state == CONN_ST_FINISH)
		loop_orphan_remove(&c->orphan);
	loop_io_destroy(&c->io);
	loop_task_destroy(&c->task);
	loop_timer_destroy(&c->timer);
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->closed != NULL)
		c->closed(c->closed_arg);
	c->closed = NULL;
	mem_free(&c->in);
	mem_free(&c->out);
	c->in_len = c->out_len = 0;
}

static void
conn_discard(struct conn *c)
{
	conn_close(c);
	c->dead = true;
	if (c->depth == 0)
		mem_free(&c);
}

static void
conn_enter(struct conn *c)
{
	c->depth++;
}

/* Calls the owner; false when that destroyed the connection or gave it up: the
 * caller returns without touching it. */
static bool
conn_tell(struct conn *c, enum conn_event event)
{
	c->cb(c, event, c->arg);
	return !c->dead && c->state != CONN_ST_FINISH;
}

/* The owner is told by the task, never from inside its own call. */
static void
conn_fail(struct conn *c)
{
	c->state = CONN_ST_FAILED;
	loop_task_schedule(c->task);
}

static bool
conn_may_read(const struct conn *c)
{
	return c->state == CONN_ST_OPEN && !c->paused && !c->yielded &&
	    !c->eof && conn_io_room(c);
}

/* Tells the loop which events are wanted. Input stays wanted during a pause
 * until some arrives: most pauses end before that, at no cost. */
static void
conn_update(struct conn *c)
{
	unsigned want = 0;

	switch (c->state) {
	case CONN_ST_CONNECT:
		want = c->connected ? 0 : LOOP_WRITE;
		break;
	case CONN_ST_HANDSHAKE:
		if (!c->muted)
			want = c->blocked ? LOOP_WRITE : LOOP_READ;
		break;
	case CONN_ST_OPEN:
		if ((!c->eof && !c->muted) || c->write_wants_read)
			want |= LOOP_READ;
		if ((c->blocked && !c->write_wants_read) || c->read_wants_write)
			want |= LOOP_WRITE;
		break;
	case CONN_ST_FINISH:
		want = c->out_len > 0 && !c->write_wants_read ? LOOP_WRITE :
								LOOP_READ;
		break;
	case CONN_ST_FAILED:
		break;
	}
	if (c->io != NULL)
		loop_io_want(c->io, want);
}

static void conn_finish_step(struct conn *);

static void
conn_leave(struct conn *c)
{
	if (c->depth == 1 && c->state == CONN_ST_FINISH && !c->said_goodbye &&
	    !c->dead && !c->blocked)
		conn_finish_step(c);
	if (--c->depth > 0)
		return;
	if (c->dead) {
		mem_free(&c);
		return;
	}
	if (c->state == CONN_ST_OPEN && c->out_len > 0 && !c->blocked &&
	    conn_io_flush(c, c->out_len) < 0)
		conn_fail(c);
	if (c->muted && conn_may_read(c))
		c->muted = false;
	if (c->held && conn_may_read(c))
		loop_task_schedule(c->task);
	conn_io_shrink(c);
	conn_update(c);
}

/* One read and its consequences. */
static void
conn_fill(struct conn *c)
{
	ssize_t n;

	if (!conn_may_read(c)) {
		c->muted = true;
		return;
	}
	n = conn_io_read(c);
	if (n > 0)
		(void)conn_tell(c, CONN_READ);
	else if (n == CONN_IO_EOF) {
		c->eof = true;
		(void)conn_tell(c, CONN_EOF);
	} else if (n == CONN_IO_FAILED)
		conn_fail(c);
}

/* The socket takes output again. */
static bool
conn_drain(struct conn *c)
{
	if (conn_io_flush(c, c->out_len) < 0) {
		conn_fail(c);
		return false;
	}
	return c->out_len > 0 || conn_tell(c, CONN_DRAINED);
}

static void
conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		conn_io_error(c, error);
		conn_fail(c);
		return;
	}
	c->state = CONN_ST_OPEN;
	c->connected = false;
	(void)conn_tell(c, CONN_CONNECTED);
}

static void
conn_handshake(struct conn *c)
{
	int rc = conn_io_handshake(c);

	if (rc < 0)
		conn_fail(c);
	else if (rc == 1) {
		c->state = CONN_ST_OPEN;
		c->tls_up = true;
		c->blocked = false;
		tls_info_fill(&c->tls_info, c->ssl);
		(void)conn_tell(c, CONN_TLS_UP);
	}
}

/* A server handshake is work that strangers can cause at will, a millisecond
 * each: it waits in the queue of loop_task_wait(). A peer that has closed is
 * noticed at once. Most handshakes run before the loop reports the socket
 * again. */
static void
conn_handshake_ready(struct conn *c)
{
	char first;

	if (c->yielded) {
		c->muted = true;
		return;
	}
	if (c->out_clear > 0 || !SSL_is_server(c->ssl) ||
	    recv(c->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		conn_handshake(c);
		return;
	}
	c->yielded = true;
	loop_task_wait(c->task);
}

/* Closes step by step; destroys the connection at the end. */
static void
conn_finish_step(struct conn *c)
{
	unsigned i = 0;
	ssize_t n;

	if (c->out_len > 0 && conn_io_flush(c, c->out_len) < 0) {
		conn_discard(c);
		return;
	}
	if (c->out_len > 0)
		return;
	if (!c->said_goodbye) {
		c->said_goodbye = true;
		if (c->tls_up)
			(void)SSL_shutdown(c->ssl);
		if (c->hasty) {
			conn_discard(c);
			return;
		}
		(void)shutdown(c->fd, SHUT_WR);
		/* further input is discarded anyway: it need not be
		 * decrypted */
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	do {
		n = conn_io_discard(c);
		c->discarded += n > 0 ? (size_t)n : 0;
	} while (n > 0 && c->discarded < CONN_DISCARD_MAX &&
	    ++i < CONN_DISCARDS_A_TURN);
	if (c->discarded >= CONN_DISCARD_MAX || (n <= 0 && n != CONN_IO_AGAIN))
		conn_discard(c);
}

static void
conn_on_io(unsigned ready, void *arg)
{
	struct conn *c = arg;

	conn_enter(c);
	switch (c->state) {
	case CONN_ST_CONNECT:
		conn_connected(c);
		break;
	case CONN_ST_HANDSHAKE:
		conn_handshake_ready(c);
		break;
	case CONN_ST_OPEN:
		if (c->blocked &&
		    ready == (c->write_wants_read ? LOOP_READ : LOOP_WRITE) &&
		    !conn_drain(c))
			break;
		if (ready == LOOP_READ || c->read_wants_write)
			conn_fill(c);
		break;
	case CONN_ST_FINISH:
		conn_finish_step(c);
		break;
	case CONN_ST_FAILED:
		break;
	}
	conn_leave(c);
}

/* After a failed write the peer's last reply (a 421, say) may still be
 * readable: it is offered before the error. */
static void
conn_tell_failure(struct conn *c)
{
	char error[sizeof(c->error)];
	bool error_tls = c->error_tls;

	if (c->failed_told)
		return;
	c->failed_told = true;
	(void)strlcpy(error, c->error, sizeof(error));
	if (c->fd >= 0 && !c->paused && !c->eof && conn_io_room(c) &&
	    !error_tls && conn_io_read(c) > 0 && !conn_tell(c, CONN_READ))
		return;
	(void)strlcpy(c->error, error, sizeof(c->error));
	c->error_tls = error_tls;
	(void)conn_tell(c, CONN_ERROR);
}

static void
conn_on_task(void *arg)
{
	struct conn *c = arg;

	conn_enter(c);
	c->yielded = false;
	switch (c->state) {
	case CONN_ST_CONNECT:
		if (c->connected)
			conn_connected(c);
		break;
	case CONN_ST_HANDSHAKE:
		c->muted = false;
		conn_handshake(c);
		break;
	case CONN_ST_OPEN:
		/* output written outside of our callbacks */
		if (c->out_len > 0 && !c->blocked && !conn_drain(c))
			break;
		if (c->offer && !c->paused) {
			c->offer = false;
			if (c->in_len > 0 && !conn_tell(c, CONN_READ))
				break;
		}
		if (c->held && conn_may_read(c))
			conn_fill(c);
		break;
	case CONN_ST_FINISH:
		conn_finish_step(c);
		break;
	case CONN_ST_FAILED:
		conn_tell_failure(c);
		break;
	}
	conn_leave(c);
}

static void
conn_arm(struct conn *c)
{
	int64_t left = c->deadline - loop_now(c->loop);

	c->armed = c->deadline;
	loop_timer_set(c->timer,
	    left <= 0 ? 0 : (left + CLOCK_MS - 1) / CLOCK_MS);
}

/* Extends the deadline by the lateness of our loop since it was set. */
static bool
conn_forgive(struct conn *c)
{
	int64_t late = loop_late_ns(c->loop);
	int64_t more = late - c->late;

	c->late = late;
	if (more > c->grace)
		more = c->grace;
	c->grace -= more;
	c->deadline += more;
	return more > 0 && c->deadline > loop_now(c->loop);
}

/* The socket may be ready although the loop has not reported it yet. */
static void
conn_last_look(struct conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };

	switch (c->state) {
	case CONN_ST_CONNECT:
		if (c->connected || poll(&p, 1, 0) > 0)
			conn_connected(c);
		break;
	case CONN_ST_HANDSHAKE:
		conn_handshake(c);
		break;
	case CONN_ST_OPEN:
		if (conn_may_read(c))
			conn_fill(c);
		break;
	default:
		break;
	}
}

static void
conn_on_timer(void *arg)
{
	struct conn *c = arg;

	c->armed = 0;
	if (c->deadline == 0)
		return;
	if (c->deadline > loop_now(c->loop) || conn_forgive(c)) {
		conn_arm(c);
		return;
	}
	c->deadline = 0;
	c->expired = true;
	conn_enter(c);
	if (c->state == CONN_ST_FINISH) {
		conn_discard(c);
	} else {
		conn_last_look(c);
		if (!c->dead && c->expired && c->state != CONN_ST_FAILED &&
		    c->state != CONN_ST_FINISH)
			(void)conn_tell(c, CONN_TIMEOUT);
	}
	conn_leave(c);
}

void
conn_timeout(struct conn *c, int64_t ms)
{
	c->expired = false;
	c->deadline = ms > 0 ? loop_now(c->loop) + ms * CLOCK_MS : 0;
	if (ms <= 0)
		return;
	c->late = loop_late_before_ns(c->loop);
	c->grace = ms * CLOCK_MS;
	if (c->timer == NULL)
		c->timer = loop_timer_create(c->loop, conn_on_timer, c);
	/* a timer that fires too early checks the deadline and is set again */
	if (c->armed == 0 || c->armed > c->deadline)
		conn_arm(c);
}

void
conn_timeout_by(struct conn *c, int64_t ms)
{
	if (c->deadline == 0 || c->deadline > loop_now(c->loop) + ms * CLOCK_MS)
		conn_timeout(c, ms);
}

static struct conn *
conn_create(struct loop *l, int fd, const struct net_addr *peer,
    size_t input_max, conn_cb *cb, void *arg)
{
	struct conn *c = mem_alloc(sizeof(*c));

	MX_ASSERT(input_max > 0);
	c->loop = l;
	c->fd = fd;
	c->peer = *peer;
	c->in_max = input_max;
	c->cb = cb;
	c->arg = arg;
	c->task = loop_task_create(l, conn_on_task, c);
	if (fd >= 0)
		c->io = loop_io_create(l, fd, conn_on_io, c);
	return c;
}

struct conn *
conn_connect(struct loop *l, const struct net_addr *to,
    const struct net_addr *from, size_t input_max, conn_cb *cb, void *arg)
{
	struct conn *c;
	int fd, error = 0, one = 1;

	fd = socket(to->u.sa.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		error = errno;
	c = conn_create(l, fd, to, input_max, cb, arg);
	/* a command must not wait for the ACK of the one before; optional */
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	if (fd >= 0 && from != NULL && bind(fd, &from->u.sa, from->len) != 0)
		error = errno;
	c->error_local = error != 0;
	if (error == 0) {
		if (connect(fd, &to->u.sa, to->len) == 0)
			c->connected = true;
		else if (errno != EINPROGRESS) {
			error = errno;
			c->error_local = error == EADDRNOTAVAIL ||
			    error == ENOBUFS || error == ENOMEM;
		}
	}
	if (error != 0) {
		conn_io_error(c, error);
		conn_fail(c);
	} else if (c->connected)
		loop_task_schedule(c->task);
	conn_update(c);
	return c;
}

struct conn *
conn_accept(struct loop *l, int fd, const struct net_addr *peer,
    size_t input_max, conn_cb *cb, void *arg)
{
	struct conn *c = conn_create(l, fd, peer, input_max, cb, arg);

	c->state = CONN_ST_OPEN;
	conn_update(c);
	return c;
}

void
conn_owner(struct conn *c, conn_cb *cb, void *arg)
{
	MX_ASSERT(!c->dead && c->state != CONN_ST_FINISH);
	c->cb = cb;
	c->arg = arg;
}

void
conn_destroy(struct conn **cp)
{
	struct conn *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	conn_discard(c);
}

static void
conn_orphan_destroy(void *arg)
{
	conn_discard(arg);
}

static void
conn_begin_finish(struct conn **cp, int64_t linger_ms, bool hasty)
{
	struct conn *c = *cp;

	if (c == NULL)
		return;
	if (c->state != CONN_ST_OPEN || linger_ms <= 0) {
		if (c->state == CONN_ST_OPEN)
			(void)conn_io_flush(c, c->out_len);
		conn_destroy(cp);
		return;
	}
	*cp = NULL;
	c->state = CONN_ST_FINISH;
	c->hasty = hasty;
	c->cb = NULL;
	c->orphan =
	    (struct loop_orphan){ .destroy = conn_orphan_destroy, .arg = c };
	loop_orphan_add(c->loop, &c->orphan);
	conn_timeout(c, linger_ms);
	if (c->depth == 0) /* otherwise conn_leave() takes the first step */
		loop_task_schedule(c->task);
}

void
conn_finish(struct conn **cp, int64_t linger_ms)
{
	conn_begin_finish(cp, linger_ms, false);
}

void
conn_finish_quit(struct conn **cp, int64_t linger_ms)
{
	const struct conn *c = *cp;

	/* With unread input the lingering close is needed as usual. Under TLS
	 * the peer's close_notify may be unread as well: closing then causes a
	 * reset, which can destroy our last replies. */
	conn_begin_finish(cp, linger_ms,
	    c != NULL && c->in_len == 0 && c->ssl == NULL);
}

void
conn_on_close(struct conn *c, void (*closed)(void *arg), void *arg)
{
	c->closed = closed;
	c->closed_arg = arg;
}

size_t
conn_input(const struct conn *c, const char **data)
{
	*data = c->in_len > 0 ? c->in + c->in_off : "";
	return c->in_len;
}

bool
conn_pending(const struct conn *c)
{
	int n = 0;

	if (c->in_len > 0)
		return true;
	return c->ssl == NULL && ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

void
conn_consume(struct conn *c, size_t n)
{
	MX_ASSERT(n <= c->in_len);
	c->in_off += n;
	c->in_len -= n;
	if (c->in_len == 0)
		c->in_off = 0;
	if ((c->muted || c->held) && c->depth == 0)
		loop_task_schedule(c->task);
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
}

void
conn_resume(struct conn *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	c->offer = true;
	loop_task_schedule(c->task);
}

void
conn_yield(struct conn *c)
{
	c->yielded = c->offer = true;
	loop_task_wait(c->task);
}

/* Output to a broken connection is dropped. */
static bool
conn_may_write(const struct conn *c)
{
	return !c->dead && c->state != CONN_ST_FAILED;
}

static void
conn_written(struct conn *c, size_t len)
{
	c->out_len += len;
	if (c->depth == 0 && !c->blocked)
		loop_task_schedule(c->task);
}

void
conn_write(struct conn *c, const void *data, size_t len)
{
	if (len == 0 || !conn_may_write(c))
		return;
	memcpy(conn_io_reserve(c, len), data, len);
	conn_written(c, len);
}

void
conn_write_owned(struct conn *c, char *data, size_t len)
{
	if (c->out_len > 0 || len == 0 || !conn_may_write(c)) {
		conn_write(c, data, len);
		free(data);
		return;
	}
	free(c->out);
	c->out = data;
	c->out_off = 0;
	c->out_size = len;
	conn_written(c, len);
}

void
conn_printf(struct conn *c, const char *fmt, ...)
{
	va_list ap;
	size_t room = 256;
	int n;

	if (!conn_may_write(c))
		return;
	va_start(ap, fmt);
	n = vsnprintf(conn_io_reserve(c, room), room, fmt, ap);
	va_end(ap);
	MX_ASSERT(n >= 0);
	if ((size_t)n >= room) {
		room = (size_t)n + 1;
		va_start(ap, fmt);
		(void)vsnprintf(conn_io_reserve(c, room), room, fmt, ap);
		va_end(ap);
	}
	conn_written(c, (size_t)n);
}

size_t
conn_backlog(const struct conn *c)
{
	return c->out_len;
}

static int
conn_tls_begin(struct conn *c, struct tls_ctx *ctx, const char *name,
    const struct dane *dane)
{
	struct mx_errbuf eb;

	if (c->state != CONN_ST_OPEN || c->ssl != NULL)
		return -MX_ETLS;
	c->ssl = dane != NULL ? tls_session_dane(ctx, c->fd, dane, &eb) :
				tls_session_create(ctx, c->fd, name, &eb);
	if (c->ssl == NULL) {
		conn_io_error_tls(c, eb.text);
		return -MX_ETLS;
	}
	/* clear text must not count as received under TLS (CVE-2011-0411) */
	c->in_off = c->in_len = 0;
	c->offer = c->yielded = false;
	c->out_clear = c->out_len;
	c->state = CONN_ST_HANDSHAKE;
	loop_task_schedule(c->task);
	return 0;
}

int
conn_tls_start(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	return conn_tls_begin(c, ctx, name, NULL);
}

int
conn_tls_resume(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	char peer[ADDR_TEXT_MAX];
	int rc = conn_tls_begin(c, ctx, name, NULL);

	if (rc == 0 && tls_ctx_resume(ctx) != NULL)
		tls_resume_offer(tls_ctx_resume(ctx), c->ssl,
		    addr_text_port(&c->peer, peer), name);
	return rc;
}

void
conn_tls_forget(struct conn *c)
{
	if (c->ssl != NULL)
		tls_resume_forget(c->ssl);
}

int
conn_tls_start_dane(struct conn *c, struct tls_ctx *ctx,
    const struct dane *dane)
{
	return conn_tls_begin(c, ctx, NULL, dane);
}

const struct tls_info *
conn_tls_info(const struct conn *c)
{
	return c->tls_up ? &c->tls_info : NULL;
}

void
conn_keepalive(struct conn *c, int s)
{
	int on = 1, count = 3;

	if (c->fd < 0)
		return;
	/* Optional: without it a dead peer is only noticed later. */
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &s, sizeof(s));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &s, sizeof(s));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &count,
	    sizeof(count));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

const struct net_addr *
conn_peer(const struct conn *c)
{
	return &c->peer;
}

const struct net_addr *
conn_local(struct conn *c)
{
	if (c->local.len == 0 && c->fd >= 0) {
		c->local.len = sizeof(c->local.u);
		if (getsockname(c->fd, &c->local.u.sa, &c->local.len) != 0)
			c->local.len = 0;
	}
	return &c->local;
}

const char *
conn_error(const struct conn *c)
{
	return c->error;
}

bool
conn_error_is_tls(const struct conn *c)
{
	return c->error_tls;
}

int
conn_errno(const struct conn *c)
{
	return c->error_no;
}

bool
conn_error_is_local(const struct conn *c)
{
	return c->error_local;
}
