/* SPDX-License-Identifier: ISC
 * hourly: counts events per key within an hour that begins with the first
 * event, for a bounded number of keys: the one whose hour began first is
 * evicted. `now` is loop time. Pure. */
#ifndef MX_PROBES_HOURLY_H
#define MX_PROBES_HOURLY_H

#include "base/ways.h"

#define HOURLY_PLACES 4096u
#define HOURLY_MS     INT64_C(3600000)

struct hourly {
	struct ways keys;
};

void hourly_init(struct hourly *);
void hourly_fini(struct hourly *);
/* Counts one more if there were less than `most` in this hour. */
bool hourly_count(struct hourly *, uint64_t key, unsigned most, int64_t now);
/* Any in this hour? */
bool hourly_counted(const struct hourly *, uint64_t key, int64_t now);

#endif
