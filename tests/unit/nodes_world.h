/* SPDX-License-Identifier: ISC
 * nodes_world: two ledgers over one state, which hear of each other once a second, and
 * their folders. Link ledger_world.c and fake_loop.c beside it. */
#ifndef MX_TESTS_NODES_WORLD_H
#define MX_TESTS_NODES_WORLD_H

#include "tests/unit/ledger_world.h"

#define NODES	  2
#define STATE_MAX 3000

struct item { /* of the state that all share */
	char *key, *text;
};

/* `ledger` of the world is that of the node at hand (on()). */
struct share_of {
	struct ledger *ledger;
	unsigned node;
	char folder[64], name[8];
	bool away; /* what it writes fails, and it hears nothing */
	bool gone; /* in the eyes of the others */
	bool refused; /* what it writes fails, and it does not know before */
	struct item *news; /* that it has not heard yet */
	unsigned nnews;
};
extern struct share_of nodes[NODES];
extern struct item state[STATE_MAX];
extern unsigned nstate, nputs;

int nodes_setup(void **state);
int nodes_teardown(void **state);
void node_start(unsigned i);
/* In an orderly way, or killed: then the others have what they heard. */
void node_stop(unsigned i, bool killed);
void on(unsigned i);
void pass(unsigned seconds);
void see(unsigned i, enum health_state);
void all_see(enum health_state);

struct item *item_find(const char *key);
void item_set(const char *key, const char *text); /* NULL: gone */
void file_of(char *dst, size_t size, unsigned i);
/* As ledger_ops.exists: all but `missing`. */
bool is_there(void *arg, enum outage_kind, const char *name);
/* Keys of that node that begin so ("": its accounts). */
unsigned stored(unsigned node, const char *what);
/* The record of that name is one on both, and the same; the caller frees it. */
cJSON *one(const char *name);
double ratio(unsigned i);

#endif
