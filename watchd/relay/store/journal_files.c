/* SPDX-License-Identifier: ISC
 * journal_files: see journal_files.h. */
#include <sys/stat.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/store/journal_files.h"

static int
number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
list_one(void *arg, uint64_t number, uint64_t size)
{
	struct journal_files *l = arg;

	(void)size;
	if (!journal_is(number) || number < l->from)
		return;
	l->numbers = mem_grow(l->numbers, l->n + 1, sizeof(*l->numbers));
	l->numbers[l->n++] = number;
}

int
journal_files_list(struct journal_files *l, struct segment_dir *dir,
    uint64_t from)
{
	int rc;

	*l = (struct journal_files){ .dir = dir, .from = from };
	rc = segment_each(dir, list_one, l);
	if (l->n > 0)
		qsort(l->numbers, l->n, sizeof(*l->numbers), number_cmp);
	return rc;
}

void
journal_files_free(struct journal_files *l)
{
	mem_free(&l->numbers);
	l->n = 0;
}

int
journal_files_open(const struct journal_files *l, size_t i, uint64_t salt,
    struct journal_file *f)
{
	struct stat st;

	*f = (struct journal_file){ .number = l->numbers[i], .salt = salt };
	f->fd = segment_open_read(l->dir, f->number);
	if (f->fd < 0)
		return -MX_EIO;
	if (fstat(f->fd, &st) != 0) {
		close(f->fd);
		return -MX_EIO;
	}
	f->size = (uint64_t)st.st_size;
	return 0;
}

int
journal_files_void(const struct journal_files *l, size_t i, uint64_t *first)
{
	struct journal_file f;
	uint64_t begins;
	int rc, failed = 0;

	*first = UINT64_MAX;
	for (i++; i < l->n; i++) {
		if ((rc = journal_files_open(l, i, 0, &f)) == 0) {
			rc = journal_head(&f, &begins);
			close(f.fd);
		}
		if (rc == 0 && begins < *first)
			*first = begins;
		if (rc == -MX_EIO)
			failed = rc;
	}
	return failed;
}
