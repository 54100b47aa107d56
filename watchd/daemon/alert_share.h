/* SPDX-License-Identifier: ISC
 * alert_share: writes what this node tells of for the other nodes of a cluster
 * (alerts/incidents.h) into the state that all share. What could not be written, for
 * the engine was away or our place was another's, is written later, unless there is
 * something newer. Loop thread. */
#ifndef MX_DAEMON_ALERT_SHARE_H
#define MX_DAEMON_ALERT_SHARE_H

#include "relay/store/store.h"

#define ALERT_SHARE_MAX 4000 /* keys that wait; what is beyond is not shared */

struct alert_share;

struct alert_share *alert_share_create(struct store *);
/* After the store, which completes what is under way. */
void alert_share_destroy(struct alert_share **);
/* text NULL: it is gone. */
void alert_share_put(const char *key, const char *text, void *share);
/* Once a second or so: what failed is tried again. */
void alert_share_tick(struct alert_share *);

#endif
