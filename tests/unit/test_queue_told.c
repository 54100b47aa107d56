/* SPDX-License-Identifier: ISC
 * test_queue_told: what other nodes write down is what we know, and nothing is
 * written because of it; of a domain that is ours our own word is the last. */
#include "relay/queue/learn_int.h"
#include "tests/unit/queue_shared.h"

static void
tell(struct shared *s, const char *key, const char *text)
{
	queue_told(s->w.q, key, text, strlen(text));
	world_settle(&s->w);
}

static unsigned
puts_so_far(struct shared *s)
{
	struct fake_sharing f;

	fake_store_sharing(s->w.store, &f);
	return f.puts;
}

static void
test_told_orders(void **state)
{
	struct shared *s = *state;
	struct dest *d = dest_find(s->w.q, A);
	unsigned puts = puts_so_far(s);

	tell(s, "hold/" A, "1");
	assert_true(world_gauges(&s->w, A).on_hold);
	tell(s, "hold/other.test", "1");
	assert_true(world_gauges(&s->w, "other.test").on_hold);
	tell(s, "extend/" A, "1800000000000 86400000\n");
	assert_int_equal(dest_rare(d)->extend.n, 1);
	/* ours or not */
	shared_put(s, A, false);
	shared_attach(s, A);
	world_settle(&s->w);
	assert_int_equal(world_gauges(&s->w, A).held, 1);
	assert_int_equal(world_gauges(&s->w, A).next_expiry_ms, 0);
	tell(s, "hold/" A, "");
	assert_int_equal(world_gauges(&s->w, A).next_expiry_ms,
	    clock_wall_ms() + 31 * DAY);
	tell(s, "extend/" A, "");
	assert_int_equal(world_gauges(&s->w, A).next_expiry_ms,
	    clock_wall_ms() + 30 * DAY);
	tell(s, "hold/other.test", "");
	tell(s, "extend/nobody.test", "");
	assert_null(dest_find(s->w.q, "other.test"));
	assert_null(dest_find(s->w.q, "nobody.test"));
	assert_int_equal(puts_so_far(s), puts);
}

static void
tell_known(struct shared *s, const char *rcpt, bool believed)
{
	struct knowledge k = { 0 };
	uint8_t blob[KNOWLEDGE_HEAD + 8 * KNOWLEDGE_RECORD];
	size_t len;

	knowledge_init(&k, 7, 64);
	knowledge_taken(&k, "s@x.test", rcpt, 100, clock_wall_ms());
	if (believed) {
		knowledge_stamp(&k, KNOWN_RCPT, rcpt, clock_wall_ms());
		knowledge_believe(&k, knowledge_find(&k, KNOWN_RCPT, rcpt));
	}
	len = knowledge_save(&k, blob);
	queue_told(s->w.q, "known/" A, blob, len);
	knowledge_fini(&k);
}

static bool
knows(struct shared *s, const char *rcpt)
{
	return knowledge_find(dest_known(dest_find(s->w.q, A)), KNOWN_RCPT,
		   rcpt) != NULL;
}

static unsigned
count_refused(struct shared *s)
{
	struct dest *d = dest_find(s->w.q, A);

	return dest_rare(d)->nrefused;
}

static void
test_told_found_out(void **state)
{
	struct shared *s = *state;
	unsigned puts = puts_so_far(s);

	tell_known(s, "u@" A, true);
	assert_true(knows(s, "u@" A));
	assert_true(queue_refused_for_good(s->w.q, A, "u@" A, 0));
	tell_known(s, "v@" A, false);
	assert_false(knows(s, "u@" A));
	tell(s, "refused/" A, "1700000000 u@" A "\n1700000000 v@" A "\n");
	assert_int_equal(count_refused(s), 2);
	tell(s, "refused/" A, "1700000000 v@" A "\n");
	assert_int_equal(count_refused(s), 1);
	tell(s, "refused/" A, "");
	assert_int_equal(count_refused(s), 0);
	tell(s, "breaker/" A, "1700000000000 @mx.host no such user");
	assert_true(world_gauges(&s->w, A).broken);
	assert_string_equal(world_gauges(&s->w, A).broken_primary, "mx.host");
	assert_int_equal(s->w.broken, 0); /* its owner says it */
	assert_int_equal(s->w.broken_again, 1);
	tell(s, "breaker/" A, "");
	assert_false(world_gauges(&s->w, A).broken);
	assert_int_equal(s->w.mended, 1);
	assert_int_equal(s->w.mended_told, 0);
	tell(s, "known/" A, "");
	assert_false(knows(s, "v@" A));
	tell(s, "known/nobody.test", "x");
	tell(s, "verdict/1/" A, "up");
	assert_int_equal(puts_so_far(s), puts);
}

/* The last word of who had it may come late; ours is newer. */
static void
test_told_ours(void **state)
{
	struct shared *s = *state;
	struct dest *d = dest_find(s->w.q, A);
	size_t len;

	shared_attach(s, A);
	world_settle(&s->w);
	tell_known(s, "u@" A, false);
	assert_true(knows(s, "u@" A));
	breaker_trip(d, "test", "no", clock_wall_ms());
	world_settle(&s->w);
	assert_non_null(fake_store_state(s->w.store, "breaker/" A, &len));
	tell(s, "breaker/" A, "");
	assert_true(d->broken);
	tell_known(s, "v@" A, false);
	assert_false(knows(s, "v@" A));
	/* What it takes here is saved when it leaves. */
	knowledge_taken(dest_known(d), "s@x.test", "w@" A, 1, clock_wall_ms());
	breaker_learned(d);
	shared_detach(s, A);
	world_settle(&s->w);
	assert_non_null(fake_store_state(s->w.store, "known/" A, &len));
	/* And is not ours to write any more. */
	len = puts_so_far(s);
	breaker_reset(d, "test");
	breaker_save(s->w.q, clock_wall_ms(), true);
	assert_int_equal(puts_so_far(s), len);
}

static const struct queue_policy learns = {
	.lifetime_ms = DAY,
	.out_max = 4,
	.retry_first_ms = MINUTE,
	.retry_max_ms = HOUR,
	.learn_max = 3,
	.learn_apart_ms = HOUR,
};

static enum learned_word
word_of(struct shared *s, const char *mailbox)
{
	struct learned_view v;

	assert_true(queue_learned(s->w.q, A, mailbox, clock_wall_ms(), &v));
	return v.word;
}

static void
tell_name(struct shared *s, const char *local, bool gone)
{
	struct learned l;
	uint8_t record[LEARNED_RECORD];
	struct learned_name *e;
	char key[64];

	learned_init(&l, 3600);
	e = learned_add(&l, local);
	assert_true(
	    learned_note(e, LEARN_TAKEN, learn_seconds(clock_wall_ms())));
	learned_save(e, record);
	learned_drop(&l, &e);
	learned_fini(&l);
	snprintf(key, sizeof(key), "learned/%s/%s", A, local);
	queue_told(s->w.q, key, record, gone ? 0 : sizeof(record));
}

static void
test_told_learned(void **state)
{
	struct shared *s = *state;
	uint8_t head[LEARNED_HEAD];
	struct learned l;
	unsigned puts;
	char name[8];

	tell_name(s, "early", false); /* nobody learns here */
	queue_policy(s->w.q, A, &learns);
	puts = puts_so_far(s);
	tell_name(s, "ada", false);
	tell_name(s, "a/b", false);
	assert_int_equal(word_of(s, "ada@" A), LEARNED_TAKEN);
	assert_int_equal(word_of(s, "a/b@" A), LEARNED_TAKEN);
	assert_int_equal(word_of(s, "early@" A), LEARNED_UNKNOWN);
	tell_name(s, "ada", true);
	assert_int_equal(word_of(s, "ada@" A), LEARNED_UNKNOWN);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		fake_loop_advance(s->w.loop, 1000);
		tell_name(s, name, false);
	}
	assert_int_equal(word_of(s, "n9@" A), LEARNED_TAKEN);
	assert_int_equal(dest_find(s->w.q, A)->learn->table.n, 3);
	learned_init(&l, 3600);
	learned_tested(&l, true, learn_seconds(clock_wall_ms()));
	learned_head_save(&l, head);
	queue_told(s->w.q, "learned/" A "/", head, sizeof(head));
	assert_int_equal(word_of(s, "none@" A), LEARNED_CATCH_ALL);
	queue_told(s->w.q, "learned/" A "/n8", "x", 1);
	queue_told(s->w.q, "learned/" A, "x", 1);
	queue_told(s->w.q, "learned/nobody.test/x", "x", 1);
	assert_int_equal(dest_find(s->w.q, A)->learn->table.n, 2);
	/* A domain that learns no more is its owner's to clear. */
	queue_policy(s->w.q, A, &world_policy);
	world_settle(&s->w);
	assert_null(dest_find(s->w.q, A)->learn);
	assert_int_equal(puts_so_far(s), puts);
}

/* What was learned is there before the loop runs: to ask for it later would be to
 * wait for another machine. */
static void
test_learned_at_once(void **state)
{
	struct queue_conf conf = { .known_names = 64,
		.learned_names = WORLD_LEARNED,
		.shared = true };
	struct shared *s = *state;
	struct queue_ops ops = { 0 };
	struct queue *q;
	char name[40];

	shared_attach(s, A);
	queue_policy(s->w.q, A, &learns);
	queue_policy(s->w.q, B, &learns);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%u@%s", i, A);
		queue_learn(s->w.q, A, name, LEARN_TAKEN, clock_wall_ms());
		queue_learn(s->w.q, B, name, LEARN_TAKEN, clock_wall_ms());
	}
	world_settle(&s->w);
	q = queue_create(s->w.loop, s->w.store, s->w.stats, &conf, &ops);
	queue_policy(q, A, &learns);
	queue_load(q);
	assert_int_equal(dest_find(q, A)->learn->table.n, 3);
	assert_false(q->learn.reading);
	fake_store_pump(s->w.store);
	queue_destroy(&q);
	fake_store_pump(s->w.store);
	/* B does not learn there; that is not for it to say. */
	assert_non_null(
	    fake_store_state(s->w.store, "learned/" B "/n0", &(size_t){ 0 }));
}

#define SHARED(fn)                                                             \
	cmocka_unit_test_setup_teardown(fn, shared_setup, shared_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED(test_told_orders),
		SHARED(test_told_found_out),
		SHARED(test_told_ours),
		SHARED(test_told_learned),
		SHARED(test_learned_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
