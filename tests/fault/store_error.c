/* SPDX-License-Identifier: ISC
 * store_error: what the store does when a write, a sync or a commit fails.
 * Only in a build with --enable-fault, else skipped. Each case runs in a
 * program of its own, for a fault point reads the environment only once:
 * three messages, the third of which meets the fault, and then a fourth. */
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
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
	{ "store.txn:enospc:3", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	{ "store.commit:enospc:4", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	{ "store.sync:enospc:3", 4000, -MX_EFULL, 0, STORE_OK, 0 },
	{ "store.append:eio:3", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.sync:eio:3", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.sync:eio:3", 300000, -MX_EIO, -MX_EIO, STORE_FAILED, 0 },
	{ "store.commit:eio:4", 4000, -MX_EIO, -MX_EIO, STORE_FAILED, -MX_EIO },
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

static bool
run_case(unsigned i)
{
	char number[16];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setenv("MXWATCH_FAULT", cases[i].fault, 1);
		snprintf(number, sizeof(number), "%u", i);
		(void)execl("/proc/self/exe", "store_error", number,
		    (char *)NULL);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(int argc, char **argv)
{
	unsigned i, failed = 0;

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
	return failed > 0;
}
