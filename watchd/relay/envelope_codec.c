/* SPDX-License-Identifier: ISC
 * envelope_codec: the record that the store keeps of a part. Little-endian:
 *
 *	u8 version, the fixed fields in the order of struct envelope,
 *	the strings, u32 number of recipients, each recipient,
 *	u32 CRC-32 of everything before it.
 *
 * A string is u16 length and bytes; length 0xffff is NULL. Decoding trusts
 * nothing: the checksum finds a bad disk, the bounds find our own mistakes,
 * and an unknown version is a newer program's record, which we must not
 * touch. A change of the layout is a new version and keeps the old reader. */
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "base/mem.h"
#include "relay/envelope.h"
#include "relay/le.h"

#define RECORD_VERSION	 1
#define RECORD_MAX	 (32u << 20) /* 10000 recipients with all they have */
#define RECORD_STR_MAX	 1024
#define RECORD_STR_NULL	 0xffffu
#define RECORD_FIXED	 69 /* bytes up to the first string */
#define RECORD_RCPT_MIN	 16 /* the least that a recipient takes */
#define RECORD_CRC_BYTES 4

struct record_writer {
	struct buf *out;
	int rc;
};

static void
write_uint(struct record_writer *w, uint64_t v, size_t bytes)
{
	uint8_t raw[8];

	le_put(raw, v, bytes);
	if (w->rc == 0)
		w->rc = buf_add(w->out, raw, bytes);
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
	if (w->rc == 0)
		w->rc = buf_add(w->out, s, len);
}

static void
write_rcpt(struct record_writer *w, const struct rcpt *r)
{
	write_str(w, r->mailbox, RECORD_STR_MAX);
	write_str(w, r->orcpt, RECORD_STR_MAX);
	write_uint(w, r->notify, 1);
	write_uint(w, r->state, 1);
	write_uint(w, r->reported, 1);
	write_uint(w, r->code, 2);
	write_uint(w, r->status.cls, 1);
	write_uint(w, r->status.subject, 2);
	write_uint(w, r->status.detail, 2);
	write_str(w, r->reply, ENVELOPE_REPLY_MAX);
}

static void
write_envelope(struct record_writer *w, const struct envelope *e)
{
	uint32_t i;

	write_uint(w, RECORD_VERSION, 1);
	write_uint(w, e->id, 8);
	write_uint(w, (uint64_t)e->arrival_ms, 8);
	write_uint(w, (uint64_t)e->due_ms, 8);
	write_uint(w, (uint64_t)e->last_try_ms, 8);
	write_uint(w, e->attempts, 4);
	write_uint(w, e->flags, 2);
	write_uint(w, e->warned, 1);
	write_uint(w, e->ret, 1);
	write_uint(w, e->body.segment, 8);
	write_uint(w, e->body.offset, 8);
	write_uint(w, e->body.len, 8);
	write_uint(w, e->body.crc, 4);
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
	bool bad; /* latched: everything read after it is 0 or NULL */
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

static char *
read_str(struct record_reader *r, size_t max, bool may_be_null)
{
	size_t len = (size_t)read_uint(r, 2);
	char *s;

	if (r->bad)
		return NULL;
	if (len == RECORD_STR_NULL) {
		r->bad = !may_be_null;
		return NULL;
	}
	if (len > max || len > r->left || memchr(r->p, 0, len) != NULL) {
		r->bad = true;
		return NULL;
	}
	s = mem_strndup((const char *)r->p, len);
	r->p += len;
	r->left -= len;
	return s;
}

static void
read_rcpt(struct record_reader *r, struct rcpt *to)
{
	uint64_t reported;

	to->mailbox = read_str(r, RECORD_STR_MAX, false);
	to->orcpt = read_str(r, RECORD_STR_MAX, true);
	to->notify = (uint8_t)read_uint(r, 1);
	to->state = (uint8_t)read_uint(r, 1);
	reported = read_uint(r, 1);
	to->reported = reported == 1;
	to->code = (uint16_t)read_uint(r, 2);
	to->status.cls = (uint8_t)read_uint(r, 1);
	to->status.subject = (uint16_t)read_uint(r, 2);
	to->status.detail = (uint16_t)read_uint(r, 2);
	to->reply = read_str(r, ENVELOPE_REPLY_MAX, true);
	if (to->state > RCPT_EXPIRED || reported > 1)
		r->bad = true;
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
	if (e->ret > RET_HDRS || e->body.offset > INT64_MAX ||
	    e->body.len > INT64_MAX - e->body.offset)
		r->bad = true;
}

static void
read_envelope(struct record_reader *r, struct envelope *e)
{
	uint32_t i, n;
	char *domain;

	read_fixed(r, e);
	domain = read_str(r, TEXT_DOMAIN_MAX - 1, false);
	if (domain != NULL)
		(void)strlcpy(e->domain, domain, sizeof(e->domain));
	free(domain);
	free(e->sender);
	e->sender = read_str(r, RECORD_STR_MAX, false);
	e->envid = read_str(r, RECORD_STR_MAX, true);
	e->helo = read_str(r, RECORD_STR_MAX, true);
	e->client = read_str(r, RECORD_STR_MAX, true);
	e->host = read_str(r, RECORD_STR_MAX, true);
	n = (uint32_t)read_uint(r, 4);
	if (n > ENVELOPE_RCPT_MAX || n > r->left / RECORD_RCPT_MIN)
		r->bad = true;
	if (r->bad || n == 0)
		return;
	e->rcpts = mem_array(n, sizeof(*e->rcpts));
	e->nrcpts = n;
	for (i = 0; i < n && !r->bad; i++)
		read_rcpt(r, &e->rcpts[i]);
}

int
envelope_decode(const void *data, size_t len, struct envelope **out)
{
	struct record_reader r = { data, len, false };
	struct envelope *e;

	*out = NULL;
	if (len < RECORD_FIXED + RECORD_CRC_BYTES || len > RECORD_MAX)
		return -MX_ECORRUPT;
	r.left -= RECORD_CRC_BYTES;
	if (crc_32(0, r.p, r.left) != le_get(r.p + r.left, RECORD_CRC_BYTES))
		return -MX_ECORRUPT;
	if (read_uint(&r, 1) != RECORD_VERSION)
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
