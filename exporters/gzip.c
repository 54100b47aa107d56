/* SPDX-License-Identifier: ISC
 * gzip: level 2 and small tables. The lines of an exposition are much alike:
 * higher levels make it little smaller and take several times as long, and
 * larger tables find no more matches but do not fit in the cache. */
#include "exporters/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"

#define LEVEL	      2
#define WINDOW_GZIP   (15 + 16) /* zlib.h: add 16 for a gzip header */
#define MEMORY	      6
#define FIRST_GUESS_N 16 /* first guess of the size: one sixteenth */

/* Doubles the buffer; false when memory is out. */
static bool
grow(char **out, size_t *size, z_stream *z)
{
	char *p = realloc(*out, *size * 2);

	if (p == NULL)
		return false;
	*out = p;
	z->next_out = (Bytef *)p + *size;
	z->avail_out = (uInt)*size;
	*size *= 2;
	return true;
}

char *
gzip_make(const char *data, size_t len, size_t *out_len)
{
	size_t size = len / FIRST_GUESS_N + 1024;
	z_stream z = { 0 };
	char *out;
	int rc;

	if (len > INT_MAX / 4 || (out = malloc(size)) == NULL)
		return NULL;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY,
		Z_DEFAULT_STRATEGY) != Z_OK) {
		free(out);
		return NULL;
	}
	z.next_in = (z_const Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)size;
	while ((rc = deflate(&z, Z_FINISH)) == Z_OK ||
	    (rc == Z_BUF_ERROR && z.avail_out == 0))
		if (!grow(&out, &size, &z))
			break;
	*out_len = size - z.avail_out;
	deflateEnd(&z);
	if (rc != Z_STREAM_END) {
		free(out);
		return NULL;
	}
	return out;
}

struct gzip {
	z_stream z;
};

struct gzip *
gzip_begin(void)
{
	struct gzip *g = mem_alloc(sizeof(*g));

	if (deflateInit2(&g->z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY,
		Z_DEFAULT_STRATEGY) != Z_OK)
		mem_free(&g);
	return g;
}

int
gzip_add(struct gzip *g, const char *data, size_t len, bool last,
    struct buf *out)
{
	char chunk[16384];
	int rc;

	MX_ASSERT(len <= INT_MAX);
	g->z.next_in = (z_const Bytef *)(uintptr_t)data;
	g->z.avail_in = (uInt)len;
	do {
		g->z.next_out = (Bytef *)chunk;
		g->z.avail_out = sizeof(chunk);
		(void)deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
		rc = buf_add(out, chunk, sizeof(chunk) - g->z.avail_out);
	} while (rc == 0 && g->z.avail_out == 0);
	return rc;
}

void
gzip_end(struct gzip **gp)
{
	if (*gp != NULL)
		deflateEnd(&(*gp)->z);
	mem_free(gp);
}
