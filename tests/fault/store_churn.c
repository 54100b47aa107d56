/* SPDX-License-Identifier: ISC
 * store_churn: a spool that nothing is wrong with, in all the states that much
 * change brings it to: records that grow and shrink across the size of a page,
 * twice in a transaction, trees that fill up and are emptied from either end or
 * in patches, a list of free pages that is long. The checks that find damage
 * (store/db_pages) find none, and every record is what it was made to be.
 * `store_churn [ROUNDS [SEED]]`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_kit.h"

#define ROUNDS	 120
#define MESSAGES 6000 /* at once, at most */
#define BURST	 400

struct churn {
	struct kit kit;
	uint64_t ids[MESSAGES]; /* 0: none */
	uint32_t attempts[MESSAGES];
	uint64_t seed;
	unsigned failed;
};

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct churn *c = arg;

	(void)token;
	c->failed += rc != 0;
	kit_one_done(&c->kit);
}

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	on_done(arg, token, rc);
}

/* From a few hundred bytes to several pages. */
static struct envelope *
make(struct churn *c)
{
	struct envelope *e = kit_envelope("example.org");
	uint64_t n = kit_chance(&c->seed, 8) == 0 ? kit_chance(&c->seed, 500) :
						    kit_chance(&c->seed, 4);
	char name[64];

	for (; n > 0; n--) {
		snprintf(name, sizeof(name), "user%u@example.org", (unsigned)n);
		(void)envelope_add_rcpt(e, name);
	}
	return e;
}

static void
add(struct churn *c, unsigned i)
{
	struct store_tx *tx = store_tx_begin(c->kit.store);
	struct envelope *e = make(c);

	c->ids[i] = store_tx_id(tx);
	c->attempts[i] = 0;
	MX_ASSERT(store_tx_append(tx, "body", 4) == 0);
	c->kit.waiting++;
	store_tx_commit(&tx, &e, 1, on_commit, c, 0);
}

static void
change(struct churn *c, unsigned i)
{
	struct envelope *e = make(c);

	e->id = c->ids[i];
	e->attempts = ++c->attempts[i];
	c->kit.waiting++;
	store_update(c->kit.store, e, on_done, c, 0);
	envelope_destroy(&e);
}

static void
drop(struct churn *c, unsigned i)
{
	c->kit.waiting++;
	store_remove(c->kit.store, c->ids[i], on_done, c, 0);
	c->ids[i] = 0;
}

static void
set_state(struct churn *c)
{
	char key[64], value[3000];
	size_t len = kit_chance(&c->seed, 3) == 0 ?
	    0 :
	    (size_t)kit_chance(&c->seed, sizeof(value));

	snprintf(key, sizeof(key), "known:d%u.example",
	    (unsigned)kit_chance(&c->seed, 300));
	memset(value, 'v', sizeof(value));
	c->kit.waiting++;
	store_state_put(c->kit.store, key, value, len, on_done, c, 0);
}

/* A stretch of the messages, in order; each of them, or some. */
static void
burst(struct churn *c)
{
	unsigned from = (unsigned)kit_chance(&c->seed, MESSAGES), what, i;
	unsigned n = 1 + (unsigned)kit_chance(&c->seed, BURST);
	unsigned step = 1 + (unsigned)kit_chance(&c->seed, 3);

	what = (unsigned)kit_chance(&c->seed, 4);
	for (; n > 0; n--, from += step) {
		i = from % MESSAGES;
		if (c->ids[i] == 0) {
			if (what != 3)
				add(c, i);
		} else if (what == 1) {
			change(c, i);
			if (kit_chance(&c->seed, 3) == 0)
				change(c, i); /* in the same transaction */
		} else if (what >= 2)
			drop(c, i);
	}
	for (i = 0; i < 5; i++)
		set_state(c);
	kit_wait_all(&c->kit);
}

static void
empty(struct churn *c)
{
	for (unsigned i = 0; i < MESSAGES; i++)
		if (c->ids[i] != 0)
			drop(c, i);
	kit_wait_all(&c->kit);
}

static unsigned
check(struct churn *c)
{
	unsigned wrong = 0, live = 0;

	for (unsigned i = 0; i < MESSAGES; i++) {
		if (c->ids[i] == 0)
			continue;
		live++;
		if (i % 16 == 0)
			wrong += kit_load(&c->kit, c->ids[i], 0) != 0 ||
			    c->kit.loaded.env->attempts != c->attempts[i];
	}
	kit_close(&c->kit);
	MX_ASSERT(kit_open(&c->kit));
	wrong += kit_scan(&c->kit) != live || c->kit.damaged != 0;
	return wrong;
}

int
main(int argc, char **argv)
{
	bool memory = access("/dev/shm", W_OK) == 0;
	struct churn *c = mem_alloc(sizeof(*c));
	unsigned rounds = ROUNDS, wrong = 0;

	c->seed = 17;
	if (argc > 1)
		rounds = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		c->seed = strtoull(argv[2], NULL, 10);
	kit_init(&c->kit, memory ? "/dev/shm" : NULL);
	c->kit.conf.map_size = 512u << 20;
	MX_ASSERT(kit_open(&c->kit));
	for (unsigned i = 0; i < rounds; i++) {
		burst(c);
		if (kit_chance(&c->seed, 60) == 0)
			empty(c);
		if (i % 40 == 39)
			wrong += check(c);
	}
	empty(c);
	wrong += check(c) + c->failed;
	printf("%u rounds, %u wrong\n", rounds, wrong);
	kit_fini(&c->kit);
	free(c);
	return wrong > 0;
}
