/* SPDX-License-Identifier: ISC
 * journal_files: the existing files of the log, in the order in which they were
 * begun. For the start (replay.c) and mxwatch-salvage; one thread. */
#ifndef MX_STORE_JOURNAL_FILES_H
#define MX_STORE_JOURNAL_FILES_H

#include "relay/store/journal.h"
#include "relay/store/segment.h"

struct journal_files {
	struct segment_dir *dir; /* the caller's */
	uint64_t from; /* files with lower numbers are left out */
	uint64_t *numbers; /* ascending */
	size_t n;
};

/* 0, or -MX_EIO: the folder cannot be read. Call journal_files_free(). */
int journal_files_list(struct journal_files *, struct segment_dir *,
    uint64_t from) MX_NODISCARD;
void journal_files_free(struct journal_files *);
/* The one at index i; close f->fd. 0, -MX_EIO. */
int journal_files_open(const struct journal_files *, size_t i, uint64_t salt,
    struct journal_file *f) MX_NODISCARD;
/* The lowest sequence with which a file behind index i begins: from there on
 * earlier records are void. UINT64_MAX: there is none, or its head was not
 * written. 0; -MX_EIO: one could not be read, and *first is the result without
 * it. */
int journal_files_void(const struct journal_files *, size_t i, uint64_t *first);

#endif
