/* SPDX-License-Identifier: ISC
 * known: recipients that a primary accepted lately, as hashes, so that a 5xx
 * for one of them can be told from an address that never existed. Bounded:
 * two generations; when the younger is full the older is forgotten. A hash
 * that two addresses share can only keep a message longer. Pure but for the
 * seed. */
#ifndef MX_QUEUE_KNOWN_H
#define MX_QUEUE_KNOWN_H

#include "base/defs.h"

#define KNOWN_GENERATION 32768u /* hashes; there are two of them */
#define KNOWN_BLOB_MAX	 (16u + 2u * KNOWN_GENERATION * 8u)

struct known;

struct known *known_create(uint64_t seed);
void known_destroy(struct known **);
/* Upper and lower case ASCII letters are one: a primary that tells them
 * apart is rare, and erring here keeps mail. */
void known_add(struct known *, const char *domain, const char *mailbox);
bool known_has(const struct known *, const char *domain, const char *mailbox);
bool known_dirty(const struct known *); /* since the last save or load */

/* As bytes for the store. `dst` holds KNOWN_BLOB_MAX; length written. */
size_t known_save(struct known *, uint8_t *dst);
/* 0, or -MX_ECORRUPT and nothing was changed. */
int known_load(struct known *, const void *, size_t len) MX_NODISCARD;

#endif
