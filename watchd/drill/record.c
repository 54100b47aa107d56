/* SPDX-License-Identifier: ISC
 * record: see record.h. */
#include "drill/record.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/records.h"

void
drill_record_write(const struct drill_record *r, struct buf *out)
{
	char id[TEXT_ID_MAX] = "-";
	int rc;

	if (r->id != 0)
		(void)text_id(r->id, id);
	rc = buf_addf(out,
	    "1 %s %" PRId64 " %" PRId64 " %" PRId64 " %s %" PRId64 " %s", id,
	    r->began_ms, r->deadline_ms, r->ended_ms,
	    r->ended_ms == 0 ? "never" :
		r->ok	     ? "delivered" :
			       "failed",
	    r->took_ms, r->text);
	MX_ASSERT(rc == 0);
}

static bool
take_time(char **line, int64_t *ms)
{
	const char *word = records_word(line);

	return word != NULL && text_int(word, 0, INT64_MAX, ms) == 0;
}

static bool
take_id(char **line, uint64_t *id)
{
	const char *word = records_word(line);
	bool part;

	if (word == NULL)
		return false;
	*id = 0;
	return strcmp(word, "-") == 0 || text_id_parse(word, id, &part) == 0;
}

static bool
take_outcome(char **line, struct drill_record *r)
{
	const char *word = records_word(line);

	if (word == NULL)
		return false;
	r->ok = strcmp(word, "delivered") == 0;
	if (r->ended_ms == 0)
		return strcmp(word, "never") == 0;
	return r->ok || strcmp(word, "failed") == 0;
}

int
drill_record_read(struct drill_record *r, const void *data, size_t len)
{
	char text[DRILL_RECORD_MAX + 1], *line = text;
	int64_t version;

	memset(r, 0, sizeof(*r));
	if (len > DRILL_RECORD_MAX || memchr(data, '\0', len) != NULL)
		return -MX_ECORRUPT;
	memcpy(text, data, len);
	text[len] = '\0';
	if (take_time(&line, &version) && version == 1 &&
	    take_id(&line, &r->id) && take_time(&line, &r->began_ms) &&
	    take_time(&line, &r->deadline_ms) &&
	    take_time(&line, &r->ended_ms) && take_outcome(&line, r) &&
	    take_time(&line, &r->took_ms) && line != NULL &&
	    strlcpy(r->text, line, sizeof(r->text)) < sizeof(r->text))
		return 0;
	memset(r, 0, sizeof(*r));
	return -MX_ECORRUPT;
}

int64_t
drill_record_next(const struct drill_record *r, int64_t period_ms,
    uint64_t seed, int64_t now_ms)
{
	int64_t ended = r->ended_ms < now_ms ? r->ended_ms : now_ms;
	int64_t from, past;

	if (period_ms <= 0)
		return INT64_MAX;
	if (ended != 0 && !r->ok)
		return ended + period_ms / 7;
	from = ended != 0 ? ended + period_ms / 2 : now_ms;
	past = (from + (int64_t)(seed % (uint64_t)period_ms)) % period_ms;
	return past == 0 ? from : from + period_ms - past;
}
