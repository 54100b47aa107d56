/* SPDX-License-Identifier: ISC
 * note: building, copying and comparing. */
#include "alerts/note.h"

#include <string.h>

#include "base/mem.h"

void
note_add(struct note *n, const char *domain, enum alert_severity severity,
    int64_t start_ms, const char *summary)
{
	struct note_member *m;

	n->total++;
	if (severity > n->severity)
		n->severity = severity;
	if (n->n == NOTE_MEMBERS_MAX)
		return;
	if (n->n % 8 == 0)
		n->member = mem_grow(n->member, n->n + 8, sizeof(*n->member));
	m = &n->member[n->n++];
	memset(m, 0, sizeof(*m));
	(void)strlcpy(m->domain, domain, sizeof(m->domain));
	(void)strlcpy(m->summary, summary, sizeof(m->summary));
	m->severity = severity;
	m->start_ms = start_ms;
}

void
note_copy(struct note *dst, const struct note *src)
{
	note_fini(dst);
	*dst = *src;
	if (src->n > 0) {
		dst->member =
		    mem_array((src->n + 7) / 8 * 8, sizeof(*dst->member));
		memcpy(dst->member, src->member, src->n * sizeof(*dst->member));
	}
}

void
note_fini(struct note *n)
{
	mem_free(&n->member);
	n->n = n->total = 0;
}

bool
note_same(const struct note *a, const struct note *b)
{
	if (a->total != b->total || a->n != b->n || a->severity != b->severity)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->member[i].domain, b->member[i].domain) != 0 ||
		    a->member[i].severity != b->member[i].severity ||
		    a->member[i].start_ms != b->member[i].start_ms)
			return false;
	return true;
}

const char *
note_name(const struct note *n)
{
	return n->kind < ALERT_KIND_MAX ? conf_alert_info[n->kind].name :
					  "test";
}

int64_t
note_start(const struct note *n)
{
	int64_t first = 0;

	for (unsigned i = 0; i < n->n; i++)
		if (first == 0 || n->member[i].start_ms < first)
			first = n->member[i].start_ms;
	return first;
}

void
note_end(struct note *n, int64_t now)
{
	for (unsigned i = 0; i < n->n; i++)
		if (n->member[i].end_ms == 0)
			n->member[i].end_ms = now;
}
