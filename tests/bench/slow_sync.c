/* SPDX-License-Identifier: ISC
 * slow_sync: a disk whose syncs take longer. An object for LD_PRELOAD: each
 * call that makes something durable takes SLOW_SYNC_US microseconds more, in
 * the thread that made it, so that calls of two threads overlap as they would
 * on a disk with a queue. A write to what was opened with O_DSYNC or O_SYNC is
 * such a call too: LMDB writes its root that way. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FILES 4096 /* descriptors that are told apart; more are not slow */

static long delay_us;
static atomic_bool durable[FILES];
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_msync)(void *, size_t, int);
static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);

/* ISO C has no conversion of an object pointer to one of a function. */
static void
find(void *function, const char *name)
{
	*(void **)function = dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void
slow_sync_begin(void)
{
	const char *us = getenv("SLOW_SYNC_US");

	delay_us = us != NULL ? strtol(us, NULL, 10) : 0;
	find(&real_fdatasync, "fdatasync");
	find(&real_fsync, "fsync");
	find(&real_msync, "msync");
	find(&real_open, "open");
	find(&real_openat, "openat");
	find(&real_write, "write");
	find(&real_pwrite, "pwrite64");
	find(&real_pwritev, "pwritev64");
}

static void
take_longer(void)
{
	struct timespec t = { .tv_sec = delay_us / 1000000,
		.tv_nsec = delay_us % 1000000 * 1000 };

	if (delay_us > 0)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static int
opened(int fd, int flags)
{
	if (fd >= 0 && fd < FILES)
		durable[fd] = (flags & (O_DSYNC | O_SYNC)) != 0;
	return fd;
}

static ssize_t
wrote(int fd, ssize_t n)
{
	if (n > 0 && fd >= 0 && fd < FILES && durable[fd])
		take_longer();
	return n;
}

int
fdatasync(int fd)
{
	int rc = real_fdatasync(fd);

	take_longer();
	return rc;
}

int
fsync(int fd)
{
	int rc = real_fsync(fd);

	take_longer();
	return rc;
}

int
msync(void *at, size_t len, int flags)
{
	int rc = real_msync(at, len, flags);

	if (flags & MS_SYNC)
		take_longer();
	return rc;
}

/* The mode is an argument only where a file may be made. */
#define MODE(after, flags, mode)                                               \
	do {                                                                   \
		va_list ap;                                                    \
		va_start(ap, after);                                           \
		if ((flags) & (O_CREAT | O_TMPFILE))                           \
			(mode) = va_arg(ap, mode_t);                           \
		va_end(ap);                                                    \
	} while (0)

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, flags, mode);
	return opened(real_open(path, flags, mode), flags);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, flags, mode);
	return opened(real_open(path, flags, mode), flags);
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, flags, mode);
	return opened(real_openat(dir, path, flags, mode), flags);
}

int
openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, flags, mode);
	return opened(real_openat(dir, path, flags, mode), flags);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return wrote(fd, real_write(fd, data, len));
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return wrote(fd, real_pwrite(fd, data, len, at));
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return wrote(fd, real_pwrite(fd, data, len, at));
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return wrote(fd, real_pwritev(fd, v, n, at));
}

ssize_t
pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return wrote(fd, real_pwritev(fd, v, n, at));
}
