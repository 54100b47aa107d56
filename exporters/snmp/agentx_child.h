/* SPDX-License-Identifier: ISC
 * agentx_child: the process mxwatch-agentx as seen by the daemon: started,
 * watched, killed if it does not end when asked to, restarted with growing
 * delays; and the socketpair to it, which neither side ever blocks on.
 * agentx_parent handles the packets. Loop thread. */
#ifndef MX_SNMP_AGENTX_CHILD_H
#define MX_SNMP_AGENTX_CHILD_H

#include "config/config.h"
#include "exporters/snmp/wire.h"
#include "net/loop.h"

struct agentx_child;
struct spawner;

struct agentx_child_ops {
	/* A packet from it, not validated: false: it is invalid, and the child
	 * is ended and restarted. */
	bool (*packet)(void *arg, const union wire_packet *, size_t len);
	void (*room)(void *arg); /* the socket may take more */
	/* The socket was closed: packets under way are lost. */
	void (*gone)(void *arg);
	void *arg;
};

/* The spawner is borrowed; `filter`: the child restricts its system calls. */
struct agentx_child *agentx_child_create(struct loop *, struct spawner *,
    bool filter, const struct agentx_child_ops *);
/* Ends it without calling `ops`; waits half a second at most. */
void agentx_child_destroy(struct agentx_child **);
/* To be called once a second: `conf` (borrowed until the next call) is the
 * configuration to start it with; NULL: it is not wanted. */
void agentx_child_tick(struct agentx_child *, const struct conf_snmp *conf);

bool agentx_child_is_open(const struct agentx_child *);
/* False: the socket is full (`room` follows), or closed. */
bool agentx_child_send(struct agentx_child *, const void *packet, size_t len);
/* Closes the socket, which tells it to end. */
void agentx_child_drop(struct agentx_child *);
/* The same for one that hangs: the next tick kills it. */
void agentx_child_kill(struct agentx_child *);
/* The next tick starts the next one, and logs it if that fails. */
void agentx_child_restart(struct agentx_child *);

#endif
