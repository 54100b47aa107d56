/* SPDX-License-Identifier: ISC
 * rcpt_check: asks primaries, while they are up, which recipients exist, for
 * domains whose recipients are learned (Postfix: address verification). No
 * client waits for it: the RCPT was already answered, and the result improves
 * the next answer.
 *
 *	asked by a client -> the line of its domain -> one session, up to
 *	PROBE_ASKS_MAX questions, PROBE_REFUSALS_MAX refusals -> what was learned
 *
 * After a session with n questions the domain has no other one for n seconds:
 * one question a second, whoever asks. The session is one of our connections to
 * the host (primary/place.h). The first question of a domain, and again once a
 * day, or when name after name passes, is a name that does not exist: if that
 * passes, any does (a catch-all). Without an answer to it nothing is learned
 * from the others.
 *
 * A 4xx, a policy reply, or anything that is not about the mailbox teaches
 * nothing, and such a question is not asked again within an hour. Each client
 * has a number of questions an hour (smtpd { rcpt_checks }), so that we are no
 * faster oracle than the primary. Everything is bounded: the lines (in total,
 * and each), the sessions (probe_concurrency), remembered clients and
 * questions. Loop thread. */
#ifndef MX_PROBES_RCPT_CHECK_H
#define MX_PROBES_RCPT_CHECK_H

#include "primary/place.h"
#include "probes/probe.h"

#define RCPT_CHECK_LINE_MAX  100 /* waiting questions of a domain */
#define RCPT_CHECK_MAX	     10000 /* of all domains */
#define RCPT_CHECK_TEST_MS   INT64_C(86400000) /* catch-all test */
#define RCPT_CHECK_RETEST_MS INT64_C(600000) /* many names passed */
#define RCPT_CHECK_PASSES    5 /* names in a row */

struct rcpt_check;

enum rcpt_check_answer {
	RCPT_CHECK_PASSED,
	RCPT_CHECK_REFUSED, /* the mailbox does not exist */
	RCPT_CHECK_NOTHING, /* no answer, or one that teaches nothing */
	RCPT_CHECK_ANSWER_MAX,
};

struct rcpt_check_ops {
	/* Where the domain's mailboxes can be asked for now: fills in all but
	 * the asks, borrowed for the following call. False: the primary is not
	 * up, or is doubted. */
	bool (*target)(void *arg, const char *domain, struct probe_target *);
	/* Does that host still answer for the domain, undoubted? If not, what
	 * it refused meanwhile says nothing about mailboxes. */
	bool (*stands)(void *arg, const char *domain, const char *label);
	/* Since when (wall ms, 0: never) it is known whether the domain is a
	 * catch-all; true: it is. */
	bool (*catch_all)(void *arg, const char *domain, int64_t *tested_ms);
	/* The result of the catch-all test: PASSED or REFUSED. */
	void (*tested)(void *arg, const char *domain, enum rcpt_check_answer);
	void (*answered)(void *arg, const char *domain, const char *mailbox,
	    enum rcpt_check_answer);
	void *arg;
};

struct rcpt_check *rcpt_check_create(const struct reach_env *,
    const struct place_ops *, const struct rcpt_check_ops *);
/* Waiting questions are dropped. */
void rcpt_check_destroy(struct rcpt_check **);
/* The most sessions at once; questions per hour of a client. */
void rcpt_check_configure(struct rcpt_check *, unsigned sessions,
    unsigned per_client);
/* A client (0: a local question, without limit) asked for that mailbox. Does
 * nothing if it waits already, or had no answer lately, the client has used its
 * questions, or the line is full. */
void rcpt_check_ask(struct rcpt_check *, const char *domain,
    const char *mailbox, uint64_t client);
/* Questions that wait, or are being asked. */
unsigned rcpt_check_waiting(const struct rcpt_check *);

#endif
