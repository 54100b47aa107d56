/* SPDX-License-Identifier: ISC
 * soft_state: state that the daemon would have to learn again after a restart,
 * in two files of the spool: dns-memory (net/dns.h) and host-memory
 * (primary/host_memory.h). Read at the start; written by the helper thread, the
 * first one every five minutes, the second one within a minute of a change;
 * both once more at the end. Mail needs neither of them: failure to read or
 * write one is logged. Loop thread. */
#ifndef MX_SOFT_STATE_H
#define MX_SOFT_STATE_H

struct daemon;
struct soft_state;

/* Reads both into d->dns, d->reach.memory and d->reach.book. */
struct soft_state *soft_state_create(struct daemon *);
/* Writes both, waiting for the disk. After the helper, whose jobs it waited
 * for, and after the modules that learn; before the tables that they fill. */
void soft_state_destroy(struct soft_state **);
void soft_state_tick(struct soft_state *); /* once a second */

#endif
