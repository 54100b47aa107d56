/* SPDX-License-Identifier: ISC
 * salvage_log: the last state of each message in the files of the log, or that
 * it was removed, without the database. Reclaimed parts of the log are not
 * seen: a message found here and not in the database may have been removed long
 * ago, unless it is later than the database. For mxwatch-salvage; one
 * thread. */
#ifndef MX_STORE_SALVAGE_LOG_H
#define MX_STORE_SALVAGE_LOG_H

#include "base/idmap.h"
#include "relay/envelope.h"

struct logged {
	uint64_t seq;
	struct envelope *env; /* NULL: it was removed */
};

struct salvage_log {
	struct idmap messages; /* id -> struct logged */
	uint64_t salt; /* 0: that of the first file */
	uint64_t last; /* sequence seen last, or `applied` */
	uint64_t missing; /* gaps in the sequences after `applied` */
};

/* `segments`: the folder; `applied`: the last record that the database has.
 * Damage is tolerated. */
void salvage_log_read(struct salvage_log *, int segments, uint64_t salt,
    uint64_t applied);
void salvage_log_free(struct salvage_log *);

#endif
