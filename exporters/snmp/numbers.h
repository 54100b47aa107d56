/* SPDX-License-Identifier: ISC
 * numbers: the indices of domains and primaries, kept in two files of the
 * spool by the helper thread. Loop thread. */
#ifndef MX_SNMP_NUMBERS_H
#define MX_SNMP_NUMBERS_H

#include "exporters/snmp/pack.h"
#include "net/helper.h"

struct numbers {
	struct indices x;
	struct helper *helper; /* borrowed; gone before this is */
	bool keeping; /* on their way to the disk */
};

/* Reads the files; what is wrong with them is logged. */
void numbers_init(struct numbers *, struct helper *, const char *spool);
/* Writes what is new by itself. */
void numbers_fini(struct numbers *);
/* Writes what is new, if anything is. */
void numbers_keep(struct numbers *);

#endif
