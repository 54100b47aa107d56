/* SPDX-License-Identifier: ISC
 * agent: everything that mxwatch-agentx does with the net-snmp library: the
 * session to the master agent, answers from a struct mib, notifications. One
 * per process, because the library has global state. Any call may block while
 * the master hangs, half a second a try: this is why it runs in a process of
 * its own. */
#ifndef MX_SNMP_AGENT_H
#define MX_SNMP_AGENT_H

#include "exporters/snmp/mib.h"

struct agent_ops {
	/* The session to the master began or ended, or the registrations
	 * changed: see struct wire_status. */
	void (*state)(void *arg, bool connected, uint32_t standing,
	    uint32_t taken);
	/* Whether the master accepted the notification of that number. */
	void (*notified)(void *arg, uint64_t number, bool taken);
	void (*log)(void *arg, bool error, const char *text);
	void *arg;
};

/* Sets up the library and tries once to reach the master; later tries are
 * automatic. `mib` and `ops` are borrowed for good. */
void
agent_init(const char *socket, struct mib *mib, const struct agent_ops *ops);
void agent_fini(void);
/* Waits, `ms` at most, for the master or for `fd` (-1: none), and serves the
 * master. True when fd is readable. */
bool agent_poll(int fd, unsigned ms);
/* One at a time; agent_ops.notified follows, at once if there is no master. A
 * number is never 0. */
void agent_notify(const struct wire_notice *, uint64_t number);
uint64_t agent_requests(void); /* number of variables requested */

#endif
