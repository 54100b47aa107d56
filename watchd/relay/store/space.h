/* SPDX-License-Identifier: ISC
 * space: is there room for more mail? Checks the file system about once a
 * second and keeps DIR/reserve, some megabytes that are released when even a
 * removal finds no space. Writer thread only. */
#ifndef MX_STORE_SPACE_H
#define MX_STORE_SPACE_H

#include "relay/store/spool.h"
#include "relay/store/store.h"

struct space {
	const struct spool *sp;
	uint64_t reserve, reserve_inodes; /* limits, from the configuration */
	uint64_t size_bytes, free_bytes, free_inodes;
	int64_t next; /* clock_now() of the next check */
	bool full;
	const char *why; /* static; NULL while there is room */
	bool has_file;
};

void
space_init(struct space *, const struct spool *, const struct store_conf *);
/* Checks again when it is due; true when it did. */
bool space_look(struct space *, int64_t now);
/* A write failed for lack of space: no more mail until there is space again. */
void space_ran_out(struct space *);
/* Releases the reserve file; false when there was none. */
bool space_give_up(struct space *);

#endif
