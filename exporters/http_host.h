/* SPDX-License-Identifier: ISC
 * http_host: whether a request is meant for this server. A foreign web page may
 * have its own name resolved to our address, and a browser then sends us
 * requests with that name (DNS rebinding): so only our own names are accepted,
 * and addresses, which cannot be rebound. Pure except http_hosts_create(); any
 * thread. */
#ifndef MX_EXPORTERS_HTTP_HOST_H
#define MX_EXPORTERS_HTTP_HOST_H

#include "config/config.h"

struct http_hosts;

enum http_host_verdict {
	HTTP_HOST_OURS,
	HTTP_HOST_UNKNOWN, /* 421 (RFC 9110 15.5.20) */
	HTTP_HOST_WRONG, /* 400 (RFC 9112 3.2) */
};

/* The names of web { hosts }, hostname, the system's host name, "localhost". */
struct http_hosts *http_hosts_create(const struct config *);
void http_hosts_destroy(struct http_hosts **);

/* "name", "192.0.2.7", "[2001:db8::1]", each with or without ":port", whose
 * number is ignored; `len` bytes. `any`: every name is accepted. */
enum http_host_verdict http_host_judge(const struct http_hosts *,
    const char *host, size_t len, bool any);

/* The target of a request: "/path" (*authority is NULL), or the absolute form
 * (RFC 9112 3.2.2), which contains the authority. Returns the path. */
const char *
http_target(const char *target, const char **authority, size_t *len);

#endif
