/* SPDX-License-Identifier: ISC
 * salvage_log: what the files of the log say of each message, without the
 * database: its last state there, or that it was removed. What of the log was
 * reclaimed is not seen; so a message that is here and in no database may have
 * been removed long ago, unless the database had not come so far. For
 * mxwatch-salvage; one thread. */
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
	uint64_t salt; /* 0: the first file's */
	uint64_t last; /* sequence that was seen last, or `applied` */
	uint64_t missing; /* records between others, behind `applied` */
};

/* `segments`: the folder; `applied`: the last record that the database has. Damage
 * is no reason to fail. */
void salvage_log_read(struct salvage_log *, int segments, uint64_t salt,
    uint64_t applied);
void salvage_log_free(struct salvage_log *);

#endif
