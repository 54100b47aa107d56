/* SPDX-License-Identifier: ISC
 * told: merges our own changes of small state with those of other nodes. The
 * engine decides the order; what the follower reports about others does not
 * come in step with the answers to our own changes, and may be older. So while
 * a key of ours is on its way, reports of others are kept back until the
 * follower has seen our group: then it is known which version won, and one that
 * is not ours is reported. Loop thread. */
#ifndef MX_STORE_TOLD_H
#define MX_STORE_TOLD_H

#include "base/defs.h"

struct told;
typedef void told_fn(void *arg, const char *key, const void *, size_t len);

/* `fn` is called for a report that was kept back and is valid. */
struct told *told_create(told_fn *fn, void *arg);
void told_destroy(struct told **);

/* This node changes the key; and the answer: 0 and the group, or that it
 * failed. */
void told_put(struct told *, const char *key);
void told_put_done(struct told *, const char *key, int rc, int64_t batch);
/* What the follower saw: our change; another's (false: it is not kept back);
 * and that all up to that group of ours was seen. */
void told_ours(struct told *, const char *key);
bool told_theirs(struct told *, const char *key, const void *, size_t len);
void told_seen(struct told *, int64_t batch);

#endif
