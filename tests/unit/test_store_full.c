/* SPDX-License-Identifier: ISC
 * test_store_full: a disk that fills up, and a database map that does. New
 * mail is refused, what is stored can be read and removed, and the space that
 * this frees is used again. Needs a file system of its own: a small tmpfs,
 * so it runs for root only. */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define SKIP	 77
#define MESSAGES 4000
#define MIXED	 20
#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #cond);                                            \
			return false;                                          \
		}                                                              \
	} while (0)

static uint64_t ids[MESSAGES];

/* Commits until there is no space, also when the database has taken in what the
 * log had; how many there are then. */
static unsigned
fill(struct kit *k, size_t len)
{
	unsigned n;

	for (n = 0; n < MESSAGES; n++) {
		if ((ids[n] = kit_commit(k, len, n, 1)) != 0)
			continue;
		kit_settle(k);
		if ((ids[n] = kit_commit(k, len, n, 1)) == 0)
			break;
	}
	return n;
}

struct mix {
	struct kit *k;
	unsigned left, full, removed;
	bool over;
};

static void
mix_done(struct mix *m)
{
	m->over = --m->left == 0;
	if (m->over)
		loop_stop(m->k->loop);
}

static void
mix_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct mix *m = arg;

	(void)token;
	(void)n;
	envelope_destroy(&parts[0]);
	m->full += rc == -MX_EFULL;
	mix_done(m);
}

static void
mix_remove(void *arg, uint64_t token, int rc)
{
	struct mix *m = arg;

	(void)token;
	m->removed += rc == 0;
	mix_done(m);
}

/* Commits that find no space, and removals in the same groups: only the
 * former fail. ids[0..MIXED) are gone afterwards. */
static bool
check_mixed(struct kit *k, size_t len)
{
	struct mix m = { k, 2 * MIXED, 0, 0, false };
	char *data = mem_alloc(len + 1);
	struct store_tx *tx;
	struct envelope *e;
	unsigned i;

	for (i = 0; i < MIXED; i++) {
		tx = store_tx_begin(k->store);
		CHECK(store_tx_append(tx, data, len) == 0);
		e = kit_envelope("example.org");
		store_tx_commit(&tx, &e, 1, mix_commit, &m, 0);
		store_remove(k->store, ids[i], mix_remove, &m, 0);
	}
	mem_free(&data);
	kit_wait(k, &m.over);
	CHECK(m.removed == MIXED);
	CHECK(m.full > 0);
	return true;
}

static bool
check_full(struct kit *k, size_t len, unsigned n)
{
	unsigned i;

	CHECK(n > 10 && n < MESSAGES);
	CHECK(k->rc == -MX_EFULL);
	kit_wait_state(k, STORE_FULL);
	CHECK(store_accepting(k->store, 1) == -MX_EFULL);
	for (i = 0; i < n; i++)
		CHECK(kit_verify(k, ids[i], len, i) == 0);
	/* every removal gets through, also with not a block to spare */
	CHECK(n > 2 * MIXED && check_mixed(k, len));
	for (i = MIXED; i < n; i += 2)
		CHECK(kit_remove(k, ids[i]) == 0);
	for (i = MIXED + 1; i < n; i += 2)
		CHECK(kit_verify(k, ids[i], len, i) == 0);
	for (i = MIXED + 1; i < n; i += 2)
		CHECK(kit_remove(k, ids[i]) == 0);
	kit_wait_state(k, STORE_OK);
	CHECK(store_accepting(k->store, 1) == 0);
	CHECK(kit_commit(k, len, 1, 1) != 0);
	return true;
}

/* Takes what is left of the file system, to the last block. */
static void
stuff(const char *mnt, bool on)
{
	char path[300], block[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/stuffing", mnt);
	if (!on) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		;
	if (fd >= 0)
		close(fd);
}

static bool
test_disk(const char *mnt)
{
	struct kit k;
	bool ok;
	unsigned n;

	kit_init(&k, mnt);
	ok = kit_open(&k);
	n = ok ? fill(&k, 30000) : 0;
	stuff(mnt, true);
	ok = ok && check_full(&k, 30000, n);
	stuff(mnt, false);
	kit_fini(&k);
	return ok;
}

/* A large body that does not fit fails alone and leaves nothing. */
static bool
test_large(const char *mnt)
{
	struct kit k;
	uint64_t blocks, id;
	bool ok;

	kit_init(&k, mnt);
	ok = kit_open(&k);
	id = ok ? kit_commit(&k, 1000, 1, 1) : 0;
	ok = ok && kit_commit(&k, 60u << 20, 2, 1) == 0 && k.rc == -MX_EFULL &&
	    kit_verify(&k, id, 1000, 1) == 0;
	if (ok) {
		kit_wait_state(&k, STORE_OK);
		ok = kit_commit(&k, 300000, 3, 1) != 0 &&
		    kit_segments(&k, &blocks) == 2;
	}
	kit_fini(&k);
	return ok;
}

static bool
test_map(const char *mnt)
{
	struct kit k;
	bool ok;

	kit_init(&k, mnt);
	k.conf.map_size = 256 << 10;
	ok = kit_open(&k) && check_full(&k, 0, fill(&k, 0));
	kit_fini(&k);
	return ok;
}

int
main(void)
{
	static const struct {
		const char *name;
		bool (*fn)(const char *mnt);
	} tests[] = {
		{ "disk full", test_disk },
		{ "large body", test_large },
		{ "map full", test_map },
	};
	char mnt[] = "mxfull.XXXXXX";
	size_t i;
	int failed = 0;

	if (geteuid() != 0) {
		printf("skipped: only root can mount a small tmpfs\n");
		return SKIP;
	}
	if (mkdtemp(mnt) == NULL)
		return 1;
	/* a mount of this process alone: it goes when we do, however */
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", mnt, "tmpfs", 0, "size=40m") != 0) {
		printf("skipped: no tmpfs: %s\n", strerror(errno));
		(void)rmdir(mnt);
		return SKIP;
	}
	for (i = 0; i < MX_COUNT(tests); i++) {
		bool ok = tests[i].fn(mnt);

		printf("%s: %s\n", ok ? "ok" : "FAILED", tests[i].name);
		failed += !ok;
	}
	if (umount(mnt) != 0 || rmdir(mnt) != 0)
		perror(mnt);
	return failed > 0;
}
