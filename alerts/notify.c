/* SPDX-License-Identifier: ISC
 * notify: from the outbox to the fetch thread and back. Each receiver has one
 * message under way at a time, so that none overtakes; a failing receiver is
 * paused for growing times. */
#include <stdio.h>
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct errand *
errand_create(enum errand_what what, const char *name)
{
	struct errand *e = mem_alloc(sizeof(*e));

	e->what = what;
	(void)strlcpy(e->name, name, sizeof(e->name));
	return e;
}

static void
drop_errand(void *arg)
{
	struct errand *e = arg;

	mem_free(&e);
}

void
notify_carry(struct alerts *a, struct message *m, struct carry *c,
    struct errand *e)
{
	c->arg = e;
	c->drop = drop_errand;
	a->under_way++;
	fetch_send(a->fetch, m, c);
}

void
notify_message(struct alerts *a, const struct receiver *r, struct message *m,
    struct errand *e)
{
	struct carry c = { .timeout_ms = r->conf->timeout_ms,
		.ca_file = r->conf->ca_file,
		.from = r->from,
		.user = r->conf->user,
		.password = r->password,
		.to = r->conf->to,
		.argv = r->conf->command,
		.follow =
		    e->what == ERRAND_TEST || e->what == ERRAND_TEST_END };

	notify_carry(a, m, &c, e);
}

/* Selects the next entry for each free receiver, and marks it, so that the mark
 * is on the disk before the first byte is sent. */
void
notify_entries(struct alerts *a)
{
	int64_t now = clock_now(), wall = clock_wall_ms();
	struct receiver *r;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		r->pick = NULL;
		if (r->type->note == NULL || r->busy || now < r->not_before)
			continue;
		r->pick = outbox_next(&a->memory.outbox, r->shown.name, wall);
		if (r->pick != NULL && r->broken[0] != '\0') {
			r->pick = NULL;
			if (r->failing_ms == 0)
				r->failing_ms = wall;
		}
		if (r->pick == NULL || r->pick->attempted)
			continue;
		r->pick->attempted = true;
		a->memory.outbox.changed = true;
	}
}

void
notify_send(struct alerts *a)
{
	struct outbox_entry *e;
	struct format_ctx x;
	struct errand *er;
	struct receiver *r;
	struct message m;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		e = r->pick;
		r->pick = NULL;
		if (e == NULL)
			continue;
		receiver_context(a, r, &x);
		x.phase_ms = e->phase_ms;
		if (e->host[0] != '\0')
			x.instance = e->host;
		x.untold = !e->reached;
		er = errand_create(ERRAND_ENTRY, r->shown.name);
		er->id = e->id;
		er->resolve = e->phase == OUTBOX_RESOLVE;
		r->type->note(&x, &e->note, er->resolve, &m);
		outbox_sending(&a->memory.outbox, e);
		r->busy = true;
		r->shown.retried += e->attempts > 0;
		notify_message(a, r, &m, er);
	}
}

/* Updates the state of a receiver by the result of one message. */
void
notify_result(struct receiver *r, int64_t *failing_ms,
    const struct send_result *res, unsigned failures)
{
	if (res->result == CARRY_SENT) {
		r->shown.sent++;
		r->shown.last_success = clock_wall();
		r->rejected = false;
		*failing_ms = 0;
		if (res->partly)
			(void)strlcpy(r->shown.error, res->text,
			    sizeof(r->shown.error));
		else if (receiver_failing(r) == 0)
			r->shown.error[0] = '\0';
		return;
	}
	r->shown.failed++;
	(void)strlcpy(r->shown.error, res->text, sizeof(r->shown.error));
	r->rejected = res->result == CARRY_REJECTED;
	if (*failing_ms == 0)
		*failing_ms = clock_wall_ms();
	if (failures <= 1 || failures % 10 == 0)
		log_warn("alerts", "receiver=%s problem=%s failures=%u",
		    r->shown.name, log_q(res->text), failures);
}

static void
entry_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	struct outbox_entry *e = outbox_by_id(&a->memory.outbox, er->id);

	if (r != NULL) {
		r->busy = false;
		r->failures = res->result == CARRY_RETRY ? r->failures + 1 : 0;
		r->not_before = res->result == CARRY_RETRY ? clock_now() +
			outbox_backoff_ms(r->failures, res->retry_after_ms) *
			    CLOCK_MS :
							     0;
		notify_result(r, &r->failing_ms, res, r->failures);
	}
	if (e == NULL)
		return;
	log_info("alerts",
	    "receiver=%s alert=%s group=%s action=%s result=%s text=%s",
	    er->name, note_name(&e->note), log_q(e->note.group),
	    er->resolve ? "resolve" : "trigger",
	    res->result == CARRY_SENT	   ? "sent" :
		res->result == CARRY_RETRY ? "later" :
					     "rejected",
	    log_q(res->text));
	if (res->result == CARRY_SENT)
		marks_add(&a->marks, er->name, &e->note, er->resolve,
		    clock_wall());
	outbox_done(&a->memory.outbox, e, res->result, clock_wall_ms());
}

void
notify_done(struct alerts *a, struct errand *er, const struct send_result *came)
{
	struct receiver *r = receiver_find(a, er->name);
	struct send_result said = *came, *res = &said;

	a->under_way--;
	if (r != NULL && er->what != ERRAND_HEARTBEAT)
		format_answer(r->type, res);
	switch (er->what) {
	case ERRAND_ENTRY:
		entry_done(a, er, res);
		break;
	case ERRAND_AM:
		notify_am_done(a, er, res);
		break;
	case ERRAND_HEARTBEAT:
		notify_heartbeat_done(a, er, res);
		break;
	case ERRAND_TEST:
	case ERRAND_TEST_END:
		notify_test_done(a, er, res);
		break;
	}
	a->told = true;
	mem_free(&er);
}
