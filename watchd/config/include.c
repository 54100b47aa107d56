/* SPDX-License-Identifier: ISC
 * include: the files of a configuration. An include names one file or a
 * pattern, relative to the folder of the including file. A file may be included
 * twice (its duplicates are reported), but not by itself; depth, number and
 * size have limits, so that a mistake ends in a message and not in swap. Called
 * while starting, reloading or checking; reads local files only. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "config_int.h"

/* May the file be included here: no loop, not too deep? */
static bool
allowed(struct conf_loader *l, const struct conf_source *s,
    const struct stat *st, const char *path, struct conf_pos at)
{
	const struct conf_source *up;
	char quoted[CONF_QUOTE_MAX];

	conf_quote(path, quoted);
	for (up = s->up; up != NULL; up = up->up)
		if (up->dev == st->st_dev && up->ino == st->st_ino) {
			conf_err(l, at, "include: %s includes itself", quoted);
			return false;
		}
	if (s->depth > CONF_DEPTH_MAX) {
		conf_err(l, at, "include: %s is nested more than %u files deep",
		    quoted, CONF_DEPTH_MAX);
		return false;
	}
	if (!S_ISREG(st->st_mode) && (s->depth > 0 || S_ISDIR(st->st_mode))) {
		conf_err(l, at, "%s%s is not a file",
		    s->depth > 0 ? "include: " : "", quoted);
		return false;
	}
	return true;
}

bool
source_open(struct conf_loader *l, struct conf_source *s, const char *path,
    struct conf_pos at, char **text, size_t *len)
{
	struct buf all = BUF_INIT(CONF_FILE_MAX);
	char quoted[CONF_QUOTE_MAX];
	struct mx_errbuf why;
	struct stat st;
	int fd = -1, rc = -1;

	*text = NULL;
	/* does not block on a FIFO that a pattern matches */
	fd = open(path, O_RDONLY | O_CLOEXEC | (s->depth > 0 ? O_NONBLOCK : 0));
	if (fd < 0 || fstat(fd, &st) != 0) {
		conf_err(l, at, "%s%s cannot be read: %s",
		    s->depth > 0 ? "include: " : "", conf_quote(path, quoted),
		    strerror(errno));
		goto out;
	}
	if (!allowed(l, s, &st, path, at))
		goto out;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	rc = file_read(fd, &all, &why);
	if (rc == -MX_ETOOBIG)
		conf_err(l, at, "%s is larger than %u MiB",
		    conf_quote(path, quoted), CONF_FILE_MAX >> 20);
	else if (rc != 0)
		conf_err(l, at, "%s cannot be read: %s",
		    conf_quote(path, quoted), why.text);
	*len = all.len;
	if (rc == 0)
		*text = buf_take(&all);
out:
	buf_fini(&all);
	if (fd >= 0)
		close(fd);
	return rc == 0;
}

/* ---- the search. A folder may be huge, or slow, and a pattern may match many:
 * the callbacks of glob() limit the entries and the time. */

static _Thread_local struct {
	int64_t until;
	unsigned seen;
	bool over;
} search;

static bool
search_goes_on(void)
{
	if (!search.over && ++search.seen <= CONF_SEARCH_MAX &&
	    clock_now() < search.until)
		return true;
	search.over = true;
	return false;
}

static struct dirent *
search_readdir(void *dir)
{
	return search_goes_on() ? readdir(dir) : NULL;
}

static void *
search_opendir(const char *path)
{
	if (search_goes_on())
		return opendir(path);
	errno = ENOENT; /* appears empty: glob() ends soon */
	return NULL;
}

static int
search_stat(const char *path, struct stat *st)
{
	if (search_goes_on())
		return stat(path, st);
	errno = ENOENT;
	return -1;
}

static int
search_lstat(const char *path, struct stat *st)
{
	if (search_goes_on())
		return lstat(path, st);
	errno = ENOENT;
	return -1;
}

static void
search_closedir(void *dir)
{
	(void)closedir(dir);
}

/* As glob(); `search.over`: it was cut off. */
static int
search_files(const char *pattern, glob_t *g)
{
	memset(g, 0, sizeof(*g));
	g->gl_opendir = search_opendir;
	g->gl_readdir = search_readdir;
	g->gl_closedir = search_closedir;
	g->gl_stat = search_stat;
	g->gl_lstat = search_lstat;
	search.over = false;
	search.seen = 0;
	search.until = clock_now() + CONF_SEARCH_S * CLOCK_SEC;
	return glob(pattern, GLOB_ALTDIRFUNC, NULL, g);
}

/* The pattern for glob(). Special characters in the folder's name are
 * escaped. */
static char *
full_pattern(const char *file, const char *pattern)
{
	const char *slash = strrchr(file, '/');
	char *full;
	size_t i, n = 0;

	if (pattern[0] == '/' || slash == NULL)
		return mem_strdup(pattern);
	full = mem_array(2 * (size_t)(slash - file) + strlen(pattern) + 2, 1);
	for (i = 0; i < (size_t)(slash - file); i++) {
		if (strchr("*?[\\", file[i]) != NULL)
			full[n++] = '\\';
		full[n++] = file[i];
	}
	full[n++] = '/';
	memcpy(full + n, pattern, strlen(pattern) + 1);
	return full;
}

char **
source_list(struct conf_loader *l, const struct conf_source *s,
    const char *pattern, struct conf_pos at, size_t *n)
{
	char quoted[CONF_QUOTE_MAX], **list = NULL;
	char *full = full_pattern(l->file[s->file], pattern);
	glob_t g;
	size_t i;
	int rc;

	*n = 0;
	rc = search_files(full, &g);
	conf_quote(pattern, quoted);
	if (search.over) {
		conf_err(l, at,
		    "include: searching %s took more than %u s or %u folder "
		    "entries; use a folder that has only these files",
		    quoted, CONF_SEARCH_S, CONF_SEARCH_MAX);
	} else if (rc == GLOB_NOMATCH) {
		/* An empty conf.d may be intended; a wrong path loses all of
		 * its domains. */
		if (strpbrk(pattern, "*?[") == NULL)
			conf_err(l, at, "include: there is no file %s", quoted);
		else
			conf_warn(l, at, "include: no file matches %s", quoted);
	} else if (rc != 0) {
		conf_err(l, at, "include: %s cannot be searched", quoted);
	} else if (g.gl_pathc + l->nfiles > CONF_FILES_MAX) {
		conf_err(l, at, "include: with %s there are more than %u files",
		    quoted, CONF_FILES_MAX);
	} else {
		list = mem_array(g.gl_pathc, sizeof(*list));
		for (i = 0; i < g.gl_pathc; i++)
			list[i] = mem_strdup(g.gl_pathv[i]);
		*n = g.gl_pathc;
	}
	globfree(&g);
	mem_free(&full);
	return list;
}

void
source_list_free(char **list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		mem_free(&list[i]);
	mem_free(&list);
}
