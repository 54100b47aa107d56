/* SPDX-License-Identifier: ISC
 * kept_file: a file of the spool that has something of the memory after a
 * restart. The loop makes a copy when there is something new, the helper thread
 * writes it; the file is replaced as a whole. Mail does not need it: a failure
 * is logged. Loop thread. */
#ifndef MX_KEPT_FILE_H
#define MX_KEPT_FILE_H

#include "net/helper.h"

struct kept_file;

struct kept_file_kind {
	int64_t interval_ns; /* between two saves, at least */
	/* What is to be written; NULL: nothing is new since the last copy,
	 * unless `always`. */
	void *(*copy)(void *arg, bool always);
	/* In the helper thread. 0, or a negative error. */
	int (*write)(const void *copy, const char *path);
	void (*free)(void *copy);
};

/* `kind` outlives it; `name`: of the file in the folder. */
struct kept_file *kept_file_create(const char *folder, const char *name,
    const struct kept_file_kind *kind, void *arg);
const char *kept_file_path(const struct kept_file *);
/* Once a second; NULL. */
void kept_file_tick(struct kept_file *, struct helper *, int64_t now);
/* Writes it once more, waiting for the disk. After the helper, which may have
 * dropped the last job. */
void kept_file_destroy(struct kept_file **);

#endif
