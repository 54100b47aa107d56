/* SPDX-License-Identifier: ISC
 * conn: one TCP stream, in clear or TLS, with the interface that a state
 * machine needs: input through a window of at most `input_max` bytes, output
 * that never blocks, one idle timer. Reads and writes go straight to the
 * socket; the loop is asked only when the kernel says EAGAIN (a buffered event
 * costs two more system calls a command, which is a third of our intake). Loop
 * thread. */
#ifndef MX_NET_CONN_H
#define MX_NET_CONN_H

#include <sys/uio.h>

#include "net/addr.h"
#include "net/dane.h"
#include "net/loop.h"
#include "net/tls.h"

struct conn;

enum conn_event {
	CONN_CONNECTED, /* the TCP connection is made (conn_connect only) */
	CONN_READ, /* conn_input() grew, or conn_resume() was called */
	/* All output was sent. Reported to an owner who saw a conn_backlog()
	 * outside of a callback, or left one at the end of a callback that the
	 * socket did not take; but not for output that leaves with a read in
	 * between. So an owner should not wait for it with little to send. */
	CONN_DRAINED,
	CONN_TLS_UP, /* the handshake is complete: conn_tls_info() */
	CONN_EOF, /* the peer closed; buffered input was offered before */
	CONN_ERROR, /* conn_error() has the reason; no more events */
	CONN_TIMEOUT, /* conn_timeout() expired; it is not re-armed */
};
typedef void conn_cb(struct conn *, enum conn_event, void *arg);

/* Starts to connect; the outcome is CONN_CONNECTED or CONN_ERROR, never from
 * inside the call. `from` (NULL: any) is the source address. */
struct conn *conn_connect(struct loop *, const struct net_addr *to,
    const struct net_addr *from, size_t input_max, conn_cb *, void *arg);
/* Takes over an accepted, non-blocking descriptor. It inherits TCP_NODELAY from
 * the listening socket. */
struct conn *conn_accept(struct loop *, int fd, const struct net_addr *peer,
    size_t input_max, conn_cb *, void *arg);

/* Hands the connection over: events go to the new owner from now on. This call
 * reports nothing; the new owner has to look for unread input itself. Allowed
 * inside a callback of the old owner. */
void conn_owner(struct conn *, conn_cb *, void *arg);

/* Closes at once, unsent bytes are lost. Allowed inside the callback. */
void conn_destroy(struct conn **);
/* Sends pending output, closes the stream properly, within `linger_ms`; no more
 * callbacks. The caller gives up the pointer (*c = NULL). */
void conn_finish(struct conn **, int64_t linger_ms);
/* The same for a peer that will send nothing more: closes as soon as the output
 * is sent, without waiting for the peer's end of file. */
void conn_finish_quit(struct conn **, int64_t linger_ms);

/* Calls `closed` once, when the descriptor is closed: by conn_destroy(), or at
 * the end of conn_finish(). It must not use the connection. */
void conn_on_close(struct conn *, void (*closed)(void *arg), void *arg);

/* The unread input, contiguous; valid until the next conn_* call. */
size_t conn_input(const struct conn *, const char **data);
void conn_consume(struct conn *, size_t n);
/* Has the peer sent more than was consumed? In clear this includes bytes that
 * are still in the socket. */
bool conn_pending(const struct conn *);
/* Stops and resumes offering input; meanwhile TCP flow control stops the
 * peer. */
void conn_pause(struct conn *);
void conn_resume(struct conn *); /* buffered input is offered from the loop */
/* Pauses, and resumes behind other connections (loop_task_wait()): for an owner
 * that leaves input unread so that others get their turn. Nothing is read
 * meanwhile. */
void conn_yield(struct conn *);

/* Copies the data; what the socket does not take now is buffered. Writes made
 * in one callback are sent together after it. */
void conn_write(struct conn *, const void *data, size_t len);
/* The same with memory from malloc(), which the connection now owns: sent
 * without a copy if no output waits before it. */
void conn_write_owned(struct conn *, char *data, size_t len);
void conn_printf(struct conn *, const char *fmt, ...) MX_PRINTF(2, 3);
size_t conn_backlog(const struct conn *); /* bytes not yet sent */

/* Sets the one timer; 0 turns it off. Costs no system call, so it may be set
 * often. It measures the peer, not us: time in which our loop was late
 * (loop_late_ns()) is not counted, up to `ms` of it. When it expires, the
 * socket is read once more: CONN_CONNECTED, CONN_READ, CONN_TLS_UP or CONN_EOF
 * come instead if they make the owner set the timer anew (or turn it off), and
 * otherwise right before CONN_TIMEOUT. */
void conn_timeout(struct conn *, int64_t ms);
/* The same, but never extends the present time-out. */
void conn_timeout_by(struct conn *, int64_t ms);

/* Starts TLS now. Clear text that was received but not consumed is an attack or
 * a desynchronisation: the caller must check conn_input() first; the rest is
 * discarded (CVE-2011-0411). `name` is the server name to verify and to send as
 * SNI (client side, may be NULL). */
int
conn_tls_start(struct conn *, struct tls_ctx *, const char *name) MX_NODISCARD;
/* The same, and may resume an earlier TLS session with that peer, under the
 * same context and name: tls_info.resumed. */
int
conn_tls_resume(struct conn *, struct tls_ctx *, const char *name) MX_NODISCARD;
/* TLS failed for the owner, in whatever way: the next connection to the peer
 * does not resume a session. */
void conn_tls_forget(struct conn *);
/* The same for a host whose TLSA records demand DANE_VERIFY: CONN_TLS_UP comes
 * only if one of them matches. `dane` is not kept. */
int conn_tls_start_dane(struct conn *, struct tls_ctx *,
    const struct dane *dane) MX_NODISCARD;
const struct tls_info *conn_tls_info(const struct conn *); /* NULL: clear */

/* The kernel sends a keepalive after `s` seconds of silence and every `s`
 * seconds; after three without an answer: CONN_ERROR. */
void conn_keepalive(struct conn *, int s);

const struct net_addr *conn_peer(const struct conn *);
const struct net_addr *conn_local(struct conn *);
/* The reason of CONN_ERROR: "connection refused", "TLS: ..." */
const char *conn_error(const struct conn *);
bool conn_error_is_tls(const struct conn *);
/* the errno of the error; 0: it has none */
int conn_errno(const struct conn *);
/* The attempt failed locally, for lack of descriptors, memory, ports or our
 * source address: it says nothing about the peer. */
bool conn_error_is_local(const struct conn *);

#endif
