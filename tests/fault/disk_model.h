/* SPDX-License-Identifier: ISC
 * disk_model: a disk that forgets. The program that links this has its own
 * open(), write(), fdatasync() and so on, which win over the C library's for
 * shared libraries too, so what LMDB does is seen like what we do. Below one
 * directory every change is recorded, in the order in which the calls
 * returned. From the record a directory can be built as a power cut may leave
 * it: what was not synced is lost, kept or torn into sectors, in any
 * combination, and a name is there only when its directory was synced, or by
 * luck. Nothing is really synced in such a program, which makes it fast.
 *
 * Any thread may call the recorded functions. Only what a store does is
 * known: no hard links, no renames across directories, no shared maps that
 * are written (LMDB's lock file, which says nothing after a restart). */
#ifndef MX_TESTS_DISK_MODEL_H
#define MX_TESTS_DISK_MODEL_H

#include "base/defs.h"

enum disk_luck {
	DISK_LOSES, /* all that was not synced */
	DISK_KEEPS, /* everything, in spite of all */
	DISK_TEARS, /* each sector and each name by itself */
	DISK_FORGETS_NAMES, /* files are kept, names are not */
	DISK_FORGETS_DATA, /* sizes and names are kept, bytes are not */
	DISK_LUCK_MAX,
};

/* From here on; what is there already counts as synced. */
void disk_record(const char *root);
void disk_stop(void); /* and forgets nothing yet */
void disk_forget(void);
/* How much has been recorded: a point in time. */
size_t disk_now(void);
/* How often an operation on a file of this name was recorded. */
size_t disk_seen(const char *name);
/* The file or directory that operation `at` made durable, by its first name ("":
 * the one that is recorded). NULL: it was no sync, nor a write that was one. */
const char *disk_synced(size_t at);
bool disk_is_write(size_t at);
/* The next sync of the same, or the end of the record. */
size_t disk_synced_again(size_t at);
/* As if that sync had done nothing. */
void disk_skip(size_t at, bool skip);
/* Makes the directory `to` with what a power cut leaves, when the first `now`
 * operations had returned and the next one was under way. */
void disk_rebuild(const char *to, size_t now, enum disk_luck, uint64_t seed);

#endif
