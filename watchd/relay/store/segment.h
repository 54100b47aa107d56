/* SPDX-License-Identifier: ISC
 * segment: append-only files, DIR/seg/<16 hex digits>: those of the log
 * (journal.h), which include small bodies, and those of large bodies, one each.
 * A file name is durable only after segment_sync(), which also syncs the folder
 * when a file was created in it. Used by the writer thread; functions that
 * open, remove or punch by number by any thread. Results: 0, -MX_EFULL,
 * -MX_EIO. */
#ifndef MX_STORE_SEGMENT_H
#define MX_STORE_SEGMENT_H

#include <sys/uio.h>

#include "base/defs.h"

struct segment_dir {
	int fd; /* DIR/seg */
	uint64_t next; /* number of the next body's file */
	uint64_t next_log; /* number of the next file of the log */
	bool dirty; /* a new name in it is not yet durable */
};

struct segment {
	uint64_t number; /* 0: none is open */
	int fd;
	uint64_t size;
	uint64_t ahead; /* end of the zeros, unless below size */
	uint64_t begun; /* writeback was started up to here */
};

struct extent {
	uint64_t offset, len;
};

int
segment_create(struct segment_dir *, bool log, struct segment *) MX_NODISCARD;
void segment_close(struct segment *);
/* Appends all or nothing: a failed append is cut off; if even that fails the
 * segment is closed and never used again. */
int segment_append(struct segment *, struct iovec *, size_t n) MX_NODISCARD;
void segment_truncate(struct segment *, uint64_t size);
/* Writes zeros for the next `bytes`: appends over them are synced without a
 * change of the file's size, which would cost a sync of the file system's
 * journal. As far as there is space; optional. */
void segment_write_ahead(struct segment *, uint64_t bytes);
/* Cuts off the zeros written ahead. */
void segment_trim(struct segment *);
/* Starts writeback of the appended data, so that the sync, for which all mail
 * waits, has less to do. Guarantees nothing. */
void segment_begin_sync(struct segment *);
int segment_sync(struct segment_dir *, struct segment *) MX_NODISCARD;
int segment_unlink(struct segment_dir *, uint64_t number) MX_NODISCARD;
uint64_t
segment_size(const struct segment_dir *, uint64_t number); /* 0: none */
/* Frees the space between the live extents (sorted here). */
void segment_punch(struct segment_dir *, uint64_t number, uint64_t size,
    struct extent *live, size_t n);
int segment_open_read(const struct segment_dir *, uint64_t number); /* or -1 */
int segment_open_write(const struct segment_dir *, uint64_t number); /* or -1 */
/* Every file with a name of ours; size in bytes. */
int segment_each(struct segment_dir *,
    void (*one)(void *arg, uint64_t number, uint64_t size),
    void *arg) MX_NODISCARD;

#endif
