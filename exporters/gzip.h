/* SPDX-License-Identifier: ISC
 * gzip: compresses a body in gzip format (RFC 1952). Pure; any thread. */
#ifndef MX_EXPORTERS_GZIP_H
#define MX_EXPORTERS_GZIP_H

#include "base/buf.h"

/* Shorter bodies are not worth compressing. */
#define GZIP_MIN 1024

/* The caller frees it. NULL when memory is out or len is too large: then the
 * body is sent uncompressed. */
char *gzip_make(const char *data, size_t len, size_t *out_len);

/* The same in pieces. NULL when memory is out. */
struct gzip *gzip_begin(void);
/* Appends the output that is ready to `out`; with `last` all of it, which ends
 * the stream. 0 or -MX_ETOOBIG. */
int gzip_add(struct gzip *, const char *data, size_t len, bool last,
    struct buf *out) MX_NODISCARD;
void gzip_end(struct gzip **);

#endif
