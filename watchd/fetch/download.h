/* SPDX-License-Identifier: ISC
 * download: what comes back becomes a file. It is written beside it, PATH.new,
 * and takes its place when all of it has come and it is another one; whoever
 * reads PATH sees the old content or the new one, never a part, and after a
 * crash likewise. What the other side calls this version of it (RFC 9110 8.8:
 * ETag, Last-Modified) is kept in PATH.tag, so that the next request can say
 * what is there; the time of that file is when PATH was last confirmed. Blocks on the disk: for the thread of fetch.c. */
#ifndef MX_FETCH_DOWNLOAD_H
#define MX_FETCH_DOWNLOAD_H

#include "fetch/carry.h"

#define DOWNLOAD_TAG_MAX 256 /* a longer one is not used */

enum download_tag { TAG_ETAG, TAG_MODIFIED, TAG_COUNT };

struct download;

/* Nothing is written before the first byte. Makes the folder of `path`. */
struct download *download_begin(const char *path, uint64_t max);
/* False: it is too large, or the disk does not take it, in words in `said`. */
bool download_add(struct download *, const void *data, size_t len, char *said,
    size_t size);
/* All has come: replaces the file if need be, and fills in *r. */
void download_result(struct download **, struct send_result *r);
/* The other side says that the file is what it has. */
void download_confirmed(struct download *);
/* Wall ms: when the file was last known to be that; 0: never. */
int64_t download_had_ms(const struct download *);
/* Nothing is to come of it; NULL is fine. */
void download_drop(struct download **);
void download_say_too_large(const struct download *, char *said, size_t size);

/* A value of this answer, blanks and line end around it; hostile. */
void download_tag(struct download *, enum download_tag, const char *value,
    size_t len);
void download_tag_clear(struct download *);
/* That of the file that is there, or NULL. */
const char *download_had(const struct download *, enum download_tag);
bool download_is_conditional(const struct download *);

#endif
