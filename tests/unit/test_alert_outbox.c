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

#include "alerts/memory.h"
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
		outbox_fire(ob, "r", "mx2.test", &n, &pace, quiet, now);
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
done(struct outbox *ob, int64_t now, enum carry_result result)
{
	struct outbox_entry *e = outbox_next(ob, "r", now);

	assert_non_null(e);
	e->attempted = true;
	outbox_sending(ob, e);
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
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += 600 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	/* worse: at once */
	fire(&ob, t += SEC, C, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, CARRY_SENT);
	/* better: nothing; repeat: after four hours */
	fire(&ob, t += 14399 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_RETRY);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_SENT);
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
	done(&ob, t, CARRY_SENT);
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
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	/* it begins again before that */
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += SEC, W, 0, false);
	/* and once more while the resolve is on its way */
	outbox_next(&ob, "r", t)->in_flight = true;
	fire(&ob, t += SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "");
	outbox_done(&ob, RB_MIN(outbox_tree, &ob.tree), CARRY_SENT, t);
	assert_string_equal(next(&ob, t), "trigger");
	outbox_fini(&ob);
}

/* Nobody is woken by what is over, but its trigger may have got through. */
static void
receiver_was_away(void **st)
{
	struct outbox_entry *e;
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, CARRY_RETRY);
	fire(&ob, t += 600 * SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_RETRY);
	/* it begins again before that got out: what is true now */
	fire(&ob, t += SEC, C, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	e = outbox_next(&ob, "r", t);
	outbox_sending(&ob, e);
	/* it ends while the trigger is on its way, which gets no answer */
	fire(&ob, t += SEC, C, 0, false);
	assert_string_equal(next(&ob, t), "");
	outbox_done(&ob, e, CARRY_RETRY, t += SEC);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_SENT);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	/* nor is it told to whom it was never tried to be told */
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	fire(&ob, t += SEC, W, 0, false);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
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
	done(&ob, t, CARRY_RETRY);
	fire(&ob, t += OUTBOX_GIVE_UP_MS, W, 1, false);
	done(&ob, t, CARRY_RETRY);
	assert_string_equal(next(&ob, t), ""); /* until its repeat */
	/* an answer may have been lost: its end is told, however late */
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_RETRY);
	fire(&ob, t += 7 * OUTBOX_GIVE_UP_MS, W, 0, false);
	done(&ob, t, CARRY_RETRY);
	assert_string_equal(next(&ob, t), "resolve");
	done(&ob, t, CARRY_SENT);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	fire(&ob, t += SEC, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, CARRY_REJECTED);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += 14400 * SEC, W, 1, false);
	assert_string_equal(next(&ob, t), "trigger");
	done(&ob, t, CARRY_REJECTED);
	/* nobody heard: nothing to take back */
	fire(&ob, t += SEC, W, 0, false);
	assert_null(RB_MIN(outbox_tree, &ob.tree));
	outbox_fini(&ob);
}

/* What changes while a message is on its way was not told by it. */
static void
changes_in_flight(void **st)
{
	struct outbox_entry *e;
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	e = outbox_next(&ob, "r", t);
	outbox_sending(&ob, e);
	fire(&ob, t += 10 * SEC, C, 2, false);
	outbox_done(&ob, e, CARRY_SENT, t += 10 * SEC);
	fire(&ob, t += SEC, C, 2, false);
	assert_string_equal(next(&ob, t), "trigger"); /* it is worse */
	outbox_sending(&ob, e);
	fire(&ob, t += 10 * SEC, C, 3, false);
	outbox_done(&ob, e, CARRY_SENT, t += 10 * SEC);
	fire(&ob, t += 299 * SEC, C, 3, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, C, 3, false);
	assert_string_equal(next(&ob, t), "trigger"); /* one joined */
	outbox_fini(&ob);
}

/* The end of one of several is told with the next message, at the latest with
 * the end of all. */
static void
those_who_leave(void **st)
{
	struct outbox_entry *e;
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 3, false);
	fire(&ob, t += 30 * SEC, W, 3, false);
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += 60 * SEC, W, 1, false);
	e = RB_MIN(outbox_tree, &ob.tree);
	assert_int_equal(e->note.total, 1);
	assert_int_equal(e->note.n, 3);
	assert_string_equal(e->note.member[0].domain, "d0.test");
	assert_int_equal(e->note.member[0].end_ms, 0);
	assert_true(e->note.member[2].end_ms == t);
	/* one of them is back */
	fire(&ob, t += 60 * SEC, W, 2, false);
	assert_int_equal(e->note.total, 2);
	assert_int_equal(e->note.n, 3);
	assert_int_equal(e->note.member[1].end_ms, 0);
	fire(&ob, t += SEC, W, 0, false);
	assert_string_equal(next(&ob, t), "resolve");
	assert_int_equal(e->note.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(e->note.member[i].end_ms != 0);
	assert_int_equal(note_unlisted(&e->note), 0);
	outbox_fini(&ob);
}

static void
more_than_are_listed(void **st)
{
	struct outbox_entry *e;
	struct outbox ob;
	int64_t t = T0;

	(void)st;
	outbox_init(&ob);
	fire(&ob, t, W, 60, false);
	fire(&ob, t += 30 * SEC, W, 60, false);
	e = RB_MIN(outbox_tree, &ob.tree);
	assert_int_equal(note_unlisted(&e->note), 10);
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += 300 * SEC, W, 60, false);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 61, false);
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
	done(&ob, t, CARRY_SENT);
	fire(&ob, t += 20000 * SEC, C, 1, true); /* no repeat, not worse */
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 0, true); /* but its end */
	assert_string_equal(next(&ob, t), "resolve");
	outbox_fini(&ob);

	/* silenced while it could not be told: nobody is woken any more, but
	 * an attempt that got through is taken back */
	outbox_init(&ob);
	fire(&ob, t, W, 1, false);
	fire(&ob, t += 30 * SEC, W, 1, false);
	done(&ob, t, CARRY_RETRY);
	fire(&ob, t += SEC, W, 1, true);
	assert_string_equal(next(&ob, t), "");
	fire(&ob, t += SEC, W, 0, true);
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
		outbox_fire(&ob, "r", "mx2.test", &n, &pace, false, T0);
	}
	assert_int_equal(ob.dropped, 50);
	outbox_fire(&ob, "another", "mx2.test", &n, &pace, false, T0);
	assert_int_equal(ob.dropped, 50);
	/* what is over makes room for what begins, and for nothing else */
	outbox_by_id(&ob, 7)->phase = OUTBOX_RESOLVE;
	outbox_by_id(&ob, 7)->seen = false;
	(void)strlcpy(n.group, "new", sizeof(n.group));
	outbox_fire(&ob, "r", "mx2.test", &n, &pace, false, T0);
	assert_int_equal(ob.dropped, 51);
	assert_null(outbox_by_id(&ob, 7));
	(void)strlcpy(n.group, "newer", sizeof(n.group));
	outbox_fire(&ob, "r", "mx2.test", &n, &pace, false, T0);
	assert_int_equal(ob.dropped, 52);
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
round_trip(struct memory *l)
{
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);
	int rc;

	rc = memory_write(l, &text);
	assert_int_equal(rc, 0);
	memory_fini(l);
	memory_init(l);
	rc = memory_read(l, text.data, text.len);
	assert_int_equal(rc, 0);
	buf_fini(&text);
}

/* ---- the promises, with a receiver and a disk */

/* As in one turn of the thread: whatever is not on the disk is lost with a
 * kill -9, and whatever the receiver took it keeps. */
struct life {
	struct memory l;
	struct buf disk;
	int64_t t;
	bool lasts; /* the outage */
	bool unsure; /* killed, or not answered well: it may come twice */
	bool paused; /* it was over in between */
	enum alert_severity as; /* what it was told last */
	const char *got; /* the last that the receiver took; NULL none */
	char key[32]; /* of its incident */
	unsigned kills, twice;
};

static void
life_save(struct life *w)
{
	if (!w->l.changed && !w->l.outbox.changed)
		return;
	buf_clear(&w->disk);
	assert_int_equal(memory_write(&w->l, &w->disk), 0);
	w->l.changed = w->l.outbox.changed = false;
}

static void
life_kill(struct life *w)
{
	int rc = 0;

	memory_fini(&w->l);
	memory_init(&w->l);
	if (w->disk.len > 0)
		rc = memory_read(&w->l, w->disk.data, w->disk.len);
	assert_int_equal(rc, 0);
	w->unsure = true;
	w->kills++;
}

/* The receiver takes it. The same thing twice in a row is news (a repeat, a
 * worse severity), or comes from a kill. */
static void
life_take(struct life *w, const struct outbox_entry *e)
{
	const char *what = e->phase == OUTBOX_TRIGGER ? "trigger" : "resolve";

	if (strcmp(what, "resolve") == 0) {
		if (w->got == NULL || strcmp(w->got, "resolve") == 0)
			assert_true(w->unsure);
		else
			assert_string_equal(e->host, w->key);
	} else if (w->got != NULL && strcmp(w->got, what) == 0)
		assert_true(w->unsure || w->paused || e->note.severity > w->as);
	w->as = e->note.severity;
	w->paused = !w->lasts;
	w->twice += w->got != NULL && strcmp(w->got, what) == 0;
	w->got = what;
	(void)strlcpy(w->key, e->host, sizeof(w->key));
	w->unsure = false;
}

/* One turn; true: it was killed on the way. `die` is the point. */
static bool
life_turn(struct life *w, unsigned die, enum carry_result result, bool took)
{
	struct outbox_entry *e;

	w->paused |= !w->lasts;
	fire(&w->l.outbox, w->t, rnd_below(4) ? W : C, w->lasts, false);
	e = outbox_next(&w->l.outbox, "r", w->t);
	if (e != NULL && !e->attempted)
		e->attempted = w->l.outbox.changed = true;
	if (die == 1)
		return true; /* before it was saved */
	life_save(w);
	if (die == 2 || e == NULL)
		return die == 2;
	outbox_sending(&w->l.outbox, e);
	if (result == CARRY_SENT || took)
		life_take(w, e);
	w->unsure |= result != CARRY_SENT;
	if (die == 3)
		return true; /* before the answer */
	outbox_done(&w->l.outbox, e, result, w->t);
	if (die == 4)
		return true; /* before the answer was saved */
	life_save(w);
	return die == 5;
}

/* At random: fire, end, answers of all sorts, answers that are lost, kill -9
 * at every point of a turn. When all is over and the receiver answers, it
 * knows that; and it was never told twice but for one of those. */
static void
promises(void **st)
{
	unsigned kills = 0, twice = 0;

	(void)st;
	for (int run = 0; run < 300; run++) {
		struct life w = { .t = T0, .disk = BUF_INIT(MEMORY_FILE_MAX) };

		memory_init(&w.l);
		for (int i = 0; i < 200; i++) {
			bool calm = i > 190;
			unsigned die =
			    calm || rnd_below(4) ? 0 : (unsigned)rnd_below(6);
			enum carry_result result = calm || rnd_below(2) == 0 ?
			    CARRY_SENT :
			    CARRY_RETRY;

			w.t += (int64_t)rnd_below(40) * SEC;
			w.lasts ^= rnd_below(10) == 0;
			w.lasts &= !calm;
			if (life_turn(&w, die, result, rnd_below(4) == 0))
				life_kill(&w);
		}
		if (w.got != NULL)
			assert_string_equal(w.got, "resolve");
		assert_null(RB_MIN(outbox_tree, &w.l.outbox.tree));
		kills += w.kills;
		twice += w.twice;
		memory_fini(&w.l);
		buf_fini(&w.disk);
	}
	assert_true(kills > 1000);
	assert_true(twice > 10); /* at least once is what it is */
}

static void
whom_a_silence_matches(void **st)
{
	static const struct {
		const char *match;
		bool age_a, age_b, down_a;
	} cases[] = { { "queue_age", true, true, false },
		{ "a.test", true, false, true },
		{ "queue_age/a.test", true, false, false },
		{ "queue_age/", false, false, false },
		{ "queue_agea.test", false, false, false } };
	struct instance age_a = { .kind = ALERT_queue_age, .domain = "a.test" };
	struct instance age_b = { .kind = ALERT_queue_age, .domain = "b.test" };
	struct instance down_a = { .kind = ALERT_primary_down,
		.domain = "a.test" };

	(void)st;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		struct memory l;

		memory_init(&l);
		memory_silence(&l, cases[i].match, T0, T0 + 10, "");
		assert_int_equal(memory_silenced(&l, &age_a, T0 + 9),
		    cases[i].age_a);
		assert_int_equal(memory_silenced(&l, &age_b, T0 + 9),
		    cases[i].age_b);
		assert_int_equal(memory_silenced(&l, &down_a, T0 + 9),
		    cases[i].down_a);
		assert_false(memory_silenced(&l, &age_a, T0 + 10));
		memory_fini(&l);
	}
}

/* ---- the file */

static void
fill(struct memory *l)
{
	struct instance *i;

	memory_init(l);
	i = instance_get(&l->instances, ALERT_queue_age, "a.test");
	i->state = INSTANCE_FIRING;
	i->severity = C;
	i->start_ms = i->fired_ms = T0;
	(void)strlcpy(i->primary, "mx1", sizeof(i->primary));
	(void)strlcpy(i->summary, "old \"mail\"\xff", sizeof(i->summary));
	fire(&l->outbox, T0, C, 60, false);
	assert_int_equal(memory_silence(l, "a.test", T0, T0 + 99, "why"), 1);
	memory_set_failing(l,
	    &(struct memory_failing){ "oncall", T0 - 99, true }, 1);
}

static void
kept(void **st)
{
	struct outbox_entry *e;
	struct instance *i;
	struct memory l;

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
	assert_string_equal(e->host, "mx2.test");
	assert_int_equal(l.nsilences, 1);
	assert_string_equal(l.silence[0].reason, "why");
	assert_int_equal(memory_silence(&l, "b.test", T0, T0 + 99, ""), 2);
	assert_null(memory_failing(&l, "hook"));
	assert_non_null(memory_failing(&l, "oncall"));
	assert_true(memory_failing(&l, "oncall")->since_ms == T0 - 99);
	assert_true(memory_failing(&l, "oncall")->rejected);
	memory_fini(&l);
}

/* More than the file may hold is an error, not the end. */
static void
too_large(void **st)
{
	struct buf text = BUF_INIT(1000);
	struct memory l;

	(void)st;
	fill(&l);
	assert_int_equal(memory_write(&l, &text), -MX_ETOOBIG);
	memory_fini(&l);
	buf_fini(&text);
}

/* What the version before wrote: no host, no `told`, no `failing`. */
static void
of_the_version_before(void **st)
{
	static const char text[] =
	    "{\"version\":1,\"last_silence\":0,\"silences\":[],"
	    "\"instances\":[{\"alert\":\"queue_age\",\"domain\":\"a.test\","
	    "\"state\":2,\"severity\":1,\"was\":0,\"was_ms\":0,"
	    "\"start_ms\":5000,\"fired_ms\":6000,\"clear_ms\":0,"
	    "\"end_ms\":0,\"primary\":\"mx1\",\"summary\":\"old\"}],"
	    "\"outbox\":[{\"receiver\":\"r\",\"members\":[{\"domain\":"
	    "\"a.test\",\"severity\":1,\"start_ms\":6000,\"end_ms\":0,"
	    "\"summary\":\"old\"}],\"alert\":\"queue_age\",\"group\":"
	    "\"mx1\",\"primary\":\"mx1\",\"severity\":1,\"total\":1,"
	    "\"phase\":2,\"flags\":3,\"due_ms\":6000,\"phase_ms\":6000,"
	    "\"told_ms\":6000,\"told\":1}]}";
	struct outbox_entry *e;
	struct memory l;

	(void)st;
	memory_init(&l);
	assert_int_equal(memory_read(&l, text, sizeof(text) - 1), 0);
	assert_true(RB_MIN(instance_tree, &l.instances)->since_ms == 5000);
	e = RB_MIN(outbox_tree, &l.outbox.tree);
	assert_true(e->note.member[0].told);
	assert_false(note_has_news(&e->note));
	assert_string_equal(e->host, "");
	memory_fini(&l);
}

static void
torn(void **st)
{
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);
	struct memory l;

	(void)st;
	fill(&l);
	assert_int_equal(memory_write(&l, &text), 0);
	memory_fini(&l);
	for (size_t len = 0; len < text.len; len += 1 + len / 50) {
		memory_init(&l);
		assert_int_equal(memory_read(&l, text.data, len), -MX_ECORRUPT);
		assert_null(RB_MIN(instance_tree, &l.instances));
		assert_null(RB_MIN(outbox_tree, &l.outbox.tree));
		assert_int_equal(l.nsilences, 0);
		memory_fini(&l);
	}
	buf_fini(&text);
}

static void
on_the_disk(void **st)
{
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);
	char dir[] = "/tmp/mx-memory-XXXXXX", *path, *bad;
	struct mx_errbuf eb = { "" };
	struct memory l;

	(void)st;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/alerts.json", dir);
	bad = mem_printf("%s.bad", path);
	memory_init(&l);
	assert_int_equal(memory_load(&l, path, &eb), 0); /* none yet */
	fill(&l);
	assert_int_equal(memory_write(&l, &text), 0);
	memory_fini(&l);
	assert_int_equal(memory_save(&text, path, &eb), 0);
	memory_init(&l);
	assert_int_equal(memory_load(&l, path, &eb), 0);
	assert_int_equal(l.nsilences, 1);
	memory_fini(&l);
	assert_int_equal(truncate(path, (off_t)text.len / 2), 0);
	memory_init(&l);
	assert_int_equal(memory_load(&l, path, &eb), -MX_ECORRUPT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(bad, F_OK), 0);
	memory_fini(&l);
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
		cmocka_unit_test(receiver_was_away),
		cmocka_unit_test(given_up_and_rejected),
		cmocka_unit_test(changes_in_flight),
		cmocka_unit_test(those_who_leave),
		cmocka_unit_test(more_than_are_listed),
		cmocka_unit_test(silenced),
		cmocka_unit_test(bounded),
		cmocka_unit_test(backoff),
		cmocka_unit_test(promises),
		cmocka_unit_test(whom_a_silence_matches),
		cmocka_unit_test(kept),
		cmocka_unit_test(too_large),
		cmocka_unit_test(of_the_version_before),
		cmocka_unit_test(torn),
		cmocka_unit_test(on_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
