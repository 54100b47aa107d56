/* SPDX-License-Identifier: ISC
 * check_maintenance: windows without a subject, that never begin, or that recur
 * before they are over. */
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "config_int.h"

#define NAME_MAX_    63
#define REASON_MAX_  160
#define WINDOWS_MAX  1000u
#define SUBJECTS_MAX 10000u /* of all windows */

static int
compare_name(const void *name, const void *entry)
{
	return strcmp(name, (*(struct conf_entry *const *)entry)->d.name);
}

/* Warns of a domain that may be misspelt; only if all domains are in the
 * file. */
static void
check_known(const struct titled *s)
{
	const struct conf_loader *l = s->l;
	const struct strlist *d = &s->t->maintenance->domains;
	char q[CONF_QUOTE_MAX];

	if (l->c->domains_from != NULL || l->c->mx_backup.networks.n > 0)
		return;
	for (size_t i = 0; i < d->n; i++)
		if (l->nentries == 0 ||
		    bsearch(d->s[i], l->entry, l->nentries, sizeof(*l->entry),
			compare_name) == NULL)
			conf_warn(s->l,
			    conf_item_pos(s->l,
				s->t->set[OPT_MAINTENANCE_domains], i),
			    "%sthere is no domain %s", s->label,
			    conf_quote(d->s[i], q));
}

static void
check_every(const struct titled *s)
{
	const struct conf_maintenance *m = s->t->maintenance;
	const struct conf_pos *every = &s->t->set[OPT_MAINTENANCE_every];
	const struct option *o = &options[OPT_MAINTENANCE_for];
	char q[CONF_QUOTE_MAX], a[32], b[32];
	struct recurrence r;
	int64_t period_ms;

	if (m->every == NULL) {
		if (!every->wrong)
			conf_err(s->l, s->t->at, "%severy is missing",
			    s->label);
		return;
	}
	if (recurrence_parse(m->every, &r) != 0) {
		conf_err(s->l, *every,
		    "%severy %s is not a recurring time; write it like \"tue "
		    "02:00\", \"2nd tue 02:00\" or \"day 15 02:00\"",
		    s->label, conf_quote(m->every, q));
		return;
	}
	period_ms = recurrence_period(&r) * 1000;
	if (m->for_ms > period_ms)
		conf_err(s->l, check_place(s, OPT_MAINTENANCE_for),
		    "%sfor %s is longer than the shortest time to its next "
		    "start, %s",
		    s->label, option_limit_text(o, m->for_ms, a, sizeof(a)),
		    option_limit_text(o, period_ms, b, sizeof(b)));
}

static void
check_one(const struct titled *s)
{
	const struct conf_maintenance *m = s->t->maintenance;
	const struct conf_pos *set = s->t->set;

	if (s->t->title[0] == '\0' || strlen(s->t->title) > NAME_MAX_)
		conf_err(s->l, s->t->at,
		    "%sthe name is empty or longer than %d characters",
		    s->label, NAME_MAX_);
	if (m->reason != NULL && strlen(m->reason) > REASON_MAX_)
		conf_err(s->l, set[OPT_MAINTENANCE_reason],
		    "%sreason is longer than %d characters", s->label,
		    REASON_MAX_);
	if (m->domains.n == 0 && m->primaries.n == 0 &&
	    !set[OPT_MAINTENANCE_domains].wrong &&
	    !set[OPT_MAINTENANCE_primaries].wrong)
		conf_err(s->l, s->t->at,
		    "%sneither domains nor primaries is set", s->label);
	if (m->for_ms == 0 && !set[OPT_MAINTENANCE_for].wrong)
		conf_err(s->l, s->t->at, "%sfor is missing", s->label);
	check_every(s);
	check_known(s);
}

void
check_maintenance(struct conf_loader *l)
{
	struct titled s = { .l = l };
	char q[CONF_QUOTE_MAX];
	size_t n = 0, subjects = 0;

	for (size_t i = 0; i < l->ntitles; i++) {
		s.t = &l->title[i];
		if (s.t->section != SEC_MAINTENANCE)
			continue;
		snprintf(s.label, sizeof(s.label),
		    "maintenance %s: ", conf_quote(s.t->title, q));
		subjects +=
		    s.t->maintenance->domains.n + s.t->maintenance->primaries.n;
		if (++n > WINDOWS_MAX || subjects > SUBJECTS_MAX) {
			conf_err(l, s.t->at,
			    "%smore than %u such sections, or more than %u "
			    "domains and primaries in them",
			    s.label, WINDOWS_MAX, SUBJECTS_MAX);
			return;
		}
		check_one(&s);
	}
}
