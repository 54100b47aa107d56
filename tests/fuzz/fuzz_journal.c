/* SPDX-License-Identifier: ISC
 * fuzz_journal: a file of the log, read as the start reads it, searched for what
 * vouches for a torn record, and read by mxwatch-salvage. Checksums and the salt
 * would stop nearly all inputs, so each is tried as it is and with both made
 * right wherever a record may begin. What can be read at a place is also found
 * there, and nobody reads beyond the file or goes round in a ring. */
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/store/journal.h"
#include "relay/store/salvage_log.h"
#include "tests/fuzz/journal_mend.h"

#define INPUT  (256u << 10)
#define NUMBER (JOURNAL_FIRST + 1)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char dir[64], path[96];

static void
files_remove(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

static int
file_write(const uint8_t *data, size_t len)
{
	static int fd = -1;

	if (fd < 0) {
		snprintf(dir, sizeof(dir), "%s/fuzz_journal.XXXXXX",
		    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		MX_ASSERT(mkdtemp(dir) != NULL);
		snprintf(path, sizeof(path), "%s/%016" PRIx64, dir, NUMBER);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		MX_ASSERT(fd >= 0);
		(void)atexit(files_remove);
	}
	MX_ASSERT(ftruncate(fd, (off_t)len) == 0);
	MX_ASSERT(pwrite(fd, data, len, 0) == (ssize_t)len);
	return fd;
}

/* ---- what is read */

static void
look_into(const struct journal_record *r)
{
	const char *data, *value;
	size_t at = 0, len, n;
	struct envelope *e;

	MX_ASSERT(r->len <= JOURNAL_REST_MAX);
	for (unsigned i = 0; i < r->nparts && journal_part(r, &at, &data, &len);
	     i++) {
		MX_ASSERT(at <= r->len && data + len == r->rest + at);
		if (envelope_decode(data, len, &e) == 0)
			envelope_destroy(&e);
	}
	if (journal_state(r, &data, &n, &value, &len))
		MX_ASSERT(n > 0 && value + len == r->rest + r->len);
}

static void
read_through(const struct journal_file *f)
{
	struct journal_record r, same;
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	uint64_t offset = JOURNAL_HEAD, at, first;

	(void)!journal_head(f, &first);
	while (journal_read(f, offset, &r, &buf) == 0) {
		look_into(&r);
		MX_ASSERT(journal_find(f, offset, &same, &at) == 0);
		MX_ASSERT(at == offset && same.seq == r.seq);
		offset += journal_size(&r, f->number);
		MX_ASSERT(offset <= f->size);
	}
	buf_fini(&buf);
}

static void
find_all(const struct journal_file *f)
{
	struct journal_record r;
	uint64_t offset = 0, at;

	while (journal_find(f, offset, &r, &at) == 0) {
		MX_ASSERT(at >= offset && at + JOURNAL_RECORD <= f->size);
		offset = at + 1;
	}
}

static void
try_file(const uint8_t *data, size_t len)
{
	struct salvage_log log = { .salt = MEND_SALT };
	struct journal_file f = { .fd = file_write(data, len),
		.number = NUMBER,
		.size = len,
		.salt = MEND_SALT };
	int folder;

	read_through(&f);
	find_all(&f);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MX_ASSERT(folder >= 0);
	salvage_log_read(&log, folder, MEND_SALT, 0);
	salvage_log_free(&log);
	close(folder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *fixed;

	if (len > INPUT)
		return 0;
	try_file(data, len);
	if (len < JOURNAL_HEAD + JOURNAL_RECORD)
		return 0;
	fixed = malloc(len);
	if (fixed == NULL)
		return 0;
	memcpy(fixed, data, len);
	journal_mend(fixed, len, NUMBER);
	try_file(fixed, len);
	free(fixed);
	return 0;
}
