/* SPDX-License-Identifier: ISC
 * alert_share: writes the incidents that this node reports (alerts/incidents.h)
 * into the state that the nodes of a cluster share. A record that could not be
 * written, because the engine was away or this node was fenced, is written
 * later, unless a newer one has replaced it. Loop thread. */
#ifndef MX_DAEMON_ALERT_SHARE_H
#define MX_DAEMON_ALERT_SHARE_H

#include "relay/store/store.h"

#define ALERT_SHARE_MAX 4000 /* keys that wait; further ones are not shared */

struct alert_share;

struct alert_share *alert_share_create(struct store *);
/* After the store, which completes the writes in progress. */
void alert_share_destroy(struct alert_share **);
/* `text` NULL: the incident has ended and its record is removed. */
void alert_share_put(const char *key, const char *text, void *share);
/* Once a second or so: failed writes are tried again. */
void alert_share_tick(struct alert_share *);

#endif
