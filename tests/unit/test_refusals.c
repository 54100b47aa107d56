/* SPDX-License-Identifier: ISC
 * The judge: whom each reply is about, and what becomes of the mail, by what is
 * known; and when refusals trip the breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "primary/judge.h"

#define MAIL SMTP_PHASE_MAIL
#define RCPT SMTP_PHASE_RCPT
#define DATA SMTP_PHASE_DATA
#define EOD  SMTP_PHASE_EOD

static struct smtp_reply
reply_of(const char *text, char *buf, size_t size)
{
	struct smtp_reply r = { .lines = 1, .text = buf };

	r.code = (uint16_t)((text[0] - '0') * 100 + (text[1] - '0') * 10 +
	    (text[2] - '0'));
	(void)strlcpy(buf, text[3] == ' ' ? text + 4 : "", size);
	r.has_status = smtp_status_parse(buf, &r.status) > 0;
	if (!r.has_status)
		r.status.cls = (uint8_t)(r.code / 100);
	return r;
}

/* ---- whom it is about: replies of real servers */

static const struct {
	enum smtp_phase phase;
	const char *reply;
	enum judge_scope scope;
} scopes[] = {
	{ RCPT, "250 2.1.5 ok", JUDGE_NOBODY },
	{ RCPT,
	    "550 5.1.1 <x@a.test>: Recipient address rejected: User unknown",
	    JUDGE_RECIPIENT },
	{ RCPT, "550 no such user", JUDGE_RECIPIENT },
	{ RCPT, "599", JUDGE_RECIPIENT },
	{ RCPT, "552 5.2.2 mailbox full", JUDGE_RECIPIENT },
	{ RCPT, "550 5.2.1 this mailbox is blocked", JUDGE_RECIPIENT },
	{ RCPT, "550 5.1.1 user unknown; relay1.example.net", JUDGE_RECIPIENT },
	{ RCPT,
	    "554 5.7.1 <x@a.test>: Recipient address rejected: Access denied",
	    JUDGE_RECIPIENT },
	{ RCPT, "450 4.7.1 greylisted", JUDGE_RECIPIENT },
	{ RCPT,
	    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked "
	    "using zen.spamhaus.org",
	    JUDGE_US },
	{ RCPT, "550 5.7.25 reverse DNS failed", JUDGE_US },
	{ RCPT, "550 Your IP is in our blacklist", JUDGE_US },
	{ RCPT, "530 5.7.0 Authentication required", JUDGE_US },
	{ RCPT, "554 5.7.1 <x@a.test>: Relay access denied", JUDGE_ROUTE },
	{ RCPT, "550 relaying denied", JUDGE_ROUTE },
	{ RCPT, "550 5.7.23 SPF validation failed", JUDGE_SENDER },
	{ RCPT, "553 5.1.8 sender domain must exist", JUDGE_SENDER },
	{ RCPT, "552 5.3.4 message too big", JUDGE_MESSAGE },
	{ RCPT, "421 4.3.2 shutting down", JUDGE_PRIMARY },
	{ RCPT, "550 5.3.2 system not accepting mail", JUDGE_PRIMARY },
	{ MAIL, "550 5.7.23 SPF validation failed", JUDGE_SENDER },
	{ MAIL, "550 5.7.26 DMARC", JUDGE_SENDER },
	{ MAIL, "553 5.1.8 bad sender domain", JUDGE_SENDER },
	{ MAIL, "550 rejected", JUDGE_SENDER },
	{ MAIL, "550 5.7.1 no null senders", JUDGE_SENDER },
	{ MAIL, "550 5.7.1 no", JUDGE_US },
	{ MAIL, "550 5.7.25 no PTR", JUDGE_US },
	{ MAIL, "554 no SMTP service here", JUDGE_US },
	{ MAIL, "530 authentication required", JUDGE_US },
	{ MAIL, "503 5.5.1 bad sequence", JUDGE_PRIMARY },
	{ MAIL, "550 5.3.2 not now", JUDGE_PRIMARY },
	{ MAIL, "552 5.3.4 too big", JUDGE_MESSAGE },
	{ MAIL, "552 too big", JUDGE_MESSAGE },
	{ MAIL, "452 4.3.1 no room", JUDGE_SENDER },
	{ DATA, "502 what?", JUDGE_PRIMARY },
	{ DATA, "554 5.5.1 no valid recipients", JUDGE_MESSAGE },
	{ EOD, "554 5.7.1 spam", JUDGE_MESSAGE },
	{ EOD, "554 5.7.1 blocked: a link that is listed in dbl.spamhaus.org",
	    JUDGE_MESSAGE },
	{ EOD, "550 5.7.26 DMARC", JUDGE_MESSAGE },
	{ EOD, "552 5.3.4 too big", JUDGE_MESSAGE },
	{ EOD, "554 5.3.5 set up wrongly", JUDGE_PRIMARY },
	{ EOD, "552 5.3.1 full", JUDGE_PRIMARY },
	{ EOD, "550 5.1.1 no such user", JUDGE_RECIPIENT },
	{ EOD, "554 5.4.0 too many hops", JUDGE_ROUTE },
	{ EOD, "554 5.4.6 mail for a.test loops back to myself", JUDGE_ROUTE },
	{ EOD, "550 5.7.1 Client host rejected", JUDGE_US },
	{ SMTP_PHASE_GREETING, "554 5.7.1 you are on a block list", JUDGE_US },
	{ SMTP_PHASE_GREETING, "554 no", JUDGE_PRIMARY },
	{ SMTP_PHASE_EHLO, "550 5.7.1 no", JUDGE_PRIMARY },
};

static void
whom(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(scopes); i++) {
		struct smtp_reply r =
		    reply_of(scopes[i].reply, text, sizeof(text));
		enum judge_scope got = judge_scope(scopes[i].phase, &r);

		if (got != scopes[i].scope)
			fail_msg("%s %s: about %s, not %s",
			    smtp_phase_name(scopes[i].phase), scopes[i].reply,
			    judge_scope_name(got),
			    judge_scope_name(scopes[i].scope));
	}
}

/* ---- there is no such mailbox */

static const struct {
	enum smtp_phase phase;
	const char *reply;
	bool no_mailbox;
} mailboxes[] = {
	{ RCPT, "550 5.1.1 User unknown", true },
	{ RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", true },
	{ RCPT, "550 5.4.1 Recipient address rejected: Access denied.", true },
	{ RCPT, "550 Unknown user", true },
	{ RCPT, "551 5.1.6 moved", true },
	{ RCPT, "250 2.1.5 ok", false },
	{ RCPT, "450 4.1.1 unverified", false },
	{ RCPT, "550 5.2.1 this mailbox is disabled", false },
	{ RCPT, "552 5.2.2 mailbox full", false },
	{ RCPT, "552 too much", false },
	{ RCPT, "554 5.7.1 Recipient address rejected: Access denied", false },
	{ RCPT, "550 Your IP is in our blacklist", false },
	{ RCPT, "550 5.1.8 Sender address rejected", false },
	{ RCPT, "550 5.1.2 relaying denied", false },
	{ RCPT, "550 relaying denied", false },
	{ MAIL, "550 5.1.1 User unknown", false },
	{ EOD, "550 5.1.1 User unknown", false },
};

static void
no_mailbox(void **state)
{
	char buf[200];
	struct smtp_reply r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(mailboxes); i++) {
		r = reply_of(mailboxes[i].reply, buf, sizeof(buf));
		if (judge_is_no_mailbox(mailboxes[i].phase, &r) !=
		    mailboxes[i].no_mailbox)
			fail_msg("%s", mailboxes[i].reply);
	}
}

/* ---- what becomes of it */

/* The letters of what is known: exists, sendeR, fitted, shown, doubted, taken,
 * believed. */
static const struct {
	const char *name;
	enum smtp_phase phase;
	const char *reply, *known;
	enum judge_outcome outcome;
	bool strange, content;
} verdicts[] = {
	{ "a promise only", RCPT, "250 ok", "", JUDGE_GO_ON, false, false },
	{ "taken", EOD, "250 ok", "", JUDGE_TAKEN, false, false },
	{ "any 2xx", EOD, "299", "", JUDGE_TAKEN, false, false },
	{ "3xx makes no sense", RCPT, "354", "", JUDGE_LATER, false, false },
	{ "4xx", RCPT, "450 4.2.0 no", "st", JUDGE_LATER, false, false },
	{ "too many", RCPT, "552", "s", JUDGE_LATER, false, false },
	{ "unknown, by a primary that is itself", RCPT, "550 5.1.1 who?", "s",
	    JUDGE_FAILED, false, false },
	{ "unknown, by one that took nothing", RCPT, "550 5.1.1 who?", "",
	    JUDGE_FAILED, false, false },
	{ "by one that is doubted", RCPT, "550 5.1.1 who?", "d", JUDGE_PUT_OFF,
	    true, false },
	{ "one that exists", RCPT, "550 5.1.1 who?", "est", JUDGE_PUT_OFF, true,
	    false },
	{ "one that exists, for long", RCPT, "550 5.1.1 who?", "esb",
	    JUDGE_FAILED, false, false },
	{ "and is full", RCPT, "552 5.2.2 full", "es", JUDGE_FAILED, false,
	    false },
	{ "full, by one that is doubted", RCPT, "552 5.2.2 full", "ed",
	    JUDGE_PUT_OFF, true, false },
	{ "we are blocked", RCPT, "554 5.7.1 blocked", "esfstb", JUDGE_PUT_OFF,
	    true, false },
	{ "out of order", MAIL, "503 5.5.1 what?", "st", JUDGE_PUT_OFF, true,
	    false },
	{ "not its domain", RCPT, "554 5.7.1 Relay access denied", "",
	    JUDGE_PUT_OFF, true, false },
	{ "not that address", RCPT, "554 5.7.1 Relay access denied", "s",
	    JUDGE_FAILED, false, false },
	{ "SPF", MAIL, "550 5.7.23 SPF", "s", JUDGE_FAILED, false, false },
	{ "SPF, by one that is doubted", MAIL, "550 5.7.23 SPF", "d",
	    JUDGE_PUT_OFF, false, false },
	{ "SPF of one that was taken", MAIL, "550 5.7.23 SPF", "r",
	    JUDGE_PUT_OFF, false, false },
	{ "for long", MAIL, "550 5.7.23 SPF", "rb", JUDGE_FAILED, false,
	    false },
	{ "spam, nothing taken since", EOD, "554 5.7.1 spam", "es",
	    JUDGE_PUT_OFF, true, false },
	{ "spam, others taken", EOD, "554 5.7.1 spam", "t", JUDGE_FAILED, false,
	    true },
	{ "virus", EOD, "554 5.6.0 virus", "t", JUDGE_FAILED, false, true },
	{ "no status", EOD, "554 no", "t", JUDGE_FAILED, false, false },
	{ "too big", EOD, "552 5.3.4 too big", "t", JUDGE_FAILED, false,
	    false },
	{ "too big, and larger ones were taken", EOD, "552 5.3.4 too big", "tf",
	    JUDGE_PUT_OFF, false, false },
	{ "552 at MAIL, nothing taken since", MAIL, "552 5.3.4 too big", "s",
	    JUDGE_PUT_OFF, true, false },
};

static struct judge_known
known_of(const char *letters)
{
	return (struct judge_known){ .exists = strchr(letters, 'e') != NULL,
		.sender = strchr(letters, 'r') != NULL,
		.fitted = strchr(letters, 'f') != NULL,
		.shown = strchr(letters, 's') != NULL,
		.doubted = strchr(letters, 'd') != NULL,
		.taken = strchr(letters, 't') != NULL,
		.believed = strchr(letters, 'b') != NULL };
}

static void
what(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(verdicts); i++) {
		struct smtp_reply r =
		    reply_of(verdicts[i].reply, text, sizeof(text));
		struct judge_case c = { .phase = verdicts[i].phase,
			.reply = &r,
			.known = known_of(verdicts[i].known) };
		struct judge_verdict v = judge(&c);

		if (v.outcome != verdicts[i].outcome ||
		    v.strange != verdicts[i].strange ||
		    v.content != verdicts[i].content)
			fail_msg("%s: outcome %d strange %d content %d",
			    verdicts[i].name, (int)v.outcome, v.strange,
			    v.content);
	}
}

/* Whatever the reply and whatever is known: only 5xx fails, never when it is about
 * us or about the primary; only 2xx to the dot is taken; and of one that is doubted,
 * and of nothing else, nothing fails. */
static void
never_lost(void **state)
{
	static const unsigned statuses[][2] = { { 0, 0 }, { 1, 1 }, { 1, 8 },
		{ 2, 2 }, { 3, 1 }, { 3, 4 }, { 4, 6 }, { 5, 3 }, { 6, 0 },
		{ 7, 1 }, { 7, 23 }, { 7, 25 } };
	char none[] = "";

	(void)state;
	for (unsigned phase = 0; phase < SMTP_PHASE_MAX; phase++)
		for (unsigned code = 200; code < 600; code++)
			for (unsigned k = 0; k < 128; k++)
				for (size_t i = 0; i < MX_COUNT(statuses);
				     i++) {
					struct smtp_reply r = {
						.code = (uint16_t)code,
						.text = none,
						.has_status = i > 0,
						.status = { (uint8_t)(code /
								100),
						    (uint16_t)statuses[i][0],
						    (uint16_t)statuses[i][1] },
					};
					struct judge_case c = {
						.phase = (enum smtp_phase)phase,
						.reply = &r,
						.known = { k & 1, k & 2, k & 4,
						    k & 8, k & 16, k & 32,
						    k & 64 },
					};
					struct judge_verdict v = judge(&c);

					assert_int_equal(v.outcome ==
						JUDGE_TAKEN,
					    phase == EOD && code < 300);
					if (v.outcome != JUDGE_FAILED)
						continue;
					assert_true(code >= 500);
					assert_true(!(k & 16) || (k & 104));
					assert_true(v.scope != JUDGE_US &&
					    v.scope != JUDGE_PRIMARY);
				}
}

static void
unfit(void **state)
{
	struct judge_case c = { .phase = MAIL };

	(void)state;
	assert_int_equal(judge(&c).outcome, JUDGE_GO_ON);
	c.unfit = JUDGE_UNFIT_SIZE;
	assert_int_equal(judge(&c).outcome, JUDGE_FAILED);
	c.known.fitted = true;
	assert_int_equal(judge(&c).outcome, JUDGE_PUT_OFF);
	c.known.believed = true;
	assert_int_equal(judge(&c).outcome, JUDGE_FAILED);
}

/* ---- the breaker */

static const struct {
	const char *name;
	struct judge_evidence e;
	bool closes, wide;
} evidence[] = {
	{ "nothing", { 0 }, false, false },
	{ "one who left", { .rcpts = 1, .rcpts_now = 1, .senders = 1 }, false,
	    false },
	{ "two of two", { .rcpts = 2, .rcpts_now = 2, .senders = 2 }, false,
	    true },
	{ "three in a row", { .rcpts = 3, .rcpts_now = 3, .senders = 2 }, true,
	    true },
	{ "of one sender", { .rcpts = 3, .rcpts_now = 3, .senders = 1 }, false,
	    true },
	{ "five of one sender", { .rcpts = 5, .rcpts_now = 5, .senders = 1 },
	    true, true },
	{ "and other mail is ready",
	    { .rcpts = 5, .rcpts_now = 5, .senders = 2, .untried = true },
	    false, true },
	{ "however much of it",
	    { .rcpts = 50, .rcpts_now = 50, .senders = 2, .untried = true },
	    true, true },
	{ "but it takes the probe's",
	    { .rcpts = 9, .rcpts_now = 9, .senders = 2, .shown = true }, false,
	    true },
	{ "ten of those",
	    { .rcpts = 10, .rcpts_now = 10, .senders = 2, .shown = true }, true,
	    true },
	{ "an old state: fifty of sixty",
	    { .rcpts = 50,
		.taken = 10,
		.rcpts_now = 2,
		.senders = 2,
		.shown = true },
	    true, true },
	{ "thirty left a list, eight did not",
	    { .rcpts = 30,
		.taken = 8,
		.rcpts_now = 2,
		.senders = 2,
		.shown = true },
	    false, false },
	{ "we are blocked", { .us = 3, .untried = true }, true, false },
	{ "once or twice", { .us = 2 }, false, false },
	{ "not the way", { .routes = 2, .rcpts = 2, .rcpts_now = 2 }, true,
	    true },
	{ "one such address", { .routes = 1, .rcpts = 1, .rcpts_now = 1 },
	    false, false },
	{ "spam, share not known", { .contents = 1000 }, false, false },
	{ "four in five are spam: twenty in a row",
	    { .contents = 20, .share = 80, .share_known = true }, false,
	    false },
	{ "and thirty", { .contents = 30, .share = 80, .share_known = true },
	    true, false },
	{ "none ever was: six", { .contents = 6, .share_known = true }, false,
	    false },
	{ "and seven", { .contents = 7, .share_known = true }, true, false },
};

static void
closes(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(evidence); i++) {
		const char *why = judge_trips(&evidence[i].e);

		if ((why != NULL) != evidence[i].closes ||
		    judge_is_wide(&evidence[i].e, JUDGE_RECIPIENT) !=
			evidence[i].wide)
			fail_msg("%s: %s, wide %d", evidence[i].name,
			    why != NULL ? why : "open",
			    judge_is_wide(&evidence[i].e, JUDGE_RECIPIENT));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom),
		cmocka_unit_test(no_mailbox),
		cmocka_unit_test(what),
		cmocka_unit_test(never_lost),
		cmocka_unit_test(unfit),
		cmocka_unit_test(closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
