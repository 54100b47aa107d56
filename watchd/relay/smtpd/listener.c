/* SPDX-License-Identifier: ISC
 * listener: see listener.h. Created and owned by smtpd.c; `accepted` takes
 * the descriptor over and may not destroy the listener. */
#include "relay/smtpd/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/listen_socket.h"

#define BACKLOG	       512
#define ACCEPTS_A_TURN 64
#define REST_MS	       250

static const char no_room[] = "421 4.3.2 too many connections\r\n";

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
rested(void *arg)
{
	struct listener *l = arg;

	if (l->reserve < 0)
		l->reserve = open_reserve();
	loop_io_want(l->io, LOOP_READ);
}

/* No descriptor is left: tells one client, then waits for others to close. */
static void
out_of_descriptors(struct listener *l, int err)
{
	static struct log_limit limit;
	int fd;

	if (log_limit_ok(&limit, 10))
		log_error("smtpd", "event=accept error=%s",
		    log_q(strerror(err)));
	if (l->reserve >= 0) {
		close(l->reserve);
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			(void)send(fd, no_room, sizeof(no_room) - 1,
			    MSG_NOSIGNAL);
			close(fd);
		}
		l->reserve = open_reserve();
	}
	loop_io_want(l->io, 0);
	loop_timer_set(l->rest, REST_MS);
}

static void
on_ready(unsigned ready MX_UNUSED, void *arg)
{
	struct listener *l = arg;
	struct net_addr peer;
	int fd, i;

	for (i = 0; i < ACCEPTS_A_TURN; i++) {
		memset(&peer, 0, sizeof(peer));
		peer.len = sizeof(peer.u);
		fd = accept4(l->fd, &peer.u.sa, &peer.len,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			l->accepted(l->arg, fd, &peer);
		} else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			out_of_descriptors(l, errno);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		}
		/* ECONNABORTED and the errors of a connection that is already
		 * broken (accept(2)): tries the next one. */
	}
}

static int
bind_socket(struct listener *l, struct mx_errbuf *eb)
{
	char text[ADDR_TEXT_MAX];

	l->bound.len = sizeof(l->bound.u);
	if ((l->fd = listen_socket(&l->addr)) >= 0 &&
	    listen(l->fd, BACKLOG) == 0 &&
	    getsockname(l->fd, &l->bound.u.sa, &l->bound.len) == 0)
		return 0;
	return mx_fail(eb, MX_ENET, "cannot listen on %s: %s",
	    addr_text_port(&l->addr, text), strerror(errno));
}

struct listener *
listener_create(struct loop *loop, const struct net_addr *addr,
    void (*accepted)(void *arg, int fd, const struct net_addr *peer), void *arg,
    struct mx_errbuf *eb)
{
	struct listener *l = mem_alloc(sizeof(*l));

	l->addr = *addr;
	l->reserve = -1;
	l->accepted = accepted;
	l->arg = arg;
	if (bind_socket(l, eb) < 0) {
		listener_destroy(&l);
		return NULL;
	}
	l->reserve = open_reserve();
	l->io = loop_io_create(loop, l->fd, on_ready, l);
	l->rest = loop_timer_create(loop, rested, l);
	loop_io_want(l->io, LOOP_READ);
	return l;
}

void
listener_destroy(struct listener **lp)
{
	struct listener *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	if (l->io != NULL)
		loop_io_destroy(&l->io);
	if (l->rest != NULL)
		loop_timer_destroy(&l->rest);
	if (l->fd >= 0)
		close(l->fd);
	if (l->reserve >= 0)
		close(l->reserve);
	mem_free(&l);
}
