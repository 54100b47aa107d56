/* SPDX-License-Identifier: ISC
 * mem: allocation that cannot fail, because no caller could do anything
 * sensible about it: the queue is on the disk and the service manager restarts
 * us. The caller checks sizes that a peer decides. Any thread. */
#include <sys/mman.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/mem.h"

/* Pieces of bodies are allocated and freed by the megabyte. With glibc's own
 * thresholds, 128 KB at first, the kernel takes back and zeroes those pages
 * again and again, a third of the time of a delivery of 10 MB. Larger blocks
 * are always returned at once: by itself glibc would raise that threshold to 32
 * MB. */
#define MEM_KEEP  (4 * 1024 * 1024)
#define MEM_STEP  (1024 * 1024)
#define MEM_LARGE (1024 * 1024)

void
mem_setup(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_TRIM_THRESHOLD, MEM_KEEP);
	(void)mallopt(M_TOP_PAD, MEM_STEP);
	(void)mallopt(M_MMAP_THRESHOLD, MEM_LARGE);
#endif
}

static void *
mem_check(void *p)
{
	if (p == NULL)
		mx_panic("memory available", __FILE__, __LINE__);
	return p;
}

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_array(size_t n, size_t size)
{
	/* calloc() checks the product; an empty array still gets a pointer */
	return mem_check(n == 0 || size == 0 ? calloc(1, 1) : calloc(n, size));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	return mem_check(reallocarray(p, n, size));
}

char *
mem_strdup(const char *s)
{
	return s != NULL ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *
mem_strndup(const char *s, size_t n)
{
	return mem_check(strndup(s, n));
}

void *
mem_dup(const void *p, size_t size)
{
	void *copy = mem_check(malloc(size > 0 ? size : 1));

	if (size > 0)
		memcpy(copy, p, size);
	return copy;
}

char *
mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return mem_check(n < 0 ? NULL : s);
}

void
mem_free(void *pp)
{
	void *p;

	/* copied, because the pointer at pp may be of any object type */
	memcpy(&p, pp, sizeof(p));
	free(p);
	p = NULL;
	memcpy(pp, &p, sizeof(p));
}

void *
mem_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem_check(p != MAP_FAILED ? p : NULL);
}

void
mem_pages_free(void *pages, size_t size)
{
	if (pages != NULL)
		(void)munmap(pages, size);
}
