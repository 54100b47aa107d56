/* SPDX-License-Identifier: ISC
 * store_flips: many single places of a database go bad, before it is opened or
 * while it is worked on, and a store reads and writes all of it. Whatever the
 * place, it goes on, is refused, or ends with STORE_EXIT_DAMAGED and one line
 * that says what to do; it never dies of a signal and never hangs. Where
 * store_damage looks at what salvage brings out of a few places, this looks at
 * many. The same places on every run: `store_flips [FLIPS [SEED
 * [FIRST]]]`, where FIRST is the number of one that is to be seen again. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define SKIP	 77
#define FLIPS	 300
#define MESSAGES 160
#define RCPTS	 200 /* make a record that does not fit into a page */
#define PAGE	 4096
#define HANG_S	 5

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif

struct flip {
	size_t at;
	uint8_t mask[8];
	size_t n;
	bool live; /* while the store is open */
};

struct trial {
	struct kit kit;
	char db[300], err[300];
	uint64_t ids[MESSAGES];
	char *data; /* of the database as it was */
	size_t len;
	uint64_t seed;
	unsigned at, first;
	unsigned refused, died, failed, unseen, wrong;
};

/* ---- many requests at once, as a daemon has them */

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct trial *t = arg;

	(void)token;
	(void)rc;
	kit_one_done(&t->kit);
}

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	on_done(arg, token, rc);
}

static uint64_t
commit(struct trial *t, size_t len, unsigned rcpts)
{
	struct store_tx *tx = store_tx_begin(t->kit.store);
	struct envelope *e = kit_envelope("example.org");
	char *data = mem_alloc(len + 1), name[40];
	uint64_t id = store_tx_id(tx);

	kit_fill(data, len, id);
	(void)!store_tx_append(tx, data, len);
	mem_free(&data);
	for (; rcpts > 0; rcpts--) {
		snprintf(name, sizeof(name), "user%u@example.org", rcpts);
		(void)envelope_add_rcpt(e, name);
	}
	t->kit.waiting++;
	store_tx_commit(&tx, &e, 1, on_commit, t, 0);
	return id;
}

static void
update_some(struct trial *t, unsigned step)
{
	struct envelope *envs[MESSAGES] = { NULL };

	for (unsigned i = 0; i < MESSAGES; i += step) {
		if (kit_load(&t->kit, t->ids[i], SIZE_MAX) != 0)
			continue;
		envs[i] = envelope_copy(t->kit.loaded.env);
		envs[i]->attempts++;
		for (unsigned n = 0; i % 9 == 0 && n < 60; n++)
			(void)envelope_add_rcpt(envs[i],
			    "one.more@example.org");
	}
	for (unsigned i = 0; i < MESSAGES; i++) {
		t->kit.waiting += envs[i] != NULL;
		if (envs[i] != NULL)
			store_update(t->kit.store, envs[i], on_done, t, 0);
		envelope_destroy(&envs[i]);
	}
	kit_wait_all(&t->kit);
}

static void
remove_some(struct trial *t, unsigned from, unsigned step)
{
	for (unsigned i = from; i < MESSAGES; i += step) {
		t->kit.waiting++;
		store_remove(t->kit.store, t->ids[i], on_done, t, 0);
	}
	kit_wait_all(&t->kit);
}

/* A spool with a past: free pages, overflow pages, pages that were split. */
static void
make_spool(struct trial *t)
{
	struct stat st;
	int fd;

	t->kit.conf.segment_size = 64u << 10;
	t->kit.conf.map_size = 4u << 20;
	MX_ASSERT(kit_open(&t->kit));
	for (unsigned i = 0; i < MESSAGES; i++)
		t->ids[i] = commit(t, (size_t)kit_chance(&t->seed, 2000),
		    i % 40 == 20 ? RCPTS : 0);
	kit_wait_all(&t->kit);
	store_state_put(t->kit.store, "known:example.org", "1 2 3", 5, NULL,
	    NULL, 0);
	update_some(t, 4);
	remove_some(t, 3, 5);
	for (unsigned i = 0; i < 8; i++) {
		(void)commit(t, 500, 0);
		kit_wait_all(&t->kit);
	}
	kit_close(&t->kit);
	snprintf(t->db, sizeof(t->db), "%s/db/data.mdb", t->kit.dir);
	snprintf(t->err, sizeof(t->err), "%s/err", t->kit.dir);
	MX_ASSERT((fd = open(t->db, O_RDONLY)) >= 0 && fstat(fd, &st) == 0);
	t->len = (size_t)st.st_size;
	t->data = mem_alloc(t->len);
	MX_ASSERT(read(fd, t->data, t->len) == (ssize_t)t->len);
	close(fd);
}

/* ---- damage */

static unsigned
get16(const char *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* A byte of what LMDB believes: the head of a page, the places of its nodes,
 * the heads of those; of any page now and then. */
static size_t
choose_place(struct trial *t)
{
	size_t page = (size_t)kit_chance(&t->seed, t->len / PAGE) * PAGE;
	const char *head = t->data + page;
	unsigned keys = get16(head + 12) > 16 ? (get16(head + 12) - 16) / 2 : 0;
	uint64_t what = kit_chance(&t->seed, 10);

	if (what < 4)
		return page + 8 + (size_t)kit_chance(&t->seed, 8);
	if (keys == 0 || keys > PAGE / 4 || what > 8)
		return page + (size_t)kit_chance(&t->seed, PAGE);
	if (what < 6)
		return page + 16 + (size_t)kit_chance(&t->seed, 2 * keys);
	return page + get16(head + 16 + 2 * kit_chance(&t->seed, keys)) +
	    (size_t)kit_chance(&t->seed, 8);
}

static struct flip
choose(struct trial *t)
{
	struct flip f = { .n = 1 };

	f.at = choose_place(t);
	f.live = kit_chance(&t->seed, 2) == 0;
	if (kit_chance(&t->seed, 4) == 0)
		f.n = 1 + (size_t)kit_chance(&t->seed, sizeof(f.mask));
	if (f.at + f.n > t->len)
		f.at = t->len - f.n;
	for (size_t i = 0; i < f.n; i++)
		f.mask[i] = f.n == 1 && kit_chance(&t->seed, 3) > 0 ?
		    (uint8_t)(1u << kit_chance(&t->seed, 8)) :
		    (uint8_t)(1 + kit_chance(&t->seed, 255));
	return f;
}

static void
flip_file(struct trial *t, const struct flip *f)
{
	char bytes[sizeof(f->mask)];
	int fd = open(t->db, O_RDWR);

	MX_ASSERT(fd >= 0);
	MX_ASSERT(pread(fd, bytes, f->n, (off_t)f->at) == (ssize_t)f->n);
	for (size_t i = 0; i < f->n; i++)
		bytes[i] = (char)(bytes[i] ^ (char)f->mask[i]);
	MX_ASSERT(pwrite(fd, bytes, f->n, (off_t)f->at) == (ssize_t)f->n);
	close(fd);
}

/* ---- a store that works on it */

static void
work(struct trial *t)
{
	(void)kit_scan(&t->kit);
	kit_states(&t->kit);
	update_some(t, 3);
	for (unsigned i = 0; i < 10; i++)
		(void)commit(t, 1000, i == 5 ? RCPTS : 0);
	kit_wait_all(&t->kit);
	remove_some(t, 0, 4);
	for (unsigned i = 0; i < 6; i++) {
		(void)commit(t, 1000, 0);
		kit_wait_all(&t->kit);
	}
	store_state_put(t->kit.store, "known:example.org", "4", 1, NULL, NULL,
	    0);
	remove_some(t, 0, 1);
	(void)commit(t, 1000, 0);
	kit_wait_all(&t->kit);
}

static void
child(struct trial *t, const struct flip *f)
{
	int fd = open(t->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)dup2(fd, 2);
	alarm(HANG_S);
	if (!f->live)
		flip_file(t, f);
	if (!kit_open(&t->kit)) {
		fprintf(stderr, "refused: %s\n", t->kit.eb.text);
		_exit(10);
	}
	if (f->live) {
		(void)kit_scan(&t->kit);
		flip_file(t, f);
	}
	work(t);
	kit_close(&t->kit);
	_exit(t->kit.state == STORE_FAILED ? 11 : 0);
}

static bool
said(const struct trial *t, const char *what)
{
	char text[4096] = "";
	int fd = open(t->err, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 && strstr(text, what) != NULL;
}

static void
wrong(struct trial *t, const struct flip *f, const char *what, int how)
{
	char text[2000] = "";
	int fd = open(t->err, O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	printf("%u: %s (%d): page %zu byte %zu, %zu bytes, mask %02x, %s\n%s\n",
	    t->at - 1, what, how, f->at / PAGE, f->at % PAGE, f->n, f->mask[0],
	    f->live ? "open" : "before", text);
	t->wrong++;
}

static void
restore(struct trial *t)
{
	char cmd[1000];
	int fd;

	/* bodies matter to nobody here, their names do: none may be missing */
	fd = open(t->db, O_WRONLY | O_TRUNC);
	MX_ASSERT(fd >= 0 && write(fd, t->data, t->len) == (ssize_t)t->len);
	close(fd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s/seg && cp -al %s/seg.was %s/seg",
	    t->kit.dir, t->kit.dir, t->kit.dir);
	MX_ASSERT(system(cmd) == 0);
}

static void
one_trial(struct trial *t)
{
	struct flip f = choose(t);
	int status;
	pid_t pid;

	if (t->at++ < t->first)
		return;
	restore(t);
	fflush(stdout);
	if ((pid = fork()) == 0)
		child(t, &f);
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status)) {
		wrong(t, &f, "died of a signal", WTERMSIG(status));
		return;
	}
	switch (WEXITSTATUS(status)) {
	case STORE_EXIT_DAMAGED:
		t->died++;
		if (!said(t, "event=database_damaged") ||
		    !said(t, "mxwatch-salvage"))
			wrong(t, &f, "did not say why", 0);
		break;
	case 10:
		t->refused++;
		break;
	case 11:
		t->failed++;
		break;
	case 0:
		t->unseen++;
		break;
	default:
		wrong(t, &f, "ended strangely", WEXITSTATUS(status));
	}
}

int
main(int argc, char **argv)
{
	struct trial t = { .seed = 190 };
	bool memory = access("/dev/shm", W_OK) == 0;
	unsigned n = FLIPS, i;
	char cmd[1000];

#ifdef __SANITIZE_ADDRESS__
	/* the sanitizer would have a word of its own about LMDB */
	return SKIP;
#endif
	if (argc > 1)
		n = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		t.seed = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		t.first = (unsigned)strtoul(argv[3], NULL, 10);
	kit_init(&t.kit, memory ? "/dev/shm" : NULL);
	make_spool(&t);
	snprintf(cmd, sizeof(cmd), "cp -a %s/seg %s/seg.was", t.kit.dir,
	    t.kit.dir);
	MX_ASSERT(system(cmd) == 0);
	for (i = 0; i < n && t.wrong < 20; i++)
		one_trial(&t);
	printf("%u places: %u refused, %u ended as damaged, %u failed, "
	       "%u not noticed, %u wrong\n",
	    i, t.refused, t.died, t.failed, t.unseen, t.wrong);
	free(t.data);
	kit_fini(&t.kit);
	return t.wrong > 0;
}
