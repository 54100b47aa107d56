/* SPDX-License-Identifier: ISC
 * store_engine: what becomes of mail when the PostgreSQL under the store is
 * killed, with all its processes, and its synchronous standby takes over; when
 * the standby dies; when whoever manages them lets a server go on without one.
 * Messages are committed and removed all the while: what was acknowledged is
 * there, whole, and once; what was acknowledged as removed is not. Run by
 * tests/fault/over_postgresql, which starts the two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define OUTSTANDING 10
#define BEFORE	    300 /* acknowledgements, then it happens */
#define AFTER	    300 /* ... more, then one looks */

struct play {
	struct kit kit;
	struct idmap sure; /* acknowledged */
	struct idmap gone; /* the same, as removed */
	unsigned acks, want, out, refused, wrong;
	size_t scanned;
	uint64_t seed;
	bool stop;
};

static void commit_one(struct play *);

static void
pg(const char *what)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "\"$PG\" %s", what);
	printf("  %s\n", what);
	(void)fflush(stdout);
	MX_ASSERT(system(cmd) == 0);
}

static void
look(struct play *p)
{
	if ((!p->stop && p->acks >= p->want) || (p->stop && p->out == 0)) {
		p->kit.done = true;
		loop_stop(p->kit.loop);
	}
}

static void
removed(void *arg, uint64_t id, int rc)
{
	struct play *p = arg;

	p->out--;
	if (rc == 0) {
		(void)idmap_take(&p->sure, id);
		idmap_put(&p->gone, id, p);
	}
	look(p);
}

static void
committed(void *arg, uint64_t id, int rc, struct envelope **parts, unsigned n)
{
	struct play *p = arg;
	unsigned i;

	for (i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	p->out--;
	if (rc == 0) {
		p->acks++;
		idmap_put(&p->sure, id, p);
	} else {
		p->refused++;
	}
	if (rc == 0 && kit_chance(&p->seed, 3) == 0) {
		p->out++;
		store_remove(p->kit.store, id, removed, p, id);
	}
	if (!p->stop)
		commit_one(p);
	look(p);
}

static size_t
length_of(uint64_t id)
{
	return (size_t)(id >> 8) % 9000;
}

static void
commit_one(struct play *p)
{
	struct store_tx *tx = store_tx_begin(p->kit.store);
	struct envelope *part = kit_envelope("example.org");
	uint64_t id = store_tx_id(tx);
	char *data = mem_alloc(length_of(id) + 1);

	kit_fill(data, length_of(id), id);
	MX_ASSERT(store_tx_append(tx, data, length_of(id)) == 0);
	mem_free(&data);
	p->out++;
	store_tx_commit(&tx, &part, 1, committed, p, id);
}

/* Until so many more are acknowledged. */
static void
run(struct play *p, unsigned more)
{
	p->want = p->acks + more;
	p->kit.done = false;
	kit_wait(&p->kit, &p->kit.done);
}

static void
begin(struct play *p)
{
	unsigned i;

	p->stop = false;
	for (i = 0; i < OUTSTANDING; i++)
		commit_one(p);
}

/* No more is begun; what is under way is answered. */
static void
pause_all(struct play *p)
{
	p->stop = true;
	p->kit.done = p->out == 0;
	kit_wait(&p->kit, &p->kit.done);
}

static void
wrong(struct play *p, uint64_t id, const char *what)
{
	fprintf(stderr, "message %016llx: %s\n", (unsigned long long)id, what);
	p->wrong++;
}

static void
is_there(uint64_t id, void *value, void *arg)
{
	struct play *p = arg;

	(void)value;
	if (kit_verify(&p->kit, id, length_of(id), id) != 0)
		wrong(p, id, "was acknowledged and is not there");
}

static void
is_gone(uint64_t id, void *value, void *arg)
{
	struct play *p = arg;

	(void)value;
	if (kit_load(&p->kit, id, 0) != -MX_ENOENT)
		wrong(p, id, "was removed and is there");
}

/* What is there, now and after another opening. */
static void
check(struct play *p, const char *what)
{
	pause_all(p);
	idmap_each(&p->sure, is_there, p);
	idmap_each(&p->gone, is_gone, p);
	printf("%s: %u acknowledged, %u refused, %zu there, %zu removed, "
	       "%u wrong\n",
	    what, p->acks, p->refused, idmap_len(&p->sure), idmap_len(&p->gone),
	    p->wrong);
}

static void
count_one(void *arg, const struct envelope_brief *e)
{
	struct play *p = arg;

	(void)e;
	p->scanned++;
}

static void
counted(void *arg, int rc, uint64_t damaged)
{
	struct play *p = arg;

	if (rc != 0 || damaged != 0)
		wrong(p, 0, "the scan failed");
	p->kit.done = true;
	loop_stop(p->kit.loop);
}

int
main(void)
{
	struct play p = { .seed = 1 };

	idmap_init(&p.sure);
	idmap_init(&p.gone);
	kit_init(&p.kit, NULL);
	p.kit.conf.wait_ms = 1000;
	p.kit.conf.require_sync = true;
	if (!kit_open(&p.kit)) {
		fprintf(stderr, "%s\n", p.kit.eb.text);
		return 1;
	}
	begin(&p);
	run(&p, BEFORE);
	pg("kill b"); /* nothing is acknowledged without it */
	pg("start b");
	run(&p, AFTER);
	check(&p, "the standby died and came back");

	begin(&p);
	run(&p, BEFORE);
	pg("set a synchronous_standby_names ''");
	kit_wait_state(&p.kit, STORE_FULL);
	pause_all(&p);
	if (p.refused == 0)
		wrong(&p, 0, "new mail was taken without a standby");
	pg("set a synchronous_standby_names b");
	begin(&p);
	run(&p, AFTER);
	check(&p, "the standby was not asked for");

	begin(&p);
	run(&p, BEFORE);
	pg("kill a");
	pg("promote b");
	p.kit.conf.require_sync = false; /* there is nobody else */
	store_reconfigure(p.kit.store, &p.kit.conf);
	run(&p, AFTER);
	check(&p, "the standby took over");
	kit_close(&p.kit);
	MX_ASSERT(kit_open(&p.kit));
	check(&p, "opened again");
	pg("kill b");
	p.kit.done = false;
	store_scan(p.kit.store, count_one, counted, &p);
	pg("start b");
	kit_wait(&p.kit, &p.kit.done);
	if (p.scanned != idmap_len(&p.sure))
		wrong(&p, 0, "the scan did not wait for the engine");
	kit_fini(&p.kit);
	idmap_fini(&p.sure);
	idmap_fini(&p.gone);
	return p.wrong > 0;
}
