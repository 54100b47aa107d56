/* SPDX-License-Identifier: ISC
 * test_ways: what is remembered, what makes room, what must stay; and the
 * hash against published values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/ways.h"

#define PLACES 64
#define WAYS   4

struct item {
	uint64_t key;
	int64_t worth;
};

static int64_t
item_worth(const void *entry, const void *arg)
{
	const struct item *e = entry;

	assert_ptr_equal(arg, &item_worth);
	return e->worth == 0 ? WAYS_FREE : e->worth;
}

static struct item *
take(struct ways *w, uint64_t key, int64_t worth)
{
	struct item *e =
	    ways_take(w, key, item_worth, (const void *)&item_worth);

	if (e != NULL)
		e->worth = worth;
	return e;
}

static struct item *
find(struct ways *w, uint64_t key)
{
	return ways_find(w, key, item_worth, (const void *)&item_worth);
}

static void
remembers(void **state)
{
	struct ways w;
	struct item *e;

	(void)state;
	ways_init(&w, PLACES, WAYS, sizeof(struct item));
	assert_null(find(&w, 7));
	assert_null(find(&w, 0)); /* an entry of zeroes holds nothing */
	e = take(&w, 7, 3);
	assert_int_equal(e->key, 7);
	assert_ptr_equal(find(&w, 7), e);
	assert_ptr_equal(take(&w, 7, 4), e);
	e->worth = 0; /* free again */
	assert_null(find(&w, 7));
	ways_fini(&w);
}

/* Never more than its places; the one that is missed least goes. */
static void
makes_room(void **state)
{
	unsigned left = 0;
	struct ways w;
	uint64_t key;

	(void)state;
	ways_init(&w, PLACES, WAYS, sizeof(struct item));
	for (key = 1; key <= 1000; key++)
		assert_non_null(take(&w, key, (int64_t)key));
	for (key = 1; key <= 1000; key++)
		left += find(&w, key) != NULL;
	assert_in_range(left, PLACES / 2, PLACES);
	assert_non_null(find(&w, 1000));
	for (key = 1; key <= 500; key++)
		assert_null(find(&w, key));
	ways_fini(&w);
}

static void
keeps(void **state)
{
	unsigned kept = 0;
	struct ways w;
	uint64_t key;

	(void)state;
	ways_init(&w, PLACES, WAYS, sizeof(struct item));
	for (key = 1; key <= 1000; key++)
		kept += take(&w, key, WAYS_KEEP) != NULL;
	assert_int_equal(kept, PLACES);
	for (key = 1; key <= 1000; key++)
		kept -= find(&w, key) != NULL;
	assert_int_equal(kept, 0);
	ways_fini(&w);
}

static void
hashes(void **state)
{
	(void)state;
	/* of the FNV authors' list for 64-bit FNV-1a */
	assert_true(
	    hash_bytes(HASH_INIT, "", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(
	    hash_bytes(HASH_INIT, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(
	    hash_bytes(HASH_INIT, "foobar", 6) == UINT64_C(0x85944171f73967e8));
	assert_true(hash_text(HASH_INIT, "foobar") ==
	    hash_bytes(HASH_INIT, "foobar", 7));
	assert_true(hash_text(hash_text(1, "a"), "bc") !=
	    hash_text(hash_text(1, "ab"), "c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers),
		cmocka_unit_test(makes_room),
		cmocka_unit_test(keeps),
		cmocka_unit_test(hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
