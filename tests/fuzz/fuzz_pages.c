/* SPDX-License-Identifier: ISC
 * fuzz_pages: the file of the database against both who read its pages without
 * LMDB: salvage_pages, for which damage is no reason to stop, and db_pages,
 * which says whether LMDB may write there. Neither may read outside of the file
 * or of a page, go round in a ring, or hand out more than there is.
 *
 * The corpus are databases that pages_corpus has made, and what was found. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/envelope.h"
#include "relay/store/db_format.h"
#include "relay/store/db_pages.h"
#include "relay/store/salvage_pages.h"

#define PAGE	 4096u
#define INPUT	 (256u << 10)
#define META_TXN (PAGE_HEAD + 24u + 2 * TABLE_BYTES + 8u)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char path[64];

static void
file_remove(void)
{
	(void)unlink(path);
}

/* Of this input, in whole pages: LMDB has it mapped. */
static int
file_write(const uint8_t *data, size_t len)
{
	static int fd = -1;

	if (fd < 0) {
		snprintf(path, sizeof(path), "%s/fuzz_pages.XXXXXX",
		    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		fd = mkstemp(path);
		MX_ASSERT(fd >= 0);
		(void)atexit(file_remove);
	}
	MX_ASSERT(ftruncate(fd, (off_t)len) == 0);
	MX_ASSERT(pwrite(fd, data, len, 0) == (ssize_t)len);
	MX_ASSERT(ftruncate(fd, (off_t)((len + PAGE - 1) / PAGE * PAGE)) == 0);
	return fd;
}

/* As mxwatch-salvage takes them: by their checksum. */
static bool
on_value(void *arg, uint64_t key, const void *data, size_t len, bool sure)
{
	size_t *left = arg;
	struct envelope *e;

	(void)key;
	(void)sure;
	MX_ASSERT(*left > 0); /* or somebody goes round in a ring */
	--*left;
	if (envelope_decode(data, len, &e) < 0)
		return false;
	envelope_destroy(&e);
	return true;
}

static void
try_salvage(size_t len)
{
	size_t left = 2 * len + PAGE;
	struct mx_errbuf eb;
	struct pages *p;

	MX_ASSERT(pages_open(&p, path, &eb) == 0);
	pages_each(p, "env", on_value, &left);
	pages_close(&p);
}

static void
try_write(int fd, const uint8_t *data, size_t len, unsigned meta)
{
	uint64_t pages = len / PAGE, key;
	uint64_t txn = get64(data + meta * PAGE + META_TXN) + 1;
	struct db_pages *p = db_pages_create(fd, pages * PAGE, PAGE);

	MX_ASSERT(p != NULL);
	for (unsigned turn = 0; turn < 2; turn++) {
		if (!db_pages_begin(p, txn, pages - 1))
			break;
		for (unsigned i = 0; i < 8; i++) {
			key = i * UINT64_C(0x2000000000000001);
			for (unsigned t = 0; t < DB_TABLES; t++)
				(void)db_pages_sound(p, t, &key, sizeof(key));
		}
	}
	db_pages_destroy(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd;

	if (len > INPUT)
		return 0;
	fd = file_write(data, len);
	try_salvage(len);
	for (unsigned meta = 0; meta < 2 && len >= 2 * PAGE; meta++)
		try_write(fd, data, len, meta);
	return 0;
}
