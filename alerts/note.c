/* SPDX-License-Identifier: ISC
 * note: building, updating and comparing notes. */
#include "alerts/note.h"

#include <stdio.h>
#include <string.h>

#include "alerts/forecast.h"
#include "base/mem.h"

static struct note_member *
grow(struct note *n)
{
	if (n->n % 8 == 0)
		n->member = mem_grow(n->member, n->n + 8, sizeof(*n->member));
	memset(&n->member[n->n], 0, sizeof(*n->member));
	return &n->member[n->n++];
}

static struct note_member *
add(struct note *n, const char *domain, enum alert_severity severity,
    int64_t start_ms, const char *summary)
{
	struct note_member *m;

	n->total++;
	if (severity > n->severity)
		n->severity = severity;
	if (n->n >= NOTE_MEMBERS_MAX)
		return NULL;
	m = grow(n);
	(void)strlcpy(m->domain, domain, sizeof(m->domain));
	(void)strlcpy(m->summary, summary, sizeof(m->summary));
	m->severity = severity;
	m->start_ms = start_ms;
	m->times = 1;
	return m;
}

void
note_add(struct note *n, const char *domain, enum alert_severity severity,
    int64_t start_ms, const char *summary)
{
	(void)add(n, domain, severity, start_ms, summary);
}

void
note_add_instance(struct note *n, const struct instance *i)
{
	struct note_member *m =
	    add(n, i->domain, i->severity, i->since_ms, i->summary);

	n->held += instance_is_held(i);
	if (m == NULL)
		return;
	m->times = i->times;
	m->well_ms = i->clear_ms;
}

void
note_add_queue(struct note *n, const struct snap_domain *d)
{
	n->messages += snap_domain_messages(d);
	if (d->next_expiry_ms != 0 &&
	    (n->expiry_ms == 0 || d->next_expiry_ms < n->expiry_ms))
		n->expiry_ms = d->next_expiry_ms;
}

char *
note_queue_fmt(const struct note *n, char *dst, size_t size)
{
	char count[40], at[40];

	forecast_count_fmt(n->messages, "message", count, sizeof(count));
	text_date_3339(n->expiry_ms / 1000, at, sizeof(at));
	if (n->messages == 0)
		dst[0] = '\0';
	else if (n->expiry_ms == 0)
		snprintf(dst, size, "%s wait%s, nothing expires", count,
		    n->messages == 1 ? "s" : "");
	else if (n->messages == 1)
		snprintf(dst, size, "%s waits and expires at %s", count, at);
	else
		snprintf(dst, size, "%s wait, the first expires at %s", count,
		    at);
	return dst;
}

static struct note_member *
find(const struct note *n, const char *domain)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->member[i].domain, domain) == 0)
			return &n->member[i];
	return NULL;
}

/* A member held open had ended before. */
static void
end(struct note_member *m, int64_t now_ms)
{
	if (m->end_ms == 0)
		m->end_ms = m->well_ms != 0 ? m->well_ms : now_ms;
	m->well_ms = 0;
}

void
note_update(struct note *n, const struct note *now, int64_t now_ms)
{
	struct note old = *n;
	struct note_member *m;
	unsigned i;

	*n = *now;
	n->member = NULL;
	n->n = 0;
	for (i = 0; i < now->n; i++) {
		m = grow(n);
		*m = now->member[i];
		if (find(&old, m->domain) != NULL)
			m->told = find(&old, m->domain)->told;
	}
	for (i = 0; i < old.n && n->n < NOTE_LIST_MAX; i++) {
		if (!old.member[i].told ||
		    find(now, old.member[i].domain) != NULL)
			continue;
		m = grow(n);
		*m = old.member[i];
		end(m, now_ms);
	}
	mem_free(&old.member);
}

bool
note_take(struct note *n, const struct note *from)
{
	const struct note_member *f = &from->member[0];
	struct note_member *m;

	if (find(n, f->domain) != NULL)
		return false;
	m = add(n, f->domain, f->severity, f->start_ms, f->summary);
	if (m != NULL)
		m->told = true;
	return true;
}

void
note_leave(struct note *n, const char *domain)
{
	struct note_member *m = find(n, domain);

	if (m == NULL)
		return;
	if (m->end_ms == 0 && n->total > 0)
		n->total--;
	n->n--;
	memmove(m, m + 1, (size_t)(n->member + n->n - m) * sizeof(*m));
}

void
note_told(struct note *n)
{
	for (unsigned i = 0; i < n->n; i++)
		n->member[i].told = true;
}

void
note_renew(struct note *n)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n->n; i++) {
		if (n->member[i].end_ms != 0)
			continue;
		n->member[i].told = false;
		n->member[k++] = n->member[i];
	}
	n->n = k;
}

void
note_fini(struct note *n)
{
	mem_free(&n->member);
	n->n = n->total = 0;
}

unsigned
note_lasting(const struct note *n)
{
	unsigned k = 0;

	while (k < n->n && n->member[k].end_ms == 0)
		k++;
	return k;
}

bool
note_same(const struct note *a, const struct note *b)
{
	if (a->total != b->total || a->severity != b->severity ||
	    note_lasting(a) != b->n)
		return false;
	for (unsigned i = 0; i < b->n; i++)
		if (strcmp(a->member[i].domain, b->member[i].domain) != 0 ||
		    a->member[i].severity != b->member[i].severity ||
		    a->member[i].times != b->member[i].times ||
		    a->member[i].well_ms != b->member[i].well_ms ||
		    a->member[i].start_ms != b->member[i].start_ms)
			return false;
	return true;
}

bool
note_has_news(const struct note *n)
{
	for (unsigned i = 0; i < note_lasting(n); i++)
		if (!n->member[i].told && n->member[i].well_ms == 0)
			return true;
	return false;
}

unsigned
note_unlisted(const struct note *n)
{
	unsigned k = note_lasting(n);

	if (k == 0) /* a resolve: all have ended */
		k = n->n;
	return n->total > k ? n->total - k : 0;
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
		end(&n->member[i], now);
}
