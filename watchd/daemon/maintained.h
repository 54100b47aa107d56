/* SPDX-License-Identifier: ISC
 * maintained: what the daemon does about maintenance windows: keeps those that were
 * ordered in the store, holds mail, shows them in the snapshot (where alerting finds
 * them) and answers the control socket. When a window begins or ends the blocks of
 * the snapshot that show something else are touched, some thousands a turn of the
 * loop; a block that is remade and is held where the one before was not, or the
 * other way round, moves its domain's gate (daemon_held). So what is held and what
 * is shown never differ for longer than that.
 *
 * While the clock is doubted (queue_clock_doubt) nothing begins or ends. Loop
 * thread. */
#ifndef MX_DAEMON_MAINTAINED_H
#define MX_DAEMON_MAINTAINED_H

#include "daemon/daemon_int.h"
#include "daemon/maintenance.h"

void maintained_create(struct daemon *); /* once there is a store */
void maintained_destroy(struct daemon *); /* after it: it writes until then */
void maintained_configure(struct daemon *, struct config *);
void maintained_tick(struct daemon *);

/* Another node of the cluster ordered a window, or ended one: true: that is what
 * the key of the store is about. */
bool
maintained_told(struct daemon *, const char *key, const void *, size_t len);

/* False: it is in no window (*v is zeroed). v->by is borrowed for now. A domain may be
 * held without being in one (`active`): when only primaries are left to which nothing
 * may go. For the record of outages, too. */
bool maintained_domain(const struct daemon *, const char *domain,
    struct maintenance_view *v);
bool maintained_primary(const struct daemon *, const char *label,
    struct maintenance_view *v);
/* Is its mail held by one? */
bool maintained_holds(const struct daemon *, const char *domain);
/* The gate of a domain in that state. */
enum queue_gate
maintained_gate(const struct daemon *, const char *domain, enum health_state);
/* Nothing is delivered to that primary now; who has another one goes there. */
bool maintained_avoids(const struct daemon *, const char *label);

/* Fills in what the snapshot shows; strings are borrowed. A domain that came back in
 * the window is shown in it until it is recovered: `was` is the block before, or
 * NULL. */
void maintained_show(const struct daemon *, struct snap_domain *,
    const struct snap_domain *was);
void maintained_show_primary(const struct daemon *, const char *label,
    struct snap_host *);

extern const struct control_maintenance_ops
    daemon_maintenance_ops; /* .arg unset */

#endif
