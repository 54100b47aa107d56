/* SPDX-License-Identifier: ISC
 * store_error: what the store does when a write, a sync or a commit fails.
 * Only in a build with --enable-fault, else skipped. Each case runs in a
 * program of its own, for a fault point reads the environment only once:
 * three messages, the third of which meets the fault, and then a fourth; and
 * a log or a database that takes nothing any more, or nothing for a while. */
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define SKIP 77

static const struct fault_case {
	const char *fault;
	size_t len; /* of the bodies */
	int third, fourth; /* what becomes of these commits */
	enum store_state state; /* at the end */
	int remove; /* what becomes of a removal */
} cases[] = {
	{ "store.append:enospc:3", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	{ "store.sync:enospc:3", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	{ "store.reserve:enospc:3", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	/* what cannot be taken back may have been promised */
	{ "store.append:enospc:3,store.sync:eio:3", 4000, -MX_EIO, -MX_EIO,
	    STORE_FAILED, 0 },
	{ "store.append:eio:3", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.sync:eio:3", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.sync:eio:5", 300000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.reserve:eio:3", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.unlink:eio:1+", 300000, 0, 0, STORE_OK, 0 },
};

#define EXPECT(cond)                                                           \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #cond);                                            \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static void
child_run(const struct fault_case *fc)
{
	struct kit k;
	uint64_t ids[4];
	unsigned i;
	int want;

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	for (i = 0; i < 4; i++) {
		ids[i] = kit_commit(&k, fc->len, i, 1);
		want = i < 2 ? 0 : i == 2 ? fc->third : fc->fourth;
		EXPECT(k.rc == want);
	}
	kit_wait_writable(&k); /* by itself, without a request */
	kit_wait_state(&k, fc->state);
	EXPECT(fc->third == 0 || k.errors > 0);
	for (i = 0; i < 4; i++)
		if (ids[i] != 0)
			EXPECT(kit_verify(&k, ids[i], fc->len, i) == 0);
	EXPECT(kit_remove(&k, ids[0]) == fc->remove);
	kit_close(&k);
	/* a restart looks at the spool and accepts again */
	EXPECT(kit_open(&k));
	EXPECT(kit_verify(&k, ids[1], fc->len, 1) == 0);
	EXPECT(kit_commit(&k, fc->len, 9, 1) != 0);
	EXPECT(kit_load(&k, ids[0], 0) == (fc->remove == 0 ? -MX_ENOENT : 0));
	kit_fini(&k);
	_exit(0);
}

/* A removal cannot be written, nor in another file: an outcome that cannot be
 * noted. Said before the answer, and no longer when one can be. */
static void
child_removal(void)
{
	struct kit k;
	uint64_t ids[2];

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	ids[0] = kit_commit(&k, 100, 0, 1);
	ids[1] = kit_commit(&k, 100, 1, 1);
	EXPECT(kit_remove(&k, ids[0]) == -MX_EIO && k.unwritable);
	EXPECT(kit_load(&k, ids[0], 0) == 0);
	kit_wait_writable(&k);
	EXPECT(kit_remove(&k, ids[0]) == 0 && !k.unwritable);
	EXPECT(kit_load(&k, ids[0], 0) == -MX_ENOENT);
	EXPECT(kit_verify(&k, ids[1], 100, 1) == 0);
	kit_fini(&k);
	_exit(0);
}

/* The database does not take what the log has: no more new mail, but what was
 * promised is there, can be read, changed and removed, and is after a restart. */
static void
behind(enum store_state state, int refused)
{
	struct kit k;
	uint64_t ids[4];
	char id[32];
	unsigned i;

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	for (i = 0; i < 4; i++)
		EXPECT((ids[i] = kit_commit(&k, 4000, i, 1)) != 0 || i > 1);
	kit_wait_state(&k, state);
	EXPECT(kit_commit(&k, 100, 9, 1) == 0 && k.rc == refused);
	EXPECT(kit_verify(&k, ids[0], 4000, 0) == 0);
	EXPECT(kit_verify(&k, ids[1], 4000, 1) == 0);
	EXPECT(kit_remove(&k, ids[0]) == 0 && !k.unwritable);
	EXPECT(kit_load(&k, ids[0], 0) == -MX_ENOENT);
	kit_close(&k);
	(void)unsetenv("MXWATCH_FAULT");
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)ids[1]);
	(void)execl("/proc/self/exe", "store_error", "after", k.dir, id,
	    (char *)NULL);
	_exit(1);
}

/* The restart: the first message is gone, the second is there. */
static int
after(const char *dir, const char *id)
{
	struct kit k;

	kit_attach(&k, dir);
	EXPECT(kit_open(&k));
	EXPECT(kit_verify(&k, strtoull(id, NULL, 16), 4000, 1) == 0);
	EXPECT(kit_scan(&k) <= 3); /* not the first */
	kit_fini(&k);
	return 0;
}

static void
child_behind(void)
{
	behind(STORE_FAILED, -MX_EIO);
}

static void
child_behind_full(void)
{
	behind(STORE_FULL, -MX_EFULL);
}

/* A sync that failed: its message may be on the disk and was refused. What comes
 * behind it in the next file of the log voids it. */
static void
child_void(void)
{
	struct kit k;
	uint64_t id;

	kit_init(&k, NULL);
	k.conf.behind_ms = 60000;
	EXPECT(kit_open(&k));
	id = kit_commit(&k, 4000, 0, 1);
	EXPECT(id != 0 && kit_commit(&k, 4000, 1, 1) == 0 && k.rc == -MX_EIO);
	EXPECT(kit_remove(&k, id) == 0);
	kit_close(&k);
	EXPECT(kit_open(&k));
	EXPECT(kit_scan(&k) == 0);
	kit_fini(&k);
	_exit(0);
}

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct kit *k = arg;

	(void)token;
	k->rc = rc;
	k->done = true;
	loop_stop(k->loop);
}

/* One record that is too big for its transaction is not everybody's trouble. */
static void
child_odd(void)
{
	struct envelope *e = kit_envelope("example.org");
	struct kit k;
	uint64_t id;

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	id = kit_commit(&k, 100, 0, 1);
	e->id = id;
	mem_free(&e->sender);
	e->sender = mem_alloc(5000);
	memset(e->sender, 'x', 4999); /* more than the codec has room for */
	k.done = false;
	store_update(k.store, e, on_done, &k, 0);
	envelope_destroy(&e);
	kit_wait(&k, &k.done);
	EXPECT(k.rc == -MX_ETOOBIG && !k.unwritable);
	EXPECT(kit_remove(&k, id) == 0);
	kit_fini(&k);
	_exit(0);
}

static void
on_scanned(void *arg, int rc, uint64_t damaged)
{
	unsigned *calls = arg;

	(void)damaged;
	EXPECT(rc == -MX_ECANCELED);
	++*calls;
}

static void
on_record(void *arg, const struct envelope_brief *e)
{
	(void)arg;
	(void)e;
	EXPECT(false); /* the loop does not run */
}

/* The scan fails while the store is being closed: its answer finds nobody. */
static void
child_close(void)
{
	unsigned calls = 0;
	struct kit k;

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	(void)kit_commit(&k, 100, 0, 1);
	store_scan(k.store, on_record, on_scanned, &calls);
	kit_close(&k);
	EXPECT(calls == 1);
	EXPECT(kit_open(&k)); /* nobody took it for a damaged one */
	EXPECT(kit_scan(&k) == 1 && k.rc == 0);
	kit_fini(&k);
	_exit(0);
}

/* A scan that fails is no end of the database (store.h), but of all trust. */
static void
child_scan(void)
{
	struct kit k;
	uint64_t id;

	kit_init(&k, NULL);
	EXPECT(kit_open(&k));
	id = kit_commit(&k, 100, 0, 1);
	EXPECT(kit_scan(&k) == 0 && k.rc == -MX_EIO);
	kit_wait_state(&k, STORE_FAILED);
	EXPECT(kit_commit(&k, 100, 1, 1) == 0 && k.rc == -MX_EIO);
	EXPECT(kit_verify(&k, id, 100, 0) == 0);
	kit_fini(&k);
	_exit(0);
}

static const struct special {
	const char *name, *fault;
	void (*run)(void);
} specials[] = {
	{ "removal", "store.append:eio:3,store.append:eio:3", child_removal },
	{ "database fails", "store.txn:eio:1+", child_behind },
	{ "database is full", "store.txn:enospc:1+", child_behind_full },
	{ "sync lost", "store.sync:eio:2", child_void },
	{ "odd", "none:eio:1", child_odd },
	{ "close", "store.scan:eio:1", child_close },
	{ "scan", "store.scan:eio:1", child_scan },
};

static bool
run(const char *fault, const char *argument)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setenv("MXWATCH_FAULT", fault, 1);
		(void)execl("/proc/self/exe", "store_error", argument,
		    (char *)NULL);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool
run_case(unsigned i)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", i);
	return run(cases[i].fault, number);
}

int
main(int argc, char **argv)
{
	unsigned i, failed = 0;

	if (argc == 4)
		return after(argv[2], argv[3]);
	for (i = 0; argc == 2 && i < MX_COUNT(specials); i++)
		if (strcmp(argv[1], specials[i].name) == 0)
			specials[i].run();
	if (argc == 2) {
		i = (unsigned)strtoul(argv[1], NULL, 10);
		if (i >= MX_COUNT(cases))
			return 2;
		child_run(&cases[i]);
	}
#ifndef MX_FAULT
	printf("skipped: built without --enable-fault\n");
	return SKIP;
#endif
	for (i = 0; i < MX_COUNT(cases); i++) {
		bool ok = run_case(i);

		printf("%s: %s, bodies of %zu\n", ok ? "ok" : "FAILED",
		    cases[i].fault, cases[i].len);
		failed += !ok;
	}
	for (i = 0; i < MX_COUNT(specials); i++) {
		bool ok = run(specials[i].fault, specials[i].name);

		printf("%s: %s\n", ok ? "ok" : "FAILED", specials[i].name);
		failed += !ok;
	}
	return failed > 0;
}
