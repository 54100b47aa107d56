/* SPDX-License-Identifier: ISC
 * disk_model: see disk_model.h. Files and directories are known by the number
 * of their inode; the real work is done by system calls, for the C library's
 * functions are the ones that are replaced. */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "tests/fault/disk_calls.h"
#include "tests/fault/disk_model.h"

#define SECTOR	 512u
#define FDS	 1024
#define NAME_LEN 32

enum op_kind {
	OP_WRITE,
	OP_SIZE, /* ftruncate, or fallocate of what was not there */
	OP_PUNCH,
	OP_SYNC,
	OP_LINK, /* a file or a directory was made */
	OP_UNLINK,
	OP_RENAME, /* name -> to, in one directory */
};

struct op {
	enum op_kind kind;
	unsigned node; /* file or directory that it changes */
	bool dsync; /* durable when it returned */
	bool skipped; /* as if it had made nothing durable */
	bool zeros; /* all that is written */
	uint64_t off, len;
	char *data;
	char name[NAME_LEN], to[NAME_LEN];
	unsigned child;
};

struct node { /* while a directory is being rebuilt */
	bool dir;
	char *data; /* file; zeros behind `room` */
	uint64_t size, room;
	struct entry {
		char name[NAME_LEN];
		unsigned node;
	} * entries;
	size_t nentries;
};

/* All guarded by lock. */
static struct {
	pthread_mutex_t lock;
	bool on;
	struct op *ops;
	size_t nops, room;
	bool *dirs; /* of each node: is it a directory? */
	unsigned nnodes;
	struct idmap inodes; /* inode -> node + 1, as a pointer */
	dev_t dev;
	bool dsync[FDS]; /* how a descriptor was opened */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- recording */

static struct op *
op_add(enum op_kind kind, unsigned node)
{
	if (disk.nops == disk.room) {
		disk.room = disk.room > 0 ? 2 * disk.room : 256;
		disk.ops = mem_grow(disk.ops, disk.room, sizeof(*disk.ops));
	}
	disk.ops[disk.nops] = (struct op){ .kind = kind, .node = node };
	return &disk.ops[disk.nops++];
}

static void
name_set(char dst[NAME_LEN], const char *name)
{
	MX_ASSERT(strlcpy(dst, name, NAME_LEN) < NAME_LEN);
}

static unsigned
node_add(const struct stat *st, bool dir)
{
	disk.dirs = mem_grow(disk.dirs, disk.nnodes + 1, sizeof(bool));
	disk.dirs[disk.nnodes] = dir;
	idmap_put(&disk.inodes, st->st_ino,
	    (void *)(uintptr_t)(disk.nnodes + 1));
	return disk.nnodes++;
}

/* node + 1, or 0 when it lies elsewhere */
static unsigned
node_of(const struct stat *st)
{
	return disk.on && st->st_dev == disk.dev ?
	    (unsigned)(uintptr_t)idmap_get(&disk.inodes, st->st_ino) :
	    0;
}

static unsigned
node_of_fd(int fd)
{
	struct stat st;

	return disk.on && fstat(fd, &st) == 0 ? node_of(&st) : 0;
}

/* The directory that path lies in (node + 1, 0 elsewhere) and its last part. */
static unsigned
parent_of(int at, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[512] = ".";
	struct stat st;

	*name = slash != NULL ? slash + 1 : path;
	if (slash != NULL)
		snprintf(dir, sizeof(dir), "%.*s",
		    slash > path ? (int)(slash - path) : 1, path);
	if (!disk.on || fstatat(at, dir, &st, 0) != 0)
		return 0;
	return node_of(&st);
}

static void
link_add(unsigned parent, const char *name, unsigned child)
{
	struct op *op = op_add(OP_LINK, parent);

	name_set(op->name, name);
	op->child = child;
}

static void
write_add(int fd, const void *data, size_t len, off_t off)
{
	unsigned node = node_of_fd(fd);
	struct op *op;

	if (node == 0)
		return;
	op = op_add(OP_WRITE, node - 1);
	op->data = mem_dup(data, len);
	op->len = len;
	op->off = (uint64_t)off;
	op->zeros = *(const char *)data == 0 &&
	    memcmp(data, (const char *)data + 1, len - 1) == 0;
	op->dsync = disk.dsync[fd];
}

static long
call(long number, long a, long b, long c, long d, long e)
{
	return syscall(number, a, b, c, d, e);
}

int
disk_open(int at, const char *path, int flags, mode_t mode)
{
	const char *name;
	unsigned parent, node;
	struct stat st;
	bool there;
	int fd;

	pthread_mutex_lock(&disk.lock);
	parent = parent_of(at, path, &name);
	there = fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = (int)call(SYS_openat, at, (long)path, flags & ~(O_SYNC | O_DSYNC),
	    (long)mode, 0);
	if (disk.on && fd >= 0 && fstat(fd, &st) == 0) {
		MX_ASSERT(fd < FDS);
		node = there || parent == 0 ? node_of(&st) : 0;
		if (!there && parent != 0) {
			node = node_add(&st, false) + 1;
			link_add(parent - 1, name, node - 1);
		} else if (node != 0 && (flags & O_TRUNC) != 0)
			op_add(OP_SIZE, node - 1);
		disk.dsync[fd] = (flags & O_DSYNC) != 0;
	}
	pthread_mutex_unlock(&disk.lock);
	return fd;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t off)
{
	ssize_t n;

	pthread_mutex_lock(&disk.lock);
	n = call(SYS_pwrite64, fd, (long)data, (long)len, off, 0);
	if (n > 0)
		write_add(fd, data, (size_t)n, off);
	pthread_mutex_unlock(&disk.lock);
	return n;
}

int
disk_sync(int fd)
{
	pthread_mutex_lock(&disk.lock);
	if (node_of_fd(fd) != 0)
		op_add(OP_SYNC, node_of_fd(fd) - 1);
	pthread_mutex_unlock(&disk.lock);
	return 0;
}

/* ---- what the program and its libraries call */

ssize_t
write(int fd, const void *data, size_t len)
{
	off_t at;
	ssize_t n;

	pthread_mutex_lock(&disk.lock);
	at = node_of_fd(fd) != 0 ? lseek(fd, 0, SEEK_CUR) : 0;
	n = call(SYS_write, fd, (long)data, (long)len, 0, 0);
	if (n > 0)
		write_add(fd, data, (size_t)n, at);
	pthread_mutex_unlock(&disk.lock);
	return n;
}

int
ftruncate(int fd, off_t size)
{
	int rc;

	pthread_mutex_lock(&disk.lock);
	rc = (int)call(SYS_ftruncate, fd, size, 0, 0, 0);
	if (rc == 0 && node_of_fd(fd) != 0)
		op_add(OP_SIZE, node_of_fd(fd) - 1)->len = (uint64_t)size;
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

int
fallocate(int fd, int mode, off_t off, off_t len)
{
	struct stat st;
	struct op *op;
	int rc;

	pthread_mutex_lock(&disk.lock);
	rc = (int)call(SYS_fallocate, fd, mode, off, len, 0);
	if (rc == 0 && (mode & FALLOC_FL_PUNCH_HOLE) == 0) {
		if (node_of_fd(fd) != 0 && fstat(fd, &st) == 0)
			op_add(OP_SIZE, node_of_fd(fd) - 1)->len =
			    (uint64_t)st.st_size;
	} else if (rc == 0 && node_of_fd(fd) != 0) {
		op = op_add(OP_PUNCH, node_of_fd(fd) - 1);
		op->off = (uint64_t)off;
		op->len = (uint64_t)len;
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

/* Only for the reserve, of which a page will do here. */
int
posix_fallocate(int fd, off_t off, off_t len)
{
	return ftruncate(fd, off + (len < 4096 ? len : 4096)) == 0 ? 0 : errno;
}

int
mkdirat(int at, const char *path, mode_t mode)
{
	const char *name;
	unsigned parent;
	struct stat st;
	int rc;

	pthread_mutex_lock(&disk.lock);
	parent = parent_of(at, path, &name);
	rc = (int)call(SYS_mkdirat, at, (long)path, (long)mode, 0, 0);
	if (rc == 0 && parent != 0 && fstatat(at, path, &st, 0) == 0)
		link_add(parent - 1, name, node_add(&st, true));
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

int
unlinkat(int at, const char *path, int flags)
{
	const char *name;
	unsigned parent;
	int rc;

	pthread_mutex_lock(&disk.lock);
	parent = parent_of(at, path, &name);
	rc = (int)call(SYS_unlinkat, at, (long)path, flags, 0, 0);
	if (rc == 0 && parent != 0)
		name_set(op_add(OP_UNLINK, parent - 1)->name, name);
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

int
renameat(int at, const char *path, int toat, const char *topath)
{
	const char *name, *to;
	unsigned parent;
	struct op *op;
	int rc;

	pthread_mutex_lock(&disk.lock);
	parent = parent_of(at, path, &name);
	MX_ASSERT(parent == parent_of(toat, topath, &to));
	rc = (int)call(SYS_renameat2, at, (long)path, toat, (long)topath, 0);
	if (rc == 0 && parent != 0) {
		op = op_add(OP_RENAME, parent - 1);
		name_set(op->name, name);
		name_set(op->to, to);
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

/* ---- beginning and end */

static void
import_file(int fd, unsigned node)
{
	struct stat st;
	struct op *op;

	if (fstat(fd, &st) != 0 || st.st_size == 0)
		return;
	op = op_add(OP_WRITE, node);
	op->len = (uint64_t)st.st_size;
	op->data = mem_alloc(op->len);
	MX_ASSERT(pread(fd, op->data, op->len, 0) == (ssize_t)op->len);
}

/* Takes fd. */
static void
import_dir(int fd, unsigned node)
{
	struct dirent *e;
	struct stat st;
	unsigned child;
	int sub;
	DIR *d = fdopendir(fd);

	MX_ASSERT(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		sub = (int)call(SYS_openat, dirfd(d), (long)e->d_name, O_RDONLY,
		    0, 0);
		MX_ASSERT(sub >= 0 && fstat(sub, &st) == 0);
		child = node_add(&st, S_ISDIR(st.st_mode));
		link_add(node, e->d_name, child);
		if (S_ISDIR(st.st_mode))
			import_dir(sub, child);
		else {
			import_file(sub, child);
			(void)call(SYS_close, sub, 0, 0, 0, 0);
		}
	}
	closedir(d);
}

void
disk_record(const char *root)
{
	struct stat st;
	unsigned i;
	int fd = (int)call(SYS_openat, AT_FDCWD, (long)root,
	    O_RDONLY | O_DIRECTORY, 0, 0);

	pthread_mutex_lock(&disk.lock);
	idmap_init(&disk.inodes);
	MX_ASSERT(fd >= 0 && fstat(fd, &st) == 0);
	disk.dev = st.st_dev;
	import_dir(fd, node_add(&st, true));
	for (i = 0; i < disk.nnodes; i++)
		op_add(OP_SYNC, i);
	disk.on = true;
	pthread_mutex_unlock(&disk.lock);
}

void
disk_stop(void)
{
	pthread_mutex_lock(&disk.lock);
	disk.on = false;
	pthread_mutex_unlock(&disk.lock);
}

void
disk_forget(void)
{
	size_t i;

	for (i = 0; i < disk.nops; i++)
		free(disk.ops[i].data);
	mem_free(&disk.ops);
	mem_free(&disk.dirs);
	disk.nops = disk.room = 0;
	disk.nnodes = 0;
	idmap_fini(&disk.inodes);
}

size_t
disk_now(void)
{
	size_t n;

	pthread_mutex_lock(&disk.lock);
	n = disk.nops;
	pthread_mutex_unlock(&disk.lock);
	return n;
}

size_t
disk_seen(const char *name)
{
	size_t i, n = 0;
	unsigned node = UINT32_MAX;

	for (i = 0; i < disk.nops; i++) {
		if (disk.ops[i].kind == OP_LINK &&
		    strcmp(disk.ops[i].name, name) == 0)
			node = disk.ops[i].child;
		else
			n += disk.ops[i].node == node;
	}
	return n;
}

/* ---- syncs, one by one */

static bool
is_sync(const struct op *op)
{
	return op->kind == OP_SYNC || op->dsync;
}

const char *
disk_synced(size_t at)
{
	size_t i = at;

	if (at >= disk.nops || !is_sync(&disk.ops[at]))
		return NULL;
	while (i-- > 0)
		if (disk.ops[i].kind == OP_LINK &&
		    disk.ops[i].child == disk.ops[at].node)
			return disk.ops[i].name;
	return "";
}

size_t
disk_synced_again(size_t at)
{
	size_t i;

	for (i = at + 1; i < disk.nops; i++)
		if (disk.ops[i].kind == OP_SYNC &&
		    disk.ops[i].node == disk.ops[at].node)
			break;
	return i;
}

bool
disk_is_write(size_t at)
{
	return disk.ops[at].kind == OP_WRITE;
}

void
disk_skip(size_t at, bool skip)
{
	disk.ops[at].skipped = skip;
}

/* ---- after the power cut */

struct rebuild {
	struct node *nodes;
	size_t now;
	enum disk_luck luck;
	uint64_t seed;
};

static uint64_t
chance(struct rebuild *r)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return r->seed >> 33;
}

static void
node_size(struct node *n, uint64_t size)
{
	if (size > n->size)
		n->size = size;
}

static void
node_write(struct node *n, uint64_t at, const char *data, uint64_t len)
{
	uint64_t end = at + len, room = end > 2 * n->room ? end : 2 * n->room;

	if (end > n->room) {
		n->data = mem_grow(n->data, room, 1);
		memset(n->data + n->room, 0, room - n->room);
		n->room = room;
	}
	memcpy(n->data + at, data, len);
	node_size(n, end);
}

static void
node_zero(struct node *n, uint64_t at, uint64_t len)
{
	if (at < n->room)
		memset(n->data + at, 0,
		    len < n->room - at ? len : n->room - at);
}

static bool
keeps(struct rebuild *r, enum op_kind kind)
{
	bool name = kind == OP_LINK || kind == OP_UNLINK || kind == OP_RENAME;

	switch (r->luck) {
	case DISK_LOSES:
		return false;
	case DISK_KEEPS:
		return true;
	case DISK_FORGETS_NAMES:
		return !name;
	case DISK_FORGETS_DATA:
		return name || kind == OP_SIZE;
	default:
		return chance(r) % 2 == 0;
	}
}

static void
apply_write(struct rebuild *r, struct node *n, const struct op *op, bool whole)
{
	uint64_t at, to, end = op->off + op->len;
	/* the size may be there although the bytes are not */
	bool size = whole || r->luck == DISK_FORGETS_DATA ||
	    (r->luck == DISK_TEARS && chance(r) % 2 == 0);

	if (size)
		node_size(n, end);
	for (at = op->off; at < end; at = to) {
		to = (at / SECTOR + 1) * SECTOR;
		to = to < end ? to : end;
		if (!whole && !keeps(r, OP_WRITE))
			continue;
		if (op->zeros) {
			node_zero(n, at, to - at);
			node_size(n, to);
		} else
			node_write(n, at, op->data + (at - op->off), to - at);
	}
}

static struct entry *
entry_find(struct node *n, const char *name)
{
	size_t i;

	for (i = 0; i < n->nentries; i++)
		if (strcmp(n->entries[i].name, name) == 0)
			return &n->entries[i];
	return NULL;
}

static void
entry_remove(struct node *n, const char *name)
{
	struct entry *e = entry_find(n, name);

	if (e != NULL)
		*e = n->entries[--n->nentries];
}

static void
entry_put(struct node *n, const char *name, unsigned child)
{
	entry_remove(n, name);
	n->entries = mem_grow(n->entries, n->nentries + 1, sizeof(*n->entries));
	name_set(n->entries[n->nentries].name, name);
	n->entries[n->nentries++].node = child;
}

static void
apply(struct rebuild *r, const struct op *op, bool whole)
{
	struct node *n = &r->nodes[op->node];
	const struct entry *e;

	if (op->kind == OP_WRITE) {
		apply_write(r, n, op, whole);
		return;
	}
	if (!whole && !keeps(r, op->kind))
		return;
	switch (op->kind) {
	case OP_SIZE:
		node_zero(n, op->len, UINT64_MAX);
		n->size = op->len;
		break;
	case OP_PUNCH:
		node_zero(n, op->off, op->len);
		break;
	case OP_LINK:
		entry_put(n, op->name, op->child);
		break;
	case OP_UNLINK:
		entry_remove(n, op->name);
		break;
	case OP_RENAME:
		if ((e = entry_find(n, op->name)) == NULL)
			break; /* it never had its first name */
		entry_put(n, op->to, e->node);
		entry_remove(n, op->name);
		break;
	default:
		break;
	}
}

static void
write_out(const struct rebuild *r, const char *path, unsigned number)
{
	const struct node *n = &r->nodes[number];
	char *sub;
	size_t i, len;
	int fd;

	if (disk.dirs[number]) {
		MX_ASSERT(mkdir(path, 0700) == 0);
		for (i = 0; i < n->nentries; i++) {
			sub = mem_printf("%s/%s", path, n->entries[i].name);
			write_out(r, sub, n->entries[i].node);
			mem_free(&sub);
		}
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	MX_ASSERT(fd >= 0);
	len = n->size < n->room ? n->size : n->room;
	MX_ASSERT(ftruncate(fd, (off_t)n->size) == 0);
	MX_ASSERT(len == 0 || write(fd, n->data, len) == (ssize_t)len);
	close(fd);
}

void
disk_rebuild(const char *to, size_t now, enum disk_luck luck, uint64_t seed)
{
	struct rebuild r = { .now = now, .luck = luck, .seed = seed };
	size_t *synced = mem_array(disk.nnodes, sizeof(*synced));
	const struct op *op;
	size_t i;

	MX_ASSERT(!disk.on);
	r.nodes = mem_array(disk.nnodes, sizeof(*r.nodes));
	for (i = 0; i < now && i < disk.nops; i++)
		if (disk.ops[i].kind == OP_SYNC && !disk.ops[i].skipped)
			synced[disk.ops[i].node] = i;
	for (i = 0; i <= now && i < disk.nops; i++) {
		op = &disk.ops[i];
		apply(&r, op,
		    i < synced[op->node] ||
			(op->dsync && !op->skipped && i < now));
	}
	write_out(&r, to, 0);
	for (i = 0; i < disk.nnodes; i++) {
		free(r.nodes[i].data);
		free(r.nodes[i].entries);
	}
	free(r.nodes);
	free(synced);
}
