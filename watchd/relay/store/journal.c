/* SPDX-License-Identifier: ISC
 * journal: see journal.h. No length is trusted before its checksum was
 * verified. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/journal.h"

#define CHUNK 65536u

static const char journal_magic[] = "mxwlog 1";

static uint32_t
crc_of(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc_32(crc, data, len);
}

static uint64_t
body_here(const struct journal_record *r, uint64_t segment)
{
	return r->body.segment == segment ? r->body.len : 0;
}

uint64_t
journal_size(const struct journal_record *r, uint64_t segment)
{
	return JOURNAL_RECORD + body_here(r, segment) + r->len;
}

void
journal_put_head(uint8_t dst[JOURNAL_HEAD], uint64_t segment, uint64_t first)
{
	memset(dst, 0, JOURNAL_HEAD);
	memcpy(dst, journal_magic, 8);
	le_put(dst + 8, segment, 8);
	le_put(dst + 16, first, 8);
	le_put(dst + JOURNAL_HEAD - 4, crc_of(0, dst, JOURNAL_HEAD - 4), 4);
}

void
journal_put(uint8_t dst[JOURNAL_RECORD], const struct journal_record *r,
    uint64_t salt)
{
	le_put(dst, salt, 8);
	le_put(dst + 8, r->seq, 8);
	le_put(dst + 16, r->durable, 8);
	le_put(dst + 24, r->id, 8);
	le_put(dst + 32, r->body.segment, 8);
	le_put(dst + 40, r->body.len, 8);
	le_put(dst + 48, r->body.crc, 4);
	le_put(dst + 52, r->len, 4);
	le_put(dst + 56, crc_of(0, r->rest, r->len), 4);
	le_put(dst + 60, r->nparts, 2);
	dst[62] = r->kind;
	dst[63] = 0;
	le_put(dst + 64, crc_of(0, dst, 64), 4);
}

/* Reads all of it, or -MX_ECORRUPT: the file ends before. */
static int
read_all(const struct journal_file *f, uint64_t offset, void *dst, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (offset > f->size || len > f->size - offset)
		return -MX_ECORRUPT;
	while (done < len) {
		n = pread(f->fd, (char *)dst + done, len - done,
		    (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -MX_EIO;
		if (n == 0)
			return -MX_ECORRUPT;
		done += (size_t)n;
	}
	return 0;
}

int
journal_head(const struct journal_file *f, uint64_t *first)
{
	uint8_t raw[JOURNAL_HEAD];
	int rc = read_all(f, 0, raw, sizeof(raw));

	if (rc < 0)
		return rc;
	if (memcmp(raw, journal_magic, 8) != 0 ||
	    le_get(raw + 8, 8) != f->number ||
	    le_get(raw + JOURNAL_HEAD - 4, 4) !=
		crc_of(0, raw, JOURNAL_HEAD - 4))
		return -MX_ECORRUPT;
	*first = le_get(raw + 16, 8);
	return 0;
}

/* False when it is invalid, or belongs to another spool. */
static bool
parse(const struct journal_file *f, const uint8_t *raw, uint64_t offset,
    struct journal_record *r, uint32_t *crc)
{
	if (le_get(raw, 8) != f->salt ||
	    le_get(raw + 64, 4) != crc_of(0, raw, 64))
		return false;
	*r = (struct journal_record){
		.seq = le_get(raw + 8, 8),
		.durable = le_get(raw + 16, 8),
		.id = le_get(raw + 24, 8),
		.body = { .segment = le_get(raw + 32, 8),
		    .len = le_get(raw + 40, 8),
		    .crc = (uint32_t)le_get(raw + 48, 4) },
		.len = (size_t)le_get(raw + 52, 4),
		.nparts = (unsigned)le_get(raw + 60, 2),
		.kind = raw[62],
	};
	*crc = (uint32_t)le_get(raw + 56, 4);
	if (r->body.segment == f->number) {
		r->body.offset = offset + JOURNAL_RECORD;
		if (r->body.len > JOURNAL_BODY_MAX)
			return false;
	}
	return r->seq != 0 && r->seq != UINT64_MAX &&
	    r->kind >= JOURNAL_COMMIT && r->kind <= JOURNAL_NOTHING &&
	    r->len <= JOURNAL_REST_MAX && r->nparts <= ENVELOPE_PART_MAX;
}

static int
body_holds(const struct journal_file *f, const struct body_ref *b)
{
	char data[CHUNK];
	uint64_t done = 0;
	uint32_t crc = 0;
	size_t n;
	int rc;

	while (done < b->len) {
		n = b->len - done < CHUNK ? (size_t)(b->len - done) : CHUNK;
		if ((rc = read_all(f, b->offset + done, data, n)) < 0)
			return rc;
		crc = crc_of(crc, data, n);
		done += n;
	}
	return crc == b->crc ? 0 : -MX_ECORRUPT;
}

static int
read_rest(const struct journal_file *f, uint64_t at, struct journal_record *r,
    uint32_t crc, struct buf *buf)
{
	char data[CHUNK];
	size_t n;
	int rc;

	buf_clear(buf);
	if (at > f->size || r->len > f->size - at)
		return -MX_ECORRUPT;
	while (buf->len < r->len) {
		n = r->len - buf->len < CHUNK ? r->len - buf->len : CHUNK;
		if ((rc = read_all(f, at + buf->len, data, n)) < 0 ||
		    (rc = buf_add(buf, data, n)) < 0)
			return rc;
	}
	r->rest = buf_str(buf);
	return crc_of(0, r->rest, r->len) == crc ? 0 : -MX_ECORRUPT;
}

/* Only zeros written ahead (segment_write_ahead())? */
static int
zeros_from(const struct journal_file *f, uint64_t offset)
{
	static const char zeros[CHUNK];
	char data[CHUNK];
	size_t n;
	int rc;

	for (; offset < f->size; offset += n) {
		n = f->size - offset < CHUNK ? (size_t)(f->size - offset) :
					       CHUNK;
		if ((rc = read_all(f, offset, data, n)) < 0)
			return rc;
		if (memcmp(data, zeros, n) != 0)
			return -MX_ECORRUPT;
	}
	return -MX_ENOENT;
}

int
journal_read(const struct journal_file *f, uint64_t offset,
    struct journal_record *r, struct buf *buf)
{
	uint8_t raw[JOURNAL_RECORD];
	uint64_t body;
	uint32_t crc;
	int rc;

	if (offset == f->size)
		return -MX_ENOENT;
	rc = read_all(f, offset, raw, sizeof(raw));
	if (rc == 0 && !parse(f, raw, offset, r, &crc))
		rc = -MX_ECORRUPT;
	if (rc == -MX_ECORRUPT && offset < f->size)
		rc = zeros_from(f, offset);
	if (rc < 0)
		return rc;
	body = body_here(r, f->number);
	rc = read_rest(f, offset + JOURNAL_RECORD + body, r, crc, buf);
	if (rc == 0 && body > 0)
		rc = body_holds(f, &r->body);
	return rc;
}

int
journal_find(const struct journal_file *f, uint64_t offset,
    struct journal_record *r, uint64_t *at)
{
	uint8_t salt[8], raw[CHUNK];
	const uint8_t *p;
	uint32_t crc;
	size_t n;
	int rc;

	le_put(salt, f->salt, 8);
	while (offset < f->size && f->size - offset >= JOURNAL_RECORD) {
		n = f->size - offset < CHUNK ? (size_t)(f->size - offset) :
					       CHUNK;
		if ((rc = read_all(f, offset, raw, n)) < 0)
			return rc == -MX_ECORRUPT ? -MX_ENOENT : rc;
		for (p = raw; n - (size_t)(p - raw) >= JOURNAL_RECORD; p++) {
			p = memmem(p, n - (size_t)(p - raw), salt, 8);
			if (p == NULL || n - (size_t)(p - raw) < JOURNAL_RECORD)
				break;
			*at = offset + (uint64_t)(p - raw);
			if (parse(f, p, *at, r, &crc))
				return 0;
		}
		/* a record across the end of this chunk is found in the next
		 * one */
		offset += n - (JOURNAL_RECORD - 1);
	}
	return -MX_ENOENT;
}

bool
journal_part(const struct journal_record *r, size_t *at, const char **data,
    size_t *len)
{
	const uint8_t *p = (const uint8_t *)r->rest + *at;

	if (r->len - *at < 4)
		return false;
	*len = (size_t)le_get(p, 4);
	if (*len > r->len - *at - 4)
		return false;
	*data = r->rest + *at + 4;
	*at += 4 + *len;
	return true;
}

bool
journal_state(const struct journal_record *r, const char **key, size_t *klen,
    const char **value, size_t *len)
{
	if (r->len < 2)
		return false;
	*klen = (size_t)le_get((const uint8_t *)r->rest, 2);
	if (*klen == 0 || *klen > r->len - 2 ||
	    memchr(r->rest + 2, '\0', *klen) != NULL)
		return false;
	*key = r->rest + 2;
	*value = *key + *klen;
	*len = r->len - 2 - *klen;
	return true;
}
