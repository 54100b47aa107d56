/* SPDX-License-Identifier: ISC
 * share_kit: see share_kit.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/pg.h"
#include "tests/unit/share_kit.h"
#include "tests/unit/store_kit.h"

#define TICK_MS	    5
#define DEADLINE_NS (30 * CLOCK_SEC)

/* ---- waiting */

static void
on_tick(void *arg)
{
	struct share *s = arg;

	loop_timer_set(s->tick, TICK_MS);
	loop_stop(s->loop);
}

void
share_begin(struct share *s)
{
	s->until = clock_now() + DEADLINE_NS;
}

void
share_turn(struct share *s, const char *what, const char *file, int line)
{
	if (clock_now() > s->until) {
		fprintf(stderr, "%s:%d: never so: %s\n", file, line, what);
		abort();
	}
	loop_run(s->loop);
}

/* ---- what a node is told */

static void
note(struct share_node *n, struct share_item item)
{
	n->items = mem_grow(n->items, n->nitems + 1, sizeof(*n->items));
	n->items[n->nitems++] = item;
	if (n->item != NULL)
		n->item(n, &item);
}

static void
on_state(void *arg, enum store_state state, const char *why)
{
	struct share_node *n = arg;

	(void)why;
	n->state = state;
}

static bool
on_ours(void *arg, const char *domain)
{
	struct share_node *n = arg;

	return n->ours == NULL || n->ours(n, domain);
}

static void
on_nodes(void *arg, const struct store_node *nodes, unsigned count)
{
	struct share_node *n = arg;

	memcpy(n->nodes, nodes, count * sizeof(*nodes));
	n->nnodes = count;
	n->looks++;
}

static void
on_owner(void *arg, const char *domain, unsigned node)
{
	struct share_item item = { .kind = SHARE_OWNER, .node = node };

	(void)strlcpy(item.name, domain, sizeof(item.name));
	note(arg, item);
}

static void
on_arrived(void *arg, const struct envelope_brief *b)
{
	struct share_item item = { .kind = SHARE_ARRIVED, .id = b->id };

	(void)strlcpy(item.name, b->domain, sizeof(item.name));
	note(arg, item);
}

static void
on_told(void *arg, const char *key, const void *value, size_t len)
{
	struct share_item item = { .kind = SHARE_TOLD };

	(void)strlcpy(item.name, key, sizeof(item.name));
	MX_ASSERT(len < sizeof(item.value));
	memcpy(item.value, value, len);
	note(arg, item);
}

static void
on_holds(void *arg, bool holds)
{
	((struct share_node *)arg)->holds = holds;
}

unsigned
share_owner(const struct share_node *n, const char *domain)
{
	for (unsigned i = n->nitems; i-- > 0;)
		if (n->items[i].kind == SHARE_OWNER &&
		    strcmp(n->items[i].name, domain) == 0)
			return n->items[i].node;
	return 0;
}

const char *
share_told(const struct share_node *n, const char *key)
{
	for (unsigned i = n->nitems; i-- > 0;)
		if (n->items[i].kind == SHARE_TOLD &&
		    strcmp(n->items[i].name, key) == 0)
			return n->items[i].value;
	return NULL;
}

unsigned
share_arrived(const struct share_node *n, uint64_t id)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n->nitems; i++)
		count +=
		    n->items[i].kind == SHARE_ARRIVED && n->items[i].id == id;
	return count;
}

const struct store_node *
share_seen(const struct share_node *n, unsigned id)
{
	for (unsigned i = 0; i < n->nnodes; i++)
		if (n->nodes[i].id == id)
			return &n->nodes[i];
	return NULL;
}

/* ---- life */

static void
node_init(struct share *s, unsigned i)
{
	struct share_node *n = &s->nodes[i];

	n->share = s;
	n->proxy = engine_proxy_create();
	(void)snprintf(n->name, sizeof(n->name), "node%u", i + 1);
	(void)snprintf(n->dir, sizeof(n->dir), "/instance/%u", i + 1);
	n->conf = (struct store_conf){ .group_max = 200,
		.engine = engine_proxy_conninfo(n->proxy),
		.node = n->name,
		.instance = n->dir,
		.lease_ms = SHARE_LEASE,
		.wait_ms = 10000 };
}

void
share_init(struct share *s)
{
	*s = (struct share){ 0 };
	kit_engine_reset();
	s->loop = loop_create();
	s->tick = loop_timer_create(s->loop, on_tick, s);
	loop_timer_set(s->tick, TICK_MS);
	for (unsigned i = 0; i < SHARE_NODES; i++)
		node_init(s, i);
}

bool
share_open(struct share_node *n)
{
	struct store_events ev = { .state = on_state,
		.ours = on_ours,
		.nodes = on_nodes,
		.owner = on_owner,
		.arrived = on_arrived,
		.told = on_told,
		.holds = on_holds,
		.arg = n };
	int rc = -MX_ENET;

	engine_proxy_set(n->proxy, ENGINE_PROXY_OPEN);
	n->nitems = n->nnodes = n->looks = 0;
	n->state = STORE_OK;
	n->holds = true;
	for (unsigned tries = 0; rc == -MX_ENET && tries < 3; tries++)
		rc = store_open(&n->store, n->share->loop, &n->conf, &ev,
		    &n->share->eb);
	return rc == 0;
}

void
share_close(struct share_node *n)
{
	store_close(&n->store);
}

void
share_kill(struct share_node *n)
{
	engine_proxy_set(n->proxy, ENGINE_PROXY_SHUT);
	store_close(&n->store);
}

void
share_fini(struct share *s)
{
	for (unsigned i = 0; i < SHARE_NODES; i++) {
		store_close(&s->nodes[i].store);
		engine_proxy_destroy(&s->nodes[i].proxy);
		free(s->nodes[i].items);
	}
	loop_timer_destroy(&s->tick);
	loop_destroy(&s->loop);
}

/* ---- asking */

void
share_on_owned(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct share_answer *a = arg;

	(void)domains;
	*a = (struct share_answer){ true, rc, n, 0 };
}

void
share_on_done(void *arg, uint64_t token, int rc)
{
	struct share_answer *a = arg;

	(void)token;
	*a = (struct share_answer){ true, rc, 0, 0 };
}

void
share_on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct share_answer *a = arg;

	(void)token;
	*a = (struct share_answer){ true, rc, n, parts[0]->id };
	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
}

int
share_take(struct share_node *n, const char *domain)
{
	struct share_answer a = { 0 };

	store_take(n->store, &domain, 1, share_on_owned, &a);
	SHARE_WAIT(n->share, a.done);
	return a.rc < 0 ? a.rc : (int)a.n;
}

int
share_give(struct share_node *n, const char *domain, unsigned to)
{
	struct share_answer a = { 0 };

	store_give(n->store, &domain, 1, to, share_on_owned, &a);
	SHARE_WAIT(n->share, a.done);
	return a.rc < 0 ? a.rc : (int)a.n;
}

int
share_fence(struct share_node *n, const struct store_node *whom)
{
	struct share_answer a = { 0 };

	store_fence(n->store, whom, share_on_done, &a, 0);
	SHARE_WAIT(n->share, a.done);
	return a.rc;
}

int
share_join(struct share_node *n)
{
	struct share_answer a = { 0 };

	store_join(n->store, share_on_done, &a, 0);
	SHARE_WAIT(n->share, a.done);
	return a.rc;
}

int
share_put(struct share_node *n, const char *key, const char *value)
{
	struct share_answer a = { 0 };

	store_state_put(n->store, key, value, strlen(value), share_on_done, &a,
	    0);
	SHARE_WAIT(n->share, a.done);
	return a.rc;
}

void
share_commit_begin(struct share_node *n, struct share_answer *a,
    const char *const *domains, unsigned ndomains)
{
	struct store_tx *tx = store_tx_begin(n->store);
	struct envelope *parts[ENVELOPE_PART_MAX];

	*a = (struct share_answer){ .id = store_tx_id(tx) };
	for (unsigned i = 0; i < ndomains; i++)
		parts[i] = kit_envelope(domains[i]);
	MX_ASSERT(store_tx_append(tx, "body", 4) == 0);
	store_tx_commit(&tx, parts, ndomains, share_on_commit, a, 0);
}

uint64_t
share_commit(struct share_node *n, const char *domain)
{
	struct share_answer a;

	share_commit_begin(n, &a, &domain, 1);
	SHARE_WAIT(n->share, a.done);
	return a.rc == 0 ? a.id : 0;
}

int
share_remove(struct share_node *n, uint64_t id)
{
	struct share_answer a = { 0 };

	store_remove(n->store, id, share_on_done, &a, 0);
	SHARE_WAIT(n->share, a.done);
	return a.rc;
}

int
share_update(struct share_node *n, uint64_t id, const char *domain)
{
	struct envelope *e = kit_envelope(domain);
	struct share_answer a = { 0 };

	e->id = id;
	e->attempts = 1;
	store_update(n->store, e, share_on_done, &a, 0);
	envelope_destroy(&e);
	SHARE_WAIT(n->share, a.done);
	return a.rc;
}

static void
on_one(void *arg, const struct envelope_brief *b)
{
	struct share_scan *scan = arg;

	scan->ids = mem_grow(scan->ids, scan->n + 1, sizeof(*scan->ids));
	scan->ids[scan->n++] = b->id;
	if (scan->shut != NULL)
		engine_proxy_set(scan->shut, ENGINE_PROXY_SHUT);
	scan->shut = NULL;
}

static void
on_scanned(void *arg, int rc, uint64_t damaged)
{
	struct share_scan *scan = arg;

	scan->rc = rc;
	scan->damaged = damaged;
	scan->done = true;
}

void
share_scan_begin(struct share_node *n, struct share_scan *scan,
    const char *const *domains, unsigned ndomains)
{
	*scan = (struct share_scan){ 0 };
	store_scan_domains(n->store, domains, ndomains, on_one, on_scanned,
	    scan);
}

void
share_scan(struct share_node *n, struct share_scan *scan, const char *domain)
{
	share_scan_begin(n, scan, &domain, 1);
	SHARE_WAIT(n->share, scan->done);
}

unsigned
share_found(const struct share_scan *scan, uint64_t id)
{
	unsigned count = 0;

	for (unsigned i = 0; i < scan->n; i++)
		count += scan->ids[i] == id;
	return count;
}

/* ---- another connection, which locks rows until it is told */

static int
locker_say(struct locker *l, const char *sql)
{
	int64_t until = clock_now() + 20 * CLOCK_SEC;
	struct pg_stmt s = { "", sql };
	struct mx_errbuf eb;
	int rc = pg_up(l->pg, until, &eb);

	if (rc != 0)
		return rc;
	(void)pg_add(l->pg, &s);
	rc = pg_run(l->pg, until, &eb);
	if (rc != 0 && rc != -MX_ENET) {
		fprintf(stderr, "share_kit: %s: %s\n", sql, eb.text);
		abort();
	}
	return rc;
}

void
locker_begin(struct locker *l, const char *sql)
{
	*l = (struct locker){ .pg = pg_create(getenv("KIT_ENGINE"), "locker") };
	while (locker_say(l, "BEGIN") != 0 || locker_say(l, sql) != 0)
		;
}

void
locker_end(struct locker *l)
{
	pg_destroy(&l->pg); /* takes it back */
}

unsigned
waiting_for_locks(void)
{
	return (unsigned)kit_sql(
	    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
	    "'Lock'");
}

void *
locker_main(void *arg)
{
	struct locker *l = arg;
	int64_t until = clock_now() + 20 * CLOCK_SEC;

	while (
	    !l->go && waiting_for_locks() < l->waiters && clock_now() < until)
		;
	locker_end(l);
	return NULL;
}

int
share_setup(void **state)
{
	struct share *s = mem_alloc(sizeof(*s));

	share_init(s);
	for (unsigned i = 0; i < SHARE_NODES; i++)
		if (!share_open(&s->nodes[i])) {
			fprintf(stderr, "share_kit: %s\n", s->eb.text);
			return -1;
		}
	*state = s;
	return 0;
}

int
share_teardown(void **state)
{
	share_fini(*state);
	free(*state);
	return 0;
}
