/* SPDX-License-Identifier: ISC
 * agent: all that mxwatch-agentx does with the net-snmp library: the session
 * to the master agent, answers from a struct mib, notifications. One per
 * process, for the library keeps its state in globals. Any call may block for
 * as long as the master hangs, half a second a try: this is why it lives in a
 * process of its own. */
#ifndef MX_SNMP_AGENT_H
#define MX_SNMP_AGENT_H

#include "exporters/snmp/mib.h"

struct agent_ops {
	/* The session to the master began or ended, or other registrations
	 * stand there: see struct wire_status. */
	void (*state)(void *arg, bool connected, uint32_t standing,
	    uint32_t taken);
	/* The notification of that number was taken by the master, or not. */
	void (*notified)(void *arg, uint64_t number, bool taken);
	void (*log)(void *arg, bool error, const char *text);
	void *arg;
};

/* Sets the library up and tries to reach the master once; it goes on trying
 * by itself. `mib` and `ops` are borrowed for good. */
void
agent_init(const char *socket, struct mib *mib, const struct agent_ops *ops);
void agent_fini(void);
/* Waits, `ms` at most, for the master or for `fd` (-1: none), and serves the
 * master. True when fd is readable. */
bool agent_poll(int fd, unsigned ms);
/* One at a time; agent_ops.notified follows, at once when there is no master.
 * A number is never 0. */
void agent_notify(const struct wire_notice *, uint64_t number);
uint64_t agent_requests(void); /* variables asked for */

#endif
