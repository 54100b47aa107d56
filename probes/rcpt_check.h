/* SPDX-License-Identifier: ISC
 * rcpt_check: asks primaries, while they are up, which recipients exist, for domains
 * whose recipients are learned (Postfix calls it address verification). Nobody
 * waits for it: who said RCPT has his reply already, and the answer makes the next
 * one better.
 *
 *	asked by a client -> the line of its domain -> one session, up to
 *	PROBE_ASKS_MAX questions, PROBE_REFUSALS_MAX refusals -> what was learned
 *
 * A session that asked n questions is the domain's only one for n seconds: one
 * question a second, whoever asks. It is one of our connections to the host
 * (primary/place.h). The first question of a domain, and again once a day, or when
 * name after name passes, is a name that nobody has: when that one passes, so does
 * any (a catch-all). Without an answer to it nothing is learned of the others.
 *
 * What 4xx says, a policy, or anything that is not about the mailbox, teaches
 * nothing, and such a question is not asked again within an hour. Each client has so
 * many questions an hour (smtpd { rcpt_checks }), so that we are no faster oracle
 * than the primary. All of it is bounded: the lines
 * (together, and each), the sessions (probe_concurrency), clients and questions that
 * are remembered. Loop thread. */
#ifndef MX_PROBES_RCPT_CHECK_H
#define MX_PROBES_RCPT_CHECK_H

#include "primary/place.h"
#include "probes/probe.h"

#define RCPT_CHECK_LINE_MAX  100 /* questions that wait, of a domain */
#define RCPT_CHECK_MAX	     10000 /* of all */
#define RCPT_CHECK_TEST_MS   INT64_C(86400000) /* of the catch-all */
#define RCPT_CHECK_RETEST_MS INT64_C(600000) /* name after name passed */
#define RCPT_CHECK_PASSES    5 /* that many */

struct rcpt_check;

enum rcpt_check_answer {
	RCPT_CHECK_PASSED,
	RCPT_CHECK_REFUSED, /* there is no such mailbox */
	RCPT_CHECK_NOTHING, /* no answer, or none that teaches */
	RCPT_CHECK_ANSWER_MAX,
};

struct rcpt_check_ops {
	/* Where the domain's mailboxes can be asked for now: fills in all but the
	 * asks, borrowed for the call that follows. False: nowhere, for its primary
	 * is not up, or is doubted. */
	bool (*target)(void *arg, const char *domain, struct probe_target *);
	/* Does that host still answer for the domain, and without doubt? What
	 * it refused meanwhile is no word about mailboxes, if not. */
	bool (*stands)(void *arg, const char *domain, const char *label);
	/* Since when (wall ms, 0: never) it is known whether the domain is a
	 * catch-all; true: it is. */
	bool (*catch_all)(void *arg, const char *domain, int64_t *tested_ms);
	/* The test of a domain: PASSED or REFUSED. */
	void (*tested)(void *arg, const char *domain, enum rcpt_check_answer);
	void (*answered)(void *arg, const char *domain, const char *mailbox,
	    enum rcpt_check_answer);
	void *arg;
};

struct rcpt_check *rcpt_check_create(const struct reach_env *,
    const struct place_ops *, const struct rcpt_check_ops *);
/* What waits is forgotten. */
void rcpt_check_destroy(struct rcpt_check **);
/* So many sessions at once; questions an hour of a client. */
void rcpt_check_configure(struct rcpt_check *, unsigned sessions,
    unsigned per_client);
/* A client (0: one of our own, who has no limit) asked for that mailbox. Nothing
 * comes of it when it waits already, or had no answer lately, the client has asked
 * enough, or the line is full. */
void rcpt_check_ask(struct rcpt_check *, const char *domain,
    const char *mailbox, uint64_t client);
/* Questions that wait, or are being asked. */
unsigned rcpt_check_waiting(const struct rcpt_check *);

#endif
