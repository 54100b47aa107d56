/* SPDX-License-Identifier: ISC
 * prom_self: the families that are not in the table: build_info and process_*.
 * Private to prometheus.c. Any thread; reads /proc/self. */
#ifndef MX_EXPORTERS_PROM_SELF_H
#define MX_EXPORTERS_PROM_SELF_H

#include "exporters/prom_write.h"

#define PROM_SELF_SERIES 8

void prom_self(struct prom_writer *, const struct snapshot *);

#endif
