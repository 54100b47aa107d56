/* SPDX-License-Identifier: ISC
 * numbers: the indices of domains and primaries, stored in two files of the
 * spool by the helper thread. Loop thread. */
#ifndef MX_SNMP_NUMBERS_H
#define MX_SNMP_NUMBERS_H

#include "exporters/snmp/pack.h"
#include "net/helper.h"

struct numbers {
	struct indices x;
	struct helper *helper; /* borrowed; destroyed before this */
	bool keeping; /* being written */
};

/* Reads the files; problems are logged. */
void numbers_init(struct numbers *, struct helper *, const char *spool);
/* Writes new numbers itself. */
void numbers_fini(struct numbers *);
/* Writes new numbers, if any. */
void numbers_keep(struct numbers *);

#endif
