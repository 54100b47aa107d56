/* SPDX-License-Identifier: ISC
 * download: see download.h. */
#include "fetch/download.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define BLOCK	     65536
#define TAG_FILE_MAX (TAG_COUNT * (DOWNLOAD_TAG_MAX + 1u))

struct tags {
	char text[TAG_COUNT][DOWNLOAD_TAG_MAX]; /* "": not given */
};

struct download {
	char *path, *new_path, *tag_path;
	uint64_t max, len;
	int fd; /* of new_path; -1: nothing received yet */
	struct tags had, has;
	int64_t had_ms; /* wall: last confirmation; 0: never */
};

/* Keeps only what is valid in a header line. */
static void
set_tag(char *dst, const char *s, size_t len)
{
	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len > 0 &&
	    (s[len - 1] == ' ' || s[len - 1] == '\t' || s[len - 1] == '\r' ||
		s[len - 1] == '\n'))
		len--;
	dst[0] = '\0';
	if (len >= DOWNLOAD_TAG_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return;
	memcpy(dst, s, len);
	dst[len] = '\0';
}

/* Reads PATH.tag. Invalid lines are ignored: then everything is fetched
 * again. */
static void
tags_load(struct download *d)
{
	struct buf text = BUF_INIT(TAG_FILE_MAX);
	const char *line, *end;
	struct stat st;
	unsigned i = 0;

	if (access(d->path, R_OK) != 0 || stat(d->tag_path, &st) != 0)
		return;
	d->had_ms =
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (file_load(d->tag_path, &text, NULL) == 0)
		for (line = buf_str(&text);
		     i < TAG_COUNT && (end = strchr(line, '\n')) != NULL;
		     line = end + 1)
			set_tag(d->had.text[i++], line, (size_t)(end - line));
	buf_fini(&text);
}

static bool
tags_equal(const struct tags *a, const struct tags *b)
{
	for (unsigned i = 0; i < TAG_COUNT; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	return true;
}

static void
tags_store(struct download *d)
{
	char text[TAG_FILE_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s\n%s\n", d->has.text[TAG_ETAG],
	    d->has.text[TAG_MODIFIED]);

	MX_ASSERT(n >= 2 && (size_t)n < sizeof(text));
	if (d->had_ms != 0 && tags_equal(&d->has, &d->had)) {
		download_confirmed(d);
		return;
	}
	/* Written after the file: an old tag only costs a transfer, a new one
	 * with an old file would keep that for good. */
	if (file_replace(d->tag_path, 0600, text, (size_t)n, NULL) < 0)
		(void)unlink(d->tag_path);
}

void
download_confirmed(struct download *d)
{
	(void)utimensat(AT_FDCWD, d->tag_path, NULL, 0);
}

int64_t
download_had_ms(const struct download *d)
{
	return d->had_ms;
}

static void
make_folder(const char *path)
{
	char *folder = mem_strdup(path), *slash = strrchr(folder, '/');

	MX_ASSERT(slash != NULL);
	*slash = '\0';
	/* opening a file in it reports the failure */
	(void)mkdir(folder, 0700);
	mem_free(&folder);
}

struct download *
download_begin(const char *path, uint64_t max)
{
	struct download *d = mem_alloc(sizeof(*d));

	d->path = mem_strdup(path);
	d->new_path = mem_printf("%s.new", path);
	d->tag_path = mem_printf("%s.tag", path);
	d->max = max;
	d->fd = -1;
	make_folder(path);
	tags_load(d);
	return d;
}

void
download_drop(struct download **dp)
{
	struct download *d = *dp;

	if (d == NULL)
		return;
	if (d->fd >= 0) {
		close(d->fd);
		(void)unlink(d->new_path);
	}
	mem_free(&d->path);
	mem_free(&d->new_path);
	mem_free(&d->tag_path);
	mem_free(dp);
}

void
download_say_too_large(const struct download *d, char *said, size_t size)
{
	snprintf(said, size, "it is larger than %" PRIu64 " bytes (size_max)",
	    d->max);
}

bool
download_add(struct download *d, const void *data, size_t len, char *said,
    size_t size)
{
	const char *p = data;
	ssize_t n;

	if (len > d->max - d->len) {
		download_say_too_large(d, said, size);
		return false;
	}
	if (d->fd < 0)
		d->fd = open(d->new_path,
		    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (d->fd >= 0 && len > 0) {
		n = write(d->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		p += n;
		len -= (size_t)n;
		d->len += (uint64_t)n;
	}
	if (len == 0)
		return true;
	snprintf(said, size, "%s: %s", d->new_path, strerror(errno));
	return false;
}

/* Does the file equal the response? */
static bool
is_same(const struct download *d)
{
	static _Thread_local char a[BLOCK], b[BLOCK];
	int fd = file_open(d->path, FILE_PLAIN, NULL);
	struct stat st;
	bool same = false;
	ssize_t n, m;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == d->len &&
	    lseek(d->fd, 0, SEEK_SET) == 0)
		do {
			n = file_fill(d->fd, a, sizeof(a));
			m = file_fill(fd, b, sizeof(b));
			same = n >= 0 && n == m && memcmp(a, b, (size_t)n) == 0;
		} while (same && n > 0);
	close(fd);
	return same;
}

static bool
replace(struct download *d, struct send_result *r)
{
	bool ok = fsync(d->fd) == 0 && rename(d->new_path, d->path) == 0;

	if (!ok) {
		snprintf(r->text, sizeof(r->text), "%s: %s", d->path,
		    strerror(errno));
		return false;
	}
	close(d->fd);
	d->fd = -1;
	/* An unsynced folder costs a transfer at most. */
	(void)file_sync_folder(d->path);
	return true;
}

void
download_result(struct download **dp, struct send_result *r)
{
	struct download *d = *dp;

	r->result = CARRY_RETRY;
	if (d->len == 0) {
		(void)strlcpy(r->text, "it is empty", sizeof(r->text));
	} else if (is_same(d)) {
		r->result = CARRY_SENT;
		r->unchanged = true;
	} else if (replace(d, r)) {
		r->result = CARRY_SENT;
	}
	if (r->result == CARRY_SENT)
		tags_store(d);
	download_drop(dp);
}

void
download_tag(struct download *d, enum download_tag tag, const char *value,
    size_t len)
{
	set_tag(d->has.text[tag], value, len);
}

void
download_tag_clear(struct download *d)
{
	memset(&d->has, 0, sizeof(d->has));
}

const char *
download_had(const struct download *d, enum download_tag tag)
{
	return d->had.text[tag][0] != '\0' ? d->had.text[tag] : NULL;
}

bool
download_is_conditional(const struct download *d)
{
	return download_had(d, TAG_ETAG) != NULL ||
	    download_had(d, TAG_MODIFIED) != NULL;
}
