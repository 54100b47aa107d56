/* SPDX-License-Identifier: ISC
 * pool: the strings of a configuration's domains. 50,000 domains on 500
 * primaries name each of these a hundred times: equal strings are stored once,
 * and all are freed with the configuration. Memory from a pool is read-only and
 * not freed individually. Filled by the thread that reads the configuration;
 * read by any. Private to config/. */
#ifndef MX_CONFIG_POOL_H
#define MX_CONFIG_POOL_H

#include "base/defs.h"

struct conf_pool;

struct conf_pool *pool_create(void);
void pool_destroy(struct conf_pool **);

/* A copy that lives as long as the pool, aligned for any pointer. `keep` is for
 * data that occurs once; `share` gives equal bytes the same address. */
void *pool_keep(struct conf_pool *, const void *, size_t);
void *pool_share(struct conf_pool *, const void *, size_t);
/* The same for a string; NULL stays NULL. */
char *pool_share_text(struct conf_pool *, const char *);
/* Ends sharing: frees the index of equal bytes. */
void pool_seal(struct conf_pool *);

#endif
