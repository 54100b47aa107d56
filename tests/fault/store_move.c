/* SPDX-License-Identifier: ISC
 * store_move: kills a store whose mail is on its way from the spool of its node
 * into the engine. A child has mail land (the engine is made to refuse it: it has no
 * synchronous standby), moves it, and removes some of it before or after; it is
 * killed at any moment, at each step of a move, or when a transaction has
 * left and its answer has not come. Then every part of what was acknowledged is
 * there, whole, in one of the two and not in both; what was removed is in
 * neither. Folder and database live through all the rounds.
 * `store_move [SEED [ROUNDS]]`; needs KIT_ENGINE (tests/unit/over_postgresql). */
#include <sys/types.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "engine/pg.h"
#include "tests/unit/store_kit.h"

#define ROUNDS	      30
#define MESSAGES      12 /* that land before they are moved */
#define NOTES_RANDOM  60 /* of a round, at most, before the kill */
#define NOTES_FAULT   600 /* the fault point is not reached: killed then */
#define CHILD_SECONDS 300
#define SETTLE_MS     20000
#define LEASE_MS      1200

enum note_kind { NOTE_COMMITTED, NOTE_MOVED, NOTE_REMOVING, NOTE_REMOVED };

struct note {
	uint64_t id;
	uint64_t kind;
};

/* What a message looks like follows from its id. */
static uint64_t
hash_of(uint64_t id)
{
	return (id >> 8) * 0x9e3779b97f4a7c15u;
}

static unsigned
parts_of(uint64_t id)
{
	return 1 + (unsigned)(hash_of(id) >> 40) % 3;
}

static size_t
length_of(uint64_t id)
{
	uint64_t h = hash_of(id);

	return h % 6 == 0 ? 262144 + (h >> 20) % 200000 : (h >> 20) % 90000;
}

static void
attach(struct kit *k, const char *dir)
{
	kit_attach(k, dir);
	kit_both(k);
	k->conf.lease_ms = LEASE_MS;
	k->conf.wait_ms = 1000;
}

/* ---- the child */

struct child {
	struct kit kit;
	int out;
	uint64_t seed;
	uint64_t *here; /* parts in the spool */
	unsigned nhere;
	unsigned refused;
};

static void
note(const struct child *c, uint64_t id, enum note_kind kind)
{
	struct note n = { id, kind };

	if (write(c->out, &n, sizeof(n)) != sizeof(n))
		_exit(1);
}

static void
is_here(void *arg, const struct envelope_brief *b)
{
	struct child *c = arg;

	c->here = mem_grow(c->here, c->nhere + 1, sizeof(*c->here));
	c->here[c->nhere++] = b->id;
}

static void
landed(void *arg, uint64_t id, int rc, struct envelope **parts, unsigned n)
{
	struct child *c = arg;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (rc == 0) {
			c->here =
			    mem_grow(c->here, c->nhere + 1, sizeof(*c->here));
			c->here[c->nhere++] = parts[i]->id;
		}
		envelope_destroy(&parts[i]);
	}
	/* a large one that began while the engine was there is refused */
	if (rc == 0 && !store_is_local(c->kit.store, id))
		_exit(1);
	if (rc == 0)
		note(c, id, NOTE_COMMITTED);
	kit_one_done(&c->kit);
}

static void
land_one(struct child *c)
{
	struct store_tx *tx = store_tx_begin(c->kit.store);
	struct envelope *parts[3];
	uint64_t id = store_tx_id(tx);
	size_t len = length_of(id);
	char *data = mem_alloc(len + 1);
	unsigned i;

	kit_fill(data, len, id);
	if (store_tx_append(tx, data, len) != 0)
		c->refused++; /* and so is its commit */
	mem_free(&data);
	for (i = 0; i < parts_of(id); i++)
		parts[i] = kit_envelope("example.org");
	c->kit.waiting++;
	store_tx_commit(&tx, parts, parts_of(id), landed, c, id);
}

static void
removed(void *arg, uint64_t id, int rc)
{
	struct child *c = arg;

	if (rc == 0 && (id & 0xff) + 1 == parts_of(id))
		note(c, id & ~UINT64_C(0xff), NOTE_REMOVED);
	kit_one_done(&c->kit);
}

static void
remove_all(struct child *c, uint64_t id)
{
	unsigned i, n = 0;

	note(c, id, NOTE_REMOVING);
	for (i = 0; i < parts_of(id); i++) {
		c->kit.waiting++;
		store_remove(c->kit.store, id | i, removed, c, id | i);
	}
	for (i = 0; i < c->nhere; i++)
		if ((c->here[i] & ~UINT64_C(0xff)) != id)
			c->here[n++] = c->here[i];
	c->nhere = n;
	kit_wait_all(&c->kit);
}

static void
moved(void *arg, uint64_t id, int rc)
{
	struct child *c = arg;

	if (rc == 0)
		note(c, id, NOTE_MOVED);
	kit_one_done(&c->kit);
}

static void
move_all(struct child *c)
{
	unsigned i, n = 0;

	for (i = 0; i < c->nhere; i++) {
		c->kit.waiting++;
		store_move(c->kit.store, c->here[i], moved, c, c->here[i]);
	}
	kit_wait_all(&c->kit);
	for (i = 0; i < c->nhere; i++)
		if (store_is_local(c->kit.store, c->here[i]))
			c->here[n++] = c->here[i];
	c->nhere = n;
}

static void
wait_elsewhere(struct kit *k, bool yes)
{
	int64_t end = clock_now() + SETTLE_MS * CLOCK_MS;
	struct store_info info;

	for (;;) {
		store_info(k->store, &info);
		if (info.elsewhere == yes)
			break;
		if (clock_now() > end)
			_exit(1);
		kit_turn(k);
	}
}

/* Is the engine to take new mail, or to have it land? */
static void
refuse(struct child *c, bool yes)
{
	c->kit.conf.require_sync = yes;
	store_reconfigure(c->kit.store, &c->kit.conf);
}

static void
child_turn(struct child *c)
{
	uint64_t id = 0;
	unsigned i;

	refuse(c, true);
	for (i = 0; i < MESSAGES; i++)
		land_one(c);
	kit_wait_all(&c->kit);
	if (c->nhere > 0 && kit_chance(&c->seed, 2) == 0)
		remove_all(c, c->here[0] & ~UINT64_C(0xff));
	if (c->nhere > 0)
		id = c->here[c->nhere - 1] & ~UINT64_C(0xff);
	refuse(c, false);
	wait_elsewhere(&c->kit, true);
	move_all(c);
	if (id != 0)
		remove_all(c, id);
}

/* A program of its own: a fault point reads the environment only once. */
static void
child_run(const char *dir, const char *out, const char *seed)
{
	struct child c = { .out = (int)strtol(out, NULL, 10),
		.seed = strtoull(seed, NULL, 10) };

	(void)alarm(CHILD_SECONDS);
	attach(&c.kit, dir);
	c.kit.arrived = is_here;
	c.kit.arrived_arg = &c;
	if (!kit_open(&c.kit) || !kit_scan_each(&c.kit, is_here, &c))
		_exit(1);
	for (;;)
		child_turn(&c);
}

/* ---- the parent */

struct check {
	struct kit kit;
	struct idmap sure; /* messages that must be there -> any pointer */
	struct idmap maybe; /* being removed: there or not */
	struct idmap gone; /* acknowledged as removed */
	struct idmap here, there; /* parts in the spool, in the engine */
	unsigned wrong, acknowledged, moved, doubts;
	uint64_t seed;
};

static void
wrong(struct check *c, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016" PRIx64 ": %s\n", id, what);
	c->wrong++;
}

static void
take_note(struct check *c, const struct note *n)
{
	switch (n->kind) {
	case NOTE_COMMITTED:
		c->acknowledged++;
		idmap_put(&c->sure, n->id, c);
		break;
	case NOTE_MOVED:
		c->moved++;
		break;
	case NOTE_REMOVING:
		(void)idmap_take(&c->sure, n->id);
		idmap_put(&c->maybe, n->id, c);
		break;
	default:
		(void)idmap_take(&c->maybe, n->id);
		idmap_put(&c->gone, n->id, c);
		break;
	}
}

/* Until the child is gone, for its last notes count. */
static void
read_notes(struct check *c, int in, pid_t child, unsigned notes)
{
	struct note n;

	while (read(in, &n, sizeof(n)) == sizeof(n)) {
		take_note(c, &n);
		if (--notes > 0)
			continue;
		(void)poll(NULL, 0, (int)kit_chance(&c->seed, 20));
		(void)kill(child, SIGKILL);
		notes = UINT32_MAX;
	}
}

static void
found_here(void *arg, const struct envelope_brief *b)
{
	struct check *c = arg;

	if (!store_is_local(c->kit.store, b->id) ||
	    !store_holds(c->kit.store, b->id))
		wrong(c, b->id, "was told and is not here");
	idmap_put(&c->here, b->id, c);
}

static void
find_there(struct check *c)
{
	static const struct pg_stmt ask = { "", "SELECT id FROM mxwatch.part" };
	int64_t until = clock_now() + SETTLE_MS * CLOCK_MS;
	struct pg *pg = pg_create(c->kit.conf.engine, "store_move");
	unsigned i;

	MX_ASSERT(pg_up(pg, until, &c->kit.eb) == 0);
	(void)pg_add(pg, &ask);
	MX_ASSERT(pg_run(pg, until, &c->kit.eb) == 0);
	for (i = 0; i < pg_rows(pg, 0); i++)
		idmap_put(&c->there, (uint64_t)pg_get_int8(pg, 0, i, 0), c);
	pg_destroy(&pg);
}

static void
count_doubts(uint64_t id, void *value, void *arg)
{
	struct check *c = arg;

	(void)value;
	for (unsigned i = 0; i < parts_of(id); i++)
		c->doubts += store_is_local(c->kit.store, id | i) &&
		    !store_holds(c->kit.store, id | i);
}

static bool
is_settled(struct check *c)
{
	c->doubts = 0;
	idmap_each(&c->sure, count_doubts, c);
	idmap_each(&c->maybe, count_doubts, c);
	return c->doubts == 0 &&
	    kit_sql("SELECT count(*) FROM mxwatch.moved") == 0;
}

/* What was on its way is told, or known to be there, before the rows go. */
static void
settle(struct check *c)
{
	int64_t end = clock_now() + SETTLE_MS * CLOCK_MS;
	struct loop_timer *t =
	    loop_timer_create(c->kit.loop, kit_stop, &c->kit);

	while (!is_settled(c)) {
		if (clock_now() > end) {
			wrong(c, 0, "nothing is said of what was moved");
			break;
		}
		loop_timer_set(t, 10);
		loop_run(c->kit.loop);
	}
	loop_timer_destroy(&t);
}

static void
check_part(struct check *c, uint64_t id, bool must)
{
	uint64_t message = id & ~UINT64_C(0xff);
	bool here = idmap_take(&c->here, id) != NULL;
	bool there = idmap_take(&c->there, id) != NULL;

	if (here && there)
		wrong(c, id, "is twice");
	if (must && !here && !there)
		wrong(c, id, "was acknowledged and is lost");
	if (!here && store_is_local(c->kit.store, id))
		wrong(c, id, "is here and was not told");
	if ((here || there) &&
	    kit_verify(&c->kit, id, length_of(id), message) != 0)
		wrong(c, id, "is not whole");
}

static void
check_sure(uint64_t id, void *value, void *arg)
{
	(void)value;
	for (unsigned i = 0; i < parts_of(id); i++)
		check_part(arg, id | i, true);
}

static void
check_maybe(uint64_t id, void *value, void *arg)
{
	(void)value;
	for (unsigned i = 0; i < parts_of(id); i++)
		check_part(arg, id | i, false);
}

static void
check_left(uint64_t id, void *value, void *arg)
{
	struct check *c = arg;

	(void)value;
	if (idmap_get(&c->gone, id & ~UINT64_C(0xff)) != NULL)
		wrong(c, id, "was removed and is back");
}

/* Committed, and its acknowledgement is lost: or being removed. Goes, so that
 * each round begins with what is sure. */
static void
drop_left(uint64_t id, void *value, void *arg)
{
	struct check *c = arg;

	(void)value;
	if (kit_remove(&c->kit, id) != 0)
		wrong(c, id, "cannot be removed");
}

static void
drop_maybe(uint64_t id, void *value, void *arg)
{
	struct check *c = arg;
	unsigned i;
	int rc;

	(void)value;
	for (i = 0; i < parts_of(id); i++)
		if ((rc = kit_remove(&c->kit, id | i)) != 0 && rc != -MX_ENOENT)
			wrong(c, id, "cannot be removed");
}

static bool
check_all(struct check *c)
{
	if (!kit_open(&c->kit)) {
		fprintf(stderr, "%s\n", c->kit.eb.text);
		return false;
	}
	if (!kit_scan_each(&c->kit, found_here, c))
		wrong(c, 0, "the scan found damage");
	settle(c);
	find_there(c);
	idmap_each(&c->sure, check_sure, c);
	idmap_each(&c->maybe, check_maybe, c);
	idmap_each(&c->here, check_left, c);
	idmap_each(&c->there, check_left, c);
	idmap_each(&c->maybe, drop_maybe, c);
	idmap_each(&c->here, drop_left, c);
	idmap_each(&c->there, drop_left, c);
	idmap_fini(&c->here);
	idmap_fini(&c->there);
	idmap_fini(&c->maybe);
	idmap_init(&c->here);
	idmap_init(&c->there);
	idmap_init(&c->maybe);
	kit_close(&c->kit);
	return true;
}

static const char *
kill_point(uint64_t *seed, unsigned round, char *dst, size_t size)
{
#ifdef MX_FAULT
	/* the first answers of the engine are those to the opening */
	static const struct {
		const char *name;
		unsigned first, below;
	} points[] = {
		{ "store.move:kill", 1, 200 },
		{ "engine.answer:kill", 15, 60 },
		{ "store.move:kill", 1, 200 },
		{ "engine.send:kill", 15, 60 },
		{ "store.sync:kill", 1, 30 },
		{ "engine.answer:eio", 15, 60 },
	};
	unsigned i = round % (MX_COUNT(points) + 1);

	if (i < MX_COUNT(points)) {
		snprintf(dst, size, "%s:%u", points[i].name,
		    points[i].first +
			(unsigned)kit_chance(seed, points[i].below));
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
		(void)execl("/proc/self/exe", "store_move", c->kit.dir, out,
		    seed, (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	read_notes(c, fds[0], pid,
	    fault != NULL && strstr(fault, "kill") != NULL ?
		NOTES_FAULT :
		1 + (unsigned)kit_chance(&c->seed, NOTES_RANDOM));
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL) {
		fprintf(stderr, "round %u: the child ended by itself\n", round);
		return false;
	}
	if (!check_all(c))
		return false;
	printf("round %u: killed %s, %u acknowledged and %u moved so far, "
	       "%zu there, %u wrong\n",
	    round, point, c->acknowledged, c->moved, idmap_len(&c->sure),
	    c->wrong);
	(void)fflush(stdout);
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
	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	if (argc > 1)
		c.seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		rounds = (unsigned)strtoul(argv[2], NULL, 10);

	kit_init(&c.kit, NULL);
	kit_both(&c.kit);
	c.kit.conf.lease_ms = LEASE_MS;
	c.kit.arrived = found_here;
	c.kit.arrived_arg = &c;
	idmap_init(&c.sure);
	idmap_init(&c.maybe);
	idmap_init(&c.gone);
	idmap_init(&c.here);
	idmap_init(&c.there);
	for (i = 0; i < rounds && ok && c.wrong == 0; i++)
		ok = run_round(&c, i);
	ok = ok && c.wrong == 0 && c.acknowledged >= rounds && c.moved > 0;
	idmap_fini(&c.sure);
	idmap_fini(&c.maybe);
	idmap_fini(&c.gone);
	idmap_fini(&c.here);
	idmap_fini(&c.there);
	kit_fini(&c.kit);
	return ok ? 0 : 1;
}
