/* SPDX-License-Identifier: ISC
 * store_damage: bytes of a spool go bad, one place at a time. mxwatch-salvage
 * must bring out every message whose record and body are intact, and nothing
 * as sure that was removed; a store that works on the spool may refuse it or
 * fail, but it never dies of a signal, and when it gives up it says what is
 * damaged. The same places on every run: `store_damage [SEED]`. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_kit.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif

#define ROUNDS	 120
#define MESSAGES 120
#define RCPTS	 200 /* make a record that does not fit into a page */
#define PAGE	 4096

struct message {
	uint64_t id, seed;
	size_t len;
	bool removed;
	char key[8]; /* as it lies in the database */
	struct buf record;
	struct body_ref body;
};

struct file {
	char name[64]; /* below the spool */
	char *data;
	size_t len;
};

struct damage {
	struct kit kit;
	char hurt[300], out[300], err[300];
	struct message msgs[MESSAGES];
	struct file *files; /* of the spool as it was; the first is data.mdb */
	size_t nfiles;
	uint64_t seed;
	unsigned wrong, refused, died;
};

/* ---- a spool with a past */

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct damage *d = arg;

	(void)token;
	MX_ASSERT(rc == 0);
	kit_one_done(&d->kit);
}

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	MX_ASSERT(n == 1);
	envelope_destroy(&parts[0]);
	on_done(arg, token, rc);
}

static void
commit(struct damage *d, struct message *m, unsigned rcpts)
{
	struct store_tx *tx = store_tx_begin(d->kit.store);
	struct envelope *e = kit_envelope("example.org");
	char *data = mem_alloc(m->len + 1), name[40];

	m->id = store_tx_id(tx);
	kit_fill(data, m->len, m->seed);
	MX_ASSERT(store_tx_append(tx, data, m->len) == 0);
	mem_free(&data);
	for (; rcpts > 0; rcpts--) {
		snprintf(name, sizeof(name), "user%u@example.org", rcpts);
		(void)envelope_add_rcpt(e, name);
	}
	d->kit.waiting++;
	store_tx_commit(&tx, &e, 1, on_commit, d, 0);
}

/* A fifth is gone, a quarter of the rest has been tried. */
static void
change_some(struct damage *d)
{
	struct envelope *envs[MESSAGES] = { NULL };
	unsigned i;

	for (i = 0; i < MESSAGES; i++) {
		d->msgs[i].removed = i % 5 == 3;
		if (d->msgs[i].removed || i % 4 != 0)
			continue;
		MX_ASSERT(kit_load(&d->kit, d->msgs[i].id, 0) == 0);
		envs[i] = envelope_copy(d->kit.loaded.env);
		envs[i]->attempts = 7;
		envs[i]->last_try_ms = 1;
	}
	for (i = 0; i < MESSAGES; i++) {
		d->kit.waiting += envs[i] != NULL || d->msgs[i].removed;
		if (envs[i] != NULL)
			store_update(d->kit.store, envs[i], on_done, d, 0);
		else if (d->msgs[i].removed)
			store_remove(d->kit.store, d->msgs[i].id, on_done, d,
			    0);
		envelope_destroy(&envs[i]);
	}
	kit_wait_all(&d->kit);
}

static void
remember(struct damage *d, struct message *m)
{
	int i;

	for (i = 0; i < 8; i++)
		m->key[i] = (char)(m->id >> (56 - 8 * i));
	MX_ASSERT(kit_load(&d->kit, m->id, 0) == 0);
	m->body = d->kit.loaded.env->body;
	buf_init(&m->record, 1u << 20);
	MX_ASSERT(envelope_encode(d->kit.loaded.env, &m->record) == 0);
}

static void
make_spool(struct damage *d)
{
	unsigned i;

	d->kit.conf.segment_size = 64u << 10;
	d->kit.conf.map_size = 4u << 20;
	MX_ASSERT(kit_open(&d->kit));
	for (i = 0; i < MESSAGES; i++) {
		struct message *m = &d->msgs[i];

		m->seed = i;
		m->len = i == 50 ? 300000 : (size_t)kit_chance(&d->seed, 4000);
		commit(d, m, i % 40 == 20 ? RCPTS : 0);
	}
	kit_wait_all(&d->kit); /* few commits: few old pages */
	change_some(d);
	for (i = 0; i < MESSAGES; i++)
		if (!d->msgs[i].removed)
			remember(d, &d->msgs[i]);
	kit_close(&d->kit);
}

static char *
file_read(const char *path, size_t *len)
{
	struct stat st;
	char *data = NULL;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return NULL;
	MX_ASSERT(fstat(fd, &st) == 0);
	*len = (size_t)st.st_size;
	data = mem_alloc(*len + 1);
	MX_ASSERT(read(fd, data, *len) == (ssize_t)*len);
	close(fd);
	return data;
}

static void
file_add(struct damage *d, const char *name)
{
	char path[400];
	struct file *f;

	d->files = mem_grow(d->files, d->nfiles + 1, sizeof(*d->files));
	f = &d->files[d->nfiles++];
	(void)strlcpy(f->name, name, sizeof(f->name));
	snprintf(path, sizeof(path), "%s/%s", d->kit.dir, name);
	MX_ASSERT((f->data = file_read(path, &f->len)) != NULL);
}

static void
read_spool(struct damage *d)
{
	char path[300], name[300];
	struct dirent *e;
	DIR *dir;

	file_add(d, "db/data.mdb");
	file_add(d, "format");
	snprintf(path, sizeof(path), "%s/seg", d->kit.dir);
	MX_ASSERT((dir = opendir(path)) != NULL);
	while ((e = readdir(dir)) != NULL) {
		snprintf(name, sizeof(name), "seg/%s", e->d_name);
		if (e->d_name[0] != '.')
			file_add(d, name);
	}
	closedir(dir);
}

/* ---- damage */

static void
write_spool(struct damage *d)
{
	char path[400];
	size_t i;
	int fd;

	kit_remove_tree(d->hurt);
	MX_ASSERT(mkdir(d->hurt, 0700) == 0);
	snprintf(path, sizeof(path), "%s/db", d->hurt);
	MX_ASSERT(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/seg", d->hurt);
	MX_ASSERT(mkdir(path, 0700) == 0);
	for (i = 0; i < d->nfiles; i++) {
		const struct file *f = &d->files[i];

		snprintf(path, sizeof(path), "%s/%s", d->hurt, f->name);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		MX_ASSERT(
		    fd >= 0 && write(fd, f->data, f->len) == (ssize_t)f->len);
		close(fd);
	}
}

/* Hurts a file in memory; `old` is for the repair. */
static struct file *
hurt(struct damage *d, char **old)
{
	static const char long_value[] = { 0, 0, 0, 3 }; /* 48 MB */
	struct file *f = &d->files[0];
	unsigned how = (unsigned)kit_chance(&d->seed, 7);
	size_t at, n, i;
	char *key;

	if (how > 2 && kit_chance(&d->seed, 4) == 0)
		f = &d->files[2 + kit_chance(&d->seed, d->nfiles - 2)];
	*old = mem_dup(f->data, f->len);
	at = (size_t)kit_chance(&d->seed, f->len);
	switch (how) {
	case 0: /* a sector */
		at -= at % 512;
		n = f->len - at < 512 ? f->len - at : 512;
		memset(f->data + at, 0, n);
		break;
	case 1: /* what stands at the beginning of a page matters most */
		at -= at % PAGE;
		at += (size_t)kit_chance(&d->seed, 64);
		at = at < f->len ? at : f->len - 1;
		f->data[at] ^= (char)(1 + kit_chance(&d->seed, 255));
		break;
	case 2: /* LMDB believes it, and the map is not as long as that */
		key = f->data;
		while ((key = memmem(key, f->len - (size_t)(key - f->data),
			    d->msgs[0].key, 8)) != NULL) {
			memcpy(key - 8, long_value, sizeof(long_value));
			key++;
		}
		break;
	case 3:
		n = 1 + (size_t)kit_chance(&d->seed, 16);
		for (i = 0; i < n && at + i < f->len; i++)
			f->data[at + i] = (char)kit_chance(&d->seed, 256);
		break;
	default:
		f->data[at] ^= (char)(1 << kit_chance(&d->seed, 8));
		break;
	}
	printf("%s at %zu: ", f->name, at);
	fflush(stdout);
	return f;
}

static void
wrong(struct damage *d, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016" PRIx64 ": %s\n", id, what);
	d->wrong++;
}

static bool
bytes_hold(const struct message *m, const char *data)
{
	char *want = mem_alloc(m->len + 1);
	bool same;

	kit_fill(want, m->len, m->seed);
	same = memcmp(data, want, m->len) == 0;
	mem_free(&want);
	return same;
}

/* Everything that is equal to it has kept its bytes, and those around it. */
static bool
untouched(const char *was, const struct file *is, const char *what, size_t len,
    size_t before, size_t after)
{
	const char *at = was, *end = was + is->len;
	size_t from;

	while ((at = memmem(at, (size_t)(end - at), what, len)) != NULL) {
		from = (size_t)(at - was) - before;
		if (memcmp(was + from, is->data + from, before + len + after) !=
		    0)
			return false;
		at++;
	}
	return true;
}

/* The node of the leaf with its key, the record with a node or the head of an
 * overflow page before it, and the body. There may be old copies of the
 * records, of which the test does not know that they are. */
static bool
is_intact(struct damage *d, const struct message *m, const struct file *hurt,
    const char *was)
{
	char name[64];
	size_t i;

	if (hurt == &d->files[0] &&
	    (!untouched(was, hurt, m->key, sizeof(m->key), 8, 8) ||
		!untouched(was, hurt, m->record.data, m->record.len, 16, 0)))
		return false;
	snprintf(name, sizeof(name), "seg/%016" PRIx64, m->body.segment);
	for (i = 1; i < d->nfiles && m->len > 0; i++)
		if (strcmp(d->files[i].name, name) == 0)
			return bytes_hold(m, d->files[i].data + m->body.offset);
	return m->len == 0;
}

/* ---- salvage */

static int
run_salvage(struct damage *d)
{
	int status, fd;
	pid_t pid;

	kit_remove_tree(d->out);
	if ((pid = fork()) == 0) {
		fd = open("/dev/null", O_WRONLY);
		(void)dup2(fd, 1);
		(void)execl("./mxwatch-salvage", "mxwatch-salvage", d->hurt,
		    d->out, (char *)NULL);
		_exit(127);
	}
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 1 whole, 0 not there, -1 something else. */
static int
came_out(struct damage *d, const struct message *m, const char *folder)
{
	char path[400], id[TEXT_ID_MAX], *data;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s%s.eml", d->out, folder,
	    text_id(m->id, id));
	if ((data = file_read(path, &len)) == NULL)
		return 0;
	rc = len == m->len && bytes_hold(m, data) ? 1 : -1;
	mem_free(&data);
	return rc;
}

static void
check_salvage(struct damage *d, const struct file *f, const char *was)
{
	unsigned i, missing = 0;
	int rc = run_salvage(d), sure, unsure;
	char path[400], *data;
	size_t len;

	if (rc != 0 && rc != STORE_EXIT_DAMAGED) {
		wrong(d, 0, "mxwatch-salvage failed");
		return;
	}
	for (i = 0; i < MESSAGES; i++) {
		const struct message *m = &d->msgs[i];

		sure = came_out(d, m, "");
		unsure = came_out(d, m, "unsure/");
		if (sure < 0 || unsure < 0)
			wrong(d, m->id, "came out with other bytes");
		if (m->removed && sure != 0)
			wrong(d, m->id, "was removed and came out as sure");
		if (m->removed || sure > 0 || unsure > 0)
			continue;
		missing++;
		if (is_intact(d, m, f, was))
			wrong(d, m->id, "is intact and did not come out");
	}
	if (missing > 0 && rc == 0)
		wrong(d, 0, "mxwatch-salvage said that nothing is damaged");
	snprintf(path, sizeof(path), "%s/%s", d->hurt, f->name);
	data = file_read(path, &len);
	if (data == NULL || len != f->len || memcmp(data, f->data, len) != 0)
		wrong(d, 0, "mxwatch-salvage has changed the spool");
	mem_free(&data);
	printf("%u missing, ", missing);
}

/* ---- the store */

#ifdef __SANITIZE_ADDRESS__
static void
check_store(struct damage *d)
{
	(void)d;
	/* the sanitizer would have a word of its own about LMDB */
	printf("not used\n");
}
#else
static void
use_store(struct damage *d)
{
	bool unreadable;
	unsigned i;

	alarm(60); /* a loop without an end is not better than a signal */
	if (!kit_open(&d->kit)) {
		fprintf(stderr, "refused: %s\n", d->kit.eb.text);
		_exit(d->kit.eb.text[0] != '\0' ? 10 : 11);
	}
	(void)kit_scan(&d->kit);
	unreadable = d->kit.rc != 0;
	for (i = 0; i < MESSAGES; i++)
		(void)kit_load(&d->kit, d->msgs[i].id, SIZE_MAX);
	for (i = 0; i < 10; i++)
		if (kit_commit(&d->kit, 1000, i, 1) != 0 && unreadable)
			_exit(12); /* nothing may be promised any more */
	for (i = 0; i < MESSAGES; i += 3)
		(void)kit_remove(&d->kit, d->msgs[i].id);
	for (i = 0; i < 10; i++)
		(void)kit_commit(&d->kit, 1000, i, 1);
	kit_close(&d->kit);
	_exit(0);
}

static void
check_store(struct damage *d)
{
	int status, fd;
	char *said;
	size_t len;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		fd = open(d->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		(void)dup2(fd, 2);
		d->kit.conf.dir = d->hurt;
		use_store(d);
	}
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	said = file_read(d->err, &len);
	MX_ASSERT(said != NULL);
	if (WIFSIGNALED(status)) {
		printf("killed by %d\n%s", WTERMSIG(status), said);
		wrong(d, 0, "the store died of a signal");
	} else if (WEXITSTATUS(status) == STORE_EXIT_DAMAGED) {
		d->died++;
		printf("gave up\n");
		if (strstr(said, "event=database_damaged file=") == NULL ||
		    strstr(said, "mxwatch-salvage") == NULL)
			wrong(d, 0, "the store did not say why it gave up");
	} else if (WEXITSTATUS(status) == 10) {
		d->refused++;
		printf("refused\n");
	} else if (WEXITSTATUS(status) != 0)
		wrong(d, 0, "the store ended strangely");
	else
		printf("%s\n", *said != '\0' ? "failed" : "not noticed");
	mem_free(&said);
}

#endif

int
main(int argc, char **argv)
{
	struct damage d = { .seed = 88 }; /* there LMDB ruins the heap, too */
	bool memory = access("/dev/shm", W_OK) == 0;
	struct file *f;
	unsigned i;
	char *old;

	if (argc > 1)
		d.seed = strtoull(argv[1], NULL, 10);
	kit_init(&d.kit, memory ? "/dev/shm" : NULL);
	make_spool(&d);
	read_spool(&d);
	snprintf(d.hurt, sizeof(d.hurt), "%s/hurt", d.kit.dir);
	snprintf(d.out, sizeof(d.out), "%s/out", d.kit.dir);
	snprintf(d.err, sizeof(d.err), "%s/err", d.kit.dir);
	for (i = 0; i < ROUNDS && d.wrong == 0; i++) {
		f = hurt(&d, &old);
		write_spool(&d);
		check_salvage(&d, f, old);
		check_store(&d);
		memcpy(f->data, old, f->len);
		mem_free(&old);
	}
#ifndef __SANITIZE_ADDRESS__
	if (i == ROUNDS && d.died == 0)
		wrong(&d, 0,
		    "no place made LMDB fail: the test does not see it");
#endif
	printf("%u places: %u refused, %u gave up, %u wrong\n", i, d.refused,
	    d.died, d.wrong);
	for (i = 0; i < MESSAGES; i++)
		buf_fini(&d.msgs[i].record);
	for (i = 0; i < d.nfiles; i++)
		free(d.files[i].data);
	free(d.files);
	kit_fini(&d.kit);
	return d.wrong > 0;
}
