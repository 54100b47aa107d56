/* SPDX-License-Identifier: ISC
 * spool: opens, checks and sweeps the directory of the store, at the start,
 * before there are other threads. `format` is written last when a spool is
 * created and must exist ever after: a spool whose database has vanished is
 * refused, because treating it as new would delete the bodies as orphans. */
#include <sys/file.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/store/replay.h"
#include "relay/store/spool.h"
#include "relay/store/store.h"

#define SPOOL_FORMAT   "mxwatch spool 2\n"
#define SPOOL_FORMAT_1 "mxwatch spool 1\n" /* without a log */

#ifdef __linux__
/* statfs(2); system headers differ in these names */
static const struct {
	uint32_t magic;
	const char *name;
} network_fs[] = {
	{ 0x00006969, "NFS" },
	{ 0x0000517b, "SMB" },
	{ 0xff534d42, "CIFS" },
	{ 0xfe534d42, "SMB" },
	{ 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" },
	{ 0x5346414f, "AFS" },
	{ 0x01021997, "9p" },
};
#endif

/* Neither LMDB's locks nor fsync are reliable over a network. */
static int
spool_check_fs(const struct spool *sp, struct mx_errbuf *eb)
{
#ifdef __linux__
	struct statfs fs;
	size_t i;

	if (fstatfs(sp->fd, &fs) != 0)
		return mx_fail(eb, MX_ESYS, "%s: %s", sp->path,
		    strerror(errno));
	for (i = 0; i < MX_COUNT(network_fs); i++)
		if ((uint32_t)fs.f_type == network_fs[i].magic)
			return mx_fail(eb, MX_ESYS,
			    "%s is on a network file system (%s), which is not "
			    "safe for a queue; use a local disk",
			    sp->path, network_fs[i].name);
#else
	(void)sp;
	(void)eb;
#endif
	return 0;
}

static int
spool_check_owner(const struct spool *sp, struct mx_errbuf *eb)
{
	struct stat st;

	if (fstat(sp->fd, &st) != 0)
		return mx_fail(eb, MX_ESYS, "%s: %s", sp->path,
		    strerror(errno));
	if (st.st_uid != geteuid())
		return mx_fail(eb, MX_ESYS,
		    "%s belongs to uid %u, but the daemon runs as %u; chown it",
		    sp->path, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 077) != 0)
		return mx_fail(eb, MX_ESYS,
		    "%s is accessible to others (mode %04o); chmod 700 it",
		    sp->path, (unsigned)st.st_mode & 07777);
	return 0;
}

static int
spool_lock(struct spool *sp, struct mx_errbuf *eb)
{
	char pid[32] = "";
	int n;

	sp->lock = openat(sp->fd, "lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (sp->lock < 0)
		return mx_fail(eb, MX_ESYS, "%s/lock: %s", sp->path,
		    strerror(errno));
	if (flock(sp->lock, LOCK_EX | LOCK_NB) != 0) {
		n = (int)pread(sp->lock, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		return mx_fail(eb, MX_EBUSY,
		    "another mxwatchd, pid %s, uses %s",
		    *pid != '\0' ? pid : "unknown", sp->path);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* informational only: a full disk does not prevent the start */
	if (ftruncate(sp->lock, 0) != 0 ||
	    pwrite(sp->lock, pid, (size_t)n, 0) != n)
		log_warn("store", "event=lock_without_pid error=%s",
		    log_q(strerror(errno)));
	return 0;
}

/* 0: this program's format, or *old; -MX_ENOENT: no such file. */
static int
spool_read_format(const struct spool *sp, bool *old, struct mx_errbuf *eb)
{
	char text[64];
	ssize_t n;
	int fd = openat(sp->fd, "format", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return -MX_ENOENT;
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return mx_fail(eb, MX_ESYS, "%s/format: %s", sp->path,
		    strerror(errno));
	text[n] = '\0';
	*old = strcmp(text, SPOOL_FORMAT_1) == 0;
	if (*old || strcmp(text, SPOOL_FORMAT) == 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return mx_fail(eb, MX_ECORRUPT,
	    "%s/format says %s, which this version does not support", sp->path,
	    log_q(text));
}

/* The daemon may have just created the directory. If its parent may not be
 * opened, all file systems are synced. */
static int
spool_sync_parent(const struct spool *sp)
{
	int fd = openat(sp->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0) {
		sync();
		return 0;
	}
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int
spool_write_format(const struct spool *sp, struct mx_errbuf *eb)
{
	size_t len = strlen(SPOOL_FORMAT);
	int fd = openat(sp->fd, "format.new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok;

	ok = fd >= 0 && write(fd, SPOOL_FORMAT, len) == (ssize_t)len &&
	    fsync(fd) == 0 &&
	    fsync(sp->fd) == 0 && /* written after db/ and seg/ are durable */
	    renameat(sp->fd, "format.new", sp->fd, "format") == 0 &&
	    fsync(sp->fd) == 0 && spool_sync_parent(sp) == 0;
	if (!ok)
		(void)mx_fail(eb, MX_ESYS, "%s/format: %s", sp->path,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -MX_ESYS;
}

static int
spool_subdir(const struct spool *sp, const char *name, struct mx_errbuf *eb)
{
	int fd;

	if (mkdirat(sp->fd, name, 0700) != 0 && errno != EEXIST)
		fd = -1;
	else
		fd = openat(sp->fd, name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return mx_fail(eb, MX_ESYS, "%s/%s: %s", sp->path, name,
		    strerror(errno));
	return fd;
}

static void
count_one(void *arg, uint64_t number, uint64_t size)
{
	(void)number;
	(void)size;
	++*(unsigned *)arg;
}

/* A power cut while a spool is created can leave an invalid database: without
 * `format` nothing was ever promised, so it is created again. */
static int
spool_make_db(struct spool *sp, int dir, const char *path, uint64_t map_size,
    struct mx_errbuf *eb)
{
	int rc = db_open(&sp->db, path, map_size, eb);

	if (rc == -MX_ECORRUPT && unlinkat(dir, "data.mdb", 0) == 0)
		rc = db_open(&sp->db, path, map_size, eb);
	return rc;
}

/* Opens the database; an existing spool must have one. */
static int
spool_open_db(struct spool *sp, bool fresh, uint64_t map_size,
    struct mx_errbuf *eb)
{
	char *path = mem_printf("%s/db", sp->path);
	unsigned files = 0;
	struct stat st;
	int fd, rc = 0;

	if ((fd = spool_subdir(sp, "db", eb)) < 0) {
		mem_free(&path);
		return fd;
	}
	if (segment_each(&sp->seg, count_one, &files) < 0)
		rc = mx_fail(eb, MX_ESYS, "%s/seg cannot be read", sp->path);
	else if (fresh && files > 0)
		rc = mx_fail(eb, MX_ECORRUPT,
		    "%s has message bodies but no format file; restore it or "
		    "begin with an empty directory",
		    sp->path);
	else if (!fresh &&
	    (fstatat(fd, "data.mdb", &st, 0) != 0 || st.st_size == 0))
		rc = mx_fail(eb, MX_ECORRUPT,
		    "%s/data.mdb is missing; restore it or begin with an empty "
		    "directory",
		    path);
	else
		rc = fresh ? spool_make_db(sp, fd, path, map_size, eb) :
			     db_open(&sp->db, path, map_size, eb);
	if (rc < 0)
		goto out;
	if (fsync(fd) != 0)
		rc = mx_fail(eb, MX_ESYS, "%s: %s", path, strerror(errno));
out:
	close(fd);
	mem_free(&path);
	return rc;
}

struct sweep {
	struct spool *sp;
	struct idmap known; /* number -> struct db_segment */
	unsigned orphans, cut, shorter;
};

static void
sweep_file(void *arg, uint64_t number, uint64_t size)
{
	struct sweep *sw = arg;
	struct spool *sp = sw->sp;
	struct db_segment *known = idmap_take(&sw->known, number);

	if (!journal_is(number) && number >= sp->seg.next)
		sp->seg.next = number + 1;
	if (known == NULL || known->live == 0) {
		sw->orphans++;
		if (segment_unlink(&sp->seg, number) < 0)
			log_warn("store", "event=orphan_stays error=%s",
			    log_q(strerror(errno)));
	} else {
		sw->shorter += size < known->size;
		sw->cut += size > known->size;
		sp->segments++;
		sp->segment_bytes += size;
	}
	free(known);
}

static void
sweep_missing(uint64_t number, void *known, void *arg)
{
	const struct db_segment *s = known;
	struct sweep *sw = arg;

	(void)number;
	sw->shorter += s->live > 0;
	free(known);
}

/* Removes files that no committed transaction refers to, and segments without
 * live bodies. Data behind the known size of a file was never acknowledged and
 * is harmless. */
static int
spool_sweep(struct spool *sp)
{
	struct sweep sw = { .sp = sp };
	struct db_segment s;
	struct db_txn *t = NULL;
	uint64_t from = 1;
	int rc;

	idmap_init(&sw.known);
	if ((rc = db_begin(sp->db, true, &t)) < 0)
		goto out;
	while ((rc = db_segment_next(t, from, &s)) == 0) {
		idmap_put(&sw.known, s.number, mem_dup(&s, sizeof(s)));
		from = s.number + 1;
		if (!journal_is(s.number) && s.number >= sp->seg.next)
			sp->seg.next = s.number + 1;
		if (s.live == 0 && (rc = db_segment_del(t, s.number)) < 0)
			break;
	}
	if (rc == -MX_ENOENT)
		rc = db_record_last(t, &sp->last_id);
	if (rc == 0 || rc == -MX_ENOENT)
		rc = db_commit(&t);
	if (rc == -MX_EFULL)
		rc = 0; /* a full disk must not prevent deliveries */
	if (rc == 0)
		rc = segment_each(&sp->seg, sweep_file, &sw);
out:
	db_abort(&t);
	idmap_each(&sw.known, sweep_missing, &sw);
	idmap_fini(&sw.known);
	if (sw.orphans > 0)
		log_notice("store", "event=swept orphans=%u", sw.orphans);
	if (sw.shorter > 0)
		log_error("store",
		    "event=segments_damaged count=%u meaning=\"message bodies "
		    "are missing\"",
		    sw.shorter);
	return rc;
}

static void
last_log(void *arg, uint64_t number, uint64_t size)
{
	uint64_t *last = arg;

	(void)size;
	if (journal_is(number) && number >= *last)
		*last = number + 1;
}

/* The log begins behind all existing files: those of an older version are not
 * part of it, whatever their names. */
static int
spool_begin_log(struct spool *sp)
{
	struct db_txn *t = NULL;
	int rc;

	sp->applied.offset = 0;
	if (!journal_is(sp->applied.segment))
		sp->applied.segment = JOURNAL_FIRST;
	if (sp->salt == 0)
		sp->salt = rnd_u64() | 1;
	rc = segment_each(&sp->seg, last_log, &sp->applied.segment);
	if (rc == 0)
		rc = db_begin(sp->db, true, &t);
	if (rc == 0)
		rc = db_salt_put(t, sp->salt);
	if (rc == 0)
		rc = db_applied_put(t, &sp->applied);
	if (rc == 0)
		rc = db_commit(&t);
	db_abort(&t);
	return rc;
}

/* Reads the log's position from the database. `begin`: it may have none. */
static int
spool_open_log(struct spool *sp, bool begin, struct mx_errbuf *eb)
{
	struct db_txn *t = NULL;
	int rc = db_begin(sp->db, false, &t);

	if (rc == 0)
		rc = db_applied_get(t, &sp->applied);
	if (rc == 0)
		rc = db_salt_get(t, &sp->salt);
	db_abort(&t);
	if (begin && (rc == 0 || rc == -MX_ENOENT))
		rc = spool_begin_log(sp);
	if (rc == 0)
		return 0;
	return mx_fail(eb, MX_ECORRUPT,
	    "%s: the database has no position in the log; run "
	    "mxwatch-salvage(8)",
	    sp->path);
}

/* Opens the directory, and nothing in it, if it may be a spool. */
static int
spool_enter(struct spool *sp, const char *dir, struct mx_errbuf *eb)
{
	int rc;

	*sp = (struct spool){ .path = mem_strdup(dir),
		.fd = -1,
		.lock = -1,
		.seg = { .fd = -1, .next = 1, .next_log = JOURNAL_FIRST } };
	sp->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->fd < 0)
		return mx_fail(eb, MX_ESYS, "%s: %s", dir, strerror(errno));
	if ((rc = spool_check_owner(sp, eb)) == 0)
		rc = spool_check_fs(sp, eb);
	return rc;
}

int
store_check_dir(const char *dir, struct mx_errbuf *eb)
{
	struct spool sp;
	int rc = spool_enter(&sp, dir, eb);

	if (sp.fd >= 0)
		close(sp.fd);
	mem_free(&sp.path);
	return rc;
}

int
spool_open(struct spool *sp, const char *dir, uint64_t map_size,
    struct mx_errbuf *eb)
{
	int rc = spool_enter(sp, dir, eb);
	bool fresh, old = false;

	sp->tail = tail_create();
	if (rc < 0 || (rc = spool_lock(sp, eb)) < 0)
		return rc;
	rc = spool_read_format(sp, &old, eb);
	if (rc < 0 && rc != -MX_ENOENT)
		return rc;
	fresh = rc == -MX_ENOENT;
	if ((sp->seg.fd = spool_subdir(sp, "seg", eb)) < 0)
		return sp->seg.fd;
	if ((rc = spool_open_db(sp, fresh, map_size, eb)) < 0)
		return rc;
	if ((rc = spool_open_log(sp, fresh || old, eb)) < 0)
		return rc;
	if ((fresh || old) && (rc = spool_write_format(sp, eb)) < 0)
		return rc;
	if ((rc = replay(sp, eb)) < 0)
		return rc;
	sp->seg.next_log = sp->applied.segment;
	if ((rc = spool_sweep(sp)) < 0)
		return mx_fail(eb, MX_ECORRUPT,
		    "%s: the database cannot be read; run mxwatch-salvage(8)",
		    dir);
	db_serve(sp->db);
	return 0;
}

void
spool_close(struct spool *sp)
{
	tail_destroy(&sp->tail);
	db_close(&sp->db);
	if (sp->seg.fd >= 0)
		close(sp->seg.fd);
	if (sp->fd >= 0)
		close(sp->fd);
	if (sp->lock >= 0)
		close(sp->lock); /* last, because this unlocks */
	mem_free(&sp->path);
}
