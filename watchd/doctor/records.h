/* SPDX-License-Identifier: ISC
 * records: the findings about each subject that was checked: this host ("") and
 * the domains. Memory is bounded: records in which all is well go with the next
 * run, and beyond DOCTOR_TEXTS_MAX findings texts are omitted (checks and
 * severities stay). Loop thread. */
#ifndef MX_DOCTOR_RECORDS_H
#define MX_DOCTOR_RECORDS_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/text.h"
#include "status/doctor.h"
#include "status/snapshot.h"

#define DOCTOR_TEXTS_MAX 5000 /* findings with a text */
#define DOCTOR_SHOWN_MAX 50 /* in a snapshot, the worst first */

struct doctor_finding {
	enum doctor_check check;
	enum doctor_severity severity;
	char *text, *remedy; /* NULL: omitted, or none */
};
void doctor_finding_fini(struct doctor_finding *); /* frees the texts */

struct doctor_record {
	/* private: */
	RB_ENTRY(doctor_record) node;
	TAILQ_ENTRY(doctor_record) by_time;
	TAILQ_ENTRY(doctor_record) by_worst;
	enum doctor_severity worst;
	bool texts; /* its findings have texts */
	/* public, read only: */
	uint64_t seq; /* ascending, in order of arrival */
	int64_t checked; /* wall seconds */
	unsigned n;
	struct doctor_finding *finding;
	char name[]; /* "": this host */
};

struct doctor_records;
struct doctor_records *doctor_records_create(void);
void doctor_records_destroy(struct doctor_records **);

/* Takes ownership of the array and its texts, and replaces earlier findings of
 * that name. `keep`: even if all is well. */
void doctor_records_put(struct doctor_records *, const char *name, int64_t wall,
    struct doctor_finding *, unsigned n, bool keep);
void doctor_records_drop(struct doctor_records *, const char *name);
/* Drops records older than `seq`, at most `max`. True: there are more. */
bool doctor_records_sweep(struct doctor_records *, uint64_t seq, unsigned max);
uint64_t doctor_records_seq(const struct doctor_records *); /* the last one */

/* The record of a subject; by name, the first behind `after` (NULL: of all); by
 * time, the first behind `seq`. NULL: none. */
const struct doctor_record *
doctor_records_of(const struct doctor_records *, const char *name);
const struct doctor_record *
doctor_records_next(const struct doctor_records *, const char *after);
const struct doctor_record *
doctor_records_since(const struct doctor_records *, uint64_t seq);
/* The next one with something that is not well, the worst first; the first one
 * is behind NULL. */
const struct doctor_record *doctor_records_worst(const struct doctor_records *,
    const struct doctor_record *);

/* Sets the counts, and the list, which snapshots share until it changes. */
void doctor_records_show(struct doctor_records *, struct snapshot *);

#endif
