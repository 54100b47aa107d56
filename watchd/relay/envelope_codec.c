/* SPDX-License-Identifier: ISC
 * envelope_codec: the stored record of a part. Little-endian:
 *
 *	u8 version, the fixed fields in the order of struct envelope,
 *	the strings, u32 number of recipients, each recipient,
 *	u32 CRC-32 of everything before it.
 *
 * Version 2 has i64 extended_ms after the fixed fields. It is written only for
 * a part that has one, so that an older program reads all others.
 *
 * A string is u16 length and bytes; length 0xffff is NULL. Decoding trusts
 * nothing: the checksum detects a bad disk, the bounds our own mistakes, and an
 * unknown version is a newer program's record, which must not be touched. A
 * change of the layout is a new version and keeps the old reader. */
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "base/mem.h"
#include "relay/envelope.h"
#include "relay/le.h"

#define RECORD_VERSION	 1
#define RECORD_EXTENDED	 2
#define RECORD_MAX	 (32u << 20) /* 10000 recipients at their largest */
#define RECORD_STR_MAX	 1024
#define RECORD_STR_NULL	 0xffffu
#define RECORD_FIXED	 69 /* bytes up to the first string */
#define RECORD_RCPT_MIN	 16 /* the smallest recipient */
#define RECORD_CRC_BYTES 4

struct record_writer {
	struct buf *out;
	int rc;
};

static void
write_raw(struct record_writer *w, const void *data, size_t len)
{
	if (w->rc == 0)
		w->rc = buf_add(w->out, data, len);
}

static void
write_uint(struct record_writer *w, uint64_t v, size_t bytes)
{
	uint8_t raw[8];

	le_put(raw, v, bytes);
	write_raw(w, raw, bytes);
}

/* The same for a buffer written as a whole; returns the next position. */
static uint8_t *
put_uint(uint8_t *p, uint64_t v, size_t bytes)
{
	le_put(p, v, bytes);
	return p + bytes;
}

static void
write_str(struct record_writer *w, const char *s, size_t max)
{
	size_t len;

	if (s == NULL) {
		write_uint(w, RECORD_STR_NULL, 2);
		return;
	}
	len = strnlen(s, max + 1);
	if (len > max && w->rc == 0)
		w->rc = -MX_ETOOBIG;
	write_uint(w, len, 2);
	write_raw(w, s, len);
}

static void
write_rcpt(struct record_writer *w, const struct rcpt *r)
{
	uint8_t raw[RECORD_RCPT_MIN], *p = raw;

	write_str(w, r->mailbox, RECORD_STR_MAX);
	write_str(w, r->orcpt, RECORD_STR_MAX);
	p = put_uint(p, r->notify, 1);
	p = put_uint(p, r->state, 1);
	p = put_uint(p, r->reported, 1);
	p = put_uint(p, r->code, 2);
	p = put_uint(p, r->status.cls, 1);
	p = put_uint(p, r->status.subject, 2);
	p = put_uint(p, r->status.detail, 2);
	write_raw(w, raw, (size_t)(p - raw));
	write_str(w, r->reply, ENVELOPE_REPLY_MAX);
}

static void
write_envelope(struct record_writer *w, const struct envelope *e)
{
	uint8_t raw[RECORD_FIXED], *p = raw;
	uint32_t i;

	p = put_uint(p, e->extended_ms > 0 ? RECORD_EXTENDED : RECORD_VERSION,
	    1);
	p = put_uint(p, e->id, 8);
	p = put_uint(p, (uint64_t)e->arrival_ms, 8);
	p = put_uint(p, (uint64_t)e->due_ms, 8);
	p = put_uint(p, (uint64_t)e->last_try_ms, 8);
	p = put_uint(p, e->attempts, 4);
	p = put_uint(p, e->flags, 2);
	p = put_uint(p, e->warned, 1);
	p = put_uint(p, e->ret, 1);
	p = put_uint(p, e->body.segment, 8);
	p = put_uint(p, e->body.offset, 8);
	p = put_uint(p, e->body.len, 8);
	p = put_uint(p, e->body.crc, 4);
	MX_ASSERT(p == raw + sizeof(raw));
	write_raw(w, raw, sizeof(raw));
	if (e->extended_ms > 0)
		write_uint(w, (uint64_t)e->extended_ms, 8);
	write_str(w, e->domain, TEXT_DOMAIN_MAX - 1);
	write_str(w, e->sender, RECORD_STR_MAX);
	write_str(w, e->envid, RECORD_STR_MAX);
	write_str(w, e->helo, RECORD_STR_MAX);
	write_str(w, e->client, RECORD_STR_MAX);
	write_str(w, e->host, RECORD_STR_MAX);
	write_uint(w, e->nrcpts, 4);
	for (i = 0; i < e->nrcpts && w->rc == 0; i++)
		write_rcpt(w, &e->rcpts[i]);
}

int
envelope_encode(const struct envelope *e, struct buf *out)
{
	size_t start = out->len;
	struct record_writer w = { out, 0 };

	if (e->nrcpts > ENVELOPE_RCPT_MAX)
		return -MX_ETOOBIG;
	write_envelope(&w, e);
	if (w.rc == 0)
		write_uint(&w, crc_32(0, out->data + start, out->len - start),
		    4);
	if (w.rc == 0 && out->len - start > RECORD_MAX)
		w.rc = -MX_ETOOBIG;
	if (w.rc < 0) {
		out->len = start;
		if (out->data != NULL)
			out->data[start] = '\0';
	}
	return w.rc;
}

struct record_reader {
	const uint8_t *p;
	size_t left;
	unsigned version;
	bool bad; /* latched: later reads give 0 or NULL */
};

static uint64_t
read_uint(struct record_reader *r, size_t bytes)
{
	uint64_t v;

	if (r->bad || r->left < bytes) {
		r->bad = true;
		return 0;
	}
	v = le_get(r->p, bytes);
	r->p += bytes;
	r->left -= bytes;
	return v;
}

/* A string in place, not terminated; NULL: a NULL string, or bad. */
static const char *
read_span(struct record_reader *r, size_t max, bool may_be_null, size_t *len)
{
	const char *s;

	*len = (size_t)read_uint(r, 2);
	if (r->bad)
		return NULL;
	if (*len == RECORD_STR_NULL) {
		r->bad = !may_be_null;
		return NULL;
	}
	if (*len > max || *len > r->left || memchr(r->p, 0, *len) != NULL) {
		r->bad = true;
		return NULL;
	}
	s = (const char *)r->p;
	r->p += *len;
	r->left -= *len;
	return s;
}

static char *
read_str(struct record_reader *r, size_t max, bool may_be_null)
{
	size_t len;
	const char *s = read_span(r, max, may_be_null, &len);

	return s != NULL ? mem_strndup(s, len) : NULL;
}

static void
skip_str(struct record_reader *r, size_t max, bool may_be_null)
{
	size_t len;

	(void)read_span(r, max, may_be_null, &len);
}

/* The fields between the strings of a recipient. */
static void
read_rcpt_fixed(struct record_reader *r, struct rcpt *to)
{
	uint64_t reported;

	to->notify = (uint8_t)read_uint(r, 1);
	to->state = (uint8_t)read_uint(r, 1);
	reported = read_uint(r, 1);
	to->reported = reported == 1;
	to->code = (uint16_t)read_uint(r, 2);
	to->status.cls = (uint8_t)read_uint(r, 1);
	to->status.subject = (uint16_t)read_uint(r, 2);
	to->status.detail = (uint16_t)read_uint(r, 2);
	if (to->state > RCPT_EXPIRED || reported > 1)
		r->bad = true;
}

static void
read_rcpt(struct record_reader *r, struct rcpt *to)
{
	to->mailbox = read_str(r, RECORD_STR_MAX, false);
	to->orcpt = read_str(r, RECORD_STR_MAX, true);
	read_rcpt_fixed(r, to);
	to->reply = read_str(r, ENVELOPE_REPLY_MAX, true);
}

static void
read_fixed(struct record_reader *r, struct envelope *e)
{
	e->id = read_uint(r, 8);
	e->arrival_ms = (int64_t)read_uint(r, 8);
	e->due_ms = (int64_t)read_uint(r, 8);
	e->last_try_ms = (int64_t)read_uint(r, 8);
	e->attempts = (uint32_t)read_uint(r, 4);
	e->flags = (uint16_t)read_uint(r, 2);
	e->warned = (uint8_t)read_uint(r, 1);
	e->ret = (uint8_t)read_uint(r, 1);
	e->body.segment = read_uint(r, 8);
	e->body.offset = read_uint(r, 8);
	e->body.len = read_uint(r, 8);
	e->body.crc = (uint32_t)read_uint(r, 4);
	e->extended_ms =
	    r->version == RECORD_EXTENDED ? (int64_t)read_uint(r, 8) : 0;
	if (e->extended_ms < 0 || e->ret > RET_HDRS ||
	    e->body.offset > INT64_MAX ||
	    e->body.len > INT64_MAX - e->body.offset)
		r->bad = true;
}

static void
read_domain(struct record_reader *r, char *dst)
{
	size_t len;
	const char *s = read_span(r, TEXT_DOMAIN_MAX - 1, false, &len);

	if (s == NULL)
		return;
	memcpy(dst, s, len);
	dst[len] = '\0';
}

/* 0: bad, or none. */
static uint32_t
read_nrcpts(struct record_reader *r)
{
	uint32_t n = (uint32_t)read_uint(r, 4);

	if (n > ENVELOPE_RCPT_MAX || n > r->left / RECORD_RCPT_MIN)
		r->bad = true;
	return r->bad ? 0 : n;
}

static void
read_envelope(struct record_reader *r, struct envelope *e)
{
	uint32_t i, n;

	read_fixed(r, e);
	read_domain(r, e->domain);
	free(e->sender);
	e->sender = read_str(r, RECORD_STR_MAX, false);
	e->envid = read_str(r, RECORD_STR_MAX, true);
	e->helo = read_str(r, RECORD_STR_MAX, true);
	e->client = read_str(r, RECORD_STR_MAX, true);
	e->host = read_str(r, RECORD_STR_MAX, true);
	n = read_nrcpts(r);
	if (n == 0)
		return;
	e->rcpts = mem_array(n, sizeof(*e->rcpts));
	e->nrcpts = n;
	for (i = 0; i < n && !r->bad; i++)
		read_rcpt(r, &e->rcpts[i]);
}

/* Opens the record at its first field; checks checksum and version. */
static int
record_open(struct record_reader *r, const void *data, size_t len)
{
	*r = (struct record_reader){ data, len, 0, false };
	if (len < RECORD_FIXED + RECORD_CRC_BYTES || len > RECORD_MAX)
		return -MX_ECORRUPT;
	r->left -= RECORD_CRC_BYTES;
	if (crc_32(0, r->p, r->left) !=
	    le_get(r->p + r->left, RECORD_CRC_BYTES))
		return -MX_ECORRUPT;
	r->version = (unsigned)read_uint(r, 1);
	return r->version == RECORD_VERSION || r->version == RECORD_EXTENDED ?
	    0 :
	    -MX_ECORRUPT;
}

int
envelope_decode(const void *data, size_t len, struct envelope **out)
{
	struct record_reader r;
	struct envelope *e;

	*out = NULL;
	if (record_open(&r, data, len) != 0)
		return -MX_ECORRUPT;
	e = envelope_create();
	read_envelope(&r, e);
	if (r.bad || r.left != 0) {
		envelope_destroy(&e);
		return -MX_ECORRUPT;
	}
	*out = e;
	return 0;
}

/* ---- in brief */

static void
brief_fixed(const struct envelope *e, struct envelope_brief *out)
{
	out->id = e->id;
	out->arrival_ms = e->arrival_ms;
	out->due_ms = e->due_ms;
	out->extended_ms = e->extended_ms;
	out->size = e->body.len;
	out->attempts = e->attempts;
	out->flags = e->flags;
	out->warned = e->warned;
}

/* No result yet, or put off: such a part is indexed like any other. A refusal
 * that was not believed is a 5xx (552 is too many recipients). */
static bool
brief_rcpt(struct record_reader *r)
{
	struct rcpt rcpt;

	skip_str(r, RECORD_STR_MAX, false);
	skip_str(r, RECORD_STR_MAX, true);
	read_rcpt_fixed(r, &rcpt);
	skip_str(r, ENVELOPE_REPLY_MAX, true);
	return rcpt.state == RCPT_PENDING && rcpt.code / 100 != 5;
}

int
envelope_decode_brief(const void *data, size_t len, struct envelope_brief *out)
{
	struct envelope fixed;
	struct record_reader r;
	bool plain = true;

	out->env = NULL;
	if (record_open(&r, data, len) != 0)
		return -MX_ECORRUPT;
	read_fixed(&r, &fixed);
	brief_fixed(&fixed, out);
	read_domain(&r, out->domain);
	skip_str(&r, RECORD_STR_MAX, false); /* as in read_envelope() */
	for (unsigned i = 0; i < 4; i++)
		skip_str(&r, RECORD_STR_MAX, true);
	out->nrcpts = read_nrcpts(&r);
	for (uint32_t i = 0; i < out->nrcpts && !r.bad; i++)
		plain &= brief_rcpt(&r);
	if (r.bad || r.left != 0)
		return -MX_ECORRUPT;
	return plain && out->nrcpts > 0 ? 0 :
					  envelope_decode(data, len, &out->env);
}

void
envelope_brief(struct envelope *e, struct envelope_brief *out)
{
	brief_fixed(e, out);
	out->nrcpts = e->nrcpts;
	out->env = e;
	(void)strlcpy(out->domain, e->domain, sizeof(out->domain));
}
