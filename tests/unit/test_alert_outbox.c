/* SPDX-License-Identifier: ISC
 * The outbox, step by step and against its promises at random; grouping; the
 * file it is kept in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/ledger.h"
#include "base/mem.h"
#include "base/rnd.h"

#define T0  INT64_C(1800000000000)
#define SEC INT64_C(1000)

static const struct outbox_pace pace = { 30 * SEC, 300 * SEC, 14400 * SEC };

static void
fire(struct outbox *ob, int64_t now, enum alert_severity severity,
    unsigned domains, bool quiet)
{
	struct note n = { .kind = ALERT_primary_down, .group = "mx1" };
	char name[16];

	for (unsigned i = 0; i < domains; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		note_add(&n, name, severity, T0 + i * 60 * SEC, "down");
	}
	if (domains > 0)
		outbox_fire(ob, "r", &n, &pace, quiet, now);
	outbox_sweep(ob, now);
	note_fini(&n);
}

/* What would be sent now: "trigger", "resolve", "" */
static const char *
next(struct outbox *ob, int64_t now)
{
	struct outbox_entry *e = outbox_next(ob, "r", now);

	return e == NULL	       ? "" :
	    e->phase == OUTBOX_TRIGGER ? "trigger" :
					 "resolve";
}

static void
done(struct outbox *ob, int64_t now, enum outbox_result result)
{
	struct outbox_entry *e = outbox_next(ob, "r", now);

	assert_non_null(e);
	e->attempted = e->in_flight = true;
	outbox_done(ob, e, result, now);
}

#define W ALERT_SEV_WARNING
#define C ALERT_SEV_CRITICAL

static void
the_way_of_an_entry(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += 29 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	fire(&ob, t += 600 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	/* worse: at once */
	fire(&ob, t += SEC, C, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	/* better: nothing; repeat: after four hours */
	fire(&ob, t += 14399 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, OUTBOX_RETRY);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, OUTBOX_SENT);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	outbox_fini(&ob);
}

static void
those_who_join(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, OUTBOX_SENT);
	fire(&ob, t += 60 * SEC, W, 2, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += 240 * SEC, W, 2, false);
	assert_string_equal(next(&ob, t), "trigger");
	assert_int_equal(outbox_next(&ob, "r", t)->note.total, 2);
	outbox_fini(&ob);
}

static void
short_alarms_wake_nobody(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 10 * SEC, W, 0, false);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	outbox_fini(&ob);
}

static void
resolve_follows_its_trigger(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, OUTBOX_RETRY);
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	assert_string_equal(next(&ob, t), "resolve");
	/* it begins again before that */
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	fire(&ob, t += SEC, W, 0, false);
	/* and once more while the resolve is on its way */
	outbox_next(&ob, "r", t)->in_flight = true;
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	outbox_done(&ob, RB_MIN(outbox_tree, &ob.tree), OUTBOX_SENT, t);
	assert_string_equal(next(&ob, t), "trigger");
	outbox_fini(&ob);
}

static void
given_up_and_rejected(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, OUTBOX_RETRY);
	fire(&ob, t += OUTBOX_GIVE_UP_MS, W, 1, false);
	done(&ob, t, OUTBOX_RETRY);
	assert_string_equal(next(&ob, t), ""); /* until its repeat */
	fire(&ob, t += SEC, W, 0,
	    false); /* nobody heard: nothing to take back */
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	fire(&ob, t += SEC, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, OUTBOX_REJECTED);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += 14400 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	outbox_fini(&ob);
}

static void
silenced(void **st)
{
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	for (int i = 0; i < 100; i++) {
		fire(&ob, t += 10 * SEC, W, 1, true);
		assert_string_equal(next(&ob, t), "");
	}
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, OUTBOX_SENT);
	fire(&ob, t += 20000 * SEC, C, 1, true); /* no repeat, not worse */
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 0, true); /* but its end */
	assert_string_equal(next(&ob, t), "resolve");
	outbox_fini(&ob);
}

static void
bounded(void **st)
{
	struct outbox ob;
	struct note n = { .kind = ALERT_queue_age };

	(void)st;
	outbox_init(&ob);
	note_add(&n, "d.test", W, T0, "old");
	for (int i = 0; i < OUTBOX_MAX + 50; i++) {
		snprintf(n.group, sizeof(n.group), "mx%d", i);
		outbox_fire(&ob, "r", &n, &pace, false, T0);
	}
	assert_int_equal(ob.dropped, 50);
	outbox_fire(&ob, "another", &n, &pace, false, T0);
	assert_int_equal(ob.dropped, 50);
	note_fini(&n);
	outbox_fini(&ob);
}

static void
backoff(void **st)
{
	(void)st;
	for (unsigned i = 1; i < 20; i++) {
		int64_t ms = outbox_backoff_ms(i, 0);

		assert_true(ms >= 4 * SEC && ms <= 360 * SEC);
		assert_true(i != 1 || ms <= 6 * SEC);
		assert_true(i < 8 || ms >= 240 * SEC);
	}
	assert_true(outbox_backoff_ms(1, 90 * SEC) >= 90 * SEC);
	assert_true(outbox_backoff_ms(1, INT64_MAX) <= OUTBOX_RETRY_MAX);
}

static void
round_trip(struct ledger *l)
{
	struct buf text = BUF_INIT(LEDGER_FILE_MAX);
	int rc;

	ledger_write(l, &text);
	ledger_fini(l);
	ledger_init(l);
	rc = ledger_read(l, text.data, text.len);
	assert_int_equal(rc, 0);
	buf_fini(&text);
}

/* At random: fire, end, answers of all sorts, restarts. What the receiver
 * got is a row of triggers and resolves: none of the latter without the
 * former, and when all is over and it answers, it knows that. */
static void
promises(void **st)
{
	(void)st;
	for (int run = 0; run < 300; run++) {
		struct ledger l;
		int64_t t = T0;
		bool told = false, lasts = false;

		ledger_init(&l);
		for (int i = 0; i < 200; i++) {
			struct outbox_entry *e;

			t += (int64_t)rnd_below(40) * SEC;
			if (rnd_below(10) == 0)
				lasts = !lasts;
			if (i > 190)
				lasts = false;
			fire(&l.outbox, t, rnd_below(4) ? W : C, lasts, false);
			if (rnd_below(15) == 0)
				round_trip(&l);
			e = outbox_next(&l.outbox, "r", t);
			if (e == NULL || (i < 190 && rnd_below(3) == 0))
				continue;
			e->attempted = e->in_flight = true;
			if (e->phase == OUTBOX_RESOLVE)
				assert_true(told);
			if (i > 190 || rnd_below(2) == 0) {
				told = e->phase == OUTBOX_TRIGGER;
				outbox_done(&l.outbox, e, OUTBOX_SENT, t);
			} else if (rnd_below(8) == 0)
				round_trip(&l); /* killed before the answer */
			else
				outbox_done(&l.outbox, e, OUTBOX_RETRY, t);
		}
		assert_false(told);
		assert_null(RB_MIN(outbox_tree, &l.outbox.tree));
		ledger_fini(&l);
	}
}

/* ---- the file */

static void
fill(struct ledger *l)
{
	struct instance *i;

	ledger_init(l);
	i = instance_get(&l->instances, ALERT_queue_age, "a.test");
	i->state = INSTANCE_FIRING;
	i->severity = C;
	i->start_ms = i->fired_ms = T0;
	(void)strlcpy(i->primary, "mx1", sizeof(i->primary));
	(void)strlcpy(i->summary, "old \"mail\"\xff", sizeof(i->summary));
	fire(&l->outbox, T0, C, 60, false);
	assert_int_equal(ledger_silence(l, "a.test", T0, T0 + 99, "why"), 1);
}

static void
kept(void **st)
{
	struct outbox_entry *e;
	struct instance *i;
	struct ledger l;

	(void)st;
	fill(&l);
	round_trip(&l);
	i = RB_MIN(instance_tree, &l.instances);
	assert_non_null(i);
	assert_int_equal(i->state, INSTANCE_FIRING);
	assert_int_equal(i->severity, C);
	assert_true(i->fired_ms == T0);
	assert_string_equal(i->summary, "old \"mail\"?");
	e = RB_MIN(outbox_tree, &l.outbox.tree);
	assert_int_equal(e->phase, OUTBOX_WAIT);
	assert_int_equal(e->note.total, 60);
	assert_int_equal(e->note.n, NOTE_MEMBERS_MAX);
	assert_int_equal(l.nsilences, 1);
	assert_string_equal(l.silence[0].reason, "why");
	assert_int_equal(ledger_silence(&l, "b.test", T0, T0 + 99, ""), 2);
	ledger_fini(&l);
}

static void
torn(void **st)
{
	struct buf text = BUF_INIT(LEDGER_FILE_MAX);
	struct ledger l;

	(void)st;
	fill(&l);
	ledger_write(&l, &text);
	ledger_fini(&l);
	for (size_t len = 0; len < text.len; len += 1 + len / 50) {
		ledger_init(&l);
		assert_int_equal(ledger_read(&l, text.data, len), -MX_ECORRUPT);
		assert_null(RB_MIN(instance_tree, &l.instances));
		assert_null(RB_MIN(outbox_tree, &l.outbox.tree));
		assert_int_equal(l.nsilences, 0);
		ledger_fini(&l);
	}
	buf_fini(&text);
}

static void
on_the_disk(void **st)
{
	struct buf text = BUF_INIT(LEDGER_FILE_MAX);
	char dir[] = "/tmp/mx-ledger-XXXXXX", *path, *bad;
	struct mx_errbuf eb = { "" };
	struct ledger l;

	(void)st;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/alerts.json", dir);
	bad = mem_printf("%s.bad", path);
	ledger_init(&l);
	assert_int_equal(ledger_load(&l, path, &eb), 0); /* none yet */
	fill(&l);
	ledger_write(&l, &text);
	ledger_fini(&l);
	assert_int_equal(ledger_save(&text, path, &eb), 0);
	ledger_init(&l);
	assert_int_equal(ledger_load(&l, path, &eb), 0);
	assert_int_equal(l.nsilences, 1);
	ledger_fini(&l);
	assert_int_equal(truncate(path, (off_t)text.len / 2), 0);
	ledger_init(&l);
	assert_int_equal(ledger_load(&l, path, &eb), -MX_ECORRUPT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(bad, F_OK), 0);
	ledger_fini(&l);
	unlink(bad);
	rmdir(dir);
	mem_free(&path);
	mem_free(&bad);
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_of_an_entry),
		cmocka_unit_test(those_who_join),
		cmocka_unit_test(short_alarms_wake_nobody),
		cmocka_unit_test(resolve_follows_its_trigger),
		cmocka_unit_test(given_up_and_rejected),
		cmocka_unit_test(silenced),
		cmocka_unit_test(bounded),
		cmocka_unit_test(backoff),
		cmocka_unit_test(promises),
		cmocka_unit_test(kept),
		cmocka_unit_test(torn),
		cmocka_unit_test(on_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
