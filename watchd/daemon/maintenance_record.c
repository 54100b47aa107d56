/* SPDX-License-Identifier: ISC
 * maintenance_record: a window that comes once as a line in the store:
 *
 *	1 FROM UNTIL UID hold|flow domain|primary SUBJECT REASON
 *
 * 1 is the version; the reason extends to the end of the line. */
#include <inttypes.h>
#include <string.h>

#include "base/records.h"
#include "daemon/maintenance.h"

void
maintenance_write(const struct maintenance *m, struct buf *out)
{
	int rc =
	    buf_addf(out, "1 %" PRId64 " %" PRId64 " %" PRId64 " %s %s %s %s",
		m->from, m->until, m->uid, m->hold ? "hold" : "flow",
		m->is_primary ? "primary" : "domain", m->subject, m->reason);

	MX_ASSERT(rc == 0); /* it fits in MAINTENANCE_RECORD_MAX */
}

static bool
take_int(char **line, int64_t *v)
{
	const char *word = records_word(line);

	return word != NULL && text_int(word, INT64_MIN + 1, INT64_MAX, v) == 0;
}

static bool
take_either(char **line, const char *no, const char *yes, bool *is)
{
	const char *word = records_word(line);

	if (word == NULL)
		return false;
	*is = strcmp(word, yes) == 0;
	return *is || strcmp(word, no) == 0;
}

int
maintenance_read(struct maintenance *m, uint64_t id, const void *data,
    size_t len)
{
	char text[MAINTENANCE_RECORD_MAX + 1], *line = text;
	const char *subject;
	int64_t version;

	memset(m, 0, sizeof(*m));
	if (len > MAINTENANCE_RECORD_MAX || memchr(data, '\0', len) != NULL)
		return -MX_ECORRUPT;
	memcpy(text, data, len);
	text[len] = '\0';
	m->id = id;
	if (!take_int(&line, &version) || version != 1 ||
	    !take_int(&line, &m->from) || !take_int(&line, &m->until) ||
	    !take_int(&line, &m->uid) ||
	    !take_either(&line, "flow", "hold", &m->hold) ||
	    !take_either(&line, "domain", "primary", &m->is_primary) ||
	    (subject = records_word(&line)) == NULL || *subject == '\0' ||
	    strlcpy(m->subject, subject, sizeof(m->subject)) >=
		sizeof(m->subject) ||
	    line == NULL ||
	    strlcpy(m->reason, line, sizeof(m->reason)) >= sizeof(m->reason))
		return -MX_ECORRUPT;
	return m->until > m->from ? 0 : -MX_ECORRUPT;
}
