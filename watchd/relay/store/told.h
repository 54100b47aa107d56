/* SPDX-License-Identifier: ISC
 * told: small state that this node changes while others do. The engine has the
 * order; what a node is told comes by another way than the answer to what it said
 * itself, and may be older. So of a key that is on its way what others say is kept
 * back until the follower has seen the group that it was in: then it is known
 * which of them is there, and what is not ours is told. Loop thread. */
#ifndef MX_STORE_TOLD_H
#define MX_STORE_TOLD_H

#include "base/defs.h"

struct told;
typedef void told_fn(void *arg, const char *key, const void *, size_t len);

/* `fn` is called for what was kept back and is so. */
struct told *told_create(told_fn *fn, void *arg);
void told_destroy(struct told **);

/* We change it; and the answer: 0 and the group, or it was not done. */
void told_put(struct told *, const char *key);
void told_put_done(struct told *, const char *key, int rc, int64_t batch);
/* What the follower saw: ours; another's (false: it is not kept back); and then all
 * that there was up to that group of ours. */
void told_ours(struct told *, const char *key);
bool told_theirs(struct told *, const char *key, const void *, size_t len);
void told_seen(struct told *, int64_t batch);

#endif
