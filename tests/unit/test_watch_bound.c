/* SPDX-License-Identifier: ISC
 * test_watch_bound: how many connections the domains of a host allow, whoever
 * comes, goes or changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/host.h"
#include "tests/unit/watch_conf.h"

#define A "a.example"
#define B "b.example"
#define C "c.example"

struct world {
	struct watch_set *ws;
	struct config *conf;
	int64_t now, wall;
	unsigned bound, bound_at; /* the last ones told */
	unsigned bounds, bounds_at; /* how often */
	char label[PRIMARY_LABEL_MAX], key[HOST_KEY_MAX]; /* of whom */
};

static void
on_bound(void *arg, const char *label, unsigned most)
{
	struct world *w = arg;

	w->bounds++;
	w->bound = most;
	strlcpy(w->label, label, sizeof(w->label));
}

static void
on_bound_at(void *arg, const char *key, unsigned most)
{
	struct world *w = arg;

	w->bounds_at++;
	w->bound_at = most;
	strlcpy(w->key, key, sizeof(w->key));
}

static void
on_change(void *arg, const struct watch_change *c)
{
	(void)arg;
	(void)c;
}

static void
on_wake(void *arg)
{
	(void)arg;
}

static void
configure(struct world *w, const char *text)
{
	watch_conf_set(w->ws, &w->conf, text, w->now, w->wall);
}

static struct world *
world(const char *text)
{
	struct world *w = mem_alloc(sizeof(*w));
	struct watch_ops ops = { .change = on_change,
		.wake = on_wake,
		.bound = on_bound,
		.bound_at = on_bound_at,
		.arg = w };

	w->now = CLOCK_SEC;
	w->wall = 1000;
	w->ws = watch_create(&ops);
	configure(w, text);
	return w;
}

static void
world_end(struct world **w)
{
	watch_destroy(&(*w)->ws);
	config_unref(&(*w)->conf);
	mem_free(w);
}

static struct route route;

static const struct route *
route_to(const char *name, const char *address)
{
	struct route_host *h = &route.host[0];

	memset(&route, 0, sizeof(route));
	route.status = ROUTE_OK;
	route.n = 1;
	strlcpy(h->name, name, sizeof(h->name));
	strlcpy(h->label, name, sizeof(h->label));
	h->port = 25;
	h->naddrs = 1;
	assert_int_equal(addr_parse(&h->addr[0], address, 25, ':'), 0);
	return &route;
}

/* B's records by MX. */
static void
look_up(struct world *w, const char *name)
{
	watch_route(w->ws, watch_domain(w->ws, B), config_domain(w->conf, B),
	    route_to(name, "192.0.2.9"), w->now, w->wall);
}

static unsigned
most(const struct world *w, const char *label)
{
	bool counts;

	return watch_connections(w->ws, label, A, &counts);
}

#define CONF(name, primary, n)                                                 \
	"domain \"" name "\" { " primary " deliver { connections = " n " } "   \
	"}\n"
#define MX_TEST "primary = \"mx.test\""

/* The smallest of those who name it, whoever comes, goes or changes. */
static void
the_smallest_number_bounds(void **state)
{
	struct world *w = world(CONF(A, MX_TEST, "20") CONF(B, MX_TEST, "7"));
	bool counts;

	(void)state;
	assert_int_equal(watch_connections(w->ws, "mx.test", A, &counts), 7);
	assert_true(counts);
	assert_int_equal(watch_connections(w->ws, "mx.test", C, &counts), 7);
	assert_false(counts);
	assert_int_equal(watch_connections(w->ws, "other.test", A, &counts), 0);
	assert_false(counts);
	assert_int_equal(w->bound, 7);
	assert_string_equal(w->label, "mx.test");
	/* Settings that are no policy of a watch. */
	configure(w, CONF(A, MX_TEST, "3") CONF(B, MX_TEST, "7"));
	assert_int_equal(most(w, "mx.test"), 3);
	assert_int_equal(w->bound, 3);
	configure(w, CONF(A, MX_TEST, "30") CONF(B, MX_TEST, "7"));
	assert_int_equal(w->bound, 7);
	w->bounds = 0;
	configure(w, CONF(A, MX_TEST, "31") CONF(B, MX_TEST, "7"));
	assert_int_equal(w->bounds, 0);
	/* One under another policy, and one that nobody probes, count, too. */
	configure(w,
	    CONF(A, MX_TEST " probe { enabled = no }", "5")
		CONF(B, MX_TEST, "7"));
	assert_int_equal(most(w, "mx.test"), 5);
	configure(w, CONF(B, MX_TEST, "7"));
	assert_int_equal(w->bound, 7);
	configure(w, CONF(B, "primary = \"mx2.test\"", "7"));
	assert_int_equal(most(w, "mx.test"), 0);
	assert_int_equal(most(w, "mx2.test"), 7);
	world_end(&w);
}

/* By MX it counts from its look-up on, before any mail. */
static void
the_smallest_number_by_mx(void **state)
{
	struct world *w = world(CONF(A, MX_TEST, "20") CONF(B, "", "4"));

	(void)state;
	assert_int_equal(most(w, "mx.test"), 20);
	look_up(w, "mx.test");
	assert_int_equal(w->bound, 4);
	configure(w, CONF(A, MX_TEST, "20") CONF(B, "", "6"));
	assert_int_equal(w->bound, 6);
	look_up(w, "elsewhere.test");
	assert_int_equal(most(w, "mx.test"), 20);
	assert_int_equal(most(w, "elsewhere.test"), 6);
	world_end(&w);
}

static const char *
key_of(const char *address)
{
	static char key[HOST_KEY_MAX];
	struct route_host h = { .port = 25, .naddrs = 1 };

	assert_int_equal(addr_parse(&h.addr[0], address, 25, ':'), 0);
	return host_key(&h, NULL, key);
}

static void
has_address(struct world *w, const char *domain, const char *name,
    const char *address)
{
	struct watch_domain *d = watch_domain(w->ws, domain);

	assert_true(watch_addresses(w->ws, d->link[0].watch,
	    route_to(name, address), w->now, w->wall));
}

/* Names with one address are one host. */
static void
the_smallest_number_of_names(void **state)
{
	struct world *w = world(CONF(A, "primary = \"mx.a.test\"", "20")
		CONF(B, "primary = \"mx.b.test\"", "8")
		    CONF(C, "primary = \"mx.c.test\"", "5"));

	(void)state;
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 0);
	has_address(w, A, "mx.a.test", "192.0.2.1");
	assert_int_equal(w->bound_at, 20);
	assert_string_equal(w->key, key_of("192.0.2.1"));
	has_address(w, B, "mx.b.test", "192.0.2.1");
	assert_int_equal(w->bound_at, 8);
	has_address(w, C, "mx.c.test", "192.0.2.2");
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 8);
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.2")), 5);
	/* It moves. */
	has_address(w, C, "mx.c.test", "192.0.2.1");
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 5);
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.2")), 0);
	w->bounds_at = 0;
	has_address(w, C, "mx.c.test", "192.0.2.1");
	assert_int_equal(w->bounds_at, 0);
	/* Reloads. */
	configure(w,
	    CONF(A, "primary = \"mx.a.test\"", "2")
		CONF(B, "primary = \"mx.b.test\"", "8"));
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 2);
	configure(w,
	    CONF(A, "primary = \"mx.a.test\"", "9")
		CONF(B, "primary = \"mx.b.test\"", "8"));
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 8);
	configure(w, CONF(A, "primary = \"mx.a.test\"", "9"));
	assert_int_equal(w->bound_at, 9);
	configure(w, CONF("d.example", MX_TEST, "1"));
	assert_int_equal(watch_connections_at(w->ws, key_of("192.0.2.1")), 0);
	world_end(&w);
}

/* Of a cluster, each node that sends has its part; by the addresses all that send
 * to any of the names. */
static void
nodes_share_it(void **state)
{
	struct world *w = world(CONF(A, "primary = \"mx.a.test\"", "20")
		CONF(B, "primary = \"mx.b.test\"", "8"));
	struct primary *a, *b;

	(void)state;
	has_address(w, A, "mx.a.test", "192.0.2.1");
	has_address(w, B, "mx.b.test", "192.0.2.1");
	a = primary_find(watch_primaries(w->ws), "mx.a.test");
	b = primary_find(watch_primaries(w->ws), "mx.b.test");
	watch_senders(w->ws, a, 1u << 3);
	assert_int_equal(most(w, "mx.a.test"), 20);
	assert_int_equal(w->bound_at, 8);
	watch_senders(w->ws, a, 1u << 3 | 1u << 5 | 1u << 6);
	assert_int_equal(most(w, "mx.a.test"), 6);
	assert_int_equal(w->bound, 6);
	assert_int_equal(w->bound_at, 2);
	watch_senders(w->ws, b, 1u << 3 | 1u << 1);
	assert_int_equal(most(w, "mx.b.test"), 4);
	assert_int_equal(w->bound_at, 2); /* of 8: nodes 1, 3, 5, 6 */
	w->bounds_at = 0;
	watch_senders(w->ws, b, 1u << 3 | 1u << 1);
	assert_int_equal(w->bounds_at, 0);
	/* one at least: else its mail would never go */
	watch_senders(w->ws, a, UINT32_MAX);
	assert_int_equal(w->bound, 1);
	assert_int_equal(w->bound_at, 1);
	watch_senders(w->ws, a, 0);
	watch_senders(w->ws, b, 0);
	assert_int_equal(most(w, "mx.a.test"), 20);
	assert_int_equal(w->bound_at, 8);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_number_bounds),
		cmocka_unit_test(the_smallest_number_by_mx),
		cmocka_unit_test(the_smallest_number_of_names),
		cmocka_unit_test(nodes_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
