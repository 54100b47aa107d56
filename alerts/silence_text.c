/* SPDX-License-Identifier: ISC
 * silence_text: a silence as a line of text for the other nodes of a cluster:
 * "FROM UNTIL MATCH REASON", times in wall ms. A match has no blank. */
#include <inttypes.h>
#include <string.h>

#include "alerts/memory.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX (SILENCE_MATCH + SILENCE_REASON + 64)

void
silence_write(const struct silence *s, struct buf *out)
{
	int rc = buf_addf(out, "%" PRId64 " %" PRId64 " %s %s", s->from_ms,
	    s->until_ms, s->match, s->reason);

	MX_ASSERT(rc == 0);
}

/* The word before the next blank. NULL: none. */
static char *
word(char **at)
{
	char *start = *at, *blank = strchr(start, ' ');

	if (blank == NULL)
		return NULL;
	*blank = '\0';
	*at = blank + 1;
	return start;
}

static int
read_text(struct silence *s, char *text)
{
	const char *from = word(&text);
	const char *until = from != NULL ? word(&text) : NULL;
	const char *match = until != NULL ? word(&text) : NULL;

	if (match == NULL || *match == '\0' ||
	    text_int(from, 0, INT64_MAX, &s->from_ms) != 0 ||
	    text_int(until, 1, INT64_MAX, &s->until_ms) != 0 ||
	    strlcpy(s->match, match, sizeof(s->match)) >= sizeof(s->match))
		return -MX_ECORRUPT;
	(void)strlcpy(s->reason, text, sizeof(s->reason));
	return 0;
}

int
silence_read(struct silence *s, uint64_t id, const void *data, size_t len)
{
	char *text;
	int rc;

	if (len > TEXT_MAX || memchr(data, '\0', len) != NULL)
		return -MX_ECORRUPT;
	memset(s, 0, sizeof(*s));
	s->id = id;
	text = mem_strndup(data, len);
	rc = read_text(s, text);
	mem_free(&text);
	return rc;
}
