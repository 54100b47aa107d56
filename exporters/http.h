/* SPDX-License-Identifier: ISC
 * http: serves /metrics, /-/healthy, /-/ready, /api/v1/status, /api/v1/history,
 * /api/v1/outages and the page / from the newest snapshot, with libmicrohttpd
 * in threads of its own, so that a slow scraper does not affect the loop.
 * Answers that are not in the snapshot, /api/v1/why, /api/v1/ages and
 * /api/v1/messages, are requested from the loop (http_desk.h). GET and HEAD
 * only; nothing here changes any state. Connections, memory per connection and
 * time are bounded. TLS, client certificates and passwords as configured. All
 * of these functions: loop thread. */
#ifndef MX_EXPORTERS_HTTP_H
#define MX_EXPORTERS_HTTP_H

#include "base/err.h"
#include "config/config.h"
#include "exporters/http_desk.h"
#include "ledger/ledger.h"
#include "net/helper.h"
#include "status/history.h"
#include "status/snapshot.h"

struct http;

/* Binds all addresses or none (NULL and *eb). Keeps a reference to the
 * configuration; the box, the history, the ledger and the desk (NULL: there is
 * none) are borrowed. */
struct http *http_create(struct config *, struct snapshot_box *,
    struct history *, struct ledger *, struct http_desk *, struct mx_errbuf *);
void http_destroy(struct http **);

/* Every second or so: has the helper check whether a certificate or the file of
 * users has changed. A bad file is logged once and not used. */
void http_tick(struct http *, struct helper *, int64_t now);

/* Whether the present files were refused. False for NULL. */
bool http_files_refused(const struct http *);

/* Whether the two configurations need different servers. */
bool http_differs(const struct config *, const struct config *);

#endif
