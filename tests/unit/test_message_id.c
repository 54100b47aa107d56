/* SPDX-License-Identifier: ISC
 * test_message_id: the Message-ID of a header, however it is cut in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/message_id.h"

static const struct {
	const char *name, *content, *id;
} cases[] = {
	{ "plain", "Message-ID: <a@b>\r\n\r\n", "<a@b>" },
	{ "behind others, in whatever case",
	    "Received: x\r\n\tmessage-id: <no@b>\r\nMESSAGE-id:<a@b>\r\n\r\n",
	    "<a@b>" },
	{ "folded", "Message-ID:\r\n  <a@b>\r\n\r\n", "<a@b>" },
	{ "folded twice", "Message-ID:\r\n \r\n <a@b>\r\n\r\n", "<a@b>" },
	{ "blank before the colon", "Message-ID : <a@b>\r\n\r\n", "<a@b>" },
	{ "what stands behind it", "Message-ID: <a@b> (x)\r\n\r\n", "<a@b>" },
	{ "without brackets", "Message-ID: a@b\r\n\r\n", "a@b" },
	{ "the first counts", "Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n\r\n",
	    "<a@b>" },
	{ "empty, another field behind it",
	    "Message-ID:\r\nSubject: <a@b>\r\n\r\n", "" },
	{ "empty, and again behind it",
	    "Message-ID: \r\nMessage-ID: <c@d>\r\n\r\n", "<c@d>" },
	{ "empty, the last", "Message-ID:\r\n\r\n<a@b>\r\n", "" },
	{ "another name", "Message-IDs: <a@b>\r\nX-Message-ID: <a@b>\r\n\r\n",
	    "" },
	{ "in the body", "Subject: x\r\n\r\nMessage-ID: <a@b>\r\n", "" },
	{ "no header", "\r\nMessage-ID: <a@b>\r\n", "" },
	{ "nothing", "", "" },
};

static void
test_cases(void **state)
{
	struct message_id m;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		size_t len = strlen(cases[i].content);

		for (size_t piece = 1; piece <= len + 1; piece++) {
			message_id_init(&m);
			for (size_t at = 0; at < len; at += piece)
				message_id_feed(&m, cases[i].content + at,
				    len - at < piece ? len - at : piece);
			print_message("%s, %zu\n", cases[i].name, piece);
			assert_string_equal(m.text, cases[i].id);
		}
	}
}

static void
test_nothing_is_read_of_nothing(void **state)
{
	struct message_id m;

	(void)state;
	message_id_init(&m);
	message_id_feed(&m, NULL, 0);
	assert_string_equal(m.text, "");
}

static void
test_a_long_one_is_cut(void **state)
{
	char text[1000] = "Message-ID: <";
	struct message_id m;

	(void)state;
	memset(text + 13, 'a', sizeof(text) - 13);
	message_id_init(&m);
	message_id_feed(&m, text, sizeof(text));
	assert_int_equal(strlen(m.text), MESSAGE_ID_MAX);
	message_id_feed(&m, text, sizeof(text));
	assert_int_equal(strlen(m.text), MESSAGE_ID_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_nothing_is_read_of_nothing),
		cmocka_unit_test(test_a_long_one_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
