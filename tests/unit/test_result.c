/* SPDX-License-Identifier: ISC
 * What each reply in each phase means: the table that decides whether mail is
 * delivered, kept or given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "relay/deliver/result.h"
#include "smtp/client.h"

static const struct {
	const char *name;
	enum smtp_phase phase;
	uint16_t code;
	struct smtp_status status; /* class 0: the text had none */
	bool suspect;
	enum rcpt_state state;
	enum result_scope scope;
} cases[] = {
	{ "rcpt accepted is a promise only", SMTP_PHASE_RCPT, 250, { 2, 1, 5 },
	    false, RCPT_PENDING, RESULT_RCPT },
	{ "rcpt unknown", SMTP_PHASE_RCPT, 550, { 5, 1, 1 }, false, RCPT_FAILED,
	    RESULT_RCPT },
	{ "rcpt unknown, suspect primary", SMTP_PHASE_RCPT, 550, { 5, 1, 1 },
	    true, RCPT_PENDING, RESULT_RCPT },
	{ "rcpt greylisted", SMTP_PHASE_RCPT, 450, { 4, 7, 1 }, false,
	    RCPT_PENDING, RESULT_RCPT },
	{ "rcpt 452", SMTP_PHASE_RCPT, 452, { 4, 5, 3 }, false, RCPT_PENDING,
	    RESULT_RCPT },
	{ "rcpt 552 bare: too many recipients", SMTP_PHASE_RCPT, 552,
	    { 0, 0, 0 }, false, RCPT_PENDING, RESULT_RCPT },
	{ "rcpt 552 mailbox full", SMTP_PHASE_RCPT, 552, { 5, 2, 2 }, false,
	    RCPT_FAILED, RESULT_RCPT },
	{ "rcpt 421", SMTP_PHASE_RCPT, 421, { 4, 3, 2 }, false, RCPT_PENDING,
	    RESULT_SERVER },
	{ "rcpt 599: first digit", SMTP_PHASE_RCPT, 599, { 0, 0, 0 }, false,
	    RCPT_FAILED, RESULT_RCPT },
	{ "rcpt 3xx makes no sense", SMTP_PHASE_RCPT, 354, { 0, 0, 0 }, false,
	    RCPT_PENDING, RESULT_RCPT },
	{ "mail sender bad", SMTP_PHASE_MAIL, 553, { 5, 1, 8 }, false,
	    RCPT_FAILED, RESULT_MESSAGE },
	{ "mail too big", SMTP_PHASE_MAIL, 552, { 5, 3, 4 }, false, RCPT_FAILED,
	    RESULT_MESSAGE },
	{ "mail: the system takes none", SMTP_PHASE_MAIL, 550, { 5, 3, 2 },
	    false, RCPT_PENDING, RESULT_SERVER },
	{ "eod: the system is set up wrongly", SMTP_PHASE_EOD, 554, { 5, 3, 5 },
	    false, RCPT_PENDING, RESULT_SERVER },
	{ "eod: the system is full", SMTP_PHASE_EOD, 552, { 5, 3, 1 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "mail block list", SMTP_PHASE_MAIL, 550, { 5, 7, 1 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "mail SPF: of this sender", SMTP_PHASE_MAIL, 550, { 5, 7, 23 }, false,
	    RCPT_FAILED, RESULT_MESSAGE },
	{ "mail DMARC: of this sender", SMTP_PHASE_MAIL, 550, { 5, 7, 26 },
	    false, RCPT_FAILED, RESULT_MESSAGE },
	{ "mail PTR: of us", SMTP_PHASE_MAIL, 550, { 5, 7, 25 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "mail 554 bare: not here", SMTP_PHASE_MAIL, 554, { 0, 0, 0 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "mail 503: confused", SMTP_PHASE_MAIL, 503, { 5, 5, 1 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "mail 530: wants authentication", SMTP_PHASE_MAIL, 530, { 0, 0, 0 },
	    false, RCPT_PENDING, RESULT_SERVER },
	{ "mail 451", SMTP_PHASE_MAIL, 451, { 4, 3, 0 }, false, RCPT_PENDING,
	    RESULT_MESSAGE },
	{ "data refused", SMTP_PHASE_DATA, 554, { 5, 5, 1 }, false, RCPT_FAILED,
	    RESULT_MESSAGE },
	{ "data not understood", SMTP_PHASE_DATA, 502, { 0, 0, 0 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "eod taken", SMTP_PHASE_EOD, 250, { 2, 0, 0 }, false, RCPT_DELIVERED,
	    RESULT_MESSAGE },
	{ "eod any 2xx", SMTP_PHASE_EOD, 299, { 0, 0, 0 }, false,
	    RCPT_DELIVERED, RESULT_MESSAGE },
	{ "eod storage", SMTP_PHASE_EOD, 452, { 4, 3, 1 }, false, RCPT_PENDING,
	    RESULT_MESSAGE },
	{ "eod too big", SMTP_PHASE_EOD, 552, { 5, 3, 4 }, false, RCPT_FAILED,
	    RESULT_MESSAGE },
	{ "eod content refused", SMTP_PHASE_EOD, 554, { 5, 7, 1 }, false,
	    RCPT_FAILED, RESULT_MESSAGE },
	{ "eod 421", SMTP_PHASE_EOD, 421, { 4, 3, 0 }, false, RCPT_PENDING,
	    RESULT_SERVER },
	{ "greeting 554", SMTP_PHASE_GREETING, 554, { 5, 7, 1 }, false,
	    RCPT_PENDING, RESULT_SERVER },
	{ "ehlo 550", SMTP_PHASE_EHLO, 550, { 5, 7, 1 }, false, RCPT_PENDING,
	    RESULT_SERVER },
};

static void
replies(void **state)
{
	struct smtp_reply r;
	struct result res;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++) {
		r = (struct smtp_reply){ .code = cases[i].code,
			.status = cases[i].status,
			.has_status = cases[i].status.cls != 0 };
		res = result_of(cases[i].phase, &r, cases[i].suspect);
		if (res.state != cases[i].state ||
		    result_scope(cases[i].phase, &r) != cases[i].scope)
			fail_msg("%s: state %d scope %d", cases[i].name,
			    (int)res.state,
			    (int)result_scope(cases[i].phase, &r));
		assert_int_equal(res.code, cases[i].code);
	}
}

/* Whatever the code: a refusal that is not 5xx never fails a recipient, one
 * about the server never does, and nothing but 2xx to the dot delivers. */
static void
never_lost(void **state)
{
	struct smtp_reply r = { 0 };
	struct result res;
	unsigned code, phase;

	(void)state;
	for (phase = 0; phase < SMTP_PHASE_MAX; phase++)
		for (code = 200; code < 600; code++) {
			r.code = (uint16_t)code;
			res = result_of((enum smtp_phase)phase, &r, false);
			if (res.state == RCPT_FAILED) {
				assert_true(code >= 500);
				assert_int_not_equal(
				    result_scope((enum smtp_phase)phase, &r),
				    RESULT_SERVER);
			}
			assert_int_equal(res.state == RCPT_DELIVERED,
			    phase == SMTP_PHASE_EOD && code < 300);
			res = result_of((enum smtp_phase)phase, &r, true);
			assert_int_not_equal(res.state, RCPT_FAILED);
		}
}

static void
unfit(void **state)
{
	struct result res;

	(void)state;
	assert_null(result_unfit(0, 100, 0, 0, &res));
	assert_null(result_unfit(ENV_8BIT, 100, 0, 0, &res));
	assert_null(result_unfit(0, 100, CLIENT_EXT_SIZE, 0, &res));
	assert_null(result_unfit(0, 100, CLIENT_EXT_SIZE, 100, &res));
	assert_non_null(result_unfit(0, 101, CLIENT_EXT_SIZE, 100, &res));
	assert_int_equal(res.status.subject, 3);
	assert_int_equal(res.status.detail, 4);
	assert_non_null(
	    result_unfit(ENV_UTF8, 1, CLIENT_EXT_8BITMIME, 0, &res));
	assert_int_equal(res.status.subject, 6);
	assert_int_equal(res.status.detail, 7);
	assert_int_equal(res.state, RCPT_FAILED);
	assert_null(result_unfit(ENV_UTF8, 1, CLIENT_EXT_SMTPUTF8, 0, &res));
}

static struct {
	char text[80];
	uint16_t code;
	struct smtp_status status;
	bool sender;
} senders[] = {
	{ "SPF check failed", 550, { 5, 7, 23 }, true },
	{ "<a@b.example>: Sender address rejected: Access denied", 554,
	    { 5, 7, 1 }, true },
	{ "Sender domain has a null MX", 550, { 5, 7, 27 }, true },
	{ "rejected by DMARC policy of b.example", 550, { 5, 7, 1 }, true },
	{ "Client host [192.0.2.1] blocked using zen.example", 554, { 5, 7, 1 },
	    false },
	{ "192.0.2.1 is listed; see SPF of the sender", 554, { 5, 7, 1 },
	    false },
	{ "no PTR record", 550, { 5, 7, 25 }, false },
	{ "no such user", 550, { 5, 1, 1 }, false },
	{ "SPF: try again", 451, { 4, 7, 24 }, false },
	{ "go away", 554, { 0, 0, 0 }, false },
};

static void
about_the_sender(void **state)
{
	struct smtp_reply r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(senders); i++) {
		r = (struct smtp_reply){ .code = senders[i].code,
			.has_status = senders[i].status.cls != 0,
			.status = senders[i].status,
			.text = senders[i].text };
		if (result_about_sender(&r) != senders[i].sender)
			fail_msg("%s", senders[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(about_the_sender),
		cmocka_unit_test(replies),
		cmocka_unit_test(never_lost),
		cmocka_unit_test(unfit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
