/* SPDX-License-Identifier: ISC
 * judge: the tables behind judge.h. Enhanced statuses are looked at before
 * words: a server that says 5.1.1 means it. */
#include "primary/judge.h"

#include <string.h>

#define RCPTS_MIN   3 /* distinct recipients in a row, of several senders */
#define RCPTS_ALONE 5 /* of one sender, whose address may be the cause */
#define RCPTS_SHARE 10 /* where some are taken, and more than SHARE_TIMES */
#define SHARE_TIMES 4 /* as many refused */
#define RCPTS_SURE  50 /* enough, even if other mail is ready */
#define DOMAINS_US  3 /* domains of one primary, refused because of us, */
#define DOMAINS_MIN 5 /* or whose known recipients it refuses */
#define ROUTES_MIN  2
#define CHANCE_MAX  0.01 /* of so many refusals in a row, by the share */
#define SHARE_LEAST 50 /* percent; a short memory is not trusted */

static bool
says(const struct smtp_reply *r, const char *const words[], size_t n)
{
	for (size_t i = 0; r->text != NULL && i < n; i++)
		if (strcasestr(r->text, words[i]) != NULL)
			return true;
	return false;
}
#define SAYS(r, words) says(r, words, MX_COUNT(words))

static bool
is_status(const struct smtp_reply *r, unsigned subject, unsigned detail)
{
	return r->status.subject == subject && r->status.detail == detail;
}

/* ---- scopes */

/* RFC 7372: reverse DNS failed; and words that mean nothing else. After the
 * final dot "blocked" and "listed" are about the content: a link, an
 * attachment. */
static bool
client_is_refused(const struct smtp_reply *r)
{
	static const char *const words[] = { "client host", "reverse dns",
		"reverse lookup", "rdns", "ptr record", "no ptr" };

	return is_status(r, 7, 25) || SAYS(r, words);
}

bool
judge_about_us(const struct smtp_reply *r)
{
	static const char *const words[] = { "ptr ", "block list", "blocklist",
		"blacklist", "black list", "blocked", "denylist", "dnsbl",
		" rbl", "spamhaus", "reputation", "banned",
		"cannot find your hostname", "not resolve your", "listed in ",
		"listed by ", "listed at ", "your ip" };

	return r != NULL && r->code >= 400 &&
	    (client_is_refused(r) || SAYS(r, words));
}

/* The server requires authentication (RFC 4954). */
static bool
wants_auth(const struct smtp_reply *r)
{
	return r->code == 530 || r->code == 535 || r->code == 538;
}

/* RFC 3463 X.4.6, X.1.2; and the words of servers without statuses. Not the
 * word "relay" alone, which occurs in many host names. */
static bool
is_route(const struct smtp_reply *r)
{
	static const char *const words[] = { "loops back", "mail loop",
		"too many hops", "hop count", "routing loop", "relaying denied",
		"relay access denied", "relay denied", "relaying is denied",
		"relaying not", "relay not permitted", "unable to relay",
		"not permitted to relay", "not allowed to relay",
		"do not relay", "does not relay", "relaying prohibited",
		"relay prohibited", "no relaying" };

	return is_status(r, 4, 6) || is_status(r, 4, 4) || is_status(r, 1, 2) ||
	    SAYS(r, words);
}

static bool
is_sender(const struct smtp_reply *r)
{
	static const char *const words[] = { "sender address rejected",
		"sender rejected", "sender domain", "sender verif",
		"null sender", "null return path", "<>", "spf", "dkim",
		"dmarc" };
	unsigned detail = r->status.detail;

	if (r->status.subject == 7 && detail >= 20 && detail <= 27 &&
	    detail != 25)
		return true;
	/* Bad mailbox and bad system of the sender (RFC 3463). */
	if (is_status(r, 1, 7) || is_status(r, 1, 8))
		return true;
	return SAYS(r, words);
}

/* The mailbox does not exist, has moved, is full or disabled. */
static bool
is_mailbox(const struct smtp_reply *r)
{
	unsigned detail = r->status.detail;

	return (r->status.subject == 1 &&
		   (detail == 1 || detail == 3 || detail == 4 || detail == 6 ||
		       detail == 10)) ||
	    (r->status.subject == 2 && r->status.cls != 0);
}

/* RFC 3463 3.4: a system that is full (X.3.1), takes no mail (X.3.2), or is
 * misconfigured (X.3.5). RFC 7504: 521. */
static bool
is_system(const struct smtp_reply *r)
{
	if (r->code == 421 || r->code == 521)
		return true;
	return reply_perm(r) &&
	    (is_status(r, 3, 1) || is_status(r, 3, 2) || is_status(r, 3, 5));
}

/* At MAIL: errors of syntax, sequence and implementation are the server's own
 * confusion; a demand for authentication, or a policy, is about us. */
static enum judge_scope
scope_mail(const struct smtp_reply *r)
{
	if (r->code >= 500 && r->code <= 504)
		return JUDGE_PRIMARY;
	if (wants_auth(r))
		return JUDGE_US;
	if (r->code == 552 || is_status(r, 3, 4) || r->status.subject == 6)
		return JUDGE_MESSAGE;
	if (r->code == 554 && !r->has_status)
		return JUDGE_US; /* RFC 5321 3.1: no SMTP service here */
	if (reply_perm(r) && r->has_status && r->status.subject == 5)
		return JUDGE_PRIMARY;
	if (reply_perm(r) && r->has_status && r->status.subject == 7)
		return JUDGE_US;
	return JUDGE_SENDER;
}

static enum judge_scope
scope_content(enum smtp_phase phase, const struct smtp_reply *r)
{
	if (is_mailbox(r))
		return JUDGE_RECIPIENT;
	if (is_route(r))
		return JUDGE_ROUTE;
	if (client_is_refused(r))
		return JUDGE_US;
	/* Objections to the envelope come before DATA; a syntax error here is
	 * the server's own confusion. */
	if (phase == SMTP_PHASE_DATA && r->code >= 500 && r->code <= 504)
		return JUDGE_PRIMARY;
	return JUDGE_MESSAGE;
}

enum judge_scope
judge_scope(enum smtp_phase phase, const struct smtp_reply *r)
{
	if (r == NULL || r->code < 400)
		return JUDGE_NOBODY;
	if (phase < SMTP_PHASE_MAIL && judge_about_us(r))
		return JUDGE_US;
	if (is_system(r))
		return JUDGE_PRIMARY;
	if (phase == SMTP_PHASE_DATA || phase == SMTP_PHASE_EOD)
		return scope_content(phase, r);
	if (phase != SMTP_PHASE_MAIL && phase != SMTP_PHASE_RCPT)
		return JUDGE_PRIMARY;
	if (phase == SMTP_PHASE_RCPT && is_mailbox(r))
		return JUDGE_RECIPIENT;
	if (judge_about_us(r))
		return JUDGE_US;
	if (is_sender(r))
		return JUDGE_SENDER;
	if (is_route(r))
		return JUDGE_ROUTE;
	if (phase == SMTP_PHASE_MAIL)
		return scope_mail(r);
	if (wants_auth(r))
		return JUDGE_US;
	return is_status(r, 3, 4) || r->status.subject == 6 ? JUDGE_MESSAGE :
							      JUDGE_RECIPIENT;
}

bool
judge_is_policy(const struct smtp_reply *r)
{
	return r->code >= 400 && r->status.subject == 7 && !is_route(r);
}

/* RFC 3463 3.2; Exchange Online says 5.4.1 for a recipient that is not in its
 * directory. */
bool
judge_is_no_mailbox(enum smtp_phase phase, const struct smtp_reply *r)
{
	if (phase != SMTP_PHASE_RCPT || !reply_perm(r) ||
	    judge_scope(phase, r) != JUDGE_RECIPIENT)
		return false;
	if (!r->has_status)
		return r->code == 550 || r->code == 551;
	return r->status.subject == 1 || is_status(r, 4, 1);
}

/* ---- verdicts */

/* Failed if `sure`, otherwise put off; `strange`: it is evidence then. */
static struct judge_verdict
fails_if(enum judge_scope scope, bool sure, bool strange)
{
	return (struct judge_verdict){ .scope = scope,
		.outcome = sure ? JUDGE_FAILED : JUDGE_PUT_OFF,
		.strange = strange && !sure };
}

/* RFC 5321 4.5.3.1.10: the old code for 452, too many recipients. */
static bool
means_later(enum smtp_phase phase, const struct smtp_reply *r)
{
	return phase == SMTP_PHASE_RCPT && r->code == 552 &&
	    (!r->has_status || r->status.subject == 5);
}

static struct judge_verdict
judge_refusal(const struct judge_case *c, enum judge_scope scope)
{
	const struct smtp_reply *r = c->reply;
	const struct judge_known *k = &c->known;
	struct judge_verdict v;

	switch (scope) {
	case JUDGE_ROUTE:
		if (!k->shown)
			return fails_if(scope, false, true);
		/* FALLTHROUGH */
	case JUDGE_RECIPIENT:
		/* The state of a mailbox (full, disabled) does not contradict
		 * that it exists. */
		if (k->exists && r->status.subject != 2)
			return fails_if(scope, k->believed, true);
		return fails_if(scope, k->shown || !k->doubted, true);
	case JUDGE_SENDER:
		if (c->phase == SMTP_PHASE_EOD)
			break; /* judged like other content */
		return fails_if(scope,
		    k->sender ? k->believed : k->shown || !k->doubted, false);
	case JUDGE_MESSAGE:
		break;
	case JUDGE_US:
	case JUDGE_PRIMARY:
	case JUDGE_NOBODY:
	case JUDGE_SCOPE_MAX:
		return fails_if(scope, false, true);
	}
	/* Senders alone can provoke these: believed as soon as the primary
	 * takes anything else, or after refusal_grace. */
	if (k->fitted && is_status(r, 3, 4))
		v = fails_if(scope, k->believed, false);
	else
		v = fails_if(scope, k->taken || k->believed, true);
	v.content = v.outcome == JUDGE_FAILED && c->phase == SMTP_PHASE_EOD &&
	    r->has_status && (r->status.subject == 7 || r->status.subject == 6);
	return v;
}

struct judge_verdict
judge(const struct judge_case *c)
{
	const struct smtp_reply *r = c->reply;
	enum judge_scope scope;

	if (r == NULL) {
		if (c->unfit == JUDGE_FITS)
			return (struct judge_verdict){ JUDGE_NOBODY,
				JUDGE_GO_ON, false, false };
		return fails_if(JUDGE_MESSAGE,
		    !c->known.fitted || c->known.believed, false);
	}
	scope = judge_scope(c->phase, r);
	/* 2xx to RCPT is provisional: the final dot decides. */
	if (reply_ok(r))
		return (struct judge_verdict){ JUDGE_NOBODY,
			c->phase == SMTP_PHASE_EOD ? JUDGE_TAKEN : JUDGE_GO_ON,
			false, false };
	if (!reply_perm(r) || means_later(c->phase, r))
		return (
		    struct judge_verdict){ scope, JUDGE_LATER, false, false };
	return judge_refusal(c, scope);
}

/* ---- the breaker */

/* The probability of so many refusals in a row from a primary that refuses that
 * share of its mail in normal times. */
static bool
is_unlikely(const struct judge_evidence *e)
{
	double share =
	    (e->share > SHARE_LEAST ? e->share : SHARE_LEAST) / 100.0;
	double chance = 1;

	for (unsigned i = 0; i < e->contents && chance >= CHANCE_MAX; i++)
		chance *= share < 1 ? share : 1;
	return chance < CHANCE_MAX;
}

bool
judge_is_wide(const struct judge_evidence *e, enum judge_scope scope)
{
	if (scope == JUDGE_MESSAGE)
		return is_unlikely(e);
	if (scope == JUDGE_SENDER)
		return e->senders_now >= RCPTS_MIN;
	return e->rcpts > 1 && e->rcpts > SHARE_TIMES * e->taken;
}

const char *
judge_trips_many(unsigned domains, unsigned us)
{
	if (us >= DOMAINS_US)
		return "it refuses this server for several domains";
	if (domains >= DOMAINS_MIN)
		return "it refuses what it should accept, for several domains";
	return NULL;
}

bool
judge_doubts_many(unsigned others)
{
	return others >= DOMAINS_US;
}

bool
judge_doubts(const struct judge_evidence *e, enum judge_scope scope,
    bool counted)
{
	unsigned n = scope == JUDGE_SENDER ? e->senders_now : e->rcpts_now;
	unsigned least = e->senders > 1 ? RCPTS_MIN : RCPTS_ALONE;

	return n - (counted && n > 0) >= least - 1;
}

/* Every list has some recipients that no longer exist: a primary that takes the
 * probe's recipient is doubted by the share alone. */
static bool
rcpts_prevail(const struct judge_evidence *e)
{
	unsigned least = e->senders > 1 ? RCPTS_MIN : RCPTS_ALONE;

	if (!e->shown && e->rcpts_now >= least)
		return true;
	return e->rcpts >= RCPTS_SHARE && judge_is_wide(e, JUDGE_RECIPIENT);
}

const char *
judge_trips(const struct judge_evidence *e)
{
	if (e->us >= RCPTS_MIN)
		return "it refuses this server for any recipient";
	if (e->untried && e->rcpts_now < RCPTS_SURE)
		return NULL;
	if (e->routes >= ROUTES_MIN)
		return "it says that it does not relay for the domain";
	if (rcpts_prevail(e))
		return "it refuses recipients that it should accept";
	if (e->share_known && is_unlikely(e))
		return "it refuses all mail for its content";
	return NULL;
}
