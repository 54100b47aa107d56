/* SPDX-License-Identifier: ISC
 * http_accept: selects the form of an answer by Accept and Accept-Encoding (RFC
 * 9110 12.5). Pure; any thread; hostile input. */
#ifndef MX_EXPORTERS_HTTP_ACCEPT_H
#define MX_EXPORTERS_HTTP_ACCEPT_H

#include "exporters/prometheus.h"

/* Both take NULL for a missing header. */
enum prometheus_format http_accept_format(const char *accept);
bool http_accept_gzip(const char *accept_encoding);
/* Whether If-None-Match names this entity tag (given with its quotes). */
bool http_accept_known(const char *if_none_match, const char *etag);

#endif
