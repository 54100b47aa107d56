/* SPDX-License-Identifier: ISC
 * via_curl: shared by the network carriers. */
#ifndef MX_FETCH_VIA_CURL_H
#define MX_FETCH_VIA_CURL_H

#include <curl/curl.h>

#include "fetch/transport_int.h"

/* Sets address, time limits, certificates; nothing that the configuration does
 * not say. */
bool via_curl_common(struct transfer *, const char *protocols);

/* A callback for an unwanted response: reads a little so that the connection
 * can be reused, and aborts an endless one. */
size_t via_curl_answer(char *data, size_t size, size_t n, void *transfer);

#endif
