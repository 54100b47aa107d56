/* SPDX-License-Identifier: ISC
 * power_store: see power_store.h. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fault/power_store.h"

#define BATCH 4 /* messages, at most */
#define NEVER SIZE_MAX

static unsigned
count_ask(struct power_count *c)
{
	MX_ASSERT(c->n < POWER_BATCHES);
	c->step[c->n].asked = disk_now();
	c->step[c->n++].reported = NEVER;
	return c->base + c->n;
}

static void
count_reported(struct power_count *c)
{
	c->step[c->n - 1].reported = disk_now();
}

/* Is what was found possible, when the power went off at `now`? */
static bool
count_holds(const struct power_count *c, size_t now)
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
	kit_one_done(&p->kit);
}

static void
commit_one(struct power *p)
{
	struct store_tx *tx = store_tx_begin(p->kit.store);
	struct envelope *parts[POWER_PARTS];
	struct power_message *m;
	unsigned i;
	char *data;

	p->msgs = mem_grow(p->msgs, p->nmsgs + 1, sizeof(*p->msgs));
	m = &p->msgs[p->nmsgs];
	*m = (struct power_message){ .id = store_tx_id(tx),
		.seed = kit_chance(&p->seed, 1u << 30),
		.nparts = 1 + (unsigned)kit_chance(&p->seed, POWER_PARTS),
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
	p->kit.waiting++;
	store_tx_commit(&tx, parts, m->nparts, on_commit, p, p->nmsgs++);
}

static void
on_removed(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	MX_ASSERT(rc == 0);
	p->msgs[token].removed = disk_now();
	kit_one_done(&p->kit);
}

static void
remove_one(struct power *p, size_t which)
{
	struct power_message *m = &p->msgs[which];
	unsigned i;

	m->remove_asked = disk_now();
	for (i = 0; i < m->nparts; i++, p->kit.waiting++)
		store_remove(p->kit.store, m->id | i, on_removed, p, which);
}

static void
on_changed(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	MX_ASSERT(rc == 0);
	count_reported(&p->msgs[token].attempts);
	kit_one_done(&p->kit);
}

static void
change_one(struct power *p, size_t which)
{
	struct power_message *m = &p->msgs[which];

	m->env->attempts = count_ask(&m->attempts);
	p->kit.waiting++;
	store_update(p->kit.store, m->env, on_changed, p, which);
}

static void
on_state(void *arg, uint64_t token, int rc)
{
	struct power *p = arg;

	(void)token;
	MX_ASSERT(rc == 0);
	count_reported(&p->state);
	kit_one_done(&p->kit);
}

/* All of a batch is handed in within one turn of the loop, so that groups
 * are the same on each run. */
static void
batch(struct power *p)
{
	unsigned value;
	size_t i, n;

	for (i = 0; i < p->nmsgs; i++) {
		struct power_message *m = &p->msgs[i];

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
	p->kit.waiting++;
	store_state_put(p->kit.store, "count", &value, sizeof(value), on_state,
	    p, 0);
	kit_wait_all(&p->kit);
}

/* ---- what is left of it */

static void
wrong(struct power *p, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016llx: %s\n", (unsigned long long)id, what);
	p->wrong++;
}

static struct power_message *
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
	struct power_message *m = find(p, e->id);

	if (m == NULL || (e->id & 0xff) >= m->nparts) {
		wrong(p, e->id, "comes from nowhere");
		return;
	}
	m->found[e->id & 0xff] = true;
	if ((e->id & 0xff) == 0)
		m->attempts.found = e->attempts;
}

static void
check_message(struct power *p, struct power_message *m, size_t now)
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
	if (!kit_scan_each(&p->kit, on_found, p))
		wrong(p, 0, "the scan found damage");
	for (i = 0; i < p->nmsgs; i++)
		check_message(p, &p->msgs[i], now);
	p->state.found = 0;
	store_state_each(p->kit.store, "count", on_value, p);
	if (!count_holds(&p->state, now))
		wrong(p, 0, "the durable state is not the last");
	kit_close(&p->kit);
}

/* ---- rounds */

static void
work_batches(struct power *p)
{
	unsigned i;

	(void)mkdir(p->spool, 0700); /* as the daemon does */
	p->kit.conf.dir = p->spool;
	for (i = 0; i < POWER_BATCHES; i++) {
		if (i == 0 || i == POWER_BATCHES - 2) {
			kit_close(&p->kit);
			MX_ASSERT(kit_open(&p->kit));
		}
		batch(p);
	}
	kit_close(&p->kit);
}

void
power_work(struct power *p, size_t *from, size_t *to)
{
	disk_record(p->disk);
	*from = disk_now();
	work_batches(p);
	disk_stop();
	*to = disk_now();
}

void
power_cut(struct power *p, size_t now, enum disk_luck luck, uint64_t seed)
{
	static const char *const names[] = { "loses", "keeps", "tears",
		"forgets names", "forgets data" };
	unsigned wrong_before = p->wrong;

	kit_remove_tree(p->cut);
	disk_rebuild(p->cut, now, luck, seed);
	check_spool(p, now);
	if (p->wrong > wrong_before)
		fprintf(stderr, "after operation %zu, a disk that %s\n", now,
		    names[luck]);
}

static void
count_go_on(struct power_count *c)
{
	c->base = c->found;
	c->n = 0;
}

void
power_go_on(struct power *p)
{
	size_t i;

	for (i = 0; i < p->nmsgs; i++) {
		struct power_message *m = &p->msgs[i];
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
	disk_forget();
	kit_remove_tree(p->disk);
	MX_ASSERT(rename(p->cut, p->disk) == 0);
}

/* ---- beginning and end */

static void
conf(struct kit *k)
{
	k->conf.segment_size = 64u << 10;
	k->conf.map_size = 4u << 20;
}

void
power_init(struct power *p, uint64_t seed)
{
	bool memory = access("/dev/shm", W_OK) == 0; /* nothing is synced */

	*p = (struct power){ .seed = seed };
	kit_init(&p->kit, memory ? "/dev/shm" : NULL);
	conf(&p->kit);
	snprintf(p->disk, sizeof(p->disk), "%s/disk", p->kit.dir);
	snprintf(p->cut, sizeof(p->cut), "%s/cut", p->kit.dir);
	snprintf(p->spool, sizeof(p->spool), "%s/spool", p->disk);
	snprintf(p->left, sizeof(p->left), "%s/spool", p->cut);
	MX_ASSERT(mkdir(p->disk, 0700) == 0);
}

void
power_forked(struct power *p)
{
	char dir[sizeof(p->kit.dir)];

	memcpy(dir, p->kit.dir, sizeof(dir));
	kit_attach(&p->kit, dir);
	conf(&p->kit);
}

void
power_fini(struct power *p)
{
	size_t i;

	for (i = 0; i < p->nmsgs; i++)
		envelope_destroy(&p->msgs[i].env);
	free(p->msgs);
	kit_fini(&p->kit);
}
