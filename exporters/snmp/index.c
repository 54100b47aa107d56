/* SPDX-License-Identifier: ISC
 * index: a text file, one "NUMBER NAME" a line, replaced by rename. Lines of
 * removed domains stay: their number is taken. */
#include "exporters/snmp/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

static int
index_cmp(const struct index_entry *a, const struct index_entry *b)
{
	return strcmp(a->name, b->name);
}

RB_GENERATE(index_tree, index_entry, link, index_cmp)

/* Open-coded, because RB_FIND would need an entry with the name in it. */
struct index_entry *
index_find(const struct index *x, const char *name)
{
	struct index_entry *e = RB_ROOT(&x->tree);
	int c;

	while (e != NULL && (c = strcmp(name, e->name)) != 0)
		e = c < 0 ? RB_LEFT(e, link) : RB_RIGHT(e, link);
	return e;
}

static struct index_entry *
insert(struct index *x, const char *name, uint32_t number)
{
	size_t len = strlen(name) + 1;
	struct index_entry *e = mem_alloc(sizeof(*e) + len);

	if (x->n == x->size) {
		x->size = x->size * 2 + 16;
		x->entry =
		    mem_grow(x->entry, x->size, sizeof(struct index_entry *));
	}
	memcpy(e->name, name, len);
	e->index = number;
	x->entry[x->n++] = e;
	RB_INSERT(index_tree, &x->tree, e);
	if (number >= x->next)
		x->next = number + 1;
	return e;
}

/* The name of a primary is its label: a host, and its port if that is not
 * 25. */
static bool
is_name(enum index_kind kind, const char *name)
{
	char domain[TEXT_DOMAIN_MAX];

	if (kind == INDEX_DOMAINS)
		return text_domain(name, strlen(name), domain) == 0 &&
		    strcmp(name, domain) == 0;
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return name[0] != '\0';
}

/* Reads one line; false when it is invalid or repeats a name. */
static bool
take_line(struct index *x, char *line)
{
	char *blank = strchr(line, ' ');
	int64_t number;

	line[strcspn(line, "\n")] = '\0';
	if (blank == NULL)
		return false;
	*blank++ = '\0';
	if (text_int(line, INDEX_FIRST, INT32_MAX - 1, &number) != 0 ||
	    !is_name(x->kind, blank) || index_find(x, blank) != NULL)
		return false;
	(void)insert(x, blank, (uint32_t)number);
	return true;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t m = (*(struct index_entry *const *)a)->index;
	uint32_t n = (*(struct index_entry *const *)b)->index;

	return m < n ? -1 : m > n;
}

static void
forget(struct index *x)
{
	RB_INIT(&x->tree);
	while (x->n > 0)
		mem_free(&x->entry[--x->n]);
}

/* Two domains with one number would share a row: both get new ones. Only an
 * editor can do this to the file. */
static bool
numbers_are_unique(struct index *x)
{
	if (x->n > 0)
		qsort(x->entry, x->n, sizeof(struct index_entry *), by_number);
	for (size_t i = 1; i < x->n; i++)
		if (x->entry[i - 1]->index == x->entry[i]->index)
			return false;
	return true;
}

int
index_init(struct index *x, enum index_kind kind, const char *path)
{
	char line[TEXT_DOMAIN_MAX + 32];
	int rc = 0;
	FILE *f;

	memset(x, 0, sizeof(*x));
	RB_INIT(&x->tree);
	x->kind = kind;
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
		forget(x);
		rc = -MX_ESYNTAX;
	}
	return rc;
}

void
index_fini(struct index *x)
{
	forget(x);
	mem_free(&x->path);
	mem_free(&x->entry);
	memset(x, 0, sizeof(*x));
}

struct index_entry *
index_of(struct index *x, const char *name)
{
	struct index_entry *e = index_find(x, name);

	if (e == NULL) {
		x->changed = true;
		e = insert(x, name, x->next);
	}
	e->seen = true;
	return e;
}

/* Entries live as long as the index: references suffice. */
struct index_copy {
	char *path;
	size_t n;
	const struct index_entry *entry[];
};

/* The highest number is always kept, because the next one follows it after a
 * restart. */
static bool
is_kept(const struct index *x, size_t i)
{
	return x->n <= INDEX_KEPT || x->kind == INDEX_DOMAINS ||
	    x->entry[i]->seen || i == x->n - 1;
}

struct index_copy *
index_copy(struct index *x)
{
	struct index_copy *c;

	if (!x->changed)
		return NULL;
	x->changed = false; /* one try; the next new name is another */
	c = mem_alloc(sizeof(*c) + x->n * sizeof(c->entry[0]));
	c->path = mem_strdup(x->path);
	for (size_t i = 0; i < x->n; i++)
		if (is_kept(x, i))
			c->entry[c->n++] = x->entry[i];
	return c;
}

void
index_copy_destroy(struct index_copy **cp)
{
	if (*cp == NULL)
		return;
	mem_free(&(*cp)->path);
	mem_free(cp);
}

static int
print_all(FILE *f, const void *arg)
{
	const struct index_copy *c = arg;

	for (size_t i = 0; i < c->n; i++)
		(void)fprintf(f, "%u %s\n", c->entry[i]->index,
		    c->entry[i]->name);
	return 0;
}

int
index_write(const struct index_copy *c, struct mx_errbuf *eb)
{
	return file_print(c->path, 0644, print_all, c, eb);
}
