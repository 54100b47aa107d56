/* SPDX-License-Identifier: ISC
 * run: one drill: its message, its session, its steps. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "drill/drill_int.h"

struct drill_run *
drill_run_create(struct drill *d)
{
	struct drill_run *run = mem_alloc(sizeof(*run));

	run->set = d->set;
	run->drill = d;
	run->number = ++d->set->last_number;
	buf_init(&run->mail, DRILL_MAIL_MAX);
	TAILQ_INSERT_TAIL(&d->set->runs, run, link);
	d->set->active++;
	d->run = run;
	return run;
}

void
drill_run_talk(struct drill_run *run, drill_talk_cb *cb)
{
	struct drill_set *ds = run->set;
	const struct drill_letter letter = { .hostname = ds->conf->hostname,
		.domain = run->drill->domain,
		.recipient = run->recipient,
		.mark = run->mark,
		.wall = run->began_ms / 1000 };
	struct drill_hello hello = { .listen = &ds->conf->smtpd.listen.a[0],
		.helo = ds->conf->hostname,
		.recipient = run->recipient,
		.mark = run->mark };

	drill_mail_write(&letter, &run->mail);
	hello.data = run->mail.data;
	hello.len = run->mail.len;
	run->talk = drill_talk_start(&ds->env, &hello, cb, run);
	ds->talks++;
}

/* The room for the last step is kept. A delivery may be faster than the reply
 * that tells of the intake. */
void
drill_run_say(struct drill_run *run, const struct drill_step *step)
{
	unsigned room =
	    step->kind == DRILL_END ? DRILL_STEPS_MAX : DRILL_STEPS_MAX - 1;
	unsigned at = run->nsteps < room ? run->nsteps++ : room - 1;
	int64_t ms = clock_wall_ms() - run->began_ms;

	for (; at > 0 && run->step[at - 1].kind > step->kind; at--)
		run->step[at] = run->step[at - 1];
	run->step[at] = *step;
	if (step->ms == 0 && step->kind != DRILL_SPOOL)
		run->step[at].ms = ms > 0 ? ms : 0;
}

static void
leave(struct drill_run *run)
{
	if (run->talk != NULL) {
		drill_talk_cancel(&run->talk);
		run->set->talks--;
	}
	buf_fini(&run->mail);
	if (run->drill == NULL)
		return;
	run->drill->run = NULL;
	run->drill = NULL;
	run->set->active--;
}

static void
drop_oldest(struct drill_set *ds)
{
	struct drill_run *run;

	TAILQ_FOREACH (run, &ds->runs, link)
		if (run->drill == NULL)
			break;
	if (run != NULL)
		drill_run_free(run);
}

void
drill_run_retire(struct drill_run *run)
{
	leave(run);
	if (++run->set->ended > DRILL_ENDED_MAX)
		drop_oldest(run->set);
}

void
drill_run_free(struct drill_run *run)
{
	if (run->drill == NULL)
		run->set->ended--;
	leave(run);
	TAILQ_REMOVE(&run->set->runs, run, link);
	mem_free(&run);
}
