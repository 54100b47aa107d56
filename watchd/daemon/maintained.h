/* SPDX-License-Identifier: ISC
 * maintained: the daemon's handling of maintenance windows: stores those that
 * an operator ordered, holds mail, shows them in the snapshot (where alerting
 * finds them) and answers the control socket. When a window begins or ends, the
 * blocks of the snapshot that show another state are touched, some thousands a
 * turn of the loop. If the remade block is held and the previous one was not,
 * or the reverse, the domain's gate moves (daemon_held). So the gate and the
 * snapshot never differ for longer than that.
 *
 * While the clock is doubted (queue_clock_doubt) no window begins or ends. Loop
 * thread. */
#ifndef MX_DAEMON_MAINTAINED_H
#define MX_DAEMON_MAINTAINED_H

#include "daemon/daemon_int.h"
#include "daemon/maintenance.h"

void maintained_create(struct daemon *); /* after the store */
void maintained_destroy(struct daemon *); /* after the store is closed */
void maintained_configure(struct daemon *, struct config *);
void maintained_tick(struct daemon *);

/* State that another node of the cluster changed: a window ordered or ended.
 * True: the key belongs to maintenance. */
bool
maintained_told(struct daemon *, const char *key, const void *, size_t len);

/* False: the domain is in no window (*v is zeroed). v->by is valid until the
 * next change of the set. A domain may be held without being in a window
 * (`active`), when all primaries that are left are held. Used by the record of
 * outages, too. */
bool maintained_domain(const struct daemon *, const char *domain,
    struct maintenance_view *v);
bool maintained_primary(const struct daemon *, const char *label,
    struct maintenance_view *v);
/* Is the domain's mail held by a window? */
bool maintained_holds(const struct daemon *, const char *domain);
/* The gate of a domain in that state. */
enum queue_gate
maintained_gate(const struct daemon *, const char *domain, enum health_state);
/* True: a window holds the mail for that primary; a domain with another primary
 * uses that one. */
bool maintained_avoids(const struct daemon *, const char *label);

/* Fills in the fields of the snapshot; strings are borrowed. A domain that came
 * back within the window is shown in it until it has recovered: `was` is the
 * previous block, or NULL. */
void maintained_show(const struct daemon *, struct snap_domain *,
    const struct snap_domain *was);
void maintained_show_primary(const struct daemon *, const char *label,
    struct snap_host *);

extern const struct control_maintenance_ops
    daemon_maintenance_ops; /* .arg unset */

#endif
