/* SPDX-License-Identifier: ISC
 * store_power: cuts the power of a store at every point. In each round a
 * store commits, changes and removes while its disk is recorded
 * (disk_model.h); then, for each operation on the disk, the spool is built as
 * it may look when the power fails there, and opened. What was reported as
 * committed is there, whole; what was reported as removed is gone; the rest
 * is either absent or whole with all its parts; changes are the last that was
 * reported, or newer. The next round goes on with one of those spools. The
 * same on every run: `store_power [SEED]`. */
#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/fault/disk_model.h"
#include "tests/unit/store_kit.h"

#define ROUNDS	  6
#define BATCHES	  7
#define BATCH	  4
#define PARTS_MAX 3
#define NEVER	  SIZE_MAX

/* Something that is counted up: how far is it for sure, how far at most? */
struct count {
	unsigned base; /* what the round began with */
	unsigned n; /* steps of this round */
	struct {
		size_t asked, reported; /* points in time */
	} step[BATCHES];
	unsigned found; /* by the check under way */
};

struct message {
	uint64_t id, seed;
	size_t len;
	unsigned nparts;
	/* points in time, NEVER when it did not come to it */
	size_t committed, remove_asked, removed;
	struct envelope *env; /* part 0 as it was committed */
	struct count attempts; /* its field that is changed */
	bool found[PARTS_MAX]; /* by the check under way */
};

struct power {
	struct kit kit; /* its dir holds `disk` and `cut` */
	char disk[300], cut[300], spool[310], left[310];
	struct message *msgs;
	size_t nmsgs;
	struct count state; /* a durable state of the store */
	unsigned waiting, wrong, cuts;
	uint64_t seed;
};

static unsigned
count_ask(struct count *c)
{
	MX_ASSERT(c->n < BATCHES);
	c->step[c->n].asked = disk_now();
	c->step[c->n++].reported = NEVER;
	return c->base + c->n;
}

static void
count_reported(struct count *c)
{
	c->step[c->n - 1].reported = disk_now();
}

/* Is what was found possible, when the power went off at `now`? */
static bool
count_holds(const struct count *c, size_t now)
{
	unsigned i, least = 0, most = 0;

	for (i = 0; i < c->n; i++) {
		least = c->step[i].reported <= now ? i + 1 : least;
		most = c->step[i].asked <= now ? i + 1 : most;
	}
	return c->found >= c->base + least && c->found <= c->base + most;
}

/* ---- what the store is asked for */

static void
one_less(struct power *p)
{
	if (--p->waiting == 0) {
		p->kit.done = true;
		loop_stop(p->kit.loop);
	}
}

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct power *p = arg;
	unsigned i;

	MX_ASSERT(rc == 0);
	p->msgs[token].env = parts[0];
	for (i = 1; i < n; i++)
		envelope_destroy(&parts[i]);
	p->msgs[token].committed = disk_now();
	one_less(p);
}

static void
commit_one(struct power *p)
{
	struct store_tx *tx = store_tx_begin(p->kit.store);
	struct envelope *parts[PARTS_MAX];
	struct message *m;
	unsigned i;
	char *data;

	p->msgs = mem_grow(p->msgs, p->nmsgs + 1, sizeof(*p->msgs));
	m = &p->msgs[p->nmsgs];
	*m = (struct message){ .id = store_tx_id(tx),
		.seed = kit_chance(&p->seed, 1u << 30),
		.nparts = 1 + (unsigned)kit_chance(&p->seed, PARTS_MAX),
		.committed = NEVER,
		.remove_asked = NEVER,
		.removed = NEVER };
	/* small ones share a segment, above 256 KB each has its own */
	m->len = kit_chance(&p->seed, 12) == 0 ?
	    262145 + kit_chance(&p->seed, 70000) :
	    kit_chance(&p->seed, 20000);
	data = mem_alloc(m->len + 1);
	kit_fill(data, m->len, m->seed);
	MX_ASSERT(store_tx_append(tx, data, m->len) == 0);
	mem_free(&data);
	for (i = 0; i < m->nparts; i++)
		parts[i] = kit_envelope("example.org");
	p->waiting++;
	store_tx_commit(&tx, parts, m->nparts, on_commit, p, p->nmsgs++);
}

static void
on_removed(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	MX_ASSERT(rc == 0);
	p->msgs[token].removed = disk_now();
	one_less(p);
}

static void
remove_one(struct power *p, size_t which)
{
	struct message *m = &p->msgs[which];
	unsigned i;

	m->remove_asked = disk_now();
	for (i = 0; i < m->nparts; i++, p->waiting++)
		store_remove(p->kit.store, m->id | i, on_removed, p, which);
}

static void
on_changed(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	MX_ASSERT(rc == 0);
	count_reported(&p->msgs[token].attempts);
	one_less(p);
}

static void
change_one(struct power *p, size_t which)
{
	struct message *m = &p->msgs[which];

	m->env->attempts = count_ask(&m->attempts);
	p->waiting++;
	store_update(p->kit.store, m->env, on_changed, p, which);
}

static void
on_state(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	(void)token;
	MX_ASSERT(rc == 0);
	count_reported(&p->state);
	one_less(p);
}

/* All of a batch is handed in within one turn of the loop, so that groups
 * are the same on each run. */
static void
batch(struct power *p)
{
	unsigned value;
	size_t i, n;

	for (i = 0; i < p->nmsgs; i++) {
		struct message *m = &p->msgs[i];

		if (m->remove_asked != NEVER)
			continue;
		if (kit_chance(&p->seed, 6) == 0)
			remove_one(p, i);
		else if (kit_chance(&p->seed, 8) == 0)
			change_one(p, i);
	}
	for (n = 1 + kit_chance(&p->seed, BATCH); n > 0; n--)
		commit_one(p);
	value = count_ask(&p->state);
	p->waiting++;
	store_state_put(p->kit.store, "count", &value, sizeof(value), on_state,
	    p, 0);
	p->kit.done = false;
	kit_wait(&p->kit, &p->kit.done);
}

/* ---- what is left of it */

static void
wrong(struct power *p, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016llx: %s\n", (unsigned long long)id, what);
	p->wrong++;
}

static struct message *
find(struct power *p, uint64_t id)
{
	size_t i;

	for (i = 0; i < p->nmsgs; i++)
		if (p->msgs[i].id >> 8 == id >> 8)
			return &p->msgs[i];
	return NULL;
}

static void
on_found(void *arg, const struct envelope_brief *e)
{
	struct power *p = arg;
	struct message *m = find(p, e->id);

	if (m == NULL || (e->id & 0xff) >= m->nparts) {
		wrong(p, e->id, "comes from nowhere");
		return;
	}
	m->found[e->id & 0xff] = true;
	if ((e->id & 0xff) == 0)
		m->attempts.found = e->attempts;
}

static void
on_scanned(void *arg, int rc, uint64_t damaged)
{
	struct power *p = arg;

	if (rc != 0 || damaged != 0)
		wrong(p, 0, "the scan found damage");
	p->kit.done = true;
	loop_stop(p->kit.loop);
}

static void
check_message(struct power *p, struct message *m, size_t now)
{
	unsigned i, n = 0;

	for (i = 0; i < m->nparts; i++) {
		if (!m->found[i])
			continue;
		n++;
		if (kit_verify(&p->kit, m->id | i, m->len, m->seed) != 0)
			wrong(p, m->id, "is not whole");
	}
	if (n > 0 && m->removed <= now)
		wrong(p, m->id, "was removed and is back");
	if (m->found[0] && !count_holds(&m->attempts, now))
		wrong(p, m->id, "has not the last change");
	if (m->remove_asked <= now)
		return;
	if (n < m->nparts && m->committed <= now)
		wrong(p, m->id, "was reported as committed and is lost");
	else if (n > 0 && n < m->nparts)
		wrong(p, m->id, "has lost a part");
}

static void
on_value(void *arg, const char *key, const void *data, size_t len)
{
	struct power *p = arg;

	(void)key;
	if (len == sizeof(p->state.found))
		memcpy(&p->state.found, data, len);
}

static void
check_spool(struct power *p, size_t now)
{
	size_t i;

	(void)mkdir(p->left, 0700); /* as the daemon does when it is missing */
	p->kit.conf.dir = p->left;
	if (!kit_open(&p->kit)) {
		fprintf(stderr, "does not open: %s\n", p->kit.eb.text);
		p->wrong++;
		return;
	}
	for (i = 0; i < p->nmsgs; i++)
		memset(p->msgs[i].found, 0, sizeof(p->msgs[i].found));
	p->kit.done = false;
	store_scan(p->kit.store, on_found, on_scanned, p);
	kit_wait(&p->kit, &p->kit.done);
	for (i = 0; i < p->nmsgs; i++)
		check_message(p, &p->msgs[i], now);
	p->state.found = 0;
	store_state_each(p->kit.store, "count", on_value, p);
	if (!count_holds(&p->state, now))
		wrong(p, 0, "the durable state is not the last");
	kit_close(&p->kit);
}

static int
remove_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	(void)nftw(path, remove_path, 16, FTW_DEPTH | FTW_PHYS);
}

static void
count_go_on(struct count *c)
{
	c->base = c->found;
	c->n = 0;
}

/* What was found at the last cut is what the next round begins with. */
static void
go_on_from_here(struct power *p)
{
	size_t i;

	for (i = 0; i < p->nmsgs; i++) {
		struct message *m = &p->msgs[i];
		unsigned k, parts = 0;

		for (k = 0; k < m->nparts; k++)
			parts += m->found[k];
		m->committed = 0;
		m->removed = parts == 0 ? 0 : NEVER;
		/* of one that has lost a part its removal goes on */
		m->remove_asked = parts < m->nparts ? 0 : NEVER;
		count_go_on(&m->attempts);
	}
	count_go_on(&p->state);
	remove_tree(p->disk);
	MX_ASSERT(rename(p->cut, p->disk) == 0);
}

/* ---- rounds */

static void
work(struct power *p)
{
	unsigned i;

	(void)mkdir(p->spool, 0700); /* as the daemon does */
	p->kit.conf.dir = p->spool;
	for (i = 0; i < BATCHES; i++) {
		if (i == 0 || i == BATCHES - 2) {
			kit_close(&p->kit);
			MX_ASSERT(kit_open(&p->kit));
		}
		batch(p);
	}
	kit_close(&p->kit);
}

static void
cut(struct power *p, size_t now)
{
	static const char *const luck[] = { "loses", "keeps", "tears",
		"forgets names", "forgets data" };
	unsigned wrong_before = p->wrong;
	enum disk_luck l = kit_chance(&p->seed, 2) == 0 ?
	    DISK_TEARS :
	    (enum disk_luck)kit_chance(&p->seed, DISK_LUCK_MAX);

	remove_tree(p->cut);
	disk_rebuild(p->cut, now, l, kit_chance(&p->seed, 1u << 30));
	check_spool(p, now);
	p->cuts++;
	if (p->wrong > wrong_before)
		fprintf(stderr, "after operation %zu, a disk that %s\n", now,
		    luck[l]);
}

static void
run_round(struct power *p, unsigned round)
{
	size_t from, to, at;

	disk_record(p->disk);
	from = disk_now();
	work(p);
	disk_stop();
	to = disk_now();
	if (disk_seen("data.mdb") < BATCHES) {
		fprintf(stderr, "what LMDB writes is not recorded\n");
		p->wrong++;
	}
	for (at = from; at <= to && p->wrong == 0; at++)
		cut(p, at);
	printf("round %u: %zu operations, %zu messages, %u wrong\n", round,
	    to - from, p->nmsgs, p->wrong);
	if (p->wrong > 0)
		return;
	cut(p, from + kit_chance(&p->seed, to - from));
	disk_forget();
	go_on_from_here(p);
}

int
main(int argc, char **argv)
{
	struct power p = { .seed = 1 };
	unsigned i;
	size_t k;

	if (argc > 1)
		p.seed = strtoull(argv[1], NULL, 10);
	log_level_set(LOG_LEVEL_WARN);
	kit_init(&p.kit, NULL);
	p.kit.conf.segment_size = 64u << 10;
	p.kit.conf.map_size = 4u << 20;
	snprintf(p.disk, sizeof(p.disk), "%s/disk", p.kit.dir);
	snprintf(p.cut, sizeof(p.cut), "%s/cut", p.kit.dir);
	snprintf(p.spool, sizeof(p.spool), "%s/spool", p.disk);
	snprintf(p.left, sizeof(p.left), "%s/spool", p.cut);
	MX_ASSERT(mkdir(p.disk, 0700) == 0);
	for (i = 0; i < ROUNDS && p.wrong == 0; i++)
		run_round(&p, i);
	printf("the power was cut %u times\n", p.cuts);
	for (k = 0; k < p.nmsgs; k++)
		envelope_destroy(&p.msgs[k].env);
	free(p.msgs);
	kit_fini(&p.kit);
	return p.wrong > 0;
}
