/* SPDX-License-Identifier: ISC
 * agentx_child: the process mxwatch-agentx as the daemon sees it: started,
 * watched, killed when it was asked to end and does not, started again later
 * each time; and the socketpair to it, on which both sides only ever send what
 * fits. What is said on it is agentx_parent's. Loop thread. */
#ifndef MX_SNMP_AGENTX_CHILD_H
#define MX_SNMP_AGENTX_CHILD_H

#include "config/config.h"
#include "exporters/snmp/wire.h"
#include "net/loop.h"

struct agentx_child;
struct spawner;

struct agentx_child_ops {
	/* One from it, of any content: false: it is not to be believed, and is
	 * ended and started again. */
	bool (*packet)(void *arg, const union wire_packet *, size_t len);
	void (*room)(void *arg); /* the socket may take more */
	/* The socket is closed: what was on its way is lost. */
	void (*gone)(void *arg);
	void *arg;
};

/* The spawner is borrowed; `filter`: the process may make no more system calls
 * than it needs. */
struct agentx_child *agentx_child_create(struct loop *, struct spawner *,
    bool filter, const struct agentx_child_ops *);
/* Ends it without a word to `ops`; waits half a second for that at most. */
void agentx_child_destroy(struct agentx_child **);
/* Once a second: `conf` (borrowed until the next call) says how it is started;
 * NULL: it is not wanted. */
void agentx_child_tick(struct agentx_child *, const struct conf_snmp *conf);

bool agentx_child_is_open(const struct agentx_child *);
/* False: the socket is full (`room` follows), or it is gone. */
bool agentx_child_send(struct agentx_child *, const void *packet, size_t len);
/* Closes the socket, which is its signal to end. */
void agentx_child_drop(struct agentx_child *);
/* The same for one that hangs: it is killed by the next tick. */
void agentx_child_kill(struct agentx_child *);
/* The next one is started by the next tick, and if that fails it is said. */
void agentx_child_restart(struct agentx_child *);

#endif
