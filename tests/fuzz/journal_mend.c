/* SPDX-License-Identifier: ISC
 * journal_mend: see journal_mend.h. */
#include <zlib.h>

#include "relay/le.h"
#include "relay/store/journal.h"
#include "tests/fuzz/journal_mend.h"

static uint64_t
body_here(const uint8_t *record, uint64_t number)
{
	return le_get(record + 32, 8) == number ? le_get(record + 40, 8) : 0;
}

void
mend_head(uint8_t *file, uint64_t number)
{
	le_put(file + 8, number, 8);
	le_put(file + JOURNAL_HEAD - 4, crc32_z(0, file, JOURNAL_HEAD - 4), 4);
}

void
mend_record_head(uint8_t *record)
{
	le_put(record, MEND_SALT, 8);
	le_put(record + 64, crc32_z(0, record, 64), 4);
}

size_t
mend_length(const uint8_t *record, size_t left, uint64_t number)
{
	uint64_t body, rest;

	if (left < JOURNAL_RECORD)
		return 0;
	left -= JOURNAL_RECORD;
	body = body_here(record, number);
	rest = le_get(record + 52, 4);
	return body <= left && rest <= left - body ?
	    (size_t)(JOURNAL_RECORD + body + rest) :
	    0;
}

static void
mend_record(uint8_t *p, size_t left, uint64_t number)
{
	size_t body = (size_t)body_here(p, number);
	size_t len = mend_length(p, left, number);

	if (len > 0 && body > 0)
		le_put(p + 48, crc32_z(0, p + JOURNAL_RECORD, body), 4);
	if (len > 0)
		le_put(p + 56,
		    crc32_z(0, p + JOURNAL_RECORD + body,
			len - JOURNAL_RECORD - body),
		    4);
	mend_record_head(p);
}

/* From the last one to the first, for a body may hold others. */
void
journal_mend(uint8_t *file, size_t len, uint64_t number)
{
	if (len < JOURNAL_HEAD)
		return;
	for (size_t at = len; at-- > JOURNAL_HEAD;)
		if (len - at >= JOURNAL_RECORD &&
		    (le_get(file + at, 2) == MEND_MARK ||
			le_get(file + at, 8) == MEND_SALT))
			mend_record(file + at, len - at, number);
	mend_head(file, number);
}
