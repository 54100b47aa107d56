/* SPDX-License-Identifier: ISC
 * judge: the ONE place that turns a reply, or our own finding that a message
 * does not fit, into taken, later, put off or failed. It decides whom a refusal
 * concerns. A refusal that claims more than its evidence supports, or that
 * contradicts what is known, is not believed: it is put off, and counts as
 * evidence against the primary (relay/queue/refusal.c). Deliveries ask for the
 * verdict, probes and reach for the scope.
 *
 *	            +- 2xx: go on; after the final dot: taken
 *	reply ------+- 4xx: later
 *	            `- 5xx: scope ---> recipient  known to exist?   put off, until believed
 *	our finding ------'       |               else is the primary doubted? put off : failed
 *	                          +--> sender     the same with the sender's name
 *	                          +--> message    was a message taken since? failed : put off
 *	                          +--> route      as recipient when shown; else put off
 *	                          `--> us, primary: put off
 *
 * Sources: RFC 5321 4.2.1 (first digit), 4.5.3.1.10 (552 for too many
 * recipients means 452), RFC 3463 (statuses), RFC 7372 (5.7.20 to 27), RFC 7504
 * (521), RFC 1870 (5.3.4), RFC 6531 (5.6.7). Pure. */
#ifndef MX_PRIMARY_JUDGE_H
#define MX_PRIMARY_JUDGE_H

#include "smtp/phase.h"
#include "smtp/reply.h"
#include "status/state.h"

enum judge_outcome {
	JUDGE_GO_ON, /* nothing is decided: 2xx before the final dot */
	JUDGE_TAKEN,
	JUDGE_LATER, /* 4xx, or a reply that decides nothing in that phase */
	JUDGE_PUT_OFF, /* 5xx that is not believed */
	JUDGE_FAILED, /* 5xx that is believed */
};

enum judge_unfit { /* our own findings, before anything is sent */
	JUDGE_FITS,
	JUDGE_UNFIT_SMTPUTF8,
	JUDGE_UNFIT_SIZE,
};

/* What the caller knows. All false: nothing. */
struct judge_known {
	/* the recipient exists: it is listed, or mail for it was taken */
	bool exists;
	bool sender; /* mail from that sender was taken */
	/* a message as large was taken; or EHLO once offered the extension that
	 * is missing now */
	bool fitted;
	/* the primary acts normally: it took another recipient of the domain,
	 * or the probe's, lately */
	bool shown;
	/* not shown since it came back, and refused several others since it
	 * last took something */
	bool doubted;
	bool taken; /* it took some message since it first refused this one */
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
	bool content; /* FAILED because of the content, see dsn { content } */
};

struct judge_verdict judge(const struct judge_case *);

/* The scope alone, of 4xx and 5xx. */
enum judge_scope judge_scope(enum smtp_phase, const struct smtp_reply *);
/* True for refusals of this server, in any phase: PTR, block list. NULL is
 * none. */
bool judge_about_us(const struct smtp_reply *);
/* The reply is about the client, not about the domain that was asked for:
 * nothing is concluded about that domain. */
bool judge_is_policy(const struct smtp_reply *);
/* A permanent refusal at RCPT that says that the mailbox does not exist; not
 * one that it is full or disabled, nor a matter of policy. */
bool judge_is_no_mailbox(enum smtp_phase, const struct smtp_reply *);

/* ---- the breaker: do refusals that were not believed prevail? */

struct judge_evidence { /* of one domain, lately */
	unsigned rcpts; /* distinct recipients whose refusal was not believed */
	unsigned taken; /* distinct recipients that were taken */
	/* Since the last message that was taken: recipients refused, those of
	 * them for the route, those about us; senders refused; messages refused
	 * for their content. */
	unsigned rcpts_now, routes, us, senders, contents;
	unsigned senders_now; /* senders refused for their own address */
	/* messages refused for content while it was up, percent */
	unsigned share;
	bool share_known;
	bool shown; /* see judge_known */
	/* other mail is ready or under way and may yet be taken */
	bool untried;
};
/* NULL: deliveries go on. Else why the breaker trips, in words. */
const char *judge_trips(const struct judge_evidence *);
/* The same for one primary: `domains` have a refusal there that contradicts
 * what is known of them (`us` of these: about us, or the route), while it took
 * nothing of any. */
const char *judge_trips_many(unsigned domains, unsigned us);
/* Is a primary doubted in one domain because of its refusals in so many
 * others? */
bool judge_doubts_many(unsigned others);
/* Are there so many refusals of that scope that the cause is not the single
 * recipient, sender or message? */
bool judge_is_wide(const struct judge_evidence *, enum judge_scope);
/* Is a primary that is not shown doubted because of subjects other than the one
 * at hand (`counted`: that one is in the evidence already)? */
bool
judge_doubts(const struct judge_evidence *, enum judge_scope, bool counted);

#endif
