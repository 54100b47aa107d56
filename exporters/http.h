/* SPDX-License-Identifier: ISC
 * http: serves /metrics, /-/healthy, /-/ready, /api/v1/status and / from the
 * newest snapshot, with libmicrohttpd in threads of its own, so that a slow
 * scraper never meets the loop. GET and HEAD only; nothing here changes
 * anything. Bounded in connections, memory a connection and time. */
#ifndef MX_EXPORTERS_HTTP_H
#define MX_EXPORTERS_HTTP_H

#include "base/err.h"
#include "config/config.h"
#include "status/snapshot.h"

struct http;

/* Binds all addresses or none (NULL and *eb). The box is borrowed. */
struct http *
http_create(const struct conf_web *, struct snapshot_box *, struct mx_errbuf *);
void http_destroy(struct http **);

#endif
