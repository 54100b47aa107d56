/* SPDX-License-Identifier: ISC
 * index: the numbers of domains (mxwDomainIndex and mtaGroupIndex) and
 * primaries (mxwPrimaryIndex) in SNMP. Managers store them, so they are kept in
 * files of the spool over restarts and never reused. Loop thread; a file is
 * written only when a name is new. */
#ifndef MX_SNMP_INDEX_H
#define MX_SNMP_INDEX_H

#include <sys/tree.h>

#include "base/err.h"
#include "base/text.h"

#define INDEX_FIRST 2 /* 1 is the group of mail without a domain */
/* Up to this number of names none is forgotten. Beyond it unused ones are
 * removed from the file: owners of domains can change their MX records without
 * end. */
#define INDEX_KEPT 100000

enum index_kind { INDEX_DOMAINS, INDEX_PRIMARIES };

struct index_entry {
	RB_ENTRY(index_entry) link;
	uint32_t index;
	bool seen; /* used since the start */
	/* notify.c: last notified state of the domain, */
	unsigned age_level;
	int64_t expired_next; /* monotonic ns */
	bool down; /* of the primary */
	/* notify_queue.c: its waiting change of state; NULL: none */
	struct notify_item *change;
	char name[];
};
RB_HEAD(index_tree, index_entry);
RB_PROTOTYPE(index_tree, index_entry, link, index_cmp)

struct index {
	char *path;
	enum index_kind kind;
	struct index_tree tree; /* by name */
	struct index_entry **entry; /* ascending by number */
	size_t n, size;
	uint32_t next;
	bool changed;
};

/* A missing file is an empty one. -MX_ESYNTAX: lines were skipped; -MX_ESYS: it
 * could not be read. The index works in either case. */
int index_init(struct index *, enum index_kind, const char *path) MX_NODISCARD;
void index_fini(struct index *);
/* The entry of a name, created if needed; never freed before the index. O(log
 * n). */
struct index_entry *index_of(struct index *, const char *name);
/* The same; NULL: no number yet. */
struct index_entry *index_find(const struct index *, const char *name);
/* A copy for a thread that may wait for the disk; NULL: the file is up to date.
 * The index must outlive it. */
struct index_copy;
struct index_copy *index_copy(struct index *);
void index_copy_destroy(struct index_copy **);
/* Replaces the file. -MX_ESYS. Any thread. */
int index_write(const struct index_copy *, struct mx_errbuf *eb) MX_NODISCARD;

#endif
