/* SPDX-License-Identifier: ISC
 * via_curl: what the network carriers share. */
#ifndef MX_FETCH_VIA_CURL_H
#define MX_FETCH_VIA_CURL_H

#include <curl/curl.h>

#include "fetch/transport_int.h"

/* Address, time limits, certificates; nothing that the configuration does not
 * say. */
bool via_curl_common(struct transfer *, const char *protocols);

/* A callback for an answer that is not wanted: a little is read so that the
 * connection may be used again, and no more of somebody who does not come to an
 * end. */
size_t via_curl_answer(char *data, size_t size, size_t n, void *transfer);

#endif
