/* SPDX-License-Identifier: ISC
 * index: a text file, one "NUMBER DOMAIN" a line, replaced by rename. Lines
 * of domains that left the configuration stay: their number is taken. */
#include "exporters/snmp/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static size_t
place(const struct index *x, const char *name)
{
	size_t lo = 0, hi = x->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(x->entry[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct index_entry *
insert(struct index *x, size_t at, const char *name, uint32_t number)
{
	struct index_entry *e;

	if (x->n == x->size) {
		x->size = x->size * 2 + 16;
		x->entry = mem_grow(x->entry, x->size, sizeof(*x->entry));
	}
	e = &x->entry[at];
	memmove(e + 1, e, (x->n++ - at) * sizeof(*e));
	memset(e, 0, sizeof(*e));
	strlcpy(e->name, name, sizeof(e->name));
	e->index = number;
	if (number >= x->next)
		x->next = number + 1;
	return e;
}

/* One line; false when it is none of ours or repeats a domain. */
static bool
take_line(struct index *x, char *line)
{
	char name[TEXT_DOMAIN_MAX], *blank = strchr(line, ' ');
	int64_t number;
	size_t at;

	line[strcspn(line, "\n")] = '\0';
	if (blank == NULL)
		return false;
	*blank++ = '\0';
	if (text_int(line, INDEX_FIRST, INT32_MAX - 1, &number) != 0 ||
	    text_domain(blank, strlen(blank), name) != 0)
		return false;
	at = place(x, name);
	if (at < x->n && strcmp(x->entry[at].name, name) == 0)
		return false;
	insert(x, at, name, (uint32_t)number);
	return true;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t m = *(const uint32_t *)a, n = *(const uint32_t *)b;

	return m < n ? -1 : m > n;
}

/* Two domains with one number would be one row: start over, both get new
 * ones. Only an editor can do this to the file. */
static bool
numbers_are_unique(const struct index *x)
{
	uint32_t *number = mem_array(x->n + 1, sizeof(*number));
	bool unique = true;
	size_t i;

	for (i = 0; i < x->n; i++)
		number[i] = x->entry[i].index;
	qsort(number, x->n, sizeof(*number), by_number);
	for (i = 1; i < x->n; i++)
		if (number[i - 1] == number[i])
			unique = false;
	mem_free(&number);
	return unique;
}

int
index_init(struct index *x, const char *path)
{
	char line[TEXT_DOMAIN_MAX + 16];
	int rc = 0;
	FILE *f;

	memset(x, 0, sizeof(*x));
	x->path = mem_strdup(path);
	x->next = INDEX_FIRST;
	f = fopen(path, "re");
	if (f == NULL)
		return errno == ENOENT ? 0 : -MX_ESYS;
	while (fgets(line, sizeof(line), f) != NULL)
		if (!take_line(x, line))
			rc = -MX_ESYNTAX;
	if (ferror(f))
		rc = -MX_ESYS;
	fclose(f);
	if (!numbers_are_unique(x)) {
		x->n = 0;
		rc = -MX_ESYNTAX;
	}
	return rc;
}

void
index_fini(struct index *x)
{
	mem_free(&x->path);
	mem_free(&x->entry);
	memset(x, 0, sizeof(*x));
}

struct index_entry *
index_of(struct index *x, const char *name)
{
	size_t at = place(x, name);

	if (at < x->n && strcmp(x->entry[at].name, name) == 0)
		return &x->entry[at];
	x->changed = true;
	return insert(x, at, name, x->next);
}

int
index_save(struct index *x)
{
	char *tmp;
	int rc = -MX_ESYS;
	FILE *f;

	if (!x->changed)
		return 0;
	x->changed = false; /* one try: the next new domain is another */
	tmp = mem_printf("%s.new", x->path);
	f = fopen(tmp, "we");
	if (f == NULL)
		goto out;
	for (size_t i = 0; i < x->n; i++)
		fprintf(f, "%u %s\n", x->entry[i].index, x->entry[i].name);
	rc =
	    ferror(f) || fflush(f) != 0 || fsync(fileno(f)) != 0 ? -MX_ESYS : 0;
	if (fclose(f) != 0)
		rc = -MX_ESYS;
	if (rc == 0 && rename(tmp, x->path) != 0)
		rc = -MX_ESYS;
out:
	mem_free(&tmp);
	return rc;
}
