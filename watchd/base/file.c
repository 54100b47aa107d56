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

int
file_load(const char *path, struct buf *out, struct mx_errbuf *eb)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	char chunk[8192];
	struct stat st;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) != 0)
		rc = fail(eb);
	else if (!S_ISREG(st.st_mode))
		rc = mx_fail(eb, MX_ESYS, "it is not a file");
	while (rc == 0 && n > 0) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			rc = fail(eb);
		else if (buf_add(out, chunk, (size_t)n) != 0)
			rc = mx_fail(eb, MX_ETOOBIG,
			    "it is larger than %zu bytes", out->max);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
write_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A rename is on the disk when its folder is. */
static int
sync_folder(const char *path)
{
	char *dir = mem_strdup(path), *slash = strrchr(dir, '/');
	int fd, rc = -1;

	if (slash != NULL)
		slash[slash == dir] = '\0';
	fd =
	    open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		rc = fsync(fd);
		close(fd);
	}
	mem_free(&dir);
	return rc;
}

int
file_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct mx_errbuf *eb)
{
	char *fresh = mem_printf("%s.new", path);
	int fd = -1, rc = -1, err;

	/* Left over from a crash, or somebody's link: not to be followed. */
	if (unlink(fresh) == 0 || errno == ENOENT)
		fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd >= 0) {
		rc = write_all(fd, data, len) == 0 ? fsync(fd) : -1;
		if (close(fd) != 0)
			rc = -1;
		if (rc == 0)
			rc = rename(fresh, path);
		if (rc == 0)
			rc = sync_folder(path);
	}
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
