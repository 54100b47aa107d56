/* SPDX-License-Identifier: ISC
 * port_holder: who listens on an address that cannot be had. What the system shows
 * of it depends on who asks: root sees all, others only what is theirs. Reads
 * /proc, which takes its time: not for the loop. */
#ifndef MX_NET_PORT_HOLDER_H
#define MX_NET_PORT_HOLDER_H

#include <sys/types.h>

#include "net/addr.h"

struct port_holder {
	pid_t pid;
	char name[32]; /* of the program, printable; "" is not known */
};

/* False: it cannot be seen. */
bool port_holder_find(const struct net_addr *, struct port_holder *);

#endif
