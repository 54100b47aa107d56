/* SPDX-License-Identifier: ISC
 * file: see file.h. */
#include "base/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static int
fail(struct mx_errbuf *eb)
{
	return mx_fail(eb, errno == ENOENT ? MX_ENOENT : MX_ESYS, "%s",
	    strerror(errno));
}

ssize_t
file_fill(int fd, void *data, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size) {
		n = read(fd, (char *)data + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
file_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size > 0) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int
file_read(int fd, struct buf *out, struct mx_errbuf *eb)
{
	char chunk[8192];
	ssize_t n;

	do {
		n = file_fill(fd, chunk, sizeof(chunk));
		if (n < 0)
			return fail(eb);
		if (buf_add(out, chunk, (size_t)n) != 0)
			return mx_fail(eb, MX_ETOOBIG,
			    "it is larger than %zu bytes", out->max);
	} while (n == (ssize_t)sizeof(chunk));
	return 0;
}

/* Checks the permissions of an open secret. */
static int
check_secret(const struct stat *st, struct mx_errbuf *eb)
{
	if ((st->st_mode & S_IRWXO) != 0)
		return mx_fail(eb, MX_ESYS,
		    "it is accessible to users other than its owner and group; "
		    "make its mode 0600 or 0640");
	if ((st->st_mode & S_IRWXG) != 0 && st->st_gid != getegid())
		return mx_fail(eb, MX_ESYS,
		    "it is accessible to its group, which is not the daemon's; "
		    "change the group, or make its mode 0600");
	return 0;
}

int
file_open(const char *path, enum file_kind kind, struct mx_errbuf *eb)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
	struct stat st;

	if (fd < 0)
		return fail(eb);
	if (fstat(fd, &st) != 0)
		rc = fail(eb);
	else if (!S_ISREG(st.st_mode))
		rc = mx_fail(eb, MX_ESYS, "it is %s",
		    S_ISDIR(st.st_mode) ? "a directory" : "not a file");
	else
		rc = kind == FILE_SECRET ? check_secret(&st, eb) : 0;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int
load(const char *path, enum file_kind kind, struct buf *out,
    struct mx_errbuf *eb)
{
	int fd = file_open(path, kind, eb), rc;

	if (fd < 0)
		return fd;
	rc = file_read(fd, out, eb);
	close(fd);
	return rc;
}

int
file_load(const char *path, struct buf *out, struct mx_errbuf *eb)
{
	return load(path, FILE_PLAIN, out, eb);
}

int
file_load_secret(const char *path, struct buf *out, struct mx_errbuf *eb)
{
	return load(path, FILE_SECRET, out, eb);
}

char *
file_secret_line(const char *path, struct mx_errbuf *eb)
{
	char text[SECRET_MAX + 2], *line = NULL;
	int fd = file_open(path, FILE_SECRET, eb);
	ssize_t n;

	if (fd < 0)
		return NULL;
	if ((n = file_fill(fd, text, SECRET_MAX + 1)) < 0) {
		(void)fail(eb);
	} else {
		text[n] = '\0';
		text[strcspn(text, "\r\n")] = '\0';
		if (text[0] == '\0')
			(void)mx_fail(eb, MX_ESYNTAX,
			    "its first line is empty; write the secret there");
		else if (strlen(text) > SECRET_MAX)
			(void)mx_fail(eb, MX_ETOOBIG, "it is too long");
		else
			line = mem_strdup(text);
	}
	explicit_bzero(text, sizeof(text));
	close(fd);
	return line;
}

char *
file_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_strdup(".");
	return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A rename is durable once its folder is synced. */
int
file_sync_folder(const char *path)
{
	char *dir = file_folder(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (fd >= 0) {
		rc = fsync(fd);
		close(fd);
	}
	mem_free(&dir);
	return rc;
}

/* Consumes f. */
static int
finish(FILE *f, int rc)
{
	if (rc == 0 && (fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0))
		rc = -1;
	if (rc != 0) { /* errno of the first failure */
		rc = errno;
		(void)fclose(f);
		errno = rc;
		return -1;
	}
	return fclose(f) == 0 ? 0 : -1;
}

int
file_print(const char *path, mode_t mode, file_print_fn *print, const void *arg,
    struct mx_errbuf *eb)
{
	char *fresh = mem_printf("%s.new", path);
	int fd = -1, rc = -1, err;
	FILE *f = NULL;

	/* Left over from a crash, or a planted link: never follow it. */
	if (unlink(fresh) == 0 || errno == ENOENT)
		fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd >= 0 && (f = fdopen(fd, "w")) == NULL)
		close(fd);
	if (f != NULL)
		rc = finish(f, print(f, arg));
	if (rc == 0)
		rc = rename(fresh, path);
	if (rc == 0)
		rc = file_sync_folder(path);
	if (rc != 0) {
		err = errno;
		rc = mx_fail(eb, MX_ESYS, "%s", strerror(err));
		if (fd >= 0)
			(void)unlink(fresh);
		errno = err;
	}
	mem_free(&fresh);
	return rc;
}

struct content {
	const void *data;
	size_t len;
};

static int
print_content(FILE *f, const void *arg)
{
	const struct content *c = arg;

	return fwrite(c->data, 1, c->len, f) == c->len ? 0 : -1;
}

int
file_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct mx_errbuf *eb)
{
	struct content c = { data, len };

	return file_print(path, mode, print_content, &c, eb);
}
