/* SPDX-License-Identifier: ISC
 * fuzz_log: a folder with up to four files of the log, read by a start. It ends
 * with the messages that the log says, or says which file is damaged; and
 *
 *	- hands over each record once, in sequence, and in the order of the
 *	  files;
 *	- brings back nothing that was removed (log_model.h);
 *	- passes over no record that vouches for one that it does not have,
 *	  and cuts off none that is not void when it is refused;
 *	- comes to the same when it is tried again on what it has left of the
 *	  files, for it may have been killed before its transaction ended;
 *	- has nothing left to do when it comes again after that.
 *
 * The corpus was made by log_corpus from what a store had written; log_input.h
 * has the form of an input. */
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/redo.h"
#include "relay/store/replay.h"
#include "tests/fuzz/journal_mend.h"
#include "tests/fuzz/log_input.h"
#include "tests/fuzz/log_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int __real_redo_record(struct redo *, const struct journal_record *, uint64_t,
    uint64_t);
int __wrap_redo_record(struct redo *, const struct journal_record *, uint64_t,
    uint64_t);

struct log_file {
	uint64_t number;
	uint8_t *data;
	size_t len;
	uint64_t from; /* where what was not handed over begins */
};

struct log_input {
	uint8_t *bytes;
	struct log_file file[LOG_FILES];
	unsigned n;
	struct journal_pos applied;
};

struct start { /* what came of it */
	int rc;
	struct mx_errbuf eb;
	struct journal_pos at; /* of the last record that was handed over */
	struct journal_pos applied;
	unsigned records;
	bool refused; /* by the database: a record makes no sense to it */
};

static struct db *db;
static char dir[64], db_dir[96], seg_dir[96];
static int seg_fd = -1;
static struct log_input in;
static struct log_model model;
static struct start now;

/* ---- the folder */

static void
file_name(char name[24], uint64_t number)
{
	snprintf(name, 24, "%016" PRIx64, number);
}

static void
files_remove(void)
{
	char name[24];

	for (unsigned i = 0; i < in.n; i++) {
		file_name(name, in.file[i].number);
		(void)unlinkat(seg_fd, name, 0);
	}
	in.n = 0;
}

static void
all_remove(void)
{
	char path[128];

	files_remove();
	db_close(&db);
	snprintf(path, sizeof(path), "%s/data.mdb", db_dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", db_dir);
	(void)unlink(path);
	(void)rmdir(db_dir);
	(void)rmdir(seg_dir);
	(void)rmdir(dir);
}

static void
make_all(void)
{
	struct mx_errbuf eb;

	log_level_set(LOG_LEVEL_ERROR);
	snprintf(dir, sizeof(dir), "%s/fuzz_log.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MX_ASSERT(mkdtemp(dir) != NULL);
	snprintf(db_dir, sizeof(db_dir), "%s/db", dir);
	snprintf(seg_dir, sizeof(seg_dir), "%s/seg", dir);
	MX_ASSERT(mkdir(db_dir, 0700) == 0 && mkdir(seg_dir, 0700) == 0);
	seg_fd = open(seg_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MX_ASSERT(seg_fd >= 0);
	MX_ASSERT(db_open(&db, db_dir, 16u << 20, &eb) == 0);
	(void)atexit(all_remove);
}

static void
files_write(void)
{
	const struct log_file *f;
	char name[24];
	int fd;

	for (unsigned i = 0; i < in.n; i++) {
		f = &in.file[i];
		file_name(name, f->number);
		fd = openat(seg_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		MX_ASSERT(fd >= 0);
		MX_ASSERT(write(fd, f->data, f->len) == (ssize_t)f->len);
		close(fd);
	}
}

static uint64_t
file_bytes(const struct log_file *f)
{
	struct stat st;
	char name[24];

	file_name(name, f->number);
	MX_ASSERT(fstatat(seg_fd, name, &st, 0) == 0);
	return (uint64_t)st.st_size;
}

static uint64_t
files_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < in.n; i++)
		bytes += file_bytes(&in.file[i]);
	return bytes;
}

/* ---- the input */

/* The records from `at` on, which go on behind `seq`; the last one's. */
static uint64_t
count_records(struct log_file *f, size_t at, uint64_t seq)
{
	size_t n;

	for (; at < f->len; at += n) {
		n = mend_length(f->data + at, f->len - at, f->number);
		if (n == 0 || le_get(f->data + at, 8) != MEND_SALT)
			break;
		le_put(f->data + at + 8, ++seq, 8);
		mend_record_head(f->data + at);
	}
	return seq;
}

static void
count_file(struct log_file *f, unsigned flags, uint64_t *seq)
{
	size_t at = JOURNAL_HEAD;

	if (f->number < in.applied.segment || f->len < JOURNAL_HEAD)
		return;
	if (f->number == in.applied.segment && in.applied.offset > 0)
		at = (size_t)in.applied.offset;
	else if (flags & LOG_JOIN) {
		le_put(f->data + 16, *seq + 1, 8);
		mend_head(f->data, f->number);
	} else
		*seq = le_get(f->data + 16, 8) - 1;
	if (flags & LOG_COUNT)
		*seq = count_records(f, at, *seq);
}

static void
input_file(struct log_file *f, uint64_t number, uint8_t **p, size_t *left)
{
	uint64_t len = le_get(*p + 1, 4);

	*p += LOG_INPUT_FILE;
	*left -= LOG_INPUT_FILE;
	*f = (struct log_file){ .number = number, .data = *p };
	f->len = len < *left ? (size_t)len : *left;
	*p += f->len;
	*left -= f->len;
}

static void
input_read(const uint8_t *data, size_t len)
{
	uint8_t *p = in.bytes = mem_dup(data, len);
	uint64_t number = JOURNAL_FIRST, seq;
	unsigned flags = p[0], n = 1 + p[1] % LOG_FILES;

	in.applied = (struct journal_pos){ le_get(p + 7, 4),
		JOURNAL_FIRST + p[2], le_get(p + 3, 4) };
	p += LOG_INPUT;
	len -= LOG_INPUT;
	for (in.n = 0; in.n < n && len >= LOG_INPUT_FILE; in.n++) {
		number += *p;
		if ((flags & LOG_LAST) != 0 && in.n + 1 == n)
			number = UINT64_MAX;
		input_file(&in.file[in.n], number++, &p, &len);
	}
	seq = in.applied.seq;
	for (unsigned i = 0; i < in.n; i++) {
		if (flags & LOG_MEND)
			journal_mend(in.file[i].data, in.file[i].len,
			    in.file[i].number);
		count_file(&in.file[i], flags, &seq);
	}
}

/* What the database knows already: what stands before its place in the log. */
static void
model_begin(void)
{
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	struct journal_file f = { .salt = MEND_SALT };
	struct journal_record r;
	uint64_t at = JOURNAL_HEAD;
	char name[24];

	model_init(&model);
	f.number = in.applied.segment;
	file_name(name, f.number);
	f.fd = openat(seg_fd, name, O_RDONLY);
	for (unsigned i = 0; i < in.n; i++)
		f.size =
		    in.file[i].number == f.number ? in.file[i].len : f.size;
	while (f.fd >= 0 && at < in.applied.offset &&
	    journal_read(&f, at, &r, &buf) == 0) {
		model_record(&model, &r);
		at += journal_size(&r, f.number);
	}
	if (f.fd >= 0)
		close(f.fd);
	buf_fini(&buf);
}

/* ---- the plain meaning of the files */

/* Behind the last number there is none, so a file of that name is not ours. */
static bool
is_read(const struct log_file *f)
{
	return f->number >= in.applied.segment && f->number != UINT64_MAX;
}

static bool
begins(const struct log_file *f, uint64_t *first)
{
	const uint8_t *p = f->data;

	if (f->len < JOURNAL_HEAD || memcmp(p, "mxwlog 1", 8) != 0 ||
	    le_get(p + 8, 8) != f->number ||
	    le_get(p + JOURNAL_HEAD - 4, 4) != crc32_z(0, p, JOURNAL_HEAD - 4))
		return false;
	*first = le_get(p + 16, 8);
	return true;
}

/* From which record on do files behind this one say it anew? */
static uint64_t
void_from(unsigned i)
{
	uint64_t first, least = UINT64_MAX;

	while (++i < in.n)
		if (is_read(&in.file[i]) && begins(&in.file[i], &first) &&
		    first < least)
			least = first;
	return least;
}

/* ---- a start */

int
__wrap_redo_record(struct redo *a, const struct journal_record *r,
    uint64_t segment, uint64_t end)
{
	bool goes_on = segment == now.at.segment && now.at.offset > 0;
	uint64_t begin = goes_on ? now.at.offset : JOURNAL_HEAD;
	int rc;

	MX_ASSERT(r->seq == now.at.seq + 1);
	MX_ASSERT(segment >= now.at.segment);
	MX_ASSERT(end == begin + journal_size(r, segment));
	rc = __real_redo_record(a, r, segment, end);
	now.refused = rc < 0;
	if (rc < 0)
		return rc;
	model_record(&model, r);
	now.at = (struct journal_pos){ r->seq, segment, end };
	now.records++;
	for (unsigned i = 0; i < in.n; i++)
		if (in.file[i].number == segment) {
			in.file[i].from = end;
			/* nor would anything void what the database has */
			MX_ASSERT(r->seq < void_from(i) ||
			    void_from(i) <= in.applied.seq);
		}
	return 0;
}

static void
start_it(struct journal_pos applied)
{
	struct spool sp = { .path = dir,
		.fd = -1,
		.lock = -1,
		.seg = { .fd = seg_fd },
		.db = db,
		.salt = MEND_SALT,
		.applied = applied };

	now = (struct start){ .at = applied };
	for (unsigned i = 0; i < in.n; i++)
		in.file[i].from =
		    in.file[i].number == applied.segment ? applied.offset : 0;
	now.rc = replay(&sp, &now.eb);
	now.applied = sp.applied;
}

/* On what is there of the files, with the database as it was. */
static void
start_anew(void)
{
	model_begin();
	model_fill(&model, db, &in.applied);
	start_it(in.applied);
	if (now.rc == 0)
		model_compare(&model, db);
	else {
		MX_ASSERT(now.rc == -MX_ECORRUPT);
		MX_ASSERT(strstr(now.eb.text, "mxwatch-salvage") != NULL);
		MX_ASSERT(now.refused || strstr(now.eb.text, "/seg/") != NULL);
	}
	model_fini(&model);
}

static void
start_again(void)
{
	struct journal_pos at, last = now.applied;
	uint64_t bytes = files_bytes();
	struct db_txn *t;

	MX_ASSERT(db_begin(db, false, &t) == 0);
	MX_ASSERT(db_applied_get(t, &at) == 0);
	db_abort(&t);
	MX_ASSERT(at.seq == last.seq && at.segment == last.segment);
	start_it(at);
	MX_ASSERT(now.rc == 0 && now.records == 0);
	MX_ASSERT(now.applied.segment == last.segment);
	MX_ASSERT(files_bytes() == bytes);
}

/* ---- what it may not pass over */

static bool
holds(const struct log_file *f, size_t at)
{
	const uint8_t *p = f->data + at;

	uint64_t seq = le_get(p + 8, 8);

	return le_get(p, 8) == MEND_SALT && seq != 0 && seq != UINT64_MAX &&
	    le_get(p + 64, 4) == crc32_z(0, p, 64) && p[62] >= JOURNAL_COMMIT &&
	    p[62] <= JOURNAL_NOTHING && le_get(p + 52, 4) <= JOURNAL_REST_MAX &&
	    le_get(p + 60, 2) <= ENVELOPE_PART_MAX &&
	    (le_get(p + 32, 8) != f->number ||
		le_get(p + 40, 8) <= JOURNAL_BODY_MAX);
}

/* That more had been synced; what is void may have been. */
static void
file_is_no_proof(const struct log_file *f, bool voided)
{
	uint64_t first;

	if (f->number == in.applied.segment && in.applied.offset > 0)
		MX_ASSERT(voided || in.applied.offset <= f->len);
	else if (begins(f, &first))
		MX_ASSERT(voided || first <= now.at.seq + 1);
}

/* Of all that was not handed over nothing says that more had been synced: no
 * record, and no file that was begun behind it. */
static void
nothing_is_vouched(void)
{
	const struct log_file *f;
	uint64_t seq, durable, last = now.at.seq;

	for (unsigned i = 0; i < in.n; i++) {
		f = &in.file[i];
		if (is_read(f))
			file_is_no_proof(f, void_from(i) <= last + 1);
		for (uint64_t at = f->from;
		     is_read(f) && at + JOURNAL_RECORD <= f->len; at++) {
			if (!holds(f, (size_t)at))
				continue;
			seq = le_get(f->data + at + 8, 8);
			durable = le_get(f->data + at + 16, 8);
			/* nothing vouches for itself */
			MX_ASSERT(seq <= last + 1 || durable <= last ||
			    seq >= void_from(i));
		}
	}
}

static void
nothing_is_cut(void)
{
	const struct log_file *f;
	uint64_t seq;

	for (unsigned i = 0; i < in.n; i++) {
		f = &in.file[i];
		for (uint64_t at = file_bytes(f); at + JOURNAL_RECORD <= f->len;
		     at++) {
			seq = le_get(f->data + at + 8, 8);
			MX_ASSERT(!holds(f, (size_t)at) || seq <= now.at.seq ||
			    seq >= void_from(i));
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct start first;

	if (len < LOG_INPUT || len > LOG_INPUT_BYTES)
		return 0;
	if (db == NULL)
		make_all();
	input_read(data, len);
	files_write();
	start_anew();
	first = now;
	if (first.rc == 0)
		nothing_is_vouched();
	else
		nothing_is_cut();
	start_anew();
	MX_ASSERT(now.rc == first.rc && now.records == first.records);
	MX_ASSERT(strcmp(now.eb.text, first.eb.text) == 0);
	MX_ASSERT(now.applied.seq == first.applied.seq);
	if (first.rc == 0)
		start_again();
	files_remove();
	mem_free(&in.bytes);
	return 0;
}
