/* SPDX-License-Identifier: ISC
 * prom_write: the pieces of an exposition: names, labels, numbers, the head
 * of a family, in the text format 0.0.4 and in OpenMetrics 1.0. Private to
 * prometheus.c and its companions. Pure; any thread. */
#ifndef MX_EXPORTERS_PROM_WRITE_H
#define MX_EXPORTERS_PROM_WRITE_H

#include "exporters/prometheus.h"
#include "status/metrics.h"

#define PROM_CHUNK 16384
/* Lines are put together here and move to `out` in pieces. The first failed
 * append is remembered; the rest do nothing then. */
struct prom_writer {
	struct buf *out;
	int rc;
	enum prometheus_format format;
	size_t fill;
	char chunk[PROM_CHUNK];
};

void prom_init(struct prom_writer *, enum prometheus_format, struct buf *);
/* 0, or the first error. Nothing may be put after it. */
int prom_end(struct prom_writer *) MX_NODISCARD;

void prom_put(struct prom_writer *, const char *, size_t);
void prom_puts(struct prom_writer *, const char *);
/* Writing in place: room for n bytes (at most PROM_CHUNK), and then up to
 * where it was used. */
char *prom_room(struct prom_writer *, size_t n) MX_NODISCARD;
void prom_used(struct prom_writer *, const char *end);
/* Writes at most PROM_VALUE_MAX bytes and returns their end. Integers without
 * a point; others as short as they read back the same. */
#define PROM_VALUE_MAX 32
char *prom_value(char *, double) MX_NODISCARD;
void prom_put_value(struct prom_writer *, double);
/* A bound is the same text in every format and version: "60.0", "0.005". */
void prom_put_bound(struct prom_writer *, double le);
/* key="value", escaped, with `lead` before it. */
int prom_label(struct buf *, const char *lead, const char *key,
    const char *value) MX_NODISCARD;

/* HELP, TYPE and, in OpenMetrics, UNIT. `name` is that of the samples, with
 * _total or _info where it has one. `snapshot`: a histogram of what is there
 * now. */
void prom_put_head(struct prom_writer *, const char *prefix, const char *name,
    enum metric_type, bool snapshot, const char *help);

#endif
