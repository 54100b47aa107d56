/* SPDX-License-Identifier: ISC
 * records_file: the findings over a restart, as a file: a line with the time of
 * the last check of all, then a line for each subject with findings, an object
 * of JSON each. Bounded: the worst FINDINGS_SUBJECTS subjects. Loop thread,
 * except for findings_write(). */
#ifndef MX_DOCTOR_RECORDS_FILE_H
#define MX_DOCTOR_RECORDS_FILE_H

#include "doctor/records.h"

#define FINDINGS_SUBJECTS 2000
#define FINDINGS_FILE_MAX (32u << 20)

/* A copy, which another thread may write. */
struct findings_copy;
/* `ended`: when the last check of all ended, wall seconds; 0 never. */
struct findings_copy *
findings_copy(const struct doctor_records *, int64_t ended);
void findings_copy_destroy(struct findings_copy **);
/* Replaces the file. Blocks. 0 or -MX_ESYS. */
int findings_write(const struct findings_copy *, const char *path) MX_NODISCARD;

/* Adds what the file has of the subjects that `wanted` says; lines and findings
 * that are none are left out. Blocks. The number of subjects, or -MX_ENOENT,
 * -MX_ETOOBIG, -MX_ESYS. */
int findings_read(struct doctor_records *, const char *path,
    bool (*wanted)(void *arg, const char *name), void *arg,
    int64_t *ended) MX_NODISCARD;

#endif
