/* SPDX-License-Identifier: ISC
 * gzip: a body as gzip (RFC 1952) makes it. Pure; any thread. */
#ifndef MX_EXPORTERS_GZIP_H
#define MX_EXPORTERS_GZIP_H

#include "base/defs.h"

/* Below this a body is not worth it. */
#define GZIP_MIN 1024

/* The caller frees it. NULL when memory is out or len is absurd: then the
 * body goes as it is. */
char *gzip_make(const char *data, size_t len, size_t *out_len);

#endif
