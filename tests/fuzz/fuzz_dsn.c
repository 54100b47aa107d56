/* SPDX-License-Identifier: ISC
 * Notifications made of arbitrary envelope fields, replies and originals:
 * whatever they hold, the output is CRLF lines of at most 998 octets, its
 * header has our fields only, and the original is the only thing in it that
 * is not ASCII (besides To). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/deliver/dsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct reader {
	const uint8_t *p;
	size_t left;
};

static unsigned
byte(struct reader *r)
{
	if (r->left == 0)
		return 0;
	r->left--;
	return *r->p++;
}

/* Up to the next line feed escaped as 0xfe, or so many bytes. */
static char *
string(struct reader *r, size_t max)
{
	const uint8_t *end = memchr(r->p, 0xfe, r->left);
	size_t n = end != NULL ? (size_t)(end - r->p) : r->left;
	char *s;

	if (n > max)
		n = max;
	s = mem_strndup((const char *)r->p, n);
	r->p += n;
	r->left -= n;
	(void)byte(r);
	return s;
}

static struct envelope *
read_envelope(struct reader *r)
{
	struct envelope *env = envelope_create();
	unsigned n = byte(r) % 5, i;
	struct rcpt *rc;
	char *s;

	free(env->sender);
	env->sender = string(r, 320);
	env->envid = string(r, 100);
	env->host = string(r, 300);
	env->ret = (uint8_t)(byte(r) % 3);
	env->arrival_ms = INT64_C(1795365720000);
	env->last_try_ms = byte(r) * INT64_C(1000);
	for (i = 0; i < n; i++) {
		s = string(r, 320);
		rc = envelope_add_rcpt(env, s);
		free(s);
		rc->orcpt = string(r, 511);
		s = string(r, 600);
		rcpt_set(rc, (enum rcpt_state)(byte(r) % 4),
		    (uint16_t)(byte(r) * 3),
		    &(struct smtp_status){ (uint8_t)(byte(r) % 6),
			(uint16_t)byte(r), (uint16_t)byte(r) },
		    s);
		free(s);
		rc->notify = (uint8_t)(byte(r) & 31);
	}
	return env;
}

static void
check(const struct buf *out)
{
	static const char *const ours[] = { "From", "To", "Subject", "Date",
		"Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
		"Content-Transfer-Encoding" };
	unsigned seen[MX_COUNT(ours)] = { 0 };
	bool header = true;
	size_t i, k, start = 0;

	for (i = 0; i < out->len; i++) {
		MX_ASSERT(out->data[i] != '\0');
		if (out->data[i] == '\r')
			MX_ASSERT(i + 1 < out->len && out->data[i + 1] == '\n');
		if (out->data[i] != '\n')
			continue;
		MX_ASSERT(i > start && out->data[i - 1] == '\r');
		MX_ASSERT(i - 1 - start <= 998);
		if (i - 1 == start)
			header = false;
		if (header && out->data[start] != ' ' &&
		    out->data[start] != '\t') {
			for (k = 0; k < MX_COUNT(ours); k++)
				if (strncmp(out->data + start, ours[k],
					strlen(ours[k])) == 0 &&
				    out->data[start + strlen(ours[k])] == ':')
					break;
			MX_ASSERT(k < MX_COUNT(ours));
			MX_ASSERT(seen[k]++ == 0);
		}
		start = i + 1;
	}
	MX_ASSERT(start == out->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { data, size };
	struct buf out = BUF_INIT(16u << 20);
	struct dsn_input in = { .reporting_mta = "mx2.example.net",
		.from = "postmaster@mx2.example.net",
		.now = 1795370000,
		.id = 0x100,
		.boundary = 1 };
	struct envelope *env;
	unsigned flags = byte(&r);

	env = read_envelope(&r);
	in.env = env;
	in.action = (flags & 1) != 0 ? DSN_DELAYED :
	    (flags & 64) != 0	     ? DSN_RELAYED :
				       DSN_FAILED;
	in.body_whole = (flags & 2) != 0;
	in.retry_until = (flags & 4) != 0 ? 1795370000 : 0;
	in.body_max = (flags & 8) != 0 ? 40 : 50000;
	in.body = (const char *)r.p;
	in.body_len = r.left;
	MX_ASSERT(dsn_owed(env, in.action) <= env->nrcpts);
	MX_ASSERT(dsn_write(&in, &out) == 0);
	check(&out);
	buf_fini(&out);
	envelope_destroy(&env);
	return 0;
}
