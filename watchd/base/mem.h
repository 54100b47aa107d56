/* SPDX-License-Identifier: ISC
 * mem: allocation that cannot fail. For small objects whose number is limited
 * elsewhere; data whose size a peer decides goes through buf.h, which has a
 * cap. */
#ifndef MX_BASE_MEM_H
#define MX_BASE_MEM_H

#include "base/defs.h"

/* To be called first in a daemon, before it has a second thread: sets how much
 * freed memory malloc keeps. Best effort. */
void mem_setup(void);

/* All of these abort the process when out of memory. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_array(size_t n, size_t size); /* zeroed, overflow checked */
void *mem_grow(void *p, size_t n, size_t size); /* reallocarray, not zeroed */
char *mem_strdup(const char *s); /* NULL stays NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t size);
char *mem_printf(const char *fmt, ...) MX_PRINTF(1, 2);

/* Frees *p and sets it NULL. */
void mem_free(void *pp);

/* Zeroed pages from the system, returned to it by mem_pages_free(), while freed
 * memory in the middle of malloc's heap stays there. For tens of KB and
 * more. */
void *mem_pages(size_t size);
void mem_pages_free(void *pages, size_t size); /* NULL: does nothing */

#endif
