/* SPDX-License-Identifier: ISC
 * resolvconf: the name servers of the system. Any thread. */
#ifndef MX_NET_RESOLVCONF_H
#define MX_NET_RESOLVCONF_H

#include "net/addr.h"

#define RESOLVCONF_PATH "/etc/resolv.conf"

/* The servers of a resolv.conf(5) file, at most max (not 0); the local host if
 * it has none. Returns their number. */
size_t
resolvconf_servers(const char *path, struct net_addr *servers, size_t max);

#endif
