/* SPDX-License-Identifier: ISC
 * listen_socket: a socket on an address that clients are to connect to: one way for
 * who listens there and who only asks whether he could. Any thread. */
#ifndef MX_NET_LISTEN_SOCKET_H
#define MX_NET_LISTEN_SOCKET_H

#include "net/addr.h"

/* Bound, not listening yet; it does not block, and neither do those that it
 * accepts wait with what they send (TCP_NODELAY). IPv6 is IPv6 alone. The
 * descriptor, or -1 with errno. */
int listen_socket(const struct net_addr *);

#endif
