/* SPDX-License-Identifier: ISC
 * store_corrupt: every way into a database that LMDB itself calls corrupted,
 * while it is open: a load, a fetch, the scan, the state that is read at once,
 * a commit, an update, a removal, a state that is put. Each of them ends the
 * process with STORE_EXIT_DAMAGED and one line that says what is damaged, where
 * and what to do; an opening refuses it with -MX_ECORRUPT. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define PAGE	      4096
#define PAGE_HEAD     16
#define SEGMENT_BYTES 53 /* of the record of a segment */
#define MESSAGES      60

enum damage {
	DAMAGE_PAGES, /* none is of a kind that there is */
	DAMAGE_SEGMENT, /* a record of ours, of a segment, does not hold */
};

struct corrupt {
	struct kit kit;
	uint64_t ids[MESSAGES];
	char err[300];
};

static void
by_load(struct corrupt *c)
{
	(void)kit_load(&c->kit, c->ids[7], SIZE_MAX);
}

static void
on_fetched(void *arg, struct envelope **envs, unsigned n)
{
	struct corrupt *c = arg;

	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&envs[i]);
	c->kit.done = true;
	loop_stop(c->kit.loop);
}

static void
by_fetch(struct corrupt *c)
{
	c->kit.done = false;
	(void)store_fetch(c->kit.store, c->ids, 3, on_fetched, c);
	kit_wait(&c->kit, &c->kit.done);
}

static void
by_scan(struct corrupt *c)
{
	(void)kit_scan(&c->kit);
}

static void
by_state(struct corrupt *c)
{
	kit_states(&c->kit);
}

static void
by_commit(struct corrupt *c)
{
	(void)kit_commit(&c->kit, 1000, 1, 1);
}

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct corrupt *c = arg;

	(void)token;
	(void)rc;
	c->kit.done = true;
	loop_stop(c->kit.loop);
}

static void
by_update(struct corrupt *c)
{
	struct envelope *e = kit_envelope("example.org");

	e->id = c->ids[9];
	c->kit.done = false;
	store_update(c->kit.store, e, on_done, c, 0);
	envelope_destroy(&e);
	kit_wait(&c->kit, &c->kit.done);
}

static void
by_remove(struct corrupt *c)
{
	(void)kit_remove(&c->kit, c->ids[11]);
}

static void
by_state_put(struct corrupt *c)
{
	c->kit.done = false;
	store_state_put(c->kit.store, "hold:example.org", "1", 1, on_done, c,
	    0);
	kit_wait(&c->kit, &c->kit.done);
}

static const struct way {
	const char *name;
	enum damage damage;
	void (*go)(struct corrupt *);
} ways[] = {
	{ "load", DAMAGE_PAGES, by_load },
	{ "fetch", DAMAGE_PAGES, by_fetch },
	{ "scan", DAMAGE_PAGES, by_scan },
	{ "state", DAMAGE_PAGES, by_state },
	{ "commit", DAMAGE_PAGES, by_commit },
	{ "update", DAMAGE_PAGES, by_update },
	{ "remove", DAMAGE_PAGES, by_remove },
	{ "state put", DAMAGE_PAGES, by_state_put },
	{ "remove, segment", DAMAGE_SEGMENT, by_remove },
};

/* ---- damage */

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)(p[0] | p[1] << 8);
}

static void
spoil_segments(uint8_t *page)
{
	for (unsigned i = PAGE_HEAD; i < get16(page + 12); i += 2) {
		unsigned at = get16(page + i);

		if (at < PAGE - 16 && get16(page + at) == SEGMENT_BYTES &&
		    get16(page + at + 6) == 8)
			page[at + 16 + 30] ^= 0x10;
	}
}

static void
spoil(struct corrupt *c, enum damage how)
{
	uint8_t page[PAGE];
	char path[300];
	off_t at;
	int fd;

	snprintf(path, sizeof(path), "%s/db/data.mdb", c->kit.dir);
	MX_ASSERT((fd = open(path, O_RDWR)) >= 0);
	for (at = 2 * PAGE; pread(fd, page, PAGE, at) == PAGE; at += PAGE) {
		if ((page[10] & 3) == 0)
			continue; /* neither branch nor leaf */
		if (how == DAMAGE_PAGES)
			page[10] = (uint8_t)(page[10] & ~3);
		else
			spoil_segments(page);
		MX_ASSERT(pwrite(fd, page, PAGE, at) == PAGE);
	}
	close(fd);
}

/* ---- the cases */

static void
make(struct corrupt *c)
{
	kit_init(&c->kit, NULL);
	snprintf(c->err, sizeof(c->err), "%s/err", c->kit.dir);
	MX_ASSERT(kit_open(&c->kit));
	for (unsigned i = 0; i < MESSAGES; i++)
		c->ids[i] = kit_commit(&c->kit, 100, i, 1);
	kit_close(&c->kit);
}

static bool
is_told(const struct corrupt *c)
{
	char text[8192] = "";
	const char *line;
	int fd = open(c->err, O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	line = strstr(text, "event=database_damaged file=");
	if (line != NULL && strstr(line, "/db/data.mdb\" by=\"") != NULL &&
	    strstr(line, "run mxwatch-salvage") != NULL &&
	    strstr(line + 1, "event=database_damaged") == NULL)
		return true;
	printf("it said: %s\n", text);
	return false;
}

static bool
try_way(const struct way *w)
{
	struct corrupt c;
	int status, fd;
	pid_t pid;
	bool ok;

	make(&c);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		fd = open(c.err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		(void)dup2(fd, 2);
		MX_ASSERT(kit_open(&c.kit));
		spoil(&c, w->damage);
		w->go(&c);
		kit_settle(&c.kit); /* what is written is met behind the log */
		_exit(0);
	}
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	ok = WIFEXITED(status) && WEXITSTATUS(status) == STORE_EXIT_DAMAGED &&
	    is_told(&c);
	/* what remains is refused, in the same words as ever */
	ok = ok && !kit_open(&c.kit) && c.kit.rc == -MX_ECORRUPT &&
	    strstr(c.kit.eb.text, "mxwatch-salvage") != NULL;
	printf("%s: %s (status %x; then: %s)\n", ok ? "ok" : "FAILED", w->name,
	    (unsigned)status, c.kit.eb.text);
	kit_fini(&c.kit);
	return ok;
}

int
main(void)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < MX_COUNT(ways); i++)
		failed += !try_way(&ways[i]);
	return failed > 0;
}
