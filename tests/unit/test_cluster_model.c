/* SPDX-License-Identifier: ISC
 * A model of a cluster, over many seeds: nodes that crash, stop, stand still, are cut
 * off, come back; domains that are moved, nodes that are released and taken over,
 * primaries that break for some, configurations that differ; answers and news that come
 * late, in any order between the two. At no time have two nodes a domain, and may hand
 * its mail on; when all is calm each domain has one owner who knows it, if there is
 * any, and nothing moves any more. MXWATCH_MODEL_SEEDS=N: so many seeds (150);
 * MXWATCH_MODEL_SEED=N: that one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/cluster_world.h"

#define DOMAINS	    40
#define FOREIGN	    34 /* from here on: of no configuration */
#define CHAOS_STEPS 1500
#define CALM_LEASES 20

struct model {
	struct cworld w;
	uint64_t x; /* of the random numbers */
	unsigned nodes, seed;
	bool differ; /* configurations do, to the end */
};

static unsigned
pick(struct model *m, unsigned n)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return (unsigned)((m->x >> 11) % n);
}

static struct world_node *
any(struct model *m)
{
	return &m->w.node[1 + pick(m, m->nodes)];
}

/* ---- what holds at all times */

static void
check(struct cworld *w)
{
	const struct model *m = w->arg;
	const struct world_node *n;
	unsigned have;

	for (unsigned d = 0; d < w->ndomains; d++) {
		have = 0;
		for (unsigned i = 1; i <= WORLD_NODES; i++) {
			n = &w->node[i];
			have += n->runs && n->mail[d] != AWAY && world_holds(n);
		}
		if (have > 1)
			print_error("seed %u: domain %u, step %u\n", m->seed, d,
			    w->steps);
		assert_in_range(have, 0, 1);
	}
}

/* Answers and news, some of either. */
static void
deliver(struct world_node *n)
{
	struct model *m = n->w->arg;

	if (n->lag)
		return;
	while (pick(m, 12) != 0)
		if (pick(m, 2) == 0)
			(void)world_answer(n);
		else
			(void)world_news(n);
}

/* ---- what befalls them */

static void
make_hash(struct model *m, unsigned node)
{
	struct world_node *n = &m->w.node[node];
	char text[32];
	uint64_t bits = 0;

	for (unsigned d = 0; d < DOMAINS; d++)
		bits |= (uint64_t)n->has[d] << d;
	(void)snprintf(text, sizeof(text), "%llx", (unsigned long long)bits);
	world_config(&m->w, node, text);
}

static void
process_event(struct model *m, struct world_node *n)
{
	unsigned what = pick(m, 24);

	if (!n->runs) {
		if (pick(m, 4) == 0)
			world_start(&m->w, n->id);
	} else if (what == 0) {
		world_crash(&m->w, n->id);
	} else if (what == 1 && !n->paused) {
		world_stop(&m->w, n->id);
	} else if (what < 5) {
		n->paused = !n->paused;
	} else if (what < 8) {
		n->cut = !n->cut;
	} else if (what < 12) {
		n->lag = !n->lag;
	} else if (what < 16) {
		n->slow = !n->slow;
	} else if (what < 20) {
		n->busy[pick(m, sizeof(n->busy))] ^= 1;
	} else if (n->slow) {
		world_drained(n);
	}
}

static void
operator_event(struct model *m, struct world_node *n)
{
	unsigned what = pick(m, 10), node = 1 + pick(m, m->nodes);
	char name[TEXT_DOMAIN_MAX];

	world_name(pick(m, DOMAINS), name);
	if (what < 4)
		(void)cluster_move(n->cl, name, pick(m, m->nodes + 1));
	else if (what < 5)
		(void)cluster_release(n->cl, node);
	else if (what < 6 && !m->w.node[node].runs) /* he looked */
		(void)cluster_takeover(n->cl, node);
	else
		(void)cluster_join(n->cl, node);
}

static void
event(struct model *m)
{
	struct world_node *n = any(m);
	unsigned d = pick(m, DOMAINS);

	switch (pick(m, 6)) {
	case 0:
		process_event(m, n);
		break;
	case 1:
		if (n->runs && !n->paused)
			operator_event(m, n);
		break;
	case 2:
		d = pick(m, HEALTH_STATE_MAX);
		if (n->runs && !n->paused)
			world_see(&m->w, n->id, pick(m, m->w.nprimaries),
			    (enum health_state)d);
		break;
	case 3:
		if (!m->differ || d >= FOREIGN || n->paused)
			break;
		world_configured(&m->w, n->id, d, !n->has[d]);
		make_hash(m, n->id);
		break;
	case 4: /* a report to somebody */
		if (d >= FOREIGN && n->runs &&
		    m->w.row[n->id].epoch == n->epoch)
			world_make(&m->w, d, n->id);
		break;
	default:
		break;
	}
}

/* ---- the end */

/* Some are dead, some were released; one at least is there for all. */
static void
calm(struct model *m)
{
	unsigned stays = 1 + pick(m, m->nodes), differ = pick(m, 2);
	struct world_node *n;

	m->w.deliver = NULL;
	for (unsigned i = 1; i <= m->nodes; i++) {
		n = &m->w.node[i];
		n->paused = n->cut = n->lag = n->slow = false;
		memset(n->busy, 0, sizeof(n->busy));
		if (!n->runs && (i == stays || pick(m, 2) == 0))
			world_start(&m->w, i);
		for (unsigned d = 0; d < FOREIGN && !differ; d++)
			world_configured(&m->w, i, d, true);
		make_hash(m, i);
	}
	world_run(&m->w, 1000);
	assert_int_equal(cluster_join(m->w.node[stays].cl, stays), 0);
	world_run(&m->w, (int64_t)CALM_LEASES * WORLD_LEASE);
}

static bool
is_there(const struct model *m, unsigned node)
{
	return node != 0 && m->w.node[node].runs && !world_left(&m->w, node);
}

/* Somebody who could have it has it in his configuration. */
static bool
is_known(const struct model *m, unsigned d)
{
	for (unsigned i = 1; i <= m->nodes; i++)
		if (is_there(m, i) && m->w.node[i].has[d])
			return true;
	return false;
}

/* For who looks for the reason. */
static void
describe_view(const struct world_node *n, unsigned d)
{
	struct cluster_node list[STORE_NODE_MAX];
	struct cluster_view v;
	unsigned k = cluster_list(n->cl, list, STORE_NODE_MAX);

	cluster_view(n->cl, &v);
	print_error("\tbelieves %u, ours %d, %u leave; sees",
	    world_belief(n->w, n->id, d), world_is_ours(n->w, n->id, d),
	    v.leaving);
	for (unsigned i = 0; i < k; i++)
		print_error(" %u:%s:%s", list[i].id,
		    cluster_state_name(list[i].state), list[i].config);
	print_error("\n");
}

static void
describe(const struct model *m, unsigned d)
{
	const struct world_node *n;

	print_error("seed %u: domain %u is %u's\n", m->seed, d, m->w.owner[d]);
	for (unsigned i = 1; i <= m->nodes; i++) {
		n = &m->w.node[i];
		print_error("node %u:%s%s%s%s, mail %u, config %s", i,
		    n->runs ? " runs" : "", is_there(m, i) ? " is there" : "",
		    n->has[d] ? " has it" : "", m->w.row[i].free ? " free" : "",
		    n->mail[d], n->config);
		print_error("\n");
		if (n->runs)
			describe_view(n, d);
	}
	for (unsigned i = 0; i < m->w.nkeys; i++)
		if (m->w.keys[i].len > 0)
			print_error("%s = %.*s\n", m->w.keys[i].key,
			    (int)m->w.keys[i].len,
			    (const char *)m->w.keys[i].data);
}

static bool
is_right(const struct model *m, unsigned d)
{
	const struct world_node *n;
	unsigned owner = m->w.owner[d];

	if ((owner != 0 || is_known(m, d)) && !is_there(m, owner))
		return false;
	if (is_known(m, d) && !m->w.node[owner].has[d])
		return false;
	for (unsigned i = 1; i <= m->nodes; i++) {
		n = &m->w.node[i];
		if (n->runs &&
		    (world_belief(&m->w, i, d) != owner ||
			world_is_ours(&m->w, i, d) != (owner == i) ||
			n->mail[d] != (owner == i ? HERE : AWAY)))
			return false;
	}
	return true;
}

static void
assert_views(struct model *m)
{
	struct cluster_view v;
	unsigned ours = 0;

	for (unsigned i = 1; i <= m->nodes; i++) {
		if (!m->w.node[i].runs)
			continue;
		cluster_view(m->w.node[i].cl, &v);
		assert_int_equal(v.leaving, 0);
		assert_int_equal(v.ours, world_count(&m->w, i));
		ours += v.ours;
		if (is_there(m, i))
			assert_int_equal(v.unowned, 0);
	}
	for (unsigned d = 0; d < DOMAINS; d++)
		ours -= m->w.owner[d] != 0;
	assert_int_equal(ours, 0);
}

/* What was told only while configurations differed. */
static bool
is_tidy(const struct model *m)
{
	const struct world_node *first = NULL, *n;
	const struct world_key *k;

	for (unsigned i = 1; i <= m->nodes; i++) {
		n = &m->w.node[i];
		if (!n->runs || m->w.row[i].free)
			continue;
		if (first != NULL && strcmp(first->config, n->config) != 0)
			return true;
		first = n;
	}
	for (unsigned i = 0; i < m->w.nkeys; i++) {
		k = &m->w.keys[i];
		if (k->len > 0 && strncmp(k->key, "lacks/", 6) == 0 &&
		    is_there(m, (unsigned)k->key[6] - '0'))
			return false;
	}
	return true;
}

static void
run(unsigned seed)
{
	static struct model m;
	unsigned moves;
	uint64_t seq;

	m = (struct model){ .seed = seed,
		.x = seed * UINT64_C(0x9e3779b97f4a7c15) };
	m.nodes = 3 + pick(&m, 3);
	m.differ = pick(&m, 2);
	world_init(&m.w, DOMAINS);
	m.w.arg = &m;
	m.w.check = check;
	m.w.deliver = deliver;
	m.w.share = pick(&m, 4) == 0 ? 0 : 1 + pick(&m, 12);
	m.w.ceiling = pick(&m, 4);
	m.w.nprimaries = m.w.share == 0 ? 1 : DOMAINS / m.w.share + 1;
	for (unsigned i = 1; i <= m.nodes; i++) {
		for (unsigned d = FOREIGN; d < DOMAINS; d++)
			m.w.node[i].has[d] = false;
		make_hash(&m, i);
	}
	for (unsigned step = 0; step < CHAOS_STEPS; step++) {
		if (pick(&m, 4) == 0)
			event(&m);
		world_step(&m.w);
	}
	calm(&m);
	moves = m.w.moves;
	seq = m.w.seq;
	world_run(&m.w, (int64_t)5 * WORLD_LEASE);
	for (unsigned d = 0; d < DOMAINS && m.w.moves != moves; d++)
		if (m.w.owner_seq[d] > seq) {
			print_error("it does not come to rest: ");
			describe(&m, d);
		}
	assert_int_equal(m.w.moves, moves);
	for (unsigned d = 0; d < DOMAINS; d++) {
		if (!is_right(&m, d))
			describe(&m, d);
		assert_true(is_right(&m, d));
	}
	assert_views(&m);
	assert_true(is_tidy(&m));
	world_fini(&m.w);
}

static void
test_model(void **state)
{
	const char *one = getenv("MXWATCH_MODEL_SEED");
	const char *many = getenv("MXWATCH_MODEL_SEEDS");
	unsigned n = many != NULL ? (unsigned)strtoul(many, NULL, 10) : 150;

	(void)state;
	if (one != NULL) {
		run((unsigned)strtoul(one, NULL, 10));
		return;
	}
	for (unsigned seed = 1; seed <= n; seed++) {
		print_message("seed %u\n", seed);
		run(seed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
