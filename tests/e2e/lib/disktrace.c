/* SPDX-License-Identifier: ISC
 * disktrace: preloaded into a daemon it notes in the file DISKTRACE each change
 * of what lies below the directory DISKTRACE_ROOT, in the order in which the
 * calls returned; powercut.py compiles it and reads the notes. A note is a line
 * "kind inode offset length durable path [path]" and, of a write, its octets.
 * Nothing is really synced: a sync is over at once, so that no write of
 * another thread can fall into it and be taken for synced.
 *
 * The functions below, and those of disk_calls.c, win over the C library's for
 * LMDB, too. What does not pass through them (maps that are written) is not
 * seen, and powercut.py finds out by comparing the directory with the notes. Of
 * a stream the file's whole content is noted when it is synced. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/disk_calls.h"

#define PATHS	 (2 * PATH_MAX)
#define FDS	 4096
#define CONTENTS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool stream[FDS]; /* the C library writes there on its own */

static bool
below(const char *path)
{
	const char *root = getenv("DISKTRACE_ROOT");
	size_t len = root != NULL ? strlen(root) : 0;

	return len > 0 && strncmp(path, root, len) == 0 &&
	    (path[len] == '\0' || path[len] == '/');
}

/* The path of an open file or directory, "" when it is not below. */
static bool
path_of(int fd, char path[PATHS])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATHS - 1);
	path[n > 0 ? n : 0] = '\0';
	return below(path);
}

static bool
path_at(int at, const char *name, char path[PATHS])
{
	char dir[PATHS];

	if (*name == '/')
		return snprintf(path, PATHS, "%s", name) < PATHS && below(path);
	if (at == AT_FDCWD) {
		if (getcwd(dir, sizeof(dir)) == NULL)
			return false;
	} else
		(void)path_of(at, dir);
	return snprintf(path, PATHS, "%s/%s", dir, name) < PATHS && below(path);
}

/* Opened for each note: a daemon counts its descriptors and closes those that
 * it does not know. */
static void
note(char kind, const struct stat *st, off_t off, size_t len, bool durable,
    const char *paths, const void *data)
{
	char head[2 * PATHS + 128];
	struct iovec iov[2] = { { .iov_base = head } };
	long fd = syscall(SYS_openat, AT_FDCWD, getenv("DISKTRACE"),
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	iov[0].iov_len =
	    (size_t)snprintf(head, sizeof(head), "%c %lu %lld %zu %d %s\n",
		kind, st != NULL ? (unsigned long)st->st_ino : 0,
		(long long)off, len, durable, paths);
	memcpy(&iov[1].iov_base, &data, sizeof(data));
	iov[1].iov_len = data != NULL ? len : 0;
	if (fd < 0 ||
	    syscall(SYS_writev, fd, iov, 2) !=
		(long)(iov[0].iov_len + iov[1].iov_len))
		abort();
	syscall(SYS_close, fd);
}

/* Of an open file. */
static void
note_fd(char kind, int fd, off_t off, size_t len, const void *data)
{
	char path[PATHS];
	struct stat st;

	if (path_of(fd, path) && fstat(fd, &st) == 0)
		note(kind, &st, off, len, (fcntl(fd, F_GETFL) & O_DSYNC) != 0,
		    path, data);
}

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- files */

int
disk_open(int at, const char *name, int flags, mode_t mode)
{
	char path[PATHS];
	struct stat st;
	bool there;
	int fd;

	if ((flags & (O_CREAT | O_TRUNC)) == 0 || !path_at(at, name, path))
		return (int)syscall(SYS_openat, at, name, flags, mode);
	pthread_mutex_lock(&lock);
	there = fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = (int)syscall(SYS_openat, at, name, flags, mode);
	if (fd >= 0 && fstat(fd, &st) == 0 && (!there || flags & O_TRUNC))
		note(there ? 'T' : 'C', &st, 0, 0, false, path, NULL);
	pthread_mutex_unlock(&lock);
	return fd;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t off)
{
	ssize_t n;

	pthread_mutex_lock(&lock);
	n = syscall(SYS_pwrite64, fd, data, len, off);
	if (n > 0)
		note_fd('W', fd, off, (size_t)n, data);
	pthread_mutex_unlock(&lock);
	return n;
}

/* A socket or a pipe may block, and nothing waits for it with the lock. */
ssize_t
write(int fd, const void *data, size_t len)
{
	off_t at;
	ssize_t n;

	if (!is_file(fd))
		return syscall(SYS_write, fd, data, len);
	pthread_mutex_lock(&lock);
	n = syscall(SYS_write, fd, data, len);
	at = lseek(fd, 0, SEEK_CUR); /* O_APPEND: only now */
	if (n > 0)
		note_fd('W', fd, at - n, (size_t)n, data);
	pthread_mutex_unlock(&lock);
	return n;
}

int
ftruncate(int fd, off_t size)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		note_fd('T', fd, size, 0, NULL);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* A hole, or room ahead, which makes the file longer. */
int
fallocate(int fd, int mode, off_t off, off_t len)
{
	struct stat st;
	int rc;

	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (rc == 0 && (mode & FALLOC_FL_PUNCH_HOLE) != 0)
		note_fd('P', fd, off, (size_t)len, NULL);
	else if (rc == 0 && fstat(fd, &st) == 0)
		note_fd('T', fd, st.st_size, 0, NULL);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
posix_fallocate(int fd, off_t off, off_t len)
{
	return ftruncate(fd, off + len) == 0 ? 0 : errno;
}

FILE *
fdopen(int fd, const char *mode)
{
	FILE *(*real)(int, const char *);
	void *found = dlsym(RTLD_NEXT, "fdopen");

	memcpy(&real, &found, sizeof(real));
	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < FDS)
		stream[fd] = true;
	pthread_mutex_unlock(&lock);
	return real(fd, mode);
}

static void
note_contents(int fd)
{
	char path[PATHS], link[64], *data;
	ssize_t n = -1;
	long again;

	if (!path_of(fd, path))
		return;
	/* it may be open for writing only */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
	if ((data = malloc(CONTENTS)) != NULL && again >= 0)
		n = pread((int)again, data, CONTENTS, 0);
	if (n < 0 || n == CONTENTS)
		abort();
	note_fd('W', fd, 0, (size_t)n, data);
	free(data);
	syscall(SYS_close, again);
}

int
disk_sync(int fd)
{
	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < FDS && stream[fd]) {
		note_contents(fd);
		stream[fd] = false;
	}
	note_fd('S', fd, 0, 0, NULL);
	pthread_mutex_unlock(&lock);
	return 0;
}

/* ---- names */

int
mkdirat(int at, const char *name, mode_t mode)
{
	char path[PATHS];
	struct stat st;
	int rc;

	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_mkdirat, at, name, mode);
	if (rc == 0 && path_at(at, name, path) &&
	    fstatat(at, name, &st, 0) == 0)
		note('D', &st, 0, 0, false, path, NULL);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
unlinkat(int at, const char *name, int flags)
{
	char path[PATHS];
	int rc;

	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_unlinkat, at, name, flags);
	if (rc == 0 && path_at(at, name, path))
		note('U', NULL, 0, 0, false, path, NULL);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
renameat(int at, const char *name, int to_at, const char *to)
{
	char from[PATHS], path[PATHS], both[2 * PATHS];
	int rc;

	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_renameat2, at, name, to_at, to, 0);
	if (rc == 0 && path_at(at, name, from) && path_at(to_at, to, path)) {
		snprintf(both, sizeof(both), "%s %s", from, path);
		note('R', NULL, 0, 0, false, both, NULL);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
