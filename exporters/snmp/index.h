/* SPDX-License-Identifier: ISC
 * index: the number by which SNMP knows a domain, mxwDomainIndex and
 * mtaGroupIndex. A manager keeps it, so it is kept in a file of the spool
 * ("snmp-index") over restarts and never given to another domain. Loop thread;
 * writes the file only when a domain is new. */
#ifndef MX_SNMP_INDEX_H
#define MX_SNMP_INDEX_H

#include <sys/tree.h>

#include "base/err.h"
#include "base/text.h"

#define INDEX_FIRST 2 /* 1 is the group of what belongs to no domain */

struct index_entry {
	RB_ENTRY(index_entry) link;
	uint32_t index;
	/* notify.c: what was told of the domain */
	unsigned age_level;
	int64_t expired_next; /* monotonic ns */
	char name[];
};
RB_HEAD(index_tree, index_entry);
RB_PROTOTYPE(index_tree, index_entry, link, index_cmp)

struct index {
	char *path;
	struct index_tree tree; /* by name */
	struct index_entry **entry; /* ascending by number */
	size_t n, size;
	uint32_t next;
	bool changed;
};

/* A missing file is an empty one. -MX_ESYNTAX: lines were skipped; -MX_ESYS:
 * it could not be read. The index works all the same. */
int index_init(struct index *, const char *path) MX_NODISCARD;
void index_fini(struct index *);
/* The entry of a domain, a new one when needed; it stays. O(log n). */
struct index_entry *index_of(struct index *, const char *name);
/* All that there is, for a thread that may wait for the disk; NULL: the file has
 * it already. The index must outlive it. */
struct index_copy;
struct index_copy *index_copy(struct index *);
void index_copy_destroy(struct index_copy **);
/* Replaces the file. -MX_ESYS. Any thread. */
int index_write(const struct index_copy *, struct mx_errbuf *eb) MX_NODISCARD;

#endif
