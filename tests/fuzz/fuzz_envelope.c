/* SPDX-License-Identifier: ISC
 * fuzz_envelope: the record codec against any bytes. The checksum would stop
 * nearly all of them, so the input is tried as it is and with the checksum
 * made right; what decodes must encode to the same bytes again. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "relay/envelope.h"
#include "relay/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* It is refused when the whole is, and says the same. */
static void
try_brief(const uint8_t *data, size_t len, struct envelope *e)
{
	struct envelope_brief brief, want;

	MX_ASSERT(
	    (envelope_decode_brief(data, len, &brief) == 0) == (e != NULL));
	if (e == NULL) {
		MX_ASSERT(brief.env == NULL);
		return;
	}
	envelope_brief(e, &want);
	MX_ASSERT(brief.id == want.id && brief.size == want.size &&
	    brief.arrival_ms == want.arrival_ms &&
	    brief.due_ms == want.due_ms && brief.attempts == want.attempts &&
	    brief.flags == want.flags && brief.warned == want.warned &&
	    brief.nrcpts == want.nrcpts &&
	    strcmp(brief.domain, want.domain) == 0);
	MX_ASSERT(
	    brief.env != NULL || envelope_count(e, RCPT_PENDING) == e->nrcpts);
	envelope_destroy(&brief.env);
}

static void
try_record(const uint8_t *data, size_t len)
{
	struct envelope *e, *copy;
	struct buf b = BUF_INIT(64u << 20);

	if (envelope_decode(data, len, &e) < 0) {
		MX_ASSERT(e == NULL);
		try_brief(data, len, NULL);
		return;
	}
	try_brief(data, len, e);
	copy = envelope_copy(e);
	MX_ASSERT(envelope_encode(copy, &b) == 0);
	MX_ASSERT(b.len == len && memcmp(b.data, data, len) == 0);
	envelope_destroy(&copy);
	envelope_destroy(&e);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *fixed;

	try_record(data, len);
	if (len < 4)
		return 0;
	fixed = malloc(len);
	if (fixed == NULL)
		return 0;
	memcpy(fixed, data, len);
	le_put(fixed + len - 4, crc32_z(0, data, len - 4), 4);
	try_record(fixed, len);
	free(fixed);
	return 0;
}
