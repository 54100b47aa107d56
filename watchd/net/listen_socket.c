/* SPDX-License-Identifier: ISC
 * listen_socket: see listen_socket.h. */
#include "net/listen_socket.h"

#include <netinet/tcp.h>

#include <errno.h>
#include <unistd.h>

static int
set(int fd, int level, int name)
{
	int one = 1;

	return setsockopt(fd, level, name, &one, sizeof(one));
}

int
listen_socket(const struct net_addr *addr)
{
	int family = addr->u.sa.sa_family, err;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* TCP_NODELAY is inherited by accepted sockets: a reply must not wait
	 * for the acknowledgement of the one before. */
	if (set(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
	    (family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
	    set(fd, IPPROTO_TCP, TCP_NODELAY) == 0 &&
	    bind(fd, &addr->u.sa, addr->len) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}
