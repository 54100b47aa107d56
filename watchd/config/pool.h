/* SPDX-License-Identifier: ISC
 * pool: the texts of a configuration's domains. 50,000 domains on 500
 * primaries name each of these a hundred times: equal texts are one text
 * here, and all of them go at once with the configuration. What a pool gives
 * is never written to nor freed. Filled by the thread that reads the
 * configuration; read by any. Private to config/. */
#ifndef MX_CONFIG_POOL_H
#define MX_CONFIG_POOL_H

#include "base/defs.h"

struct conf_pool;

struct conf_pool *pool_create(void);
void pool_destroy(struct conf_pool **);

/* A copy that lives as long as the pool, aligned for any pointer. `keep` is
 * for what occurs once; `share` gives equal bytes the same address. */
void *pool_keep(struct conf_pool *, const void *, size_t);
void *pool_share(struct conf_pool *, const void *, size_t);
/* The same for a string; NULL stays NULL. */
char *pool_share_text(struct conf_pool *, const char *);
/* Nothing more will be shared: what finds equal bytes is given back. */
void pool_seal(struct conf_pool *);

#endif
