/* SPDX-License-Identifier: ISC
 * conn: one TCP stream, in clear or TLS, as a state machine wants it: bytes
 * come in through a window of at most `input_max`, bytes go out without
 * blocking, one idle timer. Reads and writes go straight to the socket; the
 * loop is asked only when the kernel says EAGAIN (a buffered event costs two
 * more system calls a command, which is a third of our intake). Loop thread. */
#ifndef MX_NET_CONN_H
#define MX_NET_CONN_H

#include <sys/uio.h>

#include "net/addr.h"
#include "net/dane.h"
#include "net/loop.h"
#include "net/tls.h"

struct conn;

enum conn_event {
	CONN_CONNECTED, /* the TCP connection is there (conn_connect only) */
	CONN_READ, /* conn_input() grew, or conn_resume() was called */
	/* Everything written has left. Who has seen conn_backlog() outside of
	 * a callback is told, and who left one in a callback, if the socket did
	 * not take it at the end of that; but for what leaves behind a read that
	 * comes in between. So none waits for it with little to be sent. */
	CONN_DRAINED,
	CONN_TLS_UP, /* the handshake is done: conn_tls_info() */
	CONN_EOF, /* the peer closed; buffered input was offered first */
	CONN_ERROR, /* conn_error() says what; nothing more will come */
	CONN_TIMEOUT, /* conn_timeout() ran out; it is not re-armed */
};
typedef void conn_cb(struct conn *, enum conn_event, void *arg);

/* Starts to connect; the outcome is CONN_CONNECTED or CONN_ERROR, never from
 * inside the call. `from` (NULL: any) is the source address. */
struct conn *conn_connect(struct loop *, const struct net_addr *to,
    const struct net_addr *from, size_t input_max, conn_cb *, void *arg);
/* Takes over an accepted, non-blocking descriptor. TCP_NODELAY it has from the
 * socket that listens. */
struct conn *conn_accept(struct loop *, int fd, const struct net_addr *peer,
    size_t input_max, conn_cb *, void *arg);

/* Hands the connection over: from here on events go to the new owner. Nothing
 * is told by this call; input that lies unread is for him to look at. Allowed
 * inside the callback of the old one. */
void conn_owner(struct conn *, conn_cb *, void *arg);

/* Closes at once, unsent bytes are lost. Allowed inside the callback. */
void conn_destroy(struct conn **);
/* Sends what is pending, says goodbye and closes, within `linger_ms`; no
 * more callbacks. The caller's pointer is gone (*c = NULL). */
void conn_finish(struct conn **, int64_t linger_ms);
/* The same for a peer that will send nothing more: closes without waiting for
 * its end, as soon as what is pending has left. */
void conn_finish_quit(struct conn **, int64_t linger_ms);

/* Calls `closed` once, when the descriptor is closed: by conn_destroy(), or at
 * the end of a goodbye. It may do nothing with the connection. */
void conn_on_close(struct conn *, void (*closed)(void *arg), void *arg);

/* The unread input, contiguous; valid until the next conn_* call. */
size_t conn_input(const struct conn *, const char **data);
void conn_consume(struct conn *, size_t n);
/* Has the peer sent more than was consumed? In clear, what still lies in the
 * socket counts. */
bool conn_pending(const struct conn *);
/* Stop and go on offering input; TCP pushes back on the peer meanwhile. */
void conn_pause(struct conn *);
void conn_resume(struct conn *); /* offers what is buffered from the loop */
/* The same in one, for an owner who leaves input for later lest others wait:
 * it is offered again after theirs (loop_task_wait()), and meanwhile nothing
 * more is read. */
void conn_yield(struct conn *);

/* Takes a copy; what the socket does not take now is buffered. Writes made in
 * one callback leave together after it. */
void conn_write(struct conn *, const void *data, size_t len);
/* The same with memory of the heap, which is the connection's from here on: it
 * leaves without a copy where nothing waits before it. */
void conn_write_owned(struct conn *, char *data, size_t len);
void conn_printf(struct conn *, const char *fmt, ...) MX_PRINTF(2, 3);
size_t conn_backlog(const struct conn *); /* bytes not yet sent */

/* One timer; 0 turns it off. Set it as often as wanted: it costs no system
 * call. It measures the peer, not us: the time in which our loop was late
 * (loop_late_ns()) is left out, once over at most `ms` of it; and what lies in
 * the socket when it runs out is taken first: CONN_CONNECTED, CONN_READ,
 * CONN_TLS_UP or CONN_EOF come instead if they make the owner set it anew (or
 * turn it off), and else right before CONN_TIMEOUT. */
void conn_timeout(struct conn *, int64_t ms);
/* The same, but never later than it stands. */
void conn_timeout_by(struct conn *, int64_t ms);

/* Starts TLS now. Clear text that was received but not consumed is an attack
 * or a desynchronisation: the caller has to look at conn_input() first; what
 * is left is discarded (CVE-2011-0411). `name` is the server name to check
 * and to send as SNI (client side, may be NULL). */
int
conn_tls_start(struct conn *, struct tls_ctx *, const char *name) MX_NODISCARD;
/* The same, and may go on with a TLS session from before with that peer, under
 * the same context and name: tls_info.resumed. */
int
conn_tls_resume(struct conn *, struct tls_ctx *, const char *name) MX_NODISCARD;
/* TLS has failed the owner, in whatever way: the next one there begins anew. */
void conn_tls_forget(struct conn *);
/* The same for a host whose TLSA records ask for DANE_VERIFY: CONN_TLS_UP
 * comes only if one of them fits. `dane` is not kept. */
int conn_tls_start_dane(struct conn *, struct tls_ctx *,
    const struct dane *dane) MX_NODISCARD;
const struct tls_info *conn_tls_info(const struct conn *); /* NULL: clear */

/* A peer that was not heard of for `s` seconds is asked for (by the kernel)
 * each `s` seconds, and gone after the third time: CONN_ERROR. */
void conn_keepalive(struct conn *, int s);

const struct net_addr *conn_peer(const struct conn *);
const struct net_addr *conn_local(struct conn *);
/* The reason of CONN_ERROR: "connection refused", "TLS: ..." */
const char *conn_error(const struct conn *);
bool conn_error_is_tls(const struct conn *);
int conn_errno(const struct conn *); /* the same as errno; 0: not one of it */
/* It was never tried, for want of descriptors, memory, ports or our source
 * address: that says nothing of the peer. */
bool conn_error_is_local(const struct conn *);

#endif
