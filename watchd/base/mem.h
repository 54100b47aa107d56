/* SPDX-License-Identifier: ISC
 * mem: allocation that cannot fail. For small things whose number is capped
 * elsewhere; what a peer sizes goes through buf.h, which has a cap. */
#ifndef MX_BASE_MEM_H
#define MX_BASE_MEM_H

#include "base/defs.h"

/* First thing in a daemon, before it has a second thread: how much of what was
 * freed stays at hand. No more than a wish. */
void mem_setup(void);

/* All of these abort the process when memory is out. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_array(size_t n, size_t size); /* zeroed, overflow checked */
void *mem_grow(void *p, size_t n, size_t size); /* reallocarray, not zeroed */
char *mem_strdup(const char *s); /* NULL stays NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t size);
char *mem_printf(const char *fmt, ...) MX_PRINTF(1, 2);

/* Frees *p and sets it NULL. */
void mem_free(void *pp);

/* Zeroed pages of the system's, which has them back at mem_pages_free(), and sees
 * at once that they are gone: what malloc() has in the middle of its heap stays
 * there. For some ten KB and more at a time. */
void *mem_pages(size_t size);
void mem_pages_free(void *pages, size_t size); /* NULL: nothing */

#endif
