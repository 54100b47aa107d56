/* SPDX-License-Identifier: ISC
 * prom_write: writes the parts of an exposition: names, labels, numbers, the
 * head of a family, in the text format 0.0.4 and in OpenMetrics 1.0. Private to
 * prometheus.c and its companions. Pure; any thread. */
#ifndef MX_EXPORTERS_PROM_WRITE_H
#define MX_EXPORTERS_PROM_WRITE_H

#include "exporters/prometheus.h"
#include "status/metrics.h"

#define PROM_CHUNK 16384
/* Lines are collected here and move to `out` in chunks. The first failed append
 * is remembered; later calls then do nothing. */
struct prom_writer {
	struct buf *out;
	int rc;
	enum prometheus_format format;
	size_t fill;
	char chunk[PROM_CHUNK];
};

void prom_init(struct prom_writer *, enum prometheus_format, struct buf *);
/* 0, or the first error. No output after it. */
int prom_end(struct prom_writer *) MX_NODISCARD;

void prom_put(struct prom_writer *, const char *, size_t);
void prom_puts(struct prom_writer *, const char *);
/* Writing in place: prom_room() gives room for n bytes (at most PROM_CHUNK),
 * prom_used() takes the end of those written. */
char *prom_room(struct prom_writer *, size_t n) MX_NODISCARD;
void prom_used(struct prom_writer *, const char *end);
/* Writes at most PROM_VALUE_MAX bytes and returns their end. Integers have no
 * point; other values have the shortest form that reads back the same. */
#define PROM_VALUE_MAX 32
char *prom_value(char *, double) MX_NODISCARD;
void prom_put_value(struct prom_writer *, double);
/* A bound has the same text in every format and version: "60.0", "0.005". */
void prom_put_bound(struct prom_writer *, double le);
/* key="value", escaped, with `lead` before it. */
int prom_label(struct buf *, const char *lead, const char *key,
    const char *value) MX_NODISCARD;

/* HELP, TYPE and, in OpenMetrics, UNIT. `name` is that of the samples,
 * including _total or _info. `snapshot`: a histogram of present values, not of
 * events. */
void prom_put_head(struct prom_writer *, const char *prefix, const char *name,
    enum metric_type, bool snapshot, const char *help);

#endif
