/* SPDX-License-Identifier: ISC
 * segment: see segment.h. Writes go through pwritev() at an offset that we keep
 * ourselves, so a failed append only leaves a tail, which is cut off. Errors
 * are returned as codes and stay in errno. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "relay/store/journal.h"
#include "relay/store/segment.h"

#define SEGMENT_NAME  17
#define SEGMENT_IOV   512 /* below every known IOV_MAX */
#define SEGMENT_BLOCK 4096u
#define SEGMENT_STEP  (1u << 20) /* larger steps show no further gain */
#define SEGMENT_ZEROS 16384u /* per iovec */

/* Errors that pass by themselves (no descriptor left, which clients can cause;
 * no space) must not be taken for a broken disk: after an -MX_EIO no mail is
 * accepted until a restart. */
static int
segment_error(int error)
{
	errno = error;
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return -MX_EFULL;
	default:
		return -MX_EIO;
	}
}

static char *
segment_name(uint64_t number, char dst[SEGMENT_NAME])
{
	snprintf(dst, SEGMENT_NAME, "%016" PRIx64, number);
	return dst;
}

/* The last number of each kind is not used: the next one would not exist, or be
 * of the other kind. */
static bool
is_number(uint64_t number)
{
	return number != 0 && number != JOURNAL_FIRST - 1 &&
	    number != UINT64_MAX;
}

int
segment_create(struct segment_dir *dir, bool log, struct segment *s)
{
	uint64_t *next = log ? &dir->next_log : &dir->next;
	char name[SEGMENT_NAME];

	if (!is_number(*next))
		return segment_error(EOVERFLOW);
	s->fd = openat(dir->fd, segment_name(*next, name),
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return segment_error(errno);
	s->number = (*next)++;
	s->size = s->ahead = s->begun = 0;
	dir->dirty = true;
	return 0;
}

void
segment_close(struct segment *s)
{
	if (s->number != 0)
		close(s->fd);
	*s = (struct segment){ .fd = -1 };
}

void
segment_truncate(struct segment *s, uint64_t size)
{
	if (s->number == 0)
		return;
	if (ftruncate(s->fd, (off_t)size) == 0)
		s->size = s->ahead = size;
	else
		segment_close(s); /* its tail is garbage, unreferenced */
}

void
segment_write_ahead(struct segment *s, uint64_t bytes)
{
	static char zeros[SEGMENT_ZEROS];
	struct iovec iov[SEGMENT_IOV];
	uint64_t end = s->size + bytes;
	int n;

	s->ahead = s->ahead > s->size ? s->ahead : s->size;
	while (s->number != 0 && s->ahead < end) {
		uint64_t left = end - s->ahead;
		ssize_t done;

		for (n = 0; n < SEGMENT_IOV && left > 0; n++) {
			iov[n].iov_base = zeros;
			iov[n].iov_len =
			    left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
			left -= iov[n].iov_len;
		}
		done = pwritev(s->fd, iov, n, (off_t)s->ahead);
		if (done <= 0)
			return;
		s->ahead += (uint64_t)done;
	}
}

void
segment_trim(struct segment *s)
{
	if (s->ahead > s->size)
		segment_truncate(s, s->size);
}

int
segment_append(struct segment *s, struct iovec *iov, size_t n)
{
	uint64_t start = s->size;
	ssize_t done;
	size_t left;
	int error;

	while (n > 0) {
		if ((error = FAULT("store.append")) != 0)
			goto failed;
		done = pwritev(s->fd, iov,
		    (int)(n < SEGMENT_IOV ? n : SEGMENT_IOV), (off_t)s->size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			error = done == 0 ? ENOSPC : errno;
			goto failed;
		}
		s->size += (uint64_t)done;
		for (left = (size_t)done; n > 0 && left >= iov->iov_len; n--)
			left -= iov++->iov_len;
		if (left > 0) {
			iov->iov_base = (char *)iov->iov_base + left;
			iov->iov_len -= left;
		}
	}
	return 0;
failed:
	segment_truncate(s, start);
	return segment_error(error);
}

void
segment_begin_sync(struct segment *s)
{
	if (s->size < s->begun + SEGMENT_STEP)
		return;
	(void)sync_file_range(s->fd, (off_t)s->begun,
	    (off_t)(s->size - s->begun), SYNC_FILE_RANGE_WRITE);
	s->begun = s->size;
}

int
segment_sync(struct segment_dir *dir, struct segment *s)
{
	int error = FAULT("store.sync");

	if (error == 0 && fdatasync(s->fd) != 0)
		error = errno;
	if (error == 0 && dir->dirty && fsync(dir->fd) != 0)
		error = errno;
	if (error != 0)
		return segment_error(error);
	dir->dirty = false;
	return 0;
}

int
segment_unlink(struct segment_dir *dir, uint64_t number)
{
	char name[SEGMENT_NAME];
	int error = FAULT("store.unlink");

	if (error == 0 &&
	    unlinkat(dir->fd, segment_name(number, name), 0) != 0 &&
	    errno != ENOENT)
		error = errno;
	return error == 0 ? 0 : segment_error(error);
}

int
segment_open_write(const struct segment_dir *dir, uint64_t number)
{
	char name[SEGMENT_NAME];

	return openat(dir->fd, segment_name(number, name),
	    O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

uint64_t
segment_size(const struct segment_dir *dir, uint64_t number)
{
	char name[SEGMENT_NAME];
	struct stat st;

	if (fstatat(dir->fd, segment_name(number, name), &st,
		AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

static int
extent_cmp(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void
segment_punch(struct segment_dir *dir, uint64_t number, uint64_t size,
    struct extent *live, size_t n)
{
	uint64_t at = 0, from, to;
	size_t i;
	int fd;

	if ((fd = segment_open_write(dir, number)) < 0)
		return;
	if (n > 0)
		qsort(live, n, sizeof(*live), extent_cmp);
	for (i = 0; i <= n; i++) {
		/* whole blocks only: a part of one would be written, not
		 * freed */
		from = (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
		to = i < n ? live[i].offset : size;
		to -= to % SEGMENT_BLOCK;
		if (to > from &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)from, (off_t)(to - from)) != 0)
			break; /* not supported by every file system */
		if (i < n && live[i].offset + live[i].len > at)
			at = live[i].offset + live[i].len;
	}
	close(fd);
}

int
segment_open_read(const struct segment_dir *dir, uint64_t number)
{
	char name[SEGMENT_NAME];

	return openat(dir->fd, segment_name(number, name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int
segment_each(struct segment_dir *dir,
    void (*one)(void *arg, uint64_t number, uint64_t size), void *arg)
{
	char name[SEGMENT_NAME];
	struct dirent *e;
	struct stat st;
	uint64_t number;
	DIR *d;
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || (d = fdopendir(fd)) == NULL) {
		if (fd >= 0)
			close(fd);
		return -MX_EIO;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		number = strtoull(e->d_name, NULL, 16);
		if (!is_number(number) ||
		    strcmp(segment_name(number, name), e->d_name) != 0) {
			log_warn("store", "event=foreign_file name=%s",
			    log_q(e->d_name));
			continue;
		}
		if (fstatat(dir->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			one(arg, number, (uint64_t)st.st_size);
	}
	closedir(d);
	return 0;
}
