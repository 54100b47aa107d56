/* SPDX-License-Identifier: ISC
 * entries: the domains that were taken in, by name and by their last mail. A
 * flood of new domains that fit evicts only such domains, not those of which
 * the primary has taken a recipient (two lists), and never one with mail
 * queued. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay/mxbackup/mx_backup_int.h"

#define LOOK_MAX 64 /* entries examined per search or tick */
/* Age at which a record is written again: an entry may be forgotten too early
 * by at most this. */
#define KEEP_MS (12 * INT64_C(3600000))

static int
entry_cmp(const struct backup_entry *a, const struct backup_entry *b)
{
	return strcmp(a->name, b->name);
}
RB_GENERATE_INTERNAL(backup_entries, backup_entry, node, entry_cmp,
    static MX_UNUSED)

struct backup_entry *
entry_find(const struct mx_backup *m, const char *domain)
{
	struct backup_entries *tree =
	    (struct backup_entries *)(uintptr_t)&m->tree;
	struct backup_entry key;

	strlcpy(key.name, domain, sizeof(key.name));
	return RB_FIND(backup_entries, tree, &key);
}

void
entry_destroy(struct mx_backup *m, struct backup_entry *e, const char *why)
{
	char name[TEXT_DOMAIN_MAX];

	strlcpy(name, e->name, sizeof(name));
	RB_REMOVE(backup_entries, &m->tree, e);
	TAILQ_REMOVE(&m->entries[e->proven], e, link);
	m->n--;
	backup_names_drop(m->names, name);
	m->ops.keep(m->ops.arg, name, NULL, 0);
	mem_free(&e->evidence);
	mem_free(&e);
	if (why != NULL)
		m->ops.leave(m->ops.arg, name, why);
}

static bool
has_mail(const struct mx_backup *m, const struct backup_entry *e)
{
	return m->ops.queued(m->ops.arg, e->name) > 0;
}

/* Entries with mail have been asked for lately, unless an operator holds it:
 * few of them are at the beginning of the list. */
static struct backup_entry *
find_spare(const struct mx_backup *m, const struct backup_list *l)
{
	struct backup_entry *e;
	unsigned looks = 0;

	TAILQ_FOREACH (e, l, link) {
		if (++looks > LOOK_MAX)
			return NULL;
		if (!has_mail(m, e))
			return e;
	}
	return NULL;
}

static bool
make_room(struct mx_backup *m)
{
	struct backup_entry *e = find_spare(m, &m->entries[false]);

	if (e == NULL)
		e = find_spare(m, &m->entries[true]);
	if (e != NULL)
		entry_destroy(m, e, "its place was needed");
	return e != NULL;
}

struct backup_entry *
entry_create(struct mx_backup *m, const char *domain)
{
	struct backup_entry *e;

	while (m->n >= m->conf->mx_backup.domains_max)
		if (!make_room(m))
			return NULL;
	e = mem_alloc(sizeof(*e));
	strlcpy(e->name, domain, sizeof(e->name));
	RB_INSERT(backup_entries, &m->tree, e);
	TAILQ_INSERT_TAIL(&m->entries[false], e, link);
	m->n++;
	return e;
}

/* ---- the record: "1 ASKED_MS LOOKED_MS PROVEN VERDICT" */

#define RECORD_MAX 96

void
entry_keep(struct mx_backup *m, struct backup_entry *e)
{
	char text[RECORD_MAX];
	int n = snprintf(text, sizeof(text), "1 %" PRId64 " %" PRId64 " %d %u",
	    e->asked_ms, e->looked_ms, e->proven, (unsigned)e->verdict);

	e->kept_ms = e->asked_ms;
	m->ops.keep(m->ops.arg, e->name, text, (size_t)n);
}

void
entry_asked(struct mx_backup *m, struct backup_entry *e)
{
	e->asked_ms = clock_wall_ms();
	TAILQ_REMOVE(&m->entries[e->proven], e, link);
	TAILQ_INSERT_TAIL(&m->entries[e->proven], e, link);
	if (e->asked_ms - e->kept_ms >= KEEP_MS || e->asked_ms < e->kept_ms)
		entry_keep(m, e);
}

void
mx_backup_accepted(struct mx_backup *m, const char *domain)
{
	struct backup_entry *e = entry_find(m, domain);

	if (e == NULL || e->proven)
		return;
	TAILQ_REMOVE(&m->entries[false], e, link);
	e->proven = true;
	TAILQ_INSERT_TAIL(&m->entries[true], e, link);
	entry_keep(m, e);
}

void
entry_found(struct mx_backup *m, struct backup_entry *e,
    const struct backup_finding *f, int64_t wall_ms)
{
	mem_free(&e->evidence);
	e->evidence = mem_strdup(f->evidence);
	e->looked_ms = wall_ms;
	if (e->verdict == f->verdict)
		return;
	e->verdict = f->verdict;
	/* It is dropped as soon as its queue is empty: moves it to the front,
	 * where that is noticed. */
	if (e->verdict != BACKUP_FITS) {
		TAILQ_REMOVE(&m->entries[e->proven], e, link);
		TAILQ_INSERT_HEAD(&m->entries[e->proven], e, link);
	}
	entry_keep(m, e);
}

int
mx_backup_load(struct mx_backup *m, const char *domain, const void *record,
    size_t len)
{
	int64_t asked = 0, looked = 0;
	struct backup_entry *e;
	int proven = 0;
	unsigned verdict = 0;
	char text[RECORD_MAX];

	if (len >= sizeof(text))
		return -MX_ESYNTAX;
	memcpy(text, record, len);
	text[len] = '\0';
	if (sscanf(text, "1 %" SCNd64 " %" SCNd64 " %d %u", &asked, &looked,
		&proven, &verdict) != 4 ||
	    verdict >= BACKUP_VERDICT_MAX || entry_find(m, domain) != NULL)
		return -MX_ESYNTAX;
	if ((e = entry_create(m, domain)) == NULL)
		return -MX_EFULL;
	TAILQ_REMOVE(&m->entries[false], e, link);
	e->proven = proven != 0;
	TAILQ_INSERT_TAIL(&m->entries[e->proven], e, link);
	e->asked_ms = e->kept_ms = asked;
	e->looked_ms = looked;
	e->verdict = (enum backup_verdict)verdict;
	backup_names_add(m->names, domain);
	m->ops.enter(m->ops.arg, domain);
	return 0;
}

static int
asked_cmp(const void *va, const void *vb)
{
	const struct backup_entry *a = *(struct backup_entry *const *)va;
	const struct backup_entry *b = *(struct backup_entry *const *)vb;

	return a->asked_ms < b->asked_ms ? -1 : a->asked_ms > b->asked_ms;
}

void
mx_backup_loaded(struct mx_backup *m)
{
	struct backup_entry **all = mem_array(m->n + 1, sizeof(*all)), *e;
	size_t n = 0;

	for (unsigned i = 0; i < MX_COUNT(m->entries); i++)
		while ((e = TAILQ_FIRST(&m->entries[i])) != NULL) {
			TAILQ_REMOVE(&m->entries[i], e, link);
			all[n++] = e;
		}
	qsort(all, n, sizeof(*all), asked_cmp);
	for (size_t i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&m->entries[all[i]->proven], all[i], link);
	mem_free(&all);
}

void
mx_backup_drop(struct mx_backup *m, const char *domain)
{
	struct backup_entry *e = entry_find(m, domain);

	if (e != NULL)
		entry_destroy(m, e, NULL);
}

void
mx_backup_doubt(struct mx_backup *m, const char *domain)
{
	struct backup_entry *e = entry_find(m, domain);

	if (e == NULL)
		return;
	e->verdict = BACKUP_DNS;
	e->looked_ms = 0;
}

/* ---- forgetting */

static const char *
why_over(const struct mx_backup *m, const struct backup_entry *e, int64_t now)
{
	if (m->conf->mx_backup.networks.n == 0)
		return "mx_backup is off";
	if (now - e->asked_ms >= m->conf->mx_backup.forget_ms)
		return "it was not used any more";
	if (e->verdict != BACKUP_FITS)
		return "the DNS no longer says so";
	return NULL;
}

/* The oldest ones first; an entry that no longer fits, but had mail when that
 * was found, is dropped here as well. */
void
mx_backup_tick(struct mx_backup *m)
{
	int64_t now = clock_wall_ms();
	struct backup_entry *e, *next;
	unsigned looks;
	const char *why;

	for (unsigned i = 0; i < MX_COUNT(m->entries); i++) {
		looks = 0;
		for (e = TAILQ_FIRST(&m->entries[i]);
		     e != NULL && looks < LOOK_MAX; e = next, looks++) {
			next = TAILQ_NEXT(e, link);
			why = why_over(m, e, now);
			if (why != NULL && !has_mail(m, e))
				entry_destroy(m, e, why);
		}
	}
}

unsigned
mx_backup_count(const struct mx_backup *m)
{
	return m->n;
}
