/* SPDX-License-Identifier: ISC
 * gzip: a body as gzip (RFC 1952) makes it. Pure; any thread. */
#ifndef MX_EXPORTERS_GZIP_H
#define MX_EXPORTERS_GZIP_H

#include "base/buf.h"

/* Below this a body is not worth it. */
#define GZIP_MIN 1024

/* The caller frees it. NULL when memory is out or len is absurd: then the
 * body goes as it is. */
char *gzip_make(const char *data, size_t len, size_t *out_len);

/* The same piece by piece. NULL when memory is out. */
struct gzip *gzip_begin(void);
/* Adds to `out` what is ready of it: with `last` all, and then it is over. 0 or
 * -MX_ETOOBIG. */
int gzip_add(struct gzip *, const char *data, size_t len, bool last,
    struct buf *out) MX_NODISCARD;
void gzip_end(struct gzip **);

#endif
