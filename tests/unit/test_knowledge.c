/* SPDX-License-Identifier: ISC
 * What is remembered of a domain's recipients and senders: bounded, aged, and the
 * same after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "relay/queue/knowledge.h"

#define NOW  INT64_C(1700000000000)
#define HOUR INT64_C(3600000)

static const char *
box(unsigned i)
{
	static char name[4][32];
	static unsigned at;
	char *s = name[at++ % 4];

	snprintf(s, sizeof(name[0]), "u%u@a.test", i);
	return s;
}

static void
taken_and_refused(void **state)
{
	struct judge_evidence ev;
	struct knowledge k;

	(void)state;
	knowledge_init(&k, 7, 64);
	assert_null(knowledge_find(&k, KNOWN_RCPT, "a@a.test"));
	knowledge_taken(&k, "s@b.test", "A@a.test", 1000, NOW);
	assert_non_null(knowledge_find(&k, KNOWN_RCPT, "a@A.TEST"));
	assert_non_null(knowledge_find(&k, KNOWN_SENDER, "S@b.test"));
	assert_null(knowledge_find(&k, KNOWN_SENDER, "a@a.test"));
	assert_int_equal(k.size_taken, 1000);
	knowledge_refused(&k, JUDGE_RECIPIENT, "s@b.test", "a@a.test",
	    NOW + 5000);
	knowledge_refused(&k, JUDGE_RECIPIENT, "t@b.test", "b@a.test",
	    NOW + 6000);
	knowledge_refused(&k, JUDGE_US, "t@b.test", "c@a.test", NOW + 7000);
	knowledge_weigh(&k, NOW + 8000, &ev);
	assert_int_equal(ev.rcpts, 2);
	assert_int_equal(ev.rcpts_now, 2);
	assert_int_equal(ev.senders, 2);
	assert_int_equal(ev.us, 1);
	assert_int_equal(ev.taken, 1);
	assert_int_equal(k.strange, 5);
	/* Something is taken: refusals stay, but are none since. */
	knowledge_taken(&k, "", "d@a.test", 10, NOW + 9000);
	knowledge_weigh(&k, NOW + 9000, &ev);
	assert_int_equal(ev.rcpts, 2);
	assert_int_equal(ev.rcpts_now + ev.us + ev.senders, 0);
	/* One of them is: it is none any more. */
	knowledge_taken(&k, "t@b.test", "b@a.test", 10, NOW + 9000);
	knowledge_weigh(&k, NOW + 9000, &ev);
	assert_int_equal(ev.rcpts, 1);
	assert_int_equal(k.strange, 3);
	/* And they age. */
	knowledge_weigh(&k, NOW + 7 * HOUR, &ev);
	assert_int_equal(ev.rcpts + ev.taken, 0);
	knowledge_forgive(&k);
	assert_int_equal(k.strange, 0);
	assert_int_equal(knowledge_find(&k, KNOWN_RCPT, "a@a.test")->refused,
	    0);
	knowledge_fini(&k);
}

/* The newest stay, and no other domain is asked. */
/* Refused, and then let pass: a refusal of the next day is the first one. */
static void
let_pass_is_not_refused(void **state)
{
	struct judge_evidence ev;
	struct knowledge k;

	(void)state;
	knowledge_init(&k, 9, 4096);
	knowledge_taken(&k, "s@b.test", box(1), 1, NOW);
	knowledge_refused(&k, JUDGE_RECIPIENT, "s@b.test", box(1), NOW + 1000);
	k.dirty = false;
	knowledge_passed(&k, box(2));
	assert_false(k.dirty);
	knowledge_passed(&k, box(1));
	assert_true(k.dirty);
	assert_int_equal(knowledge_find(&k, KNOWN_RCPT, box(1))->refused, 0);
	assert_int_not_equal(knowledge_find(&k, KNOWN_RCPT, box(1))->taken, 0);
	knowledge_weigh(&k, NOW + 2000, &ev);
	assert_int_equal(ev.rcpts, 0);
	knowledge_fini(&k);
}

static void
is_bounded(void **state)
{
	struct knowledge k;
	unsigned found = 0;

	(void)state;
	knowledge_init(&k, 1, 256);
	for (unsigned i = 0; i < 10000; i++)
		knowledge_taken(&k, "", box(i), 1, NOW + i * INT64_C(1000));
	assert_int_equal(k.nslots, 256);
	for (unsigned i = 9900; i < 10000; i++)
		found += knowledge_find(&k, KNOWN_RCPT, box(i)) != NULL;
	assert_true(found > 90);
	assert_null(knowledge_find(&k, KNOWN_RCPT, box(0)));
	knowledge_fini(&k);
}

static void
is_kept(void **state)
{
	struct judge_evidence ev, was;
	struct knowledge k, l;
	uint8_t *blob;
	size_t len;

	(void)state;
	knowledge_init(&k, 9, 4096);
	for (unsigned i = 0; i < 500; i++)
		knowledge_taken(&k, box(i + 1000), box(i), i, NOW);
	for (unsigned i = 0; i < 20; i++)
		knowledge_refused(&k, i % 2 ? JUDGE_RECIPIENT : JUDGE_ROUTE,
		    "s@b.test", box(i), NOW + 2000);
	knowledge_believe(&k, knowledge_find(&k, KNOWN_RCPT, box(3)));
	for (unsigned i = 0; i < 30; i++)
		knowledge_dot(&k, i % 3 == 0);
	len = knowledge_size(&k);
	blob = mem_alloc(len);
	assert_int_equal(knowledge_save(&k, blob), len);
	knowledge_init(&l, 10, 4096);
	assert_int_equal(knowledge_load(&l, blob, len), 0);
	knowledge_weigh(&k, NOW + 3000, &was);
	knowledge_weigh(&l, NOW + 3000, &ev);
	assert_memory_equal(&ev, &was, sizeof(ev));
	assert_int_equal(ev.rcpts, 19);
	assert_true(knowledge_find(&l, KNOWN_RCPT, box(3))->believed);
	assert_int_equal(l.nused, k.nused);
	assert_int_equal(l.size_taken, 499);
	/* Cut off, or of another form: nothing is believed of it. */
	for (size_t n = 0; n < len; n += 7) {
		assert_true(knowledge_load(&l, blob, n) != 0);
		assert_int_equal(l.nused, 0);
	}
	blob[0] ^= 1;
	assert_true(knowledge_load(&l, blob, len) != 0);
	mem_free(&blob);
	knowledge_fini(&k);
	knowledge_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_and_refused),
		cmocka_unit_test(let_pass_is_not_refused),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
