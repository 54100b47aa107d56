/* SPDX-License-Identifier: ISC
 * nodes_world: see nodes_world.h. */
#include "tests/unit/nodes_world.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

struct share_of nodes[NODES];
struct item state[STATE_MAX];
unsigned nstate, nputs;

void
on(unsigned i)
{
	ledger = nodes[i].ledger;
}

struct item *
item_find(const char *key)
{
	for (unsigned i = 0; i < nstate; i++)
		if (strcmp(state[i].key, key) == 0)
			return &state[i];
	return NULL;
}

void
item_set(const char *key, const char *text)
{
	struct item *it = item_find(key);

	if (text == NULL) {
		if (it == NULL)
			return;
		mem_free(&it->key);
		mem_free(&it->text);
		*it = state[--nstate];
		return;
	}
	if (it == NULL) {
		assert_true(nstate < STATE_MAX);
		it = &state[nstate++];
		it->key = mem_strdup(key);
		it->text = NULL;
	}
	mem_free(&it->text);
	it->text = mem_strdup(text);
}

static void
news_add(struct share_of *s, const char *key, const char *text)
{
	s->news = mem_grow(s->news, s->nnews + 1, sizeof(*s->news));
	s->news[s->nnews].key = mem_strdup(key);
	s->news[s->nnews++].text = text != NULL ? mem_strdup(text) : NULL;
}

static void
news_tell(struct share_of *s)
{
	struct item it;

	for (unsigned i = 0; i < s->nnews; i++) {
		it = s->news[i];
		if (s->ledger != NULL)
			assert_true(ledger_told(s->ledger, it.key, it.text,
			    it.text != NULL ? strlen(it.text) : 0));
		mem_free(&it.key);
		mem_free(&it.text);
	}
	s->nnews = 0;
}

static void
on_put(void *arg, const char *key, const void *data, size_t len, uint64_t token)
{
	struct share_of *s = arg;
	char *text = len > 0 ? mem_strndup(data, len) : NULL;

	nputs++;
	if (!s->away && !s->refused) {
		item_set(key, text);
		for (unsigned i = 0; i < NODES; i++)
			if (&nodes[i] != s)
				news_add(&nodes[i], key, text);
	}
	mem_free(&text);
	ledger_put_done(s->ledger, token,
	    s->away || s->refused ? -MX_ENOENT : 0);
}

static bool
on_ready(void *arg)
{
	return !((const struct share_of *)arg)->away;
}

static bool
on_alive(void *arg MX_UNUSED, unsigned node, int64_t said MX_UNUSED)
{
	return node >= 1 && node <= NODES && !nodes[node - 1].gone;
}

static bool
on_speaks(void *arg)
{
	const struct share_of *s = arg;

	return s->node == 1 || nodes[0].gone;
}

bool
is_there(void *arg MX_UNUSED, enum outage_kind kind MX_UNUSED, const char *name)
{
	return missing == NULL || strcmp(name, missing) != 0;
}

static void
on_each(void *arg MX_UNUSED, const char *prefix, ledger_state_cb *fn,
    void *fn_arg)
{
	for (unsigned i = 0; i < nstate; i++)
		if (strncmp(state[i].key, prefix, strlen(prefix)) == 0)
			fn(fn_arg, state[i].key, state[i].text,
			    strlen(state[i].text));
}

void
node_start(unsigned i)
{
	struct share_of *s = &nodes[i];
	struct ledger_ops ops = { .exists = is_there,
		.arg = s,
		.node = i + 1,
		.alive = on_alive,
		.name = s->name,
		.speaks = on_speaks,
		.ready = on_ready,
		.put = on_put,
		.each = on_each };
	struct book_time t = world_now();

	s->node = i + 1;
	s->gone = false;
	(void)snprintf(s->name, sizeof(s->name), "mx%u", i + 1);
	s->ledger = ledger_create(&conf, s->folder, NULL, &ops, &t);
}

void
file_of(char *dst, size_t size, unsigned i)
{
	(void)snprintf(dst, size, "%s/outages", nodes[i].folder);
}

/* In an orderly way, or killed: then the others have what they heard. */
void
node_stop(unsigned i, bool killed)
{
	struct share_of *s = &nodes[i];
	struct book_time t = world_now();
	char *was = path, file[128];

	file_of(file, sizeof(file), i);
	path = file;
	ledger = s->ledger;
	if (killed) {
		world_kill();
	} else {
		ledger_rest(s->ledger, &t);
		world_stop();
		world_alive_now();
	}
	s->ledger = NULL;
	path = was;
	news_tell(s); /* to nobody */
}

static void
hear(void)
{
	for (unsigned i = 0; i < NODES; i++)
		if (!nodes[i].away)
			news_tell(&nodes[i]);
}

void
pass(unsigned seconds)
{
	struct book_time t;

	while (seconds-- > 0) {
		fake_loop_advance(loop, 1000);
		t = world_now();
		for (unsigned i = 0; i < NODES; i++)
			if (nodes[i].ledger != NULL)
				ledger_tick(nodes[i].ledger, &t);
		hear();
	}
}

int
nodes_setup(void **st)
{
	assert_int_equal(world_setup(st), 0);
	world_stop();
	nputs = 0;
	for (unsigned i = 0; i < NODES; i++) {
		(void)snprintf(nodes[i].folder, sizeof(nodes[i].folder),
		    "/tmp/test_ledger_nodes.XXXXXX");
		assert_non_null(mkdtemp(nodes[i].folder));
		node_start(i);
	}
	pass(1);
	return 0;
}

int
nodes_teardown(void **st)
{
	char file[128];

	for (unsigned i = 0; i < NODES; i++) {
		nodes[i].away = nodes[i].refused = false;
		if (nodes[i].ledger != NULL)
			node_stop(i, false);
	}
	for (unsigned i = 0; i < NODES; i++) {
		news_tell(&nodes[i]);
		mem_free(&nodes[i].news);
		file_of(file, sizeof(file), i);
		(void)unlink(file);
		assert_int_equal(rmdir(nodes[i].folder), 0);
	}
	while (nstate > 0)
		item_set(state[0].key, NULL);
	ledger = NULL;
	return world_teardown(st);
}

void
see(unsigned i, enum health_state is)
{
	on(i);
	primary_is(is);
}

void
all_see(enum health_state is)
{
	for (unsigned i = 0; i < NODES; i++)
		if (nodes[i].ledger != NULL)
			see(i, is);
}

/* The record of that name is one on both, and the same; the caller frees it. */
cJSON *
one(const char *name)
{
	cJSON *r[NODES];

	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(name), 1);
		r[i] = record(name);
	}
	if (!cJSON_Compare(r[0], r[1], true)) {
		print_error("%s\n", cJSON_PrintUnformatted(r[0]));
		print_error("%s\n", cJSON_PrintUnformatted(r[1]));
		fail_msg("not the same");
	}
	cJSON_Delete(r[1]);
	return r[0];
}

double
ratio(unsigned i)
{
	struct availability_ratios a;

	availability_get(ledger_availability(nodes[i].ledger), PRIMARY, &a);
	return a.ratio[AVAILABILITY_30D];
}

unsigned
stored(unsigned node, const char *what)
{
	char prefix[32];
	unsigned n = 0;
	int len;

	len = snprintf(prefix, sizeof(prefix), "outage/%u/%s", node, what);
	for (unsigned i = 0; i < nstate; i++)
		n += strncmp(state[i].key, prefix, (size_t)len) == 0 &&
		    (*what != '\0' ||
			(state[i].key[len] >= '0' && state[i].key[len] <= '9'));
	return n;
}
