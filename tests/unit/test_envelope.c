/* SPDX-License-Identifier: ISC
 * test_envelope: what goes into a record comes out of it, and nothing that
 * was changed, cut or made up does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/err.h"
#include "relay/envelope.h"
#include "relay/le.h"

#define ROUNDS 300

static uint32_t
pick(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

static char *
any_text(uint32_t *seed, size_t max, bool may_be_null)
{
	size_t i, len = pick(seed, (uint32_t)max + 1);
	char *s;

	if (may_be_null && pick(seed, 3) == 0)
		return NULL;
	s = calloc(len + 1, 1);
	assert_non_null(s);
	for (i = 0; i < len; i++)
		s[i] = (char)(1 + pick(seed, 255));
	return s;
}

static struct envelope *
any_envelope(uint32_t *seed)
{
	struct envelope *e = envelope_create();
	struct smtp_status st;
	struct rcpt *r;
	char *text, *reply;
	unsigned i, n = pick(seed, 20);

	e->id = (uint64_t)pick(seed, 1u << 24) << 32 | pick(seed, 1u << 24);
	text = any_text(seed, TEXT_DOMAIN_MAX - 1, false);
	(void)strlcpy(e->domain, text, sizeof(e->domain));
	free(text);
	free(e->sender);
	e->sender = any_text(seed, 320, false);
	e->envid = any_text(seed, 100, true);
	e->helo = any_text(seed, 255, true);
	e->client = any_text(seed, 60, true);
	e->host = any_text(seed, 300, true);
	e->arrival_ms = INT64_MAX - pick(seed, 1000);
	e->due_ms = -(int64_t)pick(seed, 1000);
	e->last_try_ms = pick(seed, 1000);
	e->attempts = pick(seed, 1u << 24);
	e->extended_ms = pick(seed, 2) == 0 ? 0 : pick(seed, 1u << 24);
	e->flags = (uint16_t)pick(seed, 16);
	e->warned = (uint8_t)pick(seed, 256);
	e->ret = (uint8_t)pick(seed, 3);
	e->body = (struct body_ref){ pick(seed, 1u << 20), pick(seed, 1u << 20),
		pick(seed, 1u << 20), pick(seed, 1u << 24) };
	for (i = 0; i < n; i++) {
		text = any_text(seed, 320, false);
		r = envelope_add_rcpt(e, text);
		free(text);
		r->orcpt = any_text(seed, 500, true);
		r->notify = (uint8_t)pick(seed, 32);
		r->reported = pick(seed, 2) == 1;
		st = (struct smtp_status){ (uint8_t)pick(seed, 6),
			(uint16_t)pick(seed, 1000),
			(uint16_t)pick(seed, 1000) };
		reply = any_text(seed, ENVELOPE_REPLY_MAX, true);
		rcpt_set(r, pick(seed, 4), (uint16_t)pick(seed, 600), &st,
		    reply);
		free(reply);
	}
	return e;
}

static void
same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_true(a == b);
	else
		assert_string_equal(a, b);
}

static void
same(const struct envelope *a, const struct envelope *b)
{
	uint32_t i;

	assert_true(a->id == b->id && a->arrival_ms == b->arrival_ms &&
	    a->due_ms == b->due_ms && a->last_try_ms == b->last_try_ms &&
	    a->extended_ms == b->extended_ms && a->attempts == b->attempts &&
	    a->flags == b->flags && a->warned == b->warned && a->ret == b->ret);
	assert_memory_equal(&a->body, &b->body, 3 * sizeof(uint64_t));
	assert_int_equal(a->body.crc, b->body.crc);
	same_text(a->domain, b->domain);
	same_text(a->sender, b->sender);
	same_text(a->envid, b->envid);
	same_text(a->helo, b->helo);
	same_text(a->client, b->client);
	same_text(a->host, b->host);
	assert_int_equal(a->nrcpts, b->nrcpts);
	for (i = 0; i < a->nrcpts; i++) {
		const struct rcpt *x = &a->rcpts[i], *y = &b->rcpts[i];

		same_text(x->mailbox, y->mailbox);
		same_text(x->orcpt, y->orcpt);
		same_text(x->reply, y->reply);
		assert_true(x->notify == y->notify && x->state == y->state &&
		    x->reported == y->reported && x->code == y->code &&
		    x->status.cls == y->status.cls &&
		    x->status.subject == y->status.subject &&
		    x->status.detail == y->status.detail);
	}
}

/* Read in brief a record says what the whole says, and is refused when that is;
 * NULL: it was. The whole comes along when an index has to look into it. */
static void
brief_agrees(const struct buf *b, size_t from, struct envelope *e)
{
	struct envelope_brief brief, want;
	bool plain = true;

	assert_int_equal(
	    envelope_decode_brief(b->data + from, b->len - from, &brief),
	    e != NULL ? 0 : -MX_ECORRUPT);
	if (e == NULL) {
		assert_null(brief.env);
		return;
	}
	envelope_brief(e, &want);
	assert_ptr_equal(want.env, e);
	assert_int_equal(brief.id, want.id);
	assert_int_equal(brief.size, want.size);
	assert_int_equal(brief.arrival_ms, want.arrival_ms);
	assert_int_equal(brief.due_ms, want.due_ms);
	assert_int_equal(brief.extended_ms, want.extended_ms);
	assert_int_equal(brief.attempts, want.attempts);
	assert_int_equal(brief.flags, want.flags);
	assert_int_equal(brief.warned, want.warned);
	assert_int_equal(brief.nrcpts, want.nrcpts);
	assert_string_equal(brief.domain, want.domain);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		plain &= e->rcpts[i].state == RCPT_PENDING &&
		    e->rcpts[i].code / 100 != 5;
	assert_int_equal(brief.env == NULL, plain && e->nrcpts > 0);
	if (brief.env != NULL)
		same(e, brief.env);
	envelope_destroy(&brief.env);
}

static void
test_round_trip(void **state)
{
	uint32_t seed = 1;
	unsigned i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		struct envelope *e = any_envelope(&seed), *back, *copy;
		struct buf b = BUF_INIT(64u << 20);

		assert_int_equal(buf_adds(&b, "before"), 0);
		assert_int_equal(envelope_encode(e, &b), 0);
		assert_int_equal(envelope_decode(b.data + 6, b.len - 6, &back),
		    0);
		same(e, back);
		brief_agrees(&b, 6, e);
		for (uint32_t n = 0; n < e->nrcpts; n++) {
			e->rcpts[n].state = RCPT_PENDING;
			e->rcpts[n].code = (uint16_t)(n * 50);
		}
		b.len = 0; /* put off; refused in part */
		assert_int_equal(envelope_encode(e, &b), 0);
		brief_agrees(&b, 0, e);
		copy = envelope_copy(back);
		same(back, copy);
		envelope_destroy(&e);
		envelope_destroy(&back);
		envelope_destroy(&copy);
		assert_null(copy);
		buf_fini(&b);
	}
}

/* Any flipped bit and any other length are found by the checksum. */
static void
test_damage(void **state)
{
	uint32_t seed = 7;
	struct envelope *e = any_envelope(&seed), *back;
	struct buf b = BUF_INIT(1u << 20);
	size_t i;

	(void)state;
	assert_int_equal(envelope_encode(e, &b), 0);
	for (i = 0; i < b.len; i++) {
		b.data[i] ^= (char)(1 << (i % 8));
		assert_int_equal(envelope_decode(b.data, b.len, &back),
		    -MX_ECORRUPT);
		assert_null(back);
		b.data[i] ^= (char)(1 << (i % 8));
		assert_int_equal(envelope_decode(b.data, i, &back),
		    -MX_ECORRUPT);
	}
	assert_int_equal(envelope_decode(b.data, b.len, &back), 0);
	envelope_destroy(&back);
	envelope_destroy(&e);
	buf_fini(&b);
}

static void
sum(struct buf *b)
{
	uint32_t crc = (uint32_t)crc32_z(0, (Bytef *)b->data, b->len - 4);

	le_put((uint8_t *)b->data + b->len - 4, crc, 4);
}

/* What a checksum cannot find: records that hold together but are wrong. The
 * bounds must find it, whatever the byte; a change of a free field is fine. */
static void
test_structure(void **state)
{
	uint32_t seed = 11;
	struct envelope *e = any_envelope(&seed), *back;
	struct buf b = BUF_INIT(1u << 20);
	size_t i;
	int rc;

	(void)state;
	assert_int_equal(envelope_encode(e, &b), 0);
	for (i = 0; i < b.len - 4; i++) {
		char was = b.data[i];

		b.data[i] = (char)0xff;
		sum(&b);
		rc = envelope_decode(b.data, b.len, &back);
		assert_true(rc == 0 || rc == -MX_ECORRUPT);
		assert_true(i != 0 || rc == -MX_ECORRUPT); /* the version */
		brief_agrees(&b, 0, back);
		envelope_destroy(&back);
		b.data[i] = was;
	}
	assert_int_equal(buf_adds(&b, "x"), 0); /* bytes that nobody knows */
	sum(&b);
	assert_int_equal(envelope_decode(b.data, b.len, &back), -MX_ECORRUPT);
	envelope_destroy(&e);
	buf_fini(&b);
}

static void
test_caps(void **state)
{
	struct envelope *e = envelope_create();
	struct buf b = BUF_INIT(64u << 20), tiny = BUF_INIT(40);
	char text[2000];
	unsigned i;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(envelope_encode(e, &tiny), -MX_ETOOBIG);
	assert_int_equal(tiny.len, 0);
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++)
		(void)envelope_add_rcpt(e, "user@example.org");
	assert_int_equal(envelope_encode(e, &b), 0);
	assert_int_equal(envelope_count(e, RCPT_PENDING), ENVELOPE_RCPT_MAX);
	buf_clear(&b);
	rcpt_set(&e->rcpts[3], RCPT_FAILED, 550, NULL, text);
	assert_int_equal(strlen(e->rcpts[3].reply), ENVELOPE_REPLY_MAX);
	assert_int_equal(envelope_encode(e, &b), 0);
	assert_int_equal(envelope_count(e, RCPT_FAILED), 1);
	/* the cut is not in the middle of a character */
	memcpy(text + ENVELOPE_REPLY_MAX - 1, "\xc3\xa4", 2);
	rcpt_set(&e->rcpts[3], RCPT_FAILED, 550, NULL, text);
	assert_int_equal(strlen(e->rcpts[3].reply), ENVELOPE_REPLY_MAX - 1);
	/* its own text, again */
	rcpt_set(&e->rcpts[3], RCPT_EXPIRED, 0, NULL, e->rcpts[3].reply);
	assert_int_equal(strlen(e->rcpts[3].reply), ENVELOPE_REPLY_MAX - 1);
	free(e->helo);
	e->helo = strdup(text);
	buf_clear(&b);
	assert_int_equal(envelope_encode(e, &b), -MX_ETOOBIG);
	assert_int_equal(b.len, 0);
	envelope_destroy(&e);
	buf_fini(&b);
	buf_fini(&tiny);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
