/* SPDX-License-Identifier: ISC
 * learned: the recipients of the domains, between the queue, which stores them,
 * the checks (probes/rcpt_check.h), which ask the primaries, and smtpd. A
 * primary is asked only while it and the domain are up: not suspect, not
 * recovering. */
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon_int.h"

_Static_assert(RCPT_CHECK_ANSWER_MAX == CHECK_LABEL_MAX, "counters.h");

/* ---- for smtpd and the queue */

bool
daemon_learned(void *arg, const char *domain, const char *mailbox,
    struct learned_view *view)
{
	struct daemon *d = arg;

	return queue_learned(d->queue, domain, mailbox, clock_wall_ms(), view);
}

void
daemon_check(void *arg, const char *domain, const char *mailbox,
    uint64_t client)
{
	struct daemon *d = arg;

	if (watch_state(d->watch, domain) == HEALTH_UP)
		rcpt_check_ask(d->rcpt_check, domain, mailbox, client);
}

void
daemon_known_as(void *arg, const char *domain, const char *mailbox, char *as)
{
	struct daemon *d = arg;

	smtpd_rcpt_known_as(d->smtpd, domain, mailbox, as);
}

/* ---- for the checks */

static bool
on_target(void *arg, const char *domain, struct probe_target *t)
{
	struct daemon *d = arg;
	const struct watch *w = watch_serving(d->watch, domain);

	if (w == NULL || queue_learn_doubts(d->queue, domain, w->host->label))
		return false;
	schedule_target(d->schedule, w, t);
	return true;
}

static bool
on_stands(void *arg, const char *domain, const char *label)
{
	struct daemon *d = arg;
	const struct watch *w = watch_serving(d->watch, domain);

	return w != NULL && strcmp(w->host->label, label) == 0 &&
	    !queue_learn_doubts(d->queue, domain, w->host->label);
}

static bool
on_catch_all(void *arg, const char *domain, int64_t *tested_ms)
{
	struct daemon *d = arg;
	struct relay_domain rd;

	d->relay->domain(d->relay->self, domain, &rd);
	*tested_ms = rd.tested_ms;
	return rd.catch_all;
}

static void
on_tested(void *arg, const char *domain, enum rcpt_check_answer a)
{
	struct daemon *d = arg;

	queue_learn(d->queue, domain, "",
	    a == RCPT_CHECK_PASSED ? LEARN_CATCH_ALL : LEARN_NO_CATCH_ALL,
	    clock_wall_ms());
}

static void
on_answered(void *arg, const char *domain, const char *mailbox,
    enum rcpt_check_answer a)
{
	struct daemon *d = arg;

	stats_domain(d->stats, domain)->rcpt_checks[a]++;
	if (a == RCPT_CHECK_NOTHING)
		return;
	queue_learn(d->queue, domain, mailbox,
	    a == RCPT_CHECK_PASSED ? LEARN_PASSED : LEARN_REFUSED,
	    clock_wall_ms());
}

const struct rcpt_check_ops daemon_rcpt_check_ops = {
	.target = on_target,
	.stands = on_stands,
	.catch_all = on_catch_all,
	.tested = on_tested,
	.answered = on_answered,
};
