/* SPDX-License-Identifier: ISC
 * domains_look: see domains_look.h. Used by domains_from.c. */
#include "daemon/domains_look.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX (16u << 20) /* per file, as for a configuration file */

/* Names that begin with a dot are temporary files of editors. */
static bool
is_wanted(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 &&
	    (strcmp(name + n - 5, ".conf") == 0 ||
		strcmp(name + n - 5, ".json") == 0);
}

static int
list_names(const char *path, struct strlist *l, struct mx_errbuf *eb)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return mx_fail(eb, errno == ENOENT ? MX_ENOENT : MX_ESYS, "%s",
		    strerror(errno));
	for (errno = 0; rc == 0 && (e = readdir(d)) != NULL; errno = 0) {
		if (!is_wanted(e->d_name))
			continue;
		if (l->n == DOMAIN_TEXTS_FILES_MAX)
			rc = mx_fail(eb, MX_ETOOBIG, "more than %u files",
			    DOMAIN_TEXTS_FILES_MAX);
		strlist_add(l, mem_strdup(e->d_name));
	}
	if (rc == 0 && errno != 0)
		rc = mx_fail(eb, MX_ESYS, "%s", strerror(errno));
	closedir(d);
	if (l->n > 0)
		qsort(l->s, l->n, sizeof(*l->s), text_order);
	return rc;
}

static int
add_id(const char *path, const char *name, uint64_t *h, struct mx_errbuf *eb)
{
	struct stat st;
	int64_t v[7];

	if (stat(path, &st) < 0)
		return mx_fail(eb, errno == ENOENT ? MX_ENOENT : MX_ESYS,
		    "%s%s%s", name, *name != '\0' ? ": " : "", strerror(errno));
	v[0] = (int64_t)st.st_dev;
	v[1] = (int64_t)st.st_ino;
	v[2] = (int64_t)st.st_size;
	v[3] = (int64_t)st.st_mtim.tv_sec;
	v[4] = (int64_t)st.st_mtim.tv_nsec;
	v[5] = (int64_t)st.st_ctim.tv_sec;
	v[6] = (int64_t)st.st_ctim.tv_nsec;
	*h = hash_bytes(hash_text(*h, name), v, sizeof(v));
	return 0;
}

int
domains_look_id(const char *path, bool folder, uint64_t *id,
    struct mx_errbuf *eb)
{
	struct strlist l = { 0, NULL };
	uint64_t h = HASH_INIT;
	char *file;
	int rc;

	rc = folder ? list_names(path, &l, eb) : add_id(path, "", &h, eb);
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		file = mem_printf("%s/%s", path, l.s[i]);
		rc = add_id(file, l.s[i], &h, eb);
		mem_free(&file);
	}
	strlist_fini(&l);
	*id = h | 1;
	return rc;
}

static int
read_file(struct domain_texts *t, const char *path, const char *name,
    struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	struct mx_errbuf why = { "" };
	int rc = file_load(path, &text, &why);

	if (rc == -MX_ETOOBIG)
		(void)mx_fail(&why, MX_ETOOBIG, "it is larger than %u MiB",
		    TEXT_MAX >> 20);
	if (rc == 0 &&
	    (rc = domain_texts_add(t, name, buf_str(&text), text.len)) != 0)
		(void)mx_fail(&why, MX_ETOOBIG,
		    "the files together are larger than %u MiB",
		    DOMAIN_TEXTS_MAX >> 20);
	if (rc != 0)
		(void)mx_fail(eb, MX_ESYS, "%s%s%s", name,
		    *name != '\0' ? ": " : "", why.text);
	buf_fini(&text);
	return rc;
}

struct domain_texts *
domains_look_read(const char *path, bool folder, const char *source,
    struct mx_errbuf *eb)
{
	struct domain_texts *t = domain_texts_create(source);
	struct strlist l = { 0, NULL };
	char *file;
	int rc;

	rc = folder ? list_names(path, &l, eb) : read_file(t, path, "", eb);
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		file = mem_printf("%s/%s", path, l.s[i]);
		rc = read_file(t, file, l.s[i], eb);
		mem_free(&file);
	}
	strlist_fini(&l);
	if (rc != 0)
		domain_texts_unref(&t);
	return t;
}
