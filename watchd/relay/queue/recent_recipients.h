/* SPDX-License-Identifier: ISC
 * recent_recipients: recipients that a primary accepted lately, as hashes, so that a 5xx
 * for one of them can be told from an address that never existed. Bounded:
 * two generations; when the younger is full the older is forgotten. A hash
 * that two addresses share can only keep a message longer. Pure but for the
 * seed. */
#ifndef MX_QUEUE_KNOWN_H
#define MX_QUEUE_KNOWN_H

#include "base/defs.h"

#define KNOWN_GENERATION 32768u /* hashes; there are two of them */
#define KNOWN_BLOB_MAX	 (16u + 2u * KNOWN_GENERATION * 8u)

struct recent_recipients;

struct recent_recipients *recent_create(uint64_t seed);
void recent_destroy(struct recent_recipients **);
/* Upper and lower case ASCII letters are one: a primary that tells them
 * apart is rare, and erring here keeps mail. */
void
recent_add(struct recent_recipients *, const char *domain, const char *mailbox);
bool recent_has(const struct recent_recipients *, const char *domain,
    const char *mailbox);
bool recent_dirty(
    const struct recent_recipients *); /* since the last save or load */

/* As bytes for the store. `dst` holds KNOWN_BLOB_MAX; length written. */
size_t recent_save(struct recent_recipients *, uint8_t *dst);
/* 0, or -MX_ECORRUPT and nothing was changed. */
int
recent_load(struct recent_recipients *, const void *, size_t len) MX_NODISCARD;

#endif
