/* SPDX-License-Identifier: ISC
 * store_kill: kills a store at any moment and looks at what is left. A child
 * commits and removes in a loop and writes each acknowledgement to a pipe; it
 * is killed some milliseconds after a random number of them, or, in a build
 * with --enable-fault, at one of the fault points. How long that takes does
 * not matter: a busy machine only makes the rounds longer. Then: every message whose commit was
 * acknowledged (and whose removal was not asked for) is there, whole; what is
 * there beyond that is whole too; what was removed is gone. The directory
 * lives through all the rounds, or the database does (KIT_ENGINE, see store_kit.c).
 * `store_kill [SEED [ROUNDS]]`: the seed chooses
 * points and counts, the moment is the machine's. */
#include <sys/types.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define ROUNDS	      20
#define OUTSTANDING   20
#define ACKS_RANDOM   100 /* of a round, at most, before the kill */
#define ACKS_FAULT    2000 /* the fault point is not reached: killed then */
#define CHILD_SECONDS 300 /* a child that hangs ends the test */

enum note_kind { NOTE_COMMITTED, NOTE_REMOVING, NOTE_REMOVED };

struct note {
	uint64_t id;
	uint64_t kind;
};

/* What a message looks like follows from its id. */
static unsigned
parts_of(uint64_t id)
{
	return 1 + (unsigned)(id >> 8) % 3;
}

static size_t
length_of(uint64_t id)
{
	uint64_t h = (id >> 8) * 0x9e3779b97f4a7c15u;

	return h % 20 == 0 ? 262144 + (h >> 20) % 500000 : (h >> 20) % 8000;
}

/* ---- the child */

struct child {
	struct kit kit;
	int out;
	uint64_t kept; /* one message that is to be removed some time */
	uint64_t seed;
};

static void
note(const struct child *c, uint64_t id, enum note_kind kind)
{
	struct note n = { id, kind };

	if (write(c->out, &n, sizeof(n)) != sizeof(n))
		_exit(1);
}

static void child_commit(struct child *);

static void
child_removed(void *arg, uint64_t token, int rc)
{
	if (rc == 0)
		note(arg, token, NOTE_REMOVED);
}

static void
child_remove(struct child *c, uint64_t id)
{
	unsigned i;

	note(c, id, NOTE_REMOVING);
	for (i = 0; i < parts_of(id); i++)
		store_remove(c->kit.store, id | i,
		    i + 1 == parts_of(id) ? child_removed : NULL, c, id);
}

static void
child_committed(void *arg, uint64_t id, int rc, struct envelope **parts,
    unsigned n)
{
	struct child *c = arg;
	unsigned i;

	for (i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	if (rc != 0)
		_exit(1);
	note(c, id, NOTE_COMMITTED);
	if (c->kept != 0 && kit_chance(&c->seed, 4) != 0) {
		child_remove(c, c->kept);
		c->kept = 0;
	}
	if (c->kept == 0)
		c->kept = id;
	child_commit(c);
}

static void
child_commit(struct child *c)
{
	struct store_tx *tx = store_tx_begin(c->kit.store);
	struct envelope *parts[3];
	uint64_t id = store_tx_id(tx);
	size_t len = length_of(id);
	char *data = mem_alloc(len + 1);
	unsigned i;

	kit_fill(data, len, id);
	if (store_tx_append(tx, data, len) != 0)
		_exit(1);
	mem_free(&data);
	for (i = 0; i < parts_of(id); i++)
		parts[i] = kit_envelope("example.org");
	store_tx_commit(&tx, parts, parts_of(id), child_committed, c, id);
}

/* A program of its own: a fault point reads the environment only once. */
static void
child_run(const char *dir, const char *out, const char *seed)
{
	struct child c = { .out = (int)strtol(out, NULL, 10),
		.seed = strtoull(seed, NULL, 10) };
	unsigned i;

	alarm(CHILD_SECONDS);
	kit_attach(&c.kit, dir);
	if (!kit_open(&c.kit))
		_exit(1);
	for (i = 0; i < OUTSTANDING; i++)
		child_commit(&c);
	loop_run(c.kit.loop);
	_exit(1);
}

/* ---- the parent */

struct check {
	struct kit kit;
	struct idmap sure; /* ids that must be there -> any pointer */
	struct idmap maybe; /* being removed: there or not */
	struct idmap gone; /* acknowledged as removed */
	uint64_t *found;
	unsigned nfound, wrong;
	unsigned acknowledged;
	uint64_t seed;
};

static void
check_wrong(struct check *c, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016llx: %s\n", (unsigned long long)id, what);
	c->wrong++;
}

/* Kills the child a moment after `acks` acknowledgements, unless it has died
 * at its fault point before; reads until it is gone, for its last notes
 * count. */
static void
check_notes(struct check *c, int in, pid_t child, unsigned acks)
{
	struct note n;

	while (read(in, &n, sizeof(n)) == sizeof(n)) {
		if (n.kind == NOTE_COMMITTED) {
			c->acknowledged++;
			if (acks > 0 && --acks == 0) {
				(void)poll(NULL, 0,
				    (int)kit_chance(&c->seed, 20));
				(void)kill(child, SIGKILL);
			}
			idmap_put(&c->sure, n.id, c);
		} else if (n.kind == NOTE_REMOVING) {
			(void)idmap_take(&c->sure, n.id);
			idmap_put(&c->maybe, n.id, c);
		} else {
			(void)idmap_take(&c->maybe, n.id);
			idmap_put(&c->gone, n.id, c);
		}
	}
}

static void
check_record(void *arg, const struct envelope_brief *e)
{
	struct check *c = arg;

	if (c->nfound % 1024 == 0)
		c->found =
		    mem_grow(c->found, c->nfound + 1024, sizeof(*c->found));
	c->found[c->nfound++] = e->id;
}

static void
check_sure(uint64_t id, void *value, void *arg)
{
	(void)value;
	check_wrong(arg, id, "was acknowledged and is lost");
}

/* Every record must be whole; with the acknowledged ones ticked off, none
 * may be left. */
static void
check_spool(struct check *c)
{
	struct idmap left;
	unsigned i;
	uint64_t id;

	c->nfound = 0;
	if (!kit_scan_each(&c->kit, check_record, c))
		check_wrong(c, 0, "the scan found damage");
	idmap_init(&left);
	for (i = 0; i < c->nfound; i++) {
		id = c->found[i] & ~UINT64_C(0xff);
		if (kit_verify(&c->kit, c->found[i], length_of(id), id) != 0)
			check_wrong(c, c->found[i], "is not whole");
		if (idmap_get(&c->gone, id) != NULL)
			check_wrong(c, id, "was removed and is back");
		if ((c->found[i] & 0xff) + 1 != parts_of(id))
			continue;
		/* the last part is removed last and committed with the rest */
		if (idmap_get(&c->sure, id) != NULL)
			(void)idmap_take(&c->sure, id);
		idmap_put(&left, id, c);
	}
	idmap_each(&c->sure, check_sure, c);
	idmap_fini(&c->sure);
	c->sure = left; /* from now on everything that was found is sure */
	idmap_fini(&c->maybe);
	idmap_init(&c->maybe);
}

static const char *
kill_point(uint64_t *seed, unsigned round, char *dst, size_t size)
{
#ifdef MX_FAULT
	static const char *const points[] = { "store.append", "store.sync",
		"store.txn", "store.commit", "store.unlink" };

	/* points are the spool's */
	if (getenv("KIT_ENGINE") == NULL && round % 6 < MX_COUNT(points)) {
		snprintf(dst, size, "%s:kill:%u", points[round % 6],
		    1 + (unsigned)kit_chance(seed, 20));
		return dst;
	}
#endif
	(void)round;
	(void)seed;
	snprintf(dst, size, "at random");
	return NULL;
}

static bool
run_round(struct check *c, unsigned round)
{
	char point[64], out[16], seed[24];
	const char *fault = kill_point(&c->seed, round, point, sizeof(point));
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		close(fds[0]);
		(void)unsetenv("MXWATCH_FAULT");
		if (fault != NULL)
			(void)setenv("MXWATCH_FAULT", fault, 1);
		snprintf(out, sizeof(out), "%d", fds[1]);
		snprintf(seed, sizeof(seed), "%" PRIu64, c->seed);
		(void)execl("/proc/self/exe", "store_kill", c->kit.dir, out,
		    seed, (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	check_notes(c, fds[0], pid,
	    fault != NULL ? ACKS_FAULT :
			    1 + (unsigned)kit_chance(&c->seed, ACKS_RANDOM));
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL) {
		fprintf(stderr, "round %u: the child ended by itself\n", round);
		return false;
	}
	if (!kit_open(&c->kit)) {
		fprintf(stderr, "round %u: %s\n", round, c->kit.eb.text);
		return false;
	}
	check_spool(c);
	kit_close(&c->kit);
	printf("round %u: killed %s, %u acknowledged so far, %u parts there, "
	       "%u wrong\n",
	    round, point, c->acknowledged, c->nfound, c->wrong);
	return true;
}

int
main(int argc, char **argv)
{
	struct check c = { .seed = 1 };
	unsigned i, rounds = ROUNDS;
	bool ok = true;

	if (argc == 4)
		child_run(argv[1], argv[2], argv[3]);
	if (argc > 1)
		c.seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		rounds = (unsigned)strtoul(argv[2], NULL, 10);

	kit_init(&c.kit, NULL);
	idmap_init(&c.sure);
	idmap_init(&c.maybe);
	idmap_init(&c.gone);
	for (i = 0; i < rounds && ok && c.wrong == 0; i++)
		ok = run_round(&c, i);
	ok = ok && c.wrong == 0 && c.acknowledged >= rounds;
	idmap_fini(&c.sure);
	idmap_fini(&c.maybe);
	idmap_fini(&c.gone);
	free(c.found);
	kit_fini(&c.kit);
	return ok ? 0 : 1;
}
