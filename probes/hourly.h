/* SPDX-License-Identifier: ISC
 * hourly: how often something happened for a key within an hour that begins with the
 * first time, of as many keys as it has places for: the one whose hour began first
 * goes. `now` is loop time. Pure. */
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
/* Counts once more, if it was less than `most` in this hour. */
bool hourly_count(struct hourly *, uint64_t key, unsigned most, int64_t now);
/* Anything in this hour? */
bool hourly_counted(const struct hourly *, uint64_t key, int64_t now);

#endif
