/* SPDX-License-Identifier: ISC
 * watch_nobody: hosts of a domain that do not count as primaries: ourselves,
 * and those that say that they are a backup. While no other host is left, the
 * domain is unknown, and this is reported once; while a primary is down, its
 * cause names the backups. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "primary/watch_int.h"

/* Sets the cause of a domain that is not probed, too. */
void
domain_self(struct watch_set *ws, struct watch_domain *d, const char *why,
    struct watch_time t)
{
	if (why == NULL) {
		if (d->self_since == 0)
			return;
		d->self_since = 0;
		d->by_backup = false;
		mem_free(&d->cause);
		domain_touch(ws, d);
		return;
	}
	d->by_backup = strcmp(why, WATCH_SELF_TEXT) != 0;
	mem_free(&d->cause);
	d->cause = mem_strndup(why, PRIMARY_TEXT_MAX - 1);
	if (d->self_since == 0) {
		d->self_since = t.wall;
		ws->ops.self_mx(ws->ops.arg, d->name, why);
	}
	domain_touch(ws, d);
	domain_feed(ws, d, HEALTH_IN_NO_PRIMARY, NULL, t);
}

/* One of its hosts that is a backup; NULL: none. */
static const struct watch *
a_backup(const struct watch_domain *d)
{
	for (unsigned i = 0; i < d->nlinks; i++)
		if (d->link[i].watch->backup)
			return d->link[i].watch;
	return NULL;
}

const char *
domain_why_nobody(const struct watch_domain *d, char *dst, size_t size)
{
	const struct watch *b = a_backup(d);

	if (b == NULL)
		return WATCH_SELF_TEXT;
	(void)snprintf(dst, size, WATCH_BACKUP_TEXT, b->primary->label,
	    b->cause);
	return dst;
}

void
domain_tell_backup(struct watch_domain *d, const struct watch *w)
{
	const struct watch *b = a_backup(d);
	char text[2 * PRIMARY_TEXT_MAX + PRIMARY_LABEL_MAX];

	if (b == NULL && !d->tells_backup)
		return;
	mem_free(&d->cause);
	d->tells_backup = b != NULL && d->health.state == HEALTH_DOWN;
	if (!d->tells_backup)
		return;
	(void)snprintf(text, sizeof(text), "%s; %s %s", w->cause,
	    b->primary->label, b->cause);
	d->cause = mem_strndup(text, PRIMARY_TEXT_MAX - 1);
}
