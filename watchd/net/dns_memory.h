/* SPDX-License-Identifier: ISC
 * dns_memory: the cache of answers, by type and name, up to a limit (the least
 * recently used is evicted). An answer is fresh for a while; a good one stays
 * as the last good answer for 30 days, except TLSA records: those carry trust,
 * so they are never used beyond their TTL, nor read from a file. Times are wall
 * seconds, given by the caller, because the file outlives the process. Pure
 * except for load and save. One thread. Private to net/. */
#ifndef MX_NET_DNS_MEMORY_H
#define MX_NET_DNS_MEMORY_H

#include "net/dns_wire.h"

/* This many, and for each domain its MX records and both kinds of addresses of
 * one primary. */
#define DNS_MEMORY_MIN	      10000
#define DNS_MEMORY_PER_DOMAIN 3
#define DNS_MEMORY_FRESH_MIN  5 /* of good answers */
#define DNS_MEMORY_FRESH_MAX  3600
#define DNS_MEMORY_NEGATIVE   30 /* at most */
#define DNS_MEMORY_KEEP	      (30 * 24 * 3600) /* last good answers */
/* Size limit of a file: this much, and a line for each entry of the cache. */
#define DNS_MEMORY_FILE_MIN (32u << 20)
#define DNS_MEMORY_LINE	    256

struct dns_memory;

struct dns_memory *dns_memory_create(size_t max);
void dns_memory_destroy(struct dns_memory **);
size_t dns_memory_len(const struct dns_memory *);
/* Changes the limit. If it is lowered, the excess is evicted gradually. */
void dns_memory_limit(struct dns_memory *, size_t max);

/* Names are canonical. Failures are not stored. */
void dns_memory_put(struct dns_memory *, enum dns_type, const char *name,
    const struct dns_result *, int64_t now);
/* False when nothing is stored. *out is stale when its TTL is over: then it may
 * be used only if the resolver fails. */
bool dns_memory_get(struct dns_memory *, enum dns_type, const char *name,
    int64_t now, struct dns_answer *out);

/* Reads the good answers from text. A text that is incomplete or incorrect is
 * refused, -MX_ECORRUPT, and leaves the cache empty. */
int dns_memory_parse(struct dns_memory *, const char *text, size_t len,
    int64_t now) MX_NODISCARD;
/* -MX_ENOENT, -MX_ETOOBIG, -MX_ESYS, -MX_ECORRUPT: the cache is then empty. */
int dns_memory_read(struct dns_memory *, const char *path,
    int64_t now) MX_NODISCARD;

/* A copy of the answers worth saving, for a thread that may wait for the disk:
 * begun here, then extended by `n` entries a call until that says false. One at
 * a time; an answer that is learned meanwhile may be in it or not. */
struct dns_memory_copy;
struct dns_memory_copy *dns_memory_copy_begin(struct dns_memory *);
bool dns_memory_copy_some(struct dns_memory *, struct dns_memory_copy *,
    size_t n, int64_t now);
void dns_memory_copy_destroy(struct dns_memory_copy **);
/* Replaces the file: after a crash it is either the old or the new one. Any
 * thread. */
int
dns_memory_write(const struct dns_memory_copy *, const char *path) MX_NODISCARD;

#endif
