/* SPDX-License-Identifier: ISC
 * recipients_keep: see recipients_keep.h. */
#include "relay/smtpd/recipients_keep.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define COMMENT "# the last good copy of "
#define SUFFIX	".list"
#define FETCHED ".fetched"

static char *
path_of(const char *folder, const char *source, const char *suffix)
{
	return mem_printf("%s/%016" PRIx64 "%s", folder,
	    hash_text(HASH_INIT, source), suffix);
}

char *
keep_fetched(const char *folder, const char *source)
{
	return path_of(folder, source, FETCHED);
}

/* The first line of a copy. A newline in the source cannot end it. */
static char *
comment_of(const char *source)
{
	char *s = mem_printf(COMMENT "%s\n", source), *p;

	for (p = s; p[1] != '\0'; p++)
		if (*p == '\n')
			*p = '?';
	return s;
}

int
keep_load(const char *folder, const char *source, struct buf *out,
    struct mx_errbuf *eb)
{
	char *path = path_of(folder, source, SUFFIX),
	     *comment = comment_of(source);
	size_t len = strlen(comment);
	int rc = file_load(path, out, eb);

	if (rc == 0 && (out->len < len || memcmp(out->data, comment, len) != 0))
		rc = -MX_ENOENT; /* hash collision */
	if (rc == 0)
		buf_drain(out, len);
	mem_free(&comment);
	mem_free(&path);
	return rc;
}

struct copy {
	const char *comment;
	const void *data;
	size_t len;
};

static int
print_copy(FILE *f, const void *arg)
{
	const struct copy *c = arg;

	if (fputs(c->comment, f) == EOF)
		return -1;
	return c->len == 0 || fwrite(c->data, c->len, 1, f) == 1 ? 0 : -1;
}

int
keep_store(const char *folder, const char *source, const void *data, size_t len,
    struct mx_errbuf *eb)
{
	char *path = path_of(folder, source, SUFFIX),
	     *comment = comment_of(source);
	struct copy c = { comment, data, len };
	int rc;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		rc = mx_fail(eb, MX_ESYS, "%s: %s", folder, strerror(errno));
	else
		rc = file_print(path, 0600, print_copy, &c, eb);
	mem_free(&comment);
	mem_free(&path);
	return rc;
}

static int
compare_hashes(const void *va, const void *vb)
{
	const uint64_t *a = va, *b = vb;

	return *a < *b ? -1 : *a > *b;
}

/* Does the file belong to one of these? Foreign files are left alone. */
static bool
is_wanted(const char *name, const uint64_t *hash, size_t n)
{
	char *end;
	uint64_t h = strtoull(name, &end, 16);

	if (end != name + 16 ||
	    (strcmp(end, SUFFIX) != 0 &&
		strncmp(end, FETCHED, strlen(FETCHED)) != 0))
		return true;
	return bsearch(&h, hash, n, sizeof(*hash), compare_hashes) != NULL;
}

void
keep_sweep(const char *folder, const char *const *source, size_t n)
{
	uint64_t *hash;
	struct dirent *e;
	DIR *d = opendir(folder);

	if (d == NULL)
		return;
	hash = mem_array(n + 1, sizeof(*hash));
	for (size_t i = 0; i < n; i++)
		hash[i] = hash_text(HASH_INIT, source[i]);
	qsort(hash, n, sizeof(*hash), compare_hashes);
	while ((e = readdir(d)) != NULL)
		if (!is_wanted(e->d_name, hash, n) &&
		    unlinkat(dirfd(d), e->d_name, 0) < 0)
			log_warn("smtpd", "file=%s/%s not_removed=%s",
			    log_q(folder), log_q(e->d_name),
			    log_q(strerror(errno)));
	closedir(d);
	mem_free(&hash);
}
