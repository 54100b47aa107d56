/* SPDX-License-Identifier: ISC
 * mx_backup_int: shared by mx_backup.c (answers) and entries.c (the domains
 * that were taken in). */
#ifndef MX_MXBACKUP_MX_BACKUP_INT_H
#define MX_MXBACKUP_MX_BACKUP_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/ways.h"
#include "relay/mxbackup/mx_backup.h"

/* A domain that was taken in. */
struct backup_entry {
	RB_ENTRY(backup_entry) node;
	TAILQ_ENTRY(backup_entry) link; /* in mx_backup.entries[proven] */
	bool proven; /* a recipient of it was accepted once */
	enum backup_verdict verdict; /* of the last look-up with a result */
	int64_t asked_ms; /* last mail, accepted or refused */
	int64_t looked_ms; /* the last look-up with a result */
	int64_t next_look_ns; /* monotonic: earliest next look-up */
	int64_t kept_ms; /* asked_ms in the stored record */
	char *evidence; /* NULL: not looked up since the start */
	char name[TEXT_DOMAIN_MAX];
};
RB_HEAD(backup_entries, backup_entry);
TAILQ_HEAD(backup_list, backup_entry);

/* A domain that does not fit, or whose look-up failed for now. */
struct backup_negative {
	uint64_t key; /* first: base/ways.h */
	int64_t until_ns; /* 0: free */
	int64_t looked_ms;
	enum mx_backup_result result;
	char evidence[BACKUP_EVIDENCE_MAX];
};

struct mx_backup {
	struct loop *loop;
	struct mx_backup_ops ops;
	struct config *conf; /* holds a reference; NULL before the first */
	struct prefix_list *networks;
	struct backup_names *names;
	struct backup_lookups *lookups;
	struct backup_entries tree;
	/* by proven; least recently asked for first */
	struct backup_list entries[2];
	unsigned n; /* of them */
	uint64_t seed; /* of the hash: strangers choose the names */
	struct ways negative;
};

/* entries.c */
struct backup_entry *entry_find(const struct mx_backup *, const char *domain);
/* NULL: no room, and no entry can be evicted. */
struct backup_entry *entry_create(struct mx_backup *, const char *domain);
/* Removes it from the tree and the set, and its record. `why` NULL: leave() is
 * not called. */
void entry_destroy(struct mx_backup *, struct backup_entry *, const char *why);
void entry_asked(struct mx_backup *, struct backup_entry *);
void entry_keep(struct mx_backup *, struct backup_entry *);
void entry_found(struct mx_backup *, struct backup_entry *,
    const struct backup_finding *, int64_t wall_ms);

#endif
