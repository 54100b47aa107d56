/* SPDX-License-Identifier: ISC
 * The record of a cluster is worked out of what the nodes tell: whatever the order in
 * which that comes, twice, as it was before, or dropped and told again, and whoever
 * was taken for gone meanwhile, it is the same in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/joint_world.h"

static uint64_t seed;

static unsigned
rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

enum { NEWS = 60, NAMES = 3 };
static struct news {
	unsigned node;
	uint64_t id; /* 0: known, or alive */
	const char *label; /* known */
	int64_t since, until, said;
	struct kept_line *line, *older; /* older: how it was told before */
} news[NEWS];

static struct kept_line *
print_line(const struct outage *o)
{
	char *t = outage_print(o);
	struct kept_line *l = kept_line_create(t);

	mem_free(&t);
	return l;
}

static void
news_account(struct news *n, uint64_t id)
{
	static const char *const name[NAMES] = { "p1.test", "p2.test",
		"p3.test" };
	enum outage_kind kind = rnd(6) == 0 ? OUTAGE_DAEMON :
	    rnd(3) == 0			    ? OUTAGE_DOMAIN :
					      OUTAGE_PRIMARY;
	int64_t from = rnd(2000), to = from + 1 + rnd(300);
	struct outage o;

	if (kind != OUTAGE_DAEMON && rnd(8) == 0)
		to = 0;
	n->id = id;
	o = outage_of(kind,
	    kind == OUTAGE_DAEMON ? "mxwatchd" : name[rnd(NAMES)], id, from,
	    to);
	o.accepted = rnd(100);
	o.depth = rnd(100);
	o.flaps = rnd(3);
	if (o.flaps > 0)
		o.down_ms /= 2;
	if (kind == OUTAGE_DOMAIN)
		o.part_of = 1 + rnd(NEWS);
	if (to != 0 && rnd(4) == 0)
		o.state = OUTAGE_DRAINING;
	for (unsigned i = rnd(4); i > 0; i--)
		outage_mark_add(&o, OUTAGE_MARK_TOLD, START + from + rnd(20),
		    "pager", "down");
	n->said = (START + from + 400 + rnd(500)) * 1000;
	n->line = print_line(&o);
	o.state = OUTAGE_DOWN;
	o.accepted++;
	n->older = print_line(&o);
	outage_fini(&o);
}

static void
news_make(void)
{
	static const char *const name[NAMES] = { "p1.test", "p2.test",
		"p3.test" };

	for (unsigned i = 0; i < NEWS; i++) {
		struct news *n = &news[i];

		kept_line_unref(&n->line);
		kept_line_unref(&n->older);
		*n = (struct news){ .node = 1 + rnd(3) };
		if (i < 3) { /* each says that it is there */
			n->node = i + 1;
			n->said = START + 1000 + rnd(1500);
		} else if (i < 3 + 3 * NAMES) {
			n->node = 1 + (i - 3) % 3;
			n->label = name[(i - 3) / 3];
			n->since = rnd(4) == 0 ? 0 : START + rnd(1500);
			n->until = rnd(4) == 0 ? START + 1500 + rnd(500) : 0;
		} else {
			news_account(n, i + 1);
		}
	}
}

static void
news_tell(const struct news *n, bool older)
{
	if (n->label != NULL) {
		joint_known(joint, n->node, n->label,
		    older ? n->since + 7 : n->since, older ? 0 : n->until);
	} else if (n->id == 0) {
		joint_said(joint, n->node, older ? n->said - 30 : n->said);
		joint_named(joint, n->node, older ? "what" : "mx");
	} else {
		assert_true(joint_put(joint, n->node, n->id,
		    older ? n->said - 1000 : n->said,
		    older ? n->older : n->line));
	}
}

static void
news_drop(const struct news *n)
{
	if (n->label != NULL)
		joint_known(joint, n->node, n->label, 0, 0);
	else if (n->id != 0)
		joint_drop(joint, n->node, n->id);
}

/* The view, and what counts of it. */
static char *
all_of_it(void)
{
	struct buf out = BUF_INIT(64u << 20);
	struct kept_query q = { .limit = 100000 };
	uint64_t before = 0;
	char name[16];

	joint_settle(joint, now_ms);
	assert_false(kept_page(view, &q, "\n", &out, &before));
	for (unsigned i = 0; i <= NAMES; i++) {
		(void)snprintf(name, sizeof(name), "p%u.test", i);
		assert_int_equal(
		    buf_addf(&out, "%s %lld %lld open %u\n", name,
			(long long)kept_down_ms(view, i > 0 ? name : NULL,
			    START + 200, START + 3000, NOW),
			(long long)joint_since(joint, name), kept_open(view)),
		    0);
	}
	return buf_take(&out);
}

static void
in_some_order(const bool gone[JOINT_NODES])
{
	unsigned order[NEWS];

	for (unsigned i = 0; i < NEWS; i++)
		order[i] = i;
	for (unsigned i = NEWS; i > 1; i--) {
		unsigned k = rnd(i), t = order[k];

		order[k] = order[i - 1];
		order[i - 1] = t;
	}
	for (unsigned i = 0; i < NEWS; i++) {
		const struct news *n = &news[order[i]];

		if (rnd(4) == 0)
			news_tell(n, true);
		if (rnd(3) == 0)
			joint_tick(joint, now_ms);
		if (rnd(5) == 0)
			dead[1 + rnd(3)] = rnd(2) == 0;
		news_tell(n, false);
		if (rnd(6) == 0) { /* again, one that was told */
			n = &news[order[rnd(i + 1)]];
			if (rnd(2) == 0)
				news_drop(n);
			if (rnd(2) == 0)
				joint_tick(joint, now_ms);
			news_tell(n, false);
		}
	}
	memcpy(dead, gone, sizeof(dead));
}

/* The first line that is another one. */
static void
same_text(const char *want, const char *is, unsigned round, unsigned k)
{
	size_t n, m;

	for (; *want != '\0' || *is != '\0'; want += n, is += m) {
		n = strcspn(want, "\n");
		m = strcspn(is, "\n");
		if (n != m || memcmp(want, is, n) != 0) {
			print_error("%.*s\n", (int)n, want);
			print_error("%.*s\n", (int)m, is);
			fail_msg("round %u.%u", round, k);
		}
		n += want[n] != '\0';
		m += is[m] != '\0';
	}
}

static void
the_order_is_of_no_matter(void **state MX_UNUSED)
{
	bool gone[JOINT_NODES];
	char *want, *is;

	for (unsigned round = 1; round <= 60; round++) {
		seed = round * UINT64_C(0x9e3779b97f4a7c15);
		news_make();
		memset(gone, 0, sizeof(gone));
		for (unsigned i = 1; i <= 3; i++)
			gone[i] = rnd(3) == 0;
		world_close();
		memcpy(dead, gone, sizeof(dead));
		world_open();
		for (unsigned i = 0; i < NEWS; i++)
			news_tell(&news[i], false);
		want = all_of_it();
		for (unsigned k = 0; k < 6; k++) {
			world_close();
			world_open();
			in_some_order(gone);
			is = all_of_it();
			same_text(want, is, round, k);
			mem_free(&is);
		}
		mem_free(&want);
	}
	for (unsigned i = 0; i < NEWS; i++) {
		kept_line_unref(&news[i].line);
		kept_line_unref(&news[i].older);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_order_is_of_no_matter,
		    world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
