/* SPDX-License-Identifier: ISC
 * test_control_content: what is in a message, over the socket and back: pieces of any
 * length, for whom it is, what is damaged, and lines behind a request that lie, stall
 * or end early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "control/content.h"
#include "control_world.h"
#include "status/json.h"

/* All of "data" in the answer. */
static void
collect(const char *answer, struct buf *out)
{
	char *data;
	size_t len;
	cJSON *o;

	buf_init(out, 1 << 20);
	while (*answer != '\0') {
		o = cJSON_ParseWithOpts(answer, &answer, false);
		assert_non_null(o);
		data = base64_bytes(json_get_text(o, "data"), &len);
		assert_non_null(data);
		assert_int_equal(buf_add(out, data, len), 0);
		mem_free(&data);
		cJSON_Delete(o);
		answer += *answer == '\n';
	}
}

static void
assert_shown(const char *how, const char *data, size_t len)
{
	char *request =
	    mem_printf("{\"verb\":\"show\",\"id\":\"6A3\",\"%s\":true}", how);
	struct peer p;
	struct buf got;

	collect(ask(&p, request), &got);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, data, len);
	buf_fini(&got);
	peer_close(&p);
	mem_free(&request);
}

/* The empty line behind the header lies at the edge of a piece, and around it. */
static void
content_is_split(void **state)
{
	static const char empty[] = "\r\n\r\n";
	size_t header;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		buf_clear(&fake.content);
		for (size_t n = 0; n < CONTENT_PIECE - 4 + i; n++)
			assert_int_equal(buf_add(&fake.content, "h", 1), 0);
		assert_int_equal(buf_add(&fake.content, empty, 4), 0);
		header = fake.content.len;
		assert_int_equal(buf_adds(&fake.content, "the\r\n\r\nbody"), 0);
		assert_shown("raw", fake.content.data, fake.content.len);
		assert_shown("headers", fake.content.data, header);
		assert_shown("body", fake.content.data + header, 11);
	}
	/* of one that is nothing but a header, and one without any */
	buf_clear(&fake.content);
	assert_int_equal(buf_adds(&fake.content, "h: v\r\n"), 0);
	assert_shown("headers", "h: v\r\n", 6);
	assert_int_equal(fake.content.len, 6);
	buf_clear(&fake.content);
	assert_int_equal(buf_adds(&fake.content, "\nbody"), 0);
	assert_shown("headers", "\n", 1);
	assert_shown("body", "body", 4);
}

static void
content_is_damaged(void **state)
{
	struct peer p;

	(void)state;
	assert_int_equal(buf_adds(&fake.content, "h: v\r\n\r\nbody"), 0);
	fake.content_rots = 1;
	assert_has(ask(&p, "{\"verb\":\"show\",\"id\":\"6A3\",\"raw\":true}"),
	    "\"rc\":1,\"error\":\"6A3: the stored message is damaged");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"export\",\"domain\":\"example.org\"}"),
	    "\"body\":\"damaged\"}");
	peer_close(&p);
	fake.content_rots = 0;
	fake.content_rc = -MX_ENOENT;
	assert_has(ask(&p, "{\"verb\":\"show\",\"id\":\"6A3\",\"raw\":true}"),
	    "the message has left the queue meanwhile");
	peer_close(&p);
	assert_has(ask(&p, "{\"verb\":\"export\",\"domain\":\"example.org\"}"),
	    "\"rc\":1,\"error\":\"no queued message matches\"");
	peer_close(&p);
}

static void
content_is_hidden(void **state)
{
	static const char *const requests[] = {
		"{\"verb\":\"show\",\"id\":\"6A3\",\"headers\":true}",
		"{\"verb\":\"export\",\"all\":true}",
		"{\"verb\":\"import\"}",
	};
	struct peer p;

	(void)state;
	fake.content_hidden = true;
	for (size_t i = 0; i < MX_COUNT(requests); i++) {
		assert_has(ask(&p, requests[i]), "(control_content)");
		peer_close(&p);
	}
	assert_has(ask(&p, "{\"verb\":\"show\",\"id\":\"6A3\"}"), "\"rc\":0");
	peer_close(&p);
}

static void
copies_are_made(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	assert_int_equal(buf_adds(&fake.content, "h: v\r\n\r\nbody"), 0);
	fake.list_rcpts = true;
	answer = ask(&p, "{\"verb\":\"export\",\"all\":true}");
	assert_int_equal(count(answer, "\"envelope\":{"), 4);
	assert_int_equal(count(answer, "\"body\":\"whole\"}"), 4);
	assert_has(answer,
	    "{\"id\":\"6A1.1\",\"envelope\":{\"id\":\"6A1.1\","
	    "\"sender\":\"a@sender.example\",\"domain\":"
	    "\"dsn.example\",\"recipients\":[{\"address\":");
	assert_has(answer,
	    "\"rc\":0,\"messages\":4,\"bytes\":48,\"damaged\":0}");
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"export\",\"id\":\"6A1\"}");
	assert_int_equal(count(answer, "\"envelope\":{"), 2);
	peer_close(&p);
	answer = ask(&p, "{\"verb\":\"export\",\"id\":\"6A1.1\"}");
	assert_int_equal(count(answer, "\"envelope\":{"), 1);
	peer_close(&p);
}

/* ---- import */

#define REQUEST "{\"verb\":\"import\"}\n"
#define ENVELOPE                                                               \
	"{\"envelope\":{\"sender\":\"s@sender.example\",\"helo\":\"h\"}}\n"
#define RCPT "{\"recipients\":[{\"address\":\"user@example.org\"}]}\n"
#define DATA "{\"data\":\"Zm9v\"}\n"
#define END  "{\"size\":6}\n"

static const struct {
	const char *lines, *has;
} brought[] = {
	{ REQUEST ENVELOPE RCPT DATA DATA END,
	    "{\"done\":true,\"rc\":0,\"id\":\"6B1\",\"bytes\":6}" },
	{ REQUEST "{\"envelope\":{\"sender\":\"\"}}\n" RCPT DATA DATA END,
	    "\"rc\":0" },
	{ REQUEST ENVELOPE RCPT DATA END, "is not the announced one" },
	{ REQUEST ENVELOPE RCPT "{\"size\":0}\n", "is not the announced one" },
	{ REQUEST RCPT, "the envelope must come before" },
	{ REQUEST ENVELOPE ENVELOPE, "was sent twice" },
	{ REQUEST ENVELOPE DATA, "the recipients must come before" },
	{ REQUEST "{\"envelope\":{\"sender\":\"x y\"}}\n", "is not a sender" },
	{ REQUEST "{\"envelope\":{}}\n", "is not a sender" },
	{ REQUEST ENVELOPE "{\"recipients\":[{\"address\":\"x\"}]}\n",
	    "is not a recipient address" },
	{ REQUEST ENVELOPE
	    "{\"recipients\":[{\"address\":\"x@example.org\"}]}\n",
	    "RCPT would be answered 550 5.1.1" },
	{ REQUEST ENVELOPE RCPT "{\"data\":\"Zm9\"}\n", "was not accepted" },
	{ REQUEST "{\"what\":1}\n", "import does not know" },
	{ REQUEST "nonsense\n", "import does not know" },
};

static const char *
say(struct peer *p, const char *lines, size_t piece)
{
	size_t n = strlen(lines), k;

	peer_open(p);
	for (; n > 0; lines += k, n -= k) {
		k = n < piece ? n : piece;
		peer_say(p, lines, k);
		if (piece < 100)
			idle(1);
	}
	return peer_wait(p);
}

static void
copies_are_brought(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(brought); i++) {
		unsigned before = fake.intakes;

		print_message("%s", brought[i].lines);
		assert_has(say(&p, brought[i].lines, 1 << 20), brought[i].has);
		assert_int_equal(fake.intakes, before); /* none is left */
		peer_close(&p);
	}
	assert_has(say(&p, brought[0].lines, 13), "\"id\":\"6B1\"");
	assert_string_equal(buf_str(&fake.came), "foofoo");
	assert_string_equal(fake.last,
	    "import from=s@sender.example to=user@example.org n=1");
	peer_close(&p);
	fake.commit_rc = -MX_EFULL;
	assert_has(say(&p, brought[0].lines, 1 << 20), "\"rc\":1");
	peer_close(&p);
}

/* The disk is slow: nothing more is read until there is room. */
static void
copies_wait_for_room(void **state)
{
	struct peer p;

	(void)state;
	fake.congested = fake.mute = true;
	peer_open(&p);
	peer_say(&p, brought[0].lines, strlen(brought[0].lines));
	idle(50);
	assert_string_equal(buf_str(&fake.came), "foo");
	fake.mute = false;
	fake_answer(&fake);
	assert_has(peer_wait(&p), "\"id\":\"6B1\"");
	assert_string_equal(buf_str(&fake.came), "foofoo");
	peer_close(&p);
}

/* Who leaves in the middle leaves nothing behind. */
static void
copies_are_dropped(void **state)
{
	static const char half[] = REQUEST ENVELOPE RCPT DATA;
	struct peer p;

	(void)state;
	peer_open(&p);
	peer_say(&p, half, sizeof(half) - 1);
	for (unsigned i = 0; i < 200 && fake.came.len == 0; i++)
		idle(10);
	assert_int_equal(fake.intakes, 1);
	peer_close(&p);
	for (unsigned i = 0; i < 500 && fake.intakes > 0; i++)
		idle(10);
	assert_int_equal(fake.intakes, 0);
	assert_string_equal(fake.did, "import   1");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(content_is_split),
		TEST(content_is_damaged),
		TEST(content_is_hidden),
		TEST(copies_are_made),
		TEST(copies_are_brought),
		TEST(copies_wait_for_room),
		TEST(copies_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
