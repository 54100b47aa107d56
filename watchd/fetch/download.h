/* SPDX-License-Identifier: ISC
 * download: stores a response as a file. It is written to PATH.new, which
 * replaces PATH when it is complete and differs; readers of PATH see the old or
 * the new content, never a part, also after a crash. The server's version of it
 * (RFC 9110 8.8: ETag, Last-Modified) is stored in PATH.tag for the next
 * conditional request; the modification time of that file is the last
 * confirmation of PATH. Blocks on the disk: for the thread of fetch.c. */
#ifndef MX_FETCH_DOWNLOAD_H
#define MX_FETCH_DOWNLOAD_H

#include "fetch/carry.h"

#define DOWNLOAD_TAG_MAX 256 /* a longer one is ignored */

enum download_tag { TAG_ETAG, TAG_MODIFIED, TAG_COUNT };

struct download;

/* Nothing is written before the first byte. Creates the folder of `path`. */
struct download *download_begin(const char *path, uint64_t max);
/* False: too large, or the disk failed; the reason is in `said`. */
bool download_add(struct download *, const void *data, size_t len, char *said,
    size_t size);
/* The response is complete: replaces the file if necessary, and fills in *r. */
void download_result(struct download **, struct send_result *r);
/* The server says that the file is current. */
void download_confirmed(struct download *);
/* Wall ms of the last confirmation; 0: never. */
int64_t download_had_ms(const struct download *);
/* Drops the download; NULL is fine. */
void download_drop(struct download **);
void download_say_too_large(const struct download *, char *said, size_t size);

/* A header value of this response, with blanks and line end around it;
 * hostile. */
void download_tag(struct download *, enum download_tag, const char *value,
    size_t len);
void download_tag_clear(struct download *);
/* The tag of the present file, or NULL. */
const char *download_had(const struct download *, enum download_tag);
bool download_is_conditional(const struct download *);

#endif
