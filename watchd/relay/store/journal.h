/* SPDX-License-Identifier: ISC
 * journal: the log that makes every change of what is stored durable: its
 * format, and how it is read. It is kept in segment files of its own
 * (journal_is()), beside the bodies above STORE_SMALL_MAX, which have a file
 * each. Little-endian:
 *
 *	file	JOURNAL_HEAD bytes: "mxwlog 1", u64 number, u64 first sequence,
 *		zeros, u32 CRC; then records without gaps; then, in a file that
 *		is being written or was when the daemon stopped, zeros
 *	record	JOURNAL_RECORD bytes: u64 salt, u64 sequence, u64 durable, u64
 *		id, u64 segment of the body, u64 length of the body, u32 CRC of
 *		the body, u32 length of the rest, u32 CRC of the rest, u16
 *		parts, u8 kind, u8 0, u32 CRC of all this; then the body, if it
 *		is stored here, and the rest:
 *	COMMIT	u32 length and the envelope of each part; id is part 0's
 *	UPDATE	the envelope with this id
 *	REMOVE	nothing: the id suffices
 *	STATE	u16 length and the key, then the value; without one: removed
 *
 * Sequences have no gap, over all files, and begin with 1; 0 and UINT64_MAX are
 * never used, since they stand for none. `durable` is the last record known to
 * be on the disk when this one was written. So a torn record is a group that a
 * crash cut short, unless a later record vouches for it; then it is damage. A
 * file voids all records of earlier files from its own first sequence on: it
 * was begun because their last group could not be synced. The salt is the
 * spool's secret: without it the body of a stranger's message could contain a
 * valid record. Records are read at the start (replay.h) and by
 * mxwatch-salvage, written by the writer thread (group.c). Results: 0, negative
 * as named. */
#ifndef MX_STORE_JOURNAL_H
#define MX_STORE_JOURNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "relay/envelope.h"

#define JOURNAL_HEAD	 64u
#define JOURNAL_RECORD	 68u
#define JOURNAL_REST_MAX (64u << 20) /* total of 256 parts, with a margin */
#define JOURNAL_BODY_MAX (1u << 20) /* of a body stored in the log */
#define JOURNAL_FIRST	 (UINT64_C(1) << 63) /* number of its first file */

enum journal_kind {
	JOURNAL_COMMIT = 1,
	JOURNAL_UPDATE,
	JOURNAL_REMOVE,
	JOURNAL_STATE,
	JOURNAL_NOTHING, /* written to test whether writing works */
};

struct journal_pos { /* a position in the log */
	/* of the last record before the position; 0: none was written */
	uint64_t seq;
	uint64_t segment, offset; /* behind that record */
};

struct journal_record {
	uint64_t seq, durable;
	uint64_t id;
	uint8_t kind; /* enum journal_kind */
	unsigned nparts; /* COMMIT */
	struct body_ref body; /* COMMIT; segment 0: it is empty */
	const char *rest; /* borrowed */
	size_t len; /* of rest */
};

static inline bool
journal_is(uint64_t segment)
{
	return segment >= JOURNAL_FIRST;
}

/* Length of a record in its file. */
uint64_t journal_size(const struct journal_record *, uint64_t segment);
void
journal_put_head(uint8_t dst[JOURNAL_HEAD], uint64_t segment, uint64_t first);
void journal_put(uint8_t dst[JOURNAL_RECORD], const struct journal_record *,
    uint64_t salt);

/* A file of the log, open for reading. */
struct journal_file {
	int fd;
	uint64_t number, size, salt;
};

/* The sequence with which it begins. -MX_ECORRUPT: no valid head; -MX_EIO. */
int journal_head(const struct journal_file *, uint64_t *first) MX_NODISCARD;
/* The whole record at `offset`; its rest is in *buf. -MX_ENOENT: the end of the
 * file, or only zeros; -MX_ECORRUPT: torn or damaged; -MX_EIO. */
int journal_read(const struct journal_file *, uint64_t offset,
    struct journal_record *, struct buf *) MX_NODISCARD;
/* The first valid record head at or behind `offset`, its position in *at.
 * -MX_ENOENT: none; -MX_EIO. */
int journal_find(const struct journal_file *, uint64_t offset,
    struct journal_record *, uint64_t *at) MX_NODISCARD;
/* Part i of a COMMIT; start with *at = 0. False: malformed. */
bool journal_part(const struct journal_record *, size_t *at, const char **data,
    size_t *len);
/* Key and value of a STATE. The key is not terminated. */
bool journal_state(const struct journal_record *, const char **key,
    size_t *klen, const char **value, size_t *len);

#endif
