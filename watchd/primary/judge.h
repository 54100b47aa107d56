/* SPDX-License-Identifier: ISC
 * judge: the ONE place that turns a reply, or our own finding that a message does
 * not fit, into taken, later, put off or failed. It names whom a refusal is about,
 * and believes none that is wider than its evidence, or that contradicts what is
 * known: such a one is put off, and counts as evidence against the primary
 * (relay/queue/refusal.c). Deliveries ask for the verdict, probes and the way to
 * a primary for the scope.
 *
 *	            +- 2xx: go on; behind the final dot: taken
 *	reply ------+- 4xx: later
 *	            `- 5xx: scope ---> recipient  known to exist?   put off, until believed
 *	our finding ------'       |               else is the primary doubted? put off : failed
 *	                          +--> sender     the same with the sender's name
 *	                          +--> message    was a message taken since? failed : put off
 *	                          +--> route      recipient's, where it is itself; else put off
 *	                          `--> us, primary: put off
 *
 * Sources: RFC 5321 4.2.1 (first digit), 4.5.3.1.10 (552 for too many recipients
 * means 452), RFC 3463 (statuses), RFC 7372 (5.7.20 to 27), RFC 7504 (521), RFC
 * 1870 (5.3.4), RFC 6531 (5.6.7). Pure. */
#ifndef MX_PRIMARY_JUDGE_H
#define MX_PRIMARY_JUDGE_H

#include "smtp/phase.h"
#include "smtp/reply.h"
#include "status/state.h"

enum judge_outcome {
	JUDGE_GO_ON, /* nothing is decided: 2xx before the final dot */
	JUDGE_TAKEN,
	JUDGE_LATER, /* 4xx, or what decides nothing in that phase */
	JUDGE_PUT_OFF, /* refused for good, and that is not believed */
	JUDGE_FAILED, /* and that is */
};

enum judge_unfit { /* what we find ourselves before anything is sent */
	JUDGE_FITS,
	JUDGE_UNFIT_SMTPUTF8,
	JUDGE_UNFIT_SIZE,
};

/* What is known, by who asks. All false: nothing is. */
struct judge_known {
	bool exists; /* the recipient: the list has it, or it was taken */
	bool sender; /* mail of that sender was taken */
	bool fitted; /* one as large was taken; or EHLO offered then what it
		      * lacks now */
	bool shown; /* the primary is itself: it took another recipient of the
		     * domain, or the probe's, lately */
	bool
	    doubted; /* it is not since it came back, and refused several others
		       * since it took something */
	bool taken; /* it took a message since it refused this one first */
	bool believed; /* the contradiction is old enough (refusal_grace) */
};

struct judge_case {
	enum smtp_phase phase;
	const struct smtp_reply *reply; /* NULL: none, see unfit */
	enum judge_unfit unfit;
	struct judge_known known;
};

struct judge_verdict {
	enum judge_scope scope;
	enum judge_outcome outcome;
	bool strange; /* PUT_OFF: evidence against the primary */
	bool content; /* FAILED for what is in the message: no report of it */
};

struct judge_verdict judge(const struct judge_case *);

/* The scope alone, of 4xx and 5xx. */
enum judge_scope judge_scope(enum smtp_phase, const struct smtp_reply *);
/* JUDGE_US, whatever the phase: PTR, block list. NULL is none. */
bool judge_about_us(const struct smtp_reply *);
/* A reply that is about who talks, not about whom for: nothing is concluded from
 * it about the domain that was asked for. */
bool judge_is_policy(const struct smtp_reply *);
/* A refusal for good at RCPT that says that there is no such mailbox: not that it is
 * full or disabled, nor a matter of policy. */
bool judge_is_no_mailbox(enum smtp_phase, const struct smtp_reply *);

/* ---- the breaker: do the refusals that were not believed prevail? */

struct judge_evidence { /* of one domain, lately */
	unsigned rcpts; /* distinct recipients, refused and not believed */
	unsigned taken; /* distinct recipients that were taken */
	/* Since the last message that was taken: recipients refused, those of
	 * them for the route, those for us; senders refused; messages refused
	 * for their content. */
	unsigned rcpts_now, routes, us, senders, contents;
	unsigned senders_now; /* senders refused for what they are */
	unsigned share; /* of messages refused for content while it was up,
			 * percent */
	bool share_known;
	bool shown; /* see judge_known */
	bool untried; /* other mail is ready or under way, and may be taken */
};
/* NULL: no. Else why, in words. */
const char *judge_closes(const struct judge_evidence *);
/* The same of one primary, by the number of domains with a refusal there that
 * contradicts what is known of them (of these: about us, or the way) while nothing
 * of any was taken. */
const char *judge_closes_many(unsigned domains, unsigned us);
/* Is a primary doubted in one domain by what it refused of so many others? */
bool judge_doubts_many(unsigned others);
/* So many refusals of that scope that one is not its subject's own matter. */
bool judge_is_wide(const struct judge_evidence *, enum judge_scope);
/* Is a primary that has not shown itself doubted, by others than the subject at
 * hand (`counted`: it is in the evidence already)? */
bool
judge_doubts(const struct judge_evidence *, enum judge_scope, bool counted);

#endif
