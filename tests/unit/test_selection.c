/* SPDX-License-Identifier: ISC
 * test_selection: which messages fit a selection, by what an index knows and by the
 * whole of them, and how a reply is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/selection.h"

static const struct rcpt_view rcpts[] = {
	{ .mailbox = "Ada@a.example.org",
	    .state = "pending",
	    .reply = "4.2.2 Mailbox full",
	    .code = 452,
	    .status = "4.2.2" },
	{ .mailbox = "bob@a.example.org", .state = "pending", .reply = "" },
};
static const struct msg_view message = { .domain = "a.example.org",
	.sender = "news+17@List.example",
	.state = MSG_DEFERRED,
	.size = 2048,
	.arrival_ms = 5000,
	.client = "192.0.2.9",
	.nrcpts = 2,
	.rcpts = rcpts };

static const struct {
	const char *name;
	struct selection selection;
	bool fits;
} cases[] = {
	{ "all", { .sender = NULL }, true },
	{ "sender, any case", { .sender = "NEWS+17@list.example" }, true },
	{ "another sender", { .sender = "news@list.example" }, false },
	{ "a pattern of senders", { .sender = "news+*@list.example" }, true },
	{ "reports", { .sender = "" }, false },
	{ "recipient", { .rcpt = "bob@A.example.org" }, true },
	{ "a pattern of recipients", { .rcpt = "*@a.example.org" }, true },
	{ "no recipient", { .rcpt = "eve@a.example.org" }, false },
	{ "client", { .client = "192.0.2.9" }, true },
	{ "a network", { .client = "192.0.2.0/28" }, true },
	{ "another network", { .client = "192.0.2.16/28" }, false },
	{ "another family", { .client = "2001:db8::/32" }, false },
	{ "code", { .reply = "452" }, true },
	{ "code, status and text", { .reply = "452 4.2.2 mailbox*" }, true },
	{ "status", { .reply = "4.2.2" }, true },
	{ "another status", { .reply = "4.7.1" }, false },
	{ "domains below", { .domain = "*.example.org" }, true },
	{ "and not the one above", { .domain = "*.a.example.org" }, false },
	{ "state", { .states = 1u << MSG_DEFERRED }, true },
	{ "one of two states",
	    { .states = 1u << MSG_HELD | 1u << MSG_DEFERRED }, true },
	{ "another state", { .states = 1u << MSG_ACTIVE }, false },
	{ "older", { .before_ms = 5001 }, true },
	{ "not older", { .before_ms = 5000 }, false },
	{ "younger", { .after_ms = 4999 }, true },
	{ "not younger", { .after_ms = 5000 }, false },
	{ "larger", { .larger = 2047 }, true },
	{ "not larger", { .larger = 2048 }, false },
	{ "smaller", { .smaller = 2049 }, true },
	{ "not smaller", { .smaller = 2048 }, false },
	{ "in the vault since", { .vaulted_ms = 1 }, false },
	{ "two that fit", { .sender = "news*", .reply = "full" }, true },
	{ "one of two", { .sender = "news*", .reply = "empty" }, false },
};

static void
what_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		struct selector *s = selector_create(&cases[i].selection);
		bool fits;

		print_message("%s\n", cases[i].name);
		fits = selector_sees(s, message.domain, message.arrival_ms,
			   message.size, message.state) &&
		    selector_wants(s, &message);
		assert_int_equal(fits, cases[i].fits);
		selector_destroy(&s);
		assert_null(s);
	}
}

/* Nothing is known of one but what the index has: who asks for more does not mean
 * it. */
static void
what_is_damaged(void **state)
{
	struct msg_view v = { .domain = "a.example.org",
		.sender = "",
		.client = "",
		.damaged = true };
	const struct selection by_client = { .client = "0.0.0.0/0" },
			       by_rcpt = { .rcpt = "*" },
			       by_reports = { .sender = "" },
			       by_sender = { .sender = "*" };
	const struct selection *const known[] = { &by_client, &by_rcpt,
		&by_reports, &by_sender };
	struct selector *s = selector_create(NULL);

	(void)state;
	assert_true(selector_wants(s, &v));
	selector_destroy(&s);
	for (size_t i = 0; i < MX_COUNT(known); i++) {
		s = selector_create(known[i]);
		assert_false(selector_wants(s, &v));
		selector_destroy(&s);
	}
}

static void
what_was_said(void **state)
{
	static const struct {
		unsigned code;
		const char *status, *reply, *said;
	} said[] = {
		{ 452, "4.2.2", "4.2.2 Mailbox full",
		    "452 4.2.2 Mailbox full" },
		{ 452, "4.2.2", "Mailbox full", "452 4.2.2 Mailbox full" },
		{ 451, "4.0.0", "later", "451 later" },
		{ 0, "4.4.1", "connection refused", "connection refused" },
		{ 0, "", "", "" },
	};
	char text[RCPT_SAID_MAX];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(said); i++) {
		struct rcpt_view r = { .code = said[i].code,
			.reply = said[i].reply };

		(void)strlcpy(r.status, said[i].status, sizeof(r.status));
		assert_string_equal(rcpt_said(&r, text), said[i].said);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits),
		cmocka_unit_test(what_is_damaged),
		cmocka_unit_test(what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
