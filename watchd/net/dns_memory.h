/* SPDX-License-Identifier: ISC
 * dns_memory: the answers that are remembered, by type and name, up to a limit
 * (the least recently used one goes). An answer is
 * fresh for a while; a good one stays as the last good answer for 30 days,
 * unless it is of TLSA: those are trusted, so not a second longer than their
 * owner said, and never from a file.
 * Times are wall seconds, given by the caller: the file outlives the
 * process. Pure but for load and save. One thread. Private to net/. */
#ifndef MX_NET_DNS_MEMORY_H
#define MX_NET_DNS_MEMORY_H

#include "net/dns_wire.h"

/* So many, and for each domain its MX records and both kinds of addresses of a
 * primary of its own. */
#define DNS_MEMORY_MIN	      10000
#define DNS_MEMORY_PER_DOMAIN 3
#define DNS_MEMORY_FRESH_MIN  5 /* of good answers */
#define DNS_MEMORY_FRESH_MAX  3600
#define DNS_MEMORY_NEGATIVE   30 /* at most */
#define DNS_MEMORY_KEEP	      (30 * 24 * 3600) /* last good answers */
/* A file may be as large as that, and a line for each that may be remembered. */
#define DNS_MEMORY_FILE_MIN (32u << 20)
#define DNS_MEMORY_LINE	    256

struct dns_memory;

struct dns_memory *dns_memory_create(size_t max);
void dns_memory_destroy(struct dns_memory **);
size_t dns_memory_len(const struct dns_memory *);
/* Another limit. Where it is lower what is too many goes one by one. */
void dns_memory_limit(struct dns_memory *, size_t max);

/* Names are canonical. Failures are not remembered. */
void dns_memory_put(struct dns_memory *, enum dns_type, const char *name,
    const struct dns_result *, int64_t now);
/* False when nothing is known. *out is stale when the time of the answer is
 * over: then it is for use only if the resolver fails. */
bool dns_memory_get(struct dns_memory *, enum dns_type, const char *name,
    int64_t now, struct dns_answer *out);

/* All the good answers as text, and back. A text that is not whole and
 * correct is refused, -MX_ECORRUPT, and leaves the memory empty. */
int dns_memory_parse(struct dns_memory *, const char *text, size_t len,
    int64_t now) MX_NODISCARD;
/* -MX_ENOENT, -MX_ETOOBIG, -MX_ESYS, -MX_ECORRUPT: the memory is empty then. */
int dns_memory_read(struct dns_memory *, const char *path,
    int64_t now) MX_NODISCARD;

/* The answers worth saving, for a thread that may wait for the disk: begun, and
 * then `n` entries looked at a call until that says false. One at a time; what
 * is learned meanwhile is in it, or is not. */
struct dns_memory_copy;
struct dns_memory_copy *dns_memory_copy_begin(struct dns_memory *);
bool dns_memory_copy_some(struct dns_memory *, struct dns_memory_copy *,
    size_t n, int64_t now);
void dns_memory_copy_destroy(struct dns_memory_copy **);
/* Replaces the file: after a crash it is the old or the new one. Any thread. */
int
dns_memory_write(const struct dns_memory_copy *, const char *path) MX_NODISCARD;

#endif
