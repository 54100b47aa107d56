/* SPDX-License-Identifier: ISC
 * disk_calls: see disk_calls.h. They win over the C library's for shared
 * libraries, too, LMDB among them. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "tests/fault/disk_calls.h"

int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return disk_open(AT_FDCWD, path, flags, mode);
}

int
openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return disk_open(at, path, flags, mode);
}

/* One write a piece; `off` -1: where the file stands. */
static ssize_t
in_pieces(int fd, const struct iovec *iov, int count, off_t off)
{
	ssize_t n, all = 0;
	int i;

	for (i = 0; i < count; i++) {
		n = off < 0 ?
		    write(fd, iov[i].iov_base, iov[i].iov_len) :
		    pwrite(fd, iov[i].iov_base, iov[i].iov_len, off + all);
		if (n < 0)
			return all > 0 ? all : -1;
		all += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return all;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t off)
{
	return in_pieces(fd, iov, count, off);
}

/* What is no file takes all of it at once, or a packet is two. */
ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return syscall(SYS_writev, fd, iov, count);
	return in_pieces(fd, iov, count, -1);
}

int
fsync(int fd)
{
	return disk_sync(fd);
}

int
fdatasync(int fd)
{
	return disk_sync(fd);
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
